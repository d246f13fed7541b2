//! The seeded clinic: the same for the same seed, valid, messy, and right about its answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use record::Json;
use simulator::clinic::export::{self, EhrLine};
use simulator::clinic::{self, Clinic, Expected, LinkTruth, Rates, SERVICENOW_SYSTEM};
use simulator::ehr::validate::validate;
use std::collections::{BTreeMap, BTreeSet};

fn files(seed: u64, patients: usize, line: EhrLine) -> [Vec<u8>; 3] {
    let [mut rows, mut charts, mut truth] = [Vec::new(), Vec::new(), Vec::new()];
    export::write(seed, patients, &Rates::default(), line, &mut rows, &mut charts, &mut truth).unwrap();
    [rows, charts, truth]
}

fn chips(clinic: &Clinic, id: &str) -> Option<String> {
    let identifiers = clinic.charts[id].0.patient.get("identifier")?;
    let chip = identifiers.items().iter().find(|one| one.to_string().contains("\"MCN\""))?;
    chip.get("value").and_then(Json::as_str).map(str::to_owned)
}

fn reference<'a>(clinic: &'a Clinic, id: &str) -> Option<&'a str> {
    let identifiers = clinic.charts[id].0.patient.get("identifier")?;
    let ours = |one: &&Json| one.get("system").and_then(Json::as_str) == Some(SERVICENOW_SYSTEM);
    identifiers.items().iter().find(ours)?.get("value").and_then(Json::as_str)
}

#[test]
fn the_same_seed_makes_the_same_clinic_to_the_byte() {
    assert_eq!(files(5, 300, EhrLine::Bundle), files(5, 300, EhrLine::Bundle));
    assert_ne!(files(5, 300, EhrLine::Bundle), files(6, 300, EhrLine::Bundle));
    let generated = clinic::generate(5, 300);
    let [rows, charts, _] = files(5, 300, EhrLine::Patient);
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
    assert_eq!((lines(&rows), lines(&charts)), (generated.rows.len(), generated.charts.len()));
}

#[test]
fn every_chart_is_valid_and_every_row_fits_its_columns() {
    let made = clinic::generate(11, 1_000);
    for (chart, _) in made.charts.values() {
        for resource in std::iter::once(&chart.patient).chain(&chart.allergies) {
            assert_eq!(validate(resource), [], "{resource}");
        }
    }
    let table = simulator::servicenow::schema::patient_table();
    for (column, value) in made.rows.values().flatten() {
        let known = table.columns.iter().find(|known| known.name == *column);
        let length = known.unwrap_or_else(|| panic!("no column {column}")).max_length;
        assert!(length == 0 || value.chars().count() <= length, "{column}");
    }
}

#[test]
fn links_are_what_the_truth_says() {
    let made = clinic::generate(3, 2_000);
    let mut kinds: BTreeMap<LinkTruth, usize> = BTreeMap::new();
    let mut chips_seen: BTreeMap<String, usize> = BTreeMap::new();
    for id in made.charts.keys() {
        if let Some(chip) = chips(&made, id) {
            *chips_seen.entry(chip).or_default() += 1;
        }
    }
    for pair in &made.truth.pairs {
        *kinds.entry(pair.link).or_default() += 1;
        let (Some(key), Some(id)) = (&pair.servicenow_key, &pair.ehr_key) else {
            assert_eq!(pair.link, LinkTruth::Alone);
            continue;
        };
        let row = &made.rows[key];
        let crossed = row.get("u_ehr_id") == Some(id) || reference(&made, id) == Some(key.as_str());
        match pair.link {
            LinkTruth::CrossReference => assert!(crossed),
            LinkTruth::Microchip => {
                assert!(!crossed);
                let chip = chips(&made, id).unwrap();
                let typed: String = row["u_microchip_id"].chars().filter(char::is_ascii_digit).collect();
                assert_eq!((chips_seen[&chip], typed, chip.len()), (1, chip, 15));
            }
            LinkTruth::Ask => assert!(!crossed),
            LinkTruth::Alone => panic!("a pair cannot be alone"),
        }
    }
    assert_eq!(kinds.len(), 4, "every kind of link occurs: {kinds:?}");
    assert!(made.truth.pairs.iter().any(|pair| !pair.same_animal), "lookalikes occur");
}

#[test]
fn shares_of_equal_minor_and_conflicting_pairs_are_realistic() {
    let made = clinic::generate(21, 4_000);
    let linked: Vec<_> = made
        .truth
        .pairs
        .iter()
        .filter(|pair| matches!(pair.link, LinkTruth::CrossReference | LinkTruth::Microchip))
        .collect();
    let share = |count: usize| count as f64 / linked.len() as f64;
    let equal = share(linked.iter().filter(|pair| pair.all_equal()).count());
    let asked = share(
        linked.iter().filter(|pair| pair.fields.iter().any(|field| field.expected == Expected::Ask)).count(),
    );
    assert!((0.82..0.89).contains(&equal), "{equal}");
    assert!((0.03..0.07).contains(&asked), "{asked}");
    let kinds: BTreeSet<&str> = linked
        .iter()
        .flat_map(|pair| &pair.fields)
        .filter(|field| field.expected != Expected::Equal)
        .map(|field| field.field.as_str())
        .collect();
    assert_eq!(kinds.len(), clinic::FIELDS.len(), "every field differs somewhere: {kinds:?}");
}

#[test]
fn the_clinic_has_what_makes_clinics_hard() {
    let made = clinic::generate(2, 3_000);
    let rows: Vec<_> = made.rows.values().collect();
    let has = |what: &str, test: &dyn Fn(&BTreeMap<String, String>) -> bool| {
        assert!(rows.iter().any(|row| test(row)), "{what}");
    };
    let field = |row: &BTreeMap<String, String>, name: &str| row.get(name).cloned().unwrap_or_default();
    has("legacy chips of nine digits", &|row| {
        field(row, "u_microchip_id").chars().filter(char::is_ascii_digit).count() == 9
    });
    has("no chip", &|row| !row.contains_key("u_microchip_id"));
    has("dead animals", &|row| field(row, "u_deceased") == "true");
    has("a year for a birth date", &|row| field(row, "u_date_of_birth").len() == 4);
    has("an unreadable date", &|row| field(row, "u_date_of_birth").contains("old"));
    has("pounds", &|row| field(row, "u_weight").ends_with("lb"));
    has("DSH", &|row| field(row, "u_breed") == "DSH");
    has("NKDA", &|row| field(row, "u_allergies") == "NKDA");
    has("sex and neuter status in one term", &|row| field(row, "u_gender") == "FS");
    has("an extension number", &|row| field(row, "u_owner_phone").contains('x'));
    has("columns no mapping knows", &|row| row.contains_key("u_insurance_policy"));
    let mut households: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for row in &rows {
        let phone: String = field(row, "u_owner_phone").chars().filter(char::is_ascii_digit).collect();
        let owner = field(row, "u_owner_name").trim().to_lowercase();
        *households
            .entry((owner, phone.trim_start_matches('1').to_owned(), field(row, "u_date_of_birth")))
            .or_default() += 1;
    }
    assert!(households.values().any(|count| *count >= 3), "litters");
    let texts: String = made.charts.values().map(|(chart, _)| chart.patient.to_string()).collect();
    for part in
        ["managingOrganization", "valueDecimal\":4.10", "Next-of-Kin", "Dog tag", "<div xmlns", "canislf"]
    {
        assert!(texts.contains(part), "{part}");
    }
}

#[test]
fn work_goes_on_with_right_answers_and_touches_what_it_says() {
    let mut made = clinic::generate(9, 2_000);
    let before = made.clone();
    let edits = made.evolve(1);
    assert!(edits.len() > 100);
    let mut answers = BTreeSet::new();
    for edit in &edits {
        let row_changed = before.rows[&edit.servicenow_key] != made.rows[&edit.servicenow_key];
        assert!(!row_changed || !edit.in_servicenow.is_empty());
        let chart_changed = before.charts[&edit.ehr_key].0 != made.charts[&edit.ehr_key].0;
        assert_eq!(chart_changed, !edit.in_ehr.is_empty(), "{edit:?}");
        for resource in std::iter::once(&made.charts[&edit.ehr_key].0.patient)
            .chain(&made.charts[&edit.ehr_key].0.allergies)
        {
            assert_eq!(validate(resource), [], "{resource}");
        }
        let pair = made
            .truth
            .pairs
            .iter()
            .find(|pair| pair.ehr_key.as_ref() == Some(&edit.ehr_key) && pair.same_animal)
            .unwrap();
        for field in &edit.fields {
            assert_eq!(pair.expected(&field.field), &field.expected);
            answers.insert((
                field.field.clone(),
                format!("{:?}", field.expected).split('(').next().unwrap().to_owned(),
            ));
        }
    }
    assert!(answers.len() >= 18, "{answers:?}");
    let untouched = before.rows.keys().filter(|key| edits.iter().all(|edit| edit.servicenow_key != **key));
    for key in untouched {
        assert_eq!(before.rows[key], made.rows[key]);
    }
    let second: BTreeSet<String> = made.evolve(2).into_iter().map(|edit| edit.servicenow_key).collect();
    assert!(edits.iter().all(|edit| !second.contains(&edit.servicenow_key)), "no pair is edited twice");
}
