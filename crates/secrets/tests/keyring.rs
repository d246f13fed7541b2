//! The operating system's keyring. Under `tests/with-keyring.sh` it is a real one; elsewhere there must be none, and
//! the error must say what to do.
#![cfg(target_os = "linux")]

use std::{path::PathBuf, process::Command};

use secrecy::ExposeSecret;
use secrets::{
    Choice, DATABASE_KEY, KeyringOptions, KeyringStore, Secret, SecretError, SecretStore, database_key,
    open_in,
};

/// Set by the script.
const REAL_KEYRING: &str = "VETSYNC_TEST_KEYRING";

fn short() -> KeyringOptions {
    KeyringOptions { timeout: std::time::Duration::from_secs(10), ..KeyringOptions::default() }
}

#[tokio::test]
async fn the_real_keyring_keeps_the_database_key_or_its_absence_is_explained() {
    if std::env::var_os(REAL_KEYRING).is_none() {
        // A developer's own session is left alone: the test looks at an address where nobody answers.
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "without_a_session_the_error_says_what_to_do", "--nocapture"])
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env("XDG_RUNTIME_DIR", "/nonexistent")
            .env("VETSYNC_TEST_NO_SESSION", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let store = open_in(&Choice::Auto, None).await.unwrap();
    assert!(store.describe().contains("keyring"), "{}", store.describe());
    let key = database_key(store.as_ref(), || [42; 32], false).await.unwrap();
    // another connection, as after a restart
    let again = KeyringStore::open(short()).await.unwrap();
    let kept = database_key(&again, || [1; 32], true).await.unwrap();
    assert_eq!(kept.expose_secret(), key.expose_secret());
    again.set("token", &Secret::from(b"\0binary\xff".to_vec())).await.unwrap();
    assert_eq!(store.get("token").await.unwrap().unwrap().expose_secret(), b"\0binary\xff");
    // services do not see each other's entries
    let other =
        KeyringStore::open(KeyringOptions { service: "vetsync-other".into(), ..short() }).await.unwrap();
    assert!(other.get("token").await.unwrap().is_none());
    again.delete("token").await.unwrap();
    again.delete(DATABASE_KEY).await.unwrap();
    assert!(store.get(DATABASE_KEY).await.unwrap().is_none());
    // on disk it is encrypted
    let folder = PathBuf::from(std::env::var_os("XDG_DATA_HOME").unwrap()).join("keyrings");
    again.set("token", &Secret::from(b"PLAINTEXT-NEEDLE".to_vec())).await.unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(16).any(|window| window == b"PLAINTEXT-NEEDLE"));
    }
}

#[tokio::test]
async fn without_a_session_the_error_says_what_to_do() {
    if std::env::var_os("VETSYNC_TEST_NO_SESSION").is_none() {
        let text = SecretError::NoSession.to_string();
        assert!(text.contains("set the secret store to a file"), "{text}");
        return;
    }
    let error = KeyringStore::open(short()).await.unwrap_err();
    assert_eq!(error, SecretError::NoSession);
}
