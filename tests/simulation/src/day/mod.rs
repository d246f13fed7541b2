//! One clinic day: people work in both systems, the product syncs, things go wrong; then it all has to come to rest.
//!
//! Time is virtual. Everything that will happen stands in the agenda, by time; between two entries nothing waits. A
//! request reaches its remote at one moment and its answer arrives at another, and whatever else is due happens between.

mod evening;
mod faults;
pub(crate) mod messages;
mod wires;

use crate::animals::Values;
use crate::books::Books;
use crate::desk::{Approved, Desk, Pending};
use crate::draw::Draw;
use crate::history::{Happening, History};
use crate::medium::{self, Medium};
use crate::mutations::Mutation;
use crate::network::Outcome;
use crate::people::People;
use crate::process::{Process, SetUp};
use crate::remotes::Remotes;
use crate::swarm::Swarm;
use engine::inbox::Arrival;
use engine::step::{Command, Effects, Event, Request, Ticket};
use reconcile::brake::BrakeLimits;
use record::Remote;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The day begins: 2026-11-22 08:00 UTC.
pub const MORNING_MS: i64 = 1_795_334_400_000;
const MINUTE_MS: i64 = 60_000;
/// People and faults stop after this long.
const WORKDAY_MS: i64 = 150 * MINUTE_MS;
/// After this long of quiet everything must rest.
const EVENING_MS: i64 = 14 * 60 * MINUTE_MS;
/// More agenda entries than any day needs; what goes round in a circle ends here.
const MOST_ENTRIES: u64 = 60_000;

/// What is due at a moment.
#[derive(Debug)]
enum Due {
    Arrive(u64),
    Answer { call: u64, generation: u32, outcome: Outcome },
    Ring { wait: u64, generation: u32 },
    Wake(u32),
    Act,
    Desk,
    Run,
    Restart,
    Skew(usize),
    Revoke,
    Hide(bool),
    Suspend(i64),
    Kill,
    Message { arrival: Arrival, tries: u32 },
}

impl Due {
    /// Whether the computer that VetSync runs on has to be awake for it.
    const fn needs_us(&self) -> bool {
        match self {
            Due::Answer { .. }
            | Due::Ring { .. }
            | Due::Wake(_)
            | Due::Desk
            | Due::Run
            | Due::Restart
            | Due::Kill
            | Due::Message { .. } => true,
            Due::Arrive(_) | Due::Act | Due::Skew(_) | Due::Revoke | Due::Hide(_) | Due::Suspend(_) => false,
        }
    }
}

/// What a day came to.
#[derive(Debug)]
pub struct Outcomes {
    /// Its seed.
    pub seed: u64,
    /// Everything that happened.
    pub history: History,
    /// What the product's books say in the end.
    pub books: Books,
    /// Why it did not come to rest, if it did not.
    pub restless: Option<String>,
    /// Entries of the agenda that were worked off.
    pub entries: u64,
    /// What people approved, as they remember it.
    pub approved: Vec<Approved>,
    /// One person may approve alone.
    pub one_person: bool,
    /// So many patients may a run write to without two persons' word.
    pub brake_pairs: u64,
    /// How often two persons let a run over the brake go on.
    pub went_on: usize,
    /// The product's clock was put wrong: its books and the history do not tell the same time.
    pub clock_jumped: bool,
}

/// A day under way.
pub struct Day {
    pub(crate) seed: u64,
    now_ms: Arc<AtomicI64>,
    skew_ms: Arc<AtomicI64>,
    agenda: BTreeMap<(i64, u64), Due>,
    next_entry: u64,
    pub(crate) remotes: Remotes,
    pub(crate) history: History,
    pub(crate) swarm: Swarm,
    set_up: SetUp,
    process: Option<Process>,
    generation: u32,
    pub(crate) medium: Arc<Medium>,
    path: PathBuf,
    flights: BTreeMap<u64, wires::Flight>,
    net: Draw,
    chance: Draw,
    /// Chance of what only some days know.
    conduct: Draw,
    /// The row that an access rule hides.
    hidden: Option<String>,
    pub(crate) people: People,
    pub(crate) desk: Desk,
    /// Deliveries at which people act, right before the request arrives.
    meddling: BTreeSet<u64>,
    deliveries: u64,
    next_call: u64,
    calm: bool,
    /// The computer sleeps until then.
    asleep_until_ms: i64,
    clock_jumped: bool,
    /// Entries of the history of which the remotes have sent their events.
    told: usize,
    messages: u64,
    _folder: tempfile::TempDir,
}

impl Day {
    /// The morning of the day of that seed.
    pub async fn begin(seed: u64, mutation: Option<Mutation>) -> Day {
        let now_ms = Arc::new(AtomicI64::new(MORNING_MS));
        let mut chance = Draw::of(seed, 1);
        let remotes = Remotes::stand(seed, &now_ms, &mut chance);
        let swarm = Swarm::of(seed, MORNING_MS, MORNING_MS + WORKDAY_MS);
        let people = People::of(seed).who(swarm.scripts, swarm.reverts);
        let folder = medium::folder().expect("a temporary folder");
        let (medium, path) = Medium::begin(folder.path(), mutation).await;
        let set_up = SetUp {
            page: u32::try_from(chance.between(1, 5)).unwrap_or(2),
            per_minute: if chance.percent(25) { 40 } else { 1_200 },
            lanes: u32::try_from(chance.between(1, 16)).unwrap_or(4),
            one_person: chance.percent(30),
            together: swarm.together_ms.is_some(),
            brake_pairs: swarm.brake_pairs.unwrap_or(BrakeLimits::default().pairs_max),
            poll_every_ms: swarm.poll_every_ms,
            mutation,
        };
        let meddling =
            (0..chance.between(4, 14)).map(|_| u64::try_from(chance.between(5, 400)).unwrap_or(5)).collect();
        let mut day = Day {
            seed,
            now_ms,
            skew_ms: Arc::default(),
            agenda: BTreeMap::new(),
            next_entry: 0,
            remotes,
            history: History::default(),
            swarm,
            set_up,
            process: None,
            generation: 0,
            medium: Arc::new(medium),
            path,
            flights: BTreeMap::new(),
            net: Draw::of(seed, 3),
            conduct: Draw::of(seed, 20),
            hidden: None,
            people,
            desk: Desk::of(seed),
            chance,
            meddling,
            deliveries: 0,
            next_call: 0,
            calm: false,
            asleep_until_ms: 0,
            clock_jumped: false,
            told: 0,
            messages: 0,
            _folder: folder,
        };
        day.schedule();
        day
    }

    /// The time, Unix milliseconds, as it truly is.
    pub fn now(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// The time as the product's machine believes it to be.
    pub fn our_now(&self) -> i64 {
        self.now() + self.skew_ms.load(Ordering::Relaxed)
    }

    fn at(&mut self, at_ms: i64, due: Due) {
        self.next_entry += 1;
        self.agenda.insert((at_ms.max(self.now()), self.next_entry), due);
    }

    fn schedule(&mut self) {
        let mut values = Values::of(self.seed);
        let animals = self.chance.between(3, 5);
        self.people.fill(&mut values, animals, &self.remotes, &mut self.history, MORNING_MS);
        self.people.values = values;
        self.at(MORNING_MS, Due::Restart);
        let within = |chance: &mut Draw| MORNING_MS + chance.between(MINUTE_MS, WORKDAY_MS - MINUTE_MS);
        for _ in 0..self.chance.between(3, 5) {
            let at_ms = within(&mut self.chance);
            self.at(at_ms, Due::Run);
        }
        for _ in 0..self.chance.between(3, 10) {
            let at_ms = within(&mut self.chance);
            self.at(at_ms, Due::Act);
        }
        for _ in 0..self.chance.between(6, 18) {
            let at_ms = within(&mut self.chance);
            self.at(at_ms, Due::Desk);
        }
        for at in 0..self.swarm.skews.len() {
            let at_ms = self.swarm.skews[at].at_ms;
            self.at(at_ms, Due::Skew(at));
        }
        for (from_ms, until_ms) in self.swarm.suspensions.clone() {
            self.at(from_ms, Due::Suspend(until_ms));
        }
        for at_ms in self.swarm.revocations.clone() {
            self.at(at_ms, Due::Revoke);
        }
        if let Some((from_ms, until_ms)) = self.swarm.hidden {
            self.at(from_ms, Due::Hide(true));
            self.at(until_ms.min(MORNING_MS + WORKDAY_MS), Due::Hide(false));
        }
        for _ in 0..self.swarm.crashes {
            // Half of the kills are aimed at a commit, the others at a moment.
            if self.chance.percent(30) {
                let at_ms = within(&mut self.chance);
                self.at(at_ms, Due::Kill);
            }
        }
    }

    /// Lives the whole day.
    pub async fn live(mut self) -> Outcomes {
        let mut entries = 0;
        let mut restless = None;
        while let Some(((at_ms, _), due)) = self.agenda.pop_first() {
            entries += 1;
            if entries > MOST_ENTRIES {
                restless = Some("the day goes round in a circle".to_owned());
                break;
            }
            if at_ms >= MORNING_MS + WORKDAY_MS {
                self.agenda.insert((at_ms, 0), due);
                break;
            }
            self.now_ms.store(at_ms, Ordering::Relaxed);
            self.happen(due).await;
        }
        if restless.is_none() {
            restless = self.evening(&mut entries).await;
        }
        let books = Books::of(&*self.medium).await;
        if let Some(process) = self.process.take() {
            drop(process);
        }
        Outcomes {
            seed: self.seed,
            history: self.history,
            books,
            restless,
            entries,
            approved: std::mem::take(&mut self.desk.approved),
            one_person: self.set_up.one_person,
            brake_pairs: self.set_up.brake_pairs,
            went_on: self.desk.went_on,
            clock_jumped: self.clock_jumped,
        }
    }

    async fn happen(&mut self, due: Due) {
        if self.now() < self.asleep_until_ms && due.needs_us() {
            self.at(self.asleep_until_ms, due);
            return;
        }
        match due {
            Due::Arrive(call) => self.arrive(call),
            Due::Answer { call, generation, outcome } => {
                if generation == self.generation
                    && let Some(process) = &self.process
                {
                    process.network.answer(call, outcome);
                    self.answered_with_it();
                    self.pump().await;
                }
            }
            Due::Ring { wait, generation } => {
                if generation == self.generation
                    && let Some(process) = &self.process
                {
                    process.network.ring(wait);
                    self.pump().await;
                }
            }
            Due::Wake(generation) => {
                if generation == self.generation {
                    self.step(Event::Woke).await;
                }
            }
            Due::Act => self.people_act(None),
            Due::Desk => self.desk_acts().await,
            Due::Run => self.start_run("manual").await,
            Due::Restart => self.restart().await,
            Due::Skew(at) => self.skew(at),
            Due::Revoke => {
                self.remotes.servicenow.revoke_all_tokens();
                self.remotes.idp.revoke_all_tokens();
                self.trouble("all tokens revoked");
            }
            Due::Hide(hide) => self.hide(hide),
            Due::Suspend(until_ms) => {
                self.trouble(&format!("the computer is suspended for {} ms", until_ms - self.now()));
                self.asleep_until_ms = until_ms;
            }
            Due::Kill => self.crash("between two steps").await,
            Due::Message { arrival, tries } => self.message(arrival, tries).await,
        }
        self.tell();
    }

    fn people_act(&mut self, near: Option<(Remote, String)>) {
        if !self.calm {
            let now_ms = self.now();
            self.people.act(near, &self.remotes, &mut self.history, now_ms);
        }
    }

    /// Somebody presses the button before what was just approved is carried out.
    pub(crate) fn compare_soon(&mut self) {
        if self.swarm.hasty && self.conduct.percent(60) {
            let at_ms = self.now() + self.conduct.between(1, 1_500);
            self.at(at_ms, Due::Run);
        }
    }

    async fn start_run(&mut self, trigger: &str) {
        if self.process.is_none() {
            return;
        }
        let command =
            Command::StartRun { trigger: trigger.to_owned(), actor: None, plan_only: false, kind: None };
        self.ask(command, format!("run everything ({trigger})"), Pending::Nothing).await;
    }

    /// Somebody asks for something.
    pub(crate) async fn ask(&mut self, command: Command, what: String, then: Pending) {
        let ticket = self.desk.ticket(then);
        self.history.note(self.now(), Happening::Asked { ticket, what });
        self.step(Event::Asked { ticket: Ticket(ticket), command }).await;
    }

    /// A step of the engine and everything that follows at once.
    async fn step(&mut self, event: Event) {
        self.steps(vec![event]).await;
    }

    async fn steps(&mut self, events: Vec<Event>) {
        let mut events = VecDeque::from(events);
        let together = self.swarm.together_ms.is_some();
        while let Some(event) = events.pop_front() {
            let (true_ms, now_ms) = (self.now(), self.our_now());
            let gate = Arc::clone(&self.medium.gate);
            let Some(process) = self.process.as_mut() else { return };
            let step = async {
                if together {
                    // As the product's driver does: what has come in goes in together.
                    let all = std::iter::once(event).chain(events.drain(..)).collect();
                    process.engine.step_many(all, now_ms).await
                } else {
                    process.engine.step(event, now_ms).await
                }
            };
            let effects = tokio::select! {
                biased;
                () = gate.ended.notified() => None,
                effects = step => Some(effects),
            };
            let Some(Effects { requests, replies, wake_at_ms, .. }) = effects else {
                self.crash("at a commit").await;
                return;
            };
            for (operation, taken) in self.medium.late_finishes() {
                self.history.note(true_ms, Happening::LateFinish { operation, taken });
            }
            let (on_and_on, requests): (Vec<_>, Vec<_>) =
                requests.into_iter().partition(|request| matches!(request, Request::GoOn { .. }));
            events.extend(process.stepped(requests, now_ms));
            for request in on_and_on {
                if let Request::GoOn { run } = request {
                    events.push_back(Event::GoOn { run });
                }
            }
            for (Ticket(ticket), reply) in replies {
                let at_ms = self.now();
                self.desk.answered(ticket, reply, &mut self.history, at_ms);
            }
            if let Some(wake_ms) = wake_at_ms {
                let ahead_ms = (wake_ms - now_ms).clamp(1, MINUTE_MS);
                self.wake_in(ahead_ms);
            }
            events.extend(self.advance());
        }
    }

    /// One wake stands in the agenda at a time.
    fn wake_in(&mut self, ahead_ms: i64) {
        let generation = self.generation;
        let at_ms = self.now() + ahead_ms;
        let earlier = self
            .agenda
            .range(..=(at_ms, u64::MAX))
            .any(|(_, due)| matches!(due, Due::Wake(known) if *known == generation));
        if !earlier {
            self.agenda.retain(|_, due| !matches!(due, Due::Wake(known) if *known == generation));
            self.at(at_ms, Due::Wake(generation));
        }
    }

    /// Whatever else is answered at this very moment, where answers share a step.
    fn answered_with_it(&mut self) {
        if self.swarm.together_ms.is_none() {
            return;
        }
        let now_ms = self.now();
        let with_it: Vec<(i64, u64)> = self
            .agenda
            .range(..=(now_ms, u64::MAX))
            .filter(
                |(_, due)| matches!(due, Due::Answer { generation, .. } if *generation == self.generation),
            )
            .map(|(at, _)| *at)
            .collect();
        for at in with_it {
            if let (Some(Due::Answer { call, outcome, .. }), Some(process)) =
                (self.agenda.remove(&at), &self.process)
            {
                process.network.answer(call, outcome);
            }
        }
    }

    async fn pump(&mut self) {
        let events = self.advance();
        if self.swarm.together_ms.is_some() {
            self.steps(events).await;
            return;
        }
        for event in events {
            self.step(event).await;
        }
    }

    /// Lets the clients go on, and puts what they sent on its way.
    fn advance(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        loop {
            let Some(process) = self.process.as_mut() else { return Vec::new() };
            let done = process.advance();
            let sent = process.network.take_sent();
            let waits = process.network.take_waits();
            let moved = !(done.is_empty() && sent.is_empty() && waits.is_empty());
            all.extend(done);
            let generation = self.generation;
            for (wait, wait_ms) in waits {
                let at_ms = self.now() + i64::try_from(wait_ms).unwrap_or(MINUTE_MS);
                self.at(at_ms, Due::Ring { wait, generation });
            }
            for sent in sent {
                self.send(sent.call, sent.request);
            }
            if !moved {
                return all;
            }
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn run_under_way(&self) -> Option<String> {
        let process = self.process.as_ref()?;
        process.engine.current_run().map(|(run, _)| run.id)
    }

    pub(crate) fn are_same(&self, one: &(Remote, String), other: &(Remote, String)) -> bool {
        self.people.same(one, other)
    }
}
