//! Writes: the version read just before, the body sent as it stands, the row read back.
//!
//! ServiceNow has neither `ETag` nor idempotency key (wire-facts 5.5): the version token (`sys_mod_count` and a digest of
//! the columns) is compared before, the counter afterwards too, and a create carries our key in the column of the EHR's
//! id.

use super::answers::{self, Envelope};
use super::{ServiceNow, Table};
use crate::http::{Answer, Call, Effect};
use crate::{Fetched, RemoteError, Write, Written};
use record::Remote;

impl ServiceNow {
    pub(super) async fn find_row(
        &self,
        table: &Table,
        our_key: &str,
    ) -> Result<Option<Fetched>, RemoteError> {
        self.check_query_value(our_key)?;
        let columns = self.columns(table).await?;
        let column = columns.ehr_id_name();
        let found = self
            .fetch(
                &table.settings.table,
                &format!("{column}={our_key}^ORDERBYsys_id"),
                &columns.fields,
                20,
                0,
            )
            .await?;
        let mut matching = Vec::new();
        for row in &found.rows {
            match answers::column(row, &column) {
                Some(value) if value == our_key => matching.push(row),
                // Equality follows the database's collation, which may not tell cases apart.
                Some(value) if value.eq_ignore_ascii_case(our_key) => {}
                Some(_) => {
                    return Err(self.caller.protocol(format!(
                        "the condition on {column} was ignored, other rows came: check the column's name"
                    )));
                }
                None => {
                    return Err(self.caller.protocol(format!(
                        "{column} is missing in the rows: check the column's name, and let the integration user read it"
                    )));
                }
            }
        }
        match matching.as_slice() {
            [] => Ok(None),
            [row] => answers::fetched(row).map(Some).map_err(|problem| self.caller.protocol(problem.problem)),
            rows => Err(RemoteError::Many { remote: Remote::ServiceNow, count: rows.len() }),
        }
    }

    pub(super) async fn update(
        &self,
        table: &Table,
        key: &str,
        write: &Write,
    ) -> Result<Written, RemoteError> {
        self.check_body(&write.body)?;
        let Some(expected) = &write.expected_version else {
            return Err(self
                .caller
                .refused(0, "an update needs the version it was decided on: nothing was sent"));
        };
        let before = self.row(table, key).await?;
        if before.version != *expected {
            return Err(RemoteError::Moved {
                remote: Remote::ServiceNow,
                key: key.to_owned(),
                current_version: Some(before.version),
            });
        }
        let columns = self.columns(table).await?;
        let answer = self
            .send_write(
                http::Method::PATCH,
                self.row_url(&table.settings.table, Some(key), &columns.fields),
                write,
            )
            .await?;
        self.written_row(&answer, Some(key))?;
        let read_back = self.read_back(table, key).await?;
        // The answer shows the row as our write left it; who writes after that overwrites us, and was read back.
        let at_our_write = answers::written_version(&answer).unwrap_or_else(|| read_back.version.clone());
        // One more is our own write, the same means that it changed nothing; more is somebody else's.
        let raced = match (answers::change_count(expected), answers::change_count(&at_our_write)) {
            (Some(before), Some(after)) => !(before..=before + 1).contains(&after),
            _ => true,
        };
        Ok(Written {
            key: read_back.key.clone(),
            status: answer.status,
            response_body: answer.body,
            read_back,
            raced,
        })
    }

    pub(super) async fn create(&self, table: &Table, write: &Write) -> Result<Written, RemoteError> {
        self.check_query_value(&write.idempotency_key)?;
        self.check_body(&write.body)?;
        let columns = self.columns(table).await?;
        let column = columns.ehr_id_name();
        if answers::column(&write.body, &column).as_deref() != Some(write.idempotency_key.as_str()) {
            return Err(self.caller.refused(
                0,
                format!("a new row must carry our key in {column}, to be found again: nothing was sent"),
            ));
        }
        let answer = self
            .send_write(http::Method::POST, self.row_url(&table.settings.table, None, &columns.fields), write)
            .await?;
        let key = match self.written_row(&answer, None)? {
            Some(key) => key,
            None => location_key(&answer)
                .ok_or_else(|| self.caller.ambiguous("it answered without the new row's sys_id"))?,
        };
        let read_back = self.read_back(table, &key).await?;
        Ok(Written { key, status: answer.status, response_body: answer.body, read_back, raced: false })
    }

    async fn send_write(
        &self,
        method: http::Method,
        url: String,
        write: &Write,
    ) -> Result<Answer, RemoteError> {
        let call =
            Call { method, url, headers: Vec::new(), body: Some(write.body.clone()), effect: Effect::Write };
        self.caller.call(&call).await
    }

    /// The key in the answer to a write. An error inside a good status leaves open whether it was carried out.
    fn written_row(&self, answer: &Answer, key: Option<&str>) -> Result<Option<String>, RemoteError> {
        if answer.status == 404 && answers::is_no_record(&answer.body) {
            return Err(RemoteError::NotFound {
                remote: Remote::ServiceNow,
                key: key.unwrap_or_default().to_owned(),
            });
        }
        if answer.is_success() && answer.body.trim().is_empty() {
            return Ok(None);
        }
        match answers::open(answer) {
            Envelope::Result(row) => Ok(answers::column(row, "sys_id").filter(|key| !key.is_empty())),
            Envelope::Broken(what) => Err(self.caller.ambiguous(what)),
            Envelope::Refused(what) => Err(self.caller.refused(answer.status, what)),
        }
    }

    /// Reads a row that was just written. It was written, whatever happens now.
    async fn read_back(&self, table: &Table, key: &str) -> Result<Fetched, RemoteError> {
        self.row(table, key).await.map_err(|error| {
            self.caller.ambiguous(format!(
                "it accepted the write, but the row could not be read back ({})",
                error.name()
            ))
        })
    }

    /// A body is an object of columns; `sys_` columns are the platform's own (wire-facts 5.5).
    fn check_body(&self, body: &str) -> Result<(), RemoteError> {
        let columns: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(body).map_err(|_| {
                self.caller.refused(0, "the body must be one JSON object of columns: nothing was sent")
            })?;
        match columns.keys().find(|name| name.starts_with("sys_")) {
            Some(name) => {
                Err(self.caller.refused(0, format!("{name} belongs to the platform: nothing was sent")))
            }
            None => Ok(()),
        }
    }
}

/// The new row's key at the end of `Location`.
fn location_key(answer: &Answer) -> Option<String> {
    let path = answer.header("location")?.split(['?', '#']).next()?;
    let key = path.trim_end_matches('/').rsplit('/').next()?;
    (!key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric())).then(|| key.to_owned())
}
