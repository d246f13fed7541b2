//! HL7's own examples: read, changed and written with nothing else altered.

use crate::support::*;
use mapping::MappingError;
use record::{FieldState, Json};

macro_rules! examples {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../fhir-examples/", $name, ".json")))),*]
    };
}

const PATIENTS: [(&str, &str); 5] =
    examples!["Patient-animal", "Patient-pat1", "Patient-pat2", "Patient-pat3", "Patient-pat4"];
const ALLERGIES: [(&str, &str); 5] = examples![
    "AllergyIntolerance-example",
    "AllergyIntolerance-fishallergy",
    "AllergyIntolerance-medication",
    "AllergyIntolerance-nka",
    "AllergyIntolerance-nkda",
];
const BUNDLES: [(&str, &str); 5] = examples![
    "Bundle-bundle-example",
    "Bundle-bundle-references",
    "Bundle-bundle-response",
    "Bundle-bundle-search-warning",
    "Bundle-bundle-transaction",
];

fn parsed(text: &str) -> Json {
    Json::parse(text).expect("example")
}

/// The Patient with all allergy examples, as the product meets them.
fn bundle_with_allergies(patient: &Json) -> Json {
    let mut entries = vec![Json::object([("resource", patient.clone())])];
    for (_, allergy) in ALLERGIES {
        let mut allergy = parsed(allergy);
        allergy.remove("patient");
        let id = patient.get("id").and_then(Json::as_str).expect("id");
        allergy.set("patient", Json::object([("reference", Json::str(format!("Patient/{id}")))]));
        entries.push(Json::object([("resource", allergy)]));
    }
    Json::object([
        ("resourceType", Json::str("Bundle")),
        ("type", Json::str("collection")),
        ("entry", Json::Array(entries)),
    ])
}

#[test]
fn the_animal_is_read() {
    let record = patient_lens().get(&parsed(PATIENTS[0].1)).expect("readable");
    // (field, what people read)
    let expected = [
        ("patient_name", "Kenzi"),
        ("species", "Dog"),
        ("breed", "Golden retriever"),
        ("date_of_birth", "2010-03-23"),
        ("gender", "Female spayed"),
        ("microchip_id", ""),
        ("owner_name", "Peter James Chalmers"),
        ("owner_phone", "(03) 5555 6473"),
        ("owner_email", ""),
        ("medical_notes", ""),
    ];
    for (id, text) in expected {
        assert_eq!(record.field(field(id)).display(), text, "{id}");
    }
    // A bare Patient does not say what it is allergic to.
    assert_eq!(*record.field(field("allergies")), FieldState::Unknown);
    assert_eq!((record.key.as_str(), record.active, record.deceased), ("animal", true, false));
}

#[test]
fn allergies_are_read() {
    let bundle = bundle_with_allergies(&parsed(PATIENTS[0].1));
    let record = patient_lens().get(&bundle).expect("readable");
    let FieldState::Value(record::value::Value::Substances(set)) = record.field(field("allergies")) else {
        panic!("no set");
    };
    let texts: Vec<&str> = set.items.iter().map(|item| item.text.as_str()).collect();
    // "No known allergy" and "no known drug allergy" are one statement here.
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(set.items.iter().any(record::value::Substance::is_none_known), "{texts:?}");
    assert!(texts.contains(&"Cashew nuts"), "{texts:?}");
}

#[test]
fn examples_are_written_back_as_they_came() {
    let lens = patient_lens();
    for (name, text) in PATIENTS.into_iter().chain(BUNDLES) {
        let document = parsed(text);
        let compact: String = document.to_string();
        let Ok(record) = lens.get(&document) else {
            // Bundles without a Patient are refused, not misread.
            assert!(name.starts_with("Bundle"), "{name}");
            assert!(matches!(lens.get(&document), Err(MappingError::NotThisKind { .. })));
            assert_eq!(lens.get_fast(text), None);
            continue;
        };
        assert_eq!(lens.get_fast(text), Some(record.clone()), "{name}");
        let mut written = document.clone();
        for (field, _) in catalogue().iter() {
            lens.put(&mut written, field, record.field(field)).expect("nothing to write");
        }
        assert_eq!(written.to_string(), compact, "{name}");
    }
}

#[test]
fn a_change_alters_nothing_else() {
    let lens = patient_lens();
    let changes = [
        ("patient_name", "Rex"),
        ("species", "Cat"),
        ("breed", "Siamese"),
        ("date_of_birth", "2011"),
        ("gender", "male intact"),
        ("microchip_id", "985112003456789"),
        ("owner_name", "Ana López"),
        ("owner_phone", "+1 415 555 2671"),
        ("owner_email", "ana@example.test"),
        ("allergies", "Penicillin; Bee venom"),
        ("medical_notes", "Line one\nLine two"),
        ("weight", "4.10 kg"),
    ];
    for (name, text) in PATIENTS {
        let document = bundle_with_allergies(&parsed(text));
        for (id, value) in changes {
            let mut written = document.clone();
            lens.put(&mut written, field(id), &state(id, value)).expect("writable");
            let spec = catalogue().spec(field(id)).cloned().expect("field");
            for path in differences(patient_of(&document), patient_of(&written)) {
                assert!(in_place(&spec.place, &path), "{name}: {id} changed {path:?}");
            }
            let bytes_of_rest = |of: &Json| {
                let mut patient = patient_of(of).clone();
                for key in ["name", "extension", "birthDate", "gender", "identifier", "contact"] {
                    patient.remove(key);
                }
                patient.to_string()
            };
            assert_eq!(bytes_of_rest(&document), bytes_of_rest(&written), "{name}: {id}");
            let record = lens.get(&written).expect("readable");
            assert!(same(record.field(field(id)), &state(id, value)), "{name}: {id}");
        }
    }
}
