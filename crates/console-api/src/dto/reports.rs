//! What crosses the seam for reports: of a run, and of any days.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// Days that belong together.
    pub enum ReportSpan {
        Day,
        /// From Monday.
        Week,
        Month,
    }
    /// What a report is written as.
    pub enum ReportFormat {
        Pdf,
        Xlsx,
        Csv,
        Json,
    }
}

dto! {
    /// Of a run, or of days; of today where neither is said.
    #[derive(Default)]
    pub struct ReportQuery {
        pub run_id: Option<String>,
        /// The first day (2026-11-02), or with `span` any day of the span.
        pub from: Option<String>,
        /// The last day; the first one where it is not said. Not together with `span`.
        pub to: Option<String>,
        pub span: Option<ReportSpan>,
    }
    pub struct ReportExport {
        pub report: ReportQuery,
        pub format: ReportFormat,
    }
    /// A file of bytes.
    pub struct ReportFile {
        /// A name without a folder.
        pub name: String,
        pub base64: String,
    }
    /// What stands in one place.
    pub struct ReportCell {
        /// For people: "99,302", "99.21 %".
        pub text: String,
        /// Where it is a figure; a share in percent.
        pub number: Option<f64>,
    }
    pub struct ReportFigure {
        pub id: String,
        pub label: String,
        pub value: ReportCell,
        /// In the report before; an empty text where there is none.
        pub before: ReportCell,
    }
    pub struct ReportColumn {
        pub id: String,
        pub heading: String,
        pub figures: bool,
    }
    pub struct ReportRow {
        pub cells: Vec<ReportCell>,
        /// The question or run that it is about.
        pub leads_to: Option<String>,
        /// The record it is about. Files hold neither this nor the name.
        pub about: Option<String>,
        /// The record's name, for those who may see patients.
        pub name: Option<String>,
    }
    pub struct ReportTable {
        pub id: String,
        pub title: String,
        pub columns: Vec<ReportColumn>,
        pub rows: Vec<ReportRow>,
        /// What is said where there are no rows.
        pub empty: String,
        pub left_out: u32,
    }
    /// The days of a report, in the hospital's zone, and where to go on to.
    pub struct ReportPeriod {
        pub span: Option<ReportSpan>,
        pub from: String,
        pub to: String,
        /// A day of the span before, and of the one after.
        pub previous: String,
        pub next: String,
    }
    pub struct ReportView {
        pub id: String,
        pub title: String,
        pub hospital: String,
        pub subject: String,
        pub notes: Vec<String>,
        pub summary: Vec<ReportFigure>,
        pub tables: Vec<ReportTable>,
        /// None of a run.
        pub period: Option<ReportPeriod>,
    }
}

declared_here!();
