//! A throw-away certificate authority, and keys for clients to sign with.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// Keys or certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
    /// A signing key could not be made.
    #[error("cannot make a signing key: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
}

/// A private key with the public half that a server registers.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The key's id (`kid`).
    pub key_id: String,
    /// `RS256`, `RS384` or `ES384`.
    pub algorithm: &'static str,
    /// PKCS#8 in PEM.
    pub private_key_pem: String,
    /// The public key in PEM.
    pub public_key_pem: String,
    pub(crate) jwk: Jwk,
}

impl SigningKey {
    /// An RSA key of 2048 bits.
    pub fn rsa(key_id: &str, algorithm: Algorithm) -> Result<SigningKey, TlsError> {
        let pair = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA384, rcgen::RsaKeySize::_2048)?;
        let private_key_pem = pair.serialize_pem();
        let key = EncodingKey::from_rsa_pem(private_key_pem.as_bytes())?;
        Ok(SigningKey::of(key_id, algorithm, private_key_pem, pair.public_key_pem(), &key)?)
    }

    /// A key on the curve P-384, for ES384.
    pub fn p384(key_id: &str) -> Result<SigningKey, TlsError> {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)?;
        let private_key_pem = pair.serialize_pem();
        let key = EncodingKey::from_ec_pem(private_key_pem.as_bytes())?;
        Ok(SigningKey::of(key_id, Algorithm::ES384, private_key_pem, pair.public_key_pem(), &key)?)
    }

    fn of(
        key_id: &str,
        algorithm: Algorithm,
        private_key_pem: String,
        public_key_pem: String,
        key: &EncodingKey,
    ) -> Result<SigningKey, jsonwebtoken::errors::Error> {
        let mut jwk = Jwk::from_encoding_key(key, algorithm)?;
        jwk.common.key_id = Some(key_id.to_owned());
        let algorithm = match algorithm {
            Algorithm::RS384 => "RS384",
            Algorithm::ES384 => "ES384",
            _ => "RS256",
        };
        Ok(SigningKey { key_id: key_id.to_owned(), algorithm, private_key_pem, public_key_pem, jwk })
    }

    /// The public halves of several keys, as a server registers them.
    pub fn set(keys: &[&SigningKey]) -> JwkSet {
        JwkSet { keys: keys.iter().map(|key| key.jwk.clone()).collect() }
    }
}

/// The certificate authority of one simulation, with the certificate its servers show.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// The CA's certificate in PEM.
    pub(crate) ca_pem: String,
    /// TLS 1.3 only, HTTP/2 and HTTP/1.1.
    pub(crate) server: Arc<rustls::ServerConfig>,
}

/// Makes a CA and a certificate for loopback.
pub(crate) fn authority(names: &[&str]) -> Result<Authority, TlsError> {
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    ca.distinguished_name = named("VetSync simulation CA");
    let ca_key = KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);
    let mut leaf = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    leaf.distinguished_name = named("VetSync simulation");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    let mut server =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Authority { ca_pem: ca_certificate.pem(), server: Arc::new(server) })
}

fn named(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}
