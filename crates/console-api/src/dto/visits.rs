//! What crosses the seam for appointments and treatments.

use super::{FieldView, FindingView, PatientStatus, Side, TimelineEntry};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// What a record is about.
    pub enum Kind {
        Patient,
        Appointment,
        Treatment,
    }
}

dto! {
    pub struct VisitQuery {
        pub status: Option<PatientStatus>,
        /// Begins at or after this (`2026-10-05`, or with a time; UTC).
        pub from: Option<String>,
        /// Begins before this.
        pub until: Option<String>,
        /// Of this clinician, by a part of the name.
        pub clinician: Option<String>,
        pub offset: u32,
        pub limit: u32,
    }
    /// One line of a list of appointments or treatments.
    pub struct VisitRow {
        pub id: String,
        pub patient: String,
        pub clinician: String,
        /// The type of an appointment, the diagnosis of a treatment.
        pub about: String,
        /// `2026-10-05 14:30:00`, UTC; empty where neither system says.
        pub begins: String,
        /// As a system words it.
        pub stands: String,
        pub status: PatientStatus,
        pub differing: Vec<String>,
        /// What it waits for, and the way out.
        pub waits: Option<String>,
    }
    pub struct VisitRows {
        /// In the order they begin.
        pub rows: Vec<VisitRow>,
        pub total: u32,
    }
    pub struct VisitPage {
        pub visit: VisitRow,
        pub service_now: Side,
        pub ehr: Side,
        pub fields: Vec<FieldView>,
        /// What business rules say about it, gravest first.
        pub findings: Vec<FindingView>,
        pub conflict_id: Option<String>,
        pub timeline: Vec<TimelineEntry>,
        pub linked_by: Option<String>,
    }
}

declared_here!();
