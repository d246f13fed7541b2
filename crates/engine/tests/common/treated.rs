//! A treatment as both systems hold it.

use crate::common::LEE;
use remote::Fetched;
use serde_json::{Value, json};

/// When it was given.
pub const AT: &str = "2026-09-20 14:30:00";

/// A row of the table of treatments, changed as a test wants it.
pub fn treated(version: u32, change: impl FnOnce(&mut Value)) -> Fetched {
    let mut row = json!({
        "sys_id": "t1", "sys_mod_count": version.to_string(), "u_patient": "r1", "u_treatment_date": AT,
        "u_clinician": LEE, "u_diagnosis": "Otitis externa", "u_procedures_performed": "Ear cleaning\nCytology",
        "u_medications_prescribed": "Apoquel 16 mg: 1 tablet by mouth SID for 14 days", "u_treatment_notes": "Recheck.",
        "u_treatment_status": "completed", "u_ehr_id": "",
    });
    change(&mut row);
    Fetched {
        key: "t1".to_owned(),
        version: version.to_string(),
        raw: row.to_string(),
        changed_by: None,
        changed_at_ms: None,
    }
}

/// What the EHR holds after it took a Bundle: ids assigned, references within it followed.
pub fn held(body: &str, id: &str, version: u32, change: impl FnOnce(&mut Value)) -> Fetched {
    let sent: Value = serde_json::from_str(body).unwrap();
    let mut text = json!({ "resourceType": "Bundle", "type": "collection" });
    let mut entries = Vec::new();
    let mut targets = Vec::new();
    for (at, entry) in sent["entry"].as_array().unwrap().iter().enumerate() {
        let mut resource = entry["resource"].clone();
        let kind = resource["resourceType"].as_str().unwrap().to_owned();
        let own = if at == 0 { id.to_owned() } else { format!("{id}-{at}") };
        resource["id"] = json!(own);
        targets.push((entry["fullUrl"].as_str().unwrap().to_owned(), format!("{kind}/{own}")));
        entries.push(json!({ "resource": resource }));
    }
    text["entry"] = Value::Array(entries);
    change(&mut text);
    let mut raw = text.to_string();
    for (url, target) in targets {
        raw = raw.replace(&url, &target);
    }
    Fetched { key: id.to_owned(), version: version.to_string(), raw, changed_by: None, changed_at_ms: None }
}
