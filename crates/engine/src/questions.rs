//! A pair has one question at a time. What else there is to ask follows from what is stored (fields that differ, a record
//! that is gone, a write that is refused again) and is asked by the next judgement; that a colleague's change was
//! overwritten follows from nothing, so it waits here, durably, until the question before it is closed.

use crate::error::{Result, decode, encode};
use crate::judge;
use crate::lens;
use crate::overwritten::Overwritten;
use crate::step::Engine;
use std::collections::BTreeSet;
use store::{Change, ConflictCause, ConflictRow, ConflictState, PairRow, PairStatus};

fn key_of(pair: &str) -> String {
    format!("questions.{pair}")
}

impl Engine {
    async fn waiting_questions(&self, pair: &str) -> Result<Vec<Overwritten>> {
        match self.store.value(&key_of(pair)).await? {
            Some(text) => decode("questions", &text),
            None => Ok(Vec::new()),
        }
    }

    /// What keeps a question until the one that is open is closed.
    pub(crate) async fn asked_later(&self, pair: &str, known: Overwritten) -> Result<Change> {
        let mut waiting = self.waiting_questions(pair).await?;
        // Asked twice about one write where a process ended between two commits.
        if !waiting.iter().any(|other| other.operation == known.operation) {
            waiting.push(known);
        }
        Ok(Change::PutValue { key: key_of(pair), value: encode("questions", &waiting)? })
    }

    /// Adds to changes that close a pair's question the one that waits behind it: in the same commit, so that no process
    /// can end in between.
    pub(crate) async fn with_what_waits(&self, mut changes: Vec<Change>, now_ms: i64) -> Result<Vec<Change>> {
        let mut closed = BTreeSet::new();
        for change in &changes {
            let Change::PutConflict(row) = change else { continue };
            if row.state == ConflictState::Closed {
                closed.insert(row.pair.clone());
            } else {
                // Another one takes its place at once.
                closed.remove(&row.pair);
            }
        }
        for pair in closed {
            let mut waiting = self.waiting_questions(&pair).await?;
            if waiting.is_empty() {
                continue;
            }
            let known = waiting.remove(0);
            let put = changes.iter_mut().find_map(|change| match change {
                Change::PutPair(row) if row.id == pair => Some(row),
                _ => None,
            });
            let card = match put {
                Some(row) => {
                    row.status = PairStatus::Differs;
                    row.clone()
                }
                None => {
                    let row = PairRow { status: PairStatus::Differs, ..self.pair(&pair).await? };
                    changes.push(Change::PutPair(row.clone()));
                    row
                }
            };
            changes.push(Change::PutConflict(self.question_about(&card, &known, None, now_ms)?));
            changes.push(Change::PutValue { key: key_of(&pair), value: encode("questions", &waiting)? });
        }
        Ok(changes)
    }

    /// The question about a write that overtook a colleague's; it takes the place of one that is open.
    pub(crate) fn question_about(
        &self,
        pair: &PairRow,
        known: &Overwritten,
        existing: Option<ConflictRow>,
        now_ms: i64,
    ) -> Result<ConflictRow> {
        let catalogue = self.lenses.catalogue(pair.kind);
        // What was asked before and is not answered yet stays asked.
        let asked = existing.as_ref().filter(|row| row.state != ConflictState::Executing);
        let fields = known
            .written
            .iter()
            .chain(&known.kept)
            .map(String::as_str)
            .chain(asked.iter().flat_map(|row| row.fields.split(',')))
            .filter_map(|id| catalogue.index_of(id));
        let text = encode("overwritten", known)?;
        Ok(ConflictRow {
            id: existing.as_ref().map_or_else(|| self.new_id(now_ms), |row| row.id.clone()),
            pair: pair.id.clone(),
            cause: ConflictCause::Overwritten,
            grade: asked.map_or(3, |row| row.grade),
            state: ConflictState::Open,
            fields: judge::field_ids(catalogue, fields),
            fingerprint: lens::sha256_hex(&format!("Overwritten {text}")),
            comparison: text,
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
        })
    }
}

/// Whether a question about something overwritten has to wait for this one: it would be lost in it, or hide from rules
/// what a system refused.
pub(crate) fn goes_first(open: &ConflictRow) -> bool {
    open.state == ConflictState::Open
        && matches!(open.cause, ConflictCause::NotStored | ConflictCause::Overwritten)
}
