//! A report as the page takes it, and how its file is called.

use super::days::Days;
use crate::dto::{ReportCell, ReportColumn, ReportFigure, ReportRow, ReportTable, ReportView};
use base64::Engine as _;
use report::{Cell, Report, Row, Table};

/// The page, without the names of patients.
pub fn view(report: &Report, days: Option<&Days>) -> ReportView {
    ReportView {
        id: report.id.clone(),
        title: report.title.clone(),
        hospital: report.hospital.clone(),
        subject: report.subject.clone(),
        notes: report.notes.clone(),
        summary: report
            .summary
            .iter()
            .map(|figure| ReportFigure {
                id: figure.id.to_owned(),
                label: figure.label.clone(),
                value: cell(&figure.cell),
                before: match figure.before {
                    Cell::Nothing => ReportCell { text: String::new(), number: None },
                    ref before => cell(before),
                },
            })
            .collect(),
        tables: report.tables.iter().map(table).collect(),
        period: days.map(Days::view),
    }
}

fn table(table: &Table) -> ReportTable {
    let column = |column: &report::Column| ReportColumn {
        id: column.id.to_owned(),
        heading: column.heading.clone(),
        figures: column.figures,
    };
    let row = |row: &Row| ReportRow {
        cells: row.cells.iter().map(cell).collect(),
        leads_to: row.leads_to.clone(),
        about: row.about.clone(),
        name: None,
    };
    ReportTable {
        id: table.id.to_owned(),
        title: table.title.clone(),
        columns: table.columns.iter().map(column).collect(),
        rows: table.rows.iter().map(row).collect(),
        empty: table.empty.clone(),
        left_out: u32::try_from(table.left_out).unwrap_or(u32::MAX),
    }
}

fn cell(cell: &Cell) -> ReportCell {
    ReportCell { text: cell.words(), number: cell.number() }
}

/// `vetsync-2026-11-23-0200`, `vetsync-2026-11-16-to-2026-11-22`: sorted by name they are sorted by time.
pub fn stem(report: &Report, days: Option<&Days>) -> String {
    match days {
        Some(days) if days.first == days.last => format!("vetsync-{}", days.first),
        Some(days) => format!("vetsync-{}-to-{}", days.first, days.last),
        None => format!("vetsync-run-{}", report.as_of.local.format("%Y-%m-%d-%H%M")),
    }
}

/// As JSON carries bytes.
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
