//! The Table, Aggregate and Batch API against wire-facts 5 and 6; each test names the fact it holds up.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::servicenow::schema::{Column, ColumnType, TableSchema};
use simulator::servicenow::{BusinessRule, Instance, RuleAction, RuleEvent, User};
use simulator::wire::{Reply, Request};
use simulator::{Clock, Fault, PlannedFault};

/// 2025-03-01 09:12:44 UTC
const NOW_MS: i64 = 1_740_820_364_000;

fn instance() -> Instance {
    let instance = Instance::new(Clock::fixed(NOW_MS), 7);
    instance.add_user(User {
        user_name: "ehr.sync".to_owned(),
        password: "secret".to_owned(),
        name: "EHR Sync".to_owned(),
        email: "sync@example.test".to_owned(),
        zone: chrono_tz::America::Los_Angeles,
    });
    instance
}

fn key(number: u32) -> String {
    format!("{number:032x}")
}

/// Rows 1 to `count`, named Pet1 and so on, all changed in the same second.
fn with_rows(count: u32) -> Instance {
    let instance = instance();
    for number in 1..=count {
        let name = format!("Pet{number}");
        instance.insert_row(
            "u_patient_record",
            &[("sys_id", &key(number)), ("u_patient_name", &name)],
            "admin",
        );
    }
    instance
}

fn call(instance: &Instance, method: Method, target: &str, body: Option<Value>) -> Reply {
    let request = Request::new(method, target)
        .header("authorization", &format!("Basic {}", STANDARD.encode("ehr.sync:secret")))
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(body.map(|body| body.to_string()).unwrap_or_default());
    instance.answer(&request)
}

fn read(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn list(instance: &Instance, parameters: &str) -> (Vec<Value>, Reply) {
    let reply = call(instance, Method::GET, &format!("/api/now/table/u_patient_record?{parameters}"), None);
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    (read(&reply)["result"].as_array().unwrap().clone(), reply)
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["u_patient_name"].as_str().unwrap()).collect()
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name).and_then(|value| value.to_str().ok())
}

#[test]
fn scalars_are_strings_and_empty_ones_are_empty_text() {
    let instance = with_rows(1);
    let (rows, _) = list(&instance, "");
    let row = rows[0].as_object().unwrap();
    assert!(row.values().all(Value::is_string));
    assert_eq!(row["u_allergies"], "");
    assert_eq!(row["sys_mod_count"], "0");
    assert_eq!(row["u_active"], "true");
    assert_eq!(row["sys_updated_on"], "2025-03-01 09:12:44");
}

#[test]
fn a_field_hidden_by_access_rules_is_absent() {
    let instance = with_rows(1);
    instance.restrict(|access| {
        access.hidden_columns.insert(("u_patient_record".to_owned(), "u_allergies".to_owned()));
    });
    let (rows, _) = list(&instance, "sysparm_fields=u_patient_name,u_allergies");
    assert_eq!(rows[0], json!({"u_patient_name": "Pet1"}));
}

#[test]
fn unknown_names_in_fields_are_ignored_and_dot_walks_come_back_literally() {
    let instance = with_rows(1);
    let user = instance.rows("sys_user", "user_name=ehr.sync")[0].0.clone();
    instance.edit_row("u_patient_record", &key(1), &[("u_clinician", &user)], "admin");
    let (rows, _) = list(&instance, "sysparm_fields=sys_id,patient_name,u_clinician.name");
    assert_eq!(rows[0], json!({"sys_id": key(1), "u_clinician.name": "EHR Sync"}));
}

#[test]
fn a_bad_condition_is_dropped_and_more_rows_come_back() {
    let instance = with_rows(3);
    assert_eq!(list(&instance, "sysparm_query=u_patient_nme=Pet2").0.len(), 3);
    assert_eq!(names(&list(&instance, "sysparm_query=u_patient_name=Pet2").0), ["Pet2"]);
    instance.configure(|settings| settings.invalid_query_returns_no_rows = true);
    assert_eq!(list(&instance, "sysparm_query=u_patient_nme=Pet2").0.len(), 0);
}

#[test]
fn every_operator_selects_what_it_says() {
    let instance = with_rows(3);
    instance.edit_row_unseen(
        "u_patient_record",
        &key(2),
        &[("u_owner_email", "pet2@example.test"), ("u_loyalty_points", "30"), ("u_breed", "Pet2")],
    );
    instance.edit_row_unseen(
        "u_patient_record",
        &key(3),
        &[("u_loyalty_points", "200"), ("u_last_visit", "2025-03-01 08:40:00")],
    );
    // The condition, and the numbers of the rows it selects.
    let cases: &[(&str, &[u32])] = &[
        ("u_patient_name=Pet2", &[2]),
        ("u_patient_name=pet2", &[2]),
        ("u_patient_name!=Pet2", &[1, 3]),
        ("u_owner_email=", &[1, 3]),
        ("u_loyalty_points<100", &[2]),
        ("u_loyalty_points<=30", &[2]),
        ("u_loyalty_points>30", &[3]),
        ("u_loyalty_points>=30", &[2, 3]),
        ("u_patient_nameLIKEet3", &[3]),
        ("u_patient_nameNOT LIKE3", &[1, 2]),
        ("u_patient_nameNOTLIKE3", &[1, 2]),
        ("u_owner_emailSTARTSWITHpet", &[2]),
        ("u_owner_emailENDSWITHtest", &[2]),
        ("u_patient_nameINPet1,Pet3", &[1, 3]),
        ("u_patient_nameNOT INPet1,Pet3", &[2]),
        ("u_loyalty_pointsBETWEEN10@50", &[2]),
        ("u_owner_emailISEMPTY", &[1, 3]),
        ("u_owner_emailISNOTEMPTY", &[2]),
        ("u_owner_emailEMPTYSTRING", &[1, 3]),
        ("u_owner_emailANYTHING", &[1, 2, 3]),
        ("u_breedSAMEASu_patient_name", &[2]),
        ("u_breedNSAMEASu_patient_name", &[1, 3]),
        ("u_last_visitRELATIVEGT@hour@ago@1", &[3]),
        ("u_last_visitRELATIVELT@hour@ago@1", &[]),
        ("u_last_visitONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()", &[3]),
        ("u_last_visit>javascript:gs.dateGenerate('2025-03-01','00:00:00')", &[3]),
        ("u_last_visit>javascript:gs.dateGenerate('2025-03-01','00:50:00')", &[]),
        ("u_last_visit>2025-03-01", &[3]),
        ("u_patient_name=Pet1^ORu_patient_name=Pet2^u_owner_emailISNOTEMPTY", &[2]),
        ("u_patient_name=Pet1^u_owner_email=^NQu_loyalty_points>100", &[1, 3]),
        ("u_patient_name=Pet1^EQ", &[1]),
    ];
    for (query, expected) in cases {
        let encoded = query.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let (rows, _) = list(&instance, &format!("sysparm_query={encoded}"));
        let expected: Vec<String> = expected.iter().map(|number| format!("Pet{number}")).collect();
        assert_eq!(names(&rows), expected, "{query}");
    }
}

#[test]
fn order_is_by_several_columns_and_direction() {
    let instance = with_rows(3);
    instance.edit_row_unseen("u_patient_record", &key(1), &[("u_breed", "b")]);
    instance.edit_row_unseen("u_patient_record", &key(2), &[("u_breed", "a")]);
    instance.edit_row_unseen("u_patient_record", &key(3), &[("u_breed", "a")]);
    let (rows, _) = list(&instance, "sysparm_query=ORDERBYu_breed^ORDERBYDESCsys_id");
    assert_eq!(names(&rows), ["Pet3", "Pet2", "Pet1"]);
}

#[test]
fn the_limit_is_applied_before_hidden_rows_are_taken_out() {
    let instance = with_rows(6);
    instance.restrict(|access| {
        access.hidden_rows.insert("u_patient_record".to_owned(), "u_patient_nameINPet1,Pet2,Pet4".to_owned());
    });
    let page = |last: &str| {
        let parameters = format!("sysparm_limit=2&sysparm_query=sys_id>{last}^ORDERBYsys_id");
        list(&instance, &parameters)
    };
    let (first, reply) = page("");
    assert!(first.is_empty(), "an empty page while more exist");
    assert_eq!(header(&reply, "x-total-count"), Some("6"), "counts before access rules");
    assert_eq!(names(&page(&key(2)).0), ["Pet3"], "a short page");
    assert_eq!(names(&page(&key(4)).0), ["Pet5", "Pet6"]);
    let hidden = call(&instance, Method::GET, &format!("/api/now/table/u_patient_record/{}", key(1)), None);
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
}

#[test]
fn key_set_paging_with_a_new_query_group_reads_every_row_once() {
    let instance = with_rows(25);
    instance.edit_row("u_patient_record", &key(9), &[("u_breed", "x")], "admin");
    let (mut stamp, mut last) = (String::new(), String::new());
    let mut seen = Vec::new();
    loop {
        let query = format!(
            "sys_updated_on={stamp}^sys_id>{last}^NQsys_updated_on>{stamp}^ORDERBYsys_updated_on^ORDERBYsys_id"
        );
        let (rows, _) = list(
            &instance,
            &format!("sysparm_limit=4&sysparm_no_count=true&sysparm_query={}", query.replace(' ', "+")),
        );
        let Some(row) = rows.last() else { break };
        stamp = row["sys_updated_on"].as_str().unwrap().to_owned();
        last = row["sys_id"].as_str().unwrap().to_owned();
        seen.extend(names(&rows).into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 25);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[test]
fn links_are_joined_by_commas_and_contain_commas() {
    let instance = with_rows(5);
    let (rows, reply) =
        list(&instance, "sysparm_limit=2&sysparm_offset=2&sysparm_fields=sys_id,u_patient_name");
    assert_eq!(rows.len(), 2);
    let link = header(&reply, "link").unwrap();
    let relations: Vec<&str> =
        link.split("rel=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
    assert_eq!(relations, ["first", "prev", "next", "last"]);
    assert!(link.contains("sys_id,u_patient_name"));
    assert!(link.contains("sysparm_offset=4"));
    assert!(header(&list(&instance, "sysparm_limit=9").1, "link").is_none(), "one page suffices");
    let quiet =
        list(&instance, "sysparm_limit=2&sysparm_suppress_pagination_header=true&sysparm_no_count=true").1;
    assert!(header(&quiet, "link").is_none());
    assert!(header(&quiet, "x-total-count").is_none());
}

#[test]
fn version_one_answers_an_empty_list_with_404_and_version_two_with_an_empty_result() {
    let instance = with_rows(1);
    let ask = |version: &str| {
        call(
            &instance,
            Method::GET,
            &format!("/api/now/{version}table/u_patient_record?sysparm_query=u_patient_name=No"),
            None,
        )
    };
    assert_eq!(ask("v1/").status, StatusCode::NOT_FOUND);
    for version in ["", "v2/"] {
        assert_eq!(ask(version).status, StatusCode::OK);
        assert_eq!(ask(version).text(), "{\"result\":[]}");
    }
}

#[test]
fn errors_have_the_documented_bodies() {
    let instance = with_rows(1);
    let error = |message: &str, detail: Value| json!({"error": {"message": message, "detail": detail}, "status": "failure"});
    let reply = call(&instance, Method::GET, "/api/now/table/u_does_not_exist", None);
    assert_eq!(
        (reply.status, read(&reply)),
        (StatusCode::BAD_REQUEST, error("Invalid table u_does_not_exist", Value::Null))
    );
    let reply = call(&instance, Method::GET, "/api/now/table/u_patient_record/0", None);
    let hidden =
        error("No Record found", json!("Record doesn't exist or ACL restricts the record retrieval"));
    assert_eq!((reply.status, read(&reply)), (StatusCode::NOT_FOUND, hidden));
    let reply = instance.answer(&Request::new(Method::GET, "/api/now/table/u_patient_record"));
    let login = error("User is not authenticated", json!("Required to provide Auth information"));
    assert_eq!((reply.status, read(&reply)), (StatusCode::UNAUTHORIZED, login));
    let reply = call(&instance, Method::GET, "/api/now/table/u_patient_record?sysparm_offset=-1", None);
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    instance.restrict(|access| {
        access.closed_tables.insert("u_patient_record".to_owned());
    });
    let reply = call(&instance, Method::GET, "/api/now/table/u_patient_record", None);
    let closed = error("User Not Authorized", json!("Failed API level ACL Validation"));
    assert_eq!((reply.status, read(&reply)), (StatusCode::FORBIDDEN, closed));
}

#[test]
fn accept_and_content_type_must_be_sent() {
    let instance = with_rows(1);
    let login = format!("Basic {}", STANDARD.encode("ehr.sync:secret"));
    let post = || {
        Request::new(Method::POST, "/api/now/table/u_patient_record")
            .header("authorization", &login)
            .body("{}")
    };
    assert_eq!(instance.answer(&post().header("accept", "application/json")).status, StatusCode::BAD_REQUEST);
    assert_eq!(
        instance.answer(&post().header("content-type", "application/json")).status,
        StatusCode::BAD_REQUEST
    );
    let xml = post().header("accept", "application/json").header("content-type", "text/csv");
    assert_eq!(instance.answer(&xml).status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let xml = post().header("accept", "text/csv").header("content-type", "application/json");
    assert_eq!(instance.answer(&xml).status, StatusCode::NOT_ACCEPTABLE);
    assert_eq!(instance.row_count("u_patient_record"), 1);
}

#[test]
fn display_values_are_labels_local_times_and_words() {
    let instance = with_rows(1);
    let user = instance.rows("sys_user", "user_name=ehr.sync")[0].0.clone();
    instance.edit_row_unseen(
        "u_patient_record",
        &key(1),
        &[
            ("u_clinician", &user),
            ("u_care_plan", "in_review"),
            ("u_loyalty_points", "1200"),
            ("u_usual_visit_length", "1970-01-01 00:30:00"),
            ("u_last_visit", "2025-03-01 09:12:44"),
            ("u_watch_list", &user),
        ],
    );
    let fields = "sysparm_fields=u_clinician,u_care_plan,u_loyalty_points,u_usual_visit_length,u_last_visit,u_watch_list";
    let link = format!("https://servicenow.test/api/now/table/sys_user/{user}");
    let one = |more: &str| list(&instance, &format!("{fields}{more}")).0[0].clone();
    assert_eq!(one("")["u_clinician"], json!({"link": link, "value": user}));
    assert_eq!(one("")["u_usual_visit_length"], "1970-01-01 00:30:00");
    assert_eq!(one("&sysparm_exclude_reference_link=true")["u_clinician"], json!(user));
    let shown = one("&sysparm_display_value=true");
    assert_eq!(shown["u_clinician"], json!({"display_value": "EHR Sync", "link": link}));
    assert_eq!(shown["u_care_plan"], "In review");
    assert_eq!(shown["u_loyalty_points"], "1,200");
    assert_eq!(shown["u_usual_visit_length"], "30 Minutes");
    assert_eq!(shown["u_last_visit"], "2025-03-01 01:12:44");
    assert_eq!(shown["u_watch_list"], "EHR Sync");
    let both = one("&sysparm_display_value=all");
    assert_eq!(both["u_care_plan"], json!({"display_value": "In review", "value": "in_review"}));
    assert_eq!(both["u_clinician"], json!({"display_value": "EHR Sync", "link": link, "value": user}));
    let plain = one("&sysparm_display_value=true&sysparm_exclude_reference_link=true");
    assert_eq!(plain["u_clinician"], "EHR Sync");
}

#[test]
fn a_write_takes_what_it_knows_and_drops_the_rest_in_silence() {
    let instance = with_rows(1);
    let target = format!("/api/now/table/u_patient_record/{}", key(1));
    let write = |body: Value| {
        let reply = call(&instance, Method::PATCH, &target, Some(body));
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        read(&reply)["result"].clone()
    };
    let row = write(json!({
        "u_care_plan": "2", "patient_name": "x", "sys_id": key(9), "sys_mod_count": "77", "u_active": true,
        "u_loyalty_points": 1200, "u_breed": null,
    }));
    assert_eq!(row["u_care_plan"], "2");
    assert_eq!(row["sys_id"], json!(key(1)));
    assert_eq!(row["sys_mod_count"], "1");
    assert_eq!(row["u_loyalty_points"], "1200");
    assert!(row.get("patient_name").is_none());
    assert_eq!(row["sys_updated_by"], "ehr.sync");
    // Choices: unknown values and empty text are not stored.
    assert_eq!(write(json!({"u_care_plan": "platinum"}))["u_care_plan"], "2");
    assert_eq!(write(json!({"u_care_plan": ""}))["u_care_plan"], "2");
    // Nothing changed, so the counter stands.
    assert_eq!(write(json!({"u_care_plan": "2"}))["sys_mod_count"], "1");
    assert_eq!(write(json!({"u_last_visit": "2025-03-01T09:00:00Z"}))["u_last_visit"], "");
    assert_eq!(write(json!({"u_last_visit": "2025-03-01 09:00:00"}))["u_last_visit"], "2025-03-01 09:00:00");
    instance.configure(|settings| settings.choice_allow_non_existing_value = true);
    assert_eq!(write(json!({"u_care_plan": "platinum"}))["u_care_plan"], "platinum");
}

#[test]
fn input_display_values_are_resolved_and_times_are_local() {
    let instance = with_rows(1);
    let target = format!("/api/now/table/u_patient_record/{}?sysparm_input_display_value=true", key(1));
    let body =
        json!({"u_care_plan": "In review", "u_last_visit": "2025-03-01 01:00:00", "u_clinician": "EHR Sync"});
    let row = read(&call(&instance, Method::PUT, &target, Some(body)))["result"].clone();
    assert_eq!(row["u_care_plan"], "in_review");
    assert_eq!(row["u_last_visit"], "2025-03-01 09:00:00");
    assert_eq!(row["u_clinician"]["value"], json!(instance.rows("sys_user", "user_name=ehr.sync")[0].0));
}

#[test]
fn put_is_the_same_partial_update_as_patch() {
    let instance = with_rows(1);
    let target = format!("/api/now/table/u_patient_record/{}", key(1));
    let row =
        read(&call(&instance, Method::PUT, &target, Some(json!({"u_breed": "Beagle"}))))["result"].clone();
    assert_eq!(row["u_patient_name"], "Pet1");
    assert_eq!(row["u_breed"], "Beagle");
}

#[test]
fn a_created_row_has_a_location_and_of_an_array_only_the_first_element_counts() {
    let instance = instance();
    let body = json!([{"u_patient_name": "First"}, {"u_patient_name": "Second"}]);
    let reply = call(&instance, Method::POST, "/api/now/table/u_patient_record", Some(body));
    assert_eq!(reply.status, StatusCode::CREATED);
    let row = read(&reply)["result"].clone();
    assert_eq!(row["u_patient_name"], "First");
    assert_eq!(row["u_active"], "true", "defaults");
    let sys_id = row["sys_id"].as_str().unwrap();
    assert_eq!(
        header(&reply, "location"),
        Some(&*format!("https://servicenow.test/api/now/table/u_patient_record/{sys_id}"))
    );
    assert!(sys_id.len() == 32 && sys_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    assert_eq!(instance.row_count("u_patient_record"), 1);
}

#[test]
fn a_unique_index_refuses_a_second_row_with_the_same_key() {
    let instance = instance();
    let post =
        || call(&instance, Method::POST, "/api/now/table/u_patient_record", Some(json!({"u_ehr_id": "p-1"})));
    assert_eq!(post().status, StatusCode::CREATED);
    let refused = post();
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("Unique Key violation"));
    assert_eq!(instance.row_count("u_patient_record"), 1);
}

#[test]
fn business_rules_abort_default_and_change_again_later() {
    let instance = with_rows(1);
    let rule = |name: &str, event, condition: &str, action| BusinessRule {
        name: name.to_owned(),
        table: "u_patient_record".to_owned(),
        event,
        condition: condition.to_owned(),
        action,
    };
    let set = |column: &str, value: &str| RuleAction::Set(vec![(column.to_owned(), value.to_owned())]);
    instance.add_business_rule(rule(
        "No ghosts",
        RuleEvent::BeforeUpdate,
        "u_patient_name=Ghost",
        RuleAction::Abort,
    ));
    instance.add_business_rule(rule(
        "Coat",
        RuleEvent::BeforeInsert,
        "u_coat_colourISEMPTY",
        set("u_coat_colour", "unknown"),
    ));
    instance.add_business_rule(rule(
        "Later",
        RuleEvent::Async,
        "u_patient_name=Slow",
        set("u_insurance_policy", "PET-1"),
    ));
    let target = format!("/api/now/table/u_patient_record/{}", key(1));
    let refused = call(&instance, Method::PATCH, &target, Some(json!({"u_patient_name": "Ghost"})));
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let body = read(&refused);
    assert_eq!(body["error"]["message"], "Operation Failed");
    let detail = body["error"]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with(
            "Operation against file 'u_patient_record' was aborted by Business Rule 'No ghosts^"
        )
    );
    let created = call(
        &instance,
        Method::POST,
        "/api/now/table/u_patient_record",
        Some(json!({"u_patient_name": "Slow"})),
    );
    let created = read(&created)["result"].clone();
    assert_eq!(created["u_coat_colour"], "unknown");
    assert_eq!(created["u_insurance_policy"], "");
    assert_eq!(instance.run_async_rules(), 1);
    let later = instance.row("u_patient_record", created["sys_id"].as_str().unwrap()).unwrap();
    assert_eq!((later["u_insurance_policy"].as_str(), later["sys_mod_count"].as_str()), ("PET-1", "1"));
}

#[test]
fn a_deleted_row_is_gone_and_leaves_an_audit_row() {
    let instance = with_rows(1);
    let target = format!("/api/now/table/u_patient_record/{}", key(1));
    let reply = call(&instance, Method::DELETE, &target, None);
    assert_eq!((reply.status, reply.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(call(&instance, Method::GET, &target, None).status, StatusCode::NOT_FOUND);
    let audit = call(
        &instance,
        Method::GET,
        "/api/now/table/sys_audit_delete?sysparm_query=tablename=u_patient_record",
        None,
    );
    let audit = read(&audit)["result"][0].clone();
    assert_eq!((audit["documentkey"].as_str().unwrap(), &audit["user"]), (&*key(1), &json!("ehr.sync")));
}

#[test]
fn bodies_can_be_left_out_and_methods_overridden() {
    let instance = with_rows(1);
    let target = format!("/api/now/table/u_patient_record/{}", key(1));
    let request = |method: Method| {
        Request::new(method, &target)
            .header("authorization", &format!("Basic {}", STANDARD.encode("ehr.sync:secret")))
            .header("accept", "application/json")
            .header("content-type", "application/json")
    };
    let silent = instance
        .answer(&request(Method::PATCH).header("x-no-response-body", "true").body("{\"u_breed\":\"Pug\"}"));
    assert_eq!((silent.status, silent.body.len()), (StatusCode::OK, 0));
    let renamed = instance.answer(
        &request(Method::POST).header("x-http-method-override", "PATCH").body("{\"u_breed\":\"Boxer\"}"),
    );
    assert_eq!(renamed.status, StatusCode::OK);
    assert_eq!(instance.row("u_patient_record", &key(1)).unwrap()["u_breed"], "Boxer");
    let head = instance.answer(&request(Method::HEAD));
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
}

#[test]
fn the_dictionary_describes_the_columns() {
    let instance = instance();
    instance.define_table(&TableSchema::new(
        "x_clinic_pet",
        "name",
        vec![Column::new("name", "Name", ColumnType::Text), Column::new("born", "Born", ColumnType::Date)],
    ));
    let reply = call(
        &instance,
        Method::GET,
        "/api/now/table/sys_dictionary?sysparm_query=name=x_clinic_pet^elementINname,born&sysparm_fields=element,internal_type,max_length",
        None,
    );
    let mut rows = read(&reply)["result"].as_array().unwrap().clone();
    rows.sort_by_key(|row| row["element"].as_str().unwrap().to_owned());
    assert_eq!(
        rows,
        [
            json!({"element": "born", "internal_type": "glide_date", "max_length": "0"}),
            json!({"element": "name", "internal_type": "string", "max_length": "255"}),
        ]
    );
}

#[test]
fn counts_come_grouped_or_in_one() {
    let instance = with_rows(3);
    instance.edit_row_unseen("u_patient_record", &key(1), &[("u_species", "Dog")]);
    let reply = call(&instance, Method::GET, "/api/now/stats/u_patient_record?sysparm_count=true", None);
    assert_eq!(read(&reply), json!({"result": {"stats": {"count": "3"}}}));
    let reply = call(
        &instance,
        Method::GET,
        "/api/now/stats/u_patient_record?sysparm_count=true&sysparm_group_by=u_species",
        None,
    );
    assert_eq!(
        read(&reply)["result"],
        json!([
            {"stats": {"count": "2"}, "groupby_fields": [{"field": "u_species", "value": ""}]},
            {"stats": {"count": "1"}, "groupby_fields": [{"field": "u_species", "value": "Dog"}]},
        ])
    );
}

#[test]
fn a_batch_carries_each_item_out_and_answers_200_even_if_one_fails() {
    let instance = with_rows(1);
    let body = json!({"batch_request_id": "b1", "rest_requests": [
        {"id": "1", "method": "GET", "url": format!("/api/now/table/u_patient_record/{}", key(1)), "exclude_response_headers": true},
        {"id": "2", "method": "GET", "url": "/api/now/table/u_nothing"},
        {"id": "3", "method": "PATCH", "url": format!("/api/now/table/u_patient_record/{}", key(1)),
         "headers": [{"name": "Content-Type", "value": "application/json"}], "body": STANDARD.encode("{\"u_breed\":\"Pug\"}")},
        {"id": "4", "method": "POST", "url": "/api/now/v1/batch", "body": ""},
    ]});
    let reply = call(&instance, Method::POST, "/api/now/v1/batch", Some(body));
    assert_eq!(reply.status, StatusCode::OK);
    let reply = read(&reply);
    let codes: Vec<_> = reply["serviced_requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status_code"].as_u64())
        .collect();
    assert_eq!(codes, [Some(200), Some(400), Some(200)]);
    assert_eq!(reply["unserviced_requests"], json!(["4"]));
    assert!(reply["serviced_requests"][0].get("headers").is_none());
    let inner = STANDARD.decode(reply["serviced_requests"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&inner).unwrap()["result"]["u_patient_name"], "Pet1");
    assert_eq!(instance.row("u_patient_record", &key(1)).unwrap()["u_breed"], "Pug");
}

#[test]
fn rate_limits_tell_limit_and_reset_but_never_what_remains() {
    let instance = with_rows(1);
    instance.configure(|settings| settings.rate_limit_per_hour = Some(1));
    let (_, first) = list(&instance, "");
    assert_eq!(header(&first, "x-ratelimit-limit"), Some("1"));
    assert_eq!(header(&first, "x-ratelimit-reset"), Some("1740823200"));
    assert!(header(&first, "x-ratelimit-rule").is_some());
    assert!(header(&first, "x-ratelimit-remaining").is_none());
    let refused = call(&instance, Method::GET, "/api/now/table/u_patient_record", None);
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "retry-after"), Some("2836"));
    assert_eq!(read(&refused)["error"]["message"], "Rate limit exceeded");
}

#[test]
fn status_200_can_carry_an_error_or_half_a_document() {
    let instance = with_rows(4);
    instance.faults.add(PlannedFault::once(Fault::ErrorInBody));
    let (rows, reply) = list(&instance, "");
    assert_eq!(rows.len(), 2);
    assert_eq!(read(&reply)["error"]["message"], "Transaction cancelled: maximum execution time exceeded");
    instance.faults.add(PlannedFault::once(Fault::TruncatedJson));
    let cut = call(&instance, Method::GET, "/api/now/table/u_patient_record", None);
    assert_eq!(cut.status, StatusCode::OK);
    assert!(serde_json::from_slice::<Value>(&cut.body).is_err());
    instance.faults.add(PlannedFault::once(Fault::HtmlPage { status: 200 }));
    let page = call(&instance, Method::GET, "/api/now/table/u_patient_record", None);
    assert!(header(&page, "content-type").unwrap().starts_with("text/html"));
    assert_eq!(list(&instance, "").0.len(), 4, "each fault met one request");
}

#[test]
fn planned_faults_skip_repeat_and_end() {
    let instance = with_rows(1);
    instance.faults.add(
        PlannedFault::always(Fault::TooManyRequests { retry_after_s: Some(7) })
            .method("GET")
            .path("u_patient")
            .after(1)
            .times(2),
    );
    let ask = || call(&instance, Method::GET, "/api/now/table/u_patient_record", None);
    let codes: Vec<u16> = (0..4).map(|_| ask().status.as_u16()).collect();
    assert_eq!(codes, [200, 429, 429, 200]);
    instance.faults.add(PlannedFault { every: 2, ..PlannedFault::always(Fault::Unauthorized) });
    let codes: Vec<u16> = (0..4).map(|_| ask().status.as_u16()).collect();
    assert_eq!(codes, [401, 200, 401, 200]);
    instance.faults.clear();
    assert_eq!(ask().status.as_u16(), 200);
}
