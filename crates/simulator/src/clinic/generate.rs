//! Owners and their animals, one household after the other; the same seed makes the same clinic to the byte.

use super::differ;
use super::facts::{Allergies, Birth, Facts, Neuter, Sex};
use super::truth::{FieldTruth, LinkTruth, PairTruth};
use super::vocabulary::{
    AREA_CODES, FAMILY_BACK, FAMILY_FRONT, GIVEN, ISO_PREFIXES, NOTES, PETS, PLACEHOLDERS, SPECIES,
    SUBSTANCES,
};
use super::{Rates, chart, row};
use crate::ehr::Chart;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// The moment the clinic's history ends, Unix milliseconds: 2025-03-01T08:00:00Z.
pub(crate) const HISTORY_ENDS_MS: i64 = 1_740_816_000_000;

/// Chance, drawn from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    random: Option<ChaCha8Rng>,
}

impl Draw {
    pub(crate) fn new(seed: u64, stream: u64) -> Draw {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Draw { random: Some(random) }
    }

    /// Chance that always takes the plain way.
    pub(crate) fn plain() -> Draw {
        Draw { random: None }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.random.as_mut().map_or(0, RngCore::next_u64)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        let drawn = self.next() >> 32;
        u32::try_from((drawn * u64::from(end)) >> 32).unwrap_or_default()
    }

    /// `true` this many times in a hundred.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.random.is_some() && self.below(100) < percent
    }

    /// `true` this many times in a thousand.
    pub(crate) fn per_mille(&mut self, per_mille: u32) -> bool {
        self.random.is_some() && self.below(1_000) < per_mille
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u32::try_from(length).unwrap_or(u32::MAX))).unwrap_or_default()
    }

    pub(crate) fn pick(&mut self, words: &[&'static str]) -> &'static str {
        let at = self.index(words.len());
        words.get(at).copied().unwrap_or_default()
    }

    pub(crate) fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    pub(crate) fn uuid(&mut self) -> String {
        let hex = self.hex();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    pub(crate) fn owner_name(&mut self) -> String {
        format!("{} {}{}", self.pick(GIVEN), self.pick(FAMILY_FRONT), self.pick(FAMILY_BACK))
    }

    /// Ten digits of a number that can exist in North America.
    pub(crate) fn phone(&mut self) -> String {
        let area = self.pick(AREA_CODES);
        let exchange = 200 + self.below(7) * 100 + 20 + self.below(80);
        format!("{area}{exchange}{:04}", self.below(10_000))
    }
}

/// One animal of the clinic, on one side or both.
#[derive(Debug, Clone)]
pub struct Case {
    /// Key and columns of the row, if ServiceNow has it.
    pub row: Option<(String, row::RowDraft)>,
    /// Id and chart, if the EHR has it.
    pub chart: Option<(String, Chart)>,
    /// The right answers.
    pub truth: PairTruth,
    /// When the row was last changed, Unix milliseconds.
    pub row_updated_ms: i64,
    /// When the chart was last changed, Unix milliseconds.
    pub chart_updated_ms: i64,
    /// How often the row was changed.
    pub mod_count: u32,
    /// What both sides believe, where they agree in everything.
    pub(crate) agreed: Option<Facts>,
}

/// Makes a clinic case by case, without keeping it.
#[derive(Debug)]
pub struct Cases {
    seed: u64,
    rates: Rates,
    left: usize,
    household: u64,
    number: u64,
    waiting: VecDeque<Case>,
}

impl Cases {
    /// The clinic of this seed with that many animals.
    pub fn new(seed: u64, patients: usize, rates: &Rates) -> Cases {
        Cases {
            seed,
            rates: rates.clone(),
            left: patients,
            household: 0,
            number: 0,
            waiting: VecDeque::new(),
        }
    }
}

impl Iterator for Cases {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        if self.left == 0 {
            return None;
        }
        while self.waiting.is_empty() {
            self.household += 1;
            let draw = Draw::new(self.seed, self.household);
            let mut household =
                Household { draw, rates: &self.rates, number: &mut self.number, out: &mut self.waiting };
            household.fill();
        }
        self.left -= 1;
        self.waiting.pop_front()
    }
}

struct Household<'a> {
    draw: Draw,
    rates: &'a Rates,
    number: &'a mut u64,
    out: &'a mut VecDeque<Case>,
}

struct Owner {
    name: String,
    phone: Option<String>,
    email: Option<String>,
}

impl Household<'_> {
    fn fill(&mut self) {
        let draw = &mut self.draw;
        let name = draw.owner_name();
        let phone = draw.phone();
        let phone = match draw.below(20) {
            0 => None,
            1 => Some(format!("{phone}x{}", 10 + draw.below(90))),
            // A local number without its area: not valid, compared by its digits.
            2 => Some(format!("555{:04}", draw.below(10_000))),
            _ => Some(phone),
        };
        let email = (!draw.chance(20)).then(|| {
            let words: Vec<String> = name.split(' ').map(str::to_lowercase).collect();
            format!("{}{}@example.test", words.join("."), draw.below(1_000))
        });
        let owner = Owner { name, phone, email };
        let litter = draw.chance(6);
        let count = if litter {
            3 + draw.below(3)
        } else {
            [1, 1, 1, 1, 2, 2, 3, 4].get(draw.index(8)).copied().unwrap_or(1)
        };
        let mother = self.animal(&owner, None, 0);
        for at in 0..count {
            let facts = if at == 0 && !litter {
                mother.clone()
            } else {
                self.animal(&owner, litter.then_some(&mother), at)
            };
            self.case(facts);
        }
    }

    fn species(&mut self) -> usize {
        let total: u32 = SPECIES.iter().map(|species| species.weight).sum();
        let mut drawn = self.draw.below(total);
        for (at, species) in SPECIES.iter().enumerate() {
            if drawn < species.weight {
                return at;
            }
            drawn -= species.weight;
        }
        0
    }

    /// An animal; those of a litter share species, breed and birth.
    fn animal(&mut self, owner: &Owner, mother: Option<&Facts>, at: u32) -> Facts {
        let species = mother.map_or_else(|| self.species(), |mother| mother.species);
        *self.number += 1;
        let number = *self.number;
        let draw = &mut self.draw;
        let kind = SPECIES.get(species).unwrap_or(&SPECIES[0]);
        let birth = {
            let year = 2008 + i32::try_from(draw.below(17)).unwrap_or_default();
            let month = 1 + draw.below(12);
            match draw.below(20) {
                0 => None,
                1 | 2 => Some(Birth::Known(year, None, None)),
                3 | 4 => Some(Birth::Known(year, Some(month), None)),
                _ => Some(Birth::Known(year, Some(month), Some(1 + draw.below(28)))),
            }
        };
        let breed = if kind.breeds.is_empty() || draw.chance(5) {
            None
        } else {
            kind.breeds.get(draw.index(kind.breeds.len()))
        };
        let name = match (mother.is_some(), draw.below(5)) {
            (true, 0) => format!("{} {}", draw.pick(PLACEHOLDERS), at + 1),
            _ => draw.pick(PETS).to_owned(),
        };
        let sex = [
            Sex::Male,
            Sex::Female,
            Sex::Male,
            Sex::Female,
            Sex::Male,
            Sex::Female,
            Sex::Male,
            Sex::Female,
            Sex::Male,
            Sex::Unknown,
        ];
        let sex = sex.get(draw.index(10)).copied().unwrap_or(Sex::Unknown);
        let neuter = match (sex, draw.below(10)) {
            (Sex::Unknown, _) | (_, 0) => Neuter::Unknown,
            (_, 1..=3) => Neuter::Intact,
            _ => Neuter::Neutered,
        };
        let allergies = match draw.below(10) {
            0..=4 => Allergies::Silent,
            5 | 6 => Allergies::NoneKnown,
            more => {
                let first = draw.index(SUBSTANCES.len());
                let count = if more == 9 { 2 } else { 1 };
                Allergies::To((first..first + count).map(|at| substance(at).to_owned()).collect())
            }
        };
        let notes = if draw.chance(50) { Vec::new() } else { lines(draw) };
        let (from, to) = kind.tenths_kg;
        let weight = (!draw.chance(25)).then(|| from + draw.below(to - from + 1));
        Facts {
            name,
            species,
            breed: mother.map_or(breed, |mother| mother.breed),
            birth: mother.map_or(birth, |mother| mother.birth.clone()),
            sex,
            neuter,
            chip: chip(number, draw),
            owner: Some(owner.name.clone()),
            phone: owner.phone.clone(),
            email: owner.email.clone(),
            allergies,
            notes,
            weight,
            deceased: draw.chance(3),
        }
    }

    fn case(&mut self, facts: Facts) {
        let rates = self.rates;
        let roll = self.draw.below(1_000);
        let mut edge = rates.servicenow_only;
        if roll < edge {
            return self.alone(facts, true);
        }
        edge += rates.ehr_only;
        if roll < edge {
            return self.alone(facts, false);
        }
        self.pair(facts);
    }

    /// An animal on one side only that resembles nothing on the other.
    fn alone(&mut self, mut facts: Facts, in_servicenow: bool) {
        facts.name = format!(
            "{}{}",
            self.draw.pick(FAMILY_FRONT),
            self.draw.pick(&["ina", "ko", "zu", "belle", "ix"])
        );
        facts.owner = Some(self.draw.owner_name());
        facts.phone = Some(self.draw.phone());
        facts.email = None;
        let (sys_id, ehr_id) = self.keys();
        let truth = PairTruth {
            servicenow_key: in_servicenow.then(|| sys_id.clone()),
            ehr_key: (!in_servicenow).then(|| ehr_id.clone()),
            same_animal: true,
            link: LinkTruth::Alone,
            fields: Vec::new(),
        };
        let row = in_servicenow.then(|| (sys_id, row::render(&facts, &mut self.draw, &mut Vec::new())));
        let chart =
            (!in_servicenow).then(|| (ehr_id.clone(), chart::render(&ehr_id, &facts, None, &mut self.draw)));
        self.push(row, chart, truth, None);
    }

    fn keys(&mut self) -> (String, String) {
        *self.number += 1;
        let sys_id = self.draw.hex();
        (sys_id, format!("p-{:07x}{:03x}", *self.number, self.draw.below(4_096)))
    }

    fn pair(&mut self, facts: Facts) {
        let rates = self.rates;
        let iso = facts.chip.as_ref().is_some_and(|chip| chip.len() == 15);
        let placeholder = PLACEHOLDERS.iter().any(|word| facts.name.starts_with(word));
        let roll = self.draw.below(1_000);
        let (in_row, in_chart, link) =
            if roll < rates.unlinked && facts.chip.is_none() && facts.phone.is_some() && !placeholder {
                (false, false, LinkTruth::Ask)
            } else if roll < rates.unlinked + rates.chip_only && iso {
                (false, false, LinkTruth::Microchip)
            } else if roll >= 1_000 - rates.one_reference {
                if roll.is_multiple_of(2) {
                    (true, false, LinkTruth::CrossReference)
                } else {
                    (false, true, LinkTruth::CrossReference)
                }
            } else {
                (true, true, LinkTruth::CrossReference)
            };
        let (mut ours, mut theirs) = (facts.clone(), facts);
        let mut fields = Vec::new();
        if link != LinkTruth::Ask {
            if self.draw.per_mille(rates.minor) {
                fields.extend(differ::minor(&mut ours, &mut theirs, link, &mut self.draw));
            } else if self.draw.per_mille(rates.conflict * 1_000 / (1_000 - rates.minor).max(1)) {
                fields.extend(differ::conflict(&mut ours, &mut theirs, link, &mut self.draw));
            }
        }
        let (sys_id, ehr_id) = self.keys();
        let mut odd = Vec::new();
        let mut row = row::render(&ours, &mut self.draw, &mut odd);
        if in_row {
            row.push(("u_ehr_id", ehr_id.clone()));
        }
        let reference = in_chart.then_some(sys_id.as_str());
        let chart = chart::render(&ehr_id, &theirs, reference, &mut self.draw);
        let agreed = (fields.is_empty() && link != LinkTruth::Ask).then(|| ours.clone());
        for field in odd {
            if !fields.iter().any(|truth: &FieldTruth| truth.field == field) && link != LinkTruth::Ask {
                fields.push(FieldTruth::equal(field));
            }
        }
        let truth = PairTruth {
            servicenow_key: Some(sys_id.clone()),
            ehr_key: Some(ehr_id.clone()),
            same_animal: true,
            link,
            fields,
        };
        self.push(Some((sys_id.clone(), row)), Some((ehr_id.clone(), chart)), truth, agreed.clone());
        let lookalike = self.draw.per_mille(rates.lookalike);
        if let Some(facts) = agreed.filter(|facts| {
            lookalike
                && link == LinkTruth::CrossReference
                && in_row
                && in_chart
                && !placeholder
                && facts.phone.is_some()
        }) {
            self.lookalike(&facts, &sys_id, &ehr_id);
        }
    }

    /// Another animal on one side only that could be taken for this one.
    fn lookalike(&mut self, facts: &Facts, sys_id: &str, ehr_id: &str) {
        let mut other = facts.clone();
        let in_servicenow = self.draw.chance(50);
        let iso = facts.chip.as_ref().is_some_and(|chip| chip.len() == 15);
        if iso && self.draw.chance(25) {
            // The chip typed on the wrong animal.
            other.species = usize::from(facts.species == 0);
            other.breed = None;
            "Xanthippe".clone_into(&mut other.name);
            other.owner = Some(self.draw.owner_name());
            other.phone = Some(self.draw.phone());
            other.email = None;
        } else {
            // Named after a sibling, of the same owner.
            other.name = format!("{} II", facts.name);
            other.chip = None;
        }
        let (new_sys_id, new_ehr_id) = self.keys();
        let truth = PairTruth {
            servicenow_key: Some(if in_servicenow { new_sys_id.clone() } else { sys_id.to_owned() }),
            ehr_key: Some(if in_servicenow { ehr_id.to_owned() } else { new_ehr_id.clone() }),
            same_animal: false,
            link: LinkTruth::Ask,
            fields: Vec::new(),
        };
        let row = in_servicenow.then(|| (new_sys_id, row::render(&other, &mut self.draw, &mut Vec::new())));
        let chart = (!in_servicenow)
            .then(|| (new_ehr_id.clone(), chart::render(&new_ehr_id, &other, None, &mut self.draw)));
        self.push(row, chart, truth, None);
    }

    fn push(
        &mut self,
        row: Option<(String, row::RowDraft)>,
        chart: Option<(String, Chart)>,
        truth: PairTruth,
        agreed: Option<Facts>,
    ) {
        let draw = &mut self.draw;
        let two_years_s = 2 * 365 * 86_400;
        let ago = |draw: &mut Draw| HISTORY_ENDS_MS - i64::from(draw.below(two_years_s)) * 1_000;
        // A bulk import gave many rows one stamp.
        let imported = draw.chance(20);
        let row_updated_ms = if imported { HISTORY_ENDS_MS - 120 * 86_400_000 } else { ago(draw) };
        let chart_updated_ms = ago(draw) + i64::from(draw.below(1_000));
        let mod_count = draw.below(12);
        self.out.push_back(Case { row, chart, truth, row_updated_ms, chart_updated_ms, mod_count, agreed });
    }
}

pub(crate) fn substance(at: usize) -> &'static str {
    SUBSTANCES.get(at % SUBSTANCES.len()).map_or("", |(name, _)| name)
}

pub(crate) fn lines(draw: &mut Draw) -> Vec<String> {
    let first = draw.index(NOTES.len());
    let count = 1 + draw.index(3);
    (first..first + count).map(|at| NOTES.get(at % NOTES.len()).map_or("", |line| line).to_owned()).collect()
}

/// A chip no other animal has: ISO, the older kinds, or none.
pub(crate) fn chip(number: u64, draw: &mut Draw) -> Option<String> {
    match draw.below(20) {
        0..=4 => None,
        5 => Some(format!("{:09}", (number * 613 + 100_000_000) % 1_000_000_000)),
        6 => Some(format!("0A{:08X}", (number * 977 + 0x1000_0000) & 0xffff_ffff)),
        _ => {
            // The last twelve digits are 38 bits at most.
            let body = (number * 109_951 + u64::from(draw.below(109_951))) % 274_877_906_944;
            Some(format!("{}{body:012}", draw.pick(ISO_PREFIXES)))
        }
    }
}
