//! Edit and resend: a refused operation is replaced by one with corrected values. The correction is a plan like any
//! other: shown with its literal requests, approved by hash, carried out only if nothing moved.

use crate::error::{EngineError, Result};
use crate::execute::CREATE_STALE_MS;
use crate::plans::{self, Drafting, PlanBody, PlannedOperation};
use crate::step::Engine;
use reconcile::plan::{Choice, FieldDecision, FieldWrite};
use reconcile::{PairPlan, sides};
use record::catalogue::Direction;
use record::{FieldIx, FieldState, RecordKind, Remote};
use store::{Change, OperationAction, OperationRow, OperationState, PairRow, PlanRow};

impl Engine {
    /// Drafts the plan that takes the place of a parked operation.
    pub(crate) async fn edit_operation(
        &mut self,
        operation: &str,
        values: &[(FieldIx, FieldState)],
        maker: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<PlanRow> {
        let operation =
            self.store.operation(operation).await?.ok_or(EngineError::NotFound { what: "operation" })?;
        if operation.state != OperationState::Parked {
            return Err(EngineError::NotNow {
                what: "only what a system refused can be corrected and sent again".to_owned(),
                way_out: match operation.state {
                    OperationState::Done | OperationState::Cancelled => {
                        "it is finished; decide the patient's fields on the work list".to_owned()
                    }
                    _ => "wait for its answer, or call it off first".to_owned(),
                },
            });
        }
        if !plans::aim(&operation)?.is_record() {
            return Err(EngineError::NotNow {
                what: "a bill and an archived treatment hold nothing that could be corrected here".to_owned(),
                way_out: "correct the treatment or the bill in ServiceNow, then send this again".to_owned(),
            });
        }
        if values.is_empty() {
            return Err(EngineError::NotNow {
                what: "nothing was changed".to_owned(),
                way_out: "correct a field, or send it again unchanged".to_owned(),
            });
        }
        let old = self.store.plan(&operation.plan).await?.ok_or(EngineError::NotFound { what: "plan" })?;
        let pair = self.pair(&operation.lane).await?;
        let (mut body, written) = match operation.action {
            OperationAction::Update => {
                self.edited_update(&operation, &old, pair.clone(), values, now_ms).await?
            }
            // A new version of a treatment that the EHR has already: both sides are there.
            OperationAction::Create if pair.servicenow_key.is_some() && pair.ehr_key.is_some() => {
                self.edited_update(&operation, &old, pair.clone(), values, now_ms).await?
            }
            OperationAction::Create => self.edited_creation(&operation, &pair, values, now_ms).await?,
        };
        body.replaces = Some(operation.id.clone());
        let grade =
            reconcile::plan::grade_of_writes(self.lenses.catalogue(pair.kind), &written).number().max(3);
        let conflict = self.store.open_conflict_of(&pair.id).await?.map(|conflict| conflict.id);
        let row = self.draft(&pair, conflict, &body, grade, maker, Some(reason.to_owned()), None, now_ms)?;
        self.store.commit(vec![Change::PutPlan(row.clone())]).await?;
        Ok(row)
    }

    /// Both sides get the corrected values; everything else the plan had decided and not yet written goes along.
    async fn edited_update(
        &self,
        operation: &OperationRow,
        old: &PlanRow,
        pair: PairRow,
        values: &[(FieldIx, FieldState)],
        now_ms: i64,
    ) -> Result<(PlanBody, PairPlan)> {
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
        let frozen = plans::frozen(old)?;
        let mut wanted: Vec<(FieldIx, FieldState)> = Vec::new();
        for write in frozen.operations.iter().flat_map(|planned| &planned.fields) {
            if !wanted.iter().any(|(field, _)| *field == write.field) {
                wanted.push((write.field, write.to.clone()));
            }
        }
        for (field, state) in values {
            match wanted.iter_mut().find(|(wanted, _)| wanted == field) {
                Some((_, wanted)) => *wanted = state.clone(),
                None => return Err(self.not_of_this_operation(operation.kind, *field)),
            }
        }
        let state = context.state(&self.lenses);
        let comparison = reconcile::compare(&state);
        // What both sides agree on by now needs no decision; a corrected field that does is written nowhere.
        let open = |field: FieldIx| {
            comparison
                .fields
                .iter()
                .any(|compared| compared.field == field && !sides::same(&compared.servicenow, &compared.ehr))
        };
        let decisions: Vec<FieldDecision> = wanted
            .into_iter()
            .filter(|(field, _)| open(*field) || values.iter().any(|(edited, _)| edited == field))
            .map(|(field, state)| FieldDecision { field, choice: Choice::Own(state) })
            .collect();
        let written = reconcile::plan(&state, &comparison, &decisions)?;
        if written.is_empty() {
            return Err(EngineError::NotNow {
                what: format!(
                    "both systems say so already; nothing is to be written to {}",
                    operation.remote.label()
                ),
                way_out: "call the refused write off".to_owned(),
            });
        }
        let body = self.body_of(&context, &written, decisions, now_ms)?;
        Ok((body, written))
    }

    /// The record that is to be created comes from the other side: it is corrected there first, so that both tell the
    /// same story from the beginning. What waited too long is only corrected; the next complete run looks for the
    /// patient again before it is created.
    async fn edited_creation(
        &self,
        operation: &OperationRow,
        pair: &PairRow,
        values: &[(FieldIx, FieldState)],
        now_ms: i64,
    ) -> Result<(PlanBody, PairPlan)> {
        let source_remote = operation.remote.other();
        let key = match source_remote {
            Remote::ServiceNow => pair.servicenow_key.as_deref(),
            Remote::Ehr => pair.ehr_key.as_deref(),
        };
        let source = match key {
            Some(key) => self.side(pair.kind, source_remote, key).await?,
            None => None,
        };
        let source = source.ok_or(EngineError::NotFound { what: "patient" })?;
        let catalogue = self.lenses.catalogue(pair.kind);
        let mut record = source.record.clone();
        let mut writes: Vec<FieldWrite> = Vec::new();
        for (field, to) in values {
            let spec =
                catalogue.spec(*field).ok_or_else(|| self.not_of_this_operation(operation.kind, *field))?;
            let from = source.record.field(*field).clone();
            if source_remote == Remote::Ehr && spec.direction != Direction::Both {
                return Err(EngineError::NotNow {
                    what: format!("{} is not written to the EHR's records from here", spec.label),
                    way_out: format!("correct it in {}", source_remote.label()),
                });
            }
            if sides::same(&from, to) {
                continue;
            }
            match record.fields.get_mut(usize::from(field.0)) {
                Some(place) => *place = to.clone(),
                None => return Err(self.not_of_this_operation(operation.kind, *field)),
            }
            writes.push(FieldWrite { field: *field, from, to: to.clone() });
        }
        if writes.is_empty() {
            return Err(EngineError::NotNow {
                what: "nothing was changed".to_owned(),
                way_out: "correct a field, or send it again unchanged".to_owned(),
            });
        }
        writes.sort_by_key(|write| write.field);
        let surroundings = self.surroundings_of(&source.snapshot.id, &record).await?;
        let mut body = plans::create_body_of(
            self.lenses.of(pair.kind),
            &record,
            source_remote,
            &source.snapshot.version,
            &surroundings,
            &mut Drafting { now_ms, next_id: &mut || self.new_id(now_ms) },
        )?;
        if now_ms - operation.enqueued_at_ms > CREATE_STALE_MS {
            body.operations.clear();
        }
        body.operations.insert(
            0,
            PlannedOperation {
                remote: source_remote,
                key: Some(source.snapshot.id.key.clone()),
                expected_version: Some(source.snapshot.version.clone()),
                fields: writes.clone(),
                body: self.lenses.of(pair.kind).update_body(
                    source_remote,
                    &source.snapshot.raw,
                    &writes,
                    None,
                )?,
                cross_reference: None,
                our_key: None,
                aim: plans::Aim::Record,
            },
        );
        let mut written = PairPlan::default();
        match source_remote {
            Remote::ServiceNow => written.servicenow = writes,
            Remote::Ehr => written.ehr = writes,
        }
        Ok((body, written))
    }

    fn not_of_this_operation(&self, kind: RecordKind, field: FieldIx) -> EngineError {
        let label = self
            .lenses
            .catalogue(kind)
            .spec(field)
            .map_or_else(|| "such a field".to_owned(), |spec| spec.label.clone());
        EngineError::NotNow {
            what: format!("{label} is not part of this write"),
            way_out: "change it on the work list or in the systems themselves".to_owned(),
        }
    }
}
