//! XLSX: a sheet with the summary and one for each table; figures are numbers, moments are dates.

use crate::ReportError;
use crate::value::{Cell, Report, Stamp, Table};
use chrono::{Datelike as _, NaiveDateTime, Timelike as _};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};

/// Narrower than this nothing is read, wider than that nothing fits beside it; in characters.
const WIDTHS: (usize, usize) = (9, 60);
/// Excel's longest name of a sheet.
const NAME_MAX: usize = 31;

struct Formats {
    title: Format,
    head: Format,
    text: Format,
    count: Format,
    share: Format,
    moment: Format,
}

impl Formats {
    fn new() -> Formats {
        Formats {
            title: Format::new().set_bold().set_font_size(14),
            head: Format::new().set_bold().set_background_color(0x00E8_EDF3).set_text_wrap(),
            text: Format::new().set_align(FormatAlign::Top).set_text_wrap(),
            count: Format::new().set_align(FormatAlign::Top).set_num_format("#,##0"),
            share: Format::new().set_align(FormatAlign::Top).set_num_format("0.00%"),
            moment: Format::new().set_align(FormatAlign::Top).set_num_format("yyyy-mm-dd hh:mm"),
        }
    }
}

/// The report as a workbook.
///
/// # Errors
/// What the workbook's format cannot hold (a text beyond 32,767 characters).
pub fn xlsx(report: &Report) -> Result<Vec<u8>, ReportError> {
    written(report).map_err(|error| ReportError::Xlsx(error.to_string()))
}

fn written(report: &Report) -> Result<Vec<u8>, XlsxError> {
    let formats = Formats::new();
    let mut workbook = Workbook::new();
    workbook.set_properties(
        &DocProperties::new()
            .set_title(&report.title)
            .set_author(&report.hospital)
            .set_creation_datetime(&utc(report.as_of)?),
    );
    summary(workbook.add_worksheet(), report, &formats)?;
    for table in &report.tables {
        sheet(workbook.add_worksheet(), table, &formats)?;
    }
    workbook.save_to_buffer()
}

fn summary(sheet: &mut Worksheet, report: &Report, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name("Summary")?;
    sheet.write_string_with_format(0, 0, &report.title, &formats.title)?;
    sheet.write_string(1, 0, &report.hospital)?;
    sheet.write_string(2, 0, &report.subject)?;
    let mut row = 3;
    for note in &report.notes {
        sheet.write_string(row, 0, note)?;
        row += 1;
    }
    row += 1;
    for (column, heading) in (0..).zip(["Figure", "Value", "Before"]) {
        sheet.write_string_with_format(row, column, heading, &formats.head)?;
    }
    for figure in &report.summary {
        row += 1;
        sheet.write_string(row, 0, &figure.label)?;
        cell(sheet, row, 1, &figure.cell, formats)?;
        cell(sheet, row, 2, &figure.before, formats)?;
    }
    sheet.set_column_width(0, 44)?;
    sheet.set_column_width(1, 18)?;
    sheet.set_column_width(2, 18)?;
    Ok(())
}

fn sheet(sheet: &mut Worksheet, table: &Table, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(name(&table.title))?;
    let mut widths: Vec<usize> = Vec::with_capacity(table.columns.len());
    for (column, heading) in (0..).zip(&table.columns) {
        sheet.write_string_with_format(0, column, &heading.heading, &formats.head)?;
        widths.push(heading.heading.chars().count() + 2);
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.set_repeat_rows(0, 0)?;
    let mut last = 0;
    for row in &table.rows {
        last += 1;
        for ((column, value), width) in (0..).zip(&row.cells).zip(&mut widths) {
            cell(sheet, last, column, value, formats)?;
            *width = (*width).max(value.words().chars().count() + 1);
        }
    }
    if table.rows.is_empty() {
        sheet.write_string(1, 0, &table.empty)?;
    } else if let Ok(columns) = u16::try_from(table.columns.len()) {
        sheet.autofilter(0, 0, last, columns.saturating_sub(1))?;
    }
    if table.left_out > 0 {
        sheet.write_string(last + 1, 0, format!("and {} more", Cell::Count(table.left_out).words()))?;
    }
    for (column, width) in (0..).zip(widths) {
        let width = u16::try_from(width.clamp(WIDTHS.0, WIDTHS.1)).unwrap_or_default();
        sheet.set_column_width(column, width)?;
    }
    Ok(())
}

/// Words are written as words: what begins like a formula stays what it is.
fn cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    cell: &Cell,
    formats: &Formats,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Nothing => {}
        Cell::Text(text) => {
            sheet.write_string_with_format(row, column, text, &formats.text)?;
        }
        Cell::Count(count) => {
            sheet.write_number_with_format(row, column, *count as f64, &formats.count)?;
        }
        Cell::Share(share) => {
            if let Some(points) = share.basis_points() {
                sheet.write_number_with_format(row, column, f64::from(points) / 10_000.0, &formats.share)?;
            }
        }
        Cell::Moment(at) => {
            sheet.write_datetime_with_format(row, column, excel(*at)?, &formats.moment)?;
        }
    }
    Ok(())
}

fn excel(at: NaiveDateTime) -> Result<ExcelDateTime, XlsxError> {
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    ExcelDateTime::from_ymd(u16::try_from(at.year()).unwrap_or_default(), small(at.month()), small(at.day()))?
        .and_hms(u16::try_from(at.hour()).unwrap_or_default(), small(at.minute()), f64::from(at.second()))
}

fn utc(stamp: Stamp) -> Result<ExcelDateTime, XlsxError> {
    excel(stamp.local - chrono::Duration::minutes(i64::from(stamp.offset_minutes)))
}

/// A title as the name of a sheet, which may hold neither of these nor be longer.
fn name(title: &str) -> String {
    title.chars().filter(|character| !"[]:*?/\\".contains(*character)).take(NAME_MAX).collect()
}
