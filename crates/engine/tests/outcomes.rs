//! What comes of a write: stored or not, lost and found again, overtaken, refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, one_write, row};
use engine::Policy;
use engine::execute::{Answer, ReadBack};
use engine::health::OPEN_FOR_MS;
use engine::step::{Command, Event, Request, Ticket};
use record::Remote;
use remote::{Fetched, RemoteError, Written};
use store::{ConflictCause, OperationState, PairStatus, PlanState};

const SAME: &str = "+14155550100";
const OTHER: &str = "4155550111";

fn but(fetched: Fetched, from: &str, to: &str) -> Fetched {
    assert!(fetched.raw.contains(from), "{}", fetched.raw);
    Fetched { raw: fetched.raw.replace(from, to), ..fetched }
}

fn stored(read_back: Fetched) -> Written {
    Written {
        key: read_back.key.clone(),
        status: 200,
        response_body: read_back.raw.clone(),
        read_back,
        raced: false,
    }
}

fn lost() -> RemoteError {
    RemoteError::Ambiguous { remote: Remote::ServiceNow, what: "no answer in 30 s".to_owned() }
}

fn moved() -> RemoteError {
    let current_version = Some("4".to_owned());
    RemoteError::Moved { remote: Remote::ServiceNow, key: "r1".to_owned(), current_version }
}

async fn open_cause(bench: &Bench) -> Option<ConflictCause> {
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    bench.store.open_conflict_of(&pair).await.unwrap().map(|open| open.cause)
}

async fn read_back_of(bench: &Bench, operation: &str) -> ReadBack {
    let receipt = bench.store.receipt(operation).await.unwrap().expect("a receipt");
    serde_json::from_str(&receipt.read_back).unwrap()
}

/// A remote that says yes and keeps the old value has not stored it: the receipt names the field, a person is asked, and
/// the rule does not send the same again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_reads_back_otherwise_is_not_stored() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Ok(stored(row("r1", 4, OLD, "p1")))).await;
    assert_eq!(read_back_of(&bench, &operation).await.discrepancies, ["owner_phone"]);
    assert_eq!(open_cause(&bench).await, Some(ConflictCause::NotStored));
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Differs);
    let audit = bench.store.audit(Some(&operation), 0, 10).await.unwrap();
    let said: Vec<(&str, &str)> =
        audit.iter().map(|row| (row.action.as_str(), row.detail.as_str())).collect();
    assert_eq!(said, [("operation.not_stored", "owner_phone")]);
    bench.start_run().await;
    bench.pages(&[row("r1", 4, OLD, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(open_cause(&bench).await, Some(ConflictCause::NotStored));
}

/// A date column cannot hold a month alone; its first day, read back, is what was sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_partial_date_reads_back_filled() {
    let born = |version, date: &str| {
        but(
            row("r1", version, OLD, "p1"),
            r#""u_ehr_id""#,
            &format!(r#""u_date_of_birth":"{date}","u_ehr_id""#),
        )
    };
    let birth = but(
        chart("p1", 1, SAME, "r1"),
        r#""name":[{"text":"Rex"#,
        r#""birthDate":"2019-06","name":[{"text":"Rex"#,
    );
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[born(3, "")], &[birth]).await;
    let (operation, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::ServiceNow, Some("r1")));
    bench.answer(&operation, Ok(stored(born(4, "2019-06-01")))).await;
    assert!(read_back_of(&bench, &operation).await.discrepancies.is_empty());
    assert_eq!(open_cause(&bench).await, None);
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Agreed);
    assert!(bench.sent.is_empty(), "no day is made up in the EHR: {:?}", bench.sent);
}

/// What is read back and cannot be read is kept with the receipt and asked about.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_read_back_that_cannot_be_read_is_asked_about() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let unreadable = Fetched { raw: "[]".to_owned(), ..row("r1", 4, NEW, "p1") };
    bench.answer(&operation, Ok(stored(unreadable))).await;
    let read_back = read_back_of(&bench, &operation).await;
    assert_eq!((read_back.raw.as_str(), read_back.discrepancies.len()), ("[]", 1));
    assert_eq!(open_cause(&bench).await, Some(ConflictCause::NotStored));
    assert_eq!(bench.version(Remote::ServiceNow, "r1").await, "3", "the snapshot that can be read stays");
}

/// A write whose answer was lost, and whose record then is found moved.
async fn lost_then_moved() -> (Bench, String) {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(lost())).await;
    bench.wake().await;
    let (again, _, write) = bench.write();
    assert_eq!((again.as_str(), write.expected_version.as_deref()), (operation.as_str(), Some("3")));
    bench.answer(&operation, Err(moved())).await;
    assert!(bench.sent.iter().all(|request| matches!(request, Request::ReadRecord { .. })));
    assert_eq!(bench.sent.len(), 2, "both sides are read before anything is believed: {:?}", bench.sent);
    (bench, operation)
}

/// It was carried out after all: the record holds what was sent, and nothing is sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_lost_answer_is_settled_by_what_the_record_holds() {
    let (mut bench, operation) = lost_then_moved().await;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(bench.operation(OperationState::Done).await.id, operation);
    let receipt = bench.store.receipt(&operation).await.unwrap().unwrap();
    let answer: Answer = serde_json::from_str(&receipt.response).unwrap();
    assert_eq!((answer.status, receipt.version_after.as_deref()), (0, Some("4")));
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Agreed);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

/// Somebody else moved it: the write is called off, and what both sides say now is judged anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_lost_answer_is_not_ours_where_the_record_holds_something_else() {
    let (mut bench, operation) = lost_then_moved().await;
    let now = [row("r1", 4, OTHER, "p1"), chart("p1", 2, NEW, "r1")];
    bench.reads(&now).await;
    assert_eq!(bench.operation(OperationState::Cancelled).await.id, operation);
    assert!(bench.store.receipt(&operation).await.unwrap().is_none());
    bench.reads(&now).await;
    assert_eq!(open_cause(&bench).await, Some(ConflictCause::FieldsDiffer), "both changed the phone");
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

/// The record says again what it said before the write, and was written twice since: either the write never arrived, or
/// it did and somebody put back what it had changed. Nobody can tell; somebody is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_may_have_been_put_back_after_a_lost_answer_is_asked_about() {
    for (version, cause) in [(4, None), (5, Some(ConflictCause::FieldsDiffer))] {
        let (mut bench, operation) = lost_then_moved().await;
        let now = [row("r1", version, OLD, "p1"), chart("p1", 2, NEW, "r1")];
        bench.reads(&now).await;
        assert_eq!(bench.operations(&[OperationState::Cancelled]).await[0].id, operation);
        bench.reads(&now).await;
        assert_eq!(open_cause(&bench).await, cause, "version {version}");
        let again = bench.sent.iter().filter(|request| matches!(request, Request::Write { .. })).count();
        assert_eq!(
            again,
            usize::from(cause.is_none()),
            "one write since was somebody else's: {:?}",
            bench.sent
        );
    }
}

/// It was carried out, and meanwhile a colleague put back, on the side it came from, what both had agreed on before:
/// that is the newer change, and it is what comes over. Our own write is not carried back over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_person_puts_back_while_it_is_carried_over_stays() {
    let (mut bench, operation) = lost_then_moved().await;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 3, SAME, "r1")]).await;
    assert_eq!(bench.operation(OperationState::Done).await.id, operation);
    let (_, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::ServiceNow, Some("r1")), "{}", write.body);
    assert!(write.body.contains("415"), "the phone is put back here too: {}", write.body);
}

/// The same, where the reading that shows it came in before the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_put_back_before_the_answer_came_stays_too() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    let look = Command::Observe { pair, write: true, actor: "anna".to_owned() };
    bench.step(Event::Asked { ticket: Ticket(1), command: look }).await;
    bench.reads(&[row("r1", 3, OLD, "p1"), chart("p1", 3, SAME, "r1")]).await;
    assert!(bench.sent.is_empty(), "its write is under way: {:?}", bench.sent);
    bench.answer(&operation, Ok(stored(row("r1", 4, NEW, "p1")))).await;
    let (_, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::ServiceNow, Some("r1")), "{}", write.body);
}

/// Its receipt could be written down, and nothing after it: what follows is done later, and no plan is left standing.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_finished_without_what_follows_is_followed_later() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let row_of = bench.store.operation(&operation).await.unwrap().unwrap();
    let finished = common::finished(&row_of, bench.now_ms);
    bench.store.commit(vec![finished]).await.unwrap();
    bench.answer(&operation, Ok(stored(row("r1", 4, NEW, "p1")))).await;
    let plan = bench.store.plan(&row_of.plan).await.unwrap().unwrap();
    assert_eq!(plan.state, PlanState::Done, "nothing is under way for it any more");
}

/// An answer that was never lost leaves no doubt: a moved record is read again and planned again on what it is now.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_moved_record_is_planned_again_on_what_it_is_now() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let plan = bench.operation(OperationState::Running).await.plan;
    bench.answer(&operation, Err(moved())).await;
    assert_eq!(bench.operation(OperationState::Cancelled).await.id, operation);
    assert_eq!(bench.store.plan(&plan).await.unwrap().unwrap().state, PlanState::Superseded);
    // Somebody renamed the animal meanwhile; the phone is still the old one.
    let renamed = but(row("r1", 4, OLD, "p1"), "Rex", "Roxy");
    bench.reads(&[renamed, chart("p1", 2, NEW, "r1")]).await;
    let (again, remote, write) = bench.write();
    assert_ne!(again, operation);
    assert_eq!((remote, write.expected_version.as_deref()), (Remote::ServiceNow, Some("4")));
    assert!(!write.body.contains("Rex"), "the new name is not written over: {}", write.body);
}

/// A record that is not there any more was not written; nothing is created in its place, and a person is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_is_gone_is_asked_about() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let gone = RemoteError::NotFound { remote: Remote::ServiceNow, key: "r1".to_owned() };
    bench.answer(&operation, Err(gone)).await;
    assert_eq!(bench.operation(OperationState::Cancelled).await.id, operation);
    bench.reads(&[chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(open_cause(&bench).await, Some(ConflictCause::Vanished));
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

/// One side of a decision is refused: the other waits behind it and is not changed alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_holds_up_the_rest_of_its_plan() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, SAME, "r1")]).await;
    bench.start_run().await;
    // Each side changed another field: one plan with a write each way.
    bench.pages(&[but(row("r1", 4, OLD, "p1"), "Rex", "Roxy")], &[chart("p1", 2, NEW, "r1")]).await;
    let (operation, remote, _) = bench.write();
    assert_eq!(remote, Remote::ServiceNow);
    let waiting = bench.operation(OperationState::Waiting).await;
    assert_eq!(waiting.remote, Remote::Ehr);
    let what = "a business rule says no".to_owned();
    let refused = RemoteError::Refused { remote: Remote::ServiceNow, status: 403, what };
    bench.answer(&operation, Err(refused)).await;
    assert_eq!(bench.operation(OperationState::Parked).await.id, operation);
    assert_eq!(bench.operation(OperationState::Waiting).await.id, waiting.id);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    bench.now_ms += 86_400_000;
    bench.step(Event::Woke).await;
    assert!(bench.sent.is_empty(), "not even a day later: {:?}", bench.sent);
    assert_eq!(bench.last_run().await.state, "done", "the run does not wait for them");
    assert_eq!(open_cause(&bench).await, Some(ConflictCause::NotStored));
}

/// A remote that answers may be asked at once; one whose breaker is open says when, and then no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_breaker_says_when_it_may_be_tried() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    assert_eq!(bench.engine.health(Remote::ServiceNow).next_try_ms(bench.now_ms), None);
    bench.answer(&operation, Err(lost())).await;
    for _ in 0..4 {
        bench.wake().await;
        let (again, ..) = bench.write();
        bench.answer(&again, Err(lost())).await;
    }
    let open_until_ms = bench.now_ms + OPEN_FOR_MS;
    let health = bench.engine.health(Remote::ServiceNow);
    assert_eq!(health.next_try_ms(bench.now_ms), Some(open_until_ms));
    assert_eq!(health.next_try_ms(open_until_ms), None);
    assert_eq!(bench.engine.health(Remote::Ehr).next_try_ms(bench.now_ms), None, "the other one is well");
}
