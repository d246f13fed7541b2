//! What readers ask, and the store's interface as a whole.

use std::sync::Arc;

use async_trait::async_trait;
use record::{RecordKind, Remote};
use sqlx::{Decode, Sqlite};
use tokio::sync::Mutex;

use super::{
    SqliteStore,
    apply::in_order,
    batch::{Lent, Readers, Writing},
    bulk::Bound,
    check,
    errors::typed,
    inbox::{self, entry_columns, event_columns},
    rows::{
        self, Columns, audit_columns, conflict_columns, duplicate_columns, incident_columns,
        operation_columns, pair_columns, plan_columns, receipt_columns, run_columns, snapshot_columns,
    },
    search,
};
use crate::{
    AuditRow, Batch, CauseCount, Change, ConflictFilter, ConflictRow, DuplicateRow, InboxRow, InboxState,
    IncidentRow, OperationCause, OperationFilter, OperationRow, OperationState, PairDigests, PairPage,
    PairRow, PairStatus, PairValues, PlanRow, PlanState, QuarantineCause, QuarantineFilter, QuarantineRow,
    QueueFilter, ReceiptRow, Result, RunRow, SnapshotId, SnapshotRow, Store, UnpairedRow, folding,
    words::Word,
};

type Read<T> = fn(&mut Columns<'_>) -> Result<T>;

async fn all<T>(readers: &Readers, query: Bound<'_>, read: Read<T>) -> Result<Vec<T>> {
    let mut reader = readers.get().await?;
    let found = query.fetch_all(reader.connection()?).await.map_err(|error| typed(&error))?;
    found.iter().map(|row| read(&mut Columns::of(row))).collect()
}

async fn perhaps<T>(readers: &Readers, query: Bound<'_>, read: Read<T>) -> Result<Option<T>> {
    let mut reader = readers.get().await?;
    let found = query.fetch_optional(reader.connection()?).await.map_err(|error| typed(&error))?;
    found.map(|row| read(&mut Columns::of(&row))).transpose()
}

async fn number(readers: &Readers, query: Bound<'_>) -> Result<u64> {
    let counted = perhaps(readers, query, only::<i64>).await?;
    Ok(counted.unwrap_or_default().unsigned_abs())
}

/// The one column there is.
fn only<T: for<'r> Decode<'r, Sqlite>>(columns: &mut Columns<'_>) -> Result<T> {
    columns.next()
}

/// Words of several values as one argument, each between commas; empty when any value will do.
fn listed<T: Word>(values: &[T]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let mut text = String::from(",");
    for value in values {
        text.push_str(value.word());
        text.push(',');
    }
    text
}

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

/// Texts as one argument, for `json_each`.
fn list<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().map(AsRef::as_ref).collect::<serde_json::Value>().to_string()
}

fn by_id<'q>(query: Bound<'q>, id: &SnapshotId) -> Bound<'q> {
    query.bind(id.remote.word()).bind(id.kind.word()).bind(id.key.as_str())
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.writer.commit(changes).await
    }

    async fn batch(&self) -> Result<Option<Arc<dyn Batch>>> {
        let Writing::Queue(writer) = &self.writer else { return Ok(None) };
        let lent: Arc<Mutex<Lent>> = Arc::new(Mutex::new(writer.lend().await?));
        Ok(Some(Arc::new(SqliteStore {
            readers: Readers::Batch(Arc::clone(&lent)),
            writer: Writing::Batch(lent),
        })))
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<SnapshotRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            snapshot_columns!("s", "p", "r"),
            " FROM snapshots s JOIN payloads p ON p.snapshot = s.no \
             JOIN records r ON r.remote = s.remote AND r.snapshot = s.no \
             WHERE s.remote = ?1 AND s.kind = ?2 AND s.key = ?3"
        ));
        perhaps(&self.readers, by_id(query, id), rows::snapshot).await
    }

    async fn snapshots_named(
        &self,
        remote: Remote,
        kind: RecordKind,
        keys: &[&str],
    ) -> Result<Vec<SnapshotRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            snapshot_columns!("s", "p", "r"),
            " FROM json_each(?3) named CROSS JOIN snapshots s ON s.remote = ?1 AND s.kind = ?2 AND s.key = named.value \
             CROSS JOIN payloads p ON p.snapshot = s.no \
             CROSS JOIN records r ON r.remote = s.remote AND r.snapshot = s.no"
        ))
        .bind(remote.word())
        .bind(kind.word())
        .bind(list(keys));
        all(&self.readers, query, rows::snapshot).await
    }

    async fn records_after(
        &self,
        remote: Remote,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>> {
        let query = sqlx::query(
            "SELECT s.key, r.record FROM snapshots s CROSS JOIN records r ON r.remote = s.remote AND r.snapshot = s.no \
             WHERE s.remote = ?1 AND s.kind = ?2 AND s.key > ?3 AND s.presence <> 'gone' ORDER BY s.key LIMIT ?4",
        )
        .bind(remote.word())
        .bind(kind.word())
        .bind(after)
        .bind(i64::from(limit));
        all(&self.readers, query, rows::key_and_record).await
    }

    async fn unseen_keys(
        &self,
        remote: Remote,
        kind: RecordKind,
        run: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        // What somebody else saw after the run began (a read-back, a webhook) is there, though this run's mark is gone.
        let query = sqlx::query(
            "SELECT key FROM snapshots WHERE remote = ?1 AND kind = ?2 AND key > ?4 AND seen_run <> ?3 \
             AND presence <> 'gone' \
             AND seen_at_ms <= coalesce((SELECT started_at_ms FROM runs WHERE id = ?3), seen_at_ms) \
             ORDER BY key LIMIT ?5",
        )
        .bind(remote.word())
        .bind(kind.word())
        .bind(run)
        .bind(after)
        .bind(i64::from(limit));
        all(&self.readers, query, only).await
    }

    async fn snapshot_count(&self, remote: Remote, kind: RecordKind) -> Result<u64> {
        let query = sqlx::query(
            "SELECT count(*) FROM snapshots WHERE remote = ?1 AND kind = ?2 AND presence = 'present'",
        )
        .bind(remote.word())
        .bind(kind.word());
        number(&self.readers, query).await
    }

    async fn pair(&self, id: &str) -> Result<Option<PairRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            pair_columns!(),
            " FROM pairs p JOIN pair_details d ON d.pair = p.no WHERE p.id = ?1"
        ))
        .bind(id);
        perhaps(&self.readers, query, rows::pair).await
    }

    async fn pair_by_key(&self, remote: Remote, kind: RecordKind, key: &str) -> Result<Option<PairRow>> {
        let query = match remote {
            Remote::ServiceNow => sqlx::query(concat!(
                "SELECT ",
                pair_columns!(),
                " FROM pairs p CROSS JOIN pair_details d ON d.pair = p.no WHERE p.kind = ?1 AND p.servicenow_key = ?2"
            )),
            Remote::Ehr => sqlx::query(concat!(
                "SELECT ",
                pair_columns!(),
                " FROM pairs p CROSS JOIN pair_details d ON d.pair = p.no WHERE p.kind = ?1 AND p.ehr_key = ?2"
            )),
        };
        perhaps(&self.readers, query.bind(kind.word()).bind(key), rows::pair).await
    }

    async fn pairs_named(&self, ids: &[&str]) -> Result<Vec<PairPage>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            pair_columns!(),
            ", ",
            snapshot_columns!("s", "sp", "sr"),
            ", ",
            snapshot_columns!("e", "ep", "er"),
            " FROM json_each(?1) named CROSS JOIN pairs p ON p.id = named.value \
             CROSS JOIN pair_details d ON d.pair = p.no \
             LEFT JOIN snapshots s ON s.no = p.servicenow_snapshot \
             LEFT JOIN payloads sp ON sp.snapshot = s.no \
             LEFT JOIN records sr ON sr.remote = s.remote AND sr.snapshot = s.no \
             LEFT JOIN snapshots e ON e.no = p.ehr_snapshot \
             LEFT JOIN payloads ep ON ep.snapshot = e.no \
             LEFT JOIN records er ON er.remote = e.remote AND er.snapshot = e.no"
        ))
        .bind(list(ids));
        let mut found = all(&self.readers, query, rows::pair_page).await?;
        found.sort_unstable_by(|one, other| one.pair.id.cmp(&other.pair.id));
        Ok(found)
    }

    async fn pair_values(&self, ids: &[&str]) -> Result<Vec<PairValues>> {
        let query = sqlx::query(
            "SELECT p.id, p.status, d.base, s.record, e.record, \
             EXISTS (SELECT 1 FROM snapshots g INDEXED BY snapshots_gone WHERE g.presence = 'gone' \
             AND g.no IN (p.servicenow_snapshot, p.ehr_snapshot)) \
             FROM json_each(?1) named CROSS JOIN pairs p ON p.id = named.value \
             CROSS JOIN pair_details d ON d.pair = p.no \
             LEFT JOIN records s ON s.remote = 'service_now' AND s.snapshot = p.servicenow_snapshot \
             LEFT JOIN records e ON e.remote = 'ehr' AND e.snapshot = p.ehr_snapshot",
        )
        .bind(list(ids));
        let mut found = all(&self.readers, query, rows::pair_values).await?;
        found.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(found)
    }

    async fn pair_digests_after(
        &self,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PairDigests>> {
        let query = sqlx::query(
            "SELECT id, status, servicenow_digest, ehr_digest, base_digest FROM pairs INDEXED BY pairs_by_kind \
             WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )
        .bind(kind.word())
        .bind(after)
        .bind(i64::from(limit));
        all(&self.readers, query, rows::digests).await
    }

    async fn unpaired_after(
        &self,
        remote: Remote,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<UnpairedRow>> {
        macro_rules! unpaired {
            ($key:literal) => {
                concat!(
                    "SELECT s.key, s.other_key, s.chip FROM snapshots s \
                     WHERE s.remote = ?1 AND s.kind = ?2 AND s.key > ?3 AND s.presence = 'present' \
                     AND NOT EXISTS (SELECT 1 FROM pairs q WHERE q.kind = s.kind AND q.",
                    $key,
                    " = s.key) ORDER BY s.key LIMIT ?4"
                )
            };
        }
        let query = match remote {
            Remote::ServiceNow => sqlx::query(unpaired!("servicenow_key")),
            Remote::Ehr => sqlx::query(unpaired!("ehr_key")),
        };
        let query = query.bind(remote.word()).bind(kind.word()).bind(after).bind(i64::from(limit));
        all(&self.readers, query, rows::unpaired).await
    }

    async fn pair_counts(&self, kind: RecordKind) -> Result<Vec<(PairStatus, u64)>> {
        let query = sqlx::query("SELECT status, count(*) FROM pairs WHERE kind = ?1 GROUP BY status")
            .bind(kind.word());
        let mut counts: Vec<(PairStatus, u64)> =
            all(&self.readers, query, |columns| Ok((columns.word()?, columns.next::<i64>()?.unsigned_abs())))
                .await?;
        counts.sort_unstable();
        Ok(counts)
    }

    async fn search_patients(
        &self,
        query: &str,
        status: Option<PairStatus>,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<PairRow>, u64)> {
        search::patients(self.readers.get().await?.connection()?, query, status, offset, limit).await
    }

    async fn conflict(&self, id: &str) -> Result<Option<ConflictRow>> {
        let query = sqlx::query(concat!("SELECT ", conflict_columns!(), " FROM conflicts c WHERE c.id = ?1"))
            .bind(id);
        perhaps(&self.readers, query, rows::conflict).await
    }

    async fn open_conflict_of(&self, pair: &str) -> Result<Option<ConflictRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            conflict_columns!(),
            " FROM conflicts c WHERE c.pair = ?1 AND c.state <> 'closed'"
        ))
        .bind(pair);
        perhaps(&self.readers, query, rows::conflict).await
    }

    async fn open_conflicts_of(&self, pairs: &[&str]) -> Result<Vec<ConflictRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            conflict_columns!(),
            " FROM json_each(?1) named CROSS JOIN conflicts c INDEXED BY one_unfinished_conflict_per_pair \
             ON c.pair = named.value AND c.state <> 'closed'"
        ))
        .bind(list(pairs));
        all(&self.readers, query, rows::conflict).await
    }

    async fn conflicts(
        &self,
        filter: &ConflictFilter,
        now_ms: i64,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<ConflictRow>, u64)> {
        // Only the narrow index is read to filter, order and count; the wide rows of one page afterwards.
        macro_rules! matching {
            () => {
                " FROM conflicts k INDEXED BY conflicts_by_urgency \
                 WHERE (?1 = '' OR instr(?1, ',' || k.state || ',') > 0) \
                 AND (?2 IS NULL OR k.grade = ?2) \
                 AND (?3 IS NULL OR instr(',' || k.fields || ',', ',' || ?3 || ',') > 0) \
                 AND (?4 IS NULL OR k.cause = ?4) \
                 AND (?5 IS NULL OR k.pair = ?5) \
                 AND (k.snoozed_until_ms IS NULL OR k.snoozed_until_ms <= ?6 OR k.state = 'closed') \
                 AND NOT EXISTS (SELECT 1 FROM json_each(?7) AS word WHERE instr(k.words, word.value) = 0)"
            };
        }
        let words: Vec<String> = folding::query_words(filter.text.as_deref().unwrap_or_default())
            .iter()
            .map(|w| format!(" {w}"))
            .collect();
        let words = list(&words);
        let states = listed(&filter.states);
        let bound = |text: &'static str| {
            sqlx::query(text)
                .bind(states.clone())
                .bind(filter.grade.map(i64::from))
                .bind(filter.field.clone())
                .bind(filter.cause.map(Word::word))
                .bind(filter.pair.clone())
                .bind(now_ms)
                .bind(words.clone())
        };
        let page = bound(concat!(
            "SELECT ",
            conflict_columns!(),
            " FROM (SELECT k.no, k.grade, k.opened_at_ms, k.id",
            matching!(),
            " ORDER BY k.grade DESC, k.opened_at_ms, k.id LIMIT ?8 OFFSET ?9) m CROSS JOIN conflicts c ON c.no = m.no \
             ORDER BY m.grade DESC, m.opened_at_ms, m.id"
        ))
        .bind(i64::from(limit))
        .bind(i64::from(offset));
        let found = all(&self.readers, page, rows::conflict).await?;
        let total = number(&self.readers, bound(concat!("SELECT count(*)", matching!()))).await?;
        Ok((found, total))
    }

    async fn plan(&self, id: &str) -> Result<Option<PlanRow>> {
        let query = sqlx::query(concat!("SELECT ", plan_columns!(), " FROM plans WHERE id = ?1")).bind(id);
        perhaps(&self.readers, query, rows::plan).await
    }

    async fn plans(&self, state: Option<PlanState>, offset: u32, limit: u32) -> Result<Vec<PlanRow>> {
        let query = match state {
            Some(state) => sqlx::query(concat!(
                "SELECT ",
                plan_columns!(),
                " FROM plans WHERE state = ?3 ORDER BY made_at_ms DESC, id DESC LIMIT ?1 OFFSET ?2"
            ))
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .bind(state.word()),
            None => sqlx::query(concat!(
                "SELECT ",
                plan_columns!(),
                " FROM plans ORDER BY made_at_ms DESC, id DESC LIMIT ?1 OFFSET ?2"
            ))
            .bind(i64::from(limit))
            .bind(i64::from(offset)),
        };
        all(&self.readers, query, rows::plan).await
    }

    async fn plans_without_work(&self, limit: u32) -> Result<Vec<PlanRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            plan_columns!(),
            " FROM plans WHERE state = 'approved' AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.plan = plans.id \
             AND o.state IN ('waiting', 'running', 'retrying', 'parked')) ORDER BY made_at_ms, id LIMIT ?1"
        ))
        .bind(i64::from(limit));
        all(&self.readers, query, rows::plan).await
    }

    async fn pairs_waiting_for_nothing(&self, limit: u32) -> Result<Vec<String>> {
        let query = sqlx::query(
            "SELECT id FROM pairs WHERE kind = 'patient' AND status = 'waiting' AND NOT EXISTS (SELECT 1 FROM operations o \
             WHERE o.lane = pairs.id AND o.state IN ('waiting', 'running', 'retrying', 'parked')) ORDER BY id LIMIT ?1",
        )
        .bind(i64::from(limit));
        all(&self.readers, query, only::<String>).await
    }

    async fn claim_operations(
        &self,
        now_ms: i64,
        limit: u32,
        remotes: &[Remote],
    ) -> Result<Vec<OperationRow>> {
        self.writer.claim(now_ms, limit, remotes).await
    }

    async fn operation(&self, id: &str) -> Result<Option<OperationRow>> {
        let query =
            sqlx::query(concat!("SELECT ", operation_columns!(), " FROM operations WHERE id = ?1")).bind(id);
        perhaps(&self.readers, query, rows::operation).await
    }

    async fn operations(
        &self,
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
                     AND (?3 = '' OR instr(?3, ',' || state || ',') > 0) ORDER BY no LIMIT ?4 OFFSET ?5"
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
        all(&self.readers, query, rows::operation).await
    }

    async fn lanes_with_work(&self, lanes: &[&str]) -> Result<Vec<String>> {
        let query = sqlx::query(
            "SELECT DISTINCT o.lane FROM json_each(?1) named CROSS JOIN operations o INDEXED BY operations_unfinished \
             ON o.lane = named.value AND o.state IN ('waiting', 'running', 'retrying', 'parked')",
        )
        .bind(list(lanes));
        all(&self.readers, query, only).await
    }

    async fn operation_counts(&self) -> Result<Vec<(OperationState, u64)>> {
        let query = sqlx::query("SELECT state, count(*) FROM operations GROUP BY state");
        let mut counts: Vec<(OperationState, u64)> =
            all(&self.readers, query, |columns| Ok((columns.word()?, columns.next::<i64>()?.unsigned_abs())))
                .await?;
        counts.sort_unstable();
        Ok(counts)
    }

    async fn next_operation_due_ms(&self, remotes: &[Remote]) -> Result<Option<i64>> {
        // Heads of lanes only: what waits behind a parked or running operation is not due, however old it is.
        let mut next = None;
        for remote in remotes {
            let query = sqlx::query(
                "SELECT h.due_at_ms FROM operations h WHERE h.remote = ?1 AND h.state IN ('waiting', 'retrying') \
                 AND NOT EXISTS (SELECT 1 FROM operations e WHERE e.lane = h.lane AND e.seq < h.seq \
                 AND e.state IN ('waiting', 'running', 'retrying', 'parked')) ORDER BY h.due_at_ms, h.no LIMIT 1",
            )
            .bind(remote.word());
            let due_ms: Option<i64> = perhaps(&self.readers, query, only).await?;
            next = match (next, due_ms) {
                (Some(one), Some(other)) => Some(i64::min(one, other)),
                (one, other) => one.or(other),
            };
        }
        Ok(next)
    }

    async fn queue_lanes(&self, filter: &QueueFilter, offset: u32, limit: u32) -> Result<(Vec<String>, u64)> {
        let query = sqlx::query(concat!(
            "SELECT lane FROM operations WHERE ",
            queued!(),
            " GROUP BY lane ORDER BY min(no) LIMIT ?5 OFFSET ?6"
        ));
        let lanes = by_queue(query, filter).bind(i64::from(limit)).bind(i64::from(offset));
        let lanes = all(&self.readers, lanes, only).await?;
        let query = sqlx::query(concat!("SELECT count(DISTINCT lane) FROM operations WHERE ", queued!()));
        Ok((lanes, number(&self.readers, by_queue(query, filter)).await?))
    }

    async fn queue_operations(
        &self,
        filter: &QueueFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<OperationRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            operation_columns!(),
            " FROM operations WHERE ",
            queued!(),
            " ORDER BY no LIMIT ?5 OFFSET ?6"
        ));
        let query = by_queue(query, filter).bind(i64::from(limit)).bind(i64::from(offset));
        all(&self.readers, query, rows::operation).await
    }

    async fn queue_counts(&self) -> Result<Vec<(Remote, OperationState, u64)>> {
        let query = sqlx::query(
            "SELECT remote, state, count(*) FROM operations GROUP BY remote, state ORDER BY 1, 2",
        );
        all(&self.readers, query, |columns| {
            Ok((columns.word()?, columns.word()?, columns.next::<i64>()?.unsigned_abs()))
        })
        .await
    }

    async fn operation_causes(&self) -> Result<Vec<OperationCause>> {
        let query = sqlx::query(
            "SELECT cause, count(*), sum(state = 'parked'), min(enqueued_at_ms), \
             (SELECT f.id FROM operations f WHERE f.cause = o.cause \
             AND f.state IN ('waiting', 'running', 'retrying', 'parked') ORDER BY f.no LIMIT 1) \
             FROM operations o WHERE cause IS NOT NULL AND state IN ('waiting', 'running', 'retrying', 'parked') \
             GROUP BY cause ORDER BY 2 DESC, cause",
        );
        all(&self.readers, query, |columns| {
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

    async fn replacement_of(&self, operation: &str) -> Result<Option<OperationRow>> {
        let query =
            sqlx::query(concat!("SELECT ", operation_columns!(), " FROM operations WHERE replaces = ?1"))
                .bind(operation);
        perhaps(&self.readers, query, rows::operation).await
    }

    async fn incidents(&self, open_only: bool, offset: u32, limit: u32) -> Result<(Vec<IncidentRow>, u64)> {
        let query = sqlx::query(concat!(
            "SELECT ",
            incident_columns!(),
            " FROM incidents WHERE (NOT ?1 OR state = 'open') \
             ORDER BY state = 'closed', last_seen_at_ms DESC, no DESC LIMIT ?2 OFFSET ?3"
        ))
        .bind(open_only)
        .bind(i64::from(limit))
        .bind(i64::from(offset));
        let rows = all(&self.readers, query, rows::incident).await?;
        let query =
            sqlx::query("SELECT count(*) FROM incidents WHERE (NOT ?1 OR state = 'open')").bind(open_only);
        Ok((rows, number(&self.readers, query).await?))
    }

    async fn incident(&self, id: &str) -> Result<Option<IncidentRow>> {
        let query =
            sqlx::query(concat!("SELECT ", incident_columns!(), " FROM incidents WHERE id = ?1")).bind(id);
        perhaps(&self.readers, query, rows::incident).await
    }

    async fn receipts(&self, pair: Option<&str>, offset: u32, limit: u32) -> Result<Vec<ReceiptRow>> {
        let query = match pair {
            Some(pair) => sqlx::query(concat!(
                "SELECT ",
                receipt_columns!(),
                " FROM receipts WHERE pair = ?3 ORDER BY at_ms DESC, operation DESC LIMIT ?1 OFFSET ?2"
            ))
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .bind(pair),
            None => sqlx::query(concat!(
                "SELECT ",
                receipt_columns!(),
                " FROM receipts ORDER BY at_ms DESC, operation DESC LIMIT ?1 OFFSET ?2"
            ))
            .bind(i64::from(limit))
            .bind(i64::from(offset)),
        };
        all(&self.readers, query, rows::receipt).await
    }

    async fn receipt(&self, operation: &str) -> Result<Option<ReceiptRow>> {
        let query =
            sqlx::query(concat!("SELECT ", receipt_columns!(), " FROM receipts WHERE operation = ?1"))
                .bind(operation);
        perhaps(&self.readers, query, rows::receipt).await
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>> {
        let query = sqlx::query(concat!("SELECT ", run_columns!(), " FROM runs WHERE id = ?1")).bind(id);
        perhaps(&self.readers, query, rows::run).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            run_columns!(),
            " FROM runs ORDER BY started_at_ms DESC, id DESC LIMIT ?1"
        ))
        .bind(i64::from(limit));
        all(&self.readers, query, rows::run).await
    }

    async fn possible_duplicates(&self, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            duplicate_columns!(),
            " FROM duplicates WHERE answer IS NULL \
             ORDER BY at_ms, a_remote, a_kind, a_key, b_remote, b_kind, b_key LIMIT ?1 OFFSET ?2"
        ))
        .bind(i64::from(limit))
        .bind(i64::from(offset));
        all(&self.readers, query, rows::duplicate).await
    }

    async fn duplicate_between(&self, a: &SnapshotId, b: &SnapshotId) -> Result<Option<DuplicateRow>> {
        let (a, b) = in_order(a, b);
        let query = sqlx::query(concat!(
            "SELECT ",
            duplicate_columns!(),
            " FROM duplicates WHERE a_remote = ? AND a_kind = ? AND a_key = ? AND b_remote = ? AND b_kind = ? \
             AND b_key = ?"
        ));
        perhaps(&self.readers, by_id(by_id(query, a), b), rows::duplicate).await
    }

    async fn quarantine(
        &self,
        filter: &QuarantineFilter,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<QuarantineRow>, u64)> {
        macro_rules! matching {
            () => {
                " FROM quarantined WHERE (?1 = '' OR instr(?1, ',' || state || ',') > 0) \
                 AND (?2 IS NULL OR remote = ?2) \
                 AND (?3 IS NULL OR (remote = ?4 AND kind IS ?5 AND field = ?3 AND class = ?6)) \
                 AND (?7 IS NULL OR (event IS NULL AND key = ?7 AND remote = ?8 AND kind = ?9)) \
                 AND (?10 IS NULL OR replaces = ?10)"
            };
        }
        let cause = filter.cause.as_ref();
        let record = filter.record.as_ref();
        let bound = |text: &'static str| {
            sqlx::query(text)
                .bind(listed(&filter.states))
                .bind(filter.remote.map(Word::word))
                .bind(cause.map(|cause| cause.field.clone()))
                .bind(cause.map(|cause| cause.remote.word()))
                .bind(cause.and_then(|cause| cause.kind).map(Word::word))
                .bind(cause.map(|cause| cause.class.clone()))
                .bind(record.map(|record| record.key.clone()))
                .bind(record.map(|record| record.remote.word()))
                .bind(record.map(|record| record.kind.word()))
                .bind(filter.replaces.clone())
        };
        let page = bound(concat!(
            "SELECT ",
            entry_columns!(),
            matching!(),
            " ORDER BY last_seen_at_ms DESC, no DESC LIMIT ?11 OFFSET ?12"
        ))
        .bind(i64::from(limit))
        .bind(i64::from(offset));
        let found = all(&self.readers, page, inbox::entry).await?;
        let total = number(&self.readers, bound(concat!("SELECT count(*)", matching!()))).await?;
        Ok((found, total))
    }

    async fn quarantine_of_cause(&self, cause: &QuarantineCause) -> Result<Vec<String>> {
        let query = sqlx::query(
            "SELECT q.id FROM quarantined q LEFT JOIN inbox e ON e.id = q.event \
             WHERE q.state = 'open' AND q.remote = ?1 AND q.kind IS ?2 AND q.field = ?3 AND q.class = ?4 \
             ORDER BY e.turn, e.no, q.no",
        )
        .bind(cause.remote.word())
        .bind(cause.kind.map(Word::word))
        .bind(cause.field.as_str())
        .bind(cause.class.as_str());
        all(&self.readers, query, only).await
    }

    async fn quarantined(&self, id: &str) -> Result<Option<QuarantineRow>> {
        let query =
            sqlx::query(concat!("SELECT ", entry_columns!(), " FROM quarantined WHERE id = ?1")).bind(id);
        perhaps(&self.readers, query, inbox::entry).await
    }

    async fn quarantine_causes(&self) -> Result<Vec<CauseCount>> {
        let query = sqlx::query(
            "SELECT c.remote, c.kind, c.field, c.class, c.open, o.first_seen_at_ms, o.problem FROM (\
             SELECT remote, kind, field, class, count(*) AS open, min(no) AS oldest FROM quarantined \
             WHERE state = 'open' GROUP BY remote, kind, field, class) c JOIN quarantined o ON o.no = c.oldest \
             ORDER BY c.open DESC, c.oldest",
        );
        all(&self.readers, query, inbox::cause_count).await
    }

    async fn unreadable_records(&self) -> Result<Vec<SnapshotId>> {
        let query = sqlx::query(
            "SELECT remote, kind, key FROM quarantined WHERE state = 'open' AND event IS NULL AND key IS NOT NULL \
             ORDER BY remote, kind, key",
        );
        all(&self.readers, query, rows::snapshot_id).await
    }

    async fn claim_events(&self, now_ms: i64, records: u32) -> Result<Vec<InboxRow>> {
        self.writer.claim_events(now_ms, records).await
    }

    async fn event(&self, id: &str) -> Result<Option<InboxRow>> {
        let query = sqlx::query(concat!("SELECT ", event_columns!(), " FROM inbox WHERE id = ?1")).bind(id);
        perhaps(&self.readers, query, inbox::event).await
    }

    async fn event_of_message(&self, remote: Remote, message: &str) -> Result<Option<InboxRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            event_columns!(),
            " FROM inbox WHERE remote = ?1 AND message = ?2"
        ))
        .bind(remote.word())
        .bind(message);
        perhaps(&self.readers, query, inbox::event).await
    }

    async fn events(&self, state: InboxState, offset: u32, limit: u32) -> Result<Vec<InboxRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            event_columns!(),
            " FROM inbox WHERE state = ?1 ORDER BY turn, no LIMIT ?2 OFFSET ?3"
        ))
        .bind(state.word())
        .bind(i64::from(limit))
        .bind(i64::from(offset));
        all(&self.readers, query, inbox::event).await
    }

    async fn event_counts(&self) -> Result<Vec<(InboxState, u64)>> {
        let query = sqlx::query("SELECT state, count(*) FROM inbox GROUP BY state");
        let mut counts: Vec<(InboxState, u64)> =
            all(&self.readers, query, |columns| Ok((columns.word()?, columns.next::<i64>()?.unsigned_abs())))
                .await?;
        counts.sort_unstable();
        Ok(counts)
    }

    async fn next_event_due_ms(&self) -> Result<Option<i64>> {
        // Of the first event of each record: what came after it waits for it. One that is being looked at needs no
        // waking.
        let query = sqlx::query(
            "SELECT min(h.due_at_ms) FROM inbox h WHERE h.state = 'accepted' AND NOT EXISTS (\
             SELECT 1 FROM inbox e WHERE e.remote = h.remote AND e.kind = h.kind AND e.key = h.key \
             AND e.state IN ('accepted', 'running') \
             AND (e.state = 'running' OR e.turn < h.turn OR (e.turn = h.turn AND e.no < h.no)))",
        );
        Ok(perhaps(&self.readers, query, only::<Option<i64>>).await?.flatten())
    }

    async fn audit(&self, subject: Option<&str>, offset: u32, limit: u32) -> Result<Vec<AuditRow>> {
        let query = match subject {
            Some(subject) => sqlx::query(concat!(
                "SELECT ",
                audit_columns!(),
                " FROM audit WHERE subject = ?3 ORDER BY no DESC LIMIT ?1 OFFSET ?2"
            ))
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .bind(subject),
            None => sqlx::query(concat!(
                "SELECT ",
                audit_columns!(),
                " FROM audit ORDER BY no DESC LIMIT ?1 OFFSET ?2"
            ))
            .bind(i64::from(limit))
            .bind(i64::from(offset)),
        };
        all(&self.readers, query, rows::audit).await
    }

    async fn value(&self, key: &str) -> Result<Option<String>> {
        let query = sqlx::query("SELECT value FROM small_values WHERE key = ?1").bind(key);
        perhaps(&self.readers, query, only).await
    }

    async fn check(&self) -> Result<Vec<String>> {
        let mut problems = self.writer.verify().await?;
        problems.extend(check::problems(self.readers.get().await?.connection()?).await?);
        Ok(problems)
    }

    async fn close(&self) {
        // Readers first: the writer then folds the whole log into the file.
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Batch for SqliteStore {
    async fn seal(&self) -> Result<()> {
        self.writer.seal().await
    }
}
