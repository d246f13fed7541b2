//! Whether a ServiceNow row and an EHR resource are the same animal (wire-facts 9.1).

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
#[allow(missing_docs)]
pub enum Tier {
    Possible,
    Probable,
    /// Same microchip, yet another species or a clearly different name and owner.
    Contradictory,
}

/// One piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
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
}

/// Compares two records of different remotes (or, for duplicates within a remote, of one).
pub fn same_animal(_catalogue: &Catalogue, _left: &Record, _right: &Record) -> Match {
    todo!()
}

/// Keys under which records that could be the same animal meet: chip, phone, e-mail, species with the first letters of
/// the name. Records without a common key are never compared.
pub fn blocking_keys(_catalogue: &Catalogue, _record: &Record) -> Vec<String> {
    todo!()
}
