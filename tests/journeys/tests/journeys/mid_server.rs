//! The EHR behind a MID Server: VetSync reaches ServiceNow alone.

use console_api::dto::{
    Cause, IncidentKind, IncidentList, IncidentView, MidServerState, RemotesStatus, RunStatus,
};
use journeys::newcomers::{Newcomer, QUILL};
use journeys::{Desk, PATIENCE, World, edit};
use record::Remote;
use serde_json::{Value, json};
use simulator::clinic::Rates;
use simulator::mid::{MidFault, PlannedMidFault};
use std::time::Instant;

const PHONE_OURS: &str = "(415) 555-2671";
const PHONE_EHR: &str = "+14155550123";

async fn calm(patients: usize) -> World {
    let rates = Rates { appointments: 0, treatments: 0, ..Rates::calm() };
    World::behind_mid_server(simulator::Options { patients, rates, ..simulator::Options::default() }).await
}

/// Every request that the EHR and its identity provider have answered came from the MID Server.
fn all_came_through(world: &World) {
    let control = &world.remotes.control;
    let answered = control.ehr.journal.counts().requests + control.idp.journal.counts().requests;
    let sent: u64 = world.mid().counts().sent.values().sum();
    assert!(sent > 0);
    assert_eq!(answered, sent, "{:?}", control.ehr.journal.counts().by_route);
}

/// Waits until something is so that gives no other sign.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    let mut beat = tokio::time::interval(std::time::Duration::from_millis(5));
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: never");
        beat.tick().await;
    }
}

/// Asks again and again, where nothing tells when.
async fn repeatedly<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let began = Instant::now();
    let mut beat = tokio::time::interval(std::time::Duration::from_millis(50));
    loop {
        beat.tick().await;
        if let Some(found) = ask().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: never");
    }
}

/// Everything is compared, a conflict decided and written, a newcomer created: all of it through the queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_and_an_approval_go_through_it() {
    let world = calm(20).await;
    let desk = world.compared().await;
    let home = desk.home().await;
    assert_eq!(home.status_counts.agreed, 20);
    let (row, chart) = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .remove(0);
    world.edit_row(&row, &[("u_owner_phone", PHONE_OURS)]);
    world.ehr_phone(&chart, PHONE_EHR);
    let newcomer = world.in_servicenow(&QUILL, &[]);
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Done, 1), "{run:?}");
    assert_eq!(world.charts_of(&newcomer).len(), 1);

    let view = desk.conflict_of(&desk.patient_id(Remote::ServiceNow, &row).await).await;
    assert_eq!(view.conflict.cause, Cause::FieldsDiffer);
    let plan = desk.decide(&view, &[("owner_phone", "take_service_now", None)]).await;
    assert_eq!(plan.writes[0].method, "PUT");
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155552671");
    // The version came through and was relied on.
    let entries = world.remotes.control.ehr.journal.entries();
    assert!(entries.iter().any(|entry| entry.method == "PUT" && entry.status == 200), "{entries:?}");
    all_came_through(&world);
    // No private key, and nothing of ours is left to be done.
    let queue = world.remotes.control.servicenow.rows("ecc_queue", "queue=output");
    assert!(queue.iter().all(|(_, row)| row["state"] == "processed"), "nothing is left behind");
    assert!(queue.iter().all(|(_, row)| !row["payload"].contains("PRIVATE KEY")));
    desk.close().await;
}

/// It carries every request out twice, and answers twice: nothing is made twice, and nothing is written that was not
/// decided.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_carried_out_twice_does_no_harm() {
    let world = calm(8).await;
    let desk = world.compared().await;
    world.mid().plan(PlannedMidFault::always(MidFault::RunsTwice));
    let newcomer = world.in_servicenow(&QUILL, &[]);
    let (row, chart) = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .remove(0);
    world.edit_row(&row, &[("u_owner_phone", PHONE_OURS)]);
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Done, 1), "{run:?}");
    assert_eq!(world.charts_of(&newcomer).len(), 1, "created once");
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155552671");
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    let page = desk.agreed(&patient).await;
    assert!(page.conflict_id.is_none());
    let sent = world.mid().counts().sent;
    assert!(sent["POST"] >= 2 && sent["PUT"] >= 2, "{sent:?}");
    desk.close().await;
}

/// Answers that are cut, lost or refused by the MID Server itself are asked for again, and nobody is taken for missing.
#[tokio::test(flavor = "multi_thread")]
async fn its_own_trouble_is_got_over() {
    let java = |error: &str| MidFault::ErrorRow { error: error.to_owned() };
    for fault in [
        MidFault::Truncates,
        MidFault::BrokenXml,
        MidFault::AnswersTwice,
        java("java.net.SocketTimeoutException: Read timed out"),
        java("java.net.ConnectException: Connection refused"),
        MidFault::RestartsAfterwards,
    ] {
        let world = calm(8).await;
        world.mid().plan(PlannedMidFault::once(fault.clone(), "get", "/patients"));
        let desk = world.open().await;
        let run = desk.run().await;
        assert_eq!((run.status, run.problem), (RunStatus::Done, None), "{fault:?}");
        assert_eq!((run.counts.servicenow, run.counts.ehr, run.counts.compared), (8, 8, 8), "{fault:?}");
        assert_eq!(run.counts.created, 0, "{fault:?}");
        desk.close().await;
    }
}

/// A MID Server that passes no headers on: no `ETag`, so no condition, as with an EHR that knows none. Records are compared
/// before and after instead.
#[tokio::test(flavor = "multi_thread")]
async fn without_headers_it_is_an_ehr_without_versions() {
    let world = calm(6).await;
    world.mid().plan(PlannedMidFault::always(MidFault::DropsHeaders));
    let desk = world.compared().await;
    let (row, chart) = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .remove(0);
    world.edit_row(&row, &[("u_owner_phone", PHONE_OURS)]);
    desk.compares().await;
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155552671");
    desk.close().await;
}

/// Large answers do not fit the column: they come as attachments.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_too_long_for_the_column_are_fetched() {
    let world = calm(12).await;
    world.mid().behave(|conduct| conduct.attached_over_bytes = 2_000);
    let desk = world.compared().await;
    assert_eq!(desk.home().await.status_counts.agreed, 12);
    let attached = world.remotes.control.servicenow.rows("sys_attachment", "table_name=ecc_queue");
    assert!(!attached.is_empty());
    desk.close().await;
}

/// Down: nothing is put into its queue, what is to be written waits, one incident opens. Up again: all is written by
/// itself, and the incident closes.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_down_everything_waits_and_one_incident_is_open() {
    let world = calm(6).await;
    let desk = world.compared().await;
    assert_eq!(desk.home().await.mid_server.map(|mid| mid.state), Some(MidServerState::Up));
    let (row, chart) = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .remove(0);
    world.edit_row(&row, &[("u_owner_phone", PHONE_OURS)]);
    world.ehr_phone(&chart, PHONE_EHR);
    desk.compares().await;
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    let view = desk.conflict_of(&patient).await;
    let plan = desk.plan(&view, &[("owner_phone", "take_service_now", None)]).await;

    world.mid().behave(|conduct| conduct.up = false);
    let is_down = async || {
        let status: RemotesStatus = desk.call("remotes.status", json!({})).await;
        let down =
            status.mid_server.as_ref().is_some_and(|mid| mid.state == MidServerState::NotUp && mid.carries);
        (down && status.incidents.iter().any(|one| one.kind == IncidentKind::MidServer && one.times > 1))
            .then_some(status)
    };
    let status = repeatedly("the incident of the MID Server", is_down).await;
    let mid_incidents = |incidents: &[IncidentView]| {
        incidents.iter().filter(|one| one.kind == IncidentKind::MidServer).cloned().collect::<Vec<_>>()
    };
    let [incident] = mid_incidents(&status.incidents).try_into().expect("one");
    assert!(incident.open && incident.words.contains("mid-frontdesk is Down"), "{incident:?}");
    assert!(incident.way_out.contains("nothing is lost"), "{incident:?}");
    let home = desk.home().await;
    assert_eq!(home.mid_server.map(|mid| mid.state), Some(MidServerState::NotUp));

    let queued = world.remotes.control.servicenow.rows("ecc_queue", "queue=output").len();
    let approved: Value = desk.call("plans.approve", journeys::approval(&plan, None)).await;
    assert!(approved["planId"].is_string() || approved.is_object(), "{approved}");
    assert_eq!(
        edit::digits(edit::phone(&world.chart(&chart)).unwrap()),
        edit::digits(PHONE_EHR),
        "nothing is written"
    );
    assert_eq!(
        world.remotes.control.servicenow.rows("ecc_queue", "queue=output").len(),
        queued,
        "nothing waits in its queue, to be carried out late"
    );

    world.mid().behave(|conduct| conduct.up = true);
    let over = async || {
        let list: IncidentList =
            desk.call("incidents.list", json!({ "openOnly": false, "offset": 0, "limit": 50 })).await;
        let mid = mid_incidents(&list.incidents);
        mid.iter().all(|one| !one.open).then_some(mid)
    };
    assert_eq!(repeatedly("the incident to close", over).await.len(), 1, "opened once, closed once");
    desk.call::<Value>("remotes.try_now", json!({ "remote": "ehr", "reason": "the MID Server is up again" }))
        .await;
    desk.agreed(&patient).await;
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155552671");
    desk.close().await;
}

/// Not down by its record, and silent: what was put into its queue is called off, and sent anew when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_silent_one_does_not_take_up_is_called_off() {
    let world = calm(5).await;
    world.settings(|text| text.replace("[mid_server]", "[mid_server]\npickup_seconds = 1"));
    let desk = world.compared().await;
    world.mid().behave(|conduct| {
        conduct.noticed = false;
        conduct.up = false;
    });
    let (row, _) = world.animals(|_, _| true).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    let error = desk.refused("patients.verify", json!({ "id": patient })).await;
    assert!(error.message.contains("did not take the request up"), "{error:?}");
    let queue = world.remotes.control.servicenow.rows("ecc_queue", "queue=output^state=error");
    assert!(
        !queue.is_empty()
            && queue.iter().all(|(_, row)| row["error_string"].contains("Called off by VetSync"))
    );
    world.mid().behave(|conduct| conduct.up = true);
    desk.verify(&patient).await;
    let sent = world.mid().counts().taken_up;
    assert!(sent > 0);
    desk.close().await;
}

/// VetSync ends while the creation of a patient is under way in the MID Server, or was carried out and never answered:
/// the next process finds it, with an EHR that does not know `If-None-Exist`, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_the_middle_of_a_creation_makes_no_second_record() {
    for answered in [true, false] {
        let world = calm(5).await;
        world.remotes.control.ehr.speak(|dialect| dialect.if_none_exist = false);
        world.settings(|text| {
            text.replace("\n[console]", "\n[ehr.dialect]\nif_none_exist = false\n\n[console]")
        });
        let desk = world.compared().await;
        let newcomer = world.in_servicenow(
            &Newcomer { name: "Wrenfeather", owner: "Ottoline Vanderbeek", phone: "2125550177", ..QUILL },
            &[],
        );
        if answered {
            world.mid().behave(|conduct| conduct.run_ms = 700);
        } else {
            world.mid().plan(PlannedMidFault::once(MidFault::NeverAnswers, "post", "/patients"));
        }
        let _run: Value = desk.call("run.start", json!({ "patientId": null, "planOnly": false })).await;
        let posted = || {
            let queue = world.remotes.control.servicenow.rows("ecc_queue", "queue=output^name=post");
            queue.iter().any(|(_, row)| row["source"].ends_with("/patients"))
        };
        eventually("the creation stands in the queue", posted).await;
        desk.close().await;
        world.mid().behave(|conduct| conduct.run_ms = 0);
        let desk: Desk = world.open().await;
        let run = desk.run().await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
        desk.until("the row to know its partner", || async {
            (!world.row(&newcomer)["u_ehr_id"].is_empty()).then_some(())
        })
        .await;
        assert_eq!(world.charts_of(&newcomer).len(), 1, "answered: {answered}");
        desk.close().await;
    }
}
