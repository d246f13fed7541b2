//! Starts that go wrong: each says what is wrong and what to do, and nothing is lost.

use agent::{Options, StartError};
use console_api::dto::{ApiError, ErrorCode, RunStatus};
use journeys::{Desk, World};
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use store::StoreError;
use store::sqlite::{OpenOptions, SqliteStore};

async fn refused(options: Options) -> (StartError, ApiError) {
    let error = match agent::open(options.clone()).await {
        Err(error) => error,
        Ok(opened) => agent::start(opened).await.err().expect("the start is refused"),
    };
    let again = match agent::open(options).await {
        Err(error) => error,
        Ok(opened) => agent::start(opened).await.err().expect("the start is refused"),
    };
    assert_eq!(error.to_string(), again.to_string(), "a second try in the same process says the same");
    let shown = ApiError::from(error);
    assert!(!shown.message.is_empty() && !shown.way_out.is_empty(), "{shown:?}");
    assert!(shown.message.ends_with(|last: char| last != ':'), "{shown:?}");
    (again, shown)
}

fn secret_file(world: &World, name: &str) -> PathBuf {
    world.folder.path().join("data/secrets").join(name)
}

/// A desk that compared once and was closed again: there is something to lose.
async fn with_history() -> World {
    let world = World::calm(5).await;
    world.compared().await.close().await;
    world
}

async fn still_there(world: &World) {
    let desk = world.open().await;
    assert_eq!(desk.search("").await.total, 5, "nothing is lost");
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_settings() {
    let world = World::calm(1).await;
    let (error, shown) =
        refused(Options { config: Some(world.folder.path().join("none.toml")), ..world.options() }).await;
    assert!(matches!(error, StartError::NoSettings { .. }));
    assert_eq!((shown.code, error.exit_code()), (ErrorCode::Invalid, 3));
    assert!(shown.message.contains("none.toml"));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_settings_name_line_and_key() {
    let world = with_history().await;
    let good = std::fs::read_to_string(&world.config).unwrap();
    let line = good.lines().position(|line| line.starts_with("sign_in")).unwrap() + 1;
    for (from, to, key) in [
        ("sign_in = \"jwt_bearer\"", "sign_in = \"password\"", "sign_in"),
        ("sign_in = \"jwt_bearer\"", "sign_inn = \"jwt_bearer\"", "sign_inn"),
        ("sign_in = \"jwt_bearer\"", "sign_in = ", "line"),
    ] {
        world.settings(|_| good.replace(from, to));
        let (error, shown) = refused(world.options()).await;
        assert!(matches!(error, StartError::Settings(_)), "{error}");
        assert!(shown.message.contains(&line.to_string()), "{to}: {}", shown.message);
        assert!(shown.message.contains(key), "{to}: {}", shown.message);
    }
    world.settings(|_| good.replacen("\nclient_id = ", "\n# client_id = ", 1));
    let (error, shown) = refused(world.options()).await;
    assert!(matches!(error, StartError::Incomplete { .. } | StartError::Settings(_)), "{error}");
    assert!(shown.message.contains("client_id"), "{}", shown.message);
    world.settings(|_| good);
    still_there(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named() {
    let world = with_history().await;
    let file = secret_file(&world, "ehr.private_key");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let (error, shown) = refused(world.options()).await;
    assert!(matches!(error, StartError::NoSecret { .. }), "{error}");
    assert_eq!(error.exit_code(), 4);
    assert!(
        shown.message.contains("ehr.private_key")
            && shown.way_out.contains("vetsync secret set ehr.private_key")
    );
    let store =
        secrets::open(&secrets::Choice::File(world.folder.path().join("data/secrets"))).await.unwrap();
    store.set("ehr.private_key", &secrets::Secret::from(kept)).await.unwrap();
    still_there(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_database_key_loses_nothing() {
    let world = with_history().await;
    let store =
        secrets::open(&secrets::Choice::File(world.folder.path().join("data/secrets"))).await.unwrap();
    let right = store.get(secrets::DATABASE_KEY).await.unwrap().unwrap();
    let database = world.folder.path().join("data/vetsync.db");
    let bytes = std::fs::read(&database).unwrap();

    store.set(secrets::DATABASE_KEY, &secrets::Secret::from(vec![7_u8; 32])).await.unwrap();
    let (error, shown) = refused(world.options()).await;
    assert!(matches!(error, StartError::Store(StoreError::WrongKey)), "{error}");
    assert_eq!((shown.code, error.exit_code()), (ErrorCode::Locked, 5));

    store.delete(secrets::DATABASE_KEY).await.unwrap();
    let (error, shown) = refused(world.options()).await;
    assert!(matches!(error, StartError::Secrets(secrets::SecretError::KeyMissing { .. })), "{error}");
    assert_eq!(shown.code, ErrorCode::Locked);
    assert!(shown.way_out.contains("backup"), "{shown:?}");
    assert!(
        store.get(secrets::DATABASE_KEY).await.unwrap().is_none(),
        "no new key hides that the old one is gone"
    );
    assert_eq!(std::fs::read(&database).unwrap(), bytes, "the file is untouched");

    store.set(secrets::DATABASE_KEY, &secrets::Secret::from(right.expose_secret().to_vec())).await.unwrap();
    still_there(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_left_to_its_owner() {
    let world = with_history().await;
    let owner = world.open().await;
    let (error, shown) = refused(world.options()).await;
    assert!(matches!(error, StartError::Store(StoreError::Owned)), "{error}");
    assert_eq!(shown.code, ErrorCode::Locked);
    assert_eq!(owner.search("").await.total, 5, "the owner works on");
    owner.close().await;
    still_there(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_that_cannot_be_used_is_named() {
    let world = World::calm(1).await;
    let file = world.folder.path().join("a-file");
    std::fs::write(&file, "in the way").unwrap();
    let (error, shown) = refused(Options { data_dir: Some(file.join("data")), ..world.options() }).await;
    assert!(matches!(error, StartError::DataDir { .. }), "{error}");
    assert!(shown.message.contains("a-file") && shown.way_out.contains("data_dir"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_setting_is_named() {
    let world = with_history().await;
    let good = std::fs::read_to_string(&world.config).unwrap();
    world.settings(|_| good.replacen("ca_file = \"ca.pem\"", "ca_file = \"gone.pem\"", 1));
    let (error, shown) = refused(world.options()).await;
    assert!(matches!(error, StartError::Connection { .. }), "{error}");
    assert!(shown.message.contains("ServiceNow") && shown.message.contains("gone.pem"), "{shown:?}");
    world.settings(|_| good);
    still_there(&world).await;
}

/// The disk is full in the middle of a run: it ends with words, the console goes on reading, and with space again the
/// next run completes.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_run_and_loses_nothing() {
    let world = with_history().await;
    let secret_store =
        secrets::open(&secrets::Choice::File(world.folder.path().join("data/secrets"))).await.unwrap();
    let mut opened = agent::open(world.options()).await.unwrap();
    opened.store.close().await;
    let key = secrets::database_key(&*secret_store, || [0; 32], true).await.unwrap();
    let pages = u32::try_from(std::fs::metadata(&opened.database).unwrap().len() / 4096).unwrap();
    let small = OpenOptions { most_pages: Some(pages + 2), ..OpenOptions::default() };
    let now_ms = opened.clock.now_ms();
    opened.store = Arc::new(SqliteStore::open_with(&opened.database, &key, now_ms, &small).await.unwrap());
    // Much that is new to be stored.
    for number in 0..60 {
        let name = format!("Newcomer {number}");
        let notes = "A long history of visits.\n".repeat(100);
        world.in_servicenow(
            &journeys::newcomers::QUILL,
            &[("u_patient_name", &name), ("u_medical_notes", &notes), ("u_active", "false")],
        );
    }
    let desk = Desk::start(opened).await;
    let words = match desk.console.call("run.start", json!({ "patientId": null, "planOnly": false })).await {
        Err(error) => format!("{} {}", error.message, error.way_out),
        Ok(run) => {
            desk.until("the run to end", || async { desk.home().await.run.is_none().then_some(()) }).await;
            let last = desk.home().await.last_run.expect("a run");
            // Where not even its end could be written, the run is closed at the next start.
            if last.id == run["id"].as_str().unwrap() {
                assert_eq!(last.status, RunStatus::Failed);
                last.problem.expect("words")
            } else {
                "the disk is full".to_owned()
            }
        }
    };
    assert!(words.contains("full") || words.contains("space"), "{words}");
    let snapshots =
        desk.running.store.snapshot_count(record::Remote::ServiceNow, record::RecordKind::Patient).await;
    assert!(snapshots.unwrap() < 65, "the disk was full indeed");
    assert!(desk.search("").await.total >= 5, "what is known is still shown");
    desk.close().await;

    let desk = world.open().await;
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.servicenow), (RunStatus::Done, 65), "{:?}", run.problem);
    desk.close().await;
}
