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
    /// How much of a calendar is shown.
    pub enum CalendarSpan {
        Day,
        /// From Monday on.
        Week,
    }
    /// How far one step of a treatment's way has come.
    pub enum StepState {
        Done,
        UnderWay,
        /// For something that comes by itself.
        Waits,
        /// Somebody has to do something.
        Blocked,
        NotYet,
    }
    /// How far a visit has come, whatever the systems call it.
    pub enum VisitStage {
        Requested,
        Booked,
        Present,
        Done,
        Cancelled,
        NoShow,
        EnteredInError,
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
    pub struct CalendarQuery {
        /// A day, `2026-10-05`; today in the hospital's zone where it is left out.
        pub day: Option<String>,
        pub span: CalendarSpan,
        /// Only this clinician's, by the name as listed.
        pub clinician: Option<String>,
    }
    pub struct CalendarDay {
        /// `2026-10-05`.
        pub date: String,
        /// `Mon 5 Oct`.
        pub title: String,
    }
    /// An appointment in its place. Times are the hospital's.
    pub struct CalendarVisit {
        pub visit: VisitRow,
        /// One of the days.
        pub date: String,
        /// `09:30`.
        pub begins: String,
        /// `10:00`; none where no system says how long it lasts.
        pub ends: Option<String>,
        /// Since midnight, as clocks show it.
        pub begins_minute: u32,
        /// How long it lasts; 0 where no system says.
        pub minutes: u32,
        pub stage: Option<VisitStage>,
        pub conflict_id: Option<String>,
        /// Who else the clinician has at that time, each in words.
        pub double_booked: Vec<String>,
    }
    pub struct CalendarView {
        pub zone: String,
        pub span: CalendarSpan,
        /// Today, there.
        pub today: String,
        /// The day before the span begins and the first one after it, to go on to.
        pub previous: String,
        pub next: String,
        pub days: Vec<CalendarDay>,
        /// Everybody who has an appointment in the span, in order; an empty name stands for nobody.
        pub clinicians: Vec<String>,
        /// In the order they begin.
        pub visits: Vec<CalendarVisit>,
        /// How many there are beyond those shown.
        pub left_out: u32,
        /// The first day after the span that has any.
        pub next_busy: Option<String>,
        /// Why there are none to be expected, and the way out.
        pub off: Option<String>,
    }
    pub struct VisitStep {
        pub title: String,
        pub state: StepState,
        pub why: Option<String>,
    }
    /// Text to be kept as a file.
    pub struct TextFile {
        /// A name without a folder.
        pub name: String,
        pub text: String,
        /// How many records it holds.
        pub records: u32,
    }
    pub struct VisitPage {
        pub visit: VisitRow,
        /// When, in the hospital's zone: `Tue 17 Nov 2026, 11:00 to 11:15 (America/New_York)`; empty where neither system
        /// says.
        pub when: String,
        /// The patient's page.
        pub patient_id: Option<String>,
        pub service_now: Side,
        pub ehr: Side,
        pub fields: Vec<FieldView>,
        /// What business rules say about it, gravest first.
        pub findings: Vec<FindingView>,
        pub conflict_id: Option<String>,
        /// A treatment's way, in order; none of an appointment.
        pub steps: Vec<VisitStep>,
        pub timeline: Vec<TimelineEntry>,
        pub linked_by: Option<String>,
        /// Which version of a treatment the EHR holds.
        pub version: Option<u32>,
    }
}

declared_here!();
