//! Reading in bulk: exports of a million records, and stored snapshots.
//!
//! The rules are those of [`RowLens::get`] and [`PatientLens::get`], to the letter: only the document is held in
//! another form, laid out flat with its texts borrowed, instead of an editable tree.

use crate::node::Tape;
use crate::{PatientLens, RowLens};
use record::Record;

impl RowLens {
    /// What [`RowLens::get`] reads from this text, without building an editable document; `None` where the text is
    /// not JSON or not a row, for which `get` says why.
    pub fn get_fast(&self, row: &str) -> Option<Record> {
        self.read(Tape::parse(row)?.root()).ok()
    }
}

impl PatientLens {
    /// What [`PatientLens::get`] reads from this text, without building an editable document; `None` where the text
    /// is not JSON or holds no Patient, for which `get` says why.
    pub fn get_fast(&self, bundle: &str) -> Option<Record> {
        self.read(Tape::parse(bundle)?.root()).ok()
    }
}
