//! What keeps an answer that comes late, twice, or to the wrong question from doing harm.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, SYSTEM, chart, lenses, one_write, row};
use engine::health::OPEN_FOR_MS;
use engine::runs::counts_of;
use engine::step::{Command, Event, Reply, Request, Ticket};
use engine::{EngineError, Policy};
use reconcile::plan::{Choice, FieldDecision};
use record::Remote;
use remote::{Cursor, Fetched, Next, Page, RemoteError, Written};
use store::{Change, ConflictCause, ConflictFilter, ConflictRow, OperationState, PairStatus, PlanState};

const SAME: &str = "+14155550100";

/// The same record, where `from` says `to`.
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

/// A linked pair that agrees.
async fn agreed() -> Bench {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, SAME, "r1")]).await;
    assert_eq!(counts_of(&bench.last_run().await).unwrap().equal, 1);
    bench
}

async fn observe(bench: &mut Bench, ticket: u64) {
    let pair = bench.pair(Remote::ServiceNow, "r1").await.id;
    let command = Command::Observe { pair, write: true, actor: "dana".to_owned() };
    bench.step(Event::Asked { ticket: Ticket(ticket), command }).await;
}

// ---------------------------------------------------------------- old answers

/// A page that was asked for before a record was read back may show how it was before: it never goes back over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_asked_for_earlier_never_overwrites_what_was_read_since() {
    let mut bench = agreed().await;
    bench.start_run().await;
    let pages = std::mem::take(&mut bench.sent);
    bench.now_ms += 10;
    observe(&mut bench, 1).await;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, NEW, "r1")]).await;
    bench.now_ms += 10;
    bench.sent = pages;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, SAME, "r1")]).await;
    assert_eq!(bench.last_run().await.state, "done");
    assert_eq!(bench.version(Remote::ServiceNow, "r1").await, "4");
    assert_eq!(bench.version(Remote::Ehr, "p1").await, "2");

    // A page asked for afterwards is believed, whatever version it shows: a restored backup counts backwards.
    bench.now_ms += 10;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, SAME, "r1")]).await;
    assert_eq!(bench.version(Remote::ServiceNow, "r1").await, "3");
    assert_eq!(bench.version(Remote::Ehr, "p1").await, "1");
}

/// Each page counts from when it was asked for itself, not from the beginning of the run.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_second_page_is_newer_than_what_was_read_before_it_was_asked_for() {
    let mut bench = agreed().await;
    let run = bench.start_run().await;
    let first = std::mem::take(&mut bench.sent);
    bench.now_ms += 10;
    observe(&mut bench, 1).await;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, NEW, "r1")]).await;
    bench.now_ms += 10;
    drop(first);
    let more = Next::More(Cursor("2".to_owned()));
    let empty = Page {
        items: Vec::new(),
        malformed: Vec::new(),
        next: more,
        total_hint: None,
        clock_ms: None,
        narrowed: false,
    };
    for remote in Remote::BOTH {
        let result = Ok(empty.clone());
        bench.step(Event::PageRead { run: run.clone(), remote, result, latency_ms: 5 }).await;
    }
    bench.pages(&[row("r1", 5, OLD, "p1")], &[chart("p1", 3, SAME, "r1")]).await;
    assert_eq!(bench.version(Remote::ServiceNow, "r1").await, "5");
    assert_eq!(bench.version(Remote::Ehr, "p1").await, "3");
}

/// The same for one record that was asked for twice and whose first answer comes last.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_older_answer_about_one_record_never_overwrites_a_newer_one() {
    let mut bench = agreed().await;
    observe(&mut bench, 1).await;
    let slow = std::mem::take(&mut bench.sent);
    bench.now_ms += 10;
    observe(&mut bench, 2).await;
    bench.now_ms += 10;
    bench.reads(&[row("r1", 4, NEW, "p1"), chart("p1", 2, NEW, "r1")]).await;
    bench.now_ms += 10;
    bench.sent = slow;
    bench.reads(&[row("r1", 3, OLD, "p1"), chart("p1", 1, SAME, "r1")]).await;
    assert_eq!(bench.version(Remote::ServiceNow, "r1").await, "4");
    assert_eq!(bench.version(Remote::Ehr, "p1").await, "2");
    assert!(bench.sent.is_empty(), "nothing is written back: {:?}", bench.sent);
}

// ---------------------------------------------------------------- refused fields

/// What a system refused is not sent again, nor what moves together with it; the patient's other fields go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refused_field_is_held_back_with_its_group_and_the_others_go_on() {
    let with_email = |fetched: Fetched| but(fetched, r#""u_ehr_id""#, r#""u_owner_email":"","u_ehr_id""#);
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[with_email(row("r1", 3, OLD, "p1"))], &[chart("p1", 1, SAME, "r1")]).await;
    bench.start_run().await;
    bench.pages(&[with_email(row("r1", 3, OLD, "p1"))], &[chart("p1", 2, NEW, "r1")]).await;
    let (operation, ..) = bench.write();
    let what = "the phone is not allowed".to_owned();
    let refused = RemoteError::Refused { remote: Remote::ServiceNow, status: 400, what };
    bench.answer(&operation, Err(refused)).await;
    let pair = bench.pair(Remote::ServiceNow, "r1").await;
    let open = bench.store.open_conflict_of(&pair.id).await.unwrap().unwrap();
    assert_eq!((open.cause, open.fields.as_str()), (ConflictCause::NotStored, "owner_phone"));

    // Then the EHR also renames the animal and learns an e-mail address, which goes with the phone.
    let email = r#""telecom":[{"system":"email","value":"ada@example.test"},{"#;
    let renamed = but(chart("p1", 3, NEW, "r1"), "Rex", "Roxy");
    bench.start_run().await;
    bench
        .pages(&[with_email(row("r1", 3, OLD, "p1"))], &[but(renamed.clone(), r#""telecom":[{"#, email)])
        .await;
    let (_, remote, write) = bench.write();
    assert_eq!(remote, Remote::ServiceNow);
    assert!(write.body.contains("Roxy"), "{}", write.body);
    assert!(!write.body.contains("5550199"), "the refused phone is held back: {}", write.body);
    assert!(!write.body.contains("example.test"), "and what moves with it: {}", write.body);
    let open = bench.store.open_conflict_of(&pair.id).await.unwrap();
    assert_eq!(open.map(|open| open.cause), Some(ConflictCause::NotStored), "it is still asked about");
}

// ---------------------------------------------------------------- outcomes that could not be written down

/// One row alone, whose creation in the EHR is looked up and sent; gives the operation.
async fn creating(bench: &mut Bench) -> String {
    bench.start_run().await;
    bench.pages(&[row("r1", 1, OLD, "")], &[]).await;
    let looked_up = bench.find(None).await;
    let (operation, remote, write) = bench.write();
    assert_eq!((operation.as_str(), remote, write.key), (looked_up.as_str(), Remote::Ehr, None));
    operation
}

/// The database refuses to take down that a record was created: the operation goes back into the outbox, and its next
/// try finds the record instead of creating a second one.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_outcome_that_could_not_be_written_down_is_found_again_and_not_created_twice() {
    let mut bench = Bench::with(Policy::default()).await;
    let operation = creating(&mut bench).await;
    // Another pair claims the key of the new record for a while: the database refuses that two pairs hold it.
    let ours = bench.pair(Remote::ServiceNow, "r1").await;
    let rival = store::PairRow {
        id: "rival".to_owned(),
        servicenow_key: None,
        ehr_key: Some("p1".to_owned()),
        status: PairStatus::OnlyEhr,
        ..ours.clone()
    };
    bench.store.commit(vec![Change::PutPair(rival.clone())]).await.unwrap();
    bench.answer(&operation, Ok(stored(chart("p1", 1, SAME, "r1")))).await;
    assert!(bench.store.receipt(&operation).await.unwrap().is_none(), "nothing of it was stored");
    assert_eq!(bench.operation(OperationState::Retrying).await.id, operation, "it does not run for ever");
    assert_eq!(bench.last_run().await.state, "done", "and the run does not wait for it");

    let elsewhere = store::PairRow { ehr_key: Some("p9".to_owned()), ..rival };
    bench.store.commit(vec![Change::PutPair(elsewhere)]).await.unwrap();
    assert_eq!(bench.wake().await, OPEN_FOR_MS);
    assert_eq!(bench.find(Some(chart("p1", 1, SAME, "r1"))).await, operation);
    assert_eq!(bench.operation(OperationState::Done).await.id, operation);
    assert!(bench.store.receipt(&operation).await.unwrap().is_some());
    assert_eq!(bench.pair(Remote::ServiceNow, "r1").await.ehr_key.as_deref(), Some("p1"));
    // What is sent now is the new key to the row it came from, and nothing is created.
    let (_, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::ServiceNow, Some("r1")));
    bench
        .answer(&bench.operation(OperationState::Running).await.id, Ok(stored(row("r1", 2, OLD, "p1"))))
        .await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Agreed);
}

// ---------------------------------------------------------------- creations

/// A creation that waited too long was decided on what the other side lacked then: it is called off, and the next run
/// looks for candidates again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_creation_that_waited_too_long_is_called_off_and_candidates_are_looked_for_again() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 1, OLD, "")], &[]).await;
    let began_ms = bench.now_ms;
    let operation = bench.operation(OperationState::Running).await.id;
    // The EHR does not answer for a good ten minutes; each try still looks the record up.
    while bench.now_ms - began_ms <= 10 * 60 * 1_000 {
        let Some(Request::FindByOurKey { .. }) = bench.sent.pop() else { panic!("{:?}", bench.sent) };
        let result =
            Err(RemoteError::Unreachable { remote: Remote::Ehr, what: "connection refused".to_owned() });
        bench.step(Event::Found { operation: operation.clone(), result, latency_ms: 5 }).await;
        bench.wake().await;
    }
    assert_eq!(bench.operation(OperationState::Cancelled).await.id, operation);
    assert!(
        !bench
            .sent
            .iter()
            .any(|request| matches!(request, Request::FindByOurKey { .. } | Request::Write { .. })),
        "{:?}",
        bench.sent
    );
    bench.reads(&[row("r1", 1, OLD, "")]).await;

    // Nothing was left to try the EHR with, so it was asked something harmless: it answers again.
    let probe = Request::Probe { remote: Remote::Ehr };
    assert_eq!(std::mem::take(&mut bench.sent), [probe]);
    bench.step(Event::Probed { remote: Remote::Ehr, result: Ok(()), latency_ms: 5 }).await;

    // Meanwhile somebody entered the animal by hand: it is asked about, and not created beside it.
    let by_hand = but(chart("p7", 1, SAME, "r1"), &format!(r#"{{"system":"{SYSTEM}","value":"r1"}}"#), "");
    bench.start_run().await;
    bench.pages(&[row("r1", 1, OLD, "")], &[by_hand]).await;
    assert_eq!(bench.last_run().await.state, "done");
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    let (open, _) = bench.store.conflicts(&ConflictFilter::default(), bench.now_ms, 0, 10).await.unwrap();
    assert_eq!(open.iter().map(|row| row.cause).collect::<Vec<_>>(), [ConflictCause::MaybeDuplicate]);
}

/// A record that carries our number and is another patient's half is neither taken nor created a second time: asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_found_record_that_belongs_to_another_pair_parks_the_creation() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r2", 1, OLD, "p2")], &[chart("p2", 1, SAME, "r2")]).await;
    let other = bench.pair(Remote::Ehr, "p2").await;
    let stranger = but(but(row("r1", 1, "4155550177", ""), "Rex r1", "Minka"), "Ada r1", "Zora Quist");
    bench.start_run().await;
    bench.pages(&[row("r2", 1, OLD, "p2"), stranger], &[chart("p2", 1, SAME, "r2")]).await;
    let operation = bench.find(Some(chart("p2", 1, SAME, "r2"))).await;
    assert!(bench.sent.is_empty(), "nothing is created: {:?}", bench.sent);
    assert_eq!(bench.operation(OperationState::Parked).await.id, operation);
    assert_eq!(bench.pair(Remote::Ehr, "p2").await.id, other.id, "the other pair keeps its record");
    let alone = bench.pair(Remote::ServiceNow, "r1").await;
    assert_eq!(alone.ehr_key, None);
    let open = bench.store.open_conflict_of(&alone.id).await.unwrap().unwrap();
    assert_eq!(open.cause, ConflictCause::NotStored);
    assert!(bench.store.receipt(&operation).await.unwrap().is_none());
}

// ---------------------------------------------------------------- plans

/// A pair whose phone was never agreed on, and the open conflict about it.
async fn disagreeing() -> (Bench, ConflictRow) {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, NEW, "r1")]).await;
    let (mut open, _) = bench.store.conflicts(&ConflictFilter::default(), bench.now_ms, 0, 10).await.unwrap();
    (bench, open.remove(0))
}

async fn plan(bench: &mut Bench, conflict: &ConflictRow, choice: Choice) -> store::PlanRow {
    let field = lenses().catalogue(record::RecordKind::Patient).index_of("owner_phone").unwrap();
    let make = Command::MakePlan {
        conflict: conflict.id.clone(),
        fingerprint: conflict.fingerprint.clone(),
        decisions: vec![FieldDecision { field, choice }],
        maker: "dana".to_owned(),
        reason: None,
    };
    let Ok(Reply::Plan(plan)) = bench.ask(make).await else { panic!("a plan") };
    plan
}

async fn approve(bench: &mut Bench, plan: &store::PlanRow) {
    let command = Command::Approve {
        plan: plan.id.clone(),
        hash: plan.hash.clone(),
        person: "dana".to_owned(),
        reason: None,
    };
    bench.step(Event::Asked { ticket: Ticket(7), command }).await;
}

/// Two people answer the same question differently, and both approve before either was read afresh: one answer is
/// carried out, the other is turned down with words, before, while and after.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_two_rival_plans_one_is_carried_out() {
    let (mut bench, conflict) = disagreeing().await;
    let ours = plan(&mut bench, &conflict, Choice::TakeServiceNow).await;
    let theirs = plan(&mut bench, &conflict, Choice::TakeEhr).await;
    let third = plan(&mut bench, &conflict, Choice::TakeEhr).await;
    approve(&mut bench, &ours).await;
    approve(&mut bench, &theirs).await;
    assert!(bench.replies.is_empty(), "both wait for what is read: {:?}", bench.replies);
    bench.reads(&[row("r1", 3, OLD, "p1"), chart("p1", 1, NEW, "r1")]).await;
    let carried_out = bench.replies.iter().filter(|reply| matches!(reply, Ok(Reply::Executing(_)))).count();
    let turned_down =
        bench.replies.iter().filter(|reply| matches!(reply, Err(EngineError::NotNow { .. }))).count();
    assert_eq!((carried_out, turned_down), (1, 1), "{:?}", bench.replies);
    bench.replies.clear();
    let (operation, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::Ehr, Some("p1")));

    // While it is carried out, a third one is refused at once.
    approve(&mut bench, &third).await;
    assert!(matches!(bench.replies.pop(), Some(Err(EngineError::NotNow { .. }))));
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    bench.answer(&operation, Ok(stored(chart("p1", 2, OLD, "r1")))).await;
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Agreed);

    // Afterwards the records are not what the others were decided on.
    for late in [&theirs, &third] {
        approve(&mut bench, late).await;
        bench.reads(&[row("r1", 3, OLD, "p1"), chart("p1", 2, OLD, "r1")]).await;
        assert!(matches!(bench.replies.pop(), Some(Err(EngineError::Moved { .. }))), "{:?}", bench.replies);
        assert!(bench.sent.is_empty(), "{:?}", bench.sent);
        let state = bench.store.plan(&late.id).await.unwrap().unwrap().state;
        assert_eq!(state, PlanState::Superseded);
    }
    assert_eq!(bench.operations(&[]).await.len(), 1, "one write was ever made");
}

/// What was undone is not undone again: neither by a second draft nor by one that was made at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plan_is_undone_once() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Ok(stored(row("r1", 4, NEW, "p1")))).await;
    let done = bench.operation(OperationState::Done).await.plan;
    let undo = || Command::MakeUndo { plan: done.clone(), maker: "dana".to_owned() };
    let Ok(Reply::Plan(first)) = bench.ask(undo()).await else { panic!("a plan") };
    let Ok(Reply::Plan(second)) = bench.ask(undo()).await else { panic!("a plan") };
    let before = [row("r1", 4, NEW, "p1"), chart("p1", 2, NEW, "r1")];
    approve(&mut bench, &first).await;
    bench.reads(&before).await;
    assert!(matches!(bench.replies.pop(), Some(Ok(Reply::Executing(_)))));
    let (operation, remote, write) = bench.write();
    assert_eq!((remote, write.expected_version.as_deref()), (Remote::ServiceNow, Some("4")));
    bench.answer(&operation, Ok(stored(row("r1", 5, OLD, "p1")))).await;
    assert!(bench.sent.is_empty(), "the rule does not do it again: {:?}", bench.sent);

    let again = bench.ask(undo()).await;
    let Err(EngineError::NotNow { what, .. }) = again else { panic!("{again:?}") };
    assert!(what.contains("undone already"), "{what}");
    approve(&mut bench, &second).await;
    bench.reads(&[row("r1", 5, OLD, "p1"), chart("p1", 2, NEW, "r1")]).await;
    assert!(matches!(bench.replies.pop(), Some(Err(EngineError::Moved { .. }))), "{:?}", bench.replies);
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
}

// ---------------------------------------------------------------- partial dates

/// ServiceNow holds the first of January where a year was agreed. When the EHR learns that the animal was really born
/// on that day, both say the same: nothing is written, now or in any later run.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_birthday_on_the_first_of_january_is_not_written_for_ever() {
    let born =
        |fetched: Fetched| but(fetched, r#""u_ehr_id""#, r#""u_date_of_birth":"2019-01-01","u_ehr_id""#);
    let birth =
        |fetched: Fetched, date: &str| but(fetched, r#""name""#, &format!(r#""birthDate":"{date}","name""#));
    let chart =
        |version, date| birth(but(chart("p1", version, SAME, "r1"), r#","contact""#, r#","contact""#), date);
    let mut bench = Bench::with(Policy::default()).await;
    for (version, date) in [(1, "2019"), (2, "2019-01-01"), (2, "2019-01-01"), (2, "2019-01-01")] {
        bench.now_ms += 1_000;
        bench.start_run().await;
        bench.pages(&[born(row("r1", 3, OLD, "p1"))], &[chart(version, date)]).await;
        assert!(bench.sent.is_empty(), "{date}: {:?}", bench.sent);
        assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Agreed, "{date}");
        let run = bench.last_run().await;
        assert_eq!((run.state.as_str(), counts_of(&run).unwrap().equal), ("done", 1), "{date}");
    }
    assert!(bench.operations(&[]).await.is_empty(), "no operation was ever made");
}

/// A comparison that only looks leaves what rules would write to the next run, also when the program is started again
/// meanwhile; the same goes for what the brake held back.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_start_writes_nothing_that_a_comparison_only_planned() {
    let mut bench = Box::pin(Bench::with(Policy::default())).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, "+14155550100", "r1")]).await;
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Agreed);
    let look = Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: true, kind: None };
    bench.ask(look).await.unwrap();
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Waiting);

    // Else the ids of the two processes would be the same.
    bench.now_ms += 60_000;
    let mut bench = Box::pin(bench.restarted()).await;
    bench.reads(&[row("r1", 3, OLD, "p1"), chart("p1", 2, NEW, "r1")]).await;
    let unfinished = [OperationState::Waiting, OperationState::Running, OperationState::Done];
    assert!(bench.operations(&unfinished).await.is_empty(), "nobody asked for it");
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);

    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    assert_eq!(bench.write().1, Remote::ServiceNow, "the run does");
}
