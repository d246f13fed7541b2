//! The default rows of a treatment.

use super::patient::row;
use super::{Catalogue, Direction, FhirPlace, FieldOwner, FieldSpec, OneSideRule, TreatmentPlace, ValueType};
use crate::kind::RecordKind;

/// ServiceNow is the source of all of a treatment; an edit in the EHR is asked about.
fn at(id: &str, label: &str, value_type: ValueType, place: TreatmentPlace) -> FieldSpec {
    FieldSpec {
        direction: Direction::ServiceNowToEhr,
        one_side: OneSideRule::TakeServiceNow,
        owner: FieldOwner::Clinician,
        ..row(id, label, value_type, FhirPlace::Treatment(place))
    }
}

/// What was found and done on which day moves together or not at all.
fn finding(row: FieldSpec) -> FieldSpec {
    FieldSpec { group: Some("treatment".to_owned()), ..row }
}

impl Catalogue {
    /// The default fields of a treatment (design: "Field catalogue"), in the order every screen shows them. The clinician
    /// is not in the specification's table; who answers for a treatment belongs to it all the same.
    pub fn treatment_default() -> Catalogue {
        let fields = vec![
            FieldSpec {
                one_side: OneSideRule::Ask,
                ..at("patient", "Patient", ValueType::PatientLink, TreatmentPlace::Patient)
            },
            finding(at("treatment_date", "Date and time", ValueType::Instant, TreatmentPlace::Start)),
            at("clinician", "Clinician", ValueType::Person, TreatmentPlace::Clinician),
            finding(at("diagnosis", "Diagnosis", ValueType::Items, TreatmentPlace::Diagnoses)),
            finding(at("procedures_performed", "Procedures", ValueType::Items, TreatmentPlace::Procedures)),
            finding(at(
                "medications_prescribed",
                "Medications",
                ValueType::Medications,
                TreatmentPlace::Medications,
            )),
            at("treatment_notes", "Notes", ValueType::LongText, TreatmentPlace::Notes),
        ];
        Catalogue { kind: RecordKind::Treatment, fields }
    }
}
