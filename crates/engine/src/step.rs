//! The engine as a state machine: an event and the time go in; requests, answers and notices come out.

use crate::clock::Ids;
pub use crate::duplicates::Said;
use crate::errands::Errand;
use crate::error::decode;
use crate::error::{EngineError, Result};
use crate::execute::AttemptError;
use crate::health::Health;
use crate::inbox::{Accepted, Arrival, Looking};
use crate::judge::{PairContext, SideState, index};
use crate::lens::Lenses;
use crate::links;
use crate::polling::{Polling, Told, Watched};
use crate::quarantine::Replayed;
use crate::rules::Rules;
use crate::runs::RunState;
use crate::schedule::Scheduling;
use crate::storage::StorageTrouble;
use crate::treatments::{self, Surroundings};
use mapping::event::EventLens;
use reconcile::plan::FieldDecision;
use record::{FieldIx, FieldState, RecordKind, Remote};
use remote::{Cursor, Fetched, ListScope, Page, RemoteError, Write, Written};
use std::collections::HashMap;
use std::sync::Arc;
use store::{
    Change, OperationFilter, OperationRow, OperationState, PairRow, PlanRow, PlanState, QuarantineCause,
    QuarantineRow, RunRow, SnapshotId, SnapshotRow, Store,
};

/// Settings the engine decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Operations under way at the same time.
    pub lanes: u32,
    /// Tries of an operation in all (specification `retry_attempts`).
    pub tries: u32,
    /// When a run stops and asks.
    pub brake: reconcile::brake::BrakeLimits,
    /// One person may approve a grade 4 plan alone, with a typed reason.
    pub one_person_may_approve: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            lanes: 16,
            tries: 5,
            brake: reconcile::brake::BrakeLimits::default(),
            one_person_may_approve: false,
        }
    }
}

/// Names a command somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// Something a person or the host asks for.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Command {
    /// Reads both remotes completely, compares everything, settles what rules settle: patients first, then what belongs
    /// to them.
    StartRun {
        trigger: String,
        actor: Option<String>,
        plan_only: bool,
        /// This kind only; everything that is synchronised where it is not said.
        kind: Option<RecordKind>,
    },
    /// Stops the run before its next page.
    StopRun { run: String },
    /// Reads both sides of one pair and compares; with `write`, rules may write.
    Observe { pair: String, write: bool, actor: String },
    /// Makes a draft plan from a person's decisions.
    MakePlan {
        conflict: String,
        fingerprint: String,
        decisions: Vec<FieldDecision>,
        maker: String,
        reason: Option<String>,
    },
    /// Makes a draft plan that takes another plan back.
    MakeUndo { plan: String, maker: String },
    /// Carries out exactly this plan, or refuses; while a remote is held back, approved now and carried out then.
    Approve { plan: String, hash: String, person: String, reason: Option<String> },
    /// Turns a plan down, or withdraws one that is approved and waits for its check.
    Refuse { plan: String, person: String, reason: String },
    /// Answers a possible duplicate; without a candidate, "none of them".
    AnswerDuplicate {
        conflict: String,
        candidate: Option<String>,
        same: bool,
        person: String,
        reason: String,
    },
    /// Says of any two records of patients whether they are one animal.
    SayOfTwo { a: SnapshotId, b: SnapshotId, said: Said, person: String, reason: String },
    /// Claims or releases a conflict.
    Claim { conflict: String, person: Option<String> },
    /// Hides a conflict until a time.
    Snooze { conflict: String, until_ms: Option<i64>, reason: String, person: String },
    /// Says of an overwritten change that it was looked at and is right as it is.
    Seen { conflict: String, person: String, reason: String },
    /// Remembers that a person saw what was written of appointments until that moment.
    NewsSeen { person: String, until_ms: i64 },
    /// Keeps half-made choices.
    SaveDraft { conflict: String, draft: String },
    /// Takes a message of a remote into the inbox. [`Engine::inbox`] does the same beside the steps.
    Accept(Arrival),
    /// Edits the text of a quarantined event and has the edited one worked on in its place.
    EditQuarantined { entry: String, raw: String, person: String, reason: String },
    /// Has quarantined entries worked on again: these, or all that are open for one cause, in their original order.
    ReplayQuarantined { entries: Vec<String>, cause: Option<QuarantineCause>, person: String },
    /// Puts a quarantined entry aside.
    DismissQuarantined { entry: String, person: String, reason: String },
    /// Sends one waiting, retrying or parked operation on its way again, unchanged.
    Release { operation: String, person: String, reason: String },
    /// Sends every parked or retrying operation of one cause on its way again, in the order they were enqueued.
    Replay { cause: String, person: String, reason: String },
    /// Makes a draft plan whose writes take the place of a parked operation.
    EditOperation { operation: String, values: Vec<(FieldIx, FieldState)>, maker: String, reason: String },
    /// Calls an operation off, with what its plan would write after it.
    CallOff { operation: String, person: String, reason: String },
    /// Sends nothing more to a remote, until it is resumed.
    Pause { remote: Remote, person: String, reason: String },
    /// Ends a pause.
    Resume { remote: Remote, person: String, reason: String },
    /// Asks a remote once, whatever its breaker says.
    TryNow { remote: Remote, person: String, reason: String },
    /// Lets a run that the brake stopped go on: the first person asks, another one agrees.
    ContinueBraked { hash: String, person: String, reason: Option<String> },
    /// The MID Server's record was looked at; with what is wrong, if something is.
    NoteMidServer { name: String, trouble: Option<String> },
    /// Takes note of an incident.
    Acknowledge { incident: String, person: String, reason: Option<String> },
}

/// The answer to a command.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Reply {
    Done,
    Run(RunRow),
    Pair(String),
    Plan(PlanRow),
    /// Approved; the operations are in the outbox.
    Executing(PlanRow),
    /// Approved; both sides are read again when their remotes may be asked, and only then anything is sent.
    AwaitingCheck(PlanRow),
    /// Kept for a second person.
    AwaitingSecond(PlanRow),
    Accepted(Accepted),
    Quarantined(Box<QuarantineRow>),
    Replayed(Vec<Replayed>),
    /// Operations on their way again; creations that waited too long are called off, and the next run looks again.
    Released {
        released: u64,
        called_off: u64,
    },
}

/// What happened.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Event {
    /// First of all: rescues what a killed process left running.
    Started,
    Asked {
        ticket: Ticket,
        command: Command,
    },
    PageRead {
        run: String,
        remote: Remote,
        result: std::result::Result<Page, RemoteError>,
        latency_ms: u64,
    },
    RecordRead {
        errand: u64,
        remote: Remote,
        result: std::result::Result<Fetched, RemoteError>,
        latency_ms: u64,
    },
    Found {
        operation: String,
        result: std::result::Result<Option<Fetched>, RemoteError>,
        latency_ms: u64,
    },
    Wrote {
        operation: String,
        result: std::result::Result<Written, RemoteError>,
        latency_ms: u64,
    },
    /// An operation that was claimed ahead was not sent: its remote may not be asked any more.
    NotSent {
        operation: String,
    },
    /// A remote was asked what changed.
    Polled {
        poll: u64,
        remote: Remote,
        result: std::result::Result<Told, RemoteError>,
        latency_ms: u64,
    },
    /// A remote was asked something harmless, to find out whether it answers.
    Probed {
        remote: Remote,
        result: std::result::Result<(), RemoteError>,
        latency_ms: u64,
    },
    /// The engine asked to be called again at once.
    GoOn {
        run: String,
    },
    /// Something was taken into the inbox beside the steps.
    Arrived,
    /// A time the engine named has come.
    Woke,
}

/// What to do next, outside.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Request {
    ReadPage {
        run: String,
        remote: Remote,
        kind: RecordKind,
        scope: ListScope,
        cursor: Option<Cursor>,
        not_before_ms: i64,
    },
    ReadRecord {
        errand: u64,
        remote: Remote,
        kind: RecordKind,
        key: String,
    },
    FindByOurKey {
        operation: String,
        remote: Remote,
        kind: RecordKind,
        key: String,
    },
    /// The line of a bill under this key ([`remote::RemoteApi::find_bill`]).
    FindBill {
        operation: String,
        remote: Remote,
        key: String,
    },
    Write {
        operation: String,
        remote: Remote,
        write: Write,
    },
    /// Ask what changed at or after a time of the remote's own clock.
    Poll {
        poll: u64,
        remote: Remote,
        watched: Watched,
        since_ms: i64,
        cursor: Option<Cursor>,
    },
    /// Ask something harmless ([`remote::RemoteApi::probe`]).
    Probe {
        remote: Remote,
    },
    GoOn {
        run: String,
    },
}

/// Something open consoles want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Notice {
    Pair(String),
    Conflict(String),
    Plan(String),
    Receipt(String),
    /// Something in the outbox moved.
    Queue,
    Incident,
    Health(Remote),
    Progress(RunProgress),
    RunEnded(String),
    /// The store is in trouble, or well again.
    Storage,
    /// Somebody asked to let a stopped run go on, or agreed to it.
    Braked,
    /// The quarantine or the inbox changed.
    Quarantine,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunProgress {
    /// The run.
    pub run: String,
    /// The kind it is about now.
    pub kind: RecordKind,
    /// What it does now.
    pub phase: crate::runs::Phase,
    /// Records, pairs or writes done in this phase.
    pub done: u64,
    /// Of how many, where that is known.
    pub total: Option<u64>,
    /// Done a second, over this phase; 0 in its first second.
    pub per_second: u64,
}

/// Everything a step leads to.
#[derive(Debug, Default)]
pub struct Effects {
    /// To send.
    pub requests: Vec<Request>,
    /// To answer.
    pub replies: Vec<(Ticket, Result<Reply>)>,
    /// To tell.
    pub notices: Vec<Notice>,
    /// Call [`Event::Woke`] at this time at the latest.
    pub wake_at_ms: Option<i64>,
    /// The first step failed: what an earlier process left behind could not be taken up. No further step may follow.
    pub start_problem: Option<EngineError>,
}

/// The engine.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) lenses: Arc<Lenses>,
    /// What is synchronised, in the order of a run.
    pub(crate) kinds: Vec<RecordKind>,
    /// What appointments and treatments are held to.
    pub(crate) rules: Arc<Rules>,
    pub(crate) policy: Policy,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) run: Option<RunState>,
    pub(crate) errands: HashMap<u64, Errand>,
    pub(crate) in_flight: HashMap<String, OperationRow>,
    /// How many operations may be claimed beyond those that can be under way at the same time.
    pub(crate) ahead: usize,
    pub(crate) health: [Health; 2],
    pub(crate) next_errand: u64,
    /// The outbox may hold something that can be claimed now.
    pub(crate) outbox_touched: bool,
    pub(crate) wake_at_ms: Option<i64>,
    /// The time of the step under way.
    pub(crate) step_ms: i64,
    /// The latest time a step was given: an earlier one means that the clock was set back.
    pub(crate) latest_ms: i64,
    /// Operations whose outcome could not be written down; tried again at the next step.
    pub(crate) unsettled: Vec<OperationRow>,
    /// How the remotes' own messages are understood.
    pub(crate) events: Arc<EventLens>,
    pub(crate) looking: Looking,
    pub(crate) checks: crate::checks::Checks,
    pub(crate) scheduling: Scheduling,
    pub(crate) calendar: crate::broken::Calendar,
    pub(crate) polling: Polling,
    /// Reads that may not go out yet.
    pub(crate) held: Vec<Request>,
    /// Health that is not written down yet.
    pub(crate) health_moved: [bool; 2],
    /// Incidents that are not written down yet.
    pub(crate) incident_changes: Vec<Change>,
    /// Whether the MID Server was in trouble when it was last looked at; none before the first look.
    pub(crate) mid_in_trouble: Option<bool>,
    /// What keeps it from storing anything.
    pub(crate) storage_trouble: Option<StorageTrouble>,
    /// Operations that the latest judgement enqueued: a run that waits for what led to them waits for them too.
    pub(crate) followed_by: Vec<String>,
}

impl Engine {
    /// An engine over a store. Nothing happens before the first step.
    pub fn new(store: Arc<dyn Store>, lenses: Arc<Lenses>, policy: Policy, ids: Arc<dyn Ids>) -> Self {
        Engine {
            store,
            lenses,
            kinds: vec![RecordKind::Patient],
            rules: Arc::new(Rules::default()),
            policy,
            ids,
            run: None,
            errands: HashMap::new(),
            in_flight: HashMap::new(),
            ahead: 0,
            health: [Health::default(), Health::default()],
            next_errand: 0,
            outbox_touched: true,
            wake_at_ms: None,
            step_ms: 0,
            latest_ms: i64::MIN,
            unsettled: Vec::new(),
            events: Arc::new(EventLens::default()),
            looking: Looking::default(),
            checks: crate::checks::Checks::default(),
            scheduling: Scheduling::default(),
            calendar: crate::broken::Calendar::default(),
            polling: Polling::default(),
            held: Vec::new(),
            health_moved: [false; 2],
            incident_changes: Vec::new(),
            mid_in_trouble: None,
            storage_trouble: None,
            followed_by: Vec::new(),
        }
    }

    /// Understands the remotes' own messages by this lens instead of the default one.
    #[must_use]
    pub fn with_events(mut self, events: EventLens) -> Self {
        self.events = Arc::new(events);
        self
    }

    /// Synchronises these kinds besides patients, in the order patients, appointments, treatments.
    #[must_use]
    pub fn with_kinds(mut self, kinds: &[RecordKind], rules: Rules) -> Self {
        self.kinds = vec![RecordKind::Patient];
        self.kinds.extend_from_slice(kinds);
        self.kinds.sort_unstable();
        self.kinds.dedup();
        self.rules = Arc::new(rules);
        self
    }

    /// Health of a remote as of now.
    pub const fn health(&self, remote: Remote) -> &Health {
        &self.health[index(remote)]
    }

    /// Advances by one event.
    pub async fn step(&mut self, event: Event, now_ms: i64) -> Effects {
        let mut effects = Effects::default();
        self.mind_the_clock(now_ms).await;
        self.look_after_storage(now_ms, &mut effects).await;
        Box::pin(self.handle(event, now_ms, &mut effects)).await;
        if effects.start_problem.is_none() {
            // A run of its own transaction: never within one that answers share.
            Box::pin(self.work_on_schedule(now_ms, &mut effects)).await;
        }
        Box::pin(self.follow_up(now_ms, &mut effects)).await;
        effects
    }

    /// What an event itself leads to.
    pub(crate) async fn handle(&mut self, event: Event, now_ms: i64, effects: &mut Effects) {
        self.step_ms = now_ms;
        // What an error in this event belongs to.
        let operation = match &event {
            Event::Found { operation, .. }
            | Event::Wrote { operation, .. }
            | Event::NotSent { operation } => self.in_flight.get(operation).cloned(),
            // What was read to find out whether a write was carried out.
            Event::RecordRead { errand, .. } => {
                self.errands.get(errand).and_then(Errand::confirmed_operation).cloned()
            }
            Event::Started
            | Event::Asked { .. }
            | Event::PageRead { .. }
            | Event::Polled { .. }
            | Event::Probed { .. }
            | Event::GoOn { .. }
            | Event::Arrived
            | Event::Woke => None,
        };
        let of_run = matches!(event, Event::PageRead { .. } | Event::GoOn { .. });
        let handled = match event {
            Event::Started => {
                let rescued = self.rescue(now_ms, effects).await;
                if let Err(error) = rescued {
                    // Without what an earlier process left behind nothing may be sent.
                    tracing::error!(error = %error.log_words(), "engine.not_started");
                    effects.start_problem = Some(error);
                    return;
                }
                Ok(())
            }
            Event::Asked { ticket, command } => {
                self.asked(ticket, command, now_ms, effects).await;
                Ok(())
            }
            Event::PageRead { run, remote, result, latency_ms } => {
                self.note_health(remote, result.as_ref().err(), now_ms, latency_ms, effects);
                self.page_read(&run, remote, result, now_ms, effects).await
            }
            Event::RecordRead { errand, remote, result, latency_ms } => {
                self.note_health(remote, result.as_ref().err(), now_ms, latency_ms, effects);
                Box::pin(self.record_read(errand, remote, result, now_ms, effects)).await
            }
            Event::Found { operation, result, latency_ms } => {
                self.note_operation_health(&operation, result.as_ref().err(), now_ms, latency_ms, effects);
                Box::pin(self.found(&operation, result, now_ms, effects)).await
            }
            Event::Wrote { operation, result, latency_ms } => {
                self.note_operation_health(&operation, result.as_ref().err(), now_ms, latency_ms, effects);
                Box::pin(self.wrote(&operation, result, now_ms, effects)).await
            }
            Event::NotSent { operation } => self.not_sent(&operation, now_ms, effects).await,
            Event::Polled { poll, remote, result, latency_ms } => {
                self.note_health(remote, result.as_ref().err(), now_ms, latency_ms, effects);
                Box::pin(self.polled(poll, result, now_ms, effects)).await
            }
            Event::Probed { remote, result, latency_ms } => {
                self.note_health(remote, result.as_ref().err(), now_ms, latency_ms, effects);
                Ok(())
            }
            Event::GoOn { run } => self.go_on(&run, now_ms, effects).await,
            Event::Arrived => {
                self.looking.touched = true;
                Ok(())
            }
            Event::Woke => {
                self.outbox_touched = true;
                self.looking.touched = true;
                self.checks.touched = true;
                Ok(())
            }
        };
        if let Err(error) = handled {
            tracing::error!(error = %error.log_words(), "engine.step_failed");
            self.note_storage(&error, now_ms, effects);
            if of_run {
                self.fail_run(&error, now_ms, effects).await;
            }
            if let Some(operation) = operation {
                self.in_flight.remove(&operation.id);
                self.unsettled.push(operation);
            }
        }
    }

    /// What every step ends with: what is left over, the remotes' health, and what can be begun.
    pub(crate) async fn follow_up(&mut self, now_ms: i64, effects: &mut Effects) {
        if effects.start_problem.is_some() {
            return;
        }
        self.put_unsettled_back(now_ms, effects).await;
        self.work_on_inbox(now_ms, effects).await;
        self.work_on_checks(now_ms, effects).await;
        self.work_on_calendar(now_ms, effects).await;
        if let Err(error) = self.keep_health().await {
            tracing::error!(error = %error.log_words(), "health.not_kept");
            self.note_storage(&error, now_ms, effects);
        }
        self.work_on_polling(now_ms, effects).await;
        self.pass_gates(now_ms, effects);
        if self.outbox_touched
            && let Err(error) = self.claim(now_ms, effects).await
        {
            tracing::error!(error = %error.log_words(), "outbox.claim_failed");
            self.note_storage(&error, now_ms, effects);
            self.wake_at_ms = Some(now_ms + 1_000);
        }
        if !self.unsettled.is_empty() {
            self.wake_at_ms = Some(self.wake_at_ms.map_or(now_ms + 1_000, |at_ms| at_ms.min(now_ms + 1_000)));
        }
        self.probe_idle(now_ms, effects);
        effects.wake_at_ms = [
            self.wake_at_ms,
            self.looking.wake_at_ms,
            self.checks.wake_at_ms,
            self.scheduling.next_look_ms(now_ms),
            self.polling.wake_at_ms,
            self.storage_wake_ms(),
        ]
        .into_iter()
        .flatten()
        .min();
    }

    async fn rescue(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        self.restore_health().await?;
        self.rescue_clock(now_ms).await?;
        self.rescue_operations(now_ms).await?;
        self.rescue_plans_and_pairs(now_ms, effects).await?;
        self.rescue_events(now_ms).await?;
        // A run that a killed process left behind has no continuation; the next one reads everything again.
        let problem = "VetSync was closed while this was under way; nothing is lost, start it again";
        self.end_runs_without_owner(problem, now_ms, effects).await
    }

    /// Runs that stand as running in the store, and are not.
    pub(crate) async fn end_runs_without_owner(
        &self,
        problem: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        for mut run in self.store.runs(20).await? {
            if run.state == "running" && self.run_id() != Some(run.id.as_str()) {
                "failed".clone_into(&mut run.state);
                run.ended_at_ms = Some(now_ms);
                run.problem = Some(problem.to_owned());
                effects.notices.push(Notice::RunEnded(run.id.clone()));
                // Its process is gone: what it was started for is due again.
                let again = Change::FinishSlots {
                    run: run.id.clone(),
                    done: false,
                    due_at_ms: now_ms,
                    at_ms: now_ms,
                };
                self.store.commit(vec![Change::PutRun(run), again]).await?;
            }
        }
        Ok(())
    }

    /// What was under way when the process ended may or may not have been carried out: it is tried again, knowing that.
    async fn rescue_operations(&self, now_ms: i64) -> Result<()> {
        let running = OperationFilter { lane: None, plan: None, states: vec![OperationState::Running] };
        let mut changes = Vec::new();
        for operation in self.store.operations(&running, 0, 10_000).await? {
            let mut history: Vec<AttemptError> = decode("errors", &operation.errors)?;
            history.push(AttemptError {
                attempt: operation.attempts,
                at_ms: now_ms,
                what: "VetSync was closed before the answer came".to_owned(),
                ambiguous: true,
                kind: "interrupted".to_owned(),
                counted: true,
            });
            changes.push(Change::FinishOperation {
                id: operation.id,
                claim: operation.claims,
                state: OperationState::Retrying,
                due_at_ms: now_ms,
                errors: crate::error::encode("errors", &history)?,
                key: operation.key,
                cause: Some(format!("{} interrupted 0 - -", operation.remote.as_str())),
                costs_a_try: true,
                at_ms: now_ms,
            });
        }
        changes.push(Change::RescueRunning);
        Ok(self.store.commit(changes).await?)
    }

    pub(crate) fn new_id(&self, now_ms: i64) -> String {
        self.ids.next(now_ms)
    }

    /// Reads one side of a pair back from the store.
    pub(crate) async fn side(
        &self,
        kind: RecordKind,
        remote: Remote,
        key: &str,
    ) -> Result<Option<SideState>> {
        load_side(&*self.store, kind, remote, key).await
    }

    /// Everything a judgement of this pair depends on; `None` unless both sides are there.
    pub(crate) async fn context(&self, pair: PairRow) -> Result<Option<PairContext>> {
        load_context(&*self.store, &self.lenses, pair).await
    }

    pub(crate) async fn lane_busy(&self, pair: &str) -> Result<bool> {
        lane_busy(&*self.store, pair).await
    }

    pub(crate) async fn pair(&self, id: &str) -> Result<PairRow> {
        self.store.pair(id).await?.ok_or(EngineError::NotFound { what: "patient" })
    }
}

/// One side of a pair as stored.
pub async fn load_side(
    store: &dyn Store,
    kind: RecordKind,
    remote: Remote,
    key: &str,
) -> Result<Option<SideState>> {
    let id = SnapshotId { remote, kind, key: key.to_owned() };
    let Some(snapshot) = store.snapshot(&id).await? else { return Ok(None) };
    resolved_side(store, snapshot).await.map(Some)
}

/// Everything a judgement of this pair depends on, as stored; `None` unless both sides are there.
pub async fn load_context(store: &dyn Store, lenses: &Lenses, pair: PairRow) -> Result<Option<PairContext>> {
    let (Some(servicenow_key), Some(ehr_key)) = (&pair.servicenow_key, &pair.ehr_key) else {
        return Ok(None);
    };
    let (Some(servicenow), Some(ehr)) = (
        load_side(store, pair.kind, Remote::ServiceNow, servicenow_key).await?,
        load_side(store, pair.kind, Remote::Ehr, ehr_key).await?,
    ) else {
        return Ok(None);
    };
    let (open_conflict, lane_busy, blocked) = match pair.status {
        // An agreed pair has neither an open conflict nor unfinished operations: spare the look-ups.
        store::PairStatus::Agreed => (None, false, Blocked::default()),
        store::PairStatus::Waiting
        | store::PairStatus::Differs
        | store::PairStatus::OnlyServiceNow
        | store::PairStatus::OnlyEhr => (
            store.open_conflict_of(&pair.id).await?,
            lane_busy(store, &pair.id).await?,
            blocked(store, &pair.id).await?,
        ),
    };
    let context = context_of(lenses, pair, servicenow, ehr, open_conflict, lane_busy, blocked)?;
    surrounded(store, lenses, context).await.map(Some)
}

/// The same with what the writing of a treatment depends on besides.
pub(crate) async fn surrounded(
    store: &dyn Store,
    lenses: &Lenses,
    context: PairContext,
) -> Result<PairContext> {
    if context.pair.kind != RecordKind::Treatment {
        return Ok(context);
    }
    let (raw, record) = (&context.servicenow.snapshot.raw, &context.servicenow.record);
    let mut surroundings = Box::pin(treatments::surroundings(store, lenses, raw, record)).await?;
    surroundings.billed = crate::completion::billed(store, lenses, &context.pair.id).await?;
    Ok(PairContext { surroundings, ..context })
}

/// Puts together what was looked up.
pub(crate) fn context_of(
    lenses: &Lenses,
    pair: PairRow,
    mut servicenow: SideState,
    mut ehr: SideState,
    open_conflict: Option<store::ConflictRow>,
    lane_busy: bool,
    blocked: Blocked,
) -> Result<PairContext> {
    let base = pair.base.as_deref().map(crate::stored::base).transpose()?;
    let unresolved = links::leave_unresolved_out(&mut servicenow.record, &mut ehr.record);
    if let Some(base) = &base {
        // A date column that can only hold full dates says 2019-01-01 where 2019 was agreed (wire-facts 8.2).
        // Not where the EHR now says that date itself, or as much more of it as the column cannot show: read as the old
        // partial date, the two would be told apart for ever.
        let agreed: Vec<record::FieldState> = base
            .fields
            .iter()
            .zip(servicenow.record.fields.iter().zip(&ehr.record.fields))
            .map(|(field, (left, right))| {
                let agrees_anew = reconcile::sides::agreed(left, right).is_some()
                    && !reconcile::sides::same(right, &field.state);
                if agrees_anew { record::FieldState::Unknown } else { field.state.clone() }
            })
            .collect();
        lenses.of(pair.kind).row.reread(&mut servicenow.record, &agreed);
    }
    Ok(PairContext {
        pair,
        servicenow,
        ehr,
        base,
        open_conflict,
        lane_busy,
        blocked,
        unresolved,
        surroundings: Surroundings::default(),
    })
}

/// What stands in a lane whose first operation was refused: that one and all that wait behind it.
#[derive(Debug, Clone, Default)]
pub struct Blocked {
    /// Ids of the operations, in lane order.
    pub operations: Vec<String>,
    /// Their plans that are still being carried out.
    pub plans: Vec<String>,
}

impl Blocked {
    /// Takes them out of the way: a decision that did not come true as a whole is not carried out further.
    pub fn called_off(&self, now_ms: i64) -> Vec<Change> {
        let operations =
            self.operations.iter().map(|id| Change::CancelOperation { id: id.clone(), at_ms: now_ms });
        let plans = self.plans.iter().map(|id| Change::MovePlan {
            id: id.clone(),
            from: PlanState::Approved,
            to: PlanState::Superseded,
            approver: None,
            at_ms: now_ms,
        });
        operations.chain(plans).collect()
    }
}

async fn unfinished(store: &dyn Store, pair: &str) -> Result<Vec<OperationRow>> {
    let filter = OperationFilter {
        lane: Some(pair.to_owned()),
        plan: None,
        states: vec![
            OperationState::Waiting,
            OperationState::Running,
            OperationState::Retrying,
            OperationState::Parked,
        ],
    };
    Ok(store.operations(&filter, 0, 1_000).await?)
}

/// What waits for a person in this pair's lane; nothing if its first operation is under way.
pub(crate) async fn blocked(store: &dyn Store, pair: &str) -> Result<Blocked> {
    let mut blocked = Blocked::default();
    let lane = unfinished(store, pair).await?;
    if lane.first().is_none_or(|head| head.state != OperationState::Parked) {
        return Ok(blocked);
    }
    for operation in lane {
        let plan = operation.plan;
        if !blocked.plans.contains(&plan)
            && store.plan(&plan).await?.is_some_and(|plan| plan.state == PlanState::Approved)
        {
            blocked.plans.push(plan);
        }
        blocked.operations.push(operation.id);
    }
    Ok(blocked)
}

/// Whether a decision about this pair is being carried out: its operations are under way, or an approved plan waits for
/// its check.
pub async fn lane_busy(store: &dyn Store, pair: &str) -> Result<bool> {
    Ok(operations_under_way(store, pair).await? || store.waiting_plan_of(pair).await?.is_some())
}

/// Whether operations of this pair's lane are under way. Behind a parked one nothing is: it waits for a person.
pub(crate) async fn operations_under_way(store: &dyn Store, pair: &str) -> Result<bool> {
    let lane = unfinished(store, pair).await?;
    Ok(lane.first().is_some_and(|head| head.state != OperationState::Parked))
}

/// Types a stored snapshot, its patient resolved as the links say now: it may have been linked since it was stored.
pub(crate) async fn resolved_side(store: &dyn Store, snapshot: SnapshotRow) -> Result<SideState> {
    let mut side = side_state(snapshot)?;
    links::resolve(store, &mut [&mut side.record]).await?;
    Ok(side)
}

/// Types a stored snapshot.
pub(crate) fn side_state(snapshot: SnapshotRow) -> Result<SideState> {
    let record = crate::stored::record(&snapshot.record)?;
    Ok(SideState { snapshot, record })
}
