//! Differences between what the two remotes believe, each with its right answer at first contact, when nothing was
//! ever agreed.

use super::facts::{Allergies, Birth, Facts, Neuter, Sex};
use super::generate::{Draw, substance};
use super::truth::{Expected, FieldTruth, LinkTruth};
use super::vocabulary::{SPECIES, UNREADABLE_DATES};

/// A difference that a rule may settle.
pub(crate) fn minor(
    ours: &mut Facts,
    theirs: &mut Facts,
    link: LinkTruth,
    draw: &mut Draw,
) -> Option<FieldTruth> {
    let start = draw.below(10);
    (0..10).find_map(|step| minor_kind((start + step) % 10, ours, theirs, link, draw))
}

/// Blanks a value on one side and says where the other's goes.
fn blank<T: Clone + PartialEq>(
    field: &str,
    ours: &mut T,
    theirs: &mut T,
    empty: T,
    draw: &mut Draw,
) -> Option<FieldTruth> {
    if *ours == empty {
        return None;
    }
    let expected = if draw.chance(50) {
        *theirs = empty;
        Expected::TakeServiceNow
    } else {
        *ours = empty;
        Expected::TakeEhr
    };
    Some(FieldTruth::may(field, expected))
}

fn minor_kind(
    kind: u32,
    ours: &mut Facts,
    theirs: &mut Facts,
    link: LinkTruth,
    draw: &mut Draw,
) -> Option<FieldTruth> {
    match kind {
        0 => blank("breed", &mut ours.breed, &mut theirs.breed, None, draw),
        1 => blank("date_of_birth", &mut ours.birth, &mut theirs.birth, None, draw),
        2 if link == LinkTruth::CrossReference => {
            blank("microchip_id", &mut ours.chip, &mut theirs.chip, None, draw)
        }
        3 => blank("owner_email", &mut ours.email, &mut theirs.email, None, draw),
        4 => blank("allergies", &mut ours.allergies, &mut theirs.allergies, Allergies::Silent, draw),
        5 => blank("weight", &mut ours.weight, &mut theirs.weight, None, draw),
        6 if !ours.notes.is_empty() => {
            // Notes flow to the EHR only.
            theirs.notes.clear();
            Some(FieldTruth::may("medical_notes", Expected::TakeServiceNow))
        }
        7 => {
            let Some(Birth::Known(year, Some(month), day)) = ours.birth.clone() else { return None };
            let coarser = Birth::Known(year, day.map(|_| month), None);
            let expected = if draw.chance(50) {
                ours.birth = Some(coarser);
                Expected::TakeEhr
            } else {
                theirs.birth = Some(coarser);
                Expected::TakeServiceNow
            };
            Some(FieldTruth::may("date_of_birth", expected))
        }
        8 if ours.neuter == Neuter::Neutered => {
            let expected = if draw.chance(50) {
                ours.neuter = Neuter::Unknown;
                Expected::TakeEhr
            } else {
                theirs.neuter = Neuter::Unknown;
                Expected::TakeServiceNow
            };
            Some(FieldTruth::may("gender", expected))
        }
        9 => {
            let Allergies::To(substances) = &ours.allergies else { return None };
            let mut more = substances.clone();
            more.push(another_substance(substances, draw));
            let union = Expected::Settle(more.join("\n"));
            if draw.chance(50) {
                ours.allergies = Allergies::To(more);
            } else {
                theirs.allergies = Allergies::To(more);
            }
            Some(FieldTruth::may("allergies", union))
        }
        _ => None,
    }
}

pub(crate) fn another_substance(known: &[String], draw: &mut Draw) -> String {
    let start = draw.index(11);
    (start..start + 11)
        .map(substance)
        .find(|name| known.iter().all(|known| known != name))
        .unwrap_or("Sulfonamides")
        .to_owned()
}

/// A difference only a person may settle.
pub(crate) fn conflict(
    ours: &mut Facts,
    theirs: &mut Facts,
    link: LinkTruth,
    draw: &mut Draw,
) -> Option<FieldTruth> {
    let start = draw.below(15);
    (0..15).find_map(|step| conflict_kind((start + step) % 15, ours, theirs, link, draw)).map(FieldTruth::ask)
}

fn conflict_kind(
    kind: u32,
    ours: &mut Facts,
    theirs: &mut Facts,
    link: LinkTruth,
    draw: &mut Draw,
) -> Option<&'static str> {
    // What links by chip must not be contradicted by species, name or owner.
    let by_key = link == LinkTruth::CrossReference;
    match kind {
        0 if by_key => {
            theirs.name = other_name(&ours.name, draw);
            Some("patient_name")
        }
        1 => {
            other_breed(theirs)?;
            Some("breed")
        }
        2 => {
            let Some(Birth::Known(year, month, Some(day))) = ours.birth else { return None };
            theirs.birth = Some(Birth::Known(year, month, Some(day % 28 + 1)));
            Some("date_of_birth")
        }
        3 if ours.sex == Sex::Male => {
            theirs.sex = Sex::Female;
            Some("gender")
        }
        4 if ours.neuter == Neuter::Neutered => {
            theirs.neuter = Neuter::Intact;
            Some("gender")
        }
        5 if by_key => {
            theirs.chip = Some(swapped(ours.chip.as_deref().filter(|chip| chip.len() == 15)?));
            Some("microchip_id")
        }
        6 if by_key => {
            let name = Some(draw.owner_name()).filter(|name| Some(name) != ours.owner.as_ref())?;
            theirs.owner = Some(name);
            Some("owner_name")
        }
        7 if ours.phone.is_some() => {
            theirs.phone = Some(draw.phone());
            Some("owner_phone")
        }
        8 => {
            let email = ours.email.as_ref()?;
            theirs.email = Some(format!("new.{email}"));
            Some("owner_email")
        }
        9 => {
            let Allergies::To(substances) = &ours.allergies else { return None };
            theirs.allergies = if draw.chance(50) {
                Allergies::NoneKnown
            } else {
                Allergies::To(vec![another_substance(substances, draw)])
            };
            Some("allergies")
        }
        10 if !ours.notes.is_empty() => {
            theirs.notes = vec!["Seen at the emergency clinic, see letter.".to_owned()];
            Some("medical_notes")
        }
        11 => {
            theirs.weight = Some(ours.weight? + 5 + draw.below(10));
            Some("weight")
        }
        12 if by_key => {
            other_species(theirs);
            Some("species")
        }
        13 if matches!(ours.birth, Some(Birth::Known(..))) => {
            ours.birth = Some(Birth::Unreadable(draw.pick(UNREADABLE_DATES)));
            Some("date_of_birth")
        }
        14 if by_key => {
            // The first digit lost: fourteen are left.
            let chip = ours.chip.as_deref().filter(|chip| chip.len() == 15)?;
            ours.chip = chip.get(1..).map(str::to_owned);
            Some("microchip_id")
        }
        _ => None,
    }
}

pub(crate) fn other_name(name: &str, draw: &mut Draw) -> String {
    let other = draw.pick(super::vocabulary::PETS);
    if other == name { "Persephone".to_owned() } else { other.to_owned() }
}

/// Another breed of the same species.
pub(crate) fn other_breed(facts: &mut Facts) -> Option<()> {
    let known = facts.breed?;
    let breeds = facts.species().breeds;
    let at = breeds.iter().position(|breed| breed == known)?;
    facts.breed = breeds.get((at + 1) % breeds.len());
    Some(())
}

/// Another species; the breed, which would not fit it, stays as typed.
pub(crate) fn other_species(facts: &mut Facts) {
    facts.species = (facts.species + 1) % SPECIES.len();
}

/// The chip with two different neighbouring digits swapped near its end.
pub(crate) fn swapped(chip: &str) -> String {
    let mut digits: Vec<char> = chip.chars().collect();
    let at = (3..digits.len().saturating_sub(1)).rev().find(|at| digits.get(*at) != digits.get(at + 1));
    if let Some(at) = at {
        digits.swap(at, at + 1);
    }
    digits.into_iter().collect()
}
