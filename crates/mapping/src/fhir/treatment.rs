//! FHIR R4 Bundle of a treatment <-> record.
//!
//! A treatment is written once, as one Bundle of type `collection`: the Encounter, one `Condition` per diagnosis, one
//! `Procedure` and one `MedicationRequest` each (wire-facts 3.3 to 3.5, 11). Nothing in it is made up: what has no code
//! stays text, what is not known is left out. A later version is a new Bundle that says which one it revises.

mod history;
mod reading;

pub use history::History;

use super::appointment::{patient_key, practitioner};
use super::{concept, tree};
use crate::MappingError;
use record::catalogue::{FhirPlace, TreatmentPlace};
use record::codes::medication;
use record::text::folded_text;
use record::value::{Coding, Instant, Person, Value};
use record::{Catalogue, Conventions, FieldSpec, FieldState, Json, Record};
use std::collections::BTreeMap;
use std::sync::Arc;

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// How a treatment is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TreatmentForm {
    /// A Bundle of type `collection`, which the EHR's own route takes.
    #[default]
    Collection,
    /// A Bundle of type `transaction`: every resource is created on a condition, so that sending it again makes nothing
    /// twice. The condition on the Encounter would not protect the others, so each has an identifier of its own.
    Transaction,
}

/// How a treatment is written and read.
#[derive(Debug, Clone)]
pub struct TreatmentLens {
    /// How a treatment is sent.
    pub form: TreatmentForm,
    /// The fields.
    pub catalogue: Arc<Catalogue>,
    /// The hospital's ways of writing, its staff among them.
    pub conventions: Arc<Conventions>,
    /// Identifier system of the ServiceNow table's keys.
    pub servicenow_system: String,
    /// `Encounter.class`, which ServiceNow does not say: an ambulatory visit by default.
    pub class: Coding,
    /// `Encounter.status`, which ServiceNow does not say: `finished` by default, because completed treatments are sent.
    pub status: String,
    /// URL of the extension that holds the notes.
    pub note_url: String,
    /// Codes the hospital has for its diagnoses, procedures and medications, by folded text.
    pub codes: BTreeMap<String, Coding>,
}

/// Which version of a treatment a Bundle is.
#[derive(Debug, Clone, Copy)]
pub struct TreatmentVersion<'a> {
    /// 1 for the first, and up.
    pub number: u32,
    /// When this version is recorded.
    pub recorded: &'a Instant,
    /// The reference of the earlier version's Encounter (`Encounter/e-1`), where the EHR gave it an id; a later version
    /// without it refers to the earlier one by its identifier.
    pub revises: Option<&'a str>,
    /// The reference of the appointment it was given at (`Appointment/ap-1`), where the EHR has it.
    pub appointment: Option<&'a str>,
}

impl TreatmentLens {
    /// A lens with the defaults of an ambulatory visit.
    pub fn new(
        catalogue: Arc<Catalogue>,
        conventions: Arc<Conventions>,
        servicenow_system: String,
    ) -> TreatmentLens {
        TreatmentLens {
            form: TreatmentForm::default(),
            catalogue,
            conventions,
            servicenow_system,
            class: Coding {
                system: ACT_CODE.to_owned(),
                code: "AMB".to_owned(),
                display: Some("ambulatory".to_owned()),
            },
            status: "finished".to_owned(),
            note_url: "http://hl7.org/fhir/StructureDefinition/note".to_owned(),
            codes: BTreeMap::new(),
        }
    }

    /// The system of version identifiers.
    pub fn version_system(&self) -> String {
        format!("{}/version", self.servicenow_system)
    }

    /// The identifier of one version: the key of its Bundle, by which it is looked up before it is sent again.
    pub fn version_identifier(key: &str, number: u32) -> String {
        format!("{key}-v{number}")
    }

    /// Writes a treatment, as ServiceNow says it, as one Bundle. `ids` gives UUIDs in lower case for the entries; the
    /// same ids give the same Bundle.
    ///
    /// # Errors
    /// A patient who is not linked, a clinician without a practitioner, values that cannot be read.
    pub fn write(
        &self,
        record: &Record,
        version: TreatmentVersion<'_>,
        mut ids: impl FnMut() -> String,
    ) -> Result<Json, MappingError> {
        let mut said = Said::default();
        for (at, spec) in self.catalogue.iter() {
            if let FhirPlace::Treatment(place) = &spec.place {
                self.take(&mut said, spec, *place, record.field(at))?;
            }
        }
        let subject = said.subject.take().ok_or_else(|| self.patient_missing())?;
        let mut url = || format!("urn:uuid:{}", ids());
        let visit = Visit { url: url(), subject, start: said.start.take(), doctor: said.doctor.take() };
        let mut entries = Vec::new();
        let mut diagnosis = Vec::new();
        for text in &said.diagnoses {
            let address = url();
            diagnosis.push(Json::object([("condition", reference(&address))]));
            entries.push(entry(address, self.condition(&visit, text)));
        }
        entries.extend(said.procedures.iter().map(|text| entry(url(), self.procedure(&visit, text))));
        entries.extend(said.medications.iter().map(|line| entry(url(), self.medication(&visit, line))));
        let encounter = self.encounter(&visit, record, version, said.notes.as_deref(), diagnosis);
        entries.insert(0, entry(visit.url.clone(), encounter));
        if version.number > 1 {
            let address = url();
            entries.push(entry(address, self.provenance(&visit, record, version)));
        }
        let kind = match self.form {
            TreatmentForm::Collection => "collection",
            TreatmentForm::Transaction => {
                let identifier = TreatmentLens::version_identifier(&record.key, version.number);
                for (at, entry) in entries.iter_mut().enumerate() {
                    self.create_on_a_condition(entry, at, &identifier);
                }
                "transaction"
            }
        };
        Ok(Json::object([
            ("resourceType", Json::str("Bundle")),
            ("identifier", self.version_of(record, version.number)),
            ("type", Json::str(kind)),
            ("timestamp", Json::String(version.recorded.fhir())),
            ("entry", Json::Array(entries)),
        ]))
    }

    /// Makes an entry a create that is carried out once. A Provenance has no identifier in R4: a second one says the same
    /// again, and changes nothing.
    fn create_on_a_condition(&self, entry: &mut Json, at: usize, version: &str) {
        let Some(resource) = entry.get_mut("resource") else { return };
        let kind = tree::text(&*resource, "resourceType").unwrap_or_default().to_owned();
        let system = self.version_system();
        // The Encounter carries the version's identifier already.
        let value = if at == 0 { version.to_owned() } else { format!("{version}-{at}") };
        let mut request = Json::object([("method", Json::str("POST")), ("url", Json::str(kind.as_str()))]);
        if kind != "Provenance" {
            if at > 0 {
                let identifier = Json::object([
                    ("system", Json::str(system.as_str())),
                    ("value", Json::str(value.as_str())),
                ]);
                resource.set("identifier", Json::Array(vec![identifier]));
            }
            request.set("ifNoneExist", Json::String(format!("identifier={system}|{value}")));
        }
        entry.set("request", request);
    }

    fn patient_missing(&self) -> MappingError {
        let place = FhirPlace::Treatment(TreatmentPlace::Patient);
        match self.catalogue.iter().find(|(_, spec)| spec.place == place) {
            Some((_, spec)) => {
                MappingError::cannot(spec, "a treatment needs a patient; choose one in ServiceNow")
            }
            None => MappingError::not_this_kind("the catalogue of treatments has no patient"),
        }
    }

    fn take(
        &self,
        said: &mut Said,
        spec: &FieldSpec,
        place: TreatmentPlace,
        state: &FieldState,
    ) -> Result<(), MappingError> {
        let value = match state {
            FieldState::Unknown | FieldState::Blank => return Ok(()),
            FieldState::Value(value) => value,
            FieldState::Invalid { problem, .. } => {
                return Err(MappingError::cannot(spec, format!("{}; {}", problem.problem, problem.way_out)));
            }
        };
        match (place, value) {
            (TreatmentPlace::Patient, Value::PatientLink(link)) => {
                let id = patient_key(spec, link)?;
                said.subject = Some(format!("Patient/{id}"));
            }
            (TreatmentPlace::Start, Value::Instant(start)) => said.start = Some(start.fhir()),
            (TreatmentPlace::Clinician, Value::Person(person)) => {
                said.doctor = Some(self.doctor(spec, person)?);
            }
            (TreatmentPlace::Diagnoses, Value::Items(list)) => said.diagnoses.clone_from(&list.items),
            (TreatmentPlace::Procedures, Value::Items(list)) => said.procedures.clone_from(&list.items),
            (TreatmentPlace::Medications, Value::Items(list)) => said.medications.clone_from(&list.items),
            (TreatmentPlace::Notes, Value::LongText(text)) => said.notes = Some(text.clone()),
            _ => {
                return Err(MappingError::cannot(
                    spec,
                    "the value is of another type than the field; correct the field's type in the configuration",
                ));
            }
        }
        Ok(())
    }

    fn doctor(&self, spec: &FieldSpec, person: &Person) -> Result<Json, MappingError> {
        let (target, name) =
            practitioner(person, &self.conventions).map_err(|problem| MappingError::cannot(spec, problem))?;
        let mut doctor = reference(&target);
        if let Some(name) = name {
            doctor.set("display", Json::String(name));
        }
        Ok(doctor)
    }

    fn version_of(&self, record: &Record, number: u32) -> Json {
        Json::object([
            ("system", Json::String(self.version_system())),
            ("value", Json::String(TreatmentLens::version_identifier(&record.key, number))),
        ])
    }

    fn encounter(
        &self,
        visit: &Visit,
        record: &Record,
        version: TreatmentVersion<'_>,
        notes: Option<&str>,
        diagnosis: Vec<Json>,
    ) -> Json {
        let mut encounter = Json::object([("resourceType", Json::str("Encounter"))]);
        if let Some(notes) = notes {
            let mut annotation = Json::Object(Vec::new());
            if let Some(author) = visit.doctor.as_ref().and_then(|doctor| tree::text(doctor, "display")) {
                annotation.set("authorString", Json::str(author));
            }
            annotation.set("text", Json::str(notes));
            let note =
                Json::object([("url", Json::str(self.note_url.as_str())), ("valueAnnotation", annotation)]);
            encounter.set("extension", Json::Array(vec![note]));
        }
        let key = Json::object([
            ("system", Json::str(self.servicenow_system.as_str())),
            ("value", Json::str(record.key.as_str())),
        ]);
        encounter.set("identifier", Json::Array(vec![key, self.version_of(record, version.number)]));
        encounter.set("status", Json::str(self.status.as_str()));
        encounter.set("class", concept::coding_json(&self.class));
        encounter.set("subject", reference(&visit.subject));
        if let Some(doctor) = &visit.doctor {
            let part = concept::of_code(PARTICIPATION, "PPRF", "primary performer");
            encounter.set(
                "participant",
                Json::Array(vec![Json::object([
                    ("type", Json::Array(vec![part])),
                    ("individual", doctor.clone()),
                ])]),
            );
        }
        if let Some(appointment) = version.appointment {
            encounter.set("appointment", Json::Array(vec![reference(appointment)]));
        }
        if let Some(start) = &visit.start {
            encounter.set("period", Json::object([("start", Json::str(start.as_str()))]));
        }
        if !diagnosis.is_empty() {
            encounter.set("diagnosis", Json::Array(diagnosis));
        }
        encounter
    }

    fn condition(&self, visit: &Visit, text: &str) -> Json {
        let verification = if is_doubtful(text) { "provisional" } else { "confirmed" };
        let mut condition = Json::object([
            ("resourceType", Json::str("Condition")),
            ("clinicalStatus", concept::of_code(CLINICAL, "active", "")),
            ("verificationStatus", concept::of_code(VERIFICATION, verification, "")),
            ("category", Json::Array(vec![concept::of_code(CATEGORY, "encounter-diagnosis", "")])),
            ("code", self.coded(text)),
            ("subject", reference(&visit.subject)),
            ("encounter", reference(&visit.url)),
        ]);
        if let Some(start) = &visit.start {
            condition.set("recordedDate", Json::str(start.as_str()));
        }
        condition
    }

    fn procedure(&self, visit: &Visit, text: &str) -> Json {
        let mut procedure = Json::object([
            ("resourceType", Json::str("Procedure")),
            ("status", Json::str("completed")),
            ("code", self.coded(text)),
            ("subject", reference(&visit.subject)),
            ("encounter", reference(&visit.url)),
        ]);
        if let Some(start) = &visit.start {
            procedure.set("performedDateTime", Json::str(start.as_str()));
        }
        procedure
    }

    fn medication(&self, visit: &Visit, line: &str) -> Json {
        let prescription = medication::split(line);
        let mut request = Json::object([
            ("resourceType", Json::str("MedicationRequest")),
            ("status", Json::str("active")),
            ("intent", Json::str("order")),
            ("medicationCodeableConcept", self.coded(prescription.medication)),
            ("subject", reference(&visit.subject)),
            ("encounter", reference(&visit.url)),
        ]);
        if let Some(start) = &visit.start {
            request.set("authoredOn", Json::str(start.as_str()));
        }
        if let Some(doctor) = &visit.doctor {
            request.set("requester", doctor.clone());
        }
        if let Some(directions) = prescription.directions {
            let mut dosage = Json::object([("text", Json::str(directions))]);
            if let Some((code, written)) = medication::timing(directions) {
                let mut timing = concept::of_code(medication::TIMING, code, "");
                timing.set("text", Json::String(written));
                dosage.set("timing", Json::object([("code", timing)]));
            }
            request.set("dosageInstruction", Json::Array(vec![dosage]));
        }
        request
    }

    /// That this version revises an earlier one (FHIR R4 Provenance).
    fn provenance(&self, visit: &Visit, record: &Record, version: TreatmentVersion<'_>) -> Json {
        let earlier = match version.revises {
            Some(earlier) => reference(earlier),
            None => {
                let number = version.number.saturating_sub(1);
                Json::object([
                    ("type", Json::str("Encounter")),
                    ("identifier", self.version_of(record, number)),
                ])
            }
        };
        Json::object([
            ("resourceType", Json::str("Provenance")),
            ("target", Json::Array(vec![reference(&visit.url)])),
            ("recorded", Json::String(version.recorded.fhir())),
            (
                "agent",
                Json::Array(vec![Json::object([("who", Json::object([("display", Json::str("VetSync"))]))])]),
            ),
            ("entity", Json::Array(vec![Json::object([("role", Json::str("revision")), ("what", earlier)])])),
        ])
    }

    /// The text, with the hospital's code for it if there is one.
    fn coded(&self, text: &str) -> Json {
        let mut concept = Json::Object(Vec::new());
        if let Some(coding) = self.codes.get(&folded_text(text)) {
            concept.set("coding", Json::Array(vec![concept::coding_json(coding)]));
        }
        concept.set("text", Json::str(text));
        concept
    }
}

/// What a treatment says, in the form it is written.
#[derive(Default)]
struct Said {
    subject: Option<String>,
    start: Option<String>,
    doctor: Option<Json>,
    diagnoses: Vec<String>,
    procedures: Vec<String>,
    medications: Vec<String>,
    notes: Option<String>,
}

/// What every resource of a treatment repeats.
struct Visit {
    url: String,
    subject: String,
    start: Option<String>,
    doctor: Option<Json>,
}

fn reference(target: &str) -> Json {
    Json::object([("reference", Json::str(target))])
}

fn entry(url: String, resource: Json) -> Json {
    Json::object([("fullUrl", Json::String(url)), ("resource", resource)])
}

/// Whether a diagnosis is written as a guess: it must not stand as confirmed in the EHR.
fn is_doubtful(text: &str) -> bool {
    let folded = folded_text(text);
    text.contains('?')
        || folded.starts_with("r/o ")
        || ["suspect", "rule out", "possible", "probable", "presumptive", "tentative", "ddx", "differential"]
            .iter()
            .any(|word| folded.contains(word))
}
