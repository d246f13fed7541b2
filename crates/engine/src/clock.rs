//! Time, ids and randomness come in through these values, so that a simulation can own them.

use rand::RngCore as _;
use rand::SeedableRng as _;
use std::sync::Mutex;

/// The wall clock.
pub trait Clock: Send + Sync + 'static {
    /// Unix milliseconds.
    fn now_ms(&self) -> i64;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now_ms(&self) -> i64 {
        chrono::Utc::now().timestamp_millis()
    }
}

/// The calendar date of a time, year, month and day, in UTC.
pub fn date_of(now_ms: i64) -> (u16, u8, u8) {
    use chrono::Datelike as _;
    let date = chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default().date_naive();
    let small = |number: u32| u8::try_from(number).unwrap_or(1);
    (u16::try_from(date.year()).unwrap_or(u16::MAX), small(date.month()), small(date.day()))
}

/// Makes ids that sort by time of creation (UUID version 7, RFC 9562).
pub trait Ids: Send + Sync + 'static {
    /// A new id.
    fn next(&self, now_ms: i64) -> String;
}

/// UUIDs from a seeded generator.
#[derive(Debug)]
pub struct SeededIds {
    rng: Mutex<rand_chacha::ChaCha12Rng>,
}

impl SeededIds {
    /// Ids whose random part follows from the seed.
    pub fn new(seed: [u8; 32]) -> Self {
        SeededIds { rng: Mutex::new(rand_chacha::ChaCha12Rng::from_seed(seed)) }
    }
}

impl Ids for SeededIds {
    fn next(&self, now_ms: i64) -> String {
        let mut random = [0_u8; 10];
        // A poisoned lock only means that another caller panicked between two draws; the generator is still sound.
        self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(&mut random);
        let millis = u64::try_from(now_ms).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
    }
}
