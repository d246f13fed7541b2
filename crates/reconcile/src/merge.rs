//! Line-wise three-way merge of long text, and union of sets.

use record::value::{NO_KNOWN_ALLERGY, Substance, SubstanceSet};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::ops::Range;

/// The outcome of a three-way merge of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineMerge {
    /// Nobody's change touches the other's: the merged text.
    Clean(String),
    /// Both changed the same lines, or lines next to each other.
    Conflict(Vec<Region>),
}

/// A stretch of merged lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Region {
    /// Lines that are settled.
    Settled(Vec<String>),
    /// Lines on which both disagree.
    Disputed {
        /// What the common ancestor had.
        base: Vec<String>,
        /// What the left made of it.
        left: Vec<String>,
        /// What the right made of it.
        right: Vec<String>,
    },
}

/// Merges two texts line by line with their common ancestor.
///
/// Changes of neighbouring lines count as one disagreement, as in `diff3`: what stands next to each other in a
/// medical note usually belongs together. Laws: `merge(b, a, a) = a`, `merge(b, b, x) = x`, and swapping left and
/// right swaps nothing but the two halves of each dispute. Lines are compared without their line ending; a merged
/// text has `\n` between its lines.
pub fn merge_lines(base: &str, left: &str, right: &str) -> LineMerge {
    let (base_lines, left_lines, right_lines) = (lines(base), lines(left), lines(right));
    if left_lines == right_lines || base_lines == right_lines {
        return LineMerge::Clean(left.to_owned());
    }
    if base_lines == left_lines {
        return LineMerge::Clean(right.to_owned());
    }
    let regions = regions(&base_lines, &left_lines, &right_lines);
    if regions.iter().any(|region| matches!(region, Region::Disputed { .. })) {
        LineMerge::Conflict(regions)
    } else {
        LineMerge::Clean(join(regions, false))
    }
}

/// A disputed merge with both halves of every dispute kept, left before right: a text to start editing from.
pub fn keep_both(regions: Vec<Region>) -> String {
    join(regions, true)
}

/// Two texts without a common ancestor in one: common lines once, every other line of both kept in its place.
pub fn keep_both_lines(left: &str, right: &str) -> String {
    let (left_lines, right_lines) = (lines(left), lines(right));
    let mut kept: Vec<&str> = Vec::with_capacity(left_lines.len() + right_lines.len());
    for op in capture_diff_slices(Algorithm::Myers, &left_lines, &right_lines) {
        kept.extend(left_lines.get(op.old_range()).unwrap_or_default());
        if !matches!(op, DiffOp::Equal { .. }) {
            kept.extend(right_lines.get(op.new_range()).unwrap_or_default());
        }
    }
    kept.join("\n")
}

/// The union of two sets: the left's items in their order and spelling, then those only the right has.
pub fn union(left: &SubstanceSet, right: &SubstanceSet) -> SubstanceSet {
    let mut items = left.items.clone();
    items.extend(only_in(right, left).cloned());
    SubstanceSet { items }
}

/// The items of `of` whose key `not_in` lacks.
pub fn only_in<'a>(of: &'a SubstanceSet, not_in: &'a SubstanceSet) -> impl Iterator<Item = &'a Substance> {
    of.items.iter().filter(|item| !has(not_in, &item.key))
}

/// Whether the set holds a substance, the statement "no known allergies" not counted.
pub fn has_real(set: &SubstanceSet) -> bool {
    set.items.iter().any(|item| item.key != NO_KNOWN_ALLERGY)
}

/// Whether the set says that no allergy is known.
pub fn denies(set: &SubstanceSet) -> bool {
    has(set, NO_KNOWN_ALLERGY)
}

/// Whether the real substances of `of` are not all in `within`.
pub fn loses_real(of: &SubstanceSet, within: &SubstanceSet) -> bool {
    only_in(of, within).any(|item| item.key != NO_KNOWN_ALLERGY)
}

/// The set without the statement "no known allergies", which a known substance refutes.
pub fn without_denial(mut set: SubstanceSet) -> SubstanceSet {
    if has_real(&set) {
        set.items.retain(|item| item.key != NO_KNOWN_ALLERGY);
    }
    set
}

fn has(set: &SubstanceSet, key: &str) -> bool {
    set.items.iter().any(|item| item.key == key)
}

fn lines(text: &str) -> Vec<&str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect()
}

fn join(regions: Vec<Region>, both: bool) -> String {
    let mut kept: Vec<String> = Vec::new();
    for region in regions {
        match region {
            Region::Settled(lines) => kept.extend(lines),
            Region::Disputed { left, right, .. } => {
                kept.extend(left);
                if both {
                    kept.extend(right);
                }
            }
        }
    }
    kept.join("\n")
}

/// One stretch of the ancestor that a side replaced.
struct Hunk {
    base: Range<usize>,
    grown: usize,
    shrunk: usize,
}

fn hunks(base: &[&str], side: &[&str]) -> Vec<Hunk> {
    capture_diff_slices(Algorithm::Myers, base, side)
        .into_iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .map(|op| Hunk { base: op.old_range(), grown: op.new_range().len(), shrunk: op.old_range().len() })
        .collect()
}

/// Walks one side's hunks and keeps the place in its own lines.
struct Walk<'a> {
    hunks: &'a [Hunk],
    lines: &'a [&'a str],
    at: usize,
}

impl Walk<'_> {
    fn next_start(&self) -> Option<usize> {
        self.hunks.first().map(|hunk| hunk.base.start)
    }

    /// Takes the hunks that touch the region, returning its new end and how this side's length changes in it.
    fn absorb(&mut self, end: usize, grown: &mut usize, shrunk: &mut usize) -> usize {
        let mut end = end;
        while let Some((hunk, rest)) = self.hunks.split_first() {
            if hunk.base.start > end {
                break;
            }
            end = end.max(hunk.base.end);
            *grown += hunk.grown;
            *shrunk += hunk.shrunk;
            self.hunks = rest;
        }
        end
    }

    fn take(&mut self, count: usize) -> Vec<String> {
        let taken = self.lines.iter().skip(self.at).take(count).map(|line| (*line).to_owned()).collect();
        self.at += count;
        taken
    }
}

fn regions(base: &[&str], left: &[&str], right: &[&str]) -> Vec<Region> {
    let (left_hunks, right_hunks) = (hunks(base, left), hunks(base, right));
    let mut left = Walk { hunks: &left_hunks, lines: left, at: 0 };
    let mut right = Walk { hunks: &right_hunks, lines: right, at: 0 };
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let start = match (left.next_start(), right.next_start()) {
            (Some(one), Some(other)) => one.min(other),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => break,
        };
        if start > at {
            left.at += start - at;
            found.push(Region::Settled(right.take(start - at)));
        }
        let mut end = start;
        let (mut left_grown, mut left_shrunk, mut right_grown, mut right_shrunk) = (0, 0, 0, 0);
        loop {
            let before = end;
            end = left.absorb(end, &mut left_grown, &mut left_shrunk);
            end = right.absorb(end, &mut right_grown, &mut right_shrunk);
            if end == before {
                break;
            }
        }
        let (left_touched, right_touched) = (left_grown + left_shrunk > 0, right_grown + right_shrunk > 0);
        let left_side = left.take(end - start + left_grown - left_shrunk);
        let right_side = right.take(end - start + right_grown - right_shrunk);
        found.push(match (left_touched, right_touched) {
            (true, false) => Region::Settled(left_side),
            (false, _) => Region::Settled(right_side),
            (true, true) if left_side == right_side => Region::Settled(left_side),
            (true, true) => Region::Disputed {
                base: base.iter().skip(start).take(end - start).map(|line| (*line).to_owned()).collect(),
                left: left_side,
                right: right_side,
            },
        });
        at = end;
    }
    if at < base.len() {
        found.push(Region::Settled(right.take(base.len() - at)));
    }
    found
}
