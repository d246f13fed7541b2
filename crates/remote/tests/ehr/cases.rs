// Included once for each way to the EHR, which `BY_MID_SERVER` names.

use crate::support::{self, Clock, NOON_MS, Reply, Seen, Server, json, serve};
use record::{RecordKind, Remote};
use remote::ehr::{BodyStyle, Dialect, DialectChoice, Ehr, EhrSettings, ListStyle};
use remote::{Cursor, ListScope, Next, Place, RemoteApi, RemoteError, Write};
use serde_json::{Value, json as value};
use std::sync::{Arc, Mutex};

const PATIENTS: &str = "/api/v1/patients";
const SYSTEM: &str = "https://hospital.test/u_patient_record";

/// A small EHR; each switch takes something away.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Small {
    records: Vec<(Value, Vec<Value>)>,
    list: ListStyle,
    bare: bool,
    etag: bool,
    versions: bool,
    total: bool,
    identifier: bool,
    last_updated: bool,
    /// The list's last page links back to its first.
    looped: bool,
    /// The second page leaves out its link onwards.
    loses_link: bool,
    stale: u16,
    /// The answer to a POST, after the record was stored.
    after_post: Option<fn() -> Reply>,
}

impl Default for Small {
    fn default() -> Self {
        Small {
            records: (1..=7).map(patient).collect(),
            list: ListStyle::Searchset,
            bare: false,
            etag: true,
            versions: true,
            total: true,
            identifier: true,
            last_updated: true,
            looped: false,
            loses_link: false,
            stale: 412,
            after_post: None,
        }
    }
}

fn patient(number: u32) -> (Value, Vec<Value>) {
    let patient = value!({"resourceType": "Patient", "id": format!("p-{number}"),
        "meta": {"versionId": "3", "lastUpdated": format!("2026-11-22T11:{number:02}:00Z")},
        "identifier": [{"system": SYSTEM, "value": format!("k-{number}")}]});
    let allergy = value!({"resourceType": "AllergyIntolerance", "id": format!("a-{number}"), "meta": {"versionId": "1"},
        "patient": {"reference": format!("Patient/p-{number}")}});
    (patient, if number % 2 == 1 { vec![allergy] } else { vec![] })
}

impl Small {
    fn shown(&self, (patient, allergies): &(Value, Vec<Value>)) -> (Value, Vec<Value>) {
        let mut patient = patient.clone();
        if !self.versions {
            patient["meta"].as_object_mut().unwrap().remove("versionId");
        }
        (patient, if self.bare { vec![] } else { allergies.clone() })
    }

    fn whole(&self, record: &(Value, Vec<Value>)) -> Value {
        let (patient, allergies) = self.shown(record);
        if self.bare {
            return patient;
        }
        let entries: Vec<Value> = std::iter::once(patient)
            .chain(allergies)
            .map(|resource| value!({ "resource": resource }))
            .collect();
        value!({"resourceType": "Bundle", "type": "collection", "entry": entries})
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.records.iter().position(|(patient, _)| patient["id"] == id)
    }

    fn answer(&mut self, seen: &Seen) -> Reply {
        let id = seen.path.strip_prefix(&format!("{PATIENTS}/")).map(str::to_owned);
        match (seen.method.as_str(), id) {
            ("GET", Some(id)) => match self.find(&id) {
                Some(at) => {
                    let record = &self.records[at];
                    let reply = json(200, self.whole(record));
                    let version = record.0["meta"]["versionId"].as_str().unwrap();
                    if self.etag { reply.with("etag", format!("W/\"{version}\"")) } else { reply }
                }
                None => json(404, ""),
            },
            ("PUT", Some(id)) => {
                let at = self.find(&id).unwrap();
                let current = self.records[at].0["meta"]["versionId"].as_str().unwrap().to_owned();
                if self.etag && seen.header("if-match") != Some(&format!("W/\"{current}\"")) {
                    return json(self.stale, include_str!("../fixtures/fhir-operationoutcome-409.json"));
                }
                let next: u32 = current.parse::<u32>().unwrap() + 1;
                self.records[at].0["meta"]["versionId"] = next.to_string().into();
                self.records[at].0["active"] = true.into();
                json(200, self.whole(&self.records[at]))
            }
            ("POST", None) => {
                let new = patient(20 + u32::try_from(self.records.len()).unwrap());
                let id = new.0["id"].as_str().unwrap().to_owned();
                let sent: Value = serde_json::from_str(&seen.body).unwrap();
                let mut new = (new.0, vec![]);
                new.0["identifier"] =
                    sent.pointer("/entry/0/resource").unwrap_or(&sent)["identifier"].clone();
                self.records.push(new);
                match self.after_post {
                    Some(reply) => reply(),
                    None => json(201, "").with("location", format!("{PATIENTS}/{id}/_history/1")),
                }
            }
            _ => self.list(seen),
        }
    }

    fn list(&self, seen: &Seen) -> Reply {
        let identifier = seen.parameter("identifier").filter(|_| self.identifier);
        let since =
            seen.parameter("_lastUpdated").filter(|_| self.last_updated).map(|text| text[2..].to_owned());
        let found: Vec<_> = self
            .records
            .iter()
            .filter(|(patient, _)| {
                let own = &patient["identifier"][0];
                identifier.is_none_or(|wanted| {
                    wanted
                        == format!("{}|{}", own["system"].as_str().unwrap(), own["value"].as_str().unwrap())
                }) && since
                    .as_ref()
                    .is_none_or(|since| patient["meta"]["lastUpdated"].as_str().unwrap() >= since.as_str())
            })
            .collect();
        if self.list == ListStyle::Array {
            return json(200, Value::Array(found.iter().map(|record| self.whole(record)).collect()));
        }
        let count: usize = seen.parameter("_count").map_or(3, |count| count.parse::<usize>().unwrap().min(3));
        let start: usize = seen.parameter("from").map_or(0, |from| from.parse().unwrap());
        let end = (start + count).min(found.len());
        let page = &found[start..end];
        let mut link = (end < found.len()).then(|| format!("{PATIENTS}?_count={count}&from={end}"));
        if self.looped && link.is_none() {
            link = Some(format!("{PATIENTS}?_count={count}&from=3"));
        }
        if self.loses_link && start > 0 {
            link = None;
        }
        if self.list == ListStyle::DataNext {
            let data: Vec<Value> = page.iter().map(|record| self.whole(record)).collect();
            return json(200, value!({ "data": data, "next": link }));
        }
        let mut entries = Vec::new();
        for record in page {
            let (patient, allergies) = self.shown(record);
            entries.push(value!({"resource": patient, "search": {"mode": "match"}}));
            entries.extend(
                allergies.into_iter().map(|one| value!({"resource": one, "search": {"mode": "include"}})),
            );
        }
        let mut bundle = value!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
        if self.total {
            bundle["total"] = found.len().into();
        }
        if let Some(link) = link {
            bundle["link"] = value!([{"relation": "next", "url": link}]);
        }
        json(200, bundle)
    }
}

fn ehr(small: Small) -> Server {
    let small = Mutex::new(small);
    serve(move |seen| small.lock().unwrap().answer(seen))
}

fn client_with(server: &Server, change: impl FnOnce(&mut EhrSettings)) -> Ehr {
    let clock = Clock::at_noon();
    let mut settings = EhrSettings::new(format!("{}/api/v1", server.url), SYSTEM);
    change(&mut settings);
    let transport = if BY_MID_SERVER { support::mid::route_to(server) } else { server.transport() };
    Ehr::new(settings, transport, server.sign_in(Remote::Ehr, &clock), clock.now()).unwrap()
}

fn client(server: &Server) -> Ehr {
    client_with(server, |_| {})
}

async fn read_all(client: &Ehr, scope: &ListScope) -> (Vec<String>, Next) {
    let (mut keys, mut cursor): (Vec<String>, Option<Cursor>) = (Vec::new(), None);
    for _ in 0..100 {
        let page = client.list(RecordKind::Patient, scope, cursor.as_ref()).await.unwrap();
        keys.extend(page.items.into_iter().map(|item| item.key));
        match page.next {
            Next::More(more) => cursor = Some(more),
            end => return (keys, end),
        }
    }
    panic!("the read never ends");
}

fn all_keys() -> Vec<String> {
    (1..=7).map(|n| format!("p-{n}")).collect()
}

#[tokio::test]
async fn the_dialect_is_found_out_once() {
    let cases = [
        (Small::default(), Dialect::default()),
        (Small { etag: false, ..Small::default() }, Dialect { etag: false, ..Dialect::default() }),
        (
            Small { identifier: false, last_updated: false, ..Small::default() },
            Dialect { identifier_search: false, last_updated_search: false, ..Dialect::default() },
        ),
        (
            Small { list: ListStyle::Array, bare: true, identifier: true, ..Small::default() },
            Dialect { list: ListStyle::Array, body: BodyStyle::BarePatient, ..Dialect::default() },
        ),
        (
            Small { list: ListStyle::DataNext, ..Small::default() },
            Dialect { list: ListStyle::DataNext, ..Dialect::default() },
        ),
    ];
    for (small, expected) in cases {
        let server = ehr(small);
        let client = client(&server);
        assert_eq!(client.dialect().await.unwrap(), expected);
        let requests = server.seen().len();
        client.dialect().await.unwrap();
        assert_eq!(server.seen().len(), requests);
    }
}

#[tokio::test]
async fn a_full_read_follows_the_links_and_is_proved_by_the_total_or_by_asking_twice() {
    for small in [
        Small::default(),
        Small { total: false, ..Small::default() },
        Small { list: ListStyle::DataNext, ..Small::default() },
        Small { list: ListStyle::DataNext, bare: true, ..Small::default() },
    ] {
        let server = ehr(small);
        let (keys, end) = read_all(&client(&server), &ListScope::All).await;
        assert_eq!((keys, end), (all_keys(), Next::ProvenComplete));
    }
}

#[tokio::test]
async fn what_is_not_proved_is_not_believed() {
    // A link lost on the way: the total tells.
    let server = ehr(Small { loses_link: true, ..Small::default() });
    let (keys, end) = read_all(&client(&server), &ListScope::All).await;
    assert_eq!(keys.len(), 6);
    assert!(matches!(&end, Next::Unproven { why } if why.contains('7') && why.contains('6')), "{end:?}");
    // A circle of links ends.
    let server = ehr(Small { looped: true, ..Small::default() });
    let (_, end) = read_all(&client(&server), &ListScope::All).await;
    assert!(matches!(&end, Next::Unproven { why } if why.contains("back to one")), "{end:?}");
    // A plain list proves nothing, unless the administrator vouches for it.
    let server = ehr(Small { list: ListStyle::Array, ..Small::default() });
    assert!(matches!(read_all(&client(&server), &ListScope::All).await.1, Next::Unproven { .. }));
    let vouched = client_with(&server, |settings| {
        settings.dialect = DialectChoice::Known(Dialect {
            list: ListStyle::Array,
            list_is_whole: true,
            ..Dialect::default()
        });
    });
    assert_eq!(read_all(&vouched, &ListScope::All).await, (all_keys(), Next::ProvenComplete));
    // A read that another process began has forgotten what it saw.
    let server = ehr(Small::default());
    let first = client(&server).list(RecordKind::Patient, &ListScope::All, None).await.unwrap();
    let Next::More(mut cursor) = first.next else { panic!("there is more") };
    let later = client_with(&server, |_| {});
    loop {
        match later.list(RecordKind::Patient, &ListScope::All, Some(&cursor)).await.unwrap().next {
            Next::More(more) => cursor = more,
            end => {
                assert!(matches!(&end, Next::Unproven { why } if why.contains("interrupted")), "{end:?}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    let server = serve(|seen| {
        let with_link = seen.parameter("_count") == Some("200");
        let mut bundle = value!({"resourceType": "Bundle", "type": "searchset", "total": 2, "entry": [{"resource": patient(2).0}]});
        if with_link {
            bundle["link"] =
                value!([{"relation": "next", "url": "https://elsewhere.test/api/v1/patients?from=1"}]);
        }
        json(200, bundle)
    });
    let known = client_with(&server, |settings| settings.dialect = DialectChoice::Known(Dialect::default()));
    let error = known.list(RecordKind::Patient, &ListScope::All, None).await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Protocol { what, .. } if what.contains("another host")),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_incremental_read_asks_for_what_changed_and_filters_where_that_is_ignored() {
    let since = ListScope::ChangedSince(NOON_MS - 55 * 60_000 - 30_000); // 11:04:30
    let server = ehr(Small::default());
    let (keys, end) = read_all(&client(&server), &since).await;
    assert_eq!((keys.as_slice(), end), (&all_keys()[4..], Next::ProvenComplete));
    let asked = server.seen().into_iter().find(|seen| seen.parameter("_count") == Some("200")).unwrap();
    assert_eq!(asked.parameter("_lastUpdated"), Some("ge2026-11-22T11:04:25.000Z"), "with 5 s of overlap");
    let server = ehr(Small { last_updated: false, ..Small::default() });
    assert_eq!(read_all(&client(&server), &since).await.0, all_keys()[4..]);
}

#[tokio::test]
async fn list_and_read_give_the_same_version_in_every_dialect() {
    for small in [
        Small::default(),
        Small { versions: false, ..Small::default() },
        Small { list: ListStyle::Array, ..Small::default() },
        Small { bare: true, versions: false, ..Small::default() },
        Small { list: ListStyle::DataNext, etag: false, ..Small::default() },
    ] {
        let server = ehr(small);
        let client = client(&server);
        let page = client.list(RecordKind::Patient, &ListScope::All, None).await.unwrap();
        assert!(!page.items.is_empty() && page.malformed.is_empty());
        for item in page.items {
            let read = client.read(RecordKind::Patient, &item.key).await.unwrap();
            assert_eq!(read.version, item.version);
        }
    }
}

fn update(version: &str) -> Write {
    Write {
        kind: RecordKind::Patient,
        place: Place::Record,
        key: Some("p-1".into()),
        body: r#"{"resourceType":"Bundle","type":"collection","entry":[ {"resource":{"resourceType":"Patient","id":"p-1"}}]}"#.into(),
        expected_version: Some(version.into()),
        idempotency_key: "op-1".into(),
    }
}

fn create() -> Write {
    let body = value!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource":
        {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": "k-99"}]}}]});
    Write {
        kind: RecordKind::Patient,
        place: Place::Record,
        key: None,
        body: body.to_string(),
        expected_version: None,
        idempotency_key: format!("{SYSTEM}|k-99"),
    }
}

#[tokio::test]
async fn an_update_goes_under_if_match_and_is_read_back() {
    for etag in [true, false] {
        let server = ehr(Small { etag, ..Small::default() });
        let client = client(&server);
        let version = client.read(RecordKind::Patient, "p-1").await.unwrap().version;
        let written = client.write(&update(&version)).await.unwrap();
        assert_eq!((written.status, written.raced), (200, false));
        assert!(written.read_back.version.starts_with("4~"), "{}", written.read_back.version);
        let seen = server.seen();
        let put = seen.iter().find(|seen| seen.method == "PUT").unwrap();
        assert_eq!(put.body, update(&version).body, "byte for byte");
        assert_eq!(put.header("if-match"), etag.then_some("W/\"3\""));
        assert_eq!(put.header("content-type"), Some("application/fhir+json"));
        let preview = client.preview(&update(&version));
        assert_eq!((preview.method.as_str(), preview.url), ("PUT", format!("{}{PATIENTS}/p-1", server.url)));
        let if_match = preview.headers.iter().find(|(name, _)| name == "If-Match");
        assert_eq!(if_match.map(|(_, value)| value.as_str()), etag.then_some("W/\"3\""));
    }
}

#[tokio::test]
async fn a_record_that_moved_is_not_written() {
    // Seen to have moved before sending.
    let server = ehr(Small::default());
    let error = client(&server).write(&update("2")).await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Moved { current_version: Some(now), .. } if now.starts_with("3~")),
        "{error:?}"
    );
    assert!(server.seen().iter().all(|seen| seen.method != "PUT"));
    // Refused by the EHR under the condition, as R4 says it and as some servers say it.
    for stale in [412, 409] {
        let small = Mutex::new(Small::default());
        let server = serve(move |seen| {
            if seen.method == "PUT" {
                return json(stale, include_str!("../fixtures/fhir-operationoutcome-409.json"));
            }
            small.lock().unwrap().answer(seen)
        });
        let client = client(&server);
        let version = client.read(RecordKind::Patient, "p-1").await.unwrap().version;
        let error = client.write(&update(&version)).await.unwrap_err();
        assert!(matches!(&error, RemoteError::Moved { current_version: None, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn bodies_that_would_lose_something_are_not_sent() {
    let server = ehr(Small { bare: true, ..Small::default() });
    let client = client(&server);
    let version = client.read(RecordKind::Patient, "p-1").await.unwrap().version;
    let with_allergy = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"p-1"}},{"resource":{"resourceType":"AllergyIntolerance"}}]}"#;
    let subset = r#"{"resourceType":"Patient","id":"p-1","meta":{"tag":[{"code":"SUBSETTED"}]}}"#;
    let other = r#"{"resourceType":"Patient","id":"p-2"}"#;
    for body in [with_allergy, subset, other, "{}", "["] {
        let error = client.write(&Write { body: body.into(), ..update(&version) }).await.unwrap_err();
        assert!(matches!(error, RemoteError::Refused { status: 0, .. }), "{body}: {error:?}");
    }
    let unmarked = Write { idempotency_key: "k-100".into(), ..create() };
    assert!(matches!(client.write(&unmarked).await, Err(RemoteError::Refused { status: 0, .. })));
    assert!(server.seen().iter().all(|seen| seen.method == "GET" || seen.path == "/token"));
    // A Bundle with nothing but the Patient goes as the Patient, untouched.
    client.write(&update(&version)).await.unwrap();
    let put = server.seen().into_iter().find(|seen| seen.method == "PUT").unwrap();
    assert_eq!(put.body, r#"{"resourceType":"Patient","id":"p-1"}"#);
}

#[tokio::test]
async fn a_create_carries_its_condition_and_a_lost_answer_is_settled_by_our_key() {
    let server = ehr(Small::default());
    let written = client(&server).write(&create()).await.unwrap();
    assert_eq!((written.status, written.key.as_str()), (201, "p-27"));
    let post = server.seen().into_iter().find(|seen| seen.method == "POST" && seen.path == PATIENTS).unwrap();
    assert_eq!(post.header("if-none-exist"), Some("identifier=https://hospital.test/u_patient_record|k-99"));

    for identifier in [true, false] {
        for reply in [
            (|| Reply::HangUp) as fn() -> Reply,
            || json(502, ""),
            || Reply::CutOff { status: 201, body: "{" },
        ] {
            let server = ehr(Small { identifier, after_post: Some(reply), ..Small::default() });
            let client = client(&server);
            let error = client.write(&create()).await.unwrap_err();
            assert!(matches!(error, RemoteError::Ambiguous { .. }), "{error:?}");
            // A value alone is looked for under the configured system.
            for key in ["k-99", &create().idempotency_key] {
                assert_eq!(
                    client.find_by_our_key(RecordKind::Patient, key).await.unwrap().unwrap().key,
                    "p-27"
                );
            }
        }
    }
    // 201 without body and Location: our key tells the new id.
    let server = ehr(Small { after_post: Some(|| json(201, "")), ..Small::default() });
    assert_eq!(client(&server).write(&create()).await.unwrap().key, "p-27");
}

#[tokio::test]
async fn our_key_is_looked_up_and_every_row_is_checked() {
    for identifier in [true, false] {
        let mut small = Small { identifier, ..Small::default() };
        let mut twin = patient(9);
        twin.0["identifier"][0]["value"] = "k-2".into();
        small.records.push(twin);
        let server = ehr(small);
        let client = client(&server);
        let find = async |key: &str| client.find_by_our_key(RecordKind::Patient, key).await;
        assert_eq!(find("k-3").await.unwrap().unwrap().key, "p-3");
        assert_eq!(find("k-77").await.unwrap(), None);
        assert!(matches!(find("k-2").await, Err(RemoteError::Many { count: 2, .. })));
        assert!(matches!(find("a,b").await, Err(RemoteError::Refused { status: 0, .. })));
    }
    // Neither a search nor a proved list: "not there" is not concluded.
    let server = ehr(Small { identifier: false, list: ListStyle::Array, ..Small::default() });
    let error = client(&server).find_by_our_key(RecordKind::Patient, "k-77").await.unwrap_err();
    assert!(matches!(error, RemoteError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn refusals_and_deletions_are_told_in_words() {
    let answered = Arc::new(Mutex::new((410_u16, String::new())));
    let shared = Arc::clone(&answered);
    let server = serve(move |_| {
        let (status, body) = shared.lock().unwrap().clone();
        json(status, body)
    });
    let client = client_with(&server, |settings| settings.dialect = DialectChoice::Known(Dialect::default()));
    let read = async || client.read(RecordKind::Patient, "p-1").await.unwrap_err();
    assert!(matches!(read().await, RemoteError::NotFound { .. }));
    *answered.lock().unwrap() = (
        422,
        r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"business-rule","details":{"text":"owner is blocked"},"expression":["Patient.contact"]}]}"#.into(),
    );
    assert!(
        matches!(&read().await, RemoteError::Refused { status: 422, what, .. } if what.contains("owner is blocked (at Patient.contact)"))
    );
    *answered.lock().unwrap() = (200, r#"{"resourceType":"Patient","id":"p-1""#.into());
    assert!(matches!(read().await, RemoteError::Transient { status: 200, .. }));
    *answered.lock().unwrap() = (200, r#"{"resourceType":"Patient","id":"p-2"}"#.into());
    assert!(matches!(read().await, RemoteError::Protocol { .. }));
    *answered.lock().unwrap() = (503, String::new());
    assert!(matches!(read().await, RemoteError::Transient { status: 503, .. }));
    *answered.lock().unwrap() = (302, String::new());
    assert!(matches!(&read().await, RemoteError::Protocol { what, .. } if what.contains("redirects")));
}

#[tokio::test]
async fn the_probe_says_what_the_ehr_cannot_do() {
    let server = ehr(Small::default());
    let findings = client(&server).probe().await.unwrap().findings;
    assert_eq!(findings.iter().filter(|finding| !finding.what.contains("MID Server")).count(), 0);
    assert_eq!(findings.len(), usize::from(BY_MID_SERVER), "its TLS is told: {findings:?}");
    let server =
        ehr(Small { etag: false, identifier: false, last_updated: false, total: false, ..Small::default() });
    let findings = client(&server).probe().await.unwrap().findings;
    for word in ["ETag", "identifier", "_lastUpdated", "total"] {
        assert!(
            findings.iter().any(|finding| finding.what.contains(word) && !finding.fatal),
            "{word}: {findings:?}"
        );
    }
    let server = serve(|_| json(404, ""));
    assert!(client(&server).probe().await.unwrap().findings[0].fatal);
}
