//! What a report says, before it takes a form.

use chrono::NaiveDateTime;

/// A whole report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// "Reconciliation of Mon 23 Nov 2026"
    pub title: String,
    /// The hospital's name.
    pub hospital: String,
    /// What it is about and when, in one line, with the time zone.
    pub subject: String,
    /// Tells this report from every other: the run's id, or the period's days.
    pub id: String,
    /// When what it says was true, on the hospital's clocks. It stands in the files, never the moment of writing.
    pub as_of: Stamp,
    /// Sentences to be read first.
    pub notes: Vec<String>,
    /// The figures that stand above the tables.
    pub summary: Vec<Figure>,
    /// The tables, in order.
    pub tables: Vec<Table>,
}

/// A moment on a wall clock, with what the clock is off UTC by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// What the clock shows.
    pub local: NaiveDateTime,
    /// Minutes east of UTC.
    pub offset_minutes: i32,
}

/// One named figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// For programs: `compared`.
    pub id: &'static str,
    /// For people: "Compared".
    pub label: String,
    /// The figure.
    pub cell: Cell,
    /// What it was in the report before, if there was one.
    pub before: Cell,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// For programs, and the name of its sheet's place: `kinds`.
    pub id: &'static str,
    /// "By kind of record"
    pub title: String,
    /// Its columns. The first one names the row.
    pub columns: Vec<Column>,
    /// Its rows, each with as many cells as there are columns.
    pub rows: Vec<Row>,
    /// What is said where there are no rows.
    pub empty: String,
    /// Rows there are beyond these.
    pub left_out: u64,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// One for each column.
    pub cells: Vec<Cell>,
    /// What a console leads to from here (a question's id, a run's id); files do not show it.
    pub leads_to: Option<String>,
    /// The record it is about, if one, by id; files do not show it.
    pub about: Option<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// For programs: `equal`.
    pub id: &'static str,
    /// For people: "Equal".
    pub heading: String,
    /// It holds figures, which stand to the right.
    pub figures: bool,
}

impl Column {
    /// A column of words.
    pub fn words(id: &'static str, heading: &str) -> Column {
        Column { id, heading: heading.to_owned(), figures: false }
    }

    /// A column of figures.
    pub fn figures(id: &'static str, heading: &str) -> Column {
        Column { id, heading: heading.to_owned(), figures: true }
    }
}

/// A part of a whole. It is shown in hundredths of a percent, rounded down: what is not all is never shown as 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

impl Share {
    /// In hundredths of a percent; of nothing at all there is no share.
    pub fn basis_points(self) -> Option<u32> {
        if self.whole == 0 {
            return None;
        }
        let points = u128::from(self.part.min(self.whole)) * 10_000 / u128::from(self.whole);
        u32::try_from(points).ok()
    }
}

/// What stands in one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cell {
    /// Nothing to say.
    #[default]
    Nothing,
    /// Words.
    Text(String),
    /// A count.
    Count(u64),
    /// A share of a whole.
    Share(Share),
    /// A moment on the hospital's clocks.
    Moment(NaiveDateTime),
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    /// As people read it: `99,302`, `99.21 %`, `2026-11-23 02:00`. Nothing is a dash.
    pub fn words(&self) -> String {
        match self {
            Cell::Nothing => "–".to_owned(),
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => grouped(*count),
            Cell::Share(share) => share
                .basis_points()
                .map_or_else(|| "–".to_owned(), |points| format!("{}.{:02} %", points / 100, points % 100)),
            Cell::Moment(at) => at.format("%Y-%m-%d %H:%M").to_string(),
        }
    }

    /// As programs read it: `99302`, `99.21` (percent), `2026-11-23T02:00:00`. Nothing is empty.
    pub fn plain(&self) -> String {
        match self {
            Cell::Nothing => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => count.to_string(),
            Cell::Share(share) => share
                .basis_points()
                .map_or_else(String::new, |points| format!("{}.{:02}", points / 100, points % 100)),
            Cell::Moment(at) => at.format("%Y-%m-%dT%H:%M:%S").to_string(),
        }
    }

    /// Its figure, if it is one; a share in percent.
    pub fn number(&self) -> Option<f64> {
        match self {
            Cell::Nothing | Cell::Text(_) | Cell::Moment(_) => None,
            Cell::Count(count) => Some(*count as f64),
            Cell::Share(share) => share.basis_points().map(|points| f64::from(points) / 100.0),
        }
    }
}

/// Digits in groups of three.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people_and_for_programs() {
        let share = |part, whole| Cell::Share(Share { part, whole });
        let at = chrono::NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(2, 0, 7).unwrap();
        // cell, for people, for programs, as a number
        for (cell, words, plain, number) in [
            (Cell::Nothing, "–", "", None),
            (Cell::text("=1+1"), "=1+1", "=1+1", None),
            (Cell::Count(0), "0", "0", Some(0.0)),
            (Cell::Count(999), "999", "999", Some(999.0)),
            (Cell::Count(1_000), "1,000", "1000", Some(1_000.0)),
            (Cell::Count(12_345_678), "12,345,678", "12345678", Some(12_345_678.0)),
            (share(1, 3), "33.33 %", "33.33", Some(33.33)),
            // One of a hundred thousand is missing: that is not all.
            (share(99_999, 100_000), "99.99 %", "99.99", Some(99.99)),
            (share(5, 5), "100.00 %", "100.00", Some(100.0)),
            (share(7, 5), "100.00 %", "100.00", Some(100.0)),
            (share(0, 0), "–", "", None),
            (Cell::Moment(at), "2026-11-23 02:00", "2026-11-23T02:00:07", None),
        ] {
            assert_eq!((cell.words().as_str(), cell.plain().as_str()), (words, plain));
            assert_eq!(cell.number(), number, "{words}");
        }
    }
}
