//! What people do with the outbox: send again unchanged, send again all that failed alike, call off.

use crate::error::{EngineError, Result, decode};
use crate::execute::CREATE_STALE_MS;
use crate::judge;
use crate::plans::Intent;
use crate::step::{Effects, Engine, Notice, Reply};
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, ConflictState, OperationAction, OperationRow,
    OperationState, QueueFilter,
};

/// Operations sent again in one transaction.
const RELEASED_TOGETHER: usize = 250;

impl Engine {
    /// A person sends one operation on its way again, unchanged.
    pub(crate) async fn release(
        &mut self,
        operation: &str,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let operation =
            self.unfinished(operation, "it is being sent at this moment", "wait for its answer").await?;
        if too_old_to_create(&operation, now_ms) {
            self.call_off_creation(&operation, person, reason, now_ms, effects).await?;
            return Ok(Reply::Released { released: 0, called_off: 1 });
        }
        let changes = self.release_changes(&operation, person, reason, now_ms).await?;
        self.store.commit(changes).await?;
        self.outbox_touched = true;
        effects.notices.push(Notice::Pair(operation.lane));
        Ok(Reply::Released { released: 1, called_off: 0 })
    }

    /// A person sends everything with one cause on its way again: lanes side by side, in the order it was enqueued.
    pub(crate) async fn replay(
        &mut self,
        cause: &str,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let filter = QueueFilter {
            states: vec![OperationState::Parked, OperationState::Retrying],
            cause: Some(cause.to_owned()),
            ..QueueFilter::default()
        };
        // All of them before the first is touched: what fails again meanwhile with the same cause is not taken twice.
        let alike = self.store.queue_operations(&filter, 0, u32::MAX).await?;
        if alike.is_empty() {
            return Err(EngineError::NotNow {
                what: "nothing in the queue failed for this reason any more".to_owned(),
                way_out: "look at the queue again".to_owned(),
            });
        }
        let (stale, fresh): (Vec<_>, Vec<_>) =
            alike.into_iter().partition(|operation| too_old_to_create(operation, now_ms));
        let (released, called_off) = (fresh.len() as u64, stale.len() as u64);
        for together in fresh.chunks(RELEASED_TOGETHER) {
            let mut changes = Vec::new();
            for operation in together {
                changes.extend(self.release_changes(operation, person, reason, now_ms).await?);
            }
            self.store.commit(changes).await?;
            self.outbox_touched = true;
        }
        for operation in stale {
            self.call_off_creation(&operation, person, reason, now_ms, effects).await?;
        }
        effects.notices.push(Notice::Queue);
        Ok(Reply::Released { released, called_off })
    }

    /// A person calls a write off. What it would have changed stays different, so a person is asked about it, and rules
    /// do not write it again.
    pub(crate) async fn call_off(
        &mut self,
        operation: &str,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let operation = self
            .unfinished(
                operation,
                "it is being sent at this moment and cannot be called back",
                "wait for its answer, then undo it if it was carried out",
            )
            .await?;
        let (mut changes, rest) = self.cancel_rest_of_plan(&operation, now_ms).await?;
        changes.insert(0, Change::CancelOperation { id: operation.id.clone(), at_ms: now_ms });
        changes.push(self.operation_audit("operation.cancelled", &operation, person, reason, now_ms));
        self.store.commit(changes).await?;
        let already_asked = self
            .store
            .open_conflict_of(&operation.lane)
            .await?
            .is_some_and(|conflict| conflict.cause == ConflictCause::NotStored);
        if !already_asked {
            let intent: Intent = decode("intent", &operation.intent)?;
            let fields = judge::field_ids(
                self.lenses.catalogue(operation.kind),
                intent.fields.iter().map(|write| write.field),
            );
            let problem = [format!("a person called this write off: {reason}")];
            self.not_stored(&operation.lane, &operation.id, &problem, &fields, now_ms).await?;
        }
        self.operations_left(&operation, &rest, now_ms, effects).await?;
        effects.notices.push(Notice::Pair(operation.lane));
        Ok(Reply::Done)
    }

    /// An operation a person may still do something about; `running` and `way_out` say why not while it is being sent.
    async fn unfinished(&self, id: &str, running: &str, way_out: &str) -> Result<OperationRow> {
        let operation = self.store.operation(id).await?.ok_or(EngineError::NotFound { what: "operation" })?;
        match operation.state {
            OperationState::Waiting | OperationState::Retrying | OperationState::Parked => Ok(operation),
            OperationState::Running => {
                Err(EngineError::NotNow { what: running.to_owned(), way_out: way_out.to_owned() })
            }
            OperationState::Done | OperationState::Cancelled => Err(finished()),
        }
    }

    fn operation_audit(
        &self,
        action: &str,
        operation: &OperationRow,
        person: &str,
        reason: &str,
        now_ms: i64,
    ) -> Change {
        Change::Audit(AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: person.to_owned(),
            action: action.to_owned(),
            subject: operation.id.clone(),
            detail: reason.to_owned(),
        })
    }

    async fn release_changes(
        &self,
        operation: &OperationRow,
        person: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<Vec<Change>> {
        let mut changes = vec![
            Change::ReleaseOperation { id: operation.id.clone(), at_ms: now_ms },
            self.operation_audit("operation.released", operation, person, reason, now_ms),
        ];
        // The question that its refusal raised waits for the answer.
        if operation.state == OperationState::Parked
            && let Some(conflict) = self.store.open_conflict_of(&operation.lane).await?
            && conflict.cause == ConflictCause::NotStored
            && conflict.state == ConflictState::Open
        {
            changes.push(Change::PutConflict(ConflictRow { state: ConflictState::Executing, ..conflict }));
        }
        Ok(changes)
    }

    /// What the other side lacked when this was planned it may have by now: the next complete run looks again before
    /// anything is made.
    async fn call_off_creation(
        &mut self,
        operation: &OperationRow,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let audit = self.operation_audit("operation.called_off", operation, person, reason, now_ms);
        if operation.state == OperationState::Parked {
            self.free_one_sided(&operation.lane, vec![audit], now_ms).await?;
        } else {
            let (mut changes, _) = self.cancel_rest_of_plan(operation, now_ms).await?;
            changes.insert(0, Change::CancelOperation { id: operation.id.clone(), at_ms: now_ms });
            changes.push(audit);
            self.store.commit(changes).await?;
        }
        self.operations_left(operation, &[], now_ms, effects).await?;
        effects.notices.push(Notice::Pair(operation.lane.clone()));
        Ok(())
    }
}

fn too_old_to_create(operation: &OperationRow, now_ms: i64) -> bool {
    operation.action == OperationAction::Create && now_ms - operation.enqueued_at_ms > CREATE_STALE_MS
}

fn finished() -> EngineError {
    EngineError::NotNow {
        what: "this operation is finished".to_owned(),
        way_out: "look at its receipt, or at the conflict for what is left".to_owned(),
    }
}
