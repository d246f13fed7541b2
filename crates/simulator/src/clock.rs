//! The simulated remotes' own clock: real remotes do not share the client's.

use chrono::{DateTime, TimeZone, Utc};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that can be fixed, moved and skewed while the simulation runs.
#[derive(Clone)]
pub struct Clock {
    read_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
    skew_ms: Arc<AtomicI64>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("now_ms", &self.now_ms()).finish()
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        #[allow(
            clippy::disallowed_methods,
            reason = "the remotes are other machines with clocks of their own; this is the one place that stands for them"
        )]
        let read = || Utc::now().timestamp_millis();
        Clock::from_fn(read)
    }

    /// A clock read through a function that returns Unix milliseconds.
    pub fn from_fn(read_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Clock {
        Clock { read_ms: Arc::new(read_ms), skew_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// A clock that stands still at these Unix milliseconds until [`Clock::set_skew_ms`] moves it.
    pub fn fixed(at_ms: i64) -> Clock {
        Clock::from_fn(move || at_ms)
    }

    /// Now, in Unix milliseconds, skew included.
    pub fn now_ms(&self) -> i64 {
        (self.read_ms)().saturating_add(self.skew_ms.load(Ordering::Relaxed))
    }

    /// The same source of time with a skew of its own.
    #[must_use]
    pub fn separate(&self) -> Clock {
        Clock { read_ms: Arc::clone(&self.read_ms), skew_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// Sets how far this clock is ahead (or behind, if negative), in milliseconds.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }
}

/// The point in time of Unix milliseconds; the epoch for values outside chrono's range.
pub(crate) fn utc(at_ms: i64) -> DateTime<Utc> {
    Utc.timestamp_millis_opt(at_ms).single().unwrap_or_default()
}

/// `YYYY-MM-DD HH:MM:SS` in UTC, as ServiceNow stores datetimes (wire-facts 5.4).
pub(crate) fn servicenow_text(at_ms: i64) -> String {
    utc(at_ms).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A FHIR `instant` with milliseconds.
pub(crate) fn instant(at_ms: i64) -> String {
    utc(at_ms).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
