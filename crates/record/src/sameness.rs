//! When two values say the same thing (grade 0), and why.

use crate::codes::units;
use crate::record::{FieldState, Record};
use crate::text::{fold_long, fold_name, fold_text, trimmed};
use crate::value::{Coded, Phone, Value, email};
use serde::{Deserialize, Serialize};

/// How two values relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sameness {
    /// Equal to the letter.
    Identical,
    /// Equal in their normal form.
    Same(SameBecause),
    /// The left says more about the same thing (a full date against a year).
    LeftFiner,
    /// The right does.
    RightFiner,
    /// They disagree.
    Different,
}

/// Why two differently written values are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum SameBecause {
    CaseOrBlanks,
    PhoneFormat,
    EmailCase,
    SameConcept,
    SameChip,
    SameSet,
    SameAmount,
    SameMeaningOfSex,
    LineEndings,
    BothBlank,
    SameInstant,
    SamePerson,
    SameStage,
}

/// Compares two values of one field.
pub fn sameness(left: &Value, right: &Value) -> Sameness {
    match (left, right) {
        (Value::Name(a), Value::Name(b)) => by_text(a, b, SameBecause::CaseOrBlanks, fold_name),
        (Value::Text(a), Value::Text(b)) => by_text(a, b, SameBecause::CaseOrBlanks, fold_text),
        (Value::LongText(a), Value::LongText(b)) => by_text(a, b, SameBecause::LineEndings, fold_long),
        (Value::Email(a), Value::Email(b)) => by_text(a, b, SameBecause::EmailCase, email::comparable),
        (Value::Coded(a), Value::Coded(b)) => coded(a, b),
        (Value::Date(a), Value::Date(b)) if a == b => Sameness::Identical,
        (Value::Date(a), Value::Date(b)) if a.refines(b) => Sameness::LeftFiner,
        (Value::Date(a), Value::Date(b)) if b.refines(a) => Sameness::RightFiner,
        (Value::Sex(a), Value::Sex(b)) if a == b => Sameness::Identical,
        (Value::Sex(a), Value::Sex(b)) => {
            same_if((a.sex, a.neuter) == (b.sex, b.neuter), SameBecause::SameMeaningOfSex)
        }
        (Value::Microchip(a), Value::Microchip(b)) if a.raw == b.raw => Sameness::Identical,
        (Value::Microchip(a), Value::Microchip(b)) => same_if(a.normal == b.normal, SameBecause::SameChip),
        (Value::Phone(a), Value::Phone(b)) if a == b => Sameness::Identical,
        (Value::Phone(a), Value::Phone(b)) => {
            same_if(phone_text(a) == phone_text(b), SameBecause::PhoneFormat)
        }
        (Value::Substances(a), Value::Substances(b)) => {
            let to_the_letter = a.items.len() == b.items.len()
                && a.items.iter().zip(&b.items).all(|(a, b)| a.text == b.text && a.key == b.key);
            if to_the_letter { Sameness::Identical } else { same_if(a.same_keys(b), SameBecause::SameSet) }
        }
        (Value::Quantity(a), Value::Quantity(b)) if a.number == b.number && a.unit == b.unit => {
            Sameness::Identical
        }
        (Value::Quantity(a), Value::Quantity(b)) => {
            same_if(units::same_amount((a.amount, &a.unit), (b.amount, &b.unit)), SameBecause::SameAmount)
        }
        (Value::Instant(a), Value::Instant(b)) if a == b => Sameness::Identical,
        (Value::Instant(a), Value::Instant(b)) => same_if(a.seconds == b.seconds, SameBecause::SameInstant),
        (Value::Minutes(a), Value::Minutes(b)) if a == b => Sameness::Identical,
        (Value::Minutes(a), Value::Minutes(b)) => same_if(a.minutes == b.minutes, SameBecause::SameAmount),
        (Value::Person(a), Value::Person(b)) if a == b => Sameness::Identical,
        (Value::Person(a), Value::Person(b)) => {
            by_comparable(|out| a.comparable(out), |out| b.comparable(out), SameBecause::SamePerson)
        }
        (Value::PatientLink(a), Value::PatientLink(b)) if a == b => Sameness::Identical,
        (Value::PatientLink(a), Value::PatientLink(b)) => {
            by_comparable(|out| a.comparable(out), |out| b.comparable(out), SameBecause::SameConcept)
        }
        (Value::Status(a), Value::Status(b)) if a == b => Sameness::Identical,
        (Value::Status(a), Value::Status(b)) => same_if(a.stage() == b.stage(), SameBecause::SameStage),
        (Value::Items(a), Value::Items(b)) if a == b => Sameness::Identical,
        (Value::Items(a), Value::Items(b)) => {
            by_comparable(|out| a.comparable(out), |out| b.comparable(out), SameBecause::SameSet)
        }
        _ => Sameness::Different,
    }
}

fn by_comparable(left: impl Fn(&mut String), right: impl Fn(&mut String), because: SameBecause) -> Sameness {
    let (mut text_left, mut text_right) = (String::new(), String::new());
    left(&mut text_left);
    right(&mut text_right);
    same_if(text_left == text_right, because)
}

/// Compares what two remotes say about one field. Blank is not unknown; text that cannot be read agrees with itself
/// alone.
pub fn state_sameness(left: &FieldState, right: &FieldState) -> Sameness {
    match (left, right) {
        (FieldState::Value(a), FieldState::Value(b)) => sameness(a, b),
        (FieldState::Blank, FieldState::Blank) => Sameness::Same(SameBecause::BothBlank),
        (FieldState::Unknown, FieldState::Unknown) => Sameness::Identical,
        (FieldState::Invalid { raw: a, .. }, FieldState::Invalid { raw: b, .. }) if a == b => {
            Sameness::Identical
        }
        _ => Sameness::Different,
    }
}

impl Sameness {
    /// Whether nothing has to be done: identical, or the same in another spelling.
    pub const fn is_same(self) -> bool {
        matches!(self, Sameness::Identical | Sameness::Same(_))
    }
}

const fn same_if(same: bool, because: SameBecause) -> Sameness {
    if same { Sameness::Same(because) } else { Sameness::Different }
}

fn by_text(a: &str, b: &str, because: SameBecause, fold: fn(&str, &mut String)) -> Sameness {
    if a == b {
        return Sameness::Identical;
    }
    let mut folded_a = String::with_capacity(a.len());
    fold(a, &mut folded_a);
    let mut folded_b = String::with_capacity(b.len());
    fold(b, &mut folded_b);
    same_if(folded_a == folded_b, because)
}

fn phone_text(phone: &Phone) -> String {
    let mut text = String::new();
    phone.comparable(&mut text);
    text
}

fn coded(a: &Coded, b: &Coded) -> Sameness {
    if a == b || (a.text == b.text && a.concept == b.concept && !a.text.is_empty()) {
        return Sameness::Identical;
    }
    let (mut text_a, mut text_b) = (String::new(), String::new());
    coded_text(a, &mut text_a);
    coded_text(b, &mut text_b);
    if text_a != text_b {
        return Sameness::Different;
    }
    let (mut folded_a, mut folded_b) = (String::new(), String::new());
    fold_name(&a.text, &mut folded_a);
    fold_name(&b.text, &mut folded_b);
    Sameness::Same(if folded_a == folded_b { SameBecause::CaseOrBlanks } else { SameBecause::SameConcept })
}

/// A concept by its key, anything else by its text, and a code without text by the code.
fn coded_text(coded: &Coded, out: &mut String) {
    if let Some(concept) = &coded.concept {
        out.push('c');
        out.push_str(concept);
    } else if trimmed(&coded.text).is_empty() {
        out.push('k');
        for coding in &coded.codings {
            push_part(&coding.system, out);
            push_part(&coding.code, out);
        }
    } else {
        out.push('t');
        fold_name(&coded.text, out);
    }
}

/// Appends a text with its length, so that neighbours cannot run into each other.
pub(crate) fn push_part(part: &str, out: &mut String) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = part.len();
    while let Some(digit) = at.checked_sub(1).and_then(|before| digits.get_mut(before)) {
        // A remainder of ten fits into a byte.
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        at -= 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits.iter().skip(at).map(|digit| char::from(*digit)));
    out.push(':');
    out.push_str(part);
}

/// Appends the text two states are compared by: equal text means [`Sameness::Identical`] or [`Sameness::Same`]. The
/// inverse does not hold for quantities (rounding) and partial dates (refinement). Used for digests.
pub fn comparable(state: &FieldState, out: &mut String) {
    match state {
        FieldState::Unknown => out.push('?'),
        FieldState::Blank => out.push('-'),
        FieldState::Invalid { raw, .. } => {
            out.push('!');
            out.push_str(raw);
        }
        FieldState::Value(value) => comparable_value(value, out),
    }
}

fn comparable_value(value: &Value, out: &mut String) {
    match value {
        Value::Name(text) => {
            out.push('n');
            fold_name(text, out);
        }
        Value::Text(text) => {
            out.push('t');
            fold_text(text, out);
        }
        Value::LongText(text) => {
            out.push('l');
            fold_long(text, out);
        }
        Value::Coded(value) => {
            out.push('c');
            coded_text(value, out);
        }
        Value::Date(date) => {
            out.push('d');
            date.push_to(out);
        }
        Value::Sex(status) => {
            out.push('s');
            out.push_str(status.sex.code());
            out.push(' ');
            out.push_str(status.neuter.code());
        }
        Value::Microchip(chip) => {
            out.push('m');
            out.push_str(&chip.normal);
        }
        Value::Phone(phone) => {
            out.push('p');
            phone.comparable(out);
        }
        Value::Email(address) => {
            out.push('e');
            email::comparable(address, out);
        }
        Value::Substances(set) => {
            out.push('a');
            let mut keys: Vec<&str> = set.items.iter().map(|item| item.key.as_str()).collect();
            keys.sort_unstable();
            for key in keys {
                push_part(key, out);
            }
        }
        Value::Quantity(quantity) => {
            out.push('q');
            units::comparable_amount(quantity.amount, &quantity.unit, out);
        }
        Value::Instant(instant) => {
            out.push('i');
            out.push_str(&instant.seconds.to_string());
        }
        Value::Minutes(minutes) => {
            out.push('u');
            out.push_str(&minutes.minutes.to_string());
        }
        Value::Person(person) => {
            out.push('w');
            person.comparable(out);
        }
        Value::PatientLink(link) => {
            out.push('r');
            link.comparable(out);
        }
        Value::Status(status) => {
            out.push('v');
            out.push_str(status.stage().as_str());
        }
        Value::Items(list) => {
            out.push('y');
            list.comparable(out);
        }
    }
}

impl Record {
    /// Appends the comparable text of the whole record: whether it is active, whether the animal is dead, and every
    /// field, joined so that no two different records give the same text. Keys are no part of it.
    pub fn push_digest_text(&self, out: &mut String) {
        let mut part = String::new();
        out.push(if self.active { 'a' } else { 'i' });
        out.push(if self.deceased { 'd' } else { 'l' });
        for field in &self.fields {
            part.clear();
            comparable(field, &mut part);
            push_part(&part, out);
        }
    }

    /// [`Record::push_digest_text`] into a new string.
    pub fn digest_text(&self) -> String {
        let mut out = String::with_capacity(256);
        self.push_digest_text(&mut out);
        out
    }
}
