//! What must hold of a patient document before it is sent, and what no validator finds.
//!
//! Validators treat the parts of a nested extension as any extension, so a patient-animal extension without a species,
//! or with one of the wrong type, passes them all. The rest repeats, for the elements the mapping writes, the
//! invariants of FHIR R4 whose breach an EHR answers with an opaque 422.

mod visits;

use super::animal::PATIENT_ANIMAL;
use super::{concept, tree};
use record::Json;

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, as a FHIRPath-like path; never a value.
    pub path: String,
    /// What is wrong, with the rule's name.
    pub problem: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// What is wrong with a document that is to be sent.
pub fn findings(document: &Json) -> Vec<Finding> {
    let mut findings = Vec::new();
    let kind = tree::text(document, "resourceType").unwrap_or("document");
    empties(document, kind, &mut findings);
    extensions(document, kind, &mut findings);
    if kind == "Bundle" {
        bundle(document, &mut findings);
        for (at, entry) in tree::list(document, "entry").iter().enumerate() {
            if let Some(entry) = entry.get("resource") {
                resource(entry, &format!("Bundle.entry[{at}].resource"), &mut findings);
            }
        }
    } else {
        resource(document, kind, &mut findings);
    }
    findings
}

/// What a change made wrong: the findings of `after` that `before` did not have. A document that was not right when
/// it came is not held against the write.
pub fn introduced(before: &Json, after: &Json) -> Vec<Finding> {
    let known: Vec<String> = findings(before).into_iter().map(|finding| unnumbered(&finding)).collect();
    findings(after).into_iter().filter(|finding| !known.contains(&unnumbered(finding))).collect()
}

/// A finding without the indexes of its path, which shift when entries are added.
fn unnumbered(finding: &Finding) -> String {
    finding.to_string().chars().filter(|character| !character.is_ascii_digit()).collect()
}

fn found(findings: &mut Vec<Finding>, path: impl Into<String>, problem: &str) {
    findings.push(Finding { path: path.into(), problem: problem.to_owned() });
}

/// FHIR R4 JSON: no null, empty text, empty array or empty object. A null may fill a hole in an array beside the
/// array of its primitive extensions.
fn empties(json: &Json, path: &str, findings: &mut Vec<Finding>) {
    match json {
        Json::Null => found(findings, path, "null is not allowed; leave the element out"),
        Json::String(text) if text.trim().is_empty() => {
            found(findings, path, "an empty text is not allowed; leave the element out");
        }
        Json::Array(items) if items.is_empty() => {
            found(findings, path, "an empty list is not allowed; leave the element out");
        }
        Json::Object(members) if members.is_empty() => {
            found(findings, path, "an empty object is not allowed; leave the element out");
        }
        Json::Array(items) => {
            let hole = items.len() > 1 && items.iter().any(|item| *item != Json::Null);
            for (at, item) in items.iter().enumerate().filter(|(_, item)| !(hole && **item == Json::Null)) {
                empties(item, &format!("{path}[{at}]"), findings);
            }
        }
        Json::Object(members) => {
            for (key, value) in members {
                empties(value, &format!("{path}.{key}"), findings);
            }
        }
        _ => {}
    }
}

/// ext-1: an extension has either a value or nested extensions; its URL is mandatory.
fn extensions(json: &Json, path: &str, findings: &mut Vec<Finding>) {
    match json {
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                extensions(item, &format!("{path}[{at}]"), findings);
            }
        }
        Json::Object(members) => {
            for (key, value) in members {
                let path = format!("{path}.{key}");
                if key == "extension" || key == "modifierExtension" {
                    for (at, extension) in value.items().iter().enumerate() {
                        extension_rules(extension, &format!("{path}[{at}]"), findings);
                    }
                }
                extensions(value, &path, findings);
            }
        }
        _ => {}
    }
}

fn extension_rules(extension: &Json, path: &str, findings: &mut Vec<Finding>) {
    if tree::text(extension, "url").is_none() {
        found(findings, path, "an extension needs a url");
    }
    let values = extension.members().iter().filter(|(key, _)| key.starts_with("value")).count();
    // A primitive value may be missing with only its own extensions (`_valueString`).
    let only_extended = extension.members().iter().any(|(key, _)| key.starts_with("_value"));
    let nested = extension.get("extension").is_some();
    if values > 1 || (values > 0 || only_extended) == nested {
        found(
            findings,
            path,
            "an extension has one value or nested extensions, not both and not neither (ext-1)",
        );
    }
}

fn bundle(bundle: &Json, findings: &mut Vec<Finding>) {
    let kind = tree::text(bundle, "type").unwrap_or_default();
    if kind.is_empty() {
        found(findings, "Bundle.type", "a Bundle needs a type");
    }
    let searched = matches!(kind, "searchset" | "history");
    if bundle.get("total").is_some() && !searched {
        found(findings, "Bundle.total", "only a search result has a total (bdl-1)");
    }
    let mut seen: Vec<&str> = Vec::new();
    for (at, entry) in tree::list(bundle, "entry").iter().enumerate() {
        let path = format!("Bundle.entry[{at}]");
        if entry.get("search").is_some() && kind != "searchset" {
            found(findings, path.as_str(), "only an entry of a search result has search (bdl-2)");
        }
        if kind == "collection" && (entry.get("request").is_some() || entry.get("response").is_some()) {
            found(
                findings,
                path.as_str(),
                "an entry of a collection has neither request nor response (bdl-3, bdl-4)",
            );
        }
        if let Some(url) = tree::text(entry, "fullUrl") {
            if seen.contains(&url) && !searched {
                found(findings, path.as_str(), "two entries have the same fullUrl (bdl-7)");
            }
            if url.contains("/_history/") {
                found(findings, path.as_str(), "a fullUrl names no version (bdl-8)");
            }
            if url
                .strip_prefix("urn:uuid:")
                .is_some_and(|uuid| uuid.bytes().any(|byte| byte.is_ascii_uppercase()))
            {
                found(findings, path.as_str(), "a urn:uuid is written in lower case");
            }
            seen.push(url);
        }
    }
}

fn resource(resource: &Json, path: &str, findings: &mut Vec<Finding>) {
    match tree::text(resource, "resourceType") {
        Some("Patient") => patient(resource, path, findings),
        Some("AllergyIntolerance") => allergy(resource, path, findings),
        Some("Appointment") => visits::appointment(resource, path, findings),
        Some("Encounter") => visits::encounter(resource, path, findings),
        Some("Condition") => visits::condition(resource, path, findings),
        Some("Procedure") => visits::procedure(resource, path, findings),
        Some("MedicationRequest") => visits::medication_request(resource, path, findings),
        Some("Provenance") => visits::provenance(resource, path, findings),
        Some(_) => {}
        None => found(findings, path, "a resource needs a resourceType"),
    }
    for (at, contained) in tree::list(resource, "contained").iter().enumerate() {
        if tree::text(contained, "resourceType") == Some("AllergyIntolerance") {
            allergy(contained, &format!("{path}.contained[{at}]"), findings);
        }
    }
}

fn patient(patient: &Json, path: &str, findings: &mut Vec<Finding>) {
    if patient
        .get("meta")
        .is_some_and(|meta| tree::items(meta, "tag").any(|tag| tree::text(tag, "code") == Some("SUBSETTED")))
    {
        found(findings, format!("{path}.meta"), "a summary (SUBSETTED) must not be written back");
    }
    if let Some(gender) = patient.get("gender")
        && !matches!(gender.as_str(), Some("male" | "female" | "other" | "unknown"))
    {
        found(findings, format!("{path}.gender"), "not one of male, female, other, unknown");
    }
    if let Some(date) = patient.get("birthDate")
        && date.as_str().is_none_or(|text| text.parse::<record::value::PartialDate>().is_err())
    {
        found(findings, format!("{path}.birthDate"), "not a FHIR date");
    }
    for (at, contact) in tree::list(patient, "contact").iter().enumerate() {
        if ["name", "telecom", "address", "organization"].iter().all(|key| contact.get(key).is_none()) {
            found(
                findings,
                format!("{path}.contact[{at}]"),
                "a contact needs a name, telecom, address or organization (pat-1)",
            );
        }
        for (index, telecom) in tree::list(contact, "telecom").iter().enumerate() {
            if telecom.get("value").is_some() && telecom.get("system").is_none() {
                found(
                    findings,
                    format!("{path}.contact[{at}].telecom[{index}]"),
                    "a value needs a system (cpt-2)",
                );
            }
        }
    }
    let animals: Vec<&Json> = tree::list(patient, "extension")
        .iter()
        .filter(|extension| tree::text(*extension, "url") == Some(PATIENT_ANIMAL))
        .collect();
    if animals.len() > 1 {
        found(findings, format!("{path}.extension"), "patient-animal may stand there once");
    }
    for extension in animals {
        animal(extension, &format!("{path}.extension(patient-animal)"), findings);
    }
}

/// patient-animal: species once and mandatory, breed and genderStatus at most once, each a `CodeableConcept`.
fn animal(animal: &Json, path: &str, findings: &mut Vec<Finding>) {
    if animal.members().iter().any(|(key, _)| key.starts_with("value")) {
        found(findings, path, "patient-animal has no value of its own");
    }
    for part in ["species", "breed", "genderStatus"] {
        let path = format!("{path}.{part}");
        let parts: Vec<&Json> = tree::list(animal, "extension")
            .iter()
            .filter(|nested| tree::text(*nested, "url") == Some(part))
            .collect();
        if part == "species" && parts.is_empty() {
            found(findings, path.as_str(), "patient-animal needs a species");
        }
        if parts.len() > 1 {
            found(findings, path.as_str(), "may stand there once");
        }
        for nested in parts {
            let concept = nested.get("valueCodeableConcept");
            let wrong_type = nested
                .members()
                .iter()
                .any(|(key, _)| key.starts_with("value") && key != "valueCodeableConcept");
            if wrong_type || !matches!(concept, Some(Json::Object(_))) {
                found(findings, path.as_str(), "must be a valueCodeableConcept");
            } else if concept.is_some_and(|concept| concept::label(concept).is_none()) {
                found(findings, path.as_str(), "needs a text or a code");
            }
        }
    }
}

fn allergy(allergy: &Json, path: &str, findings: &mut Vec<Finding>) {
    let error = allergy.get("verificationStatus").is_some_and(|status| {
        concept::code_of(status, super::allergy::VERIFICATION) == Some("entered-in-error")
    });
    match (error, allergy.get("clinicalStatus").is_some()) {
        (false, false) => {
            found(findings, path, "needs a clinicalStatus unless it is entered in error (ait-1)");
        }
        (true, true) => found(findings, path, "has no clinicalStatus once it is entered in error (ait-2)"),
        _ => {}
    }
    if allergy.get("patient").is_none() {
        found(findings, path, "needs a patient");
    }
}
