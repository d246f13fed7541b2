//! The five fields of a schedule as cron writes them, and the moments they mean in a zone.

use super::zone;
use chrono::{Datelike as _, NaiveDate, NaiveTime};
use chrono_tz::Tz;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Most days a month can have, February in a leap year.
const LONGEST: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

struct Part {
    name: &'static str,
    ordinal: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
    /// The number that the first name stands for.
    first_name: u8,
}

const PARTS: [Part; 5] = [
    Part { name: "minute", ordinal: "first", least: 0, most: 59, names: &[], first_name: 0 },
    Part { name: "hour", ordinal: "second", least: 0, most: 23, names: &[], first_name: 0 },
    Part { name: "day of the month", ordinal: "third", least: 1, most: 31, names: &[], first_name: 0 },
    Part { name: "month", ordinal: "fourth", least: 1, most: 12, names: &MONTHS, first_name: 1 },
    Part { name: "day of the week", ordinal: "fifth", least: 0, most: 7, names: &WEEKDAYS, first_name: 0 },
];

/// A schedule: minute, hour, day of the month, month and day of the week.
///
/// Where the clock jumps over a time, a schedule of fixed times runs right after the jump, and where it shows a time twice,
/// at the first of the two. One with `*` in its minute or hour goes by the wall clock: every minute that is shown
/// counts, each time (cron(8), "Daylight Saving Time"; wire-facts 8.1). With both a day of the month and a day of the week
/// given, either is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<u8>,
    hours: Vec<u8>,
    days: Vec<u8>,
    months: Vec<u8>,
    weekdays: Vec<u8>,
    by_wall_clock: bool,
    either_day: bool,
}

/// Two leap years may be eight years apart.
const DAYS_AHEAD: usize = 8 * 366 + 2;

impl Cron {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What is wrong with it, in words that go on from "the schedule:".
    pub fn parse(schedule: &str) -> Result<Cron, String> {
        let fields: Vec<&str> = schedule.split_whitespace().collect();
        let [minute, hour, day, _, weekday] = fields.as_slice() else {
            return Err(if schedule.trim_start().starts_with('@') {
                "a short form such as @daily is not understood; five fields are expected".to_owned()
            } else {
                format!(
                    "five fields are expected (minute, hour, day of the month, month, day of the week), {} stand here{}",
                    fields.len(),
                    if fields.len() > 5 { "; seconds and years are not understood" } else { "" },
                )
            });
        };
        let [minutes, hours, days, months, weekdays] = {
            let mut chosen: [Vec<u8>; 5] = Default::default();
            for ((part, field), numbers) in PARTS.iter().zip(&fields).zip(&mut chosen) {
                *numbers = part
                    .numbers(field)
                    .map_err(|what| format!("the {} field ({}) {what}", part.ordinal, part.name))?;
            }
            chosen
        };
        let any = |field: &str| field.starts_with('*');
        let either_day = !any(day) && !any(weekday);
        let some_day_exists = months.iter().any(|month| {
            let longest = LONGEST.get(usize::from(*month).saturating_sub(1)).copied().unwrap_or(31);
            days.iter().any(|day| *day <= longest)
        });
        // With a day of the week given, cron takes either; without one, the date itself must exist.
        if !either_day && !some_day_exists {
            return Err("no such day exists in those months, so it would never run".to_owned());
        }
        Ok(Cron {
            minutes,
            hours,
            days,
            months,
            // Sunday is 0 and 7.
            weekdays: weekdays.into_iter().map(|day| day % 7).collect(),
            by_wall_clock: any(minute) || any(hour),
            either_day,
        })
    }

    /// The next moment after `now` at which it runs in that zone, both in Unix seconds; `None` where there is none within
    /// eight years.
    pub fn next_after(&self, now: i64, zone: Tz) -> Option<i64> {
        // The wall clock may have shown tomorrow already, and show today again.
        let from = zone::local(zone, now)?.date().pred_opt()?;
        let first_of = |date: NaiveDate| {
            let moments = if self.matches(date) { self.moments_of(date, zone) } else { Vec::new() };
            moments.into_iter().filter(|moment| *moment > now).min()
        };
        let (date, found) =
            from.iter_days().take(DAYS_AHEAD).find_map(|date| Some((date, first_of(date)?)))?;
        // A clock set back over midnight shows the end of a day after the beginning of the next.
        Some(date.succ_opt().and_then(first_of).map_or(found, |other| other.min(found)))
    }

    /// The latest moment after `since` and not after `now` at which it ran or should have run in that zone, all in Unix
    /// seconds; `None` where there was none. After a sleep that is the one run that makes up for all the missed ones.
    pub fn latest_due(&self, since: i64, now: i64, zone: Tz) -> Option<i64> {
        let earliest = zone::local(zone, since)?.date().pred_opt()?;
        // The wall clock may have shown tomorrow already, and show today again.
        let mut date = zone::local(zone, now)?.date().succ_opt()?;
        let of = |date: NaiveDate| {
            let moments = if self.matches(date) { self.moments_of(date, zone) } else { Vec::new() };
            moments.into_iter().filter(|moment| (since + 1..=now).contains(moment)).max()
        };
        while date >= earliest {
            if let Some(found) = of(date) {
                // A clock set back over midnight shows the end of a day after the beginning of the next.
                return Some(date.pred_opt().and_then(of).map_or(found, |other| other.max(found)));
            }
            date = date.pred_opt()?;
        }
        None
    }

    /// The next so many moments after `now`.
    pub fn next_runs(&self, now: i64, zone: Tz, count: usize) -> Vec<i64> {
        let mut runs: Vec<i64> = Vec::with_capacity(count);
        while runs.len() < count {
            match self.next_after(runs.last().copied().unwrap_or(now), zone) {
                Some(moment) => runs.push(moment),
                None => break,
            }
        }
        runs
    }

    fn matches(&self, date: NaiveDate) -> bool {
        let has = |numbers: &[u8], number: u32| numbers.iter().any(|chosen| u32::from(*chosen) == number);
        let by_day = has(&self.days, date.day());
        let by_weekday = has(&self.weekdays, date.weekday().num_days_from_sunday());
        let day = if self.either_day { by_day || by_weekday } else { by_day && by_weekday };
        day && has(&self.months, date.month())
    }

    fn moments_of(&self, date: NaiveDate, zone: Tz) -> Vec<i64> {
        let times = self.hours.iter().flat_map(|hour| {
            self.minutes
                .iter()
                .filter_map(|minute| NaiveTime::from_hms_opt(u32::from(*hour), u32::from(*minute), 0))
        });
        if self.by_wall_clock {
            times.flat_map(|time| zone::moments(zone, date.and_time(time))).collect()
        } else {
            times.filter_map(|time| zone::first_moment_on(zone, date, time)).collect()
        }
    }
}

impl Part {
    fn numbers(&self, field: &str) -> Result<Vec<u8>, String> {
        let mut numbers = Vec::new();
        for item in field.split(',') {
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (item, None),
            };
            let step: u8 = match step {
                None => 1,
                Some(step) => step
                    .parse()
                    .ok()
                    .filter(|step| (1..=self.most).contains(step))
                    .ok_or_else(|| format!("has a step that is no number from 1 to {}", self.most))?,
            };
            let (from, to) = if range == "*" {
                (self.least, self.most)
            } else if let Some((from, to)) = range.split_once('-') {
                (self.number(from)?, self.number(to)?)
            } else {
                let only = self.number(range)?;
                (only, if item.contains('/') { self.most } else { only })
            };
            if from > to {
                return Err("has a range whose end comes before its beginning".to_owned());
            }
            numbers.extend((from..=to).step_by(usize::from(step)));
        }
        Ok(numbers)
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(number) = named.and_then(|at| u8::try_from(at).ok()).map(|at| at + self.first_name) {
            return Ok(number);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && (self.least..=self.most).contains(number)).ok_or_else(
            || {
                let named = if self.names.is_empty() { "" } else { " or a name of three letters" };
                format!(
                    "takes numbers from {} to {}{named}, *, ranges, steps and lists",
                    self.least, self.most
                )
            },
        )
    }
}
