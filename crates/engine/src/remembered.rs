//! What an answer about two records rests on: digests of their key facts, kept with it. Another spelling is no change.

use crate::error::{Result, decode, encode};
use crate::lens::{Lenses, sha256_hex};
use reconcile::identity::{FeatureFields, Features, KeyFact, key_facts};
use record::{Record, RecordKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use store::{DuplicateRow, SnapshotId};

/// Letters kept of a digest: enough to tell a change, and nothing that says the value.
const KEPT: usize = 16;

/// The key facts of two records, in the order the store keeps the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    a: BTreeMap<KeyFact, String>,
    b: BTreeMap<KeyFact, String>,
}

/// The answer before a question that was asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// What was said: `same` or `different`.
    pub answer: String,
    /// The id of whoever said it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// What has changed since.
    pub changed: Vec<KeyFact>,
}

impl Remembered {
    /// Of two records, whichever way round.
    pub fn of(
        (one_id, one): (&SnapshotId, &Features),
        (other_id, other): (&SnapshotId, &Features),
    ) -> Remembered {
        let (a, b) = if one_id <= other_id { (one, other) } else { (other, one) };
        Remembered { a: digests(a), b: digests(b) }
    }

    /// Which facts are not what they were, of either record.
    pub fn changed_since(&self, then: &Remembered) -> Vec<KeyFact> {
        let differing = |now: &BTreeMap<KeyFact, String>, then: &BTreeMap<KeyFact, String>| {
            let known: BTreeSet<KeyFact> = now.keys().chain(then.keys()).copied().collect();
            known.into_iter().filter(|fact| now.get(fact) != then.get(fact)).collect::<BTreeSet<KeyFact>>()
        };
        let mut changed = differing(&self.a, &then.a);
        changed.extend(differing(&self.b, &then.b));
        changed.into_iter().collect()
    }

    /// For the store.
    pub(crate) fn encode(&self) -> Result<String> {
        encode("facts", self)
    }
}

fn digests(features: &Features) -> BTreeMap<KeyFact, String> {
    key_facts(features)
        .into_iter()
        .map(|(fact, text)| {
            let mut digest = sha256_hex(&format!("{fact:?} {text}"));
            digest.truncate(KEPT);
            (fact, digest)
        })
        .collect()
}

/// What is to be done with an answer, now that the records say this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It holds.
    Holds,
    /// It was given before facts were kept: they are kept from now on.
    KeepFacts,
    /// Key facts have changed: it is asked again.
    AskAgain(Earlier),
}

/// Whether an answer still holds.
pub(crate) fn standing(row: &DuplicateRow, now: &Remembered) -> Result<Standing> {
    let Some(facts) = &row.facts else { return Ok(Standing::KeepFacts) };
    let changed = now.changed_since(&decode("facts", facts)?);
    if changed.is_empty() {
        return Ok(Standing::Holds);
    }
    Ok(Standing::AskAgain(Earlier {
        answer: row.answer.clone().unwrap_or_default(),
        by: row.answered_by.clone(),
        reason: row.reason.clone(),
        at_ms: row.at_ms,
        changed,
    }))
}

/// A question asked again.
pub(crate) fn asked_again(
    row: DuplicateRow,
    earlier: &Earlier,
    evidence: String,
    now_ms: i64,
) -> Result<DuplicateRow> {
    Ok(DuplicateRow {
        evidence,
        answer: None,
        answered_by: None,
        reason: None,
        at_ms: now_ms,
        facts: None,
        later_until_ms: None,
        earlier: Some(encode("earlier answer", earlier)?),
        ..row
    })
}

/// The features of a patient's record.
pub(crate) fn features(lenses: &Lenses, record: &Record) -> Features {
    Features::of(&FeatureFields::of(lenses.catalogue(RecordKind::Patient)), record)
}

/// Reads what is kept of an earlier answer.
pub fn earlier(row: &DuplicateRow) -> Result<Option<Earlier>> {
    row.earlier.as_deref().map(|text| decode("earlier answer", text)).transpose()
}
