//! Treatments of the EHR, as collections and as transactions.

use crate::support::{Desk, SYSTEM, desk, desk_with, header, ids, issues, json_of, read};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const ENCOUNTER_URL: &str = "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0001";
const CONDITION_URL: &str = "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0002";
const PROCEDURE_URL: &str = "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0003";
const MEDICATION_URL: &str = "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0004";

/// A treatment as a collection, the way the project's fixture writes it.
fn collection(version: &str) -> Value {
    let subject = json!({"reference": "Patient/p-1"});
    let encounter = json!({"reference": ENCOUNTER_URL});
    json!({"resourceType": "Bundle", "type": "collection", "timestamp": "2025-03-10T15:05:00Z",
    "identifier": {"system": SYSTEM, "value": version},
    "entry": [
        {"fullUrl": ENCOUNTER_URL, "resource": {
            "resourceType": "Encounter", "status": "finished",
            "identifier": [{"system": SYSTEM, "value": version}],
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": subject, "period": {"start": "2025-03-10T14:35:00Z"},
            "diagnosis": [{"condition": {"reference": CONDITION_URL}}],
        }},
        {"fullUrl": CONDITION_URL, "resource": {
            "resourceType": "Condition", "code": {"text": "Otitis externa"}, "subject": subject, "encounter": encounter,
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        }},
        {"fullUrl": PROCEDURE_URL, "resource": {
            "resourceType": "Procedure", "status": "completed", "code": {"text": "Ear flush"},
            "subject": subject, "encounter": encounter, "performedDateTime": "2025-03-10T14:50:00Z",
        }},
        {"fullUrl": MEDICATION_URL, "resource": {
            "resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationCodeableConcept": {"text": "Prednisolone 5 mg tablet"},
            "subject": subject, "encounter": encounter,
            "dosageInstruction": [{"text": "1 tablet by mouth once daily", "timing": {"code": {"coding": [{"code": "QD"}]}}}],
        }},
    ]})
}

/// The same as a transaction: each entry with a request, each create on a condition of its own.
fn transaction(version: &str) -> Value {
    let mut bundle = collection(version);
    bundle["type"] = json!("transaction");
    bundle.as_object_mut().unwrap().remove("timestamp");
    for (at, entry) in bundle["entry"].as_array_mut().unwrap().iter_mut().enumerate() {
        let kind = entry["resource"]["resourceType"].clone();
        let value = if at == 0 { version.to_owned() } else { format!("{version}-{at}") };
        entry["resource"]["identifier"] = json!([{"system": SYSTEM, "value": value}]);
        entry["request"] = json!({
            "method": "POST", "url": kind, "ifNoneExist": format!("identifier={SYSTEM}|{value}"),
        });
    }
    bundle
}

#[test]
fn a_treatment_is_taken_whole_as_a_collection_and_once() {
    let desk = desk();
    let made = desk.treat(&collection("k-v1"));
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let [id] = desk.ehr.treatment_ids().try_into().unwrap();
    assert!(header(&made, "location").ends_with(&format!("/treatments/{id}/_history/1")));
    let shown = read(&desk.get(&format!("/api/v1/treatments/{id}")));
    assert_eq!((&shown["type"], &shown["total"]), (&json!("searchset"), &json!(1)));
    let entries = shown["entry"].as_array().unwrap();
    let modes: Vec<&Value> = entries.iter().map(|entry| &entry["search"]["mode"]).collect();
    assert_eq!(modes, ["match", "include", "include", "include"]);
    let condition = &entries[1]["resource"];
    assert_eq!(condition["encounter"]["reference"], format!("Encounter/{id}"), "addresses became ids");
    let named = &entries[0]["resource"]["diagnosis"][0]["condition"]["reference"];
    assert_eq!(named, &json!(format!("Condition/{}", condition["id"].as_str().unwrap())));

    let condition = ("if-none-exist", "identifier=https://hospital.test/u_treatment/version|k-v1");
    let again = desk.send(Method::POST, "/api/v1/treatments", &[condition], Some(&collection("k-v1")));
    assert_eq!((again.status, desk.ehr.treatment_ids().len()), (StatusCode::OK, 1));
    let put = desk.send(Method::PUT, &format!("/api/v1/treatments/{id}"), &[], Some(&collection("k-v1")));
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED, "treatments are written once");
}

#[test]
fn a_transaction_is_carried_out_whole_answered_in_order_and_repeated_without_harm() {
    let desk = desk();
    let at_base = |body: &Value| desk.send(Method::POST, "/api/v1", &[], Some(body));
    let made = at_base(&transaction("k-v1"));
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let answer = read(&made);
    assert_eq!(answer["type"], "transaction-response");
    let responses = answer["entry"].as_array().unwrap();
    assert!(responses.iter().all(|entry| entry["response"]["status"] == "201 Created"));
    assert!(responses[0]["response"]["location"].as_str().unwrap().contains("/treatments/e-"));
    assert!(responses[3]["response"]["location"].as_str().unwrap().starts_with("MedicationRequest/"));

    let again = read(&desk.treat(&transaction("k-v1")));
    let statuses: Vec<&Value> =
        again["entry"].as_array().unwrap().iter().map(|entry| &entry["response"]["status"]).collect();
    assert_eq!(statuses, ["200 OK"; 4], "taken at the route as well, and nothing twice");
    assert_eq!(desk.ehr.treatment_ids().len(), 1);
    assert_eq!(desk.ehr.treatment(&desk.ehr.treatment_ids()[0]).unwrap().len(), 4);
}

/// FHIR's own trap: a condition on the Encounter alone protects the Encounter alone.
#[test]
fn a_condition_on_the_encounter_alone_does_not_protect_its_parts() {
    let desk = desk();
    let mut careless = transaction("k-v1");
    for entry in careless["entry"].as_array_mut().unwrap().iter_mut().skip(1) {
        entry["request"].as_object_mut().unwrap().remove("ifNoneExist");
    }
    desk.treat(&careless);
    desk.treat(&careless);
    let resources = desk.ehr.treatment(&desk.ehr.treatment_ids()[0]).unwrap();
    assert_eq!(resources.len(), 7, "every part stands there twice");
}

#[test]
fn one_wrong_entry_refuses_the_whole_bundle() {
    let desk = desk();
    let refused = |body: &Value, status: u16, words: &str| {
        let reply = desk.treat(body);
        let said = issues(&reply);
        assert_eq!(reply.status.as_u16(), status, "{words}: {said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    for bundle in [collection("k-v1"), transaction("k-v1")] {
        let change = |at: usize, name: &str, value: Value| {
            let mut bundle = bundle.clone();
            if value.is_null() {
                bundle["entry"][at]["resource"].as_object_mut().unwrap().remove(name);
            } else {
                bundle["entry"][at]["resource"][name] = value;
            }
            bundle
        };
        refused(&change(0, "class", Value::Null), 400, "Bundle.entry[0].resource.Encounter.class");
        refused(&change(0, "note", json!([{"text": "x"}])), 400, "unknown property");
        refused(
            &change(0, "period", json!({"start": "2025-03-10T15:00:00Z", "end": "2025-03-10T14:00:00Z"})),
            422,
            "per-1",
        );
        refused(&change(1, "abatementDateTime", json!("2025-03-20")), 422, "con-4");
        refused(&change(1, "subject", Value::Null), 400, "Condition.subject");
        refused(&change(2, "status", json!("done")), 422, "Procedure.status");
        refused(&change(3, "medicationCodeableConcept", Value::Null), 422, "medication[x]");
        refused(&change(3, "medicationReference", json!({"display": "x"})), 400, "only one of the choices");
        refused(&change(3, "intent", Value::Null), 400, "MedicationRequest.intent");
        refused(&change(0, "subject", json!({"reference": "Patient/gone"})), 422, "leads to nothing");
        refused(
            &change(2, "encounter", json!({"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"})),
            400,
            "leads to no entry",
        );
        refused(&change(2, "encounter", Value::Null), 400, "must belong to an Encounter");
    }
    let mut mixed = collection("k-v1");
    mixed["entry"][1]["request"] = json!({"method": "POST", "url": "Condition"});
    refused(&mixed, 400, "bdl-3");
    let mut bare = transaction("k-v1");
    bare["entry"][2].as_object_mut().unwrap().remove("request");
    refused(&bare, 400, "only POST");
    let mut twice = transaction("k-v1");
    twice["entry"][2]["fullUrl"] = json!(CONDITION_URL);
    refused(&twice, 400, "bdl-7");
    assert!(desk.ehr.treatment_ids().is_empty(), "nothing of them was stored");

    desk.ehr.speak(|dialect| dialect.transactions = false);
    refused(&transaction("k-v1"), 422, "not taken here");
    assert_eq!(
        desk.send(Method::POST, "/api/v1", &[], Some(&transaction("k-v1"))).status,
        StatusCode::NOT_FOUND
    );
    desk.ehr.speak(|dialect| dialect.treatment_collections = false);
    refused(&collection("k-v1"), 422, "not taken here");
    let narrow = desk_with("system/Encounter.crs system/Condition.crs");
    assert_eq!(narrow.treat(&collection("k-v1")).status, StatusCode::FORBIDDEN, "each type takes its scope");
}

#[test]
fn a_later_version_stands_beside_the_first_and_says_what_it_revises() {
    let desk = desk();
    desk.treat(&collection("k-v1"));
    let first = desk.ehr.treatment_ids()[0].clone();
    let mut second = collection("k-v2");
    second["entry"].as_array_mut().unwrap().push(json!({
        "fullUrl": "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0009",
        "resource": {
            "resourceType": "Provenance", "recorded": "2025-03-11T09:00:00Z",
            "target": [{"reference": ENCOUNTER_URL}], "agent": [{"who": {"display": "VetSync"}}],
            "entity": [{"role": "revision", "what": {"reference": format!("Encounter/{first}")}}],
        },
    }));
    let made = desk.treat(&second);
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(desk.ehr.treatments_with(SYSTEM, "k-v1"), [first]);
    let [later] = desk.ehr.treatments_with(SYSTEM, "k-v2").try_into().unwrap();
    let resources = desk.ehr.treatment(&later).unwrap();
    let target = resources[4].get("target").unwrap().items()[0].get("reference").unwrap().as_str().unwrap();
    assert_eq!(target, format!("Encounter/{later}"));
}

#[test]
fn an_edited_part_has_a_version_of_its_own_and_moves_the_treatment_or_not() {
    let desk = desk();
    desk.treat(&collection("k-v1"));
    let id = desk.ehr.treatment_ids()[0].clone();
    let changed = |desk: &Desk| ids(&desk.get("/api/v1/treatments?_lastUpdated=ge2025-03-01T09:13:00Z"));
    assert!(changed(&desk).is_empty());
    desk.clock.set_skew_ms(3_600_000);
    let edit = |desk: &Desk, text: &str| {
        desk.ehr.edit_treatment(&id, |resources| resources[1].set("code", json_of(&json!({"text": text}))))
    };
    desk.ehr.speak(|dialect| dialect.parts_move_treatment = false);
    assert!(edit(&desk, "Otitis media"));
    assert!(changed(&desk).is_empty(), "the Encounter itself did not change");
    let version = |at: usize| {
        let resources = desk.ehr.treatment(&id).unwrap();
        resources[at].get("meta").unwrap().get("versionId").unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!([version(0), version(1), version(2)], ["1", "2", "1"]);
    desk.ehr.speak(|dialect| dialect.parts_move_treatment = true);
    assert!(edit(&desk, "Otitis externa, both ears"));
    assert_eq!(changed(&desk), std::slice::from_ref(&id));
}
