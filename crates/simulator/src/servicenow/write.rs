//! Inserts, updates and deletions, with the business rules that see them (wire-facts 5.5).

use super::evaluate::{self, Session};
use super::table::Row;
use super::table_api::{Params, not_found, shown, single};
use super::{Caller, IdStream, Instance, State, error, query, values};
use crate::clock::servicenow_text;
use crate::wire::{Reply, Request};
use http::StatusCode;
use record::Json;

/// What a business rule sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleEvent {
    /// Before a row is inserted.
    BeforeInsert,
    /// Before a row is changed.
    BeforeUpdate,
    /// After either; runs later, when [`Instance::run_async_rules`] is called, as a change of its own.
    Async,
}

/// What a business rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// Refuses the operation; its message does not cross the API.
    Abort,
    /// Sets columns.
    Set(Vec<(String, String)>),
}

/// A business rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessRule {
    /// Its name, which refusals mention.
    pub name: String,
    /// The table it belongs to.
    pub table: String,
    /// When it runs.
    pub event: RuleEvent,
    /// An encoded query the new row must match; empty for every row.
    pub condition: String,
    /// What it does.
    pub action: RuleAction,
}

/// A change an async rule is still to make.
#[derive(Debug, Clone)]
pub(crate) struct Deferred {
    table: String,
    sys_id: String,
    set: Vec<(String, String)>,
}

enum Refusal {
    Rule(String),
    Unique,
}

impl Refusal {
    fn reply(&self, table: &str) -> Reply {
        let detail = match self {
            Refusal::Rule(name) => format!(
                "Operation against file '{table}' was aborted by Business Rule '{name}^{:08x}'. Business Rule Stack:{name}",
                name.bytes()
                    .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
            ),
            Refusal::Unique => {
                format!("Error during insert of {table}: Unique Key violation detected by database")
            }
        };
        error(StatusCode::FORBIDDEN, "Operation Failed", Some(&detail))
    }
}

/// The first record of a body as column and text pairs; anything but an object is refused.
fn body_fields(request: &Request) -> Result<Vec<(String, String)>, Reply> {
    let malformed = || {
        error(
            StatusCode::BAD_REQUEST,
            "Exception while reading request",
            Some("The payload is not valid JSON"),
        )
    };
    let text = std::str::from_utf8(&request.body).map_err(|_| malformed())?;
    let parsed = if text.trim().is_empty() {
        Json::Object(Vec::new())
    } else {
        Json::parse(text).map_err(|_| malformed())?
    };
    // One record per request: of an array only the first element counts.
    let record = match &parsed {
        Json::Array(items) => items.first().cloned().unwrap_or(Json::Object(Vec::new())),
        _ => parsed,
    };
    let Json::Object(members) = record else { return Err(malformed()) };
    let text_of = |value: &Json| match value {
        Json::Null => String::new(),
        Json::String(text) | Json::Number(text) => text.clone(),
        Json::Bool(value) => value.to_string(),
        Json::Object(_) => {
            value.get("value").and_then(Json::as_str).map_or_else(|| value.to_string(), str::to_owned)
        }
        Json::Array(_) => value.to_string(),
    };
    Ok(members.iter().map(|(name, value)| (name.clone(), text_of(value))).collect())
}

impl Instance {
    fn write_refused(&self, table: &str, verb: &str) -> Option<Reply> {
        self.read().access.read_only_tables.contains(table).then(|| {
            let detail = format!("ACL Exception {verb} Failed due to security constraints");
            error(StatusCode::FORBIDDEN, "Operation Failed", Some(&detail))
        })
    }

    /// Sets what the body says and the column accepts; unknown keys, `sys_` keys and closed columns vanish.
    fn apply(
        state: &State,
        table: &str,
        row: &mut Row,
        fields: &[(String, String)],
        as_display: bool,
        session: &Session<'_>,
    ) {
        let Some(known) = state.tables.get(table) else { return };
        for (name, sent) in fields {
            let Some(at) = known.position(name) else { continue };
            let is_system = name.starts_with("sys_") && !session.settings.sys_fields_writable;
            if is_system || state.access.read_only_columns.contains(&(table.to_owned(), name.clone())) {
                continue;
            }
            let Some(column) = known.schema.columns.get(at) else { continue };
            let accepted = values::accept(&state.tables, column, sent, as_display, session, session.settings);
            if let (Some(accepted), Some(place)) = (accepted, row.get_mut(at)) {
                *place = accepted.into();
            }
        }
    }

    pub(crate) fn insert(
        &self,
        request: &Request,
        caller: &Caller,
        table: &str,
        params: &Params,
        session: &Session<'_>,
    ) -> Reply {
        if let Some(refusal) = self.write_refused(table, "Insert") {
            return refusal;
        }
        let fields = match body_fields(request) {
            Ok(fields) => fields,
            Err(reply) => return reply,
        };
        let mut state = self.write();
        let sys_id = state.new_sys_id(IdStream::Made);
        let Some(mut row) = state.tables.get(table).map(|table| {
            table.schema.columns.iter().map(|column| column.default.as_str().into()).collect::<Row>()
        }) else {
            return not_found();
        };
        Instance::apply(&state, table, &mut row, &fields, params.input_display, session);
        match store(&mut state, table, &sys_id, None, row, &caller.user_name, session) {
            Err(refusal) => refusal.reply(table),
            Ok(sys_id) => {
                self.journal.wrote();
                if table == "ecc_queue" {
                    self.queued.notify_one();
                }
                let body = state
                    .tables
                    .get(table)
                    .and_then(|known| known.get(&sys_id))
                    .map(|row| self.render(&state.tables, &state.access, table, row, params, session))
                    .unwrap_or_default();
                let location = format!("{}/api/now/table/{table}/{sys_id}", self.base_url());
                single(StatusCode::CREATED, &body).with("location", &location)
            }
        }
    }

    pub(crate) fn update(
        &self,
        request: &Request,
        caller: &Caller,
        table: &str,
        key: &str,
        params: &Params,
        session: &Session<'_>,
    ) -> Reply {
        if let Some(refusal) = self.write_refused(table, "Update") {
            return refusal;
        }
        let fields = match body_fields(request) {
            Ok(fields) => fields,
            Err(reply) => return reply,
        };
        let mut state = self.write();
        let Some(old) = shown(&state.tables, &state.access, table, key, session).cloned() else {
            return not_found();
        };
        let mut row = old.clone();
        Instance::apply(&state, table, &mut row, &fields, params.input_display, session);
        match store(&mut state, table, key, Some(&old), row, &caller.user_name, session) {
            Err(refusal) => refusal.reply(table),
            Ok(key) => {
                self.journal.wrote();
                let body = state
                    .tables
                    .get(table)
                    .and_then(|known| known.get(&key))
                    .map(|row| self.render(&state.tables, &state.access, table, row, params, session))
                    .unwrap_or_default();
                single(StatusCode::OK, &body)
            }
        }
    }

    pub(crate) fn delete(&self, caller: &Caller, table: &str, key: &str, session: &Session<'_>) -> Reply {
        if let Some(refusal) = self.write_refused(table, "Delete") {
            return refusal;
        }
        let exists = {
            let state = self.read();
            shown(&state.tables, &state.access, table, key, session).is_some()
        };
        if !exists || !self.delete_row(table, key, &caller.user_name) {
            return not_found();
        }
        self.journal.wrote();
        Reply::empty(StatusCode::NO_CONTENT)
    }

    /// Lets the async rules that were set off so far make their changes; returns how many rows changed.
    pub fn run_async_rules(&self) -> usize {
        let deferred = std::mem::take(&mut self.write().deferred);
        let mut changed = 0;
        for change in deferred {
            let set: Vec<(&str, &str)> =
                change.set.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            changed += usize::from(self.edit_row(&change.table, &change.sys_id, &set, "system"));
        }
        changed
    }
}

/// Runs the rules, stamps the row and puts it in its place. An update that changes nothing leaves the row alone.
fn store(
    state: &mut State,
    table: &str,
    sys_id: &str,
    old: Option<&Row>,
    mut row: Row,
    user: &str,
    session: &Session<'_>,
) -> Result<String, Refusal> {
    if old == Some(&row) {
        return Ok(sys_id.to_owned());
    }
    let event = if old.is_some() { RuleEvent::BeforeUpdate } else { RuleEvent::BeforeInsert };
    let matching = |state: &State, row: &Row, event: RuleEvent| -> Vec<(String, RuleAction)> {
        let fits = |condition: &str| {
            condition.is_empty()
                || evaluate::bind(&state.tables, table, &query::parse(condition), session)
                    .matches(&state.tables, row)
        };
        let rules = state
            .rules
            .iter()
            .filter(|rule| rule.table == table && rule.event == event && fits(&rule.condition));
        rules.map(|rule| (rule.name.clone(), rule.action.clone())).collect()
    };
    for (name, action) in matching(state, &row, event) {
        match action {
            RuleAction::Abort => return Err(Refusal::Rule(name)),
            RuleAction::Set(set) => {
                let Some(known) = state.tables.get(table) else { continue };
                for (column, value) in set {
                    if let Some(place) = known.position(&column).and_then(|at| row.get_mut(at)) {
                        *place = value.into();
                    }
                }
            }
        }
    }
    let mut sys_id = sys_id.to_owned();
    let Some(known) = state.tables.get_mut(table) else { return Ok(sys_id) };
    let stamp = servicenow_text(session.now_ms);
    let at = |name: &str| known.position(name);
    let mut put = |at: Option<usize>, value: &str| {
        if let Some(place) = at.and_then(|at| row.get_mut(at)) {
            *place = value.into();
        }
    };
    if let Some(old) = old {
        let count = known.value(old, "sys_mod_count").parse::<u64>().unwrap_or_default();
        put(at("sys_mod_count"), &(count + 1).to_string());
    } else {
        let chosen = at("sys_id").filter(|_| session.settings.sys_fields_writable);
        put(at("sys_mod_count"), "0");
        put(at("sys_created_on"), &stamp);
        put(at("sys_created_by"), user);
        let own = chosen.and_then(|at| row.get(at)).filter(|own| !own.is_empty()).map(ToString::to_string);
        sys_id = own.unwrap_or(sys_id);
    }
    let mut put = |at: Option<usize>, value: &str| {
        if let Some(place) = at.and_then(|at| row.get_mut(at)) {
            *place = value.into();
        }
    };
    put(at("sys_id"), &sys_id);
    put(at("sys_updated_on"), &stamp);
    put(at("sys_updated_by"), user);
    if known.clash(&sys_id, &row).is_some() || (old.is_none() && known.get(&sys_id).is_some()) {
        return Err(Refusal::Unique);
    }
    known.put(&sys_id, row.clone());
    for (_, action) in matching(state, &row, RuleEvent::Async) {
        if let RuleAction::Set(set) = action {
            state.deferred.push(Deferred { table: table.to_owned(), sys_id: sys_id.clone(), set });
        }
    }
    Ok(sys_id)
}
