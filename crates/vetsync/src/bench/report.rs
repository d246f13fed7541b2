//! How long a report takes as a file: 500 rows as people read it, and 100,000 as programs do.

use super::figures::Measure;
use chrono::NaiveDate;
use report::{Cell, Column, Figure, Report, ReportError, Row, Share, Stamp, Table};
use std::time::Instant;

/// Rows of a report that is printed.
const PRINTED: usize = 500;

/// Measures each form, of so many rows.
pub fn measure(rows: usize) -> Result<Vec<Measure>, ReportError> {
    let (printed, large) = (report(PRINTED), report(rows));
    let mut measures = Vec::new();
    let mut form = |name: String, write: &dyn Fn() -> Result<Vec<u8>, ReportError>| {
        let began = Instant::now();
        let bytes = write()?;
        measures.push(Measure::of(&format!("report: {name}"), began.elapsed().as_secs_f64() * 1_000.0, "ms"));
        measures.push(Measure::of(&format!("report: {name}, size"), bytes.len() as f64 / 1_000.0, "kB"));
        Ok::<(), ReportError>(())
    };
    form(format!("PDF of {PRINTED} rows"), &|| report::pdf(&printed))?;
    form(format!("XLSX of {PRINTED} rows"), &|| report::xlsx(&printed))?;
    form(format!("CSV of {PRINTED} rows"), &|| report::csv(&printed))?;
    form(format!("XLSX of {rows} rows"), &|| report::xlsx(&large))?;
    form(format!("CSV of {rows} rows"), &|| report::csv(&large))?;
    Ok(measures)
}

/// A report with one long table, as that of the open questions is.
fn report(rows: usize) -> Report {
    let local = NaiveDate::default().and_time(chrono::NaiveTime::MIN);
    let row = |at: usize| Row {
        cells: vec![
            Cell::text(format!("0199a1b2-0000-7000-8000-{at:012}")),
            Cell::text("Patients"),
            Cell::text("the systems differ"),
            Cell::text("Owner's phone, Owner's e-mail"),
            Cell::Count(at as u64),
            Cell::Moment(local),
            Cell::text("open"),
        ],
        ..Row::default()
    };
    Report {
        title: "Daily reconciliation".to_owned(),
        hospital: "Riverside".to_owned(),
        subject: "a night".to_owned(),
        id: "bench".to_owned(),
        as_of: Stamp { local, offset_minutes: 0 },
        notes: vec!["Nothing changed against the run before.".to_owned()],
        summary: vec![Figure {
            id: "accuracy",
            label: "Data accuracy".to_owned(),
            cell: Cell::Share(Share { part: 99, whole: 100 }),
            before: Cell::Nothing,
        }],
        tables: vec![Table {
            id: "open",
            title: "Still open".to_owned(),
            columns: vec![
                Column::words("question", "Question"),
                Column::words("kind", "Kind"),
                Column::words("cause", "Why it is asked"),
                Column::words("fields", "Fields"),
                Column::figures("count", "Count"),
                Column::words("since", "Since"),
                Column::words("stands", "Stands"),
            ],
            rows: (0..rows).map(row).collect(),
            empty: "No question was open.".to_owned(),
            left_out: 0,
        }],
    }
}
