//! Patients that only one system knows.

use console_api::dto::{Cause, PatientStatus, PlanView};
use journeys::newcomers::{Newcomer, QUILL};
use journeys::{World, edit};
use record::{Json, Remote};
use serde_json::json;

/// Nothing resembles it: it is created on the other side without asking, both sides learn the other's key, and the next
/// run has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_created_on_the_other_side_once() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let row = world.in_servicenow(&QUILL, &[]);
    world.in_ehr(
        "wren",
        &Newcomer { name: "Wrenfeather", owner: "Ottoline Vanderbeek", phone: "2125550177", ..QUILL },
        |_| {},
    );
    let run = desk.run().await;
    assert_eq!(run.counts.created, 2, "{run:?}");

    let charts = world.charts_of(&row);
    assert_eq!(charts.len(), 1, "created once, with the row's key");
    assert_eq!(world.row(&row)["u_ehr_id"], charts[0], "and the row knows it");
    let rows = world.rows_of("wren");
    assert_eq!(rows.len(), 1);
    assert!(world.chart("wren").patient.to_string().contains(&rows[0]));
    let created = world.row(&rows[0]);
    assert_eq!(created["u_patient_name"], "Wrenfeather");
    assert_eq!(edit::digits(&created["u_owner_phone"]), "2125550177");
    assert_eq!(edit::digits(edit::phone(&world.chart(&charts[0])).unwrap()), "4155550142");

    let page = desk.patient(&desk.patient_id(Remote::ServiceNow, &row).await).await;
    assert_eq!(page.patient.status, PatientStatus::Agreed, "{}", page.trust);
    assert!(page.trusted);
    let writes = world.writes();
    let again = desk.run().await;
    assert_eq!((again.counts.created, world.writes()), (0, writes));
    desk.close().await;
}

/// Dead and inactive animals are not carried over, and nobody is asked about them.
#[tokio::test(flavor = "multi_thread")]
async fn the_dead_and_the_inactive_are_not_created() {
    let world = World::calm(5).await;
    world.in_servicenow(&QUILL, &[("u_deceased", "true")]);
    world.in_servicenow(
        &Newcomer { name: "Oswaldino", phone: "2125550101", owner: "Ida Knorr", ..QUILL },
        &[("u_active", "false")],
    );
    world.in_ehr(
        "late",
        &Newcomer { name: "Thistledown", phone: "2125550102", owner: "Abel Quist", ..QUILL },
        |chart| {
            chart.patient.set("deceasedBoolean", Json::Bool(true));
        },
    );
    world.in_ehr(
        "gone",
        &Newcomer { name: "Bramblewick", phone: "2125550103", owner: "Una Frost", ..QUILL },
        |chart| {
            chart.patient.set("active", Json::Bool(false));
        },
    );
    let desk = world.compared().await;
    assert_eq!(world.writes(), (0, 0));
    assert!(desk.conflicts().await.is_empty());
    let home = desk.home().await;
    assert_eq!((home.status_counts.only_service_now, home.status_counts.only_ehr), (2, 2));
    let page = desk.patient(&desk.patient_id(Remote::Ehr, "late").await).await;
    assert!(page.trust.contains("not created"), "{}", page.trust);
    desk.close().await;
}

/// A look-alike on the other side: asked; "the same" links them and judges their fields.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_animal_is_linked_and_its_fields_judged() {
    let world = World::calm(10).await;
    let row = world.in_servicenow(&QUILL, &[("u_breed", "Beagle"), ("u_owner_email", "zeb@example.org")]);
    world.in_ehr("quill", &QUILL, |_| {});
    let desk = world.compared().await;
    assert_eq!(world.writes(), (0, 0), "nothing is created before the question is answered");
    let item = desk.conflicts().await.into_iter().find(|item| item.cause == Cause::MaybeDuplicate).unwrap();
    let view = desk.compare(&item.id).await;
    assert_eq!(view.candidates.len(), 1);
    assert!(!view.candidates[0].for_sentences.is_empty());
    let error = desk
        .refused("conflicts.answer", json!({ "conflictId": item.id, "candidatePatientId": view.candidates[0].patient_id, "answer": "same", "reason": "" }))
        .await;
    assert_eq!(error.field.as_deref(), Some("reason"));
    let plan: PlanView = desk
        .call("conflicts.answer", json!({ "conflictId": item.id, "candidatePatientId": view.candidates[0].patient_id, "answer": "same", "reason": "same owner, same dog" }))
        .await;
    let patient = plan.patient_id.clone();
    assert_eq!(desk.patient_id(Remote::ServiceNow, &row).await, desk.patient_id(Remote::Ehr, "quill").await);
    desk.agreed(&patient).await;
    assert!(world.chart("quill").patient.to_string().contains("Beagle"), "the blank breed was filled");
    assert!(desk.conflicts().await.iter().all(|item| item.cause != Cause::MaybeDuplicate));
    let page = desk.patient(&patient).await;
    assert_eq!(page.linked_by.as_deref(), Some("linked by Dana Reyes"));
    let again = desk.run().await;
    assert_eq!(again.counts.created, 0);
    assert_eq!(world.charts_of(&row), ["quill"], "the write carried the row's key along");
    desk.close().await;
}

/// "Not the same" creates both where they are missing, and is remembered.
#[tokio::test(flavor = "multi_thread")]
async fn different_animals_are_created_and_the_answer_is_remembered() {
    let world = World::calm(10).await;
    let row = world.in_servicenow(&QUILL, &[]);
    world.in_ehr("quill", &QUILL, |_| {});
    let desk = world.compared().await;
    let item = desk.conflicts().await.into_iter().find(|item| item.cause == Cause::MaybeDuplicate).unwrap();
    let candidate = desk.compare(&item.id).await.candidates.remove(0);
    let _plan: PlanView = desk
        .call("conflicts.answer", json!({ "conflictId": item.id, "candidatePatientId": candidate.patient_id, "answer": "different", "reason": "littermates" }))
        .await;
    desk.until("both to be created", || async {
        (world.charts_of(&row).len() == 1 && world.rows_of("quill").len() == 1).then_some(())
    })
    .await;
    let run = desk.run().await;
    assert_eq!(run.counts.created, 0, "{run:?}");
    assert!(desk.conflicts().await.is_empty(), "not asked again: {:?}", desk.conflicts().await);
    assert_ne!(world.charts_of(&row), ["quill"]);
    desk.close().await;
}

/// A record whose stored key names one that the other system does not show is no newcomer: creating it would make a
/// double. It is asked about, and linked as soon as the other one is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_names_a_missing_partner_is_not_created_again() {
    let world = World::calm(10).await;
    let (row, chart) = world.animals(|row, _| !row["u_ehr_id"].is_empty()).remove(0);
    let values = world.row(&row);
    assert!(world.remotes.control.servicenow.delete_row(journeys::TABLE, &row, "front.desk"));
    let desk = world.compared().await;
    assert_eq!(world.writes(), (0, 0));
    let patient = desk.patient_id(Remote::Ehr, &chart).await;
    let conflict = desk.conflict_of(&patient).await.conflict;
    assert_eq!(conflict.cause, Cause::Vanished);
    assert!(conflict.why.contains("ServiceNow"), "{}", conflict.why);
    desk.run().await;
    assert_eq!(desk.conflicts().await.len(), 1, "asked once");

    let values: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        world.remotes.control.servicenow.insert_row(journeys::TABLE, &values, "front.desk"),
        Some(row.clone())
    );
    let run = desk.run().await;
    assert_eq!((run.counts.linked, run.counts.created), (1, 0));
    assert_eq!(desk.patient_id(Remote::ServiceNow, &row).await, desk.patient_id(Remote::Ehr, &chart).await);
    assert!(desk.conflicts().await.is_empty(), "{:?}", desk.conflicts().await);
    desk.close().await;
}

/// What cannot be created as it is is asked about, and created once somebody mended it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_created_is_created_once_it_is_mended() {
    let world = World::calm(5).await;
    let row = world.in_servicenow(&QUILL, &[("u_patient_name", "")]);
    let desk = world.compared().await;
    let item = desk.conflicts().await.remove(0);
    assert_eq!((item.cause, world.writes()), (Cause::CannotCreate, (0, 0)));
    world.edit_row(&row, &[("u_patient_name", QUILL.name)]);
    let run = desk.run().await;
    assert_eq!(run.counts.created, 1, "{run:?}");
    assert_eq!(world.charts_of(&row).len(), 1);
    assert!(desk.conflicts().await.is_empty());
    desk.close().await;
}

/// While it is asked whether a new record is the same animal as an old one-sided one, neither is created.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_while_a_question_about_it_is_open() {
    let world = World::calm(5).await;
    let row = world.in_servicenow(&QUILL, &[]);
    let desk = world.open().await;
    // A first comparison that only looks: the dog waits to be created.
    let _preview = desk.run_with(true).await;
    world.in_ehr("quill", &QUILL, |_| {});
    let run = desk.run().await;
    assert_eq!((run.counts.created, world.writes()), (0, (0, 0)), "{run:?}");
    let item = desk.conflicts().await.remove(0);
    assert_eq!(item.cause, Cause::MaybeDuplicate);
    let candidate = desk.compare(&item.id).await.candidates.remove(0);
    let _plan: PlanView = desk
        .call("conflicts.answer", json!({ "conflictId": item.id, "candidatePatientId": candidate.patient_id, "answer": "same", "reason": "same dog" }))
        .await;
    assert_eq!(desk.patient_id(Remote::ServiceNow, &row).await, desk.patient_id(Remote::Ehr, "quill").await);
    desk.close().await;
}

/// The first comparison only looks; before the next one somebody enters the EHR's number into the row. They are linked
/// only when what they say does not contradict that number: a number can be typed into the wrong row.
#[tokio::test(flavor = "multi_thread")]
async fn a_certain_partner_that_turns_up_later_is_linked() {
    let world = World::calm(5).await;
    let row = world.in_servicenow(
        &QUILL,
        &[("u_patient_name", "Zorro"), ("u_owner_name", "Mina Sol"), ("u_owner_phone", "3125550111")],
    );
    world.in_ehr("quill", &QUILL, |_| {});
    let desk = world.open().await;
    let _preview = desk.run_with(true).await;
    assert_eq!(desk.home().await.status_counts.only_ehr, 1);
    world.edit_row(&row, &[("u_ehr_id", "quill")]);
    let run = desk.run().await;
    assert_eq!(run.counts.created, 0, "{run:?}");
    assert_ne!(desk.patient_id(Remote::ServiceNow, &row).await, desk.patient_id(Remote::Ehr, "quill").await);
    assert!(!desk.conflicts().await.is_empty(), "another name and another owner: somebody has to look");
    world.edit_row(&row, &[("u_patient_name", QUILL.name)]);
    let run = desk.run().await;
    assert_eq!(run.counts.created, 0, "{run:?}");
    assert_eq!(desk.patient_id(Remote::ServiceNow, &row).await, desk.patient_id(Remote::Ehr, "quill").await);
    desk.close().await;
}
