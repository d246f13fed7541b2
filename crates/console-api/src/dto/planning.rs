//! What crosses the seam for *Work list*, *Compare*, *Plan* and *Receipts*.

use super::{ChoiceKind, FieldView, RemoteName, Shown, Side};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// Why a conflict exists.
    pub enum Cause {
        FieldsDiffer,
        MaybeDuplicate,
        NotStored,
        Vanished,
        CannotCreate,
        /// Our write overtook somebody else's: what they wrote in between may be gone.
        Overwritten,
        /// Both systems agree, and what they agree on breaks a rule of the hospital.
        RuleBroken,
    }
    /// Where a conflict stands.
    pub enum ConflictStatus {
        Open,
        AwaitingSecond,
        Executing,
        Closed,
    }
    /// Where a plan stands.
    pub enum PlanStatus {
        Draft,
        AwaitingSecond,
        /// Approved; both systems are read again before it is written, as soon as both may be asked.
        AwaitingCheck,
        Approved,
        Done,
        Refused,
        Superseded,
    }
    /// Where an operation stands.
    pub enum OperationStatus {
        Waiting,
        Running,
        Retrying,
        Parked,
        Done,
        Cancelled,
    }
    /// Answer to "are these the same animal?".
    pub enum SameAnimal {
        Same,
        Different,
    }
}

dto! {
    pub struct ConflictQuery {
        pub text: String,
        pub grade: Option<u8>,
        pub field: Option<String>,
        pub cause: Option<Cause>,
        pub status: Option<ConflictStatus>,
        pub offset: u32,
        pub limit: u32,
    }
    pub struct ConflictItem {
        pub id: String,
        pub patient_id: String,
        pub patient: String,
        pub owner: String,
        pub species: String,
        pub cause: Cause,
        pub grade: u8,
        pub status: ConflictStatus,
        pub fields: Vec<String>,
        /// "Owner's phone"
        pub field_labels: Vec<String>,
        pub service_now_short: Option<String>,
        pub ehr_short: Option<String>,
        pub why: String,
        #[ts(type = "number")]
        pub opened_at_ms: i64,
        pub claimed_by: Option<String>,
        pub claimed_by_me: bool,
        #[ts(type = "number | null")]
        pub snoozed_until_ms: Option<i64>,
        pub may_decide: bool,
        /// What its approved plan waits for before it is written, if it does: a sentence.
        pub waits: Option<String>,
        /// Same cause and fields: "12 alike".
        pub alike: u32,
    }
    pub struct ConflictList {
        pub items: Vec<ConflictItem>,
        pub total: u32,
    }
    pub struct CompareView {
        pub conflict: ConflictItem,
        pub service_now: Side,
        pub ehr: Side,
        pub fields: Vec<FieldView>,
        pub agreeing: Vec<FieldView>,
        pub draft: Vec<FieldChoice>,
        /// For `maybe_duplicate`: the records that resemble it.
        pub candidates: Vec<Candidate>,
        /// For `rule_broken`: the appointments it runs into.
        pub runs_into: Vec<RunsInto>,
        /// Changes whenever what is asked changes.
        pub fingerprint: String,
    }
    /// An appointment of the same clinician at the same time.
    pub struct RunsInto {
        pub id: String,
        pub patient: String,
        /// In the hospital's time zone.
        pub when: String,
        pub about: String,
    }
    pub struct Candidate {
        pub patient_id: String,
        pub remote: RemoteName,
        pub name: String,
        pub owner: String,
        pub species: String,
        pub breed: String,
        pub born: String,
        pub phone: String,
        pub chip: String,
        pub for_sentences: Vec<String>,
        pub against_sentences: Vec<String>,
        pub tier: String,
        /// "Same animal" may be answered here.
        pub linkable: bool,
        /// Why not, and what to do instead.
        pub not_linkable_because: Option<String>,
    }
    pub struct FieldChoice {
        pub field: String,
        pub choice: ChoiceKind,
        /// With `own`: the text as typed.
        pub own: Option<String>,
    }
    pub struct Validated {
        pub ok: bool,
        /// Normal form, to show back.
        pub shown: Option<Shown>,
        pub problem: Option<String>,
        pub way_out: Option<String>,
    }
    pub struct PlannedWrite {
        pub remote: RemoteName,
        /// "Change the owner's phone in the EHR"
        pub sentence: String,
        pub changes: Vec<PlannedChange>,
        pub method: String,
        pub url: String,
        pub headers: Vec<String>,
        pub body: String,
        pub relies_on_version: Option<String>,
        pub side_effects: Vec<String>,
    }
    pub struct PlannedChange {
        pub field: String,
        pub label: String,
        pub before: String,
        pub after: String,
    }
    pub struct PlanView {
        pub id: String,
        pub hash: String,
        pub patient_id: String,
        pub patient: String,
        pub conflict_id: Option<String>,
        pub status: PlanStatus,
        pub grade: u8,
        pub maker: String,
        pub maker_is_me: bool,
        pub reason: Option<String>,
        pub approver: Option<String>,
        #[ts(type = "number")]
        pub made_at_ms: i64,
        pub writes: Vec<PlannedWrite>,
        pub open_fields: Vec<String>,
        /// Needs a second person before it is carried out.
        pub needs_second: bool,
        /// The approval must carry a reason.
        pub needs_reason: bool,
        pub may_approve: bool,
        pub who_can: Option<String>,
        /// Fields left out of an undo because they changed since, in sentences.
        pub left_out: Vec<String>,
        /// What moved since the maker saw it, in sentences.
        pub moved: Vec<String>,
        /// What it waits for, approved, before it is written: a sentence.
        pub waits: Option<String>,
        /// It may be withdrawn by this person while it waits.
        pub may_withdraw: bool,
        pub undoes: Option<String>,
        /// The operation whose place its writes take.
        pub replaces: Option<String>,
    }
    pub struct Approved {
        pub plan: PlanView,
        /// Empty when it now waits for a second person, or for a system that cannot be asked.
        pub operations: Vec<OperationView>,
    }
    pub struct OperationView {
        pub id: String,
        pub remote: RemoteName,
        pub status: OperationStatus,
        pub attempts: u32,
        pub last_error: Option<String>,
        #[ts(type = "number")]
        pub due_at_ms: i64,
    }
    pub struct ReceiptView {
        pub operation_id: String,
        pub plan_id: String,
        pub patient_id: String,
        pub patient: String,
        pub remote: RemoteName,
        pub sentence: String,
        pub changes: Vec<PlannedChange>,
        pub request: String,
        pub response: String,
        pub read_back: String,
        /// What was read back is what was sent.
        pub verified: bool,
        pub discrepancies: Vec<String>,
        pub version_before: Option<String>,
        pub version_after: Option<String>,
        #[ts(type = "number")]
        pub at_ms: i64,
        pub maker: String,
        pub approver: Option<String>,
        pub reason: Option<String>,
        pub undone_by: Option<String>,
        pub can_undo: bool,
        /// Why it cannot be undone, where it cannot.
        pub not_undoable_because: Option<String>,
    }
    pub struct ReceiptList {
        pub receipts: Vec<ReceiptView>,
    }
    pub struct Claim {
        pub id: String,
        pub claim: bool,
    }
    pub struct Seen {
        pub id: String,
        /// What whoever looked found, for the audit trail.
        pub reason: String,
    }
    pub struct Snooze {
        pub id: String,
        #[ts(type = "number | null")]
        pub until_ms: Option<i64>,
        pub reason: String,
    }
    pub struct Draft {
        pub id: String,
        pub choices: Vec<FieldChoice>,
    }
    pub struct ValidateOwn {
        pub field: String,
        pub text: String,
    }
    pub struct MakePlan {
        pub conflict_id: String,
        pub fingerprint: String,
        pub choices: Vec<FieldChoice>,
        pub reason: Option<String>,
    }
    pub struct Approve {
        pub plan_id: String,
        pub hash: String,
        pub reason: Option<String>,
    }
    pub struct Refuse {
        pub plan_id: String,
        pub reason: String,
    }
    pub struct AnswerDuplicate {
        pub conflict_id: String,
        /// The record on the other side that it is or is not; none: it is none of them.
        pub candidate_patient_id: Option<String>,
        pub answer: SameAnimal,
        pub reason: String,
    }
    pub struct ReceiptQuery {
        pub patient_id: Option<String>,
        pub plan_id: Option<String>,
        pub offset: u32,
        pub limit: u32,
    }
}

declared_here!();
