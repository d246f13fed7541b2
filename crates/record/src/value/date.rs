//! Partial dates.

use super::{PartialDate, ValueProblem, problem};
use crate::text::trimmed;
use std::fmt;

/// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD` (FHIR R4 `date`); a day must exist in the calendar.
pub(super) fn parse(raw: &str) -> Result<PartialDate, ValueProblem> {
    let text = trimmed(raw).as_bytes();
    let number = |from: usize, to: usize| -> Option<u16> {
        text.get(from..to)?.iter().try_fold(0_u16, |sum, byte| {
            byte.is_ascii_digit().then(|| sum.wrapping_mul(10).wrapping_add(u16::from(byte - b'0')))
        })
    };
    let two = |from: usize| number(from, from + 2).and_then(|number| u8::try_from(number).ok());
    let dash = |at: usize| text.get(at) == Some(&b'-');
    let parts = match text.len() {
        4 => number(0, 4).map(|year| (year, None, None)),
        7 if dash(4) => number(0, 4).zip(two(5)).map(|(year, month)| (year, Some(month), None)),
        10 if dash(4) && dash(7) => {
            number(0, 4).zip(two(5)).zip(two(8)).map(|((year, month), day)| (year, Some(month), Some(day)))
        }
        _ => None,
    };
    let Some((year, month, day)) = parts else {
        return Err(unreadable(trimmed(raw)));
    };
    PartialDate::new(year, month, day).ok_or_else(|| {
        problem(
            "there is no such day in the calendar",
            "check year, month and day; write the date as YYYY-MM-DD",
        )
    })
}

fn unreadable(text: &str) -> ValueProblem {
    let begins_with_date = text.len() > 10 && text.is_char_boundary(10) && parse(&text[..10]).is_ok();
    if begins_with_date {
        return problem(
            "a date is expected here, not a date with a time",
            "write the date alone, as YYYY-MM-DD; if the column holds a date and time, use a column of type date",
        );
    }
    let numbers = text.split(['/', '.', '-', ' ']).filter(|part| !part.is_empty());
    let mut count = 0;
    if numbers.inspect(|_| count += 1).all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        && count == 3
    {
        return problem(
            "this date can be read in more than one order of day, month and year",
            "write it as YYYY-MM-DD, the year first",
        );
    }
    problem(
        "this is not a date",
        "write YYYY-MM-DD, or YYYY-MM or YYYY where the day or the month is not known",
    )
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl PartialDate {
    /// A date that exists: year 1 to 9999, month 1 to 12, a day of that month, and no day without a month.
    pub fn new(year: u16, month: Option<u8>, day: Option<u8>) -> Option<PartialDate> {
        let month_exists = month.is_none_or(|month| (1..=12).contains(&month));
        let day_exists = match (month, day) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(month), Some(day)) => (1..=days_in(year, month)).contains(&day),
        };
        ((1..=9999).contains(&year) && month_exists && day_exists).then_some(PartialDate { year, month, day })
    }

    /// Whether this date says more about the same day, month or year as the other one.
    pub fn refines(&self, coarser: &PartialDate) -> bool {
        self != coarser
            && self.year == coarser.year
            && coarser.month.is_none_or(|month| self.month == Some(month))
            && coarser.day.is_none()
    }

    /// The first day it can mean: (year, month, day).
    pub fn earliest(&self) -> (u16, u8, u8) {
        (self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
    }

    /// The last day it can mean: (year, month, day).
    pub fn latest(&self) -> (u16, u8, u8) {
        let month = self.month.unwrap_or(12);
        (self.year, month, self.day.unwrap_or(days_in(self.year, month)))
    }

    /// Appends its text.
    pub(crate) fn push_to(self, out: &mut String) {
        // The last two digits of a number.
        let two = |number: u16, out: &mut String| {
            // A remainder of ten fits into a byte.
            let digit = |digit: u16| char::from(b'0' + u8::try_from(digit % 10).unwrap_or_default());
            out.push(digit(number / 10));
            out.push(digit(number));
        };
        two(self.year / 100, out);
        two(self.year, out);
        for part in [self.month, self.day].into_iter().flatten() {
            out.push('-');
            two(u16::from(part), out);
        }
    }

    /// Whether it names a day.
    pub const fn is_full(&self) -> bool {
        self.day.is_some()
    }
}

/// `2019`, `2019-06`, `2019-06-01`
impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(10);
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

impl std::str::FromStr for PartialDate {
    type Err = ValueProblem;

    fn from_str(text: &str) -> Result<PartialDate, ValueProblem> {
        parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        // (written, read as)
        let cases = [
            ("2019", Some("2019")),
            ("2019-06", Some("2019-06")),
            (" 2019-06-01 ", Some("2019-06-01")),
            ("2024-02-29", Some("2024-02-29")),
            ("2000-02-29", Some("2000-02-29")),
            ("1900-02-29", None),
            ("2023-02-29", None),
            ("2019-13", None),
            ("2019-00-10", None),
            ("2019-06-31", None),
            ("0000", None),
            ("19", None),
            ("2019-6-1", None),
            ("2019/06", None),
            ("2019/06-01", None),
            ("2019-06/01", None),
            ("9999-12-31", Some("9999-12-31")),
            ("0001", Some("0001")),
            ("2019-12", Some("2019-12")),
            ("2019-04-30", Some("2019-04-30")),
            ("2019-04-31", None),
            ("2019-07-32", None),
            ("01/02/2019", None),
            ("01.02.2019", None),
            ("2019-06-01 00:00:00", None),
            ("2019-06-01T00:00:00Z", None),
            ("last summer", None),
            ("+201-06-01", None),
            ("2019-06-0\u{661}", None),
        ];
        for (written, expected) in cases {
            let read = parse(written).ok().map(|date| date.to_string());
            assert_eq!(read.as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn the_way_out_fits_the_problem() {
        // (written, a word of the problem)
        let cases = [
            ("01/02/2019", "more than one order"),
            ("1-2-2019", "more than one order"),
            ("2019-06-01 10:00:00", "with a time"),
            ("2023-02-30", "calendar"),
            ("soon", "not a date"),
        ];
        for (written, word) in cases {
            let found = parse(written).expect_err(written);
            assert!(found.problem.contains(word), "{written}: {}", found.problem);
            assert!(found.way_out.contains("YYYY-MM-DD"));
        }
    }

    #[test]
    fn refinement() {
        // (finer?, coarser?, refines?)
        let cases = [
            ("2019-06-01", "2019", true),
            ("2019-06-01", "2019-06", true),
            ("2019-06", "2019", true),
            ("2019", "2019", false),
            ("2019", "2019-06", false),
            ("2019-06-01", "2019-07", false),
            ("2019-06-01", "2018", false),
            ("2019-06-01", "2019-06-02", false),
        ];
        for (finer, coarser, expected) in cases {
            let (finer, coarser) = (parse(finer).expect(finer), parse(coarser).expect(coarser));
            assert_eq!(finer.refines(&coarser), expected, "{finer} {coarser}");
        }
    }
}
