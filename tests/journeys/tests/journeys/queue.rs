//! What IT does with the queue and the two systems, over sockets and through the console's commands.

use console_api::dto::{
    BrakedView, ErrorCode, IncidentList, OperationStatus, PatientStatus, PlanView, QueueCauses, QueueDetail,
    QueueList, QueueReplayed, RemoteHealth, RemoteStatus, RemotesStatus, RunStatus,
};
use journeys::newcomers::QUILL;
use journeys::{Desk, TABLE, World, approval, edit};
use record::Remote;
use serde_json::json;
use simulator::servicenow::{BusinessRule, RuleAction, RuleEvent};
use simulator::{Fault, PlannedFault};

async fn queue(desk: &Desk, states: &[&str]) -> QueueList {
    let query = json!({
        "states": states, "remote": null, "cause": null, "patientId": null, "offset": 0, "limit": 50
    });
    desk.call("queue.list", query).await
}

fn rule_against(digits: &str) -> BusinessRule {
    BusinessRule {
        name: "No foreign numbers".to_owned(),
        table: TABLE.to_owned(),
        event: RuleEvent::BeforeUpdate,
        condition: format!("u_owner_phoneLIKE{digits}"),
        action: RuleAction::Abort,
    }
}

/// A refused write is found in the queue with the remote's words, corrected by IT, shown, approved and sent; what it
/// replaced is remembered, and both systems tell the same story.
#[tokio::test(flavor = "multi_thread")]
async fn it_corrects_a_refused_write_and_sends_it_again() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    world.remotes.control.servicenow.add_business_rule(rule_against("0166"));
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    world.ehr_phone(&chart, "+14155550166");
    assert_eq!(desk.run().await.status, RunStatus::Done);
    desk.sit("sam").await;
    let parked = queue(&desk, &["parked"]).await;
    assert_eq!((parked.total, parked.counts.parked), (1, 1));
    let item = &parked.lanes[0].operations[0];
    assert!(item.may_edit && item.may_retry && item.next_try_at_ms.is_none());
    assert!(item.problem.as_deref().is_some_and(|words| words.contains("No foreign numbers")), "{item:?}");
    let detail: QueueDetail = desk.call("queue.show", json!({ "id": item.id })).await;
    assert_eq!(detail.fields[0].field, "owner_phone");
    assert!(detail.write.body.contains("0166"), "the request as frozen");
    assert_eq!(detail.attempts.len(), 1);

    // Typed as wrongly as can be: said at the field.
    let edit = |text: &str| json!({ "id": item.id, "values": [{ "field": "owner_phone", "text": text }], "reason": "digits turned" });
    let error = desk.refused("queue.edit", json!({ "id": item.id, "values": [], "reason": " " })).await;
    assert_eq!((error.code, error.field.as_deref()), (ErrorCode::Invalid, Some("reason")));
    let plan: PlanView = desk.call("queue.edit", edit("212 555 0111")).await;
    assert_eq!(plan.replaces.as_deref(), Some(item.id.as_str()));
    assert!(plan.may_approve && plan.writes.len() == 2, "{plan:?}");
    let body = plan.writes[0].body.clone();
    let approved: console_api::dto::Approved = desk.call("plans.approve", approval(&plan, None)).await;
    desk.carried_out(&plan.id).await;
    assert_eq!(edit::digits(&world.row(&row)["u_owner_phone"]), "2125550111");
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "2125550111");
    let replacement: QueueDetail = desk.call("queue.show", json!({ "id": approved.operations[0].id })).await;
    assert_eq!(replacement.write.body, body, "what was shown is what was sent");
    let lineage: Vec<_> = replacement.lineage.iter().map(|entry| (entry.id.as_str(), entry.status)).collect();
    assert_eq!(
        lineage,
        [
            (item.id.as_str(), OperationStatus::Cancelled),
            (approved.operations[0].id.as_str(), OperationStatus::Done)
        ]
    );
    assert_eq!(queue(&desk, &[]).await.total, 0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    assert!(desk.patient(&patient).await.trusted);
    desk.close().await;
}

/// The access rule that refused is mended: everything it had refused is sent again, together; what failed otherwise is not.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_rule_refused_is_replayed_when_it_is_mended() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    world.remotes.control.servicenow.restrict(|access| {
        access.read_only_tables.insert(TABLE.to_owned());
    });
    let animals = world.animals(|_, chart| edit::phone(chart).is_some());
    for (position, (_, chart)) in animals.iter().take(3).enumerate() {
        world.ehr_phone(chart, &format!("+1415555019{position}"));
    }
    assert_eq!(desk.run().await.status, RunStatus::Done);
    desk.sit("sam").await;
    let causes: QueueCauses = desk.call("queue.causes", json!({})).await;
    assert_eq!(causes.causes.len(), 1, "three numbers, one cause: {causes:?}");
    assert_eq!((causes.causes[0].count, causes.causes[0].parked), (3, 3));
    assert!(!causes.causes[0].cause.contains("555"), "a cause holds no value");
    world.remotes.control.servicenow.restrict(|access| {
        access.read_only_tables.remove(TABLE);
    });
    let replay = json!({ "cause": causes.causes[0].cause, "reason": "the access rule was mended" });
    let replayed: QueueReplayed = desk.call("queue.replay", replay).await;
    assert_eq!(replayed.released, 3, "{}", replayed.words);
    desk.until("all to be written", || async {
        let left = queue(&desk, &[]).await;
        (left.total == 0).then_some(())
    })
    .await;
    for (position, (row, _)) in animals.iter().take(3).enumerate() {
        assert_eq!(edit::digits(&world.row(row)["u_owner_phone"]), format!("415555019{position}"));
    }
    desk.close().await;
}

/// IT pauses a system: nothing reaches it, neither reads nor writes; everything is accepted and waits, across a restart;
/// resumed, it goes out.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_system_is_left_alone_and_nothing_is_lost() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    // A write that has to wait: ServiceNow fails for as long as the run takes.
    world.remotes.control.servicenow.faults.add(
        PlannedFault::always(Fault::TooManyRequests { retry_after_s: Some(600) })
            .path("/table/")
            .method("PATCH"),
    );
    world.ehr_phone(&chart, "+14155550166");
    let started: console_api::dto::RunView =
        desk.call("run.start", json!({ "patientId": null, "planOnly": false })).await;
    desk.sit("sam").await;
    let held = desk
        .until("the write to be asked to wait", || async {
            let list = queue(&desk, &["retrying"]).await;
            list.lanes.first().cloned()
        })
        .await;
    assert_eq!(held.operations[0].attempt, 0, "waiting costs no try: {held:?}");
    assert!(held.words.contains("asked VetSync to wait"), "{}", held.words);
    let error = desk.refused("remotes.pause", json!({ "remote": "service_now", "reason": "" })).await;
    assert_eq!(error.field.as_deref(), Some("reason"));
    let pause = json!({ "remote": "service_now", "reason": "upgrade until noon" });
    let paused: RemoteStatus = desk.call("remotes.pause", pause).await;
    assert_eq!((paused.health, paused.waiting + paused.retrying), (RemoteHealth::Paused, 1));
    assert!(paused.paused.is_some_and(|pause| pause.reason == "upgrade until noon"));
    drop(started);
    desk.close().await;

    world.remotes.control.servicenow.faults.clear();
    let desk = world.open().await;
    desk.sit("dana").await;
    let before = world.writes();
    let error = desk.refused("patients.verify", json!({ "id": patient })).await;
    assert!(error.code == ErrorCode::Offline && error.message.contains("upgrade until noon"), "{error:?}");
    let error = desk.refused("run.start", json!({ "patientId": null, "planOnly": false })).await;
    assert_eq!(error.code, ErrorCode::Offline, "{error:?}");
    assert_eq!(world.writes(), before);
    let status: RemotesStatus = desk.call("remotes.status", json!({})).await;
    assert_eq!(status.remotes[0].health, RemoteHealth::Paused);
    let _resumed: RemoteStatus =
        desk.call("remotes.resume", json!({ "remote": "service_now", "reason": null })).await;
    // The wait that ServiceNow had asked for is over when a person looks after it.
    let waiting = queue(&desk, &[]).await;
    assert_eq!(waiting.total, 1, "nothing was lost");
    desk.close().await;
}

/// Credentials that are refused are one incident, whatever waits; mended, one try ends it.
#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_one_incident() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (_, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    world.ehr_phone(&chart, "+14155550166");
    let faults = &world.remotes.control.servicenow.faults;
    faults.add(PlannedFault::always(Fault::Unauthorized).path("/table/"));
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Failed, "{:?}", run.problem);
    desk.sit("sam").await;
    let query = json!({ "openOnly": false, "offset": 0, "limit": 9 });
    let list: IncidentList = desk.call("incidents.list", query.clone()).await;
    assert_eq!((list.total, list.incidents[0].open), (1, true), "{list:?}");
    let id = list.incidents[0].id.clone();
    let noted: console_api::dto::IncidentView = desk.call("incidents.acknowledge", json!({ "id": id })).await;
    assert!(noted.acknowledged_by.is_some() && !noted.may_acknowledge);
    faults.clear();
    let _tried: RemoteStatus =
        desk.call("remotes.try_now", json!({ "remote": "service_now", "reason": "mended" })).await;
    desk.until("the incident to close", || async {
        let list: IncidentList = desk.call("incidents.list", query.clone()).await;
        (!list.incidents[0].open).then_some(())
    })
    .await;
    let status: RemotesStatus = desk.call("remotes.status", json!({})).await;
    assert_eq!(status.remotes[0].health, RemoteHealth::Answering);
    desk.close().await;
}

/// Two installations find the same newcomer at the same moment: it is created once. The EHR by `If-None-Exist`,
/// ServiceNow by its unique column; whoever comes second finds the record of the first.
#[tokio::test(flavor = "multi_thread")]
async fn two_installations_create_a_newcomer_once() {
    let world = World::calm(10).await;
    let first = world.compared().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let config = agent::write_sample(&journeys::connections(&world.remotes), elsewhere.path()).await.unwrap();
    let options = agent::Options { config: Some(config), ..world.options() };
    let second = Desk::start(agent::open(options).await.unwrap()).await;
    assert_eq!(second.run().await.status, RunStatus::Done);
    world.in_ehr("quill", &QUILL, |_| {});
    let before = world.remotes.control.servicenow.rows(TABLE, "").len();
    let (one, other) = tokio::join!(first.run(), second.run());
    assert_eq!((one.status, other.status), (RunStatus::Done, RunStatus::Done), "{one:?} {other:?}");
    assert_eq!(world.remotes.control.servicenow.rows(TABLE, "").len(), before + 1, "created once");
    for desk in [first, second] {
        desk.run().await;
        let patient = desk.patient_id(Remote::Ehr, "quill").await;
        assert_eq!(desk.patient(&patient).await.patient.status, PatientStatus::Agreed);
        desk.close().await;
    }
}

/// The brake stops a run over too many changes; one administrator asks, another agrees, and exactly that is written.
#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_let_a_stopped_run_go_on() {
    let world = World::calm(10).await;
    world.settings(|text| format!("{text}\n[brake]\nrecords = 1\n"));
    let desk = world.compared().await;
    let animals = world.animals(|_, chart| edit::phone(chart).is_some());
    for (_, chart) in animals.iter().take(3) {
        world.ehr_phone(chart, "+14155550133");
    }
    let run = desk.run().await;
    assert_eq!((run.status, world.writes()), (RunStatus::Stopped, (0, 0)), "{:?}", run.problem);
    let view: BrakedView = desk.call("run.braked", json!({})).await;
    let braked = view.braked.expect("something waits behind the brake");
    assert_eq!((braked.patients, braked.writes_service_now), (3, 3));
    assert_eq!(braked.words, "Stopped before the first write: 3 patients would be changed, the limit is 1.");
    let counts: Vec<_> =
        braked.counts.iter().map(|count| (count.label.as_str(), count.service_now, count.ehr)).collect();
    assert_eq!(counts, [("Owner's phone", 3, 0)], "what would be written, by field and system");
    let error = desk.refused("run.continue", json!({ "hash": braked.hash, "reason": null })).await;
    assert_eq!(
        (error.code, error.field.as_deref()),
        (ErrorCode::Invalid, Some("reason")),
        "a reason is needed: {error:?}"
    );
    let asked: console_api::dto::Continued =
        desk.call("run.continue", json!({ "hash": braked.hash, "reason": "a new telephone system" })).await;
    assert!(asked.run.is_none() && asked.braked.is_some_and(|braked| !braked.may_continue));
    let error = desk.refused("run.continue", json!({ "hash": braked.hash, "reason": null })).await;
    assert_eq!(error.code, ErrorCode::Invalid, "nobody approves what they made: {error:?}");
    assert_eq!(world.writes(), (0, 0));
    desk.close().await;
}
