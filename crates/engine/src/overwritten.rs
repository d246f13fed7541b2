//! Writes that overtook a colleague's. Where a remote has no version it checks (ServiceNow, an EHR without `ETag`), a
//! change made between our reading and our writing may be gone, and nobody is told: so a person is asked to look.

use crate::broken;
use crate::error::{EngineError, Result, decode};
use crate::health::Health;
use crate::judge;
use crate::plans::Intent;
use crate::questions;
use crate::step::{Effects, Engine, Notice, Reply};
use record::{FieldState, Record, Remote};
use serde::{Deserialize, Serialize};
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, ConflictState, OperationAction, OperationRow, PairRow,
    PairStatus,
};

/// So many writes in a row that moved a version by more than one, and it is not colleagues but a rule of that system that
/// writes along with every one of ours.
const A_RULE_THERE: u32 = 3;

/// What is known of the moment, as kept with the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwritten {
    /// Where it happened.
    pub remote: Remote,
    /// Our operation; its receipt shows what was sent and what was read back.
    pub operation: String,
    /// Fields we wrote, ids: what a colleague may have put there in between is not known.
    pub written: Vec<String>,
    /// Fields we did not write and that moved all the same, ids: what a colleague put there stands, and was read back.
    pub kept: Vec<String>,
    /// The version the write relied on.
    pub version_before: Option<String>,
    /// The version read back.
    pub version_after: String,
    /// Our write replaced the whole record, and not these fields alone.
    pub whole_record: bool,
}

impl Engine {
    /// Whether a write that moved the version by more than itself is to be asked about.
    pub(crate) fn overtook(&mut self, operation: &OperationRow, raced: bool) -> bool {
        if operation.action == OperationAction::Create {
            return false;
        }
        let index = judge::index(operation.remote);
        let before = self.health[index].jumps_in_a_row;
        let jumps_in_a_row = if raced { before.saturating_add(1) } else { 0 };
        if before != jumps_in_a_row {
            self.health[index] = Health { jumps_in_a_row, ..self.health[index].clone() };
            self.health_moved[index] = true;
        }
        raced && jumps_in_a_row <= A_RULE_THERE
    }

    /// The question, from what was known before the write and what was read back after it.
    pub(crate) fn overwritten(
        &self,
        operation: &OperationRow,
        intent: &Intent,
        before: Option<&Record>,
        after: &Record,
        version_after: &str,
    ) -> Overwritten {
        let catalogue = self.lenses.catalogue(operation.kind);
        let ids = |fields: Vec<record::FieldIx>| -> Vec<String> {
            fields.into_iter().filter_map(|field| catalogue.spec(field)).map(|spec| spec.id.clone()).collect()
        };
        let ours = |field: record::FieldIx| intent.fields.iter().any(|write| write.field == field);
        let moved = before.map_or_else(Vec::new, |before| {
            catalogue
                .iter()
                .map(|(field, _)| field)
                .filter(|field| !ours(*field))
                .filter(|field| {
                    // What we may not see says nothing.
                    let (was, is) = (before.field(*field), after.field(*field));
                    let seen = *was != FieldState::Unknown && *is != FieldState::Unknown;
                    seen && !reconcile::sides::same(was, is)
                })
                .collect()
        });
        Overwritten {
            remote: operation.remote,
            operation: operation.id.clone(),
            written: ids(intent.fields.iter().map(|write| write.field).collect()),
            kept: ids(moved),
            version_before: operation.expected_version.clone(),
            version_after: version_after.to_owned(),
            whole_record: operation.remote == Remote::Ehr,
        }
    }

    /// What opens the question, or turns the one that is open into it: a pair has one. Where that one goes first, this
    /// one waits.
    pub(crate) async fn asking_about_overwritten(
        &self,
        lane: &str,
        known: &Overwritten,
        now_ms: i64,
    ) -> Result<Vec<Change>> {
        let pair = self.pair(lane).await?;
        let existing = self.store.open_conflict_of(&pair.id).await?;
        if let Some(open) = existing.as_ref().filter(|open| questions::goes_first(open)) {
            let same = decode::<Overwritten>("overwritten", &open.comparison)
                .is_ok_and(|other| other.operation == known.operation);
            if same {
                return Ok(Vec::new());
            }
            return Ok(vec![self.asked_later(&pair.id, known.clone()).await?]);
        }
        let row = self.question_about(&pair, known, existing, now_ms)?;
        let mut changes = vec![Change::PutConflict(row)];
        if pair.servicenow_key.is_some() && pair.ehr_key.is_some() {
            changes.push(Change::PutPair(PairRow { status: PairStatus::Differs, ..pair }));
        }
        Ok(changes)
    }

    /// A person looked at what may have been overwritten, or at what breaks a rule, and says that it is right as it is now.
    pub(crate) async fn seen(
        &mut self,
        conflict: &str,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let row = self.store.conflict(conflict).await?.ok_or(EngineError::NotFound { what: "conflict" })?;
        let by_looking = matches!(row.cause, ConflictCause::Overwritten | ConflictCause::RuleBroken);
        if !by_looking || row.state != ConflictState::Open {
            return Err(EngineError::NotNow {
                what: "only a question about an overwritten change or a broken rule is answered by looking"
                    .to_owned(),
                way_out: "decide its fields, or look at the work list again".to_owned(),
            });
        }
        let pair = row.pair.clone();
        let audit = AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: person.to_owned(),
            action: "conflict.seen".to_owned(),
            subject: pair.clone(),
            detail: reason.to_owned(),
        };
        let closed = ConflictRow {
            state: ConflictState::Closed,
            closed_at_ms: Some(now_ms),
            closed_by: Some("decided".to_owned()),
            draft: None,
            ..row
        };
        let mut changes = vec![Change::Audit(audit)];
        if closed.cause == ConflictCause::RuleBroken {
            changes.push(broken::accepted(&closed));
        }
        changes.push(Change::PutConflict(closed));
        self.store.commit(self.with_what_waits(changes, now_ms).await?).await?;
        // Whatever differs besides is a question of its own again, and so is a record that is gone meanwhile: while this
        // question was open, there was no place for another.
        self.rejudge(&pair, "observed", false, now_ms).await?;
        effects.notices.extend([Notice::Conflict(conflict.to_owned()), Notice::Pair(pair.clone())]);
        Ok(Reply::Pair(pair))
    }
}
