//! One clinic day: people work in both systems, the product syncs, things go wrong; then it all has to come to rest.
//!
//! Time is virtual. Everything that will happen stands in the agenda, by time; between two entries nothing waits. A
//! request reaches its remote at one moment and its answer arrives at another, and whatever else is due happens between.

use crate::animals::Values;
use crate::books::Books;
use crate::checker::reading::read;
use crate::desk::{Approved, Desk, Pending};
use crate::draw::Draw;
use crate::history::{Happening, History, Raw};
use crate::medium::{self, Edge, Medium};
use crate::mutations::Mutation;
use crate::network::{Network, Outcome};
use crate::people::People;
use crate::process::{Process, SetUp};
use crate::remotes::{Place, Remotes};
use crate::swarm::{Back, Fate, Swarm};
use engine::inbox::Arrival;
use engine::step::{Command, Effects, Event, Request, Ticket};
use record::Remote;
use remote::http::{Now, TransportFailure};
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
    Kill,
    Message { arrival: Arrival, tries: u32 },
}

/// A request on its way.
#[derive(Debug)]
struct Flight {
    request: http::Request<Vec<u8>>,
    place: Place,
    fate: Fate,
    sent_ms: i64,
    generation: u32,
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
    swarm: Swarm,
    set_up: SetUp,
    process: Option<Process>,
    generation: u32,
    pub(crate) medium: Arc<Medium>,
    path: PathBuf,
    flights: BTreeMap<u64, Flight>,
    net: Draw,
    chance: Draw,
    people: People,
    pub(crate) desk: Desk,
    /// Deliveries at which people act, right before the request arrives.
    meddling: BTreeSet<u64>,
    deliveries: u64,
    next_call: u64,
    calm: bool,
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
        let folder = medium::folder().expect("a temporary folder");
        let (medium, path) = Medium::begin(folder.path(), mutation).await;
        let set_up = SetUp {
            page: u32::try_from(chance.between(1, 5)).unwrap_or(2),
            per_minute: if chance.percent(25) { 40 } else { 1_200 },
            lanes: u32::try_from(chance.between(1, 16)).unwrap_or(4),
            one_person: chance.percent(30),
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
            people: People::of(seed),
            desk: Desk::of(seed),
            chance,
            meddling,
            deliveries: 0,
            next_call: 0,
            calm: false,
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
        self.medium.finish().await;
        Outcomes {
            seed: self.seed,
            history: self.history,
            books,
            restless,
            entries,
            approved: std::mem::take(&mut self.desk.approved),
            one_person: self.set_up.one_person,
        }
    }

    /// Nothing goes wrong any more and nobody works: runs until everything rests.
    async fn evening(&mut self, entries: &mut u64) -> Option<String> {
        self.now_ms.store(MORNING_MS + WORKDAY_MS, Ordering::Relaxed);
        self.calm = true;
        self.medium.gate.disarm();
        self.swarm.calm();
        for clock in [&self.remotes.servicenow.clock, &self.remotes.ehr.clock, &self.remotes.idp.clock] {
            clock.set_skew_ms(0);
        }
        self.remotes.servicenow.restrict(|access| access.hidden_rows.clear());
        self.history.note(self.now(), Happening::Calm);
        self.agenda.retain(|_, due| {
            !matches!(
                due,
                Due::Act | Due::Desk | Due::Run | Due::Skew(_) | Due::Revoke | Due::Hide(_) | Due::Kill
            )
        });
        if self.process.is_none() && !self.agenda.values().any(|due| matches!(due, Due::Restart)) {
            self.at(self.now(), Due::Restart);
        }
        // A record that is gone is believed to be gone at the second complete reading; the third changes nothing.
        let mut good_runs = 0;
        let mut resumed = false;
        let mut next_run_ms = self.now() + MINUTE_MS;
        let end_ms = self.now() + EVENING_MS;
        loop {
            if !resumed && self.process.is_some() {
                resumed = true;
                self.resume_both().await;
            }
            let next = self.agenda.first_key_value().map(|((at_ms, _), _)| *at_ms);
            let rests = self.rests().await;
            if rests && good_runs >= 3 {
                return None;
            }
            if rests && next.is_none_or(|at_ms| at_ms >= next_run_ms) && self.process.is_some() {
                let run_ms = next_run_ms.max(self.now());
                self.now_ms.store(run_ms, Ordering::Relaxed);
                let before = Books::good_runs(&*self.medium).await;
                self.start_run("evening").await;
                // Carried on below, entry by entry; counted when it has ended.
                while let Some(((at_ms, _), due)) = self.agenda.pop_first() {
                    *entries += 1;
                    if *entries > MOST_ENTRIES || at_ms > end_ms {
                        return Some("the evening's run does not end".to_owned());
                    }
                    self.now_ms.store(at_ms, Ordering::Relaxed);
                    self.happen(due).await;
                    if self.process.as_ref().is_some_and(|process| process.engine.current_run().is_none())
                        && self.rests().await
                    {
                        break;
                    }
                }
                good_runs += u32::from(Books::good_runs(&*self.medium).await > before);
                next_run_ms = self.now() + MINUTE_MS;
                if self.now() > end_ms {
                    return Some("the evening never rests".to_owned());
                }
                continue;
            }
            let Some(((at_ms, _), due)) = self.agenda.pop_first() else {
                return Some("nothing is due any more, and operations wait in the outbox".to_owned());
            };
            *entries += 1;
            if *entries > MOST_ENTRIES || at_ms > end_ms {
                return Some("the outbox never empties".to_owned());
            }
            self.now_ms.store(at_ms, Ordering::Relaxed);
            self.happen(due).await;
        }
    }

    /// Nothing is under way, and nothing waits in the outbox.
    async fn rests(&self) -> bool {
        let Some(process) = &self.process else { return false };
        !process.is_busy()
            && self.flights.is_empty()
            && !self.agenda.values().any(|due| matches!(due, Due::Message { .. }))
            && process.engine.current_run().is_none()
            && Books::nothing_waits(&*self.medium).await
    }

    async fn happen(&mut self, due: Due) {
        match due {
            Due::Arrive(call) => self.arrive(call),
            Due::Answer { call, generation, outcome } => {
                if generation == self.generation
                    && let Some(process) = &self.process
                {
                    process.network.answer(call, outcome);
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
            Due::Kill => self.crash("between two steps").await,
            Due::Message { arrival, tries } => self.message(arrival, tries).await,
        }
        self.tell();
    }

    /// The remotes send events of what has changed since they last did: by the product's writes too.
    fn tell(&mut self) {
        let Some([lost, doubled, late, garbled]) = self.swarm.events else { return };
        let mut changed = Vec::new();
        for entry in self.history.entries.iter().skip(self.told) {
            match &entry.happening {
                Happening::Person { remote, key, before, after, .. }
                | Happening::Write { remote, key: Some(key), before, after, .. }
                    if before != after =>
                {
                    let verb = match (before, after) {
                        (None, _) => "created",
                        (_, None) => "deleted",
                        _ => "updated",
                    };
                    let version = after.as_ref().map(|raw| read(*remote, raw).version);
                    changed.push((*remote, key.clone(), verb, version.unwrap_or_default()));
                }
                _ => {}
            }
        }
        self.told = self.history.entries.len();
        for (remote, key, verb, version) in changed {
            self.messages += 1;
            if self.net.per_mille(lost) {
                continue;
            }
            let mut raw = message_of(remote, &key, verb, &version);
            if self.net.per_mille(garbled) {
                raw.truncate(raw.len() / 2);
            }
            let copies = if self.net.per_mille(doubled) { 2 } else { 1 };
            for _ in 0..copies {
                let most_ms = if self.net.per_mille(late) { 20 * MINUTE_MS } else { 3_000 };
                let at_ms = self.now() + self.net.between(20, most_ms);
                let message = format!("m-{}", self.messages);
                let arrival = Arrival { remote, message, raw: raw.clone() };
                self.at(at_ms, Due::Message { arrival, tries: 0 });
            }
        }
    }

    /// An event arrives. A sender that is not answered tries again.
    async fn message(&mut self, arrival: Arrival, tries: u32) {
        let Some(process) = &self.process else {
            if tries < 10 {
                let at_ms = self.now() + (20_000 << tries.min(5));
                self.at(at_ms, Due::Message { arrival, tries: tries + 1 });
            }
            return;
        };
        let ticket = self.desk.ticket(Pending::Nothing);
        let what = format!("event {} {}", arrival.message, arrival.raw);
        self.history.note(self.now(), Happening::Asked { ticket, what });
        let inbox = process.engine.inbox();
        let gate = Arc::clone(&self.medium.gate);
        let now_ms = self.our_now();
        let again = arrival.clone();
        let accepted = tokio::select! {
            biased;
            () = gate.ended.notified() => None,
            accepted = inbox.accept(arrival, now_ms) => Some(accepted),
        };
        match accepted {
            None => {
                self.crash("at a commit").await;
                let at_ms = self.now() + 20_000;
                self.at(at_ms, Due::Message { arrival: again, tries: tries + 1 });
            }
            Some(accepted) => {
                let reply = format!("{accepted:?}");
                self.history.note(self.now(), Happening::Answered { ticket, reply });
                self.step(Event::Arrived).await;
            }
        }
    }

    fn trouble(&mut self, what: &str) {
        self.history.note(self.now(), Happening::Trouble { call: None, what: what.to_owned() });
    }

    fn skew(&mut self, at: usize) {
        let Some(skew) = self.swarm.skews.get(at).copied() else { return };
        let whose = match skew.whose {
            0 => {
                self.remotes.servicenow.clock.set_skew_ms(skew.by_ms);
                "ServiceNow's"
            }
            1 => {
                self.remotes.ehr.clock.set_skew_ms(skew.by_ms);
                "the EHR's"
            }
            _ => {
                self.remotes.idp.clock.set_skew_ms(skew.by_ms);
                "the identity provider's"
            }
        };
        self.trouble(&format!("{whose} clock is off by {} ms", skew.by_ms));
    }

    fn hide(&mut self, hide: bool) {
        let Some(key) = self.remotes.keys(Remote::ServiceNow).into_iter().next() else { return };
        self.remotes.servicenow.restrict(|access| {
            access.hidden_rows.clear();
            if hide {
                access.hidden_rows.insert(crate::remotes::TABLE.to_owned(), format!("sys_id={key}"));
            }
        });
        self.trouble(if hide { "a row is hidden from the API" } else { "nothing is hidden any more" });
    }

    fn people_act(&mut self, near: Option<(Remote, String)>) {
        if !self.calm {
            let now_ms = self.now();
            self.people.act(near, &self.remotes, &mut self.history, now_ms);
        }
    }

    async fn start_run(&mut self, trigger: &str) {
        if self.process.is_none() {
            return;
        }
        let command = Command::StartRun { trigger: trigger.to_owned(), actor: None, plan_only: false };
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
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now_ms = self.our_now();
            let gate = Arc::clone(&self.medium.gate);
            let Some(process) = self.process.as_mut() else { return };
            let effects = tokio::select! {
                biased;
                () = gate.ended.notified() => None,
                effects = process.engine.step(event, now_ms) => Some(effects),
            };
            let Some(Effects { requests, replies, wake_at_ms, .. }) = effects else {
                self.crash("at a commit").await;
                return;
            };
            for request in requests {
                match request {
                    Request::GoOn { run } => events.push_back(Event::GoOn { run }),
                    other => process.carry(other),
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

    async fn pump(&mut self) {
        let events = self.advance();
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

    /// A request leaves for its remote.
    fn send(&mut self, call: u64, request: http::Request<Vec<u8>>) {
        let place = Remotes::place_of(&request);
        let now_ms = self.now();
        // Where neither a version nor a unique key tells a stale request from a fresh one, nobody can.
        let may_come_late = match place {
            Place::Ehr if request.method() == http::Method::PUT => self.remotes.ehr.dialect().etag,
            Place::Ehr if request.method() == http::Method::POST => self.remotes.ehr.dialect().if_none_exist,
            Place::ServiceNow if request.method() != http::Method::GET => false,
            Place::Ehr | Place::ServiceNow | Place::SignIn => true,
        };
        let fate = self.swarm.fate(&mut self.net, place, now_ms, may_come_late);
        if let Some(arrives_ms) = fate.arrives_ms {
            self.at(now_ms + arrives_ms, Due::Arrive(call));
        }
        let generation = self.generation;
        let lost = |what: &str| Err(TransportFailure::Lost { what: what.to_owned() });
        let outcome: Option<Outcome> = match fate.back {
            Back::Refused => {
                Some(Err(TransportFailure::NotSent { what: "the connection was refused".to_owned() }))
            }
            Back::Lost => Some(lost("no answer came")),
            Back::Whole | Back::Cut => None,
        };
        if let Some(outcome) = outcome {
            let what = match (&fate.arrives_ms, fate.back) {
                (_, Back::Refused) => "connection refused",
                (None, _) => "request lost",
                (Some(ms), _) if *ms > crate::swarm::TIMEOUT_MS => "comes after its client gave up",
                (Some(_), _) => "reply lost",
            };
            self.history.note(
                now_ms,
                Happening::Trouble {
                    call: Some(call),
                    what: format!("{what}: {} {}", request.method(), request.uri().path()),
                },
            );
            self.at(now_ms + fate.answered_ms, Due::Answer { call, generation, outcome });
        }
        if fate.arrives_ms.is_some() {
            self.flights.insert(call, Flight { request, place, fate, sent_ms: now_ms, generation });
        }
    }

    /// A request reaches its remote, which answers.
    fn arrive(&mut self, call: u64) {
        let Some(flight) = self.flights.remove(&call) else { return };
        self.deliveries += 1;
        let near = record_in(&flight);
        if self.meddling.remove(&self.deliveries) {
            self.people_act(near);
        }
        let now_ms = self.now();
        let method = flight.request.method().clone();
        let path = flight.request.uri().path().to_owned();
        let writes = flight.place != Place::SignIn && method != http::Method::GET;
        let remote = flight.place.remote();
        let before = if writes { remote.map(|remote| self.all(remote)) } else { None };
        let reply = self.remotes.answer(&flight.request, flight.fate.fault.as_ref());
        let status = reply.status.as_u16();
        if let (Some(remote), Some(before)) = (remote, before) {
            let after = self.all(remote);
            let changed = before
                .keys()
                .chain(after.keys())
                .find(|key| before.get(*key) != after.get(*key))
                .cloned()
                .or_else(|| near_key(&path));
            let state = |all: &BTreeMap<String, Raw>| changed.as_ref().and_then(|key| all.get(key)).cloned();
            if let Some(key) = changed.as_ref().filter(|key| !before.contains_key(*key)) {
                self.people.learn_created(remote, key, after.get(key));
            }
            self.history.note(
                now_ms,
                Happening::Write {
                    remote,
                    call,
                    sent_ms: flight.sent_ms,
                    target: format!("{method} {path}"),
                    body: String::from_utf8_lossy(flight.request.body()).into_owned(),
                    before: state(&before),
                    after: state(&after),
                    key: changed,
                    status,
                },
            );
        } else {
            self.history.note(
                now_ms,
                Happening::Read {
                    place: flight.place.name(),
                    call,
                    target: format!("{method} {}", flight.request.uri()),
                    status,
                },
            );
        }
        if let Some(fault) = &flight.fate.fault {
            self.history
                .note(now_ms, Happening::Trouble { call: Some(call), what: format!("met {fault:?}") });
        }
        let mut body = reply.body;
        if flight.fate.garbage && status < 300 {
            self.history
                .note(now_ms, Happening::Trouble { call: Some(call), what: "body is nonsense".to_owned() });
            body = b"{\"result\": [{\"sys_id\": , \x07".to_vec();
        }
        let outcome: Outcome = match flight.fate.back {
            Back::Lost | Back::Refused => return,
            Back::Cut => {
                self.history
                    .note(now_ms, Happening::Trouble { call: Some(call), what: "body cut off".to_owned() });
                Err(TransportFailure::BodyCut { status, what: "the connection broke".to_owned() })
            }
            Back::Whole => {
                let mut response = http::Response::new(body);
                *response.status_mut() = reply.status;
                *response.headers_mut() = reply.headers;
                Ok(response)
            }
        };
        let at_ms = flight.sent_ms + flight.fate.answered_ms;
        self.at(at_ms, Due::Answer { call, generation: flight.generation, outcome });
    }

    fn all(&self, remote: Remote) -> BTreeMap<String, Raw> {
        self.remotes
            .keys(remote)
            .into_iter()
            .filter_map(|key| {
                let raw = self.remotes.raw(remote, &key)?;
                Some((key, raw))
            })
            .collect()
    }

    /// The process is killed: what it was doing is forgotten, what it sent may still arrive.
    async fn crash(&mut self, wher: &str) {
        let Some(process) = self.process.take() else { return };
        self.next_call = process.network.next_call();
        drop(process);
        self.history.note(self.now(), Happening::Crashed { wher: wher.to_owned() });
        self.generation += 1;
        self.desk.process_gone();
        let on_the_way: Vec<u64> = self.flights.keys().copied().collect();
        for call in on_the_way {
            if self.net.percent(50) {
                self.flights.remove(&call);
            }
        }
        let (medium, path) = self.medium.reopen(&self.path, self.generation).await;
        self.medium = Arc::new(medium);
        self.path = path;
        let at_ms = self.now() + self.chance.between(200, 90_000);
        self.at(at_ms, Due::Restart);
    }

    async fn restart(&mut self) {
        if self.process.is_some() {
            return;
        }
        self.history.note(self.now(), Happening::Started);
        let now: Now = {
            let (now_ms, skew_ms) = (Arc::clone(&self.now_ms), Arc::clone(&self.skew_ms));
            Arc::new(move || now_ms.load(Ordering::Relaxed) + skew_ms.load(Ordering::Relaxed))
        };
        let network = Network::numbered_from(self.next_call);
        let ids = self.chance.bytes();
        self.process = Some(Process::start(&self.medium, network, &now, ids, self.set_up));
        if !self.calm && self.swarm.crashes > 0 && u64::from(self.generation) < self.swarm.crashes {
            let ahead = u64::try_from(self.chance.between(1, 160)).unwrap_or(1);
            let edge = if self.chance.percent(50) { Edge::Before } else { Edge::After };
            self.medium.gate.arm(ahead, edge);
        }
        self.step(Event::Started).await;
        if self.chance.percent(60) && !self.calm {
            self.start_run("start").await;
        }
    }
}

/// An event as the remote words it.
fn message_of(remote: Remote, key: &str, verb: &str, version: &str) -> String {
    match remote {
        Remote::ServiceNow => {
            let operation = match verb {
                "created" => "insert",
                "deleted" => "delete",
                _ => "update",
            };
            format!(
                "{{\"table\":\"u_patient_record\",\"sys_id\":\"{key}\",\"operation\":\"{operation}\",\"sys_mod_count\":\"{version}\"}}"
            )
        }
        Remote::Ehr => format!(
            "{{\"type\":\"patient.{verb}\",\"timestamp\":\"2026-11-22T08:00:00Z\",\"data\":{{\"id\":\"{key}\",\"versionId\":\"{version}\"}}}}"
        ),
    }
}

/// The record a request is about.
fn record_in(flight: &Flight) -> Option<(Remote, String)> {
    Some((flight.place.remote()?, near_key(flight.request.uri().path())?))
}

fn near_key(path: &str) -> Option<String> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    parts.find(|part| matches!(*part, "table" | "patients"))?;
    if path.contains("/table/") {
        parts.next()?;
    }
    parts.next().map(str::to_owned)
}

impl Day {
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
