//! Reading in bulk: exports of a million records, and stored snapshots.
//!
//! The rules are those of [`RowLens::get`] and [`PatientLens::get`], to the letter: only the document is held in
//! another form, laid out flat with its texts borrowed, instead of an editable tree.

mod print;
pub(crate) mod reader;

pub use print::{HIDDEN, Keys, Printer};

use crate::fhir::tree;
use crate::node::{Node, Tape};
use crate::{PatientLens, RowLens};
use record::{FieldIx, Record};

impl RowLens {
    /// What [`RowLens::get`] reads from this text, without building an editable document; `None` where the text is
    /// not JSON or not a row, for which `get` says why.
    pub fn get_fast(&self, row: &str) -> Option<Record> {
        self.get_some_fast(row, |_| true)
    }

    /// The same for the wanted fields; the others are [`record::FieldState::Unknown`].
    pub fn get_some_fast(&self, row: &str, wanted: impl Fn(FieldIx) -> bool) -> Option<Record> {
        self.read(Tape::default().lay_out(row)?, wanted).ok()
    }

    /// The keys of a row, and a print of every field, appended to `prints` in catalogue order; `None`, and nothing
    /// appended, where [`RowLens::get`] refuses the text. See [`Printer`].
    pub fn print(&self, row: &str, printer: &mut Printer, prints: &mut Vec<u64>) -> Option<Keys> {
        let Printer { tape, memory } = printer;
        self.read_as(tape.lay_out(row)?, memory, prints).map(Keys::of)
    }
}

impl PatientLens {
    /// What [`PatientLens::get`] reads from this text, without building an editable document; `None` where the text
    /// is not JSON or holds no Patient, for which `get` says why.
    pub fn get_fast(&self, bundle: &str) -> Option<Record> {
        self.get_some_fast(bundle, |_| true)
    }

    /// The same for the wanted fields; the others are [`record::FieldState::Unknown`].
    pub fn get_some_fast(&self, bundle: &str, wanted: impl Fn(FieldIx) -> bool) -> Option<Record> {
        self.read(Tape::default().lay_out(bundle)?, wanted).ok()
    }

    /// The keys of a patient, and a print of every field, appended to `prints` in catalogue order; `None`, and nothing
    /// appended, where [`PatientLens::get`] refuses the text or the Bundle holds more than one
    /// Patient. See [`Printer`].
    pub fn print(&self, bundle: &str, printer: &mut Printer, prints: &mut Vec<u64>) -> Option<Keys> {
        let Printer { tape, memory } = printer;
        let root = tape.lay_out(bundle)?;
        if holds_several(root) {
            return None;
        }
        self.read_as(root, memory, prints).map(Keys::of)
    }
}

/// Whether a Bundle holds more than one Patient.
fn holds_several<'a>(bundle: impl Node<'a>) -> bool {
    tree::items(bundle, "entry")
        .filter_map(|entry| entry.get("resource"))
        .filter(|resource| tree::text(*resource, "resourceType") == Some("Patient"))
        .nth(1)
        .is_some()
}
