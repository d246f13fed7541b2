//! Two processes and one database: the second works through the first, with rights of its own, and takes over when the
//! first is gone.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share stands outside of #[test]"
)]

mod program;

use program::{Program, Reply, config_of, http, vetsync};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

struct World {
    folder: tempfile::TempDir,
    config: PathBuf,
    remotes: simulator::Running,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let options = simulator::Options { patients: 20, ..simulator::Options::default() };
        let remotes = simulator::Simulation::start(options).await.unwrap();
        let config = config_of(&remotes, folder.path()).await;
        World { folder, config, remotes }
    }

    fn arguments(&self, person: &str, words: &[&str]) -> Vec<String> {
        let mut all = vec!["--config", self.config.to_str().unwrap(), "--person", person, "--json"];
        all.extend(words);
        all.into_iter().map(str::to_owned).collect()
    }

    async fn owner(&self) -> Program {
        Program::start(&self.arguments("dana", &["serve"])).await
    }

    fn owner_file(&self) -> PathBuf {
        self.folder.path().join("data/vetsync.db.owner")
    }

    fn described(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.owner_file()).unwrap()).unwrap()
    }
}

fn parts(doctor: &Value, part: &str) -> Vec<String> {
    let all = doctor["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["part"] == part)
        .map(|finding| finding["what"].as_str().unwrap().to_owned())
        .collect()
}

/// Every verb works while another process owns the database, and sees what that one sees.
#[tokio::test(flavor = "multi_thread")]
async fn commands_work_through_the_owner() {
    let world = World::new().await;
    let owner = world.owner().await;
    let mode = std::fs::metadata(world.owner_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read the token");

    let run = vetsync(&world.arguments("dana", &["reconcile"])).await;
    assert_eq!(run.code, 7, "conflicts wait for a person: {run:?}");
    assert!(run.json()["counts"]["compared"].as_u64().unwrap() >= 15, "{run:?}");
    let list = vetsync(&world.arguments("dana", &["conflicts", "list"])).await;
    assert_eq!(list.code, 7, "{list:?}");
    let found = vetsync(&world.arguments("dana", &["patients"])).await;
    assert!(found.json()["total"].as_u64().unwrap() >= 20, "{found:?}");
    let patient = found.json()["rows"][0]["id"].as_str().unwrap().to_owned();
    let sync = vetsync(&world.arguments("dana", &["sync", "--patient", &patient])).await;
    assert!(matches!(sync.code, 0 | 7), "{sync:?}");

    // The rights are those of the person at this command, not of the one at the owner.
    let auditor = vetsync(&world.arguments("ines", &["reconcile"])).await;
    assert_eq!(auditor.code, 8, "{auditor:?}");
    let nobody = vetsync(&world.arguments("ghost", &["patients", "x"])).await;
    assert_eq!(nobody.code, 3, "{nobody:?}");

    // The doctor asks the owner for the database and looks at the rest itself.
    let doctor = vetsync(&world.arguments("dana", &["doctor"])).await;
    assert_eq!(doctor.code, 0, "{doctor:?}");
    let database = parts(&doctor.json(), "database");
    let process = world.described()["process"].as_u64().unwrap();
    assert!(
        database[0].contains(&format!("process {process}")) && database[1].contains("sound"),
        "{database:?}"
    );
    assert!(!parts(&doctor.json(), "EHR").is_empty());

    assert!(owner.terminate().await.success());
    assert!(!world.owner_file().exists(), "an owner that ends takes its file away");
    let found = vetsync(&world.arguments("dana", &["patients"])).await;
    assert_eq!(found.code, 0, "and the next one opens the database itself: {found:?}");
    world.remotes.stop().await;
}

/// The token opens the door, and nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_the_token() {
    let world = World::new().await;
    let owner = world.owner().await;
    let described = world.described();
    let host = described["address"].as_str().unwrap();
    assert!(host.starts_with("127.0.0.1:"), "only this machine");
    let right = ("authorization".to_owned(), format!("Bearer {}", described["token"].as_str().unwrap()));
    let version = ("vetsync-version".to_owned(), described["version"].as_str().unwrap().to_owned());
    let wrong = ("authorization".to_owned(), "Bearer 00".to_owned());
    let origin = ("origin".to_owned(), format!("http://{host}"));
    let no_session = ("vetsync-session".to_owned(), "00".to_owned());
    let cases = [
        ("GET", "/session", vec![version.clone()]),
        ("GET", "/session", vec![version.clone(), wrong.clone()]),
        ("GET", "/session", vec![version.clone(), right.clone(), origin]),
        ("POST", "/rpc/home.get", vec![right.clone()]),
        ("POST", "/rpc/home.get", vec![right.clone(), no_session]),
        ("POST", "/check", vec![wrong]),
    ];
    for (method, path, headers) in cases {
        let reply = http(host, method, path, &headers, "{}").await;
        assert_eq!(reply.status, 401, "{method} {path} {headers:?}: {reply:?}");
    }
    let older = ("vetsync-version".to_owned(), "0.0.1".to_owned());
    let reply = http(host, "GET", "/session", &[right, older], "").await;
    assert_eq!(reply.status, 409);
    assert!(reply.json()["message"].as_str().unwrap().contains("0.0.1"), "{reply:?}");
    assert!(owner.terminate().await.success());
}

async fn opened(program: &Program) -> (String, Vec<(String, String)>) {
    let url = program.first["url"].as_str().unwrap();
    let (host, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    let page = http(host, "GET", &format!("/?token={token}"), &[], "").await;
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (host.to_owned(), vec![("cookie".to_owned(), cookie)])
}

async fn patients(host: &str, headers: &[(String, String)]) -> Reply {
    let query = json!({ "query": "", "status": null, "offset": 0, "limit": 1 }).to_string();
    http(host, "POST", "/api/rpc/patients.search", headers, &query).await
}

fn kill(process: u64, signal: &str) {
    let done = std::process::Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
    assert!(done.success(), "kill {signal}");
}

/// A second console shows what happens at the first; when the first is killed it goes on by itself, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_console_takes_over_from_one_that_is_killed() {
    let world = World::new().await;
    let first = world.owner().await;
    let second = world.owner().await;
    assert_ne!(first.first["url"], second.first["url"], "both serve a browser");
    let (host, headers) = opened(&second).await;
    let mut events = program::events(&host, &headers).await;
    let run = vetsync(&world.arguments("dana", &["reconcile"])).await;
    assert_eq!(run.code, 7, "{run:?}");
    loop {
        // Somebody else's run shows here, too.
        let event = events.next().await;
        if event["kind"] == "changed" && event["data"]["id"] == run.json()["run"] {
            break;
        }
    }
    let before = patients(&host, &headers).await.json()["total"].as_u64().unwrap();
    assert!(before >= 20);

    let process = world.described()["process"].as_u64().unwrap();
    kill(process, "-KILL");
    // The second learns of it, and its next question is answered by an engine of its own.
    loop {
        let event = events.next().await;
        if event["kind"] == "changed" && event["data"]["tags"].as_array().unwrap().len() > 5 {
            break;
        }
    }
    let began = std::time::Instant::now();
    let after = patients(&host, &headers).await;
    assert_eq!((after.status, after.json()["total"].as_u64()), (200, Some(before)), "{after:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(30), "it took over at once");
    assert_ne!(world.described()["process"].as_u64(), Some(process), "and owns the database now");
    let again = vetsync(&world.arguments("dana", &["patients"])).await;
    assert_eq!(again.json()["total"].as_u64(), Some(before), "a command attaches to the new owner");
    assert!(second.terminate().await.success());
    first.stop().await;
}

/// An owner that stands still (a debugger, a suspended process) is named, and what to do.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_does_not_answer_is_named() {
    let world = World::new().await;
    let owner = world.owner().await;
    let process = world.described()["process"].as_u64().unwrap();
    kill(process, "-STOP");
    let found = vetsync(&world.arguments("dana", &["patients"])).await;
    let doctor = vetsync(&world.arguments("dana", &["doctor"])).await;
    kill(process, "-CONT");
    assert_eq!(found.code, 5, "{found:?}");
    assert!(found.json()["error"]["message"].as_str().unwrap().contains(&process.to_string()), "{found:?}");
    assert!(found.json()["error"]["wayOut"].as_str().unwrap().contains("Nothing is lost"), "{found:?}");
    assert_eq!(doctor.code, 5, "{doctor:?}");
    assert!(parts(&doctor.json(), "database")[0].contains("does not answer"), "{doctor:?}");
    let found = vetsync(&world.arguments("dana", &["patients"])).await;
    assert_eq!(found.code, 0, "{found:?}");
    assert!(owner.terminate().await.success());
}

/// Many at once on a database that nobody owns yet: one of them owns it, the others work through it, all are answered.
#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_all_come_through() {
    let world = World::new().await;
    let words: [&[&str]; 4] =
        [&["patients"], &["reconcile", "--plan"], &["conflicts", "list"], &["patients", "a"]];
    let all = words.into_iter().map(|words| {
        let arguments = world.arguments("dana", words);
        async move { vetsync(&arguments).await }
    });
    for outcome in futures_util::future::join_all(all).await {
        assert!(matches!(outcome.code, 0 | 7), "{outcome:?}");
    }
    assert!(!Path::new(&world.owner_file()).exists(), "the last one has left");
}
