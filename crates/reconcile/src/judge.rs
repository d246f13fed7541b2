//! What is to happen to one field, and to the fields of a group (design: "Grades", "Field catalogue").
//!
//! One arm per case. The order of the arms matters where more than one reason applies: what protects a value comes
//! before what spreads a change.

use crate::compare::{Grade, PairState, Rule, Settlement, Why};
use crate::merge::{self, LineMerge};
use crate::sides::{Relation, is_padded, relate, same, says_nothing};
use record::catalogue::{BothSidesRule, Direction, OneSideRule, ValueType};
use record::value::{Neuter, Sex, SexStatus, SubstanceSet};
use record::{FieldSpec, FieldState, Remote, SameBecause, Value};

/// What a comparison says about one field, without copies of its three states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Grade of the difference.
    pub grade: Grade,
    /// Why two differently written values are the same (grade 0 only).
    pub same_because: Option<SameBecause>,
    /// The remote that changed since the base, or that has the value the other lacks, where it is exactly one.
    pub changed_by: Option<Remote>,
    /// What is to happen.
    pub settlement: Settlement,
}

impl Verdict {
    const fn nothing(same_because: Option<SameBecause>) -> Verdict {
        Verdict { grade: Grade::Equal, same_because, changed_by: None, settlement: Settlement::Nothing }
    }

    const fn settle(grade: Grade, value: FieldState, rule: Rule) -> Verdict {
        Verdict {
            grade,
            same_because: None,
            changed_by: None,
            settlement: Settlement::Settle { value, rule },
        }
    }

    const fn ask(grade: Grade, why: Why, suggestion: Option<FieldState>) -> Verdict {
        Verdict {
            grade,
            same_because: None,
            changed_by: None,
            settlement: Settlement::Ask { why, suggestion },
        }
    }

    fn by(mut self, remote: Remote) -> Verdict {
        self.changed_by = Some(remote);
        self
    }
}

/// How the three states of a field stand to each other.
enum Case<'a> {
    /// One side does not say; it is neither compared nor touched.
    Hidden,
    /// Both sides say the same.
    Agree { because: Option<SameBecause> },
    /// One side, or each in its own way, cannot be read as the field's type.
    Unreadable,
    /// ServiceNow holds the fill of the EHR's partial date: no fact that could go to the EHR, whatever the base says.
    Padded,
    /// They differ, and never agreed before: only one has a value.
    FirstFill { source: Remote, value: &'a FieldState },
    /// They differ, and never agreed before: both have a value.
    FirstDiffer { relation: Relation },
    /// They differ within what a remote can hold; neither changed.
    NeitherChanged,
    /// They differ because one changed.
    OneChanged { by: Remote, now: &'a FieldState },
    /// They differ, and both changed.
    BothChanged { relation: Relation },
}

fn case<'a>(base: &FieldState, servicenow: &'a FieldState, ehr: &'a FieldState) -> Case<'a> {
    let relation = match relate(servicenow, ehr) {
        Relation::Hidden => return Case::Hidden,
        Relation::Same(because) => return Case::Agree { because },
        Relation::Unreadable => return Case::Unreadable,
        relation @ (Relation::LeftFiner | Relation::RightFiner | Relation::Different) => relation,
    };
    if is_padded(servicenow, ehr) {
        return Case::Padded;
    }
    match base {
        // A base that nobody could read, or that was hidden, is no base.
        FieldState::Unknown | FieldState::Invalid { .. } => {
            match (says_nothing(servicenow), says_nothing(ehr)) {
                (true, _) => Case::FirstFill { source: Remote::Ehr, value: ehr },
                (_, true) => Case::FirstFill { source: Remote::ServiceNow, value: servicenow },
                (false, false) => Case::FirstDiffer { relation },
            }
        }
        FieldState::Blank | FieldState::Value(_) => {
            // A ServiceNow date column holds a partial date with its gaps filled; that is no change.
            let servicenow_kept = same(base, servicenow) || is_padded(servicenow, base);
            match (servicenow_kept, same(base, ehr)) {
                (true, true) => Case::NeitherChanged,
                (false, true) => Case::OneChanged { by: Remote::ServiceNow, now: servicenow },
                (true, false) => Case::OneChanged { by: Remote::Ehr, now: ehr },
                (false, false) => Case::BothChanged { relation },
            }
        }
    }
}

/// Grades one field and says what is to happen to it, its group not considered.
pub fn judge_field(
    spec: &FieldSpec,
    base: &FieldState,
    servicenow: &FieldState,
    ehr: &FieldState,
) -> Verdict {
    match case(base, servicenow, ehr) {
        Case::Hidden | Case::Padded | Case::NeitherChanged => Verdict::nothing(None),
        Case::Agree { because } => agree(base, servicenow, ehr, because),
        Case::Unreadable => {
            // The side that can be read is offered; a blank is not, since the other holds something.
            let readable = [servicenow, ehr].into_iter().find(|state| state.value().is_some());
            // What cannot be read may be the one right chip, or an allergy.
            let grade = if spec.value_type == ValueType::Substances {
                Grade::TwoPersons
            } else {
                contradiction_grade(spec)
            };
            Verdict::ask(grade, Why::ValueUnreadable, readable.cloned())
        }
        Case::FirstFill { source, value } => first_fill(spec, source, value).by(source),
        Case::FirstDiffer { relation } => first_differ(spec, servicenow, ehr, relation),
        Case::OneChanged { by, now } => one_changed(spec, by, base, now).by(by),
        Case::BothChanged { relation } => both_changed(spec, base, servicenow, ehr, relation),
    }
}

/// Both sides say the same.
fn agree(
    base: &FieldState,
    servicenow: &FieldState,
    ehr: &FieldState,
    because: Option<SameBecause>,
) -> Verdict {
    match base {
        // First contact, or the same unreadable text on both sides: nothing to do.
        FieldState::Unknown | FieldState::Invalid { .. } => Verdict::nothing(because),
        FieldState::Blank | FieldState::Value(_) => {
            if matches!(servicenow, FieldState::Invalid { .. }) || same(base, servicenow) || same(base, ehr) {
                Verdict::nothing(because)
            } else {
                // Both made the same change: only the base moves.
                Verdict {
                    same_because: because,
                    ..Verdict::settle(Grade::SettledByRule, servicenow.clone(), Rule::BothChangedAlike)
                }
            }
        }
    }
}

/// Whether an edit of the EHR does not flow to ServiceNow by itself.
fn is_one_way(spec: &FieldSpec) -> bool {
    match (spec.direction, spec.one_side) {
        (Direction::ServiceNowToEhr, _) | (_, OneSideRule::TakeServiceNow) => true,
        (
            Direction::Both,
            OneSideRule::Take
            | OneSideRule::TakeIfBlankElseAskTwo
            | OneSideRule::TakeNeutering
            | OneSideRule::TakeAdditions
            | OneSideRule::Ask,
        ) => false,
    }
}

/// The grade of asking about a field whose values contradict each other.
const fn contradiction_grade(spec: &FieldSpec) -> Grade {
    if spec.identity { Grade::TwoPersons } else { Grade::Person }
}

const fn substances(state: &FieldState) -> Option<&SubstanceSet> {
    match state {
        FieldState::Value(Value::Substances(set)) => Some(set),
        FieldState::Unknown | FieldState::Blank | FieldState::Value(_) | FieldState::Invalid { .. } => None,
    }
}

const fn sex(state: &FieldState) -> Option<&SexStatus> {
    match state {
        FieldState::Value(Value::Sex(status)) => Some(status),
        FieldState::Unknown | FieldState::Blank | FieldState::Value(_) | FieldState::Invalid { .. } => None,
    }
}

/// A blank side gets the value of the other: both at first contact and when one side filled what was agreed blank.
fn fill(value: &FieldState) -> Verdict {
    let Some(set) = substances(value) else {
        return Verdict::settle(Grade::OneSided, value.clone(), Rule::BlankFilled);
    };
    match (merge::has_real(set), merge::denies(set)) {
        // "No known allergies; penicillin" contradicts itself: somebody has to say which.
        (true, true) => Verdict::ask(
            Grade::Person,
            Why::NeverAgreed,
            Some(FieldState::Value(Value::Substances(merge::without_denial(set.clone())))),
        ),
        (true, false) => Verdict::settle(Grade::OneSided, value.clone(), Rule::AllergyAdded),
        (false, _) => Verdict::settle(Grade::OneSided, value.clone(), Rule::BlankFilled),
    }
}

/// No base, one side blank.
fn first_fill(spec: &FieldSpec, source: Remote, value: &FieldState) -> Verdict {
    match (source, is_one_way(spec), spec.one_side) {
        // Written in the EHR against the field's direction.
        (Remote::Ehr, true, _) => Verdict::ask(Grade::Person, Why::EhrEditedOneWayField, Some(value.clone())),
        // The hospital wants to be asked about every change.
        (_, _, OneSideRule::Ask) => {
            Verdict::ask(contradiction_grade(spec), Why::AlwaysAsked, Some(value.clone()))
        }
        // Nothing is overwritten. Identity fields too: "ask unless it was blank".
        (
            Remote::ServiceNow | Remote::Ehr,
            _,
            OneSideRule::Take
            | OneSideRule::TakeIfBlankElseAskTwo
            | OneSideRule::TakeNeutering
            | OneSideRule::TakeAdditions
            | OneSideRule::TakeServiceNow,
        ) => fill(value),
    }
}

/// No base, two values: asked, but for what loses nothing.
fn first_differ(spec: &FieldSpec, servicenow: &FieldState, ehr: &FieldState, relation: Relation) -> Verdict {
    if let (OneSideRule::TakeAdditions, Some(left), Some(right)) =
        (spec.one_side, substances(servicenow), substances(ehr))
    {
        let all = merge::union(left, right);
        return if merge::has_real(&all) && merge::denies(&all) {
            // "No known allergies" against a substance.
            let known = FieldState::Value(Value::Substances(merge::without_denial(all)));
            Verdict::ask(contradiction_grade(spec), Why::NeverAgreed, Some(known))
        } else {
            let adds_left = merge::only_in(right, left).next().is_some();
            let adds_right = merge::only_in(left, right).next().is_some();
            let everything = FieldState::Value(Value::Substances(all));
            let settled = |everything| Verdict::settle(Grade::OneSided, everything, Rule::AllergyAdded);
            match (adds_left, adds_right) {
                // What only one side lists is an addition for the other, the safe direction.
                (true, false) => settled(everything).by(Remote::Ehr),
                (false, true) => settled(everything).by(Remote::ServiceNow),
                // Each lists what the other does not: one may be a rewording or a mix-up of the other.
                (true, true) => Verdict::ask(contradiction_grade(spec), Why::NeverAgreed, Some(everything)),
                (false, false) => settled(everything),
            }
        };
    }
    let finer = match relation {
        Relation::LeftFiner => Some((servicenow, ehr)),
        Relation::RightFiner => Some((ehr, servicenow)),
        Relation::Different | Relation::Hidden | Relation::Unreadable | Relation::Same(_) => None,
    };
    if let Some((finer, coarser)) = finer.filter(|_| !spec.identity) {
        if spec.both_sides == BothSidesRule::FinerDate {
            return Verdict::settle(Grade::SettledByRule, finer.clone(), Rule::FinerDate);
        }
        if let (OneSideRule::TakeNeutering, Some(known), Some(vague)) =
            (spec.one_side, sex(finer), sex(coarser))
        {
            // "Male" against "male, neutered": one side leaves a half open, nothing is contradicted.
            let neutering = vague.neuter != known.neuter && known.neuter == Neuter::Neutered;
            let rule = if neutering { Rule::NeuteringRecorded } else { Rule::BlankFilled };
            return Verdict::settle(Grade::SettledByRule, finer.clone(), rule);
        }
    }
    let suggestion = match (spec.both_sides, servicenow, ehr) {
        (
            BothSidesRule::MergeLines,
            FieldState::Value(Value::LongText(left)),
            FieldState::Value(Value::LongText(right)),
        ) => Some(FieldState::Value(Value::LongText(merge::keep_both_lines(left, right)))),
        _ => None,
    };
    Verdict::ask(contradiction_grade(spec), Why::NeverAgreed, suggestion)
}

/// One side changed since the base; the other still has what was agreed.
fn one_changed(spec: &FieldSpec, by: Remote, agreed: &FieldState, now: &FieldState) -> Verdict {
    let was_blank = says_nothing(agreed);
    if says_nothing(now) {
        // Emptied while the other side still has the value: only two persons may spread that.
        let allergies = substances(agreed).is_some_and(merge::has_real);
        let why = if allergies { Why::AllergyRemovedOrReworded } else { Why::Blanked };
        return Verdict::ask(Grade::TwoPersons, why, Some(agreed.clone()));
    }
    if by == Remote::Ehr && is_one_way(spec) {
        // ServiceNow is the source: its value is proposed, unless that would empty the EHR's.
        let proposed = if was_blank { now } else { agreed };
        return Verdict::ask(contradiction_grade(spec), Why::EhrEditedOneWayField, Some(proposed.clone()));
    }
    match spec.one_side {
        OneSideRule::Ask => Verdict::ask(contradiction_grade(spec), Why::AlwaysAsked, Some(now.clone())),
        OneSideRule::Take
        | OneSideRule::TakeIfBlankElseAskTwo
        | OneSideRule::TakeNeutering
        | OneSideRule::TakeAdditions
        | OneSideRule::TakeServiceNow
            if was_blank =>
        {
            fill(now)
        }
        OneSideRule::TakeIfBlankElseAskTwo => Verdict::ask(Grade::TwoPersons, Why::IdentityChanged, None),
        OneSideRule::Take
        | OneSideRule::TakeNeutering
        | OneSideRule::TakeAdditions
        | OneSideRule::TakeServiceNow
            if spec.identity =>
        {
            Verdict::ask(Grade::TwoPersons, Why::IdentityChanged, None)
        }
        OneSideRule::Take | OneSideRule::TakeServiceNow => match relate(agreed, now) {
            // A day or month was taken away: part of the value was blanked, so nobody spreads it unasked.
            Relation::LeftFiner => Verdict::ask(Grade::Person, Why::Blanked, Some(agreed.clone())),
            Relation::RightFiner
            | Relation::Different
            | Relation::Same(_)
            | Relation::Hidden
            | Relation::Unreadable => Verdict::settle(Grade::OneSided, now.clone(), Rule::OneSideChanged),
        },
        OneSideRule::TakeNeutering => sex_changed(agreed, now),
        OneSideRule::TakeAdditions => substances_changed(agreed, now),
    }
}

/// One side changed sex or neuter status.
fn sex_changed(agreed: &FieldState, now: &FieldState) -> Verdict {
    let (Some(was), Some(is)) = (sex(agreed), sex(now)) else {
        return Verdict::ask(Grade::Person, Why::SexChanged, None);
    };
    match (was.sex, is.sex) {
        (Sex::Unknown, _) => {}
        (before, after) if before == after => {}
        (Sex::Male | Sex::Female | Sex::Other, _) => {
            return Verdict::ask(Grade::Person, Why::SexChanged, None);
        }
    }
    match (was.neuter, is.neuter) {
        // It happened, or it became known.
        (Neuter::Intact | Neuter::Unknown, Neuter::Neutered) => {
            Verdict::settle(Grade::OneSided, now.clone(), Rule::NeuteringRecorded)
        }
        // Only the sex, or that it is intact, became known.
        (Neuter::Unknown, Neuter::Intact | Neuter::Unknown)
        | (Neuter::Intact, Neuter::Intact)
        | (Neuter::Neutered, Neuter::Neutered) => {
            Verdict::settle(Grade::OneSided, now.clone(), Rule::OneSideChanged)
        }
        // Cannot happen to an animal.
        (Neuter::Neutered, Neuter::Intact) => {
            Verdict::ask(Grade::Person, Why::NeuteringReversed, Some(agreed.clone()))
        }
        // What was known is known no longer.
        (Neuter::Neutered | Neuter::Intact, Neuter::Unknown) => {
            Verdict::ask(Grade::Person, Why::Blanked, Some(agreed.clone()))
        }
    }
}

/// One side changed its allergies.
fn substances_changed(agreed: &FieldState, now: &FieldState) -> Verdict {
    let (Some(was), Some(is)) = (substances(agreed), substances(now)) else {
        return Verdict::ask(Grade::TwoPersons, Why::AllergyRemovedOrReworded, None);
    };
    let everything =
        || Some(FieldState::Value(Value::Substances(merge::without_denial(merge::union(was, is)))));
    if merge::loses_real(was, is) {
        // Removed, or reworded, which looks the same: everything is proposed to be kept.
        return Verdict::ask(Grade::TwoPersons, Why::AllergyRemovedOrReworded, everything());
    }
    match (merge::has_real(was), merge::denies(is), merge::has_real(is)) {
        // "No known allergies" was written beside a known allergy. (Nothing left at all was caught as a loss.)
        (true, true, _) | (true, false, false) => {
            Verdict::ask(Grade::TwoPersons, Why::AllergyRemovedOrReworded, everything())
        }
        // A substance was written beside "no known allergies".
        (false, true, true) => Verdict::ask(Grade::Person, Why::AllergyRemovedOrReworded, everything()),
        // Additions; the first substance also takes the place of "no known allergies".
        (_, false, true) | (false, _, false) => {
            Verdict::settle(Grade::OneSided, now.clone(), Rule::AllergyAdded)
        }
    }
}

/// Both sides changed since the base, differently.
fn both_changed(
    spec: &FieldSpec,
    base: &FieldState,
    servicenow: &FieldState,
    ehr: &FieldState,
    relation: Relation,
) -> Verdict {
    let remaining = match (says_nothing(servicenow), says_nothing(ehr)) {
        (true, _) => Some(ehr),
        (_, true) => Some(servicenow),
        (false, false) => None,
    };
    if let Some(remaining) = remaining {
        // One emptied it, the other changed it.
        let allergies = substances(base).is_some_and(merge::has_real);
        let why = if allergies { Why::AllergyRemovedOrReworded } else { Why::Blanked };
        return Verdict::ask(Grade::TwoPersons, why, Some(remaining.clone()));
    }
    if let (Some(left), Some(right)) = (substances(servicenow), substances(ehr)) {
        return both_changed_substances(spec, substances(base), left, right);
    }
    match spec.both_sides {
        BothSidesRule::AskTwo => Verdict::ask(Grade::TwoPersons, Why::IdentityChanged, None),
        BothSidesRule::Ask
        | BothSidesRule::FinerDate
        | BothSidesRule::SuggestUnion
        | BothSidesRule::MergeLines
        | BothSidesRule::FurtherAlong
            if spec.identity =>
        {
            Verdict::ask(Grade::TwoPersons, Why::IdentityChanged, None)
        }
        BothSidesRule::Ask | BothSidesRule::SuggestUnion => {
            Verdict::ask(Grade::Person, Why::BothChanged, None)
        }
        BothSidesRule::FinerDate => match relation {
            Relation::LeftFiner => Verdict::settle(Grade::SettledByRule, servicenow.clone(), Rule::FinerDate),
            Relation::RightFiner => Verdict::settle(Grade::SettledByRule, ehr.clone(), Rule::FinerDate),
            Relation::Different | Relation::Same(_) | Relation::Hidden | Relation::Unreadable => {
                Verdict::ask(Grade::Person, Why::BothChanged, None)
            }
        },
        BothSidesRule::MergeLines => both_changed_lines(base, servicenow, ehr),
        BothSidesRule::FurtherAlong => both_changed_status(servicenow, ehr),
    }
}

/// Both changed a status, to different stages.
fn both_changed_status(servicenow: &FieldState, ehr: &FieldState) -> Verdict {
    let (FieldState::Value(Value::Status(left)), FieldState::Value(Value::Status(right))) = (servicenow, ehr)
    else {
        return Verdict::ask(Grade::Person, Why::BothChanged, None);
    };
    match left.stage().later(right.stage()) {
        Some(stage) if stage == left.stage() => {
            Verdict::settle(Grade::SettledByRule, servicenow.clone(), Rule::FurtherAlong)
        }
        Some(_) => Verdict::settle(Grade::SettledByRule, ehr.clone(), Rule::FurtherAlong),
        // Called off on one side, taking place on the other.
        None => Verdict::ask(Grade::Person, Why::BothChanged, None),
    }
}

fn both_changed_substances(
    spec: &FieldSpec,
    base: Option<&SubstanceSet>,
    left: &SubstanceSet,
    right: &SubstanceSet,
) -> Verdict {
    let all = merge::union(left, right);
    let lost = base.is_some_and(|base| merge::loses_real(base, left) || merge::loses_real(base, right));
    let denied = merge::has_real(&all) && merge::denies(&all);
    let everything = merge::without_denial(match base {
        Some(base) if lost => merge::union(&all, base),
        _ => all,
    });
    let everything = Some(FieldState::Value(Value::Substances(everything)));
    if lost || (denied && base.is_some_and(merge::has_real)) {
        // At least one side removed, reworded or denied a known allergy.
        Verdict::ask(Grade::TwoPersons, Why::AllergyRemovedOrReworded, everything)
    } else if spec.both_sides == BothSidesRule::AskTwo {
        Verdict::ask(Grade::TwoPersons, Why::BothChanged, everything)
    } else {
        // Both added, differently.
        Verdict::ask(contradiction_grade(spec), Why::BothChanged, everything)
    }
}

fn both_changed_lines(base: &FieldState, servicenow: &FieldState, ehr: &FieldState) -> Verdict {
    let (FieldState::Value(Value::LongText(left)), FieldState::Value(Value::LongText(right))) =
        (servicenow, ehr)
    else {
        return Verdict::ask(Grade::Person, Why::BothChanged, None);
    };
    let FieldState::Value(Value::LongText(base)) = base else {
        // Agreed blank, then both wrote: nothing in common to merge on.
        let both = FieldState::Value(Value::LongText(merge::keep_both_lines(left, right)));
        return Verdict::ask(Grade::Person, Why::MergeConflict, Some(both));
    };
    match merge::merge_lines(base, left, right) {
        LineMerge::Clean(text) if !text.trim().is_empty() => {
            Verdict::settle(Grade::SettledByRule, FieldState::Value(Value::LongText(text)), Rule::LinesMerged)
        }
        // Each deleted what the other kept; carried out together nothing would be left.
        LineMerge::Clean(_) => Verdict::ask(Grade::Person, Why::MergeConflict, None),
        LineMerge::Conflict(regions) => {
            let both = FieldState::Value(Value::LongText(merge::keep_both(regions)));
            Verdict::ask(Grade::Person, Why::MergeConflict, Some(both))
        }
    }
}

/// Fields of one group move together or not at all: if one of them must be asked about, if they would move in
/// different directions, or if the side they come from hides one that the other side has (a new owner beside the old
/// one's phone number), every differing one is asked about.
pub fn keep_groups_together(pair: &PairState<'_>, verdicts: &mut [Verdict]) {
    if verdicts.iter().all(|verdict| verdict.settlement == Settlement::Nothing) {
        return;
    }
    for (at, spec) in pair.catalogue.fields.iter().enumerate() {
        let Some(group) = spec.group.as_deref() else { continue };
        let is_first =
            !pair.catalogue.fields.iter().take(at).any(|other| other.group.as_deref() == Some(group));
        if is_first {
            keep_group_together(pair, group, verdicts);
        }
    }
}

fn keep_group_together(pair: &PairState<'_>, group: &str, verdicts: &mut [Verdict]) {
    let mut asked = false;
    let mut moves_to = [false; 2];
    // Whether that side holds a member of which nobody can tell what the other side says.
    let mut left_behind_in = [false; 2];
    for ((field, spec), verdict) in pair.catalogue.iter().zip(verdicts.iter()) {
        if spec.group.as_deref() != Some(group) {
            continue;
        }
        let (_, servicenow, ehr) = pair.states(field);
        let says_something = |state: &FieldState| *state != FieldState::Unknown && !says_nothing(state);
        left_behind_in[0] |= *ehr == FieldState::Unknown && says_something(servicenow);
        left_behind_in[1] |= *servicenow == FieldState::Unknown && says_something(ehr);
        match &verdict.settlement {
            Settlement::Nothing => {}
            Settlement::Ask { .. } => asked = true,
            Settlement::Settle { value, .. } => {
                moves_to[0] |= !same(servicenow, value);
                moves_to[1] |= !same(ehr, value);
            }
        }
    }
    let mixes = moves_to.iter().zip(left_behind_in).any(|(moves, left_behind)| *moves && left_behind);
    if !asked && !mixes && moves_to != [true, true] {
        return;
    }
    for ((field, spec), verdict) in pair.catalogue.iter().zip(verdicts.iter_mut()) {
        if spec.group.as_deref() != Some(group) {
            continue;
        }
        let Settlement::Settle { value, .. } = &verdict.settlement else { continue };
        let (_, servicenow, ehr) = pair.states(field);
        if same(servicenow, ehr) {
            // Both already say the same: nothing to move.
            continue;
        }
        let suggestion = Some(value.clone());
        verdict.grade = verdict.grade.max(Grade::Person);
        verdict.settlement = Settlement::Ask { why: Why::GroupMovesTogether, suggestion };
    }
}
