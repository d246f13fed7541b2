//! What rules write in a run: weighed by the brake as a whole, then planned and enqueued patient by patient.

use crate::error::{EngineError, Result};
use crate::judge::{self, Terms};
use crate::one_sided;
use crate::runs::{Phase, RunState};
use crate::step::{Effects, Engine, Notice};

impl Engine {
    /// The brake: what rules would change is known before the first of it is written.
    pub(crate) async fn begin_settling(&mut self, run: &mut RunState, now_ms: i64) -> Result<()> {
        let touched = run.to_settle.len() as u64 + run.creates.len() as u64;
        run.counts.to_settle = touched;
        run.counts.to_create = run.creates.len() as u64;
        run.totals.pairs += run.creates.len() as u64;
        run.totals.pairs_written += run.creates.len() as u64;
        run.enter(Phase::Settling, touched, now_ms);
        if run.plan_only {
            run.to_settle.clear();
            run.creates.clear();
            return Ok(());
        }
        let brake = reconcile::brake::brake(&run.totals, &self.policy.brake);
        let long_ago = self.counted_too_long_ago(run, now_ms).await?;
        self.may_settle(run, brake, now_ms).await?;
        if long_ago {
            // As with a creation that waited in the outbox: the next run looks for candidates first.
            run.creates.clear();
        }
        Ok(())
    }

    pub(crate) async fn settle_chunk(
        &mut self,
        run: &mut RunState,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let mut changes = Vec::new();
        for _ in 0..50 {
            let Some(id) = run.to_settle.pop_front() else { break };
            run.done_in_phase += 1;
            let Some(context) = self.context(self.pair(&id).await?).await? else { continue };
            if [&context.servicenow, &context.ehr]
                .iter()
                .any(|side| run.quarantined.contains(&side.snapshot.id))
            {
                continue;
            }
            let terms = Terms { write: true, agreed_by: "rule", now_ms, rules: &self.rules };
            let ids = std::sync::Arc::clone(&self.ids);
            let judgement = match judge::judge(&context, &self.lenses, terms, &mut || ids.next(now_ms)) {
                Ok(judgement) => judgement,
                // What a system could not hold keeps this patient waiting, nobody else.
                Err(EngineError::Mapping(problem)) => {
                    self.cannot_be_written(&context.pair, &problem, now_ms).await?;
                    effects.notices.push(Notice::Pair(id));
                    continue;
                }
                Err(error) => return Err(error),
            };
            run.counts.settled += judgement.settled.len() as u64;
            for rule in &judgement.settled {
                run.counts.settled_by(*rule, 1);
            }
            run.remember_operations(&judgement.changes);
            if !judgement.changes.is_empty() {
                effects.notices.push(Notice::Pair(id));
            }
            changes.extend(judgement.changes);
        }
        if run.to_settle.is_empty() {
            for _ in 0..50 {
                let Some(creation) = run.creates.pop_front() else { break };
                run.done_in_phase += 1;
                let created = one_sided::create_changes(self, &creation, now_ms).await?;
                run.remember_operations(&created);
                effects.notices.push(Notice::Pair(creation.pair.clone()));
                changes.extend(created);
            }
        }
        let changes = self.with_what_waits(changes, now_ms).await?;
        if !changes.is_empty() {
            self.store.commit(changes).await?;
            self.outbox_touched = true;
        }
        if run.to_settle.is_empty() && run.creates.is_empty() {
            run.enter(Phase::Writing, run.waiting_for.len() as u64, now_ms);
        }
        Ok(())
    }
}
