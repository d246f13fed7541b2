//! The hospital's fee schedule, read from its CSV file.

use crate::problem::StartError;
use engine::completion::Billing;
use mapping::servicenow::bill::{BillField, BillLens};
use record::fees::{EACH, Fee, FeeSchedule};
use record::time::zone::first_moment_on;
use rust_decimal::Decimal;
use settings::Settings;
use std::path::Path;

/// A price has so many decimals at most.
const DECIMALS_MAX: u32 = 4;

/// What is wrong with a fee schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub struct FeesError {
    /// The line of the file, from 1, where one is known.
    pub line: Option<u64>,
    /// The column's name, where one is known.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub way_out: String,
}

impl FeesError {
    fn words(&self) -> String {
        let line = self.line.map(|line| format!("line {line}, ")).unwrap_or_default();
        let column = self.column.as_deref().map(|column| format!("column {column}: ")).unwrap_or_default();
        format!("{line}{column}{}", self.problem)
    }
}

/// How treatments are billed; none where they are not.
///
/// # Errors
/// A fee schedule that cannot be read.
pub fn billing(settings: &Settings, base: &Path) -> Result<Option<Billing>, StartError> {
    let own = &settings.servicenow.billing;
    let (true, Some(file), Some(day)) = (own.generate, &own.fee_schedule, own.first_day()) else {
        return Ok(None);
    };
    let path = base.join(file);
    let wrong = |problem| StartError::Fees { path: path.clone(), problem };
    let text = std::fs::read(&path).map_err(|error| {
        wrong(FeesError {
            line: None,
            column: None,
            problem: format!("it cannot be read: {error}"),
            way_out: "Put the file there, or correct servicenow.billing.fee_schedule in the settings."
                .to_owned(),
        })
    })?;
    let fees = read(&text).map_err(wrong)?;
    let columns = own.written_columns();
    let since = first_moment_on(crate::schedule::zone_of(settings), day, chrono::NaiveTime::MIN);
    Ok(Some(Billing {
        lens: BillLens {
            key_column: own.key_column.clone(),
            columns: BillField::ALL
                .into_iter()
                .filter_map(|field| Some((field, columns.get(field.name())?.clone())))
                .collect(),
        },
        fees,
        // A day that the zone never had begins with the next one in every calendar.
        since: since.unwrap_or_else(|| day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()),
    }))
}

/// Reads a fee schedule: CSV (RFC 4180) in UTF-8, with a line of names.
///
/// # Errors
/// The first thing that is wrong, with its line and column.
pub fn read(text: &[u8]) -> Result<FeeSchedule, FeesError> {
    // Spreadsheets begin a file with a byte order mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let names: Vec<String> =
        reader.headers().map_err(|error| unreadable(&error))?.iter().map(str::to_lowercase).collect();
    let place = |name: &str| names.iter().position(|known| known == name);
    let needed = |name: &'static str| {
        place(name).ok_or_else(|| FeesError {
            line: Some(1),
            column: Some(name.to_owned()),
            problem: "the first line does not name this column".to_owned(),
            way_out: "Begin the file with: code,description,price,currency,unit".to_owned(),
        })
    };
    let (code, description) = (needed("code")?, needed("description")?);
    let (price, currency) = (needed("price")?, needed("currency")?);
    let unit = place("unit");
    let (mut fees, mut lines) = (Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.map_err(|error| unreadable(&error))?;
        let line = row.position().map(csv::Position::line);
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let wrong = |column: &str, problem: String, way_out: &str| FeesError {
            line,
            column: Some(column.to_owned()),
            problem,
            way_out: way_out.to_owned(),
        };
        let amount = money(cell(price)).ok_or_else(|| {
            wrong(
                "price",
                format!("{:?} is no price", cell(price)),
                "Write it as in 1250.00: digits, a point, four decimals at most, no sign and no currency.",
            )
        })?;
        let is_currency =
            cell(currency).len() == 3 && cell(currency).bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_currency {
            return Err(wrong(
                "currency",
                format!("{:?} is no currency", cell(currency)),
                "Write its three letters (ISO 4217), as in USD.",
            ));
        }
        let counted = unit.map(cell).filter(|unit| !unit.is_empty()).unwrap_or(EACH).to_lowercase();
        lines.push(line);
        fees.push(Fee {
            code: cell(code).to_owned(),
            description: cell(description).to_owned(),
            price: amount,
            currency: cell(currency).to_owned(),
            unit: counted,
        });
    }
    if fees.is_empty() {
        return Err(FeesError {
            line: None,
            column: None,
            problem: "it holds no fee".to_owned(),
            way_out: "Write a line for each procedure and medication that is billed.".to_owned(),
        });
    }
    FeeSchedule::new(fees).map_err(|problem| FeesError {
        line: lines.get(problem.row).copied().flatten(),
        column: Some(problem.column.to_owned()),
        problem: problem.problem,
        way_out: problem.way_out.to_owned(),
    })
}

/// An amount of money, plainly written: `45`, `22.50`.
fn money(text: &str) -> Option<Decimal> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let amount =
        text.parse::<Decimal>().ok().filter(|_| plain && !text.starts_with('.') && !text.ends_with('.'))?;
    (amount.scale() <= DECIMALS_MAX).then_some(amount)
}

fn unreadable(error: &csv::Error) -> FeesError {
    let line = error.position().map(csv::Position::line);
    let (problem, way_out) = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => {
            ("it is not in UTF-8".to_owned(), "Save it as CSV in UTF-8 from the spreadsheet.")
        }
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => (
            format!("it has {len} columns, and the first line names {expected_len}"),
            "Put a text that holds a comma in double quotes, and leave no column out.",
        ),
        _ => (error.to_string(), "Save it as CSV from the spreadsheet, with commas between the columns."),
    };
    FeesError { line, column: None, problem, way_out: way_out.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_schedule_is_read_as_spreadsheets_write_it() {
        let text = "\u{feff}Code,Description,Price,Currency,Unit\r\nCYT,\"Cytology, ear\",45.00,USD,\r\n\
                    APO16, Apoquel 16 mg ,3.15,USD,Tablet\r\n";
        let expected = FeeSchedule::new(vec![
            Fee {
                code: "CYT".to_owned(),
                description: "Cytology, ear".to_owned(),
                price: Decimal::new(4_500, 2),
                currency: "USD".to_owned(),
                unit: EACH.to_owned(),
            },
            Fee {
                code: "APO16".to_owned(),
                description: "Apoquel 16 mg".to_owned(),
                price: Decimal::new(315, 2),
                currency: "USD".to_owned(),
                unit: "tablet".to_owned(),
            },
        ]);
        assert_eq!(read(text.as_bytes()).unwrap(), expected.unwrap());
        // A file that counts nothing needs no column for it.
        assert!(read(b"code,description,price,currency\nCYT,Cytology,45,USD\n").is_ok());
    }

    #[test]
    fn what_is_wrong_names_line_and_column() {
        let table =
            |rows: &str| format!("code,description,price,currency,unit\nCYT,Cytology,45.00,USD,\n{rows}");
        for (text, line, column, words) in [
            (String::new(), Some(1), Some("code"), "does not name"),
            ("code,description,price\n".to_owned(), Some(1), Some("currency"), "does not name"),
            (table("").replace("CYT,Cytology,45.00,USD,\n", ""), None, None, "no fee"),
            (table("X,X-ray,\"1,250.00\",USD,\n"), Some(3), Some("price"), "1,250.00"),
            (table("X,X-ray,$12,USD,\n"), Some(3), Some("price"), "$12"),
            (table("X,X-ray,-12,USD,\n"), Some(3), Some("price"), "-12"),
            (table("X,X-ray,1.23456,USD,\n"), Some(3), Some("price"), "1.23456"),
            (table("X,X-ray,,USD,\n"), Some(3), Some("price"), "no price"),
            (table("X,X-ray,12,Dollar,\n"), Some(3), Some("currency"), "Dollar"),
            (table("\"a\nb\",Two lines,1,USD,\nX,X-ray,12,usd,\n"), Some(5), Some("currency"), "usd"),
            (table("X Y,X-ray,12,USD,\n"), Some(3), Some("code"), "cannot be a code"),
            (table("CYT,Smear,46,USD,\n"), Some(3), Some("code"), "another price"),
            (table("SME,cytology,46,USD,\n"), Some(3), Some("description"), "before"),
            (table("X,X-ray,12\n"), Some(3), None, "3 columns"),
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            assert_eq!((error.line, error.column.as_deref()), (line, column), "{text:?}: {error}");
            assert!(error.problem.contains(words), "{words}: {error}");
            assert!(!error.way_out.is_empty());
        }
        let latin = read(b"code,description,price,currency\nCYT,Zytologie f\xfcr\xdfe,45,EUR\n").unwrap_err();
        assert!(latin.problem.contains("UTF-8"), "{latin}");
    }
}
