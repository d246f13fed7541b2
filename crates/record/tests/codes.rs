//! The vocabulary tables, and what is accepted and sent.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::Conventions;
use record::codes::species::HL7_ANIMAL_SPECIES;
use record::codes::{
    SNOMED_CT, breed_codings, breed_from, breeds, coded_from, species, species_codings, species_from, units,
    valid_snomed_id,
};
use record::value::{Coded, Coding, Substance};

fn coding(system: &str, code: &str, display: Option<&str>) -> Coding {
    Coding { system: system.to_owned(), code: code.to_owned(), display: display.map(str::to_owned) }
}

fn snomed(code: &str) -> Coding {
    coding(SNOMED_CT, code, None)
}

fn codes(codings: &[Coding]) -> Vec<&str> {
    codings.iter().map(|coding| coding.code.as_str()).collect()
}

#[test]
fn the_tables_are_whole() {
    let coded: Vec<&str> = species::all().iter().filter_map(|species| species.snomed.as_deref()).collect();
    assert_eq!(coded.len(), 12);
    assert_eq!(breeds::all().iter().filter(|breed| breed.species == "dog").count(), 64);
    assert_eq!(breeds::all().iter().filter(|breed| breed.species == "cat").count(), 29);
    for code in coded.into_iter().chain(breeds::all().iter().map(|breed| breed.snomed.as_str())) {
        assert!(valid_snomed_id(code), "{code}");
    }
    // Each name of each breed leads back to it.
    for breed in breeds::all() {
        let found = breeds::recognise(&breed.display, &Conventions::default());
        let expected = if breed.display.starts_with("Mixed") { breeds::MIXED } else { &breed.snomed };
        assert_eq!(found.as_deref(), Some(expected), "{}", breed.display);
    }
    for known in species::all() {
        assert_eq!(
            species::recognise(&known.label(), &Conventions::default()).as_deref(),
            Some(known.key.as_str())
        );
    }
}

/// Codes, text, concept, codes to send.
type SpeciesCase<'a> = (Vec<Coding>, Option<&'a str>, Option<&'a str>, &'a [&'a str]);

#[test]
fn species_from_the_ehr() {
    let ncbi = "http://www.ncbi.nlm.nih.gov/taxonomy";
    // (codes, text, concept, codes to send)
    let cases: [SpeciesCase<'_>; 16] = [
        (vec![snomed("448771007")], Some("Dog"), Some("dog"), &["448771007"]),
        (vec![coding(HL7_ANIMAL_SPECIES, "canislf", Some("Dog"))], None, Some("dog"), &["448771007"]),
        (vec![coding(HL7_ANIMAL_SPECIES, "ovisa", None)], None, Some("sheep"), &["125099002"]),
        (vec![coding(ncbi, "9685", None)], None, Some("cat"), &["448169003"]),
        // Retired codes are understood and replaced.
        (vec![snomed("69986009")], Some("Canine species"), Some("dog"), &["448771007"]),
        (vec![snomed("23826000")], None, Some("cat"), &["448169003"]),
        (vec![snomed("388445009")], Some("Equus"), Some("horse"), &["35354009"]),
        // This one stood for horses and for sheep: only the text can tell, and it is never passed on.
        (vec![snomed("36295001")], Some("Equine"), Some("horse"), &["35354009"]),
        (vec![snomed("36295001")], Some("Large animal"), None, &[]),
        // Text alone.
        (vec![], Some("Feline"), Some("cat"), &["448169003"]),
        (vec![], Some("Hamster"), Some("hamster"), &[]),
        // Known without a verified code: what came in goes out again.
        (vec![snomed("47290002")], Some("Chicken"), Some("chicken"), &["47290002"]),
        // A local code stays; a wrong check digit does not.
        (vec![coding("urn:local", "AX", Some("Axolotl"))], None, None, &["AX"]),
        (vec![snomed("387976009")], Some("Hamster"), Some("hamster"), &[]),
        // The code decides over the text; codes that contradict each other do not.
        (vec![snomed("448771007")], Some("Rex"), Some("dog"), &["448771007"]),
        (vec![snomed("448771007"), snomed("448169003")], Some("Cat"), Some("cat"), &["448169003"]),
    ];
    for (codings, text, concept, sent) in cases {
        let shown = format!("{codings:?} {text:?}");
        let coded = species_from(codings, text, &Conventions::default()).expect("not empty");
        assert_eq!(coded.concept.as_deref(), concept, "{shown}");
        assert_eq!(codes(&species_codings(&coded)), sent, "{shown}");
        assert!(!coded.text.is_empty());
    }
    assert_eq!(species_from(vec![], Some("  "), &Conventions::default()), None);
    // What stands beside a code stays as it was written.
    let rex = species_from(vec![snomed("448771007")], Some("Rex"), &Conventions::default());
    assert_eq!(rex.expect("a species").stored_text(), "Rex");
    // A code without text is written to ServiceNow as a receptionist would.
    let bare = species_from(vec![snomed("125076001")], None, &Conventions::default()).expect("a species");
    assert_eq!(bare.stored_text(), "Guinea pig");
}

type BreedCase<'a> = (Vec<Coding>, Option<&'a str>, Option<&'a str>, Option<&'a str>, &'a [&'a str]);

#[test]
fn breeds_from_and_to_the_ehr() {
    // (codes, text, species, concept, codes to send)
    let cases: [BreedCase<'_>; 18] = [
        (vec![snomed("62137007")], Some("Labrador Retriever"), Some("dog"), Some("62137007"), &["62137007"]),
        (
            vec![snomed("58108001"), coding("urn:club", "GR", None)],
            None,
            Some("dog"),
            Some("58108001"),
            &["58108001"],
        ),
        (vec![], Some("DSH"), Some("cat"), Some("15020009"), &["15020009"]),
        // Mixed: the code is the species'.
        (vec![snomed("132619000")], None, Some("dog"), Some("mixed"), &["132619000"]),
        (vec![], Some("Mixed breed"), Some("cat"), Some("mixed"), &["132653001"]),
        (vec![], Some("Mixed breed"), Some("rabbit"), Some("mixed"), &[]),
        // The code for mixed breed generalises what the text says.
        (vec![snomed("132619000")], Some("Labradoodle"), Some("dog"), None, &["132619000"]),
        (vec![snomed("132619000")], Some("Lab X"), Some("dog"), Some("62137007+"), &["132619000"]),
        (vec![], Some("Cockapoo"), Some("dog"), None, &["132619000"]),
        // Text that nobody knows is never given a code.
        (vec![], Some("Thoroughbred"), Some("horse"), None, &[]),
        (vec![], Some("Blue-eyed wonder"), Some("dog"), None, &[]),
        (vec![snomed("62137007")], Some("Field line"), Some("dog"), Some("62137007"), &["62137007"]),
        // Codes that say the same twice decide, codes that contradict each other leave it to the text.
        (vec![snomed("62137007"); 2], Some("Field line"), Some("dog"), Some("62137007"), &["62137007"]),
        (
            vec![snomed("62137007"), snomed("58108001")],
            Some("Golden"),
            Some("dog"),
            Some("58108001"),
            &["58108001"],
        ),
        // A designer's cross of two words, and one with a word that says it is a cross.
        (vec![], Some("Shih Poo"), Some("dog"), None, &["132619000"]),
        (vec![], Some("Labradoodle cross"), None, None, &["132619000"]),
        // A hospital's own code stays; a wrong check digit does not.
        (vec![coding("urn:club", "BW", None)], Some("Blue-eyed wonder"), Some("dog"), None, &["BW"]),
        (vec![snomed("387976009")], Some("Blue-eyed wonder"), Some("dog"), None, &[]),
    ];
    for (codings, text, species, concept, sent) in cases {
        let shown = format!("{codings:?} {text:?}");
        let coded: Coded = breed_from(codings, text, &Conventions::default()).expect("not empty");
        assert_eq!(coded.concept.as_deref(), concept, "{shown}");
        assert_eq!(codes(&breed_codings(&coded, species)), sent, "{shown}");
        // What is sent is understood as what it was.
        let back = breed_from(breed_codings(&coded, species), Some(&coded.text), &Conventions::default());
        assert_eq!(back.and_then(|back| back.concept), coded.concept, "{shown}");
    }
}

#[test]
fn pounds_and_kilograms_are_exact() {
    let amount = |text: &str| text.parse().expect("a number");
    // (amount, from, to, amount)
    let cases = [
        ("1", "[lb_av]", "kg", Some("0.45359237")),
        ("27", "[lb_av]", "kg", Some("12.24699399")),
        ("12.24699399", "kg", "[lb_av]", Some("27")),
        ("16", "[oz_av]", "[lb_av]", Some("1")),
        ("1", "[stone_av]", "[lb_av]", Some("14")),
        ("250", "ug", "mg", Some("0.25")),
        ("212", "[degF]", "Cel", Some("100")),
        ("38.5", "Cel", "[degF]", Some("101.3")),
        ("2.5", "L", "mL", Some("2500")),
        // Never between kinds, nor between tablets and milligrams.
        ("1", "kg", "L", None),
        ("1", "{tbl}", "mg", None),
        ("1", "wk", "d", None),
        ("1", "kg", "furlong", None),
    ];
    for (given, from, to, expected) in cases {
        let found = units::convert(amount(given), from, to);
        assert_eq!(found, expected.map(amount), "{given} {from} in {to}");
    }
}

#[test]
fn units_are_found_by_their_names() {
    // (written, UCUM code)
    let cases = [
        ("kg", Some("kg")),
        ("KG", Some("kg")),
        ("lbs", Some("[lb_av]")),
        ("mcg", Some("ug")),
        ("\u{b5}g", Some("ug")),
        ("ml", Some("mL")),
        ("mg/KG", Some("mg/kg")),
        ("min", Some("min")),
        ("mo", Some("mo")),
        ("tablets", Some("{tbl}")),
        ("{tablet}", None),
        ("parsec", None),
    ];
    for (written, expected) in cases {
        assert_eq!(units::recognise(written).map(|unit| unit.code), expected, "{written}");
    }
    // No everyday name means two units.
    for code in units::codes() {
        assert_eq!(units::recognise(code).map(|unit| unit.code), Some(code));
    }
}

#[test]
fn no_known_allergy_is_a_statement_with_a_code() {
    // (text, codes, none known?, codes to send)
    let cases: [(&str, Vec<Coding>, bool, &[&str]); 5] = [
        ("NKDA", vec![], true, &["716186003"]),
        ("", vec![snomed("409137002")], true, &["409137002"]),
        ("Keine bekannt", vec![snomed("716186003")], true, &["716186003"]),
        ("Penicillin", vec![], false, &[]),
        // Another system's code of the same digits says nothing.
        ("Beef", vec![coding("urn:local", "716186003", None)], false, &["716186003"]),
    ];
    for (text, codings, none_known, sent) in cases {
        let substance = Substance::new(text, codings).expect("not empty");
        assert_eq!(substance.is_none_known(), none_known, "{text}");
        assert_eq!(codes(&substance.codings_to_send()), sent, "{text}");
    }
    assert_eq!(Substance::new(" ", vec![]), None);
}

#[test]
fn a_concept_without_a_vocabulary_is_shown_by_its_best_text() {
    let shown = |codings: Vec<Coding>, text: Option<&str>| {
        coded_from(codings, text).map(|coded| (coded.text, coded.concept))
    };
    let local = |display: Option<&str>| coding("urn:local", "A1", display);
    // (codes, text, text people read)
    let cases = [
        (vec![local(Some("Indoor"))], Some(" Lives indoors "), Some("Lives indoors")),
        (vec![local(Some(" Indoor "))], Some(" "), Some("Indoor")),
        (vec![local(Some(" ")), local(Some("Indoor"))], None, Some("Indoor")),
        (vec![local(None)], None, Some("A1")),
        (vec![coding("urn:local", "", None)], None, None),
        (vec![], None, None),
    ];
    for (codings, text, expected) in cases {
        let found = shown(codings.clone(), text);
        assert_eq!(found, expected.map(|text| (text.to_owned(), None)), "{codings:?} {text:?}");
    }
}

#[test]
fn amounts_are_the_same_within_rounding_and_only_in_one_kind() {
    let amount = |text: &str| text.parse().expect("a number");
    let shown = |number: &str, unit: &str| {
        let mut text = String::new();
        units::comparable_amount(amount(number), unit, &mut text);
        text
    };
    // (amount, unit, amount, unit, the same?)
    let cases = [
        // From two kilograms on 0.01 kg, below half a per cent of the heavier.
        ("2", "kg", "1.99", "kg", true),
        ("2", "kg", "1.9899", "kg", false),
        ("1.99", "kg", "1.98005", "kg", true),
        ("1.99", "kg", "1.98004", "kg", false),
        ("-2", "kg", "-1.99", "kg", true),
        ("-2", "kg", "2", "kg", false),
        ("38.5", "Cel", "101.4", "[degF]", true),
        ("38.5", "Cel", "38.56", "Cel", true),
        ("38.5", "Cel", "38.57", "Cel", false),
        ("25.4", "cm", "10", "[in_i]", true),
        ("25.4", "cm", "25.45", "cm", true),
        ("25.4", "cm", "25.46", "cm", false),
        // Exactly, in every other kind.
        ("2.5", "L", "2500", "mL", true),
        ("2.5", "L", "2500.001", "mL", false),
        ("1", "mg/kg", "1000", "ug/kg", true),
        ("2", "{tbl}", "2.0", "{tbl}", true),
        ("2", "{tbl}", "3", "{tbl}", false),
        ("2", "{tbl}", "2", "[drp]", false),
        // One weighs, one measures; units nobody knows agree only with themselves.
        ("2", "kg", "2", "L", false),
        ("2", "furlong", "2", "furlong", true),
        ("2", "furlong", "3", "furlong", false),
        ("2", "furlong", "2", "parsec", false),
        ("2", "kg", "2", "parsec", false),
        // Beyond the range of a decimal they are compared as they stand.
        ("79228162514264337593543950335", "L", "79228162514264337593543950335", "L", true),
        ("79228162514264337593543950335", "L", "79228162514264337593543950334", "L", false),
        ("79228162514264337593543950335", "L", "79228162514264337593543950335", "m", false),
        ("79228162514264337593543950335", "L", "1", "L", false),
    ];
    for (left, left_unit, right, right_unit, same) in cases {
        let found = units::same_amount((amount(left), left_unit), (amount(right), right_unit));
        assert_eq!(found, same, "{left} {left_unit} / {right} {right_unit}");
        // Equal text is an equal amount.
        assert!(same || shown(left, left_unit) != shown(right, right_unit), "{left} {left_unit}");
    }
    // (amount, unit, the text it is compared by)
    let texts = [
        ("1.99949", "kg", "Mass 1.999"),
        ("2.005", "kg", "Mass 2.01"),
        ("27", "[lb_av]", "Mass 12.25"),
        ("38.525", "Cel", "Temperature 771"),
        ("2.50", "L", "Volume 2500"),
        ("2.0", "{tbl}", "{tbl} 2"),
        ("2.0", "furlong", "furlong 2"),
    ];
    for (number, unit, expected) in texts {
        assert_eq!(shown(number, unit), expected, "{number} {unit}");
    }
}
