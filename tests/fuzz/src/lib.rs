//! Everything that reads what others send, given broken, hostile and merely odd input.
//!
//! A [`Target`] takes bytes and panics where something must not be: a panic inside the product, a law of the lenses that
//! does not hold, two readers of the same text that disagree, a client that asks without end. The inputs that are kept
//! stand in `corpus/TARGET`, one file each; [`mutated::Inputs`] makes further ones out of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "everything here belongs to tests; a target says what is wrong by panicking"
)]

pub mod corpus;
pub mod mutated;
pub mod targets;

/// Takes an input apart; panics if something must not be.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the folder of its inputs.
pub const TARGETS: [(&str, Target); 17] = [
    ("json", targets::texts::json),
    ("values", targets::texts::values),
    ("encoded_query", targets::queries::encoded_query),
    ("simulated_requests", targets::queries::simulated_requests),
    ("settings_toml", targets::configuration::toml),
    ("settings_json", targets::configuration::json),
    ("patient", targets::lenses::patient),
    ("row", targets::lenses::row),
    ("appointment", targets::visits::appointment),
    ("treatment", targets::visits::treatment),
    ("servicenow_answers", targets::clients::servicenow),
    ("servicenow_dictionary", targets::clients::servicenow_dictionary),
    ("ehr_answers", targets::clients::ehr),
    ("token_answers", targets::clients::token),
    ("mid_answers", targets::clients::mid_answers),
    ("ecc_payloads", targets::clients::ecc_payloads),
    ("events", targets::events::events),
];
