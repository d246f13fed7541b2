//! Real network faults over sockets: what is surely unsent is told from what may have been carried out, the words name
//! the way out, the deadline holds, and the outbox settles it without a double or a loss.

use console_api::dto::{ApiError, ErrorCode, RemoteHealth, RunStatus};
use journeys::line::{Line, Relay, Silence};
use journeys::{World, edit};
use record::{RecordKind, Remote};
use remote::{Place, RemoteApi, RemoteError, Write};
use serde_json::json;
use simulator::{Fault, PlannedFault};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The deadline of a call here, seconds.
const DEADLINE_S: u64 = 2;
/// How late a call may be told of its deadline on a busy machine.
const LATE: Duration = Duration::from_secs(6);

/// A clinic whose EHR is reached by a line of its own.
async fn world(patients: usize) -> (World, Relay) {
    let world = World::calm(patients).await;
    let relay = Relay::to(port_of(&world.remotes.ehr_url)).await;
    let address = format!("https://127.0.0.1:{}/api/v1", relay.port());
    // It knows itself by the address that others reach it at.
    world.remotes.control.ehr.set_base_url(&address);
    let own = world.remotes.ehr_url.clone();
    world.settings(|text| format!("timeout_seconds = {DEADLINE_S}\n{}", text.replace(&own, &address)));
    (world, relay)
}

fn port_of(url: &str) -> u16 {
    let after = url.rsplit_once(':').unwrap().1;
    after.split('/').next().unwrap().parse().unwrap()
}

/// The EHR's client as the agent builds it. The database is let go of again.
async fn ehr(world: &World) -> Arc<dyn RemoteApi> {
    let opened = agent::open(world.options()).await.unwrap_or_else(|error| panic!("{error}"));
    opened.store.close().await;
    opened.remotes.ehr
}

fn an_update(world: &World, key: &str, version: &str) -> Write {
    let chart = world.chart(key);
    let entries: Vec<String> = std::iter::once(&chart.patient)
        .chain(&chart.allergies)
        .map(|resource| format!(r#"{{"resource":{resource}}}"#))
        .collect();
    Write {
        kind: RecordKind::Patient,
        place: Place::Record,
        key: Some(key.to_owned()),
        body: format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",")),
        expected_version: Some(version.to_owned()),
        idempotency_key: "ours".to_owned(),
    }
}

fn class(error: &RemoteError) -> &'static str {
    match error {
        RemoteError::Unreachable { .. } => "not sent",
        RemoteError::Transient { .. } => "read again",
        RemoteError::Ambiguous { .. } => "may be done",
        _ => "something else",
    }
}

/// Updates that the EHR was asked for so far.
fn updates(world: &World) -> u64 {
    let by_route = world.remotes.control.ehr.journal.counts().by_route;
    by_route.iter().filter(|(route, _)| route.starts_with("PUT")).map(|(_, count)| *count).sum()
}

/// Waits until something is so at the other end of the line, which gives no other sign.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(5));
    while !is_so() {
        assert!(began.elapsed() < journeys::PATIENCE, "{what}: never");
        beat.tick().await;
    }
}

/// (fault in the middle of an answer, part of the words)
const IN_THE_MIDDLE: [(Line, &str); 4] = [
    (Line::Down, "closed by the other end"),
    (Line::CutAfter(10), "closed by the other end"),
    (Line::Vanished, "within"),
    (Line::Dripping, "within"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_leaves_doubt_about_a_write_and_none_about_a_read() {
    let (world, relay) = world(3).await;
    let client = ehr(&world).await;
    let (_, key) = world.animals(|_, _| true).remove(0);
    let faults = &world.remotes.control.ehr.faults;
    for (line, words) in IN_THE_MIDDLE {
        relay.reconnect().await;
        let fetched = loop {
            if let Ok(fetched) = client.read(RecordKind::Patient, &key).await {
                break fetched;
            }
        };
        // The answer takes its time, so that the line changes while it is awaited.
        faults.add(PlannedFault::always(Fault::Delay { ms: 300 }));
        for effect in ["read", "write"] {
            // Connections that lost bytes are of no use any more.
            relay.reconnect().await;
            // The client may still have to find out that its connections are gone.
            while client.read(RecordKind::Patient, &key).await.is_err() {}
            let journal = &world.remotes.control.ehr.journal;
            let (before, requests) = (updates(&world), journal.counts().requests);
            let began = Instant::now();
            let call = async {
                if effect == "read" {
                    client.read(RecordKind::Patient, &key).await.map(drop)
                } else {
                    client.write(&an_update(&world, &key, &fetched.version)).await.map(drop)
                }
            };
            let breaking = async {
                if effect == "write" {
                    eventually("the update is carried out", || updates(&world) > before).await;
                } else {
                    eventually("the read is answered", || journal.counts().requests > requests).await;
                }
                relay.set(line).await;
            };
            let (outcome, ()) = tokio::join!(call, breaking);
            let error = outcome.expect_err("no answer came");
            let wanted = if effect == "read" { "read again" } else { "may be done" };
            assert_eq!(class(&error), wanted, "{line:?}, {effect}: {error}");
            assert!(error.to_string().contains(words), "{line:?}, {effect}: {error}");
            let took = began.elapsed();
            assert!(took < Duration::from_secs(DEADLINE_S) + LATE, "{line:?}, {effect}: {took:?}");
            let advice = ApiError::from(error);
            assert_eq!(advice.code, ErrorCode::Offline);
            assert!(advice.way_out.contains("Nothing was lost"), "{advice:?}");
        }
        faults.clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_left_is_known_not_to_have_been_sent() {
    let (world, relay) = world(3).await;
    let (_, key) = world.animals(|_, _| true).remove(0);
    let client = ehr(&world).await;
    let fetched = client.read(RecordKind::Patient, &key).await.expect("the line is up");
    let writes = world.writes();

    relay.set(Line::Down).await;
    let silence = Silence::new();
    let mut unsent = vec![(Arc::clone(&client), "nothing listens")];
    reach_ehr_at_instead(&world, relay.port(), silence.port());
    unsent.push((ehr(&world).await, "no connection in time"));
    for (client, words) in unsent {
        let began = Instant::now();
        for error in [
            client.read(RecordKind::Patient, &key).await.expect_err("not reached"),
            client.write(&an_update(&world, &key, &fetched.version)).await.expect_err("not reached"),
        ] {
            assert_eq!(class(&error), "not sent", "{error}");
            assert!(error.to_string().contains(words), "{words}: {error}");
        }
        assert!(began.elapsed() < 2 * (Duration::from_secs(DEADLINE_S) + LATE));
    }
    assert_eq!(world.writes(), writes);
}

fn reach_ehr_at_instead(world: &World, from: u16, to: u16) {
    world.settings(|text| text.replace(&format!("127.0.0.1:{from}/"), &format!("127.0.0.1:{to}/")));
}

/// How a server's TLS is wrong, and the words that say so.
struct Wrong {
    what: &'static str,
    only_12: bool,
    name: &'static str,
    expired: bool,
    known_authority: bool,
    words: &'static str,
}

/// Serves nothing at all behind this TLS; gives its port and its authority.
fn wrong_server(wrong: &Wrong) -> (u16, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Hospital authority");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut leaf = rcgen::CertificateParams::new(vec![wrong.name.to_owned()]).unwrap();
    if wrong.expired {
        leaf.not_before = rcgen::date_time_ymd(2019, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let versions: &[&rustls::SupportedProtocolVersion] =
        if wrong.only_12 { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
    let app = axum::Router::new().fallback(|| async { unreachable_answer() });
    tokio::spawn(async move {
        axum_server::from_tcp_rustls(listener, config).unwrap().serve(app.into_make_service()).await.unwrap();
    });
    (port, pem)
}

/// No request may get this far.
fn unreachable_answer() -> axum::http::StatusCode {
    axum::http::StatusCode::IM_A_TEAPOT
}

/// TLS that does not hold: nothing is sent (not even the access token), a run fails in words, the doctor's probe names
/// what to do, and with the right address again everything goes on.
#[tokio::test(flavor = "multi_thread")]
async fn tls_that_does_not_hold_is_refused_in_words_and_nothing_is_sent() {
    let (world, relay) = world(3).await;
    let desk = world.compared().await;
    desk.close().await;
    let own_authority = std::fs::read_to_string(world.folder.path().join("ca.pem")).unwrap();
    let right = Wrong {
        what: "",
        only_12: false,
        name: "127.0.0.1",
        expired: false,
        known_authority: true,
        words: "",
    };
    let cases = [
        Wrong { what: "TLS 1.2 only", only_12: true, words: "at least TLS 1.3 is asked for", ..right },
        Wrong { what: "expired", expired: true, words: "has expired: have it renewed", ..right },
        Wrong { what: "unknown authority", known_authority: false, words: "is not trusted here", ..right },
        Wrong { what: "another name", name: "elsewhere.example", words: "is for another name", ..right },
    ];
    for wrong in cases {
        let (port, pem) = wrong_server(&wrong);
        let authorities =
            if wrong.known_authority { format!("{own_authority}{pem}") } else { own_authority.clone() };
        std::fs::write(world.folder.path().join("ca.pem"), authorities).unwrap();
        reach_ehr_at_instead(&world, relay.port(), port);
        let client = ehr(&world).await;
        let error = client.read(RecordKind::Patient, "any").await.expect_err(wrong.what);
        assert_eq!(class(&error), "not sent", "{}: {error}", wrong.what);
        assert!(error.to_string().contains(wrong.words), "{}: {error}", wrong.what);
        let probed = client.probe().await;
        let said = match probed {
            Err(error) => error.to_string(),
            Ok(probe) => {
                assert!(probe.findings.iter().any(|finding| finding.fatal), "{}", wrong.what);
                let words = probe
                    .findings
                    .iter()
                    .flat_map(|finding| [finding.what.as_str(), finding.way_out.as_str()]);
                words.collect::<Vec<_>>().join(" ")
            }
        };
        assert!(said.contains(wrong.words), "{}: {said}", wrong.what);
        reach_ehr_at_instead(&world, port, relay.port());
    }
    std::fs::write(world.folder.path().join("ca.pem"), own_authority).unwrap();
    let desk = world.open().await;
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.compared), (RunStatus::Done, 3), "{:?}", run.problem);
    desk.close().await;
}

/// The line goes down while six writes are under way: the breaker opens and says so, everything stays queued, and when the
/// line is up again each is settled by looking, none written twice, none lost.
#[tokio::test(flavor = "multi_thread")]
async fn writes_under_way_when_the_line_goes_down_are_made_once() {
    let (world, relay) = world(10).await;
    let desk = world.compared().await;
    let animals: Vec<_> = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .into_iter()
        .take(6)
        .collect();
    assert_eq!(animals.len(), 6);
    for (number, (row, _)) in animals.iter().enumerate() {
        world.edit_row(row, &[("u_owner_phone", &format!("(415) 555-01{number:02}"))]);
    }
    let (before, asked) = (world.writes().1, updates(&world));
    world.remotes.control.ehr.faults.add(PlannedFault::always(Fault::Delay { ms: 500 }).method("PUT"));
    let mut events = desk.console.events();
    let started: console_api::dto::RunView =
        desk.call("run.start", json!({ "patientId": null, "planOnly": false })).await;
    eventually("six updates are carried out", || updates(&world) >= asked + 6).await;
    relay.set(Line::Down).await;
    let home = desk
        .until("the breaker", || async {
            let home = desk.home().await;
            (home.remotes[1].health == RemoteHealth::BreakerOpen).then_some(home)
        })
        .await;
    assert!(home.remotes[1].next_try_at_ms.is_some(), "{:?}", home.remotes[1]);
    assert!(home.remotes[0].health == RemoteHealth::Answering, "the other system is not touched by it");

    world.remotes.control.ehr.faults.clear();
    relay.set(Line::Up).await;
    let action = json!({ "remote": "ehr", "reason": null });
    let _status: serde_json::Value = desk.call("remotes.try_now", action).await;
    for (number, (row, chart)) in animals.iter().enumerate() {
        let patient = desk.patient_id(Remote::ServiceNow, row).await;
        desk.agreed(&patient).await;
        let phone = edit::digits(edit::phone(&world.chart(chart)).unwrap());
        assert_eq!(phone, format!("41555501{number:02}"));
    }
    assert_eq!(world.writes().1, before + 6, "each was written once");
    // The run may have ended meanwhile, without those that were still queued.
    if desk.home().await.run.is_some() {
        desk.ended(&mut events, &started.id).await;
    }
    desk.close().await;
}
