//! Who belongs together: links by stored ids, the other system's identifier and certain microchips; everything weaker
//! becomes a question. Records on one side only, and what follows for them.

use crate::error::Result;
use crate::one_sided::{one_sided, reconsider};
use crate::step::{Engine, side_state};
use reconcile::identity::{self, CertainBy, Evidence, Match, Tier};
use record::{Record, RecordKind, Remote};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use store::{Change, ConflictRow, ConflictState, PairRow, PairStatus, PatientCard, Presence, SnapshotId};

/// What linking found.
#[derive(Debug, Default)]
pub struct Linked {
    /// Pairs newly linked.
    pub linked: u64,
    /// Pairs of records that may be the same animal.
    pub possible_duplicates: u64,
    /// Questions opened.
    pub conflicts: u64,
    /// Records that nothing on the other side resembles: to be created there.
    pub creations: Vec<Creation>,
}

/// A record to be created on the side that lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// The one-sided pair.
    pub pair: String,
}

/// Why a duplicate is possible; the store keeps it encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// How strong.
    pub tier: Tier,
    /// What speaks for and against it.
    pub evidence: Vec<Evidence>,
}

struct Unpaired {
    key: String,
    other_key: Option<String>,
    chip: Option<String>,
    /// The one-sided patient it is already, from an earlier run.
    pair: Option<String>,
}

const PAGE: u32 = 1_000;

async fn unpaired(engine: &Engine, remote: Remote) -> Result<Vec<Unpaired>> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = engine.store.unpaired_after(remote, RecordKind::Patient, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after.clone_from(&last.id.key);
        found.extend(page.into_iter().map(|row| Unpaired {
            key: row.id.key,
            other_key: row.other_key,
            chip: row.chip,
            pair: None,
        }));
    }
}

/// Records that are one-sided patients since an earlier run: a certain partner may have turned up.
async fn alone_so_far(engine: &Engine, remote: Remote) -> Result<Vec<Unpaired>> {
    let status = match remote {
        Remote::ServiceNow => PairStatus::OnlyServiceNow,
        Remote::Ehr => PairStatus::OnlyEhr,
    };
    let mut found = Vec::new();
    let mut offset = 0;
    loop {
        let (pairs, _) = engine.store.search_patients("", Some(status), offset, 500).await?;
        if pairs.is_empty() {
            return Ok(found);
        }
        offset += 500;
        for pair in pairs {
            let key = match remote {
                Remote::ServiceNow => &pair.servicenow_key,
                Remote::Ehr => &pair.ehr_key,
            };
            let Some(key) = key else { continue };
            if engine.lane_busy(&pair.id).await? {
                continue;
            }
            let Some(snapshot) = engine.store.snapshot(&snapshot_id(remote, key)).await? else { continue };
            if snapshot.presence == Presence::Present {
                found.push(Unpaired {
                    key: snapshot.id.key,
                    other_key: snapshot.other_key,
                    chip: snapshot.chip,
                    pair: Some(pair.id),
                });
            }
        }
    }
}

/// Links every certain match among records without a partner, then asks or creates for the rest. `proven` says of which
/// remotes absence may be believed: ServiceNow, EHR.
pub async fn link_all(engine: &mut Engine, proven: [bool; 2], now_ms: i64) -> Result<Linked> {
    let mut servicenow = unpaired(engine, Remote::ServiceNow).await?;
    servicenow.extend(alone_so_far(engine, Remote::ServiceNow).await?);
    let mut ehr = unpaired(engine, Remote::Ehr).await?;
    ehr.extend(alone_so_far(engine, Remote::Ehr).await?);
    let left_by_key: HashMap<&str, &Unpaired> =
        servicenow.iter().map(|row| (row.key.as_str(), row)).collect();
    let right_by_key: HashMap<&str, &Unpaired> = ehr.iter().map(|row| (row.key.as_str(), row)).collect();
    let mut linked = Linked::default();

    let by_reference =
        sound_references(engine, cross_references(&servicenow, &ehr), &right_by_key, &left_by_key).await?;
    let mut taken_servicenow: HashSet<&str> = by_reference.iter().map(|(left, _)| *left).collect();
    let mut taken_ehr: HashSet<&str> = by_reference.iter().map(|(_, right)| *right).collect();
    let by_chip = chip_candidates(&servicenow, &ehr, &taken_servicenow, &taken_ehr);

    let mut changes = Vec::new();
    for (left, right) in &by_reference {
        let (Some(one), Some(other)) = (left_by_key.get(left), right_by_key.get(right)) else { continue };
        let new = link_changes(engine, one, other, CertainBy::CrossReference, now_ms).await?;
        linked.linked += u64::from(!new.is_empty());
        changes.extend(new);
        flush(engine, &mut changes, 500).await?;
    }
    for (left, right) in by_chip {
        let (Some(one), Some(other)) =
            (engine.side(Remote::ServiceNow, left).await?, engine.side(Remote::Ehr, right).await?)
        else {
            continue;
        };
        if let Match::Certain { by } =
            identity::same_animal(engine.lenses.catalogue(), &one.record, &other.record)
        {
            let (Some(one), Some(other)) = (left_by_key.get(left), right_by_key.get(right)) else { continue };
            let new = link_changes(engine, one, other, by, now_ms).await?;
            if new.is_empty() {
                continue;
            }
            taken_servicenow.insert(left);
            taken_ehr.insert(right);
            linked.linked += 1;
            changes.extend(new);
            flush(engine, &mut changes, 500).await?;
        }
    }
    flush(engine, &mut changes, 0).await?;

    let alone: Vec<SnapshotId> = servicenow
        .iter()
        .filter(|row| row.pair.is_none() && !taken_servicenow.contains(row.key.as_str()))
        .map(|row| snapshot_id(Remote::ServiceNow, &row.key))
        .chain(
            ehr.iter()
                .filter(|row| row.pair.is_none() && !taken_ehr.contains(row.key.as_str()))
                .map(|row| snapshot_id(Remote::Ehr, &row.key)),
        )
        .collect();
    one_sided(engine, &alone, proven, now_ms, &mut linked).await?;
    reconsider(engine, proven, now_ms, &mut linked).await?;
    Ok(linked)
}

pub(crate) fn snapshot_id(remote: Remote, key: &str) -> SnapshotId {
    SnapshotId { remote, kind: RecordKind::Patient, key: key.to_owned() }
}

/// References that may link by themselves: both sides name each other, or one names the other and what they say does not
/// contradict it. A number typed into the wrong record is otherwise a question.
async fn sound_references<'a>(
    engine: &Engine,
    references: Vec<(&'a str, &'a str)>,
    right_by_key: &HashMap<&str, &Unpaired>,
    left_by_key: &HashMap<&str, &Unpaired>,
) -> Result<Vec<(&'a str, &'a str)>> {
    let mut sound = Vec::with_capacity(references.len());
    for (left, right) in references {
        let names =
            |row: Option<&&Unpaired>, key: &str| row.is_some_and(|row| row.other_key.as_deref() == Some(key));
        let mutual = names(left_by_key.get(left), right) && names(right_by_key.get(right), left);
        if !mutual {
            let one = engine.side(Remote::ServiceNow, left).await?;
            let other = engine.side(Remote::Ehr, right).await?;
            if let (Some(one), Some(other)) = (one, other)
                && identity::contradict(engine.lenses.catalogue(), &one.record, &other.record)
            {
                continue;
            }
        }
        sound.push((left, right));
    }
    Ok(sound)
}

/// Pairs in which one side names the other and nothing contradicts it: each key on one pair only.
fn cross_references<'a>(servicenow: &'a [Unpaired], ehr: &'a [Unpaired]) -> Vec<(&'a str, &'a str)> {
    let left_keys: HashMap<&str, &Unpaired> = servicenow.iter().map(|row| (row.key.as_str(), row)).collect();
    let right_keys: HashMap<&str, &Unpaired> = ehr.iter().map(|row| (row.key.as_str(), row)).collect();
    let mut claims: Vec<(&str, &str)> = Vec::new();
    for row in servicenow {
        if let Some(right) = row.other_key.as_deref().and_then(|key| right_keys.get(key)) {
            // The EHR record names another row: a contradiction is never linked by itself.
            if right.other_key.as_deref().is_none_or(|key| key == row.key) {
                claims.push((&row.key, &right.key));
            }
        }
    }
    for row in ehr {
        if let Some(left) = row.other_key.as_deref().and_then(|key| left_keys.get(key))
            && left.other_key.is_none()
        {
            claims.push((&left.key, &row.key));
        }
    }
    unique(claims)
}

/// Keeps the pairs whose keys occur once on either side.
fn unique<'a>(claims: Vec<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    let distinct: HashSet<(&str, &str)> = claims.iter().copied().collect();
    let mut lefts: HashMap<&str, u32> = HashMap::new();
    let mut rights: HashMap<&str, u32> = HashMap::new();
    for (left, right) in &distinct {
        *lefts.entry(left).or_default() += 1;
        *rights.entry(right).or_default() += 1;
    }
    let mut seen = HashSet::new();
    claims
        .into_iter()
        .filter(|claim| {
            lefts.get(claim.0) == Some(&1) && rights.get(claim.1) == Some(&1) && seen.insert(*claim)
        })
        .collect()
}

fn chip_candidates<'a>(
    servicenow: &'a [Unpaired],
    ehr: &'a [Unpaired],
    taken_servicenow: &HashSet<&str>,
    taken_ehr: &HashSet<&str>,
) -> Vec<(&'a str, &'a str)> {
    let mut right_by_chip: HashMap<&str, Vec<&Unpaired>> = HashMap::new();
    for row in ehr.iter().filter(|row| !taken_ehr.contains(row.key.as_str())) {
        if let Some(chip) = &row.chip {
            right_by_chip.entry(chip).or_default().push(row);
        }
    }
    let mut claims = Vec::new();
    for row in servicenow.iter().filter(|row| !taken_servicenow.contains(row.key.as_str())) {
        for right in row.chip.as_deref().and_then(|chip| right_by_chip.get(chip)).into_iter().flatten() {
            // A stored id that names somebody else speaks against the chip.
            if row.other_key.is_none() && right.other_key.is_none() {
                claims.push((row.key.as_str(), right.key.as_str()));
            }
        }
    }
    unique(claims)
}

pub(crate) async fn flush(engine: &Engine, changes: &mut Vec<Change>, at_least: usize) -> Result<()> {
    if !changes.is_empty() && changes.len() > at_least {
        engine.store.commit(std::mem::take(changes)).await?;
    }
    Ok(())
}

/// What linking two records changes: the one-sided patients they may have been become one, and what was asked about them
/// is settled. Nothing where a person said that they are different animals.
async fn link_changes(
    engine: &Engine,
    servicenow: &Unpaired,
    ehr: &Unpaired,
    by: CertainBy,
    now_ms: i64,
) -> Result<Vec<Change>> {
    let mut row = linked_pair(engine, &servicenow.key, &ehr.key, by, now_ms);
    let mut changes = Vec::new();
    let known = [&servicenow.pair, &ehr.pair];
    if known.iter().any(|pair| pair.is_some()) {
        let ids = (snapshot_id(Remote::ServiceNow, &servicenow.key), snapshot_id(Remote::Ehr, &ehr.key));
        let answered = engine.store.duplicate_between(&ids.0, &ids.1).await?;
        if answered.is_some_and(|likeness| likeness.answer.as_deref() == Some("different")) {
            return Ok(Vec::new());
        }
    }
    for (position, id) in known.into_iter().flatten().enumerate() {
        if let Some(open) = engine.store.open_conflict_of(id).await? {
            changes.push(Change::PutConflict(settled_itself(open, now_ms)));
        }
        // A creation that was refused is answered by the link.
        changes.extend(crate::step::blocked(&*engine.store, id).await?.called_off(now_ms));
        if position == 0 {
            row.id.clone_from(id);
        } else {
            changes.push(Change::RemovePair { id: id.clone() });
        }
    }
    changes.push(Change::PutPair(row));
    Ok(changes)
}

pub(crate) fn settled_itself(open: ConflictRow, now_ms: i64) -> ConflictRow {
    ConflictRow {
        state: ConflictState::Closed,
        closed_at_ms: Some(now_ms),
        closed_by: Some("settled itself".to_owned()),
        ..open
    }
}

fn linked_pair(engine: &Engine, servicenow_key: &str, ehr_key: &str, by: CertainBy, now_ms: i64) -> PairRow {
    let linked_by = match by {
        CertainBy::CrossReference => "cross_reference",
        CertainBy::Microchip => "microchip",
    };
    PairRow {
        id: engine.new_id(now_ms),
        kind: RecordKind::Patient,
        servicenow_key: Some(servicenow_key.to_owned()),
        ehr_key: Some(ehr_key.to_owned()),
        linked_by: Some(linked_by.to_owned()),
        linked_at_ms: Some(now_ms),
        base: None,
        base_digest: None,
        status: PairStatus::Waiting,
        differing: String::new(),
        agreed_at_ms: None,
        card: PatientCard::default(),
    }
}

/// Every record of the other side that could be the same animal as one of these, by blocking keys.
pub(crate) async fn candidates(
    engine: &Engine,
    alone: &[(SnapshotId, Record)],
) -> Result<HashMap<SnapshotId, Vec<(SnapshotId, Likeness)>>> {
    let catalogue = engine.lenses.catalogue().clone();
    let mut found: HashMap<SnapshotId, Vec<(SnapshotId, Likeness)>> = HashMap::new();
    for remote in Remote::BOTH {
        let mut blocks: HashMap<String, Vec<usize>> = HashMap::new();
        for (position, (id, record)) in alone.iter().enumerate().filter(|(_, (id, _))| id.remote == remote) {
            for key in identity::blocking_keys(&catalogue, record) {
                blocks.entry(key).or_default().push(position);
            }
            found.entry(id.clone()).or_default();
        }
        if blocks.is_empty() {
            continue;
        }
        let mut after = String::new();
        loop {
            let page =
                engine.store.snapshots_after(remote.other(), RecordKind::Patient, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id.key);
            for row in page.into_iter().filter(|row| row.presence != Presence::Gone) {
                let other = side_state(row)?;
                let mut met: Vec<usize> = identity::blocking_keys(&catalogue, &other.record)
                    .iter()
                    .filter_map(|key| blocks.get(key))
                    .flatten()
                    .copied()
                    .collect();
                met.sort_unstable();
                met.dedup();
                for position in met {
                    let Some((id, record)) = alone.get(position) else { continue };
                    let likeness = match identity::same_animal(&catalogue, record, &other.record) {
                        Match::No => continue,
                        Match::Possible { tier, evidence } => Likeness { tier, evidence },
                        // Certain by itself, yet not linked above: its chip or key is claimed more than once.
                        Match::Certain { .. } => {
                            Likeness { tier: Tier::Contradictory, evidence: vec![Evidence::SameChip] }
                        }
                    };
                    found.entry(id.clone()).or_default().push((other.snapshot.id.clone(), likeness));
                }
            }
        }
    }
    Ok(found)
}
