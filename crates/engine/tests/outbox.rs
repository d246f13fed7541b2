//! What time, answers and people make of an operation that did not succeed: limits of waits, what is kept of each attempt,
//! and who is told what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, one_write, row, unreachable, written};
use engine::error::decode;
use engine::execute::{AttemptError, ReadBack};
use engine::gate::BREAKER_INCIDENT;
use engine::health::FAILURES_TO_OPEN;
use engine::step::{Command, Event, Reply, Request};
use engine::{EngineError, Policy};
use record::Remote;
use remote::{Fetched, RemoteError, Written};
use store::{ConflictCause, OperationState, PlanState};

const TEN_MINUTES_MS: i64 = 10 * 60 * 1_000;

fn lost() -> RemoteError {
    RemoteError::Ambiguous { remote: Remote::ServiceNow, what: "no answer in 30 s".to_owned() }
}

fn moved() -> RemoteError {
    let key = "r1".to_owned();
    RemoteError::Moved { remote: Remote::ServiceNow, key, current_version: Some("4".to_owned()) }
}

fn many() -> RemoteError {
    RemoteError::Many { remote: Remote::Ehr, count: 2 }
}

fn try_now(remote: Remote) -> Command {
    Command::TryNow { remote, person: "it".to_owned(), reason: "cable is back".to_owned() }
}

fn release(operation: &str) -> Command {
    Command::Release { operation: operation.to_owned(), person: "it".to_owned(), reason: "mended".to_owned() }
}

fn call_off(operation: &str) -> Command {
    Command::CallOff { operation: operation.to_owned(), person: "it".to_owned(), reason: "wrong".to_owned() }
}

async fn actions(bench: &Bench, subject: &str) -> Vec<(String, String, String)> {
    let audit = bench.store.audit(Some(subject), 0, 9).await.unwrap();
    audit.into_iter().map(|row| (row.action, row.actor, row.detail)).collect()
}

async fn open_cause(bench: &Bench) -> Option<ConflictCause> {
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    bench.store.open_conflict_of(&pair).await.unwrap().map(|row| row.cause)
}

async fn attempts(bench: &Bench, operation: &str) -> Vec<AttemptError> {
    let row = bench.store.operation(operation).await.unwrap().unwrap();
    decode("errors", &row.errors).unwrap()
}

// ---------------------------------------------------------------- waits

/// A wait that the remote itself asked for is kept, whoever wants it tried now; when it is over, it is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wait_that_the_remote_asked_for_is_kept_when_somebody_tries_now() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, remote, _) = bench.write();
    let busy = RemoteError::Transient {
        remote,
        status: 429,
        what: "rate limit".to_owned(),
        retry_after_ms: Some(60_000),
    };
    bench.answer(&operation, Err(busy)).await;
    for (passed_ms, told) in [(0, "another 61 s"), (30_000, "another 31 s"), (29_999, "another 1 s")] {
        bench.now_ms += passed_ms;
        let reply = bench.ask(try_now(remote)).await;
        assert!(
            matches!(&reply, Err(EngineError::HeldBack { what, .. }) if what.contains(told)),
            "{reply:?}"
        );
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    }
    bench.now_ms += 1;
    let reply = bench.ask(try_now(remote)).await;
    assert!(matches!(reply, Ok(Reply::Done)), "{reply:?}");
    bench.sent.retain(|request| !matches!(request, Request::Probe { .. }));
    assert_eq!(bench.write().0, operation);
}

/// One write that fails by itself, while its remote answers others: tried ever more rarely, and never given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_that_fails_by_itself_is_tried_ever_more_rarely() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, remote, _) = bench.write();
    let mut waits = Vec::new();
    for _ in 0..8 {
        bench.answer(&operation, Err(unreachable())).await;
        // Somebody else is answered, so that the breaker never opens.
        bench.step(Event::Probed { remote, result: Ok(()), latency_ms: 5 }).await;
        let due_ms = bench.operation(OperationState::Retrying).await.due_at_ms;
        waits.push((due_ms - bench.now_ms) / 1_000);
        bench.now_ms = due_ms;
        bench.step(Event::Woke).await;
        assert_eq!(bench.write().0, operation);
    }
    assert_eq!(waits, [1, 2, 4, 8, 30, 60, 120, 240]);
    let history = attempts(&bench, &operation).await;
    assert_eq!(
        history.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(),
        (1..=8).collect::<Vec<_>>()
    );
    assert!(
        history.iter().all(|attempt| attempt.counted && !attempt.ambiguous && attempt.kind == "unreachable"),
        "{history:?}"
    );
}

/// A failure that opens the breaker raises one incident with what was said, and each that keeps it open counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_incident_is_counted_and_taken_note_of_once() {
    let mut bench = Bench::with(Policy::default()).await;
    let fail = || Event::Probed {
        remote: Remote::Ehr,
        result: Err(RemoteError::Unreachable { remote: Remote::Ehr, what: "connection refused".to_owned() }),
        latency_ms: 5,
    };
    for failure in 1..=FAILURES_TO_OPEN + 1 {
        let open = bench.store.incidents(true, 0, 9).await.unwrap().1;
        assert_eq!(open, u64::from(failure > FAILURES_TO_OPEN), "before failure {failure}");
        bench.step(fail()).await;
    }
    let (incidents, _) = bench.store.incidents(true, 0, 9).await.unwrap();
    assert_eq!(
        (incidents[0].kind.as_str(), incidents[0].subject.as_str(), incidents[0].times),
        (BREAKER_INCIDENT, "ehr", 2)
    );
    let acknowledge = |reason: Option<&str>| Command::Acknowledge {
        incident: incidents[0].id.clone(),
        person: "it".to_owned(),
        reason: reason.map(str::to_owned),
    };
    bench.ask(acknowledge(None)).await.unwrap();
    let of_ehr = format!("{BREAKER_INCIDENT} of ehr");
    assert_eq!(
        actions(&bench, &incidents[0].id).await,
        [("incident.acknowledged".to_owned(), "it".to_owned(), of_ehr)]
    );
    let twice = bench.ask(acknowledge(Some("again"))).await;
    assert!(matches!(twice, Err(EngineError::NotNow { .. })), "{twice:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pause_is_made_and_ended_once() {
    let mut bench = Bench::with(Policy::default()).await;
    let pause =
        || Command::Pause { remote: Remote::Ehr, person: "it".to_owned(), reason: "upgrade".to_owned() };
    let resume =
        || Command::Resume { remote: Remote::Ehr, person: "dana".to_owned(), reason: "done".to_owned() };
    assert!(matches!(bench.ask(resume()).await, Err(EngineError::NotNow { .. })));
    bench.ask(pause()).await.unwrap();
    for command in [pause(), try_now(Remote::Ehr)] {
        let told = bench.ask(command).await;
        assert!(
            matches!(&told, Err(EngineError::HeldBack { what, .. }) if what.contains("paused by it: upgrade")),
            "{told:?}"
        );
    }
    bench.ask(resume()).await.unwrap();
    assert!(matches!(bench.ask(resume()).await, Err(EngineError::NotNow { .. })));
    let told: Vec<(String, String)> =
        actions(&bench, "ehr").await.into_iter().map(|(action, actor, _)| (action, actor)).collect();
    let of = |action: &str, actor: &str| (action.to_owned(), actor.to_owned());
    assert_eq!(told, [of("remote.resumed", "dana"), of("remote.paused", "it")], "newest first");
}

// ---------------------------------------------------------------- creations

/// One row alone: its creation in the EHR is looked up, and that fails.
async fn creation_that_fails(error: RemoteError) -> (Bench, String) {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 1, OLD, "")], &[]).await;
    let operation = bench.operation(OperationState::Running).await.id;
    assert!(matches!(bench.sent.pop(), Some(Request::FindByOurKey { .. })));
    bench.step(Event::Found { operation: operation.clone(), result: Err(error), latency_ms: 5 }).await;
    (bench, operation)
}

/// Ten minutes are the limit: what waited longer is called off by whoever wants to send it again, and nothing is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_creation_that_waited_too_long_is_called_off_by_whoever_sends_it_again() {
    let away = || RemoteError::Unreachable { remote: Remote::Ehr, what: "connection refused".to_owned() };
    for (error, waits_in) in [(away(), OperationState::Retrying), (many(), OperationState::Parked)] {
        for (waited_ms, stale) in [(TEN_MINUTES_MS, false), (TEN_MINUTES_MS + 1, true)] {
            for by_cause in [false, true] {
                let (mut bench, operation) = creation_that_fails(error.clone()).await;
                let stands = bench.store.operation(&operation).await.unwrap().unwrap();
                assert_eq!(stands.state, waits_in);
                bench.now_ms = stands.enqueued_at_ms + waited_ms;
                let command = if by_cause {
                    let cause = stands.cause.clone().expect("a cause");
                    Command::Replay { cause, person: "it".to_owned(), reason: "mended".to_owned() }
                } else {
                    release(&operation)
                };
                let reply = bench.ask(command).await;
                let stale_ones = u64::from(stale);
                assert!(
                    matches!(reply, Ok(Reply::Released { released, called_off })
                        if (released, called_off) == (1 - stale_ones, stale_ones)),
                    "{waits_in:?} {waited_ms} {by_cause}: {reply:?}"
                );
                let now = bench.store.operation(&operation).await.unwrap().unwrap();
                let expected = if stale { OperationState::Cancelled } else { OperationState::Running };
                assert_eq!(now.state, expected, "{waits_in:?} {waited_ms}");
                let action = if stale { "operation.called_off" } else { "operation.released" };
                let told = actions(&bench, &operation).await;
                assert!(
                    told.contains(&(action.to_owned(), "it".to_owned(), "mended".to_owned())),
                    "{told:?}"
                );
                assert_eq!(
                    bench.last_run().await.state == "done",
                    stale || waits_in == OperationState::Parked
                );
            }
        }
    }
}

// ---------------------------------------------------------------- what people may still do

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_being_sent_or_finished_is_neither_sent_again_nor_called_off() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let told = |reply: Result<Reply, EngineError>| match reply {
        Err(EngineError::NotNow { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    for command in [release(&operation), call_off(&operation)] {
        assert!(told(bench.ask(command).await).contains("being sent"));
    }
    bench.answer(&operation, Ok(written())).await;
    for command in [release(&operation), call_off(&operation)] {
        assert!(told(bench.ask(command).await).contains("finished"));
    }
    let nobodys = bench.ask(release("no-such")).await;
    assert!(matches!(nobodys, Err(EngineError::NotFound { .. })), "{nobodys:?}");
}

/// The question that its refusal raised waits for the answer to what is sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_question_about_a_refusal_waits_while_it_is_sent_again() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, remote, _) = bench.write();
    let refused = RemoteError::Refused { remote, status: 422, what: "no such value".to_owned() };
    bench.answer(&operation, Err(refused)).await;
    let lane = bench.store.operation(&operation).await.unwrap().unwrap().lane;
    let question = |row: Option<store::ConflictRow>| row.map(|row| (row.cause, row.state));
    let open = question(bench.store.open_conflict_of(&lane).await.unwrap());
    assert_eq!(open, Some((ConflictCause::NotStored, store::ConflictState::Open)));
    bench.ask(release(&operation)).await.unwrap();
    let open = question(bench.store.open_conflict_of(&lane).await.unwrap());
    assert_eq!(open, Some((ConflictCause::NotStored, store::ConflictState::Executing)));
    assert_eq!(bench.write().0, operation);
    bench.answer(&operation, Ok(written())).await;
    assert_eq!(bench.store.open_conflict_of(&lane).await.unwrap().map(|row| row.cause), None);
}

// ---------------------------------------------------------------- answers that were lost

/// What is called off keeps what was tried, and what became of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_called_off_keeps_its_history() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(unreachable())).await;
    bench.wake().await;
    bench.write();
    bench.answer(&operation, Err(moved())).await;
    let cancelled = bench.operation(OperationState::Cancelled).await;
    assert_eq!(cancelled.id, operation);
    assert!(cancelled.cause.is_some_and(|cause| cause.contains("moved")));
    let kinds: Vec<String> =
        attempts(&bench, &operation).await.into_iter().map(|attempt| attempt.kind).collect();
    assert_eq!(kinds, ["unreachable", "moved"]);
    assert_eq!(bench.store.plan(&cancelled.plan).await.unwrap().unwrap().state, PlanState::Superseded);
}

/// An attempt that never reached the remote leaves no doubt: a moved record is not taken for our own doing, even where it
/// says what was to be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_never_arrived_is_not_taken_for_ours() {
    for (first, ours) in [(unreachable(), false), (lost(), true)] {
        let mut bench = one_write(Policy::default()).await;
        let (operation, ..) = bench.write();
        bench.answer(&operation, Err(first)).await;
        bench.wake().await;
        bench.write();
        bench.answer(&operation, Err(moved())).await;
        bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, NEW, "r1")]).await;
        let state = bench.store.operation(&operation).await.unwrap().unwrap().state;
        assert_eq!(state, if ours { OperationState::Done } else { OperationState::Cancelled });
        assert_eq!(bench.store.receipt(&operation).await.unwrap().is_some(), ours);
    }
}

/// How many wrote since is told by the version: two, and one of them was a colleague; three, and one may have been
/// overwritten although the record says something else by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn how_many_wrote_since_is_told_by_the_version() {
    const OTHER: &str = "4155550177";
    // (what the record says, its version, the question, and whether the receipt says that somebody wrote in between)
    let cases = [
        (NEW, "4", None, Some(false)),
        (NEW, "5", Some(ConflictCause::Overwritten), Some(true)),
        (NEW, "5~ab", Some(ConflictCause::Overwritten), Some(true)),
        (NEW, "x", None, Some(false)),
        (OTHER, "4", Some(ConflictCause::FieldsDiffer), None),
        (OTHER, "5", Some(ConflictCause::FieldsDiffer), None),
        (OTHER, "6", Some(ConflictCause::Overwritten), None),
        (OTHER, "6~ab", Some(ConflictCause::Overwritten), None),
    ];
    for (phone, version, question, raced) in cases {
        let mut bench = one_write(Policy::default()).await;
        let (operation, ..) = bench.write();
        bench.answer(&operation, Err(lost())).await;
        bench.wake().await;
        bench.write();
        bench.answer(&operation, Err(moved())).await;
        let now = Fetched { version: version.to_owned(), ..row("r1", 4, phone, "p1") };
        let both = [now, chart("p1", 2, NEW, "r1")];
        bench.reads(&both).await;
        bench.reads(&both).await;
        assert_eq!(open_cause(&bench).await, question, "{phone} {version}");
        let receipt = bench.store.receipt(&operation).await.unwrap();
        let told = receipt.map(|receipt| decode::<ReadBack>("receipt", &receipt.read_back).unwrap().raced);
        assert_eq!(told, raced, "{phone} {version}");
    }
}

/// What is written down of a write: what was sent, what came back, and the versions before and after.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_receipt_says_what_was_sent_and_what_came_back() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, remote, write) = bench.write();
    let answer = Written { response_body: "{\"result\":{}}".to_owned(), ..written() };
    bench.answer(&operation, Ok(answer)).await;
    let receipt = bench.store.receipt(&operation).await.unwrap().unwrap();
    assert_eq!((receipt.remote, receipt.at_ms, receipt.undone_by), (remote, bench.now_ms, None));
    assert_eq!((receipt.version_before.as_deref(), receipt.version_after.as_deref()), (Some("3"), Some("4")));
    let sent: engine::execute::SentRequest = decode("receipt", &receipt.request).unwrap();
    assert_eq!((sent.key, sent.expected_version, sent.body), (write.key, write.expected_version, write.body));
    assert_eq!(sent.fields.len(), 1);
    let came: engine::execute::Answer = decode("receipt", &receipt.response).unwrap();
    assert_eq!((came.status, came.body.as_str()), (200, "{\"result\":{}}"));
    assert_eq!(
        actions(&bench, &operation).await,
        [("operation.done".to_owned(), "engine".to_owned(), String::new())]
    );
}
