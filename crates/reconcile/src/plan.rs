//! From a comparison and a person's decisions to the exact field writes.

use crate::compare::{Base, BaseField, Comparison, FieldComparison, Grade, PairState, Settlement};
use crate::{merge, sides};
use record::catalogue::ValueType;
use record::value::SubstanceSet;
use record::{Catalogue, FieldIx, FieldState, Remote, Value};
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

    pub(crate) fn writes_mut(&mut self, remote: Remote) -> &mut Vec<FieldWrite> {
        match remote {
            Remote::ServiceNow => &mut self.servicenow,
            Remote::Ehr => &mut self.ehr,
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
///
/// A decision may also overrule a rule's settlement, or hold it back with [`Choice::LeaveOpen`]; the differing fields
/// of a group are then decided together. A side that hides a field is never written to. Whether the writes need two
/// persons is [`grade_of_writes`]'s answer, since a decision can do more than the comparison proposed.
///
/// # Errors
/// [`DecisionProblem`] for the first decision that cannot be carried out.
pub fn plan(
    pair: &PairState<'_>,
    comparison: &Comparison,
    decisions: &[FieldDecision],
) -> Result<PairPlan, DecisionProblem> {
    let catalogue = pair.catalogue;
    let mut choices: Vec<Option<&Choice>> = vec![None; comparison.fields.len()];
    for decision in decisions {
        let at = comparison.fields.iter().position(|compared| {
            compared.field == decision.field
                && compared.settlement != Settlement::Nothing
                && differs(compared)
        });
        match at.and_then(|at| choices.get_mut(at)) {
            Some(place @ None) => *place = Some(&decision.choice),
            Some(Some(_)) | None => {
                return Err(DecisionProblem::NotDecidable { field: field_name(catalogue, decision.field) });
            }
        }
    }
    check_groups(catalogue, comparison, &choices)?;

    let mut plan = PairPlan::default();
    for (compared, choice) in comparison.fields.iter().zip(choices) {
        let field = compared.field;
        let target = match (&compared.settlement, choice) {
            (Settlement::Nothing, _) => {
                if let Some(state) = newly_agreed(compared) {
                    plan.agreed.push((field, state));
                }
                continue;
            }
            (_, Some(Choice::LeaveOpen)) | (Settlement::Ask { .. }, None) => {
                plan.open.push(field);
                continue;
            }
            (_, Some(choice)) => chosen(catalogue, compared, choice)?,
            (Settlement::Settle { value, .. }, None) => {
                if !differs(compared) {
                    plan.agreed.push((field, compared.servicenow.clone()));
                    continue;
                }
                value.clone()
            }
        };
        for (remote, from) in [(Remote::ServiceNow, &compared.servicenow), (Remote::Ehr, &compared.ehr)] {
            if !sides::same(from, &target) && *from != FieldState::Unknown {
                plan.writes_mut(remote).push(FieldWrite { field, from: from.clone(), to: target.clone() });
            }
        }
    }
    Ok(plan)
}

/// Whether the two sides of a compared field say different things.
fn differs(compared: &FieldComparison) -> bool {
    !sides::same(&compared.servicenow, &compared.ehr)
}

/// What both sides agree on, where the base does not say so yet.
fn newly_agreed(compared: &FieldComparison) -> Option<FieldState> {
    let agreed = sides::agreed(&compared.servicenow, &compared.ehr)?;
    (!sides::stands(&compared.base, &compared.servicenow, &compared.ehr)).then(|| agreed.clone())
}

/// The differing fields of a group are decided together or left open together.
fn check_groups(
    catalogue: &Catalogue,
    comparison: &Comparison,
    choices: &[Option<&Choice>],
) -> Result<(), DecisionProblem> {
    let group_of = |field: FieldIx| catalogue.spec(field).and_then(|spec| spec.group.as_deref());
    for (compared, choice) in comparison.fields.iter().zip(choices) {
        let (Some(group), Some(choice)) = (group_of(compared.field), choice) else { continue };
        let left_open = **choice == Choice::LeaveOpen;
        let together = comparison.fields.iter().zip(choices).all(|(other, choice)| {
            group_of(other.field) != Some(group)
                || other.settlement == Settlement::Nothing
                || !differs(other)
                || match choice {
                    Some(choice) => (**choice == Choice::LeaveOpen) == left_open,
                    // A settlement that was not held back would be carried out alone.
                    None => left_open && matches!(other.settlement, Settlement::Ask { .. }),
                }
        });
        if !together {
            return Err(DecisionProblem::GroupIncomplete { group: group.to_owned() });
        }
    }
    Ok(())
}

/// The state a choice means.
fn chosen(
    catalogue: &Catalogue,
    compared: &FieldComparison,
    choice: &Choice,
) -> Result<FieldState, DecisionProblem> {
    let nothing_to_take = || DecisionProblem::NothingToTake { field: field_name(catalogue, compared.field) };
    let not_a_set = || DecisionProblem::NotASet { field: field_name(catalogue, compared.field) };
    let state = match choice {
        Choice::TakeServiceNow => compared.servicenow.clone(),
        Choice::TakeEhr => compared.ehr.clone(),
        Choice::TakeBase => compared.base.clone(),
        Choice::Own(state) => {
            let fits = match (catalogue.spec(compared.field), state) {
                (Some(spec), FieldState::Value(value)) => fits(&spec.value_type, value),
                (_, FieldState::Blank) => true,
                (None, _) | (_, FieldState::Unknown | FieldState::Invalid { .. }) => false,
            };
            if !fits {
                return Err(nothing_to_take());
            }
            state.clone()
        }
        Choice::KeepBoth => {
            let set = |state: &FieldState| match state {
                FieldState::Value(Value::Substances(set)) => Some(set.clone()),
                FieldState::Blank => Some(SubstanceSet::default()),
                FieldState::Unknown | FieldState::Value(_) | FieldState::Invalid { .. } => None,
            };
            let is_set =
                catalogue.spec(compared.field).map(|spec| &spec.value_type) == Some(&ValueType::Substances);
            let (left, right) = (set(&compared.servicenow), set(&compared.ehr));
            let (true, Some(left), Some(right)) = (is_set, left, right) else { return Err(not_a_set()) };
            // A known substance refutes "no known allergies".
            FieldState::Value(Value::Substances(merge::without_denial(merge::union(&left, &right))))
        }
        Choice::LeaveOpen => return Err(nothing_to_take()),
    };
    match state {
        // What is hidden cannot be taken, and what cannot be read must not spread.
        FieldState::Unknown | FieldState::Invalid { .. } => Err(nothing_to_take()),
        FieldState::Blank | FieldState::Value(_) => Ok(state),
    }
}

/// Whether a value is of the field's type.
const fn fits(value_type: &ValueType, value: &Value) -> bool {
    match value_type {
        ValueType::Name => matches!(value, Value::Name(_)),
        ValueType::Text => matches!(value, Value::Text(_)),
        ValueType::LongText => matches!(value, Value::LongText(_)),
        ValueType::Species | ValueType::Breed | ValueType::Coded | ValueType::AppointmentType => {
            matches!(value, Value::Coded(_))
        }
        ValueType::Date => matches!(value, Value::Date(_)),
        ValueType::Sex => matches!(value, Value::Sex(_)),
        ValueType::Microchip => matches!(value, Value::Microchip(_)),
        ValueType::Phone => matches!(value, Value::Phone(_)),
        ValueType::Email => matches!(value, Value::Email(_)),
        ValueType::Substances => matches!(value, Value::Substances(_)),
        ValueType::Quantity { .. } => matches!(value, Value::Quantity(_)),
        ValueType::Instant => matches!(value, Value::Instant(_)),
        ValueType::Minutes => matches!(value, Value::Minutes(_)),
        ValueType::Person => matches!(value, Value::Person(_)),
        ValueType::PatientLink => matches!(value, Value::PatientLink(_)),
        ValueType::AppointmentStatus => matches!(value, Value::Status(_)),
        ValueType::Items | ValueType::Medications => matches!(value, Value::Items(_)),
    }
}

fn field_name(catalogue: &Catalogue, field: FieldIx) -> String {
    catalogue.spec(field).map_or_else(|| field.0.to_string(), |spec| spec.id.clone())
}

/// The least grade at which writes may be carried out, whoever or whatever proposed them:
/// [`Grade::TwoPersons`] where a value is blanked, an allergy is dropped, or an identity field that was set gets
/// another value, each also where what stood there could not be read; [`Grade::OneSided`] for any other write; [`Grade::Equal`] without writes. An undo takes back what
/// was written, so it can need two persons where the rule it undoes needed none.
pub fn grade_of_writes(catalogue: &Catalogue, plan: &PairPlan) -> Grade {
    plan.servicenow
        .iter()
        .chain(&plan.ehr)
        .map(|write| {
            let identity = catalogue.spec(write.field).is_some_and(|spec| spec.identity);
            if blanks(write) || drops_allergy(write) || (identity && replaces(write)) {
                Grade::TwoPersons
            } else {
                Grade::OneSided
            }
        })
        .max()
        .unwrap_or(Grade::Equal)
}

/// Whether a write empties what said something.
pub fn blanks(write: &FieldWrite) -> bool {
    sides::says_nothing(&write.to) && !sides::says_nothing(&write.from) && write.from != FieldState::Unknown
}

/// Whether a write removes or rewords a substance, or takes the place of a list that cannot be read and may name one.
pub fn drops_allergy(write: &FieldWrite) -> bool {
    match (&write.from, &write.to) {
        (FieldState::Value(Value::Substances(from)), FieldState::Value(Value::Substances(to))) => {
            merge::loses_real(from, to)
        }
        (FieldState::Value(Value::Substances(from)), _) => merge::has_real(from),
        (FieldState::Invalid { .. }, FieldState::Value(Value::Substances(_))) => true,
        _ => false,
    }
}

/// Whether a write puts another value in the place of one that was set, readable or not.
fn replaces(write: &FieldWrite) -> bool {
    write.from != FieldState::Unknown
        && !sides::says_nothing(&write.from)
        && !sides::same(&write.from, &write.to)
}

/// The base after a plan was applied and read back: a field on which both sides now say the same gets that value as
/// its base, in ServiceNow's spelling; open fields, hidden ones and those that still differ keep what they had.
///
/// `agreed_at_ms` and `agreed_by` are set only where the agreed value changed. A partial date that ServiceNow holds
/// with its gaps filled stays partial in the base, which so remembers its precision.
pub fn base_after(
    pair: &PairState<'_>,
    plan: &PairPlan,
    servicenow: &record::Record,
    ehr: &record::Record,
    agreed_at_ms: i64,
    agreed_by: &str,
) -> Base {
    let fields = pair
        .catalogue
        .iter()
        .map(|(field, _)| {
            let before = pair.base.and_then(|base| base.fields.get(usize::from(field.0)));
            let keep = || before.cloned().unwrap_or_default();
            let (left, right) = (servicenow.field(field), ehr.field(field));
            let agreed = if plan.open.contains(&field) { None } else { sides::agreed(left, right) };
            let Some(agreed) = agreed else { return keep() };
            match before {
                Some(before) if sides::stands(&before.state, left, right) => before.clone(),
                Some(_) | None => {
                    BaseField { state: agreed.clone(), agreed_at_ms, agreed_by: agreed_by.to_owned() }
                }
            }
        })
        .collect();
    Base { fields }
}

/// The base of a pair whose plan was carried out while a person put back, on the other side, what both had agreed on
/// before; `None` where nothing of that kind happened.
///
/// `written` is what the plan wrote, and `moved` says whether a side moved since it was made. What stood on the other
/// side then was written here: on that value both had agreed, and the putting back is the newer change. Compared with
/// the base of before, our own write would pass for a person's change, and be carried over what was put back.
pub fn base_where_put_back(
    pair: &PairState<'_>,
    written: &PairPlan,
    moved: impl Fn(Remote) -> bool,
    agreed_at_ms: i64,
    agreed_by: &str,
) -> Option<Base> {
    let mut base = pair.base?.clone();
    let mut put_back = false;
    for remote in Remote::BOTH.into_iter().filter(|remote| moved(remote.other())) {
        for write in written.writes(remote) {
            let (before, servicenow, ehr) = pair.states(write.field);
            let (here, there) = match remote {
                Remote::ServiceNow => (servicenow, ehr),
                Remote::Ehr => (ehr, servicenow),
            };
            let is_back =
                sides::same(here, &write.to) && sides::same(there, before) && !sides::same(there, &write.to);
            if let (true, Some(field)) = (is_back, base.fields.get_mut(usize::from(write.field.0))) {
                let state = write.to.clone();
                *field = BaseField { state, agreed_at_ms, agreed_by: agreed_by.to_owned() };
                put_back = true;
            }
        }
    }
    put_back.then_some(base)
}
