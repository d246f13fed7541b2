//! Creating and replacing patients.

use super::dialect::{Dialect, PatientBody};
use super::list::read_token;
use super::store::{Chart, Store};
use super::validate::{Problem, validate};
use super::{Ehr, bundle, missing, outcome, outcomes, versioned};
use crate::wire::{Reply, Request, decode_form};
use http::StatusCode;
use record::Json;

/// A body that was read and found valid.
struct Sent {
    patient: Json,
    /// `None` where a bare Patient said nothing about allergies.
    allergies: Option<Vec<Json>>,
}

impl Ehr {
    pub(crate) fn create(&self, request: &Request, dialect: &Dialect) -> Reply {
        let sent = match read_body(request, dialect, None) {
            Ok(sent) => sent,
            Err(reply) => return reply,
        };
        let mut store = self.write();
        if let Some(condition) = request.header_text("if-none-exist").filter(|_| dialect.if_none_exist) {
            match existing(&store, condition) {
                Err(reply) => return reply,
                Ok(found) => match found.as_slice() {
                    [] => {}
                    [id] => {
                        return match store.get(id) {
                            Some(stored) => {
                                let location = self.location(id, stored.version);
                                self.patient_reply(StatusCode::OK, id, stored, dialect)
                                    .with("location", &location)
                            }
                            None => missing(&store, id, dialect),
                        };
                    }
                    _ => {
                        return outcome(
                            StatusCode::PRECONDITION_FAILED,
                            "multiple-matches",
                            "If-None-Exist matches more than one patient",
                            None,
                        );
                    }
                },
            }
        }
        // The server assigns ids; those in the body are not kept.
        let id = store.assign("p");
        let mut allergies = sent.allergies.unwrap_or_default();
        for allergy in &mut allergies {
            allergy.remove("id");
        }
        let stored = store.put(&id, Chart { patient: sent.patient, allergies }, self.clock.now_ms()).clone();
        self.journal.wrote();
        let location = self.location(&id, stored.version);
        let reply = if dialect.write_returns_body {
            self.patient_reply(StatusCode::CREATED, &id, &stored, dialect)
        } else {
            versioned(Reply::empty(StatusCode::CREATED), &stored, dialect)
        };
        reply.with("location", &location)
    }

    fn location(&self, id: &str, version: u64) -> String {
        format!("{}/patients/{id}/_history/{version}", self.base_url())
    }

    pub(crate) fn replace(&self, request: &Request, id: &str, dialect: &Dialect) -> Reply {
        let sent = match read_body(request, dialect, Some(id)) {
            Ok(sent) => sent,
            Err(reply) => return reply,
        };
        let mut store = self.write();
        let Some(current) = store.get(id) else { return missing(&store, id, dialect) };
        if dialect.etag {
            match request.header_text("if-match") {
                Some(expected) if !version_matches(expected, current.version) => {
                    let status =
                        StatusCode::from_u16(dialect.stale_status).unwrap_or(StatusCode::PRECONDITION_FAILED);
                    return outcome(status, "conflict", "Version mismatch", None);
                }
                None if dialect.if_match_required => {
                    return outcome(StatusCode::BAD_REQUEST, "required", "If-Match is required", None);
                }
                _ => {}
            }
        }
        let own: Vec<String> = current.allergies.iter().map(|(id, _)| id.to_string()).collect();
        let kept = || current.chart().map(|chart| chart.allergies).unwrap_or_default();
        let mut allergies = match sent.allergies {
            None => kept(),
            Some(allergies) if dialect.patient != PatientBody::Bundle => {
                // Known substances keep their resources; the text says no more than their names.
                let known = kept();
                allergies
                    .into_iter()
                    .map(|allergy| {
                        known
                            .iter()
                            .find(|known| bundle::substance(known) == bundle::substance(&allergy))
                            .cloned()
                            .unwrap_or(allergy)
                    })
                    .collect()
            }
            Some(allergies) => allergies,
        };
        let mut used: Vec<String> = Vec::new();
        for allergy in &mut allergies {
            let id = allergy.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
            if own.contains(&id) && !used.contains(&id) {
                used.push(id);
            } else {
                allergy.remove("id");
            }
        }
        let stored = store.put(id, Chart { patient: sent.patient, allergies }, self.clock.now_ms()).clone();
        self.journal.wrote();
        if dialect.write_returns_body {
            self.patient_reply(StatusCode::OK, id, &stored, dialect)
        } else {
            versioned(Reply::empty(StatusCode::OK), &stored, dialect)
        }
    }
}

pub(super) fn version_matches(expected: &str, version: u64) -> bool {
    let version = version.to_string();
    expected.split(',').any(|one| {
        let one = one.trim();
        one == "*" || one.trim_start_matches("W/").trim_matches('"') == version
    })
}

/// The patients that `If-None-Exist: identifier=system|value` matches.
fn existing(store: &Store, condition: &str) -> Result<Vec<String>, Reply> {
    let parameters = decode_form(condition.trim_start_matches('?').as_bytes());
    let [(name, value)] = parameters.as_slice() else {
        return Err(outcome(
            StatusCode::BAD_REQUEST,
            "invalid",
            "If-None-Exist must hold one identifier",
            None,
        ));
    };
    if name != "identifier" {
        return Err(outcome(
            StatusCode::BAD_REQUEST,
            "not-supported",
            "If-None-Exist must hold one identifier",
            None,
        ));
    }
    let (system, value) = read_token(value);
    Ok(store.with_identifier(system.as_deref(), &value).into_iter().map(str::to_owned).collect())
}

fn read_body(request: &Request, dialect: &Dialect, id: Option<&str>) -> Result<Sent, Reply> {
    let bad = |text: &str| outcome(StatusCode::BAD_REQUEST, "structure", text, None);
    let content_type = request.header_text("content-type").unwrap_or_default();
    if !content_type.starts_with("application/fhir+json") && !content_type.starts_with("application/json") {
        return Err(outcome(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            "The body must be application/fhir+json",
            None,
        ));
    }
    let text = std::str::from_utf8(&request.body).map_err(|_| bad("The body is not UTF-8"))?;
    let body = Json::parse(text).map_err(|_| bad("The body is not valid JSON"))?;
    let kind = body.get("resourceType").and_then(Json::as_str).unwrap_or_default();
    let mut sent = match (kind, &dialect.patient) {
        ("Bundle", PatientBody::Bundle) => read_bundle(&body, id)?,
        ("Patient", PatientBody::Bundle) => Sent { patient: body, allergies: None },
        ("Patient", PatientBody::Bare { allergies_url }) => {
            let (patient, allergies) = take_allergies(body, allergies_url);
            Sent { patient, allergies: Some(allergies) }
        }
        _ => return Err(bad("A patient is expected")),
    };
    if let (Some(id), Some(own)) = (id, sent.patient.get("id").and_then(Json::as_str))
        && own != id
    {
        return Err(outcome(
            StatusCode::BAD_REQUEST,
            "invalid",
            "The id of the body is not the id of the URL",
            Some("Patient.id"),
        ));
    }
    if id.is_some() && sent.patient.get("id").is_none() {
        return Err(outcome(
            StatusCode::BAD_REQUEST,
            "required",
            "The body must carry the id of the URL",
            Some("Patient.id"),
        ));
    }
    if id.is_none() {
        sent.patient.remove("id");
    }
    let allergies = sent.allergies.as_deref().unwrap_or_default();
    let mut problems: Vec<Problem> =
        std::iter::once(&sent.patient).chain(allergies).flat_map(validate).collect();
    if !dialect.strict {
        problems.retain(|problem| problem.text != "unknown property");
    }
    if problems.is_empty() {
        return Ok(sent);
    }
    let structural = problems.iter().any(|problem| problem.structural);
    let status = if structural { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
    let issues: Vec<_> = problems
        .into_iter()
        .map(|problem| (problem.code.to_owned(), problem.text, vec![problem.expression]))
        .collect();
    Err(outcomes(status, &issues))
}

fn read_bundle(body: &Json, id: Option<&str>) -> Result<Sent, Reply> {
    let bad = |text: &str, at: &str| outcome(StatusCode::BAD_REQUEST, "structure", text, Some(at));
    if body.get("type").and_then(Json::as_str) != Some("collection") {
        return Err(bad("A Bundle of type collection is expected", "Bundle.type"));
    }
    for (name, _) in body.members() {
        if ![
            "resourceType",
            "id",
            "meta",
            "identifier",
            "type",
            "timestamp",
            "entry",
            "language",
            "implicitRules",
        ]
        .contains(&name.as_str())
        {
            return Err(bad("unknown property of a collection", "Bundle"));
        }
    }
    let mut patient: Option<(String, Json)> = None;
    let mut allergies = Vec::new();
    let mut urls: Vec<&str> = Vec::new();
    for entry in body.get("entry").map(Json::items).unwrap_or_default() {
        for (name, _) in entry.members() {
            // bdl-2, bdl-3, bdl-4
            if !["fullUrl", "resource", "link", "id"].contains(&name.as_str()) {
                return Err(bad(
                    "search, request and response do not belong into a collection",
                    "Bundle.entry",
                ));
            }
        }
        let Some(resource) = entry.get("resource") else {
            return Err(bad("an entry needs a resource", "Bundle.entry"));
        };
        let url = entry.get("fullUrl").and_then(Json::as_str).unwrap_or_default();
        // bdl-7
        if !url.is_empty() && urls.contains(&url) {
            return Err(bad("fullUrl must be unique", "Bundle.entry.fullUrl"));
        }
        urls.push(url);
        match resource.get("resourceType").and_then(Json::as_str) {
            Some("Patient") if patient.is_none() => patient = Some((url.to_owned(), resource.clone())),
            Some("AllergyIntolerance") => allergies.push(resource.clone()),
            _ => {
                return Err(bad(
                    "one Patient and its AllergyIntolerance resources are expected",
                    "Bundle.entry.resource",
                ));
            }
        }
    }
    let Some((url, patient)) = patient else {
        return Err(bad("a Patient is expected", "Bundle.entry"));
    };
    for allergy in &allergies {
        let reference = allergy
            .get("patient")
            .and_then(|patient| patient.get("reference"))
            .and_then(Json::as_str)
            .unwrap_or_default();
        let own_id = patient.get("id").and_then(Json::as_str).or(id);
        let relative = own_id.is_some_and(|id| {
            reference.ends_with(&format!("Patient/{id}")) || reference.ends_with(&format!("patients/{id}"))
        });
        if !relative && (url.is_empty() || reference != url) {
            return Err(bad(
                "an allergy must refer to the patient of its Bundle",
                "AllergyIntolerance.patient.reference",
            ));
        }
    }
    Ok(Sent { patient, allergies: Some(allergies) })
}

/// Takes the extension with the allergies' text out of a bare Patient and makes resources of it.
fn take_allergies(mut patient: Json, url: &str) -> (Json, Vec<Json>) {
    let mut texts = Vec::new();
    let mut emptied = false;
    if let Some(extensions) = patient.get_mut("extension").and_then(Json::items_mut) {
        extensions.retain(|extension| {
            let ours = extension.get("url").and_then(Json::as_str) == Some(url);
            if ours {
                texts.extend(extension.get("valueString").and_then(Json::as_str).map(str::to_owned));
            }
            !ours
        });
        emptied = extensions.is_empty();
    }
    if emptied {
        patient.remove("extension");
    }
    let clinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    let allergies = texts
        .iter()
        .flat_map(|text| text.split(';'))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| {
            let active = Json::object([("system", Json::str(clinical)), ("code", Json::str("active"))]);
            Json::object([
                ("resourceType", Json::str("AllergyIntolerance")),
                ("clinicalStatus", Json::object([("coding", Json::Array(vec![active]))])),
                ("code", Json::object([("text", Json::str(text))])),
                ("patient", Json::object([("reference", Json::str("Patient/self"))])),
            ])
        })
        .collect();
    (patient, allergies)
}
