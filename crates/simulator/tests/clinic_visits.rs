//! The clinic's appointments and treatments are what their truth says, and take nothing away from its animals.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use record::catalogue::ValueType;
use record::codes::appointment_status::{AppointmentStatus, recognise};
use record::codes::appointment_types;
use record::value::{Instant, Value, parse};
use record::{Conventions, Json};
use simulator::clinic::{self, Clinic, Expected, Happening, LinkTruth, Rates, TreatmentExpected};
use simulator::ehr::{Ehr, validate::validate};
use simulator::idp::IdentityProvider;
use simulator::servicenow::{Instance, schema};
use simulator::{Clock, Control};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NOW_MS: i64 = 1_740_820_364_120;

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn column<'a>(row: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    row.get(name).map_or("", String::as_str)
}

#[test]
fn the_animals_of_a_seed_are_the_same_with_visits_and_without() {
    let with = clinic::generate(7, 600);
    let without =
        clinic::generate_with(7, 600, &Rates { appointments: 0, treatments: 0, ..Rates::default() });
    assert_eq!(with.rows, without.rows);
    assert_eq!(with.truth.pairs, without.truth.pairs);
    assert_eq!(with.charts.len(), without.charts.len());
    assert!(without.truth.appointments.is_empty() && without.truth.treatments.is_empty());
    assert!(with.truth.appointments.len() > 600 && with.truth.treatments.len() > 300);
    assert_eq!(clinic::generate(7, 600).truth, with.truth, "the same seed makes the same visits");
}

#[test]
fn every_resource_is_valid_and_every_row_fits_its_columns() {
    let made = clinic::generate(11, 800);
    let tables = [schema::appointment_table(), schema::treatment_table()];
    let fits = |table: &schema::TableSchema, row: &BTreeMap<String, String>| {
        for (name, value) in row {
            let known = table.columns.iter().find(|known| known.name == *name);
            let known = known.unwrap_or_else(|| panic!("no column {name}"));
            assert!(known.max_length == 0 || value.chars().count() <= known.max_length, "{name}");
            if let schema::ColumnType::Choice(choices) = &known.column_type {
                assert!(choices.iter().any(|(choice, _)| choice == value), "{name}: {value}");
            }
        }
    };
    for visits in &made.visits {
        for case in &visits.appointments {
            if let Some((_, row)) = &case.row {
                fits(&tables[0], row);
            }
            if let Some((_, resource, _)) = &case.resource {
                assert_eq!(validate(resource), [], "{resource}");
            }
        }
        for case in &visits.treatments {
            fits(&tables[1], &case.row.1);
            for resource in case.resources.iter().flat_map(|(_, resources, _)| resources) {
                assert_eq!(validate(resource), [], "{resource}");
            }
        }
    }
}

/// What is not listed as different says the same on both sides; what is listed does not.
#[test]
fn the_sides_of_an_appointment_differ_where_the_truth_says_so() {
    let made = clinic::generate(5, 3_000);
    let conventions = Conventions::default();
    let mut kinds: BTreeSet<(String, bool)> = BTreeSet::new();
    for case in made.visits.iter().flat_map(|visits| &visits.appointments) {
        let (Some((_, row)), Some((id, resource, _))) = (&case.row, &case.resource) else {
            assert_eq!(case.truth.link, LinkTruth::Alone);
            continue;
        };
        assert_eq!(column(row, "u_ehr_id"), id);
        let ours = Instant::parse(column(row, "u_appointment_date")).unwrap();
        let theirs = Instant::parse(text(resource, "start")).unwrap();
        let minutes: i64 = column(row, "u_duration_minutes").parse().unwrap();
        let span = (Instant::parse(text(resource, "end")).unwrap().seconds - theirs.seconds) / 60;
        let our_status = recognise(column(row, "u_appointment_status"), &conventions).unwrap();
        let their_status = AppointmentStatus::from_code(text(resource, "status")).unwrap();
        let kind_of = |name: &str| appointment_types::recognise(name, &conventions);
        let their_kind = resource.get("serviceType").map(|kinds| text(&kinds.items()[0], "text").to_owned());
        let reason = resource.get("reasonCode").map(|reasons| text(&reasons.items()[0], "text").to_owned());
        for (field, same) in [
            ("appointment_date", ours.seconds == theirs.seconds),
            ("duration_minutes", minutes == span),
            ("appointment_status", our_status.stage() == their_status.stage()),
            (
                "appointment_type",
                kind_of(column(row, "u_appointment_type")) == their_kind.as_deref().and_then(kind_of),
            ),
            (
                "reason_for_visit",
                column(row, "u_reason_for_visit").trim().to_lowercase()
                    == reason.unwrap_or_default().trim().to_lowercase(),
            ),
        ] {
            let expected = case.truth.expected(field);
            assert_eq!(same, *expected == Expected::Equal, "{field}: {expected:?}\n{row:?}\n{resource}");
            kinds.insert((field.to_owned(), same));
        }
        if !column(row, "u_appointment_type").is_empty() {
            assert!(kind_of(column(row, "u_appointment_type")).is_some());
        }
    }
    assert_eq!(kinds.len(), 10, "every field is equal here and different there: {kinds:?}");
}

#[test]
fn a_calm_clinic_has_no_differences_and_nobody_is_in_two_places() {
    let made = clinic::generate_with(3, 1_500, &Rates::calm());
    assert!(made.truth.appointments.iter().all(|truth| {
        truth.link == LinkTruth::CrossReference
            && truth.fields.iter().all(|field| field.expected == Expected::Equal)
    }));
    assert!(made.truth.treatments.iter().all(|truth| truth.expected == TreatmentExpected::Agreed));
    let mut taken: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for case in made.visits.iter().flat_map(|visits| &visits.appointments) {
        let (_, row) = case.row.as_ref().unwrap();
        let start = Instant::parse(column(row, "u_appointment_date")).unwrap().seconds;
        let minutes: i64 = column(row, "u_duration_minutes").parse().unwrap();
        let clinician = column(row, "u_assigned_clinician").to_owned();
        taken.entry(clinician).or_default().push((start, start + minutes * 60));
    }
    for (clinician, mut spans) in taken {
        spans.sort_unstable();
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{clinician}");
    }
}

#[test]
fn a_treatment_says_in_its_lists_what_the_truth_says_one_by_one() {
    let made = clinic::generate(9, 2_000);
    let conventions = Conventions::default();
    let mut seen: BTreeSet<TreatmentExpected> = BTreeSet::new();
    let items =
        |value_type: &ValueType, written: &str| match parse(value_type, written, &conventions).unwrap() {
            Some(Value::Items(list)) => list.items,
            None => Vec::new(),
            other => panic!("{other:?}"),
        };
    for case in made.visits.iter().flat_map(|visits| &visits.treatments) {
        let (truth, row) = (&case.truth, &case.row.1);
        seen.insert(truth.expected);
        assert_eq!(items(&ValueType::Items, column(row, "u_diagnosis")), truth.diagnoses);
        assert_eq!(items(&ValueType::Items, column(row, "u_procedures_performed")), truth.procedures);
        let medications = items(&ValueType::Medications, column(row, "u_medications_prescribed"));
        assert_eq!(medications, truth.medications);
        let completed = matches!(column(row, "u_treatment_status"), "completed" | "archived");
        assert_eq!(completed, truth.expected != TreatmentExpected::Wait);
        let Some((_, resources, _)) = &case.resources else { continue };
        let conditions: Vec<&str> = resources
            .iter()
            .filter(|resource| text(resource, "resourceType") == "Condition")
            .map(|condition| text(condition.get("code").unwrap(), "text"))
            .collect();
        assert_eq!(conditions == truth.diagnoses, truth.expected != TreatmentExpected::Ask);
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

fn remotes() -> (Instance, Ehr) {
    let idp = Arc::new(IdentityProvider::new(Clock::fixed(NOW_MS), 1));
    (Instance::new(Clock::fixed(NOW_MS), 1), Ehr::new(Clock::fixed(NOW_MS), idp))
}

#[test]
fn both_ways_to_fill_the_remotes_give_the_same_and_move_no_later_id() {
    let rates = Rates::default();
    let (servicenow, ehr) = remotes();
    let straight = Clinic::generate_into(4, 300, &rates, &servicenow, &ehr);
    let (other_servicenow, other_ehr) = remotes();
    let kept = clinic::generate_with(4, 300, &rates);
    kept.load(&other_servicenow, &other_ehr);
    assert_eq!(straight.truth, kept.truth);
    for table in ["u_appointment", "u_treatment", "sys_user"] {
        assert_eq!(servicenow.rows(table, ""), other_servicenow.rows(table, ""), "{table}");
        assert!(servicenow.row_count(table) > 0, "{table}");
    }
    assert_eq!(ehr.appointment_ids(), other_ehr.appointment_ids());
    assert_eq!(ehr.treatment_ids(), other_ehr.treatment_ids());
    assert_eq!(ehr.practitioner_ids().len(), 11);

    let (bare_servicenow, bare_ehr) = remotes();
    let without = Rates { appointments: 0, treatments: 0, ..rates };
    Clinic::generate_into(4, 300, &without, &bare_servicenow, &bare_ehr);
    let made = |instance: &Instance| instance.insert_row("u_patient_record", &[], "desk");
    assert_eq!(made(&servicenow), made(&bare_servicenow), "visits take no id away from what is made later");
}

/// Moved times, stages and words: what was written stands where the edit says, and the truth says what is right.
#[test]
fn the_reception_works_on_what_agreed_and_the_truth_follows() {
    let idp = Arc::new(IdentityProvider::new(Clock::fixed(NOW_MS), 1));
    let servicenow = Arc::new(Instance::new(Clock::fixed(NOW_MS), 1));
    let ehr = Arc::new(Ehr::new(Clock::fixed(NOW_MS), Arc::clone(&idp)));
    let rates = Rates { edited: 500, ..Rates::default() };
    let control =
        Control::new(Arc::clone(&servicenow), Arc::clone(&ehr), idp, clinic::generate_with(6, 800, &rates));
    let before = control.truth();
    let edits = control.evolve_visits(1);
    assert_eq!(control.truth().pairs, before.pairs, "no animal is touched");
    let mut answers: BTreeSet<String> = BTreeSet::new();
    for edit in &edits {
        let known =
            before.appointments.iter().find(|truth| truth.ehr_key.as_deref() == Some(&edit.ehr_key)).unwrap();
        assert!(
            known.fields.iter().all(|field| field.expected == Expected::Equal),
            "only what agreed is edited"
        );
        let row = servicenow.row("u_appointment", &edit.servicenow_key).unwrap();
        let resource = ehr.appointment(&edit.ehr_key).unwrap();
        assert_eq!(validate(&resource), [], "{resource}");
        let same_time = Instant::parse(column(&row, "u_appointment_date")).unwrap().seconds
            == Instant::parse(text(&resource, "start")).unwrap().seconds;
        let expected = &edit.field.expected;
        if edit.field.field == "appointment_date" {
            assert_eq!(same_time, *expected == Expected::Equal, "{edit:?}");
        }
        match expected {
            Expected::TakeServiceNow => assert!(edit.in_servicenow && !edit.in_ehr, "{edit:?}"),
            Expected::Ask => assert!(edit.in_servicenow && edit.in_ehr, "{edit:?}"),
            Expected::TakeEhr | Expected::Equal | Expected::Settle(_) => {}
        }
        answers.insert(format!("{} {expected:?}", edit.field.field));
        let after = control.truth();
        let now =
            after.appointments.iter().find(|truth| truth.ehr_key.as_deref() == Some(&edit.ehr_key)).unwrap();
        assert_eq!(now.expected(&edit.field.field), expected);
    }
    assert_eq!(answers.len(), 9, "{answers:?}");
}

/// One thing after another, each of them there afterwards and valid; the same things for the same seed.
#[test]
fn the_clinic_goes_on_working_and_stays_valid() {
    let clinic = || {
        let idp = Arc::new(IdentityProvider::new(Clock::fixed(NOW_MS), 1));
        let servicenow = Arc::new(Instance::new(Clock::fixed(NOW_MS), 1));
        let ehr = Arc::new(Ehr::new(Clock::fixed(NOW_MS), Arc::clone(&idp)));
        let rates = Rates { visits_around_ms: NOW_MS, ..Rates::default() };
        Control::new(servicenow, ehr, idp, clinic::generate_with(6, 300, &rates))
    };
    let control = clinic();
    let happenings: Vec<Happening> = (0..120).filter_map(|number| control.go_on(9, number)).collect();
    let same = clinic();
    let again: Vec<Happening> = (0..120).filter_map(|number| same.go_on(9, number)).collect();
    assert_eq!(happenings, again, "the same seed makes the same day");
    let mut kinds = BTreeSet::new();
    for happening in &happenings {
        kinds.insert(format!("{happening:?}").split(' ').next().map(str::to_owned));
        match happening {
            Happening::OwnerCalled { servicenow_key } | Happening::NoteAdded { servicenow_key } => {
                assert!(control.servicenow.row("u_patient_record", servicenow_key).is_some());
            }
            Happening::Booked { servicenow_key } | Happening::MovedInServiceNow { servicenow_key } => {
                let row = control.servicenow.row("u_appointment", servicenow_key).unwrap();
                assert!(column(&row, "u_appointment_date") > "2025-03-01", "{row:?}");
            }
            Happening::MovedInEhr { ehr_key } | Happening::CalledOff { ehr_key } => {
                let resource = control.ehr.appointment(ehr_key).unwrap();
                assert!(validate(&resource).is_empty(), "{resource}");
            }
            Happening::Registered { ehr_key } => {
                let chart = control.ehr.chart(ehr_key).unwrap();
                assert!(validate(&chart.patient).is_empty(), "{}", chart.patient);
                assert!(chart.patient.get("identifier").is_none(), "no other system knows it");
            }
        }
    }
    assert_eq!(kinds.len(), 7, "all kinds of work: {kinds:?}");
}
