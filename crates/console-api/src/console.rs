//! The console as a value: a command's name and JSON in, JSON or an [`ApiError`] out.

#[allow(clippy::wildcard_imports, reason = "a console names nearly all of them")]
use crate::dto::*;
use crate::dto::{ApiError, ErrorCode, Id};
use crate::dto::{
    Capability, Changed, Event, Kind, Nothing, Person, Progress, RunPhase, RunStatus, RunView, Session,
    StartRun, SwitchPerson, Tag,
};
use crate::errors::api;
use crate::permissions::{capabilities, may, who_can};
use engine::drive::{Handle, Remotes};
use engine::runs::{Phase, counts_of};
use engine::{Clock, Command, Lenses, Notice, Reply};
use record::RecordKind;
use std::sync::{Arc, RwLock};
use store::{RunRow, Store};
use tokio::sync::broadcast;

/// What a console stands on.
#[derive(Clone)]
pub struct Parts {
    /// The durable state, for reading.
    pub store: Arc<dyn Store>,
    /// The engine, for everything that changes.
    pub engine: Handle,
    /// For the literal requests that a plan shows.
    pub remotes: Remotes,
    /// The MID Server that the settings name.
    pub mid: Option<MidServer>,
    /// The fields.
    pub lenses: Arc<Lenses>,
    /// What appointments and treatments are held to.
    pub rules: Arc<engine::Rules>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who may sit here.
    pub people: Vec<Person>,
    /// Who sits here.
    pub person: String,
    /// The hospital's name.
    pub hospital: String,
    /// Its time zone: calendars are shown in it.
    pub zone: chrono_tz::Tz,
    /// What is synchronised besides patients.
    pub kinds: Vec<RecordKind>,
    /// Running on sample data.
    pub demo: bool,
    /// One person may approve a grade 4 plan alone, with a typed reason.
    pub one_person_may_approve: bool,
}

/// A MID Server, and what it is for here.
#[derive(Clone)]
pub struct MidServer {
    /// Its record.
    pub server: Arc<remote::mid::MidServer>,
    /// Whether the EHR's requests go through it.
    pub carries: bool,
}

/// The console of one operator.
pub struct Console {
    pub(crate) parts: Parts,
    person: RwLock<String>,
    events: broadcast::Sender<Event>,
}

impl Console {
    /// A console over running parts. Forwards the engine's notices as events until the engine ends.
    pub fn new(parts: Parts) -> Arc<Console> {
        let (events, _) = broadcast::channel(1_024);
        let console = Arc::new(Console { person: RwLock::new(parts.person.clone()), parts, events });
        let mut notices = console.parts.engine.notices();
        let forward = Arc::downgrade(&console);
        tokio::spawn(async move {
            loop {
                let event = match notices.recv().await {
                    Ok(notice) => event_of(notice),
                    // Too many to follow: everything may have changed.
                    Err(broadcast::error::RecvError::Lagged(_)) => crate::everything_changed(),
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                let Some(console) = forward.upgrade() else { return };
                // Nobody listens: nothing to tell.
                let _unheard = console.events.send(event);
            }
        });
        console
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Who sits here.
    pub fn person(&self) -> Person {
        // A poisoned lock only means a reader panicked; the value is whole.
        let id = self.person.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        self.parts
            .people
            .iter()
            .find(|person| person.id == id)
            .cloned()
            // The least of all roles as a name; what somebody unknown may do is decided by `is_known`.
            .unwrap_or(Person { name: id.clone(), id, role: Role::Auditor })
    }

    /// Whether whoever sits here is one of the configured people.
    fn is_known(&self) -> bool {
        let id = self.person().id;
        self.parts.people.iter().any(|person| person.id == id)
    }

    /// A person's name by id; the id itself for those who left.
    pub(crate) fn name_of(&self, id: &str) -> String {
        let id = id.strip_prefix("person:").unwrap_or(id);
        self.parts
            .people
            .iter()
            .find(|person| person.id == id)
            .map_or_else(|| id.to_owned(), |person| person.name.clone())
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.parts.clock.now_ms()
    }

    fn require(&self, command: &str, capability: Option<Capability>) -> Result<(), ApiError> {
        // Somebody unknown may look at nothing but the session.
        if !self.is_known() && command != "session.get" {
            return Err(api(
                ErrorCode::NotAllowed,
                "VetSync does not know you.",
                "Ask an administrator to add you to the people in the settings.",
            ));
        }
        match capability {
            None => Ok(()),
            Some(Capability::SwitchPerson) if self.parts.demo => Ok(()),
            Some(capability) => self.require_capability(capability),
        }
    }

    pub(crate) fn require_capability(&self, capability: Capability) -> Result<(), ApiError> {
        if may(&self.person(), capability) {
            Ok(())
        } else {
            Err(api(
                ErrorCode::NotAllowed,
                "Your role may not do this.",
                format!("Ask somebody who can: {}.", who_can(capability)),
            ))
        }
    }

    /// Working on conflicts and plans takes somebody who decides at least some field; others see them only.
    pub(crate) fn require_decider(&self) -> Result<(), ApiError> {
        if self.decides_something() {
            Ok(())
        } else {
            Err(api(
                ErrorCode::NotAllowed,
                "Your role sees conflicts and plans but does not decide them.",
                "Ask the front desk, a clinician or an administrator.",
            ))
        }
    }

    #[allow(clippy::unused_async, reason = "commands are dispatched alike, and so all of them are async")]
    async fn session_get(&self, _: Nothing) -> Result<Session, ApiError> {
        let person = self.person();
        let mut allowed = if self.is_known() { capabilities(person.role).to_vec() } else { Vec::new() };
        if self.parts.demo {
            allowed.push(Capability::SwitchPerson);
        }
        Ok(Session {
            people: if self.parts.demo { self.parts.people.clone() } else { vec![person.clone()] },
            person,
            capabilities: allowed,
            demo: self.parts.demo,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hospital: self.parts.hospital.clone(),
        })
    }

    async fn session_switch(&self, request: SwitchPerson) -> Result<Session, ApiError> {
        if !self.parts.people.iter().any(|person| person.id == request.person_id) {
            return Err(api(
                ErrorCode::NotFound,
                "There is no such person.",
                "Choose one of the people listed.",
            ));
        }
        *self.person.write().unwrap_or_else(std::sync::PoisonError::into_inner) = request.person_id;
        let _unheard = self.events.send(Event::Changed(Changed { tags: vec![Tag::Session], id: None }));
        self.session_get(Nothing {}).await
    }

    async fn run_start(&self, request: StartRun) -> Result<RunView, ApiError> {
        let person = self.person();
        if let Some(pair) = request.patient_id {
            self.require_capability(Capability::SyncOne)?;
            let began_ms = self.now_ms();
            self.parts
                .engine
                .ask(Command::Observe {
                    pair: pair.clone(),
                    write: !request.plan_only,
                    actor: format!("person:{}", person.id),
                })
                .await?;
            return Ok(RunView {
                id: pair,
                trigger: "manual".to_owned(),
                actor: Some(person.name),
                status: RunStatus::Done,
                started_at_ms: began_ms,
                ended_at_ms: Some(self.now_ms()),
                counts: RunCounts { compared: 1, ..RunCounts::default() },
                problem: None,
                progress: None,
            });
        }
        self.require_capability(Capability::SyncAll)?;
        let command = Command::StartRun {
            trigger: "manual".to_owned(),
            actor: Some(person.id),
            plan_only: request.plan_only,
            kind: request.kind.map(|kind| match kind {
                Kind::Patient => RecordKind::Patient,
                Kind::Appointment => RecordKind::Appointment,
                Kind::Treatment => RecordKind::Treatment,
            }),
        };
        match self.parts.engine.ask(command).await? {
            Reply::Run(row) => self.run_view(&row),
            _ => Err(api(ErrorCode::Internal, "The engine gave no run.", "Try again.")),
        }
    }

    async fn run_get(&self, request: Id) -> Result<RunReport, ApiError> {
        let Some(row) = self.parts.store.run(&request.id).await? else {
            return Err(engine::EngineError::NotFound { what: "run" }.into());
        };
        let counts = counts_of(&row)?;
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(RunReport {
            run: self.run_view(&row)?,
            to_settle: small(counts.to_settle),
            planned_writes_servicenow: small(counts.planned_writes[0]),
            planned_writes_ehr: small(counts.planned_writes[1]),
            to_create: small(counts.to_create),
            writes_failed: small(counts.writes_failed),
            vanished: small(counts.vanished),
        })
    }

    async fn run_stop(&self, request: Id) -> Result<RunView, ApiError> {
        match self.parts.engine.ask(Command::StopRun { run: request.id }).await? {
            Reply::Run(row) => self.run_view(&row),
            _ => Err(api(ErrorCode::Internal, "The engine gave no run.", "Try again.")),
        }
    }

    pub(crate) fn run_view(&self, row: &RunRow) -> Result<RunView, ApiError> {
        let counts = counts_of(row)?;
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let pulse = self.parts.engine.pulse();
        let progress = pulse
            .run
            .filter(|(running, _)| running.id == row.id)
            .map(|(_, progress)| progress_dto(&progress));
        Ok(RunView {
            id: row.id.clone(),
            trigger: row.trigger.clone(),
            actor: row.actor.as_deref().map(|id| self.name_of(id)),
            status: match row.state.as_str() {
                "running" => RunStatus::Running,
                "done" => RunStatus::Done,
                "stopped" => RunStatus::Stopped,
                _ => RunStatus::Failed,
            },
            started_at_ms: row.started_at_ms,
            ended_at_ms: row.ended_at_ms,
            counts: RunCounts {
                servicenow: small(counts.servicenow),
                ehr: small(counts.ehr),
                linked: small(counts.linked),
                compared: small(counts.compared),
                equal: small(counts.equal),
                settled: small(counts.settled),
                conflicts: small(counts.conflicts.iter().sum()),
                created: small(counts.created),
                writes_servicenow: small(counts.writes[0]),
                writes_ehr: small(counts.writes[1]),
                malformed: small(counts.malformed),
                possible_duplicates: small(counts.possible_duplicates),
            },
            problem: row.problem.clone(),
            progress,
        })
    }
}

/// Progress as the console shows it.
pub(crate) fn progress_dto(progress: &engine::step::RunProgress) -> Progress {
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let of_kind = format!("{}s", progress.kind.as_str());
    let (phase, verb, noun) = match progress.phase {
        Phase::Reading => (RunPhase::ReadingServiceNow, "Reading both systems", "records"),
        Phase::Linking => (RunPhase::Linking, "Finding who belongs together", "records"),
        Phase::Comparing => (RunPhase::Comparing, "Comparing", of_kind.as_str()),
        Phase::Checking => (RunPhase::Comparing, "Looking through the calendar", of_kind.as_str()),
        Phase::Settling => (RunPhase::Writing, "Settling by rule", of_kind.as_str()),
        Phase::Writing => (RunPhase::Writing, "Writing", "records"),
        Phase::Finished => (RunPhase::Finished, "Finished", "records"),
    };
    let count = match progress.total {
        Some(total) if total > 0 => format!(" · {} of {total} {noun}", progress.done.min(total)),
        _ if progress.done > 0 => format!(" · {} {noun}", progress.done),
        _ => String::new(),
    };
    let left = match progress.total {
        Some(total) if progress.per_second > 0 && total > progress.done => {
            let seconds = (total - progress.done).div_ceil(progress.per_second);
            if seconds >= 2 { format!(" · about {seconds} s left") } else { String::new() }
        }
        _ => String::new(),
    };
    Progress {
        run_id: progress.run.clone(),
        phase,
        done: small(progress.done),
        total: progress.total.map(small),
        per_second: small(progress.per_second),
        text: format!("{verb}{count}{left}"),
    }
}

fn event_of(notice: Notice) -> Event {
    let changed = |tags: &[Tag], id: Option<String>| Event::Changed(Changed { tags: tags.to_vec(), id });
    match notice {
        Notice::Pair(id) => {
            changed(&[Tag::Patient, Tag::Patients, Tag::Conflicts, Tag::Queue, Tag::Home], Some(id))
        }
        Notice::Conflict(id) => changed(&[Tag::Conflict, Tag::Conflicts, Tag::Home], Some(id)),
        Notice::Plan(id) => changed(&[Tag::Plans, Tag::Conflicts, Tag::Home], Some(id)),
        Notice::Receipt(id) => changed(&[Tag::Receipts, Tag::Home], Some(id)),
        Notice::Quarantine => changed(&[Tag::Quarantine, Tag::Patient], None),
        Notice::Queue => changed(&[Tag::Queue], None),
        Notice::Incident => changed(&[Tag::Incidents, Tag::Remotes, Tag::Home], None),
        Notice::Health(_) => changed(&[Tag::Remotes, Tag::Queue, Tag::Home], None),
        Notice::Storage => changed(&[Tag::Home, Tag::Remotes, Tag::Incidents], None),
        Notice::Braked => changed(&[Tag::Runs, Tag::Home], None),
        Notice::Progress(progress) => Event::Progress(progress_dto(&progress)),
        Notice::RunEnded(id) => {
            changed(&[Tag::Runs, Tag::Home, Tag::Patients, Tag::Conflicts, Tag::Receipts], Some(id))
        }
    }
}

macro_rules! dispatch {
    ($($name:literal => $method:ident($request:ident) -> $response:ident, $capability:expr;)*) => {
        impl Console {
            /// Runs a command for whoever sits here.
            pub async fn call(&self, command: &str, payload: serde_json::Value) -> Result<serde_json::Value, ApiError> {
                match command {
                    $($name => {
                        self.require(command, $capability)?;
                        let request: $request = serde_json::from_value(payload).map_err(|error| {
                            api(ErrorCode::Invalid, format!("{command}: {error}."), "Update VetSync's window and its engine to the same version.")
                        })?;
                        let response: $response = self.$method(request).await?;
                        serde_json::to_value(response).map_err(|error| {
                            api(ErrorCode::Internal, format!("{command}: {error}."), "Try again.")
                        })
                    })*
                    _ => Err(api(ErrorCode::NotFound, format!("There is no command {command:?}."), "See `vetsync --help`.")),
                }
            }
        }
    };
}
crate::with_commands!(dispatch);
