//! `SQLite`, encrypted by `SQLCipher`.
//!
//! One process owns the file (a lock beside it says so). One connection writes and folds the log into the file: the
//! `SQLite` that `SQLCipher` carries here has a defect in WAL files with several writers or checkpointers
//! (<https://www.sqlite.org/wal.html#the_wal_reset_bug>), which this order of things keeps away. Readers are
//! read-only and see what was committed when their statement began.
//!
//! `LIMIT (?1 + 0)`, never `LIMIT ?1`: `SQLite` plans anew for each value of a bare parameter there, so that the statement
//! is prepared again whenever it is run.

mod apply;
mod batch;
mod bulk;
mod check;
mod clock;
mod errors;
mod gathered;
mod inbox;
mod lock;
pub mod migrate;
mod outbox;
mod pairs;
mod read;
mod reports;
mod rows;
mod schedule;
mod search;
mod writer;

use std::{path::Path, time::Duration};

use secrecy::{ExposeSecret, SecretBox};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use zeroize::Zeroizing;

pub use search::COUNTED_UP_TO;
pub use writer::WriterStatistics;

use batch::{Readers, Writing};
use errors::{typed, typed_opening};
use lock::OwnerLock;
use writer::Writer;

use crate::{Result, StoreError};

/// The key of the database: 32 random bytes, used as they are (no passphrase, so no derivation at start).
pub type SecretKey = SecretBox<[u8; 32]>;

/// The oldest `SQLite` this schema works with and was tested on.
const OLDEST_SQLITE: [u32; 3] = [3, 50, 4];

/// Statements kept prepared on each connection; those with many rows exist in several sizes.
const STATEMENTS_PREPARED: usize = 256;

/// Rows read ahead of whoever asked for them; no query of a page asks for many more.
const ROWS_BUFFERED: usize = 1_000;

/// How long a read waits for a connection.
const ACQUIRED_WITHIN: Duration = Duration::from_secs(30);

/// What can be set; the default is right for 100,000 patients a side.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Reading connections. Without any, what is read comes over the writing one, between two commits, and nothing is
    /// batched: slower for many callers, and the quickest for a single one, whose pages stay in one cache.
    pub readers: u32,
    /// Page cache of the writing connection, KiB; each reading one has two thirds of it.
    pub cache_kib: u32,
    /// Page cache of the connection that compares all pairs, KiB.
    pub walking_cache_kib: u32,
    /// How long a statement waits for a lock, milliseconds.
    pub busy_timeout_ms: u64,
    /// The log is folded into the file when it has this many pages of 4 KiB.
    pub checkpoint_pages: u32,
    /// The file may not have more pages of 4 KiB than this: a quota, and a full disk for tests.
    pub most_pages: Option<u32>,
    /// A statement that weakens `synchronous = FULL`: shows that the test of the power cut notices.
    #[cfg(feature = "conformance")]
    pub weaken: Option<&'static str>,
    /// Pages are encrypted, and carry no authentication code: for simulations, which live thousands of days on a file that
    /// nobody else can reach. A file is opened as it was made.
    #[cfg(feature = "conformance")]
    pub unauthenticated: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            readers: 2,
            cache_kib: 32 * 1024,
            walking_cache_kib: 12 * 1024,
            busy_timeout_ms: 5_000,
            checkpoint_pages: 4_000,
            most_pages: None,
            #[cfg(feature = "conformance")]
            weaken: None,
            #[cfg(feature = "conformance")]
            unauthenticated: false,
        }
    }
}

/// The store in one encrypted file.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Readers,
    writer: Writing,
}

impl SqliteStore {
    /// Opens the database, makes it if there is none, and brings its schema up to date. `now_ms` (Unix milliseconds)
    /// is written beside a migration.
    pub async fn open(path: &Path, key: &SecretKey, now_ms: i64) -> Result<Self> {
        Self::open_with(path, key, now_ms, &OpenOptions::default()).await
    }

    /// As [`SqliteStore::open`], with settings.
    pub async fn open_with(path: &Path, key: &SecretKey, now_ms: i64, options: &OpenOptions) -> Result<Self> {
        // In memory first: without SQLCipher nothing may touch the disk.
        let mut probe = connect(&plain_options().in_memory(true)).await?;
        assert_encrypting(&mut probe).await?;
        assert_recent(&mut probe).await?;
        probe.close().await.map_err(|error| typed(&error))?;

        let lock = OwnerLock::take(path)?;
        let base = file_options(path, key, options);
        let mut writing = connect(&base.clone().create_if_missing(true)).await?;
        assert_encrypting(&mut writing).await?;
        statements(&mut writing, "PRAGMA cipher_log_level = NONE").await?;
        // The first page is read here: a wrong key shows before anything is written.
        sqlx::raw_sql("SELECT count(*) FROM sqlite_master")
            .execute(&mut writing)
            .await
            .map_err(|error| typed_opening(&error))?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL")
            .fetch_one(&mut writing)
            .await
            .map_err(|error| typed(&error))?;
        if mode != "wal" {
            return Err(StoreError::Other(
                "this file system cannot hold the database's write-ahead log".to_owned(),
            ));
        }
        // FULL: an acknowledged commit survives a power cut. recursive_triggers: REPLACE, too, meets the triggers that
        // refuse removal.
        statements(
            &mut writing,
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON",
        )
        .await?;
        #[cfg(feature = "conformance")]
        if let Some(weaker) = options.weaken {
            statements(&mut writing, weaker).await?;
        }
        let numbers = format!(
            "PRAGMA cache_size = -{}; PRAGMA wal_autocheckpoint = {}; PRAGMA journal_size_limit = {}",
            options.cache_kib,
            options.checkpoint_pages,
            64 * 1024 * 1024,
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(numbers))
            .execute(&mut writing)
            .await
            .map_err(|error| typed(&error))?;
        if let Some(most) = options.most_pages {
            let quota = format!("PRAGMA max_page_count = {most}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(quota))
                .execute(&mut writing)
                .await
                .map_err(|error| typed(&error))?;
        }
        migrate::run(&mut writing, now_ms).await?;

        if options.readers == 0 {
            let writer = Writer::start(writing, lock);
            return Ok(Self { readers: Readers::Writer(writer.clone()), writer: Writing::Queue(writer) });
        }
        let reading = |cache_kib: u32| {
            base.clone()
                .read_only(true)
                .pragma("query_only", "ON")
                .pragma("cache_size", format!("-{cache_kib}"))
                .optimize_on_close(false, None)
        };
        let readers = SqlitePoolOptions::new()
            .max_connections(options.readers)
            .acquire_timeout(ACQUIRED_WITHIN)
            // A file does not hang up: asking each connection whether it is still there doubles the hand-overs of a reading.
            .test_before_acquire(false)
            .connect_with(reading(options.cache_kib / 3 * 2))
            .await
            .map_err(|error| typed(&error))?;
        let walking = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRED_WITHIN)
            .test_before_acquire(false)
            .connect_lazy_with(reading(options.walking_cache_kib));
        Ok(Self {
            readers: Readers::Pools { readers, walking },
            writer: Writing::Queue(Writer::start(writing, lock)),
        })
    }

    /// What the writer did since the store was opened.
    pub fn statistics(&self) -> WriterStatistics {
        match &self.writer {
            Writing::Queue(writer) => writer.statistics(),
            // What is in a held transaction counts when it is made durable.
            Writing::Batch(_) => WriterStatistics::default(),
        }
    }
}

fn plain_options() -> SqliteConnectOptions {
    // Statements are never logged: the first one holds the key.
    SqliteConnectOptions::new().disable_statement_logging()
}

fn file_options(path: &Path, key: &SecretKey, options: &OpenOptions) -> SqliteConnectOptions {
    let mut pragma = Zeroizing::new(String::with_capacity(2 * 32 + 5));
    pragma.push_str("\"x'");
    for byte in key.expose_secret() {
        for half in [byte >> 4, byte & 0xf] {
            pragma.extend(char::from_digit(u32::from(half), 16));
        }
    }
    pragma.push_str("'\"");
    let keyed = plain_options()
        // sqlx runs this one before every other, as SQLCipher demands.
        .pragma("key", pragma.to_string());
    #[cfg(feature = "conformance")]
    let keyed = if options.unauthenticated { keyed.pragma("cipher_use_hmac", "OFF") } else { keyed };
    keyed
        .filename(path)
        // Otherwise a wrong key writes to standard error.
        .pragma("cipher_log_level", "NONE")
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(options.busy_timeout_ms))
        // Rows that wait between a reading thread and its caller: with sqlx's 50 both keep waking each other.
        .row_buffer_size(ROWS_BUFFERED)
        .statement_cache_capacity(STATEMENTS_PREPARED)
        .thread_name(|number| format!("store-{number}"))
}

async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    options.connect().await.map_err(|error| typed_opening(&error))
}

async fn statements(connection: &mut SqliteConnection, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(|error| typed(&error))?;
    Ok(())
}

async fn assert_encrypting(connection: &mut SqliteConnection) -> Result<()> {
    let version: Option<String> = sqlx::query_scalar("PRAGMA cipher_version")
        .fetch_optional(connection)
        .await
        .map_err(|error| typed(&error))?;
    encrypting(version.as_deref())
}

/// Plain `SQLite` knows no `cipher_version`; it ignores the key and would write plaintext without a word.
fn encrypting(cipher_version: Option<&str>) -> Result<()> {
    match cipher_version {
        Some(version) if !version.trim().is_empty() => Ok(()),
        _ => Err(StoreError::NotEncrypted),
    }
}

async fn assert_recent(connection: &mut SqliteConnection) -> Result<()> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(connection)
        .await
        .map_err(|error| typed(&error))?;
    recent(&version)
}

fn recent(version: &str) -> Result<()> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    let found = [
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    ];
    if found >= OLDEST_SQLITE {
        Ok(())
    } else {
        let [major, minor, patch] = OLDEST_SQLITE;
        Err(StoreError::Other(format!(
            "this build carries SQLite {version}; it needs {major}.{minor}.{patch} or newer"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_sqlcipher_is_refused() {
        for missing in [None, Some(""), Some(" ")] {
            assert!(matches!(encrypting(missing), Err(StoreError::NotEncrypted)), "{missing:?}");
        }
        assert!(encrypting(Some("4.10.0 community")).is_ok());
    }

    /// Else a walk over all pairs leaves the searches without a cache, for as long as the program runs
    /// (`.cargo/config.toml`).
    #[tokio::test]
    async fn each_connection_has_a_page_cache_of_its_own() {
        let mut connection = connect(&plain_options().in_memory(true)).await.expect("a database in memory");
        let options: Vec<String> = sqlx::query_scalar("PRAGMA compile_options")
            .fetch_all(&mut connection)
            .await
            .expect("the options of the build");
        assert!(options.iter().any(|option| option == "THREADSAFE=1"), "{options:?}");
        assert!(!options.iter().any(|option| option == "ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
    }

    #[test]
    fn an_old_sqlite_is_refused() {
        for (version, fine) in
            [("3.50.4", true), ("3.51.0", true), ("4.0.0", true), ("3.50.3", false), ("3.9.9", false)]
        {
            assert_eq!(recent(version).is_ok(), fine, "{version}");
        }
    }
}
