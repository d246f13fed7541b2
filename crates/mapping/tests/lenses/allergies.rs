//! Allergies: whose they are, which of them count, and what a write makes of each resource.

use crate::places::{put, read, write};
use crate::support::*;
use mapping::fhir::ALLERGIES_TEXT;
use record::value::{Coding, Substance, SubstanceSet, Value};
use record::{FieldState, Json};
use serde_json::{Value as Serde, json as of};

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

fn coded(system: &str, code: &str) -> Serde {
    of!({"coding": [{"system": system, "code": code}]})
}

/// An active allergy of that patient, with these members besides or instead.
fn allergy(reference: Option<&str>, text: &str, more: &Serde) -> Serde {
    let mut resource = of!({"resourceType": "AllergyIntolerance", "clinicalStatus": coded(CLINICAL, "active"), "code": {"text": text}});
    if let Some(reference) = reference {
        resource["patient"] = of!({"reference": reference});
    }
    for (key, value) in more.as_object().expect("an object") {
        match value {
            Serde::Null => drop(resource.as_object_mut().expect("an object").remove(key)),
            _ => resource[key] = value.clone(),
        }
    }
    resource
}

fn bundle(patients: &[Serde], allergies: &[Serde]) -> Serde {
    let entries: Vec<Serde> =
        patients.iter().cloned().chain(allergies.iter().map(|allergy| of!({"resource": allergy}))).collect();
    of!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

fn patient(url: &str, id: Option<&str>) -> Serde {
    let mut resource = of!({"resourceType": "Patient"});
    if let Some(id) = id {
        resource["id"] = of!(id);
    }
    of!({"fullUrl": url, "resource": resource})
}

fn bella() -> Serde {
    patient("https://ehr.example/Patient/p-1", Some("p-1"))
}

#[test]
fn an_allergy_counts_unless_it_plainly_is_another_patients() {
    let other = patient("https://ehr.example/Patient/p-2", Some("p-2"));
    let nameless = patient("urn:uuid:1", None);
    // (patients, whose the allergy says it is, whether it counts for the first of them)
    let cases = [
        (vec![bella()], None, true),
        (vec![bella()], Some("Patient/p-1"), true),
        (vec![bella()], Some("Patient/p-1/_history/3"), true),
        (vec![bella()], Some("https://ehr.example/Patient/p-1"), true),
        (vec![bella()], Some("https://elsewhere.example/patients/p-1"), true),
        (vec![bella()], Some("urn:uuid:7"), true),
        (vec![bella()], Some("Patient/p-2"), false),
        (vec![bella()], Some("patients/p-2"), false),
        (vec![bella(), other.clone()], None, false),
        (vec![bella(), other.clone()], Some("urn:uuid:7"), false),
        (vec![bella(), other.clone()], Some("Patient/p-1"), true),
        (vec![bella(), other.clone()], Some("Patient/p-2"), false),
        (vec![nameless.clone()], Some("Patient/p-1"), true),
        (vec![nameless.clone(), other.clone()], Some("Patient/p-1"), false),
        (vec![nameless, other], Some("urn:uuid:1"), true),
    ];
    for (patients, reference, counts) in cases {
        let document = bundle(&patients, &[allergy(reference, "Dust", &of!({}))]);
        assert_eq!(read(&document, "allergies") == "Dust", counts, "{document}");
    }
}

#[test]
fn only_what_is_active_counts() {
    // (members, whether it counts)
    let cases = [
        (of!({}), true),
        (of!({"clinicalStatus": null}), true),
        (of!({"clinicalStatus": coded(CLINICAL, "inactive")}), false),
        (of!({"clinicalStatus": coded(CLINICAL, "resolved")}), false),
        (of!({"clinicalStatus": coded("http://other.example", "resolved")}), true),
        (of!({"verificationStatus": coded(VERIFICATION, "confirmed")}), true),
        (of!({"verificationStatus": coded(VERIFICATION, "refuted")}), false),
        (of!({"verificationStatus": coded(VERIFICATION, "entered-in-error")}), false),
        (of!({"verificationStatus": coded("http://other.example", "refuted")}), true),
        (of!({"resourceType": "Observation"}), false),
    ];
    for (members, counts) in cases {
        let entry = bundle(&[bella()], &[allergy(None, "Dust", &members)]);
        assert_eq!(read(&entry, "allergies") == "Dust", counts, "{members}");
        let contained = of!({"resourceType": "Patient", "contained": [allergy(None, "Dust", &members)]});
        assert_eq!(read(&contained, "allergies") == "Dust", counts, "{contained}");
    }
}

#[test]
fn a_substance_is_named_by_the_allergy_or_by_a_reaction() {
    let coding = of!({"coding": [{"system": "http://snomed.info/sct", "code": "227493005", "display": "Cashew nuts"}]});
    // (members, what is read; nothing where it names no substance)
    let cases = [
        (of!({"code": coding}), Some("Cashew nuts")),
        (of!({"code": {"coding": [{"code": "x1"}]}}), Some("x1")),
        (
            of!({"code": null, "reaction": [{"manifestation": [{"text": "itch"}]}, {"substance": coding}]}),
            Some("Cashew nuts"),
        ),
        (
            of!({"code": {"id": "c"}, "reaction": [{"substance": {"id": "s"}}, {"substance": {"text": "Dust"}}]}),
            Some("Dust"),
        ),
        (of!({"code": null}), None),
    ];
    for (members, said) in cases {
        let document = bundle(&[bella()], &[allergy(None, "", &members)]);
        let state = patient_lens().get(&json(&document)).expect("readable").field(field("allergies")).clone();
        match said {
            Some(said) => assert_eq!(state.display(), said, "{members}"),
            None => {
                assert!(matches!(state, FieldState::Invalid { .. }), "{members}");
                assert!(put(&document, "allergies", &crate::support::state("allergies", "Latex")).is_err());
            }
        }
    }
    // One that is over may be without a name.
    let over = allergy(None, "", &of!({"code": null, "clinicalStatus": coded(CLINICAL, "inactive")}));
    let document = bundle(&[bella()], &[over, allergy(None, "Dust", &of!({}))]);
    assert_eq!(read(&document, "allergies"), "Dust");
    assert_eq!(read(&write(&document, "allergies", "Dust, Latex"), "allergies"), "Dust, Latex");
}

#[test]
fn a_status_is_changed_and_nothing_else() {
    let other = of!({"system": "http://other.example", "code": "A"});
    // (clinical status, as it is after it was taken from the set)
    let cases = [
        (of!(null), coded(CLINICAL, "inactive")),
        (of!({"text": "active"}), coded(CLINICAL, "inactive")),
        (coded(CLINICAL, "active"), coded(CLINICAL, "inactive")),
        (
            of!({"coding": [other, {"system": CLINICAL, "code": "active", "display": "Active"}], "id": "s"}),
            of!({"coding": [other, {"system": CLINICAL, "code": "inactive", "display": "Inactive"}], "id": "s"}),
        ),
        (of!({"coding": [other]}), of!({"coding": [other, {"system": CLINICAL, "code": "inactive"}]})),
    ];
    for (before, after) in cases {
        let dust = allergy(None, "Dust", &of!({"clinicalStatus": before, "note": [{"text": "keep"}]}));
        let mut over = dust.clone();
        over["clinicalStatus"] = after;
        let latex = allergy(None, "Latex", &of!({}));
        let entries = bundle(&[bella()], &[latex.clone(), dust.clone()]);
        assert_eq!(write(&entries, "allergies", "Latex"), bundle(&[bella()], &[latex.clone(), over.clone()]));
        let contained = |allergies: &[&Serde]| of!({"resourceType": "Patient", "contained": allergies});
        assert_eq!(write(&contained(&[&latex, &dust]), "allergies", "Latex"), contained(&[&latex, &over]));
    }
}

#[test]
fn a_new_allergy_says_what_is_known_of_it() {
    let substance = |text: &str, codings: Vec<Coding>| Substance::new(text, codings).expect("a substance");
    let coding =
        |system: &str, code: &str| Coding { system: system.to_owned(), code: code.to_owned(), display: None };
    let snomed = "http://snomed.info/sct";
    let none_known = of!({"system": snomed, "code": "716186003", "display": "No known allergy"});
    // (substance, its code, how sure it is)
    let cases = [
        (substance("Dust ", vec![]), of!({"text": "Dust"}), "unconfirmed"),
        (
            substance("Dust", vec![coding("http://local.example", "d")]),
            of!({"coding": [{"system": "http://local.example", "code": "d"}], "text": "Dust"}),
            "unconfirmed",
        ),
        (substance("NKA", vec![]), of!({"coding": [none_known], "text": "NKA"}), "confirmed"),
        (
            substance("NKA", vec![coding("http://local.example", "0")]),
            of!({"coding": [none_known, {"system": "http://local.example", "code": "0"}], "text": "NKA"}),
            "confirmed",
        ),
        (
            substance("NKA", vec![coding(snomed, "716186003")]),
            of!({"coding": [{"system": snomed, "code": "716186003"}], "text": "NKA"}),
            "confirmed",
        ),
    ];
    for (substance, code, verification) in cases {
        let set = FieldState::Value(Value::Substances(SubstanceSet::new([substance])));
        let written = put(&bundle(&[bella()], &[]), "allergies", &set).expect("writable");
        let resource = &written["entry"][1]["resource"];
        assert_eq!(resource["code"], code);
        assert_eq!(resource["verificationStatus"]["coding"][0]["code"], verification, "{resource}");
        assert_eq!(
            resource["clinicalStatus"],
            of!({"coding": [{"system": CLINICAL, "code": "active", "display": "Active"}]})
        );
        assert_eq!(resource["patient"], of!({"reference": "https://ehr.example/Patient/p-1"}));
        assert!(resource.get("id").is_none());
    }
    // Contained it has an id, in a Bundle an address; a Patient without one gets one.
    let contained = of!({"resourceType": "Patient", "contained": [allergy(None, "Latex", &of!({}))]});
    assert!(write(&contained, "allergies", "Latex, Dust")["contained"][1]["id"].is_string());
    let unaddressed = |id: &str| bundle(&[of!({"resource": {"resourceType": "Patient", "id": id}})], &[]);
    let written = write(&unaddressed("p-1"), "allergies", "Dust");
    let url = written["entry"][0]["fullUrl"].as_str().expect("an address");
    assert!(url.starts_with("urn:uuid:"), "{url}");
    assert_eq!(written["entry"][1]["resource"]["patient"]["reference"], url);
    assert_ne!(write(&unaddressed("p-2"), "allergies", "Dust")["entry"][0]["fullUrl"], url);
}

#[test]
fn a_text_of_allergies_is_written_where_it_stands() {
    let extension = |members: Serde| {
        let mut extension = members;
        extension["url"] = of!(ALLERGIES_TEXT);
        of!({"resourceType": "Patient", "extension": [extension]})
    };
    let text = extension(of!({"valueString": "Dust; Latex"}));
    // In a Bundle it can be emptied, in a bare Patient only where the EHR is known to keep it there.
    let bundled = of!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": text}]});
    let emptied = put(&bundled, "allergies", &FieldState::Blank).expect("writable");
    assert_eq!(emptied["entry"], of!([{"resource": {"resourceType": "Patient"}}]));
    assert!(put(&text, "allergies", &FieldState::Blank).is_err());
    let mut bare = json(&text);
    bare_patient_lens().put(&mut bare, field("allergies"), &FieldState::Blank).expect("writable");
    assert_eq!(bare, json(&of!({"resourceType": "Patient"})));
    // An extension that holds nothing yet.
    let mut empty = json(&extension(of!({"id": "a"})));
    bare_patient_lens().put(&mut empty, field("allergies"), &state("allergies", "Dust")).expect("writable");
    assert_eq!(empty, json(&extension(of!({"id": "a", "valueString": "Dust"}))));
}

#[test]
fn a_document_that_is_no_patient_says_what_it_is() {
    let problem = |document: Serde| patient_lens().get(&json(&document)).expect_err("refused").to_string();
    assert!(problem(of!({"resourceType": "Device"})).contains("found Device"));
    assert!(problem(of!({"resourceType": "A".repeat(64)})).contains("found A"));
    // What may be anything is not repeated.
    for kind in ["A".repeat(65), "Ana 555".to_owned(), String::new()] {
        assert!(!problem(of!({"resourceType": kind})).contains("found"), "{kind}");
    }
    assert!(
        problem(of!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Device"}}]}))
            .contains("no Patient")
    );
    assert!(Json::parse("[]").is_ok_and(|list| patient_lens().get(&list).is_err()));
}
