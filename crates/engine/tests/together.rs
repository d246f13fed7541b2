//! Operations that answer together, and operations that are claimed ahead of their turn.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use async_trait::async_trait;
use common::{Bench, NEW, OLD, START_MS, chart, lenses, row, unreachable};
use engine::clock::SeededIds;
use engine::drive::{self, Handle, Remotes};
use engine::step::{Command, Event, Notice, Request};
use engine::{Clock, Engine, Policy};
use record::{RecordKind, Remote};
use remote::{Cursor, Fetched, ListScope, Page, Probe, RemoteApi, RemoteError, WirePreview, Write, Written};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use store::sqlite::SqliteStore;
use store::{
    AuditRow, Change, OperationFilter, OperationRow, OperationState, PairRow, PairStatus, PlanRow, PlanState,
    ReceiptRow, Store,
};
use tokio::sync::Semaphore;

fn answer_to(write: &Write) -> Written {
    let key = write.key.clone().unwrap();
    let read_back = row(&key, 4, NEW, &key.replace('r', "p"));
    Written { key, status: 200, response_body: read_back.raw.clone(), read_back, raced: false }
}

/// So many pairs that agreed, of which the EHR then changed the phone; the first writes to ServiceNow are sent.
async fn writes(count: usize, policy: Policy) -> Bench {
    Box::pin(writes_in(&Arc::new(tempfile::tempdir().unwrap()), count, policy)).await
}

async fn file(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    let key = secrecy::SecretBox::new(Box::new([7_u8; 32]));
    Arc::new(SqliteStore::open(&folder.path().join("test.db"), &key, START_MS).await.unwrap())
}

async fn writes_in(folder: &Arc<tempfile::TempDir>, count: usize, policy: Policy) -> Bench {
    let keys: Vec<(String, String)> = (0..count).map(|n| (format!("r{n}"), format!("p{n}"))).collect();
    let rows: Vec<Fetched> = keys.iter().map(|(row_key, id)| row(row_key, 3, OLD, id)).collect();
    let charts = |version, phone: &str| -> Vec<Fetched> {
        keys.iter().map(|(row_key, id)| chart(id, version, phone, row_key)).collect()
    };
    let mut bench = Bench::over(file(folder).await, Arc::clone(folder), policy, START_MS).await;
    bench.start_run().await;
    bench.pages(&rows, &charts(1, "+14155550100")).await;
    bench.start_run().await;
    bench.pages(&rows, &charts(2, NEW)).await;
    // The answers must not be the last a run waits for: those are steps of their own.
    let run = bench.last_run().await.id;
    bench.ask(Command::StopRun { run }).await.unwrap();
    bench
}

fn answers(bench: &mut Bench) -> Vec<Event> {
    std::mem::take(&mut bench.sent)
        .into_iter()
        .map(|request| {
            let Request::Write { operation, write, .. } = request else { panic!("{request:?}") };
            Event::Wrote { operation, result: Ok(answer_to(&write)), latency_ms: 5 }
        })
        .collect()
}

/// Everything that is stored about the operations and what came of them, without the ids that are drawn on the way.
async fn stored(
    bench: &Bench,
) -> (Vec<OperationRow>, Vec<PairRow>, Vec<ReceiptRow>, Vec<PlanRow>, Vec<AuditRow>) {
    let store = &bench.store;
    let operations = store.operations(&OperationFilter::default(), 0, 1_000).await.unwrap();
    let mut pairs = Vec::new();
    for operation in &operations {
        pairs.push(store.pair(&operation.lane).await.unwrap().unwrap());
    }
    let mut receipts = store.receipts(None, 0, 1_000).await.unwrap();
    receipts.sort_by(|one, other| one.operation.cmp(&other.operation));
    let plans = store.plans(None, 0, 1_000).await.unwrap();
    let mut audit = store.audit(None, 0, 1_000).await.unwrap();
    for entry in &mut audit {
        entry.id.clear();
    }
    audit.sort_by(|one, other| (&one.action, &one.subject).cmp(&(&other.action, &other.subject)));
    (operations, pairs, receipts, plans, audit)
}

/// One after the other or all at once: what is stored in the end is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_that_come_together_lead_to_what_they_lead_to_alone() {
    let mut together = writes(9, Policy::default()).await;
    let events = answers(&mut together);
    assert_eq!(events.len(), 9);
    together.engine.step_many(events, together.now_ms).await;

    let mut alone = writes(9, Policy::default()).await;
    for event in answers(&mut alone) {
        alone.step(event).await;
    }
    let (operations, pairs, receipts, plans, audit) = stored(&together).await;
    assert!(operations.iter().all(|row| row.state == OperationState::Done));
    assert!(pairs.iter().all(|row| row.status == PairStatus::Agreed && row.base.is_some()));
    assert!(plans.iter().all(|row| row.state == PlanState::Done));
    assert_eq!((receipts.len(), plans.len()), (9, 9));
    let expected = stored(&alone).await;
    assert_eq!(operations, expected.0);
    assert_eq!(pairs, expected.1);
    assert_eq!(receipts, expected.2);
    assert_eq!(plans, expected.3);
    assert_eq!(audit, expected.4);
    assert_eq!(together.store.check().await.unwrap(), Vec::<String>::new());
}

/// One was called off behind the engine's back: the store refuses its outcome, and that one alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_outcome_that_the_store_refuses_keeps_no_other_back() {
    let mut bench = writes(5, Policy::default()).await;
    let events = answers(&mut bench);
    let Event::Wrote { operation: called_off, .. } = &events[2] else { panic!("a write") };
    let change = Change::CancelOperation { id: called_off.clone(), at_ms: START_MS };
    bench.store.commit(vec![change]).await.unwrap();
    let called_off = called_off.clone();
    bench.engine.step_many(events, bench.now_ms).await;
    for operation in bench.store.operations(&OperationFilter::default(), 0, 9).await.unwrap() {
        let receipt = bench.store.receipt(&operation.id).await.unwrap();
        let pair = bench.store.pair(&operation.lane).await.unwrap().unwrap();
        if operation.id == called_off {
            assert_eq!((operation.state, receipt), (OperationState::Cancelled, None));
            assert_eq!(pair.status, PairStatus::Waiting);
        } else {
            assert_eq!(operation.state, OperationState::Done);
            assert!(receipt.is_some());
            assert_eq!(pair.status, PairStatus::Agreed);
        }
    }
}

/// A read-back that is not what was sent is asked about; its neighbours are settled as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_that_did_not_stick_is_asked_about_among_others_that_did() {
    let mut bench = writes(4, Policy::default()).await;
    let mut events = answers(&mut bench);
    let Event::Wrote { result: Ok(written), .. } = &mut events[1] else { panic!("a write") };
    let key = written.key.clone();
    written.read_back = row(&key, 4, OLD, &key.replace('r', "p"));
    bench.engine.step_many(events, bench.now_ms).await;
    for n in 0..4 {
        let pair = bench.pair(Remote::ServiceNow, &format!("r{n}")).await;
        let asked = bench.store.open_conflict_of(&pair.id).await.unwrap().is_some();
        let expected = pair.servicenow_key.as_deref() == Some(key.as_str());
        assert_eq!((asked, pair.status == PairStatus::Agreed), (expected, !expected), "r{n}");
    }
}

// --- the driver

struct StoppedClock;

impl Clock for StoppedClock {
    fn now_ms(&self) -> i64 {
        START_MS
    }
}

/// A ServiceNow that answers as many writes as it is let.
struct Let {
    permits: Semaphore,
    fails: bool,
    busy: AtomicUsize,
    most_busy: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

impl Let {
    fn new(permits: usize, fails: bool) -> Arc<Let> {
        Arc::new(Let {
            permits: Semaphore::new(permits),
            fails,
            busy: AtomicUsize::new(0),
            most_busy: AtomicUsize::new(0),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl RemoteApi for Let {
    fn remote(&self) -> Remote {
        Remote::ServiceNow
    }
    async fn list(&self, _: RecordKind, _: &ListScope, _: Option<&Cursor>) -> Result<Page, RemoteError> {
        Err(unreachable())
    }
    async fn read(&self, _: RecordKind, _: &str) -> Result<Fetched, RemoteError> {
        Err(unreachable())
    }
    async fn find_by_our_key(&self, _: RecordKind, _: &str) -> Result<Option<Fetched>, RemoteError> {
        Ok(None)
    }
    async fn write(&self, write: &Write) -> Result<Written, RemoteError> {
        self.asked.lock().unwrap().push(write.key.clone().unwrap());
        let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_busy.fetch_max(busy, Ordering::SeqCst);
        // Others get their turn while this one is under way.
        tokio::task::yield_now().await;
        self.permits.acquire().await.unwrap().forget();
        self.busy.fetch_sub(1, Ordering::SeqCst);
        if self.fails { Err(unreachable()) } else { Ok(answer_to(write)) }
    }
    fn preview(&self, _: &Write) -> WirePreview {
        WirePreview { method: "PATCH".to_owned(), url: String::new(), headers: Vec::new() }
    }
    async fn probe(&self) -> Result<Probe, RemoteError> {
        Ok(Probe { latency_ms: 0, findings: Vec::new() })
    }
}

/// A process that finds so many writes in the outbox, with two lanes.
struct Process {
    remote: Arc<Let>,
    handle: Handle,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    store: Arc<dyn Store>,
    _bench: Bench,
}

impl Process {
    async fn with(count: usize, remote: Arc<Let>) -> Process {
        Box::pin(Process::begin(&Arc::new(tempfile::tempdir().unwrap()), count, remote)).await
    }

    async fn begin(folder: &Arc<tempfile::TempDir>, count: usize, remote: Arc<Let>) -> Process {
        // Planned by an engine without lanes: nothing is claimed before the process starts.
        let bench = writes_in(folder, count, Policy { lanes: 0, ..Policy::default() }).await;
        let engine = Engine::new(
            Arc::clone(&bench.store),
            Arc::new(lenses()),
            Policy { lanes: 2, ..Policy::default() },
            Arc::new(SeededIds::new([9; 32])),
        );
        let remotes =
            Remotes { servicenow: Arc::clone(&remote) as Arc<dyn RemoteApi>, ehr: Arc::clone(&remote) as _ };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (handle, task) = drive::start(engine, remotes, Arc::new(StoppedClock), async {
            let _either = stopped.await;
        });
        Process { remote, handle, stop, task, store: Arc::clone(&bench.store), _bench: bench }
    }

    async fn count(&self, state: OperationState) -> usize {
        let filter = OperationFilter { states: vec![state], ..OperationFilter::default() };
        self.store.operations(&filter, 0, 1_000).await.unwrap().len()
    }

    /// Waits until so many operations are in this state; the engine says when something moved.
    async fn until(&self, state: OperationState, expected: usize) {
        let mut notices = self.handle.notices();
        while self.count(state).await != expected {
            let _moved: Notice = notices.recv().await.unwrap();
        }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// However much is claimed ahead, no more requests are under way than there are lanes, each operation is sent once, and
/// all are done.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_more_is_under_way_than_there_are_lanes() {
    let process = Process::with(30, Let::new(1_000, false)).await;
    process.until(OperationState::Done, 30).await;
    assert_eq!(process.remote.most_busy.load(Ordering::SeqCst), 2);
    let mut asked = process.remote.asked.lock().unwrap().clone();
    asked.sort();
    asked.dedup();
    assert_eq!((asked.len(), process.remote.asked()), (30, 30));
    process.end().await;
}

/// What was claimed ahead of its turn goes back when its remote is paused: nothing more is sent, no try is used up.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_claimed_ahead_is_put_back_by_a_pause() {
    let process = Process::with(30, Let::new(4, false)).await;
    process.until(OperationState::Done, 4).await;
    assert!(process.count(OperationState::Running).await > 2, "more is claimed than can be under way");
    let pause = Command::Pause {
        remote: Remote::ServiceNow,
        person: "ada".to_owned(),
        reason: "works on it".to_owned(),
    };
    process.handle.ask(pause).await.unwrap();
    process.until(OperationState::Running, 2).await;
    assert_eq!(process.remote.asked(), 6, "the two that were under way, and the four before them");
    process.remote.permits.add_permits(1_000);
    process.until(OperationState::Done, 6).await;
    assert_eq!((process.remote.asked(), process.count(OperationState::Running).await), (6, 0));
    for operation in process.store.operations(&OperationFilter::default(), 0, 99).await.unwrap() {
        let expected = u32::from(operation.state == OperationState::Done);
        assert_eq!((operation.attempts, operation.errors.as_str()), (expected, "[]"), "{}", operation.id);
    }
    process.end().await;
}

/// A failure keeps back what was claimed ahead until the engine has looked at it: five failures open the breaker, and
/// at most those that were under way with them are more.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_remote_that_fails_is_not_stormed_with_what_was_claimed_ahead() {
    let process = Process::with(30, Let::new(1_000, true)).await;
    let mut notices = process.handle.notices();
    while !process.handle.pulse().health[0].breaker_open() {
        let _moved: Notice = notices.recv().await.unwrap();
    }
    process.until(OperationState::Running, 0).await;
    let asked = process.remote.asked();
    assert!((5..=6).contains(&asked), "{asked}");
    process.end().await;
}

/// The end of the process gives back what was never sent: the next one has no doubt about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_never_sent_is_given_back_at_the_end() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let process = Box::pin(Process::begin(&folder, 30, Let::new(4, false))).await;
    process.until(OperationState::Done, 4).await;
    assert!(process.count(OperationState::Running).await > 2, "more is claimed than can be under way");
    process.end().await;
    let store = file(&folder).await;
    let operations = store.operations(&OperationFilter::default(), 0, 99).await.unwrap();
    let count = |state| operations.iter().filter(|row| row.state == state).count();
    assert_eq!(count(OperationState::Running), 2, "those that were under way");
    let waits = |row: &&OperationRow| {
        matches!(row.state, OperationState::Waiting | OperationState::Retrying) && row.attempts == 0
    };
    assert_eq!(operations.iter().filter(waits).count(), 24);
    store.close().await;
}
