//! The stored form of records: compact text, and the same text for the same value, so that two fields that are equal to
//! the letter are found equal without decoding either.
//!
//! A *part* is a text behind its length in bytes (`5:Bella`). A record is `1`, a part with its kind, a letter each for
//! active and deceased, its key, perhaps the other remote's key, and a part for each field. A hospital's store holds
//! millions of values: nothing that can be derived is kept. The first stored form was JSON; it is still read.

use crate::codes::appointment_status::AppointmentStatus;
use crate::kind::RecordKind;
use crate::record::{FieldState, Record};
use crate::sameness::push_part;
use crate::value::{
    ChipClass, Coded, Coding, Instant, ItemList, Microchip, Minutes, Neuter, PatientLink, Person, Phone,
    Quantity, Sex, SexStatus, Status, Substance, SubstanceSet, Value, ValueProblem,
};
use std::str::FromStr;

/// A stored text that this program did not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored {what} is not readable; the next complete comparison writes it anew")]
pub struct Unreadable {
    /// What was expected there.
    pub what: &'static str,
}

const FORM: char = '1';

/// Appends a part.
pub fn push(part: &str, out: &mut String) {
    push_part(part, out);
}

/// Writes a record.
pub fn encode(record: &Record) -> String {
    let mut out = String::with_capacity(512);
    out.push(FORM);
    push_part(record.kind.as_str(), &mut out);
    out.push(if record.active { 'a' } else { 'i' });
    out.push(if record.deceased { 'd' } else { 'l' });
    push_part(&record.key, &mut out);
    push_option(record.other_key.as_deref(), &mut out);
    push_states(&record.fields, &mut out);
    out
}

/// Appends a part for each state.
pub fn push_states<'a>(states: impl IntoIterator<Item = &'a FieldState>, out: &mut String) {
    let mut part = String::with_capacity(64);
    for state in states {
        part.clear();
        push_state(state, &mut part);
        push_part(&part, out);
    }
}

/// Reads a record, in this form or the first one.
pub fn decode(text: &str) -> Result<Record, Unreadable> {
    if is_json(text) {
        return serde_json::from_str(text).map_err(|_| Unreadable { what: "record" });
    }
    let (head, states) = head(text)?;
    Ok(Record {
        kind: head.kind,
        active: head.active,
        deceased: head.deceased,
        key: head.key.to_owned(),
        other_key: head.other_key.map(ToOwned::to_owned),
        fields: states.map(|state| decode_state(state?)).collect::<Result<_, _>>()?,
    })
}

/// Whether a stored record has died, without decoding its fields.
///
/// # Errors
/// [`Unreadable`] where this program did not write it.
pub fn is_deceased(text: &str) -> Result<bool, Unreadable> {
    if is_json(text) { decode(text).map(|record| record.deceased) } else { Ok(head(text)?.0.deceased) }
}

/// Whether a stored text is of the first form.
pub fn is_json(text: &str) -> bool {
    text.starts_with('{')
}

/// The fields of a stored record as they stand there, for [`decode_state`].
///
/// # Errors
/// [`Unreadable`] where the text is not of this form; the first form has no such fields, see [`is_json`].
pub fn states(text: &str) -> Result<States<'_>, Unreadable> {
    head(text).map(|(_, states)| states)
}

/// A stored record without its fields.
struct Head<'a> {
    kind: RecordKind,
    active: bool,
    deceased: bool,
    key: &'a str,
    other_key: Option<&'a str>,
}

/// What stands before the fields, and where they stand.
fn head(text: &str) -> Result<(Head<'_>, States<'_>), Unreadable> {
    let mut parts = Parts::new(text, "record");
    parts.letter(|letter| (letter == FORM).then_some(()))?;
    let head = Head {
        kind: RecordKind::parse(parts.part()?).ok_or(parts.unreadable())?,
        active: parts.letter(|letter| either(letter, 'a', 'i'))?,
        deceased: parts.letter(|letter| either(letter, 'd', 'l'))?,
        key: parts.part()?,
        other_key: parts.option()?,
    };
    Ok((head, States { parts }))
}

fn either(letter: char, yes: char, no: char) -> Option<bool> {
    (letter == yes || letter == no).then_some(letter == yes)
}

/// The stored states of fields, one after the other.
#[derive(Debug, Clone)]
pub struct States<'a> {
    parts: Parts<'a>,
}

impl<'a> States<'a> {
    /// States written by [`push_states`].
    pub const fn new(text: &'a str) -> States<'a> {
        States { parts: Parts::new(text, "list of values") }
    }
}

impl<'a> Iterator for States<'a> {
    type Item = Result<&'a str, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.parts.rest.is_empty() {
            return None;
        }
        let state = self.parts.part();
        if state.is_err() {
            self.parts.rest = "";
        }
        Some(state)
    }
}

/// The stored form of [`FieldState::Unknown`].
pub const UNKNOWN: &str = "";

/// Whether a stored state is an unreadable text.
pub fn is_invalid(state: &str) -> bool {
    state.starts_with('!')
}

fn push_state(state: &FieldState, out: &mut String) {
    match state {
        FieldState::Unknown => out.push_str(UNKNOWN),
        FieldState::Blank => out.push('-'),
        FieldState::Invalid { raw, problem } => {
            out.push('!');
            push_part(raw, out);
            push_part(&problem.problem, out);
            push_part(&problem.way_out, out);
        }
        FieldState::Value(value) => push_value(value, out),
    }
}

fn push_value(value: &Value, out: &mut String) {
    match value {
        Value::Name(text) => push_text('n', text, out),
        Value::Text(text) => push_text('t', text, out),
        Value::LongText(text) => push_text('l', text, out),
        Value::Email(text) => push_text('e', text, out),
        Value::Date(date) => {
            out.push('d');
            date.push_to(out);
        }
        Value::Sex(status) => {
            out.push('s');
            push_part(status.sex.code(), out);
            push_part(status.neuter.code(), out);
            push_option(status.term.as_deref(), out);
        }
        Value::Microchip(chip) => {
            out.push('m');
            push_part(chip.class.as_str(), out);
            push_part(&chip.raw, out);
            push_option((chip.normal != chip.raw).then_some(chip.normal.as_str()), out);
        }
        Value::Phone(phone) => {
            out.push('p');
            push_part(&phone.raw, out);
            push_option(phone.e164.as_deref(), out);
            push_option(phone.extension.as_deref(), out);
        }
        Value::Coded(coded) => {
            out.push('c');
            push_part(&coded.text, out);
            push_option(coded.concept.as_deref(), out);
            push_codings(&coded.codings, out);
        }
        Value::Substances(set) => {
            out.push('a');
            let mut codings = String::new();
            for item in &set.items {
                push_part(&item.text, out);
                push_part(&item.key, out);
                codings.clear();
                push_codings(&item.codings, &mut codings);
                push_part(&codings, out);
            }
        }
        Value::Quantity(quantity) => {
            out.push('q');
            push_part(&quantity.number, out);
            push_part(&quantity.unit, out);
        }
        Value::Instant(instant) => push_text('i', &instant.raw, out),
        Value::Minutes(minutes) => push_text('u', &minutes.raw, out),
        Value::Person(person) => {
            out.push('w');
            push_option(person.key.as_deref(), out);
            push_option(person.name.as_deref(), out);
            push_option(person.known.as_deref(), out);
        }
        Value::PatientLink(link) => {
            out.push('r');
            push_option(link.servicenow.as_deref(), out);
            push_option(link.ehr.as_deref(), out);
            push_option(link.name.as_deref(), out);
        }
        Value::Status(status) => {
            out.push('v');
            push_part(&status.raw, out);
            push_part(status.meaning.code(), out);
        }
        Value::Items(list) => {
            out.push('y');
            push_part(&list.raw, out);
            list.items.iter().for_each(|item| push_part(item, out));
        }
    }
}

fn push_text(kind: char, text: &str, out: &mut String) {
    out.push(kind);
    out.push_str(text);
}

fn push_option(text: Option<&str>, out: &mut String) {
    match text {
        None => out.push('-'),
        Some(text) => {
            out.push('+');
            push_part(text, out);
        }
    }
}

fn push_codings(codings: &[Coding], out: &mut String) {
    for coding in codings {
        push_part(&coding.system, out);
        push_part(&coding.code, out);
        push_option(coding.display.as_deref(), out);
    }
}

/// Reads one stored state.
pub fn decode_state(text: &str) -> Result<FieldState, Unreadable> {
    let mut letters = text.chars();
    let Some(kind) = letters.next() else { return Ok(FieldState::Unknown) };
    let rest = letters.as_str();
    let mut parts = Parts::new(rest, "value");
    let value = match kind {
        '-' => {
            parts.end()?;
            return Ok(FieldState::Blank);
        }
        '!' => {
            let raw = parts.part()?.to_owned();
            let problem =
                ValueProblem { problem: parts.part()?.to_owned(), way_out: parts.part()?.to_owned() };
            parts.end()?;
            return Ok(FieldState::Invalid { raw, problem });
        }
        'n' => return Ok(FieldState::Value(Value::Name(rest.to_owned()))),
        't' => return Ok(FieldState::Value(Value::Text(rest.to_owned()))),
        'l' => return Ok(FieldState::Value(Value::LongText(rest.to_owned()))),
        'e' => return Ok(FieldState::Value(Value::Email(rest.to_owned()))),
        'd' => {
            let date = FromStr::from_str(rest).map_err(|_| parts.unreadable())?;
            return Ok(FieldState::Value(Value::Date(date)));
        }
        's' => Value::Sex(SexStatus {
            sex: Sex::from_code(parts.part()?).ok_or(parts.unreadable())?,
            neuter: Neuter::from_code(parts.part()?).ok_or(parts.unreadable())?,
            term: parts.option()?.map(ToOwned::to_owned),
        }),
        'm' => {
            let class = ChipClass::from_name(parts.part()?).ok_or(parts.unreadable())?;
            let raw = parts.part()?;
            let normal = parts.option()?.unwrap_or(raw);
            Value::Microchip(Microchip { raw: raw.to_owned(), normal: normal.to_owned(), class })
        }
        'p' => Value::Phone(Phone {
            raw: parts.part()?.to_owned(),
            e164: parts.option()?.map(ToOwned::to_owned),
            extension: parts.option()?.map(ToOwned::to_owned),
        }),
        'c' => Value::Coded(Coded {
            text: parts.part()?.to_owned(),
            concept: parts.option()?.map(ToOwned::to_owned),
            codings: parts.codings()?,
        }),
        'a' => {
            let mut items = Vec::new();
            while !parts.rest.is_empty() {
                items.push(Substance {
                    text: parts.part()?.to_owned(),
                    key: parts.part()?.to_owned(),
                    codings: Parts::new(parts.part()?, "code").codings()?,
                });
            }
            Value::Substances(SubstanceSet { items })
        }
        'q' => {
            let (number, unit) = (parts.part()?, parts.part()?);
            Value::Quantity(Quantity::new(number, unit).map_err(|_| parts.unreadable())?)
        }
        'i' => {
            let instant = Instant::parse(rest).map_err(|_| parts.unreadable())?;
            return Ok(FieldState::Value(Value::Instant(instant)));
        }
        'u' => {
            let minutes = Minutes::parse(rest).map_err(|_| parts.unreadable())?;
            return Ok(FieldState::Value(Value::Minutes(minutes)));
        }
        'w' => Value::Person(Person {
            key: parts.option()?.map(ToOwned::to_owned),
            name: parts.option()?.map(ToOwned::to_owned),
            known: parts.option()?.map(ToOwned::to_owned),
        }),
        'r' => Value::PatientLink(PatientLink {
            servicenow: parts.option()?.map(ToOwned::to_owned),
            ehr: parts.option()?.map(ToOwned::to_owned),
            name: parts.option()?.map(ToOwned::to_owned),
        }),
        'v' => Value::Status(Status {
            raw: parts.part()?.to_owned(),
            meaning: AppointmentStatus::from_code(parts.part()?).ok_or(parts.unreadable())?,
        }),
        'y' => {
            let raw = parts.part()?.to_owned();
            let mut items = Vec::new();
            while !parts.is_empty() {
                items.push(parts.part()?.to_owned());
            }
            Value::Items(ItemList { raw, items })
        }
        _ => return Err(parts.unreadable()),
    };
    parts.end()?;
    Ok(FieldState::Value(value))
}

/// Reads parts and letters from the beginning of a text. Also for what other crates store beside records.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    rest: &'a str,
    what: &'static str,
}

impl<'a> Parts<'a> {
    /// Parts of that text; `what` it is goes into the error.
    pub const fn new(text: &'a str, what: &'static str) -> Parts<'a> {
        Parts { rest: text, what }
    }

    /// Whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next part.
    pub fn part(&mut self) -> Result<&'a str, Unreadable> {
        let bytes = self.rest.as_bytes();
        let mut length = 0_usize;
        for (at, byte) in bytes.iter().enumerate().take(10) {
            match byte {
                b'0'..=b'9' => length = length * 10 + usize::from(byte - b'0'),
                b':' if at > 0 => {
                    let from = at + 1;
                    let part = self.rest.get(from..from + length).ok_or(self.unreadable())?;
                    self.rest = self.rest.get(from + length..).unwrap_or_default();
                    return Ok(part);
                }
                _ => break,
            }
        }
        Err(self.unreadable())
    }

    fn letter<T>(&mut self, read: impl Fn(char) -> Option<T>) -> Result<T, Unreadable> {
        let mut letters = self.rest.chars();
        let found = letters.next().and_then(read).ok_or(self.unreadable())?;
        self.rest = letters.as_str();
        Ok(found)
    }

    fn option(&mut self) -> Result<Option<&'a str>, Unreadable> {
        if self.letter(|letter| either(letter, '+', '-'))? { self.part().map(Some) } else { Ok(None) }
    }

    fn codings(&mut self) -> Result<Vec<Coding>, Unreadable> {
        let mut codings = Vec::new();
        while !self.is_empty() {
            codings.push(Coding {
                system: self.part()?.to_owned(),
                code: self.part()?.to_owned(),
                display: self.option()?.map(ToOwned::to_owned),
            });
        }
        Ok(codings)
    }

    fn end(&self) -> Result<(), Unreadable> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.unreadable()) }
    }

    const fn unreadable(&self) -> Unreadable {
        Unreadable { what: self.what }
    }
}
