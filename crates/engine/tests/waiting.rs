//! Approved while a remote is held back: accepted at once, checked and carried out when both remotes may be asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, chart, row};
use engine::health::OPEN_FOR_MS;
use engine::step::{Command, Event, Reply, Request};
use engine::{EngineError, Policy};
use reconcile::plan::{Choice, FieldDecision};
use record::Remote;
use remote::{RemoteError, Written};
use store::{ConflictRow, ConflictState, OperationState, PairStatus, PlanRow, PlanState};

const SAME: &str = "+14155550100";
const THIRD: &str = "+14155550177";

fn pause(remote: Remote) -> Command {
    Command::Pause { remote, person: "it".to_owned(), reason: "upgrade".to_owned() }
}

fn resume(remote: Remote) -> Command {
    Command::Resume { remote, person: "it".to_owned(), reason: String::new() }
}

fn approve(plan: &PlanRow, person: &str) -> Command {
    Command::Approve {
        plan: plan.id.clone(),
        hash: plan.hash.clone(),
        person: person.to_owned(),
        reason: Some("asked the owner".to_owned()),
    }
}

fn withdraw(plan: &PlanRow) -> Command {
    Command::Refuse { plan: plan.id.clone(), person: "dana".to_owned(), reason: "wrong number".to_owned() }
}

/// What ServiceNow and the EHR say of the patient in question.
fn both() -> [remote::Fetched; 2] {
    [row("r1", 4, NEW, "p1"), chart("p1", 2, THIRD, "r1")]
}

/// A pair whose phone both sides changed.
async fn in_conflict(policy: Policy) -> Bench {
    let mut bench = Bench::with(policy).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, SAME, "r1")]).await;
    bench.start_run().await;
    let [row, chart] = both();
    bench.pages(&[row], &[chart]).await;
    bench
}

async fn conflict(bench: &Bench) -> ConflictRow {
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    bench.store.open_conflict_of(&pair).await.unwrap().expect("an open conflict")
}

async fn plan_for(bench: &mut Bench, maker: &str) -> Result<PlanRow, EngineError> {
    let conflict = conflict(bench).await;
    let catalogue = common::lenses().catalogue(record::RecordKind::Patient).clone();
    let decisions = conflict
        .fields
        .split(',')
        .filter_map(|id| catalogue.index_of(id))
        .map(|field| FieldDecision { field, choice: Choice::TakeServiceNow })
        .collect();
    let command = Command::MakePlan {
        conflict: conflict.id,
        fingerprint: conflict.fingerprint,
        decisions,
        maker: maker.to_owned(),
        reason: None,
    };
    match bench.ask(command).await? {
        Reply::Plan(plan) => Ok(plan),
        other => panic!("no plan: {other:?}"),
    }
}

async fn state(bench: &Bench, plan: &PlanRow) -> PlanState {
    bench.store.plan(&plan.id).await.unwrap().unwrap().state
}

/// A conflict decided while the EHR is paused.
async fn waiting() -> (Bench, PlanRow) {
    let mut bench = in_conflict(Policy::default()).await;
    let plan = plan_for(&mut bench, "dana").await.unwrap();
    bench.ask(pause(Remote::Ehr)).await.unwrap();
    let reply = bench.ask(approve(&plan, "dana")).await;
    assert!(
        matches!(&reply, Ok(Reply::AwaitingCheck(told)) if told.state == PlanState::AwaitingCheck),
        "{reply:?}"
    );
    (bench, plan)
}

fn stored(read_back: remote::Fetched) -> Written {
    Written {
        key: read_back.key.clone(),
        status: 200,
        response_body: read_back.raw.clone(),
        read_back,
        raced: false,
    }
}

/// The one write that the decision comes to is sent and answered.
async fn written(bench: &mut Bench, plan: &PlanRow) {
    let (operation, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::Ehr, Some("p1")));
    assert_eq!(state(bench, plan).await, PlanState::Approved);
    bench.answer(&operation, Ok(stored(chart("p1", 3, NEW, "r1")))).await;
    assert_eq!(state(bench, plan).await, PlanState::Done);
    let pair = bench.pair(Remote::ServiceNow, "r1").await;
    assert_eq!(pair.status, PairStatus::Agreed);
    assert!(bench.store.open_conflict_of(&pair.id).await.unwrap().is_none());
    assert_eq!(bench.store.waiting_plans().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn approved_while_paused_is_checked_and_written_when_it_is_resumed() {
    let (mut bench, plan) = waiting().await;
    assert!(bench.sent.is_empty(), "a paused remote is asked nothing: {:?}", bench.sent);
    assert_eq!(bench.operations(&[]).await.len(), 0, "nothing is in the outbox before the check");
    let row = bench.store.plan(&plan.id).await.unwrap().unwrap();
    assert_eq!((row.approver.as_deref(), row.closed_at_ms), (Some("dana"), Some(bench.now_ms)));
    assert_eq!(row.reason.as_deref(), Some("asked the owner"));
    assert_eq!(conflict(&bench).await.state, ConflictState::Executing, "it is decided");
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Waiting);
    let audit = bench.store.audit(Some(&plan.id), 0, 9).await.unwrap();
    assert_eq!((audit[0].action.as_str(), audit[0].actor.as_str()), ("plan.approved", "dana"));

    bench.now_ms += 3_600_000;
    bench.step(Event::Woke).await;
    assert!(bench.sent.is_empty(), "not while it is paused: {:?}", bench.sent);
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    assert_eq!(bench.sent.len(), 2, "both sides are read: {:?}", bench.sent);
    bench.reads(&both()).await;
    written(&mut bench, &plan).await;
    let audit = bench.store.audit(Some(&plan.id), 0, 9).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["plan.checked", "plan.approved"], "newest first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_waits_for_both_remotes_whichever_is_resumed_first() {
    let (mut bench, plan) = waiting().await;
    bench.ask(pause(Remote::ServiceNow)).await.unwrap();
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    bench.ask(resume(Remote::ServiceNow)).await.unwrap();
    bench.reads(&both()).await;
    written(&mut bench, &plan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_approval_outlives_the_process() {
    let (mut bench, plan) = waiting().await;
    bench.now_ms += 1;
    let mut bench = Box::pin(bench.restarted()).await;
    assert!(bench.sent.is_empty(), "the pause outlives it too: {:?}", bench.sent);
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Waiting);
    assert_eq!(conflict(&bench).await.state, ConflictState::Executing);
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    // The process ends while both sides are being read.
    bench.now_ms += 1;
    let mut bench = Box::pin(bench.restarted()).await;
    assert_eq!(bench.sent.len(), 2, "begun anew at the start: {:?}", bench.sent);
    bench.reads(&both()).await;
    written(&mut bench, &plan).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_moved_meanwhile_is_not_written_and_asked_about_again() {
    let (mut bench, plan) = waiting().await;
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    let asked_before = conflict(&bench).await.fingerprint;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 3, "+14155550155", "r1")]).await;
    assert!(bench.sent.is_empty(), "nothing is written: {:?}", bench.sent);
    assert_eq!(state(&bench, &plan).await, PlanState::Superseded);
    let again = conflict(&bench).await;
    assert_eq!(again.state, ConflictState::Open);
    assert_ne!(again.fingerprint, asked_before, "with the new values");
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Differs);
    let audit = bench.store.audit(Some(&plan.id), 0, 1).await.unwrap();
    assert_eq!((audit[0].action.as_str(), audit[0].actor.as_str()), ("plan.superseded", "engine"));
    // The new question can be decided.
    assert!(plan_for(&mut bench, "dana").await.is_ok());
}

/// What is stored already has moved since the plan was made: no remote is needed to say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_known_to_have_moved_is_said_at_once() {
    let mut bench = in_conflict(Policy::default()).await;
    let plan = plan_for(&mut bench, "dana").await.unwrap();
    bench.start_run().await;
    bench.pages(&[row("r1", 4, NEW, "p1")], &[chart("p1", 3, "+14155550155", "r1")]).await;
    bench.ask(pause(Remote::Ehr)).await.unwrap();
    let reply = bench.ask(approve(&plan, "dana")).await;
    assert!(matches!(reply, Err(EngineError::Moved { .. })), "{reply:?}");
    assert_eq!(state(&bench, &plan).await, PlanState::Superseded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_decision_that_waits_is_not_made_twice() {
    let mut bench = in_conflict(Policy::default()).await;
    let (first, second) =
        (plan_for(&mut bench, "dana").await.unwrap(), plan_for(&mut bench, "eva").await.unwrap());
    bench.ask(pause(Remote::Ehr)).await.unwrap();
    bench.ask(approve(&first, "dana")).await.unwrap();
    for again in [approve(&first, "dana"), approve(&second, "eva")] {
        let reply = bench.ask(again).await;
        assert!(matches!(reply, Err(EngineError::NotNow { .. })), "{reply:?}");
    }
    let made = plan_for(&mut bench, "eva").await;
    assert!(matches!(made, Err(EngineError::NotNow { .. })), "{made:?}");
    assert_eq!(state(&bench, &second).await, PlanState::Draft);
}

/// A comparison that was under way does not settle, write or reopen anything of a patient whose decision waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rules_write_nothing_for_a_patient_whose_decision_waits() {
    let mut bench = in_conflict(Policy::default()).await;
    let plan = plan_for(&mut bench, "dana").await.unwrap();
    bench.start_run().await;
    bench.ask(pause(Remote::Ehr)).await.unwrap();
    bench.ask(approve(&plan, "dana")).await.unwrap();
    // The animal was renamed in the EHR: a rule would carry that to ServiceNow.
    let chart = chart("p1", 3, THIRD, "r1");
    let renamed = remote::Fetched { raw: chart.raw.replace("Rex r1", "Roxy"), ..chart };
    bench.pages(&[row("r1", 4, NEW, "p1")], std::slice::from_ref(&renamed)).await;
    assert_eq!(bench.last_run().await.state, "done");
    assert_eq!(bench.operations(&[]).await.len(), 0);
    assert_eq!(conflict(&bench).await.state, ConflictState::Executing);
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    bench.reads(&[row("r1", 4, NEW, "p1"), renamed]).await;
    assert_eq!(state(&bench, &plan).await, PlanState::Superseded, "the EHR's record moved");
    assert_eq!(conflict(&bench).await.state, ConflictState::Open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_waiting_plan_can_be_withdrawn_and_decided_anew() {
    let (mut bench, plan) = waiting().await;
    let Ok(Reply::Plan(withdrawn)) = bench.ask(withdraw(&plan)).await else { panic!("a plan") };
    assert_eq!(withdrawn.state, PlanState::Refused);
    let open = conflict(&bench).await;
    assert_eq!(open.state, ConflictState::Open);
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Differs);
    let audit = bench.store.audit(Some(&plan.id), 0, 1).await.unwrap();
    assert_eq!((audit[0].action.as_str(), audit[0].actor.as_str()), ("plan.withdrawn", "dana"));
    let twice = bench.ask(withdraw(&plan)).await;
    assert!(matches!(twice, Err(EngineError::NotNow { .. })), "{twice:?}");

    let anew = plan_for(&mut bench, "dana").await.unwrap();
    bench.ask(approve(&anew, "dana")).await.unwrap();
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    bench.reads(&both()).await;
    written(&mut bench, &anew).await;
    assert_eq!(state(&bench, &plan).await, PlanState::Refused, "the withdrawn one was never sent");
}

/// Withdrawn while both sides are being read: what comes back changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_withdrawn_during_its_check_is_not_written() {
    let (mut bench, plan) = waiting().await;
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    bench.ask(withdraw(&plan)).await.unwrap();
    bench.reads(&both()).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(bench.operations(&[]).await.len(), 0);
    assert_eq!(state(&bench, &plan).await, PlanState::Refused);
    assert_eq!(conflict(&bench).await.state, ConflictState::Open);
}

/// The second person may come while a remote is held back; nobody else, and not the maker.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_second_person_is_asked_for_all_the_same() {
    let mut bench = in_conflict(Policy::default()).await;
    let plan = plan_for(&mut bench, "dana").await.unwrap();
    let graver = PlanRow { grade: 4, ..plan.clone() };
    bench.store.commit(vec![store::Change::PutPlan(graver)]).await.unwrap();
    bench.ask(pause(Remote::Ehr)).await.unwrap();
    let first = bench.ask(approve(&plan, "dana")).await;
    assert!(matches!(first, Ok(Reply::AwaitingSecond(_))), "{first:?}");
    let own = bench.ask(approve(&plan, "dana")).await;
    assert!(matches!(own, Err(EngineError::NotNow { .. })), "nobody approves what they made: {own:?}");
    let second = bench.ask(approve(&plan, "carla")).await;
    assert!(matches!(second, Ok(Reply::AwaitingCheck(_))), "{second:?}");
    let row = bench.store.plan(&plan.id).await.unwrap().unwrap();
    assert_eq!((row.maker.as_str(), row.approver.as_deref()), ("dana", Some("carla")));
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    bench.reads(&both()).await;
    written(&mut bench, &plan).await;
}

/// The reading that an approval begins with fails: what passes by itself does not turn the person away.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_remote_that_fails_while_it_is_read_keeps_the_approval() {
    let mut bench = in_conflict(Policy::default()).await;
    let plan = plan_for(&mut bench, "dana").await.unwrap();
    bench.step(Event::Asked { ticket: engine::Ticket(7), command: approve(&plan, "dana") }).await;
    fails(&mut bench, Remote::Ehr).await;
    let reply = bench.replies.pop().expect("an answer");
    assert!(matches!(reply, Ok(Reply::AwaitingCheck(_))), "{reply:?}");
    // Tried again after 1, 2, 4 s, and then it answers.
    for wait_ms in [1_000, 2_000, 4_000] {
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        assert_eq!(bench.wake().await, wait_ms);
        fails(&mut bench, Remote::Ehr).await;
        assert_eq!(state(&bench, &plan).await, PlanState::AwaitingCheck);
    }
    // Paused before that: nothing wants to be woken for it.
    bench.ask(pause(Remote::Ehr)).await.unwrap();
    bench.now_ms += 8_000;
    bench.step(Event::Woke).await;
    assert!(bench.wake_at_ms.is_none_or(|at_ms| at_ms > bench.now_ms), "{:?}", bench.wake_at_ms);
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    bench.reads(&both()).await;
    written(&mut bench, &plan).await;
}

/// Both sides are asked; one fails.
async fn fails(bench: &mut Bench, failing: Remote) {
    for request in std::mem::take(&mut bench.sent) {
        let Request::ReadRecord { errand, remote, key, .. } = request else { panic!("{request:?}") };
        let result = if remote == failing {
            Err(RemoteError::Unreachable { remote, what: "connection refused".to_owned() })
        } else {
            Ok(both().into_iter().find(|fetched| fetched.key == key).unwrap())
        };
        bench.step(Event::RecordRead { errand, remote, result, latency_ms: 5 }).await;
    }
}

/// The breaker opens while a plan waits: the one probe is a check, and the rest follow when it answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_open_breaker_takes_approvals_and_checks_them_when_it_closes() {
    let mut bench = in_conflict(Policy::default()).await;
    let plan = plan_for(&mut bench, "dana").await.unwrap();
    for _ in 0..5 {
        let result = Err(RemoteError::Unreachable { remote: Remote::Ehr, what: "refused".to_owned() });
        bench.step(Event::Probed { remote: Remote::Ehr, result, latency_ms: 5 }).await;
    }
    let reply = bench.ask(approve(&plan, "dana")).await;
    assert!(matches!(reply, Ok(Reply::AwaitingCheck(_))), "{reply:?}");
    bench.now_ms += 1;
    let mut bench = Box::pin(bench.restarted()).await;
    assert!(bench.sent.is_empty(), "the breaker is still open: {:?}", bench.sent);
    assert_eq!(bench.wake().await, OPEN_FOR_MS - 1);
    fails(&mut bench, Remote::Ehr).await;
    assert!(bench.sent.is_empty(), "open again: {:?}", bench.sent);
    assert_eq!(bench.wake().await, OPEN_FOR_MS);
    bench.reads(&both()).await;
    written(&mut bench, &plan).await;
}

/// A record that is not shown any more cannot be written: the plan is taken back, and the question stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_vanished_meanwhile_gives_the_question_back() {
    let (mut bench, plan) = waiting().await;
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    bench.reads(&[row("r1", 4, NEW, "p1")]).await;
    assert_eq!(state(&bench, &plan).await, PlanState::Superseded);
    let open = conflict(&bench).await;
    assert_eq!((open.state, open.cause), (ConflictState::Open, store::ConflictCause::Vanished));
    assert_eq!(bench.operations(&[]).await.len(), 0);
    bench.step(Event::Woke).await;
    assert!(bench.sent.is_empty(), "it is not read for ever: {:?}", bench.sent);
}

/// An undo is approved like any other plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_undo_waits_like_any_other_plan() {
    let (mut bench, plan) = waiting().await;
    bench.ask(resume(Remote::Ehr)).await.unwrap();
    bench.reads(&both()).await;
    written(&mut bench, &plan).await;
    bench.ask(pause(Remote::ServiceNow)).await.unwrap();
    let undo = Command::MakeUndo { plan: plan.id.clone(), maker: "dana".to_owned() };
    let Ok(Reply::Plan(undo)) = bench.ask(undo).await else { panic!("a plan") };
    let reply = bench.ask(approve(&undo, "dana")).await;
    assert!(matches!(reply, Ok(Reply::AwaitingCheck(_))), "{reply:?}");
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.status, PairStatus::Waiting);
    let again = bench.ask(Command::MakeUndo { plan: plan.id.clone(), maker: "eva".to_owned() }).await;
    assert!(matches!(&again, Err(EngineError::NotNow { what, .. }) if what.contains("waits")), "{again:?}");
    bench.ask(resume(Remote::ServiceNow)).await.unwrap();
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 3, NEW, "r1")]).await;
    let (operation, remote, write) = bench.write();
    assert_eq!(remote, Remote::Ehr);
    assert!(write.body.contains(THIRD), "the old value: {}", write.body);
    bench.answer(&operation, Ok(stored(chart("p1", 4, THIRD, "r1")))).await;
    assert_eq!(state(&bench, &undo).await, PlanState::Done);
}

/// A correction from the queue, approved while the system that refused it is paused.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_correction_waits_like_any_other_plan() {
    let mut bench = common::one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    let refused =
        RemoteError::Refused { remote: Remote::ServiceNow, status: 400, what: "not a phone".to_owned() };
    bench.answer(&operation, Err(refused)).await;
    let parked = bench.operation(OperationState::Parked).await;
    let catalogue = common::lenses().catalogue(record::RecordKind::Patient).clone();
    let phone = catalogue.index_of("owner_phone").unwrap();
    let spec = catalogue.spec(phone).unwrap();
    let value = record::value::parse(&spec.value_type, THIRD, &record::Conventions::default()).unwrap();
    let values = vec![(phone, record::FieldState::Value(value.unwrap()))];
    let edit = Command::EditOperation {
        operation: parked.id.clone(),
        values,
        maker: "it".to_owned(),
        reason: "typed wrongly".to_owned(),
    };
    let Ok(Reply::Plan(plan)) = bench.ask(edit).await else { panic!("a plan") };
    bench.ask(pause(Remote::ServiceNow)).await.unwrap();
    let reply = bench.ask(approve(&plan, "it")).await;
    assert!(matches!(reply, Ok(Reply::AwaitingCheck(_))), "{reply:?}");
    assert_eq!(bench.operation(OperationState::Parked).await.id, parked.id, "it stands until the check");
    bench.ask(resume(Remote::ServiceNow)).await.unwrap();
    bench.reads(&[row("r1", 3, OLD, "p1"), chart("p1", 2, NEW, "r1")]).await;
    let (correction, remote, write) = bench.write();
    assert_eq!(remote, Remote::ServiceNow);
    assert!(write.body.contains("5550177"), "{}", write.body);
    let correction = bench.store.operation(&correction).await.unwrap().unwrap();
    assert_eq!(correction.replaces.as_deref(), Some(parked.id.as_str()));
    assert_eq!(bench.store.operation(&parked.id).await.unwrap().unwrap().state, OperationState::Cancelled);
}
