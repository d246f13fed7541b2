//! The Aggregate API: counts for reconciliation (wire-facts 6.4).

use super::{Caller, Instance, error, evaluate, query};
use crate::faults::{Fault, Met};
use crate::wire::{Reply, Request, push_json_string};
use http::StatusCode;
use std::collections::BTreeMap;

impl Instance {
    pub(crate) fn aggregate(&self, request: &Request, caller: &Caller, table: &str, met: &Met) -> Reply {
        let settings = self.settings();
        let session = self.session(caller, &settings);
        let parameters: BTreeMap<String, String> = request.params().into_iter().collect();
        let parameter = |name: &str| parameters.get(name).map_or("", String::as_str);
        let state = self.read();
        if !state.tables.contains_key(table) {
            return error(StatusCode::BAD_REQUEST, &format!("Invalid table {table}"), None);
        }
        if state.access.closed_tables.contains(table) {
            return error(
                StatusCode::FORBIDDEN,
                "User Not Authorized",
                Some("Failed API level ACL Validation"),
            );
        }
        let text = if met.has(&Fault::IgnoreQuery) { "" } else { parameter("sysparm_query") };
        let bound = evaluate::bind(&state.tables, table, &query::parse(text), &session);
        let Some(page) = evaluate::run(&state.tables, table, &bound, 0, usize::MAX, false) else {
            return error(StatusCode::BAD_REQUEST, &format!("Invalid table {table}"), None);
        };
        let counted = parameter("sysparm_count") == "true";
        let counted_stats =
            |count: usize| if counted { format!("{{\"count\":\"{count}\"}}") } else { "{}".to_owned() };
        let columns: Vec<(&str, evaluate::Path)> = parameter("sysparm_group_by")
            .split(',')
            .filter_map(|name| evaluate::resolve(&state.tables, table, name).map(|path| (name, path)))
            .collect();
        if columns.is_empty() {
            return Reply::json(
                StatusCode::OK,
                format!("{{\"result\":{{\"stats\":{}}}}}", counted_stats(page.rows.len())),
            );
        }
        let mut groups: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
        for (_, row) in &page.rows {
            let key = columns.iter().map(|(_, path)| evaluate::walk(&state.tables, path, row)).collect();
            *groups.entry(key).or_default() += 1;
        }
        let mut body = String::from("{\"result\":[");
        for (at, (key, count)) in groups.iter().enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push_str("{\"stats\":");
            body.push_str(&counted_stats(*count));
            body.push_str(",\"groupby_fields\":[");
            for (index, ((name, _), value)) in columns.iter().zip(key).enumerate() {
                if index > 0 {
                    body.push(',');
                }
                body.push_str("{\"field\":");
                push_json_string(name, &mut body);
                body.push_str(",\"value\":");
                push_json_string(value, &mut body);
                body.push('}');
            }
            body.push_str("]}");
        }
        body.push_str("]}");
        Reply::json(StatusCode::OK, body)
    }
}
