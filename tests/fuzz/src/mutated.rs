//! New inputs out of kept ones: bytes, words and lines are changed, and where an input is JSON, its members too.
//!
//! Every choice comes from the driver, so that a failing input is made smaller by making fewer and smaller changes.

use bolero::Driver;
use bolero::generator::bolero_generator::ValueGenerator;
use serde_json::Value;
use std::ops::Bound;

/// What a target is given.
#[derive(Clone, PartialEq, Eq)]
pub struct Input(pub Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// Makes inputs for one target.
#[derive(Debug)]
pub struct Inputs {
    seeds: Vec<Vec<u8>>,
    /// Values out of every seed that is JSON, to be put elsewhere.
    parts: Vec<Value>,
}

/// Words that parsers trip over, whatever they read.
const WORDS: &[&str] = &[
    "",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\udc00x",
    "{",
    "}",
    "[",
    "]",
    "[[[[",
    "^",
    "^OR",
    "^NQ",
    "^EQ",
    "=",
    ":",
    ",",
    ";",
    "|",
    "#",
    "'",
    "''''",
    "-",
    "+",
    "0",
    "-0",
    "00",
    "1e999",
    "-1e-999",
    "1.0",
    "4.10",
    "9223372036854775808",
    "340282366920938463463374607431768211456",
    "0.1",
    "null",
    "true",
    "false",
    "NaN",
    "2019",
    "2019-02-29",
    "2024-02-29",
    "0000-00-00",
    "9999-12-31",
    "2019-06-01T24:00:00Z",
    "2019-06-01T10:00:60+14:00",
    "2019-06-01 09:12:44",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Retry-After: ",
    "retry-after: -1",
    "W/\"3\"",
    "985112003456789",
    "123*456*789",
    "+1 415 555 2671",
    "415-555-2671 x12",
    "12 kg",
    "12,5 lb",
    "5.7",
    "none known",
    "NKDA",
    "Penicillin; Fish",
    "a@b.test",
    "Bella",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}",
    "İ",
    "ß",
    "é",
    "e\u{301}",
    "👩‍⚕️",
    "\u{10ffff}",
    "%00",
    "%",
    "javascript:",
    "<!DOCTYPE html>",
    "resourceType",
    "Patient",
    "Bundle",
    "AllergyIntolerance",
    "extension",
    "url",
    "valueString",
];

impl Inputs {
    /// From a target's kept inputs.
    pub fn of(seeds: impl IntoIterator<Item = Vec<u8>>) -> Inputs {
        let mut seeds: Vec<Vec<u8>> = seeds.into_iter().collect();
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        let mut parts = Vec::new();
        for seed in &seeds {
            if let Ok(value) = serde_json::from_slice::<Value>(seed) {
                gather(&value, &mut parts);
            }
        }
        Inputs { seeds, parts }
    }

    fn changed<D: Driver>(&self, driver: &mut D, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if below(driver, 2)? == 1
            && let Ok(mut value) = serde_json::from_slice::<Value>(&bytes)
        {
            self.change_json(driver, &mut value)?;
            return Some(value.to_string().into_bytes());
        }
        self.change_bytes(driver, bytes)
    }

    fn change_json<D: Driver>(&self, driver: &mut D, root: &mut Value) -> Option<()> {
        let at = below(driver, count(root))?;
        let part = match below(driver, 3)? {
            0 if !self.parts.is_empty() => self.parts[below(driver, self.parts.len())?].clone(),
            1 => Value::String(WORDS[below(driver, WORDS.len())?].to_owned()),
            _ => match below(driver, 7)? {
                0 => Value::Null,
                1 => Value::Bool(true),
                2 => Value::from(0),
                3 => Value::from(-1.5),
                4 => Value::Array(Vec::new()),
                5 => Value::Object(serde_json::Map::new()),
                _ => Value::from(u64::MAX),
            },
        };
        let how = below(driver, 5)?;
        let within = below(driver, 8)?;
        let place = nth(root, &mut { at })?;
        match (how, place) {
            // A member or element is taken away, said twice, or put there anew.
            (0, Value::Object(members)) if !members.is_empty() => {
                let key = members.keys().nth(within % members.len())?.clone();
                members.remove(&key);
            }
            (0, Value::Array(items)) if !items.is_empty() => {
                items.remove(within % items.len());
            }
            (1, Value::Array(items)) if !items.is_empty() => {
                let twin = items[within % items.len()].clone();
                items.push(twin);
            }
            (1 | 2, Value::Array(items)) => items.insert(within % (items.len() + 1), part),
            (1 | 2, Value::Object(members)) => {
                let key = members.keys().nth(within % members.len().max(1)).cloned().unwrap_or_default();
                members.insert(if how == 1 { format!("_{key}") } else { key }, part);
            }
            (3, Value::String(text)) => {
                let bytes = self.change_bytes(driver, std::mem::take(text).into_bytes())?;
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
            (_, place) => *place = part,
        }
        Some(())
    }

    fn change_bytes<D: Driver>(&self, driver: &mut D, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let at = below(driver, bytes.len() + 1)?;
        match below(driver, 8)? {
            0 => {
                bytes.truncate(at);
            }
            1 => {
                let word = WORDS[below(driver, WORDS.len())?];
                bytes.splice(at..at, word.bytes());
            }
            2 => {
                let until = (at + 1 + below(driver, 12)?).min(bytes.len());
                bytes.drain(at.min(until)..until);
            }
            3 => {
                // A piece once more, elsewhere.
                let until = (at + 1 + below(driver, 40)?).min(bytes.len());
                let piece = bytes[at.min(until)..until].to_vec();
                let there = below(driver, bytes.len() + 1)?;
                bytes.splice(there..there, piece);
            }
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(below(driver, 256)?).unwrap_or_default();
                }
            }
            5 => {
                // A word in the place of what stands between two separators.
                let separates = |byte: &u8| !byte.is_ascii_alphanumeric();
                let from = bytes[..at].iter().rposition(separates).map_or(0, |found| found + 1);
                let until = bytes[at..].iter().position(separates).map_or(bytes.len(), |found| at + found);
                let word = WORDS[below(driver, WORDS.len())?];
                bytes.splice(from..until, word.bytes());
            }
            6 => {
                // The beginning of this one and the end of another.
                let other = &self.seeds[below(driver, self.seeds.len())?];
                let from = below(driver, other.len() + 1)?;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                // A line is gone, or stands twice.
                let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                let line = below(driver, lines.len())?;
                if below(driver, 2)? == 0 {
                    lines.remove(line);
                } else {
                    lines.insert(line, lines[line]);
                }
                bytes = lines.join(&b'\n');
            }
        }
        bytes.truncate(LONGEST);
        Some(bytes)
    }
}

/// Longer inputs show nothing that shorter ones do not.
const LONGEST: usize = 64 * 1_024;

impl ValueGenerator for Inputs {
    type Output = Input;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Input> {
        let mut bytes = self.seeds[below(driver, self.seeds.len())?].clone();
        for _ in 0..=below(driver, 6)? {
            bytes = self.changed(driver, bytes)?;
        }
        Some(Input(bytes))
    }
}

fn below<D: Driver>(driver: &mut D, end: usize) -> Option<usize> {
    driver.gen_usize(Bound::Included(&0), Bound::Excluded(&end.max(1)))
}

fn gather(value: &Value, out: &mut Vec<Value>) {
    out.push(value.clone());
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, out)),
        Value::Object(members) => members.values().for_each(|member| gather(member, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The value at a position, counted depth first.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    let inner: Box<dyn Iterator<Item = &'a mut Value>> = match value {
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Object(members) => Box::new(members.values_mut()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    };
    for member in inner {
        if let Some(found) = nth(member, left) {
            return Some(found);
        }
    }
    None
}
