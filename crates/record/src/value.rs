//! Typed field values: what was written, and the normal form it is compared by.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A field's value. Every variant keeps what the remote or the person wrote, so that equal values are never
/// rewritten only to change their spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A person's or an animal's name, as written.
    Name(String),
    /// One line of free text.
    Text(String),
    /// Many lines of free text.
    LongText(String),
    /// A coded concept: species, breed, or a custom coded field.
    Coded(Coded),
    /// A date that may lack its day or month.
    Date(PartialDate),
    /// Sex together with neuter status.
    Sex(SexStatus),
    /// A transponder number.
    Microchip(Microchip),
    /// A telephone number.
    Phone(Phone),
    /// An e-mail address.
    Email(String),
    /// A set of substances the animal is allergic to.
    Substances(SubstanceSet),
    /// An amount with a unit.
    Quantity(Quantity),
}

/// A coded concept (FHIR `CodeableConcept`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coded {
    /// The text people read and wrote.
    pub text: String,
    /// Codes, in the order they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codings: Vec<Coding>,
    /// The concept this was recognised as (`dog`, `62137007`): equal concepts are equal values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept: Option<String>,
}

/// One code of a code system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coding {
    /// The code system's URI.
    pub system: String,
    /// The code.
    pub code: String,
    /// Its display text, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// A date of which the day, or day and month, may be unknown (FHIR R4 datatypes, `date`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartialDate {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: Option<u8>,
    /// 1 to 31; only with a month.
    pub day: Option<u8>,
}

/// Sex and neuter status: one column in ServiceNow, `gender` and `genderStatus` in FHIR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SexStatus {
    /// Biological sex.
    pub sex: Sex,
    /// Spayed, castrated or neither.
    pub neuter: Neuter,
    /// The term as written (`MN`, `gelding`), where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
}

/// FHIR R4 administrative-gender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Sex {
    Male,
    Female,
    Other,
    Unknown,
}

/// FHIR R4 animal-genderstatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Neuter {
    Neutered,
    Intact,
    Unknown,
}

/// A transponder number, classified (ISO 11784 and the older kinds still worn in North America).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Microchip {
    /// As written.
    pub raw: String,
    /// Without blanks, dashes, dots and stars, in upper case.
    pub normal: String,
    /// What kind of number it is.
    pub class: ChipClass,
}

/// The kind of a transponder number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChipClass {
    /// Fifteen digits by ISO 11784: the only kind strong enough to link by.
    Iso15,
    /// Nine digits (AVID).
    Legacy9,
    /// Ten alphanumerics (HomeAgain, Trovan and others).
    Legacy10,
}

/// A telephone number: what was written, and its E.164 form where it is valid in the configured region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// As written.
    pub raw: String,
    /// `+14155552671`; absent when the number is not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e164: Option<String>,
    /// Extension digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
}

/// Allergies: a set compared without regard to order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SubstanceSet {
    /// In the order they were written, without repetition of the same key.
    pub items: Vec<Substance>,
}

/// One substance of an allergy set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substance {
    /// The text as written.
    pub text: String,
    /// What it is compared by: folded text, or `none-known` for "no known allergies".
    pub key: String,
    /// Codes, where the source had them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codings: Vec<Coding>,
}

/// The key of the positive statement "no known allergies" (SNOMED CT 716186003).
pub const NO_KNOWN_ALLERGY: &str = "none-known";

/// An amount with a UCUM unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// The number as written, so that no digit is lost.
    pub number: String,
    /// Its value.
    pub amount: Decimal,
    /// The UCUM code (`kg`, `[lb_av]`).
    pub unit: String,
}

/// A value that cannot be read as its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{problem}; {way_out}")]
pub struct ValueProblem {
    /// What is wrong, in words, without the value itself.
    pub problem: String,
    /// What to do about it.
    pub way_out: String,
}

/// How the value is written and read at one hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conventions {
    /// Default region of telephone numbers, ISO 3166-1 alpha-2.
    pub phone_region: String,
    /// Terms for sex and neuter status beyond the built-in ones, folded term to pair (wire-facts 10.2).
    pub sex_terms: std::collections::BTreeMap<String, (Sex, Neuter)>,
    /// Names for species beyond the built-in ones, folded name to species key.
    pub species_names: std::collections::BTreeMap<String, String>,
    /// Names for breeds beyond the built-in ones, folded name to SNOMED CT code.
    pub breed_names: std::collections::BTreeMap<String, String>,
}

impl Default for Conventions {
    fn default() -> Self {
        Conventions {
            phone_region: "US".to_owned(),
            sex_terms: std::collections::BTreeMap::new(),
            species_names: std::collections::BTreeMap::new(),
            breed_names: std::collections::BTreeMap::new(),
        }
    }
}

impl Value {
    /// What people read.
    pub fn display(&self) -> String {
        todo!()
    }
}
