//! The inbox and the quarantine: statements of the writer, and what readers ask.

use sqlx::SqliteConnection;

use super::{
    apply::{Tail, execute},
    bulk::Bound,
    errors::typed,
    rows::Columns,
};
use crate::{
    CauseCount, Change, InboxRow, InboxState, QuarantineCause, QuarantineRow, QuarantineState, Result,
    SnapshotId, StoreError, words::Word,
};

/// Columns of [`event`].
macro_rules! event_columns {
    () => {
        "id, remote, message, kind, key, action, version, raw, received_at_ms, state, attempts, due_at_ms, \
         finished_at_ms, outcome, replaces"
    };
}
pub(super) use event_columns;

pub(super) fn event(columns: &mut Columns<'_>) -> Result<InboxRow> {
    Ok(InboxRow {
        id: columns.next()?,
        remote: columns.word()?,
        message: columns.next()?,
        kind: columns.perhaps_word()?,
        key: columns.next()?,
        action: columns.word()?,
        version: columns.next()?,
        raw: columns.next()?,
        received_at_ms: columns.next()?,
        state: columns.word()?,
        attempts: columns.small()?,
        due_at_ms: columns.next()?,
        finished_at_ms: columns.next()?,
        outcome: columns.next()?,
        replaces: columns.next()?,
    })
}

/// Columns of [`entry`].
macro_rules! entry_columns {
    () => {
        "id, remote, kind, key, event, raw, problem, field, class, first_seen_at_ms, last_seen_at_ms, times, state, \
         closed_at_ms, closed_by, reason, replaces, edited_by"
    };
}
pub(super) use entry_columns;

pub(super) fn entry(columns: &mut Columns<'_>) -> Result<QuarantineRow> {
    Ok(QuarantineRow {
        id: columns.next()?,
        remote: columns.word()?,
        kind: columns.perhaps_word()?,
        key: columns.next()?,
        event: columns.next()?,
        raw: columns.next()?,
        problem: columns.next()?,
        field: columns.next()?,
        class: columns.next()?,
        first_seen_at_ms: columns.next()?,
        last_seen_at_ms: columns.next()?,
        times: columns.small()?,
        state: columns.word()?,
        closed_at_ms: columns.next()?,
        closed_by: columns.next()?,
        reason: columns.next()?,
        replaces: columns.next()?,
        edited_by: columns.next()?,
    })
}

pub(super) fn cause_count(columns: &mut Columns<'_>) -> Result<CauseCount> {
    Ok(CauseCount {
        cause: QuarantineCause {
            remote: columns.word()?,
            kind: columns.perhaps_word()?,
            field: columns.next()?,
            class: columns.next()?,
        },
        open: columns.next::<i64>()?.unsigned_abs(),
        oldest_at_ms: columns.next()?,
        problem: columns.next()?,
    })
}

/// The changes of the inbox and the quarantine.
pub(super) async fn single(
    connection: &mut SqliteConnection,
    tail: &mut Tail,
    change: &Change,
) -> Result<()> {
    match change {
        Change::AcceptEvent(row) => accept(connection, row).await,
        Change::FinishEvent { id, state, due_at_ms, outcome, at_ms } => {
            finish(connection, id, *state, *due_at_ms, outcome, *at_ms).await
        }
        Change::ResendEvent(row) => resend(connection, row).await,
        Change::DismissEvent { id, outcome, at_ms } => dismiss(connection, id, outcome, *at_ms).await,
        Change::RescueEvents => rescue(connection).await,
        Change::ForgetEvents { before_ms } => forget(connection, *before_ms).await,
        Change::Quarantine { row, seen_run } => quarantine(connection, tail, row, seen_run.as_deref()).await,
        Change::Release { id, at_ms } => release(connection, tail, std::iter::once((id, *at_ms))).await,
        Change::ReleaseUnseen { remote, kind, before_ms, at_ms } => {
            release_unseen(connection, *remote, *kind, *before_ms, *at_ms).await
        }
        Change::CloseQuarantine { id, state, by, reason, at_ms } => {
            close(connection, tail, id, *state, by, reason.as_deref(), *at_ms).await
        }
        // Handled where their tables are.
        _ => Ok(()),
    }
}

fn moved_unless_one(touched: u64, what: &str, id: &str) -> Result<()> {
    if touched == 1 { Ok(()) } else { Err(StoreError::Moved { what: format!("the {what} {id}") }) }
}

/// A message that is there already is not taken in again.
async fn accept(connection: &mut SqliteConnection, row: &InboxRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO inbox (turn, id, remote, message, kind, key, action, version, raw, received_at_ms, state, attempts, \
         due_at_ms, finished_at_ms, outcome, replaces) \
         VALUES (coalesce((SELECT turn FROM inbox WHERE id = ?15), (SELECT coalesce(max(no), 0) + 1 FROM inbox)), \
         ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (remote, message) DO NOTHING",
    )
    .bind(row.id.as_str())
    .bind(row.remote.word())
    .bind(row.message.as_str())
    .bind(row.kind.map(Word::word))
    .bind(row.key.as_deref())
    .bind(row.action.word())
    .bind(row.version.as_deref())
    .bind(row.raw.as_str())
    .bind(row.received_at_ms)
    .bind(row.state.word())
    .bind(i64::from(row.attempts))
    .bind(row.due_at_ms)
    .bind(row.finished_at_ms)
    .bind(row.outcome.as_str())
    .bind(row.replaces.as_deref());
    execute(connection, query).await?;
    Ok(())
}

/// The events of the records whose turn it is, all of a record together: one look answers them all. A record whose
/// first event is not due, or that is being looked at, waits with everything that came after.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    now_ms: i64,
    records: u32,
) -> Result<Vec<InboxRow>> {
    let rows = sqlx::query(concat!(
        "WITH heads AS MATERIALIZED (SELECT h.remote, h.kind, h.key FROM inbox h INDEXED BY inbox_unfinished \
         WHERE h.state = 'accepted' AND h.due_at_ms <= ?1 AND NOT EXISTS (\
         SELECT 1 FROM inbox e WHERE e.remote = h.remote AND e.kind = h.kind AND e.key = h.key \
         AND e.state IN ('accepted', 'running') \
         AND (e.state = 'running' OR e.turn < h.turn OR (e.turn = h.turn AND e.no < h.no))) \
         ORDER BY h.turn, h.no LIMIT (?2 + 0)) \
         UPDATE inbox SET state = 'running', attempts = attempts + 1 WHERE no IN (\
         SELECT e.no FROM heads CROSS JOIN inbox e \
         ON e.remote = heads.remote AND e.kind = heads.kind AND e.key = heads.key \
         AND e.state IN ('accepted', 'running') AND e.state = 'accepted') RETURNING turn, no, ",
        event_columns!()
    ))
    .bind(now_ms)
    .bind(i64::from(records))
    .fetch_all(connection)
    .await
    .map_err(|error| typed(&error))?;
    let mut claimed: Vec<(i64, i64, InboxRow)> = rows
        .iter()
        .map(|row| {
            let mut columns = Columns::of(row);
            Ok((columns.next()?, columns.next()?, event(&mut columns)?))
        })
        .collect::<Result<_>>()?;
    // RETURNING has no order of its own.
    claimed.sort_by_key(|(turn, no, _)| (*turn, *no));
    Ok(claimed.into_iter().map(|(_, _, row)| row).collect())
}

async fn finish(
    connection: &mut SqliteConnection,
    id: &str,
    state: InboxState,
    due_at_ms: i64,
    outcome: &str,
    at_ms: i64,
) -> Result<()> {
    let query = sqlx::query(
        "UPDATE inbox SET state = ?2, due_at_ms = ?3, outcome = ?4, \
         finished_at_ms = CASE WHEN ?2 IN ('done', 'dismissed') THEN ?5 END WHERE id = ?1 AND state = 'running'",
    )
    .bind(id)
    .bind(state.word())
    .bind(due_at_ms)
    .bind(outcome)
    .bind(at_ms);
    moved_unless_one(execute(connection, query).await?, "event", id)
}

/// From the quarantine back to be worked on, pointing to what its text is read to say now.
async fn resend(connection: &mut SqliteConnection, row: &InboxRow) -> Result<()> {
    let query = sqlx::query(
        "UPDATE inbox SET state = 'accepted', attempts = 0, due_at_ms = ?2, outcome = '', kind = ?3, key = ?4, \
         action = ?5, version = ?6 WHERE id = ?1 AND state = 'quarantined'",
    )
    .bind(row.id.as_str())
    .bind(row.due_at_ms)
    .bind(row.kind.map(Word::word))
    .bind(row.key.as_deref())
    .bind(row.action.word())
    .bind(row.version.as_deref());
    moved_unless_one(execute(connection, query).await?, "event", &row.id)
}

async fn dismiss(connection: &mut SqliteConnection, id: &str, outcome: &str, at_ms: i64) -> Result<()> {
    let query = sqlx::query(
        "UPDATE inbox SET state = 'dismissed', finished_at_ms = ?3, outcome = ?2 \
         WHERE id = ?1 AND state = 'quarantined'",
    )
    .bind(id)
    .bind(outcome)
    .bind(at_ms);
    moved_unless_one(execute(connection, query).await?, "event", id)
}

async fn rescue(connection: &mut SqliteConnection) -> Result<()> {
    execute(connection, sqlx::query("UPDATE inbox SET state = 'accepted' WHERE state = 'running'")).await?;
    Ok(())
}

/// Removes what was finished before a time; what something else refers to stays.
async fn forget(connection: &mut SqliteConnection, before_ms: i64) -> Result<()> {
    let query = sqlx::query(
        "DELETE FROM inbox WHERE finished_at_ms < ?1 AND state IN ('done', 'dismissed') \
         AND NOT EXISTS (SELECT 1 FROM inbox e WHERE e.replaces = inbox.id) \
         AND NOT EXISTS (SELECT 1 FROM quarantined q WHERE q.event = inbox.id)",
    )
    .bind(before_ms);
    execute(connection, query).await?;
    Ok(())
}

// --- quarantine

/// Takes something in. The same thing seen again counts up; a record's later version that cannot be read either takes
/// the place of the earlier one. A record that was there all the same has been seen.
async fn quarantine(
    connection: &mut SqliteConnection,
    tail: &mut Tail,
    row: &QuarantineRow,
    seen_run: Option<&str>,
) -> Result<()> {
    tail.quarantined = None;
    if let (Some(run), Some(record)) = (seen_run, row.record()) {
        let query = sqlx::query(
            "UPDATE snapshots SET seen_run = CASE WHEN ?5 >= seen_at_ms THEN ?4 ELSE seen_run END, \
             seen_at_ms = max(seen_at_ms, ?5) WHERE remote = ?1 AND kind = ?2 AND key = ?3",
        );
        let query = by_record(query, &record).bind(run).bind(row.last_seen_at_ms);
        execute(connection, query).await?;
    }
    let again = match (&row.event, &row.key) {
        (Some(event), _) => sqlx::query(
            "UPDATE quarantined SET state = 'open', closed_at_ms = NULL, closed_by = NULL, times = times + 1, \
             last_seen_at_ms = max(last_seen_at_ms, ?2), problem = ?3, field = ?4, class = ?5, kind = ?6, key = ?7 \
             WHERE event = ?1",
        )
        .bind(event.as_str())
        .bind(row.last_seen_at_ms)
        .bind(row.problem.as_str())
        .bind(row.field.as_str())
        .bind(row.class.as_str())
        .bind(row.kind.map(Word::word))
        .bind(row.key.as_deref()),
        // What a person put aside and cannot be told apart stays aside.
        (None, _) => sqlx::query(
            "UPDATE quarantined SET times = times + 1, last_seen_at_ms = max(last_seen_at_ms, ?5), problem = ?6, \
             field = ?7, class = ?8 WHERE event IS NULL AND remote = ?1 AND kind = ?2 AND key IS ?3 AND raw = ?4 \
             AND (state = 'open' OR (state = 'dismissed' AND key IS NULL))",
        )
        .bind(row.remote.word())
        .bind(row.kind.map(Word::word))
        .bind(row.key.as_deref())
        .bind(row.raw.as_str())
        .bind(row.last_seen_at_ms)
        .bind(row.problem.as_str())
        .bind(row.field.as_str())
        .bind(row.class.as_str()),
    };
    if execute(connection, again).await? > 0 {
        return Ok(());
    }
    if let Some(record) = row.record() {
        let query = sqlx::query(
            "UPDATE quarantined SET state = 'superseded', closed_at_ms = ?4, closed_by = 'a later version' \
             WHERE event IS NULL AND remote = ?1 AND kind = ?2 AND key = ?3 AND state = 'open'",
        );
        execute(connection, by_record(query, &record).bind(row.last_seen_at_ms)).await?;
    }
    let query = sqlx::query(
        "INSERT INTO quarantined (id, remote, kind, key, event, raw, problem, field, class, first_seen_at_ms, \
         last_seen_at_ms, times, state, closed_at_ms, closed_by, reason, replaces, edited_by) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.id.as_str())
    .bind(row.remote.word())
    .bind(row.kind.map(Word::word))
    .bind(row.key.as_deref())
    .bind(row.event.as_deref())
    .bind(row.raw.as_str())
    .bind(row.problem.as_str())
    .bind(row.field.as_str())
    .bind(row.class.as_str())
    .bind(row.first_seen_at_ms)
    .bind(row.last_seen_at_ms)
    .bind(i64::from(row.times))
    .bind(row.state.word())
    .bind(row.closed_at_ms)
    .bind(row.closed_by.as_deref())
    .bind(row.reason.as_deref())
    .bind(row.replaces.as_deref())
    .bind(row.edited_by.as_deref());
    execute(connection, query).await?;
    Ok(())
}

fn by_record<'q>(query: Bound<'q>, id: &SnapshotId) -> Bound<'q> {
    query.bind(id.remote.word()).bind(id.kind.word()).bind(id.key.as_str())
}

/// These records could be read: what was open about them is resolved. Almost always nothing is, and nothing is asked.
pub(super) async fn release(
    connection: &mut SqliteConnection,
    tail: &mut Tail,
    readable: impl Iterator<Item = (&SnapshotId, i64)>,
) -> Result<()> {
    let open = match tail.quarantined.take() {
        Some(known) => known,
        None => sqlx::query_as::<_, (String, String, String)>(
            "SELECT remote, kind, key FROM quarantined WHERE state = 'open' AND event IS NULL AND key IS NOT NULL",
        )
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| typed(&error))?
        .into_iter()
        .map(|(remote, kind, key)| Ok(SnapshotId { remote: Word::read(&remote)?, kind: Word::read(&kind)?, key }))
        .collect::<Result<_>>()?,
    };
    let mut touched = 0;
    if !open.is_empty() {
        for (id, at_ms) in readable.filter(|(id, _)| open.contains(id)) {
            // Not by something older than what could not be read.
            let query = sqlx::query(
                "UPDATE quarantined SET state = 'resolved', closed_at_ms = ?4, closed_by = 'a readable version' \
                 WHERE event IS NULL AND remote = ?1 AND kind = ?2 AND key = ?3 AND state = 'open' \
                 AND last_seen_at_ms <= ?4",
            );
            touched += execute(connection, by_record(query, id).bind(at_ms)).await?;
        }
    }
    tail.quarantined = (touched == 0).then_some(open);
    Ok(())
}

/// Payloads without a key that a complete read did not show again.
async fn release_unseen(
    connection: &mut SqliteConnection,
    remote: record::Remote,
    kind: record::RecordKind,
    before_ms: i64,
    at_ms: i64,
) -> Result<()> {
    let query = sqlx::query(
        "UPDATE quarantined SET state = 'resolved', closed_at_ms = ?4, closed_by = 'not shown any more' \
         WHERE event IS NULL AND key IS NULL AND remote = ?1 AND kind = ?2 AND state = 'open' \
         AND last_seen_at_ms < ?3",
    )
    .bind(remote.word())
    .bind(kind.word())
    .bind(before_ms)
    .bind(at_ms);
    execute(connection, query).await?;
    Ok(())
}

async fn close(
    connection: &mut SqliteConnection,
    tail: &mut Tail,
    id: &str,
    state: QuarantineState,
    by: &str,
    reason: Option<&str>,
    at_ms: i64,
) -> Result<()> {
    tail.quarantined = None;
    let query = sqlx::query(
        "UPDATE quarantined SET state = ?2, closed_at_ms = ?3, closed_by = ?4, reason = coalesce(?5, reason) \
         WHERE id = ?1 AND state = 'open'",
    )
    .bind(id)
    .bind(state.word())
    .bind(at_ms)
    .bind(by)
    .bind(reason);
    moved_unless_one(execute(connection, query).await?, "quarantined entry", id)
}
