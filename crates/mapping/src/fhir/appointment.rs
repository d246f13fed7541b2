//! FHIR R4 Appointment <-> record.
//!
//! An appointment travels as a bare resource. `put` changes the place of its field and nothing else, as for a patient; the
//! place of start and duration includes `end`, which app-2 demands, and the place of the status includes
//! `cancelationReason`, which app-4 forbids beside most statuses (wire-facts 3.2).

mod parties;
mod slot;

pub(super) use parties::{patient_key, practitioner};

use super::{check, concept, identifier, tree};
use crate::node::{Node, Scalar};
use crate::{MappingError, text};
use record::catalogue::{AppointmentPlace, FhirPlace};
use record::codes::appointment_status::AppointmentStatus;
use record::codes::appointment_types;
use record::value::{Coded, Status, Value, ValueProblem};
use record::{Catalogue, Conventions, FieldIx, FieldSpec, FieldState, Json, Record, Remote};
use std::sync::Arc;

/// How an Appointment is read and written.
#[derive(Debug, Clone)]
pub struct AppointmentLens {
    /// The fields.
    pub catalogue: Arc<Catalogue>,
    /// The hospital's ways of writing, its staff among them.
    pub conventions: Arc<Conventions>,
    /// Identifier system of the ServiceNow table's keys.
    pub servicenow_system: String,
}

const MISMATCH: &str =
    "the value is of another type than the field; correct the field's type in the configuration";

impl AppointmentLens {
    /// Reads an Appointment.
    pub fn get(&self, appointment: &Json) -> Result<Record, MappingError> {
        is_appointment(appointment)?;
        Ok(Record {
            kind: self.catalogue.kind,
            key: tree::text(appointment, "id").unwrap_or_default().to_owned(),
            other_key: identifier::of_system(appointment, &self.servicenow_system).map(str::to_owned),
            active: tree::text(appointment, "status") != Some(AppointmentStatus::EnteredInError.code()),
            deceased: false,
            fields: self.catalogue.iter().map(|(_, spec)| self.field(appointment, spec)).collect(),
        })
    }

    fn field(&self, appointment: &Json, spec: &FieldSpec) -> FieldState {
        let FhirPlace::Appointment(place) = &spec.place else { return FieldState::Unknown };
        let said = self.stated(appointment, spec, *place);
        // A summary leaves elements out: what is missing from it is not empty (wire-facts 4, "subset results").
        if said.is_blank() && is_subset(appointment) { FieldState::Unknown } else { said }
    }

    fn stated(&self, appointment: &Json, spec: &FieldSpec, place: AppointmentPlace) -> FieldState {
        let conventions = &*self.conventions;
        match place {
            AppointmentPlace::Patient => said(parties::patient(appointment).map(Value::PatientLink)),
            AppointmentPlace::Start => match tree::text(appointment, "start") {
                None if tree::absent_reason(appointment, "start") == Some("masked") => FieldState::Unknown,
                None => FieldState::Blank,
                Some(written) => text::read(&spec.value_type, written, conventions),
            },
            AppointmentPlace::Duration => slot::duration(appointment),
            AppointmentPlace::Clinician => {
                said(parties::clinician(appointment, conventions).map(Value::Person))
            }
            AppointmentPlace::ServiceType => match tree::items(appointment, "serviceType").next() {
                Some(kind) => concept::read(kind, &spec.value_type, conventions),
                None => FieldState::Blank,
            },
            AppointmentPlace::Reason => {
                match tree::items(appointment, "reasonCode").next().and_then(concept::label) {
                    Some(label) => text::read(&spec.value_type, label, conventions),
                    None => FieldState::Blank,
                }
            }
            AppointmentPlace::Status => match tree::text(appointment, "status") {
                None => FieldState::Blank,
                Some(code) => match AppointmentStatus::from_code(code) {
                    Some(meaning) => {
                        FieldState::Value(Value::Status(Status { raw: code.to_owned(), meaning }))
                    }
                    None => FieldState::Invalid {
                        raw: code.to_owned(),
                        problem: ValueProblem {
                            problem: "not one of FHIR's appointment statuses".to_owned(),
                            way_out: "enter a status such as booked, fulfilled or cancelled in the EHR"
                                .to_owned(),
                        },
                    },
                },
            },
        }
    }

    /// Sets one field; everything else stays as it was. What would not read back as `state` is refused, and then nothing is
    /// changed. Whether the whole is a valid Appointment is [`AppointmentLens::body`]'s question.
    pub fn put(
        &self,
        appointment: &mut Json,
        field: FieldIx,
        state: &FieldState,
    ) -> Result<(), MappingError> {
        is_appointment(appointment)?;
        let spec = self.catalogue.spec(field).ok_or_else(|| {
            MappingError::not_this_kind(format!("no field at position {} of the catalogue", field.0))
        })?;
        let FhirPlace::Appointment(place) = &spec.place else {
            return Err(MappingError::cannot(spec, MISMATCH));
        };
        let state = &text::as_said_by(Remote::Ehr, state);
        let before = self.field(appointment, spec);
        if *state == FieldState::Unknown || before == *state {
            return Ok(());
        }
        // The EHR's status stays while it means the same stage (wire-facts 10.5), and a reference while it names the same patient.
        let keeps_its_words = matches!(place, AppointmentPlace::Status | AppointmentPlace::Patient);
        if keeps_its_words && text::says_the_same(&before, state) {
            return Ok(());
        }
        if is_subset(appointment) {
            return Err(MappingError::cannot(
                spec,
                "the EHR sent a summary of the appointment (tag SUBSETTED), which must not be written back; read the \
                 whole appointment first",
            ));
        }
        let mut changed = appointment.clone();
        match state {
            FieldState::Unknown => return Ok(()),
            FieldState::Blank => clear(&mut changed, spec, *place)?,
            FieldState::Value(value) => self.write(&mut changed, spec, *place, value)?,
            FieldState::Invalid { problem, .. } => {
                return Err(MappingError::cannot(spec, format!("{}; {}", problem.problem, problem.way_out)));
            }
        }
        if !text::says_the_same(&self.field(&changed, spec), state) {
            return Err(MappingError::cannot(
                spec,
                if state.is_blank() {
                    "the EHR holds a further entry that would take its place; remove that one in the EHR first"
                } else {
                    "the EHR's resource cannot hold this value without changing it; enter it there by hand"
                },
            ));
        }
        *appointment = changed;
        Ok(())
    }

    fn write(
        &self,
        appointment: &mut Json,
        spec: &FieldSpec,
        place: AppointmentPlace,
        value: &Value,
    ) -> Result<(), MappingError> {
        let conventions = &*self.conventions;
        let cannot = |problem: String| MappingError::cannot(spec, problem);
        match (place, value) {
            (AppointmentPlace::Patient, Value::PatientLink(link)) => {
                let key = parties::patient_key(spec, link)?;
                parties::write_patient(appointment, key, link.name.as_deref());
            }
            (AppointmentPlace::Start, Value::Instant(start)) => {
                slot::write_start(appointment, start).map_err(cannot)?;
            }
            (AppointmentPlace::Duration, Value::Minutes(minutes)) => {
                slot::write_duration(appointment, minutes).map_err(cannot)?;
            }
            (AppointmentPlace::Clinician, Value::Person(person)) => {
                parties::write_clinician(appointment, person, conventions).map_err(cannot)?;
            }
            (AppointmentPlace::ServiceType, Value::Coded(coded)) => {
                self.write_type(appointment, spec, coded);
            }
            (AppointmentPlace::Reason, Value::Text(reason)) => write_reason(appointment, reason),
            (AppointmentPlace::Status, Value::Status(status)) => write_status(appointment, status.meaning),
            _ => return Err(MappingError::cannot(spec, MISMATCH)),
        }
        Ok(())
    }

    /// The type as `serviceType[0]`, and the hint that goes with it, unless the EHR holds one of its own.
    fn write_type(&self, appointment: &mut Json, spec: &FieldSpec, coded: &Coded) {
        let ours = hint_is_ours(appointment, &self.conventions);
        if let Some(types) = tree::items_mut(appointment, "serviceType") {
            if types.is_empty() {
                types.push(Json::Object(Vec::new()));
            }
            if let Some(first) = types.first_mut() {
                concept::write(first, coded, &spec.value_type, None, &self.conventions);
            }
        }
        if ours {
            let hint = appointment_types::hint(coded);
            let stands = appointment
                .get("appointmentType")
                .is_some_and(|kind| concept::has_code(kind, appointment_types::APPOINTMENT_REASON, hint));
            if !stands {
                let hint = concept::of_code(appointment_types::APPOINTMENT_REASON, hint, "");
                appointment.set("appointmentType", hint);
            }
        }
    }

    /// The whole body of a PUT or POST: the current resource with these changes. `servicenow_key` is written as the
    /// appointment's identifier of the ServiceNow table.
    ///
    /// # Errors
    /// Besides what [`AppointmentLens::put`] refuses: changes that together are no valid Appointment, such as a booked one
    /// without a start (app-3).
    pub fn body(
        &self,
        appointment: &Json,
        writes: &[(FieldIx, FieldState)],
        servicenow_key: Option<&str>,
    ) -> Result<Json, MappingError> {
        let mut body = appointment.clone();
        is_appointment(&body)?;
        if let Some(key) = servicenow_key {
            if is_subset(&body) {
                return Err(MappingError::not_this_kind(
                    "the EHR sent a summary of the appointment (tag SUBSETTED), which must not be written back",
                ));
            }
            identifier::write_of_system(&mut body, &self.servicenow_system, key);
        }
        let mut ordered: Vec<&(FieldIx, FieldState)> = writes.iter().collect();
        // The end follows from start and duration: the duration first, and values before blanks.
        ordered.sort_by_key(|(field, state)| {
            let place = self.catalogue.spec(*field).map(|spec| &spec.place);
            (state.is_blank(), place != Some(&FhirPlace::Appointment(AppointmentPlace::Duration)))
        });
        for (field, state) in ordered {
            self.put(&mut body, *field, state)?;
        }
        if body.get("status").is_none() {
            // What stands in a calendar is booked, what has no time yet is wished for.
            let status = if body.get("start").is_some() {
                AppointmentStatus::Booked
            } else {
                AppointmentStatus::Proposed
            };
            body.set("status", Json::str(status.code()));
        }
        let names_nobody = parties::patient(&body).is_none();
        if names_nobody && (appointment.get("status").is_none() || parties::patient(appointment).is_some()) {
            let finding = check::Finding {
                path: "Appointment.participant".to_owned(),
                problem: "an appointment needs a patient; choose one".to_owned(),
            };
            return Err(self.invalid(&finding, writes));
        }
        match check::introduced(appointment, &body).into_iter().next() {
            None => Ok(body),
            Some(finding) => Err(self.invalid(&finding, writes)),
        }
    }

    /// Names the field that a finding is about.
    fn invalid(&self, finding: &check::Finding, writes: &[(FieldIx, FieldState)]) -> MappingError {
        let concerned = |place: AppointmentPlace| {
            self.catalogue
                .iter()
                .find(|(_, spec)| spec.place == FhirPlace::Appointment(place))
                .map(|(_, spec)| spec)
        };
        let place = match finding.path.rsplit('.').next().unwrap_or_default() {
            "start" | "end" => Some(AppointmentPlace::Start),
            "minutesDuration" => Some(AppointmentPlace::Duration),
            "participant" => Some(AppointmentPlace::Patient),
            "status" | "cancelationReason" => Some(AppointmentPlace::Status),
            _ => None,
        };
        let spec = place
            .and_then(concerned)
            .or_else(|| writes.first().and_then(|(field, _)| self.catalogue.spec(*field)));
        match spec {
            Some(spec) => MappingError::cannot(spec, finding.problem.clone()),
            None => MappingError::not_this_kind(finding.to_string()),
        }
    }

    /// A new, empty Appointment for a POST; its status and participants come with the writes.
    pub fn empty(&self) -> Json {
        Json::object([("resourceType", Json::str("Appointment"))])
    }
}

fn said(value: Option<Value>) -> FieldState {
    value.map_or(FieldState::Blank, FieldState::Value)
}

fn is_appointment(json: &Json) -> Result<(), MappingError> {
    if tree::text(json, "resourceType") == Some("Appointment") {
        Ok(())
    } else {
        Err(MappingError::not_this_kind("expected a FHIR Appointment (a JSON object with that resourceType)"))
    }
}

/// Whether the server left elements out (`meta.tag` SUBSETTED).
fn is_subset(appointment: &Json) -> bool {
    appointment
        .get("meta")
        .is_some_and(|meta| tree::items(meta, "tag").any(|tag| tree::text(tag, "code") == Some("SUBSETTED")))
}

/// Whether `appointmentType` is missing, or just the hint that goes with the type that stands there.
fn hint_is_ours(appointment: &Json, conventions: &Conventions) -> bool {
    let Some(kind) = appointment.get("appointmentType") else { return true };
    let stands = tree::items(appointment, "serviceType").next().and_then(|service| {
        let codings = concept::codings(service);
        appointment_types::type_from(codings, tree::text(service, "text"), conventions)
    });
    stands.is_some_and(|stands| {
        tree::list(kind, "coding").len() == 1
            && !tree::has_more_than(kind, &["coding"])
            && concept::has_code(
                kind,
                appointment_types::APPOINTMENT_REASON,
                appointment_types::hint(&stands),
            )
    })
}

/// Writes the reason; codes that named another one go.
fn write_reason(appointment: &mut Json, reason: &str) {
    let Some(reasons) = tree::items_mut(appointment, "reasonCode") else { return };
    if reasons.is_empty() {
        reasons.push(Json::Object(Vec::new()));
    }
    let Some(first) = reasons.first_mut() else { return };
    let stands = concept::label(&*first).map(text::folded);
    if stands.is_some_and(|stands| stands != text::folded(reason)) {
        first.remove("coding");
    }
    tree::set_primitive(first, "text", Json::str(reason));
}

fn write_status(appointment: &mut Json, meaning: AppointmentStatus) {
    tree::set_primitive(appointment, "status", Json::str(meaning.code()));
    // app-4: a reason for a cancellation only beside one.
    if !matches!(meaning, AppointmentStatus::Cancelled | AppointmentStatus::NoShow) {
        appointment.remove("cancelationReason");
    }
}

fn clear(appointment: &mut Json, spec: &FieldSpec, place: AppointmentPlace) -> Result<(), MappingError> {
    match place {
        AppointmentPlace::Patient => parties::clear_patient(appointment),
        AppointmentPlace::Start => {
            slot::clear_start(appointment).map_err(|problem| MappingError::cannot(spec, problem))?;
        }
        AppointmentPlace::Duration => {
            appointment.remove("minutesDuration");
            if appointment.get("end").is_some() {
                return Err(MappingError::cannot(
                    spec,
                    "an appointment with a start and an end has a duration; enter the right one instead of none",
                ));
            }
        }
        AppointmentPlace::Clinician => parties::clear_clinician(appointment),
        AppointmentPlace::ServiceType => take_first(appointment, "serviceType"),
        AppointmentPlace::Reason => take_first(appointment, "reasonCode"),
        AppointmentPlace::Status => {
            return Err(MappingError::cannot(
                spec,
                "an appointment always has a status in the EHR; cancel it instead",
            ));
        }
    }
    Ok(())
}

fn take_first(appointment: &mut Json, key: &str) {
    if let Some(items) = appointment.get_mut(key).and_then(Json::items_mut)
        && !items.is_empty()
    {
        items.remove(0);
    }
    tree::drop_if_empty(appointment, key);
}

/// A number member as text.
fn number<'a>(object: &'a Json, key: &str) -> Option<&'a str> {
    match object.get(key).map(Node::scalar) {
        Some(Scalar::Number(number)) => Some(number),
        _ => None,
    }
}
