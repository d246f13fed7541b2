//! Journeys: the real agent against simulated remotes over TLS sockets, driven through the console's commands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod appointments;
mod billing;
mod deciding;
mod duplicates;
mod faults;
mod first_comparison;
mod held_back;
mod lost_updates;
mod mid_server;
mod network;
mod offline;
mod one_sided;
mod permissions;
mod polling;
mod queue;
mod reports;
mod schedule;
mod second_person;
mod single;
mod starting;
mod treatments;
mod webhooks;
