//! The operating system's keyring: Secret Service on Linux, Keychain on macOS, Credential Manager on Windows.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use keyring_core::{CredentialStore, Entry, Error};
use secrecy::ExposeSecret;
use tokio::sync::oneshot;

use crate::{Result, Secret, SecretError, SecretStore, checked};

/// How the keyring is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringOptions {
    /// Under which service name the entries stand; people see it in their keyring program.
    pub service: String,
    /// How long a call may take. The keyring may ask a person for its password meanwhile.
    pub timeout: Duration,
}

impl Default for KeyringOptions {
    fn default() -> Self {
        Self { service: "vetsync".to_owned(), timeout: Duration::from_mins(1) }
    }
}

/// The name of the entry that proves that the keyring keeps something.
const PROBE: &str = "probe";

/// Entries in the default keyring.
pub struct KeyringStore {
    store: Arc<CredentialStore>,
    options: KeyringOptions,
}

impl std::fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyringStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl KeyringStore {
    /// Connects, and proves with an entry of its own that the keyring takes, keeps and gives back: connecting alone
    /// succeeds where there is no keyring, and where it is locked.
    pub async fn open(options: KeyringOptions) -> Result<Self> {
        let store = within(options.timeout, platform_store).await?;
        Self::open_on(store, options).await
    }

    /// As [`KeyringStore::open`], on a store that is at hand.
    pub async fn open_on(store: Arc<CredentialStore>, options: KeyringOptions) -> Result<Self> {
        let keyring = Self { store, options };
        let sample = Secret::from(PROBE.as_bytes().to_vec());
        keyring.set(PROBE, &sample).await?;
        let kept = keyring.get(PROBE).await?;
        if kept.is_none_or(|kept| kept.expose_secret() != sample.expose_secret()) {
            return Err(SecretError::Forgetful);
        }
        keyring.delete(PROBE).await?;
        Ok(keyring)
    }

    async fn with_entry<T: Send + 'static>(
        &self,
        name: &str,
        use_entry: impl FnOnce(&Entry) -> std::result::Result<T, Error> + Send + 'static,
    ) -> Result<T> {
        let (store, service, name) =
            (Arc::clone(&self.store), self.options.service.clone(), checked(name)?.to_owned());
        within(self.options.timeout, move || use_entry(&store.build(&service, &name, None)?)).await
    }
}

#[async_trait]
impl SecretStore for KeyringStore {
    async fn get(&self, name: &str) -> Result<Option<Secret>> {
        self.with_entry(name, |entry| match entry.get_secret() {
            Ok(bytes) => Ok(Some(Secret::from(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn set(&self, name: &str, secret: &Secret) -> Result<()> {
        let secret = Secret::from(secret.expose_secret().to_vec());
        self.with_entry(name, move |entry| entry.set_secret(secret.expose_secret())).await
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.with_entry(name, |entry| match entry.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    fn describe(&self) -> String {
        let keyring = if cfg!(target_os = "macos") {
            "the Keychain"
        } else if cfg!(target_os = "windows") {
            "the Credential Manager"
        } else {
            "the keyring"
        };
        format!("{keyring} (entries of {:?})", self.options.service)
    }
}

#[cfg(target_os = "linux")]
fn platform_store() -> std::result::Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn platform_store() -> std::result::Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn platform_store() -> std::result::Result<Arc<CredentialStore>, Error> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
fn platform_store() -> std::result::Result<Arc<CredentialStore>, Error> {
    Err(Error::NoDefaultStore)
}

/// Runs a blocking keyring call on a thread of its own. Not one of the runtime's: the call may wait for a person for
/// ever, and the runtime's end would wait with it.
async fn within<T: Send + 'static>(
    timeout: Duration,
    call: impl FnOnce() -> std::result::Result<T, Error> + Send + 'static,
) -> Result<T> {
    let (answer, answered) = oneshot::channel();
    std::thread::Builder::new()
        .name("keyring".to_owned())
        .spawn(move || {
            // Nobody listens any more after the timeout.
            let _ = answer.send(call());
        })
        .map_err(|error| SecretError::Platform(format!("no thread for the keyring: {}", error.kind())))?;
    match tokio::time::timeout(timeout, answered).await {
        Ok(Ok(result)) => result.map_err(|error| typed(&error)),
        Ok(Err(_)) => {
            Err(SecretError::Platform("the call to the keyring ended without an answer".to_owned()))
        }
        Err(_) => Err(SecretError::TimedOut { waited_s: timeout.as_secs() }),
    }
}

/// What a platform error means. Secret Service errors are told apart by the names of their variants: the store crate
/// hands them on in a box.
fn typed(error: &Error) -> SecretError {
    match error {
        Error::NoStorageAccess(cause) => match format!("{cause:?}").as_str() {
            "NoResult" => SecretError::NoCollection,
            // Locked, a dismissed prompt, a prompt that has no display to appear on; on macOS and Windows the same.
            _ => SecretError::Locked,
        },
        Error::PlatformFailure(cause) => {
            let told = format!("{cause:?}");
            if told.contains("ServiceUnknown")
                || told.contains("Unavailable")
                || told.contains("NameHasNoOwner")
            {
                SecretError::NoService
            } else if told.starts_with("Zbus(") || told.starts_with("ZbusFdo(") {
                SecretError::NoSession
            } else {
                SecretError::Platform(cause.to_string())
            }
        }
        Error::NoDefaultStore => SecretError::NoSession,
        // Their texts may hold the data that was found.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => {
            SecretError::Platform("the entry is damaged".to_owned())
        }
        Error::Ambiguous(_) => SecretError::Platform(
            "several entries have the same name: remove all but one in your keyring program".into(),
        ),
        other => SecretError::Platform(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says its text as `Debug`, as the variants of the store crate's errors do.
    struct Told(&'static str);
    impl std::fmt::Debug for Told {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    impl std::fmt::Display for Told {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("told")
        }
    }
    impl std::error::Error for Told {}

    #[test]
    fn every_trouble_has_its_own_way_out() {
        let access = |told| Error::NoStorageAccess(Box::new(Told(told)));
        let failure = |told| Error::PlatformFailure(Box::new(Told(told)));
        for (error, expected) in [
            (access("NoResult"), SecretError::NoCollection),
            (access("Prompt"), SecretError::Locked),
            (access("Locked"), SecretError::Locked),
            (failure("Zbus(Connection(NotFound))"), SecretError::NoSession),
            (failure("ZbusFdo(ServiceUnknown(\"no name\"))"), SecretError::NoService),
            (failure("Zbus(MethodError(org.freedesktop.DBus.Error.ServiceUnknown))"), SecretError::NoService),
            (failure("Unavailable"), SecretError::NoService),
            (failure("Crypto"), SecretError::Platform("told".into())),
            (Error::NoDefaultStore, SecretError::NoSession),
        ] {
            assert_eq!(typed(&error), expected, "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_keyring_that_waits_for_a_person_is_not_waited_for_for_ever() {
        let (person, never_answers) = std::sync::mpsc::channel::<()>();
        let waited = within(Duration::from_millis(20), move || {
            let _ = never_answers.recv();
            Ok(())
        })
        .await;
        assert_eq!(waited, Err(SecretError::TimedOut { waited_s: 0 }));
        drop(person);
    }

    #[tokio::test]
    async fn a_keyring_keeps_binary_secrets_by_name() {
        let store = keyring_core::mock::Store::new().unwrap();
        let keyring = KeyringStore::open_on(store, KeyringOptions::default()).await.unwrap();
        assert!(keyring.get("token").await.unwrap().is_none());
        keyring.set("token", &Secret::from(b"\0\xff".to_vec())).await.unwrap();
        assert_eq!(keyring.get("token").await.unwrap().unwrap().expose_secret(), b"\0\xff");
        assert!(keyring.get(PROBE).await.unwrap().is_none(), "the probe was left behind");
        keyring.delete("token").await.unwrap();
        keyring.delete("token").await.unwrap();
        assert!(keyring.get("token").await.unwrap().is_none());
    }
}
