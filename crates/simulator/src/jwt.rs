//! Signed JWTs as an authorisation server checks them (RFC 7519, RFC 7523).

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a token was refused, in the words of an error description.
pub(crate) type Refusal = &'static str;

/// A token whose signature holds.
#[derive(Debug)]
pub(crate) struct Verified {
    claims: Value,
}

impl Verified {
    pub(crate) fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn seconds(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim).and_then(Value::as_i64)
    }

    /// Whether `aud` is, or contains, exactly this.
    pub(crate) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }
}

/// Checks the signature against the keys of a JWK set. A `kid` picks its key; without one every key is tried.
pub(crate) fn verify(token: &str, keys: &JwkSet, allowed: &[Algorithm]) -> Result<Verified, Refusal> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| "the assertion is not a signed JWT")?;
    if !allowed.contains(&header.alg) {
        return Err("the signing algorithm is not allowed");
    }
    let picked: Vec<&Jwk> = match &header.kid {
        Some(kid) => {
            keys.keys.iter().filter(|key| key.common.key_id.as_deref() == Some(kid.as_str())).collect()
        }
        None => keys.keys.iter().collect(),
    };
    if picked.is_empty() {
        return Err("no key with that kid is registered");
    }
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    // Times are checked against the simulated clock by the caller; audience by each server's own rule.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let fits = |key: &Jwk| {
        let is_rsa = matches!(key.algorithm, AlgorithmParameters::RSA(_));
        is_rsa
            == matches!(
                header.alg,
                Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512
            )
    };
    picked
        .into_iter()
        .filter(|key| fits(key))
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .find_map(|key| jsonwebtoken::decode::<Value>(token, &key, &validation).ok())
        .map(|data| Verified { claims: data.claims })
        .ok_or("the signature does not match")
}

/// The `jti` values seen so far, each until its token would have expired anyway.
#[derive(Debug, Default)]
pub(crate) struct SeenIds {
    seen: BTreeMap<String, i64>,
}

impl SeenIds {
    /// Remembers an id; `false` if it was used before.
    pub(crate) fn first_use(&mut self, id: &str, expires_s: i64, now_s: i64) -> bool {
        self.seen.retain(|_, expires| *expires >= now_s);
        if self.seen.contains_key(id) {
            return false;
        }
        self.seen.insert(id.to_owned(), expires_s);
        true
    }
}
