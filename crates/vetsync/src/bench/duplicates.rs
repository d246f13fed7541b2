//! Who is the same animal, over a whole clinic whose right answers are known: what is linked by itself, what people are
//! asked about, and how long it takes to look. Pure: no sockets, no store.

use super::figures::{self, Measure};
use super::truth::ClinicLenses;
use anyhow::Context as _;
use engine::Matching;
use reconcile::identity::{FeatureFields, Features, Match, Resemblance, Tier, link, within};
use simulator::clinic::doubles::Doubler;
use simulator::clinic::{Cases, PairTruth, Rates};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Of a thousand animals, so many are entered a second time in one of the systems.
const TWICE_PER_MILLE: u32 = 20;

/// One system's records, and which animal each is of.
#[derive(Default)]
struct System {
    records: Vec<Features>,
    animals: Vec<u32>,
}

/// What is known of the clinic.
#[derive(Default)]
struct Known {
    servicenow: System,
    ehr: System,
    /// The animal of a key of either system.
    animals: BTreeMap<String, u32>,
    next_animal: u32,
    /// Records of both systems that are one animal and carry no number that says so: by their keys.
    only_a_person: BTreeSet<(String, String)>,
    /// All records of both systems that are one animal.
    same: BTreeSet<(String, String)>,
    /// Records of one system that are one animal: the first and the second key.
    twice: BTreeSet<(String, String)>,
}

/// Judges a clinic of that many animals.
pub fn measure(patients: usize) -> anyhow::Result<Vec<Measure>> {
    eprintln!("  making the clinic");
    let known = Known::of(patients, 1)?;
    let matching = Matching::default();
    eprintln!("  looking");
    figures::forget_peak();
    let (began, began_processor) = (Instant::now(), figures::processor_seconds());
    let linking = link(&known.servicenow.records, &known.ehr.records, &matching);
    let entered_twice = [within(&known.servicenow.records, &matching), within(&known.ehr.records, &matching)];
    let seconds = began.elapsed().as_secs_f64();
    let processor = figures::processor_seconds().zip(began_processor).map(|(to, from)| to - from);

    let animal = |system: &System, at: usize| system.animals.get(at).copied();
    let right = linking
        .certain
        .iter()
        .filter(|link| animal(&known.servicenow, link.servicenow) == animal(&known.ehr, link.ehr))
        .count();
    let key = |system: &System, at: usize| system.records.get(at).map(|record| record.key.clone());
    let across: BTreeSet<(String, String)> = linking
        .certain
        .iter()
        .map(|link| (link.servicenow, link.ehr))
        .chain(linking.possible.iter().map(|link| (link.servicenow, link.ehr)))
        .filter_map(|(left, right)| Some((key(&known.servicenow, left)?, key(&known.ehr, right)?)))
        .collect();
    let mut here: BTreeSet<(String, String)> = BTreeSet::new();
    for (system, found) in [&known.servicenow, &known.ehr].into_iter().zip(&entered_twice) {
        for (one, other) in found {
            let keys = key(system, *one).zip(key(system, other.at)).context("a record that was screened")?;
            here.insert((keys.1.clone(), keys.0.clone()));
            here.insert(keys);
        }
    }
    let linked_right = known.same.iter().filter(|keys| across.contains(*keys)).count();
    let by_person = known.only_a_person.iter().filter(|keys| across.contains(*keys)).count();
    let twice = known.twice.iter().filter(|keys| here.contains(*keys)).count();
    for (first, second) in known.twice.iter().filter(|keys| !here.contains(*keys)).take(5) {
        eprintln!("  not found: {second} is {first}");
    }
    let asked = linking.possible.len() + entered_twice.iter().map(Vec::len).sum::<usize>();
    let tiers = tiers(linking.possible.iter().map(|link| &link.matched), &entered_twice);
    let asked_right = asked_about_one(&known, &linking.possible, &entered_twice);
    let percent =
        |part: usize, whole: usize| (part as f64 * 100_000.0 / whole.max(1) as f64).round() / 1_000.0;
    let round = |seconds: f64| (seconds * 100.0).round() / 100.0;
    let name = |what: &str| format!("duplicates: {what}");
    Ok(vec![
        Measure::of(
            &name("records screened"),
            (known.servicenow.records.len() + known.ehr.records.len()) as f64,
            "",
        ),
        Measure::of(&name("screening, across both systems and within each"), round(seconds), "s").below(30.0),
        Measure::of(&name("screening: processor time"), processor.map(round), "s"),
        Measure::of(&name("screening: peak memory"), figures::peak_memory_mb().map(f64::round), "MB"),
        Measure::of(&name("linked by themselves"), linking.certain.len() as f64, ""),
        Measure::of(&name("of these, one animal (precision)"), percent(right, linking.certain.len()), "%")
            .at_least(99.9),
        Measure::of(
            &name("animals in both systems that are linked or asked about (recall)"),
            percent(linked_right, known.same.len()),
            "%",
        )
        .at_least(98.0),
        Measure::of(
            &name("of these, animals that only a person can link"),
            known.only_a_person.len() as f64,
            "",
        ),
        Measure::of(
            &name("animals that only a person can link: asked about"),
            percent(by_person, known.only_a_person.len()),
            "%",
        )
        .at_least(98.0),
        Measure::of(&name("entered twice in one system"), known.twice.len() as f64, ""),
        Measure::of(&name("entered twice: asked about"), percent(twice, known.twice.len()), "%")
            .at_least(98.0),
        Measure::of(&name("asked about"), asked as f64, ""),
        Measure::of(&name("asked about: contradictory"), tiers[0] as f64, ""),
        Measure::of(&name("asked about: probable"), tiers[1] as f64, ""),
        Measure::of(&name("asked about: possible"), tiers[2] as f64, ""),
        Measure::of(&name("asked about: one animal indeed"), percent(asked_right, asked), "%"),
    ])
}

/// How many are contradictory, probable and possible.
fn tiers<'a>(
    across: impl Iterator<Item = &'a Match>,
    entered_twice: &'a [Vec<(usize, Resemblance)>; 2],
) -> [usize; 3] {
    let mut counts = [0; 3];
    for matched in across.chain(entered_twice.iter().flatten().map(|(_, found)| &found.matched)) {
        match matched {
            Match::Possible { tier: Tier::Contradictory, .. } => counts[0] += 1,
            Match::Possible { tier: Tier::Probable, .. } => counts[1] += 1,
            Match::Possible { tier: Tier::Possible, .. } => counts[2] += 1,
            Match::Certain { .. } | Match::No => {}
        }
    }
    counts
}

/// How many of those asked about are one animal.
fn asked_about_one(
    known: &Known,
    possible: &[reconcile::identity::blocks::PossibleLink],
    entered_twice: &[Vec<(usize, Resemblance)>; 2],
) -> usize {
    let across = possible
        .iter()
        .filter(|link| known.servicenow.animals.get(link.servicenow) == known.ehr.animals.get(link.ehr))
        .count();
    let here: usize = [&known.servicenow, &known.ehr]
        .into_iter()
        .zip(entered_twice)
        .map(|(system, found)| {
            found
                .iter()
                .filter(|(one, other)| system.animals.get(*one) == system.animals.get(other.at))
                .count()
        })
        .sum();
    across + here
}

impl Known {
    fn of(patients: usize, seed: u64) -> anyhow::Result<Known> {
        let lenses = ClinicLenses::new()?;
        let fields = FeatureFields::of(&lenses.row.catalogue);
        let mut known = Known::default();
        let mut doubler = Doubler::new(seed, TWICE_PER_MILLE);
        for case in Cases::new(seed, patients, &Rates::default()) {
            known.enter(&case.truth);
            if let Some((key, columns)) = case.columns() {
                let features = Features::of(&fields, &lenses.read_row(&columns)?);
                known.servicenow.push(features, known.animals.get(key).copied().context("an animal")?);
            }
            if let Some((id, chart)) = &case.chart {
                let features = Features::of(&fields, &lenses.read_chart(id, chart)?);
                known.ehr.push(features, known.animals.get(id).copied().context("an animal")?);
            }
            let Some(double) = doubler.of(&case) else { continue };
            let animal = known.animals.get(&double.of).copied().context("an animal")?;
            if let Some((key, columns)) = &double.row {
                known.servicenow.push(Features::of(&fields, &lenses.read_row(columns)?), animal);
                known.twice.insert((double.of.clone(), key.clone()));
            }
            if let Some((id, chart)) = &double.chart {
                known.ehr.push(Features::of(&fields, &lenses.read_chart(id, chart)?), animal);
                known.twice.insert((double.of.clone(), id.clone()));
            }
        }
        Ok(known)
    }

    /// Which animal a record is of. A record beside an animal that it could be taken for comes after that animal.
    fn enter(&mut self, truth: &PairTruth) {
        let keys = [&truth.servicenow_key, &truth.ehr_key];
        let animal = self.next_animal;
        self.next_animal += 1;
        for key in keys.into_iter().flatten() {
            self.animals.entry(key.clone()).or_insert(animal);
        }
        if let (Some(servicenow), Some(ehr), true) =
            (&truth.servicenow_key, &truth.ehr_key, truth.same_animal)
        {
            let keys = (servicenow.clone(), ehr.clone());
            if truth.link == simulator::clinic::LinkTruth::Ask {
                self.only_a_person.insert(keys.clone());
            }
            self.same.insert(keys);
        }
    }
}

impl System {
    fn push(&mut self, features: Features, animal: u32) {
        self.records.push(features);
        self.animals.push(animal);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    /// Everything but the time, over a small clinic.
    #[test]
    fn nobody_is_linked_wrongly_and_hardly_anybody_is_missed() {
        let measures = super::measure(6_000).unwrap();
        let missed: Vec<_> =
            measures.iter().filter(|measure| measure.met == Some(false) && measure.unit != "s").collect();
        assert!(missed.is_empty(), "{missed:?}");
        let twice = measures.iter().find(|measure| measure.name == "duplicates: entered twice in one system");
        assert!(twice.unwrap().value.is_some_and(|value| value > 50.0), "{measures:?}");
    }
}
