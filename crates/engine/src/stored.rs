//! The stored form of records and bases, today's and the first one.

use crate::error::{EngineError, Result, decode};
use reconcile::compare::Base;
use record::Record;

/// Reads a stored record.
pub fn record(text: &str) -> Result<Record> {
    record::stored::decode(text)
        .map_err(|error| EngineError::Decode { what: "record", problem: error.to_string() })
}

/// Reads a stored base.
pub fn base(text: &str) -> Result<Base> {
    if record::stored::is_json(text) {
        return decode("base", text);
    }
    reconcile::stored::decode_base(text)
        .map_err(|error| EngineError::Decode { what: "base", problem: error.to_string() })
}
