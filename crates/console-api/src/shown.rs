//! Values as people see them.

use crate::dto::{Editor, Kind, RemoteName, Shown, Side};
use engine::judge::SideState;
use record::catalogue::ValueType;
use record::{FieldState, RecordKind, Remote, Value};

/// The kind of a record, as the console names it.
pub fn kind_name(kind: RecordKind) -> Kind {
    match kind {
        RecordKind::Patient => Kind::Patient,
        RecordKind::Appointment => Kind::Appointment,
        RecordKind::Treatment => Kind::Treatment,
    }
}

/// A field state as a column shows it.
pub fn shown(state: &FieldState) -> Shown {
    let mut shown = Shown {
        text: state.display(),
        detail: None,
        raw: None,
        blank: state.is_blank(),
        hidden: matches!(state, FieldState::Unknown),
        problem: None,
        items: Vec::new(),
    };
    match state {
        FieldState::Invalid { problem, .. } => shown.problem = Some(problem.to_string()),
        FieldState::Value(value) => {
            let (detail, raw, items) = extras(value);
            shown.detail = detail;
            shown.raw = raw.filter(|raw| *raw != shown.text);
            shown.items = items;
        }
        FieldState::Unknown | FieldState::Blank => {}
    }
    shown
}

fn extras(value: &Value) -> (Option<String>, Option<String>, Vec<String>) {
    match value {
        Value::Coded(coded) => {
            let lines: Vec<String> = coded
                .codings
                .iter()
                .map(|coding| match &coding.display {
                    Some(display) => format!("{display} · {} {}", system_name(&coding.system), coding.code),
                    None => format!("{} {}", system_name(&coding.system), coding.code),
                })
                .collect();
            ((!lines.is_empty()).then(|| lines.join("\n")), None, Vec::new())
        }
        Value::Phone(phone) => {
            let detail = phone.e164.clone().or_else(|| Some("not a valid number here".to_owned()));
            (detail, Some(phone.raw.clone()), Vec::new())
        }
        Value::Microchip(chip) => {
            let class = match chip.class {
                record::value::ChipClass::Iso15 => "ISO 11784, 15 digits",
                record::value::ChipClass::Legacy9 => "older chip, 9 digits",
                record::value::ChipClass::Legacy10 => "older chip, 10 characters",
            };
            (Some(class.to_owned()), Some(chip.raw.clone()), Vec::new())
        }
        Value::Sex(sex) => (None, sex.term.clone(), Vec::new()),
        Value::Substances(set) => (None, None, set.items.iter().map(|item| item.text.clone()).collect()),
        Value::Name(_)
        | Value::Text(_)
        | Value::LongText(_)
        | Value::Date(_)
        | Value::Email(_)
        | Value::Quantity(_)
        | Value::Instant(_)
        | Value::Minutes(_)
        | Value::Person(_)
        | Value::PatientLink(_)
        | Value::Status(_) => (None, None, Vec::new()),
        Value::Items(list) => (None, None, list.items.clone()),
    }
}

fn system_name(system: &str) -> &str {
    match system {
        "http://snomed.info/sct" => "SNOMED CT",
        other => other,
    }
}

/// The last agreed value; a field that was never agreed shows as empty, not as hidden.
pub fn agreed(state: &FieldState) -> Shown {
    match state {
        FieldState::Unknown => shown(&FieldState::Blank),
        state => shown(state),
    }
}

/// How a field is edited.
pub const fn editor(value_type: &ValueType) -> Editor {
    match value_type {
        // Those of appointments and treatments have no editors of their own yet, and no screen shows them.
        ValueType::Name
        | ValueType::Text
        | ValueType::Instant
        | ValueType::Minutes
        | ValueType::Person
        | ValueType::PatientLink
        | ValueType::AppointmentStatus => Editor::Text,
        ValueType::LongText | ValueType::Items | ValueType::Medications => Editor::LongText,
        ValueType::Species => Editor::Species,
        ValueType::Breed => Editor::Breed,
        ValueType::Coded | ValueType::AppointmentType => Editor::Coded,
        ValueType::Date => Editor::Date,
        ValueType::Sex => Editor::Sex,
        ValueType::Microchip => Editor::Microchip,
        ValueType::Phone => Editor::Phone,
        ValueType::Email => Editor::Email,
        ValueType::Substances => Editor::Substances,
        ValueType::Quantity { .. } => Editor::Quantity,
    }
}

/// A remote's name in the DTOs.
pub const fn remote_name(remote: Remote) -> RemoteName {
    match remote {
        Remote::ServiceNow => RemoteName::ServiceNow,
        Remote::Ehr => RemoteName::Ehr,
    }
}

/// One side's provenance.
pub fn side(remote: Remote, state: Option<&SideState>, key: Option<&str>) -> Side {
    let snapshot = state.map(|state| &state.snapshot);
    Side {
        remote: remote_name(remote),
        key: key.map(str::to_owned),
        version: snapshot.map(|row| row.version.clone()),
        changed_by: snapshot.and_then(|row| row.changed_by.clone()),
        changed_at_ms: snapshot.and_then(|row| row.changed_at_ms),
        read_at_ms: snapshot.map(|row| row.seen_at_ms),
    }
}
