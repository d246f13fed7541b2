//! Deciding conflicts, undoing decisions, and being refused.

use console_api::dto::{Cause, CompareView, ErrorCode, PlanStatus, PlanView, RemoteName, WhyAsked};
use journeys::{Desk, World, approval, edit, make_plan};
use record::{Json, Remote};
use serde_json::json;

const PHONE_OURS: &str = "(415) 555-2671";
const PHONE_EHR: &str = "+14155550123";

/// One animal whose owner's phone number was changed in both systems since they agreed.
struct Contested {
    row: String,
    chart: String,
    patient: String,
    phone_before: String,
    row_phone_before: String,
}

async fn contested(world: &World, desk: &Desk) -> Contested {
    let (row, chart) = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .remove(0);
    let phone_before = edit::phone(&world.chart(&chart)).unwrap().to_owned();
    let row_phone_before = world.row(&row)["u_owner_phone"].clone();
    world.edit_row(&row, &[("u_owner_phone", PHONE_OURS)]);
    world.ehr_phone(&chart, PHONE_EHR);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    Contested { row, chart, patient, phone_before, row_phone_before }
}

/// Patient and allergies as text, without what the EHR itself stamps on a version.
fn text(world: &World, key: &str) -> String {
    let mut chart = world.chart(key);
    chart.patient.remove("meta");
    let allergies: Vec<String> = chart
        .allergies
        .iter_mut()
        .map(|allergy| {
            allergy.remove("meta");
            allergy.to_string()
        })
        .collect();
    format!("{}\n{}", chart.patient, allergies.join("\n"))
}

fn asked<'a>(view: &'a CompareView, field: &str) -> &'a console_api::dto::FieldView {
    view.fields.iter().find(|shown| shown.field == field).expect("the field is asked about")
}

/// The heart: conflict, compare, plan, approve, receipts; everything else of both records stays as it was, byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_carried_out_exactly_and_can_be_undone() {
    let world = World::calm(30).await;
    // Content no mapping knows, with digits and an order of its own.
    let suits = world.animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty());
    let odd = r#"{"valueDecimal":1.50,"url":"https://example.org/odd","id":"zz"}"#;
    world.edit_chart(&suits[0].1, |chart| {
        let mut extensions = chart.patient.get("extension").map_or_else(Vec::new, |all| all.items().to_vec());
        extensions.push(Json::parse(odd).unwrap());
        chart.patient.set("extension", Json::Array(extensions));
    });
    world.edit_row(&suits[0].0, &[("u_loyalty_points", "4711"), ("u_coat_colour", "brindle")]);
    let desk = world.compared().await;
    let it = contested(&world, &desk).await;
    assert_eq!(it.row, suits[0].0);
    let (row_before, chart_before) = (world.row(&it.row), text(&world, &it.chart));

    let run = desk.run().await;
    assert_eq!((run.counts.writes_servicenow, run.counts.writes_ehr), (0, 0), "nobody is overruled");
    let item = desk.conflicts().await.remove(0);
    assert_eq!(
        (item.cause, item.grade, item.fields.as_slice()),
        (Cause::FieldsDiffer, 3, &["owner_phone".to_owned()][..])
    );
    let view = desk.compare(&item.id).await;
    let phone = asked(&view, "owner_phone");
    assert_eq!(phone.why, Some(WhyAsked::BothChanged));
    assert!(phone.service_now.text.contains("555-2671") && phone.ehr.text.contains("555"), "{phone:?}");
    assert!(phone.last_agreed_at_ms.is_some(), "what was last agreed is shown with its time");

    // The plan shows one write, to the EHR, and nothing is sent before it is approved.
    let plan = desk.plan(&view, &[("owner_phone", "take_service_now", None)]).await;
    assert_eq!(plan.status, PlanStatus::Draft);
    assert_eq!(plan.writes.len(), 1);
    let write = &plan.writes[0];
    assert_eq!((write.remote, write.method.as_str()), (RemoteName::Ehr, "PUT"));
    assert!(write.relies_on_version.is_some() && write.url.contains(&it.chart));
    assert!(write.headers.iter().any(|header| header.to_lowercase().starts_with("if-match")));
    world.remotes.control.ehr.journal.reset();
    assert_eq!(text(&world, &it.chart), chart_before);

    let approved = desk.approve(&plan).await;
    assert_eq!(approved.operations.len(), 1);
    let done = desk.carried_out(&plan.id).await;
    assert_eq!(done.approver.as_deref(), Some("Dana Reyes"));

    // What was shown is what was sent, byte for byte.
    let sent: Vec<_> = world
        .remotes
        .control
        .ehr
        .journal
        .entries()
        .into_iter()
        .filter(|entry| entry.method == "PUT")
        .collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body, write.body);
    assert!(sent[0].body.contains(odd), "key order and digits of unknown content are kept");

    // Both hold the value; nothing else moved on either side.
    assert_eq!(edit::phone(&world.chart(&it.chart)), Some(PHONE_OURS));
    assert_eq!(text(&world, &it.chart), chart_before.replace(PHONE_EHR, PHONE_OURS));
    assert_eq!(world.row(&it.row), row_before, "ServiceNow was right already and was not touched");

    let receipts = desk.receipts(&it.patient).await;
    let receipt = receipts.iter().find(|receipt| receipt.plan_id == plan.id).unwrap();
    assert!(receipt.verified && receipt.discrepancies.is_empty() && receipt.can_undo);
    assert!(receipt.request.starts_with("PUT ") && receipt.request.contains(odd));
    assert!(receipt.response.starts_with("200"));
    assert_ne!(receipt.version_before, receipt.version_after);
    assert!(desk.conflicts().await.is_empty());
    let page = desk.patient(&it.patient).await;
    assert!(page.trusted && page.conflict_id.is_none(), "{}", page.trust);
    assert!(page.timeline.iter().any(|entry| entry.plan_id.as_deref() == Some(plan.id.as_str())));

    // Undo: a plan of its own, previewed and approved like every other.
    let undo: PlanView = desk.call("plans.undo", json!({ "id": plan.id })).await;
    assert_eq!(undo.undoes.as_deref(), Some(plan.id.as_str()));
    assert_eq!(undo.writes.len(), 1);
    desk.approve(&undo).await;
    desk.carried_out(&undo.id).await;
    assert_eq!(edit::phone(&world.chart(&it.chart)), Some(PHONE_EHR));
    assert_eq!(text(&world, &it.chart), chart_before);
    let receipts = desk.receipts(&it.patient).await;
    let receipt = receipts.iter().find(|receipt| receipt.plan_id == plan.id).unwrap();
    assert_eq!(receipt.undone_by.as_deref(), Some(undo.id.as_str()));
    assert!(!receipt.can_undo);

    // The question is back, and no rule answers it.
    let open = desk.until("the conflict to be open again", || async { desk.conflicts().await.pop() }).await;
    assert_eq!(
        (open.patient_id.as_str(), open.fields.as_slice()),
        (it.patient.as_str(), &["owner_phone".to_owned()][..])
    );
    let writes = world.writes();
    desk.run().await;
    assert_eq!(world.writes(), writes);
    assert_eq!(desk.conflicts().await.len(), 1);
    assert_eq!(edit::phone(&world.chart(&it.chart)), Some(PHONE_EHR));
    assert_ne!(it.phone_before, PHONE_EHR);
    desk.close().await;
}

/// A value of one's own goes to both systems, each in its own spelling.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_value_is_written_to_both_and_undone_on_both() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let it = contested(&world, &desk).await;
    desk.run().await;
    let row_before = world.row(&it.row);
    let view = desk.conflict_of(&it.patient).await;
    let plan = desk.decide(&view, &[("owner_phone", "own", Some("415 555 0199"))]).await;
    assert_eq!(plan.writes.len(), 2);
    assert_eq!(edit::digits(edit::phone(&world.chart(&it.chart)).unwrap()), "4155550199");
    let row = world.row(&it.row);
    assert_eq!(edit::digits(&row["u_owner_phone"]), "4155550199");
    // Every other column is as it was.
    for (column, value) in &row_before {
        if column != "u_owner_phone" && !column.starts_with("sys_") {
            assert_eq!(&row[column], value, "{column}");
        }
    }
    let receipts = desk.receipts(&it.patient).await;
    assert_eq!(receipts.iter().filter(|receipt| receipt.plan_id == plan.id && receipt.verified).count(), 2);
    assert!(desk.patient(&it.patient).await.trusted);

    let undo: PlanView = desk.call("plans.undo", json!({ "id": plan.id })).await;
    assert_eq!(undo.writes.len(), 2);
    desk.approve(&undo).await;
    desk.carried_out(&undo.id).await;
    assert_eq!(edit::phone(&world.chart(&it.chart)), Some(PHONE_EHR));
    assert_eq!(world.row(&it.row)["u_owner_phone"], PHONE_OURS);
    let receipts = desk.receipts(&it.patient).await;
    assert!(
        receipts
            .iter()
            .filter(|receipt| receipt.plan_id == plan.id)
            .all(|receipt| receipt.undone_by.as_deref() == Some(undo.id.as_str()))
    );
    assert_ne!(it.row_phone_before, PHONE_OURS);
    desk.close().await;
}

/// Taking the value last agreed brings both back to it.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_agreed_value_can_be_taken() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let it = contested(&world, &desk).await;
    desk.run().await;
    let view = desk.conflict_of(&it.patient).await;
    let plan = desk.decide(&view, &[("owner_phone", "take_last_agreed", None)]).await;
    assert_eq!(plan.writes.len(), 2);
    let agreed = edit::digits(&it.phone_before);
    assert_eq!(edit::digits(edit::phone(&world.chart(&it.chart)).unwrap()), agreed);
    assert_eq!(edit::digits(&world.row(&it.row)["u_owner_phone"]), agreed);
    assert!(desk.patient(&it.patient).await.trusted);
    assert!(desk.conflicts().await.is_empty());
    desk.close().await;
}

/// A colleague was faster: nothing is written, the new values are shown, the work is kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_refused_when_a_side_moved_meanwhile() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let it = contested(&world, &desk).await;
    desk.run().await;
    let view = desk.conflict_of(&it.patient).await;
    let choices = json!([{ "field": "owner_phone", "choice": "take_service_now", "own": null }]);
    let _nothing: serde_json::Value =
        desk.call("conflicts.draft", json!({ "id": view.conflict.id, "choices": choices })).await;
    let plan = desk.plan(&view, &[("owner_phone", "take_service_now", None)]).await;

    world.ehr_phone(&it.chart, "+14155550188");
    let (chart, row, writes) = (text(&world, &it.chart), world.row(&it.row), world.writes());
    let error = desk.refused("plans.approve", approval(&plan, None)).await;
    assert_eq!(error.code, ErrorCode::Moved, "{error:?}");
    assert!(error.message.contains("phone"), "the field is named: {}", error.message);
    assert!(!error.message.contains("0188"), "values are never part of an error");
    assert_eq!((text(&world, &it.chart), world.row(&it.row), world.writes()), (chart, row, writes));

    let view = desk.conflict_of(&it.patient).await;
    assert!(asked(&view, "owner_phone").ehr.text.contains("0188"), "the new value is shown");
    assert_eq!(view.draft.len(), 1, "the choices are kept");
    let old: PlanView = desk.call("plans.get", json!({ "id": plan.id })).await;
    assert_eq!(old.status, PlanStatus::Superseded);
    assert!(!old.may_approve);
    // And the decision can be made again on what is there now.
    desk.decide(&view, &[("owner_phone", "take_service_now", None)]).await;
    assert_eq!(edit::phone(&world.chart(&it.chart)), Some(PHONE_OURS));
    desk.close().await;
}

/// Compare that is out of date makes no plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_from_an_outdated_view_is_refused() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let it = contested(&world, &desk).await;
    desk.run().await;
    let stale = desk.conflict_of(&it.patient).await;
    world.ehr_phone(&it.chart, "+14155550177");
    desk.verify(&it.patient).await;
    let error = desk
        .refused("plans.make", make_plan(&stale, &[("owner_phone", "take_service_now", None)], None))
        .await;
    assert_eq!(error.code, ErrorCode::Moved);
    let error = desk
        .refused(
            "plans.make",
            make_plan(
                &desk.conflict_of(&it.patient).await,
                &[("owner_phone", "own", Some("not a number"))],
                None,
            ),
        )
        .await;
    assert_eq!((error.code, error.field.as_deref()), (ErrorCode::Invalid, Some("owner_phone")));
    desk.close().await;
}
