//! A line of a treatment's bill as a row of ServiceNow.

use super::cell;
use record::Json;
use record::fees::BillLine;
use record::value::Instant;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What a bill says, under the names the settings use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BillField {
    Treatment,
    Patient,
    Date,
    Code,
    Description,
    Quantity,
    Unit,
    Price,
    Amount,
    Currency,
}

impl BillField {
    /// All of them, in the order they are written.
    pub const ALL: [BillField; 10] = [
        BillField::Treatment,
        BillField::Patient,
        BillField::Date,
        BillField::Code,
        BillField::Description,
        BillField::Quantity,
        BillField::Unit,
        BillField::Price,
        BillField::Amount,
        BillField::Currency,
    ];

    /// The name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            BillField::Treatment => "treatment",
            BillField::Patient => "patient",
            BillField::Date => "date",
            BillField::Code => "code",
            BillField::Description => "description",
            BillField::Quantity => "quantity",
            BillField::Unit => "unit",
            BillField::Price => "price",
            BillField::Amount => "amount",
            BillField::Currency => "currency",
        }
    }

    /// Whether a line that stands there already has to say it as we would: the rest is as it was when it was billed.
    const fn tells_lines_apart(self) -> bool {
        matches!(self, BillField::Treatment | BillField::Code | BillField::Quantity)
    }
}

/// How lines are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLens {
    /// Column of the line's key, which is unique.
    pub key_column: String,
    /// The columns; what has none is not written.
    pub columns: BTreeMap<BillField, String>,
}

/// What a line belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Billed<'a> {
    /// The treatment's `sys_id`.
    pub treatment: &'a str,
    /// The patient's `sys_id`.
    pub patient: &'a str,
    /// When the treatment was given.
    pub given: &'a Instant,
}

impl BillLens {
    /// The row of a line.
    pub fn write(&self, line: &BillLine, of: Billed<'_>) -> Json {
        let mut row = Json::object([(self.key_column.as_str(), Json::String(line.key(of.treatment)))]);
        for (field, column) in &self.columns {
            let text = match field {
                BillField::Treatment => of.treatment.to_owned(),
                BillField::Patient => of.patient.to_owned(),
                BillField::Date => of.given.servicenow(),
                BillField::Code => line.code.clone(),
                BillField::Description => line.description.clone(),
                BillField::Quantity => line.quantity.to_string(),
                BillField::Unit => line.unit.clone(),
                BillField::Price => line.price.to_string(),
                BillField::Amount => line.amount.to_string(),
                BillField::Currency => line.currency.clone(),
            };
            row.set(column, Json::String(text));
        }
        row
    }

    /// Columns of a row that was just made which are not as they were sent.
    pub fn not_stored(&self, sent: &Json, row: &Json) -> Vec<String> {
        self.other_than(sent, row, |_| true)
    }

    /// Columns in which a row that stood there already under the key is another line than this one. What it cost then
    /// stays: prices may have changed since.
    pub fn another_line(&self, sent: &Json, row: &Json) -> Vec<String> {
        self.other_than(sent, row, BillField::tells_lines_apart)
    }

    fn other_than(&self, sent: &Json, row: &Json, counts: impl Fn(BillField) -> bool) -> Vec<String> {
        let said = |json: &Json, column: &str| cell(json, column).map(|text| text.trim().to_owned());
        let differs = |column: &&str| !is_same(said(sent, column).as_deref(), said(row, column).as_deref());
        let columns = self.columns.iter().filter(|(field, _)| counts(**field));
        let columns = columns.map(|(_, column)| column.as_str()).chain([self.key_column.as_str()]);
        columns.filter(differs).map(str::to_owned).collect()
    }

    /// How many units a row or a body says, as a number.
    pub fn quantity(&self, row: &Json) -> Option<Decimal> {
        cell(row, self.columns.get(&BillField::Quantity)?)?.trim().parse().ok()
    }

    /// The key a row or a body carries.
    pub fn key<'r>(&self, row: &'r Json) -> Option<&'r str> {
        cell(row, &self.key_column)
    }
}

/// Numbers by their value: a column of decimals shows `45` as `45.00`.
fn is_same(one: Option<&str>, other: Option<&str>) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<Decimal>().ok());
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
