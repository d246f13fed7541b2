//! What of a record tells whether it is the same animal as another, in the forms it is compared by.

use super::matching::Matching;
use record::catalogue::FhirPlace;
use record::value::{ChipClass, PartialDate, Sex};
use record::{Catalogue, FieldIx, FieldState, Record, Value};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The catalogue fields that features are taken from, looked up once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeatureFields {
    name: Option<FieldIx>,
    species: Option<FieldIx>,
    birth_date: Option<FieldIx>,
    sex: Option<FieldIx>,
    chip: Option<FieldIx>,
    owner: Option<FieldIx>,
    phone: Option<FieldIx>,
    email: Option<FieldIx>,
}

impl FeatureFields {
    /// Finds the fields by their place in the FHIR resource, whatever they are called.
    pub fn of(catalogue: &Catalogue) -> FeatureFields {
        let at = |place: &FhirPlace| {
            catalogue.iter().find(|(_, spec)| spec.place == *place).map(|(field, _)| field)
        };
        FeatureFields {
            name: at(&FhirPlace::PatientName),
            species: at(&FhirPlace::AnimalSpecies),
            birth_date: at(&FhirPlace::BirthDate),
            sex: at(&FhirPlace::GenderAndStatus),
            chip: at(&FhirPlace::MicrochipIdentifier),
            owner: at(&FhirPlace::OwnerName),
            phone: at(&FhirPlace::OwnerPhone),
            email: at(&FhirPlace::OwnerEmail),
        }
    }
}

/// One record, ready to be matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// Its own key.
    pub key: String,
    /// The other remote's key, where it carries it.
    pub other_key: Option<String>,
    /// Whether it is in use; the loser of a merge is not.
    pub active: bool,
    /// The folded name without the owner's surname; empty where there is none, or none that tells animals apart.
    pub name: String,
    /// A name was given, but one like "Unknown" or "Kitten 3".
    pub weightless_name: bool,
    /// The species' concept, or its folded text.
    pub species: Option<Species>,
    /// Birth date, as far as it is known.
    pub birth_date: Option<PartialDate>,
    /// Male or female; anything else tells nothing.
    pub sex: Option<Sex>,
    /// The transponder number in its normal form, and its kind.
    pub chip: Option<(String, ChipClass)>,
    /// The folded words of the owner's name, sorted, without titles.
    pub owner: Vec<String>,
    /// E.164, valid numbers only.
    pub phone: Option<String>,
    /// The whole address in lower case.
    pub email: Option<String>,
}

/// A species as far as it was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Species {
    /// By its concept.
    Concept(String),
    /// Not recognised: its folded text.
    Text(String),
}

impl Features {
    /// Takes the features of a record.
    pub fn of(fields: &FeatureFields, record: &Record) -> Features {
        let value = |field: Option<FieldIx>| field.and_then(|field| record.field(field).value());
        let owner = match value(fields.owner) {
            Some(Value::Name(text) | Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let (name, weightless_name) = match value(fields.name) {
            Some(Value::Name(text) | Value::Text(text)) => telling_name(text, owner),
            _ => (String::new(), false),
        };
        Features {
            key: record.key.clone(),
            other_key: record.other_key.clone(),
            active: record.active,
            name,
            weightless_name,
            species: match value(fields.species) {
                Some(Value::Coded(coded)) => species(coded),
                _ => None,
            },
            birth_date: match value(fields.birth_date) {
                Some(Value::Date(date)) => Some(*date),
                _ => None,
            },
            sex: match value(fields.sex) {
                Some(Value::Sex(status)) if matches!(status.sex, Sex::Male | Sex::Female) => Some(status.sex),
                _ => None,
            },
            chip: match fields.chip.map(|field| record.field(field)) {
                Some(FieldState::Value(Value::Microchip(chip))) => Some((chip.normal.clone(), chip.class)),
                _ => None,
            },
            owner: owner.map(owner_words).unwrap_or_default(),
            phone: match value(fields.phone) {
                Some(Value::Phone(phone)) => phone.e164.clone(),
                _ => None,
            },
            email: match value(fields.email) {
                Some(Value::Email(address)) => {
                    Some(address.trim().to_lowercase()).filter(|it| !it.is_empty())
                }
                _ => None,
            },
        }
    }

    /// See [`crate::identity::blocking_keys`]. The first letters of the name go together with the initials of two
    /// words of the owner's name (whatever the species, since one side may not say it), or with species and day of
    /// birth, so that the Bellas of a large clinic do not all meet. A name misspelt in its first two letters still meets
    /// by its owner's phone or e-mail.
    pub fn blocking_keys(&self) -> Vec<String> {
        let mut keys = Vec::with_capacity(6);
        if let Some((number, _)) = &self.chip {
            keys.push(format!("chip:{number}"));
        }
        if let Some(phone) = &self.phone {
            keys.push(format!("phone:{phone}"));
        }
        if let Some(email) = &self.email {
            keys.push(format!("email:{email}"));
        }
        if self.name.is_empty() {
            return keys;
        }
        let letters: String = self.name.chars().take(2).collect();
        let mut add = |key: String| {
            if !keys.contains(&key) {
                keys.push(key);
            }
        };
        if let [only] = self.owner.as_slice() {
            add(format!("name:{letters}:{}", only.chars().take(2).collect::<String>()));
        }
        // A slip in the second letter still meets by the owner's longest word, which is the surname mostly.
        if let (Some(letter), Some(longest)) =
            (self.name.chars().next(), self.owner.iter().max_by_key(|word| word.chars().count()))
        {
            add(format!("kin:{letter}:{longest}"));
        }
        for (at, word) in self.owner.iter().enumerate() {
            for other in self.owner.iter().skip(at + 1) {
                let initials: String = word.chars().take(1).chain(other.chars().take(1)).collect();
                add(format!("name:{letters}:{initials}"));
            }
        }
        keys.extend(self.birth_key());
        keys
    }

    /// The key by which records meet of which one does not say who owns the animal; nothing without a day of birth.
    pub(super) fn birth_key(&self) -> Option<String> {
        let (Species::Concept(species) | Species::Text(species)) = self.species.as_ref()?;
        let PartialDate { year, month: Some(month), day: Some(day) } = self.birth_date? else { return None };
        let letters: String = self.name.chars().take(2).collect();
        (!letters.is_empty()).then(|| format!("born:{species}:{letters}:{year:04}-{month:02}-{day:02}"))
    }
}

/// What an answer about two records rests on: when one of these changes, it is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum KeyFact {
    Name,
    Species,
    BirthDate,
    Sex,
    Microchip,
    Owner,
    Phone,
    Email,
}

/// The key facts of a record in the forms they are compared by, so that another spelling is no change. Facts that it does
/// not say are left out.
pub fn key_facts(features: &Features) -> Vec<(KeyFact, String)> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let facts = [
        (KeyFact::Name, text(&features.name)),
        (
            KeyFact::Species,
            features.species.as_ref().map(|species| match species {
                Species::Concept(concept) => format!("concept {concept}"),
                Species::Text(words) => format!("text {words}"),
            }),
        ),
        (KeyFact::BirthDate, features.birth_date.map(|date| date.to_string())),
        (KeyFact::Sex, features.sex.map(|sex| format!("{sex:?}"))),
        (KeyFact::Microchip, features.chip.as_ref().map(|(number, _)| number.clone())),
        (KeyFact::Owner, text(&features.owner.join(" "))),
        (KeyFact::Phone, features.phone.clone()),
        (KeyFact::Email, features.email.clone()),
    ];
    facts.into_iter().filter_map(|(fact, text)| Some((fact, text?))).collect()
}

/// Whether two records cannot match by anything but chip or cross reference: the cheap part of the tier table, which
/// decides most pairs that meet in a block.
pub(super) fn names_cannot_match(left: &Features, right: &Features, matching: &Matching) -> bool {
    let species_differ = match (&left.species, &right.species) {
        (Some(Species::Concept(one)), Some(Species::Concept(other))) => one != other,
        (Some(_) | None, _) => false,
    };
    species_differ
        || left.name.is_empty()
        || right.name.is_empty()
        || !could_be_alike(&left.name, &right.name, matching)
}

/// Whether Jaro-Winkler can reach what a possible match needs, judged by the letters that occur in both alone.
fn could_be_alike(left: &str, right: &str, matching: &Matching) -> bool {
    if left == right {
        return true;
    }
    let letters = |text: &str| text.chars().fold(0_u32, |set, letter| set | bit(letter));
    let shared = letters(left) & letters(right);
    let share = |text: &str| {
        let (all, common) = text.chars().fold((0_u32, 0_u32), |(all, common), letter| {
            (all + 1, common + u32::from(bit(letter) & shared != 0))
        });
        f64::from(common) / f64::from(all.max(1))
    };
    share(left) + share(right) >= matching.letters_in_common()
}

/// A bit for a letter; letters that share one only make the test laxer.
fn bit(letter: char) -> u32 {
    1 << (u32::from(letter) % 32)
}

/// How two records' chips relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChipRelation {
    /// The same number by ISO 11784.
    SameIso,
    /// The same number of an older kind.
    SameLegacy,
    /// Two numbers of the same kind.
    Different,
    /// One has none, or they are of different kinds, of which an animal may carry one each.
    NotComparable,
}

/// Two records' features set side by side; `None` where one of them does not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// Chips.
    pub chip: ChipRelation,
    /// 0 to 1; `None` also where a name carries no weight.
    pub name: Option<f64>,
    /// A name was given that carries no weight.
    pub weightless_name: bool,
    /// Same species.
    pub species: Option<bool>,
    /// Same phone number.
    pub phone: Option<bool>,
    /// Same e-mail address.
    pub email: Option<bool>,
    /// 0 to 1.
    pub owner: Option<f64>,
    /// Birth dates within tolerance.
    pub birth_date: Option<bool>,
    /// Both know the day of birth, and it is the same.
    pub same_birth_day: bool,
    /// Same sex.
    pub sex: Option<bool>,
}

impl Likeness {
    /// Sets two records side by side.
    pub fn of(left: &Features, right: &Features, matching: &Matching) -> Likeness {
        let named = !left.name.is_empty() && !right.name.is_empty();
        let owned = !left.owner.is_empty() && !right.owner.is_empty();
        let birth = left.birth_date.zip(right.birth_date);
        Likeness {
            chip: match (&left.chip, &right.chip) {
                (Some((one, class)), Some((other, _))) if one == other => match class {
                    ChipClass::Iso15 => ChipRelation::SameIso,
                    ChipClass::Legacy9 | ChipClass::Legacy10 => ChipRelation::SameLegacy,
                },
                (Some((_, one)), Some((_, other))) if one == other => ChipRelation::Different,
                (Some(_) | None, _) => ChipRelation::NotComparable,
            },
            name: named.then(|| name_likeness(&left.name, &right.name)),
            weightless_name: left.weightless_name || right.weightless_name,
            species: match (&left.species, &right.species) {
                (Some(Species::Concept(one)), Some(Species::Concept(other)))
                | (Some(Species::Text(one)), Some(Species::Text(other))) => Some(one == other),
                // One was recognised and the other not: it may be the same in other words.
                (Some(_) | None, _) => None,
            },
            phone: left.phone.as_ref().zip(right.phone.as_ref()).map(|(one, other)| one == other),
            email: left.email.as_ref().zip(right.email.as_ref()).map(|(one, other)| one == other),
            owner: owned.then(|| owner_likeness(&left.owner, &right.owner)),
            birth_date: birth
                .map(|(one, other)| dates_alike(one, other, i32::from(matching.birth_tolerance_days))),
            same_birth_day: birth.is_some_and(|(one, other)| one == other && one.day.is_some()),
            sex: left.sex.zip(right.sex).map(|(one, other)| one == other),
        }
    }
}

fn species(coded: &record::value::Coded) -> Option<Species> {
    if let Some(concept) = &coded.concept {
        return Some(Species::Concept(concept.clone()));
    }
    let text = fold(&coded.text);
    let says_nothing =
        ["", "unknown", "other", "unspecified", "not stated", "n a", "animal"].contains(&text.as_str());
    (!says_nothing).then_some(Species::Text(text))
}

/// NFKD without marks, lower case, quotes dropped, other punctuation as blanks, single blanks.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in
        text.nfkd().filter(|character| !is_combining_mark(*character)).flat_map(char::to_lowercase)
    {
        // Letters that no decomposition brings to the plain ones people type instead.
        let plain: Option<&str> = match character {
            'ß' => Some("ss"),
            'æ' => Some("ae"),
            'œ' => Some("oe"),
            'ø' => Some("o"),
            'ł' => Some("l"),
            'đ' | 'ð' => Some("d"),
            'þ' => Some("th"),
            'ı' => Some("i"),
            _ => None,
        };
        if let Some(plain) = plain {
            folded.push_str(plain);
        } else if character.is_alphanumeric() {
            folded.push(character);
        } else if !matches!(character, '\'' | '"' | '`' | '\u{2018}'..='\u{201f}' | '«' | '»' | '\u{2b9}'..='\u{2bf}')
            && !folded.is_empty()
            && !folded.ends_with(' ')
        {
            folded.push(' ');
        }
    }
    if folded.ends_with(' ') {
        folded.pop();
    }
    folded
}

/// Words that stand where a name is missing.
const PLACEHOLDERS: [&str; 28] = [
    "unknown", "unnamed", "noname", "nameless", "none", "tbd", "tba", "na", "baby", "stray", "found",
    "rescue", "foster", "shelter", "kitten", "kitty", "puppy", "pup", "cat", "dog", "foal", "calf", "lamb",
    "chick", "bunny", "rabbit", "feral", "patient",
];
/// Words that may stand beside a placeholder without making it a name.
const FILLERS: [&str; 18] = [
    "no", "name", "boy", "girl", "male", "female", "black", "white", "grey", "gray", "brown", "tabby", "new",
    "the", "a", "n", "number", "not",
];

/// The folded name without the owner's surname, or nothing where it does not tell animals apart; and whether that was
/// the reason.
fn telling_name(name: &str, owner: Option<&str>) -> (String, bool) {
    let folded = fold(name);
    let mut words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return (String::new(), false);
    }
    if words.len() > 1
        && let Some(owner) = owner
    {
        // "Chalmers, Amy", or the last word of "Amy Chalmers".
        let surname = match owner.split_once(',') {
            Some((surname, _)) => fold(surname),
            None => fold(owner.split_whitespace().next_back().unwrap_or_default()),
        };
        let surname: Vec<&str> = surname.split(' ').filter(|word| !word.is_empty()).collect();
        if !surname.is_empty() && words.len() > surname.len() && words.ends_with(&surname) {
            words.truncate(words.len() - surname.len());
        }
    }
    let is_filler = |word: &str| {
        word.chars().all(char::is_numeric) || word.chars().nth(1).is_none() || FILLERS.contains(&word)
    };
    let placeholder = words.iter().any(|word| PLACEHOLDERS.contains(word))
        || words == ["no", "name"]
        || words == ["n", "a"];
    if placeholder && words.iter().all(|word| PLACEHOLDERS.contains(word) || is_filler(word)) {
        return (String::new(), true);
    }
    (words.join(" "), false)
}

const TITLES: [&str; 12] =
    ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "herr", "frau", "the", "and"];

fn owner_words(owner: &str) -> Vec<String> {
    let folded = fold(owner);
    let mut words: Vec<String> = folded
        .split(' ')
        .filter(|word| !word.is_empty() && !TITLES.contains(word))
        .map(str::to_owned)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// 0 to 1. Names that differ only in a number or a single letter are those of siblings: "Duke 2", "Daisy B".
fn name_likeness(left: &str, right: &str) -> f64 {
    if left == right {
        return 1.0;
    }
    let mark = |name: &str| -> Option<String> {
        let word = name.rsplit(' ').next()?;
        let is_mark =
            name.contains(' ') && (word.chars().all(char::is_numeric) || word.chars().nth(1).is_none());
        is_mark.then(|| word.to_owned())
    };
    let alike = strsim::jaro_winkler(left, right);
    let alike = if alike < NAME_WITH_A_SLIP && one_slip(left, right) { NAME_WITH_A_SLIP } else { alike };
    match (mark(left), mark(right)) {
        (Some(one), Some(other)) if one != other => alike.min(NAME_OF_SIBLING),
        (Some(_) | None, _) => alike,
    }
}

/// How alike two names at least are of which one is the other with a slip of the fingers. Jaro-Winkler does not see it in
/// names of three letters ("Max", "Mx").
const NAME_WITH_A_SLIP: f64 = 0.88;

/// Whether one name is the other with a letter left out, or with two letters beside each other exchanged. Another letter in
/// the place of one is no slip: "Leo" and "Lea" are two names. The first letter is typed right.
fn one_slip(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let (shorter, longer) = if left.len() <= right.len() { (&left, &right) } else { (&right, &left) };
    if longer.len() < 3 || shorter.first() != longer.first() {
        return false;
    }
    let same = shorter.iter().zip(longer.iter()).take_while(|(one, other)| one == other).count();
    let rest = |letters: &[char], from: usize| letters.get(from..).map(<[char]>::to_vec).unwrap_or_default();
    match longer.len() - shorter.len() {
        0 => {
            let exchanged =
                shorter.get(same).zip(shorter.get(same + 1)) == longer.get(same + 1).zip(longer.get(same));
            exchanged && same + 1 < longer.len() && rest(shorter, same + 2) == rest(longer, same + 2)
        }
        1 => rest(shorter, same) == rest(longer, same + 1),
        _ => false,
    }
}

/// The most that two names with different numbers or letters at their end are alike: neither alike nor clearly
/// different.
const NAME_OF_SIBLING: f64 = 0.6;

/// 0 to 1, over sorted words. One name within the other ("Amy and Tom Chalmers", "Amy Chalmers") and initials
/// ("A. Chalmers") count as alike.
fn owner_likeness(left: &[String], right: &[String]) -> f64 {
    if left == right {
        return 1.0;
    }
    let (fewer, more) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    let whole_words = fewer.iter().filter(|word| more.contains(word)).count();
    if fewer.len() >= 2 && whole_words == fewer.len() {
        return 0.95;
    }
    let initials = fewer.iter().all(|word| {
        more.iter().any(|other| {
            word == other
                || (word.chars().nth(1).is_none() && other.starts_with(word.as_str()))
                || (other.chars().nth(1).is_none() && word.starts_with(other.as_str()))
        })
    });
    if fewer.len() >= 2 && whole_words >= 1 && initials {
        return 0.92;
    }
    strsim::jaro_winkler(&left.join(" "), &right.join(" "))
}

/// Whether two dates of birth may be the same animal's.
fn dates_alike(left: PartialDate, right: PartialDate, tolerance_days: i32) -> bool {
    match ((left.month, left.day), (right.month, right.day)) {
        ((Some(left_month), Some(left_day)), (Some(right_month), Some(right_day))) => {
            let swapped = left.year == right.year && left_month == right_day && right_month == left_day;
            let days = |year: u16, month: u8, day: u8| {
                i32::from(year) * 365 + (i32::from(month) - 1) * 365 / 12 + i32::from(day)
            };
            let apart = days(left.year, left_month, left_day) - days(right.year, right_month, right_day);
            swapped || apart.abs() <= tolerance_days
        }
        ((Some(left_month), _), (Some(right_month), _)) => {
            let months = |year: u16, month: u8| i32::from(year) * 12 + i32::from(month);
            (months(left.year, left_month) - months(right.year, right_month)).abs() <= 1
        }
        // Only the year is known of one: an age given in years is off by one easily.
        ((None, _), _) | (_, (None, _)) => left.year.abs_diff(right.year) <= 1,
    }
}
