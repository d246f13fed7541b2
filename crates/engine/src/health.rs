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
#[serde(default)]
pub struct Health {
    /// Transport-level failures since the last answer.
    pub failures_in_a_row: u32,
    /// When set, nothing is sent before this time; afterwards one probe.
    pub open_until_ms: Option<i64>,
    /// When the breaker opened or the credentials were first refused.
    pub since_ms: Option<i64>,
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
    /// It asked to be left alone until then (429, 503 with `Retry-After`): that holds for every request to it.
    pub slow_until_ms: Option<i64>,
    /// A person paused it.
    pub paused: Option<Pause>,
    /// Updates of ours, one after the other, each of which moved its record's version by more than one.
    pub jumps_in_a_row: u32,
}

/// Who paused a remote, when and why. Nothing is sent to it, reads and writes alike, until somebody resumes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The person's id.
    pub by: String,
    /// Since when, Unix milliseconds.
    pub at_ms: i64,
    /// Why, as typed.
    pub reason: String,
}

/// Whether a remote may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// As much as there is.
    Open,
    /// One request, to find out whether it answers again.
    Probe,
    /// Not now; the time when it may change by itself, if it does.
    Closed {
        /// Unix milliseconds; `None` while paused, or while the one probe is under way.
        until_ms: Option<i64>,
    },
}

impl Health {
    /// Whether a request may be sent now.
    pub fn gate(&self, now_ms: i64) -> Gate {
        if self.paused.is_some() {
            return Gate::Closed { until_ms: None };
        }
        if let Some(until_ms) = self.slow_until_ms.filter(|until_ms| *until_ms > now_ms) {
            return Gate::Closed { until_ms: Some(until_ms) };
        }
        match self.open_until_ms {
            None => Gate::Open,
            Some(until_ms) if now_ms < until_ms => Gate::Closed { until_ms: Some(until_ms) },
            Some(_) if self.probing => Gate::Closed { until_ms: None },
            Some(_) => Gate::Probe,
        }
    }

    /// Asks for leave to send one request; with an elapsed breaker the first asker gets the probe.
    pub fn allows(&mut self, now_ms: i64) -> bool {
        match self.gate(now_ms) {
            Gate::Open => true,
            Gate::Probe => {
                self.probing = true;
                true
            }
            Gate::Closed { .. } => false,
        }
    }

    /// When the next request may be tried, if not now and not only when a person says so.
    pub fn next_try_ms(&self, now_ms: i64) -> Option<i64> {
        self.open_until_ms.into_iter().chain(self.slow_until_ms).filter(|until_ms| *until_ms > now_ms).max()
    }

    /// This computer's clock was set back by so much: what was to be waited for is waited for, and no longer.
    pub fn clock_set_back(&mut self, by_ms: i64) {
        for until_ms in [&mut self.open_until_ms, &mut self.slow_until_ms].into_iter().flatten() {
            *until_ms = until_ms.saturating_sub(by_ms);
        }
    }

    /// Whether the breaker is open because it does not answer.
    pub const fn breaker_open(&self) -> bool {
        self.open_until_ms.is_some() && !self.sign_in_refused
    }

    /// The remote answered, well or with a refusal: it is there.
    pub fn answered(&mut self, now_ms: i64, latency_ms: u64) {
        *self = Health {
            last_answer_at_ms: Some(now_ms),
            latency_ms: Some(latency_ms),
            // What other requests were told still holds, and so does what a person said.
            slow_until_ms: self.slow_until_ms.filter(|until_ms| *until_ms > now_ms),
            paused: self.paused.take(),
            jumps_in_a_row: self.jumps_in_a_row,
            ..Health::default()
        };
    }

    /// A call failed.
    pub fn failed(&mut self, error: &RemoteError, now_ms: i64, latency_ms: u64) {
        if matches!(error, RemoteError::SignIn { .. }) {
            self.probing = false;
            self.sign_in_refused = true;
            self.since_ms = self.since_ms.or(Some(now_ms));
            self.last_problem = Some(error.to_string());
            // One try an interval, whatever waits: a storm of refused sign-ins locks the account for good.
            self.open_until_ms = Some(now_ms.saturating_add(OPEN_FOR_MS));
            return;
        }
        if !error.is_transport() {
            self.answered(now_ms, latency_ms);
            return;
        }
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.last_problem = Some(error.to_string());
        // What a remote asks of one request it asks of us: all of them wait.
        let slow_until_ms = match error {
            RemoteError::Transient { retry_after_ms: Some(wait_ms), .. } => {
                Some(retry_after_at_ms(now_ms, *wait_ms))
            }
            // Too many requests, and not a word on how long: the usual steps, for all of them.
            RemoteError::Transient { status: 429, .. } => {
                next_try_ms(self.failures_in_a_row, u32::MAX, now_ms, None)
            }
            _ => None,
        };
        self.slow_until_ms = self.slow_until_ms.max(slow_until_ms);
        if self.probing || self.open_until_ms.is_some() || self.failures_in_a_row >= FAILURES_TO_OPEN {
            self.open_until_ms = Some(now_ms.saturating_add(OPEN_FOR_MS));
            self.since_ms = self.since_ms.or(Some(now_ms));
        }
        self.probing = false;
    }
}

/// When a remote that asks for this wait is asked again.
fn retry_after_at_ms(now_ms: i64, wait_ms: u64) -> i64 {
    now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX).min(RETRY_AFTER_MAX_MS))
}

/// Delay before the second try; it doubles up to [`DELAY_MAX_MS`] (specification: 1, 2, 4, 8 seconds).
const FIRST_DELAY_MS: i64 = 1_000;
/// The longest delay between two tries.
const DELAY_MAX_MS: i64 = 8_000;
/// The longest `Retry-After` that is obeyed: a wrong clock or a typing error over there must not put patients aside
/// for days. Whoever asks for more is asked again then.
pub const RETRY_AFTER_MAX_MS: i64 = 15 * 60_000;

/// When to try again after `attempts` failed tries of `tries` in all; `None` when all are used up. The remote's own
/// `Retry-After` wins, up to [`RETRY_AFTER_MAX_MS`], and costs no try.
pub fn next_try_ms(attempts: u32, tries: u32, now_ms: i64, retry_after_ms: Option<u64>) -> Option<i64> {
    if let Some(wait_ms) = retry_after_ms {
        return Some(retry_after_at_ms(now_ms, wait_ms));
    }
    if attempts >= tries {
        return None;
    }
    let doublings = attempts.saturating_sub(1).min(3);
    Some(now_ms.saturating_add((FIRST_DELAY_MS << doublings).min(DELAY_MAX_MS)))
}

/// Share of a step that jitter may add, so that what failed together is not tried again together.
const JITTER_SHARE: i64 = 10;

/// How much later than its step a try is made: less than a tenth of the step, so that the steps keep their order. The
/// same for the same operation and try; ids come from the seeded randomness, and so does this.
pub fn jitter_ms(operation: &str, attempt: u32, step_ms: i64) -> i64 {
    // FNV-1a (64 bit): spreads well, and is the same everywhere.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in operation.bytes().chain(attempt.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let range = u64::try_from(step_ms / JITTER_SHARE).unwrap_or(0).max(1);
    i64::try_from((hash >> 16) % range).unwrap_or(0)
}

/// When an operation is tried again whose tries are all used up: after half a minute, then ever more rarely, up to a
/// quarter of an hour. It stays queued; nobody has to do anything for it, and one that fails by itself costs little.
pub fn later_try_ms(attempts: u32, tries: u32, now_ms: i64) -> i64 {
    let doublings = attempts.saturating_sub(tries).min(5);
    now_ms.saturating_add((OPEN_FOR_MS << doublings).min(RETRY_AFTER_MAX_MS))
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

    /// What was sent before the breaker opened fails after it: it opens anew, and nothing is let through early. That one
    /// failure alone would not have opened it.
    #[test]
    fn a_late_failure_keeps_an_open_breaker_open() {
        let refused = RemoteError::SignIn { remote: Remote::Ehr, what: "invalid_client".to_owned() };
        let mut health = Health::default();
        health.failed(&refused, 0, 1);
        health.failed(&timeout(), 5_000, 1);
        assert_eq!(
            health.gate(5_000 + OPEN_FOR_MS - 1),
            Gate::Closed { until_ms: Some(5_000 + OPEN_FOR_MS) }
        );
        assert_eq!(health.gate(5_000 + OPEN_FOR_MS), Gate::Probe);
        assert_eq!(health.since_ms, Some(0));
        // One failure of a remote that answered before opens nothing.
        let mut health = Health::default();
        health.failed(&timeout(), 0, 1);
        assert_eq!((health.gate(0), health.since_ms), (Gate::Open, None));
    }

    #[test]
    fn both_waits_have_to_end_and_both_move_with_the_clock() {
        let mut health = Health { open_until_ms: Some(500), slow_until_ms: Some(900), ..Health::default() };
        assert_eq!((health.next_try_ms(100), health.next_try_ms(600)), (Some(900), Some(900)));
        health.clock_set_back(100);
        assert_eq!((health.open_until_ms, health.slow_until_ms), (Some(400), Some(800)));
        assert_eq!((health.next_try_ms(799), health.next_try_ms(800)), (Some(800), None));
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
    fn as_many_tries_as_configured_with_one_two_four_eight_seconds_between() {
        let waits = |tries: u32| -> Vec<_> {
            (1..=tries).map(|attempts| next_try_ms(attempts, tries, 0, None)).collect()
        };
        assert_eq!(waits(5), [Some(1_000), Some(2_000), Some(4_000), Some(8_000), None]);
        assert_eq!(waits(2), [Some(1_000), None]);
        assert_eq!(waits(1), [None]);
        // Never longer than eight seconds.
        assert_eq!(
            waits(7),
            [Some(1_000), Some(2_000), Some(4_000), Some(8_000), Some(8_000), Some(8_000), None]
        );
    }

    #[test]
    fn jitter_stays_within_the_step_and_is_the_same_every_time() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..200 {
            let operation = format!("operation-{number}");
            for (attempt, step_ms) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 8_000)] {
                let jitter = jitter_ms(&operation, attempt, step_ms);
                assert!((0..step_ms / 10).contains(&jitter), "{jitter} of {step_ms}");
                assert_eq!(jitter, jitter_ms(&operation, attempt, step_ms));
                seen.insert((attempt, jitter));
            }
        }
        assert!(seen.len() > 400, "spread over the step: {}", seen.len());
        // The same on every machine and in every version: a day that is lived again has the same tries. The values are
        // those of another implementation of FNV-1a.
        assert_eq!(jitter_ms("operation-1", 1, 1_000), 37);
        assert_eq!(jitter_ms("operation-1", 2, 2_000), 131);
        assert_eq!(jitter_ms("operation-2", 4, 8_000), 125);
        assert_eq!(jitter_ms("x", 1, 0), 0);
    }

    #[test]
    fn what_has_no_tries_left_is_tried_ever_more_rarely() {
        let waits: Vec<_> = (5..13).map(|attempts| later_try_ms(attempts, 5, 0) / 1_000).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn one_answer_that_asks_to_wait_holds_every_request_back() {
        let busy = |retry_after_ms| RemoteError::Transient {
            remote: Remote::Ehr,
            status: 429,
            what: "rate limit".to_owned(),
            retry_after_ms,
        };
        let mut health = Health::default();
        health.failed(&busy(Some(90_000)), 1_000, 5);
        assert_eq!(health.gate(1_000), Gate::Closed { until_ms: Some(91_000) });
        // An answer to an older request does not end the wait.
        health.answered(2_000, 5);
        assert_eq!(health.gate(90_999), Gate::Closed { until_ms: Some(91_000) });
        assert_eq!(health.gate(91_000), Gate::Open, "no probe: it never failed to answer");
        assert_eq!(health.next_try_ms(91_000), None, "nothing is waited for any more");
        health.answered(91_000, 7);
        assert_eq!((health.slow_until_ms, health.latency_ms), (None, Some(7)), "what is over is forgotten");
        // Nor does a shorter wait shorten it.
        health.failed(&busy(Some(90_000)), 100_000, 5);
        health.failed(&busy(Some(1_000)), 100_001, 5);
        assert_eq!(health.next_try_ms(100_001), Some(190_000));
        // Without a word on how long: the usual steps.
        let mut health = Health::default();
        health.failed(&busy(None), 0, 5);
        assert_eq!(health.next_try_ms(0), Some(1_000));
        health.failed(&busy(None), 1_000, 5);
        assert_eq!(health.next_try_ms(1_000), Some(3_000));
    }

    #[test]
    fn a_paused_remote_is_asked_nothing_until_it_is_resumed() {
        let pause = Pause { by: "it".to_owned(), at_ms: 5, reason: "upgrade".to_owned() };
        let mut health = Health { paused: Some(pause.clone()), ..Health::default() };
        assert!(!health.allows(i64::MAX));
        assert_eq!(health.gate(0), Gate::Closed { until_ms: None });
        // Requests that were under way end as they end; the pause stays.
        health.answered(10, 1);
        health.failed(&timeout(), 11, 1);
        health.answered(12, 1);
        assert_eq!(health.paused, Some(pause));
        health.paused = None;
        assert!(health.allows(12));
    }

    #[test]
    fn refused_credentials_are_tried_once_an_interval() {
        let refused = RemoteError::SignIn { remote: Remote::Ehr, what: "invalid_client".to_owned() };
        let mut health = Health::default();
        health.failed(&refused, 0, 1);
        assert!(!health.allows(OPEN_FOR_MS - 1));
        assert!(health.allows(OPEN_FOR_MS) && !health.allows(OPEN_FOR_MS), "one probe");
        health.failed(&refused, OPEN_FOR_MS, 1);
        assert!(!health.allows(2 * OPEN_FOR_MS - 1) && health.allows(2 * OPEN_FOR_MS));
        assert_eq!(health.since_ms, Some(0), "since the first time");
        assert!(!health.breaker_open(), "it does answer");
        health.answered(2 * OPEN_FOR_MS, 1);
        assert!(health.allows(2 * OPEN_FOR_MS) && !health.sign_in_refused);
    }

    #[test]
    fn retry_after_wins_up_to_a_quarter_of_an_hour() {
        assert_eq!(next_try_ms(5, 5, 10, Some(500)), Some(510));
        assert_eq!(next_try_ms(1, 5, 10, Some(900_000)), Some(900_010));
        assert_eq!(next_try_ms(1, 5, 10, Some(86_400_000)), Some(900_010));
        assert_eq!(next_try_ms(1, 5, 10, Some(u64::MAX)), Some(900_010));
    }
}
