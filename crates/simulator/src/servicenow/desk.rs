//! What people do at the instance itself, past the API: load, look, edit, delete.

use super::evaluate;
use super::table::Row;
use super::{Caller, IdStream, Instance, query};
use crate::clock::servicenow_text;
use std::collections::BTreeMap;

/// A row as column and text pairs.
pub type RowValues = BTreeMap<String, String>;

impl Instance {
    fn desk_caller() -> Caller {
        Caller { user_name: "system".to_owned(), sys_id: String::new(), zone: chrono_tz::UTC }
    }

    /// Inserts a row; columns that are given are stored as they are, the system ones included. Returns its `sys_id`,
    /// or nothing if there is no such table or a unique index refuses.
    pub fn insert_row(&self, table: &str, values: &[(&str, &str)], user: &str) -> Option<String> {
        self.insert_from(table, values, user, IdStream::Made)
    }

    /// Inserts a row that is there from the beginning: the ids of what is made later stay what they are without it.
    pub(crate) fn load_row(&self, table: &str, values: &[(&str, &str)]) -> Option<String> {
        self.insert_from(table, values, "front.desk", IdStream::Loaded)
    }

    pub(crate) fn insert_from(
        &self,
        table: &str,
        values: &[(&str, &str)],
        user: &str,
        stream: IdStream,
    ) -> Option<String> {
        let stamp = servicenow_text(self.clock.now_ms());
        let mut state = self.write();
        let fresh = state.new_sys_id(stream);
        let known = state.tables.get_mut(table)?;
        let mut row: Row = known.schema.columns.iter().map(|column| column.default.as_str().into()).collect();
        let system = [
            ("sys_id", fresh.as_str()),
            ("sys_mod_count", "0"),
            ("sys_created_on", &stamp),
            ("sys_created_by", user),
            ("sys_updated_on", &stamp),
            ("sys_updated_by", user),
        ];
        for (name, value) in system.iter().chain(values) {
            if let Some(place) = known.position(name).and_then(|at| row.get_mut(at)) {
                *place = (*value).into();
            }
        }
        let key = known.value(&row, "sys_id").to_owned();
        if known.clash(&key, &row).is_some() {
            return None;
        }
        known.put(&key, row);
        Some(key)
    }

    /// A row.
    pub fn row(&self, table: &str, sys_id: &str) -> Option<RowValues> {
        let state = self.read();
        let known = state.tables.get(table)?;
        let row = known.get(sys_id)?;
        Some(
            known
                .schema
                .columns
                .iter()
                .zip(row)
                .map(|(column, value)| (column.name.clone(), value.to_string()))
                .collect(),
        )
    }

    /// The rows that match an encoded query, by key; all of them for an empty one.
    pub fn rows(&self, table: &str, encoded_query: &str) -> Vec<(String, RowValues)> {
        let settings = self.settings();
        let caller = Instance::desk_caller();
        let session = self.session(&caller, &settings);
        let state = self.read();
        let Some(known) = state.tables.get(table) else { return Vec::new() };
        let bound = evaluate::bind(&state.tables, table, &query::parse(encoded_query), &session);
        let page = evaluate::run(&state.tables, table, &bound, 0, usize::MAX, false);
        let values = |row: &Row| {
            known
                .schema
                .columns
                .iter()
                .zip(row)
                .map(|(column, value)| (column.name.clone(), value.to_string()))
                .collect()
        };
        page.map_or_else(Vec::new, |page| {
            page.rows.into_iter().map(|(key, row)| (key.to_owned(), values(row))).collect()
        })
    }

    /// How many rows a table has.
    pub fn row_count(&self, table: &str) -> usize {
        self.read().tables.get(table).map_or(0, super::table::Table::len)
    }

    /// Changes columns as a colleague at the front desk does: the change counter and the stamps move if anything
    /// changes. Returns whether anything did.
    pub fn edit_row(&self, table: &str, sys_id: &str, values: &[(&str, &str)], user: &str) -> bool {
        self.change(table, sys_id, values, Some(user))
    }

    /// Changes columns as a script with `autoSysFields(false)` does: nothing shows that the row changed.
    pub fn edit_row_unseen(&self, table: &str, sys_id: &str, values: &[(&str, &str)]) -> bool {
        self.change(table, sys_id, values, None)
    }

    fn change(&self, table: &str, sys_id: &str, values: &[(&str, &str)], user: Option<&str>) -> bool {
        let stamp = servicenow_text(self.clock.now_ms());
        let mut state = self.write();
        let Some(known) = state.tables.get_mut(table) else { return false };
        let Some(old) = known.get(sys_id).cloned() else { return false };
        let mut row = old.clone();
        let mut set = |name: &str, value: &str| {
            if let Some(place) = known.position(name).and_then(|at| row.get_mut(at)) {
                *place = value.into();
            }
        };
        for (name, value) in values {
            set(name, value);
        }
        if let Some(user) = user {
            let count = known.value(&old, "sys_mod_count").parse::<u64>().unwrap_or_default();
            set("sys_mod_count", &(count + 1).to_string());
            set("sys_updated_on", &stamp);
            set("sys_updated_by", user);
        }
        let system = ["sys_mod_count", "sys_updated_on", "sys_updated_by"].map(|name| known.position(name));
        let changed = old
            .iter()
            .zip(&row)
            .enumerate()
            .any(|(at, (old, new))| old != new && !system.contains(&Some(at)));
        if !changed || known.clash(sys_id, &row).is_some() {
            return false;
        }
        known.put(sys_id, row);
        true
    }

    /// Deletes a row; where the table is audited, a row in `sys_audit_delete` stays behind (wire-facts 5.8). Returns
    /// whether there was one.
    pub fn delete_row(&self, table: &str, sys_id: &str, user: &str) -> bool {
        let (display, payload) = {
            let mut state = self.write();
            let Some(known) = state.tables.get_mut(table) else { return false };
            let Some(row) = known.take(sys_id) else { return false };
            if !known.schema.audit_delete {
                return true;
            }
            let mut payload = format!("<{table}>");
            for (column, value) in known.schema.columns.iter().zip(&row) {
                let escaped = value.replace('&', "&amp;").replace('<', "&lt;");
                let tag = &column.name;
                payload.extend(["<", tag, ">", &escaped, "</", tag, ">"]);
            }
            payload.extend(["</", table, ">"]);
            (known.value(&row, &known.schema.display).to_owned(), payload)
        };
        self.insert_row(
            "sys_audit_delete",
            &[
                ("tablename", table),
                ("documentkey", sys_id),
                ("display_value", &display),
                ("fieldname", "DELETED"),
                ("oldvalue", "DELETED"),
                ("newvalue", "DELETED"),
                ("user", user),
                ("payload", &payload),
            ],
            user,
        );
        true
    }
}
