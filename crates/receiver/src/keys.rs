//! The signing keys, from where secrets are kept, and read again when they are replaced.

use crate::signature::SigningKey;
use record::Remote;
use secrecy::ExposeSecret as _;
use secrets::SecretStore;
use std::sync::Arc;
use tokio::sync::RwLock;

/// Keys are read again after this long: one that was taken away ends within it.
const FRESH_MS: i64 = 60_000;
/// And sooner where a signature fits none of them, but not at the will of whoever sends nonsense.
const AGAIN_MS: i64 = 5_000;

/// Names of the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNames {
    /// Of ServiceNow's keys.
    pub servicenow: String,
    /// Of the EHR's.
    pub ehr: String,
}

/// The keys of both senders.
pub struct Keys {
    store: Arc<dyn SecretStore>,
    names: KeyNames,
    read: [RwLock<Read>; 2],
}

#[derive(Debug, Clone, Default)]
struct Read {
    keys: Arc<Vec<SigningKey>>,
    at_ms: Option<i64>,
}

impl Keys {
    /// Nothing is read yet.
    pub fn new(store: Arc<dyn SecretStore>, names: KeyNames) -> Self {
        Keys { store, names, read: [RwLock::default(), RwLock::default()] }
    }

    fn name(&self, remote: Remote) -> &str {
        match remote {
            Remote::ServiceNow => &self.names.servicenow,
            Remote::Ehr => &self.names.ehr,
        }
    }

    const fn place(&self, remote: Remote) -> &RwLock<Read> {
        match remote {
            Remote::ServiceNow => &self.read[0],
            Remote::Ehr => &self.read[1],
        }
    }

    /// The keys as last read; with `doubted`, read again unless that was just done. None at all where there are none or
    /// they cannot be read: then nothing is let in.
    pub async fn of(&self, remote: Remote, now_ms: i64, doubted: bool) -> Arc<Vec<SigningKey>> {
        let good_for_ms = if doubted { AGAIN_MS } else { FRESH_MS };
        let fresh =
            |read: &Read| read.at_ms.is_some_and(|at_ms| (0..good_for_ms).contains(&(now_ms - at_ms)));
        {
            let read = self.place(remote).read().await;
            if fresh(&read) {
                return Arc::clone(&read.keys);
            }
        }
        let mut read = self.place(remote).write().await;
        if !fresh(&read) {
            match self.stored(remote).await {
                Ok(keys) => read.keys = Arc::new(keys.unwrap_or_default()),
                // A locked keyring takes nothing away: what was right before is right still.
                Err(problem) => {
                    tracing::warn!(remote = remote.as_str(), problem, "receiver.keys_not_read");
                }
            }
            read.at_ms = Some(now_ms);
        }
        Arc::clone(&read.keys)
    }

    /// The keys as they are stored; `None` where none are.
    ///
    /// # Errors
    /// They cannot be read, in words that say nothing of them.
    pub async fn stored(&self, remote: Remote) -> Result<Option<Vec<SigningKey>>, &'static str> {
        let found = self.store.get(self.name(remote)).await.map_err(|_| "the secret cannot be read")?;
        let Some(found) = found else { return Ok(None) };
        let text = std::str::from_utf8(found.expose_secret()).map_err(|_| "the secret is not text")?;
        SigningKey::parse_all(text).map(Some)
    }
}
