//! Standard Webhooks signatures, version 1 (wire-facts 7.3).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};

/// Bytes of a key: 24 to 64 (Standard Webhooks, "Signature scheme").
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Before the base64 of a key.
const PREFIX: &str = "whsec_";
/// Signatures looked at in one header; a sender that rotates its key sends two.
const SIGNATURES_MOST: usize = 8;

/// A key that messages are signed with.
#[derive(Debug, Clone)]
pub struct SigningKey(SecretSlice<u8>);

impl SigningKey {
    /// Reads a key as it is handed out: `whsec_` and base64.
    ///
    /// # Errors
    /// What is wrong with it, in words that say nothing of it.
    pub fn parse(text: &str) -> Result<SigningKey, &'static str> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or("it does not begin with whsec_")?;
        let bytes = STANDARD.decode(encoded).map_err(|_| "what follows whsec_ is not base64")?;
        if !KEY_BYTES.contains(&bytes.len()) {
            return Err("24 to 64 random bytes are expected");
        }
        Ok(SigningKey(SecretSlice::from(bytes)))
    }

    /// Several keys, separated by blanks or lines: while a key is replaced, the old and the new one are both right.
    ///
    /// # Errors
    /// What is wrong with one of them, or that there is none.
    pub fn parse_all(text: &str) -> Result<Vec<SigningKey>, &'static str> {
        let keys: Vec<SigningKey> =
            text.split_whitespace().map(SigningKey::parse).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err("there is no key in it") } else { Ok(keys) }
    }

    /// The signature of a message, as a sender writes it into `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(hmac::sign(&self.hmac(), &signed_text(id, timestamp, body))))
    }

    pub(crate) fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret())
    }
}

fn signed_text(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(id.len() + timestamp.len() + body.len() + 2);
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        text.extend_from_slice(part);
    }
    text
}

/// Whether one of the header's signatures is right under one of the keys. Compared in constant time; versions that are
/// not ours are passed over.
pub fn is_signed(keys: &[SigningKey], id: &str, timestamp: &str, body: &[u8], header: &str) -> bool {
    let text = signed_text(id, timestamp, body);
    let given: Vec<Vec<u8>> = header
        .split_ascii_whitespace()
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .take(SIGNATURES_MOST)
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .collect();
    // Every pair is tried, so that the time says nothing about which one fits.
    keys.iter().fold(false, |found, key| {
        let key = key.hmac();
        given.iter().fold(found, |found, tag| hmac::verify(&key, &text, tag).is_ok() | found)
    })
}
