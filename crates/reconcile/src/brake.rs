//! The brake: a plan over many records that touches too many of them, or blanks in bulk, stops and asks.

use crate::plan::{PairPlan, blanks, drops_allergy};
use serde::{Deserialize, Serialize};

/// What the plans of one run would do, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Pairs that were looked at.
    pub pairs: u64,
    /// Pairs that would be written to.
    pub pairs_written: u64,
    /// Values that would be blanked, dropped allergies included.
    pub values_blanked: u64,
}

impl Totals {
    /// Counts one pair's plan.
    pub fn add(&mut self, plan: &PairPlan) {
        self.pairs += 1;
        self.pairs_written += u64::from(!plan.is_empty());
        let blanked = plan
            .servicenow
            .iter()
            .chain(&plan.ehr)
            .filter(|write| blanks(write) || drops_allergy(write))
            .count();
        self.values_blanked += u64::try_from(blanked).unwrap_or(u64::MAX);
    }
}

/// How much one run may do without a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrakeLimits {
    /// Pairs a run may write to.
    pub pairs_max: u64,
    /// Share of the pairs looked at that it may write to, in percent.
    pub share_max_percent: u8,
    /// The share counts only from this many written pairs on, so that a small hospital is not stopped by two edits.
    pub share_from_pairs: u64,
    /// Values it may blank. No rule blanks by itself; this catches a batch of decisions.
    pub blanked_max: u64,
}

impl Default for BrakeLimits {
    fn default() -> Self {
        BrakeLimits { pairs_max: 1_000, share_max_percent: 30, share_from_pairs: 50, blanked_max: 10 }
    }
}

/// Why a run was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Brake {
    /// Blanking in bulk: the worst comes first.
    #[error(
        "{blanked} values would be blanked, the limit is {limit}: nothing was written; look at the work list, and if it is right, an administrator asks to go on and a second person agrees"
    )]
    TooManyBlanked {
        /// How many.
        blanked: u64,
        /// How many may be.
        limit: u64,
    },
    /// Too many records.
    #[error(
        "{pairs} records would be written, the limit is {limit}: nothing was written; look at the work list, and if it is right, an administrator asks to go on and a second person agrees"
    )]
    TooManyPairs {
        /// How many.
        pairs: u64,
        /// How many may be.
        limit: u64,
    },
    /// Too large a share of the records.
    #[error(
        "{percent} % of the records would be written, the limit is {limit} %: nothing was written; look at the work list, and if it is right, an administrator asks to go on and a second person agrees"
    )]
    TooLargeShare {
        /// Percent, rounded up.
        percent: u64,
        /// Percent that may be.
        limit: u8,
    },
}

/// Whether a run must stop and ask, and why.
pub fn brake(totals: &Totals, limits: &BrakeLimits) -> Option<Brake> {
    if totals.values_blanked > limits.blanked_max {
        return Some(Brake::TooManyBlanked { blanked: totals.values_blanked, limit: limits.blanked_max });
    }
    if totals.pairs_written > limits.pairs_max {
        return Some(Brake::TooManyPairs { pairs: totals.pairs_written, limit: limits.pairs_max });
    }
    let percent = totals.pairs_written.saturating_mul(100).div_ceil(totals.pairs.max(1));
    if totals.pairs_written >= limits.share_from_pairs && percent > u64::from(limits.share_max_percent) {
        return Some(Brake::TooLargeShare { percent, limit: limits.share_max_percent });
    }
    None
}
