//! What the rest of the product takes from the settings.

use crate::model::{
    Algorithm, AppointmentStatusWord, BothSides, CustomField, CustomFieldDirection, CustomFieldOwner,
    CustomFieldType, EhrAlgorithm, NeuterWord, OneSide, Settings, SexWord,
};
use record::RecordKind;
use record::catalogue::{
    BothSidesRule, Catalogue, CustomFieldProblem, CustomType, Direction, FhirPlace, FieldOwner, OneSideRule,
};
use record::codes::appointment_status::AppointmentStatus;
use record::text::folded_name;
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

    /// Base address of the EHR, from whichever of its two keys.
    pub fn ehr_base_url(&self) -> Option<&str> {
        self.ehr.base_url.as_deref().or(self.ehr_api_base_url.as_deref())
    }

    /// VetSync's client id at the EHR, from whichever of its two keys.
    pub fn ehr_client_id(&self) -> Option<&str> {
        self.ehr.client_id.as_deref().or(self.oauth_client_id.as_deref())
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

    /// The identifier system of one kind's keys: the patients' with the other table at its end.
    pub fn identifier_system_of(&self, kind: RecordKind) -> Option<String> {
        let patients = self.servicenow_identifier_system()?;
        let table = match kind {
            RecordKind::Patient => return Some(patients),
            RecordKind::Appointment => &self.servicenow.appointments.table,
            RecordKind::Treatment => &self.servicenow.treatments.table,
        };
        let before = patients.rsplit_once('/').map_or(patients.as_str(), |(before, _)| before);
        Some(format!("{before}/{table}"))
    }

    /// The kinds that are synchronised, patients first.
    pub fn kinds(&self) -> Vec<RecordKind> {
        let visits = [
            (RecordKind::Appointment, self.servicenow.appointments.synchronise),
            (RecordKind::Treatment, self.servicenow.treatments.synchronise),
        ];
        let switched_on = visits.into_iter().filter(|(_, on)| *on).map(|(kind, _)| kind);
        std::iter::once(RecordKind::Patient).chain(switched_on).collect()
    }

    /// The scopes asked for at the EHR: as set, and what the kinds that are synchronised need besides.
    pub fn ehr_scopes(&self) -> Vec<String> {
        let mut scopes: Vec<String> = self.ehr.scope.split_whitespace().map(str::to_owned).collect();
        let needed = self.kinds().into_iter().flat_map(|kind| match kind {
            RecordKind::Patient => [].as_slice(),
            RecordKind::Appointment => &["system/Appointment.crus", "system/Practitioner.rs"],
            RecordKind::Treatment => &[
                "system/Encounter.crs",
                "system/Condition.crs",
                "system/Procedure.crs",
                "system/MedicationRequest.crs",
                "system/Provenance.crs",
                "system/Practitioner.rs",
            ],
        });
        for scope in needed {
            let resource = scope.split_once('.').map_or(*scope, |(resource, _)| resource);
            let stands = |known: &String| {
                known == "system/*"
                    || known.starts_with("system/*.")
                    || known.split_once('.').map_or(known.as_str(), |(resource, _)| resource) == resource
            };
            if !scopes.iter().any(stands) {
                scopes.push((*scope).to_owned());
            }
        }
        scopes
    }

    /// What a treatment must say before it is sent.
    pub fn compliance_rules(&self) -> record::validate::ComplianceRules {
        let own = &self.servicenow.treatments.compliance;
        record::validate::ComplianceRules {
            required: own.required.clone(),
            clinician_known: own.clinician_known,
            dose_required: own.dose_required,
            age_days_max: own.age_days_max,
        }
    }

    /// The zone of `batch_schedule`, where it or the hospital's is set.
    pub fn batch_time_zone(&self) -> Option<chrono_tz::Tz> {
        let own = self.schedule.batch_time_zone.as_deref().and_then(|name| name.parse().ok());
        own.or_else(|| self.time_zone())
    }

    /// The hospital's ways of writing, for the normalisers.
    pub fn record_conventions(&self) -> record::Conventions {
        let fold = |(term, meaning): (&String, &String)| (folded_name(term), meaning.clone());
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
                    (folded_name(term), (sex, neuter))
                })
                .collect(),
            species_names: self.conventions.species_names.iter().map(fold).collect(),
            breed_names: self.conventions.breed_names.iter().map(fold).collect(),
            staff: self
                .staff
                .iter()
                .map(|member| record::value::StaffMember {
                    servicenow_user: member.servicenow_user.clone(),
                    practitioner: member.practitioner.clone(),
                    name: member.name.clone(),
                })
                .collect(),
            appointment_types: self.conventions.appointment_types.iter().map(fold).collect(),
            appointment_statuses: self
                .conventions
                .appointment_statuses
                .iter()
                .map(|(term, meaning)| (folded_name(term), meaning.for_record()))
                .collect(),
            appointment_statuses_written: self
                .conventions
                .appointment_statuses_written
                .iter()
                .filter_map(|(code, term)| Some((AppointmentStatus::from_code(code)?, term.clone())))
                .collect(),
        }
    }

    /// The custom fields, for the catalogue.
    pub fn record_custom_fields(&self) -> Vec<record::catalogue::CustomField> {
        self.custom_fields.iter().map(CustomField::for_record).collect()
    }

    /// The patient's fields: the specification's, then the custom ones.
    ///
    /// # Errors
    /// A custom field that does not fit; [`Settings::parse`] has refused such a one already.
    pub fn patient_catalogue(&self) -> Result<Catalogue, CustomFieldProblem> {
        let mut catalogue = Catalogue::patient_default();
        for field in &mut catalogue.fields {
            if let FhirPlace::NoteExtension { url } = &mut field.place {
                url.clone_from(&self.ehr.note_extension_url);
            }
        }
        catalogue.with_custom(self.record_custom_fields())
    }
}

impl Algorithm {
    /// As JOSE writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
        }
    }
}

impl EhrAlgorithm {
    /// As JOSE writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            EhrAlgorithm::Rs384 => "RS384",
            EhrAlgorithm::Es384 => "ES384",
        }
    }
}

impl AppointmentStatusWord {
    const fn for_record(self) -> AppointmentStatus {
        match self {
            AppointmentStatusWord::Proposed => AppointmentStatus::Proposed,
            AppointmentStatusWord::Pending => AppointmentStatus::Pending,
            AppointmentStatusWord::Waitlist => AppointmentStatus::Waitlist,
            AppointmentStatusWord::Booked => AppointmentStatus::Booked,
            AppointmentStatusWord::Arrived => AppointmentStatus::Arrived,
            AppointmentStatusWord::CheckedIn => AppointmentStatus::CheckedIn,
            AppointmentStatusWord::Fulfilled => AppointmentStatus::Fulfilled,
            AppointmentStatusWord::Cancelled => AppointmentStatus::Cancelled,
            AppointmentStatusWord::NoShow => AppointmentStatus::NoShow,
            AppointmentStatusWord::EnteredInError => AppointmentStatus::EnteredInError,
        }
    }
}

impl CustomField {
    /// This field as the catalogue takes it.
    pub(crate) fn for_record(&self) -> record::catalogue::CustomField {
        record::catalogue::CustomField {
            id: self.id.clone(),
            label: self.label.clone(),
            column: self.column.clone(),
            extension_url: self.extension_url.clone(),
            value_type: match self.value_type {
                CustomFieldType::Text => CustomType::Text,
                CustomFieldType::LongText => CustomType::LongText,
                CustomFieldType::Name => CustomType::Name,
                CustomFieldType::Date => CustomType::Date,
                CustomFieldType::Quantity => CustomType::Quantity,
                CustomFieldType::Coded => CustomType::Coded,
                CustomFieldType::Phone => CustomType::Phone,
                CustomFieldType::Email => CustomType::Email,
                CustomFieldType::Substances => CustomType::Substances,
            },
            default_unit: self.default_unit.clone(),
            min: self.min.as_ref().and_then(|number| number.to_string().parse().ok()),
            max: self.max.as_ref().and_then(|number| number.to_string().parse().ok()),
            direction: match self.direction {
                CustomFieldDirection::Both => Direction::Both,
                CustomFieldDirection::ServiceNowToEhr => Direction::ServiceNowToEhr,
            },
            one_side: self.one_side.map(|rule| match rule {
                OneSide::Take => OneSideRule::Take,
                OneSide::TakeIfBlankElseAskTwo => OneSideRule::TakeIfBlankElseAskTwo,
                OneSide::TakeAdditions => OneSideRule::TakeAdditions,
                OneSide::TakeServiceNow => OneSideRule::TakeServiceNow,
                OneSide::Ask => OneSideRule::Ask,
            }),
            both_sides: self.both_sides.map(|rule| match rule {
                BothSides::Ask => BothSidesRule::Ask,
                BothSides::AskTwo => BothSidesRule::AskTwo,
                BothSides::FinerDate => BothSidesRule::FinerDate,
                BothSides::SuggestUnion => BothSidesRule::SuggestUnion,
                BothSides::MergeLines => BothSidesRule::MergeLines,
            }),
            group: self.group.clone(),
            owner: match self.owner {
                CustomFieldOwner::FrontDesk => FieldOwner::FrontDesk,
                CustomFieldOwner::Clinician => FieldOwner::Clinician,
            },
            identity: self.identity,
        }
    }
}

impl crate::Schedule {
    /// The time of the daily reconciliation; `None` where the text is no time of day.
    pub fn at(&self) -> Option<chrono::NaiveTime> {
        let plain = self.reconciliation_at.len() == 5;
        chrono::NaiveTime::parse_from_str(&self.reconciliation_at, "%H:%M").ok().filter(|_| plain)
    }
}
