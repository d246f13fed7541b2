//! Whether a ServiceNow row and an EHR resource are the same animal (wire-facts 9.1).

pub mod blocks;
pub mod features;

pub use blocks::{BlockIndex, Linking, Resemblance, link};
pub use features::{FeatureFields, Features};

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

/// Names at least this alike, with the species and a phone number or e-mail address, make a match probable.
const NAME_PROBABLE: f64 = 0.92;
/// Names at least this alike, with the species and the owner, make a match possible.
const NAME_POSSIBLE: f64 = 0.85;
/// Names less alike than this are clearly different.
const NAME_DIFFERENT: f64 = 0.5;
/// Owners at least this alike are taken for the same person or household.
const OWNER_ALIKE: f64 = 0.9;

/// Compares two records of different remotes (or, for duplicates within a remote, of one).
///
/// A pair can only be certain by its microchip where the chip is unique on each side, which two records alone cannot
/// show: [`link`] sees to it.
pub fn same_animal(catalogue: &Catalogue, left: &Record, right: &Record) -> Match {
    let fields = FeatureFields::of(catalogue);
    match_features(&Features::of(&fields, left), &Features::of(&fields, right))
}

/// [`same_animal`] on features computed once per record.
pub fn match_features(left: &Features, right: &Features) -> Match {
    let reference = cross_reference(left, right);
    let same_chip = left.chip.is_some() && left.chip == right.chip;
    if matches!(reference, CrossReference::None) && !same_chip && features::names_cannot_match(left, right) {
        return Match::No;
    }
    let likeness = Likeness::of(left, right);
    let possible = |tier| Match::Possible { tier, evidence: evidence(&likeness) };
    match reference {
        CrossReference::Agreed if !contradicts_itself(left, right, &likeness) => {
            return Match::Certain { by: CertainBy::CrossReference };
        }
        // One points here, the other elsewhere; or it points at what is plainly another animal.
        CrossReference::Agreed | CrossReference::Disputed => return possible(Tier::Contradictory),
        CrossReference::None => {}
    }
    let other_animal = likeness.species == Some(false)
        || (likeness.name.is_some_and(|alike| alike < NAME_DIFFERENT)
            && owner_alike(&likeness) == Some(false));
    match likeness.chip {
        // The chip was typed on the wrong animal, or the name on the wrong chip.
        ChipRelation::SameIso | ChipRelation::SameLegacy if other_animal => possible(Tier::Contradictory),
        ChipRelation::SameIso => Match::Certain { by: CertainBy::Microchip },
        // Legacy numbers repeat between makers: strong, yet never enough by themselves.
        ChipRelation::SameLegacy => match tier(&likeness) {
            Some(_) => possible(Tier::Probable),
            None => possible(Tier::Possible),
        },
        // An animal can carry two chips, so this caps a match instead of excluding it.
        ChipRelation::Different => tier(&likeness).map_or(Match::No, |_| possible(Tier::Possible)),
        ChipRelation::NotComparable => tier(&likeness).map_or(Match::No, possible),
    }
}

/// What speaks for and against two records being the same animal, whatever the outcome.
pub fn evidence_of(left: &Features, right: &Features) -> Vec<Evidence> {
    evidence(&Likeness::of(left, right))
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
pub fn contradict(catalogue: &Catalogue, left: &Record, right: &Record) -> bool {
    let fields = FeatureFields::of(catalogue);
    let (left, right) = (Features::of(&fields, left), Features::of(&fields, right));
    contradicts_itself(&left, &right, &Likeness::of(&left, &right))
}

/// [`contradict`] on features.
fn contradicts_itself(left: &Features, right: &Features, likeness: &Likeness) -> bool {
    let other_species = matches!(
        (&left.species, &right.species),
        (Some(Species::Concept(one)), Some(Species::Concept(other))) if one != other
    );
    let is_iso = |features: &Features| matches!(&features.chip, Some((_, ChipClass::Iso15)));
    let other_chip = likeness.chip == ChipRelation::Different;
    let name_below = |limit: f64| likeness.name.is_some_and(|alike| alike < limit);
    // A second sign beside a clearly different name; species in words that nobody recognised are one, too.
    let other_owner = owner_alike(likeness) == Some(false);
    let second_sign = other_owner || other_chip || likeness.species == Some(false);
    other_species
        || (name_below(NAME_DIFFERENT) && second_sign)
        || (other_chip && is_iso(left) && is_iso(right) && name_below(NAME_POSSIBLE))
}

/// Whether the owner is the same; nothing where it cannot be told.
fn owner_alike(likeness: &Likeness) -> Option<bool> {
    if likeness.phone == Some(true) || likeness.email == Some(true) {
        return Some(true);
    }
    likeness.owner.map(|alike| alike >= OWNER_ALIKE)
}

/// The tier by everything but chips and cross references. Never without the animal's name: siblings of a litter share
/// all the rest.
fn tier(likeness: &Likeness) -> Option<Tier> {
    let name = likeness.name?;
    if name < NAME_POSSIBLE || likeness.species == Some(false) {
        return None;
    }
    let contact = likeness.phone == Some(true) || likeness.email == Some(true);
    let contradicted = likeness.birth_date == Some(false) || likeness.sex == Some(false);
    match owner_alike(likeness) {
        Some(true) if contact && name >= NAME_PROBABLE && likeness.species == Some(true) && !contradicted => {
            Some(Tier::Probable)
        }
        // The same family may name two animals alike, one after the other: born at another time, it is another.
        Some(true) if likeness.birth_date != Some(false) || contact => Some(Tier::Possible),
        // Nothing is known of one owner: the same name on the same day of birth is worth a look.
        None if name >= NAME_PROBABLE && likeness.same_birth_day && likeness.species == Some(true) => {
            Some(Tier::Possible)
        }
        Some(_) | None => None,
    }
}

fn evidence(likeness: &Likeness) -> Vec<Evidence> {
    let mut found = Vec::new();
    match likeness.chip {
        ChipRelation::SameIso | ChipRelation::SameLegacy => found.push(Evidence::SameChip),
        ChipRelation::Different => found.push(Evidence::DifferentChips),
        ChipRelation::NotComparable => {}
    }
    match likeness.name {
        Some(alike) if alike >= NAME_POSSIBLE => found.push(Evidence::NameAlike),
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
        likeness.owner.map(|alike| alike >= OWNER_ALIKE),
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
