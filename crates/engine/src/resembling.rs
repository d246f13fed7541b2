//! What resembles a record that is to be created on the other side, and whether that has to be asked.

use crate::error::Result;
use crate::lens::Lenses;
use crate::pairing::{Likeness, PAGE, snapshot_id};
use crate::remembered::{Standing, asked_again, features, standing};
use crate::screening::remembered_now;
use crate::step::Engine;
use reconcile::identity::{self, BlockIndex, Evidence, FeatureFields, Features, Match, Matching, Tier};
use record::{Record, RecordKind, Remote};
use std::collections::HashMap;
use store::{Change, DuplicateRow, SnapshotId};

/// Every record that could be the same animal as one of these: those that share a blocking key are matched, the rest is
/// never compared. Of the same system only those count that are the same animal most likely: what was entered twice there
/// would be created twice on the other side.
pub(crate) async fn candidates(
    engine: &Engine,
    alone: &[(SnapshotId, Record)],
) -> Result<HashMap<SnapshotId, Vec<(SnapshotId, Likeness)>>> {
    let fields = FeatureFields::of(engine.lenses.catalogue(RecordKind::Patient));
    let matching = &engine.rules.matching;
    let asked = Remote::BOTH.map(|remote| Asked::of(&fields, remote, alone));
    let mut found: HashMap<SnapshotId, Vec<(SnapshotId, Likeness)>> = HashMap::new();
    if asked.iter().all(|asked| asked.ids.is_empty()) {
        return Ok(found);
    }
    for remote in Remote::BOTH {
        let mut after = String::new();
        loop {
            let page = engine.store.records_after(remote, RecordKind::Patient, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            for (key, record) in page {
                let other = Features::of(&fields, &crate::stored::record(&record)?);
                for asked in &asked {
                    for position in asked.index.candidates(&other, &asked.features) {
                        let (Some(id), Some(own)) = (asked.ids.get(position), asked.features.get(position))
                        else {
                            continue;
                        };
                        let likeness = if id.remote == remote {
                            if id.key == key {
                                continue;
                            }
                            alike_within(own, &other, matching)
                        } else {
                            alike_across(own, &other, matching)
                        };
                        if let Some(likeness) = likeness {
                            let of_this = found.entry((*id).clone()).or_default();
                            of_this.push((snapshot_id(RecordKind::Patient, remote, &key), likeness));
                        }
                    }
                }
            }
        }
    }
    Ok(found)
}

/// Records of one remote that something may resemble.
struct Asked<'a> {
    ids: Vec<&'a SnapshotId>,
    features: Vec<Features>,
    index: BlockIndex,
}

impl<'a> Asked<'a> {
    fn of(fields: &FeatureFields, remote: Remote, alone: &'a [(SnapshotId, Record)]) -> Asked<'a> {
        let (ids, features): (Vec<&SnapshotId>, Vec<Features>) = alone
            .iter()
            .filter(|(id, _)| id.remote == remote)
            .map(|(id, record)| (id, Features::of(fields, record)))
            .unzip();
        Asked { ids, index: BlockIndex::new(&features), features }
    }
}

fn alike_across(own: &Features, other: &Features, matching: &Matching) -> Option<Likeness> {
    match identity::match_features(own, other, matching) {
        Match::No => None,
        Match::Possible { tier, evidence } => Some(Likeness { tier, evidence }),
        // Certain by itself, yet not linked above: its chip or key is claimed more than once.
        Match::Certain { .. } => {
            Some(Likeness { tier: Tier::Contradictory, evidence: vec![Evidence::SameChip] })
        }
    }
}

fn alike_within(own: &Features, other: &Features, matching: &Matching) -> Option<Likeness> {
    if !own.active || !other.active {
        return None;
    }
    match identity::match_within(own, other, matching) {
        Match::Possible { tier: tier @ (Tier::Probable | Tier::Contradictory), evidence } => {
            Some(Likeness { tier, evidence })
        }
        Match::Possible { tier: Tier::Possible, .. } | Match::Certain { .. } | Match::No => None,
    }
}

/// What becomes of the question whether two records are one, given what is known of it: the change, if any, and whether it
/// is open. An answer is not asked for again unless key facts have changed; whoever said that two records of one system
/// are one is waited for until they are merged there.
pub(crate) async fn question_about(
    engine: &Engine,
    (one, other): (&SnapshotId, &SnapshotId),
    known: Option<DuplicateRow>,
    evidence: String,
    now_ms: i64,
) -> Result<(Option<Change>, bool)> {
    let Some(known) = known else {
        return Ok((Some(Change::PutDuplicate(new_question(one, other, evidence, now_ms))), true));
    };
    match known.answer.as_deref() {
        Some("different") => Ok(match answer_now(engine, &known).await? {
            Standing::Holds => (None, false),
            Standing::KeepFacts => (keep_facts(engine, known).await?, false),
            Standing::AskAgain(earlier) => {
                (Some(Change::PutDuplicate(asked_again(known, &earlier, evidence, now_ms)?)), true)
            }
        }),
        Some(_) if one.remote == other.remote => Ok((None, true)),
        Some(_) | None => {
            Ok((Some(Change::PutDuplicate(DuplicateRow { evidence, answer: None, ..known })), true))
        }
    }
}

/// A question about two records that nobody has answered.
pub fn new_question(a: &SnapshotId, b: &SnapshotId, evidence: String, now_ms: i64) -> DuplicateRow {
    DuplicateRow {
        a: a.clone(),
        b: b.clone(),
        evidence,
        answer: None,
        answered_by: None,
        reason: None,
        at_ms: now_ms,
        facts: None,
        later_until_ms: None,
        earlier: None,
    }
}

/// Whether an answer holds, now that the two records say what they say. Nothing can be said against one about a record
/// that is not there any more, or about visits, of which no facts are kept.
async fn answer_now(engine: &Engine, row: &DuplicateRow) -> Result<Standing> {
    if row.a.kind != RecordKind::Patient {
        return Ok(Standing::Holds);
    }
    match remembered_now(engine, row).await? {
        Some(now) => standing(row, &now),
        None => Ok(Standing::Holds),
    }
}

async fn keep_facts(engine: &Engine, row: DuplicateRow) -> Result<Option<Change>> {
    let Some(now) = remembered_now(engine, &row).await? else { return Ok(None) };
    Ok(Some(Change::PutDuplicate(DuplicateRow { facts: Some(now.encode()?), ..row })))
}

/// How alike two records are, whatever comes of it, for people who ask about two that nothing brought together.
pub fn likeness_of(
    lenses: &Lenses,
    matching: &Matching,
    (one, one_record): (&SnapshotId, &Record),
    (other, other_record): (&SnapshotId, &Record),
) -> Likeness {
    let (left, right) = (features(lenses, one_record), features(lenses, other_record));
    let matched = if one.remote == other.remote {
        identity::match_within(&left, &right, matching)
    } else {
        identity::match_features(&left, &right, matching)
    };
    let evidence = || identity::evidence_of(&left, &right, matching);
    match matched {
        Match::Possible { tier, evidence } => Likeness { tier, evidence },
        Match::Certain { .. } => Likeness { tier: Tier::Probable, evidence: evidence() },
        Match::No => Likeness { tier: Tier::Possible, evidence: evidence() },
    }
}
