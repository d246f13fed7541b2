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

/// The calendar date of a time, in UTC.
pub(crate) fn day_of(now_ms: i64) -> chrono::NaiveDate {
    chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default().date_naive()
}

/// The same as year, month and day.
pub fn date_of(now_ms: i64) -> (u16, u8, u8) {
    use chrono::Datelike as _;
    let date = day_of(now_ms);
    let small = |number: u32| u8::try_from(number).unwrap_or(1);
    (u16::try_from(date.year()).unwrap_or(u16::MAX), small(date.month()), small(date.day()))
}

/// Makes ids that sort by time of creation (UUID version 7, RFC 9562).
pub trait Ids: Send + Sync + 'static {
    /// A new id.
    fn next(&self, now_ms: i64) -> String;
}

/// UUIDs from a seeded generator. Those of one millisecond sort as they were drawn, too (RFC 9562, 6.2, method 2): what
/// is made together lies together in every index of the store.
#[derive(Debug)]
pub struct SeededIds {
    drawn: Mutex<Drawn>,
}

#[derive(Debug)]
struct Drawn {
    rng: rand_chacha::ChaCha12Rng,
    /// Time and random part of the latest id.
    latest: Option<(u64, u128)>,
}

/// The random part: 74 bits go into the id, the top ones make room for counting up.
const RANDOM_BITS: u32 = 74;

impl SeededIds {
    /// Ids whose random part follows from the seed.
    pub fn new(seed: [u8; 32]) -> Self {
        let rng = rand_chacha::ChaCha12Rng::from_seed(seed);
        SeededIds { drawn: Mutex::new(Drawn { rng, latest: None }) }
    }
}

impl Ids for SeededIds {
    fn next(&self, now_ms: i64) -> String {
        let millis = u64::try_from(now_ms).unwrap_or(0);
        // A poisoned lock only means that another caller panicked between two draws; the generator is still sound.
        let mut drawn = self.drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let part = match drawn.latest {
            Some((same, part)) if same == millis => part + 1 + u128::from(drawn.rng.next_u32()),
            // Half of the room stays for those of the same millisecond.
            _ => {
                let high = u128::from(drawn.rng.next_u64()) << 64 | u128::from(drawn.rng.next_u64());
                high >> (128 - RANDOM_BITS + 1)
            }
        };
        drawn.latest = Some((millis, part));
        drop(drawn);
        // Version and variant stand between the three pieces (RFC 9562, 5.7).
        let piece = |shift: u32, bits: u32| (part >> shift) & ((1_u128 << bits) - 1);
        let id =
            u128::from(millis) << 80 | 0x7_u128 << 76 | piece(62, 12) << 64 | 0b10_u128 << 62 | piece(0, 62);
        uuid::Uuid::from_u128(id).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_of_their_time_and_sort_as_they_were_made() {
        let (one, other) = (SeededIds::new([1; 32]), SeededIds::new([1; 32]));
        let times = [5_i64, 5, 5, 6, 6, 1_790_000_000_000, 1_790_000_000_000, 1_790_000_000_001];
        let ids: Vec<String> = times.iter().map(|now_ms| one.next(*now_ms)).collect();
        assert_eq!(ids, times.iter().map(|now_ms| other.next(*now_ms)).collect::<Vec<_>>(), "from the seed");
        assert!(ids.is_sorted(), "{ids:?}");
        for (id, now_ms) in ids.iter().zip(times) {
            let id = uuid::Uuid::parse_str(id).expect("an id");
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            let bits = id.as_u128() >> 80;
            assert_eq!(bits, u128::try_from(now_ms).expect("a time after 1970"));
        }
    }

    #[test]
    fn ids_of_one_millisecond_differ_however_many_there_are() {
        let ids = SeededIds::new([2; 32]);
        let made: Vec<String> = (0..50_000).map(|_| ids.next(7)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_clock_that_goes_back_gives_fresh_ids() {
        let ids = SeededIds::new([3; 32]);
        let made: std::collections::HashSet<String> =
            [9, 8, 9, 8, 9].into_iter().map(|now_ms| ids.next(now_ms)).collect();
        assert_eq!(made.len(), 5);
    }
}
