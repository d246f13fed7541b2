//! Colleagues who write at the same moment, and reads that show less than there is: nothing is forced, nothing is lost in
//! silence, nothing is taken for missing.

use console_api::dto::{Cause, CompareView, PatientStatus, RemoteHealth, RunStatus};
use journeys::newcomers::QUILL;
use journeys::{Desk, PATIENCE, World, edit};
use record::{Json, Remote};
use serde_json::json;
use simulator::clinic::Rates;
use simulator::ehr::Dialect;
use simulator::{Fault, PlannedFault};
use std::time::{Duration, Instant};

/// Long enough for a colleague to write while an answer is on its way.
const ON_ITS_WAY: Fault = Fault::Delay { ms: 1_500 };

async fn world(patients: usize, dialect: Dialect) -> World {
    World::of(simulator::Options { patients, rates: Rates::calm(), dialect, ..simulator::Options::default() })
        .await
}

/// Waits for something that the simulated remotes know and the product does not tell.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(5));
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "still waiting for {what}");
        beat.tick().await;
    }
}

fn rename(world: &World, chart: &str, name: &str) {
    world.edit_chart(chart, |chart| {
        let names = chart.patient.get_mut("name").and_then(Json::items_mut).expect("names");
        for one in names {
            one.remove("text");
            one.set("given", Json::Array(vec![Json::str(name)]));
        }
    });
}

/// Starts a run, and waits until the record was read for the last time before it is written: that answer comes late.
async fn about_to_write(world: &World, desk: &Desk, remote: Remote, key: &str) -> String {
    let control = &world.remotes.control;
    let (faults, journal) = match remote {
        Remote::ServiceNow => (&control.servicenow.faults, &control.servicenow.journal),
        Remote::Ehr => (&control.ehr.faults, &control.ehr.journal),
    };
    faults.add(PlannedFault::once(ON_ITS_WAY).method("GET").path(key));
    journal.reset();
    let run: console_api::dto::RunView =
        desk.call("run.start", json!({ "patientId": null, "planOnly": false })).await;
    eventually("the record to be read", || {
        journal.entries().iter().any(|entry| entry.method == "GET" && entry.target.contains(key))
    })
    .await;
    run.id
}

async fn settled(desk: &Desk, patient: &str) {
    desk.until("the patient to be compared again", || async {
        let home = desk.home().await;
        let page = desk.patient(patient).await;
        (home.run.is_none() && page.patient.status != PatientStatus::Waiting).then_some(())
    })
    .await;
}

async fn question(desk: &Desk, patient: &str) -> CompareView {
    settled(desk, patient).await;
    desk.conflict_of(patient).await
}

/// ServiceNow checks no version: a colleague's change between our reading and our writing is overwritten. It is asked
/// about, with the field that was written and what is known, until somebody has looked.
#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_overtaken_in_servicenow_is_asked_about() {
    let world = world(8, Dialect::default()).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    world.ehr_phone(&chart, "+14155550133");
    about_to_write(&world, &desk, Remote::ServiceNow, &row).await;
    world.edit_row(&row, &[("u_owner_phone", "212-555-0100")]);
    let view = question(&desk, &patient).await;
    assert_eq!(edit::digits(&world.row(&row)["u_owner_phone"]), "4155550133", "ours came last");
    assert_eq!(
        (view.conflict.cause, view.conflict.fields.as_slice()),
        (Cause::Overwritten, &["owner_phone".to_owned()][..])
    );
    assert!(
        view.conflict.why.contains("ServiceNow") && view.conflict.why.contains("not known"),
        "{}",
        view.conflict.why
    );
    // Both agree, and it is asked all the same.
    assert_eq!(desk.run().await.status, RunStatus::Done);
    assert_eq!(desk.conflicts().await.len(), 1);
    let error = desk.refused("conflicts.seen", json!({ "id": view.conflict.id, "reason": "" })).await;
    assert_eq!(error.field.as_deref(), Some("reason"));
    let seen = json!({ "id": view.conflict.id, "reason": "the owner has the EHR's number" });
    let _settled: serde_json::Value = desk.call("conflicts.seen", seen).await;
    assert!(desk.conflicts().await.is_empty());
    assert!(desk.agreed(&patient).await.trusted);
    desk.close().await;
}

/// The same in an EHR without `ETag`, where a write replaces the whole record.
#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_overtaken_in_an_ehr_without_etag_is_asked_about() {
    let world = world(8, Dialect { etag: false, ..Dialect::default() }).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    world.edit_row(&row, &[("u_owner_phone", "415-555-0133")]);
    about_to_write(&world, &desk, Remote::Ehr, &chart).await;
    rename(&world, &chart, "Zephyrine");
    let view = question(&desk, &patient).await;
    assert_eq!(view.conflict.cause, Cause::Overwritten);
    assert!(view.conflict.why.contains("whole record"), "{}", view.conflict.why);
    assert!(view.conflict.fields.contains(&"owner_phone".to_owned()), "{:?}", view.conflict.fields);
    desk.close().await;
}

/// With `ETag` nothing is overwritten: the EHR refuses, the pair is read and planned again, and both changes stand.
#[tokio::test(flavor = "multi_thread")]
async fn with_etag_a_target_that_moved_is_planned_again() {
    let world = world(8, Dialect::default()).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    world.edit_row(&row, &[("u_owner_phone", "415-555-0133")]);
    about_to_write(&world, &desk, Remote::Ehr, &chart).await;
    rename(&world, &chart, "Zephyrine");
    settled(&desk, &patient).await;
    assert_eq!(desk.run().await.status, RunStatus::Done);
    desk.agreed(&patient).await;
    let text = world.chart(&chart).patient.to_string();
    assert!(text.contains("Zephyrine"), "the colleague's change stands: {text}");
    assert_eq!(edit::digits(edit::phone(&world.chart(&chart)).unwrap()), "4155550133", "and so does ours");
    assert_eq!(world.row(&row)["u_patient_name"], "Zephyrine");
    assert!(desk.conflicts().await.is_empty());
    desk.close().await;
}

/// ServiceNow's count moved before the write: nothing is sent on the old plan; what both changed is asked about.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_moved_before_the_write_is_planned_again() {
    let world = world(8, Dialect::default()).await;
    let desk = world.compared().await;
    let (row, chart) = world.animals(|_, chart| edit::phone(chart).is_some()).remove(0);
    let patient = desk.patient_id(Remote::ServiceNow, &row).await;
    world.ehr_phone(&chart, "+14155550133");
    let servicenow = &world.remotes.control.servicenow;
    servicenow.faults.add(PlannedFault::once(Fault::DropRequest).method("GET").path(&row));
    let _run: serde_json::Value =
        desk.call("run.start", json!({ "patientId": null, "planOnly": false })).await;
    desk.until("the first try to fail", || async {
        let remote = desk.home().await.remotes.remove(0);
        (remote.health == RemoteHealth::Failing).then_some(())
    })
    .await;
    world.edit_row(&row, &[("u_owner_phone", "212-555-0100")]);
    let view = question(&desk, &patient).await;
    assert_eq!(view.conflict.cause, Cause::FieldsDiffer);
    assert_eq!(world.row(&row)["u_owner_phone"], "212-555-0100", "nothing was forced");
    assert_eq!(world.writes().0, 0, "nothing was sent");
    desk.close().await;
}

/// Two installations create the same newcomer in the EHR at the same moment. With `If-None-Exist` it is one record;
/// without, there may be two for a moment, and then somebody is asked: it is never passed over in silence.
#[tokio::test(flavor = "multi_thread")]
async fn two_callers_create_one_record_or_somebody_is_asked() {
    for if_none_exist in [true, false] {
        let world = world(8, Dialect { if_none_exist, ..Dialect::default() }).await;
        let first = world.compared().await;
        let elsewhere = tempfile::tempdir().unwrap();
        let config =
            agent::write_sample(&journeys::connections(&world.remotes), elsewhere.path()).await.unwrap();
        let options = agent::Options { config: Some(config), ..world.options() };
        let second = Desk::start(agent::open(options).await.unwrap()).await;
        assert_eq!(second.run().await.status, RunStatus::Done);
        let row = world.in_servicenow(&QUILL, &[]);
        let before = world.remotes.control.ehr.patient_count();
        // Both look before either creates: what they are told is on its way for a while.
        world.remotes.control.ehr.faults.add(PlannedFault::always(ON_ITS_WAY).method("GET"));
        let (one, other) = tokio::join!(first.run(), second.run());
        world.remotes.control.ehr.faults.clear();
        assert_eq!((one.status, other.status), (RunStatus::Done, RunStatus::Done), "{one:?} {other:?}");
        let made = world.remotes.control.ehr.patient_count() - before;
        for _ in 0..2 {
            first.run().await;
            second.run().await;
        }
        assert_eq!(world.remotes.control.ehr.patient_count() - before, made, "no more are made");
        let asked = !first.conflicts().await.is_empty() && !second.conflicts().await.is_empty();
        if if_none_exist {
            assert_eq!(made, 1, "one record");
        }
        assert!(made == 1 || asked, "{made} records of {row}, and nobody is asked");
        first.close().await;
        second.close().await;
    }
}

/// Reads that show less than there is, or something else than was asked for, twice in a row: nobody is called missing,
/// nothing is written, nothing is created.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_broken_read_does_not_show_is_not_missing() {
    let world = world(10, Dialect::default()).await;
    let desk = world.compared().await;
    let control = &world.remotes.control;
    let short = || PlannedFault::always(Fault::ShortPages { at_most: 4 }).method("GET");
    let broken = [
        ("a truncated page", Fault::TruncatedJson),
        ("200 with an error inside", Fault::ErrorInBody),
        ("200 with a page of a gateway", Fault::HtmlPage { status: 200 }),
        ("a condition that is ignored", Fault::IgnoreQuery),
    ];
    for (name, fault) in broken {
        for faults in [&control.servicenow.faults, &control.ehr.faults] {
            for _ in 0..2 {
                faults.add(short());
                faults.add(PlannedFault::once(fault.clone()).method("GET").after(1));
                let run = desk.run().await;
                assert_ne!(run.status, RunStatus::Running, "{name}");
                faults.clear();
            }
        }
        let home = desk.home().await;
        assert_eq!(home.status_counts.agreed, 10, "{name}: {:?}", home.status_counts);
        assert!(desk.conflicts().await.is_empty(), "{name}");
        assert_eq!(world.writes(), (0, 0), "{name}");
    }
    let run = desk.run().await;
    assert_eq!((run.status, run.counts.compared), (RunStatus::Done, 10), "{:?}", run.problem);
    desk.close().await;
}
