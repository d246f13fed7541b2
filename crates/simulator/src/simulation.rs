//! All three remotes standing on loopback, over TLS 1.3.

use crate::clinic::{self, Clinic};
use crate::clock::Clock;
use crate::control::Control;
use crate::ehr::{Dialect, Ehr};
use crate::idp::{BackendClient, IdentityProvider};
use crate::mid::MidServer;
use crate::serve;
use crate::servicenow::{Instance, OauthClient, User};
use crate::tls::{self, SigningKey, TlsError};
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use jsonwebtoken::Algorithm;
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// What a simulation is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides the clinic, ids and tokens.
    pub seed: u64,
    /// Animals of the clinic.
    pub patients: usize,
    /// How often things happen in the clinic.
    pub rates: clinic::Rates,
    /// What the EHR can do.
    pub dialect: Dialect,
    /// Port of the ServiceNow instance; 0 takes a free one.
    pub servicenow_port: u16,
    /// Port of the EHR; 0 takes a free one.
    pub ehr_port: u16,
    /// Port of the identity provider; 0 takes a free one.
    pub idp_port: u16,
    /// The remotes' clock.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seed: 1,
            patients: 500,
            rates: clinic::Rates::default(),
            dialect: Dialect::default(),
            servicenow_port: 0,
            ehr_port: 0,
            idp_port: 0,
            clock: Clock::system(),
        }
    }
}

/// A simulation that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Keys or certificates could not be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The MID Server's HTTPS client could not be built.
    #[error("the MID Server cannot speak HTTPS: {0}")]
    MidServer(#[from] rustls::Error),
    /// The clinic could not be made.
    #[error("the clinic could not be made: its generator stopped")]
    Clinic,
    /// A port could not be taken.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; choose another port or 0")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a client needs to sign in at ServiceNow.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceNowCredentials {
    /// `/oauth_token.do` of the instance.
    pub token_url: String,
    /// OAuth client id; also `aud` and `iss` of JWT bearer assertions.
    pub client_id: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// The integration user's name: what `sys_updated_by` says after our writes.
    pub user_name: String,
    /// Its address: `sub` of JWT bearer assertions.
    pub user_email: String,
    /// Its password, for third-party clients.
    pub password: String,
    /// `kid` of the key assertions are signed with.
    pub key_id: String,
    /// RS256 private key, PKCS#8 PEM.
    pub private_key_pem: String,
}

/// What a client needs to sign in at the identity provider.
#[derive(Debug, Clone, Serialize)]
pub struct EhrCredentials {
    /// The token endpoint; also `aud` of assertions.
    pub token_url: String,
    /// Client id.
    pub client_id: String,
    /// The scopes it may have.
    pub scope: String,
    /// `kid` of the RS384 key.
    pub rs384_key_id: String,
    /// RS384 private key, PKCS#8 PEM.
    pub rs384_private_key_pem: String,
    /// `kid` of the ES384 key.
    pub es384_key_id: String,
    /// ES384 private key, PKCS#8 PEM.
    pub es384_private_key_pem: String,
}

/// All credentials of a simulation.
#[derive(Debug, Clone, Serialize)]
pub struct Credentials {
    /// For ServiceNow.
    pub servicenow: ServiceNowCredentials,
    /// For the EHR.
    pub ehr: EhrCredentials,
}

/// A standing simulation. Dropping it stops the servers at once; [`Running::stop`] lets requests finish.
#[derive(Debug)]
pub struct Running {
    /// The instance, without a slash at the end: `https://127.0.0.1:40001`.
    pub servicenow_url: String,
    /// Where the EHR's routes begin: `https://127.0.0.1:40002/api/v1`.
    pub ehr_url: String,
    /// The identity provider: `https://127.0.0.1:40003`.
    pub idp_url: String,
    /// The certificate authority to trust, in PEM.
    pub ca_pem: String,
    /// How to sign in.
    pub credentials: Credentials,
    /// The hand behind the curtain.
    pub control: Control,
    servers: Vec<(Handle<SocketAddr>, tokio::task::JoinHandle<std::io::Result<()>>)>,
    mid: tokio::task::JoinHandle<()>,
}

/// Starts simulations.
#[derive(Debug)]
pub struct Simulation;

/// The scopes the EHR's client is registered with.
const EHR_SCOPE: &str = "system/Patient.cruds system/AllergyIntolerance.cruds system/Appointment.cruds \
    system/Encounter.cruds system/Condition.cruds system/Procedure.cruds system/MedicationRequest.cruds \
    system/ClinicalImpression.cruds system/Provenance.cruds system/Practitioner.rs";

impl Simulation {
    /// Makes the clinic, binds the ports and serves.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let authority = tls::authority(&["127.0.0.1", "localhost", "::1"])?;
        let listeners = [options.servicenow_port, options.ehr_port, options.idp_port].map(listen);
        let [servicenow_listener, ehr_listener, idp_listener] = listeners;
        let (servicenow_listener, servicenow_port) = servicenow_listener?;
        let (ehr_listener, ehr_port) = ehr_listener?;
        let (idp_listener, idp_port) = idp_listener?;
        let servicenow_url = format!("https://127.0.0.1:{servicenow_port}");
        let ehr_url = format!("https://127.0.0.1:{ehr_port}/api/v1");
        let idp_url = format!("https://127.0.0.1:{idp_port}");

        let (urls, kept) = ((servicenow_url.clone(), ehr_url.clone(), idp_url.clone()), options.clone());
        // Keys and a large clinic take seconds: not on the threads that serve.
        let made = tokio::task::spawn_blocking(move || set_up(&kept, &urls.0, &urls.1, &urls.2)).await;
        let (mut control, credentials) = made.map_err(|_| StartError::Clinic)??;
        let mid = MidServer::new(Arc::clone(&control.servicenow), &authority.ca_pem)?;
        let mid = Arc::new(mid);
        control.mid = Some(Arc::clone(&mid));

        let routers = [
            (
                servicenow_listener,
                servicenow_port,
                serve::servicenow_router(Arc::clone(&control.servicenow), Some(control.clone())),
            ),
            (ehr_listener, ehr_port, serve::ehr_router(Arc::clone(&control.ehr), Some(control.clone()))),
            (idp_listener, idp_port, serve::idp_router(Arc::clone(&control.idp), Some(control.clone()))),
        ];
        let mut servers = Vec::new();
        for (listener, port, router) in routers {
            let server = serve_tls(listener, Arc::clone(&authority.server), router)
                .map_err(|source| StartError::Listen { port, source })?;
            servers.push(server);
        }
        for (handle, _) in &servers {
            handle.listening().await;
        }
        Ok(Running {
            servicenow_url,
            ehr_url,
            idp_url,
            ca_pem: authority.ca_pem,
            credentials,
            control,
            servers,
            mid: tokio::spawn(mid.work()),
        })
    }
}

impl Running {
    /// Everything another process needs, as one JSON object: URLs, certificate authority, credentials.
    pub fn describe(&self) -> serde_json::Value {
        serde_json::json!({
            "servicenow_url": self.servicenow_url,
            "ehr_url": self.ehr_url,
            "idp_url": self.idp_url,
            "ca_pem": self.ca_pem,
            "credentials": self.credentials,
        })
    }

    /// The name of the instance's MID Server, which reaches the EHR.
    pub const fn mid_server_name(&self) -> &'static str {
        crate::mid::NAME
    }

    /// Lets requests under way finish for at most two seconds, then stops.
    pub async fn stop(mut self) {
        self.mid.abort();
        for (handle, _) in &self.servers {
            handle.graceful_shutdown(Some(Duration::from_secs(2)));
        }
        for (_, task) in self.servers.drain(..) {
            // A server that failed has stopped all the same.
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.mid.abort();
        for (handle, _) in &self.servers {
            handle.shutdown();
        }
    }
}

fn listen(port: u16) -> Result<(TcpListener, u16), StartError> {
    let attempt = || {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok((listener, port))
    };
    attempt().map_err(|source| StartError::Listen { port, source })
}

fn serve_tls(
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    router: Router,
) -> std::io::Result<(Handle<SocketAddr>, tokio::task::JoinHandle<std::io::Result<()>>)> {
    let handle = Handle::new();
    let server =
        axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(config))?.handle(handle.clone());
    Ok((handle, tokio::spawn(server.serve(router.into_make_service()))))
}

fn set_up(
    options: &Options,
    servicenow_url: &str,
    ehr_url: &str,
    idp_url: &str,
) -> Result<(Control, Credentials), StartError> {
    let servicenow_key = SigningKey::rsa("vetsync-servicenow", Algorithm::RS256)?;
    let rs384 = SigningKey::rsa("vetsync-rs384", Algorithm::RS384)?;
    let es384 = SigningKey::p384("vetsync-es384")?;

    let idp = IdentityProvider::new(options.clock.separate(), options.seed);
    idp.set_base_url(idp_url);
    idp.add_client(BackendClient {
        client_id: "vetsync".to_owned(),
        keys: SigningKey::set(&[&rs384, &es384]),
        scope: EHR_SCOPE.to_owned(),
    });
    let idp = Arc::new(idp);

    let ehr = Ehr::new(options.clock.separate(), Arc::clone(&idp));
    ehr.set_base_url(ehr_url);
    ehr.speak(|dialect| *dialect = options.dialect.clone());

    let servicenow = Instance::new(options.clock.separate(), options.seed);
    servicenow.set_base_url(servicenow_url);
    servicenow.add_user(User {
        user_name: "vetsync.integration".to_owned(),
        password: "correct-horse-battery".to_owned(),
        name: "VetSync".to_owned(),
        email: "vetsync@mainstreetvet.example".to_owned(),
        zone: chrono_tz::UTC,
    });
    servicenow.add_user(User {
        user_name: "front.desk".to_owned(),
        password: "opening-hours-8-to-6".to_owned(),
        name: "Front Desk".to_owned(),
        email: "desk@mainstreetvet.example".to_owned(),
        zone: chrono_tz::America::Los_Angeles,
    });
    let client_id = "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned();
    let client_secret = format!("simulated-secret-{:016x}", options.seed);
    servicenow.add_oauth_client(OauthClient {
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
        application_user: Some("vetsync.integration".to_owned()),
        keys: SigningKey::set(&[&servicenow_key]),
        audience: client_id.clone(),
    });
    let clinic = Clinic::generate_into(options.seed, options.patients, &options.rates, &servicenow, &ehr);
    let control = Control::of(Arc::new(servicenow), Arc::new(ehr), Arc::clone(&idp), clinic);
    let credentials = Credentials {
        servicenow: ServiceNowCredentials {
            token_url: format!("{servicenow_url}/oauth_token.do"),
            client_id,
            client_secret,
            user_name: "vetsync.integration".to_owned(),
            user_email: "vetsync@mainstreetvet.example".to_owned(),
            password: "correct-horse-battery".to_owned(),
            key_id: servicenow_key.key_id,
            private_key_pem: servicenow_key.private_key_pem,
        },
        ehr: EhrCredentials {
            token_url: idp.token_url(),
            client_id: "vetsync".to_owned(),
            scope: EHR_SCOPE.to_owned(),
            rs384_key_id: rs384.key_id,
            rs384_private_key_pem: rs384.private_key_pem,
            es384_key_id: es384.key_id,
            es384_private_key_pem: es384.private_key_pem,
        },
    };
    Ok((control, credentials))
}
