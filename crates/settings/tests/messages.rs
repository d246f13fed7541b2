//! Each wrong configuration with the message that it gets: line, column, key, what is expected, the way out.

use settings::{Format, Settings};
use std::fmt::Write as _;

/// Why, the text, and the whole message.
struct Case {
    why: &'static str,
    text: &'static str,
    message: &'static str,
}

const CASES: &[Case] = &[
    Case {
        why: "a way through a MID Server that is not named",
        text: "[ehr]\nroute = \"mid-server\"\n",
        message: "the configuration: line 2, column 1: ehr.route: requests are to go through a MID Server, and none is \
                  named. Write its name under [mid_server], for example name = \"mid-frontdesk\".",
    },
    Case {
        why: "a MID Server's name that would be a condition of its own",
        text: "[mid_server]\nname = \"mid^ORname=x\"\n",
        message: "the configuration: line 2, column 1: mid_server.name: the name of a MID Server is expected: letters, \
                  digits, blanks, . _ and -. Write, for example, name = \"mid-frontdesk\".",
    },
    Case {
        why: "a misspelt key names the right one",
        text: "[servicenow]\npage_siz = 100\n",
        message: "the configuration: line 2, column 1: servicenow.page_siz: this key is not known. \
                  Did you mean `page_size`?",
    },
    Case {
        why: "a key in the wrong section names its section",
        text: "patient_table = \"u_patient_record\"\n",
        message: "the configuration: line 1, column 1: patient_table: this key is not known. \
                  It belongs into [servicenow].",
    },
    Case {
        why: "a key like no other lists the known ones",
        text: "[brake]\nxyz = 1\n",
        message: "the configuration: line 2, column 1: brake.xyz: this key is not known. \
                  Known here: records, share_percent.",
    },
    Case {
        why: "a number between quotes",
        text: "timeout_seconds = \"30\"\n",
        message: "the configuration: line 1, column 19: timeout_seconds: a whole number is expected, a text stands \
                  here. Write, for example, timeout_seconds = 30.",
    },
    Case {
        why: "a number out of its range",
        text: "retry_attempts = 0\n",
        message: "the configuration: line 1, column 18: retry_attempts: a whole number from 1 to 10 is expected. \
                  Write, for example, retry_attempts = 5.",
    },
    Case {
        why: "a word that is none of the allowed ones",
        text: "[servicenow]\nsign_in = \"jwt-bearer\"\n",
        message: "the configuration: line 2, column 11: servicenow.sign_in: one of \"jwt_bearer\", \
                  \"client_credentials\" is expected. Write, for example, sign_in = \"jwt_bearer\".",
    },
    Case {
        why: "a role that does not exist",
        text: "[[people]]\nid = \"a\"\nname = \"A\"\nrole = \"boss\"\n",
        message: "the configuration: line 4, column 8: people[0].role: one of \"front_desk\", \"clinician\", \"it\", \
                  \"admin\", \"auditor\" is expected. Write, for example, role = \"front_desk\".",
    },
    Case {
        why: "a missing key says what it is for",
        text: "[[people]]\nid = \"a\"\nname = \"A\"\n",
        message: "the configuration: line 1, column 1: people[0].role: this key is missing: What this person may see \
                  and do. Write, for example, role = \"front_desk\".",
    },
    Case {
        why: "http is refused",
        text: "ehr_api_base_url = \"http://ehr.example.org/api\"\n",
        message: "the configuration: line 1, column 1: ehr_api_base_url: the address begins with http://, and both \
                  systems are only spoken to over TLS. Write, for example, ehr_api_base_url = \
                  \"https://ehr.mainstreetvet.com/api/v1\".",
    },
    Case {
        why: "credentials in an address",
        text: "[servicenow]\nbase_url = \"https://user:pw@x.service-now.com\"\n",
        message: "the configuration: line 2, column 1: servicenow.base_url: the address contains a user name or \
                  password before @, which never stands in this file. Write, for example, base_url = \
                  \"https://mainstreetvet.service-now.com\".",
    },
    Case {
        why: "the API's path in the instance's address",
        text: "[servicenow]\nbase_url = \"https://x.service-now.com/api/now\"\n",
        message: "the configuration: line 2, column 1: servicenow.base_url: the instance's address is expected, \
                  without /api/now/…. Write, for example, base_url = \"https://mainstreetvet.service-now.com\".",
    },
    Case {
        why: "a time zone by its city only",
        text: "[hospital]\ntime_zone = \"Chicago\"\n",
        message: "the configuration: line 2, column 1: hospital.time_zone: there is no time zone of that name. \
                  Did you mean \"America/Chicago\"?",
    },
    Case {
        why: "a time zone that is nothing like one",
        text: "[hospital]\ntime_zone = \"??\"\n",
        message: "the configuration: line 2, column 1: hospital.time_zone: there is no time zone of that name. \
                  Write an IANA name, for example time_zone = \"America/Chicago\".",
    },
    Case {
        why: "a schedule with seconds",
        text: "batch_schedule = \"0 0 2 * * *\"\n",
        message: "the configuration: line 1, column 1: batch_schedule: five fields are expected (minute, hour, day \
                  of the month, month, day of the week), 6 stand here; seconds and years are not understood. \
                  Write, for example, batch_schedule = \"0 2 * * *\".",
    },
    Case {
        why: "a schedule with an hour that does not exist",
        text: "batch_schedule = \"0 24 * * *\"\n",
        message: "the configuration: line 1, column 1: batch_schedule: the second field (hour) takes numbers from 0 \
                  to 23, *, ranges, steps and lists. Write, for example, batch_schedule = \"0 2 * * *\".",
    },
    Case {
        why: "a schedule on 30 February",
        text: "batch_schedule = \"0 2 30 2 *\"\n",
        message: "the configuration: line 1, column 1: batch_schedule: no such day exists in those months, so it \
                  would never run. Write, for example, batch_schedule = \"0 2 * * *\".",
    },
    Case {
        why: "a client secret",
        text: "[servicenow]\nclient_secret = \"hunter2\"\n",
        message: "the configuration: line 2, column 1: servicenow.client_secret: a secret never stands in this \
                  file. Remove the line, run `vetsync secret set servicenow.client_secret`, and change the secret \
                  if others have seen this file.",
    },
    Case {
        why: "a private key under a key that is allowed",
        text: "[ehr]\nkey_id = \"-----BEGIN PRIVATE KEY-----\"\n",
        message: "the configuration: line 2, column 10: ehr.key_id: this value looks like a secret (a private key \
                  or a token), and a secret never stands in this file. Remove the line, run `vetsync secret set \
                  ehr.private_key`, and change the secret if others have seen this file.",
    },
    Case {
        why: "a password at the top",
        text: "password = \"x\"\n",
        message: "the configuration: line 1, column 1: password: a secret never stands in this file. Remove the \
                  line, run `vetsync secret set NAME` with NAME one of servicenow.client_secret, \
                  servicenow.private_key, ehr.private_key, webhooks.private_key, webhooks.servicenow, \
                  webhooks.ehr, calendars.key, and change the secret if others have seen this file.",
    },
    Case {
        why: "the specification's key and ours disagree",
        text: "oauth_client_id = \"a\"\n[ehr]\nclient_id = \"b\"\n",
        message: "the configuration: line 1, column 1: oauth_client_id: this says something else than \
                  ehr.client_id. Keep one of the two.",
    },
    Case {
        why: "a column for a field that does not exist",
        text: "[servicenow.columns]\nowner_fone = \"u_fone\"\n",
        message: "the configuration: line 2, column 1: servicenow.columns.owner_fone: the patient has no such \
                  field. Did you mean `owner_phone`?",
    },
    Case {
        why: "two fields in one column",
        text: "[servicenow.columns]\nbreed = \"u_x\"\nspecies = \"u_x\"\n",
        message: "the configuration: line 3, column 1: servicenow.columns.species: this column is already taken by \
                  breed. Give each field its own column.",
    },
    Case {
        why: "a label instead of a column's name",
        text: "[servicenow]\nehr_id_column = \"EHR id\"\n",
        message: "the configuration: line 2, column 1: servicenow.ehr_id_column: a name of lower-case letters, \
                  digits and _ is expected. Take the name from the instance's dictionary (sys_dictionary, element), \
                  not the label.",
    },
    Case {
        why: "a platform column",
        text: "[servicenow]\nactive_column = \"sys_class_name\"\n",
        message: "the configuration: line 2, column 1: servicenow.active_column: a sys_ column belongs to the \
                  platform and is never written. Name a column of the table's own.",
    },
    Case {
        why: "a key of the other sign-in",
        text: "[servicenow]\nsign_in = \"client_credentials\"\nsubject = \"x@example.org\"\n",
        message: "the configuration: line 3, column 1: servicenow.subject: this belongs to sign_in = \"jwt_bearer\" \
                  and has no effect here. Remove it, or set sign_in = \"jwt_bearer\".",
    },
    Case {
        why: "one id for two people",
        text: "[[people]]\nid = \"a\"\nname = \"A\"\nrole = \"it\"\n[[people]]\nid = \"a\"\nname = \"B\"\nrole = \"it\"\n",
        message: "the configuration: line 6, column 1: people[1].id: another person has this id. Give each person \
                  their own id.",
    },
    Case {
        why: "a quantity without its unit",
        text: "[[custom_fields]]\nid = \"weight\"\nlabel = \"Weight\"\ntype = \"quantity\"\ncolumn = \"weight\"\n\
               extension_url = \"https://example.org/weight\"\n",
        message: "the configuration: line 1, column 1: custom_fields[0].default_unit: a quantity needs the unit of \
                  a number without one. Use one of kg, g, mg, ug, [lb_av], [oz_av], [stone_av], Cel, [degF], L, mL, \
                  m, cm, mm, [in_i], [ft_i], [hd_i], mg/kg, ug/kg, mL/kg, mg/mL, [iU], [iU]/kg, [drp], {tbl}, %, \
                  /min, min, h, d, wk, mo, a, 1.",
    },
    Case {
        why: "a custom field that is there already",
        text: "[[custom_fields]]\nid = \"breed\"\nlabel = \"Breed\"\ntype = \"text\"\ncolumn = \"x\"\n\
               extension_url = \"https://example.org/x\"\n",
        message: "the configuration: line 2, column 1: custom_fields[0].id: the field breed has the same id. \
                  Give each field its own id.",
    },
    Case {
        why: "a rule that does not fit its type",
        text: "[[custom_fields]]\nid = \"x\"\nlabel = \"X\"\ntype = \"text\"\ncolumn = \"x\"\n\
               extension_url = \"https://example.org/x\"\nboth_sides = \"merge_lines\"\n",
        message: "the configuration: line 7, column 1: custom_fields[0].both_sides: this rule does not fit the \
                  field. Use ask or ask_two.",
    },
    Case {
        why: "a breed's name instead of its code",
        text: "[conventions.breed_names]\ngoldie = \"Golden Retriever\"\n",
        message: "the configuration: line 2, column 1: conventions.breed_names.goldie: a SNOMED CT code with a right \
                  check digit is expected. Write, for example, \"golden\" = \"58108001\".",
    },
    Case {
        why: "a colon as in YAML",
        text: "[hospital]\nname: \"Main Street\"\n",
        message: "the configuration: line 2, column 7: this is not TOML: key with no value, expected `=`. In TOML a \
                  key and its value are joined by =, not by a colon.",
    },
    Case {
        why: "an interval that is too short",
        text: "sync_frequency = \"1s\"\n",
        message: "the configuration: line 1, column 1: sync_frequency: \"real-time\", \"scheduled\", \"on-demand\" or \
                  an interval from 5s to 24h such as \"5m\" is expected. Write, for example, sync_frequency = \
                  \"real-time\".",
    },
    Case {
        why: "a single value where a list belongs",
        text: "[ehr]\nmicrochip_systems_read = \"http://icar.org/microchip\"\n",
        message: "the configuration: line 2, column 26: ehr.microchip_systems_read: a list is expected, a text \
                  stands here. Write, for example, microchip_systems_read = [\"http://icar.org/microchip\"].",
    },
];

#[test]
fn every_wrong_configuration_says_where_what_and_the_way_out() {
    let mut wrong = String::new();
    for case in CASES {
        let message = Settings::parse(case.text, Format::Toml).expect_err(case.why).to_string();
        if message != case.message {
            let _ = writeln!(wrong, "{}\n  is     {message}\n  should {}", case.why, case.message);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn several_problems_are_reported_together_in_the_order_of_the_file() {
    let text = "retry_attempts = 99\n[hospital]\nnaem = \"x\"\n[servicenow]\nclient_secret = \"x\"\npage_size = true\n";
    let error = Settings::parse(text, Format::Toml).expect_err("four problems");
    let keys: Vec<&str> = error.problems().iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["retry_attempts", "hospital.naem", "servicenow.client_secret", "servicenow.page_size"]);
    assert!(error.to_string().starts_with("the configuration: 4 problems\n  line 1"), "{error}");
}

#[test]
fn several_problems_of_meaning_are_reported_together() {
    let text =
        "batch_schedule = \"daily\"\nehr_api_base_url = \"ftp://x\"\n[hospital]\ntime_zone = \"Mars/Base\"\n";
    let error = Settings::parse(text, Format::Toml).expect_err("three problems");
    let lines: Vec<usize> =
        error.problems().iter().filter_map(|problem| problem.place).map(|place| place.line).collect();
    assert_eq!(lines, [1, 2, 4]);
}

#[test]
fn json_problems_have_their_line_and_column_too() {
    let text =
        "{\n  \"timeout_seconds\": 30,\n  \"hospital\": { \"nme\": \"x\" },\n  \"retry_attempts\": 2.5\n}\n";
    let error = Settings::parse(text, Format::Json).expect_err("two problems");
    let found: Vec<_> = error
        .problems()
        .iter()
        .filter_map(|problem| Some((problem.place?.line, problem.key.as_str())))
        .collect();
    assert_eq!(found, [(3, "hospital.nme"), (4, "retry_attempts")]);

    let cut_off = Settings::parse("{\"timeout_seconds\": 30", Format::Json).expect_err("cut off");
    assert!(cut_off.to_string().contains("this is not JSON"), "{cut_off}");

    let twice = Settings::parse("{\"timeout_seconds\": 30,\n \"timeout_seconds\": 31}", Format::Json)
        .expect_err("twice");
    assert!(twice.to_string().contains("a second time"), "{twice}");
}

#[test]
fn no_message_ever_repeats_a_value() {
    let hidden = "Sup3rS3cretValue";
    for text in [
        format!("[servicenow]\npassword = \"{hidden}\"\n"),
        format!("[servicenow]\nsign_in = \"{hidden}\"\n"),
        format!("[hospital]\ntime_zone = \"{hidden}\"\n"),
        format!("batch_schedule = \"{hidden}\"\n"),
        format!("ehr_api_base_url = \"{hidden}\"\n"),
        format!("sync_frequency = \"{hidden}\"\n"),
        format!("[hospital]\nname = {hidden}\n"),
        format!("[hospital]\nname = \"{hidden}\n"),
    ] {
        let error = Settings::parse(&text, Format::Toml).expect_err("wrong");
        assert!(!error.to_string().contains(hidden), "{error}");
    }
}
