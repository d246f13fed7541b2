//! TLS and transport failures over real sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use remote::http::{HttpsSettings, HttpsTransport, TlsMinimum, Transport, TransportFailure};
use support::{Authority, Reply, Server, Tls, json, serve_all};

async fn get(server: &Server, settings: &HttpsSettings) -> Result<http::Response<Vec<u8>>, TransportFailure> {
    let transport = HttpsTransport::new(settings).unwrap();
    transport.send(http::Request::get(format!("{}/x", server.url)).body(Vec::new()).unwrap()).await
}

fn not_sent(outcome: Result<http::Response<Vec<u8>>, TransportFailure>) -> String {
    match outcome {
        Err(TransportFailure::NotSent { what }) => what,
        other => panic!("nothing may be sent: {other:?}"),
    }
}

#[tokio::test]
async fn tls_1_3_is_spoken_and_1_2_alone_is_refused_unless_allowed() {
    let server = serve_all(&Tls::default(), |_| json(200, "{}"));
    assert_eq!(get(&server, &server.settings()).await.unwrap().status(), 200);

    let old = serve_all(&Tls { only_12: true, ..Tls::default() }, |_| json(200, "{}"));
    let what = not_sent(get(&old, &old.settings()).await);
    assert!(what.contains("TLS 1.3"), "{what}");
    assert!(old.seen().is_empty());
    let lowered = HttpsSettings { tls_minimum: TlsMinimum::Tls12, ..old.settings() };
    assert_eq!(get(&old, &lowered).await.unwrap().status(), 200);
}

#[tokio::test]
async fn certificates_that_do_not_hold_are_refused_in_words() {
    let server = serve_all(&Tls::default(), |_| json(200, "{}"));
    let other_ca = HttpsSettings { extra_ca_pem: Some(Authority::new("Another").pem), ..server.settings() };
    let what = not_sent(get(&server, &other_ca).await);
    assert!(what.contains("not trusted"), "{what}");

    let expired = serve_all(&Tls { expired: true, ..Tls::default() }, |_| json(200, "{}"));
    let what = not_sent(get(&expired, &expired.settings()).await);
    assert!(what.contains("expired"), "{what}");

    let misnamed = serve_all(&Tls { name: "elsewhere.test", ..Tls::default() }, |_| json(200, "{}"));
    let what = not_sent(get(&misnamed, &misnamed.settings()).await);
    assert!(what.contains("another name"), "{what}");
}

#[tokio::test]
async fn what_surely_was_not_sent_is_told_from_what_may_have_been() {
    let server = serve_all(&Tls::default(), |seen| match seen.path.as_str() {
        "/cut" => Reply::CutOff { status: 200, body: "{\"result\":[" },
        _ => Reply::HangUp,
    });
    assert!(matches!(get(&server, &server.settings()).await, Err(TransportFailure::Lost { .. })));
    let transport = HttpsTransport::new(&server.settings()).unwrap();
    let send = |url: String| transport.send(http::Request::get(url).body(Vec::new()).unwrap());
    assert!(matches!(
        send(format!("{}/cut", server.url)).await,
        Err(TransportFailure::BodyCut { status: 200, .. })
    ));

    // A port that nothing listens on any more.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let what = not_sent(send(format!("https://localhost:{free}/")).await);
    assert!(what.contains("nothing listens"), "{what}");
    let what = not_sent(send("http://localhost/".to_owned()).await);
    assert!(what.contains("https://"), "{what}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_lost() {
    let server = serve_all(&Tls::default(), |_| Reply::Never);
    let hasty = HttpsSettings { timeout_ms: 300, ..server.settings() };
    let outcome = get(&server, &hasty).await;
    assert!(
        matches!(&outcome, Err(TransportFailure::Lost { what }) if what.contains("within")),
        "{outcome:?}"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    let server = serve_all(&Tls::default(), |_| json(200, "x".repeat(4_096)));
    let small = HttpsSettings { body_max_bytes: 1_000, ..server.settings() };
    assert_eq!(
        get(&server, &small).await.unwrap_err(),
        TransportFailure::TooLarge { status: 200, limit_bytes: 1_000 }
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = serve_all(&Tls::default(), |_| json(302, "").with("location", "https://localhost/else"));
    assert_eq!(get(&server, &server.settings()).await.unwrap().status(), 302);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn settings_that_cannot_work_say_so() {
    let wrong = |settings: HttpsSettings| HttpsTransport::new(&settings).unwrap_err().setting;
    assert_eq!(
        wrong(HttpsSettings { extra_ca_pem: Some("no pem".into()), ..HttpsSettings::default() }),
        "extra_ca_pem"
    );
    assert_eq!(wrong(HttpsSettings { only_extra_ca: true, ..HttpsSettings::default() }), "only_extra_ca");
    assert_eq!(wrong(HttpsSettings { timeout_ms: 0, ..HttpsSettings::default() }), "timeout_seconds");
}
