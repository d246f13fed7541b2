//! Species, breeds, sex terms, units, appointment types and statuses: the vocabulary tables and their look-ups.
//!
//! SNOMED CT codes are members of the Global Patient Set (CC BY 4.0, see `data/LICENCE.md`). Only such codes are ever
//! sent; what has none travels as text.

pub mod appointment_status;
pub mod appointment_types;
pub mod breeds;
pub mod medication;
pub mod sex_terms;
pub mod snomed;
pub mod species;
pub mod units;

pub use breeds::{breed_codings, breed_from};
pub use snomed::{SNOMED_CT, valid_snomed_id};
pub use species::{species_codings, species_from};

use crate::value::Coded;

/// A concept without a built-in vocabulary, from its text and codes.
pub fn coded_from(codings: Vec<crate::value::Coding>, text: Option<&str>) -> Option<Coded> {
    let text = best_text(&codings, text);
    (!text.is_empty()).then_some(Coded { text, codings, concept: None })
}

/// The text people read: the given one, else a code's display text, else a bare code.
fn best_text(codings: &[crate::value::Coding], text: Option<&str>) -> String {
    text.map(crate::text::trimmed)
        .filter(|text| !text.is_empty())
        .or_else(|| {
            codings
                .iter()
                .filter_map(|coding| coding.display.as_deref())
                .map(crate::text::trimmed)
                .find(|display| !display.is_empty())
        })
        .or_else(|| codings.iter().map(|coding| coding.code.as_str()).find(|code| !code.is_empty()))
        .unwrap_or_default()
        .to_owned()
}

impl Coded {
    /// The text written to a ServiceNow column: what people read, never a bare code where a name is known.
    pub fn stored_text(&self) -> &str {
        &self.text
    }
}
