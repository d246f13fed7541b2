//! Records that may be the same animal, what was said of them, and what belongs to a patient.

use record::{RecordKind, Remote};

use super::{all, by_id, list, perhaps};
use crate::sqlite::{
    apply::in_order,
    batch::Readers,
    rows::{self, duplicate_columns},
};
use crate::{Dependants, DuplicateRow, Result, SnapshotId, words::Word};

pub(super) async fn possible(readers: &Readers, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        duplicate_columns!(),
        " FROM duplicates WHERE answer IS NULL \
         ORDER BY at_ms, a_remote, a_kind, a_key, b_remote, b_kind, b_key LIMIT (?1 + 0) OFFSET ?2"
    ))
    .bind(i64::from(limit))
    .bind(i64::from(offset));
    all(readers, query, rows::duplicate).await
}

pub(super) async fn answered(readers: &Readers, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        duplicate_columns!(),
        " FROM duplicates WHERE answer IS NOT NULL \
         ORDER BY at_ms DESC, a_remote, a_kind, a_key, b_remote, b_kind, b_key LIMIT (?1 + 0) OFFSET ?2"
    ))
    .bind(i64::from(limit))
    .bind(i64::from(offset));
    all(readers, query, rows::duplicate).await
}

pub(super) async fn of_record(readers: &Readers, id: &SnapshotId) -> Result<Vec<DuplicateRow>> {
    // Two ways to a row, each with an index of its own; a record is never a duplicate of itself.
    let query = sqlx::query(concat!(
        "SELECT ",
        duplicate_columns!(),
        " FROM duplicates WHERE a_remote = ?1 AND a_kind = ?2 AND a_key = ?3 UNION ALL SELECT ",
        duplicate_columns!(),
        " FROM duplicates WHERE b_remote = ?1 AND b_kind = ?2 AND b_key = ?3 \
         ORDER BY 11, 1, 2, 3, 4, 5, 6"
    ));
    all(readers, by_id(query, id), rows::duplicate).await
}

pub(super) async fn between(
    readers: &Readers,
    a: &SnapshotId,
    b: &SnapshotId,
) -> Result<Option<DuplicateRow>> {
    let (a, b) = in_order(a, b);
    let query = sqlx::query(concat!(
        "SELECT ",
        duplicate_columns!(),
        " FROM duplicates WHERE a_remote = ? AND a_kind = ? AND a_key = ? AND b_remote = ? AND b_kind = ? \
         AND b_key = ?"
    ));
    perhaps(readers, by_id(by_id(query, a), b), rows::duplicate).await
}

/// A visit names its patient within its record: as a part behind its length, or as a text of the first, JSON form.
pub(super) async fn dependants(readers: &Readers, patients: &[(Remote, &str)]) -> Result<Vec<Dependants>> {
    let mut found = Vec::new();
    for remote in Remote::BOTH {
        let keys: Vec<&str> = patients.iter().filter(|(of, _)| *of == remote).map(|(_, key)| *key).collect();
        if keys.is_empty() {
            continue;
        }
        let query = sqlx::query(
            "SELECT named.value, s.kind, count(*) FROM snapshots s \
             CROSS JOIN records r ON r.remote = s.remote AND r.snapshot = s.no \
             CROSS JOIN json_each(?2) named \
             WHERE s.remote = ?1 AND s.kind IN ('appointment', 'treatment') AND s.presence <> 'gone' \
             AND (instr(r.record, length(CAST(named.value AS BLOB)) || ':' || named.value) > 0 \
                  OR (substr(r.record, 1, 1) = '{' AND instr(r.record, char(34) || named.value || char(34)) > 0)) \
             GROUP BY named.value, s.kind ORDER BY named.value, s.kind",
        )
        .bind(remote.word())
        .bind(list(&keys));
        let counted: Vec<(String, RecordKind, i64)> =
            all(readers, query, |columns| Ok((columns.next()?, columns.word()?, columns.next()?))).await?;
        found.extend(counted.into_iter().map(|(patient, kind, count)| Dependants {
            remote,
            patient,
            kind,
            count: u64::try_from(count).unwrap_or_default(),
        }));
    }
    Ok(found)
}
