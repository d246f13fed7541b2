//! Databases of every released version open and keep what they hold. A release adds a dump here and never changes one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests share stands outside of #[test]")]

use std::path::Path;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use store::{
    PairRow, Store,
    conformance::rows::{T0, audit, card, operation, pair, snapshot, snapshot_id},
    sqlite::{SecretKey, SqliteStore, migrate},
};

/// Version and the statements that make a database of that version with some rows.
const DUMPS: &[(i64, &str)] = &[(1, include_str!("released/v1.sql"))];

/// Makes an encrypted file from a dump, without this program's migrations.
async fn restore(path: &Path, dump: &str) {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .pragma("key", format!("\"x'{}'\"", "07".repeat(32)))
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(dump)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn every_released_version_opens_and_keeps_its_rows() {
    for (version, dump) in DUMPS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vetsync.db");
        restore(&path, dump).await;
        let store = SqliteStore::open(&path, &SecretKey::new(Box::new([7; 32])), T0).await.unwrap();
        let expected = PairRow { card: card("Žofie", "Ana Adams"), ..pair("p1") };
        assert_eq!(store.pair("p1").await.unwrap(), Some(expected.clone()), "version {version}");
        let (found, total) = store.search_patients("zof", None, 0, 9).await.unwrap();
        assert_eq!((found, total), (vec![expected], 1));
        let row = snapshot(record::Remote::Ehr, "ehr-p1");
        assert_eq!(store.snapshot(&snapshot_id(record::Remote::Ehr, "ehr-p1")).await.unwrap(), Some(row));
        let waiting = store.operation("o1").await.unwrap().unwrap();
        assert_eq!((waiting.seq, waiting.body), (1, operation("o1", "p1", "pl").body));
        assert_eq!(store.audit(None, 0, 9).await.unwrap(), [audit("a1", "p1")]);
        assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
        store.close().await;
    }
}

/// The schema of a released version is what its dump says: a migration is never edited afterwards.
#[test]
fn released_migrations_are_not_edited() {
    for (version, dump) in DUMPS {
        let migration = migrate::MIGRATIONS.iter().find(|migration| migration.version == *version).unwrap();
        assert!(dump.contains(migration.sql), "migration {version} was changed: add a new one instead");
    }
}
