//! Sign-in against a token address over TLS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use record::Remote;
use remote::RemoteError;
use remote::signin::{KeyAlgorithm, SignIn, SignInMethod, SigningKey, TokenAddress};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{Clock, NOON_MS, Reply, Seen, Server, Tls, json, new_ids, serve_all};

fn token(number: u64, life_s: u64) -> Reply {
    json(
        200,
        format!(
            r#"{{"access_token":"token-{number}","token_type":"bearer","scope":"x","expires_in":{life_s}}}"#
        ),
    )
}

fn counting(life_s: u64) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let next = AtomicU64::new(0);
    move |_| token(next.fetch_add(1, Ordering::SeqCst) + 1, life_s)
}

fn ec_key() -> (SigningKey, DecodingKey) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let public = DecodingKey::from_ec_pem(key.public_key_pem().as_bytes()).unwrap();
    let pem = key.serialize_pem().into();
    (SigningKey { algorithm: KeyAlgorithm::Es384, key_id: Some("key-7".into()), pem }, public)
}

fn rsa_key(algorithm: KeyAlgorithm) -> (SigningKey, DecodingKey) {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let public = DecodingKey::from_rsa_pem(key.public_key_pem().as_bytes()).unwrap();
    (SigningKey { algorithm, key_id: None, pem: key.serialize_pem().into() }, public)
}

fn at(server: &Server, remote: Remote, method: SignInMethod, clock: &Clock) -> SignIn {
    let address = TokenAddress::Known(format!("{}/token", server.url));
    SignIn::new(remote, method, address, server.transport(), clock.now(), new_ids()).unwrap()
}

fn claims(jwt: &str, key: &DecodingKey, algorithm: Algorithm, audience: &str) -> Value {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[audience]);
    validation.validate_exp = false;
    decode::<Value>(jwt, key, &validation).unwrap().claims
}

#[tokio::test]
async fn servicenow_gets_a_jwt_as_the_grant() {
    let server = serve_all(&Tls::default(), counting(1799));
    let (key, public) = rsa_key(KeyAlgorithm::Rs256);
    let method = SignInMethod::JwtBearer {
        client_id: "client-1".into(),
        client_secret: Some("s+cret&".to_owned().into()),
        issuer: None,
        subject: "sync@hospital.test".into(),
        audience: None,
        key,
    };
    let sign_in = at(&server, Remote::ServiceNow, method, &Clock::at_noon());
    sign_in.token().await.unwrap();
    let form = server.seen()[0].form();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("client-1", "s+cret&"));
    assert!(server.seen()[0].header("authorization").is_none(), "parameters belong in the body");
    let claims = claims(&form["assertion"], &public, Algorithm::RS256, "client-1");
    assert_eq!(claims["iss"], "client-1");
    assert_eq!(claims["sub"], "sync@hospital.test");
    assert_eq!(claims["iat"], NOON_MS / 1000);
    assert_eq!(claims["jti"], "id-1");
    assert!(claims["exp"].as_i64().unwrap() <= NOON_MS / 1000 + 300);
}

#[tokio::test]
async fn the_ehr_gets_a_jwt_as_client_authentication_with_both_algorithms() {
    for (key, public, algorithm) in [
        {
            let (key, public) = ec_key();
            (key, public, Algorithm::ES384)
        },
        {
            let (key, public) = rsa_key(KeyAlgorithm::Rs384);
            (key, public, Algorithm::RS384)
        },
    ] {
        let server = serve_all(&Tls::default(), counting(300));
        let method = SignInMethod::PrivateKeyJwt {
            client_id: "client-2".into(),
            scopes: vec!["system/Patient.rs".into(), "system/Patient.cu".into()],
            audience: None,
            key: key.clone(),
        };
        at(&server, Remote::Ehr, method, &Clock::at_noon()).token().await.unwrap();
        let form = server.seen()[0].form();
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["scope"], "system/Patient.rs system/Patient.cu");
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let jwt = &form["client_assertion"];
        let claims = claims(jwt, &public, algorithm, &format!("{}/token", server.url));
        assert_eq!((&claims["iss"], &claims["sub"]), (&Value::from("client-2"), &Value::from("client-2")));
        let header = jsonwebtoken::decode_header(jwt).unwrap();
        assert_eq!(header.kid, key.key_id);
        assert_eq!(header.typ.as_deref(), Some("JWT"));
    }
}

#[tokio::test]
async fn the_token_address_is_discovered_once() {
    let server = serve_all(&Tls::default(), {
        let tokens = counting(300);
        move |seen| match seen.path.as_str() {
            "/api/v1/.well-known/smart-configuration" => {
                let host = seen.header("host").unwrap();
                json(
                    200,
                    format!(
                        r#"{{"token_endpoint":"https://{host}/auth/token","token_endpoint_auth_methods_supported":["private_key_jwt"],"token_endpoint_auth_signing_alg_values_supported":["ES384"]}}"#
                    ),
                )
            }
            "/auth/token" => tokens(seen),
            _ => json(404, "{}"),
        }
    });
    let clock = Clock::at_noon();
    let make = |key: SigningKey| {
        let method =
            SignInMethod::PrivateKeyJwt { client_id: "c".into(), scopes: vec![], audience: None, key };
        let address = TokenAddress::Discover { base_url: format!("{}/api/v1", server.url) };
        SignIn::new(Remote::Ehr, method, address, server.transport(), clock.now(), new_ids()).unwrap()
    };
    let sign_in = make(ec_key().0);
    sign_in.token().await.unwrap();
    clock.advance_s(299);
    sign_in.token().await.unwrap();
    assert_eq!(server.count("GET", "/api/v1/.well-known/smart-configuration"), 1);
    assert_eq!(server.count("POST", "/auth/token"), 2);
    // An algorithm that is not offered is said before anything is signed with it.
    let error = make(rsa_key(KeyAlgorithm::Rs384).0).token().await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::SignIn { what, .. } if what.contains("RS384") && what.contains("ES384")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_send_one_request_and_share_its_outcome() {
    let server = serve_all(&Tls::default(), counting(1799));
    let clock = Clock::at_noon();
    let sign_in = server.sign_in(Remote::ServiceNow, &clock);
    let all = |sign_in: &Arc<SignIn>| {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let sign_in = Arc::clone(sign_in);
                tokio::spawn(async move { sign_in.token().await })
            })
            .collect();
        futures_util::future::join_all(tasks)
    };
    for outcome in all(&sign_in).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(server.seen().len(), 1);
    clock.advance_s(1700);
    for outcome in all(&sign_in).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(server.seen().len(), 2, "renewed ahead of expiry, once");

    // The same for a token that was refused: who comes with the old one after the renewal gets the new one.
    let refused = sign_in.token().await.unwrap();
    let renewals: Vec<_> = (0..100)
        .map(|_| {
            let (sign_in, refused) = (Arc::clone(&sign_in), refused.clone());
            tokio::spawn(async move { sign_in.renew(&refused).await })
        })
        .collect();
    for outcome in futures_util::future::join_all(renewals).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_failed_exchange_is_shared_by_who_waited_for_it() {
    let server = serve_all(&Tls::default(), |_| {
        json(401, r#"{"error":"invalid_client","error_description":"unknown client"}"#)
    });
    let sign_in = server.sign_in(Remote::ServiceNow, &Clock::at_noon());
    let outcomes = futures_util::future::join_all((0..20).map(|_| sign_in.token())).await;
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, RemoteError::SignIn { what, .. } if what.contains("invalid_client")),
            "{error}"
        );
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_expiry_and_the_same_token_is_used_up() {
    // ServiceNow repeats the token it has given, with the seconds it still lives.
    let clock = Clock::at_noon();
    let started = NOON_MS;
    let now = clock.now();
    let server = serve_all(&Tls::default(), move |_| {
        let gone_s = u64::try_from((now() - started) / 1000).unwrap();
        token(1 + gone_s / 1800, 1800 - gone_s % 1800)
    });
    let sign_in = server.sign_in(Remote::ServiceNow, &clock);
    sign_in.token().await.unwrap();
    clock.advance_s(1600);
    sign_in.token().await.unwrap();
    assert_eq!(server.seen().len(), 1, "still far from expiry");
    clock.advance_s(40);
    sign_in.token().await.unwrap();
    assert_eq!(server.seen().len(), 2, "180 s ahead of expiry");
    for _ in 0..50 {
        sign_in.token().await.unwrap();
    }
    clock.advance_s(150);
    sign_in.token().await.unwrap();
    assert_eq!(server.seen().len(), 2, "asking for the same token again is useless");
    clock.advance_s(10);
    sign_in.token().await.unwrap();
    assert_eq!(server.seen().len(), 3, "a new one after it has expired");
}

#[tokio::test]
async fn a_token_that_lives_outlasts_a_token_address_that_does_not_answer() {
    let next = AtomicU64::new(0);
    let server = serve_all(&Tls::default(), move |_| match next.fetch_add(1, Ordering::SeqCst) {
        0 => token(1, 300),
        _ => json(503, "").with("retry-after", "9"),
    });
    let clock = Clock::at_noon();
    let sign_in = server.sign_in(Remote::Ehr, &clock);
    sign_in.token().await.unwrap();
    clock.advance_s(250);
    sign_in.token().await.unwrap();
    clock.advance_s(60);
    let error = sign_in.token().await.unwrap_err();
    assert!(
        matches!(error, RemoteError::Transient { status: 503, retry_after_ms: Some(9_000), .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refusal_names_a_clock_that_is_wrong_and_no_secret() {
    let server = serve_all(&Tls::default(), |seen| {
        let assertion = seen.form()["client_assertion"].clone();
        json(400, format!(r#"{{"error":"invalid_client","error_description":"expired: {assertion}"}}"#))
            .with("date", "Sun, 22 Nov 2026 12:10:00 GMT")
    });
    let method = SignInMethod::PrivateKeyJwt {
        client_id: "c".into(),
        scopes: vec![],
        audience: None,
        key: ec_key().0,
    };
    let sign_in = at(&server, Remote::Ehr, method, &Clock::at_noon());
    let words = sign_in.token().await.unwrap_err().to_string();
    assert!(words.contains("600 s behind"), "{words}");
    assert!(!words.contains("eyJ"), "{words}");
    assert!(!format!("{sign_in:?}").contains("PRIVATE"));
}

/// Settings are checked without sending anything.
struct Nowhere;
#[async_trait::async_trait]
impl remote::http::Transport for Nowhere {
    async fn send(
        &self,
        _: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, remote::http::TransportFailure> {
        panic!("nothing is sent while settings are checked")
    }
}

#[test]
fn keys_that_cannot_sign_say_what_to_do() {
    let es = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let public = rcgen::KeyPair::generate().unwrap().public_key_pem();
    let cases = [
        ("", KeyAlgorithm::Rs384, "not PEM"),
        (public.as_str(), KeyAlgorithm::Es384, "public half"),
        (es.as_str(), KeyAlgorithm::Es384, "P-384"),
        (es.as_str(), KeyAlgorithm::Rs384, "RSA key"),
        (
            "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----",
            KeyAlgorithm::Es384,
            "openssl pkcs8",
        ),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----",
            KeyAlgorithm::Rs384,
            "passphrase",
        ),
    ];
    for (pem, algorithm, expected) in cases {
        let key = SigningKey { algorithm, key_id: None, pem: pem.to_owned().into() };
        let method =
            SignInMethod::PrivateKeyJwt { client_id: "c".into(), scopes: vec![], audience: None, key };
        let address = TokenAddress::Known("https://localhost/token".into());
        let problem =
            SignIn::new(Remote::Ehr, method, address, Arc::new(Nowhere), Clock::at_noon().now(), new_ids())
                .unwrap_err();
        assert_eq!(problem.setting, "private_key");
        assert!(problem.problem.contains(expected), "{expected}: {}", problem.problem);
    }
}
