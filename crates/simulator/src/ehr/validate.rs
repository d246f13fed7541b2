//! What a strict R4 server refuses: structure by the definitions of the resources it knows, JSON's empties, required
//! bindings and the invariants that matter here (wire-facts 1 to 3).

mod visits;

use super::definitions::{
    ALLERGY, APPOINTMENT, CLINICAL_IMPRESSION, CONDITION, ENCOUNTER, EXTENSION_VALUES, Element, Kind,
    MEDICATION_REQUEST, PATIENT, PRACTITIONER, PROCEDURE, PROVENANCE,
};
use record::Json;

/// Why a resource is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the document's structure is wrong (400) rather than what it says (422).
    pub structural: bool,
    /// The FHIR issue type.
    pub code: &'static str,
    /// Where, as a path of element names.
    pub expression: String,
    /// What is wrong, without the value.
    pub text: String,
}

struct Checker {
    problems: Vec<Problem>,
}

/// Everything wrong with a resource of one of the types this EHR holds.
pub fn validate(resource: &Json) -> Vec<Problem> {
    let mut checker = Checker { problems: Vec::new() };
    let kind = resource.get("resourceType").and_then(Json::as_str).unwrap_or_default();
    match kind {
        "Patient" => {
            checker.object(resource, PATIENT, "Patient", true);
            checker.patient(resource);
        }
        "AllergyIntolerance" => {
            checker.object(resource, ALLERGY, "AllergyIntolerance", true);
            checker.allergy(resource);
        }
        "Appointment" => {
            checker.object(resource, APPOINTMENT, kind, true);
            checker.appointment(resource);
        }
        "Encounter" => {
            checker.object(resource, ENCOUNTER, kind, true);
            checker.encounter(resource);
        }
        "Condition" => {
            checker.object(resource, CONDITION, kind, true);
            checker.condition(resource);
        }
        "Procedure" => {
            checker.object(resource, PROCEDURE, kind, true);
            checker.one_choice(resource, kind, "performed");
        }
        "MedicationRequest" => {
            checker.object(resource, MEDICATION_REQUEST, kind, true);
            checker.medication_request(resource);
        }
        "ClinicalImpression" => checker.object(resource, CLINICAL_IMPRESSION, kind, true),
        "Provenance" => checker.object(resource, PROVENANCE, kind, true),
        "Practitioner" => checker.object(resource, PRACTITIONER, kind, true),
        _ => checker.structure("resourceType", "this EHR holds no resources of that type"),
    }
    checker.problems
}

impl Checker {
    fn structure(&mut self, expression: &str, text: &str) {
        self.problems.push(Problem {
            structural: true,
            code: "structure",
            expression: expression.to_owned(),
            text: text.to_owned(),
        });
    }

    fn rule(&mut self, code: &'static str, expression: &str, text: &str) {
        self.problems.push(Problem {
            structural: false,
            code,
            expression: expression.to_owned(),
            text: text.to_owned(),
        });
    }

    fn object(&mut self, value: &Json, elements: &[Element], path: &str, is_resource: bool) {
        let Json::Object(members) = value else {
            self.structure(path, "an object is expected");
            return;
        };
        if members.is_empty() {
            self.structure(path, "an object must not be empty");
        }
        let mut seen: Vec<&str> = Vec::with_capacity(members.len());
        for (name, member) in members {
            let at = format!("{path}.{name}");
            if seen.contains(&name.as_str()) {
                self.structure(&at, "the same property stands twice");
            }
            seen.push(name);
            if name == "extension" || name == "modifierExtension" {
                self.extensions(member, &at);
            } else if (name == "resourceType" && is_resource) || (name == "id" && !is_resource) {
                self.scalar(member, Kind::Text, &at);
            } else if let Some(sibling) = name.strip_prefix('_') {
                match elements.iter().find(|element| element.name == sibling) {
                    Some(element)
                        if !matches!(element.kind, Kind::Complex(_) | Kind::Resource | Kind::Open) =>
                    {
                        self.sibling(member, &at);
                    }
                    _ => self.structure(&at, "unknown property"),
                }
            } else if let Some(element) = elements.iter().find(|element| element.name == name) {
                self.element(member, *element, &at);
            } else {
                self.structure(&at, "unknown property");
            }
        }
        for element in elements.iter().filter(|element| element.required) {
            let extended = format!("_{}", element.name);
            if value.get(element.name).is_none() && value.get(&extended).is_none() {
                self.problems.push(Problem {
                    structural: true,
                    code: "required",
                    expression: format!("{path}.{}", element.name),
                    text: "a required element is missing".to_owned(),
                });
            }
        }
    }

    fn element(&mut self, value: &Json, element: Element, path: &str) {
        if !element.many {
            if matches!(value, Json::Array(_)) {
                self.structure(path, "the element does not repeat");
            } else {
                self.value(value, element.kind, path);
            }
            return;
        }
        let Json::Array(items) = value else {
            self.structure(path, "the element repeats: an array is expected");
            return;
        };
        if items.is_empty() {
            self.structure(path, "an array must not be empty");
        }
        for (at, item) in items.iter().enumerate() {
            self.value(item, element.kind, &format!("{path}[{at}]"));
        }
    }

    fn value(&mut self, value: &Json, kind: Kind, path: &str) {
        match kind {
            Kind::Complex(elements) => self.object(value, elements, path, false),
            Kind::Resource => {
                if value.get("resourceType").and_then(Json::as_str).is_none() {
                    self.structure(path, "a resource is expected");
                }
                self.empties(value, path);
            }
            Kind::Open => self.empties(value, path),
            other => self.scalar(value, other, path),
        }
    }

    fn scalar(&mut self, value: &Json, kind: Kind, path: &str) {
        let text = match (kind, value) {
            (_, Json::Null) => return self.structure(path, "null is not allowed"),
            (Kind::Boolean, Json::Bool(_)) | (Kind::Decimal, Json::Number(_)) => return,
            (Kind::PositiveInt | Kind::UnsignedInt, Json::Number(number)) => {
                let lowest = u32::from(kind == Kind::PositiveInt);
                if !number.parse::<u32>().is_ok_and(|number| number >= lowest) {
                    self.structure(path, "not a whole number in range");
                }
                return;
            }
            (Kind::Boolean | Kind::Decimal | Kind::PositiveInt | Kind::UnsignedInt, _) => {
                return self.structure(path, "the JSON type is wrong");
            }
            (_, Json::String(text)) => text,
            _ => return self.structure(path, "a string is expected"),
        };
        if text.trim().is_empty() {
            return self.structure(path, "a string must not be empty");
        }
        match kind {
            Kind::Code | Kind::CodeOf(_) if text.trim() != text || text.contains("  ") => {
                self.structure(path, "a code has no blanks around it");
            }
            Kind::CodeOf(codes) if !codes.contains(&text.as_str()) => {
                self.rule("code-invalid", path, "the code is not in the required value set");
            }
            Kind::Id if !is_id(text) => self.structure(path, "not a valid id"),
            Kind::Date if !is_date(text) => self.structure(path, "not a valid date"),
            Kind::DateTime if !is_date(text) && !is_instant(text) => {
                self.structure(path, "not a valid dateTime");
            }
            Kind::Instant if !is_instant(text) => self.structure(path, "not a valid instant"),
            _ => {}
        }
    }

    /// A primitive's `_name`: an element or, in arrays, elements and holes.
    fn sibling(&mut self, value: &Json, path: &str) {
        match value {
            Json::Array(items) => items
                .iter()
                .filter(|item| **item != Json::Null)
                .for_each(|item| self.object(item, &[], path, false)),
            other => self.object(other, &[], path, false),
        }
    }

    fn extensions(&mut self, value: &Json, path: &str) {
        let Json::Array(items) = value else {
            return self.structure(path, "the element repeats: an array is expected");
        };
        if items.is_empty() {
            self.structure(path, "an array must not be empty");
        }
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let Json::Object(members) = item else {
                self.structure(&path, "an object is expected");
                continue;
            };
            if item.get("url").and_then(Json::as_str).is_none_or(str::is_empty) {
                self.structure(&path, "an extension needs its url");
            }
            let values: Vec<&(String, Json)> = members
                .iter()
                .filter(|(name, _)| name.trim_start_matches('_').starts_with("value"))
                .collect();
            let nested = item.get("extension");
            // ext-1
            if values.is_empty() == nested.is_none() {
                self.rule("invariant", &path, "ext-1: an extension has either a value or nested extensions");
            }
            for (name, member) in members {
                let at = format!("{path}.{name}");
                match EXTENSION_VALUES.iter().find(|element| element.name == name) {
                    Some(element) => self.element(member, *element, &at),
                    None if name == "extension" => self.extensions(member, &at),
                    None if name == "url" || name == "id" => self.scalar(member, Kind::Text, &at),
                    None if name.trim_start_matches('_').starts_with("value") => self.empties(member, &at),
                    None => self.structure(&at, "unknown property"),
                }
            }
        }
    }

    /// Nothing in JSON may be null or empty.
    fn empties(&mut self, value: &Json, path: &str) {
        match value {
            Json::Null => self.structure(path, "null is not allowed"),
            Json::String(text) if text.is_empty() => self.structure(path, "a string must not be empty"),
            Json::Array(items) if items.is_empty() => self.structure(path, "an array must not be empty"),
            Json::Object(members) if members.is_empty() => {
                self.structure(path, "an object must not be empty");
            }
            Json::Array(items) => items.iter().for_each(|item| self.empties(item, path)),
            Json::Object(members) => {
                for (name, member) in members {
                    self.empties(member, &format!("{path}.{name}"));
                }
            }
            Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    fn patient(&mut self, patient: &Json) {
        for (at, contact) in items(patient, "contact").iter().enumerate() {
            if ["name", "telecom", "address", "organization"].iter().all(|name| contact.get(name).is_none()) {
                self.rule(
                    "invariant",
                    &format!("Patient.contact[{at}]"),
                    "pat-1: a contact needs a name, telecom, address or organization",
                );
            }
            for point in items(contact, "telecom") {
                if point.get("value").is_some() && point.get("system").is_none() {
                    self.rule(
                        "invariant",
                        &format!("Patient.contact[{at}].telecom"),
                        "cpt-2: a value needs a system",
                    );
                }
            }
        }
        if patient.get("deceasedBoolean").is_some() && patient.get("deceasedDateTime").is_some() {
            self.structure("Patient.deceased[x]", "only one of the choices may be given");
        }
        for extension in items(patient, "extension") {
            if extension.get("url").and_then(Json::as_str)
                == Some("http://hl7.org/fhir/StructureDefinition/patient-animal")
            {
                self.animal(extension);
            }
        }
    }

    fn animal(&mut self, extension: &Json) {
        let path = "Patient.extension(patient-animal)";
        let parts = items(extension, "extension");
        let count = |url: &str| {
            parts.iter().filter(|part| part.get("url").and_then(Json::as_str) == Some(url)).count()
        };
        if count("species") != 1 {
            self.rule("required", path, "patient-animal needs exactly one species");
        }
        if count("breed") > 1 || count("genderStatus") > 1 {
            self.rule("invariant", path, "breed and genderStatus may be given once");
        }
        for part in parts {
            let known =
                matches!(part.get("url").and_then(Json::as_str), Some("species" | "breed" | "genderStatus"));
            if !known || part.get("valueCodeableConcept").is_none() {
                self.rule(
                    "structure",
                    path,
                    "parts are species, breed and genderStatus, each a CodeableConcept",
                );
            }
        }
    }

    fn allergy(&mut self, allergy: &Json) {
        let code = |name: &str| {
            allergy
                .get(name)
                .map(|concept| items(concept, "coding"))
                .unwrap_or_default()
                .iter()
                .find_map(|coding| coding.get("code").and_then(Json::as_str))
        };
        let in_error = code("verificationStatus") == Some("entered-in-error");
        let has_status = allergy.get("clinicalStatus").is_some();
        if !in_error && !has_status {
            self.rule(
                "invariant",
                "AllergyIntolerance",
                "ait-1: clinicalStatus is needed unless entered in error",
            );
        }
        if in_error && has_status {
            self.rule("invariant", "AllergyIntolerance", "ait-2: no clinicalStatus when entered in error");
        }
        for (name, codes) in [
            ("clinicalStatus", ["active", "inactive", "resolved"].as_slice()),
            ("verificationStatus", ["unconfirmed", "confirmed", "refuted", "entered-in-error"].as_slice()),
        ] {
            if allergy.get(name).is_some() && code(name).is_none_or(|code| !codes.contains(&code)) {
                self.rule(
                    "code-invalid",
                    &format!("AllergyIntolerance.{name}"),
                    "the code is not in the required value set",
                );
            }
        }
    }
}

fn items<'a>(value: &'a Json, name: &str) -> &'a [Json] {
    value.get(name).map(Json::items).unwrap_or_default()
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits =
        |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.as_slice() {
        [year] => digits(year, 4) && *year != "0000",
        [year, month] => {
            digits(year, 4) && digits(month, 2) && (1..=12).contains(&month.parse().unwrap_or(0))
        }
        [year, month, day] => {
            digits(year, 4)
                && digits(month, 2)
                && digits(day, 2)
                && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
        }
        _ => false,
    }
}

fn is_instant(text: &str) -> bool {
    text.contains('T') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}
