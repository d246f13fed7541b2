//! What changes in the remotes is found by asking, over real sockets and without anybody's message.

use console_api::dto::{Home, RemotesStatus, RunList};
use journeys::{Desk, TABLE, World};
use record::Remote;
use serde_json::json;
use simulator::ehr::Dialect;
use store::{ConflictCause, Presence, SnapshotId};

/// The product as a window runs it, asking every five seconds.
async fn window(world: &World) -> Desk {
    let options = agent::Options { acts_by_itself: true, ..world.options() };
    Desk::start(agent::open(options).await.unwrap()).await
}

fn asks_often(world: &World) {
    world.settings(|text| text.replace("sync_frequency = \"scheduled\"", "sync_frequency = \"5s\""));
}

async fn runs(desk: &Desk) -> usize {
    let list: RunList = desk.call("runs.list", json!({ "limit": 10 })).await;
    list.runs.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_on_either_side_arrives_on_the_other_without_anybody_asking() {
    let world = World::calm(6).await;
    asks_often(&world);
    let desk = window(&world).await;
    let home: Home = desk.call("home.get", json!({})).await;
    for remote in &home.remotes {
        let polling = remote.polling.as_ref().expect("it is polled");
        assert_eq!(polling.pace, "changes are looked for every 5 s");
        assert!(polling.words.contains("first time") && polling.read_at_ms.is_none(), "{polling:?}");
    }
    desk.run().await;
    let (row, chart) = world.animals(|_, _| true).remove(0);
    let patient = desk.patient_id(Remote::Ehr, &chart).await;
    world.ehr_phone(&chart, "+14155550177");
    desk.until("ServiceNow to have the phone", || async {
        world.row(&row).get("u_owner_phone").is_some_and(|phone| phone.ends_with("5550177")).then_some(())
    })
    .await;
    desk.agreed(&patient).await;
    assert!(world.remotes.control.servicenow.edit_row(
        TABLE,
        &row,
        &[("u_owner_phone", "+14155550188")],
        "ada"
    ));
    desk.until("the EHR to have the phone", || async {
        world.chart(&chart).patient.to_string().contains("5550188").then_some(())
    })
    .await;
    desk.agreed(&patient).await;
    assert_eq!(runs(&desk).await, 1, "the only comparison is the one that somebody asked for");
    let status: RemotesStatus = desk.call("remotes.status", json!({})).await;
    for remote in &status.remotes {
        assert!(remote.polls.iter().all(|poll| poll.well), "{:?}", remote.polls);
        assert!(remote.polls.iter().any(|poll| poll.what == "patients" && poll.read_at_ms.is_some()));
    }
    desk.close().await;

    // What happened while nobody was there is found by the next one, from where the last one was.
    world.ehr_phone(&chart, "+14155550199");
    let desk = window(&world).await;
    desk.until("ServiceNow to have the phone", || async {
        world.row(&row).get("u_owner_phone").is_some_and(|phone| phone.ends_with("5550199")).then_some(())
    })
    .await;
    assert_eq!(runs(&desk).await, 1);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_deleted_there_becomes_a_question() {
    let world = World::calm(6).await;
    asks_often(&world);
    let desk = window(&world).await;
    desk.run().await;
    let (row, chart) = world.animals(|_, _| true).remove(0);
    let pair = desk.patient_id(Remote::Ehr, &chart).await;
    assert!(world.remotes.control.servicenow.delete_row(TABLE, &row, "ada"));
    let conflict = desk
        .until("the question", || async { desk.running.store.open_conflict_of(&pair).await.unwrap() })
        .await;
    assert_eq!(conflict.cause, ConflictCause::Vanished);
    let id = SnapshotId { remote: Remote::ServiceNow, kind: record::RecordKind::Patient, key: row };
    assert_eq!(desk.running.store.snapshot(&id).await.unwrap().unwrap().presence, Presence::Gone);
    assert_eq!(runs(&desk).await, 1);
    desk.close().await;
}

/// A remote that cannot be asked for changes alone, and one that does not show what was deleted: said, and done without.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_remote_cannot_do_is_said() {
    let dialect = Dialect { last_updated_search: false, ..Dialect::default() };
    let world = World::of(simulator::Options {
        patients: 6,
        dialect,
        rates: simulator::clinic::Rates {
            appointments: 0,
            treatments: 0,
            ..simulator::clinic::Rates::calm()
        },
        ..simulator::Options::default()
    })
    .await;
    world.remotes.control.servicenow.restrict(|access| {
        access.closed_tables.insert("sys_audit_delete".to_owned());
    });
    asks_often(&world);
    let desk = window(&world).await;
    desk.run().await;
    let (row, chart) = world.animals(|_, _| true).remove(0);
    assert!(world.remotes.control.servicenow.edit_row(
        TABLE,
        &row,
        &[("u_owner_phone", "+14155550188")],
        "ada"
    ));
    desk.until("the EHR to have the phone", || async {
        world.chart(&chart).patient.to_string().contains("5550188").then_some(())
    })
    .await;
    let status = desk
        .until("both to be asked", || async {
            let status: RemotesStatus = desk.call("remotes.status", json!({})).await;
            let told = |remote: usize, what: &str| {
                status.remotes[remote].polls.iter().find(|poll| poll.what == what).cloned()
            };
            let (gone, charts) = (told(0, "deletions")?, told(1, "patients")?);
            (!gone.well && charts.read_at_ms.is_some()).then_some((gone, charts))
        })
        .await;
    let (gone, charts) = status;
    assert!(gone.words.contains("only a complete comparison finds what is gone"), "{gone:?}");
    assert!(
        charts.pace.starts_with("changes are looked for every 15 min; it cannot be asked for changes alone"),
        "{charts:?}"
    );
    desk.close().await;
}
