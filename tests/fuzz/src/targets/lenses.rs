//! Patients and rows through the lenses, and the lenses' laws on whatever can be read.

use super::text;
use mapping::fast::Printer;
use mapping::{BareAllergies, ColumnType, MappingError, PatientLens, RowLens};
use record::catalogue::{FhirPlace, ValueType};
use record::sameness::{Sameness, sameness};
use record::{Catalogue, Conventions, FieldIx, FieldSpec, FieldState, Json, Record};
use std::sync::{Arc, LazyLock};

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let mut catalogue = Catalogue::patient_default();
    let pattern = catalogue.fields.first().cloned().expect("a field");
    let custom = [
        ("weight", ValueType::Quantity { default_unit: "kg".to_owned() }),
        ("tag", ValueType::Text),
        ("coat", ValueType::Coded),
        ("vaccinated", ValueType::Date),
        ("dislikes", ValueType::Substances),
        ("breeder_phone", ValueType::Phone),
    ];
    catalogue.fields.extend(custom.map(|(id, value_type)| FieldSpec {
        id: id.to_owned(),
        label: id.to_owned(),
        column: id.to_owned(),
        value_type,
        place: FhirPlace::PatientExtension { url: format!("https://clinic.example/fhir/{id}") },
        ..pattern.clone()
    }));
    Arc::new(catalogue)
});

fn patient_lens(bare_allergies: BareAllergies) -> PatientLens {
    PatientLens {
        catalogue: Arc::clone(&CATALOGUE),
        conventions: Arc::new(Conventions::default()),
        servicenow_system: "https://example.service-now.com/u_patient_record".to_owned(),
        microchip_system: "urn:example:microchip:iso11784".to_owned(),
        microchip_systems_read: vec!["http://icar.org/microchip".to_owned()],
        bare_allergies,
    }
}

static PATIENT_LENSES: LazyLock<[PatientLens; 2]> =
    LazyLock::new(|| [BareAllergies::Unknown, BareAllergies::TextExtension].map(patient_lens));

static ROW_LENSES: LazyLock<[RowLens; 2]> = LazyLock::new(|| {
    let lens = RowLens::new(Arc::clone(&CATALOGUE), Arc::new(Conventions::default()));
    let mut typed = lens.clone();
    typed.active_column = Some("u_active".to_owned());
    typed.deceased_column = Some("u_deceased".to_owned());
    typed.column_types = CATALOGUE
        .iter()
        .map(|(_, spec)| if spec.value_type == ValueType::Date { ColumnType::Date } else { ColumnType::Text })
        .collect();
    [lens, typed]
});

/// A patient: a Bundle, a searchset or a bare Patient.
pub fn patient(input: &[u8]) {
    let Some(text) = text(input) else { return };
    for lens in PATIENT_LENSES.iter() {
        let document = Json::parse(text).ok();
        let read = document.as_ref().and_then(|document| lens.get(document).ok());
        assert_eq!(lens.get_fast(text), read, "the quick reader reads the same");
        let mut prints = Vec::new();
        if lens.print(text, &mut Printer::default(), &mut prints).is_some() {
            assert!(read.is_some() && prints.len() == CATALOGUE.fields.len());
        }
        let (Some(document), Some(record)) = (document, read) else { continue };
        laws(
            &document,
            &record,
            |document, _, _| lens.get(document),
            |document, field, state| lens.put(document, field, state),
        );
    }
}

/// A row of the Table API.
pub fn row(input: &[u8]) {
    let Some(text) = text(input) else { return };
    for lens in ROW_LENSES.iter() {
        let document = Json::parse(text).ok();
        let read = document.as_ref().and_then(|document| lens.get(document).ok());
        assert_eq!(lens.get_fast(text), read, "the quick reader reads the same");
        let mut prints = Vec::new();
        if lens.print(text, &mut Printer::default(), &mut prints).is_some() {
            assert!(read.is_some() && prints.len() == CATALOGUE.fields.len());
        }
        let (Some(document), Some(record)) = (document, read) else { continue };
        laws(
            &document,
            &record,
            |document, field, state| {
                let mut record = lens.get(document)?;
                // A date column holds a partial date with its gaps filled; who wrote it knows.
                let mut agreed = vec![FieldState::Unknown; CATALOGUE.fields.len()];
                agreed[usize::from(field.0)] = state.clone();
                lens.reread(&mut record, &agreed);
                Ok(record)
            },
            |document, field, state| lens.put(document, field, state),
        );
    }
}

/// What is written where there was something else.
const WRITTEN: &[(&str, &str)] = &[
    ("patient_name", "Mr. Whiskers"),
    ("species", "Cat"),
    ("breed", "Labradoodle"),
    ("date_of_birth", "2019-06"),
    ("gender", "female spayed"),
    ("microchip_id", "985112003456780"),
    ("owner_name", "Ana María López"),
    ("owner_phone", "415-555-2671 x12"),
    ("owner_email", "ana@example.test"),
    ("allergies", "Chicken; Bee venom"),
    ("medical_notes", "Line one\nLine two"),
    ("weight", "12.50 lb"),
    ("tag", "A-17"),
    ("coat", "Merle"),
    ("vaccinated", "2024-02-29"),
    ("dislikes", "Latex"),
    ("breeder_phone", "(415) 555-2672"),
];

fn written(spec: &FieldSpec) -> FieldState {
    let (_, text) = WRITTEN.iter().find(|(id, _)| *id == spec.id).expect("a text for every field");
    let value = record::value::parse(&spec.value_type, text, &Conventions::default());
    FieldState::Value(value.expect("a value").expect("no blank"))
}

fn says_the_same(left: &FieldState, right: &FieldState) -> bool {
    match (left, right) {
        (FieldState::Value(left), FieldState::Value(right)) => {
            matches!(sameness(left, right), Sameness::Identical | Sameness::Same(_))
        }
        _ => left == right,
    }
}

fn laws(
    document: &Json,
    record: &Record,
    get: impl Fn(&Json, FieldIx, &FieldState) -> Result<Record, MappingError>,
    put: impl Fn(&mut Json, FieldIx, &FieldState) -> Result<(), MappingError>,
) {
    for (field, spec) in CATALOGUE.iter() {
        let id = &spec.id;
        // Putting what was read changes nothing.
        let mut same = document.clone();
        put(&mut same, field, record.field(field)).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(&same, document, "{id}: what was read is put back");
        for state in [FieldState::Blank, written(spec)] {
            let mut changed = document.clone();
            let done = put(&mut changed, field, &state);
            if done.is_err() {
                assert_eq!(&changed, document, "{id}: what is refused changes nothing");
                continue;
            }
            let after = get(&changed, field, &state).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert!(
                says_the_same(after.field(field), &state),
                "{id}: {:?} was put and {:?} is read",
                state,
                after.field(field)
            );
            for (other, spec) in CATALOGUE.iter().filter(|(other, _)| *other != field) {
                assert_eq!(after.field(other), record.field(other), "{} changed with {id}", spec.id);
            }
            assert_eq!(
                (&after.key, &after.other_key, after.active, after.deceased),
                (&record.key, &record.other_key, record.active, record.deceased),
                "{id}"
            );
            let mut twice = changed.clone();
            put(&mut twice, field, &state).unwrap_or_else(|error| panic!("{id} again: {error}"));
            assert_eq!(twice, changed, "{id}: put twice is put once");
        }
    }
}
