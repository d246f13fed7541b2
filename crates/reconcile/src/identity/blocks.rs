//! Matching whole sets of records: those that could be the same meet in blocks, the rest is never compared.

use super::{CertainBy, Features, Match, Matching, Tier, match_features, match_within};
use record::value::ChipClass;
use std::collections::HashMap;

/// A block larger than this (a shelter's phone number) is narrowed to names with the same first letter.
const BLOCK_MAX: usize = 64;

/// More possible matches of one record than this tell nothing more; nobody looks through them.
const POSSIBLE_MAX: usize = 20;

/// A record that resembles another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resemblance {
    /// Its place among the indexed records.
    pub at: usize,
    /// How much; never [`Match::No`].
    pub matched: Match,
}

/// Records by their blocking keys.
#[derive(Debug, Clone, Default)]
pub struct BlockIndex {
    blocks: HashMap<String, Vec<u32>>,
    /// Records without an owner by their birth key: an owner that is known decides, so two records with one never meet
    /// by a day of birth, of which estimated ones (the first of January) are shared by many.
    born_without_owner: HashMap<String, Vec<u32>>,
    /// Records of one system by the other system's key that they carry, see [`BlockIndex::of_one_system`].
    references: HashMap<String, Vec<u32>>,
}

impl BlockIndex {
    /// Indexes records. More than 2^32 are not taken.
    pub fn new(records: &[Features]) -> BlockIndex {
        let mut index = BlockIndex::default();
        for (at, features) in records.iter().enumerate() {
            index.insert(at, features);
        }
        index
    }

    /// Indexes records that are held against each other ([`BlockIndex::within`]): two of them may carry the key of the same
    /// record of the other system.
    pub fn of_one_system(records: &[Features]) -> BlockIndex {
        let mut index = BlockIndex::new(records);
        for (at, features) in records.iter().enumerate() {
            if let (Some(key), Ok(at)) = (&features.other_key, u32::try_from(at)) {
                index.references.entry(key.clone()).or_default().push(at);
            }
        }
        index.references.retain(|_, holders| holders.len() > 1);
        index
    }

    /// Adds one record under its place.
    pub fn insert(&mut self, at: usize, features: &Features) {
        let Ok(at) = u32::try_from(at) else { return };
        for key in features.blocking_keys() {
            self.blocks.entry(key).or_default().push(at);
        }
        if let Some(key) = features.birth_key().filter(|_| features.owner.is_empty()) {
            self.born_without_owner.entry(key).or_default().push(at);
        }
    }

    /// Places of the records that share a key with `features`, ascending, each once.
    pub fn candidates(&self, features: &Features, records: &[Features]) -> Vec<usize> {
        let mut places: Vec<usize> = Vec::new();
        for key in features.blocking_keys() {
            let blocks = if key.starts_with("born:") && !features.owner.is_empty() {
                &self.born_without_owner
            } else {
                &self.blocks
            };
            let Some(block) = blocks.get(&key) else { continue };
            let narrow = block.len() > BLOCK_MAX && !key.starts_with("chip:");
            places.extend(block.iter().filter_map(|at| usize::try_from(*at).ok()).filter(|at| {
                !narrow
                    || records
                        .get(*at)
                        .is_some_and(|other| other.name.chars().next() == features.name.chars().next())
            }));
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The records after the one at `at` that look like the same animal; `records` are those of one system that this was
    /// made of ([`BlockIndex::of_one_system`]). The loser of a merge looks like nobody: that question is answered.
    pub fn within(&self, at: usize, records: &[Features], matching: &Matching) -> Vec<Resemblance> {
        let Some(features) = records.get(at).filter(|features| features.active) else { return Vec::new() };
        let shared = features.other_key.as_ref().and_then(|key| self.references.get(key));
        let mut places = self.candidates(features, records);
        places.extend(shared.into_iter().flatten().filter_map(|place| usize::try_from(*place).ok()));
        places.sort_unstable();
        places.dedup();
        let mut found: Vec<Resemblance> = places
            .into_iter()
            .filter(|other| *other > at)
            .filter_map(|other| {
                let matched = match_within(features, records.get(other).filter(|it| it.active)?, matching);
                (matched != Match::No).then_some(Resemblance { at: other, matched })
            })
            .collect();
        found.sort_by_key(|resemblance| (likelihood(&resemblance.matched), resemblance.at));
        found.truncate(POSSIBLE_MAX);
        found
    }

    /// The indexed records that resemble `features`, the likeliest first. Asked before a patient is created that
    /// exists on one side only: where this is empty, nothing resembles it and it may be created without a person.
    pub fn resembling(
        &self,
        features: &Features,
        records: &[Features],
        matching: &Matching,
    ) -> Vec<Resemblance> {
        let mut found: Vec<Resemblance> = self
            .candidates(features, records)
            .into_iter()
            .filter_map(|at| {
                let matched = match_features(features, records.get(at)?, matching);
                (matched != Match::No).then_some(Resemblance { at, matched })
            })
            .collect();
        found.sort_by_key(|resemblance| (likelihood(&resemblance.matched), resemblance.at));
        found
    }
}

/// Records of one system that look like the same animal: the place of one, and what resembles it among those after it.
pub fn within(records: &[Features], matching: &Matching) -> Vec<(usize, Resemblance)> {
    let index = BlockIndex::of_one_system(records);
    (0..records.len())
        .flat_map(|at| index.within(at, records, matching).into_iter().map(move |found| (at, found)))
        .collect()
}

/// Order of likelihood, the likeliest first.
const fn likelihood(matched: &Match) -> u8 {
    match matched {
        Match::Certain { .. } => 0,
        Match::Possible { tier: Tier::Probable, .. } => 1,
        Match::Possible { tier: Tier::Contradictory, .. } => 2,
        Match::Possible { tier: Tier::Possible, .. } => 3,
        Match::No => 4,
    }
}

/// Two records that are the same patient for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertainLink {
    /// Place among ServiceNow's records.
    pub servicenow: usize,
    /// Place among the EHR's records.
    pub ehr: usize,
    /// By what.
    pub by: CertainBy,
}

/// Two records that may be the same patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PossibleLink {
    /// Place among ServiceNow's records.
    pub servicenow: usize,
    /// Place among the EHR's records.
    pub ehr: usize,
    /// How much, and what speaks for it and against it.
    pub matched: Match,
}

/// What linking two sets of records comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Linking {
    /// To be linked by themselves, in ServiceNow's order.
    pub certain: Vec<CertainLink>,
    /// Possible duplicates of at least one record that stays without a link, at most the 20 likeliest of each.
    pub possible: Vec<PossibleLink>,
    /// ServiceNow's records that nothing resembles: to be created in the EHR.
    pub only_servicenow: Vec<usize>,
    /// The EHR's records that nothing resembles: to be created in ServiceNow.
    pub only_ehr: Vec<usize>,
}

/// Links two sets of records: by cross reference first, then by microchip where the number is unique among the records
/// in use on each side; the rest is matched in blocks. A record takes part in one certain link at most: where a cross
/// reference is claimed twice, nobody gets it.
pub fn link(servicenow: &[Features], ehr: &[Features], matching: &Matching) -> Linking {
    let mut linking = Linking::default();
    let mut linked = [vec![false; servicenow.len()], vec![false; ehr.len()]];
    let mut unsure: Vec<(usize, usize)> = Vec::new();

    let claims = cross_references(servicenow, ehr);
    let mut claimed = [vec![0_u8; servicenow.len()], vec![0_u8; ehr.len()]];
    for &(left, right) in &claims {
        count(&mut claimed[0], left);
        count(&mut claimed[1], right);
    }
    for &(left, right) in &claims {
        let once = claimed[0].get(left) == Some(&1) && claimed[1].get(right) == Some(&1);
        match (once, matched((servicenow, ehr), left, right, matching)) {
            (true, Match::Certain { by }) => add_link(&mut linking, &mut linked, left, right, by),
            (_, Match::Certain { .. } | Match::Possible { .. } | Match::No) => unsure.push((left, right)),
        }
    }

    for (left, right) in unique_chips(servicenow, ehr) {
        let free = linked[0].get(left) == Some(&false) && linked[1].get(right) == Some(&false);
        if !free {
            continue;
        }
        if let Match::Certain { by: by @ CertainBy::Microchip } =
            matched((servicenow, ehr), left, right, matching)
        {
            add_link(&mut linking, &mut linked, left, right, by);
        }
    }
    linking.certain.sort_unstable_by_key(|link| (link.servicenow, link.ehr));

    // What is left is held against every record of the other side, linked ones too: a second row of a patient that is
    // linked already is a duplicate, not a new patient.
    let mut found: Vec<PossibleLink> = Vec::new();
    for (left, right) in unsure {
        found.extend(possible_link((servicenow, ehr), left, right, matching));
    }
    let ehr_index = BlockIndex::new(ehr);
    for (left, features) in servicenow.iter().enumerate() {
        if linked[0].get(left) == Some(&false) {
            let candidates = ehr_index.candidates(features, ehr).into_iter();
            keep_likeliest(
                &mut found,
                candidates.filter_map(|right| possible_link((servicenow, ehr), left, right, matching)),
            );
        }
    }
    drop(ehr_index);
    let servicenow_index = BlockIndex::new(servicenow);
    for (right, features) in ehr.iter().enumerate() {
        if linked[1].get(right) == Some(&false) {
            let candidates = servicenow_index.candidates(features, servicenow).into_iter();
            keep_likeliest(
                &mut found,
                candidates.filter_map(|left| possible_link((servicenow, ehr), left, right, matching)),
            );
        }
    }
    found.sort_by_key(|link| (link.servicenow, link.ehr));
    found.dedup_by_key(|link| (link.servicenow, link.ehr));
    let mut resembled = linked;
    for link in &found {
        set(&mut resembled[0], link.servicenow);
        set(&mut resembled[1], link.ehr);
    }
    linking.possible = found;
    let alone = |resembled: &[bool]| {
        resembled.iter().enumerate().filter(|(_, resembled)| !**resembled).map(|(at, _)| at).collect()
    };
    linking.only_servicenow = alone(&resembled[0]);
    linking.only_ehr = alone(&resembled[1]);
    linking
}

/// What two records come to that are not linked by themselves.
fn possible_link(
    (servicenow, ehr): (&[Features], &[Features]),
    left: usize,
    right: usize,
    matching: &Matching,
) -> Option<PossibleLink> {
    let (one, other) = (servicenow.get(left)?, ehr.get(right)?);
    let matched = match match_features(one, other, matching) {
        Match::No => return None,
        // Certain between the two, but the chip or the reference is claimed by others as well.
        Match::Certain { .. } => {
            Match::Possible { tier: Tier::Probable, evidence: super::evidence_of(one, other, matching) }
        }
        possible @ Match::Possible { .. } => possible,
    };
    Some(PossibleLink { servicenow: left, ehr: right, matched })
}

/// Adds one record's possible matches, the likeliest ones of too many.
fn keep_likeliest(found: &mut Vec<PossibleLink>, matches: impl Iterator<Item = PossibleLink>) {
    let mut matches: Vec<PossibleLink> = matches.collect();
    if matches.len() > POSSIBLE_MAX {
        matches.sort_by_key(|link| likelihood(&link.matched));
        matches.truncate(POSSIBLE_MAX);
    }
    found.append(&mut matches);
}

fn matched(
    (servicenow, ehr): (&[Features], &[Features]),
    left: usize,
    right: usize,
    matching: &Matching,
) -> Match {
    match (servicenow.get(left), ehr.get(right)) {
        (Some(one), Some(other)) => match_features(one, other, matching),
        (Some(_) | None, _) => Match::No,
    }
}

fn add_link(linking: &mut Linking, linked: &mut [Vec<bool>; 2], left: usize, right: usize, by: CertainBy) {
    set(&mut linked[0], left);
    set(&mut linked[1], right);
    linking.certain.push(CertainLink { servicenow: left, ehr: right, by });
}

fn set(flags: &mut [bool], at: usize) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = true;
    }
}

fn count(counts: &mut [u8], at: usize) {
    if let Some(count) = counts.get_mut(at) {
        *count = count.saturating_add(1);
    }
}

/// Every pair of which one record carries the other's key.
fn cross_references(servicenow: &[Features], ehr: &[Features]) -> Vec<(usize, usize)> {
    let by_key = |records: &[Features]| -> HashMap<String, usize> {
        records.iter().enumerate().map(|(at, features)| (features.key.clone(), at)).collect()
    };
    let (servicenow_keys, ehr_keys) = (by_key(servicenow), by_key(ehr));
    let from_servicenow = servicenow
        .iter()
        .enumerate()
        .filter_map(|(left, features)| Some((left, *ehr_keys.get(features.other_key.as_deref()?)?)));
    let from_ehr = ehr
        .iter()
        .enumerate()
        .filter_map(|(right, features)| Some((*servicenow_keys.get(features.other_key.as_deref()?)?, right)));
    let mut pairs: Vec<(usize, usize)> = from_servicenow.chain(from_ehr).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Pairs of records with the same ISO number, where it is unique on each side. Among several, the only one in use
/// counts: the loser of a merge keeps its number.
fn unique_chips(servicenow: &[Features], ehr: &[Features]) -> Vec<(usize, usize)> {
    let (left, right) = (holders(servicenow), holders(ehr));
    let mut pairs: Vec<(usize, usize)> = left
        .iter()
        .filter_map(|(number, holders)| Some((holders.only()?, right.get(number)?.only()?)))
        .collect();
    pairs.sort_unstable();
    pairs
}

#[derive(Default)]
struct Holders {
    active: Vec<usize>,
    inactive: Vec<usize>,
}

impl Holders {
    fn only(&self) -> Option<usize> {
        match (self.active.as_slice(), self.inactive.as_slice()) {
            ([only], _) | ([], [only]) => Some(*only),
            ([] | [_, _, ..], _) => None,
        }
    }
}

fn holders(records: &[Features]) -> HashMap<&str, Holders> {
    let mut holders: HashMap<&str, Holders> = HashMap::new();
    for (at, features) in records.iter().enumerate() {
        if let Some((number, ChipClass::Iso15)) = &features.chip {
            let entry = holders.entry(number).or_default();
            if features.active { entry.active.push(at) } else { entry.inactive.push(at) }
        }
    }
    holders
}
