//! Laws that hold for every value.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use proptest::sample::select;
use record::catalogue::{Catalogue, CustomField, ValueType};
use record::codes::sex_terms;
use record::testing;
use record::value::{Coded, Coding, Neuter, Sex, SexStatus, Substance, SubstanceSet, ValueProblem, parse};
use record::{
    Conventions, FieldState, Record, Sameness, Value, comparable, sameness, state_sameness, stored,
};

fn types() -> Vec<ValueType> {
    let mut types: Vec<ValueType> =
        Catalogue::patient_default().fields.into_iter().map(|spec| spec.value_type).collect();
    types.extend(Catalogue::appointment_default().fields.into_iter().map(|spec| spec.value_type));
    types.extend(Catalogue::treatment_default().fields.into_iter().map(|spec| spec.value_type));
    types.push(ValueType::Text);
    types.push(ValueType::Coded);
    types.push(ValueType::Quantity { default_unit: "kg".to_owned() });
    types
}

fn any_value() -> impl Strategy<Value = (ValueType, Value)> {
    select(types()).prop_flat_map(|value_type| {
        let values = testing::value(&value_type);
        (Just(value_type), values)
    })
}

fn two_states() -> impl Strategy<Value = (FieldState, FieldState)> {
    select(types())
        .prop_flat_map(|value_type| (testing::field_state(&value_type), testing::field_state(&value_type)))
}

fn text_of(state: &FieldState) -> String {
    let mut text = String::new();
    comparable(state, &mut text);
    text
}

fn mirrored(relation: Sameness) -> Sameness {
    match relation {
        Sameness::LeftFiner => Sameness::RightFiner,
        Sameness::RightFiner => Sameness::LeftFiner,
        other => other,
    }
}

fn with_weight() -> Catalogue {
    let weight: CustomField = serde_json::from_str(
        r#"{"id":"weight","label":"Weight","type":"quantity","default_unit":"[lb_av]",
            "extension_url":"https://hospital.example/fhir/weight"}"#,
    )
    .expect("a custom field");
    Catalogue::patient_default().with_custom(vec![weight]).expect("a catalogue")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What people read is read back as the same value, and reads the same again.
    #[test]
    fn display_is_stable((value_type, value) in any_value()) {
        let shown = value.display();
        let again = parse(&value_type, &shown, &Conventions::default()).ok().flatten();
        let Some(again) = again else { return Err(TestCaseError::fail(format!("{shown:?} is not read back"))) };
        prop_assert!(sameness(&value, &again).is_same(), "{:?} / {:?}", value, again);
        prop_assert_eq!(again.display(), shown);
    }

    #[test]
    fn sameness_is_reflexive((_, value) in any_value()) {
        prop_assert_eq!(sameness(&value, &value), Sameness::Identical);
    }

    #[test]
    fn sameness_is_symmetric((left, right) in two_states()) {
        prop_assert_eq!(state_sameness(&left, &right), mirrored(state_sameness(&right, &left)));
    }

    /// Equal comparable text means the same; the inverse but for rounding of amounts.
    #[test]
    fn comparable_agrees_with_sameness((left, right) in two_states()) {
        let same = state_sameness(&left, &right).is_same();
        let equal = text_of(&left) == text_of(&right);
        if equal {
            prop_assert!(same, "{:?} / {:?}", left, right);
        }
        if same && !matches!(left.value(), Some(Value::Quantity(_))) {
            prop_assert!(equal, "{:?} / {:?}", left, right);
        }
    }

    /// Amounts of nearly the same size, where rounding decides.
    #[test]
    fn comparable_amounts_agree_with_sameness(hundredths in 1_u32..5000, more in 0_u32..30, unit in select(vec!["kg", "lb", "g", "oz"])) {
        let weight = ValueType::Quantity { default_unit: "kg".to_owned() };
        let read = |thousandths: u32| FieldState::read(&weight, &format!("{}.{:03} {unit}", thousandths / 1000, thousandths % 1000), &Conventions::default());
        let (left, right) = (read(hundredths * 10), read(hundredths * 10 + more));
        if text_of(&left) == text_of(&right) {
            prop_assert!(state_sameness(&left, &right).is_same(), "{:?} / {:?}", left, right);
        }
    }

    /// A pair written into a column is read back as the pair, whatever stood there and whatever the terms mean here.
    #[test]
    fn sex_and_status_survive_one_column(
        sex in select(vec![Sex::Male, Sex::Female, Sex::Other, Sex::Unknown]),
        neuter in select(vec![Neuter::Neutered, Neuter::Intact, Neuter::Unknown]),
        old in proptest::option::of(testing::raw_text(&ValueType::Sex)),
        own_male in proptest::option::of(select(vec![Neuter::Neutered, Neuter::Intact])),
    ) {
        let mut conventions = Conventions::default();
        if let Some(meaning) = own_male {
            for term in ["m", "male"] {
                conventions.sex_terms.insert(term.to_owned(), (Sex::Male, meaning));
            }
            for term in ["f", "female"] {
                conventions.sex_terms.insert(term.to_owned(), (Sex::Female, meaning));
            }
        }
        let written = SexStatus::new(sex, neuter).to_term(old.as_deref(), &conventions);
        prop_assert_eq!(sex_terms::recognise(&written, &conventions), Some((sex, neuter)), "{}", written);
    }

    /// A term that still means the same stays as it is.
    #[test]
    fn a_term_that_fits_is_kept(old in testing::raw_text(&ValueType::Sex)) {
        let conventions = Conventions::default();
        if let Some((sex, neuter)) = sex_terms::recognise(&old, &conventions) {
            prop_assert_eq!(SexStatus::new(sex, neuter).to_term(Some(&old), &conventions), old);
        }
    }

    /// A set written into a column is read back as the set.
    #[test]
    fn sets_survive_one_column(set in testing::value(&ValueType::Substances), old in proptest::option::of(testing::raw_text(&ValueType::Substances))) {
        let Value::Substances(set) = set else { return Err(TestCaseError::fail("not a set")) };
        let written = set.to_text(old.as_deref());
        match parse(&ValueType::Substances, &written, &Conventions::default()) {
            Ok(Some(Value::Substances(read))) => prop_assert!(read.same_keys(&set), "{} / {:?}", written, set),
            other => return Err(TestCaseError::fail(format!("{written:?}: {other:?}"))),
        }
    }

    /// So is a set of whatever texts the EHR holds.
    #[test]
    fn sets_of_any_text_survive_one_column(
        texts in proptest::collection::vec("[A-Za-z ,;\"()\\[\\]*.\n-]{1,12}|\\PC{1,6}", 1..4),
        old in proptest::option::of(testing::raw_text(&ValueType::Substances)),
    ) {
        let set = SubstanceSet::new(texts.iter().filter_map(|text| Substance::new(text, vec![])));
        let written = set.to_text(old.as_deref());
        match parse(&ValueType::Substances, &written, &Conventions::default()) {
            Ok(Some(Value::Substances(read))) => prop_assert!(read.same_keys(&set), "{:?} / {:?}", written, set),
            Ok(None) if set.items.is_empty() => {}
            other => return Err(TestCaseError::fail(format!("{written:?}: {other:?}"))),
        }
    }

    /// The store gives back what it was given, also what it was given in its first form; and only the same value has
    /// the same text, which is what comparing stored texts relies on.
    #[test]
    fn records_survive_the_store_and_equal_text_is_an_equal_value(
        record in prop_oneof![
            testing::record(&with_weight()),
            testing::record(&Catalogue::appointment_default()),
            testing::record(&Catalogue::treatment_default()),
        ],
        (left, right) in two_states(),
    ) {
        let first = serde_json::to_string(&record).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&stored::decode(&first), &Ok(record.clone()));
        prop_assert_eq!(stored::decode(&stored::encode(&record)), Ok(record));
        let text = |state| {
            let mut text = String::new();
            stored::push_states([state], &mut text);
            text
        };
        prop_assert_eq!(text(&left) == text(&right), left == right);
    }

    /// Two records have the same digest text only if their fields compare alike.
    #[test]
    fn digest_texts_tell_records_apart(left in testing::record(&with_weight()), right in testing::record(&with_weight())) {
        let alike = left.active == right.active
            && left.deceased == right.deceased
            && left.fields.iter().zip(&right.fields).all(|(a, b)| text_of(a) == text_of(b));
        prop_assert_eq!(left.digest_text() == right.digest_text(), alike);
        let mut other_keys = left.clone();
        other_keys.key = "another".to_owned();
        other_keys.other_key = None;
        prop_assert_eq!(left.digest_text(), other_keys.digest_text());
    }
}

fn coding(code: &str, display: Option<&str>) -> Coding {
    Coding { system: "urn".to_owned(), code: code.to_owned(), display: display.map(str::to_owned) }
}

#[test]
fn the_stored_form_is_short_and_stable() {
    let read = |value_type: &ValueType, raw: &str| FieldState::read(value_type, raw, &Conventions::default());
    // (state, stored): changing any of these breaks the stores of hospitals.
    let cases = [
        (FieldState::Unknown, "0:"),
        (FieldState::Blank, "1:-"),
        (read(&ValueType::Name, "Bella"), "6:nBella"),
        (read(&ValueType::Text, "x"), "2:tx"),
        (read(&ValueType::LongText, "Žofie"), "7:lŽofie"),
        (read(&ValueType::Species, "Dog"), "12:c3:Dog+3:dog"),
        (read(&ValueType::Coded, "x"), "5:c1:x-"),
        (read(&ValueType::Date, "2019-06"), "8:d2019-06"),
        (read(&ValueType::Sex, "FS"), "24:s6:female8:neutered+2:FS"),
        (read(&ValueType::Microchip, "985112003456789"), "27:m5:iso1515:985112003456789-"),
        (read(&ValueType::Microchip, "123*456*789"), "36:m7:legacy911:123*456*789+9:123456789"),
        (read(&ValueType::Phone, "415-555-2671"), "33:p12:415-555-2671+12:+14155552671-"),
        (read(&ValueType::Email, "a@b.test"), "9:ea@b.test"),
        (read(&ValueType::Substances, "Beef"), "15:a4:Beef4:beef0:"),
        (read(&ValueType::Quantity { default_unit: "kg".to_owned() }, "12.40"), "12:q5:12.402:kg"),
        (read(&ValueType::Instant, "2025-03-10 14:30:00"), "20:i2025-03-10 14:30:00"),
        (read(&ValueType::Minutes, "30"), "3:u30"),
        (read(&ValueType::Person, "Practitioner/7"), "21:w+14:Practitioner/7--"),
        (read(&ValueType::Person, "Dr Lee"), "12:w-+6:Dr Lee-"),
        (read(&ValueType::PatientLink, "Patient/p-1"), "9:r-+3:p-1-"),
        (read(&ValueType::AppointmentType, "Recheck"), "20:c7:Recheck+7:recheck"),
        (read(&ValueType::AppointmentStatus, "Confirmed"), "20:v9:Confirmed6:booked"),
        (read(&ValueType::Medications, "A 5 mg; B"), "23:y9:A 5 mg; B6:A 5 mg1:B"),
        (
            FieldState::Value(Value::Coded(Coded {
                text: "x".to_owned(),
                codings: vec![coding("A", None), coding("B", Some("b"))],
                concept: None,
            })),
            "26:c1:x-3:urn1:A-3:urn1:B+1:b",
        ),
        (
            FieldState::Value(Value::Substances(SubstanceSet::new(Substance::new(
                "Beef",
                vec![coding("A", None)],
            )))),
            "24:a4:Beef4:beef9:3:urn1:A-",
        ),
        (
            FieldState::Invalid {
                raw: "?".to_owned(),
                problem: ValueProblem { problem: "p".to_owned(), way_out: "w".to_owned() },
            },
            "10:!1:?1:p1:w",
        ),
    ];
    for (state, expected) in cases {
        let mut text = String::new();
        stored::push_states([&state], &mut text);
        assert_eq!(text, expected);
        let read = stored::States::new(expected).map(|text| stored::decode_state(text.expect("a part")));
        assert_eq!(read.collect::<Result<Vec<_>, _>>().expect("read"), [state]);
    }
}

#[test]
fn a_stored_text_that_was_cut_or_changed_is_refused() {
    let record = Record {
        kind: record::RecordKind::Patient,
        key: "k".to_owned(),
        other_key: Some("o".to_owned()),
        active: true,
        deceased: false,
        fields: vec![FieldState::Value(Value::Name("Bella".to_owned())), FieldState::Blank],
    };
    let text = stored::encode(&record);
    assert_eq!(text, "17:patiental1:k+1:o6:nBella1:-");
    // Behind the last whole field the text may end: a record of an older catalogue has fewer of them.
    let whole = text.len() - "1:-".len();
    for end in (0..text.len()).filter(|end| *end != whole && *end != whole - "6:nBella".len()) {
        assert!(stored::decode(&text[..end]).is_err(), "{}", &text[..end]);
    }
    for wrong in
        ["27:patiental1:k-", "16:animalal1:k-", "17:patientxl1:k-", "17:patiental99:k-", "17:patiental:k-"]
    {
        assert!(stored::decode(wrong).is_err(), "{wrong}");
    }
    for wrong in [
        "-x",
        "d2019-13",
        "s4:male3:yes-",
        "z",
        "iyesterday",
        "u0",
        "w+1:x",
        "v1:x1:x",
        "y3:ab",
        "q1:x2:kg",
        "m5:iso161:1-",
        "!1:?",
        "c1:x-1:s",
    ] {
        assert!(stored::decode_state(wrong).is_err(), "{wrong}");
    }
    // A part is as long as it says, which it says in digits.
    // (text, its first part and what is left empty?)
    let cases = [
        ("0:", Some(("", true))),
        ("1:ab", Some(("a", false))),
        ("12:abcdefghijkl", Some(("abcdefghijkl", true))),
        (":", None),
        (":ab", None),
        ("2:a", None),
        ("1;a", None),
        ("1", None),
        ("99999999999:a", None),
    ];
    for (text, expected) in cases {
        let mut parts = stored::Parts::new(text, "test");
        let found = parts.part().ok().map(|part| (part, parts.is_empty()));
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn the_first_stored_form_is_still_read() {
    let read = |value_type: &ValueType, raw: &str| FieldState::read(value_type, raw, &Conventions::default());
    // (state, stored): changing any of these breaks the stores of hospitals.
    let cases = [
        (FieldState::Unknown, r#""u""#),
        (FieldState::Blank, r#""b""#),
        (read(&ValueType::Name, "Bella"), r#"{"v":{"n":"Bella"}}"#),
        (read(&ValueType::Text, "x"), r#"{"v":{"t":"x"}}"#),
        (read(&ValueType::LongText, "x"), r#"{"v":{"l":"x"}}"#),
        (read(&ValueType::Species, "Dog"), r#"{"v":{"c":{"t":"Dog","c":"dog"}}}"#),
        (read(&ValueType::Date, "2019-06"), r#"{"v":{"d":"2019-06"}}"#),
        (read(&ValueType::Sex, "FS"), r#"{"v":{"s":["female","neutered","FS"]}}"#),
        (read(&ValueType::Microchip, "985112003456789"), r#"{"v":{"m":["985112003456789","iso15"]}}"#),
        (read(&ValueType::Microchip, "123*456*789"), r#"{"v":{"m":["123*456*789","legacy9","123456789"]}}"#),
        (read(&ValueType::Phone, "415-555-2671"), r#"{"v":{"p":{"r":"415-555-2671","e":"+14155552671"}}}"#),
        (read(&ValueType::Email, "a@b.test"), r#"{"v":{"e":"a@b.test"}}"#),
        (read(&ValueType::Substances, "Beef"), r#"{"v":{"a":[{"t":"Beef","k":"beef"}]}}"#),
        (
            read(&ValueType::Quantity { default_unit: "kg".to_owned() }, "12.40"),
            r#"{"v":{"q":["12.40","kg"]}}"#,
        ),
    ];
    for (state, first) in cases {
        assert_eq!(serde_json::to_string(&state).expect("written"), first);
        assert_eq!(serde_json::from_str::<FieldState>(first).expect("read"), state);
        let record = format!(r#"{{"k":"patient","i":"7","f":[{first}]}}"#);
        assert_eq!(stored::decode(&record).expect("read").fields, [state]);
    }
}
