//! Into what form a lens reads: a [`FieldState`] with everything that was written, or only a print of it.

use crate::fhir::concept;
use crate::node::Node;
use crate::text;
use record::catalogue::ValueType;
use record::{Conventions, FieldState};

/// Makes a form of what a remote says about a field.
pub(crate) trait Reader {
    /// The form.
    type Said;

    /// What a text says.
    fn text(&mut self, value_type: &ValueType, text: &str, conventions: &Conventions) -> Self::Said;

    /// What a concept (FHIR `CodeableConcept`) says.
    fn concept<'a>(
        &mut self,
        concept: impl Node<'a>,
        value_type: &ValueType,
        conventions: &Conventions,
    ) -> Self::Said;

    /// What is known already.
    fn state(&mut self, state: FieldState) -> Self::Said;

    /// Whether it is said to be empty.
    fn is_blank(said: &Self::Said) -> bool;
}

/// Keeps everything.
pub(crate) struct AsState;

impl Reader for AsState {
    type Said = FieldState;

    fn text(&mut self, value_type: &ValueType, text: &str, conventions: &Conventions) -> FieldState {
        text::read(value_type, text, conventions)
    }

    fn concept<'a>(
        &mut self,
        concept: impl Node<'a>,
        value_type: &ValueType,
        conventions: &Conventions,
    ) -> FieldState {
        concept::read(concept, value_type, conventions)
    }

    fn state(&mut self, state: FieldState) -> FieldState {
        state
    }

    fn is_blank(said: &FieldState) -> bool {
        said.is_blank()
    }
}
