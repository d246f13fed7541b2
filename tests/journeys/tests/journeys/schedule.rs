//! What runs by itself at a time of day.

use console_api::dto::{Home, RunList, RunStatus, ScheduleKind, ScheduleView};
use engine::Clock;
use journeys::{Desk, PATIENCE, World};
use serde_json::json;
use std::sync::Arc;

/// This computer's clock, set forward.
struct Ahead(i64);

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        engine::clock::SystemClock.now_ms() + self.0
    }
}

const HOUR_MS: i64 = 3_600_000;

/// Opens the product as a window does, on a computer whose clock is that far ahead.
async fn window(world: &World, ahead_ms: i64) -> Desk {
    let options = agent::Options { acts_by_itself: true, ..world.options() };
    let mut opened = agent::open(options).await.unwrap();
    opened.clock = Arc::new(Ahead(ahead_ms));
    Desk::start(opened).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciliation_of_a_day_runs_by_itself_and_is_made_up_for_after_a_long_sleep() {
    let world = World::calm(12).await;
    // Nothing is owed for the time before VetSync was set up.
    let desk = window(&world, 0).await;
    let view: ScheduleView = desk.call("schedule.get", json!({})).await;
    let daily = view.parts.iter().find(|part| part.schedule == ScheduleKind::Reconciliation).expect("daily");
    assert_eq!((daily.rule.as_str(), daily.zone.as_str()), ("every day at 02:00", "America/New_York"));
    assert_eq!(daily.next.len(), 5);
    assert!(daily.next.iter().all(|next| next.local.contains("02:00 (UTC-0")), "{:?}", daily.next);
    assert!(daily.next[0].at_ms > engine::clock::SystemClock.now_ms() && daily.last.is_none(), "{daily:?}");
    let home: Home = desk.call("home.get", json!({})).await;
    assert_eq!(home.next_run.expect("a next run").at_ms, daily.next[0].at_ms);
    assert!(home.last_run.is_none() && home.run.is_none());
    desk.close().await;

    // Four days later the computer is switched on again.
    let desk = window(&world, 96 * HOUR_MS).await;
    let ended = desk
        .until("the reconciliation to end", || async {
            let list: RunList = desk.call("runs.list", json!({ "limit": 10 })).await;
            list.runs.into_iter().find(|item| item.run.status != RunStatus::Running)
        })
        .await;
    assert_eq!((ended.run.status, ended.run.trigger.as_str()), (RunStatus::Done, "reconciliation"));
    assert_eq!(ended.run.counts.compared, 12, "{:?}", ended.run);
    let stands_for = ended.stands_for.expect("a date");
    assert!(stands_for.ends_with("and 3 dates missed before it"), "{stands_for}");
    let view: ScheduleView = desk.call("schedule.get", json!({})).await;
    for part in &view.parts {
        assert!(part.last.as_ref().is_some_and(|last| last.done && last.run_id == ended.run.id), "{part:?}");
        assert!(part.next[0].at_ms > engine::clock::SystemClock.now_ms() + 96 * HOUR_MS, "{part:?}");
    }
    desk.close().await;

    // The same date once only, whoever starts anew.
    let desk = window(&world, 96 * HOUR_MS + 60_000).await;
    let mut events = desk.console.events();
    let one = tokio::time::timeout(PATIENCE, desk.run());
    let run = one.await.expect("a run by hand");
    assert_eq!(run.trigger, "manual", "nothing else was under way");
    while let Ok(event) = events.try_recv() {
        drop(event);
    }
    let list: RunList = desk.call("runs.list", json!({ "limit": 10 })).await;
    assert_eq!(list.runs.len(), 2, "{:?}", list.runs);
    desk.close().await;
}

/// A verb that ends soon starts nothing that nobody asked for, and still says what is next.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_command_shows_the_schedule_and_leaves_it_to_others() {
    let world = World::calm(3).await;
    window(&world, 0).await.close().await;
    let mut opened = agent::open(world.options()).await.unwrap();
    opened.clock = Arc::new(Ahead(48 * HOUR_MS));
    let desk = Desk::start(opened).await;
    let view: ScheduleView = desk.call("schedule.get", json!({})).await;
    assert!(view.parts[0].next[0].at_ms <= engine::clock::SystemClock.now_ms() + 48 * HOUR_MS, "it is due");
    assert!(view.parts[0].next[0].note.as_deref().is_some_and(|note| note.contains("missed")), "{view:?}");
    let list: RunList = desk.call("runs.list", json!({ "limit": 10 })).await;
    assert!(list.runs.is_empty() && desk.home().await.run.is_none(), "{list:?}");
    desk.close().await;
    // Where the settings say so, nothing runs by itself at all.
    world.settings(|text| text.replace("sync_frequency = \"scheduled\"", "sync_frequency = \"on-demand\""));
    let desk = window(&world, 96 * HOUR_MS).await;
    let view: ScheduleView = desk.call("schedule.get", json!({})).await;
    assert!(view.parts.is_empty() && view.off.is_some(), "{view:?}");
    let list: RunList = desk.call("runs.list", json!({ "limit": 10 })).await;
    assert!(list.runs.is_empty() && desk.home().await.run.is_none(), "{list:?}");
    desk.close().await;
}
