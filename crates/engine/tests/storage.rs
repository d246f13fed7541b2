//! A full disk is told for as long as it lasts, and is over by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Bench, NEW, OLD, START_MS, chart, row};
use engine::inbox::Arrival;
use engine::storage::{FULL_INCIDENT, StorageFault};
use engine::{Policy, step};
use record::Remote;
use remote::RemoteError;
use std::sync::Arc;
use step::{Command, Event, Notice, Ticket};
use store::sqlite::{OpenOptions, SqliteStore};
use store::{Change, OperationState, PlanState, Store, StoreError};

/// Pages of 4 KiB that the database may have.
const QUOTA: u32 = 1_600;

fn ballast(piece: u32, value: String) -> Vec<Change> {
    vec![Change::PutValue { key: format!("ballast {piece}"), value }]
}

/// Fills the disk to the brim; returns how many pieces that took.
async fn fill(store: &dyn Store) -> u32 {
    let mut pieces = 0;
    for bytes in [512 * 1024, 16 * 1024, 1_024] {
        loop {
            match store.commit(ballast(pieces, "-".repeat(bytes))).await {
                Ok(()) => pieces += 1,
                Err(StoreError::DiskFull) => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    pieces
}

/// A database with little room, and an engine over it.
async fn small() -> (Arc<dyn Store>, Bench) {
    let folder = tempfile::tempdir().unwrap();
    let key = secrecy::SecretBox::new(Box::new([7_u8; 32]));
    let options = OpenOptions { most_pages: Some(QUOTA), ..OpenOptions::default() };
    let path = folder.path().join("test.db");
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open_with(&path, &key, START_MS, &options).await.unwrap());
    let bench = Bench::over(Arc::clone(&store), Arc::new(folder), Policy::default(), START_MS).await;
    (store, bench)
}

/// Somebody makes room, and after a while it is noticed.
async fn make_room(store: &dyn Store, pieces: u32, bench: &mut Bench) {
    for piece in 0..pieces {
        store.commit(ballast(piece, String::new())).await.unwrap();
    }
    bench.now_ms += 6_000;
    bench.step(Event::Woke).await;
    assert_eq!(bench.engine.storage_trouble(), None, "over by itself");
}

/// One pair that agreed, of which the EHR then changed the phone; the write to ServiceNow is sent.
async fn one_write_in_little_room() -> (Arc<dyn Store>, Bench) {
    let (store, mut bench) = small().await;
    let row = row("r1", 3, OLD, "p1");
    for (version, phone) in [(1, "+14155550100"), (2, NEW)] {
        bench.start_run().await;
        bench.pages(std::slice::from_ref(&row), &[chart("p1", version, phone, "r1")]).await;
    }
    (store, bench)
}

/// A write whose answer was lost is looked for while the disk is full: nothing of what is read can be kept, so nothing is
/// known of it. It is neither given up nor left running for ever; it is looked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_confirmed_on_a_full_disk_is_looked_for_again() {
    let (store, mut bench) = one_write_in_little_room().await;
    let (operation, ..) = bench.write();
    let lost = RemoteError::Ambiguous { remote: Remote::ServiceNow, what: "no answer in 30 s".to_owned() };
    bench.answer(&operation, Err(lost)).await;
    bench.wake().await;
    let moved = || RemoteError::Moved {
        remote: Remote::ServiceNow,
        key: "r1".to_owned(),
        current_version: Some("4".to_owned()),
    };
    bench.write();
    bench.answer(&operation, Err(moved())).await;
    let pieces = fill(&*store).await;
    let much = "-".repeat(200_000);
    bench.reads(&[row("r1", 4, &much, "p1"), chart("p1", 2, NEW, "r1")]).await;
    assert!(bench.engine.storage_trouble().is_some(), "the disk is full");
    make_room(&*store, pieces, &mut bench).await;
    assert_eq!(bench.operation(OperationState::Retrying).await.id, operation);

    while bench.sent.is_empty() {
        bench.wake().await;
    }
    bench.write();
    bench.answer(&operation, Err(moved())).await;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(bench.operation(OperationState::Done).await.id, operation);
}

/// A plan whose last receipt was written down when the disk was full, and nothing after it: ended when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_that_could_not_be_ended_is_ended_when_there_is_room() {
    let (store, mut bench) = one_write_in_little_room().await;
    let (operation, ..) = bench.write();
    let row_of = store.operation(&operation).await.unwrap().unwrap();
    let finished = common::finished(&row_of, bench.now_ms);
    store.commit(vec![finished]).await.unwrap();
    let pieces = fill(&*store).await;
    let arrival = Arrival { remote: Remote::Ehr, message: "m1".to_owned(), raw: "-".repeat(200_000) };
    bench.ask(Command::Accept(arrival)).await.expect_err("there is no room for it");
    assert!(bench.engine.storage_trouble().is_some(), "the disk is full");
    make_room(&*store, pieces, &mut bench).await;
    let plan = store.plan(&row_of.plan).await.unwrap().unwrap();
    assert_eq!(plan.state, PlanState::Done, "nothing is under way for it any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_full_disk_is_told_while_it_lasts_and_is_over_by_itself() {
    let (store, mut bench) = small().await;
    assert_eq!(bench.engine.storage_trouble(), None);
    let pieces = fill(&*store).await;

    // To start a run is a small thing and may still fit; what is read is not.
    let start = Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: false, kind: None };
    bench.step(Event::Asked { ticket: Ticket(1), command: start }).await;
    let note = "-".repeat(40_000);
    bench.pages(&[row("r1", 1, &note, "p1")], &[chart("p1", 1, &note, "r1")]).await;
    let trouble = bench.engine.storage_trouble().expect("the disk is full");
    assert_eq!((trouble.fault, trouble.since_ms), (StorageFault::Full, START_MS));
    assert!(bench.notices.contains(&Notice::Storage), "open consoles are told");
    assert_eq!(bench.wake_at_ms, trouble.look_again_ms, "it is looked for again by itself");

    // Still full a while later: still told, since the same time.
    bench.now_ms += 60_000;
    bench.step(Event::Woke).await;
    let lasting = bench.engine.storage_trouble().expect("still full");
    assert_eq!(lasting.since_ms, START_MS);
    assert!(lasting.times > trouble.times && lasting.look_again_ms > Some(bench.now_ms));

    // Somebody makes room.
    for piece in 0..pieces {
        store.commit(ballast(piece, String::new())).await.unwrap();
    }
    bench.step(Event::Woke).await;
    assert!(bench.engine.storage_trouble().is_some(), "not looked at in every step");
    bench.now_ms += 6_000;
    bench.notices.clear();
    bench.step(Event::Woke).await;
    assert_eq!(bench.engine.storage_trouble(), None, "over by itself");
    assert!(bench.notices.contains(&Notice::Storage));
    let (incidents, _) = store.incidents(false, 0, 10).await.unwrap();
    let kept: Vec<_> = incidents
        .iter()
        .map(|incident| {
            (incident.kind.as_str(), incident.open, incident.first_seen_at_ms, incident.closed_at_ms)
        })
        .collect();
    assert_eq!(kept, [(FULL_INCIDENT, false, START_MS, Some(bench.now_ms))], "kept with its times");
    let runs = store.runs(5).await.unwrap();
    assert!(runs.iter().all(|run| run.state != "running"), "no run is left standing: {runs:?}");
    assert_eq!(store.value("storage.room").await.unwrap().as_deref(), Some(""), "the trial leaves nothing");
}
