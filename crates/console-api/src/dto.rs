//! What crosses the seam to the console. Plain data, times in Unix milliseconds, numbers that fit a double.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

macro_rules! dto {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident : $ty:ty),* $(,)? })*) => {
        $($(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "the names say it")]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty),* })*
        fn struct_declarations(config: &ts_rs::Config) -> Vec<String> {
            vec![$(<$name as TS>::decl(config)),*]
        }
    };
}
macro_rules! dto_enum {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident),* $(,)? })*) => {
        $($(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "the names say it")]
        pub enum $name { $($(#[$vmeta])* $variant),* })*
        fn enum_declarations(config: &ts_rs::Config) -> Vec<String> {
            vec![$(<$name as TS>::decl(config)),*]
        }
    };
}

mod queue;
pub use queue::*;

dto_enum! {
    /// One of the two external systems.
    pub enum RemoteName {
        ServiceNow,
        Ehr,
    }
    /// Roles (console: "People and what they may do").
    pub enum Role {
        FrontDesk,
        Clinician,
        It,
        Admin,
        Auditor,
    }
    /// What a role may do; the UI hides or explains what is not listed.
    pub enum Capability {
        SeePatients,
        SeeConflicts,
        DecideDemographic,
        DecideClinical,
        ApproveSecond,
        SyncOne,
        SyncAll,
        VerifyPatient,
        SeeReceipts,
        Undo,
        LinkPatients,
        SeeRaw,
        SeeQuarantine,
        WorkQuarantine,
        SwitchPerson,
        /// See the queue, breakers, pauses and incidents.
        SeeQueue,
        /// Retry, replay, edit and cancel operations.
        EditQueue,
        /// Pause, resume, try now.
        ControlRemotes,
        AcknowledgeIncidents,
    }
    /// Health of a remote as last seen.
    pub enum RemoteHealth {
        Answering,
        Failing,
        BreakerOpen,
        Paused,
        SignInRefused,
        NeverTried,
    }
    /// Where a patient stands.
    pub enum PatientStatus {
        Agreed,
        Waiting,
        Differs,
        OnlyServiceNow,
        OnlyEhr,
    }
    /// Why a conflict exists.
    pub enum Cause {
        FieldsDiffer,
        MaybeDuplicate,
        NotStored,
        Vanished,
        CannotCreate,
    }
    /// Where a conflict stands.
    pub enum ConflictStatus {
        Open,
        AwaitingSecond,
        Executing,
        Closed,
    }
    /// Why a person is asked about a field.
    pub enum WhyAsked {
        BothChanged,
        NeverAgreed,
        IdentityChanged,
        AllergyRemovedOrReworded,
        Blanked,
        SexChanged,
        NeuteringReversed,
        EhrEditedOneWayField,
        ValueUnreadable,
        GroupMovesTogether,
        MergeConflict,
        AlwaysAsked,
    }
    /// Why two differently written values are the same.
    pub enum SameWhy {
        CaseOrBlanks,
        PhoneFormat,
        EmailCase,
        SameConcept,
        SameChip,
        SameSet,
        SameAmount,
        SameMeaningOfSex,
        LineEndings,
        BothBlank,
    }
    /// What a rule did with a field.
    pub enum RuleName {
        OneSideChanged,
        BlankFilled,
        AllergyAdded,
        NeuteringRecorded,
        FinerDate,
        LinesMerged,
        BothChangedAlike,
    }
    /// How a value is edited.
    pub enum Editor {
        Text,
        LongText,
        Species,
        Breed,
        Date,
        Sex,
        Microchip,
        Phone,
        Email,
        Substances,
        Quantity,
        Coded,
    }
    /// The choices per field.
    pub enum ChoiceKind {
        TakeServiceNow,
        TakeLastAgreed,
        TakeEhr,
        Own,
        KeepBoth,
        LeaveOpen,
    }
    /// Where a plan stands.
    pub enum PlanStatus {
        Draft,
        AwaitingSecond,
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
    /// Where a run stands.
    pub enum RunStatus {
        Running,
        Done,
        Stopped,
        Failed,
    }
    /// Phase of a run, for its progress line.
    pub enum RunPhase {
        ReadingServiceNow,
        ReadingEhr,
        Linking,
        Comparing,
        Writing,
        Finished,
    }
    /// How much a finding matters.
    pub enum FindingSeverity {
        Note,
        Warning,
        Error,
    }
    /// What an error means to the UI; everything else is shown as its message.
    pub enum ErrorCode {
        NotAllowed,
        NotFound,
        Moved,
        Invalid,
        Offline,
        Locked,
        Internal,
    }
    /// What a change invalidates in the UI's cache.
    pub enum Tag {
        Home,
        Patients,
        Patient,
        Conflicts,
        Conflict,
        Plans,
        Receipts,
        Runs,
        Quarantine,
        Session,
        Queue,
        Remotes,
        Incidents,
    }
    /// Where something quarantined came from: a message of a remote, or a record as a remote shows it.
    pub enum QuarantineOrigin {
        Event,
        Record,
    }
    /// Where something quarantined stands.
    pub enum QuarantineStatus {
        Open,
        Resolved,
        Superseded,
        Replayed,
        Dismissed,
    }
    /// What a replay came to for one entry.
    pub enum QuarantineReplayOutcome {
        Accepted,
        ReadAgain,
        StillUnreadable,
        NoKey,
        Closed,
    }
}

dto! {
    /// An error as the UI sees it.
    pub struct ApiError {
        pub code: ErrorCode,
        pub message: String,
        /// What to do about it.
        pub way_out: String,
        /// The field it is about, if one.
        pub field: Option<String>,
    }
    pub struct Person {
        pub id: String,
        pub name: String,
        pub role: Role,
    }
    pub struct Session {
        pub person: Person,
        pub people: Vec<Person>,
        pub capabilities: Vec<Capability>,
        /// Running on sample data.
        pub demo: bool,
        pub version: String,
        pub hospital: String,
    }
    pub struct RemoteState {
        pub remote: RemoteName,
        pub label: String,
        pub health: RemoteHealth,
        pub latency_ms: Option<u32>,
        pub detail: String,
        #[ts(type = "number | null")]
        pub last_answer_at_ms: Option<i64>,
        #[ts(type = "number | null")]
        pub next_try_at_ms: Option<i64>,
        pub waiting: u32,
    }
    pub struct Metric {
        pub id: String,
        pub label: String,
        /// Already formatted: "99.2 %".
        pub value: String,
        pub detail: String,
        /// Oldest first; empty when there is no history yet.
        pub trend: Vec<f64>,
        pub ok: bool,
    }
    pub struct Progress {
        pub run_id: String,
        pub phase: RunPhase,
        pub done: u32,
        pub total: Option<u32>,
        pub per_second: u32,
        /// A sentence.
        pub text: String,
    }
    pub struct RunView {
        pub id: String,
        pub trigger: String,
        pub actor: Option<String>,
        pub status: RunStatus,
        #[ts(type = "number")]
        pub started_at_ms: i64,
        #[ts(type = "number | null")]
        pub ended_at_ms: Option<i64>,
        pub counts: RunCounts,
        pub problem: Option<String>,
        pub progress: Option<Progress>,
    }
    #[derive(Default)]
    pub struct RunCounts {
        pub servicenow: u32,
        pub ehr: u32,
        pub linked: u32,
        pub compared: u32,
        pub equal: u32,
        pub settled: u32,
        pub conflicts: u32,
        pub created: u32,
        pub writes_servicenow: u32,
        pub writes_ehr: u32,
        pub malformed: u32,
        pub possible_duplicates: u32,
    }
    /// A run, and what a run that only plans would do.
    pub struct RunReport {
        pub run: RunView,
        /// Patients that rules settle or create.
        pub to_settle: u32,
        pub planned_writes_servicenow: u32,
        pub planned_writes_ehr: u32,
        pub to_create: u32,
        pub writes_failed: u32,
        pub vanished: u32,
    }
    pub struct Home {
        pub remotes: Vec<RemoteState>,
        pub metrics: Vec<Metric>,
        pub need_you: u32,
        pub need_second: u32,
        pub settled_last_run: u32,
        pub status_counts: StatusCounts,
        pub run: Option<RunView>,
        pub last_run: Option<RunView>,
        pub settled: Vec<SettledItem>,
        /// Read only from the cache: a remote is not answering.
        pub offline: bool,
    }
    #[derive(Default)]
    pub struct StatusCounts {
        pub agreed: u32,
        pub waiting: u32,
        pub differs: u32,
        pub only_service_now: u32,
        pub only_ehr: u32,
    }
    /// One automatic settlement, for review.
    pub struct SettledItem {
        pub plan_id: String,
        pub patient_id: String,
        pub patient: String,
        pub sentence: String,
        #[ts(type = "number")]
        pub at_ms: i64,
    }
    pub struct PatientRow {
        pub id: String,
        pub name: String,
        pub species: String,
        pub breed: String,
        pub owner: String,
        pub phone: String,
        pub chip: String,
        pub born: String,
        pub status: PatientStatus,
        pub deceased: bool,
        pub differing: Vec<String>,
    }
    pub struct PatientSearch {
        pub query: String,
        pub status: Option<PatientStatus>,
        pub offset: u32,
        pub limit: u32,
    }
    pub struct PatientPageRows {
        pub rows: Vec<PatientRow>,
        pub total: u32,
        /// There are more than `total` says.
        pub capped: bool,
        pub took_ms: f64,
    }
    /// One value as shown in a column.
    pub struct Shown {
        /// Empty when blank.
        pub text: String,
        /// Codes and systems, one a line.
        pub detail: Option<String>,
        /// As the remote wrote it, where that differs from `text`.
        pub raw: Option<String>,
        pub blank: bool,
        /// Not readable for us (hidden), so never touched.
        pub hidden: bool,
        /// Why it cannot be read as its type.
        pub problem: Option<String>,
        /// Items of a set.
        pub items: Vec<String>,
    }
    pub struct FieldView {
        pub field: String,
        pub label: String,
        pub group: Option<String>,
        pub editor: Editor,
        pub grade: u8,
        pub service_now: Shown,
        pub last_agreed: Shown,
        pub ehr: Shown,
        #[ts(type = "number | null")]
        pub last_agreed_at_ms: Option<i64>,
        pub last_agreed_by: Option<String>,
        pub same_because: Option<SameWhy>,
        pub why: Option<WhyAsked>,
        pub rule: Option<RuleName>,
        /// One sentence, for everyone and for screen readers.
        pub sentence: String,
        pub suggestion: Option<Shown>,
        pub suggestion_reason: Option<String>,
        pub suggested_choice: Option<ChoiceKind>,
        pub choices: Vec<ChoiceKind>,
        /// This person may decide it.
        pub may_decide: bool,
        /// Who can, when this person may not.
        pub who_can: Option<String>,
    }
    pub struct Side {
        pub remote: RemoteName,
        pub key: Option<String>,
        pub version: Option<String>,
        pub changed_by: Option<String>,
        #[ts(type = "number | null")]
        pub changed_at_ms: Option<i64>,
        #[ts(type = "number | null")]
        pub read_at_ms: Option<i64>,
    }
    /// One thing that a business rule found.
    pub struct FindingView {
        pub field: String,
        pub severity: FindingSeverity,
        /// What is wrong, where, and what to do.
        pub sentence: String,
        pub remotes: Vec<RemoteName>,
    }
    pub struct PatientPage {
        pub patient: PatientRow,
        pub service_now: Side,
        pub ehr: Side,
        /// Trust card: one sentence.
        pub trust: String,
        pub trusted: bool,
        #[ts(type = "number | null")]
        pub agreed_at_ms: Option<i64>,
        /// Allergies first.
        pub fields: Vec<FieldView>,
        pub conflict_id: Option<String>,
        pub timeline: Vec<TimelineEntry>,
        /// What business rules say about the two records, gravest first.
        pub findings: Vec<FindingView>,
        pub linked_by: Option<String>,
    }
    pub struct TimelineEntry {
        #[ts(type = "number")]
        pub at_ms: i64,
        pub actor: String,
        pub sentence: String,
        pub plan_id: Option<String>,
    }
    pub struct RawPair {
        pub service_now: Option<String>,
        pub ehr: Option<String>,
    }
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
        /// Changes whenever what is asked changes.
        pub fingerprint: String,
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
        pub undoes: Option<String>,
        /// The operation whose place its writes take.
        pub replaces: Option<String>,
    }
    pub struct Approved {
        pub plan: PlanView,
        /// Empty when it now waits for a second person.
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
    // --- requests
    pub struct Nothing {}
    pub struct Id {
        pub id: String,
    }
    pub struct StartRun {
        /// One patient, or everything.
        pub patient_id: Option<String>,
        /// Compare and plan, write nothing.
        pub plan_only: bool,
    }
    pub struct Claim {
        pub id: String,
        pub claim: bool,
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
    pub struct SwitchPerson {
        pub person_id: String,
    }
    /// Sent to every open console.
    pub struct Changed {
        pub tags: Vec<Tag>,
        /// The patient, conflict or plan it is about, if one.
        pub id: Option<String>,
    }
    /// Which entries of the quarantine.
    pub struct QuarantineQuery {
        pub status: Option<QuarantineStatus>,
        pub remote: Option<RemoteName>,
        /// A cause of the list.
        pub cause: Option<String>,
        pub offset: u32,
        pub limit: u32,
    }
    /// One thing that could not be read.
    pub struct QuarantineItem {
        pub id: String,
        pub origin: QuarantineOrigin,
        pub remote: RemoteName,
        /// `patient`, `appointment`, `treatment`; none where an event does not say.
        pub record_kind: Option<String>,
        /// The record's key in that system, if one could be read.
        pub key: Option<String>,
        /// The patient it is about, if VetSync knows them.
        pub patient_id: Option<String>,
        pub patient: String,
        /// Names the cause: entries with the same one are replayed together.
        pub cause: String,
        /// What is wrong and the way out.
        pub problem: String,
        pub status: QuarantineStatus,
        #[ts(type = "number")]
        pub first_seen_at_ms: i64,
        #[ts(type = "number")]
        pub last_seen_at_ms: i64,
        pub times: u32,
        #[ts(type = "number | null")]
        pub closed_at_ms: Option<i64>,
        /// Who or what closed it.
        pub closed_by: Option<String>,
        /// Why it was edited or dismissed.
        pub reason: Option<String>,
        /// The entry whose text was edited to make this one.
        pub replaces: Option<String>,
        pub edited_by: Option<String>,
        pub can_edit: bool,
        /// Why its text cannot be edited, where it cannot.
        pub not_editable_because: Option<String>,
        pub can_replay: bool,
        pub can_dismiss: bool,
    }
    /// Why entries are open.
    pub struct QuarantineCauseView {
        /// For the query and for `quarantine.replay`.
        pub cause: String,
        pub remote: RemoteName,
        /// What is wrong, in the words of the oldest.
        pub problem: String,
        pub open: u32,
        #[ts(type = "number")]
        pub oldest_at_ms: i64,
    }
    pub struct QuarantineList {
        pub items: Vec<QuarantineItem>,
        pub total: u32,
        /// Causes of what is open, most numerous first.
        pub causes: Vec<QuarantineCauseView>,
        /// Events that are accepted and not yet looked into.
        pub events_waiting: u32,
    }
    pub struct QuarantineView {
        pub item: QuarantineItem,
        /// The text as received, or as edited.
        pub raw: String,
        /// The original first, then every edit.
        pub lineage: Vec<QuarantineItem>,
    }
    pub struct QuarantineEdit {
        pub id: String,
        pub raw: String,
        pub reason: String,
    }
    /// These entries, or all that are open for one cause.
    pub struct QuarantineReplay {
        pub ids: Vec<String>,
        pub cause: Option<String>,
    }
    pub struct QuarantineReplayed {
        pub id: String,
        pub outcome: QuarantineReplayOutcome,
        pub sentence: String,
    }
    pub struct QuarantineReplayList {
        /// In the order they are worked on.
        pub entries: Vec<QuarantineReplayed>,
    }
    pub struct QuarantineDismiss {
        pub id: String,
        pub reason: String,
    }
}

/// What the engine pushes to the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Event {
    Changed(Changed),
    Progress(Progress),
}

/// The TypeScript of every type here, one exported declaration each.
pub fn declarations() -> Vec<String> {
    let config = ts_rs::Config::default();
    let mut all = enum_declarations(&config);
    all.extend(struct_declarations(&config));
    all.extend(queue::declarations(&config));
    all.push(<Event as TS>::decl(&config));
    all.into_iter().map(|declaration| format!("export {declaration}")).collect()
}
