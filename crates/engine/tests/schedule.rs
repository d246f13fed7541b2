//! What the engine does by itself at a time of day, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use chrono::{DateTime, NaiveTime};
use chrono_tz::{America, Australia, Europe, Tz};
use common::{Bench, chart, lenses, row, unreachable};
use engine::clock::SeededIds;
use engine::schedule::{BatchSchedule, Outlook, Schedule, outlook};
use engine::step::{Command, Event, Reply, Request};
use engine::{Engine, Policy};
use record::Remote;
use record::time::cron::Cron;
use record::time::daily::Daily;
use remote::{Next, Page};
use std::sync::Arc;
use store::{ScheduleName, SlotState};

fn utc_ms(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

fn nightly(zone: Tz) -> Schedule {
    let at = NaiveTime::from_hms_opt(2, 0, 0).unwrap();
    Schedule { reconciliation: Some(Daily { at, zone }), ..Schedule::default() }
}

fn batch(expression: &str, zone: Tz) -> Schedule {
    let cron = Cron::parse(expression).unwrap();
    Schedule {
        reconciliation: None,
        batch: Some(BatchSchedule { expression: expression.to_owned(), cron, zone }),
        ..Schedule::default()
    }
}

/// A bench whose engine follows a schedule, started at this moment.
async fn started(schedule: Schedule, at: &str) -> Bench {
    let mut bench = Box::pin(Bench::with(Policy::default())).await;
    bench.now_ms = utc_ms(at);
    follow(&mut bench, schedule);
    bench.step(Event::Woke).await;
    bench
}

/// The process ends and another one starts over the same database, with a schedule.
fn follow(bench: &mut Bench, schedule: Schedule) {
    let ids = Arc::new(SeededIds::new([u8::try_from(bench.now_ms % 251).unwrap(); 32]));
    bench.engine = Engine::new(Arc::clone(&bench.store), Arc::new(lenses()), Policy::default(), ids)
        .with_schedule(schedule, true);
}

async fn restart(bench: &mut Bench, schedule: Schedule) {
    bench.sent.clear();
    follow(bench, schedule);
    bench.step(Event::Started).await;
}

/// Both remotes answer, and the run ends.
async fn answered(bench: &mut Bench) {
    bench.pages(&[row("r1", 1, common::OLD, "p1")], &[chart("p1", 1, common::OLD, "r1")]).await;
}

async fn at(bench: &mut Bench, moment: &str) {
    bench.now_ms = utc_ms(moment);
    bench.step(Event::Woke).await;
}

/// Wakes as the engine asks, answering every run, until a moment. Returns when each run began.
async fn live_until(bench: &mut Bench, moment: &str) -> Vec<String> {
    let end_ms = utc_ms(moment);
    let mut began = Vec::new();
    loop {
        if !bench.sent.is_empty() {
            began.push(DateTime::from_timestamp_millis(bench.now_ms).unwrap().to_rfc3339());
            answered(bench).await;
        }
        let next_ms = bench.wake_at_ms.expect("the engine wants to be woken");
        if next_ms > end_ms {
            return began;
        }
        bench.now_ms = next_ms.max(bench.now_ms + 1);
        bench.step(Event::Woke).await;
    }
}

async fn dates(bench: &Bench) -> Vec<(String, SlotState, u32, u32)> {
    let slots = bench.store.slots(ScheduleName::Reconciliation, 99).await.unwrap();
    slots.into_iter().rev().map(|slot| (slot.slot, slot.state, slot.attempts, slot.missed)).collect()
}

fn done(date: &str) -> (String, SlotState, u32, u32) {
    (date.to_owned(), SlotState::Done, 1, 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_date_runs_once_and_nothing_from_before_it_was_set_up() {
    let mut bench = started(nightly(America::Chicago), "2026-01-15T18:00:00Z").await;
    assert!(bench.sent.is_empty(), "today's two o'clock was before VetSync knew of it");
    let began = live_until(&mut bench, "2026-01-18T07:59:59Z").await;
    assert_eq!(began, ["2026-01-16T08:00:00+00:00", "2026-01-17T08:00:00+00:00"], "02:00 in Chicago");
    assert_eq!(dates(&bench).await, [done("2026-01-16"), done("2026-01-17")]);
    let runs = bench.store.runs(9).await.unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.trigger == "reconciliation" && run.state == "done"), "{runs:?}");
    // A restart in the afternoon owes nothing.
    at(&mut bench, "2026-01-18T08:00:00Z").await;
    answered(&mut bench).await;
    at(&mut bench, "2026-01-18T20:00:00Z").await;
    restart(&mut bench, nightly(America::Chicago)).await;
    assert!(bench.sent.is_empty());
    assert_eq!(bench.wake_at_ms, Some(utc_ms("2026-01-19T08:00:00Z")));
}

/// 02:00 does not exist, or exists twice: one run on each date all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_days_on_which_the_clock_changes_have_one_run_each() {
    for (zone, from, until, expected) in [
        (
            America::New_York,
            "2026-03-07T12:00:00Z",
            "2026-03-10T12:00:00Z",
            ["2026-03-08T07:00:00+00:00", "2026-03-09T06:00:00+00:00", "2026-03-10T06:00:00+00:00"],
        ),
        (
            Europe::Berlin,
            "2026-10-24T12:00:00Z",
            "2026-10-27T12:00:00Z",
            ["2026-10-25T00:00:00+00:00", "2026-10-26T01:00:00+00:00", "2026-10-27T01:00:00+00:00"],
        ),
        (
            Australia::Sydney,
            "2026-10-03T12:00:00Z",
            "2026-10-06T12:00:00Z",
            ["2026-10-03T16:00:00+00:00", "2026-10-04T15:00:00+00:00", "2026-10-05T15:00:00+00:00"],
        ),
    ] {
        let mut bench = started(nightly(zone), from).await;
        assert_eq!(live_until(&mut bench, until).await, expected, "{zone}");
        let dates = dates(&bench).await;
        assert!(
            dates.iter().all(|(_, state, attempts, missed)| {
                (*state, *attempts, *missed) == (SlotState::Done, 1, 0)
            })
        );
        assert_eq!(dates.len(), 3, "{zone}: {dates:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn several_days_asleep_are_made_up_for_by_one_run() {
    let mut bench = started(nightly(America::Chicago), "2026-01-15T18:00:00Z").await;
    live_until(&mut bench, "2026-01-16T10:00:00Z").await;
    // The lid closes on Friday and opens on Monday evening.
    at(&mut bench, "2026-01-20T01:30:00Z").await;
    assert_eq!(bench.sent.len(), 2, "one run, of both systems");
    answered(&mut bench).await;
    assert_eq!(dates(&bench).await, [done("2026-01-16"), ("2026-01-19".to_owned(), SlotState::Done, 1, 2)]);
    assert_eq!(live_until(&mut bench, "2026-01-20T12:00:00Z").await, ["2026-01-20T08:00:00+00:00"]);
    // Shut down for as long: the same at the start.
    bench.now_ms = utc_ms("2026-01-23T15:00:00Z");
    restart(&mut bench, nightly(America::Chicago)).await;
    assert_eq!(bench.sent.len(), 2);
    answered(&mut bench).await;
    assert_eq!(dates(&bench).await.last(), Some(&("2026-01-23".to_owned(), SlotState::Done, 1, 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_clock_that_goes_back_runs_no_date_again() {
    let mut bench = started(nightly(America::Chicago), "2026-01-15T18:00:00Z").await;
    live_until(&mut bench, "2026-01-16T09:00:00Z").await;
    at(&mut bench, "2026-01-16T07:30:00Z").await;
    assert!(bench.sent.is_empty());
    assert_eq!(live_until(&mut bench, "2026-01-16T12:00:00Z").await, Vec::<String>::new());
    assert_eq!(dates(&bench).await, [done("2026-01-16")]);
    assert_eq!(bench.wake_at_ms, Some(utc_ms("2026-01-17T08:00:00Z")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_that_failed_is_tried_again_until_it_is_done() {
    let mut bench = started(nightly(America::Chicago), "2026-01-15T18:00:00Z").await;
    at(&mut bench, "2026-01-16T08:00:00Z").await;
    // ServiceNow refuses the read for good.
    let refuse = |bench: &mut Bench| {
        let asked = std::mem::take(&mut bench.sent);
        let Some(Request::ReadPage { run, .. }) = asked.first() else { panic!("{asked:?}") };
        let error = remote::RemoteError::Refused {
            remote: Remote::ServiceNow,
            status: 403,
            what: "closed".to_owned(),
        };
        Event::PageRead { run: run.clone(), remote: Remote::ServiceNow, result: Err(error), latency_ms: 1 }
    };
    let event = refuse(&mut bench);
    bench.step(event).await;
    assert_eq!(dates(&bench).await, [("2026-01-16".to_owned(), SlotState::Failed, 1, 0)]);
    // Five minutes, ten minutes, and not before.
    for (wait_ms, attempts) in [(300_000_i64, 2_u32), (600_000, 3)] {
        let failed_ms = bench.now_ms;
        assert_eq!(bench.wake_at_ms, Some(failed_ms + wait_ms));
        bench.now_ms = failed_ms + wait_ms - 1;
        bench.step(Event::Woke).await;
        assert!(bench.sent.is_empty(), "too early");
        bench.now_ms += 1;
        bench.step(Event::Woke).await;
        assert_eq!(bench.sent.len(), 2);
        let event = refuse(&mut bench);
        bench.step(event).await;
        assert_eq!(dates(&bench).await, [("2026-01-16".to_owned(), SlotState::Failed, attempts, 0)]);
    }
    assert_eq!(live_until(&mut bench, "2026-01-16T12:00:00Z").await.len(), 1, "then it works");
    assert_eq!(dates(&bench).await, [("2026-01-16".to_owned(), SlotState::Done, 4, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_killed_process_leaves_a_date_that_is_due_again() {
    let mut bench = started(nightly(America::Chicago), "2026-01-15T18:00:00Z").await;
    at(&mut bench, "2026-01-16T08:00:00Z").await;
    assert_eq!(bench.sent.len(), 2);
    bench.now_ms += 60_000;
    restart(&mut bench, nightly(America::Chicago)).await;
    assert_eq!(bench.sent.len(), 2, "begun anew at once");
    answered(&mut bench).await;
    assert_eq!(dates(&bench).await, [("2026-01-16".to_owned(), SlotState::Done, 2, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_two_instances_one_runs_the_date() {
    let mut bench = started(nightly(America::Chicago), "2026-01-15T18:00:00Z").await;
    let ids = Arc::new(SeededIds::new([99; 32]));
    let mut other = Engine::new(Arc::clone(&bench.store), Arc::new(lenses()), Policy::default(), ids)
        .with_schedule(nightly(America::Chicago), true);
    let effects = other.step(Event::Woke, bench.now_ms).await;
    assert!(effects.requests.is_empty());
    at(&mut bench, "2026-01-16T08:00:00Z").await;
    assert_eq!(bench.sent.len(), 2);
    // The other one wakes at the same moment, and while the run goes on for an hour, renewed all the time.
    let first = other.step(Event::Woke, bench.now_ms).await;
    assert!(first.requests.is_empty(), "{:?}", first.requests);
    for _ in 0..30 {
        bench.now_ms += 120_000;
        bench.step(Event::Woke).await;
        let effects = other.step(Event::Woke, bench.now_ms).await;
        assert!(effects.requests.is_empty(), "{:?}", effects.requests);
    }
    answered(&mut bench).await;
    bench.now_ms += 3_600_000;
    let after = other.step(Event::Woke, bench.now_ms).await;
    assert!(after.requests.is_empty(), "{:?}", after.requests);
    assert_eq!(dates(&bench).await, [done("2026-01-16")]);
    assert_eq!(bench.store.runs(9).await.unwrap().len(), 1);
    // A machine that is gone for good leaves its date to the other one.
    at(&mut bench, "2026-01-17T08:00:00Z").await;
    let later_ms = bench.now_ms + 601_000;
    let taken = other.step(Event::Woke, later_ms).await;
    assert_eq!(taken.requests.len(), 2, "taken over after the lease");
    // What the first one says of it now is not believed.
    bench.now_ms = later_ms;
    answered(&mut bench).await;
    assert_eq!(dates(&bench).await.last(), Some(&("2026-01-17".to_owned(), SlotState::Running, 2, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_due_waits_for_the_run_under_way_and_for_a_pause() {
    let mut bench = started(nightly(America::Chicago), "2026-01-16T07:59:00Z").await;
    let manual = bench.start_run().await;
    at(&mut bench, "2026-01-16T08:00:00Z").await;
    assert!(bench.store.slots(ScheduleName::Reconciliation, 9).await.unwrap().is_empty());
    answered(&mut bench).await;
    assert_eq!(bench.sent.len(), 2, "as soon as it has ended");
    answered(&mut bench).await;
    assert_eq!(dates(&bench).await, [done("2026-01-16")]);
    let runs = bench.store.runs(9).await.unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().any(|run| run.id == manual && run.trigger == "manual"));

    let (person, reason) = ("dana".to_owned(), "upgrade".to_owned());
    let pause = Command::Pause { remote: Remote::Ehr, person: person.clone(), reason: reason.clone() };
    assert!(matches!(bench.ask(pause).await.unwrap(), Reply::Done));
    assert_eq!(live_until(&mut bench, "2026-01-17T10:00:00Z").await, Vec::<String>::new());
    bench.ask(Command::Resume { remote: Remote::Ehr, person, reason }).await.unwrap();
    assert_eq!(live_until(&mut bench, "2026-01-17T11:00:00Z").await.len(), 1);
    assert_eq!(dates(&bench).await, [done("2026-01-16"), done("2026-01-17")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_batch_runs_at_each_of_its_moments_and_makes_up_for_sleep_once() {
    let schedule = || batch("0 */6 * * *", America::Chicago);
    let mut bench = started(schedule(), "2026-03-07T18:30:00Z").await;
    assert!(bench.sent.is_empty());
    // 18:00, 00:00, (02:00 is not there), 06:00, 12:00 in Chicago.
    let began = live_until(&mut bench, "2026-03-08T17:59:00Z").await;
    assert_eq!(
        began,
        [
            "2026-03-08T00:00:00+00:00",
            "2026-03-08T06:00:00+00:00",
            "2026-03-08T11:00:00+00:00",
            "2026-03-08T17:00:00+00:00"
        ]
    );
    at(&mut bench, "2026-03-10T09:00:00Z").await;
    assert_eq!(bench.sent.len(), 2, "two days asleep: one run");
    answered(&mut bench).await;
    assert_eq!(live_until(&mut bench, "2026-03-10T11:30:00Z").await, ["2026-03-10T11:00:00+00:00"]);
    // Another schedule owes nothing for the time before it.
    bench.now_ms = utc_ms("2026-03-10T12:30:00Z");
    restart(&mut bench, batch("0 * * * *", America::Chicago)).await;
    assert!(bench.sent.is_empty());
    assert_eq!(bench.wake_at_ms, Some(utc_ms("2026-03-10T13:00:00Z")));
}

/// The specification's own settings name 02:00 for both: one run serves them.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_batch_at_the_time_of_the_reconciliation_is_the_same_run() {
    let schedule = || Schedule {
        reconciliation: nightly(America::New_York).reconciliation,
        batch: batch("0 2 * * *", America::New_York).batch,
        ..Schedule::default()
    };
    let mut bench = started(schedule(), "2026-03-07T12:00:00Z").await;
    let began = live_until(&mut bench, "2026-03-09T12:00:00Z").await;
    assert_eq!(began, ["2026-03-08T07:00:00+00:00", "2026-03-09T06:00:00+00:00"]);
    let of = |name| bench.store.slots(name, 9);
    assert_eq!(of(ScheduleName::Reconciliation).await.unwrap().len(), 2);
    assert_eq!(of(ScheduleName::Batch).await.unwrap().len(), 2);
    assert_eq!(bench.store.runs(9).await.unwrap().len(), 2);
    let Outlook { reconciliation, batch } = outlook(&*bench.store, &schedule(), bench.now_ms).await.unwrap();
    let (reconciliation, batch) = (reconciliation.unwrap(), batch.unwrap());
    assert_eq!(
        (reconciliation.slot.as_str(), reconciliation.at_ms),
        ("2026-03-10", utc_ms("2026-03-10T06:00:00Z"))
    );
    assert_eq!((batch.slot.as_str(), batch.at_ms), ("2026-03-10 06:00:00", reconciliation.at_ms));
}

/// A remote that is away keeps the date due; nobody has to do anything when it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_date_on_which_a_remote_is_away_is_made_up_for() {
    let mut bench = started(nightly(America::Chicago), "2026-01-15T18:00:00Z").await;
    at(&mut bench, "2026-01-16T08:00:00Z").await;
    let until_ms = bench.now_ms + 3 * 3_600_000;
    while bench.now_ms < until_ms {
        for request in std::mem::take(&mut bench.sent) {
            match request {
                Request::ReadPage { run, remote: Remote::ServiceNow, .. } => {
                    let (remote, result) = (Remote::ServiceNow, Err(unreachable()));
                    bench.step(Event::PageRead { run, remote, result, latency_ms: 5 }).await;
                }
                Request::ReadPage { run, remote, .. } => {
                    let page = Page {
                        items: Vec::new(),
                        malformed: Vec::new(),
                        next: Next::Unproven { why: "a test".to_owned() },
                        total_hint: None,
                        clock_ms: None,
                        narrowed: false,
                    };
                    bench.step(Event::PageRead { run, remote, result: Ok(page), latency_ms: 5 }).await;
                }
                Request::Probe { remote } => {
                    bench.step(Event::Probed { remote, result: Err(unreachable()), latency_ms: 5 }).await;
                }
                other => panic!("{other:?}"),
            }
        }
        bench.now_ms = bench.wake_at_ms.unwrap_or(0).max(bench.now_ms + 1_000);
        bench.step(Event::Woke).await;
    }
    let slots = dates(&bench).await;
    assert_eq!(slots.len(), 1, "{slots:?}");
    assert!(slots[0].1 != SlotState::Done && slots[0].2 > 2, "{slots:?}");
    // It is back.
    let until_ms = bench.now_ms + 2 * 3_600_000;
    while dates(&bench).await[0].1 != SlotState::Done {
        assert!(bench.now_ms < until_ms, "{:?}", dates(&bench).await);
        let probes: Vec<Remote> = bench
            .sent
            .iter()
            .filter_map(|request| match request {
                Request::Probe { remote } => Some(*remote),
                _ => None,
            })
            .collect();
        bench.sent.retain(|request| !matches!(request, Request::Probe { .. }));
        for remote in probes {
            bench.step(Event::Probed { remote, result: Ok(()), latency_ms: 5 }).await;
        }
        answered(&mut bench).await;
        bench.now_ms = bench.wake_at_ms.unwrap_or(0).max(bench.now_ms + 1_000);
        bench.step(Event::Woke).await;
    }
}
