//! Species: names people use, SNOMED CT codes, the codes of older systems, and what to send.

use super::best_text;
use super::snomed::{SNOMED_CT, valid_snomed_id};
use crate::text::{fold_name, trimmed};
use crate::value::{Coded, Coding, Conventions};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The three-code species system of FHIR R4 (`canislf`, `ovisa`, `serinuscd`).
pub const HL7_ANIMAL_SPECIES: &str = "http://hl7.org/fhir/animal-species";

/// One species the product knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Species {
    /// Stable key, an English word: `dog`. The concept of a [`Coded`] species.
    pub key: String,
    /// SNOMED CT code, where a verified one exists.
    pub snomed: Option<String>,
    /// SNOMED CT display text.
    pub snomed_display: Option<String>,
    /// NCBI Taxonomy id.
    pub ncbi: Option<String>,
    /// An age no animal of the kind reaches, in years.
    pub age_years_max: u16,
}

impl Species {
    /// What people read: `Guinea pig`.
    pub fn label(&self) -> String {
        let mut label = self.key.clone();
        if let Some(first) = label.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        label
    }
}

#[derive(Deserialize)]
struct File {
    species: Vec<Row>,
    #[serde(rename = "noVerifiedSnomedCode")]
    text_only: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    sct: Option<String>,
    sct_display: Option<String>,
    ncbi_taxon: Option<String>,
    #[serde(default)]
    synonyms: Vec<String>,
}

/// Species of FHIR's value set and of HL7's codes that the data file does not list: text only.
const MORE_SPECIES: &[(&str, &[&str])] = &[
    ("turkey", &["meleagris gallopavo"]),
    ("goose", &["anser anser"]),
    ("duck", &["anas platyrhynchos"]),
    ("donkey", &["equus asinus", "ass", "burro"]),
    ("mule", &["hinny"]),
    ("canary", &["domestic canary", "serinus canaria"]),
    ("hedgehog", &["african pygmy hedgehog"]),
    ("alpaca", &["vicugna pacos"]),
    ("llama", &["lama glama"]),
];

/// Further everyday names of listed species.
const MORE_NAMES: &[(&str, &str)] = &[
    ("dog", "dogs"),
    ("dog", "pup"),
    ("dog", "doggy"),
    ("cat", "cats"),
    ("cat", "kitty"),
    ("rabbit", "rabbits"),
    ("rabbit", "lapine"),
    ("rabbit", "leporine"),
    ("horse", "horses"),
    ("horse", "foal"),
    ("ferret", "ferrets"),
    ("guinea pig", "guinea pigs"),
    ("guinea pig", "guineapig"),
    ("guinea pig", "cavies"),
    ("cattle", "calf"),
    ("cattle", "cows"),
    ("cattle", "bos"),
    ("goat", "goats"),
    ("sheep", "lamb"),
    ("pig", "pigs"),
    ("pig", "piglet"),
    ("pig", "hog"),
    ("pig", "pot bellied pig"),
    ("rat", "rats"),
    ("rat", "fancy rat"),
    ("mouse", "mice"),
    ("mouse", "fancy mouse"),
    ("bird", "birds"),
    ("bird", "aves"),
    ("parrot", "parrots"),
    ("chicken", "hen"),
    ("chicken", "rooster"),
    ("hamster", "hamsters"),
    ("gerbil", "gerbils"),
    ("snake", "snakes"),
    ("lizard", "lizards"),
    ("turtle", "turtles"),
    ("turtle", "tortoises"),
];

/// SNOMED CT codes accepted inbound and never sent: the retired "… species" organisms of older DICOM and laboratory
/// systems, the genus of horses, and the members of FHIR's animal-species value set outside the free set.
const INBOUND_SNOMED: &[(&str, &str)] = &[
    ("69986009", "dog"),
    ("23826000", "cat"),
    ("42018006", "pig"),
    ("68552000", "goat"),
    ("79058000", "cattle"),
    ("388445009", "horse"),
    ("47290002", "chicken"),
    ("425134008", "turkey"),
    ("15778005", "goose"),
    ("396620009", "duck"),
    ("85626006", "donkey"),
    ("132950000", "mule"),
];

/// Stood for horses and for sheep alike, so it says nothing.
const AMBIGUOUS_SNOMED: &str = "36295001";

const INBOUND_HL7: &[(&str, &str)] = &[("canislf", "dog"), ("ovisa", "sheep"), ("serinuscd", "canary")];

/// An age beyond the oldest animal on record of the kind; 120 years where nothing is known.
const AGE_YEARS_MAX: &[(&str, u16)] = &[
    ("dog", 32),
    ("cat", 40),
    ("rabbit", 20),
    ("horse", 65),
    ("donkey", 60),
    ("mule", 60),
    ("ferret", 16),
    ("guinea pig", 16),
    ("cattle", 50),
    ("goat", 30),
    ("sheep", 30),
    ("pig", 30),
    ("rat", 8),
    ("mouse", 6),
    ("hamster", 8),
    ("gerbil", 10),
    ("chinchilla", 35),
    ("chicken", 25),
    ("snake", 50),
    ("lizard", 60),
    ("turtle", 200),
];

struct Table {
    species: Vec<Species>,
    by_name: HashMap<String, usize>,
    by_snomed: HashMap<String, usize>,
    by_ncbi: HashMap<String, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("../../data/species.json"))
        .unwrap_or(File { species: Vec::new(), text_only: Vec::new() });
    let mut table = Table {
        species: Vec::new(),
        by_name: HashMap::new(),
        by_snomed: HashMap::new(),
        by_ncbi: HashMap::new(),
    };
    for row in file.species.into_iter().chain(file.text_only) {
        table.add(row);
    }
    for (key, names) in MORE_SPECIES {
        table.add(Row {
            key: (*key).to_owned(),
            sct: None,
            sct_display: None,
            ncbi_taxon: None,
            synonyms: names.iter().map(|name| (*name).to_owned()).collect(),
        });
    }
    for (key, name) in MORE_NAMES {
        if let Some(at) = table.at(key) {
            table.name(name, at);
        }
    }
    for (code, key) in INBOUND_SNOMED {
        if let Some(at) = table.at(key) {
            table.by_snomed.insert((*code).to_owned(), at);
        }
    }
    table
});

impl Table {
    fn at(&self, key: &str) -> Option<usize> {
        self.species.iter().position(|species| species.key == key)
    }

    fn name(&mut self, name: &str, at: usize) {
        let mut folded = String::new();
        fold_name(name, &mut folded);
        self.by_name.entry(folded).or_insert(at);
    }

    fn add(&mut self, row: Row) {
        let at = self.species.len();
        self.name(&row.key, at);
        for name in &row.synonyms {
            self.name(name, at);
        }
        if let Some(display) = &row.sct_display {
            self.name(display, at);
        }
        if let Some(code) = &row.sct {
            self.by_snomed.insert(code.clone(), at);
        }
        if let Some(taxon) = &row.ncbi_taxon {
            self.by_ncbi.insert(taxon.clone(), at);
        }
        let age_years_max =
            AGE_YEARS_MAX.iter().find(|(key, _)| *key == row.key).map_or(120, |(_, years)| *years);
        self.species.push(Species {
            key: row.key,
            snomed: row.sct,
            snomed_display: row.sct_display,
            ncbi: row.ncbi_taxon,
            age_years_max,
        });
    }
}

/// Every species the product knows, those with a SNOMED CT code first.
pub fn all() -> &'static [Species] {
    &TABLE.species
}

/// The species of that key.
pub fn by_key(key: &str) -> Option<&'static Species> {
    TABLE.species.iter().find(|species| species.key == key)
}

/// The key of the species a text names, by the hospital's own names first: an everyday name, a scientific one, an
/// abbreviation, or a SNOMED CT code. `Canine (dog)` is understood because each word names the same species.
pub fn recognise(text: &str, conventions: &Conventions) -> Option<String> {
    let mut folded = String::with_capacity(text.len());
    fold_name(text, &mut folded);
    if let Some(key) = own_name(&conventions.species_names, &folded) {
        return Some(key.to_owned());
    }
    look_up(&folded).map(|species| species.key.clone())
}

/// A hospital's own name for something; its keys may be written in any case.
pub(super) fn own_name<'a, V>(
    names: &'a std::collections::BTreeMap<String, V>,
    folded: &str,
) -> Option<&'a V> {
    if names.is_empty() {
        return None;
    }
    names.get(folded).or_else(|| {
        let mut scratch = String::new();
        names.iter().find_map(|(name, value)| {
            scratch.clear();
            fold_name(name, &mut scratch);
            (scratch == folded).then_some(value)
        })
    })
}

fn look_up(folded: &str) -> Option<&'static Species> {
    let exact = TABLE.by_name.get(folded).or_else(|| TABLE.by_snomed.get(folded));
    if let Some(at) = exact {
        return TABLE.species.get(*at);
    }
    let mut found = None;
    for word in folded.split([' ', '(', ')', '/', '[', ']', ':']).filter(|word| !word.is_empty()) {
        let at = TABLE.by_name.get(word)?;
        if found.is_some_and(|before| before != at) {
            return None;
        }
        found = Some(at);
    }
    found.and_then(|at| TABLE.species.get(*at))
}

/// The species a code stands for.
pub fn from_coding(coding: &Coding) -> Option<&'static Species> {
    let code = trimmed(&coding.code);
    match coding.system.as_str() {
        SNOMED_CT => TABLE.by_snomed.get(code).and_then(|at| TABLE.species.get(*at)),
        HL7_ANIMAL_SPECIES => {
            INBOUND_HL7.iter().find(|(known, _)| *known == code).and_then(|(_, key)| by_key(key))
        }
        system if is_ncbi(system) => TABLE.by_ncbi.get(code).and_then(|at| TABLE.species.get(*at)),
        _ => None,
    }
}

fn is_ncbi(system: &str) -> bool {
    let system = system.to_ascii_lowercase();
    system.contains("ncbi.nlm.nih.gov") && system.contains("tax")
}

/// A species from its codes and text (FHIR `CodeableConcept`); `None` when both are empty. A known code decides; where
/// codes contradict each other, or none is known, the text does.
pub fn species_from(codings: Vec<Coding>, text: Option<&str>, conventions: &Conventions) -> Option<Coded> {
    let mut known = codings.iter().filter_map(from_coding);
    let first = known.next();
    let agreed = first.filter(|first| known.all(|other| other.key == first.key));
    let text = match agreed {
        // A scientific display text is no name a receptionist would write.
        Some(species) if text.is_none_or(|text| trimmed(text).is_empty()) => species.label(),
        _ => best_text(&codings, text),
    };
    if text.is_empty() {
        return None;
    }
    let concept = agreed.map(|species| species.key.clone()).or_else(|| recognise(&text, conventions));
    Some(Coded { text, codings, concept })
}

/// The codes to send for a species: its verified SNOMED CT code, or the codes it came with where the product knows
/// none. Retired codes are replaced, never passed on.
pub fn species_codings(species: &Coded) -> Vec<Coding> {
    let verified = species.concept.as_deref().and_then(by_key).and_then(|known| {
        Some(Coding {
            system: SNOMED_CT.to_owned(),
            code: known.snomed.clone()?,
            display: known.snomed_display.clone(),
        })
    });
    match verified {
        Some(coding) => vec![coding],
        None => species
            .codings
            .iter()
            .filter(|coding| {
                coding.system != SNOMED_CT
                    || (valid_snomed_id(&coding.code) && coding.code != AMBIGUOUS_SNOMED)
            })
            .cloned()
            .collect(),
    }
}
