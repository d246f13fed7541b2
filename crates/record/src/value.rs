//! Typed field values: what was written, and the normal form it is compared by.

mod date;
pub(crate) mod email;
mod encoding;
mod instant;
mod items;
mod microchip;
mod minutes;
mod parties;
mod phone;
mod quantity;
mod substances;

pub use instant::Instant;
pub use items::ItemList;
pub use minutes::Minutes;
pub use parties::{PatientLink, Person, StaffMember};

use crate::catalogue::ValueType;
use crate::codes::appointment_status::AppointmentStatus;
use crate::codes::{appointment_status, appointment_types, breeds, sex_terms, species};
use crate::text::trimmed;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A field's value. Every variant keeps what the remote or the person wrote, so that equal values are never
/// rewritten only to change their spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// A person's or an animal's name, as written.
    #[serde(rename = "n")]
    Name(String),
    /// One line of free text.
    #[serde(rename = "t")]
    Text(String),
    /// Many lines of free text.
    #[serde(rename = "l")]
    LongText(String),
    /// A coded concept: species, breed, or a custom coded field.
    #[serde(rename = "c")]
    Coded(Coded),
    /// A date that may lack its day or month.
    #[serde(rename = "d")]
    Date(PartialDate),
    /// Sex together with neuter status.
    #[serde(rename = "s")]
    Sex(SexStatus),
    /// A transponder number.
    #[serde(rename = "m")]
    Microchip(Microchip),
    /// A telephone number.
    #[serde(rename = "p")]
    Phone(Phone),
    /// An e-mail address.
    #[serde(rename = "e")]
    Email(String),
    /// A set of substances the animal is allergic to.
    #[serde(rename = "a")]
    Substances(SubstanceSet),
    /// An amount with a unit.
    #[serde(rename = "q")]
    Quantity(Quantity),
    /// A moment.
    #[serde(rename = "i")]
    Instant(Instant),
    /// A length of time in whole minutes.
    #[serde(rename = "u")]
    Minutes(Minutes),
    /// A member of staff.
    #[serde(rename = "w")]
    Person(Person),
    /// The patient that a record belongs to.
    #[serde(rename = "r")]
    PatientLink(PatientLink),
    /// How far an appointment has come.
    #[serde(rename = "v")]
    Status(Status),
    /// A list of things written as text.
    #[serde(rename = "y")]
    Items(ItemList),
}

/// How far an appointment has come: the term as written, and what it means in FHIR's words. Two terms of one
/// [`crate::codes::appointment_status::Stage`] are the same (wire-facts 10.5: the two systems' terms do not correspond one to one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// As written.
    pub raw: String,
    /// What it means.
    pub meaning: AppointmentStatus,
}

/// A coded concept (FHIR `CodeableConcept`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coded {
    /// The text people read and wrote.
    #[serde(rename = "t")]
    pub text: String,
    /// Codes, in the order they were given.
    #[serde(default, rename = "s", skip_serializing_if = "Vec::is_empty")]
    pub codings: Vec<Coding>,
    /// The concept this was recognised as (`dog`, `62137007`): equal concepts are equal values.
    #[serde(default, rename = "c", skip_serializing_if = "Option::is_none")]
    pub concept: Option<String>,
}

/// One code of a code system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coding {
    /// The code system's URI.
    #[serde(rename = "s")]
    pub system: String,
    /// The code.
    #[serde(rename = "c")]
    pub code: String,
    /// Its display text, if given.
    #[serde(default, rename = "d", skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// A date of which the day, or day and month, may be unknown (FHIR R4 datatypes, `date`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartialDate {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: Option<u8>,
    /// 1 to 31; only with a month.
    pub day: Option<u8>,
}

/// Sex and neuter status: one column in ServiceNow, `gender` and `genderStatus` in FHIR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SexStatus {
    /// Biological sex.
    pub sex: Sex,
    /// Spayed, castrated or neither.
    pub neuter: Neuter,
    /// The term as written (`MN`, `gelding`), where one was.
    pub term: Option<String>,
}

/// FHIR R4 administrative-gender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sex {
    Male,
    Female,
    Other,
    Unknown,
}

/// FHIR R4 animal-genderstatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Neuter {
    Neutered,
    Intact,
    Unknown,
}

/// A transponder number, classified (ISO 11784 and the older kinds still worn in North America).
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Ten alphanumerics (`HomeAgain`, Trovan and others).
    Legacy10,
}

/// A telephone number: what was written, and its E.164 form where it is valid in the configured region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// As written.
    #[serde(rename = "r")]
    pub raw: String,
    /// `+14155552671`; absent when the number is not valid.
    #[serde(default, rename = "e", skip_serializing_if = "Option::is_none")]
    pub e164: Option<String>,
    /// Extension digits.
    #[serde(default, rename = "x", skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
}

/// Allergies: a set compared without regard to order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubstanceSet {
    /// In the order they were written, without repetition of the same key.
    pub items: Vec<Substance>,
}

/// One substance of an allergy set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Substance {
    /// The text as written.
    #[serde(rename = "t")]
    pub text: String,
    /// What it is compared by: folded text, or `none-known` for "no known allergies".
    #[serde(rename = "k")]
    pub key: String,
    /// Codes, where the source had them.
    #[serde(default, rename = "s", skip_serializing_if = "Vec::is_empty")]
    pub codings: Vec<Coding>,
}

/// The key of the positive statement "no known allergies" (SNOMED CT 716186003).
pub const NO_KNOWN_ALLERGY: &str = "none-known";

/// An amount with a UCUM unit.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    #[serde(rename = "p")]
    pub problem: String,
    /// What to do about it.
    #[serde(rename = "w")]
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
    /// Who works here under which key in either system. A member with several keys has several rows with the same
    /// `ServiceNow` user; the first one is written.
    pub staff: Vec<StaffMember>,
    /// Names for appointment types beyond the built-in ones, folded name to a type's key (one of
    /// [`appointment_types`] or the hospital's own).
    pub appointment_types: std::collections::BTreeMap<String, String>,
    /// What ServiceNow's terms for an appointment's status mean, beyond the built-in ones, by folded term.
    pub appointment_statuses: std::collections::BTreeMap<String, AppointmentStatus>,
    /// The terms written to ServiceNow, where they are not the built-in ones.
    pub appointment_statuses_written: std::collections::BTreeMap<AppointmentStatus, String>,
}

impl Default for Conventions {
    fn default() -> Self {
        Conventions {
            phone_region: "US".to_owned(),
            sex_terms: std::collections::BTreeMap::new(),
            species_names: std::collections::BTreeMap::new(),
            breed_names: std::collections::BTreeMap::new(),
            staff: Vec::new(),
            appointment_types: std::collections::BTreeMap::new(),
            appointment_statuses: std::collections::BTreeMap::new(),
            appointment_statuses_written: std::collections::BTreeMap::new(),
        }
    }
}

fn problem(problem: &str, way_out: &str) -> ValueProblem {
    ValueProblem { problem: problem.to_owned(), way_out: way_out.to_owned() }
}

/// Reads a value as people type it or as ServiceNow stores it; blank text is `None`. Blanks around a value are no part
/// of it. A text that is no value of its type is a [`ValueProblem`]: it is kept and shown, never repaired silently.
pub fn parse(
    value_type: &ValueType,
    raw: &str,
    conventions: &Conventions,
) -> Result<Option<Value>, ValueProblem> {
    let text = trimmed(raw);
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(match value_type {
        ValueType::Name => Value::Name(text.to_owned()),
        ValueType::Text => Value::Text(text.to_owned()),
        // Blanks before the first line may be an indentation, line ends after the last are nothing.
        ValueType::LongText => Value::LongText(raw.trim_end_matches(crate::text::is_blank_char).to_owned()),
        ValueType::Species => Value::Coded(Coded {
            concept: species::recognise(text, conventions),
            text: text.to_owned(),
            codings: Vec::new(),
        }),
        ValueType::Breed => Value::Coded(Coded {
            concept: breeds::recognise(text, conventions),
            text: text.to_owned(),
            codings: Vec::new(),
        }),
        ValueType::Coded => Value::Coded(Coded { text: text.to_owned(), codings: Vec::new(), concept: None }),
        ValueType::Date => Value::Date(date::parse(text)?),
        ValueType::Sex => {
            let (sex, neuter) = sex_terms::recognise(text, conventions).ok_or_else(|| {
                problem(
                    "this term for sex and neuter status is not known",
                    "choose a known term such as male, male neutered, female or female spayed, or add the term to the \
                     hospital's conventions",
                )
            })?;
            Value::Sex(SexStatus { sex, neuter, term: Some(text.to_owned()) })
        }
        ValueType::Microchip => Value::Microchip(microchip::parse(text)?),
        ValueType::Phone => Value::Phone(phone::parse(text, &conventions.phone_region)?),
        ValueType::Email => Value::Email(email::parse(text)?),
        ValueType::Substances => {
            let set = substances::parse(raw);
            if set.items.is_empty() {
                return Ok(None);
            }
            Value::Substances(set)
        }
        ValueType::Quantity { default_unit } => Value::Quantity(quantity::parse(text, default_unit)?),
        ValueType::Instant => Value::Instant(Instant::parse(text)?),
        ValueType::Minutes => Value::Minutes(Minutes::parse(text)?),
        ValueType::Person => Value::Person(Person::from_text(text, conventions)),
        ValueType::PatientLink => Value::PatientLink(PatientLink::from_text(text)),
        ValueType::AppointmentType => Value::Coded(Coded {
            concept: appointment_types::recognise(text, conventions),
            text: text.to_owned(),
            codings: Vec::new(),
        }),
        ValueType::AppointmentStatus => {
            let meaning = appointment_status::recognise(text, conventions).ok_or_else(|| {
                problem(
                    "this status of an appointment is not known",
                    "choose a known one such as scheduled, arrived, completed or cancelled, or add what it means to \
                     the hospital's conventions",
                )
            })?;
            Value::Status(Status { raw: text.to_owned(), meaning })
        }
        ValueType::Items | ValueType::Medications => {
            let list = ItemList::read(raw, *value_type == ValueType::Medications);
            if list.items.is_empty() {
                return Ok(None);
            }
            Value::Items(list)
        }
    }))
}

impl Value {
    /// What people read.
    pub fn display(&self) -> String {
        match self {
            Value::Name(text) | Value::Text(text) | Value::LongText(text) | Value::Email(text) => {
                text.clone()
            }
            Value::Coded(coded) => coded.text.clone(),
            Value::Date(date) => date.to_string(),
            Value::Sex(status) => match &status.term {
                Some(term) => term.clone(),
                None => sex_terms::label(status.sex, status.neuter).to_owned(),
            },
            Value::Microchip(chip) => chip.raw.clone(),
            Value::Phone(phone) => phone.raw.clone(),
            Value::Substances(set) => set.to_text(None),
            Value::Quantity(quantity) => quantity.display(),
            Value::Instant(instant) => instant.raw.clone(),
            Value::Minutes(minutes) => minutes.raw.clone(),
            Value::Person(person) => person.display().to_owned(),
            Value::PatientLink(link) => link.display(),
            Value::Status(status) => status.raw.clone(),
            Value::Items(list) => list.raw.clone(),
        }
    }
}
