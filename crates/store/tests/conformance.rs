//! The store keeps every property of the conformance suite.

use std::sync::atomic::{AtomicU32, Ordering};

use store::{
    conformance,
    sqlite::{SecretKey, SqliteStore},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_property_holds() {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicU32::new(0);
    let broken =
        conformance::exercise(|| {
            let path = folder.path().join(format!("{}.db", next.fetch_add(1, Ordering::Relaxed)));
            async move {
                SqliteStore::open(&path, &SecretKey::new(Box::new([7; 32])), conformance::rows::T0).await
            }
        })
        .await;
    assert!(broken.is_empty(), "{}", broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    assert!(conformance::properties().len() > 50);
}
