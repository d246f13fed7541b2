//! Rules that an appointment breaks although both systems agree on it: asked about once, settled by themselves when they are
//! mended, and left alone when somebody found them to be right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "everything here belongs to tests"
)]

mod common;

use common::visits::{booked_for, run_with, visit_for};
use common::{Bench, START_MS, chart, row};
use engine::broken::Broken;
use engine::error::decode;
use engine::one_sided::Hindrance;
use engine::step::{Command, Event, Ticket};
use record::{RecordKind, Remote};
use remote::Fetched;
use store::{ConflictCause, ConflictFilter, ConflictRow, ConflictState, PairStatus};

const VISIT: RecordKind = RecordKind::Appointment;
const PHONE: &str = "+14155550100";

/// Two animals, one clinician. What both systems say of an appointment: key, patient's number, begin, end.
type Booked<'a> = (&'a str, u32, &'a str, &'a str);

async fn run(bench: &mut Bench, version: u32, booked: &[Booked<'_>]) {
    run_of(bench, version, booked, &[]).await;
}

/// The same with animals that the EHR says have died.
async fn run_of(bench: &mut Bench, version: u32, booked: &[Booked<'_>], died: &[u32]) {
    let rows: Vec<Fetched> = [1, 2].map(|n| row(&format!("r{n}"), 3, PHONE, &format!("p{n}"))).into();
    let charts: Vec<Fetched> = [1, 2]
        .map(|n| {
            let alive = chart(&format!("p{n}"), 1, PHONE, &format!("r{n}"));
            if !died.contains(&n) {
                return alive;
            }
            let raw = alive.raw.replace(
                r#""resourceType":"Patient","#,
                r#""resourceType":"Patient","deceasedDateTime":"2026-09-20","#,
            );
            Fetched { version: "2".to_owned(), raw, ..alive }
        })
        .into();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (key, patient, begins, ends) in booked {
        let resource = format!("e{key}");
        ours.push(visit_for(key, version, *patient, begins, &resource));
        theirs.push(booked_for(&resource, version, *patient, begins, ends, key));
    }
    run_with(bench, (&rows, &charts), (&ours, &theirs)).await;
}

async fn questions(bench: &Bench) -> Vec<ConflictRow> {
    let open = ConflictFilter { states: vec![ConflictState::Open], ..ConflictFilter::default() };
    bench.store.conflicts(&open, bench.now_ms, 0, 50).await.unwrap().0
}

async fn pair(bench: &Bench, key: &str) -> store::PairRow {
    bench.store.pair_by_key(Remote::ServiceNow, VISIT, key).await.unwrap().expect("a pair")
}

async fn look(bench: &mut Bench, pair: &str) {
    let command = Command::Observe { pair: pair.to_owned(), write: true, actor: "anna".to_owned() };
    bench.step(Event::Asked { ticket: Ticket(0), command }).await;
}

const FIRST: Booked<'_> = ("a1", 1, "2026-10-05 14:30:00", "2026-10-05 15:00:00");
const SECOND: Booked<'_> = ("a2", 2, "2026-10-05 14:45:00", "2026-10-05 15:15:00");

#[tokio::test(flavor = "multi_thread")]
async fn a_clinician_booked_twice_is_asked_about_once_and_settles_when_one_is_moved() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, 1, &[FIRST, SECOND]).await;
    let [question] = &questions(&bench).await[..] else { panic!("one question for the two") };
    assert_eq!((question.cause, question.grade), (ConflictCause::RuleBroken, 3));
    assert_eq!(question.fields, "assigned_clinician");
    let (first, second) = (pair(&bench, "a1").await, pair(&bench, "a2").await);
    assert_eq!(question.pair, second.id, "about the one that begins while the other lasts");
    assert_eq!((first.status, second.status), (PairStatus::Agreed, PairStatus::Differs));
    let broken: Broken = decode("broken", &question.comparison).unwrap();
    assert_eq!(broken.others, [first.id]);
    let [Hindrance::Finding { problem, way_out, .. }] = &broken.why[..] else { panic!("one reason") };
    assert!(problem.contains("another appointment at the same time"), "{problem}");
    assert!(way_out.starts_with("move one of the two"), "{way_out}");

    // Compared once more, nothing is asked anew.
    run(&mut bench, 1, &[FIRST, SECOND]).await;
    assert_eq!(questions(&bench).await.len(), 1);
    assert_eq!(bench.last_run().await.state, "done");

    // The first is moved in both systems: the second's question closes although nobody touched the second.
    let moved = ("a1", 1, "2026-10-06 14:30:00", "2026-10-06 15:00:00");
    run(&mut bench, 2, &[moved, SECOND]).await;
    assert!(questions(&bench).await.is_empty());
    let closed = bench.store.conflict(&question.id).await.unwrap().unwrap();
    assert_eq!(closed.closed_by.as_deref(), Some("settled itself"));
    assert_eq!(pair(&bench, "a2").await.status, PairStatus::Agreed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_found_to_be_right_is_asked_again_only_when_it_changes() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, 1, &[FIRST, SECOND]).await;
    let conflict = questions(&bench).await.remove(0).id;
    let command =
        Command::Seen { conflict, person: "anna".to_owned(), reason: "an emergency, squeezed in".to_owned() };
    bench.ask(command).await.unwrap();
    assert!(questions(&bench).await.is_empty());
    assert_eq!(pair(&bench, "a2").await.status, PairStatus::Agreed);
    let audited = bench.store.audit(None, 0, 50).await.unwrap();
    assert!(audited.iter().any(|row| row.action == "conflict.seen" && row.actor == "anna"));

    run(&mut bench, 1, &[FIRST, SECOND]).await;
    assert!(questions(&bench).await.is_empty(), "it was looked at");

    // Ten minutes later it runs into the first one still: that is another question.
    let later = ("a2", 2, "2026-10-05 14:50:00", "2026-10-05 15:20:00");
    run(&mut bench, 2, &[FIRST, later]).await;
    assert_eq!(questions(&bench).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_to_come_of_an_animal_that_died_is_asked_about() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    let past = ("a3", 1, "2026-09-21 09:00:00", "2026-09-21 09:30:00");
    run(&mut bench, 1, &[FIRST, past]).await;
    assert!(questions(&bench).await.is_empty());
    // Nothing else moves: whether an animal lives is no field that is compared.
    run_of(&mut bench, 1, &[FIRST, past], &[1]).await;
    let asked = questions(&bench).await;
    let [question] = &asked[..] else { panic!("one question: {asked:?}") };
    assert_eq!((question.cause, question.fields.as_str()), (ConflictCause::RuleBroken, "patient"));
    assert_eq!(question.pair, pair(&bench, "a1").await.id);
    // The animal is alive after all.
    run_of(&mut bench, 1, &[FIRST, past], &[]).await;
    assert!(questions(&bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_looked_at_by_itself_is_held_against_its_day() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    let apart = ("a2", 2, "2026-10-05 16:00:00", "2026-10-05 16:30:00");
    run(&mut bench, 1, &[FIRST, apart]).await;
    assert!(questions(&bench).await.is_empty());
    // Somebody moves it in both systems; one look at it, not at everything.
    let looked = |booked: Booked<'_>, version| {
        let (key, patient, begins, ends) = booked;
        let resource = format!("e{key}");
        [
            visit_for(key, version, patient, begins, &resource),
            booked_for(&resource, version, patient, begins, ends, key),
        ]
    };
    let id = pair(&bench, "a2").await.id;
    look(&mut bench, &id).await;
    bench.reads(&looked(SECOND, 2)).await;
    let asked = questions(&bench).await;
    assert_eq!(asked.iter().map(|row| row.pair.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    // And away again.
    look(&mut bench, &id).await;
    bench.reads(&looked(apart, 3)).await;
    assert!(questions(&bench).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_nobodys_question_any_more() {
    let mut bench = Bench::of_kinds(&[VISIT]).await;
    run(&mut bench, 1, &[FIRST, SECOND]).await;
    assert_eq!(questions(&bench).await.len(), 1);
    bench.now_ms = START_MS + 60 * 86_400_000;
    run(&mut bench, 1, &[FIRST, SECOND]).await;
    assert!(questions(&bench).await.is_empty());
}
