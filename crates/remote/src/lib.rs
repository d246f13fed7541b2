//! Clients of the two remotes, over HTTPS with TLS 1.3: sign-in, paged reads with proof of completeness, versioned
//! writes.
//!
//! Clients speak raw JSON and know nothing of records; only the engine's outbox executor calls [`RemoteApi::write`].

pub mod ehr;
pub mod http;
pub mod mid;
pub mod servicenow;
pub mod signin;

use async_trait::async_trait;
use record::{RecordKind, Remote};

/// What a remote said about one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The remote's key (`sys_id`, resource id).
    pub key: String,
    /// Version token, the same whether the record came from a list or from a read: `sys_mod_count`, `~` and a digest of
    /// the columns (a script may write without moving the counter, wire-facts 5.4); for the EHR the
    /// first resource's `meta.versionId` (which is the `ETag`'s text, FHIR R4 http, "Managing Resource Contention"),
    /// followed by `~` and a digest of the versions of the resources that belong to it where there are any;
    /// `sha256:<hex>` of the canonical body where the dialect has no versions.
    pub version: String,
    /// ServiceNow: the row object. EHR: a patient is a Bundle of type `collection`, the Patient first, then its
    /// `AllergyIntolerance` resources (a bare Patient where the EHR's dialect knows nothing else); an appointment is a bare
    /// Appointment; a treatment is a Bundle of type `collection`, the Encounter first, then what belongs to it. The
    /// resources' text is kept as received.
    pub raw: String,
    /// The remote's user who changed it last, if said.
    pub changed_by: Option<String>,
    /// The remote's own time of last change, Unix milliseconds.
    pub changed_at_ms: Option<i64>,
}

/// A payload inside an otherwise good page that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The key, if one could be read.
    pub key: Option<String>,
    /// The raw text.
    pub raw: String,
    /// What is wrong.
    pub problem: String,
}

/// One page of a full or incremental read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What it held.
    pub items: Vec<Fetched>,
    /// What it held and could not be read.
    pub malformed: Vec<Malformed>,
    /// Where to go on.
    pub next: Next,
    /// How many records the remote says there are, for progress only (wire-facts 5.2).
    pub total_hint: Option<u64>,
    /// What the remote's own clock showed when it answered (header `Date`), Unix milliseconds.
    pub clock_ms: Option<i64>,
    /// Whether the remote itself left out what was not asked for. Where it cannot, an incremental read is a page of
    /// everything, narrowed here, and costs as much as a complete one.
    pub narrowed: bool,
}

/// A record that a remote says was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The remote's own id of this entry.
    pub entry: String,
    /// The kind of the record.
    pub kind: RecordKind,
    /// Its key.
    pub key: String,
    /// When, by the remote's clock, Unix milliseconds.
    pub at_ms: i64,
}

/// One page of what a remote says was deleted, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionPage {
    /// What it held.
    pub items: Vec<Deletion>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
    /// As in [`Page::clock_ms`].
    pub clock_ms: Option<i64>,
}

/// Whether a read goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask again with this cursor.
    More(Cursor),
    /// Nothing is left, and it was proved (wire-facts 5.7): absence may be believed.
    ProvenComplete,
    /// Nothing more came, but it could not be proved; never conclude that something is missing.
    Unproven {
        /// Why, in words.
        why: String,
    },
}

/// An opaque position in a read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor(pub String);

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListScope {
    /// Everything.
    All,
    /// What changed at or after this time of the remote's own clock, Unix milliseconds.
    ChangedSince(i64),
}

/// Where a write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Place {
    /// The table or route of its kind.
    #[default]
    Record,
    /// ServiceNow's table of bills: a line is made there once, and found by its key.
    Bill,
}

/// A write, exactly as the plan shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which kind.
    pub kind: RecordKind,
    /// Where it goes.
    pub place: Place,
    /// The target; `None` creates.
    pub key: Option<String>,
    /// The body, sent byte for byte. A treatment is a Bundle of type `collection`, sent to its route, or `transaction`,
    /// sent to the base; it is written once and each version anew, and its `key` is that of the version it revises, which
    /// has to stand as it was decided on.
    pub body: String,
    /// The version it was decided on; `None` only for a create.
    pub expected_version: Option<String>,
    /// Ours, stored before the first attempt. For a create it is also what [`RemoteApi::find_by_our_key`] looks for.
    pub idempotency_key: String,
}

/// A write that the remote says it has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The record's key.
    pub key: String,
    /// HTTP status.
    pub status: u16,
    /// The answer's body.
    pub response_body: String,
    /// The record read back after the write.
    pub read_back: Fetched,
    /// Somebody else wrote between the version this relied on and our write, so that what they wrote may be gone: the
    /// version moved by more than our one write before ours was done (where versions count up: ServiceNow always, an EHR
    /// mostly). The answer to the write tells; where it does not, the version read back has to, which may count a write
    /// after ours as well.
    pub raced: bool,
}

/// How a write would look on the wire, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WirePreview {
    /// `PATCH`, `PUT`, `POST`.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers that matter (`If-Match`, `If-None-Exist`); never credentials.
    pub headers: Vec<(String, String)>,
}

/// What a remote can do, found out by probing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Round trip of the probe.
    pub latency_ms: u64,
    /// Findings in words, worst first; empty when all is well. Each with its way out.
    pub findings: Vec<Finding>,
}

/// One finding of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether syncing is impossible with it.
    pub fatal: bool,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub way_out: String,
}

/// What went wrong in a call.
///
/// The words in `what` are for people: they may quote the remote's own message, shortened and without anything that
/// looks like a token. Such a message can repeat what was sent ("invalid phone 303-555 for Smith"), so logs take
/// [`RemoteError::log_words`], never `what`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// No connection, TLS refused, name not found. Nothing was sent.
    #[error("{remote} cannot be reached: {what}", remote = .remote.label())]
    Unreachable {
        /// Which remote.
        remote: Remote,
        /// What failed and what to do, in words.
        what: String,
    },
    /// The connection failed or timed out after the request was sent, or the answer to a write does not say whether
    /// it was done: the write may have happened. Never the result of a read.
    #[error("{remote} did not say whether it wrote: {what}", remote = .remote.label())]
    Ambiguous {
        /// Which remote.
        remote: Remote,
        /// What failed, in words.
        what: String,
    },
    /// 408, 429, 5xx, 200 with an error body, cut-off JSON, a read that got no answer: try again. A write that ended
    /// so was not done.
    #[error("{remote} is busy or failing{status}: {what}", remote = .remote.label(), status = in_brackets(*.status))]
    Transient {
        /// Which remote.
        remote: Remote,
        /// The HTTP status; 0 where no answer came.
        status: u16,
        /// What failed, in words.
        what: String,
        /// How long the remote asks to wait (`Retry-After`), in milliseconds from now.
        retry_after_ms: Option<u64>,
    },
    /// 401/403 at sign-in or after one renewal.
    #[error("{remote} refuses our credentials: {what}", remote = .remote.label())]
    SignIn {
        /// Which remote.
        remote: Remote,
        /// Why, and what to do, in words.
        what: String,
    },
    /// The target moved since the version the write was decided on; nothing was written.
    #[error("{remote}: the record changed meanwhile", remote = .remote.label())]
    Moved {
        /// Which remote.
        remote: Remote,
        /// The record's key.
        key: String,
        /// The version it has now, if the remote said so.
        current_version: Option<String>,
    },
    /// 404 / 410: deleted or hidden.
    #[error("{remote}: no such record (deleted or hidden from us)", remote = .remote.label())]
    NotFound {
        /// Which remote.
        remote: Remote,
        /// The key that was asked for.
        key: String,
    },
    /// More than one record carries our key.
    #[error("{remote}: {count} records carry the same key of ours", remote = .remote.label())]
    Many {
        /// Which remote.
        remote: Remote,
        /// How many were seen; at least two.
        count: usize,
    },
    /// The remote refuses this request for good (validation, access rule, business rule), or the request itself is one
    /// that must not be sent.
    #[error("{remote} refuses{status}: {what}", remote = .remote.label(), status = in_brackets(*.status))]
    Refused {
        /// Which remote.
        remote: Remote,
        /// The HTTP status; 0 where the request was stopped here, before it was sent.
        status: u16,
        /// Why, and what to do, in words.
        what: String,
    },
    /// The answer is not what the protocol says.
    #[error("{remote} answered something unreadable: {what}", remote = .remote.label())]
    Protocol {
        /// Which remote.
        remote: Remote,
        /// What was expected and what came, without values.
        what: String,
    },
}

/// A status for people: nothing where no answer came.
fn in_brackets(status: u16) -> String {
    if status == 0 { String::new() } else { format!(" ({status})") }
}

impl RemoteError {
    /// Whether it counts for the circuit breaker (connection, timeout, 5xx, 408, 429).
    pub const fn is_transport(&self) -> bool {
        matches!(
            self,
            RemoteError::Unreachable { .. } | RemoteError::Ambiguous { .. } | RemoteError::Transient { .. }
        )
    }

    /// The case's name: what logs and metrics say instead of the words.
    pub const fn name(&self) -> &'static str {
        match self {
            RemoteError::Unreachable { .. } => "unreachable",
            RemoteError::Ambiguous { .. } => "ambiguous",
            RemoteError::Transient { .. } => "transient",
            RemoteError::SignIn { .. } => "sign_in",
            RemoteError::Moved { .. } => "moved",
            RemoteError::NotFound { .. } => "not_found",
            RemoteError::Many { .. } => "many",
            RemoteError::Refused { .. } => "refused",
            RemoteError::Protocol { .. } => "protocol",
        }
    }

    /// Which remote it was.
    pub const fn remote(&self) -> Remote {
        match self {
            RemoteError::Unreachable { remote, .. }
            | RemoteError::Ambiguous { remote, .. }
            | RemoteError::Transient { remote, .. }
            | RemoteError::SignIn { remote, .. }
            | RemoteError::Moved { remote, .. }
            | RemoteError::NotFound { remote, .. }
            | RemoteError::Many { remote, .. }
            | RemoteError::Refused { remote, .. }
            | RemoteError::Protocol { remote, .. } => *remote,
        }
    }

    /// What a log may say of it: the remote, the case and the HTTP status; not a word of the remote's own.
    pub fn log_words(&self) -> String {
        let (remote, name) = (self.remote().as_str(), self.name());
        match self {
            RemoteError::Transient { status, .. } | RemoteError::Refused { status, .. } if *status != 0 => {
                format!("{remote} {name} {status}")
            }
            _ => format!("{remote} {name}"),
        }
    }
}

/// One remote system.
#[async_trait]
pub trait RemoteApi: Send + Sync + 'static {
    /// Which one.
    fn remote(&self) -> Remote;
    /// Reads a page of records in a stable order (key-set), with proof of completeness at the end.
    async fn list(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        cursor: Option<&Cursor>,
    ) -> Result<Page, RemoteError>;
    /// Reads one record.
    async fn read(&self, kind: RecordKind, key: &str) -> Result<Fetched, RemoteError>;
    /// The record that carries this key of ours: ServiceNow, the column holding the EHR's id; EHR, an identifier
    /// `system|value`. Every returned row is checked against the predicate (wire-facts 5.3, 4).
    async fn find_by_our_key(&self, kind: RecordKind, our_key: &str) -> Result<Option<Fetched>, RemoteError>;
    /// The line of a bill that carries this key of ours. Only ServiceNow has bills, and only where they are set up.
    async fn find_bill(&self, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        let _key = our_key;
        Err(RemoteError::Refused {
            remote: self.remote(),
            status: 0,
            what: "no table of bills is set up here; name it under [servicenow.billing] in the settings"
                .to_owned(),
        })
    }
    /// Checks the version, writes, reads back. Never retries by itself.
    async fn write(&self, write: &Write) -> Result<Written, RemoteError>;
    /// What was deleted at or after this time of the remote's own clock, Unix milliseconds, of all kinds. A hint only:
    /// the record itself has to be looked at.
    ///
    /// # Errors
    /// [`RemoteError::Refused`] where the remote keeps no such list or does not show it to us.
    async fn deletions(&self, since_ms: i64, cursor: Option<&Cursor>) -> Result<DeletionPage, RemoteError> {
        let _none = (since_ms, cursor);
        Err(RemoteError::Refused {
            remote: self.remote(),
            status: 0,
            what: "it keeps no list of deleted records".to_owned(),
        })
    }
    /// How [`RemoteApi::write`] would look.
    fn preview(&self, write: &Write) -> WirePreview;
    /// Signs in, reads one record and the dictionary, and says what is wrong in words.
    ///
    /// A remote that cannot be reached, is failing or refuses the sign-in is an error; everything else a finding.
    async fn probe(&self) -> Result<Probe, RemoteError>;
    /// Times, status and rate limit of the latest call, for the home screen; `None` before the first.
    fn last_call(&self) -> Option<http::CallStats> {
        None
    }
    /// Our own ceiling, requests a minute; `None` without one.
    fn requests_per_minute(&self) -> Option<u32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A remote's message may repeat what was sent: a person sees it, a log never does.
    #[test]
    fn a_log_never_says_what_the_remote_said() {
        let what = || "invalid phone 303-555-0100 for Smith".to_owned();
        let remote = Remote::ServiceNow;
        let refused = RemoteError::Refused { remote, status: 400, what: what() };
        assert!(refused.to_string().contains("Smith"));
        assert_eq!(refused.log_words(), "service_now refused 400");
        for (error, words) in [
            (RemoteError::Unreachable { remote, what: what() }, "service_now unreachable"),
            (RemoteError::Ambiguous { remote, what: what() }, "service_now ambiguous"),
            (
                RemoteError::Transient { remote, status: 429, what: what(), retry_after_ms: Some(1) },
                "service_now transient 429",
            ),
            (
                RemoteError::Transient { remote, status: 0, what: what(), retry_after_ms: None },
                "service_now transient",
            ),
            (RemoteError::SignIn { remote, what: what() }, "service_now sign_in"),
            (RemoteError::Protocol { remote: Remote::Ehr, what: what() }, "ehr protocol"),
        ] {
            assert_eq!(error.log_words(), words);
        }
    }
}
