//! From decisions to writes, the base afterwards, undo and the brake.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

mod common;

use common::{apply, base, catalogue, field, pair, record, state};
use reconcile::compare::in_agreement;
use reconcile::plan::{Choice, DecisionProblem, FieldDecision, base_after};
use reconcile::undo::base_after_undo;
use reconcile::{
    Brake, BrakeLimits, FieldWrite, Grade, PairPlan, Settlement, Totals, brake, compare, grade_of_writes,
    plan, undo_writes,
};
use record::FieldState;

/// What one decision about one field leads to.
enum Outcome {
    /// The value both have afterwards, and the least grade of the writes.
    Both(&'static str, Grade),
    NothingToTake,
    NotASet,
    NotDecidable,
}
use Outcome::{Both, NotASet, NotDecidable, NothingToTake};

#[test]
#[rustfmt::skip]
fn every_choice_means_what_it_says() {
    const CHIP: &str = "981020000123456";
    const OTHER_CHIP: &str = "956000009876543";
    let catalogue = catalogue();
    let own = |id: &str, text: &str| Choice::Own(state(&catalogue, id, Some(text)));
    let rows = [
        ("ServiceNow's", "patient_name", Some("Bela"), Some("Bella"), Some("Belle"), Choice::TakeServiceNow, Both("Bella", Grade::OneSided)),
        ("the EHR's", "patient_name", Some("Bela"), Some("Bella"), Some("Belle"), Choice::TakeEhr, Both("Belle", Grade::OneSided)),
        ("back to what was agreed", "patient_name", Some("Bela"), Some("Bella"), Some("Belle"), Choice::TakeBase, Both("Bela", Grade::OneSided)),
        ("an own value", "patient_name", Some("Bela"), Some("Bella"), Some("Belle"), own("patient_name", "Isabella"), Both("Isabella", Grade::OneSided)),
        ("nothing was agreed", "patient_name", None, Some("Bella"), Some("Belle"), Choice::TakeBase, NothingToTake),
        ("an own value of another type", "patient_name", None, Some("Bella"), Some("Belle"), own("breed", "Beagle"), NothingToTake),
        ("an own value that cannot be read", "microchip_id", None, Some(CHIP), Some(OTHER_CHIP), own("microchip_id", "12"), NothingToTake),
        ("an own value that is hidden", "patient_name", None, Some("Bella"), Some("Belle"), Choice::Own(FieldState::Unknown), NothingToTake),
        ("an own blank takes two", "breed", None, Some("Beagle"), Some("Poodle"), Choice::Own(FieldState::Blank), Both("", Grade::TwoPersons)),
        ("an agreed blank takes two", "breed", Some(""), Some("Beagle"), Some("Poodle"), Choice::TakeBase, Both("", Grade::TwoPersons)),
        ("the blank takes two", "breed", Some("Beagle"), Some(""), Some("Beagle"), Choice::TakeServiceNow, Both("", Grade::TwoPersons)),
        ("the value back", "breed", Some("Beagle"), Some(""), Some("Beagle"), Choice::TakeEhr, Both("Beagle", Grade::OneSided)),
        ("unreadable does not spread", "microchip_id", None, Some("12"), Some(CHIP), Choice::TakeServiceNow, NothingToTake),
        ("readable over unreadable", "microchip_id", None, Some("12"), Some(CHIP), Choice::TakeEhr, Both(CHIP, Grade::TwoPersons)),
        ("readable over unreadable, no identity", "date_of_birth", None, Some("spring"), Some("2019"), Choice::TakeEhr, Both("2019", Grade::OneSided)),
        ("a blank over unreadable takes two", "date_of_birth", None, Some("spring"), Some(""), Choice::TakeEhr, Both("", Grade::TwoPersons)),
        ("another chip takes two", "microchip_id", Some(CHIP), Some(OTHER_CHIP), Some(CHIP), Choice::TakeServiceNow, Both(OTHER_CHIP, Grade::TwoPersons)),
        ("both cannot be kept", "patient_name", None, Some("Bella"), Some("Belle"), Choice::KeepBoth, NotASet),
        ("both sets", "allergies", Some("beef"), Some("beef, chicken"), Some("beef, egg"), Choice::KeepBoth, Both("beef, chicken, egg", Grade::OneSided)),
        ("both sets: a substance refutes none known", "allergies", None, Some("no known allergies"), Some("egg"), Choice::KeepBoth, Both("egg", Grade::OneSided)),
        ("a removal takes two", "allergies", Some("beef, egg"), Some("beef"), Some("beef, egg"), Choice::TakeServiceNow, Both("beef", Grade::TwoPersons)),
        ("a removal undone", "allergies", Some("beef, egg"), Some("beef"), Some("beef, egg"), Choice::TakeEhr, Both("beef, egg", Grade::OneSided)),
        ("none known over an allergy takes two", "allergies", None, Some("no known allergies"), Some("egg"), Choice::TakeServiceNow, Both("no known allergies", Grade::TwoPersons)),
        ("a rule overruled", "breed", Some("Beagle"), Some("Poodle"), Some("Beagle"), Choice::TakeEhr, Both("Beagle", Grade::OneSided)),
        ("nothing differs", "patient_name", Some("Bella"), Some("Bella"), Some("BELLA"), Choice::TakeEhr, NotDecidable),
        ("both changed alike", "patient_name", Some("Bela"), Some("Bella"), Some("BELLA"), Choice::TakeEhr, NotDecidable),
        ("hidden", "patient_name", Some("Bella"), None, Some("Belle"), Choice::TakeEhr, NotDecidable),
    ];
    for (what, id, agreed, servicenow, ehr, choice, outcome) in rows {
        let base = base(&catalogue, &[(id, agreed)]);
        let (servicenow, ehr) = (record(&catalogue, "s", &[(id, servicenow)]), record(&catalogue, "e", &[(id, ehr)]));
        let both = pair(&catalogue, Some(&base), &servicenow, &ehr);
        let decision = FieldDecision { field: field(&catalogue, id), choice };
        let planned = plan(&both, &compare(&both), &[decision]);
        let id_of = || id.to_owned();
        match outcome {
            Both(text, grade) => {
                let planned = planned.unwrap_or_else(|problem| panic!("{what}: {problem}"));
                let (left, right) = apply(&planned, &servicenow, &ehr);
                let expected = state(&catalogue, id, Some(text));
                for after in [&left, &right] {
                    assert!(reconcile::sides::same(after.by_id(&catalogue, id), &expected), "{what}: {after:?}");
                }
                assert_eq!(grade_of_writes(&catalogue, &planned), grade, "{what}");
                assert_eq!(planned.open, [], "{what}");
            }
            NothingToTake => assert_eq!(planned, Err(DecisionProblem::NothingToTake { field: id_of() }), "{what}"),
            NotASet => assert_eq!(planned, Err(DecisionProblem::NotASet { field: id_of() }), "{what}"),
            NotDecidable => assert_eq!(planned, Err(DecisionProblem::NotDecidable { field: id_of() }), "{what}"),
        }
    }
}

#[test]
fn a_field_is_decided_once_and_must_exist() {
    let catalogue = catalogue();
    let (left, right) = (
        record(&catalogue, "s", &[("breed", Some("Beagle"))]),
        record(&catalogue, "e", &[("breed", Some("Poodle"))]),
    );
    let both = pair(&catalogue, None, &left, &right);
    let comparison = compare(&both);
    let take = FieldDecision { field: field(&catalogue, "breed"), choice: Choice::TakeEhr };
    let twice = plan(&both, &comparison, &[take.clone(), take]);
    assert_eq!(twice, Err(DecisionProblem::NotDecidable { field: "breed".to_owned() }));
    let unknown = FieldDecision { field: record::FieldIx(999), choice: Choice::TakeEhr };
    let problem = plan(&both, &comparison, &[unknown]).expect_err("there is no such field");
    assert_eq!(problem, DecisionProblem::NotDecidable { field: "999".to_owned() });
}

/// What agrees becomes the base without a write; what was written when it was read back; what is open stays.
#[test]
fn the_base_moves_with_what_both_say() {
    let catalogue = catalogue();
    let agreed =
        [("patient_name", Some("Bela")), ("breed", Some("Beagle")), ("owner_phone", None), ("species", None)];
    let before = base(&catalogue, &agreed);
    let shared = [("owner_phone", Some("415 555 2671")), ("medical_notes", Some(""))];
    let mut servicenow =
        vec![("patient_name", Some("Bella")), ("breed", Some("Poodle")), ("species", Some("Dog"))];
    let mut ehr = vec![("patient_name", Some("BELLA")), ("breed", Some("Beagle")), ("species", Some("Cat"))];
    servicenow.extend(shared);
    ehr.extend(shared);
    let (servicenow, ehr) = (record(&catalogue, "s", &servicenow), record(&catalogue, "e", &ehr));
    let both = pair(&catalogue, Some(&before), &servicenow, &ehr);
    let planned = plan(&both, &compare(&both), &[]).expect("no decisions");
    assert_eq!(planned.open, [field(&catalogue, "species")]);
    let newly: Vec<_> = planned.agreed.iter().map(|(field, _)| *field).collect();
    assert_eq!(newly, [field(&catalogue, "patient_name"), field(&catalogue, "owner_phone")]);

    let (servicenow, ehr) = apply(&planned, &servicenow, &ehr);
    let after = base_after(&both, &planned, &servicenow, &ehr, 77, "rule:one_side_changed");
    let of = |id: &str| &after.fields[usize::from(field(&catalogue, id).0)];
    for (id, value, at, by) in [
        // ServiceNow's spelling is kept.
        ("patient_name", Some("Bella"), 77, "rule:one_side_changed"),
        ("breed", Some("Poodle"), 77, "rule:one_side_changed"),
        ("owner_phone", Some("415 555 2671"), 77, "rule:one_side_changed"),
        // Agreed before, and still.
        ("medical_notes", Some(""), 1, "first comparison"),
        // Open.
        ("species", None, 1, "first comparison"),
    ] {
        assert_eq!(of(id).state, state(&catalogue, id, value), "{id}");
        assert_eq!((of(id).agreed_at_ms, of(id).agreed_by.as_str()), (at, by), "{id}");
    }
}

/// A write that was not stored moves nothing.
#[test]
fn the_base_stays_where_the_read_back_differs() {
    let catalogue = catalogue();
    let before = base(&catalogue, &[("breed", Some("Beagle"))]);
    let (servicenow, ehr) = (
        record(&catalogue, "s", &[("breed", Some("Poodle"))]),
        record(&catalogue, "e", &[("breed", Some("Beagle"))]),
    );
    let both = pair(&catalogue, Some(&before), &servicenow, &ehr);
    let planned = plan(&both, &compare(&both), &[]).expect("no decisions");
    assert_eq!(base_after(&both, &planned, &servicenow, &ehr, 77, "x"), before);
}

/// A year that ServiceNow's date column could only hold as a day stays a year in the base, and nothing is written
/// the next time (wire-facts 8.2).
#[test]
fn the_base_remembers_the_precision_of_a_date() {
    let catalogue = catalogue();
    let (servicenow, ehr) =
        (record(&catalogue, "s", &[]), record(&catalogue, "e", &[("date_of_birth", Some("2019"))]));
    let both = pair(&catalogue, None, &servicenow, &ehr);
    let planned = plan(&both, &compare(&both), &[]).expect("no decisions");
    let read_back = record(&catalogue, "s", &[("date_of_birth", Some("2019-01-01"))]);
    let after = base_after(&both, &planned, &read_back, &ehr, 77, "rule:blank_filled");
    let birth = usize::from(field(&catalogue, "date_of_birth").0);
    assert_eq!(after.fields[birth].state, state(&catalogue, "date_of_birth", Some("2019")));
    let again = pair(&catalogue, Some(&after), &read_back, &ehr);
    assert_eq!(plan(&again, &compare(&again), &[]).expect("no decisions"), PairPlan::default());
}

/// A date column's fill is agreed on as what the EHR says, without a write, whatever the base said before; then there
/// is nothing left to do.
#[test]
fn a_filled_up_date_is_agreed_on_as_the_partial_one() {
    let catalogue = catalogue();
    let birth = usize::from(field(&catalogue, "date_of_birth").0);
    for (agreed, filled, partial, stands) in [
        (None, "2019-01-01", "2019", false),
        (None, "2019-06-01", "2019-06", false),
        (Some(""), "2019-01-01", "2019", false),
        (Some("2018"), "2019-01-01", "2019", false),
        (Some("2019-01-01"), "2019-01-01", "2019", false),
        (Some("2019"), "2019-01-01", "2019", true),
    ] {
        let before = base(&catalogue, &[("date_of_birth", agreed)]);
        let servicenow = record(&catalogue, "s", &[("date_of_birth", Some(filled))]);
        let ehr = record(&catalogue, "e", &[("date_of_birth", Some(partial))]);
        let both = pair(&catalogue, Some(&before), &servicenow, &ehr);
        let planned = plan(&both, &compare(&both), &[]).expect("no decisions");
        let expected = state(&catalogue, "date_of_birth", Some(partial));
        assert!(planned.is_empty() && planned.open.is_empty(), "{agreed:?} {filled}: {planned:?}");
        let moved: Vec<_> = planned.agreed.iter().map(|(_, state)| state.clone()).collect();
        assert_eq!(moved, if stands { Vec::new() } else { vec![expected.clone()] }, "{agreed:?} {filled}");
        let after = base_after(&both, &planned, &servicenow, &ehr, 77, "first comparison");
        assert_eq!(after.fields[birth].state, expected, "{agreed:?} {filled}");
        assert_eq!(after.fields[birth].agreed_at_ms, if stands { 1 } else { 77 }, "{agreed:?} {filled}");
        let again = pair(&catalogue, Some(&after), &servicenow, &ehr);
        assert_eq!(plan(&again, &compare(&again), &[]).expect("no decisions"), PairPlan::default());
        assert!(in_agreement(&again), "{agreed:?} {filled}");
    }
    // A real date that ServiceNow gets later goes to the EHR.
    let before = base(&catalogue, &[("date_of_birth", Some("2019"))]);
    let servicenow = record(&catalogue, "s", &[("date_of_birth", Some("2019-05-04"))]);
    let ehr = record(&catalogue, "e", &[("date_of_birth", Some("2019"))]);
    let both = pair(&catalogue, Some(&before), &servicenow, &ehr);
    let planned = plan(&both, &compare(&both), &[]).expect("no decisions");
    assert_eq!(planned.ehr[0].to, state(&catalogue, "date_of_birth", Some("2019-05-04")));
}

/// What cannot be read may say anything: replacing it in an identity field or a list of allergies takes two persons,
/// and counts against the brake where it may drop an allergy.
#[test]
fn replacing_what_cannot_be_read_takes_two_where_it_matters() {
    let catalogue = catalogue();
    let unreadable = FieldState::Invalid {
        raw: "?".to_owned(),
        problem: record::value::ValueProblem {
            problem: "unreadable".to_owned(),
            way_out: "mend it".to_owned(),
        },
    };
    for (id, to, grade, counted) in [
        ("allergies", "beef", Grade::TwoPersons, 1),
        ("allergies", "no known allergies", Grade::TwoPersons, 1),
        ("allergies", "", Grade::TwoPersons, 1),
        ("microchip_id", "981020000123456", Grade::TwoPersons, 0),
        ("species", "Cat", Grade::TwoPersons, 0),
        ("date_of_birth", "2019", Grade::OneSided, 0),
        ("breed", "", Grade::TwoPersons, 1),
    ] {
        let to = state(&catalogue, id, Some(to));
        let write = FieldWrite { field: field(&catalogue, id), from: unreadable.clone(), to };
        let plan = PairPlan { ehr: vec![write], ..PairPlan::default() };
        assert_eq!(grade_of_writes(&catalogue, &plan), grade, "{plan:?}");
        let mut totals = Totals::default();
        totals.add(&plan);
        assert_eq!(totals.values_blanked, counted, "{plan:?}");
    }
}

/// Undoing the filling of a blank blanks, which takes two persons, though the rule took none; and it is not done again.
#[test]
fn undo_takes_back_asks_for_two_and_stays_undone() {
    let catalogue = catalogue();
    let (servicenow, ehr) =
        (record(&catalogue, "s", &[("breed", Some("Beagle"))]), record(&catalogue, "e", &[]));
    let both = pair(&catalogue, None, &servicenow, &ehr);
    let executed = plan(&both, &compare(&both), &[]).expect("no decisions");
    assert_eq!(grade_of_writes(&catalogue, &executed), Grade::OneSided);
    let (servicenow, filled) = apply(&executed, &servicenow, &ehr);
    let agreed = base_after(&both, &executed, &servicenow, &filled, 77, "rule:blank_filled");

    let undo = undo_writes(&catalogue, &executed, Some(&servicenow), Some(&filled));
    assert_eq!(undo.left_out, []);
    assert_eq!(grade_of_writes(&catalogue, &undo.plan), Grade::TwoPersons);
    let (servicenow, undone) = apply(&undo.plan, &servicenow, &filled);
    assert_eq!(undone.fields, ehr.fields);

    let base =
        base_after_undo(&pair(&catalogue, Some(&agreed), &servicenow, &undone), &undo.plan, 78, "ines");
    let again = compare(&pair(&catalogue, Some(&base), &servicenow, &undone));
    let breed = &again.fields[usize::from(field(&catalogue, "breed").0)];
    assert!(matches!(breed.settlement, Settlement::Ask { .. }), "{breed:?}");
}

/// ServiceNow emptied a phone, two persons had the EHR emptied too, and that was taken back: the EHR's phone is what is
/// asked about, as before, and not a new value that fills ServiceNow's blank.
#[test]
fn a_decided_emptying_that_is_taken_back_is_asked_about_again() {
    let catalogue = catalogue();
    let known = [("owner_name", Some("Amy")), ("owner_phone", Some("415-555-2671"))];
    let before = base(&catalogue, &known);
    let (servicenow, ehr) =
        (record(&catalogue, "s", &[("owner_name", Some("Amy"))]), record(&catalogue, "e", &known));
    let both = pair(&catalogue, Some(&before), &servicenow, &ehr);
    let phone = field(&catalogue, "owner_phone");
    let decision = FieldDecision { field: phone, choice: Choice::TakeServiceNow };
    let executed = plan(&both, &compare(&both), &[decision]).expect("a decision about what is asked");
    let (servicenow, emptied) = apply(&executed, &servicenow, &ehr);
    let agreed = base_after(&both, &executed, &servicenow, &emptied, 77, "anna");
    assert_eq!(agreed.state(phone), &FieldState::Blank);

    let undo = undo_writes(&catalogue, &executed, Some(&servicenow), Some(&emptied));
    let (servicenow, undone) = apply(&undo.plan, &servicenow, &emptied);
    let base =
        base_after_undo(&pair(&catalogue, Some(&agreed), &servicenow, &undone), &undo.plan, 78, "ines");
    let again = pair(&catalogue, Some(&base), &servicenow, &undone);
    let replanned = plan(&again, &compare(&again), &[]).expect("no decisions");
    assert_eq!((replanned.open.clone(), replanned.is_empty()), (vec![phone], true), "{replanned:?}");
}

/// What changed since is left out and named, with its whole group.
#[test]
fn undo_leaves_out_what_changed_since() {
    let catalogue = catalogue();
    let agreed =
        [("owner_name", Some("Amy")), ("owner_phone", Some("415-555-2671")), ("breed", Some("Beagle"))];
    let before = base(&catalogue, &agreed);
    let changed =
        [("owner_name", Some("Tom")), ("owner_phone", Some("415-555-2672")), ("breed", Some("Poodle"))];
    let (servicenow, ehr) = (record(&catalogue, "s", &changed), record(&catalogue, "e", &agreed));
    let both = pair(&catalogue, Some(&before), &servicenow, &ehr);
    let executed = plan(&both, &compare(&both), &[]).expect("no decisions");
    assert_eq!(executed.ehr.len(), 3);
    let since =
        [("owner_name", Some("Tom")), ("owner_phone", Some("415-555-2673")), ("breed", Some("poodle"))];
    let now = record(&catalogue, "e", &since);
    let undo = undo_writes(&catalogue, &executed, Some(&servicenow), Some(&now));
    assert_eq!(undo.left_out, [field(&catalogue, "owner_name"), field(&catalogue, "owner_phone")]);
    // Another spelling is no change; the write starts from what is there now.
    let back = FieldWrite {
        field: field(&catalogue, "breed"),
        from: state(&catalogue, "breed", Some("poodle")),
        to: state(&catalogue, "breed", Some("Beagle")),
    };
    assert_eq!(undo.plan, PairPlan { ehr: vec![back], ..PairPlan::default() });
    // A record that is gone takes everything with it.
    let gone = undo_writes(&catalogue, &executed, Some(&servicenow), None);
    assert_eq!((gone.plan.is_empty(), gone.left_out.len()), (true, 3));
}

/// ServiceNow holds no partial date: what it shows of one is filled up, and that is no change. In the EHR, which holds
/// one, a person entered the day.
#[test]
fn a_date_that_servicenow_filled_up_is_taken_back_and_one_that_the_ehr_filled_up_is_not() {
    let catalogue = catalogue();
    let birth = field(&catalogue, "date_of_birth");
    let dated = |text| state(&catalogue, "date_of_birth", Some(text));
    let now = record(&catalogue, "x", &[("date_of_birth", Some("2019-01-01"))]);
    let write = FieldWrite { field: birth, from: dated("2018-05-04"), to: dated("2019") };
    let back = FieldWrite { field: birth, from: dated("2019-01-01"), to: dated("2018-05-04") };

    let executed = PairPlan { servicenow: vec![write.clone()], ..PairPlan::default() };
    let undo = undo_writes(&catalogue, &executed, Some(&now), Some(&now));
    assert_eq!((undo.plan.servicenow, undo.left_out), (vec![back], vec![]));

    let executed = PairPlan { ehr: vec![write], ..PairPlan::default() };
    let undo = undo_writes(&catalogue, &executed, Some(&now), Some(&now));
    assert_eq!((undo.plan.is_empty(), undo.left_out), (true, vec![birth]));
}

#[test]
fn the_brake_stops_bulk_changes() {
    let limits = BrakeLimits { pairs_max: 100, share_max_percent: 30, share_from_pairs: 20, blanked_max: 5 };
    let totals = |pairs, pairs_written, values_blanked| Totals { pairs, pairs_written, values_blanked };
    for (what, totals, stopped) in [
        ("nothing", totals(0, 0, 0), None),
        ("a few of many", totals(10_000, 100, 5), None),
        ("too many", totals(10_000, 101, 0), Some(Brake::TooManyPairs { pairs: 101, limit: 100 })),
        ("half of few", totals(38, 19, 0), None),
        ("half of enough", totals(40, 20, 0), Some(Brake::TooLargeShare { percent: 50, limit: 30 })),
        ("exactly the share", totals(100, 30, 0), None),
        ("a little over the share", totals(99, 30, 0), Some(Brake::TooLargeShare { percent: 31, limit: 30 })),
        ("blanking comes first", totals(200, 150, 6), Some(Brake::TooManyBlanked { blanked: 6, limit: 5 })),
    ] {
        assert_eq!(brake(&totals, &limits), stopped, "{what}");
    }
}

#[test]
fn totals_count_writes_blanks_and_dropped_allergies() {
    let catalogue = catalogue();
    let write = |id: &str, from: &str, to: &str| FieldWrite {
        field: field(&catalogue, id),
        from: state(&catalogue, id, Some(from)),
        to: state(&catalogue, id, Some(to)),
    };
    let mut totals = Totals::default();
    totals.add(&PairPlan::default());
    totals.add(&PairPlan { servicenow: vec![write("breed", "", "Beagle")], ..PairPlan::default() });
    totals.add(&PairPlan {
        servicenow: vec![write("breed", "Beagle", "")],
        ehr: vec![write("allergies", "beef, egg", "egg"), write("allergies", "egg", "egg, beef")],
        ..PairPlan::default()
    });
    assert_eq!(totals, Totals { pairs: 3, pairs_written: 2, values_blanked: 2 });
}

/// The way out is the approval of two persons (design.md, "Grades": bulk over the brake).
#[test]
fn the_brake_names_a_way_out_that_exists() {
    for brake in [
        Brake::TooManyBlanked { blanked: 12, limit: 10 },
        Brake::TooManyPairs { pairs: 12, limit: 10 },
        Brake::TooLargeShare { percent: 12, limit: 10 },
    ] {
        let text = brake.to_string();
        assert!(text.starts_with("12 ") && text.contains("the limit is 10"), "{text}");
        assert!(text.contains("nothing was written") && text.contains("look at the work list"), "{text}");
        assert!(text.contains("an administrator asks") && text.contains("a second person agrees"), "{text}");
    }
}
