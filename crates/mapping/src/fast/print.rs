//! Prints: 64 bits in place of what a remote says about a field, to tell in bulk which records say the same.

use super::reader::Reader;
use crate::fhir::{concept, tree};
use crate::node::{Node, Tape};
use crate::text;
use record::catalogue::ValueType;
use record::text::{fold_long, fold_name, fold_text, is_blank_char, trimmed};
use record::value::{Neuter, Sex, Value};
use record::{Conventions, FieldState, sameness};

/// The print of a field that is not said: neither compared nor touched.
pub const HIDDEN: u64 = 0;
/// The print of a field that says nothing.
const BLANK: u64 = 1;

/// What identifies a record and its counterpart, as prints; `None` where it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Its own key: the `sys_id`, or the id of the Patient.
    pub own: Option<u64>,
    /// The other remote's key it carries.
    pub other: Option<u64>,
}

impl Keys {
    pub(crate) fn of((own, other): (Option<&str>, Option<&str>)) -> Keys {
        Keys { own: own.map(Keys::print), other: other.map(Keys::print) }
    }

    /// The print of a key.
    pub fn print(key: &str) -> u64 {
        visible(hash(key.as_bytes(), SEED))
    }
}

/// Makes prints of fields: equal prints mean that both sides say the same
/// ([`record::sameness`], and what says nothing counts as empty); different ones only that a closer look is needed
/// (partial dates, rounded amounts, halves of a sex left open). [`HIDDEN`] is neither.
///
/// A printer remembers the prints of texts it met before, so it serves the lenses of one catalogue with the same
/// conventions only. The prints are of 64 bits and not made to withstand somebody who looks for two texts of the same
/// print: for telling equal records apart from others, not for proving anything.
#[derive(Debug, Default)]
pub struct Printer {
    pub(super) tape: Tape,
    pub(super) memory: Memory,
}

/// What was met before.
#[derive(Debug)]
pub(super) struct Memory {
    scratch: String,
    met: Vec<(u64, u64)>,
}

/// Texts that are remembered: about as many as there are ways to write species, breeds, sexes, allergies and weights.
const MET: usize = 1 << 13;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for Memory {
    fn default() -> Self {
        Memory { scratch: String::with_capacity(256), met: vec![(0, 0); MET] }
    }
}

impl Memory {
    fn scratched(&self) -> u64 {
        visible(hash(self.scratch.as_bytes(), SEED))
    }

    /// The print of what was met under this name before, or of what `make` says now.
    fn remembered(&mut self, name: u64, make: impl FnOnce() -> FieldState) -> u64 {
        let at = usize::try_from(name >> 40).unwrap_or_default() % MET;
        if let Some((known, print)) = self.met.get(at)
            && *known == name
        {
            return *print;
        }
        let print = self.of(&make());
        if let Some(slot) = self.met.get_mut(at) {
            *slot = (name, print);
        }
        print
    }

    fn of(&mut self, state: &FieldState) -> u64 {
        match state {
            FieldState::Unknown => HIDDEN,
            FieldState::Blank => BLANK,
            FieldState::Value(Value::Sex(status))
                if status.sex == Sex::Unknown && status.neuter == Neuter::Unknown =>
            {
                BLANK
            }
            FieldState::Value(Value::Substances(set)) if set.items.is_empty() => BLANK,
            FieldState::Value(_) | FieldState::Invalid { .. } => {
                self.scratch.clear();
                sameness::comparable(state, &mut self.scratch);
                self.scratched()
            }
        }
    }
}

impl Reader for Memory {
    type Said = u64;

    fn text(&mut self, value_type: &ValueType, text: &str, conventions: &Conventions) -> u64 {
        let (tag, fold): (char, fn(&str, &mut String)) = match value_type {
            ValueType::Name => ('n', fold_name),
            ValueType::Text => ('t', fold_text),
            ValueType::LongText => ('l', fold_long),
            ValueType::Date
            | ValueType::Email
            | ValueType::Instant
            | ValueType::PatientLink
            | ValueType::Items
            | ValueType::Medications => return self.of(&text::read(value_type, text, conventions)),
            ValueType::Species
            | ValueType::Breed
            | ValueType::Coded
            | ValueType::Sex
            | ValueType::Microchip
            | ValueType::Phone
            | ValueType::Substances
            | ValueType::Minutes
            | ValueType::Person
            | ValueType::AppointmentType
            | ValueType::AppointmentStatus
            | ValueType::Quantity { .. } => {
                let name = hash(text.as_bytes(), kind(value_type));
                return self.remembered(name, || text::read(value_type, text, conventions));
            }
        };
        let shown = trimmed(text);
        if shown.is_empty() {
            return BLANK;
        }
        let shown = if tag == 'l' { text.trim_end_matches(is_blank_char) } else { shown };
        self.scratch.clear();
        self.scratch.push(tag);
        fold(shown, &mut self.scratch);
        self.scratched()
    }

    fn concept<'a>(&mut self, node: impl Node<'a>, value_type: &ValueType, conventions: &Conventions) -> u64 {
        let part = |name: u64, text: Option<&str>| hash(text.unwrap_or_default().as_bytes(), name);
        let mut name = part(kind(value_type) ^ SEED, tree::text(node, "text"));
        for coding in tree::items(node, "coding") {
            for key in ["system", "code", "display"] {
                name = part(name, tree::text(coding, key));
            }
        }
        self.remembered(name, || concept::read(node, value_type, conventions))
    }

    fn state(&mut self, state: FieldState) -> u64 {
        self.of(&state)
    }

    fn is_blank(said: &u64) -> bool {
        *said == BLANK
    }
}

/// A number that tells the types apart.
fn kind(value_type: &ValueType) -> u64 {
    match value_type {
        ValueType::Name => 1,
        ValueType::Text => 2,
        ValueType::LongText => 3,
        ValueType::Species => 4,
        ValueType::Breed => 5,
        ValueType::Coded => 6,
        ValueType::Date => 7,
        ValueType::Sex => 8,
        ValueType::Microchip => 9,
        ValueType::Phone => 10,
        ValueType::Email => 11,
        ValueType::Substances => 12,
        ValueType::Quantity { default_unit } => hash(default_unit.as_bytes(), 13),
        ValueType::Instant => 14,
        ValueType::Minutes => 15,
        ValueType::Person => 16,
        ValueType::PatientLink => 17,
        ValueType::AppointmentType => 18,
        ValueType::AppointmentStatus => 19,
        ValueType::Items => 20,
        ValueType::Medications => 21,
    }
}

/// Keeps clear of the prints that mean something else.
const fn visible(hash: u64) -> u64 {
    if hash <= BLANK { hash + 2 } else { hash }
}

/// Both halves of a product, one over the other: every bit of both factors reaches every bit of it.
const fn folded(left: u64, right: u64) -> u64 {
    let product = (left as u128) * (right as u128);
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// 64 bits of a text, sixteen bytes at a time.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    const LEFT: u64 = 0xa076_1d64_78bd_642f;
    const RIGHT: u64 = 0xe703_7ed1_a0b4_28db;
    let mut state = folded(seed ^ LEFT, bytes.len() as u64 ^ RIGHT);
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        state = step(state, u128::from_le_bytes(*block));
        rest = after;
    }
    if !rest.is_empty() {
        let mut block = [0_u8; 16];
        for (to, from) in block.iter_mut().zip(rest) {
            *to = *from;
        }
        state = step(state, u128::from_le_bytes(block));
    }
    folded(state ^ LEFT, RIGHT)
}

const fn step(state: u64, block: u128) -> u64 {
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    let (low, high) = (block as u64, (block >> 64) as u64);
    folded(low ^ 0x8ebc_6af0_9c88_c6e3 ^ state, high ^ 0x5899_65cc_7537_4cc3)
}
