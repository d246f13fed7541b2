//! Who belongs together: links by stored ids, the other system's identifier and certain microchips; everything weaker
//! becomes a question. Records on one side only, and what follows for them.

use crate::error::{Result, encode};
use crate::lens;
use crate::plans;
use crate::step::{Engine, side_state};
use reconcile::identity::{self, CertainBy, Evidence, Match, Tier};
use record::{Record, RecordKind, Remote};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use store::{
    AuditRow, Change, ConflictCause, ConflictRow, ConflictState, DuplicateRow, PairRow, PairStatus,
    PatientCard, PlanRow, PlanState, Presence, SnapshotId, SnapshotRow,
};

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
        }));
    }
}

/// Links every certain match among records without a pair, then asks or creates for the rest.
pub async fn link_all(engine: &mut Engine, now_ms: i64) -> Result<Linked> {
    let servicenow = unpaired(engine, Remote::ServiceNow).await?;
    let ehr = unpaired(engine, Remote::Ehr).await?;
    let mut linked = Linked::default();

    let by_reference = cross_references(&servicenow, &ehr);
    let mut taken_servicenow: HashSet<&str> = by_reference.iter().map(|(left, _)| *left).collect();
    let mut taken_ehr: HashSet<&str> = by_reference.iter().map(|(_, right)| *right).collect();
    let by_chip = chip_candidates(&servicenow, &ehr, &taken_servicenow, &taken_ehr);

    let mut changes = Vec::new();
    for (left, right) in &by_reference {
        changes.push(linked_pair(engine, left, right, CertainBy::CrossReference, now_ms));
        linked.linked += 1;
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
            changes.push(linked_pair(engine, left, right, by, now_ms));
            taken_servicenow.insert(left);
            taken_ehr.insert(right);
            linked.linked += 1;
            flush(engine, &mut changes, 500).await?;
        }
    }
    flush(engine, &mut changes, 0).await?;

    let alone: Vec<SnapshotId> = servicenow
        .iter()
        .filter(|row| !taken_servicenow.contains(row.key.as_str()))
        .map(|row| snapshot_id(Remote::ServiceNow, &row.key))
        .chain(
            ehr.iter()
                .filter(|row| !taken_ehr.contains(row.key.as_str()))
                .map(|row| snapshot_id(Remote::Ehr, &row.key)),
        )
        .collect();
    one_sided(engine, &alone, now_ms, &mut linked).await?;
    reconsider(engine, now_ms, &mut linked).await?;
    Ok(linked)
}

pub(crate) fn snapshot_id(remote: Remote, key: &str) -> SnapshotId {
    SnapshotId { remote, kind: RecordKind::Patient, key: key.to_owned() }
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

async fn flush(engine: &Engine, changes: &mut Vec<Change>, at_least: usize) -> Result<()> {
    if !changes.is_empty() && changes.len() > at_least {
        engine.store.commit(std::mem::take(changes)).await?;
    }
    Ok(())
}

fn linked_pair(engine: &Engine, servicenow_key: &str, ehr_key: &str, by: CertainBy, now_ms: i64) -> Change {
    let linked_by = match by {
        CertainBy::CrossReference => "cross_reference",
        CertainBy::Microchip => "microchip",
    };
    Change::PutPair(PairRow {
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
    })
}

fn one_sided_pair(id: String, of: &SnapshotId, card: PatientCard) -> PairRow {
    let (servicenow_key, ehr_key, status) = match of.remote {
        Remote::ServiceNow => (Some(of.key.clone()), None, PairStatus::OnlyServiceNow),
        Remote::Ehr => (None, Some(of.key.clone()), PairStatus::OnlyEhr),
    };
    PairRow {
        id,
        kind: of.kind,
        servicenow_key,
        ehr_key,
        linked_by: None,
        linked_at_ms: None,
        base: None,
        base_digest: None,
        status,
        differing: String::new(),
        agreed_at_ms: None,
        card,
    }
}

/// Every record of the other side that could be the same animal as one of these, by blocking keys.
async fn candidates(
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

async fn one_sided(
    engine: &mut Engine,
    alone: &[SnapshotId],
    now_ms: i64,
    linked: &mut Linked,
) -> Result<()> {
    let mut records = Vec::with_capacity(alone.len());
    for id in alone {
        if let Some(side) = engine.side(id.remote, &id.key).await? {
            records.push((id.clone(), side.record));
        }
    }
    let found = candidates(engine, &records).await?;
    let mut changes = Vec::new();
    for (id, record) in &records {
        let pair_id = engine.new_id(now_ms);
        let (servicenow, ehr) = match id.remote {
            Remote::ServiceNow => (Some(record), None),
            Remote::Ehr => (None, Some(record)),
        };
        let card = lens::card(engine.lenses.catalogue(), servicenow, ehr);
        changes.push(Change::PutPair(one_sided_pair(pair_id.clone(), id, card.clone())));
        ask_or_create(
            engine,
            &pair_id,
            id,
            record,
            &card,
            found.get(id).map_or(&[][..], Vec::as_slice),
            now_ms,
            linked,
            &mut changes,
        )
        .await?;
        flush(engine, &mut changes, 500).await?;
    }
    flush(engine, &mut changes, 0).await
}

#[allow(clippy::too_many_arguments)]
async fn ask_or_create(
    engine: &Engine,
    pair_id: &str,
    id: &SnapshotId,
    record: &Record,
    card: &PatientCard,
    candidates: &[(SnapshotId, Likeness)],
    now_ms: i64,
    linked: &mut Linked,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let mut open = 0;
    for (other, likeness) in candidates {
        if let Some(known) = engine.store.duplicate_between(id, other).await?
            && known.answer.as_deref() == Some("different")
        {
            continue;
        }
        open += 1;
        linked.possible_duplicates += 1;
        changes.push(Change::PutDuplicate(DuplicateRow {
            a: id.clone(),
            b: other.clone(),
            evidence: encode("evidence", likeness)?,
            answer: None,
            answered_by: None,
            reason: None,
            at_ms: now_ms,
        }));
    }
    let may_create = record.active && !record.deceased;
    if open > 0 {
        linked.conflicts += 1;
        changes.push(Change::PutConflict(question(
            engine,
            pair_id,
            ConflictCause::MaybeDuplicate,
            card,
            candidates,
            now_ms,
        )?));
    } else if may_create && let Some(why) = cannot_create(engine, record, now_ms) {
        linked.conflicts += 1;
        let mut row = question(engine, pair_id, ConflictCause::CannotCreate, card, &[], now_ms)?;
        row.comparison = encode("why", &why)?;
        changes.push(Change::PutConflict(row));
    } else if may_create {
        linked.creations.push(Creation { pair: pair_id.to_owned() });
    }
    Ok(())
}

/// Ids of fields that keep a record from being created on the other side: a rule says that they cannot be right, or that
/// the other side could not hold them.
fn cannot_create(engine: &Engine, record: &Record, now_ms: i64) -> Option<Vec<String>> {
    let today = crate::clock::date_of(now_ms);
    let mut fields: Vec<String> =
        record::validate::validate_patient(engine.lenses.catalogue(), record, today)
            .into_iter()
            .filter(|finding| finding.severity == record::validate::Severity::Error)
            .map(|finding| finding.field)
            .collect();
    fields.dedup();
    (!fields.is_empty()).then_some(fields)
}

fn question(
    engine: &Engine,
    pair_id: &str,
    cause: ConflictCause,
    card: &PatientCard,
    candidates: &[(SnapshotId, Likeness)],
    now_ms: i64,
) -> Result<ConflictRow> {
    let mut text = format!("{cause:?} {pair_id}");
    for (id, likeness) in candidates {
        text.push_str(&id.key);
        text.push_str(&encode("evidence", likeness)?);
    }
    Ok(ConflictRow {
        id: engine.new_id(now_ms),
        pair: pair_id.to_owned(),
        cause,
        grade: 3,
        state: ConflictState::Open,
        comparison: String::from("[]"),
        fields: String::new(),
        fingerprint: lens::sha256_hex(&text),
        title: card.name.clone(),
        owner: card.owner.clone(),
        species: card.species.clone(),
        opened_at_ms: now_ms,
        claimed_by: None,
        snoozed_until_ms: None,
        snooze_reason: None,
        draft: None,
        closed_at_ms: None,
        closed_by: None,
    })
}

/// One-sided pairs of earlier runs: their creation may have been put off (a plan-only run, a brake, a lost answer), and
/// a certain partner may have turned up since.
async fn reconsider(engine: &mut Engine, now_ms: i64, linked: &mut Linked) -> Result<()> {
    let known: HashSet<String> = linked.creations.iter().map(|creation| creation.pair.clone()).collect();
    for status in [PairStatus::OnlyServiceNow, PairStatus::OnlyEhr] {
        let mut offset = 0;
        loop {
            let (pairs, _) = engine.store.search_patients("", Some(status), offset, 500).await?;
            if pairs.is_empty() {
                break;
            }
            offset += 500;
            for pair in pairs.into_iter().filter(|pair| !known.contains(&pair.id)) {
                if engine.lane_busy(&pair.id).await?
                    || engine.store.open_conflict_of(&pair.id).await?.is_some()
                {
                    continue;
                }
                let (remote, key) = match (&pair.servicenow_key, &pair.ehr_key) {
                    (Some(key), None) => (Remote::ServiceNow, key),
                    (None, Some(key)) => (Remote::Ehr, key),
                    _ => continue,
                };
                let Some(side) = engine.side(remote, key).await? else { continue };
                let may_create =
                    side.record.active && !side.record.deceased && side.snapshot.presence != Presence::Gone;
                if may_create && cannot_create(engine, &side.record, now_ms).is_none() {
                    linked.creations.push(Creation { pair: pair.id });
                }
            }
        }
    }
    Ok(())
}

/// The automatic plan that creates a one-sided record on the other side.
pub async fn create_changes(engine: &mut Engine, creation: &Creation, now_ms: i64) -> Result<Vec<Change>> {
    let pair = engine.pair(&creation.pair).await?;
    let source = match (&pair.servicenow_key, &pair.ehr_key) {
        (Some(key), None) => engine.side(Remote::ServiceNow, key).await?,
        (None, Some(key)) => engine.side(Remote::Ehr, key).await?,
        _ => None,
    };
    let Some(source) = source else { return Ok(Vec::new()) };
    creation_plan(engine, &pair, &source.snapshot, &source.record, "rule", None, now_ms)
}

/// Plan and operation for creating one record, approved by `maker`.
pub fn creation_plan(
    engine: &Engine,
    pair: &PairRow,
    snapshot: &SnapshotRow,
    record: &Record,
    maker: &str,
    reason: Option<String>,
    now_ms: i64,
) -> Result<Vec<Change>> {
    let body = plans::create_body_of(&engine.lenses, record, snapshot.id.remote, &snapshot.version)?;
    let text = encode("plan", &body)?;
    let plan_id = engine.new_id(now_ms);
    let mut changes = vec![
        Change::PutPlan(PlanRow {
            id: plan_id.clone(),
            pair: pair.id.clone(),
            conflict: None,
            hash: lens::sha256_hex(&text),
            body: text,
            state: PlanState::Approved,
            grade: 1,
            maker: maker.to_owned(),
            reason,
            approver: None,
            made_at_ms: now_ms,
            closed_at_ms: Some(now_ms),
            undoes: None,
        }),
        Change::Audit(AuditRow {
            id: engine.new_id(now_ms),
            at_ms: now_ms,
            actor: maker.to_owned(),
            action: "plan.create".to_owned(),
            subject: pair.id.clone(),
            detail: snapshot.id.remote.other().as_str().to_owned(),
        }),
    ];
    for operation in plans::operation_rows(&body, &plan_id, &pair.id, now_ms, &mut || engine.new_id(now_ms))?
    {
        changes.push(Change::Enqueue(operation));
    }
    Ok(changes)
}

/// A record that a remote does not show any more: a question, never a deletion.
pub async fn vanished(engine: &Engine, remote: Remote, key: &str, now_ms: i64) -> Result<Vec<Change>> {
    let Some(pair) = engine.store.pair_by_key(remote, RecordKind::Patient, key).await? else {
        return Ok(Vec::new());
    };
    if engine.store.open_conflict_of(&pair.id).await?.is_some() {
        return Ok(Vec::new());
    }
    let mut row = question(engine, &pair.id, ConflictCause::Vanished, &pair.card, &[], now_ms)?;
    row.comparison = encode("remote", &remote)?;
    let mut differs = pair;
    differs.status = PairStatus::Differs;
    Ok(vec![Change::PutConflict(row), Change::PutPair(differs)])
}
