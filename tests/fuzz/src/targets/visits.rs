//! Appointments and treatments through the lenses.

use super::text;
use mapping::{AppointmentLens, TreatmentLens, TreatmentVersion};
use record::sameness::{Sameness, sameness};
use record::value::{Instant, StaffMember, Value};
use record::{Catalogue, Conventions, FieldState, Json, Remote};
use std::sync::{Arc, LazyLock};

static CONVENTIONS: LazyLock<Arc<Conventions>> = LazyLock::new(|| {
    let lee = StaffMember {
        servicenow_user: "46d44a5dc0a8010e0000b4bb8f62b0fd".to_owned(),
        practitioner: "Practitioner/dr-lee".to_owned(),
        name: "Dr Lee".to_owned(),
    };
    Arc::new(Conventions { staff: vec![lee], ..Conventions::default() })
});

static APPOINTMENTS: LazyLock<AppointmentLens> = LazyLock::new(|| AppointmentLens {
    catalogue: Arc::new(Catalogue::appointment_default()),
    conventions: Arc::clone(&CONVENTIONS),
    servicenow_system: "https://example.service-now.com/u_appointment".to_owned(),
});

static TREATMENTS: LazyLock<TreatmentLens> = LazyLock::new(|| {
    TreatmentLens::new(
        Arc::new(Catalogue::treatment_default()),
        Arc::clone(&CONVENTIONS),
        "https://example.service-now.com/u_treatment".to_owned(),
    )
});

/// What is written where there was something else.
const WRITTEN: &[(&str, &str)] = &[
    ("patient", "Patient/p-7"),
    ("appointment_date", "2025-03-10 14:30:00"),
    ("duration_minutes", "45"),
    ("assigned_clinician", "Dr Lee"),
    ("appointment_type", "Recheck"),
    ("reason_for_visit", "Limping"),
    ("appointment_status", "no show"),
];

fn says_the_same(left: &FieldState, right: &FieldState) -> bool {
    match (left, right) {
        (FieldState::Value(left), FieldState::Value(right)) => {
            matches!(sameness(left, right), Sameness::Identical | Sameness::Same(_))
        }
        _ => left == right,
    }
}

/// An Appointment, and the lens' laws on it.
pub fn appointment(input: &[u8]) {
    let Some(document) = text(input).and_then(|text| Json::parse(text).ok()) else { return };
    let lens = &*APPOINTMENTS;
    let Ok(record) = lens.get(&document) else { return };
    for (field, spec) in lens.catalogue.iter() {
        let id = &spec.id;
        let mut same = document.clone();
        lens.put(&mut same, field, record.field(field)).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(same, document, "{id}: what was read is put back");
        let (_, words) = WRITTEN.iter().find(|(name, _)| name == id).expect("a text for every field");
        let value = FieldState::read(&spec.value_type, words, &CONVENTIONS);
        for state in [FieldState::Blank, value] {
            let mut changed = document.clone();
            if lens.put(&mut changed, field, &state).is_err() {
                assert_eq!(changed, document, "{id}: what is refused changes nothing");
                continue;
            }
            let after = lens.get(&changed).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert!(says_the_same(after.field(field), &state), "{id}: {:?} is read", after.field(field));
            for (other, spec) in lens.catalogue.iter().filter(|(other, _)| *other != field) {
                assert_eq!(after.field(other), record.field(other), "{} changed with {id}", spec.id);
            }
            assert_eq!((&after.key, &after.other_key), (&record.key, &record.other_key), "{id}");
            let mut twice = changed.clone();
            lens.put(&mut twice, field, &state).unwrap_or_else(|error| panic!("{id} again: {error}"));
            assert_eq!(twice, changed, "{id}: put twice is put once");
        }
    }
}

/// A treatment's Bundle: what can be read of it can be written anew, and says the same then.
pub fn treatment(input: &[u8]) {
    let Some(document) = text(input).and_then(|text| Json::parse(text).ok()) else { return };
    let lens = &*TREATMENTS;
    let Ok(mut record) = lens.get(&document) else { return };
    "1234567890abcdef1234567890abcdef".clone_into(&mut record.key);
    let recorded = Instant::parse("2025-03-10 15:05:00").expect("a moment");
    let version = TreatmentVersion { number: 2, recorded: &recorded, revises: None, appointment: None };
    let mut count = 0_u32;
    let ids = || {
        count += 1;
        format!("3f0a4b50-6a0c-4a2b-8a64-{count:012x}")
    };
    let Ok(bundle) = lens.write(&record, version, ids) else { return };
    assert_eq!(mapping::fhir::check::findings(&bundle), Vec::new(), "what is written is valid");
    let again = lens.get(&bundle).expect("what was written can be read");
    assert_eq!(lens.version(&bundle), Some(2));
    for (field, spec) in lens.catalogue.iter() {
        let key = |state: &FieldState| match state {
            FieldState::Value(Value::PatientLink(link)) => link.key(Remote::Ehr).map(str::to_owned),
            _ => None,
        };
        let (left, right) = (again.field(field), record.field(field));
        let same = says_the_same(left, right) || (key(left).is_some() && key(left) == key(right));
        assert!(same, "{}: {left:?} was {right:?}", spec.id);
    }
}
