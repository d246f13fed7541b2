//! The days of a report: whole days of the hospital, whatever its clocks do.

use crate::calendar::midnight;
use crate::dto::{ApiError, ErrorCode, ReportPeriod, ReportQuery, ReportSpan};
use crate::errors::api;
use chrono::{DateTime, Datelike as _, Days as Ahead, Months, NaiveDate};
use chrono_tz::Tz;

/// A report is of so many days at most.
const DAYS_MAX: i64 = 366;

/// From the beginning of one day to the end of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub span: Option<ReportSpan>,
    pub first: NaiveDate,
    /// Belongs to it.
    pub last: NaiveDate,
    pub from_ms: i64,
    /// Does not belong to it any more.
    pub until_ms: i64,
}

impl Days {
    /// The days that are asked for.
    pub fn asked(request: &ReportQuery, zone: Tz, now_ms: i64) -> Result<Days, ApiError> {
        let read = |day: &str, field: &str| {
            NaiveDate::parse_from_str(day, "%Y-%m-%d").map_err(|_| ApiError {
                field: Some(field.to_owned()),
                ..api(
                    ErrorCode::Invalid,
                    format!("\"{day}\" is not a day ({field})."),
                    "Write it as year, month and day: 2026-11-02.",
                )
            })
        };
        let today = DateTime::from_timestamp_millis(now_ms).map(|now| now.with_timezone(&zone).date_naive());
        let from = request.from.as_deref().map(|day| read(day, "from")).transpose()?;
        let to = request.to.as_deref().map(|day| read(day, "to")).transpose()?;
        let day = from.or(to).or(today).unwrap_or_default();
        let (first, last) = match request.span {
            None => (day, to.unwrap_or(day)),
            Some(_) if to.is_some() => {
                return Err(api(
                    ErrorCode::Invalid,
                    "A last day (to) and a span do not go together.",
                    "Name the span and one of its days (from), or the first and the last day.",
                ));
            }
            Some(span) => of_span(span, day).ok_or_else(beyond)?,
        };
        if last < first {
            return Err(api(
                ErrorCode::Invalid,
                format!("The last day (to, {last}) is before the first one (from, {first})."),
                "Put the earlier day first.",
            ));
        }
        if (last - first).num_days() >= DAYS_MAX {
            return Err(api(
                ErrorCode::Invalid,
                format!("A report is of {DAYS_MAX} days at most, not of {}.", (last - first).num_days() + 1),
                "Ask for one year after the other.",
            ));
        }
        Days::between(request.span, first, last, zone).ok_or_else(beyond)
    }

    fn between(span: Option<ReportSpan>, first: NaiveDate, last: NaiveDate, zone: Tz) -> Option<Days> {
        let after = last.checked_add_days(Ahead::new(1))?;
        let begins = |day| midnight(day, zone)?.checked_mul(1_000);
        Some(Days { span, first, last, from_ms: begins(first)?, until_ms: begins(after)? })
    }

    /// The same span, or as many days, right before.
    pub fn before(&self, zone: Tz) -> Option<Days> {
        let last = self.first.pred_opt()?;
        let first = match self.span {
            Some(span) => of_span(span, last)?.0,
            None => {
                let more = u64::try_from((self.last - self.first).num_days()).ok()?;
                last.checked_sub_days(Ahead::new(more))?
            }
        };
        Days::between(self.span, first, last, zone)
    }

    /// As the page takes it.
    pub fn view(&self) -> ReportPeriod {
        let beyond = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
        ReportPeriod {
            span: self.span,
            from: self.first.to_string(),
            to: self.last.to_string(),
            previous: beyond(self.first.pred_opt()),
            next: beyond(self.last.succ_opt()),
        }
    }
}

fn of_span(span: ReportSpan, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    match span {
        ReportSpan::Day => Some((day, day)),
        ReportSpan::Week => {
            let first = day.checked_sub_days(Ahead::new(day.weekday().num_days_from_monday().into()))?;
            Some((first, first.checked_add_days(Ahead::new(6))?))
        }
        ReportSpan::Month => {
            let first = day.with_day(1)?;
            Some((first, first.checked_add_months(Months::new(1))?.pred_opt()?))
        }
    }
}

fn beyond() -> ApiError {
    api(ErrorCode::Invalid, "That is beyond all calendars.", "Ask for days between the years 1 and 9999.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: Option<&str>, to: Option<&str>, span: Option<ReportSpan>) -> Result<Days, ApiError> {
        let query =
            ReportQuery { run_id: None, from: from.map(str::to_owned), to: to.map(str::to_owned), span };
        // Mon 23 Nov 2026, 03:30 UTC: still Sunday in New York.
        Days::asked(&query, Tz::America__New_York, 1_795_404_600_000)
    }

    #[test]
    fn a_span_is_whole_days_of_the_hospital() {
        use ReportSpan::{Day, Month, Week};
        // from, to, span, first, last, hours, the days before
        for (from, to, span, first, last, hours, before) in [
            (None, None, None, "2026-11-22", "2026-11-22", 24, "2026-11-21"),
            (None, None, Some(Week), "2026-11-16", "2026-11-22", 168, "2026-11-09"),
            (None, None, Some(Month), "2026-11-01", "2026-11-30", 721, "2026-10-01"),
            (Some("2026-11-01"), None, Some(Day), "2026-11-01", "2026-11-01", 25, "2026-10-31"),
            (Some("2026-03-08"), None, None, "2026-03-08", "2026-03-08", 23, "2026-03-07"),
            (Some("2026-03-01"), Some("2026-03-10"), None, "2026-03-01", "2026-03-10", 239, "2026-02-19"),
            (Some("2028-02-10"), None, Some(Month), "2028-02-01", "2028-02-29", 696, "2028-01-01"),
        ] {
            let days = asked(from, to, span).unwrap();
            let day = |text: &str| text.parse::<NaiveDate>().unwrap();
            assert_eq!((days.first, days.last), (day(first), day(last)), "{from:?} {span:?}");
            assert_eq!(days.until_ms - days.from_ms, hours * 3_600_000, "{from:?} {span:?}");
            let earlier = days.before(Tz::America__New_York).unwrap();
            assert_eq!(earlier.first, day(before), "{from:?} {span:?}");
            assert_eq!(earlier.until_ms, days.from_ms, "nothing lies between");
        }
    }

    #[test]
    fn what_is_no_span_says_the_way_out() {
        for (from, to, span, says) in [
            (Some("23.11.2026"), None, None, "(from)"),
            (Some("2026-11-02"), Some("2026-11-99"), None, "(to)"),
            (Some("2026-11-02"), Some("2026-11-01"), None, "before the first one"),
            (Some("2025-01-01"), Some("2026-11-01"), None, "366 days at most"),
            (Some("2026-11-02"), Some("2026-11-03"), Some(ReportSpan::Week), "do not go together"),
        ] {
            let refused = asked(from, to, span).unwrap_err();
            assert!(refused.message.contains(says), "{refused:?}");
            assert!(!refused.way_out.is_empty());
        }
    }
}
