//! What the lens reads from and writes to ServiceNow columns: case tables.

use crate::support::*;
use mapping::{ColumnType, MappingError, RowLens};
use record::value::{Neuter, Sex, SexStatus, Value};
use record::{FieldState, Json};
use serde_json::json as of;

fn row(column: &str, text: &str) -> Json {
    json(&of!({"sys_id": "0f3c1e2d9b7a4c5e8f60123456789abc", column: text}))
}

fn patch(lens: &RowLens, row: &Json, id: &str, state: &FieldState) -> Result<String, MappingError> {
    lens.patch(row, &[(field(id), state.clone())], None).map(|body| body.to_string())
}

#[test]
fn a_row_is_read_in_every_display_form() {
    let lens = row_lens();
    let plain = json(&of!({"sys_id": "abc", "u_ehr_id": "p-1", "u_patient_name": "Bella", "u_breed": "",
        "u_active": "false", "u_deceased": "true", "u_species": {"link": "https://x", "value": "dog"}}));
    let both = json(&of!({"sys_id": {"display_value": "abc", "value": "abc"}, "u_ehr_id": {"value": "p-1"},
        "u_patient_name": {"display_value": "Bella", "value": "Bella"}, "u_breed": {"display_value": "", "value": ""},
        "u_active": {"display_value": "nein", "value": "false"}, "u_deceased": "2024-02-29",
        "u_species": {"display_value": "Hund", "value": "dog"}}));
    for row in [plain, both] {
        let record = lens.get(&row).expect("readable");
        assert_eq!((record.key.as_str(), record.other_key.as_deref()), ("abc", Some("p-1")));
        assert_eq!((record.active, record.deceased), (false, true));
        assert_eq!(record.field(field("patient_name")).display(), "Bella");
        assert_eq!(record.field(field("species")).display(), "dog");
        assert_eq!(*record.field(field("breed")), FieldState::Blank);
        // Absent: hidden or not there.
        assert_eq!(*record.field(field("owner_name")), FieldState::Unknown);
    }
    assert!(matches!(lens.get(&Json::Array(Vec::new())), Err(MappingError::NotThisKind { .. })));
}

#[test]
fn bodies_hold_what_changes_and_nothing_else() {
    let lens = row_lens();
    let row = json(
        &of!({"sys_id": "abc", "sys_mod_count": "4", "u_ehr_id": "", "u_patient_name": "Bella", "u_breed": "Lab"}),
    );
    let write = |id: &str, text: &str| (field(id), state(id, text));
    // (writes, EHR key, body)
    let cases = [
        (vec![write("patient_name", "Rex"), write("breed", "Lab")], None, r#"{"u_patient_name":"Rex"}"#),
        (vec![(field("breed"), FieldState::Blank)], None, r#"{"u_breed":""}"#),
        (vec![], Some("p-1"), r#"{"u_ehr_id":"p-1"}"#),
        (vec![write("patient_name", "Rex"), write("patient_name", "Bella")], None, "{}"),
        (vec![(field("owner_name"), FieldState::Unknown)], None, "{}"),
    ];
    for (writes, key, body) in cases {
        assert_eq!(lens.patch(&row, &writes, key).expect("writable").to_string(), body);
    }
    let create = lens
        .patch(
            &Json::Object(Vec::new()),
            &[write("patient_name", "Rex"), (field("breed"), FieldState::Blank), write("species", "Dog")],
            Some("p-1"),
        )
        .expect("writable");
    assert_eq!(create.to_string(), r#"{"u_patient_name":"Rex","u_species":"Dog","u_ehr_id":"p-1"}"#);
}

#[test]
fn system_columns_and_hidden_columns_are_never_written() {
    let mut lens = row_lens();
    let hidden = patch(&lens, &row("u_breed", "Lab"), "patient_name", &state("patient_name", "Rex"));
    assert!(
        matches!(hidden, Err(MappingError::CannotWrite { problem, .. }) if problem.contains("u_patient_name"))
    );
    lens.columns[usize::from(field("patient_name").0)] = "sys_created_by".to_owned();
    let system = patch(&lens, &row("sys_created_by", "x"), "patient_name", &state("patient_name", "Rex"));
    assert!(matches!(system, Err(MappingError::CannotWrite { problem, .. }) if problem.contains("platform")));
}

#[test]
fn sex_keeps_the_written_term_while_it_means_the_same() {
    let lens = row_lens();
    let fhir = |sex, neuter| FieldState::Value(Value::Sex(SexStatus::new(sex, neuter)));
    // (column, from the EHR, body)
    let cases = [
        ("spayed", fhir(Sex::Female, Neuter::Neutered), "{}"),
        ("FS", fhir(Sex::Female, Neuter::Neutered), "{}"),
        ("MI", fhir(Sex::Male, Neuter::Neutered), r#"{"u_gender":"MN"}"#),
        ("female_intact", fhir(Sex::Female, Neuter::Neutered), r#"{"u_gender":"female_spayed"}"#),
    ];
    for (column, state, body) in cases {
        let standing = row("u_gender", column);
        assert!(lens.get(&standing).expect("readable").field(field("gender")).value().is_some(), "{column}");
        assert_eq!(patch(&lens, &standing, "gender", &state).expect("writable"), body, "{column}");
    }
}

#[test]
fn allergy_lists_keep_their_style() {
    let lens = row_lens();
    // (column, set written, column after)
    let cases = [
        ("PENICILLIN; chicken", "penicillin, Chicken", "PENICILLIN; chicken"),
        ("PENICILLIN; chicken", "Penicillin, Chicken, Latex", "PENICILLIN; chicken; Latex"),
        ("PENICILLIN; chicken; Bees", "Penicillin, Bees", "PENICILLIN; Bees"),
        ("a\nb\nc", "a, c, d", "a\nc\nd"),
        ("a,b", "a, b, c", "a,b,c"),
        ("", "a, b", "a, b"),
        ("Fish (salmon, tuna); b", "Fish (salmon, tuna), b, c", "Fish (salmon, tuna); b; c"),
        ("a; b", "none known", "none known"),
    ];
    for (before, set, after) in cases {
        let mut written = row("u_allergies", before);
        lens.put(&mut written, field("allergies"), &state("allergies", set)).expect("writable");
        assert_eq!(written.get("u_allergies").and_then(Json::as_str), Some(after), "{before} + {set}");
    }
}

#[test]
fn a_date_column_takes_a_partial_date_and_gives_it_back() {
    let lens = with_type(&row_lens(), "date_of_birth", ColumnType::Date);
    let text = |written: &Json| written.get("u_date_of_birth").and_then(Json::as_str).map(str::to_owned);
    // (written, what the column holds)
    for (date, column) in [("2019", "2019-01-01"), ("2019-06", "2019-06-01"), ("2019-06-03", "2019-06-03")] {
        let mut written = row("u_date_of_birth", "");
        lens.put(&mut written, field("date_of_birth"), &state("date_of_birth", date)).expect("writable");
        assert_eq!(text(&written).as_deref(), Some(column));
        let mut agreed = vec![FieldState::Unknown; lens.catalogue.fields.len()];
        agreed[usize::from(field("date_of_birth").0)] = state("date_of_birth", date);
        let mut record = lens.get(&written).expect("readable");
        lens.reread(&mut record, &agreed);
        assert_eq!(*record.field(field("date_of_birth")), state("date_of_birth", date), "{date}");
    }
    // A date somebody entered since is that date.
    let mut agreed = vec![FieldState::Unknown; lens.catalogue.fields.len()];
    agreed[usize::from(field("date_of_birth").0)] = state("date_of_birth", "2019");
    let mut record = lens.get(&row("u_date_of_birth", "2019-03-04")).expect("readable");
    lens.reread(&mut record, &agreed);
    assert_eq!(*record.field(field("date_of_birth")), state("date_of_birth", "2019-03-04"));
    // A text column holds the partial date itself, and is never taken for a fill.
    let text_lens = row_lens();
    let mut written = row("u_date_of_birth", "");
    text_lens.put(&mut written, field("date_of_birth"), &state("date_of_birth", "2019")).expect("writable");
    assert_eq!(text(&written).as_deref(), Some("2019"));
    let mut record = text_lens.get(&row("u_date_of_birth", "2019-01-01")).expect("readable");
    text_lens.reread(&mut record, &agreed);
    assert_eq!(*record.field(field("date_of_birth")), state("date_of_birth", "2019-01-01"));
}

#[test]
fn number_columns_take_amounts_in_their_unit() {
    let lens = with_type(&row_lens(), "weight", ColumnType::Number);
    // (written, column in pounds)
    for (weight, column) in [("12.50", "12.50"), ("5.7 kg", "12.5663")] {
        let body = patch(&lens, &row("u_weight", "1"), "weight", &state("weight", weight)).expect("writable");
        assert_eq!(body, format!(r#"{{"u_weight":"{column}"}}"#));
    }
    // A text column keeps the unit it came in.
    let body =
        patch(&row_lens(), &row("u_weight", "1"), "weight", &state("weight", "5.7 kg")).expect("writable");
    assert_eq!(body, r#"{"u_weight":"5.7 kg"}"#);
}

#[test]
fn choice_columns_take_stored_values_only() {
    let values = ["dog", "cat", "other"].map(str::to_owned).to_vec();
    let lens = with_type(&row_lens(), "species", ColumnType::Choice { values });
    assert_eq!(
        patch(&lens, &row("u_species", "dog"), "species", &state("species", "Feline")).expect("writable"),
        r#"{"u_species":"cat"}"#
    );
    // The same in other words: the stored value stays.
    assert_eq!(
        patch(&lens, &row("u_species", "dog"), "species", &state("species", "Canine")).expect("writable"),
        "{}"
    );
    assert!(patch(&lens, &row("u_species", "dog"), "species", &state("species", "Axolotl")).is_err());
    let cleared = patch(&lens, &row("u_species", "dog"), "species", &FieldState::Blank);
    assert!(
        matches!(cleared, Err(MappingError::CannotWrite { problem, .. }) if problem.contains("cannot be cleared"))
    );
}

/// Only a status that is configured as completed completes a row; one that is hidden or empty does not.
#[test]
fn a_row_is_completed_only_where_its_status_says_so() {
    let lens = mapping::RowLens {
        completion: Some(mapping::Completion {
            column: "u_state".to_owned(),
            values: vec!["Completed".to_owned(), "archived".to_owned()],
        }),
        appointment_column: Some("u_visit".to_owned()),
        ..row_lens()
    };
    for (status, completed) in
        [("completed", true), (" Archived ", true), ("draft", false), ("", false), ("complete", false)]
    {
        let row = Json::object([("sys_id", Json::str("t1")), ("u_state", Json::str(status))]);
        assert_eq!(lens.get(&row).expect("a row").active, completed, "{status:?}");
    }
    let hidden = Json::object([("sys_id", Json::str("t1")), ("u_visit", Json::str(" a1 "))]);
    assert!(!lens.get(&hidden).expect("a row").active);
    assert_eq!(lens.appointment_of(&hidden), Some("a1"));
    assert_eq!(lens.appointment_of(&Json::object([("u_visit", Json::str(""))])), None);
}
