//! Chance, all of it from the seed of the day.

use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// One stream of chance. Each part of the day has its own, so that a change in one does not shuffle the others.
#[derive(Debug, Clone)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of that name in the day of that seed.
    pub fn of(seed: u64, stream: u64) -> Draw {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Draw(rng)
    }

    /// A whole number under `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }

    /// A whole number from `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from).unwrap_or(0) + 1;
        from + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True in that many of a thousand cases.
    pub fn per_mille(&mut self, rate: u32) -> bool {
        self.below(1_000) < u64::from(rate)
    }

    /// True in that many of a hundred cases.
    pub fn percent(&mut self, rate: u32) -> bool {
        self.below(100) < u64::from(rate)
    }

    /// An index into something of that length; `None` if it is empty.
    pub fn index(&mut self, length: usize) -> Option<usize> {
        let length = u64::try_from(length).unwrap_or(0);
        if length == 0 { None } else { usize::try_from(self.below(length)).ok() }
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        self.index(all.len()).and_then(|at| all.get(at))
    }

    /// Thirty-two bytes, for generators of others.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
