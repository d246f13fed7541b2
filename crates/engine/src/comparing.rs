//! Comparing every pair of a run: by digests first, then by the values as they are stored, and what is not in agreement
//! in full.

use crate::braking;
use crate::error::Result;
use crate::judge::{self, PairContext, Terms, index};
use crate::runs::RunState;
use crate::step::{Blocked, Engine, blocked, context_of, resolved_side, surrounded};
use futures_util::StreamExt as _;
use futures_util::future::try_join;
use futures_util::stream::FuturesOrdered;
use reconcile::Grade;
use reconcile::compare::PairState;
use record::{Catalogue, RecordKind, Remote};
use std::collections::{HashMap, HashSet};
use store::{ConflictRow, PairDigests, PairPage, PairStatus, PairValues, Store};

/// Pairs looked at in one step: enough that the reading ahead seldom runs dry, and still a step of a tenth of a
/// second where most agree.
pub const CHUNK: u32 = 6_000;
/// Pairs read or judged together.
const TOGETHER: usize = 500;
/// Readings of pairs under way at a time: while one page is looked at, the next is read, and one waits for its turn.
const UNDER_WAY: usize = 3;

/// How far a linked pair has to be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Its three digests agree: nothing is read.
    Digests,
    /// It agreed, and a digest moved, or two spellings of the same have two digests: its values are compared.
    Values,
    /// Something is open: it is judged.
    Judgement,
}

fn depth(pair: &PairDigests) -> Depth {
    match pair.status {
        PairStatus::Agreed if pair.servicenow == pair.base && pair.ehr == pair.base => Depth::Digests,
        PairStatus::Agreed => Depth::Values,
        PairStatus::Waiting | PairStatus::Differs | PairStatus::OnlyServiceNow | PairStatus::OnlyEhr => {
            Depth::Judgement
        }
    }
}

/// Whether a pair needs nothing: both records are there, and say what was agreed.
///
/// Compares the values as they are stored. What was stored by an older program, or is not readable, does not agree: it is
/// judged in full, which writes it anew or says what is wrong.
pub fn in_agreement(catalogue: &Catalogue, pair: &PairValues) -> bool {
    match (&pair.base, &pair.servicenow, &pair.ehr) {
        (Some(base), Some(servicenow), Some(ehr)) if !pair.gone => {
            reconcile::stored::in_agreement(catalogue, base, servicenow, ehr).unwrap_or(false)
        }
        _ => false,
    }
}

/// The grade of a linked pair by its values: what the comparison by values comes to where nobody has to know which field
/// differs. `None` while one side was not read.
pub fn grade(catalogue: &Catalogue, pair: &PairValues) -> Result<Option<Grade>> {
    if in_agreement(catalogue, pair) {
        return Ok(Some(Grade::Equal));
    }
    let (Some(servicenow), Some(ehr)) = (&pair.servicenow, &pair.ehr) else { return Ok(None) };
    let base = pair.base.as_deref().map(crate::stored::base).transpose()?;
    let (servicenow, ehr) = (crate::stored::record(servicenow)?, crate::stored::record(ehr)?);
    let state = PairState { catalogue, base: base.as_ref(), servicenow: Some(&servicenow), ehr: Some(&ehr) };
    let mut verdicts = Vec::new();
    reconcile::compare::judge_fields(&state, &mut verdicts);
    Ok(verdicts.iter().map(|verdict| verdict.grade).max())
}

/// Reads the values of these pairs, ahead of who looks at them, and gives each to `look`.
pub async fn each_values(store: &dyn Store, ids: &[&str], mut look: impl FnMut(PairValues)) -> Result<()> {
    let mut later = ids.chunks(TOGETHER);
    let mut reading = FuturesOrdered::new();
    for ids in later.by_ref().take(UNDER_WAY) {
        reading.push_back(store.pair_values(ids));
    }
    while let Some(page) = reading.next().await {
        if let Some(ids) = later.next() {
            reading.push_back(store.pair_values(ids));
        }
        page?.into_iter().for_each(&mut look);
    }
    Ok(())
}

/// [`each_values`], and meanwhile the digests of the pairs after `after`, which are looked at next.
pub async fn each_values_and_next(
    store: &dyn Store,
    kind: RecordKind,
    ids: &[&str],
    after: &str,
    look: impl FnMut(PairValues),
) -> Result<Vec<PairDigests>> {
    let next = async { Ok(store.pair_digests_after(kind, after, CHUNK).await?) };
    let ((), next) = try_join(each_values(store, ids, look), next).await?;
    Ok(next)
}

impl Engine {
    /// Compares the next pairs.
    pub(crate) async fn compare_chunk(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        let digests = match run.next_digests.take() {
            Some(digests) => digests,
            None => self.store.pair_digests_after(run.kind, &run.after, CHUNK).await?,
        };
        let Some(last) = digests.last().map(|pair| pair.id.clone()) else {
            return self.after_comparing(run, now_ms).await;
        };
        let (mut both, mut by_values, mut to_judge) = (0_u64, Vec::new(), Vec::new());
        for pair in digests.iter().filter(|pair| pair.servicenow.is_some() && pair.ehr.is_some()) {
            both += 1;
            match depth(pair) {
                Depth::Digests => {}
                Depth::Values => by_values.push(pair.id.as_str()),
                Depth::Judgement => to_judge.push(pair.id.clone()),
            }
        }
        let catalogue = self.lenses.catalogue(run.kind);
        if !by_values.is_empty() {
            let next = each_values_and_next(&*self.store, run.kind, &by_values, &last, |pair| {
                if !in_agreement(catalogue, &pair) {
                    to_judge.push(pair.id);
                }
            });
            // What moves in these pairs until their turn comes is judged by what moved it.
            run.next_digests = Some(next.await?);
        }
        to_judge.sort_unstable();
        let equal = both - to_judge.len() as u64;
        run.counts.compared += both;
        run.counts.equal += equal;
        run.totals.pairs += equal;
        for ids in to_judge.chunks(TOGETHER) {
            self.judge_pairs(run, ids, now_ms).await?;
        }
        run.after = last;
        run.done_in_phase += digests.len() as u64;
        Ok(())
    }

    /// Judges pairs without writing to a remote: moves bases, opens and closes conflicts, and adds up what rules would
    /// write.
    async fn judge_pairs(&self, run: &mut RunState, ids: &[String], now_ms: i64) -> Result<()> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let pages = self.store.pairs_named(&ids).await?;
        let terms = Terms { write: false, agreed_by: "first comparison", now_ms, rules: &self.rules };
        let mut changes = Vec::new();
        for context in self.contexts(pages).await? {
            let judgement = judge::judge(&context, &self.lenses, terms, &mut || self.ids.next(now_ms))?;
            run.totals.add(&judgement.plan);
            run.fields.add(&judgement.plan);
            match judgement.status {
                Some(PairStatus::Agreed) => run.counts.equal += 1,
                // It follows from a write that was weighed: the brake has let it go already.
                _ if judgement.follows => {
                    run.counts.planned_writes[index(Remote::ServiceNow)] += 1;
                    run.to_settle.push_back(context.pair.id.clone());
                }
                _ if judgement.plan.is_empty() => {}
                _ => {
                    for remote in Remote::BOTH {
                        run.counts.planned_writes[index(remote)] +=
                            u64::from(!judgement.plan.writes(remote).is_empty());
                    }
                    let versions = braking::versions(&context);
                    run.counted =
                        braking::counted(&run.counted, &context.pair.id, versions, &judgement.plan)?;
                    run.to_settle.push_back(context.pair.id.clone());
                }
            }
            if let Some(grade) = judgement.conflict_grade {
                run.counts.conflicts[usize::from(grade >= 4)] += 1;
            }
            changes.extend(judgement.changes);
        }
        let changes = self.with_what_waits(changes, now_ms).await?;
        if changes.is_empty() { Ok(()) } else { Ok(self.store.commit(changes).await?) }
    }

    /// Everything the judgements of these pairs depend on, with one look-up of each kind; without pairs of which a side
    /// is missing.
    async fn contexts(&self, pages: Vec<PairPage>) -> Result<Vec<PairContext>> {
        // An agreed pair has neither an open conflict nor unfinished operations: spare the look-ups.
        let ids: Vec<&str> = pages
            .iter()
            .filter(|page| page.pair.status != PairStatus::Agreed)
            .map(|page| page.pair.id.as_str())
            .collect();
        let mut conflicts: HashMap<String, ConflictRow> = self
            .store
            .open_conflicts_of(&ids)
            .await?
            .into_iter()
            .map(|row| (row.pair.clone(), row))
            .collect();
        let at_work: HashSet<String> = self.store.lanes_with_work(&ids).await?.into_iter().collect();
        let mut contexts = Vec::with_capacity(pages.len());
        for PairPage { pair, servicenow, ehr } in pages {
            let (Some(servicenow), Some(ehr)) = (servicenow, ehr) else { continue };
            let open_conflict = conflicts.remove(&pair.id);
            let (lane_busy, blocked) = if at_work.contains(&pair.id) {
                (self.lane_busy(&pair.id).await?, blocked(&*self.store, &pair.id).await?)
            } else {
                (false, Blocked::default())
            };
            let context = context_of(
                &self.lenses,
                pair,
                resolved_side(&*self.store, servicenow).await?,
                resolved_side(&*self.store, ehr).await?,
                open_conflict,
                lane_busy,
                blocked,
            )?;
            contexts.push(surrounded(&*self.store, &self.lenses, context).await?);
        }
        Ok(contexts)
    }
}
