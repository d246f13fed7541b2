//! How appointments are judged: the stages of a status, the slot that moves together, the patient.
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use reconcile::compare::{Rule, Why};
use reconcile::{Grade, PairState, Settlement, compare};
use record::{Catalogue, Conventions, FieldState, Record};

/// What a catalogue's fields say; fields that are not named are blank.
fn record(catalogue: &Catalogue, said: &[(&str, &str)]) -> Record {
    let state = |id: &str, value_type| {
        let text = said.iter().find(|(name, _)| *name == id).map_or("", |(_, text)| text);
        FieldState::read(value_type, text, &Conventions::default())
    };
    Record {
        kind: catalogue.kind,
        key: "a".to_owned(),
        other_key: None,
        active: true,
        deceased: false,
        fields: catalogue.fields.iter().map(|spec| state(&spec.id, &spec.value_type)).collect(),
    }
}

/// The judgement of one field: grade, the value that goes to both, rule or reason.
fn judged(
    base: &[(&str, &str)],
    servicenow: &[(&str, &str)],
    ehr: &[(&str, &str)],
    id: &str,
) -> (u8, String, String) {
    let catalogue = Catalogue::appointment_default();
    let (base, servicenow, ehr) =
        (record(&catalogue, base), record(&catalogue, servicenow), record(&catalogue, ehr));
    let base = reconcile::compare::Base {
        fields: base
            .fields
            .into_iter()
            .map(|state| reconcile::compare::BaseField { state, ..Default::default() })
            .collect(),
    };
    let pair = PairState {
        catalogue: &catalogue,
        base: Some(&base),
        servicenow: Some(&servicenow),
        ehr: Some(&ehr),
    };
    let comparison = compare(&pair);
    let at = catalogue.index_of(id).expect("a field");
    let compared = &comparison.fields[usize::from(at.0)];
    match &compared.settlement {
        Settlement::Nothing => (compared.grade.number(), String::new(), String::new()),
        Settlement::Settle { value, rule } => (compared.grade.number(), value.display(), format!("{rule:?}")),
        Settlement::Ask { why, .. } => (compared.grade.number(), String::new(), format!("{why:?}")),
    }
}

fn expected(grade: Grade, value: &str, why: &str) -> (u8, String, String) {
    (grade.number(), value.to_owned(), why.to_owned())
}

#[test]
fn a_status_goes_to_the_one_further_along() {
    let further = format!("{:?}", Rule::FurtherAlong);
    let one_side = format!("{:?}", Rule::OneSideChanged);
    let asked = format!("{:?}", Why::BothChanged);
    // (base, ServiceNow, EHR, grade, value, why)
    let cases = [
        ("requested", "confirmed", "arrived", Grade::SettledByRule, "arrived", further.as_str()),
        ("scheduled", "completed", "checked-in", Grade::SettledByRule, "completed", further.as_str()),
        ("requested", "confirmed", "cancelled", Grade::SettledByRule, "cancelled", further.as_str()),
        ("scheduled", "cancelled", "fulfilled", Grade::Person, "", asked.as_str()),
        ("scheduled", "arrived", "noshow", Grade::Person, "", asked.as_str()),
        ("scheduled", "no_show", "cancelled", Grade::Person, "", asked.as_str()),
        ("scheduled", "entered_in_error", "arrived", Grade::Person, "", asked.as_str()),
        // Only one side moved on.
        ("scheduled", "confirmed", "fulfilled", Grade::OneSided, "fulfilled", one_side.as_str()),
        // Both stand at the same stage, whatever they call it: nothing moves.
        ("scheduled", "confirmed", "booked", Grade::Equal, "", ""),
        ("arrived", "in_progress", "arrived", Grade::Equal, "", ""),
    ];
    for (base, servicenow, ehr, grade, value, why) in cases {
        let status = |text| [("appointment_status", text)];
        let found = judged(&status(base), &status(servicenow), &status(ehr), "appointment_status");
        assert_eq!(found, expected(grade, value, why), "{base}: {servicenow} / {ehr}");
    }
}

#[test]
fn when_how_long_and_with_whom_move_together() {
    let slot = |date, minutes, clinician| {
        [("appointment_date", date), ("duration_minutes", minutes), ("assigned_clinician", clinician)]
    };
    let base = slot("2025-03-10 14:30:00", "30", "Dr Lee");
    let moved = slot("2025-03-11 09:00:00", "30", "Dr Lee");
    let same_as_base = slot("2025-03-10T15:30:00+01:00", "30", "DR. LEE");
    let other_clinician = slot("2025-03-10T14:30:00Z", "30", "Ana López");
    // Moved on one side: taken, in whatever form the other side wrote it.
    let found = judged(&base, &moved, &same_as_base, "appointment_date");
    assert_eq!(found, expected(Grade::OneSided, "2025-03-11 09:00:00", "OneSideChanged"));
    // Moved on one side, another clinician on the other: neither is taken alone.
    for id in ["appointment_date", "assigned_clinician"] {
        let found = judged(&base, &moved, &other_clinician, id);
        assert_eq!(found, expected(Grade::Person, "", "GroupMovesTogether"), "{id}");
    }
}

#[test]
fn another_patient_is_always_asked_about() {
    let patient = |key| [("patient", key)];
    let found = judged(&patient("aa"), &patient("bb"), &patient("aa"), "patient");
    assert_eq!(found, expected(Grade::Person, "", "AlwaysAsked"));
}
