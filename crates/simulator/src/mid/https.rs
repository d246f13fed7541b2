//! The HTTPS of a MID Server: one connection a request, as its Java's is without a pool. None of the product's own.

use super::payload::{Answer, Probe};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Failures in the words of Java.
const REFUSED: &str = "java.net.ConnectException: Connection refused (Connection refused)";
const HANDSHAKE: &str = "javax.net.ssl.SSLHandshakeException: PKIX path building failed";
const RESET: &str = "java.net.SocketException: Connection reset";
const TIMED_OUT: &str = "java.net.SocketTimeoutException: Read timed out";
const MALFORMED: &str = "java.net.MalformedURLException";

/// What it trusts.
pub(super) struct Https(TlsConnector);

impl Https {
    /// Trusts these authorities alone.
    ///
    /// # Errors
    /// A certificate that cannot be used.
    pub(super) fn trusting(ca_pem: &str) -> Result<Https, rustls::Error> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            let certificate =
                certificate.map_err(|_| rustls::Error::General("the authority is no PEM".to_owned()))?;
            roots.add(certificate)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Https(TlsConnector::from(Arc::new(config))))
    }

    /// Sends a request; a failure is told in the words of Java.
    pub(super) async fn send(&self, probe: &Probe) -> Result<Answer, &'static str> {
        tokio::time::timeout(TIMEOUT, self.ask(probe)).await.unwrap_or(Err(TIMED_OUT))
    }

    async fn ask(&self, probe: &Probe) -> Result<Answer, &'static str> {
        let uri: http::Uri = probe.url.parse().map_err(|_| MALFORMED)?;
        let host = uri.host().ok_or(MALFORMED)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(443);
        let name = ServerName::try_from(host.clone()).map_err(|_| MALFORMED)?;
        let socket = TcpStream::connect((host.as_str(), port)).await.map_err(|_| REFUSED)?;
        let stream = self.0.connect(name, socket).await.map_err(|_| HANDSHAKE)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| RESET)?;
        // It ends with the answer, or with the failure that the answer shows.
        let carried = tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut request = http::Request::builder()
            .method(probe.method.to_ascii_uppercase().as_str())
            .uri(path)
            .header(http::header::HOST, uri.authority().map_or("", http::uri::Authority::as_str));
        for (name, value) in &probe.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(probe.content.clone()))).map_err(|_| MALFORMED)?;
        let response = sender.send_request(request).await.map_err(|_| RESET)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| RESET)?.to_bytes();
        carried.abort();
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        Ok(Answer {
            status: head.status.as_u16(),
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}
