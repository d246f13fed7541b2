//! Extensions: notes and custom fields, in every FHIR type in which an EHR may hold them.

use crate::places::{put, read, write};
use crate::support::*;
use record::FieldState;
use record::value::{Coded, Coding, Quantity, Value};
use serde_json::{Value as Serde, json as of};

const TAG: &str = "https://clinic.example/fhir/tag";
const DIET: &str = "https://clinic.example/fhir/diet";
const COAT: &str = "https://clinic.example/fhir/coat";
const VACCINATED: &str = "https://clinic.example/fhir/vaccinated";
const BREEDER: &str = "https://clinic.example/fhir/breeder";
const BREEDER_PHONE: &str = "https://clinic.example/fhir/breeder-phone";
const DISLIKES: &str = "https://clinic.example/fhir/dislikes";
const UCUM: &str = "http://unitsofmeasure.org";

/// A Patient with that extension and another one behind it.
fn holding(url: &str, members: &Serde) -> Serde {
    let mut extension = of!({"url": url});
    for (key, value) in members.as_object().expect("an object") {
        extension[key] = value.clone();
    }
    of!({"resourceType": "Patient", "extension": [extension, {"url": "http://other.example/ext", "valueCode": "keep"}]})
}

fn get(document: &Serde, id: &str) -> FieldState {
    patient_lens().get(&json(document)).expect("readable").field(field(id)).clone()
}

/// A value that is there keeps its FHIR type where that can hold the new one; else the type follows the field's.
#[test]
fn a_value_keeps_the_type_in_which_it_is_held() {
    let absent = of!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]});
    let coding = |code: &str| of!({"system": "http://local.example", "code": code});
    // (field, extension, what stands in it, what is written, what stands in it after)
    let cases = [
        ("tag", TAG, of!({"valueString": "a"}), "blue", of!({"valueString": "blue"})),
        ("tag", TAG, of!({"valueMarkdown": "a"}), "blue", of!({"valueMarkdown": "blue"})),
        ("tag", TAG, of!({"valueCode": "a"}), "light blue", of!({"valueCode": "light blue"})),
        (
            "tag",
            TAG,
            of!({"valueIdentifier": {"system": "s", "value": "a"}}),
            "b",
            of!({"valueIdentifier": {"system": "s", "value": "b"}}),
        ),
        (
            "tag",
            TAG,
            of!({"valueAnnotation": {"authorString": "A", "text": "a"}}),
            "b",
            of!({"valueAnnotation": {"authorString": "A", "text": "b"}}),
        ),
        (
            "tag",
            TAG,
            of!({"valueCodeableConcept": {"text": "a"}}),
            "b",
            of!({"valueCodeableConcept": {"text": "b"}}),
        ),
        ("tag", TAG, of!({"valueInteger": 7, "_valueInteger": {"id": "x"}}), "b", of!({"valueString": "b"})),
        ("tag", TAG, of!({"id": "x"}), "b", of!({"id": "x", "valueString": "b"})),
        ("tag", TAG, of!({"_valueString": absent}), "b", of!({"valueString": "b"})),
        ("diet", DIET, of!({"valueMarkdown": "a\nb"}), "c\nd", of!({"valueMarkdown": "c\nd"})),
        ("coat", COAT, of!({"valueString": "Merle"}), "brindle", of!({"valueString": "brindle"})),
        (
            "coat",
            COAT,
            of!({"valueCodeableConcept": {"text": "Merle", "coding": [coding("m")]}}),
            "brindle",
            of!({"valueCodeableConcept": {"text": "brindle"}}),
        ),
        (
            "coat",
            COAT,
            of!({"valueCoding": {"code": "m", "display": "Merle"}}),
            "brindle",
            of!({"valueCodeableConcept": {"text": "brindle"}}),
        ),
        ("vaccinated", VACCINATED, of!({"valueDate": "2024"}), "2025-03", of!({"valueDate": "2025-03"})),
        (
            "vaccinated",
            VACCINATED,
            of!({"valueDate": "2024", "_valueDate": absent}),
            "2025-03",
            of!({"valueDate": "2025-03"}),
        ),
        (
            "vaccinated",
            VACCINATED,
            of!({"valueDateTime": "2024-02-29T10:00:00Z"}),
            "2025-03-01",
            of!({"valueDate": "2025-03-01"}),
        ),
        (
            "breeder",
            BREEDER,
            of!({"valueHumanName": {"family": "López", "given": ["Ana"]}}),
            "Eva Ruiz",
            of!({"valueHumanName": {"text": "Eva Ruiz"}}),
        ),
        (
            "breeder_phone",
            BREEDER_PHONE,
            of!({"valueContactPoint": {"system": "phone", "value": "555-0100"}}),
            "555-0199",
            of!({"valueContactPoint": {"system": "phone", "value": "555-0199"}}),
        ),
        ("dislikes", DISLIKES, of!({"valueString": "Vet; cats"}), "Vet", of!({"valueString": "Vet"})),
    ];
    for (id, url, before, text, after) in cases {
        let document = holding(url, &before);
        assert_eq!(write(&document, id, text), holding(url, &after), "{document}");
    }
}

/// The unit keeps its name while it is the same unit.
#[test]
fn an_amount_keeps_the_name_of_its_unit() {
    // (what stands in the extension, what is written, what stands in it after)
    let cases = [
        (
            of!({"valueQuantity": {"value": 5.7, "unit": "kilos", "system": UCUM, "code": "kg"}}),
            "6.10 kg",
            of!({"valueQuantity": {"value": 6.10, "unit": "kilos", "system": UCUM, "code": "kg"}}),
        ),
        (
            of!({"valueQuantity": {"value": 5.7, "unit": "kilos", "system": UCUM, "code": "kg"}}),
            "6 g",
            of!({"valueQuantity": {"value": 6, "unit": "g", "system": UCUM, "code": "g"}}),
        ),
        (
            of!({"valueQuantity": {"value": 5.7, "unit": "kilos", "system": "http://local.example", "code": "kg"}}),
            "6 kg",
            of!({"valueQuantity": {"value": 6, "unit": "kg", "system": UCUM, "code": "kg"}}),
        ),
        (
            of!({"valueQuantity": {"value": 5.7, "comparator": "<", "unit": "kg", "system": UCUM, "code": "kg"}}),
            "6 kg",
            of!({"valueQuantity": {"value": 6, "unit": "kg", "system": UCUM, "code": "kg"}}),
        ),
    ];
    for (before, text, after) in cases {
        let document = holding(WEIGHT, &before);
        assert_eq!(write(&document, "weight", text), holding(WEIGHT, &after), "{document}");
    }
}

#[test]
fn a_new_extension_has_the_type_of_its_field() {
    // (field, extension, what is written, what stands in it)
    let cases = [
        ("tag", TAG, "blue", of!({"valueString": "blue"})),
        ("diet", DIET, "a\nb", of!({"valueString": "a\nb"})),
        ("coat", COAT, "Merle", of!({"valueCodeableConcept": {"text": "Merle"}})),
        ("vaccinated", VACCINATED, "2024-02", of!({"valueDate": "2024-02"})),
        ("breeder", BREEDER, "Ana López", of!({"valueString": "Ana López"})),
        ("dislikes", DISLIKES, "Vet, cats", of!({"valueString": "Vet, cats"})),
        (
            "weight",
            WEIGHT,
            "12.50",
            of!({"valueQuantity": {"value": 12.50, "unit": "lb", "system": UCUM, "code": "[lb_av]"}}),
        ),
    ];
    for (id, url, text, stands) in cases {
        let mut extension = of!({"url": url});
        for (key, value) in stands.as_object().expect("an object") {
            extension[key] = value.clone();
        }
        let written = write(&of!({"resourceType": "Patient"}), id, text);
        assert_eq!(written["extension"], of!([extension]));
        // Emptied, it is gone, and the list with it; another one stays.
        let emptied = put(&written, id, &FieldState::Blank).expect("writable");
        assert_eq!(emptied, of!({"resourceType": "Patient"}), "{id}");
        let beside = put(&holding(url, &stands), id, &FieldState::Blank).expect("writable");
        assert_eq!(
            beside["extension"],
            of!([{"url": "http://other.example/ext", "valueCode": "keep"}]),
            "{id}"
        );
    }
}

#[test]
fn what_an_extension_cannot_hold_is_refused() {
    // (field, extension, what stands in it, what is written)
    let cases = [
        // A FHIR code has single blanks between its words, and none around them.
        ("tag", TAG, of!({"valueCode": "a"}), "light  blue"),
        ("tag", TAG, of!({"valueCode": "a"}), "light\tblue"),
        // Parts instead of a value.
        ("tag", TAG, of!({"extension": [{"url": "part", "valueString": "x"}]}), "blue"),
        // A note of another shape.
        ("medical_notes", NOTE, of!({"valueReference": {"reference": "x"}}), "limps"),
    ];
    for (id, url, before, text) in cases {
        assert!(put(&holding(url, &before), id, &state(id, text)).is_err(), "{before} {text}");
    }
}

#[test]
fn a_note_is_read_and_written_where_it_stands() {
    // (what stands in the extension, what is read, what stands in it after)
    let cases = [
        (
            of!({"valueAnnotation": {"authorString": "A", "text": "a"}}),
            "a",
            of!({"valueAnnotation": {"authorString": "A", "text": "b"}}),
        ),
        (of!({"valueMarkdown": "a"}), "a", of!({"valueMarkdown": "b"})),
        (of!({"valueString": "a"}), "a", of!({"valueString": "b"})),
        (of!({"id": "x"}), "", of!({"id": "x", "valueAnnotation": {"text": "b"}})),
        (
            of!({"valueAnnotation": {"authorString": "A"}}),
            "",
            of!({"valueAnnotation": {"authorString": "A", "text": "b"}}),
        ),
    ];
    for (before, said, after) in cases {
        let document = holding(NOTE, &before);
        assert_eq!(read(&document, "medical_notes"), said, "{document}");
        assert_eq!(write(&document, "medical_notes", "b"), holding(NOTE, &after), "{document}");
    }
}

/// The unit is a code of UCUM; where another system's code stands, people's word for it is tried first.
#[test]
fn amounts_are_read_in_whatever_unit_they_are_said() {
    let quantity = |members: Serde| of!({"valueQuantity": members});
    let value = |number: &str, unit: &str| {
        FieldState::Value(Value::Quantity(Quantity::new(number, unit).expect("an amount")))
    };
    // (what stands in the extension, what is read)
    let cases = [
        (quantity(of!({"value": 5.70, "unit": "kilos", "system": UCUM, "code": "kg"})), value("5.7", "kg")),
        (quantity(of!({"value": 5, "unit": "kg", "code": "g"})), value("5", "g")),
        (quantity(of!({"value": 5, "unit": "kg"})), value("5", "kg")),
        (quantity(of!({"value": 5, "unit": "kg", "system": UCUM})), value("5", "kg")),
        (
            quantity(of!({"value": 5, "unit": "kg", "system": "http://local.example", "code": "g"})),
            value("5", "kg"),
        ),
        (quantity(of!({"value": 5, "system": "http://local.example", "code": "g"})), value("5", "g")),
        // As the field counts where nothing is said.
        (quantity(of!({"value": 5})), value("5", "[lb_av]")),
        (of!({"valueAge": {"value": 5, "system": UCUM, "code": "kg"}}), value("5", "kg")),
        (quantity(of!({"value": 1.5e1, "unit": "kg"})), value("15.0", "kg")),
        (quantity(of!({"unit": "kg"})), FieldState::Blank),
        (quantity(of!({"value": "5", "unit": "kg"})), FieldState::Blank),
    ];
    for (stands, expected) in cases {
        assert_eq!(get(&holding(WEIGHT, &stands), "weight"), expected, "{stands}");
    }
    let invalid = [
        (quantity(of!({"value": 5, "comparator": "<", "unit": "kg"})), "<5 kg"),
        (quantity(of!({"value": 5, "unit": "bananas"})), "5 bananas"),
    ];
    for (stands, written) in invalid {
        match get(&holding(WEIGHT, &stands), "weight") {
            FieldState::Invalid { raw, .. } => assert_eq!(raw, written),
            other => panic!("{stands}: {other:?}"),
        }
    }
    // In a field of text it is what people read.
    assert_eq!(read(&holding(TAG, &quantity(of!({"value": 5.70, "unit": "kg"}))), "tag"), "5.7 kg");
}

/// As the EHR or another program may have written it: a JSON number with the same digits comes out.
#[test]
fn an_amount_is_written_as_a_json_number() {
    // (number, as it is sent)
    let cases = [("12.50", "12.50"), ("0.5", "0.5"), ("10", "10"), ("1e2", "100"), ("007", "7"), ("+4", "4")];
    for (number, sent) in cases {
        let amount = Quantity::new(number, "kg").expect("an amount");
        let mut document = json(&of!({"resourceType": "Patient"}));
        let state = FieldState::Value(Value::Quantity(amount));
        patient_lens().put(&mut document, field("weight"), &state).expect("writable");
        assert!(document.to_string().contains(&format!(r#""value":{sent},"unit":"kg""#)), "{document}");
    }
}

#[test]
fn a_coded_extension_is_read_with_its_codes() {
    let coding = |system: &str, code: &str, display: Option<&str>| Coding {
        system: system.to_owned(),
        code: code.to_owned(),
        display: display.map(str::to_owned),
    };
    let local = of!({"system": "http://local.example", "code": "m", "display": "Merle"});
    // (what stands in the extension, the text, the codes)
    let cases = [
        (
            of!({"valueCodeableConcept": {"text": "Blue merle", "coding": [local]}}),
            "Blue merle",
            vec![coding("http://local.example", "m", Some("Merle"))],
        ),
        (of!({"valueCoding": local}), "Merle", vec![coding("http://local.example", "m", Some("Merle"))]),
        (of!({"valueCoding": {"code": "m"}}), "m", vec![coding("", "m", None)]),
        (
            of!({"valueCodeableConcept": {"coding": [{"display": "no code"}, local]}}),
            "Merle",
            vec![coding("http://local.example", "m", Some("Merle"))],
        ),
        (of!({"valueString": "Merle"}), "Merle", vec![]),
    ];
    for (stands, text, codings) in cases {
        match get(&holding(COAT, &stands), "coat") {
            FieldState::Value(Value::Coded(coded)) => {
                assert_eq!(FieldState::Value(Value::Coded(coded.clone())).display(), text, "{stands}");
                assert_eq!(coded.codings, codings, "{stands}");
            }
            other => panic!("{stands}: {other:?}"),
        }
    }
}

/// While it stays the same concept, what is there stays to the letter, and what is missing of its codes is added.
#[test]
fn a_concept_keeps_the_codes_that_are_still_true() {
    let stands = of!([
        {"system": "http://local.example", "code": "m", "version": "3"},
        {"system": "http://other.example", "code": "b"},
    ]);
    let coded = |text: &str, codes: &[(&str, &str)]| {
        FieldState::Value(Value::Coded(Coded {
            text: text.to_owned(),
            concept: None,
            codings: codes
                .iter()
                .map(|(system, code)| Coding {
                    system: (*system).to_owned(),
                    code: (*code).to_owned(),
                    display: None,
                })
                .collect(),
        }))
    };
    let fresh = |system: &str, code: &str| of!({"system": system, "code": code});
    // (what is written, what stands there after)
    let cases = [
        // Another one, that shares a code with it: that stays as it is written, with its version.
        (
            coded("Brindle", &[("http://other.example", "x"), ("http://local.example", "m")]),
            of!({"coding": [fresh("http://other.example", "x"), stands[0]], "text": "Brindle"}),
        ),
        // The same code in another system is another code.
        (
            coded("Brindle", &[("http://other.example", "m")]),
            of!({"coding": [fresh("http://other.example", "m")], "text": "Brindle"}),
        ),
        (coded("Brindle", &[("", "m")]), of!({"coding": [{"code": "m"}], "text": "Brindle"})),
        (coded("Brindle", &[]), of!({"text": "Brindle"})),
    ];
    for (value, after) in cases {
        let document = holding(COAT, &of!({"valueCodeableConcept": {"coding": stands, "text": "Merle"}}));
        let written = put(&document, "coat", &value).expect("writable");
        assert_eq!(written["extension"][0]["valueCodeableConcept"], after, "{value:?}");
    }
    // A species' own code is added once, beside those that are there.
    let species = |coding: Serde, text: &str| {
        of!({"resourceType": "Patient", "extension": [{"url": ANIMAL, "extension": [
            {"url": "species", "valueCodeableConcept": {"coding": coding, "text": text}}]}]})
    };
    let snomed = of!({"system": "http://snomed.info/sct", "code": "448771007", "version": "2020-09"});
    let local = of!({"system": "http://local.example", "code": "D"});
    assert_eq!(
        write(&species(of!([local, snomed]), "Dog"), "species", "canine"),
        species(of!([local, snomed]), "canine")
    );
    let added = write(&species(of!([local]), "Dog"), "species", "canine");
    let coding = &added["extension"][0]["extension"][0]["valueCodeableConcept"]["coding"];
    assert_eq!(
        (&coding[0], &coding[1]["code"], coding.as_array().expect("codes").len()),
        (&local, &of!("448771007"), 2)
    );
}

/// A mixed breed has one code per species: that of the species beside it.
#[test]
fn a_mixed_breed_has_the_code_of_its_species() {
    let code = |species: &str| {
        let animal = write(&of!({"resourceType": "Patient"}), "species", species);
        let written = write(&animal, "breed", "Mixed breed");
        written["extension"][0]["extension"][1]["valueCodeableConcept"]["coding"][0]["code"].clone()
    };
    assert!(code("Dog").is_string() && code("Cat").is_string());
    assert_ne!(code("Dog"), code("Cat"));
}
