//! The store keeps every property of the conformance suite.

use std::sync::atomic::{AtomicU32, Ordering};

use store::{
    conformance,
    sqlite::{OpenOptions, SecretKey, SqliteStore},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_property_holds() {
    every_property_holds_with(&OpenOptions::default()).await;
}

/// What is read over the writing connection is what readers of their own read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_property_holds_on_one_connection() {
    every_property_holds_with(&OpenOptions { readers: 0, ..OpenOptions::default() }).await;
}

#[allow(clippy::expect_used, reason = "part of the tests above")]
async fn every_property_holds_with(options: &OpenOptions) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let next = AtomicU32::new(0);
    let broken = conformance::exercise(|| {
        let path = folder.path().join(format!("{}.db", next.fetch_add(1, Ordering::Relaxed)));
        let options = options.clone();
        async move {
            let key = SecretKey::new(Box::new([7; 32]));
            SqliteStore::open_with(&path, &key, conformance::rows::T0, &options).await
        }
    })
    .await;
    assert!(broken.is_empty(), "{}", broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    assert!(conformance::properties().len() > 50);
}
