//! Column names: `u_patient_name` or `patient_name` (wire-facts 5.6).

use super::answers::{self, Envelope};
use super::{SYSTEM_COLUMNS, ServiceNow, Table, TableSettings};
use crate::RemoteError;
use crate::http::Call;
use record::RecordKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rows of the dictionary that are asked for: more columns than a table has.
const DICTIONARY_ROWS: usize = 1_000;

/// What a configured column name stands for in the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The name in the configuration.
    pub asked: String,
    /// The column's name there; `None` where the table surely has no such column. Where neither the dictionary nor a
    /// row can be read, the platform's own prefix `u_` is taken for granted.
    pub column: Option<String>,
    /// Its type in the dictionary (`string`, `choice`, `glide_date`), if the dictionary may be read.
    pub internal_type: Option<String>,
    /// Its longest value in characters, if the dictionary says.
    pub max_length: Option<u32>,
    /// Whether a row cannot be stored without it.
    pub mandatory: bool,
    /// Whether the dictionary calls its values unique; `None` where it does not say.
    pub unique: Option<bool>,
    /// The stored values of a choice column, in the order of the list (`sys_choice`); empty where it is none, or where
    /// the list may not be read.
    pub choices: Vec<String>,
}

/// One row of `sys_dictionary`.
#[derive(Debug, Clone, Default)]
struct Entry {
    internal_type: Option<String>,
    max_length: Option<u32>,
    mandatory: bool,
    unique: Option<bool>,
    /// Whether the dictionary calls it a choice, whatever its type.
    chosen: bool,
    choices: Vec<String>,
}

/// What is known about a table's columns, and how the configured names stand for them.
#[derive(Debug)]
pub(super) struct Columns {
    entries: BTreeMap<String, Entry>,
    in_a_row: BTreeSet<String>,
    /// Why the dictionary could not be read, if it could not.
    pub dictionary_refused: Option<String>,
    pub row_seen: bool,
    /// Every mapped column.
    pub mapped: Vec<Resolved>,
    /// The column of the EHR's id.
    pub ehr_id: Resolved,
    /// `sysparm_fields` of every read.
    pub fields: String,
}

impl Columns {
    fn resolve(&self, asked: &str) -> Resolved {
        let names = candidates(asked);
        let known =
            names.iter().find(|name| self.entries.contains_key(*name) || self.in_a_row.contains(*name));
        let column = match known {
            Some(name) => Some(name.clone()),
            None if self.entries.is_empty() && !self.row_seen => names.first().cloned(),
            None => None,
        };
        let entry = column.as_ref().and_then(|name| self.entries.get(name)).cloned().unwrap_or_default();
        Resolved {
            asked: asked.to_owned(),
            column,
            internal_type: entry.internal_type,
            max_length: entry.max_length,
            mandatory: entry.mandatory,
            unique: entry.unique,
            choices: entry.choices,
        }
    }

    /// The name of the column of the EHR's id, surely there or not.
    pub(super) fn ehr_id_name(&self) -> String {
        self.ehr_id
            .column
            .clone()
            .or_else(|| candidates(&self.ehr_id.asked).into_iter().next())
            .unwrap_or_default()
    }
}

/// The names under which a configured column may stand there, likeliest first.
fn candidates(asked: &str) -> Vec<String> {
    if asked.starts_with("u_") || asked.starts_with("x_") || asked.starts_with("sys_") {
        vec![asked.to_owned()]
    } else {
        vec![format!("u_{asked}"), asked.to_owned()]
    }
}

fn fields_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut fields: Vec<&str> = SYSTEM_COLUMNS.to_vec();
    for name in names {
        if !fields.contains(&name) {
            fields.push(name);
        }
    }
    fields.join(",")
}

/// `sysparm_fields` while nothing is known yet: every candidate; unknown names are ignored there.
pub(super) fn fields_before_resolving(settings: &TableSettings) -> String {
    let names: Vec<String> = settings
        .columns
        .iter()
        .chain([&settings.ehr_id_column])
        .flat_map(|asked| candidates(asked))
        .collect();
    fields_of(names.iter().map(String::as_str))
}

impl ServiceNow {
    /// What these column names stand for in the table of this kind. The dictionary and one row are read once.
    ///
    /// # Errors
    /// What any read can fail with; a dictionary that may not be read is no error.
    pub async fn resolve_columns(
        &self,
        kind: RecordKind,
        names: &[&str],
    ) -> Result<Vec<Resolved>, RemoteError> {
        let columns = self.columns(self.table(kind)?).await?;
        Ok(names.iter().map(|asked| columns.resolve(asked)).collect())
    }

    pub(super) async fn columns(&self, table: &Table) -> Result<Arc<Columns>, RemoteError> {
        table.columns.get_or_try_init(|| self.look_columns_up(&table.settings)).await.cloned()
    }

    /// Reads the dictionary and one row anew.
    pub(super) async fn look_columns_up(
        &self,
        settings: &TableSettings,
    ) -> Result<Arc<Columns>, RemoteError> {
        let (mut entries, dictionary_refused) = match self.dictionary(&settings.table).await {
            Ok(entries) => (entries, None),
            Err(RemoteError::Refused { what, .. }) => (BTreeMap::new(), Some(what)),
            Err(error) => return Err(error),
        };
        self.add_choices(&settings.table, &mut entries).await?;
        let in_a_row = self.columns_of_a_row(&settings.table).await?;
        let mut columns = Columns {
            entries,
            row_seen: in_a_row.is_some(),
            in_a_row: in_a_row.unwrap_or_default(),
            dictionary_refused,
            mapped: Vec::new(),
            ehr_id: Resolved {
                asked: String::new(),
                column: None,
                internal_type: None,
                max_length: None,
                mandatory: false,
                unique: None,
                choices: Vec::new(),
            },
            fields: String::new(),
        };
        columns.mapped = settings.columns.iter().map(|asked| columns.resolve(asked)).collect();
        columns.ehr_id = columns.resolve(&settings.ehr_id_column);
        if !columns.mapped.is_empty()
            && columns.mapped.iter().all(|resolved| resolved.column.is_none())
            && !columns.row_seen
        {
            // Neither a row nor the dictionary shows a single one: nothing may be concluded from that.
            return Err(self.caller.transient(200, "the table's columns could not be found out"));
        }
        columns.fields = fields_of(
            columns.mapped.iter().chain([&columns.ehr_id]).filter_map(|resolved| resolved.column.as_deref()),
        );
        Ok(Arc::new(columns))
    }

    async fn dictionary(&self, table: &str) -> Result<BTreeMap<String, Entry>, RemoteError> {
        let url = self.url(
            "/api/now/table/sys_dictionary",
            &[
                ("sysparm_query", &format!("name={table}^elementISNOTEMPTY^ORDERBYelement")),
                ("sysparm_fields", "name,element,internal_type,max_length,mandatory,unique,choice"),
                ("sysparm_display_value", "false"),
                ("sysparm_exclude_reference_link", "true"),
                ("sysparm_limit", &DICTIONARY_ROWS.to_string()),
            ],
        );
        let answer = self.caller.call(&Call::get(url)).await?;
        let result = match answers::open(&answer) {
            Envelope::Result(result) => result,
            Envelope::Broken(what) => return Err(self.caller.transient(answer.status, what)),
            Envelope::Refused(what) => return Err(self.caller.refused(answer.status, what)),
        };
        let rows =
            answers::rows(result).ok_or_else(|| self.caller.protocol("sys_dictionary: no list of rows"))?;
        // Columns that a cut-off page leaves out would be taken for columns the table does not have.
        let total: Option<usize> = answer.header("x-total-count").and_then(|text| text.trim().parse().ok());
        if total.is_some_and(|total| rows.len() < total.min(DICTIONARY_ROWS)) {
            return Err(self
                .caller
                .transient(answer.status, "sys_dictionary: fewer rows came than it counts"));
        }
        let mut entries = BTreeMap::new();
        for row in rows {
            // Rows of other tables mean that the condition was ignored; they are passed over.
            if answers::column(row, "name").as_deref() != Some(table) {
                continue;
            }
            let Some(element) = answers::column(row, "element").filter(|element| !element.is_empty()) else {
                continue;
            };
            entries.insert(
                element,
                Entry {
                    internal_type: answers::column(row, "internal_type").filter(|kind| !kind.is_empty()),
                    max_length: answers::column(row, "max_length").and_then(|length| length.parse().ok()),
                    mandatory: answers::column(row, "mandatory").as_deref() == Some("true"),
                    unique: answers::column(row, "unique").and_then(|unique| unique.parse().ok()),
                    chosen: answers::column(row, "choice")
                        .is_some_and(|choice| !matches!(choice.as_str(), "" | "0")),
                    choices: Vec::new(),
                },
            );
        }
        Ok(entries)
    }

    /// Reads the values of the table's choice columns. A list that may not be read is no error: the columns are then
    /// written like text, and the read-back shows what was not accepted (wire-facts 5.5).
    async fn add_choices(
        &self,
        table: &str,
        entries: &mut BTreeMap<String, Entry>,
    ) -> Result<(), RemoteError> {
        if entries.values().all(|entry| entry.internal_type.as_deref() != Some("choice") && !entry.chosen) {
            return Ok(());
        }
        let url = self.url(
            "/api/now/table/sys_choice",
            &[
                ("sysparm_query", &format!("name={table}^inactive=false^ORDERBYelement^ORDERBYsequence")),
                ("sysparm_fields", "name,element,value,language,inactive"),
                ("sysparm_display_value", "false"),
                ("sysparm_exclude_reference_link", "true"),
                ("sysparm_limit", &DICTIONARY_ROWS.to_string()),
            ],
        );
        let answer = self.caller.call(&Call::get(url)).await?;
        let result = match answers::open(&answer) {
            Envelope::Result(result) => result,
            Envelope::Broken(what) => return Err(self.caller.transient(answer.status, what)),
            Envelope::Refused(_) => return Ok(()),
        };
        let rows = answers::rows(result).unwrap_or_default();
        // Values that a cut-off page leaves out would be taken for values the column refuses.
        let total: Option<usize> = answer.header("x-total-count").and_then(|text| text.trim().parse().ok());
        if total.is_some_and(|total| rows.len() < total) {
            return Ok(());
        }
        for row in rows {
            if answers::column(row, "name").as_deref() != Some(table)
                || answers::column(row, "inactive").as_deref() == Some("true")
            {
                continue;
            }
            let (Some(element), Some(value)) =
                (answers::column(row, "element"), answers::column(row, "value"))
            else {
                continue;
            };
            if let Some(entry) = entries.get_mut(&element)
                && !entry.choices.contains(&value)
            {
                entry.choices.push(value);
            }
        }
        Ok(())
    }

    /// The columns that one whole row shows: those of parent tables too, which the dictionary lists elsewhere.
    async fn columns_of_a_row(&self, table: &str) -> Result<Option<BTreeSet<String>>, RemoteError> {
        let url = self.url(
            &format!("/api/now/table/{table}"),
            &[
                ("sysparm_query", "ORDERBYsys_id"),
                ("sysparm_display_value", "false"),
                ("sysparm_exclude_reference_link", "true"),
                ("sysparm_limit", "1"),
            ],
        );
        let answer = self.caller.call(&Call::get(url)).await?;
        if answer.status == 404 && answers::is_no_record(&answer.body) {
            return Ok(None);
        }
        let result = match answers::open(&answer) {
            Envelope::Result(result) => result,
            Envelope::Broken(what) => return Err(self.caller.transient(answer.status, what)),
            Envelope::Refused(what) => return Err(self.caller.refused(answer.status, what)),
        };
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(result)
            .map_err(|_| self.caller.protocol("the table's rows are not objects"))?;
        Ok(rows.into_iter().next().map(|row| row.into_iter().map(|(name, _)| name).collect()))
    }
}
