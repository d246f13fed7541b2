//! What the file on the disk is like, and what happens when it cannot be opened or written.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests share stands outside of #[test]")]

use std::{fs, path::Path};

use store::{
    Change, SnapshotRow, Store, StoreError,
    conformance::rows::{T0, audit, pair, snapshot},
    sqlite::{OpenOptions, SecretKey, SqliteStore, migrate},
};

fn key(byte: u8) -> SecretKey {
    SecretKey::new(Box::new([byte; 32]))
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &key(7), T0).await.unwrap()
}

fn holds(path: &Path, needle: &str) -> bool {
    fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn neither_the_file_nor_its_log_holds_plaintext() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let store = open(&path).await;
    let mut row = pair("p1");
    row.card.name = "NEEDLEINTHEHAYSTACK".into();
    store
        .commit(vec![Change::PutPair(row), Change::Audit(audit("a1", "NEEDLEINTHEHAYSTACK"))])
        .await
        .unwrap();
    assert_eq!(store.search_patients("needlein", None, 0, 9).await.unwrap().1, 1);
    let log = folder.path().join("vetsync.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    for file in [&path, &log] {
        for text in ["NEEDLEINTHEHAYSTACK", "needleinthehaystack", "CREATE TABLE", "SQLite format 3"] {
            assert!(!holds(file, text), "{text} in {}", file.display());
        }
    }
    store.close().await;
    assert!(!holds(&path, "NEEDLEINTHEHAYSTACK"));
    assert!(!log.exists(), "closing folds the log into the file");
}

#[tokio::test]
async fn another_key_does_not_open_it_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let store = open(&path).await;
    store.commit(vec![Change::PutPair(pair("p1"))]).await.unwrap();
    store.close().await;
    let before = fs::read(&path).unwrap();
    let refused = SqliteStore::open(&path, &key(8), T0).await;
    assert!(matches!(refused, Err(StoreError::WrongKey)), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let store = open(&path).await;
    assert_eq!(store.pair("p1").await.unwrap(), Some(pair("p1")));
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let letter = "Dear Sir or Madam, ".repeat(1_000);
    fs::write(&path, &letter).unwrap();
    let refused = SqliteStore::open(&path, &key(7), T0).await;
    assert!(matches!(refused, Err(StoreError::WrongKey)), "{refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), letter);
}

#[tokio::test]
async fn one_process_owns_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let store = open(&path).await;
    let second = SqliteStore::open(&path, &key(7), T0).await;
    assert!(matches!(second, Err(StoreError::Owned)), "{second:?}");
    store.close().await;
    open(&path).await.close().await;
}

#[tokio::test]
async fn what_was_written_by_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    open(&path).await.close().await;
    raw(&path, &format!("PRAGMA user_version = {}", migrate::newest() + 1)).await.unwrap();
    let refused = SqliteStore::open(&path, &key(7), T0).await;
    let known = migrate::newest();
    assert!(
        matches!(refused, Err(StoreError::TooNew { found, known: k }) if found == known + 1 && k == known)
    );
}

/// Statements on the file, as somebody with the key and another program could run them.
async fn raw(path: &Path, sql: &str) -> Result<(), sqlx::Error> {
    use sqlx::{ConnectOptions, Connection};
    let hex = "07".repeat(32);
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .pragma("key", format!("\"x'{hex}'\""))
        .pragma("recursive_triggers", "ON")
        .connect()
        .await?;
    let result = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await;
    connection.close().await?;
    result.map(drop)
}

#[tokio::test]
async fn the_schema_itself_refuses_to_forget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let store = open(&path).await;
    store.commit(vec![Change::Audit(audit("a1", "p1")), Change::Audit(audit("a2", "p1"))]).await.unwrap();
    store.close().await;
    for (statement, rule) in [
        ("UPDATE audit SET actor = 'nobody'", "the audit trail is never changed"),
        ("DELETE FROM audit", "the audit trail is never removed"),
        ("REPLACE INTO audit SELECT * FROM audit WHERE no = 2", "an audit entry follows the last one"),
        (
            "INSERT INTO audit SELECT 9, 'a9', at_ms, actor, action, subject, detail, hash, hash FROM audit WHERE no = 2",
            "an audit entry follows the last one",
        ),
    ] {
        let told = raw(&path, statement).await.unwrap_err().to_string();
        assert!(told.contains(rule), "{statement}: {told}");
    }
}

#[tokio::test]
async fn a_forged_audit_entry_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let store = open(&path).await;
    let entries = (1..=5).map(|n| Change::Audit(audit(&format!("a{n}"), "p1"))).collect();
    store.commit(entries).await.unwrap();
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
    store.close().await;
    raw(&path, "DROP TRIGGER audit_is_never_changed; UPDATE audit SET actor = 'nobody' WHERE no = 3")
        .await
        .unwrap();
    let store = open(&path).await;
    assert_eq!(store.check().await.unwrap(), ["audit: the chain is broken at entry 3"]);
    store.close().await;
}

#[tokio::test]
async fn a_damaged_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let store = open(&path).await;
    store.commit((0..200).map(|n| Change::PutPair(pair(&format!("p{n}")))).collect()).await.unwrap();
    store.close().await;
    let mut bytes = fs::read(&path).unwrap();
    // far from the first page, which would be taken for a wrong key
    let middle = bytes.len() / 4096 / 2 * 4096 + 100;
    bytes[middle] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let store = open(&path).await;
    let found = store.check().await;
    assert!(matches!(&found, Ok(problems) if !problems.is_empty()) || found.is_err(), "{found:?}");
    store.close().await;
}

fn large(n: usize) -> SnapshotRow {
    let mut row = snapshot(record::Remote::Ehr, &format!("e{n:04}"));
    row.raw = "x".repeat(20_000);
    row
}

/// Every page of every large snapshot.
async fn read_all_large(store: &SqliteStore) -> store::Result<Vec<SnapshotRow>> {
    let keys: Vec<String> = (0..100).map(|n| large(n).id.key).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    store.snapshots_named(record::Remote::Ehr, record::RecordKind::Patient, &keys).await
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let options = OpenOptions { most_pages: Some(400), ..OpenOptions::default() };
    let store = SqliteStore::open_with(&path, &key(7), T0, &options).await.unwrap();
    let mut kept = 0;
    let full = loop {
        match store
            .commit(vec![Change::PutSnapshot(large(kept)), Change::Audit(audit(&format!("a{kept}"), "s"))])
            .await
        {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::DiskFull), "{full:?}");
    assert!(kept > 10, "{kept}");
    // what was acknowledged is there, nothing of the failed one is, small things still fit
    let rows =
        store.records_after(record::Remote::Ehr, record::RecordKind::Patient, "", 1_000).await.unwrap();
    assert_eq!(rows.len(), kept);
    assert_eq!(store.audit(None, 0, 1_000).await.unwrap().len(), kept);
    store.commit(vec![Change::PutValue { key: "k".into(), value: "v".into() }]).await.unwrap();
    // in one group with one that is too large, a small one is kept all the same
    let too_large = vec![Change::PutSnapshot(large(900))];
    let small = vec![Change::PutValue { key: "k2".into(), value: "v".into() }];
    let (large_result, small_result) = tokio::join!(store.commit(too_large), store.commit(small));
    assert!(matches!(large_result, Err(StoreError::DiskFull)), "{large_result:?}");
    small_result.unwrap();
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
    store.close().await;
    // room again
    let store = open(&path).await;
    store.commit(vec![Change::PutSnapshot(large(900))]).await.unwrap();
    assert_eq!(store.value("k2").await.unwrap(), Some("v".into()));
    store.close().await;
}

/// On a runtime with one thread all callers hand in before the writer's first turn, so the group is known.
#[tokio::test(flavor = "current_thread")]
async fn commits_at_the_same_time_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("vetsync.db")).await;
    let commits = (0..64).map(|n| store.commit(vec![Change::Audit(audit(&format!("a{n}"), "p1"))]));
    for result in futures_util::future::join_all(commits).await {
        result.unwrap();
    }
    let statistics = store.statistics();
    assert_eq!((statistics.commits, statistics.failures, statistics.syncs), (64, 0, 1));
    store.close().await;
}

#[tokio::test]
async fn after_closing_every_call_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("vetsync.db")).await;
    store.commit(vec![Change::PutPair(pair("p1"))]).await.unwrap();
    store.close().await;
    store.close().await;
    for said in [
        store.commit(vec![Change::PutPair(pair("p2"))]).await.unwrap_err().to_string(),
        store.pair("p1").await.unwrap_err().to_string(),
        store.claim_operations(T0, 1, &record::Remote::BOTH).await.unwrap_err().to_string(),
    ] {
        assert!(said.contains("the store is closed"), "{said}");
    }
}

/// Overwrites the middle of each page from the third on with garbage.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    for page in bytes.chunks_mut(4096).skip(2) {
        page[1_000..1_100].fill(0x5a);
    }
    // In place: the store has the file open.
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
}

/// Pages damaged while the store is open: reading and writing say that the file is damaged, not that the key is wrong; so
/// does the next start.
#[tokio::test]
async fn damage_under_an_open_store_is_called_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let options = OpenOptions { cache_kib: 16, ..OpenOptions::default() };
    let store = SqliteStore::open_with(&path, &key(7), T0, &options).await.unwrap();
    store.commit((0..100).map(|n| Change::PutSnapshot(large(n))).collect()).await.unwrap();
    store.close().await;
    let store = SqliteStore::open_with(&path, &key(7), T0, &options).await.unwrap();
    damage(&path);
    let read = read_all_large(&store).await;
    assert!(matches!(read, Err(StoreError::Corrupt)), "{read:?}");
    let written = store.commit(vec![Change::PutSnapshot(large(3)), Change::Audit(audit("a", "s"))]).await;
    assert!(matches!(written, Err(StoreError::Corrupt)), "{written:?}");
    let checked = store.check().await;
    assert!(
        matches!(&checked, Ok(problems) if !problems.is_empty())
            || matches!(checked, Err(StoreError::Corrupt)),
        "{checked:?}"
    );
    store.close().await;
    let again = match SqliteStore::open(&path, &key(7), T0).await {
        Err(error) => Err(error),
        Ok(store) => {
            let read = read_all_large(&store).await;
            store.close().await;
            read.map(drop)
        }
    };
    assert!(matches!(again, Err(StoreError::Corrupt)), "{again:?}");
}

const HOLDER: &str = "VETSYNC_TEST_HOLDS_DATABASE";

/// Another process with a lock on the file, as a backup program or a database browser may have it.
struct Holder(std::process::Child, std::io::BufReader<std::process::ChildStdout>);

impl Holder {
    fn start(path: &Path, statement: &str) -> Holder {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "another_program_with_a_lock_delays_and_breaks_nothing", "--nocapture"])
            .env(HOLDER, path)
            .env("VETSYNC_TEST_STATEMENT", statement)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("holding") {
            line.clear();
            assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0, "it holds the lock");
        }
        Holder(child, output)
    }

    /// Lets go of the lock.
    fn end(mut self) {
        drop(self.0.stdin.take());
        std::io::copy(&mut self.1, &mut std::io::sink()).unwrap();
        assert!(self.0.wait().unwrap().success());
    }

    async fn hold(path: &str) {
        use sqlx::{ConnectOptions, Connection};
        let statement = std::env::var("VETSYNC_TEST_STATEMENT").unwrap();
        let hex = "07".repeat(32);
        let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(path)
            .pragma("key", format!("\"x'{hex}'\""))
            .connect()
            .await
            .unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        println!("\nholding");
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn another_program_with_a_lock_delays_and_breaks_nothing() {
    if let Ok(path) = std::env::var(HOLDER) {
        return Holder::hold(&path).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    let options = OpenOptions { busy_timeout_ms: 200, ..OpenOptions::default() };
    let store = SqliteStore::open_with(&path, &key(7), T0, &options).await.unwrap();
    store.commit(vec![Change::PutPair(pair("p1"))]).await.unwrap();

    // Locked while at work: said so, reading goes on, and when it is free the same commit goes through.
    let holder = Holder::start(&path, "BEGIN IMMEDIATE");
    let refused = store.commit(vec![Change::PutPair(pair("p2"))]).await;
    assert!(matches!(refused, Err(StoreError::Locked)), "{refused:?}");
    let claimed = store.claim_operations(T0, 1, &record::Remote::BOTH).await;
    assert!(matches!(claimed, Err(StoreError::Locked)), "{claimed:?}");
    assert_eq!(store.pair("p1").await.unwrap(), Some(pair("p1")));
    holder.end();
    store.commit(vec![Change::PutPair(pair("p2"))]).await.unwrap();
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
    store.close().await;

    // Locked at start.
    let holder = Holder::start(&path, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    let refused = SqliteStore::open_with(&path, &key(7), T0, &options).await;
    assert!(matches!(refused, Err(StoreError::Locked)), "{refused:?}");
    holder.end();
    let store = SqliteStore::open_with(&path, &key(7), T0, &options).await.unwrap();
    assert_eq!(store.pair("p2").await.unwrap(), Some(pair("p2")));
    store.close().await;
}

/// Whoever corrects a setting tries again in the same process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_it_is_closed_it_can_be_opened_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetsync.db");
    for round in 0..40 {
        let store = SqliteStore::open(&path, &key(7), T0).await;
        let store = store.unwrap_or_else(|error| panic!("round {round}: {error}"));
        tokio::join!(store.close(), store.close());
    }
}
