//! The targets, by what they read.

pub mod clients;
pub mod configuration;
pub mod events;
pub mod lenses;
pub mod queries;
pub mod texts;
pub mod visits;

/// The input as text; most readers are given text only.
fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
