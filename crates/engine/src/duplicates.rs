//! A person's answer about two records that may be one animal. The answer is remembered.

use crate::error::{EngineError, Result, encode};
use crate::one_sided::creation_plan;
use crate::pairing::snapshot_id;
use crate::resembling::{likeness_of, new_question};
use crate::screening::remembered_now;
use crate::step::Engine;
use record::{RecordKind, Remote};
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

    /// The answer, kept with the facts it rests on.
    async fn on(&self, engine: &Engine, row: DuplicateRow, answer: &str) -> Result<Change> {
        let facts = match row.a.kind {
            RecordKind::Patient => remembered_now(engine, &row).await?,
            RecordKind::Appointment | RecordKind::Treatment => None,
        };
        Ok(Change::PutDuplicate(DuplicateRow {
            answer: Some(answer.to_owned()),
            answered_by: Some(self.person.to_owned()),
            reason: Some(self.reason.to_owned()),
            at_ms: self.now_ms,
            facts: facts.map(|facts| facts.encode()).transpose()?,
            later_until_ms: None,
            ..row
        }))
    }

    fn audit(&self, engine: &Engine, action: &str, subject: &str, detail: &str) -> Change {
        Change::Audit(AuditRow {
            id: engine.new_id(self.now_ms),
            at_ms: self.now_ms,
            actor: self.person.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
        })
    }
}

/// What a person says about two records of patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// One animal. Records of both systems are linked; of one system they are to be merged there.
    Same,
    /// Two animals.
    Different,
    /// Not now; until then (Unix milliseconds).
    Later(i64),
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
        let action = if same { "duplicate.same" } else { "duplicate.different" };
        let audit = answer.audit(self, action, &pair.id, candidate.unwrap_or_default());
        if same {
            let other = chosen
                .ok_or_else(|| not_now("which record is the same animal?", "choose one of the candidates"))?;
            self.same_animal(&pair, &id, other, Some(conflict), audit, answer).await?;
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
        conflict: Option<ConflictRow>,
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
        changes.extend(conflict.map(|conflict| closed(conflict, "decided", answer.now_ms)));
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
        for row in self.store.duplicates_of(id).await?.into_iter().filter(|row| row.answer.is_none()) {
            let is_it = row.a == other_id || row.b == other_id;
            // A second record of the same system stays a question of that system's.
            if is_it || row.a.remote != row.b.remote {
                changes.push(answer.on(self, row, if is_it { "same" } else { "different" }).await?);
            }
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
        for row in self.store.duplicates_of(id).await?.into_iter().filter(is_open) {
            let other = if row.a == *id { row.b.clone() } else { row.a.clone() };
            let key = Some(other.key.as_str());
            let about = chosen
                .is_none_or(|pair| pair.servicenow_key.as_deref() == key || pair.ehr_key.as_deref() == key);
            if about {
                changes.push(answer.on(self, row, "different").await?);
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
        let unanswered = self.store.duplicates_of(id).await?.iter().any(is_open);
        if conflict.cause != ConflictCause::MaybeDuplicate || unanswered {
            return Ok(());
        }
        let mut changes = vec![closed(conflict, "decided", answer.now_ms)];
        changes.extend(self.creation_after(&pair, id, answer).await?);
        self.store.commit(changes).await?;
        Ok(())
    }

    /// A person says of any two records of patients what they are, whether anything brought them together or not. Returns
    /// the id of the first one's pair, or of the pair they now are.
    pub(crate) async fn say_of_two(
        &mut self,
        (a, b): (&SnapshotId, &SnapshotId),
        said: Said,
        answer: Answer<'_>,
    ) -> Result<String> {
        if a == b {
            return Err(not_now("that is one and the same record", "choose two records"));
        }
        let (pair, other) = (self.pair_of(a).await?, self.pair_of(b).await?);
        if pair.id == other.id {
            return Err(not_now("these two records are linked already", "open the patient to see both"));
        }
        let known = match self.store.duplicate_between(a, b).await? {
            Some(known) => known,
            None => self.unasked(a, b, answer.now_ms).await?,
        };
        match said {
            Said::Same if a.remote == b.remote => {
                let audit = answer.audit(self, "duplicate.same", &pair.id, &other.id);
                let change = answer.on(self, known, "same").await?;
                self.store.commit(vec![audit, change]).await?;
            }
            Said::Same => return self.link_two((a, pair), (b, other), known, answer).await,
            Said::Different => self.tell_apart((a, pair.clone()), (b, other), known, answer).await?,
            Said::Later(until_ms) => {
                let audit = answer.audit(self, "duplicate.later", &pair.id, &other.id);
                let put_off = DuplicateRow {
                    later_until_ms: Some(until_ms),
                    reason: Some(answer.reason.to_owned()),
                    ..known
                };
                self.store.commit(vec![audit, Change::PutDuplicate(put_off)]).await?;
            }
        }
        Ok(pair.id)
    }

    async fn pair_of(&self, id: &SnapshotId) -> Result<PairRow> {
        let found = self.store.pair_by_key(id.remote, id.kind, &id.key).await?;
        found.ok_or(EngineError::NotFound { what: "patient" })
    }

    /// Two records that nothing brought together, with what can be said of them.
    async fn unasked(&self, a: &SnapshotId, b: &SnapshotId, now_ms: i64) -> Result<DuplicateRow> {
        let mut records = Vec::with_capacity(2);
        for id in [a, b] {
            let side = self.side(id.kind, id.remote, &id.key).await?;
            records.push(side.ok_or(EngineError::NotFound { what: "patient" })?.record);
        }
        let likeness = match records.as_slice() {
            [one, other] => likeness_of(&self.lenses, &self.rules.matching, (a, one), (b, other)),
            _ => return Err(EngineError::NotFound { what: "patient" }),
        };
        Ok(new_question(a, b, encode("evidence", &likeness)?, now_ms))
    }

    /// Links two records of both systems; a question that stands on either is answered by it.
    async fn link_two(
        &mut self,
        (a, pair): (&SnapshotId, PairRow),
        (b, other): (&SnapshotId, PairRow),
        known: DuplicateRow,
        answer: Answer<'_>,
    ) -> Result<String> {
        for (id, pair) in [(a, &pair), (b, &other)] {
            if only_key(pair).as_ref() != Some(id) {
                return Err(not_now(
                    "one of the two is already linked to a record of the other system",
                    "if that link is wrong, break it first; if it is right, merge the two records of the one system there",
                ));
            }
            if self.lane_busy(&pair.id).await? {
                return Err(not_now(
                    "something is on its way for one of the two",
                    "wait until it has been carried out, then look again",
                ));
            }
        }
        let conflict = self.store.open_conflict_of(&pair.id).await?;
        let audit = answer.audit(self, "duplicate.same", &pair.id, &other.id);
        // What was not asked, or answered otherwise before, is answered like what is open.
        let open = DuplicateRow { answer: None, ..known };
        self.store.commit(vec![Change::PutDuplicate(open)]).await?;
        self.same_animal(&pair, a, other, conflict, audit, answer).await?;
        Ok(pair.id)
    }

    /// Remembers that two records are two animals, and goes on with what waited for that.
    async fn tell_apart(
        &mut self,
        (a, pair): (&SnapshotId, PairRow),
        (b, other): (&SnapshotId, PairRow),
        known: DuplicateRow,
        answer: Answer<'_>,
    ) -> Result<()> {
        let audit = answer.audit(self, "duplicate.different", &pair.id, &other.id);
        let change = answer.on(self, known, "different").await?;
        self.store.commit(vec![audit, change]).await?;
        for id in [a, b] {
            self.close_when_answered(id, answer).await?;
        }
        Ok(())
    }
}

/// Whether nobody has answered.
fn is_open(row: &DuplicateRow) -> bool {
    row.answer.is_none()
}
