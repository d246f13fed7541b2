//! Transactions: a Bundle of creates that is carried out whole or not at all (FHIR R4 http, "transaction";
//! wire-facts 3.5).

use super::appointments::read_json;
use super::dialect::Dialect;
use super::search::FHIR;
use super::treatments::read_entries;
use super::{Ehr, outcome};
use crate::wire::{Reply, Request, push_json_string};
use http::StatusCode;
use record::Json;

impl Ehr {
    /// `POST` to the base.
    pub(super) fn transaction(&self, request: &Request, scope: &str, dialect: &Dialect) -> Reply {
        match read_json(request) {
            Ok(body) if body.get("type").and_then(Json::as_str) == Some("transaction") => {
                self.transact(&body, scope, dialect)
            }
            Ok(_) => outcome(
                StatusCode::BAD_REQUEST,
                "not-supported",
                "A Bundle of type transaction is expected at the base",
                Some("Bundle.type"),
            ),
            Err(reply) => reply,
        }
    }

    /// Carries a transaction out. Its answer names each entry's resource in the order of the request.
    pub(super) fn transact(&self, bundle: &Json, scope: &str, dialect: &Dialect) -> Reply {
        let entries = match read_entries(bundle, true) {
            Ok(entries) => entries,
            Err(reply) => return reply,
        };
        if let Some(reply) = self.refuse_entries(&entries, scope, dialect) {
            return reply;
        }
        let done = match self.store_entries(&mut self.shelves_mut(), entries, dialect) {
            Ok(done) => done,
            Err(reply) => return reply,
        };
        if done.iter().any(|done| done.created) {
            self.journal.wrote();
        }
        let base_url = self.base_url();
        let mut out =
            String::from("{\"resourceType\":\"Bundle\",\"type\":\"transaction-response\",\"entry\":[");
        for (at, done) in done.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            let status = if done.created { "201 Created" } else { "200 OK" };
            out.push_str("{\"response\":{\"status\":\"");
            out.push_str(status);
            out.push_str("\",\"location\":");
            let place = match done.kind.as_str() {
                "Encounter" => format!("{base_url}/treatments/{}/_history/{}", done.id, done.version),
                kind => format!("{kind}/{}/_history/{}", done.id, done.version),
            };
            push_json_string(&place, &mut out);
            if dialect.etag {
                out.push_str(",\"etag\":");
                push_json_string(&format!("W/\"{}\"", done.version), &mut out);
            }
            out.push_str(",\"lastModified\":");
            push_json_string(&crate::clock::instant(done.updated_ms), &mut out);
            out.push_str("}}");
        }
        out.push_str("]}");
        Reply::new(StatusCode::OK, FHIR, out)
    }
}
