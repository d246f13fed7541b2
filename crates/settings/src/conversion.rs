//! What the rest of the product takes from the settings.

use crate::model::{
    BothSides, CustomField, CustomFieldDirection, CustomFieldOwner, CustomFieldType, NeuterWord, OneSide,
    Settings, SexWord,
};
use record::catalogue::{BothSidesRule, Direction, FhirPlace, FieldOwner, FieldSpec, OneSideRule, ValueType};
use record::value::{Neuter, Sex};

impl Settings {
    /// The specification's top-level keys stand for keys of the EHR's section.
    pub(crate) fn take_over_specification_keys(&mut self) {
        if self.ehr.base_url.is_none() {
            self.ehr.base_url.clone_from(&self.ehr_api_base_url);
        }
        if self.ehr.client_id.is_none() {
            self.ehr.client_id.clone_from(&self.oauth_client_id);
        }
        for address in [&mut self.ehr.base_url, &mut self.servicenow.base_url].into_iter().flatten() {
            address.truncate(address.trim_end_matches('/').len());
        }
    }

    /// The hospital's time zone, where it is set.
    pub fn time_zone(&self) -> Option<chrono_tz::Tz> {
        self.hospital.time_zone.as_deref().and_then(|name| name.parse().ok())
    }

    /// The identifier system of ServiceNow's keys in the EHR: as set, else made of the instance and the table.
    pub fn servicenow_identifier_system(&self) -> Option<String> {
        self.ehr.servicenow_identifier_system.clone().or_else(|| {
            let base = self.servicenow.base_url.as_deref()?;
            Some(format!("{base}/{}", self.servicenow.patient_table))
        })
    }

    /// The hospital's ways of writing, for the normalisers.
    pub fn record_conventions(&self) -> record::Conventions {
        let fold = |(term, meaning): (&String, &String)| (term.trim().to_lowercase(), meaning.clone());
        record::Conventions {
            phone_region: self.hospital.phone_region.clone(),
            sex_terms: self
                .conventions
                .sex_terms
                .iter()
                .map(|(term, meaning)| {
                    let sex = match meaning.sex {
                        SexWord::Male => Sex::Male,
                        SexWord::Female => Sex::Female,
                        SexWord::Other => Sex::Other,
                        SexWord::Unknown => Sex::Unknown,
                    };
                    let neuter = match meaning.neuter {
                        NeuterWord::Neutered => Neuter::Neutered,
                        NeuterWord::Intact => Neuter::Intact,
                        NeuterWord::Unknown => Neuter::Unknown,
                    };
                    (term.trim().to_lowercase(), (sex, neuter))
                })
                .collect(),
            species_names: self.conventions.species_names.iter().map(fold).collect(),
            breed_names: self.conventions.breed_names.iter().map(fold).collect(),
        }
    }

    /// The rows that custom fields add to the patient's catalogue.
    pub fn custom_field_specs(&self) -> Vec<FieldSpec> {
        self.custom_fields.iter().map(CustomField::spec).collect()
    }
}

impl CustomField {
    /// This field as a row of the catalogue.
    pub fn spec(&self) -> FieldSpec {
        FieldSpec {
            id: self.id.clone(),
            label: self.label.clone(),
            value_type: match self.value_type {
                CustomFieldType::Text => ValueType::Text,
                CustomFieldType::LongText => ValueType::LongText,
                CustomFieldType::Coded => ValueType::Coded,
                CustomFieldType::Date => ValueType::Date,
                CustomFieldType::Phone => ValueType::Phone,
                CustomFieldType::Email => ValueType::Email,
                CustomFieldType::Quantity => ValueType::Quantity {
                    default_unit: self.default_unit.clone().unwrap_or_else(|| "1".to_owned()),
                },
            },
            direction: match self.direction {
                CustomFieldDirection::Both => Direction::Both,
                CustomFieldDirection::ServicenowToEhr => Direction::ServiceNowToEhr,
            },
            column: self.column.strip_prefix("u_").unwrap_or(&self.column).to_owned(),
            place: FhirPlace::PatientExtension { url: self.extension_url.clone() },
            one_side: match (self.direction, self.one_side) {
                (CustomFieldDirection::ServicenowToEhr, OneSide::Take) => OneSideRule::TakeServiceNow,
                (CustomFieldDirection::Both, OneSide::Take) => OneSideRule::Take,
                (_, OneSide::Ask) => OneSideRule::Ask,
            },
            both_sides: match self.both_sides {
                BothSides::Ask => BothSidesRule::Ask,
                BothSides::AskTwo => BothSidesRule::AskTwo,
                BothSides::FinerDate => BothSidesRule::FinerDate,
                BothSides::MergeLines => BothSidesRule::MergeLines,
            },
            group: None,
            owner: match self.owner {
                CustomFieldOwner::FrontDesk => FieldOwner::FrontDesk,
                CustomFieldOwner::Clinician => FieldOwner::Clinician,
            },
            identity: false,
            plausible: None,
        }
    }
}
