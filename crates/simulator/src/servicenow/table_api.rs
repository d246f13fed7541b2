//! The Table API (wire-facts 5.1, 5.2).

use super::evaluate::{self, Path, Session, Tables};
use super::schema::ColumnType;
use super::table::Row;
use super::{Access, Caller, Instance, QUOTA_ERROR, cut_by_quota, error, query, values};
use crate::faults::Met;
use crate::wire::{self, Reply, Request, push_json_string};
use http::{Method, StatusCode};

/// How values are to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    Stored,
    Shown,
    Both,
}

/// The `sysparm_` parameters of a request.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Params {
    query: String,
    fields: Option<Vec<String>>,
    limit: usize,
    limit_given: bool,
    offset: i64,
    pub(crate) display: Display,
    exclude_link: bool,
    pub(crate) input_display: bool,
    no_count: bool,
    no_link_header: bool,
    no_body: bool,
}

impl Params {
    pub(crate) fn read(request: &Request, default_limit: usize) -> Result<Params, Reply> {
        let mut params = Params {
            query: String::new(),
            fields: None,
            limit: default_limit,
            limit_given: false,
            offset: 0,
            display: Display::Stored,
            exclude_link: false,
            input_display: false,
            no_count: false,
            no_link_header: false,
            no_body: request.header_text("x-no-response-body") == Some("true"),
        };
        let mut bare = Vec::new();
        for (name, value) in request.params() {
            match name.as_str() {
                "sysparm_query" => params.query = value,
                "sysparm_fields" if !value.is_empty() => {
                    params.fields = Some(value.split(',').map(|field| field.trim().to_owned()).collect());
                }
                "sysparm_limit" => {
                    if let Ok(limit) = value.parse() {
                        params.limit = limit;
                        params.limit_given = true;
                    }
                }
                "sysparm_offset" => params.offset = value.parse().unwrap_or(0),
                "sysparm_display_value" => {
                    params.display = match value.as_str() {
                        "true" => Display::Shown,
                        "all" => Display::Both,
                        _ => Display::Stored,
                    };
                }
                "sysparm_exclude_reference_link" => params.exclude_link = value == "true",
                "sysparm_input_display_value" => params.input_display = value == "true",
                "sysparm_no_count" => params.no_count = value == "true",
                "sysparm_suppress_pagination_header" => params.no_link_header = value == "true",
                other if !other.starts_with("sysparm_") => bare.push(format!("{name}={value}")),
                _ => {}
            }
        }
        // Bare `field=value` pairs are another way to ask, used only where there is no encoded query.
        if params.query.is_empty() {
            params.query = bare.join("^");
        }
        if params.offset < 0 {
            return Err(error(
                StatusCode::BAD_REQUEST,
                "Invalid pagination parameter",
                Some("sysparm_offset must not be negative"),
            ));
        }
        Ok(params)
    }
}

impl Instance {
    pub(crate) fn table_api(
        &self,
        request: &Request,
        caller: &Caller,
        version: &str,
        table: &str,
        key: Option<&str>,
        met: &Met,
    ) -> Reply {
        if let Some(refusal) = self.refuse(request, table) {
            return refusal;
        }
        let settings = self.settings();
        let params = match Params::read(request, settings.default_limit) {
            Ok(params) => params,
            Err(reply) => return reply,
        };
        let session = self.session(caller, &settings);
        let reply = match (&request.method, key) {
            (&(Method::GET | Method::HEAD), None) => {
                self.list(request, version, table, &params, &session, met)
            }
            (&(Method::GET | Method::HEAD), Some(key)) => {
                let state = self.read();
                match shown(&state.tables, &state.access, table, key, &session) {
                    Some(row) => single(
                        StatusCode::OK,
                        &self.render(&state.tables, &state.access, table, row, &params, &session),
                    ),
                    None => not_found(),
                }
            }
            (&Method::POST, None) => self.insert(request, caller, table, &params, &session),
            (&(Method::PUT | Method::PATCH), Some(key)) => {
                self.update(request, caller, table, key, &params, &session)
            }
            (&Method::DELETE, Some(key)) => self.delete(caller, table, key, &session),
            _ => error(StatusCode::METHOD_NOT_ALLOWED, "Method not supported", None),
        };
        if request.method == Method::HEAD || (params.no_body && reply.status.is_success()) {
            let mut silent = reply;
            silent.body.clear();
            return silent;
        }
        reply
    }

    fn refuse(&self, request: &Request, table: &str) -> Option<Reply> {
        let accept = request.header_text("accept").unwrap_or_default();
        let accepts = ["application/json", "application/*", "*/*"].iter().any(|kind| accept.contains(kind));
        if accept.is_empty() {
            return Some(error(
                StatusCode::BAD_REQUEST,
                "Missing header",
                Some("The Accept header is required"),
            ));
        }
        if !accepts {
            return Some(error(StatusCode::NOT_ACCEPTABLE, "Requested format is not supported", None));
        }
        if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
            let content_type = request.header_text("content-type").unwrap_or_default();
            if content_type.is_empty() {
                return Some(error(
                    StatusCode::BAD_REQUEST,
                    "Missing header",
                    Some("The Content-Type header is required"),
                ));
            }
            if !content_type.starts_with("application/json") {
                return Some(error(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "Unsupported Media Type",
                    Some("Media-type not supported"),
                ));
            }
        }
        let state = self.read();
        if !state.tables.contains_key(table) {
            return Some(error(StatusCode::BAD_REQUEST, &format!("Invalid table {table}"), None));
        }
        if state.access.closed_tables.contains(table) {
            return Some(error(
                StatusCode::FORBIDDEN,
                "User Not Authorized",
                Some("Failed API level ACL Validation"),
            ));
        }
        None
    }

    fn list(
        &self,
        request: &Request,
        version: &str,
        table: &str,
        params: &Params,
        session: &Session<'_>,
        met: &Met,
    ) -> Reply {
        let state = self.read();
        let text = if met.has(&crate::faults::Fault::IgnoreQuery) { "" } else { params.query.as_str() };
        let bound = evaluate::bind(&state.tables, table, &query::parse(text), session);
        let offset = usize::try_from(params.offset).unwrap_or_default();
        let limit = met.page_limit().map_or(params.limit, |limit| limit.min(params.limit));
        let Some(page) = evaluate::run(&state.tables, table, &bound, offset, limit, !params.no_count) else {
            return error(StatusCode::BAD_REQUEST, &format!("Invalid table {table}"), None);
        };
        let hidden = hidden_rows(&state.tables, &state.access, table, session);
        let columns = Instance::columns(&state.tables, &state.access, table, params);
        let rows: Vec<&Row> = page
            .rows
            .iter()
            .filter(|(_, row)| !hidden.as_ref().is_some_and(|hidden| hidden.matches(&state.tables, row)))
            .map(|(_, row)| *row)
            .collect();
        // Version 1 answers an empty list with 404.
        if rows.is_empty() && version == "v1" {
            return error(
                StatusCode::NOT_FOUND,
                "No Record found",
                Some("Record doesn't exist or ACL restricts the record retrieval"),
            );
        }
        let cut = cut_by_quota(met);
        let kept = if cut { rows.len().div_ceil(2) } else { rows.len() };
        let mut body = String::with_capacity(kept * 1_024 + 16);
        body.push_str("{\"result\":[");
        for (at, row) in rows.iter().take(kept).enumerate() {
            if at > 0 {
                body.push(',');
            }
            self.render_row(&state.tables, row, &columns, params, session, &mut body);
        }
        body.push_str("],");
        if cut {
            body.push_str(QUOTA_ERROR);
        } else {
            body.pop();
            body.push('}');
        }
        let mut reply = Reply::json(StatusCode::OK, body);
        let total = page.total.map(|total| match &hidden {
            Some(hidden) if !session.settings.total_count_before_acl => {
                let all = evaluate::run(&state.tables, table, &bound, 0, usize::MAX, false);
                all.map_or(total, |all| {
                    all.rows.iter().filter(|(_, row)| !hidden.matches(&state.tables, row)).count()
                })
            }
            _ => total,
        });
        if let Some(total) = total {
            reply = reply.with("x-total-count", &total.to_string());
        }
        if !params.no_link_header && params.limit > 0 {
            let more = total.map_or(page.rows.len() >= params.limit, |total| offset + params.limit < total);
            let links = self.links(request, params, offset, total, more);
            if !links.is_empty() {
                reply = reply.with("link", &links);
            }
        }
        reply
    }

    /// The `Link` header: absent when one page holds everything.
    fn links(
        &self,
        request: &Request,
        params: &Params,
        offset: usize,
        total: Option<usize>,
        more: bool,
    ) -> String {
        if offset == 0 && !more {
            return String::new();
        }
        let base = self.base_url();
        let link = |offset: usize, relation: &str| {
            let mut pairs: Vec<String> = request
                .params()
                .iter()
                .filter(|(name, _)| {
                    name != "sysparm_offset" && (name != "sysparm_limit" || !params.limit_given)
                })
                // Commas stay as they are: a reader that splits the header at commas goes wrong.
                .map(|(name, value)| format!("{}={}", wire::encode(name, ""), wire::encode(value, ",:")))
                .collect();
            pairs.push(format!("sysparm_limit={}", params.limit));
            pairs.push(format!("sysparm_offset={offset}"));
            format!("<{base}{}?{}>;rel=\"{relation}\"", request.path, pairs.join("&"))
        };
        let mut links = vec![link(0, "first")];
        if offset > 0 {
            links.push(link(offset.saturating_sub(params.limit), "prev"));
        }
        if more {
            links.push(link(offset + params.limit, "next"));
        }
        if let Some(total) = total {
            links.push(link(total.saturating_sub(1) / params.limit * params.limit, "last"));
        }
        links.join(",")
    }

    /// The columns of a row, in order, with the names they come back under; hidden and unknown ones are left out.
    fn columns(tables: &Tables, access: &Access, table: &str, params: &Params) -> Vec<(String, Path)> {
        let visible = |path: &Path| {
            let name = tables
                .get(&path.table)
                .and_then(|table| table.schema.columns.get(path.last))
                .map(|column| column.name.clone());
            name.is_some_and(|name| !access.hidden_columns.contains(&(path.table.clone(), name)))
        };
        let all: Vec<String> = match &params.fields {
            Some(fields) => fields.clone(),
            None => tables.get(table).map_or_else(Vec::new, |table| {
                table.schema.columns.iter().map(|column| column.name.clone()).collect()
            }),
        };
        all.into_iter()
            .filter_map(|name| evaluate::resolve(tables, table, &name).map(|path| (name, path)))
            .filter(|(_, path)| visible(path))
            .collect()
    }

    pub(crate) fn render(
        &self,
        tables: &Tables,
        access: &Access,
        table: &str,
        row: &Row,
        params: &Params,
        session: &Session<'_>,
    ) -> String {
        let columns = Instance::columns(tables, access, table, params);
        let mut out = String::with_capacity(1_024);
        self.render_row(tables, row, &columns, params, session, &mut out);
        out
    }

    fn render_row(
        &self,
        tables: &Tables,
        row: &Row,
        columns: &[(String, Path)],
        params: &Params,
        session: &Session<'_>,
        out: &mut String,
    ) {
        out.push('{');
        for (at, (name, path)) in columns.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push_json_string(name, out);
            out.push(':');
            let stored = evaluate::walk(tables, path, row);
            let Some(column) = tables.get(&path.table).and_then(|table| table.schema.columns.get(path.last))
            else {
                out.push_str("\"\"");
                continue;
            };
            let target = match &column.column_type {
                ColumnType::Reference(target) if !stored.is_empty() => Some(target),
                _ => None,
            };
            let shown = || values::display(tables, column, stored, session);
            let link = |out: &mut String| {
                if let (Some(target), false) = (target, params.exclude_link) {
                    out.push_str("\"link\":");
                    push_json_string(&format!("{}/api/now/table/{target}/{stored}", self.base_url()), out);
                    out.push(',');
                }
            };
            match params.display {
                Display::Both => {
                    out.push_str("{\"display_value\":");
                    push_json_string(&shown(), out);
                    out.push(',');
                    link(out);
                    out.push_str("\"value\":");
                    push_json_string(stored, out);
                    out.push('}');
                }
                Display::Shown if target.is_some() && !params.exclude_link => {
                    out.push_str("{\"display_value\":");
                    push_json_string(&shown(), out);
                    out.push(',');
                    link(out);
                    out.pop();
                    out.push('}');
                }
                Display::Shown => push_json_string(&shown(), out),
                Display::Stored if target.is_some() && !params.exclude_link => {
                    out.push('{');
                    link(out);
                    out.push_str("\"value\":");
                    push_json_string(stored, out);
                    out.push('}');
                }
                Display::Stored => push_json_string(stored, out),
            }
        }
        out.push('}');
    }
}

pub(crate) fn single(status: StatusCode, row: &str) -> Reply {
    Reply::json(status, format!("{{\"result\":{row}}}"))
}

pub(crate) fn not_found() -> Reply {
    error(
        StatusCode::NOT_FOUND,
        "No Record found",
        Some("Record doesn't exist or ACL restricts the record retrieval"),
    )
}

fn hidden_rows(
    tables: &Tables,
    access: &Access,
    table: &str,
    session: &Session<'_>,
) -> Option<evaluate::Bound> {
    let text = access.hidden_rows.get(table)?;
    Some(evaluate::bind(tables, table, &query::parse(text), session))
}

/// The row, unless it does not exist or an access rule hides it.
pub(crate) fn shown<'a>(
    tables: &'a Tables,
    access: &Access,
    table: &str,
    key: &str,
    session: &Session<'_>,
) -> Option<&'a Row> {
    let row = tables.get(table)?.get(key)?;
    let hidden = hidden_rows(tables, access, table, session);
    (!hidden.is_some_and(|hidden| hidden.matches(tables, row))).then_some(row)
}
