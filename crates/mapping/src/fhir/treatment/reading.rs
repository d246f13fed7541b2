//! A treatment's Bundle as a record: what the EHR holds, compared with what ServiceNow says.

use super::TreatmentLens;
use crate::fhir::{concept, extension, identifier, tree};
use crate::{MappingError, text};
use record::catalogue::{FhirPlace, TreatmentPlace};
use record::value::{ItemList, PatientLink, Person, Value};
use record::{FieldSpec, FieldState, Json, Record};

const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

/// The Encounter of a Bundle and how its other resources name it.
pub(super) struct Visit<'a> {
    bundle: &'a Json,
    pub(super) encounter: &'a Json,
    url: Option<&'a str>,
}

impl<'a> Visit<'a> {
    pub(super) fn find(bundle: &'a Json) -> Result<Visit<'a>, MappingError> {
        if tree::text(bundle, "resourceType") != Some("Bundle") {
            return Err(MappingError::not_this_kind("expected the Bundle of a treatment"));
        }
        tree::list(bundle, "entry")
            .iter()
            .filter_map(|entry| Some((entry, entry.get("resource")?)))
            .find(|(_, resource)| tree::text(*resource, "resourceType") == Some("Encounter"))
            .map(|(entry, encounter)| Visit { bundle, encounter, url: tree::text(entry, "fullUrl") })
            .ok_or_else(|| MappingError::not_this_kind("the Bundle holds no Encounter"))
    }

    /// The resources of that type that belong to the Encounter, in their order. One that names no Encounter counts: it came
    /// in the same Bundle.
    pub(super) fn resources(&self, kind: &'a str) -> impl Iterator<Item = &'a Json> {
        let id = tree::text(self.encounter, "id");
        let url = self.url;
        tree::list(self.bundle, "entry")
            .iter()
            .filter_map(|entry| entry.get("resource"))
            .filter(move |resource| tree::text(*resource, "resourceType") == Some(kind))
            .filter(move |resource| {
                let Some(named) =
                    resource.get("encounter").and_then(|encounter| tree::text(encounter, "reference"))
                else {
                    return true;
                };
                let bare = named.split("/_history/").next().unwrap_or(named);
                Some(named) == url || id.is_some_and(|id| bare.rsplit('/').next() == Some(id))
            })
    }

    fn items(&self, kind: &'a str, item: impl Fn(&'a Json) -> Option<String>) -> FieldState {
        let items: Vec<String> = self.resources(kind).filter_map(item).collect();
        if items.is_empty() {
            FieldState::Blank
        } else {
            FieldState::Value(Value::Items(ItemList::of(items)))
        }
    }
}

/// Whether a resource was taken back or never happened.
pub(super) fn is_void(resource: &Json) -> bool {
    matches!(tree::text(resource, "status"), Some("entered-in-error" | "not-done" | "cancelled"))
        || resource
            .get("verificationStatus")
            .and_then(|status| concept::code_of(status, VERIFICATION))
            .is_some_and(|code| matches!(code, "entered-in-error" | "refuted"))
}

fn named(resource: &Json, key: &str) -> Option<String> {
    if is_void(resource) {
        return None;
    }
    resource.get(key).and_then(concept::label).map(str::to_owned)
}

/// The medication with its directions behind it, as the line was written.
fn prescription(request: &Json) -> Option<String> {
    let medication = named(request, "medicationCodeableConcept").or_else(|| {
        let reference = request.get("medicationReference").filter(|_| !is_void(request))?;
        tree::text(reference, "display").map(str::to_owned)
    })?;
    let directions: Vec<&str> = tree::items(request, "dosageInstruction")
        .filter_map(|dosage| tree::text(dosage, "text").or_else(|| tree::text(dosage, "patientInstruction")))
        .collect();
    Some(std::iter::once(medication.as_str()).chain(directions).collect::<Vec<_>>().join(" "))
}

impl TreatmentLens {
    /// Reads a Bundle.
    pub fn get(&self, bundle: &Json) -> Result<Record, MappingError> {
        let visit = Visit::find(bundle)?;
        Ok(Record {
            kind: self.catalogue.kind,
            key: tree::text(visit.encounter, "id").unwrap_or_default().to_owned(),
            other_key: identifier::of_system(visit.encounter, &self.servicenow_system).map(str::to_owned),
            active: tree::text(visit.encounter, "status") != Some("entered-in-error"),
            deceased: false,
            fields: self.catalogue.iter().map(|(_, spec)| self.field(&visit, spec)).collect(),
        })
    }

    /// Which version of the treatment a Bundle is, where it says.
    pub fn version(&self, bundle: &Json) -> Option<u32> {
        let visit = Visit::find(bundle).ok()?;
        let identifier = identifier::of_system(visit.encounter, &self.version_system())?;
        identifier.rsplit_once("-v")?.1.parse().ok()
    }

    fn field(&self, visit: &Visit<'_>, spec: &FieldSpec) -> FieldState {
        let FhirPlace::Treatment(place) = &spec.place else { return FieldState::Unknown };
        let encounter = visit.encounter;
        let conventions = &*self.conventions;
        let plain = |written: Option<&str>| match written {
            Some(written) => text::read(&spec.value_type, written, conventions),
            None => FieldState::Blank,
        };
        let said = |value: Option<Value>| value.map_or(FieldState::Blank, FieldState::Value);
        match place {
            TreatmentPlace::Patient => said(encounter.get("subject").and_then(|subject| {
                let reference = tree::text(subject, "reference")?;
                Some(Value::PatientLink(PatientLink::from_reference(
                    reference,
                    tree::text(subject, "display"),
                )))
            })),
            TreatmentPlace::Start => {
                plain(encounter.get("period").and_then(|period| tree::text(period, "start")))
            }
            TreatmentPlace::Clinician => said(
                tree::items(encounter, "participant")
                    .find_map(|participant| participant.get("individual"))
                    .and_then(|doctor| {
                        Person::from_reference(
                            tree::text(doctor, "reference"),
                            tree::text(doctor, "display"),
                            conventions,
                        )
                    })
                    .map(Value::Person),
            ),
            TreatmentPlace::Diagnoses => visit.items("Condition", |condition| named(condition, "code")),
            TreatmentPlace::Procedures => visit.items("Procedure", |procedure| named(procedure, "code")),
            TreatmentPlace::Medications => visit.items("MedicationRequest", prescription),
            TreatmentPlace::Notes => {
                let note_of = |resource: &Json| {
                    let note = tree::items(resource, "note").find_map(|note| tree::text(note, "text"));
                    note.or_else(|| tree::text(resource, "summary")).map(str::to_owned)
                };
                let written = extension::note(encounter, &self.note_url)
                    .map(str::to_owned)
                    .or_else(|| note_of(encounter))
                    .or_else(|| visit.resources("ClinicalImpression").find_map(note_of));
                plain(written.as_deref())
            }
        }
    }
}
