//! What reports ask, and the one thing that is kept of them.

use sqlx::SqliteConnection;

use super::{
    apply::execute,
    batch::Readers,
    errors::typed,
    rows::{self, Columns, run_columns},
};
use crate::{AnswerCount, QuestionCounts, Result, RunRow, WriteCount};

/// Keeps what a report says of a run; one that is kept already stays as it is.
pub(super) async fn freeze(
    connection: &mut SqliteConnection,
    run: &str,
    facts: &str,
    at_ms: i64,
) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO run_reports (run, made_at_ms, facts) VALUES (?1, ?2, ?3) ON CONFLICT (run) DO NOTHING",
    )
    .bind(run)
    .bind(at_ms)
    .bind(facts);
    execute(connection, query).await?;
    Ok(())
}

pub(super) async fn facts(readers: &Readers, run: &str) -> Result<Option<String>> {
    let mut reader = readers.get().await?;
    sqlx::query_scalar("SELECT facts FROM run_reports WHERE run = ?1")
        .bind(run)
        .fetch_optional(reader.connection()?)
        .await
        .map_err(|error| typed(&error))
}

pub(super) async fn run_before(readers: &Readers, row: &RunRow) -> Result<Option<RunRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs WHERE (started_at_ms, id) < (?3, ?4) AND started_by = ?1 AND scope = ?2 AND state = 'done' \
         ORDER BY started_at_ms DESC, id DESC LIMIT 1"
    ))
    .bind(row.trigger.as_str())
    .bind(row.scope.as_str())
    .bind(row.started_at_ms)
    .bind(row.id.as_str());
    let mut reader = readers.get().await?;
    let found = query.fetch_optional(reader.connection()?).await.map_err(|error| typed(&error))?;
    found.map(|row| rows::run(&mut Columns::of(&row))).transpose()
}

pub(super) async fn runs_between(readers: &Readers, from_ms: i64, until_ms: i64) -> Result<Vec<RunRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        run_columns!(),
        " FROM runs WHERE started_at_ms >= ?1 AND started_at_ms < ?2 ORDER BY started_at_ms, id"
    ))
    .bind(from_ms)
    .bind(until_ms);
    let mut reader = readers.get().await?;
    let found = query.fetch_all(reader.connection()?).await.map_err(|error| typed(&error))?;
    found.iter().map(|row| rows::run(&mut Columns::of(row))).collect()
}

pub(super) async fn answers_between(
    readers: &Readers,
    from_ms: i64,
    until_ms: i64,
) -> Result<Vec<AnswerCount>> {
    let query = sqlx::query(
        "SELECT approver, CASE state WHEN 'refused' THEN 'refused' ELSE 'approved' END, count(*) \
         FROM plans WHERE approver IS NOT NULL AND closed_at_ms >= ?1 AND closed_at_ms < ?2 GROUP BY 1, 2 \
         UNION ALL \
         SELECT answered_by, answer, count(*) FROM duplicates \
         WHERE answer IS NOT NULL AND answered_by IS NOT NULL AND at_ms >= ?1 AND at_ms < ?2 GROUP BY 1, 2 \
         ORDER BY 1, 2",
    )
    .bind(from_ms)
    .bind(until_ms);
    let mut reader = readers.get().await?;
    let found = query.fetch_all(reader.connection()?).await.map_err(|error| typed(&error))?;
    let read = |row| {
        let mut columns = Columns::of(row);
        Ok(AnswerCount { person: columns.next()?, answer: columns.word()?, count: columns.small()? })
    };
    found.iter().map(read).collect()
}

pub(super) async fn writes_between(
    readers: &Readers,
    from_ms: i64,
    until_ms: i64,
) -> Result<Vec<WriteCount>> {
    let query = sqlx::query(
        "SELECT o.remote, o.kind, o.action, p.approver IS NOT NULL, count(*) \
         FROM receipts r CROSS JOIN operations o ON o.id = r.operation CROSS JOIN plans p ON p.id = r.plan \
         WHERE r.at_ms >= ?1 AND r.at_ms < ?2 GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 2 DESC, 3, 4",
    )
    .bind(from_ms)
    .bind(until_ms);
    let mut reader = readers.get().await?;
    let found = query.fetch_all(reader.connection()?).await.map_err(|error| typed(&error))?;
    let read = |row| {
        let mut columns = Columns::of(row);
        Ok(WriteCount {
            remote: columns.word()?,
            kind: columns.word()?,
            action: columns.word()?,
            by_person: columns.next()?,
            count: columns.small()?,
        })
    };
    found.iter().map(read).collect()
}

pub(super) async fn questions_between(
    readers: &Readers,
    from_ms: i64,
    until_ms: i64,
) -> Result<QuestionCounts> {
    let query = sqlx::query(
        "SELECT (SELECT count(*) FROM conflicts WHERE opened_at_ms >= ?1 AND opened_at_ms < ?2), \
         count(*), coalesce(sum(closed_by = 'decided'), 0) \
         FROM conflicts WHERE closed_at_ms >= ?1 AND closed_at_ms < ?2",
    )
    .bind(from_ms)
    .bind(until_ms);
    let mut reader = readers.get().await?;
    let row = query.fetch_one(reader.connection()?).await.map_err(|error| typed(&error))?;
    let mut columns = Columns::of(&row);
    Ok(QuestionCounts { opened: columns.small()?, closed: columns.small()?, decided: columns.small()? })
}
