//! Lenses between a record and what travels on the wire: ServiceNow rows and FHIR R4 JSON.
//!
//! Each field has a `get` and a `put`; `put` changes its own place only. Laws, tested with generated data:
//! `get(put(s, v)) == v`, `put(s, get(s)) == s`, `put(put(s, a), b) == put(s, b)`.

pub mod fhir;
pub mod servicenow;

/// A value that has no place in the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The raw document is not what this lens reads.
    #[error("{what}")]
    NotThisKind {
        /// What was expected and found, without values.
        what: String,
    },
    /// The value cannot be written there.
    #[error("field {field}: {problem}")]
    CannotWrite {
        /// The field's id.
        field: String,
        /// Why, and the way out.
        problem: String,
    },
}
