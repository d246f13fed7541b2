//! What an earlier process left half done between two commits, taken up again at the start.

use crate::errands::Purpose;
use crate::error::Result;
use crate::step::{Effects, Engine};

/// Plans and pairs looked at in one start. No more than there are lanes can be between two commits; the rest of what a
/// defect might leave behind is found by the next complete run.
const AT_ONCE: u32 = 100;

impl Engine {
    /// Plans whose last receipt is written and that were not ended: ended now. Pairs that wait although nothing is under
    /// way for them: read and judged afresh.
    pub(crate) async fn rescue_plans_and_pairs(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        for plan in self.store.plans_without_work(AT_ONCE).await? {
            tracing::info!(plan = %plan.id, "rescue.plan");
            self.plan_done(&plan.id, &plan.pair, now_ms, effects).await?;
        }
        for pair in self.store.pairs_waiting_for_nothing(AT_ONCE).await? {
            tracing::info!(pair = %pair, "rescue.pair");
            let purpose = Purpose::Observe { write: true, actor: "rule".to_owned() };
            self.begin(None, &pair, purpose, effects).await?;
        }
        Ok(())
    }
}
