//! A run over everything: read both remotes completely, link, compare, settle, wait for the writes.

use crate::error::{EngineError, Result, decode, encode};
use crate::health::{FAILURES_TO_OPEN, next_try_ms};
use crate::judge::{self, Terms, index};
use crate::step::{Effects, Engine, Notice, Reply, Request, RunProgress, side_state};
use crate::{one_sided, pairing};
use reconcile::brake::Totals;
use record::{RecordKind, Remote};
use remote::{Cursor, ListScope, Next, Page, RemoteError};
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use store::{AuditRow, Change, PairStatus, Presence, RunRow, SnapshotId};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Phase {
    Reading,
    Linking,
    Comparing,
    Settling,
    Writing,
    Finished,
}

/// What a run counted. Encoded into [`RunRow::counts`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    /// Records read from ServiceNow.
    pub servicenow: u64,
    /// Records read from the EHR.
    pub ehr: u64,
    /// Pairs newly linked.
    pub linked: u64,
    /// Pairs compared.
    pub compared: u64,
    /// Pairs in which nothing differs.
    pub equal: u64,
    /// Fields settled by rule.
    pub settled: u64,
    /// Pairs with an open conflict, by grade 3 and 4.
    pub conflicts: [u64; 2],
    /// Records created on the side that lacked them.
    pub created: u64,
    /// Writes carried out, ServiceNow and EHR.
    pub writes: [u64; 2],
    /// Writes that could not be carried out.
    pub writes_failed: u64,
    /// Payloads that could not be read.
    pub malformed: u64,
    /// Possible duplicates found.
    pub possible_duplicates: u64,
    /// Patients that rules settle or create (with `plan_only`: would).
    pub to_settle: u64,
    /// Writes that rules plan on what both sides have, ServiceNow and EHR.
    pub planned_writes: [u64; 2],
    /// Records that are to be created on the side that lacks them.
    pub to_create: u64,
    /// Records that vanished from a remote.
    pub vanished: u64,
}

/// One remote's reading.
#[derive(Debug, Default)]
struct Reading {
    read: u64,
    total_hint: Option<u64>,
    /// `Some(true)`: complete and proved; `Some(false)`: ended without proof.
    ended: Option<bool>,
    why_unproven: Option<String>,
    tries: u32,
    /// Where the page under way begins.
    cursor: Option<Cursor>,
    /// When the page under way was asked for.
    asked_at_ms: i64,
}

impl Reading {
    fn asked_at(now_ms: i64) -> Reading {
        Reading { asked_at_ms: now_ms, ..Reading::default() }
    }
}

/// A run under way.
#[derive(Debug)]
pub struct RunState {
    row: RunRow,
    plan_only: bool,
    phase: Phase,
    phase_started_ms: i64,
    readings: [Reading; 2],
    after: String,
    done_in_phase: u64,
    total_in_phase: u64,
    to_settle: VecDeque<String>,
    /// Records whose latest version could not be read: nothing is planned on what they said before.
    quarantined: HashSet<SnapshotId>,
    creates: VecDeque<pairing::Creation>,
    waiting_for: HashSet<String>,
    counts: RunCounts,
    totals: Totals,
}

const CHUNK: u32 = 500;

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
        let row = RunRow {
            id: self.new_id(now_ms),
            trigger,
            actor: actor.clone(),
            scope: "all".to_owned(),
            state: "running".to_owned(),
            started_at_ms: now_ms,
            ended_at_ms: None,
            counts: encode("counts", &RunCounts::default())?,
            problem: None,
        };
        self.store
            .commit(vec![
                Change::PutRun(row.clone()),
                Change::Audit(AuditRow {
                    id: self.new_id(now_ms),
                    at_ms: now_ms,
                    actor: actor.unwrap_or_else(|| row.trigger.clone()),
                    action: "run.started".to_owned(),
                    subject: row.id.clone(),
                    detail: if plan_only { "plan only".to_owned() } else { String::new() },
                }),
            ])
            .await?;
        for remote in Remote::BOTH {
            effects.requests.push(Request::ReadPage {
                run: row.id.clone(),
                remote,
                scope: ListScope::All,
                cursor: None,
                not_before_ms: now_ms,
            });
        }
        self.run = Some(RunState {
            row: row.clone(),
            plan_only,
            phase: Phase::Reading,
            phase_started_ms: now_ms,
            readings: [Reading::asked_at(now_ms), Reading::asked_at(now_ms)],
            after: String::new(),
            done_in_phase: 0,
            total_in_phase: 0,
            to_settle: VecDeque::new(),
            quarantined: HashSet::new(),
            creates: VecDeque::new(),
            waiting_for: HashSet::new(),
            counts: RunCounts::default(),
            totals: Totals::default(),
        });
        Ok(Reply::Run(row))
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

    async fn page_of(
        &mut self,
        run: &mut RunState,
        remote: Remote,
        result: std::result::Result<Page, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                let health = &self.health[index(remote)];
                // The one probe of an open breaker failed: the run does not wait for the next ones.
                let gave_up = health.breaker_open() && health.failures_in_a_row > FAILURES_TO_OPEN;
                let tries = if gave_up { 0 } else { self.policy.tries };
                return retry_page(run, remote, error, tries, now_ms, effects);
            }
        };
        let changes = self.page_changes(run, remote, &page, now_ms).await?;
        if !changes.is_empty() {
            self.store.commit(changes).await?;
        }
        let reading = &mut run.readings[index(remote)];
        reading.tries = 0;
        reading.read += page.items.len() as u64;
        reading.total_hint = page.total_hint.or(reading.total_hint);
        match remote {
            Remote::ServiceNow => run.counts.servicenow = reading.read,
            Remote::Ehr => run.counts.ehr = reading.read,
        }
        match page.next {
            Next::More(cursor) => {
                reading.cursor = Some(cursor.clone());
                reading.asked_at_ms = now_ms;
                effects.requests.push(Request::ReadPage {
                    run: run.row.id.clone(),
                    remote,
                    scope: ListScope::All,
                    cursor: Some(cursor),
                    not_before_ms: now_ms,
                });
            }
            Next::ProvenComplete => reading.ended = Some(true),
            Next::Unproven { why } => {
                reading.ended = Some(false);
                reading.why_unproven = Some(why);
            }
        }
        effects.notices.push(Notice::Progress(run.progress(now_ms)));
        if run.readings.iter().all(|reading| reading.ended.is_some()) {
            for remote in Remote::BOTH {
                if run.readings[index(remote)].ended == Some(true) {
                    self.store.commit(vec![unseen_payloads(run, remote, now_ms)]).await?;
                    self.mark_unseen(run, remote, now_ms).await?;
                }
            }
            run.enter(Phase::Linking, 0, now_ms);
            effects.notices.push(Notice::Progress(run.progress(now_ms)));
            effects.requests.push(Request::GoOn { run: run.row.id.clone() });
        }
        Ok(())
    }

    /// What a page changes in the store: what is unchanged to the letter is only seen, the rest is typed, and what cannot
    /// be read is quarantined with its raw text.
    async fn page_changes(
        &self,
        run: &mut RunState,
        remote: Remote,
        page: &Page,
        now_ms: i64,
    ) -> Result<Vec<Change>> {
        let mut changes = Vec::with_capacity(page.items.len());
        let unreadable: HashSet<SnapshotId> = self.store.unreadable_records().await?.into_iter().collect();
        for fetched in &page.items {
            let id = SnapshotId { remote, kind: RecordKind::Patient, key: fetched.key.clone() };
            // Raw text, not the version, says whether anything moved: scripts can write without moving the version.
            let known = self.store.snapshot(&id).await?;
            if known
                .as_ref()
                .is_some_and(|known| known.raw == fetched.raw && known.presence == Presence::Present)
            {
                if unreadable.contains(&id) {
                    // It says again what it said before it could not be read.
                    changes.push(Change::Release { id: id.clone(), at_ms: now_ms });
                }
                changes.push(Change::SawSnapshot { id, run: run.row.id.clone(), at_ms: now_ms });
                continue;
            }
            let asked_at_ms = run.readings[index(remote)].asked_at_ms;
            if known.as_ref().is_some_and(|known| known.seen_at_ms > asked_at_ms) {
                // It was read back after this page was asked for: the page may be older. The next reading tells.
                changes.push(Change::SawSnapshot { id, run: run.row.id.clone(), at_ms: now_ms });
                continue;
            }
            match self.lenses.snapshot(remote, fetched, &run.row.id, now_ms) {
                Ok((row, _)) => {
                    changes.push(Change::PutSnapshot(row));
                }
                Err(error) => {
                    run.counts.malformed += 1;
                    let (raw, problem) = (fetched.raw.clone(), error.to_string());
                    changes.push(self.quarantined(id, raw, &problem, Some(&run.row.id), now_ms));
                }
            }
        }
        for malformed in &page.malformed {
            run.counts.malformed += 1;
            changes.push(self.malformed(remote, malformed, Some(&run.row.id), now_ms));
        }
        Ok(changes)
    }

    /// A record that a complete, proven read did not show is suspected; a second one in a row makes it gone.
    async fn mark_unseen(&mut self, run: &mut RunState, remote: Remote, now_ms: i64) -> Result<()> {
        let mut after = String::new();
        loop {
            let keys =
                self.store.unseen_keys(remote, RecordKind::Patient, &run.row.id, &after, CHUNK).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after.clone_from(last);
            let mut changes = Vec::new();
            for key in &keys {
                let id = SnapshotId { remote, kind: RecordKind::Patient, key: key.clone() };
                let Some(snapshot) = self.store.snapshot(&id).await? else { continue };
                match snapshot.presence {
                    Presence::Present => {
                        changes.push(Change::SetPresence { id, presence: Presence::Suspected });
                    }
                    Presence::Suspected => {
                        run.counts.vanished += 1;
                        changes.push(Change::SetPresence { id, presence: Presence::Gone });
                        changes.extend(one_sided::vanished(self, remote, key, now_ms).await?);
                    }
                    Presence::Gone => {}
                }
            }
            if !changes.is_empty() {
                self.store.commit(changes).await?;
            }
        }
    }

    pub(crate) async fn go_on(&mut self, run_id: &str, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let Some(mut run) = self.run.take_if(|run| run.row.id == run_id) else { return Ok(()) };
        let handled = match run.phase {
            Phase::Linking => self.link_all(&mut run, now_ms).await,
            Phase::Comparing => self.compare_chunk(&mut run, now_ms).await,
            Phase::Settling => self.settle_chunk(&mut run, now_ms, effects).await,
            Phase::Reading | Phase::Writing | Phase::Finished => Ok(()),
        };
        effects.notices.push(Notice::Progress(run.progress(now_ms)));
        match run.phase {
            Phase::Linking | Phase::Comparing | Phase::Settling => {
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

    async fn link_all(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        run.quarantined = self.store.unreadable_records().await?.into_iter().collect();
        let linked = pairing::link_all(self, run.proven(), now_ms).await?;
        run.counts.linked = linked.linked;
        run.counts.possible_duplicates = linked.possible_duplicates;
        run.counts.conflicts[0] += linked.conflicts;
        run.creates = linked.creations.into();
        let pairs: u64 =
            self.store.pair_counts(RecordKind::Patient).await?.iter().map(|(_, count)| count).sum();
        run.enter(Phase::Comparing, pairs, now_ms);
        Ok(())
    }

    /// Compares the next pairs. Pairs whose three digests agree are equal without decoding anything.
    async fn compare_chunk(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        let digests = self.store.pair_digests_after(RecordKind::Patient, &run.after, CHUNK).await?;
        let Some(last) = digests.last().map(|pair| pair.id.clone()) else {
            return self.begin_settling(run, now_ms);
        };
        let moved: HashSet<&str> = digests
            .iter()
            .filter(|pair| {
                pair.servicenow.is_some()
                    && pair.ehr.is_some()
                    && !(pair.status == PairStatus::Agreed
                        && pair.servicenow == pair.base
                        && pair.ehr == pair.base)
            })
            .map(|pair| pair.id.as_str())
            .collect();
        let both =
            digests.iter().filter(|pair| pair.servicenow.is_some() && pair.ehr.is_some()).count() as u64;
        run.counts.compared += both;
        run.counts.equal += both - moved.len() as u64;
        run.totals.pairs += both - moved.len() as u64;
        if !moved.is_empty() {
            let pages = self.store.pairs_after(RecordKind::Patient, &run.after, CHUNK).await?;
            let mut changes = Vec::new();
            for page in pages.into_iter().filter(|page| moved.contains(page.pair.id.as_str())) {
                let (Some(servicenow), Some(ehr)) = (page.servicenow, page.ehr) else { continue };
                let context = self.context_with(page.pair, side_state(servicenow)?, side_state(ehr)?).await?;
                let terms = Terms { write: false, agreed_by: "first comparison", now_ms };
                let ids = std::sync::Arc::clone(&self.ids);
                let judgement = judge::judge(&context, &self.lenses, terms, &mut || ids.next(now_ms))?;
                run.totals.add(&judgement.plan);
                match judgement.status {
                    Some(PairStatus::Agreed) => run.counts.equal += 1,
                    _ if judgement.plan.is_empty() => {}
                    _ => {
                        for remote in Remote::BOTH {
                            run.counts.planned_writes[index(remote)] +=
                                u64::from(!judgement.plan.writes(remote).is_empty());
                        }
                        run.to_settle.push_back(context.pair.id.clone());
                    }
                }
                if let Some(grade) = judgement.conflict_grade {
                    run.counts.conflicts[usize::from(grade >= 4)] += 1;
                }
                changes.extend(judgement.changes);
            }
            if !changes.is_empty() {
                self.store.commit(changes).await?;
            }
        }
        run.after = last;
        run.done_in_phase += digests.len() as u64;
        Ok(())
    }

    /// The brake: what rules would change is known before the first of it is written.
    fn begin_settling(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        let touched = run.to_settle.len() as u64 + run.creates.len() as u64;
        run.counts.to_settle = touched;
        run.counts.to_create = run.creates.len() as u64;
        run.totals.pairs += run.creates.len() as u64;
        run.totals.pairs_written += run.creates.len() as u64;
        run.enter(Phase::Settling, touched, now_ms);
        if run.plan_only {
            run.to_settle.clear();
            run.creates.clear();
            return Ok(());
        }
        match reconcile::brake::brake(&run.totals, &self.policy.brake) {
            None => Ok(()),
            Some(brake) => Err(EngineError::NotNow {
                what: format!("the brake stopped this run before anything was written: {brake}"),
                way_out: "if this many changes are right, raise [brake] in the settings and run again"
                    .to_owned(),
            }),
        }
    }

    async fn settle_chunk(&mut self, run: &mut RunState, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let mut changes = Vec::new();
        for _ in 0..50 {
            let Some(id) = run.to_settle.pop_front() else { break };
            run.done_in_phase += 1;
            let Some(context) = self.context(self.pair(&id).await?).await? else { continue };
            if [&context.servicenow, &context.ehr]
                .iter()
                .any(|side| run.quarantined.contains(&side.snapshot.id))
            {
                continue;
            }
            let terms = Terms { write: true, agreed_by: "rule", now_ms };
            let ids = std::sync::Arc::clone(&self.ids);
            let judgement = match judge::judge(&context, &self.lenses, terms, &mut || ids.next(now_ms)) {
                Ok(judgement) => judgement,
                // What a system could not hold keeps this patient waiting, nobody else.
                Err(EngineError::Mapping(problem)) => {
                    self.cannot_be_written(&context.pair, &problem, now_ms).await?;
                    effects.notices.push(Notice::Pair(id));
                    continue;
                }
                Err(error) => return Err(error),
            };
            run.counts.settled += u64::from(judgement.settled);
            run.remember_operations(&judgement.changes);
            if !judgement.changes.is_empty() {
                effects.notices.push(Notice::Pair(id));
            }
            changes.extend(judgement.changes);
        }
        if run.to_settle.is_empty() {
            for _ in 0..50 {
                let Some(creation) = run.creates.pop_front() else { break };
                run.done_in_phase += 1;
                let created = one_sided::create_changes(self, &creation, now_ms).await?;
                run.remember_operations(&created);
                effects.notices.push(Notice::Pair(creation.pair.clone()));
                changes.extend(created);
            }
        }
        if !changes.is_empty() {
            self.store.commit(changes).await?;
            self.outbox_touched = true;
        }
        if run.to_settle.is_empty() && run.creates.is_empty() {
            run.enter(Phase::Writing, run.waiting_for.len() as u64, now_ms);
        }
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
        if self.run.as_ref().is_some_and(|run| run.phase == Phase::Writing && run.waiting_for.is_empty()) {
            self.end_run("done", None, now_ms, effects).await?;
        }
        Ok(())
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
        run.row.counts = encode("counts", &run.counts)?;
        let unproven: Vec<String> = Remote::BOTH
            .iter()
            .filter_map(|remote| {
                let why = run.readings[index(*remote)].why_unproven.as_ref()?;
                Some(format!(
                    "{}: completeness could not be proved ({why}); nothing was concluded from absence",
                    remote.label()
                ))
            })
            .collect();
        let mut notes = unproven;
        if run.counts.writes_failed > 0 {
            notes.push(format!(
                "{} writes were refused or could not be made yet; what waits is tried again by itself",
                run.counts.writes_failed
            ));
        }
        run.row.problem = problem.or_else(|| (!notes.is_empty()).then(|| notes.join(" · ")));
        self.store
            .commit(vec![
                Change::PutRun(run.row.clone()),
                Change::Audit(AuditRow {
                    id: self.new_id(now_ms),
                    at_ms: now_ms,
                    actor: "engine".to_owned(),
                    action: "run.ended".to_owned(),
                    subject: run.row.id.clone(),
                    detail: format!("{state}; {}", run.row.counts),
                }),
            ])
            .await?;
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
            self.run = None;
        }
    }
}

/// A payload without a key cannot be told by its record; a complete read that does not show it again settles it.
fn unseen_payloads(run: &RunState, remote: Remote, now_ms: i64) -> Change {
    let before_ms = run.row.started_at_ms;
    Change::ReleaseUnseen { remote, kind: RecordKind::Patient, before_ms, at_ms: now_ms }
}

fn retry_page(
    run: &mut RunState,
    remote: Remote,
    error: RemoteError,
    tries: u32,
    now_ms: i64,
    effects: &mut Effects,
) -> Result<()> {
    let reading = &mut run.readings[index(remote)];
    let retry_after_ms = match &error {
        RemoteError::Transient { retry_after_ms, .. } => *retry_after_ms,
        _ => None,
    };
    // Whoever only asks to wait has not failed.
    reading.tries += u32::from(retry_after_ms.is_none());
    match next_try_ms(reading.tries, tries, now_ms, retry_after_ms) {
        Some(not_before_ms) if error.is_transport() && reading.tries <= tries => {
            reading.asked_at_ms = not_before_ms;
            effects.requests.push(Request::ReadPage {
                run: run.row.id.clone(),
                remote,
                scope: ListScope::All,
                cursor: reading.cursor.clone(),
                not_before_ms,
            });
            Ok(())
        }
        _ => Err(EngineError::Remote(error)),
    }
}

impl RunState {
    fn enter(&mut self, phase: Phase, total: u64, now_ms: i64) {
        self.phase = phase;
        self.phase_started_ms = now_ms;
        self.done_in_phase = 0;
        self.total_in_phase = total;
        self.after.clear();
    }

    /// Of which remotes absence may be believed.
    fn proven(&self) -> [bool; 2] {
        [0, 1].map(|position| self.readings[position].ended == Some(true))
    }

    fn remember_operations(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Enqueue(operation) = change {
                self.waiting_for.insert(operation.id.clone());
            }
        }
    }

    fn progress(&self, now_ms: i64) -> RunProgress {
        let (done, total) = match self.phase {
            Phase::Reading => {
                let done = self.readings.iter().map(|reading| reading.read).sum();
                let hints: Option<u64> = self.readings.iter().map(|reading| reading.total_hint).sum();
                (done, hints)
            }
            _ => (self.done_in_phase, (self.total_in_phase > 0).then_some(self.total_in_phase)),
        };
        let elapsed_ms = u64::try_from(now_ms - self.phase_started_ms).unwrap_or(0).max(1);
        RunProgress {
            run: self.row.id.clone(),
            phase: self.phase,
            done,
            total,
            per_second: done * 1_000 / elapsed_ms,
        }
    }
}

/// Reads a run's counts.
pub fn counts_of(row: &RunRow) -> Result<RunCounts> {
    decode("counts", &row.counts)
}
