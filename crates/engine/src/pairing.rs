//! Who belongs together: links by stored ids, the other system's identifier and certain microchips; everything weaker
//! becomes a question. Records on one side only, and what follows for them.

use crate::error::Result;
use crate::judge::{SideState, Terms, judge};
use crate::one_sided::{one_sided, reconsider};
use crate::screening::Screening;
use crate::step::{Blocked, Engine, context_of, side_state, surrounded};
use crate::{links, treatments};
use reconcile::calendar;
use reconcile::identity::{self, CertainBy, Evidence, Match, Tier};
use record::{Record, RecordKind, Remote};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
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
    /// Records that wait because their patient is not linked.
    pub waiting_for_patients: u64,
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

/// A record without a partner.
#[derive(Debug)]
struct Unpaired {
    key: String,
    other_key: Option<String>,
    chip: Option<String>,
    /// The one-sided patient it is already, from an earlier run.
    pair: Option<String>,
}

/// Records read together.
pub(crate) const PAGE: u32 = 1_000;
/// Claims looked at together, and written in one commit: the search index merges what each commit adds.
const TOGETHER: usize = 1_500;

async fn unpaired(engine: &Engine, kind: RecordKind, remote: Remote) -> Result<Vec<Unpaired>> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = engine.store.unpaired_after(remote, kind, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after.clone_from(&last.key);
        found.extend(page.into_iter().map(|row| Unpaired {
            key: row.key,
            other_key: row.other_key,
            chip: row.chip,
            pair: None,
        }));
    }
}

/// Records that are one-sided patients since an earlier run: a certain partner may have turned up.
async fn alone_so_far(engine: &Engine, kind: RecordKind, remote: Remote) -> Result<Vec<Unpaired>> {
    let status = match remote {
        Remote::ServiceNow => PairStatus::OnlyServiceNow,
        Remote::Ehr => PairStatus::OnlyEhr,
    };
    let mut found = Vec::new();
    let mut walk = Walk::of(kind, status);
    loop {
        let pairs = walk.next(engine).await?;
        if pairs.is_empty() {
            return Ok(found);
        }
        let busy = busy_lanes(engine, &pairs).await?;
        let mut pair_by_key: HashMap<String, String> = pairs
            .into_iter()
            .filter(|pair| !busy.contains(&pair.id))
            .filter_map(|pair| {
                let key = match remote {
                    Remote::ServiceNow => pair.servicenow_key,
                    Remote::Ehr => pair.ehr_key,
                };
                Some((key?, pair.id))
            })
            .collect();
        let keys: Vec<&str> = pair_by_key.keys().map(String::as_str).collect();
        for snapshot in engine.store.snapshots_named(remote, kind, &keys).await? {
            let Some(pair) = pair_by_key.remove(&snapshot.id.key) else { continue };
            if snapshot.presence == Presence::Present {
                found.push(Unpaired {
                    key: snapshot.id.key,
                    other_key: snapshot.other_key,
                    chip: snapshot.chip,
                    pair: Some(pair),
                });
            }
        }
    }
}

/// A walk over the pairs of a kind that have a status.
pub(crate) struct Walk {
    kind: RecordKind,
    status: PairStatus,
    offset: u32,
    after: String,
}

impl Walk {
    pub(crate) const fn of(kind: RecordKind, status: PairStatus) -> Walk {
        Walk { kind, status, offset: 0, after: String::new() }
    }

    /// The next few; none at the end.
    pub(crate) async fn next(&mut self, engine: &Engine) -> Result<Vec<PairRow>> {
        const TOGETHER: u32 = 500;
        if self.kind == RecordKind::Patient {
            // By name, as people see them.
            let (pairs, _) =
                engine.store.search_patients("", Some(self.status), self.offset, TOGETHER).await?;
            self.offset += TOGETHER;
            return Ok(pairs);
        }
        let pairs = engine.store.pairs_after(self.kind, Some(self.status), &self.after, TOGETHER).await?;
        if let Some(last) = pairs.last() {
            self.after.clone_from(&last.id);
        }
        Ok(pairs)
    }
}

/// Those of these pairs that have operations under way.
pub(crate) async fn busy_lanes(engine: &Engine, pairs: &[PairRow]) -> Result<HashSet<String>> {
    let ids: Vec<&str> = pairs.iter().map(|pair| pair.id.as_str()).collect();
    let mut busy = HashSet::new();
    for lane in engine.store.lanes_with_work(&ids).await? {
        if engine.lane_busy(&lane).await? {
            busy.insert(lane);
        }
    }
    Ok(busy)
}

/// What may link two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Each carries the other's key.
    BothNameEachOther,
    /// One carries the other's key.
    OneNamesTheOther,
    /// Both carry the same microchip, and nobody else does.
    SameChip,
}

/// Two records that may be linked, by their places among the unpaired.
#[derive(Debug, Clone, Copy)]
struct Claimed {
    servicenow: usize,
    ehr: usize,
    claim: Claim,
}

/// Linking under way. Links every certain match among records without a partner, a part of them with each step, then
/// asks or creates for the rest.
#[derive(Debug)]
pub struct Linking {
    kind: RecordKind,
    /// Of which remotes absence may be believed: ServiceNow, EHR.
    proven: [bool; 2],
    /// ServiceNow's and the EHR's records without a partner.
    unpaired: [Vec<Unpaired>; 2],
    /// Which of them have one by now.
    taken: [Vec<bool>; 2],
    claimed: VecDeque<Claimed>,
    chips_looked_at: bool,
    /// Whether each system is screened for animals that stand in it twice when everything is linked.
    screens: bool,
    screening: Option<Screening>,
    /// What was found so far.
    pub linked: Linked,
}

impl Linking {
    /// Reads what has no partner, and who claims whom.
    pub async fn begin(engine: &Engine, kind: RecordKind, proven: [bool; 2]) -> Result<Linking> {
        let mut servicenow = unpaired(engine, kind, Remote::ServiceNow).await?;
        servicenow.extend(alone_so_far(engine, kind, Remote::ServiceNow).await?);
        let mut ehr = unpaired(engine, kind, Remote::Ehr).await?;
        ehr.extend(alone_so_far(engine, kind, Remote::Ehr).await?);
        if kind == RecordKind::Treatment {
            latest_versions(engine, &mut servicenow, &mut ehr).await?;
        }
        let claimed = cross_references(&servicenow, &ehr);
        Ok(Linking {
            kind,
            proven,
            taken: [vec![false; servicenow.len()], vec![false; ehr.len()]],
            unpaired: [servicenow, ehr],
            claimed,
            chips_looked_at: false,
            screens: false,
            screening: None,
            linked: Linked::default(),
        })
    }

    /// Screens patients for animals that stand twice in one system, too: that takes looking at all of them.
    #[must_use]
    pub fn with_screening(mut self) -> Linking {
        self.screens = self.kind == RecordKind::Patient;
        self
    }

    /// How many claims wait; those by microchip are known after the others only.
    pub fn to_look_at(&self) -> u64 {
        self.claimed.len() as u64
    }

    /// Looks at the next claims; whether everything is done.
    pub async fn step(&mut self, engine: &mut Engine, now_ms: i64) -> Result<bool> {
        if let Some(screening) = &mut self.screening {
            let done = screening.step(engine, now_ms).await?;
            if done {
                self.linked.possible_duplicates += screening.found;
            }
            return Ok(done);
        }
        if self.claimed.is_empty() && !self.chips_looked_at {
            self.chips_looked_at = true;
            self.claimed = chip_claims(&self.unpaired, &self.taken);
        }
        if self.claimed.is_empty() {
            self.rest(engine, now_ms).await?;
            if self.screens {
                self.screening = Some(Screening::begin(engine).await?);
            }
            return Ok(!self.screens);
        }
        let now = self.claimed.drain(..self.claimed.len().min(TOGETHER)).collect::<Vec<_>>();
        self.link(engine, &now, now_ms).await?;
        Ok(false)
    }

    async fn link(&mut self, engine: &mut Engine, claimed: &[Claimed], now_ms: i64) -> Result<()> {
        let [servicenow, ehr] = &self.unpaired;
        let keys_of = |rows: &[Unpaired], place: fn(&Claimed) -> usize| -> Vec<String> {
            claimed.iter().filter_map(|claimed| Some(rows.get(place(claimed))?.key.clone())).collect()
        };
        let mut lefts =
            sides(engine, self.kind, Remote::ServiceNow, &keys_of(servicenow, |it| it.servicenow)).await?;
        let mut rights = sides(engine, self.kind, Remote::Ehr, &keys_of(ehr, |it| it.ehr)).await?;
        let catalogue = engine.lenses.catalogue(self.kind).clone();
        let mut changes = Vec::new();
        for Claimed { servicenow: left, ehr: right, claim } in claimed.iter().copied() {
            let (Some(one), Some(other)) = (servicenow.get(left), ehr.get(right)) else { continue };
            let (Some(one_side), Some(other_side)) = (lefts.remove(&one.key), rights.remove(&other.key))
            else {
                continue;
            };
            let by = match claim {
                Claim::BothNameEachOther => CertainBy::CrossReference,
                // A number typed into the wrong record is a question.
                Claim::OneNamesTheOther => {
                    let (left, right) = (&one_side.record, &other_side.record);
                    let contradict = match self.kind {
                        RecordKind::Patient => {
                            identity::contradict(&catalogue, left, right, &engine.rules.matching)
                        }
                        RecordKind::Appointment | RecordKind::Treatment => {
                            calendar::contradict(&catalogue, left, right)
                        }
                    };
                    if contradict {
                        continue;
                    }
                    CertainBy::CrossReference
                }
                Claim::SameChip => {
                    let (left, right) = (&one_side.record, &other_side.record);
                    match identity::same_animal(&catalogue, left, right, &engine.rules.matching) {
                        Match::Certain { by } => by,
                        Match::Possible { .. } | Match::No => continue,
                    }
                }
            };
            let linking = link_changes(engine, (one, one_side), (other, other_side), by, now_ms).await?;
            if linking.is_empty() {
                continue;
            }
            self.linked.linked += 1;
            changes.extend(linking);
            let [taken_left, taken_right] = &mut self.taken;
            for (taken, at) in [(taken_left, left), (taken_right, right)] {
                if let Some(taken) = taken.get_mut(at) {
                    *taken = true;
                }
            }
        }
        flush(engine, &mut changes, 0).await
    }

    /// What nobody is linked to.
    async fn rest(&mut self, engine: &mut Engine, now_ms: i64) -> Result<()> {
        let kind = self.kind;
        let alone: Vec<SnapshotId> = Remote::BOTH
            .into_iter()
            .zip(self.unpaired.iter().zip(&self.taken))
            // What the EHR documents by itself stays there, and so do superseded versions: neither is a pair.
            .filter(|(remote, _)| !treatments::is_version(kind, *remote))
            .flat_map(|(remote, (rows, taken))| {
                rows.iter()
                    .zip(taken)
                    .filter(|(row, taken)| row.pair.is_none() && !**taken)
                    .map(move |(row, _)| snapshot_id(kind, remote, &row.key))
            })
            .collect();
        one_sided(engine, kind, &alone, self.proven, now_ms, &mut self.linked).await?;
        reconsider(engine, kind, self.proven, now_ms, &mut self.linked).await
    }
}

/// Takes superseded versions of treatments out of what may be linked; a row that still names one of them means the latest.
async fn latest_versions(
    engine: &Engine,
    servicenow: &mut [Unpaired],
    ehr: &mut Vec<Unpaired>,
) -> Result<()> {
    let named: Vec<(&str, &str)> =
        ehr.iter().filter_map(|row| Some((row.key.as_str(), row.other_key.as_deref()?))).collect();
    let superseded: HashMap<String, String> =
        treatments::superseded(engine, &named).await?.into_iter().collect();
    ehr.retain(|row| !superseded.contains_key(&row.key));
    for row in servicenow {
        if let Some(latest) = row.other_key.as_ref().and_then(|key| superseded.get(key)) {
            row.other_key = Some(latest.clone());
        }
    }
    Ok(())
}

/// All of [`Linking`] at once, for the few records that came outside of a run.
pub async fn link_all(
    engine: &mut Engine,
    kind: RecordKind,
    proven: [bool; 2],
    now_ms: i64,
) -> Result<Linked> {
    let mut linking = Linking::begin(engine, kind, proven).await?;
    while !linking.step(engine, now_ms).await? {}
    Ok(linking.linked)
}

/// These records as they are stored, by key.
pub(crate) async fn sides(
    engine: &Engine,
    kind: RecordKind,
    remote: Remote,
    keys: &[String],
) -> Result<HashMap<String, SideState>> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let rows = engine.store.snapshots_named(remote, kind, &keys).await?;
    let mut sides: Vec<SideState> = rows.into_iter().map(side_state).collect::<Result<_>>()?;
    let mut records: Vec<&mut Record> = sides.iter_mut().map(|side| &mut side.record).collect();
    links::resolve(&*engine.store, &mut records).await?;
    Ok(sides.into_iter().map(|side| (side.snapshot.id.key.clone(), side)).collect())
}

pub(crate) fn snapshot_id(kind: RecordKind, remote: Remote, key: &str) -> SnapshotId {
    SnapshotId { remote, kind, key: key.to_owned() }
}

/// Pairs in which one side names the other and nothing contradicts it: each record in one pair only.
fn cross_references(servicenow: &[Unpaired], ehr: &[Unpaired]) -> VecDeque<Claimed> {
    let left_places = places(servicenow);
    let right_places = places(ehr);
    let mut claims: Vec<(usize, usize)> = Vec::new();
    for (left, row) in servicenow.iter().enumerate() {
        let right = row.other_key.as_deref().and_then(|key| right_places.get(key)).copied();
        if let Some((right, named)) = right.and_then(|at| Some((at, ehr.get(at)?)))
            // The EHR record names another row: a contradiction is never linked by itself.
            && named.other_key.as_deref().is_none_or(|key| key == row.key)
        {
            claims.push((left, right));
        }
    }
    for (right, row) in ehr.iter().enumerate() {
        let left = row.other_key.as_deref().and_then(|key| left_places.get(key)).copied();
        if let Some((left, named)) = left.and_then(|at| Some((at, servicenow.get(at)?)))
            && named.other_key.is_none()
        {
            claims.push((left, right));
        }
    }
    unique(claims)
        .filter_map(|(left, right)| {
            let (one, other) = (servicenow.get(left)?, ehr.get(right)?);
            let mutual =
                one.other_key.as_ref() == Some(&other.key) && other.other_key.as_ref() == Some(&one.key);
            let claim = if mutual { Claim::BothNameEachOther } else { Claim::OneNamesTheOther };
            Some(Claimed { servicenow: left, ehr: right, claim })
        })
        .collect()
}

fn places(rows: &[Unpaired]) -> HashMap<&str, usize> {
    rows.iter().enumerate().map(|(at, row)| (row.key.as_str(), at)).collect()
}

/// Keeps the pairs whose records occur once on either side.
fn unique(claims: Vec<(usize, usize)>) -> impl Iterator<Item = (usize, usize)> {
    let distinct: HashSet<(usize, usize)> = claims.iter().copied().collect();
    let mut lefts: HashMap<usize, u32> = HashMap::new();
    let mut rights: HashMap<usize, u32> = HashMap::new();
    for (left, right) in distinct {
        *lefts.entry(left).or_default() += 1;
        *rights.entry(right).or_default() += 1;
    }
    let mut seen = HashSet::new();
    claims.into_iter().filter(move |claim| {
        lefts.get(&claim.0) == Some(&1) && rights.get(&claim.1) == Some(&1) && seen.insert(*claim)
    })
}

fn chip_claims([servicenow, ehr]: &[Vec<Unpaired>; 2], taken: &[Vec<bool>; 2]) -> VecDeque<Claimed> {
    let [taken_servicenow, taken_ehr] = taken;
    let free = |taken: &[bool], at: usize| taken.get(at) == Some(&false);
    let mut right_by_chip: HashMap<&str, Vec<usize>> = HashMap::new();
    for (right, row) in ehr.iter().enumerate().filter(|(at, _)| free(taken_ehr, *at)) {
        if let Some(chip) = &row.chip {
            right_by_chip.entry(chip).or_default().push(right);
        }
    }
    let mut claims = Vec::new();
    for (left, row) in servicenow.iter().enumerate().filter(|(at, _)| free(taken_servicenow, *at)) {
        for right in row.chip.as_deref().and_then(|chip| right_by_chip.get(chip)).into_iter().flatten() {
            // A stored id that names somebody else speaks against the chip.
            let speaks_against = ehr.get(*right).is_none_or(|other| other.other_key.is_some());
            if row.other_key.is_none() && !speaks_against {
                claims.push((left, *right));
            }
        }
    }
    unique(claims).map(|(servicenow, ehr)| Claimed { servicenow, ehr, claim: Claim::SameChip }).collect()
}

pub(crate) async fn flush(engine: &Engine, changes: &mut Vec<Change>, at_least: usize) -> Result<()> {
    if !changes.is_empty() && changes.len() > at_least {
        engine.store.commit(std::mem::take(changes)).await?;
    }
    Ok(())
}

/// What linking two records changes. Two that are new are judged at once, so that a first load writes each pair once. The
/// one-sided patients they may have been become one, and what was asked about them is settled. Nothing where a person
/// said that they are different animals.
async fn link_changes(
    engine: &Engine,
    (servicenow, servicenow_side): (&Unpaired, SideState),
    (ehr, ehr_side): (&Unpaired, SideState),
    by: CertainBy,
    now_ms: i64,
) -> Result<Vec<Change>> {
    let kind = servicenow_side.snapshot.id.kind;
    let mut row = linked_pair(engine, kind, (&servicenow.key, &ehr.key), by, now_ms);
    let mut changes = Vec::new();
    let known = [&servicenow.pair, &ehr.pair];
    if known.iter().all(|pair| pair.is_none()) {
        let context = context_of(
            &engine.lenses,
            row.clone(),
            servicenow_side,
            ehr_side,
            None,
            false,
            Blocked::default(),
        )?;
        let context = surrounded(&*engine.store, &engine.lenses, context).await?;
        let terms = Terms { write: false, agreed_by: "first comparison", now_ms, rules: &engine.rules };
        let judgement = judge(&context, &engine.lenses, terms, &mut || engine.new_id(now_ms))?;
        if !judgement.changes.iter().any(|change| matches!(change, Change::PutPair(_))) {
            changes.push(Change::PutPair(row));
        }
        changes.extend(judgement.changes);
        return Ok(changes);
    }
    let ids =
        (snapshot_id(kind, Remote::ServiceNow, &servicenow.key), snapshot_id(kind, Remote::Ehr, &ehr.key));
    let answered = engine.store.duplicate_between(&ids.0, &ids.1).await?;
    if answered.is_some_and(|likeness| likeness.answer.as_deref() == Some("different")) {
        return Ok(Vec::new());
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

fn linked_pair(
    engine: &Engine,
    kind: RecordKind,
    (servicenow_key, ehr_key): (&str, &str),
    by: CertainBy,
    now_ms: i64,
) -> PairRow {
    let linked_by = match by {
        CertainBy::CrossReference => "cross_reference",
        CertainBy::Microchip => "microchip",
    };
    PairRow {
        id: engine.new_id(now_ms),
        kind,
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
