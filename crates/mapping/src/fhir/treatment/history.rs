//! Whether the EHR shows a treatment in the medical history of its patient.

use super::TreatmentLens;
use super::reading::{Visit, is_void};
use super::{CLINICAL, VERIFICATION};
use crate::fhir::{concept, tree};
use record::Json;

/// What the EHR shows of a treatment among a patient's own records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Conditions that count.
    pub conditions: usize,
    /// Procedures that count.
    pub procedures: usize,
    /// Prescriptions that count.
    pub medications: usize,
    /// What is not as it has to be, in words.
    pub problems: Vec<String>,
}

impl TreatmentLens {
    /// What a Bundle, as it was read back, shows in the history of this patient of the EHR: each of its resources has to
    /// stand under the patient, and a Condition has to say whether it lasts and how sure it is, or no
    /// list of the patient's problems shows it (FHIR R4 con-3).
    pub fn history(&self, bundle: &Json, patient: &str) -> History {
        let mut found = History::default();
        let Ok(visit) = Visit::find(bundle) else {
            found.problems.push("the EHR shows no visit".to_owned());
            return found;
        };
        if !names_patient(visit.encounter, patient) {
            found.problems.push("the visit stands under another patient".to_owned());
        }
        let kinds =
            [("Condition", "condition"), ("Procedure", "procedure"), ("MedicationRequest", "prescription")];
        for (kind, name) in kinds {
            let mut count = 0;
            for (at, resource) in visit.resources(kind).filter(|resource| !is_void(resource)).enumerate() {
                count += 1;
                if !names_patient(resource, patient) {
                    found.problems.push(format!("{name} {} stands under another patient", at + 1));
                }
                if kind == "Condition" {
                    let says = |key, system| {
                        resource.get(key).and_then(|status| concept::code_of(status, system)).is_some()
                    };
                    if !says("clinicalStatus", CLINICAL) || !says("verificationStatus", VERIFICATION) {
                        found.problems.push(format!(
                            "{name} {} does not say whether it lasts and how sure it is",
                            at + 1
                        ));
                    }
                }
            }
            *match kind {
                "Condition" => &mut found.conditions,
                "Procedure" => &mut found.procedures,
                _ => &mut found.medications,
            } = count;
        }
        found
    }
}

fn names_patient(resource: &Json, patient: &str) -> bool {
    let named =
        resource.get("subject").and_then(|subject| tree::text(subject, "reference")).unwrap_or_default();
    let bare = named.split("/_history/").next().unwrap_or(named);
    bare.rsplit_once('/').is_some_and(|(kind, id)| id == patient && kind.ends_with("Patient"))
}
