//! What the simulated ServiceNow is asked.

use super::text;
use http::Method;
use simulator::Clock;
use simulator::servicenow::query::parse;
use simulator::servicenow::{Instance, User};
use simulator::wire::Request;
use std::sync::LazyLock;

const TABLE: &str = "u_patient_record";

static INSTANCE: LazyLock<Instance> = LazyLock::new(|| {
    let instance = Instance::new(Clock::fixed(1_740_820_364_000), 7);
    for number in 1..=5 {
        instance.insert_row(
            TABLE,
            &[
                ("sys_id", format!("{number:032x}").as_str()),
                ("u_patient_name", format!("Pet{number}").as_str()),
                ("u_owner_phone", "555-0100"),
            ],
            "admin",
        );
    }
    instance
});

/// An encoded query is read and answered from a small table: never with a row twice, never in an order it did not ask
/// for by more than one answer.
pub fn encoded_query(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let query = parse(text);
    let conditions: usize = query.groups.iter().flat_map(|group| &group.all).map(Vec::len).sum();
    assert!(conditions + query.order.len() + query.dropped.len() <= text.split('^').count() + 1);
    let rows = INSTANCE.rows(TABLE, text);
    let mut keys: Vec<&String> = rows.iter().map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), rows.len(), "a row comes once");
    assert_eq!(rows, INSTANCE.rows(TABLE, text), "the same question has the same answer");
}

/// A request: its first line is a method and a target, the lines up to an empty one are headers, the rest is the body.
pub fn simulated_requests(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap_or_default().split_once(' ').unwrap_or(("GET", "/"));
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    if target.parse::<http::Uri>().is_err() {
        return;
    }
    let mut request = Request::new(method, target).body(body.to_owned());
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    // The instance of a request that may write is its own: what follows does not depend on what came before.
    let own = Instance::new(Clock::fixed(1_740_820_364_000), 7);
    own.add_user(User {
        user_name: "ehr.sync".to_owned(),
        password: "secret".to_owned(),
        name: "EHR Sync".to_owned(),
        email: "sync@example.test".to_owned(),
        zone: chrono_tz::UTC,
    });
    own.insert_row(TABLE, &[("sys_id", &format!("{:032x}", 1)), ("u_patient_name", "Pet1")], "admin");
    let reply = own.answer(&request);
    assert!((200..600).contains(&reply.status.as_u16()));
}
