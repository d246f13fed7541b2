//! A ceiling on how often a remote is asked (specification "Rate Limiting": respect the remote's limits).

use super::{Now, TlsMinimum, Transport, TransportFailure};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The window the ceiling counts in, milliseconds.
const WINDOW_MS: i64 = 60_000;

/// Lets at most so many requests pass within any minute; the others wait their turn, in the order they came.
pub struct Ceiling {
    inner: Arc<dyn Transport>,
    per_minute: usize,
    now: Now,
    /// When the requests of the last minute passed, oldest first.
    passed: Mutex<VecDeque<i64>>,
}

impl Ceiling {
    /// A ceiling over a transport. Zero means one.
    pub fn new(inner: Arc<dyn Transport>, requests_per_minute: u32, now: Now) -> Ceiling {
        let per_minute = usize::try_from(requests_per_minute.max(1)).unwrap_or(usize::MAX);
        Ceiling { inner, per_minute, now, passed: Mutex::new(VecDeque::new()) }
    }

    async fn wait_for_turn(&self) {
        // Held while waiting: whoever came first goes first.
        let mut passed = self.passed.lock().await;
        loop {
            let now_ms = (self.now)();
            match wait_ms(&mut passed, self.per_minute, now_ms) {
                None => {
                    passed.push_back(now_ms);
                    return;
                }
                Some(wait_ms) => tokio::time::sleep(Duration::from_millis(wait_ms)).await,
            }
        }
    }
}

/// How long the next request has to wait, if at all. Forgets what is older than a minute, and what a clock that was set
/// back left in the future.
fn wait_ms(passed: &mut VecDeque<i64>, per_minute: usize, now_ms: i64) -> Option<u64> {
    passed.retain(|at_ms| *at_ms <= now_ms && now_ms - *at_ms < WINDOW_MS);
    if passed.len() < per_minute {
        return None;
    }
    let oldest_ms = passed.front()?;
    u64::try_from(oldest_ms + WINDOW_MS - now_ms).ok()
}

#[async_trait]
impl Transport for Ceiling {
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, TransportFailure> {
        self.wait_for_turn().await;
        self.inner.send(request).await
    }

    fn tls_minimum(&self) -> TlsMinimum {
        self.inner.tls_minimum()
    }

    fn requests_per_minute(&self) -> Option<u32> {
        u32::try_from(self.per_minute).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_the_ceiling_within_any_minute() {
        let mut passed = VecDeque::new();
        let mut at_ms = 0;
        let mut times = Vec::new();
        for step in 0..500_i64 {
            at_ms += (step * 37) % 400;
            if let Some(wait) = wait_ms(&mut passed, 20, at_ms) {
                at_ms += i64::try_from(wait).expect("small");
                assert_eq!(wait_ms(&mut passed, 20, at_ms), None, "the wait is long enough");
            }
            passed.push_back(at_ms);
            times.push(at_ms);
        }
        for window in times.windows(21) {
            assert!(window[20] - window[0] >= WINDOW_MS, "21 requests within a minute");
        }
    }

    #[test]
    fn a_clock_set_back_does_not_block() {
        let mut passed = VecDeque::from(vec![1_000_000; 20]);
        assert_eq!(wait_ms(&mut passed, 20, 0), None);
    }
}
