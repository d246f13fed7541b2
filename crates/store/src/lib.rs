//! The encrypted local cache and the durable state of the engine.
//!
//! One interface ([`Store`]), today one implementation ([`sqlite::SqliteStore`]); PostgreSQL joins behind the same
//! interface and the same conformance suite. Everything that changes goes through [`Store::commit`]: a list of
//! [`Change`]s, applied in one transaction or not at all, durable when it returns.

pub mod chain;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "crash-points")]
pub mod crash;
pub mod folding;
pub mod inbox;
pub mod model;
pub mod reports;
pub mod schedule;
pub mod sqlite;
mod words;

pub use inbox::*;
pub use model::*;
pub use reports::*;
pub use schedule::*;

use std::sync::Arc;

use async_trait::async_trait;

/// What can go wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The key does not open the file, or it is not a database of ours.
    #[error("the database cannot be opened with this key")]
    WrongKey,
    /// This build would write plaintext.
    #[error("this build has no SQLCipher: refusing to write an unencrypted database")]
    NotEncrypted,
    /// Written by a newer VetSync.
    #[error("the database was written by a newer VetSync (schema {found}, this program knows {known})")]
    TooNew {
        /// Schema version in the file.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// No room left.
    #[error("the disk is full: nothing was lost, nothing was half done; free some space and try again")]
    DiskFull,
    /// Another VetSync owns the database.
    #[error("another VetSync holds the database")]
    Owned,
    /// Another program, which is no VetSync, holds a lock on the database.
    #[error("another program holds the database")]
    Locked,
    /// The file is damaged.
    #[error("the database file is damaged")]
    Corrupt,
    /// An invariant of the schema refused the change.
    #[error("refused by the database: {rule}")]
    Refused {
        /// The constraint or trigger that spoke.
        rule: String,
    },
    /// A conditional change found something else than it was decided on.
    #[error("moved meanwhile: {what}")]
    Moved {
        /// What moved.
        what: String,
    },
    /// Anything else the driver reports.
    #[error("database error: {0}")]
    Other(String),
}

/// Result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The durable state. All times are Unix milliseconds, passed in.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies all changes in one transaction; durable on return. Concurrent commits share one disk sync.
    async fn commit(&self, changes: Vec<Change>) -> Result<()>;
    /// Holds one transaction for many commits: a store that sees its own commits, while others see them and they are
    /// durable only when it is sealed. Each commit in it is applied or refused by itself. Other commits wait until then,
    /// so it is to be short. `None` where that is not to be had, or inside another one.
    async fn batch(&self) -> Result<Option<Arc<dyn Batch>>> {
        Ok(None)
    }

    // --- snapshots
    /// One snapshot.
    async fn snapshot(&self, id: &SnapshotId) -> Result<Option<SnapshotRow>>;
    /// Those of these keys that there are, in no particular order.
    async fn snapshots_named(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        keys: &[&str],
    ) -> Result<Vec<SnapshotRow>>;
    /// Keys and typed records (as the engine encoded them) of one remote and kind, by key, after a key; without those
    /// that are gone. For identity.
    async fn records_after(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, String)>>;
    /// Keys of snapshots that a complete read of this run did not see.
    async fn unseen_keys(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        run: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>>;
    /// How many present snapshots a remote has.
    async fn snapshot_count(&self, remote: record::Remote, kind: record::RecordKind) -> Result<u64>;

    // --- pairs
    /// One pair.
    async fn pair(&self, id: &str) -> Result<Option<PairRow>>;
    /// The pair that holds this remote's key.
    async fn pair_by_key(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        key: &str,
    ) -> Result<Option<PairRow>>;
    /// The pairs of a kind that hold one of these keys of a remote, by id.
    async fn pairs_by_keys(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        keys: &[&str],
    ) -> Result<Vec<PairRow>>;
    /// Pairs of a kind, of one status if given, by id, after an id.
    async fn pairs_after(
        &self,
        kind: record::RecordKind,
        status: Option<PairStatus>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PairRow>>;
    /// Pairs of a kind of visit that begin at or after a moment and before another (`2026-10-05 14:30:00`, UTC; a day
    /// alone is its first moment), in the order they begin. What has no time is not among them.
    async fn pairs_between(
        &self,
        kind: record::RecordKind,
        from: &str,
        until: &str,
        limit: u32,
    ) -> Result<Vec<PairRow>>;
    /// Those of these pairs that there are, with their two snapshots, by id.
    async fn pairs_named(&self, ids: &[&str]) -> Result<Vec<PairPage>>;
    /// What a comparison by values reads of those of these pairs that there are, by id.
    async fn pair_values(&self, ids: &[&str]) -> Result<Vec<PairValues>>;
    /// The digests of pairs only, for the comparison of unchanged pairs without decoding.
    async fn pair_digests_after(
        &self,
        kind: record::RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<PairDigests>>;
    /// Present snapshots that belong to no pair yet, by key, after a key.
    async fn unpaired_after(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        after: &str,
        limit: u32,
    ) -> Result<Vec<UnpairedRow>>;
    /// Counts of pairs by status.
    async fn pair_counts(&self, kind: record::RecordKind) -> Result<Vec<(PairStatus, u64)>>;
    /// Search as people type: every word is a prefix of name, owner, phone digits, microchip or any id. An empty
    /// query lists by name. Second value: the total number of matches, capped at 10,000.
    async fn search_patients(
        &self,
        query: &str,
        status: Option<PairStatus>,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<PairRow>, u64)>;

    // --- conflicts, plans
    /// One conflict.
    async fn conflict(&self, id: &str) -> Result<Option<ConflictRow>>;
    /// The open conflict of a pair, if there is one.
    async fn open_conflict_of(&self, pair: &str) -> Result<Option<ConflictRow>>;
    /// The open conflicts of these pairs, in no particular order.
    async fn open_conflicts_of(&self, pairs: &[&str]) -> Result<Vec<ConflictRow>>;
    /// Conflicts for the work list, gravest and oldest first. Snoozed ones only after their time.
    async fn conflicts(
        &self,
        filter: &ConflictFilter,
        now_ms: i64,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<ConflictRow>, u64)>;
    /// One plan.
    async fn plan(&self, id: &str) -> Result<Option<PlanRow>>;
    /// The approved plan of a pair that waits for its check, if there is one.
    async fn waiting_plan_of(&self, pair: &str) -> Result<Option<PlanRow>>;
    /// Ids of the approved plans that wait for their check, the one approved first before the others.
    async fn waiting_plans(&self) -> Result<Vec<String>>;
    /// Plans by state, newest first.
    async fn plans(&self, state: Option<PlanState>, offset: u32, limit: u32) -> Result<Vec<PlanRow>>;

    // --- outbox
    /// Claims the next runnable operation of each idle lane, at most `limit`, in one statement: state becomes
    /// `running`, `attempts` and `claims` grow by one. The head of a lane only; a parked head blocks its own lane. What
    /// goes to a remote that is not among `remotes` stays where it is.
    async fn claim_operations(
        &self,
        now_ms: i64,
        limit: u32,
        remotes: &[record::Remote],
    ) -> Result<Vec<OperationRow>>;
    /// One operation with its history.
    async fn operation(&self, id: &str) -> Result<Option<OperationRow>>;
    /// Operations by lane or state, oldest first.
    async fn operations(
        &self,
        filter: &OperationFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<OperationRow>>;
    /// Those of these lanes that hold operations which have not left the outbox, or whose approved plan waits for its
    /// check.
    async fn lanes_with_work(&self, lanes: &[&str]) -> Result<Vec<String>>;
    /// What has not left the outbox in these lanes, and under which plans: lane by lane, each in its order.
    async fn lane_work(&self, lanes: &[&str]) -> Result<Vec<LaneWork>>;
    /// Counts by state.
    async fn operation_counts(&self) -> Result<Vec<(OperationState, u64)>>;
    /// Approved plans of which no operation waits, runs or is tried again, oldest first: the process ended between the
    /// last receipt of a plan and the plan's end.
    async fn plans_without_work(&self, limit: u32) -> Result<Vec<PlanRow>>;
    /// Ids of pairs that wait although nothing is under way in their lane and no approved plan waits for its check, by id.
    async fn pairs_waiting_for_nothing(&self, limit: u32) -> Result<Vec<String>>;
    /// When the next waiting operation to one of these remotes is due.
    async fn next_operation_due_ms(&self, remotes: &[record::Remote]) -> Result<Option<i64>>;
    /// Lanes with at least one such operation, the one that has waited longest first, and how many there are.
    async fn queue_lanes(&self, filter: &QueueFilter, offset: u32, limit: u32) -> Result<(Vec<String>, u64)>;
    /// Such operations in the order they were enqueued.
    async fn queue_operations(
        &self,
        filter: &QueueFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<OperationRow>>;
    /// Counts by remote and state.
    async fn queue_counts(&self) -> Result<Vec<(record::Remote, OperationState, u64)>>;
    /// Unfinished operations grouped by what went wrong, most of a kind first.
    async fn operation_causes(&self) -> Result<Vec<OperationCause>>;
    /// The operation that took the place of another one.
    async fn replacement_of(&self, operation: &str) -> Result<Option<OperationRow>>;
    /// Incidents, open ones first, then by when they were last seen; and how many there are.
    async fn incidents(&self, open_only: bool, offset: u32, limit: u32) -> Result<(Vec<IncidentRow>, u64)>;
    /// One incident.
    async fn incident(&self, id: &str) -> Result<Option<IncidentRow>>;
    /// Receipts, newest first; of one pair if given.
    async fn receipts(&self, pair: Option<&str>, offset: u32, limit: u32) -> Result<Vec<ReceiptRow>>;
    /// Receipts of appointments that were written after a moment, newest first.
    async fn receipts_of_appointments(&self, after_ms: i64, limit: u32) -> Result<Vec<ReceiptRow>>;
    /// The receipt of one operation.
    async fn receipt(&self, operation: &str) -> Result<Option<ReceiptRow>>;

    // --- inbox
    /// Claims the due events of at most `records` records, first come first served, in one statement: state becomes
    /// `running`, `attempts` grows by one. All events of a record come together; a record that is being looked at
    /// waits, and so does one whose first event is not due.
    async fn claim_events(&self, now_ms: i64, records: u32) -> Result<Vec<InboxRow>>;
    /// One event.
    async fn event(&self, id: &str) -> Result<Option<InboxRow>>;
    /// The event that was made of a message.
    async fn event_of_message(&self, remote: record::Remote, message: &str) -> Result<Option<InboxRow>>;
    /// Events of a state, in their order.
    async fn events(&self, state: InboxState, offset: u32, limit: u32) -> Result<Vec<InboxRow>>;
    /// Counts of events by state.
    async fn event_counts(&self) -> Result<Vec<(InboxState, u64)>>;
    /// When the next accepted event is due.
    async fn next_event_due_ms(&self) -> Result<Option<i64>>;

    // --- runs, possible duplicates, quarantine, audit, settings
    /// One run.
    async fn run(&self, id: &str) -> Result<Option<RunRow>>;
    /// Runs, newest first.
    async fn runs(&self, limit: u32) -> Result<Vec<RunRow>>;
    /// What was kept of a run for its report when it ended, as the engine encoded it.
    async fn run_facts(&self, run: &str) -> Result<Option<String>>;
    /// The latest run before this one that was asked for by the same, had the same scope and was done.
    async fn run_before(&self, run: &RunRow) -> Result<Option<RunRow>>;
    /// Runs that began in a span, in order.
    async fn runs_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<RunRow>>;
    /// What people answered in a span, by person.
    async fn answers_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<AnswerCount>>;
    /// Writes that were carried out in a span.
    async fn writes_between(&self, from_ms: i64, until_ms: i64) -> Result<Vec<WriteCount>>;
    /// Questions that were opened and closed in a span.
    async fn questions_between(&self, from_ms: i64, until_ms: i64) -> Result<QuestionCounts>;
    /// One slot of a schedule, if it was ever claimed.
    async fn slot(&self, schedule: ScheduleName, slot: &str) -> Result<Option<SlotRow>>;
    /// Slots of a schedule, the latest first.
    async fn slots(&self, schedule: ScheduleName, limit: u32) -> Result<Vec<SlotRow>>;
    /// Possible duplicates that nobody has settled.
    async fn possible_duplicates(&self, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>>;
    /// Possible duplicates that somebody answered, the latest answer first.
    async fn answered_duplicates(&self, offset: u32, limit: u32) -> Result<Vec<DuplicateRow>>;
    /// Every possible duplicate of one record, answered or not.
    async fn duplicates_of(&self, id: &SnapshotId) -> Result<Vec<DuplicateRow>>;
    /// How many appointments and treatments belong to these patients, by remote and key; kinds without any are left out.
    /// Looks through all of them.
    async fn dependants(&self, patients: &[(record::Remote, &str)]) -> Result<Vec<Dependants>>;
    /// The remembered answer about two records, in either order.
    async fn duplicate_between(&self, a: &SnapshotId, b: &SnapshotId) -> Result<Option<DuplicateRow>>;
    /// Entries of the quarantine, last seen first, and how many there are in all.
    async fn quarantine(
        &self,
        filter: &QuarantineFilter,
        offset: u32,
        limit: u32,
    ) -> Result<(Vec<QuarantineRow>, u64)>;
    /// Ids of the open entries of one cause in their original order: events as they were accepted, records as they were
    /// first seen.
    async fn quarantine_of_cause(&self, cause: &QuarantineCause) -> Result<Vec<String>>;
    /// One entry of the quarantine.
    async fn quarantined(&self, id: &str) -> Result<Option<QuarantineRow>>;
    /// Why entries are open, most numerous first.
    async fn quarantine_causes(&self) -> Result<Vec<CauseCount>>;
    /// Records whose latest version cannot be read.
    async fn unreadable_records(&self) -> Result<Vec<SnapshotId>>;
    /// Audit entries, newest first, of one subject if given.
    async fn audit(&self, subject: Option<&str>, offset: u32, limit: u32) -> Result<Vec<AuditRow>>;
    /// A small durable value (watermarks, breaker state, settings of the console).
    async fn value(&self, key: &str) -> Result<Option<String>>;

    /// Checks the file: integrity, foreign keys, cipher. Problems in words; empty when sound.
    async fn check(&self) -> Result<Vec<String>>;
    /// Finishes pending work and closes the file.
    async fn close(&self);
}

/// A held transaction, see [`Store::batch`]. Dropped unsealed, nothing of it is kept.
#[async_trait]
pub trait Batch: Store {
    /// Makes all its commits durable, with one disk sync, and ends it. On an error nothing of it is kept.
    async fn seal(&self) -> Result<()>;
}
