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

#[test]
fn only_a_clear_no_makes_a_patient_inactive_and_only_a_clear_yes_dead() {
    let lens = row_lens();
    let read = |column: &str, text: &str| {
        let record = lens.get(&row(column, text)).expect("a row");
        (record.active, record.deceased)
    };
    for (text, active) in [
        ("false", false),
        (" FALSE ", false),
        ("0", false),
        ("no", false),
        ("N", false),
        ("inactive", false),
        ("true", true),
        ("", true),
        ("perhaps", true),
    ] {
        assert_eq!(read("u_active", text), (active, false), "{text:?}");
    }
    for (text, deceased) in [
        ("true", true),
        ("1", true),
        ("Yes", true),
        ("y", true),
        ("deceased", true),
        (" dead ", true),
        // A date of death.
        ("2024-02-29", true),
        ("2024-02-29 10:00:00", true),
        ("2024-02-2", false),
        ("29.02.2024", false),
        ("no", false),
        ("", false),
    ] {
        assert_eq!(read("u_deceased", text), (true, deceased), "{text:?}");
    }
}

#[test]
fn cells_are_read_in_every_json_form() {
    let lens = row_lens();
    // (cell, what the column says)
    let cases = [
        (of!("A-17"), state("tag", "A-17")),
        (of!(17), state("tag", "17")),
        (of!(true), state("tag", "true")),
        (of!(false), state("tag", "false")),
        (of!({"value": "A", "display_value": "B"}), state("tag", "A")),
        (of!({"display_value": "B"}), state("tag", "B")),
        (of!({"link": "https://x"}), FieldState::Blank),
        (of!({"value": ["A"]}), FieldState::Blank),
        (of!(null), FieldState::Blank),
        (of!([]), FieldState::Blank),
    ];
    for (cell, said) in cases {
        let record = lens.get(&json(&of!({"sys_id": "a", "u_tag": cell}))).expect("a row");
        assert_eq!(*record.field(field("tag")), said, "{cell}");
    }
}

#[test]
fn the_ehrs_key_is_written_where_it_is_not_there_yet() {
    let key = |lens: &RowLens, standing: &str| {
        lens.patch(&row(&lens.ehr_id_column, standing), &[], Some("p-1")).expect("writable").to_string()
    };
    let lens = row_lens();
    assert_eq!(key(&lens, ""), r#"{"u_ehr_id":"p-1"}"#);
    assert_eq!(key(&lens, "p-2"), r#"{"u_ehr_id":"p-1"}"#);
    assert_eq!(key(&lens, "p-1"), "{}");
    let platforms = RowLens { ehr_id_column: "sys_domain".to_owned(), ..row_lens() };
    assert_eq!(key(&platforms, ""), "{}");
}

#[test]
fn the_dictionary_says_what_a_column_takes() {
    let choices = || vec!["a".to_owned()];
    let cases = [
        ("glide_date", vec![], ColumnType::Date),
        ("date", choices(), ColumnType::Date),
        ("integer", vec![], ColumnType::Number),
        ("decimal", vec![], ColumnType::Number),
        ("float", vec![], ColumnType::Number),
        ("longint", vec![], ColumnType::Number),
        ("glide_duration", vec![], ColumnType::Duration),
        ("string", choices(), ColumnType::Choice { values: choices() }),
        ("string", vec![], ColumnType::Text),
        ("glide_date_time", vec![], ColumnType::Text),
    ];
    for (internal_type, choices, expected) in cases {
        assert_eq!(ColumnType::of_dictionary(internal_type, choices), expected, "{internal_type}");
    }
}

#[test]
fn a_choice_column_is_cleared_only_where_nothing_is_a_choice() {
    let with = |values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        with_type(&row_lens(), "species", ColumnType::Choice { values })
    };
    let cleared =
        |values: &[&str]| patch(&with(values), &row("u_species", "dog"), "species", &FieldState::Blank);
    assert_eq!(cleared(&["dog", ""]).expect("writable"), r#"{"u_species":""}"#);
    assert!(cleared(&["dog"]).is_err());
    // The value itself before what only means the same, and what stands there before the first that does.
    let written = |values: &[&str], standing: &str, text: &str| {
        patch(&with(values), &row("u_species", standing), "species", &state("species", text))
            .expect("writable")
    };
    assert_eq!(written(&["dog", "Canine"], "cat", "Canine"), r#"{"u_species":"Canine"}"#);
    assert_eq!(written(&["other", "dog", "canine"], "cat", "Dog"), r#"{"u_species":"dog"}"#);
    assert_eq!(written(&["dog", "canine"], "canine", "Dog"), "{}");
    // What stands there and is no choice any more does not stay.
    assert_eq!(written(&["dog"], "canine", "DOG"), r#"{"u_species":"dog"}"#);
}

#[test]
fn amounts_that_a_number_column_cannot_say_are_refused() {
    let lens = with_type(&row_lens(), "weight", ColumnType::Number);
    let refused = patch(&lens, &row("u_weight", "1"), "weight", &state("weight", "5 mL"));
    assert!(
        matches!(refused, Err(MappingError::CannotWrite { problem, .. }) if problem.contains("converted"))
    );
    // A text column in the field's own unit says the number alone.
    let body =
        patch(&row_lens(), &row("u_weight", "1"), "weight", &state("weight", "13.10 lb")).expect("writable");
    assert_eq!(body, r#"{"u_weight":"13.10"}"#);
}

/// A fill counts as the partial date only where that is what both sides agreed on, and only in a column of dates.
#[test]
fn a_fill_is_the_partial_date_that_was_agreed_on() {
    // (column type, what the row holds, what was agreed on, what is read)
    let cases = [
        (ColumnType::Date, "2019-01-01", "2019", "2019"),
        (ColumnType::Date, "2019-06-01", "2019-06", "2019-06"),
        (ColumnType::Date, "2019-06-01", "2019", "2019-06-01"),
        (ColumnType::Date, "2019-01-01", "2020", "2019-01-01"),
        (ColumnType::Date, "2019-01-01", "2019-01-01", "2019-01-01"),
        (ColumnType::Text, "2019-01-01", "2019", "2019-01-01"),
    ];
    for (column_type, holds, agreed, read) in cases {
        let lens = with_type(&row_lens(), "date_of_birth", column_type);
        let mut base = vec![FieldState::Unknown; lens.catalogue.fields.len()];
        base[usize::from(field("date_of_birth").0)] = state("date_of_birth", agreed);
        let mut record = lens.get(&row("u_date_of_birth", holds)).expect("a row");
        lens.reread(&mut record, &base);
        assert_eq!(*record.field(field("date_of_birth")), state("date_of_birth", read), "{holds} {agreed}");
    }
}

/// The items that stay keep their spelling, their order and what stands between them.
#[test]
fn separators_count_outside_quotes_and_brackets() {
    let lens = row_lens();
    // (column, set written, column after)
    let cases = [
        ("\"Wool, raw\"; CHICKEN", "\"wool, raw\", Chicken, Latex", "\"Wool, raw\"; CHICKEN; Latex"),
        ("Fish [salmon, tuna]; B", "Fish [salmon, tuna], b, c", "Fish [salmon, tuna]; B; c"),
        ("Fish (wild [salmon, tuna], all); B", "b", "B"),
        ("A | b", "a | b, c", "A | b, c"),
        ("A\u{ff0c}B", "a, b, c", "A\u{ff0c}B\u{ff0c}c"),
        ("A\u{ff1b}B", "b", "B"),
        ("A\u{2028}B", "a, b, c", "A\u{2028}B\u{2028}c"),
        ("A\r\nB", "a, b, c", "A\r\nB\r\nc"),
        ("  A ;  B ; C  ", "a, c", "A ; C"),
        ("A;;B", "a, b", "A;;B"),
        ("A; B", "c", "c"),
        ("A, a", "a", "A, a"),
    ];
    for (before, set, after) in cases {
        let mut written = row("u_allergies", before);
        lens.put(&mut written, field("allergies"), &state("allergies", set)).expect("writable");
        assert_eq!(written.get("u_allergies").and_then(Json::as_str), Some(after), "{before:?} + {set:?}");
    }
}

/// A term counts only while it means what is said beside it.
#[test]
fn a_term_of_ones_own_is_written_where_it_is_true() {
    let said = |term: &str, sex, neuter| {
        FieldState::Value(Value::Sex(SexStatus {
            term: Some(term.to_owned()),
            ..SexStatus::new(sex, neuter)
        }))
    };
    // (column, term, sex, neuter status, column after)
    let cases = [
        ("", "gelding", Sex::Male, Neuter::Neutered, "gelding"),
        ("FI", "gelding", Sex::Male, Neuter::Neutered, "gelding"),
        // Only one half of it is true.
        ("FI", "gelding", Sex::Male, Neuter::Intact, "MI"),
        ("FI", "gelding", Sex::Female, Neuter::Neutered, "FS"),
    ];
    for (column, term, sex, neuter, after) in cases {
        let mut written = row("u_gender", column);
        row_lens().put(&mut written, field("gender"), &said(term, sex, neuter)).expect("writable");
        assert_eq!(written.get("u_gender").and_then(Json::as_str), Some(after), "{column} {term}");
    }
}
