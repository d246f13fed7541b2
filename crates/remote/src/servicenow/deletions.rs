//! What was deleted, as `sys_audit_delete` tells (wire-facts 5.8). It names records only: whether one is gone is found out by
//! reading it.

use super::ServiceNow;
use super::answers::{self, stamp, stamp_ms};
use crate::{Cursor, Deletion, DeletionPage, RemoteError};
use serde::{Deserialize, Serialize};

/// Where a read of the list stands; the text of a [`Cursor`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum At {
    /// Entries of this second and later, or of later ones only.
    Since { second: String, including: bool },
    /// The rest of one second, which may hold more entries than a page.
    Within { second: String, entry: String },
}

impl At {
    fn query(&self) -> String {
        match self {
            At::Since { second, including } => {
                let greater = if *including { ">=" } else { ">" };
                format!("sys_created_on{greater}{second}^ORDERBYsys_created_on^ORDERBYsys_id")
            }
            At::Within { second, entry } => {
                format!("sys_created_on={second}^sys_id>{entry}^ORDERBYsys_id")
            }
        }
    }

    /// Whether an entry fits: a condition that the instance does not understand is dropped without a word.
    fn admits(&self, second: &str, entry: &str) -> bool {
        match self {
            At::Since { second: bound, including } => {
                second > bound.as_str() || (*including && second == bound)
            }
            At::Within { second: bound, entry: last } => second == bound && entry > last.as_str(),
        }
    }
}

impl ServiceNow {
    pub(super) async fn deletion_page(
        &self,
        since_ms: i64,
        cursor: Option<&Cursor>,
    ) -> Result<DeletionPage, RemoteError> {
        let at: At = match cursor {
            Some(cursor) => serde_json::from_str(&cursor.0).map_err(|_| {
                self.caller.refused(0, "the position of an earlier read cannot be read: begin anew")
            })?,
            None => At::Since { second: stamp(since_ms.saturating_sub(self.overlap_ms)), including: true },
        };
        let tables: Vec<&str> = self.tables.iter().map(|table| table.settings.table.as_str()).collect();
        let query = format!("tablenameIN{}^{}", tables.join(","), at.query());
        let fields = "sys_id,tablename,documentkey,sys_created_on";
        let page = self.fetch("sys_audit_delete", &query, fields, self.page_rows, 0).await?;
        let mut items = Vec::with_capacity(page.rows.len());
        let mut last = None;
        for row in &page.rows {
            let column = |name| answers::column(row, name).unwrap_or_default();
            let (entry, second) = (column("sys_id").to_ascii_lowercase(), column("sys_created_on"));
            let Some(at_ms) = stamp_ms(&second).filter(|_| !entry.is_empty()) else {
                return Err(self.caller.protocol(
                    "sys_audit_delete hides sys_id or sys_created_on: let the integration user read them",
                ));
            };
            if !at.admits(&second, &entry) {
                return Err(self.caller.protocol(
                    "entries of sys_audit_delete came that do not fit the condition of the read: it was ignored; \
                     check that the integration user may query sys_created_on",
                ));
            }
            let (table, key) = (column("tablename"), column("documentkey").to_ascii_lowercase());
            let of_table = self.tables.iter().find(|known| known.settings.table == table);
            // An entry of another table means that the condition was dropped; one without a key names nothing.
            if let Some(table) = of_table.filter(|_| self.check_query_value(&key).is_ok()) {
                items.push(Deletion { entry: entry.clone(), kind: table.settings.kind, key, at_ms });
            }
            last = Some((second, entry));
        }
        // The count of a condition that is open towards the future covers all there is.
        let whole = matches!(at, At::Since { .. }) && page.total == Some(page.rows.len() as u64);
        let next = match (at, last) {
            _ if whole => None,
            (_, Some((second, entry))) => Some(At::Within { second, entry }),
            (At::Within { second, .. }, None) => Some(At::Since { second, including: false }),
            (At::Since { .. }, None) => None,
        };
        let next = next.map(|at| serde_json::to_string(&at).map(Cursor)).transpose();
        let next = next.map_err(|_| self.caller.protocol("the position of the read cannot be kept"))?;
        Ok(DeletionPage { items, next, clock_ms: page.clock_ms })
    }
}
