//! What is done once a day, at a time of the hospital's wall clock.
//!
//! A run belongs to a *local date*. Nothing is remembered but which dates are done, so neither sleep nor a clock that was
//! set back, neither a missing hour nor a repeated one, can make a date run twice or never.

use super::zone;
use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;

/// Once a day at a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// The time on the wall clock.
    pub at: NaiveTime,
    /// Whose wall clock.
    pub zone: Tz,
}

/// A date whose run is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The local date it stands for.
    pub date: NaiveDate,
    /// How many dates before it were not run either. They are made up for by this one: what was different then is
    /// different still, or settled.
    pub missed: u32,
}

/// Days looked back for missed runs.
const MISSED_MAX: u32 = 366;

impl Daily {
    /// When the run of a date is due, Unix seconds: the first moment of that local time or, where the clock jumps over it,
    /// the jump. `None` for a date that the zone never had.
    pub fn due_at(&self, date: NaiveDate) -> Option<i64> {
        zone::first_moment_on(self.zone, date, self.at)
    }

    /// The date to run now, at `now` in Unix seconds: the latest one whose time has come, unless it is `done`. After a
    /// sleep of several days that is one date, with the others as missed.
    pub fn due(&self, now: i64, done: impl Fn(NaiveDate) -> bool) -> Option<Due> {
        let date = self.latest_due(now)?;
        if done(date) {
            return None;
        }
        let mut missed = 0;
        let mut before = date;
        while missed < MISSED_MAX {
            let Some(earlier) = before.pred_opt() else { break };
            before = earlier;
            if !zone::has_date(self.zone, before) {
                continue;
            }
            if done(before) {
                return Some(Due { date, missed });
            }
            missed += 1;
        }
        // Nothing was ever done: there is nothing to make up for.
        Some(Due { date, missed: 0 })
    }

    /// [`Daily::due`] for whoever knows only the last date done.
    pub fn due_after(&self, now: i64, last_done: Option<NaiveDate>) -> Option<Due> {
        self.due(now, |date| last_done.is_some_and(|last| date <= last))
    }

    /// When to look again, Unix seconds: at once if a date is due, else when the next one that is not done will be.
    pub fn next_at(&self, now: i64, done: impl Fn(NaiveDate) -> bool) -> Option<i64> {
        if self.due(now, &done).is_some() {
            return Some(now);
        }
        let from = self.latest_due(now)?;
        (1..=u64::from(MISSED_MAX))
            .filter_map(|days| from.checked_add_days(Days::new(days)))
            .filter(|date| !done(*date))
            .find_map(|date| self.due_at(date))
    }

    /// The latest date whose time has come.
    fn latest_due(&self, now: i64) -> Option<NaiveDate> {
        // A clock that falls back over midnight shows yesterday again, after today's time has come.
        let mut date = zone::local(self.zone, now)?.date().succ_opt()?;
        for _ in 0..4 {
            if self.due_at(date).is_some_and(|due| due <= now) {
                return Some(date);
            }
            date = date.pred_opt()?;
        }
        None
    }
}
