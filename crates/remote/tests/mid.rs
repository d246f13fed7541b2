//! The way through a MID Server, where it is not smooth: late, twice, never, too large, refused; and its record.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use record::{RecordKind, Remote};
use remote::ehr::{Dialect, DialectChoice, Ehr, EhrSettings};
use remote::http::{Transport, TransportFailure};
use remote::mid::{MidState, MidTimes};
use remote::{RemoteApi, RemoteError, Write};
use serde_json::json as value;
use std::sync::{Arc, Mutex};
use support::mid::{Instance, Manners, TIMES, agent, instance, route};
use support::{Clock, Server, json, serve};

const SYSTEM: &str = "https://hospital.test/u_patient_record";

/// An EHR that answers everything; a created patient is there from then on.
fn ehr() -> Server {
    let created = Mutex::new(0);
    serve(move |seen| match seen.method.as_str() {
        "POST" => {
            *created.lock().unwrap() += 1;
            json(201, "").with("location", "/api/v1/patients/p-1")
        }
        _ => json(
            200,
            value!({"resourceType": "Patient", "id": "p-1", "meta": {"versionId": "1"},
                "identifier": [{"system": SYSTEM, "value": "k-1"}]}),
        )
        .with("etag", "W/\"1\""),
    })
}

fn get(server: &Server) -> http::Request<Vec<u8>> {
    http::Request::get(format!("{}/api/v1/patients/p-1", server.url)).body(Vec::new()).unwrap()
}

fn post(server: &Server, body: &str) -> http::Request<Vec<u8>> {
    http::Request::post(format!("{}/api/v1/patients", server.url)).body(body.as_bytes().to_vec()).unwrap()
}

async fn sent(
    instance: &Instance,
    times: MidTimes,
    request: http::Request<Vec<u8>>,
) -> Result<u16, TransportFailure> {
    let clock = Clock::at_noon();
    route(instance, times, &clock).send(request).await.map(|response| response.status().as_u16())
}

#[tokio::test]
async fn status_headers_and_body_come_through_and_attachments_are_fetched() {
    for attached in [false, true] {
        let ehr = ehr();
        let instance = instance(&ehr, Manners { attached, ..Manners::default() });
        let answer = route(&instance, TIMES, &Clock::at_noon()).send(get(&ehr)).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().get("etag").unwrap(), "W/\"1\"");
        assert!(String::from_utf8(answer.into_body()).unwrap().contains("\"id\":\"p-1\""));
    }
}

#[tokio::test]
async fn many_at_once_share_the_looks_and_each_gets_its_own_answer() {
    let ehr = serve(|seen| json(200, value!({ "path": seen.path })));
    let instance = instance(&ehr, Manners { run_ms: 60, ..Manners::default() });
    let way = Arc::new(route(&instance, MidTimes { poll_ms: 20, ..TIMES }, &Clock::at_noon()));
    let asked: Vec<_> = (0..30)
        .map(|number| {
            let (way, url) = (Arc::clone(&way), format!("{}/n/{number}", ehr.url));
            tokio::spawn(async move {
                let request = http::Request::get(url).body(Vec::new()).unwrap();
                (number, String::from_utf8(way.send(request).await.unwrap().into_body()).unwrap())
            })
        })
        .collect();
    for answer in asked {
        let (number, body) = answer.await.unwrap();
        assert_eq!(body, format!("{{\"path\":\"/n/{number}\"}}"));
    }
    assert!(instance.looks() < 60, "one look serves all that wait: {}", instance.looks());
}

/// Nobody takes it up: it is called off, so that it is not carried out hours later.
#[tokio::test]
async fn what_is_not_taken_up_in_time_is_called_off() {
    let ehr = ehr();
    let instance = instance(&ehr, Manners { idle: true, ..Manners::default() });
    let times = MidTimes { pickup_ms: 30, ..TIMES };
    let Err(TransportFailure::Lost { what }) = sent(&instance, times, get(&ehr)).await else {
        panic!("no answer")
    };
    assert!(what.contains("did not take the request up") && what.contains("called off"), "{what}");
    assert_eq!(instance.rows("error_string")[0].1, "error");
    assert!(ehr.seen().is_empty());
}

#[tokio::test]
async fn what_is_under_way_for_too_long_is_left_in_doubt_and_its_late_answer_is_taken() {
    let ehr = ehr();
    let instance = instance(&ehr, Manners { run_ms: 150, ..Manners::default() });
    let times = MidTimes { pickup_ms: 10, answer_ms: 20, ..TIMES };
    let first = sent(&instance, times, post(&ehr, "{}")).await;
    assert!(
        matches!(&first, Err(TransportFailure::Lost { what }) if what.contains("took the request up")),
        "{first:?}"
    );
    // The same creation again, by another process: the row that is there is waited for.
    assert_eq!(sent(&instance, TIMES, post(&ehr, "{}")).await, Ok(201));
    // And once more, when all is over: its answer still stands there.
    assert_eq!(sent(&instance, TIMES, post(&ehr, "{}")).await, Ok(201));
    assert_eq!(ehr.count("POST", "/api/v1/patients"), 1, "carried out once");
    // Another creation is another one.
    assert_eq!(sent(&instance, TIMES, post(&ehr, "{ }")).await, Ok(201));
    assert_eq!(ehr.count("POST", "/api/v1/patients"), 2);
}

/// What was refused may be in order by now: the refusal of an hour ago is not given again.
#[tokio::test]
async fn a_creation_that_was_refused_is_asked_for_anew() {
    let posts = Mutex::new(0);
    let ehr = serve(move |_| {
        let mut posts = posts.lock().unwrap();
        *posts += 1;
        json(if *posts == 1 { 422 } else { 201 }, "{}")
    });
    let instance = instance(&ehr, Manners::default());
    assert_eq!(sent(&instance, TIMES, post(&ehr, "{}")).await, Ok(422));
    assert_eq!(sent(&instance, TIMES, post(&ehr, "{}")).await, Ok(201));
    assert_eq!(sent(&instance, TIMES, post(&ehr, "{}")).await, Ok(201));
    assert_eq!(ehr.count("POST", "/api/v1/patients"), 2);
}

/// Carried out twice and answered twice, with a refusal for the second: what was done was done.
#[tokio::test]
async fn of_two_answers_the_success_counts() {
    let puts = Mutex::new(0);
    let ehr = serve(move |_| {
        let mut puts = puts.lock().unwrap();
        *puts += 1;
        json(if *puts == 2 { 200 } else { 412 }, "{}")
    });
    let instance = instance(&ehr, Manners { times: 2, run_ms: 0, ..Manners::default() });
    let request =
        http::Request::put(format!("{}/api/v1/patients/p-1", ehr.url)).body(b"{}".to_vec()).unwrap();
    // Both answers are there before the first look.
    let times = MidTimes { poll_ms: 300, ..TIMES };
    assert_eq!(sent(&instance, times, request).await, Ok(200));
}

#[tokio::test]
async fn what_servicenow_does_not_take_was_not_sent() {
    let ehr = ehr();
    // (row made, status) -> what becomes of it
    let refused = instance(&ehr, Manners { insert: vec![(false, 403)], ..Manners::default() });
    let outcome = sent(&refused, TIMES, get(&ehr)).await;
    assert!(
        matches!(&outcome, Err(TransportFailure::NotSent { what }) if what.contains("ecc_queue")),
        "{outcome:?}"
    );
    let busy = instance(&ehr, Manners { insert: vec![(false, 429)], ..Manners::default() });
    let outcome = sent(&busy, TIMES, get(&ehr)).await;
    assert!(
        matches!(outcome, Err(TransportFailure::Held { retry_after_ms: Some(7_000), .. })),
        "{outcome:?}"
    );
    // It does not say whether it took it: our correlation tells.
    let lost = instance(&ehr, Manners { insert: vec![(true, 502)], ..Manners::default() });
    assert_eq!(sent(&lost, TIMES, get(&ehr)).await, Ok(200));
    let gone = instance(&ehr, Manners { insert: vec![(false, 502)], ..Manners::default() });
    assert!(matches!(sent(&gone, TIMES, get(&ehr)).await, Err(TransportFailure::Lost { .. })));
    let down = instance(&ehr, Manners { status: "Down", ..Manners::default() });
    let outcome = sent(&down, TIMES, get(&ehr)).await;
    assert!(
        matches!(&outcome, Err(TransportFailure::NotSent { what }) if what.contains("is Down")),
        "{outcome:?}"
    );
    assert!(down.rows("state").is_empty(), "nothing waits for it to come up");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_it_is_sent() {
    let ehr = ehr();
    let instance = instance(&ehr, Manners::default());
    let long = format!("{}/api/v1/patients?identifier={}", ehr.url, "x".repeat(1_000));
    let small = MidTimes { request_bytes_max: 2_000, ..TIMES };
    for (request, words) in [
        (post(&ehr, &"x".repeat(4_000)), "request_kilobytes_max"),
        (post(&ehr, "a\u{1}b"), "XML cannot carry"),
        (http::Request::get(long).body(Vec::new()).unwrap(), "ecc_queue.source"),
        (http::Request::head(&ehr.url).body(Vec::new()).unwrap(), "head"),
    ] {
        let outcome = sent(&instance, small, request).await;
        assert!(
            matches!(&outcome, Err(TransportFailure::Unfit { what }) if what.contains(words)),
            "{words}: {outcome:?}"
        );
    }
    assert!(instance.rows("state").is_empty() && ehr.seen().is_empty());
}

#[tokio::test]
async fn a_mid_servers_own_trouble_is_told_by_kind() {
    for (payload, kind) in [
        ("<results error=\"java.net.ConnectException: Connection refused\"><result/></results>", "not sent"),
        ("<results error=\"java.net.SocketTimeoutException: Read timed out\"/>", "lost"),
        ("<results error=\"Payload size of 9 bytes exceeded maximum of 5 bytes.\"/>", "too large"),
        ("<results><result><output>{}</output></result></results>", "lost"),
        ("<!DOCTYPE r [<!ENTITY a \"b\">]><results>&a;</results>", "lost"),
        ("<results><resu", "lost"),
        ("", "lost"),
    ] {
        let ehr = ehr();
        let instance = instance(&ehr, Manners { payload: Some(payload), ..Manners::default() });
        let found = match sent(&instance, TIMES, get(&ehr)).await {
            Err(TransportFailure::NotSent { .. }) => "not sent",
            Err(TransportFailure::Lost { .. }) => "lost",
            Err(TransportFailure::TooLarge { limit_bytes: 5, .. }) => "too large",
            other => panic!("{payload}: {other:?}"),
        };
        assert_eq!(found, kind, "{payload}");
    }
}

/// What the engine sees: a busy instance holds the EHR's requests back without counting as a refusal, and a record that
/// does not fit is the record's trouble.
#[tokio::test]
async fn the_ehrs_client_tells_the_way_from_the_ehr() {
    let ehr = ehr();
    let clock = Clock::at_noon();
    let client = |instance: &Instance| {
        let settings = EhrSettings {
            dialect: DialectChoice::Known(Dialect::default()),
            ..EhrSettings::new(format!("{}/api/v1", ehr.url), SYSTEM)
        };
        let way = Arc::new(route(instance, TIMES, &clock));
        Ehr::new(settings, way, ehr.sign_in(Remote::Ehr, &clock), clock.now()).unwrap()
    };
    let busy = instance(&ehr, Manners { insert: vec![(false, 429)], ..Manners::default() });
    let error = client(&busy).read(RecordKind::Patient, "p-1").await.unwrap_err();
    assert!(
        matches!(
            error,
            RemoteError::Transient { remote: Remote::Ehr, status: 0, retry_after_ms: Some(7_000), .. }
        ),
        "{error:?}"
    );
    let refused = instance(&ehr, Manners { insert: vec![(false, 403)], ..Manners::default() });
    let error = client(&refused).read(RecordKind::Patient, "p-1").await.unwrap_err();
    assert!(matches!(error, RemoteError::Unreachable { remote: Remote::Ehr, .. }), "{error:?}");
    let well = instance(&ehr, Manners::default());
    let body = value!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": "k-1"}], "note": "\u{fffe}"}}]});
    let write = Write {
        kind: RecordKind::Patient,
        place: remote::Place::Record,
        key: None,
        body: body.to_string(),
        expected_version: None,
        idempotency_key: format!("{SYSTEM}|k-1"),
    };
    let error = client(&well).write(&write).await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Refused { status: 0, what, .. } if what.contains("U+FFFE")),
        "{error:?}"
    );
}

#[tokio::test]
async fn its_record_tells_where_it_stands() {
    let ehr = ehr();
    let clock = Clock::at_noon();
    for (status, state) in [
        ("Up", MidState::Up),
        ("up", MidState::Up),
        ("Down", MidState::NotUp),
        ("Paused", MidState::NotUp),
        ("", MidState::NotUp),
    ] {
        let instance = instance(&ehr, Manners { status, ..Manners::default() });
        let seen = agent(&instance, &clock, None).look().await.unwrap();
        assert_eq!(seen.state, state, "{status}: {seen:?}");
    }
    // Five minutes old by the instance's clock.
    let instance = instance(&ehr, Manners::default());
    let look = async |stale_ms| agent(&instance, &clock, Some(stale_ms)).look().await.unwrap().state;
    assert_eq!((look(6 * 60_000).await, look(4 * 60_000).await), (MidState::Up, MidState::Stale));
    let findings = agent(&instance, &clock, Some(4 * 60_000)).findings(true).await.unwrap();
    assert!(
        findings.iter().any(|finding| finding.fatal && finding.what.contains("not heard of")),
        "{findings:?}"
    );
    assert_eq!(agent(&instance, &clock, None).findings(true).await.unwrap(), []);
}
