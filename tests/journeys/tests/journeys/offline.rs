//! Remotes that cannot be reached, and processes that are killed.

use console_api::dto::{RemoteHealth, RunStatus};
use journeys::intercept::{Sticky, Stuck};
use journeys::newcomers::QUILL;
use journeys::{PATIENCE, World, edit};
use record::Remote;
use simulator::{Fault, PlannedFault};
use std::sync::Arc;
use tokio::sync::Semaphore;

fn cut_off(world: &World) {
    let control = &world.remotes.control;
    for faults in [&control.servicenow.faults, &control.ehr.faults, &control.idp.faults] {
        faults.add(PlannedFault::always(Fault::DropRequest));
    }
}

fn reconnect(world: &World) {
    let control = &world.remotes.control;
    for faults in [&control.servicenow.faults, &control.ehr.faults, &control.idp.faults] {
        faults.clear();
    }
}

/// Started with both remotes down: everything known is shown from the cache, home says so, a run ends with words, and
/// what is known of their health survives a restart. They come back, and a run completes.
#[tokio::test(flavor = "multi_thread")]
async fn works_from_the_cache_while_both_remotes_are_down() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let name = desk.search("").await.rows[0].name.clone();
    desk.close().await;

    cut_off(&world);
    let desk = world.open().await;
    assert!(desk.search(&name).await.total >= 1, "patients are shown from the cache");
    let id = desk.search("").await.rows[0].id.clone();
    assert!(desk.patient(&id).await.trusted);
    let error = desk.refused("patients.verify", serde_json::json!({ "id": id })).await;
    assert_eq!(error.code, console_api::dto::ErrorCode::Offline);

    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Failed);
    assert!(
        run.problem.as_deref().is_some_and(|words| words.contains("EHR") || words.contains("ServiceNow")),
        "{:?}",
        run.problem
    );
    let home = desk.home().await;
    assert!(home.offline);
    assert!(
        home.remotes.iter().any(|remote| remote.health == RemoteHealth::BreakerOpen),
        "{:?}",
        home.remotes
    );
    assert_eq!(home.status_counts.agreed, 10, "nothing is concluded from silence");
    desk.close().await;

    // The breaker is not forgotten: a restart does not storm them.
    let desk = world.open().await;
    let home = desk.home().await;
    assert!(home.offline, "{:?}", home.remotes);
    assert!(
        home.remotes.iter().any(|remote| remote.health == RemoteHealth::BreakerOpen),
        "{:?}",
        home.remotes
    );

    reconnect(&world);
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.compared), (RunStatus::Done, 10));
    let home = desk.home().await;
    assert!(!home.offline);
    assert!(home.remotes.iter().all(|remote| remote.health == RemoteHealth::Answering));
    desk.close().await;
}

/// Never connected at all: the very first start shows an empty console that says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_very_first_start_without_remotes_is_possible() {
    let world = World::calm(3).await;
    cut_off(&world);
    let desk = world.open().await;
    let home = desk.home().await;
    assert_eq!((home.status_counts.agreed, home.need_you), (0, 0));
    assert!(home.remotes.iter().all(|remote| remote.last_answer_at_ms.is_none()));
    assert_eq!(desk.search("").await.total, 0);
    reconnect(&world);
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.linked), (RunStatus::Done, 3));
    desk.close().await;
}

/// Killed between claiming an operation and its answer, before or after the remote carried it out: rescued at the next
/// start, exactly one effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_exactly_one_effect() {
    for stuck in [Stuck::BeforeSending, Stuck::BeforeAnswer] {
        let world = World::calm(5).await;
        let desk = world.compared().await;
        desk.close().await;
        let row = world.in_servicenow(&QUILL, &[]);
        let (other_row, other_chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
        world.edit_row(&other_row, &[("u_owner_phone", "415-555-0155")]);

        let reached = Arc::new(Semaphore::new(0));
        let desk = world
            .open_with(|mut remotes| {
                remotes.ehr = Sticky::before(Arc::clone(&remotes.ehr), stuck, Arc::clone(&reached));
                remotes
            })
            .await;
        let _run: serde_json::Value =
            desk.call("run.start", serde_json::json!({ "patientId": null, "planOnly": false })).await;
        // Both writes, the create and the update, are under way.
        let both =
            tokio::time::timeout(PATIENCE, reached.acquire_many(2)).await.expect("both writes get stuck");
        drop(both);
        desk.close().await;

        let desk = world.open().await;
        let last = desk
            .until("the interrupted run to be shown", || async {
                desk.home().await.last_run.filter(|last| last.status == RunStatus::Failed)
            })
            .await;
        assert!(last.problem.is_some_and(|words| words.contains("nothing is lost")));
        desk.until("both to be done", || async {
            let done = world.charts_of(&row).len() == 1
                && world.row(&row)["u_ehr_id"] == world.charts_of(&row)[0]
                && edit::digits(edit::phone(&world.chart(&other_chart)).unwrap()) == "4155550155";
            done.then_some(())
        })
        .await;
        for key in [&row, &other_row] {
            desk.agreed(&desk.patient_id(Remote::ServiceNow, key).await).await;
        }
        let run = desk.run().await;
        assert_eq!((run.status, run.counts.created), (RunStatus::Done, 0), "{stuck:?}");
        assert_eq!(world.remotes.control.ehr.patient_count(), 6, "{stuck:?}: one record, not two");
        let version = world.remotes.control.ehr.version(&other_chart).unwrap();
        assert!(desk.conflicts().await.is_empty(), "{stuck:?}");
        let receipts = desk.receipts(&desk.patient_id(Remote::ServiceNow, &other_row).await).await;
        assert_eq!(receipts.len(), 1, "{stuck:?}: every write has its receipt");
        assert_eq!(receipts[0].response.contains("answer was lost"), stuck == Stuck::BeforeAnswer);
        desk.run().await;
        assert_eq!(world.remotes.control.ehr.version(&other_chart), Some(version), "{stuck:?}: written once");
        desk.close().await;
    }
}

/// A person stops a run: it ends, says so, and another can begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_stopped_in_any_phase() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, _) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    world.edit_row(&row, &[("u_owner_phone", "415-555-0155")]);
    desk.close().await;

    let reached = Arc::new(Semaphore::new(0));
    let desk = world
        .open_with(|mut remotes| {
            remotes.ehr =
                Sticky::before(Arc::clone(&remotes.ehr), Stuck::BeforeSending, Arc::clone(&reached));
            remotes
        })
        .await;
    let mut events = desk.console.events();
    let run: console_api::dto::RunView =
        desk.call("run.start", serde_json::json!({ "patientId": null, "planOnly": false })).await;
    let again: console_api::dto::RunView =
        desk.call("run.start", serde_json::json!({ "patientId": null, "planOnly": false })).await;
    assert_eq!(again.id, run.id, "one run at a time");
    drop(tokio::time::timeout(PATIENCE, reached.acquire()).await.expect("a write gets stuck").unwrap());
    let _stopping: serde_json::Value = desk.call("run.stop", serde_json::json!({ "id": run.id })).await;
    desk.ended(&mut events, &run.id).await;
    let last = desk.home().await.last_run.unwrap();
    assert_eq!((last.id, last.status), (run.id, RunStatus::Stopped));
    desk.close().await;
}
