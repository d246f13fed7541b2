//! What crosses the seam for the *Queue* screen, the remotes and the incidents.

use super::{
    MidServerView, OperationStatus, PlanStatus, PlannedChange, PlannedWrite, PollView, RemoteHealth,
    RemoteName, StorageTrouble,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// What keeps an operation that could run from running.
    pub enum QueueHold {
        /// The remote does not answer; one try is made from time to time.
        Breaker,
        /// Somebody paused the remote.
        Paused,
        /// The remote refuses our credentials.
        SignIn,
        /// The remote asked to wait.
        RateLimit,
        /// An earlier operation of the same patient comes first.
        Lane,
    }
    /// What kind of error an attempt ended with.
    pub enum ErrorKind {
        /// No connection; nothing was sent.
        Unreachable,
        /// No answer to a write: it may have been done.
        Ambiguous,
        /// Busy or failing; passes.
        Transient,
        SignIn,
        /// The record changed meanwhile.
        Moved,
        NotFound,
        /// Several records carry our key.
        Many,
        /// Refused for good.
        Refused,
        /// Answered something unreadable.
        Protocol,
        /// VetSync was closed before the answer came.
        Interrupted,
    }
    /// What kind of incident.
    pub enum IncidentKind {
        /// A remote refuses our credentials.
        SignIn,
        /// A remote does not answer: its breaker is open.
        Breaker,
        /// Nothing could be stored: a full disk, a locked or a damaged database.
        Storage,
        /// The MID Server is not connected.
        MidServer,
        Other,
    }
}

dto! {
    pub struct QueueQuery {
        /// Empty: everything unfinished.
        pub states: Vec<OperationStatus>,
        pub remote: Option<RemoteName>,
        /// A cause's key, as `queue.causes` gives it.
        pub cause: Option<String>,
        pub patient_id: Option<String>,
        pub offset: u32,
        /// Lanes, not operations; 1 to 200.
        pub limit: u32,
    }
    pub struct QueueList {
        /// The lane that has waited longest first.
        pub lanes: Vec<QueueLane>,
        /// Lanes that match.
        pub total: u32,
        /// Approved plans that wait until both systems can be asked, the oldest approval first; nothing of them is in a
        /// lane yet. At most 200.
        pub waiting_plans: Vec<WaitingPlan>,
        /// All there are.
        pub waiting_plans_total: u32,
        /// Operations of all remotes, whatever the filter.
        pub counts: QueueCounts,
        /// Tries of an operation in all ("2 of 5").
        pub tries: u32,
    }
    /// An approved plan that is carried out once both systems were read again.
    pub struct WaitingPlan {
        pub plan_id: String,
        pub patient_id: String,
        pub patient: String,
        pub owner: String,
        pub species: String,
        /// What it will write: "Change the owner's phone in the EHR from … to …"
        pub sentences: Vec<String>,
        pub approver: String,
        #[ts(type = "number")]
        pub approved_at_ms: i64,
        /// What it waits for.
        pub words: String,
        pub may_withdraw: bool,
        /// Who can, when this person may not.
        pub who_can: Option<String>,
    }
    /// Operations by state.
    #[derive(Default)]
    pub struct QueueCounts {
        pub waiting: u32,
        pub running: u32,
        pub retrying: u32,
        pub parked: u32,
        pub done: u32,
        pub cancelled: u32,
    }
    /// One patient's operations, in the order they are carried out.
    pub struct QueueLane {
        pub patient_id: String,
        pub patient: String,
        pub owner: String,
        pub species: String,
        /// Where its first operation stands.
        pub status: OperationStatus,
        pub hold: Option<QueueHold>,
        /// A sentence about the first operation.
        pub words: String,
        pub operations: Vec<QueueItem>,
    }
    pub struct QueueItem {
        pub id: String,
        pub patient_id: String,
        pub remote: RemoteName,
        /// "Change the owner's phone in the EHR from … to …"
        pub sentence: String,
        pub status: OperationStatus,
        pub hold: Option<QueueHold>,
        /// Where it stands in words, without the countdown: "Try 2 of 5 failed".
        pub words: String,
        /// Tries so far.
        pub attempt: u32,
        pub tries: u32,
        /// All tries are used; it stays queued and is tried again now and then.
        pub exhausted: bool,
        /// When it is tried next, for a countdown; none while that is not known (parked, paused, behind another one).
        #[ts(type = "number | null")]
        pub next_try_at_ms: Option<i64>,
        #[ts(type = "number")]
        pub enqueued_at_ms: i64,
        #[ts(type = "number | null")]
        pub finished_at_ms: Option<i64>,
        /// Key of its cause, for filtering and replay.
        pub cause: Option<String>,
        /// The last error in words.
        pub problem: Option<String>,
        pub plan_id: String,
        /// The operation it took the place of.
        pub replaces: Option<String>,
        pub may_retry: bool,
        pub may_edit: bool,
        pub may_cancel: bool,
        /// Who can, when this person may do nothing with it.
        pub who_can: Option<String>,
    }
    /// One failed attempt.
    pub struct AttemptView {
        pub attempt: u32,
        #[ts(type = "number")]
        pub at_ms: i64,
        pub kind: Option<ErrorKind>,
        /// A sentence.
        pub problem: String,
        /// It may have been carried out all the same.
        pub ambiguous: bool,
        /// It used up a try; a remote that only asks to wait does not.
        pub counted: bool,
    }
    /// A field of an operation that can be corrected before it is sent again.
    pub struct EditableField {
        pub field: String,
        pub label: String,
        pub editor: super::Editor,
        pub value: super::Shown,
        /// As text to edit.
        pub text: String,
        /// The remote's words name this field.
        pub named: bool,
    }
    /// One step of an operation's history of edits, oldest first.
    pub struct LineageEntry {
        pub id: String,
        pub status: OperationStatus,
        #[ts(type = "number")]
        pub enqueued_at_ms: i64,
        pub maker: String,
        pub reason: Option<String>,
        /// The operation that was asked about.
        pub this: bool,
    }
    pub struct QueueDetail {
        pub item: QueueItem,
        pub patient: String,
        pub owner: String,
        /// The request as frozen: what is sent.
        pub write: PlannedWrite,
        pub changes: Vec<PlannedChange>,
        pub attempts: Vec<AttemptView>,
        pub lineage: Vec<LineageEntry>,
        pub fields: Vec<EditableField>,
        /// Why it cannot be edited, where it cannot.
        pub not_editable_because: Option<String>,
        pub plan_status: PlanStatus,
        pub maker: String,
        pub approver: Option<String>,
        pub conflict_id: Option<String>,
        /// There is a receipt.
        pub has_receipt: bool,
    }
    /// Unfinished operations that failed alike.
    pub struct QueueCause {
        /// Key for filtering and replay.
        pub cause: String,
        pub remote: RemoteName,
        pub kind: Option<ErrorKind>,
        /// HTTP status, where one came.
        pub status: Option<u16>,
        pub field_labels: Vec<String>,
        /// A sentence.
        pub words: String,
        pub count: u32,
        pub parked: u32,
        #[ts(type = "number")]
        pub oldest_at_ms: i64,
    }
    pub struct QueueCauses {
        pub causes: Vec<QueueCause>,
    }
    pub struct QueueAction {
        pub id: String,
        /// Why; needed to cancel, and to send a refused write again.
        pub reason: Option<String>,
    }
    pub struct QueueReplay {
        pub cause: String,
        pub reason: String,
    }
    pub struct QueueReplayed {
        /// On their way again, in the order they were enqueued.
        pub released: u32,
        /// Called off: they would create a record and waited too long; the next run looks again.
        pub called_off: u32,
        pub words: String,
    }
    pub struct FieldText {
        pub field: String,
        /// As typed.
        pub text: String,
    }
    /// Makes a draft plan whose writes take the place of this operation; `plans.approve` sends them.
    pub struct QueueEdit {
        pub id: String,
        pub values: Vec<FieldText>,
        pub reason: String,
    }
    pub struct RemotesStatus {
        pub remotes: Vec<RemoteStatus>,
        pub incidents: Vec<IncidentView>,
        pub may_control: bool,
        pub who_can: Option<String>,
        /// Nothing can be stored, and so nothing is sent.
        pub storage: Option<StorageTrouble>,
        /// The MID Server, where one is named.
        pub mid_server: Option<MidServerView>,
    }
    pub struct RemoteStatus {
        pub remote: RemoteName,
        pub label: String,
        pub health: RemoteHealth,
        /// One line of truth.
        pub words: String,
        pub latency_ms: Option<u32>,
        #[ts(type = "number | null")]
        pub last_answer_at_ms: Option<i64>,
        /// Transport-level failures since the last answer; five open the breaker.
        pub failures_in_a_row: u32,
        pub last_problem: Option<String>,
        /// When the breaker opened or sign-in was first refused.
        #[ts(type = "number | null")]
        pub since_ms: Option<i64>,
        /// For the countdown.
        #[ts(type = "number | null")]
        pub next_try_at_ms: Option<i64>,
        /// A try is under way.
        pub trying: bool,
        /// Nothing is sent before, because the remote asked to wait.
        #[ts(type = "number | null")]
        pub slow_until_ms: Option<i64>,
        pub paused: Option<PauseView>,
        pub waiting: u32,
        pub retrying: u32,
        pub parked: u32,
        /// Our own ceiling.
        pub requests_per_minute: Option<u32>,
        /// What the remote last said of its own limit.
        pub rate_limit: Option<RateLimitView>,
        /// How looking for changes goes, one line for each kind; empty where nothing is polled from here.
        pub polls: Vec<PollView>,
    }
    pub struct PauseView {
        pub by: String,
        #[ts(type = "number")]
        pub at_ms: i64,
        pub reason: String,
    }
    pub struct RateLimitView {
        /// Requests an hour.
        pub limit: u32,
        #[ts(type = "number | null")]
        pub resets_at_ms: Option<i64>,
        pub rule: Option<String>,
    }
    pub struct RemoteAction {
        pub remote: RemoteName,
        /// Why; needed to pause.
        pub reason: Option<String>,
    }
    pub struct AcknowledgeIncident {
        pub id: String,
        /// What is done about it; may be left out.
        pub reason: Option<String>,
    }
    pub struct IncidentQuery {
        pub open_only: bool,
        pub offset: u32,
        pub limit: u32,
    }
    pub struct IncidentList {
        pub incidents: Vec<IncidentView>,
        pub total: u32,
    }
    pub struct IncidentView {
        pub id: String,
        pub kind: IncidentKind,
        pub remote: Option<RemoteName>,
        /// A sentence: what is wrong.
        pub words: String,
        /// What to do.
        pub way_out: String,
        pub open: bool,
        pub times: u32,
        #[ts(type = "number")]
        pub first_seen_at_ms: i64,
        #[ts(type = "number")]
        pub last_seen_at_ms: i64,
        #[ts(type = "number | null")]
        pub closed_at_ms: Option<i64>,
        pub acknowledged_by: Option<String>,
        #[ts(type = "number | null")]
        pub acknowledged_at_ms: Option<i64>,
        pub may_acknowledge: bool,
    }
}

declared_here!();
