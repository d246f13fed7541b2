//! What a remote's own message points to: which record to look at, and why. Nothing else is believed of it; the record
//! itself is read from the remote.
//!
//! ServiceNow pushes thinly, by a business rule (wire-facts 6.5): `table`, `sys_id`, `operation`, `sys_mod_count`. The
//! EHR sends Standard Webhooks (wire-facts 7.3): `type`, `timestamp` and `data`, which holds the resource's id or the
//! whole resource; or a FHIR R4 resource alone.

use record::{Json, RecordKind, Remote};

/// Where a message points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// The kind of the record.
    pub kind: RecordKind,
    /// Its key.
    pub key: String,
    /// What is said to have happened to it.
    pub action: Action,
    /// The version it is said to have.
    pub version: Option<String>,
}

/// What is said to have happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Action {
    Created,
    Updated,
    Deleted,
    Unknown,
}

/// The class of a problem: all that failed alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not a JSON document.
    NotJson,
    /// A field that is needed is not there.
    Missing,
    /// A field holds something else than it should.
    Malformed,
    /// A table or a type that is not synchronised.
    NotOurs,
}

impl Class {
    /// The stable text form used in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::NotJson => "not_json",
            Class::Missing => "missing",
            Class::Malformed => "malformed",
            Class::NotOurs => "not_ours",
        }
    }
}

/// A message that points nowhere. The text names the field, the problem and the way out, and holds no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unreadable {
    /// The field it is about; empty where it is about the whole.
    pub field: &'static str,
    /// The class of problem.
    pub class: Class,
    /// What is wrong and the way out.
    pub what: String,
}

fn unreadable(field: &'static str, class: Class, what: impl Into<String>) -> Unreadable {
    Unreadable { field, class, what: what.into() }
}

/// What messages are understood by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLens {
    /// The table of each kind: `u_patient_record`.
    pub tables: Vec<(String, RecordKind)>,
}

impl Default for EventLens {
    fn default() -> Self {
        EventLens { tables: vec![("u_patient_record".to_owned(), RecordKind::Patient)] }
    }
}

impl EventLens {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Unreadable`] if it does not say which record it is about.
    pub fn read(&self, remote: Remote, raw: &str) -> Result<Pointer, Unreadable> {
        let message = Json::parse(raw).map_err(|error| {
            unreadable("", Class::NotJson, format!("{error}; correct the text or have it sent again"))
        })?;
        if !matches!(message, Json::Object(_)) {
            return Err(unreadable(
                "",
                Class::Malformed,
                "the message is not a JSON object; correct the text or have it sent again",
            ));
        }
        match remote {
            Remote::ServiceNow => self.row(&message),
            Remote::Ehr => resource_event(&message),
        }
    }

    /// The message that points there, as that remote words it: what [`EventLens::read`] reads back.
    pub fn message(&self, remote: Remote, pointer: &Pointer) -> String {
        let (kind, text) = (pointer.kind, |text: &str| Json::str(text));
        let message = match remote {
            Remote::ServiceNow => {
                let known = self.tables.iter().find(|(_, known)| *known == kind);
                let table = known.map_or(kind.as_str(), |(table, _)| table.as_str());
                let operation = match pointer.action {
                    Action::Created => "insert",
                    Action::Updated => "update",
                    Action::Deleted => "delete",
                    Action::Unknown => "unknown",
                };
                Json::object([
                    ("table", text(table)),
                    ("sys_id", text(&pointer.key)),
                    ("operation", text(operation)),
                ])
            }
            Remote::Ehr => {
                let verb = match pointer.action {
                    Action::Created => "created",
                    Action::Updated => "updated",
                    Action::Deleted => "deleted",
                    Action::Unknown => "unknown",
                };
                let data = Json::object([("id", text(&pointer.key))]);
                Json::object([("type", Json::str(format!("{}.{verb}", kind.as_str()))), ("data", data)])
            }
        };
        message.to_string()
    }

    fn row(&self, message: &Json) -> Result<Pointer, Unreadable> {
        let table = text(message, "table", "the table's name")?;
        let Some((_, kind)) = self.tables.iter().find(|(name, _)| name == table) else {
            return Err(unreadable(
                "table",
                Class::NotOurs,
                "field table: this table is not synchronised; name it in the settings or send it no more",
            ));
        };
        let key = text(message, "sys_id", "the row's sys_id")?;
        if key.len() != 32 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unreadable(
                "sys_id",
                Class::Malformed,
                "field sys_id: not 32 hexadecimal digits; send the row's sys_id",
            ));
        }
        let action = match message.get("operation").and_then(Json::as_str).unwrap_or_default() {
            "insert" => Action::Created,
            "update" => Action::Updated,
            "delete" => Action::Deleted,
            _ => Action::Unknown,
        };
        let version = match message.get("sys_mod_count") {
            Some(Json::String(count) | Json::Number(count)) => count.clone(),
            _ => String::new(),
        };
        // Without a readable count the row is simply read.
        let version = version.parse::<u64>().ok().map(|count| count.to_string());
        Ok(Pointer { kind: *kind, key: key.to_lowercase(), action, version })
    }
}

fn text<'j>(message: &'j Json, field: &'static str, what: &str) -> Result<&'j str, Unreadable> {
    match message.get(field) {
        None => Err(unreadable(
            field,
            Class::Missing,
            format!("field {field}: {what} is not there; add it and resend"),
        )),
        Some(Json::String(text)) if !text.trim().is_empty() => Ok(text),
        Some(_) => Err(unreadable(
            field,
            Class::Malformed,
            format!("field {field}: {what} is no text; correct it and resend"),
        )),
    }
}

fn resource_event(message: &Json) -> Result<Pointer, Unreadable> {
    if message.get("resourceType").is_some() {
        return resource(message, None, Action::Unknown);
    }
    let kind_of_event = text(message, "type", "the event's type")?;
    let (noun, verb) = kind_of_event.split_once('.').unwrap_or((kind_of_event, ""));
    let kind = match noun.to_ascii_lowercase().as_str() {
        // What a patient is allergic to travels with the patient.
        "patient" | "allergyintolerance" | "allergy" => RecordKind::Patient,
        "appointment" => RecordKind::Appointment,
        "treatment" | "encounter" => RecordKind::Treatment,
        _ => {
            return Err(unreadable(
                "type",
                Class::NotOurs,
                "field type: such events are not synchronised; send patient, appointment or treatment events only",
            ));
        }
    };
    let action = match verb {
        "created" | "create" => Action::Created,
        "updated" | "update" | "changed" => Action::Updated,
        "deleted" | "delete" => Action::Deleted,
        _ => Action::Unknown,
    };
    match message.get("data") {
        None => Err(unreadable(
            "data",
            Class::Missing,
            "field data: nothing says which record it is about; add data.id and resend",
        )),
        Some(data @ Json::Object(_)) => resource(data, Some((kind, noun)), action),
        Some(_) => Err(unreadable(
            "data",
            Class::Malformed,
            "field data: not an object; put the resource or its id there and resend",
        )),
    }
}

/// A resource, or an object that names one by its id.
fn resource(data: &Json, said: Option<(RecordKind, &str)>, action: Action) -> Result<Pointer, Unreadable> {
    let resource_type = data.get("resourceType").and_then(Json::as_str);
    let kind = match (resource_type, said) {
        (Some("Patient" | "AllergyIntolerance"), _) => RecordKind::Patient,
        (Some("Appointment"), _) => RecordKind::Appointment,
        (Some("Encounter"), _) => RecordKind::Treatment,
        (Some("Bundle"), said) => {
            let main = data
                .get("entry")
                .map(Json::items)
                .unwrap_or_default()
                .iter()
                .filter_map(|entry| entry.get("resource"))
                .find(|resource| {
                    matches!(
                        resource.get("resourceType").and_then(Json::as_str),
                        Some("Patient" | "Appointment" | "Encounter")
                    )
                });
            return match main {
                Some(main) => resource(main, said, action),
                None => Err(unreadable(
                    "data.entry",
                    Class::Missing,
                    "field data.entry: the Bundle holds no Patient, Appointment or Encounter; add it and resend",
                )),
            };
        }
        (Some(_), _) => {
            return Err(unreadable(
                "resourceType",
                Class::NotOurs,
                "field resourceType: such resources are not synchronised; send patients, appointments or encounters",
            ));
        }
        (None, Some((kind, _))) => kind,
        (None, None) => {
            return Err(unreadable(
                "type",
                Class::Missing,
                "field type: neither an event's type nor a resourceType is there; add one and resend",
            ));
        }
    };
    let of_patient = resource_type == Some("AllergyIntolerance")
        || said.is_some_and(|(_, noun)| noun.to_ascii_lowercase().starts_with("allergy"));
    let (key, version) = if of_patient {
        let reference =
            data.get("patient").and_then(|patient| patient.get("reference")).and_then(Json::as_str);
        let Some(key) = reference.and_then(|reference| reference.rsplit('/').next()) else {
            return Err(unreadable(
                "data.patient",
                Class::Missing,
                "field data.patient: the allergy does not say whose it is; add patient.reference and resend",
            ));
        };
        (key, None)
    } else {
        let version = data
            .get("meta")
            .and_then(|meta| meta.get("versionId"))
            .or_else(|| data.get("versionId"))
            .and_then(Json::as_str)
            .filter(|version| !version.trim().is_empty());
        (text(data, "id", "the resource's id")?, version)
    };
    // FHIR R4 datatypes, "id". One or two dots alone would be another address when the record is read.
    let sound = (1..=64).contains(&key.len())
        && !matches!(key, "." | "..")
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    if !sound {
        return Err(unreadable(
            "id",
            Class::Malformed,
            "field id: not an id of FHIR (1 to 64 letters, digits, - or .); correct it and resend",
        ));
    }
    Ok(Pointer { kind, key: key.to_owned(), action, version: version.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

    fn read(remote: Remote, raw: &str) -> Result<Pointer, (&'static str, Class)> {
        EventLens::default().read(remote, raw).map_err(|problem| (problem.field, problem.class))
    }

    #[allow(clippy::unnecessary_wraps, reason = "it is held against what reading gives")]
    fn points(key: &str, action: Action, version: Option<&str>) -> Result<Pointer, (&'static str, Class)> {
        Ok(Pointer {
            kind: RecordKind::Patient,
            key: key.to_owned(),
            action,
            version: version.map(str::to_owned),
        })
    }

    #[test]
    fn a_row_is_pointed_to_by_table_and_sys_id() {
        let upper = ROW.to_uppercase();
        for (raw, expected) in [
            // As the business rule sends it: every scalar a string.
            (
                format!(
                    r#"{{"table":"u_patient_record","sys_id":"{ROW}","operation":"update","sys_mod_count":"7"}}"#
                ),
                points(ROW, Action::Updated, Some("7")),
            ),
            (
                format!(
                    r#"{{"table":"u_patient_record","sys_id":"{upper}","operation":"insert","sys_mod_count":0}}"#
                ),
                points(ROW, Action::Created, Some("0")),
            ),
            (
                format!(r#"{{"table":"u_patient_record","sys_id":"{ROW}","operation":"delete"}}"#),
                points(ROW, Action::Deleted, None),
            ),
            // What only says more or less than needed still points somewhere.
            (
                format!(
                    r#"{{"table":"u_patient_record","sys_id":"{ROW}","sys_mod_count":"many","who":{{}}}}"#
                ),
                points(ROW, Action::Unknown, None),
            ),
            (format!(r#"{{"sys_id":"{ROW}"}}"#), Err(("table", Class::Missing))),
            (format!(r#"{{"table":"incident","sys_id":"{ROW}"}}"#), Err(("table", Class::NotOurs))),
            (r#"{"table":"u_patient_record"}"#.to_owned(), Err(("sys_id", Class::Missing))),
            (r#"{"table":"u_patient_record","sys_id":""}"#.to_owned(), Err(("sys_id", Class::Malformed))),
            (r#"{"table":" ","sys_id":"a"}"#.to_owned(), Err(("table", Class::Malformed))),
            (r#"{"table":7,"sys_id":"a"}"#.to_owned(), Err(("table", Class::Malformed))),
            // 31 digits, 33, and 32 of which one is none.
            (
                format!(r#"{{"table":"u_patient_record","sys_id":"{}"}}"#, &ROW[1..]),
                Err(("sys_id", Class::Malformed)),
            ),
            (
                format!(r#"{{"table":"u_patient_record","sys_id":"{ROW}0"}}"#),
                Err(("sys_id", Class::Malformed)),
            ),
            (
                format!(r#"{{"table":"u_patient_record","sys_id":"g{}"}}"#, &ROW[1..]),
                Err(("sys_id", Class::Malformed)),
            ),
            (
                r#"{"table":"u_patient_record","sys_id":"a^ORb"}"#.to_owned(),
                Err(("sys_id", Class::Malformed)),
            ),
            ("[]".to_owned(), Err(("", Class::Malformed))),
            ("table=u_patient_record".to_owned(), Err(("", Class::NotJson))),
        ] {
            assert_eq!(read(Remote::ServiceNow, &raw), expected, "{raw}");
        }
    }

    #[test]
    fn a_resource_is_pointed_to_by_type_and_id() {
        for (raw, expected) in [
            // Thin.
            (r#"{"type":"patient.created","data":{"id":"p-1"}}"#, points("p-1", Action::Created, None)),
            (
                r#"{"type":"Patient.updated","data":{"id":"p-1","versionId":"4"}}"#,
                points("p-1", Action::Updated, Some("4")),
            ),
            // Full.
            (
                r#"{"type":"patient.deleted","data":{"resourceType":"Patient","id":"p-1","meta":{"versionId":"5"}}}"#,
                points("p-1", Action::Deleted, Some("5")),
            ),
            (
                r#"{"type":"patient.merged","data":{"resourceType":"Bundle","entry":[{},{"resource":{"resourceType":"AllergyIntolerance"}},{"resource":{"resourceType":"Patient","id":"p-2"}}]}}"#,
                points("p-2", Action::Unknown, None),
            ),
            // An allergy is its patient's; its own version says nothing of the patient's.
            (
                r#"{"type":"allergyintolerance.updated","data":{"id":"a-1","meta":{"versionId":"2"},"patient":{"reference":"Patient/p-3"}}}"#,
                points("p-3", Action::Updated, None),
            ),
            // A resource alone.
            (r#"{"resourceType":"Patient","id":"p-4"}"#, points("p-4", Action::Unknown, None)),
            (r#"{"type":"invoice.created","data":{"id":"i-1"}}"#, Err(("type", Class::NotOurs))),
            (r#"{"data":{"id":"p-1"}}"#, Err(("type", Class::Missing))),
            (r#"{"type":"patient.created"}"#, Err(("data", Class::Missing))),
            (r#"{"type":"patient.created","data":"p-1"}"#, Err(("data", Class::Malformed))),
            (r#"{"type":"patient.created","data":{}}"#, Err(("id", Class::Missing))),
            (r#"{"type":"patient.created","data":{"id":"a b"}}"#, Err(("id", Class::Malformed))),
            (
                r#"{"type":"patient.created","data":{"resourceType":"Bundle"}}"#,
                Err(("data.entry", Class::Missing)),
            ),
            (
                r#"{"type":"patient.created","data":{"resourceType":"Device","id":"d"}}"#,
                Err(("resourceType", Class::NotOurs)),
            ),
            (r#"{"type":"allergy.created","data":{"id":"a-1"}}"#, Err(("data.patient", Class::Missing))),
            ("", Err(("", Class::NotJson))),
        ] {
            assert_eq!(read(Remote::Ehr, raw), expected, "{raw}");
        }
    }

    /// The kind by what is said to have happened, by the resource itself, or by the first one of a Bundle that counts.
    #[test]
    fn a_message_is_about_one_of_three_kinds() {
        use RecordKind::{Appointment, Patient, Treatment};
        let of_type = |kind: &str, id: &str| format!(r#"{{"resourceType":"{kind}","id":"{id}"}}"#);
        let event = |noun: &str, data: &str| format!(r#"{{"type":"{noun}.updated","data":{data}}}"#);
        let thin = |noun: &str| event(noun, r#"{"id":"x"}"#);
        let bundle = |kinds: &[&str]| {
            let entries: Vec<_> =
                kinds.iter().map(|kind| format!(r#"{{"resource":{}}}"#, of_type(kind, kind))).collect();
            format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, entries.join(","))
        };
        let allergy =
            r#"{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"https://e/Patient/p"}}"#;
        for (raw, kind, key, action) in [
            (thin("patient"), Patient, "x", Action::Updated),
            (thin("Appointment"), Appointment, "x", Action::Updated),
            (thin("treatment"), Treatment, "x", Action::Updated),
            (thin("encounter"), Treatment, "x", Action::Updated),
            (event("allergyintolerance", allergy), Patient, "p", Action::Updated),
            // What it is counts before what it is said to be.
            (event("patient", &of_type("Encounter", "e")), Treatment, "e", Action::Updated),
            (event("patient", allergy), Patient, "p", Action::Updated),
            (of_type("Appointment", "ap"), Appointment, "ap", Action::Unknown),
            (of_type("Encounter", "e"), Treatment, "e", Action::Unknown),
            (allergy.to_owned(), Patient, "p", Action::Unknown),
            (bundle(&["Basic", "Appointment", "Patient"]), Appointment, "Appointment", Action::Unknown),
            (bundle(&["Condition", "Encounter"]), Treatment, "Encounter", Action::Unknown),
            (bundle(&["Patient"]), Patient, "Patient", Action::Unknown),
        ] {
            let pointer = EventLens::default().read(Remote::Ehr, &raw).expect(&raw);
            assert_eq!((pointer.kind, pointer.key.as_str(), pointer.action), (kind, key, action), "{raw}");
        }
    }

    /// FHIR R4 datatypes, "id"; and what would be another address when the record is read.
    #[test]
    fn an_id_is_one_of_fhir() {
        let (longest, longer) = ("a".repeat(64), "a".repeat(65));
        for (id, sound) in [
            ("a.b-C9", true),
            (longest.as_str(), true),
            (longer.as_str(), false),
            (".", false),
            ("..", false),
            ("...", true),
            ("a_b", false),
            ("a/b", false),
        ] {
            let read = read(Remote::Ehr, &format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#));
            let expected =
                if sound { points(id, Action::Unknown, None) } else { Err(("id", Class::Malformed)) };
            assert_eq!(read, expected, "{id}");
        }
    }

    #[test]
    fn a_version_is_one_that_can_be_read() {
        for (data, version) in [
            (r#"{"id":"p","meta":{"versionId":"5"}}"#, Some("5")),
            (r#"{"id":"p","versionId":"4"}"#, Some("4")),
            (r#"{"id":"p","meta":{"versionId":"5"},"versionId":"4"}"#, Some("5")),
            (r#"{"id":"p","meta":{"versionId":" "}}"#, None),
            (r#"{"id":"p","meta":{"versionId":5}}"#, None),
        ] {
            let raw = format!(r#"{{"type":"patient.updated","data":{data}}}"#);
            assert_eq!(read(Remote::Ehr, &raw), points("p", Action::Updated, version), "{raw}");
        }
    }

    /// They stand in the store.
    #[test]
    fn classes_have_names_of_their_own() {
        let names = [Class::NotJson, Class::Missing, Class::Malformed, Class::NotOurs].map(Class::as_str);
        assert_eq!(names, ["not_json", "missing", "malformed", "not_ours"]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let lens = EventLens {
            tables: vec![
                ("u_patient_record".to_owned(), RecordKind::Patient),
                ("u_appointment".to_owned(), RecordKind::Appointment),
                ("u_treatment".to_owned(), RecordKind::Treatment),
            ],
        };
        for kind in [RecordKind::Patient, RecordKind::Appointment, RecordKind::Treatment] {
            for action in [Action::Created, Action::Updated, Action::Deleted, Action::Unknown] {
                for (remote, key) in [(Remote::ServiceNow, ROW), (Remote::Ehr, "p-1.2")] {
                    let pointer = Pointer { kind, key: key.to_owned(), action, version: None };
                    let message = lens.message(remote, &pointer);
                    assert_eq!(lens.read(remote, &message), Ok(pointer), "{message}");
                }
            }
        }
    }

    #[test]
    fn a_problem_never_repeats_what_was_sent() {
        for raw in [
            r#"{"table":"secret","sys_id":"secret"}"#,
            r#"{"table":"u_patient_record","sys_id":"secret"}"#,
            r#"{"secret"#,
        ] {
            let problem = EventLens::default().read(Remote::ServiceNow, raw).unwrap_err();
            assert!(!problem.to_string().contains("secret"), "{problem}");
        }
    }
}
