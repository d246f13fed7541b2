//! What happened in a day, in order: what the checker judges, what `simulate --seed` prints, and what is compared
//! between two runs of the same seed.

use crate::checker::reading::{Said, Seen, read};
use record::Remote;
use std::fmt::Write as _;
use std::sync::Arc;

/// The whole of a record as a remote holds it: a row as a JSON object of columns, or `{"patient":…,"allergies":[…]}`.
pub type Raw = Arc<str>;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A record that stands there when the day begins.
    Begins {
        /// Where.
        remote: Remote,
        /// Its key.
        key: String,
        /// What it holds.
        state: Raw,
    },
    /// A colleague worked at a remote itself, past its API.
    Person {
        /// Where.
        remote: Remote,
        /// The record.
        key: String,
        /// What was done, in words.
        what: String,
        /// The record before; `None` if it was made.
        before: Option<Raw>,
        /// The record afterwards; `None` if it was deleted.
        after: Option<Raw>,
    },
    /// A request that may write reached a remote.
    Write {
        /// Where.
        remote: Remote,
        /// Which request.
        call: u64,
        /// When the client sent it, Unix milliseconds.
        sent_ms: i64,
        /// Method and path.
        target: String,
        /// The body, byte for byte.
        body: String,
        /// The record that was changed, made or aimed at.
        key: Option<String>,
        /// The record before.
        before: Option<Raw>,
        /// The record afterwards.
        after: Option<Raw>,
        /// The status of the reply.
        status: u16,
    },
    /// Any other request reached a remote.
    Read {
        /// Where.
        place: &'static str,
        /// Which request.
        call: u64,
        /// Method, path and query.
        target: String,
        /// The status of the reply.
        status: u16,
    },
    /// Something went wrong on the way or over there.
    Trouble {
        /// Which request, if one.
        call: Option<u64>,
        /// What, in words.
        what: String,
    },
    /// Somebody at the console asked for something.
    Asked {
        /// Which question.
        ticket: u64,
        /// What, in words.
        what: String,
    },
    /// The console was answered.
    Answered {
        /// Which question.
        ticket: u64,
        /// The answer, in words.
        reply: String,
    },
    /// The process ended between two instructions.
    Crashed {
        /// Where, in words.
        wher: String,
    },
    /// A process started over the database as it was.
    Started,
    /// An access rule hides a record from the API, or shows it again.
    Hidden {
        /// Where.
        remote: Remote,
        /// The record.
        key: String,
        /// Hidden from here on, or shown.
        hidden: bool,
    },
    /// A process that was dead finishes an operation which another one has taken over.
    LateFinish {
        /// The operation.
        operation: String,
        /// Whether the store took it.
        taken: bool,
    },
    /// Faults and people stop; from here on everything has to come to rest.
    Calm,
}

/// One line of the history.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When, Unix milliseconds of the true time.
    pub at_ms: i64,
    /// What.
    pub happening: Happening,
}

/// A day's history.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In order.
    pub entries: Vec<Entry>,
}

impl History {
    /// Adds a line.
    pub fn note(&mut self, at_ms: i64, happening: Happening) {
        self.entries.push(Entry { at_ms, happening });
    }

    /// The SHA-256 of every byte of it, in hex.
    pub fn hash(&self) -> String {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for entry in &self.entries {
            context.update(format!("{} {:?}\n", entry.at_ms, entry.happening).as_bytes());
        }
        hex::encode(context.finish())
    }

    /// For people: a line each, and what a write changed.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for entry in &self.entries {
            let _ = writeln!(out, "{}  {}", clock_text(entry.at_ms), words(&entry.happening));
        }
        out
    }
}

/// `08:00:00.000`.
pub fn clock_text(at_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at_ms)
        .map(|at| at.format("%H:%M:%S%.3f").to_string())
        .unwrap_or_default()
}

fn words(happening: &Happening) -> String {
    match happening {
        Happening::Begins { remote, key, state } => {
            format!("{:<10} holds {key}: {}", side(*remote), all_of(&read(*remote, state)))
        }
        Happening::Person { remote, key, what, before, after } => {
            format!(
                "{:<10} person: {what} of {key}{}",
                side(*remote),
                difference(*remote, before.as_ref(), after.as_ref())
            )
        }
        Happening::Write { remote, call, target, key, before, after, status, .. } => format!(
            "{:<10} #{call} {target} -> {status} {}{}",
            side(*remote),
            key.as_deref().unwrap_or_default(),
            difference(*remote, before.as_ref(), after.as_ref()),
        ),
        Happening::Read { place, call, target, status } => {
            format!("{place:<10} #{call} {} -> {status}", short(target))
        }
        Happening::Trouble { call: Some(call), what } => format!("trouble    #{call} {what}"),
        Happening::Trouble { call: None, what } => format!("trouble    {what}"),
        Happening::Asked { ticket, what } => format!("console    ?{ticket} {what}"),
        Happening::Answered { ticket, reply } => format!("console    !{ticket} {reply}"),
        Happening::Crashed { wher } => format!("VetSync    CRASHED {wher}"),
        Happening::Started => "VetSync    started".to_owned(),
        Happening::Hidden { remote, key, hidden } => {
            let does = if *hidden { "hides" } else { "shows again" };
            format!("{:<10} {does} {key}", side(*remote))
        }
        Happening::LateFinish { operation, taken } => {
            let store = if *taken { "took it" } else { "refused it" };
            format!("dead       process finishes operation {operation}: the store {store}")
        }
        Happening::Calm => "---        no more faults, no more edits".to_owned(),
    }
}

/// A remote's name in the history.
pub const fn side(remote: Remote) -> &'static str {
    match remote {
        Remote::ServiceNow => "ServiceNow",
        Remote::Ehr => "EHR",
    }
}

/// What changed, as a person would tell it.
fn difference(remote: Remote, before: Option<&Raw>, after: Option<&Raw>) -> String {
    let seen = |raw: Option<&Raw>| raw.map(|raw| read(remote, raw));
    match (seen(before), seen(after)) {
        (None, None) => String::new(),
        (None, Some(after)) => format!(" made {}", all_of(&after)),
        (Some(before), None) => format!(" deleted {}", all_of(&before)),
        (Some(_), Some(_)) if before == after => " (nothing changed)".to_owned(),
        (Some(before), Some(after)) => {
            let mut changes: Vec<String> = Said::ALL
                .into_iter()
                .filter(|field| before.field(*field) != after.field(*field))
                .map(|field| format!("{field:?} {:?} -> {:?}", before.field(field), after.field(field)))
                .collect();
            if before.other_key != after.other_key {
                changes.push(format!("other key {:?} -> {:?}", before.other_key, after.other_key));
            }
            if (before.active, before.deceased) != (after.active, after.deceased) {
                changes.push(format!("active {} deceased {}", after.active, after.deceased));
            }
            format!(" v{} -> v{} {{{}}}", before.version, after.version, changes.join(", "))
        }
    }
}

fn all_of(seen: &Seen) -> String {
    let said: Vec<String> = Said::ALL
        .into_iter()
        .filter(|field| !seen.field(*field).is_empty())
        .map(|field| format!("{field:?} {:?}", seen.field(field)))
        .collect();
    format!("v{} other key {:?} active {} {{{}}}", seen.version, seen.other_key, seen.active, said.join(", "))
}

/// An address without what is the same in every one.
fn short(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|part| {
            !["sysparm_fields", "sysparm_display", "sysparm_exclude", "sysparm_suppress"]
                .iter()
                .any(|same| part.starts_with(same))
        })
        .filter(|part| !part.is_empty())
        .collect();
    let path = path.replace("https://servicenow.test", "").replace("https://ehr.test", "");
    if kept.is_empty() { path } else { format!("{path}?{}", kept.join("&")) }
}
