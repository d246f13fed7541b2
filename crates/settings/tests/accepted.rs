//! What is accepted, and what it means.

use proptest::prelude::*;
use record::RecordKind;
use record::catalogue::{FhirPlace, ValueType};
use record::codes::appointment_status::AppointmentStatus;
use settings::{EhrRoute, Format, Role, SecondPerson, Settings, SyncFrequency, secret_names};
use std::path::{Path, PathBuf};

/// The specification's environment settings, as they stand there.
const SPECIFICATION: &str = r#"{
  "ehr_api_base_url": "https://ehr.mainstreetvet.com/api/v1",
  "oauth_client_id": "servicenow_integration",
  "sync_frequency": "real-time",
  "batch_schedule": "0 2 * * *",
  "retry_attempts": 5,
  "timeout_seconds": 30
}"#;

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

#[test]
fn the_specifications_json_is_accepted_as_it_stands() {
    let settings = Settings::parse(SPECIFICATION, Format::guess(Path::new("environment"), SPECIFICATION))
        .expect("accepted");
    assert_eq!(settings.ehr.base_url.as_deref(), Some("https://ehr.mainstreetvet.com/api/v1"));
    assert_eq!(settings.ehr.client_id.as_deref(), Some("servicenow_integration"));
    assert_eq!(settings.sync_frequency, SyncFrequency::RealTime);
    assert_eq!((settings.retry_attempts, settings.timeout_seconds), (5, 30));
    let missing: Vec<String> = settings.incomplete().into_iter().map(|problem| problem.key).collect();
    assert_eq!(missing, ["servicenow.base_url", "servicenow.client_id", "servicenow.subject"]);
}

#[test]
fn a_mid_server_carries_requests_or_is_only_watched() {
    let parse = |text: &str| Settings::parse(text, Format::Toml).expect("accepted");
    let watched = parse("[mid_server]\nname = \"MID Server 1\"\n");
    assert_eq!((watched.ehr.route, watched.mid_server.stale_minutes), (EhrRoute::Direct, 30));
    let carries = parse("[ehr]\nroute = \"mid-server\"\n[mid_server]\nname = \"mid-1\"\nstale_minutes = 0\n");
    assert_eq!((carries.ehr.route, carries.mid_server.stale_minutes), (EhrRoute::MidServer, 0));
    assert_eq!(parse("").ehr.route, EhrRoute::Direct, "directly, unless it is said");
}

#[test]
fn the_sample_is_accepted_and_complete() {
    let settings = Settings::load(&docs("vetsync.sample.toml")).expect("accepted");
    assert_eq!(settings.warnings(), []);
    assert_eq!(settings.incomplete(), []);
    assert_eq!(settings.time_zone(), Some(chrono_tz::America::Chicago));
    assert_eq!(
        settings.people.iter().map(|one| one.role).collect::<Vec<_>>(),
        [Role::FrontDesk, Role::Clinician, Role::Admin]
    );
    let catalogue = settings.patient_catalogue().expect("fits");
    let weight = catalogue.index_of("weight").and_then(|field| catalogue.spec(field)).expect("weight");
    assert_eq!(weight.plausible.map(|range| range.max.to_string()).as_deref(), Some("3000"));
    assert_eq!(weight.value_type, ValueType::Quantity { default_unit: "[lb_av]".to_owned() });
    assert!(matches!(&weight.place, FhirPlace::PatientExtension { url } if url.ends_with("/weight")));
    assert_eq!(
        settings.servicenow_identifier_system().as_deref(),
        Some("https://mainstreetvet.service-now.com/u_patient_record")
    );
    assert_eq!(settings.record_conventions().species_names.get("pooch").map(String::as_str), Some("dog"));
    assert_eq!(
        settings.needed_secrets(),
        [secret_names::SERVICENOW_PRIVATE_KEY, secret_names::EHR_PRIVATE_KEY]
    );
}

#[test]
fn the_sample_and_the_specification_fit_the_published_schema() {
    let schema: serde_json::Value = serde_json::from_str(&Settings::schema()).expect("schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("schema is a schema");
    let sample = std::fs::read_to_string(docs("vetsync.sample.toml")).expect("sample");
    let sample: serde_json::Value = toml::from_str(&sample).expect("TOML");
    let specification: serde_json::Value = serde_json::from_str(SPECIFICATION).expect("JSON");
    for (name, document) in [("sample", sample), ("specification", specification)] {
        let problems: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(problems, Vec::<String>::new(), "{name}");
    }
    let wrong = serde_json::json!({"servicenow": {"client_secret": "x"}});
    assert!(!validator.is_valid(&wrong), "an unknown key must not fit");
}

#[test]
fn the_committed_schema_is_current() {
    let committed = std::fs::read_to_string(docs("settings.schema.json")).unwrap_or_default();
    assert_eq!(committed, Settings::schema(), "run `cargo xtask codegen`");
}

/// Every key has a description, and every shape is one that the checker understands.
#[test]
fn every_key_is_documented() {
    fn walk(schema: &serde_json::Value, path: &str, keys: &mut usize) {
        for keyword in ["$ref", "allOf", "not", "if", "prefixItems", "patternProperties"] {
            assert!(schema.get(keyword).is_none(), "{path}: {keyword} is not understood by the checker");
        }
        for (name, of) in
            schema.get("properties").and_then(serde_json::Value::as_object).into_iter().flatten()
        {
            let path = format!("{path}.{name}");
            let described = of.get("description").and_then(serde_json::Value::as_str).unwrap_or_default();
            assert!(described.len() > 10, "{path} has no description");
            *keys += 1;
            walk(of, &path, keys);
        }
        for inner in ["items", "additionalProperties"] {
            if let Some(of) = schema.get(inner).filter(|of| of.is_object()) {
                walk(of, path, keys);
            }
        }
    }
    let schema: serde_json::Value = serde_json::from_str(&Settings::schema()).expect("JSON");
    let mut keys = 0;
    walk(&schema, "", &mut keys);
    assert!(keys > 60, "only {keys} keys seen");
}

#[test]
fn warnings_name_what_deserves_a_second_thought() {
    let text = "[servicenow]\ntls_minimum = \"1.2\"\n[[people]]\nid = \"a\"\nname = \"A\"\nrole = \"it\"\n";
    let settings = Settings::parse(text, Format::Toml).expect("accepted");
    let keys: Vec<String> = settings.warnings().into_iter().map(|warning| warning.key).collect();
    assert_eq!(keys, ["servicenow.tls_minimum", "hospital.time_zone", "console.second_person"]);
}

/// People may be switched in the sample clinic alone, and the sample clinic stands on this computer.
#[test]
fn sample_data_goes_with_addresses_of_this_computer_only() {
    for (servicenow, ehr, is_accepted) in [
        ("https://127.0.0.1:8443", "https://[::1]:8444/fhir", true),
        ("https://localhost:8443", "https://LOCALHOST/fhir", true),
        ("https://clinic.service-now.com", "https://127.0.0.1:8444", false),
        ("https://127.0.0.1:8443", "https://ehr.clinic.example/fhir", false),
        ("https://127.0.0.1.clinic.example", "https://localhost", false),
        ("https://localhost", "https://localhost.clinic.example", false),
    ] {
        let text = |flag: &str| {
            format!("[servicenow]\nbase_url = {servicenow:?}\n[ehr]\nbase_url = {ehr:?}\n[console]\n{flag}\n")
        };
        let read = Settings::parse(&text("sample_data = true"), Format::Toml);
        assert_eq!(
            read.as_ref().is_ok_and(|read| read.console.sample_data),
            is_accepted,
            "{servicenow} {ehr}"
        );
        if let Err(refused) = read {
            let keys: Vec<&str> = refused.problems().iter().map(|problem| problem.key.as_str()).collect();
            assert_eq!(keys, ["console.sample_data"]);
        }
        assert!(Settings::parse(&text(""), Format::Toml).is_ok_and(|read| !read.console.sample_data));
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Settings::load(Path::new("no/such/vetsync.toml")).expect_err("missing");
    assert_eq!(error.to_string(), "no/such/vetsync.toml: there is no such file");
}

#[test]
fn a_file_is_read_by_its_name_or_its_first_character() {
    let dir = tempfile::tempdir().expect("folder");
    for (name, text) in
        [("a.json", SPECIFICATION), ("b.conf", SPECIFICATION), ("c.toml", "timeout_seconds = 30\n")]
    {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        assert_eq!(Settings::load(&path).map(|settings| settings.timeout_seconds), Ok(30), "{name}");
    }
    let wrong = dir.path().join("wrong.toml");
    std::fs::write(&wrong, "timeout = 30\n").expect("written");
    let message = Settings::load(&wrong).expect_err("wrong").to_string();
    assert!(message.contains("wrong.toml: line 1, column 1: timeout"), "{message}");
}

#[test]
fn intervals_are_read() {
    for (text, expected, poll) in [
        ("real-time", SyncFrequency::RealTime, Some(15)),
        ("30s", SyncFrequency::Every(30), Some(30)),
        ("5m", SyncFrequency::Every(300), Some(300)),
        ("24h", SyncFrequency::Every(86_400), Some(86_400)),
        ("scheduled", SyncFrequency::Scheduled, None),
        ("on-demand", SyncFrequency::OnDemand, None),
    ] {
        assert_eq!(text.parse(), Ok(expected), "{text}");
        assert_eq!(expected.poll_seconds(), poll, "{text}");
    }
    for text in ["", "m", "-5m", "4s", "25h", "99999999999h", "5 m", "+5m", "5µ"] {
        assert!(text.parse::<SyncFrequency>().is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever is written as settings is read back alike.
    #[test]
    fn what_is_written_is_read_back(
        name in "[ -~]{0,20}", retry in 1u8..=10, timeout in 1u16..=300, minute in 0u8..60, hour in 0u8..24,
        every in 5u32..86_400, page_size in 1u32..=10_000, reason in any::<bool>(), active in proptest::option::of("u_[a-z]{1,8}"),
        ids in proptest::collection::btree_set("[a-z]{1,6}", 0..4),
    ) {
        let mut settings = Settings { retry_attempts: retry, timeout_seconds: timeout, ..Settings::default() };
        settings.hospital.name = name;
        settings.batch_schedule = format!("{minute} {hour} * * *");
        settings.sync_frequency = SyncFrequency::Every(every);
        settings.servicenow.page_size = page_size;
        settings.servicenow.active_column = active;
        settings.console.second_person = if reason { SecondPerson::TypedReason } else { SecondPerson::Required };
        settings.people = ids.into_iter().map(|id| settings::Person { name: id.clone(), id, role: Role::Admin, os_user: None }).collect();
        let text = settings.to_toml().expect("written");
        prop_assert_eq!(Settings::parse(&text, Format::Toml).expect("read"), settings);
    }

    /// No text makes the reader fail in another way than with an error that has a place.
    #[test]
    fn any_text_is_either_read_or_refused_with_a_place(text in "[\\[\\]{}=\",:a-z0-9_.\n -]{0,80}") {
        for format in [Format::Toml, Format::Json] {
            if let Err(error) = Settings::parse(&text, format) {
                prop_assert!(!error.problems().is_empty());
                prop_assert!(error.problems().iter().all(|problem| !problem.way_out.is_empty() && !problem.what.is_empty()));
            }
        }
    }

    /// A schedule is accepted exactly when its numbers are in range.
    #[test]
    fn schedules_are_checked_by_range(minute in 0u16..90, hour in 0u16..40, weekday in 0u16..12, step in 0u16..70) {
        let text = format!("batch_schedule = \"{minute}/{step} {hour} * * {weekday}\"\n");
        let right = minute < 60 && hour < 24 && weekday <= 7 && (1..=59).contains(&step);
        prop_assert_eq!(Settings::parse(&text, Format::Toml).is_ok(), right);
    }
}

#[test]
fn appointments_and_treatments_are_switched_on_by_their_tables() {
    let text = r#"
[servicenow]
base_url = "https://hospital.test"
[servicenow.appointments]
synchronise = true
columns = { duration_minutes = "u_length" }
[servicenow.treatments]
synchronise = true
table = "x_vet_treatment"
bundle = "transaction"
[conventions]
appointment_statuses = { "at reception" = "arrived" }
appointment_statuses_written = { booked = "confirmed" }
[[staff]]
servicenow_user = "6816f79cc0a8016401c5a33be04be441"
practitioner = "Practitioner/dr-lee"
name = "Dr Lee"
"#;
    let settings = Settings::parse(text, Format::Toml).expect("accepted");
    assert_eq!(settings.kinds(), [RecordKind::Patient, RecordKind::Appointment, RecordKind::Treatment]);
    let system = |kind| settings.identifier_system_of(kind);
    assert_eq!(system(RecordKind::Appointment).as_deref(), Some("https://hospital.test/u_appointment"));
    assert_eq!(system(RecordKind::Treatment).as_deref(), Some("https://hospital.test/x_vet_treatment"));
    let scopes = settings.ehr_scopes();
    assert!(scopes.contains(&"system/Appointment.crus".to_owned()), "{scopes:?}");
    assert_eq!(scopes.iter().filter(|scope| scope.contains("Practitioner")).count(), 1, "{scopes:?}");
    let conventions = settings.record_conventions();
    assert_eq!(conventions.staff[0].practitioner, "Practitioner/dr-lee");
    assert_eq!(conventions.appointment_statuses.get("at reception"), Some(&AppointmentStatus::Arrived));
    let written = &conventions.appointment_statuses_written;
    assert_eq!(written.get(&AppointmentStatus::Booked).map(String::as_str), Some("confirmed"));

    let alone = Settings::parse("", Format::Toml).expect("accepted");
    assert_eq!(alone.kinds(), [RecordKind::Patient]);
    assert_eq!(alone.compliance_rules(), record::validate::ComplianceRules::default());
    let laxer = "[servicenow.treatments.compliance]\nrequired = [\"patient\"]\ndose_required = false";
    let rules = Settings::parse(laxer, Format::Toml).expect("accepted").compliance_rules();
    assert_eq!(
        (rules.required, rules.dose_required, rules.clinician_known),
        (vec!["patient".to_owned()], false, true)
    );
    assert_eq!(alone.ehr_scopes(), ["system/Patient.crus", "system/AllergyIntolerance.crus"]);
}

#[test]
fn what_does_not_fit_matching_is_named() {
    let refused = |text: &str, key: &str, words: &str| {
        let problem =
            Settings::parse(&format!("[matching]\n{text}"), Format::Toml).expect_err(words).to_string();
        assert!(problem.contains(key) && problem.contains(words), "{words}: {problem}");
    };
    refused("name_possible_percent = 93", "matching.name_possible_percent", "more alike (93 %)");
    refused(
        "name_different_percent = 85",
        "matching.name_different_percent",
        "clearly different at the same time",
    );
    refused("possible_points = 60", "matching.possible_points", "more points (60) than a probable one (50)");
    refused("probable_points = 101", "matching.probable_points", "at most 100 points can be reached");
    refused("name_probable_percent = 101", "matching.name_probable_percent", "100");
    refused("weights = { same_phone = -1 }", "matching.weights.same_phone", "0");
    refused("weights = { phone = 1 }", "matching.weights.phone", "this key is not known");
    let accepted = "name_probable_percent = 95\nlink_by_microchip = false\nweights = { same_phone = 30 }";
    let settings =
        Settings::parse(&format!("[matching]\n{accepted}"), Format::Toml).expect("accepted").matching;
    assert_eq!(
        (settings.name_probable_percent, settings.link_by_microchip, settings.weights.same_phone),
        (95, false, 30)
    );
    assert_eq!(settings.weights.same_chip, 60, "what is not said stays as it was");
}

#[test]
fn what_does_not_fit_appointments_and_treatments_is_named() {
    let refused = |text: &str, words: &str| {
        let problem = Settings::parse(text, Format::Toml).expect_err(words).to_string();
        assert!(problem.contains(words), "{words}: {problem}");
    };
    refused(
        "[servicenow.appointments]\ncolumns = { duration = \"u_length\" }",
        "Did you mean `duration_minutes`?",
    );
    refused(
        "[servicenow.appointments]\ntable = \"u_treatment\"",
        "already that of servicenow.appointments.table",
    );
    refused("[servicenow.treatments]\nehr_id_column = \"sys_id\"", "belongs to the platform");
    refused("[servicenow.treatments]\ncompleted_values = []", "none would ever be sent");
    refused("[servicenow.treatments]\nappointment_column = \"sys_created_on\"", "belongs to the platform");
    refused(
        "[servicenow.treatments.compliance]\nrequired = [\"patient\", \"clinican\"]",
        "Did you mean `clinician`?",
    );
    refused("[servicenow.treatments.archive]\nvalue = \"closed\"", "would not count as completed any more");
    refused("[servicenow.treatments.archive]\ncolumn = \"u_state\"", "value");
    let billing = |more: &str| {
        format!(
            "[servicenow.treatments]\nsynchronise = true\n[servicenow.billing]\ngenerate = true\n\
             fee_schedule = \"fees.csv\"\nsince = \"2026-10-01\"\n{more}"
        )
    };
    let right = Settings::parse(&billing("columns = { amount = \"u_total\", unit = \"\" }"), Format::Toml);
    let columns = right.expect("accepted").servicenow.billing.written_columns();
    assert_eq!((columns["amount"].as_str(), columns["price"].as_str()), ("u_total", "u_price"));
    assert!(!columns.contains_key("unit"), "{columns:?}");
    refused(&billing("columns = { ammount = \"u_total\" }"), "Did you mean `amount`?");
    refused(&billing("columns = { amount = \"u_price\" }"), "already taken by amount");
    refused(&billing("columns = { code = \"u_billing_key\" }"), "already that of the key");
    refused(&billing("columns = { quantity = \"\" }"), "cannot be told from another one");
    refused(&billing("").replace("fee_schedule = \"fees.csv\"\n", ""), "nothing can be priced");
    refused(&billing("").replace("since = \"2026-10-01\"\n", ""), "would be billed again");
    refused(&billing("").replace("2026-10-01", "2026-02-30"), "no day of the calendar");
    refused(&billing("").replace("synchronise = true", ""), "they are not synchronised");
    refused(&billing("table = \"u_treatment\""), "already that of servicenow.treatments.table");
    refused("[conventions]\nappointment_statuses_written = { done = \"x\" }", "not one of FHIR's statuses");
    let member = |practitioner: &str| {
        format!("[[staff]]\nservicenow_user = \"a\"\npractitioner = {practitioner:?}\nname = \"Dr Lee\"\n")
    };
    refused(&member("dr-lee"), "a reference to a practitioner");
    let other = member("Practitioner/dr-lee").replace("\"a\"", "\"b\"");
    refused(&format!("{}{other}", member("Practitioner/dr-lee")), "already somebody else");
}
