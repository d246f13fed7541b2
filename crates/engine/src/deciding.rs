//! What people decide: plans made, approved, carried out, refused and undone.

use crate::errands::Purpose;
use crate::error::{EngineError, Result, encode};
use crate::judge::{self, PairContext};
use crate::lens;
use crate::plans::{self, Drafting, PlanBody};
use crate::step::{Effects, Engine, Notice, Reply, Ticket};
use crate::treatments;
use reconcile::PairPlan;
use reconcile::plan::FieldDecision;
use record::{FieldIx, RecordKind, Remote};
use store::{
    AuditRow, Change, ConflictState, OperationFilter, OperationState, PairRow, PairStatus, PlanRow, PlanState,
};

impl Engine {
    pub(crate) async fn make_plan(
        &mut self,
        conflict_id: &str,
        fingerprint: &str,
        decisions: Vec<FieldDecision>,
        maker: &str,
        reason: Option<String>,
        now_ms: i64,
    ) -> Result<PlanRow> {
        let conflict =
            self.store.conflict(conflict_id).await?.ok_or(EngineError::NotFound { what: "conflict" })?;
        match conflict.state {
            ConflictState::Open => {}
            ConflictState::AwaitingSecond => {
                return Err(EngineError::NotNow {
                    what: "a plan for this conflict waits for its second person".to_owned(),
                    way_out: "refuse that plan first".to_owned(),
                });
            }
            ConflictState::Executing => {
                return Err(EngineError::NotNow {
                    what: "an approved plan for this patient is being carried out".to_owned(),
                    way_out: "wait for its receipt".to_owned(),
                });
            }
            ConflictState::Closed => {
                return Err(EngineError::NotNow {
                    what: "this conflict is settled".to_owned(),
                    way_out: "go back to the work list".to_owned(),
                });
            }
        }
        if conflict.fingerprint != fingerprint {
            return Err(EngineError::Moved {
                what: "the values in question".to_owned(),
                fields: self.labels(self.pair(&conflict.pair).await?.kind, &conflict.fields),
            });
        }
        let pair = self.pair(&conflict.pair).await?;
        let context = self.context(pair).await?.ok_or_else(|| EngineError::NotNow {
            what: "one side of this patient is missing".to_owned(),
            way_out: "answer the question on the work list instead".to_owned(),
        })?;
        if let Some(remote) = context.gone() {
            return Err(EngineError::NotNow {
                what: format!("{} does not show this record any more", remote.label()),
                way_out: "look for it there; once it is shown again, it is compared again".to_owned(),
            });
        }
        if context.lane_busy {
            return Err(self.busy_with(&context.pair.id, "decide").await?);
        }
        let state = context.state(&self.lenses);
        let comparison = reconcile::compare(&state);
        let pair_plan = reconcile::plan(&state, &comparison, &decisions)?;
        let decided: Vec<FieldIx> = decisions.iter().map(|decision| decision.field).collect();
        let grade = comparison
            .fields
            .iter()
            .filter(|field| decided.contains(&field.field) && !pair_plan.open.contains(&field.field))
            .map(|field| field.grade.number())
            .max()
            .unwrap_or(0);
        let grade = grade.max(
            reconcile::plan::grade_of_writes(self.lenses.catalogue(context.pair.kind), &pair_plan).number(),
        );
        let body = self.body_of(&context, &pair_plan, decisions, now_ms)?;
        let row = self.draft(&context.pair, Some(conflict.id), &body, grade, maker, reason, None, now_ms)?;
        self.store.commit(vec![Change::PutPlan(row.clone())]).await?;
        Ok(row)
    }

    /// [`plans::body_of`] with the engine's own ids. A treatment's is refused where it cannot be written as a version.
    pub(crate) fn body_of(
        &self,
        context: &PairContext,
        plan: &PairPlan,
        decisions: Vec<FieldDecision>,
        now_ms: i64,
    ) -> Result<PlanBody> {
        treatments::refuse_half_a_version(context, &self.lenses, &self.rules, plan, now_ms)?;
        let mut drafting = Drafting { now_ms, next_id: &mut || self.new_id(now_ms) };
        plans::body_of(context, &self.lenses, plan, decisions, &mut drafting)
    }

    #[allow(clippy::too_many_arguments, reason = "each is a fact of its own, and all are needed")]
    pub(crate) fn draft(
        &self,
        pair: &PairRow,
        conflict: Option<String>,
        body: &PlanBody,
        grade: u8,
        maker: &str,
        reason: Option<String>,
        undoes: Option<String>,
        now_ms: i64,
    ) -> Result<PlanRow> {
        let text = encode("plan", body)?;
        Ok(PlanRow {
            id: self.new_id(now_ms),
            pair: pair.id.clone(),
            conflict,
            hash: lens::sha256_hex(&text),
            body: text,
            state: PlanState::Draft,
            grade,
            maker: maker.to_owned(),
            reason,
            approver: None,
            made_at_ms: now_ms,
            closed_at_ms: None,
            undoes,
        })
    }

    fn labels(&self, kind: RecordKind, ids: &str) -> Vec<String> {
        let catalogue = self.lenses.catalogue(kind);
        ids.split(',')
            .filter_map(|id| catalogue.spec(catalogue.index_of(id)?))
            .map(|spec| spec.label.clone())
            .collect()
    }

    pub(crate) async fn make_undo(&mut self, plan_id: &str, maker: &str, now_ms: i64) -> Result<PlanRow> {
        let plan = self.store.plan(plan_id).await?.ok_or(EngineError::NotFound { what: "plan" })?;
        let of_plan =
            OperationFilter { lane: None, plan: Some(plan.id.clone()), states: vec![OperationState::Done] };
        let carried_out = self.store.operations(&of_plan, 0, 100).await?;
        if carried_out.is_empty() {
            return Err(EngineError::NotNow {
                what: "only what was carried out can be undone".to_owned(),
                way_out: "wait for its receipts".to_owned(),
            });
        }
        for operation in &carried_out {
            if self.store.receipt(&operation.id).await?.is_some_and(|receipt| receipt.undone_by.is_some()) {
                return Err(EngineError::NotNow {
                    what: "this plan was undone already".to_owned(),
                    way_out: "look at the receipts of the plan that undid it".to_owned(),
                });
            }
        }
        let done = plans::frozen(&plan)?;
        let pair = self.pair(&plan.pair).await?;
        let context = self.context(pair).await?.ok_or(EngineError::NotFound { what: "linked patient" })?;
        if context.lane_busy {
            return Err(self.busy_with(&context.pair.id, "undo").await?);
        }
        let mut executed = PairPlan::default();
        // Of a plan that was refused half-way, the half that was done can be taken back.
        let was_done = |planned: &&plans::PlannedOperation| {
            carried_out.iter().any(|row| row.remote == planned.remote && row.body == planned.body)
        };
        for operation in done.operations.iter().filter(was_done) {
            if operation.creates() {
                return Err(EngineError::NotNow {
                    what: "a created record cannot be taken back: nothing is ever deleted remotely"
                        .to_owned(),
                    way_out: "mark it inactive in the system it was created in".to_owned(),
                });
            }
            match operation.remote {
                Remote::ServiceNow => executed.servicenow.extend(operation.fields.iter().cloned()),
                Remote::Ehr => executed.ehr.extend(operation.fields.iter().cloned()),
            }
        }
        let undo = reconcile::undo::undo_writes(
            self.lenses.catalogue(context.pair.kind),
            &executed,
            Some(&context.servicenow.record),
            Some(&context.ehr.record),
        );
        let pair_plan = undo.plan;
        if pair_plan.is_empty() {
            return Err(EngineError::NotNow {
                what: "every field of this plan was changed since, so nothing is left to undo".to_owned(),
                way_out: "change the fields in the work list or in the systems themselves".to_owned(),
            });
        }
        let mut body = self.body_of(&context, &pair_plan, Vec::new(), now_ms)?;
        body.left_out = undo.left_out;
        let grade = reconcile::plan::grade_of_writes(self.lenses.catalogue(context.pair.kind), &pair_plan)
            .number()
            .max(3);
        let row = self.draft(&context.pair, None, &body, grade, maker, None, Some(plan.id), now_ms)?;
        self.store.commit(vec![Change::PutPlan(row.clone())]).await?;
        Ok(row)
    }

    #[allow(clippy::too_many_arguments, reason = "each is a fact of its own, and all are needed")]
    pub(crate) async fn approve(
        &mut self,
        ticket: Ticket,
        plan_id: &str,
        hash: &str,
        person: &str,
        reason: Option<String>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Option<Reply>> {
        let plan = self.store.plan(plan_id).await?.ok_or(EngineError::NotFound { what: "plan" })?;
        if plan.hash != hash {
            return Err(EngineError::Moved { what: "the plan".to_owned(), fields: Vec::new() });
        }
        plans::frozen(&plan)?;
        let reason = reason.filter(|text| !text.trim().is_empty());
        let own = plan.maker == person;
        if plan.state == PlanState::Draft
            && self.conflict_of(&plan).await?.is_some_and(|conflict| conflict.state != ConflictState::Open)
        {
            return Err(EngineError::NotNow {
                what: "another plan for this conflict waits or is being carried out".to_owned(),
                way_out: "look at that plan first".to_owned(),
            });
        }
        match plan.state {
            PlanState::Draft if plan.grade >= 4 => {
                if reason.is_none() && plan.reason.is_none() {
                    return Err(EngineError::NotNow {
                        what: "this change needs a reason".to_owned(),
                        way_out: "write why, then approve".to_owned(),
                    });
                }
                if !self.policy.one_person_may_approve {
                    return self.await_second(plan, person, reason, now_ms).await.map(Some);
                }
            }
            PlanState::Draft => {}
            PlanState::AwaitingSecond => {
                if own {
                    return Err(EngineError::NotNow {
                        what: "nobody approves what they made".to_owned(),
                        way_out: "ask a second person to look at it".to_owned(),
                    });
                }
            }
            PlanState::AwaitingCheck
            | PlanState::Approved
            | PlanState::Done
            | PlanState::Refused
            | PlanState::Superseded => {
                return Err(EngineError::NotNow {
                    what: "this plan is closed".to_owned(),
                    way_out: "open the conflict again for what is left".to_owned(),
                });
            }
        }
        let pair = self.pair(&plan.pair).await?;
        if self.is_held_back(&pair, now_ms) {
            return self.approve_for_later(&plan, person, reason, now_ms, effects).await.map(Some);
        }
        let pair = pair.id;
        let purpose = Purpose::CarryOut { plan: Box::new(plan), approver: person.to_owned(), reason };
        self.begin(Some(ticket), &pair, purpose, effects).await?;
        Ok(None)
    }

    async fn await_second(
        &mut self,
        plan: PlanRow,
        person: &str,
        reason: Option<String>,
        now_ms: i64,
    ) -> Result<Reply> {
        let mut waiting = plan;
        waiting.state = PlanState::AwaitingSecond;
        waiting.reason = reason.or(waiting.reason);
        let mut changes = vec![
            Change::MovePlan {
                id: waiting.id.clone(),
                from: PlanState::Draft,
                to: PlanState::AwaitingSecond,
                approver: None,
                at_ms: now_ms,
            },
            Change::PutPlan(waiting.clone()),
            Change::Audit(AuditRow {
                id: self.new_id(now_ms),
                at_ms: now_ms,
                actor: person.to_owned(),
                action: "plan.submitted".to_owned(),
                subject: waiting.id.clone(),
                detail: String::new(),
            }),
        ];
        if let Some(conflict) = self.conflict_of(&waiting).await? {
            changes.push(Change::PutConflict(store::ConflictRow {
                state: ConflictState::AwaitingSecond,
                ..conflict
            }));
        }
        self.store.commit(changes).await?;
        Ok(Reply::AwaitingSecond(waiting))
    }

    pub(crate) async fn conflict_of(&self, plan: &PlanRow) -> Result<Option<store::ConflictRow>> {
        Ok(match &plan.conflict {
            Some(id) => self.store.conflict(id).await?.filter(|row| row.state != ConflictState::Closed),
            None => None,
        })
    }

    /// Both sides were read a moment ago: the plan is carried out exactly as it is, or not at all.
    pub(crate) async fn carry_out(
        &mut self,
        plan: &PlanRow,
        approver: &str,
        reason: Option<String>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let body = plans::frozen(plan)?;
        let pair = self.pair(&plan.pair).await?;
        if self.versions_known(&pair).await? != [body.servicenow_version.clone(), body.ehr_version.clone()] {
            return self.supersede(plan, &body, now_ms).await;
        }
        let waited = plan.state == PlanState::AwaitingCheck;
        // Its own waiting does not keep it back.
        let busy = if waited {
            crate::step::operations_under_way(&*self.store, &plan.pair).await?
        } else {
            self.lane_busy(&plan.pair).await?
        };
        if busy {
            return Err(under_way("approve"));
        }
        let mut changes = Vec::new();
        if reason.is_some() && plan.reason.is_none() && plan.state == PlanState::Draft {
            changes.push(Change::PutPlan(PlanRow { reason, ..plan.clone() }));
        }
        changes.extend([
            Change::MovePlan {
                id: plan.id.clone(),
                from: plan.state,
                to: PlanState::Approved,
                approver: Some(approver.to_owned()),
                at_ms: now_ms,
            },
            if waited {
                self.checked_audit(plan, now_ms)
            } else {
                self.approval_audit(pair.kind, plan, &body, approver, now_ms)
            },
        ]);
        if let Some(conflict) = self.conflict_of(plan).await? {
            changes.push(Change::PutConflict(store::ConflictRow {
                state: ConflictState::Executing,
                draft: None,
                ..conflict
            }));
        }
        // What was parked for a person is answered by this decision.
        let blocked = crate::step::blocked(&*self.store, &plan.pair).await?;
        let replaced = match &body.replaces {
            Some(id) if !blocked.operations.contains(id) => {
                return Err(EngineError::NotNow {
                    what: "the write that this plan was to replace is not refused any more".to_owned(),
                    way_out: "look at the queue again".to_owned(),
                });
            }
            Some(id) => self.store.operation(id).await?,
            None => None,
        };
        changes.extend(blocked.called_off(now_ms));
        let ids = std::sync::Arc::clone(&self.ids);
        let mut rows =
            plans::operation_rows(&body, &self.lenses, &plan.id, &pair, now_ms, &mut || ids.next(now_ms))?;
        if let Some(replaced) = replaced {
            // The write of the same kind takes its place; where there is none, the first one does.
            let alike =
                |row: &store::OperationRow| row.remote == replaced.remote && row.action == replaced.action;
            let place = rows.iter().position(alike).unwrap_or(0);
            if let Some(row) = rows.get_mut(place) {
                row.replaces = Some(replaced.id);
            }
        }
        changes.extend(rows.into_iter().map(Change::Enqueue));
        let no_writes = body.operations.is_empty();
        if !no_writes && pair.servicenow_key.is_some() && pair.ehr_key.is_some() {
            let mut waiting = pair;
            waiting.status = PairStatus::Waiting;
            changes.push(Change::PutPair(waiting));
        }
        self.store.commit(changes).await?;
        self.outbox_touched = true;
        if no_writes {
            // A decision that both sides already follow only moves the base.
            self.plan_done(&plan.id, &plan.pair, now_ms, effects).await?;
        }
        let row = self.store.plan(&plan.id).await?.ok_or(EngineError::NotFound { what: "plan" })?;
        effects.notices.push(Notice::Plan(row.id.clone()));
        Ok(Reply::Executing(row))
    }

    pub(crate) fn approval_audit(
        &self,
        kind: RecordKind,
        plan: &PlanRow,
        body: &PlanBody,
        approver: &str,
        now_ms: i64,
    ) -> Change {
        Change::Audit(AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: approver.to_owned(),
            action: if plan.undoes.is_some() { "plan.undo_approved" } else { "plan.approved" }.to_owned(),
            subject: plan.id.clone(),
            detail: judge::field_ids(
                self.lenses.catalogue(kind),
                body.operations.iter().flat_map(|operation| &operation.fields).map(|write| write.field),
            ),
        })
    }

    /// What was approved earlier is carried out only now.
    fn checked_audit(&self, plan: &PlanRow, now_ms: i64) -> Change {
        Change::Audit(AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: "engine".to_owned(),
            action: "plan.checked".to_owned(),
            subject: plan.id.clone(),
            detail: String::new(),
        })
    }

    /// Why nothing can be decided about a patient whose lane is not idle.
    async fn busy_with(&self, pair: &str, then: &str) -> Result<EngineError> {
        if self.store.waiting_plan_of(pair).await?.is_none() {
            return Ok(under_way(then));
        }
        Ok(EngineError::NotNow {
            what: "a change for this patient is approved and waits until both systems can be asked"
                .to_owned(),
            way_out: format!("wait until it is done, or withdraw it on the Queue screen; then {then}"),
        })
    }

    /// A plan that waited for its second person or for its check gives its conflict back; a draft never took it.
    async fn reopened(&self, plan: &PlanRow) -> Result<Option<Change>> {
        let taken = match plan.state {
            PlanState::AwaitingSecond => ConflictState::AwaitingSecond,
            PlanState::AwaitingCheck => ConflictState::Executing,
            PlanState::Draft
            | PlanState::Approved
            | PlanState::Done
            | PlanState::Refused
            | PlanState::Superseded => return Ok(None),
        };
        let conflict = self.conflict_of(plan).await?.filter(|row| row.state == taken);
        Ok(conflict.map(|row| Change::PutConflict(store::ConflictRow { state: ConflictState::Open, ..row })))
    }

    pub(crate) async fn supersede(&mut self, plan: &PlanRow, body: &PlanBody, now_ms: i64) -> Result<Reply> {
        let mut changes = vec![Change::MovePlan {
            id: plan.id.clone(),
            from: plan.state,
            to: PlanState::Superseded,
            approver: None,
            at_ms: now_ms,
        }];
        changes.extend(self.reopened(plan).await?);
        self.store.commit(changes).await?;
        self.rejudge(&plan.pair, "observed", false, now_ms).await?;
        let fields = body.operations.iter().flat_map(|operation| &operation.fields);
        let kind = self.pair(&plan.pair).await?.kind;
        let ids = judge::field_ids(self.lenses.catalogue(kind), fields.map(|write| write.field));
        Err(EngineError::Moved {
            what:
                "the record was changed in one of the systems after this plan was made; nothing was written"
                    .to_owned(),
            fields: self.labels(kind, &ids),
        })
    }

    pub(crate) async fn refuse(
        &mut self,
        plan_id: &str,
        person: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<PlanRow> {
        let plan = self.store.plan(plan_id).await?.ok_or(EngineError::NotFound { what: "plan" })?;
        let action = match plan.state {
            PlanState::Draft | PlanState::AwaitingSecond => "plan.refused",
            PlanState::AwaitingCheck => "plan.withdrawn",
            PlanState::Approved | PlanState::Done | PlanState::Refused | PlanState::Superseded => {
                return Err(EngineError::NotNow {
                    what: "this plan is closed".to_owned(),
                    way_out: "nothing is left to refuse".to_owned(),
                });
            }
        };
        let mut changes = vec![
            Change::MovePlan {
                id: plan.id.clone(),
                from: plan.state,
                to: PlanState::Refused,
                approver: Some(person.to_owned()),
                at_ms: now_ms,
            },
            Change::Audit(AuditRow {
                id: self.new_id(now_ms),
                at_ms: now_ms,
                actor: person.to_owned(),
                action: action.to_owned(),
                subject: plan.id.clone(),
                detail: format!("{} characters of reason", reason.chars().count()),
            }),
        ];
        changes.extend(self.reopened(&plan).await?);
        self.store.commit(changes).await?;
        if plan.state == PlanState::AwaitingCheck {
            // The patient does not wait for it any more.
            self.rejudge(&plan.pair, "observed", false, now_ms).await?;
        }
        self.store.plan(&plan.id).await?.ok_or(EngineError::NotFound { what: "plan" })
    }
}

/// The patient's lane holds operations that are not finished.
pub(crate) fn under_way(then: &str) -> EngineError {
    EngineError::NotNow {
        what: "writes for this patient are under way".to_owned(),
        way_out: format!("wait until they are done, then {then}"),
    }
}
