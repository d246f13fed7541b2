//! Secrets in files that only their owner can read: for a server without a keyring. Whoever becomes that user, or
//! takes the disk, has them; the keyring is better where there is one.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use secrecy::ExposeSecret;

use crate::{Result, Secret, SecretError, SecretStore, checked};

/// Permission bits of the folder.
const FOLDER_MODE: u32 = 0o700;
/// Permission bits of a file.
const FILE_MODE: u32 = 0o600;

/// One file a secret.
#[derive(Debug)]
pub struct FileStore {
    folder: PathBuf,
}

pub(crate) fn disk(action: &'static str, path: &Path, error: &std::io::Error) -> SecretError {
    SecretError::Disk { action, path: path.to_owned(), kind: error.kind() }
}

impl FileStore {
    /// Opens the folder, and makes it if it is not there. One that others can enter is refused.
    pub fn open(folder: &Path) -> Result<Self> {
        if !cfg!(unix) {
            return Err(SecretError::NotHere { what: "a file as secret store" });
        }
        if fs::symlink_metadata(folder).is_err() {
            make_folder(folder)?;
        }
        let store = Self { folder: folder.to_owned() };
        store.check_folder()?;
        Ok(store)
    }

    fn check_folder(&self) -> Result<()> {
        let metadata = fs::metadata(&self.folder).map_err(|error| disk("read", &self.folder, &error))?;
        if !metadata.is_dir() {
            return Err(SecretError::NotPlain { path: self.folder.clone(), wanted: "folder" });
        }
        private(&self.folder, &metadata, FOLDER_MODE)
    }

    /// The file of a secret, if there is one, found to be a plain private file.
    fn existing(&self, name: &str) -> Result<Option<PathBuf>> {
        self.check_folder()?;
        let path = self.folder.join(checked(name)?);
        // Not followed: a link could lead to a file that somebody else can change.
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk("read", &path, &error)),
        };
        if !metadata.is_file() {
            return Err(SecretError::NotPlain { path, wanted: "file" });
        }
        private(&path, &metadata, FILE_MODE)?;
        Ok(Some(path))
    }
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(|error| disk("make", parent, &error))?;
    }
    fs::DirBuilder::new().mode(FOLDER_MODE).create(folder).map_err(|error| disk("make", folder, &error))
}

#[cfg(not(unix))]
fn make_folder(_folder: &Path) -> Result<()> {
    Err(SecretError::NotHere { what: "a file as secret store" })
}

/// Neither group nor others may do anything with it: the lower six bits are clear.
#[cfg(unix)]
fn private(path: &Path, metadata: &fs::Metadata, wanted: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode.trailing_zeros() >= 6 {
        Ok(())
    } else {
        Err(SecretError::TooOpen { path: path.to_owned(), mode, wanted })
    }
}

#[cfg(not(unix))]
fn private(_path: &Path, _metadata: &fs::Metadata, _wanted: u32) -> Result<()> {
    Err(SecretError::NotHere { what: "a file as secret store" })
}

/// Writes a new private file and makes it durable.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(FILE_MODE);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[async_trait]
impl SecretStore for FileStore {
    async fn get(&self, name: &str) -> Result<Option<Secret>> {
        let Some(path) = self.existing(name)? else { return Ok(None) };
        let bytes = fs::read(&path).map_err(|error| disk("read", &path, &error))?;
        Ok(Some(Secret::from(bytes)))
    }

    async fn set(&self, name: &str, secret: &Secret) -> Result<()> {
        self.existing(name)?;
        let path = self.folder.join(checked(name)?);
        // The old file stays whole until the new one is; a leading dot is no name of a secret.
        let unfinished = self.folder.join(format!(".{name}.unfinished"));
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(disk("replace", &unfinished, &error));
            }
            _ => {}
        }
        write_private(&unfinished, secret.expose_secret())
            .and_then(|()| fs::rename(&unfinished, &path))
            .and_then(|()| fs::File::open(&self.folder)?.sync_all())
            .map_err(|error| disk("write", &path, &error))
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let Some(path) = self.existing(name)? else { return Ok(()) };
        fs::remove_file(&path).map_err(|error| disk("remove", &path, &error))
    }

    fn describe(&self) -> String {
        format!("the folder {}", self.folder.display())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn open_up(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn secrets_stay_and_only_their_owner_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/secrets");
        let store = FileStore::open(&path).unwrap();
        assert!(store.get("token").await.unwrap().is_none());
        for value in [&b"first \0 \xff"[..], b"second"] {
            store.set("token", &Secret::from(value.to_vec())).await.unwrap();
            let again = FileStore::open(&path).unwrap();
            assert_eq!(again.get("token").await.unwrap().unwrap().expose_secret(), value);
        }
        assert_eq!((mode(&path), mode(&path.join("token"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "an unfinished file was left behind");
        store.delete("token").await.unwrap();
        store.delete("token").await.unwrap();
        assert!(store.get("token").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let store = FileStore::open(&path).unwrap();
        store.set("token", &Secret::from(vec![1])).await.unwrap();
        open_up(&path.join("token"), 0o640);
        let expected = SecretError::TooOpen { path: path.join("token"), mode: 0o640, wanted: 0o600 };
        assert_eq!(store.get("token").await.unwrap_err(), expected);
        assert!(expected.to_string().ends_with("(mode 640): run chmod 600 on it"), "{expected}");
        open_up(&path.join("token"), 0o600);
        open_up(&path, 0o750);
        let expected = SecretError::TooOpen { path: path.clone(), mode: 0o750, wanted: 0o700 };
        assert_eq!(store.get("token").await.unwrap_err(), expected);
        assert_eq!(store.set("token", &Secret::from(vec![2])).await.unwrap_err(), expected);
        assert_eq!(FileStore::open(&path).unwrap_err(), expected);
    }

    #[tokio::test]
    async fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let store = FileStore::open(&path).unwrap();
        fs::write(folder.path().join("elsewhere"), b"x").unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), path.join("token")).unwrap();
        let refused = store.get("token").await.unwrap_err();
        assert_eq!(refused, SecretError::NotPlain { path: path.join("token"), wanted: "file" });
        assert!(store.set("token", &Secret::from(vec![1])).await.is_err());
        assert_eq!(fs::read(folder.path().join("elsewhere")).unwrap(), b"x");
    }
}
