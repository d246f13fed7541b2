//! Who a record belongs to and who answers for it: keys that mean the same in both systems only through a table or a
//! link.

use super::Conventions;
use crate::kind::Remote;
use crate::text::folded_name;
use serde::{Deserialize, Serialize};

/// A member of staff, under the key of either system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffMember {
    /// What the ServiceNow column holds: the `sys_id` of the user, or a name in a column of text.
    pub servicenow_user: String,
    /// The FHIR reference: `Practitioner/dr-lee`.
    pub practitioner: String,
    /// The name people read.
    pub name: String,
}

/// A person named by a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The key as written: a user's `sys_id` or a FHIR reference; absent where only a name stands.
    #[serde(default, rename = "k", skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The name as written, or the one the staff table has for the key.
    #[serde(default, rename = "n", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The ServiceNow user of the staff table's entry: the same person in both systems. Absent for somebody the table
    /// does not know.
    #[serde(default, rename = "w", skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}

impl Person {
    /// A person from the text of a column, or as typed: a key of either system, or a name.
    pub fn from_text(text: &str, conventions: &Conventions) -> Person {
        let member = conventions
            .staff
            .iter()
            .find(|member| member.servicenow_user == text || same_reference(&member.practitioner, text));
        if let Some(member) = member {
            return Person::of(Some(text.to_owned()), None, member);
        }
        if is_key(text) {
            return Person { key: Some(text.to_owned()), name: None, known: None };
        }
        match by_name(text, conventions) {
            Some(member) => Person::of(None, Some(text.to_owned()), member),
            None => Person { key: None, name: Some(text.to_owned()), known: None },
        }
    }

    /// A person from a FHIR Reference; `None` where it says nothing.
    pub fn from_reference(
        reference: Option<&str>,
        display: Option<&str>,
        conventions: &Conventions,
    ) -> Option<Person> {
        let name = display.map(str::to_owned);
        let Some(reference) = reference else {
            let member = by_name(display?, conventions);
            return Some(member.map_or(Person { key: None, name: name.clone(), known: None }, |member| {
                Person::of(None, name, member)
            }));
        };
        let key = Some(bare_reference(reference).to_owned());
        let member = conventions.staff.iter().find(|member| same_reference(&member.practitioner, reference));
        Some(member.map_or(Person { key: key.clone(), name: name.clone(), known: None }, |member| {
            Person::of(key, name, member)
        }))
    }

    fn of(key: Option<String>, name: Option<String>, member: &StaffMember) -> Person {
        let name = name.or_else(|| Some(member.name.clone())).filter(|name| !name.trim().is_empty());
        Person { key, name, known: Some(member.servicenow_user.clone()) }
    }

    /// The staff table's first row for this person, which is the one to write.
    pub fn member<'a>(&self, conventions: &'a Conventions) -> Option<&'a StaffMember> {
        let known = self.known.as_deref()?;
        conventions.staff.iter().find(|member| member.servicenow_user == known)
    }

    /// What people read: the name, else the key.
    pub fn display(&self) -> &str {
        self.name.as_deref().or(self.key.as_deref()).unwrap_or_default()
    }

    /// Appends the text two persons are compared by: the staff table's entry, else the key, else the name.
    pub(crate) fn comparable(&self, out: &mut String) {
        match (&self.known, &self.key, &self.name) {
            (Some(known), _, _) => {
                out.push('=');
                out.push_str(known);
            }
            (None, Some(key), _) => {
                out.push('#');
                out.push_str(bare_reference(key));
            }
            (None, None, name) => {
                out.push('~');
                crate::text::fold_name(name.as_deref().unwrap_or_default(), out);
            }
        }
    }
}

/// The one member of that name; nobody where two share it.
fn by_name<'a>(name: &str, conventions: &'a Conventions) -> Option<&'a StaffMember> {
    let folded = folded_name(name);
    let mut named = conventions.staff.iter().filter(|member| folded_name(&member.name) == folded);
    let first = named.next()?;
    named.all(|other| other.servicenow_user == first.servicenow_user).then_some(first)
}

/// A `sys_id` or a FHIR reference, no name.
fn is_key(text: &str) -> bool {
    is_sys_id(text) || (text.contains('/') && !text.contains(char::is_whitespace)) || text.starts_with("urn:")
}

/// 32 hexadecimal digits (wire-facts 5.4).
fn is_sys_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A reference without a version and without the server's address: `Practitioner/dr-lee`.
fn bare_reference(reference: &str) -> &str {
    let reference = reference.split("/_history/").next().unwrap_or(reference);
    if !reference.contains("://") {
        return reference;
    }
    let mut slashes = reference.rmatch_indices('/').map(|(at, _)| at);
    slashes.next();
    slashes.next().and_then(|at| reference.get(at + 1..)).unwrap_or(reference)
}

fn same_reference(left: &str, right: &str) -> bool {
    !left.is_empty() && bare_reference(left) == bare_reference(right)
}

/// The patient a record belongs to, by the key of either system. A remote names its own key; the other one comes from
/// the link between the two ([`crate::Record::resolve_patients`]).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PatientLink {
    /// The `sys_id` of the patient's row.
    #[serde(default, rename = "s", skip_serializing_if = "Option::is_none")]
    pub servicenow: Option<String>,
    /// The id of the FHIR Patient.
    #[serde(default, rename = "e", skip_serializing_if = "Option::is_none")]
    pub ehr: Option<String>,
    /// The patient's name where the remote wrote it beside the key.
    #[serde(default, rename = "n", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl PatientLink {
    /// A link to the patient of that key.
    pub fn to(remote: Remote, key: &str) -> PatientLink {
        let key = Some(key.to_owned());
        match remote {
            Remote::ServiceNow => PatientLink { servicenow: key, ..PatientLink::default() },
            Remote::Ehr => PatientLink { ehr: key, ..PatientLink::default() },
        }
    }

    /// From the text of a column: a `sys_id`, or a reference such as `Patient/p-1001`.
    pub fn from_text(text: &str) -> PatientLink {
        match patient_id(text) {
            Some(id) => PatientLink::to(Remote::Ehr, id),
            None => PatientLink::to(Remote::ServiceNow, text),
        }
    }

    /// From a FHIR reference. One that names no Patient by its id (a `urn:uuid`) is kept as it is; no link will be
    /// found for it.
    pub fn from_reference(reference: &str, name: Option<&str>) -> PatientLink {
        PatientLink {
            ehr: Some(patient_id(reference).unwrap_or(reference).to_owned()),
            name: name.map(str::to_owned),
            servicenow: None,
        }
    }

    /// The patient's key in a remote.
    pub fn key(&self, remote: Remote) -> Option<&str> {
        match remote {
            Remote::ServiceNow => self.servicenow.as_deref(),
            Remote::Ehr => self.ehr.as_deref(),
        }
    }

    /// What that remote can say of it: its own key alone.
    #[must_use]
    pub fn as_said_by(&self, remote: Remote) -> PatientLink {
        self.key(remote).map(|key| PatientLink::to(remote, key)).unwrap_or_default()
    }

    /// What people read where the patient itself is not at hand: the key.
    pub fn display(&self) -> String {
        match (&self.servicenow, &self.ehr) {
            (Some(key), _) => key.clone(),
            (None, Some(key)) => format!("Patient/{key}"),
            (None, None) => String::new(),
        }
    }

    /// Appends the text two links are compared by: ServiceNow's key where it is known, else the EHR's.
    pub(crate) fn comparable(&self, out: &mut String) {
        match (&self.servicenow, &self.ehr) {
            (Some(key), _) => {
                out.push('s');
                out.push_str(key);
            }
            (None, Some(key)) => {
                out.push('e');
                out.push_str(key);
            }
            (None, None) => {}
        }
    }
}

/// The id in `Patient/p-1001`, with or without a server's address and a version. The EHR's own route is `patients`.
fn patient_id(reference: &str) -> Option<&str> {
    let reference = reference.split("/_history/").next()?;
    ["Patient/", "patients/"]
        .into_iter()
        .find_map(|route| {
            let (before, id) = reference.rsplit_once(route)?;
            (before.is_empty() || before.ends_with('/')).then_some(id)
        })
        .filter(|id| !id.is_empty() && !id.contains('/'))
}
