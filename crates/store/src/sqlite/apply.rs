//! Changes as statements, on the writing connection, inside a transaction that the writer opened.

use std::{collections::HashSet, sync::LazyLock};

use sqlx::SqliteConnection;

use super::{
    bulk::{Bound, Bulk},
    clock,
    errors::typed,
    inbox, outbox, pairs, reports, schedule,
};
use crate::{
    AuditRow, Change, ConflictRow, DuplicateRow, Presence, Result, RunRow, SnapshotId, SnapshotRow,
    StoreError, chain, folding, words::Word,
};

/// What the writer knows without asking the database again. Forgotten whenever something is rolled back.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Number and hash of the newest audit entry.
    pub(super) audit: Option<(i64, Vec<u8>)>,
    /// The number of the newest pair.
    pub(super) pair: Option<i64>,
    /// Records whose latest version cannot be read.
    pub(super) quarantined: Option<std::collections::HashSet<SnapshotId>>,
}

/// Applies the changes of one commit in order. Neighbours that do not touch each other's rows (snapshots and pairs)
/// go to the database together.
pub(super) async fn changes(
    connection: &mut SqliteConnection,
    tail: &mut Tail,
    changes: &[Change],
) -> Result<()> {
    let mut rest = changes;
    while let Some(first) = rest.first() {
        let length = match first {
            Change::PutSnapshot(_) | Change::PutPair(_) => {
                run_length(rest, |change| matches!(change, Change::PutSnapshot(_) | Change::PutPair(_)))
            }
            Change::Audit(_) => run_length(rest, |change| matches!(change, Change::Audit(_))),
            Change::SawSnapshot { .. } => run_length(rest, |change| seen_alike(first, change)),
            Change::FinishOperation { .. } => distinct_length(rest, outbox::finished_operation),
            Change::PutReceipt(_) => run_length(rest, |change| matches!(change, Change::PutReceipt(_))),
            Change::MovePlan { .. } => distinct_length(rest, |change| outbox::moved_alike(first, change)),
            _ => 1,
        };
        let (now, later) = rest.split_at(length);
        rest = later;
        match first {
            Change::PutSnapshot(_) | Change::PutPair(_) => {
                let snapshots: Vec<&SnapshotRow> = now
                    .iter()
                    .filter_map(|change| if let Change::PutSnapshot(row) = change { Some(row) } else { None })
                    .collect();
                put_snapshots(connection, &snapshots).await?;
                let readable = snapshots.iter().map(|row| (&row.id, row.seen_at_ms));
                inbox::release(connection, tail, readable).await?;
                let rows: Vec<_> = now
                    .iter()
                    .filter_map(|change| if let Change::PutPair(row) = change { Some(row) } else { None })
                    .collect();
                pairs::put(connection, tail, &rows).await?;
            }
            Change::Audit(_) => {
                let entries: Vec<&AuditRow> = now
                    .iter()
                    .filter_map(|change| if let Change::Audit(row) = change { Some(row) } else { None })
                    .collect();
                append_audit(connection, tail, &entries).await?;
            }
            Change::SawSnapshot { .. } => saw_snapshots(connection, now).await?,
            Change::FinishOperation { .. } => outbox::finish_operations(connection, now).await?,
            Change::PutReceipt(_) => outbox::put_receipts(connection, now).await?,
            Change::MovePlan { .. } => outbox::move_plans(connection, now).await?,
            other => single(connection, tail, other).await?,
        }
    }
    Ok(())
}

/// Whether two changes say that snapshots of one remote were seen in the same run at the same time.
fn seen_alike(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (
            Change::SawSnapshot { id, run, at_ms },
            Change::SawSnapshot { id: other_id, run: other_run, at_ms: other_at_ms },
        ) => (id.remote, id.kind, run, at_ms) == (other_id.remote, other_id.kind, other_run, other_at_ms),
        _ => false,
    }
}

fn run_length(changes: &[Change], belongs: impl Fn(&Change) -> bool) -> usize {
    changes.iter().take_while(|change| belongs(change)).count()
}

/// As [`run_length`], of changes that each name a row of its own: the same row twice is changed twice, in order. At least
/// the first.
fn distinct_length<'a>(changes: &'a [Change], named: impl Fn(&'a Change) -> Option<&'a str>) -> usize {
    let mut seen = HashSet::new();
    changes.iter().map_while(named).take_while(|id| seen.insert(*id)).count().max(1)
}

#[allow(clippy::too_many_lines, reason = "one arm for each change")]
async fn single(connection: &mut SqliteConnection, tail: &mut Tail, change: &Change) -> Result<()> {
    match change {
        // Handled together with their neighbours.
        Change::PutSnapshot(_)
        | Change::PutPair(_)
        | Change::Audit(_)
        | Change::SawSnapshot { .. }
        | Change::FinishOperation { .. }
        | Change::PutReceipt(_)
        | Change::MovePlan { .. } => Ok(()),
        Change::SetPresence { id, presence } => set_presence(connection, id, *presence).await,
        Change::RemovePair { id } => pairs::remove(connection, id).await,
        Change::PutConflict(row) => put_conflict(connection, row).await,
        Change::PutPlan(row) => outbox::put_plan(connection, row).await,
        Change::Enqueue(row) => outbox::enqueue(connection, row).await,
        Change::ReleaseOperation { id, at_ms } => outbox::release_operation(connection, id, *at_ms).await,
        Change::CancelOperation { id, at_ms } => outbox::cancel_operation(connection, id, *at_ms).await,
        Change::RescueRunning => {
            execute(
                connection,
                sqlx::query("UPDATE operations SET state = 'waiting' WHERE state = 'running'"),
            )
            .await?;
            Ok(())
        }
        Change::ClockSetBack { from_ms, to_ms } => clock::set_back(connection, *from_ms, *to_ms).await,
        Change::MarkUndone { operation, by_plan } => {
            let query =
                sqlx::query("UPDATE receipts SET undone_by = ?2 WHERE operation = ?1 AND undone_by IS NULL")
                    .bind(operation)
                    .bind(by_plan);
            moved_unless_one(execute(connection, query).await?, || {
                format!("the receipt of operation {operation}")
            })
        }
        Change::PutRun(row) => put_run(connection, row).await,
        Change::ClaimSlot { .. } | Change::RenewSlots { .. } | Change::FinishSlots { .. } => {
            schedule::single(connection, change).await
        }
        Change::FreezeReport { run, facts, at_ms } => reports::freeze(connection, run, facts, *at_ms).await,
        Change::PutDuplicate(row) => put_duplicate(connection, row).await,
        Change::RemoveDuplicate { a, b } => remove_duplicate(connection, a, b).await,
        Change::AcceptEvent(_)
        | Change::FinishEvent { .. }
        | Change::ResendEvent(_)
        | Change::DismissEvent { .. }
        | Change::RescueEvents
        | Change::ForgetEvents { .. }
        | Change::Quarantine { .. }
        | Change::Release { .. }
        | Change::ReleaseUnseen { .. }
        | Change::CloseQuarantine { .. } => inbox::single(connection, tail, change).await,
        Change::PutValue { key, value } => {
            let query = sqlx::query(
                "INSERT INTO small_values (key, value) VALUES (?1, ?2) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(key)
            .bind(value);
            execute(connection, query).await?;
            Ok(())
        }
        Change::HastenOperations { remote, at_ms } => {
            let query = sqlx::query(
                "UPDATE operations SET due_at_ms = ?2 WHERE remote = ?1 AND state = 'retrying' AND due_at_ms > ?2",
            )
            .bind(remote.word())
            .bind(at_ms);
            execute(connection, query).await?;
            Ok(())
        }
        Change::RaiseIncident { id, kind, subject, cause, at_ms } => {
            let query = sqlx::query(
                "INSERT INTO incidents (id, kind, subject, cause, state, times, first_seen_at_ms, last_seen_at_ms) \
                 VALUES (?1, ?2, ?3, ?4, 'open', 1, ?5, ?5) \
                 ON CONFLICT (kind, subject) WHERE state = 'open' DO UPDATE SET times = times + 1, \
                 cause = excluded.cause, last_seen_at_ms = max(last_seen_at_ms, excluded.last_seen_at_ms)",
            )
            .bind(id)
            .bind(kind)
            .bind(subject)
            .bind(cause)
            .bind(at_ms);
            execute(connection, query).await?;
            Ok(())
        }
        Change::CloseIncident { kind, subject, at_ms } => {
            let query = sqlx::query(
                "UPDATE incidents SET state = 'closed', closed_at_ms = max(?3, last_seen_at_ms) \
                 WHERE kind = ?1 AND subject = ?2 AND state = 'open'",
            )
            .bind(kind)
            .bind(subject)
            .bind(at_ms);
            execute(connection, query).await?;
            Ok(())
        }
        Change::AcknowledgeIncident { id, person, at_ms } => {
            let query = sqlx::query(
                "UPDATE incidents SET acknowledged_by = ?2, acknowledged_at_ms = ?3 \
                 WHERE id = ?1 AND acknowledged_by IS NULL",
            )
            .bind(id)
            .bind(person)
            .bind(at_ms);
            moved_unless_one(execute(connection, query).await?, || format!("the incident {id}"))
        }
    }
}

/// Runs one statement and says how many rows it touched.
pub(super) async fn execute(connection: &mut SqliteConnection, query: Bound<'_>) -> Result<u64> {
    let done = query.execute(connection).await.map_err(|error| typed(&error))?;
    Ok(done.rows_affected())
}

fn bind_id<'q>(query: Bound<'q>, id: &SnapshotId) -> Bound<'q> {
    query.bind(id.remote.word()).bind(id.kind.word()).bind(id.key.as_str())
}

pub(super) fn moved_unless_one(touched: u64, what: impl FnOnce() -> String) -> Result<()> {
    if touched == 1 { Ok(()) } else { Err(StoreError::Moved { what: what() }) }
}

// --- snapshots

static PUT_SNAPSHOTS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO snapshots (remote, kind, key, version, digest, presence, seen_run, seen_at_ms, other_key, chip, \
         changed_by, changed_at_ms) VALUES",
        12,
        "ON CONFLICT (remote, kind, key) DO UPDATE SET version = excluded.version, digest = excluded.digest, \
         presence = excluded.presence, seen_run = excluded.seen_run, seen_at_ms = excluded.seen_at_ms, \
         other_key = excluded.other_key, chip = excluded.chip, changed_by = excluded.changed_by, \
         changed_at_ms = excluded.changed_at_ms WHERE excluded.seen_at_ms >= snapshots.seen_at_ms",
    )
});

/// Runs after [`PUT_SNAPSHOTS`]: a row whose time is the stored one is exactly one that was taken in.
static PUT_PAYLOADS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "WITH given (remote, kind, key, seen_at_ms, raw) AS (VALUES",
        5,
        ") INSERT INTO payloads (snapshot, raw) \
         SELECT s.no, given.raw FROM given CROSS JOIN snapshots s \
         ON s.remote = given.remote AND s.kind = given.kind AND s.key = given.key AND s.seen_at_ms = given.seen_at_ms \
         WHERE true ON CONFLICT (snapshot) DO UPDATE SET raw = excluded.raw",
    )
});

/// As [`PUT_PAYLOADS`].
static PUT_RECORDS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "WITH given (remote, kind, key, seen_at_ms, record) AS (VALUES",
        5,
        ") INSERT INTO records (remote, snapshot, record) \
         SELECT s.remote, s.no, given.record FROM given CROSS JOIN snapshots s \
         ON s.remote = given.remote AND s.kind = given.kind AND s.key = given.key AND s.seen_at_ms = given.seen_at_ms \
         WHERE true ON CONFLICT (remote, snapshot) DO UPDATE SET record = excluded.record",
    )
});

async fn put_snapshots(connection: &mut SqliteConnection, rows: &[&SnapshotRow]) -> Result<()> {
    PUT_SNAPSHOTS
        .run(connection, rows, |query, row| {
            bind_id(query, &row.id)
                .bind(row.version.as_str())
                .bind(row.digest.as_slice())
                .bind(row.presence.word())
                .bind(row.seen_run.as_str())
                .bind(row.seen_at_ms)
                .bind(row.other_key.as_deref())
                .bind(row.chip.as_deref())
                .bind(row.changed_by.as_deref())
                .bind(row.changed_at_ms)
        })
        .await?;
    PUT_PAYLOADS
        .run(connection, rows, |query, row| {
            bind_id(query, &row.id).bind(row.seen_at_ms).bind(row.raw.as_str())
        })
        .await?;
    PUT_RECORDS
        .run(connection, rows, |query, row| {
            bind_id(query, &row.id).bind(row.seen_at_ms).bind(row.record.as_str())
        })
        .await?;
    Ok(())
}

/// All of one remote, one run and one time.
async fn saw_snapshots(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let Some(Change::SawSnapshot { id: first, run, at_ms }) = changes.first() else { return Ok(()) };
    let keys: HashSet<&str> = changes
        .iter()
        .filter_map(|change| match change {
            Change::SawSnapshot { id, .. } => Some(id.key.as_str()),
            _ => None,
        })
        .collect();
    let named = keys.iter().copied().collect::<serde_json::Value>().to_string();
    let query = sqlx::query(
        "UPDATE snapshots SET seen_run = CASE WHEN ?5 >= seen_at_ms THEN ?4 ELSE seen_run END, \
         seen_at_ms = max(seen_at_ms, ?5) WHERE no IN (SELECT s.no FROM json_each(?3) named \
         CROSS JOIN snapshots s ON s.remote = ?1 AND s.kind = ?2 AND s.key = named.value)",
    )
    .bind(first.remote.word())
    .bind(first.kind.word())
    .bind(named)
    .bind(run)
    .bind(at_ms);
    let touched = execute(connection, query).await?;
    if touched == keys.len() as u64 {
        return Ok(());
    }
    Err(StoreError::Moved { what: format!("a snapshot of {}", first.remote.label()) })
}

async fn set_presence(connection: &mut SqliteConnection, id: &SnapshotId, presence: Presence) -> Result<()> {
    let query =
        sqlx::query("UPDATE snapshots SET presence = ?4 WHERE remote = ?1 AND kind = ?2 AND key = ?3");
    let touched = execute(connection, bind_id(query, id).bind(presence.word())).await?;
    moved_unless_one(touched, || format!("the snapshot {} of {}", id.key, id.remote.label()))
}

// --- conflicts

async fn put_conflict(connection: &mut SqliteConnection, row: &ConflictRow) -> Result<()> {
    let words = folding::text_words(&[&row.title, &row.owner, &row.species]);
    let query = sqlx::query(
        "INSERT INTO conflicts (id, pair, cause, grade, state, fields, fingerprint, title, owner, species, \
         opened_at_ms, claimed_by, snoozed_until_ms, snooze_reason, closed_at_ms, closed_by, words, draft, comparison) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET pair = excluded.pair, cause = excluded.cause, grade = excluded.grade, \
         state = excluded.state, fields = excluded.fields, fingerprint = excluded.fingerprint, title = excluded.title, \
         owner = excluded.owner, species = excluded.species, opened_at_ms = excluded.opened_at_ms, \
         claimed_by = excluded.claimed_by, snoozed_until_ms = excluded.snoozed_until_ms, \
         snooze_reason = excluded.snooze_reason, closed_at_ms = excluded.closed_at_ms, closed_by = excluded.closed_by, \
         words = excluded.words, draft = excluded.draft, comparison = excluded.comparison",
    )
    .bind(row.id.as_str())
    .bind(row.pair.as_str())
    .bind(row.cause.word())
    .bind(i64::from(row.grade))
    .bind(row.state.word())
    .bind(row.fields.as_str())
    .bind(row.fingerprint.as_str())
    .bind(row.title.as_str())
    .bind(row.owner.as_str())
    .bind(row.species.as_str())
    .bind(row.opened_at_ms)
    .bind(row.claimed_by.as_deref())
    .bind(row.snoozed_until_ms)
    .bind(row.snooze_reason.as_deref())
    .bind(row.closed_at_ms)
    .bind(row.closed_by.as_deref())
    .bind(words)
    .bind(row.draft.as_deref())
    .bind(row.comparison.as_str());
    execute(connection, query).await?;
    Ok(())
}

// --- the rest

async fn put_run(connection: &mut SqliteConnection, row: &RunRow) -> Result<()> {
    let query = sqlx::query(
        "INSERT INTO runs (id, started_by, actor, scope, state, started_at_ms, ended_at_ms, counts, problem) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET started_by = excluded.started_by, actor = excluded.actor, \
         scope = excluded.scope, state = excluded.state, started_at_ms = excluded.started_at_ms, \
         ended_at_ms = excluded.ended_at_ms, counts = excluded.counts, problem = excluded.problem",
    )
    .bind(row.id.as_str())
    .bind(row.trigger.as_str())
    .bind(row.actor.as_deref())
    .bind(row.scope.as_str())
    .bind(row.state.as_str())
    .bind(row.started_at_ms)
    .bind(row.ended_at_ms)
    .bind(row.counts.as_str())
    .bind(row.problem.as_deref());
    execute(connection, query).await?;
    Ok(())
}

/// The two records of a possible duplicate in the order they are stored in.
pub(super) fn in_order<'a>(a: &'a SnapshotId, b: &'a SnapshotId) -> (&'a SnapshotId, &'a SnapshotId) {
    if a <= b { (a, b) } else { (b, a) }
}

async fn put_duplicate(connection: &mut SqliteConnection, row: &DuplicateRow) -> Result<()> {
    let (a, b) = in_order(&row.a, &row.b);
    if a == b {
        return Err(StoreError::Refused { rule: "a record is no duplicate of itself".to_owned() });
    }
    let query = sqlx::query(
        "INSERT INTO duplicates (a_remote, a_kind, a_key, b_remote, b_kind, b_key, evidence, answer, answered_by, \
         reason, at_ms, facts, later_until_ms, earlier) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (a_remote, a_kind, a_key, b_remote, b_kind, b_key) DO UPDATE SET evidence = excluded.evidence, \
         answer = excluded.answer, answered_by = excluded.answered_by, reason = excluded.reason, at_ms = excluded.at_ms, \
         facts = excluded.facts, later_until_ms = excluded.later_until_ms, earlier = excluded.earlier",
    );
    let query = bind_id(bind_id(query, a), b)
        .bind(row.evidence.as_str())
        .bind(row.answer.as_deref())
        .bind(row.answered_by.as_deref())
        .bind(row.reason.as_deref())
        .bind(row.at_ms)
        .bind(row.facts.as_deref())
        .bind(row.later_until_ms)
        .bind(row.earlier.as_deref());
    execute(connection, query).await?;
    Ok(())
}

async fn remove_duplicate(connection: &mut SqliteConnection, a: &SnapshotId, b: &SnapshotId) -> Result<()> {
    let (a, b) = in_order(a, b);
    let query = sqlx::query(
        "DELETE FROM duplicates WHERE a_remote = ? AND a_kind = ? AND a_key = ? \
         AND b_remote = ? AND b_kind = ? AND b_key = ?",
    );
    execute(connection, bind_id(bind_id(query, a), b)).await?;
    Ok(())
}

static APPEND_AUDIT: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO audit (no, id, at_ms, actor, action, subject, detail, previous, hash) VALUES",
        9,
        "",
    )
});

async fn append_audit(
    connection: &mut SqliteConnection,
    tail: &mut Tail,
    entries: &[&AuditRow],
) -> Result<()> {
    let (mut number, mut previous) = match tail.audit.take() {
        Some(known) => known,
        None => sqlx::query_as("SELECT no, hash FROM audit ORDER BY no DESC LIMIT 1")
            .fetch_optional(&mut *connection)
            .await
            .map_err(|error| typed(&error))?
            .unwrap_or_else(|| (0, chain::GENESIS.to_vec())),
    };
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        number += 1;
        let hash = chain::link(&previous, number, entry).to_vec();
        rows.push((number, *entry, std::mem::replace(&mut previous, hash.clone()), hash));
    }
    APPEND_AUDIT
        .run(connection, &rows, |query, (number, entry, previous, hash)| {
            query
                .bind(*number)
                .bind(entry.id.as_str())
                .bind(entry.at_ms)
                .bind(entry.actor.as_str())
                .bind(entry.action.as_str())
                .bind(entry.subject.as_str())
                .bind(entry.detail.as_str())
                .bind(previous.as_slice())
                .bind(hash.as_slice())
        })
        .await?;
    tail.audit = Some((number, previous));
    Ok(())
}
