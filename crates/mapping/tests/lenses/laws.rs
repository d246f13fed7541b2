//! The lens laws over generated documents.

use crate::support::*;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use record::catalogue::FhirPlace;
use record::value::{Neuter, Sex, SexStatus, Value};
use record::{Catalogue, FieldIx, FieldState, Json};
use serde_json::{Value as Serde, json};

/// Texts that each type of field understands, in the spellings people use.
fn texts(id: &str) -> Vec<&'static str> {
    match id {
        "patient_name" => vec!["Bella", "Kenzi", "kenzi", "Mr. Whiskers", "Zoë", "Rex \"the King\""],
        "species" => vec!["Dog", "canine", "Cat", "feline", "Axolotl", "Horse"],
        "breed" => vec![
            "Labrador Retriever",
            "lab",
            "GSD",
            "DSH",
            "Labradoodle",
            "Mixed breed",
            "Lab mix",
            "Village dog",
        ],
        "date_of_birth" | "vaccinated" => vec!["2019", "2019-06", "2019-06-01", "2010-03-23"],
        "gender" => vec!["MN", "female spayed", "M", "FI", "gelding", "U", "F"],
        "microchip_id" => vec!["985112003456789", "985 112 003 456 780", "123*456*789", "0A12345678"],
        "owner_name" | "breeder" => {
            vec![
                "Peter Chalmers",
                "peter  chalmers",
                "Peter James Chalmers",
                "Ana María López",
                "Dr. O'Brien",
            ]
        }
        "owner_phone" | "breeder_phone" => {
            vec!["(415) 555-2671", "+1 415 555 2672", "555-0100", "415-555-2671 x12"]
        }
        "owner_email" | "breeder_email" => vec!["peter@example.test", "Ana.Lopez@Example.test"],
        "allergies" | "dislikes" => vec![
            "Penicillin",
            "penicillin; Chicken",
            "Chicken\nBee venom\nPenicillin",
            "none known",
            "Fish (salmon, tuna), Latex",
        ],
        "medical_notes" | "diet" => {
            vec!["Nervous.", "Line one\nLine two", "Line one\r\nLine two", "  indented\n\nend"]
        }
        "weight" => vec!["12.50", "5.7 kg", "4.10 lb", "700 g", "12"],
        "tag" => vec!["A-17", "a 17", "blue"],
        "coat" => vec!["Merle", "brindle"],
        other => panic!("no texts for {other}"),
    }
}

fn states(id: &str) -> Vec<FieldState> {
    let mut states: Vec<FieldState> = texts(id).into_iter().map(|text| state(id, text)).collect();
    states.push(FieldState::Blank);
    if id == "gender" {
        // As FHIR gives it: without a term.
        for (sex, neuter) in
            [(Sex::Female, Neuter::Neutered), (Sex::Male, Neuter::Unknown), (Sex::Other, Neuter::Intact)]
        {
            states.push(FieldState::Value(Value::Sex(SexStatus::new(sex, neuter))));
        }
    }
    states
}

fn ids(catalogue: &Catalogue) -> Vec<String> {
    catalogue.fields.iter().map(|spec| spec.id.clone()).collect()
}

/// A field with two states for it.
fn writes() -> impl Strategy<Value = (FieldIx, FieldState, FieldState)> {
    select(ids(&catalogue())).prop_flat_map(|id| {
        let states = states(&id);
        (Just(field(&id)), select(states.clone()), select(states))
    })
}

/// Some of these, in any order.
fn some_of<T: Clone + std::fmt::Debug + 'static>(of: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let most = of.len();
    subsequence(of, 0..=most).prop_shuffle()
}

fn unknown_extension() -> Serde {
    json!({"url": "http://other.example/ext", "valueString": "keep-extension"})
}

fn names() -> impl Strategy<Value = Vec<Serde>> {
    some_of(vec![
        json!({"use": "usual", "given": ["Kenzi"]}),
        json!({"use": "official", "text": "Kenzi von der Heide", "extension": [unknown_extension()]}),
        json!({"use": "old", "text": "Pup"}),
        json!({"given": ["Bella"], "family": "Smith", "period": {"start": "2019"}}),
        json!({"use": "usual", "period": {"end": "2018"}, "text": "Earlier"}),
        json!({"use": "nickname", "_text": {"extension": [unknown_extension()]}}),
    ])
}

fn contacts() -> impl Strategy<Value = Vec<Serde>> {
    let owner =
        json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0063", "code": "OWN"}]});
    let contact_person =
        json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "C"}]});
    let telecoms = json!([
        {"system": "phone", "value": "(03) 5555 6473", "use": "work"},
        {"system": "phone", "value": "+1 415 555 2671", "use": "mobile", "extension": [unknown_extension()]},
        {"system": "fax", "value": "keep-fax"},
        {"system": "email", "value": "peter@example.test", "rank": 2},
        {"system": "email", "value": "other@example.test", "rank": 1},
        {"system": "phone", "value": "keep-old-phone", "use": "old"}
    ]);
    let telecoms = telecoms.as_array().cloned().unwrap_or_default();
    (
        some_of(telecoms),
        some_of(vec![
            json!({"relationship": [contact_person.clone()], "name": {"text": "Someone Else"}, "address": {"city": "keep-address"}}),
            json!({"relationship": [{"text": "Owner"}], "name": {"family": "Chalmers", "given": ["Peter", "James"]},
                "address": {"city": "keep-city"}}),
            json!({"relationship": [owner.clone()], "gender": "female", "name": {"use": "official", "text": "Ana López"},
                "extension": [unknown_extension()]}),
            json!({"relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "E"}]}],
                "organization": {"display": "keep-employer"}}),
            json!({"relationship": [owner], "period": {"end": "2015"}, "name": {"text": "keep-former-owner"}}),
        ]),
    )
        .prop_map(|(telecoms, mut contacts)| {
            if let (Some(first), false) = (contacts.first_mut(), telecoms.is_empty()) {
                first["telecom"] = Serde::Array(telecoms);
            }
            contacts
        })
}

fn identifiers() -> impl Strategy<Value = Vec<Serde>> {
    let chip =
        json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MCN"}]});
    some_of(vec![
        json!({"type": chip.clone(), "system": CHIP_SYSTEM, "value": "985112003456789"}),
        json!({"type": chip.clone(), "use": "old", "value": "keep-old-chip"}),
        json!({"system": OTHER_CHIP_SYSTEM, "value": "123*456*789"}),
        json!({"type": {"text": "Dog Tag"}, "value": "keep-tag", "assigner": {"display": "Council"}}),
        json!({"use": "secondary", "system": SERVICENOW_SYSTEM, "value": "0f3c1e2d9b7a4c5e8f60123456789abc"}),
    ])
}

fn animal() -> impl Strategy<Value = Option<Serde>> {
    let part = |url: &str, concept: Serde| json!({"url": url, "valueCodeableConcept": concept});
    let snomed = |code: &str, text: &str| {
        json!({"coding": [{"system": "http://snomed.info/sct", "code": code, "version": "2020-09"},
            {"system": "http://local.example", "code": "loc"}], "text": text})
    };
    let species = vec![
        part("species", snomed("448771007", "Dog")),
        part(
            "species",
            json!({"coding": [{"system": "http://hl7.org/fhir/animal-species", "code": "canislf"}]}),
        ),
        part("species", json!({"text": "Unknown"})),
        part("species", json!({"text": "Cat", "extension": [unknown_extension()]})),
    ];
    let others = vec![
        part("breed", snomed("62137007", "Labrador Retriever")),
        part(
            "genderStatus",
            json!({"coding": [{"system": "http://hl7.org/fhir/animal-genderstatus", "code": "neutered"}],
            "extension": [unknown_extension()]}),
        ),
        json!({"url": "http://other.example/nested", "valueCode": "keep-nested"}),
    ];
    (proptest::option::of(select(species)), some_of(others)).prop_map(|(species, others)| {
        // Without a species the extension is not valid, and does not occur.
        let species = species?;
        let parts: Vec<Serde> = std::iter::once(species).chain(others).collect();
        Some(json!({"url": ANIMAL, "extension": parts}))
    })
}

fn extensions() -> impl Strategy<Value = Vec<Serde>> {
    let simple = |url: &str, key: &str, value: Serde| {
        let mut extension = json!({"url": url});
        extension[key] = value;
        extension
    };
    let custom = vec![
        simple(NOTE, "valueAnnotation", json!({"text": "Nervous.", "authorString": "keep-author"})),
        simple(
            WEIGHT,
            "valueQuantity",
            json!({"value": 5.7, "unit": "kg", "system": "http://unitsofmeasure.org",
            "code": "kg", "extension": [unknown_extension()]}),
        ),
        simple("https://clinic.example/fhir/tag", "valueCode", json!("blue")),
        simple("https://clinic.example/fhir/diet", "valueMarkdown", json!("Line one\nLine two")),
        simple(
            "https://clinic.example/fhir/coat",
            "valueCodeableConcept",
            json!({"text": "Merle",
            "coding": [{"system": "http://local.example", "code": "m"}]}),
        ),
        simple("https://clinic.example/fhir/vaccinated", "valueDateTime", json!("2024-02-29T10:00:00Z")),
        simple(
            "https://clinic.example/fhir/breeder",
            "valueHumanName",
            json!({"family": "López", "given": ["Ana"]}),
        ),
        simple(
            "https://clinic.example/fhir/breeder-phone",
            "valueContactPoint",
            json!({"system": "phone", "value": "555-0100", "use": "work"}),
        ),
        simple("https://clinic.example/fhir/dislikes", "valueString", json!("Vet; cats")),
        simple(mapping::fhir::ALLERGIES_TEXT, "valueString", json!("Penicillin; chicken")),
        unknown_extension(),
        json!({"url": "http://other.example/nested", "extension": [
            {"url": "part", "valueDecimal": 4.10}, {"url": "other", "valueString": "keep-part"}]}),
    ];
    (animal(), some_of(custom)).prop_map(|(animal, custom)| animal.into_iter().chain(custom).collect())
}

fn allergies() -> impl Strategy<Value = Vec<Serde>> {
    let allergy = |clinical: Option<&str>, verification: &str, code: Serde| {
        let mut resource = json!({"resourceType": "AllergyIntolerance", "code": code,
            "patient": {"reference": "Patient/p-1"}, "note": [{"text": "keep-note"}],
            "verificationStatus": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
                "code": verification}]}});
        if let Some(clinical) = clinical {
            resource["clinicalStatus"] = json!({"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                "code": clinical, "display": clinical}]});
        }
        json!({"resource": resource})
    };
    some_of(vec![
        allergy(Some("active"), "confirmed", json!({"text": "Penicillin"})),
        allergy(
            Some("active"),
            "unconfirmed",
            json!({"coding": [
            {"system": "http://snomed.info/sct", "code": "227493005", "display": "Cashew nuts"}]}),
        ),
        allergy(Some("resolved"), "confirmed", json!({"text": "Latex"})),
        allergy(Some("inactive"), "confirmed", json!({"text": "Chicken"})),
        allergy(None, "entered-in-error", json!({"text": "Bee venom"})),
        allergy(Some("active"), "confirmed", json!({"text": "Fish (salmon, tuna)"})),
        json!({"resource": {"resourceType": "Observation", "id": "keep-observation", "status": "final"}}),
    ])
}

/// Some of the members of a Patient, in any order.
fn members() -> impl Strategy<Value = Vec<(String, Serde)>> {
    let of = |key: &str, value: Serde| (key.to_owned(), value);
    let plain = vec![
        of("active", json!(true)),
        of("gender", json!("female")),
        of("birthDate", json!("2010-03")),
        of("deceasedBoolean", json!(false)),
        of("managingOrganization", json!({"display": "keep-organisation"})),
        of("multipleBirthInteger", json!(3)),
        of("link", json!([{"other": {"reference": "Patient/keep"}, "type": "seealso"}])),
        of("x-not-fhir", json!({"deep": [1.50, null, "keep-unknown", {}, []]})),
    ];
    let listed = |key: &'static str, items: Vec<Serde>| {
        (!items.is_empty()).then(|| (key.to_owned(), Serde::Array(items)))
    };
    (some_of(plain), names(), contacts(), identifiers(), extensions(), any::<bool>())
        .prop_map(move |(mut members, names, contacts, identifiers, extensions, birth_time)| {
            members.push(("id".to_owned(), json!("p-1")));
            members.extend(listed("name", names));
            members.extend(listed("contact", contacts));
            members.extend(listed("identifier", identifiers));
            members.extend(listed("extension", extensions));
            if birth_time {
                members.push(("_birthDate".to_owned(), json!({"extension": [
                    {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"},
                    {"url": "http://other.example/ext", "valueString": "keep-birth"}]})));
            }
            members
        })
        .prop_shuffle()
}

pub fn documents() -> impl Strategy<Value = Json> {
    (members(), allergies(), any::<bool>()).prop_map(|(members, allergies, bundled)| {
        let mut patient = vec![("resourceType".to_owned(), Json::str("Patient"))];
        patient.extend(members.into_iter().map(|(key, value)| (key, json_of(&value))));
        let patient = Json::Object(patient);
        if !bundled {
            return patient;
        }
        let mut entries = vec![Json::object([
            ("fullUrl", Json::str("https://ehr.example/Patient/p-1")),
            ("resource", patient),
        ])];
        entries.extend(allergies.iter().map(json_of));
        Json::object([
            ("resourceType", Json::str("Bundle")),
            ("type", Json::str("collection")),
            ("entry", Json::Array(entries)),
        ])
    })
}

fn json_of(value: &Serde) -> Json {
    crate::support::json(value)
}

pub fn rows() -> impl Strategy<Value = Json> {
    let columns: Vec<(String, Vec<&'static str>)> = catalogue()
        .fields
        .iter()
        .map(|spec| {
            (format!("u_{}", spec.column), texts(&spec.id).into_iter().chain(["", " ", "n/a?"]).collect())
        })
        .collect();
    let cells: Vec<_> =
        columns.into_iter().map(|(column, texts)| (Just(column), select(texts), 0_u8..3)).collect();
    (cells, any::<bool>()).prop_map(|(cells, tags)| {
        let mut row = vec![
            ("sys_id".to_owned(), Json::str("0f3c1e2d9b7a4c5e8f60123456789abc")),
            ("u_room".to_owned(), Json::str("keep-room")),
        ];
        for (column, text, form) in cells {
            let cell = match form {
                0 => Json::str(text),
                1 => Json::object([("display_value", Json::str(text)), ("value", Json::str(text))]),
                // Hidden from the integration user.
                _ => continue,
            };
            row.push((column, cell));
        }
        if tags {
            row.push(("sys_tags".to_owned(), Json::str("")));
        }
        Json::Object(row)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 320, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn patient_put_of_get_changes_nothing(lens in any_patient_lens(), document in documents()) {
        let record = lens.get(&document).expect("readable");
        let mut written = document.clone();
        for (field, _) in catalogue().iter() {
            lens.put(&mut written, field, record.field(field)).expect("nothing to write");
        }
        prop_assert_eq!(written.to_string(), document.to_string());
    }

    #[test]
    fn patient_put_is_read_back_and_touches_its_place_only(lens in any_patient_lens(), document in documents(), write in writes()) {
        let catalogue = catalogue();
        let (field, value, _) = write;
        let spec = catalogue.spec(field).expect("field");
        let before = lens.get(&document).expect("readable");
        let mut written = document.clone();
        if lens.put(&mut written, field, &value).is_err() {
            // Refused: a further entry would take a cleared one's place, or a bare Patient has no allergies.
            prop_assert!(value.is_blank() || spec.place == FhirPlace::Allergies || spec.id == "tag", "{}", spec.id);
            prop_assert_eq!(&written, &document);
            return Ok(());
        }
        let after = lens.get(&written).expect("readable");
        prop_assert!(same(after.field(field), &value), "{}: {:?} read back", spec.id, after.field(field));
        others_unchanged(&before, &after, field)?;
        for path in differences(patient_of(&document), patient_of(&written)) {
            prop_assert!(in_place(&spec.place, &path), "{} changed {:?}", spec.id, path);
        }
        if !value.is_blank() {
            let kept = markers(&written);
            for marker in markers(&document) {
                prop_assert!(kept.contains(&marker), "{} lost {}", spec.id, marker);
            }
        }
        if spec.place == FhirPlace::Allergies {
            only_clinical_status_or_new(&document, &written)?;
        } else if document.get("entry").is_some() {
            let entries = |of: &Json| of.get("entry").expect("entry").items()[1..].to_vec();
            prop_assert_eq!(entries(&document), entries(&written));
        }
    }

    #[test]
    fn patient_last_put_wins(lens in any_patient_lens(), document in documents(), write in writes()) {
        let catalogue = catalogue();
        let (field, first, last) = write;
        let spec = catalogue.spec(field).expect("field");
        let (mut twice, mut once) = (document.clone(), document);
        let refused = lens.put(&mut twice, field, &first).is_err();
        let twice_result = lens.put(&mut twice, field, &last);
        let once_result = lens.put(&mut once, field, &last);
        prop_assume!(!refused && twice_result.is_ok() && once_result.is_ok());
        let (after_twice, after_once) = (lens.get(&twice).expect("readable"), lens.get(&once).expect("readable"));
        prop_assert!(same(after_twice.field(field), after_once.field(field)));
        others_unchanged(&after_once, &after_twice, field)?;
        for path in differences(patient_of(&twice), patient_of(&once)) {
            // A member taken away and added again stands at the end.
            let moved = path.is_empty() && first.is_blank();
            prop_assert!(moved || in_place(&spec.place, &path), "{} differs at {:?}", spec.id, path);
        }
        // Where a value says all there is to say, the documents are the same to the letter.
        let says_all = matches!(
            spec.place,
            FhirPlace::BirthDate | FhirPlace::OwnerPhone | FhirPlace::OwnerEmail | FhirPlace::NoteExtension { .. }
        );
        if says_all && first.value().is_some() && last.value().is_some() {
            prop_assert_eq!(twice.to_string(), once.to_string());
        }
    }

    #[test]
    fn reading_in_bulk_is_reading(lens in any_patient_lens(), document in documents(), row in rows(), spaced in any::<bool>()) {
        let pretty = |json: &Json| {
            if !spaced {
                return json.to_string();
            }
            let value: Serde = serde_json::from_str(&json.to_string()).expect("JSON");
            serde_json::to_string_pretty(&value).expect("JSON")
        };
        let row_lens = row_lens();
        let text = pretty(&document);
        let slow = lens.get(&Json::parse(&text).expect("JSON")).expect("readable");
        prop_assert_eq!(lens.get_fast(&text), Some(slow));
        let text = pretty(&row);
        let slow = row_lens.get(&Json::parse(&text).expect("JSON")).expect("readable");
        prop_assert_eq!(row_lens.get_fast(&text), Some(slow));
    }

    #[test]
    fn row_put_of_get_changes_nothing(row in rows()) {
        let lens = row_lens();
        let record = lens.get(&row).expect("readable");
        let mut written = row.clone();
        for (field, _) in catalogue().iter() {
            lens.put(&mut written, field, record.field(field)).expect("nothing to write");
        }
        prop_assert_eq!(written.to_string(), row.to_string());
        let writes: Vec<_> = catalogue().iter().map(|(field, _)| (field, record.field(field).clone())).collect();
        prop_assert_eq!(lens.patch(&row, &writes, None).expect("nothing to write").to_string(), "{}");
    }

    #[test]
    fn row_put_is_read_back_and_touches_its_column_only(row in rows(), write in writes()) {
        let (lens, catalogue) = (row_lens(), catalogue());
        let (field, value, _) = write;
        let spec = catalogue.spec(field).expect("field");
        let before = lens.get(&row).expect("readable");
        let mut written = row.clone();
        let result = lens.put(&mut written, field, &value);
        if *before.field(field) == FieldState::Unknown {
            prop_assert!(result.is_err(), "a hidden column was written");
            prop_assert_eq!(&written, &row);
            return Ok(());
        }
        result.expect("writable");
        let after = lens.get(&written).expect("readable");
        prop_assert!(same(after.field(field), &value), "{}: {:?} read back", spec.id, after.field(field));
        let column = lens.column(field).expect("column");
        for path in differences(&row, &written) {
            prop_assert_eq!(path.first().map(String::as_str), Some(column));
        }
        // The body of a PATCH names that column and nothing else.
        let body = lens.patch(&row, &[(field, value)], None).expect("writable");
        let names: Vec<&str> = body.members().iter().map(|(name, _)| name.as_str()).collect();
        prop_assert!(names.is_empty() || names == [column], "{:?}", names);
    }

    #[test]
    fn row_last_put_wins(row in rows(), write in writes()) {
        let lens = row_lens();
        let (field, first, last) = write;
        prop_assume!(*lens.get(&row).expect("readable").field(field) != FieldState::Unknown);
        let (mut twice, mut once) = (row.clone(), row);
        lens.put(&mut twice, field, &first).expect("writable");
        lens.put(&mut twice, field, &last).expect("writable");
        lens.put(&mut once, field, &last).expect("writable");
        let (after_twice, after_once) = (lens.get(&twice).expect("readable"), lens.get(&once).expect("readable"));
        prop_assert!(same(after_twice.field(field), after_once.field(field)));
        others_unchanged(&after_once, &after_twice, field)?;
    }
}

/// Writing allergies changes the clinical status of what is there, or the text extension where the patient has its
/// allergies there, adds resources at the end, and nothing else.
fn only_clinical_status_or_new(before: &Json, after: &Json) -> Result<(), TestCaseError> {
    let entries = |of: &Json| of.get("entry").map(Json::items).unwrap_or_default().to_vec();
    let (before, after) = (entries(before), entries(after));
    prop_assert!(after.len() >= before.len(), "a resource was deleted");
    for (left, right) in before.iter().zip(&after) {
        for path in differences(left, right) {
            let status = path.get(1).is_some_and(|name| name == "clinicalStatus");
            let text = path.get(1).is_some_and(|name| name == "extension")
                && path.get(2).is_none_or(|url| url.starts_with(mapping::fhir::ALLERGIES_TEXT));
            prop_assert!(status || text, "{:?}", path);
        }
    }
    Ok(())
}
