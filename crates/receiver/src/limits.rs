//! How many messages a sender may send: a bucket of tokens each.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

/// Senders remembered; beyond that those that have been silent longest are forgotten, with a full bucket.
const SENDERS_MOST: usize = 4_096;

/// Messages a minute, per sender, with a minute's worth at once.
#[derive(Debug)]
pub struct RateLimit<K> {
    per_minute: u32,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of a token.
    left: i64,
    at_ms: i64,
}

impl<K: Eq + Hash + Clone> RateLimit<K> {
    /// So many a minute.
    pub fn new(per_minute: u32) -> Self {
        RateLimit { per_minute: per_minute.max(1), buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one message of a sender; otherwise after how many whole seconds the next one is welcome.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn take(&self, sender: &K, now_ms: i64) -> Result<(), u64> {
        let full = i64::from(self.per_minute) * 1_000;
        // A poisoned lock only means that another caller panicked; counts are whole.
        let mut buckets = self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() >= SENDERS_MOST && !buckets.contains_key(sender) {
            let silent = buckets.iter().min_by_key(|(_, bucket)| bucket.at_ms).map(|(key, _)| key.clone());
            silent.and_then(|key| buckets.remove(&key));
        }
        let bucket = buckets.entry(sender.clone()).or_insert(Bucket { left: full, at_ms: now_ms });
        // A clock that was set back refills nothing and takes nothing away.
        let passed_ms = (now_ms - bucket.at_ms).clamp(0, 60_000);
        bucket.left = (bucket.left + passed_ms * i64::from(self.per_minute) / 60).min(full);
        bucket.at_ms = now_ms;
        if bucket.left >= 1_000 {
            bucket.left -= 1_000;
            return Ok(());
        }
        let missing_ms = (1_000 - bucket.left) * 60 / i64::from(self.per_minute);
        Err(u64::try_from(missing_ms).unwrap_or(0).div_ceil(1_000).max(1))
    }

    /// How many senders are remembered.
    pub fn remembered(&self) -> usize {
        self.buckets.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len()
    }
}
