//! What keeps VetSync from storing anything, in words, for as long as it lasts.

use crate::console::Console;
use crate::dto::{StorageFault as Shown, StorageTrouble};
use engine::storage::StorageFault;

impl Console {
    /// What the engine knows of its store at this moment.
    pub(crate) fn storage_trouble(&self) -> Option<StorageTrouble> {
        let trouble = self.parts.engine.pulse().storage?;
        let (words, way_out) = advice(trouble.fault);
        let fault = match trouble.fault {
            StorageFault::Full => Shown::Full,
            StorageFault::Locked => Shown::Locked,
            StorageFault::Damaged => Shown::Damaged,
        };
        Some(StorageTrouble {
            fault,
            words: words.to_owned(),
            way_out: way_out.to_owned(),
            since_ms: trouble.since_ms,
        })
    }
}

/// What is wrong, and what to do about it.
pub(crate) const fn advice(fault: StorageFault) -> (&'static str, &'static str) {
    match fault {
        StorageFault::Full => (
            "The disk is full: nothing can be stored, so nothing is decided and nothing is sent. Nothing is lost.",
            "Free some space on the disk that holds VetSync's data. It notices within seconds and goes on by itself.",
        ),
        StorageFault::Locked => (
            "Another program holds the database: nothing can be stored, so nothing is decided and nothing is sent. Nothing is lost.",
            "Close the program that has the database file open (a backup, a database browser). VetSync notices within seconds and goes on by itself.",
        ),
        // What to do is the same as when it is found at the start.
        StorageFault::Damaged => (
            "The database file is damaged: what is shown may be old, and nothing is sent.",
            "Run `vetsync doctor`. Where it finds damage, close VetSync, move the database file away and start again: it reads everything anew from both remotes. Decisions not yet sent are in the damaged file; keep it.",
        ),
    }
}
