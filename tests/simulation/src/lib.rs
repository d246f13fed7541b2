//! Deterministic simulation: whole clinic days of the real engine, clients and store against the simulated remotes,
//! with time, ids, chance and faults from one seed, and an independent checker over what the remotes saw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Everything here belongs to tests.
#![allow(clippy::missing_panics_doc)]

pub mod animals;
pub mod books;
pub mod checker;
pub mod corrections;
pub mod day;
pub mod desk;
pub mod draw;
pub mod history;
pub mod medium;
pub mod mutations;
pub mod network;
pub mod people;
pub mod process;
pub mod remotes;
pub mod swarm;

use day::{Day, Outcomes};

/// Lives the day of a seed, on a runtime of its own.
pub fn live(seed: u64) -> Outcomes {
    live_with(seed, None)
}

/// The same with a deliberate bug, which the checker is to find.
pub fn live_with(seed: u64, mutation: Option<mutations::Mutation>) -> Outcomes {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async { Box::pin(Day::begin(seed, mutation).await.live()).await })
}
