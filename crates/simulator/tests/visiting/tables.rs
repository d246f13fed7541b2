//! The tables of appointments, treatments and bills.

use crate::support::{NOW_MS, read};
use http::Method;
use serde_json::{Value, json};
use simulator::Clock;
use simulator::servicenow::{Instance, User};
use simulator::wire::Request;

struct Platform {
    instance: Instance,
    patient: String,
    clinician: String,
}

fn platform() -> Platform {
    let instance = Instance::new(Clock::fixed(NOW_MS), 1);
    let clinician = instance.add_user(User {
        user_name: "lee".to_owned(),
        password: "secret".to_owned(),
        name: "Dr Lee".to_owned(),
        email: "lee@hospital.test".to_owned(),
        zone: chrono_tz::UTC,
    });
    let patient = instance.insert_row("u_patient_record", &[("u_patient_name", "Bella")], "desk").unwrap();
    Platform { instance, patient, clinician }
}

impl Platform {
    fn call(&self, method: Method, target: &str, body: Option<&Value>) -> Value {
        use base64::Engine as _;
        let login = base64::engine::general_purpose::STANDARD.encode("lee:secret");
        let mut request = Request::new(method, &format!("/api/now/table/{target}"))
            .header("authorization", &format!("Basic {login}"))
            .header("accept", "application/json")
            .header("content-type", "application/json");
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        read(&self.instance.answer(&request))
    }

    fn book(&self) -> String {
        let row = json!({
            "u_patient": self.patient, "u_appointment_date": "2025-03-10 14:30:00", "u_duration_minutes": "30",
            "u_appointment_type": "vaccination", "u_assigned_clinician": self.clinician, "u_ehr_id": "ap-1",
        });
        self.call(Method::POST, "u_appointment", Some(&row))["result"]["sys_id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn appointments_and_treatments_are_tables_with_a_dictionary_and_choices() {
    let platform = platform();
    for (table, element, kind, refers) in [
        ("u_appointment", "u_patient", "reference", "u_patient_record"),
        ("u_appointment", "u_assigned_clinician", "reference", "sys_user"),
        ("u_appointment", "u_appointment_date", "glide_date_time", ""),
        ("u_appointment", "u_duration_minutes", "integer", ""),
        ("u_appointment", "u_appointment_status", "choice", ""),
        ("u_treatment", "u_patient", "reference", "u_patient_record"),
        ("u_treatment", "u_clinician", "reference", "sys_user"),
        ("u_treatment", "u_diagnosis", "string", ""),
    ] {
        let query = format!("sys_dictionary?sysparm_query=name={table}^element={element}");
        let row = &platform.call(Method::GET, &query, None)["result"][0];
        assert_eq!(
            (row["internal_type"].as_str(), row["reference"].as_str()),
            (Some(kind), Some(refers)),
            "{element}"
        );
    }
    let query = "sys_choice?sysparm_query=name=u_appointment^element=u_appointment_status^ORDERBYsequence";
    let choices = platform.call(Method::GET, query, None);
    let values: Vec<&str> =
        choices["result"].as_array().unwrap().iter().map(|row| row["value"].as_str().unwrap()).collect();
    assert!(values.contains(&"scheduled") && values.contains(&"no_show"), "{values:?}");
}

#[test]
fn an_appointment_row_refuses_and_counts_like_any_other() {
    let platform = platform();
    let key = platform.book();
    let target = format!("u_appointment/{key}?sysparm_display_value=all");
    let row = platform.call(Method::GET, &target, None)["result"].clone();
    assert_eq!(row["u_patient"]["display_value"], "Bella");
    assert_eq!(row["u_assigned_clinician"]["display_value"], "Dr Lee");
    assert_eq!(row["u_appointment_status"]["value"], "scheduled", "the default");
    let patch = |body: Value| {
        let row = platform.call(Method::PATCH, &format!("u_appointment/{key}"), Some(&body));
        (row["result"]["u_appointment_status"].clone(), row["result"]["sys_mod_count"].clone())
    };
    assert_eq!(patch(json!({"u_appointment_status": "confirmed"})), (json!("confirmed"), json!("1")));
    assert_eq!(
        patch(json!({"u_appointment_status": "booked"})),
        (json!("confirmed"), json!("1")),
        "not in the list"
    );
    assert_eq!(
        patch(json!({"u_appointment_status": ""})),
        (json!("confirmed"), json!("1")),
        "a choice does not clear"
    );
    assert_eq!(patch(json!({"sys_mod_count": "9"})), (json!("confirmed"), json!("1")));

    let twin = json!({"u_patient": platform.patient, "u_ehr_id": "ap-1"});
    let refused = platform.call(Method::POST, "u_appointment", Some(&twin));
    assert!(refused["error"]["detail"].as_str().unwrap().contains("Unique Key violation"));

    assert!(platform.instance.delete_row("u_appointment", &key, "desk"));
    let deleted = platform.call(
        Method::GET,
        &format!("sys_audit_delete?sysparm_query=tablename=u_appointment^documentkey={key}"),
        None,
    );
    assert_eq!(deleted["result"].as_array().unwrap().len(), 1);
    assert!(deleted["result"][0]["payload"].as_str().unwrap().contains("<u_duration_minutes>30<"));
}

#[test]
fn a_bill_is_made_once_by_its_key() {
    let platform = platform();
    let bill = json!({"u_billing_key": "t-1 XR 1", "u_amount": "84.50", "u_currency": "USD"});
    let made = platform.call(Method::POST, "u_billing_record", Some(&bill));
    assert_eq!(
        (&made["result"]["u_amount"], &made["result"]["u_billing_status"]),
        (&json!("84.50"), &json!("open"))
    );
    let again = platform.call(Method::POST, "u_billing_record", Some(&bill));
    assert!(again["error"]["detail"].as_str().unwrap().contains("Unique Key violation"));
}

/// What tests and seeds rely on: the tables of visits take no id away from what is made later.
#[test]
fn the_further_tables_do_not_move_the_ids_of_what_is_made() {
    let instance = Instance::new(Clock::fixed(NOW_MS), 1);
    let made = instance.insert_row("u_patient_record", &[], "desk").unwrap();
    assert_eq!(made, "0c6cd307958f32261c3abfb33a11d7e7");
}
