//! The key of the encrypted database.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::{Zeroize, Zeroizing};

use crate::{Result, Secret, SecretError, SecretStore};

/// 32 random bytes. The same type as the store's key.
pub type DatabaseKey = SecretBox<[u8; 32]>;

/// The name of the secret.
pub const DATABASE_KEY: &str = "database-key";

/// The key of the database: the one that is kept or, when there is neither key nor database, a new one from
/// `generate` (32 bytes of a cryptographic generator). A database without its key is an error: a new key could not
/// read it, and would hide that the old one is lost.
pub async fn database_key(
    store: &dyn SecretStore,
    generate: impl FnOnce() -> [u8; 32] + Send,
    database_exists: bool,
) -> Result<DatabaseKey> {
    if let Some(kept) = store.get(DATABASE_KEY).await? {
        return decode(&kept)
            .ok_or_else(|| SecretError::BadKey { name: DATABASE_KEY.to_owned(), store: store.describe() });
    }
    if database_exists {
        return Err(SecretError::KeyMissing { name: DATABASE_KEY.to_owned(), store: store.describe() });
    }
    let key = new_key(generate);
    // As text: keyring programs show it, and people copy it into their backup.
    let text = Zeroizing::new(STANDARD.encode(key.expose_secret()));
    store.set(DATABASE_KEY, &Secret::from(text.as_bytes().to_vec())).await?;
    // Read back before anything is encrypted with it: a key that is not kept would lose the database.
    let kept = store.get(DATABASE_KEY).await?.as_ref().and_then(decode).ok_or(SecretError::Forgetful)?;
    if kept.expose_secret() == key.expose_secret() { Ok(kept) } else { Err(SecretError::Forgetful) }
}

fn new_key(generate: impl FnOnce() -> [u8; 32]) -> DatabaseKey {
    let mut bytes = generate();
    let key = SecretBox::new(Box::new(bytes));
    bytes.zeroize();
    key
}

/// 32 bytes as they are, or as text in base64 or hexadecimal, as `openssl rand` writes it into a credential.
fn decode(secret: &Secret) -> Option<DatabaseKey> {
    let bytes = secret.expose_secret();
    let raw: Zeroizing<Vec<u8>> = if bytes.len() == 32 {
        Zeroizing::new(bytes.to_vec())
    } else {
        let text = std::str::from_utf8(bytes).ok()?.trim();
        if text.len() == 64 { hexadecimal(text)? } else { Zeroizing::new(STANDARD.decode(text).ok()?) }
    };
    let mut key = SecretBox::new(Box::new([0; 32]));
    let place: &mut [u8; 32] = secrecy::ExposeSecretMut::expose_secret_mut(&mut key);
    if raw.len() != place.len() {
        return None;
    }
    place.copy_from_slice(&raw);
    Some(key)
}

fn hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.as_bytes().chunks(2) {
        let digits = std::str::from_utf8(pair).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    const KEY: [u8; 32] = *b"0123456789abcdefghijklmnopqrstuv";

    fn never() -> [u8; 32] {
        panic!("no key may be made here")
    }

    #[tokio::test]
    async fn the_first_start_makes_a_key_and_every_later_one_finds_it() {
        let store = MemoryStore::default();
        let first = database_key(&store, || KEY, false).await.unwrap();
        assert_eq!(first.expose_secret(), &KEY);
        // the database may be there or have been moved away
        for exists in [true, false] {
            let again = database_key(&store, never, exists).await.unwrap();
            assert_eq!(again.expose_secret(), &KEY);
        }
    }

    #[tokio::test]
    async fn a_database_without_its_key_never_gets_a_new_one() {
        let store = MemoryStore::default();
        let missing = database_key(&store, never, true).await.unwrap_err();
        assert!(matches!(missing, SecretError::KeyMissing { .. }), "{missing}");
        assert!(store.get(DATABASE_KEY).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_key_may_be_given_as_bytes_base64_or_hexadecimal() {
        let hex = String::from("303132333435363738396162636465666768696a6b6c6d6e6f70717273747576");
        let base64 = format!("{}\n", STANDARD.encode(KEY));
        for given in
            [KEY.to_vec(), hex.clone().into_bytes(), hex.to_uppercase().into_bytes(), base64.into_bytes()]
        {
            let store = MemoryStore::default();
            store.set(DATABASE_KEY, &Secret::from(given)).await.unwrap();
            let key = database_key(&store, never, true).await.unwrap();
            assert_eq!(key.expose_secret(), &KEY);
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_no_key_is_not_replaced() {
        for given in ["", "password", &"é".repeat(32), &"zz".repeat(32), "AAAA"] {
            let store = MemoryStore::default();
            store.set(DATABASE_KEY, &Secret::from(given.as_bytes().to_vec())).await.unwrap();
            let bad = database_key(&store, never, false).await.unwrap_err();
            assert!(matches!(bad, SecretError::BadKey { .. }), "{given}");
            assert!(!given.is_empty() || bad.to_string().contains("32 bytes"), "{bad}");
        }
    }

    #[derive(Debug)]
    struct Forgets;

    #[async_trait::async_trait]
    impl SecretStore for Forgets {
        async fn get(&self, _name: &str) -> Result<Option<Secret>> {
            Ok(None)
        }
        async fn set(&self, _name: &str, _secret: &Secret) -> Result<()> {
            Ok(())
        }
        async fn delete(&self, _name: &str) -> Result<()> {
            Ok(())
        }
        fn describe(&self) -> String {
            "a sieve".into()
        }
    }

    #[tokio::test]
    async fn a_store_that_does_not_keep_the_key_is_found_out_before_it_is_used() {
        assert_eq!(database_key(&Forgets, || KEY, false).await.unwrap_err(), SecretError::Forgetful);
    }
}
