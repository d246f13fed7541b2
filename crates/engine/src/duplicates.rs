//! A person's answer about two records that may be one animal. The answer is remembered.

use crate::error::{EngineError, Result};
use crate::one_sided::creation_plan;
use crate::pairing::snapshot_id;
use crate::step::Engine;
use record::Remote;
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, ConflictState, DuplicateRow, PairRow, PairStatus, Presence,
    SnapshotId,
};

/// Who says it, why, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// The person's id.
    pub(crate) person: &'a str,
    /// The reason, which is remembered.
    pub(crate) reason: &'a str,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
}

impl Answer<'_> {
    fn maker(&self) -> String {
        format!("person:{}", self.person)
    }

    fn on(&self, row: DuplicateRow, answer: &str) -> Change {
        Change::PutDuplicate(DuplicateRow {
            answer: Some(answer.to_owned()),
            answered_by: Some(self.person.to_owned()),
            reason: Some(self.reason.to_owned()),
            at_ms: self.now_ms,
            ..row
        })
    }
}

/// The one key of a one-sided pair.
fn only_key(pair: &PairRow) -> Option<SnapshotId> {
    match (&pair.servicenow_key, &pair.ehr_key) {
        (Some(key), None) => Some(snapshot_id(pair.kind, Remote::ServiceNow, key)),
        (None, Some(key)) => Some(snapshot_id(pair.kind, Remote::Ehr, key)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn closed(conflict: ConflictRow, by: &str, now_ms: i64) -> Change {
    Change::PutConflict(ConflictRow {
        state: ConflictState::Closed,
        closed_at_ms: Some(now_ms),
        closed_by: Some(by.to_owned()),
        ..conflict
    })
}

fn not_now(what: &str, way_out: &str) -> EngineError {
    EngineError::NotNow { what: what.to_owned(), way_out: way_out.to_owned() }
}

impl Engine {
    /// A person says that two records are the same animal, or that they are not. Returns the pair's id.
    pub(crate) async fn answer_duplicate(
        &mut self,
        conflict_id: &str,
        candidate: Option<&str>,
        same: bool,
        answer: Answer<'_>,
    ) -> Result<String> {
        let conflict =
            self.store.conflict(conflict_id).await?.ok_or(EngineError::NotFound { what: "conflict" })?;
        if conflict.cause != ConflictCause::MaybeDuplicate || conflict.state == ConflictState::Closed {
            return Err(not_now("this question is not open any more", "go back to the work list"));
        }
        let pair = self.pair(&conflict.pair).await?;
        let id = only_key(&pair).ok_or(EngineError::NotFound { what: "one-sided patient" })?;
        let chosen = match candidate {
            Some(candidate) => Some(self.pair(candidate).await?),
            None => None,
        };
        let audit = Change::Audit(AuditRow {
            id: self.new_id(answer.now_ms),
            at_ms: answer.now_ms,
            actor: answer.person.to_owned(),
            action: if same { "duplicate.same" } else { "duplicate.different" }.to_owned(),
            subject: pair.id.clone(),
            detail: candidate.unwrap_or_default().to_owned(),
        });
        if same {
            let other = chosen
                .ok_or_else(|| not_now("which record is the same animal?", "choose one of the candidates"))?;
            self.same_animal(&pair, &id, other, conflict, audit, answer).await?;
        } else {
            self.different_animals(&pair, &id, chosen.as_ref(), conflict, audit, answer).await?;
        }
        Ok(pair.id)
    }

    /// Links the two records: the asked pair takes the other's key, and is judged.
    async fn same_animal(
        &mut self,
        pair: &PairRow,
        id: &SnapshotId,
        other: PairRow,
        conflict: ConflictRow,
        audit: Change,
        answer: Answer<'_>,
    ) -> Result<()> {
        let other_id = only_key(&other).ok_or_else(|| {
            not_now(
                "that patient is already linked to a record of this system",
                "the two records of one system have to be merged there first",
            )
        })?;
        if other_id.remote == id.remote {
            return Err(not_now("both records stand in the same system", "merge them there"));
        }
        let mut changes = vec![audit];
        if let Some(open) = self.store.open_conflict_of(&other.id).await? {
            changes.push(closed(open, "superseded", answer.now_ms));
        }
        changes.push(closed(conflict, "decided", answer.now_ms));
        // A refused creation of either half is answered by this.
        for lane in [&pair.id, &other.id] {
            changes.extend(crate::step::blocked(&*self.store, lane).await?.called_off(answer.now_ms));
        }
        changes.push(Change::RemovePair { id: other.id.clone() });
        changes.push(Change::PutPair(PairRow {
            servicenow_key: pair.servicenow_key.clone().or(other.servicenow_key),
            ehr_key: pair.ehr_key.clone().or(other.ehr_key),
            linked_by: Some(answer.maker()),
            linked_at_ms: Some(answer.now_ms),
            status: PairStatus::Waiting,
            ..pair.clone()
        }));
        for row in self.duplicates_of(id).await? {
            let is_it = row.a == other_id || row.b == other_id;
            changes.push(answer.on(row, if is_it { "same" } else { "different" }));
        }
        self.store.commit(changes).await?;
        for half in [id, &other_id] {
            let known = self.store.snapshot(half).await?;
            if known.is_some_and(|row| row.presence == Presence::Gone) {
                // What is gone cannot be compared: that it vanished is the question now.
                let asked = crate::one_sided::vanished(self, half, answer.now_ms).await?;
                self.store.commit(asked).await?;
            }
        }
        self.rejudge(&pair.id, &answer.maker(), true, answer.now_ms).await?;
        Ok(())
    }

    /// Remembers that they are two; when no candidate is left, the record is created on the other side.
    async fn different_animals(
        &mut self,
        pair: &PairRow,
        id: &SnapshotId,
        chosen: Option<&PairRow>,
        conflict: ConflictRow,
        audit: Change,
        answer: Answer<'_>,
    ) -> Result<()> {
        let mut changes = vec![audit];
        let mut still_open = false;
        let mut answered = Vec::new();
        for row in self.duplicates_of(id).await?.into_iter().filter(|row| row.answer.is_none()) {
            let other = if row.a == *id { row.b.clone() } else { row.a.clone() };
            let key = Some(other.key.as_str());
            let about = chosen
                .is_none_or(|pair| pair.servicenow_key.as_deref() == key || pair.ehr_key.as_deref() == key);
            if about {
                changes.push(answer.on(row, "different"));
                answered.push(other);
            } else {
                still_open = true;
            }
        }
        if !still_open {
            changes.push(closed(conflict, "decided", answer.now_ms));
            changes.extend(self.creation_after(pair, id, answer).await?);
        }
        self.store.commit(changes).await?;
        for other in answered {
            self.close_when_answered(&other, answer).await?;
        }
        Ok(())
    }

    /// The creation that follows when nothing is left that a record could be.
    async fn creation_after(
        &mut self,
        pair: &PairRow,
        id: &SnapshotId,
        answer: Answer<'_>,
    ) -> Result<Vec<Change>> {
        let Some(side) = self.side(id.kind, id.remote, &id.key).await? else { return Ok(Vec::new()) };
        if !side.record.active || side.record.deceased {
            return Ok(Vec::new());
        }
        self.outbox_touched = true;
        let reason = Some(answer.reason.to_owned());
        creation_plan(self, pair, &side.snapshot, &side.record, &answer.maker(), reason, answer.now_ms).await
    }

    /// The same answer settles the question that stands on the other record, when it was its only candidate.
    async fn close_when_answered(&mut self, id: &SnapshotId, answer: Answer<'_>) -> Result<()> {
        let Some(pair) = self.store.pair_by_key(id.remote, id.kind, &id.key).await? else { return Ok(()) };
        let Some(conflict) = self.store.open_conflict_of(&pair.id).await? else { return Ok(()) };
        let unanswered = self.duplicates_of(id).await?.iter().any(|row| row.answer.is_none());
        if conflict.cause != ConflictCause::MaybeDuplicate || unanswered {
            return Ok(());
        }
        let mut changes = vec![closed(conflict, "decided", answer.now_ms)];
        changes.extend(self.creation_after(&pair, id, answer).await?);
        self.store.commit(changes).await?;
        Ok(())
    }

    /// Every remembered likeness of a record.
    pub async fn duplicates_of(&self, id: &SnapshotId) -> Result<Vec<DuplicateRow>> {
        let mut found = Vec::new();
        let mut offset = 0;
        loop {
            let page = self.store.possible_duplicates(offset, 500).await?;
            if page.is_empty() {
                return Ok(found);
            }
            offset += 500;
            found.extend(page.into_iter().filter(|row| row.a == *id || row.b == *id));
        }
    }
}
