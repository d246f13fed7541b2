//! How two states of one field relate: the ground that comparing, planning and undoing share.

use record::value::{Neuter, PartialDate, Sex, SexStatus};
use record::{FieldState, SameBecause, Sameness, Value};

/// How two states of one field relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// At least one is hidden: nothing can be said.
    Hidden,
    /// At least one cannot be read as its type, and they are not the same text.
    Unreadable,
    /// They say the same; why, where they are written differently.
    Same(Option<SameBecause>),
    /// The left says more about the same thing.
    LeftFiner,
    /// The right does.
    RightFiner,
    /// They disagree.
    Different,
}

/// Relates two states of one field.
pub fn relate(left: &FieldState, right: &FieldState) -> Relation {
    match (left, right) {
        (FieldState::Unknown, _) | (_, FieldState::Unknown) => Relation::Hidden,
        (FieldState::Invalid { raw: left, .. }, FieldState::Invalid { raw: right, .. }) if left == right => {
            Relation::Same(None)
        }
        (FieldState::Invalid { .. }, _) | (_, FieldState::Invalid { .. }) => Relation::Unreadable,
        (FieldState::Blank, FieldState::Blank) => Relation::Same(Some(SameBecause::BothBlank)),
        // "Sex unknown" and an empty list say no more than an empty field.
        (FieldState::Blank, FieldState::Value(value)) | (FieldState::Value(value), FieldState::Blank) => {
            match empty_because(value) {
                Some(because) => Relation::Same(Some(because)),
                None => Relation::Different,
            }
        }
        (FieldState::Value(left), FieldState::Value(right)) => relate_values(left, right),
    }
}

fn relate_values(left: &Value, right: &Value) -> Relation {
    if left == right {
        return Relation::Same(None);
    }
    if let (Value::Sex(left), Value::Sex(right)) = (left, right) {
        // Which term was written does not matter, and an unknown half is refined by a known one.
        return match (sex_covers(left, right), sex_covers(right, left)) {
            (true, true) => Relation::Same(Some(SameBecause::SameMeaningOfSex)),
            (true, false) => Relation::LeftFiner,
            (false, true) => Relation::RightFiner,
            (false, false) => Relation::Different,
        };
    }
    match record::sameness::sameness(left, right) {
        Sameness::Identical => Relation::Same(None),
        Sameness::Same(because) => Relation::Same(Some(because)),
        Sameness::LeftFiner => Relation::LeftFiner,
        Sameness::RightFiner => Relation::RightFiner,
        Sameness::Different => Relation::Different,
    }
}

/// Whether every half that `coarse` knows is the same in `fine`.
fn sex_covers(fine: &SexStatus, coarse: &SexStatus) -> bool {
    (coarse.sex == Sex::Unknown || coarse.sex == fine.sex)
        && (coarse.neuter == Neuter::Unknown || coarse.neuter == fine.neuter)
}

/// Whether two states say the same.
pub fn same(left: &FieldState, right: &FieldState) -> bool {
    matches!(relate(left, right), Relation::Same(_))
}

/// Whether a state says nothing: empty, or a value that amounts to it.
pub fn says_nothing(state: &FieldState) -> bool {
    match state {
        FieldState::Blank => true,
        FieldState::Value(value) => empty_because(value).is_some(),
        FieldState::Unknown | FieldState::Invalid { .. } => false,
    }
}

/// Why a value is as good as none, if it is.
fn empty_because(value: &Value) -> Option<SameBecause> {
    let (empty, because) = match value {
        Value::Name(text) | Value::Text(text) | Value::LongText(text) | Value::Email(text) => {
            (text.trim().is_empty(), SameBecause::BothBlank)
        }
        Value::Substances(set) => (set.items.is_empty(), SameBecause::BothBlank),
        Value::Sex(status) => {
            (status.sex == Sex::Unknown && status.neuter == Neuter::Unknown, SameBecause::SameMeaningOfSex)
        }
        Value::Items(list) => (list.items.is_empty(), SameBecause::BothBlank),
        Value::Coded(_)
        | Value::Date(_)
        | Value::Microchip(_)
        | Value::Phone(_)
        | Value::Quantity(_)
        | Value::Instant(_)
        | Value::Minutes(_)
        | Value::Person(_)
        | Value::PatientLink(_)
        | Value::Status(_) => (false, SameBecause::BothBlank),
    };
    empty.then_some(because)
}

/// Whether `full` is `partial` with its unknown month and day filled with 1, the only way a date column without
/// precision can hold it (wire-facts 8.2).
pub fn is_padded(full: &FieldState, partial: &FieldState) -> bool {
    let (FieldState::Value(Value::Date(full)), FieldState::Value(Value::Date(partial))) = (full, partial)
    else {
        return false;
    };
    partial.day.is_none() && *full == padded(*partial)
}

/// What both sides agree on, if they do: what they both say, in ServiceNow's spelling, or the EHR's partial date where
/// ServiceNow holds its fill. Which of the two a full date of the first of a month is, nobody can tell; taken for the
/// coarser one, no day is made up (and a birthday on the first of January merely stays a year in the EHR).
pub fn agreed<'a>(servicenow: &'a FieldState, ehr: &'a FieldState) -> Option<&'a FieldState> {
    if is_padded(servicenow, ehr) {
        return Some(ehr);
    }
    let readable = !matches!(servicenow, FieldState::Invalid { .. });
    (readable && same(servicenow, ehr)).then_some(servicenow)
}

/// Whether a base already says what both sides agree on.
pub fn stands(base: &FieldState, servicenow: &FieldState, ehr: &FieldState) -> bool {
    same(base, ehr) || (same(base, servicenow) && !is_padded(servicenow, ehr))
}

fn padded(date: PartialDate) -> PartialDate {
    PartialDate { year: date.year, month: Some(date.month.unwrap_or(1)), day: Some(date.day.unwrap_or(1)) }
}
