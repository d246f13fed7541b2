//! Where in a Patient the lens finds and writes each field: case tables.

use crate::support::*;
use mapping::MappingError;
use record::{FieldState, Json};
use serde_json::json as of;

pub fn read(document: &serde_json::Value, id: &str) -> String {
    patient_lens().get(&json(document)).expect("readable").field(field(id)).display()
}

pub fn put(
    document: &serde_json::Value,
    id: &str,
    state: &FieldState,
) -> Result<serde_json::Value, MappingError> {
    let mut document = json(document);
    patient_lens().put(&mut document, field(id), state)?;
    Ok(serde_json::from_str(&document.to_string()).expect("JSON"))
}

pub fn write(document: &serde_json::Value, id: &str, text: &str) -> serde_json::Value {
    put(document, id, &state(id, text)).expect("writable")
}

#[test]
fn the_owner_is_found() {
    let coded = |system: &str, code: &str| of!([{"coding": [{"system": system, "code": code}]}]);
    let v2_0131 = "http://terminology.hl7.org/CodeSystem/v2-0131";
    let v2_0063 = "http://terminology.hl7.org/CodeSystem/v2-0063";
    let contact = |relationship: serde_json::Value, name: &str| of!({"relationship": relationship, "name": {"text": name}});
    // (why, contacts, the owner)
    let cases = [
        ("OWN wins", vec![contact(coded(v2_0131, "C"), "A"), contact(coded(v2_0063, "OWN"), "B")], "B"),
        (
            "then the text",
            vec![contact(coded(v2_0131, "C"), "A"), contact(of!([{"text": " owner"}]), "B")],
            "B",
        ),
        (
            "then DSTU2",
            vec![
                contact(coded(v2_0131, "C"), "A"),
                contact(coded("http://hl7.org/fhir/patient-contact-relationship", "owner"), "B"),
            ],
            "B",
        ),
        (
            "then the only contact person",
            vec![contact(coded(v2_0131, "E"), "A"), contact(coded(v2_0131, "CP"), "B")],
            "B",
        ),
        ("or the only one that says nothing", vec![of!({"name": {"text": "A"}})], "A"),
        (
            "two contact persons: nobody",
            vec![contact(coded(v2_0131, "C"), "A"), contact(coded(v2_0131, "N"), "B")],
            "",
        ),
        ("an employer is no owner", vec![contact(coded(v2_0131, "E"), "A")], ""),
        (
            "a former owner is none",
            vec![
                of!({"relationship": [{"text": "Owner"}], "period": {"end": "2015"}, "name": {"text": "A"}}),
            ],
            "",
        ),
    ];
    for (why, contacts, owner) in cases {
        let document = of!({"resourceType": "Patient", "contact": contacts});
        assert_eq!(read(&document, "owner_name"), owner, "{why}");
        // Writing changes that contact, or adds one; the others stay.
        let written = write(&document, "owner_name", "New Owner");
        assert_eq!(read(&written, "owner_name"), "New Owner", "{why}");
        let untouched = contacts.iter().filter(|contact| contact["name"]["text"] != owner);
        for contact in untouched {
            assert!(written["contact"].as_array().expect("contacts").contains(contact), "{why}");
        }
    }
}

#[test]
fn a_new_owner_is_coded() {
    let written = write(&of!({"resourceType": "Patient"}), "owner_phone", "(415) 555-2671");
    let relationship = &written["contact"][0]["relationship"][0];
    let codes: Vec<&str> =
        relationship["coding"].as_array().expect("codes").iter().filter_map(|c| c["code"].as_str()).collect();
    assert_eq!(codes, ["CP", "OWN"]);
    assert_eq!(relationship["text"], "Owner");
    assert_eq!(written["contact"][0]["telecom"], of!([{"system": "phone", "value": "(415) 555-2671"}]));
}

#[test]
fn one_of_several_phones_counts() {
    // (why, telecoms, index of the one that counts)
    let cases = [
        (
            "rank first",
            of!([{"system": "phone", "value": "1", "use": "mobile"}, {"system": "phone", "value": "2", "rank": 1}]),
            1,
        ),
        (
            "the lower rank",
            of!([{"system": "phone", "value": "1", "rank": 2}, {"system": "phone", "value": "2", "rank": 1}]),
            1,
        ),
        (
            "mobile before home",
            of!([{"system": "phone", "value": "1", "use": "home"}, {"system": "phone", "value": "2", "use": "mobile"}]),
            1,
        ),
        (
            "home before work",
            of!([{"system": "phone", "value": "1", "use": "work"}, {"system": "phone", "value": "2", "use": "home"}]),
            1,
        ),
        (
            "else the first",
            of!([{"system": "phone", "value": "1"}, {"system": "phone", "value": "2", "use": "work"}]),
            0,
        ),
        (
            "never an old one",
            of!([{"system": "phone", "value": "1", "use": "old", "rank": 1}, {"system": "phone", "value": "2"}]),
            1,
        ),
        (
            "never a fax",
            of!([{"system": "fax", "value": "1", "rank": 1}, {"system": "phone", "value": "2"}]),
            1,
        ),
    ];
    for (why, telecoms, at) in cases {
        let document = of!({"resourceType": "Patient", "contact": [{"telecom": telecoms}]});
        assert_eq!(read(&document, "owner_phone"), telecoms[at]["value"].as_str().expect("value"), "{why}");
        let written = write(&document, "owner_phone", "+1 415 555 2671");
        let mut expected = telecoms.clone();
        expected[at]["value"] = of!("+1 415 555 2671");
        assert_eq!(written["contact"][0]["telecom"], expected, "{why}: rank and use stay");
    }
}

#[test]
fn names_keep_their_parts_while_they_are_true() {
    // (name before, text written, name after)
    let cases = [
        (
            of!({"family": "Chalmers", "given": ["Peter", "James"]}),
            "peter james  chalmers",
            of!({"family": "Chalmers", "given": ["Peter", "James"], "text": "peter james  chalmers"}),
        ),
        (
            of!({"prefix": ["Dr."], "family": "Chalmers", "given": ["Peter"]}),
            "Dr. Peter Chalmers",
            of!({"prefix": ["Dr."], "family": "Chalmers", "given": ["Peter"], "text": "Dr. Peter Chalmers"}),
        ),
        (
            of!({"use": "official", "text": "Peter Chalmers", "family": "Chalmers", "given": ["Peter"]}),
            "Ana López",
            of!({"use": "official", "text": "Ana López"}),
        ),
        // Two words are not one.
        (of!({"given": ["Mary", "Ann"]}), "Maryann", of!({"text": "Maryann"})),
    ];
    for (before, text, after) in cases {
        let document = of!({"resourceType": "Patient", "contact": [{"name": before}]});
        assert_eq!(write(&document, "owner_name", text)["contact"][0]["name"], after);
    }
    // An animal's single given name stays a given name.
    let animal = of!({"resourceType": "Patient", "name": [{"use": "usual", "given": ["Kenzi"]}]});
    assert_eq!(
        write(&animal, "patient_name", "Rex")["name"],
        of!([{"use": "usual", "given": ["Rex"], "text": "Rex"}])
    );
}

#[test]
fn the_first_chip_in_use_counts() {
    let mcn = of!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MCN"}]});
    let document = of!({"resourceType": "Patient", "identifier": [
        {"type": mcn, "use": "old", "value": "1"},
        {"type": mcn, "period": {"end": "2019"}, "value": "2"},
        {"type": {"text": "Dog tag"}, "value": "3"},
        {"system": OTHER_CHIP_SYSTEM, "value": "985112003456789"},
        {"type": mcn, "value": "123456789"},
    ]});
    assert_eq!(read(&document, "microchip_id"), "985112003456789");
    let written = write(&document, "microchip_id", "985-112-003-456-780");
    let mut expected = document.clone();
    expected["identifier"][3]["value"] = of!("985112003456780");
    assert_eq!(written, expected);
    // Emptying it would make the next one count: refused, nothing changed.
    let refused = put(&document, "microchip_id", &FieldState::Blank);
    assert!(matches!(refused, Err(MappingError::CannotWrite { field, problem })
        if field == "microchip_id" && problem.contains("further entry")));
}

#[test]
fn species_is_there_whenever_the_extension_is() {
    let empty = of!({"resourceType": "Patient"});
    let breed = write(&empty, "breed", "Siamese");
    assert_eq!(
        breed["extension"][0]["extension"][0],
        of!({"url": "species", "valueCodeableConcept": {"text": "Unknown"}})
    );
    assert_eq!(read(&breed, "species"), "");
    let both = write(&breed, "species", "Cat");
    assert_eq!(
        both["extension"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"],
        "448169003"
    );
    assert_eq!(read(&both, "breed"), "Siamese");
    // Taking the species away keeps the breed; taking the breed away too leaves nothing behind.
    let no_species = put(&both, "species", &FieldState::Blank).expect("writable");
    assert_eq!(
        (read(&no_species, "species"), read(&no_species, "breed")),
        (String::new(), "Siamese".to_owned())
    );
    let neither = put(&no_species, "breed", &FieldState::Blank).expect("writable");
    assert_eq!(neither, empty);
}

#[test]
fn codes_stay_while_the_concept_does() {
    let concept = of!({"coding": [
        {"system": "http://hl7.org/fhir/animal-species", "code": "canislf"},
        {"system": "http://local.example", "code": "D", "userSelected": true}], "text": "Dog"});
    let document = of!({"resourceType": "Patient", "extension": [{"url": ANIMAL, "extension": [
        {"url": "species", "valueCodeableConcept": concept}]}]});
    let at = |document: &serde_json::Value| {
        document["extension"][0]["extension"][0]["valueCodeableConcept"].clone()
    };
    let respelt = at(&write(&document, "species", "Canine"));
    assert_eq!(respelt["coding"][0], concept["coding"][0]);
    assert_eq!(respelt["coding"][1], concept["coding"][1]);
    assert_eq!(respelt["text"], "Canine");
    let other = at(&write(&document, "species", "Cat"));
    let codes: Vec<&str> =
        other["coding"].as_array().expect("codes").iter().filter_map(|c| c["code"].as_str()).collect();
    assert_eq!(codes, ["448169003"]);
}

fn allergy(id: &str, clinical: &str, verification: &str, text: &str) -> serde_json::Value {
    of!({"fullUrl": format!("https://ehr.example/AllergyIntolerance/{id}"), "resource": {
        "resourceType": "AllergyIntolerance", "id": id,
        "clinicalStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": clinical}]},
        "verificationStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": verification}]},
        "code": {"text": text}, "patient": {"reference": "Patient/p-1"}}})
}

fn bundle(allergies: &[serde_json::Value]) -> serde_json::Value {
    let patient = of!({"fullUrl": "https://ehr.example/Patient/p-1", "resource": {"resourceType": "Patient", "id": "p-1"}});
    let entries: Vec<_> = std::iter::once(patient).chain(allergies.iter().cloned()).collect();
    of!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

fn clinical(document: &serde_json::Value) -> Vec<(String, String)> {
    document["entry"].as_array().expect("entries")[1..]
        .iter()
        .map(|entry| &entry["resource"])
        .map(|resource| {
            let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            (word(&resource["code"]["text"]), word(&resource["clinicalStatus"]["coding"][0]["code"]))
        })
        .collect()
}

#[test]
fn allergies_that_are_over_do_not_count_and_stay() {
    let document = bundle(&[
        allergy("a", "active", "confirmed", "Penicillin"),
        allergy("b", "resolved", "confirmed", "Latex"),
        allergy("c", "active", "refuted", "Dust"),
        allergy("d", "inactive", "confirmed", "Chicken"),
    ]);
    assert_eq!(read(&document, "allergies"), "Penicillin");
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    // Chicken again: its own resource. Latex again: resolved is not ours to change, so a new one.
    let written = write(&document, "allergies", "penicillin; Chicken; Latex");
    assert_eq!(
        clinical(&written),
        pairs(&[
            ("Penicillin", "active"),
            ("Latex", "resolved"),
            ("Dust", "active"),
            ("Chicken", "active"),
            ("Latex", "active")
        ])
    );
    assert_eq!(written["entry"][5]["resource"]["patient"]["reference"], "https://ehr.example/Patient/p-1");
    // Removed: nothing is deleted, and taking it back restores what was.
    let removed = put(&document, "allergies", &FieldState::Blank).expect("writable");
    assert_eq!(clinical(&removed)[0], ("Penicillin".to_owned(), "inactive".to_owned()));
    assert_eq!(write(&removed, "allergies", "Penicillin"), document);
}

#[test]
fn the_same_allergy_always_gets_the_same_address() {
    let written = write(&bundle(&[]), "allergies", "Penicillin");
    let again = write(&bundle(&[]), "allergies", " PENICILLIN ");
    assert_eq!(written["entry"][1]["fullUrl"], again["entry"][1]["fullUrl"]);
    // The value is that of another implementation: FNV-1a of 128 bits over `p-1|penicillin`, as a UUID of version 8.
    assert_eq!(written["entry"][1]["fullUrl"], "urn:uuid:63470772-91a9-849f-a9ee-084bdf4f1e82");
    assert_ne!(
        written["entry"][1]["fullUrl"],
        write(&bundle(&[]), "allergies", "Latex")["entry"][1]["fullUrl"]
    );
}

/// Somebody rewords an allergy that we made: it keeps the address, and the one that is missing now gets another.
#[test]
fn an_address_that_is_taken_is_not_given_again() {
    let with = |document: &serde_json::Value, text: &str| write(document, "allergies", text);
    let in_bundle = with(&bundle(&[]), "Penicillin");
    let contained = of!({"resourceType": "Patient", "contained": [
        allergy("a", "active", "confirmed", "Dust")["resource"]]});
    let contained = with(&contained, "Dust, Penicillin");
    // (document, where allergies stand, their address)
    let cases = [(in_bundle, "/entry", "/fullUrl"), (contained, "/contained", "/id")];
    for (document, list, address) in cases {
        let ours = document.pointer(list).and_then(|list| list[1].pointer(address)).expect("an address");
        let reworded = document.to_string().replace("Penicillin", "Amoxicillin");
        let reworded: serde_json::Value = serde_json::from_str(&reworded).expect("JSON");
        let all = format!("{}, Penicillin", read(&reworded, "allergies"));
        let written = with(&reworded, &all);
        let addresses: Vec<_> = written
            .pointer(list)
            .and_then(serde_json::Value::as_array)
            .expect("a list")
            .iter()
            .map(|item| item.pointer(address).and_then(serde_json::Value::as_str).expect("an address"))
            .collect();
        assert_eq!(addresses.len(), 3, "{written}");
        assert_eq!(Some(addresses[1]), ours.as_str(), "what is there keeps its address");
        assert!(!addresses[..2].contains(&addresses[2]), "{addresses:?}");
        // And the same address each time.
        assert_eq!(with(&reworded, &all), written);
    }
}

#[test]
fn allergies_of_a_bare_patient() {
    let bare = of!({"resourceType": "Patient", "id": "p-1"});
    let state_of = |document: &serde_json::Value| {
        patient_lens().get(&json(document)).expect("readable").field(field("allergies")).clone()
    };
    assert_eq!(state_of(&bare), FieldState::Unknown);
    assert!(put(&bare, "allergies", &state("allergies", "Latex")).is_err());
    // A body can carry them: it becomes a Bundle.
    let body = patient_lens()
        .body(&json(&bare), &[(field("allergies"), state("allergies", "Latex"))], None)
        .expect("writable");
    assert_eq!(body.get("resourceType").and_then(Json::as_str), Some("Bundle"));
    // As one text.
    let text = of!({"resourceType": "Patient", "extension": [
        {"url": mapping::fhir::ALLERGIES_TEXT, "valueString": "Penicillin; chicken"}]});
    assert_eq!(state_of(&text), state("allergies", "Penicillin; chicken"));
    let written = write(&text, "allergies", "Penicillin; Chicken; Latex");
    assert_eq!(written["extension"][0]["valueString"], "Penicillin; chicken; Latex");
    // Contained.
    let contained = of!({"resourceType": "Patient", "contained": [
        allergy("a", "active", "confirmed", "Penicillin")["resource"]]});
    assert_eq!(state_of(&contained), state("allergies", "Penicillin"));
    let written = write(&contained, "allergies", "Penicillin, Latex");
    assert_eq!(written["contained"][1]["patient"]["reference"], "#");
}

/// An EHR that knows bare Patients only keeps allergies as one text: without it there are none, and one is added.
#[test]
fn allergies_of_an_ehr_of_bare_patients() {
    let lens = bare_patient_lens();
    let extension = |text: &str| of!({"url": mapping::fhir::ALLERGIES_TEXT, "valueString": text});
    let bare = json(&of!({"resourceType": "Patient", "id": "p-1", "extension": [
        {"url": "http://other.example/ext", "valueString": "keep"}]}));
    let state_of = |document: &Json| lens.get(document).expect("readable").field(field("allergies")).clone();
    assert_eq!(state_of(&bare), FieldState::Blank);
    let body = |document: &Json, state: FieldState| {
        lens.body(document, &[(field("allergies"), state)], None).expect("writable")
    };
    // Added, in a Patient that stays bare.
    let added = body(&bare, state("allergies", "Latex; Fish (salmon, tuna)"));
    assert_eq!(added.get("resourceType").and_then(Json::as_str), Some("Patient"));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&added.to_string()).expect("JSON")["extension"],
        of!([{"url": "http://other.example/ext", "valueString": "keep"}, extension("Latex; Fish (salmon, tuna)")])
    );
    assert_eq!(state_of(&added), state("allergies", "Latex; Fish (salmon, tuna)"));
    // Emptied, it is the Patient it was.
    assert_eq!(body(&added, FieldState::Blank), bare);
    // A new patient is bare, with its key and allergies.
    let new = lens
        .body(&lens.empty(), &[(field("allergies"), state("allergies", "Latex"))], Some("0f3c"))
        .expect("writable");
    assert_eq!(new.get("resourceType").and_then(Json::as_str), Some("Patient"));
    let record = lens.get(&new).expect("readable");
    assert_eq!(record.other_key.as_deref(), Some("0f3c"));
    assert_eq!(*record.field(field("allergies")), state("allergies", "Latex"));
    // What stands under the extension's name and is no text is left alone.
    let odd = json(&of!({"resourceType": "Patient", "extension": [
        {"url": mapping::fhir::ALLERGIES_TEXT, "valueCode": "keep"}]}));
    assert!(lens.body(&odd, &[(field("allergies"), state("allergies", "Latex"))], None).is_err());
    // A summary says nothing, and contained resources stay the place of allergies where there are some.
    let summary = json(&of!({"resourceType": "Patient", "meta": {"tag": [{"code": "SUBSETTED"}]}}));
    assert_eq!(state_of(&summary), FieldState::Unknown);
    let contained = json(&of!({"resourceType": "Patient", "contained": [
        allergy("a", "active", "confirmed", "Penicillin")["resource"]]}));
    let written = body(&contained, state("allergies", "Penicillin; Latex"));
    assert_eq!(written.get("contained").expect("contained").items().len(), 2);
    assert!(written.get("extension").is_none());
}

#[test]
fn an_allergy_of_another_patient_is_not_this_ones() {
    let mut document = bundle(&[allergy("a", "active", "confirmed", "Penicillin")]);
    document["entry"][1]["resource"]["patient"]["reference"] = of!("Patient/p-2");
    assert_eq!(read(&document, "allergies"), "");
    // One without a substance is not silently left out.
    let mut nameless = bundle(&[allergy("a", "active", "confirmed", "Penicillin")]);
    nameless["entry"][1]["resource"].as_object_mut().expect("resource").remove("code");
    let record = patient_lens().get(&json(&nameless)).expect("readable");
    assert!(matches!(record.field(field("allergies")), FieldState::Invalid { .. }));
}

#[test]
fn a_summary_says_nothing_about_what_it_leaves_out_and_is_never_written() {
    let document = of!({"resourceType": "Patient", "id": "p-1", "gender": "male",
        "meta": {"tag": [{"code": "SUBSETTED"}]}});
    let record = patient_lens().get(&json(&document)).expect("readable");
    assert_eq!(*record.field(field("patient_name")), FieldState::Unknown);
    assert!(record.field(field("gender")).value().is_some());
    assert!(put(&document, "patient_name", &state("patient_name", "Bella")).is_err());
    assert!(patient_lens().body(&json(&document), &[], Some("x")).is_err());
}

#[test]
fn a_search_result_becomes_a_collection() {
    let document = of!({"resourceType": "Bundle", "type": "searchset", "total": 1,
        "link": [{"relation": "self", "url": "https://ehr.example"}],
        "entry": [
            {"fullUrl": "https://ehr.example/patients/p-1", "search": {"mode": "match"},
                "resource": {"resourceType": "Patient", "id": "p-1", "multipleBirthInteger": 2}},
            {"search": {"mode": "outcome"}, "resource": {"resourceType": "OperationOutcome"}}]});
    let body = patient_lens()
        .body(&json(&document), &[(field("patient_name"), state("patient_name", "Bella"))], Some("abc"))
        .expect("writable");
    let expected = of!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "https://ehr.example/patients/p-1", "resource": {"resourceType": "Patient", "id": "p-1",
            "multipleBirthInteger": 2,
            "identifier": [{"use": "secondary", "system": SERVICENOW_SYSTEM, "value": "abc"}],
            "name": [{"use": "usual", "given": ["Bella"], "text": "Bella"}]}}]});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&body.to_string()).expect("JSON"), expected);
}

#[test]
fn amounts_keep_their_digits_and_their_unit() {
    let mut exact = json(&of!({"resourceType": "Patient"}));
    patient_lens().put(&mut exact, field("weight"), &state("weight", "4.10 kg")).expect("writable");
    assert!(
        exact
            .to_string()
            .contains(r#""value":4.10,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg""#)
    );
}

#[test]
fn a_text_in_an_extension_of_another_shape_is_still_read() {
    let said = |text: &str| state("tag", text);
    let coding = of!([{"system": "http://local.example", "code": "b", "display": "Blue"}]);
    let cases = [
        ("valueString", of!("blue"), said("blue")),
        ("valueCodeableConcept", of!({"text": "light blue", "coding": coding}), said("light blue")),
        ("valueCodeableConcept", of!({"coding": coding}), said("Blue")),
        ("valueCoding", of!({"code": "b", "display": "Blue"}), said("Blue")),
        ("valueCoding", of!({"code": "b"}), said("b")),
        ("valueHumanName", of!({"given": ["Ana"], "family": "López"}), said("Ana López")),
        ("valueContactPoint", of!({"system": "phone", "value": "555-0100"}), said("555-0100")),
        ("valueIdentifier", of!({"value": "A-17"}), said("A-17")),
        ("valueAnnotation", of!({"text": "limps"}), said("limps")),
        ("valueInteger", of!(7), said("7")),
        ("valueBoolean", of!(false), said("false")),
        // A date and time is a date for a date alone.
        ("valueDateTime", of!("2024-02-29T10:00:00Z"), said("2024-02-29T10:00:00Z")),
        // What has no text says neither something nor nothing.
        ("valueReference", of!({"reference": "Patient/other"}), FieldState::Unknown),
        ("extension", of!([{"url": "part", "valueString": "x"}]), FieldState::Unknown),
        ("id", of!("no-value"), FieldState::Blank),
    ];
    for (key, value, expected) in cases {
        let mut extension = of!({"url": "https://clinic.example/fhir/tag"});
        extension[key] = value;
        let document = of!({"resourceType": "Patient", "extension": [extension]});
        let record = patient_lens().get(&json(&document)).expect("readable");
        assert_eq!(record.field(field("tag")), &expected, "{key}");
    }
}

#[test]
fn own_checks_find_what_validators_miss() {
    let animal = |parts: serde_json::Value| of!({"resourceType": "Patient", "extension": [{"url": ANIMAL, "extension": parts}]});
    let concept = of!({"text": "Dog"});
    // (document, part of the problem; nothing where it is right)
    let cases = [
        (animal(of!([{"url": "species", "valueCodeableConcept": concept}])), ""),
        (animal(of!([{"url": "breed", "valueCodeableConcept": concept}])), "needs a species"),
        (animal(of!([{"url": "species", "valueString": "Dog"}])), "valueCodeableConcept"),
        (animal(of!([{"url": "species", "valueCode": "dog"}])), "valueCodeableConcept"),
        (animal(of!([{"url": "species", "valueCodeableConcept": {"id": "x"}}])), "text or a code"),
        (
            animal(
                of!([{"url": "species", "valueCodeableConcept": concept}, {"url": "species", "valueCodeableConcept": concept}]),
            ),
            "once",
        ),
        (of!({"resourceType": "Patient", "name": []}), "empty list"),
        (of!({"resourceType": "Patient", "gender": null}), "null"),
        (
            of!({"resourceType": "Patient", "extension": [{"url": "x", "valueCode": "a", "extension": [{"url": "y", "valueCode": "b"}]}]}),
            "ext-1",
        ),
        (of!({"resourceType": "Patient", "contact": [{"gender": "male"}]}), "pat-1"),
        (of!({"resourceType": "Bundle", "type": "collection", "total": 3}), "bdl-1"),
        (of!({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/1"}}), "ait-1"),
    ];
    for (document, problem) in cases {
        let findings = mapping::fhir::check::findings(&json(&document));
        match problem {
            "" => assert_eq!(findings, Vec::new()),
            _ => assert!(
                findings.iter().any(|finding| finding.problem.contains(problem)),
                "{problem}: {findings:?}"
            ),
        }
    }
}

/// Emptied, a detail of the owner goes, and the others stay.
#[test]
fn an_emptied_detail_of_the_owner_goes_alone() {
    let email = of!({"system": "email", "value": "amy@example.org"});
    let phone = of!({"system": "phone", "value": "(415) 555-2671", "use": "mobile"});
    let document = of!({"resourceType": "Patient", "contact": [{"telecom": [phone, email]}]});
    let emptied = put(&document, "owner_phone", &FieldState::Blank).expect("writable");
    assert_eq!(emptied["contact"][0]["telecom"], of!([email]));
}

/// A date keeps to the form in which the extension holds it, and of a moment the date counts as it is written.
#[test]
fn a_date_in_an_extension_is_read_from_a_moment_and_rewritten_as_a_date() {
    let holding = |key: &str, value: &str| of!({"resourceType": "Patient", "extension": [{"url": "https://clinic.example/fhir/vaccinated", key: value}]});
    assert_eq!(read(&holding("valueDateTime", "2024-02-29T23:30:00-08:00"), "vaccinated"), "2024-02-29");
    let written = write(&holding("valueDate", "2024-02-29"), "vaccinated", "2025-03-01");
    assert_eq!(written, holding("valueDate", "2025-03-01"));
}

#[test]
fn a_note_is_written_into_an_extension_that_holds_nothing_yet() {
    let written = write(
        &of!({"resourceType": "Patient", "extension": [{"url": NOTE, "id": "n1"}]}),
        "medical_notes",
        "limps",
    );
    assert_eq!(written["extension"], of!([{"url": NOTE, "id": "n1", "valueAnnotation": {"text": "limps"}}]));
}

/// Of a Bundle with two patients nobody can say in bulk whose fields those are.
#[test]
fn a_bundle_is_printed_where_it_holds_one_patient_alone() {
    let entry = |kind: &str, id: &str| of!({"resource": {"resourceType": kind, "id": id}});
    let printed = |entries: serde_json::Value| {
        let bundle = of!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string();
        let mut prints = Vec::new();
        let keys = patient_lens().print(&bundle, &mut mapping::fast::Printer::default(), &mut prints);
        (keys.is_some(), prints.len())
    };
    let fields = catalogue().fields.len();
    assert_eq!(
        printed(of!([entry("Patient", "p-1"), entry("Basic", "b-1"), entry("Basic", "b-2")])),
        (true, fields)
    );
    assert_eq!(printed(of!([entry("Patient", "p-1"), entry("Patient", "p-2")])), (false, 0));
}
