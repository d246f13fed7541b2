//! ServiceNow's Table API: rows read by key-set paging, written with `PATCH` and `POST`, and checked afterwards.
//!
//! ServiceNow ignores what it does not understand (an unknown column, a bad condition), so every answer is checked
//! against what was asked (wire-facts 0 and 5).

pub(crate) mod answers;
mod columns;
mod deletions;
mod paging;
mod probing;
mod writing;

pub use columns::Resolved;

use crate::http::{Answer, Call, CallStats, Caller, Now, SettingProblem, Transport, percent_encode};
use crate::signin::SignIn;
use crate::{
    Cursor, DeletionPage, Fetched, ListScope, Page, Place, Probe, RemoteApi, RemoteError, WirePreview, Write,
    Written,
};
use answers::Envelope;
use async_trait::async_trait;
use columns::Columns;
use record::{RecordKind, Remote};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// How one ServiceNow instance is used.
#[derive(Debug, Clone)]
pub struct ServiceNowSettings {
    /// The instance: `https://hospital.service-now.com`.
    pub base_url: String,
    /// The tables, one per kind.
    pub tables: Vec<TableSettings>,
    /// The table of the lines that treatments are billed by; its key column stands in the place of the EHR's id.
    pub bills: Option<TableSettings>,
    /// Rows asked for per page; 200 to 1000 is sensible (wire-facts 5.7). Halved by itself where a page is too big.
    pub page_rows: u32,
    /// How far an incremental read reaches back before the asked time, milliseconds: rows of the current second, and
    /// of long transactions, appear late (wire-facts 5.7).
    pub overlap_ms: i64,
}

impl ServiceNowSettings {
    /// The defaults for an instance: `u_patient_record`, pages of 500 rows, 5 s of overlap.
    pub fn new(base_url: impl Into<String>, tables: Vec<TableSettings>) -> Self {
        ServiceNowSettings {
            base_url: base_url.into(),
            tables,
            bills: None,
            page_rows: 500,
            overlap_ms: 5_000,
        }
    }
}

/// One table.
#[derive(Debug, Clone)]
pub struct TableSettings {
    /// The kind of record its rows are.
    pub kind: RecordKind,
    /// The table's name: `u_patient_record`.
    pub table: String,
    /// The mapped columns, with or without `u_`: a name without it is tried as `u_<name>` and `<name>`
    /// (wire-facts 5.6).
    pub columns: Vec<String>,
    /// The column that holds the EHR's id of the same record; named like the columns. It should be unique and indexed.
    pub ehr_id_column: String,
}

/// System columns that every read asks for.
const SYSTEM_COLUMNS: [&str; 5] =
    ["sys_id", "sys_mod_count", "sys_updated_on", "sys_updated_by", "sys_created_on"];

struct Table {
    settings: TableSettings,
    columns: OnceCell<Arc<Columns>>,
}

/// Client of one ServiceNow instance.
pub struct ServiceNow {
    caller: Caller,
    base_url: String,
    page_rows: u32,
    overlap_ms: i64,
    tables: Vec<Table>,
    bills: Option<Table>,
}

impl std::fmt::Debug for ServiceNow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceNow").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl ServiceNow {
    /// Checks the settings; nothing is sent yet.
    ///
    /// # Errors
    /// A base address that is not `https://`, or a table or column name that cannot be one.
    pub fn new(
        settings: ServiceNowSettings,
        transport: Arc<dyn Transport>,
        sign_in: Arc<SignIn>,
        now: Now,
    ) -> Result<ServiceNow, SettingProblem> {
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        if !base_url.starts_with("https://") || base_url.parse::<http::Uri>().is_err() {
            return Err(SettingProblem::new("servicenow_base_url", "must be a full https:// address"));
        }
        if settings.page_rows == 0 || settings.page_rows > 10_000 {
            return Err(SettingProblem::new("servicenow_page_rows", "must be from 1 to 10000"));
        }
        for table in settings.tables.iter().chain(&settings.bills) {
            if !is_name(&table.table) {
                return Err(SettingProblem::new(
                    "servicenow_table",
                    "a table's name holds lower-case letters, digits and _ only",
                ));
            }
            if let Some(wrong) =
                table.columns.iter().chain([&table.ehr_id_column]).find(|column| !is_name(column))
            {
                return Err(SettingProblem::new(
                    "servicenow_column",
                    format!("{wrong:?} cannot be a column: letters, digits and _ only"),
                ));
            }
        }
        Ok(ServiceNow {
            caller: Caller::new(Remote::ServiceNow, transport, sign_in, now, "application/json"),
            base_url,
            page_rows: settings.page_rows,
            overlap_ms: settings.overlap_ms.max(0),
            tables: settings
                .tables
                .into_iter()
                .map(|settings| Table { settings, columns: OnceCell::new() })
                .collect(),
            bills: settings.bills.map(|settings| Table { settings, columns: OnceCell::new() }),
        })
    }

    fn bills(&self) -> Result<&Table, RemoteError> {
        self.bills.as_ref().ok_or_else(|| {
            self.caller.refused(
                0,
                "no table of bills is set up; name it under [servicenow.billing] in the settings: nothing was sent",
            )
        })
    }

    fn table(&self, kind: RecordKind) -> Result<&Table, RemoteError> {
        self.tables.iter().find(|table| table.settings.kind == kind).ok_or_else(|| {
            self.caller.refused(0, format!("no table is configured for the kind {}", kind.as_str()))
        })
    }

    fn url(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let mut url = format!("{}{path}", self.base_url);
        for (index, (name, value)) in parameters.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            // Commas keep their meaning and a list of columns stays readable.
            url.push_str(&percent_encode(value, ","));
        }
        url
    }

    fn row_url(&self, table: &str, key: Option<&str>, fields: &str) -> String {
        let path = match key {
            Some(key) => format!("/api/now/table/{table}/{key}"),
            None => format!("/api/now/table/{table}"),
        };
        self.url(
            &path,
            &[
                ("sysparm_fields", fields),
                ("sysparm_display_value", "false"),
                ("sysparm_exclude_reference_link", "true"),
            ],
        )
    }

    /// One row, and the table's columns as they were resolved.
    async fn row(&self, table: &Table, key: &str) -> Result<Fetched, RemoteError> {
        self.check_query_value(key)?;
        let columns = self.columns(table).await?;
        let call = Call::get(self.row_url(&table.settings.table, Some(key), &columns.fields));
        let answer = self.caller.call(&call).await?;
        let text = self.row_text(&answer, key)?;
        let fetched = answers::fetched(text).map_err(|problem| self.caller.protocol(problem.problem))?;
        if !fetched.key.eq_ignore_ascii_case(key) {
            return Err(self.caller.protocol("another row came than the one that was asked for"));
        }
        Ok(fetched)
    }

    fn row_text<'a>(&self, answer: &'a Answer, key: &str) -> Result<&'a str, RemoteError> {
        if answer.status == 404 && answers::is_no_record(&answer.body) {
            return Err(RemoteError::NotFound { remote: Remote::ServiceNow, key: key.to_owned() });
        }
        match answers::open(answer) {
            Envelope::Result(text) => Ok(text),
            Envelope::Broken(what) => Err(self.caller.transient(answer.status, what)),
            Envelope::Refused(what) => Err(self.caller.refused(answer.status, what)),
        }
    }

    /// No escape exists in an encoded query (wire-facts 5.3): what is not plainly a key is not sent.
    fn check_query_value(&self, value: &str) -> Result<(), RemoteError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !value.is_empty() && value.len() <= 255 && value.chars().all(plain) {
            return Ok(());
        }
        Err(self.caller.refused(
            0,
            "a key for ServiceNow may hold letters, digits, dot, underscore and hyphen only: nothing was sent",
        ))
    }
}

/// Whether this can be the name of a table or column.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 80 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[async_trait]
impl RemoteApi for ServiceNow {
    fn remote(&self) -> Remote {
        Remote::ServiceNow
    }

    async fn list(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        cursor: Option<&Cursor>,
    ) -> Result<Page, RemoteError> {
        self.list_page(self.table(kind)?, scope, cursor).await
    }

    async fn read(&self, kind: RecordKind, key: &str) -> Result<Fetched, RemoteError> {
        self.row(self.table(kind)?, key).await
    }

    async fn find_by_our_key(&self, kind: RecordKind, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        self.find_row(self.table(kind)?, our_key).await
    }

    async fn find_bill(&self, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        self.find_row(self.bills()?, our_key).await
    }

    async fn write(&self, write: &Write) -> Result<Written, RemoteError> {
        match (write.place, &write.key) {
            (Place::Record, Some(key)) => self.update(self.table(write.kind)?, key, write).await,
            (Place::Record, None) => self.create(self.table(write.kind)?, write).await,
            (Place::Bill, None) => self.create(self.bills()?, write).await,
            (Place::Bill, Some(_)) => Err(self
                .caller
                .refused(0, "a line of a bill is made once and never changed by VetSync: nothing was sent")),
        }
    }

    async fn deletions(&self, since_ms: i64, cursor: Option<&Cursor>) -> Result<DeletionPage, RemoteError> {
        self.deletion_page(since_ms, cursor).await
    }

    fn preview(&self, write: &Write) -> WirePreview {
        let table = match write.place {
            Place::Record => self.tables.iter().find(|table| table.settings.kind == write.kind),
            Place::Bill => self.bills.as_ref(),
        };
        let (name, fields) = table.map_or((String::new(), String::new()), |table| {
            let fields = table.columns.get().map_or_else(
                || columns::fields_before_resolving(&table.settings),
                |columns| columns.fields.clone(),
            );
            (table.settings.table.clone(), fields)
        });
        WirePreview {
            method: if write.key.is_some() { "PATCH" } else { "POST" }.to_owned(),
            url: self.row_url(&name, write.key.as_deref(), &fields),
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        }
    }

    async fn probe(&self) -> Result<Probe, RemoteError> {
        self.probe_all().await
    }

    fn last_call(&self) -> Option<CallStats> {
        self.caller.last_call()
    }

    fn requests_per_minute(&self) -> Option<u32> {
        self.caller.requests_per_minute()
    }
}
