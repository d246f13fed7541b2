//! Remotes that misbehave as real ones do.

use console_api::dto::{Cause, PatientStatus, RunStatus};
use journeys::newcomers::QUILL;
use journeys::{TABLE, World, edit};
use record::Remote;
use simulator::servicenow::schema::{self, ColumnType};
use simulator::servicenow::{BusinessRule, RuleAction, RuleEvent};
use simulator::{Fault, PlannedFault};

const LIST: &str = "/table/u_patient_record";

/// A run over a remote that fails in passing reads everything all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_gets_over_passing_faults() {
    let cases: &[(&str, Fault, u32)] = &[
        ("429 with Retry-After", Fault::TooManyRequests { retry_after_s: Some(1) }, 2),
        ("a burst of 503", Fault::ServerError { status: 503 }, 2),
        ("a gateway's page with status 200", Fault::HtmlPage { status: 200 }, 1),
        ("JSON that ends in the middle", Fault::TruncatedJson, 1),
        ("a connection that breaks", Fault::DropReply, 1),
        ("a token that is not accepted any more", Fault::Unauthorized, 1),
    ];
    let mut under_way = tokio::task::JoinSet::new();
    for (name, fault, times) in cases.iter().cloned() {
        under_way.spawn(async move {
            let world = World::calm(30).await;
            let control = &world.remotes.control;
            control
                .servicenow
                .faults
                .add(PlannedFault::always(fault.clone()).path(LIST).after(1).times(times));
            control.ehr.faults.add(PlannedFault::always(fault).path("/patients").after(1).times(times));
            let desk = world.open().await;
            let run = desk.run().await;
            assert_eq!((run.status, run.problem), (RunStatus::Done, None), "{name}");
            assert_eq!((run.counts.servicenow, run.counts.ehr, run.counts.compared), (30, 30, 30), "{name}");
            let met: u32 = control
                .servicenow
                .faults
                .planned()
                .iter()
                .chain(&control.ehr.faults.planned())
                .map(|(_, met)| *met)
                .sum();
            assert_eq!(met, 2 * times, "{name}: the faults were met");
            assert!(!desk.home().await.offline, "{name}: and are over");
            desk.close().await;
        });
    }
    while let Some(done) = under_way.join_next().await {
        done.expect("this fault was got over");
    }
}

/// A page that the transaction quota cut off (status 200, an error behind the rows) is asked for again, smaller.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_cut_by_the_quota_and_short_pages_lose_nobody() {
    let world = World::calm(40).await;
    let control = &world.remotes.control;
    control.servicenow.faults.add(PlannedFault::once(Fault::ErrorInBody).path(LIST).after(1));
    control.servicenow.faults.add(PlannedFault::always(Fault::ShortPages { at_most: 7 }).path(LIST));
    control.ehr.faults.add(PlannedFault::always(Fault::ShortPages { at_most: 7 }).path("/patients"));
    let desk = world.open().await;
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
    assert_eq!((run.counts.servicenow, run.counts.ehr, run.counts.compared), (40, 40, 40));
    assert_eq!((run.counts.created, world.writes()), (0, (0, 0)), "nobody was taken for missing");
    desk.close().await;
}

/// All tokens are revoked between two runs: signed in anew, nobody notices.
#[tokio::test(flavor = "multi_thread")]
async fn revoked_tokens_are_renewed() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    world.remotes.control.servicenow.revoke_all_tokens();
    world.remotes.control.idp.revoke_all_tokens();
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.compared), (RunStatus::Done, 10));
    desk.close().await;
}

/// Rows that an access rule hides are never called missing as long as a complete read cannot be proved; and nobody is
/// created in a system that could not be read completely.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_concluded_from_what_cannot_be_seen() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, _| true).remove(0);
    // Hidden rows are counted and not shown: the read cannot be proved complete.
    world.remotes.control.servicenow.restrict(|access| {
        access.hidden_rows.insert(TABLE.to_owned(), format!("sys_id={row}"));
    });
    world.in_ehr("quill", &QUILL, |_| {});
    for _ in 0..3 {
        let run = desk.run().await;
        assert_eq!(run.status, RunStatus::Done);
        assert!(
            run.problem.as_deref().is_some_and(|problem| problem.contains("could not be proved")),
            "{:?}",
            run.problem
        );
        assert_eq!(run.counts.created, 0, "ServiceNow may well have it, unseen");
    }
    assert_eq!(world.writes(), (0, 0));
    assert!(desk.conflicts().await.is_empty());
    let page = desk.patient(&desk.patient_id(Remote::Ehr, &chart).await).await;
    assert_eq!(page.patient.status, PatientStatus::Agreed);

    // With a complete read the newcomer is created.
    world.remotes.control.servicenow.restrict(|access| access.hidden_rows.clear());
    let run = desk.run().await;
    assert_eq!((run.problem, run.counts.created), (None, 1));
    desk.close().await;
}

/// Gone twice in a row from complete reads: a question, and nothing is deleted on the other side.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_record_becomes_a_question() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, _| true).remove(0);
    assert!(world.remotes.control.servicenow.delete_row(TABLE, &row, "front.desk"));
    desk.run().await;
    assert!(desk.conflicts().await.is_empty(), "once may be an accident");
    desk.run().await;
    let item = desk.conflicts().await.remove(0);
    assert_eq!(item.cause, Cause::Vanished);
    assert!(world.remotes.control.ehr.chart(&chart).is_some());
    assert_eq!(world.writes(), (0, 0));
    desk.close().await;
}

/// The reply to a create is lost: found by our key, one record in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_reply_is_lost_makes_one_record() {
    let world = World::calm(5).await;
    let desk = world.compared().await;
    let row = world.in_servicenow(&QUILL, &[]);
    world.in_ehr(
        "wren",
        &journeys::newcomers::Newcomer {
            name: "Wrenfeather",
            owner: "Ottoline Vanderbeek",
            phone: "2125550177",
            ..QUILL
        },
        |_| {},
    );
    let control = &world.remotes.control;
    control.ehr.faults.add(PlannedFault::once(Fault::DropReply).method("POST").path("/patients"));
    control.servicenow.faults.add(PlannedFault::once(Fault::DropReply).method("POST").path(LIST));
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Done, 2));
    assert_eq!((world.charts_of(&row).len(), world.rows_of("wren").len()), (1, 1));
    assert_eq!(control.servicenow.rows(TABLE, "u_patient_name=Wrenfeather").len(), 1);
    assert_eq!(control.ehr.patient_count(), 7);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    assert!(desk.receipts(&patient).await.iter().any(|receipt| receipt.response.contains("answer was lost")));
    desk.close().await;
}

/// The reply to an update is lost: written once, agreed, and not asked about.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_reply_is_lost_is_made_once() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    world.ehr_phone(&chart, "+14155550133");
    world.remotes.control.servicenow.faults.add(PlannedFault::once(Fault::DropReply).method("PATCH"));
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done);
    assert_eq!(edit::digits(&world.row(&row)["u_owner_phone"]), "4155550133");
    assert_eq!(world.writes().0, 1, "not written twice");
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    desk.agreed(&patient).await;
    assert!(desk.conflicts().await.is_empty());
    desk.close().await;
}

/// A person's decision whose reply is lost has its receipt all the same, and can be undone.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_whose_reply_is_lost_has_its_receipt() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, chart) = world
        .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
        .remove(0);
    world.edit_row(&row, &[("u_owner_phone", "(415) 555-2671")]);
    world.ehr_phone(&chart, "+14155550123");
    desk.run().await;
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    let view = desk.conflict_of(&patient).await;
    let control = &world.remotes.control;
    control.servicenow.faults.add(PlannedFault::once(Fault::DropReply).method("PATCH"));
    control.ehr.faults.add(PlannedFault::once(Fault::DropReply).method("PUT"));
    let plan = desk.decide(&view, &[("owner_phone", "own", Some("415 555 0199"))]).await;
    assert_eq!(edit::digits(&world.row(&row)["u_owner_phone"]), "4155550199");
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155550199");
    assert_eq!(world.writes(), (1, 1), "each written once");
    let receipts = desk.receipts(&patient).await;
    let receipts: Vec<_> = receipts.iter().filter(|receipt| receipt.plan_id == plan.id).collect();
    assert_eq!(receipts.len(), 2);
    assert!(
        receipts.iter().all(|receipt| receipt.verified
            && receipt.can_undo
            && receipt.response.contains("answer was lost")),
        "{receipts:?}"
    );
    assert!(desk.conflicts().await.is_empty());
    desk.close().await;
}

/// The reply is lost, and before it is tried again a colleague changes the same field: the colleague's value stands, and
/// it is asked about or settled anew, never overwritten by the repetition.
#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_never_overwrites_a_colleague() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    world.ehr_phone(&chart, "+14155550133");
    world.remotes.control.servicenow.faults.add(PlannedFault::once(Fault::DropReply).method("PATCH"));
    let mut events = desk.console.events();
    let started: console_api::dto::RunView =
        desk.call("run.start", serde_json::json!({ "patientId": null, "planOnly": false })).await;
    desk.until("the reply to be lost", || async {
        let servicenow = desk.home().await.remotes.remove(0);
        (servicenow.health == console_api::dto::RemoteHealth::Failing).then_some(())
    })
    .await;
    world.edit_row(&row, &[("u_owner_phone", "212-555-0100")]);
    desk.ended(&mut events, &started.id).await;
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    desk.until("the patient to be compared again", || async {
        let page = desk.patient(&patient).await;
        (page.patient.status != PatientStatus::Waiting).then_some(())
    })
    .await;
    assert_eq!(world.row(&row)["u_owner_phone"], "212-555-0100");
    assert_eq!(world.writes().0, 1);
    desk.close().await;
}

/// A choice column drops a value it does not know and says 200: noticed by reading back, asked about, not tried for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_silently_not_stored_is_asked_about() {
    let world = World::calm(20).await;
    let (row, chart) = world.animals(|row, _| !row["u_breed"].is_empty()).remove(0);
    let mut table = schema::patient_table();
    let mut breeds: Vec<(String, String)> = world
        .remotes
        .control
        .servicenow
        .rows(TABLE, "")
        .into_iter()
        .map(|(_, row)| (row["u_breed"].clone(), row["u_breed"].clone()))
        .collect();
    breeds.sort();
    breeds.dedup();
    table.columns.iter_mut().find(|column| column.name == "u_breed").unwrap().column_type =
        ColumnType::Choice(breeds);
    world.remotes.control.servicenow.define_table(&table);
    let desk = world.compared().await;
    let before = world.row(&row)["u_breed"].clone();
    world.edit_chart(&chart, |chart| {
        let text = chart.patient.to_string();
        let from = text.find("\"url\":\"breed\"").expect("a breed");
        let (head, tail) = text.split_at(from);
        let end = tail.find("}}").or_else(|| tail.find("}]}")).expect("its end");
        let replaced = format!(
            "{head}\"url\":\"breed\",\"valueCodeableConcept\":{{\"text\":\"Xoloitzcuintle of Nowhere\"}}{}",
            &tail[end + 1..]
        );
        chart.patient = record::Json::parse(&replaced).expect("JSON");
    });
    desk.run().await;
    assert_eq!(world.row(&row)["u_breed"], before);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    let view = desk.conflict_of(&patient).await;
    assert_eq!(view.conflict.cause, Cause::NotStored);
    assert!(
        view.fields.iter().any(|field| field.field == "breed" && !field.choices.is_empty()),
        "it can be decided"
    );
    let writes = world.remotes.control.servicenow.journal.counts().by_route;
    desk.run().await;
    desk.run().await;
    let later = world.remotes.control.servicenow.journal.counts().by_route;
    let patches = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().filter(|(route, _)| route.starts_with("PATCH")).map(|(_, n)| *n).sum::<u64>()
    };
    assert_eq!(patches(&writes), 1);
    assert_eq!(patches(&later), 1, "not tried again and again");
    let receipt = desk.receipts(&patient).await.remove(0);
    assert!(
        !receipt.verified && receipt.discrepancies.iter().any(|words| words.contains("Breed")),
        "{receipt:?}"
    );

    // ServiceNow's value can be taken instead.
    desk.decide(&view, &[("breed", "take_service_now", None)]).await;
    assert!(desk.conflicts().await.is_empty());
    assert!(desk.patient(&patient).await.trusted);
    desk.close().await;
}

/// A business rule refuses: parked with ServiceNow's words, then decided by another value. The other system's half of the
/// refused plan is not carried out behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_is_asked_about_in_the_remotes_words() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    world.remotes.control.servicenow.add_business_rule(BusinessRule {
        name: "No foreign numbers".to_owned(),
        table: TABLE.to_owned(),
        event: RuleEvent::BeforeUpdate,
        condition: "u_owner_phoneLIKE0166".to_owned(),
        action: RuleAction::Abort,
    });
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    world.ehr_phone(&chart, "+14155550166");
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done);
    assert_eq!(run.counts.writes_servicenow, 0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    let view = desk.conflict_of(&patient).await;
    assert_eq!(view.conflict.cause, Cause::NotStored);
    assert!(view.conflict.why.contains("No foreign numbers"), "{}", view.conflict.why);

    // Deciding for a value that is refused again: asked again, and the EHR keeps what it has.
    let plan = desk.plan(&view, &[("owner_phone", "own", Some("212 555 0166"))]).await;
    assert_eq!(plan.writes.len(), 2);
    desk.approve(&plan).await;
    let view = desk
        .until("the refusal", || async {
            let view = desk.conflict_of(&patient).await;
            (view.conflict.status == console_api::dto::ConflictStatus::Open).then_some(view)
        })
        .await;
    assert_eq!(edit::phone(&world.chart(&chart)), Some("+14155550166"));

    // Another value goes through.
    desk.decide(&view, &[("owner_phone", "own", Some("212 555 0111"))]).await;
    assert_eq!(edit::digits(&world.row(&row)["u_owner_phone"]), "2125550111");
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "2125550111");
    assert!(desk.conflicts().await.is_empty(), "{:?}", desk.conflicts().await);
    assert!(desk.patient(&patient).await.trusted);
    desk.close().await;
}

/// A rule's plan of two writes of which the first is refused does not keep the run waiting for the second.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_although_half_of_a_plan_is_refused() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    world.remotes.control.servicenow.restrict(|access| {
        access.read_only_tables.insert(TABLE.to_owned());
    });
    let (row, chart) =
        world.animals(|row, chart| edit::phone(chart).is_some() && !row["u_breed"].is_empty()).remove(0);
    // One change each way: the plan writes to both.
    world.ehr_phone(&chart, "+14155550122");
    world.edit_row(&row, &[("u_patient_name", "Somebody Else")]);
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    assert_eq!(desk.conflict_of(&patient).await.conflict.cause, Cause::NotStored);
    // And the next run is not kept waiting either.
    assert_eq!(desk.run().await.status, RunStatus::Done);
    desk.close().await;
}
