//! Records of one system that look like the same animal: found after a complete run linked what it could, and kept for
//! people, who merge them there. Nothing here is written to a remote.

use crate::error::{Result, encode};
use crate::pairing::{Likeness, flush, snapshot_id};
use crate::remembered::{Remembered, Standing, asked_again, features, standing};
use crate::step::Engine;
use reconcile::identity::{BlockIndex, FeatureFields, Features, Match};
use record::{RecordKind, Remote};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use store::{Change, DuplicateRow, Presence, SnapshotId};

/// Records read together.
const READ_TOGETHER: u32 = 6_000;
/// Records held against the others in one step.
const MATCHED_TOGETHER: usize = 10_000;
/// Rows looked up together.
const PAGE: u32 = 500;
/// What was screened last is kept under this name.
const SCREENED: &str = "duplicates.screened";

/// Screening under way, one system after the other.
#[derive(Debug)]
pub(crate) struct Screening {
    systems: Vec<System>,
    /// What is screened, so that the next run does not do it again.
    fingerprint: Option<String>,
    /// Pairs of records that are asked about from now on.
    pub(crate) found: u64,
}

#[derive(Debug)]
struct System {
    remote: Remote,
    after: String,
    records: Vec<Features>,
    /// Once all are read.
    index: Option<BlockIndex>,
    at: usize,
    /// What stands about two records of this system; in order, so that what follows from it is, too.
    known: BTreeMap<(String, String), DuplicateRow>,
    /// Two animals of which somebody said of other records of theirs that they are two.
    said_of_others: HashMap<(String, String), DuplicateRow>,
    seen: HashSet<(String, String)>,
    changes: Vec<Change>,
}

/// Two keys in the order in which they stand for a pair.
fn in_order(one: &str, other: &str) -> (String, String) {
    let (a, b) = if one <= other { (one, other) } else { (other, one) };
    (a.to_owned(), b.to_owned())
}

impl Screening {
    /// Everything is still to be done, unless nothing has changed since the last time.
    pub(crate) async fn begin(engine: &Engine) -> Result<Screening> {
        let fingerprint = fingerprint(engine).await?;
        let screened = engine.store.value(SCREENED).await?;
        if screened.as_ref() == Some(&fingerprint) {
            return Ok(Screening { systems: Vec::new(), fingerprint: None, found: 0 });
        }
        let system = |remote| System {
            remote,
            after: String::new(),
            records: Vec::new(),
            index: None,
            at: 0,
            known: BTreeMap::new(),
            said_of_others: HashMap::new(),
            seen: HashSet::new(),
            changes: Vec::new(),
        };
        let systems = Remote::BOTH.map(system).into();
        Ok(Screening { systems, fingerprint: Some(fingerprint), found: 0 })
    }

    /// The next part; whether everything is done.
    pub(crate) async fn step(&mut self, engine: &Engine, now_ms: i64) -> Result<bool> {
        let Some(system) = self.systems.last_mut() else {
            let mut changes = settled(engine).await?;
            if let Some(fingerprint) = self.fingerprint.take() {
                changes.push(Change::PutValue { key: SCREENED.to_owned(), value: fingerprint });
            }
            flush(engine, &mut changes, 0).await?;
            return Ok(true);
        };
        let Some(index) = &system.index else {
            system.read(engine).await?;
            return Ok(false);
        };
        let until = (system.at + MATCHED_TOGETHER).min(system.records.len());
        let mut found = Vec::new();
        for at in system.at..until {
            let alike = index.within(at, &system.records, &engine.rules.matching);
            found.extend(alike.into_iter().map(|alike| (at, alike.at, alike.matched)));
        }
        system.at = until;
        for (one, other, matched) in found {
            let Match::Possible { tier, evidence } = matched else { continue };
            self.found += system.keep(engine, (one, other), Likeness { tier, evidence }, now_ms).await?;
        }
        let ended = system.at == system.records.len();
        if ended {
            system.forget_the_rest();
        }
        flush(engine, &mut system.changes, 0).await?;
        if ended {
            self.systems.pop();
        }
        Ok(false)
    }
}

impl System {
    async fn read(&mut self, engine: &Engine) -> Result<()> {
        let kind = RecordKind::Patient;
        let page = engine.store.records_after(self.remote, kind, &self.after, READ_TOGETHER).await?;
        let Some((last, _)) = page.last() else {
            self.index = Some(BlockIndex::of_one_system(&self.records));
            return self.recall(engine).await;
        };
        self.after.clone_from(last);
        let fields = FeatureFields::of(engine.lenses.catalogue(kind));
        for (_, record) in page {
            self.records.push(Features::of(&fields, &crate::stored::record(&record)?));
        }
        Ok(())
    }

    /// What people have said already, and what they have been asked.
    async fn recall(&mut self, engine: &Engine) -> Result<()> {
        let mut answered = Vec::new();
        let mut offset = 0;
        loop {
            let page = engine.store.answered_duplicates(offset, PAGE).await?;
            if page.is_empty() {
                break;
            }
            offset += PAGE;
            answered.extend(page.into_iter().filter(|row| row.a.kind == RecordKind::Patient));
        }
        let here = |row: &DuplicateRow| row.a.remote == self.remote && row.b.remote == self.remote;
        let mut rows = open(engine).await?;
        rows.extend(answered.iter().cloned());
        self.known =
            rows.into_iter().filter(here).map(|row| (in_order(&row.a.key, &row.b.key), row)).collect();
        for row in answered.into_iter().filter(|row| !here(row) && row.answer.as_deref() == Some("different"))
        {
            let (one, other) = (self.key_here(engine, &row.a).await?, self.key_here(engine, &row.b).await?);
            if let (Some(one), Some(other)) = (one, other)
                && one != other
            {
                self.said_of_others.insert(in_order(&one, &other), row);
            }
        }
        Ok(())
    }

    /// The key that the animal of a record has in this system.
    async fn key_here(&self, engine: &Engine, id: &SnapshotId) -> Result<Option<String>> {
        if id.remote == self.remote {
            return Ok(Some(id.key.clone()));
        }
        let pair = engine.store.pair_by_key(id.remote, id.kind, &id.key).await?;
        Ok(pair.and_then(|pair| match self.remote {
            Remote::ServiceNow => pair.servicenow_key,
            Remote::Ehr => pair.ehr_key,
        }))
    }

    /// Remembers two records that look alike; 1 where that is asked from now on.
    async fn keep(
        &mut self,
        engine: &Engine,
        (one, other): (usize, usize),
        likeness: Likeness,
        now_ms: i64,
    ) -> Result<u64> {
        let (Some(one), Some(other)) = (self.records.get(one), self.records.get(other)) else { return Ok(0) };
        let id = |features: &Features| snapshot_id(RecordKind::Patient, self.remote, &features.key);
        let (one_id, other_id) = (id(one), id(other));
        let keys = in_order(&one.key, &other.key);
        self.seen.insert(keys.clone());
        let evidence = encode("evidence", &likeness)?;
        let new = |earlier| DuplicateRow {
            a: one_id.clone(),
            b: other_id.clone(),
            evidence: evidence.clone(),
            answer: None,
            answered_by: None,
            reason: None,
            at_ms: now_ms,
            facts: None,
            later_until_ms: None,
            earlier,
        };
        let Some(row) = self.known.get(&keys) else {
            // Said of two records of theirs in the other system: it is the same two animals.
            let Some(said) = self.said_of_others.get(&keys) else {
                self.changes.push(Change::PutDuplicate(new(None)));
                return Ok(1);
            };
            let Some(now) = remembered_now(engine, said).await? else { return Ok(0) };
            return Ok(match standing(said, &now)? {
                Standing::Holds => 0,
                Standing::KeepFacts => {
                    let kept = DuplicateRow { facts: Some(now.encode()?), ..said.clone() };
                    self.changes.push(Change::PutDuplicate(kept));
                    0
                }
                Standing::AskAgain(earlier) => {
                    let earlier = Some(encode("earlier answer", &earlier)?);
                    self.changes.push(Change::PutDuplicate(new(earlier)));
                    1
                }
            });
        };
        if row.answer.is_none() {
            if row.evidence != evidence {
                self.changes.push(Change::PutDuplicate(DuplicateRow { evidence, ..row.clone() }));
            }
            return Ok(0);
        }
        let now = Remembered::of((&one_id, one), (&other_id, other));
        // Whoever said that they are one is believed until they are merged.
        if row.answer.as_deref() == Some("same") {
            return Ok(0);
        }
        Ok(match standing(row, &now)? {
            Standing::Holds => 0,
            Standing::KeepFacts => {
                let kept = DuplicateRow { facts: Some(now.encode()?), ..row.clone() };
                self.changes.push(Change::PutDuplicate(kept));
                0
            }
            Standing::AskAgain(earlier) => {
                self.changes.push(Change::PutDuplicate(asked_again(
                    row.clone(),
                    &earlier,
                    evidence,
                    now_ms,
                )?));
                1
            }
        })
    }

    /// Questions about records that look like two by now.
    fn forget_the_rest(&mut self) {
        let gone = self.known.iter().filter(|(keys, row)| row.answer.is_none() && !self.seen.contains(*keys));
        let forgotten: Vec<Change> =
            gone.map(|(_, row)| Change::RemoveDuplicate { a: row.a.clone(), b: row.b.clone() }).collect();
        self.changes.extend(forgotten);
    }
}

/// Every question about patients that nobody has answered.
async fn open(engine: &Engine) -> Result<Vec<DuplicateRow>> {
    let mut found = Vec::new();
    let mut offset = 0;
    loop {
        let page = engine.store.possible_duplicates(offset, PAGE).await?;
        if page.is_empty() {
            return Ok(found);
        }
        offset += PAGE;
        found.extend(page.into_iter().filter(|row| row.a.kind == RecordKind::Patient));
    }
}

/// Questions that nobody needs to answer any more: the two were linked by a number, one is gone, or they were merged
/// where they stand.
async fn settled(engine: &Engine) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for row in open(engine).await? {
        let mut pairs = Vec::with_capacity(2);
        let (mut present, mut in_use) = (true, true);
        for id in [&row.a, &row.b] {
            pairs.push(engine.store.pair_by_key(id.remote, id.kind, &id.key).await?.map(|pair| pair.id));
            let side = engine.side(id.kind, id.remote, &id.key).await?;
            present &= side.as_ref().is_some_and(|side| side.snapshot.presence != Presence::Gone);
            in_use &= side.is_some_and(|side| side.record.active);
        }
        let linked = matches!(pairs.as_slice(), [Some(one), Some(other)] if one == other);
        let merged = row.a.remote == row.b.remote && !in_use;
        if linked || merged || !present {
            changes.push(Change::RemoveDuplicate { a: row.a, b: row.b });
        }
    }
    Ok(changes)
}

/// What the two records of a row say now; nothing where one of them is not there any more.
pub(crate) async fn remembered_now(engine: &Engine, row: &DuplicateRow) -> Result<Option<Remembered>> {
    let one = engine.side(row.a.kind, row.a.remote, &row.a.key).await?;
    let other = engine.side(row.b.kind, row.b.remote, &row.b.key).await?;
    let (Some(one), Some(other)) = (one, other) else { return Ok(None) };
    let (one, other) = (features(&engine.lenses, &one.record), features(&engine.lenses, &other.record));
    Ok(Some(Remembered::of((&row.a, &one), (&row.b, &other))))
}

/// Stands for everything that screening depends on: every patient's state, and the terms of matching.
async fn fingerprint(engine: &Engine) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    format!("1 {:?}", engine.rules.matching).hash(&mut hasher);
    for remote in Remote::BOTH {
        engine.store.snapshot_count(remote, RecordKind::Patient).await?.hash(&mut hasher);
    }
    let mut after = String::new();
    loop {
        let page = engine.store.pair_digests_after(RecordKind::Patient, &after, 2_000).await?;
        let Some(last) = page.last() else { return Ok(format!("{:016x}", hasher.finish())) };
        after.clone_from(&last.id);
        for pair in page {
            (pair.id, pair.servicenow, pair.ehr).hash(&mut hasher);
        }
    }
}
