//! What people do with the queue and the remotes, one event and one moment at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, lenses, one_write, row, unreachable, written};
use engine::causes::Cause;
use engine::execute::AttemptError;
use engine::gate::{BREAKER_INCIDENT, SIGN_IN_INCIDENT};
use engine::health::{FAILURES_TO_OPEN, OPEN_FOR_MS};
use engine::step::{Command, Event, Reply, Request, Ticket};
use engine::{EngineError, Policy};
use reconcile::plan::{Choice, FieldDecision};
use record::{FieldIx, FieldState, Remote};
use remote::{Fetched, RemoteError, Written};
use store::{ConflictCause, ConflictState, OperationState, PlanRow, PlanState, QueueFilter};

const OWN: &str = "4155550123";
const OTHER: &str = "4155550177";

fn phone_field() -> FieldIx {
    lenses().catalogue(record::RecordKind::Patient).index_of("owner_phone").unwrap()
}

fn phone(text: &str) -> FieldState {
    let lenses = lenses();
    let spec = lenses.catalogue(record::RecordKind::Patient).spec(phone_field()).unwrap().clone();
    let value = record::value::parse(&spec.value_type, text, &record::Conventions::default()).unwrap();
    FieldState::Value(value.unwrap())
}

fn refused(remote: Remote) -> RemoteError {
    RemoteError::Refused { remote, status: 422, what: "owner_phone: invalid number 555".to_owned() }
}

fn busy(remote: Remote, wait_ms: u64) -> RemoteError {
    RemoteError::Transient {
        remote,
        status: 429,
        what: "rate limit".to_owned(),
        retry_after_ms: Some(wait_ms),
    }
}

fn done(read_back: Fetched) -> Written {
    Written { key: read_back.key.clone(), status: 200, response_body: String::new(), read_back, raced: false }
}

/// A conflict of one pair is decided with an own value: one write to each system, ServiceNow's first.
async fn decided() -> (Bench, PlanRow) {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, NEW, "r1")]).await;
    let (mut open, _) =
        bench.store.conflicts(&store::ConflictFilter::default(), bench.now_ms, 0, 10).await.unwrap();
    let conflict = open.remove(0);
    let make = Command::MakePlan {
        conflict: conflict.id,
        fingerprint: conflict.fingerprint,
        decisions: vec![FieldDecision { field: phone_field(), choice: Choice::Own(phone(OWN)) }],
        maker: "dana".to_owned(),
        reason: None,
    };
    let Ok(Reply::Plan(plan)) = bench.ask(make).await else { panic!("a plan") };
    approve(&mut bench, &plan, "dana", &[row("r1", 3, OLD, "p1"), chart("p1", 1, NEW, "r1")]).await;
    (bench, plan)
}

async fn approve(bench: &mut Bench, plan: &PlanRow, person: &str, records: &[Fetched]) {
    let command = Command::Approve {
        plan: plan.id.clone(),
        hash: plan.hash.clone(),
        person: person.to_owned(),
        reason: None,
    };
    bench.step(Event::Asked { ticket: Ticket(1), command }).await;
    bench.reads(records).await;
}

fn release(operation: &str) -> Command {
    Command::Release { operation: operation.to_owned(), person: "it".to_owned(), reason: "mended".to_owned() }
}

async fn state_of(bench: &Bench, operation: &str) -> OperationState {
    bench.store.operation(operation).await.unwrap().unwrap().state
}

async fn actions(bench: &Bench) -> Vec<(String, String)> {
    let rows = bench.store.audit(None, 0, 100).await.unwrap();
    rows.into_iter().rev().map(|row| (row.actor, row.action)).collect()
}

// ---------------------------------------------------------------- refused, and then

/// A refused write parks with the rest of its plan behind it. Sent again unchanged and accepted, the plan goes on to its
/// end, with the same idempotency key; the question its refusal raised is answered by that.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refused_write_is_sent_again_unchanged_and_its_plan_goes_on() {
    let (mut bench, plan) = decided().await;
    let (first, remote, write) = bench.write();
    assert_eq!(remote, Remote::ServiceNow);
    bench.answer(&first, Err(refused(remote))).await;
    assert_eq!(state_of(&bench, &first).await, OperationState::Parked);
    assert!(bench.sent.is_empty(), "the other side is not changed alone");
    assert_eq!(bench.store.plan(&plan.id).await.unwrap().unwrap().state, PlanState::Approved);
    let conflict = bench.store.open_conflict_of(&plan.pair).await.unwrap().unwrap();
    assert_eq!((conflict.cause, conflict.state), (ConflictCause::NotStored, ConflictState::Open));

    let reply = bench.ask(release(&first)).await;
    assert!(matches!(reply, Ok(Reply::Released { released: 1, called_off: 0 })), "{reply:?}");
    let (again, _, same) = bench.write();
    assert_eq!((&again, &same), (&first, &write), "the same write, byte for byte, under the same key");
    let conflict = bench.store.open_conflict_of(&plan.pair).await.unwrap().unwrap();
    assert_eq!(conflict.state, ConflictState::Executing);
    bench.answer(&first, Ok(done(row("r1", 4, OWN, "p1")))).await;
    let (second, remote, _) = bench.write();
    assert_eq!(remote, Remote::Ehr);
    bench.answer(&second, Ok(done(chart("p1", 2, "+14155550123", "r1")))).await;
    assert_eq!(bench.store.plan(&plan.id).await.unwrap().unwrap().state, PlanState::Done);
    assert!(bench.store.open_conflict_of(&plan.pair).await.unwrap().is_none());
    assert!(actions(&bench).await.contains(&("it".to_owned(), "operation.released".to_owned())));
    // Nothing is left to send again.
    assert!(matches!(bench.ask(release(&first)).await, Err(EngineError::NotNow { .. })));
}

/// Edit and resend: the corrected value is a plan of its own, shown and approved; its writes take the place of the
/// refused one and of what waited behind it, and say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refused_write_is_corrected_and_its_replacement_remembers_it() {
    let (mut bench, old) = decided().await;
    let (first, ..) = bench.write();
    bench.answer(&first, Err(refused(Remote::ServiceNow))).await;
    let edit = |values| Command::EditOperation {
        operation: first.clone(),
        values,
        maker: "it".to_owned(),
        reason: "digits turned".to_owned(),
    };
    let nothing = bench.ask(edit(Vec::new())).await;
    assert!(matches!(nothing, Err(EngineError::NotNow { .. })), "{nothing:?}");
    let breed = lenses().catalogue(record::RecordKind::Patient).index_of("breed").unwrap();
    let foreign = bench.ask(edit(vec![(breed, phone(OTHER))])).await;
    assert!(matches!(foreign, Err(EngineError::NotNow { .. })), "not of this write: {foreign:?}");

    let Ok(Reply::Plan(plan)) = bench.ask(edit(vec![(phone_field(), phone(OTHER))])).await else {
        panic!("a plan")
    };
    assert_eq!((plan.state, plan.grade, plan.maker.as_str()), (PlanState::Draft, 3, "it"));
    assert_eq!(state_of(&bench, &first).await, OperationState::Parked, "a draft sends nothing");
    let records = [row("r1", 3, OLD, "p1"), chart("p1", 1, NEW, "r1")];
    approve(&mut bench, &plan, "it", &records).await;
    let (replacement, remote, write) = bench.write();
    assert_eq!(remote, Remote::ServiceNow);
    assert!(plan.body.contains(&serde_json::to_string(&write.body).unwrap()), "what was shown is sent");
    assert!(write.body.contains("555") && write.body.contains("177"), "with the corrected value");
    assert_eq!(state_of(&bench, &first).await, OperationState::Cancelled);
    assert_eq!(bench.store.plan(&old.id).await.unwrap().unwrap().state, PlanState::Superseded);
    let row_of = bench.store.operation(&replacement).await.unwrap().unwrap();
    assert_eq!(row_of.replaces.as_deref(), Some(first.as_str()));
    assert_eq!(bench.store.replacement_of(&first).await.unwrap().unwrap().id, replacement);
    bench.answer(&replacement, Ok(done(row("r1", 4, OTHER, "p1")))).await;
    let (second, remote, _) = bench.write();
    assert_eq!(remote, Remote::Ehr, "both sides tell the same story");
    bench.answer(&second, Ok(done(chart("p1", 2, "+14155550177", "r1")))).await;
    assert!(bench.store.open_conflict_of(&plan.pair).await.unwrap().is_none());
    // What is finished cannot be corrected any more.
    let late = bench.ask(edit(vec![(phone_field(), phone(OWN))])).await;
    assert!(matches!(late, Err(EngineError::NotNow { .. })), "{late:?}");
}

/// If a record moved since the correction was made, nothing is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_correction_is_refused_when_something_moved() {
    let (mut bench, _) = decided().await;
    let (first, ..) = bench.write();
    bench.answer(&first, Err(refused(Remote::ServiceNow))).await;
    let edit = Command::EditOperation {
        operation: first.clone(),
        values: vec![(phone_field(), phone(OTHER))],
        maker: "it".to_owned(),
        reason: "digits turned".to_owned(),
    };
    let Ok(Reply::Plan(plan)) = bench.ask(edit).await else { panic!("a plan") };
    approve(&mut bench, &plan, "it", &[row("r1", 9, OLD, "p1"), chart("p1", 1, NEW, "r1")]).await;
    assert!(matches!(bench.replies.pop(), Some(Err(EngineError::Moved { .. }))));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.store.plan(&plan.id).await.unwrap().unwrap().state, PlanState::Superseded);
    assert_eq!(state_of(&bench, &first).await, OperationState::Parked);
}

/// A write called off is a question, not a write that rules make again; what stood behind it goes with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_called_off_is_asked_about() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let call_off = |operation: &str| Command::CallOff {
        operation: operation.to_owned(),
        person: "it".to_owned(),
        reason: "the owner moves next week".to_owned(),
    };
    let now = bench.ask(call_off(&operation)).await;
    assert!(matches!(now, Err(EngineError::NotNow { .. })), "it is being sent: {now:?}");
    bench.answer(&operation, Err(unreachable())).await;
    bench.ask(call_off(&operation)).await.unwrap();
    assert_eq!(state_of(&bench, &operation).await, OperationState::Cancelled);
    let lane = bench.store.operation(&operation).await.unwrap().unwrap().lane;
    let conflict = bench.store.open_conflict_of(&lane).await.unwrap().unwrap();
    assert_eq!((conflict.cause, conflict.fields.as_str()), (ConflictCause::NotStored, "owner_phone"));
    assert_eq!(bench.last_run().await.state, "done", "the run does not wait for it");
    // The next run leaves it alone.
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

/// The half of a plan that was carried out before the other half was refused can be taken back.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_done_half_of_a_refused_plan_can_be_undone() {
    let (mut bench, plan) = decided().await;
    let (first, ..) = bench.write();
    bench.answer(&first, Ok(done(row("r1", 4, OWN, "p1")))).await;
    let (second, remote, _) = bench.write();
    bench.answer(&second, Err(refused(remote))).await;
    assert_eq!(state_of(&bench, &second).await, OperationState::Parked);
    let Ok(Reply::Plan(undo)) =
        bench.ask(Command::MakeUndo { plan: plan.id.clone(), maker: "dana".to_owned() }).await
    else {
        panic!("an undo")
    };
    approve(&mut bench, &undo, "dana", &[row("r1", 4, OWN, "p1"), chart("p1", 1, NEW, "r1")]).await;
    let (back, remote, write) = bench.write();
    assert_eq!((remote, write.expected_version.as_deref()), (Remote::ServiceNow, Some("4")));
    assert_eq!(state_of(&bench, &second).await, OperationState::Cancelled, "the refused half is given up");
    assert_eq!(bench.store.plan(&plan.id).await.unwrap().unwrap().state, PlanState::Superseded);
    bench.answer(&back, Ok(done(row("r1", 5, OLD, "p1")))).await;
    let receipt = bench.store.receipt(&first).await.unwrap().unwrap();
    assert_eq!(receipt.undone_by.as_deref(), Some(undo.id.as_str()));
}

/// Alike failures are replayed together: lanes side by side, in the order they were enqueued; others are left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_failed_alike_is_replayed_in_its_original_order() {
    let mut bench = Bench::with(Policy::default()).await;
    let keys = ["r1", "r2", "r3", "r4"];
    let rows: Vec<_> = keys.map(|key| row(key, 3, OLD, &key.replace('r', "p"))).to_vec();
    let charts =
        |version, phone: &str| keys.map(|key| chart(&key.replace('r', "p"), version, phone, key)).to_vec();
    bench.start_run().await;
    bench.pages(&rows, &charts(1, "+14155550100")).await;
    bench.start_run().await;
    bench.pages(&rows, &charts(2, NEW)).await;
    let sent: Vec<String> = std::mem::take(&mut bench.sent)
        .into_iter()
        .map(|request| match request {
            Request::Write { operation, .. } => operation,
            other => panic!("{other:?}"),
        })
        .collect();
    // Answered in another order, one of them for another reason.
    for position in [2, 0, 3] {
        bench.answer(&sent[position], Err(refused(Remote::ServiceNow))).await;
    }
    let read_only =
        RemoteError::Refused { remote: Remote::ServiceNow, status: 403, what: "access rule".to_owned() };
    bench.answer(&sent[1], Err(read_only)).await;
    let causes = bench.store.operation_causes().await.unwrap();
    assert_eq!(causes.iter().map(|cause| (cause.count, cause.parked)).collect::<Vec<_>>(), [(3, 3), (1, 1)]);
    let cause = Cause::parse(&causes[0].cause).unwrap();
    assert_eq!((cause.status, cause.fields), (422, vec!["owner_phone".to_owned()]));
    assert!(!causes[0].cause.contains("555"), "a cause holds no value: {}", causes[0].cause);

    let again = || Command::Replay {
        cause: causes[0].cause.clone(),
        person: "it".to_owned(),
        reason: "the rule was mended".to_owned(),
    };
    let reply = bench.ask(again()).await;
    assert!(matches!(reply, Ok(Reply::Released { released: 3, called_off: 0 })), "{reply:?}");
    let sent_again: Vec<String> = std::mem::take(&mut bench.sent)
        .into_iter()
        .map(|request| match request {
            Request::Write { operation, .. } => operation,
            other => panic!("{other:?}"),
        })
        .collect();
    let alike = QueueFilter { states: vec![OperationState::Running], ..QueueFilter::default() };
    let in_order: Vec<String> =
        bench.store.queue_operations(&alike, 0, 9).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(sent_again, in_order, "as they were enqueued");
    assert_eq!(sent_again.len(), 3);
    assert!(!sent_again.contains(&sent[1]));
    assert!(matches!(bench.ask(again()).await, Err(EngineError::NotNow { .. })), "none is left");
}

// ---------------------------------------------------------------- waits that a remote asks for

/// A remote that asks to wait costs no try, however often it does; and it is not asked anything else meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_remote_that_asks_to_wait_costs_no_try_and_holds_everything_back() {
    let mut bench = Bench::with(Policy { lanes: 1, ..Policy::default() }).await;
    let rows = ["r1", "r2"].map(|key| row(key, 3, OLD, &key.replace('r', "p")));
    let charts = |version, phone: &str| {
        ["p1", "p2"].map(|id| chart(id, version, phone, &id.replace('p', "r"))).to_vec()
    };
    bench.start_run().await;
    bench.pages(&rows, &charts(1, "+14155550100")).await;
    bench.start_run().await;
    bench.pages(&rows, &charts(2, NEW)).await;
    let (operation, remote, _) = bench.write();
    bench.answer(&operation, Err(busy(remote, 60_000))).await;
    assert!(bench.sent.is_empty(), "the other patient's write waits too");
    let row_of = bench.store.operation(&operation).await.unwrap().unwrap();
    assert_eq!((row_of.attempts, row_of.claims), (0, 1), "the try is given back, the claim is not");
    for _ in 0..3 {
        assert_eq!(bench.wake().await, 60_000);
        let (again, remote, _) = bench.write();
        bench.answer(&again, Err(busy(remote, 60_000))).await;
    }
    let tries: u32 = bench
        .operations(&[OperationState::Waiting, OperationState::Retrying])
        .await
        .iter()
        .map(|row| row.attempts)
        .sum();
    assert_eq!(tries, 0);
    assert_eq!(bench.last_run().await.state, "running", "nobody gave up");
}

/// Somebody who stands waiting is told at once, not after the wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn whoever_stands_waiting_is_told_at_once() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, remote, _) = bench.write();
    bench.answer(&operation, Err(busy(remote, 60_000))).await;
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    let verify = Command::Observe { pair, write: false, actor: "person:dana".to_owned() };
    let told = bench.ask(verify).await;
    assert!(matches!(&told, Err(EngineError::HeldBack { what, .. }) if what.contains("wait")), "{told:?}");
}

/// 1, 2, 4, 8 s and less than a tenth more; what only asks to wait costs no try; when all are used up it waits with the
/// others for a remote that does not answer. Each attempt is written down.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_attempt_is_written_down_and_the_next_one_waits_longer() {
    let remote = Remote::ServiceNow;
    let lost = RemoteError::Ambiguous { remote, what: "no answer".to_owned() };
    let overloaded =
        RemoteError::Transient { remote, status: 503, what: "overloaded".to_owned(), retry_after_ms: None };
    // (how it fails, which try it was, whether it used it up, kind, how long until the next)
    let attempts = [
        (unreachable(), 1, true, "unreachable", 1_000..1_100),
        (lost, 2, true, "ambiguous", 2_000..2_200),
        (overloaded, 3, true, "transient", 4_000..4_400),
        (busy(remote, 10_000), 4, false, "transient", 10_000..10_001),
        (unreachable(), 4, true, "unreachable", 8_000..8_800),
        (unreachable(), 5, true, "unreachable", OPEN_FOR_MS..OPEN_FOR_MS + 1),
    ];
    let mut bench = one_write(Policy::default()).await;
    let mut history = Vec::new();
    for (error, attempt, counted, kind, waits) in attempts {
        let (operation, ..) = bench.write();
        history.push(AttemptError {
            attempt,
            at_ms: bench.now_ms,
            what: error.to_string(),
            ambiguous: matches!(error, RemoteError::Ambiguous { .. }),
            kind: kind.to_owned(),
            counted,
        });
        bench.answer(&operation, Err(error)).await;
        let row = bench.operation(OperationState::Retrying).await;
        assert_eq!(serde_json::from_str::<Vec<AttemptError>>(&row.errors).unwrap(), history);
        assert_eq!(row.attempts, if counted { attempt } else { attempt - 1 });
        assert!(
            waits.contains(&(row.due_at_ms - bench.now_ms)),
            "{attempt}: {}",
            row.due_at_ms - bench.now_ms
        );
        bench.wake().await;
    }
}

/// A failure, as often as it is wanted.
type Failing = fn() -> RemoteError;

/// The words say what holds them up and how long, in whole seconds that are not too short.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_holds_somebody_up_is_said_with_its_time() {
    // (how the write fails, how often, how long afterwards somebody asks, what they are told)
    let cases: [(Failing, u32, i64, &str); 3] = [
        (|| busy(Remote::ServiceNow, 60_000), 1, 30_500, "ServiceNow asked VetSync to wait another 30 s"),
        (
            || RemoteError::SignIn { remote: Remote::ServiceNow, what: "invalid_client".to_owned() },
            1,
            500,
            "ServiceNow refuses our credentials; the next try is in 30 s",
        ),
        (
            unreachable,
            FAILURES_TO_OPEN,
            OPEN_FOR_MS - 1,
            "ServiceNow does not answer; the next try is in 1 s",
        ),
    ];
    for (failing, times, later_ms, words) in cases {
        let mut bench = one_write(Policy::default()).await;
        for time in 0..times {
            if time > 0 {
                bench.wake().await;
            }
            let (operation, ..) = bench.write();
            bench.answer(&operation, Err(failing())).await;
        }
        bench.now_ms += later_ms;
        let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
        let told = bench.ask(Command::Observe { pair, write: false, actor: "person:dana".to_owned() }).await;
        assert!(matches!(&told, Err(EngineError::HeldBack { what, .. }) if what == words), "{told:?}");
    }
}

// ---------------------------------------------------------------- breaker, pause, sign-in

/// Five failures open the breaker and an incident; everything waits; a person's try is one write, and its answer lets the
/// rest go and closes the incident.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_person_tries_an_open_breaker_now() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(unreachable())).await;
    for _ in 1..FAILURES_TO_OPEN {
        bench.wake().await;
        bench.write();
        bench.answer(&operation, Err(unreachable())).await;
    }
    let (incidents, _) = bench.store.incidents(true, 0, 9).await.unwrap();
    assert_eq!(
        incidents.iter().map(|row| (row.kind.as_str(), row.subject.as_str(), row.times)).collect::<Vec<_>>(),
        [(BREAKER_INCIDENT, "service_now", 1)]
    );
    bench.now_ms += 1_000;
    let try_now = || Command::TryNow {
        remote: Remote::ServiceNow,
        person: "it".to_owned(),
        reason: "cable is back".to_owned(),
    };
    bench.ask(try_now()).await.unwrap();
    // The write's own time has not come: something harmless is asked.
    assert_eq!(std::mem::take(&mut bench.sent), [Request::Probe { remote: Remote::ServiceNow }]);
    let failed = Err(unreachable());
    bench.step(Event::Probed { remote: Remote::ServiceNow, result: failed, latency_ms: 5 }).await;
    let (incidents, _) = bench.store.incidents(true, 0, 9).await.unwrap();
    assert_eq!(incidents[0].times, 2, "the same incident, seen once more");
    assert_eq!(bench.engine.health(Remote::ServiceNow).open_until_ms, Some(bench.now_ms + OPEN_FOR_MS));
    bench.ask(try_now()).await.unwrap();
    assert_eq!(std::mem::take(&mut bench.sent), [Request::Probe { remote: Remote::ServiceNow }]);
    bench.step(Event::Probed { remote: Remote::ServiceNow, result: Ok(()), latency_ms: 5 }).await;
    assert_eq!(bench.store.incidents(true, 0, 9).await.unwrap().1, 0, "closed");
    assert_eq!(bench.store.incidents(false, 0, 9).await.unwrap().1, 1, "once");
    // Nothing keeps anything back now: a try brings what waits forward.
    bench.ask(try_now()).await.unwrap();
    bench.sent.retain(|request| !matches!(request, Request::Probe { .. }));
    assert_eq!(bench.write().0, operation);
}

/// A paused remote is asked nothing, by a run, a person or the outbox; the other one goes on; the pause outlives the
/// process; resumed, everything goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_paused_remote_is_left_alone_until_it_is_resumed() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, "+14155550100", "r1")]).await;
    bench.start_run().await;
    let pause =
        |remote| Command::Pause { remote, person: "it".to_owned(), reason: "upgrade until noon".to_owned() };
    bench.ask(pause(Remote::ServiceNow)).await.unwrap();
    // The run's pages were under way; what follows from them waits.
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let operation = bench.operation(OperationState::Waiting).await;
    assert_eq!((operation.remote, operation.attempts), (Remote::ServiceNow, 0), "accepted and queued");
    let twice = bench.ask(pause(Remote::ServiceNow)).await;
    assert!(matches!(twice, Err(EngineError::HeldBack { .. })), "{twice:?}");
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    let verify = Command::Observe { pair, write: false, actor: "person:dana".to_owned() };
    let told = bench.ask(verify).await;
    assert!(
        matches!(&told, Err(EngineError::HeldBack { what, .. }) if what.contains("upgrade until noon")),
        "{told:?}"
    );

    let mut bench = Box::pin(bench.restarted()).await;
    bench.now_ms += 24 * 3_600_000;
    bench.step(Event::Woke).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let run = Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: false, kind: None };
    assert!(matches!(bench.ask(run).await, Err(EngineError::HeldBack { .. })));
    let resume =
        || Command::Resume { remote: Remote::ServiceNow, person: "mara".to_owned(), reason: String::new() };
    bench.ask(resume()).await.unwrap();
    assert_eq!(bench.write().0, operation.id);
    assert!(matches!(bench.ask(resume()).await, Err(EngineError::NotNow { .. })), "it is not paused");
    let audit = actions(&bench).await;
    for entry in [("it", "remote.paused"), ("mara", "remote.resumed")] {
        assert!(audit.contains(&(entry.0.to_owned(), entry.1.to_owned())), "{audit:?}");
    }
}

/// Refused credentials are one incident, however many writes wait; one try an interval, none of theirs is used up.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn refused_credentials_are_one_incident_and_no_storm() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, remote, _) = bench.write();
    let refused = || RemoteError::SignIn { remote, what: "invalid_client".to_owned() };
    bench.answer(&operation, Err(refused())).await;
    for interval in 2..=4_u64 {
        assert!(bench.sent.is_empty());
        assert_eq!(bench.wake().await, OPEN_FOR_MS);
        assert_eq!(bench.write().0, operation, "one try");
        bench.answer(&operation, Err(refused())).await;
        let (incidents, total) = bench.store.incidents(false, 0, 9).await.unwrap();
        assert_eq!((total, incidents[0].times), (1, interval));
        assert_eq!(incidents[0].kind, SIGN_IN_INCIDENT);
    }
    let row_of = bench.store.operation(&operation).await.unwrap().unwrap();
    assert_eq!((row_of.attempts, row_of.claims), (0, 4));
    let incident = bench.store.incidents(true, 0, 9).await.unwrap().0.remove(0).id;
    let note = || Command::Acknowledge {
        incident: incident.clone(),
        person: "it".to_owned(),
        reason: Some("the cable is being mended".to_owned()),
    };
    bench.ask(note()).await.unwrap();
    assert!(matches!(bench.ask(note()).await, Err(EngineError::NotNow { .. })), "once");
    bench.wake().await;
    bench.write();
    bench.answer(&operation, Ok(written())).await;
    let closed = bench.store.incident(&incident).await.unwrap().unwrap();
    assert!(!closed.open && closed.acknowledged_by.as_deref() == Some("it"));
}

/// A run's pages obey the breaker: while it is open none is sent, then one; and if that fails the run ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_obeys_the_breaker() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(unreachable())).await;
    for _ in 1..FAILURES_TO_OPEN {
        bench.wake().await;
        bench.write();
        bench.answer(&operation, Err(unreachable())).await;
    }
    let run = bench.start_run().await;
    let asked: Vec<Remote> = bench
        .sent
        .iter()
        .map(|request| match request {
            Request::ReadPage { remote, .. } => *remote,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(asked, [Remote::Ehr], "ServiceNow's page waits");
    bench.pages(&[], &[chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(bench.wake().await, OPEN_FOR_MS);
    let pages: Vec<_> =
        bench.sent.iter().filter(|request| matches!(request, Request::ReadPage { .. })).collect();
    assert_eq!((pages.len(), bench.sent.len()), (1, 1), "exactly one probe: {:?}", bench.sent);
    bench.sent.clear();
    bench
        .step(Event::PageRead { run, remote: Remote::ServiceNow, result: Err(unreachable()), latency_ms: 5 })
        .await;
    assert_eq!(bench.last_run().await.state, "failed");
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

// ---------------------------------------------------------------- the brake

/// A run over the brake goes on when a second person agrees to what the first asked for, exactly as it was counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_persons_let_a_stopped_run_go_on() {
    let brake = reconcile::brake::BrakeLimits { pairs_max: 0, ..Default::default() };
    let mut bench = one_write(Policy { brake, ..Policy::default() }).await;
    assert_eq!(bench.last_run().await.state, "stopped");
    let waiting = engine::braking::braked(&*bench.store).await.unwrap().unwrap();
    assert_eq!((waiting.patients, waiting.writes, waiting.creates), (1, [1, 0], 0));
    assert_eq!(waiting.brake, Some(reconcile::brake::Brake::TooManyPairs { pairs: 1, limit: 0 }));
    let fields: Vec<_> =
        waiting.fields.iter().map(|count| (count.field.as_str(), count.writes, count.emptied)).collect();
    assert_eq!(fields, [("owner_phone", [1, 0], 0)], "what would be written, by field and remote");
    let ask = |hash: &str, person: &str, reason: Option<&str>| Command::ContinueBraked {
        hash: hash.to_owned(),
        person: person.to_owned(),
        reason: reason.map(str::to_owned),
    };
    let forged = bench.ask(ask("0", "dana", Some("moved premises"))).await;
    assert!(matches!(forged, Err(EngineError::Moved { .. })), "{forged:?}");
    let mute = bench.ask(ask(&waiting.hash, "dana", None)).await;
    assert!(matches!(mute, Err(EngineError::NotNow { .. })), "{mute:?}");
    assert!(matches!(bench.ask(ask(&waiting.hash, "dana", Some("moved premises"))).await, Ok(Reply::Done)));
    let alone = bench.ask(ask(&waiting.hash, "dana", None)).await;
    assert!(matches!(alone, Err(EngineError::NotNow { .. })), "nobody approves what they made: {alone:?}");
    assert!(bench.sent.is_empty());
    bench.now_ms += 3_600_000;
    assert!(matches!(bench.ask(ask(&waiting.hash, "mara", None)).await, Ok(Reply::Run(_))));
    let (operation, ..) = bench.write();
    bench.answer(&operation, Ok(written())).await;
    let run = bench.last_run().await;
    assert_eq!((run.state.as_str(), run.trigger.as_str()), ("done", "brake"));
    assert!(engine::braking::braked(&*bench.store).await.unwrap().is_none());
    let audit = actions(&bench).await;
    for (actor, action) in [("dana", "brake.submitted"), ("mara", "brake.approved")] {
        assert!(audit.contains(&(actor.to_owned(), action.to_owned())), "{audit:?}");
    }
}

/// What moved since it was counted is not written on that approval: it is stopped again, and asked anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_moved_since_it_was_counted_is_asked_anew() {
    let brake = reconcile::brake::BrakeLimits { pairs_max: 0, ..Default::default() };
    let mut bench = one_write(Policy { brake, ..Policy::default() }).await;
    let waiting = engine::braking::braked(&*bench.store).await.unwrap().unwrap();
    let ask = |person: &str| Command::ContinueBraked {
        hash: waiting.hash.clone(),
        person: person.to_owned(),
        reason: Some("moved premises".to_owned()),
    };
    bench.ask(ask("dana")).await.unwrap();
    // Somebody verifies the patient: the EHR's phone is another one by now.
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    let verify = Command::Observe { pair, write: false, actor: "person:dana".to_owned() };
    bench.step(Event::Asked { ticket: Ticket(7), command: verify }).await;
    bench.reads(&[row("r1", 3, OLD, "p1"), chart("p1", 3, "+14155550177", "r1")]).await;
    bench.now_ms += 3_600_000;
    bench.ask(ask("mara")).await.unwrap();
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let run = bench.last_run().await;
    assert_eq!(run.state, "stopped");
    assert!(run.problem.unwrap().contains("not what was approved"));
    let again = engine::braking::braked(&*bench.store).await.unwrap().unwrap();
    assert_ne!(again.hash, waiting.hash);
    assert_eq!(again.maker, None, "asked anew");
    let before = engine::braking::AskedBefore { maker: "dana".to_owned(), patients: 1 };
    assert_eq!(again.before, Some(before), "and says what was asked for before");
}

/// What would be created was absent when it was counted: after ten minutes the next run looks again first, as it does for
/// a creation that waited in the outbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_counted_long_ago_creates_nothing() {
    let brake = reconcile::brake::BrakeLimits { pairs_max: 0, ..Default::default() };
    for (later_ms, created) in [(60_000, true), (3_600_000, false)] {
        let mut bench = Bench::with(Policy { brake, ..Policy::default() }).await;
        bench.start_run().await;
        bench.pages(&[row("r1", 3, OLD, "")], &[]).await;
        let waiting = engine::braking::braked(&*bench.store).await.unwrap().unwrap();
        assert_eq!(waiting.creates, 1);
        for person in ["dana", "mara"] {
            let command = Command::ContinueBraked {
                hash: waiting.hash.clone(),
                person: person.to_owned(),
                reason: Some("moved premises".to_owned()),
            };
            bench.ask(command).await.unwrap();
            bench.now_ms += later_ms;
        }
        assert_eq!(!bench.sent.is_empty(), created, "{later_ms} ms: {:?}", bench.sent);
    }
}

/// A run that goes on counts anew without reading: what it stops with then is as old as what it had read, however soon
/// afterwards two persons agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_counted_anew_without_reading_is_as_old_as_before() {
    let brake = reconcile::brake::BrakeLimits { pairs_max: 0, ..Default::default() };
    let mut bench = Bench::with(Policy { brake, ..Policy::default() }).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "")], &[]).await;
    let first = engine::braking::braked(&*bench.store).await.unwrap().unwrap();
    let ask = |waiting: &engine::braking::Braked, person: &str| Command::ContinueBraked {
        hash: waiting.hash.clone(),
        person: person.to_owned(),
        reason: Some("moved premises".to_owned()),
    };
    bench.ask(ask(&first, "dana")).await.unwrap();
    // The row is another one by now: what would be created is not what was counted.
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    let verify = Command::Observe { pair, write: false, actor: "person:dana".to_owned() };
    bench.step(Event::Asked { ticket: Ticket(7), command: verify }).await;
    bench.reads(&[row("r1", 4, "+14155550177", "")]).await;
    bench.now_ms += 3_600_000;
    bench.ask(ask(&first, "mara")).await.unwrap();
    let again = engine::braking::braked(&*bench.store).await.unwrap().unwrap();
    assert_ne!(again.hash, first.hash, "counted anew");
    assert_eq!((again.creates, again.stopped_at_ms), (1, bench.now_ms));
    for person in ["dana", "mara"] {
        bench.ask(ask(&again, person)).await.unwrap();
    }
    assert!(bench.sent.is_empty(), "the EHR may have it for an hour: {:?}", bench.sent);
    // The next run reads first, and creates what is still on one side only.
    bench.start_run().await;
    bench.pages(&[row("r1", 4, "+14155550177", "")], &[]).await;
    let read = engine::braking::braked(&*bench.store).await.unwrap().unwrap();
    for person in ["dana", "mara"] {
        bench.ask(ask(&read, person)).await.unwrap();
    }
    assert!(!bench.sent.is_empty(), "just read");
}
