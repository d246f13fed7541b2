//! The known right answers.

use serde::{Deserialize, Serialize};

/// Everything known about a clinic's pairs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Truth {
    /// One entry per animal that is linked or could be taken for another.
    pub pairs: Vec<PairTruth>,
    /// One entry per appointment.
    #[serde(default)]
    pub appointments: Vec<super::AppointmentTruth>,
    /// One entry per treatment.
    #[serde(default)]
    pub treatments: Vec<super::TreatmentTruth>,
}

impl Truth {
    pub(crate) fn take_visits(&mut self, visits: &super::Visits) {
        self.appointments.extend(visits.appointments.iter().map(|case| case.truth.clone()));
        self.treatments.extend(visits.treatments.iter().map(|case| case.truth.clone()));
    }
}

/// Whether and how two records belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTruth {
    /// At least one of them carries the other's key: to be linked without asking.
    CrossReference,
    /// The same ISO microchip, unique on both sides: to be linked without asking.
    Microchip,
    /// They resemble each other, and only a person may say whether they are one animal.
    Ask,
    /// On one side only, and nothing on the other resembles it: to be created there without asking.
    Alone,
}

/// One pair, or one record without a counterpart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairTruth {
    /// The row's `sys_id`; none if the animal is in the EHR only.
    pub servicenow_key: Option<String>,
    /// The resource's id; none if the animal is in ServiceNow only.
    pub ehr_key: Option<String>,
    /// Whether both are the same animal; `true` for a record that stands alone.
    pub same_animal: bool,
    /// How they are to be linked.
    pub link: LinkTruth,
    /// Fields that differ in spelling or in meaning. A field that is not listed is equal.
    pub fields: Vec<FieldTruth>,
}

impl PairTruth {
    /// What is expected of a field.
    pub fn expected(&self, field: &str) -> &Expected {
        self.fields
            .iter()
            .find(|truth| truth.field == field)
            .map_or(&Expected::Equal, |truth| &truth.expected)
    }

    /// Whether every field is equal.
    pub fn all_equal(&self) -> bool {
        self.fields.iter().all(|truth| truth.expected == Expected::Equal)
    }
}

/// The right treatment of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldTruth {
    /// The field's id in the catalogue.
    pub field: String,
    /// What should happen.
    pub expected: Expected,
    /// Asking a person is right as well (never so where the values are equal).
    pub ask_is_fine: bool,
    /// Settling it without a person, or in any other way than expected, does harm.
    pub harmful_if_auto: bool,
}

/// What should happen to a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Nothing: both say the same.
    Equal,
    /// ServiceNow's value goes to the EHR.
    TakeServiceNow,
    /// The EHR's value goes to ServiceNow.
    TakeEhr,
    /// Both are to say this: lines of notes, or substances one a line.
    Settle(String),
    /// A person decides.
    Ask,
}

impl FieldTruth {
    pub(crate) fn equal(field: &str) -> FieldTruth {
        FieldTruth {
            field: field.to_owned(),
            expected: Expected::Equal,
            ask_is_fine: false,
            harmful_if_auto: false,
        }
    }

    pub(crate) fn ask(field: &str) -> FieldTruth {
        FieldTruth {
            field: field.to_owned(),
            expected: Expected::Ask,
            ask_is_fine: true,
            harmful_if_auto: true,
        }
    }

    /// A rule may settle it, and asking does no harm either.
    pub(crate) fn may(field: &str, expected: Expected) -> FieldTruth {
        FieldTruth { field: field.to_owned(), expected, ask_is_fine: true, harmful_if_auto: false }
    }

    /// A rule settles it; asking would be a burden.
    pub(crate) fn should(field: &str, expected: Expected) -> FieldTruth {
        FieldTruth { field: field.to_owned(), expected, ask_is_fine: false, harmful_if_auto: false }
    }
}
