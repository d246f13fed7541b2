//! ServiceNow row <-> record.

use crate::MappingError;
use record::{Catalogue, Conventions, FieldIx, FieldState, Json, Record};
use std::sync::Arc;

/// How one ServiceNow table is read and written.
#[derive(Debug, Clone)]
pub struct RowLens {
    /// The fields.
    pub catalogue: Arc<Catalogue>,
    /// The hospital's ways of writing.
    pub conventions: Arc<Conventions>,
    /// Resolved column names, by catalogue field (`u_patient_name`).
    pub columns: Vec<String>,
    /// Column that holds the EHR's id of the same patient.
    pub ehr_id_column: String,
    /// Column that says whether the patient is active, if the table has one.
    pub active_column: Option<String>,
    /// Column that says whether the patient is dead, if the table has one.
    pub deceased_column: Option<String>,
}

impl RowLens {
    /// Reads a row.
    pub fn get(&self, _row: &Json) -> Result<Record, MappingError> {
        todo!()
    }

    /// Sets one field in a row; everything else stays as it was.
    pub fn put(&self, _row: &mut Json, _field: FieldIx, _state: &FieldState) -> Result<(), MappingError> {
        todo!()
    }

    /// The body of a PATCH (or POST, when `row` is an empty object) that makes these changes: the changed columns
    /// only, never a `sys_` one.
    pub fn patch(&self, _row: &Json, _writes: &[(FieldIx, FieldState)], _ehr_key: Option<&str>) -> Result<Json, MappingError> {
        todo!()
    }
}
