//! The calendar of appointments: a day or a week in the hospital's zone, and the same as iCalendar text (RFC 5545).

use crate::console::Console;
use crate::dto::{
    ApiError, CalendarDay, CalendarQuery, CalendarSpan, CalendarView, CalendarVisit, ErrorCode, TextFile,
    VisitStage,
};
use crate::errors::api;
use crate::visits::waits;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use engine::judge::SideState;
use engine::visits::{Booked, booked};
use icalendar::{Component as _, EventLike as _};
use reconcile::calendar::overlaps;
use record::codes::appointment_status::Stage;
use record::{Catalogue, RecordKind, Value};
use store::{PairRow, PairStatus};

/// More visits than this are not shown at once; the view says how many it leaves out.
const SHOWN_MAX: usize = 2_000;
/// What is left out is counted up to this many in all.
const READ_MAX: u32 = 20_000;
/// So far back a clinician's calendar for other programs goes.
const FEED_BACK_SECONDS: i64 = 28 * 86_400;
/// Nothing begins after this.
pub(crate) const LAST_MOMENT: &str = "9999-12-31 23:59:59";

/// The days of a span, and the moments they begin and end at (Unix seconds).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    days: Vec<NaiveDate>,
    from: i64,
    until: i64,
}

impl Range {
    /// The day, or the week from Monday that the day is in. `None` beyond all calendars.
    fn of(day: NaiveDate, span: CalendarSpan, zone: Tz) -> Option<Range> {
        let (first, count) = match span {
            CalendarSpan::Day => (day, 1),
            CalendarSpan::Week => {
                (day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into()))?, 7)
            }
        };
        let days: Vec<NaiveDate> =
            (0..count).map(|ahead| first.checked_add_days(Days::new(ahead))).collect::<Option<_>>()?;
        let after = first.checked_add_days(Days::new(count))?;
        Some(Range { days, from: midnight(first, zone)?, until: midnight(after, zone)? })
    }
}

/// When a local date begins: the first moment that clocks show it, which is not 00:00 where they are put forward then.
pub(crate) fn midnight(date: NaiveDate, zone: Tz) -> Option<i64> {
    let shown = date.and_time(NaiveTime::MIN);
    (0..=24 * 4)
        .find_map(|quarter| {
            zone.from_local_datetime(&shown.checked_add_signed(chrono::TimeDelta::minutes(quarter * 15))?)
                .earliest()
        })
        .map(|at| at.timestamp())
}

/// When and how long, from whichever side says so first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    start: i64,
    minutes: u32,
    stage: Option<Stage>,
}

fn times(catalogue: &Catalogue, sides: &[Option<SideState>; 2]) -> Option<Times> {
    let said = |id: &str| {
        sides.iter().flatten().filter_map(|side| side.record.by_id(catalogue, id).value()).collect::<Vec<_>>()
    };
    let begins = match catalogue.kind {
        RecordKind::Treatment => "treatment_date",
        RecordKind::Appointment | RecordKind::Patient => "appointment_date",
    };
    let start = said(begins).into_iter().find_map(|value| match value {
        Value::Instant(start) => Some(start.seconds),
        _ => None,
    })?;
    let minutes = said("duration_minutes").into_iter().find_map(|value| match value {
        Value::Minutes(length) => Some(length.minutes),
        _ => None,
    });
    let stage = said("appointment_status").into_iter().find_map(|value| match value {
        Value::Status(status) => Some(status.stage()),
        _ => None,
    });
    Some(Times { start, minutes: minutes.unwrap_or_default(), stage })
}

const fn stage(stage: Stage) -> VisitStage {
    match stage {
        Stage::Requested => VisitStage::Requested,
        Stage::Booked => VisitStage::Booked,
        Stage::Present => VisitStage::Present,
        Stage::Done => VisitStage::Done,
        Stage::Cancelled => VisitStage::Cancelled,
        Stage::NoShow => VisitStage::NoShow,
        Stage::EnteredInError => VisitStage::EnteredInError,
    }
}

/// One appointment of a span, as stored.
struct Entry {
    pair: PairRow,
    sides: [Option<SideState>; 2],
    times: Times,
}

/// The appointments of a span, in order.
struct Found {
    range: Range,
    entries: Vec<Entry>,
    left_out: usize,
}

impl Console {
    pub(crate) async fn appointments_calendar(
        &self,
        request: CalendarQuery,
    ) -> Result<CalendarView, ApiError> {
        let zone = self.parts.zone;
        let found = self.found(&request).await?;
        let catalogue = self.parts.lenses.catalogue(RecordKind::Appointment);
        let mut clinicians: Vec<String> =
            found.entries.iter().map(|entry| entry.pair.card.owner.clone()).collect();
        clinicians.sort_unstable_by_key(|name| (name.is_empty(), name.to_lowercase(), name.clone()));
        clinicians.dedup();
        let double_booked = double_booked(catalogue, &found.entries, zone);
        let wanted = |entry: &Entry| {
            request.clinician.as_deref().is_none_or(|clinician| entry.pair.card.owner == clinician)
        };
        let ids: Vec<&str> = found
            .entries
            .iter()
            .filter(|entry| entry.pair.status != PairStatus::Agreed)
            .map(|entry| entry.pair.id.as_str())
            .collect();
        let open = self.parts.store.open_conflicts_of(&ids).await?;
        let visits = found.entries.iter().zip(double_booked).filter(|(entry, _)| wanted(entry));
        let visits = visits.filter_map(|(entry, double_booked)| {
            let begins = local(entry.times.start, zone)?;
            let ends = local(entry.times.start + i64::from(entry.times.minutes) * 60, zone)?;
            Some(CalendarVisit {
                visit: self.visit_row(&entry.pair, waits(&entry.pair, &entry.sides)),
                date: begins.date_naive().to_string(),
                begins: begins.format("%H:%M").to_string(),
                ends: (entry.times.minutes > 0).then(|| ends.format("%H:%M").to_string()),
                begins_minute: begins.hour() * 60 + begins.minute(),
                minutes: entry.times.minutes,
                stage: entry.times.stage.map(stage),
                conflict_id: open.iter().find(|row| row.pair == entry.pair.id).map(|row| row.id.clone()),
                double_booked,
            })
        });
        let visits = visits.collect();
        let later = record::value::Instant::from_seconds(found.range.until).map(|at| at.servicenow());
        let next = match &later {
            Some(later) => {
                self.parts.store.pairs_between(RecordKind::Appointment, later, LAST_MOMENT, 1).await?.pop()
            }
            None => None,
        };
        let next_busy = next.and_then(|pair| {
            let at = record::value::Instant::parse(&pair.card.born).ok()?;
            Some(local(at.seconds, zone)?.date_naive().to_string())
        });
        let (first, last) = (found.range.days.first().copied(), found.range.days.last().copied());
        let beyond = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
        let synchronised = self.parts.kinds.contains(&RecordKind::Appointment);
        Ok(CalendarView {
            zone: zone.name().to_owned(),
            span: request.span,
            today: self.today().to_string(),
            previous: beyond(first.and_then(|date| date.pred_opt())),
            next: beyond(last.and_then(|date| date.succ_opt())),
            days: found
                .range
                .days
                .iter()
                .map(|date| CalendarDay {
                    date: date.to_string(),
                    title: date.format("%a %-d %b").to_string(),
                })
                .collect(),
            clinicians,
            visits,
            left_out: u32::try_from(found.left_out).unwrap_or(u32::MAX),
            next_busy,
            off: (!synchronised).then(|| {
                "Appointments are not synchronised here. Set synchronise = true under [servicenow.appointments] in \
                 the settings and name the clinicians under [[staff]], then start again."
                    .to_owned()
            }),
        })
    }

    /// The same span as a file that calendar programs read.
    pub(crate) async fn appointments_export(&self, request: CalendarQuery) -> Result<TextFile, ApiError> {
        let found = self.found(&request).await?;
        let mut calendar = icalendar::Calendar::new();
        calendar.name(&self.parts.hospital);
        let mut records = 0;
        for entry in &found.entries {
            if request.clinician.as_deref().is_some_and(|clinician| entry.pair.card.owner != clinician) {
                continue;
            }
            if let Some(event) = event(entry, self.now_ms()) {
                calendar.push(event);
                records += 1;
            }
        }
        let day = found.range.days.first().map(ToString::to_string).unwrap_or_default();
        let span = match request.span {
            CalendarSpan::Day => "",
            CalendarSpan::Week => "week-of-",
        };
        Ok(TextFile { name: format!("appointments-{span}{day}.ics"), text: calendar.to_string(), records })
    }

    /// A clinician's calendar for other programs: what began in the last four weeks and whatever comes.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn feed(&self, clinician: &str) -> Result<String, ApiError> {
        let now_ms = self.now_ms();
        let from = record::value::Instant::from_seconds(now_ms.div_euclid(1_000) - FEED_BACK_SECONDS);
        let from = from.map(|at| at.servicenow()).unwrap_or_default();
        let pairs =
            self.parts.store.pairs_between(RecordKind::Appointment, &from, LAST_MOMENT, READ_MAX).await?;
        let catalogue = self.parts.lenses.catalogue(RecordKind::Appointment);
        let mut calendar = icalendar::Calendar::new();
        calendar.name(&format!("{clinician}, {}", self.parts.hospital));
        for pair in pairs.into_iter().filter(|pair| pair.card.owner == clinician) {
            let sides = self.sides_of(&pair).await?;
            let Some(times) = times(catalogue, &sides) else { continue };
            // The same text as long as nothing moved: programs ask again and again.
            let read_ms = sides.iter().flatten().map(|side| side.snapshot.seen_at_ms).max();
            let changed_ms = sides.iter().flatten().filter_map(|side| side.snapshot.changed_at_ms).max();
            let entry = Entry { pair, sides, times };
            if let Some(event) = event(&entry, changed_ms.or(read_ms).unwrap_or(now_ms)) {
                calendar.push(event);
            }
        }
        Ok(calendar.to_string())
    }

    /// When an appointment is, as people in the hospital say it.
    pub(crate) fn when(&self, catalogue: &Catalogue, sides: &[Option<SideState>; 2]) -> String {
        let zone = self.parts.zone;
        let of = |times: Times| {
            let begins = local(times.start, zone)?;
            let ends = local(times.start + i64::from(times.minutes) * 60, zone)?;
            let until =
                if times.minutes > 0 { format!(" to {}", ends.format("%H:%M")) } else { String::new() };
            Some(format!("{}{until} ({})", begins.format("%a %-d %b %Y, %H:%M"), zone.name()))
        };
        times(catalogue, sides).and_then(of).unwrap_or_default()
    }

    fn today(&self) -> NaiveDate {
        let now = local(self.now_ms().div_euclid(1_000), self.parts.zone);
        now.map(|now| now.date_naive()).unwrap_or_default()
    }

    async fn found(&self, request: &CalendarQuery) -> Result<Found, ApiError> {
        let unreadable = |day: &str| {
            api(
                ErrorCode::Invalid,
                format!("\"{day}\" is not a day."),
                "Write it as year, month and day: 2026-10-05.",
            )
        };
        let day = match request.day.as_deref() {
            Some(day) => NaiveDate::parse_from_str(day, "%Y-%m-%d").map_err(|_| unreadable(day))?,
            None => self.today(),
        };
        let range = Range::of(day, request.span, self.parts.zone);
        let range = range.ok_or_else(|| unreadable(&day.to_string()))?;
        let bound = |seconds: i64| record::value::Instant::from_seconds(seconds).map(|at| at.servicenow());
        let (Some(from), Some(until)) = (bound(range.from), bound(range.until)) else {
            return Err(unreadable(&day.to_string()));
        };
        let pairs = self.parts.store.pairs_between(RecordKind::Appointment, &from, &until, READ_MAX).await?;
        let left_out = pairs.len().saturating_sub(SHOWN_MAX);
        let catalogue = self.parts.lenses.catalogue(RecordKind::Appointment);
        let mut entries = Vec::new();
        for pair in pairs.into_iter().take(SHOWN_MAX) {
            let sides = self.sides_of(&pair).await?;
            if let Some(times) = times(catalogue, &sides) {
                entries.push(Entry { pair, sides, times });
            }
        }
        Ok(Found { range, entries, left_out })
    }
}

fn local(seconds: i64, zone: Tz) -> Option<DateTime<Tz>> {
    Some(DateTime::from_timestamp(seconds, 0)?.with_timezone(&zone))
}

/// For each appointment, who else its clinician has at that time.
fn double_booked(catalogue: &Catalogue, entries: &[Entry], zone: Tz) -> Vec<Vec<String>> {
    let of = |entry: &Entry| booked(catalogue, &entry.sides.iter().flatten().next()?.record);
    let known: Vec<(usize, Booked)> =
        entries.iter().enumerate().filter_map(|(at, entry)| Some((at, of(entry)?))).collect();
    let visits: Vec<_> = known.iter().map(|(at, booked)| booked.visit(*at)).collect();
    let mut words = vec![Vec::new(); entries.len()];
    let named = |at: usize| {
        let entry = entries.get(at)?;
        let begins = local(entry.times.start, zone)?;
        Some(format!("{} at {}", entry.pair.card.name, begins.format("%H:%M")))
    };
    for overlap in overlaps(&visits) {
        for (at, other) in [(overlap.first, overlap.second), (overlap.second, overlap.first)] {
            if let (Some(words), Some(named)) = (words.get_mut(at), named(other)) {
                words.push(named);
            }
        }
    }
    words
}

/// As calendar programs take it. What was entered in error is in no calendar.
fn event(entry: &Entry, now_ms: i64) -> Option<icalendar::Event> {
    let status = match entry.times.stage {
        Some(Stage::EnteredInError) => return None,
        Some(Stage::Cancelled | Stage::NoShow) => icalendar::EventStatus::Cancelled,
        Some(Stage::Requested) | None => icalendar::EventStatus::Tentative,
        Some(Stage::Booked | Stage::Present | Stage::Done) => icalendar::EventStatus::Confirmed,
    };
    let starts = DateTime::from_timestamp(entry.times.start, 0)?;
    let card = &entry.pair.card;
    let about = if card.breed.is_empty() { String::new() } else { format!(", {}", card.breed) };
    let mut event = icalendar::Event::new();
    event
        .uid(&format!("{}@vetsync", entry.pair.id))
        .timestamp(DateTime::from_timestamp_millis(now_ms)?)
        .summary(&format!("{}{about}", card.name))
        .starts(starts)
        .status(status);
    if entry.times.minutes > 0 {
        event.ends(DateTime::from_timestamp(entry.times.start + i64::from(entry.times.minutes) * 60, 0)?);
    }
    if !card.owner.is_empty() {
        event.description(&format!("With {}", card.owner));
    }
    Some(event.done())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_span_is_whole_days_of_the_hospital_whatever_its_clocks_do() {
        // day, span, zone, days, first, hours
        for (day, span, zone, days, first, hours) in [
            ("2026-10-07", CalendarSpan::Day, Tz::UTC, 1, "2026-10-07", 24),
            // A Wednesday and a Sunday belong to the week of the Monday before.
            ("2026-10-07", CalendarSpan::Week, Tz::UTC, 7, "2026-10-05", 168),
            ("2026-10-11", CalendarSpan::Week, Tz::UTC, 7, "2026-10-05", 168),
            ("2026-10-05", CalendarSpan::Week, Tz::UTC, 7, "2026-10-05", 168),
            // Clocks put forward and back.
            ("2026-03-08", CalendarSpan::Day, Tz::America__New_York, 1, "2026-03-08", 23),
            ("2026-11-01", CalendarSpan::Day, Tz::America__New_York, 1, "2026-11-01", 25),
            ("2026-11-01", CalendarSpan::Week, Tz::America__New_York, 7, "2026-10-26", 169),
            // Where midnight itself is left out.
            ("2018-11-04", CalendarSpan::Day, Tz::America__Sao_Paulo, 1, "2018-11-04", 23),
        ] {
            let range = Range::of(date(day), span, zone).unwrap();
            assert_eq!((range.days.len(), range.days[0]), (days, date(first)), "{day} {zone}");
            assert_eq!(range.until - range.from, hours * 3_600, "{day} {zone}");
        }
        assert_eq!(Range::of(NaiveDate::MAX, CalendarSpan::Week, Tz::UTC), None);
    }
}
