//! Rows and changes. JSON columns are opaque text to the store; the engine owns their shape.

use record::{RecordKind, Remote};

use crate::{InboxRow, InboxState, QuarantineRow, QuarantineState, ScheduleName};

/// Names one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapshotId {
    /// Which remote.
    pub remote: Remote,
    /// Which kind.
    pub kind: RecordKind,
    /// The remote's own key.
    pub key: String,
}

/// What a remote said about one record at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    /// Its name.
    pub id: SnapshotId,
    /// Version token: `sys_mod_count`, or the text of the `ETag`, with a digest of what these do not cover.
    pub version: String,
    /// The raw payload as received.
    pub raw: String,
    /// The typed record, encoded by the engine.
    pub record: String,
    /// Digest of the comparable form (16 bytes).
    pub digest: Vec<u8>,
    /// The other remote's key carried by this record.
    pub other_key: Option<String>,
    /// Normalised ISO microchip.
    pub chip: Option<String>,
    /// What the remote last said about its existence.
    pub presence: Presence,
    /// The run that last saw it.
    pub seen_run: String,
    /// When it was last seen.
    pub seen_at_ms: i64,
    /// Who changed it last and when, in the remote's own words (display only).
    pub changed_by: Option<String>,
    /// The remote's own time of last change, Unix milliseconds.
    pub changed_at_ms: Option<i64>,
}

/// Whether a record is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Presence {
    Present,
    /// Not seen in one complete read; not yet believed.
    Suspected,
    /// Confirmed gone or hidden.
    Gone,
}

/// A ServiceNow row and an EHR resource that are the same thing, or one of them alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    /// Id; also the lane of its operations.
    pub id: String,
    /// Kind of both.
    pub kind: RecordKind,
    /// ServiceNow's key, if it has the record.
    pub servicenow_key: Option<String>,
    /// The EHR's key, if it has the record.
    pub ehr_key: Option<String>,
    /// How they were linked (`cross_reference`, `microchip`, `created`, `person:<id>`); none while one side is missing.
    pub linked_by: Option<String>,
    /// When they were linked.
    pub linked_at_ms: Option<i64>,
    /// Agreed values, encoded by the engine.
    pub base: Option<String>,
    /// Digest of the base's comparable form.
    pub base_digest: Option<Vec<u8>>,
    /// Where it stands.
    pub status: PairStatus,
    /// Fields that differ (ids, comma separated).
    pub differing: String,
    /// When both remotes were last seen to agree.
    pub agreed_at_ms: Option<i64>,
    /// For lists and search.
    pub card: PatientCard,
}

/// What lists show of a patient and the search looks through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct PatientCard {
    pub name: String,
    pub owner: String,
    /// Species key (`dog`) or text.
    pub species: String,
    pub breed: String,
    /// As shown.
    pub phone: String,
    pub email: String,
    pub chip: String,
    pub born: String,
    /// Further text to find it by: old spellings, both phones' digits, both chips.
    pub also: String,
    pub deceased: bool,
}

/// Where a pair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PairStatus {
    Agreed,
    /// Operations are under way.
    Waiting,
    /// A conflict is open.
    Differs,
    OnlyServiceNow,
    OnlyEhr,
}

/// A pair with both snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct PairPage {
    pub pair: PairRow,
    pub servicenow: Option<SnapshotRow>,
    pub ehr: Option<SnapshotRow>,
}

/// What a comparison by values reads of a linked pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairValues {
    /// The pair.
    pub id: String,
    /// Where it stands.
    pub status: PairStatus,
    /// Agreed values, encoded by the engine.
    pub base: Option<String>,
    /// ServiceNow's typed record, encoded by the engine; none while it was not read.
    pub servicenow: Option<String>,
    /// The EHR's.
    pub ehr: Option<String>,
    /// Whether at least one remote does not show its record any more.
    pub gone: bool,
}

/// A present snapshot without a pair, as far as linking asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpairedRow {
    /// The remote's own key.
    pub key: String,
    /// The other remote's key carried by this record.
    pub other_key: Option<String>,
    /// Normalised ISO microchip.
    pub chip: Option<String>,
}

/// The digests of a linked pair.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct PairDigests {
    pub id: String,
    pub status: PairStatus,
    pub servicenow: Option<Vec<u8>>,
    pub ehr: Option<Vec<u8>>,
    pub base: Option<Vec<u8>>,
}

/// Differences that wait for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// Id.
    pub id: String,
    /// The pair it is about.
    pub pair: String,
    /// What kind of question.
    pub cause: ConflictCause,
    /// 3 or 4.
    pub grade: u8,
    /// Where it stands.
    pub state: ConflictState,
    /// The compared fields, encoded by the engine.
    pub comparison: String,
    /// Ids of the open fields, comma separated, in catalogue order.
    pub fields: String,
    /// Hash of what is asked: the same question keeps its conflict, its claim and its work.
    pub fingerprint: String,
    /// For the work list.
    pub title: String,
    /// The owner's name, for the work list.
    pub owner: String,
    /// Species, for the work list.
    pub species: String,
    /// When it opened.
    pub opened_at_ms: i64,
    /// Who works on it.
    pub claimed_by: Option<String>,
    /// Hidden until.
    pub snoozed_until_ms: Option<i64>,
    /// Why it is snoozed.
    pub snooze_reason: Option<String>,
    /// Choices made so far, encoded by the console.
    pub draft: Option<String>,
    /// When it was closed and by what.
    pub closed_at_ms: Option<i64>,
    /// `decided`, `settled itself`, `superseded`.
    pub closed_by: Option<String>,
}

/// Why a conflict exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ConflictCause {
    FieldsDiffer,
    /// On one side only, and something there resembles it.
    MaybeDuplicate,
    /// A remote did not store what was sent.
    NotStored,
    /// Was there, and is not any more.
    Vanished,
    /// On one side only and cannot be created on the other as it is.
    CannotCreate,
    /// Our write overtook a colleague's: what they wrote in between may be gone.
    Overwritten,
    /// Both systems agree, and what they agree on breaks a rule of the hospital.
    RuleBroken,
}

/// Where a conflict stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ConflictState {
    Open,
    /// A plan waits for its second person.
    AwaitingSecond,
    /// Approved; operations are under way, or the plan waits for its check.
    Executing,
    Closed,
}

/// What the work list asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ConflictFilter {
    pub states: Vec<ConflictState>,
    pub grade: Option<u8>,
    pub field: Option<String>,
    pub cause: Option<ConflictCause>,
    pub text: Option<String>,
    pub pair: Option<String>,
}

/// The exact writes that follow from rules and decisions, frozen by hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// Id.
    pub id: String,
    /// The pair it changes.
    pub pair: String,
    /// The conflict it answers.
    pub conflict: Option<String>,
    /// SHA-256 of the body, hex.
    pub hash: String,
    /// The writes and what they rely on, encoded by the engine.
    pub body: String,
    /// Where it stands.
    pub state: PlanState,
    /// Highest grade among what it decides.
    pub grade: u8,
    /// Who made it (`rule` for automatic ones).
    pub maker: String,
    /// The maker's reason.
    pub reason: Option<String>,
    /// Who approved it.
    pub approver: Option<String>,
    /// When it was made.
    pub made_at_ms: i64,
    /// When it was approved or refused.
    pub closed_at_ms: Option<i64>,
    /// The plan this one undoes.
    pub undoes: Option<String>,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum PlanState {
    Draft,
    AwaitingSecond,
    /// Approved while a remote was held back: both sides are read again before anything of it is sent.
    AwaitingCheck,
    /// Approved; its operations are in the outbox.
    Approved,
    Done,
    Refused,
    /// Something moved before it was executed.
    Superseded,
}

/// One durable write to one remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRow {
    /// Id.
    pub id: String,
    /// The pair whose lane it runs in.
    pub lane: String,
    /// Order within the lane.
    pub seq: i64,
    /// The plan it belongs to.
    pub plan: String,
    /// Which remote is written.
    pub remote: Remote,
    /// Which kind.
    pub kind: RecordKind,
    /// Create or update.
    pub action: OperationAction,
    /// The target's key; none for a create until it is known.
    pub key: Option<String>,
    /// The version it was decided on.
    pub expected_version: Option<String>,
    /// Stored before the first attempt.
    pub idempotency_key: String,
    /// The body to send, byte for byte as shown.
    pub body: String,
    /// What the fields are to be afterwards, encoded by the engine.
    pub intent: String,
    /// Where it stands.
    pub state: OperationState,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before.
    pub due_at_ms: i64,
    /// When it was enqueued.
    pub enqueued_at_ms: i64,
    /// When it was finished.
    pub finished_at_ms: Option<i64>,
    /// One line per failed attempt, encoded by the engine.
    pub errors: String,
    /// How often it was claimed: the number of the latest claim, which whoever finishes it has to name.
    pub claims: u32,
    /// Why its last attempt failed, alike for alike failures: remote, kind of error and fields, never a value.
    pub cause: Option<String>,
    /// The operation of the same lane that a person replaced by this one.
    pub replaces: Option<String>,
    /// When a person last sent it on its way again, unchanged.
    pub released_at_ms: Option<i64>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OperationAction {
    Create,
    Update,
}

/// Where an operation stands (after river's job states).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum OperationState {
    Waiting,
    Running,
    Retrying,
    /// Cannot succeed as it is: a person edits or cancels it.
    Parked,
    Done,
    Cancelled,
}

/// An operation that has not left the outbox, and the plan it carries out, as far as its lane is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneWork {
    /// The pair whose lane it stands in.
    pub lane: String,
    /// Its id.
    pub operation: String,
    /// Where it stands.
    pub state: OperationState,
    /// Id of its plan.
    pub plan: String,
    /// Where that stands.
    pub plan_state: PlanState,
    /// Who made it.
    pub plan_maker: String,
    /// The conflict it settles.
    pub plan_conflict: Option<String>,
    /// It takes another plan back.
    pub plan_undoes: bool,
}

/// Which operations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct OperationFilter {
    pub lane: Option<String>,
    pub plan: Option<String>,
    pub states: Vec<OperationState>,
}

/// What of the outbox a person looks at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueFilter {
    /// Any of these; empty: every unfinished one.
    pub states: Vec<OperationState>,
    /// Writes to this remote only.
    pub remote: Option<Remote>,
    /// With exactly this cause.
    pub cause: Option<String>,
    /// Of this lane only.
    pub lane: Option<String>,
}

/// Unfinished operations that failed alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationCause {
    /// The cause, as the engine encoded it.
    pub cause: String,
    /// How many unfinished operations have it.
    pub count: u64,
    /// How many of them are parked.
    pub parked: u64,
    /// When the oldest of them was enqueued.
    pub oldest_at_ms: i64,
    /// One of them, the oldest.
    pub example: String,
}

/// An alert that opens once, is updated, and closes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Id.
    pub id: String,
    /// What kind (`sign_in`, `breaker`).
    pub kind: String,
    /// What it is about (a remote's word).
    pub subject: String,
    /// What is wrong, in words without values.
    pub cause: String,
    /// Still going on.
    pub open: bool,
    /// How often it was seen.
    pub times: u64,
    /// When it opened.
    pub first_seen_at_ms: i64,
    /// When it was last seen.
    pub last_seen_at_ms: i64,
    /// When it was over.
    pub closed_at_ms: Option<i64>,
    /// Who has taken note.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at_ms: Option<i64>,
}

/// What an operation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    /// The operation.
    pub operation: String,
    /// Its pair.
    pub pair: String,
    /// Its plan.
    pub plan: String,
    /// Which remote.
    pub remote: Remote,
    /// Method, URL path, body, version: encoded by the engine.
    pub request: String,
    /// Status and body of the answer, encoded by the engine.
    pub response: String,
    /// What was read back, and whether it is what was sent.
    pub read_back: String,
    /// Version before and after.
    pub version_before: Option<String>,
    /// Version afterwards.
    pub version_after: Option<String>,
    /// When.
    pub at_ms: i64,
    /// The plan that undid it.
    pub undone_by: Option<String>,
}

/// One execution of a poll, a batch, a reconciliation or a manual sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Id.
    pub id: String,
    /// What asked for it (`manual`, `reconciliation`, `batch`, `start`).
    pub trigger: String,
    /// Who, if a person did.
    pub actor: Option<String>,
    /// `all` or a pair id.
    pub scope: String,
    /// `running`, `done`, `stopped`, `failed`.
    pub state: String,
    /// When it began.
    pub started_at_ms: i64,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// Counts, encoded by the engine.
    pub counts: String,
    /// Why it stopped, in words.
    pub problem: Option<String>,
}

/// Two records that may be the same animal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateRow {
    /// One record.
    pub a: SnapshotId,
    /// The other.
    pub b: SnapshotId,
    /// Tier and evidence, encoded by the engine.
    pub evidence: String,
    /// None while nobody has said; `same` or `different` after.
    pub answer: Option<String>,
    /// Who said it and why.
    pub answered_by: Option<String>,
    /// The reason.
    pub reason: Option<String>,
    /// When it was found or answered.
    pub at_ms: i64,
    /// The key facts of both records when it was answered, encoded by the engine as digests.
    pub facts: Option<String>,
    /// Somebody put it off until then.
    pub later_until_ms: Option<i64>,
    /// The answer that was given before it was asked again, encoded by the engine.
    pub earlier: Option<String>,
}

/// How many records of a kind belong to a patient of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependants {
    /// Whose records they are.
    pub remote: Remote,
    /// The patient's key there.
    pub patient: String,
    /// What they are.
    pub kind: RecordKind,
    /// How many.
    pub count: u64,
}

/// One entry of the audit trail. The store adds the chain hash.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct AuditRow {
    pub id: String,
    pub at_ms: i64,
    pub actor: String,
    /// Dotted name: `plan.approved`, `operation.done`.
    pub action: String,
    /// Pair, plan or run id.
    pub subject: String,
    /// Field ids and counts; never values.
    pub detail: String,
}

/// One change. A commit applies a list of them in order, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Change {
    /// Inserts or replaces; a snapshot with an older `seen_at_ms` than the stored one is ignored.
    PutSnapshot(SnapshotRow),
    /// Only moves "seen" forward: the version did not change.
    SawSnapshot {
        id: SnapshotId,
        run: String,
        at_ms: i64,
    },
    SetPresence {
        id: SnapshotId,
        presence: Presence,
    },
    PutPair(PairRow),
    /// Removes a pair that another one absorbed (its conflicts are closed, its audit stays).
    RemovePair {
        id: String,
    },
    PutConflict(ConflictRow),
    PutPlan(PlanRow),
    /// Fails the commit with [`crate::StoreError::Moved`] if the plan is not in this state (approve exactly once).
    MovePlan {
        id: String,
        from: PlanState,
        to: PlanState,
        approver: Option<String>,
        at_ms: i64,
    },
    /// `seq` is assigned by the store: next in its lane.
    Enqueue(OperationRow),
    /// Only from `running`, and only by whoever holds the latest claim: a late finisher cannot overwrite.
    FinishOperation {
        id: String,
        /// [`OperationRow::claims`] as it was claimed.
        claim: u32,
        state: OperationState,
        due_at_ms: i64,
        errors: String,
        key: Option<String>,
        cause: Option<String>,
        /// False gives the try back: the remote only asked to wait, or nothing was sent.
        costs_a_try: bool,
        at_ms: i64,
    },
    /// A person sends it on its way again, unchanged: a parked one waits, one that waits is due; its tries begin anew.
    ReleaseOperation {
        id: String,
        at_ms: i64,
    },
    /// From any unfinished state to cancelled.
    CancelOperation {
        id: String,
        at_ms: i64,
    },
    /// All `running` operations become `waiting` again (start-up rescue).
    RescueRunning,
    /// This computer's clock was set back from one time to an earlier one: what is due later is due as much earlier, and
    /// nothing was seen later than now.
    ClockSetBack {
        from_ms: i64,
        to_ms: i64,
    },
    PutReceipt(ReceiptRow),
    MarkUndone {
        operation: String,
        by_plan: String,
    },
    PutRun(RunRow),
    /// Takes a slot of a schedule for a run of the same commit. Fails the commit with [`crate::StoreError::Moved`] if it
    /// is done, waits for its next try, or belongs to a process whose lease lasts.
    ClaimSlot {
        schedule: ScheduleName,
        slot: String,
        run: String,
        missed: u32,
        lease_until_ms: i64,
        at_ms: i64,
    },
    /// The run goes on: its slots stay its own until then.
    RenewSlots {
        run: String,
        lease_until_ms: i64,
    },
    /// The run's slots are done, or are tried again at `due_at_ms`. Slots that another run took over stay as they are.
    FinishSlots {
        run: String,
        done: bool,
        due_at_ms: i64,
        at_ms: i64,
    },
    /// Keeps what a report says of a run, as the engine encoded it. What is kept already stays.
    FreezeReport {
        run: String,
        facts: String,
        at_ms: i64,
    },
    PutDuplicate(DuplicateRow),
    RemoveDuplicate {
        a: SnapshotId,
        b: SnapshotId,
    },
    /// Takes an event in; nothing happens if this message is in the inbox already.
    AcceptEvent(InboxRow),
    /// Only from `running`: a late finisher cannot overwrite.
    FinishEvent {
        id: String,
        state: InboxState,
        due_at_ms: i64,
        /// A word of the engine's.
        outcome: String,
        at_ms: i64,
    },
    /// Gives a quarantined event back to be worked on, pointing to what this row says; its text stays as it was.
    ResendEvent(InboxRow),
    /// Only from the quarantine.
    DismissEvent {
        id: String,
        outcome: String,
        at_ms: i64,
    },
    /// All `running` events become `accepted` again (start-up rescue).
    RescueEvents,
    /// Forgets events that were finished before this time; what has a history in the quarantine stays.
    ForgetEvents {
        before_ms: i64,
    },
    /// Takes something unreadable in. The same thing again only counts up; a record's earlier version that could not be
    /// read is superseded. With `seen_run`, a record that this run came across has been seen.
    Quarantine {
        row: QuarantineRow,
        seen_run: Option<String>,
    },
    /// This record can be read again, though nothing in it changed. ([`Change::PutSnapshot`] implies it.)
    Release {
        id: SnapshotId,
        at_ms: i64,
    },
    /// A complete read ended: payloads without a key that were last seen before `before_ms` are not there any more.
    ReleaseUnseen {
        remote: Remote,
        kind: RecordKind,
        before_ms: i64,
        at_ms: i64,
    },
    /// Fails the commit with [`crate::StoreError::Moved`] unless the entry is open.
    CloseQuarantine {
        id: String,
        state: QuarantineState,
        by: String,
        reason: Option<String>,
        at_ms: i64,
    },
    Audit(AuditRow),
    PutValue {
        key: String,
        value: String,
    },
    /// Everything to this remote that waits for its next try is due now.
    HastenOperations {
        remote: Remote,
        at_ms: i64,
    },
    /// Opens the incident of this kind and subject, or counts the open one once more; `id` is for a new one.
    RaiseIncident {
        id: String,
        kind: String,
        subject: String,
        cause: String,
        at_ms: i64,
    },
    /// Nothing happens if none is open.
    CloseIncident {
        kind: String,
        subject: String,
        at_ms: i64,
    },
    /// Fails with [`crate::StoreError::Moved`] if somebody has acknowledged it already.
    AcknowledgeIncident {
        id: String,
        person: String,
        at_ms: i64,
    },
}
