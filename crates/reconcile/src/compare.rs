//! Three-way comparison of a pair, graded.

use crate::judge::{Verdict, judge_field, keep_groups_together};
use crate::sides::{Relation, is_padded, relate, same, stands};
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

impl Base {
    /// What both last agreed on for a field; [`FieldState::Unknown`] where they never did.
    pub fn state(&self, field: FieldIx) -> &FieldState {
        static UNKNOWN: FieldState = FieldState::Unknown;
        self.fields.get(usize::from(field.0)).map_or(&UNKNOWN, |agreed| &agreed.state)
    }
}

impl<'a> PairState<'a> {
    /// Base, ServiceNow's and the EHR's state of a field; [`FieldState::Unknown`] where there is none.
    pub fn states(&self, field: FieldIx) -> (&'a FieldState, &'a FieldState, &'a FieldState) {
        static UNKNOWN: FieldState = FieldState::Unknown;
        (
            self.base.map_or(&UNKNOWN, |base| base.state(field)),
            self.servicenow.map_or(&UNKNOWN, |record| record.field(field)),
            self.ehr.map_or(&UNKNOWN, |record| record.field(field)),
        )
    }
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
#[allow(missing_docs, reason = "the names say it")]
pub enum Rule {
    OneSideChanged,
    BlankFilled,
    AllergyAdded,
    NeuteringRecorded,
    FinerDate,
    LinesMerged,
    BothChangedAlike,
    FurtherAlong,
}

/// Why a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
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
    /// One remote changed it, and the field's rule is to ask about every change.
    AlwaysAsked,
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
    /// The remote that changed since the base, or that has the value the other lacks, where it is exactly one.
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

/// Compares a pair. Both records must be present; a pair with one side missing is [`crate::identity`]'s matter, and
/// compares as if everything on the missing side were hidden.
pub fn compare(pair: &PairState<'_>) -> Comparison {
    let mut verdicts = Vec::with_capacity(pair.catalogue.fields.len());
    judge_fields(pair, &mut verdicts);
    let mut grade = Grade::Equal;
    let fields = pair
        .catalogue
        .iter()
        .zip(verdicts)
        .map(|((field, _), verdict)| {
            grade = grade.max(verdict.grade);
            let (base, servicenow, ehr) = pair.states(field);
            FieldComparison {
                field,
                base: base.clone(),
                servicenow: servicenow.clone(),
                ehr: ehr.clone(),
                grade: verdict.grade,
                same_because: verdict.same_because,
                changed_by: verdict.changed_by,
                settlement: verdict.settlement,
            }
        })
        .collect();
    Comparison { fields, grade }
}

/// [`compare`] without copies of the three states, for bulk comparison: one verdict per catalogue field, in catalogue
/// order. `verdicts` is emptied first, so that one buffer serves any number of pairs.
pub fn judge_fields(pair: &PairState<'_>, verdicts: &mut Vec<Verdict>) {
    verdicts.clear();
    verdicts.extend(pair.catalogue.iter().map(|(field, spec)| {
        let (base, servicenow, ehr) = pair.states(field);
        judge_field(spec, base, servicenow, ehr)
    }));
    keep_groups_together(pair, verdicts);
}

/// Whether a pair needs nothing at all: every field that can be compared says the same on both sides and in the base,
/// a partial date's fill in ServiceNow included.
/// [`compare`] then grades it [`Grade::Equal`] and the plan is empty, without a base to move. Allocates nothing for
/// values that are equal to the letter.
pub fn in_agreement(pair: &PairState<'_>) -> bool {
    pair.catalogue.iter().all(|(field, _)| {
        let (base, servicenow, ehr) = pair.states(field);
        field_in_agreement(base, servicenow, ehr)
    })
}

/// [`in_agreement`] for one field.
pub(crate) fn field_in_agreement(base: &FieldState, servicenow: &FieldState, ehr: &FieldState) -> bool {
    match relate(servicenow, ehr) {
        Relation::Hidden => true,
        Relation::Same(_) => {
            matches!(servicenow, FieldState::Invalid { .. }) || stands(base, servicenow, ehr)
        }
        Relation::LeftFiner => is_padded(servicenow, ehr) && same(base, ehr),
        Relation::Unreadable | Relation::RightFiner | Relation::Different => false,
    }
}
