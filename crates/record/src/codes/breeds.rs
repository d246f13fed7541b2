//! Breeds of dogs and cats: names people use, SNOMED CT codes, crosses, and what to send.
//!
//! The concept of a [`Coded`] breed is the SNOMED CT code of a pure breed (`62137007`), [`MIXED`] for an animal of no
//! stated breed, or `<code>+` for a cross of a known breed. Designer crosses (`Cockapoo`) have no code: they are told
//! apart by their text.

use super::best_text;
use super::snomed::{SNOMED_CT, valid_snomed_id};
use super::species::own_name;
use crate::text::{fold_name, trimmed};
use crate::value::{Coded, Coding, Conventions};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// The concept of an animal of mixed or unstated breed, whatever its species.
pub const MIXED: &str = "mixed";

const MIXED_DOG: &str = "132619000";
const MIXED_CAT: &str = "132653001";

/// One breed the product knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breed {
    /// SNOMED CT code.
    pub snomed: String,
    /// SNOMED CT display text.
    pub display: String,
    /// Species key: `dog` or `cat`.
    pub species: &'static str,
}

#[derive(Deserialize, Default)]
struct File {
    dog: BTreeMap<String, String>,
    cat: BTreeMap<String, String>,
}

/// Everyday names beyond the display texts.
const MORE_NAMES: &[(&str, &[&str])] = &[
    ("62137007", &["lab", "labrador", "labs", "lab retriever", "black lab", "yellow lab", "chocolate lab"]),
    ("58108001", &["golden", "goldie", "golden ret", "goldens"]),
    ("42252000", &["gsd", "german shepherd", "alsatian", "german shephard", "deutscher schaferhund"]),
    ("59643008", &["frenchie", "frenchy", "french bull dog"]),
    ("38184008", &["english bulldog", "british bulldog", "bull dog"]),
    ("15171008", &["poodle"]),
    ("507002", &["poodle standard"]),
    ("40121001", &["poodle miniature", "mini poodle", "poodle mini"]),
    ("25243005", &["poodle toy"]),
    ("14245006", &["rottweiler", "rottie", "rotty", "rott"]),
    ("86767001", &["gsp", "german short haired pointer", "german shorthair pointer"]),
    ("2062007", &["dachshund", "sausage dog", "doxie", "weiner dog", "wiener dog", "dackel", "teckel"]),
    ("46725009", &["pembroke corgi", "pwc", "welsh corgi pembroke", "corgi pembroke"]),
    ("60517007", &["cardigan corgi", "cwc", "welsh corgi cardigan", "corgi cardigan"]),
    ("13284009", &["yorkie", "yorkshire", "yorky", "yorkies"]),
    ("42250008", &["boxer"]),
    ("27615007", &["great dane"]),
    ("66495005", &["cavalier", "ckcs", "cavalier king charles", "king charles cavalier"]),
    ("47075006", &["doberman", "dobermann", "dobie", "dobermann pinscher"]),
    ("300004", &["mini schnauzer", "schnauzer miniature", "schnauzer mini"]),
    ("31077009", &["shih tzu", "shihtzu", "shitzu", "shih-tzu"]),
    ("79295007", &["boston", "boston bull terrier"]),
    ("33458006", &["bernese", "berner", "bmd", "bernese mountain"]),
    ("10040000", &["pomeranian", "pom"]),
    ("132626000", &["havanese"]),
    ("50125003", &["sheltie"]),
    ("12091005", &["brittany", "epagneul breton"]),
    ("62228004", &["english springer", "springer spaniel", "springer", "ess"]),
    ("22697009", &["american cocker", "cocker spaniel american"]),
    ("21418008", &["english cocker", "cocker spaniel english"]),
    ("132561000", &["border collie", "bordercollie"]),
    ("132521001", &["australian shepherd", "aussie", "aussie shepherd"]),
    ("52105008", &["vizsla", "hungarian vizsla"]),
    ("41320000", &["basset"]),
    ("9761009", &["chihuahua", "chi", "chihuahua dog"]),
    ("60252000", &["pug"]),
    ("39348004", &["maltese", "maltese terrier"]),
    ("69249004", &["weimeraner"]),
    ("19078005", &["rough collie", "lassie collie"]),
    ("132587000", &["shiba inu", "shiba"]),
    ("41538003", &["bichon", "bichon frise", "bichons frise", "bichon fris\u{e9}"]),
    ("40727008", &["westie", "west highland terrier", "west highland", "whwt", "west highland white"]),
    ("6103004", &["jack russell", "jack russell terrier", "jrt", "jack russel", "jack russel terrier"]),
    ("83216009", &["staffie", "staffy", "sbt", "staffordshire bull", "staffy bull terrier"]),
    ("12390000", &["pit bull", "pitbull", "apbt", "pit bull terrier", "pitbull terrier"]),
    ("132563002", &["cane corso"]),
    ("52253003", &["newfoundland", "newfie"]),
    ("74173000", &["rhodesian ridgeback", "ridgeback"]),
    ("76351004", &["whippet"]),
    ("36438004", &["lhasa"]),
    ("41263004", &["papillon"]),
    ("84514002", &["akita"]),
    ("69474004", &["samoyed", "sammy"]),
    ("53228008", &["malamute"]),
    ("5916008", &["dalmatian"]),
    ("71175006", &["bull mastiff"]),
    ("83236005", &["saint bernard", "st bernard", "st bernards"]),
    ("11477006", &["red setter", "irish red setter"]),
    ("132615006", &["lurcher"]),
    ("3674001", &["husky", "siberian husky"]),
    ("15020009", &["dsh", "domestic shorthair", "domestic short hair", "domestic short haired", "dom sh"]),
    ("8419007", &["dlh", "domestic longhair", "domestic long hair", "domestic long haired", "dom lh"]),
    (
        "409914009",
        &["dmh", "domestic mediumhair", "domestic medium hair", "domestic medium haired", "dom mh"],
    ),
    ("65694005", &["siamese"]),
    ("68086001", &["persian"]),
    ("81866001", &["maine coon", "mainecoon", "maine coone"]),
    ("132654007", &["ragdoll", "rag doll"]),
    ("132661006", &["bengal"]),
    ("70653001", &["bsh", "british shorthair", "british short hair", "british blue"]),
    ("132680008", &["sphynx", "sphinx"]),
    ("36074003", &["abyssinian", "aby"]),
    ("43219001", &["birman"]),
    ("84797007", &["russian blue"]),
    ("89065000", &["burmese"]),
    ("73049001", &["scottish fold"]),
    ("26057009", &["exotic shorthair", "exotic short hair", "exotic"]),
    ("132672001", &["norwegian forest", "nfc", "wegie", "norwegian forest cat"]),
    ("51692004", &["devon rex"]),
    ("56917006", &["cornish rex"]),
    ("24967003", &["oriental shorthair", "oriental short hair", "oriental"]),
    ("132677007", &["siberian cat", "siberian forest cat"]),
    ("69855002", &["ash", "american shorthair", "american short hair"]),
    ("3995008", &["manx cat"]),
    ("44855006", &["tonkinese", "tonk"]),
    ("132655008", &["turkish van"]),
    ("132675004", &["ragamuffin"]),
    ("132669008", &["munchkin", "munchkin shorthair"]),
];

/// Names of an animal of no stated breed.
const MIXED_NAMES: &[&str] = &[
    "mixed",
    "mixed breed",
    "mix",
    "mix breed",
    "cross",
    "cross breed",
    "crossbreed",
    "crossbred",
    "cross bred",
    "x",
    "xbreed",
    "x breed",
    "mutt",
    "mongrel",
    "mongrel dog",
    "moggie",
    "moggy",
    "mixed breed dog",
    "mixed breed cat",
    "mixed breed canine",
    "mixed breed feline",
    "random bred",
    "heinz 57",
];

/// Designer crosses: their own text, sent together with the code for mixed breed.
const DESIGNER: &[&str] = &[
    "labradoodle",
    "goldendoodle",
    "cockapoo",
    "cavapoo",
    "cavoodle",
    "cavachon",
    "spoodle",
    "bernedoodle",
    "aussiedoodle",
    "sheepadoodle",
    "schnoodle",
    "maltipoo",
    "malshi",
    "moodle",
    "groodle",
    "yorkiepoo",
    "yorkipoo",
    "shihpoo",
    "shih poo",
    "puggle",
    "pomsky",
    "pomchi",
    "chorkie",
    "chiweenie",
    "jackapoo",
    "jug",
    "jackshund",
    "bullypit",
    "pitsky",
    "goberian",
    "morkie",
    "sprocker",
    "sprollie",
    "zuchon",
    "poochon",
    "peekapoo",
    "lurchadoodle",
    "frug",
    "dorgi",
    "labsky",
    "borador",
    "cavador",
    "springador",
    "cockador",
    "doodle",
    "goldador",
    "huskador",
];

/// Words that may stand behind or before a breed's name without changing it.
const FILLERS: &[&str] = &[
    "dog",
    "cat",
    "breed",
    "superbreed",
    "of",
    "dogs",
    "cats",
    "canine",
    "feline",
    "purebred",
    "pedigree",
    "purebreed",
];

/// Words that make a breed a cross of it.
const CROSS_WORDS: &[&str] = &["x", "cross", "mix", "mixed", "crossbreed", "crossbred"];

struct Table {
    breeds: Vec<Breed>,
    by_code: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("../../data/breeds-common.json")).unwrap_or_default();
    let mut table = Table { breeds: Vec::new(), by_code: HashMap::new(), by_name: HashMap::new() };
    for (species, breeds) in [("dog", file.dog), ("cat", file.cat)] {
        for (snomed, display) in breeds {
            let at = table.breeds.len();
            table.name(&display, at);
            table.by_code.insert(snomed.clone(), at);
            table.breeds.push(Breed { snomed, display, species });
        }
    }
    for (code, names) in MORE_NAMES {
        if let Some(at) = table.by_code.get(*code).copied() {
            for name in *names {
                table.name(name, at);
            }
        }
    }
    table
});

impl Table {
    fn name(&mut self, name: &str, at: usize) {
        let mut folded = String::new();
        fold_name(name, &mut folded);
        let bare = without(&folded, FILLERS);
        if !bare.is_empty() {
            self.by_name.entry(bare).or_insert(at);
        }
        self.by_name.entry(folded).or_insert(at);
    }
}

/// A folded name without the given words.
fn without(folded: &str, words: &[&str]) -> String {
    let mut out = String::with_capacity(folded.len());
    for word in folded.split([' ', '(', ')', '/']).filter(|word| !word.is_empty() && !words.contains(word)) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Every breed the product knows.
pub fn all() -> &'static [Breed] {
    &TABLE.breeds
}

/// The breed of a SNOMED CT code; `None` for codes outside the table.
pub fn by_snomed(code: &str) -> Option<&'static Breed> {
    TABLE.by_code.get(code).and_then(|at| TABLE.breeds.get(*at))
}

/// The species a breed concept belongs to, where that is certain.
pub fn species_of(concept: &str) -> Option<&'static str> {
    by_snomed(concept.strip_suffix('+').unwrap_or(concept)).map(|breed| breed.species)
}

/// The concept of the breed a text names, by the hospital's own names first; `None` for a text that stays a text.
pub fn recognise(text: &str, conventions: &Conventions) -> Option<String> {
    let mut folded = String::with_capacity(text.len());
    fold_name(text, &mut folded);
    if let Some(code) = own_name(&conventions.breed_names, &folded) {
        return Some(code.to_owned());
    }
    if let Some(at) = TABLE.by_name.get(folded.as_str()) {
        return TABLE.breeds.get(*at).map(|breed| concept_of(&breed.snomed));
    }
    if MIXED_NAMES.contains(&folded.as_str()) {
        return Some(MIXED.to_owned());
    }
    if let Some(breed) = by_snomed(&folded) {
        return Some(concept_of(&breed.snomed));
    }
    // `D.S.H.`
    if folded.split(' ').all(|word| word.len() == 1) {
        let joined = folded.replace(' ', "");
        return TABLE
            .by_name
            .get(joined.as_str())
            .and_then(|at| TABLE.breeds.get(*at))
            .map(|breed| concept_of(&breed.snomed));
    }
    let bare = without(&folded, FILLERS);
    if let Some(at) = TABLE.by_name.get(bare.as_str()) {
        return TABLE.breeds.get(*at).map(|breed| concept_of(&breed.snomed));
    }
    if MIXED_NAMES.contains(&bare.as_str()) {
        return Some(MIXED.to_owned());
    }
    let pure = without(&bare, CROSS_WORDS);
    // `Lab x Poodle` names two breeds and is no longer than its words say.
    if pure.len() < bare.len() {
        return match TABLE.by_name.get(pure.as_str()).and_then(|at| TABLE.breeds.get(*at)) {
            Some(breed) if is_mixed_code(&breed.snomed) => Some(MIXED.to_owned()),
            Some(breed) => Some(format!("{}+", breed.snomed)),
            None => None,
        };
    }
    None
}

fn is_mixed_code(code: &str) -> bool {
    code == MIXED_DOG || code == MIXED_CAT
}

fn concept_of(code: &str) -> String {
    if is_mixed_code(code) { MIXED.to_owned() } else { code.to_owned() }
}

/// A breed from its codes and text (FHIR `CodeableConcept`); `None` when both are empty. A code decides, except that the
/// code for mixed breed only generalises what a text may say more closely (`Labradoodle`).
pub fn breed_from(codings: Vec<Coding>, text: Option<&str>, conventions: &Conventions) -> Option<Coded> {
    let mut known = codings
        .iter()
        .filter(|coding| coding.system == SNOMED_CT)
        .filter_map(|coding| by_snomed(trimmed(&coding.code)));
    let first = known.next();
    let agreed = first.filter(|first| known.all(|other| other.snomed == first.snomed));
    let given = text.map(trimmed).filter(|text| !text.is_empty());
    let text = best_text(&codings, text);
    if text.is_empty() {
        return None;
    }
    let concept = match (agreed, given) {
        (Some(breed), None) => Some(concept_of(&breed.snomed)),
        (Some(breed), Some(_)) if !is_mixed_code(&breed.snomed) => Some(breed.snomed.clone()),
        _ => recognise(&text, conventions),
    };
    Some(Coded { text, codings, concept })
}

/// The codes to send for a breed: its verified SNOMED CT code; the code for mixed breed with the text for crosses of a
/// known species; the codes it came with where the product knows none.
pub fn breed_codings(breed: &Coded, species_concept: Option<&str>) -> Vec<Coding> {
    let concept = breed.concept.as_deref();
    let code = match concept {
        Some(concept) if concept == MIXED => mixed_code(species_concept),
        Some(concept) if concept.ends_with('+') => mixed_code(species_concept.or(species_of(concept))),
        Some(concept) => by_snomed(concept).map(|breed| breed.snomed.as_str()),
        None if is_designer(&breed.text) => mixed_code(species_concept.or(Some("dog"))),
        None => None,
    };
    match code.and_then(by_snomed) {
        Some(known) => vec![Coding {
            system: SNOMED_CT.to_owned(),
            code: known.snomed.clone(),
            display: Some(known.display.clone()),
        }],
        None => breed
            .codings
            .iter()
            .filter(|coding| coding.system != SNOMED_CT || valid_snomed_id(&coding.code))
            .cloned()
            .collect(),
    }
}

fn mixed_code(species_concept: Option<&str>) -> Option<&'static str> {
    match species_concept {
        Some("dog") => Some(MIXED_DOG),
        Some("cat") => Some(MIXED_CAT),
        _ => None,
    }
}

fn is_designer(text: &str) -> bool {
    let mut folded = String::with_capacity(text.len());
    fold_name(text, &mut folded);
    DESIGNER.contains(&folded.as_str())
        || without(&folded, CROSS_WORDS).split(' ').any(|word| DESIGNER.contains(&word))
}
