//! `Appointment.participant`: the patient and the clinician (wire-facts 3.2).

use crate::MappingError;
use crate::fhir::{concept, tree};
use record::value::{PatientLink, Person};
use record::{Conventions, FieldSpec, Json, Remote};

const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
/// Who performs the visit: what is written.
const PERFORMER: &str = "PPRF";
/// Who attends it: what HL7's own example uses.
const ATTENDER: &str = "ATND";

/// The resource type an actor's reference names.
fn actor_type(participant: &Json) -> Option<&str> {
    let actor = participant.get("actor")?;
    if let Some(named) = tree::text(actor, "type") {
        return Some(named);
    }
    let reference = tree::text(actor, "reference")?.split("/_history/").next()?;
    match reference.rsplit('/').nth(1)? {
        // The EHR's own route.
        "patients" => Some("Patient"),
        named => Some(named),
    }
}

fn is_patient(participant: &Json) -> bool {
    actor_type(participant) == Some("Patient")
}

fn patient_at(appointment: &Json) -> Option<usize> {
    tree::list(appointment, "participant").iter().position(is_patient)
}

fn actor(appointment: &Json, at: usize) -> Option<&Json> {
    tree::list(appointment, "participant").get(at)?.get("actor")
}

/// The patient: a participant, or R5's `subject` where that is what the EHR sends.
pub(super) fn patient(appointment: &Json) -> Option<PatientLink> {
    let named = patient_at(appointment)
        .and_then(|at| actor(appointment, at))
        .filter(|actor| tree::text(*actor, "reference").is_some())
        .or_else(|| appointment.get("subject"))?;
    Some(PatientLink::from_reference(tree::text(named, "reference")?, tree::text(named, "display")))
}

/// The patient's id in the EHR, if it can stand in a reference.
///
/// # Errors
/// A patient without a link, or under a key that is no id.
pub(crate) fn patient_key<'a>(spec: &FieldSpec, link: &'a PatientLink) -> Result<&'a str, MappingError> {
    let key = link.key(Remote::Ehr).ok_or_else(|| crate::servicenow::not_linked(spec))?;
    let is_id = |character: char| !character.is_whitespace() && !matches!(character, '/' | '#' | '?');
    if key.is_empty() || !key.chars().all(is_id) {
        return Err(MappingError::cannot(
            spec,
            "the EHR's key of this patient is no id that a reference can name; correct the link",
        ));
    }
    Ok(key)
}

/// A reference to that id in the form of the one that stands there.
fn patient_reference(standing: Option<&str>, id: &str) -> String {
    let standing = standing.and_then(|reference| reference.split("/_history/").next());
    match standing.and_then(|reference| reference.rsplit_once('/')) {
        Some((before, _)) if before.ends_with("Patient") || before.ends_with("patients") => {
            format!("{before}/{id}")
        }
        _ => format!("Patient/{id}"),
    }
}

/// Points a reference at another patient. What else it says is about the one before.
fn point(reference: &mut Json, id: &str, name: Option<&str>) {
    let target = patient_reference(tree::text(&*reference, "reference"), id);
    let moved = tree::text(&*reference, "reference") != Some(target.as_str());
    tree::set_primitive(reference, "reference", Json::String(target));
    if moved {
        reference.remove("identifier");
        reference.remove("display");
        reference.remove("_display");
        if let Some(name) = name {
            reference.set("display", Json::str(name));
        }
    }
}

pub(super) fn write_patient(appointment: &mut Json, id: &str, name: Option<&str>) {
    let at = patient_at(appointment);
    let subject = appointment.get_mut("subject");
    let by_subject_alone = at.is_none() && subject.is_some();
    if let Some(subject) = subject {
        point(subject, id, name);
    }
    if by_subject_alone {
        return;
    }
    let Some(participants) = tree::items_mut(appointment, "participant") else { return };
    if let Some(standing) =
        at.and_then(|at| participants.get_mut(at)).and_then(|found| found.get_mut("actor"))
    {
        point(standing, id, name);
        return;
    }
    let mut patient = Json::object([("reference", Json::String(format!("Patient/{id}")))]);
    if let Some(name) = name {
        patient.set("display", Json::str(name));
    }
    participants.insert(
        0,
        Json::object([
            ("actor", patient),
            ("required", Json::str("required")),
            ("status", Json::str("accepted")),
        ]),
    );
}

pub(super) fn clear_patient(appointment: &mut Json) {
    if let Some(at) = patient_at(appointment) {
        remove_at(appointment, at);
    }
    appointment.remove("subject");
}

/// The participant who is the clinician: the performer, else who attends, else the first practitioner without a part.
fn clinician_at(appointment: &Json) -> Option<usize> {
    let participants = tree::list(appointment, "participant");
    let may_be = |participant: &Json| {
        matches!(actor_type(participant), None | Some("Practitioner" | "PractitionerRole"))
    };
    let with_part = |part: &str| {
        participants.iter().position(|participant| {
            may_be(participant)
                && tree::items(participant, "type").any(|kind| concept::has_code(kind, PARTICIPATION, part))
        })
    };
    with_part(PERFORMER).or_else(|| with_part(ATTENDER)).or_else(|| {
        participants.iter().position(|participant| {
            participant.get("type").is_none()
                && matches!(actor_type(participant), Some("Practitioner" | "PractitionerRole"))
        })
    })
}

pub(super) fn clinician(appointment: &Json, conventions: &Conventions) -> Option<Person> {
    let actor = actor(appointment, clinician_at(appointment)?)?;
    Person::from_reference(tree::text(actor, "reference"), tree::text(actor, "display"), conventions)
}

/// The reference and name written for a person.
pub(crate) fn practitioner(
    person: &Person,
    conventions: &Conventions,
) -> Result<(String, Option<String>), String> {
    if let Some(member) = person.member(conventions) {
        let name = Some(member.name.clone()).filter(|name| !name.trim().is_empty());
        return Ok((member.practitioner.clone(), name));
    }
    match &person.key {
        // Somebody only the EHR knows, as when a write is taken back.
        Some(key) if key.contains('/') => Ok((key.clone(), person.name.clone())),
        Some(_) | None => {
            Err("the staff table has no practitioner of the EHR for this clinician; add the clinician to \
                               the table, or choose somebody who is in it"
                .to_owned())
        }
    }
}

pub(super) fn write_clinician(
    appointment: &mut Json,
    person: &Person,
    conventions: &Conventions,
) -> Result<(), String> {
    let (reference, name) = practitioner(person, conventions)?;
    let mut fresh = Json::object([("reference", Json::String(reference))]);
    if let Some(name) = name {
        fresh.set("display", Json::String(name));
    }
    let at = clinician_at(appointment);
    let Some(participants) = tree::items_mut(appointment, "participant") else { return Ok(()) };
    match at.and_then(|at| participants.get_mut(at)) {
        // Their part, whether they are required and whether they accepted stay.
        Some(standing) => standing.set("actor", fresh),
        None => participants.push(Json::object([
            ("type", Json::Array(vec![concept::of_code(PARTICIPATION, PERFORMER, "primary performer")])),
            ("actor", fresh),
            ("required", Json::str("required")),
            ("status", Json::str("accepted")),
        ])),
    }
    Ok(())
}

pub(super) fn clear_clinician(appointment: &mut Json) {
    if let Some(at) = clinician_at(appointment) {
        remove_at(appointment, at);
    }
}

/// Takes a participant away, whole: what else stands in it is about that actor.
fn remove_at(appointment: &mut Json, at: usize) {
    if let Some(participants) = appointment.get_mut("participant").and_then(Json::items_mut) {
        participants.remove(at);
    }
    tree::drop_if_empty(appointment, "participant");
}
