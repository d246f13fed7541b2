//! A clinic that goes on working, one thing after another: owners call, appointments are booked, moved and called off on
//! either side, an animal is registered at the EHR. For demonstrations: what is right then is not counted.

use super::generate::Draw;
use super::visits::STAFF;
use super::vocabulary::{NOTES, PETS};
use crate::clock::{servicenow_text, utc};
use crate::ehr::Ehr;
use crate::servicenow::Instance;
use record::Json;
use std::collections::BTreeMap;

const PATIENTS: &str = "u_patient_record";
const APPOINTMENTS: &str = "u_appointment";
/// Who sits there.
const DESK: &str = "front.desk";
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// One thing that happened, and to which record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The owner has another number: told at ServiceNow's desk.
    OwnerCalled {
        /// The row.
        servicenow_key: String,
    },
    /// A line was added to the notes in ServiceNow.
    NoteAdded {
        /// The row.
        servicenow_key: String,
    },
    /// An appointment was entered in ServiceNow.
    Booked {
        /// The row.
        servicenow_key: String,
    },
    /// An appointment was moved in ServiceNow.
    MovedInServiceNow {
        /// The row.
        servicenow_key: String,
    },
    /// An appointment was moved in the EHR.
    MovedInEhr {
        /// The resource.
        ehr_key: String,
    },
    /// An appointment was called off in the EHR.
    CalledOff {
        /// The resource.
        ehr_key: String,
    },
    /// An animal came for the first time, and was registered at the EHR.
    Registered {
        /// The resource.
        ehr_key: String,
    },
}

/// The next thing: the same for the same seed, number and clinic. Nothing where what was drawn does not apply (a clinic
/// without appointments to come).
pub(crate) fn go_on(
    seed: u64,
    number: u64,
    now_ms: i64,
    servicenow: &Instance,
    ehr: &Ehr,
) -> Option<Happening> {
    let mut draw = Draw::new(seed ^ 0x776f_726b, number);
    let draw = &mut draw;
    match draw.below(10) {
        0 | 1 => {
            let (key, _) = one_of(draw, living(servicenow))?;
            let phone = draw.phone();
            servicenow
                .edit_row(PATIENTS, &key, &[("u_owner_phone", &phone)], DESK)
                .then_some(Happening::OwnerCalled { servicenow_key: key })
        }
        2 => {
            let (key, row) = one_of(draw, living(servicenow))?;
            let before = row.get("u_medical_notes").map_or("", String::as_str);
            let line = format!("{}: {}", utc(now_ms).format("%Y-%m-%d"), draw.pick(NOTES));
            let notes = if before.is_empty() { line } else { format!("{before}\n{line}") };
            servicenow
                .edit_row(PATIENTS, &key, &[("u_medical_notes", &notes)], DESK)
                .then_some(Happening::NoteAdded { servicenow_key: key })
        }
        3 | 4 => book(draw, now_ms, servicenow),
        5 => {
            let (key, row) = one_of(draw, to_come(servicenow, now_ms))?;
            let begins = row.get("u_appointment_date")?;
            let begins = chrono::NaiveDateTime::parse_from_str(begins, "%Y-%m-%d %H:%M:%S").ok()?;
            let later = servicenow_text(begins.and_utc().timestamp_millis() + DAY_MS);
            servicenow
                .edit_row(APPOINTMENTS, &key, &[("u_appointment_date", &later)], DESK)
                .then_some(Happening::MovedInServiceNow { servicenow_key: key })
        }
        6 | 7 => {
            let id = one_of(draw, booked(ehr, now_ms))?;
            ehr.edit_appointment(&id, |resource| {
                for name in ["start", "end"] {
                    if let Some(at_ms) = instant(resource, name) {
                        let later = utc(at_ms + DAY_MS).format("%Y-%m-%dT%H:%M:%SZ");
                        resource.set(name, Json::String(later.to_string()));
                    }
                }
            })
            .then_some(Happening::MovedInEhr { ehr_key: id })
        }
        8 => {
            let id = one_of(draw, booked(ehr, now_ms))?;
            ehr.edit_appointment(&id, |resource| resource.set("status", Json::str("cancelled")))
                .then_some(Happening::CalledOff { ehr_key: id })
        }
        _ => register(draw, ehr),
    }
}

fn one_of<T>(draw: &mut Draw, mut all: Vec<T>) -> Option<T> {
    if all.is_empty() {
        return None;
    }
    let at = draw.index(all.len());
    Some(all.swap_remove(at))
}

/// Patients that both systems know and that still come.
fn living(servicenow: &Instance) -> Vec<(String, BTreeMap<String, String>)> {
    let is = |row: &BTreeMap<String, String>, column: &str, value: &str| {
        row.get(column).is_some_and(|held| held == value)
    };
    let mut rows = servicenow.rows(PATIENTS, "u_ehr_idISNOTEMPTY");
    rows.retain(|(_, row)| !is(row, "u_deceased", "true") && !is(row, "u_active", "false"));
    rows
}

fn to_come(servicenow: &Instance, now_ms: i64) -> Vec<(String, BTreeMap<String, String>)> {
    let now = servicenow_text(now_ms);
    let mut rows = servicenow.rows(APPOINTMENTS, "u_appointment_statusINscheduled,confirmed");
    rows.retain(|(_, row)| row.get("u_appointment_date").is_some_and(|begins| *begins > now));
    rows
}

fn instant(resource: &Json, name: &str) -> Option<i64> {
    let text = resource.get(name).and_then(Json::as_str)?;
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}

fn booked(ehr: &Ehr, now_ms: i64) -> Vec<String> {
    let to_come = |id: &String| {
        ehr.appointment(id).is_some_and(|resource| {
            resource.get("status").and_then(Json::as_str) == Some("booked")
                && instant(&resource, "start").is_some_and(|start_ms| start_ms > now_ms)
        })
    };
    ehr.appointment_ids().into_iter().filter(to_come).collect()
}

/// A visit of half an hour within the next days, with somebody whom both systems know.
fn book(draw: &mut Draw, now_ms: i64, servicenow: &Instance) -> Option<Happening> {
    let (patient, _) = one_of(draw, living(servicenow))?;
    let known: Vec<&str> = STAFF
        .iter()
        .filter(|one| one.practitioner_id.is_some())
        .filter_map(|one| one.servicenow_key)
        .collect();
    let clinician = one_of(draw, known)?;
    let today = now_ms - now_ms.rem_euclid(DAY_MS);
    let begins_ms = today + i64::from(1 + draw.below(5)) * DAY_MS + i64::from(14 + draw.below(6)) * HOUR_MS;
    let begins = servicenow_text(begins_ms);
    let values = [
        ("u_patient", patient.as_str()),
        ("u_appointment_date", &begins),
        ("u_duration_minutes", "30"),
        ("u_appointment_type", "recheck"),
        ("u_assigned_clinician", clinician),
        ("u_reason_for_visit", "Check-up after the last visit"),
        ("u_appointment_status", "scheduled"),
    ];
    let servicenow_key = servicenow.insert_row(APPOINTMENTS, &values, DESK)?;
    Some(Happening::Booked { servicenow_key })
}

/// Another animal of the kind of one that is there, with a name, an owner and a number of its own.
fn register(draw: &mut Draw, ehr: &Ehr) -> Option<Happening> {
    let like = one_of(draw, ehr.ids())?;
    let mut chart = ehr.chart(&like)?;
    chart.allergies.clear();
    let (id, name, owner, phone) = (draw.uuid(), draw.pick(PETS), draw.owner_name(), draw.phone());
    let patient = &mut chart.patient;
    patient.set("id", Json::str(id.clone()));
    for gone in ["meta", "identifier", "contact", "deceasedBoolean", "deceasedDateTime", "text"] {
        let _nobody_misses_it = patient.remove(gone);
    }
    patient.set("active", Json::Bool(true));
    patient.set("name", Json::Array(vec![Json::object([("text", Json::str(name))])]));
    let contact = format!(
        r#"[{{"relationship":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0063","code":"OWN"}}]}}],"name":{{"text":"{owner}"}},"telecom":[{{"system":"phone","value":"+1{phone}"}}]}}]"#
    );
    patient.set("contact", Json::parse(&contact).ok()?);
    ehr.put_chart(&id, chart, None);
    Some(Happening::Registered { ehr_key: id })
}
