//! Appointments through the one pipeline: linked by the systems' own numbers, compared, moved, created, asked about.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "everything here belongs to tests"
)]

mod common;

use common::visits::{booked, run_with, visit, visit_as};
use common::{Bench, LEE, OLD, chart, row};
use engine::one_sided::Hindrance;
use engine::runs::counts_of;
use engine::step::{Command, Event, Reply, Request};
use record::{RecordKind, Remote};
use remote::{Fetched, Write, Written};
use store::{
    ConflictCause, ConflictFilter, ConflictRow, ConflictState, InboxState, OperationState, PairStatus,
};

const VISIT: RecordKind = RecordKind::Appointment;
const AT: &str = "2026-10-05 14:30:00";

const ENDS: &str = "2026-10-05 15:00:00";

/// A run in which the one patient is linked already or gets linked, and appointments stand as given.
async fn run(bench: &mut Bench, rows: &[Fetched], documents: &[Fetched]) {
    run_with(bench, (&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, "+14155550100", "r1")]), (rows, documents))
        .await;
}

async fn pair(bench: &Bench, remote: Remote, key: &str) -> store::PairRow {
    bench.store.pair_by_key(remote, VISIT, key).await.unwrap().expect("a pair")
}

async fn open_conflicts(bench: &Bench) -> Vec<ConflictRow> {
    let open = ConflictFilter { states: vec![ConflictState::Open], ..ConflictFilter::default() };
    bench.store.conflicts(&open, bench.now_ms, 0, 50).await.unwrap().0
}

fn one_lookup(bench: &mut Bench) -> (String, Remote, String) {
    assert_eq!(bench.sent.len(), 1, "{:?}", bench.sent);
    match bench.sent.remove(0) {
        Request::FindByOurKey { operation, remote, kind: VISIT, key } => (operation, remote, key),
        other => panic!("not a look-up: {other:?}"),
    }
}

fn answered(read_back: Fetched) -> Written {
    Written {
        key: read_back.key.clone(),
        status: 200,
        response_body: read_back.raw.clone(),
        read_back,
        raced: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_visit_in_other_words_is_equal_and_stays_so() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    for round in 0..3 {
        // ServiceNow's term has no one counterpart in FHIR: nothing goes back and forth.
        let rows = [visit_as("a1", 1, AT, "Confirmed", LEE, "ap1")];
        run(&mut bench, &rows, &[booked("ap1", 1, AT, ENDS, "a1")]).await;
        assert!(bench.sent.is_empty(), "round {round}: {:?}", bench.sent);
        let last = bench.last_run().await;
        assert_eq!(last.state, "done", "{:?}", last.problem);
        let counts = counts_of(&last).unwrap();
        let of_visits = counts.kinds.iter().find(|(kind, _)| *kind == VISIT).unwrap();
        assert_eq!((of_visits.1.compared, of_visits.1.equal), (1, 1), "round {round}");
        assert_eq!((counts.compared, counts.equal), (2, 2), "the figures above are of all kinds");
    }
    let linked = pair(&bench, Remote::Ehr, "ap1").await;
    assert_eq!((linked.servicenow_key.as_deref(), linked.status), (Some("a1"), PairStatus::Agreed));
    assert_eq!((linked.card.name.as_str(), linked.card.owner.as_str()), ("Rex r1", "Dr Lee"));
    assert!(open_conflicts(&bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_that_was_moved_is_moved_in_the_other_calendar() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, &[visit("a1", 1, AT, "ap1")], &[booked("ap1", 1, AT, ENDS, "a1")]).await;
    run(&mut bench, &[visit("a1", 2, "2026-10-06 09:00:00", "ap1")], &[booked("ap1", 1, AT, ENDS, "a1")])
        .await;
    let (operation, remote, write) = bench.write();
    assert_eq!((remote, write.kind, write.key.as_deref()), (Remote::Ehr, VISIT, Some("ap1")));
    // The end moves with the start; nothing else does.
    assert!(write.body.contains(r#""start":"2026-10-06T09:00:00Z""#), "{}", write.body);
    assert!(write.body.contains(r#""end":"2026-10-06T09:30:00Z""#), "{}", write.body);
    let moved = booked("ap1", 2, "2026-10-06 09:00:00", "2026-10-06 09:30:00", "a1");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&write.body).unwrap(),
        serde_json::from_str::<serde_json::Value>(&moved.raw).unwrap()
    );
    bench.answer(&operation, Ok(answered(moved))).await;
    assert_eq!(pair(&bench, Remote::Ehr, "ap1").await.status, PairStatus::Agreed);
    assert_eq!(bench.last_run().await.state, "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_moved_to_different_times_on_both_sides_is_asked_about_as_one() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, &[visit("a1", 1, AT, "ap1")], &[booked("ap1", 1, AT, ENDS, "a1")]).await;
    let elsewhere = booked("ap1", 2, "2026-10-07 11:00:00", "2026-10-07 11:30:00", "a1");
    run(&mut bench, &[visit("a1", 2, "2026-10-06 09:00:00", "ap1")], &[elsewhere]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let [conflict] = &open_conflicts(&bench).await[..] else { panic!("one question") };
    assert_eq!(conflict.cause, ConflictCause::FieldsDiffer);
    assert!(conflict.fields.split(',').any(|field| field == "appointment_date"), "{}", conflict.fields);
    assert!(conflict.title.starts_with("Rex r1 · 2026-10-06 09:00"), "{}", conflict.title);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_in_one_calendar_is_entered_in_the_other() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, &[visit("a1", 1, AT, "")], &[]).await;
    let (operation, remote, key) = one_lookup(&mut bench);
    // Under the identifier system of appointments, not of patients.
    assert_eq!((remote, key.as_str()), (Remote::Ehr, "https://example.org/u_appointment|a1"));
    bench.step(Event::Found { operation, result: Ok(None), latency_ms: 5 }).await;
    let (operation, _, Write { kind, key, body, idempotency_key, .. }) = bench.write();
    assert_eq!((kind, key, idempotency_key.as_str()), (VISIT, None, "https://example.org/u_appointment|a1"));
    for said in
        [r#""reference":"Patient/p1""#, r#""reference":"Practitioner/dr-lee""#, r#""status":"booked""#]
    {
        assert!(body.contains(said), "{said} in {body}");
    }
    bench.answer(&operation, Ok(answered(booked("ap1", 1, AT, ENDS, "a1")))).await;
    // The row learns the EHR's number.
    let (operation, remote, write) = bench.write();
    assert_eq!((remote, write.kind, write.key.as_deref()), (Remote::ServiceNow, VISIT, Some("a1")));
    assert_eq!(write.body, r#"{"u_ehr_id":"ap1"}"#);
    bench.answer(&operation, Ok(answered(visit("a1", 2, AT, "ap1")))).await;
    let linked = pair(&bench, Remote::Ehr, "ap1").await;
    assert_eq!((linked.servicenow_key.as_deref(), linked.status), (Some("a1"), PairStatus::Agreed));
    assert_eq!(counts_of(&bench.last_run().await).unwrap().created, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_of_a_patient_who_is_not_linked_waits_and_says_so() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    // The EHR's patients could not be proved to be all: nobody is created, and the visit has no patient there.
    bench.start_run().await;
    for request in std::mem::take(&mut bench.sent) {
        let Request::ReadPage { run, remote, .. } = request else { panic!("{request:?}") };
        let (items, next) = match remote {
            Remote::ServiceNow => (vec![row("r1", 3, OLD, "")], remote::Next::ProvenComplete),
            Remote::Ehr => (Vec::new(), remote::Next::Unproven { why: "no total".to_owned() }),
        };
        let page = remote::Page {
            items,
            malformed: Vec::new(),
            next,
            total_hint: None,
            clock_ms: None,
            narrowed: false,
        };
        bench.step(Event::PageRead { run, remote, result: Ok(page), latency_ms: 5 }).await;
    }
    bench.pages_of(VISIT, &[visit("a1", 1, AT, "")], &[]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert!(open_conflicts(&bench).await.is_empty());
    let last = bench.last_run().await;
    assert_eq!(counts_of(&last).unwrap().waiting_for_patients, 1);
    assert!(last.problem.unwrap().contains("its patient is not linked"));
    assert_eq!(pair(&bench, Remote::ServiceNow, "a1").await.status, PairStatus::OnlyServiceNow);
    // Linked by now, and the row did not change: the visit follows by itself.
    run(&mut bench, &[visit("a1", 1, AT, "")], &[]).await;
    assert_eq!(one_lookup(&mut bench).1, Remote::Ehr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_visit_goes_on_without_its_patient_until_the_patient_is_linked() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    bench.start_run().await;
    // Two patients that nothing links: they stay two questions, or none.
    bench.pages_of(RecordKind::Patient, &[], &[]).await;
    bench.pages_of(VISIT, &[visit("a1", 1, AT, "ap1")], &[booked("ap1", 1, AT, ENDS, "a1")]).await;
    assert!(open_conflicts(&bench).await.is_empty(), "who it is for cannot be said, and is not asked");
    assert_eq!(pair(&bench, Remote::Ehr, "ap1").await.status, PairStatus::Waiting);
    run(&mut bench, &[visit("a1", 1, AT, "ap1")], &[booked("ap1", 1, AT, ENDS, "a1")]).await;
    assert_eq!(pair(&bench, Remote::Ehr, "ap1").await.status, PairStatus::Agreed);
}

#[tokio::test(flavor = "multi_thread")]
async fn visits_that_may_be_one_are_asked_about_and_never_linked_by_themselves() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, &[visit("a1", 1, AT, "")], &[booked("ap1", 1, AT, ENDS, "")]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let questions = open_conflicts(&bench).await;
    assert!(
        questions.iter().all(|question| question.cause == ConflictCause::MaybeDuplicate),
        "{questions:?}"
    );
    let of_row = pair(&bench, Remote::ServiceNow, "a1").await;
    let candidate = pair(&bench, Remote::Ehr, "ap1").await;
    let question = questions.iter().find(|question| question.pair == of_row.id).expect("a question");
    let answer = Command::AnswerDuplicate {
        conflict: question.id.clone(),
        candidate: Some(candidate.id),
        same: true,
        person: "dana".to_owned(),
        reason: "the same visit".to_owned(),
    };
    assert!(matches!(bench.ask(answer).await, Ok(Reply::Pair(_))));
    let linked = pair(&bench, Remote::Ehr, "ap1").await;
    assert_eq!(linked.servicenow_key.as_deref(), Some("a1"));
    assert!(open_conflicts(&bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinician_whom_the_staff_table_does_not_know_is_shown_with_the_way_out() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    let stranger = "11111111111111111111111111111111";
    let mut first = None;
    for _ in 0..2 {
        run(&mut bench, &[visit_as("a1", 1, AT, "Confirmed", stranger, "")], &[]).await;
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        let [question] = &open_conflicts(&bench).await[..] else { panic!("one question") };
        assert_eq!(question.cause, ConflictCause::CannotCreate);
        let why: Vec<Hindrance> = serde_json::from_str(&question.comparison).unwrap();
        let [Hindrance::Finding { field, way_out, .. }] = &why[..] else { panic!("{why:?}") };
        assert_eq!(field, "assigned_clinician");
        assert!(way_out.contains("table"), "{way_out}");
        // The same question, not a new one with each run.
        assert_eq!(first.get_or_insert_with(|| question.id.clone()), &question.id);
    }
    // The table is not changed, but another clinician is: it settles itself.
    run(&mut bench, &[visit("a1", 2, AT, "")], &[]).await;
    assert!(open_conflicts(&bench).await.is_empty());
    assert_eq!(one_lookup(&mut bench).1, Remote::Ehr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_taken_back_is_not_entered_elsewhere() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    let mut mistake = booked("ap1", 1, AT, ENDS, "");
    mistake.raw = mistake.raw.replace(r#""status":"booked""#, r#""status":"entered-in-error""#);
    run(&mut bench, &[], &[mistake]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(pair(&bench, Remote::Ehr, "ap1").await.status, PairStatus::OnlyEhr);
    assert!(open_conflicts(&bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_about_an_appointment_is_looked_into() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, &[visit("a1", 1, AT, "ap1")], &[booked("ap1", 1, AT, ENDS, "a1")]).await;
    let arrival = engine::inbox::Arrival {
        remote: Remote::Ehr,
        message: "m1".to_owned(),
        raw: r#"{"type":"appointment.updated","data":{"id":"ap1","versionId":"2"}}"#.to_owned(),
    };
    bench.ask(Command::Accept(arrival)).await.expect("accepted");
    bench.step(Event::Arrived).await;
    let asked = |request: &Request| matches!(request, Request::ReadRecord { kind: VISIT, .. });
    assert_eq!(bench.sent.iter().filter(|request| asked(request)).count(), 2, "{:?}", bench.sent);
    let moved = booked("ap1", 2, "2026-10-06 09:00:00", "2026-10-06 09:30:00", "a1");
    bench.reads(&[visit("a1", 1, AT, "ap1"), moved]).await;
    let (_, remote, write) = bench.write();
    assert_eq!((remote, write.kind), (Remote::ServiceNow, VISIT));
    assert_eq!(write.body, r#"{"u_appointment_date":"2026-10-06 09:00:00"}"#);
    let (state, count) = bench.store.event_counts().await.unwrap().remove(0);
    assert_eq!((state, count), (InboxState::Done, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_one_kind_reads_nothing_else_and_one_that_is_switched_off_is_refused() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    let of = |kind| Command::StartRun {
        trigger: "manual".to_owned(),
        actor: None,
        plan_only: false,
        kind: Some(kind),
    };
    let refused = bench.ask(of(RecordKind::Treatment)).await.unwrap_err();
    assert!(refused.to_string().contains("treatments are not synchronised"), "{refused}");
    assert!(matches!(bench.ask(of(VISIT)).await, Ok(Reply::Run(_))));
    bench.pages_of(VISIT, &[visit("a1", 1, AT, "ap1")], &[booked("ap1", 1, AT, ENDS, "a1")]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let last = bench.last_run().await;
    assert_eq!((last.scope.as_str(), last.state.as_str()), ("appointment", "done"));
    assert!(bench.operations(&[OperationState::Waiting]).await.is_empty());
}
