//! Two exports of a generated clinic against its known truth.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use super::*;
use simulator::clinic::export::{self, EhrLine};
use simulator::clinic::{Expected, LinkTruth, PairTruth, Rates};
use std::collections::{BTreeMap, BTreeSet};

const WEIGHT: &str = r#"
[ehr]
servicenow_identifier_system = "https://vetsync.example/servicenow/u_patient_record"
[[custom_fields]]
id = "weight"
label = "Weight"
column = "weight"
extension_url = "https://vetsync.example/fhir/StructureDefinition/weight"
type = "quantity"
default_unit = "kg"
"#;

struct Clinic {
    rows: Vec<String>,
    patients: Vec<String>,
    truth: Vec<PairTruth>,
}

fn clinic(seed: u64, patients: usize, rates: &Rates, line: EhrLine) -> Clinic {
    let (mut rows, mut charts, mut truth) = (Vec::new(), Vec::new(), Vec::new());
    export::write(seed, patients, rates, line, &mut rows, &mut charts, &mut truth).unwrap();
    let lines = |bytes: Vec<u8>| -> Vec<String> {
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    };
    Clinic {
        rows: lines(rows),
        patients: lines(charts),
        truth: lines(truth).iter().map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

fn compared(rows: &[String], patients: &[String], piece_bytes: usize) -> (Totals, Vec<serde_json::Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (servicenow, ehr) = (folder.path().join("rows"), folder.path().join("patients"));
    std::fs::write(&servicenow, rows.join("\n")).unwrap();
    std::fs::write(&ehr, patients.join("\n")).unwrap();
    let settings = Settings::parse(WEIGHT, settings::Format::Toml).unwrap();
    let (row_lens, missing) = row_lens(&settings, &servicenow).unwrap();
    assert_eq!(missing, []);
    let patient_lens = patient_lens(&settings, &row_lens, None);
    let exports = Exports {
        servicenow: &servicenow,
        ehr: &ehr,
        row_lens: &row_lens,
        patient_lens: &patient_lens,
        piece_bytes,
    };
    let mut list = Vec::new();
    let totals = walk::compare(&exports, Some(&mut list)).unwrap();
    let listed =
        String::from_utf8(list).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (totals, listed)
}

/// In an order that is another one for every salt, the same for the same.
fn shuffled(lines: &[String], salt: u64) -> Vec<String> {
    let mut lines: Vec<(u64, &String)> = (0_u64..)
        .zip(lines)
        .map(|(at, line)| ((at + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7, line))
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line.clone()).collect()
}

#[test]
fn every_difference_is_the_known_one() {
    for (seed, line) in [(1, EhrLine::Bundle), (2, EhrLine::Bundle), (3, EhrLine::Patient)] {
        let clinic = clinic(seed, 1_500, &Rates::default(), line);
        let (totals, listed) = compared(&shuffled(&clinic.rows, 1), &shuffled(&clinic.patients, 2), 40_000);
        let named: Vec<&PairTruth> =
            clinic.truth.iter().filter(|pair| pair.link == LinkTruth::CrossReference).collect();
        let mut expected = BTreeMap::new();
        for pair in &named {
            for field in pair.fields.iter().filter(|field| field.expected != Expected::Equal) {
                let key = (pair.servicenow_key.clone().unwrap(), field.field.clone());
                expected.insert(key, (field.expected == Expected::Ask, field.ask_is_fine));
            }
        }
        let mut differing = BTreeSet::new();
        for found in listed.iter().filter(|found| found["kind"] == "difference") {
            let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
            let grade = found["grade"].as_u64().unwrap();
            let key = (text("servicenow_key"), text("field"));
            differing.insert(key.0.clone());
            let Some((ask, ask_is_fine)) = expected.remove(&key) else {
                panic!("no such difference: {key:?}")
            };
            assert!(if ask { grade >= 3 } else { grade < 3 || ask_is_fine }, "{key:?}: grade {grade}");
            assert_ne!(text("servicenow"), text("ehr"), "{key:?}");
        }
        // A first of the month may be the fill of an unknown day, and is then no difference.
        expected.retain(|(key, field), _| {
            let row = clinic.rows.iter().find(|row| row.contains(&format!("\"sys_id\":\"{key}\""))).unwrap();
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            field != "date_of_birth" || !row["u_date_of_birth"].as_str().unwrap().trim().ends_with("-01")
        });
        assert_eq!(expected, BTreeMap::new(), "seed {seed}: differences that were not found");
        assert_eq!(totals.linked, named.len() as u64);
        assert_eq!(totals.differing, differing.len() as u64);
        assert_eq!(totals.equal, totals.linked - totals.differing);
        assert_eq!(totals.servicenow.only_here, clinic.rows.len() as u64 - totals.linked);
        assert_eq!(totals.ehr.only_here, clinic.patients.len() as u64 - totals.linked);
        assert_eq!(
            totals.fields_by_grade.iter().sum::<u64>(),
            totals.fields.iter().map(|field| field.differing).sum::<u64>()
        );
        let unlinked = listed.iter().filter(|found| found["kind"] != "difference").count() as u64;
        assert_eq!(unlinked, totals.servicenow.only_here + totals.ehr.only_here);
    }
}

#[test]
fn bad_lines_are_named_and_do_not_hinder_the_others() {
    let clinic = clinic(5, 40, &Rates::calm(), EhrLine::Bundle);
    let mut rows = clinic.rows.clone();
    let mut patients = clinic.patients.clone();
    rows.insert(3, "{\"sys_id\": \"a".to_owned());
    rows.insert(4, String::new());
    rows.insert(5, "{\"result\":[]}".to_owned());
    rows.push(rows[0].clone());
    patients.insert(0, "\u{feff}[]".to_owned());
    patients.insert(1, "{\"resourceType\":\"Observation\"}".to_owned());
    patients.insert(2, "{\"resourceType\":\"Patient\"}".to_owned());
    let two = "{\"resourceType\":\"Patient\",\"id\":\"a\"}";
    patients.insert(
        3,
        format!("{{\"resourceType\":\"Bundle\",\"entry\":[{{\"resource\":{two}}},{{\"resource\":{two}}}]}}"),
    );
    for piece_bytes in [300, 1 << 20] {
        let (totals, _) = compared(&rows, &patients, piece_bytes);
        assert_eq!((totals.linked, totals.equal), (40, 40));
        assert!(!totals.all_equal());
        let said = |side: &SideTotals| -> Vec<(u32, String)> {
            side.problems.iter().map(|problem| (problem.line, problem.problem.clone())).collect()
        };
        let begins = |said: &[(u32, String)], expected: &[(u32, &str)]| {
            assert_eq!(said.len(), expected.len(), "{said:?}");
            for ((line, problem), (expected_line, beginning)) in said.iter().zip(expected) {
                assert_eq!(line, expected_line, "{said:?}");
                assert!(problem.contains(beginning), "{problem} / {beginning}");
            }
        };
        begins(
            &said(&totals.servicenow),
            &[(4, "not valid JSON"), (6, "it has no sys_id"), (44, "its sys_id stands on line 1 already")],
        );
        begins(
            &said(&totals.ehr),
            &[
                (1, "expected a FHIR Patient"),
                (2, "found Observation"),
                (3, "the Patient has no id"),
                (4, "more than one Patient"),
            ],
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 12, failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
    })]

    /// How the files are cut and in which order their lines stand changes nothing.
    #[test]
    fn pieces_and_order_do_not_matter(seed in 0_u64..1_000, piece_bytes in 1_usize..60_000, salt in 1_u64..1_000) {
        let clinic = clinic(seed, 60, &Rates::default(), EhrLine::Bundle);
        let whole = compared(&clinic.rows, &clinic.patients, 1 << 24);
        proptest::prop_assert_eq!(&compared(&clinic.rows, &clinic.patients, piece_bytes), &whole);
        let (totals, listed) = compared(&shuffled(&clinic.rows, salt), &shuffled(&clinic.patients, salt + 1), piece_bytes);
        proptest::prop_assert_eq!(&totals, &whole.0);
        let sorted = |listed: Vec<serde_json::Value>| {
            let mut lines: Vec<String> = listed
                .into_iter()
                .map(|mut line| {
                    for key in ["servicenow_line", "ehr_line"] {
                        line.as_object_mut().map(|line| line.remove(key));
                    }
                    line.to_string()
                })
                .collect();
            lines.sort();
            lines
        };
        proptest::prop_assert_eq!(sorted(listed), sorted(whole.1));
    }
}
