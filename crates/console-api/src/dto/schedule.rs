//! What crosses the seam for *Reconciliation*: what runs by itself, and the runs.

use super::RunView;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// What runs by itself at a time.
    pub enum ScheduleKind {
        Reconciliation,
        Batch,
    }
}

dto! {
    /// A time at which something runs by itself.
    pub struct PlannedRun {
        pub schedule: ScheduleKind,
        #[ts(type = "number")]
        pub at_ms: i64,
        /// On the wall clock of its zone, with the offset: "Mon 23 Nov 2026, 02:00 (UTC-05:00)".
        pub local: String,
        /// What is to be known of it: that it makes up for missed ones, that an earlier try failed.
        pub note: Option<String>,
    }
    /// One schedule.
    pub struct ScheduledPart {
        pub schedule: ScheduleKind,
        /// "every day at 02:00"
        pub rule: String,
        /// IANA name.
        pub zone: String,
        /// The next ones, the first may be due already.
        pub next: Vec<PlannedRun>,
        pub last: Option<ScheduledSlot>,
    }
    /// What became of a date or moment.
    pub struct ScheduledSlot {
        /// The local date, or the moment in UTC.
        pub slot: String,
        /// A sentence.
        pub words: String,
        pub done: bool,
        pub run_id: String,
    }
    pub struct ScheduleView {
        pub parts: Vec<ScheduledPart>,
        /// Why nothing runs by itself, where nothing does.
        pub off: Option<String>,
    }
    pub struct RunQuery {
        pub limit: u32,
    }
    /// A run with what it stands for.
    pub struct RunItem {
        pub run: RunView,
        /// The date or moment of the schedule that it was for: "for 23 Nov 2026".
        pub stands_for: Option<String>,
    }
    pub struct RunList {
        pub runs: Vec<RunItem>,
    }
}

declared_here!();
