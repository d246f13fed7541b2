//! Secrets in memory, for tests and for a demonstration that leaves nothing behind.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use secrecy::ExposeSecret;

use crate::{Result, Secret, SecretStore, checked};

/// Forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    secrets: Mutex<HashMap<String, Secret>>,
}

impl MemoryStore {
    fn secrets(&self) -> MutexGuard<'_, HashMap<String, Secret>> {
        // A map is whole after every single call, so a poisoned lock holds a sound one.
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SecretStore for MemoryStore {
    async fn get(&self, name: &str) -> Result<Option<Secret>> {
        Ok(self.secrets().get(checked(name)?).map(copy))
    }

    async fn set(&self, name: &str, secret: &Secret) -> Result<()> {
        self.secrets().insert(checked(name)?.to_owned(), copy(secret));
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<()> {
        self.secrets().remove(checked(name)?);
        Ok(())
    }

    fn describe(&self) -> String {
        "memory (gone when the program ends)".to_owned()
    }
}

fn copy(secret: &Secret) -> Secret {
    Secret::from(secret.expose_secret().to_vec())
}
