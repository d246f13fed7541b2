//! What reports are made of: counts over a span of time. Spans hold their beginning and not their end.

use record::{RecordKind, Remote};

use crate::OperationAction;

/// What a person said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// A plan was approved.
    Approved,
    /// A plan was refused or taken back.
    Refused,
    /// Two records are the same animal.
    Same,
    /// Two records are not the same animal.
    Different,
}

/// How often somebody gave an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnswerCount {
    /// Who, by id.
    pub person: String,
    /// What they said.
    pub answer: Answer,
    /// How often.
    pub count: u64,
}

/// Writes that were carried out and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteCount {
    /// Which remote was written.
    pub remote: Remote,
    /// Which kind of record.
    pub kind: RecordKind,
    /// Create or update.
    pub action: OperationAction,
    /// A person approved it; otherwise rules did.
    pub by_person: bool,
    /// How many.
    pub count: u64,
}

/// Questions that came up and that were closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuestionCounts {
    /// Opened in the span.
    pub opened: u64,
    /// Closed in the span, whether somebody decided or the two sides came to agree.
    pub closed: u64,
    /// Of these, decided by people.
    pub decided: u64,
}
