//! Business rules over whole records, with the way out in words.
//!
//! A finding never holds a value: it names the field, the problem and the way out, and can be logged as it stands.

mod appointment;
mod treatment;

pub use appointment::{AppointmentFacts, AppointmentLimits, PatientKnown, validate_appointment};
pub use treatment::{ComplianceRules, KnownPatient, check_treatment};

use crate::catalogue::{Catalogue, FhirPlace, FieldIx, FieldSpec, ValueType};
use crate::codes::{breeds, species, units};
use crate::record::{FieldState, Record};
use crate::text::folded_name;
use crate::value::{ChipClass, PartialDate, Quantity, Value};
use rust_decimal::Decimal;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing has to be done.
    Note,
    /// Probably a mistake; a person should look at it.
    Warning,
    /// Cannot be right, or cannot be written to the other remote.
    Error,
}

impl Severity {
    /// The stable name of the severity.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing that is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The field's id.
    pub field: String,
    /// The stable name of the rule: `name_missing`.
    pub rule: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, without values.
    pub problem: String,
    /// What to do about it.
    pub way_out: String,
}

/// Names that stand where no name is known (wire-facts 9.1).
const PLACEHOLDER_NAMES: &[&str] = &[
    "unknown",
    "unnamed",
    "no name",
    "not named",
    "baby",
    "stray",
    "tba",
    "tbc",
    "none",
    "test",
    "xxx",
    "n/a",
    "na",
    "?",
];

/// Whether a name stands where no name is known, so that it says nothing about which animal it is (`Stray`,
/// `Kitten 3`).
pub fn is_placeholder_name(name: &str) -> bool {
    let folded = folded_name(name);
    let bare =
        folded.trim_end_matches(|character: char| character.is_numeric() || matches!(character, ' ' | '#'));
    bare.is_empty()
        || PLACEHOLDER_NAMES.contains(&bare)
        || (bare.len() < folded.len()
            && matches!(bare, "kitten" | "puppy" | "pup" | "cat" | "dog" | "rabbit" | "chick"))
}

/// Checks a patient. `today` is year, month and day in the hospital's zone. Unknown fields are never complained about:
/// this remote does not show them.
pub fn validate_patient(catalogue: &Catalogue, record: &Record, today: (u16, u8, u8)) -> Vec<Finding> {
    let patient = Patient { catalogue, record };
    let mut findings = Vec::new();
    for (at, spec) in catalogue.iter() {
        field_rules(spec, record.field(at), &mut findings);
    }
    patient.name_rules(&mut findings);
    patient.species_rules(&mut findings);
    patient.birth_rules(today, &mut findings);
    patient.owner_rules(&mut findings);
    findings.sort_by_key(|finding| catalogue.index_of(&finding.field));
    findings
}

/// Checks one value that a person types for a field now, by the rules that need no other field. What is only a warning
/// about a record that came as it is (a telephone number that is not valid) is an error here: whoever types it can still
/// correct it.
pub fn validate_typed(spec: &FieldSpec, state: &FieldState, today: (u16, u8, u8)) -> Vec<Finding> {
    let mut findings = Vec::new();
    field_rules(spec, state, &mut findings);
    match (&spec.place, state) {
        (FhirPlace::PatientName, _) => name_rule(spec, state, &mut findings),
        (FhirPlace::BirthDate, FieldState::Value(Value::Date(born))) => {
            future_rule(spec, *born, today, &mut findings);
        }
        _ => {}
    }
    for finding in &mut findings {
        if finding.rule == PHONE_NOT_VALID {
            finding.severity = Severity::Error;
        }
    }
    findings
}

const PHONE_NOT_VALID: &str = "phone_not_valid";

fn finding(
    spec: &FieldSpec,
    rule: &'static str,
    severity: Severity,
    problem: impl Into<String>,
    way_out: impl Into<String>,
) -> Finding {
    Finding { field: spec.id.clone(), rule, severity, problem: problem.into(), way_out: way_out.into() }
}

/// Rules of a single field.
fn field_rules(spec: &FieldSpec, state: &FieldState, findings: &mut Vec<Finding>) {
    match state {
        FieldState::Invalid { problem, .. } => {
            findings.push(finding(spec, "unreadable", Severity::Error, &problem.problem, &problem.way_out));
        }
        FieldState::Value(Value::Microchip(chip)) if chip.class != ChipClass::Iso15 => {
            findings.push(finding(
                spec,
                "older_chip",
                Severity::Note,
                "this is the number of an older kind of microchip, which is not unique worldwide",
                "nothing has to be done; such numbers never link two records by themselves",
            ));
        }
        FieldState::Value(Value::Phone(phone)) if !phone.is_valid() => {
            findings.push(finding(
                spec,
                PHONE_NOT_VALID,
                Severity::Warning,
                "this telephone number is not valid in the hospital's region",
                "check it with the owner; write foreign numbers with + and the country code",
            ));
        }
        FieldState::Value(Value::Substances(set)) if set.contradicts_itself() => {
            findings.push(finding(
                spec,
                "allergies_contradict",
                Severity::Warning,
                "it says that no allergy is known and names an allergy all the same",
                "a clinician should keep the one that is true",
            ));
        }
        FieldState::Value(Value::Quantity(quantity)) => quantity_rules(spec, quantity, findings),
        FieldState::Value(_) | FieldState::Unknown | FieldState::Blank => {}
    }
}

fn quantity_rules(spec: &FieldSpec, quantity: &Quantity, findings: &mut Vec<Finding>) {
    let ValueType::Quantity { default_unit } = &spec.value_type else { return };
    let Some(amount) = quantity.amount_in(default_unit) else {
        findings.push(finding(
            spec,
            "unit_does_not_fit",
            Severity::Error,
            "the unit of this amount measures something else than the field does",
            format!("enter the amount in {default_unit} or a unit of the same kind"),
        ));
        return;
    };
    let is_mass = units::by_code(default_unit).is_some_and(|unit| unit.dimension == units::Dimension::Mass);
    if is_mass && amount <= Decimal::ZERO {
        findings.push(finding(
            spec,
            "amount_not_positive",
            Severity::Error,
            "a weight is larger than zero",
            "weigh the animal again, or clear the field",
        ));
    } else if spec.plausible.is_some_and(|range| amount < range.min || amount > range.max) {
        findings.push(finding(
            spec,
            "amount_implausible",
            Severity::Warning,
            "this amount is outside the range that is plausible for the field",
            "check the number and its unit; pounds and kilograms are easily mixed up",
        ));
    }
}

/// Rules of the animal's name.
fn name_rule(spec: &FieldSpec, state: &FieldState, findings: &mut Vec<Finding>) {
    match state {
        FieldState::Blank => {
            findings.push(finding(
                spec,
                "name_missing",
                Severity::Error,
                "the animal has no name",
                "enter its name; where it has none yet, what the hospital calls it",
            ));
        }
        FieldState::Value(Value::Name(name)) if is_placeholder_name(name) => {
            findings.push(finding(
                spec,
                "name_is_placeholder",
                Severity::Note,
                "this name says nothing about which animal it is",
                "such names are never used to find duplicates; enter the animal's own name once it has one",
            ));
        }
        _ => {}
    }
}

/// A birth lies behind us. Returns whether this one does not, which is said then.
fn future_rule(
    spec: &FieldSpec,
    born: PartialDate,
    today: (u16, u8, u8),
    findings: &mut Vec<Finding>,
) -> bool {
    if born.earliest() <= today {
        return false;
    }
    findings.push(finding(
        spec,
        "born_in_the_future",
        Severity::Error,
        "the date of birth is in the future",
        "correct the year, the month or the day",
    ));
    true
}

struct Patient<'a> {
    catalogue: &'a Catalogue,
    record: &'a Record,
}

impl<'a> Patient<'a> {
    /// The field that stands at a place of the FHIR resource; ids of custom catalogues may differ.
    fn at(&self, place: &FhirPlace) -> Option<(&'a FieldSpec, &'a FieldState)> {
        self.catalogue
            .iter()
            .find(|(_, spec)| spec.place == *place)
            .map(|(at, spec): (FieldIx, _)| (spec, self.record.field(at)))
    }

    fn name_rules(&self, findings: &mut Vec<Finding>) {
        let Some((spec, state)) = self.at(&FhirPlace::PatientName) else { return };
        name_rule(spec, state, findings);
    }

    fn species_rules(&self, findings: &mut Vec<Finding>) {
        let Some((spec, state)) = self.at(&FhirPlace::AnimalSpecies) else { return };
        let breed = self.at(&FhirPlace::AnimalBreed);
        let breed_value = breed.and_then(|(_, state)| state.value());
        match (state, breed_value) {
            (FieldState::Blank, Some(_)) => {
                findings.push(finding(
                    spec,
                    "species_missing_for_breed",
                    Severity::Error,
                    "a breed is given and the species is not; the EHR cannot hold a breed without a species",
                    "enter the species",
                ));
            }
            (FieldState::Blank, None) => {
                findings.push(finding(
                    spec,
                    "species_missing",
                    Severity::Warning,
                    "the species is not given",
                    "enter the species; it is needed for doses and to tell animals apart",
                ));
            }
            (FieldState::Value(Value::Coded(species)), Some(Value::Coded(of_breed))) => {
                let belongs_to = of_breed.concept.as_deref().and_then(breeds::species_of);
                if let (Some(given), Some(belongs_to), Some((breed_spec, _))) =
                    (species.concept.as_deref(), belongs_to, breed)
                    && given != belongs_to
                {
                    findings.push(finding(
                        breed_spec,
                        "breed_of_another_species",
                        Severity::Error,
                        "this breed belongs to another species than the one given",
                        "correct the species or the breed",
                    ));
                }
            }
            _ => {}
        }
    }

    fn birth_rules(&self, today: (u16, u8, u8), findings: &mut Vec<Finding>) {
        let Some((spec, FieldState::Value(Value::Date(born)))) = self.at(&FhirPlace::BirthDate) else {
            return;
        };
        if future_rule(spec, *born, today, findings) {
            return;
        }
        let species = match self.at(&FhirPlace::AnimalSpecies).and_then(|(_, state)| state.value()) {
            Some(Value::Coded(coded)) => coded.concept.as_deref().and_then(species::by_key),
            _ => None,
        };
        let years_max = species.map_or(200, |species| species.age_years_max);
        if !self.record.deceased && full_years(*born, today) > years_max {
            findings.push(finding(
                spec,
                "older_than_the_species",
                Severity::Warning,
                "no animal of this species has ever been that old",
                "check the year of birth and the species; mark the animal as deceased if it died",
            ));
        }
    }

    fn owner_rules(&self, findings: &mut Vec<Finding>) {
        let (Some((name_spec, name)), Some((phone_spec, phone)), Some((_, email))) = (
            self.at(&FhirPlace::OwnerName),
            self.at(&FhirPlace::OwnerPhone),
            self.at(&FhirPlace::OwnerEmail),
        ) else {
            return;
        };
        if name.is_blank() {
            findings.push(finding(
                name_spec,
                "owner_missing",
                Severity::Warning,
                "the owner's name is not given",
                "enter the owner's name, or the shelter's for an animal without an owner",
            ));
        }
        let phone_reaches = match phone {
            FieldState::Value(Value::Phone(phone)) => phone.is_valid(),
            FieldState::Unknown => return,
            _ => false,
        };
        let email_reaches = match email {
            FieldState::Value(_) => true,
            FieldState::Unknown => return,
            _ => false,
        };
        if !phone_reaches && !email_reaches {
            findings.push(finding(
                phone_spec,
                "owner_unreachable",
                Severity::Warning,
                "the owner can be reached neither by telephone nor by e-mail",
                "ask the owner for a telephone number or an e-mail address",
            ));
        }
    }
}

/// The years an animal has lived for certain.
fn full_years(born: PartialDate, today: (u16, u8, u8)) -> u16 {
    let (year, month, day) = born.latest();
    let years = today.0.saturating_sub(year);
    if (today.1, today.2) < (month, day) { years.saturating_sub(1) } else { years }
}
