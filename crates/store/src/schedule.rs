//! What the schedule owed: rows of the daily reconciliation and of the batch schedule.

/// Which schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScheduleName {
    /// The daily reconciliation.
    Reconciliation,
    /// The batch schedule (specification `batch_schedule`).
    Batch,
}

impl ScheduleName {
    /// The word for it in the store, in logs and as the trigger of its runs.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScheduleName::Reconciliation => "reconciliation",
            ScheduleName::Batch => "batch",
        }
    }
}

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SlotState {
    /// Its run is under way.
    Running,
    /// Its run failed; it is tried again at [`SlotRow::due_at_ms`].
    Failed,
    /// It is done, for good.
    Done,
}

/// One time at which a schedule was due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// Which schedule.
    pub schedule: ScheduleName,
    /// Reconciliation: the hospital's local date, `YYYY-MM-DD`. Batch: the moment in UTC, `YYYY-MM-DD HH:MM:SS`.
    pub slot: String,
    /// What became of it.
    pub state: SlotState,
    /// Its latest run.
    pub run: String,
    /// Runs that were started for it.
    pub attempts: u32,
    /// Earlier slots that it makes up for.
    pub missed: u32,
    /// When the latest run began.
    pub claimed_at_ms: i64,
    /// Until then it belongs to the process that runs it.
    pub lease_until_ms: i64,
    /// Of a failed one: when it is tried again.
    pub due_at_ms: i64,
    /// When its latest run ended.
    pub finished_at_ms: Option<i64>,
}
