//! Where keys, tokens and passwords are kept: the operating system's keyring; on a server without one a file that only
//! its owner can read, or a systemd credential. Never in the configuration, never in the database.

mod database_key;
mod file;
mod keyring;
mod memory;
mod systemd;

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use secrecy::SecretSlice;

pub use database_key::{DATABASE_KEY, DatabaseKey, database_key};
pub use file::FileStore;
pub use keyring::{KeyringOptions, KeyringStore};
pub use memory::MemoryStore;
pub use systemd::{CREDENTIALS_DIRECTORY, SystemdCredentials};

/// The bytes of a secret. Wiped when dropped, shown by no `Debug`.
pub type Secret = SecretSlice<u8>;

/// What can go wrong with secrets. Each text ends with the way out; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no D-Bus session, so nobody offers a keyring: a server, a container, `ssh` without a session.
    #[error(
        "there is no desktop session and so no keyring: start VetSync from a desktop session, or set the secret store \
         to a file or to systemd credentials"
    )]
    NoSession,
    /// A session, but no service that keeps secrets.
    #[error(
        "this desktop session has no keyring service: install and start one (GNOME Keyring, KWallet, KeePassXC), or \
         set the secret store to a file"
    )]
    NoService,
    /// The service is there; no keyring was ever made.
    #[error(
        "there is no default keyring yet: open \"Passwords and Keys\" (seahorse) or your password manager and make \
         one, then try again"
    )]
    NoCollection,
    /// The keyring is locked and nobody unlocked it.
    #[error("the keyring is locked: unlock it with your login password and try again")]
    Locked,
    /// No answer in time; most likely a password window waits behind another one.
    #[error(
        "the keyring did not answer within {waited_s} s: look for a window that asks for its password, answer it and \
         try again"
    )]
    TimedOut {
        /// How long was waited, seconds.
        waited_s: u64,
    },
    /// The keyring took a value and did not give it back.
    #[error(
        "the keyring forgets what it is given: choose another keyring, or set the secret store to a file"
    )]
    Forgetful,
    /// Others than the owner can get at the file or folder.
    #[error("{} can be read by others (mode {mode:03o}): run chmod {wanted:03o} on it", .path.display())]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The bits it should have.
        wanted: u32,
    },
    /// Not a plain file or folder.
    #[error("{} is no plain {wanted}: move it away and try again", .path.display())]
    NotPlain {
        /// What stands in the way.
        path: PathBuf,
        /// `file` or `folder`.
        wanted: &'static str,
    },
    /// This store is filled by somebody else.
    #[error(
        "systemd credentials cannot be changed from here: put {name:?} into the unit with LoadCredentialEncrypted= and \
         restart it"
    )]
    ReadOnly {
        /// The secret.
        name: String,
    },
    /// The service manager gave no folder.
    #[error(
        "systemd passed no credentials: add LoadCredentialEncrypted= to the unit, or choose another secret store"
    )]
    NoCredentials,
    /// The name of a secret is not one.
    #[error(
        "{name:?} is no name of a secret: use letters, digits, dot, dash and underscore, beginning with a letter"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// There is a database and no key for it.
    #[error(
        "there is a database but its key is not in {store}: restore the key {name:?} from your backup, or move the \
         database away to begin anew (it cannot be read without its key)"
    )]
    KeyMissing {
        /// The secret.
        name: String,
        /// Where it was looked for, in words.
        store: String,
    },
    /// The stored key is not 32 bytes.
    #[error(
        "the secret {name:?} in {store} is no database key: 32 bytes are expected, as they are, in base64 or in \
         hexadecimal"
    )]
    BadKey {
        /// The secret.
        name: String,
        /// Where it was found, in words.
        store: String,
    },
    /// The file system refuses.
    #[error("cannot {action} {}: {kind}", .path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        kind: std::io::ErrorKind,
    },
    /// This kind of store does not exist on this operating system.
    #[error("{what} is not available on this operating system: choose the keyring")]
    NotHere {
        /// What was asked for.
        what: &'static str,
    },
    /// Whatever else the platform reports.
    #[error("the keyring reports: {0}")]
    Platform(String),
}

/// Result of a call to a secret store.
pub type Result<T> = std::result::Result<T, SecretError>;

/// Keeps secrets by name.
#[async_trait]
pub trait SecretStore: Send + Sync + std::fmt::Debug {
    /// The secret of this name, if there is one.
    async fn get(&self, name: &str) -> Result<Option<Secret>>;
    /// Puts or replaces a secret; it is there for the next start when this returns.
    async fn set(&self, name: &str, secret: &Secret) -> Result<()>;
    /// Removes a secret; one that is not there is fine.
    async fn delete(&self, name: &str) -> Result<()>;
    /// Where it keeps them, in words that fit after "in".
    fn describe(&self) -> String;
}

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// Systemd credentials where the service manager passed them, else the keyring. Never a file by itself: a keyring
    /// that is only locked for the moment would otherwise leave secrets in two places.
    #[default]
    Auto,
    /// The operating system's keyring.
    Keyring,
    /// Files of mode 0600 in this folder of mode 0700.
    File(PathBuf),
    /// The folder that systemd passes to a service, read only.
    SystemdCredential,
}

/// Opens the chosen store and proves that it works.
pub async fn open(choice: &Choice) -> Result<Arc<dyn SecretStore>> {
    open_in(choice, std::env::var_os(CREDENTIALS_DIRECTORY).map(PathBuf::from)).await
}

/// As [`open`], with the folder that systemd passed, if it did.
pub async fn open_in(choice: &Choice, credentials: Option<PathBuf>) -> Result<Arc<dyn SecretStore>> {
    match (choice, credentials) {
        (Choice::File(folder), _) => Ok(Arc::new(FileStore::open(folder)?)),
        (Choice::SystemdCredential | Choice::Auto, Some(folder)) => {
            Ok(Arc::new(SystemdCredentials::open(&folder)?))
        }
        (Choice::SystemdCredential, None) => Err(SecretError::NoCredentials),
        (Choice::Keyring, _) | (Choice::Auto, None) => {
            Ok(Arc::new(KeyringStore::open(KeyringOptions::default()).await?))
        }
    }
}

/// Names are file names, too: no separators, no leading dot, nothing that differs by case alone on some systems is
/// made of them here.
fn checked(name: &str) -> Result<&str> {
    let fine = name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if fine { Ok(name) } else { Err(SecretError::BadName { name: name.chars().take(100).collect() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder() {
        for name in ["database-key", "servicenow.client_secret", "a"] {
            assert!(checked(name).is_ok(), "{name}");
        }
        for name in ["", "../etc", "a/b", ".hidden", "1st", "a b", "ä", "a\0", &"a".repeat(101)] {
            assert!(matches!(checked(name), Err(SecretError::BadName { .. })), "{name}");
        }
    }

    #[tokio::test]
    async fn systemd_credentials_are_taken_where_they_are_passed() {
        let folder = tempfile::tempdir().unwrap();
        for choice in [Choice::Auto, Choice::SystemdCredential] {
            let store = open_in(&choice, Some(folder.path().to_owned())).await.unwrap();
            assert!(store.describe().contains("systemd"), "{}", store.describe());
        }
        let none = open_in(&Choice::SystemdCredential, None).await;
        assert_eq!(none.unwrap_err(), SecretError::NoCredentials);
    }

    #[tokio::test]
    async fn a_chosen_file_wins_over_what_systemd_passes() {
        let folder = tempfile::tempdir().unwrap();
        let choice = Choice::File(folder.path().join("secrets"));
        let store = open_in(&choice, Some(folder.path().to_owned())).await.unwrap();
        assert!(store.describe().contains("secrets"), "{}", store.describe());
    }
}
