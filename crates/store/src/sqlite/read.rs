//! What readers ask, and the store's interface as a whole.

mod arrivals;
mod duplicates;
mod outbox;
mod questions;
mod records;

use std::sync::Arc;

use async_trait::async_trait;
use record::{RecordKind, Remote};
use sqlx::{Decode, Sqlite};
use tokio::sync::Mutex;

use super::{
    SqliteStore,
    batch::{Lent, Readers, Writing},
    bulk::Bound,
    check,
    errors::typed,
    reports,
    rows::{self, Columns, audit_columns, run_columns},
    schedule::{self, slot_columns},
    search,
};
use crate::{
    AnswerCount, AuditRow, Batch, CauseCount, Change, ConflictFilter, ConflictRow, Dependants, DuplicateRow,
    InboxRow, InboxState, IncidentRow, LaneWork, OperationCause, OperationFilter, OperationRow,
    OperationState, PairDigests, PairPage, PairRow, PairStatus, PairValues, PlanRow, PlanState,
    QuarantineCause, QuarantineFilter, QuarantineRow, QuestionCounts, QueueFilter, ReceiptRow, Result,
    RunRow, ScheduleName, SlotRow, SnapshotId, SnapshotRow, Store, UnpairedRow, WriteCount, words::Word,
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
        // Who reads over the writing connection could read nothing beside a batch.
        let (Writing::Queue(writer), Readers::Pools { .. }) = (&self.writer, &self.readers) else {
            return Ok(None);
        };
        let lent: Arc<Mutex<Lent>> = Arc::new(Mutex::new(writer.lend(true).await?));
        Ok(Some(Arc::new(SqliteStore {
            readers: Readers::Batch(Arc::clone(&lent)),
            writer: Writing::Batch(lent),
        })))
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<SnapshotRow>> {
        records::snapshot(&self.readers, id).await
    }

    async fn snapshots_named(
        &self,
        remote: Remote,
        kind: RecordKind,
        keys: &[&str],
    ) -> Result<Vec<SnapshotRow>> {
        records::snapshots_named(&self.readers, remote, kind, keys).await
    }

    async fn records_after(
        &self,
        remote: Remote,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>> {
        records::records_after(&self.readers, remote, kind, after, limit).await
    }

    async fn unseen_keys(
        &self,
        remote: Remote,
        kind: RecordKind,
        run: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        records::unseen_keys(&self.readers, remote, kind, run, after, limit).await
    }

    async fn snapshot_count(&self, remote: Remote, kind: RecordKind) -> Result<u64> {
        records::snapshot_count(&self.readers, remote, kind).await
    }

    async fn pair(&self, id: &str) -> Result<Option<PairRow>> {
        records::pair(&self.readers, id).await
    }

    async fn pair_by_key(&self, remote: Remote, kind: RecordKind, key: &str) -> Result<Option<PairRow>> {
        records::pair_by_key(&self.readers, remote, kind, key).await
    }

    async fn pairs_by_keys(&self, remote: Remote, kind: RecordKind, keys: &[&str]) -> Result<Vec<PairRow>> {
        records::pairs_by_keys(&self.readers, remote, kind, keys).await
    }

    async fn pairs_after(
        &self,
        kind: RecordKind,
        status: Option<PairStatus>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PairRow>> {
        records::pairs_after(&self.readers, kind, status, after, limit).await
    }

    async fn pairs_between(
        &self,
        kind: RecordKind,
        from: &str,
        until: &str,
        limit: u32,
    ) -> Result<Vec<PairRow>> {
        records::pairs_between(&self.readers, kind, from, until, limit).await
    }

    async fn pairs_named(&self, ids: &[&str]) -> Result<Vec<PairPage>> {
        records::pairs_named(&self.readers, ids).await
    }

    async fn pair_values(&self, ids: &[&str]) -> Result<Vec<PairValues>> {
        records::pair_values(&self.readers, ids).await
    }

    async fn pair_digests_after(
        &self,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PairDigests>> {
        records::pair_digests_after(&self.readers, kind, after, limit).await
    }

    async fn unpaired_after(
        &self,
        remote: Remote,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<UnpairedRow>> {
        records::unpaired_after(&self.readers, remote, kind, after, limit).await
    }

    async fn pair_counts(&self, kind: RecordKind) -> Result<Vec<(PairStatus, u64)>> {
        records::pair_counts(&self.readers, kind).await
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
        questions::conflict(&self.readers, id).await
    }

    async fn open_conflict_of(&self, pair: &str) -> Result<Option<ConflictRow>> {
        questions::open_conflict_of(&self.readers, pair).await
    }

    async fn open_conflicts_of(&self, pairs: &[&str]) -> Result<Vec<ConflictRow>> {
        questions::open_conflicts_of(&self.readers, pairs).await
    }

    async fn conflicts(
        &self,
        filter: &ConflictFilter,
        now_ms: i64,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<ConflictRow>, u64)> {
        questions::conflicts(&self.readers, filter, now_ms, offset, limit).await
    }

    async fn plan(&self, id: &str) -> Result<Option<PlanRow>> {
        questions::plan(&self.readers, id).await
    }

    async fn waiting_plan_of(&self, pair: &str) -> Result<Option<PlanRow>> {
        questions::waiting_plan_of(&self.readers, pair).await
    }

    async fn waiting_plans(&self) -> Result<Vec<String>> {
        questions::waiting_plans(&self.readers).await
    }

    async fn plans(&self, state: Option<PlanState>, offset: u32, limit: u32) -> Result<Vec<PlanRow>> {
        questions::plans(&self.readers, state, offset, limit).await
    }

    async fn plans_without_work(&self, limit: u32) -> Result<Vec<PlanRow>> {
        questions::plans_without_work(&self.readers, limit).await
    }

    async fn pairs_waiting_for_nothing(&self, limit: u32) -> Result<Vec<String>> {
        questions::pairs_waiting_for_nothing(&self.readers, limit).await
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
        outbox::operation(&self.readers, id).await
    }

    async fn operations(
        &self,
        filter: &OperationFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<OperationRow>> {
        outbox::operations(&self.readers, filter, offset, limit).await
    }

    async fn lanes_with_work(&self, lanes: &[&str]) -> Result<Vec<String>> {
        outbox::lanes_with_work(&self.readers, lanes).await
    }

    async fn lane_work(&self, lanes: &[&str]) -> Result<Vec<LaneWork>> {
        outbox::lane_work(&self.readers, lanes).await
    }

    async fn operation_counts(&self) -> Result<Vec<(OperationState, u64)>> {
        outbox::operation_counts(&self.readers).await
    }

    async fn next_operation_due_ms(&self, remotes: &[Remote]) -> Result<Option<i64>> {
        outbox::next_operation_due_ms(&self.readers, remotes).await
    }

    async fn queue_lanes(&self, filter: &QueueFilter, offset: u32, limit: u32) -> Result<(Vec<String>, u64)> {
        outbox::queue_lanes(&self.readers, filter, offset, limit).await
    }

    async fn queue_operations(
        &self,
        filter: &QueueFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<OperationRow>> {
        outbox::queue_operations(&self.readers, filter, offset, limit).await
    }

    async fn queue_counts(&self) -> Result<Vec<(Remote, OperationState, u64)>> {
        outbox::queue_counts(&self.readers).await
    }

    async fn operation_causes(&self) -> Result<Vec<OperationCause>> {
        outbox::operation_causes(&self.readers).await
    }

    async fn replacement_of(&self, operation: &str) -> Result<Option<OperationRow>> {
        outbox::replacement_of(&self.readers, operation).await
    }

    async fn incidents(&self, open_only: bool, offset: u32, limit: u32) -> Result<(Vec<IncidentRow>, u64)> {
        outbox::incidents(&self.readers, open_only, offset, limit).await
    }

    async fn incident(&self, id: &str) -> Result<Option<IncidentRow>> {
        outbox::incident(&self.readers, id).await
    }

    async fn receipts(&self, pair: Option<&str>, offset: u32, limit: u32) -> Result<Vec<ReceiptRow>> {
        outbox::receipts(&self.readers, pair, offset, limit).await
    }

    async fn receipts_of_appointments(&self, after_ms: i64, limit: u32) -> Result<Vec<ReceiptRow>> {
        outbox::receipts_of_appointments(&self.readers, after_ms, limit).await
    }

    async fn receipt(&self, operation: &str) -> Result<Option<ReceiptRow>> {
        outbox::receipt(&self.readers, operation).await
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>> {
        let query = sqlx::query(concat!("SELECT ", run_columns!(), " FROM runs WHERE id = ?1")).bind(id);
        perhaps(&self.readers, query, rows::run).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            run_columns!(),
            " FROM runs ORDER BY started_at_ms DESC, id DESC LIMIT (?1 + 0)"
        ))
        .bind(i64::from(limit));
        all(&self.readers, query, rows::run).await
    }

    async fn run_facts(&self, run: &str) -> Result<Option<String>> {
        reports::facts(&self.readers, run).await
    }

    async fn run_before(&self, run: &RunRow) -> Result<Option<RunRow>> {
        reports::run_before(&self.readers, run).await
    }

    async fn runs_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<RunRow>> {
        reports::runs_between(&self.readers, from_ms, until_ms).await
    }

    async fn answers_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<AnswerCount>> {
        reports::answers_between(&self.readers, from_ms, until_ms).await
    }

    async fn writes_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<WriteCount>> {
        reports::writes_between(&self.readers, from_ms, until_ms).await
    }

    async fn questions_between(&self, from_ms: i64, until_ms: i64) -> Result<QuestionCounts> {
        reports::questions_between(&self.readers, from_ms, until_ms).await
    }

    async fn slot(&self, schedule: ScheduleName, slot: &str) -> Result<Option<SlotRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            slot_columns!(),
            " FROM scheduled_slots WHERE schedule = ?1 AND slot = ?2"
        ))
        .bind(schedule.word())
        .bind(slot);
        perhaps(&self.readers, query, schedule::slot).await
    }

    async fn slots(&self, schedule: ScheduleName, limit: u32) -> Result<Vec<SlotRow>> {
        let query = sqlx::query(concat!(
            "SELECT ",
            slot_columns!(),
            " FROM scheduled_slots WHERE schedule = ?1 ORDER BY slot DESC LIMIT (?2 + 0)"
        ))
        .bind(schedule.word())
        .bind(i64::from(limit));
        all(&self.readers, query, schedule::slot).await
    }

    async fn possible_duplicates(&self, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>> {
        duplicates::possible(&self.readers, offset, limit).await
    }

    async fn answered_duplicates(&self, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>> {
        duplicates::answered(&self.readers, offset, limit).await
    }

    async fn duplicates_of(&self, id: &SnapshotId) -> Result<Vec<DuplicateRow>> {
        duplicates::of_record(&self.readers, id).await
    }

    async fn dependants(&self, patients: &[(Remote, &str)]) -> Result<Vec<Dependants>> {
        duplicates::dependants(&self.readers, patients).await
    }

    async fn duplicate_between(&self, a: &SnapshotId, b: &SnapshotId) -> Result<Option<DuplicateRow>> {
        duplicates::between(&self.readers, a, b).await
    }

    async fn quarantine(
        &self,
        filter: &QuarantineFilter,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<QuarantineRow>, u64)> {
        arrivals::quarantine(&self.readers, filter, offset, limit).await
    }

    async fn quarantine_of_cause(&self, cause: &QuarantineCause) -> Result<Vec<String>> {
        arrivals::quarantine_of_cause(&self.readers, cause).await
    }

    async fn quarantined(&self, id: &str) -> Result<Option<QuarantineRow>> {
        arrivals::quarantined(&self.readers, id).await
    }

    async fn quarantine_causes(&self) -> Result<Vec<CauseCount>> {
        arrivals::quarantine_causes(&self.readers).await
    }

    async fn unreadable_records(&self) -> Result<Vec<SnapshotId>> {
        arrivals::unreadable_records(&self.readers).await
    }

    async fn claim_events(&self, now_ms: i64, records: u32) -> Result<Vec<InboxRow>> {
        self.writer.claim_events(now_ms, records).await
    }

    async fn event(&self, id: &str) -> Result<Option<InboxRow>> {
        arrivals::event(&self.readers, id).await
    }

    async fn event_of_message(&self, remote: Remote, message: &str) -> Result<Option<InboxRow>> {
        arrivals::event_of_message(&self.readers, remote, message).await
    }

    async fn events(&self, state: InboxState, offset: u32, limit: u32) -> Result<Vec<InboxRow>> {
        arrivals::events(&self.readers, state, offset, limit).await
    }

    async fn event_counts(&self) -> Result<Vec<(InboxState, u64)>> {
        arrivals::event_counts(&self.readers).await
    }

    async fn next_event_due_ms(&self) -> Result<Option<i64>> {
        arrivals::next_event_due_ms(&self.readers).await
    }

    async fn audit(&self, subject: Option<&str>, offset: u32, limit: u32) -> Result<Vec<AuditRow>> {
        let query = match subject {
            Some(subject) => sqlx::query(concat!(
                "SELECT ",
                audit_columns!(),
                " FROM audit WHERE subject = ?3 ORDER BY no DESC LIMIT (?1 + 0) OFFSET ?2"
            ))
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .bind(subject),
            None => sqlx::query(concat!(
                "SELECT ",
                audit_columns!(),
                " FROM audit ORDER BY no DESC LIMIT (?1 + 0) OFFSET ?2"
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
