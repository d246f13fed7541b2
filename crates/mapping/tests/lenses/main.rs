//! The lenses, from outside: their laws over generated documents, the official examples, and what they write
//! checked by a validator.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "what fails here fails a test; clippy's own exception covers test functions but not what they share"
)]

mod allergies;
mod appointment_places;
mod appointments;
mod checks;
mod emptied;
mod examples;
mod extensions;
mod laws;
mod places;
mod prints;
mod rows;
mod support;
mod treatments;
mod valid_r4;
