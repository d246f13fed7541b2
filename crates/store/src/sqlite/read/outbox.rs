//! The outbox, and what came of it: operations, receipts, incidents.

use record::Remote;

use super::{all, list, listed, number, only, perhaps};
use crate::sqlite::{
    batch::Readers,
    bulk::Bound,
    rows::{self, incident_columns, operation_columns, receipt_columns},
};
use crate::{
    IncidentRow, LaneWork, OperationCause, OperationFilter, OperationRow, OperationState, QueueFilter,
    ReceiptRow, Result, words::Word,
};

/// The condition of a [`QueueFilter`], arguments 1 to 4.
macro_rules! queued {
    () => {
        "state IN (SELECT value FROM json_each('[\"' || replace(trim(?1, ','), \
         ',', '\",\"') || '\"]')) AND (?2 IS NULL OR remote = ?2) AND (?3 IS NULL OR cause = ?3) \
         AND (?4 IS NULL OR lane = ?4)"
    };
}

fn by_queue<'q>(query: Bound<'q>, filter: &'q QueueFilter) -> Bound<'q> {
    let states = if filter.states.is_empty() { UNFINISHED } else { &filter.states };
    query
        .bind(listed(states))
        .bind(filter.remote.map(Word::word))
        .bind(filter.cause.as_deref())
        .bind(filter.lane.as_deref())
}

/// What is still to be carried out.
const UNFINISHED: &[OperationState] =
    &[OperationState::Waiting, OperationState::Running, OperationState::Retrying, OperationState::Parked];

pub(super) async fn operation(readers: &Readers, id: &str) -> Result<Option<OperationRow>> {
    let query =
        sqlx::query(concat!("SELECT ", operation_columns!(), " FROM operations WHERE id = ?1")).bind(id);
    perhaps(readers, query, rows::operation).await
}

pub(super) async fn operations(
    readers: &Readers,
    filter: &OperationFilter,
    offset: u32,
    limit: u32,
) -> Result<Vec<OperationRow>> {
    // Each way in has its own index; the rest of the filter is applied to what it yields.
    macro_rules! operations {
        ($first:literal) => {
            sqlx::query(concat!(
                "SELECT ",
                operation_columns!(),
                " FROM operations WHERE ",
                $first,
                " AND (?1 IS NULL OR lane = ?1) AND (?2 IS NULL OR plan = ?2) \
                 AND (?3 = '' OR instr(?3, ',' || state || ',') > 0) ORDER BY no LIMIT (?4 + 0) OFFSET ?5"
            ))
        };
    }
    let query = match filter {
        OperationFilter { lane: Some(_), .. } => operations!("lane = ?1"),
        OperationFilter { plan: Some(_), .. } => operations!("plan = ?2"),
        OperationFilter { states, .. } if !states.is_empty() => {
            operations!(
                "state IN (SELECT value FROM json_each('[\"' || replace(trim(?3, ','), ',', '\",\"') || '\"]'))"
            )
        }
        _ => operations!("true"),
    };
    let query = query
        .bind(filter.lane.as_deref())
        .bind(filter.plan.as_deref())
        .bind(listed(&filter.states))
        .bind(i64::from(limit))
        .bind(i64::from(offset));
    all(readers, query, rows::operation).await
}

pub(super) async fn lanes_with_work(readers: &Readers, lanes: &[&str]) -> Result<Vec<String>> {
    let query = sqlx::query(
        "SELECT DISTINCT o.lane FROM json_each(?1) named CROSS JOIN operations o INDEXED BY operations_unfinished \
         ON o.lane = named.value AND o.state IN ('waiting', 'running', 'retrying', 'parked') \
         UNION SELECT w.pair FROM json_each(?1) named CROSS JOIN plans w \
         ON w.pair = named.value AND w.state = 'awaiting_check'",
    )
    .bind(list(lanes));
    all(readers, query, only).await
}

pub(super) async fn lane_work(readers: &Readers, lanes: &[&str]) -> Result<Vec<LaneWork>> {
    let query = sqlx::query(
        "SELECT o.lane, o.id, o.state, o.plan, p.state, p.maker, p.conflict, p.undoes IS NOT NULL \
         FROM json_each(?1) named CROSS JOIN operations o INDEXED BY operations_unfinished \
         ON o.lane = named.value AND o.state IN ('waiting', 'running', 'retrying', 'parked') \
         CROSS JOIN plans p ON p.id = o.plan ORDER BY o.lane, o.seq",
    )
    .bind(list(lanes));
    all(readers, query, rows::lane_work).await
}

pub(super) async fn operation_counts(readers: &Readers) -> Result<Vec<(OperationState, u64)>> {
    let query = sqlx::query("SELECT state, count(*) FROM operations GROUP BY state");
    let mut counts: Vec<(OperationState, u64)> =
        all(readers, query, |columns| Ok((columns.word()?, columns.next::<i64>()?.unsigned_abs()))).await?;
    counts.sort_unstable();
    Ok(counts)
}

pub(super) async fn next_operation_due_ms(readers: &Readers, remotes: &[Remote]) -> Result<Option<i64>> {
    // Heads of lanes only: what waits behind a parked or running operation is not due, however old it is.
    let mut next = None;
    for remote in remotes {
        let query = sqlx::query(
            "SELECT h.due_at_ms FROM operations h WHERE h.remote = ?1 AND h.state IN ('waiting', 'retrying') \
             AND NOT EXISTS (SELECT 1 FROM operations e WHERE e.lane = h.lane AND e.seq < h.seq \
             AND e.state IN ('waiting', 'running', 'retrying', 'parked')) ORDER BY h.due_at_ms, h.no LIMIT 1",
        )
        .bind(remote.word());
        let due_ms: Option<i64> = perhaps(readers, query, only).await?;
        next = match (next, due_ms) {
            (Some(one), Some(other)) => Some(i64::min(one, other)),
            (one, other) => one.or(other),
        };
    }
    Ok(next)
}

pub(super) async fn queue_lanes(
    readers: &Readers,
    filter: &QueueFilter,
    offset: u32,
    limit: u32,
) -> Result<(Vec<String>, u64)> {
    let query = sqlx::query(concat!(
        "SELECT lane FROM operations WHERE ",
        queued!(),
        " GROUP BY lane ORDER BY min(no) LIMIT (?5 + 0) OFFSET ?6"
    ));
    let lanes = by_queue(query, filter).bind(i64::from(limit)).bind(i64::from(offset));
    let lanes = all(readers, lanes, only).await?;
    let query = sqlx::query(concat!("SELECT count(DISTINCT lane) FROM operations WHERE ", queued!()));
    Ok((lanes, number(readers, by_queue(query, filter)).await?))
}

pub(super) async fn queue_operations(
    readers: &Readers,
    filter: &QueueFilter,
    offset: u32,
    limit: u32,
) -> Result<Vec<OperationRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        operation_columns!(),
        " FROM operations WHERE ",
        queued!(),
        " ORDER BY no LIMIT (?5 + 0) OFFSET ?6"
    ));
    let query = by_queue(query, filter).bind(i64::from(limit)).bind(i64::from(offset));
    all(readers, query, rows::operation).await
}

pub(super) async fn queue_counts(readers: &Readers) -> Result<Vec<(Remote, OperationState, u64)>> {
    let query =
        sqlx::query("SELECT remote, state, count(*) FROM operations GROUP BY remote, state ORDER BY 1, 2");
    all(readers, query, |columns| {
        Ok((columns.word()?, columns.word()?, columns.next::<i64>()?.unsigned_abs()))
    })
    .await
}

pub(super) async fn operation_causes(readers: &Readers) -> Result<Vec<OperationCause>> {
    let query = sqlx::query(
        "SELECT cause, count(*), sum(state = 'parked'), min(enqueued_at_ms), \
         (SELECT f.id FROM operations f WHERE f.cause = o.cause \
         AND f.state IN ('waiting', 'running', 'retrying', 'parked') ORDER BY f.no LIMIT 1) \
         FROM operations o WHERE cause IS NOT NULL AND state IN ('waiting', 'running', 'retrying', 'parked') \
         GROUP BY cause ORDER BY 2 DESC, cause",
    );
    all(readers, query, |columns| {
        Ok(OperationCause {
            cause: columns.next()?,
            count: columns.next::<i64>()?.unsigned_abs(),
            parked: columns.next::<i64>()?.unsigned_abs(),
            oldest_at_ms: columns.next()?,
            example: columns.next()?,
        })
    })
    .await
}

pub(super) async fn replacement_of(readers: &Readers, operation: &str) -> Result<Option<OperationRow>> {
    let query = sqlx::query(concat!("SELECT ", operation_columns!(), " FROM operations WHERE replaces = ?1"))
        .bind(operation);
    perhaps(readers, query, rows::operation).await
}

pub(super) async fn incidents(
    readers: &Readers,
    open_only: bool,
    offset: u32,
    limit: u32,
) -> Result<(Vec<IncidentRow>, u64)> {
    let query = sqlx::query(concat!(
        "SELECT ",
        incident_columns!(),
        " FROM incidents WHERE (NOT ?1 OR state = 'open') \
         ORDER BY state = 'closed', last_seen_at_ms DESC, no DESC LIMIT (?2 + 0) OFFSET ?3"
    ))
    .bind(open_only)
    .bind(i64::from(limit))
    .bind(i64::from(offset));
    let rows = all(readers, query, rows::incident).await?;
    let query =
        sqlx::query("SELECT count(*) FROM incidents WHERE (NOT ?1 OR state = 'open')").bind(open_only);
    Ok((rows, number(readers, query).await?))
}

pub(super) async fn incident(readers: &Readers, id: &str) -> Result<Option<IncidentRow>> {
    let query =
        sqlx::query(concat!("SELECT ", incident_columns!(), " FROM incidents WHERE id = ?1")).bind(id);
    perhaps(readers, query, rows::incident).await
}

pub(super) async fn receipts(
    readers: &Readers,
    pair: Option<&str>,
    offset: u32,
    limit: u32,
) -> Result<Vec<ReceiptRow>> {
    let query = match pair {
        Some(pair) => sqlx::query(concat!(
            "SELECT ",
            receipt_columns!(),
            " FROM receipts WHERE pair = ?3 ORDER BY at_ms DESC, operation DESC LIMIT (?1 + 0) OFFSET ?2"
        ))
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .bind(pair),
        None => sqlx::query(concat!(
            "SELECT ",
            receipt_columns!(),
            " FROM receipts ORDER BY at_ms DESC, operation DESC LIMIT (?1 + 0) OFFSET ?2"
        ))
        .bind(i64::from(limit))
        .bind(i64::from(offset)),
    };
    all(readers, query, rows::receipt).await
}

pub(super) async fn receipts_of_appointments(
    readers: &Readers,
    after_ms: i64,
    limit: u32,
) -> Result<Vec<ReceiptRow>> {
    // The index holds appointments that are done, and nothing else.
    let query = sqlx::query(concat!(
        "SELECT ",
        receipt_columns!(),
        " FROM (SELECT id, finished_at_ms FROM operations INDEXED BY operations_of_visits \
         WHERE kind = 'appointment' AND state = 'done' AND finished_at_ms > ?2 \
         ORDER BY finished_at_ms DESC, id DESC LIMIT (?1 + 0)) o \
         CROSS JOIN receipts ON operation = o.id ORDER BY o.finished_at_ms DESC, o.id DESC"
    ))
    .bind(i64::from(limit))
    .bind(after_ms);
    all(readers, query, rows::receipt).await
}

pub(super) async fn receipt(readers: &Readers, operation: &str) -> Result<Option<ReceiptRow>> {
    let query = sqlx::query(concat!("SELECT ", receipt_columns!(), " FROM receipts WHERE operation = ?1"))
        .bind(operation);
    perhaps(readers, query, rows::receipt).await
}
