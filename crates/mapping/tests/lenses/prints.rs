//! Prints: 64 bits in place of what is said, by which records in bulk are told apart.

use crate::laws::{documents, rows};
use crate::support::*;
use mapping::fast::{HIDDEN, Keys, Printer};
use proptest::prelude::*;
use record::value::{Neuter, Sex, SexStatus, Value};
use record::{FieldState, Json};
use serde_json::{Value as Serde, json as of};
use std::collections::HashSet;

fn of_row(row: &Serde, printer: &mut Printer) -> (Keys, Vec<u64>) {
    let mut prints = Vec::new();
    let keys = row_lens().print(&row.to_string(), printer, &mut prints).expect("a row");
    (keys, prints)
}

fn of_patient(document: &Serde, printer: &mut Printer) -> (Keys, Vec<u64>) {
    let mut prints = Vec::new();
    let keys = patient_lens().print(&document.to_string(), printer, &mut prints).expect("a patient");
    (keys, prints)
}

/// The print of one column that says this.
fn said(id: &str, text: &str) -> u64 {
    let (_, prints) = of_row(&of!({format!("u_{id}"): text}), &mut Printer::default());
    prints[usize::from(field(id).0)]
}

/// The print of one field of a patient.
fn patient(members: &Serde, id: &str) -> u64 {
    let mut document = members.clone();
    document["resourceType"] = of!("Patient");
    of_patient(&document, &mut Printer::default()).1[usize::from(field(id).0)]
}

#[test]
fn keys_are_printed_where_they_are_said() {
    let mut printer = Printer::default();
    let keys = |own: Option<&str>, other: Option<&str>| Keys {
        own: own.map(Keys::print),
        other: other.map(Keys::print),
    };
    assert_eq!(
        of_row(&of!({"sys_id": "a", "u_ehr_id": " p-1 "}), &mut printer).0,
        keys(Some("a"), Some("p-1"))
    );
    assert_eq!(of_row(&of!({"sys_id": "", "u_ehr_id": " "}), &mut printer).0, keys(None, None));
    let identifier = of!([{"system": SERVICENOW_SYSTEM, "value": "a"}]);
    assert_eq!(
        of_patient(&of!({"resourceType": "Patient", "id": "p-1", "identifier": identifier}), &mut printer).0,
        keys(Some("p-1"), Some("a"))
    );
    assert_eq!(of_patient(&of!({"resourceType": "Patient"}), &mut printer).0, keys(None, None));
    // What is neither is refused, and nothing is printed of it.
    let mut prints = Vec::new();
    for text in ["[]", "{", "1"] {
        assert_eq!(row_lens().print(text, &mut printer, &mut prints), None, "{text}");
        assert_eq!(patient_lens().print(text, &mut printer, &mut prints), None, "{text}");
    }
    assert_eq!(prints, Vec::<u64>::new());
}

#[test]
fn what_says_nothing_prints_alike() {
    let blank = said("patient_name", "");
    assert_ne!(blank, HIDDEN);
    let (_, hidden) = of_row(&of!({"sys_id": "a"}), &mut Printer::default());
    assert!(hidden.iter().all(|print| *print == HIDDEN), "{hidden:?}");
    for spec in &catalogue().fields {
        for text in ["", " ", " \t "] {
            assert_eq!(said(&spec.id, text), blank, "{}: {text:?}", spec.id);
        }
        // What is absent from a row is hidden; what is absent from a patient is nothing.
        let expected = if spec.id == "allergies" { HIDDEN } else { blank };
        assert_eq!(patient(&of!({}), &spec.id), expected, "{}", spec.id);
    }
    // A sex of which both halves are unknown, and a set of no substances.
    let both_unknown = FieldState::Value(Value::Sex(SexStatus::new(Sex::Unknown, Neuter::Unknown)));
    let unknown =
        patient_lens().get(&json(&of!({"resourceType": "Patient", "gender": "unknown"}))).expect("readable");
    assert_eq!(*unknown.field(field("gender")), both_unknown);
    assert_eq!(patient(&of!({"gender": "unknown"}), "gender"), blank);
    assert_ne!(patient(&of!({"gender": "female"}), "gender"), blank);
    let status = of!([{"url": ANIMAL, "extension": [{"url": "genderStatus", "valueCodeableConcept": {"text": "intact"}}]}]);
    assert_ne!(patient(&of!({"gender": "unknown", "extension": status}), "gender"), blank);
    // What a summary leaves out is hidden, what it holds is not.
    let summary = of!({"meta": {"tag": [{"code": "SUBSETTED"}]}, "gender": "female"});
    assert_eq!(patient(&summary, "patient_name"), HIDDEN);
    assert_eq!(patient(&summary, "gender"), patient(&of!({"gender": "female"}), "gender"));
}

#[test]
fn texts_print_alike_where_they_say_the_same() {
    // (field, one, the other, whether they print alike)
    let cases = [
        ("patient_name", "Bella", " BELLA ", true),
        ("patient_name", "Bella", "Stella", false),
        ("tag", "a 17", "A  17", true),
        ("tag", "A-17", "A-18", false),
        ("diet", "a\nb", "a\r\nb \n", true),
        ("diet", "a\nb", "a\nc", false),
        // Of a longer text the beginning of its first line is part of what it says.
        ("diet", "  a", "a", false),
        ("species", "Dog", "canine", true),
        ("species", "Dog", "Cat", false),
        ("breed", "GSD", "German Shepherd Dog", true),
        ("gender", "FS", "female spayed", true),
        ("gender", "FS", "female", false),
        ("microchip_id", "985 112 003 456 789", "985112003456789", true),
        ("owner_phone", "(415) 555-2671", "415-555-2671", true),
        ("owner_email", "Ana@Example.test", "Ana@example.test", true),
        ("date_of_birth", "2019-06", "2019-06", true),
        ("date_of_birth", "2019-06", "2019", false),
        ("allergies", "a, b", "B; A", true),
        ("allergies", "a, b", "a", false),
        ("weight", "12.50", "12.5 lb", true),
        ("weight", "12.50", "12.5 kg", false),
    ];
    for (id, one, other, alike) in cases {
        assert_eq!(said(id, one) == said(id, other), alike, "{id}: {one:?} {other:?}");
    }
}

/// The same in both systems, though one holds columns of text and the other its own structures.
#[test]
fn both_systems_print_alike_what_they_say_alike() {
    let concept = |url: &str, text: &str| of!({"url": url, "valueCodeableConcept": {"text": text}});
    let animal = of!({"url": ANIMAL, "extension": [concept("species", "Dog"), concept("breed", "Cat")]});
    let simple = |url: &str, key: &str, value: Serde| of!({"url": url, key: value});
    let members = of!({
        "name": [{"text": "Bella"}], "gender": "male", "birthDate": "2019-06",
        "identifier": [{"system": CHIP_SYSTEM, "value": "985112003456789"}],
        "contact": [{"name": {"text": "Ana López"}, "telecom": [{"system": "phone", "value": "(415) 555-2671"},
            {"system": "email", "value": "ana@example.test"}]}],
        "extension": [animal, simple(NOTE, "valueString", of!("Nervous.\nBites.")),
            simple(WEIGHT, "valueQuantity", of!({"value": 12.5, "unit": "lb"})),
            simple("https://clinic.example/fhir/tag", "valueString", of!("A-17")),
            simple("https://clinic.example/fhir/diet", "valueString", of!(" a\nb")),
            simple("https://clinic.example/fhir/coat", "valueString", of!("Dog")),
            simple(mapping::fhir::ALLERGIES_TEXT, "valueString", of!("Dust, Latex"))],
    });
    // Words that stand in columns of several types, so that what is remembered of one must not serve for another.
    let columns = [
        ("patient_name", "Bella"),
        ("species", "Dog"),
        ("breed", "Cat"),
        ("coat", "Dog"),
        ("gender", "M"),
        ("date_of_birth", "2019-06"),
        ("microchip_id", "985112003456789"),
        ("owner_name", "Ana López"),
        ("owner_phone", "(415) 555-2671"),
        ("owner_email", "ana@example.test"),
        ("medical_notes", "Nervous.\nBites."),
        ("weight", "12.5"),
        ("tag", "A-17"),
        ("diet", " a\nb"),
        ("allergies", "Latex; dust"),
    ];
    let mut row = of!({});
    for (id, text) in columns {
        row[format!("u_{id}")] = of!(text);
    }
    let mut document = members;
    document["resourceType"] = of!("Patient");
    // Whether the printer is new or has met much, and whichever comes first.
    let mut printer = Printer::default();
    let (_, from_row) = of_row(&row, &mut printer);
    let (_, from_patient) = of_patient(&document, &mut printer);
    let (_, again) = of_patient(&document, &mut Printer::default());
    assert_eq!(from_patient, again);
    let blank = said("patient_name", "");
    for (id, text) in columns {
        let at = usize::from(field(id).0);
        assert_eq!(from_row[at], from_patient[at], "{id}: {text}");
        assert_eq!(from_row[at], said(id, text), "{id}: {text}");
        assert!(from_row[at] != blank && from_row[at] != HIDDEN, "{id}: {text}");
    }
    let different: HashSet<u64> = columns.iter().map(|(id, _)| from_row[usize::from(field(id).0)]).collect();
    // A dog's coat called "Dog" is not its species.
    assert_eq!(different.len(), columns.len());
}

/// Blank, or a sex of which neither half is known.
fn says_nothing(state: &FieldState) -> bool {
    let unknown = FieldState::Value(Value::Sex(SexStatus::new(Sex::Unknown, Neuter::Unknown)));
    state.is_blank() || same(state, &unknown)
}

/// Every bit of a key reaches every bit of its print, and nothing of a key is left out.
#[test]
fn a_print_depends_on_every_bit_of_its_key() {
    // Lengths on both sides of the blocks in which a text is taken, and of two of them.
    for length in [1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33] {
        let key: Vec<u8> = (0..length).map(|at| b'A' + (at * 7 % 26)).collect();
        let print = |key: &[u8]| Keys::print(std::str::from_utf8(key).expect("ASCII"));
        let (mut flips, mut bits) = ([0_u32; 64], 0);
        for at in 0..key.len() {
            // The lowest six bits of ASCII letters may be turned and stay ASCII.
            for bit in 0..6 {
                let mut turned = key.clone();
                turned[at] ^= 1 << bit;
                let difference = print(&key) ^ print(&turned);
                // Half of 64, and seldom far from it.
                assert!((10..=54).contains(&difference.count_ones()), "{length} {at} {bit}");
                for (place, count) in flips.iter_mut().enumerate() {
                    *count += u32::try_from(difference >> place & 1).expect("a bit");
                }
                bits += 1;
            }
        }
        if bits > 90 {
            for (place, count) in flips.iter().enumerate() {
                assert!(
                    (bits / 4..=bits * 3 / 4).contains(count),
                    "bit {place} of a key of {length}: {count} of {bits}"
                );
            }
        }
    }
    // Nor does a text that ends in nothing print like a shorter one.
    let noughts: HashSet<u64> = (0..70).map(|length| Keys::print(&"\0".repeat(length))).collect();
    assert_eq!(noughts.len(), 70);
}

/// An export may hold a million records: their keys must not meet by chance, wherever in the key they differ.
#[test]
fn half_a_million_keys_have_as_many_prints() {
    let mut prints = HashSet::new();
    let mut keys = 0_usize;
    for number in 1..=170_000_u64 {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for key in
            [format!("{mixed:016x}{:016x}", 0), format!("{:016x}{mixed:016x}", 0), format!("p-{number}")]
        {
            prints.insert(Keys::print(&key));
            keys += 1;
        }
    }
    assert_eq!(prints.len(), keys);
    assert!(!prints.contains(&HIDDEN) && !prints.contains(&said("patient_name", "")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Prints tell what reading tells: the same print, the same said; hidden where it is unknown; and what was met before
    /// changes nothing.
    #[test]
    fn prints_tell_what_reading_tells(one in rows(), other in rows(), document in documents()) {
        let mut printer = Printer::default();
        let mut print_row = |row: &Json| {
            let mut prints = Vec::new();
            row_lens().print(&row.to_string(), &mut printer, &mut prints).expect("a row");
            (row_lens().get(row).expect("readable").fields, prints)
        };
        let rows = [print_row(&one), print_row(&other)];
        let mut prints = Vec::new();
        patient_lens().print(&document.to_string(), &mut printer, &mut prints).expect("a patient");
        let patient = (patient_lens().get(&document).expect("readable").fields, prints);
        let all = [&rows[0], &rows[1], &patient];
        for (states, prints) in all {
            prop_assert_eq!(states.len(), prints.len());
            for (state, print) in states.iter().zip(prints) {
                prop_assert_eq!(*state == FieldState::Unknown, *print == HIDDEN, "{:?}", state);
            }
        }
        for (left, right) in [(all[0], all[1]), (all[0], all[2]), (all[1], all[2])] {
            for at in 0..left.0.len() {
                let (said, prints) = ((&left.0[at], &right.0[at]), (left.1[at], right.1[at]));
                if said.0 == said.1 {
                    prop_assert_eq!(prints.0, prints.1, "{:?}", said);
                } else if prints.0 == prints.1 {
                    prop_assert!(same(said.0, said.1) || says_nothing(said.0) && says_nothing(said.1), "{:?}", said);
                }
            }
        }
    }
}

/// What stands behind an object is none of its members, where a document is laid out flat.
#[test]
fn in_bulk_a_member_is_looked_for_in_its_own_object_alone() {
    let text = r#"{"resourceType":"Patient","meta":{"versionId":"1"},"tag":[{"code":"SUBSETTED"}]}"#;
    let read = patient_lens().get(&Json::parse(text).expect("JSON")).expect("readable");
    assert_eq!(*read.field(field("patient_name")), FieldState::Blank);
    assert_eq!(patient_lens().get_fast(text), Some(read));
}
