//! Bills of treatments in ServiceNow, and the archiving of treatments that are done.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Bills of treatments in ServiceNow: one row for each procedure and medication, priced from a fee schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Billing {
    /// Whether treatments are billed, once both systems agree on them. Switch it on when the table, its columns and the
    /// fee schedule are in place; `vetsync doctor` says whether the table is.
    pub generate: bool,
    /// Table of the lines.
    #[schemars(example = &"u_billing_record")]
    pub table: String,
    /// Column that holds VetSync's key of the line; it must be unique, and 80 characters at least.
    #[schemars(example = &"u_billing_key")]
    pub key_column: String,
    /// Columns that are named otherwise than `u_<name>`, as they stand in ServiceNow: `amount = "u_total"`. The names are
    /// treatment, patient, date, code, description, quantity, unit, price, amount and currency; one with an empty column
    /// (`unit = ""`) is not written.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// The fee schedule: a CSV file in UTF-8 whose first line names the columns code, description, price, currency and,
    /// where wanted, unit. Relative names start at the folder of this file. Read at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"fees.csv")]
    pub fee_schedule: Option<PathBuf>,
    /// The first day, in the hospital's zone, whose treatments are billed. Earlier ones never are: they were billed in
    /// another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"2026-10-01", regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub since: Option<String>,
}

impl Default for Billing {
    fn default() -> Self {
        Billing {
            generate: false,
            table: "u_billing_record".to_owned(),
            key_column: "u_billing_key".to_owned(),
            columns: BTreeMap::new(),
            fee_schedule: None,
            since: None,
        }
    }
}

/// What a line can say, in the order it is written.
pub const BILL_FIELDS: [&str; 10] = [
    "treatment",
    "patient",
    "date",
    "code",
    "description",
    "quantity",
    "unit",
    "price",
    "amount",
    "currency",
];

impl Billing {
    /// The day that [`Billing::since`] says, if it says one.
    pub fn first_day(&self) -> Option<NaiveDate> {
        self.since.as_deref()?.parse().ok()
    }

    /// The columns that are written, by what they say.
    pub fn written_columns(&self) -> BTreeMap<&'static str, String> {
        BILL_FIELDS
            .into_iter()
            .map(|name| (name, self.columns.get(name).cloned().unwrap_or_else(|| format!("u_{name}"))))
            .filter(|(_, column)| !column.is_empty())
            .collect()
    }
}

/// How a treatment's row is marked when nothing is left to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TreatmentArchive {
    /// The column, `status_column` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"u_treatment_status")]
    pub column: Option<String>,
    /// The stored value; in `status_column` it must be one of `completed_values`.
    #[schemars(length(min = 1), example = &"archived")]
    pub value: String,
}
