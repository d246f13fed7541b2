//! Fields of one group move together or not at all: owner's name, phone and e-mail.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

mod common;

use common::{base, catalogue, field, pair, record, state};
use reconcile::compare::{Base, Rule, Why};
use reconcile::plan::{Choice, DecisionProblem, FieldDecision};
use reconcile::{Comparison, Grade, Settlement, compare, plan};
use record::Record;

type Owner = (Option<&'static str>, Option<&'static str>, Option<&'static str>);

const AMY: Owner = (Some("Amy Chalmers"), Some("415-555-2671"), Some("amy@example.org"));

fn fields(owner: Owner) -> [(&'static str, Option<&'static str>); 3] {
    [("owner_name", owner.0), ("owner_phone", owner.1), ("owner_email", owner.2)]
}

struct Pair {
    base: Option<Base>,
    servicenow: Record,
    ehr: Record,
}

fn owners(agreed: Option<Owner>, servicenow: Owner, ehr: Owner) -> (Pair, Comparison) {
    let catalogue = catalogue();
    let pair_of = Pair {
        base: agreed.map(|owner| base(&catalogue, &fields(owner))),
        servicenow: record(&catalogue, "s", &fields(servicenow)),
        ehr: record(&catalogue, "e", &fields(ehr)),
    };
    let comparison = compare(&pair(&catalogue, pair_of.base.as_ref(), &pair_of.servicenow, &pair_of.ehr));
    (pair_of, comparison)
}

/// Grade and reason or rule of the three fields.
fn outcome(comparison: &Comparison) -> Vec<(u8, Option<Why>, Option<Rule>)> {
    let catalogue = catalogue();
    ["owner_name", "owner_phone", "owner_email"]
        .into_iter()
        .map(|id| {
            let compared = &comparison.fields[usize::from(field(&catalogue, id).0)];
            let (why, rule) = match &compared.settlement {
                Settlement::Nothing => (None, None),
                Settlement::Settle { rule, .. } => (None, Some(*rule)),
                Settlement::Ask { why, .. } => (Some(*why), None),
            };
            (compared.grade.number(), why, rule)
        })
        .collect()
}

const EQUAL: (u8, Option<Why>, Option<Rule>) = (0, None, None);
const TAKEN: (u8, Option<Why>, Option<Rule>) = (1, None, Some(Rule::OneSideChanged));
const FILLED: (u8, Option<Why>, Option<Rule>) = (1, None, Some(Rule::BlankFilled));
const TOGETHER: (u8, Option<Why>, Option<Rule>) = (3, Some(Why::GroupMovesTogether), None);

#[test]
fn a_group_that_one_side_changed_moves_as_a_whole() {
    let tom = (Some("Tom Okafor"), Some("415-555-2672"), Some("tom@example.org"));
    assert_eq!(outcome(&owners(Some(AMY), tom, AMY).1), [TAKEN, TAKEN, TAKEN]);
    assert_eq!(outcome(&owners(Some(AMY), AMY, tom).1), [TAKEN, TAKEN, TAKEN]);
    let moved = (AMY.0, Some("415-555-2672"), AMY.2);
    assert_eq!(outcome(&owners(Some(AMY), moved, AMY).1), [EQUAL, TAKEN, EQUAL]);
}

#[test]
fn both_sides_changing_different_members_is_asked() {
    let name = (Some("Tom Okafor"), AMY.1, AMY.2);
    let phone = (AMY.0, Some("415-555-2672"), AMY.2);
    assert_eq!(outcome(&owners(Some(AMY), name, phone).1), [TOGETHER, TOGETHER, EQUAL]);
}

#[test]
fn one_member_that_must_be_asked_takes_the_others_along() {
    // Both renamed the owner; only ServiceNow changed the phone.
    let tom = (Some("Tom Okafor"), Some("415-555-2672"), AMY.2);
    let tim = (Some("Tim Okafor"), AMY.1, AMY.2);
    let both = (3, Some(Why::BothChanged), None);
    assert_eq!(outcome(&owners(Some(AMY), tom, tim).1), [both, TOGETHER, EQUAL]);
    // A new owner without e-mail: the old one's must not stay behind under the new name.
    let blanked = (4, Some(Why::Blanked), None);
    let (_, comparison) = owners(Some(AMY), (Some("Tom Okafor"), Some("415-555-2672"), Some("")), AMY);
    assert_eq!(outcome(&comparison), [TOGETHER, TOGETHER, blanked]);
    assert_eq!(comparison.grade, Grade::TwoPersons);
}

#[test]
fn a_member_both_changed_alike_does_not_hold_the_group_back() {
    let (servicenow, ehr) =
        ((Some("Tom Okafor"), Some("415-555-2672"), AMY.2), (Some("TOM OKAFOR"), AMY.1, AMY.2));
    let alike = (2, None, Some(Rule::BothChangedAlike));
    assert_eq!(outcome(&owners(Some(AMY), servicenow, ehr).1), [alike, TAKEN, EQUAL]);
}

#[test]
fn a_hidden_member_is_left_alone() {
    let tom = (Some("Tom Okafor"), Some("415-555-2672"), Some("tom@example.org"));
    assert_eq!(outcome(&owners(Some(AMY), tom, (AMY.0, AMY.1, None)).1), [TAKEN, TAKEN, EQUAL]);
}

/// The side with the news hides a member that the other side has: the new owner would stand beside the old one's.
#[test]
fn a_member_hidden_where_the_news_comes_from_holds_the_group_back() {
    let hidden = (Some("Tom Okafor"), Some("415-555-2672"), None);
    assert_eq!(outcome(&owners(Some(AMY), hidden, AMY).1), [TOGETHER, TOGETHER, EQUAL]);
    assert_eq!(outcome(&owners(Some(AMY), AMY, hidden).1), [TOGETHER, TOGETHER, EQUAL]);
    // First contact: a name is filled in beside a phone number that nobody can compare.
    let (name, phone) = ((AMY.0, None, Some("")), (Some(""), AMY.1, Some("")));
    assert_eq!(outcome(&owners(None, name, phone).1), [TOGETHER, EQUAL, EQUAL]);
    // Nothing stands there that could be mixed up, or what stands there is the news' own.
    assert_eq!(outcome(&owners(Some(AMY), hidden, (AMY.0, AMY.1, Some(""))).1), [TAKEN, TAKEN, EQUAL]);
    assert_eq!(outcome(&owners(Some(AMY), hidden, (AMY.0, AMY.1, None)).1), [TAKEN, TAKEN, EQUAL]);
    assert_eq!(outcome(&owners(Some(AMY), (AMY.0, AMY.1, None), AMY).1), [EQUAL, EQUAL, EQUAL]);
}

#[test]
fn first_contact_fills_a_group_from_one_side_only() {
    let none = (Some(""), Some(""), Some(""));
    assert_eq!(outcome(&owners(None, AMY, none).1), [FILLED, FILLED, FILLED]);
    assert_eq!(outcome(&owners(None, AMY, (AMY.0, Some(""), AMY.2)).1), [EQUAL, FILLED, EQUAL]);
    // Each has what the other lacks.
    let (phone_only, email_only) = ((AMY.0, AMY.1, Some("")), (AMY.0, Some(""), AMY.2));
    assert_eq!(outcome(&owners(None, phone_only, email_only).1), [EQUAL, TOGETHER, TOGETHER]);
    // Another name: the phone is not filled in beside it.
    let never = (3, Some(Why::NeverAgreed), None);
    assert_eq!(
        outcome(&owners(None, AMY, (Some("Tom Okafor"), Some(""), AMY.2)).1),
        [never, TOGETHER, EQUAL]
    );
}

#[test]
fn a_group_is_decided_as_a_whole() {
    let catalogue = catalogue();
    let tom = (Some("Tom Okafor"), Some("415-555-2672"), AMY.2);
    let tim = (Some("Tim Okafor"), AMY.1, AMY.2);
    let (both, comparison) = owners(Some(AMY), tom, tim);
    let state_of_pair = pair(&catalogue, both.base.as_ref(), &both.servicenow, &both.ehr);
    let (name, phone) = (field(&catalogue, "owner_name"), field(&catalogue, "owner_phone"));
    let decide = |decisions: &[FieldDecision]| plan(&state_of_pair, &comparison, decisions);
    let take = |field, choice| FieldDecision { field, choice };

    // Undecided, it is open as a whole.
    let undecided = decide(&[]).expect("nothing decided");
    assert!(undecided.is_empty());
    assert_eq!(undecided.open, [name, phone]);

    let incomplete = Err(DecisionProblem::GroupIncomplete { group: "owner".to_owned() });
    assert_eq!(decide(&[take(name, Choice::TakeServiceNow)]), incomplete);
    assert_eq!(decide(&[take(name, Choice::TakeServiceNow), take(phone, Choice::LeaveOpen)]), incomplete);

    // A person may mix, since a person looks at all of it.
    let mixed = decide(&[take(name, Choice::TakeEhr), take(phone, Choice::TakeServiceNow)])
        .expect("decided as a whole");
    assert_eq!(mixed.servicenow.len(), 1);
    assert_eq!(mixed.servicenow[0].to, state(&catalogue, "owner_name", Some("Tim Okafor")));
    assert_eq!(mixed.ehr.len(), 1);
    assert_eq!(mixed.ehr[0].to, state(&catalogue, "owner_phone", Some("415-555-2672")));
    assert_eq!(mixed.open, []);

    let left = decide(&[take(name, Choice::LeaveOpen), take(phone, Choice::LeaveOpen)]).expect("left open");
    assert_eq!((left.is_empty(), left.open), (true, vec![name, phone]));
}

#[test]
fn a_settled_group_is_held_back_as_a_whole_or_not_at_all() {
    let catalogue = catalogue();
    let tom = (Some("Tom Okafor"), Some("415-555-2672"), AMY.2);
    let (both, comparison) = owners(Some(AMY), tom, AMY);
    let state_of_pair = pair(&catalogue, both.base.as_ref(), &both.servicenow, &both.ehr);
    let open = |id| FieldDecision { field: field(&catalogue, id), choice: Choice::LeaveOpen };
    assert!(plan(&state_of_pair, &comparison, &[open("owner_name")]).is_err());
    let held =
        plan(&state_of_pair, &comparison, &[open("owner_name"), open("owner_phone")]).expect("held back");
    assert!(held.is_empty());
}
