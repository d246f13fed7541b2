//! Appointments: read, created and replaced one by one, each a bare resource (wire-facts 3.2, 4).

use super::dialect::Dialect;
use super::list::read_token;
use super::search::{FHIR, bare, references};
use super::shelf::{Item, Shelf};
use super::validate::{Problem, validate};
use super::write::version_matches;
use super::{Ehr, Shelves, outcome, outcomes, version_headers};
use crate::wire::{Reply, Request, decode_form};
use http::StatusCode;
use record::Json;

/// The refusal a set of problems makes: 400 where the document is wrong, 422 where what it says is.
pub(super) fn refusal(problems: Vec<Problem>) -> Reply {
    let structural = problems.iter().any(|problem| problem.structural);
    let status = if structural { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
    let issues: Vec<_> = problems
        .into_iter()
        .map(|problem| (problem.code.to_owned(), problem.text, vec![problem.expression]))
        .collect();
    outcomes(status, &issues)
}

/// What a strict EHR has against a resource; a lenient one drops what it does not know.
pub(super) fn problems_of(resource: &Json, dialect: &Dialect) -> Vec<Problem> {
    let mut problems = validate(resource);
    if !dialect.strict {
        problems.retain(|problem| problem.text != "unknown property");
    }
    problems
}

/// The body as JSON.
pub(super) fn read_json(request: &Request) -> Result<Json, Reply> {
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
    Json::parse(text).map_err(|_| bad("The body is not valid JSON"))
}

/// The items that `identifier=system|value` matches, as `If-None-Exist` and `ifNoneExist` write it.
pub(super) fn existing(shelf: &Shelf, condition: &str) -> Result<Vec<String>, Reply> {
    let parameters = decode_form(condition.trim_start_matches('?').as_bytes());
    match parameters.as_slice() {
        [(name, value)] if name == "identifier" => {
            let (system, value) = read_token(value);
            Ok(shelf.with_identifier(system.as_deref(), &value).into_iter().map(str::to_owned).collect())
        }
        _ => Err(outcome(
            StatusCode::BAD_REQUEST,
            "invalid",
            "The condition of a create must hold one identifier",
            None,
        )),
    }
}

pub(super) fn several() -> Reply {
    outcome(
        StatusCode::PRECONDITION_FAILED,
        "multiple-matches",
        "The condition of the create matches more than one resource",
        None,
    )
}

pub(super) fn missing(shelf: &Shelf, id: &str, dialect: &Dialect) -> Reply {
    if dialect.remembers_deleted && shelf.is_deleted(id) {
        outcome(StatusCode::GONE, "deleted", "The resource was deleted", None)
    } else {
        outcome(StatusCode::NOT_FOUND, "not-found", "No such resource", None)
    }
}

impl Ehr {
    pub(super) fn get_appointment(&self, id: &str, dialect: &Dialect) -> Reply {
        let shelves = self.shelves();
        match shelves.appointments.get(id) {
            Some(item) => bare_reply(StatusCode::OK, item, dialect),
            None => missing(&shelves.appointments, id, dialect),
        }
    }

    pub(super) fn get_practitioner(&self, id: &str, dialect: &Dialect) -> Reply {
        let shelves = self.shelves();
        match shelves.practitioners.get(id) {
            Some(item) => bare_reply(StatusCode::OK, item, dialect),
            None => missing(&shelves.practitioners, id, dialect),
        }
    }

    pub(super) fn create_appointment(&self, request: &Request, dialect: &Dialect) -> Reply {
        let mut appointment = match self.read_appointment(request, None, dialect) {
            Ok(appointment) => appointment,
            Err(reply) => return reply,
        };
        let mut shelves = self.shelves_mut();
        if let Some(condition) = request.header_text("if-none-exist").filter(|_| dialect.if_none_exist) {
            match existing(&shelves.appointments, condition) {
                Err(reply) => return reply,
                Ok(found) => match found.as_slice() {
                    [] => {}
                    [id] => {
                        return match shelves.appointments.get(id) {
                            Some(item) => {
                                let location = self.visit_location("appointments", id, item.main.version);
                                bare_reply(StatusCode::OK, item, dialect).with("location", &location)
                            }
                            None => missing(&shelves.appointments, id, dialect),
                        };
                    }
                    _ => return several(),
                },
            }
        }
        if let Some(reply) = double_booked(&shelves, &appointment, None, dialect) {
            return reply;
        }
        // The server assigns ids; those in the body are not kept.
        appointment.remove("id");
        let id = shelves.appointments.assign("ap");
        let item = shelves.appointments.put(&id, appointment, Vec::new(), self.clock.now_ms(), true);
        self.journal.wrote();
        let location = self.visit_location("appointments", &id, item.main.version);
        written_reply(StatusCode::CREATED, item, dialect).with("location", &location)
    }

    pub(super) fn replace_appointment(&self, request: &Request, id: &str, dialect: &Dialect) -> Reply {
        let appointment = match self.read_appointment(request, Some(id), dialect) {
            Ok(appointment) => appointment,
            Err(reply) => return reply,
        };
        let mut shelves = self.shelves_mut();
        let Some(current) = shelves.appointments.get(id) else {
            return missing(&shelves.appointments, id, dialect);
        };
        if dialect.etag {
            match request.header_text("if-match") {
                Some(expected) if !version_matches(expected, current.main.version) => {
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
        if let Some(reply) = double_booked(&shelves, &appointment, Some(id), dialect) {
            return reply;
        }
        let item = shelves.appointments.put(id, appointment, Vec::new(), self.clock.now_ms(), true);
        self.journal.wrote();
        written_reply(StatusCode::OK, item, dialect)
    }

    pub(super) fn visit_location(&self, route: &str, id: &str, version: u64) -> String {
        format!("{}/{route}/{id}/_history/{version}", self.base_url())
    }

    fn read_appointment(
        &self,
        request: &Request,
        id: Option<&str>,
        dialect: &Dialect,
    ) -> Result<Json, Reply> {
        let body = read_json(request)?;
        if body.get("resourceType").and_then(Json::as_str) != Some("Appointment") {
            return Err(outcome(
                StatusCode::BAD_REQUEST,
                "structure",
                "An Appointment is expected",
                Some("resourceType"),
            ));
        }
        if let Some(id) = id
            && body.get("id").and_then(Json::as_str) != Some(id)
        {
            return Err(outcome(
                StatusCode::BAD_REQUEST,
                "invalid",
                "The id of the body is not the id of the URL",
                Some("Appointment.id"),
            ));
        }
        let mut problems = problems_of(&body, dialect);
        problems.extend(self.dangling(&references(&body), "Appointment.participant.actor", dialect));
        if problems.is_empty() { Ok(body) } else { Err(refusal(problems)) }
    }

    /// References to patients and practitioners that do not exist here.
    pub(super) fn dangling(&self, named: &[String], at: &str, dialect: &Dialect) -> Vec<Problem> {
        if !dialect.checks_references {
            return Vec::new();
        }
        let (patients, shelves) = (self.read(), self.shelves());
        let exists = |reference: &str| match bare(reference).split_once('/') {
            Some(("Patient", id)) => patients.get(id).is_some(),
            Some(("Practitioner", id)) => shelves.practitioners.get(id).is_some(),
            // What this EHR does not hold, such as a location, is taken as it is.
            _ => true,
        };
        named
            .iter()
            .filter(|reference| !exists(reference))
            .map(|_| Problem {
                structural: false,
                code: "not-found",
                expression: at.to_owned(),
                text: "the reference leads to nothing here".to_owned(),
            })
            .collect()
    }
}

fn bare_reply(status: StatusCode, item: &Item, dialect: &Dialect) -> Reply {
    let reply = Reply::new(status, FHIR, item.main.text.as_bytes());
    version_headers(reply, item.main.version, item.main.updated_ms, dialect)
}

fn written_reply(status: StatusCode, item: &Item, dialect: &Dialect) -> Reply {
    if dialect.write_returns_body {
        bare_reply(status, item, dialect)
    } else {
        version_headers(Reply::empty(status), item.main.version, item.main.updated_ms, dialect)
    }
}

/// The practitioners of an appointment and the span it takes, if it takes one.
fn slot(appointment: &Json) -> Option<(Vec<String>, i64, i64)> {
    let text = |name: &str| appointment.get(name).and_then(Json::as_str);
    if matches!(text("status"), Some("cancelled" | "noshow" | "entered-in-error")) {
        return None;
    }
    let at = |name: &str| {
        chrono::DateTime::parse_from_rfc3339(text(name)?).ok().map(|time| time.timestamp_millis())
    };
    let who =
        references(appointment).into_iter().filter(|named| named.starts_with("Practitioner/")).collect();
    Some((who, at("start")?, at("end")?))
}

fn double_booked(
    shelves: &Shelves,
    appointment: &Json,
    own: Option<&str>,
    dialect: &Dialect,
) -> Option<Reply> {
    let (who, start, end) = slot(appointment).filter(|_| dialect.refuses_double_booking)?;
    let taken = who.iter().flat_map(|one| shelves.appointments.naming(one)).any(|id| {
        let other = shelves.appointments.get(id).filter(|_| own != Some(id)).and_then(Item::main);
        other.as_ref().and_then(slot).is_some_and(|(others, from, to)| {
            from < end && start < to && others.iter().any(|one| who.contains(one))
        })
    });
    taken.then(|| {
        outcome(
            StatusCode::UNPROCESSABLE_ENTITY,
            "business-rule",
            "The practitioner has another appointment at that time",
            Some("Appointment.start"),
        )
    })
}
