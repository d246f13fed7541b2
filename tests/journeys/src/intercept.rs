//! A client that stops where a test wants it to stop, in front of the real one.

use async_trait::async_trait;
use record::{RecordKind, Remote};
use remote::{
    Cursor, DeletionPage, Fetched, ListScope, Page, Probe, RemoteApi, RemoteError, WirePreview, Write,
    Written,
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Where a write gets stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// Before it is sent.
    BeforeSending,
    /// After the remote has carried it out; its answer never arrives.
    BeforeAnswer,
}

/// Passes everything on but writes, which get stuck for good.
pub struct Sticky {
    inner: Arc<dyn RemoteApi>,
    at: Stuck,
    reached: Arc<Semaphore>,
}

impl Sticky {
    /// Stands before a client; the semaphore gets a permit for each write that is stuck.
    pub fn before(inner: Arc<dyn RemoteApi>, at: Stuck, reached: Arc<Semaphore>) -> Arc<dyn RemoteApi> {
        Arc::new(Sticky { inner, at, reached })
    }
}

#[async_trait]
impl RemoteApi for Sticky {
    fn remote(&self) -> Remote {
        self.inner.remote()
    }

    async fn list(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        cursor: Option<&Cursor>,
    ) -> Result<Page, RemoteError> {
        self.inner.list(kind, scope, cursor).await
    }

    async fn read(&self, kind: RecordKind, key: &str) -> Result<Fetched, RemoteError> {
        self.inner.read(kind, key).await
    }

    async fn find_by_our_key(&self, kind: RecordKind, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        self.inner.find_by_our_key(kind, our_key).await
    }

    async fn find_bill(&self, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        self.inner.find_bill(our_key).await
    }

    async fn write(&self, write: &Write) -> Result<Written, RemoteError> {
        if self.at == Stuck::BeforeAnswer {
            self.inner.write(write).await?;
        }
        self.reached.add_permits(1);
        std::future::pending().await
    }

    async fn deletions(&self, since_ms: i64, cursor: Option<&Cursor>) -> Result<DeletionPage, RemoteError> {
        self.inner.deletions(since_ms, cursor).await
    }
    fn preview(&self, write: &Write) -> WirePreview {
        self.inner.preview(write)
    }

    async fn probe(&self) -> Result<Probe, RemoteError> {
        self.inner.probe().await
    }
}
