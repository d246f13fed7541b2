//! CSV: every figure on a line of its own, so that all lines have the same columns whatever the report holds.
//!
//! UTF-8 with a byte order mark: without one, Excel reads names with accents as the computer's old code page, and every
//! other reader of UTF-8 skips it. Lines end in CR LF (RFC 4180).

use crate::ReportError;
use crate::value::{Cell, Report};

/// The columns of every line.
const HEADINGS: [&str; 6] = ["section", "row", "item", "figure", "value", "before"];

/// Spreadsheets take a cell that begins with one of these for a formula, or skip it and look at what follows.
const RISKY: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// The report as lines.
///
/// # Errors
/// None but those of writing into memory.
pub fn csv(report: &Report) -> Result<Vec<u8>, ReportError> {
    let failed = |error: &dyn std::fmt::Display| ReportError::Csv(error.to_string());
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut bytes);
    let mut line = |fields: [&str; 6]| writer.write_record(fields).map_err(|error| failed(&error));
    line(HEADINGS)?;
    for (item, value) in [
        ("title", &report.title),
        ("hospital", &report.hospital),
        ("subject", &report.subject),
        ("id", &report.id),
    ] {
        line(["report", "1", item, item, &guarded(value), ""])?;
    }
    for (at, note) in report.notes.iter().enumerate() {
        line(["notes", &(at + 1).to_string(), "", "note", &guarded(note), ""])?;
    }
    for (at, figure) in report.summary.iter().enumerate() {
        let (value, before) = (value(&figure.cell), value(&figure.before));
        line(["summary", &(at + 1).to_string(), &guarded(&figure.label), figure.id, &value, &before])?;
    }
    for table in &report.tables {
        for (at, row) in table.rows.iter().enumerate() {
            let (number, item) = ((at + 1).to_string(), row.cells.first().map(value).unwrap_or_default());
            for (column, cell) in table.columns.iter().zip(&row.cells) {
                line([table.id, &number, &item, column.id, &value(cell), ""])?;
            }
        }
        if table.left_out > 0 {
            line([table.id, "", "", "left_out", &table.left_out.to_string(), ""])?;
        }
    }
    writer.flush().map_err(|error| failed(&error))?;
    drop(writer);
    Ok(bytes)
}

/// A cell as it stands in a line: figures as they are, words guarded.
fn value(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => guarded(text),
        Cell::Nothing | Cell::Count(_) | Cell::Share(_) | Cell::Moment(_) => cell.plain(),
    }
}

/// Words that a spreadsheet would take for a formula begin with an apostrophe instead.
fn guarded(text: &str) -> String {
    let first = text.trim_start_matches([' ', '\u{a0}', '\n']).chars().next();
    if first.is_some_and(|first| RISKY.contains(&first)) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn no_words_begin_like_a_formula() {
        for (text, written) in [
            ("Rex", "Rex"),
            ("", ""),
            ("O'Brien", "O'Brien"),
            ("2 = 1 + 1", "2 = 1 + 1"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            // Leading blanks are skipped by some.
            ("  =1+1", "'  =1+1"),
            ("\n=1+1", "'\n=1+1"),
            // Full-width forms count where East Asian input does.
            ("＝1", "'＝1"),
        ] {
            assert_eq!(guarded(text), written, "{text:?}");
        }
    }
}
