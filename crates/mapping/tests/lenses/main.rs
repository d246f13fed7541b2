//! The lenses, from outside: their laws over generated documents, the official examples, and what they write
//! checked by a validator.

mod examples;
mod laws;
mod places;
mod rows;
mod support;
mod valid_r4;
