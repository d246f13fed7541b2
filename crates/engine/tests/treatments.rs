//! Treatments through the one pipeline: completed in ServiceNow, checked, written to the EHR once, revised and never
//! overwritten.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "everything here belongs to tests"
)]

mod common;
#[path = "common/treated.rs"]
mod treated;

use common::{Bench, OLD, chart, row};
use engine::one_sided::Hindrance;
use engine::step::{Command, Request};
use record::{RecordKind, Remote};
use remote::{Fetched, RemoteError, Write, Written};
use serde_json::{Value, json};
use store::{ConflictCause, ConflictFilter, ConflictRow, ConflictState, OperationState, PairRow, PairStatus};
use treated::{held, treated};

const KIND: RecordKind = RecordKind::Treatment;
const VERSIONS: &str = "https://example.org/u_treatment/version";

/// A run in which the one patient is linked, and treatments stand as given.
async fn run(bench: &mut Bench, rows: &[Fetched], documents: &[Fetched]) {
    bench.start_run().await;
    let (rex, chart) = (row("r1", 3, OLD, "p1"), chart("p1", 1, "+14155550100", "r1"));
    bench.pages_of(RecordKind::Patient, &[rex], &[chart]).await;
    bench.pages_of(KIND, rows, documents).await;
}

fn lookup(bench: &mut Bench) -> String {
    match &bench.sent[..] {
        [Request::FindByOurKey { remote: Remote::Ehr, kind: KIND, key, .. }] => key.clone(),
        other => panic!("not one look-up: {other:?}"),
    }
}

fn answered(read_back: Fetched) -> Written {
    Written {
        key: read_back.key.clone(),
        status: 201,
        response_body: read_back.raw.clone(),
        read_back,
        raced: false,
    }
}

async fn pair(bench: &Bench) -> PairRow {
    bench.store.pair_by_key(Remote::ServiceNow, KIND, "t1").await.unwrap().expect("a pair")
}

async fn open_conflicts(bench: &Bench) -> Vec<ConflictRow> {
    let open = ConflictFilter { states: vec![ConflictState::Open], ..ConflictFilter::default() };
    bench.store.conflicts(&open, bench.now_ms, 0, 50).await.unwrap().0
}

/// ServiceNow learns the EHR's id, as every record that was created does.
async fn told(bench: &mut Bench, row: Fetched) {
    let (operation, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::ServiceNow, Some("t1")));
    let sent: Value = serde_json::from_str(&write.body).unwrap();
    let holds: Value = serde_json::from_str(&row.raw).unwrap();
    assert_eq!(sent, json!({ "u_ehr_id": holds["u_ehr_id"] }), "the key and nothing else");
    bench.answer(&operation, Ok(answered(row))).await;
}

/// The first version stands in both systems: ServiceNow's row and what the EHR holds.
async fn documented(bench: &mut Bench) -> (Fetched, Fetched) {
    run(bench, &[treated(1, |_| {})], &[]).await;
    assert_eq!(lookup(bench), format!("{VERSIONS}|t1-v1"));
    bench.find(None).await;
    let (operation, remote, Write { key, body, .. }) = bench.write();
    assert_eq!((remote, key), (Remote::Ehr, None));
    let first = held(&body, "e1", 1, |_| {});
    bench.answer(&operation, Ok(answered(first.clone()))).await;
    let named = treated(2, |row| row["u_ehr_id"] = json!("e1"));
    told(bench, named.clone()).await;
    assert_eq!(bench.last_run().await.state, "done");
    (named, first)
}

fn resources(fetched: &Fetched) -> Vec<Value> {
    let bundle: Value = serde_json::from_str(&fetched.raw).unwrap();
    bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_treatment_is_written_once_and_both_sides_agree() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let (row, first) = documented(&mut bench).await;
    let kinds: Vec<Value> =
        resources(&first).into_iter().map(|resource| resource["resourceType"].clone()).collect();
    assert_eq!(kinds, ["Encounter", "Condition", "Procedure", "Procedure", "MedicationRequest"]);
    assert!(resources(&first).iter().all(|resource| resource["subject"]["reference"] == "Patient/p1"));
    let known = pair(&bench).await;
    assert_eq!((known.ehr_key.as_deref(), known.status), (Some("e1"), PairStatus::Agreed));
    assert_eq!((known.card.name.as_str(), known.card.owner.as_str()), ("Rex r1", "Dr Lee"));
    for _ in 0..2 {
        run(&mut bench, std::slice::from_ref(&row), std::slice::from_ref(&first)).await;
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        assert_eq!(bench.last_run().await.state, "done");
    }
    assert!(open_conflicts(&bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_completed_stays_where_it_is() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    for status in [json!("in_progress"), json!(""), Value::Null] {
        let row = treated(1, |row| match &status {
            // A column that is hidden says nothing.
            Value::Null => drop(row.as_object_mut().unwrap().remove("u_treatment_status")),
            status => row["u_treatment_status"] = status.clone(),
        });
        run(&mut bench, &[row], &[]).await;
        assert!(bench.sent.is_empty(), "{status}: {:?}", bench.sent);
        let last = bench.last_run().await;
        assert_eq!((last.state.as_str(), last.problem), ("done", None), "{status}");
        assert_eq!(pair(&bench).await.status, PairStatus::OnlyServiceNow);
    }
    assert!(open_conflicts(&bench).await.is_empty(), "that is no question");
    // Completed, it goes.
    run(&mut bench, &[treated(2, |_| {})], &[]).await;
    assert_eq!(lookup(&mut bench), format!("{VERSIONS}|t1-v1"));
}

/// The answer was lost after the EHR had stored it: found by our own key, it is not written again, by the same process or
/// by the one after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_settled_by_looking_it_up() {
    for killed in [false, true] {
        let mut bench = Bench::of_kinds(&[KIND]).await;
        run(&mut bench, &[treated(1, |_| {})], &[]).await;
        bench.find(None).await;
        let (operation, _, write) = bench.write();
        if killed {
            bench = bench.restarted().await;
        } else {
            let lost = RemoteError::Ambiguous { remote: Remote::Ehr, what: "connection reset".to_owned() };
            bench.answer(&operation, Err(lost)).await;
            bench.wake().await;
        }
        assert_eq!(lookup(&mut bench), format!("{VERSIONS}|t1-v1"), "killed: {killed}");
        bench.find(Some(held(&write.body, "e1", 1, |_| {}))).await;
        told(&mut bench, treated(2, |row| row["u_ehr_id"] = json!("e1"))).await;
        let known = pair(&bench).await;
        assert_eq!((known.ehr_key.as_deref(), known.status), (Some("e1"), PairStatus::Agreed));
        assert_eq!(bench.operations(&[OperationState::Done]).await.len(), 2, "one create and the key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_the_compliance_check_is_asked_about_until_it_is_mended() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let careless = treated(1, |row| {
        row["u_diagnosis"] = json!("");
        row["u_medications_prescribed"] = json!("Apoquel");
    });
    for _ in 0..2 {
        run(&mut bench, std::slice::from_ref(&careless), &[]).await;
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        let [question] = &open_conflicts(&bench).await[..] else { panic!("one question") };
        assert_eq!(question.cause, ConflictCause::CannotCreate);
        let why: Vec<Hindrance> = serde_json::from_str(&question.comparison).unwrap();
        let fields: Vec<&str> = why.iter().map(Hindrance::field).collect();
        assert_eq!(fields, ["diagnosis", "medications_prescribed"]);
    }
    run(&mut bench, &[treated(2, |_| {})], &[]).await;
    assert_eq!(lookup(&mut bench), format!("{VERSIONS}|t1-v1"));
    assert!(open_conflicts(&bench).await.is_empty(), "it settled itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinician_whom_nobody_knows_and_a_patient_who_is_not_linked_keep_it_back() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    run(&mut bench, &[treated(1, |row| row["u_clinician"] = json!("99999999999999999999999999999999"))], &[])
        .await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let [question] = &open_conflicts(&bench).await[..] else { panic!("one question") };
    assert!(question.comparison.contains("staff table"), "{}", question.comparison);
    run(&mut bench, &[treated(2, |row| row["u_patient"] = json!("nobody"))], &[]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert!(bench.last_run().await.problem.is_some_and(|problem| problem.contains("patient is not linked")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_change_is_a_new_version_that_names_the_earlier_one() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let (_, first) = documented(&mut bench).await;
    let changed = |version: u32, ehr: &str| {
        treated(version, |row| {
            row["u_ehr_id"] = json!(ehr);
            row["u_diagnosis"] = json!("Otitis externa, Malassezia");
        })
    };
    run(&mut bench, &[changed(3, "e1")], std::slice::from_ref(&first)).await;
    assert_eq!(lookup(&mut bench), format!("{VERSIONS}|t1-v2"));
    bench.find(None).await;
    let (operation, remote, write) = bench.write();
    assert_eq!(
        (remote, write.key.as_deref(), write.expected_version.as_deref()),
        (Remote::Ehr, Some("e1"), Some("1")),
        "it revises the first as that one stood"
    );
    let second = held(&write.body, "e2", 1, |_| {});
    let of_second = resources(&second);
    let provenance = of_second.iter().find(|resource| resource["resourceType"] == "Provenance").unwrap();
    assert_eq!(provenance["entity"][0]["what"]["reference"], "Encounter/e1");
    assert_eq!(provenance["target"][0]["reference"], "Encounter/e2");
    assert_eq!(of_second.len(), 6, "all of it, not only what changed: {of_second:?}");
    bench.answer(&operation, Ok(answered(second.clone()))).await;
    told(&mut bench, changed(4, "e2")).await;
    let known = pair(&bench).await;
    assert_eq!((known.ehr_key.as_deref(), known.status), (Some("e2"), PairStatus::Agreed));
    // The first version stays in the EHR, and is nobody's question.
    for _ in 0..2 {
        run(&mut bench, &[changed(4, "e2")], &[first.clone(), second.clone()]).await;
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        assert_eq!(bench.last_run().await.state, "done");
    }
    assert!(open_conflicts(&bench).await.is_empty());
    assert!(bench.store.pair_by_key(Remote::Ehr, KIND, "e1").await.unwrap().is_none());
}

/// A program that remembers nothing finds the latest of several versions, also where the row still names the first.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_versions_the_latest_is_linked() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let (_, first) = documented(&mut bench).await;
    let body = &first.raw.replace("t1-v1", "t1-v2");
    let second: Value = serde_json::from_str(body).unwrap();
    let second =
        Fetched { key: "e2".to_owned(), raw: second.to_string().replace("e1", "e2"), ..first.clone() };
    let mut fresh = Bench::of_kinds(&[KIND]).await;
    run(&mut fresh, &[treated(2, |row| row["u_ehr_id"] = json!("e1"))], &[first, second]).await;
    let known = pair(&fresh).await;
    assert_eq!(known.ehr_key.as_deref(), Some("e2"));
    assert!(open_conflicts(&fresh).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_treatment_waits_until_it_is_completed_again() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let (_, first) = documented(&mut bench).await;
    let reopened = |version: u32, status: &str| {
        treated(version, |row| {
            row["u_ehr_id"] = json!("e1");
            row["u_treatment_notes"] = json!("Recheck in a week.");
            row["u_treatment_status"] = json!(status);
        })
    };
    run(&mut bench, &[reopened(3, "in_progress")], std::slice::from_ref(&first)).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(pair(&bench).await.status, PairStatus::Waiting);
    assert!(open_conflicts(&bench).await.is_empty());
    run(&mut bench, &[reopened(4, "completed")], &[first]).await;
    assert_eq!(lookup(&mut bench), format!("{VERSIONS}|t1-v2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_the_compliance_check_makes_no_version() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let (_, first) = documented(&mut bench).await;
    let careless = treated(3, |row| {
        row["u_ehr_id"] = json!("e1");
        row["u_medications_prescribed"] = json!("Apoquel");
    });
    for _ in 0..2 {
        run(&mut bench, std::slice::from_ref(&careless), std::slice::from_ref(&first)).await;
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        let [question] = &open_conflicts(&bench).await[..] else { panic!("one question") };
        assert_eq!(question.cause, ConflictCause::CannotCreate);
        assert!(question.comparison.contains("how much to give"), "{}", question.comparison);
        assert_eq!(pair(&bench).await.status, PairStatus::Differs);
    }
    let mended = treated(4, |row| {
        row["u_ehr_id"] = json!("e1");
        row["u_medications_prescribed"] = json!("Apoquel 16 mg: half a tablet by mouth SID");
    });
    run(&mut bench, &[mended], &[first]).await;
    assert_eq!(lookup(&mut bench), format!("{VERSIONS}|t1-v2"));
    assert!(open_conflicts(&bench).await.is_empty());
}

fn edited_in_ehr(first: &Fetched) -> Fetched {
    let raw = first.raw.replace("Otitis externa", "Otitis media");
    Fetched { version: "2".to_owned(), raw, ..first.clone() }
}

/// An edit in the EHR is a question, and as long as it is open no new version passes over it.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_the_ehr_is_asked_about_and_holds_back_new_versions() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let (row, first) = documented(&mut bench).await;
    run(&mut bench, &[row], &[edited_in_ehr(&first)]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let [question] = &open_conflicts(&bench).await[..] else { panic!("one question") };
    assert_eq!((question.cause, question.fields.as_str()), (ConflictCause::FieldsDiffer, "diagnosis"));
    let changed = treated(3, |row| {
        row["u_ehr_id"] = json!("e1");
        row["u_treatment_notes"] = json!("Recheck in a week.");
    });
    run(&mut bench, &[changed], &[edited_in_ehr(&first)]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let open = open_conflicts(&bench).await;
    // What is left open would be passed over by the version: all of it is decided.
    let decide = Command::MakePlan {
        conflict: open[0].id.clone(),
        fingerprint: open[0].fingerprint.clone(),
        decisions: Vec::new(),
        maker: "lee".to_owned(),
        reason: None,
    };
    let refused = bench.ask(decide).await.unwrap_err().to_string();
    assert!(refused.contains("left open"), "{refused}");
}

/// Edited in the EHR in the moment before the new version is sent: nothing is sent, and the edit is asked about.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_the_moment_of_revising_is_not_passed_over() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    let (_, first) = documented(&mut bench).await;
    let changed = treated(3, |row| {
        row["u_ehr_id"] = json!("e1");
        row["u_treatment_notes"] = json!("Recheck in a week.");
    });
    run(&mut bench, std::slice::from_ref(&changed), std::slice::from_ref(&first)).await;
    bench.find(None).await;
    let (operation, _, _) = bench.write();
    let moved = RemoteError::Moved {
        remote: Remote::Ehr,
        key: "e1".to_owned(),
        current_version: Some("2".to_owned()),
    };
    bench.answer(&operation, Err(moved)).await;
    bench.reads(&[changed, edited_in_ehr(&first)]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let [question] = &open_conflicts(&bench).await[..] else { panic!("one question") };
    assert_eq!(question.cause, ConflictCause::FieldsDiffer);
    assert!(question.fields.contains("diagnosis"), "{}", question.fields);
}

/// A completed treatment does not wait for the next run over everything when it is looked at by itself.
#[tokio::test(flavor = "multi_thread")]
async fn looked_at_by_itself_a_completed_treatment_is_sent() {
    let mut bench = Bench::of_kinds(&[KIND]).await;
    run(&mut bench, &[treated(1, |row| row["u_treatment_status"] = json!("draft"))], &[]).await;
    let id = pair(&bench).await.id;
    let command = Command::Observe { pair: id, write: true, actor: "lee".to_owned() };
    bench.step(engine::Event::Asked { ticket: engine::Ticket(1), command }).await;
    bench.reads(&[treated(2, |_| {})]).await;
    assert_eq!(lookup(&mut bench), format!("{VERSIONS}|t1-v1"));
}
