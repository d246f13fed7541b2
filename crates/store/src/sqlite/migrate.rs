//! Versioned migrations, each in one transaction with its version number last.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::errors::typed;
use crate::{Result, StoreError};

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The version the schema has afterwards, counted from 1 without gaps.
    pub version: i64,
    /// What it brings.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// Every migration there is, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "patients", sql: include_str!("../../migrations/0001_patients.sql") },
    Migration { version: 2, name: "outbox", sql: include_str!("../../migrations/0002_outbox.sql") },
    Migration { version: 3, name: "inbox", sql: include_str!("../../migrations/0003_inbox.sql") },
    Migration { version: 4, name: "records", sql: include_str!("../../migrations/0004_records.sql") },
    Migration {
        version: 5,
        name: "waiting plans",
        sql: include_str!("../../migrations/0005_waiting_plans.sql"),
    },
    Migration { version: 6, name: "search", sql: include_str!("../../migrations/0006_search.sql") },
    Migration { version: 7, name: "schedule", sql: include_str!("../../migrations/0007_schedule.sql") },
    Migration {
        version: 8,
        name: "visits_by_time",
        sql: include_str!("../../migrations/0008_visits_by_time.sql"),
    },
    Migration {
        version: 9,
        name: "broken_rules",
        sql: include_str!("../../migrations/0009_broken_rules.sql"),
    },
    Migration { version: 10, name: "duplicates", sql: include_str!("../../migrations/0010_duplicates.sql") },
    Migration { version: 11, name: "reports", sql: include_str!("../../migrations/0011_reports.sql") },
];

/// The newest version this program knows.
pub fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// Marks the file as ours in its header (`PRAGMA application_id`): "VSYN".
const APPLICATION_ID: i64 = 0x5653_594E;

/// Brings the schema up to the newest version. A file written by a newer program, or by another one, is left alone.
pub(super) async fn run(connection: &mut SqliteConnection, now_ms: i64) -> Result<()> {
    run_these(connection, MIGRATIONS, now_ms).await
}

async fn run_these(connection: &mut SqliteConnection, migrations: &[Migration], now_ms: i64) -> Result<()> {
    let known = migrations.last().map_or(0, |migration| migration.version);
    let found = number(connection, "PRAGMA user_version").await?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    let application = number(connection, "PRAGMA application_id").await?;
    let tables = number(connection, "SELECT count(*) FROM sqlite_master").await?;
    if application != APPLICATION_ID && tables > 0 {
        return Err(StoreError::WrongKey);
    }
    let newer = migrations.iter().filter(|migration| migration.version > found).collect::<Vec<_>>();
    if newer.is_empty() {
        return Ok(());
    }
    // A table that others point to is built anew without their foreign keys; each migration is checked before its end.
    // Within a transaction they cannot be switched off.
    run_statements(connection, "PRAGMA foreign_keys = OFF").await?;
    let applied = run_all(connection, &newer, now_ms).await;
    run_statements(connection, "PRAGMA foreign_keys = ON").await?;
    applied
}

async fn run_all(connection: &mut SqliteConnection, migrations: &[&Migration], now_ms: i64) -> Result<()> {
    for migration in migrations {
        run_statements(connection, "BEGIN IMMEDIATE").await?;
        let applied = apply(connection, migration, now_ms).await;
        if let Err(error) = applied {
            // The statement may already have ended the transaction; there is nothing else to undo then.
            let _ = run_statements(connection, "ROLLBACK").await;
            return Err(error);
        }
    }
    Ok(())
}

async fn apply(connection: &mut SqliteConnection, migration: &Migration, now_ms: i64) -> Result<()> {
    run_statements(connection, migration.sql).await?;
    let broken = sqlx::query("PRAGMA foreign_key_check")
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| typed(&error))?;
    if broken.is_some() {
        return Err(StoreError::Corrupt);
    }
    sqlx::query("INSERT INTO schema_history (version, name, applied_at_ms) VALUES (?1, ?2, ?3)")
        .bind(migration.version)
        .bind(migration.name)
        .bind(now_ms)
        .execute(&mut *connection)
        .await
        .map_err(|error| typed(&error))?;
    let marks =
        format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", migration.version);
    sqlx::raw_sql(AssertSqlSafe(marks)).execute(&mut *connection).await.map_err(|error| typed(&error))?;
    run_statements(connection, "COMMIT").await
}

async fn run_statements(connection: &mut SqliteConnection, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map_err(|error| typed(&error))?;
    Ok(())
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64> {
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|error| typed(&error))
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

    use super::*;

    async fn memory() -> SqliteConnection {
        SqliteConnectOptions::new().in_memory(true).connect().await.unwrap()
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_no_trace() {
        let mut connection = memory().await;
        run(&mut connection, 1).await.unwrap();
        let mut migrations = MIGRATIONS.to_vec();
        let next = newest() + 1;
        migrations.push(Migration {
            version: next,
            name: "broken",
            sql: "CREATE TABLE half_done (a INTEGER); INSERT INTO no_such_table VALUES (1);",
        });
        assert!(run_these(&mut connection, &migrations, 2).await.is_err());
        assert_eq!(number(&mut connection, "PRAGMA user_version").await.unwrap(), next - 1);
        let half = number(&mut connection, "SELECT count(*) FROM sqlite_master WHERE name = 'half_done'")
            .await
            .unwrap();
        assert_eq!(half, 0);
        // and the connection goes on
        run(&mut connection, 3).await.unwrap();
    }

    #[tokio::test]
    async fn a_migration_that_breaks_a_foreign_key_leaves_no_trace() {
        let mut connection = memory().await;
        run(&mut connection, 1).await.unwrap();
        let mut migrations = MIGRATIONS.to_vec();
        let next = newest() + 1;
        migrations.push(Migration {
            version: next,
            name: "dangling",
            sql: "INSERT INTO plans (id, pair, conflict, hash, body, state, grade, maker, made_at_ms) \
                  VALUES ('pl', 'p', 'no such conflict', '', '', 'draft', 1, 'ana', 1);",
        });
        let refused = run_these(&mut connection, &migrations, 2).await;
        assert!(matches!(refused, Err(StoreError::Corrupt)), "{refused:?}");
        assert_eq!(number(&mut connection, "SELECT count(*) FROM plans").await.unwrap(), 0);
        assert_eq!(number(&mut connection, "PRAGMA user_version").await.unwrap(), next - 1);
        assert_eq!(number(&mut connection, "PRAGMA foreign_keys").await.unwrap(), 1, "on again");
    }

    #[tokio::test]
    async fn a_newer_file_is_left_alone() {
        let mut connection = memory().await;
        run(&mut connection, 1).await.unwrap();
        run_statements(&mut connection, "PRAGMA user_version = 99").await.unwrap();
        let refused = run(&mut connection, 2).await;
        assert!(
            matches!(refused, Err(StoreError::TooNew { found: 99, known }) if known == newest()),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn the_database_of_another_program_is_not_touched() {
        let mut connection = memory().await;
        run_statements(&mut connection, "CREATE TABLE theirs (a INTEGER)").await.unwrap();
        assert!(matches!(run(&mut connection, 1).await, Err(StoreError::WrongKey)));
        let tables = number(&mut connection, "SELECT count(*) FROM sqlite_master").await.unwrap();
        assert_eq!(tables, 1);
    }

    #[test]
    fn versions_count_up_without_gaps() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=newest()).collect::<Vec<_>>());
    }
}
