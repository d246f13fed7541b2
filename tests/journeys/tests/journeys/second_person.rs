//! Grade 4: two different persons.

use console_api::dto::{ConflictStatus, ErrorCode, PlanStatus, PlanView};
use journeys::{Desk, World, approval, edit, make_plan};
use record::Remote;
use serde_json::json;

const OTHER_CHIP: &str = "985112001234567";

struct Chipped {
    chart: String,
    patient: String,
    chip_before: String,
}

/// An animal whose microchip number was changed in the EHR after both agreed.
async fn rechipped(world: &World, desk: &Desk) -> Chipped {
    let (row, chart) = world
        .animals(|row, chart| row["u_microchip_id"].len() >= 15 && edit::chip(chart).is_some())
        .remove(0);
    let chip_before = edit::chip(&world.chart(&chart)).unwrap().to_owned();
    world.ehr_chip(&chart, OTHER_CHIP);
    desk.run().await;
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    Chipped { chart, patient, chip_before }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_microchip_takes_two_different_persons() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let it = rechipped(&world, &desk).await;
    let view = desk.conflict_of(&it.patient).await;
    assert_eq!(view.conflict.grade, 4);

    // The clinician may not decide what belongs to the front desk's fields, and the other way round.
    desk.sit("lee").await;
    let choices = [("microchip_id", "take_service_now", None)];
    let field = view.fields.iter().find(|field| field.field == "microchip_id").unwrap();
    assert!(field.may_decide, "seen as an administrator");
    desk.sit("dana").await;

    // Without a reason the maker cannot even submit it.
    let plan = desk.plan(&view, &choices).await;
    assert!(plan.needs_second && plan.needs_reason && plan.grade == 4);
    let error = desk.refused("plans.approve", approval(&plan, None)).await;
    assert_eq!(error.code, ErrorCode::Invalid);

    let approved: console_api::dto::Approved =
        desk.call("plans.approve", approval(&plan, Some("read the chip myself"))).await;
    assert_eq!(approved.plan.status, PlanStatus::AwaitingSecond);
    assert!(approved.operations.is_empty(), "nothing is carried out yet");
    assert_eq!(edit::chip(&world.chart(&it.chart)), Some(OTHER_CHIP));
    let home = desk.home().await;
    assert_eq!((home.need_you, home.need_second), (0, 1));

    // The maker cannot be the second person.
    let error = desk.refused("plans.approve", approval(&plan, Some("and again"))).await;
    assert_eq!(error.code, ErrorCode::Invalid);
    assert!(
        error.message.contains("nobody approves") || error.message.contains("Nobody approves"),
        "{error:?}"
    );
    let own: PlanView = desk.call("plans.get", json!({ "id": plan.id })).await;
    assert!(!own.may_approve && own.who_can.is_some());

    // Nor can anybody who is no administrator.
    for person in ["robin", "lee", "sam", "ines"] {
        desk.sit(person).await;
        let error = desk.refused("plans.approve", approval(&plan, Some("fine"))).await;
        assert_eq!(error.code, ErrorCode::NotAllowed, "{person}");
    }
    assert_eq!(edit::chip(&world.chart(&it.chart)), Some(OTHER_CHIP));

    // A second administrator finds it by its conflict and carries it out.
    desk.sit("alex").await;
    let waiting: PlanView = desk.call("plans.get", json!({ "id": view.conflict.id })).await;
    assert_eq!(waiting.id, plan.id);
    assert!(waiting.may_approve && waiting.reason.as_deref() == Some("read the chip myself"));
    desk.approve(&waiting).await;
    let done = desk.carried_out(&plan.id).await;
    assert_eq!((done.maker.as_str(), done.approver.as_deref()), ("Dana Reyes", Some("Alex Kim")));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    assert_eq!(digits(edit::chip(&world.chart(&it.chart)).unwrap()), digits(&it.chip_before));
    let receipt = desk.receipts(&it.patient).await.remove(0);
    assert_eq!((receipt.maker.as_str(), receipt.approver.as_deref()), ("Dana Reyes", Some("Alex Kim")));
    assert_eq!(receipt.reason.as_deref(), Some("read the chip myself"));
    assert!(desk.conflicts().await.is_empty());
    desk.close().await;
}

/// The second person says no: nothing is written, the conflict is open again for the maker.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_person_can_refuse() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let it = rechipped(&world, &desk).await;
    let view = desk.conflict_of(&it.patient).await;
    let plan = desk.plan(&view, &[("microchip_id", "take_service_now", None)]).await;
    let _approved: serde_json::Value =
        desk.call("plans.approve", approval(&plan, Some("typo in the EHR"))).await;

    // While it waits, the conflict takes no second plan, and a run does not disturb it.
    let error =
        desk.refused("plans.make", make_plan(&view, &[("microchip_id", "take_ehr", None)], None)).await;
    assert_eq!(error.code, ErrorCode::Invalid);
    desk.run().await;
    assert_eq!(desk.conflicts().await[0].status, ConflictStatus::AwaitingSecond);

    desk.sit("alex").await;
    let error = desk.refused("plans.refuse", json!({ "planId": plan.id, "reason": " " })).await;
    assert_eq!(error.field.as_deref(), Some("reason"));
    let refused: PlanView = desk
        .call(
            "plans.refuse",
            json!({ "planId": plan.id, "reason": "the EHR's number is on the certificate" }),
        )
        .await;
    assert_eq!(refused.status, PlanStatus::Refused);
    assert_eq!(edit::chip(&world.chart(&it.chart)), Some(OTHER_CHIP));
    let view = desk.conflict_of(&it.patient).await;
    assert_eq!(view.conflict.status, ConflictStatus::Open);
    let error = desk.refused("plans.approve", approval(&plan, Some("after all"))).await;
    assert_eq!(error.code, ErrorCode::Invalid, "a refused plan stays refused");
    desk.close().await;
}

/// A colleague edits the record while the plan waits for its second person: refused, and asked again.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_person_is_told_what_moved() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let it = rechipped(&world, &desk).await;
    let view = desk.conflict_of(&it.patient).await;
    let plan = desk.plan(&view, &[("microchip_id", "take_service_now", None)]).await;
    let _approved: serde_json::Value = desk.call("plans.approve", approval(&plan, Some("typo"))).await;
    world.ehr_chip(&it.chart, "985112007654321");
    desk.sit("alex").await;
    let error = desk.refused("plans.approve", approval(&plan, None)).await;
    assert_eq!(error.code, ErrorCode::Moved);
    assert_eq!(edit::chip(&world.chart(&it.chart)), Some("985112007654321"));
    let view = desk.conflict_of(&it.patient).await;
    assert_eq!(view.conflict.status, ConflictStatus::Open);
    desk.close().await;
}

/// An allergy that was removed in one system is never removed in the other without two persons; the front desk cannot
/// decide it at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_allergy_takes_two_persons_of_whom_the_front_desk_is_none() {
    let world = World::calm(60).await;
    let desk = world.compared().await;
    let (row, chart) = world
        .animals(|row, chart| chart.allergies.len() >= 2 && !row["u_allergies"].is_empty())
        .into_iter()
        .next()
        .expect("an animal with two allergies");
    let all = world.chart(&chart).allergies.len();
    world.edit_chart(&chart, |chart| {
        chart.allergies.pop();
    });
    let before = world.row(&row)["u_allergies"].clone();
    let run = desk.run().await;
    assert_eq!((run.counts.writes_servicenow, run.counts.writes_ehr), (0, 0));
    let patient = desk.patient_id(Remote::Ehr, &chart).await;
    let view = desk.conflict_of(&patient).await;
    assert_eq!(view.conflict.grade, 4);
    let page = desk.patient(&patient).await;
    assert_eq!(page.fields[0].field, "allergies", "what a clinician must not miss comes first");
    assert!(!page.trusted);

    desk.sit("robin").await;
    let choices = [("allergies", "take_ehr", None)];
    let error = desk.refused("plans.make", make_plan(&view, &choices, Some("owner says so"))).await;
    assert_eq!((error.code, error.field.as_deref()), (ErrorCode::NotAllowed, Some("allergies")));

    desk.sit("lee").await;
    let plan: PlanView = desk.call("plans.make", make_plan(&view, &choices, Some("disproved by test"))).await;
    let approved = desk.approve(&plan).await;
    assert_eq!(approved.plan.status, PlanStatus::AwaitingSecond);
    assert_eq!(world.row(&row)["u_allergies"], before);
    desk.sit("alex").await;
    desk.approve(&plan).await;
    desk.carried_out(&plan.id).await;
    assert_ne!(world.row(&row)["u_allergies"], before);
    assert_eq!(world.chart(&chart).allergies.len(), all - 1);
    desk.close().await;
}

/// A hospital with one person at the desk: a typed reason takes the second person's place, and it is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_typed_reason_can_take_the_second_persons_place() {
    let world = World::calm(20).await;
    world.settings(|text| text.replace("[console]\n", "[console]\nsecond_person = \"typed_reason\"\n"));
    let desk = world.compared().await;
    let it = rechipped(&world, &desk).await;
    let view = desk.conflict_of(&it.patient).await;
    let plan = desk.plan(&view, &[("microchip_id", "take_service_now", None)]).await;
    assert!(!plan.needs_second && plan.needs_reason);
    let error = desk.refused("plans.approve", approval(&plan, Some("  "))).await;
    assert_eq!(error.code, ErrorCode::Invalid, "the reason is not optional");
    let _approved: serde_json::Value =
        desk.call("plans.approve", approval(&plan, Some("read the chip"))).await;
    desk.carried_out(&plan.id).await;
    let receipt = desk.receipts(&it.patient).await.remove(0);
    assert_eq!(receipt.reason.as_deref(), Some("read the chip"));
    desk.close().await;
}
