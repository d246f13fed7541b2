//! One process owns the database file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use crate::{Result, StoreError};

/// Held as long as the store is open. The operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct OwnerLock {
    _file: File,
}

impl OwnerLock {
    /// Takes the lock beside the database, or says [`StoreError::Owned`] at once.
    pub(super) fn take(database: &Path) -> Result<Self> {
        let path = lock_path(database);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options.open(&path).map_err(|error| {
            StoreError::Other(format!("the database's folder cannot be written: {}", error.kind()))
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Owned),
            Err(TryLockError::Error(error)) => Err(StoreError::Other(format!(
                "the database's folder does not support locks: {}",
                error.kind()
            ))),
        }
    }
}

/// `vetsync.db` is guarded by `vetsync.db.lock`.
fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    database.with_file_name(name)
}
