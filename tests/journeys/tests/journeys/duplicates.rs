//! Records that may be one animal, of both systems and of one: found, shown with what speaks for and against it, answered
//! and remembered.

use console_api::dto::{
    Cause, DuplicateList, DuplicateState, DuplicateTier, DuplicateView, ErrorCode, PatientStatus, RemoteName,
};
use journeys::newcomers::{Newcomer, QUILL};
use journeys::{Desk, World};
use record::Remote;
use serde_json::json;

async fn listed(desk: &Desk, state: &str) -> DuplicateList {
    let query = json!({ "text": "", "tier": null, "state": state, "offset": 0, "limit": 100 });
    desk.call("duplicates.list", query).await
}

/// The question that each of the open pairs asks, by the systems of its records.
fn within(list: &DuplicateList, remote: RemoteName) -> Vec<String> {
    let both = |one: RemoteName, other: RemoteName| one == remote && other == remote;
    list.items
        .iter()
        .filter(|item| both(item.one.remote, item.other.remote))
        .map(|item| item.id.clone())
        .collect()
}

/// The front desk sees both records side by side, links them, and the answer is kept.
#[tokio::test(flavor = "multi_thread")]
async fn two_records_of_both_systems_are_linked() {
    let world = World::calm(10).await;
    let row = world.in_servicenow(&QUILL, &[("u_breed", "Beagle")]);
    world.in_ehr("quill", &QUILL, |_| {});
    let desk = world.compared().await;
    desk.sit("robin").await;
    let list = listed(&desk, "open").await;
    assert_eq!((list.total, list.probable), (1, 1), "{list:?}");
    let item = &list.items[0];
    assert_eq!((item.tier, item.linkable), (DuplicateTier::Probable, true));
    assert!(item.points >= 50, "{}", item.points);
    assert!(item.for_sentences.iter().any(|sentence| sentence.contains("phone")), "{item:?}");

    let view: DuplicateView = desk.call("duplicates.get", json!({ "id": item.id })).await;
    let breed = view.fields.iter().find(|field| field.field.ends_with("breed")).unwrap();
    assert!(!breed.same && breed.other.blank != breed.one.blank, "{breed:?}");
    assert_eq!(view.dependants.len(), 2, "each of the two, in its system: {:?}", view.dependants);
    assert!(view.may_answer && view.if_same.contains("Nothing is merged or deleted"));

    let error = desk.refused("duplicates.link", json!({ "id": item.id, "reason": " " })).await;
    assert_eq!(error.field.as_deref(), Some("reason"));
    let _linked: DuplicateView =
        desk.call("duplicates.link", json!({ "id": item.id, "reason": "the same dog, I know her" })).await;
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    assert_eq!(patient, desk.patient_id(Remote::Ehr, "quill").await);
    desk.agreed(&patient).await;
    assert_eq!(listed(&desk, "open").await.total, 0);
    assert!(desk.conflicts().await.iter().all(|item| item.cause != Cause::MaybeDuplicate));
    let kept = listed(&desk, "same").await;
    assert_eq!(kept.items[0].state, DuplicateState::Same);
    assert_eq!(kept.items[0].reason.as_deref(), Some("the same dog, I know her"));
    desk.sit("dana").await;
    let run = desk.run().await;
    assert_eq!(run.counts.created, 0, "{run:?}");
    desk.close().await;
}

/// An animal entered twice in the EHR: it is not created in ServiceNow a second time before somebody has looked. "Not the
/// same" holds for both systems and is remembered until a key fact changes; then it says what changed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_entered_twice_in_one_system_is_asked_and_remembered() {
    let world = World::calm(5).await;
    let row = world.in_servicenow(&QUILL, &[]);
    let desk = world.compared().await;
    let chart = world.charts_of(&row).remove(0);
    world.in_ehr("twin", &Newcomer { born: "2021-03-05", ..QUILL }, |_| {});
    let run = desk.run().await;
    assert_eq!(run.counts.created, 0, "{run:?}");
    let list = listed(&desk, "open").await;
    let in_ehr = within(&list, RemoteName::Ehr);
    assert_eq!(
        in_ehr,
        [format!("ehr:{}~ehr:{}", chart.clone().min("twin".into()), chart.clone().max("twin".into()))]
    );

    // Nothing is merged in a system: what people say is remembered.
    let view: DuplicateView = desk.call("duplicates.get", json!({ "id": in_ehr[0] })).await;
    assert!(!view.item.linkable);
    assert!(view.item.not_linkable_because.unwrap().contains("merges nothing"), "{}", view.if_same);
    let writes = world.writes();
    let _said: DuplicateView =
        desk.call("duplicates.link", json!({ "id": in_ehr[0], "reason": "typed in twice" })).await;
    assert_eq!(listed(&desk, "to_merge").await.total, 1);
    assert_eq!(world.writes(), writes, "nothing is written");

    // They turn out to be two.
    for item in listed(&desk, "open").await.items {
        let _said: DuplicateView =
            desk.call("duplicates.distinct", json!({ "id": item.id, "reason": "sisters" })).await;
    }
    let _said: DuplicateView =
        desk.call("duplicates.distinct", json!({ "id": in_ehr[0], "reason": "sisters" })).await;
    desk.until("the sister to be created", || async { (world.rows_of("twin").len() == 1).then_some(()) })
        .await;
    let twin = desk.patient_id(Remote::Ehr, "twin").await;
    desk.agreed(&twin).await;
    for _ in 0..2 {
        desk.compares().await;
        assert_eq!(listed(&desk, "open").await.items, [], "not asked again, in either system");
    }

    world.ehr_phone("twin", "+14155550188");
    desk.compares().await;
    desk.agreed(&twin).await;
    desk.compares().await;
    let again = listed(&desk, "open").await;
    assert!(!again.items.is_empty());
    for item in &again.items {
        let why = item.asked_again.as_deref().unwrap_or_default();
        assert!(why.contains("“sisters”") && why.contains("phone number changed"), "{why}");
    }
    desk.close().await;
}

/// Whoever merged the two in their own system has answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_merge_in_the_system_itself_settles_the_question() {
    let world = World::calm(5).await;
    let row = world.in_servicenow(&QUILL, &[]);
    let second = world.in_servicenow(&QUILL, &[("u_date_of_birth", "2021-03-05")]);
    let desk = world.compared().await;
    let list = listed(&desk, "open").await;
    let here = within(&list, RemoteName::ServiceNow);
    assert_eq!(here.len(), 1, "{list:?}");
    assert_eq!(world.writes(), (0, 0), "neither is created in the EHR before somebody has said");
    world.edit_row(&second, &[("u_active", "false")]);
    desk.compares().await;
    assert_eq!(within(&listed(&desk, "open").await, RemoteName::ServiceNow), Vec::<String>::new());
    let error = desk.refused("duplicates.get", json!({ "id": format!("servicenow:{row}~ehr:nobody") })).await;
    assert_eq!(error.code, ErrorCode::NotFound);
    desk.close().await;
}

/// "Later" takes a pair off the list and says why; it does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_put_off() {
    let world = World::calm(5).await;
    world.in_servicenow(&QUILL, &[]);
    world.in_ehr("quill", &QUILL, |_| {});
    let desk = world.compared().await;
    let id = listed(&desk, "open").await.items.remove(0).id;
    let error =
        desk.refused("duplicates.later", json!({ "id": id, "untilMs": 1, "reason": "she is away" })).await;
    assert_eq!(error.field.as_deref(), Some("untilMs"));
    let tomorrow = desk.home().await.last_run.unwrap().started_at_ms + 86_400_000;
    let view: DuplicateView = desk
        .call("duplicates.later", json!({ "id": id, "untilMs": tomorrow, "reason": "she is away" }))
        .await;
    assert_eq!((view.item.state, view.item.later_until_ms), (DuplicateState::Later, Some(tomorrow)));
    assert_eq!((listed(&desk, "open").await.total, listed(&desk, "later").await.total), (0, 1));
    desk.compares().await;
    assert_eq!(listed(&desk, "later").await.items[0].reason.as_deref(), Some("she is away"));
    assert_eq!(world.writes(), (0, 0), "the question is still open");
    desk.close().await;
}

/// Two records that nothing brings together are linked all the same when somebody knows better.
#[tokio::test(flavor = "multi_thread")]
async fn two_that_stand_apart_are_linked_by_somebody_who_knows() {
    let world = World::calm(5).await;
    let row = world.in_servicenow(&QUILL, &[("u_active", "false")]);
    world.in_ehr(
        "renamed",
        &Newcomer { name: "Thistledown", owner: "Abel Quist", phone: "2125550102", ..QUILL },
        |chart| {
            chart.patient.set("active", record::Json::Bool(false));
        },
    );
    let desk = world.compared().await;
    assert_eq!(listed(&desk, "open").await.total, 0);
    let (one, other) =
        (desk.patient_id(Remote::ServiceNow, &row).await, desk.patient_id(Remote::Ehr, "renamed").await);
    let view: DuplicateView =
        desk.call("duplicates.between", json!({ "patientId": one, "otherPatientId": other })).await;
    assert!(view.item.linkable, "{view:?}");
    assert!(view.item.against_sentences.iter().any(|sentence| sentence.contains("names differ")), "{view:?}");
    let _linked: DuplicateView =
        desk.call("duplicates.link", json!({ "id": view.item.id, "reason": "rehomed and renamed" })).await;
    assert_eq!(one, desk.patient_id(Remote::Ehr, "renamed").await);
    assert_eq!(desk.patient(&one).await.patient.status, PatientStatus::Differs, "what differs is asked");
    let error = desk.refused("duplicates.link", json!({ "id": view.item.id, "reason": "again" })).await;
    assert!(error.message.contains("linked already"), "{error:?}");
    desk.close().await;
}
