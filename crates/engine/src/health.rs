//! Circuit breaker and health of one remote: a value that is told what happened and answers what may be tried.
//! (Specification "Connection Failures"; design "Numbers that are given".)

use remote::RemoteError;
use serde::{Deserialize, Serialize};

/// Transport-level failures in a row that open the breaker.
pub const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open before one probe is let through.
pub const OPEN_FOR_MS: i64 = 30_000;

/// What is known of a remote. Persisted as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// Transport-level failures since the last answer.
    pub failures_in_a_row: u32,
    /// When set, nothing is sent before this time; afterwards one probe.
    pub open_until_ms: Option<i64>,
    /// A probe is under way.
    #[serde(skip)]
    pub probing: bool,
    /// When it last answered.
    pub last_answer_at_ms: Option<i64>,
    /// Round trip of the last answer.
    pub latency_ms: Option<u64>,
    /// The last failure, in words without values.
    pub last_problem: Option<String>,
    /// Our credentials were refused.
    pub sign_in_refused: bool,
}

impl Health {
    /// Whether a request may be sent now. With an elapsed breaker the first asker gets the probe.
    pub fn allows(&mut self, now_ms: i64) -> bool {
        match self.open_until_ms {
            None => true,
            Some(until_ms) if now_ms < until_ms || self.probing => false,
            Some(_) => {
                self.probing = true;
                true
            }
        }
    }

    /// When the next request may be tried, if not now.
    pub fn next_try_ms(&self, now_ms: i64) -> Option<i64> {
        self.open_until_ms.filter(|until_ms| *until_ms > now_ms)
    }

    /// The remote answered, well or with a refusal: it is there.
    pub fn answered(&mut self, now_ms: i64, latency_ms: u64) {
        *self = Health { last_answer_at_ms: Some(now_ms), latency_ms: Some(latency_ms), ..Health::default() };
    }

    /// A call failed.
    pub fn failed(&mut self, error: &RemoteError, now_ms: i64, latency_ms: u64) {
        if matches!(error, RemoteError::SignIn { .. }) {
            self.probing = false;
            self.sign_in_refused = true;
            self.last_problem = Some(error.to_string());
            return;
        }
        if !error.is_transport() {
            self.answered(now_ms, latency_ms);
            return;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.last_problem = Some(error.to_string());
        if self.probing || self.failures_in_a_row >= FAILURES_TO_OPEN {
            self.open_until_ms = Some(now_ms.saturating_add(OPEN_FOR_MS));
        }
        self.probing = false;
    }
}

/// Delays before tries 2 to 5 (specification: 1, 2, 4, 8 seconds).
const DELAYS_MS: [i64; 4] = [1_000, 2_000, 4_000, 8_000];

/// When to try again after `attempts` failed tries; `None` when all tries are used up. The remote's own `Retry-After`
/// wins and costs no try.
pub fn next_try_ms(attempts: u32, now_ms: i64, retry_after_ms: Option<u64>) -> Option<i64> {
    if let Some(wait_ms) = retry_after_ms {
        return Some(now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX)));
    }
    let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    DELAYS_MS.get(step).map(|delay_ms| now_ms.saturating_add(*delay_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Remote;

    fn timeout() -> RemoteError {
        RemoteError::Ambiguous { remote: Remote::Ehr, what: "no answer".to_owned() }
    }

    #[test]
    fn opens_after_five_failures_lets_one_probe_through_and_closes_on_an_answer() {
        let mut health = Health::default();
        for failure in 1..=5 {
            assert!(health.allows(0), "closed before failure {failure}");
            health.failed(&timeout(), 0, 1);
        }
        assert!(!health.allows(OPEN_FOR_MS - 1), "open");
        assert!(health.allows(OPEN_FOR_MS), "one probe");
        assert!(!health.allows(OPEN_FOR_MS), "not two");
        health.failed(&timeout(), OPEN_FOR_MS, 1);
        assert_eq!(health.open_until_ms, Some(2 * OPEN_FOR_MS), "a failed probe opens it again");
        assert!(health.allows(2 * OPEN_FOR_MS));
        health.answered(2 * OPEN_FOR_MS, 3);
        assert!(health.allows(2 * OPEN_FOR_MS) && health.failures_in_a_row == 0, "closed");
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let mut health = Health { failures_in_a_row: 4, ..Health::default() };
        health.failed(
            &RemoteError::Refused { remote: Remote::ServiceNow, status: 403, what: "rule".to_owned() },
            7,
            2,
        );
        assert_eq!((health.failures_in_a_row, health.last_answer_at_ms), (0, Some(7)));
    }

    #[test]
    fn five_tries_with_one_two_four_eight_seconds_between() {
        let waits: Vec<_> = (1..=5).map(|attempts| next_try_ms(attempts, 0, None)).collect();
        assert_eq!(waits, [Some(1_000), Some(2_000), Some(4_000), Some(8_000), None]);
        assert_eq!(next_try_ms(5, 10, Some(500)), Some(510), "Retry-After wins");
    }
}
