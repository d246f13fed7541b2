//! Every command and event of the console, its permissions, its data, and the TypeScript for them.
//!
//! One [`Console`] serves the window, the command line and loopback HTTP alike: the permission of a command is checked
//! here, once, deny by default. Domain types stop here; what crosses is in [`dto`].

pub mod bindings;
mod braking;
mod calendar;
pub mod commands;
mod compare;
pub mod console;
pub mod dto;
mod duplicates;
mod errors;
mod findings;
mod home;
mod mid;
mod news;
mod patients;
pub mod permissions;
mod planning;
mod polling;
mod quarantine;
mod queue;
mod reasons;
mod receipts;
mod remotes;
mod reports;
mod schedule;
mod shown;
mod storage;
mod treatments;
mod visits;
mod words;

pub use console::{Console, MidServer, Parts};

/// What to do about an error of the store, for hosts that fail before there is a console.
pub fn store_advice(error: &store::StoreError) -> dto::ApiError {
    errors::of_store(error)
}

/// What a host sends after a gap: anything may have changed.
pub fn everything_changed() -> dto::Event {
    use dto::Tag;
    let tags = vec![
        Tag::Session,
        Tag::Home,
        Tag::Patients,
        Tag::Patient,
        Tag::Conflicts,
        Tag::Conflict,
        Tag::Plans,
        Tag::Receipts,
        Tag::Runs,
        Tag::Quarantine,
        Tag::Queue,
        Tag::Remotes,
        Tag::Incidents,
    ];
    dto::Event::Changed(dto::Changed { tags, id: None })
}
