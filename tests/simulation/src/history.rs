//! What happened in a day, in order: what the checker judges, what `simulate --seed` prints, and what is compared
//! between two runs of the same seed.

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
        Happening::Begins { remote, key, state } => format!("{:<10} holds {key}: {state}", side(*remote)),
        Happening::Person { remote, key, what, before, after } => {
            format!(
                "{:<10} person: {what} of {key}{}",
                side(*remote),
                difference(before.as_ref(), after.as_ref())
            )
        }
        Happening::Write { remote, call, target, body, key, before, after, status, .. } => format!(
            "{:<10} #{call} {target} -> {status} {}{}\n{:14}sent {body}",
            side(*remote),
            key.as_deref().unwrap_or_default(),
            difference(before.as_ref(), after.as_ref()),
            "",
        ),
        Happening::Read { place, call, target, status } => {
            format!("{place:<10} #{call} {target} -> {status}")
        }
        Happening::Trouble { call: Some(call), what } => format!("trouble    #{call} {what}"),
        Happening::Trouble { call: None, what } => format!("trouble    {what}"),
        Happening::Asked { ticket, what } => format!("console    ?{ticket} {what}"),
        Happening::Answered { ticket, reply } => format!("console    !{ticket} {reply}"),
        Happening::Crashed { wher } => format!("VetSync    CRASHED {wher}"),
        Happening::Started => "VetSync    started".to_owned(),
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

fn difference(before: Option<&Raw>, after: Option<&Raw>) -> String {
    match (before, after) {
        (None, None) => String::new(),
        (None, Some(after)) => format!(" made {after}"),
        (Some(before), None) => format!(" deleted {before}"),
        (Some(before), Some(after)) if before == after => " (nothing changed)".to_owned(),
        (Some(before), Some(after)) => {
            let parse = |raw: &Raw| serde_json::from_str::<serde_json::Value>(raw).unwrap_or_default();
            let mut changes = Vec::new();
            differing("", &parse(before), &parse(after), &mut changes);
            format!(" {{{}}}", changes.join(", "))
        }
    }
}

fn differing(path: &str, before: &serde_json::Value, after: &serde_json::Value, found: &mut Vec<String>) {
    use serde_json::Value;
    if before == after {
        return;
    }
    if let (Value::Object(one), Value::Object(other)) = (before, after) {
        let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for name in names {
            let null = Value::Null;
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            differing(&path, one.get(name).unwrap_or(&null), other.get(name).unwrap_or(&null), found);
        }
        return;
    }
    found.push(format!("{path}: {before} -> {after}"));
}
