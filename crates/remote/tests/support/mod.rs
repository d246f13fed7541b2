//! A scripted server over real TLS sockets, and clients of it with a clock and ids of their own.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod mid;

use axum::body::Body;
use axum::extract::Query;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use remote::http::{HttpsSettings, HttpsTransport, NewId, Now, Transport};
use remote::signin::{SignIn, SignInMethod, TokenAddress};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// 2026-11-22 12:00 UTC.
pub const NOON_MS: i64 = 1_795_348_800_000;

/// A clock that stands until it is moved.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn at_noon() -> Clock {
        Clock(Arc::new(AtomicI64::new(NOON_MS)))
    }
    pub fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
    pub fn now(&self) -> Now {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::SeqCst))
    }
}

pub fn new_ids() -> NewId {
    let next = AtomicU64::new(1);
    Arc::new(move || format!("id-{}", next.fetch_add(1, Ordering::SeqCst)))
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
    pub fn form(&self) -> std::collections::HashMap<String, String> {
        let url = reqwest::Url::parse(&format!("https://form.test/?{}", self.body)).unwrap();
        url.query_pairs().into_owned().collect()
    }
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path == path
    }
}

/// What the server answers.
pub enum Reply {
    Text {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The connection is closed without an answer.
    HangUp,
    /// The connection stays open and nothing comes.
    Never,
    /// The head and a part of the body, then the connection is closed.
    CutOff {
        status: u16,
        body: &'static str,
    },
}

#[allow(clippy::needless_pass_by_value, reason = "text and values alike, at every call")]
pub fn json(status: u16, body: impl ToString) -> Reply {
    let headers = vec![
        ("content-type", "application/json".into()),
        // The clock of the tests' clients.
        ("date", "Sun, 22 Nov 2026 12:00:00 GMT".into()),
    ];
    Reply::Text { status, headers, body: body.to_string() }
}

impl Reply {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        if let Reply::Text { headers, .. } = &mut self {
            headers.retain(|(known, _)| name != "date" || *known != name);
            headers.push((name, value.into()));
        }
        self
    }
}

/// The authority that the tests' servers are certified by.
pub struct Authority {
    pub pem: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: rcgen::Issuer::new(params, key) }
    }

    fn server_config(&self, tls: &Tls) -> rustls::ServerConfig {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![tls.name.to_owned()]).unwrap();
        if tls.expired {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let versions: &[&rustls::SupportedProtocolVersion] =
            if tls.only_12 { &[&rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    }
}

/// How the server's TLS is.
pub struct Tls {
    pub only_12: bool,
    pub expired: bool,
    pub name: &'static str,
}

impl Default for Tls {
    fn default() -> Self {
        Tls { only_12: false, expired: false, name: "localhost" }
    }
}

/// A server under way, and what it has seen.
pub struct Server {
    pub url: String,
    pub ca_pem: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.is(method, path)).count()
    }
    pub fn settings(&self) -> HttpsSettings {
        HttpsSettings {
            extra_ca_pem: Some(self.ca_pem.clone()),
            only_extra_ca: true,
            ..HttpsSettings::default()
        }
    }
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(HttpsTransport::new(&self.settings()).unwrap())
    }
    /// A sign-in by client secret at this server's `/token`.
    pub fn sign_in(&self, remote: record::Remote, clock: &Clock) -> Arc<SignIn> {
        let method = SignInMethod::ClientSecret {
            client_id: "vetsync".into(),
            client_secret: "not-a-real-secret".to_owned().into(),
            scopes: vec![],
        };
        let address = TokenAddress::Known(format!("{}/token", self.url));
        Arc::new(SignIn::new(remote, method, address, self.transport(), clock.now(), new_ids()).unwrap())
    }
}

/// Starts a server whose answers `script` gives; `/token` hands out `token-1`, `token-2`, …
pub fn serve(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
    let tokens = AtomicU64::new(0);
    serve_all(&Tls::default(), move |seen| {
        if seen.path == "/token" {
            let number = tokens.fetch_add(1, Ordering::SeqCst) + 1;
            return json(
                200,
                format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":1799}}"#),
            );
        }
        script(seen)
    })
}

/// Starts a server whose every answer `script` gives.
pub fn serve_all(tls: &Tls, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
    let authority = Authority::new("Test authority");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(authority.server_config(tls)));
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (noted, script) = (Arc::clone(&seen), Arc::new(script));
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
        let (noted, script) = (Arc::clone(&noted), Arc::clone(&script));
        async move {
            let (head, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&head.uri).unwrap();
            let one = Seen {
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                query,
                headers: head.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            noted.lock().unwrap().push(one.clone());
            match script(&one) {
                Reply::Never => std::future::pending().await,
                reply => answer(reply),
            }
        }
    });
    tokio::spawn(async move {
        axum_server::from_tcp_rustls(listener, config).unwrap().serve(app.into_make_service()).await.unwrap();
    });
    Server { url, ca_pem: authority.pem, seen }
}

fn answer(reply: Reply) -> Response {
    match reply {
        Reply::Text { status, headers, body } => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        // Unwinding ends the connection's task, and with it the connection, without a word on standard error.
        Reply::Never => unreachable!("the handler waits"),
        Reply::HangUp => std::panic::resume_unwind(Box::new("hang up")),
        Reply::CutOff { status, body } => {
            // The head and the first part have to leave before the end comes.
            let rest = stream::once(async {
                for _ in 0..16 {
                    tokio::task::yield_now().await;
                }
                Err(std::io::Error::other("cut off"))
            });
            let body = stream::once(async move { Ok::<_, std::io::Error>(body) }).chain(rest);
            Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .body(Body::from_stream(body))
                .unwrap()
        }
    }
}
