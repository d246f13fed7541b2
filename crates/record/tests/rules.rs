//! Business rules over whole patients.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::validate::{Severity, is_placeholder_name, validate_patient, validate_typed};
use record::{Catalogue, Conventions, FieldState, Record, RecordKind};

const TODAY: (u16, u8, u8) = (2025, 3, 10);

fn catalogue() -> Catalogue {
    let weight = serde_json::from_str(
        r#"{"id":"weight","label":"Weight","type":"quantity","default_unit":"kg","min":"0.02","max":"120",
            "extension_url":"https://hospital.example/fhir/weight"}"#,
    )
    .expect("a custom field");
    Catalogue::patient_default().with_custom(vec![weight]).expect("a catalogue")
}

/// A patient nothing is wrong with, with these fields changed; `?` stands for a field that is not shown.
fn patient(changes: &[(&str, &str)]) -> Record {
    let right = [
        ("patient_name", "Bella"),
        ("species", "Dog"),
        ("breed", "Labrador Retriever"),
        ("date_of_birth", "2019-06-01"),
        ("gender", "FS"),
        ("microchip_id", "985112003456789"),
        ("owner_name", "Peter Chalmers"),
        ("owner_phone", "(415) 555-2671"),
        ("owner_email", "peter@example.test"),
        ("allergies", "Penicillin"),
        ("medical_notes", "Nervous"),
        ("weight", "27 lb"),
    ];
    let catalogue = catalogue();
    let fields = catalogue
        .fields
        .iter()
        .map(|spec| {
            let given = changes.iter().find(|(id, _)| *id == spec.id);
            let text =
                given.or_else(|| right.iter().find(|(id, _)| *id == spec.id)).map_or("", |(_, text)| *text);
            if text == "?" {
                FieldState::Unknown
            } else {
                FieldState::read(&spec.value_type, text, &Conventions::default())
            }
        })
        .collect();
    Record {
        kind: RecordKind::Patient,
        key: "1".to_owned(),
        other_key: None,
        active: true,
        deceased: false,
        fields,
    }
}

#[test]
fn rules() {
    use Severity::{Error, Note, Warning};
    type Changes<'a> = &'a [(&'a str, &'a str)];
    type Found<'a> = (&'a str, &'a str, Severity);
    // (changes to a right patient, what is found: field, rule, severity)
    let cases: [(Changes<'_>, &[Found<'_>]); 31] = [
        (&[], &[]),
        (&[("patient_name", "")], &[("patient_name", "name_missing", Error)]),
        (&[("patient_name", "Kitten 3")], &[("patient_name", "name_is_placeholder", Note)]),
        // What this remote does not show is no mistake.
        (&[("patient_name", "?"), ("species", "?"), ("owner_phone", "?"), ("owner_email", "")], &[]),
        (&[("owner_phone", ""), ("owner_email", "?")], &[]),
        // One way to reach the owner is enough.
        (&[("owner_email", "")], &[]),
        (&[("owner_phone", "")], &[]),
        (&[("species", "")], &[("species", "species_missing_for_breed", Error)]),
        (&[("species", ""), ("breed", "")], &[("species", "species_missing", Warning)]),
        (&[("species", "Cat")], &[("breed", "breed_of_another_species", Error)]),
        (&[("species", "Cat"), ("breed", "Lab X")], &[("breed", "breed_of_another_species", Error)]),
        // Mixed breeds, and species and breeds nobody knows, contradict nothing.
        (&[("species", "Cat"), ("breed", "Mixed breed")], &[]),
        (&[("species", "Axolotl"), ("breed", "Leucistic")], &[]),
        (&[("date_of_birth", "2025-03-11")], &[("date_of_birth", "born_in_the_future", Error)]),
        (&[("date_of_birth", "2025-03-10")], &[]),
        (&[("date_of_birth", "2025")], &[]),
        (&[("date_of_birth", "1985")], &[("date_of_birth", "older_than_the_species", Warning)]),
        // As a year it can be 32 years and no more.
        (&[("date_of_birth", "1992")], &[]),
        // A dog's thirty-third year is full on the day, not the day before.
        (&[("date_of_birth", "1992-03-11")], &[]),
        (&[("date_of_birth", "1992-03-10")], &[("date_of_birth", "older_than_the_species", Warning)]),
        (&[("allergies", "NKDA")], &[]),
        (&[("allergies", "")], &[]),
        (&[("date_of_birth", "01/02/2019")], &[("date_of_birth", "unreadable", Error)]),
        (&[("gender", "zebra")], &[("gender", "unreadable", Error)]),
        (&[("microchip_id", "123*456*789")], &[("microchip_id", "older_chip", Note)]),
        (&[("microchip_id", "999112003456789")], &[("microchip_id", "unreadable", Error)]),
        (&[("owner_phone", "555-0100")], &[("owner_phone", "phone_not_valid", Warning)]),
        (
            &[("owner_phone", "555-0100"), ("owner_email", "")],
            &[("owner_phone", "phone_not_valid", Warning), ("owner_phone", "owner_unreachable", Warning)],
        ),
        (
            &[("owner_name", ""), ("owner_phone", ""), ("owner_email", "n/a")],
            &[
                ("owner_name", "owner_missing", Warning),
                ("owner_phone", "owner_unreachable", Warning),
                ("owner_email", "unreadable", Error),
            ],
        ),
        (&[("allergies", "NKDA, penicillin")], &[("allergies", "allergies_contradict", Warning)]),
        (&[("weight", "270 lb")], &[("weight", "amount_implausible", Warning)]),
    ];
    for (changes, expected) in cases {
        let findings = validate_patient(&catalogue(), &patient(changes), TODAY);
        let found: Vec<Found<'_>> =
            findings.iter().map(|finding| (finding.field.as_str(), finding.rule, finding.severity)).collect();
        assert_eq!(found, expected, "{changes:?}");
        for finding in &findings {
            assert!(!finding.problem.is_empty() && !finding.way_out.is_empty());
            for (_, text) in changes {
                let shown = format!("{} {}", finding.problem, finding.way_out);
                assert!(text.len() < 5 || !shown.contains(text), "a value in: {shown}");
            }
        }
    }
}

#[test]
fn more_weights() {
    // (weight, rule)
    let cases = [
        ("0 kg", Some("amount_not_positive")),
        ("-4 kg", Some("amount_not_positive")),
        ("10 g", Some("amount_implausible")),
        ("20 g", None),
        ("19.9 g", Some("amount_implausible")),
        ("120 kg", None),
        ("120.1 kg", Some("amount_implausible")),
        ("12 cm", Some("unit_does_not_fit")),
        ("heavy", Some("unreadable")),
        ("", None),
    ];
    for (weight, rule) in cases {
        let findings = validate_patient(&catalogue(), &patient(&[("weight", weight)]), TODAY);
        assert_eq!(findings.first().map(|finding| finding.rule), rule, "{weight}");
    }
}

#[test]
fn a_dead_animal_may_have_been_born_long_ago() {
    let mut dead = patient(&[("date_of_birth", "1970")]);
    dead.deceased = true;
    assert_eq!(validate_patient(&catalogue(), &dead, TODAY), vec![]);
}

#[test]
fn placeholders() {
    // (name, says nothing?)
    let cases = [
        ("Unknown", true),
        ("STRAY", true),
        ("Kitten 3", true),
        ("puppy #2", true),
        ("Baby", true),
        ("Kitten", false),
        ("Bella", false),
        ("Unknown Soldier", false),
        ("Bella 2", false),
    ];
    for (name, expected) in cases {
        assert_eq!(is_placeholder_name(name), expected, "{name}");
    }
}

/// What a person types for one field is held to what the record's own rules call wrong, with the way out.
#[test]
fn what_is_typed_is_checked_by_the_rules_of_records() {
    let catalogue = catalogue();
    // field, what is typed, the rule that is broken, part of the way out
    for (field, text, rule, way_out) in [
        ("owner_phone", "212 555 0188", None, ""),
        ("owner_phone", "+49 30 901820", None, ""),
        // Digits, and no telephone number of the hospital's region.
        ("owner_phone", "555-0100", Some("phone_not_valid"), "country code"),
        ("owner_phone", "7", Some("phone_not_valid"), "country code"),
        ("patient_name", "Rex", None, ""),
        ("patient_name", "", Some("name_missing"), "enter its name"),
        ("date_of_birth", "2019-08", None, ""),
        ("date_of_birth", "2199-01-01", Some("born_in_the_future"), "correct the year"),
    ] {
        let record = patient(&[(field, text)]);
        let at = catalogue.index_of(field).expect("a field");
        let found = validate_typed(catalogue.spec(at).expect("a field"), record.field(at), TODAY);
        let wrong = found.iter().find(|finding| finding.severity == Severity::Error);
        assert_eq!(wrong.map(|finding| finding.rule), rule, "{field} {text:?}: {found:?}");
        assert!(wrong.is_none_or(|finding| finding.way_out.contains(way_out)), "{field} {text:?}: {found:?}");
    }
}
