//! The people before the console: they answer questions, decide conflicts, and approve what others decided.

use crate::books::Books;
use crate::day::Day;
use crate::draw::Draw;
use crate::history::{Happening, History};
use crate::process::lenses;
use engine::error::EngineError;
use engine::step::{Command, Reply};
use reconcile::plan::{Choice, FieldDecision};
use record::{RecordKind, Remote};
use std::collections::BTreeMap;
use store::{
    ConflictCause, ConflictFilter, ConflictRow, ConflictState, DuplicateRow, OperationFilter, OperationState,
    PlanRow, PlanState, Store,
};

/// What is to be done with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// Nothing.
    Nothing,
    /// A plan that its maker looks at before it is approved.
    Plan {
        /// Who made it.
        maker: String,
    },
    /// An approval.
    Approval {
        /// The plan.
        plan: String,
        /// Who approved.
        person: String,
    },
    /// Leave to go on over the brake.
    GoOn,
}

/// A plan somebody has before them.
#[derive(Debug, Clone)]
struct Shown {
    plan: String,
    hash: String,
    maker: String,
    grade: u8,
}

/// What a person did about a plan, as they remember it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The plan.
    pub plan: String,
    /// Who.
    pub person: String,
    /// Whether the console said that it is being carried out, or will be, and nobody withdrew it.
    pub executing: bool,
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    draw: Draw,
    /// Chance of what only some days know.
    pub(crate) conduct: Draw,
    next_ticket: u64,
    waiting: BTreeMap<u64, Pending>,
    shown: Vec<Shown>,
    /// What was approved, in order.
    pub approved: Vec<Approved>,
    /// How often two persons let a run over the brake go on.
    pub went_on: usize,
}

const PEOPLE: [&str; 3] = ["anna", "ben", "carla"];

impl Desk {
    /// The desk of that day.
    pub fn of(seed: u64) -> Desk {
        Desk {
            draw: Draw::of(seed, 5),
            conduct: Draw::of(seed, 22),
            next_ticket: 0,
            waiting: BTreeMap::new(),
            shown: Vec::new(),
            approved: Vec::new(),
            went_on: 0,
        }
    }

    pub(crate) fn ticket(&mut self, then: Pending) -> u64 {
        self.next_ticket += 1;
        self.waiting.insert(self.next_ticket, then);
        self.next_ticket
    }

    /// The console closed with the process.
    pub(crate) fn process_gone(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn answered(
        &mut self,
        ticket: u64,
        reply: Result<Reply, EngineError>,
        history: &mut History,
        now_ms: i64,
    ) {
        let words = match &reply {
            Ok(Reply::Done) => "done".to_owned(),
            Ok(Reply::Run(run)) => format!("run {} {}", run.id, run.state),
            Ok(Reply::Pair(pair)) => format!("patient {pair}"),
            Ok(Reply::Plan(plan)) => format!("plan {} grade {} {}", plan.id, plan.grade, plan.body),
            Ok(Reply::Executing(plan)) => format!("plan {} is being carried out", plan.id),
            Ok(Reply::AwaitingSecond(plan)) => format!("plan {} waits for a second person", plan.id),
            Ok(Reply::AwaitingCheck(plan)) => format!("plan {} waits for its check", plan.id),
            #[allow(unreachable_patterns)]
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("refused: {error}"),
        };
        history.note(now_ms, Happening::Answered { ticket, reply: words });
        match (self.waiting.remove(&ticket), reply) {
            (Some(Pending::Plan { maker }), Ok(Reply::Plan(plan))) => {
                self.shown.push(Shown { plan: plan.id, hash: plan.hash, maker, grade: plan.grade });
            }
            (Some(Pending::Approval { plan, person }), Ok(reply)) => {
                let executing = matches!(reply, Reply::Executing(_) | Reply::AwaitingCheck(_));
                self.approved.push(Approved { plan, person, executing });
            }
            (Some(Pending::GoOn), Ok(Reply::Run(_))) => self.went_on += 1,
            _ => {}
        }
    }
}

impl Day {
    /// Somebody sits down and does one thing.
    pub(crate) async fn desk_acts(&mut self) {
        if !self.is_up() {
            return;
        }
        // What was made is approved first, most of the time.
        if let Some(at) = self.desk.draw.index(self.desk.shown.len())
            && self.desk.draw.percent(70)
        {
            let shown = self.desk.shown.remove(at);
            self.approve(shown).await;
            return;
        }
        if self.swarm.brake_pairs.is_some() && self.desk.conduct.percent(25) {
            let person = self.someone();
            if self.look_at_the_brake(person).await {
                return;
            }
        }
        if self.swarm.corrections && self.desk.conduct.percent(30) {
            self.put_right().await;
            return;
        }
        match self.desk.draw.below(100) {
            0..=19 => self.second_person().await,
            20..=25 => self.undo().await,
            26..=37 => self.verify().await,
            38..=40 => self.stop_run().await,
            41..=52 => self.look_after_the_queue().await,
            _ => self.answer_a_question().await,
        }
    }

    async fn approve(&mut self, shown: Shown) {
        let reason = (shown.grade >= 4).then(|| "seen with the owner".to_owned());
        let what = format!("{} approves plan {}", shown.maker, shown.plan);
        let then = Pending::Approval { plan: shown.plan.clone(), person: shown.maker.clone() };
        let command = Command::Approve { plan: shown.plan, hash: shown.hash, person: shown.maker, reason };
        self.ask(command, what, then).await;
        self.compare_soon();
    }

    /// Somebody looks at what the brake stopped, if it stopped anything, and lets it go on. Returns whether it stopped.
    async fn look_at_the_brake(&mut self, person: String) -> bool {
        let Ok(Some(braked)) = engine::braking::braked(&*self.medium).await else { return false };
        let what = format!("{person} lets {} patients go on over the brake", braked.patients);
        let reason = Some("counted them".to_owned());
        self.ask(Command::ContinueBraked { hash: braked.hash, person, reason }, what, Pending::GoOn).await;
        true
    }

    /// In the evening two persons let whatever the brake stopped go on. Returns whether it stopped anything.
    pub(crate) async fn agree_to_go_on(&mut self) -> bool {
        let mut stopped = false;
        for person in ["anna", "ben"] {
            stopped |= self.look_at_the_brake(person.to_owned()).await;
        }
        stopped
    }

    async fn second_person(&mut self) {
        let waiting: Vec<PlanRow> =
            self.medium.plans(Some(PlanState::AwaitingSecond), 0, 50).await.unwrap_or_default();
        if waiting.is_empty() {
            return self.withdraw().await;
        }
        let Some(plan) = self.desk.draw.pick(&waiting).cloned() else { return };
        let others: Vec<&str> = PEOPLE.into_iter().filter(|person| *person != plan.maker).collect();
        let person = self.desk.draw.pick(&others).copied().unwrap_or("carla").to_owned();
        if self.desk.draw.percent(80) {
            let what = format!("{person} approves plan {} as second person", plan.id);
            let then = Pending::Approval { plan: plan.id.clone(), person: person.clone() };
            let reason = Some("checked".to_owned());
            self.ask(Command::Approve { plan: plan.id, hash: plan.hash, person, reason }, what, then).await;
        } else {
            let what = format!("{person} refuses plan {}", plan.id);
            let command = Command::Refuse { plan: plan.id, person, reason: "not so".to_owned() };
            self.ask(command, what, Pending::Nothing).await;
        }
    }

    /// Somebody thinks better of a plan that is approved and waits for a system.
    async fn withdraw(&mut self) {
        let waiting: Vec<PlanRow> =
            self.medium.plans(Some(PlanState::AwaitingCheck), 0, 50).await.unwrap_or_default();
        let Some(plan) = self.desk.draw.pick(&waiting).cloned() else { return };
        let person = self.someone();
        let what = format!("{person} withdraws plan {}", plan.id);
        // From now on it may be carried out or not: the process may end before it says which.
        for approved in self.desk.approved.iter_mut().filter(|approved| approved.plan == plan.id) {
            approved.executing = false;
        }
        let command = Command::Refuse { plan: plan.id, person, reason: "on second thought".to_owned() };
        self.ask(command, what, Pending::Nothing).await;
    }

    async fn undo(&mut self) {
        let done: Vec<PlanRow> = self.medium.plans(Some(PlanState::Done), 0, 50).await.unwrap_or_default();
        let Some(plan) = self.desk.draw.pick(&done).cloned() else { return };
        let maker = self.someone();
        let what = format!("{maker} wants plan {} undone", plan.id);
        let command = Command::MakeUndo { plan: plan.id, maker: maker.clone() };
        self.ask(command, what, Pending::Plan { maker }).await;
    }

    async fn verify(&mut self) {
        let pairs = Books::pairs(&*self.medium).await;
        let Some(page) = self.desk.draw.pick(&pairs) else { return };
        let pair = page.pair.id.clone();
        let (actor, write) = (self.someone(), self.desk.draw.percent(60));
        let what = format!("{actor} reads patient {pair} again, rules may write: {write}");
        self.ask(Command::Observe { pair, write, actor }, what, Pending::Nothing).await;
    }

    async fn stop_run(&mut self) {
        if let Some(run) = self.run_under_way() {
            let what = format!("stop run {run}");
            self.ask(Command::StopRun { run }, what, Pending::Nothing).await;
        }
    }

    /// Operations that stand still, and remotes that are to be left alone for a while.
    async fn look_after_the_queue(&mut self) {
        let person = self.someone();
        let reason = "looked into it".to_owned();
        let remote = if self.desk.draw.percent(50) { Remote::ServiceNow } else { Remote::Ehr };
        let states = vec![OperationState::Parked, OperationState::Retrying, OperationState::Waiting];
        let filter = OperationFilter { lane: None, plan: None, states };
        let standing = self.medium.operations(&filter, 0, 100).await.unwrap_or_default();
        let operation = self.desk.draw.pick(&standing).map(|operation| operation.id.clone());
        let causes = self.medium.operation_causes().await.unwrap_or_default();
        let cause = self.desk.draw.pick(&causes).map(|cause| cause.cause.clone());
        let command = match (self.desk.draw.below(8), operation, cause) {
            (0, _, _) => Command::Pause { remote, person, reason },
            (1 | 2, _, _) => Command::Resume { remote, person, reason },
            (3, _, _) => Command::TryNow { remote, person, reason },
            (4, _, Some(cause)) => Command::Replay { cause, person, reason },
            (5 | 6, Some(operation), _) => Command::Release { operation, person, reason },
            (7, Some(operation), _) => Command::CallOff { operation, person, reason },
            _ => return,
        };
        let what = format!("{command:?}");
        self.ask(command, what, Pending::Nothing).await;
    }

    /// In the evening nothing is paused any more.
    pub(crate) async fn resume_both(&mut self) {
        for remote in Remote::BOTH {
            let command =
                Command::Resume { remote, person: "anna".to_owned(), reason: "going home".to_owned() };
            self.ask(command, format!("resume {remote:?}"), Pending::Nothing).await;
        }
    }

    pub(crate) fn someone(&mut self) -> String {
        self.desk.draw.pick(&PEOPLE).copied().unwrap_or("anna").to_owned()
    }

    async fn answer_a_question(&mut self) {
        let filter = ConflictFilter { states: vec![ConflictState::Open], ..ConflictFilter::default() };
        let now_ms = self.our_now();
        let (open, _) = self.medium.conflicts(&filter, now_ms, 0, 50).await.unwrap_or_default();
        let Some(conflict) = self.desk.draw.pick(&open).cloned() else { return };
        match conflict.cause {
            ConflictCause::MaybeDuplicate => self.answer_duplicate(conflict).await,
            ConflictCause::FieldsDiffer | ConflictCause::NotStored => self.decide(conflict).await,
            ConflictCause::Overwritten => {
                let person = self.someone();
                let what = format!("{person} looked at what was overwritten: {}", conflict.fields);
                let reason = "asked the colleague".to_owned();
                let command = Command::Seen { conflict: conflict.id, person, reason };
                self.ask(command, what, Pending::Nothing).await;
            }
            _ => {
                let actor = self.someone();
                let what = format!("{actor} looks again at patient {}", conflict.pair);
                let command = Command::Observe { pair: conflict.pair, write: true, actor };
                self.ask(command, what, Pending::Nothing).await;
            }
        }
    }

    async fn decide(&mut self, conflict: ConflictRow) {
        let lenses = lenses();
        let catalogue = lenses.catalogue(RecordKind::Patient);
        let all = match self.desk.draw.below(3) {
            0 => Choice::TakeEhr,
            _ => Choice::TakeServiceNow,
        };
        let mut decisions = Vec::new();
        for id in conflict.fields.split(',').filter(|id| !id.is_empty()) {
            let Some(field) = catalogue.index_of(id) else { continue };
            let choice = match (id, self.desk.draw.below(10)) {
                ("allergies", 0..=5) => Choice::KeepBoth,
                (_, 9) => Choice::LeaveOpen,
                (_, 8) => Choice::TakeBase,
                _ if self.swarm.corrections && self.desk.conduct.percent(20) => {
                    self.own_value(field).map_or_else(|| all.clone(), Choice::Own)
                }
                _ => all.clone(),
            };
            decisions.push(FieldDecision { field, choice });
        }
        let maker = self.someone();
        let what = format!("{maker} decides {} of conflict {}: {decisions:?}", conflict.fields, conflict.id);
        let command = Command::MakePlan {
            conflict: conflict.id,
            fingerprint: conflict.fingerprint,
            decisions,
            maker: maker.clone(),
            reason: self.desk.draw.percent(50).then(|| "asked the owner".to_owned()),
        };
        self.ask(command, what, Pending::Plan { maker }).await;
    }

    async fn answer_duplicate(&mut self, conflict: ConflictRow) {
        let Ok(Some(pair)) = self.medium.pair(&conflict.pair).await else { return };
        let own = [(Remote::ServiceNow, pair.servicenow_key), (Remote::Ehr, pair.ehr_key)]
            .into_iter()
            .find_map(|(remote, key)| Some((remote, key?)));
        let Some(own) = own else { return };
        let rows: Vec<DuplicateRow> = self.medium.possible_duplicates(0, 200).await.unwrap_or_default();
        let place = |id: &store::SnapshotId| (id.remote, id.key.clone());
        let candidates: Vec<(Remote, String)> = rows
            .iter()
            .filter(|row| row.answer.is_none())
            .filter_map(|row| match (place(&row.a), place(&row.b)) {
                (a, b) if a == own => Some(b),
                (a, b) if b == own => Some(a),
                _ => None,
            })
            .collect();
        let person = self.someone();
        let truly = candidates.iter().find(|candidate| self.are_same(&own, candidate)).cloned();
        let same = truly.is_some();
        let mut candidate = None;
        if let Some((remote, key)) = truly.or_else(|| candidates.first().cloned()) {
            let known = self.medium.pair_by_key(remote, RecordKind::Patient, &key).await;
            candidate = known.ok().flatten().map(|pair| pair.id);
        }
        let what = format!("{person} says about {candidate:?} and {}: same animal {same}", conflict.pair);
        let command = Command::AnswerDuplicate {
            conflict: conflict.id,
            candidate,
            same,
            person,
            reason: "knows them".to_owned(),
        };
        self.ask(command, what, Pending::Nothing).await;
    }
}
