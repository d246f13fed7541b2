//! ServiceNow row <-> record.
//!
//! Rows are read with `sysparm_display_value=false&sysparm_exclude_reference_link=true`: every scalar is a string,
//! `""` means empty, an absent column means unknown (Table API reference; wire-facts 5.4). The object forms of other
//! display settings are understood as well.
//!
//! **Dates of which a part is unknown.** A text column takes `2019` as it is. A column of type
//! [`ColumnType::Date`] cannot, so the missing month and day are filled with `01` (wire-facts 8.2). That they are
//! unknown is kept on our side: in the base, which holds the partial date both remotes agreed on.
//! [`RowLens::reread`] puts that knowledge back whenever a row is read, for comparing and for verifying a write
//! alike: a column that still holds the fill of the agreed partial date reads as that partial date.

pub mod bill;
mod column;

pub use column::ColumnType;
pub(crate) use column::not_linked;

use crate::fast::reader::{AsState, Reader};
use crate::node::{Node, Scalar};
use crate::{MappingError, text};
use record::value::Value;
use record::{Catalogue, Conventions, FieldIx, FieldSpec, FieldState, Json, Record, Remote};
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
    /// Column types, by catalogue field, from `sys_dictionary`; a missing one is [`ColumnType::Text`].
    pub column_types: Vec<ColumnType>,
    /// Column that holds the EHR's id of the same patient.
    pub ehr_id_column: String,
    /// Column that says whether the patient is active, if the table has one.
    pub active_column: Option<String>,
    /// Column that says whether the patient is dead, if the table has one.
    pub deceased_column: Option<String>,
    /// When a treatment counts; other tables have none.
    pub completion: Option<Completion>,
    /// Column that names the appointment a treatment was given at, if the table has one.
    pub appointment_column: Option<String>,
    /// How a treatment's row says that it is archived, where it is to be.
    pub archive: Option<Archive>,
}

/// How a row says that nothing is left to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The column.
    pub column: String,
    /// The stored value.
    pub value: String,
}

impl Archive {
    /// Whether a row says so.
    pub fn holds(&self, row: &Json) -> bool {
        cell(row, &self.column).is_some_and(|text| text.trim() == self.value)
    }

    /// What is written for it.
    pub fn body(&self) -> Json {
        Json::object([(self.column.as_str(), Json::str(self.value.as_str()))])
    }
}

/// When a row counts as completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Column that says how far it is.
    pub column: String,
    /// Its stored values with which it is completed.
    pub values: Vec<String>,
}

impl Completion {
    /// Whether a row says that it is completed. One that does not show its status does not.
    fn holds(&self, status: Option<&str>) -> bool {
        let Some(status) = status.map(str::trim).filter(|status| !status.is_empty()) else { return false };
        self.values.iter().any(|value| value.trim().eq_ignore_ascii_case(status))
    }
}

/// The column of a row's own key.
pub(crate) const SYS_ID: &str = "sys_id";

impl RowLens {
    /// A lens whose columns are all text, named `u_<column>` as the global scope does (wire-facts 5.6).
    pub fn new(catalogue: Arc<Catalogue>, conventions: Arc<Conventions>) -> RowLens {
        let columns = catalogue.fields.iter().map(|spec| format!("u_{}", spec.column)).collect();
        RowLens {
            catalogue,
            conventions,
            columns,
            column_types: Vec::new(),
            ehr_id_column: "u_ehr_id".to_owned(),
            active_column: None,
            deceased_column: None,
            completion: None,
            appointment_column: None,
            archive: None,
        }
    }

    /// The column of a field.
    pub fn column(&self, field: FieldIx) -> Option<&str> {
        self.columns.get(usize::from(field.0)).map(String::as_str)
    }

    /// The type of a field's column.
    pub fn column_type(&self, field: FieldIx) -> &ColumnType {
        self.column_types.get(usize::from(field.0)).unwrap_or(&ColumnType::Text)
    }

    /// Reads a row.
    pub fn get(&self, row: &Json) -> Result<Record, MappingError> {
        self.read(row, |_| true)
    }

    /// Reads the wanted fields of a row in either form; the others are unknown.
    pub(crate) fn read<'a, N: Node<'a>>(
        &self,
        row: N,
        wanted: impl Fn(FieldIx) -> bool,
    ) -> Result<Record, MappingError> {
        if row.scalar() != Scalar::Object {
            return Err(MappingError::not_this_kind("expected a Table API row (a JSON object)"));
        }
        let text_of = |column: &Option<String>| column.as_deref().and_then(|column| cell(row, column));
        Ok(Record {
            kind: self.catalogue.kind,
            key: cell(row, SYS_ID).unwrap_or_default().to_owned(),
            other_key: cell(row, &self.ehr_id_column)
                .map(|key| key.trim().to_owned())
                .filter(|key| !key.is_empty()),
            active: text_of(&self.active_column).is_none_or(says_active)
                && self
                    .completion
                    .as_ref()
                    .is_none_or(|completion| completion.holds(cell(row, &completion.column))),
            deceased: text_of(&self.deceased_column).is_some_and(says_deceased),
            fields: self
                .catalogue
                .iter()
                .map(
                    |(field, spec)| {
                        if wanted(field) { self.field(row, field, spec) } else { FieldState::Unknown }
                    },
                )
                .collect(),
        })
    }

    /// The keys of a row in either form, and what it says about every field, in the form `reader` makes.
    pub(crate) fn read_as<'a, N: Node<'a>, R: Reader>(
        &self,
        row: N,
        reader: &mut R,
        out: &mut Vec<R::Said>,
    ) -> Option<(Option<&'a str>, Option<&'a str>)> {
        if row.scalar() != Scalar::Object {
            return None;
        }
        out.extend(self.catalogue.iter().map(|(field, spec)| self.said(row, field, spec, reader)));
        let other_key = cell(row, &self.ehr_id_column).map(str::trim).filter(|key| !key.is_empty());
        Some((cell(row, SYS_ID).filter(|key| !key.is_empty()), other_key))
    }

    fn field<'a>(&self, row: impl Node<'a>, field: FieldIx, spec: &FieldSpec) -> FieldState {
        self.said(row, field, spec, &mut AsState)
    }

    fn said<'a, R: Reader>(
        &self,
        row: impl Node<'a>,
        field: FieldIx,
        spec: &FieldSpec,
        reader: &mut R,
    ) -> R::Said {
        match self.column(field).and_then(|column| cell(row, column)) {
            None => reader.state(FieldState::Unknown),
            Some(written) => reader.text(&spec.value_type, written, &self.conventions),
        }
    }

    /// The key of the appointment that a treatment's row names.
    pub fn appointment_of<'r>(&self, row: &'r Json) -> Option<&'r str> {
        let named = cell(row, self.appointment_column.as_deref()?)?.trim();
        (!named.is_empty()).then_some(named)
    }

    /// Sets one field in a row; everything else stays as it was.
    ///
    /// An empty object is a row to be created and takes any column. In any other row an absent column is hidden or
    /// does not exist, and is refused.
    pub fn put(&self, row: &mut Json, field: FieldIx, state: &FieldState) -> Result<(), MappingError> {
        let creating = row.members().is_empty();
        self.set(row, field, state, creating)
    }

    fn set(
        &self,
        row: &mut Json,
        field: FieldIx,
        state: &FieldState,
        creating: bool,
    ) -> Result<(), MappingError> {
        if !matches!(row, Json::Object(_)) {
            return Err(MappingError::not_this_kind("expected a Table API row (a JSON object)"));
        }
        let (Some(spec), Some(column)) = (self.catalogue.spec(field), self.column(field)) else {
            return Err(MappingError::not_this_kind(format!(
                "no field at position {} of the catalogue",
                field.0
            )));
        };
        let before = self.field(&*row, field, spec);
        let state = &text::as_said_by(Remote::ServiceNow, state);
        if *state == FieldState::Unknown || before == *state {
            return Ok(());
        }
        if column.starts_with("sys_") {
            return Err(MappingError::cannot(
                spec,
                format!(
                    "column {column} belongs to the platform and is never written; map the field to another column"
                ),
            ));
        }
        if before == FieldState::Unknown && !creating {
            return Err(MappingError::cannot(
                spec,
                format!(
                    "the row does not show column {column}: give the integration user read and write access to it, \
                     or correct the column's name in the configuration"
                ),
            ));
        }
        let standing = cell(&*row, column).unwrap_or_default().to_owned();
        let written = match state {
            FieldState::Unknown => return Ok(()),
            FieldState::Blank => self.column_type(field).cleared(spec)?,
            FieldState::Value(value) => {
                self.column_type(field).write(spec, value, &standing, &self.conventions)?
            }
            FieldState::Invalid { problem, .. } => {
                return Err(MappingError::cannot(spec, format!("{}; {}", problem.problem, problem.way_out)));
            }
        };
        let after = text::read(&spec.value_type, &written, &self.conventions);
        if !text::says_the_same(&refilled(&after, state, self.column_type(field)), state) {
            return Err(MappingError::cannot(
                spec,
                format!("column {column} cannot hold this value without changing it; enter it there by hand"),
            ));
        }
        row.set(column, Json::String(written));
        Ok(())
    }

    /// The body of a PATCH (or POST, when `row` is an empty object) that makes these changes: the changed columns
    /// only, never a `sys_` one. A cleared column is `""` (wire-facts 5.5).
    pub fn patch(
        &self,
        row: &Json,
        writes: &[(FieldIx, FieldState)],
        ehr_key: Option<&str>,
    ) -> Result<Json, MappingError> {
        let creating = row.members().is_empty();
        let mut changed = row.clone();
        let mut body = Json::Object(Vec::new());
        for (field, state) in writes {
            self.set(&mut changed, *field, state, creating)?;
            let Some(column) = self.column(*field) else { continue };
            let (before, after) =
                (cell(row, column).unwrap_or_default(), cell(&changed, column).unwrap_or_default());
            if before == after {
                // Nothing to change, or written twice with the first value coming back.
                body.remove(column);
            } else {
                body.set(column, Json::str(after));
            }
        }
        if let Some(key) = ehr_key
            && cell(row, &self.ehr_id_column) != Some(key)
            && !self.ehr_id_column.starts_with("sys_")
        {
            body.set(&self.ehr_id_column, Json::str(key));
        }
        Ok(body)
    }

    /// Puts back what a date column cannot hold: where `agreed` (the base, or the values just written) has a partial
    /// date and the row still holds its fill (`2019-01-01` for `2019`), the field reads as that partial date.
    ///
    /// Call it on every record read from ServiceNow before it is compared or verified. `agreed` is in catalogue
    /// order; shorter is allowed.
    pub fn reread(&self, record: &mut Record, agreed: &[FieldState]) {
        for (at, (state, agreed)) in record.fields.iter_mut().zip(agreed).enumerate() {
            if let Some(column_type) = self.column_types.get(at) {
                let read = refilled(state, agreed, column_type);
                if read != *state {
                    *state = read;
                }
            }
        }
    }
}

/// `read`, or the partial date of `meant` where a date column can only hold its fill.
fn refilled(read: &FieldState, meant: &FieldState, column_type: &ColumnType) -> FieldState {
    match (column_type, read, meant) {
        (ColumnType::Date, FieldState::Value(Value::Date(full)), FieldState::Value(Value::Date(partial)))
            if partial.day.is_none() && column::filled(*partial) == *full =>
        {
            meant.clone()
        }
        _ => read.clone(),
    }
}

/// The text of a cell; `None` where the row does not have the column.
pub(crate) fn cell<'a, N: Node<'a>>(row: N, column: &str) -> Option<&'a str> {
    let cell = row.get(column)?;
    Some(match cell.scalar() {
        Scalar::Object => {
            let inner = cell.get("value").or_else(|| cell.get("display_value"));
            inner.map(N::scalar).map_or("", plain)
        }
        scalar => plain(scalar),
    })
}

const fn plain(scalar: Scalar<'_>) -> &str {
    match scalar {
        Scalar::String(text) | Scalar::Number(text) => text,
        Scalar::Bool(true) => "true",
        Scalar::Bool(false) => "false",
        Scalar::Null | Scalar::Array | Scalar::Object => "",
    }
}

/// Only a clear "no" makes a patient inactive.
pub(crate) fn says_active(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "false" | "0" | "no" | "n" | "inactive")
}

/// A boolean column, a choice, or a date of death.
pub(crate) fn says_deceased(text: &str) -> bool {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "deceased" | "dead" => true,
        _ => text.len() >= 10 && text.as_bytes().iter().take(4).all(u8::is_ascii_digit),
    }
}
