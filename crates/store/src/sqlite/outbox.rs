//! The outbox: operations, their receipts, and the plans they carry out. What a step finishes is finished by one
//! statement a table, however many operations it is about.

use std::sync::LazyLock;

use record::Remote;
use sqlx::SqliteConnection;

use super::{
    apply::{execute, moved_unless_one},
    bulk::Bulk,
    errors::typed,
    rows::{self, Columns, operation_columns},
};
use crate::{Change, OperationRow, OperationState, PlanRow, ReceiptRow, Result, StoreError, words::Word};

// --- plans

pub(super) async fn put_plan(connection: &mut SqliteConnection, row: &PlanRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO plans (id, pair, conflict, hash, body, state, grade, maker, reason, approver, made_at_ms, \
         closed_at_ms, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET pair = excluded.pair, conflict = excluded.conflict, hash = excluded.hash, \
         body = excluded.body, state = excluded.state, grade = excluded.grade, maker = excluded.maker, \
         reason = excluded.reason, approver = excluded.approver, made_at_ms = excluded.made_at_ms, \
         closed_at_ms = excluded.closed_at_ms, undoes = excluded.undoes",
    )
    .bind(row.id.as_str())
    .bind(row.pair.as_str())
    .bind(row.conflict.as_deref())
    .bind(row.hash.as_str())
    .bind(row.body.as_str())
    .bind(row.state.word())
    .bind(i64::from(row.grade))
    .bind(row.maker.as_str())
    .bind(row.reason.as_deref())
    .bind(row.approver.as_deref())
    .bind(row.made_at_ms)
    .bind(row.closed_at_ms)
    .bind(row.undoes.as_deref());
    execute(connection, query).await?;
    Ok(())
}

/// The plan that is moved, where it moves as the first one does and the approver stays who it was.
pub(super) fn moved_alike<'a>(first: &Change, change: &'a Change) -> Option<&'a str> {
    let Change::MovePlan { from, to, at_ms, approver: None, .. } = first else { return None };
    match change {
        Change::MovePlan { id, from: other_from, to: other_to, approver: None, at_ms: other_at_ms }
            if (from, to, at_ms) == (other_from, other_to, other_at_ms) =>
        {
            Some(id)
        }
        _ => None,
    }
}

/// The plans of one change, or of several that are [alike](moved_alike).
pub(super) async fn move_plans(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let Some(Change::MovePlan { id: first, from, to, approver, at_ms }) = changes.first() else {
        return Ok(());
    };
    let ids: Vec<&str> = changes
        .iter()
        .filter_map(|change| if let Change::MovePlan { id, .. } = change { Some(id.as_str()) } else { None })
        .collect();
    let query = sqlx::query(
        "UPDATE plans SET state = ?3, approver = coalesce(?4, approver), \
         closed_at_ms = CASE WHEN ?3 IN ('awaiting_check', 'approved', 'refused', 'superseded') THEN coalesce(closed_at_ms, ?5) \
         ELSE closed_at_ms END WHERE id IN (SELECT value FROM json_each(?1)) AND state = ?2",
    )
    .bind(ids.iter().copied().collect::<serde_json::Value>().to_string())
    .bind(from.word())
    .bind(to.word())
    .bind(approver.as_deref())
    .bind(at_ms);
    let touched = execute(connection, query).await?;
    moved_unless_all(touched, ids.len(), "plan", first)
}

/// A condition that one row of several does not meet is met by none.
fn moved_unless_all(touched: u64, asked: usize, what: &str, first: &str) -> Result<()> {
    if touched == asked as u64 {
        return Ok(());
    }
    Err(StoreError::Moved {
        what: if asked == 1 {
            format!("the {what} {first}")
        } else {
            format!("one of {asked} {what}s, of which {first} is the first")
        },
    })
}

// --- operations

pub(super) async fn enqueue(connection: &mut SqliteConnection, row: &OperationRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO operations (id, lane, seq, plan, remote, kind, action, key, expected_version, idempotency_key, \
         body, intent, state, attempts, due_at_ms, enqueued_at_ms, finished_at_ms, errors, replaces) \
         VALUES (?1, ?2, (SELECT coalesce(max(seq), 0) + 1 FROM operations WHERE lane = ?2), ?3, ?4, ?5, ?6, ?7, ?8, \
         ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )
    .bind(row.id.as_str())
    .bind(row.lane.as_str())
    .bind(row.plan.as_str())
    .bind(row.remote.word())
    .bind(row.kind.word())
    .bind(row.action.word())
    .bind(row.key.as_deref())
    .bind(row.expected_version.as_deref())
    .bind(row.idempotency_key.as_str())
    .bind(row.body.as_str())
    .bind(row.intent.as_str())
    .bind(row.state.word())
    .bind(i64::from(row.attempts))
    .bind(row.due_at_ms)
    .bind(row.enqueued_at_ms)
    .bind(row.finished_at_ms)
    .bind(row.errors.as_str())
    .bind(row.replaces.as_deref());
    execute(connection, query).await?;
    Ok(())
}

pub(super) async fn release_operation(connection: &mut SqliteConnection, id: &str, at_ms: i64) -> Result<()> {
    // The time has to move, or the schema takes it for no release at all.
    let query = sqlx::query(
        "UPDATE operations SET state = CASE state WHEN 'parked' THEN 'waiting' ELSE state END, due_at_ms = ?2, \
         attempts = 0, released_at_ms = max(?2, coalesce(released_at_ms + 1, ?2)) \
         WHERE id = ?1 AND state IN ('waiting', 'retrying', 'parked')",
    )
    .bind(id)
    .bind(at_ms);
    moved_unless_one(execute(connection, query).await?, || format!("the operation {id}"))
}

pub(super) async fn cancel_operation(connection: &mut SqliteConnection, id: &str, at_ms: i64) -> Result<()> {
    let query = sqlx::query(
        "UPDATE operations SET state = 'cancelled', finished_at_ms = ?2 \
         WHERE id = ?1 AND state IN ('waiting', 'running', 'retrying', 'parked')",
    )
    .bind(id)
    .bind(at_ms);
    moved_unless_one(execute(connection, query).await?, || format!("the operation {id}"))
}

/// The operation that is finished.
pub(super) fn finished_operation(change: &Change) -> Option<&str> {
    match change {
        Change::FinishOperation { id, .. } => Some(id),
        _ => None,
    }
}

static FINISH: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "WITH given (id, claim, state, due_at_ms, errors, key, finished_at_ms, cause, given_back) AS (VALUES",
        9,
        ") UPDATE operations SET state = given.state, due_at_ms = given.due_at_ms, errors = given.errors, \
         key = coalesce(given.key, operations.key), finished_at_ms = given.finished_at_ms, cause = given.cause, \
         attempts = max(operations.attempts - given.given_back, 0) FROM given \
         WHERE operations.id = given.id AND operations.state = 'running' AND operations.claims = given.claim",
    )
});

/// Finishes operations that are all different.
pub(super) async fn finish_operations(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let touched = FINISH
        .run(connection, changes, |query, change| {
            let Change::FinishOperation {
                id,
                claim,
                state,
                due_at_ms,
                errors,
                key,
                cause,
                costs_a_try,
                at_ms,
            } = change
            else {
                return query;
            };
            let finished = matches!(state, OperationState::Done | OperationState::Cancelled);
            query
                .bind(id.as_str())
                .bind(i64::from(*claim))
                .bind(state.word())
                .bind(*due_at_ms)
                .bind(errors.as_str())
                .bind(key.as_deref())
                .bind(finished.then_some(*at_ms))
                .bind(cause.as_deref())
                .bind(i64::from(!costs_a_try))
        })
        .await?;
    let first = changes.first().and_then(finished_operation).unwrap_or_default();
    moved_unless_all(touched, changes.len(), "operation", first)
}

static PUT_RECEIPTS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO receipts (operation, pair, plan, remote, request, response, read_back, version_before, \
         version_after, at_ms, undone_by) VALUES",
        11,
        "",
    )
});

pub(super) async fn put_receipts(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let rows: Vec<&ReceiptRow> = changes
        .iter()
        .filter_map(|change| if let Change::PutReceipt(row) = change { Some(row) } else { None })
        .collect();
    PUT_RECEIPTS
        .run(connection, &rows, |query, row| {
            query
                .bind(row.operation.as_str())
                .bind(row.pair.as_str())
                .bind(row.plan.as_str())
                .bind(row.remote.word())
                .bind(row.request.as_str())
                .bind(row.response.as_str())
                .bind(row.read_back.as_str())
                .bind(row.version_before.as_deref())
                .bind(row.version_after.as_deref())
                .bind(row.at_ms)
                .bind(row.undone_by.as_deref())
        })
        .await?;
    Ok(())
}

/// A remote's word where it is among those asked for; nothing matches without.
fn asked(remotes: &[Remote], remote: Remote) -> Option<&'static str> {
    remotes.contains(&remote).then(|| remote.word())
}

/// The head of a lane is its first unfinished operation. One that runs or is parked is the head itself, so nothing
/// behind it is claimed.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    now_ms: i64,
    limit: u32,
    remotes: &[Remote],
) -> Result<Vec<OperationRow>> {
    // Each remote has its own index, so that what waits for one that may not be asked costs nothing.
    macro_rules! due {
        ($remote:literal) => {
            concat!(
                "SELECT * FROM (SELECT h.due_at_ms, h.no FROM operations h WHERE h.remote = ",
                $remote,
                " AND h.state IN ('waiting', 'retrying') AND h.due_at_ms <= ?1 \
                 AND NOT EXISTS (SELECT 1 FROM operations e WHERE e.lane = h.lane AND e.seq < h.seq \
                 AND e.state IN ('waiting', 'running', 'retrying', 'parked')) \
                 ORDER BY h.due_at_ms, h.no LIMIT (?2 + 0))"
            )
        };
    }
    let rows = sqlx::query(concat!(
        "UPDATE operations SET state = 'running', attempts = attempts + 1, claims = claims + 1 WHERE no IN (\
         SELECT no FROM (",
        due!("?3"),
        " UNION ALL ",
        due!("?4"),
        ") ORDER BY due_at_ms, no LIMIT (?2 + 0)) RETURNING ",
        operation_columns!(),
        ", no"
    ))
    .bind(now_ms)
    .bind(i64::from(limit))
    .bind(asked(remotes, Remote::ServiceNow))
    .bind(asked(remotes, Remote::Ehr))
    .fetch_all(connection)
    .await
    .map_err(|error| typed(&error))?;
    let mut claimed: Vec<(i64, OperationRow)> = rows
        .iter()
        .map(|row| {
            let mut columns = Columns::of(row);
            let operation = rows::operation(&mut columns)?;
            Ok((columns.next()?, operation))
        })
        .collect::<Result<_>>()?;
    // RETURNING has no order of its own: due first, and of those as they were enqueued.
    claimed.sort_by_key(|(number, operation)| (operation.due_at_ms, *number));
    Ok(claimed.into_iter().map(|(_, operation)| operation).collect())
}
