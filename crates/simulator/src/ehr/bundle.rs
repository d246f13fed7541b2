//! Patients on the wire: searchset entries, collections, bare resources.

use super::dialect::{Dialect, PatientBody};
use super::store::Stored;
use crate::wire::push_json_string;
use record::Json;

/// One patient as the reply of a read or a write.
pub(crate) fn one(base_url: &str, id: &str, stored: &Stored, dialect: &Dialect) -> String {
    match &dialect.patient {
        PatientBody::Bare { allergies_url } => bare(stored, allergies_url),
        PatientBody::Bundle => {
            let mut out = String::with_capacity(stored.patient.len() + 512);
            out.push_str("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":1,\"link\":[{\"relation\":\"self\",\"url\":");
            push_json_string(&format!("{base_url}/patients/{id}"), &mut out);
            out.push_str("}],\"entry\":[");
            entries(base_url, id, stored, true, &mut out);
            out.push_str("]}");
            out
        }
    }
}

/// One patient as an element of a plain list.
pub(crate) fn element(base_url: &str, id: &str, stored: &Stored, dialect: &Dialect) -> String {
    match &dialect.patient {
        PatientBody::Bare { allergies_url } => bare(stored, allergies_url),
        PatientBody::Bundle => {
            let mut out = String::from("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[");
            entries(base_url, id, stored, false, &mut out);
            out.push_str("]}");
            out
        }
    }
}

/// The entries of a patient: itself, then its allergies.
pub(crate) fn entries(base_url: &str, id: &str, stored: &Stored, search: bool, out: &mut String) {
    entry(&format!("{base_url}/patients/{id}"), &stored.patient, search.then_some("match"), out);
    for (allergy_id, allergy) in &stored.allergies {
        out.push(',');
        entry(&format!("{base_url}/allergies/{allergy_id}"), allergy, search.then_some("include"), out);
    }
}

fn entry(full_url: &str, resource: &str, mode: Option<&str>, out: &mut String) {
    out.push_str("{\"fullUrl\":");
    push_json_string(full_url, out);
    out.push_str(",\"resource\":");
    out.push_str(resource);
    if let Some(mode) = mode {
        out.push_str(",\"search\":{\"mode\":\"");
        out.push_str(mode);
        out.push_str("\"}");
    }
    out.push('}');
}

/// The Patient alone, its allergies as one extension with the substances as text.
pub(crate) fn bare(stored: &Stored, allergies_url: &str) -> String {
    let Some(chart) = stored.chart() else { return stored.patient.to_string() };
    let mut patient = chart.patient;
    let texts: Vec<&str> = chart.allergies.iter().filter_map(substance).collect();
    if !texts.is_empty() {
        let extension = Json::object([
            ("url", Json::str(allergies_url)),
            ("valueString", Json::String(texts.join("; "))),
        ]);
        match patient.get_mut("extension").and_then(Json::items_mut) {
            Some(extensions) => extensions.push(extension),
            None => patient.set("extension", Json::Array(vec![extension])),
        }
    }
    patient.to_string()
}

/// What an allergy is called.
pub(crate) fn substance(allergy: &Json) -> Option<&str> {
    let code = allergy.get("code")?;
    let coding = || {
        code.get("coding")
            .map(Json::items)
            .unwrap_or_default()
            .iter()
            .find_map(|coding| coding.get("display").and_then(Json::as_str))
    };
    code.get("text").and_then(Json::as_str).or_else(coding)
}
