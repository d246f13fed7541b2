//! A pair has one question at a time: what else there is to ask waits for its turn and is not lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, one_write, row, written};
use engine::Policy;
use engine::error::decode;
use engine::overwritten::Overwritten;
use engine::step::{Command, Event, Reply, Ticket};
use reconcile::plan::{Choice, FieldDecision};
use record::Remote;
use remote::{RemoteError, Written};
use store::{ConflictCause, ConflictRow, ConflictState, PairStatus};

const SAME: &str = "+14155550100";
const THIRD: &str = "+14155550177";

/// A pair whose phone both sides changed.
async fn in_conflict() -> Bench {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, SAME, "r1")]).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 4, NEW, "p1")], &[chart("p1", 2, THIRD, "r1")]).await;
    bench
}

async fn asked(bench: &Bench) -> Option<ConflictRow> {
    let pair = bench.pair(Remote::Ehr, "p1").await.id;
    bench.store.open_conflict_of(&pair).await.unwrap()
}

/// Two complete runs that do not show the row.
async fn row_goes(bench: &mut Bench, shown: remote::Fetched) {
    for _ in 0..2 {
        bench.start_run().await;
        bench.pages(&[], std::slice::from_ref(&shown)).await;
    }
}

/// Nobody can decide fields of a record that is not there: that it is gone is what is asked, and the fields when it is
/// shown again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn that_a_record_is_gone_takes_the_place_of_its_fields() {
    let mut bench = in_conflict().await;
    let fields = asked(&bench).await.expect("a question");
    assert_eq!(fields.cause, ConflictCause::FieldsDiffer);
    row_goes(&mut bench, chart("p1", 2, THIRD, "r1")).await;
    let gone = asked(&bench).await.expect("a question");
    assert_eq!((gone.cause, gone.state), (ConflictCause::Vanished, ConflictState::Open));
    bench.start_run().await;
    bench.pages(&[row("r1", 4, NEW, "p1")], &[chart("p1", 2, THIRD, "r1")]).await;
    let again = asked(&bench).await.expect("a question");
    assert_eq!((again.cause, again.fields), (ConflictCause::FieldsDiffer, fields.fields));
}

/// The record on the other side goes while a decision is being carried out: when that has ended, it is asked about.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_goes_while_a_decision_is_carried_out_is_asked_about_afterwards() {
    let mut bench = in_conflict().await;
    let open = asked(&bench).await.expect("a question");
    let field = common::lenses().catalogue(record::RecordKind::Patient).index_of("owner_phone").unwrap();
    let command = Command::MakePlan {
        conflict: open.id,
        fingerprint: open.fingerprint,
        decisions: vec![FieldDecision { field, choice: Choice::TakeServiceNow }],
        maker: "dana".to_owned(),
        reason: None,
    };
    let Ok(Reply::Plan(plan)) = bench.ask(command).await else { panic!("a plan") };
    let approve = Command::Approve {
        plan: plan.id.clone(),
        hash: plan.hash.clone(),
        person: "dana".to_owned(),
        reason: Some("asked the owner".to_owned()),
    };
    bench.step(Event::Asked { ticket: Ticket(0), command: approve }).await;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, THIRD, "r1")]).await;
    let (operation, remote, _) = bench.write();
    assert_eq!(remote, Remote::Ehr);
    row_goes(&mut bench, chart("p1", 2, THIRD, "r1")).await;
    assert_eq!(asked(&bench).await.map(|row| row.state), Some(ConflictState::Executing));
    let done = Written { key: "p1".to_owned(), read_back: chart("p1", 3, NEW, "r1"), ..written() };
    bench.answer(&operation, Ok(done)).await;
    let gone = asked(&bench).await.expect("a question");
    assert_eq!((gone.cause, gone.state), (ConflictCause::Vanished, ConflictState::Open));
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Differs);
}

/// A write to ServiceNow is answered: its version went from 3 to 5, where ours makes 4.
async fn overwritten() -> (Bench, String) {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let read_back = row("r1", 5, NEW, "p1");
    let raced = Written { response_body: read_back.raw.clone(), read_back, raced: true, ..written() };
    bench.answer(&operation, Ok(raced)).await;
    assert_eq!(asked(&bench).await.map(|open| open.cause), Some(ConflictCause::Overwritten));
    (bench, operation)
}

/// The next write is refused: that goes first, since rules hold back what is refused. What was overwritten is asked about
/// in the commit that closes it, also by a process that knows of it from the database alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_overwritten_is_asked_about_after_what_was_refused() {
    let (mut bench, operation) = overwritten().await;
    bench.start_run().await;
    bench.pages(&[row("r1", 5, NEW, "p1")], &[chart("p1", 3, THIRD, "r1")]).await;
    let (refused, ..) = bench.write();
    let what = "a business rule says no".to_owned();
    bench.answer(&refused, Err(RemoteError::Refused { remote: Remote::ServiceNow, status: 403, what })).await;
    let first = asked(&bench).await.expect("a question");
    assert_eq!(first.cause, ConflictCause::NotStored);
    bench.now_ms += 1;
    let mut bench = Box::pin(bench.restarted()).await;
    // A colleague puts it there themselves: nothing is refused any more.
    bench.start_run().await;
    bench.pages(&[row("r1", 6, THIRD, "p1")], &[chart("p1", 3, THIRD, "r1")]).await;
    let next = asked(&bench).await.expect("what waited");
    assert_eq!((next.cause, next.state), (ConflictCause::Overwritten, ConflictState::Open));
    assert_ne!(next.id, first.id);
    let known: Overwritten = decode("overwritten", &next.comparison).unwrap();
    assert_eq!(known.operation, operation);
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Differs);
    let look = Command::Seen {
        conflict: next.id,
        person: "dana".to_owned(),
        reason: "asked the colleague".to_owned(),
    };
    bench.ask(look).await.expect("somebody looked");
    assert!(asked(&bench).await.is_none(), "once is enough");
}

/// Two writes one after the other overtook a colleague's: each is asked about by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_overwritten_twice_is_asked_about_twice() {
    let (mut bench, first) = overwritten().await;
    bench.start_run().await;
    bench.pages(&[row("r1", 5, NEW, "p1")], &[chart("p1", 3, THIRD, "r1")]).await;
    let (second, ..) = bench.write();
    let read_back = row("r1", 7, THIRD, "p1");
    let raced = Written { response_body: read_back.raw.clone(), read_back, raced: true, ..written() };
    bench.answer(&second, Ok(raced)).await;
    for operation in [first, second] {
        let open = asked(&bench).await.expect("a question");
        let known: Overwritten = decode("overwritten", &open.comparison).unwrap();
        assert_eq!(known.operation, operation);
        let look = Command::Seen {
            conflict: open.id,
            person: "dana".to_owned(),
            reason: "asked the colleague".to_owned(),
        };
        bench.ask(look).await.expect("somebody looked");
    }
    assert!(asked(&bench).await.is_none());
}

/// The answer to a write is lost, and when it is looked at again the record holds something else, by so many writes.
async fn lost_and_written_over(version: u32) -> (Bench, String) {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let lost = RemoteError::Ambiguous { remote: Remote::ServiceNow, what: "no answer in 30 s".to_owned() };
    bench.answer(&operation, Err(lost)).await;
    bench.wake().await;
    let (again, ..) = bench.write();
    let moved = RemoteError::Moved {
        remote: Remote::ServiceNow,
        key: "r1".to_owned(),
        current_version: Some(version.to_string()),
    };
    bench.answer(&again, Err(moved)).await;
    let now = [row("r1", version, THIRD, "p1"), chart("p1", 2, NEW, "r1")];
    bench.reads(&now).await;
    bench.reads(&now).await;
    (bench, operation)
}

/// Three writes since: a colleague's may be among them that ours overwrote, though a later one stands there now.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_lost_write_may_have_overwritten_is_asked_about_although_it_was_written_over() {
    let (bench, operation) = lost_and_written_over(6).await;
    let open = asked(&bench).await.expect("a question");
    assert_eq!((open.cause, open.state), (ConflictCause::Overwritten, ConflictState::Open));
    let known: Overwritten = decode("overwritten", &open.comparison).unwrap();
    assert_eq!((known.operation, known.version_after.as_str()), (operation, "6"));
    assert_eq!(open.fields, "owner_phone");
}

/// Two writes since, and the last is not ours: whichever came first, nothing of a colleague's is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_nothing_can_have_been_overwritten_nobody_is_asked_about_that() {
    let (bench, _) = lost_and_written_over(5).await;
    assert_eq!(asked(&bench).await.map(|open| open.cause), Some(ConflictCause::FieldsDiffer));
}
