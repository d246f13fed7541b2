//! What the two remotes and the identity provider answer.
//!
//! An input is one answer after the other, separated by a line `%%`; the last one is given again and again. The first line
//! of an answer is its status, or `lost`, `not sent`, `cut 200`; then come headers, an empty line and the body.

use http::{HeaderName, HeaderValue};
use record::{Json, RecordKind, Remote};
use remote::ehr::{Ehr, EhrSettings};
use remote::http::{Transport, TransportFailure};
use remote::mid::payload::{self, Payload, Probe};
use remote::mid::{MidParts, MidRoute, MidServer, MidTimes};
use remote::servicenow::{ServiceNow, ServiceNowSettings, TableSettings};
use remote::signin::{SignIn, SignInMethod, TokenAddress};
use remote::{Fetched, ListScope, Next, Place, RemoteApi, RemoteError, Write};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const NOON_MS: i64 = 1_795_348_800_000;
/// More requests than one call may ever take.
const REQUESTS_MAX: usize = 60;
const KEY: &str = "0f3c1e2d9b7a4c5e8f60123456789abc";
const TOKEN: &str = r#"{"access_token":"0abc","token_type":"Bearer","expires_in":1799}"#;
const DICTIONARY: &str = r#"{"result":[
    {"name":"u_patient_record","element":"u_patient_name","internal_type":"string","max_length":"100"},
    {"name":"u_patient_record","element":"u_date_of_birth","internal_type":"glide_date","max_length":"40"},
    {"name":"u_patient_record","element":"u_owner_phone","internal_type":"ph_number","max_length":"40"},
    {"name":"u_patient_record","element":"u_ehr_id","internal_type":"string","max_length":"64"}]}"#;

#[derive(Debug, Clone)]
struct Answer {
    head: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

fn answers(input: &[u8]) -> Vec<Answer> {
    let mut rest = input;
    let mut answers = Vec::new();
    while answers.len() < 8 {
        let end = find(rest, b"\n%%\n");
        answers.push(answer(end.map_or(rest, |end| &rest[..end])));
        let Some(end) = end else { break };
        rest = &rest[end + 4..];
    }
    answers
}

fn answer(input: &[u8]) -> Answer {
    let (head, body) =
        find(input, b"\n\n").map_or((input, &[][..]), |end| (&input[..end], &input[end + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let head = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let headers = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let value = line[colon + 1..].trim_ascii();
            Some((HeaderName::from_bytes(&line[..colon]).ok()?, HeaderValue::from_bytes(value).ok()?))
        })
        .collect();
    Answer { head, headers, body: body.to_vec() }
}

fn find(bytes: &[u8], piece: &[u8]) -> Option<usize> {
    bytes.windows(piece.len()).position(|window| window == piece)
}

impl Answer {
    fn given(&self) -> Result<http::Response<Vec<u8>>, TransportFailure> {
        let what = "as the test wants it".to_owned();
        if self.head == "lost" {
            return Err(TransportFailure::Lost { what });
        }
        if self.head == "not sent" {
            return Err(TransportFailure::NotSent { what });
        }
        if let Some(status) = self.head.strip_prefix("cut ").and_then(|text| text.parse().ok()) {
            return Err(TransportFailure::BodyCut { status, what });
        }
        let status =
            self.head.trim().parse().ok().filter(|status| (200..600).contains(status)).unwrap_or(200);
        let mut response = http::Response::new(self.body.clone());
        *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        Ok(response)
    }
}

/// Gives the answers of an input, whatever it is asked.
struct Script {
    answers: Vec<Answer>,
    asked: AtomicUsize,
    /// The table's columns are told as they are.
    knows_columns: bool,
    /// The identity provider's answers are the input's, too.
    gives_tokens: bool,
}

fn said(body: &str) -> http::Response<Vec<u8>> {
    let mut response = http::Response::new(body.as_bytes().to_vec());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

#[async_trait::async_trait]
impl Transport for Script {
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, TransportFailure> {
        let path = request.uri().path();
        if path == "/token" && self.gives_tokens {
            return Ok(said(TOKEN));
        }
        if path.ends_with("/sys_dictionary") && self.knows_columns {
            return Ok(said(DICTIONARY));
        }
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(number < REQUESTS_MAX, "a call asks without end");
        self.answers[number.min(self.answers.len() - 1)].given()
    }
}

impl Script {
    fn of(input: &[u8]) -> Script {
        Script {
            answers: answers(input),
            asked: AtomicUsize::new(0),
            knows_columns: true,
            gives_tokens: true,
        }
    }
}

fn sign_in(remote: Remote, transport: &Arc<dyn Transport>) -> Arc<SignIn> {
    let method = SignInMethod::ClientSecret {
        client_id: "vetsync".into(),
        client_secret: "not-a-real-secret".to_owned().into(),
        scopes: Vec::new(),
    };
    let address = TokenAddress::Known("https://remote.test/token".to_owned());
    let new_id = Arc::new(|| "id".to_owned());
    let sign_in = SignIn::new(remote, method, address, Arc::clone(transport), Arc::new(|| NOON_MS), new_id);
    Arc::new(sign_in.expect("settings that are right"))
}

fn servicenow_client(script: Script) -> ServiceNow {
    let transport: Arc<dyn Transport> = Arc::new(script);
    let table = TableSettings {
        kind: RecordKind::Patient,
        table: "u_patient_record".into(),
        columns: vec!["patient_name".into(), "date_of_birth".into(), "owner_phone".into()],
        ehr_id_column: "ehr_id".into(),
    };
    let settings = ServiceNowSettings::new("https://remote.test", vec![table]);
    let sign_in = sign_in(Remote::ServiceNow, &transport);
    ServiceNow::new(settings, transport, sign_in, Arc::new(|| NOON_MS)).expect("settings that are right")
}

fn ehr_client(script: Script) -> Ehr {
    let transport: Arc<dyn Transport> = Arc::new(script);
    let settings =
        EhrSettings::new("https://remote.test/api/v1", "https://example.service-now.com/u_patient_record");
    let sign_in = sign_in(Remote::Ehr, &transport);
    Ehr::new(settings, transport, sign_in, Arc::new(|| NOON_MS)).expect("settings that are right")
}

/// ServiceNow answers with the input; its columns are known.
pub fn servicenow(input: &[u8]) {
    each_call(|| servicenow_client(Script::of(input)), r#"{"u_owner_phone":"555-0101"}"#);
}

/// The same, and its dictionary is the input as well.
pub fn servicenow_dictionary(input: &[u8]) {
    each_call(
        || servicenow_client(Script { knows_columns: false, ..Script::of(input) }),
        r#"{"u_owner_phone":"555-0101"}"#,
    );
}

/// The EHR answers with the input, from the finding out of its dialect on.
pub fn ehr(input: &[u8]) {
    let body = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Patient","id":"{KEY}","name":[{{"text":"Bella"}}]}}}}]}}"#
    );
    each_call(|| ehr_client(Script::of(input)), &body);
}

/// The identity provider answers with the input.
pub fn token(input: &[u8]) {
    let script = || Script { gives_tokens: false, ..Script::of(input) };
    done(async {
        well_said(servicenow_client(script()).read(RecordKind::Patient, KEY).await.map(|_| ()));
        well_said(ehr_client(script()).probe().await.map(|_| ()));
    });
}

/// ServiceNow answers for its queue and for the MID Server's record with the input. Time passes with every look at the
/// clock, so that waiting ends.
pub fn mid_answers(input: &[u8]) {
    done(async {
        let transport: Arc<dyn Transport> = Arc::new(Script::of(input));
        let sign_in = sign_in(Remote::ServiceNow, &transport);
        let (base_url, name) = ("https://remote.test", "mid-frontdesk");
        let now: remote::http::Now = Arc::new(|| NOON_MS);
        let mid = |stale_ms| {
            let (transport, sign_in) = (Arc::clone(&transport), Arc::clone(&sign_in));
            MidServer::new(base_url, name, stale_ms, transport, sign_in, Arc::clone(&now)).expect("a name")
        };
        match mid(Some(1_800_000)).look().await {
            Ok(report) => {
                assert!((1..500).contains(&report.words.chars().count()), "{report:?}");
            }
            Err(error) => well_said(Err(error)),
        }
        let passed = Arc::new(AtomicUsize::new(0));
        let parts = MidParts {
            transport: Arc::clone(&transport),
            sign_in: Arc::clone(&sign_in),
            now: Arc::clone(&now),
            elapsed: Arc::new(move || {
                i64::try_from(passed.fetch_add(700, Ordering::SeqCst)).unwrap_or(i64::MAX)
            }),
            wait: Arc::new(|_| Box::pin(std::future::ready(()))),
            new_id: Arc::new(|| "id".to_owned()),
        };
        let times =
            MidTimes { pickup_ms: 3_000, answer_ms: 3_000, poll_ms: 100, request_bytes_max: 1_000_000 };
        let route = MidRoute::new(base_url, Arc::new(mid(None)), times, parts).expect("times");
        for method in ["GET", "POST"] {
            let request = http::Request::builder()
                .method(method)
                .uri("https://ehr.test/api/v1/patients")
                .body(Vec::new())
                .expect("a request");
            match route.send(request).await {
                Ok(answer) => assert!((100..600).contains(&answer.status().as_u16())),
                Err(failure) => assert!(failure.to_string().chars().count() < 1_000, "{failure}"),
            }
        }
    });
}

/// The payload of a row: it is a result, or it says what is wrong. What we write ourselves is always well-formed.
pub fn ecc_payloads(input: &[u8]) {
    let Some(text) = super::text(input) else { return };
    match payload::read(text) {
        Ok(Payload::Result(result)) => {
            assert!(result.status.is_none_or(|status| (100..600).contains(&status)));
            assert!(result.error.is_none_or(|error| !error.trim().is_empty()));
            // Nothing grows: entities of its own would.
            assert!(result.body.len() <= text.len(), "more came out than went in");
        }
        Ok(Payload::Attached) => assert!(text.contains("see_attachment")),
        Err(problem) => assert!(problem.to_string().len() < 200),
    }
    let probe = Probe {
        method: "post".to_owned(),
        url: format!("https://ehr.test/{text}"),
        headers: vec![("x-odd".to_owned(), text.to_owned())],
        content: text.to_owned(),
    };
    match probe.to_xml() {
        Ok(xml) => assert_eq!(payload::read(&xml), Err(payload::Unreadable::NotAResult), "not well-formed"),
        Err(problem) => assert!(problem.code < 0x20 || problem.code > 0xfffd),
    }
}

fn done<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

/// Every call of a client, each of a client that was never used before.
fn each_call<C: RemoteApi>(client: impl Fn() -> C, body: &str) {
    done(async {
        for scope in [ListScope::All, ListScope::ChangedSince(NOON_MS - 86_400_000)] {
            let client = client();
            let mut cursor = None;
            for _ in 0..3 {
                let page = client.list(RecordKind::Patient, &scope, cursor.as_ref()).await;
                let Ok(page) = page else {
                    well_said(page.map(|_| ()));
                    break;
                };
                page.items.iter().for_each(readable);
                assert!(page.malformed.iter().all(|malformed| !malformed.problem.is_empty()));
                match page.next {
                    Next::More(next) => {
                        assert!(cursor.as_ref() != Some(&next), "a page that leads to itself");
                        cursor = Some(next);
                    }
                    Next::ProvenComplete => break,
                    Next::Unproven { why } => {
                        assert!(!why.is_empty());
                        break;
                    }
                }
            }
            let _ = client.last_call();
        }
        match client().read(RecordKind::Patient, KEY).await {
            Ok(fetched) => {
                readable(&fetched);
                assert_eq!(fetched.key, KEY, "another record than was asked for");
            }
            Err(error) => well_said(Err(error)),
        }
        match client().find_by_our_key(RecordKind::Patient, "p-1001").await {
            Ok(Some(fetched)) => {
                readable(&fetched);
                assert!(fetched.raw.contains("p-1001"), "a record without our key");
            }
            Ok(None) => {}
            Err(error) => well_said(Err(error)),
        }
        for key in [Some(KEY), None] {
            let client = client();
            let write = Write {
                kind: RecordKind::Patient,
                place: Place::Record,
                key: key.map(str::to_owned),
                body: body.to_owned(),
                expected_version: key.map(|_| "4".to_owned()),
                idempotency_key: "p-1001".to_owned(),
            };
            let _ = client.preview(&write);
            match client.write(&write).await {
                Ok(written) => {
                    assert!(key.is_none_or(|key| key == written.key), "another record than was written");
                    assert_eq!(written.read_back.key, written.key);
                    readable(&written.read_back);
                }
                Err(error) => well_said(Err(error)),
            }
        }
        match client().probe().await {
            Ok(probe) => assert!(
                probe.findings.iter().all(|finding| !finding.what.is_empty() && !finding.way_out.is_empty())
            ),
            Err(error) => well_said(Err(error)),
        }
    });
}

fn readable(fetched: &Fetched) {
    assert!(!fetched.key.is_empty() && !fetched.version.is_empty(), "{fetched:?}");
    // Half a character in an escape is left to the engine, which keeps such a record in quarantine.
    let wrong = Json::parse(&fetched.raw).err();
    assert!(wrong.is_none_or(|error| error.problem.contains("half a character")), "{fetched:?}");
}

/// What a person is told fits on a screen, and what is logged are three words at most.
fn well_said(outcome: Result<(), RemoteError>) {
    let Err(error) = outcome else { return };
    assert!(error.to_string().chars().count() < 1_000, "{error}");
    assert!(error.log_words().split(' ').count() <= 3, "{}", error.log_words());
    assert!(!error.to_string().contains("not-a-real-secret"), "{error}");
}
