//! A run that the brake stopped, and how two persons let it go on: the one who asks and the one who agrees are never the
//! same (design: grade 4, "bulk over the brake"). What they agree to is what was counted, frozen by hash; if anything of
//! it moved meanwhile, nothing is written and it is asked anew.

use crate::error::{EngineError, Result, decode, encode};
use crate::execute::CREATE_STALE_MS;
use crate::judge::index;
use crate::lens::sha256_hex;
use crate::runs::RunState;
use crate::step::{Effects, Engine, Notice, Reply, Request};
use reconcile::PairPlan;
use reconcile::brake::Brake;
use reconcile::plan::{blanks, drops_allergy};
use record::{Catalogue, FieldIx, RecordKind, Remote};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{AuditRow, Change, RunRow, Store};

/// What the brake stopped, as kept until it is carried out or counted anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Braked {
    /// The run that was stopped.
    pub run: String,
    /// Of which kind.
    #[serde(default = "of_patients")]
    pub kind: RecordKind,
    /// SHA-256 over every pair, the versions it was compared at and the writes that rules plan for it, hex.
    pub hash: String,
    /// Why, in words.
    pub words: String,
    /// Patients that would be written or created.
    pub patients: u64,
    /// Writes to ServiceNow and the EHR.
    pub writes: [u64; 2],
    /// Records that would be created.
    pub creates: u64,
    /// Of these, in ServiceNow and in the EHR.
    #[serde(default)]
    pub creates_in: [u64; 2],
    /// Which limit was reached, in numbers.
    #[serde(default)]
    pub brake: Option<Brake>,
    /// What would be written to what both sides have, by field, most first.
    #[serde(default)]
    pub fields: Vec<FieldCount>,
    /// What somebody had asked for before it came to this count.
    #[serde(default)]
    pub before: Option<AskedBefore>,
    /// Of which remotes the stopped run had read everything.
    pub proven: [bool; 2],
    /// When it was stopped.
    pub stopped_at_ms: i64,
    /// When what was counted had been read, if that was before it was stopped: a run that goes on counts anew without
    /// reading, and what it then stops with is as old as before.
    #[serde(default)]
    pub read_at_ms: Option<i64>,
    /// Who asks to go on; none while nobody has.
    pub maker: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Braked {
    /// Nothing of what was counted was read later than this.
    fn read_by_ms(&self) -> i64 {
        self.read_at_ms.unwrap_or(self.stopped_at_ms)
    }
}

/// What was braked before there were other kinds.
const fn of_patients() -> RecordKind {
    RecordKind::Patient
}

/// How many values of one field would be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldCount {
    /// The field's id.
    pub field: String,
    /// Values written in ServiceNow and in the EHR.
    pub writes: [u64; 2],
    /// Of all these, values that would be emptied, dropped allergies included.
    pub emptied: u64,
}

/// A count that somebody asked to let go on, and that is another one since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedBefore {
    /// Who had asked.
    pub maker: String,
    /// Patients of that count.
    pub patients: u64,
}

/// Adds up what plans would write, by field.
#[derive(Debug, Default)]
pub(crate) struct FieldTally(BTreeMap<FieldIx, ([u64; 2], u64)>);

impl FieldTally {
    pub(crate) fn add(&mut self, plan: &PairPlan) {
        for remote in Remote::BOTH {
            for write in plan.writes(remote) {
                let (writes, emptied) = self.0.entry(write.field).or_default();
                writes[index(remote)] += 1;
                *emptied += u64::from(blanks(write) || drops_allergy(write));
            }
        }
    }

    /// The worst first: what empties most, then what writes most.
    fn counts(&self, catalogue: &Catalogue) -> Vec<FieldCount> {
        let mut counts: Vec<FieldCount> = self
            .0
            .iter()
            .filter_map(|(field, (writes, emptied))| {
                let spec = catalogue.spec(*field)?;
                Some(FieldCount { field: spec.id.clone(), writes: *writes, emptied: *emptied })
            })
            .collect();
        counts.sort_by_key(|count| std::cmp::Reverse((count.emptied, count.writes.iter().sum::<u64>())));
        counts
    }
}

const fn key(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Patient => "brake.patient",
        RecordKind::Appointment => "brake.appointment",
        RecordKind::Treatment => "brake.treatment",
    }
}

/// What waits behind the brake, if anything does.
pub async fn braked(store: &dyn Store) -> Result<Option<Braked>> {
    for kind in [RecordKind::Patient, RecordKind::Appointment, RecordKind::Treatment] {
        if let Some(waiting) = braked_of(store, kind).await? {
            return Ok(Some(waiting));
        }
    }
    Ok(None)
}

/// What of a kind waits behind the brake.
async fn braked_of(store: &dyn Store, kind: RecordKind) -> Result<Option<Braked>> {
    match store.value(key(kind)).await? {
        Some(text) => decode("brake", &text),
        None => Ok(None),
    }
}

fn kept(kind: RecordKind, braked: Option<&Braked>) -> Result<Change> {
    Ok(Change::PutValue { key: key(kind).to_owned(), value: encode("brake", &braked)? })
}

/// The hash of what was counted so far, with one pair more.
pub(crate) fn counted(so_far: &str, pair: &str, versions: [&str; 2], plan: &PairPlan) -> Result<String> {
    Ok(sha256_hex(&encode("brake", &(so_far, pair, versions, plan))?))
}

impl Engine {
    /// The creations join the count: which record they come from, and what it says. With it, how many would be created
    /// in ServiceNow and in the EHR.
    async fn counted_with_creations(&self, run: &RunState) -> Result<(String, [u64; 2])> {
        let mut hash = run.counted().to_owned();
        let mut creates_in = [0; 2];
        for pair in run.creations() {
            let row = self.pair(pair).await?;
            for (remote, key) in crate::errands::keys_of(&row) {
                creates_in[index(remote.other())] += 1;
                let raw =
                    self.side(row.kind, remote, key).await?.map(|side| side.snapshot.raw).unwrap_or_default();
                hash = sha256_hex(&encode("brake", &(&hash, pair, remote, sha256_hex(&raw)))?);
            }
        }
        Ok((hash, creates_in))
    }

    /// Whether what was approved was counted so long ago that the other side may have by now what would be created there.
    pub(crate) async fn counted_too_long_ago(&self, run: &RunState, now_ms: i64) -> Result<bool> {
        if run.approved().is_none() {
            return Ok(false);
        }
        let waiting = braked_of(&*self.store, run.kind).await?;
        Ok(waiting.is_some_and(|waiting| now_ms - waiting.read_by_ms() > CREATE_STALE_MS))
    }

    /// Whether a run may settle: under the brake, or counted again exactly as it was approved.
    pub(crate) async fn may_settle(
        &mut self,
        run: &RunState,
        brake: Option<Brake>,
        now_ms: i64,
    ) -> Result<()> {
        let approved = run.approved();
        let Some(brake) = brake else {
            if approved.is_some() || braked_of(&*self.store, run.kind).await?.is_some() {
                // Nothing waits behind the brake any more.
                self.store.commit(vec![kept(run.kind, None)?]).await?;
            }
            return Ok(());
        };
        let (hash, creates_in) = self.counted_with_creations(run).await?;
        if approved == Some(hash.as_str()) {
            return Ok(self.store.commit(vec![kept(run.kind, None)?]).await?);
        }
        let (writes, creates) = run.planned();
        let patients = run.to_settle();
        let words = brake.to_string();
        // Asked for already, and still the same: whoever asked need not ask again. If it is another count, they read that.
        let known = braked_of(&*self.store, run.kind).await?;
        let read_at_ms = known.as_ref().filter(|_| approved.is_some()).map(Braked::read_by_ms);
        let (maker, reason, before) = match known {
            Some(known) if known.hash == hash => (known.maker, known.reason, known.before),
            Some(Braked { maker: Some(maker), patients, .. }) => {
                (None, None, Some(AskedBefore { maker, patients }))
            }
            Some(known) => (None, None, known.before),
            None => (None, None, None),
        };
        let row = Braked {
            run: run.id().to_owned(),
            kind: run.kind,
            hash,
            words: words.clone(),
            patients,
            writes,
            creates,
            creates_in,
            brake: Some(brake),
            fields: run.fields.counts(self.lenses.catalogue(run.kind)),
            before,
            proven: run.proven(),
            stopped_at_ms: now_ms,
            read_at_ms,
            maker,
            reason,
        };
        self.store.commit(vec![kept(run.kind, Some(&row))?]).await?;
        let what = if approved.is_some() {
            format!("what would be written is not what was approved any more; nothing was written: {words}")
        } else {
            format!("the brake stopped this run before anything was written: {words}")
        };
        Err(EngineError::NotNow {
            what,
            way_out: "if this many changes are right, two administrators can let exactly these go on \
                      on Home (or with `vetsync reconcile --continue`), or raise [brake] in the settings and run again"
                .to_owned(),
        })
    }

    /// Somebody asks to let a stopped run go on, or agrees to it as the second person.
    pub(crate) async fn continue_braked(
        &mut self,
        hash: &str,
        person: &str,
        reason: Option<String>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let waiting = braked(&*self.store).await?.ok_or_else(|| EngineError::NotNow {
            what: "nothing waits behind the brake".to_owned(),
            way_out: "compare everything again".to_owned(),
        })?;
        if waiting.hash != hash {
            return Err(EngineError::Moved {
                what: "what the run would write is not what you saw any more".to_owned(),
                fields: Vec::new(),
            });
        }
        if self.run_id().is_some() {
            return Err(EngineError::NotNow {
                what: "a run is under way".to_owned(),
                way_out: "wait for its end, then look again".to_owned(),
            });
        }
        let reason = reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let because = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let audit = |engine: &Engine, action: &str| {
            Change::Audit(AuditRow {
                id: engine.new_id(now_ms),
                at_ms: now_ms,
                actor: person.to_owned(),
                action: action.to_owned(),
                subject: waiting.run.clone(),
                detail: format!("{} patients, {}{because}", waiting.patients, waiting.hash),
            })
        };
        match &waiting.maker {
            None => {
                let reason = reason.clone().ok_or_else(|| EngineError::NotNow {
                    what: "this needs a reason".to_owned(),
                    way_out: "write why this many changes are right".to_owned(),
                })?;
                let asked =
                    Braked { maker: Some(person.to_owned()), reason: Some(reason), ..waiting.clone() };
                let alone = self.policy.one_person_may_approve;
                let action = if alone { "brake.approved" } else { "brake.submitted" };
                self.store.commit(vec![kept(waiting.kind, Some(&asked))?, audit(self, action)]).await?;
                effects.notices.push(Notice::Braked);
                if !alone {
                    return Ok(Reply::Done);
                }
            }
            Some(maker) if maker == person => {
                return Err(EngineError::NotNow {
                    what: "nobody approves what they made".to_owned(),
                    way_out: "ask a second person to look at it".to_owned(),
                });
            }
            Some(_) => {
                self.store.commit(vec![audit(self, "brake.approved")]).await?;
                effects.notices.push(Notice::Braked);
            }
        }
        let row = RunRow {
            id: self.new_id(now_ms),
            trigger: "brake".to_owned(),
            actor: Some(person.to_owned()),
            scope: "all".to_owned(),
            state: "running".to_owned(),
            started_at_ms: now_ms,
            ended_at_ms: None,
            counts: encode("counts", &crate::runs::RunCounts::default())?,
            problem: None,
        };
        self.store.commit(vec![Change::PutRun(row.clone())]).await?;
        let kinds = std::iter::once(waiting.kind).chain(self.kinds_after(waiting.kind)).collect();
        // Nothing is read again: what was approved was compared as it is stored.
        self.run = Some(RunState::continued(row.clone(), kinds, waiting.hash, waiting.proven, now_ms));
        effects.requests.push(Request::GoOn { run: row.id.clone() });
        Ok(Reply::Run(row))
    }
}

/// The versions of a pair's two sides, for the count.
pub(crate) fn versions(context: &crate::judge::PairContext) -> [&str; 2] {
    Remote::BOTH.map(|remote| context.side(remote).snapshot.version.as_str())
}
