//! What gathers in the writer's queue: how much of it becomes one transaction, and what a close leaves of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use super::{MOST_CHANGES_TOGETHER, MOST_COMMITS_TOGETHER, Writer};
use crate::{
    Change, Store as _,
    conformance::rows::{T0, audit},
    sqlite::{SecretKey, SqliteStore, batch::Writing},
};
use futures_util::future::{join, join_all, join3};
use std::path::Path;
use tokio::task::unconstrained;

async fn open(path: &Path) -> (SqliteStore, Writer) {
    let store = SqliteStore::open(path, &SecretKey::new(Box::new([7; 32])), T0).await.unwrap();
    let Writing::Queue(writer) = &store.writer else { panic!("a store that was opened has a writer") };
    let writer = writer.clone();
    (store, writer)
}

fn entries(first: usize, count: usize) -> Vec<Change> {
    (first..first + count).map(|n| Change::Audit(audit(&format!("a{n}"), "p1"))).collect()
}

/// On a runtime with one thread the writer's turn comes when everybody has handed in; `unconstrained`, because else the
/// runtime gives it a turn in between.
#[tokio::test(flavor = "current_thread")]
async fn what_stands_in_the_queue_behind_the_close_is_still_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let (store, writer) = open(&path).await;
    let commits = join_all((0..=MOST_COMMITS_TOGETHER).map(|n| writer.commit(entries(n, 1))));
    let ((), done, (pages, lent)) =
        unconstrained(join3(writer.close(), commits, join(writer.verify(), writer.lend(true)))).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(pages.unwrap(), Vec::<String>::new());
    assert!(lent.is_err_and(|error| error.to_string().contains("closed")), "nothing new is begun");
    assert_eq!(writer.statistics().syncs, 2);
    store.close().await;
    let (store, _) = open(&path).await;
    assert_eq!(store.audit(Some("p1"), 0, 1_000).await.unwrap().len(), MOST_COMMITS_TOGETHER + 1);
    store.close().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_group_is_full_after_so_many_commits_or_so_many_changes() {
    // (commits, changes in each, disk syncs)
    let cases = [
        (MOST_COMMITS_TOGETHER, 1, 1),
        (MOST_COMMITS_TOGETHER + 1, 1, 2),
        (2 * MOST_COMMITS_TOGETHER + 1, 1, 3),
        (2, MOST_CHANGES_TOGETHER - 1, 1),
        (2, MOST_CHANGES_TOGETHER, 2),
        (4, MOST_CHANGES_TOGETHER / 2, 2),
    ];
    for (commits, changes, syncs) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (store, writer) = open(&folder.path().join("vetsync.db")).await;
        let done =
            unconstrained(join_all((0..commits).map(|n| writer.commit(entries(n * changes, changes))))).await;
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        let statistics = writer.statistics();
        let found = (statistics.commits, statistics.failures, statistics.syncs);
        assert_eq!(found, (u64::try_from(commits).unwrap(), 0, syncs), "{commits} of {changes}");
        store.close().await;
    }
}
