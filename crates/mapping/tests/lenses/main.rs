//! The lenses, from outside: their laws over generated documents, the official examples, and what they write
//! checked by a validator.

// What fails here fails a test; clippy's own exception covers test functions but not what they share.
#![allow(clippy::expect_used, clippy::panic)]

mod examples;
mod laws;
mod places;
mod rows;
mod support;
mod valid_r4;
