//! What crosses the seam for *Patients* and the patient page: values, fields, sides.

use super::RemoteName;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// Where a patient stands.
    pub enum PatientStatus {
        Agreed,
        Waiting,
        Differs,
        OnlyServiceNow,
        OnlyEhr,
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
        SameInstant,
        SamePerson,
        SameStage,
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
        FurtherAlong,
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
    /// How much a finding matters.
    pub enum FindingSeverity {
        Note,
        Warning,
        Error,
    }
}

dto! {
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
        /// A link that was kept may lead to an appointment or a treatment, which have pages of their own.
        pub kind: super::Kind,
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
}

declared_here!();
