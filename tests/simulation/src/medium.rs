//! The real store on a fast medium, with a process that can end before or after any commit.

use crate::mutations::{self, Mutation};
use async_trait::async_trait;
use record::{RecordKind, Remote};
use secrecy::SecretBox;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use store::sqlite::{OpenOptions, SqliteStore};
use store::{
    AuditRow, Batch, CauseCount, Change, ConflictFilter, ConflictRow, Dependants, DuplicateRow, InboxRow,
    InboxState, IncidentRow, LaneWork, OperationCause, OperationFilter, OperationRow, OperationState,
    PairDigests, PairPage, PairRow, PairStatus, PairValues, PlanRow, PlanState, QuarantineCause,
    QuarantineFilter, QuarantineRow, QueueFilter, ReceiptRow, Result, RunRow, SnapshotId, SnapshotRow, Store,
    StoreError, UnpairedRow,
};
use tokio::sync::Notify;

/// Where the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The commit is not in the database.
    Before,
    /// It is, and nobody was told.
    After,
}

/// Counts commits and ends the process at one of them.
#[derive(Debug, Default)]
pub struct Gate {
    commits: AtomicU64,
    armed: Mutex<Option<(u64, Edge)>>,
    full: Mutex<Option<(u64, u64)>>,
    closed: AtomicBool,
    /// Told when the process has ended.
    pub ended: Notify,
}

impl Gate {
    /// Ends the process at the commit that many from now (1 is the next).
    pub fn arm(&self, commits_ahead: u64, edge: Edge) {
        let at = self.commits.load(Ordering::SeqCst) + commits_ahead;
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, edge));
    }

    /// Nothing ends any more.
    pub fn disarm(&self) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.full.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn next(&self) -> Option<Edge> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.filter(|(at, _)| *at == number).map(|(_, edge)| edge)
    }

    async fn through<T>(&self, commit: impl Future<Output = Result<T>>) -> Result<T> {
        let edge = self.next();
        if self.disk_is_full() {
            // What was not written is given up with the future.
            return Err(StoreError::DiskFull);
        }
        match edge {
            Some(Edge::Before) => self.end().await,
            Some(Edge::After) => {
                let _told_to_nobody = commit.await;
                self.end().await
            }
            None => commit.await,
        }
    }

    /// There is no room left on the disk for so many commits (1 is one), from the one that many from now on.
    pub fn fill_the_disk(&self, commits_ahead: u64, commits: u64) {
        let from = self.commits.load(Ordering::SeqCst) + commits_ahead;
        *self.full.lock().unwrap_or_else(PoisonError::into_inner) = Some((from, from + commits));
    }

    fn disk_is_full(&self) -> bool {
        let number = self.commits.load(Ordering::SeqCst);
        let full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        full.is_some_and(|(from, until)| (from..until).contains(&number))
    }

    async fn end<T>(&self) -> T {
        self.closed.store(true, Ordering::SeqCst);
        self.ended.notify_one();
        std::future::pending().await
    }
}

/// A transaction that many commits share.
struct Held {
    batch: Arc<dyn Batch>,
    /// The disk was full: everything in it is gone, and nothing more is taken, as with the real one.
    lost: AtomicBool,
}

/// The store as the engine sees it.
pub struct Medium {
    inner: Arc<dyn Store>,
    /// The transaction that is held, if this is one.
    held: Option<Held>,
    mutation: Option<Mutation>,
    /// What a dead process has still to say about operations it had under way.
    lingering: Arc<Mutex<Lingering>>,
    /// Where it ends.
    pub gate: Arc<Gate>,
}

/// A dead process, seen from the store: it says how its operations ended when another one has claimed them again.
#[derive(Debug, Default)]
struct Lingering {
    waiting: Vec<LateWord>,
    /// Their operations are claimed again: said before the next commit.
    due: Vec<LateWord>,
    /// Which operations it was about, and whether the store took it.
    said: Vec<(String, bool)>,
}

/// How an operation ended, by a process that is dead.
#[derive(Debug)]
struct LateWord {
    operation: String,
    claim: u32,
    state: OperationState,
    at_ms: i64,
}

const KEY: [u8; 32] = [7; 32];

fn options() -> OpenOptions {
    // A day asks for one thing after the other, and nobody else can reach its file.
    OpenOptions { readers: 0, cache_kib: 4 * 1024, unauthenticated: true, ..OpenOptions::default() }
}

/// A folder on a file system that lives in memory where there is one.
pub fn folder() -> std::io::Result<tempfile::TempDir> {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }
}

/// A new, empty database: made once, copied for every day.
async fn template() -> Arc<Vec<u8>> {
    static MADE: OnceLock<Arc<Vec<u8>>> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Arc::clone(made);
    }
    let folder = folder().expect("a temporary folder");
    let path = folder.path().join("template.db");
    let key = SecretBox::new(Box::new(KEY));
    let store = SqliteStore::open_with(&path, &key, 0, &options()).await.expect("a new database");
    store.close().await;
    let bytes = Arc::new(std::fs::read(&path).expect("the new database"));
    Arc::clone(MADE.get_or_init(|| bytes))
}

impl Medium {
    /// A new, empty database in this folder.
    pub async fn begin(folder: &Path, mutation: Option<Mutation>) -> (Medium, PathBuf) {
        let path = folder.join("day-0.db");
        std::fs::write(&path, &*template().await).expect("room for the database");
        (Medium::open(&path, mutation).await, path)
    }

    async fn open(path: &Path, mutation: Option<Mutation>) -> Medium {
        let key = SecretBox::new(Box::new(KEY));
        let inner = SqliteStore::open_with(path, &key, 0, &options()).await.expect("the database opens");
        Medium {
            inner: Arc::new(inner),
            held: None,
            mutation,
            lingering: Arc::default(),
            gate: Arc::default(),
        }
    }

    /// Writes through the gate: where the process may end, or the disk be full.
    async fn write<T>(&self, commit: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(held) = &self.held else { return self.gate.through(commit).await };
        if held.lost.load(Ordering::SeqCst) {
            return Err(StoreError::Other("the transaction is over".to_owned()));
        }
        let written = self.gate.through(commit).await;
        if matches!(written, Err(StoreError::DiskFull)) {
            held.lost.store(true, Ordering::SeqCst);
        }
        written
    }

    fn lingering(&self) -> MutexGuard<'_, Lingering> {
        self.lingering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what a dead process will say about an operation once another one has claimed it.
    pub fn linger(&self, operation: &OperationRow, state: OperationState, at_ms: i64) {
        let word = LateWord { operation: operation.id.clone(), claim: operation.claims, state, at_ms };
        self.lingering().waiting.push(word);
    }

    /// What dead processes said since this was last asked: operations, and whether the store took it.
    pub fn late_finishes(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.lingering().said)
    }

    fn claimed_again(&self, claimed: &[OperationRow]) {
        let mut lingering = self.lingering();
        let again = |word: &mut LateWord| claimed.iter().any(|row| row.id == word.operation);
        let due: Vec<LateWord> = lingering.waiting.extract_if(.., again).collect();
        lingering.due.extend(due);
    }

    /// A dead process speaks.
    async fn hear_the_dead(&self) {
        if self.held.is_some() {
            // Others wait until the transaction has ended.
            return;
        }
        let due = std::mem::take(&mut self.lingering().due);
        for word in due {
            let mut claim = word.claim;
            if self.mutation == Some(Mutation::LateFinisher) {
                let now = self.inner.operation(&word.operation).await.ok().flatten();
                claim = now.map_or(claim, |row| row.claims);
            }
            let finish = Change::FinishOperation {
                id: word.operation.clone(),
                claim,
                state: word.state,
                due_at_ms: word.at_ms,
                errors: "[]".to_owned(),
                key: None,
                cause: None,
                costs_a_try: true,
                at_ms: word.at_ms,
            };
            let taken = self.inner.commit(vec![finish]).await.is_ok();
            self.lingering().said.push((word.operation, taken));
        }
    }

    /// What a killed process leaves behind: the file and its log as they stand, opened by the next one.
    pub async fn reopen(&self, old: &Path, number: u32) -> (Medium, PathBuf) {
        let new = old.with_file_name(format!("day-{number}.db"));
        for suffix in ["", "-wal"] {
            let from = PathBuf::from(format!("{}{suffix}", old.display()));
            if from.exists() {
                std::fs::copy(&from, format!("{}{suffix}", new.display())).expect("room for the database");
            }
        }
        for suffix in ["", "-wal", "-shm", ".lock"] {
            // A killed process does not tidy up: what it had open goes with it.
            let _gone = std::fs::remove_file(format!("{}{suffix}", old.display()));
        }
        (Medium::open(&new, self.mutation).await, new)
    }
}

#[async_trait]
impl Batch for Medium {
    async fn seal(&self) -> Result<()> {
        match &self.held {
            // A seal that is given up leaves nothing behind.
            Some(held) => self.write(held.batch.seal()).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Medium {
    async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.hear_the_dead().await;
        let mut changes = mutations::changes(changes, self.mutation);
        if self.mutation == Some(Mutation::BaseBeforeVerified) {
            changes = mutations::agreed_too_early(&*self.inner, changes).await;
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.write(self.inner.commit(changes)).await
    }
    async fn batch(&self) -> Result<Option<Arc<dyn Batch>>> {
        let Some(held) = self.inner.batch().await? else { return Ok(None) };
        Ok(Some(Arc::new(Medium {
            inner: Arc::clone(&held) as Arc<dyn Store>,
            held: Some(Held { batch: held, lost: AtomicBool::new(false) }),
            mutation: self.mutation,
            lingering: Arc::clone(&self.lingering),
            gate: Arc::clone(&self.gate),
        })))
    }
    async fn claim_operations(
        &self,
        now_ms: i64,
        limit: u32,
        remotes: &[Remote],
    ) -> Result<Vec<OperationRow>> {
        let mut claimed = self.write(self.inner.claim_operations(now_ms, limit, remotes)).await?;
        self.claimed_again(&claimed);
        if self.mutation == Some(Mutation::DropLaneOrder) {
            for head in claimed.clone() {
                let behind = OperationFilter {
                    lane: Some(head.lane),
                    plan: None,
                    states: vec![OperationState::Waiting],
                };
                claimed.extend(self.inner.operations(&behind, 0, 10).await?);
            }
        }
        Ok(claimed)
    }
    async fn claim_events(&self, now_ms: i64, records: u32) -> Result<Vec<InboxRow>> {
        self.write(self.inner.claim_events(now_ms, records)).await
    }
    async fn run_facts(&self, run: &str) -> Result<Option<String>> {
        self.inner.run_facts(run).await
    }

    async fn run_before(&self, run: &RunRow) -> Result<Option<RunRow>> {
        self.inner.run_before(run).await
    }

    async fn runs_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<RunRow>> {
        self.inner.runs_between(from_ms, until_ms).await
    }

    async fn answers_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<store::AnswerCount>> {
        self.inner.answers_between(from_ms, until_ms).await
    }

    async fn writes_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<store::WriteCount>> {
        self.inner.writes_between(from_ms, until_ms).await
    }

    async fn questions_between(&self, from_ms: i64, until_ms: i64) -> Result<store::QuestionCounts> {
        self.inner.questions_between(from_ms, until_ms).await
    }

    async fn slot(&self, schedule: store::ScheduleName, slot: &str) -> Result<Option<store::SlotRow>> {
        self.inner.slot(schedule, slot).await
    }
    async fn slots(&self, schedule: store::ScheduleName, limit: u32) -> Result<Vec<store::SlotRow>> {
        self.inner.slots(schedule, limit).await
    }
    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<SnapshotRow>> {
        let row = self.inner.snapshot(id).await?;
        Ok(mutations::known(row.into_iter().collect(), self.mutation).pop())
    }
    async fn snapshots_named(
        &self,
        remote: Remote,
        kind: RecordKind,
        keys: &[&str],
    ) -> Result<Vec<SnapshotRow>> {
        Ok(mutations::known(self.inner.snapshots_named(remote, kind, keys).await?, self.mutation))
    }
    async fn records_after(
        &self,
        remote: Remote,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>> {
        self.inner.records_after(remote, kind, after, limit).await
    }
    async fn unseen_keys(
        &self,
        remote: Remote,
        kind: RecordKind,
        run: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        self.inner.unseen_keys(remote, kind, run, after, limit).await
    }
    async fn snapshot_count(&self, remote: Remote, kind: RecordKind) -> Result<u64> {
        self.inner.snapshot_count(remote, kind).await
    }
    async fn pair(&self, id: &str) -> Result<Option<PairRow>> {
        self.inner.pair(id).await
    }
    async fn pair_by_key(&self, remote: Remote, kind: RecordKind, key: &str) -> Result<Option<PairRow>> {
        self.inner.pair_by_key(remote, kind, key).await
    }
    async fn pairs_by_keys(&self, remote: Remote, kind: RecordKind, keys: &[&str]) -> Result<Vec<PairRow>> {
        self.inner.pairs_by_keys(remote, kind, keys).await
    }
    async fn pairs_after(
        &self,
        kind: RecordKind,
        status: Option<PairStatus>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PairRow>> {
        self.inner.pairs_after(kind, status, after, limit).await
    }
    async fn pairs_between(
        &self,
        kind: RecordKind,
        from: &str,
        until: &str,
        limit: u32,
    ) -> Result<Vec<PairRow>> {
        self.inner.pairs_between(kind, from, until, limit).await
    }
    async fn pairs_named(&self, ids: &[&str]) -> Result<Vec<PairPage>> {
        self.inner.pairs_named(ids).await
    }
    async fn pair_values(&self, ids: &[&str]) -> Result<Vec<PairValues>> {
        self.inner.pair_values(ids).await
    }
    async fn pair_digests_after(
        &self,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PairDigests>> {
        self.inner.pair_digests_after(kind, after, limit).await
    }
    async fn unpaired_after(
        &self,
        remote: Remote,
        kind: RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<UnpairedRow>> {
        self.inner.unpaired_after(remote, kind, after, limit).await
    }
    async fn pair_counts(&self, kind: RecordKind) -> Result<Vec<(PairStatus, u64)>> {
        self.inner.pair_counts(kind).await
    }
    async fn search_patients(
        &self,
        query: &str,
        status: Option<PairStatus>,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<PairRow>, u64)> {
        self.inner.search_patients(query, status, offset, limit).await
    }
    async fn conflict(&self, id: &str) -> Result<Option<ConflictRow>> {
        self.inner.conflict(id).await
    }
    async fn open_conflict_of(&self, pair: &str) -> Result<Option<ConflictRow>> {
        self.inner.open_conflict_of(pair).await
    }
    async fn open_conflicts_of(&self, pairs: &[&str]) -> Result<Vec<ConflictRow>> {
        self.inner.open_conflicts_of(pairs).await
    }
    async fn conflicts(
        &self,
        filter: &ConflictFilter,
        now_ms: i64,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<ConflictRow>, u64)> {
        self.inner.conflicts(filter, now_ms, offset, limit).await
    }
    async fn plan(&self, id: &str) -> Result<Option<PlanRow>> {
        self.inner.plan(id).await
    }
    async fn waiting_plan_of(&self, pair: &str) -> Result<Option<PlanRow>> {
        self.inner.waiting_plan_of(pair).await
    }
    async fn waiting_plans(&self) -> Result<Vec<String>> {
        self.inner.waiting_plans().await
    }
    async fn plans(&self, state: Option<PlanState>, offset: u32, limit: u32) -> Result<Vec<PlanRow>> {
        self.inner.plans(state, offset, limit).await
    }
    async fn operation(&self, id: &str) -> Result<Option<OperationRow>> {
        self.inner.operation(id).await
    }
    async fn operations(
        &self,
        filter: &OperationFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<OperationRow>> {
        self.inner.operations(filter, offset, limit).await
    }
    async fn lane_work(&self, lanes: &[&str]) -> Result<Vec<LaneWork>> {
        self.inner.lane_work(lanes).await
    }
    async fn lanes_with_work(&self, lanes: &[&str]) -> Result<Vec<String>> {
        self.inner.lanes_with_work(lanes).await
    }
    async fn operation_counts(&self) -> Result<Vec<(OperationState, u64)>> {
        self.inner.operation_counts().await
    }
    async fn plans_without_work(&self, limit: u32) -> Result<Vec<PlanRow>> {
        self.inner.plans_without_work(limit).await
    }
    async fn pairs_waiting_for_nothing(&self, limit: u32) -> Result<Vec<String>> {
        self.inner.pairs_waiting_for_nothing(limit).await
    }
    async fn next_operation_due_ms(&self, remotes: &[Remote]) -> Result<Option<i64>> {
        self.inner.next_operation_due_ms(remotes).await
    }
    async fn queue_lanes(&self, filter: &QueueFilter, offset: u32, limit: u32) -> Result<(Vec<String>, u64)> {
        self.inner.queue_lanes(filter, offset, limit).await
    }
    async fn queue_operations(
        &self,
        filter: &QueueFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<OperationRow>> {
        self.inner.queue_operations(filter, offset, limit).await
    }
    async fn queue_counts(&self) -> Result<Vec<(Remote, OperationState, u64)>> {
        self.inner.queue_counts().await
    }
    async fn operation_causes(&self) -> Result<Vec<OperationCause>> {
        self.inner.operation_causes().await
    }
    async fn replacement_of(&self, operation: &str) -> Result<Option<OperationRow>> {
        self.inner.replacement_of(operation).await
    }
    async fn incidents(&self, open_only: bool, offset: u32, limit: u32) -> Result<(Vec<IncidentRow>, u64)> {
        self.inner.incidents(open_only, offset, limit).await
    }
    async fn incident(&self, id: &str) -> Result<Option<IncidentRow>> {
        self.inner.incident(id).await
    }
    async fn receipts(&self, pair: Option<&str>, offset: u32, limit: u32) -> Result<Vec<ReceiptRow>> {
        self.inner.receipts(pair, offset, limit).await
    }
    async fn receipts_of_appointments(&self, after_ms: i64, limit: u32) -> Result<Vec<ReceiptRow>> {
        self.inner.receipts_of_appointments(after_ms, limit).await
    }
    async fn receipt(&self, operation: &str) -> Result<Option<ReceiptRow>> {
        self.inner.receipt(operation).await
    }
    async fn event(&self, id: &str) -> Result<Option<InboxRow>> {
        self.inner.event(id).await
    }
    async fn event_of_message(&self, remote: Remote, message: &str) -> Result<Option<InboxRow>> {
        self.inner.event_of_message(remote, message).await
    }
    async fn events(&self, state: InboxState, offset: u32, limit: u32) -> Result<Vec<InboxRow>> {
        self.inner.events(state, offset, limit).await
    }
    async fn event_counts(&self) -> Result<Vec<(InboxState, u64)>> {
        self.inner.event_counts().await
    }
    async fn next_event_due_ms(&self) -> Result<Option<i64>> {
        self.inner.next_event_due_ms().await
    }
    async fn run(&self, id: &str) -> Result<Option<RunRow>> {
        self.inner.run(id).await
    }
    async fn runs(&self, limit: u32) -> Result<Vec<RunRow>> {
        self.inner.runs(limit).await
    }
    async fn possible_duplicates(&self, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>> {
        self.inner.possible_duplicates(offset, limit).await
    }
    async fn answered_duplicates(&self, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>> {
        self.inner.answered_duplicates(offset, limit).await
    }

    async fn duplicates_of(&self, id: &SnapshotId) -> Result<Vec<DuplicateRow>> {
        self.inner.duplicates_of(id).await
    }

    async fn dependants(&self, patients: &[(Remote, &str)]) -> Result<Vec<Dependants>> {
        self.inner.dependants(patients).await
    }

    async fn duplicate_between(&self, a: &SnapshotId, b: &SnapshotId) -> Result<Option<DuplicateRow>> {
        self.inner.duplicate_between(a, b).await
    }
    async fn quarantine(
        &self,
        filter: &QuarantineFilter,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<QuarantineRow>, u64)> {
        self.inner.quarantine(filter, offset, limit).await
    }
    async fn quarantine_of_cause(&self, cause: &QuarantineCause) -> Result<Vec<String>> {
        self.inner.quarantine_of_cause(cause).await
    }
    async fn quarantined(&self, id: &str) -> Result<Option<QuarantineRow>> {
        self.inner.quarantined(id).await
    }
    async fn quarantine_causes(&self) -> Result<Vec<CauseCount>> {
        self.inner.quarantine_causes().await
    }
    async fn unreadable_records(&self) -> Result<Vec<SnapshotId>> {
        self.inner.unreadable_records().await
    }
    async fn audit(&self, subject: Option<&str>, offset: u32, limit: u32) -> Result<Vec<AuditRow>> {
        self.inner.audit(subject, offset, limit).await
    }
    async fn value(&self, key: &str) -> Result<Option<String>> {
        self.inner.value(key).await
    }
    async fn check(&self) -> Result<Vec<String>> {
        let mut problems = self.inner.check().await?;
        problems.retain(|problem| !problem.contains("HMAC is not enabled"));
        Ok(problems)
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}
