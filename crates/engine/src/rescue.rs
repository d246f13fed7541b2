//! What an earlier process left half done between two commits, taken up again at the start.

use crate::errands::Purpose;
use crate::error::Result;
use crate::step::{Effects, Engine};
use store::Change;

/// Plans and pairs looked at in one start. No more than there are lanes can be between two commits; the rest of what a
/// defect might leave behind is found by the next complete run.
const AT_ONCE: u32 = 100;

/// A clock that is corrected by less than this was not set back: nothing here depends on a second.
const CORRECTED_MS: i64 = 1_000;

impl Engine {
    /// Notices that this computer's clock was set back since the step before (a suspended laptop, a wrong battery, a
    /// person), and moves everything that waits back with it. A clock that goes forward needs nothing: what is due then is
    /// due, and goes out lane by lane under the breaker and the remote's ceiling as always.
    pub(crate) async fn mind_the_clock(&mut self, now_ms: i64) {
        let before_ms = std::mem::replace(&mut self.latest_ms, now_ms);
        if before_ms.saturating_sub(now_ms) < CORRECTED_MS {
            self.latest_ms = now_ms.max(before_ms);
            return;
        }
        if let Err(error) = self.clock_set_back(before_ms, now_ms).await {
            tracing::error!(error = %error.log_words(), "clock.not_followed");
            // The next step tries again.
            self.latest_ms = before_ms;
        }
    }

    /// The same for a clock that was set back while no process ran: the trail of what was done knows an earlier one's time.
    pub(crate) async fn rescue_clock(&mut self, now_ms: i64) -> Result<()> {
        let audit = self.store.audit(None, 0, 1).await?;
        let runs = self.store.runs(1).await?;
        let times = audit.iter().map(|entry| entry.at_ms).chain(
            runs.iter().map(|run| run.ended_at_ms.unwrap_or(run.started_at_ms).max(run.started_at_ms)),
        );
        match times.max() {
            Some(last_ms) if last_ms.saturating_sub(now_ms) >= CORRECTED_MS => {
                self.clock_set_back(last_ms, now_ms).await
            }
            _ => Ok(()),
        }
    }

    async fn clock_set_back(&mut self, from_ms: i64, to_ms: i64) -> Result<()> {
        tracing::warn!(by_ms = from_ms.saturating_sub(to_ms), "clock.set_back");
        self.store.commit(vec![Change::ClockSetBack { from_ms, to_ms }]).await?;
        for health in &mut self.health {
            health.clock_set_back(from_ms.saturating_sub(to_ms));
        }
        self.outbox_touched = true;
        self.looking.touched = true;
        self.checks.hasten();
        self.scheduling.touched = true;
        Ok(())
    }

    /// Plans whose last receipt is written and that were not ended: ended now. Pairs that wait although nothing is under
    /// way for them: read and judged afresh. Nothing is written for them here: they may wait because a comparison only
    /// looked, or stopped at the brake, and what rules would write is the next run's to count.
    pub(crate) async fn rescue_plans_and_pairs(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        for plan in self.store.plans_without_work(AT_ONCE).await? {
            tracing::info!(plan = %plan.id, "rescue.plan");
            self.plan_done(&plan.id, &plan.pair, now_ms, effects).await?;
        }
        for pair in self.store.pairs_waiting_for_nothing(AT_ONCE).await? {
            tracing::info!(pair = %pair, "rescue.pair");
            let purpose = Purpose::Observe { write: false, actor: "rule".to_owned() };
            self.begin(None, &pair, purpose, effects).await?;
        }
        Ok(())
    }
}
