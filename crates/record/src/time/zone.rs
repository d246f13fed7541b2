//! A wall clock and the moments it shows.

use chrono::offset::LocalResult;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;

/// Half a day and more: no zone has ever moved its clock by as much at once, except over the date line, which is a day.
const SEARCH_SECONDS: i64 = 26 * 3600;

/// What the wall clock of a zone shows at a moment, Unix seconds.
pub fn local(zone: Tz, seconds: i64) -> Option<NaiveDateTime> {
    Some(DateTime::from_timestamp(seconds, 0)?.with_timezone(&zone).naive_local())
}

/// The offset from UTC at a moment, in seconds east.
fn offset_seconds(zone: Tz, seconds: i64) -> Option<i64> {
    let utc = DateTime::from_timestamp(seconds, 0)?.naive_utc();
    Some(i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
}

/// The first moment at which the wall clock shows that time or a later one. Where the clock shows it twice that is the first
/// of the two; where it jumps over it, the jump (wire-facts 8.2).
pub fn first_moment(zone: Tz, shown: NaiveDateTime) -> Option<i64> {
    match zone.from_local_datetime(&shown) {
        LocalResult::Single(moment) => Some(moment.timestamp()),
        LocalResult::Ambiguous(one, other) => Some(one.timestamp().min(other.timestamp())),
        LocalResult::None => jump_over(zone, shown),
    }
}

/// [`first_moment`] of a time on a date; `None` for a date that the zone never had.
pub fn first_moment_on(zone: Tz, date: NaiveDate, time: NaiveTime) -> Option<i64> {
    let shown = date.and_time(time);
    match zone.from_local_datetime(&shown) {
        LocalResult::Single(moment) => Some(moment.timestamp()),
        LocalResult::Ambiguous(one, other) => Some(one.timestamp().min(other.timestamp())),
        // What the clock shows after the jump may be the next day, and the date may have had its other hours.
        LocalResult::None => has_date(zone, date).then(|| jump_over(zone, shown))?,
    }
}

/// Every moment at which the wall clock shows exactly that time: none, one or two, in their order.
pub fn moments(zone: Tz, shown: NaiveDateTime) -> Vec<i64> {
    match zone.from_local_datetime(&shown) {
        LocalResult::Single(moment) => vec![moment.timestamp()],
        LocalResult::Ambiguous(one, other) => {
            let (one, other) = (one.timestamp(), other.timestamp());
            vec![one.min(other), one.max(other)]
        }
        LocalResult::None => Vec::new(),
    }
}

/// The moment at which the clock jumps over a time it never shows.
fn jump_over(zone: Tz, shown: NaiveDateTime) -> Option<i64> {
    let as_utc = shown.and_utc().timestamp();
    // Before the jump the clock shows less than that time, after it more; the two are less than a day away.
    let shows_less = |seconds: i64| local(zone, seconds).map(|local| local < shown);
    let mut before = as_utc - offset_seconds(zone, as_utc - SEARCH_SECONDS)? - SEARCH_SECONDS;
    let mut after = as_utc - offset_seconds(zone, as_utc + SEARCH_SECONDS)? + SEARCH_SECONDS;
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if shows_less(middle)? { before = middle } else { after = middle }
    }
    Some(after)
}

/// Whether a date is ever shown: a zone that crosses the date line leaves one out.
pub fn has_date(zone: Tz, date: NaiveDate) -> bool {
    first_moment(zone, date.and_time(NaiveTime::MIN))
        .and_then(|seconds| local(zone, seconds))
        .is_some_and(|shown| shown.date() == date)
}
