//! The product's transport: HTTPS by reqwest and rustls on aws-lc-rs, TLS 1.3 at least.

use super::{SettingProblem, Transport, TransportFailure};
use async_trait::async_trait;
use std::error::Error as StdError;
use std::time::Duration;

/// The lowest TLS version that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMinimum {
    /// TLS 1.3 (RFC 8446): the default and the specification's demand.
    #[default]
    Tls13,
    /// TLS 1.2: an explicit step down for a remote that cannot do better; every probe warns of it.
    Tls12,
}

/// How HTTPS is spoken to one remote.
#[derive(Debug, Clone)]
pub struct HttpsSettings {
    /// The lowest TLS version.
    pub tls_minimum: TlsMinimum,
    /// Certificates of further authorities to trust, PEM, one or more.
    pub extra_ca_pem: Option<String>,
    /// Trust those authorities alone, not the operating system's.
    pub only_extra_ca: bool,
    /// Longest time a whole call may take, milliseconds. 30 s by default (specification: `timeout_seconds`).
    pub timeout_ms: u64,
    /// Largest answer that is taken, bytes after decompression.
    pub body_max_bytes: usize,
}

impl Default for HttpsSettings {
    fn default() -> Self {
        HttpsSettings {
            tls_minimum: TlsMinimum::Tls13,
            extra_ca_pem: None,
            only_extra_ca: false,
            timeout_ms: 30_000,
            body_max_bytes: 64 * 1024 * 1024,
        }
    }
}

/// HTTPS to one remote. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct HttpsTransport {
    client: reqwest::Client,
    tls_minimum: TlsMinimum,
    timeout_ms: u64,
    body_max_bytes: usize,
}

impl HttpsTransport {
    /// Builds the client; no connection is made yet.
    ///
    /// # Errors
    /// A certificate that cannot be read, a timeout of zero, or no usable trust store.
    pub fn new(settings: &HttpsSettings) -> Result<Self, SettingProblem> {
        if settings.timeout_ms == 0 {
            return Err(SettingProblem::new("timeout_seconds", "must be more than 0"));
        }
        let timeout = Duration::from_millis(settings.timeout_ms);
        let minimum = match settings.tls_minimum {
            TlsMinimum::Tls13 => reqwest::tls::Version::TLS_1_3,
            TlsMinimum::Tls12 => reqwest::tls::Version::TLS_1_2,
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_rustls()
            .tls_version_min(minimum)
            .https_only(true)
            // A redirect would carry the access token and a medical body to wherever the answer says.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            // A connection that does not come up in time is surely unsent, unlike a call that runs out of time.
            .connect_timeout(timeout.min(Duration::from_secs(10)) * 9 / 10)
            .user_agent(concat!("vetsync/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &settings.extra_ca_pem {
            let unreadable = || {
                SettingProblem::new(
                    "extra_ca_pem",
                    "holds no readable certificate: give PEM text with BEGIN CERTIFICATE and END CERTIFICATE lines",
                )
            };
            let certificates =
                reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| unreadable())?;
            if certificates.is_empty() {
                return Err(unreadable());
            }
            builder = if settings.only_extra_ca {
                builder.tls_certs_only(certificates)
            } else {
                builder.tls_certs_merge(certificates)
            };
        } else if settings.only_extra_ca {
            return Err(SettingProblem::new(
                "only_extra_ca",
                "trusts nobody without extra_ca_pem: give the certificates",
            ));
        }
        let client = builder.build().map_err(|error| {
            SettingProblem::new("tls", format!("the HTTPS client cannot be built: {}", explain(&error)))
        })?;
        Ok(HttpsTransport {
            client,
            tls_minimum: settings.tls_minimum,
            timeout_ms: settings.timeout_ms,
            body_max_bytes: settings.body_max_bytes,
        })
    }

    fn failure(&self, error: &reqwest::Error) -> TransportFailure {
        // Builder errors stand for a URL that may not be used, such as one without TLS.
        if error.is_connect() || error.is_dns() || error.is_builder() {
            return TransportFailure::NotSent { what: explain(error) };
        }
        if error.is_timeout() {
            return TransportFailure::Lost {
                what: format!("no answer within {} s", self.timeout_ms.div_ceil(1000)),
            };
        }
        TransportFailure::Lost { what: explain(error) }
    }
}

#[async_trait]
impl Transport for HttpsTransport {
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, TransportFailure> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| TransportFailure::NotSent { what: explain(&error) })?;
        let mut response = self.client.execute(request).await.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let too_large =
            || TransportFailure::TooLarge { status: status.as_u16(), limit_bytes: self.body_max_bytes };
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if body.len() + chunk.len() > self.body_max_bytes {
                        return Err(too_large());
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => break,
                Err(error) => {
                    let what = if error.is_timeout() {
                        format!("no whole answer within {} s", self.timeout_ms.div_ceil(1000))
                    } else {
                        explain(&error)
                    };
                    return Err(TransportFailure::BodyCut { status: status.as_u16(), what });
                }
            }
        }
        let mut answer = http::Response::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }

    fn tls_minimum(&self) -> TlsMinimum {
        self.tls_minimum
    }
}

/// The cause in words, without the URL (its query may hold an identifier).
fn explain(error: &reqwest::Error) -> String {
    let mut causes: Vec<&(dyn StdError + 'static)> = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    if let Some(tls) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls_in_words(tls);
    }
    if error.is_dns() {
        return "the name of the host is not known: check the address and the network".to_owned();
    }
    if error.is_builder() {
        return "the address cannot be used: it must be a full https:// address".to_owned();
    }
    let io = causes.iter().rev().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    if let Some(io) = io {
        return match io.kind() {
            std::io::ErrorKind::ConnectionRefused => {
                "nothing listens at that address and port: check them, and whether the system is up"
                    .to_owned()
            }
            std::io::ErrorKind::TimedOut => {
                "no connection in time: check the network and the firewall".to_owned()
            }
            std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::BrokenPipe
            | std::io::ErrorKind::UnexpectedEof => "the connection was closed by the other end".to_owned(),
            kind => format!("the connection failed ({kind})"),
        };
    }
    if error.is_timeout() {
        return if error.is_connect() {
            "no connection in time: check the network and the firewall".to_owned()
        } else {
            "no answer in time".to_owned()
        };
    }
    match causes.last() {
        Some(cause) => super::quoted(&cause.to_string()),
        None => "the connection failed".to_owned(),
    }
}

fn tls_in_words(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError as Cert, Error, PeerIncompatible};
    match error {
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        ) => "it does not speak a TLS version that we accept: at least TLS 1.3 is asked for; \
              enable TLS 1.3 there, or lower the minimum to TLS 1.2 in the settings"
            .to_owned(),
        Error::InvalidCertificate(Cert::Expired | Cert::ExpiredContext { .. }) => {
            "its TLS certificate has expired: have it renewed, and check this computer's clock".to_owned()
        }
        Error::InvalidCertificate(Cert::NotValidYet | Cert::NotValidYetContext { .. }) => {
            "its TLS certificate is not valid yet: check this computer's clock".to_owned()
        }
        Error::InvalidCertificate(Cert::UnknownIssuer) => {
            "its TLS certificate comes from an authority that is not trusted here: \
             add the authority's certificate to the settings if it is your own"
                .to_owned()
        }
        Error::InvalidCertificate(Cert::NotValidForName | Cert::NotValidForNameContext { .. }) => {
            "its TLS certificate is for another name: check the address".to_owned()
        }
        Error::InvalidCertificate(Cert::Revoked) => {
            "its TLS certificate was revoked: talk to whoever runs it".to_owned()
        }
        Error::InvalidCertificate(_) => {
            "its TLS certificate is not acceptable: talk to whoever runs it".to_owned()
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::AccessDenied,
        ) => "it asks for a client certificate, which is not supported: use OAuth".to_owned(),
        Error::InvalidMessage(_) => "what answers at that address and port does not speak TLS".to_owned(),
        other => format!("TLS failed ({})", super::quoted(&other.to_string())),
    }
}
