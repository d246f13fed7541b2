//! The canonical, typed form of a snapshot.

use crate::catalogue::{Catalogue, FieldIx};
use crate::kind::RecordKind;
use crate::value::{Value, ValueProblem};
use serde::{Deserialize, Serialize};

/// What one remote says about one record, typed by a [`Catalogue`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it is about.
    pub kind: RecordKind,
    /// Its own key: the `sys_id`, or the FHIR resource id.
    pub key: String,
    /// The other remote's key, where this remote carries it (FHIR: an identifier whose system is the ServiceNow
    /// table's URI; ServiceNow: the configured column).
    pub other_key: Option<String>,
    /// FHIR `active` / the ServiceNow active column; `true` where the remote does not say.
    pub active: bool,
    /// FHIR `deceased[x]` / the ServiceNow deceased column.
    pub deceased: bool,
    /// One state per catalogue field, in catalogue order.
    pub fields: Vec<FieldState>,
}

/// What a remote says about one field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldState {
    /// Not said: hidden by an access rule, or the column does not exist. Never touched, never compared.
    #[default]
    Unknown,
    /// Said to be empty.
    Blank,
    /// A value of the field's type.
    Value(Value),
    /// Text that cannot be read as the field's type; kept, shown, and left to a person.
    Invalid {
        /// As the remote sent it.
        raw: String,
        /// Why it cannot be read.
        problem: ValueProblem,
    },
}

impl FieldState {
    /// The value, if there is one.
    pub const fn value(&self) -> Option<&Value> {
        match self {
            FieldState::Value(value) => Some(value),
            FieldState::Unknown | FieldState::Blank | FieldState::Invalid { .. } => None,
        }
    }

    /// Whether the remote says the field is empty.
    pub const fn is_blank(&self) -> bool {
        matches!(self, FieldState::Blank)
    }

    /// What people read: the value, the raw text of an unreadable one, or nothing.
    pub fn display(&self) -> String {
        match self {
            FieldState::Unknown | FieldState::Blank => String::new(),
            FieldState::Value(value) => value.display(),
            FieldState::Invalid { raw, .. } => raw.clone(),
        }
    }
}

impl Record {
    /// What this record says about a field; [`FieldState::Unknown`] outside the catalogue.
    pub fn field(&self, field: FieldIx) -> &FieldState {
        static UNKNOWN: FieldState = FieldState::Unknown;
        self.fields.get(usize::from(field.0)).unwrap_or(&UNKNOWN)
    }

    /// The field of that name.
    pub fn by_id<'a>(&'a self, catalogue: &Catalogue, id: &str) -> &'a FieldState {
        static UNKNOWN: FieldState = FieldState::Unknown;
        catalogue.index_of(id).map_or(&UNKNOWN, |field| self.field(field))
    }
}
