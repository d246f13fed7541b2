//! PDF/UA-1: tagged, with title, language, outline, page numbers and table headers that are repeated.
//!
//! `layout` decides what stands where and what it is, without knowing of PDF; `draw` writes that. Text is set in `DejaVu`
//! Sans, of which only the glyphs that are used go into the file.

mod draw;
mod face;
mod fonts;
mod layout;
mod metadata;

use crate::{Report, ReportError};

/// The report as a PDF.
///
/// # Errors
/// A font of the program that is damaged.
pub fn pdf(report: &Report) -> Result<Vec<u8>, ReportError> {
    let faces = face::Faces::load()?;
    draw::draw(report, &layout::lay_out(report, &faces), &faces)
}
