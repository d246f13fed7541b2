//! The last thing a program does: wait until no connection to the database is closing any more.
//!
//! SQLCipher tidies up in a handler that runs when the process ends. A connection whose thread is still closing then
//! touches what is gone, and the program ends with a segmentation fault instead of its exit code. Whoever leaves a seat
//! closes the database, but there are ways out that leave none: a refused command, a wrong key, a failed migration. All of
//! them end in the same place, and wait here.

use std::time::Duration;

/// How long an end may take; a database on a dying disk must not keep the program.
const AT_MOST: Duration = Duration::from_secs(5);

/// How the store names the threads of its connections, and sqlx those of one in memory.
#[cfg(target_os = "linux")]
const CONNECTIONS: [&str; 2] = ["store-", "sqlx-sqlite"];

/// Waits until every connection of this process is closed, however the way here was left. Nothing may be asked of a store
/// any more: what still runs is expected to end by itself.
pub async fn stores_closed() {
    if tokio::time::timeout(AT_MOST, until_none_is_left()).await.is_err() {
        tracing::warn!("a connection to the database did not close in time");
    }
}

#[cfg(target_os = "linux")]
async fn until_none_is_left() {
    let mut beat = tokio::time::interval(Duration::from_millis(5));
    while connections() > 0 {
        beat.tick().await;
    }
}

/// Elsewhere threads cannot be looked at without another library: they get the time that closing takes.
#[cfg(not(target_os = "linux"))]
async fn until_none_is_left() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Threads of connections that there are.
#[cfg(target_os = "linux")]
fn connections() -> usize {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0 };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
        .filter(|name| CONNECTIONS.iter().any(|prefix| name.starts_with(prefix)))
        .count()
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use store::StoreError;
    use store::sqlite::{SecretKey, SqliteStore};

    fn key(byte: u8) -> SecretKey {
        SecretKey::new(Box::new([byte; 32]))
    }

    /// Dropped instead of closed, or never opened for good: nothing is left of it when the program may end. One test, since
    /// the threads of a process are counted together.
    #[tokio::test(flavor = "multi_thread")]
    async fn no_connection_is_left_whichever_way_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vetsync.db");
        let store = SqliteStore::open(&path, &key(7), 1).await.unwrap();
        assert!(connections() > 0, "an open store has connections, and they are recognised");
        drop(store);
        stores_closed().await;
        assert_eq!(connections(), 0, "dropped");
        let refused = SqliteStore::open(&path, &key(8), 1).await;
        assert!(matches!(refused, Err(StoreError::WrongKey)), "{refused:?}");
        stores_closed().await;
        assert_eq!(connections(), 0, "a wrong key");
    }
}
