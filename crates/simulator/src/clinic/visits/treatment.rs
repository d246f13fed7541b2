//! One treatment as ServiceNow keeps it, and what the EHR holds of it.

use super::super::Rates;
use super::super::generate::Draw;
use super::words::{DIAGNOSES, MEDICATIONS, PROCEDURES, STAFF, TREATMENT_NOTES};
use super::{
    Animal, TREATMENT_SYSTEM, TreatmentCase, TreatmentExpected, TreatmentTruth, VisitRow, hour, stamped,
};
use crate::clock::{servicenow_text, utc};
use record::Json;

struct Facts {
    start_ms: i64,
    clinician: usize,
    diagnoses: Vec<String>,
    procedures: Vec<String>,
    medications: Vec<String>,
    notes: Option<&'static str>,
}

/// The treatment of that number.
pub(super) fn make(animal: &Animal, number: u64, rates: &Rates, draw: &mut Draw) -> TreatmentCase {
    let (start_ms, clinician) = hour(number, false, rates.visits_around_ms);
    let some = |words: &[&'static str], most: u32, draw: &mut Draw| -> Vec<String> {
        let first = draw.index(words.len());
        let count = usize::try_from(1 + draw.below(most)).unwrap_or(1);
        (first..first + count)
            .filter_map(|at| words.get(at % words.len()))
            .map(|word| (*word).to_owned())
            .collect()
    };
    let mut facts = Facts {
        start_ms,
        clinician,
        diagnoses: some(DIAGNOSES, 2, draw),
        procedures: some(PROCEDURES, 3, draw),
        medications: if draw.chance(30) { Vec::new() } else { some(MEDICATIONS, 2, draw) },
        notes: draw.chance(60).then(|| draw.pick(TREATMENT_NOTES)),
    };
    let mut wrong: Vec<String> = Vec::new();
    // Who is not in the EHR yet can have nothing there.
    let linked = animal.linked && animal.chart.is_some();
    let calm = rates.visit_conflict == 0 && rates.visit_one_sided == 0;
    let expected = match draw.below(20) {
        _ if !linked => TreatmentExpected::Wait,
        _ if calm => TreatmentExpected::Agreed,
        0 | 1 => TreatmentExpected::Wait,
        2 => TreatmentExpected::NewVersion,
        3 => TreatmentExpected::Ask,
        4 => {
            facts.diagnoses.clear();
            wrong.push("diagnosis".to_owned());
            TreatmentExpected::Refuse
        }
        5..=9 => TreatmentExpected::Send,
        _ => TreatmentExpected::Agreed,
    };
    let status = match expected {
        TreatmentExpected::Wait => draw.pick(&["draft", "in_progress"]),
        TreatmentExpected::Agreed => draw.pick(&["completed", "archived"]),
        _ => "completed",
    };
    let key = draw.hex();
    let id = format!("e-{number:07x}{:03x}", draw.below(4_096));
    let sent = matches!(
        expected,
        TreatmentExpected::Agreed | TreatmentExpected::NewVersion | TreatmentExpected::Ask
    );
    let at_ms = start_ms + 3_600_000 + i64::from(draw.below(3_600)) * 1_000;
    let resources = sent.then(|| {
        let mut resources = resources_of(&facts, &key, &id, animal.chart.as_deref().unwrap_or_default());
        if expected == TreatmentExpected::Ask
            && let Some(condition) = resources.get_mut(1)
        {
            condition.set("code", Json::object([("text", Json::str("Edited in the EHR"))]));
        }
        (id.clone(), resources, at_ms)
    });
    if expected == TreatmentExpected::NewVersion {
        facts.procedures.push("Bandage change".to_owned());
    }
    let mut row = row_of(&facts, animal.row.as_deref(), status, number, draw);
    if sent {
        row.insert("u_ehr_id".to_owned(), id.clone());
    }
    stamped(&key, at_ms, 1 + draw.below(4), &mut row);
    let truth = TreatmentTruth {
        servicenow_key: key.clone(),
        ehr_key: sent.then_some(id),
        patient: (animal.row.clone(), animal.chart.clone()),
        expected,
        wrong,
        diagnoses: facts.diagnoses,
        procedures: facts.procedures,
        medications: facts.medications,
    };
    TreatmentCase { row: (key, row), resources, truth }
}

/// A list as people type it: a line each, with dashes or numbers, or with semicolons.
fn listed(items: &[String], draw: &mut Draw) -> String {
    match draw.below(4) {
        0 => items.join("; "),
        1 => items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n"),
        2 => items
            .iter()
            .enumerate()
            .map(|(at, item)| format!("{}. {item}", at + 1))
            .collect::<Vec<_>>()
            .join("\r\n"),
        _ => items.join("\n"),
    }
}

fn row_of(facts: &Facts, patient: Option<&str>, status: &str, number: u64, draw: &mut Draw) -> VisitRow {
    let clinician = STAFF.get(facts.clinician).and_then(|member| member.servicenow_key).unwrap_or_default();
    let completed = if matches!(status, "completed" | "archived") {
        servicenow_text(facts.start_ms + 1_800_000)
    } else {
        String::new()
    };
    [
        ("u_number", format!("TRT{number:07}")),
        ("u_patient", patient.unwrap_or_default().to_owned()),
        ("u_treatment_date", servicenow_text(facts.start_ms)),
        ("u_clinician", clinician.to_owned()),
        ("u_diagnosis", listed(&facts.diagnoses, draw)),
        ("u_procedures_performed", listed(&facts.procedures, draw)),
        ("u_medications_prescribed", listed(&facts.medications, draw)),
        ("u_treatment_notes", facts.notes.unwrap_or_default().to_owned()),
        ("u_treatment_status", status.to_owned()),
        ("u_completed_on", completed),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(column, value)| (column.to_owned(), value))
    .collect()
}

fn reference(target: String) -> Json {
    Json::object([("reference", Json::String(target))])
}

fn words(text: &str) -> Json {
    Json::object([("text", Json::str(text))])
}

fn status_of(system: &str, code: &str) -> Json {
    let coding = Json::object([("system", Json::str(system)), ("code", Json::str(code))]);
    Json::object([("coding", Json::Array(vec![coding]))])
}

/// What was sent earlier, as the EHR holds it now.
fn resources_of(facts: &Facts, key: &str, id: &str, patient: &str) -> Vec<Json> {
    let subject = || reference(format!("Patient/{patient}"));
    let encounter = || reference(format!("Encounter/{id}"));
    let start = utc(facts.start_ms).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let identifier = |system: &str, value: String| {
        Json::object([("system", Json::str(system)), ("value", Json::String(value))])
    };
    let mut main = Json::object([("resourceType", Json::str("Encounter")), ("id", Json::str(id))]);
    if let Some(notes) = facts.notes {
        let annotation = Json::object([("text", Json::str(notes))]);
        let note = Json::object([
            ("url", Json::str("http://hl7.org/fhir/StructureDefinition/note")),
            ("valueAnnotation", annotation),
        ]);
        main.set("extension", Json::Array(vec![note]));
    }
    main.set(
        "identifier",
        Json::Array(vec![
            identifier(TREATMENT_SYSTEM, key.to_owned()),
            identifier(&format!("{TREATMENT_SYSTEM}/version"), format!("{key}-v1")),
        ]),
    );
    main.set("status", Json::str("finished"));
    main.set(
        "class",
        Json::object([
            ("system", Json::str("http://terminology.hl7.org/CodeSystem/v3-ActCode")),
            ("code", Json::str("AMB")),
        ]),
    );
    main.set("subject", subject());
    if let Some(member) = STAFF.get(facts.clinician)
        && let Some(practitioner) = member.practitioner_id
    {
        let mut who = reference(format!("Practitioner/{practitioner}"));
        who.set("display", Json::str(member.name));
        main.set("participant", Json::Array(vec![Json::object([("individual", who)])]));
    }
    main.set("period", Json::object([("start", Json::str(start.as_str()))]));
    let mut resources = vec![main];
    let mut part = |kind: &str, at: usize, members: Vec<(&str, Json)>| {
        let letter = kind.chars().next().unwrap_or('x').to_ascii_lowercase();
        let mut resource = Json::object([
            ("resourceType", Json::str(kind)),
            ("id", Json::String(format!("{letter}{at}-{id}"))),
        ]);
        for (name, value) in members {
            resource.set(name, value);
        }
        resource.set("subject", subject());
        resource.set("encounter", encounter());
        resources.push(resource);
    };
    for (at, text) in facts.diagnoses.iter().enumerate() {
        let clinical = status_of("http://terminology.hl7.org/CodeSystem/condition-clinical", "active");
        part("Condition", at, vec![("clinicalStatus", clinical), ("code", words(text))]);
    }
    for (at, text) in facts.procedures.iter().enumerate() {
        part("Procedure", at, vec![("status", Json::str("completed")), ("code", words(text))]);
    }
    for (at, text) in facts.medications.iter().enumerate() {
        let line = record::codes::medication::split(text);
        let mut members = vec![
            ("status", Json::str("active")),
            ("intent", Json::str("order")),
            ("medicationCodeableConcept", words(line.medication)),
        ];
        if let Some(directions) = line.directions {
            members.push(("dosageInstruction", Json::Array(vec![words(directions)])));
        }
        part("MedicationRequest", at, members);
    }
    resources
}
