//! Animals that somebody entered a second time in one system, as happens when nobody searches first: with the owner's
//! other number, a shortened name, the birth date by heart. From a stream of chance of its own, so that the animals of a
//! seed stay what they are.

use super::facts::{Birth, Facts, Sex};
use super::generate::{Case, Draw};
use super::{chart, full_row, row};
use crate::ehr::Chart;
use std::collections::BTreeMap;

/// The stream of chance that decides who is entered twice.
const STREAM: u64 = u64::MAX - 7;

/// Enters animals a second time.
#[derive(Debug)]
pub struct Doubler {
    draw: Draw,
    per_mille: u32,
}

/// A second record of an animal.
#[derive(Debug, Clone)]
pub struct Double {
    /// The key of the first record in the same system.
    pub of: String,
    /// Key and columns, if it stands in ServiceNow.
    pub row: Option<(String, BTreeMap<String, String>)>,
    /// Id and chart, if it stands in the EHR.
    pub chart: Option<(String, Chart)>,
}

impl Doubler {
    /// Of a thousand animals whose records agree, so many are entered twice.
    pub fn new(seed: u64, per_mille: u32) -> Doubler {
        Doubler { draw: Draw::new(seed, STREAM), per_mille }
    }

    /// The second record of this animal, if somebody makes one. An animal without a name of its own is never entered
    /// twice: nobody could tell.
    pub fn of(&mut self, case: &Case) -> Option<Double> {
        let wanted = self.draw.per_mille(self.per_mille);
        let in_servicenow = self.draw.chance(50);
        let facts = case.agreed.as_ref().filter(|_| wanted)?;
        let named = facts.name.chars().all(char::is_alphabetic) && facts.name.chars().count() > 2;
        let (Some((key, _)), Some((id, _)), true) = (&case.row, &case.chart, named) else { return None };
        let facts = self.as_typed_again(facts);
        let draw = &mut self.draw;
        Some(if in_servicenow {
            let draft = row::render(&facts, draw, &mut Vec::new());
            let columns = full_row(&draw.hex(), &draft, case);
            let own = columns.get("sys_id").cloned().unwrap_or_default();
            Double { of: key.clone(), row: Some((own, columns)), chart: None }
        } else {
            let own: String = draw.hex().chars().take(14).collect();
            let own = format!("d-{own}");
            let chart = chart::render(&own, &facts, None, draw);
            Double { of: id.clone(), row: None, chart: Some((own, chart)) }
        })
    }

    fn as_typed_again(&mut self, first: &Facts) -> Facts {
        let draw = &mut self.draw;
        let mut facts = first.clone();
        if draw.chance(12) {
            facts.name = mistyped(&facts.name, draw);
        }
        if draw.chance(15) {
            facts.owner = facts.owner.as_deref().map(initial);
        }
        match draw.below(20) {
            // Not asked for, or the other number of the household.
            0..=2 => facts.phone = None,
            3 | 4 => facts.phone = Some(draw.phone()),
            _ => {}
        }
        if draw.chance(40) {
            facts.email = None;
        }
        facts.birth = match (facts.birth, draw.below(20)) {
            (Some(Birth::Known(year, _, _)), 0..=3) => Some(Birth::Known(year, None, None)),
            (Some(Birth::Known(year, Some(month), Some(_))), 4) => {
                Some(Birth::Known(year, Some(month), Some(1)))
            }
            (birth, 5) if birth.is_some() => None,
            (birth, _) => birth,
        };
        facts.chip = match draw.below(20) {
            // The second of two chips was read.
            0 => facts.chip.is_some().then(|| format!("95600001{:07}", draw.below(10_000_000))),
            1..=12 => None,
            _ => facts.chip,
        };
        if draw.chance(10) {
            facts.sex = Sex::Unknown;
        }
        facts.allergies = super::facts::Allergies::Silent;
        facts.notes = Vec::new();
        facts
    }
}

/// One slip of the fingers behind the first letter: a letter left out, doubled, or two exchanged.
fn mistyped(name: &str, draw: &mut Draw) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let at = 1 + draw.index(letters.len() - 1);
    match draw.below(3) {
        0 => {
            letters.remove(at);
        }
        1 => {
            let letter = letters.get(at).copied().unwrap_or('a');
            letters.insert(at, letter);
        }
        _ => {
            let next = (at + 1).min(letters.len() - 1);
            letters.swap(at, next);
        }
    }
    letters.into_iter().collect()
}

/// "Amy Chalmers" as "A. Chalmers".
fn initial(owner: &str) -> String {
    match (owner.chars().next(), owner.split_once(' ')) {
        (Some(first), Some((_, family))) => format!("{first}. {family}"),
        (_, _) => owner.to_owned(),
    }
}
