//! Appointments and treatments: their tables, who works here, and what statuses mean.

use super::billing::TreatmentArchive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Appointments in ServiceNow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Appointments {
    /// Whether appointments are synchronised. Switch it on when the table, its columns and the staff are in place;
    /// `vetsync doctor` says whether they are.
    pub synchronise: bool,
    /// Table of the appointments.
    #[schemars(example = &"u_appointment")]
    pub table: String,
    /// Column names that differ from the usual ones, by field: `duration_minutes = "u_length"`. Without an entry
    /// `u_<field>` and `<field>` are tried.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Column that holds the EHR's id of the appointment; it should be unique and indexed.
    #[schemars(example = &"u_ehr_id")]
    pub ehr_id_column: String,
}

impl Default for Appointments {
    fn default() -> Self {
        Appointments {
            synchronise: false,
            table: "u_appointment".to_owned(),
            columns: BTreeMap::new(),
            ehr_id_column: "u_ehr_id".to_owned(),
        }
    }
}

/// Treatments in ServiceNow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Treatments {
    /// Whether treatments are synchronised. Switch it on when the table, its columns and the staff are in place;
    /// `vetsync doctor` says whether they are.
    pub synchronise: bool,
    /// Table of the treatments.
    #[schemars(example = &"u_treatment")]
    pub table: String,
    /// Column names that differ from the usual ones, by field: `diagnosis = "u_findings"`. Without an entry `u_<field>`
    /// and `<field>` are tried.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Column that holds the EHR's id of the treatment's latest version; it should be unique and indexed.
    #[schemars(example = &"u_ehr_id")]
    pub ehr_id_column: String,
    /// Column that says how far the treatment is.
    #[schemars(example = &"u_treatment_status")]
    pub status_column: String,
    /// Its values with which a treatment is completed; others wait.
    #[schemars(example = completed_values())]
    pub completed_values: Vec<String>,
    /// Column that names the appointment at which the treatment was given, where the table has one: the EHR is told where
    /// that appointment is synchronised. Without it nothing is said of appointments.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"u_appointment")]
    pub appointment_column: Option<String>,
    /// How its row is marked once it stands in the EHR, both systems agree and it is billed; not at all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<TreatmentArchive>,
    /// What a treatment must say before it is sent.
    pub compliance: Compliance,
    /// How a treatment is sent to the EHR.
    pub bundle: TreatmentBundle,
}

impl Default for Treatments {
    fn default() -> Self {
        Treatments {
            synchronise: false,
            table: "u_treatment".to_owned(),
            columns: BTreeMap::new(),
            ehr_id_column: "u_ehr_id".to_owned(),
            status_column: "u_treatment_status".to_owned(),
            completed_values: vec!["completed".to_owned(), "archived".to_owned()],
            appointment_column: None,
            archive: None,
            compliance: Compliance::default(),
            bundle: TreatmentBundle::Collection,
        }
    }
}

/// What a treatment must say before it is sent to the EHR. One that does not is not written, and asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compliance {
    /// Fields that must say something.
    #[schemars(example = required_fields())]
    pub required: Vec<String>,
    /// Whether the clinician must be in `[[staff]]`.
    pub clinician_known: bool,
    /// Whether every medication must say how much to give.
    pub dose_required: bool,
    /// Treatments older than this many days are probably dated wrongly; that is said, and keeps nothing back.
    #[schemars(range(min = 1))]
    pub age_days_max: u32,
}

impl Default for Compliance {
    fn default() -> Self {
        Compliance {
            required: required_fields().map(str::to_owned).to_vec(),
            clinician_known: true,
            dose_required: true,
            age_days_max: 365,
        }
    }
}

/// How a treatment is sent to the EHR. Either is taken whole or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TreatmentBundle {
    /// A Bundle of type collection, sent to `/treatments` under `If-None-Exist`.
    #[default]
    Collection,
    /// A Bundle of type transaction, sent to the base address; every create in it has its own condition.
    Transaction,
}

/// Somebody who treats animals here, under the key of either system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffMember {
    /// What the ServiceNow column holds: the `sys_id` of the user, or a name in a column of text.
    #[schemars(length(min = 1), example = &"6816f79cc0a8016401c5a33be04be441")]
    pub servicenow_user: String,
    /// The reference in the EHR.
    #[schemars(length(min = 1), example = &"Practitioner/dr-lee")]
    pub practitioner: String,
    /// The name people read.
    #[schemars(length(min = 1), example = &"Dr Lee")]
    pub name: String,
}

/// What a term for an appointment's status means (FHIR R4 appointmentstatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum AppointmentStatusWord {
    Proposed,
    Pending,
    Waitlist,
    Booked,
    Arrived,
    CheckedIn,
    Fulfilled,
    Cancelled,
    #[serde(rename = "noshow")]
    NoShow,
    EnteredInError,
}

/// Default of [`Compliance::required`].
fn required_fields() -> [&'static str; 4] {
    ["patient", "treatment_date", "clinician", "diagnosis"]
}

/// Example of [`Treatments::completed_values`].
fn completed_values() -> [&'static str; 2] {
    ["completed", "archived"]
}
