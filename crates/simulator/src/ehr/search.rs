//! Lists of appointments, treatments and practitioners: paging by an opaque cursor, search by change, identifier,
//! patient, practitioner, date and status (wire-facts 4).

use super::dialect::{Dialect, ListShape};
use super::list::{moments, read_token};
use super::shelf::{Item, Kept, Shelf};
use super::{Ehr, outcome};
use crate::faults::Met;
use crate::wire::{Reply, Request, encode, push_json_string};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use record::Json;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub(super) const FHIR: &str = "application/fhir+json;charset=UTF-8";

/// A list under way; travels inside the next link.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Search {
    behind: Option<(i64, String)>,
    count: usize,
    total: Option<usize>,
    /// Spans of `lastUpdated`, first millisecond and the one behind the last; all must hold.
    updated: Vec<(Option<i64>, Option<i64>)>,
    /// Spans of the start.
    starts: Vec<(Option<i64>, Option<i64>)>,
    identifier: Option<(Option<String>, String)>,
    id: Option<String>,
    /// Ids of patients, any of them.
    patients: Vec<String>,
    /// References, any of them.
    actors: Vec<String>,
    statuses: Vec<String>,
    count_only: bool,
}

impl Search {
    fn is_plain(&self) -> bool {
        self.starts.is_empty()
            && self.identifier.is_none()
            && self.id.is_none()
            && self.patients.is_empty()
            && self.actors.is_empty()
            && self.statuses.is_empty()
    }

    fn fits(&self, id: &str, item: &Item) -> bool {
        if !self.updated.iter().all(|span| within(*span, item.updated_ms))
            || self.id.as_deref().is_some_and(|wanted| wanted != id)
        {
            return false;
        }
        if self.is_plain() {
            return true;
        }
        let Some(main) = item.main() else { return false };
        let text = |name: &str| main.get(name).and_then(Json::as_str);
        let references = references(&main);
        let names = |wanted: &String| references.iter().any(|reference| reference == wanted);
        let identified = self.identifier.as_ref().is_none_or(|(system, value)| {
            main.get("identifier").map(Json::items).unwrap_or_default().iter().any(|identifier| {
                let part = |name: &str| identifier.get(name).and_then(Json::as_str).unwrap_or_default();
                part("value") == value && system.as_ref().is_none_or(|system| part("system") == system)
            })
        });
        let starts = || {
            let written = text("start").or_else(|| main.get("period")?.get("start")?.as_str())?;
            chrono::DateTime::parse_from_rfc3339(written).ok().map(|time| time.timestamp_millis())
        };
        identified
            && (self.patients.is_empty() || self.patients.iter().any(|id| names(&format!("Patient/{id}"))))
            && (self.actors.is_empty() || self.actors.iter().any(names))
            && (self.statuses.is_empty() || self.statuses.iter().any(|status| text("status") == Some(status)))
            && (self.starts.is_empty()
                || starts().is_some_and(|at| self.starts.iter().all(|span| within(*span, at))))
    }
}

fn within((from, before): (Option<i64>, Option<i64>), at_ms: i64) -> bool {
    from.is_none_or(|from| at_ms >= from) && before.is_none_or(|before| at_ms < before)
}

/// Whom an Appointment or Encounter names: `Patient/p-1`, `Practitioner/dr-lee`.
pub(super) fn references(main: &Json) -> Vec<String> {
    let participants = main.get("participant").map(Json::items).unwrap_or_default();
    let actors = participants
        .iter()
        .filter_map(|participant| participant.get("actor").or_else(|| participant.get("individual")));
    actors
        .chain(main.get("subject"))
        .filter_map(|reference| reference.get("reference").and_then(Json::as_str))
        .map(bare)
        .collect()
}

/// A reference without the server's address and without a version.
pub(super) fn bare(reference: &str) -> String {
    let current = reference.split("/_history/").next().unwrap_or(reference);
    let mut parts = current.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(id), Some("patients")) => format!("Patient/{id}"),
        (Some(id), Some("practitioners")) => format!("Practitioner/{id}"),
        (Some(id), Some(kind)) => format!("{kind}/{id}"),
        _ => current.to_owned(),
    }
}

impl Ehr {
    /// A page of a shelf.
    pub(super) fn list_shelf(
        &self,
        items: &Shelf,
        route: &str,
        request: &Request,
        dialect: &Dialect,
        met: &Met,
    ) -> Reply {
        let (mut search, heeded) = match read_search(request, dialect, met) {
            Ok(read) => read,
            Err(reply) => return reply,
        };
        let base_url = self.base_url();
        // The narrowest index there is; without one, the order of changes.
        let candidates: Option<BTreeSet<&str>> = if let Some((system, value)) = &search.identifier {
            Some(items.with_identifier(system.as_deref(), value))
        } else if let Some(id) = &search.id {
            Some(std::iter::once(id.as_str()).collect())
        } else if !search.patients.is_empty() {
            let named = search.patients.iter().map(|id| format!("Patient/{id}"));
            Some(named.flat_map(|reference| items.naming(&reference).collect::<Vec<_>>()).collect())
        } else if !search.actors.is_empty() {
            Some(search.actors.iter().flat_map(|reference| items.naming(reference)).collect())
        } else {
            None
        };
        let found: Option<Vec<(&str, &Item)>> = candidates.map(|ids| {
            let known = ids.into_iter().filter_map(|id| Some((id, items.get(id)?)));
            let mut found: Vec<_> = known.filter(|(id, item)| search.fits(id, item)).collect();
            found.sort_by_key(|(id, item)| (item.updated_ms, *id));
            found
        });
        let from_ms = search.updated.iter().filter_map(|(from, _)| *from).max().unwrap_or(i64::MIN);
        if search.total.is_none() && (dialect.total || search.count_only) {
            let count =
                || items.changed_from(from_ms, None).filter(|(id, item)| search.fits(id, item)).count();
            let whole = search.is_plain() && search.updated.is_empty();
            search.total = Some(match &found {
                Some(found) => found.len(),
                None if whole => items.len(),
                None => count(),
            });
        }
        let size = match dialect.list {
            _ if search.count_only => 0,
            ListShape::Array => usize::MAX,
            ListShape::Searchset | ListShape::DataNext => search.count,
        };
        let behind = search.behind.as_ref().map(|(ms, id)| (*ms, id.as_str()));
        let mut page: Vec<(&str, &Item)> = match found {
            Some(found) => found
                .into_iter()
                .filter(|(id, item)| behind.is_none_or(|behind| (item.updated_ms, *id) > behind))
                .take(size.saturating_add(1))
                .collect(),
            None => items
                .changed_from(from_ms, behind)
                .filter(|(id, item)| search.fits(id, item))
                .take(size.saturating_add(1))
                .collect(),
        };
        let more = page.len() > size && !search.count_only;
        page.truncate(size);
        let next = page.last().filter(|_| more).map(|(id, item)| {
            let next = Search { behind: Some((item.updated_ms, (*id).to_owned())), ..search.clone() };
            let text = serde_json::to_vec(&next).unwrap_or_default();
            format!("{base_url}/{route}?cursor={}", URL_SAFE_NO_PAD.encode(text))
        });
        let query = if heeded.is_empty() { String::new() } else { format!("?{}", heeded.join("&")) };
        let mut out = String::with_capacity(page.len() * 2_000 + 512);
        match dialect.list {
            ListShape::Searchset => searchset(
                &base_url,
                route,
                &query,
                next.as_deref(),
                search.total.filter(|_| dialect.total || search.count_only),
                &page,
                &mut out,
            ),
            ListShape::Array => elements(&base_url, route, &page, &mut out),
            ListShape::DataNext => {
                out.push_str("{\"data\":");
                elements(&base_url, route, &page, &mut out);
                if let Some(next) = &next {
                    out.push_str(",\"next\":");
                    push_json_string(next, &mut out);
                }
                out.push('}');
            }
        }
        Reply::new(StatusCode::OK, FHIR, out)
    }
}

/// A Bundle of type searchset; without matches there is no entry at all, since an empty array is not valid.
pub(super) fn searchset(
    base_url: &str,
    route: &str,
    query: &str,
    next: Option<&str>,
    total: Option<usize>,
    page: &[(&str, &Item)],
    out: &mut String,
) {
    out.push_str("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",");
    if let Some(total) = total {
        out.push_str("\"total\":");
        out.push_str(&total.to_string());
        out.push(',');
    }
    out.push_str("\"link\":[{\"relation\":\"self\",\"url\":");
    push_json_string(&format!("{base_url}/{route}{query}"), out);
    out.push('}');
    if let Some(next) = next {
        out.push_str(",{\"relation\":\"next\",\"url\":");
        push_json_string(next, out);
        out.push('}');
    }
    out.push(']');
    if !page.is_empty() {
        out.push_str(",\"entry\":[");
        for (at, (_, item)) in page.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            entries(base_url, route, item, true, out);
        }
        out.push(']');
    }
    out.push('}');
}

fn elements(base_url: &str, route: &str, page: &[(&str, &Item)], out: &mut String) {
    out.push('[');
    for (at, (_, item)) in page.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if route == "treatments" {
            out.push_str("{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[");
            entries(base_url, route, item, false, out);
            out.push_str("]}");
        } else {
            out.push_str(&item.main.text);
        }
    }
    out.push(']');
}

/// The entries of an item: itself, then what belongs to it.
fn entries(base_url: &str, route: &str, item: &Item, search: bool, out: &mut String) {
    let mut entry = |kept: &Kept, mode: &str, full_url: String| {
        out.push_str("{\"fullUrl\":");
        push_json_string(&full_url, out);
        out.push_str(",\"resource\":");
        out.push_str(&kept.text);
        if search {
            out.push_str(",\"search\":{\"mode\":\"");
            out.push_str(mode);
            out.push_str("\"}");
        }
        out.push_str("},");
    };
    entry(&item.main, "match", format!("{base_url}/{route}/{}", item.main.id));
    for part in &item.parts {
        entry(part, "include", format!("{base_url}/{}/{}", part.kind, part.id));
    }
    out.pop();
}

fn read_search(request: &Request, dialect: &Dialect, met: &Met) -> Result<(Search, Vec<String>), Reply> {
    let strict = request.header_text("prefer").is_some_and(|prefer| prefer.contains("handling=strict"));
    let invalid = |text: &str| outcome(StatusCode::BAD_REQUEST, "invalid", text, None);
    let mut search = Search { count: dialect.default_count, ..Search::default() };
    let mut heeded = Vec::new();
    for (name, value) in request.params() {
        let written = format!("{}={}", encode(&name, ""), encode(&value, ":"));
        let listed = || value.split(',').map(str::to_owned);
        match name.as_str() {
            "cursor" => {
                let decoded =
                    URL_SAFE_NO_PAD.decode(&value).ok().and_then(|text| serde_json::from_slice(&text).ok());
                search = decoded.ok_or_else(|| invalid("The cursor is not one of this server's"))?;
            }
            "_count" => {
                let count: usize = value.parse().map_err(|_| invalid("_count is not a number"))?;
                search.count = count.clamp(1, dialect.max_count);
            }
            "_summary" if value == "count" => search.count_only = true,
            "_lastUpdated" if dialect.last_updated_search => {
                let span = read_span(&value)
                    .ok_or_else(|| invalid("_lastUpdated is not a date this server can read"))?;
                search.updated.push(span);
            }
            "identifier" if dialect.identifier_search => search.identifier = Some(read_token(&value)),
            "_id" if dialect.id_search => search.id = Some(value),
            "patient" | "subject" if dialect.visit_search => {
                search
                    .patients
                    .extend(listed().map(|one| one.rsplit('/').next().unwrap_or_default().to_owned()));
            }
            "actor" | "practitioner" | "participant" if dialect.visit_search => {
                search.actors.extend(listed().map(|one| bare(&one)));
            }
            "date" if dialect.visit_search => {
                let span =
                    read_span(&value).ok_or_else(|| invalid("date is not a date this server can read"))?;
                search.starts.push(span);
            }
            "status" if dialect.visit_search => search.statuses.extend(listed()),
            _ if strict => return Err(invalid("A search parameter is not supported")),
            // Unknown parameters are ignored: everything comes back, and link[self] does not echo them.
            _ => continue,
        }
        heeded.push(written);
    }
    if let Some(at_most) = met.page_limit() {
        search.count = search.count.min(at_most.max(1));
    }
    Ok((search, heeded))
}

fn read_span(text: &str) -> Option<(Option<i64>, Option<i64>)> {
    let (prefix, value) = match text.get(..2)? {
        prefix @ ("ge" | "gt" | "le" | "lt" | "eq" | "sa" | "eb") => (prefix, text.get(2..)?),
        _ => ("eq", text),
    };
    let (start, end) = moments(value)?;
    Some(match prefix {
        "ge" => (Some(start), None),
        "gt" | "sa" => (Some(end), None),
        "le" => (None, Some(end)),
        "lt" | "eb" => (None, Some(start)),
        _ => (Some(start), Some(end)),
    })
}
