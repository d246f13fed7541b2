//! Who is taken for the same animal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is taken for the same animal. Certain matches (a stored number, or the same unique microchip) are linked; the others
/// are shown under *Duplicates* as `probable` or `possible`, and a person says what they are.
///
/// A match is *probable* where the names are alike, the species is the same and the owners share a phone number or an
/// e-mail address; *possible* where the names are a little less alike or only the owners' names are. Nothing is matched
/// without the animal's own name or its microchip: litter mates share all the rest. The points of the evidence
/// (`matching.weights`) are added up; a pair needs as many as its tier asks for, and those with the most are shown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Matching {
    /// How alike two names are at least for a probable match, in per cent (Jaro-Winkler).
    #[schemars(range(min = 50, max = 100), example = 92)]
    pub name_probable_percent: u8,
    /// How alike two names are at least for a possible match, in per cent.
    #[schemars(range(min = 50, max = 100), example = 85)]
    pub name_possible_percent: u8,
    /// Two names less alike than this, in per cent, are clearly different: with another owner, the same microchip or a stored
    /// number is then doubted instead of followed.
    #[schemars(range(min = 0, max = 100), example = 50)]
    pub name_different_percent: u8,
    /// How alike two owners' names are at least to be taken for one household, in per cent.
    #[schemars(range(min = 50, max = 100), example = 90)]
    pub owner_alike_percent: u8,
    /// Days by which two dates of birth may differ and still fit together.
    #[schemars(range(min = 0, max = 366), example = 45)]
    pub birth_tolerance_days: u16,
    /// Points that a probable match has at least.
    #[schemars(range(min = 0, max = 1000), example = 50)]
    pub probable_points: u16,
    /// Points that a possible match has at least; below it, a pair is not shown.
    #[schemars(range(min = 0, max = 1000), example = 10)]
    pub possible_points: u16,
    /// Whether the same ISO microchip, unique in both systems and contradicted by nothing, links by itself. Switched off, such
    /// pairs are asked about.
    pub link_by_microchip: bool,
    /// What each piece of evidence weighs.
    pub weights: MatchingWeights,
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
            weights: MatchingWeights::default(),
        }
    }
}

/// Points of each piece of evidence. What agrees adds them, what differs takes them away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MatchingWeights {
    /// Added: the same microchip number, or the same number of the other system.
    #[schemars(range(min = 0, max = 1000), example = 60)]
    pub same_chip: u16,
    /// Taken away: different microchip numbers. An animal can have two.
    #[schemars(range(min = 0, max = 1000), example = 25)]
    pub different_chips: u16,
    /// Added: alike names.
    #[schemars(range(min = 0, max = 1000), example = 25)]
    pub name_alike: u16,
    /// Taken away: names that are not alike.
    #[schemars(range(min = 0, max = 1000), example = 30)]
    pub name_different: u16,
    /// Added: the same species.
    #[schemars(range(min = 0, max = 1000), example = 5)]
    pub same_species: u16,
    /// Taken away: different species.
    #[schemars(range(min = 0, max = 1000), example = 60)]
    pub different_species: u16,
    /// Added: the same phone number of the owner.
    #[schemars(range(min = 0, max = 1000), example = 25)]
    pub same_phone: u16,
    /// Added: the same e-mail address of the owner.
    #[schemars(range(min = 0, max = 1000), example = 20)]
    pub same_email: u16,
    /// Added: alike names of the owners.
    #[schemars(range(min = 0, max = 1000), example = 15)]
    pub owner_alike: u16,
    /// Taken away: different names of the owners.
    #[schemars(range(min = 0, max = 1000), example = 15)]
    pub owner_different: u16,
    /// Added: dates of birth that fit together.
    #[schemars(range(min = 0, max = 1000), example = 10)]
    pub birth_date_alike: u16,
    /// Taken away: dates of birth that do not.
    #[schemars(range(min = 0, max = 1000), example = 20)]
    pub birth_date_different: u16,
    /// Taken away: different sexes.
    #[schemars(range(min = 0, max = 1000), example = 10)]
    pub sex_different: u16,
}

impl Default for MatchingWeights {
    fn default() -> Self {
        MatchingWeights {
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
