//! What one remote believes about an animal, before it is spelled.

use super::vocabulary::{Breed, SPECIES, Species};
use std::fmt::Write as _;

/// FHIR administrative-gender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sex {
    Male,
    Female,
    Unknown,
}

/// FHIR animal-genderstatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neuter {
    Neutered,
    Intact,
    Unknown,
}

/// A date of birth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Birth {
    /// Year, and month and day as far as they are known.
    Known(i32, Option<u32>, Option<u32>),
    /// Text that is no date; ServiceNow only.
    Unreadable(&'static str),
}

impl Birth {
    pub(crate) fn text(&self) -> String {
        match self {
            Birth::Known(year, month, day) => {
                let mut out = format!("{year:04}");
                for part in [month, day].into_iter().flatten() {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "-{part:02}");
                }
                out
            }
            Birth::Unreadable(text) => (*text).to_owned(),
        }
    }
}

/// What is known about allergies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allergies {
    /// Nothing is said.
    Silent,
    /// The positive statement that there are none.
    NoneKnown,
    /// Substances.
    To(Vec<String>),
}

/// Everything mapped, as one remote believes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) species: usize,
    pub(crate) breed: Option<&'static Breed>,
    pub(crate) birth: Option<Birth>,
    pub(crate) sex: Sex,
    pub(crate) neuter: Neuter,
    pub(crate) chip: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) allergies: Allergies,
    pub(crate) notes: Vec<String>,
    /// Tenths of a kilogram.
    pub(crate) weight: Option<u32>,
    pub(crate) deceased: bool,
}

impl Facts {
    pub(crate) fn species(&self) -> &'static Species {
        SPECIES.get(self.species).unwrap_or(&SPECIES[0])
    }
}
