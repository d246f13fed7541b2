//! Terms for sex and neuter status: reading them, and writing a pair back into one column.

use crate::text::fold_name;
use crate::value::{Conventions, Neuter, Sex, SexStatus};
use std::collections::HashMap;
use std::sync::LazyLock;

use Neuter::{Intact, Neutered};
use Sex::{Female, Male, Other};

/// FHIR R4 code system of neuter status.
pub const ANIMAL_GENDER_STATUS: &str = "http://hl7.org/fhir/animal-genderstatus";

/// Terms with their everyday meaning, folded and without blanks. `M` and `F` alone do not say whether the animal is
/// neutered; a hospital where they mean "intact" says so in its conventions (VMDB codes).
const TERMS: &[(&str, Sex, Neuter)] = &[
    ("m", Male, Neuter::Unknown),
    ("t", Male, Neuter::Unknown),
    ("mi", Male, Intact),
    ("me", Male, Intact),
    ("im", Male, Intact),
    ("em", Male, Intact),
    ("stallion", Male, Intact),
    ("colt", Male, Intact),
    ("tom", Male, Intact),
    ("tomcat", Male, Intact),
    ("buck", Male, Intact),
    ("bull", Male, Intact),
    ("ram", Male, Intact),
    ("boar", Male, Intact),
    ("stud", Male, Intact),
    ("mn", Male, Neutered),
    ("nm", Male, Neutered),
    ("mc", Male, Neutered),
    ("cm", Male, Neutered),
    ("n", Male, Neutered),
    ("c", Male, Neutered),
    ("gelding", Male, Neutered),
    ("wether", Male, Neutered),
    ("steer", Male, Neutered),
    ("barrow", Male, Neutered),
    ("gib", Male, Neutered),
    ("castrated", Male, Neutered),
    ("castrate", Male, Neutered),
    ("f", Female, Neuter::Unknown),
    ("o", Female, Neuter::Unknown),
    ("fi", Female, Intact),
    ("fe", Female, Intact),
    ("if", Female, Intact),
    ("ef", Female, Intact),
    ("mare", Female, Intact),
    ("filly", Female, Intact),
    ("queen", Female, Intact),
    ("doe", Female, Intact),
    ("cow", Female, Intact),
    ("heifer", Female, Intact),
    ("ewe", Female, Intact),
    ("sow", Female, Intact),
    ("vixen", Female, Intact),
    ("bitch", Female, Intact),
    ("jill", Female, Intact),
    ("fs", Female, Neutered),
    ("fn", Female, Neutered),
    ("sf", Female, Neutered),
    ("nf", Female, Neutered),
    ("s", Female, Neutered),
    ("spayed", Female, Neutered),
    ("u", Sex::Unknown, Neuter::Unknown),
    ("unk", Sex::Unknown, Neuter::Unknown),
    ("unknown", Sex::Unknown, Neuter::Unknown),
    ("notstated", Sex::Unknown, Neuter::Unknown),
    ("notknown", Sex::Unknown, Neuter::Unknown),
    ("notspecified", Sex::Unknown, Neuter::Unknown),
    ("notrecorded", Sex::Unknown, Neuter::Unknown),
    ("undetermined", Sex::Unknown, Neuter::Unknown),
    ("h", Other, Neuter::Unknown),
    ("hermaphrodite", Other, Neuter::Unknown),
    ("intersex", Other, Neuter::Unknown),
    ("other", Other, Neuter::Unknown),
];

/// What one word of a longer term says (`neutered male`, `female_spayed`).
enum Word {
    Sex(Sex),
    Neuter(Neuter),
    /// Sex and status in one: `spayed`.
    Both(Sex, Neuter),
    /// The next word is denied: `not neutered`.
    Not,
    /// Says nothing: `status`.
    Filler,
}

fn word(word: &str) -> Option<Word> {
    Some(match word {
        "male" | "m" | "boy" | "masculine" => Word::Sex(Male),
        "female" | "f" | "girl" | "feminine" => Word::Sex(Female),
        "other" | "hermaphrodite" | "intersex" => Word::Sex(Other),
        "unknown" | "undetermined" => Word::Sex(Sex::Unknown),
        "neutered" | "neuter" | "n" | "desexed" | "altered" | "fixed" | "sterilised" | "sterilized"
        | "gonadectomised" | "gonadectomized" => Word::Neuter(Neutered),
        "spayed" | "spay" | "s" => Word::Both(Female, Neutered),
        "castrated" | "castrate" | "c" => Word::Both(Male, Neutered),
        "intact" | "entire" | "unaltered" | "unneutered" | "unspayed" | "uncastrated" | "undesexed"
        | "whole" | "i" | "e" => Word::Neuter(Intact),
        "not" | "non" | "un" => Word::Not,
        "status" | "sex" | "gender" | "animal" | "and" | "has" | "been" | "is" => Word::Filler,
        _ => return None,
    })
}

/// What a term says: the hospital's own meaning first, then the everyday one; `None` for a term nobody knows.
pub fn recognise(term: &str, conventions: &Conventions) -> Option<(Sex, Neuter)> {
    let mut folded = String::with_capacity(term.len());
    fold_name(term, &mut folded);
    if let Some(pair) = super::species::own_name(&conventions.sex_terms, &folded) {
        return Some(*pair);
    }
    built_in(&folded)
}

/// The meanings of the terms above, and of the ways the product itself writes.
static BY_TERM: LazyLock<HashMap<&'static str, (Sex, Neuter)>> =
    LazyLock::new(|| TERMS.iter().map(|(term, sex, neuter)| (*term, (*sex, *neuter))).collect());

fn built_in(folded: &str) -> Option<(Sex, Neuter)> {
    let known = match folded {
        "male" => Some((Male, Neuter::Unknown)),
        "female" => Some((Female, Neuter::Unknown)),
        "male neutered" | "neutered male" => Some((Male, Neutered)),
        "male intact" | "intact male" => Some((Male, Intact)),
        "female spayed" | "spayed female" => Some((Female, Neutered)),
        "female intact" | "intact female" => Some((Female, Intact)),
        term => BY_TERM.get(term).copied(),
    };
    if known.is_some() {
        return known;
    }
    // `F/S`, `M (N)`, `not stated`
    if folded.len() <= TERM_LENGTH_MAX && !folded.chars().all(char::is_alphanumeric) {
        let joined: String = folded.chars().filter(|character| character.is_alphanumeric()).collect();
        if let Some(pair) = BY_TERM.get(joined.as_str()) {
            return Some(*pair);
        }
    }
    by_words(folded)
}

/// The longest term above with a sign between any two letters.
const TERM_LENGTH_MAX: usize = 40;

/// A term of several words: each must say something, and none may contradict another.
fn by_words(folded: &str) -> Option<(Sex, Neuter)> {
    let (mut sex, mut neuter, mut denied) = (None, None, false);
    let mut status_unknown = false;
    let mut words = folded
        .split([' ', '/', '(', ')', '[', ']', ':', ';', '+', '&'])
        .filter(|word| !word.is_empty())
        .peekable();
    words.peek()?;
    let mut says = |sex_said: Option<Sex>, neuter_said: Option<Neuter>| {
        let agrees = sex_said.is_none_or(|said| sex.is_none_or(|before| before == said))
            && neuter_said.is_none_or(|said| neuter.is_none_or(|before| before == said));
        sex = sex_said.or(sex);
        neuter = neuter_said.or(neuter);
        agrees
    };
    let mut said_sex = false;
    while let Some(text) = words.next() {
        let agrees = match word(text)? {
            // `male, status unknown`: the second thing said is the status.
            Word::Sex(Sex::Unknown) if said_sex || status_unknown => says(None, Some(Neuter::Unknown)),
            Word::Sex(said) => {
                said_sex = true;
                says(Some(said), None)
            }
            Word::Neuter(said) | Word::Both(_, said) if denied => {
                denied = false;
                says(None, Some(if said == Neutered { Intact } else { Neutered }))
            }
            // `neuter status unknown` does not say neutered.
            Word::Neuter(Neutered) if text == "neuter" && words.peek() == Some(&"status") => {
                status_unknown = true;
                true
            }
            Word::Neuter(said) => says(None, Some(said)),
            Word::Both(said_sex_too, said) => {
                said_sex = true;
                says(Some(said_sex_too), Some(said))
            }
            Word::Not => {
                denied = true;
                true
            }
            Word::Filler => true,
        };
        if !agrees {
            return None;
        }
    }
    if denied || (sex.is_none() && neuter.is_none()) {
        return None;
    }
    Some((sex.unwrap_or(Sex::Unknown), neuter.unwrap_or(Neuter::Unknown)))
}

/// The ways a pair is written, by style: choice values, words, letters. Each style has the form people know best first.
struct Written {
    pair: (Sex, Neuter),
    choice: &'static str,
    words: &'static str,
    letters: &'static str,
    /// Says it in any convention.
    long: &'static str,
}

const fn written(
    pair: (Sex, Neuter),
    choice: &'static str,
    words: &'static str,
    letters: &'static str,
    long: &'static str,
) -> Written {
    Written { pair, choice, words, letters, long }
}

const WRITTEN: &[Written] = &[
    written((Male, Intact), "male_intact", "Male intact", "MI", "intact male animal"),
    written((Male, Neutered), "male_neutered", "Male neutered", "MN", "neutered male animal"),
    written((Male, Neuter::Unknown), "male", "Male", "M", "male neuter status unknown"),
    written((Female, Intact), "female_intact", "Female intact", "FI", "intact female animal"),
    written((Female, Neutered), "female_spayed", "Female spayed", "FS", "neutered female animal"),
    written((Female, Neuter::Unknown), "female", "Female", "F", "female neuter status unknown"),
    written((Other, Intact), "other_intact", "Other intact", "other intact", "intact other animal"),
    written((Other, Neutered), "other_neutered", "Other neutered", "other neutered", "neutered other animal"),
    written((Other, Neuter::Unknown), "other", "Other", "H", "other neuter status unknown"),
    written((Sex::Unknown, Intact), "unknown_intact", "Unknown intact", "intact", "intact unknown animal"),
    written(
        (Sex::Unknown, Neutered),
        "unknown_neutered",
        "Unknown neutered",
        "neutered",
        "neutered unknown animal",
    ),
    written((Sex::Unknown, Neuter::Unknown), "unknown", "Unknown", "U", "unknown neuter status unknown"),
];

/// How a hospital's column writes its terms, judged by one of them.
#[derive(Clone, Copy)]
enum Style {
    Choice,
    Words,
    WordsLower,
    WordsUpper,
    Letters,
}

fn style_of(term: &str) -> Option<Style> {
    let term = crate::text::trimmed(term);
    let letters = term.chars().filter(|character| character.is_alphabetic()).count();
    if letters == 0 {
        None
    } else if term.contains('_') {
        Some(Style::Choice)
    } else if letters <= 2 {
        Some(Style::Letters)
    } else if term.chars().all(|character| !character.is_lowercase()) {
        Some(Style::WordsUpper)
    } else if term.chars().all(|character| !character.is_uppercase()) {
        // A single lower-case word is what a choice list stores.
        Some(if term.contains(' ') { Style::WordsLower } else { Style::Choice })
    } else {
        Some(Style::Words)
    }
}

/// The term that writes a pair into one column, and is read back as the same pair under the same conventions.
///
/// `old` is what the column holds: kept when it still means the same, otherwise its style is (`MI` becomes `MN`,
/// `male_intact` becomes `male_neutered`). The hospital's own terms come before the built-in ones.
pub fn to_term(status: &SexStatus, old: Option<&str>, conventions: &Conventions) -> String {
    let pair = (status.sex, status.neuter);
    let means_it = |term: &str| recognise(term, conventions) == Some(pair);
    if let Some(old) = old.filter(|old| means_it(old)) {
        return old.to_owned();
    }
    let own = conventions
        .sex_terms
        .iter()
        .filter(|(term, said)| **said == pair && means_it(term))
        .map(|(term, _)| term);
    if let Some(term) = own.max_by_key(|term| old.is_some_and(|old| same_shape(old, term))) {
        return term.clone();
    }
    let old_style = old.and_then(style_of);
    if old_style.is_none()
        && let Some(term) = status.term.as_deref().filter(|term| means_it(term))
    {
        return term.to_owned();
    }
    let Some(known) = WRITTEN.iter().find(|known| known.pair == pair) else {
        return String::new();
    };
    let styled = match old_style.unwrap_or(Style::Choice) {
        Style::Choice => known.choice.to_owned(),
        Style::Words => known.words.to_owned(),
        Style::WordsLower => known.words.to_lowercase(),
        Style::WordsUpper => known.words.to_uppercase(),
        Style::Letters => known.letters.to_owned(),
    };
    [styled.as_str(), known.choice, known.words, known.long]
        .into_iter()
        .find(|term| means_it(term))
        .unwrap_or(known.long)
        .to_owned()
}

fn same_shape(left: &str, right: &str) -> bool {
    left.contains('_') == right.contains('_') && (left.chars().count() <= 2) == (right.chars().count() <= 2)
}

/// What people read for a pair: `Female spayed`.
pub(crate) fn label(sex: Sex, neuter: Neuter) -> &'static str {
    WRITTEN.iter().find(|known| known.pair == (sex, neuter)).map_or("", |known| known.words)
}

impl SexStatus {
    /// A pair without a term, as FHIR gives it.
    pub const fn new(sex: Sex, neuter: Neuter) -> SexStatus {
        SexStatus { sex, neuter, term: None }
    }

    /// [`to_term`] of this value.
    pub fn to_term(&self, old: Option<&str>, conventions: &Conventions) -> String {
        to_term(self, old, conventions)
    }
}

impl Sex {
    /// The FHIR code.
    pub const fn code(self) -> &'static str {
        match self {
            Male => "male",
            Female => "female",
            Other => "other",
            Sex::Unknown => "unknown",
        }
    }

    /// The inverse of [`Sex::code`].
    pub fn from_code(code: &str) -> Option<Sex> {
        [Male, Female, Other, Sex::Unknown].into_iter().find(|sex| sex.code() == code)
    }
}

impl Neuter {
    /// The FHIR code.
    pub const fn code(self) -> &'static str {
        match self {
            Neutered => "neutered",
            Intact => "intact",
            Neuter::Unknown => "unknown",
        }
    }

    /// The display text of the FHIR code.
    pub const fn display(self) -> &'static str {
        match self {
            Neutered => "Neutered",
            Intact => "Intact",
            Neuter::Unknown => "Unknown",
        }
    }

    /// The inverse of [`Neuter::code`].
    pub fn from_code(code: &str) -> Option<Neuter> {
        [Neutered, Intact, Neuter::Unknown].into_iter().find(|neuter| neuter.code() == code)
    }
}
