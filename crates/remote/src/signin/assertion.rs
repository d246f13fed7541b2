//! The key that signs, and the signed JWT.

use crate::http::SettingProblem;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

/// How a JWT is signed (RFC 7518). SMART demands RS384 or ES384; ServiceNow takes RS256 to RS512 and ES256 and ES384.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with SHA-256.
    Rs256,
    /// RSA with SHA-384.
    Rs384,
    /// RSA with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl KeyAlgorithm {
    /// The JOSE name: `RS384`.
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyAlgorithm::Rs256 => "RS256",
            KeyAlgorithm::Rs384 => "RS384",
            KeyAlgorithm::Rs512 => "RS512",
            KeyAlgorithm::Es256 => "ES256",
            KeyAlgorithm::Es384 => "ES384",
        }
    }

    /// The inverse of [`KeyAlgorithm::as_str`].
    pub fn parse(text: &str) -> Option<KeyAlgorithm> {
        [
            KeyAlgorithm::Rs256,
            KeyAlgorithm::Rs384,
            KeyAlgorithm::Rs512,
            KeyAlgorithm::Es256,
            KeyAlgorithm::Es384,
        ]
        .into_iter()
        .find(|algorithm| algorithm.as_str() == text)
    }

    const fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            KeyAlgorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            KeyAlgorithm::Rs384 => jsonwebtoken::Algorithm::RS384,
            KeyAlgorithm::Rs512 => jsonwebtoken::Algorithm::RS512,
            KeyAlgorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            KeyAlgorithm::Es384 => jsonwebtoken::Algorithm::ES384,
        }
    }

    const fn is_rsa(self) -> bool {
        matches!(self, KeyAlgorithm::Rs256 | KeyAlgorithm::Rs384 | KeyAlgorithm::Rs512)
    }
}

/// A private key, as it is kept in the keyring.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// How it signs.
    pub algorithm: KeyAlgorithm,
    /// The id under which its public half is registered: `kid`.
    pub key_id: Option<String>,
    /// The key: PEM, PKCS #8 (`BEGIN PRIVATE KEY`), RSA also PKCS #1.
    pub pem: SecretString,
}

/// What is signed. `iat` and `exp` in Unix seconds (RFC 7519 section 4.1).
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    pub iss: &'a str,
    pub sub: &'a str,
    pub aud: &'a str,
    pub iat: i64,
    pub exp: i64,
    pub jti: String,
}

/// A key that has proved that it can sign.
pub(super) struct Signer {
    header: jsonwebtoken::Header,
    key: jsonwebtoken::EncodingKey,
}

impl Signer {
    pub(super) fn new(key: &SigningKey) -> Result<Signer, SettingProblem> {
        let wrong = |problem: String| SettingProblem::new("private_key", problem);
        let name = key.algorithm.as_str();
        let pem = key.pem.expose_secret().trim();
        if !pem.starts_with("-----BEGIN ") {
            return Err(wrong(
                "is not PEM text: it must begin with -----BEGIN PRIVATE KEY-----; export the key as PKCS #8 PEM"
                    .to_owned(),
            ));
        }
        if pem.contains("ENCRYPTED") {
            return Err(wrong(
                "is protected by a passphrase: export it without one, the keyring protects it".to_owned(),
            ));
        }
        if pem.starts_with("-----BEGIN PUBLIC") || pem.starts_with("-----BEGIN CERTIFICATE") {
            return Err(wrong("is the public half: give the private key".to_owned()));
        }
        if pem.starts_with("-----BEGIN EC PRIVATE KEY") {
            return Err(wrong(
                "is in the SEC1 form: convert it with `openssl pkcs8 -topk8 -nocrypt`".to_owned(),
            ));
        }
        let (parsed, kind) = if key.algorithm.is_rsa() {
            (jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()), "an RSA key")
        } else {
            (jsonwebtoken::EncodingKey::from_ec_pem(pem.as_bytes()), "an elliptic curve key")
        };
        let encoding = parsed.map_err(|_| {
            wrong(format!("cannot be read as {kind}, which {name} needs: give such a key as PKCS #8 PEM"))
        })?;
        let mut header = jsonwebtoken::Header::new(key.algorithm.jose());
        header.typ = Some("JWT".to_owned());
        header.kid.clone_from(&key.key_id);
        let signer = Signer { header, key: encoding };
        let probe = Claims { iss: "", sub: "", aud: "", iat: 0, exp: 0, jti: String::new() };
        signer.sign(&probe).map_err(|()| {
            wrong(match key.algorithm {
                KeyAlgorithm::Es256 => {
                    "cannot sign with ES256: the key must be on the curve P-256".to_owned()
                }
                KeyAlgorithm::Es384 => {
                    "cannot sign with ES384: the key must be on the curve P-384".to_owned()
                }
                _ => format!("cannot sign with {name}: an RSA key must have at least 2048 bits"),
            })
        })?;
        Ok(signer)
    }

    pub(super) fn sign(&self, claims: &Claims<'_>) -> Result<String, ()> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(|_| ())
    }
}
