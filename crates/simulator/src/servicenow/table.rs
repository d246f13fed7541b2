//! The rows of one table with the indexes that make key-set paging quick.

use super::schema::TableSchema;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One row: a value per column of the schema, empty text for an empty column.
pub type Row = Vec<Box<str>>;

/// Rows by key, with an index by time of change and one for each unique column.
#[derive(Debug, Clone)]
pub struct Table {
    /// The columns.
    pub schema: Arc<TableSchema>,
    positions: HashMap<String, usize>,
    rows: BTreeMap<Box<str>, Row>,
    by_updated: BTreeSet<(Box<str>, Box<str>)>,
    unique: HashMap<usize, HashMap<Box<str>, Box<str>>>,
    updated_at: usize,
}

impl Table {
    pub(crate) fn new(schema: TableSchema) -> Table {
        let positions =
            schema.columns.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
        let unique = schema
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.unique)
            .map(|(at, _)| (at, HashMap::new()))
            .collect();
        let updated_at = schema.position("sys_updated_on").unwrap_or_default();
        Table {
            schema: Arc::new(schema),
            positions,
            rows: BTreeMap::new(),
            by_updated: BTreeSet::new(),
            unique,
            updated_at,
        }
    }

    pub(crate) fn position(&self, column: &str) -> Option<usize> {
        self.positions.get(column).copied()
    }

    pub(crate) fn get(&self, sys_id: &str) -> Option<&Row> {
        self.rows.get(sys_id)
    }

    pub(crate) fn value<'a>(&self, row: &'a Row, column: &str) -> &'a str {
        self.position(column).and_then(|at| row.get(at)).map_or("", |value| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows in the order of their keys, from a key on.
    pub(crate) fn keys_from<'a>(&'a self, from: &str) -> impl Iterator<Item = (&'a str, &'a Row)> + use<'a> {
        self.rows
            .range::<str, _>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded))
            .map(|(key, row)| (&**key, row))
    }

    /// Rows in the order of their last change, then key, from a time on.
    pub(crate) fn changed_from<'a>(
        &'a self,
        from: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Row)> + use<'a> {
        let start: (Box<str>, Box<str>) = (from.into(), "".into());
        self.by_updated
            .range(start..)
            .filter_map(|(_, key)| self.rows.get_key_value(key))
            .map(|(key, row)| (&**key, row))
    }

    /// The key of the row that has this value in a unique column.
    pub(crate) fn by_unique(&self, column: usize, value: &str) -> Option<&str> {
        self.unique.get(&column)?.get(value).map(|key| &**key)
    }

    /// The unique column in which this row would clash with another one.
    pub(crate) fn clash(&self, sys_id: &str, row: &Row) -> Option<&str> {
        self.unique.iter().find_map(|(at, index)| {
            let value = row.get(*at).filter(|value| !value.is_empty())?;
            let holder = index.get(value)?;
            (&**holder != sys_id)
                .then(|| self.schema.columns.get(*at).map_or("", |column| column.name.as_str()))
        })
    }

    /// Puts a row in the place of the one with this key, if there is one.
    pub(crate) fn put(&mut self, sys_id: &str, row: Row) {
        self.take(sys_id);
        let key: Box<str> = sys_id.into();
        if let Some(updated) = row.get(self.updated_at) {
            self.by_updated.insert((updated.clone(), key.clone()));
        }
        for (at, index) in &mut self.unique {
            if let Some(value) = row.get(*at).filter(|value| !value.is_empty()) {
                index.insert(value.clone(), key.clone());
            }
        }
        self.rows.insert(key, row);
    }

    /// Takes a row away.
    pub(crate) fn take(&mut self, sys_id: &str) -> Option<Row> {
        let (key, row) = self.rows.remove_entry(sys_id)?;
        for (at, index) in &mut self.unique {
            if let Some(value) = row.get(*at) {
                index.remove(value);
            }
        }
        if let Some(updated) = row.get(self.updated_at) {
            self.by_updated.remove(&(updated.clone(), key));
        }
        Some(row)
    }

    /// A table of other columns with this one's rows: columns that are gone lose their values.
    pub(crate) fn with_schema(self, schema: TableSchema) -> Table {
        let mut changed = Table::new(schema);
        for (key, row) in &self.rows {
            let moved = changed
                .schema
                .columns
                .iter()
                .map(|column| {
                    self.position(&column.name).and_then(|at| row.get(at)).cloned().unwrap_or_default()
                })
                .collect();
            changed.put(key, moved);
        }
        changed
    }
}
