//! Operations that did not succeed: tried again, called off, confirmed after all, or parked with a question.

use crate::causes::Cause;
use crate::error::{EngineError, Result, decode, encode};
use crate::execute::AttemptError;
use crate::health::{OPEN_FOR_MS, jitter_ms, later_try_ms, next_try_ms};
use crate::judge::{self, SideState, index};
use crate::lens;
use crate::overwritten::Overwritten;
use crate::plans::Intent;
use crate::step::{Effects, Engine, Notice};
use remote::{Fetched, RemoteError, Written};
use store::{
    Change, ConflictCause, ConflictRow, ConflictState, OperationAction, OperationFilter, OperationRow,
    OperationState, PairStatus, PlanState,
};

impl Engine {
    pub(crate) async fn failed(
        &mut self,
        operation: OperationRow,
        error: RemoteError,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        self.in_flight.remove(&operation.id);
        self.outbox_touched = true;
        let mut history: Vec<AttemptError> = decode("errors", &operation.errors)?;
        // An attempt without an outcome was under way when the program was killed.
        let unknown = usize::try_from(operation.attempts).unwrap_or(usize::MAX) > history.len() + 1;
        let may_be_ours = unknown || history.iter().any(|attempt| attempt.ambiguous);
        // Whoever only asks to wait, or refuses us at the door, has not tried it.
        let costs_a_try = !matches!(
            error,
            RemoteError::Transient { retry_after_ms: Some(_), .. } | RemoteError::SignIn { .. }
        );
        history.push(AttemptError {
            attempt: operation.attempts,
            at_ms: now_ms,
            what: error.to_string(),
            ambiguous: matches!(error, RemoteError::Ambiguous { .. }),
            kind: error.name().to_owned(),
            counted: costs_a_try,
        });
        let errors = encode("errors", &history)?;
        let intent: Intent = decode("intent", &operation.intent)?;
        let cause = Cause::of(&error, &intent, self.lenses.catalogue(operation.kind)).key();
        let finish = |state: OperationState, due_at_ms: i64| Change::FinishOperation {
            id: operation.id.clone(),
            claim: operation.claims,
            state,
            due_at_ms,
            errors: errors.clone(),
            key: operation.key.clone(),
            cause: Some(cause.clone()),
            costs_a_try,
            at_ms: now_ms,
        };
        effects.notices.push(Notice::Queue);
        tracing::warn!(operation = %operation.id, remote = operation.remote.as_str(), attempt = operation.attempts, error = %error.log_words(), "operation.failed");
        match &error {
            // An earlier attempt may be what moved it: look whether the record holds what was sent.
            RemoteError::Moved { .. } if may_be_ours => {
                let lane = operation.lane.clone();
                let operation = OperationRow { errors, cause: Some(cause), ..operation };
                self.in_flight.insert(operation.id.clone(), operation.clone());
                let purpose = crate::errands::Purpose::Confirm { operation: Box::new(operation) };
                self.begin(None, &lane, purpose, effects).await?;
            }
            // What it was decided on is not there any more: nothing was written; look again and plan again.
            RemoteError::Moved { .. } | RemoteError::NotFound { .. } => {
                self.give_up(OperationRow { errors, cause: Some(cause), ..operation }, now_ms, effects)
                    .await?;
            }
            // The same request may succeed later.
            RemoteError::Unreachable { .. }
            | RemoteError::Ambiguous { .. }
            | RemoteError::Transient { .. } => {
                let retry_after_ms = match &error {
                    RemoteError::Transient { retry_after_ms, .. } => *retry_after_ms,
                    _ => None,
                };
                // After the last try it stays queued for later processing. The breaker is the remote's, not the
                // operation's: it holds back whatever is due.
                let next_ms = next_try_ms(operation.attempts, self.policy.tries, now_ms, retry_after_ms);
                let due_ms = match (next_ms, retry_after_ms) {
                    (Some(next_ms), Some(_)) => next_ms,
                    (Some(next_ms), None) => {
                        next_ms + jitter_ms(&operation.id, operation.attempts, next_ms - now_ms)
                    }
                    // It goes with the first that is tried when the remote answers again.
                    (None, _) if self.health[index(operation.remote)].breaker_open() => now_ms + OPEN_FOR_MS,
                    // The remote answers others: this one fails by itself.
                    (None, _) => later_try_ms(operation.attempts, self.policy.tries, now_ms),
                };
                self.store.commit(vec![finish(OperationState::Retrying, due_ms)]).await?;
                if next_ms.is_none() {
                    // It stays in the outbox; the run does not wait for a remote that does not answer.
                    self.operations_left(&operation, &[], now_ms, effects).await?;
                }
            }
            RemoteError::SignIn { .. } => {
                // It waits for the remote to let us in, whose next try comes after a while; no try is used up.
                self.store.commit(vec![finish(OperationState::Retrying, now_ms)]).await?;
                self.operations_left(&operation, &[], now_ms, effects).await?;
            }
            // It can never succeed as it is: parked for a person, and nothing else waits for it but its own lane.
            RemoteError::Refused { .. } | RemoteError::Protocol { .. } | RemoteError::Many { .. } => {
                // The rest of its plan waits behind it: the other side is not changed alone. Sent again and carried out,
                // the plan goes on; decided otherwise, all of it is called off.
                self.store.commit(vec![finish(OperationState::Parked, now_ms)]).await?;
                let rest = self.rest_of_plan(&operation).await?;
                let fields = judge::field_ids(
                    self.lenses.catalogue(operation.kind),
                    intent.fields.iter().map(|write| write.field),
                );
                let problem = [error.to_string()];
                self.not_stored(&operation.lane, &operation.id, &problem, &fields, now_ms).await?;
                self.operations_left(&operation, &rest, now_ms, effects).await?;
                effects.notices.push(Notice::Pair(operation.lane.clone()));
            }
        }
        Ok(())
    }

    /// An outcome that could not be written down (a full disk, a refusal by the store) must not leave its operation
    /// running for ever: it goes back into the outbox, and its next try looks first whether it was carried out.
    pub(crate) async fn put_unsettled_back(&mut self, now_ms: i64, effects: &mut Effects) {
        for operation in std::mem::take(&mut self.unsettled) {
            let back = Change::FinishOperation {
                id: operation.id.clone(),
                claim: operation.claims,
                state: OperationState::Retrying,
                due_at_ms: now_ms + OPEN_FOR_MS,
                errors: operation.errors.clone(),
                key: operation.key.clone(),
                cause: operation.cause.clone(),
                costs_a_try: true,
                at_ms: now_ms,
            };
            match self.store.commit(vec![back]).await {
                Ok(()) => {
                    self.outbox_touched = true;
                    if let Err(error) = self.operations_left(&operation, &[], now_ms, effects).await {
                        tracing::error!(error = %error.log_words(), "operation.run_not_told");
                        self.note_storage(&error, now_ms, effects);
                    }
                }
                // It was finished by what failed only afterwards: that is done now.
                Err(store::StoreError::Moved { .. }) => {
                    let followed = Box::pin(self.follow_finished(&operation, now_ms, effects)).await;
                    if let Err(error) = followed {
                        tracing::error!(error = %error.log_words(), "operation.not_followed");
                        self.note_storage(&error, now_ms, effects);
                        self.wake_at_ms = Some(now_ms + 1_000);
                        self.unsettled.push(operation);
                    }
                }
                Err(error) => {
                    self.note_storage(&error.into(), now_ms, effects);
                    self.wake_at_ms = Some(now_ms + 1_000);
                    self.unsettled.push(operation);
                }
            }
        }
    }

    /// What follows from an operation that has left the outbox, where that could not be written down with it.
    async fn follow_finished(
        &mut self,
        operation: &OperationRow,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(stored) = self.store.operation(&operation.id).await? else { return Ok(()) };
        match stored.state {
            OperationState::Done => {
                let created =
                    stored.action == OperationAction::Create && crate::plans::aim(&stored)?.is_record();
                self.operation_left(&stored.id, stored.remote, created, true, now_ms, effects).await?;
                self.lane_moved(&stored, now_ms, effects).await
            }
            // A person has to look at it, or it will not be sent: a run need not wait for it.
            OperationState::Parked | OperationState::Cancelled => {
                self.operations_left(&stored, &[], now_ms, effects).await
            }
            // It is in the outbox, or another claim's.
            OperationState::Waiting | OperationState::Running | OperationState::Retrying => Ok(()),
        }
    }

    /// The operation and the rest of its plan are called off, and the pair is looked at again.
    pub(crate) async fn give_up(
        &mut self,
        operation: OperationRow,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let (mut changes, rest) = self.cancel_rest_of_plan(&operation, now_ms).await?;
        changes.insert(
            0,
            Change::FinishOperation {
                id: operation.id.clone(),
                claim: operation.claims,
                state: OperationState::Cancelled,
                due_at_ms: now_ms,
                errors: operation.errors.clone(),
                key: operation.key.clone(),
                cause: operation.cause.clone(),
                costs_a_try: true,
                at_ms: now_ms,
            },
        );
        self.store.commit(changes).await?;
        self.checks.lane_moved();
        self.operations_left(&operation, &rest, now_ms, effects).await?;
        let purpose = crate::errands::Purpose::Observe { write: true, actor: "rule".to_owned() };
        self.begin(None, &operation.lane, purpose, effects).await
    }

    /// Both sides were read after an answer was lost: the write was carried out if its record holds what was sent.
    pub(crate) async fn confirm(
        &mut self,
        operation: OperationRow,
        read: Result<()>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        match read {
            Ok(()) => {}
            Err(EngineError::Remote(error)) => return self.failed(operation, error, now_ms, effects).await,
            // Nothing is known of the write yet: it is put back, and looked for once more.
            Err(error @ EngineError::Store(_)) => return Err(error),
            Err(error) => {
                tracing::warn!(operation = %operation.id, error = %error.log_words(), "operation.not_confirmed");
                self.in_flight.remove(&operation.id);
                return self.give_up(operation, now_ms, effects).await;
            }
        }
        let intent: Intent = decode("intent", &operation.intent)?;
        let side = match &operation.key {
            Some(key) => self.side(operation.kind, operation.remote, key).await?,
            None => None,
        };
        let is_done = match &side {
            Some(side) => {
                self.discrepancies(&operation, &intent, &side.record).is_empty()
                    && self.not_as_meant(&operation, &side.snapshot.raw, true)?.is_none()
            }
            None => false,
        };
        match side {
            Some(side) if is_done => {
                let raced = moved_twice(operation.expected_version.as_deref(), &side.snapshot.version);
                let read_back = Fetched {
                    key: side.snapshot.id.key.clone(),
                    version: side.snapshot.version,
                    raw: side.snapshot.raw,
                    changed_by: side.snapshot.changed_by,
                    changed_at_ms: side.snapshot.changed_at_ms,
                };
                let written = Written {
                    key: side.snapshot.id.key,
                    status: 0,
                    response_body: String::new(),
                    read_back,
                    raced,
                };
                self.settle(operation, written, now_ms, effects).await
            }
            side => {
                self.in_flight.remove(&operation.id);
                // Before it is given up: who finds it given up has nothing left that says so.
                if let Some(side) = side {
                    if let Some(known) = self.may_have_overwritten(&operation, &intent, &side) {
                        let asking = self.asking_about_overwritten(&operation.lane, &known, now_ms).await?;
                        self.store.commit(asking).await?;
                    }
                    Box::pin(self.forget_what_may_be_put_back(&operation, &intent, &side)).await?;
                }
                self.give_up(operation, now_ms, effects).await
            }
        }
    }

    /// A write whose answer was lost, to a record that says again what it said before it, and was written more than once
    /// since: either ours never arrived, or somebody put back what it had changed. Nobody can tell, so what both had
    /// agreed on there is not known any more, and where they differ somebody is asked.
    async fn forget_what_may_be_put_back(
        &self,
        operation: &OperationRow,
        intent: &Intent,
        side: &SideState,
    ) -> Result<()> {
        let Some(expected) = operation.expected_version.as_deref() else { return Ok(()) };
        if writes_between(expected, &side.snapshot.version).is_some_and(|writes| writes < 2) {
            return Ok(());
        }
        let mut pair = self.pair(&operation.lane).await?;
        let Some(mut base) = pair.base.as_deref().map(crate::stored::base).transpose()? else {
            return Ok(());
        };
        for write in &intent.fields {
            let says_it_again = reconcile::sides::same(side.record.field(write.field), &write.from);
            if let (true, Some(known)) = (says_it_again, base.fields.get_mut(usize::from(write.field.0))) {
                *known = reconcile::compare::BaseField::default();
            }
        }
        pair.base_digest = Some(lens::digest(base.fields.iter().map(|field| &field.state)));
        pair.base = Some(reconcile::stored::encode_base(&base));
        Ok(self.store.commit(vec![Change::PutPair(pair)]).await?)
    }

    /// A write whose answer was lost, to a record that holds something else now. Its version tells how many wrote since: with
    /// one or two, nothing of a colleague's was overwritten (ours did not arrive, or was the first of two); from three on
    /// a colleague may have written before us, and another one after us.
    fn may_have_overwritten(
        &self,
        operation: &OperationRow,
        intent: &Intent,
        side: &SideState,
    ) -> Option<Overwritten> {
        let writes = writes_between(operation.expected_version.as_deref()?, &side.snapshot.version)?;
        let may = writes >= 3 && operation.action == OperationAction::Update;
        // What was known before is gone by now: which other fields moved cannot be told.
        may.then(|| self.overwritten(operation, intent, None, &side.record, &side.snapshot.version))
    }

    /// An operation and what was cancelled with it: a run that waits for them goes on without them.
    pub(crate) async fn operations_left(
        &mut self,
        operation: &OperationRow,
        rest: &[OperationRow],
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        for left in rest.iter().chain([operation]) {
            self.operation_left(&left.id, left.remote, false, false, now_ms, effects).await?;
        }
        Ok(())
    }

    pub(crate) async fn cancel_rest_of_plan(
        &self,
        operation: &OperationRow,
        now_ms: i64,
    ) -> Result<(Vec<Change>, Vec<OperationRow>)> {
        let rest = self.rest_of_plan(operation).await?;
        let mut changes: Vec<Change> = rest
            .iter()
            .map(|other| Change::CancelOperation { id: other.id.clone(), at_ms: now_ms })
            .collect();
        let plan = self.store.plan(&operation.plan).await?;
        if plan.is_some_and(|plan| plan.state == PlanState::Approved) {
            changes.push(Change::MovePlan {
                id: operation.plan.clone(),
                from: PlanState::Approved,
                to: PlanState::Superseded,
                approver: None,
                at_ms: now_ms,
            });
        }
        Ok((changes, rest))
    }

    /// What else of its plan is still to be carried out.
    async fn rest_of_plan(&self, operation: &OperationRow) -> Result<Vec<OperationRow>> {
        let filter = OperationFilter {
            lane: None,
            plan: Some(operation.plan.clone()),
            states: vec![OperationState::Waiting, OperationState::Retrying, OperationState::Parked],
        };
        let mut rest = self.store.operations(&filter, 0, 100).await?;
        rest.retain(|other| other.id != operation.id);
        Ok(rest)
    }

    /// What a rule would write cannot be written as it is: asked about, and not tried again and again.
    pub(crate) async fn cannot_be_written(
        &mut self,
        pair: &store::PairRow,
        problem: &mapping::MappingError,
        now_ms: i64,
    ) -> Result<()> {
        tracing::warn!(pair = %pair.id, "settle.cannot_be_written");
        let field = match problem {
            mapping::MappingError::CannotWrite { field, .. } => field.as_str(),
            mapping::MappingError::NotThisKind { .. } => "",
        };
        self.not_stored(&pair.id, &pair.id, &[problem.to_string()], field, now_ms).await
    }

    /// A write that did not stick is a question, and keeps rules from trying the same again and again.
    pub(crate) async fn not_stored(
        &mut self,
        pair_id: &str,
        because_of: &str,
        problems: &[String],
        fields: &str,
        now_ms: i64,
    ) -> Result<()> {
        let pair = self.pair(pair_id).await?;
        let existing = self.store.open_conflict_of(&pair.id).await?;
        // This one goes first; that something was overwritten is asked about after it.
        let overwritten = existing
            .as_ref()
            .filter(|open| open.cause == ConflictCause::Overwritten && open.state == ConflictState::Open)
            .and_then(|open| decode::<Overwritten>("overwritten", &open.comparison).ok());
        let row = ConflictRow {
            id: existing.as_ref().map_or_else(|| self.new_id(now_ms), |row| row.id.clone()),
            pair: pair.id.clone(),
            cause: ConflictCause::NotStored,
            grade: 3,
            state: ConflictState::Open,
            comparison: encode("problems", &problems)?,
            fields: fields.to_owned(),
            fingerprint: lens::sha256_hex(&format!("NotStored {because_of} {}", problems.join(";"))),
            title: lens::title(&pair.card),
            owner: pair.card.owner.clone(),
            species: pair.card.species.clone(),
            opened_at_ms: existing.as_ref().map_or(now_ms, |row| row.opened_at_ms),
            claimed_by: existing.and_then(|row| row.claimed_by),
            snoozed_until_ms: None,
            snooze_reason: None,
            draft: None,
            closed_at_ms: None,
            closed_by: None,
        };
        let mut changes = vec![Change::PutConflict(row)];
        if let Some(known) = overwritten {
            changes.push(self.asked_later(&pair.id, known).await?);
        }
        if pair.servicenow_key.is_some() && pair.ehr_key.is_some() {
            changes.push(Change::PutPair(store::PairRow { status: PairStatus::Differs, ..pair }));
        }
        self.store.commit(changes).await?;
        Ok(())
    }
}

/// Whether a counted version moved by more than one write of ours.
fn moved_twice(before: Option<&str>, after: &str) -> bool {
    before.and_then(|before| writes_between(before, after)).is_some_and(|writes| writes > 1)
}

/// How many writes lie between two counted versions.
fn writes_between(before: &str, after: &str) -> Option<i64> {
    let number = |version: &str| version.split('~').next().and_then(|own| own.parse::<i64>().ok());
    Some(number(after)? - number(before)?)
}
