//! The outbox executor: the only place that asks for a write to a remote, and only what a plan holds.

use crate::error::{EngineError, Result, decode, encode};
use crate::health::next_try_ms;
use crate::judge::{self, index};
use crate::lens;
use crate::plans::{self, Intent};
use crate::step::{Effects, Engine, Notice, Request};
use reconcile::plan::FieldWrite;
use reconcile::{PairPlan, PairState};
use record::{Record, Remote};
use remote::{Fetched, RemoteError, Write, Written};
use serde::{Deserialize, Serialize};
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, ConflictState, OperationAction, OperationFilter,
    OperationRow, OperationState, PairStatus, PlanState, ReceiptRow, SnapshotRow,
};

/// One failed attempt, as kept with the operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptError {
    /// Which try, from 1.
    pub attempt: u32,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What went wrong, without values.
    pub what: String,
    /// The remote may have carried it out all the same.
    #[serde(default)]
    pub ambiguous: bool,
}

/// What was sent, as kept in the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentRequest {
    /// The target; `None` created.
    pub key: Option<String>,
    /// The version it relied on.
    pub expected_version: Option<String>,
    /// The body.
    pub body: String,
    /// The field writes.
    pub fields: Vec<FieldWrite>,
}

/// What came back, as kept in the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status; 0 where the record was found to hold what was sent after an answer was lost.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// The read-back, as kept in the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBack {
    /// The raw record as read back.
    pub raw: String,
    /// Fields that are not what was sent.
    pub discrepancies: Vec<String>,
    /// Somebody else wrote between our write and our reading.
    pub raced: bool,
}

impl Engine {
    /// Takes what can run from the outbox.
    pub(crate) async fn claim(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let lanes = usize::try_from(self.policy.lanes).unwrap_or(usize::MAX);
        let free = lanes.saturating_sub(self.in_flight.len());
        if free == 0 {
            // The next finished operation asks again.
            self.outbox_touched = false;
            return Ok(());
        }
        let claimed = self.store.claim_operations(now_ms, u32::try_from(free).unwrap_or(u32::MAX)).await?;
        let all = claimed.len() == free;
        for operation in claimed {
            if !self.health[index(operation.remote)].allows(now_ms) {
                let due_ms =
                    self.health[index(operation.remote)].next_try_ms(now_ms).unwrap_or(now_ms + 1_000);
                self.put_back(&operation, due_ms, now_ms).await?;
                continue;
            }
            let request = match operation.action {
                // Looked up before every create: a lost answer, another process or a colleague may have been faster.
                OperationAction::Create => Request::FindByOurKey {
                    operation: operation.id.clone(),
                    remote: operation.remote,
                    key: operation.idempotency_key.clone(),
                },
                OperationAction::Update => write_request(&operation),
            };
            effects.requests.push(request);
            self.in_flight.insert(operation.id.clone(), operation);
        }
        self.outbox_touched = all && self.in_flight.len() < lanes;
        self.wake_at_ms = self.store.next_operation_due_ms().await?;
        Ok(())
    }

    async fn put_back(&self, operation: &OperationRow, due_at_ms: i64, now_ms: i64) -> Result<()> {
        self.store
            .commit(vec![Change::FinishOperation {
                id: operation.id.clone(),
                state: OperationState::Retrying,
                due_at_ms,
                errors: operation.errors.clone(),
                key: operation.key.clone(),
                at_ms: now_ms,
            }])
            .await?;
        Ok(())
    }

    pub(crate) async fn found(
        &mut self,
        operation_id: &str,
        result: std::result::Result<Option<Fetched>, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(operation) = self.in_flight.get(operation_id).cloned() else { return Ok(()) };
        match result {
            Ok(None) => {
                effects.requests.push(write_request(&operation));
                Ok(())
            }
            Ok(Some(fetched)) => {
                // It is there already, under our key: an earlier attempt whose answer was lost, or somebody else's.
                let written = Written {
                    key: fetched.key.clone(),
                    status: 0,
                    response_body: String::new(),
                    read_back: fetched,
                    raced: false,
                };
                self.settle(operation, written, now_ms, effects).await
            }
            Err(error) => self.failed(operation, error, now_ms, effects).await,
        }
    }

    pub(crate) async fn wrote(
        &mut self,
        operation_id: &str,
        result: std::result::Result<Written, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(operation) = self.in_flight.get(operation_id).cloned() else { return Ok(()) };
        match result {
            Ok(written) => self.settle(operation, written, now_ms, effects).await,
            Err(error) => self.failed(operation, error, now_ms, effects).await,
        }
    }

    /// The remote says it has done it: compare what was read back, write the receipt, go on with the pair.
    async fn settle(
        &mut self,
        operation: OperationRow,
        written: Written,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        self.in_flight.remove(&operation.id);
        self.outbox_touched = true;
        let intent: Intent = decode("intent", &operation.intent)?;
        let staged = self.lenses.snapshot(operation.remote, &written.read_back, "", now_ms);
        let (snapshot, discrepancies) = match &staged {
            Ok((row, record)) => {
                let known = self.store.snapshot(&row.id).await?;
                let seen_run = known.map_or_else(String::new, |known| known.seen_run);
                (
                    Some(SnapshotRow { seen_run, ..row.clone() }),
                    self.discrepancies(&operation, &intent, record),
                )
            }
            Err(error) => (None, vec![format!("what was read back cannot be read: {error}")]),
        };
        let verified = discrepancies.is_empty();
        let mut changes = vec![
            Change::FinishOperation {
                id: operation.id.clone(),
                state: OperationState::Done,
                due_at_ms: now_ms,
                errors: operation.errors.clone(),
                key: Some(written.key.clone()),
                at_ms: now_ms,
            },
            Change::PutReceipt(ReceiptRow {
                operation: operation.id.clone(),
                pair: operation.lane.clone(),
                plan: operation.plan.clone(),
                remote: operation.remote,
                request: encode(
                    "receipt",
                    &SentRequest {
                        key: operation.key.clone(),
                        expected_version: operation.expected_version.clone(),
                        body: operation.body.clone(),
                        fields: intent.fields.clone(),
                    },
                )?,
                response: encode("receipt", &Answer { status: written.status, body: written.response_body })?,
                read_back: encode(
                    "receipt",
                    &ReadBack {
                        raw: written.read_back.raw.clone(),
                        discrepancies: discrepancies.clone(),
                        raced: written.raced,
                    },
                )?,
                version_before: operation.expected_version.clone(),
                version_after: Some(written.read_back.version.clone()),
                at_ms: now_ms,
                undone_by: None,
            }),
            Change::Audit(AuditRow {
                id: self.new_id(now_ms),
                at_ms: now_ms,
                actor: "engine".to_owned(),
                action: if verified { "operation.done" } else { "operation.not_stored" }.to_owned(),
                subject: operation.id.clone(),
                detail: discrepancies.join("; "),
            }),
        ];
        changes.extend(snapshot.map(Change::PutSnapshot));
        if operation.action == OperationAction::Create {
            changes.extend(self.created(&operation, &written.key, now_ms).await?);
        }
        self.store.commit(changes).await?;
        effects.notices.push(Notice::Receipt(operation.id.clone()));
        if !verified {
            self.not_stored(&operation.lane, &operation.id, &discrepancies, now_ms).await?;
        }
        let created = operation.action == OperationAction::Create;
        self.operation_left(&operation.id, operation.remote, created, true, now_ms, effects).await?;
        self.lane_moved(&operation, now_ms, effects).await
    }

    /// Fields whose read-back is not what was sent.
    fn discrepancies(&self, operation: &OperationRow, intent: &Intent, record: &Record) -> Vec<String> {
        let catalogue = self.lenses.catalogue();
        intent
            .fields
            .iter()
            .filter(|write| {
                let now = record.field(write.field);
                let padded =
                    operation.remote == Remote::ServiceNow && reconcile::sides::is_padded(now, &write.to);
                !(reconcile::sides::same(now, &write.to) || padded)
            })
            .filter_map(|write| catalogue.spec(write.field))
            .map(|spec| spec.id.clone())
            .collect()
    }

    /// A record was created: the pair is complete, and the side it came from learns the new key
    /// (specification workflow 1, step 6).
    async fn created(&mut self, operation: &OperationRow, key: &str, now_ms: i64) -> Result<Vec<Change>> {
        let mut pair = self.pair(&operation.lane).await?;
        let (source_remote, source_key) = match operation.remote {
            Remote::ServiceNow => {
                pair.servicenow_key = Some(key.to_owned());
                (Remote::Ehr, pair.ehr_key.clone())
            }
            Remote::Ehr => {
                pair.ehr_key = Some(key.to_owned());
                (Remote::ServiceNow, pair.servicenow_key.clone())
            }
        };
        pair.linked_by = Some("created".to_owned());
        pair.linked_at_ms = Some(now_ms);
        pair.status = PairStatus::Waiting;
        let mut changes = vec![Change::PutPair(pair)];
        if let Some(source_key) = source_key
            && let Some(source) = self.side(source_remote, &source_key).await?
            && source.record.other_key.as_deref() != Some(key)
        {
            let body = self.lenses.update_body(source_remote, &source.snapshot.raw, &[], Some(key))?;
            let id = self.new_id(now_ms);
            self.run_waits_for(&id, &operation.id);
            changes.push(Change::Enqueue(OperationRow {
                idempotency_key: id.clone(),
                id,
                lane: operation.lane.clone(),
                seq: 0,
                plan: operation.plan.clone(),
                remote: source_remote,
                kind: operation.kind,
                action: OperationAction::Update,
                key: Some(source_key),
                expected_version: Some(source.snapshot.version),
                body,
                intent: encode(
                    "intent",
                    &Intent { fields: Vec::new(), cross_reference: Some(key.to_owned()) },
                )?,
                state: OperationState::Waiting,
                attempts: 0,
                due_at_ms: now_ms,
                enqueued_at_ms: now_ms,
                finished_at_ms: None,
                errors: String::from("[]"),
            }));
        }
        Ok(changes)
    }

    async fn failed(
        &mut self,
        operation: OperationRow,
        error: RemoteError,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        self.in_flight.remove(&operation.id);
        self.outbox_touched = true;
        let mut history: Vec<AttemptError> = decode("errors", &operation.errors)?;
        let may_be_ours = history.iter().any(|attempt| attempt.ambiguous);
        history.push(AttemptError {
            attempt: operation.attempts,
            at_ms: now_ms,
            what: error.to_string(),
            ambiguous: matches!(error, RemoteError::Ambiguous { .. }),
        });
        let errors = encode("errors", &history)?;
        let finish = |state: OperationState, due_at_ms: i64| Change::FinishOperation {
            id: operation.id.clone(),
            state,
            due_at_ms,
            errors: errors.clone(),
            key: operation.key.clone(),
            at_ms: now_ms,
        };
        tracing::warn!(operation = %operation.id, remote = operation.remote.as_str(), attempt = operation.attempts, error = %error.log_words(), "operation.failed");
        match &error {
            // An earlier attempt may be what moved it: look whether the record holds what was sent.
            RemoteError::Moved { .. } if may_be_ours => {
                let lane = operation.lane.clone();
                let operation = OperationRow { errors, ..operation };
                self.in_flight.insert(operation.id.clone(), operation.clone());
                let purpose = crate::errands::Purpose::Confirm { operation: Box::new(operation) };
                self.begin(None, &lane, purpose, effects).await?;
            }
            // What it was decided on is not there any more: nothing was written; look again and plan again.
            RemoteError::Moved { .. } | RemoteError::NotFound { .. } => {
                self.give_up(OperationRow { errors, ..operation }, now_ms, effects).await?;
            }
            // The same request may succeed later.
            RemoteError::Unreachable { .. }
            | RemoteError::Ambiguous { .. }
            | RemoteError::Transient { .. } => {
                let retry_after_ms = match &error {
                    RemoteError::Transient { retry_after_ms, .. } => *retry_after_ms,
                    _ => None,
                };
                let breaker_ms = self.health[index(operation.remote)].next_try_ms(now_ms);
                // After the last try it stays queued for later processing; the breaker says when.
                let next_ms = next_try_ms(operation.attempts, self.policy.tries, now_ms, retry_after_ms);
                let due_ms =
                    next_ms.unwrap_or(now_ms + crate::health::OPEN_FOR_MS).max(breaker_ms.unwrap_or(now_ms));
                self.store.commit(vec![finish(OperationState::Retrying, due_ms)]).await?;
                if next_ms.is_none() {
                    // It stays in the outbox; the run does not wait for a remote that does not answer.
                    self.operations_left(&operation, &[], now_ms, effects).await?;
                }
            }
            RemoteError::SignIn { .. } => {
                self.store
                    .commit(vec![finish(OperationState::Retrying, now_ms + crate::health::OPEN_FOR_MS)])
                    .await?;
                self.operations_left(&operation, &[], now_ms, effects).await?;
            }
            // It can never succeed as it is: parked for a person, and nothing else waits for it but its own lane.
            RemoteError::Refused { .. } | RemoteError::Protocol { .. } | RemoteError::Many { .. } => {
                // The rest of its plan belongs to a decision that did not come true: the other side is not changed alone.
                let (mut changes, rest) = self.cancel_rest_of_plan(&operation, now_ms).await?;
                changes.insert(0, finish(OperationState::Parked, now_ms));
                self.store.commit(changes).await?;
                self.not_stored(&operation.lane, &operation.id, &[error.to_string()], now_ms).await?;
                self.operations_left(&operation, &rest, now_ms, effects).await?;
                effects.notices.push(Notice::Pair(operation.lane.clone()));
            }
        }
        Ok(())
    }

    /// The operation and the rest of its plan are called off, and the pair is looked at again.
    async fn give_up(&mut self, operation: OperationRow, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let (mut changes, rest) = self.cancel_rest_of_plan(&operation, now_ms).await?;
        changes.insert(
            0,
            Change::FinishOperation {
                id: operation.id.clone(),
                state: OperationState::Cancelled,
                due_at_ms: now_ms,
                errors: operation.errors.clone(),
                key: operation.key.clone(),
                at_ms: now_ms,
            },
        );
        self.store.commit(changes).await?;
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
            Err(error) => {
                tracing::warn!(operation = %operation.id, error = %error.log_words(), "operation.not_confirmed");
                self.in_flight.remove(&operation.id);
                return self.give_up(operation, now_ms, effects).await;
            }
        }
        let intent: Intent = decode("intent", &operation.intent)?;
        let side = match &operation.key {
            Some(key) => self.side(operation.remote, key).await?,
            None => None,
        };
        match side {
            Some(side) if self.discrepancies(&operation, &intent, &side.record).is_empty() => {
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
                    raced: false,
                };
                self.settle(operation, written, now_ms, effects).await
            }
            _ => {
                self.in_flight.remove(&operation.id);
                self.give_up(operation, now_ms, effects).await
            }
        }
    }

    /// An operation and what was cancelled with it: a run that waits for them goes on without them.
    async fn operations_left(
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

    async fn cancel_rest_of_plan(
        &self,
        operation: &OperationRow,
        now_ms: i64,
    ) -> Result<(Vec<Change>, Vec<OperationRow>)> {
        let filter = OperationFilter {
            lane: None,
            plan: Some(operation.plan.clone()),
            states: vec![OperationState::Waiting, OperationState::Retrying],
        };
        let mut rest = self.store.operations(&filter, 0, 100).await?;
        rest.retain(|other| other.id != operation.id);
        let mut changes: Vec<Change> = rest
            .iter()
            .map(|other| Change::CancelOperation { id: other.id.clone(), at_ms: now_ms })
            .collect();
        changes.push(Change::MovePlan {
            id: operation.plan.clone(),
            from: PlanState::Approved,
            to: PlanState::Superseded,
            approver: None,
            at_ms: now_ms,
        });
        Ok((changes, rest))
    }

    /// What a rule would write cannot be written as it is: asked about, and not tried again and again.
    pub(crate) async fn cannot_be_written(
        &mut self,
        pair: &store::PairRow,
        problem: &mapping::MappingError,
        now_ms: i64,
    ) -> Result<()> {
        tracing::warn!(pair = %pair.id, error = %problem, "settle.cannot_be_written");
        self.not_stored(&pair.id, &pair.id, &[problem.to_string()], now_ms).await
    }

    /// A write that did not stick is a question, and keeps rules from trying the same again and again.
    async fn not_stored(
        &mut self,
        pair_id: &str,
        because_of: &str,
        problems: &[String],
        now_ms: i64,
    ) -> Result<()> {
        let pair = self.pair(pair_id).await?;
        let existing = self.store.open_conflict_of(&pair.id).await?;
        let row = ConflictRow {
            id: existing.as_ref().map_or_else(|| self.new_id(now_ms), |row| row.id.clone()),
            pair: pair.id.clone(),
            cause: ConflictCause::NotStored,
            grade: 3,
            state: ConflictState::Open,
            comparison: encode("problems", &problems)?,
            fields: judge::field_ids(
                &self.lenses,
                problems.iter().filter_map(|problem| self.lenses.catalogue().index_of(problem)),
            ),
            fingerprint: lens::sha256_hex(&format!("NotStored {because_of} {}", problems.join(";"))),
            title: pair.card.name.clone(),
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
        let mut differs = pair;
        differs.status = PairStatus::Differs;
        self.store.commit(vec![Change::PutConflict(row), Change::PutPair(differs)]).await?;
        Ok(())
    }

    /// When the last operation of a lane is done the plan is done, and the pair is judged afresh: the base moves.
    async fn lane_moved(
        &mut self,
        operation: &OperationRow,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        effects.notices.push(Notice::Pair(operation.lane.clone()));
        if self.lane_busy(&operation.lane).await? {
            return Ok(());
        }
        self.plan_done(&operation.plan, &operation.lane, now_ms, effects).await
    }

    pub(crate) async fn plan_done(
        &mut self,
        plan_id: &str,
        pair_id: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let plan = self.store.plan(plan_id).await?.ok_or(EngineError::NotFound { what: "plan" })?;
        if plan.state == PlanState::Approved {
            self.store
                .commit(vec![Change::MovePlan {
                    id: plan.id.clone(),
                    from: PlanState::Approved,
                    to: PlanState::Done,
                    approver: plan.approver.clone(),
                    at_ms: now_ms,
                }])
                .await?;
        }
        if plan.undoes.is_some() {
            self.undo_done(&plan, now_ms).await?;
        }
        let agreed_by = if plan.maker == "rule" { "rule".to_owned() } else { plan.maker.clone() };
        self.rejudge(pair_id, &agreed_by, true, now_ms).await?;
        effects.notices.push(Notice::Plan(plan.id));
        if let Some(conflict) = plan.conflict {
            effects.notices.push(Notice::Conflict(conflict));
        }
        Ok(())
    }

    /// An undo was carried out: its receipts say so, and the base is set such that the old difference is asked about
    /// instead of being settled by the same rule again.
    async fn undo_done(&mut self, undo: &store::PlanRow, now_ms: i64) -> Result<()> {
        let body = plans::frozen(undo)?;
        let mut undone = PairPlan::default();
        for operation in &body.operations {
            match operation.remote {
                Remote::ServiceNow => undone.servicenow.extend(operation.fields.iter().cloned()),
                Remote::Ehr => undone.ehr.extend(operation.fields.iter().cloned()),
            }
        }
        let Some(context) = self.context(self.pair(&undo.pair).await?).await? else { return Ok(()) };
        let state = PairState { ..context.state(&self.lenses) };
        let base = reconcile::undo::base_after_undo(&state, &undone, now_ms, &undo.maker);
        let mut pair = context.pair.clone();
        pair.base_digest = Some(lens::digest(base.fields.iter().map(|field| &field.state)));
        pair.base = Some(encode("base", &base)?);
        let mut changes = vec![Change::PutPair(pair)];
        if let Some(original) = &undo.undoes {
            let filter = OperationFilter {
                lane: None,
                plan: Some(original.clone()),
                states: vec![OperationState::Done],
            };
            for operation in self.store.operations(&filter, 0, 100).await? {
                changes.push(Change::MarkUndone { operation: operation.id, by_plan: undo.id.clone() });
            }
        }
        self.store.commit(changes).await?;
        Ok(())
    }
}

/// The write of an operation, byte for byte as its plan showed it.
fn write_request(operation: &OperationRow) -> Request {
    Request::Write {
        operation: operation.id.clone(),
        remote: operation.remote,
        write: Write {
            kind: operation.kind,
            key: operation.key.clone(),
            body: operation.body.clone(),
            expected_version: operation.expected_version.clone(),
            idempotency_key: operation.idempotency_key.clone(),
        },
    }
}
