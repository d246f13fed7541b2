//! The product's driver of the engine's steps: one loop that sends requests, waits, and feeds answers back. The only
//! place of the engine that spawns or waits.

use crate::clock::Clock;
use crate::error::{EngineError, Result};
use crate::health::{Gate, Health};
use crate::inbox::{Accepted, Arrival, Inbox};
use crate::judge::index;
use crate::polling::{PollState, Told, Watched};
use crate::schedule::Schedule;
use crate::step::{Command, Effects, Engine, Event, Notice, Reply, Request, RunProgress, Ticket};
use crate::storage::StorageTrouble;
use record::Remote;
use remote::{Cursor, ListScope, RemoteApi, RemoteError};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};
use store::RunRow;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Both remotes.
#[derive(Clone)]
pub struct Remotes {
    /// ServiceNow.
    pub servicenow: Arc<dyn RemoteApi>,
    /// The EHR.
    pub ehr: Arc<dyn RemoteApi>,
}

impl Remotes {
    /// The client of a remote.
    pub fn get(&self, remote: Remote) -> &Arc<dyn RemoteApi> {
        match remote {
            Remote::ServiceNow => &self.servicenow,
            Remote::Ehr => &self.ehr,
        }
    }
}

/// What is known at this moment, without asking the engine.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// ServiceNow and EHR.
    pub health: [Health; 2],
    /// The run under way.
    pub run: Option<(RunRow, RunProgress)>,
    /// Tries of an operation in all.
    pub tries: u32,
    /// What keeps the engine from storing anything.
    pub storage: Option<StorageTrouble>,
    /// When the engine acts by itself.
    pub schedule: Arc<Schedule>,
    /// How polling goes; empty where nothing is polled.
    pub polls: Arc<Vec<PollState>>,
}

/// A running engine.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<(Command, oneshot::Sender<Result<Reply>>)>,
    notices: broadcast::Sender<Notice>,
    pulse: Arc<RwLock<Pulse>>,
    started: watch::Receiver<bool>,
    inbox: Inbox,
    clock: Arc<dyn Clock>,
    arrived: Arc<Notify>,
    start_problem: Arc<Mutex<Option<EngineError>>>,
}

impl Handle {
    /// Waits until what an earlier process left behind is taken over: health is known, interrupted runs are closed.
    ///
    /// # Errors
    /// That could not be done; the engine has ended and closed its store.
    pub async fn started(&self) -> Result<()> {
        let mut started = self.started.clone();
        if started.wait_for(|started| *started).await.is_ok() {
            return Ok(());
        }
        let mut problem = self.start_problem.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Err(problem.take().unwrap_or(EngineError::Stopping))
    }

    /// Asks the engine for something and waits for its answer.
    pub async fn ask(&self, command: Command) -> Result<Reply> {
        let (reply, answer) = oneshot::channel();
        self.commands.send((command, reply)).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }

    /// Takes a message of a remote into the inbox; durable on return. Callers do not wait for the engine's steps, and
    /// come in side by side.
    pub async fn accept(&self, arrival: Arrival) -> Result<Accepted> {
        let accepted = self.inbox.accept(arrival, self.clock.now_ms()).await?;
        if matches!(accepted, Accepted::New(_)) {
            self.arrived.notify_one();
        }
        Ok(accepted)
    }

    /// Everything that happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Health and progress as of the last step.
    pub fn pulse(&self) -> Pulse {
        // A poisoned lock only means a reader panicked; the value is whole.
        self.pulse.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Starts the loop. It ends, with requests under way given up and their operations rescued at the next start, when
/// every [`Handle`] is dropped or `stop` resolves.
pub fn start(
    mut engine: Engine,
    remotes: Remotes,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> (Handle, tokio::task::JoinHandle<()>) {
    let (commands, mut asked) = mpsc::channel::<(Command, oneshot::Sender<Result<Reply>>)>(64);
    let (notices, _) = broadcast::channel(4_096);
    let pulse = Arc::new(RwLock::new(Pulse::default()));
    let (first_step, started) = watch::channel(false);
    let arrived = Arc::new(Notify::new());
    let start_problem = Arc::new(Mutex::new(None));
    let handle = Handle {
        commands,
        notices: notices.clone(),
        pulse: Arc::clone(&pulse),
        started,
        inbox: engine.inbox(),
        clock: Arc::clone(&clock),
        arrived: Arc::clone(&arrived),
        start_problem: Arc::clone(&start_problem),
    };
    let task = tokio::spawn(async move {
        tokio::pin!(stop);
        let mut waiting: HashMap<Ticket, oneshot::Sender<Result<Reply>>> = HashMap::new();
        let mut next_ticket = 0_u64;
        let mut lanes = Lanes::new(remotes, engine.policy.lanes);
        let mut events = vec![Event::Started];
        loop {
            let now_ms = clock.now_ms();
            let (effects, mut answered) = lanes.beside(engine.step_many(events, now_ms), now_ms).await;
            if let Some(problem) = effects.start_problem {
                engine.store.close().await;
                *start_problem.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(problem);
                return;
            }
            {
                let mut pulse = pulse.write().unwrap_or_else(std::sync::PoisonError::into_inner);
                pulse.health =
                    [engine.health(Remote::ServiceNow).clone(), engine.health(Remote::Ehr).clone()];
                pulse.run = engine.current_run();
                pulse.tries = engine.policy.tries;
                pulse.storage = engine.storage_trouble();
                pulse.schedule = engine.schedule();
                pulse.polls = engine.polls();
            }
            // After the pulse: whoever asked sees there what they changed.
            for (ticket, reply) in effects.replies {
                if let Some(sender) = waiting.remove(&ticket) {
                    // Whoever asked may have gone meanwhile; what was done stands in the store.
                    let _gone = sender.send(reply);
                }
            }
            first_step.send_replace(true);
            for notice in effects.notices {
                // No console is listening: nothing to tell.
                let _unheard = notices.send(notice);
            }
            let open = Remote::BOTH.map(|remote| engine.health(remote).gate(now_ms) == Gate::Open);
            let unsent = lanes.stepped(effects.requests, &answered, open, now_ms);
            answered.extend(unsent);
            let until_ms = effects.wake_at_ms.map_or(60_000, |at_ms| at_ms - clock.now_ms());
            let sleep_ms = u64::try_from(until_ms).unwrap_or(0).clamp(1, 60_000);
            events = answered;
            if until_ms <= 0 && !events.is_empty() {
                // Answers that keep coming do not put off what is due.
                events.push(Event::Woke);
            }
            tokio::select! {
                biased;
                () = &mut stop => break,
                command = asked.recv() => match command {
                    Some((command, reply)) => {
                        let ticket = Ticket(next_ticket);
                        next_ticket += 1;
                        waiting.insert(ticket, reply);
                        events.push(Event::Asked { ticket, command });
                    }
                    None => break,
                },
                () = arrived.notified() => events.push(Event::Arrived),
                () = std::future::ready(()), if !events.is_empty() => {}
                Some(event) = lanes.answer(now_ms) => events.push(event),
                () = tokio::time::sleep(Duration::from_millis(sleep_ms)) => events.push(Event::Woke),
            }
            lanes.gather(&mut events, now_ms).await;
        }
        let unsent = lanes.shut_down().await;
        engine.give_back(&unsent, clock.now_ms()).await;
        engine.store.close().await;
    });
    (handle, task)
}

/// Requests under way, and those of operations that wait for a lane. What waits here is claimed, durably, ahead of its
/// turn: it is sent as soon as a lane is free, while the engine's step waits for the disk.
struct Lanes {
    remotes: Remotes,
    under_way: JoinSet<Event>,
    /// So many operations may be under way at the same time.
    most: usize,
    /// Those that are.
    busy: HashSet<tokio::task::Id>,
    ahead: VecDeque<Request>,
    /// Something failed and the engine has not seen it yet: it may be the one that closes a gate.
    failed: bool,
}

impl Lanes {
    fn new(remotes: Remotes, most: u32) -> Lanes {
        Lanes {
            remotes,
            under_way: JoinSet::new(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            busy: HashSet::new(),
            ahead: VecDeque::new(),
            failed: false,
        }
    }

    /// Lets a step go on, takes what answers meanwhile, and keeps the lanes busy.
    async fn beside(&mut self, step: impl Future<Output = Effects>, now_ms: i64) -> (Effects, Vec<Event>) {
        tokio::pin!(step);
        let mut answered = Vec::new();
        loop {
            tokio::select! {
                biased;
                effects = &mut step => return (effects, answered),
                Some(event) = self.answer(now_ms), if answered.len() < crate::batch::TOGETHER_MAX => {
                    answered.push(event);
                }
            }
        }
    }

    /// The engine has made up its mind about all but what was `answered` meanwhile. Sends what it asks for; what waited
    /// and may not be sent any more is told.
    fn stepped(
        &mut self,
        requests: Vec<Request>,
        answered: &[Event],
        open: [bool; 2],
        now_ms: i64,
    ) -> Vec<Event> {
        self.failed = answered.iter().any(is_failure);
        let may_go = |request: &Request| lane_of(request).is_none_or(|(remote, _)| open[index(remote)]);
        let (ahead, unsent): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.ahead).into_iter().partition(may_go);
        self.ahead = ahead;
        for request in requests {
            // What goes to a remote that is not open is the one probe: it does not wait behind anything.
            if lane_of(&request).is_some() && may_go(&request) {
                self.ahead.push_back(request);
            } else {
                self.send(request, now_ms);
            }
        }
        self.fill(now_ms);
        unsent
            .iter()
            .filter_map(lane_of)
            .map(|(_, operation)| Event::NotSent { operation: operation.to_owned() })
            .collect()
    }

    fn send(&mut self, request: Request, now_ms: i64) {
        let in_lane = lane_of(&request).is_some();
        let task = self.under_way.spawn(carry(request, self.remotes.clone(), now_ms));
        if in_lane {
            self.busy.insert(task.id());
        }
    }

    fn fill(&mut self, now_ms: i64) {
        while !self.failed
            && self.busy.len() < self.most
            && let Some(request) = self.ahead.pop_front()
        {
            self.send(request, now_ms);
        }
    }

    /// The next answer; `None` while nothing is under way.
    async fn answer(&mut self, now_ms: i64) -> Option<Event> {
        let done = self.under_way.join_next_with_id().await?;
        Some(self.take(done, now_ms))
    }

    /// Adds the answers that are there already: they share a step, and with it a sync of the disk. Nothing is waited
    /// for, but requests that can be answered at once get the chance to be.
    async fn gather(&mut self, events: &mut Vec<Event>, now_ms: i64) {
        tokio::task::yield_now().await;
        while events.len() < crate::batch::TOGETHER_MAX
            && let Some(done) = self.under_way.try_join_next_with_id()
        {
            let event = self.take(done, now_ms);
            events.push(event);
        }
    }

    fn take(
        &mut self,
        done: std::result::Result<(tokio::task::Id, Event), tokio::task::JoinError>,
        now_ms: i64,
    ) -> Event {
        let (id, event) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(panicked = error.is_panic(), "driver.request_lost");
                (error.id(), Event::Woke)
            }
        };
        self.busy.remove(&id);
        self.failed |= is_failure(&event);
        self.fill(now_ms);
        event
    }

    /// Gives up what is under way; returns the operations that were never sent.
    async fn shut_down(&mut self) -> Vec<String> {
        self.under_way.shutdown().await;
        let unsent = self.ahead.drain(..);
        unsent.filter_map(|request| lane_of(&request).map(|(_, operation)| operation.to_owned())).collect()
    }
}

/// Whether a remote's answer is none: what waits in the same step is then not sent on.
pub const fn is_failure(event: &Event) -> bool {
    matches!(
        event,
        Event::Found { result: Err(_), .. }
            | Event::Wrote { result: Err(_), .. }
            | Event::RecordRead { result: Err(_), .. }
            | Event::PageRead { result: Err(_), .. }
            | Event::Polled { result: Err(_), .. }
            | Event::Probed { result: Err(_), .. }
    )
}

/// Where a request takes up a lane: its remote and its operation.
pub fn lane_of(request: &Request) -> Option<(Remote, &str)> {
    match request {
        Request::FindByOurKey { operation, remote, .. }
        | Request::FindBill { operation, remote, .. }
        | Request::Write { operation, remote, .. } => Some((*remote, operation)),
        Request::ReadPage { .. }
        | Request::ReadRecord { .. }
        | Request::Poll { .. }
        | Request::Probe { .. }
        | Request::GoOn { .. } => None,
    }
}

/// Asks a remote what changed.
///
/// # Errors
/// The remote's.
pub async fn told(
    remote: &dyn RemoteApi,
    watched: Watched,
    since_ms: i64,
    cursor: Option<&Cursor>,
) -> std::result::Result<Told, RemoteError> {
    match watched {
        Watched::Changes(kind) => {
            remote.list(kind, &ListScope::ChangedSince(since_ms), cursor).await.map(Told::Changes)
        }
        Watched::Deletions => remote.deletions(since_ms, cursor).await.map(Told::Deletions),
    }
}

/// Sends one request and turns the answer into an event.
async fn carry(request: Request, remotes: Remotes, now_ms: i64) -> Event {
    let began = Instant::now();
    let elapsed_ms = |began: Instant| u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match request {
        Request::ReadPage { run, remote, kind, scope, cursor, not_before_ms } => {
            let wait_ms = u64::try_from(not_before_ms - now_ms).unwrap_or(0);
            if wait_ms > 0 {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
            let began = Instant::now();
            let result = remotes.get(remote).list(kind, &scope, cursor.as_ref()).await;
            #[cfg(feature = "crash-points")]
            store::crash::point("a page was read");
            Event::PageRead { run, remote, result, latency_ms: elapsed_ms(began) }
        }
        Request::ReadRecord { errand, remote, kind, key } => {
            let result = remotes.get(remote).read(kind, &key).await;
            #[cfg(feature = "crash-points")]
            store::crash::point("a record was read");
            Event::RecordRead { errand, remote, result, latency_ms: elapsed_ms(began) }
        }
        Request::FindByOurKey { operation, remote, kind, key } => {
            let result = remotes.get(remote).find_by_our_key(kind, &key).await;
            #[cfg(feature = "crash-points")]
            store::crash::point("a record was looked up");
            Event::Found { operation, result, latency_ms: elapsed_ms(began) }
        }
        Request::FindBill { operation, remote, key } => {
            let result = remotes.get(remote).find_bill(&key).await;
            #[cfg(feature = "crash-points")]
            store::crash::point("a bill was looked up");
            Event::Found { operation, result, latency_ms: elapsed_ms(began) }
        }
        Request::Write { operation, remote, write } => {
            #[cfg(feature = "crash-points")]
            store::crash::point("before a write is sent");
            let result = remotes.get(remote).write(&write).await;
            #[cfg(feature = "crash-points")]
            store::crash::point("a write was answered");
            Event::Wrote { operation, result, latency_ms: elapsed_ms(began) }
        }
        Request::Poll { poll, remote, watched, since_ms, cursor } => {
            let result = told(&**remotes.get(remote), watched, since_ms, cursor.as_ref()).await;
            #[cfg(feature = "crash-points")]
            store::crash::point("a poll was answered");
            Event::Polled { poll, remote, result, latency_ms: elapsed_ms(began) }
        }
        Request::Probe { remote } => {
            let result = remotes.get(remote).probe().await.map(|_findings| ());
            Event::Probed { remote, result, latency_ms: elapsed_ms(began) }
        }
        Request::GoOn { run } => Event::GoOn { run },
    }
}
