//! The outbox executor: the only place that asks for a write to a remote, and only what a plan holds.

use crate::error::{EngineError, Result, encode};
use crate::health::Gate;
use crate::judge::index;
use crate::lens;
use crate::plans::{self, Aim, Intent};
use crate::step::{Effects, Engine, Notice, Request};
use reconcile::plan::FieldWrite;
use reconcile::{PairPlan, PairState};
use record::{Record, Remote};
use remote::{Fetched, RemoteError, Write, Written};
use serde::{Deserialize, Serialize};
use store::{Change, OperationAction, OperationFilter, OperationRow, OperationState, PairStatus, PlanState};

/// A creation that waited longer than this in the outbox is not sent any more.
pub(crate) const CREATE_STALE_MS: i64 = 10 * 60 * 1_000;

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
    /// [`RemoteError::name`]; `interrupted` where VetSync was closed meanwhile.
    #[serde(default)]
    pub kind: String,
    /// It used up a try.
    #[serde(default = "counted")]
    pub counted: bool,
}

const fn counted() -> bool {
    true
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
    /// What it brought about.
    #[serde(default, skip_serializing_if = "Aim::is_record")]
    pub aim: Aim,
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
    /// Somebody else wrote between the version that was decided on and our write.
    pub raced: bool,
}

impl Engine {
    /// Takes what can run from the outbox. A remote that may not be asked now keeps what waits for it; one whose breaker
    /// may be tried is sent a single operation.
    pub(crate) async fn claim(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let most = usize::try_from(self.policy.lanes).unwrap_or(usize::MAX).saturating_add(self.ahead);
        let free = most.saturating_sub(self.in_flight.len());
        if free == 0 {
            // The next finished operation asks again; a time that has passed would have the driver go round until then.
            self.outbox_touched = false;
            self.wake_at_ms = None;
            return Ok(());
        }
        let (open, probed) = self.claimable(now_ms);
        let mut claimed = Vec::new();
        for remote in probed {
            claimed.extend(self.store.claim_operations(now_ms, 1, &[remote]).await?);
        }
        let limit = u32::try_from(free - claimed.len().min(free)).unwrap_or(u32::MAX);
        let mut all = false;
        if !open.is_empty() && limit > 0 {
            let more = self.store.claim_operations(now_ms, limit, &open).await?;
            all = more.len() == usize::try_from(limit).unwrap_or(usize::MAX);
            claimed.extend(more);
        }
        let mut claimed = claimed.into_iter();
        while let Some(operation) = claimed.next() {
            if let Err(error) = self.begin_operation(operation.clone(), now_ms, effects).await {
                // None of them is sent, and none may stay claimed for ever.
                self.unsettled.push(operation);
                self.unsettled.extend(claimed);
                return Err(error);
            }
        }
        self.outbox_touched = all && self.in_flight.len() < most;
        self.wake_at_ms = self.store.next_operation_due_ms(&open).await?;
        Ok(())
    }

    /// Sends what was claimed, unless it is better given up or given back.
    async fn begin_operation(
        &mut self,
        operation: OperationRow,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let stale = now_ms - operation.enqueued_at_ms > CREATE_STALE_MS;
        if operation.action == OperationAction::Create && stale {
            // What the other side lacked then it may have by now: the next run looks again before anything is made.
            return self.give_up(operation, now_ms, effects).await;
        }
        if !self.health[index(operation.remote)].allows(now_ms) {
            // Another operation took the one probe.
            return self.put_back(&operation, now_ms).await;
        }
        let request = match operation.action {
            // Looked up before every create: a lost answer, another process or a colleague may have been faster.
            OperationAction::Create if plans::aim(&operation)? == Aim::Bill => Request::FindBill {
                operation: operation.id.clone(),
                remote: operation.remote,
                key: plans::our_key(&operation).to_owned(),
            },
            OperationAction::Create => Request::FindByOurKey {
                operation: operation.id.clone(),
                remote: operation.remote,
                kind: operation.kind,
                key: plans::our_key(&operation).to_owned(),
            },
            OperationAction::Update => write_request(&operation)?,
        };
        effects.requests.push(request);
        self.in_flight.insert(operation.id.clone(), operation);
        Ok(())
    }

    /// Nothing was sent: the try is given back.
    async fn put_back(&self, operation: &OperationRow, now_ms: i64) -> Result<()> {
        Ok(self.store.commit(vec![given_back(operation, now_ms)]).await?)
    }

    /// An operation that was claimed ahead was not sent after all: its remote may not be asked any more.
    pub(crate) async fn not_sent(
        &mut self,
        operation_id: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(operation) = self.in_flight.get(operation_id).cloned() else { return Ok(()) };
        self.put_back(&operation, now_ms).await?;
        self.in_flight.remove(operation_id);
        self.outbox_touched = true;
        effects.notices.push(Notice::Queue);
        Ok(())
    }

    /// Gives back what was claimed and never sent, before the engine ends. What cannot be given back is rescued at the
    /// next start.
    pub(crate) async fn give_back(&mut self, operations: &[String], now_ms: i64) {
        let unsent: Vec<OperationRow> =
            operations.iter().filter_map(|operation| self.in_flight.remove(operation)).collect();
        let changes = unsent.iter().map(|operation| given_back(operation, now_ms)).collect();
        if let Err(error) = self.store.commit(changes).await {
            tracing::warn!(error = %EngineError::from(error).log_words(), "outbox.not_given_back");
        }
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
            Ok(None) if matches!(self.health[index(operation.remote)].gate(now_ms), Gate::Closed { .. }) => {
                // Paused, or told to wait, since it was looked up.
                self.in_flight.remove(&operation.id);
                self.put_back(&operation, now_ms).await
            }
            Ok(None) => {
                effects.requests.push(write_request(&operation)?);
                Ok(())
            }
            Ok(Some(fetched)) if self.belongs_to_another(&operation, &fetched.key).await? => {
                let what = "a record there carries this patient's number and belongs to another patient here; correct \
                            the number there, or answer whether they are the same animal";
                let refused =
                    RemoteError::Refused { remote: operation.remote, status: 0, what: what.to_owned() };
                self.failed(operation, refused, now_ms, effects).await
            }
            Ok(Some(fetched)) => {
                if let Some(error) = self.not_as_meant(&operation, &fetched.raw, true)? {
                    return self.failed(operation, error, now_ms, effects).await;
                }
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

    /// Whether a found record is a half of some other pair.
    async fn belongs_to_another(&self, operation: &OperationRow, key: &str) -> Result<bool> {
        if plans::aim(operation)? == Aim::Bill {
            return Ok(false);
        }
        let pair = self.store.pair_by_key(operation.remote, operation.kind, key).await?;
        Ok(pair.is_some_and(|pair| pair.id != operation.lane))
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
            Ok(written) => match self.not_as_meant(&operation, &written.read_back.raw, false)? {
                None => self.settle(operation, written, now_ms, effects).await,
                Some(error) => self.failed(operation, error, now_ms, effects).await,
            },
            Err(error) => self.failed(operation, error, now_ms, effects).await,
        }
    }

    /// As [`Engine::wrote`], for writes that succeeded, with what else an event leads to.
    pub(crate) async fn wrote_together(
        &mut self,
        written: Vec<(String, Written, u64)>,
        now_ms: i64,
        effects: &mut Effects,
    ) {
        self.step_ms = now_ms;
        let mut answered = Vec::with_capacity(written.len());
        for (operation, written, latency_ms) in written {
            self.note_operation_health(&operation, None, now_ms, latency_ms, effects);
            let Some(operation) = self.in_flight.get(&operation).cloned() else { continue };
            let failed = match self.not_as_meant(&operation, &written.read_back.raw, false) {
                Ok(None) => {
                    answered.push((operation, written));
                    continue;
                }
                Ok(Some(error)) => self.failed(operation.clone(), error, now_ms, effects).await,
                Err(error) => Err(error),
            };
            if let Err(error) = failed {
                tracing::error!(error = %error.log_words(), "engine.step_failed");
                self.note_storage(&error, now_ms, effects);
                self.in_flight.remove(&operation.id);
                self.unsettled.push(operation);
            }
        }
        for (operation, error) in self.settle_all(answered, now_ms, effects).await {
            tracing::error!(error = %error.log_words(), "engine.step_failed");
            self.note_storage(&error, now_ms, effects);
            self.in_flight.remove(&operation.id);
            self.unsettled.push(operation);
        }
    }

    /// Fields whose read-back is not what was sent.
    pub(crate) fn discrepancies(
        &self,
        operation: &OperationRow,
        intent: &Intent,
        record: &Record,
    ) -> Vec<String> {
        let catalogue = self.lenses.catalogue(operation.kind);
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
    /// (specification workflow 1, step 6). The second value is the id of the operation that tells it.
    pub(crate) async fn created(
        &self,
        operation: &OperationRow,
        key: &str,
        now_ms: i64,
    ) -> Result<(Vec<Change>, Option<String>)> {
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
        let mut reference = None;
        if let Some(source_key) = source_key
            && let Some(source) = self.side(operation.kind, source_remote, &source_key).await?
            && source.record.other_key.as_deref() != Some(key)
        {
            let body = self.lenses.of(operation.kind).update_body(
                source_remote,
                &source.snapshot.raw,
                &[],
                Some(key),
            )?;
            let id = self.new_id(now_ms);
            reference = Some(id.clone());
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
                    &Intent { cross_reference: Some(key.to_owned()), fields: Vec::new(), aim: Aim::Record },
                )?,
                state: OperationState::Waiting,
                attempts: 0,
                due_at_ms: now_ms,
                enqueued_at_ms: now_ms,
                finished_at_ms: None,
                errors: String::from("[]"),
                claims: 0,
                cause: None,
                replaces: None,
                released_at_ms: None,
            }));
        }
        Ok((changes, reference))
    }

    /// When the last operation of a lane is done the plan is done, and the pair is judged afresh: the base moves.
    pub(crate) async fn lane_moved(
        &mut self,
        operation: &OperationRow,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        effects.notices.push(Notice::Pair(operation.lane.clone()));
        if crate::step::operations_under_way(&*self.store, &operation.lane).await? {
            return Ok(());
        }
        self.checks.lane_moved();
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
        if plan.undoes.is_some() {
            self.undo_done(&plan, now_ms).await?;
        } else {
            Box::pin(self.follow_what_was_put_back(&plan, now_ms)).await?;
        }
        self.rejudge(pair_id, &plan.maker, true, now_ms).await?;
        // Last of all: a process that ends before this finds the plan still approved at the next start, and does the
        // whole of it again.
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
        effects.notices.push(Notice::Plan(plan.id));
        if let Some(conflict) = plan.conflict {
            effects.notices.push(Notice::Conflict(conflict));
        }
        Ok(())
    }

    /// A person put back, on the other side, what both had agreed on, while a plan brought over what stood there before:
    /// the putting back is the newer change.
    async fn follow_what_was_put_back(&mut self, plan: &store::PlanRow, now_ms: i64) -> Result<()> {
        let Some(context) = self.context(self.pair(&plan.pair).await?).await? else { return Ok(()) };
        let body = plans::frozen(plan)?;
        let moved = |remote: Remote| {
            let relied_on = match remote {
                Remote::ServiceNow => &body.servicenow_version,
                Remote::Ehr => &body.ehr_version,
            };
            relied_on.as_deref() != Some(context.side(remote).snapshot.version.as_str())
        };
        let state = context.state(&self.lenses);
        let base =
            reconcile::plan::base_where_put_back(&state, &written_by(&body), moved, now_ms, &plan.maker);
        let Some(base) = base else { return Ok(()) };
        let mut pair = context.pair.clone();
        pair.base_digest = Some(lens::digest(base.fields.iter().map(|field| &field.state)));
        pair.base = Some(reconcile::stored::encode_base(&base));
        Ok(self.store.commit(vec![Change::PutPair(pair)]).await?)
    }

    /// An undo was carried out: its receipts say so, and the base is set such that the old difference is asked about
    /// instead of being settled by the same rule again.
    async fn undo_done(&mut self, undo: &store::PlanRow, now_ms: i64) -> Result<()> {
        let undone = written_by(&plans::frozen(undo)?);
        let Some(context) = self.context(self.pair(&undo.pair).await?).await? else { return Ok(()) };
        let state = PairState { ..context.state(&self.lenses) };
        let base = reconcile::undo::base_after_undo(&state, &undone, now_ms, &undo.maker);
        let mut pair = context.pair.clone();
        pair.base_digest = Some(lens::digest(base.fields.iter().map(|field| &field.state)));
        pair.base = Some(reconcile::stored::encode_base(&base));
        let mut changes = vec![Change::PutPair(pair)];
        if let Some(original) = &undo.undoes {
            let filter = OperationFilter {
                lane: None,
                plan: Some(original.clone()),
                states: vec![OperationState::Done],
            };
            for operation in self.store.operations(&filter, 0, 100).await? {
                let receipt = self.store.receipt(&operation.id).await?;
                if receipt.is_some_and(|receipt| receipt.undone_by.as_deref() == Some(undo.id.as_str())) {
                    // Done before the process ended: a base that moved since then stays.
                    return Ok(());
                }
                changes.push(Change::MarkUndone { operation: operation.id, by_plan: undo.id.clone() });
            }
        }
        self.store.commit(changes).await?;
        Ok(())
    }
}

/// The writes of a plan, by remote.
fn written_by(body: &plans::PlanBody) -> PairPlan {
    let mut written = PairPlan::default();
    for operation in &body.operations {
        match operation.remote {
            Remote::ServiceNow => written.servicenow.extend(operation.fields.iter().cloned()),
            Remote::Ehr => written.ehr.extend(operation.fields.iter().cloned()),
        }
    }
    written
}

/// Nothing was sent: the operation is due at once, and has its try back.
fn given_back(operation: &OperationRow, now_ms: i64) -> Change {
    Change::FinishOperation {
        id: operation.id.clone(),
        claim: operation.claims,
        state: OperationState::Retrying,
        due_at_ms: now_ms,
        errors: operation.errors.clone(),
        key: operation.key.clone(),
        cause: operation.cause.clone(),
        costs_a_try: false,
        at_ms: now_ms,
    }
}

/// The write of an operation, byte for byte as its plan showed it.
fn write_request(operation: &OperationRow) -> Result<Request> {
    Ok(Request::Write {
        operation: operation.id.clone(),
        remote: operation.remote,
        write: Write {
            kind: operation.kind,
            place: plans::aim(operation)?.place(),
            key: operation.key.clone(),
            body: operation.body.clone(),
            expected_version: operation.expected_version.clone(),
            idempotency_key: plans::our_key(operation).to_owned(),
        },
    })
}
