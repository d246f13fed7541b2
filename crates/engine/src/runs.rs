//! A run over everything: read both remotes completely (`reading`), link (`pairing`), compare (`comparing`), hold to the
//! calendar's rules (`broken`), settle (`settling`), wait for the writes.

use crate::braking::FieldTally;
pub use crate::counts::{RunCounts, counts_of};
use crate::error::{EngineError, Result, encode};
use crate::judge::index;
use crate::pairing;
use crate::reading::Reading;
use crate::schedule::NextSlot;
use crate::step::{Effects, Engine, Notice, Reply, Request, RunProgress};
use reconcile::brake::Totals;
use record::{RecordKind, Remote};
use remote::{ListScope, Page, RemoteError};
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use store::{AuditRow, Change, RunRow, ScheduleName, SnapshotId};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Phase {
    Reading,
    Linking,
    Comparing,
    /// Appointments are held to the rules of the calendar.
    Checking,
    Settling,
    Writing,
    Finished,
}

/// A run under way.
#[derive(Debug)]
pub struct RunState {
    pub(crate) row: RunRow,
    pub(crate) plan_only: bool,
    /// What it is about now.
    pub(crate) kind: RecordKind,
    /// What comes afterwards: links of patients are needed by what belongs to them.
    pub(crate) later: VecDeque<RecordKind>,
    /// What it counted of the kinds before.
    before: Vec<(RecordKind, RunCounts)>,
    /// Of which readings completeness could not be proved, in words.
    unproven: Vec<String>,
    pub(crate) phase: Phase,
    pub(crate) phase_started_ms: i64,
    pub(crate) readings: [Reading; 2],
    pub(crate) after: String,
    /// Digests after `after` that were read meanwhile.
    pub(crate) next_digests: Option<Vec<store::PairDigests>>,
    pub(crate) done_in_phase: u64,
    pub(crate) total_in_phase: u64,
    pub(crate) to_settle: VecDeque<String>,
    /// Records whose latest version could not be read: nothing is planned on what they said before.
    pub(crate) quarantined: HashSet<SnapshotId>,
    /// Linking, while it is under way.
    pub(crate) linking: Option<pairing::Linking>,
    pub(crate) creates: VecDeque<pairing::Creation>,
    pub(crate) waiting_for: HashSet<String>,
    pub(crate) counts: RunCounts,
    pub(crate) totals: Totals,
    /// What rules would write, by field.
    pub(crate) fields: FieldTally,
    /// Hash over what was counted so far, for the brake.
    pub(crate) counted: String,
    /// The hash that two persons approved, if this run goes on behind the brake.
    pub(crate) approved: Option<String>,
}

/// What a run is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What asked for it.
    pub(crate) trigger: String,
    /// Who, if a person did.
    pub(crate) actor: Option<String>,
    /// Write nothing.
    pub(crate) plan_only: bool,
    /// One kind only.
    pub(crate) kind: Option<RecordKind>,
}

impl Engine {
    /// The run under way, if there is one, with its progress.
    pub fn current_run(&self) -> Option<(RunRow, RunProgress)> {
        self.run.as_ref().map(|run| (run.row.clone(), run.progress(run.phase_started_ms)))
    }

    /// The id of the run under way.
    pub(crate) fn run_id(&self) -> Option<&str> {
        self.run.as_ref().map(|run| run.row.id.as_str())
    }

    /// A page is asked for only now.
    pub(crate) fn page_goes_out(&mut self, remote: Remote, at_ms: i64) {
        if let Some(run) = &mut self.run {
            run.readings[index(remote)].asked_at_ms = at_ms;
        }
    }

    pub(crate) async fn start_run(
        &mut self,
        trigger: String,
        actor: Option<String>,
        plan_only: bool,
        kind: Option<RecordKind>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        if let Some(run) = &self.run {
            // One run at a time: whoever asks meanwhile watches the one that is under way.
            return Ok(Reply::Run(run.row.clone()));
        }
        for remote in Remote::BOTH {
            if self.health[index(remote)].paused.is_some() {
                self.refuse_if_closed(remote, now_ms)?;
            }
        }
        let asked = Asked { trigger, actor, plan_only, kind };
        Ok(Reply::Run(self.begin_run(asked, &[], now_ms, effects).await?))
    }

    /// Starts a run, and claims the slots of the schedule that it is for in the same commit.
    pub(crate) async fn begin_run(
        &mut self,
        asked: Asked,
        slots: &[(ScheduleName, NextSlot)],
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<RunRow> {
        let Asked { trigger, actor, plan_only, kind } = asked;
        let kinds = match kind {
            Some(kind) if !self.kinds.contains(&kind) => return Err(not_synchronised(kind)),
            Some(kind) => VecDeque::from([kind]),
            None => self.kinds.iter().copied().collect(),
        };
        let row = RunRow {
            id: self.new_id(now_ms),
            trigger,
            actor: actor.clone(),
            scope: kind.map_or("all", RecordKind::as_str).to_owned(),
            state: "running".to_owned(),
            started_at_ms: now_ms,
            ended_at_ms: None,
            counts: encode("counts", &RunCounts::default())?,
            problem: None,
        };
        let mut changes = vec![Change::PutRun(row.clone())];
        changes.extend(slots.iter().map(|(name, next)| next.claim(*name, &row.id, now_ms)));
        changes.push(Change::Audit(AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: actor.unwrap_or_else(|| row.trigger.clone()),
            action: "run.started".to_owned(),
            subject: row.id.clone(),
            detail: if plan_only { "plan only".to_owned() } else { String::new() },
        }));
        self.store.commit(changes).await?;
        let readings = [Reading::asked_at(now_ms), Reading::asked_at(now_ms)];
        let mut run = RunState::over(row.clone(), kinds, readings, now_ms);
        run.plan_only = plan_only;
        run.first_pages(now_ms, effects);
        self.run = Some(run);
        Ok(row)
    }

    /// The kinds that follow on this one in a run over everything.
    pub(crate) fn kinds_after(&self, kind: RecordKind) -> impl Iterator<Item = RecordKind> + '_ {
        self.kinds.iter().copied().skip_while(move |other| *other != kind).skip(1)
    }

    /// Ends the run at once: answers still to come belong to nobody; what is in the outbox is carried out all the same.
    pub(crate) async fn stop_run(&mut self, id: &str, now_ms: i64, effects: &mut Effects) -> Result<Reply> {
        if self.run.as_ref().is_none_or(|run| run.row.id != id) {
            return Err(EngineError::NotFound { what: "run under way" });
        }
        self.end_run("stopped", Some("stopped by a person".to_owned()), now_ms, effects).await?;
        self.store.run(id).await?.map(Reply::Run).ok_or(EngineError::NotFound { what: "run" })
    }

    pub(crate) async fn page_read(
        &mut self,
        run_id: &str,
        remote: Remote,
        result: std::result::Result<Page, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(mut run) = self.run.take_if(|run| run.row.id == run_id) else { return Ok(()) };
        let handled = self.page_of(&mut run, remote, result, now_ms, effects).await;
        self.run = Some(run);
        handled
    }

    pub(crate) async fn go_on(&mut self, run_id: &str, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let Some(mut run) = self.run.take_if(|run| run.row.id == run_id) else { return Ok(()) };
        let handled = match run.phase {
            Phase::Linking => self.link_chunk(&mut run, now_ms).await,
            Phase::Comparing => self.compare_chunk(&mut run, now_ms).await,
            Phase::Checking => self.check_chunk(&mut run, now_ms).await,
            Phase::Settling => self.settle_chunk(&mut run, now_ms, effects).await,
            Phase::Reading | Phase::Writing | Phase::Finished => Ok(()),
        };
        effects.notices.push(Notice::Progress(run.progress(now_ms)));
        match run.phase {
            Phase::Linking | Phase::Comparing | Phase::Checking | Phase::Settling => {
                effects.requests.push(Request::GoOn { run: run.row.id.clone() });
            }
            Phase::Reading | Phase::Writing | Phase::Finished => {}
        }
        let writing = run.phase == Phase::Writing;
        self.run = Some(run);
        handled?;
        if writing {
            self.end_run_when_written(now_ms, effects).await?;
        }
        Ok(())
    }

    /// Links the next records; pairs are compared when all are linked.
    async fn link_chunk(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        let Some(mut linking) = run.linking.take() else {
            run.quarantined = self.store.unreadable_records().await?.into_iter().collect();
            let linking = pairing::Linking::begin(self, run.kind, run.proven()).await?.with_screening();
            run.total_in_phase = linking.to_look_at();
            run.linking = Some(linking);
            return Ok(());
        };
        if !linking.step(self, now_ms).await? {
            run.done_in_phase = run.total_in_phase.saturating_sub(linking.to_look_at());
            run.linking = Some(linking);
            return Ok(());
        }
        let linked = linking.linked;
        run.counts.linked = linked.linked;
        run.counts.possible_duplicates = linked.possible_duplicates;
        run.counts.conflicts[0] += linked.conflicts;
        run.counts.waiting_for_patients += linked.waiting_for_patients;
        run.creates = linked.creations.into();
        let pairs: u64 = self.store.pair_counts(run.kind).await?.iter().map(|(_, count)| count).sum();
        run.enter(Phase::Comparing, pairs, now_ms);
        Ok(())
    }

    /// An operation left the outbox: the run that enqueued it may be waiting for it.
    pub(crate) async fn operation_left(
        &mut self,
        operation: &str,
        remote: Remote,
        created: bool,
        done: bool,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        if !run.waiting_for.remove(operation) {
            return Ok(());
        }
        if done {
            run.counts.writes[index(remote)] += 1;
            run.counts.created += u64::from(created);
        } else {
            run.counts.writes_failed += 1;
        }
        if run.phase == Phase::Writing {
            run.done_in_phase += 1;
            effects.notices.push(Notice::Progress(run.progress(now_ms)));
            self.end_run_when_written(now_ms, effects).await?;
        }
        Ok(())
    }

    /// A run also waits for what follows from its writes (the other side's key written back after a create).
    pub(crate) fn run_waits_for(&mut self, operation: &str, because_of: &str) {
        if let Some(run) = &mut self.run
            && run.waiting_for.contains(because_of)
        {
            run.waiting_for.insert(operation.to_owned());
            run.total_in_phase += 1;
        }
    }

    /// Whether the next few answers could end the run under way.
    pub(crate) fn may_end_a_run(&self) -> bool {
        self.run.as_ref().is_some_and(|run| {
            run.phase == Phase::Writing && run.waiting_for.len() <= crate::batch::TOGETHER_MAX
        })
    }

    async fn end_run_when_written(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let Some(run) = &mut self.run else { return Ok(()) };
        if run.phase != Phase::Writing || !run.waiting_for.is_empty() {
            return Ok(());
        }
        match run.later.pop_front() {
            Some(kind) => {
                run.turn_to(kind, now_ms, effects);
                Ok(())
            }
            None => self.end_run("done", None, now_ms, effects).await,
        }
    }

    async fn end_run(
        &mut self,
        state: &str,
        problem: Option<String>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(mut run) = self.run.take() else { return Ok(()) };
        run.phase = Phase::Finished;
        run.row.state = state.to_owned();
        run.row.ended_at_ms = Some(now_ms);
        run.close_kind();
        let counts = RunCounts::of_kinds(std::mem::take(&mut run.before));
        run.row.counts = encode("counts", &counts)?;
        let mut notes = std::mem::take(&mut run.unproven);
        if counts.writes_failed > 0 {
            notes.push(format!(
                "{} writes were refused or could not be made yet; what waits is tried again by itself",
                counts.writes_failed
            ));
        }
        if counts.waiting_for_patients > 0 {
            notes.push(match counts.waiting_for_patients {
                1 => "1 appointment or treatment waits because its patient is not linked to one in the other \
                      system; it follows by itself once it is"
                    .to_owned(),
                many => format!(
                    "{many} appointments or treatments wait because their patient is not linked to one in the \
                     other system; they follow by themselves once it is"
                ),
            });
        }
        run.row.problem = problem.or_else(|| (!notes.is_empty()).then(|| notes.join(" · ")));
        let mut changes = vec![Change::PutRun(run.row.clone())];
        changes.push(self.frozen_facts(&run.row, now_ms).await?);
        changes.extend(self.slots_after(&run.row, now_ms));
        changes.push(Change::Audit(AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: "engine".to_owned(),
            action: "run.ended".to_owned(),
            subject: run.row.id.clone(),
            detail: format!("{state}; {}", run.row.counts),
        }));
        self.store.commit(changes).await?;
        effects.notices.push(Notice::Progress(run.progress(now_ms)));
        effects.notices.push(Notice::RunEnded(run.row.id));
        Ok(())
    }

    /// A run that cannot go on ends with words; what it read and enqueued stays.
    pub(crate) async fn fail_run(&mut self, error: &EngineError, now_ms: i64, effects: &mut Effects) {
        let (state, problem) = match error {
            EngineError::NotNow { what, way_out } if way_out.is_empty() => ("stopped", what.clone()),
            EngineError::NotNow { what, way_out } => ("stopped", format!("{what}; {way_out}")),
            other => ("failed", other.to_string()),
        };
        if let Err(second) = self.end_run(state, Some(problem), now_ms, effects).await {
            tracing::error!(error = %second.log_words(), "run.end_not_recorded");
            self.note_storage(&second, now_ms, effects);
            self.run = None;
            self.scheduling.touched = true;
        }
    }
}

/// Before that, how many were done in a second is a guess.
const RATE_AFTER_MS: u64 = 1_000;

impl RunState {
    pub(crate) fn enter(&mut self, phase: Phase, total: u64, now_ms: i64) {
        self.phase = phase;
        self.phase_started_ms = now_ms;
        self.done_in_phase = 0;
        self.total_in_phase = total;
        self.after.clear();
        self.next_digests = None;
    }

    /// A run that goes on behind the brake: everything was read by the one that was stopped.
    pub(crate) fn continued(
        row: RunRow,
        kinds: VecDeque<RecordKind>,
        approved: String,
        proven: [bool; 2],
        now_ms: i64,
    ) -> RunState {
        let readings = proven.map(|proven| Reading { ended: Some(proven), ..Reading::asked_at(now_ms) });
        let run = RunState::over(row, kinds, readings, now_ms);
        RunState { phase: Phase::Linking, approved: Some(approved), ..run }
    }

    fn over(row: RunRow, mut kinds: VecDeque<RecordKind>, readings: [Reading; 2], now_ms: i64) -> RunState {
        RunState {
            row,
            plan_only: false,
            kind: kinds.pop_front().unwrap_or(RecordKind::Patient),
            later: kinds,
            before: Vec::new(),
            unproven: Vec::new(),
            phase: Phase::Reading,
            phase_started_ms: now_ms,
            readings,
            after: String::new(),
            next_digests: None,
            done_in_phase: 0,
            total_in_phase: 0,
            to_settle: VecDeque::new(),
            quarantined: HashSet::new(),
            linking: None,
            creates: VecDeque::new(),
            waiting_for: HashSet::new(),
            counts: RunCounts::default(),
            totals: Totals::default(),
            fields: FieldTally::default(),
            counted: String::new(),
            approved: None,
        }
    }

    /// Asks both remotes for their first page of the kind.
    fn first_pages(&self, now_ms: i64, effects: &mut Effects) {
        for remote in Remote::BOTH {
            effects.requests.push(Request::ReadPage {
                run: self.row.id.clone(),
                remote,
                kind: self.kind,
                scope: ListScope::All,
                cursor: None,
                not_before_ms: now_ms,
            });
        }
    }

    /// The next kind, from the beginning: its own proof of completeness, its own brake.
    fn turn_to(&mut self, kind: RecordKind, now_ms: i64, effects: &mut Effects) {
        self.close_kind();
        let readings = [Reading::asked_at(now_ms), Reading::asked_at(now_ms)];
        let next = RunState::over(self.row.clone(), VecDeque::from([kind]), readings, now_ms);
        let done = std::mem::replace(self, next);
        self.plan_only = done.plan_only;
        self.later = done.later;
        self.before = done.before;
        self.unproven = done.unproven;
        self.first_pages(now_ms, effects);
        effects.notices.push(Notice::Progress(self.progress(now_ms)));
    }

    /// Sets aside what was counted of the kind, and what could not be proved of it.
    fn close_kind(&mut self) {
        let of_kind = match self.kind {
            RecordKind::Patient => String::new(),
            RecordKind::Appointment | RecordKind::Treatment => format!(", {}s", self.kind.as_str()),
        };
        for remote in Remote::BOTH {
            if let Some(why) = self.readings[index(remote)].why_unproven.take() {
                self.unproven.push(format!(
                    "{}{of_kind}: completeness could not be proved ({why}); nothing was concluded from absence",
                    remote.label()
                ));
            }
        }
        self.before.push((self.kind, std::mem::take(&mut self.counts)));
    }

    pub(crate) fn id(&self) -> &str {
        &self.row.id
    }

    pub(crate) fn counted(&self) -> &str {
        &self.counted
    }

    pub(crate) fn approved(&self) -> Option<&str> {
        self.approved.as_deref()
    }

    /// Pairs in which a record is to be created.
    pub(crate) fn creations(&self) -> impl Iterator<Item = &str> {
        self.creates.iter().map(|creation| creation.pair.as_str())
    }

    /// Writes per remote, and creations.
    pub(crate) const fn planned(&self) -> ([u64; 2], u64) {
        (self.counts.planned_writes, self.counts.to_create)
    }

    pub(crate) const fn to_settle(&self) -> u64 {
        self.counts.to_settle
    }

    /// Of which remotes absence may be believed.
    pub(crate) fn proven(&self) -> [bool; 2] {
        [0, 1].map(|position| self.readings[position].ended == Some(true))
    }

    pub(crate) fn remember_operations(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Enqueue(operation) = change {
                self.waiting_for.insert(operation.id.clone());
            }
        }
    }

    pub(crate) fn progress(&self, now_ms: i64) -> RunProgress {
        let (done, total) = match self.phase {
            Phase::Reading => {
                let done = self.readings.iter().map(|reading| reading.read).sum();
                let hints: Option<u64> = self.readings.iter().map(|reading| reading.total_hint).sum();
                (done, hints)
            }
            _ => (self.done_in_phase, (self.total_in_phase > 0).then_some(self.total_in_phase)),
        };
        let elapsed_ms = u64::try_from(now_ms - self.phase_started_ms).unwrap_or(0);
        RunProgress {
            run: self.row.id.clone(),
            kind: self.kind,
            phase: self.phase,
            done,
            total,
            per_second: if elapsed_ms < RATE_AFTER_MS { 0 } else { done * 1_000 / elapsed_ms },
        }
    }
}

fn not_synchronised(kind: RecordKind) -> EngineError {
    EngineError::NotNow {
        what: format!("{}s are not synchronised here", kind.as_str()),
        way_out: format!(
            "set synchronise = true under [servicenow.{}s] in the settings, and start again",
            kind.as_str()
        ),
    }
}
