//! The receiver of the remotes' own messages, as the settings say.

use crate::assemble::stored;
use crate::problem::StartError;
use engine::Clock;
use engine::drive::Handle;
use receiver::feeds::Feeds;
use receiver::keys::{KeyNames, Keys};
use receiver::limits::RateLimit;
use receiver::{Door, Listening, ReceiverError, TlsFiles};
use record::Remote;
use secrets::SecretStore;
use settings::{Settings, secret_names};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use store::{Change, Store};

/// Calendar programs ask every few minutes; whoever guesses addresses asks more often.
const FEED_READS_PER_MINUTE: u32 = 60;
/// Kind of the incident of a receiver that does not listen.
const INCIDENT: &str = "receiver";

fn keys(secrets: &Arc<dyn SecretStore>) -> Keys {
    let names = KeyNames {
        servicenow: secret_names::WEBHOOKS_SERVICENOW.to_owned(),
        ehr: secret_names::WEBHOOKS_EHR.to_owned(),
    };
    Keys::new(Arc::clone(secrets), names)
}

async fn tls(
    settings: &Settings,
    secrets: &Arc<dyn SecretStore>,
    base: &Path,
) -> Result<TlsFiles, ReceiverError> {
    let wrong = |problem: String| ReceiverError::Certificate { problem };
    let file = base.join(settings.webhooks.certificate_file.clone().unwrap_or_default());
    let certificate_pem = std::fs::read_to_string(&file).map_err(|error| {
        wrong(format!("webhooks.certificate_file {} cannot be read: {error}", file.display()))
    })?;
    let private_key_pem = stored(&**secrets, secret_names::WEBHOOKS_PRIVATE_KEY)
        .await
        .map_err(|error: StartError| wrong(error.to_string()))?
        .ok_or_else(|| {
            wrong(format!(
                "its key is not stored: `vetsync secret set {}`",
                secret_names::WEBHOOKS_PRIVATE_KEY
            ))
        })?;
    let tls12 = settings.webhooks.tls_minimum == settings::TlsMinimum::Tls12;
    Ok(TlsFiles { certificate_pem, private_key_pem, tls12 })
}

/// Listens where the settings name an address. A receiver that cannot listen stops nobody: the reconciliation finds what it
/// would have heard of, and an incident tells IT.
pub(crate) async fn listen(
    settings: &Settings,
    secrets: &Arc<dyn SecretStore>,
    base: &Path,
    inbox: Handle,
    clock: &Arc<dyn Clock>,
    store: &dyn Store,
    feeds: Option<Arc<dyn Feeds>>,
) -> Option<Listening> {
    let address = settings.webhooks.listen.as_ref()?;
    let own = &settings.webhooks;
    let door = Door {
        inbox: Arc::new(inbox),
        keys: keys(secrets),
        clock: Arc::clone(clock),
        window_ms: i64::from(own.replay_window_seconds) * 1_000,
        body_bytes_max: usize::try_from(own.body_kilobytes_max).unwrap_or(usize::MAX).saturating_mul(1_024),
        limit: RateLimit::new(own.messages_per_minute),
        under_way: AtomicUsize::new(0),
        feeds: feeds.filter(|_| own.calendars),
        reads: RateLimit::new(FEED_READS_PER_MINUTE),
    };
    let started = match tls(settings, secrets, base).await {
        Ok(tls) => receiver::start(address, &tls, Arc::new(door)),
        Err(error) => Err(error),
    };
    let now_ms = clock.now_ms();
    let (kind, subject) = (INCIDENT.to_owned(), "webhooks".to_owned());
    let (listening, told) = match started {
        Ok(listening) => (Some(listening), Change::CloseIncident { kind, subject, at_ms: now_ms }),
        Err(error) => {
            tracing::error!("receiver.not_listening");
            let id = format!("receiver-{now_ms}");
            let told = Change::RaiseIncident { id, kind, subject, cause: error.to_string(), at_ms: now_ms };
            (None, told)
        }
    };
    if store.commit(vec![told]).await.is_err() {
        tracing::error!("receiver.not_told");
    }
    listening
}

/// What is wrong with the receiver's set-up, in words with their way out; empty where all is well or none is wanted.
/// Nothing is listened on.
pub async fn check_receiver(
    settings: &Settings,
    secrets: &Arc<dyn SecretStore>,
    base: &Path,
) -> Vec<(String, String)> {
    if settings.webhooks.listen.is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    match tls(settings, secrets, base).await {
        Ok(files) => {
            if let Err(error) = files.config() {
                found.push((
                    error.to_string(),
                    "Put the certificate chain and its key in PEM there.".to_owned(),
                ));
            }
        }
        Err(error) => {
            found.push((error.to_string(), "Put the certificate chain and its key in PEM there.".to_owned()));
        }
    }
    let keys = keys(secrets);
    for (remote, name) in
        [(Remote::ServiceNow, secret_names::WEBHOOKS_SERVICENOW), (Remote::Ehr, secret_names::WEBHOOKS_EHR)]
    {
        let (what, way_out) = match keys.stored(remote).await {
            Ok(Some(_)) => continue,
            Ok(None) => (
                format!("no signing key is stored, so every message of {} is turned away", remote.label()),
                format!("`vetsync secret set {name}` with the key that the sender signs with (whsec_…)."),
            ),
            Err(problem) => (
                format!("the secret {name} cannot be used: {problem}"),
                format!("`vetsync secret set {name}` with whsec_ and base64 of 24 to 64 random bytes."),
            ),
        };
        found.push((what, way_out));
    }
    found
}
