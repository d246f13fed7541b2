//! From a comparison and a person's decisions to the exact field writes.

use crate::compare::{Base, Comparison, PairState};
use record::{FieldIx, FieldState, Remote};
use serde::{Deserialize, Serialize};

/// One field of one remote is to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldWrite {
    /// Which field.
    pub field: FieldIx,
    /// What the remote has now.
    pub from: FieldState,
    /// What it is to have.
    pub to: FieldState,
}

/// What a person chose for one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDecision {
    /// Which field.
    pub field: FieldIx,
    /// The choice.
    pub choice: Choice,
}

/// The choices of the Compare screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// ServiceNow's value.
    TakeServiceNow,
    /// The last agreed value.
    TakeBase,
    /// The EHR's value.
    TakeEhr,
    /// An own value.
    Own(FieldState),
    /// The union of two sets.
    KeepBoth,
    /// Leave it open.
    LeaveOpen,
}

/// The writes that follow from rules and decisions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PairPlan {
    /// Writes to ServiceNow, in catalogue order.
    pub servicenow: Vec<FieldWrite>,
    /// Writes to the EHR, in catalogue order.
    pub ehr: Vec<FieldWrite>,
    /// Fields that wait for a person.
    pub open: Vec<FieldIx>,
    /// Fields whose base moves without a write, because both remotes already agree: index and new base state.
    pub agreed: Vec<(FieldIx, FieldState)>,
}

impl PairPlan {
    /// The writes to one remote.
    pub fn writes(&self, remote: Remote) -> &[FieldWrite] {
        match remote {
            Remote::ServiceNow => &self.servicenow,
            Remote::Ehr => &self.ehr,
        }
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.servicenow.is_empty() && self.ehr.is_empty()
    }
}

/// A decision that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionProblem {
    /// The field has no value of that kind to take.
    #[error("field {field}: there is no such value to take")]
    NothingToTake {
        /// The field's id.
        field: String,
    },
    /// A group must be decided as a whole.
    #[error("fields of the group {group} move together: decide all of them")]
    GroupIncomplete {
        /// The group's name.
        group: String,
    },
    /// Two values cannot be kept in a field that holds one.
    #[error("field {field} holds one value: both cannot be kept")]
    NotASet {
        /// The field's id.
        field: String,
    },
    /// The same field was decided twice, or is not in the comparison.
    #[error("field {field} cannot be decided here")]
    NotDecidable {
        /// The field's id or number.
        field: String,
    },
}

/// Plans a compared pair: rules first, then the person's decisions for what is left.
pub fn plan(
    _pair: &PairState<'_>,
    _comparison: &Comparison,
    _decisions: &[FieldDecision],
) -> Result<PairPlan, DecisionProblem> {
    todo!()
}

/// The base after a plan was applied and read back: every written or agreed field moves, open fields stay.
pub fn base_after(
    _pair: &PairState<'_>,
    _plan: &PairPlan,
    _servicenow: &record::Record,
    _ehr: &record::Record,
    _agreed_at_ms: i64,
    _agreed_by: &str,
) -> Base {
    todo!()
}
