//! A transaction that many commits share: the writing connection is lent to one caller, who reads what was not made
//! durable yet, and gives it back with one disk sync.

use std::sync::Arc;

use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::sync::{Mutex, MutexGuard, oneshot};

use super::{
    errors::typed,
    writer::{Outcome, Request, Task, Writer},
};
use crate::{Change, InboxRow, OperationRow, Result, StoreError};

/// The writer's task while its connection is lent. Dropped unsealed, everything in its transaction is undone.
#[derive(Debug)]
pub(super) struct Lent {
    task: Option<(Task, oneshot::Sender<Task>)>,
    /// The transaction is gone with everything in it; nothing more may be done in its name.
    lost: bool,
}

impl Lent {
    pub(super) fn new(task: Task, back: oneshot::Sender<Task>) -> Self {
        Self { task: Some((task, back)), lost: false }
    }

    fn task(&mut self) -> Result<&mut Task> {
        match &mut self.task {
            Some((task, _)) if !self.lost => Ok(task),
            _ => Err(over()),
        }
    }

    async fn apply(&mut self, request: &Request) -> Result<Outcome> {
        let task = self.task()?;
        let applied = task.within_savepoint(request).await;
        match &applied {
            Ok(outcome) => task.count(outcome),
            Err(_) => self.lost = true,
        }
        applied
    }

    async fn seal(&mut self) -> Result<()> {
        let lost = self.lost;
        let Some((mut task, back)) = self.task.take() else { return Err(over()) };
        let sealed = if lost { Err(over()) } else { task.make_durable().await };
        if lost {
            task.roll_back().await;
        }
        // The writer waits for it as long as the store is open.
        drop(back.send(task));
        sealed
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some((task, back)) = self.task.take() {
            // The writer rolls back what it finds unfinished.
            drop(back.send(task));
        }
    }
}

fn over() -> StoreError {
    StoreError::Other("the transaction is over: nothing in it was kept".to_owned())
}

/// Where commits go: to the writer's queue, or into a transaction that is held.
#[derive(Debug)]
pub(super) enum Writing {
    /// Each is durable when it returns.
    Queue(Writer),
    /// All are durable together.
    Batch(Arc<Mutex<Lent>>),
}

impl Writing {
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        match self {
            Self::Queue(writer) => writer.commit(changes).await,
            Self::Batch(_) if changes.is_empty() => Ok(()),
            Self::Batch(lent) => {
                let (answer, _nobody) = oneshot::channel();
                match lent.lock().await.apply(&Request::Commit { changes, answer }).await? {
                    Outcome::Committed(result) => result,
                    Outcome::Claimed(_) | Outcome::ClaimedEvents(_) => Err(over()),
                }
            }
        }
    }

    pub(super) async fn claim(
        &self,
        now_ms: i64,
        limit: u32,
        remotes: &[record::Remote],
    ) -> Result<Vec<OperationRow>> {
        match self {
            Self::Queue(writer) => writer.claim(now_ms, limit, remotes).await,
            Self::Batch(lent) => {
                let (answer, _nobody) = oneshot::channel();
                let remotes = remotes.to_vec();
                match lent.lock().await.apply(&Request::Claim { now_ms, limit, remotes, answer }).await? {
                    Outcome::Claimed(result) => result,
                    Outcome::Committed(_) | Outcome::ClaimedEvents(_) => Err(over()),
                }
            }
        }
    }

    pub(super) async fn claim_events(&self, now_ms: i64, records: u32) -> Result<Vec<InboxRow>> {
        match self {
            Self::Queue(writer) => writer.claim_events(now_ms, records).await,
            Self::Batch(lent) => {
                let (answer, _nobody) = oneshot::channel();
                match lent.lock().await.apply(&Request::ClaimEvents { now_ms, records, answer }).await? {
                    Outcome::ClaimedEvents(result) => result,
                    Outcome::Committed(_) | Outcome::Claimed(_) => Err(over()),
                }
            }
        }
    }

    /// Makes durable what was committed into a held transaction, and gives the connection back.
    pub(super) async fn seal(&self) -> Result<()> {
        match self {
            // Everything is durable already.
            Self::Queue(_) => Ok(()),
            Self::Batch(lent) => lent.lock().await.seal().await,
        }
    }

    /// What is wrong with the pages of the file; a held transaction leaves that to others.
    pub(super) async fn verify(&self) -> Result<Vec<String>> {
        match self {
            Self::Queue(writer) => writer.verify().await,
            Self::Batch(_) => Ok(Vec::new()),
        }
    }

    /// Closes the writer; a held transaction has nothing to close.
    pub(super) async fn close(&self) {
        match self {
            Self::Queue(writer) => writer.close().await,
            Self::Batch(_) => {}
        }
    }
}

/// Where reads go: to connections that see what is committed, or to a transaction that sees itself.
#[derive(Debug)]
pub(super) enum Readers {
    /// Read-only connections.
    Pools {
        /// For whoever asks.
        readers: SqlitePool,
        /// One, opened when it is first needed, with a cache of its own for walking over all pairs. The two records of a
        /// pair stand far apart: several connections would each decrypt nearly every page, and take turns at the lock
        /// that all page caches share.
        walking: SqlitePool,
    },
    /// The writing connection, between two commits.
    Writer(Writer),
    /// The lent connection.
    Batch(Arc<Mutex<Lent>>),
}

impl Readers {
    pub(super) async fn get(&self) -> Result<Reader<'_>> {
        Ok(match self {
            Self::Pools { readers, .. } => Reader::pooled(readers).await?,
            Self::Writer(writer) => Reader::Borrowed(writer.lend(false).await?),
            Self::Batch(lent) => Reader::Lent(lent.lock().await),
        })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Pools { readers, walking } => {
                walking.close().await;
                readers.close().await;
            }
            // The writer closes its connection itself.
            Self::Writer(_) | Self::Batch(_) => {}
        }
    }
}

/// A connection to read on.
pub(super) enum Reader<'s> {
    Pooled(PoolConnection<Sqlite>),
    Borrowed(Lent),
    Lent(MutexGuard<'s, Lent>),
}

impl Reader<'_> {
    pub(super) async fn pooled(pool: &SqlitePool) -> Result<Self> {
        Ok(Self::Pooled(pool.acquire().await.map_err(|error| typed(&error))?))
    }

    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        match self {
            Self::Pooled(connection) => Ok(connection),
            Self::Borrowed(lent) => Ok(&mut lent.task()?.connection),
            Self::Lent(lent) => Ok(&mut lent.task()?.connection),
        }
    }
}
