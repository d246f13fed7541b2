//! The canonical, typed form of a snapshot.

use crate::catalogue::{Catalogue, FieldIx, ValueType};
use crate::kind::{RecordKind, Remote};
use crate::value::{Conventions, Value, ValueProblem};
use serde::{Deserialize, Serialize};

/// What one remote says about one record, typed by a [`Catalogue`]. The store holds it as [`crate::stored`] writes it; its
/// serde form, with short keys, is the one the store held first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it is about.
    #[serde(rename = "k")]
    pub kind: RecordKind,
    /// Its own key: the `sys_id`, or the FHIR resource id.
    #[serde(rename = "i")]
    pub key: String,
    /// The other remote's key, where this remote carries it (FHIR: an identifier whose system is the ServiceNow
    /// table's URI; ServiceNow: the configured column).
    #[serde(default, rename = "o", skip_serializing_if = "Option::is_none")]
    pub other_key: Option<String>,
    /// FHIR `active` / the ServiceNow active column; `true` where the remote does not say. Of a treatment's row: whether it
    /// is completed.
    #[serde(default = "yes", rename = "a", skip_serializing_if = "is_yes")]
    pub active: bool,
    /// FHIR `deceased[x]` / the ServiceNow deceased column.
    #[serde(default, rename = "d", skip_serializing_if = "is_no")]
    pub deceased: bool,
    /// One state per catalogue field, in catalogue order.
    #[serde(rename = "f")]
    pub fields: Vec<FieldState>,
}

const fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands references to these")]
const fn is_yes(flag: &bool) -> bool {
    *flag
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands references to these")]
const fn is_no(flag: &bool) -> bool {
    !*flag
}

/// What a remote says about one field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FieldState {
    /// Not said: hidden by an access rule, or the column does not exist. Never touched, never compared.
    #[default]
    #[serde(rename = "u")]
    Unknown,
    /// Said to be empty.
    #[serde(rename = "b")]
    Blank,
    /// A value of the field's type.
    #[serde(rename = "v")]
    Value(Value),
    /// Text that cannot be read as the field's type; kept, shown, and left to a person.
    #[serde(rename = "x")]
    Invalid {
        /// As the remote sent it.
        #[serde(rename = "r")]
        raw: String,
        /// Why it cannot be read.
        #[serde(rename = "w")]
        problem: ValueProblem,
    },
}

impl FieldState {
    /// Reads what a remote sent for a field of that type: blank text is [`FieldState::Blank`], unreadable text is kept.
    pub fn read(value_type: &ValueType, raw: &str, conventions: &Conventions) -> FieldState {
        match crate::value::parse(value_type, raw, conventions) {
            Ok(Some(value)) => FieldState::Value(value),
            Ok(None) => FieldState::Blank,
            Err(problem) => FieldState::Invalid { raw: raw.to_owned(), problem },
        }
    }

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

    /// Adds to every [`Value::PatientLink`] the key that the other remote knows the same patient by, as the links say
    /// now. Only then do the links of two remotes compare.
    pub fn resolve_patients(&mut self, linked: impl Fn(Remote, &str) -> Option<String>) {
        for state in &mut self.fields {
            if let FieldState::Value(Value::PatientLink(link)) = state {
                match (&link.servicenow, &link.ehr) {
                    (Some(key), None) => link.ehr = linked(Remote::ServiceNow, key),
                    (None, Some(key)) => link.servicenow = linked(Remote::Ehr, key),
                    (Some(_), Some(_)) | (None, None) => {}
                }
            }
        }
    }

    /// The field of that name.
    pub fn by_id<'a>(&'a self, catalogue: &Catalogue, id: &str) -> &'a FieldState {
        static UNKNOWN: FieldState = FieldState::Unknown;
        catalogue.index_of(id).map_or(&UNKNOWN, |field| self.field(field))
    }
}
