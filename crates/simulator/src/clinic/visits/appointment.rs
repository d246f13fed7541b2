//! One appointment as both systems keep it.

use super::super::Rates;
use super::super::differ::other_name;
use super::super::generate::Draw;
use super::super::truth::{Expected, FieldTruth, LinkTruth};
use super::words::{BOOKED, CANCELLED, DONE, NO_SHOW, PRESENT, REASONS, REQUESTED, STAFF, TYPES};
use super::{APPOINTMENT_SYSTEM, Animal, AppointmentCase, AppointmentTruth, VisitRow, hour, stamped};
use crate::clock::{servicenow_text, utc};
use record::Json;

type Stage = (&'static [&'static str], &'static [&'static str]);

/// What one system believes about an appointment.
#[derive(Debug, Clone, PartialEq)]
struct Facts {
    start_ms: i64,
    minutes: u32,
    clinician: Option<usize>,
    kind: Option<usize>,
    reason: Option<&'static str>,
    stage: Stage,
}

/// The appointment of that number.
pub(super) fn make(animal: &Animal, number: u64, rates: &Rates, draw: &mut Draw) -> AppointmentCase {
    let future = draw.chance(40);
    let (start_ms, clinician) = hour(number, future, rates.visits_around_ms);
    let stage = match (future, draw.below(20)) {
        (true, 0 | 1) => REQUESTED,
        (_, 2) => CANCELLED,
        (true, _) => BOOKED,
        (false, 3) => NO_SHOW,
        (false, _) => DONE,
    };
    let facts = Facts {
        start_ms,
        minutes: [15, 20, 30, 45].get(draw.index(4)).copied().unwrap_or(30),
        clinician: Some(clinician),
        kind: (!draw.chance(8)).then(|| draw.index(TYPES.len())),
        reason: (!draw.chance(15)).then(|| draw.pick(REASONS)),
        stage,
    };
    let key = draw.hex();
    let id = format!("ap-{number:07x}{:03x}", draw.below(4_096));
    let mut truth = AppointmentTruth {
        servicenow_key: None,
        ehr_key: None,
        patient: (animal.row.clone(), animal.chart.clone()),
        link: LinkTruth::CrossReference,
        fields: Vec::new(),
        breaks: Vec::new(),
    };
    if animal.deceased && future && stage != CANCELLED {
        truth.breaks.push("patient_deceased".to_owned());
    }
    let (mut ours, mut theirs) = (facts.clone(), facts.clone());
    let roll = draw.below(1_000);
    let alone = rates.visit_one_sided;
    let (in_servicenow, in_ehr) = match (&animal.row, &animal.chart) {
        (Some(_), Some(_)) if animal.linked && roll >= alone => (true, true),
        (Some(_), Some(_)) => (roll.is_multiple_of(2), !roll.is_multiple_of(2)),
        (row, chart) => (row.is_some(), chart.is_some()),
    };
    let both = in_servicenow && in_ehr;
    if both {
        if draw.per_mille(rates.visit_minor) {
            truth.fields.extend(minor(&mut ours, &mut theirs, draw));
        } else if draw.per_mille(rates.visit_conflict) {
            truth.fields.extend(conflict(&mut ours, &mut theirs, draw));
        }
    } else {
        truth.link = LinkTruth::Alone;
        // What nobody has taken over yet may be wrong in ways that only one side shows.
        if draw.per_mille(rates.visit_conflict) {
            truth.breaks.extend(break_a_rule(&mut ours, &mut theirs, in_servicenow, draw));
        }
    }
    let (row_ms, resource_ms) =
        (changed_ms(start_ms, draw), changed_ms(start_ms, draw) + i64::from(draw.below(1_000)));
    let row = in_servicenow.then(|| {
        truth.servicenow_key = Some(key.clone());
        let mut row = row_of(&ours, animal.row.as_deref(), number, draw);
        if both {
            row.insert("u_ehr_id".to_owned(), id.clone());
        }
        stamped(&key, row_ms, draw.below(5), &mut row);
        (key.clone(), row)
    });
    let resource = in_ehr.then(|| {
        truth.ehr_key = Some(id.clone());
        let reference = both.then_some(key.as_str());
        (id.clone(), resource_of(&theirs, &id, animal.chart.as_deref(), reference, draw), resource_ms)
    });
    if both {
        for field in ["appointment_date", "appointment_type", "reason_for_visit", "appointment_status"] {
            if !truth.fields.iter().any(|known| known.field == field) {
                truth.fields.push(FieldTruth::equal(field));
            }
        }
    }
    AppointmentCase { row, resource, truth }
}

/// Appointments are last touched some days before they take place, none after the clinic's history ends.
fn changed_ms(start_ms: i64, draw: &mut Draw) -> i64 {
    let before = start_ms - i64::from(draw.below(20 * 86_400)) * 1_000;
    before.min(super::HISTORY_ENDS_MS - i64::from(draw.below(86_400)) * 1_000)
}

/// A difference that a rule may settle: one side says nothing.
fn minor(ours: &mut Facts, theirs: &mut Facts, draw: &mut Draw) -> Option<FieldTruth> {
    let in_ehr = draw.chance(50);
    let expected = if in_ehr { Expected::TakeServiceNow } else { Expected::TakeEhr };
    let silent = if in_ehr { theirs } else { ours };
    match draw.below(2) {
        0 if silent.reason.is_some() => {
            silent.reason = None;
            Some(FieldTruth::may("reason_for_visit", expected))
        }
        _ if silent.kind.is_some() => {
            silent.kind = None;
            Some(FieldTruth::may("appointment_type", expected))
        }
        _ => None,
    }
}

/// A difference that only a person may settle, since nothing was ever agreed.
fn conflict(ours: &mut Facts, theirs: &mut Facts, draw: &mut Draw) -> Option<FieldTruth> {
    let field = match draw.below(6) {
        // Moved on one side: by hours, or to another day.
        0 => {
            theirs.start_ms +=
                [7_200_000, 86_400_000, -86_400_000].get(draw.index(3)).copied().unwrap_or(3_600_000);
            "appointment_date"
        }
        1 => {
            theirs.minutes += 15;
            "duration_minutes"
        }
        2 => {
            theirs.clinician = theirs.clinician.map(|at| (at + 1) % super::STAFF_BOTH);
            "assigned_clinician"
        }
        3 => {
            let at = ours.kind?;
            theirs.kind = Some((at + 1) % TYPES.len());
            "appointment_type"
        }
        4 => {
            let words = ours.reason?;
            let at = REASONS.iter().position(|known| *known == words)?;
            theirs.reason = REASONS.get((at + 1) % REASONS.len()).copied();
            "reason_for_visit"
        }
        // Called off here, taking place there.
        _ => {
            ours.stage = CANCELLED;
            theirs.stage = if theirs.start_ms < super::HISTORY_ENDS_MS { DONE } else { PRESENT };
            "appointment_status"
        }
    };
    Some(FieldTruth::ask(field))
}

/// Something no appointment should be.
fn break_a_rule(
    ours: &mut Facts,
    theirs: &mut Facts,
    in_servicenow: bool,
    draw: &mut Draw,
) -> Option<String> {
    let side = if in_servicenow { ours } else { theirs };
    Some(
        match draw.below(3) {
            0 => {
                side.minutes = 900;
                "duration_implausible"
            }
            1 => {
                // Known to one system only.
                side.clinician = STAFF.iter().position(|member| {
                    if in_servicenow {
                        member.practitioner_id.is_none()
                    } else {
                        member.servicenow_key.is_none()
                    }
                });
                "clinician_unknown"
            }
            _ if side.start_ms < super::HISTORY_ENDS_MS => {
                side.stage = BOOKED;
                "open_after_its_time"
            }
            _ => return None,
        }
        .to_owned(),
    )
}

fn row_of(facts: &Facts, patient: Option<&str>, number: u64, draw: &mut Draw) -> VisitRow {
    let mut row = VisitRow::new();
    let mut set = |column: &str, value: String| {
        if !value.is_empty() {
            row.insert(column.to_owned(), value);
        }
    };
    set("u_number", format!("APT{number:07}"));
    set("u_patient", patient.unwrap_or_default().to_owned());
    set("u_appointment_date", servicenow_text(facts.start_ms));
    set("u_duration_minutes", facts.minutes.to_string());
    let clinician = facts.clinician.and_then(|at| STAFF.get(at)).and_then(|member| member.servicenow_key);
    set("u_assigned_clinician", clinician.unwrap_or_default().to_owned());
    set(
        "u_appointment_type",
        facts.kind.and_then(|at| TYPES.get(at)).map_or("", |(value, _)| value).to_owned(),
    );
    set("u_reason_for_visit", untidy(facts.reason.unwrap_or_default(), draw));
    set("u_appointment_status", draw.pick(facts.stage.0).to_owned());
    set("u_reminder_sent", if draw.chance(50) { "true" } else { "false" }.to_owned());
    set("u_room", if draw.chance(30) { format!("Room {}", 1 + draw.below(4)) } else { String::new() });
    row
}

fn untidy(words: &str, draw: &mut Draw) -> String {
    match draw.below(8) {
        0 => words.to_uppercase(),
        1 if !words.is_empty() => format!("{words}  "),
        _ => words.to_owned(),
    }
}

/// The same instant, as systems write it: in UTC, with an offset, with milliseconds.
fn instant(at_ms: i64, draw: &mut Draw) -> String {
    let offset =
        |hours: i32| chrono::FixedOffset::east_opt(hours * 3_600).map(|zone| utc(at_ms).with_timezone(&zone));
    match draw.below(4) {
        0 => offset(-5).map(|time| time.format("%Y-%m-%dT%H:%M:%S%:z").to_string()),
        1 => offset(1).map(|time| time.format("%Y-%m-%dT%H:%M:%S%:z").to_string()),
        2 => Some(utc(at_ms).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
        _ => None,
    }
    .unwrap_or_else(|| utc(at_ms).format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn words(text: &str) -> Json {
    Json::object([("text", Json::str(text))])
}

fn coded(system: &str, code: &str) -> Json {
    let coding = Json::object([("system", Json::str(system)), ("code", Json::str(code))]);
    Json::object([("coding", Json::Array(vec![coding]))])
}

fn resource_of(
    facts: &Facts,
    id: &str,
    patient: Option<&str>,
    reference: Option<&str>,
    draw: &mut Draw,
) -> Json {
    let mut appointment = Json::object([("resourceType", Json::str("Appointment")), ("id", Json::str(id))]);
    let mut identifiers = Vec::new();
    if let Some(key) = reference {
        identifiers.push((APPOINTMENT_SYSTEM, key.to_owned()));
    }
    if draw.chance(30) {
        identifiers.push(("https://calendar.example/booking", format!("B-{}", draw.below(1_000_000))));
    }
    if !identifiers.is_empty() {
        let all = identifiers
            .into_iter()
            .map(|(system, value)| {
                Json::object([("system", Json::str(system)), ("value", Json::String(value))])
            })
            .collect();
        appointment.set("identifier", Json::Array(all));
    }
    appointment.set("status", Json::str(draw.pick(facts.stage.1)));
    if facts.stage == CANCELLED && draw.chance(50) {
        appointment.set("cancelationReason", words("Owner called"));
    }
    if let Some((value, names)) = facts.kind.and_then(|at| TYPES.get(at)) {
        appointment.set("serviceType", Json::Array(vec![words(draw.pick(names))]));
        if *value == "emergency" {
            appointment
                .set("appointmentType", coded("http://terminology.hl7.org/CodeSystem/v2-0276", "EMERGENCY"));
        }
    }
    if let Some(reason) = facts.reason {
        appointment.set("reasonCode", Json::Array(vec![words(reason)]));
    }
    if draw.chance(20) {
        appointment.set("description", Json::String(format!("Visit of {}", other_name("", draw))));
    }
    appointment.set("start", Json::String(instant(facts.start_ms, draw)));
    appointment.set("end", Json::String(instant(facts.start_ms + i64::from(facts.minutes) * 60_000, draw)));
    if !draw.chance(20) {
        appointment.set("minutesDuration", Json::Number(facts.minutes.to_string()));
    }
    let mut participants = Vec::new();
    let participant = |actor: Json, part: Option<&str>| {
        let mut one = Json::Object(Vec::new());
        if let Some(part) = part {
            let kind = coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", part);
            one.set("type", Json::Array(vec![kind]));
        }
        one.set("actor", actor);
        one.set("status", Json::str("accepted"));
        one
    };
    if let Some(patient) = patient {
        let actor = Json::object([("reference", Json::String(format!("Patient/{patient}")))]);
        participants.push(participant(actor, None));
    }
    if let Some(member) = facts.clinician.and_then(|at| STAFF.get(at))
        && let Some(practitioner) = member.practitioner_id
    {
        let actor = Json::object([
            ("reference", Json::String(format!("Practitioner/{practitioner}"))),
            ("display", Json::str(member.name)),
        ]);
        let part = draw.pick(&["PPRF", "PPRF", "ATND"]);
        participants.push(participant(actor, Some(part)));
    }
    if draw.chance(25) {
        let actor =
            Json::object([("reference", Json::str("Location/room-2")), ("display", Json::str("Room 2"))]);
        participants.push(participant(actor, None));
    }
    if draw.chance(30) {
        participants.reverse();
    }
    appointment.set("participant", Json::Array(participants));
    appointment
}
