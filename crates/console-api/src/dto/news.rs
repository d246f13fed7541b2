//! What crosses the seam for new and changed appointments.

use super::RemoteName;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// What happened to an appointment.
    pub enum NewsWhat {
        /// It was entered in one system and stands in both now.
        New,
        /// Another time, length or clinician.
        Moved,
        /// It will not take place.
        CalledOff,
        /// Anything else.
        Changed,
    }
}

dto! {
    /// An appointment that one system was told of.
    pub struct NewsItem {
        /// The receipt that shows what was written.
        pub operation_id: String,
        pub appointment_id: String,
        pub what: NewsWhat,
        pub patient: String,
        pub clinician: String,
        /// As both systems have it now, in the hospital's time zone.
        pub when: String,
        /// The system that was told.
        pub told: RemoteName,
        pub sentence: String,
        #[ts(type = "number")]
        pub at_ms: i64,
        /// Nobody here said yet that it was seen.
        pub unread: bool,
    }
    pub struct News {
        /// Newest first.
        pub items: Vec<NewsItem>,
        pub unread: u32,
    }
    pub struct NewsSeen {
        /// Everything until this moment was seen.
        #[ts(type = "number")]
        pub until_ms: i64,
    }
}

declared_here!();
