//! The EHR in its dialect, against wire-facts 1 to 4 and the design's "The EHR's dialect".
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use record::Json;
use serde_json::{Value, json};
use simulator::ehr::{Chart, Ehr, ListShape, PatientBody};
use simulator::idp::{BackendClient, IdentityProvider};
use simulator::wire::{Reply, Request};
use simulator::{Clock, Fault, PlannedFault, SigningKey};
use std::sync::Arc;

const NOW_MS: i64 = 1_740_820_364_120;

struct Desk {
    ehr: Ehr,
    idp: Arc<IdentityProvider>,
    token: String,
}

fn desk_with(scope: &str) -> Desk {
    let idp = Arc::new(IdentityProvider::new(Clock::fixed(NOW_MS), 1));
    let key = SigningKey::p384("e").unwrap();
    idp.add_client(BackendClient {
        client_id: "vetsync".to_owned(),
        keys: SigningKey::set(&[&key]),
        scope: scope.to_owned(),
    });
    let mut header = Header::new(Algorithm::ES384);
    header.kid = Some("e".to_owned());
    let claims = json!({
        "iss": "vetsync", "sub": "vetsync", "aud": idp.token_url(), "exp": NOW_MS / 1_000 + 300, "jti": "1",
    });
    let signed = jsonwebtoken::encode(
        &header,
        &claims,
        &EncodingKey::from_ec_pem(key.private_key_pem.as_bytes()).unwrap(),
    )
    .unwrap();
    let body = format!(
        "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={signed}"
    );
    let request = Request::new(Method::POST, "/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let reply: Value = serde_json::from_slice(&idp.answer(&request).body).unwrap();
    let token = reply["access_token"].as_str().unwrap().to_owned();
    Desk { ehr: Ehr::new(Clock::fixed(NOW_MS), Arc::clone(&idp)), idp, token }
}

fn desk() -> Desk {
    desk_with("system/Patient.cruds")
}

impl Desk {
    fn request(&self, method: Method, target: &str) -> Request {
        Request::new(method, target)
            .header("authorization", &format!("Bearer {}", self.token))
            .header("content-type", "application/fhir+json")
    }

    fn get(&self, target: &str) -> Reply {
        self.ehr.answer(&self.request(Method::GET, target))
    }

    fn post(&self, body: &Value) -> Reply {
        self.ehr.answer(&self.request(Method::POST, "/api/v1/patients").body(body.to_string()))
    }

    fn put(&self, id: &str, if_match: Option<&str>, body: &Value) -> Reply {
        let mut request = self.request(Method::PUT, &format!("/api/v1/patients/{id}")).body(body.to_string());
        if let Some(version) = if_match {
            request = request.header("if-match", version);
        }
        self.ehr.answer(&request)
    }

    fn fill(&self, count: usize) {
        for number in 0..count {
            let patient = json!({
                "resourceType": "Patient", "name": [{"given": [format!("Pet{number}")]}],
                "identifier": [{"system": "urn:tag", "value": number.to_string()}],
            });
            let chart = Chart { patient: Json::parse(&patient.to_string()).unwrap(), allergies: Vec::new() };
            self.ehr.put_chart(
                &format!("p-{number}"),
                chart,
                Some(NOW_MS - 1_000 * i64::try_from(count - number).unwrap()),
            );
        }
    }
}

fn read(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A Bundle with one allergy, as a client sends it.
fn bundle() -> Value {
    json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0001", "resource": {
            "resourceType": "Patient", "id": "mine", "active": true, "name": [{"given": ["Bella"]}], "gender": "female",
            "identifier": [{"system": "urn:chip", "value": "985112003456789"}],
            "extension": [{"url": "https://example.test/kennel", "valueDecimal": 4.5}],
        }},
        {"fullUrl": "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0002", "resource": allergy("Penicillin", "urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e0001")},
    ]})
}

fn allergy(text: &str, patient: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "code": {"text": text}, "patient": {"reference": patient},
    })
}

fn resources<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = bundle["entry"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| &entry["resource"])
        .filter(|resource| resource["resourceType"] == kind)
        .collect()
}

#[test]
fn a_created_patient_gets_ids_a_version_and_rewritten_references() {
    let desk = desk();
    let reply = desk.post(&bundle());
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    assert_eq!(header(&reply, "etag"), "W/\"1\"");
    let stored = read(&reply);
    let patient = resources(&stored, "Patient")[0];
    let id = patient["id"].as_str().unwrap();
    assert_ne!(id, "mine");
    assert!(header(&reply, "location").ends_with(&format!("/api/v1/patients/{id}/_history/1")));
    assert_eq!(patient["meta"], json!({"versionId": "1", "lastUpdated": "2025-03-01T09:12:44.120Z"}));
    let allergy = resources(&stored, "AllergyIntolerance")[0];
    assert_eq!(allergy["patient"]["reference"], format!("Patient/{id}"));
    assert!(allergy["id"].is_string());
    let one = read(&desk.get(&format!("/api/v1/patients/{id}")));
    assert_eq!(
        (&one["type"], &one["entry"][0]["search"]["mode"], &one["entry"][1]["search"]["mode"]),
        (&json!("searchset"), &json!("match"), &json!("include"))
    );
}

#[test]
fn a_put_replaces_everything_allergies_included_and_moves_one_version() {
    let desk = desk();
    let created = read(&desk.post(&bundle()));
    let id = resources(&created, "Patient")[0]["id"].as_str().unwrap().to_owned();
    let kept = resources(&created, "AllergyIntolerance")[0].clone();
    let mut body = bundle();
    body["entry"][0]["resource"] =
        json!({"resourceType": "Patient", "id": id, "name": [{"given": ["Bella"]}]});
    body["entry"][1]["resource"] = kept.clone();
    body["entry"]
        .as_array_mut()
        .unwrap()
        .push(json!({"resource": allergy("Beef", &format!("Patient/{id}"))}));
    let reply = desk.put(&id, Some("W/\"1\""), &body);
    assert_eq!((reply.status, header(&reply, "etag")), (StatusCode::OK, "W/\"2\""), "{}", reply.text());
    let stored = read(&reply);
    assert!(resources(&stored, "Patient")[0].get("gender").is_none());
    let allergies = resources(&stored, "AllergyIntolerance");
    assert_eq!(allergies.len(), 2);
    assert_eq!(allergies[0]["id"], kept["id"], "a known allergy keeps its id");
    assert_eq!(allergies[0]["meta"]["versionId"], "2");
    body["entry"].as_array_mut().unwrap().truncate(1);
    let reply = desk.put(&id, None, &body);
    assert!(resources(&read(&reply), "AllergyIntolerance").is_empty());
    assert_eq!(desk.put(&id, Some("W/\"1\""), &body).status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(desk.put("p-x", None, &body).status, StatusCode::BAD_REQUEST, "another id than the URL's");
    desk.ehr.delete_chart(&id);
    assert_eq!(desk.put(&id, None, &body).status, StatusCode::GONE);
}

#[test]
fn what_strict_servers_refuse_is_refused_with_an_operation_outcome() {
    let desk = desk();
    let animal = |extension: Value| json!([{"url": "http://hl7.org/fhir/StructureDefinition/patient-animal", "extension": extension}]);
    // What is set where in the Patient, the status, and a word of the outcome.
    let cases: Vec<(&str, Value, u16, &str)> = vec![
        ("birthDate", Value::Null, 400, "null"),
        ("birthDate", json!("12/02/2019"), 400, "date"),
        ("birthDate", json!("2019-02-30"), 400, "date"),
        ("name", json!([]), 400, "empty"),
        ("name", json!([{}]), 400, "empty"),
        ("name", json!([{"given": [""]}]), 400, "empty"),
        ("name", json!({"given": ["x"]}), 400, "array"),
        ("animal", json!({"species": "dog"}), 400, "unknown property"),
        ("gender", json!("spayed"), 422, "value set"),
        ("active", json!("true"), 400, "type"),
        ("contact", json!([{"relationship": [{"text": "Owner"}]}]), 422, "pat-1"),
        ("contact", json!([{"telecom": [{"value": "1"}]}]), 422, "cpt-2"),
        ("extension", json!([{"url": "https://x.test"}]), 422, "ext-1"),
        (
            "extension",
            animal(json!([{"url": "breed", "valueCodeableConcept": {"text": "Pug"}}])),
            422,
            "species",
        ),
        ("extension", animal(json!([{"url": "species", "valueString": "Dog"}])), 422, "CodeableConcept"),
        ("_birthDate", json!({"extension": [{"url": "https://x.test", "valueCode": "unknown"}]}), 201, ""),
        ("birthDate", json!("2019-06"), 201, ""),
        ("extension", animal(json!([{"url": "species", "valueCodeableConcept": {"text": "Dog"}}])), 201, ""),
    ];
    for (name, value, status, word) in cases {
        let mut body = bundle();
        body["entry"][0]["resource"][name] = value;
        let reply = desk.post(&body);
        assert_eq!(reply.status.as_u16(), status, "{name}: {}", reply.text());
        if status != 201 {
            assert_eq!(read(&reply)["resourceType"], "OperationOutcome");
            assert!(reply.text().contains(word), "{name}: {}", reply.text());
        }
    }
    let mut body = bundle();
    body["entry"][1]["resource"].as_object_mut().unwrap().remove("clinicalStatus");
    let reply = desk.post(&body);
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(reply.text().contains("ait-1"));
    let mut body = bundle();
    body["entry"][1]["resource"]["patient"]["reference"] = json!("Patient/another");
    assert_eq!(desk.post(&body).status, StatusCode::BAD_REQUEST);
    let mut body = bundle();
    body["type"] = json!("searchset");
    assert_eq!(desk.post(&body).status, StatusCode::BAD_REQUEST);
}

#[test]
fn the_official_example_is_stored_and_given_back_without_loss() {
    let desk = desk();
    let example = json!({
        "resourceType": "Patient",
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Jenny</div>"},
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-animal", "extension": [
            {"url": "species", "valueCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/animal-species", "code": "canislf"}]}},
        ]}],
        "identifier": [{"type": {"text": "Dog tag"}, "system": "http://www.maroondah.vic.gov.au/AnimalRegFees.aspx",
            "value": "1234123", "period": {"start": "2010-05-31"}, "assigner": {"display": "Maroondah City Council"}}],
        "active": true, "name": [{"use": "usual", "given": ["Kenzi"]}], "gender": "female", "birthDate": "2010-03-23",
        "contact": [{"relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "C"}]}],
            "name": {"family": "Chalmers", "given": ["Peter"]}, "telecom": [{"system": "phone", "value": "(03) 5555 6473", "use": "work"}]}],
        "managingOrganization": {"display": "Pete's Vetinary Services"},
    });
    let reply = desk.post(&example);
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
    let mut stored = resources(&read(&reply), "Patient")[0].clone();
    for own in ["id", "meta"] {
        stored.as_object_mut().unwrap().remove(own);
    }
    assert_eq!(stored, example);
}

#[test]
fn if_none_exist_makes_a_repeated_post_safe() {
    let desk = desk();
    let post = || {
        let request = desk
            .request(Method::POST, "/api/v1/patients")
            .header("if-none-exist", "identifier=urn:chip%7C985112003456789");
        desk.ehr.answer(&request.body(bundle().to_string()))
    };
    let first = post();
    assert_eq!(first.status, StatusCode::CREATED);
    let again = post();
    assert_eq!((again.status, desk.ehr.patient_count()), (StatusCode::OK, 1));
    assert_eq!(resources(&read(&again), "Patient")[0]["id"], resources(&read(&first), "Patient")[0]["id"]);
    desk.post(&bundle());
    assert_eq!(post().status, StatusCode::PRECONDITION_FAILED);
    desk.ehr.speak(|dialect| dialect.if_none_exist = false);
    assert_eq!(post().status, StatusCode::CREATED, "without the ability the header is ignored");
}

#[test]
fn lists_go_on_by_an_opaque_link_until_everything_was_seen() {
    let desk = desk();
    desk.fill(23);
    let mut target = "/api/v1/patients?_count=5".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = read(&desk.get(&target));
        assert_eq!(page["total"], 23);
        seen.extend(
            resources(&page, "Patient").iter().map(|patient| patient["id"].as_str().unwrap().to_owned()),
        );
        let links = page["link"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        target = next["url"].as_str().unwrap().strip_prefix("https://ehr.test").unwrap().to_owned();
    }
    assert_eq!(seen.len(), 23);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 23);
}

#[test]
fn searches_by_change_and_by_identifier() {
    let desk = desk();
    desk.fill(10);
    let count =
        |query: &str| read(&desk.get(&format!("/api/v1/patients?{query}")))["total"].as_u64().unwrap();
    assert_eq!(count("_lastUpdated=ge2025-03-01T09:12:42.120Z"), 2);
    assert_eq!(count("_lastUpdated=ge2025-03-01T10:12:42.120%2B01:00"), 2);
    assert_eq!(
        desk.get("/api/v1/patients?_lastUpdated=ge2025-03-01T10:12:42.120+01:00").status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(count("_lastUpdated=ge2025-03-01"), 10);
    assert_eq!(count("_lastUpdated=lt2025-03-01"), 0);
    assert_eq!(count("identifier=urn:tag%7C4"), 1);
    assert_eq!(count("identifier=urn:other%7C4"), 0);
    assert_eq!(count("identifier=%7C4"), 0);
    assert_eq!(count("identifier=4"), 1);
    let none = read(&desk.get("/api/v1/patients?identifier=nothing"));
    assert!(none.get("entry").is_none(), "no empty array");
}

#[test]
fn ignored_parameters_return_everything_and_are_not_echoed() {
    let desk = desk();
    desk.fill(4);
    let ask = |desk: &Desk| read(&desk.get("/api/v1/patients?identifier=urn:tag%7C2"));
    assert!(ask(&desk)["link"][0]["url"].as_str().unwrap().contains("identifier="));
    desk.ehr.speak(|dialect| dialect.identifier_search = false);
    let all = ask(&desk);
    assert_eq!(all["total"], 4);
    assert!(!all["link"][0]["url"].as_str().unwrap().contains("identifier"));
    let strict =
        desk.request(Method::GET, "/api/v1/patients?identifier=2").header("prefer", "handling=strict");
    assert_eq!(desk.ehr.answer(&strict).status, StatusCode::BAD_REQUEST);
    desk.ehr.speak(|dialect| dialect.identifier_search = true);
    desk.ehr.faults.add(PlannedFault::once(Fault::IgnoreQuery));
    assert_eq!(ask(&desk)["total"], 4);
    assert_eq!(ask(&desk)["total"], 1);
}

#[test]
fn other_shapes_of_lists_and_patients() {
    let desk = desk();
    desk.fill(3);
    let chart = desk.ehr.chart("p-1").unwrap();
    let allergies = vec![Json::parse(&allergy("Beef", "Patient/p-1").to_string()).unwrap()];
    desk.ehr.put_chart("p-1", Chart { allergies, ..chart }, None);
    desk.ehr.speak(|dialect| dialect.list = ListShape::Array);
    assert_eq!(read(&desk.get("/api/v1/patients?_count=1")).as_array().unwrap().len(), 3);
    desk.ehr.speak(|dialect| dialect.list = ListShape::DataNext);
    let page = read(&desk.get("/api/v1/patients?_count=2"));
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert_eq!(page["data"][0]["type"], "collection");
    let next = page["next"].as_str().unwrap().strip_prefix("https://ehr.test").unwrap().to_owned();
    assert!(read(&desk.get(&next)).get("next").is_none());
    let url = "https://example.test/allergies";
    desk.ehr.speak(|dialect| dialect.patient = PatientBody::Bare { allergies_url: url.to_owned() });
    let mut bare = read(&desk.get("/api/v1/patients/p-1"));
    assert_eq!(bare["resourceType"], "Patient");
    assert_eq!(bare["extension"], json!([{"url": url, "valueString": "Beef"}]));
    let known = desk.ehr.chart("p-1").unwrap().allergies[0].get("id").cloned();
    bare["extension"][0]["valueString"] = json!("Beef; Latex");
    assert_eq!(desk.put("p-1", None, &bare).status, StatusCode::OK);
    let stored = desk.ehr.chart("p-1").unwrap();
    assert_eq!(stored.allergies.len(), 2);
    assert_eq!(stored.allergies[0].get("id").cloned(), known);
    assert!(stored.patient.get("extension").is_none());
}

#[test]
fn abilities_can_be_taken_away() {
    let desk = desk();
    desk.fill(1);
    let body = json!({"resourceType": "Patient", "id": "p-0", "name": [{"given": ["New"]}]});
    desk.ehr.speak(|dialect| dialect.if_match_required = true);
    assert_eq!(desk.put("p-0", None, &body).status, StatusCode::BAD_REQUEST);
    desk.ehr.speak(|dialect| dialect.stale_status = 409);
    assert_eq!(desk.put("p-0", Some("W/\"9\""), &body).status, StatusCode::CONFLICT);
    desk.ehr.speak(|dialect| dialect.etag = false);
    let reply = desk.put("p-0", Some("W/\"9\""), &body);
    assert_eq!((reply.status, header(&reply, "etag")), (StatusCode::OK, ""));
    desk.ehr.speak(|dialect| dialect.total = false);
    assert!(read(&desk.get("/api/v1/patients")).get("total").is_none());
    desk.ehr.delete_chart("p-0");
    assert_eq!(desk.get("/api/v1/patients/p-0").status, StatusCode::GONE);
    desk.ehr.speak(|dialect| dialect.remembers_deleted = false);
    assert_eq!(desk.get("/api/v1/patients/p-0").status, StatusCode::NOT_FOUND);
}

#[test]
fn tokens_are_needed_enough_and_alive() {
    let desk = desk_with("system/Patient.rs");
    desk.fill(1);
    assert_eq!(desk.post(&bundle()).status, StatusCode::FORBIDDEN);
    assert_eq!(desk.get("/api/v1/patients").status, StatusCode::OK);
    desk.idp.revoke_all_tokens();
    let reply = desk.get("/api/v1/patients");
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert!(header(&reply, "www-authenticate").contains("invalid_token"));
    assert_eq!(desk.get("/api/v1/.well-known/smart-configuration").status, StatusCode::OK);
}

#[test]
fn a_colleagues_edit_makes_a_new_version_and_no_edit_none() {
    let desk = desk();
    desk.fill(1);
    assert!(!desk.ehr.edit_chart("p-0", |_| {}));
    assert!(desk.ehr.edit_chart("p-0", |chart| chart.patient.set("birthDate", Json::str("2020"))));
    assert_eq!(desk.ehr.version("p-0"), Some(2));
    assert_eq!(header(&desk.get("/api/v1/patients/p-0"), "etag"), "W/\"2\"");
}

#[test]
fn digits_of_decimals_are_kept() {
    let desk = desk();
    let body =
        "{\"resourceType\":\"Patient\",\"extension\":[{\"url\":\"https://x.test\",\"valueDecimal\":4.10}]}";
    let reply = desk.ehr.answer(&desk.request(Method::POST, "/api/v1/patients").body(body));
    assert_eq!(reply.status, StatusCode::CREATED);
    assert!(reply.text().contains("\"valueDecimal\":4.10"));
}
