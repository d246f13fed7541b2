//! The two remotes and the kinds of record they hold.

use serde::{Deserialize, Serialize};

/// One of the two external systems of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remote {
    /// The hospital's ServiceNow instance, spoken to by its Table API.
    ServiceNow,
    /// The Electronic Health Record, speaking FHIR R4 JSON.
    Ehr,
}

impl Remote {
    /// Both remotes, in the fixed order every screen and report uses.
    pub const BOTH: [Remote; 2] = [Remote::ServiceNow, Remote::Ehr];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Remote {
        match self {
            Remote::ServiceNow => Remote::Ehr,
            Remote::Ehr => Remote::ServiceNow,
        }
    }

    /// The stable text form used in the store and in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Remote::ServiceNow => "service_now",
            Remote::Ehr => "ehr",
        }
    }

    /// The name people read.
    pub const fn label(self) -> &'static str {
        match self {
            Remote::ServiceNow => "ServiceNow",
            Remote::Ehr => "EHR",
        }
    }

    /// The inverse of [`Remote::as_str`].
    pub fn parse(text: &str) -> Option<Remote> {
        Remote::BOTH.into_iter().find(|remote| remote.as_str() == text)
    }
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// An animal and its owner's contact data.
    Patient,
    /// A planned visit.
    Appointment,
    /// A finished visit with diagnosis, procedures and medication.
    Treatment,
}

impl RecordKind {
    /// The stable text form used in the store and in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecordKind::Patient => "patient",
            RecordKind::Appointment => "appointment",
            RecordKind::Treatment => "treatment",
        }
    }

    /// The inverse of [`RecordKind::as_str`].
    pub fn parse(text: &str) -> Option<RecordKind> {
        [RecordKind::Patient, RecordKind::Appointment, RecordKind::Treatment]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}
