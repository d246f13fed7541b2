//! What each type of field makes of the text people type: case tables.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::catalogue::ValueType;
use record::value::{ChipClass, Neuter, Sex, parse};
use record::{Conventions, FieldState, Value};

fn read(value_type: &ValueType, raw: &str) -> Option<Value> {
    parse(value_type, raw, &Conventions::default()).ok().flatten()
}

fn concept(value_type: &ValueType, raw: &str, conventions: &Conventions) -> Option<String> {
    match parse(value_type, raw, conventions) {
        Ok(Some(Value::Coded(coded))) => {
            assert_eq!(coded.text, raw.trim(), "the text stays as written");
            coded.concept
        }
        other => panic!("{raw}: {other:?}"),
    }
}

#[test]
fn blank_text_is_no_value() {
    let types = [
        ValueType::Name,
        ValueType::Text,
        ValueType::LongText,
        ValueType::Species,
        ValueType::Breed,
        ValueType::Coded,
        ValueType::Date,
        ValueType::Sex,
        ValueType::Microchip,
        ValueType::Phone,
        ValueType::Email,
        ValueType::Substances,
        ValueType::Quantity { default_unit: "kg".to_owned() },
    ];
    for value_type in &types {
        for blank in ["", "  ", "\t\r\n", "\u{a0}\u{200b}"] {
            assert_eq!(parse(value_type, blank, &Conventions::default()), Ok(None), "{value_type:?}");
        }
    }
}

#[test]
fn species() {
    // (written, concept)
    let cases = [
        ("Dog", Some("dog")),
        ("CANINE", Some("dog")),
        ("K-9", Some("dog")),
        ("Canine (dog)", Some("dog")),
        ("Canis lupus subspecies familiaris", Some("dog")),
        ("feline", Some("cat")),
        ("Cat / feline", Some("cat")),
        ("kitten", Some("cat")),
        ("Guinea-pig", Some("guinea pig")),
        ("cavy", Some("guinea pig")),
        ("equine", Some("horse")),
        // A code that stands in a choice list instead of a name.
        ("448169003", Some("cat")),
        // Known, without a code.
        ("Parrot", Some("parrot")),
        ("tortoise", Some("turtle")),
        // Unknown, or naming two: the text stays a text.
        ("Axolotl", None),
        ("cat dog", None),
        ("dogfish", None),
    ];
    for (written, expected) in cases {
        let found = concept(&ValueType::Species, written, &Conventions::default());
        assert_eq!(found.as_deref(), expected, "{written}");
    }
}

#[test]
fn breeds() {
    // (written, concept)
    let cases = [
        ("Labrador Retriever", Some("62137007")),
        ("lab", Some("62137007")),
        ("LABRADOR", Some("62137007")),
        ("GSD", Some("42252000")),
        ("Alsatian", Some("42252000")),
        ("German Shepherd Dog", Some("42252000")),
        ("Staffie", Some("83216009")),
        ("Westie", Some("40727008")),
        ("Yorkie", Some("13284009")),
        ("DSH", Some("15020009")),
        ("D.S.H.", Some("15020009")),
        ("Domestic Short-Hair", Some("15020009")),
        ("DLH", Some("8419007")),
        ("DMH", Some("409914009")),
        ("Maine Coon cat", Some("81866001")),
        ("Boxer", Some("42250008")),
        ("62137007", Some("62137007")),
        // No stated breed, whatever the species.
        ("X", Some("mixed")),
        ("Mixed breed", Some("mixed")),
        ("cross-breed", Some("mixed")),
        ("Mixed breed cat", Some("mixed")),
        ("moggie", Some("mixed")),
        // A cross of one known breed is neither that breed nor any cross.
        ("Lab X", Some("62137007+")),
        ("labrador cross", Some("62137007+")),
        ("Westie mix", Some("40727008+")),
        // Two breeds, designer crosses and other species' breeds: text.
        ("Lab x Poodle", None),
        ("Labradoodle", None),
        ("Cockapoo", None),
        ("Thoroughbred", None),
    ];
    for (written, expected) in cases {
        let found = concept(&ValueType::Breed, written, &Conventions::default());
        assert_eq!(found.as_deref(), expected, "{written}");
    }
}

#[test]
fn the_hospitals_own_names_come_first() {
    let mut conventions = Conventions::default();
    conventions.species_names.insert("Moggy".to_owned(), "cat".to_owned());
    conventions.breed_names.insert("duck dog".to_owned(), "58108001".to_owned());
    conventions.sex_terms.insert("m".to_owned(), (Sex::Male, Neuter::Intact));
    assert_eq!(concept(&ValueType::Species, "MOGGY", &conventions).as_deref(), Some("cat"));
    assert_eq!(concept(&ValueType::Breed, "Duck-Dog", &conventions).as_deref(), Some("58108001"));
    assert!(matches!(
        parse(&ValueType::Sex, "M", &conventions),
        Ok(Some(Value::Sex(status))) if status.neuter == Neuter::Intact
    ));
}

#[test]
fn sex_terms() {
    use Neuter::{Intact, Neutered};
    use Sex::{Female, Male, Other};
    const NO: Neuter = Neuter::Unknown;
    // (written, what it says)
    let cases = [
        // Alone, a letter or a word does not say whether the animal is neutered.
        ("M", Some((Male, NO))),
        ("male", Some((Male, NO))),
        ("F", Some((Female, NO))),
        ("Female", Some((Female, NO))),
        ("T", Some((Male, NO))),
        ("O", Some((Female, NO))),
        // Intact.
        ("MI", Some((Male, Intact))),
        ("ME", Some((Male, Intact))),
        ("male entire", Some((Male, Intact))),
        ("Intact Male", Some((Male, Intact))),
        ("male_intact", Some((Male, Intact))),
        ("stallion", Some((Male, Intact))),
        ("tom", Some((Male, Intact))),
        ("FE", Some((Female, Intact))),
        ("Female (entire)", Some((Female, Intact))),
        ("mare", Some((Female, Intact))),
        ("vixen", Some((Female, Intact))),
        ("female, not spayed", Some((Female, Intact))),
        ("unneutered male", Some((Male, Intact))),
        // Neutered.
        ("MN", Some((Male, Neutered))),
        ("M/N", Some((Male, Neutered))),
        ("M(N)", Some((Male, Neutered))),
        ("mc", Some((Male, Neutered))),
        ("CM", Some((Male, Neutered))),
        ("N", Some((Male, Neutered))),
        ("Male - Castrated", Some((Male, Neutered))),
        ("gelding", Some((Male, Neutered))),
        ("FS", Some((Female, Neutered))),
        ("F.S.", Some((Female, Neutered))),
        ("SF", Some((Female, Neutered))),
        ("female_spayed", Some((Female, Neutered))),
        ("FEMALE NEUTERED", Some((Female, Neutered))),
        ("spayed female", Some((Female, Neutered))),
        ("desexed male", Some((Male, Neutered))),
        ("neutered", Some((Sex::Unknown, Neutered))),
        ("male neuter", Some((Male, Neutered))),
        ("male neutered status", Some((Male, Neutered))),
        ("male, status unknown", Some((Male, NO))),
        ("neuter status unknown, male", Some((Male, NO))),
        // Said to be unknown, which is not the same as blank.
        ("U", Some((Sex::Unknown, NO))),
        ("not stated", Some((Sex::Unknown, NO))),
        ("male neuter status unknown", Some((Male, NO))),
        ("H", Some((Other, NO))),
        // Contradictions and unknown words are left to a person.
        ("male spayed", None),
        ("male female", None),
        ("intact neutered male", None),
        ("X", None),
        ("boyish", None),
        ("?", None),
    ];
    for (written, expected) in cases {
        let found = match read(&ValueType::Sex, written) {
            Some(Value::Sex(status)) => {
                assert_eq!(status.term.as_deref(), Some(written));
                Some((status.sex, status.neuter))
            }
            _ => None,
        };
        assert_eq!(found, expected, "{written}");
    }
}

#[test]
fn phones() {
    // (written, region, E.164, extension)
    let cases = [
        ("(415) 555-2671", "US", Some("+14155552671"), None),
        ("415.555.2671", "US", Some("+14155552671"), None),
        ("1-415-555-2671", "US", Some("+14155552671"), None),
        ("+1 415 555 2671", "GB", Some("+14155552671"), None),
        ("415-555-2671 x12", "US", Some("+14155552671"), Some("12")),
        ("415-555-2671 ext. 012", "US", Some("+14155552671"), Some("012")),
        ("(03) 5555 6473", "AU", Some("+61355556473"), None),
        ("(03) 5555 6473", "US", None, None),
        ("(03) 5555 6473", "GB", None, None),
        ("555-0100", "US", None, None),
        ("020 7946 0958", "GB", Some("+442079460958"), None),
        ("+44 20 7946 0958", "US", Some("+442079460958"), None),
        ("(416) 555-0199", "US", Some("+14165550199"), None),
        // A region that does not exist reads international numbers all the same.
        ("+44 20 7946 0958", "ZZ", Some("+442079460958"), None),
        ("415-555-2671", "ZZ", None, None),
    ];
    for (written, region, e164, extension) in cases {
        let conventions = Conventions { phone_region: region.to_owned(), ..Conventions::default() };
        match parse(&ValueType::Phone, written, &conventions) {
            Ok(Some(Value::Phone(phone))) => {
                assert_eq!(phone.raw, written);
                assert_eq!(
                    (phone.e164.as_deref(), phone.extension.as_deref()),
                    (e164, extension),
                    "{written} in {region}"
                );
            }
            other => panic!("{written}: {other:?}"),
        }
    }
    assert_eq!(read(&ValueType::Phone, "ask at the desk"), None);
}

#[test]
fn allergies() {
    // (written, keys in order)
    let cases: [(&str, &[&str]); 16] = [
        ("Penicillin", &["penicillin"]),
        ("penicillin, Chicken; beef\nwheat", &["penicillin", "chicken", "beef", "wheat"]),
        ("Penicillin;penicillin , PENICILLIN", &["penicillin"]),
        ("- Penicillin\n- Chicken", &["penicillin", "chicken"]),
        ("\u{2022} Penicillin\r\n\u{2022} Chicken\r\n", &["penicillin", "chicken"]),
        ("Beef (raw, minced), wheat", &["beef (raw minced)", "wheat"]),
        ("Beef (raw, minced", &["beef (raw", "minced"]),
        ("\"Chicken, raw\"; wheat", &["chicken raw", "wheat"]),
        // The positive statement, in the ways it is written.
        ("NKDA", &["none-known"]),
        ("N.K.D.A.", &["none-known"]),
        ("No known allergies.", &["none-known"]),
        ("none", &["none-known"]),
        // A doubt is no statement.
        ("penicillin, chicken; NKDA?", &["penicillin", "chicken", "nkda?"]),
        // It stays where it contradicts the rest: a person has to see that.
        ("NKA, penicillin", &["none-known", "penicillin"]),
        ("no known food allergies", &["no known food allergies"]),
        ("co-amoxiclav", &["co amoxiclav"]),
    ];
    for (written, expected) in cases {
        match read(&ValueType::Substances, written) {
            Some(Value::Substances(set)) => {
                let keys: Vec<&str> = set.items.iter().map(|item| item.key.as_str()).collect();
                assert_eq!(keys, expected, "{written}");
            }
            other => panic!("{written}: {other:?}"),
        }
    }
    // Without a blank behind it, a bullet belongs to the word.
    match read(&ValueType::Substances, "*Penicillin, - Chicken") {
        Some(Value::Substances(set)) => {
            let texts: Vec<&str> = set.items.iter().map(|item| item.text.as_str()).collect();
            assert_eq!(texts, ["*Penicillin", "Chicken"]);
        }
        other => panic!("{other:?}"),
    }
    // Nothing but separators is nothing said.
    assert_eq!(parse(&ValueType::Substances, " ; ,\n", &Conventions::default()), Ok(None));
}

#[test]
fn quantities() {
    let in_pounds = ValueType::Quantity { default_unit: "[lb_av]".to_owned() };
    // (written, number and unit)
    let cases = [
        ("12.4 kg", Some(("12.4", "kg"))),
        ("12.40kg", Some(("12.40", "kg"))),
        ("12,4 kg", Some(("12.4", "kg"))),
        ("27 lb", Some(("27", "[lb_av]"))),
        ("27lbs.", Some(("27", "[lb_av]"))),
        ("27 Pounds", Some(("27", "[lb_av]"))),
        ("27", Some(("27", "[lb_av]"))),
        ("8 [oz_av]", Some(("8", "[oz_av]"))),
        ("850 g", Some(("850", "g"))),
        ("850 GRAMS", Some(("850", "g"))),
        (".5 kg", Some(("0.5", "kg"))),
        ("007 kg", Some(("7", "kg"))),
        ("-2 Cel", Some(("-2", "Cel"))),
        ("38.5 \u{b0}C", Some(("38.5", "Cel"))),
        // Thousands or decimals? Two units? No number?
        ("1,200 g", None),
        ("1,200.5", None),
        ("12 lb 4 oz", None),
        ("12 furlongs", None),
        ("heavy", None),
        ("kg", None),
        ("1.2.3 kg", None),
        ("123456789012345678901234567890123 kg", None),
    ];
    for (written, expected) in cases {
        let found = read(&in_pounds, written);
        let found = match &found {
            Some(Value::Quantity(quantity)) => Some((quantity.number.as_str(), quantity.unit.as_str())),
            _ => None,
        };
        assert_eq!(found, expected, "{written}");
    }
}

#[test]
fn problems_never_show_the_value() {
    let conventions = Conventions::default();
    let cases = [
        (ValueType::Date, "13/13/1313"),
        (ValueType::Sex, "zebedee"),
        (ValueType::Microchip, "98765432101234X"),
        (ValueType::Phone, "zebedee"),
        (ValueType::Email, "zebedee.example"),
        (ValueType::Quantity { default_unit: "kg".to_owned() }, "zebedee"),
    ];
    for (value_type, raw) in cases {
        match FieldState::read(&value_type, raw, &conventions) {
            FieldState::Invalid { raw: kept, problem } => {
                assert_eq!(kept, raw);
                let text = problem.to_string();
                assert!(!text.contains(raw) && text.contains("; "), "{text}");
            }
            other => panic!("{raw}: {other:?}"),
        }
    }
}

#[test]
fn chips_keep_what_was_written() {
    match read(&ValueType::Microchip, " 985-112-003-456-789 ") {
        Some(Value::Microchip(chip)) => {
            assert_eq!(chip.raw, "985-112-003-456-789");
            assert_eq!(chip.normal, "985112003456789");
            assert_eq!(chip.class, ChipClass::Iso15);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn people_read_the_value_or_what_could_not_be_read() {
    let shown = |raw: &str| FieldState::read(&ValueType::Date, raw, &Conventions::default()).display();
    assert_eq!(shown("2019-06"), "2019-06");
    assert_eq!(shown("13/13/1313"), "13/13/1313");
    assert_eq!(shown(" "), "");
    assert_eq!(FieldState::Unknown.display(), "");
}
