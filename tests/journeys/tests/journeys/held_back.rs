//! Decisions made while a system is paused or does not answer: accepted at once, carried out when both can be asked.

use console_api::dto::{
    Approved, ConflictStatus, ErrorCode, PatientStatus, PlanStatus, PlanView, QueueList, RemoteHealth,
    RemoteStatus,
};
use journeys::{Desk, World, approval, edit, make_plan};
use record::Remote;
use serde_json::json;
use simulator::{Fault, PlannedFault};

const PHONE_OURS: &str = "(415) 555-2671";
const PHONE_EHR: &str = "+14155550123";

/// A patient whose owner's phone both systems changed: ServiceNow's key, the EHR's key, VetSync's id.
async fn contested(world: &World, desk: &Desk) -> (String, String, String) {
    let (row, chart) = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .remove(0);
    world.edit_row(&row, &[("u_owner_phone", PHONE_OURS)]);
    world.ehr_phone(&chart, PHONE_EHR);
    desk.run().await;
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    (row, chart, patient)
}

async fn queue(desk: &Desk) -> QueueList {
    desk.sit("sam").await;
    let query = json!({
        "states": [], "remote": null, "cause": null, "patientId": null, "offset": 0, "limit": 50
    });
    let queue = desk.call("queue.list", query).await;
    desk.sit("dana").await;
    queue
}

/// IT pauses a system; the front desk sits down again.
async fn pause(desk: &Desk, remote: &str) {
    desk.sit("sam").await;
    let pause = json!({ "remote": remote, "reason": "upgrade" });
    let _status: RemoteStatus = desk.call("remotes.pause", pause).await;
    desk.sit("dana").await;
}

async fn resume(desk: &Desk, remote: &str) {
    desk.sit("sam").await;
    let _status: RemoteStatus =
        desk.call("remotes.resume", json!({ "remote": remote, "reason": null })).await;
    desk.sit("dana").await;
}

async fn written(world: &World, desk: &Desk, plan: &str, chart: &str, patient: &str) {
    desk.carried_out(plan).await;
    assert_eq!(edit::digits(edit::phone(&world.chart(chart)).unwrap()), "4155552671");
    assert!(desk.agreed(patient).await.trusted);
    let receipts = desk.receipts(patient).await;
    assert_eq!(receipts.iter().filter(|receipt| receipt.plan_id == plan).count(), 1);
    assert!(queue(desk).await.waiting_plans.is_empty());
    assert!(desk.conflicts().await.is_empty());
}

/// Paused, decided, resumed, written; and everybody sees what it waits for meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_made_while_a_system_is_paused_is_written_when_it_is_resumed() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (_, chart, patient) = contested(&world, &desk).await;
    pause(&desk, "ehr").await;
    let view = desk.conflict_of(&patient).await;
    let plan = desk.plan(&view, &[("owner_phone", "take_service_now", None)]).await;
    let approved: Approved = desk.approve(&plan).await;
    assert_eq!((approved.plan.status, approved.operations.len()), (PlanStatus::AwaitingCheck, 0));
    let waits = approved.plan.waits.expect("it says what it waits for");
    assert!(waits.starts_with("Approved; waits until the EHR is resumed (paused by Sam"), "{waits}");

    let writes = world.writes();
    let listed = desk.conflicts().await.remove(0);
    assert_eq!(listed.status, ConflictStatus::Executing);
    assert!(listed.waits.is_some_and(|words| words.contains("resumed")));
    assert_eq!(desk.patient(&patient).await.patient.status, PatientStatus::Waiting);
    let again =
        desk.refused("plans.make", make_plan(&view, &[("owner_phone", "take_ehr", None)], None)).await;
    assert_eq!(again.code, ErrorCode::Invalid, "it is not decided twice: {again:?}");
    // Compare leads to the plan that waits.
    let seen: PlanView = desk.call("plans.get", json!({ "id": view.conflict.id })).await;
    assert_eq!((seen.id.as_str(), seen.may_withdraw), (plan.id.as_str(), true));

    let waiting = queue(&desk).await;
    assert_eq!((waiting.total, waiting.waiting_plans_total), (0, 1));
    assert_eq!(waiting.waiting_plans[0].plan_id, plan.id);
    assert!(waiting.waiting_plans[0].sentences[0].contains("in the EHR"));
    assert_eq!(world.writes(), writes, "nothing is sent");
    resume(&desk, "ehr").await;
    written(&world, &desk, &plan.id, &chart, &patient).await;
    desk.close().await;
}

/// The EHR does not answer and the breaker is open: approved all the same, also across a restart; it recovers, and the
/// plan is carried out.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_made_while_the_breaker_is_open_outlives_a_restart() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (_, chart, patient) = contested(&world, &desk).await;
    let control = &world.remotes.control;
    for faults in [&control.ehr.faults, &control.idp.faults] {
        faults.add(PlannedFault::always(Fault::DropRequest));
    }
    desk.run().await;
    let home = desk.home().await;
    assert!(home.remotes.iter().any(|remote| remote.health == RemoteHealth::BreakerOpen), "{home:?}");
    let view = desk.conflict_of(&patient).await;
    let plan = desk.plan(&view, &[("owner_phone", "take_service_now", None)]).await;
    let approved = desk.approve(&plan).await;
    assert_eq!(approved.plan.status, PlanStatus::AwaitingCheck);
    assert!(approved.plan.waits.is_some_and(|words| words.contains("the EHR is back")));
    desk.close().await;

    let desk = world.open().await;
    let seen: PlanView = desk.call("plans.get", json!({ "id": plan.id })).await;
    assert_eq!(seen.status, PlanStatus::AwaitingCheck, "the approval is durable");
    for faults in [&control.ehr.faults, &control.idp.faults] {
        faults.clear();
    }
    desk.sit("sam").await;
    let _status: RemoteStatus =
        desk.call("remotes.try_now", json!({ "remote": "ehr", "reason": null })).await;
    desk.sit("dana").await;
    written(&world, &desk, &plan.id, &chart, &patient).await;
    desk.close().await;
}

/// Somebody corrects the chart while the decision waits: nothing is written over it, and it is asked about again.
#[tokio::test(flavor = "multi_thread")]
async fn what_moved_while_a_decision_waited_is_asked_about_again() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (_, chart, patient) = contested(&world, &desk).await;
    pause(&desk, "ehr").await;
    let view = desk.conflict_of(&patient).await;
    let plan = desk.plan(&view, &[("owner_phone", "take_service_now", None)]).await;
    desk.approve(&plan).await;
    world.ehr_phone(&chart, "+14155550188");
    let writes = world.writes();
    resume(&desk, "ehr").await;
    let view = desk
        .until("the question to be asked again", || async {
            let view = desk.compare(&view.conflict.id).await;
            (view.conflict.status == ConflictStatus::Open).then_some(view)
        })
        .await;
    assert_eq!(world.writes(), writes, "nothing was written");
    let seen: PlanView = desk.call("plans.get", json!({ "id": plan.id })).await;
    assert_eq!(seen.status, PlanStatus::Superseded);
    let phone = view.fields.iter().find(|field| field.field == "owner_phone").unwrap();
    assert_eq!(edit::digits(&phone.ehr.text), "4155550188", "with what stands there now");
    desk.decide(&view, &[("owner_phone", "take_ehr", None)]).await;
    assert!(desk.agreed(&patient).await.trusted);
    desk.close().await;
}

/// Withdrawn while it waits: nothing of it is ever sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_waits_can_be_withdrawn() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (_, chart, patient) = contested(&world, &desk).await;
    pause(&desk, "ehr").await;
    let view = desk.conflict_of(&patient).await;
    let plan = desk.plan(&view, &[("owner_phone", "take_service_now", None)]).await;
    desk.approve(&plan).await;
    let reason = desk.refused("plans.refuse", json!({ "planId": plan.id, "reason": " " })).await;
    assert_eq!(reason.field.as_deref(), Some("reason"));
    // IT looks after everything that waits.
    desk.sit("sam").await;
    let withdrawn: PlanView =
        desk.call("plans.refuse", json!({ "planId": plan.id, "reason": "the owner called again" })).await;
    assert_eq!(withdrawn.status, PlanStatus::Refused);
    desk.sit("dana").await;
    let writes = world.writes();
    resume(&desk, "ehr").await;
    let view = desk.conflict_of(&patient).await;
    assert_eq!(view.conflict.status, ConflictStatus::Open);
    assert_eq!(world.writes(), writes);
    desk.decide(&view, &[("owner_phone", "take_ehr", None)]).await;
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155550123");
    let late = desk.refused("plans.approve", approval(&plan, None)).await;
    assert_eq!(late.code, ErrorCode::Invalid);
    desk.close().await;
}
