//! `vetsync serve`: the console in a browser on this machine, and nobody else's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod program;

use program::{Program, Reply, config_of, http};

struct Served {
    program: Program,
    host: String,
    token: String,
    _folder: tempfile::TempDir,
    _remotes: simulator::Running,
}

async fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let remotes =
        simulator::Simulation::start(simulator::Options { patients: 5, ..simulator::Options::default() })
            .await
            .unwrap();
    let config = config_of(&remotes, folder.path()).await;
    // As real settings are: nobody is switched.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("sample_data = true", "sample_data = false")).unwrap();
    let arguments =
        ["--config", config.to_str().unwrap(), "--person", "dana", "--json", "serve"].map(str::to_owned);
    let program = Program::start(&arguments).await;
    let url = program.first["url"].as_str().unwrap().to_owned();
    let (host, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    assert!(host.starts_with("127.0.0.1:"), "only this machine: {host}");
    Served { host: host.to_owned(), token: token.to_owned(), program, _folder: folder, _remotes: remotes }
}

fn cookie(reply: &Reply) -> String {
    let header = reply.header("set-cookie").expect("a session");
    assert!(header.contains("HttpOnly") && header.contains("SameSite=Strict"), "{header}");
    header.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_came_by_the_link_gets_in() {
    let served = serve().await;
    let (host, path) = (served.host.as_str(), format!("/?token={}", served.token));
    let session = |cookie: &str| vec![("cookie".to_owned(), cookie.to_owned())];

    // Without the link, or with a wrong one: nothing.
    assert_eq!(http(host, "GET", "/", &[], "").await.status, 401);
    assert_eq!(http(host, "GET", "/?token=0000", &[], "").await.status, 401);
    assert_eq!(http(host, "POST", "/api/rpc/home.get", &[], "{}").await.status, 401);
    assert_eq!(http(host, "GET", "/api/events", &[], "").await.status, 401);
    // By another name of this machine (DNS rebinding) not even the right token helps.
    let rebound = [("host".to_owned(), "evil.example".to_owned())];
    assert_eq!(http(host, "GET", &path, &rebound, "").await.status, 403);

    // The link works once.
    let opened = http(host, "GET", &path, &[], "").await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let mine = cookie(&opened);
    assert!(
        opened.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'self'"))
    );
    let again = http(host, "GET", &path, &[], "").await;
    assert_eq!((again.status, again.header("set-cookie")), (401, None));
    assert!(again.body.contains("already"));

    // The session opens the console; a forged one, another origin or another host does not.
    let home = http(host, "POST", "/api/rpc/home.get", &session(&mine), "{}").await;
    assert_eq!(home.status, 200);
    assert!(home.json()["remotes"].is_array());
    assert_eq!(http(host, "GET", "/", &session(&mine), "").await.status, 200);
    assert_eq!(http(host, "POST", "/api/rpc/home.get", &session("vetsync=0000"), "{}").await.status, 401);
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("host", "evil.example"),
        ("origin", &format!("https://{host}")),
    ] {
        let headers = [("cookie".to_owned(), mine.clone()), (name.to_owned(), value.to_owned())];
        assert_eq!(
            http(host, "POST", "/api/rpc/home.get", &headers, "{}").await.status,
            401,
            "{name}: {value}"
        );
    }
    let own = [("cookie".to_owned(), mine.clone()), ("origin".to_owned(), format!("http://{host}"))];
    assert_eq!(http(host, "POST", "/api/rpc/home.get", &own, "{}").await.status, 200);

    // Errors travel as they are, with a fitting status.
    let missing = http(host, "POST", "/api/rpc/patients.get", &session(&mine), r#"{"id":"none"}"#).await;
    assert_eq!(
        (missing.status, missing.json()["code"].as_str().map(str::to_owned)),
        (404, Some("not_found".to_owned()))
    );
    let switched =
        http(host, "POST", "/api/rpc/session.switch", &session(&mine), r#"{"personId":"alex"}"#).await;
    assert_eq!(switched.status, 403);
    let broken = http(host, "POST", "/api/rpc/home.get", &session(&mine), "{").await;
    assert_eq!(broken.status, 400);
    served.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_browser_while_a_run_goes_on() {
    let served = serve().await;
    let host = served.host.as_str();
    let mine = cookie(&http(host, "GET", &format!("/?token={}", served.token), &[], "").await);
    let headers = [("cookie".to_owned(), mine)];
    let mut events = program::events(host, &headers).await;
    let run =
        http(host, "POST", "/api/rpc/run.start", &headers, r#"{"patientId":null,"planOnly":true}"#).await;
    assert_eq!(run.status, 200, "{run:?}");
    let id = run.json()["id"].as_str().unwrap().to_owned();
    let mut progress = 0;
    loop {
        let event = events.next().await;
        match event["kind"].as_str() {
            Some("progress") => progress += 1,
            Some("changed") if event["data"]["id"] == id.as_str() => break,
            _ => {}
        }
    }
    assert!(progress > 0);
    let home = http(host, "POST", "/api/rpc/home.get", &headers, "{}").await.json();
    assert_eq!(home["lastRun"]["id"], id.as_str());
    assert_eq!(home["lastRun"]["status"], "done");
    served.program.stop().await;
}

/// A browser that still listens does not hold the program, and with it the database, for ever.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_asked_although_a_browser_listens() {
    let arguments = ["--json", "serve", "--demo", "--patients", "5"].map(str::to_owned);
    let program = Program::start(&arguments).await;
    let url = program.first["url"].as_str().unwrap().to_owned();
    let (host, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    let mine = cookie(&http(host, "GET", &format!("/?token={token}"), &[], "").await);
    // Here people may be switched: the settings say that it is sample data.
    let headers = [("cookie".to_owned(), mine)];
    let switched = http(host, "POST", "/api/rpc/session.switch", &headers, r#"{"personId":"alex"}"#).await;
    assert_eq!(switched.status, 200, "{switched:?}");
    let mut events = program::events(host, &headers).await;
    let ended = program.terminate().await;
    assert!(ended.success(), "{ended}");
    events.ended().await;
}
