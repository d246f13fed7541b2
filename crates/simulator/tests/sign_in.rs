//! Sign-in at both servers against wire-facts 6.1 and 7.1.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use simulator::Clock;
use simulator::SigningKey;
use simulator::idp::{BackendClient, IdentityProvider};
use simulator::servicenow::{Instance, OauthClient, User};
use simulator::wire::{Reply, Request};

const NOW_MS: i64 = 1_740_820_364_000;
const NOW_S: i64 = NOW_MS / 1_000;
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn form(target: &str, fields: &[(&str, &str)]) -> Request {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    Request::new(Method::POST, target)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.join("&"))
}

fn read(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn sign(key: &SigningKey, algorithm: Algorithm, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some(key.key_id.clone());
    let pem = key.private_key_pem.as_bytes();
    let key = match algorithm {
        Algorithm::ES384 => EncodingKey::from_ec_pem(pem).unwrap(),
        _ => EncodingKey::from_rsa_pem(pem).unwrap(),
    };
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

fn instance(key: &SigningKey) -> Instance {
    let instance = Instance::new(Clock::fixed(NOW_MS), 3);
    instance.add_user(User {
        user_name: "ehr.sync".to_owned(),
        password: "secret".to_owned(),
        name: "EHR Sync".to_owned(),
        email: "sync@example.test".to_owned(),
        zone: chrono_tz::UTC,
    });
    instance.add_oauth_client(OauthClient {
        client_id: "client".to_owned(),
        client_secret: "shh".to_owned(),
        application_user: Some("ehr.sync".to_owned()),
        keys: SigningKey::set(&[key]),
        audience: "client".to_owned(),
    });
    instance
}

fn allowed(instance: &Instance, token: &str) -> bool {
    let request = Request::new(Method::GET, "/api/now/table/u_patient_record")
        .header("accept", "application/json")
        .header("authorization", &format!("Bearer {token}"));
    instance.answer(&request).status == StatusCode::OK
}

const CREDENTIALS: [(&str, &str); 3] =
    [("grant_type", "client_credentials"), ("client_id", "client"), ("client_secret", "shh")];

#[test]
fn the_same_token_comes_back_within_its_lifetime_with_what_is_left() {
    let instance = instance(&SigningKey::p384("k").unwrap());
    let ask = || read(&instance.answer(&form("/oauth_token.do", &CREDENTIALS)));
    let first = ask();
    assert_eq!(first["scope"], "useraccount");
    assert_eq!(first["token_type"], "Bearer");
    assert_eq!(first["expires_in"], 1_799);
    assert!(first.get("refresh_token").is_none());
    let token = first["access_token"].as_str().unwrap();
    assert!(allowed(&instance, token));
    instance.clock.set_skew_ms(600_000);
    let again = ask();
    assert_eq!((&again["access_token"], &again["expires_in"]), (&first["access_token"], &json!(1_199)));
    instance.clock.set_skew_ms(1_800_000);
    assert!(!allowed(&instance, token), "expired");
    assert_ne!(ask()["access_token"], first["access_token"]);
}

#[test]
fn only_a_form_body_is_read_and_grants_can_be_off() {
    let instance = instance(&SigningKey::p384("k").unwrap());
    let json_body =
        Request::new(Method::POST, "/oauth_token.do").header("content-type", "application/json").body("{}");
    assert_eq!(instance.answer(&json_body).status, StatusCode::UNAUTHORIZED);
    let in_query =
        form("/oauth_token.do?grant_type=client_credentials&client_id=client&client_secret=shh", &[]);
    assert_eq!(instance.answer(&in_query).status, StatusCode::UNAUTHORIZED);
    instance.configure(|settings| settings.client_credentials_enabled = false);
    let off = instance.answer(&form("/oauth_token.do", &CREDENTIALS));
    assert_eq!(
        (off.status, read(&off)["error"].clone()),
        (StatusCode::UNAUTHORIZED, json!("unsupported_grant_type"))
    );
}

#[test]
fn a_refresh_token_renews_and_a_revoked_token_is_dead() {
    let instance = instance(&SigningKey::p384("k").unwrap());
    let login = [
        ("grant_type", "password"),
        ("username", "ehr.sync"),
        ("password", "secret"),
        ("client_id", "client"),
        ("client_secret", "shh"),
    ];
    let first = read(&instance.answer(&form("/oauth_token.do", &login)));
    let token = first["access_token"].as_str().unwrap();
    let revoked =
        instance.answer(&Request::new(Method::GET, &format!("/oauth_revoke_token.do?token={token}")));
    assert_eq!(revoked.status, StatusCode::OK);
    assert!(!allowed(&instance, token));
    let renewal = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first["refresh_token"].as_str().unwrap()),
        ("client_id", "client"),
        ("client_secret", "shh"),
    ];
    let renewed = read(&instance.answer(&form("/oauth_token.do", &renewal)));
    assert!(allowed(&instance, renewed["access_token"].as_str().unwrap()));
    assert_eq!(renewed["refresh_token"], first["refresh_token"]);
    instance.revoke_all_tokens();
    assert!(!allowed(&instance, renewed["access_token"].as_str().unwrap()));
}

#[test]
fn a_jwt_bearer_assertion_is_for_the_client_id_fresh_and_used_once() {
    let key = SigningKey::rsa("k", Algorithm::RS256).unwrap();
    let stranger = SigningKey::rsa("k", Algorithm::RS256).unwrap();
    let instance = instance(&key);
    let claims = |aud: &str, exp: i64, jti: &str| json!({"iss": "client", "sub": "sync@example.test", "aud": aud, "exp": exp, "iat": NOW_S, "jti": jti});
    let exchange = |key: &SigningKey, claims: &Value| {
        let assertion = sign(key, Algorithm::RS256, claims);
        let fields = [
            ("grant_type", JWT_BEARER),
            ("assertion", &assertion),
            ("client_id", "client"),
            ("client_secret", "shh"),
        ];
        instance.answer(&form("/oauth_token.do", &fields))
    };
    let good = exchange(&key, &claims("client", NOW_S + 60, "1"));
    assert_eq!(good.status, StatusCode::OK, "{}", good.text());
    assert!(allowed(&instance, read(&good)["access_token"].as_str().unwrap()));
    // The claims, and who signs; each is refused.
    let refused: [(Value, &SigningKey); 5] = [
        (claims("client", NOW_S + 60, "1"), &key),
        (claims("https://servicenow.test/oauth_token.do", NOW_S + 60, "2"), &key),
        (claims("client", NOW_S - 301, "3"), &key),
        (claims("client", NOW_S + 60, "4"), &stranger),
        (
            json!({"iss": "client", "sub": "nobody@example.test", "aud": "client", "exp": NOW_S + 60, "jti": "5"}),
            &key,
        ),
    ];
    for (claims, key) in refused {
        let reply = exchange(key, &claims);
        assert_eq!(
            (reply.status, read(&reply)["error"].clone()),
            (StatusCode::UNAUTHORIZED, json!("invalid_grant")),
            "{claims}"
        );
    }
    // Within the clock skew an expired assertion still counts.
    assert_eq!(exchange(&key, &claims("client", NOW_S - 299, "6")).status, StatusCode::OK);
}

fn provider(keys: &[&SigningKey]) -> IdentityProvider {
    let idp = IdentityProvider::new(Clock::fixed(NOW_MS), 3);
    idp.add_client(BackendClient {
        client_id: "vetsync".to_owned(),
        keys: SigningKey::set(keys),
        scope: "system/Patient.crus".to_owned(),
    });
    idp
}

fn exchange(idp: &IdentityProvider, assertion: &str, scope: &str) -> Reply {
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ];
    idp.answer(&form("/token", &fields))
}

fn claims(jti: &str) -> Value {
    json!({"iss": "vetsync", "sub": "vetsync", "aud": "https://idp.test/token", "exp": NOW_S + 300, "jti": jti})
}

#[test]
fn private_key_jwt_is_checked_claim_by_claim() {
    let rsa = SigningKey::rsa("r", Algorithm::RS384).unwrap();
    let curve = SigningKey::p384("e").unwrap();
    let idp = provider(&[&rsa, &curve]);
    for (key, algorithm, jti) in [(&rsa, Algorithm::RS384, "1"), (&curve, Algorithm::ES384, "2")] {
        let reply = exchange(&idp, &sign(key, algorithm, &claims(jti)), "system/Patient.rs");
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        let reply = read(&reply);
        assert_eq!((&reply["token_type"], &reply["expires_in"]), (&json!("bearer"), &json!(300)));
        assert!(reply.get("refresh_token").is_none());
        assert!(idp.scope_of(reply["access_token"].as_str().unwrap()).is_some());
    }
    let changed = |name: &str, value: Value| {
        let mut claims = claims(name);
        claims[name] = value;
        claims
    };
    let refused = [
        sign(&rsa, Algorithm::RS384, &claims("1")),
        sign(&rsa, Algorithm::RS256, &claims("3")),
        sign(&rsa, Algorithm::RS384, &changed("sub", json!("someone"))),
        sign(&rsa, Algorithm::RS384, &changed("iss", json!("someone"))),
        sign(&rsa, Algorithm::RS384, &changed("aud", json!("https://idp.test/token/"))),
        sign(&rsa, Algorithm::RS384, &changed("exp", json!(NOW_S + 301))),
        sign(&rsa, Algorithm::RS384, &changed("exp", json!(NOW_S))),
        sign(&rsa, Algorithm::RS384, &changed("jti", json!(""))),
        sign(&SigningKey::rsa("r", Algorithm::RS384).unwrap(), Algorithm::RS384, &claims("4")),
        sign(&SigningKey::rsa("unknown", Algorithm::RS384).unwrap(), Algorithm::RS384, &claims("5")),
        "not a token".to_owned(),
    ];
    for (at, assertion) in refused.iter().enumerate() {
        let reply = exchange(&idp, assertion, "system/Patient.rs");
        assert_eq!(
            (reply.status, read(&reply)["error"].clone()),
            (StatusCode::BAD_REQUEST, json!("invalid_client")),
            "{at}"
        );
    }
}

#[test]
fn scopes_are_narrowed_to_what_is_registered() {
    let key = SigningKey::p384("e").unwrap();
    let idp = provider(&[&key]);
    let ask = |jti: &str, scope: &str| exchange(&idp, &sign(&key, Algorithm::ES384, &claims(jti)), scope);
    assert_eq!(read(&ask("1", "system/Patient.cruds"))["scope"], "system/Patient.crus");
    assert_eq!(read(&ask("2", "system/*.read system/Observation.rs"))["scope"], "system/Patient.rs");
    assert_eq!(read(&ask("3", "system/Observation.rs"))["error"], "invalid_scope");
    assert_eq!(
        read(&ask("4", "system/Patient.sr"))["error"],
        "invalid_scope",
        "letters stand in the order cruds"
    );
}

#[test]
fn tokens_of_the_provider_expire_and_can_be_revoked() {
    let key = SigningKey::p384("e").unwrap();
    let idp = provider(&[&key]);
    idp.set_token_lifetime_s(60);
    let ask =
        |jti: &str| read(&exchange(&idp, &sign(&key, Algorithm::ES384, &claims(jti)), "system/Patient.rs"));
    let token = ask("1");
    let token = token["access_token"].as_str().unwrap();
    idp.clock.set_skew_ms(59_000);
    assert!(idp.scope_of(token).is_some());
    idp.clock.set_skew_ms(60_000);
    assert!(idp.scope_of(token).is_none());
    idp.clock.set_skew_ms(0);
    let token = ask("2");
    idp.revoke_all_tokens();
    assert!(idp.scope_of(token["access_token"].as_str().unwrap()).is_none());
}

#[test]
fn the_registered_keys_and_the_configuration_are_published() {
    let key = SigningKey::p384("e").unwrap();
    let idp = provider(&[&key]);
    let keys = read(&idp.answer(&Request::new(Method::GET, "/clients/vetsync/jwks.json")));
    assert_eq!((&keys["keys"][0]["kid"], &keys["keys"][0]["crv"]), (&json!("e"), &json!("P-384")));
    assert!(keys["keys"][0].get("d").is_none(), "public halves only");
    let found = read(&idp.answer(&Request::new(Method::GET, "/.well-known/smart-configuration")));
    assert_eq!(found["token_endpoint"], "https://idp.test/token");
    assert_eq!(found["token_endpoint_auth_signing_alg_values_supported"], json!(["RS384", "ES384"]));
}
