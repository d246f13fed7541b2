//! The whole simulation over real sockets: TLS 1.3, sign-in, lists, writes.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use simulator::{Clock, Options, Running, Simulation};

const NOW_MS: i64 = 1_772_000_000_000;

async fn start() -> Running {
    let options = Options { patients: 60, clock: Clock::fixed(NOW_MS), ..Options::default() };
    Simulation::start(options).await.unwrap()
}

fn client(running: &Running) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(running.ca_pem.as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([ca])
        .tls_version_min(reqwest::tls::Version::TLS_1_3)
        .build()
        .unwrap()
}

async fn ehr_token(client: &reqwest::Client, running: &Running, jti: &str, algorithm: Algorithm) -> Value {
    let login = &running.credentials.ehr;
    let (kid, key) = match algorithm {
        Algorithm::ES384 => {
            (&login.es384_key_id, EncodingKey::from_ec_pem(login.es384_private_key_pem.as_bytes()).unwrap())
        }
        _ => {
            (&login.rs384_key_id, EncodingKey::from_rsa_pem(login.rs384_private_key_pem.as_bytes()).unwrap())
        }
    };
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.clone());
    let claims = json!({
        "iss": login.client_id, "sub": login.client_id, "aud": login.token_url,
        "exp": NOW_MS / 1000 + 200, "jti": jti,
    });
    let assertion = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "system/Patient.cruds"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    client.post(&login.token_url).form(&form).send().await.unwrap().json().await.unwrap()
}

async fn servicenow_token(client: &reqwest::Client, running: &Running) -> String {
    let login = &running.credentials.servicenow;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", login.client_id.as_str()),
        ("client_secret", login.client_secret.as_str()),
    ];
    let reply: Value = client.post(&login.token_url).form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["expires_in"], 1799);
    reply["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn servicenow_is_read_and_written_over_tls() {
    let running = start().await;
    let client = client(&running);
    let token = servicenow_token(&client, &running).await;
    let table = format!("{}/api/now/table/u_patient_record", running.servicenow_url);
    let list = client
        .get(&table)
        .query(&[("sysparm_limit", "5"), ("sysparm_query", "ORDERBYsys_id")])
        .header("accept", "application/json")
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(list.status(), 200);
    let total: usize = list.headers()["x-total-count"].to_str().unwrap().parse().unwrap();
    assert_eq!(total, running.control.servicenow.row_count("u_patient_record"));
    let list: Value = list.json().await.unwrap();
    let key = list["result"][0]["sys_id"].as_str().unwrap().to_owned();
    let before = running.control.servicenow.row("u_patient_record", &key).unwrap();
    let changed = client
        .patch(format!("{table}/{key}"))
        .header("accept", "application/json")
        .bearer_auth(&token)
        .json(&json!({"u_owner_phone": "(415) 555-2671", "no_such_column": "x", "sys_mod_count": "99"}))
        .send()
        .await
        .unwrap();
    assert_eq!(changed.status(), 200);
    let changed: Value = changed.json().await.unwrap();
    let count: u64 = before["sys_mod_count"].parse().unwrap();
    assert_eq!(changed["result"]["sys_mod_count"], (count + 1).to_string());
    assert_eq!(changed["result"]["sys_updated_by"], "vetsync.integration");
    assert_eq!(changed["result"]["sys_updated_on"], "2026-02-25 06:13:20");
    assert!(changed["result"].get("no_such_column").is_none());
    running.stop().await;
}

#[tokio::test]
async fn the_ehr_is_read_and_written_with_both_signing_algorithms() {
    let running = start().await;
    let client = client(&running);
    for (jti, algorithm) in [("a", Algorithm::RS384), ("b", Algorithm::ES384)] {
        let token = ehr_token(&client, &running, jti, algorithm).await;
        assert_eq!(token["token_type"], "bearer", "{token}");
        let token = token["access_token"].as_str().unwrap();
        let page: Value = client
            .get(format!("{}/patients?_count=7", running.ehr_url))
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let matches =
            page["entry"].as_array().unwrap().iter().filter(|entry| entry["search"]["mode"] == "match");
        assert_eq!(matches.count(), 7);
        let id = page["entry"][0]["resource"]["id"].as_str().unwrap();
        let one =
            client.get(format!("{}/patients/{id}", running.ehr_url)).bearer_auth(token).send().await.unwrap();
        let etag = one.headers()["etag"].to_str().unwrap().to_owned();
        let mut body: Value = one.json().await.unwrap();
        body["type"] = json!("collection");
        for name in ["total", "link"] {
            body.as_object_mut().unwrap().remove(name);
        }
        for entry in body["entry"].as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().remove("search");
        }
        body["entry"][0]["resource"]["birthDate"] = json!("2019-06");
        let put = |etag: &str| {
            client
                .put(format!("{}/patients/{id}", running.ehr_url))
                .bearer_auth(token)
                .header("if-match", etag)
                .json(&body)
                .send()
        };
        let written = put(&etag).await.unwrap();
        assert_eq!(written.status(), 200);
        assert_ne!(written.headers()["etag"].to_str().unwrap(), etag);
        assert_eq!(put(&etag).await.unwrap().status(), 412);
    }
    let replayed = ehr_token(&client, &running, "a", Algorithm::RS384).await;
    assert_eq!(replayed["error"], "invalid_client");
    running.stop().await;
}

#[tokio::test]
async fn a_dropped_reply_breaks_the_connection_after_the_write() {
    let running = start().await;
    let client = client(&running);
    let token = servicenow_token(&client, &running).await;
    running
        .control
        .servicenow
        .faults
        .add(simulator::PlannedFault::once(simulator::Fault::DropReply).method("POST"));
    let table = format!("{}/api/now/table/u_patient_record", running.servicenow_url);
    let before = running.control.servicenow.row_count("u_patient_record");
    let sent = client
        .post(&table)
        .header("accept", "application/json")
        .bearer_auth(&token)
        .json(&json!({"u_patient_name": "Quill"}))
        .send()
        .await;
    let broken = match sent {
        Err(_) => true,
        Ok(reply) => reply.bytes().await.is_err(),
    };
    assert!(broken);
    assert_eq!(running.control.servicenow.row_count("u_patient_record"), before + 1);
    running.stop().await;
}

#[tokio::test]
async fn another_process_controls_it_at_sim() {
    let running = start().await;
    let client = client(&running);
    let base = format!("{}/_sim", running.ehr_url.trim_end_matches("/api/v1"));
    let planned = client
        .post(format!("{base}/idp/faults"))
        .json(&json!({"fault": {"server_error": {"status": 503}}, "times": 1}))
        .send()
        .await
        .unwrap();
    assert_eq!(planned.status(), 200);
    let refused = client.post(&running.credentials.ehr.token_url).body("").send().await.unwrap();
    assert_eq!(refused.status(), 503);
    let counts: Value = client.get(format!("{base}/idp/counts")).send().await.unwrap().json().await.unwrap();
    assert_eq!(counts["by_status"]["503"], 1);
    let edits: Value = client
        .post(format!("{base}/clinic/evolve"))
        .json(&json!({"seed": 3}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(!edits["edits"].as_array().unwrap().is_empty());
    running.stop().await;
}
