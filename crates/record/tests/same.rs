//! When two spellings say the same, and why.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::catalogue::ValueType;
use record::value::{Coded, Coding, parse};
use record::{Conventions, FieldState, SameBecause, Sameness, Value, comparable, sameness, state_sameness};

use SameBecause::{
    CaseOrBlanks, EmailCase, LineEndings, PhoneFormat, SameAmount, SameChip, SameConcept, SameMeaningOfSex,
    SameSet,
};
use Sameness::{Different, Identical, LeftFiner, RightFiner, Same};

fn read(value_type: &ValueType, raw: &str) -> Value {
    match parse(value_type, raw, &Conventions::default()) {
        Ok(Some(value)) => value,
        other => panic!("{raw}: {other:?}"),
    }
}

#[test]
fn spellings() {
    let weight = || ValueType::Quantity { default_unit: "kg".to_owned() };
    // (type, ServiceNow, EHR, how they relate)
    let cases = [
        (ValueType::Name, "Bella", "Bella", Identical),
        (ValueType::Name, "Bella", "BELLA ", Same(CaseOrBlanks)),
        (ValueType::Name, "O'Brien", "O\u{2019}Brien", Same(CaseOrBlanks)),
        (ValueType::Name, "Bella", "Bela", Different),
        (ValueType::Text, "two  doors", "Two doors", Same(CaseOrBlanks)),
        (ValueType::Text, "a-b", "a b", Different),
        (ValueType::LongText, "a\r\nb  \r\n", "a\nb", Same(LineEndings)),
        (ValueType::LongText, "a\nb", "a\nB", Different),
        (ValueType::Species, "Dog", "canine", Same(SameConcept)),
        (ValueType::Species, "Dog", "DOG", Same(CaseOrBlanks)),
        (ValueType::Species, "Dog", "Cat", Different),
        (ValueType::Species, "Axolotl", "axolotl", Same(CaseOrBlanks)),
        (ValueType::Species, "Axolotl", "Dog", Different),
        (ValueType::Breed, "Lab", "Labrador retriever", Same(SameConcept)),
        (ValueType::Breed, "DSH", "Domestic Shorthair", Same(SameConcept)),
        (ValueType::Breed, "Lab X", "labrador cross", Same(SameConcept)),
        (ValueType::Breed, "Lab X", "Lab", Different),
        (ValueType::Breed, "DSH", "DLH", Different),
        (ValueType::Breed, "Labradoodle", "labradoodle", Same(CaseOrBlanks)),
        (ValueType::Date, "2019-06-01", "2019-06-01", Identical),
        (ValueType::Date, "2019-06-01", "2019-06", LeftFiner),
        (ValueType::Date, "2019", "2019-06", RightFiner),
        (ValueType::Date, "2019-06-01", "2019-01-06", Different),
        (ValueType::Sex, "FS", "FS", Identical),
        (ValueType::Sex, "FS", "female_spayed", Same(SameMeaningOfSex)),
        (ValueType::Sex, "F", "FS", Different),
        (ValueType::Sex, "U", "F", Different),
        (ValueType::Microchip, "985112003456789", "985 112 003 456 789", Same(SameChip)),
        (ValueType::Microchip, "0a01234567", "0A0-123-4567", Same(SameChip)),
        (ValueType::Microchip, "985112003456789", "985112003456798", Different),
        (ValueType::Phone, "(415) 555-2671", "+14155552671", Same(PhoneFormat)),
        (ValueType::Phone, "(415) 555-2671", "415-555-2671 x12", Different),
        (ValueType::Phone, "415-555-2671 x12", "4155552671 ext 12", Same(PhoneFormat)),
        // Numbers that are not valid are compared by their digits.
        (ValueType::Phone, "555-0100", "5550100", Same(PhoneFormat)),
        (ValueType::Phone, "555-0100", "+15550100", Different),
        (ValueType::Email, "Peter@Example.test", "peter@example.test", Same(EmailCase)),
        (ValueType::Email, "pe.ter@example.test", "peter@example.test", Different),
        (ValueType::Substances, "penicillin, chicken", "Chicken; Penicillin", Same(SameSet)),
        (ValueType::Substances, "penicillin, chicken", "penicillin; chicken", Identical),
        (ValueType::Substances, "NKDA", "No known allergies", Same(SameSet)),
        (ValueType::Substances, "penicillin", "penicillin, chicken", Different),
        // 27 lb are 12.24699399 kg.
        (weight(), "27 lb", "12.25 kg", Same(SameAmount)),
        (weight(), "27 lb", "12.26 kg", Different),
        (weight(), "12.4", "12.40 kg", Same(SameAmount)),
        (weight(), "12.4 kg", "12.5 kg", Different),
        // A hundredth of a kilogram is much for a hamster.
        (weight(), "120 g", "0.12 kg", Same(SameAmount)),
        (weight(), "120 g", "125 g", Different),
    ];
    for (value_type, left, right, expected) in cases {
        let (a, b) = (read(&value_type, left), read(&value_type, right));
        assert_eq!(sameness(&a, &b), expected, "{left} / {right}");
    }
}

#[test]
fn blank_and_unknown_are_two_things() {
    let bella = FieldState::Value(Value::Name("Bella".to_owned()));
    let unreadable = |raw: &str| FieldState::read(&ValueType::Date, raw, &Conventions::default());
    // (left, right, how they relate)
    let cases = [
        (FieldState::Blank, FieldState::Blank, Same(SameBecause::BothBlank)),
        (FieldState::Unknown, FieldState::Unknown, Identical),
        (FieldState::Blank, FieldState::Unknown, Different),
        (FieldState::Blank, bella.clone(), Different),
        (FieldState::Unknown, bella, Different),
        (unreadable("1/2/2019"), unreadable("1/2/2019"), Identical),
        (unreadable("1/2/2019"), unreadable("2/1/2019"), Different),
        (unreadable("1/2/2019"), FieldState::Blank, Different),
    ];
    for (left, right, expected) in cases {
        assert_eq!(state_sameness(&left, &right), expected);
        let (mut a, mut b) = (String::new(), String::new());
        comparable(&left, &mut a);
        comparable(&right, &mut b);
        assert_eq!(a == b, expected.is_same(), "{a} / {b}");
    }
}

#[test]
fn codes_without_a_text_are_told_apart_by_the_code() {
    let coded = |text: &str, code: &str| {
        let coding = Coding { system: "urn:local".to_owned(), code: code.to_owned(), display: None };
        Value::Coded(Coded { text: text.to_owned(), codings: vec![coding], concept: None })
    };
    // (left, right, how they relate)
    let cases = [
        (coded("", "A"), coded("", "A"), Identical),
        (coded("", "A"), coded("", "B"), Different),
        // A text says more than the code beside it.
        (coded("Indoor", "A"), coded("Indoor", "B"), Identical),
        (coded("Indoor", "A"), coded("indoor", "B"), Same(CaseOrBlanks)),
        (coded("Indoor", "A"), coded("Outdoor", "A"), Different),
    ];
    for (left, right, expected) in cases {
        assert_eq!(sameness(&left, &right), expected, "{left:?} / {right:?}");
    }
}
