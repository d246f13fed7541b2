//! What crosses the seam for what came in and could not be read.

use super::RemoteName;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// Where something quarantined came from: a message of a remote, or a record as a remote shows it.
    pub enum QuarantineOrigin {
        Event,
        Record,
    }
    /// Where something quarantined stands.
    pub enum QuarantineStatus {
        Open,
        Resolved,
        Superseded,
        Replayed,
        Dismissed,
    }
    /// What a replay came to for one entry.
    pub enum QuarantineReplayOutcome {
        Accepted,
        ReadAgain,
        StillUnreadable,
        NoKey,
        Closed,
    }
}

dto! {
    /// Which entries of the quarantine.
    pub struct QuarantineQuery {
        pub status: Option<QuarantineStatus>,
        pub remote: Option<RemoteName>,
        /// A cause of the list.
        pub cause: Option<String>,
        pub offset: u32,
        pub limit: u32,
    }
    /// One thing that could not be read.
    pub struct QuarantineItem {
        pub id: String,
        pub origin: QuarantineOrigin,
        pub remote: RemoteName,
        /// `patient`, `appointment`, `treatment`; none where an event does not say.
        pub record_kind: Option<String>,
        /// The record's key in that system, if one could be read.
        pub key: Option<String>,
        /// The patient it is about, if VetSync knows them.
        pub patient_id: Option<String>,
        pub patient: String,
        /// Names the cause: entries with the same one are replayed together.
        pub cause: String,
        /// What is wrong and the way out.
        pub problem: String,
        pub status: QuarantineStatus,
        #[ts(type = "number")]
        pub first_seen_at_ms: i64,
        #[ts(type = "number")]
        pub last_seen_at_ms: i64,
        pub times: u32,
        #[ts(type = "number | null")]
        pub closed_at_ms: Option<i64>,
        /// Who or what closed it.
        pub closed_by: Option<String>,
        /// Why it was edited or dismissed.
        pub reason: Option<String>,
        /// The entry whose text was edited to make this one.
        pub replaces: Option<String>,
        pub edited_by: Option<String>,
        pub can_edit: bool,
        /// Why its text cannot be edited, where it cannot.
        pub not_editable_because: Option<String>,
        pub can_replay: bool,
        pub can_dismiss: bool,
    }
    /// Why entries are open.
    pub struct QuarantineCauseView {
        /// For the query and for `quarantine.replay`.
        pub cause: String,
        pub remote: RemoteName,
        /// What is wrong, in the words of the oldest.
        pub problem: String,
        pub open: u32,
        #[ts(type = "number")]
        pub oldest_at_ms: i64,
    }
    pub struct QuarantineList {
        pub items: Vec<QuarantineItem>,
        pub total: u32,
        /// Causes of what is open, most numerous first.
        pub causes: Vec<QuarantineCauseView>,
        /// Events that are accepted and not yet looked into.
        pub events_waiting: u32,
    }
    pub struct QuarantineView {
        pub item: QuarantineItem,
        /// The text as received, or as edited.
        pub raw: String,
        /// The original first, then every edit.
        pub lineage: Vec<QuarantineItem>,
    }
    pub struct QuarantineEdit {
        pub id: String,
        pub raw: String,
        pub reason: String,
    }
    /// These entries, or all that are open for one cause.
    pub struct QuarantineReplay {
        pub ids: Vec<String>,
        pub cause: Option<String>,
    }
    pub struct QuarantineReplayed {
        pub id: String,
        pub outcome: QuarantineReplayOutcome,
        pub sentence: String,
    }
    pub struct QuarantineReplayList {
        /// In the order they are worked on.
        pub entries: Vec<QuarantineReplayed>,
    }
    pub struct QuarantineDismiss {
        pub id: String,
        pub reason: String,
    }
}

declared_here!();
