//! The engine's steps, one event and one moment at a time: what sockets and real clocks cannot show exactly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, lenses, one_write, row, unreachable, written};
use engine::health::OPEN_FOR_MS;
use engine::runs::counts_of;
use engine::step::{Command, Event, Notice, Reply, Request, Ticket};
use engine::{EngineError, Policy};
use reconcile::brake::BrakeLimits;
use record::Remote;
use remote::{Fetched, RemoteError, Written};
use store::{ConflictCause, OperationFilter, OperationState};

/// Specification: five tries with 1, 2, 4 and 8 seconds between; then the breaker holds it back for 30 s and lets one
/// probe through. The run does not wait for that, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_is_tried_five_times_and_then_waits_for_the_breaker() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, remote, first) = bench.write();
    assert_eq!((remote, first.expected_version.as_deref()), (Remote::ServiceNow, Some("3")));
    let mut waits = Vec::new();
    bench.answer(&operation, Err(unreachable())).await;
    for _ in 0..4 {
        assert_eq!(bench.last_run().await.state, "running");
        waits.push(bench.wake().await);
        let (again, _, write) = bench.write();
        assert_eq!((&again, &write), (&operation, &first), "the same write, byte for byte");
        bench.answer(&operation, Err(unreachable())).await;
    }
    for (wait, step) in waits.iter().zip([1_000, 2_000, 4_000, 8_000]) {
        assert!((step..step + step / 10).contains(wait), "{waits:?}: jitter stays within the step");
    }
    let run = bench.last_run().await;
    assert_eq!((run.state.as_str(), counts_of(&run).unwrap().writes_failed), ("done", 1));
    assert!(run.problem.is_some_and(|words| words.contains("tried again")));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.engine.health(Remote::ServiceNow).open_until_ms, Some(bench.now_ms + OPEN_FOR_MS));

    // Another process starts meanwhile: it knows that the breaker is open, and does not storm.
    let mut bench = Box::pin(bench.restarted()).await;
    assert!(bench.sent.is_empty());
    assert_eq!(bench.engine.health(Remote::ServiceNow).open_until_ms, Some(bench.now_ms + OPEN_FOR_MS));
    assert_eq!(bench.wake().await, OPEN_FOR_MS);
    let (again, _, write) = bench.write();
    assert_eq!((again, write), (operation.clone(), first));
    bench.answer(&operation, Ok(written())).await;
    assert_eq!(bench.engine.health(Remote::ServiceNow).open_until_ms, None);
    assert!(bench.store.receipt(&operation).await.unwrap().is_some());
    assert_eq!(bench.operation(OperationState::Done).await.id, operation);
}

/// The setting `retry_attempts` counts: after two tries the run goes on without the write, which stays queued.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_is_tried_as_often_as_the_settings_say() {
    let mut bench = one_write(Policy { tries: 2, ..Policy::default() }).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(unreachable())).await;
    assert_eq!(bench.last_run().await.state, "running");
    assert!((1_000..1_100).contains(&bench.wake().await));
    assert_eq!(bench.write().0, operation);
    bench.answer(&operation, Err(unreachable())).await;
    let run = bench.last_run().await;
    assert_eq!((run.state.as_str(), counts_of(&run).unwrap().writes_failed), ("done", 1));
    assert_eq!(bench.wake().await, OPEN_FOR_MS);
}

/// What the remote asks for wins over our own steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn retry_after_wins() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let busy = RemoteError::Transient {
        remote: Remote::ServiceNow,
        status: 429,
        what: "rate limit".to_owned(),
        retry_after_ms: Some(90_000),
    };
    bench.answer(&operation, Err(busy)).await;
    assert_eq!(bench.wake().await, 90_000);
    assert_eq!(bench.write().0, operation);
}

/// Refused credentials do not use tries up, do not hold the run, and say so on the home screen.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn refused_credentials_keep_the_write_and_end_the_run() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let refused = RemoteError::SignIn { remote: Remote::ServiceNow, what: "invalid_client".to_owned() };
    bench.answer(&operation, Err(refused)).await;
    assert!(bench.engine.health(Remote::ServiceNow).sign_in_refused);
    assert_eq!(bench.last_run().await.state, "done");
    assert_eq!(bench.operation(OperationState::Retrying).await.id, operation);
    bench.wake().await;
    let (again, ..) = bench.write();
    bench.answer(&again, Ok(written())).await;
    assert!(!bench.engine.health(Remote::ServiceNow).sign_in_refused);
}

/// Two records carry the key of a create that is looked up: parked with a question, and never created a third time.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_records_with_our_key_are_a_question() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 1, OLD, "")], &[]).await;
    let Some(Request::FindByOurKey { operation, remote, key, .. }) = bench.sent.pop() else {
        panic!("{:?}", bench.sent)
    };
    assert_eq!((remote, key.as_str()), (Remote::Ehr, "r1"), "looked up before it is created");
    let many = Err(RemoteError::Many { remote: Remote::Ehr, count: 2 });
    bench.step(Event::Found { operation: operation.clone(), result: many, latency_ms: 5 }).await;
    assert!(bench.sent.is_empty(), "nothing is created");
    assert_eq!(bench.operation(OperationState::Parked).await.id, operation);
    let pair = bench.operation(OperationState::Parked).await.lane;
    assert_eq!(bench.store.open_conflict_of(&pair).await.unwrap().unwrap().cause, ConflictCause::NotStored);
    assert_eq!(bench.last_run().await.state, "done");
    // The next run does not try it again by itself.
    bench.start_run().await;
    bench.pages(&[row("r1", 1, OLD, "")], &[]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

/// The brake stops a run before its first write, with words and a way out.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_brake_stops_before_anything_is_written() {
    let brake = BrakeLimits { pairs_max: 0, ..BrakeLimits::default() };
    let mut bench = one_write(Policy { brake, ..Policy::default() }).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let run = bench.last_run().await;
    assert_eq!(run.state, "stopped");
    let problem = run.problem.unwrap();
    assert!(problem.contains("brake") && problem.contains("[brake]"), "{problem}");
    let all = OperationFilter { lane: None, plan: None, states: Vec::new() };
    assert!(bench.store.operations(&all, 0, 10).await.unwrap().is_empty());
    // It asks again the next time; nothing was forgotten.
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(bench.last_run().await.state, "stopped");
}

/// A run that was stopped takes no answers any more, and another one may begin at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_of_a_stopped_run_are_nobodys() {
    let mut bench = Bench::with(Policy::default()).await;
    let first = bench.start_run().await;
    let late = std::mem::take(&mut bench.sent);
    let Ok(Reply::Run(stopped)) = bench.ask(Command::StopRun { run: first.clone() }).await else {
        panic!("stopped")
    };
    assert_eq!((stopped.id, stopped.state.as_str()), (first.clone(), "stopped"));
    assert!(bench.notices.contains(&Notice::RunEnded(first.clone())));
    let second = bench.start_run().await;
    assert_ne!(first, second);
    let own = std::mem::replace(&mut bench.sent, late);
    bench.pages(&[row("r9", 1, OLD, "")], &[]).await;
    let known = bench.store.snapshot_count(Remote::ServiceNow, record::RecordKind::Patient).await.unwrap();
    assert_eq!(known, 0, "late answers are not stored");
    bench.sent = own;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, "+14155550100", "r1")]).await;
    assert_eq!((bench.last_run().await.id, bench.last_run().await.state.as_str()), (second, "done"));
    assert!(bench.ask(Command::StopRun { run: first }).await.is_err(), "what has ended cannot be stopped");
}

/// Operations of one patient go one after the other; those of different patients side by side.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lanes_are_in_order_and_side_by_side() {
    let mut bench = Bench::with(Policy::default()).await;
    let rows = |phone: &str| ["r1", "r2"].map(|key| row(key, 3, phone, &key.replace('r', "p")));
    let charts =
        |version, phone: &str| ["p1", "p2"].map(|id| chart(id, version, phone, &id.replace('p', "r")));
    bench.start_run().await;
    bench.pages(&rows(OLD), &charts(1, "+14155550100")).await;
    bench.start_run().await;
    // In both pairs, each side changed another field: one write each way.
    let renamed: Vec<Fetched> = rows(OLD)
        .into_iter()
        .map(|fetched| Fetched {
            raw: fetched.raw.replace("Rex", "Roxy").replace(r#"sys_mod_count":"3""#, r#"sys_mod_count":"4""#),
            version: "4".to_owned(),
            ..fetched
        })
        .collect();
    bench.pages(&renamed, &charts(2, NEW)).await;
    let lanes: Vec<Remote> = bench
        .sent
        .iter()
        .map(|request| match request {
            Request::Write { remote, .. } => *remote,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lanes, [Remote::ServiceNow, Remote::ServiceNow], "one of each patient, not two");
    let Request::Write { operation, write, .. } = bench.sent.remove(0) else { panic!("a write") };
    let key = write.key.unwrap();
    let raw = renamed.iter().find(|fetched| fetched.key == key).unwrap().raw.replace(OLD, NEW);
    let read_back =
        Fetched { key: key.clone(), version: "5".to_owned(), raw, changed_by: None, changed_at_ms: None };
    bench
        .answer(
            &operation,
            Ok(Written {
                key: key.clone(),
                status: 200,
                response_body: String::new(),
                read_back,
                raced: false,
            }),
        )
        .await;
    assert_eq!(bench.sent.len(), 2, "its second one follows; the other patient still waits for its first");
    let Some(Request::Write { remote, write, .. }) = bench.sent.pop() else { panic!("a write") };
    assert_eq!((remote, write.key), (Remote::Ehr, Some(key.replace('r', "p"))));
}

/// What is stored as the plan is what is approved: a hash that is not the plan's is refused, whoever shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_is_approved_as_it_was_shown_or_not_at_all() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, NEW, "r1")]).await;
    let (mut open, _) =
        bench.store.conflicts(&store::ConflictFilter::default(), bench.now_ms, 0, 10).await.unwrap();
    let conflict = open.remove(0);
    let field = lenses().catalogue(record::RecordKind::Patient).index_of("owner_phone").unwrap();
    let decisions =
        vec![reconcile::plan::FieldDecision { field, choice: reconcile::plan::Choice::TakeServiceNow }];
    let make = Command::MakePlan {
        conflict: conflict.id,
        fingerprint: conflict.fingerprint,
        decisions,
        maker: "dana".to_owned(),
        reason: None,
    };
    let Ok(Reply::Plan(plan)) = bench.ask(make).await else { panic!("a plan") };
    let approve = |hash: &str| Command::Approve {
        plan: plan.id.clone(),
        hash: hash.to_owned(),
        person: "dana".to_owned(),
        reason: None,
    };
    let forged = bench.ask(approve(&"0".repeat(64))).await;
    assert!(matches!(forged, Err(EngineError::Moved { .. })), "{forged:?}");
    assert!(bench.sent.is_empty());
    bench.step(Event::Asked { ticket: Ticket(1), command: approve(&plan.hash) }).await;
    // Both sides are read again before anything is written.
    assert!(bench.sent.iter().all(|request| matches!(request, Request::ReadRecord { .. })));
    assert_eq!(bench.sent.len(), 2);
    for request in std::mem::take(&mut bench.sent) {
        let Request::ReadRecord { errand, remote, .. } = request else { panic!("{request:?}") };
        let fetched = match remote {
            Remote::ServiceNow => row("r1", 3, OLD, "p1"),
            Remote::Ehr => chart("p1", 1, NEW, "r1"),
        };
        bench.step(Event::RecordRead { errand, remote, result: Ok(fetched), latency_ms: 5 }).await;
    }
    let (_, remote, write) = bench.write();
    assert_eq!((remote, write.expected_version.as_deref()), (Remote::Ehr, Some("1")));
    assert!(
        plan.body.contains(&serde_json::to_string(&write.body).unwrap()),
        "the body that was shown is sent"
    );
}
