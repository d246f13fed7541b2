//! A write that overtook a colleague's is asked about, with what is known of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, one_write, row, written};
use engine::error::decode;
use engine::overwritten::Overwritten;
use engine::step::{Command, Event, Reply};
use engine::{EngineError, Policy};
use reconcile::plan::{Choice, FieldDecision};
use record::Remote;
use remote::{Fetched, Written};
use std::sync::Arc;
use std::task::Context;
use store::{ConflictCause, ConflictRow, ConflictState, PairStatus};

async fn asked(bench: &Bench) -> Option<ConflictRow> {
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    bench.store.open_conflict_of(&pair).await.unwrap()
}

/// The write to ServiceNow is answered: its version went from 3 to 5, where ours makes 4.
fn raced(read_back: Fetched) -> Written {
    Written { response_body: read_back.raw.clone(), read_back, raced: true, ..written() }
}

fn seen(conflict: &ConflictRow) -> Command {
    Command::Seen {
        conflict: conflict.id.clone(),
        person: "dana".to_owned(),
        reason: "asked the colleague".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_colleague_wrote_in_between_is_asked_about_until_somebody_has_looked() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Ok(raced(row("r1", 5, NEW, "p1")))).await;
    let open = asked(&bench).await.expect("a question");
    assert_eq!((open.cause, open.state, open.grade), (ConflictCause::Overwritten, ConflictState::Open, 3));
    assert_eq!(open.fields, "owner_phone", "the field that was written");
    let known: Overwritten = decode("overwritten", &open.comparison).unwrap();
    assert_eq!((known.remote, known.operation.as_str()), (Remote::ServiceNow, operation.as_str()));
    assert_eq!((known.version_before.as_deref(), known.version_after.as_str()), (Some("3"), "5"));
    assert!(known.kept.is_empty() && !known.whole_record, "{known:?}");
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Differs);

    // Both sides say the same now: that settles nothing, since nobody has looked.
    bench.start_run().await;
    bench.pages(&[row("r1", 5, NEW, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(
        asked(&bench).await.map(|row| (row.id, row.state)),
        Some((open.id.clone(), ConflictState::Open))
    );

    let reply = bench.ask(seen(&open)).await;
    assert!(matches!(reply, Ok(Reply::Pair(_))), "{reply:?}");
    assert!(asked(&bench).await.is_none());
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Agreed);
    let audit = bench.store.audit(None, 0, 1).await.unwrap();
    assert_eq!(
        (audit[0].actor.as_str(), audit[0].action.as_str(), audit[0].detail.as_str()),
        ("dana", "conflict.seen", "asked the colleague")
    );
    let twice = bench.ask(seen(&open)).await;
    assert!(matches!(twice, Err(EngineError::NotNow { .. })), "{twice:?}");
}

/// Told when the one who waits may go on.
#[derive(Default)]
struct Woken(tokio::sync::Notify);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// A process may end between any two commits: whenever there is the receipt, there is the question.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_receipt_never_stands_without_its_question() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    let store = Arc::clone(&bench.store);
    let result = Ok(raced(row("r1", 5, NEW, "p1")));
    let answered = Event::Wrote { operation: operation.clone(), result, latency_ms: 5 };
    let mut step = Box::pin(bench.engine.step(answered, bench.now_ms));
    let woken = Arc::new(Woken::default());
    let waker = Arc::clone(&woken).into();
    let mut receipts = 0;
    // The engine goes on only when it is polled: what it had asked the store for is done then, and nothing more.
    while step.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        woken.0.notified().await;
        if store.receipt(&operation).await.unwrap().is_some() {
            receipts += 1;
            let question = store.open_conflict_of(&pair).await.unwrap().map(|row| row.cause);
            assert_eq!(question, Some(ConflictCause::Overwritten));
        }
    }
    assert!(receipts > 0, "the process could have ended there");
}

/// A pair has one question at a time: the one about the record that is gone comes when somebody has looked.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_went_meanwhile_is_asked_about_when_somebody_has_looked() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Ok(raced(row("r1", 5, NEW, "p1")))).await;
    for _ in 0..2 {
        bench.start_run().await;
        bench.pages(&[row("r1", 5, NEW, "p1")], &[]).await;
    }
    let open = asked(&bench).await.expect("a question");
    assert_eq!(open.cause, ConflictCause::Overwritten);
    bench.ask(seen(&open)).await.expect("somebody looked");
    let next = asked(&bench).await.expect("a question about the record that is gone");
    assert_eq!((next.cause, next.state), (ConflictCause::Vanished, ConflictState::Open));
    assert_ne!(next.id, open.id);
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Differs);
}

/// What the colleague changed besides was not sent by us: it stands, is read back, and is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_the_read_back_shows_of_the_colleagues_change_is_named() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let renamed = row("r1", 5, NEW, "p1");
    let renamed = Fetched { raw: renamed.raw.replace("Rex r1", "Roxy"), ..renamed };
    bench.answer(&operation, Ok(raced(renamed))).await;
    let open = asked(&bench).await.expect("a question");
    assert_eq!(open.fields, "patient_name,owner_phone");
    let known: Overwritten = decode("overwritten", &open.comparison).unwrap();
    assert_eq!(
        (known.written, known.kept),
        (vec!["owner_phone".to_owned()], vec!["patient_name".to_owned()])
    );
    // And it flows on as any change of one side does.
    let (_, remote, write) = bench.write();
    assert_eq!(remote, Remote::Ehr);
    assert!(write.body.contains("Roxy"), "{}", write.body);
}

/// What was not stored as sent is asked about as that: the other question would hide it from the rules.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_that_was_not_stored_stays_the_graver_question() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Ok(raced(row("r1", 5, OLD, "p1")))).await;
    assert_eq!(asked(&bench).await.map(|row| row.cause), Some(ConflictCause::NotStored));
}

/// Other fields come into question before anybody looked: all are asked, decided together, and the question is settled.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_differs_besides_joins_the_question_and_a_decision_settles_it() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Ok(raced(row("r1", 5, NEW, "p1")))).await;
    let renamed =
        |fetched: Fetched, name: &str| Fetched { raw: fetched.raw.replace("Rex r1", name), ..fetched };
    bench.start_run().await;
    bench
        .pages(&[renamed(row("r1", 6, NEW, "p1"), "Roxy")], &[renamed(chart("p1", 3, NEW, "r1"), "Rexi")])
        .await;
    let open = asked(&bench).await.expect("a question");
    assert_eq!((open.cause, open.fields.as_str()), (ConflictCause::Overwritten, "patient_name,owner_phone"));
    assert!(decode::<Overwritten>("overwritten", &open.comparison).is_ok(), "what is known of it stays");
    let name = common::lenses().catalogue(record::RecordKind::Patient).index_of("patient_name").unwrap();
    let make = Command::MakePlan {
        conflict: open.id.clone(),
        fingerprint: open.fingerprint.clone(),
        decisions: vec![FieldDecision { field: name, choice: Choice::TakeServiceNow }],
        maker: "dana".to_owned(),
        reason: None,
    };
    let Ok(Reply::Plan(plan)) = bench.ask(make).await else { panic!("a plan") };
    let approve =
        Command::Approve { plan: plan.id, hash: plan.hash, person: "dana".to_owned(), reason: None };
    bench.step(engine::Event::Asked { ticket: engine::Ticket(7), command: approve }).await;
    bench
        .reads(&[renamed(row("r1", 6, NEW, "p1"), "Roxy"), renamed(chart("p1", 3, NEW, "r1"), "Rexi")])
        .await;
    let (operation, remote, _) = bench.write();
    assert_eq!(remote, Remote::Ehr);
    let read_back = renamed(chart("p1", 4, NEW, "r1"), "Roxy");
    let done = Written { key: "p1".to_owned(), response_body: read_back.raw.clone(), read_back, ..written() };
    bench.answer(&operation, Ok(done)).await;
    assert!(asked(&bench).await.is_none());
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Agreed);
}

/// A business rule over there that writes along with every one of our writes is no colleague: it is not asked about for
/// ever. One write without it, and the next is asked about again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_rule_that_writes_along_every_time_is_not_asked_about_for_ever() {
    let mut bench = one_write(Policy::default()).await;
    let mut version = 3;
    let mut asks = Vec::new();
    for (round, jumps) in [true, true, true, true, true, false, true].into_iter().enumerate() {
        let round = u32::try_from(round).unwrap();
        let phone = |round: u32| format!("+141555501{:02}", 20 + round);
        if round > 0 {
            bench.start_run().await;
            let before = if round == 1 { NEW.to_owned() } else { phone(round - 1) };
            bench
                .pages(&[row("r1", version, &before, "p1")], &[chart("p1", 2 + round, &phone(round), "r1")])
                .await;
        }
        let now = if round == 0 { NEW.to_owned() } else { phone(round) };
        let (operation, ..) = bench.write();
        version += if jumps { 2 } else { 1 };
        let read_back = row("r1", version, &now, "p1");
        let done = Written { response_body: read_back.raw.clone(), read_back, raced: jumps, ..written() };
        bench.answer(&operation, Ok(done)).await;
        let open = asked(&bench).await;
        asks.push(open.is_some());
        if let Some(open) = open {
            bench.ask(seen(&open)).await.unwrap();
        }
        bench.now_ms += 1_000;
    }
    assert_eq!(asks, [true, true, true, false, false, false, true]);
}
