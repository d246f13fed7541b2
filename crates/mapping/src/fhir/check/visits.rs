//! Rules of FHIR R4 for appointments and for the resources of a treatment (wire-facts 3.2 to 3.6).

use super::{Finding, found};
use crate::fhir::{concept, tree};
use record::Json;
use record::codes::appointment_status::AppointmentStatus;
use record::value::Instant;

/// FHIR R4 `participationstatus`.
const PARTICIPATION_STATUS: &[&str] = &["accepted", "declined", "tentative", "needs-action"];

const ENCOUNTER_STATUS: &[&str] = &[
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
    "unknown",
];

/// FHIR R4 `event-status`, with a hyphen in `not-done`.
const EVENT_STATUS: &[&str] = &[
    "preparation",
    "in-progress",
    "not-done",
    "on-hold",
    "stopped",
    "completed",
    "entered-in-error",
    "unknown",
];

const REQUEST_STATUS: &[&str] =
    &["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"];

const REQUEST_INTENT: &[&str] = &[
    "proposal",
    "plan",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
];

fn moment(object: &Json, key: &str) -> Option<Instant> {
    Instant::parse(tree::text(object, key)?).ok()
}

/// A FHIR instant or a `dateTime` with a time: `T` between date and time, and an offset.
fn is_instant(text: &str) -> bool {
    text.as_bytes().get(10) == Some(&b'T') && Instant::parse(text).is_ok()
}

fn code_in(resource: &Json, key: &str, codes: &[&str], path: &str, findings: &mut Vec<Finding>) {
    if !tree::text(resource, key).is_some_and(|code| codes.contains(&code)) {
        found(findings, format!("{path}.{key}"), "missing, or not one of FHIR's codes");
    }
}

fn needs(resource: &Json, key: &str, path: &str, findings: &mut Vec<Finding>) {
    if resource.get(key).is_none() {
        found(findings, format!("{path}.{key}"), "is required");
    }
}

pub(super) fn appointment(appointment: &Json, path: &str, findings: &mut Vec<Finding>) {
    let status = tree::text(appointment, "status").and_then(AppointmentStatus::from_code);
    if status.is_none() {
        found(findings, format!("{path}.status"), "missing, or not one of FHIR's appointment statuses");
    }
    for key in ["start", "end"] {
        if let Some(written) = appointment.get(key)
            && !written.as_str().is_some_and(is_instant)
        {
            found(findings, format!("{path}.{key}"), "not a FHIR instant");
        }
    }
    let has = |key: &str| appointment.get(key).is_some();
    if has("start") != has("end") {
        found(findings, format!("{path}.end"), "start and end stand together or not at all (app-2)");
    }
    let may_lack_time = matches!(
        status,
        None | Some(AppointmentStatus::Proposed | AppointmentStatus::Cancelled | AppointmentStatus::Waitlist)
    );
    let has_time = has("start") && has("end");
    if !has_time && !may_lack_time {
        found(
            findings,
            format!("{path}.start"),
            "only a proposed, cancelled or wait-listed appointment has no start and end (app-3); enter date, time and \
             duration",
        );
    }
    let may_have_reason =
        matches!(status, None | Some(AppointmentStatus::Cancelled | AppointmentStatus::NoShow));
    if has("cancelationReason") && !may_have_reason {
        found(
            findings,
            format!("{path}.cancelationReason"),
            "only a cancelled or missed appointment has a reason for it (app-4)",
        );
    }
    if let (Some(start), Some(end)) = (moment(appointment, "start"), moment(appointment, "end"))
        && end.seconds <= start.seconds
    {
        found(findings, format!("{path}.end"), "the end comes before the start");
    }
    if let Some(minutes) = appointment.get("minutesDuration")
        && !matches!(minutes, Json::Number(number) if number.parse::<u32>().is_ok_and(|number| number > 0))
    {
        found(findings, format!("{path}.minutesDuration"), "not a positive whole number");
    }
    let participants = tree::list(appointment, "participant");
    if participants.is_empty() {
        found(findings, format!("{path}.participant"), "an appointment needs a patient");
    }
    for (at, participant) in participants.iter().enumerate() {
        let path = format!("{path}.participant[{at}]");
        if participant.get("type").is_none() && participant.get("actor").is_none() {
            found(findings, path.as_str(), "needs a type or an actor (app-1)");
        }
        code_in(participant, "status", PARTICIPATION_STATUS, &path, findings);
    }
}

pub(super) fn encounter(encounter: &Json, path: &str, findings: &mut Vec<Finding>) {
    code_in(encounter, "status", ENCOUNTER_STATUS, path, findings);
    if !matches!(encounter.get("class"), Some(class @ Json::Object(_)) if tree::text(class, "code").is_some())
    {
        found(findings, format!("{path}.class"), "must be one Coding");
    }
    needs(encounter, "subject", path, findings);
    if encounter.get("note").is_some() {
        found(findings, format!("{path}.note"), "an Encounter has no note; use the extension");
    }
    if let Some(period) = encounter.get("period")
        && let (Some(start), Some(end)) = (moment(period, "start"), moment(period, "end"))
        && end.seconds < start.seconds
    {
        found(findings, format!("{path}.period"), "the end comes before the start (per-1)");
    }
    for (at, diagnosis) in tree::list(encounter, "diagnosis").iter().enumerate() {
        needs(diagnosis, "condition", &format!("{path}.diagnosis[{at}]"), findings);
    }
}

pub(super) fn condition(condition: &Json, path: &str, findings: &mut Vec<Finding>) {
    const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
    const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    needs(condition, "subject", path, findings);
    let code =
        |key: &str, system: &str| condition.get(key).and_then(|status| concept::code_of(status, system));
    if code("verificationStatus", VERIFICATION) == Some("entered-in-error")
        && condition.get("clinicalStatus").is_some()
    {
        found(
            findings,
            format!("{path}.clinicalStatus"),
            "a condition entered in error has no clinical status (con-5)",
        );
    }
    let abated = condition.members().iter().any(|(key, _)| key.starts_with("abatement"));
    if abated && !matches!(code("clinicalStatus", CLINICAL), Some("inactive" | "resolved" | "remission")) {
        found(findings, format!("{path}.clinicalStatus"), "a condition that ended is not active (con-4)");
    }
}

pub(super) fn procedure(procedure: &Json, path: &str, findings: &mut Vec<Finding>) {
    code_in(procedure, "status", EVENT_STATUS, path, findings);
    needs(procedure, "subject", path, findings);
}

pub(super) fn medication_request(request: &Json, path: &str, findings: &mut Vec<Finding>) {
    code_in(request, "status", REQUEST_STATUS, path, findings);
    code_in(request, "intent", REQUEST_INTENT, path, findings);
    needs(request, "subject", path, findings);
    let medications = ["medicationCodeableConcept", "medicationReference"];
    if medications.iter().filter(|key| request.get(key).is_some()).count() != 1 {
        found(findings, format!("{path}.medication"), "needs exactly one medication");
    }
}

pub(super) fn provenance(provenance: &Json, path: &str, findings: &mut Vec<Finding>) {
    for key in ["target", "agent"] {
        if tree::list(provenance, key).is_empty() {
            found(findings, format!("{path}.{key}"), "is required");
        }
    }
    if !tree::text(provenance, "recorded").is_some_and(is_instant) {
        found(findings, format!("{path}.recorded"), "not a FHIR instant");
    }
    for (at, agent) in tree::list(provenance, "agent").iter().enumerate() {
        needs(agent, "who", &format!("{path}.agent[{at}]"), findings);
    }
}
