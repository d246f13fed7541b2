//! Whether a ServiceNow row and an EHR resource are the same animal (wire-facts 9.1).

pub mod blocks;
pub mod features;
pub mod matching;

pub use blocks::{BlockIndex, Linking, Resemblance, link, within};
pub use features::{FeatureFields, Features, KeyFact, key_facts};
pub use matching::{Matching, Weights};

use features::{ChipRelation, Likeness, Species};
use record::value::ChipClass;
use record::{Catalogue, Record};
use serde::{Deserialize, Serialize};

/// How sure we are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// The one tier that links by itself.
    Certain {
        /// By what.
        by: CertainBy,
    },
    /// A possible duplicate: never linked by itself.
    Possible {
        /// Likelihood in steps of the tier table.
        tier: Tier,
        /// What speaks for it and against it, for sentences.
        evidence: Vec<Evidence>,
    },
    /// Two animals.
    No,
}

/// What makes a match certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertainBy {
    /// One remote carries the other's key.
    CrossReference,
    /// Same ISO microchip, species not contradictory, and the chip is unique on each side.
    Microchip,
}

/// Tiers below certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Tier {
    Possible,
    Probable,
    /// Same microchip, yet another species or a clearly different name and owner.
    Contradictory,
}

/// One piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Evidence {
    SameChip,
    /// Both carry the key of the same record of the other system.
    SameReference,
    DifferentChips,
    NameAlike,
    NameDifferent,
    NameCarriesNoWeight,
    SameSpecies,
    DifferentSpecies,
    SamePhone,
    SameEmail,
    OwnerAlike,
    OwnerDifferent,
    BirthDateAlike,
    BirthDateDifferent,
    SexDifferent,
    SamePatient,
    SameTime,
    TimeAlike,
    SameClinician,
    DifferentClinicians,
}

/// Compares two records of different remotes.
///
/// A pair can only be certain by its microchip where the chip is unique on each side, which two records alone cannot
/// show: [`link`] sees to it.
pub fn same_animal(catalogue: &Catalogue, left: &Record, right: &Record, matching: &Matching) -> Match {
    let fields = FeatureFields::of(catalogue);
    match_features(&Features::of(&fields, left), &Features::of(&fields, right), matching)
}

/// [`same_animal`] on features computed once per record.
pub fn match_features(left: &Features, right: &Features, matching: &Matching) -> Match {
    let reference = cross_reference(left, right);
    if matches!(reference, CrossReference::None)
        && !same_chip(left, right)
        && features::names_cannot_match(left, right, matching)
    {
        return Match::No;
    }
    let likeness = Likeness::of(left, right, matching);
    let possible = |tier| Match::Possible { tier, evidence: evidence(&likeness, matching) };
    match reference {
        CrossReference::Agreed if !contradicts_itself(left, right, &likeness, matching) => {
            return Match::Certain { by: CertainBy::CrossReference };
        }
        // One points here, the other elsewhere; or it points at what is plainly another animal.
        CrossReference::Agreed | CrossReference::Disputed => return possible(Tier::Contradictory),
        CrossReference::None => {}
    }
    match by_chip(&likeness, matching) {
        ByChip::Contradicted => possible(Tier::Contradictory),
        ByChip::Same if matching.link_by_microchip => Match::Certain { by: CertainBy::Microchip },
        ByChip::Same => possible(Tier::Probable),
        ByChip::Tier(tier) => tier.map_or(Match::No, possible),
    }
}

/// Compares two records of the same remote. Nothing is certain here: which of them goes is for the people who work there.
pub fn match_within(left: &Features, right: &Features, matching: &Matching) -> Match {
    let shared = left.other_key.is_some() && left.other_key == right.other_key;
    if !shared && !same_chip(left, right) && features::names_cannot_match(left, right, matching) {
        return Match::No;
    }
    let likeness = Likeness::of(left, right, matching);
    let tier = match by_chip(&likeness, matching) {
        ByChip::Contradicted => Some(Tier::Contradictory),
        ByChip::Same => Some(Tier::Probable),
        ByChip::Tier(_) if shared => Some(if contradicts_itself(left, right, &likeness, matching) {
            Tier::Contradictory
        } else {
            Tier::Probable
        }),
        ByChip::Tier(tier) => tier,
    };
    let mut evidence = evidence(&likeness, matching);
    if shared {
        evidence.insert(0, Evidence::SameReference);
    }
    tier.map_or(Match::No, |tier| Match::Possible { tier, evidence })
}

fn same_chip(left: &Features, right: &Features) -> bool {
    left.chip.is_some() && left.chip == right.chip
}

/// What chips say, and everything else where they do not.
enum ByChip {
    /// The same ISO number.
    Same,
    /// The same number on what is plainly another animal: it was typed on the wrong one, or the name was.
    Contradicted,
    /// Not by a chip alone.
    Tier(Option<Tier>),
}

fn by_chip(likeness: &Likeness, matching: &Matching) -> ByChip {
    let other_animal = likeness.species == Some(false)
        || (likeness.name.is_some_and(|alike| alike < matching.name_different())
            && owner_alike(likeness, matching) == Some(false));
    match likeness.chip {
        ChipRelation::SameIso | ChipRelation::SameLegacy if other_animal => ByChip::Contradicted,
        ChipRelation::SameIso => ByChip::Same,
        // Legacy numbers repeat between makers: strong, yet never enough by themselves.
        ChipRelation::SameLegacy => ByChip::Tier(Some(match tier(likeness, matching) {
            Some(_) => Tier::Probable,
            None => Tier::Possible,
        })),
        // An animal can carry two chips, so this caps a match instead of excluding it.
        ChipRelation::Different => ByChip::Tier(tier(likeness, matching).map(|_| Tier::Possible)),
        ChipRelation::NotComparable => ByChip::Tier(tier(likeness, matching)),
    }
}

/// What speaks for and against two records being the same animal, whatever the outcome.
pub fn evidence_of(left: &Features, right: &Features, matching: &Matching) -> Vec<Evidence> {
    evidence(&Likeness::of(left, right, matching), matching)
}

enum CrossReference {
    Agreed,
    Disputed,
    None,
}

fn cross_reference(left: &Features, right: &Features) -> CrossReference {
    let points = |from: &Features, to: &Features| from.other_key.as_deref().map(|key| key == to.key);
    match (points(left, right), points(right, left)) {
        (Some(true), Some(true) | None) | (None, Some(true)) => CrossReference::Agreed,
        (Some(true), Some(false)) | (Some(false), Some(true)) => CrossReference::Disputed,
        (Some(false) | None, Some(false) | None) => CrossReference::None,
    }
}

/// Whether two records that a stored id links contradict each other so clearly that a person must look before anything
/// flows between them: two species that were both recognised, a clearly different name with another owner, or two
/// ISO microchips with names that are not alike.
///
/// A name, an owner or a chip that differs alone is a difference between two records of the same animal, which the
/// comparison asks about. What one side does not say speaks against nothing.
pub fn contradict(catalogue: &Catalogue, left: &Record, right: &Record, matching: &Matching) -> bool {
    let fields = FeatureFields::of(catalogue);
    let (left, right) = (Features::of(&fields, left), Features::of(&fields, right));
    contradicts_itself(&left, &right, &Likeness::of(&left, &right, matching), matching)
}

/// [`contradict`] on features.
fn contradicts_itself(left: &Features, right: &Features, likeness: &Likeness, matching: &Matching) -> bool {
    let other_species = matches!(
        (&left.species, &right.species),
        (Some(Species::Concept(one)), Some(Species::Concept(other))) if one != other
    );
    let is_iso = |features: &Features| matches!(&features.chip, Some((_, ChipClass::Iso15)));
    let other_chip = likeness.chip == ChipRelation::Different;
    let name_below = |limit: f64| likeness.name.is_some_and(|alike| alike < limit);
    // A second sign beside a clearly different name; species in words that nobody recognised are one, too.
    let other_owner = owner_alike(likeness, matching) == Some(false);
    let second_sign = other_owner || other_chip || likeness.species == Some(false);
    other_species
        || (name_below(matching.name_different()) && second_sign)
        || (other_chip && is_iso(left) && is_iso(right) && name_below(matching.name_possible()))
}

/// Whether the owner is the same; nothing where it cannot be told.
fn owner_alike(likeness: &Likeness, matching: &Matching) -> Option<bool> {
    if likeness.phone == Some(true) || likeness.email == Some(true) {
        return Some(true);
    }
    likeness.owner.map(|alike| alike >= matching.owner_alike())
}

/// The tier by everything but chips and cross references. Never without the animal's name: siblings of a litter share
/// all the rest.
fn tier(likeness: &Likeness, matching: &Matching) -> Option<Tier> {
    let name = likeness.name?;
    if name < matching.name_possible() || likeness.species == Some(false) {
        return None;
    }
    let points = matching.points(&evidence(likeness, matching));
    let contact = likeness.phone == Some(true) || likeness.email == Some(true);
    let contradicted = likeness.birth_date == Some(false) || likeness.sex == Some(false);
    let alike = name >= matching.name_probable();
    let tier = match owner_alike(likeness, matching) {
        Some(true) if contact && alike && likeness.species == Some(true) && !contradicted => Tier::Probable,
        // The same family may name two animals alike, one after the other: born at another time, it is another.
        Some(true) if likeness.birth_date != Some(false) || contact => Tier::Possible,
        // Nothing is known of one owner: the same name on the same day of birth is worth a look.
        None if alike && likeness.same_birth_day && likeness.species == Some(true) => Tier::Possible,
        Some(_) | None => return None,
    };
    match tier {
        Tier::Probable if points >= matching.probable_points => Some(Tier::Probable),
        // Too much speaks against it, or too little for it.
        _ if points < matching.possible_points => None,
        Tier::Probable | Tier::Possible | Tier::Contradictory => Some(Tier::Possible),
    }
}

fn evidence(likeness: &Likeness, matching: &Matching) -> Vec<Evidence> {
    let mut found = Vec::new();
    match likeness.chip {
        ChipRelation::SameIso | ChipRelation::SameLegacy => found.push(Evidence::SameChip),
        ChipRelation::Different => found.push(Evidence::DifferentChips),
        ChipRelation::NotComparable => {}
    }
    match likeness.name {
        Some(alike) if alike >= matching.name_possible() => found.push(Evidence::NameAlike),
        Some(_) => found.push(Evidence::NameDifferent),
        None if likeness.weightless_name => found.push(Evidence::NameCarriesNoWeight),
        None => {}
    }
    let mut say = |fact: Option<bool>, agrees: Option<Evidence>, differs: Option<Evidence>| {
        found.extend(match fact {
            Some(true) => agrees,
            Some(false) => differs,
            None => None,
        });
    };
    say(likeness.species, Some(Evidence::SameSpecies), Some(Evidence::DifferentSpecies));
    say(likeness.phone, Some(Evidence::SamePhone), None);
    say(likeness.email, Some(Evidence::SameEmail), None);
    say(
        likeness.owner.map(|alike| alike >= matching.owner_alike()),
        Some(Evidence::OwnerAlike),
        Some(Evidence::OwnerDifferent),
    );
    say(likeness.birth_date, Some(Evidence::BirthDateAlike), Some(Evidence::BirthDateDifferent));
    say(likeness.sex, None, Some(Evidence::SexDifferent));
    found
}

/// Keys under which records that could be the same animal meet: chip, phone, e-mail, and the first letters of the name
/// with those of the owner's or with species and day of birth. Records without a common key are never compared.
pub fn blocking_keys(catalogue: &Catalogue, record: &Record) -> Vec<String> {
    Features::of(&FeatureFields::of(catalogue), record).blocking_keys()
}
