//! Allergies: a set of substances, read from one column of text or from single resources, and written back.

use super::{Coding, NO_KNOWN_ALLERGY, Substance, SubstanceSet};
use crate::codes::SNOMED_CT;
use crate::text::{fold_name, is_blank_char, trimmed};

/// Ways to say that the animal is known to have no allergy, folded. A doubtful one (`NKDA?`) is none of them.
const NONE_KNOWN: &[&str] = &[
    "none-known",
    "none known",
    "nkda",
    "nka",
    "n k d a",
    "n k a",
    "no known allergies",
    "no known allergy",
    "no known drug allergies",
    "no known drug allergy",
    "no known medication allergies",
    "no known medical allergies",
    "no allergies",
    "no allergy",
    "no allergies known",
    "no known",
    "none",
    "nil",
    "nil known",
    "no known allergies to date",
    "no known drug or food allergies",
    "no known food or drug allergies",
    "no known allergens",
    "not allergic",
    "allergies none",
    "no drug allergies",
];

/// SNOMED CT codes of the same statement: no known allergy, no known drug allergy.
const NONE_KNOWN_SNOMED: &[&str] = &["716186003", "409137002"];

impl Substance {
    /// A substance from its text and codes; `None` when both are empty or show nothing. Line ends and runs of blanks become one blank.
    pub fn new(text: &str, codings: Vec<Coding>) -> Option<Substance> {
        let own = one_line(text);
        let text = if own.is_empty() {
            codings
                .iter()
                .filter_map(|coding| coding.display.as_deref())
                .chain(codings.iter().map(|coding| coding.code.as_str()))
                .map(one_line)
                .find(|text| !text.is_empty())?
        } else {
            own
        };
        let none_known = codings
            .iter()
            .any(|coding| coding.system == SNOMED_CT && NONE_KNOWN_SNOMED.contains(&coding.code.as_str()));
        let mut key = String::with_capacity(text.len());
        fold_name(&text, &mut key);
        if none_known || NONE_KNOWN.contains(&key.as_str()) {
            NO_KNOWN_ALLERGY.clone_into(&mut key);
        }
        Some(Substance { text, key, codings })
    }

    /// The codes to send: its own, or that of the statement that no allergy is known. A substance without codes travels
    /// as text.
    pub fn codings_to_send(&self) -> Vec<Coding> {
        if self.codings.is_empty() && self.is_none_known() {
            return vec![Coding {
                system: SNOMED_CT.to_owned(),
                code: "716186003".to_owned(),
                display: Some("No known allergy".to_owned()),
            }];
        }
        self.codings.clone()
    }

    /// Whether this is the statement that no allergy is known.
    pub fn is_none_known(&self) -> bool {
        self.key == NO_KNOWN_ALLERGY
    }
}

fn one_line(text: &str) -> String {
    if text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for word in text
        .split(|character: char| is_blank_char(character) || character.is_control())
        .filter(|word| !word.is_empty())
    {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Reads a column of text: substances stand on lines of their own or between semicolons and commas. A comma inside
/// parentheses separates nothing, nor does anything inside double quotes.
pub(super) fn parse(raw: &str) -> SubstanceSet {
    let mut set = SubstanceSet::default();
    let mut rest = raw;
    while !rest.is_empty() {
        let (item, after) = next_item(rest);
        if let Some(substance) = Substance::new(&item, Vec::new()) {
            set.insert(substance);
        }
        rest = after;
    }
    set
}

fn is_separator(character: char) -> bool {
    matches!(character, '\n' | '\r' | ';' | ',' | '\u{2028}' | '\u{2029}' | '\u{ff0c}' | '\u{ff1b}')
}

/// The first item of a list, without its bullet and quotes, and what follows its separator.
fn next_item(list: &str) -> (String, &str) {
    let start =
        list.trim_start_matches(|character: char| is_blank_char(character) && !is_separator(character));
    let start = without_bullet(start);
    if let Some((quoted, after)) = quoted_item(start) {
        return (quoted, after);
    }
    let mut depth = 0_u32;
    for (at, character) in start.char_indices() {
        match character {
            '(' | '[' if closes(&start[at..], character) => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            separator if is_separator(separator) && (depth == 0 || matches!(separator, '\n' | '\r')) => {
                return (start[..at].to_owned(), &start[at + separator.len_utf8()..]);
            }
            _ => {}
        }
    }
    (start.to_owned(), "")
}

/// Whether an opening bracket is closed on its line.
fn closes(from_bracket: &str, open: char) -> bool {
    let close = if open == '(' { ')' } else { ']' };
    from_bracket
        .chars()
        .take_while(|character| !matches!(character, '\n' | '\r'))
        .any(|character| character == close)
}

const BULLETS: [char; 5] = ['-', '*', '\u{2022}', '\u{2013}', '\u{b7}'];

fn without_bullet(item: &str) -> &str {
    let rest = item.trim_start_matches(BULLETS);
    if rest.len() < item.len() && rest.starts_with(|next: char| is_blank_char(next)) {
        trimmed_start(rest)
    } else {
        item
    }
}

fn trimmed_start(text: &str) -> &str {
    text.trim_start_matches(|character: char| is_blank_char(character) && !is_separator(character))
}

/// An item in double quotes that fill it; a doubled quote inside stands for one.
fn quoted_item(start: &str) -> Option<(String, &str)> {
    let mut rest = start.strip_prefix('"')?;
    let mut item = String::new();
    loop {
        let at = rest.find('"')?;
        item.push_str(rest.get(..at)?);
        rest = rest.get(at + 1..)?;
        if let Some(more) = rest.strip_prefix('"') {
            item.push('"');
            rest = more;
            continue;
        }
        let after = trimmed_start(rest);
        return match after.chars().next() {
            None => Some((item, "")),
            Some(next) if is_separator(next) => Some((item, &after[next.len_utf8()..])),
            Some(_) => None,
        };
    }
}

impl SubstanceSet {
    /// A set of substances in this order; repetitions of a key are dropped.
    pub fn new(items: impl IntoIterator<Item = Substance>) -> SubstanceSet {
        let mut set = SubstanceSet::default();
        items.into_iter().for_each(|item| {
            set.insert(item);
        });
        set
    }

    /// Adds a substance; says whether it was new. The codes of a repetition are kept where the first had none.
    pub fn insert(&mut self, substance: Substance) -> bool {
        if let Some(known) = self.items.iter_mut().find(|item| item.key == substance.key) {
            if known.codings.is_empty() {
                known.codings = substance.codings;
            }
            return false;
        }
        self.items.push(substance);
        true
    }

    /// Whether a substance of that key is in the set.
    pub fn contains(&self, key: &str) -> bool {
        self.items.iter().any(|item| item.key == key)
    }

    /// Whether the set says that no allergy is known, and nothing else.
    pub fn is_none_known(&self) -> bool {
        !self.items.is_empty() && self.items.iter().all(Substance::is_none_known)
    }

    /// Whether it says "no known allergies" and names a substance all the same.
    pub fn contradicts_itself(&self) -> bool {
        self.contains(NO_KNOWN_ALLERGY) && !self.is_none_known()
    }

    /// The text of a column, read back as the same set. `old` is what the column holds: kept when it says the same,
    /// otherwise its way of separating is (lines, semicolons, commas).
    pub fn to_text(&self, old: Option<&str>) -> String {
        if let Some(old) = old.filter(|old| parse(old).same_keys(self)) {
            return old.to_owned();
        }
        let separator = match old {
            Some(old) if trimmed(old).contains('\n') => "\n",
            Some(old) if old.contains(';') => "; ",
            _ => ", ",
        };
        let mut out = String::new();
        for item in &self.items {
            if !out.is_empty() {
                out.push_str(separator);
            }
            if stands_alone(item) {
                out.push_str(&item.text);
            } else if reads_back_quoted(item) {
                out.push('"');
                out.push_str(&item.text.replace('"', "\"\""));
                out.push('"');
            } else {
                // Its codes say more than its text: the statement itself is what must survive.
                out.push_str(if item.is_none_known() { "No known allergies" } else { &item.text });
            }
        }
        out
    }

    /// Whether two sets hold the same substances, in any order.
    pub fn same_keys(&self, other: &SubstanceSet) -> bool {
        self.items.len() == other.items.len() && self.items.iter().all(|item| other.contains(&item.key))
    }
}

/// Whether an item is read back without quotes, whatever stands beside it.
fn stands_alone(item: &Substance) -> bool {
    let mut depth = 0_i32;
    let balanced = item.text.chars().all(|character| {
        depth += match character {
            '(' | '[' => 1,
            ')' | ']' => -1,
            _ => 0,
        };
        depth >= 0
    }) && depth == 0;
    let (read, after) = next_item(&item.text);
    balanced
        && !item.text.contains('"')
        && !item.text.starts_with(BULLETS)
        && after.is_empty()
        && read == item.text
        && Substance::new(&read, Vec::new()).is_some_and(|read| read.key == item.key)
}

fn reads_back_quoted(item: &Substance) -> bool {
    Substance::new(&item.text, Vec::new()).is_some_and(|read| read.key == item.key)
}
