//! Appointments: rows and FHIR resources, their laws, HL7's examples, and the rules of R4.

use crate::support::{json, same};
use crate::valid_r4::errors_of;
use mapping::fhir::check;
use mapping::{AppointmentLens, ColumnType, MappingError, RowLens};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use record::codes::appointment_status::AppointmentStatus;
use record::value::{PatientLink, Person, StaffMember, Status, Value};
use record::{Catalogue, Conventions, FieldIx, FieldState, Json, Record, Remote};
use serde_json::{Value as Serde, json as of};
use std::sync::{Arc, LazyLock};

const SYSTEM: &str = "https://clinic.service-now.example/u_appointment";
const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";
const ANA: &str = "5137153cc611227c000bbd1bd8cd2005";
const BELLA: &str = "0f3c1e2d9b7a4c5e8f60123456789abc";
const KEY: &str = "aa11bb22cc33dd44ee55ff6677889900";

fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(Catalogue::appointment_default()));
    Arc::clone(&CATALOGUE)
}

pub fn conventions() -> Arc<Conventions> {
    let staff = |user: &str, practitioner: &str, name: &str| StaffMember {
        servicenow_user: user.to_owned(),
        practitioner: practitioner.to_owned(),
        name: name.to_owned(),
    };
    Arc::new(Conventions {
        staff: vec![
            staff(LEE, "Practitioner/dr-lee", "Dr Lee"),
            staff(ANA, "Practitioner/example", "Ana López"),
        ],
        ..Conventions::default()
    })
}

pub fn lens() -> AppointmentLens {
    AppointmentLens {
        catalogue: catalogue(),
        conventions: conventions(),
        servicenow_system: SYSTEM.to_owned(),
    }
}

fn row_lens() -> RowLens {
    let mut lens = RowLens::new(catalogue(), conventions());
    lens.column_types = vec![ColumnType::Text; lens.catalogue.fields.len()];
    lens
}

pub fn field(id: &str) -> FieldIx {
    catalogue().index_of(id).unwrap_or_else(|| panic!("field {id}"))
}

/// What a text says about a field; a link to Bella knows her keys in both systems.
pub fn state(id: &str, text: &str) -> FieldState {
    let spec = catalogue().spec(field(id)).cloned().expect("field");
    let mut state = FieldState::read(&spec.value_type, text, &conventions());
    if let FieldState::Value(Value::PatientLink(link)) = &mut state {
        link.servicenow.get_or_insert_with(|| BELLA.to_owned());
        link.ehr.get_or_insert_with(|| "p-1001".to_owned());
    }
    assert!(!matches!(state, FieldState::Invalid { .. }), "{id}: {text}");
    state
}

/// The same by what the remote can say of it.
fn says(remote: Remote, read: &FieldState, wanted: &FieldState) -> bool {
    match (read, wanted) {
        (FieldState::Value(Value::PatientLink(read)), FieldState::Value(Value::PatientLink(wanted))) => {
            read.key(remote) == wanted.key(remote)
        }
        _ => same(read, wanted),
    }
}

const FULL: &[(&str, &str)] = &[
    ("patient", BELLA),
    ("appointment_date", "2025-03-10 14:30:00"),
    ("duration_minutes", "30"),
    ("assigned_clinician", LEE),
    ("appointment_type", "Recheck"),
    ("reason_for_visit", "Annual booster"),
    ("appointment_status", "scheduled"),
];

fn writes(of: &[(&str, &str)]) -> Vec<(FieldIx, FieldState)> {
    of.iter()
        .map(|(id, text)| (field(id), if text.is_empty() { FieldState::Blank } else { state(id, text) }))
        .collect()
}

fn fixture() -> Json {
    let mut written = lens().body(&lens().empty(), &writes(FULL), Some(KEY)).expect("writable");
    written.set("id", Json::str("ap-55"));
    written
}

fn problem(result: Result<Json, MappingError>) -> (String, String) {
    match result {
        Err(MappingError::CannotWrite { field, problem }) => (field, problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_appointment_has_all_that_r4_demands() {
    let body = lens().body(&lens().empty(), &writes(FULL), Some(KEY)).expect("writable");
    let expected = of!({
        "resourceType": "Appointment",
        "identifier": [{"use": "secondary", "system": SYSTEM, "value": KEY}],
        "minutesDuration": 30,
        "participant": [
            {"actor": {"reference": "Patient/p-1001"}, "required": "required", "status": "accepted"},
            {"type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
                "code": "PPRF", "display": "primary performer"}]}],
             "actor": {"reference": "Practitioner/dr-lee", "display": "Dr Lee"}, "required": "required", "status": "accepted"},
        ],
        "start": "2025-03-10T14:30:00Z",
        "end": "2025-03-10T15:00:00Z",
        "serviceType": [{"text": "Recheck"}],
        "appointmentType": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0276", "code": "FOLLOWUP"}]},
        "reasonCode": [{"text": "Annual booster"}],
        "status": "booked",
    });
    let found: Serde = serde_json::from_str(&body.to_string()).expect("JSON");
    assert_eq!(found, expected);
    assert_eq!(errors_of(&body), Vec::<String>::new());
    let record = lens().get(&body).expect("readable");
    assert_eq!(record.other_key.as_deref(), Some(KEY));
    for (id, text) in FULL {
        assert!(says(Remote::Ehr, record.field(field(id)), &state(id, text)), "{id}");
    }
}

#[test]
fn what_r4_forbids_is_refused_with_the_field_and_the_way_out() {
    let without = |missing: &[&str], more: &[(&str, &str)]| {
        let kept: Vec<(&str, &str)> = FULL
            .iter()
            .filter(|(id, _)| !missing.contains(id))
            .copied()
            .chain(more.iter().copied())
            .collect();
        lens().body(&lens().empty(), &writes(&kept), None)
    };
    // app-3: a booked appointment has a time.
    let (field_id, why) = problem(without(&["appointment_date"], &[]));
    assert_eq!(field_id, "appointment_date");
    assert!(why.contains("app-3"), "{why}");
    // app-2: an end follows from the duration alone.
    let (field_id, why) = problem(without(&["duration_minutes"], &[]));
    assert_eq!(field_id, "appointment_date");
    assert!(why.contains("duration"), "{why}");
    assert_eq!(problem(without(&["patient"], &[])).0, "patient");
    // Wished for, without a time: valid.
    let proposed =
        without(&["appointment_date", "appointment_status"], &[("appointment_status", "requested")]);
    let proposed = proposed.expect("writable");
    assert_eq!(proposed.get("start"), None);
    assert_eq!(errors_of(&proposed), Vec::<String>::new());
    // Taking the time from what is booked.
    let (field_id, why) = problem(lens().body(&fixture(), &writes(&[("appointment_date", "")]), None));
    assert_eq!(field_id, "appointment_date");
    assert!(why.contains("app-3"), "{why}");
    let cancelled = [("appointment_date", ""), ("appointment_status", "cancelled")];
    let cancelled = lens().body(&fixture(), &writes(&cancelled), None).expect("writable");
    assert_eq!((cancelled.get("start"), cancelled.get("end")), (None, None));
    assert_eq!(errors_of(&cancelled), Vec::<String>::new());
    assert_eq!(
        problem(lens().body(&fixture(), &writes(&[("duration_minutes", "")]), None)).0,
        "duration_minutes"
    );
    assert_eq!(
        problem(lens().body(&fixture(), &writes(&[("appointment_status", "")]), None)).0,
        "appointment_status"
    );
    assert_eq!(problem(lens().body(&fixture(), &writes(&[("patient", "")]), None)).0, "patient");
    // Nobody in the EHR is known by that key, or that name.
    for unknown in ["5137153cc611227c000bbd1bd8cd2999", "Dr Who"] {
        let (_, why) = problem(lens().body(&fixture(), &writes(&[("assigned_clinician", unknown)]), None));
        assert!(why.contains("staff table"), "{why}");
    }
    let unlinked = FieldState::Value(Value::PatientLink(PatientLink::to(Remote::ServiceNow, "ff")));
    let (field_id, why) = problem(lens().body(&fixture(), &[(field("patient"), unlinked)], None));
    assert!(field_id == "patient" && why.contains("link"), "{why}");
}

#[test]
fn the_checks_know_the_rules_of_an_appointment() {
    // (what is wrong with it, document, the rule)
    let patient = of!([{"actor": {"reference": "Patient/p"}, "status": "accepted"}]);
    let wrong = [
        (of!({"status": "booked", "start": "2025-03-10T14:30:00Z", "participant": patient}), "app-2"),
        (of!({"status": "booked", "participant": patient}), "app-3"),
        (
            of!({"status": "booked", "start": "2025-03-10T14:30:00Z", "end": "2025-03-10T15:00:00Z",
            "cancelationReason": {"text": "ill"}, "participant": patient}),
            "app-4",
        ),
        (of!({"status": "proposed", "participant": [{"status": "accepted"}]}), "app-1"),
        (
            of!({"status": "proposed", "participant": [{"actor": {"reference": "Patient/p"}}]}),
            "participant[0].status",
        ),
        (of!({"status": "no-show", "participant": patient}), "status"),
        (of!({"status": "proposed"}), "participant"),
        (of!({"status": "proposed", "minutesDuration": 0, "participant": patient}), "minutesDuration"),
        (
            of!({"status": "booked", "start": "2025-03-10T14:30:00", "end": "2025-03-10T15:00:00Z", "participant": patient}),
            "instant",
        ),
        (
            of!({"status": "booked", "start": "2025-03-10T14:30:00Z", "end": "2025-03-10T14:00:00Z", "participant": patient}),
            "before the start",
        ),
    ];
    for (mut document, rule) in wrong {
        document["resourceType"] = of!("Appointment");
        let findings = check::findings(&json(&document));
        assert!(findings.iter().any(|finding| finding.to_string().contains(rule)), "{rule}: {findings:?}");
    }
    assert_eq!(check::findings(&fixture()), Vec::new());
}

#[test]
fn the_end_follows_start_and_duration() {
    // (standing start, end, minutes; what is put; start, end, minutes after)
    type Times = (Option<&'static str>, Option<&'static str>, Option<u32>);
    let cases: [(Times, (&str, &str), Times); 8] = [
        // Moved: the slot keeps its length.
        (
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T09:30:00Z"), Some(30)),
            ("appointment_date", "2025-03-11 10:00:00"),
            (Some("2025-03-11T10:00:00Z"), Some("2025-03-11T10:30:00Z"), Some(30)),
        ),
        // The slot is longer than the visit, and stays so.
        (
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T09:45:00Z"), Some(30)),
            ("appointment_date", "2025-03-11 10:00:00"),
            (Some("2025-03-11T10:00:00Z"), Some("2025-03-11T10:45:00Z"), Some(30)),
        ),
        (
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T09:45:00Z"), Some(30)),
            ("duration_minutes", "40"),
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T09:55:00Z"), Some(40)),
        ),
        // The duration was only the slot's length.
        (
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T11:00:00Z"), None),
            ("duration_minutes", "60"),
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T10:00:00Z"), Some(60)),
        ),
        (
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T11:00:00Z"), None),
            ("appointment_date", "2025-03-10 10:00:00"),
            (Some("2025-03-10T10:00:00Z"), Some("2025-03-10T12:00:00Z"), None),
        ),
        // The first time at all.
        (
            (None, None, Some(15)),
            ("appointment_date", "2025-03-10 10:00:00"),
            (Some("2025-03-10T10:00:00Z"), Some("2025-03-10T10:15:00Z"), Some(15)),
        ),
        ((None, None, Some(15)), ("duration_minutes", "1970-01-01 00:20:00"), (None, None, Some(20))),
        // Without a time it still lasts as long.
        (
            (Some("2025-03-10T09:00:00Z"), Some("2025-03-10T09:20:00Z"), None),
            ("appointment_date", ""),
            (None, None, Some(20)),
        ),
    ];
    for ((start, end, minutes), (id, text), after) in cases {
        let mut document = of!({"resourceType": "Appointment", "status": "booked"});
        for (key, value) in [("start", start), ("end", end)] {
            if let Some(value) = value {
                document[key] = of!(value);
            }
        }
        if let Some(minutes) = minutes {
            document["minutesDuration"] = of!(minutes);
        }
        let mut document = json(&document);
        let put = if text.is_empty() { FieldState::Blank } else { state(id, text) };
        lens().put(&mut document, field(id), &put).expect("writable");
        let text = |key: &str| document.get(key).and_then(Json::as_str);
        let number = document.get("minutesDuration").map(ToString::to_string);
        assert_eq!(
            (text("start"), text("end"), number),
            (after.0, after.1, after.2.map(|number| number.to_string()))
        );
    }
}

#[test]
fn durations_are_read_from_what_is_there() {
    // (end, minutesDuration, what is read)
    let cases = [
        (Some("2025-03-10T09:45:00Z"), Some(30), "30"),
        (Some("2025-03-10T09:45:00Z"), None, "45"),
        // Written as the last second of the slot.
        (Some("2025-03-10T09:29:59Z"), None, "30"),
        (Some("2025-03-10T11:00:00+01:00"), None, "60"),
        (None, None, ""),
    ];
    for (end, minutes, read) in cases {
        let mut document = of!({"resourceType": "Appointment", "start": "2025-03-10T09:00:00Z"});
        if let Some(end) = end {
            document["end"] = of!(end);
        }
        if let Some(minutes) = minutes {
            document["minutesDuration"] = of!(minutes);
        }
        let record = lens().get(&json(&document)).expect("readable");
        assert_eq!(record.field(field("duration_minutes")).display(), read, "{end:?} {minutes:?}");
    }
    let words = of!({"resourceType": "Appointment", "start": "2025-03-10T09:00:00Z", "end": "2025-03-10T09:30:00Z",
        "minutesDuration": "30"});
    let record = lens().get(&json(&words)).expect("readable");
    assert!(
        matches!(record.field(field("duration_minutes")), FieldState::Invalid { raw, .. } if raw == "30")
    );
    for end in ["2025-03-10T09:00:00Z", "2025-03-10T08:00:00Z"] {
        let document = of!({"resourceType": "Appointment", "start": "2025-03-10T09:00:00Z", "end": end});
        let record = lens().get(&json(&document)).expect("readable");
        assert!(matches!(record.field(field("duration_minutes")), FieldState::Invalid { .. }), "{end}");
    }
}

#[test]
fn patient_and_clinician_are_found_and_replaced() {
    let part = |code: &str| of!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": code}]}]);
    // (participants, subject, patient, clinician)
    let cases = [
        (
            of!([{"actor": {"reference": "Patient/p-1"}}, {"type": part("PPRF"), "actor": {"reference": "Practitioner/dr-lee"}}]),
            None,
            "Patient/p-1",
            "Dr Lee",
        ),
        (
            of!([{"actor": {"reference": "https://ehr.example/fhir/Patient/p-1/_history/2", "display": "Bella"}},
            {"type": part("ATND"), "actor": {"reference": "Practitioner/9", "display": "Dr Adam Careful"}}]),
            None,
            "Patient/p-1",
            "Dr Adam Careful",
        ),
        (
            of!([{"type": part("ATND"), "actor": {"reference": "Practitioner/9"}}, {"type": part("PPRF"), "actor": {"reference": "Practitioner/dr-lee"}}]),
            None,
            "",
            "Dr Lee",
        ),
        // R5's subject.
        (
            of!([{"actor": {"reference": "Practitioner/dr-lee"}}]),
            Some("patients/p-7"),
            "Patient/p-7",
            "Dr Lee",
        ),
        (of!([{"actor": {"reference": "Location/1"}}, {"actor": {"display": "Phone Call"}}]), None, "", ""),
        (of!([{"actor": {"type": "Patient", "reference": "urn:uuid:0"}}]), None, "Patient/urn:uuid:0", ""),
    ];
    for (participants, subject, patient, clinician) in cases {
        let mut document =
            of!({"resourceType": "Appointment", "status": "proposed", "participant": participants});
        if let Some(subject) = subject {
            document["subject"] = of!({"reference": subject});
        }
        let document = json(&document);
        let record = lens().get(&document).expect("readable");
        assert_eq!(record.field(field("patient")).display(), patient, "{document}");
        assert_eq!(record.field(field("assigned_clinician")).display(), clinician, "{document}");
        let mut written = document.clone();
        lens().put(&mut written, field("patient"), &state("patient", "Patient/p-2")).expect("writable");
        lens()
            .put(&mut written, field("assigned_clinician"), &state("assigned_clinician", ANA))
            .expect("writable");
        let record = lens().get(&written).expect("readable");
        assert_eq!(record.field(field("patient")).display(), "Patient/p-2", "{written}");
        assert_eq!(record.field(field("assigned_clinician")).display(), "Ana López", "{written}");
    }
}

#[test]
fn a_clinician_is_taken_away_and_the_patient_stays() {
    let mut document = fixture();
    lens().put(&mut document, field("assigned_clinician"), &FieldState::Blank).expect("writable");
    let record = lens().get(&document).expect("readable");
    assert_eq!(record.field(field("patient")).display(), "Patient/p-1001");
    assert_eq!(record.field(field("assigned_clinician")), &FieldState::Blank);
}

#[test]
fn another_patient_is_named_in_the_form_that_stands_there() {
    // (what stands there, what is written)
    let cases = [
        ("Patient/p-1", "Patient/p-2"),
        ("https://ehr.example/r4/Patient/p-1/_history/3", "https://ehr.example/r4/Patient/p-2"),
        // No form of a patient's reference.
        ("https://ehr.example/r4/Animal/a-1", "Patient/p-2"),
        ("urn:uuid:0", "Patient/p-2"),
    ];
    for (stands, expected) in cases {
        let mut document = json(&of!({"resourceType": "Appointment", "status": "proposed",
            "participant": [{"actor": {"type": "Patient", "reference": stands}}]}));
        lens().put(&mut document, field("patient"), &state("patient", "Patient/p-2")).expect("writable");
        let written: Serde = serde_json::from_str(&document.to_string()).expect("JSON");
        assert_eq!(written["participant"][0]["actor"]["reference"], expected, "{stands}");
    }
}

/// R4, app-4: why it was called off is said beside that it was.
#[test]
fn a_reason_to_call_off_stays_only_where_it_is_called_off() {
    for (status, stays) in [("noshow", true), ("cancelled", true), ("scheduled", false), ("completed", false)]
    {
        let mut document = fixture();
        document.set("status", Json::str("cancelled"));
        document.set("cancelationReason", Json::object([("text", Json::str("ill"))]));
        let before = document.clone();
        let status = state("appointment_status", status);
        lens().put(&mut document, field("appointment_status"), &status).expect("writable");
        assert_eq!(document.get("cancelationReason").is_some(), stays, "{before} {document}");
    }
}

macro_rules! example {
    ($name:literal) => {
        ($name, include_str!(concat!("../fhir-examples/", $name, ".json")))
    };
}

const EXAMPLES: [(&str, &str); 3] =
    [example!("Appointment-example"), example!("Appointment-2docs"), example!("Appointment-examplereq")];

#[test]
fn the_official_examples_are_read() {
    // (example, what people read in catalogue order)
    let expected = [
        [
            "Patient/example",
            "2013-12-10T09:00:00Z",
            "120",
            "Dr Adam Careful",
            "General Discussion",
            "",
            "booked",
        ],
        [
            "Patient/example",
            "2013-12-09T09:00:00Z",
            "120",
            "Dr Adam Careful",
            "General Discussion",
            "",
            "booked",
        ],
        ["Patient/example", "", "15", "", "", "Clinical Review", "proposed"],
    ];
    for ((name, text), fields) in EXAMPLES.into_iter().zip(expected) {
        let record = lens().get(&Json::parse(text).expect("example")).expect("readable");
        let shown: Vec<String> = record.fields.iter().map(FieldState::display).collect();
        assert_eq!(shown, fields, "{name}");
    }
}

/// The members of a document that a change altered.
fn changed(before: &Json, after: &Json) -> Vec<String> {
    let mut names: Vec<String> =
        before.members().iter().chain(after.members()).map(|(name, _)| name.clone()).collect();
    names.sort();
    names.dedup();
    names.retain(|name| before.get(name) != after.get(name));
    names
}

/// The members a field may change.
fn place(id: &str) -> &'static [&'static str] {
    match id {
        "patient" => &["participant", "subject"],
        "assigned_clinician" => &["participant"],
        "appointment_date" => &["start", "end", "_start", "minutesDuration"],
        "duration_minutes" => &["end", "minutesDuration"],
        "appointment_type" => &["serviceType", "appointmentType"],
        "reason_for_visit" => &["reasonCode"],
        "appointment_status" => &["status", "cancelationReason"],
        other => panic!("no place for {other}"),
    }
}

#[test]
fn a_change_of_an_official_example_alters_nothing_else_and_keeps_it_valid() {
    let changes = [
        ("patient", "Patient/p-9"),
        ("appointment_date", "2025-03-10 14:30:00"),
        ("duration_minutes", "45"),
        ("assigned_clinician", ANA),
        ("appointment_type", "Emergency"),
        ("reason_for_visit", "Limping"),
        ("appointment_status", "no show"),
    ];
    for (name, text) in EXAMPLES {
        let document = Json::parse(text).expect("example");
        let before = errors_of(&document);
        for (id, text) in changes {
            let body = lens().body(&document, &writes(&[(id, text)]), None);
            let body = match (name, id) {
                // A wish without a time cannot have been missed (app-3).
                ("Appointment-examplereq", "appointment_status") => {
                    assert_eq!(problem(body).0, "appointment_date");
                    continue;
                }
                _ => body.expect("writable"),
            };
            let names = changed(&document, &body);
            assert!(names.iter().all(|name| place(id).contains(&name.as_str())), "{name} {id}: {names:?}");
            // The order of the members that stay, and their texts, are as they came.
            let rest = |of: &Json| {
                let mut of = of.clone();
                for key in place(id) {
                    of.remove(key);
                }
                of.to_string()
            };
            assert_eq!(rest(&body), rest(&document), "{name} {id}");
            assert!(
                says(Remote::Ehr, lens().get(&body).expect("readable").field(field(id)), &state(id, text)),
                "{name} {id}"
            );
            let new: Vec<String> =
                errors_of(&body).into_iter().filter(|error| !before.contains(error)).collect();
            assert_eq!(new, Vec::<String>::new(), "{name} {id}: {body}");
        }
        let record = lens().get(&document).expect("readable");
        let mut written = document.clone();
        for (field, _) in catalogue().iter() {
            lens().put(&mut written, field, record.field(field)).expect("nothing to write");
        }
        assert_eq!(written.to_string(), document.to_string(), "{name}");
    }
}

#[test]
fn a_hint_of_the_ehrs_own_stays() {
    let walk_in = Json::parse(EXAMPLES[1].1).expect("example");
    let body = lens().body(&walk_in, &writes(&[("appointment_type", "Recheck")]), None).expect("writable");
    assert_eq!(body.get("appointmentType"), walk_in.get("appointmentType"));
    let hint = |of: &Json| of.get("appointmentType").map(ToString::to_string).unwrap_or_default();
    let ours =
        lens().body(&fixture(), &writes(&[("appointment_type", "Emergency")]), None).expect("writable");
    assert!(hint(&ours).contains("EMERGENCY"), "{}", hint(&ours));
}

#[test]
fn rows_hold_what_servicenow_expects() {
    let row = json(&of!({
        "sys_id": KEY, "u_patient": BELLA, "u_appointment_date": "2025-03-10 14:30:00", "u_duration_minutes": "30",
        "u_assigned_clinician": LEE, "u_appointment_type": "vaccination", "u_reason_for_visit": "Annual booster",
        "u_appointment_status": "confirmed", "u_ehr_id": "ap-55"
    }));
    let record = row_lens().get(&row).expect("readable");
    let shown: Vec<String> = record.fields.iter().map(FieldState::display).collect();
    assert_eq!(
        shown,
        [BELLA, "2025-03-10 14:30:00", "30", "Dr Lee", "vaccination", "Annual booster", "confirmed"]
    );
    assert_eq!(record.other_key.as_deref(), Some("ap-55"));
    // What the EHR says of the same appointment, under its own keys and in its own forms: nothing to write but the reason.
    let ehr = of!({"resourceType": "Appointment", "id": "ap-55", "status": "booked", "start": "2025-03-10T15:30:00+01:00",
        "end": "2025-03-10T16:00:00+01:00", "serviceType": [{"text": "Vaccination"}], "reasonCode": [{"text": "Limping"}],
        "participant": [{"actor": {"reference": "Patient/p-1001"}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/dr-lee"}, "status": "accepted"}]});
    let mut ehr = lens().get(&json(&ehr)).expect("readable");
    ehr.resolve_patients(|_, _| Some(BELLA.to_owned()));
    for (at, state) in ehr.fields.iter().enumerate() {
        assert_eq!(
            same(state, &record.fields[at]),
            catalogue().fields[at].id != "reason_for_visit",
            "{state:?}"
        );
    }
    let all: Vec<(FieldIx, FieldState)> =
        catalogue().iter().map(|(at, _)| (at, ehr.field(at).clone())).collect();
    let body = row_lens().patch(&row, &all, None).expect("writable");
    let written: Serde = serde_json::from_str(&body.to_string()).expect("JSON");
    assert_eq!(written, of!({"u_reason_for_visit": "Limping", "u_appointment_type": "Vaccination"}));
    // A term of the same stage stays; another stage is written in a term of the column.
    let status = |code: &str| {
        FieldState::Value(Value::Status(Status::of(AppointmentStatus::from_code(code).expect("code"))))
    };
    let patched = |lens: &RowLens, code: &str| {
        lens.patch(&row, &[(field("appointment_status"), status(code))], None).map(|body| body.to_string())
    };
    assert_eq!(patched(&row_lens(), "booked").expect("writable"), "{}");
    assert_eq!(
        patched(&row_lens(), "checked-in").expect("writable"),
        r#"{"u_appointment_status":"checked_in"}"#
    );
    let mut choices = row_lens();
    choices.column_types[6] = ColumnType::Choice {
        values: ["scheduled", "confirmed", "In Progress", "completed"].map(str::to_owned).to_vec(),
    };
    assert_eq!(patched(&choices, "booked").expect("writable"), "{}");
    assert_eq!(patched(&choices, "arrived").expect("writable"), r#"{"u_appointment_status":"In Progress"}"#);
    assert!(matches!(patched(&choices, "noshow"), Err(MappingError::CannotWrite { .. })));
    let mut duration = row_lens();
    duration.column_types[2] = ColumnType::Duration;
    let body = duration.patch(&row, &writes(&[("duration_minutes", "45")]), None).expect("writable");
    assert_eq!(body.to_string(), r#"{"u_duration_minutes":"1970-01-01 00:45:00"}"#);
    let stranger =
        Person { key: Some("Practitioner/99".to_owned()), name: Some("Dr Who".to_owned()), known: None };
    let stranger = FieldState::Value(Value::Person(stranger));
    assert!(matches!(
        row_lens().patch(&row, &[(field("assigned_clinician"), stranger)], None),
        Err(MappingError::CannotWrite { .. })
    ));
}

fn texts(id: &str) -> Vec<&'static str> {
    match id {
        "patient" => vec!["Patient/p-1001", "Patient/p-2", BELLA],
        "appointment_date" => {
            vec!["2025-03-10 14:30:00", "2025-03-10T15:30:00+01:00", "2024-02-29T23:59:59.5Z"]
        }
        "duration_minutes" => vec!["30", "45", "1970-01-01 02:00:00", "5"],
        "assigned_clinician" => vec![LEE, ANA, "Dr Lee", "Practitioner/example"],
        "appointment_type" => vec!["Vaccination", "booster", "recheck", "Emergency", "Hydrotherapy"],
        "reason_for_visit" => vec!["Annual booster", "annual  booster", "Limping, left hind"],
        "appointment_status" => {
            vec!["requested", "confirmed", "in progress", "completed", "cancelled", "noshow"]
        }
        other => panic!("no texts for {other}"),
    }
}

fn any_write() -> impl Strategy<Value = (&'static str, FieldState, FieldState)> {
    let ids: Vec<&str> = FULL.iter().map(|(id, _)| *id).collect();
    select(ids).prop_flat_map(|id| {
        let mut states: Vec<FieldState> = texts(id).into_iter().map(|text| state(id, text)).collect();
        states.push(FieldState::Blank);
        (Just(id), select(states.clone()), select(states))
    })
}

fn appointments() -> impl Strategy<Value = Json> {
    let part = |code: &str| of!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": code}]}]);
    let participants = vec![
        of!({"actor": {"reference": "Patient/p-1001", "display": "Bella"}, "status": "accepted"}),
        of!({"type": part("PPRF"), "actor": {"reference": "Practitioner/dr-lee"}, "status": "tentative",
            "period": {"start": "2025-03-10"}}),
        of!({"type": part("ATND"), "actor": {"reference": "https://ehr.example/Practitioner/9", "display": "keep-nobody"}, "status": "accepted"}),
        of!({"actor": {"reference": "Location/keep-room"}, "status": "accepted"}),
        of!({"actor": {"reference": "PractitionerRole/7"}, "required": "optional", "status": "needs-action"}),
    ];
    let most = participants.len();
    let members = vec![
        ("serviceType", of!([{"text": "Vaccination", "coding": [{"code": "52", "display": "keep"}]}])),
        (
            "appointmentType",
            of!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0276", "code": "ROUTINE"}]}),
        ),
        (
            "reasonCode",
            of!([{"text": "Annual booster", "coding": [{"system": "http://snomed.info/sct", "code": "413095006"}]}]),
        ),
        ("cancelationReason", of!({"text": "keep-reason"})),
        ("comment", of!("keep-comment")),
        ("priority", of!(5)),
        ("x-not-fhir", of!({"deep": [1.50, null, "keep-unknown", {}, []]})),
        ("extension", of!([{"url": "http://other.example/ext", "valueString": "keep-extension"}])),
        ("subject", of!({"reference": "Patient/p-1001"})),
        (
            "identifier",
            of!([{"system": SYSTEM, "value": KEY}, {"system": "http://other.example", "value": "keep-id"}]),
        ),
    ];
    let all = members.len();
    let times = select(vec![
        vec![],
        vec![("start", of!("2025-03-10T09:00:00Z")), ("end", of!("2025-03-10T09:30:00Z"))],
        vec![
            ("start", of!("2025-03-10T09:00:00+01:00")),
            ("end", of!("2025-03-10T09:45:00+01:00")),
            ("minutesDuration", of!(30)),
        ],
        vec![
            ("start", of!("2025-03-10T09:00:00Z")),
            ("end", of!("2025-03-10T09:20:00Z")),
            ("minutesDuration", of!(30)),
        ],
        vec![("minutesDuration", of!(15))],
    ]);
    (
        subsequence(participants, 0..=most),
        subsequence(members, 0..=all),
        times,
        select(vec!["proposed", "pending", "booked", "arrived", "fulfilled", "cancelled"]),
    )
        .prop_map(|(participants, mut members, times, status)| {
            if !participants.is_empty() {
                members.push(("participant", Serde::Array(participants)));
            }
            members.extend(times);
            members.push(("status", of!(status)));
            members
        })
        .prop_shuffle()
        .prop_map(|members| {
            let mut appointment = vec![
                ("resourceType".to_owned(), Json::str("Appointment")),
                ("id".to_owned(), Json::str("ap-1")),
            ];
            appointment.extend(members.into_iter().map(|(key, value)| (key.to_owned(), json(&value))));
            Json::Object(appointment)
        })
}

fn others_unchanged(before: &Record, after: &Record, changed: FieldIx) -> Result<(), TestCaseError> {
    for (at, (left, right)) in before.fields.iter().zip(&after.fields).enumerate() {
        if at != usize::from(changed.0) {
            // A duration that was only the slot's length is said in so many words once the slot is gone.
            prop_assert!(
                same(left, right),
                "field {} changed with field {}: {:?} {:?}",
                at,
                changed.0,
                left,
                right
            );
        }
    }
    prop_assert_eq!((&before.key, &before.other_key), (&after.key, &after.other_key));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn put_of_get_changes_nothing(document in appointments()) {
        let record = lens().get(&document).expect("readable");
        let mut written = document.clone();
        for (field, _) in catalogue().iter() {
            lens().put(&mut written, field, record.field(field)).expect("nothing to write");
        }
        prop_assert_eq!(written.to_string(), document.to_string());
    }

    #[test]
    fn put_is_read_back_and_touches_its_place_only(document in appointments(), (id, value, _) in any_write()) {
        let before = lens().get(&document).expect("readable");
        let mut written = document.clone();
        if lens().put(&mut written, field(id), &value).is_err() {
            // A further entry would take a cleared one's place; no time without a duration.
            prop_assert!(value.is_blank() || id == "appointment_date", "{}", id);
            prop_assert_eq!(&written, &document);
            return Ok(());
        }
        let after = lens().get(&written).expect("readable");
        prop_assert!(says(Remote::Ehr, after.field(field(id)), &value), "{}: {:?}", id, after.field(field(id)));
        others_unchanged(&before, &after, field(id))?;
        let names = changed(&document, &written);
        prop_assert!(names.iter().all(|name| place(id).contains(&name.as_str())), "{}: {:?}", id, names);
        // A status of the same stage stays to the letter.
        if id == "appointment_status" && same(before.field(field(id)), &value) {
            prop_assert_eq!(&written, &document);
        }
    }

    #[test]
    fn last_put_wins(document in appointments(), (id, first, last) in any_write()) {
        let (mut twice, mut once) = (document.clone(), document.clone());
        let results = [lens().put(&mut twice, field(id), &first), lens().put(&mut twice, field(id), &last), lens().put(&mut once, field(id), &last)];
        prop_assume!(results.iter().all(Result::is_ok));
        let (after_twice, after_once) = (lens().get(&twice).expect("readable"), lens().get(&once).expect("readable"));
        prop_assert!(says(Remote::Ehr, after_twice.field(field(id)), after_once.field(field(id))));
        others_unchanged(&after_once, &after_twice, field(id))?;
        let names = changed(&twice, &once);
        prop_assert!(names.iter().all(|name| place(id).contains(&name.as_str())), "{}: {:?}", id, names);
        let texts = ["start", "end", "minutesDuration"].map(|key| (twice.get(key).cloned(), once.get(key).cloned()));
        // Where the last value stood there already, nothing was written the one time.
        if id == "duration_minutes" && once != document && first.value().is_some() && last.value().is_some() {
            prop_assert!(texts.iter().all(|(twice, once)| twice == once), "{:?}", texts);
        }
    }

    /// Whatever is written is valid R4, or is refused.
    #[test]
    fn what_is_written_is_valid(document in appointments(), (id, value, _) in any_write(), (other, more, _) in any_write()) {
        let mut document = document;
        document.remove("x-not-fhir");
        document.remove("subject");
        let mut written = vec![(field(id), value)];
        if other != id {
            written.push((field(other), more));
        }
        let before = check::findings(&document);
        prop_assume!(before.is_empty());
        if let Ok(body) = lens().body(&document, &written, Some(KEY)) {
            prop_assert_eq!(check::findings(&body), Vec::new(), "{}", body);
        }
    }

    #[test]
    fn rows_obey_the_laws(
        cells in FULL.iter().map(|(id, _)| {
            let mut texts = texts(id);
            texts.extend(["", "n/a?"]);
            (Just(*id), select(texts))
        }).collect::<Vec<_>>(),
        (id, first, last) in any_write(),
    ) {
        let mut row = Json::object([("sys_id", Json::str(KEY)), ("u_room", Json::str("keep-room"))]);
        for (id, text) in &cells {
            row.set(&format!("u_{id}"), Json::str(*text));
        }
        let lens = row_lens();
        let before = lens.get(&row).expect("readable");
        prop_assert_eq!(lens.get_fast(&row.to_string()), Some(before.clone()));
        let mut written = row.clone();
        for (at, _) in catalogue().iter() {
            lens.put(&mut written, at, before.field(at)).expect("nothing to write");
        }
        prop_assert_eq!(written.to_string(), row.to_string());
        let (mut twice, mut once) = (row.clone(), row.clone());
        lens.put(&mut twice, field(id), &first).expect("writable");
        lens.put(&mut twice, field(id), &last).expect("writable");
        lens.put(&mut once, field(id), &last).expect("writable");
        let (after_twice, after_once) = (lens.get(&twice).expect("readable"), lens.get(&once).expect("readable"));
        prop_assert!(says(Remote::ServiceNow, after_once.field(field(id)), &last), "{:?}", after_once.field(field(id)));
        prop_assert!(says(Remote::ServiceNow, after_twice.field(field(id)), &last));
        others_unchanged(&before, &after_once, field(id))?;
        let column = format!("u_{id}");
        prop_assert!(changed(&row, &once).iter().all(|name| *name == column));
    }
}
