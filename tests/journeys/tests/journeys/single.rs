//! One patient at a time, records that cannot be read, and EHRs that can do less.

use console_api::dto::{RunStatus, RunView, WhyAsked};
use journeys::{World, edit};
use record::{Json, Remote};
use serde_json::json;
use simulator::clinic::Rates;
use simulator::ehr::{Dialect, ListShape, PatientBody};

/// "Verify now" reads both systems and says what differs; it writes nothing. "Sync this patient" settles it.
#[tokio::test(flavor = "multi_thread")]
async fn one_patient_is_verified_and_synced() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    world.ehr_phone(&chart, "+14155550144");
    desk.sit("lee").await;
    let page = desk.verify(&patient).await;
    assert!(!page.trusted, "{}", page.trust);
    let phone = page.fields.iter().find(|field| field.field == "owner_phone").unwrap();
    assert_eq!((phone.grade, phone.ehr.text.contains("0144")), (1, true));
    assert_eq!(world.writes(), (0, 0), "verifying writes nothing");
    let run: RunView = desk.call("run.start", json!({ "patientId": patient, "planOnly": false })).await;
    assert_eq!(run.status, RunStatus::Done);
    desk.agreed(&patient).await;
    assert_eq!(edit::digits(&world.row(&row)["u_owner_phone"]), "4155550144");
    let page = desk.verify(&patient).await;
    assert!(page.trusted && page.agreed_at_ms.is_some());
    assert_eq!(world.writes(), (1, 0));
    desk.close().await;
}

/// Dates and chips that cannot be read are shown and asked about; a resource that is broken is set aside with its text;
/// everybody else goes on.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_values_and_broken_resources_block_only_themselves() {
    let world = World::calm(20).await;
    let animals = world.animals(|row, chart| {
        row["u_microchip_id"].len() >= 15
            && chart.patient.get("birthDate").is_some()
            && edit::phone(chart).is_some()
    });
    let [(dated, _), (chipped, _), (_, broken), (healthy, healthy_chart), ..] = animals.as_slice() else {
        panic!("a clinic with four such animals")
    };
    world.edit_row(dated, &[("u_date_of_birth", "next spring")]);
    world.edit_row(chipped, &[("u_microchip_id", "9851 chip lost")]);
    world.edit_chart(broken, |chart| chart.patient.set("resourceType", Json::str("Basic")));
    let desk = world.open().await;
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
    assert_eq!(run.counts.malformed, 1, "{run:?}");
    assert_eq!(world.remotes.control.ehr.patient_count(), 20, "the broken one was not made a second time");
    for (key, field) in [(dated, "date_of_birth"), (chipped, "microchip_id")] {
        let patient = desk.patient_id(Remote::ServiceNow, key).await;
        let view = desk.conflict_of(&patient).await;
        let shown = view.fields.iter().find(|shown| shown.field == field).unwrap();
        assert_eq!(shown.why, Some(WhyAsked::ValueUnreadable));
        assert!(shown.service_now.problem.is_some());
    }
    let patient = desk.patient_id(Remote::ServiceNow, healthy).await;
    assert_eq!(desk.patient_id(Remote::Ehr, healthy_chart).await, patient);
    assert!(desk.patient(&patient).await.trusted);

    // Corrected by a person in Compare.
    let dated = desk.patient_id(Remote::ServiceNow, dated).await;
    let view = desk.conflict_of(&dated).await;
    desk.decide(&view, &[("date_of_birth", "take_ehr", None)]).await;
    assert!(desk.patient(&dated).await.trusted);
    desk.close().await;
}

/// A resource that was readable and broke later keeps its patient, its link and what was last agreed.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_breaks_later_keeps_its_link() {
    let world = World::calm(10).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| chart.allergies.is_empty()).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    world.edit_chart(&chart, |chart| chart.patient.set("resourceType", Json::str("Basic")));
    for _ in 0..3 {
        let run = desk.run().await;
        assert_eq!((run.status, run.counts.malformed, run.counts.created), (RunStatus::Done, 1, 0));
    }
    assert_eq!(desk.patient_id(Remote::Ehr, &chart).await, patient);
    assert!(desk.conflicts().await.is_empty(), "it is there, only unreadable");
    assert_eq!(world.writes(), (0, 0));
    desk.close().await;
}

/// A value that a column can never hold stops this patient, not the run.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_cannot_be_written_blocks_only_its_patient() {
    use simulator::servicenow::schema::{self, ColumnType};
    let world = World::calm(20).await;
    let animals = world.animals(|_, chart| {
        edit::phone(chart).is_some() && chart.patient.to_string().contains("valueQuantity")
    });
    let [(poison, poison_chart), (healthy, healthy_chart), ..] = animals.as_slice() else {
        panic!("two animals with a weight")
    };
    // A numeric weight column holds bare kilograms.
    for (key, _) in world.remotes.control.servicenow.rows(journeys::TABLE, "") {
        world.remotes.control.servicenow.edit_row(journeys::TABLE, &key, &[("u_weight", "")], "front.desk");
    }
    let mut table = schema::patient_table();
    table.columns.iter_mut().find(|column| column.name == "u_weight").unwrap().column_type =
        ColumnType::Decimal;
    world.remotes.control.servicenow.define_table(&table);
    let desk = world.compared().await;
    world.edit_chart(poison_chart, |chart| {
        let text = chart.patient.to_string();
        let at = text.find("\"valueQuantity\":").unwrap();
        let end = at + text[at..].find('}').unwrap();
        let replaced = format!("{}\"valueQuantity\":{{\"value\":3,\"unit\":\"L\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"L\"{}", &text[..at], &text[end..]);
        chart.patient = Json::parse(&replaced).unwrap();
    });
    world.ehr_phone(healthy_chart, "+14155550144");
    let run = desk.run().await;
    assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
    assert_eq!(edit::digits(&world.row(healthy)["u_owner_phone"]), "4155550144", "the others go on");
    let patient = desk.patient_id(Remote::ServiceNow, poison).await;
    assert!(!desk.patient(&patient).await.trusted);
    let item = desk.conflict_of(&patient).await.conflict;
    assert!(item.why.to_lowercase().contains("weight"), "{}", item.why);
    desk.close().await;
}

/// Every ability of the EHR taken away, one at a time: the first comparison and a decision still work.
#[tokio::test(flavor = "multi_thread")]
async fn an_ehr_that_can_do_less_still_works() {
    let whole = Dialect::default();
    let cases = [
        ("no ETag", Dialect { etag: false, ..whole.clone() }),
        ("If-Match required", Dialect { if_match_required: true, ..whole.clone() }),
        ("409 for a stale version", Dialect { stale_status: 409, ..whole.clone() }),
        ("no If-None-Exist", Dialect { if_none_exist: false, ..whole.clone() }),
        ("no identifier search", Dialect { identifier_search: false, ..whole.clone() }),
        ("no _lastUpdated", Dialect { last_updated_search: false, ..whole.clone() }),
        ("no total", Dialect { total: false, ..whole.clone() }),
        ("writes answer without a body", Dialect { write_returns_body: false, ..whole.clone() }),
        ("small pages", Dialect { default_count: 7, max_count: 7, ..whole.clone() }),
        ("unknown properties dropped", Dialect { strict: false, ..whole.clone() }),
        ("lists as data and next", Dialect { list: ListShape::DataNext, ..whole.clone() }),
        ("lists as a bare array", Dialect { list: ListShape::Array, ..whole.clone() }),
        (
            "bare patients",
            Dialect {
                patient: PatientBody::Bare { allergies_url: "https://example.org/allergies".to_owned() },
                ..whole
            },
        ),
    ];
    for (name, dialect) in cases {
        let bare = matches!(dialect.patient, PatientBody::Bare { .. });
        let no_proof = !dialect.total || !matches!(dialect.list, ListShape::Searchset);
        let world = World::of(simulator::Options {
            patients: 12,
            rates: Rates::calm(),
            dialect,
            ..simulator::Options::default()
        })
        .await;
        let desk = world.open().await;
        let run = desk.run().await;
        assert_eq!(run.status, RunStatus::Done, "{name}: {:?}", run.problem);
        assert_eq!((run.counts.linked, run.counts.compared), (12, 12), "{name}");
        if let Some(problem) = &run.problem {
            assert!(no_proof && problem.contains("could not be proved"), "{name}: {problem}");
        }
        if bare {
            // Allergies do not travel as resources there; nothing may be taken for removed.
            assert!(
                desk.conflicts().await.iter().all(|item| item.grade < 4),
                "{name}: {:?}",
                desk.conflicts().await
            );
        }
        let (row, chart) = world
            .animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty())
            .remove(0);
        world.edit_row(&row, &[("u_owner_phone", "(415) 555-2671")]);
        world.ehr_phone(&chart, "+14155550123");
        desk.run().await;
        let patient = desk.patient_id(Remote::ServiceNow, &row).await;
        let view = desk.conflict_of(&patient).await;
        desk.decide(&view, &[("owner_phone", "own", Some("415 555 0199"))]).await;
        assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155550199", "{name}");
        assert_eq!(edit::digits(&world.row(&row)["u_owner_phone"]), "4155550199", "{name}");
        assert!(desk.receipts(&patient).await.iter().all(|receipt| receipt.verified), "{name}");

        // A newcomer is created once there, too.
        let newcomer = world.in_servicenow(&journeys::newcomers::QUILL, &[]);
        let run = desk.run().await;
        if run.problem.is_none() {
            assert_eq!(run.counts.created, 1, "{name}");
            assert_eq!(world.charts_of(&newcomer).len(), 1, "{name}");
        } else {
            assert_eq!(run.counts.created, 0, "{name}: not without a proof that it is missing");
        }
        desk.close().await;
    }
}
