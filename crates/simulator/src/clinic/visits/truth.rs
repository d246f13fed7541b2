//! The known right answers about appointments and treatments.

use super::super::truth::{Expected, FieldTruth, LinkTruth};
use serde::{Deserialize, Serialize};

/// One appointment, on both sides or one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppointmentTruth {
    /// The row's `sys_id`.
    pub servicenow_key: Option<String>,
    /// The resource's id.
    pub ehr_key: Option<String>,
    /// The patient's key in either system; none where the appointment names nobody who is known there.
    pub patient: (Option<String>, Option<String>),
    /// How the two are to be linked; [`LinkTruth::Alone`] is to be created on the other side once its patient is linked.
    pub link: LinkTruth,
    /// Fields that differ in spelling or in meaning. A field that is not listed is equal.
    pub fields: Vec<FieldTruth>,
    /// Business rules that it breaks, by their names.
    pub breaks: Vec<String>,
}

impl AppointmentTruth {
    /// What is expected of a field.
    pub fn expected(&self, field: &str) -> &Expected {
        self.fields
            .iter()
            .find(|truth| truth.field == field)
            .map_or(&Expected::Equal, |truth| &truth.expected)
    }
}

/// What is right to do with a treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreatmentExpected {
    /// Completed and sound: to be sent to the EHR.
    Send,
    /// Not completed yet: to be left alone.
    Wait,
    /// The EHR holds it as it is.
    Agreed,
    /// Changed after it was sent: a new version goes to the EHR.
    NewVersion,
    /// Somebody edited it in the EHR: a person decides.
    Ask,
    /// Completed, and something in it must be corrected before it may be sent.
    Refuse,
}

/// One treatment of ServiceNow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreatmentTruth {
    /// The row's `sys_id`.
    pub servicenow_key: String,
    /// The Encounter's id, if the EHR holds it.
    pub ehr_key: Option<String>,
    /// The patient's key in either system.
    pub patient: (Option<String>, Option<String>),
    /// What is right to do.
    pub expected: TreatmentExpected,
    /// What must be corrected, by the names of the fields.
    pub wrong: Vec<String>,
    /// The diagnoses, one by one.
    pub diagnoses: Vec<String>,
    /// The procedures, one by one.
    pub procedures: Vec<String>,
    /// The medications with their directions, one by one.
    pub medications: Vec<String>,
}
