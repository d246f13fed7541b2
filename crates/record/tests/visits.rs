//! Values of appointments and treatments: what is read, what is the same, and what is written.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::catalogue::{AppointmentPlace, BothSidesRule, Catalogue, FhirPlace, OneSideRule, ValueType};
use record::codes::appointment_status::{self, AppointmentStatus, Stage};
use record::codes::appointment_types;
use record::value::{ItemList, Minutes, PatientLink, Person, StaffMember, Status, parse};
use record::{Conventions, FieldState, Record, RecordKind, Remote, SameBecause, Sameness, Value, sameness};

const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";

fn read(value_type: &ValueType, text: &str) -> FieldState {
    FieldState::read(value_type, text, &conventions())
}

fn value(value_type: &ValueType, text: &str) -> Value {
    parse(value_type, text, &conventions()).expect("readable").expect("a value")
}

fn conventions() -> Conventions {
    let staff = |user: &str, practitioner: &str, name: &str| StaffMember {
        servicenow_user: user.to_owned(),
        practitioner: practitioner.to_owned(),
        name: name.to_owned(),
    };
    Conventions {
        staff: vec![
            staff(LEE, "Practitioner/dr-lee", "Dr Lee"),
            staff(LEE, "PractitionerRole/lee-surgery", "Dr Lee"),
            staff("5137153cc611227c000bbd1bd8cd2005", "Practitioner/7", "Ana López"),
            staff("5137153cc611227c000bbd1bd8cd2006", "Practitioner/8", "Ana López"),
        ],
        appointment_types: [
            ("2".to_owned(), "vaccination".to_owned()),
            ("hydro".to_owned(), "hydrotherapy".to_owned()),
        ]
        .into(),
        appointment_statuses: [
            ("4".to_owned(), AppointmentStatus::Booked),
            ("surgery prep".to_owned(), AppointmentStatus::CheckedIn),
        ]
        .into(),
        appointment_statuses_written: [(AppointmentStatus::Booked, "4".to_owned())].into(),
        ..Conventions::default()
    }
}

#[test]
fn moments_are_read_and_compared_in_utc() {
    // (written, Unix seconds)
    let readable = [
        ("2025-03-10 14:30:00", 1_741_617_000),
        ("2025-03-10T14:30:00Z", 1_741_617_000),
        ("2025-03-10T15:30:00+01:00", 1_741_617_000),
        ("2025-03-10T10:30:00-04:00", 1_741_617_000),
        ("2025-03-10T14:30:00.999Z", 1_741_617_000),
        ("2024-02-29 00:00:00", 1_709_164_800),
        // A leap second counts as the one after it.
        ("2016-12-31T23:59:60Z", 1_483_228_800),
        ("2025-03-11T04:30:00+14:00", 1_741_617_000),
    ];
    for (written, seconds) in readable {
        let FieldState::Value(Value::Instant(instant)) = read(&ValueType::Instant, written) else {
            panic!("{written}")
        };
        assert_eq!((instant.seconds, instant.raw.as_str()), (seconds, written));
        assert_eq!(
            sameness(&value(&ValueType::Instant, written), &value(&ValueType::Instant, written)),
            Sameness::Identical
        );
    }
    let same = sameness(
        &value(&ValueType::Instant, "2025-03-10 14:30:00"),
        &value(&ValueType::Instant, "2025-03-10T15:30:00+01:00"),
    );
    assert_eq!(same, Sameness::Same(SameBecause::SameInstant));
    // (written, what the problem names)
    let unreadable = [
        ("2025-03-10", "time of day"),
        ("2025-03-10T14:30:00", "offset"),
        ("2025-03-10T14:30Z", "not a date with a time"),
        ("2025-02-29 10:00:00", "no such day"),
        ("2025-03-10 24:00:00", "no such day"),
        ("2025-03-10T14:30:00+15:00", "no such day"),
        ("2025-03-10 14:30:00Z", "not a date with a time"),
        ("2025-03-10T14.30:00Z", "not a date with a time"),
        ("2025-03-10T14:30.00Z", "not a date with a time"),
        ("03/10/2025 2:30 pm", "not a date with a time"),
        ("2025-03-10T14:30:00.Z", "not a date with a time"),
    ];
    for (written, problem) in unreadable {
        let FieldState::Invalid { raw, problem: found } = read(&ValueType::Instant, written) else {
            panic!("{written}")
        };
        assert_eq!(raw, written);
        assert!(found.problem.contains(problem), "{written}: {}", found.problem);
        assert!(!found.way_out.is_empty());
    }
}

#[test]
fn moments_are_written_in_the_form_of_each_system() {
    // (written, for ServiceNow, for FHIR)
    let cases = [
        ("2025-03-10 14:30:00", "2025-03-10 14:30:00", "2025-03-10T14:30:00Z"),
        ("2025-03-10T15:30:00+01:00", "2025-03-10 14:30:00", "2025-03-10T15:30:00+01:00"),
    ];
    for (written, servicenow, fhir) in cases {
        let Value::Instant(instant) = value(&ValueType::Instant, written) else { panic!("{written}") };
        assert_eq!((instant.servicenow().as_str(), instant.fhir().as_str()), (servicenow, fhir));
        assert_eq!(instant.fhir_after(45), "2025-03-10T15:15:00Z");
    }
}

#[test]
fn durations_are_whole_minutes_in_many_spellings() {
    for (written, minutes) in [
        ("30", 30),
        ("030", 30),
        ("30.00", 30),
        ("1970-01-01 00:30:00", 30),
        ("1970-01-02 01:00:00", 25 * 60),
        ("0:30", 30),
        ("1:30:00", 90),
        ("30 Minutes", 30),
        ("1 Hour 30 Minutes", 90),
        ("1h 30min", 90),
        ("1 hr., 5 mins.", 65),
        ("2 hours and 5 minutes", 125),
    ] {
        let Value::Minutes(read) = value(&ValueType::Minutes, written) else { panic!("{written}") };
        assert_eq!((read.minutes, read.raw.as_str()), (minutes, written));
    }
    for written in [
        "0",
        "-5",
        "30.5",
        "half an hour",
        "1970-01-01 00:30:30",
        "30 seconds",
        "5 min 1 h",
        "1:60",
        "1:75",
        "h",
        "999999999",
        "5 5",
    ] {
        assert!(matches!(read(&ValueType::Minutes, written), FieldState::Invalid { .. }), "{written}");
    }
    assert_eq!(
        Minutes::new(45).map(|minutes| minutes.duration_text()).as_deref(),
        Some("1970-01-01 00:45:00")
    );
    assert_eq!((Minutes::new(0), Minutes::new(-1)), (None, None));
    assert_eq!(
        sameness(&value(&ValueType::Minutes, "30"), &value(&ValueType::Minutes, "1970-01-01 00:30:00")),
        Sameness::Same(SameBecause::SameAmount)
    );
}

#[test]
fn staff_is_the_same_under_either_systems_key() {
    let conventions = conventions();
    let person = |text: &str| Person::from_text(text, &conventions);
    let referred = |reference: Option<&str>, display: Option<&str>| {
        Person::from_reference(reference, display, &conventions).expect("somebody")
    };
    // (one, the other, same?)
    let cases = [
        (person(LEE), referred(Some("Practitioner/dr-lee"), Some("Lee, DVM")), true),
        (person(LEE), referred(Some("https://ehr.example/fhir/Practitioner/dr-lee/_history/3"), None), true),
        (person(LEE), referred(Some("PractitionerRole/lee-surgery"), None), true),
        (person("dr. lee"), referred(None, Some("Dr Lee")), true),
        (person(LEE), person("Dr Lee"), true),
        (person(LEE), referred(Some("Practitioner/7"), Some("Dr Lee")), false),
        // Two members share that name: nobody can tell which one is meant.
        (person("Ana López"), referred(Some("Practitioner/7"), None), false),
        // Somebody the table does not know is the same only under the same key, or the same name without one.
        (referred(Some("Practitioner/99"), Some("Dr Who")), referred(Some("Practitioner/99"), None), true),
        (referred(Some("Practitioner/99"), Some("Dr Who")), person("Dr Who"), false),
        (person("Dr Who"), referred(None, Some("DR. WHO")), true),
    ];
    for (left, right, same) in cases {
        let (left, right) = (Value::Person(left), Value::Person(right));
        assert_eq!(sameness(&left, &right).is_same(), same, "{left:?} / {right:?}");
    }
    assert_eq!(person(LEE).display(), "Dr Lee");
    assert_eq!(
        person(LEE).member(&conventions).map(|member| member.practitioner.as_str()),
        Some("Practitioner/dr-lee")
    );
    assert_eq!(referred(Some("Practitioner/99"), None).display(), "Practitioner/99");
    assert_eq!(referred(Some("Practitioner/99"), Some("Dr Who")).known, None);
    assert_eq!(Person::from_reference(None, None, &conventions), None);
    // Thirty-two hexadecimal digits are a key; a name may be of such letters alone, or as long.
    for name in ["Dee", "Maximiliana von Hohenlohe-Langen"] {
        let named = person(name);
        assert_eq!((named.key, named.name.as_deref()), (None, Some(name)));
    }
}

#[test]
fn patients_compare_once_their_link_is_known() {
    let sys_id = "0f3c1e2d9b7a4c5e8f60123456789abc";
    let record = |link: PatientLink| Record {
        kind: RecordKind::Appointment,
        key: "a".to_owned(),
        other_key: None,
        active: true,
        deceased: false,
        fields: vec![FieldState::Value(Value::PatientLink(link))],
    };
    let linked = |remote: Remote, key: &str| match (remote, key) {
        (Remote::ServiceNow, key) if key == sys_id => Some("p-1001".to_owned()),
        (Remote::Ehr, "p-1001") => Some(sys_id.to_owned()),
        _ => None,
    };
    let mut servicenow = record(PatientLink::from_text(sys_id));
    let mut ehr =
        record(PatientLink::from_reference("https://ehr.example/api/v1/patients/p-1001", Some("Bella")));
    assert_ne!(servicenow.digest_text(), ehr.digest_text());
    servicenow.resolve_patients(linked);
    ehr.resolve_patients(linked);
    assert_eq!(servicenow.digest_text(), ehr.digest_text());
    let mut unknown = record(PatientLink::from_reference("Patient/p-7/_history/2", None));
    unknown.resolve_patients(linked);
    assert_ne!(unknown.digest_text(), servicenow.digest_text());
    assert_eq!(unknown.fields[0].display(), "Patient/p-7");
    // (reference, id)
    for (reference, id) in [
        ("Patient/p-1", "p-1"),
        ("https://ehr.example/fhir/Patient/p-1/_history/4", "p-1"),
        ("urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0001", "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0001"),
        ("NotAPatient/p-1", "NotAPatient/p-1"),
    ] {
        assert_eq!(PatientLink::from_reference(reference, None).ehr.as_deref(), Some(id));
    }
}

#[test]
fn statuses_are_the_same_within_a_stage() {
    // (ServiceNow's term, FHIR's code, same?)
    let cases = [
        ("requested", "proposed", true),
        ("tentative", "waitlist", true),
        ("Scheduled", "booked", true),
        ("confirmed", "booked", true),
        ("4", "booked", true),
        ("in_progress", "checked-in", true),
        ("in progress", "arrived", true),
        ("Surgery prep", "arrived", true),
        ("completed", "fulfilled", true),
        ("No-Show", "noshow", true),
        ("canceled", "cancelled", true),
        ("duplicate", "entered-in-error", true),
        ("scheduled", "proposed", false),
        ("confirmed", "arrived", false),
        ("cancelled", "noshow", false),
    ];
    for (term, code, same) in cases {
        let ehr = Value::Status(Status::of(AppointmentStatus::from_code(code).expect("code")));
        assert_eq!(
            sameness(&value(&ValueType::AppointmentStatus, term), &ehr).is_same(),
            same,
            "{term} / {code}"
        );
    }
    assert!(matches!(read(&ValueType::AppointmentStatus, "9"), FieldState::Invalid { .. }));
}

#[test]
fn a_status_never_moves_back_and_forth() {
    let conventions = conventions();
    let terms = [
        "requested",
        "tentative",
        "scheduled",
        "confirmed",
        "4",
        "arrived",
        "in_progress",
        "completed",
        "no_show",
        "cancelled",
        "entered_in_error",
        "what?",
        "",
    ];
    for meaning in AppointmentStatus::ALL {
        assert_eq!(AppointmentStatus::from_code(meaning.code()), Some(meaning));
        for standing in terms {
            let written = Status::of(meaning).servicenow_text(standing, &conventions);
            let stands = appointment_status::recognise(standing, &conventions).map(AppointmentStatus::stage);
            if stands == Some(meaning.stage()) {
                assert_eq!(written, standing, "{meaning:?} over {standing}");
            }
            // What is written means the same stage, so the next comparison finds nothing to do.
            let read = appointment_status::recognise(&written, &conventions).map(AppointmentStatus::stage);
            assert_eq!(read, Some(meaning.stage()), "{written}");
            assert_eq!(Status::of(meaning).servicenow_text(&written, &conventions), written);
        }
    }
    assert_eq!(Status::of(AppointmentStatus::Booked).servicenow_text("requested", &conventions), "4");
    // A term of the hospital's own comes back as it was when a write is undone.
    let Value::Status(own) = value(&ValueType::AppointmentStatus, "Surgery prep") else { panic!("a status") };
    assert_eq!(own.servicenow_text("completed", &conventions), "Surgery prep");
}

#[test]
fn the_life_cycle_has_an_order_and_contradictions() {
    use Stage::{Booked, Cancelled, Done, EnteredInError, NoShow, Present, Requested};
    // (one, other, the later)
    let cases = [
        (Requested, Booked, Some(Booked)),
        (Booked, Present, Some(Present)),
        (Requested, Done, Some(Done)),
        (Booked, Cancelled, Some(Cancelled)),
        (Requested, NoShow, Some(NoShow)),
        (Done, Cancelled, None),
        (Present, Cancelled, None),
        (Present, NoShow, None),
        (NoShow, Cancelled, None),
        (Done, EnteredInError, None),
        (Booked, EnteredInError, None),
    ];
    for (one, other, later) in cases {
        assert_eq!(one.later(other), later, "{one:?} {other:?}");
        assert_eq!(other.later(one), later, "{other:?} {one:?}");
    }
}

#[test]
fn appointment_types_have_names_and_hints() {
    let conventions = conventions();
    // (name, key, hint)
    let cases = [
        ("Wellness exam", Some("wellness"), "CHECKUP"),
        ("check-up", Some("wellness"), "CHECKUP"),
        ("2", Some("vaccination"), "ROUTINE"),
        ("Vaccination/Booster", Some("vaccination"), "ROUTINE"),
        ("Follow-up", Some("recheck"), "FOLLOWUP"),
        ("walk_in", Some("walk_in"), "WALKIN"),
        ("Emergency", Some("emergency"), "EMERGENCY"),
        ("Hydro", Some("hydrotherapy"), "ROUTINE"),
        ("Acupuncture", None, "ROUTINE"),
    ];
    for (name, key, hint) in cases {
        assert_eq!(appointment_types::recognise(name, &conventions).as_deref(), key, "{name}");
        let Value::Coded(coded) = value(&ValueType::AppointmentType, name) else { panic!("{name}") };
        assert_eq!(appointment_types::hint(&coded), hint, "{name}");
    }
}

#[test]
fn lists_are_split_where_they_are_lists() {
    // (text, items); as procedures
    let cases: [(&str, &[&str]); 14] = [
        ("Ear flush under sedation", &["Ear flush under sedation"]),
        ("Ear flush; nail trim", &["Ear flush", "nail trim"]),
        ("Ear flush\r\nNail trim\n\n", &["Ear flush", "Nail trim"]),
        ("1. Ear flush\n2. Nail trim", &["Ear flush", "Nail trim"]),
        ("1) Ear flush 2) Nail trim 3) Bath", &["Ear flush", "Nail trim", "Bath"]),
        ("1.Ear flush 2.Nail trim", &["Ear flush", "Nail trim"]),
        ("- Ear flush\n- Nail trim", &["Ear flush", "Nail trim"]),
        ("• Ear flush\n• Nail trim", &["Ear flush", "Nail trim"]),
        // Commas never separate.
        ("Radiographs, thorax, 2 views", &["Radiographs, thorax, 2 views"]),
        ("Radiographs (thorax; abdomen)", &["Radiographs (thorax; abdomen)"]),
        // Numbers that count nothing.
        ("2 radiographs", &["2 radiographs"]),
        ("1.5 mL subcutaneously", &["1.5 mL subcutaneously"]),
        // A line that belongs to the one above.
        ("1. Ear flush\nleft ear only\n2. Bath", &["Ear flush left ear only", "Bath"]),
        ("Ear flush\n  left ear only\nBath", &["Ear flush left ear only", "Bath"]),
    ];
    for (text, items) in cases {
        assert_eq!(ItemList::read(text, false).items, items, "{text:?}");
    }
    // (text, items); as medications
    let cases: [(&str, &[&str]); 6] = [
        (
            "Prednisolone 5 mg: 1 tablet, then 1/2 tablet every other day; Meloxicam 1.5 mg/mL 0.2 mL SID",
            &[
                "Prednisolone 5 mg: 1 tablet, then 1/2 tablet every other day",
                "Meloxicam 1.5 mg/mL 0.2 mL SID",
            ],
        ),
        ("Gabapentin 100 mg, maximum 300 mg daily", &["Gabapentin 100 mg, maximum 300 mg daily"]),
        ("Prednisolone 5 mg\nSig: 1 tab SID", &["Prednisolone 5 mg Sig: 1 tab SID"]),
        (
            "Amoxicillin 250 mg\nGive 1 capsule BID\nMeloxicam 1.5 mg/mL\nGive 0.2 mL SID",
            &["Amoxicillin 250 mg Give 1 capsule BID", "Meloxicam 1.5 mg/mL Give 0.2 mL SID"],
        ),
        ("1) Prednisolone 5 mg 2) Meloxicam", &["Prednisolone 5 mg", "Meloxicam"]),
        ("Insulin 2.5 IU 12. March", &["Insulin 2.5 IU 12. March"]),
    ];
    for (text, items) in cases {
        assert_eq!(ItemList::read(text, true).items, items, "{text:?}");
    }
    assert_eq!(read(&ValueType::Items, " ;\n"), FieldState::Blank);
    // What is shown is split again as it was: the first line's indentation counts.
    let indented = ItemList::read("  Ear flush\n Nail trim\n", false);
    assert_eq!(indented.items, ["Ear flush", "Nail trim"]);
    assert_eq!(ItemList::read(&indented.raw, false), indented);
}

#[test]
fn lists_compare_by_their_items() {
    // (one, other, same?)
    let cases = [
        ("Ear flush; nail trim", "1. Nail trim\n2. Ear  flush", true),
        ("Prednisolone 5 mg: 1 tablet SID", "Prednisolone 5 mg 1 tablet SID", true),
        ("Prednisolone 5 mg - 1 tablet SID", "prednisolone 5 mg, 1 tablet SID", true),
        ("Prednisolone 5 mg 1 tablet SID", "Prednisolone 2.5 mg 1 tablet SID", false),
        ("Prednisolone 5 mg", "Prednisolone 5 mg; Prednisolone 5 mg", false),
        ("Ear flush; nail trim", "Ear flush", false),
    ];
    for (left, right, same) in cases {
        let read = |text| value(&ValueType::Medications, text);
        assert_eq!(sameness(&read(left), &read(right)).is_same(), same, "{left} / {right}");
    }
}

/// Each system can say its own key of a patient, and nothing else.
#[test]
fn a_link_says_to_each_system_its_own_key_alone() {
    let both = PatientLink {
        servicenow: Some("s1".to_owned()),
        ehr: Some("p-1".to_owned()),
        name: Some("Bella".to_owned()),
    };
    assert_eq!(Remote::BOTH.map(|remote| both.key(remote)), [Some("s1"), Some("p-1")]);
    for (remote, key) in [(Remote::ServiceNow, "s1"), (Remote::Ehr, "p-1")] {
        assert_eq!(both.as_said_by(remote), PatientLink::to(remote, key));
        assert_eq!(PatientLink::to(remote.other(), "x").as_said_by(remote), PatientLink::default());
    }
}

/// Among medications alone a line that begins with a direction goes on with the one above it.
#[test]
fn a_direction_goes_on_with_the_medication_above_it() {
    let items = |value_type| match value(value_type, "Prednisolone 5 mg\nGive 1 tablet SID") {
        Value::Items(list) => list.items,
        other => panic!("{other:?}"),
    };
    assert_eq!(items(&ValueType::Medications), ["Prednisolone 5 mg Give 1 tablet SID"]);
    assert_eq!(items(&ValueType::Items), ["Prednisolone 5 mg", "Give 1 tablet SID"]);
}

#[test]
fn the_catalogues_hold_the_specified_fields() {
    let ids = |catalogue: &Catalogue| {
        catalogue.fields.iter().map(|spec| spec.id.clone()).collect::<Vec<_>>().join(" ")
    };
    let appointment = Catalogue::appointment_default();
    assert_eq!(appointment.kind, RecordKind::Appointment);
    assert_eq!(
        ids(&appointment),
        "patient appointment_date duration_minutes assigned_clinician appointment_type reason_for_visit appointment_status"
    );
    let grouped: Vec<&str> = appointment
        .fields
        .iter()
        .filter(|spec| spec.group.as_deref() == Some("slot"))
        .map(|spec| spec.id.as_str())
        .collect();
    assert_eq!(grouped, ["appointment_date", "duration_minutes", "assigned_clinician"]);
    let status = appointment.spec(appointment.index_of("appointment_status").expect("status")).expect("row");
    assert_eq!((status.one_side, status.both_sides), (OneSideRule::Take, BothSidesRule::FurtherAlong));
    assert_eq!(status.place, FhirPlace::Appointment(AppointmentPlace::Status));
    let treatment = Catalogue::treatment_default();
    assert_eq!(treatment.kind, RecordKind::Treatment);
    assert_eq!(
        ids(&treatment),
        "patient treatment_date clinician diagnosis procedures_performed medications_prescribed treatment_notes"
    );
    assert!(
        treatment
            .fields
            .iter()
            .all(|spec| matches!(spec.one_side, OneSideRule::TakeServiceNow | OneSideRule::Ask))
    );
}

#[test]
fn a_prescription_has_two_halves() {
    use record::codes::medication::{has_dose, split, timing};
    // (line, medication, directions, has a dose, timing code)
    type Case<'a> = (&'a str, &'a str, Option<&'a str>, bool, Option<&'a str>);
    let cases: [Case<'_>; 24] = [
        (
            "Prednisolone 5 mg tablet: 1 tablet by mouth once daily for 5 days",
            "Prednisolone 5 mg tablet",
            Some("1 tablet by mouth once daily for 5 days"),
            true,
            Some("QD"),
        ),
        (
            "Amoxicillin 250 mg PO BID x 10 days",
            "Amoxicillin 250 mg",
            Some("PO BID x 10 days"),
            true,
            Some("BID"),
        ),
        (
            "Meloxicam 1.5 mg/mL suspension 0.2 mL PO SID",
            "Meloxicam 1.5 mg/mL suspension",
            Some("0.2 mL PO SID"),
            true,
            Some("QD"),
        ),
        (
            "Amoxicillin 250 mg/5 mL suspension, 2 mL TID",
            "Amoxicillin 250 mg/5 mL suspension",
            Some("2 mL TID"),
            true,
            Some("TID"),
        ),
        ("Metronidazole 15 mg/kg PO q12h", "Metronidazole", Some("15 mg/kg PO q12h"), true, None),
        (
            "Insulin glargine 2 units SC twice a day",
            "Insulin glargine",
            Some("2 units SC twice a day"),
            true,
            Some("BID"),
        ),
        (
            "Gabapentin 100mg capsule - one capsule q8h",
            "Gabapentin 100mg capsule",
            Some("one capsule q8h"),
            true,
            Some("Q8H"),
        ),
        (
            "Prednisolone 5 mg, 1 tab SID, then 1/2 tab EOD",
            "Prednisolone 5 mg",
            Some("1 tab SID, then 1/2 tab EOD"),
            true,
            None,
        ),
        (
            "Carprofen 25 mg: ½ tablet BID as needed",
            "Carprofen 25 mg",
            Some("½ tablet BID as needed"),
            true,
            None,
        ),
        ("Maropitant 16 mg PRN", "Maropitant 16 mg", Some("PRN"), true, None),
        (
            "Otic ointment apply to left ear BID",
            "Otic ointment",
            Some("apply to left ear BID"),
            true,
            Some("BID"),
        ),
        ("Fluids 250 mL SC every other day", "Fluids", Some("250 mL SC every other day"), true, None),
        (
            "Doxycycline 100 mg Sig: 1 tab S.I.D.",
            "Doxycycline 100 mg",
            Some("Sig: 1 tab S.I.D."),
            true,
            Some("QD"),
        ),
        ("Tramadol 50 mg three times a day", "Tramadol 50 mg three times a day", None, false, None),
        ("Prednisolone 5 mg tablet", "Prednisolone 5 mg tablet", None, false, None),
        ("Ear drops", "Ear drops", None, false, None),
        ("Vitamin B 12 injection", "Vitamin B 12 injection", None, false, None),
        ("Ear drops BID", "Ear drops", Some("BID"), false, Some("BID")),
        ("Enalapril 5 mg BID and TID", "Enalapril 5 mg", Some("BID and TID"), true, None),
        ("Prednisolone:", "Prednisolone:", None, false, None),
        ("1 tablet of something", "1 tablet of something", None, false, None),
        ("Cefovecin 8 mg/kg SC once", "Cefovecin", Some("8 mg/kg SC once"), true, None),
        ("Selamectin 45 mg 1 pipette", "Selamectin 45 mg", Some("1 pipette"), true, None),
        ("", "", None, false, None),
    ];
    for (line, medication, directions, dose, code) in cases {
        let halves = split(line);
        assert_eq!((halves.medication, halves.directions), (medication, directions), "{line}");
        assert_eq!(has_dose(line), dose, "{line}");
        assert_eq!(halves.directions.and_then(timing).map(|(code, _)| code), code, "{line}");
    }
    assert_eq!(timing("1 tab S.I.D., with food").map(|(_, written)| written).as_deref(), Some("S.I.D"));
    assert_eq!(timing("1 tab twice a day").map(|(_, written)| written).as_deref(), Some("twice a day"));
}

/// A record of a catalogue from texts; fields that are not named are blank.
fn said(catalogue: &Catalogue, texts: &[(&str, &str)]) -> Record {
    let text = |id: &str| texts.iter().find(|(name, _)| *name == id).map_or("", |(_, text)| text);
    Record {
        kind: catalogue.kind,
        key: "k".to_owned(),
        other_key: None,
        active: true,
        deceased: false,
        fields: catalogue.fields.iter().map(|spec| read(&spec.value_type, text(&spec.id))).collect(),
    }
}

fn now() -> i64 {
    1_741_617_000 // 2025-03-10 14:30 UTC
}

#[test]
fn appointments_that_cannot_be_right_are_found() {
    use record::validate::{AppointmentFacts, AppointmentLimits, PatientKnown, validate_appointment};
    // What is other, what is known, the field and rule of each finding.
    type Case<'a> = (&'a [(&'a str, &'a str)], AppointmentFacts, &'a [(&'a str, &'a str)]);
    let catalogue = Catalogue::appointment_default();
    let right = [
        ("patient", "0f3c1e2d9b7a4c5e8f60123456789abc"),
        ("appointment_date", "2025-03-11 09:00:00"),
        ("duration_minutes", "30"),
        ("assigned_clinician", LEE),
        ("appointment_status", "scheduled"),
    ];
    let facts = |patient, created| AppointmentFacts { now: now(), created, patient };
    let alive = facts(PatientKnown::Alive, Some(now() - 3600));
    let cases: [Case<'_>; 18] = [
        (&[], alive, &[]),
        (&[("patient", "")], alive, &[("patient", "patient_missing")]),
        (&[], facts(PatientKnown::Unknown, None), &[("patient", "patient_unknown")]),
        (&[], facts(PatientKnown::Deceased, None), &[("patient", "patient_deceased")]),
        // The animal died after this visit, or it is called off already.
        (
            &[("appointment_date", "2025-02-10 09:00:00"), ("appointment_status", "completed")],
            facts(PatientKnown::Deceased, None),
            &[],
        ),
        (&[("appointment_status", "cancelled")], facts(PatientKnown::Deceased, None), &[]),
        (
            &[("appointment_date", "2025-03-10 08:00:00")],
            alive,
            &[("appointment_date", "booked_in_the_past")],
        ),
        (
            &[("appointment_date", "2025-03-10 12:00:00")],
            facts(PatientKnown::Alive, Some(now() - 9000)),
            &[("appointment_date", "open_after_its_time")],
        ),
        // A walk-in is entered when it is there already, and one that lasts is not over.
        (&[("appointment_date", "2025-03-10 13:00:00"), ("duration_minutes", "120")], alive, &[]),
        (&[("appointment_date", "2025-03-10 08:00:00"), ("appointment_status", "completed")], alive, &[]),
        (&[("appointment_date", "2052-03-10 08:00:00")], alive, &[("appointment_date", "too_far_ahead")]),
        (&[("appointment_date", "")], alive, &[("appointment_date", "time_missing")]),
        (&[("appointment_date", ""), ("appointment_status", "requested")], alive, &[]),
        (&[("duration_minutes", "2")], alive, &[("duration_minutes", "duration_implausible")]),
        (&[("duration_minutes", "1800")], alive, &[("duration_minutes", "duration_implausible")]),
        (&[("duration_minutes", "half an hour")], alive, &[("duration_minutes", "unreadable")]),
        (&[("assigned_clinician", "Dr Who")], alive, &[("assigned_clinician", "clinician_unknown")]),
        (&[("assigned_clinician", ""), ("duration_minutes", "")], alive, &[]),
    ];
    for (other, facts, expected) in cases {
        let mut texts = other.to_vec();
        texts.extend(right);
        let record = said(&catalogue, &texts);
        let findings = validate_appointment(&catalogue, &record, &AppointmentLimits::default(), &facts);
        let found: Vec<(&str, &str)> =
            findings.iter().map(|finding| (finding.field.as_str(), finding.rule)).collect();
        assert_eq!(found, expected, "{other:?}");
        for finding in findings {
            assert!(!finding.problem.is_empty() && !finding.way_out.is_empty());
            let words = format!("{} {}", finding.problem, finding.way_out);
            assert!(!words.contains("Dr Who") && !words.contains("half an hour"), "a value in {words}");
        }
    }
}

#[test]
fn treatments_are_checked_before_they_are_sent() {
    use record::validate::{ComplianceRules, KnownPatient, Severity, check_treatment};
    use record::value::PartialDate;
    // What is other, the rule and severity of each finding.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, Severity)]);
    let catalogue = Catalogue::treatment_default();
    let right = [
        ("patient", "0f3c1e2d9b7a4c5e8f60123456789abc"),
        ("treatment_date", "2025-03-10 14:00:00"),
        ("clinician", LEE),
        ("diagnosis", "Otitis externa"),
        ("medications_prescribed", "Prednisolone 5 mg: 1 tablet SID"),
    ];
    let check = |other: &[(&str, &str)], rules: &ComplianceRules| {
        let mut texts = other.to_vec();
        texts.extend(right);
        let patient = KnownPatient {
            born: PartialDate::new(2019, Some(6), None),
            allergies: ["penicillin", "none-known", "fish oil"].map(str::to_owned).to_vec(),
        };
        check_treatment(&catalogue, &said(&catalogue, &texts), rules, &patient, now())
    };
    let rules = ComplianceRules::default();
    let cases: [Case<'_>; 15] = [
        (&[], &[]),
        (&[("diagnosis", "")], &[("required_missing", Severity::Error)]),
        (
            &[("patient", ""), ("clinician", "")],
            &[("required_missing", Severity::Error), ("required_missing", Severity::Error)],
        ),
        (&[("clinician", "Dr Who")], &[("clinician_unknown", Severity::Error)]),
        (&[("treatment_date", "2025-03-11 14:00:00")], &[("date_in_the_future", Severity::Error)]),
        // Clocks of two computers differ.
        (&[("treatment_date", "2025-03-10 14:32:00")], &[]),
        (&[("treatment_date", "2019-05-01 14:00:00")], &[("date_before_birth", Severity::Error)]),
        (&[("treatment_date", "2023-05-01 14:00:00")], &[("date_long_ago", Severity::Warning)]),
        (&[("treatment_date", "10/03/2025")], &[("unreadable", Severity::Error)]),
        (&[("medications_prescribed", "")], &[]),
        (
            &[("medications_prescribed", "Prednisolone 5 mg: 1 tablet SID; Ear drops")],
            &[("dose_missing", Severity::Error)],
        ),
        (
            &[("medications_prescribed", "Prednisolone\nEar drops")],
            &[("dose_missing", Severity::Error), ("dose_missing", Severity::Error)],
        ),
        // What was given is sent, and somebody has to know.
        (
            &[(
                "medications_prescribed",
                "Penicillin G 300 IU/ml: 1 ml SC SID; Fish  Oil 1 g: 1 capsule SID",
            )],
            &[("allergy", Severity::Warning), ("allergy", Severity::Warning)],
        ),
        // Another word, and one that only the directions hold.
        (&[("medications_prescribed", "Penicillamine 250 mg: 1 capsule BID")], &[]),
        (&[("medications_prescribed", "Omega 3: 1 capsule SID instead of fish oil")], &[]),
    ];
    for (other, expected) in cases {
        let findings = check(other, &rules);
        let found: Vec<(&str, Severity)> =
            findings.iter().map(|finding| (finding.rule, finding.severity)).collect();
        assert_eq!(found, expected, "{other:?}");
        assert!(findings.iter().all(|finding| !finding.way_out.is_empty()));
    }
    let dose = check(&[("medications_prescribed", "Prednisolone 5 mg: 1 tablet SID; Ear drops")], &rules);
    assert_eq!(dose[0].problem, "medication 2 of 2 does not say how much to give");
    // A hospital may demand less, and more.
    let lenient = ComplianceRules {
        required: Vec::new(),
        clinician_known: false,
        dose_required: false,
        ..rules.clone()
    };
    assert!(
        check(
            &[("diagnosis", ""), ("clinician", "Dr Who"), ("medications_prescribed", "Ear drops")],
            &lenient
        )
        .is_empty()
    );
    let strict = ComplianceRules { required: vec!["treatment_notes".to_owned()], ..rules };
    assert_eq!(check(&[], &strict).len(), 1);
    // A column that is hidden cannot fulfil a demand.
    let mut hidden = said(&catalogue, &right);
    hidden.fields[3] = FieldState::Unknown;
    let found =
        check_treatment(&catalogue, &hidden, &ComplianceRules::default(), &KnownPatient::default(), now());
    assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["required_hidden"]);
}
