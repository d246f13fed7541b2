//! Observe, compare, plan, execute, verify, agree: the one pipeline, advanced by explicit steps.
//!
//! [`Engine::step`] takes an event and the time, commits at most a few transactions to the store, and returns the
//! requests to send and the answers to give; [`Engine::step_many`] does so for all that has arrived, with one sync of the
//! disk. It never spawns, sleeps or waits for the network: the product's driver
//! ([`drive`]) and a seeded simulation are two loops around the same steps.

pub mod batch;
pub mod braking;
pub mod broken;
pub mod causes;
mod checks;
pub mod clock;
pub mod comparing;
pub mod completion;
pub mod counts;
mod deciding;
pub mod drive;
mod duplicates;
mod editing;
pub mod errands;
pub mod error;
pub mod execute;
pub mod facts;
mod finishing;
pub mod gate;
pub mod health;
pub mod inbox;
pub mod judge;
pub mod lens;
pub mod links;
pub mod mid;
pub mod one_sided;
pub mod overwritten;
pub mod pairing;
pub mod plans;
pub mod polling;
pub mod quarantine;
mod questions;
mod queue;
mod reading;
pub mod remembered;
mod rescue;
pub mod resembling;
pub mod rules;
pub mod runs;
pub mod schedule;
mod screening;
mod setbacks;
mod settling;
pub mod step;
pub mod storage;
mod stored;
pub mod treatments;
pub mod visits;

pub use clock::{Clock, Ids};
pub use error::EngineError;
pub use lens::{DocumentLens, KindLenses, Lenses};
pub use reconcile::brake::BrakeLimits;
pub use reconcile::identity::{Matching, Weights};
pub use rules::Rules;
pub use step::{Command, Effects, Engine, Event, Notice, Policy, Reply, Request, Said, Ticket};
