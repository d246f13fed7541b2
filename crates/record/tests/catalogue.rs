//! The patient's fields, and custom ones from configuration.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use record::catalogue::{BothSidesRule, CustomField, Direction, FieldOwner, OneSideRule, ValueType};
use record::{Catalogue, FieldSpec};

#[test]
fn the_patients_fields_are_the_designs() {
    let catalogue = Catalogue::patient_default();
    // (id, one side changed, both changed, group, owner, identity)
    let rows = [
        ("patient_name", OneSideRule::Take, BothSidesRule::Ask, None, FieldOwner::FrontDesk, false),
        (
            "species",
            OneSideRule::TakeIfBlankElseAskTwo,
            BothSidesRule::AskTwo,
            None,
            FieldOwner::FrontDesk,
            true,
        ),
        ("breed", OneSideRule::Take, BothSidesRule::Ask, None, FieldOwner::FrontDesk, false),
        ("date_of_birth", OneSideRule::Take, BothSidesRule::FinerDate, None, FieldOwner::FrontDesk, false),
        ("gender", OneSideRule::TakeNeutering, BothSidesRule::Ask, None, FieldOwner::FrontDesk, false),
        (
            "microchip_id",
            OneSideRule::TakeIfBlankElseAskTwo,
            BothSidesRule::AskTwo,
            None,
            FieldOwner::FrontDesk,
            true,
        ),
        ("owner_name", OneSideRule::Take, BothSidesRule::Ask, Some("owner"), FieldOwner::FrontDesk, false),
        ("owner_phone", OneSideRule::Take, BothSidesRule::Ask, Some("owner"), FieldOwner::FrontDesk, false),
        ("owner_email", OneSideRule::Take, BothSidesRule::Ask, Some("owner"), FieldOwner::FrontDesk, false),
        (
            "allergies",
            OneSideRule::TakeAdditions,
            BothSidesRule::SuggestUnion,
            None,
            FieldOwner::Clinician,
            false,
        ),
        (
            "medical_notes",
            OneSideRule::TakeServiceNow,
            BothSidesRule::MergeLines,
            None,
            FieldOwner::Clinician,
            false,
        ),
    ];
    assert_eq!(catalogue.fields.len(), rows.len());
    for (spec, (id, one_side, both_sides, group, owner, identity)) in catalogue.fields.iter().zip(rows) {
        assert_eq!(spec.id, id);
        assert_eq!(spec.column, id);
        assert!(!spec.label.is_empty());
        let found = (spec.one_side, spec.both_sides, spec.group.as_deref(), spec.owner, spec.identity);
        assert_eq!(found, (one_side, both_sides, group, owner, identity), "{id}");
        let to_ehr_only = spec.direction == Direction::ServiceNowToEhr;
        assert_eq!(to_ehr_only, id == "medical_notes");
        assert_eq!(
            catalogue.index_of(id).and_then(|at| catalogue.spec(at)).map(|spec| spec.id.as_str()),
            Some(id)
        );
    }
    assert_eq!(catalogue.index_of("shoe_size"), None);
}

fn custom(json: &str) -> CustomField {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn added(json: &str) -> FieldSpec {
    let mut catalogue = Catalogue::patient_default().with_custom(vec![custom(json)]).expect("a catalogue");
    assert_eq!(catalogue.fields.len(), 12);
    catalogue.fields.pop().expect("a field")
}

#[test]
fn custom_fields_are_rows_like_the_others() {
    let weight = added(
        r#"{"id":"weight","label":"Weight","column":"u_weight_lb","type":"quantity","default_unit":"[lb_av]",
            "min":"0.02","max":"250","extension_url":"Patient.extension('https://hospital.example/fhir/weight')",
            "owner":"clinician"}"#,
    );
    assert_eq!(weight.value_type, ValueType::Quantity { default_unit: "[lb_av]".to_owned() });
    assert_eq!(
        weight.place,
        record::catalogue::FhirPlace::PatientExtension {
            url: "https://hospital.example/fhir/weight".to_owned()
        }
    );
    assert_eq!((weight.one_side, weight.both_sides), (OneSideRule::Take, BothSidesRule::Ask));
    assert_eq!(weight.owner, FieldOwner::Clinician);
    assert!(weight.plausible.is_some_and(|range| range.min < range.max));

    // Rules that are not given fit the type.
    let url = r#""extension_url":"https://hospital.example/x""#;
    // (type, one side changed, both changed)
    let cases = [
        ("text", OneSideRule::Take, BothSidesRule::Ask),
        ("name", OneSideRule::Take, BothSidesRule::Ask),
        ("long_text", OneSideRule::Take, BothSidesRule::MergeLines),
        ("date", OneSideRule::Take, BothSidesRule::FinerDate),
        ("coded", OneSideRule::Take, BothSidesRule::Ask),
        ("phone", OneSideRule::Take, BothSidesRule::Ask),
        ("email", OneSideRule::Take, BothSidesRule::Ask),
        ("substances", OneSideRule::TakeAdditions, BothSidesRule::SuggestUnion),
    ];
    for (value_type, one_side, both_sides) in cases {
        let field = added(&format!(r#"{{"id":"extra","label":"Extra","type":"{value_type}",{url}}}"#));
        assert_eq!((field.one_side, field.both_sides), (one_side, both_sides), "{value_type}");
        assert_eq!(field.column, "extra");
    }
    let tattoo = added(&format!(r#"{{"id":"tattoo","label":"Tattoo","type":"text","identity":true,{url}}}"#));
    assert_eq!(
        (tattoo.one_side, tattoo.both_sides),
        (OneSideRule::TakeIfBlankElseAskTwo, BothSidesRule::AskTwo)
    );
}

#[test]
fn what_is_wrong_with_a_custom_field_is_said() {
    // (changes to a right field, the key that is named, words of the text)
    let cases = [
        (r#""id":"Weight!""#, "id", "lower-case"),
        (r#""id":"""#, "id", "number 1"),
        (r#""id":"species""#, "id", "the field species has the same id"),
        (r#""label":"  ""#, "label", "blank"),
        (r#""column":"u_species""#, "column", "the field species has the same ServiceNow column"),
        (r#""column":"sys_id""#, "column", "ServiceNow itself"),
        (r#""column":"Weight (kg)""#, "column", "dictionary"),
        (r#""extension_url":"weight""#, "extension_url", "absolute URL"),
        (r#""extension_url":"https://""#, "extension_url", "absolute URL"),
        (r#""extension_url":"https://a b/""#, "extension_url", "absolute URL"),
        (r#""extension_url":"Patient.maritalStatus""#, "extension_url", "extension of the Patient"),
        (
            r#""extension_url":"http://hl7.org/fhir/StructureDefinition/patient-animal""#,
            "extension_url",
            "hospital's own",
        ),
        (
            r#""extension_url":"http://hl7.org/fhir/StructureDefinition/note""#,
            "extension_url",
            "medical_notes",
        ),
        (r#""default_unit":null"#, "default_unit", "use one of kg"),
        (r#""default_unit":"lbs""#, "default_unit", "write [lb_av]"),
        (r#""default_unit":"furlong""#, "default_unit", "not known"),
        (r#""type":"text""#, "default_unit", "only a quantity"),
        (r#""min":"5","max":"1""#, "min", "larger than max"),
        (r#""type":"text","default_unit":null,"min":"5""#, "min", "only a quantity has a range"),
        (r#""type":"text","default_unit":null,"max":"5""#, "min", "only a quantity has a range"),
        (r#""extension_url":"urn::weight""#, "extension_url", "absolute URL"),
        (r#""extension_url":"urn:hospital:""#, "extension_url", "absolute URL"),
        (r#""extension_url":"urn:weight""#, "extension_url", "absolute URL"),
        (r#""extension_url":"https://:8080/weight""#, "extension_url", "absolute URL"),
        (r#""extension_url":"https://.example/weight""#, "extension_url", "absolute URL"),
        (r#""extension_url":"https://a@b.example/weight""#, "extension_url", "absolute URL"),
        (r#""type":"long_text","default_unit":null,"both_sides":"finer_date""#, "both_sides", "ask_two"),
        (
            r#""type":"date","default_unit":null,"identity":true,"both_sides":"finer_date""#,
            "both_sides",
            "ask_two",
        ),
        (
            r#""type":"long_text","default_unit":null,"identity":true,"both_sides":"merge_lines""#,
            "both_sides",
            "ask_two",
        ),
        (r#""both_sides":"suggest_union""#, "both_sides", "ask_two"),
        (r#""identity":true,"one_side":"take_service_now""#, "one_side", "never settled without a person"),
        (r#""one_side":"take_neutering""#, "one_side", "use take or ask"),
        (r#""one_side":"take_additions""#, "one_side", "use take or ask"),
        (r#""both_sides":"merge_lines""#, "both_sides", "ask_two"),
        (r#""identity":true,"one_side":"take""#, "one_side", "never settled without a person"),
    ];
    for (change, key, words) in cases {
        let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(
            r#"{"id":"weight","label":"Weight","type":"quantity","default_unit":"kg",
                "extension_url":"https://hospital.example/fhir/weight"}"#,
        )
        .expect("a right field");
        let changed: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&format!("{{{change}}}")).expect("a change");
        members.extend(changed);
        let field: CustomField = serde_json::from_value(members.into()).expect("a custom field");
        let problem = Catalogue::patient_default().with_custom(vec![field]).expect_err(change);
        assert_eq!(problem.key, key, "{problem}");
        assert!(problem.to_string().contains(words), "{problem}");
    }
}

#[test]
fn what_is_just_right_for_a_custom_field() {
    // (changes to a right field, the extension's URL)
    let longest = "a".repeat(60);
    let cases = [
        (format!(r#""id":"{longest}","column":"{longest}""#), "https://hospital.example/fhir/weight"),
        (r#""min":"5","max":"5""#.to_owned(), "https://hospital.example/fhir/weight"),
        (r#""extension_url":"urn:oid:1.2.3""#.to_owned(), "urn:oid:1.2.3"),
        (r#""extension_url":"http://h/""#.to_owned(), "http://h/"),
        (r#""extension_url":"extension[url='urn:oid:1']""#.to_owned(), "urn:oid:1"),
        (r#""extension_url":" Patient.extension( \"urn:oid:1\" ) ""#.to_owned(), "urn:oid:1"),
    ];
    for (change, url) in cases {
        let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(
            r#"{"id":"weight","label":"Weight","type":"quantity","default_unit":"kg",
                "extension_url":"https://hospital.example/fhir/weight"}"#,
        )
        .expect("a right field");
        let changed: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&format!("{{{change}}}")).expect("a change");
        members.extend(changed);
        let field = added(&serde_json::Value::from(members).to_string());
        let place = record::catalogue::FhirPlace::PatientExtension { url: url.to_owned() };
        assert_eq!(field.place, place, "{change}");
    }
    let too_long =
        format!(r#"{{"id":"{longest}a","label":"X","type":"text","extension_url":"https://a.example/"}}"#);
    let problem = Catalogue::patient_default().with_custom(vec![custom(&too_long)]).expect_err("too long");
    assert_eq!(problem.key, "id");
}

#[test]
fn two_custom_fields_cannot_share_a_place() {
    let field = |id: &str, column: &str, url: &str| {
        custom(&format!(
            r#"{{"id":"{id}","label":"X","type":"text","column":"{column}","extension_url":"https://a.example/{url}"}}"#
        ))
    };
    // (second field, the key that is named)
    let cases = [
        (field("one", "b", "b"), "id"),
        (field("two", "u_a", "b"), "column"),
        (field("two", "b", "a"), "extension_url"),
    ];
    for (second, key) in cases {
        let found =
            Catalogue::patient_default().with_custom(vec![field("one", "a", "a"), second]).expect_err(key);
        assert_eq!(found.key, key);
    }
    let fits = Catalogue::patient_default().with_custom(vec![field("one", "a", "a"), field("two", "b", "b")]);
    assert_eq!(fits.map(|catalogue| catalogue.fields.len()), Ok(13));
}

#[test]
fn unknown_keys_of_a_custom_field_are_refused() {
    let found = serde_json::from_str::<CustomField>(
        r#"{"id":"a","label":"A","type":"text","extension_url":"https://a.example/","colour":"red"}"#,
    );
    assert!(found.is_err_and(|error| error.to_string().contains("colour")));
}

/// They stand in the store and in the configuration.
#[test]
fn systems_and_kinds_have_names_that_are_read_back() {
    use record::{RecordKind, Remote};
    assert_eq!(Remote::BOTH.map(Remote::as_str), ["service_now", "ehr"]);
    assert_eq!(Remote::BOTH.map(Remote::label), ["ServiceNow", "EHR"]);
    assert_eq!(Remote::BOTH.map(Remote::other), [Remote::Ehr, Remote::ServiceNow]);
    assert_eq!(
        ["service_now", "ehr", "EHR", ""].map(Remote::parse),
        [Some(Remote::ServiceNow), Some(Remote::Ehr), None, None]
    );
    let kinds = [RecordKind::Patient, RecordKind::Appointment, RecordKind::Treatment];
    assert_eq!(kinds.map(RecordKind::as_str), ["patient", "appointment", "treatment"]);
    assert_eq!(kinds.map(|kind| RecordKind::parse(kind.as_str())), kinds.map(Some));
    assert_eq!(RecordKind::parse("bill"), None);
}
