//! An EHR that speaks FHIR R4 bodies on `/api/v1/patients`, `/appointments` and `/treatments`, in the dialect of
//! `design.md`.

mod appointments;
mod bundle;
mod definitions;
mod desk;
pub mod dialect;
mod list;
mod search;
mod shelf;
mod store;
mod transaction;
mod treatments;
pub mod validate;
mod visit_desk;
mod write;

pub use dialect::{Dialect, ListShape, PatientBody};
pub use store::Chart;

use crate::clock::Clock;
use crate::faults::{Fault, Faults, Met};
use crate::idp::IdentityProvider;
use crate::journal::Journal;
use crate::wire::{Reply, Request, push_json_string};
use http::{Method, StatusCode};
use shelf::Shelf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use store::{Store, Stored};

/// What the EHR holds beside patients.
#[derive(Debug, Default)]
struct Shelves {
    appointments: Shelf,
    treatments: Shelf,
    practitioners: Shelf,
    /// Ids handed out to the resources of treatments.
    parts_assigned: u64,
}

/// A simulated EHR.
#[derive(Debug)]
pub struct Ehr {
    store: RwLock<Store>,
    shelves: RwLock<Shelves>,
    dialect: RwLock<Dialect>,
    base_url: RwLock<String>,
    identity: Arc<IdentityProvider>,
    /// Its clock.
    pub clock: Clock,
    /// Its faults.
    pub faults: Faults,
    /// What was asked of it.
    pub journal: Journal,
}

impl Ehr {
    /// An EHR without patients that trusts the identity provider's tokens.
    pub fn new(clock: Clock, identity: Arc<IdentityProvider>) -> Ehr {
        Ehr {
            store: RwLock::new(Store::default()),
            shelves: RwLock::new(Shelves::default()),
            dialect: RwLock::new(Dialect::default()),
            base_url: RwLock::new("https://ehr.test/api/v1".to_owned()),
            identity,
            clock,
            faults: Faults::default(),
            journal: Journal::default(),
        }
    }

    /// Where its routes begin, `/api/v1` included, without a slash at the end.
    pub fn set_base_url(&self, url: &str) {
        url.trim_end_matches('/')
            .clone_into(&mut self.base_url.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn base_url(&self) -> String {
        self.base_url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The dialect it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the dialect.
    pub fn speak(&self, change: impl FnOnce(&mut Dialect)) {
        change(&mut self.dialect.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelves(&self) -> RwLockReadGuard<'_, Shelves> {
        self.shelves.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelves_mut(&self) -> RwLockWriteGuard<'_, Shelves> {
        self.shelves.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request as the EHR does. Broken connections and delays are the caller's to make: see
    /// [`crate::serve`].
    pub fn answer(&self, request: &Request) -> Reply {
        let met = self.faults.meet(request);
        self.answer_with(request, &met)
    }

    pub(crate) fn answer_with(&self, request: &Request, met: &Met) -> Reply {
        let instead = met.instead(|status, message, _| outcome(status, issue_code(status), message, None));
        if let Some(reply) = instead {
            return reply;
        }
        if met.has(&Fault::ErrorInBody) {
            return outcome(StatusCode::OK, "exception", "The request could not be completed", None);
        }
        met.spoil(self.dispatch(request, met))
    }

    fn dispatch(&self, request: &Request, met: &Met) -> Reply {
        let segments = request.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let rest = match parts.as_slice() {
            [".well-known", "smart-configuration"] | ["api", "v1", ".well-known", "smart-configuration"] => {
                return self.identity.smart_configuration();
            }
            ["api", "v1", rest @ ..] => rest,
            _ => return outcome(StatusCode::NOT_FOUND, "not-found", "Unknown route", None),
        };
        let mut dialect = self.dialect();
        if met.has(&Fault::IgnoreQuery) {
            dialect.identifier_search = false;
            dialect.last_updated_search = false;
        }
        let Some((resource, letter, work)) = self.route(request, rest, &dialect, met) else {
            return outcome(StatusCode::NOT_FOUND, "not-found", "Unknown route", None);
        };
        let bearer = request.header_text("authorization").and_then(|value| value.split_once(' '));
        let token =
            bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, token)| token);
        let Some(scope) = self.identity.scope_of(token) else {
            return outcome(
                StatusCode::UNAUTHORIZED,
                "login",
                "The access token is missing, unknown or expired",
                None,
            )
            .with("www-authenticate", "Bearer error=\"invalid_token\"");
        };
        if dialect.enforces_scopes && !crate::idp::allows(&scope, resource, letter) {
            return outcome(
                StatusCode::FORBIDDEN,
                "forbidden",
                "The access token's scope does not allow this",
                None,
            );
        }
        let mut reply = work(&scope);
        if request.method == Method::HEAD {
            reply.body.clear();
        }
        reply
    }

    /// What a request asks for: the resource type and the letter of the scope it takes, and how it is carried out.
    fn route<'a>(
        &'a self,
        request: &'a Request,
        rest: &'a [&'a str],
        dialect: &'a Dialect,
        met: &'a Met,
    ) -> Option<(&'static str, char, Work<'a>)> {
        let not_supported = || -> Work<'a> {
            Box::new(|_| {
                outcome(StatusCode::METHOD_NOT_ALLOWED, "not-supported", "Method not supported", None)
            })
        };
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let posts = request.method == Method::POST;
        let puts = request.method == Method::PUT;
        let (resource, letter, work): (_, _, Work<'a>) = match rest {
            ["patients"] if reads => ("Patient", 's', Box::new(|_| self.list(request, dialect, met))),
            ["patients", id] if reads => ("Patient", 'r', Box::new(|_| self.get_one(id, dialect))),
            ["patients"] if posts => ("Patient", 'c', Box::new(|_| self.create(request, dialect))),
            ["patients", id] if puts => ("Patient", 'u', Box::new(|_| self.replace(request, id, dialect))),
            ["appointments"] if reads => (
                "Appointment",
                's',
                Box::new(|_| {
                    self.list_shelf(&self.shelves().appointments, "appointments", request, dialect, met)
                }),
            ),
            ["appointments", id] if reads && dialect.appointment_by_id => {
                ("Appointment", 'r', Box::new(|_| self.get_appointment(id, dialect)))
            }
            ["appointments"] if posts => {
                ("Appointment", 'c', Box::new(|_| self.create_appointment(request, dialect)))
            }
            ["appointments", id] if puts => {
                ("Appointment", 'u', Box::new(|_| self.replace_appointment(request, id, dialect)))
            }
            ["treatments"] if reads => (
                "Encounter",
                's',
                Box::new(|_| {
                    self.list_shelf(&self.shelves().treatments, "treatments", request, dialect, met)
                }),
            ),
            ["treatments", id] if reads && dialect.treatment_by_id => {
                ("Encounter", 'r', Box::new(|_| self.get_treatment(id, dialect)))
            }
            ["treatments"] if posts => {
                ("Encounter", 'c', Box::new(|scope| self.create_treatment(request, scope, dialect)))
            }
            [] if posts && dialect.transactions => {
                ("Encounter", 'c', Box::new(|scope| self.transaction(request, scope, dialect)))
            }
            ["practitioners"] if reads && dialect.practitioners => (
                "Practitioner",
                's',
                Box::new(|_| {
                    self.list_shelf(&self.shelves().practitioners, "practitioners", request, dialect, met)
                }),
            ),
            ["practitioners", id] if reads && dialect.practitioners => {
                ("Practitioner", 'r', Box::new(|_| self.get_practitioner(id, dialect)))
            }
            // A route that is not there at all, rather than one that knows other methods.
            ["appointments" | "treatments" | "practitioners", _] if reads => return None,
            ["practitioners", ..] if !dialect.practitioners => return None,
            ["patients" | "appointments" | "treatments" | "practitioners"]
            | ["patients" | "appointments" | "treatments" | "practitioners", _] => {
                ("Patient", 'r', not_supported())
            }
            _ => return None,
        };
        Some((resource, letter, work))
    }

    fn get_one(&self, id: &str, dialect: &Dialect) -> Reply {
        let store = self.read();
        match store.get(id) {
            Some(stored) => self.patient_reply(StatusCode::OK, id, stored, dialect),
            None => missing(&store, id, dialect),
        }
    }

    /// One patient in the shape of the dialect, with its version.
    fn patient_reply(&self, status: StatusCode, id: &str, stored: &Stored, dialect: &Dialect) -> Reply {
        let body = bundle::one(&self.base_url(), id, stored, dialect);
        let reply = Reply::new(status, "application/fhir+json;charset=UTF-8", body);
        versioned(reply, stored, dialect)
    }
}

/// What carries a request out, given the scope of its access token.
type Work<'a> = Box<dyn FnOnce(&str) -> Reply + 'a>;

fn versioned(reply: Reply, stored: &Stored, dialect: &Dialect) -> Reply {
    version_headers(reply, stored.version, stored.updated_ms, dialect)
}

fn version_headers(reply: Reply, version: u64, updated_ms: i64, dialect: &Dialect) -> Reply {
    if !dialect.etag {
        return reply;
    }
    let modified = crate::clock::utc(updated_ms).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    reply.with("etag", &format!("W/\"{version}\"")).with("last-modified", &modified)
}

fn missing(store: &Store, id: &str, dialect: &Dialect) -> Reply {
    if dialect.remembers_deleted && store.is_deleted(id) {
        outcome(StatusCode::GONE, "deleted", "The patient was deleted", None)
    } else {
        outcome(StatusCode::NOT_FOUND, "not-found", "No such patient", None)
    }
}

/// An error as the EHR tells it.
fn outcome(status: StatusCode, code: &str, text: &str, expression: Option<&str>) -> Reply {
    let expression = expression.map(|at| vec![at.to_owned()]).unwrap_or_default();
    outcomes(status, &[(code.to_owned(), text.to_owned(), expression)])
}

/// Several errors at once: issue code, text, expressions.
fn outcomes(status: StatusCode, issues: &[(String, String, Vec<String>)]) -> Reply {
    let mut body = String::from("{\"resourceType\":\"OperationOutcome\",\"issue\":[");
    for (at, (code, text, expressions)) in issues.iter().enumerate() {
        if at > 0 {
            body.push(',');
        }
        body.push_str("{\"severity\":\"error\",\"code\":");
        push_json_string(code, &mut body);
        body.push_str(",\"details\":{\"text\":");
        push_json_string(text, &mut body);
        body.push('}');
        if !expressions.is_empty() {
            body.push_str(",\"expression\":[");
            for (index, expression) in expressions.iter().enumerate() {
                if index > 0 {
                    body.push(',');
                }
                push_json_string(expression, &mut body);
            }
            body.push(']');
        }
        body.push('}');
    }
    body.push_str("]}");
    Reply::new(status, "application/fhir+json;charset=UTF-8", body)
}

fn issue_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "throttled",
        StatusCode::UNAUTHORIZED => "login",
        _ => "exception",
    }
}
