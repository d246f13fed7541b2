//! Appointments and treatments over TLS: what each kind looks like on the wire, read, written once, and found again
//! (wire-facts 3.2 to 3.5, 4, 5).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use record::{RecordKind, Remote};
use remote::ehr::{Dialect, DialectChoice, Ehr, EhrSettings};
use remote::servicenow::{ServiceNow, ServiceNowSettings, TableSettings};
use remote::{Fetched, ListScope, Next, Place, RemoteApi, RemoteError, Write};
use serde_json::{Value, json as value};
use std::sync::{Arc, Mutex};
use support::{Clock, Reply, Seen, Server, json, serve};

const KEYS: &str = "https://hospital.test/u_appointment";
const VERSIONS: &str = "https://hospital.test/u_treatment/version";

fn appointment(number: u32, version: u32) -> Value {
    value!({"resourceType": "Appointment", "id": format!("ap-{number}"), "status": "booked",
        "meta": {"versionId": version.to_string(), "lastUpdated": format!("2026-11-22T11:{number:02}:00Z")},
        "identifier": [{"system": KEYS, "value": format!("k-{number}")}],
        "participant": [{"actor": {"reference": "Patient/p-1"}, "status": "accepted"}]})
}

/// The Encounter of a treatment and what belongs to it, a Provenance among them.
fn treatment(number: u32, condition_version: u32) -> Vec<Value> {
    let encounter = value!({"reference": format!("Encounter/e-{number}")});
    vec![
        value!({"resourceType": "Encounter", "id": format!("e-{number}"), "meta": {"versionId": "1"}, "status": "finished",
            "identifier": [{"system": VERSIONS, "value": format!("k-{number}-v1")}]}),
        value!({"resourceType": "Condition", "id": format!("c-{number}"), "meta": {"versionId": condition_version.to_string()},
            "encounter": encounter}),
        value!({"resourceType": "Provenance", "id": format!("v-{number}"), "meta": {"versionId": "1"},
            "target": [encounter]}),
    ]
}

fn searchset(records: &[Vec<Value>]) -> Value {
    let mut entries = Vec::new();
    for record in records {
        for (at, resource) in record.iter().enumerate() {
            let mode = if at == 0 { "match" } else { "include" };
            entries.push(value!({"resource": resource, "search": {"mode": mode}}));
        }
    }
    value!({"resourceType": "Bundle", "type": "searchset", "total": records.len(), "entry": entries})
}

fn client_of(server: &Server, dialect: Dialect) -> Ehr {
    let clock = Clock::at_noon();
    let mut settings = EhrSettings::new(format!("{}/api/v1", server.url), KEYS);
    settings.dialect = DialectChoice::Known(dialect);
    Ehr::new(settings, server.transport(), server.sign_in(Remote::Ehr, &clock), clock.now()).unwrap()
}

fn client(server: &Server) -> Ehr {
    client_of(server, Dialect::default())
}

async fn all(client: &Ehr, kind: RecordKind) -> (Vec<Fetched>, Next) {
    let page = client.list(kind, &ListScope::All, None).await.unwrap();
    assert_eq!(page.malformed, []);
    (page.items, page.next)
}

#[tokio::test]
async fn an_appointment_is_a_bare_resource_whatever_comes_along_with_it() {
    let server = serve(|seen| match seen.path.as_str() {
        "/api/v1/appointments" => {
            let mut list = searchset(&[vec![appointment(1, 4)], vec![appointment(2, 1)]]);
            let patient = value!({"resourceType": "Patient", "id": "p-1"});
            list["entry"]
                .as_array_mut()
                .unwrap()
                .push(value!({"resource": patient, "search": {"mode": "include"}}));
            json(200, list)
        }
        _ => json(200, appointment(1, 4)).with("etag", "W/\"4\""),
    });
    let client = client(&server);
    let (items, next) = all(&client, RecordKind::Appointment).await;
    assert_eq!(next, Next::ProvenComplete);
    assert_eq!(items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), ["ap-1", "ap-2"]);
    assert_eq!(serde_json::from_str::<Value>(&items[0].raw).unwrap(), appointment(1, 4));
    let read = client.read(RecordKind::Appointment, "ap-1").await.unwrap();
    assert_eq!(
        (&read.version, &read.raw),
        (&items[0].version, &items[0].raw),
        "from a list and from a read alike"
    );
}

/// What an EHR answers when appointments have no route by id.
fn without_by_id(heeds_id: bool) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |seen: &Seen| {
        if seen.path != "/api/v1/appointments" {
            return json(
                404,
                value!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}),
            );
        }
        let wanted = seen.parameter("_id").filter(|_| heeds_id).map(str::to_owned);
        let known = [vec![appointment(1, 4)], vec![appointment(2, 1)]];
        let shown: Vec<_> =
            known.into_iter().filter(|one| wanted.as_ref().is_none_or(|id| one[0]["id"] == **id)).collect();
        json(200, searchset(&shown))
    }
}

#[tokio::test]
async fn without_a_route_by_id_a_record_is_searched_for_or_looked_for() {
    for heeds_id in [true, false] {
        let server = serve(without_by_id(heeds_id));
        let client = client(&server);
        let read = client.read(RecordKind::Appointment, "ap-2").await.unwrap();
        assert_eq!((read.key.as_str(), read.version.as_str()), ("ap-2", "1"), "_id heeded: {heeds_id}");
        let missing = client.read(RecordKind::Appointment, "ap-9").await;
        assert!(matches!(missing, Err(RemoteError::NotFound { .. })), "_id heeded: {heeds_id}: {missing:?}");
    }
}

#[tokio::test]
async fn once_one_was_read_by_its_id_a_404_means_that_it_is_gone() {
    let server = serve(|seen| match seen.path.as_str() {
        "/api/v1/appointments/ap-1" => json(200, appointment(1, 4)),
        "/api/v1/appointments" => panic!("no list is read any more"),
        _ => json(404, ""),
    });
    let client = client(&server);
    client.read(RecordKind::Appointment, "ap-1").await.unwrap();
    let missing = client.read(RecordKind::Appointment, "ap-9").await;
    assert!(matches!(missing, Err(RemoteError::NotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn an_appointment_is_booked_on_a_condition_and_moved_under_its_version() {
    let stored = Arc::new(Mutex::new(appointment(1, 4)));
    let kept = Arc::clone(&stored);
    let server = serve(move |seen| {
        let mut stored = kept.lock().unwrap();
        match seen.method.as_str() {
            "GET" => json(200, stored.clone())
                .with("etag", format!("W/\"{}\"", stored["meta"]["versionId"].as_str().unwrap())),
            "PUT" if seen.header("if-match") == Some("W/\"4\"") => {
                *stored = appointment(1, 5);
                json(200, stored.clone())
            }
            "PUT" => json(412, ""),
            _ => json(201, "").with("location", "https://ehr.test/api/v1/appointments/ap-1/_history/1"),
        }
    });
    let client = client(&server);
    let mut body = appointment(1, 4);
    let create = Write {
        kind: RecordKind::Appointment,
        place: Place::Record,
        key: None,
        body: body.to_string(),
        expected_version: None,
        idempotency_key: format!("{KEYS}|k-1"),
    };
    assert_eq!(client.write(&create).await.unwrap().key, "ap-1");
    let post = server.seen().into_iter().find(|seen| seen.method == "POST" && seen.path != "/token").unwrap();
    assert_eq!((post.path.as_str(), post.body.as_str()), ("/api/v1/appointments", create.body.as_str()));
    assert_eq!(post.header("if-none-exist"), Some(&*format!("identifier={KEYS}|k-1")));

    body["comment"] = value!("afternoon");
    let update = Write {
        key: Some("ap-1".into()),
        body: body.to_string(),
        expected_version: Some("4".into()),
        ..create.clone()
    };
    let written = client.write(&update).await.unwrap();
    assert_eq!((written.read_back.version.as_str(), written.raced), ("5", false));
    assert!(matches!(client.write(&update).await, Err(RemoteError::Moved { .. })), "it has version 5 now");
    let unmarked = Write { idempotency_key: format!("{KEYS}|other"), ..create };
    let refused = client.write(&unmarked).await;
    assert!(matches!(&refused, Err(RemoteError::Refused { status: 0, .. })), "{refused:?}");
}

#[tokio::test]
async fn a_treatment_is_its_encounter_with_all_that_belongs_to_it() {
    let condition = Arc::new(Mutex::new(1));
    let current = Arc::clone(&condition);
    let server = serve(move |seen| {
        let version = *current.lock().unwrap();
        match seen.path.as_str() {
            "/api/v1/treatments" => json(200, searchset(&[treatment(1, version), treatment(2, 1)])),
            _ => json(200, searchset(&[treatment(1, version)])).with("etag", "W/\"1\""),
        }
    });
    let client = client(&server);
    let (items, next) = all(&client, RecordKind::Treatment).await;
    assert_eq!(next, Next::ProvenComplete);
    let raw: Value = serde_json::from_str(&items[1].raw).unwrap();
    assert_eq!(raw["type"], "collection");
    let ids: Vec<&Value> =
        raw["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["id"]).collect();
    assert_eq!(ids, ["e-2", "c-2", "v-2"], "each part with its own Encounter, the Provenance by its target");
    let before = client.read(RecordKind::Treatment, "e-1").await.unwrap();
    assert_eq!(before.version, items[0].version);
    *condition.lock().unwrap() = 2;
    let after = client.read(RecordKind::Treatment, "e-1").await.unwrap();
    assert_ne!(before.version, after.version, "an edited Condition is an edited treatment");
}

fn collection() -> Value {
    let entries: Vec<Value> = treatment(1, 1)
        .into_iter()
        .enumerate()
        .map(|(at, resource)| value!({"fullUrl": format!("urn:uuid:3f0a4b50-6a0c-4a2b-8a64-1f1a5a0e000{at}"), "resource": resource}))
        .collect();
    value!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

fn transaction() -> Value {
    let mut bundle = collection();
    bundle["type"] = value!("transaction");
    for (at, entry) in bundle["entry"].as_array_mut().unwrap().iter_mut().enumerate() {
        let kind = entry["resource"]["resourceType"].clone();
        entry["request"] = value!({"method": "POST", "url": kind, "ifNoneExist": format!("identifier={VERSIONS}|k-1-v1-{at}")});
    }
    bundle
}

fn sent(body: &Value) -> Write {
    Write {
        kind: RecordKind::Treatment,
        place: Place::Record,
        key: None,
        body: body.to_string(),
        expected_version: None,
        idempotency_key: format!("{VERSIONS}|k-1-v1"),
    }
}

fn treatments(post: fn() -> Reply) -> Server {
    serve(move |seen| match seen.method.as_str() {
        "POST" => post(),
        _ => json(200, searchset(&[treatment(1, 1)])),
    })
}

#[tokio::test]
async fn a_treatment_is_written_once_as_a_collection_and_read_back() {
    let server = treatments(|| json(201, "").with("location", "/api/v1/treatments/e-1/_history/1"));
    let client = client(&server);
    let written = client.write(&sent(&collection())).await.unwrap();
    assert_eq!((written.key.as_str(), written.status), ("e-1", 201));
    assert!(written.read_back.raw.contains("\"Condition\""), "with all that belongs to it");
    let post = server.seen().into_iter().find(|seen| seen.method == "POST" && seen.path != "/token").unwrap();
    assert_eq!(post.path, "/api/v1/treatments");
    assert_eq!(post.header("if-none-exist"), Some(&*format!("identifier={VERSIONS}|k-1-v1")));
    assert_eq!(post.body, collection().to_string(), "byte for byte");

    // What is in it already is not written into it again.
    let again = Write {
        key: Some("e-1".into()),
        expected_version: Some(written.read_back.version),
        ..sent(&collection())
    };
    let refused = client.write(&again).await;
    assert!(matches!(&refused, Err(RemoteError::Refused { status: 0, .. })), "{refused:?}");
    assert_eq!(server.seen().iter().filter(|seen| seen.method != "GET").count(), 2, "the token and one POST");
}

/// The second version of [`collection`], which revises the first as that one stood.
fn revision(expected: &str) -> Write {
    let mut second = collection();
    let text = second.to_string().replace("k-1-v1", "k-1-v2");
    second.clone_from(&serde_json::from_str(&text).unwrap());
    Write {
        key: Some("e-1".into()),
        expected_version: Some(expected.to_owned()),
        idempotency_key: format!("{VERSIONS}|k-1-v2"),
        ..sent(&second)
    }
}

/// A new version is created beside the earlier one, and only while that one stands as it was decided on.
#[tokio::test]
async fn a_new_version_relies_on_the_one_it_revises() {
    let server = treatments(|| json(201, "").with("location", "/api/v1/treatments/e-1/_history/1"));
    let client = client(&server);
    let posts = || server.seen().iter().filter(|seen| seen.method == "POST" && seen.path != "/token").count();
    let stands = client.read(RecordKind::Treatment, "e-1").await.unwrap().version;
    let moved = client.write(&revision("an earlier one")).await;
    assert!(matches!(&moved, Err(RemoteError::Moved { .. })), "{moved:?}");
    let unsaid = Write { expected_version: None, ..revision("") };
    assert!(matches!(client.write(&unsaid).await, Err(RemoteError::Refused { status: 0, .. })));
    assert_eq!(posts(), 0, "nothing was sent");
    let write = revision(&stands);
    let preview = client.preview(&write);
    assert_eq!((preview.method.as_str(), preview.url.ends_with("/api/v1/treatments")), ("POST", true));
    assert!(!client.write(&write).await.unwrap().raced);
    assert_eq!(posts(), 1);
}

/// No condition holds the earlier version still while the new one is created: what a colleague wrote into it meanwhile is
/// noticed, and told.
#[tokio::test]
async fn an_edit_to_the_earlier_version_in_the_moment_of_revising_is_told() {
    let version = Arc::new(Mutex::new(1));
    let current = Arc::clone(&version);
    let server = serve(move |seen| match seen.method.as_str() {
        "POST" => {
            *current.lock().unwrap() = 2;
            json(201, "").with("location", "/api/v1/treatments/e-2/_history/1")
        }
        _ if seen.path.contains("e-2") => json(200, searchset(&[treatment(2, 1)])),
        _ => json(200, searchset(&[treatment(1, *current.lock().unwrap())])),
    });
    let client = client(&server);
    let stands = client.read(RecordKind::Treatment, "e-1").await.unwrap().version;
    let written = client.write(&revision(&stands)).await.unwrap();
    assert_eq!((written.key.as_str(), written.raced), ("e-2", true));
}

#[tokio::test]
async fn a_transaction_goes_to_the_base_and_says_its_key_in_its_answer() {
    let server = treatments(|| {
        let entry = |place: &str| value!({"response": {"status": "201 Created", "location": place}});
        json(
            200,
            value!({"resourceType": "Bundle", "type": "transaction-response", "entry": [
                entry("https://ehr.test/api/v1/treatments/e-1/_history/1"), entry("Condition/c-1/_history/1"),
                entry("Provenance/v-1/_history/1"),
            ]}),
        )
    });
    let client = client(&server);
    let write = sent(&transaction());
    assert!(client.preview(&write).url.ends_with("/api/v1"));
    assert_eq!(client.write(&write).await.unwrap().key, "e-1");
    let post = server.seen().into_iter().find(|seen| seen.method == "POST" && seen.path != "/token").unwrap();
    assert_eq!((post.path.as_str(), post.header("if-none-exist")), ("/api/v1", None));
}

/// FHIR's trap: the condition on the Encounter does not protect its parts.
#[tokio::test]
async fn a_transaction_that_could_make_a_part_twice_is_not_sent() {
    let server = treatments(|| json(500, ""));
    let client = client(&server);
    let mut careless = transaction();
    careless["entry"][1]["request"].as_object_mut().unwrap().remove("ifNoneExist");
    let mut deleting = transaction();
    deleting["entry"][1]["request"]["method"] = value!("DELETE");
    for body in [careless, deleting] {
        let refused = client.write(&sent(&body)).await;
        assert!(matches!(&refused, Err(RemoteError::Refused { status: 0, .. })), "{refused:?}");
    }
    assert!(server.seen().iter().all(|seen| seen.method != "POST" || seen.path == "/token"));
}

#[tokio::test]
async fn after_an_ambiguous_answer_a_treatment_is_found_by_our_identifier() {
    let server = treatments(|| Reply::HangUp);
    let client = client(&server);
    let lost = client.write(&sent(&collection())).await;
    assert!(matches!(lost, Err(RemoteError::Ambiguous { .. })), "{lost:?}");
    let found = client.find_by_our_key(RecordKind::Treatment, &format!("{VERSIONS}|k-1-v1")).await.unwrap();
    assert_eq!(found.map(|found| found.key).as_deref(), Some("e-1"));
    let search = server.seen().into_iter().rfind(|seen| seen.path == "/api/v1/treatments").unwrap();
    assert_eq!(search.parameter("identifier"), Some(&*format!("{VERSIONS}|k-1-v1")));
    let other = client.find_by_our_key(RecordKind::Treatment, &format!("{VERSIONS}|k-1-v2")).await.unwrap();
    assert_eq!(other, None, "the EHR ignored the parameter and showed another version");
}

fn rows(refuses_choices: bool) -> Server {
    serve(move |seen| {
        let entry = |element: &str, kind: &str| value!({"name": "u_appointment", "element": element, "internal_type": kind, "choice": if kind == "string" { "1" } else { "0" }});
        let choice = |table: &str, element: &str, text: &str, inactive: &str| value!({"name": table, "element": element, "value": text, "inactive": inactive});
        let result = match seen.path.as_str() {
            "/api/now/table/sys_dictionary" => value!([
                entry("u_appointment_status", "string"),
                entry("u_appointment_date", "glide_date_time"),
                entry("u_ehr_id", "text"),
            ]),
            "/api/now/table/sys_choice" if refuses_choices => {
                return json(403, include_str!("fixtures/servicenow-403-acl.json"));
            }
            "/api/now/table/sys_choice" => value!([
                choice("u_appointment", "u_appointment_status", "scheduled", "false"),
                choice("u_appointment", "u_appointment_status", "cancelled", "false"),
                choice("u_appointment", "u_appointment_status", "retired", "true"),
                choice("incident", "u_appointment_status", "new", "false"),
            ]),
            _ => value!([]),
        };
        json(200, value!({ "result": result }))
    })
}

#[tokio::test]
async fn the_values_of_a_choice_column_are_found_out() {
    for (refuses, expected) in [(false, vec!["scheduled", "cancelled"]), (true, vec![])] {
        let server = rows(refuses);
        let clock = Clock::at_noon();
        let table = TableSettings {
            kind: RecordKind::Appointment,
            table: "u_appointment".into(),
            columns: vec!["appointment_status".into(), "appointment_date".into()],
            ehr_id_column: "u_ehr_id".into(),
        };
        let settings = ServiceNowSettings::new(server.url.clone(), vec![table]);
        let sign_in = server.sign_in(Remote::ServiceNow, &clock);
        let client = ServiceNow::new(settings, server.transport(), sign_in, clock.now()).unwrap();
        let found = client
            .resolve_columns(RecordKind::Appointment, &["appointment_status", "appointment_date"])
            .await
            .unwrap();
        assert_eq!(found[0].column.as_deref(), Some("u_appointment_status"));
        assert_eq!(found[0].choices, expected, "list refused: {refuses}");
        assert!(found[1].choices.is_empty(), "a date has none");
    }
}
