//! The one writing connection: a task that takes what callers hand in, applies what has gathered in one transaction,
//! syncs once and answers everybody. While it syncs, the next group gathers; nothing waits on purpose.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use record::Remote;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    apply::{self, Tail},
    batch::Lent,
    check,
    errors::{ends_transaction, typed},
    inbox, outbox,
};
use crate::{Change, InboxRow, OperationRow, Result, StoreError};

/// A group stops growing here, so that nobody waits long behind a bulk load.
const MOST_COMMITS_TOGETHER: usize = 256;
/// As above, counted in changes.
const MOST_CHANGES_TOGETHER: usize = 4_000;
/// Callers beyond this many wait before they may hand in: memory stays bounded.
const QUEUE: usize = 1_024;

/// How often the writer did what, since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStatistics {
    /// Commits and claims that succeeded.
    pub commits: u64,
    /// Commits and claims that were refused or failed.
    pub failures: u64,
    /// Transactions that were made durable: one disk sync each.
    pub syncs: u64,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    failures: AtomicU64,
    syncs: AtomicU64,
}

pub(super) enum Request {
    Commit {
        changes: Vec<Change>,
        answer: oneshot::Sender<Result<()>>,
    },
    Claim {
        now_ms: i64,
        limit: u32,
        remotes: Vec<Remote>,
        answer: oneshot::Sender<Result<Vec<OperationRow>>>,
    },
    /// Everything that was handed in before is done; the connection then is the caller's until it is given back, with a
    /// transaction begun if it is to write.
    Lend {
        to_write: bool,
        answer: oneshot::Sender<Result<Lent>>,
    },
    Verify {
        answer: oneshot::Sender<Result<Vec<String>>>,
    },
    ClaimEvents {
        now_ms: i64,
        records: u32,
        answer: oneshot::Sender<Result<Vec<InboxRow>>>,
    },
    Close {
        answer: oneshot::Sender<()>,
    },
}

/// The callers' end.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    counters: Arc<Counters>,
    ended: watch::Receiver<()>,
}

impl Writer {
    /// Starts the task. `guard` is let go of when the connection is closed.
    pub(super) fn start(connection: SqliteConnection, guard: impl Send + 'static) -> Self {
        let (requests, queue) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let task = Task {
            connection,
            queue,
            tail: Tail::default(),
            verifying: Vec::new(),
            counters: Arc::clone(&counters),
            borrowing: Vec::new(),
            at_rest: true,
        };
        let (end, ended) = watch::channel(());
        tokio::spawn(async move {
            task.run().await;
            drop(guard);
            drop(end);
        });
        Self { requests, counters, ended }
    }

    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Commit { changes, answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    pub(super) async fn claim(
        &self,
        now_ms: i64,
        limit: u32,
        remotes: &[Remote],
    ) -> Result<Vec<OperationRow>> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Claim { now_ms, limit, remotes: remotes.to_vec(), answer };
        self.requests.send(request).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// What is wrong with the pages of the file: looked at when the log is folded into it and nothing is written.
    pub(super) async fn verify(&self) -> Result<Vec<String>> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Verify { answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    pub(super) async fn claim_events(&self, now_ms: i64, records: u32) -> Result<Vec<InboxRow>> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::ClaimEvents { now_ms, records, answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Holds the writing connection: a transaction on it, or only to read.
    pub(super) async fn lend(&self, to_write: bool) -> Result<Lent> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Lend { to_write, answer }).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Finishes what was handed in, folds the log into the file, closes it and lets go of the guard. A second call finds it
    /// done.
    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.requests.send(Request::Close { answer }).await.is_ok() {
            // An error means that another caller closed it first.
            let _ = answered.await;
        }
        // Nothing is ever sent: the other end goes with the guard.
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    pub(super) fn statistics(&self) -> WriterStatistics {
        WriterStatistics {
            commits: self.counters.commits.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
            syncs: self.counters.syncs.load(Ordering::Relaxed),
        }
    }
}

fn closed() -> StoreError {
    StoreError::Other("the store is closed".to_owned())
}

/// What a request came to before its transaction was made durable.
pub(super) enum Outcome {
    Committed(Result<()>),
    Claimed(Result<Vec<OperationRow>>),
    ClaimedEvents(Result<Vec<InboxRow>>),
}

impl Outcome {
    fn error(&self) -> Option<&StoreError> {
        match self {
            Self::Committed(result) => result.as_ref().err(),
            Self::Claimed(result) => result.as_ref().err(),
            Self::ClaimedEvents(result) => result.as_ref().err(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) connection: SqliteConnection,
    queue: mpsc::Receiver<Request>,
    tail: Tail,
    /// Who waits for the file to be looked at.
    verifying: Vec<oneshot::Sender<Result<Vec<String>>>>,
    /// Who waits for the connection, and whether to write.
    borrowing: Vec<(bool, oneshot::Sender<Result<Lent>>)>,
    counters: Arc<Counters>,
    /// No transaction is open.
    pub(super) at_rest: bool,
}

impl Task {
    async fn run(mut self) {
        let mut closing = Vec::new();
        while let Some(first) = self.queue.recv().await {
            let mut group = Vec::new();
            self.gather(first, &mut group, &mut closing);
            if !group.is_empty() {
                self.process(group).await;
            }
            for answer in std::mem::take(&mut self.verifying) {
                // Who no longer waits has nothing to be told.
                drop(answer.send(check::pages(&mut self.connection).await));
            }
            for (to_write, answer) in std::mem::take(&mut self.borrowing) {
                let Some(back) = self.lend(to_write, answer).await else { return };
                self = back;
            }
            if !closing.is_empty() {
                break;
            }
        }
        // Nobody may hand in more; what is in the queue was handed in before and is still done.
        self.queue.close();
        while let Some(first) = self.queue.recv().await {
            let mut group = Vec::new();
            self.gather(first, &mut group, &mut closing);
            if !group.is_empty() {
                self.process(group).await;
            }
            for answer in std::mem::take(&mut self.verifying) {
                // Who no longer waits has nothing to be told.
                drop(answer.send(check::pages(&mut self.connection).await));
            }
            // Nobody begins anything any more.
            self.borrowing.clear();
        }
        // Whoever lets go of the store without closing it is ending: the next start finds the log.
        let tidying: &[&str] =
            if closing.is_empty() { &[] } else { &["PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"] };
        for closing_statement in tidying.iter().copied() {
            if let Err(error) = sqlx::raw_sql(closing_statement).execute(&mut self.connection).await {
                tracing::warn!(error = %typed(&error), "closing the database left its log to the next start");
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(error = %typed(&error), "closing the database");
        }
        for answer in closing {
            let _ = answer.send(());
        }
    }

    /// Lends the connection, and waits until it is given back. `None` if it never is, which only the end of the process
    /// brings about.
    async fn lend(mut self, to_write: bool, answer: oneshot::Sender<Result<Lent>>) -> Option<Self> {
        if to_write {
            if let Err(error) = self.statement("BEGIN IMMEDIATE").await {
                drop(answer.send(Err(error)));
                return Some(self);
            }
            self.at_rest = false;
        }
        let (back, returned) = oneshot::channel();
        // Who no longer waits lets go of it at once, and it comes back.
        drop(answer.send(Ok(Lent::new(self, back))));
        let mut task = returned.await.ok()?;
        if !task.at_rest {
            task.roll_back().await;
        }
        Some(task)
    }

    /// Adds everything that is already in the queue.
    fn gather(&mut self, first: Request, group: &mut Vec<Request>, closing: &mut Vec<oneshot::Sender<()>>) {
        let mut changes = 0;
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Close { answer } => {
                    closing.push(answer);
                    return;
                }
                Request::Verify { answer } => {
                    self.verifying.push(answer);
                    return;
                }
                Request::Lend { to_write, answer } => {
                    self.borrowing.push((to_write, answer));
                    return;
                }
                Request::Commit { changes: list, answer } => {
                    changes += list.len();
                    group.push(Request::Commit { changes: list, answer });
                }
                claim @ (Request::Claim { .. } | Request::ClaimEvents { .. }) => group.push(claim),
            }
            let full = group.len() >= MOST_COMMITS_TOGETHER || changes >= MOST_CHANGES_TOGETHER;
            next = if full { None } else { self.queue.try_recv().ok() };
        }
    }

    /// One transaction for the whole group. If the transaction as a whole is lost (full disk), each request gets one
    /// of its own: a small one may still fit, and one that cannot be done fails alone.
    async fn process(&mut self, group: Vec<Request>) {
        match self.together(&group).await {
            Ok(outcomes) => self.answer(group, outcomes),
            Err(error) if group.len() == 1 => {
                let outcomes = group
                    .iter()
                    .map(|request| match request {
                        Request::Claim { .. } => Outcome::Claimed(Err(again(&error))),
                        Request::ClaimEvents { .. } => Outcome::ClaimedEvents(Err(again(&error))),
                        Request::Commit { .. }
                        | Request::Lend { .. }
                        | Request::Verify { .. }
                        | Request::Close { .. } => Outcome::Committed(Err(again(&error))),
                    })
                    .collect();
                self.answer(group, outcomes);
            }
            Err(_) => {
                for request in group {
                    Box::pin(self.process(vec![request])).await;
                }
            }
        }
    }

    pub(super) fn count(&self, outcome: &Outcome) {
        let counter =
            if outcome.error().is_none() { &self.counters.commits } else { &self.counters.failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn answer(&self, group: Vec<Request>, outcomes: Vec<Outcome>) {
        for (request, outcome) in group.into_iter().zip(outcomes) {
            self.count(&outcome);
            // A caller that no longer waits has its change all the same.
            match (request, outcome) {
                (Request::Commit { answer, .. }, Outcome::Committed(result)) => drop(answer.send(result)),
                (Request::Claim { answer, .. }, Outcome::Claimed(result)) => drop(answer.send(result)),
                (Request::ClaimEvents { answer, .. }, Outcome::ClaimedEvents(result)) => {
                    drop(answer.send(result));
                }
                _ => {}
            }
        }
    }

    /// `Err` means: nothing of this group is in the database.
    async fn together(&mut self, group: &[Request]) -> Result<Vec<Outcome>> {
        self.statement("BEGIN IMMEDIATE").await?;
        if let [only] = group {
            // Nobody else to protect: undoing it is undoing everything.
            let outcome = self.apply(only).await;
            if let Some(error) = outcome.error() {
                let lost = ends_transaction(error).then(|| again(error));
                self.roll_back().await;
                return lost.map_or_else(|| Ok(vec![outcome]), Err);
            }
            self.make_durable().await?;
            return Ok(vec![outcome]);
        }
        let mut outcomes = Vec::with_capacity(group.len());
        let mut done = 0;
        for request in group {
            match self.within_savepoint(request).await {
                Ok(outcome) => {
                    done += usize::from(outcome.error().is_none());
                    outcomes.push(outcome);
                }
                Err(error) => {
                    self.roll_back().await;
                    return Err(error);
                }
            }
        }
        if done == 0 {
            self.roll_back().await;
            return Ok(outcomes);
        }
        self.make_durable().await?;
        Ok(outcomes)
    }

    pub(super) async fn make_durable(&mut self) -> Result<()> {
        #[cfg(feature = "crash-points")]
        crate::crash::point("before a commit");
        if let Err(error) = self.statement("COMMIT").await {
            self.roll_back().await;
            return Err(error);
        }
        #[cfg(feature = "crash-points")]
        crate::crash::point("after a commit");
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn apply(&mut self, request: &Request) -> Outcome {
        match request {
            Request::Commit { changes, .. } => {
                Outcome::Committed(apply::changes(&mut self.connection, &mut self.tail, changes).await)
            }
            Request::Claim { now_ms, limit, remotes, .. } => {
                Outcome::Claimed(outbox::claim(&mut self.connection, *now_ms, *limit, remotes).await)
            }
            Request::ClaimEvents { now_ms, records, .. } => {
                Outcome::ClaimedEvents(inbox::claim(&mut self.connection, *now_ms, *records).await)
            }
            Request::Lend { .. } | Request::Verify { .. } | Request::Close { .. } => {
                Outcome::Committed(Ok(()))
            }
        }
    }

    /// A refused request is undone alone. `Err` means: the transaction is lost.
    pub(super) async fn within_savepoint(&mut self, request: &Request) -> Result<Outcome> {
        if matches!(request, Request::Claim { .. } | Request::ClaimEvents { .. }) {
            // One statement: refused, it undoes itself.
            let outcome = self.apply(request).await;
            return match outcome.error() {
                Some(error) if ends_transaction(error) => Err(again(error)),
                _ => Ok(outcome),
            };
        }
        self.statement("SAVEPOINT request").await?;
        let outcome = self.apply(request).await;
        if let Some(error) = outcome.error() {
            if ends_transaction(error) {
                return Err(again(error));
            }
            self.tail = Tail::default();
            self.statement("ROLLBACK TO request").await?;
        }
        self.statement("RELEASE request").await?;
        Ok(outcome)
    }

    pub(super) async fn roll_back(&mut self) {
        self.at_rest = true;
        self.tail = Tail::default();
        // SQLite may have rolled back by itself; then there is no transaction and this fails without effect.
        let _ = self.statement("ROLLBACK").await;
    }

    async fn statement(&mut self, sql: &'static str) -> Result<()> {
        sqlx::query(sql).execute(&mut self.connection).await.map_err(|error| typed(&error))?;
        Ok(())
    }
}

/// Errors are not `Clone`; a lost transaction answers several callers with the same one.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::WrongKey => StoreError::WrongKey,
        StoreError::Corrupt => StoreError::Corrupt,
        StoreError::NotEncrypted => StoreError::NotEncrypted,
        StoreError::TooNew { found, known } => StoreError::TooNew { found: *found, known: *known },
        StoreError::DiskFull => StoreError::DiskFull,
        StoreError::Owned => StoreError::Owned,
        StoreError::Locked => StoreError::Locked,
        StoreError::Refused { rule } => StoreError::Refused { rule: rule.clone() },
        StoreError::Moved { what } => StoreError::Moved { what: what.clone() },
        StoreError::Other(text) => StoreError::Other(text.clone()),
    }
}

#[cfg(test)]
mod tests;
