//! The default rows of a patient.

use super::{BothSidesRule, Catalogue, Direction, FhirPlace, FieldOwner, FieldSpec, OneSideRule, ValueType};
use crate::kind::RecordKind;

/// The extension that holds notes: HL7's annotation on any element.
pub const NOTE_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/note";

pub(super) fn row(id: &str, label: &str, value_type: ValueType, place: FhirPlace) -> FieldSpec {
    FieldSpec {
        id: id.to_owned(),
        label: label.to_owned(),
        value_type,
        direction: Direction::Both,
        column: id.to_owned(),
        place,
        one_side: OneSideRule::Take,
        both_sides: BothSidesRule::Ask,
        group: None,
        owner: FieldOwner::FrontDesk,
        identity: false,
        plausible: None,
    }
}

fn identity(row: FieldSpec) -> FieldSpec {
    FieldSpec {
        one_side: OneSideRule::TakeIfBlankElseAskTwo,
        both_sides: BothSidesRule::AskTwo,
        identity: true,
        ..row
    }
}

fn owners(row: FieldSpec) -> FieldSpec {
    FieldSpec { group: Some("owner".to_owned()), ..row }
}

impl Catalogue {
    /// The default fields of a patient (design: "Field catalogue"), in the order every screen shows them.
    pub fn patient_default() -> Catalogue {
        let fields = vec![
            row("patient_name", "Name", ValueType::Name, FhirPlace::PatientName),
            identity(row("species", "Species", ValueType::Species, FhirPlace::AnimalSpecies)),
            row("breed", "Breed", ValueType::Breed, FhirPlace::AnimalBreed),
            FieldSpec {
                both_sides: BothSidesRule::FinerDate,
                ..row("date_of_birth", "Date of birth", ValueType::Date, FhirPlace::BirthDate)
            },
            FieldSpec {
                one_side: OneSideRule::TakeNeutering,
                ..row("gender", "Sex and neuter status", ValueType::Sex, FhirPlace::GenderAndStatus)
            },
            identity(row("microchip_id", "Microchip", ValueType::Microchip, FhirPlace::MicrochipIdentifier)),
            owners(row("owner_name", "Owner's name", ValueType::Name, FhirPlace::OwnerName)),
            owners(row("owner_phone", "Owner's phone", ValueType::Phone, FhirPlace::OwnerPhone)),
            owners(row("owner_email", "Owner's e-mail", ValueType::Email, FhirPlace::OwnerEmail)),
            FieldSpec {
                one_side: OneSideRule::TakeAdditions,
                both_sides: BothSidesRule::SuggestUnion,
                owner: FieldOwner::Clinician,
                ..row("allergies", "Allergies", ValueType::Substances, FhirPlace::Allergies)
            },
            FieldSpec {
                direction: Direction::ServiceNowToEhr,
                one_side: OneSideRule::TakeServiceNow,
                both_sides: BothSidesRule::MergeLines,
                owner: FieldOwner::Clinician,
                ..row(
                    "medical_notes",
                    "Medical notes",
                    ValueType::LongText,
                    FhirPlace::NoteExtension { url: NOTE_EXTENSION.to_owned() },
                )
            },
        ];
        Catalogue { kind: RecordKind::Patient, fields }
    }
}
