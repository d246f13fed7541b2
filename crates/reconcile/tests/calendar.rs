//! Overlapping appointments.

use proptest::prelude::*;
use proptest::sample::select;
use reconcile::calendar::{Overlap, Visit, overlaps};
use record::codes::appointment_status::Stage;
use std::collections::BTreeSet;

const NINE: i64 = 1_741_597_200;

fn visit(id: usize, clinician: &str, from_minute: i64, minutes: u32, stage: Stage) -> Visit<'_, usize> {
    Visit { id, clinician, start: NINE + from_minute * 60, minutes, stage }
}

#[test]
fn what_overlaps_and_what_does_not() {
    use Stage::{Booked, Cancelled, Done, Present, Requested};
    // (two appointments, minutes both last, if they overlap)
    let cases = [
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 15, 30, Booked), Some(15)),
        (visit(0, "lee", 0, 60, Present), visit(1, "lee", 15, 15, Booked), Some(15)),
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 0, 30, Booked), Some(30)),
        // One begins when the other ends.
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 30, 30, Booked), None),
        (visit(0, "lee", 0, 30, Booked), visit(1, "ana", 15, 30, Booked), None),
        (visit(0, "lee", 0, 30, Booked), visit(1, "lee", 15, 30, Cancelled), None),
        (visit(0, "lee", 0, 30, Requested), visit(1, "lee", 15, 30, Booked), None),
        (visit(0, "lee", 0, 30, Done), visit(1, "lee", 15, 30, Booked), None),
        (visit(0, "lee", 0, 0, Booked), visit(1, "lee", 0, 30, Booked), None),
    ];
    for (one, other, minutes) in cases {
        let expected: Vec<Overlap<usize>> =
            minutes.map(|minutes| Overlap { first: 0, second: 1, minutes }).into_iter().collect();
        assert_eq!(overlaps(&[one, other]), expected, "{one:?} {other:?}");
    }
    assert!(Overlap::<usize>::PROBLEM.len() + Overlap::<usize>::WAY_OUT.len() > 40);
}

#[test]
fn a_calendar_that_stands_at_one_moment_is_named_whole_and_not_squared() {
    let visits: Vec<Visit<'_, usize>> =
        (0..20_000).map(|id| visit(id, "lee", 0, 30, Stage::Booked)).collect();
    let found = overlaps(&visits);
    let named: BTreeSet<usize> = found.iter().flat_map(|overlap| [overlap.first, overlap.second]).collect();
    assert_eq!(named.len(), visits.len());
    assert!(found.len() <= visits.len() * 8, "{} pairs", found.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same pairs as comparing each with each.
    #[test]
    fn every_pair_is_found(raw in proptest::collection::vec((select(vec!["lee", "ana"]), 0_i64..600, 0_u32..90,
        select(vec![Stage::Booked, Stage::Present, Stage::Cancelled, Stage::Done])), 0..9)) {
        let visits: Vec<Visit<'_, usize>> = raw.iter().enumerate()
            .map(|(id, (clinician, from, minutes, stage))| visit(id, clinician, *from, *minutes, *stage)).collect();
        let takes = |one: &Visit<'_, usize>| matches!(one.stage, Stage::Booked | Stage::Present) && one.minutes > 0;
        let end = |one: &Visit<'_, usize>| one.start + i64::from(one.minutes) * 60;
        let mut expected = BTreeSet::new();
        for one in &visits {
            for other in visits.iter().filter(|other| other.id > one.id) {
                if takes(one) && takes(other) && one.clinician == other.clinician
                    && one.start < end(other) && other.start < end(one) {
                    expected.insert((one.id, other.id));
                }
            }
        }
        let found: BTreeSet<(usize, usize)> = overlaps(&visits).into_iter()
            .map(|overlap| (overlap.first.min(overlap.second), overlap.first.max(overlap.second))).collect();
        prop_assert_eq!(found, expected);
    }
}
