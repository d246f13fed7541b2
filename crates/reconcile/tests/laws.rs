//! Laws of comparing, planning and undoing, over generated pairs.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

mod common;

use common::{apply, base_of, catalogue, pair, state};
use proptest::prelude::*;
use reconcile::compare::{Base, BaseField, in_agreement, judge_fields};
use reconcile::plan::{Choice, FieldDecision, base_after};
use reconcile::sides::same;
use reconcile::stored::{decode_base, encode_base};
use reconcile::undo::base_after_undo;
use reconcile::{FieldWrite, Grade, PairPlan, Settlement, compare, grade_of_writes, plan, undo_writes};
use record::stored::encode;
use record::value::NO_KNOWN_ALLERGY;
use record::{Catalogue, FieldState, Record, RecordKind, Remote, Value};
use std::sync::LazyLock;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(catalogue);

/// What a field may hold: few values, so that they meet, each in more than one spelling; `None` is hidden.
fn pool(id: &str) -> Vec<Option<&'static str>> {
    let values: &[&str] = match id {
        "patient_name" => &["Bella", "BELLA ", "Luna", "Max"],
        "species" => &["Dog", "canine", "Cat"],
        "breed" => &["Labrador Retriever", "Lab", "Beagle"],
        "date_of_birth" => &["2019", "2019-05", "2019-05-04", "2019-01-01", "2019-01", "2018", "in spring"],
        "gender" => &["M", "MN", "male neutered", "MI", "FS", "U"],
        "microchip_id" => &["981020000123456", "981 020 000 123 456", "956000009876543", "98102"],
        "owner_name" => &["Amy Chalmers", "amy chalmers", "Tom Okafor"],
        "owner_phone" => &["415-555-2671", "+14155552671", "415-555-2672"],
        "owner_email" => &["amy@example.org", "Amy@Example.org", "tom@example.org"],
        "allergies" => {
            &["beef", "beef, egg", "egg; beef", "egg", "no known allergies", "no known allergies; egg"]
        }
        "medical_notes" => &["a\nb\nc\nd", "A\nb\nc\nd", "a\nb\nc\nD", "a\nB\nc\nd", "a\r\nb\r\nc\r\nd"],
        "weight" => &["10 kg", "22.046 lb", "12 kg"],
        "insurer" => &["Trupanion", "Healthy Paws"],
        _ => &["AX1", "ax1", "AX2"],
    };
    values.iter().map(|value| Some(*value)).chain([Some(""), Some(""), None]).collect()
}

fn any_state(id: String) -> impl Strategy<Value = FieldState> {
    prop::sample::select(pool(&id)).prop_map(move |text| state(&CATALOGUE, &id, text))
}

/// Base, ServiceNow and EHR of one field: mostly two of them agree.
fn triple(id: &str) -> impl Strategy<Value = [FieldState; 3]> + use<> {
    let any = || any_state(id.to_owned());
    (any(), any(), any(), 0_u8..8).prop_map(|(base, left, right, shape)| match shape {
        0 | 1 => [base.clone(), base.clone(), base],
        2 => [base.clone(), left, base],
        3 => [base.clone(), base, right],
        4 => [base, left.clone(), left],
        5 => [FieldState::Unknown, left, right],
        _ => [base, left, right],
    })
}

#[derive(Debug, Clone)]
struct Three {
    base: Base,
    servicenow: Record,
    ehr: Record,
}

impl Three {
    fn pair(&self) -> reconcile::PairState<'_> {
        pair(&CATALOGUE, Some(&self.base), &self.servicenow, &self.ehr)
    }

    fn differing(&self, group: &str) -> Vec<record::FieldIx> {
        CATALOGUE
            .iter()
            .filter(|(field, spec)| {
                let (left, right) = (self.servicenow.field(*field), self.ehr.field(*field));
                let hidden = *left == FieldState::Unknown || *right == FieldState::Unknown;
                spec.group.as_deref() == Some(group) && !hidden && !same(left, right)
            })
            .map(|(field, _)| field)
            .collect()
    }
}

fn three() -> impl Strategy<Value = Three> {
    let fields: Vec<_> = CATALOGUE.fields.iter().map(|spec| triple(&spec.id).boxed()).collect();
    fields.prop_map(|fields| {
        let record = |key: &str, side: usize| Record {
            kind: RecordKind::Patient,
            key: key.to_owned(),
            other_key: None,
            active: true,
            deceased: false,
            fields: fields.iter().map(|states| states[side].clone()).collect(),
        };
        let base = base_of(fields.iter().map(|states| states[0].clone()).collect());
        Three { base, servicenow: record("s", 1), ehr: record("e", 2) }
    })
}

/// Random choices for what may be decided; those that cannot be carried out are dropped by the caller.
fn choice() -> impl Strategy<Value = Choice> {
    prop::sample::select(vec![
        Choice::TakeServiceNow,
        Choice::TakeEhr,
        Choice::TakeBase,
        Choice::KeepBoth,
        Choice::Own(FieldState::Blank),
        Choice::LeaveOpen,
    ])
}

/// The plan with as many of the choices as can be carried out, decided field by field, groups as a whole.
fn decided(three: &Three, choices: &[Choice]) -> (PairPlan, Vec<FieldDecision>) {
    let (pair, comparison) = (three.pair(), compare(&three.pair()));
    let mut decisions: Vec<FieldDecision> = Vec::new();
    for (compared, choice) in comparison.fields.iter().zip(choices) {
        let group = CATALOGUE.spec(compared.field).and_then(|spec| spec.group.as_deref());
        let fields = group.map_or_else(|| vec![compared.field], |group| three.differing(group));
        if decisions.iter().any(|decision| fields.contains(&decision.field)) {
            continue;
        }
        let mut more = decisions.clone();
        more.extend(fields.into_iter().map(|field| FieldDecision { field, choice: choice.clone() }));
        if plan(&pair, &comparison, &more).is_ok() {
            decisions = more;
        }
    }
    (plan(&pair, &comparison, &decisions).expect("tried"), decisions)
}

fn keys(state: &FieldState) -> Vec<&str> {
    match state {
        FieldState::Value(Value::Substances(set)) => {
            set.items.iter().map(|item| item.key.as_str()).filter(|key| *key != NO_KNOWN_ALLERGY).collect()
        }
        _ => Vec::new(),
    }
}

/// Told by other means than the code under test: blanks something, or loses an allergy.
fn takes_away(write: &FieldWrite) -> bool {
    let empty = |state: &FieldState| {
        state.is_blank()
            || matches!(state, FieldState::Value(Value::Sex(status)) if *status == unknown_sex(status))
    };
    let lost = keys(&write.from).iter().any(|key| !keys(&write.to).contains(key));
    lost || (empty(&write.to) && !empty(&write.from))
}

fn unknown_sex(status: &record::value::SexStatus) -> record::value::SexStatus {
    record::value::SexStatus {
        sex: record::value::Sex::Unknown,
        neuter: record::value::Neuter::Unknown,
        term: status.term.clone(),
    }
}

fn writes(plan: &PairPlan) -> impl Iterator<Item = &FieldWrite> {
    plan.servicenow.iter().chain(&plan.ehr)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn comparing_is_deterministic_and_every_field_is_there(three in three()) {
        let comparison = compare(&three.pair());
        prop_assert_eq!(&comparison, &compare(&three.pair()));
        prop_assert_eq!(comparison.fields.len(), CATALOGUE.fields.len());
        prop_assert_eq!(Some(comparison.grade), comparison.fields.iter().map(|field| field.grade).max());
        let mut verdicts = Vec::new();
        judge_fields(&three.pair(), &mut verdicts);
        for (compared, verdict) in comparison.fields.iter().zip(&verdicts) {
            prop_assert_eq!(&compared.settlement, &verdict.settlement);
            prop_assert_eq!(compared.settlement == Settlement::Nothing, compared.grade == Grade::Equal);
        }
        let plan = plan(&three.pair(), &comparison, &[]).expect("no decisions");
        let nothing = comparison.grade == Grade::Equal && plan == PairPlan::default();
        prop_assert!(!in_agreement(&three.pair()) || nothing, "agreement means there is nothing to do");
        prop_assert_eq!(in_agreement(&three.pair()), nothing);
    }

    /// What is compared as it is stored comes out as what is compared decoded; and a base survives the store.
    #[test]
    fn stored_pairs_compare_alike(three in three(), never in 0_usize..14) {
        let mut three = three;
        if let Some(field) = three.base.fields.get_mut(never) {
            *field = BaseField { state: field.state.clone(), ..BaseField::default() };
        }
        let base = encode_base(&three.base);
        prop_assert_eq!(decode_base(&base), Ok(three.base.clone()));
        let (servicenow, ehr) = (encode(&three.servicenow), encode(&three.ehr));
        let stored = reconcile::stored::in_agreement(&CATALOGUE, &base, &servicenow, &ehr);
        prop_assert_eq!(stored, Ok(in_agreement(&three.pair())));
    }

    #[test]
    fn planning_after_applying_a_plan_yields_nothing(three in three(), choices in proptest::collection::vec(choice(), 14)) {
        let (plan_made, _) = decided(&three, &choices);
        let (servicenow, ehr) = apply(&plan_made, &three.servicenow, &three.ehr);
        let base = base_after(&three.pair(), &plan_made, &servicenow, &ehr, 2, "test");
        let after = Three { base, servicenow, ehr };
        let again = plan(&after.pair(), &compare(&after.pair()), &[]).expect("no decisions");
        for write in writes(&again) {
            // Only what a person held back may come up again.
            prop_assert!(plan_made.open.contains(&write.field), "{again:#?}");
        }
        for (field, _) in &again.agreed {
            prop_assert!(plan_made.open.contains(field), "agreed values are in the base by now");
        }
        let by_rules = plan(&three.pair(), &compare(&three.pair()), &[]).expect("no decisions");
        let (servicenow, ehr) = apply(&by_rules, &three.servicenow, &three.ehr);
        let base = base_after(&three.pair(), &by_rules, &servicenow, &ehr, 2, "rule");
        let after = Three { base, servicenow, ehr };
        let again = plan(&after.pair(), &compare(&after.pair()), &[]).expect("no decisions");
        prop_assert!(again.is_empty() && again.agreed.is_empty(), "{again:#?}");
        prop_assert_eq!(again.open, by_rules.open);
    }

    /// For the fields whose rules treat both remotes alike.
    #[test]
    fn swapping_the_remotes_mirrors_the_plan(three in three()) {
        let mut catalogue = CATALOGUE.clone();
        let notes = catalogue.index_of("medical_notes").expect("a default field");
        let strip = |mut record: Record| { record.fields.remove(usize::from(notes.0)); record };
        catalogue.fields.remove(usize::from(notes.0));
        let mut base = three.base.clone();
        base.fields.remove(usize::from(notes.0));
        let (mut servicenow, mut ehr) = (strip(three.servicenow), strip(three.ehr));
        // Only ServiceNow has columns that fill up a partial date.
        let birth = usize::from(catalogue.index_of("date_of_birth").expect("a default field").0);
        let fill = state(&catalogue, "date_of_birth", Some("2019-01-01"));
        for side in [&mut base.fields[birth].state, &mut servicenow.fields[birth], &mut ehr.fields[birth]] {
            if *side == fill {
                *side = state(&catalogue, "date_of_birth", Some("2019-01-03"));
            }
        }
        let straight = pair(&catalogue, Some(&base), &servicenow, &ehr);
        let swapped = pair(&catalogue, Some(&base), &ehr, &servicenow);
        let one = plan(&straight, &compare(&straight), &[]).expect("no decisions");
        let other = plan(&swapped, &compare(&swapped), &[]).expect("no decisions");
        prop_assert_eq!(&one.open, &other.open);
        for (left, right) in [(&one.servicenow, &other.ehr), (&one.ehr, &other.servicenow)] {
            prop_assert_eq!(left.len(), right.len());
            for (left, right) in left.iter().zip(right) {
                prop_assert_eq!((left.field, &left.from), (right.field, &right.from));
                prop_assert!(same(&left.to, &right.to), "{left:?} {right:?}");
            }
        }
        let fields = |plan: &PairPlan| plan.agreed.iter().map(|(field, _)| *field).collect::<Vec<_>>();
        prop_assert_eq!(fields(&one), fields(&other));
        for (left, right) in compare(&straight).fields.iter().zip(&compare(&swapped).fields) {
            prop_assert_eq!(left.grade, right.grade);
            prop_assert_eq!(left.changed_by.map(Remote::other), right.changed_by);
        }
    }

    #[test]
    fn no_plan_drops_an_allergy_or_blanks_a_value_without_two_persons(
        three in three(),
        choices in proptest::collection::vec(choice(), 14),
    ) {
        let by_rules = plan(&three.pair(), &compare(&three.pair()), &[]).expect("no decisions");
        for write in writes(&by_rules) {
            prop_assert!(!takes_away(write), "{write:?}");
            prop_assert!(!matches!(write.from, FieldState::Unknown), "a hidden field is written");
            prop_assert!(!matches!(write.to, FieldState::Unknown | FieldState::Invalid { .. }), "{write:?}");
            let spec = CATALOGUE.spec(write.field).expect("in the catalogue");
            prop_assert!(!spec.identity || write.from.is_blank(), "identity is changed by a rule: {write:?}");
        }
        prop_assert!(grade_of_writes(&CATALOGUE, &by_rules) <= Grade::OneSided);
        let (by_person, _) = decided(&three, &choices);
        if writes(&by_person).any(takes_away) {
            prop_assert_eq!(grade_of_writes(&CATALOGUE, &by_person), Grade::TwoPersons);
        }
    }

    /// A fill of the date column is never carried to an EHR that knows the date less exactly.
    #[test]
    fn no_day_is_made_up(three in three()) {
        let by_rules = plan(&three.pair(), &compare(&three.pair()), &[]).expect("no decisions");
        for write in &by_rules.ehr {
            prop_assert!(!reconcile::sides::is_padded(&write.to, &write.from), "{write:?}");
        }
    }

    #[test]
    fn groups_move_together(three in three(), choices in proptest::collection::vec(choice(), 14)) {
        let by_rules = plan(&three.pair(), &compare(&three.pair()), &[]).expect("no decisions");
        let members = three.differing("owner");
        let to = |plan: &PairPlan, remote| plan.writes(remote).iter().filter(|write| members.contains(&write.field)).count();
        let open = members.iter().filter(|field| by_rules.open.contains(field)).count();
        prop_assert!(open == 0 || open == members.len(), "{by_rules:#?}");
        let (left, right) = (to(&by_rules, Remote::ServiceNow), to(&by_rules, Remote::Ehr));
        prop_assert!(left == 0 || right == 0, "a rule mixed two owners: {by_rules:#?}");
        if open == 0 {
            prop_assert_eq!(left + right, members.len());
        }
        let (by_person, _) = decided(&three, &choices);
        let open = members.iter().filter(|field| by_person.open.contains(field)).count();
        prop_assert!(open == 0 || open == members.len(), "{by_person:#?}");
    }

    #[test]
    fn undo_restores(three in three(), choices in proptest::collection::vec(choice(), 14)) {
        let (executed, _) = decided(&three, &choices);
        let (servicenow, ehr) = apply(&executed, &three.servicenow, &three.ehr);
        let undo = undo_writes(&CATALOGUE, &executed, Some(&servicenow), Some(&ehr));
        for field in &undo.left_out {
            // Nothing changed since: only what cannot be written again is left out, with its group.
            let spec = CATALOGUE.spec(*field).expect("in the catalogue");
            let unreadable = |write: &&FieldWrite| {
                let other = CATALOGUE.spec(write.field).expect("in the catalogue");
                matches!(write.from, FieldState::Invalid { .. })
                    && (write.field == *field || (spec.group.is_some() && other.group == spec.group))
            };
            prop_assert!(writes(&executed).any(|write| unreadable(&write)), "{undo:#?}");
        }
        let (left, right) = apply(&undo.plan, &servicenow, &ehr);
        for (field, _) in CATALOGUE.iter().filter(|(field, _)| !undo.left_out.contains(field)) {
            prop_assert_eq!(left.field(field), three.servicenow.field(field));
            prop_assert_eq!(right.field(field), three.ehr.field(field));
        }
    }

    /// What was done and a person took back is not done again, nor carried over to the other remote, whether a rule or
    /// a person had decided it.
    #[test]
    fn what_was_undone_is_asked(three in three(), choices in proptest::collection::vec(choice(), 14), by_rules: bool) {
        let executed = if by_rules {
            plan(&three.pair(), &compare(&three.pair()), &[]).expect("no decisions")
        } else {
            decided(&three, &choices).0
        };
        let (servicenow, ehr) = apply(&executed, &three.servicenow, &three.ehr);
        let base = base_after(&three.pair(), &executed, &servicenow, &ehr, 2, "rule");
        let undo = undo_writes(&CATALOGUE, &executed, Some(&servicenow), Some(&ehr));
        let (left, right) = apply(&undo.plan, &servicenow, &ehr);
        let base = base_after_undo(&pair(&CATALOGUE, Some(&base), &left, &right), &undo.plan, 3, "test");
        let again = pair(&CATALOGUE, Some(&base), &left, &right);
        let replanned = plan(&again, &compare(&again), &[]).expect("no decisions");
        for undone in writes(&undo.plan) {
            let open = replanned.open.contains(&undone.field);
            // A value of a person's own, taken back on both sides, may leave what both said before.
            let agrees = reconcile::sides::agreed(left.field(undone.field), right.field(undone.field)).is_some();
            prop_assert!(open || agrees, "{undone:?}\n{replanned:#?}");
        }
    }
}

#[test]
fn the_stored_form_of_a_base_is_short_and_stable() {
    let field = |state, agreed_at_ms, by: &str| BaseField { state, agreed_at_ms, agreed_by: by.to_owned() };
    let name = FieldState::Value(Value::Name("Bella".to_owned()));
    let base = Base {
        fields: vec![
            field(name, 5, "rule"),
            BaseField::default(),
            field(FieldState::Blank, 7, "ana"),
            field(FieldState::Blank, 5, "rule"),
        ],
    };
    // Changing it breaks the stores of hospitals.
    let stored = "116:6:nBella0:1:-1:-1:54:rule3:0,31:73:ana1:2";
    assert_eq!(encode_base(&base), stored);
    assert_eq!(decode_base(stored), Ok(base));
    for wrong in ["", "2", "11:", "10:1:5", "10:1:x1:a1:0", "13:1:-1:51:a1:1"] {
        assert!(decode_base(wrong).is_err(), "{wrong}");
    }
    assert!(reconcile::stored::in_agreement(&CATALOGUE, "{}", stored, stored).is_err());
}
