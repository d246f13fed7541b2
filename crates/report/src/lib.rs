//! Reports as files: one value, [`Report`], written as PDF, XLSX and CSV.
//!
//! Pure: no clock, no files, no network. What a report says is computed before (`console-api`); here it only takes a form,
//! so that every form holds the same figures. The same report gives the same bytes, whenever and wherever it is written.

mod lines;
mod pdf;
mod sheets;
mod value;

pub use lines::csv;
pub use pdf::pdf;
pub use sheets::xlsx;
pub use value::{Cell, Column, Figure, Report, Row, Share, Stamp, Table};

/// A report that could not be given its form.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A font of the program is damaged.
    #[error("the PDF could not be written: {0}")]
    Pdf(String),
    /// The workbook's writer refused.
    #[error("the workbook could not be written: {0}")]
    Xlsx(String),
    /// The lines could not be written.
    #[error("the lines could not be written: {0}")]
    Csv(String),
}
