//! Overlapping appointments, and appointments that may be one.
#![allow(clippy::expect_used, reason = "a test says so by failing")]

use proptest::prelude::*;
use proptest::sample::select;
use reconcile::calendar::{Overlap, Visit, alike, contradict, overlaps, patient_of};
use reconcile::identity::{Evidence, Tier};
use record::codes::appointment_status::Stage;
use record::value::{Instant, PatientLink, Value};
use record::{Catalogue, Conventions, FieldState, Record, RecordKind};
use std::collections::BTreeSet;

const NINE: i64 = 1_741_597_200;

fn visit(id: usize, clinician: &str, from_minute: i64, minutes: u32, stage: Stage) -> Visit<'_, usize> {
    Visit { id, clinician, start: NINE + from_minute * 60, minutes, stage }
}

#[test]
fn what_overlaps_and_what_does_not() {
    use Stage::{Booked, Cancelled, Done, Present, Requested};
    // (two appointments, minutes both last, if they overlap)
    let cases = [
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 15, 30, Booked), Some(15)),
        (visit(0, "lee", 0, 60, Present), visit(1, "lee", 15, 15, Booked), Some(15)),
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 0, 30, Booked), Some(30)),
        // One begins when the other ends.
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 30, 30, Booked), None),
        (visit(0, "lee", 0, 30, Booked), visit(1, "ana", 15, 30, Booked), None),
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 15, 30, Cancelled), None),
        (visit(0, "lee", 0, 30, Requested), visit(1, "lee", 15, 30, Booked), None),
        (visit(0, "lee", 0, 30, Done), visit(1, "lee", 15, 30, Booked), None),
        (visit(0, "lee", 0, 0, Booked), visit(1, "lee", 0, 30, Booked), None),
    ];
    for (one, other, minutes) in cases {
        let expected: Vec<Overlap<usize>> =
            minutes.map(|minutes| Overlap { first: 0, second: 1, minutes }).into_iter().collect();
        assert_eq!(overlaps(&[one, other]), expected, "{one:?} {other:?}");
    }
    assert!(Overlap::<usize>::PROBLEM.len() + Overlap::<usize>::WAY_OUT.len() > 40);
}

/// An appointment of a patient, whose keys it knows as far as it is linked, at a moment.
fn appointment(patient: (Option<&str>, Option<&str>), at: &str) -> Record {
    let catalogue = Catalogue::appointment_default();
    let mut record = Record {
        kind: RecordKind::Appointment,
        key: "a".to_owned(),
        other_key: None,
        active: true,
        deceased: false,
        fields: vec![FieldState::Unknown; catalogue.fields.len()],
    };
    let (servicenow, ehr) = (patient.0.map(str::to_owned), patient.1.map(str::to_owned));
    let link = PatientLink { servicenow, ehr, name: None };
    let values = [
        ("patient", Value::PatientLink(link)),
        ("appointment_date", Value::Instant(Instant::parse(at).expect("a moment"))),
    ];
    for (id, value) in values {
        record.fields[usize::from(catalogue.index_of(id).expect("a field").0)] = FieldState::Value(value);
    }
    record
}

#[test]
fn appointments_of_one_patient_within_an_hour_may_be_one() {
    let catalogue = Catalogue::appointment_default();
    let (bella, rex) = ((Some("s1"), Some("p1")), (Some("s2"), Some("p2")));
    let noon = appointment(bella, "2025-03-10 12:00:00");
    // (when the other begins, how likely it is the same)
    let cases = [
        ("2025-03-10 12:00:00", Some((Tier::Probable, Evidence::SameTime))),
        ("2025-03-10 12:59:59", Some((Tier::Possible, Evidence::TimeAlike))),
        ("2025-03-10 11:00:01", Some((Tier::Possible, Evidence::TimeAlike))),
        ("2025-03-10 13:00:00", None),
        ("2025-03-10 11:00:00", None),
    ];
    for (at, expected) in cases {
        let expected = expected.map(|(tier, evidence)| (tier, vec![Evidence::SamePatient, evidence]));
        assert_eq!(alike(&catalogue, &noon, &appointment(bella, at)), expected, "{at}");
        assert_eq!(alike(&catalogue, &noon, &appointment(rex, at)), None, "{at}");
    }
    // Who is to see them is said where both say it.
    let at = |clinician: &str| {
        let mut record = noon.clone();
        let field = catalogue.index_of("assigned_clinician").expect("a field");
        let spec = catalogue.spec(field).expect("a field");
        record.fields[usize::from(field.0)] =
            FieldState::read(&spec.value_type, clinician, &Conventions::default());
        record
    };
    let said = |one: &Record, other: &Record| alike(&catalogue, one, other).expect("alike").1.get(2).copied();
    assert_eq!(said(&at("Dr Lee"), &at("Dr Lee")), Some(Evidence::SameClinician));
    assert_eq!(said(&at("Dr Lee"), &at("Dr Ruiz")), Some(Evidence::DifferentClinicians));
    assert_eq!(said(&at("Dr Lee"), &noon), None);
    // A patient is known where both systems' keys are.
    assert_eq!(patient_of(&catalogue, &noon), Some("s1"));
    let unlinked = appointment((Some("s1"), None), "2025-03-10 12:00:00");
    assert_eq!(patient_of(&catalogue, &unlinked), None);
    let of_rex = appointment(rex, "2025-03-10 12:00:00");
    let contradicted = [&noon, &of_rex, &unlinked].map(|other| contradict(&catalogue, &noon, other));
    assert_eq!(contradicted, [false, true, false]);
}

#[test]
fn a_calendar_that_stands_at_one_moment_is_named_whole_and_not_squared() {
    let visits: Vec<Visit<'_, usize>> =
        (0..20_000).map(|id| visit(id, "lee", 0, 30, Stage::Booked)).collect();
    let found = overlaps(&visits);
    let named: BTreeSet<usize> = found.iter().flat_map(|overlap| [overlap.first, overlap.second]).collect();
    assert_eq!(named.len(), visits.len());
    assert!(found.len() <= visits.len() * 8, "{} pairs", found.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same pairs as comparing each with each.
    #[test]
    fn every_pair_is_found(raw in proptest::collection::vec((select(vec!["lee", "ana"]), 0_i64..600, 0_u32..90,
        select(vec![Stage::Booked, Stage::Present, Stage::Cancelled, Stage::Done])), 0..9)) {
        let visits: Vec<Visit<'_, usize>> = raw.iter().enumerate()
            .map(|(id, (clinician, from, minutes, stage))| visit(id, clinician, *from, *minutes, *stage)).collect();
        let takes = |one: &Visit<'_, usize>| matches!(one.stage, Stage::Booked | Stage::Present) && one.minutes > 0;
        let end = |one: &Visit<'_, usize>| one.start + i64::from(one.minutes) * 60;
        let mut expected = BTreeSet::new();
        for one in &visits {
            for other in visits.iter().filter(|other| other.id > one.id) {
                if takes(one) && takes(other) && one.clinician == other.clinician
                    && one.start < end(other) && other.start < end(one) {
                    expected.insert((one.id, other.id));
                }
            }
        }
        let found: BTreeSet<(usize, usize)> = overlaps(&visits).into_iter()
            .map(|overlap| (overlap.first.min(overlap.second), overlap.first.max(overlap.second))).collect();
        prop_assert_eq!(found, expected);
    }
}
