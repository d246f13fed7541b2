//! An EHR with two patients and a practitioner, and what all tests of visits ask of it.

use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use record::Json;
use serde_json::{Value, json};
use simulator::ehr::Ehr;
use simulator::idp::{BackendClient, IdentityProvider};
use simulator::wire::{Reply, Request};
use simulator::{Clock, SigningKey};
use std::sync::Arc;

pub(crate) const NOW_MS: i64 = 1_740_820_364_120;
pub(crate) const SYSTEM: &str = "https://hospital.test/u_treatment/version";

pub(crate) struct Desk {
    pub(crate) ehr: Ehr,
    pub(crate) clock: Clock,
    token: String,
}

pub(crate) fn json_of(value: &Value) -> Json {
    Json::parse(&value.to_string()).unwrap()
}

pub(crate) fn desk_with(scope: &str) -> Desk {
    let idp = Arc::new(IdentityProvider::new(Clock::fixed(NOW_MS), 1));
    let key = SigningKey::p384("e").unwrap();
    idp.add_client(BackendClient {
        client_id: "vetsync".to_owned(),
        keys: SigningKey::set(&[&key]),
        scope: scope.to_owned(),
    });
    let mut header = Header::new(Algorithm::ES384);
    header.kid = Some("e".to_owned());
    let claims = json!({
        "iss": "vetsync", "sub": "vetsync", "aud": idp.token_url(), "exp": NOW_MS / 1_000 + 300, "jti": "1",
    });
    let key = EncodingKey::from_ec_pem(key.private_key_pem.as_bytes()).unwrap();
    let signed = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    let body = format!(
        "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={signed}"
    );
    let request = Request::new(Method::POST, "/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let reply: Value = serde_json::from_slice(&idp.answer(&request).body).unwrap();
    let token = reply["access_token"].as_str().unwrap().to_owned();
    let clock = Clock::fixed(NOW_MS);
    let ehr = Ehr::new(clock.clone(), idp);
    let patient = json!({"resourceType": "Patient", "name": [{"given": ["Bella"]}]});
    let chart = simulator::ehr::Chart { patient: json_of(&patient), allergies: Vec::new() };
    ehr.put_chart("p-1", chart.clone(), None);
    ehr.put_chart("p-2", chart, None);
    ehr.put_practitioner(
        "dr-lee",
        json_of(&json!({"resourceType": "Practitioner", "name": [{"text": "Dr Lee"}]})),
        None,
    );
    Desk { ehr, clock, token }
}

pub(crate) fn desk() -> Desk {
    desk_with("system/*.cruds")
}

impl Desk {
    pub(crate) fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = Request::new(method, target)
            .header("authorization", &format!("Bearer {}", self.token))
            .header("content-type", "application/fhir+json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        self.ehr.answer(&request)
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.send(Method::GET, target, &[], None)
    }

    pub(crate) fn book(&self, body: &Value) -> Reply {
        self.send(Method::POST, "/api/v1/appointments", &[], Some(body))
    }

    pub(crate) fn treat(&self, body: &Value) -> Reply {
        self.send(Method::POST, "/api/v1/treatments", &[], Some(body))
    }
}

pub(crate) fn read(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

pub(crate) fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The texts of an `OperationOutcome`'s issues.
pub(crate) fn issues(reply: &Reply) -> String {
    let outcome = read(reply);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    outcome["issue"].to_string()
}

pub(crate) fn ids(reply: &Reply) -> Vec<String> {
    let entries = read(reply)["entry"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match")
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
        .collect()
}
