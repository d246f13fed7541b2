//! What VetSync knows about a record, independent of where it came from: record kinds, the field catalogue,
//! typed values with their normal forms, and validation.
//!
//! Pure: no IO, no clock, no async. Time, where a rule needs it, is a parameter.

pub mod catalogue;
pub mod codes;
pub mod fees;
pub mod json;
pub mod kind;
pub mod record;
pub mod sameness;
pub mod stored;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod validate;
pub mod value;

pub use catalogue::{Catalogue, FieldIx, FieldSpec};
pub use json::Json;
pub use kind::{RecordKind, Remote};
pub use record::{FieldState, Record};
pub use sameness::{SameBecause, Sameness, comparable, sameness, state_sameness};
pub use value::{Conventions, Value, ValueProblem};
