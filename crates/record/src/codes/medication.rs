//! What a prescription written as one line says: the medication, and how to give it.
//!
//! Nothing is rewritten: both halves are stretches of the line, and together they are the whole of it but for the sign
//! between them. Where no beginning of directions is found, the line stays whole.

/// HL7 v3 abbreviations of timing (wire-facts 10.4).
pub const TIMING: &str = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation";

/// A line in its two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prescription<'a> {
    /// Name, strength and form: `Prednisolone 5 mg tablet`.
    pub medication: &'a str,
    /// How to give it: `1 tablet by mouth SID for 5 days`.
    pub directions: Option<&'a str>,
}

/// Words that begin directions, wherever they stand.
const DIRECTIONS: &[&str] = &[
    "sig",
    "give",
    "take",
    "apply",
    "instill",
    "inject",
    "administer",
    "po",
    "iv",
    "im",
    "sc",
    "sq",
    "subq",
    "orally",
    "topically",
    "by",
    "sid",
    "bid",
    "tid",
    "qid",
    "qod",
    "eod",
    "qd",
    "prn",
    "once",
    "twice",
    "every",
    "daily",
];
/// What an animal is given one or more of.
const COUNTED: &[&str] = &[
    "tablet", "tablets", "tab", "tabs", "capsule", "capsules", "cap", "caps", "drop", "drops", "gtt", "ml",
    "cc", "puff", "puffs", "unit", "units", "u", "iu", "sachet", "sachets", "pump", "pumps", "pipette",
    "pipettes", "dose", "doses", "chew", "chews", "patch", "patches", "spray", "sprays",
];
/// What a strength is measured in. With `/kg` it is a dose.
const STRENGTH: &[&str] = &["mg", "g", "ug", "mcg", "\u{b5}g", "\u{3bc}g", "%", "iu", "mmol", "meq"];
const NUMBER_WORDS: &[&str] = &["one", "two", "three", "four", "half", "quarter"];
const VERBS_WITHOUT_AMOUNT: &[&str] = &["apply", "instill"];

struct Word<'a> {
    at: usize,
    /// In lower case, without signs behind it.
    folded: String,
    raw: &'a str,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    for raw in text.split(|character: char| character.is_whitespace()) {
        if !raw.is_empty() {
            let folded =
                raw.trim_end_matches([',', ':', ';', '.', ')']).trim_start_matches('(').to_lowercase();
            found.push(Word { at: from, folded, raw });
        }
        from += raw.len();
        from += text.get(from..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    found
}

/// The unit of an amount that begins at a word, and how many words it takes; `None` where no amount begins.
fn amount<'a>(words: &'a [Word<'_>], at: usize) -> Option<(&'a str, usize)> {
    let word = words.get(at)?.folded.as_str();
    let next = || words.get(at + 1).map_or("", |next| next.folded.as_str());
    if NUMBER_WORDS.contains(&word) {
        return Some((next(), 2));
    }
    let digits = word.find(|character: char| {
        !(character.is_ascii_digit() || matches!(character, '.' | ',' | '/' | '-' | '\u{bd}' | '\u{bc}'))
    });
    let begins =
        word.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '\u{bd}' | '\u{bc}'));
    match digits {
        _ if !begins => None,
        None => Some((next(), 2)),
        Some(end) => Some((word.get(end..).unwrap_or_default(), 1)),
    }
}

fn is_strength(unit: &str) -> bool {
    let base = unit.split('/').next().unwrap_or(unit);
    STRENGTH.contains(&base) && !unit.ends_with("/kg")
}

/// Every `q8h`, `q12h`, `q24h`.
fn is_interval(word: &str) -> bool {
    word.strip_prefix('q')
        .and_then(|rest| rest.strip_suffix('h'))
        .is_some_and(|hours| !hours.is_empty() && hours.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Splits a line at the beginning of its directions.
pub fn split(line: &str) -> Prescription<'_> {
    let words = words(line);
    let whole = Prescription { medication: line.trim(), directions: None };
    let mut has_strength = false;
    let mut at = 1;
    while let Some(word) = words.get(at) {
        let after_colon = words.get(at - 1).is_some_and(|before| before.raw.ends_with(':'));
        let dash = matches!(word.raw, "-" | "\u{2013}" | "\u{2014}");
        if dash && at + 1 < words.len() {
            return halves(line, words.get(at + 1).map_or(word.at, |next| next.at)).unwrap_or(whole);
        }
        if after_colon || DIRECTIONS.contains(&word.folded.as_str()) || is_interval(&word.folded) {
            return halves(line, word.at).unwrap_or(whole);
        }
        match amount(&words, at) {
            Some((unit, count)) if is_strength(unit) && !has_strength => {
                has_strength = true;
                at += count;
            }
            Some((unit, _)) if is_strength(unit) || unit.ends_with("/kg") || COUNTED.contains(&unit) => {
                return halves(line, word.at).unwrap_or(whole);
            }
            Some(_) | None => at += 1,
        }
    }
    whole
}

fn halves(line: &str, at: usize) -> Option<Prescription<'_>> {
    let (before, directions) = line.split_at_checked(at)?;
    let mut medication = before.trim();
    loop {
        let shorter = medication.trim_end_matches([':', ',']);
        let shorter = ["-", "\u{2013}", "\u{2014}"]
            .into_iter()
            .find_map(|dash| shorter.strip_suffix(dash).filter(|rest| rest.ends_with(char::is_whitespace)))
            .unwrap_or(shorter)
            .trim_end();
        if shorter == medication {
            break;
        }
        medication = shorter;
    }
    let directions = directions.trim();
    (!medication.is_empty() && !directions.is_empty())
        .then_some(Prescription { medication, directions: Some(directions) })
}

/// Whether a line says how much to give: directions with an amount somewhere in the line, or directions for something that
/// is not counted ("apply to the ear").
pub fn has_dose(line: &str) -> bool {
    let Some(directions) = split(line).directions else { return false };
    let all = words(line);
    let has_amount = (0..all.len()).any(|at| {
        amount(&all, at)
            .is_some_and(|(unit, _)| is_strength(unit) || unit.ends_with("/kg") || COUNTED.contains(&unit))
    });
    has_amount || words(directions).iter().any(|word| VERBS_WITHOUT_AMOUNT.contains(&word.folded.as_str()))
}

/// The timing code of directions, with the word it was written as; `None` where they say more than one thing about when
/// (`then`, `as needed`), or what they say is none of HL7's abbreviations. Vets write `SID` for once daily.
pub fn timing(directions: &str) -> Option<(&'static str, String)> {
    const NOT_REGULAR: &[&str] = &[
        "then",
        "taper",
        "tapering",
        "prn",
        "needed",
        "until",
        "alternate",
        "alternating",
        "reduce",
        "increase",
    ];
    let words = words(directions);
    let mut found: Option<(&'static str, String)> = None;
    for (at, word) in words.iter().enumerate() {
        let folded = word.folded.replace('.', "");
        if NOT_REGULAR.contains(&folded.as_str()) {
            return None;
        }
        let next = |ahead: usize| words.get(at + ahead).map_or("", |word| word.folded.as_str());
        let a_day = |from: usize| match (next(from), next(from + 1)) {
            ("daily", _) => Some(from),
            ("a" | "per" | "each", "day") => Some(from + 1),
            _ => None,
        };
        let phrase = |code, last: usize| {
            let end = words.get(at + last).map(|word| word.at + word.raw.len());
            let text = directions.get(word.at..end.unwrap_or(directions.len())).unwrap_or_default();
            Some((code, text.trim_end_matches([',', ':', ';', '.', ')']).to_owned()))
        };
        let code = match folded.as_str() {
            "sid" | "qd" => phrase("QD", 0),
            "bid" => phrase("BID", 0),
            "tid" => phrase("TID", 0),
            "qid" => phrase("QID", 0),
            "qod" | "eod" => phrase("QOD", 0),
            "q4h" => phrase("Q4H", 0),
            "q6h" => phrase("Q6H", 0),
            "q8h" => phrase("Q8H", 0),
            "once" => a_day(1).and_then(|last| phrase("QD", last)),
            "twice" => a_day(1).and_then(|last| phrase("BID", last)),
            "three" if next(1) == "times" => a_day(2).and_then(|last| phrase("TID", last)),
            "four" if next(1) == "times" => a_day(2).and_then(|last| phrase("QID", last)),
            // Another interval: said, and without a code.
            "every" => return None,
            other if is_interval(other) => return None,
            _ => None,
        };
        match (&found, code) {
            (Some(_), Some(_)) => return None,
            (None, Some(code)) => found = Some(code),
            (_, None) => {}
        }
    }
    found
}
