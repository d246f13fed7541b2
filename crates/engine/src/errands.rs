//! Reading one pair afresh for a purpose: to verify it, to sync it, or to carry out an approved plan.

use crate::duplicates::Answer;
use crate::error::{EngineError, Result};
use crate::judge::{self, Terms, index};
use crate::step::{Command, Effects, Engine, Notice, Reply, Request, Ticket};
use crate::{lens, one_sided};
use record::{RecordKind, Remote};
use remote::{Fetched, RemoteError};
use store::{AuditRow, Change, PairRow, PairStatus, PlanRow, PlanState, Presence, SnapshotId};

/// Why a pair is read.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// A person or a step wants to know, and rules may write if `write`.
    Observe {
        /// Whether rules may write.
        write: bool,
        /// Who asked.
        actor: String,
    },
    /// The answer to an operation was lost, and its record has moved since: was that us?
    Confirm {
        /// The operation.
        operation: Box<store::OperationRow>,
    },
    /// An approved plan is carried out if nothing moved.
    CarryOut {
        /// The plan.
        plan: Box<PlanRow>,
        /// Who approved.
        approver: String,
        /// The approver's reason.
        reason: Option<String>,
    },
}

/// One pair being read.
#[derive(Debug)]
pub(crate) struct Errand {
    ticket: Option<Ticket>,
    pair: String,
    kind: RecordKind,
    purpose: Purpose,
    waiting: [bool; 2],
    failed: Option<RemoteError>,
    asked_at_ms: i64,
}

impl Errand {
    /// Who waits for it.
    pub(crate) const fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    /// The plan it checks, approved earlier; nobody stands waiting for it.
    fn waiting_plan(&self) -> Option<&PlanRow> {
        match &self.purpose {
            Purpose::CarryOut { plan, .. } => {
                Some(&**plan).filter(|plan| plan.state == PlanState::AwaitingCheck)
            }
            Purpose::Observe { .. } | Purpose::Confirm { .. } => None,
        }
    }

    /// The operation whose outcome it finds out.
    pub(crate) fn confirmed_operation(&self) -> Option<&store::OperationRow> {
        match &self.purpose {
            Purpose::Confirm { operation } => Some(operation),
            Purpose::Observe { .. } | Purpose::CarryOut { .. } => None,
        }
    }
}

impl Engine {
    #[allow(clippy::too_many_lines, reason = "one arm for each command")]
    pub(crate) async fn asked(
        &mut self,
        ticket: Ticket,
        command: Command,
        now_ms: i64,
        effects: &mut Effects,
    ) {
        let reply = match command {
            Command::StartRun { trigger, actor, plan_only, kind } => {
                Some(self.start_run(trigger, actor, plan_only, kind, now_ms, effects).await)
            }
            Command::StopRun { run } => Some(self.stop_run(&run, now_ms, effects).await),
            Command::Observe { pair, write, actor } => self
                .begin(Some(ticket), &pair, Purpose::Observe { write, actor }, effects)
                .await
                .err()
                .map(Err),
            Command::MakePlan { conflict, fingerprint, decisions, maker, reason } => Some(
                self.make_plan(&conflict, &fingerprint, decisions, &maker, reason, now_ms)
                    .await
                    .map(Reply::Plan),
            ),
            Command::MakeUndo { plan, maker } => {
                Some(self.make_undo(&plan, &maker, now_ms).await.map(Reply::Plan))
            }
            Command::Approve { plan, hash, person, reason } => {
                match self.approve(ticket, &plan, &hash, &person, reason, now_ms, effects).await {
                    Ok(Some(reply)) => Some(Ok(reply)),
                    Ok(None) => None,
                    Err(error) => Some(Err(error)),
                }
            }
            Command::Refuse { plan, person, reason } => {
                Some(self.refuse(&plan, &person, &reason, now_ms).await.map(Reply::Plan))
            }
            Command::AnswerDuplicate { conflict, candidate, same, person, reason } => {
                let answer = Answer { person: &person, reason: &reason, now_ms };
                Some(
                    self.answer_duplicate(&conflict, candidate.as_deref(), same, answer)
                        .await
                        .map(Reply::Pair),
                )
            }
            Command::SayOfTwo { a, b, said, person, reason } => {
                let answer = Answer { person: &person, reason: &reason, now_ms };
                Some(self.say_of_two((&a, &b), said, answer).await.map(Reply::Pair))
            }
            Command::Claim { conflict, person } => {
                Some(self.edit_conflict(&conflict, |row| row.claimed_by = person).await)
            }
            Command::Snooze { conflict, until_ms, reason, person } => {
                let audit = Change::Audit(AuditRow {
                    id: self.new_id(now_ms),
                    at_ms: now_ms,
                    actor: person,
                    action: "conflict.snoozed".to_owned(),
                    subject: conflict.clone(),
                    detail: String::new(),
                });
                let edited = self
                    .edit_conflict(&conflict, |row| {
                        row.snoozed_until_ms = until_ms;
                        row.snooze_reason = until_ms.is_some().then_some(reason);
                    })
                    .await;
                match (edited, self.store.commit(vec![audit]).await) {
                    (Err(error), _) => Some(Err(error)),
                    (Ok(_), Err(error)) => Some(Err(error.into())),
                    (Ok(reply), Ok(())) => Some(Ok(reply)),
                }
            }
            command @ (Command::Accept(_)
            | Command::EditQuarantined { .. }
            | Command::ReplayQuarantined { .. }
            | Command::DismissQuarantined { .. }) => Some(self.asked_of_inbox(command, now_ms).await),
            Command::Seen { conflict, person, reason } => {
                Some(self.seen(&conflict, &person, &reason, now_ms, effects).await)
            }
            Command::NewsSeen { person, until_ms } => {
                let seen = Change::PutValue { key: news_seen_key(&person), value: until_ms.to_string() };
                Some(self.store.commit(vec![seen]).await.map(|()| Reply::Done).map_err(Into::into))
            }
            Command::SaveDraft { conflict, draft } => {
                Some(self.edit_conflict(&conflict, |row| row.draft = Some(draft)).await)
            }
            Command::Release { operation, person, reason } => {
                Some(self.release(&operation, &person, &reason, now_ms, effects).await)
            }
            Command::Replay { cause, person, reason } => {
                Some(self.replay(&cause, &person, &reason, now_ms, effects).await)
            }
            Command::EditOperation { operation, values, maker, reason } => {
                Some(self.edit_operation(&operation, &values, &maker, &reason, now_ms).await.map(Reply::Plan))
            }
            Command::CallOff { operation, person, reason } => {
                Some(self.call_off(&operation, &person, &reason, now_ms, effects).await)
            }
            Command::Pause { remote, person, reason } => {
                Some(self.pause(remote, &person, &reason, now_ms, effects).await)
            }
            Command::Resume { remote, person, reason } => {
                Some(self.resume(remote, &person, &reason, now_ms, effects).await)
            }
            Command::TryNow { remote, person, reason } => {
                Some(self.try_now(remote, &person, &reason, now_ms, effects).await)
            }
            Command::ContinueBraked { hash, person, reason } => {
                Some(self.continue_braked(&hash, &person, reason, now_ms, effects).await)
            }
            Command::NoteMidServer { name, trouble } => {
                Some(self.note_mid_server(&name, trouble, now_ms, effects).await)
            }
            Command::Acknowledge { incident, person, reason } => {
                Some(self.acknowledge(&incident, &person, reason.as_deref(), now_ms, effects).await)
            }
        };
        if let Some(reply) = reply {
            match &reply {
                Ok(Reply::Plan(plan)) => effects.notices.push(Notice::Plan(plan.id.clone())),
                Ok(Reply::Pair(pair)) => effects.notices.push(Notice::Pair(pair.clone())),
                Ok(Reply::Quarantined(_) | Reply::Replayed(_)) => effects.notices.push(Notice::Quarantine),
                Err(error) => self.note_storage(error, now_ms, effects),
                Ok(_) => {}
            }
            effects.replies.push((ticket, reply));
        }
    }

    async fn edit_conflict(&self, id: &str, edit: impl FnOnce(&mut store::ConflictRow)) -> Result<Reply> {
        let mut row = self.store.conflict(id).await?.ok_or(EngineError::NotFound { what: "conflict" })?;
        edit(&mut row);
        self.store.commit(vec![Change::PutConflict(row)]).await?;
        Ok(Reply::Done)
    }

    pub(crate) async fn begin(
        &mut self,
        ticket: Option<Ticket>,
        pair_id: &str,
        purpose: Purpose,
        effects: &mut Effects,
    ) -> Result<()> {
        let pair = self.pair(pair_id).await?;
        let id = self.next_errand;
        self.next_errand += 1;
        if ticket.is_some() {
            for (remote, _) in keys_of(&pair) {
                self.refuse_if_closed(remote, self.step_ms)?;
            }
        }
        let mut waiting = [false; 2];
        for (remote, key) in keys_of(&pair) {
            waiting[index(remote)] = true;
            effects.requests.push(Request::ReadRecord {
                errand: id,
                remote,
                kind: pair.kind,
                key: key.to_owned(),
            });
        }
        self.errands.insert(
            id,
            Errand {
                ticket,
                kind: pair.kind,
                pair: pair.id,
                purpose,
                waiting,
                failed: None,
                asked_at_ms: self.step_ms,
            },
        );
        Ok(())
    }

    pub(crate) async fn record_read(
        &mut self,
        errand_id: u64,
        remote: Remote,
        result: std::result::Result<Fetched, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        if self.looking.is_for(errand_id) {
            return self.looked(errand_id, remote, result, now_ms, effects).await;
        }
        let Some(mut errand) = self.errands.remove(&errand_id) else { return Ok(()) };
        errand.waiting[index(remote)] = false;
        match result {
            Ok(fetched) => {
                if let Err(error) =
                    self.stage(errand.kind, remote, &fetched, errand.asked_at_ms, now_ms).await
                {
                    tracing::warn!(pair = %errand.pair, remote = remote.as_str(), error = %error.log_words(), "errand.unreadable");
                    if let Purpose::Confirm { operation } = errand.purpose {
                        return Box::pin(self.confirm(*operation, Err(error), now_ms, effects)).await;
                    }
                    if let Some(plan) = errand.waiting_plan() {
                        return self.checked(plan, Err(error), now_ms, effects).await;
                    }
                    Self::answer(&errand, Err(error), effects);
                    return Ok(());
                }
            }
            Err(RemoteError::NotFound { ref key, .. }) => {
                // Deleted or hidden cannot be told apart: a question, never a deletion.
                let id = SnapshotId { remote, kind: errand.kind, key: key.clone() };
                if let Err(error) = self.missing(&id, now_ms).await {
                    if let Some(plan) = errand.waiting_plan() {
                        return self.checked(plan, Err(error), now_ms, effects).await;
                    }
                    Self::answer(&errand, Err(error), effects);
                    return Ok(());
                }
                errand.failed = Some(RemoteError::NotFound { remote, key: key.clone() });
            }
            Err(error) => errand.failed = Some(error),
        }
        if errand.waiting.iter().any(|waiting| *waiting) {
            self.errands.insert(errand_id, errand);
            return Ok(());
        }
        if let Purpose::Confirm { operation } = errand.purpose {
            let read = errand.failed.map_or(Ok(()), |error| Err(EngineError::Remote(error)));
            return Box::pin(self.confirm(*operation, read, now_ms, effects)).await;
        }
        if let Some(plan) = errand.waiting_plan() {
            let read = errand.failed.clone().map_or(Ok(()), |error| Err(EngineError::Remote(error)));
            return self.checked(plan, read, now_ms, effects).await;
        }
        let outcome = match (errand.failed.take(), &errand.purpose) {
            (Some(error), Purpose::CarryOut { plan, approver, reason }) => {
                self.not_checked_yet(plan, approver, reason.clone(), error, now_ms, effects).await
            }
            (Some(error), Purpose::Observe { .. } | Purpose::Confirm { .. }) => {
                Err(EngineError::Remote(error))
            }
            (None, _) => self.finish_errand(&errand, now_ms, effects).await,
        };
        effects.notices.push(Notice::Pair(errand.pair.clone()));
        Self::answer(&errand, outcome, effects);
        Ok(())
    }

    /// A read that had to wait goes out only now: what it says is as of now.
    pub(crate) fn read_goes_out(&mut self, request: &Request, now_ms: i64) {
        match request {
            Request::ReadRecord { errand, .. } => {
                if let Some(errand) = self.errands.get_mut(errand) {
                    // Of two reads the earlier one counts.
                    if errand.waiting == [true; 2] {
                        errand.asked_at_ms = now_ms;
                    }
                }
            }
            Request::ReadPage { remote, not_before_ms, .. } => {
                self.page_goes_out(*remote, now_ms.max(*not_before_ms));
            }
            Request::FindByOurKey { .. }
            | Request::FindBill { .. }
            | Request::Write { .. }
            | Request::Poll { .. }
            | Request::Probe { .. }
            | Request::GoOn { .. } => {}
        }
    }

    pub(crate) async fn missing(&self, id: &SnapshotId, now_ms: i64) -> Result<()> {
        let mut changes = vec![Change::SetPresence { id: id.clone(), presence: Presence::Gone }];
        changes.extend(crate::one_sided::vanished(self, id, now_ms).await?);
        self.store.commit(changes).await?;
        Ok(())
    }

    fn answer(errand: &Errand, outcome: Result<Reply>, effects: &mut Effects) {
        match (errand.ticket, outcome) {
            (Some(ticket), outcome) => effects.replies.push((ticket, outcome)),
            (None, Ok(_)) => {}
            (None, Err(error)) => {
                tracing::warn!(pair = %errand.pair, error = %error.log_words(), "errand.failed");
            }
        }
    }

    /// Stores what a remote said, unless something newer was read back after this was asked for. What cannot be read goes
    /// to the quarantine and is an error all the same.
    pub(crate) async fn stage(
        &self,
        kind: RecordKind,
        remote: Remote,
        fetched: &Fetched,
        asked_at_ms: i64,
        now_ms: i64,
    ) -> Result<()> {
        let row = match self.typed(kind, remote, fetched).await {
            Ok(record) => self.lenses.of(kind).snapshot(remote, fetched, &record, "", now_ms),
            Err(error) => {
                let id = crate::pairing::snapshot_id(kind, remote, &fetched.key);
                let (raw, problem) = (fetched.raw.clone(), error.to_string());
                self.store.commit(vec![self.quarantined(id, raw, &problem, None, now_ms)]).await?;
                return Err(error);
            }
        };
        let known = self.store.snapshot(&row.id).await?;
        if known.as_ref().is_some_and(|known| known.seen_at_ms > asked_at_ms && known.raw != row.raw) {
            return Ok(());
        }
        let seen_run = known.map_or_else(String::new, |known| known.seen_run);
        self.store.commit(vec![Change::PutSnapshot(store::SnapshotRow { seen_run, ..row })]).await?;
        Ok(())
    }

    async fn finish_errand(&mut self, errand: &Errand, now_ms: i64, effects: &mut Effects) -> Result<Reply> {
        match &errand.purpose {
            Purpose::Observe { write, actor } => {
                if *write && errand.ticket.is_some() {
                    self.try_completion_again(&errand.pair, actor, now_ms).await?;
                }
                self.rejudge(&errand.pair, actor, *write, now_ms).await?;
                Ok(Reply::Pair(errand.pair.clone()))
            }
            // Settled above: nobody waits for an answer to it.
            Purpose::Confirm { .. } => Ok(Reply::Done),
            Purpose::CarryOut { plan, approver, reason } => {
                self.carry_out(plan, approver, reason.clone(), now_ms, effects).await
            }
        }
    }

    /// Judges a pair as it is stored now and commits what follows. Its calendar is looked at when the step ends.
    pub(crate) async fn rejudge(
        &mut self,
        pair_id: &str,
        agreed_by: &str,
        write: bool,
        now_ms: i64,
    ) -> Result<Option<PairStatus>> {
        let pair = self.pair(pair_id).await?;
        if pair.kind == RecordKind::Appointment {
            self.calendar.moved.insert(pair.id.clone());
        }
        self.judge_alone(pair, agreed_by, write, now_ms).await
    }

    /// The same without its calendar.
    pub(crate) async fn judge_alone(
        &mut self,
        pair: PairRow,
        agreed_by: &str,
        write: bool,
        now_ms: i64,
    ) -> Result<Option<PairStatus>> {
        let pair_id = &*pair.id.clone();
        let Some(context) = self.context(pair).await? else {
            if write {
                self.free_one_sided(pair_id, Vec::new(), now_ms).await?;
                let pair = self.pair(pair_id).await?;
                if pair.kind == RecordKind::Treatment {
                    Box::pin(one_sided::send_treatment(self, pair, now_ms)).await?;
                }
            }
            return self.refresh_card(pair_id).await.map(|()| None);
        };
        let ids = std::sync::Arc::clone(&self.ids);
        let terms = Terms { write, agreed_by, now_ms, rules: &self.rules };
        let judgement = match judge::judge(&context, &self.lenses, terms, &mut || ids.next(now_ms)) {
            Err(EngineError::Mapping(problem)) if write => {
                self.cannot_be_written(&context.pair, &problem, now_ms).await?;
                return Ok(Some(PairStatus::Differs));
            }
            judgement => judgement?,
        };
        self.followed_by = judgement
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Enqueue(operation) => Some(operation.id.clone()),
                _ => None,
            })
            .collect();
        if !self.followed_by.is_empty() {
            self.outbox_touched = true;
        }
        if !judgement.changes.is_empty() {
            self.store.commit(self.with_what_waits(judgement.changes, now_ms).await?).await?;
        }
        Ok(judgement.status)
    }

    /// Somebody wants a treatment tried again whose bill or archiving was called off: the question about it goes out of the
    /// way, and what is left to do is planned afresh.
    async fn try_completion_again(&self, pair_id: &str, person: &str, now_ms: i64) -> Result<()> {
        let pair = self.pair(pair_id).await?;
        if pair.kind != RecordKind::Treatment {
            return Ok(());
        }
        let Some(context) = self.context(pair).await? else { return Ok(()) };
        let Some(open) = context.open_conflict.as_ref() else { return Ok(()) };
        let nothing_differs = reconcile::plan(
            &context.state(&self.lenses),
            &reconcile::compare(&context.state(&self.lenses)),
            &[],
        )
        .is_ok_and(|plan| plan.is_empty() && plan.open.is_empty());
        let waits_for_nothing = context.blocked.operations.is_empty() && !context.lane_busy;
        if open.cause == store::ConflictCause::NotStored && nothing_differs && waits_for_nothing {
            let closed = store::ConflictRow {
                state: store::ConflictState::Closed,
                closed_at_ms: Some(now_ms),
                closed_by: Some(person.to_owned()),
                ..open.clone()
            };
            self.store.commit(vec![Change::PutConflict(closed)]).await?;
        }
        Ok(())
    }

    /// Somebody wants a one-sided patient tried again: what was refused goes out of the way, and the next complete run
    /// creates it or asks.
    pub(crate) async fn free_one_sided(
        &self,
        pair_id: &str,
        mut changes: Vec<Change>,
        now_ms: i64,
    ) -> Result<()> {
        changes.extend(crate::step::blocked(&*self.store, pair_id).await?.called_off(now_ms));
        if let Some(conflict) = self.store.open_conflict_of(pair_id).await?
            && conflict.cause == store::ConflictCause::NotStored
        {
            changes.push(Change::PutConflict(store::ConflictRow {
                state: store::ConflictState::Closed,
                closed_at_ms: Some(now_ms),
                closed_by: Some("superseded".to_owned()),
                ..conflict
            }));
        }
        if !changes.is_empty() {
            self.store.commit(changes).await?;
        }
        Ok(())
    }

    async fn refresh_card(&self, pair_id: &str) -> Result<()> {
        let mut pair = self.pair(pair_id).await?;
        let mut sides = [None, None];
        for (remote, key) in keys_of(&pair.clone()) {
            sides[index(remote)] = self.side(pair.kind, remote, key).await?.map(|side| side.record);
        }
        let card = lens::card(self.lenses.catalogue(pair.kind), sides[0].as_ref(), sides[1].as_ref());
        if card != pair.card {
            pair.card = card;
            self.store.commit(vec![Change::PutPair(pair)]).await?;
        }
        Ok(())
    }
}

/// Where it stands until when a person saw what was written of appointments, Unix milliseconds.
pub fn news_seen_key(person: &str) -> String {
    format!("news.seen.{person}")
}

/// The keys a pair has, with their remotes.
pub(crate) fn keys_of(pair: &PairRow) -> impl Iterator<Item = (Remote, &str)> {
    [(Remote::ServiceNow, pair.servicenow_key.as_deref()), (Remote::Ehr, pair.ehr_key.as_deref())]
        .into_iter()
        .filter_map(|(remote, key)| Some((remote, key?)))
}
