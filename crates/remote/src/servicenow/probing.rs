//! The probe: what is wrong with the instance, its tables and our rights, in words.

use super::answers::{self, Envelope};
use super::columns::Columns;
use super::{ServiceNow, TableSettings};
use crate::http::Call;
use crate::{Finding, Probe, RemoteError};

/// A FHIR id has up to 64 characters (FHIR R4 datatypes, `id`).
const EHR_ID_CHARS: u32 = 64;

impl ServiceNow {
    pub(super) async fn probe_all(&self) -> Result<Probe, RemoteError> {
        let began_ms = self.caller.now_ms();
        let mut latency_ms = None;
        let mut findings: Vec<Finding> = self.caller.tls_finding().into_iter().collect();
        for table in self.tables.iter().chain(&self.bills) {
            let looked_up = self.look_columns_up(&table.settings).await;
            // One round trip as people feel it: the latest call, without the sign-in before the first.
            latency_ms = latency_ms.or_else(|| self.caller.last_call().map(|call| call.latency_ms));
            match looked_up {
                Ok(columns) => self.table_findings(&table.settings, &columns, &mut findings).await?,
                Err(RemoteError::Refused { what, .. } | RemoteError::Protocol { what, .. }) => {
                    findings.push(Finding {
                        fatal: true,
                        what: format!("the table {} cannot be read", table.settings.table),
                        way_out: what,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        if self.tables.is_empty() {
            findings.push(Finding {
                fatal: true,
                what: "no table is configured".to_owned(),
                way_out: "name at least the patient table in the settings".to_owned(),
            });
        }
        findings.sort_by_key(|finding| !finding.fatal);
        let latency_ms = latency_ms
            .unwrap_or_else(|| u64::try_from(self.caller.now_ms().saturating_sub(began_ms)).unwrap_or(0));
        Ok(Probe { latency_ms, findings })
    }

    async fn table_findings(
        &self,
        settings: &TableSettings,
        columns: &Columns,
        findings: &mut Vec<Finding>,
    ) -> Result<(), RemoteError> {
        let table = &settings.table;
        let bills = self.bills.as_ref().is_some_and(|bills| bills.settings.table == *table);
        let held = if bills { "VetSync's key of a line" } else { "the EHR's id" };
        for missing in columns.mapped.iter().filter(|resolved| resolved.column.is_none()) {
            findings.push(Finding {
                fatal: false,
                what: format!("{table} has no column {0} (looked for u_{0} and {0})", missing.asked)
                    .replace("u_u_", "u_"),
                way_out: "correct the column's name in the settings, or let the integration user read it; \
                          until then the field is not synchronised"
                    .to_owned(),
            });
        }
        if columns.ehr_id.column.is_none() {
            findings.push(Finding {
                fatal: true,
                what: format!("{table} has no column {} for {held}", columns.ehr_id.asked),
                way_out: "add a unique, indexed text column of at least 64 characters, or name the one that is there"
                    .to_owned(),
            });
        }
        if columns.ehr_id.max_length.is_some_and(|length| length < EHR_ID_CHARS) {
            findings.push(Finding {
                fatal: false,
                what: format!("the column for {held} in {table} is shorter than it can be"),
                way_out: format!("make it at least {EHR_ID_CHARS} characters long"),
            });
        }
        if columns.ehr_id.unique == Some(false) {
            findings.push(Finding {
                fatal: false,
                what: format!("{table} would take the same EHR id twice: its column has no unique index"),
                way_out: "make a unique index on it (System Definition > Tables, Database Indexes), so that a record that \
                          is made again after a lost answer is refused"
                    .to_owned(),
            });
        }
        if columns.dictionary_refused.is_some() {
            findings.push(Finding {
                fatal: false,
                what: "sys_dictionary cannot be read, so column names are taken from a row".to_owned(),
                way_out: "let the integration user read sys_dictionary (role personalize_dictionary)"
                    .to_owned(),
            });
        }
        if columns.row_seen {
            self.row_findings(table, columns, findings).await?;
        } else {
            findings.push(Finding {
                fatal: false,
                what: format!("{table} shows no row"),
                way_out: "if it is not empty, an access rule hides its rows from the integration user"
                    .to_owned(),
            });
        }
        if self.count(table).await?.is_none() {
            findings.push(Finding {
                fatal: false,
                what: format!("{table} cannot be counted through the Aggregate API"),
                way_out: "allow it, so that a complete read can be told from one with hidden rows".to_owned(),
            });
        }
        self.deletion_findings(table, findings).await
    }

    /// Whether a row shows the system columns on which versions and incremental reads stand.
    async fn row_findings(
        &self,
        table: &str,
        columns: &Columns,
        findings: &mut Vec<Finding>,
    ) -> Result<(), RemoteError> {
        let page = self.fetch(table, "ORDERBYsys_id", &columns.fields, 1, 0).await?;
        let Some(row) = page.rows.first() else { return Ok(()) };
        findings.extend(self.caller.clock_finding(page.clock_ms));
        for column in columns.mapped.iter().chain([&columns.ehr_id]).filter_map(|known| known.column.as_ref())
        {
            if !answers::shows(row, column) {
                findings.push(Finding {
                    fatal: false,
                    what: format!("{table} hides {column}: to VetSync it looks empty in every row"),
                    way_out: "let the integration user read it (an access rule of the field), or take it out of the \
                              settings"
                        .to_owned(),
                });
            }
        }
        for column in ["sys_id", "sys_mod_count", "sys_updated_on"] {
            if answers::column(row, column).is_none() {
                findings.push(Finding {
                    fatal: true,
                    what: format!("{table} hides {column}"),
                    way_out:
                        "let the integration user read the system columns: without them a change by somebody \
                              else could be overwritten"
                            .to_owned(),
                });
            }
        }
        Ok(())
    }

    async fn deletion_findings(&self, table: &str, findings: &mut Vec<Finding>) -> Result<(), RemoteError> {
        let url = self.url(
            "/api/now/table/sys_audit_delete",
            &[
                ("sysparm_query", &format!("tablename={table}^ORDERBYsys_id")),
                ("sysparm_fields", "sys_id,tablename"),
                ("sysparm_limit", "1"),
            ],
        );
        let readable = match self.caller.call(&Call::get(url)).await {
            Ok(answer) => {
                matches!(answers::open(&answer), Envelope::Result(_)) || answers::is_no_record(&answer.body)
            }
            Err(error @ (RemoteError::SignIn { .. } | RemoteError::Unreachable { .. })) => return Err(error),
            Err(_) => false,
        };
        if !readable {
            findings.push(Finding {
                fatal: false,
                what: "deleted records (sys_audit_delete) cannot be read".to_owned(),
                way_out: "give the integration user a role that reads it, so that a deletion can be told from a hidden \
                          row"
                    .to_owned(),
            });
        }
        Ok(())
    }
}
