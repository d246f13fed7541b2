//! Operations that their remote says it has carried out: what was read back is compared with what was meant, the receipt
//! is written, the pair goes on.
//!
//! What answers together is settled together. The plain case (an update that reads back as it was meant, and either the
//! last of its lane or with more behind it) takes one reading of all that the judgements depend on and one commit of all
//! that follows: receipts, snapshots, bases, plans that are done. Everything else goes by steps, each a commit of its
//! own, and so does whatever the store refuses: what is wrong with one operation keeps no other one back.

use crate::error::{EngineError, Result, decode, encode};
use crate::execute::{Answer, ReadBack, SentRequest};
use crate::judge::{SideState, Terms, judge};
use crate::overwritten::Overwritten;
use crate::plans::{Aim, Intent};
use crate::step::{Blocked, Effects, Engine, Notice, context_of, side_state};
use reconcile::plan::{PairPlan, base_where_put_back};
use record::{Record, RecordKind, Remote};
use remote::Written;
use std::collections::{HashMap, HashSet};
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, LaneWork, OperationAction, OperationRow, OperationState,
    PairPage, PlanState, ReceiptRow, SnapshotRow,
};

/// An operation that was carried out, with its read-back looked at.
struct Finished {
    operation: OperationRow,
    written: Written,
    intent: Intent,
    /// The read-back, typed; none where it cannot be read.
    seen: Option<(SnapshotRow, Record)>,
    /// What is not as it was meant.
    discrepancies: Vec<String>,
    /// It may have overwritten what a colleague wrote in between.
    overtook: bool,
}

impl Finished {
    fn is_plain(&self) -> bool {
        self.operation.action == OperationAction::Update
            && self.seen.is_some()
            && self.discrepancies.is_empty()
            && !self.overtook
    }
}

/// All that is stored about the pairs of operations that are settled together.
struct Known {
    pages: HashMap<String, PairPage>,
    conflicts: HashMap<String, ConflictRow>,
    work: HashMap<String, Vec<LaneWork>>,
    /// Pairs with a plan that is approved and waits for its check: they count as busy.
    checked_later: HashSet<String>,
}

/// What follows from one operation in the plain case.
struct Follows {
    finish: Change,
    receipt: Change,
    audit: Change,
    snapshot: Change,
    /// Of the judgement, in its order.
    judged: Vec<Change>,
    plan_done: Option<Change>,
    notices: Vec<Notice>,
}

impl Engine {
    /// The remote says it has done it.
    pub(crate) async fn settle(
        &mut self,
        operation: OperationRow,
        written: Written,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let mut failed = self.settle_all(vec![(operation, written)], now_ms, effects).await;
        failed.pop().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// As [`Engine::settle`], for all that answered together. Returns those whose outcome could not be written down.
    pub(crate) async fn settle_all(
        &mut self,
        answered: Vec<(OperationRow, Written)>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Vec<(OperationRow, EngineError)> {
        let mut failed = Vec::new();
        let (mut plain, mut by_steps) = (Vec::new(), Vec::new());
        let mut lanes = HashSet::new();
        for (operation, written) in answered {
            self.in_flight.remove(&operation.id);
            self.outbox_touched = true;
            match self.finished(&operation, written, now_ms).await {
                Ok(one) if one.is_plain() && lanes.insert(one.operation.lane.clone()) => plain.push(one),
                Ok(one) => by_steps.push(one),
                Err(error) => failed.push((operation, error)),
            }
        }
        by_steps.extend(self.settle_plain(plain, now_ms, effects).await);
        for one in by_steps {
            let operation = one.operation.clone();
            if let Err(error) = self.settle_by_steps(one, now_ms, effects).await {
                failed.push((operation, error));
            }
        }
        failed
    }

    async fn finished(
        &mut self,
        operation: &OperationRow,
        written: Written,
        now_ms: i64,
    ) -> Result<Finished> {
        let intent: Intent = decode("intent", &operation.intent)?;
        let (seen, discrepancies) = if intent.aim == Aim::Bill {
            // Its columns were compared when it was answered.
            (None, Vec::new())
        } else {
            match self.typed(operation.kind, operation.remote, &written.read_back).await {
                Ok(record) => {
                    let lenses = self.lenses.of(operation.kind);
                    let row = lenses.snapshot(operation.remote, &written.read_back, &record, "", now_ms);
                    let discrepancies = self.discrepancies(operation, &intent, &record);
                    (Some((row, record)), discrepancies)
                }
                Err(error) => (None, vec![format!("what was read back cannot be read: {error}")]),
            }
        };
        let overtook = self.overtook(operation, written.raced);
        Ok(Finished { operation: operation.clone(), written, intent, seen, discrepancies, overtook })
    }

    /// Settles with one commit what can be; returns what has to go by steps.
    async fn settle_plain(
        &mut self,
        finished: Vec<Finished>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Vec<Finished> {
        if finished.is_empty() {
            return finished;
        }
        // Whatever is wrong with reading shows again, one by one.
        let Ok(known) = self.known(&finished).await else { return finished };
        let (mut together, mut follow, mut notices) = (Vec::new(), Vec::new(), Vec::new());
        let mut by_steps = Vec::new();
        for one in finished {
            // A judgement that cannot be made leaves the receipt standing.
            match self.follows(&one, &known, now_ms) {
                Ok(Some(mut follows)) => {
                    notices.append(&mut follows.notices);
                    follow.push(follows);
                    together.push(one);
                }
                Ok(None) | Err(_) => by_steps.push(one),
            }
        }
        if together.is_empty() {
            return by_steps;
        }
        if let Err(error) = self.store.commit(in_one_commit(follow)).await {
            tracing::warn!(error = %EngineError::from(error).log_words(), "outbox.settled_by_steps");
            by_steps.append(&mut together);
            return by_steps;
        }
        effects.notices.append(&mut notices);
        self.checks.lane_moved();
        for Finished { operation, .. } in together {
            let left =
                self.operation_left(&operation.id, operation.remote, false, true, now_ms, effects).await;
            if let Err(error) = left {
                // The operation itself is written down.
                tracing::error!(error = %error.log_words(), "operation.run_not_told");
                self.note_storage(&error, now_ms, effects);
            }
        }
        by_steps
    }

    async fn known(&self, finished: &[Finished]) -> Result<Known> {
        let lanes: Vec<&str> = finished.iter().map(|one| one.operation.lane.as_str()).collect();
        let mut work: HashMap<String, Vec<LaneWork>> = HashMap::new();
        for one in self.store.lane_work(&lanes).await? {
            work.entry(one.lane.clone()).or_default().push(one);
        }
        let pages = self.store.pairs_named(&lanes).await?;
        let conflicts = self.store.open_conflicts_of(&lanes).await?;
        let waiting = self.store.plans(Some(PlanState::AwaitingCheck), 0, u32::MAX).await?;
        Ok(Known {
            checked_later: waiting.into_iter().map(|plan| plan.pair).collect(),
            pages: pages.into_iter().map(|page| (page.pair.id.clone(), page)).collect(),
            conflicts: conflicts.into_iter().map(|row| (row.pair.clone(), row)).collect(),
            work,
        })
    }

    /// What follows from an operation that reads back as it was meant; `None` where that has to be found out by steps.
    fn follows(&self, one: &Finished, known: &Known, now_ms: i64) -> Result<Option<Follows>> {
        let Finished { operation, seen: Some((row, record)), .. } = one else { return Ok(None) };
        if operation.kind == RecordKind::Treatment {
            // What its next version depends on is looked up by the steps.
            return Ok(None);
        }
        let (Some(page), Some(lane)) = (known.pages.get(&operation.lane), known.work.get(&operation.lane))
        else {
            return Ok(None);
        };
        let (stored, other) = match operation.remote {
            Remote::ServiceNow => (&page.servicenow, &page.ehr),
            Remote::Ehr => (&page.ehr, &page.servicenow),
        };
        let (Some(stored), Some(own)) =
            (stored.as_ref(), lane.iter().find(|work| work.operation == operation.id))
        else {
            return Ok(None);
        };
        // What closes a question may open the one that waits behind it.
        let is_asked = known.conflicts.contains_key(&operation.lane);
        if stored.id != row.id
            || stored.seen_at_ms > now_ms
            || known.checked_later.contains(&operation.lane)
            || is_asked
        {
            return Ok(None);
        }
        let row = SnapshotRow { seen_run: stored.seen_run.clone(), ..row.clone() };
        let mut notices = vec![Notice::Receipt(operation.id.clone()), Notice::Pair(operation.lane.clone())];
        let mut judged = Vec::new();
        let mut plan_done = None;
        match lane.iter().find(|work| work.operation != operation.id).map(|head| head.state) {
            // What waits behind a parked one is a question of its own.
            Some(OperationState::Parked) => return Ok(None),
            // More is to be written first.
            Some(_) => {}
            // The plan is done, and the pair is judged afresh: the base moves.
            None => {
                let Some(other) = other.clone().filter(|_| !own.plan_undoes) else { return Ok(None) };
                let (new, other) =
                    (SideState { snapshot: row.clone(), record: record.clone() }, side_state(other)?);
                let (servicenow, ehr) = match operation.remote {
                    Remote::ServiceNow => (new, other),
                    Remote::Ehr => (other, new),
                };
                let keys = (Some(&servicenow.snapshot.id.key), Some(&ehr.snapshot.id.key));
                if keys != (page.pair.servicenow_key.as_ref(), page.pair.ehr_key.as_ref()) {
                    return Ok(None);
                }
                let context = context_of(
                    &self.lenses,
                    page.pair.clone(),
                    servicenow,
                    ehr,
                    None,
                    false,
                    Blocked::default(),
                )?;
                // What a person may have put back on the other side meanwhile is found out by steps.
                let written = by_remote(operation.remote, &one.intent);
                let state = context.state(&self.lenses);
                if base_where_put_back(&state, &written, |_| true, now_ms, &own.plan_maker).is_some() {
                    return Ok(None);
                }
                let terms = Terms { write: true, agreed_by: &own.plan_maker, now_ms, rules: &self.rules };
                judged = judge(&context, &self.lenses, terms, &mut || self.new_id(now_ms))?.changes;
                plan_done = (own.plan_state == PlanState::Approved).then(|| Change::MovePlan {
                    id: own.plan.clone(),
                    from: PlanState::Approved,
                    to: PlanState::Done,
                    approver: None,
                    at_ms: now_ms,
                });
                notices.push(Notice::Plan(own.plan.clone()));
                notices.extend(own.plan_conflict.clone().map(Notice::Conflict));
            }
        }
        Ok(Some(Follows {
            finish: finish(one, now_ms),
            receipt: receipt(one, now_ms)?,
            audit: self.audit(one, now_ms),
            snapshot: Change::PutSnapshot(row),
            judged,
            plan_done,
            notices,
        }))
    }

    fn audit(&self, one: &Finished, now_ms: i64) -> Change {
        let verified = one.discrepancies.is_empty();
        Change::Audit(AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: "engine".to_owned(),
            action: if verified { "operation.done" } else { "operation.not_stored" }.to_owned(),
            subject: one.operation.id.clone(),
            detail: one.discrepancies.join("; "),
        })
    }

    /// The receipt, then what follows from it, each a commit of its own.
    async fn settle_by_steps(&mut self, one: Finished, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let mut changes = vec![finish(&one, now_ms), receipt(&one, now_ms)?, self.audit(&one, now_ms)];
        let overwritten = self.overwritten_by(&one).await?;
        let Finished { operation, written, seen, discrepancies, intent, .. } = one;
        if let Some((row, _)) = seen {
            let known = self.store.snapshot(&row.id).await?;
            let seen_run = known.map_or_else(String::new, |known| known.seen_run);
            changes.push(Change::PutSnapshot(SnapshotRow { seen_run, ..row }));
        }
        let mut further = None;
        let created = operation.action == OperationAction::Create && intent.aim.is_record();
        if created {
            let (of_create, reference) = self.created(&operation, &written.key, now_ms).await?;
            changes.extend(of_create);
            further = reference;
        }
        if !intent.aim.is_record() {
            changes.extend(self.mended(&operation.lane, now_ms).await?);
        }
        if let Some(known) = &overwritten {
            // With the receipt: it follows from nothing that is stored, and a process that ends in between would lose it.
            changes.extend(self.asking_about_overwritten(&operation.lane, known, now_ms).await?);
        }
        self.store.commit(changes).await?;
        // Only now: a run would wait for ever for an operation that could not be stored.
        if let Some(further) = further {
            self.run_waits_for(&further, &operation.id);
        }
        effects.notices.push(Notice::Receipt(operation.id.clone()));
        if !discrepancies.is_empty() {
            self.not_stored(&operation.lane, &operation.id, &discrepancies, &discrepancies.join(","), now_ms)
                .await?;
        }
        if operation.kind == RecordKind::Treatment {
            // What follows on a treatment belongs to the run that sent it.
            self.followed_by.clear();
            self.lane_moved(&operation, now_ms, effects).await?;
            for next in std::mem::take(&mut self.followed_by) {
                self.run_waits_for(&next, &operation.id);
            }
            return self
                .operation_left(&operation.id, operation.remote, created, true, now_ms, effects)
                .await;
        }
        self.operation_left(&operation.id, operation.remote, created, true, now_ms, effects).await?;
        self.lane_moved(&operation, now_ms, effects).await
    }

    /// A bill or an archiving that was refused and is done now is no question any more.
    async fn mended(&self, pair: &str, now_ms: i64) -> Result<Option<Change>> {
        let open = self.store.open_conflict_of(pair).await?;
        let open = open.filter(|open| open.cause == ConflictCause::NotStored);
        Ok(open.map(|open| Change::PutConflict(crate::pairing::settled_itself(open, now_ms))))
    }

    /// What is known of a write that overtook a colleague's, before its read-back takes the place of what was known.
    async fn overwritten_by(&self, one: &Finished) -> Result<Option<Overwritten>> {
        // What was not stored as sent is asked about as such.
        let Finished { operation, intent, seen: Some((row, record)), overtook: true, .. } = one else {
            return Ok(None);
        };
        if !one.discrepancies.is_empty() {
            return Ok(None);
        }
        let before = match &operation.key {
            Some(key) => self.side(operation.kind, operation.remote, key).await?,
            None => None,
        };
        // Only what the write relied on says what moved besides.
        let before = before
            .filter(|side| Some(&side.snapshot.version) == operation.expected_version.as_ref())
            .map(|side| side.record);
        Ok(Some(self.overwritten(operation, intent, before.as_ref(), record, &row.version)))
    }
}

/// What an operation writes, as of a plan.
fn by_remote(remote: Remote, intent: &Intent) -> PairPlan {
    let fields = intent.fields.clone();
    match remote {
        Remote::ServiceNow => PairPlan { servicenow: fields, ..PairPlan::default() },
        Remote::Ehr => PairPlan { ehr: fields, ..PairPlan::default() },
    }
}

/// Everything that follows from several operations, like beside like: the store writes neighbours together.
fn in_one_commit(all: Vec<Follows>) -> Vec<Change> {
    let mut sorted: [Vec<Change>; 7] = Default::default();
    let [finished, receipts, audit, snapshots, pairs, other, plans] = &mut sorted;
    for follows in all {
        finished.push(follows.finish);
        receipts.push(follows.receipt);
        audit.push(follows.audit);
        snapshots.push(follows.snapshot);
        // Whatever else a judgement leads to keeps its order.
        if follows.judged.iter().all(|change| matches!(change, Change::PutPair(_))) {
            pairs.extend(follows.judged);
        } else {
            other.extend(follows.judged);
        }
        plans.extend(follows.plan_done);
    }
    sorted.into_iter().flatten().collect()
}

fn finish(one: &Finished, now_ms: i64) -> Change {
    Change::FinishOperation {
        id: one.operation.id.clone(),
        claim: one.operation.claims,
        state: OperationState::Done,
        due_at_ms: now_ms,
        errors: one.operation.errors.clone(),
        key: Some(one.written.key.clone()),
        cause: None,
        costs_a_try: true,
        at_ms: now_ms,
    }
}

fn receipt(one: &Finished, now_ms: i64) -> Result<Change> {
    let Finished { operation, written, intent, discrepancies, .. } = one;
    Ok(Change::PutReceipt(ReceiptRow {
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
                aim: intent.aim,
            },
        )?,
        response: encode("receipt", &Answer { status: written.status, body: written.response_body.clone() })?,
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
    }))
}
