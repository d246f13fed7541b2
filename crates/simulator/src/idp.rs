//! The identity provider the EHR trusts: SMART Backend Services with `private_key_jwt` (wire-facts 7.1).

use crate::clock::Clock;
use crate::faults::{Faults, lock};
use crate::journal::Journal;
use crate::jwt::{self, SeenIds};
use crate::wire::{Reply, Request, decode_form, push_json_string};
use base64::Engine as _;
use http::{Method, StatusCode};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};

/// A registered backend service.
#[derive(Debug, Clone)]
pub struct BackendClient {
    /// Its client id.
    pub client_id: String,
    /// Its public keys.
    pub keys: JwkSet,
    /// What it may be granted, as scopes separated by blanks.
    pub scope: String,
}

#[derive(Debug)]
struct Inner {
    clients: BTreeMap<String, BackendClient>,
    tokens: BTreeMap<String, (String, i64)>,
    seen: SeenIds,
    lifetime_s: i64,
    random: ChaCha8Rng,
}

/// A simulated identity provider.
#[derive(Debug)]
pub struct IdentityProvider {
    inner: Mutex<Inner>,
    base_url: RwLock<String>,
    /// Its clock.
    pub clock: Clock,
    /// Its faults.
    pub faults: Faults,
    /// What was asked of it.
    pub journal: Journal,
}

/// An assertion may be valid no longer than this (SMART Backend Services).
const ASSERTION_LIFETIME_MAX_S: i64 = 300;

impl IdentityProvider {
    /// An identity provider without clients; tokens live 300 s.
    pub fn new(clock: Clock, seed: u64) -> IdentityProvider {
        IdentityProvider {
            inner: Mutex::new(Inner {
                clients: BTreeMap::new(),
                tokens: BTreeMap::new(),
                seen: SeenIds::default(),
                lifetime_s: 300,
                random: ChaCha8Rng::seed_from_u64(seed ^ 0x1d90),
            }),
            base_url: RwLock::new("https://idp.test".to_owned()),
            clock,
            faults: Faults::default(),
            journal: Journal::default(),
        }
    }

    /// Where it is reached, without a slash at the end.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/')
            .clone_into(&mut self.base_url.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn base_url(&self) -> String {
        self.base_url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token endpoint: what `aud` of an assertion must be, exactly.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.base_url())
    }

    /// Registers a client, or replaces its keys.
    pub fn add_client(&self, client: BackendClient) {
        lock(&self.inner).clients.insert(client.client_id.clone(), client);
    }

    /// Sets how long tokens handed out from now on live, in seconds.
    pub fn set_token_lifetime_s(&self, lifetime_s: i64) {
        lock(&self.inner).lifetime_s = lifetime_s;
    }

    /// Makes every token handed out so far invalid.
    pub fn revoke_all_tokens(&self) {
        lock(&self.inner).tokens.clear();
    }

    /// The scope of a token, if it is alive.
    pub fn scope_of(&self, token: &str) -> Option<String> {
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let inner = lock(&self.inner);
        inner.tokens.get(token).filter(|(_, expires_s)| *expires_s > now_s).map(|(scope, _)| scope.clone())
    }

    pub(crate) fn smart_configuration(&self) -> Reply {
        let mut body = String::from("{\"token_endpoint\":");
        push_json_string(&self.token_url(), &mut body);
        body.push_str(
            ",\"grant_types_supported\":[\"client_credentials\"],\
             \"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"],\
             \"token_endpoint_auth_signing_alg_values_supported\":[\"RS384\",\"ES384\"],\
             \"scopes_supported\":[\"system/Patient.cruds\",\"system/AllergyIntolerance.cruds\"],\
             \"capabilities\":[\"client-confidential-asymmetric\",\"permission-v1\",\"permission-v2\"]}",
        );
        Reply::json(StatusCode::OK, body)
    }

    /// Answers a request. Broken connections and delays are the caller's to make: see [`crate::serve`].
    pub fn answer(&self, request: &Request) -> Reply {
        let met = self.faults.meet(request);
        self.answer_with(request, &met)
    }

    pub(crate) fn answer_with(&self, request: &Request, met: &crate::faults::Met) -> Reply {
        let instead = met.instead(|status, message, _| refused(status, "temporarily_unavailable", message));
        if let Some(reply) = instead {
            return reply;
        }
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let reply = match (&request.method, parts.as_slice()) {
            (&Method::POST, ["token"]) => self.token(request),
            (&Method::GET, [".well-known", "smart-configuration"]) => self.smart_configuration(),
            (&Method::GET, ["clients", id, "jwks.json"]) => self.client_keys(id),
            _ => refused(StatusCode::NOT_FOUND, "invalid_request", "unknown route"),
        };
        met.spoil(reply)
    }

    fn client_keys(&self, id: &str) -> Reply {
        let inner = lock(&self.inner);
        let keys = inner.clients.get(id).and_then(|client| serde_json::to_string(&client.keys).ok());
        keys.map_or_else(
            || refused(StatusCode::NOT_FOUND, "invalid_client", "unknown client"),
            |keys| Reply::json(StatusCode::OK, keys),
        )
    }

    fn token(&self, request: &Request) -> Reply {
        let is_form = request
            .header_text("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return refused(StatusCode::BAD_REQUEST, "invalid_request", "the body must be a form");
        }
        let form: BTreeMap<String, String> = decode_form(&request.body).into_iter().collect();
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        if field("grant_type") != "client_credentials" {
            return refused(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "grant_type must be client_credentials",
            );
        }
        if field("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
            return refused(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "client_assertion_type must be jwt-bearer",
            );
        }
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let audience = self.token_url();
        let mut inner = lock(&self.inner);
        let client = match check_assertion(&mut inner, field("client_assertion"), &audience, now_s) {
            Ok(client) => client,
            Err(why) => return refused(StatusCode::BAD_REQUEST, "invalid_client", why),
        };
        let Some(scope) = granted(field("scope"), &client.scope) else {
            return refused(StatusCode::BAD_REQUEST, "invalid_scope", "none of the scopes may be granted");
        };
        let mut bytes = [0_u8; 32];
        inner.random.fill_bytes(&mut bytes);
        let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let lifetime_s = inner.lifetime_s;
        inner.tokens.retain(|_, (_, expires_s)| *expires_s > now_s);
        inner.tokens.insert(token.clone(), (scope.clone(), now_s + lifetime_s));
        let mut body = format!(
            "{{\"access_token\":\"{token}\",\"token_type\":\"bearer\",\"expires_in\":{lifetime_s},\"scope\":"
        );
        push_json_string(&scope, &mut body);
        body.push('}');
        Reply::json(StatusCode::OK, body).with("cache-control", "no-store").with("pragma", "no-cache")
    }
}

fn refused(status: StatusCode, code: &str, description: &str) -> Reply {
    let mut body = String::from("{\"error\":");
    push_json_string(code, &mut body);
    body.push_str(",\"error_description\":");
    push_json_string(description, &mut body);
    body.push('}');
    Reply::json(status, body)
}

fn check_assertion(
    inner: &mut Inner,
    assertion: &str,
    audience: &str,
    now_s: i64,
) -> Result<BackendClient, &'static str> {
    let unverified: serde_json::Value = jsonwebtoken::dangerous::insecure_decode(assertion)
        .map_err(|_| "client_assertion is not a JWT")?
        .claims;
    let named = unverified.get("iss").and_then(serde_json::Value::as_str).unwrap_or_default();
    let client = inner.clients.get(named).cloned().ok_or("iss is not a registered client")?;
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| "client_assertion is not a JWT")?;
    if header.kid.is_none() {
        return Err("kid is missing");
    }
    if header.typ.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("jwt")) {
        return Err("typ must be JWT");
    }
    let token = jwt::verify(assertion, &client.keys, &[Algorithm::RS384, Algorithm::ES384])?;
    if token.text("sub") != client.client_id {
        return Err("sub must be the client id, like iss");
    }
    if !token.is_for(audience) {
        return Err("aud must be the token URL");
    }
    let expires_s = token.seconds("exp").ok_or("exp is missing")?;
    if expires_s <= now_s {
        return Err("the assertion has expired");
    }
    if expires_s > now_s + ASSERTION_LIFETIME_MAX_S {
        return Err("exp is more than five minutes ahead");
    }
    if token.seconds("nbf").is_some_and(|from| from > now_s) {
        return Err("the assertion is not valid yet");
    }
    if token.text("jti").is_empty() || !inner.seen.first_use(token.text("jti"), expires_s, now_s) {
        return Err("jti is missing or was used before");
    }
    Ok(client)
}

/// The resource and the letters of one `system/` scope, version 1 or 2.
fn read_scope(scope: &str) -> Option<(&str, String)> {
    let (resource, rights) = scope.strip_prefix("system/")?.split_once('.')?;
    let rights = rights.split('?').next()?;
    let letters = match rights {
        "read" => "rs",
        "write" => "cud",
        "*" => "cruds",
        letters => letters,
    };
    // The letters stand in the order c r u d s.
    let mut left = "cruds".chars();
    letters
        .chars()
        .all(|letter| left.by_ref().any(|known| known == letter))
        .then(|| (resource, letters.to_owned()))
}

/// Whether a scope allows an interaction on a resource type.
pub(crate) fn allows(scope: &str, resource: &str, letter: char) -> bool {
    scope
        .split_whitespace()
        .filter_map(read_scope)
        .any(|(known, letters)| (known == resource || known == "*") && letters.contains(letter))
}

/// What of the asked scopes a client is granted; everything it may have if it asks for none in particular.
fn granted(asked: &str, allowed: &str) -> Option<String> {
    if asked.trim().is_empty() {
        return Some(allowed.to_owned());
    }
    let mut out: Vec<String> = Vec::new();
    for (asked_resource, asked_letters) in asked.split_whitespace().filter_map(read_scope) {
        for (resource, letters) in allowed.split_whitespace().filter_map(read_scope) {
            let narrowed = match (asked_resource, resource) {
                ("*", resource) => resource,
                (asked, "*") => asked,
                (asked, resource) if asked == resource => resource,
                _ => continue,
            };
            let both: String = letters.chars().filter(|letter| asked_letters.contains(*letter)).collect();
            let scope = format!("system/{narrowed}.{both}");
            if !both.is_empty() && !out.contains(&scope) {
                out.push(scope);
            }
        }
    }
    (!out.is_empty()).then(|| out.join(" "))
}
