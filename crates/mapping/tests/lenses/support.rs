//! Lenses, documents and comparisons shared by the tests.

use mapping::{BareAllergies, ColumnType, PatientLens, RowLens};
use proptest::prelude::*;
use record::catalogue::{FhirPlace, ValueType};
use record::sameness::{Sameness, sameness};
use record::{Catalogue, Conventions, FieldIx, FieldSpec, FieldState, Json, Record};
use std::sync::{Arc, LazyLock};

pub const SERVICENOW_SYSTEM: &str = "https://clinic.service-now.example/u_patient_record";
pub const CHIP_SYSTEM: &str = "https://vetsync.example/fhir/identifier/microchip";
pub const OTHER_CHIP_SYSTEM: &str = "http://icar.org/microchip";
pub const ANIMAL: &str = "http://hl7.org/fhir/StructureDefinition/patient-animal";
pub const NOTE: &str = "http://hl7.org/fhir/StructureDefinition/note";
pub const WEIGHT: &str = "https://vetsync.example/fhir/StructureDefinition/weight";

/// The default fields and one custom field of each type.
pub fn catalogue() -> Arc<Catalogue> {
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
        let mut catalogue = Catalogue::patient_default();
        let pattern = catalogue.fields.first().cloned().expect("a field");
        let custom = [
            ("weight", ValueType::Quantity { default_unit: "[lb_av]".to_owned() }, WEIGHT),
            ("tag", ValueType::Text, "https://clinic.example/fhir/tag"),
            ("diet", ValueType::LongText, "https://clinic.example/fhir/diet"),
            ("coat", ValueType::Coded, "https://clinic.example/fhir/coat"),
            ("vaccinated", ValueType::Date, "https://clinic.example/fhir/vaccinated"),
            ("breeder", ValueType::Name, "https://clinic.example/fhir/breeder"),
            ("breeder_phone", ValueType::Phone, "https://clinic.example/fhir/breeder-phone"),
            ("breeder_email", ValueType::Email, "https://clinic.example/fhir/breeder-email"),
            ("dislikes", ValueType::Substances, "https://clinic.example/fhir/dislikes"),
        ];
        catalogue.fields.extend(custom.map(|(id, value_type, url)| FieldSpec {
            id: id.to_owned(),
            label: id.to_owned(),
            column: id.to_owned(),
            value_type,
            place: FhirPlace::PatientExtension { url: url.to_owned() },
            ..pattern.clone()
        }));
        Arc::new(catalogue)
    });
    Arc::clone(&CATALOGUE)
}

pub fn row_lens() -> RowLens {
    let mut lens = RowLens::new(catalogue(), Arc::new(Conventions::default()));
    lens.active_column = Some("u_active".to_owned());
    lens.deceased_column = Some("u_deceased".to_owned());
    lens
}

pub fn with_type(lens: &RowLens, id: &str, column_type: ColumnType) -> RowLens {
    let mut lens = lens.clone();
    lens.column_types = vec![ColumnType::Text; lens.catalogue.fields.len()];
    lens.column_types[usize::from(field(id).0)] = column_type;
    lens
}

pub fn patient_lens() -> PatientLens {
    PatientLens {
        catalogue: catalogue(),
        conventions: Arc::new(Conventions::default()),
        servicenow_system: SERVICENOW_SYSTEM.to_owned(),
        microchip_system: CHIP_SYSTEM.to_owned(),
        microchip_systems_read: vec![OTHER_CHIP_SYSTEM.to_owned()],
        bare_allergies: BareAllergies::Unknown,
    }
}

/// For an EHR that knows bare Patients only.
pub fn bare_patient_lens() -> PatientLens {
    PatientLens { bare_allergies: BareAllergies::TextExtension, ..patient_lens() }
}

/// Either of the two.
pub fn any_patient_lens() -> impl Strategy<Value = PatientLens> {
    any::<bool>().prop_map(|bare| if bare { bare_patient_lens() } else { patient_lens() })
}

pub fn field(id: &str) -> FieldIx {
    catalogue().index_of(id).unwrap_or_else(|| panic!("field {id}"))
}

pub fn json(value: &serde_json::Value) -> Json {
    Json::parse(&value.to_string()).expect("json")
}

/// What a text says about a field.
pub fn state(id: &str, text: &str) -> FieldState {
    let catalogue = catalogue();
    let spec = catalogue.spec(field(id)).expect("field");
    match record::value::parse(&spec.value_type, text, &Conventions::default()).expect("value") {
        Some(value) => FieldState::Value(value),
        None => FieldState::Blank,
    }
}

pub fn same(left: &FieldState, right: &FieldState) -> bool {
    match (left, right) {
        (FieldState::Value(left), FieldState::Value(right)) => {
            matches!(sameness(left, right), Sameness::Identical | Sameness::Same(_))
        }
        _ => left == right,
    }
}

/// Asserts that a record says the same about every field but one.
pub fn others_unchanged(before: &Record, after: &Record, changed: FieldIx) -> Result<(), TestCaseError> {
    for (at, (left, right)) in before.fields.iter().zip(&after.fields).enumerate() {
        if at != usize::from(changed.0) {
            prop_assert_eq!(left, right, "field {} changed with field {}", at, changed.0);
        }
    }
    prop_assert_eq!(
        (&before.key, &before.other_key, before.active, before.deceased),
        (&after.key, &after.other_key, after.active, after.deceased,)
    );
    Ok(())
}

/// The paths at which two documents differ. Elements of an array with a `url` go by it, others by their index;
/// members that changed places are reported at their object.
pub fn differences(left: &Json, right: &Json) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    compare(left, right, &mut Vec::new(), &mut out);
    out
}

fn compare(left: &Json, right: &Json, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    if left == right {
        return;
    }
    match (left, right) {
        (Json::Object(left), Json::Object(right)) => {
            let order = |of: &[(String, Json)], other: &[(String, Json)]| -> Vec<String> {
                of.iter()
                    .map(|(key, _)| key.clone())
                    .filter(|key| other.iter().any(|(k, _)| k == key))
                    .collect()
            };
            if order(left, right) != order(right, left) {
                out.push(path.clone());
            }
            compare_named(left, right, path, out);
        }
        (Json::Array(left), Json::Array(right)) => {
            compare_named(&named(left), &named(right), path, out);
        }
        _ => out.push(path.clone()),
    }
}

fn compare_named(
    left: &[(String, Json)],
    right: &[(String, Json)],
    path: &mut Vec<String>,
    out: &mut Vec<Vec<String>>,
) {
    let mut keys: Vec<&String> = left.iter().chain(right).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    let of = |members: &'_ [(String, Json)], key: &str| {
        members.iter().find(|(name, _)| name == key).map_or(Json::Null, |(_, value)| value.clone())
    };
    for key in keys {
        path.push(key.clone());
        compare(&of(left, key), &of(right, key), path, out);
        path.pop();
    }
}

fn named(items: &[Json]) -> Vec<(String, Json)> {
    items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let name = match item.get("url").and_then(Json::as_str) {
                Some(url) => {
                    let earlier =
                        items[..at].iter().filter(|other| other.get("url") == item.get("url")).count();
                    format!("{url}#{earlier}")
                }
                None => at.to_string(),
            };
            (name, item.clone())
        })
        .collect()
}

/// Whether a path of the Patient belongs to a field's own place.
pub fn in_place(place: &FhirPlace, path: &[String]) -> bool {
    let first = path.first().map(String::as_str).unwrap_or_default();
    let extension = path.get(1).map(String::as_str).unwrap_or_default();
    let in_extension =
        |url: &str| first == "extension" && (path.len() == 1 || extension == format!("{url}#0"));
    match place {
        FhirPlace::PatientName => first == "name",
        FhirPlace::AnimalSpecies | FhirPlace::AnimalBreed => in_extension(ANIMAL),
        FhirPlace::BirthDate => first == "birthDate" || first == "_birthDate",
        FhirPlace::GenderAndStatus => first == "gender" || first == "_gender" || in_extension(ANIMAL),
        FhirPlace::MicrochipIdentifier => first == "identifier",
        FhirPlace::OwnerName | FhirPlace::OwnerPhone | FhirPlace::OwnerEmail => first == "contact",
        FhirPlace::Allergies => first == "contained" || in_extension(mapping::fhir::ALLERGIES_TEXT),
        FhirPlace::NoteExtension { url } | FhirPlace::PatientExtension { url } => in_extension(url),
        FhirPlace::Appointment(_) | FhirPlace::Treatment(_) => false,
    }
}

/// Every text that marks content no field maps.
pub fn markers(document: &Json) -> Vec<String> {
    let mut out = Vec::new();
    collect_markers(document, &mut out);
    out
}

fn collect_markers(json: &Json, out: &mut Vec<String>) {
    match json {
        Json::String(text) if text.starts_with("keep-") => out.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| collect_markers(item, out)),
        Json::Object(members) => members.iter().for_each(|(_, value)| collect_markers(value, out)),
        _ => {}
    }
}

/// The Patient of a document.
pub fn patient_of(document: &Json) -> &Json {
    match document.get("resourceType").and_then(Json::as_str) {
        Some("Bundle") => document
            .get("entry")
            .expect("entry")
            .items()
            .iter()
            .filter_map(|entry| entry.get("resource"))
            .find(|resource| resource.get("resourceType").and_then(Json::as_str) == Some("Patient"))
            .expect("Patient"),
        _ => document,
    }
}
