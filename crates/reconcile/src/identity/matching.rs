//! What it takes to be taken for the same animal, and what each piece of evidence weighs.

use super::Evidence;

/// The terms two records are matched by. The tier table asks for conditions (alike names, the owner); the points of the
/// evidence keep a pair of which too much speaks against it out of its tier, and order the pairs of a tier.
///
/// The defaults are those of wire-facts 9.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Names at least this alike (per cent of Jaro-Winkler), with the species and a phone number or e-mail address, make a
    /// match probable.
    pub name_probable_percent: u8,
    /// Names at least this alike, with the owner, make a match possible.
    pub name_possible_percent: u8,
    /// Names less alike than this are clearly different.
    pub name_different_percent: u8,
    /// Owners' names at least this alike are taken for the same person or household.
    pub owner_alike_percent: u8,
    /// Days by which two dates of birth may differ: they are often estimated at the first visit.
    pub birth_tolerance_days: u16,
    /// Points that a probable match has at least.
    pub probable_points: i32,
    /// Points that a possible match has at least.
    pub possible_points: i32,
    /// The same ISO microchip, unique in each system and contradicted by nothing, links by itself.
    pub link_by_microchip: bool,
    /// What each piece of evidence weighs.
    pub weights: Weights,
}

impl Default for Matching {
    fn default() -> Self {
        Matching {
            name_probable_percent: 92,
            name_possible_percent: 85,
            name_different_percent: 50,
            owner_alike_percent: 90,
            birth_tolerance_days: 45,
            probable_points: 50,
            possible_points: 10,
            link_by_microchip: true,
            weights: Weights::default(),
        }
    }
}

/// Points of each piece of evidence. All are positive; those of what differs are taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the evidence")]
pub struct Weights {
    pub same_chip: u16,
    pub different_chips: u16,
    pub name_alike: u16,
    pub name_different: u16,
    pub same_species: u16,
    pub different_species: u16,
    pub same_phone: u16,
    pub same_email: u16,
    pub owner_alike: u16,
    pub owner_different: u16,
    pub birth_date_alike: u16,
    pub birth_date_different: u16,
    pub sex_different: u16,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            same_chip: 60,
            different_chips: 25,
            name_alike: 25,
            name_different: 30,
            same_species: 5,
            different_species: 60,
            same_phone: 25,
            same_email: 20,
            owner_alike: 15,
            owner_different: 15,
            birth_date_alike: 10,
            birth_date_different: 20,
            sex_different: 10,
        }
    }
}

impl Matching {
    /// The points of this evidence: what speaks for it less what speaks against it.
    pub fn points(&self, evidence: &[Evidence]) -> i32 {
        evidence.iter().map(|evidence| self.points_of(*evidence)).sum()
    }

    /// What one piece of evidence adds, or takes away.
    pub fn points_of(&self, evidence: Evidence) -> i32 {
        let weights = &self.weights;
        let for_it = |weight: u16| i32::from(weight);
        let against = |weight: u16| -i32::from(weight);
        match evidence {
            // Whoever gave both the same number of the other system took them for one animal, as a chip does.
            Evidence::SameChip | Evidence::SameReference => for_it(weights.same_chip),
            Evidence::DifferentChips => against(weights.different_chips),
            Evidence::NameAlike => for_it(weights.name_alike),
            Evidence::NameDifferent => against(weights.name_different),
            Evidence::SameSpecies => for_it(weights.same_species),
            Evidence::DifferentSpecies => against(weights.different_species),
            Evidence::SamePhone => for_it(weights.same_phone),
            Evidence::SameEmail => for_it(weights.same_email),
            Evidence::OwnerAlike => for_it(weights.owner_alike),
            Evidence::OwnerDifferent => against(weights.owner_different),
            Evidence::BirthDateAlike => for_it(weights.birth_date_alike),
            Evidence::BirthDateDifferent => against(weights.birth_date_different),
            Evidence::SexDifferent => against(weights.sex_different),
            // It is why the name does not count; visits are not weighed.
            Evidence::NameCarriesNoWeight
            | Evidence::SamePatient
            | Evidence::SameTime
            | Evidence::TimeAlike
            | Evidence::SameClinician
            | Evidence::DifferentClinicians => 0,
        }
    }

    pub(super) fn name_probable(&self) -> f64 {
        share(self.name_probable_percent)
    }

    pub(super) fn name_possible(&self) -> f64 {
        share(self.name_possible_percent)
    }

    pub(super) fn name_different(&self) -> f64 {
        share(self.name_different_percent)
    }

    pub(super) fn owner_alike(&self) -> f64 {
        share(self.owner_alike_percent)
    }

    /// The share of letters two names have in common at least (of both names, added up) if they are to be alike enough for
    /// a possible match: Jaro-Winkler adds at most 0.4 of what Jaro lacks to 1, and Jaro is the mean of both shares
    /// and a term of at most 1.
    pub(super) fn letters_in_common(&self) -> f64 {
        3.0 * (self.name_possible() - 0.4) / 0.6 - 1.0
    }
}

fn share(percent: u8) -> f64 {
    f64::from(percent) / 100.0
}
