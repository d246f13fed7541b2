//! Appointments of the EHR.

use crate::support::{Desk, NOW_MS, desk, desk_with, header, ids, issues, json_of, read};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::ehr::{Dialect, ListShape};

fn appointment(patient: &str, start: &str, end: &str) -> Value {
    json!({
        "resourceType": "Appointment", "status": "booked", "start": start, "end": end, "minutesDuration": 30,
        "identifier": [{"system": "https://hospital.test/u_appointment", "value": "aa11"}],
        "serviceType": [{"text": "Vaccination"}], "reasonCode": [{"text": "Annual booster"}],
        "participant": [
            {"actor": {"reference": format!("Patient/{patient}")}, "status": "accepted"},
            {"type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PPRF"}]}],
             "actor": {"reference": "Practitioner/dr-lee"}, "status": "accepted"},
        ],
    })
}

fn usual() -> Value {
    appointment("p-1", "2025-03-10T14:30:00Z", "2025-03-10T15:00:00Z")
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name);
    body
}

#[test]
fn an_appointment_is_created_read_and_replaced_under_its_version() {
    let desk = desk();
    let made = desk.book(&usual());
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let location = header(&made, "location").to_owned();
    assert!(location.ends_with("/_history/1"), "{location}");
    let id = read(&made)["id"].as_str().unwrap().to_owned();
    let target = format!("/api/v1/appointments/{id}");
    let shown = desk.get(&target);
    assert_eq!((header(&shown, "etag"), &read(&shown)["meta"]["versionId"]), ("W/\"1\"", &json!("1")));

    let moved = with(read(&shown), "comment", json!("owner asked for the afternoon"));
    let put =
        |version: &str, body: &Value| desk.send(Method::PUT, &target, &[("if-match", version)], Some(body));
    assert_eq!(put("W/\"1\"", &moved).status, StatusCode::OK);
    assert_eq!(put("W/\"1\"", &moved).status, StatusCode::PRECONDITION_FAILED, "the version moved");
    desk.ehr.speak(|dialect| dialect.stale_status = 409);
    assert_eq!(put("W/\"1\"", &moved).status, StatusCode::CONFLICT);
    desk.ehr.speak(|dialect| dialect.if_match_required = true);
    assert_eq!(desk.send(Method::PUT, &target, &[], Some(&moved)).status, StatusCode::BAD_REQUEST);
    assert_eq!(put("W/\"2\"", &with(moved.clone(), "id", json!("other"))).status, StatusCode::BAD_REQUEST);

    assert!(desk.ehr.delete_appointment(&id));
    assert_eq!(desk.get(&target).status, StatusCode::GONE);
    desk.ehr.speak(|dialect| dialect.remembers_deleted = false);
    assert_eq!(desk.get(&target).status, StatusCode::NOT_FOUND);
}

#[test]
fn a_conditional_create_writes_once_and_refuses_what_is_not_one() {
    let desk = desk();
    let condition = ("if-none-exist", "identifier=https%3A%2F%2Fhospital.test%2Fu_appointment%7Caa11");
    let book = || desk.send(Method::POST, "/api/v1/appointments", &[condition], Some(&usual()));
    assert_eq!(book().status, StatusCode::CREATED);
    let again = book();
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(desk.ehr.appointment_ids().len(), 1);
    assert_eq!(read(&again)["meta"]["versionId"], "1", "nothing was written");

    desk.ehr.speak(|dialect| dialect.if_none_exist = false);
    assert_eq!(book().status, StatusCode::CREATED, "an EHR that ignores the header writes a second one");
    desk.ehr.speak(|dialect| dialect.if_none_exist = true);
    assert_eq!(book().status, StatusCode::PRECONDITION_FAILED, "two carry it now");
    let condition = ("if-none-exist", "patient=p-1");
    let asked = desk.send(Method::POST, "/api/v1/appointments", &[condition], Some(&usual()));
    assert_eq!(asked.status, StatusCode::BAD_REQUEST);
}

#[test]
fn the_invariants_of_appointments_are_held() {
    let desk = desk();
    let refused = |body: &Value, status: u16, words: &str| {
        let reply = desk.book(body);
        let said = issues(&reply);
        assert_eq!(reply.status.as_u16(), status, "{words}: {said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    refused(&with(usual(), "participant", json!([{"status": "accepted"}])), 422, "app-1");
    refused(&without(usual(), "end"), 422, "app-2");
    refused(&without(without(usual(), "start"), "end"), 422, "app-3");
    refused(&with(usual(), "cancelationReason", json!({"text": "owner ill"})), 422, "app-4");
    refused(&without(usual(), "status"), 400, "required");
    refused(&without(usual(), "participant"), 400, "required");
    refused(&with(usual(), "participant", json!([])), 400, "array must not be empty");
    refused(&with(usual(), "status", json!("canceled")), 422, "required value set");
    refused(&with(usual(), "minutesDuration", json!(0)), 400, "not a whole number in range");
    refused(&with(usual(), "start", json!("2025-03-10T14:30")), 400, "not a valid instant");
    refused(&with(usual(), "subject", json!({"reference": "Patient/p-1"})), 400, "unknown property");
    refused(
        &appointment("p-1", "2025-03-10T15:00:00Z", "2025-03-10T14:00:00Z"),
        422,
        "ends before it starts",
    );
    refused(&appointment("p-99", "2025-03-10T14:30:00Z", "2025-03-10T15:00:00Z"), 422, "leads to nothing");
    assert!(desk.ehr.appointment_ids().is_empty(), "what is refused is not stored");

    let proposed = without(without(with(usual(), "status", json!("proposed")), "start"), "end");
    assert_eq!(desk.book(&proposed).status, StatusCode::CREATED);
    let cancelled =
        with(with(usual(), "status", json!("cancelled")), "cancelationReason", json!({"text": "owner ill"}));
    assert_eq!(desk.book(&cancelled).status, StatusCode::CREATED);
}

#[test]
fn one_practitioner_may_be_held_to_one_appointment_at_a_time() {
    let desk = desk();
    assert_eq!(desk.book(&usual()).status, StatusCode::CREATED);
    assert_eq!(desk.book(&usual()).status, StatusCode::CREATED, "most systems let it pass");
    desk.ehr.speak(|dialect| dialect.refuses_double_booking = true);
    let overlapping = appointment("p-2", "2025-03-10T14:45:00Z", "2025-03-10T15:15:00Z");
    let refused = desk.book(&overlapping);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(issues(&refused).contains("business-rule"));
    let next = appointment("p-2", "2025-03-10T15:00:00Z", "2025-03-10T15:30:00Z");
    assert_eq!(desk.book(&next).status, StatusCode::CREATED, "one ends where the next begins");
    let cancelled = with(overlapping, "status", json!("cancelled"));
    assert_eq!(desk.book(&cancelled).status, StatusCode::CREATED, "what is called off takes no time");
}

/// Five appointments, an hour and a second of change apart; the odd ones are the second patient's.
fn calendar() -> Desk {
    let desk = desk();
    for number in 0..5_i64 {
        let patient = if number % 2 == 0 { "p-1" } else { "p-2" };
        let mut body = appointment(
            patient,
            &format!("2025-03-10T{:02}:00:00+01:00", 9 + number),
            &format!("2025-03-10T{:02}:30:00+01:00", 9 + number),
        );
        body["identifier"][0]["value"] = json!(format!("row-{number}"));
        desk.ehr.put_appointment(&format!("ap-{number}"), json_of(&body), Some(NOW_MS + 1_000 * number));
    }
    desk
}

#[test]
fn appointments_are_searched_by_patient_actor_date_change_and_identifier() {
    let desk = calendar();
    let found = |query: &str| ids(&desk.get(&format!("/api/v1/appointments?{query}")));
    assert_eq!(found("patient=Patient/p-2"), ["ap-1", "ap-3"]);
    assert_eq!(found("patient=p-1&date=ge2025-03-10T09:00:00Z"), ["ap-2", "ap-4"], "09:00Z is 10:00+01:00");
    assert_eq!(found("actor=Practitioner%2Fdr-lee").len(), 5);
    assert_eq!(found("date=ge2025-03-10T08:00:00Z&date=lt2025-03-10T10:00:00Z"), ["ap-0", "ap-1"]);
    assert_eq!(found("identifier=https%3A%2F%2Fhospital.test%2Fu_appointment%7Crow-3"), ["ap-3"]);
    assert_eq!(found("_lastUpdated=ge2025-03-01T09:12:47Z"), ["ap-3", "ap-4"]);
    assert_eq!(found("_id=ap-2"), ["ap-2"]);
    assert_eq!(found("status=booked,arrived").len(), 5);
    assert!(found("patient=nobody").is_empty());

    let all = |change: fn(&mut Dialect), query: &str| {
        desk.ehr.speak(|dialect| {
            *dialect = Dialect::default();
            change(dialect);
        });
        let reply = desk.get(&format!("/api/v1/appointments?{query}"));
        let own = &read(&reply)["link"][0]["url"];
        assert!(!own.as_str().unwrap().contains(query), "what is ignored is not echoed: {own}");
        assert_eq!(ids(&reply).len(), 5, "{query}");
    };
    all(|dialect| dialect.visit_search = false, "patient=p-2");
    all(|dialect| dialect.identifier_search = false, "identifier=x%7Crow-3");
    all(|dialect| dialect.last_updated_search = false, "_lastUpdated=ge2999-01-01");
    all(|dialect| dialect.id_search = false, "_id=ap-2");
}

#[test]
fn pages_of_appointments_show_each_once_and_count_them() {
    let desk = calendar();
    let mut target = "/api/v1/appointments?_count=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = desk.get(&target);
        let body = read(&page);
        assert_eq!(body["total"], 5);
        seen.extend(ids(&page));
        let next = body["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").cloned();
        match next {
            Some(next) => target = next["url"].as_str().unwrap().replace("https://ehr.test", ""),
            None => break,
        }
    }
    assert_eq!(seen, ["ap-0", "ap-1", "ap-2", "ap-3", "ap-4"]);
    let counted = read(&desk.get("/api/v1/appointments?_summary=count&patient=p-2"));
    assert_eq!((&counted["total"], counted.get("entry")), (&json!(2), None));

    desk.ehr.speak(|dialect| dialect.list = ListShape::Array);
    assert_eq!(read(&desk.get("/api/v1/appointments")).as_array().unwrap().len(), 5);
    desk.ehr.speak(|dialect| dialect.list = ListShape::DataNext);
    let data = read(&desk.get("/api/v1/appointments?_count=4"));
    assert_eq!(data["data"].as_array().unwrap().len(), 4);
    assert!(data["next"].as_str().unwrap().contains("/appointments?cursor="));
}

#[test]
fn reading_one_is_an_ability_and_practitioners_are_only_read() {
    let desk = calendar();
    desk.ehr.speak(|dialect| dialect.appointment_by_id = false);
    assert_eq!(desk.get("/api/v1/appointments/ap-1").status, StatusCode::NOT_FOUND, "no such route");
    assert_eq!(ids(&desk.get("/api/v1/practitioners")), ["dr-lee"]);
    assert_eq!(read(&desk.get("/api/v1/practitioners/dr-lee"))["name"][0]["text"], "Dr Lee");
    let posted = desk.send(Method::POST, "/api/v1/practitioners", &[], Some(&json!({})));
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    desk.ehr.speak(|dialect| dialect.practitioners = false);
    assert_eq!(desk.get("/api/v1/practitioners").status, StatusCode::NOT_FOUND);
    let patients_only = desk_with("system/Patient.cruds");
    assert_eq!(patients_only.get("/api/v1/appointments").status, StatusCode::FORBIDDEN);
}
