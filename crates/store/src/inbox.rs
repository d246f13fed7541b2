//! Rows of the inbox and of the quarantine.

use record::{RecordKind, Remote};

use crate::SnapshotId;

/// A message of a remote, stored before it was acknowledged. It only says which record to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// Id.
    pub id: String,
    /// Who sent it.
    pub remote: Remote,
    /// The sender's id of the message, the same however often it is sent.
    pub message: String,
    /// The kind of record it points to; none while that cannot be read.
    pub kind: Option<RecordKind>,
    /// The key of the record it points to.
    pub key: Option<String>,
    /// What is said to have happened to it.
    pub action: EventAction,
    /// The version the record is said to have.
    pub version: Option<String>,
    /// The body as received.
    pub raw: String,
    /// When it was received.
    pub received_at_ms: i64,
    /// Where it stands.
    pub state: InboxState,
    /// How often it was worked on.
    pub attempts: u32,
    /// Not before.
    pub due_at_ms: i64,
    /// When it was done or dismissed.
    pub finished_at_ms: Option<i64>,
    /// What came of it, a word of the engine's; empty before.
    pub outcome: String,
    /// The event whose text was edited to make this one; it is worked on in its place.
    pub replaces: Option<String>,
}

impl InboxRow {
    /// The record it points to.
    pub fn record(&self) -> Option<SnapshotId> {
        Some(SnapshotId { remote: self.remote, kind: self.kind?, key: self.key.clone()? })
    }
}

/// What is said to have happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum EventAction {
    Created,
    Updated,
    Deleted,
    Unknown,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum InboxState {
    Accepted,
    Running,
    Done,
    /// Cannot be worked on as it is: a person edits it, has it tried again, or dismisses it.
    Quarantined,
    Dismissed,
}

/// Something that could not be read: an event, or a record as a remote showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Id.
    pub id: String,
    /// Where it came from.
    pub remote: Remote,
    /// The kind of record; none where an event does not say.
    pub kind: Option<RecordKind>,
    /// The record's key, if one could be read.
    pub key: Option<String>,
    /// The event, if it is one.
    pub event: Option<String>,
    /// The raw text, as received or as edited. Never changed.
    pub raw: String,
    /// What is wrong and the way out, without values.
    pub problem: String,
    /// The field it is about; empty where it is about the whole.
    pub field: String,
    /// The class of problem, for all that failed alike.
    pub class: String,
    /// When it was first seen.
    pub first_seen_at_ms: i64,
    /// When it was last seen.
    pub last_seen_at_ms: i64,
    /// How often it was seen.
    pub times: u32,
    /// Where it stands.
    pub state: QuarantineState,
    /// When it left [`QuarantineState::Open`].
    pub closed_at_ms: Option<i64>,
    /// Who or what closed it.
    pub closed_by: Option<String>,
    /// Why it was edited or dismissed.
    pub reason: Option<String>,
    /// The entry whose text was edited to make this one.
    pub replaces: Option<String>,
    /// Who edited it.
    pub edited_by: Option<String>,
}

impl QuarantineRow {
    /// The record it is, if it is one whose key could be read.
    pub fn record(&self) -> Option<SnapshotId> {
        match &self.event {
            Some(_) => None,
            None => Some(SnapshotId { remote: self.remote, kind: self.kind?, key: self.key.clone()? }),
        }
    }

    /// What it failed of.
    pub fn cause(&self) -> QuarantineCause {
        QuarantineCause {
            remote: self.remote,
            kind: self.kind,
            field: self.field.clone(),
            class: self.class.clone(),
        }
    }
}

/// Where something quarantined stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum QuarantineState {
    Open,
    /// A later version could be read, or it is not shown any more.
    Resolved,
    /// A later version took its place that cannot be read either.
    Superseded,
    /// Given back to be worked on, as it was or edited.
    Replayed,
    Dismissed,
}

/// Why things are in quarantine, normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub struct QuarantineCause {
    pub remote: Remote,
    pub kind: Option<RecordKind>,
    pub field: String,
    pub class: String,
}

/// A cause and what is open because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CauseCount {
    /// The cause.
    pub cause: QuarantineCause,
    /// How many entries are open.
    pub open: u64,
    /// When the oldest of them was first seen.
    pub oldest_at_ms: i64,
    /// What is wrong, in the words of the oldest.
    pub problem: String,
}

/// Which entries of the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct QuarantineFilter {
    pub states: Vec<QuarantineState>,
    pub remote: Option<Remote>,
    pub cause: Option<QuarantineCause>,
    pub record: Option<SnapshotId>,
    /// The entries that were made by editing this one.
    pub replaces: Option<String>,
}
