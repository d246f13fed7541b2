//! A ceiling on how often a remote is asked (specification "Rate Limiting": respect the remote's limits).

use super::{TlsMinimum, Transport, TransportFailure};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Milliseconds since a moment that never changes, of a clock that nobody sets and that never goes back (`Instant`). It
/// comes in as a value, like the time of day.
pub type Elapsed = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Waits so many milliseconds. It comes in as a value, so that the seeded simulation can let its own time pass.
pub type Wait = Arc<dyn Fn(u64) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The window the ceiling counts in, milliseconds.
const WINDOW_MS: i64 = 60_000;

/// Lets at most so many requests pass within any minute; the others wait their turn, in the order they came.
pub struct Ceiling {
    inner: Arc<dyn Transport>,
    per_minute: usize,
    elapsed: Elapsed,
    wait: Wait,
    /// When the requests of the last minute passed, oldest first.
    passed: Mutex<VecDeque<i64>>,
}

impl Ceiling {
    /// A ceiling over a transport, which waits in real time. Zero means one. The time of day would not do: a clock that is
    /// set forward by a minute would have it forget what has just passed, and twice as many go out.
    pub fn new(inner: Arc<dyn Transport>, requests_per_minute: u32, elapsed: Elapsed) -> Ceiling {
        let wait: Wait = Arc::new(|wait_ms| Box::pin(tokio::time::sleep(Duration::from_millis(wait_ms))));
        Ceiling::waiting_by(inner, requests_per_minute, elapsed, wait)
    }

    /// The same over a time of the caller's own.
    pub fn waiting_by(
        inner: Arc<dyn Transport>,
        requests_per_minute: u32,
        elapsed: Elapsed,
        wait: Wait,
    ) -> Ceiling {
        let per_minute = usize::try_from(requests_per_minute.max(1)).unwrap_or(usize::MAX);
        Ceiling { inner, per_minute, elapsed, wait, passed: Mutex::new(VecDeque::new()) }
    }

    async fn wait_for_turn(&self) {
        // Held while waiting: whoever came first goes first.
        let mut passed = self.passed.lock().await;
        loop {
            let now_ms = (self.elapsed)();
            match wait_ms(&mut passed, self.per_minute, now_ms) {
                None => {
                    passed.push_back(now_ms);
                    return;
                }
                Some(wait_ms) => (self.wait)(wait_ms).await,
            }
        }
    }
}

/// How long the next request has to wait, if at all. Forgets what is older than a minute.
fn wait_ms(passed: &mut VecDeque<i64>, per_minute: usize, now_ms: i64) -> Option<u64> {
    passed.retain(|at_ms| now_ms - *at_ms < WINDOW_MS);
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

    fn carrier(&self) -> Option<&str> {
        self.inner.carrier()
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

    /// Notes when each request passed.
    struct Passing {
        at_ms: std::sync::Mutex<Vec<i64>>,
        now: Elapsed,
    }

    #[async_trait]
    impl Transport for Passing {
        async fn send(
            &self,
            _request: http::Request<Vec<u8>>,
        ) -> Result<http::Response<Vec<u8>>, TransportFailure> {
            self.at_ms.lock().expect("no panic").push((self.now)());
            // Answers take their time, and different ones.
            tokio::time::sleep(Duration::from_millis(37)).await;
            Ok(http::Response::new(Vec::new()))
        }
    }

    /// A hundred callers at once, among them those that ask for tokens: they share the ceiling, none is starved, and no
    /// window of a minute, wherever it begins, holds more than it allows.
    #[tokio::test(start_paused = true)]
    async fn a_hundred_callers_never_exceed_it() {
        let began = tokio::time::Instant::now();
        let now: Elapsed = Arc::new(move || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        let passing = Arc::new(Passing { at_ms: std::sync::Mutex::default(), now: now.clone() });
        let ceiling = Arc::new(Ceiling::new(passing.clone(), 60, now));
        let callers: Vec<_> = (0..100)
            .map(|caller| {
                let ceiling = Arc::clone(&ceiling);
                tokio::spawn(async move {
                    for _ in 0..3 {
                        // They do not come in step.
                        tokio::time::sleep(Duration::from_millis(caller * 13 % 97)).await;
                        ceiling.send(http::Request::new(Vec::new())).await.expect("an answer");
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.expect("no panic");
        }
        let mut at_ms = passing.at_ms.lock().expect("no panic").clone();
        assert_eq!(at_ms.len(), 300, "everybody had their turn");
        at_ms.sort_unstable();
        for window in at_ms.windows(61) {
            assert!(window[60] - window[0] >= WINDOW_MS, "61 requests within {} ms", window[60] - window[0]);
        }
        assert!(at_ms[299] < 5 * WINDOW_MS, "and it is used: {} ms for five minutes' worth", at_ms[299]);
    }
}
