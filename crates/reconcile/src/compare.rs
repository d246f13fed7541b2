//! Three-way comparison of a pair, graded.

use record::{Catalogue, FieldIx, FieldState, Record, Remote, SameBecause};
use serde::{Deserialize, Serialize};

/// The values both remotes last agreed on, by catalogue field; [`FieldState::Unknown`] where they never did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Base {
    /// One entry per catalogue field, in catalogue order.
    pub fields: Vec<BaseField>,
}

/// One agreed value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BaseField {
    /// The agreed value.
    pub state: FieldState,
    /// When it was agreed, Unix milliseconds.
    pub agreed_at_ms: i64,
    /// By whom or what: a person's id, `rule:<name>`, `first comparison`.
    pub agreed_by: String,
}

/// Everything a comparison or a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct PairState<'a> {
    /// The fields and their rules.
    pub catalogue: &'a Catalogue,
    /// What both remotes last agreed on; `None` at first contact.
    pub base: Option<&'a Base>,
    /// ServiceNow's record, if it has one.
    pub servicenow: Option<&'a Record>,
    /// The EHR's record, if it has one.
    pub ehr: Option<&'a Record>,
}

/// Who settles a difference (design: "Grades").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// 0: equal after normalising.
    Equal,
    /// 1: only one remote changed.
    OneSided,
    /// 2: both changed, a rule settles it harmlessly.
    SettledByRule,
    /// 3: needs a person.
    Person,
    /// 4: needs two different persons.
    TwoPersons,
}

impl Grade {
    /// 0 to 4.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What is to happen to a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Nothing: both say the same, or the field cannot be compared (one side hidden).
    Nothing,
    /// This value goes to every remote that does not have it, by the named rule.
    Settle {
        /// The value both are to have.
        value: FieldState,
        /// The rule that says so.
        rule: Rule,
    },
    /// A person decides.
    Ask {
        /// Why, as a stable reason the UI turns into a sentence.
        why: Why,
        /// What a rule would propose; never pre-applied.
        suggestion: Option<FieldState>,
    },
}

/// The rules that settle a difference without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Rule {
    OneSideChanged,
    BlankFilled,
    AllergyAdded,
    NeuteringRecorded,
    FinerDate,
    LinesMerged,
    BothChangedAlike,
}

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Why {
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
}

/// One field of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldComparison {
    /// Which field.
    pub field: FieldIx,
    /// Last agreed; [`FieldState::Unknown`] without a base.
    pub base: FieldState,
    /// ServiceNow's.
    pub servicenow: FieldState,
    /// The EHR's.
    pub ehr: FieldState,
    /// Grade of the difference.
    pub grade: Grade,
    /// Why two differently written values are the same (grade 0 only).
    pub same_because: Option<SameBecause>,
    /// The remote that changed since the base, for grade 1.
    pub changed_by: Option<Remote>,
    /// What is to happen.
    pub settlement: Settlement,
}

/// A compared pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// One entry per catalogue field, in catalogue order.
    pub fields: Vec<FieldComparison>,
    /// The highest grade among them.
    pub grade: Grade,
}

/// Compares a pair. Both records must be present; a pair with one side missing is [`crate::identity`]'s matter.
pub fn compare(_pair: &PairState<'_>) -> Comparison {
    todo!()
}
