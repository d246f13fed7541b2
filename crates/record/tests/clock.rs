//! Daily runs and cron schedules: every zone, ten years.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime};
use chrono_tz::{America, Europe, TZ_VARIANTS, Tz};
use proptest::prelude::*;
use record::time::cron::Cron;
use record::time::daily::{Daily, Due};
use record::time::zone;
use std::collections::BTreeSet;

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn utc(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).expect("a moment").timestamp()
}

fn two_o_clock(zone: Tz) -> Daily {
    Daily { at: NaiveTime::from_hms_opt(2, 0, 0).expect("a time"), zone }
}

/// Every local date of ten years has exactly one moment at which it becomes due, on that very date, in order, and the clock
/// then shows the time, or has just jumped over it.
#[test]
fn each_date_is_due_once_in_every_zone_for_ten_years() {
    let halves = TZ_VARIANTS.split_at(TZ_VARIANTS.len() / 2);
    let jumped: usize = std::thread::scope(|scope| {
        let walks = [halves.0, halves.1]
            .map(|zones| scope.spawn(|| zones.iter().map(|zone| ten_years(*zone)).sum::<usize>()));
        walks.into_iter().map(|walk| walk.join().expect("no panic")).sum()
    });
    assert!(jumped > 500, "02:00 was jumped over {jumped} times only: the zones were not read");
}

/// Walks through one zone; how often its clock jumped over 02:00.
fn ten_years(zone: Tz) -> usize {
    let last = date("2029-12-31");
    let daily = two_o_clock(zone);
    let mut jumped = 0;
    let mut earlier = daily.due_at(date("2019-12-31")).expect("a moment");
    for day in date("2020-01-01").iter_days().take_while(|day| *day <= last) {
        let Some(due) = daily.due_at(day) else { panic!("{zone} never has {day}") };
        let ordinary = due - earlier == 86_400;
        assert!(due > earlier, "{zone} {day}");
        earlier = due;
        let shown = zone::local(zone, due).expect("a local time");
        assert_eq!(shown.date(), day, "{zone}");
        if ordinary && shown.time() == daily.at && day.day() != 1 {
            // The clock goes as it went the day before.
            continue;
        }
        if shown.time() != daily.at {
            jumped += 1;
            let before = zone::local(zone, due - 1).expect("a local time");
            assert!(before.time() < daily.at && shown.time() > daily.at, "{zone} {day}: {before} {shown}");
        }
        // One second earlier the date before is the latest one, at that moment it is this one.
        let yesterday = day.pred_opt().expect("a day before");
        let done_until_yesterday = |date: NaiveDate| date <= yesterday;
        assert_eq!(daily.due(due - 1, done_until_yesterday), None, "{zone} {day}");
        assert_eq!(daily.due(due, done_until_yesterday), Some(Due { date: day, missed: 0 }), "{zone} {day}");
        assert_eq!(daily.next_at(due - 1, done_until_yesterday), Some(due), "{zone} {day}");
    }
    jumped
}

/// 02:00 exists twice on that day in central Europe and not at all on another.
#[test]
fn known_changes_of_the_clock() {
    // (zone, date, due)
    let cases = [
        (Tz::Europe__Berlin, "2025-03-30", "2025-03-30T01:00:00Z"),
        (Tz::Europe__Berlin, "2025-10-26", "2025-10-26T00:00:00Z"),
        (Tz::America__New_York, "2025-03-09", "2025-03-09T07:00:00Z"),
        (Tz::America__New_York, "2025-11-02", "2025-11-02T07:00:00Z"),
        (Tz::Australia__Sydney, "2025-10-05", "2025-10-04T16:00:00Z"),
        (Tz::Australia__Lord_Howe, "2025-10-05", "2025-10-04T15:30:00Z"),
        (Tz::Europe__London, "2025-03-30", "2025-03-30T01:00:00Z"),
    ];
    for (zone, day, due) in cases {
        assert_eq!(two_o_clock(zone).due_at(date(day)), Some(utc(due)), "{zone} {day}");
    }
    // Samoa crossed the date line: that date never was, and nothing is due for it.
    let samoa = two_o_clock(Tz::Pacific__Apia);
    assert_eq!(samoa.due_at(date("2011-12-30")), None);
    let monday = utc("2011-12-30T12:00:00Z");
    assert_eq!(
        samoa.due(monday, |date| date <= self::date("2011-12-29")).map(|due| (due.date, due.missed)),
        Some((date("2011-12-31"), 0))
    );
}

#[test]
fn sleep_and_a_wrong_clock_neither_double_nor_lose_a_date() {
    let daily = two_o_clock(America::New_York);
    let noon = |day: &str| utc(&format!("{day}T16:00:00Z"));
    let done = |dates: &[&str]| dates.iter().map(|day| date(day)).collect::<BTreeSet<_>>();
    let due = |now: i64, dates: &[&str]| {
        let done = done(dates);
        daily.due(now, |date| done.contains(&date)).map(|due| (due.date.to_string(), due.missed))
    };
    // Never run before: today's, without a past to make up for.
    assert_eq!(due(noon("2025-06-10"), &[]), Some(("2025-06-10".to_owned(), 0)));
    // Asleep for three days: one run, which makes up for two more.
    assert_eq!(due(noon("2025-06-10"), &["2025-06-07"]), Some(("2025-06-10".to_owned(), 2)));
    // Woken before 02:00: yesterday's is still due.
    assert_eq!(due(utc("2025-06-10T05:00:00Z"), &["2025-06-08"]), Some(("2025-06-09".to_owned(), 0)));
    // Set back by five days: those dates are done.
    let week = ["2025-06-05", "2025-06-06", "2025-06-07", "2025-06-08", "2025-06-09", "2025-06-10"];
    assert_eq!(due(noon("2025-06-05"), &week), None);
    // A clock that once stood at 2099 does not stop it for ever.
    assert_eq!(
        due(noon("2025-06-11"), &[&week[..], &["2099-01-01"]].concat()),
        Some(("2025-06-11".to_owned(), 0))
    );
    assert_eq!(daily.due_after(noon("2025-06-11"), Some(date("2025-06-11"))), None);
    assert_eq!(daily.due_after(noon("2025-06-11"), None).map(|due| due.missed), Some(0));
    // With nothing due, the next look is at tomorrow's time.
    assert_eq!(
        daily.next_at(noon("2025-06-10"), |date| date <= self::date("2025-06-10")),
        Some(utc("2025-06-11T06:00:00Z"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A clock that is asked at any moments, forwards and backwards, never runs a date twice, and has run the latest one
    /// after every question.
    #[test]
    fn however_the_clock_moves_a_date_runs_once(
        zone in proptest::sample::select(TZ_VARIANTS.to_vec()),
        (hour, minute) in (0_u32..24, 0_u32..60),
        start in 1_577_836_800_i64..1_893_456_000,
        steps in proptest::collection::vec(prop_oneof![
            6 => 60_i64..20_000, 2 => 86_400_i64..900_000, 1 => -200_000_i64..-60,
        ], 1..60),
    ) {
        let daily = Daily { at: NaiveTime::from_hms_opt(hour, minute, 0).expect("a time"), zone };
        let mut done: BTreeSet<NaiveDate> = BTreeSet::new();
        let mut now = start;
        for step in steps {
            now += step;
            if let Some(due) = daily.due(now, |date| done.contains(&date)) {
                prop_assert!(done.insert(due.date), "{} ran twice", due.date);
                prop_assert!(daily.due_at(due.date).is_some_and(|at| at <= now));
            }
            prop_assert_eq!(daily.due(now, |date| done.contains(&date)), None);
            let today = zone::local(zone, now).expect("a local time").date();
            let yesterday_or_today = [today.pred_opt().expect("a day"), today, today.succ_opt().expect("a day")];
            let latest = yesterday_or_today.into_iter().rev().find(|date| daily.due_at(*date).is_some_and(|at| at <= now));
            prop_assert!(latest.is_none_or(|date| done.contains(&date)), "{:?} was not run", latest);
            let next = daily.next_at(now, |date| done.contains(&date)).expect("a next time");
            prop_assert!(next > now && next < now + 300 * 86_400);
        }
    }

    /// A schedule of one fixed time a day is the daily clock.
    #[test]
    fn a_fixed_daily_schedule_is_a_daily_run(
        zone in proptest::sample::select(TZ_VARIANTS.to_vec()),
        (hour, minute) in (0_u32..24, 0_u32..60),
        day in 0_u64..3650,
    ) {
        let cron = Cron::parse(&format!("{minute} {hour} * * *")).expect("a schedule");
        let daily = Daily { at: NaiveTime::from_hms_opt(hour, minute, 0).expect("a time"), zone };
        let day = date("2020-01-01").checked_add_days(Days::new(day)).expect("a day");
        let due: Vec<i64> = (0..4_u64)
            .filter_map(|ahead| daily.due_at(day.checked_add_days(Days::new(ahead))?))
            .collect();
        prop_assert_eq!(cron.next_runs(due[0] - 1, zone, due.len()), due);
    }

    /// What is due is what would have run last since then.
    #[test]
    fn what_is_due_is_the_last_run_missed(
        zone in proptest::sample::select(TZ_VARIANTS.to_vec()),
        schedule in proptest::sample::select(vec!["0 2 * * *", "30 */5 * * *", "0 0 1 * *", "15,45 1 * * 0"]),
        since in 1_577_836_800_i64..1_893_456_000,
        asleep in 0_i64..40 * 86_400,
    ) {
        let cron = Cron::parse(schedule).expect("a schedule");
        let now = since + asleep;
        let mut last = None;
        let mut at = since;
        while let Some(next) = cron.next_after(at, zone).filter(|next| *next <= now) {
            last = Some(next);
            at = next;
        }
        prop_assert_eq!(cron.latest_due(since, now, zone), last);
    }
}

#[test]
fn schedules_at_changes_of_the_clock() {
    let runs = |schedule: &str, zone: Tz, from: &str, count: usize| -> Vec<String> {
        let cron = Cron::parse(schedule).expect("a schedule");
        let moments = cron.next_runs(utc(from), zone, count);
        let text =
            |moment: i64| DateTime::from_timestamp(moment, 0).map(|at| at.format("%m-%d %H:%M").to_string());
        moments.into_iter().filter_map(text).collect()
    };
    // Fixed times: right after the gap, once in the repeated hour.
    assert_eq!(runs("0 2 * * *", Europe::Berlin, "2025-03-29T12:00:00Z", 2), ["03-30 01:00", "03-31 00:00"]);
    assert_eq!(runs("30 2 * * *", Europe::Berlin, "2025-10-25T12:00:00Z", 2), ["10-26 00:30", "10-27 01:30"]);
    // Two times inside one gap are one run.
    assert_eq!(
        runs("0,30 2 * * *", Europe::Berlin, "2025-03-29T12:00:00Z", 2),
        ["03-30 01:00", "03-31 00:00"]
    );
    // By the wall clock: none in the gap, each time it is shown.
    assert_eq!(
        runs("*/30 * * * *", Europe::Berlin, "2025-10-25T23:59:00Z", 6),
        ["10-26 00:00", "10-26 00:30", "10-26 01:00", "10-26 01:30", "10-26 02:00", "10-26 02:30"]
    );
    assert_eq!(
        runs("0 * * * *", America::New_York, "2025-03-09T05:30:00Z", 3),
        ["03-09 06:00", "03-09 07:00", "03-09 08:00"]
    );
    // Days: both given, either is enough; a starred one does not choose.
    assert_eq!(
        runs("0 12 13 * FRI", Tz::UTC, "2025-06-01T00:00:00Z", 4),
        ["06-06 12:00", "06-13 12:00", "06-20 12:00", "06-27 12:00"]
    );
    assert_eq!(runs("0 12 1 */6 *", Tz::UTC, "2025-06-02T00:00:00Z", 2), ["07-01 12:00", "01-01 12:00"]);
    assert_eq!(runs("0 12 * * 7", Tz::UTC, "2025-06-02T00:00:00Z", 1), ["06-08 12:00"]);
    assert_eq!(runs("0 0 29 2 *", Tz::UTC, "2025-03-01T00:00:00Z", 2), ["02-29 00:00", "02-29 00:00"]);
}

#[test]
fn schedules_that_make_no_sense_are_refused() {
    // (schedule, what the problem names)
    let cases = [
        ("", "five fields"),
        ("0 2 * *", "4 stand here"),
        ("0 0 2 * * *", "seconds"),
        ("@daily", "short form"),
        ("60 2 * * *", "first field (minute)"),
        ("0 2 * FOO *", "fourth field (month)"),
        ("0 2 31 2 *", "no such day"),
        ("0 5-2 * * *", "second field (hour)"),
        ("*/0 2 * * *", "step"),
    ];
    for (schedule, problem) in cases {
        let found = Cron::parse(schedule).expect_err(schedule);
        assert!(found.contains(problem), "{schedule}: {found}");
    }
    assert!(Cron::parse("0 2 31 2 MON").is_ok(), "the weekday is enough");
}
