//! When two values say the same thing (grade 0), and why.

use crate::record::FieldState;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// How two values relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sameness {
    /// Equal to the letter.
    Identical,
    /// Equal in their normal form.
    Same(SameBecause),
    /// The left says more about the same thing (a full date against a year).
    LeftFiner,
    /// The right does.
    RightFiner,
    /// They disagree.
    Different,
}

/// Why two differently written values are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SameBecause {
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

/// Compares two values of one field.
pub fn sameness(_left: &Value, _right: &Value) -> Sameness {
    todo!()
}

/// The text two values are compared by: equal text means [`Sameness::Identical`] or [`Sameness::Same`]. The inverse
/// does not hold for quantities (rounding) and partial dates (refinement). Used for digests.
pub fn comparable(_state: &FieldState, _out: &mut String) {
    todo!()
}
