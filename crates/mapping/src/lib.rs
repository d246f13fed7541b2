//! Lenses between a record and what travels on the wire: ServiceNow rows and FHIR R4 JSON.
//!
//! Each field has a `get` and a `put`; `put` changes its own place only. The laws, tested with generated documents:
//!
//! 1. `get(put(s, v)) == v`: to the letter where the place can hold all of `v`, otherwise the same by
//!    [`record::sameness`] (a ServiceNow column holds no codes, FHIR's `gender` no written term). A `put` that would
//!    read back as anything else is refused with [`MappingError::CannotWrite`] and changes nothing.
//! 2. `put(s, get(s)) == s`, to the byte.
//! 3. `put(put(s, a), b) == put(s, b)` in everything outside the field's own place to the byte; inside it to the
//!    letter, except for the parts a value does not carry (given and family name, further codings, list
//!    separators): those survive as long as they stay true, so there the two agree by [`record::sameness`].
//!
//! A `put` of [`record::FieldState::Unknown`] does nothing: what a remote does not say is never touched.

pub mod event;
pub mod fast;
pub mod fhir;
mod node;
pub mod servicenow;
mod text;

pub use fhir::{AppointmentLens, BareAllergies, PatientLens, TreatmentForm, TreatmentLens, TreatmentVersion};
pub use servicenow::{ColumnType, Completion, RowLens};

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

impl MappingError {
    pub(crate) fn cannot(field: &record::FieldSpec, problem: impl Into<String>) -> MappingError {
        MappingError::CannotWrite { field: field.id.clone(), problem: problem.into() }
    }

    pub(crate) fn not_this_kind(what: impl Into<String>) -> MappingError {
        MappingError::NotThisKind { what: what.into() }
    }
}
