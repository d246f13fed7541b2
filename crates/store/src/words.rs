//! The stable words that stand for enum values in the database.

use record::{RecordKind, Remote};

use crate::{
    Answer, ConflictCause, ConflictState, EventAction, InboxState, OperationAction, OperationState,
    PairStatus, PlanState, Presence, QuarantineState, ScheduleName, SlotState, StoreError,
};

/// A value that is stored as one word.
pub(crate) trait Word: Sized + Copy + 'static {
    /// What the words stand for, for the error text.
    const WHAT: &'static str;
    /// The word as stored.
    fn word(self) -> &'static str;
    /// The inverse of [`Word::word`].
    fn parse(text: &str) -> Option<Self>;
    /// Reads a stored word. One that is unknown was not written by this program.
    fn read(text: &str) -> crate::Result<Self> {
        Self::parse(text)
            .ok_or_else(|| StoreError::Other(format!("unknown word in the database for {}", Self::WHAT)))
    }
}

macro_rules! words {
    ($type:ty, $what:literal, $($value:ident = $word:literal),+ $(,)?) => {
        impl Word for $type {
            const WHAT: &'static str = $what;
            fn word(self) -> &'static str {
                match self { $(<$type>::$value => $word),+ }
            }
            fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(<$type>::$value),)+ _ => None }
            }
        }
    };
}

words!(ScheduleName, "schedule", Reconciliation = "reconciliation", Batch = "batch");
words!(Answer, "answer", Approved = "approved", Refused = "refused", Same = "same", Different = "different",);
words!(SlotState, "slot", Running = "running", Failed = "failed", Done = "done");
words!(Presence, "presence", Present = "present", Suspected = "suspected", Gone = "gone");
words!(
    PairStatus,
    "pair status",
    Agreed = "agreed",
    Waiting = "waiting",
    Differs = "differs",
    OnlyServiceNow = "only_servicenow",
    OnlyEhr = "only_ehr",
);
words!(
    ConflictCause,
    "conflict cause",
    FieldsDiffer = "fields_differ",
    MaybeDuplicate = "maybe_duplicate",
    NotStored = "not_stored",
    Vanished = "vanished",
    CannotCreate = "cannot_create",
    Overwritten = "overwritten",
    RuleBroken = "rule_broken",
);
words!(
    ConflictState,
    "conflict state",
    Open = "open",
    AwaitingSecond = "awaiting_second",
    Executing = "executing",
    Closed = "closed",
);
words!(
    PlanState,
    "plan state",
    Draft = "draft",
    AwaitingSecond = "awaiting_second",
    AwaitingCheck = "awaiting_check",
    Approved = "approved",
    Done = "done",
    Refused = "refused",
    Superseded = "superseded",
);
words!(OperationAction, "operation action", Create = "create", Update = "update");
words!(
    OperationState,
    "operation state",
    Waiting = "waiting",
    Running = "running",
    Retrying = "retrying",
    Parked = "parked",
    Done = "done",
    Cancelled = "cancelled",
);

words!(
    EventAction,
    "event action",
    Created = "created",
    Updated = "updated",
    Deleted = "deleted",
    Unknown = "unknown",
);
words!(
    InboxState,
    "event state",
    Accepted = "accepted",
    Running = "running",
    Done = "done",
    Quarantined = "quarantined",
    Dismissed = "dismissed",
);
words!(
    QuarantineState,
    "quarantine state",
    Open = "open",
    Resolved = "resolved",
    Superseded = "superseded",
    Replayed = "replayed",
    Dismissed = "dismissed",
);

impl Word for Remote {
    const WHAT: &'static str = "remote";
    fn word(self) -> &'static str {
        self.as_str()
    }
    fn parse(text: &str) -> Option<Self> {
        Remote::parse(text)
    }
}

impl Word for RecordKind {
    const WHAT: &'static str = "record kind";
    fn word(self) -> &'static str {
        self.as_str()
    }
    fn parse(text: &str) -> Option<Self> {
        RecordKind::parse(text)
    }
}
