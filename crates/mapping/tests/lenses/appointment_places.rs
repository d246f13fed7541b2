//! Where in an Appointment the lens finds and writes each field: case tables.

use crate::appointments::{conventions, field, lens, state};
use crate::support::json;
use mapping::MappingError;
use record::value::{PatientLink, Person, Value};
use record::{FieldState, Json};
use serde_json::{Value as Serde, json as of};

const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const REASON: &str = "http://terminology.hl7.org/CodeSystem/v2-0276";

fn appointment(members: Serde) -> Serde {
    let mut appointment = members;
    appointment["resourceType"] = of!("Appointment");
    appointment
}

fn get(document: &Serde, id: &str) -> FieldState {
    lens().get(&json(document)).expect("readable").field(field(id)).clone()
}

fn put(document: &Serde, id: &str, state: &FieldState) -> Result<Serde, MappingError> {
    let mut document = json(document);
    lens().put(&mut document, field(id), state)?;
    Ok(serde_json::from_str(&document.to_string()).expect("JSON"))
}

fn write(document: &Serde, id: &str, text: &str) -> Serde {
    put(document, id, &state(id, text)).expect("writable")
}

fn empty(document: &Serde, id: &str) -> Serde {
    put(document, id, &FieldState::Blank).expect("writable")
}

fn body(document: &Serde, writes: &[(&str, &str)], key: Option<&str>) -> Result<Serde, MappingError> {
    let writes: Vec<_> = writes
        .iter()
        .map(|(id, text)| (field(id), if text.is_empty() { FieldState::Blank } else { state(id, text) }))
        .collect();
    let body = lens().body(&json(document), &writes, key)?;
    Ok(serde_json::from_str(&body.to_string()).expect("JSON"))
}

fn part(code: &str) -> Serde {
    of!([{"coding": [{"system": PARTICIPATION, "code": code}]}])
}

fn bella() -> Serde {
    of!({"actor": {"reference": "Patient/p-1"}, "status": "accepted"})
}

#[test]
fn what_is_hidden_or_taken_back_is_told_from_what_is_empty() {
    let masked = of!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]});
    let unknown = of!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]});
    assert_eq!(get(&appointment(of!({"_start": masked})), "appointment_date"), FieldState::Unknown);
    assert_eq!(get(&appointment(of!({"_start": unknown})), "appointment_date"), FieldState::Blank);
    assert_eq!(get(&appointment(of!({})), "appointment_status"), FieldState::Blank);
    assert!(matches!(get(&appointment(of!({"status": "no-show"})), "appointment_status"),
        FieldState::Invalid { raw, .. } if raw == "no-show"));
    for (status, active) in [("booked", true), ("cancelled", true), ("entered-in-error", false)] {
        let record = lens().get(&json(&appointment(of!({"id": "a", "status": status})))).expect("readable");
        assert_eq!((record.active, record.deceased, record.key.as_str()), (active, false, "a"), "{status}");
    }
    // Of a summary only what it holds is known, and it is never written.
    let summary = appointment(of!({"status": "booked", "meta": {"tag": [{"code": "SUBSETTED"}]}}));
    assert_eq!(get(&summary, "reason_for_visit"), FieldState::Unknown);
    assert!(get(&summary, "appointment_status").value().is_some());
    assert!(put(&summary, "reason_for_visit", &state("reason_for_visit", "Limping")).is_err());
    assert!(body(&summary, &[], Some("k")).is_err());
    let tagged = appointment(of!({"status": "booked", "meta": {"tag": [{"code": "ACTIONABLE"}]}}));
    assert_eq!(get(&tagged, "reason_for_visit"), FieldState::Blank);
    assert!(lens().get(&json(&of!({"resourceType": "Patient"}))).is_err());
}

/// What stands in a calendar is booked, what has no time yet is wished for.
#[test]
fn a_new_appointment_without_a_status_gets_one() {
    let new = of!({"resourceType": "Appointment"});
    let timed =
        [("patient", "Patient/p-1"), ("appointment_date", "2025-03-10 14:30:00"), ("duration_minutes", "30")];
    assert_eq!(body(&new, &timed, None).expect("writable")["status"], "booked");
    assert_eq!(body(&new, &timed[..1], None).expect("writable")["status"], "proposed");
}

/// An appointment is somebody's; one that came without a patient is not held against another change.
#[test]
fn an_appointment_without_a_patient_is_neither_made_nor_left() {
    let refused = |result: Result<Serde, MappingError>| match result {
        Err(MappingError::CannotWrite { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let reason = [("reason_for_visit", "Limping")];
    assert_eq!(refused(body(&of!({"resourceType": "Appointment"}), &reason, None)), "patient");
    let phone = of!([{"actor": {"display": "Phone Call"}, "status": "accepted"}]);
    let nobodys = appointment(of!({"status": "proposed", "participant": phone}));
    assert_eq!(body(&nobodys, &reason, None).expect("writable")["reasonCode"], of!([{"text": "Limping"}]));
    let bellas = appointment(of!({"status": "proposed", "participant": [bella(), phone[0]]}));
    assert_eq!(refused(body(&bellas, &[("patient", "")], None)), "patient");
    assert!(body(&bellas, &reason, None).is_ok());
}

#[test]
fn a_reason_keeps_its_codes_while_it_is_the_same() {
    let coding = of!([{"system": "http://snomed.info/sct", "code": "413095006"}]);
    // (reasons, written, reasons after)
    let cases = [
        (
            of!([{"coding": coding, "text": "Annual booster"}, {"text": "keep"}]),
            "annual  BOOSTER",
            of!([{"coding": coding, "text": "annual  BOOSTER"}, {"text": "keep"}]),
        ),
        (of!([{"coding": coding, "text": "Annual booster"}]), "Limping", of!([{"text": "Limping"}])),
        (of!([{"id": "r"}]), "Limping", of!([{"id": "r", "text": "Limping"}])),
        (
            of!([{"coding": [{"display": "limping"}]}]),
            "Limping",
            of!([{"coding": [{"display": "limping"}], "text": "Limping"}]),
        ),
    ];
    for (before, text, after) in cases {
        let document = appointment(of!({"reasonCode": before}));
        let written = put(&document, "reason_for_visit", &state("reason_for_visit", text));
        // What says the same to the letter of a field is left alone.
        assert_eq!(written.expect("writable")["reasonCode"], after, "{document}");
    }
    assert_eq!(
        write(&appointment(of!({})), "reason_for_visit", "Limping")["reasonCode"],
        of!([{"text": "Limping"}])
    );
    for (id, key) in [("reason_for_visit", "reasonCode"), ("appointment_type", "serviceType")] {
        let one = appointment(of!({key: [{"text": "Recheck"}]}));
        assert_eq!(empty(&one, id), appointment(of!({})), "{key}");
        let two = appointment(of!({key: [{"text": "Recheck"}, {"text": "Emergency"}]}));
        assert!(put(&two, id, &FieldState::Blank).is_err(), "another would take its place");
    }
}

/// The hint beside a type is ours where nothing else is said in it than what follows from the type that stands there.
#[test]
fn a_hint_follows_the_type_where_it_is_ours() {
    let code = |code: &str| of!({"system": REASON, "code": code});
    let hint = |code: &str| of!({"coding": [{"system": REASON, "code": code}]});
    let shown = of!({"coding": [{"system": REASON, "code": "ROUTINE", "display": "Routine appointment"}]});
    // (type, hint, type written, hint after)
    let cases = [
        ("Recheck", Some(hint("FOLLOWUP")), "Emergency", hint("EMERGENCY")),
        ("Recheck", None, "Emergency", hint("EMERGENCY")),
        ("Recheck", Some(hint("ROUTINE")), "Emergency", hint("ROUTINE")),
        (
            "Recheck",
            Some(of!({"coding": [code("FOLLOWUP")], "text": "x"})),
            "Emergency",
            of!({"coding": [code("FOLLOWUP")], "text": "x"}),
        ),
        (
            "Recheck",
            Some(of!({"coding": [code("FOLLOWUP"), code("WALKIN")]})),
            "Emergency",
            of!({"coding": [code("FOLLOWUP"), code("WALKIN")]}),
        ),
        (
            "Recheck",
            Some(of!({"coding": [{"system": "http://other.example", "code": "FOLLOWUP"}]})),
            "Emergency",
            of!({"coding": [{"system": "http://other.example", "code": "FOLLOWUP"}]}),
        ),
        // It goes with the new type as well: it stays as it is written.
        ("Vaccination", Some(shown.clone()), "Hydrotherapy", shown),
    ];
    for (stands, before, text, after) in cases {
        let mut document = appointment(of!({"serviceType": [{"text": stands}]}));
        if let Some(before) = before {
            document["appointmentType"] = before;
        }
        assert_eq!(write(&document, "appointment_type", text)["appointmentType"], after, "{document} {text}");
    }
}

#[test]
fn the_clinician_is_the_performer_else_who_attends_else_who_says_no_part() {
    let who = |reference: &str| of!({"actor": {"reference": reference}});
    let with = |code: &str, reference: &str| of!({"type": part(code), "actor": {"reference": reference}});
    // (participants, the clinician)
    let cases = [
        (
            of!([who("Practitioner/1"), with("ATND", "Practitioner/2"), with("PPRF", "Practitioner/3")]),
            "Practitioner/3",
        ),
        (of!([who("Practitioner/1"), with("ATND", "Practitioner/2")]), "Practitioner/2"),
        (of!([with("CON", "Practitioner/1"), who("PractitionerRole/2")]), "PractitionerRole/2"),
        (of!([with("CON", "Practitioner/1")]), ""),
        // A room that performs is no clinician, nor is a patient.
        (of!([with("PPRF", "Location/1"), with("PPRF", "Practitioner/2")]), "Practitioner/2"),
        (of!([{"type": part("PPRF"), "actor": {"type": "Device", "reference": "urn:uuid:1"}}]), ""),
        (of!([{"type": part("PPRF"), "actor": {"display": "Dr Adam Careful"}}]), "Dr Adam Careful"),
        (of!([{"actor": {"display": "Phone Call"}}]), ""),
        (
            of!([{"type": of!([{"coding": [{"system": "http://other.example", "code": "PPRF"}]}]), "actor": {"reference": "Practitioner/1"}}]),
            "",
        ),
    ];
    for (participants, clinician) in cases {
        let document = appointment(of!({"participant": participants}));
        assert_eq!(get(&document, "assigned_clinician").display(), clinician, "{document}");
    }
    // Replaced, the part and what else is said of it stay.
    let before = of!([bella(), {"type": part("ATND"), "actor": {"reference": "Practitioner/2", "display": "x"}, "required": "optional", "status": "tentative"}]);
    let written =
        write(&appointment(of!({"participant": before})), "assigned_clinician", "Practitioner/example");
    let mut after = before;
    after[1]["actor"] = of!({"reference": "Practitioner/example", "display": "Ana López"});
    assert_eq!(written["participant"], after);
    // Taken away, nobody else is; and no empty list is left.
    let alone =
        appointment(of!({"participant": [{"type": part("PPRF"), "actor": {"reference": "Practitioner/2"}}]}));
    assert_eq!(empty(&alone, "assigned_clinician"), appointment(of!({})));
}

#[test]
fn a_clinician_is_named_as_the_staff_table_or_the_ehr_names_them() {
    let document = appointment(of!({}));
    let person = |key: Option<&str>, name: Option<&str>| {
        let person = Person { key: key.map(str::to_owned), name: name.map(str::to_owned), known: None };
        put(&document, "assigned_clinician", &FieldState::Value(Value::Person(person)))
    };
    // Somebody only the EHR knows.
    let written = person(Some("Practitioner/99"), Some("Dr Who")).expect("writable");
    assert_eq!(
        written["participant"][0]["actor"],
        of!({"reference": "Practitioner/99", "display": "Dr Who"})
    );
    let written = person(Some("Practitioner/99"), None).expect("writable");
    assert_eq!(written["participant"][0]["actor"], of!({"reference": "Practitioner/99"}));
    assert!(person(Some("46d44a5dc0a8010e0000b4bb8f62b0aa"), None).is_err());
    assert!(person(None, Some("Dr Who")).is_err());
    // A row of the staff table without a name.
    let mut nameless = lens();
    let mut conventions = (*conventions()).clone();
    conventions.staff[0].name = " ".to_owned();
    nameless.conventions = std::sync::Arc::new(conventions);
    let mut written = json(&document);
    nameless
        .put(&mut written, field("assigned_clinician"), &state("assigned_clinician", "Practitioner/dr-lee"))
        .expect("writable");
    assert!(written.to_string().contains(r#""actor":{"reference":"Practitioner/dr-lee"}"#), "{written}");
}

#[test]
fn a_patient_is_named_by_an_id_that_a_reference_can_hold() {
    let with = |key: &str| {
        let link = PatientLink { ehr: Some(key.to_owned()), servicenow: None, name: None };
        put(&appointment(of!({})), "patient", &FieldState::Value(Value::PatientLink(link)))
    };
    assert_eq!(
        with("p-1").expect("writable")["participant"],
        of!([{"actor": {"reference": "Patient/p-1"}, "required": "required", "status": "accepted"}])
    );
    for key in ["", "a b", "a/b", "a#b", "a?b", "a\tb"] {
        assert!(with(key).is_err(), "{key:?}");
    }
}

#[test]
fn another_patient_takes_the_place_of_the_one_that_stands_there() {
    let actor = |actor: Serde| appointment(of!({"participant": [{"actor": actor, "required": "required"}]}));
    // What else was said was about the one before.
    let before = actor(
        of!({"reference": "Patient/p-1", "display": "Bella", "_display": {"id": "d"}, "identifier": {"value": "1"}, "type": "Patient"}),
    );
    assert_eq!(
        write(&before, "patient", "Patient/p-2"),
        actor(of!({"reference": "Patient/p-2", "type": "Patient"}))
    );
    assert_eq!(write(&before, "patient", "Patient/p-1"), before);
    // The EHR's own route.
    assert_eq!(
        write(&actor(of!({"reference": "https://e/patients/p-1"})), "patient", "Patient/p-2"),
        actor(of!({"reference": "https://e/patients/p-2"}))
    );
    // R5's subject alone: no participant is added beside it.
    let subject = |id: &str| appointment(of!({"subject": {"reference": format!("Patient/{id}")}}));
    assert_eq!(write(&subject("p-1"), "patient", "Patient/p-2"), subject("p-2"));
    // Both, where both are there.
    let both = |id: &str| {
        let reference = format!("Patient/{id}");
        appointment(
            of!({"subject": {"reference": reference}, "participant": [{"actor": {"reference": reference}}]}),
        )
    };
    assert_eq!(write(&both("p-1"), "patient", "Patient/p-2"), both("p-2"));
    assert_eq!(empty(&both("p-1"), "patient"), appointment(of!({})));
    // A participant who is named in words only does not hide the subject.
    let words = appointment(
        of!({"subject": {"reference": "Patient/p-7"}, "participant": [{"actor": {"type": "Patient", "display": "Bella"}}]}),
    );
    assert_eq!(get(&words, "patient").display(), get(&subject("p-7"), "patient").display());
    // A new one stands first.
    let doctor = of!({"type": part("PPRF"), "actor": {"reference": "Practitioner/dr-lee"}});
    let written = write(&appointment(of!({"participant": [doctor]})), "patient", "Patient/p-2");
    assert_eq!(written["participant"][0]["actor"]["reference"], "Patient/p-2");
    assert_eq!(written["participant"][1], doctor);
}

/// The slot's length counts to the nearest minute, and a slot that is no time is none.
#[test]
fn a_slot_is_as_long_as_it_is_to_the_nearest_minute() {
    let slot = |end: &str| appointment(of!({"start": "2025-03-10T09:00:00Z", "end": end}));
    for (end, minutes) in [
        ("2025-03-10T09:29:29Z", "29"),
        ("2025-03-10T09:29:30Z", "30"),
        ("2025-03-10T09:30:29Z", "30"),
        ("2025-03-10T09:30:30Z", "31"),
        ("2025-03-10T09:00:30Z", "1"),
    ] {
        assert_eq!(get(&slot(end), "duration_minutes").display(), minutes, "{end}");
    }
    for (end, raw) in [("2025-03-10T09:00:29Z", "0 min"), ("2025-03-10T08:00:00Z", "-60 min")] {
        match get(&slot(end), "duration_minutes") {
            FieldState::Invalid { raw: found, .. } => assert_eq!(found, raw, "{end}"),
            other => panic!("{end}: {other:?}"),
        }
        // Nobody can say how long it lasts, so it is neither moved nor taken out of the calendar.
        assert!(put(&slot(end), "appointment_date", &FieldState::Blank).is_err(), "{end}");
    }
    assert!(
        put(
            &slot("2025-03-10T08:00:00Z"),
            "appointment_date",
            &state("appointment_date", "2025-03-11 10:00:00")
        )
        .is_err()
    );
}

#[test]
fn an_end_moves_only_where_it_has_to() {
    let slot = |start: &str, end: &str, minutes: Option<u32>| {
        let mut slot = appointment(of!({"start": start, "end": end}));
        if let Some(minutes) = minutes {
            slot["minutesDuration"] = of!(minutes);
        }
        slot
    };
    let (start, end) = ("2025-03-10T09:00:00Z", "2025-03-10T10:30:00+01:00");
    // It is right already, in other digits.
    assert_eq!(write(&slot(start, end, None), "duration_minutes", "30"), slot(start, end, None));
    assert_eq!(write(&slot(start, end, Some(20)), "duration_minutes", "20"), slot(start, end, Some(20)));
    let longer = write(&slot(start, "2025-03-10T09:20:00Z", Some(30)), "duration_minutes", "40");
    // A slot that was shorter than the visit does not stay so.
    assert_eq!(longer, slot(start, "2025-03-10T09:40:00Z", Some(40)));
    // A slot with a wrong end, but a duration that is said.
    let moved =
        write(&slot(start, "2025-03-10T08:00:00Z", Some(30)), "appointment_date", "2025-03-11 10:00:00");
    assert_eq!(moved, slot("2025-03-11T10:00:00Z", "2025-03-11T10:30:00Z", Some(30)));
    // A start that cannot be read has no end.
    let unreadable = appointment(of!({"start": "soon", "minutesDuration": 20}));
    assert!(put(&unreadable, "duration_minutes", &state("duration_minutes", "30")).is_err());
    // Out of the calendar, what was said of its length stays.
    assert_eq!(
        empty(&slot(start, end, Some(20)), "appointment_date"),
        appointment(of!({"minutesDuration": 20}))
    );
    assert_eq!(empty(&appointment(of!({"start": start})), "appointment_date"), appointment(of!({})));
    // Without a time, the length may go as well.
    assert_eq!(empty(&appointment(of!({"minutesDuration": 20})), "duration_minutes"), appointment(of!({})));
    assert!(
        Json::parse("{}")
            .is_ok_and(|mut other| lens().put(&mut other, field("patient"), &FieldState::Blank).is_err())
    );
}
