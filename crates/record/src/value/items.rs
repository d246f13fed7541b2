//! Lists written as text: diagnoses, procedures and medications of a treatment.

use crate::text::{fold_text, is_blank_char};
use serde::{Deserialize, Serialize};

/// A list of things that is written as one text. Two lists are the same if they hold the same items in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemList {
    /// As written.
    #[serde(rename = "r")]
    pub raw: String,
    /// What is listed, each as written, without bullets and numbers.
    #[serde(rename = "i")]
    pub items: Vec<String>,
}

/// Words a line of a medication begins with when it says how to give the one above it.
const DIRECTION_WORDS: &[&str] =
    &["sig", "give", "take", "apply", "instill", "inject", "administer", "directions", "dose", "dosage"];

impl ItemList {
    /// Splits a text where it is a list: at line ends and `;`, and at numbers that count up (`1) … 2) …`).
    ///
    /// Commas never separate: they stand inside doses and descriptions ("one tablet, then half a tablet"), and an item too
    /// many would be a medication nobody prescribed. An indented line goes on with the item above it, as does a line
    /// without a number or bullet where the others have one, and, among `medications`, a line that begins with a direction
    /// (`Sig:`, `Give`).
    pub fn read(raw: &str, medications: bool) -> ItemList {
        let mut items: Vec<String> = Vec::new();
        let mut first_indent = None;
        let mut marked = false;
        for line in raw.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
            let text = line.trim_matches(is_blank_char);
            if text.is_empty() {
                continue;
            }
            let indent = line.chars().take_while(|character| is_blank_char(*character)).count();
            let first_indent = *first_indent.get_or_insert(indent);
            let (content, has_mark) = without_mark(text);
            let goes_on = !items.is_empty()
                && !has_mark
                && (marked || indent > first_indent || (medications && is_direction(content)));
            marked |= has_mark;
            if goes_on {
                if let Some(last) = items.last_mut() {
                    last.push(' ');
                    last.push_str(content);
                }
                continue;
            }
            for numbered in numbered(text) {
                for item in at_semicolons(numbered) {
                    let item = without_mark(item).0;
                    if !item.is_empty() {
                        items.push(item.to_owned());
                    }
                }
            }
        }
        // Blanks before the first line tell which of the others are indented.
        ItemList { raw: raw.trim_end_matches(is_blank_char).to_owned(), items }
    }

    /// A list of these items, one a line.
    pub fn of(items: Vec<String>) -> ItemList {
        ItemList { raw: items.join("\n"), items }
    }

    /// Appends the text two lists are compared by: what every item says, in a fixed order.
    pub(crate) fn comparable(&self, out: &mut String) {
        let mut keys: Vec<String> = self.items.iter().map(|item| key(item)).collect();
        keys.sort_unstable();
        for key in &keys {
            crate::sameness::push_part(key, out);
        }
    }
}

/// An item without case and blanks, and without the signs that only set a medication off from its directions: they do not
/// survive in a resource that holds the two apart.
fn key(item: &str) -> String {
    let mut folded = String::with_capacity(item.len());
    fold_text(item, &mut folded);
    let mut out = String::with_capacity(folded.len());
    for word in folded.split(' ') {
        let word = word.trim_end_matches([':', ',']);
        if !matches!(word, "" | "-" | "\u{2013}" | "\u{2014}") {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    // A list of nothing but signs is still what it is.
    if out.is_empty() { folded } else { out }
}

/// The text behind a bullet or a number, and whether there was one.
fn without_mark(text: &str) -> (&str, bool) {
    for bullet in ["- ", "* ", "\u{2022}", "\u{b7} ", "\u{2013} "] {
        if let Some(rest) = text.strip_prefix(bullet) {
            return (rest.trim_matches(is_blank_char), true);
        }
    }
    match number_at(text) {
        Some((_, length)) => (text.get(length..).unwrap_or_default().trim_matches(is_blank_char), true),
        None => (text.trim_matches(is_blank_char), false),
    }
}

/// The number that begins a text (`1.`, `2)`, `(3)`) with its length in bytes. `1.5 mg` and `2 tablets` begin with none.
fn number_at(text: &str) -> Option<(u32, usize)> {
    let bracket = text.starts_with('(');
    let digits_from = usize::from(bracket);
    let digits = text.get(digits_from..)?.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 2 {
        return None;
    }
    let number = text.get(digits_from..digits_from + digits)?.parse().ok()?;
    let sign_at = digits_from + digits;
    let sign = text.get(sign_at..)?.chars().next()?;
    let after = text.get(sign_at + 1..)?.chars().next()?;
    let ends = match sign {
        ')' => true,
        '.' if !bracket => after.is_alphabetic() || is_blank_char(after),
        _ => false,
    };
    (ends && !after.is_ascii_digit()).then_some((number, sign_at + 1))
}

/// The parts of a line that counts its items: `1) … 2) …`. Only numbers that follow each other from 1 on separate.
fn numbered(line: &str) -> Vec<&str> {
    let Some((1, _)) = number_at(line) else { return vec![line] };
    let mut parts = Vec::new();
    let (mut from, mut next) = (0, 2);
    for (at, _) in line.match_indices([' ', '\t']) {
        let rest = line.get(at + 1..).unwrap_or_default();
        if number_at(rest).is_some_and(|(number, _)| number == next) {
            parts.push(line.get(from..at).unwrap_or_default());
            from = at + 1;
            next += 1;
        }
    }
    parts.push(line.get(from..).unwrap_or_default());
    parts
}

/// The parts between semicolons outside brackets.
fn at_semicolons(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut depth) = (0, 0_u32);
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ';' | '\u{ff1b}' if depth == 0 => {
                parts.push(text.get(from..at).unwrap_or_default());
                from = at + character.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

fn is_direction(line: &str) -> bool {
    let word = line.split(|character: char| !character.is_alphabetic()).next().unwrap_or_default();
    DIRECTION_WORDS.iter().any(|direction| word.eq_ignore_ascii_case(direction))
}
