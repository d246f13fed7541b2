//! Time between the two systems and a hospital's wall clock: what is UTC, what is local, and when something is due.
//!
//! Nothing here asks what time it is.

pub mod cron;
pub mod daily;
pub mod zone;

use chrono::{DateTime, NaiveDate};

/// Unix seconds of a date and time of day in UTC; `None` where the calendar or the clock has none such.
pub fn utc_seconds(date: (u32, u32, u32), time: (u32, u32, u32)) -> Option<i64> {
    let year = i32::try_from(date.0).ok().filter(|year| (1..=9999).contains(year))?;
    let day = NaiveDate::from_ymd_opt(year, date.1, date.2)?;
    Some(day.and_hms_opt(time.0, time.1, time.2)?.and_utc().timestamp())
}

/// `YYYY-MM-DD HH:MM:SS` in UTC, as ServiceNow writes a moment (wire-facts 5.4); `None` beyond the years 1 to 9999.
pub fn utc_text(seconds: i64) -> Option<String> {
    let moment = DateTime::from_timestamp(seconds, 0)?.naive_utc();
    let text = moment.format("%Y-%m-%d %H:%M:%S").to_string();
    (text.len() == 19).then_some(text)
}
