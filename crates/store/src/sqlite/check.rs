//! Is the file sound?

use sqlx::{Row, SqliteConnection};

use super::{
    errors::typed,
    rows::{self, Columns, audit_columns},
};
use crate::{Result, chain};

/// Pages of the file whose authentication code does not fit them. It reads the file past its log, so the log is folded
/// into it first: a page that a power cut left half written is whole in the log.
pub(super) async fn pages(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    fetch(connection, "PRAGMA wal_checkpoint(TRUNCATE)").await?;
    let rows = fetch(connection, "PRAGMA cipher_integrity_check").await?;
    rows.iter().map(|row| Ok(format!("encryption: {}", text(row)?))).collect()
}

/// Problems of what is stored, in words; none when everything is sound.
pub(super) async fn problems(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for row in fetch(connection, "PRAGMA integrity_check").await? {
        let said = text(&row)?;
        if said != "ok" {
            problems.push(format!("integrity: {said}"));
        }
    }
    for row in fetch(connection, "PRAGMA foreign_key_check").await? {
        problems.push(format!("foreign keys: a row of {} points nowhere", text(&row)?));
    }
    let unsearched: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pairs p WHERE p.kind = 'patient' AND NOT EXISTS \
         (SELECT 1 FROM patient_words w WHERE w.pair = p.no AND w.name_sort = p.name_sort AND w.status = p.status)",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| typed(&error))?;
    if unsearched > 0 {
        problems.push(format!("search: {unsearched} patients cannot be found by search"));
    }
    let stale: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pairs p \
         LEFT JOIN snapshots s ON s.remote = 'service_now' AND s.kind = p.kind AND s.key = p.servicenow_key \
         LEFT JOIN snapshots e ON e.remote = 'ehr' AND e.kind = p.kind AND e.key = p.ehr_key \
         WHERE p.servicenow_digest IS NOT s.digest OR p.ehr_digest IS NOT e.digest",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| typed(&error))?;
    if stale > 0 {
        problems.push(format!("digests: {stale} pairs hold another digest than their snapshots"));
    }
    problems.extend(chain_problem(connection).await?);
    Ok(problems)
}

/// Entries read at a time.
const PAGE: i64 = 1_000;

/// The first entry of the audit trail that does not follow from the one before it.
async fn chain_problem(connection: &mut SqliteConnection) -> Result<Option<String>> {
    let (mut number, mut previous) = (0_i64, chain::GENESIS.to_vec());
    loop {
        let page = sqlx::query(concat!(
            "SELECT no, previous, hash, ",
            audit_columns!(),
            " FROM audit WHERE no > ?1 ORDER BY no LIMIT (?2 + 0)"
        ))
        .bind(number)
        .bind(PAGE)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| typed(&error))?;
        if page.is_empty() {
            return Ok(None);
        }
        for row in &page {
            let mut columns = Columns::of(row);
            let found: i64 = columns.next()?;
            let follows: Vec<u8> = columns.next()?;
            let hash: Vec<u8> = columns.next()?;
            let entry = rows::audit(&mut columns)?;
            number += 1;
            if found != number || follows != previous || hash != chain::link(&previous, number, &entry) {
                return Ok(Some(format!("audit: the chain is broken at entry {number}")));
            }
            previous = hash;
        }
    }
}

async fn fetch(connection: &mut SqliteConnection, sql: &'static str) -> Result<Vec<sqlx::sqlite::SqliteRow>> {
    sqlx::query(sql).fetch_all(connection).await.map_err(|error| typed(&error))
}

fn text(row: &sqlx::sqlite::SqliteRow) -> Result<String> {
    row.try_get_unchecked(0).map_err(|error| typed(&error))
}
