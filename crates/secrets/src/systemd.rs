//! Credentials that systemd passes to a service (<https://systemd.io/CREDENTIALS/>): read-only files in a folder that
//! only the service sees.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use crate::{Result, Secret, SecretError, SecretStore, checked, file};

/// The variable that names the folder.
pub const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The folder of one service.
#[derive(Debug)]
pub struct SystemdCredentials {
    folder: PathBuf,
}

impl SystemdCredentials {
    /// Takes the folder that systemd passed. Its permissions are systemd's business: the files belong to root or to
    /// the service and are guarded by access lists.
    pub fn open(folder: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(folder).map_err(|error| file::disk("read", folder, &error))?;
        if !metadata.is_dir() {
            return Err(SecretError::NotPlain { path: folder.to_owned(), wanted: "folder" });
        }
        Ok(Self { folder: folder.to_owned() })
    }
}

#[async_trait]
impl SecretStore for SystemdCredentials {
    async fn get(&self, name: &str) -> Result<Option<Secret>> {
        let path = self.folder.join(checked(name)?);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(Secret::from(bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file::disk("read", &path, &error)),
        }
    }

    async fn set(&self, name: &str, _secret: &Secret) -> Result<()> {
        Err(SecretError::ReadOnly { name: checked(name)?.to_owned() })
    }

    async fn delete(&self, name: &str) -> Result<()> {
        Err(SecretError::ReadOnly { name: checked(name)?.to_owned() })
    }

    fn describe(&self) -> String {
        "the systemd credentials of this service".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[tokio::test]
    async fn credentials_are_read_and_never_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("database-key"), b"k").unwrap();
        let store = SystemdCredentials::open(folder.path()).unwrap();
        assert_eq!(store.get("database-key").await.unwrap().unwrap().expose_secret(), b"k");
        assert!(store.get("other").await.unwrap().is_none());
        let refused = SecretError::ReadOnly { name: "database-key".into() };
        assert_eq!(store.set("database-key", &Secret::from(vec![1])).await, Err(refused.clone()));
        assert_eq!(store.delete("database-key").await, Err(refused));
        assert_eq!(std::fs::read(folder.path().join("database-key")).unwrap(), b"k");
    }

    #[test]
    fn a_folder_that_is_not_there_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SystemdCredentials::open(&folder.path().join("nowhere"));
        assert!(
            matches!(missing, Err(SecretError::Disk { kind: std::io::ErrorKind::NotFound, .. })),
            "{missing:?}"
        );
    }
}
