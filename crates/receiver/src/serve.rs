//! The receiver on a socket, over TLS.

use crate::answer::{Door, router};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// Messages under way may take so long to end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Why the receiver does not listen. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// The address cannot be listened on.
    #[error("nothing can be received at {address}: {problem}; choose another address under webhooks.listen")]
    Address {
        /// As set.
        address: String,
        /// The system's words.
        problem: String,
    },
    /// The certificate or its key cannot be used.
    #[error("the receiver's certificate cannot be used: {problem}")]
    Certificate {
        /// What is wrong, without anything of the key.
        problem: String,
    },
}

/// Certificate chain and key, in PEM.
pub struct TlsFiles {
    /// The chain, the receiver's own certificate first.
    pub certificate_pem: String,
    /// PKCS#8, PKCS#1 or SEC1.
    pub private_key_pem: secrecy::SecretString,
    /// Also TLS 1.2, for a sender that has nothing newer.
    pub tls12: bool,
}

impl TlsFiles {
    /// Reads both and checks that they belong together.
    ///
    /// # Errors
    /// [`ReceiverError::Certificate`].
    pub fn config(&self) -> Result<ServerConfig, ReceiverError> {
        let wrong = |problem: String| ReceiverError::Certificate { problem };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(self.certificate_pem.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(|_| wrong("webhooks.certificate_file is not a certificate in PEM".to_owned()))?;
        if chain.is_empty() {
            return Err(wrong("webhooks.certificate_file holds no certificate".to_owned()));
        }
        let key = secrecy::ExposeSecret::expose_secret(&self.private_key_pem);
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| wrong("the secret webhooks.private_key is not a private key in PEM".to_owned()))?;
        let versions: &[&rustls::SupportedProtocolVersion] = if self.tls12 {
            &[&rustls::version::TLS13, &rustls::version::TLS12]
        } else {
            &[&rustls::version::TLS13]
        };
        let mut config = ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| wrong(format!("certificate and key do not fit: {error}")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// A receiver that listens.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Listening {
    /// Stops listening; messages under way are answered first.
    pub async fn end(self) {
        self.handle.graceful_shutdown(Some(END_WITHIN));
        if !matches!(self.task.await, Ok(Ok(()))) {
            tracing::warn!("receiver.ended_badly");
        }
    }
}

/// Listens.
///
/// # Errors
/// The address is taken or not ours, the certificate cannot be used.
pub fn start(address: &str, tls: &TlsFiles, door: Arc<Door>) -> Result<Listening, ReceiverError> {
    let wrong = |error: std::io::Error| ReceiverError::Address {
        address: address.to_owned(),
        problem: error.to_string(),
    };
    let config = RustlsConfig::from_config(Arc::new(tls.config()?));
    let listener = TcpListener::bind(address).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    let bound = listener.local_addr().map_err(wrong)?;
    let handle = Handle::new();
    let server = axum_server::from_tcp_rustls(listener, config).map_err(wrong)?.handle(handle.clone());
    let service = router(door).into_make_service_with_connect_info::<SocketAddr>();
    let task = tokio::spawn(server.serve(service));
    tracing::info!(address = %bound, "receiver.listening");
    Ok(Listening { address: bound, handle, task })
}
