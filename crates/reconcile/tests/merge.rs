//! Laws of the line merge and of the union of sets.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says so by failing")]

use proptest::prelude::*;
use reconcile::merge::{LineMerge, Region, keep_both, keep_both_lines, merge_lines, union, without_denial};
use record::value::{Substance, SubstanceSet};

/// Short texts over few lines, so that lines repeat and meet.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop::sample::select(vec!["a", "b", "c", "d", ""]), 0..8)
        .prop_map(|lines| lines.join("\n"))
}

/// An ancestor and a text made from it by a few edits.
fn edited() -> impl Strategy<Value = (String, String, String)> {
    let edits = || proptest::collection::vec((0_usize..12, 0_u8..3, "[x-z]"), 0..3);
    (proptest::collection::vec("[a-h]", 0..12), edits(), edits()).prop_map(|(base, left, right)| {
        let apply = |edits: Vec<(usize, u8, String)>| {
            let mut lines = base.clone();
            for (at, kind, line) in edits {
                let at = at.min(lines.len());
                match kind {
                    0 => lines.insert(at, line),
                    1 if at < lines.len() => drop(lines.remove(at)),
                    _ => {
                        if let Some(place) = lines.get_mut(at) {
                            *place = line;
                        }
                    }
                }
            }
            lines.join("\n")
        };
        (base.join("\n"), apply(left), apply(right))
    })
}

fn mirrored(merge: LineMerge) -> LineMerge {
    match merge {
        clean @ LineMerge::Clean(_) => clean,
        LineMerge::Conflict(regions) => LineMerge::Conflict(
            regions
                .into_iter()
                .map(|region| match region {
                    settled @ Region::Settled(_) => settled,
                    Region::Disputed { base, left, right } => {
                        Region::Disputed { base, left: right, right: left }
                    }
                })
                .collect(),
        ),
    }
}

fn set(keys: &[&str]) -> SubstanceSet {
    SubstanceSet { items: keys.iter().filter_map(|key| Substance::new(key, Vec::new())).collect() }
}

fn keys(set: &SubstanceSet) -> Vec<&str> {
    set.items.iter().map(|item| item.key.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_change_on_both_sides_is_that_change(base in text(), side in text()) {
        prop_assert_eq!(merge_lines(&base, &side, &side), LineMerge::Clean(side.clone()));
    }

    #[test]
    fn a_side_that_did_not_change_has_no_say(base in text(), side in text()) {
        prop_assert_eq!(merge_lines(&base, &base, &side), LineMerge::Clean(side.clone()));
        prop_assert_eq!(merge_lines(&base, &side, &base), LineMerge::Clean(side));
    }

    #[test]
    fn swapping_the_sides_mirrors_the_merge((base, left, right) in edited()) {
        prop_assert_eq!(merge_lines(&base, &left, &right), mirrored(merge_lines(&base, &right, &left)));
    }

    /// Nothing is invented, and a line that both kept or either wrote is not lost.
    #[test]
    fn a_clean_merge_keeps_what_both_kept_and_what_either_wrote((base, left, right) in edited()) {
        if let LineMerge::Clean(merged) = merge_lines(&base, &left, &right) {
            let count = |text: &str, line: &str| text.split('\n').filter(|other| *other == line).count();
            for line in merged.split('\n') {
                prop_assert!(count(&left, line) + count(&right, line) > 0, "invented");
            }
            for line in ["x", "y", "z"] {
                let written = count(&left, line).max(count(&right, line));
                prop_assert!(count(&merged, line) >= written, "{line} was written and is lost");
            }
            for line in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                if count(&base, line) == count(&left, line) && count(&base, line) == count(&right, line) {
                    prop_assert_eq!(count(&merged, line), count(&base, line), "{} was left alone by both", line);
                }
            }
        }
    }

    /// The suggestion of a disputed merge holds every line of both sides.
    #[test]
    fn keeping_both_loses_no_line((base, left, right) in edited()) {
        let LineMerge::Conflict(regions) = merge_lines(&base, &left, &right) else { return Ok(()) };
        let kept = keep_both(regions.clone());
        for region in regions {
            if let Region::Disputed { left, right, .. } = region {
                for line in left.iter().chain(&right) {
                    prop_assert!(kept.split('\n').any(|other| other == line));
                }
            }
        }
    }

    #[test]
    fn keeping_both_without_an_ancestor_contains_both(left in text(), right in text()) {
        let kept = keep_both_lines(&left, &right);
        let contains = |part: &str| {
            let mut lines = kept.split('\n');
            part.split('\n').all(|line| lines.any(|other| other == line))
        };
        prop_assert!(contains(&left) && contains(&right), "{kept:?}");
        prop_assert_eq!(keep_both_lines(&left, &left), left);
    }
}

#[test]
fn changes_apart_merge_and_neighbours_dispute() {
    let clean = |text: &str| LineMerge::Clean(text.to_owned());
    assert_eq!(merge_lines("a\nb\nc", "A\nb\nc", "a\nb\nC"), clean("A\nb\nC"));
    assert_eq!(merge_lines("a\nb\nc", "b\nc", "a\nb\nc\nd"), clean("b\nc\nd"));
    assert_eq!(merge_lines("a\r\nb\r\nc", "A\r\nb\r\nc", "a\nb\nC"), clean("A\nb\nC"));
    // The same addition on both sides is taken once, though one side also changed something else.
    assert_eq!(merge_lines("a\nb\nc", "a\nb\nc\nd", "A\nb\nc\nd"), clean("A\nb\nc\nd"));
    // The same change on both sides is taken as the left wrote it, line ends and all.
    assert_eq!(merge_lines("a\r\nb", "A\r\nb", "A\nb"), clean("A\r\nb"));
    let dispute = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        merge_lines("a\nb\nc\nd", "a\nB\nc\nd", "a\nb\nC\nd"),
        LineMerge::Conflict(vec![
            Region::Settled(dispute(&["a"])),
            Region::Disputed {
                base: dispute(&["b", "c"]),
                left: dispute(&["B", "c"]),
                right: dispute(&["b", "C"])
            },
            Region::Settled(dispute(&["d"])),
        ])
    );
    // Both appended something else.
    assert!(matches!(merge_lines("a", "a\nb", "a\nc"), LineMerge::Conflict(_)));
}

#[test]
fn a_union_keeps_every_substance_once_in_the_left_spelling() {
    let left = set(&["Penicillin", "beef"]);
    let both = union(&left, &set(&["egg", "PENICILLIN"]));
    assert_eq!(keys(&both), ["penicillin", "beef", "egg"]);
    assert_eq!(both.items[0].text, "Penicillin");
    assert_eq!(union(&left, &left), left);
    assert_eq!(keys(&without_denial(set(&["no known allergies", "egg"]))), ["egg"]);
    assert_eq!(without_denial(set(&["no known allergies"])), set(&["no known allergies"]));
}

/// Each region stands for lines, and none for no line at all.
#[test]
fn regions_hold_what_stands_between_the_disputes() {
    let lines =
        |text: &str| text.split(' ').filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let settled = |text: &str| Region::Settled(lines(text));
    let disputed = |base: &str, left: &str, right: &str| Region::Disputed {
        base: lines(base),
        left: lines(left),
        right: lines(right),
    };
    // (base, left, right, regions)
    let cases = [
        ("a", "b", "c", vec![disputed("a", "b", "c")]),
        ("a b c", "x b c", "y b c", vec![disputed("a", "x", "y"), settled("b c")]),
        ("a b c", "a b x", "a b y", vec![settled("a b"), disputed("c", "x", "y")]),
        (
            "a b c d e",
            "a x c d e",
            "a y c d z",
            vec![settled("a"), disputed("b", "x", "y"), settled("c d"), settled("z")],
        ),
        (
            "a b c d e",
            "w b c x e",
            "a b c y e",
            vec![settled("w"), settled("b c"), disputed("d", "x", "y"), settled("e")],
        ),
        // Lines next to each other are one disagreement.
        ("a b c", "x b c", "a y c", vec![disputed("a b", "x b", "a y"), settled("c")]),
        ("a b", "a x b", "a y b", vec![settled("a"), disputed("", "x", "y"), settled("b")]),
        ("a b c", "a c", "a x c", vec![settled("a"), disputed("b", "", "x"), settled("c")]),
    ];
    for (base, left, right, regions) in cases {
        let text = |lines: &str| lines.replace(' ', "\n");
        let merged = merge_lines(&text(base), &text(left), &text(right));
        assert_eq!(merged, LineMerge::Conflict(regions), "{base} / {left} / {right}");
    }
}
