//! A process that is killed in the middle of its work has kept every commit it was told is durable.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests share stands outside of #[test]")]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use store::{
    Change, OperationState, Store,
    conformance::rows::{T0, audit, operation, plan},
    sqlite::{SecretKey, SqliteStore},
};

const PATH: &str = "VETSYNC_TEST_KILLED_PATH";

fn key() -> SecretKey {
    SecretKey::new(Box::new([7; 32]))
}

/// Runs in the child: commits from several tasks for ever, and prints what was acknowledged.
async fn commit_for_ever(path: &str) {
    let store = SqliteStore::open(path.as_ref(), &key(), T0).await.unwrap();
    store.commit(vec![Change::PutPlan(plan("pl", "p"))]).await.unwrap();
    let writers = (0..4).map(|writer| {
        let store = &store;
        async move {
            for n in 0_u32.. {
                let id = format!("{writer}-{n}");
                let changes = vec![
                    Change::Enqueue(operation(&id, &format!("lane{writer}"), "pl")),
                    Change::Audit(audit(&id, "p")),
                    Change::PutValue { key: format!("last-{writer}"), value: n.to_string() },
                ];
                store.commit(changes).await.unwrap();
                println!("acknowledged {id}");
                store.claim_operations(T0, 1, &record::Remote::BOTH).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_commit_survives_a_kill() {
    if let Ok(path) = std::env::var(PATH) {
        return commit_for_ever(&path).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let mut acknowledged = Vec::new();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "every_acknowledged_commit_survives_a_kill", "--nocapture"])
        .env(PATH, &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, id)) = line.split_once("acknowledged ") {
            acknowledged.push(id.to_owned());
        }
        if acknowledged.len() == 300 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 300);

    let store = SqliteStore::open(&path, &key(), T0).await.unwrap();
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
    let audit = store.audit(None, 0, 100_000).await.unwrap();
    for id in &acknowledged {
        assert!(store.operation(id).await.unwrap().is_some(), "the operation {id} is gone");
        assert!(audit.iter().any(|entry| entry.id == *id), "the audit entry {id} is gone");
    }
    // each commit is there whole: as many operations as entries
    let counts = store.operation_counts().await.unwrap();
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), audit.len() as u64);
    // what ran when the process was killed is taken up again
    let running =
        counts.iter().find(|(state, _)| *state == OperationState::Running).map_or(0, |(_, count)| *count);
    assert!(running > 0);
    store.commit(vec![Change::RescueRunning]).await.unwrap();
    assert_eq!(store.claim_operations(T0, 99, &record::Remote::BOTH).await.unwrap().len() as u64, running);
    store.close().await;
}
