//! What keeps the engine from writing anything down for longer than one call: a full disk, a database that another
//! program holds, a damaged file. People are told for as long as it lasts; it is looked for again by itself.

use crate::error::EngineError;
use crate::step::{Effects, Engine, Notice};
use store::{Change, Store, StoreError};

/// Kind of the incident of a full disk.
pub const FULL_INCIDENT: &str = "storage_full";
/// Kind of the incident of a database that another program holds.
pub const LOCKED_INCIDENT: &str = "storage_locked";
/// Kind of the incident of a damaged file.
pub const DAMAGED_INCIDENT: &str = "storage_damaged";
/// What these incidents are about.
pub const STORAGE: &str = "storage";

/// How often it is looked whether it is over.
const LOOK_AGAIN_MS: i64 = 5_000;
/// The trouble is over when this much can be written at once: as much as a step of a run may need. One small commit that
/// just fits says nothing.
const ROOM_BYTES: usize = 256 * 1024;
const ROOM: &str = "storage.room";

/// What is wrong with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// No room on the disk, or the quota is used up.
    Full,
    /// Another program holds a lock on the file.
    Locked,
    /// The file is damaged. Nothing but another file ends that, and so a new start.
    Damaged,
}

impl StorageFault {
    /// What an error says of the store itself; `None` where it is about what was to be stored, or about the start.
    #[allow(clippy::match_same_arms, reason = "each says why")]
    pub const fn of(error: &StoreError) -> Option<StorageFault> {
        match error {
            StoreError::DiskFull => Some(StorageFault::Full),
            StoreError::Locked => Some(StorageFault::Locked),
            StoreError::Corrupt => Some(StorageFault::Damaged),
            // They come while the file is opened, and end the start with a screen of their own.
            StoreError::WrongKey
            | StoreError::NotEncrypted
            | StoreError::TooNew { .. }
            | StoreError::Owned => None,
            // What was to be stored is refused; the next commit may be well.
            StoreError::Refused { .. } | StoreError::Moved { .. } => None,
            // Not known to last.
            StoreError::Other(_) => None,
        }
    }

    /// The kind of its incident.
    pub const fn incident(self) -> &'static str {
        match self {
            StorageFault::Full => FULL_INCIDENT,
            StorageFault::Locked => LOCKED_INCIDENT,
            StorageFault::Damaged => DAMAGED_INCIDENT,
        }
    }
}

/// Trouble that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageTrouble {
    /// What it is.
    pub fault: StorageFault,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
    /// How often something could not be stored since.
    pub times: u32,
    /// When it is looked whether it is over; none where only a new start ends it.
    pub look_again_ms: Option<i64>,
}

/// Whether as much can be stored as a step may need; nothing of it stays.
///
/// # Errors
/// Why it cannot be stored.
pub async fn try_out(store: &dyn Store) -> Result<(), StoreError> {
    let put = |value: String| vec![Change::PutValue { key: ROOM.to_owned(), value }];
    store.commit(put("-".repeat(ROOM_BYTES))).await?;
    store.commit(put(String::new())).await
}

impl Engine {
    /// What keeps this engine from storing anything, if something does.
    pub const fn storage_trouble(&self) -> Option<StorageTrouble> {
        self.storage_trouble
    }

    /// An error of a step: if the store itself is in trouble, people are told until it is over.
    pub(crate) fn note_storage(&mut self, error: &EngineError, now_ms: i64, effects: &mut Effects) {
        let EngineError::Store(error) = error else { return };
        let Some(fault) = StorageFault::of(error) else { return };
        let known = self.storage_trouble;
        // Damage is the worst and does not pass: what else goes wrong on such a file says nothing new.
        let fault = match known {
            Some(StorageTrouble { fault: StorageFault::Damaged, .. }) => StorageFault::Damaged,
            Some(_) | None => fault,
        };
        let look_again_ms = match fault {
            StorageFault::Full | StorageFault::Locked => Some(now_ms + LOOK_AGAIN_MS),
            StorageFault::Damaged => None,
        };
        let (since_ms, times) = known.map_or((now_ms, 0), |known| (known.since_ms, known.times));
        self.storage_trouble =
            Some(StorageTrouble { fault, since_ms, times: times.saturating_add(1), look_again_ms });
        if known.is_none_or(|known| known.fault != fault) {
            tracing::error!(kind = fault.incident(), "storage.in_trouble");
            effects.notices.push(Notice::Storage);
        }
    }

    /// Looks whether trouble is over, now and then. When it is, the incident is written down, which it could not be
    /// before, and what waited goes on.
    pub(crate) async fn look_after_storage(&mut self, now_ms: i64, effects: &mut Effects) {
        let Some(trouble) = self.storage_trouble else { return };
        // A clock that was set back must not put this off.
        if trouble.look_again_ms.is_none_or(|at_ms| now_ms < at_ms && at_ms - now_ms <= LOOK_AGAIN_MS) {
            return;
        }
        if let Err(error) = try_out(&*self.store).await {
            self.note_storage(&EngineError::Store(error), now_ms, effects);
            self.storage_trouble = self
                .storage_trouble
                .map(|trouble| StorageTrouble { look_again_ms: Some(now_ms + LOOK_AGAIN_MS), ..trouble });
            return;
        }
        let over = vec![
            Change::RaiseIncident {
                id: self.new_id(now_ms),
                kind: trouble.fault.incident().to_owned(),
                subject: STORAGE.to_owned(),
                cause: String::new(),
                at_ms: trouble.since_ms,
            },
            Change::CloseIncident {
                kind: trouble.fault.incident().to_owned(),
                subject: STORAGE.to_owned(),
                at_ms: now_ms,
            },
        ];
        match self.store.commit(over).await {
            Ok(()) => {
                tracing::info!(kind = trouble.fault.incident(), "storage.well_again");
                self.storage_trouble = None;
                self.outbox_touched = true;
                self.looking.touched = true;
                effects.notices.extend([Notice::Storage, Notice::Incident]);
                if let Err(error) = Box::pin(self.catch_up(now_ms, effects)).await {
                    self.note_storage(&error, now_ms, effects);
                }
            }
            Err(error) => self.note_storage(&EngineError::Store(error), now_ms, effects),
        }
    }

    /// Ends what could not be ended in the store meanwhile: a run that failed, a plan whose last receipt is written.
    async fn catch_up(&mut self, now_ms: i64, effects: &mut Effects) -> Result<(), EngineError> {
        let problem = "this could not be written down; nothing is lost, start it again";
        self.end_runs_without_owner(problem, now_ms, effects).await?;
        self.rescue_plans_and_pairs(now_ms, effects).await
    }

    /// When to be called again for it.
    pub(crate) fn storage_wake_ms(&self) -> Option<i64> {
        self.storage_trouble.and_then(|trouble| trouble.look_again_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lasts_is_trouble() {
        let refused = StoreError::Refused { rule: "one head a lane".to_owned() };
        let moved = StoreError::Moved { what: "the plan".to_owned() };
        for (error, expected) in [
            (StoreError::DiskFull, Some(StorageFault::Full)),
            (StoreError::Locked, Some(StorageFault::Locked)),
            (StoreError::Corrupt, Some(StorageFault::Damaged)),
            (refused, None),
            (moved, None),
            (StoreError::Other("code 1".to_owned()), None),
        ] {
            assert_eq!(StorageFault::of(&error), expected, "{error}");
        }
    }
}
