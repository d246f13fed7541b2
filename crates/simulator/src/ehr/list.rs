//! Lists: paging by an opaque cursor, search by change and by identifier.

use super::dialect::{Dialect, ListShape};
use super::store::Stored;
use super::{Ehr, bundle, outcome};
use crate::faults::Met;
use crate::wire::{Reply, Request, encode, push_json_string};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Where a list goes on; travels inside the next link.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Cursor {
    behind: Option<(i64, String)>,
    from_ms: Option<i64>,
    before_ms: Option<i64>,
    count: usize,
    total: Option<usize>,
}

#[derive(Debug, Default)]
struct Search {
    cursor: Cursor,
    identifier: Option<(Option<String>, String)>,
    /// The parameters that were heeded, as they were written.
    heeded: Vec<String>,
}

const FHIR: &str = "application/fhir+json;charset=UTF-8";

impl Ehr {
    pub(crate) fn list(&self, request: &Request, dialect: &Dialect, met: &Met) -> Reply {
        let search = match read_search(request, dialect, met) {
            Ok(search) => search,
            Err(reply) => return reply,
        };
        let store = self.read();
        let base_url = self.base_url();
        let Search { mut cursor, identifier, heeded } = search;
        let fits = |stored: &Stored| {
            cursor.from_ms.is_none_or(|from| stored.updated_ms >= from)
                && cursor.before_ms.is_none_or(|before| stored.updated_ms < before)
        };
        let mut page: Vec<(&str, &Stored)>;
        let mut more = false;
        if let Some((system, value)) = &identifier {
            let ids = store.with_identifier(system.as_deref(), value);
            page = ids
                .into_iter()
                .filter_map(|id| Some((id, store.get(id)?)))
                .filter(|(_, stored)| fits(stored))
                .collect();
            cursor.total = Some(page.len());
        } else {
            let from_ms = cursor.from_ms.unwrap_or(i64::MIN);
            if cursor.total.is_none() && dialect.total {
                let unfiltered = cursor.from_ms.is_none() && cursor.before_ms.is_none();
                let count = || store.changed_from(from_ms, None).filter(|(_, stored)| fits(stored)).count();
                cursor.total = Some(if unfiltered { store.len() } else { count() });
            }
            let behind = cursor.behind.as_ref().map(|(ms, id)| (*ms, id.as_str()));
            let size = if dialect.list == ListShape::Array { usize::MAX } else { cursor.count };
            page = store
                .changed_from(from_ms, behind)
                .filter(|(_, stored)| fits(stored))
                .take(size.saturating_add(1))
                .collect();
            if page.len() > size {
                page.truncate(size);
                more = true;
            }
        }
        let next = page.last().filter(|_| more).map(|(id, stored)| {
            let mut next = cursor.clone();
            next.behind = Some((stored.updated_ms, (*id).to_owned()));
            let text = serde_json::to_vec(&next).unwrap_or_default();
            format!("{base_url}/patients?cursor={}", URL_SAFE_NO_PAD.encode(text))
        });
        let mut out = String::with_capacity(page.len() * 3_000 + 512);
        match dialect.list {
            ListShape::Searchset => {
                let query = if heeded.is_empty() { String::new() } else { format!("?{}", heeded.join("&")) };
                searchset(
                    &base_url,
                    &query,
                    next.as_deref(),
                    cursor.total.filter(|_| dialect.total),
                    &page,
                    dialect,
                    &mut out,
                );
            }
            ListShape::Array => elements(&base_url, &page, dialect, &mut out),
            ListShape::DataNext => {
                out.push_str("{\"data\":");
                elements(&base_url, &page, dialect, &mut out);
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

fn searchset(
    base_url: &str,
    query: &str,
    next: Option<&str>,
    total: Option<usize>,
    page: &[(&str, &Stored)],
    dialect: &Dialect,
    out: &mut String,
) {
    out.push_str("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",");
    if let Some(total) = total {
        out.push_str("\"total\":");
        out.push_str(&total.to_string());
        out.push(',');
    }
    out.push_str("\"link\":[{\"relation\":\"self\",\"url\":");
    push_json_string(&format!("{base_url}/patients{query}"), out);
    out.push('}');
    if let Some(next) = next {
        out.push_str(",{\"relation\":\"next\",\"url\":");
        push_json_string(next, out);
        out.push('}');
    }
    out.push(']');
    // An empty array is not valid: without matches there is no entry at all.
    if !page.is_empty() {
        out.push_str(",\"entry\":[");
        for (at, (id, stored)) in page.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            match &dialect.patient {
                super::PatientBody::Bundle => bundle::entries(base_url, id, stored, true, out),
                super::PatientBody::Bare { allergies_url } => {
                    out.push_str("{\"fullUrl\":");
                    push_json_string(&format!("{base_url}/patients/{id}"), out);
                    out.push_str(",\"resource\":");
                    out.push_str(&bundle::bare(stored, allergies_url));
                    out.push_str(",\"search\":{\"mode\":\"match\"}}");
                }
            }
        }
        out.push(']');
    }
    out.push('}');
}

fn elements(base_url: &str, page: &[(&str, &Stored)], dialect: &Dialect, out: &mut String) {
    out.push('[');
    for (at, (id, stored)) in page.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&bundle::element(base_url, id, stored, dialect));
    }
    out.push(']');
}

fn read_search(request: &Request, dialect: &Dialect, met: &Met) -> Result<Search, Reply> {
    let strict = request.header_text("prefer").is_some_and(|prefer| prefer.contains("handling=strict"));
    let invalid = |text: &str| outcome(StatusCode::BAD_REQUEST, "invalid", text, None);
    let mut search = Search::default();
    search.cursor.count = dialect.default_count;
    for (name, value) in request.params() {
        let written = format!("{}={}", encode(&name, ""), encode(&value, ":"));
        match name.as_str() {
            "cursor" => {
                let decoded =
                    URL_SAFE_NO_PAD.decode(&value).ok().and_then(|text| serde_json::from_slice(&text).ok());
                search.cursor = decoded.ok_or_else(|| invalid("The cursor is not one of this server's"))?;
            }
            "_count" => {
                let count: usize = value.parse().map_err(|_| invalid("_count is not a number"))?;
                search.cursor.count = count.clamp(1, dialect.max_count);
            }
            "_lastUpdated" if dialect.last_updated_search => {
                read_last_updated(&value, &mut search.cursor)
                    .ok_or_else(|| invalid("_lastUpdated is not a date this server can read"))?;
            }
            "identifier" if dialect.identifier_search => {
                search.identifier = Some(read_token(&value));
            }
            _ if strict => return Err(invalid("A search parameter is not supported")),
            // Unknown parameters are ignored: everything comes back, and link[self] does not echo them.
            _ => continue,
        }
        search.heeded.push(written);
    }
    if let Some(at_most) = met.page_limit() {
        search.cursor.count = search.cursor.count.min(at_most.max(1));
    }
    Ok(search)
}

/// `system|value`, `|value` (no system) or `value` (any system).
pub(crate) fn read_token(text: &str) -> (Option<String>, String) {
    match text.split_once('|') {
        Some((system, value)) => (Some(system.to_owned()), value.to_owned()),
        None => (None, text.to_owned()),
    }
}

fn read_last_updated(text: &str, cursor: &mut Cursor) -> Option<()> {
    let (prefix, value) = match text.get(..2)? {
        prefix @ ("ge" | "gt" | "le" | "lt" | "eq" | "sa" | "eb") => (prefix, text.get(2..)?),
        _ => ("eq", text),
    };
    let (start, end) = moments(value)?;
    let (from, before) = match prefix {
        "ge" => (Some(start), None),
        "gt" | "sa" => (Some(end), None),
        "le" => (None, Some(end)),
        "lt" | "eb" => (None, Some(start)),
        _ => (Some(start), Some(end)),
    };
    cursor.from_ms = from.or(cursor.from_ms);
    cursor.before_ms = before.or(cursor.before_ms);
    Some(())
}

/// The span a date stands for, as first millisecond and the one behind the last.
pub(super) fn moments(text: &str) -> Option<(i64, i64)> {
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        let start = time.timestamp_millis();
        let width = if text.contains('.') { 1 } else { 1_000 };
        return Some((start, start + width));
    }
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()?
        .and_hms_opt(0, 0, 0)?
        .and_utc()
        .timestamp_millis();
    Some((day, day + 86_400_000))
}
