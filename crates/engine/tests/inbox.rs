//! The durable inbox and the quarantine, one event and one moment at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, START_MS, chart, row, unreachable};
use engine::batch::TOGETHER_MAX;
use engine::health::OPEN_FOR_MS;
use engine::inbox::{Accepted, Arrival};
use engine::quarantine::{ReplayOutcome, Replayed};
use engine::step::{Command, Effects, Event, Reply, Request};
use engine::{BrakeLimits, Policy};
use record::{RecordKind, Remote};
use remote::{Fetched, RemoteError, Written};
use std::sync::Arc;
use store::sqlite::{OpenOptions, SqliteStore};
use store::{
    Change, InboxState, OperationState, PairStatus, QuarantineCause, QuarantineFilter, QuarantineRow,
    QuarantineState, SnapshotId, Store,
};

const ROW: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

fn of_chart(message: &str, id: &str) -> Arrival {
    Arrival {
        remote: Remote::Ehr,
        message: message.to_owned(),
        raw: format!(r#"{{"type":"patient.updated","data":{{"id":"{id}"}}}}"#),
    }
}

fn of_row(message: &str, version: u32) -> Arrival {
    Arrival {
        remote: Remote::ServiceNow,
        message: message.to_owned(),
        raw: format!(
            r#"{{"table":"u_patient_record","sys_id":"{ROW}","operation":"update","sys_mod_count":"{version}"}}"#
        ),
    }
}

/// A patient on whom both sides agree: row version 3, chart version 1.
async fn agreed(policy: Policy) -> Bench {
    let mut bench = Box::pin(Bench::with(policy)).await;
    bench.start_run().await;
    // As the clients say it: the change counter, and a digest of the columns.
    let row = Fetched { version: "3~5f1c07a2b3d4e6f8".to_owned(), ..row(ROW, 3, OLD, "p1") };
    bench.pages(&[row], &[chart("p1", 1, "+14155550100", ROW)]).await;
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Agreed);
    bench
}

async fn told(bench: &mut Bench, arrival: Arrival) -> Accepted {
    match bench.ask(Command::Accept(arrival)).await.unwrap() {
        Reply::Accepted(accepted) => accepted,
        other => panic!("not accepted: {other:?}"),
    }
}

fn reads(bench: &Bench) -> Vec<(Remote, &str)> {
    bench
        .sent
        .iter()
        .map(|request| match request {
            Request::ReadRecord { remote, key, .. } => (*remote, key.as_str()),
            other => panic!("not a reading: {other:?}"),
        })
        .collect()
}

async fn events(bench: &Bench) -> Vec<(InboxState, u64)> {
    bench.store.event_counts().await.unwrap()
}

async fn open(bench: &Bench) -> Vec<QuarantineRow> {
    let filter = QuarantineFilter { states: vec![QuarantineState::Open], ..QuarantineFilter::default() };
    bench.store.quarantine(&filter, 0, 100).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_event_leads_to_its_record_and_rules_write_what_follows() {
    let mut bench = agreed(Policy::default()).await;
    assert!(matches!(told(&mut bench, of_chart("m1", "p1")).await, Accepted::New(_)));
    assert_eq!(reads(&bench), [(Remote::ServiceNow, ROW), (Remote::Ehr, "p1")], "both sides");
    assert_eq!(events(&bench).await, [(InboxState::Running, 1)]);
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 2, NEW, ROW)]).await;
    let (_, remote, write) = bench.write();
    assert_eq!(
        (remote, write.key.as_deref(), write.expected_version.as_deref()),
        (Remote::ServiceNow, Some(ROW), Some("3"))
    );
    assert_eq!(events(&bench).await, [(InboxState::Done, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_message_counts_once_and_events_of_one_record_are_answered_by_one_look() {
    let mut bench = agreed(Policy::default()).await;
    let inbox = bench.engine.inbox();
    // Ten events of one record, each sent three times, before the engine looks.
    for attempt in 0..3 {
        for number in 0..10 {
            let accepted = inbox.accept(of_chart(&format!("m{number}"), "p1"), bench.now_ms).await.unwrap();
            assert_eq!(matches!(accepted, Accepted::New(_)), attempt == 0, "{accepted:?}");
        }
    }
    bench.step(Event::Arrived).await;
    assert_eq!(reads(&bench).len(), 2, "one look");
    // What comes while it is being looked at is looked at afterwards: the answer may be older.
    assert!(matches!(told(&mut bench, of_chart("later", "p1")).await, Accepted::New(_)));
    assert_eq!(reads(&bench).len(), 2);
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 1, "+14155550100", ROW)]).await;
    assert_eq!(reads(&bench).len(), 2, "and then once more");
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 1, "+14155550100", ROW)]).await;
    assert!(bench.sent.is_empty());
    assert_eq!(events(&bench).await, [(InboxState::Done, 11)]);
}

/// Our own write comes back as an event; an event that was overtaken tells nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_known_already_is_no_news() {
    let mut bench = agreed(Policy::default()).await;
    for (message, version) in [("m3", 3), ("m1", 1), ("m2", 2)] {
        told(&mut bench, of_row(message, version)).await;
        assert!(bench.sent.is_empty(), "version {version}");
    }
    assert_eq!(events(&bench).await, [(InboxState::Done, 3)]);
    told(&mut bench, of_row("m4", 4)).await;
    assert_eq!(reads(&bench).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_order_of_events_does_not_matter() {
    let orders = [[4, 5, 6], [4, 6, 5], [5, 4, 6], [5, 6, 4], [6, 4, 5], [6, 5, 4]];
    for order in orders {
        let mut bench = agreed(Policy::default()).await;
        for version in order {
            told(&mut bench, of_row(&format!("m{version}"), version)).await;
        }
        // Whenever it is read, the row says what it says now.
        while !bench.sent.is_empty() {
            bench.reads(&[row(ROW, 6, "4155550166", "p1"), chart("p1", 1, "+14155550100", ROW)]).await;
            if bench.sent.iter().any(|request| matches!(request, Request::Write { .. })) {
                break;
            }
        }
        let (_, remote, _) = bench.write();
        assert_eq!(
            (remote, bench.version(Remote::ServiceNow, ROW).await.as_str()),
            (Remote::Ehr, "6"),
            "{order:?}"
        );
        assert_eq!(events(&bench).await, [(InboxState::Done, 3)], "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_was_accepted_is_looked_at_by_the_next_process() {
    let mut bench = agreed(Policy::default()).await;
    // Acknowledged, and then the process ends before anything was done.
    bench.engine.inbox().accept(of_chart("m1", "p1"), bench.now_ms).await.unwrap();
    bench.now_ms += 1_000;
    let mut bench = Box::pin(bench.restarted()).await;
    assert_eq!(reads(&bench).len(), 2);
    bench.now_ms += 1_000;
    // And again, while it is being looked at.
    let mut bench = Box::pin(bench.restarted()).await;
    assert_eq!(reads(&bench).len(), 2);
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 2, NEW, ROW)]).await;
    bench.write();
    assert_eq!(events(&bench).await, [(InboxState::Done, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_event_waits_for_a_remote_that_is_away() {
    let mut bench = agreed(Policy::default()).await;
    told(&mut bench, of_chart("m1", "p1")).await;
    for round in 0..20 {
        let answers = std::mem::take(&mut bench.sent);
        for request in answers {
            match request {
                Request::ReadRecord { errand, remote, .. } => {
                    let result = Err(unreachable());
                    bench.step(Event::RecordRead { errand, remote, result, latency_ms: 5 }).await;
                }
                Request::Probe { remote } => {
                    let result = Err(unreachable());
                    bench.step(Event::Probed { remote, result, latency_ms: 5 }).await;
                }
                other => panic!("{other:?}"),
            }
        }
        if bench.sent.is_empty() {
            assert!(bench.wake().await > 0, "round {round} storms");
        }
    }
    assert!(bench.engine.health(Remote::ServiceNow).open_until_ms.is_some(), "the breaker is open");
    assert_eq!(events(&bench).await, [(InboxState::Accepted, 1)], "nothing is lost");
    // It answers again.
    for _ in 0..5 {
        if reads_are_out(&bench) {
            break;
        }
        let probes = std::mem::take(&mut bench.sent);
        for request in probes {
            let Request::Probe { remote } = request else { panic!("{request:?}") };
            bench.step(Event::Probed { remote, result: Ok(()), latency_ms: 5 }).await;
        }
        if bench.sent.is_empty() {
            bench.now_ms += OPEN_FOR_MS;
            bench.step(Event::Woke).await;
        }
    }
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 1, "+14155550100", ROW)]).await;
    assert_eq!(events(&bench).await, [(InboxState::Done, 1)]);
}

fn reads_are_out(bench: &Bench) -> bool {
    bench.sent.iter().any(|request| matches!(request, Request::ReadRecord { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_record_is_linked_as_a_run_would_link_it() {
    let mut bench = Box::pin(Bench::with(Policy::default())).await;
    let command =
        Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: true, kind: None };
    bench.ask(command).await.unwrap();
    bench.pages(&[row(ROW, 3, OLD, "")], &[]).await;
    assert_eq!(bench.pair(Remote::ServiceNow, ROW).await.status, PairStatus::OnlyServiceNow);
    told(&mut bench, of_chart("m1", "p1")).await;
    assert_eq!(reads(&bench), [(Remote::Ehr, "p1")], "nobody knows it yet");
    bench.reads(&[chart("p1", 1, "+14155550100", ROW)]).await;
    let pair = bench.pair(Remote::Ehr, "p1").await;
    assert_eq!(
        (pair.servicenow_key.as_deref(), pair.linked_by.as_deref()),
        (Some(ROW), Some("cross_reference"))
    );
    assert_eq!(pair.status, PairStatus::Agreed);
    assert_eq!(events(&bench).await, [(InboxState::Done, 1)]);
}

/// Its absence on the other side is not proved: a complete run looks, and creates it or asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_record_without_a_partner_stands_alone_until_a_run() {
    let mut bench = agreed(Policy::default()).await;
    told(&mut bench, of_chart("m1", "p2")).await;
    bench.reads(&[chart("p2", 1, "+14155550177", "")]).await;
    assert_eq!(bench.pair(Remote::Ehr, "p2").await.status, PairStatus::OnlyEhr);
    assert!(bench.operations(&[OperationState::Waiting, OperationState::Running]).await.is_empty());
    assert_eq!(events(&bench).await, [(InboxState::Done, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_is_not_there_is_a_question_and_never_a_deletion() {
    let mut bench = agreed(Policy::default()).await;
    told(&mut bench, of_chart("gone", "p1")).await;
    bench.reads(&[row(ROW, 3, OLD, "p1")]).await;
    let pair = bench.pair(Remote::Ehr, "p1").await;
    let question = bench.store.open_conflict_of(&pair.id).await.unwrap().expect("a question");
    assert_eq!(question.cause, store::ConflictCause::Vanished);
    // One that nobody ever saw is nothing.
    told(&mut bench, of_chart("never", "p9")).await;
    bench.reads(&[]).await;
    assert_eq!(events(&bench).await, [(InboxState::Done, 2)]);
    assert!(bench.sent.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_the_brake_events_are_looked_at_and_nothing_is_written() {
    let brake = BrakeLimits { pairs_max: 0, ..BrakeLimits::default() };
    let mut bench = agreed(Policy { brake, ..Policy::default() }).await;
    told(&mut bench, of_chart("m1", "p1")).await;
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 2, NEW, ROW)]).await;
    assert!(bench.sent.is_empty(), "{:?}", bench.sent);
    assert_eq!(bench.version(Remote::Ehr, "p1").await, "2", "what it says is known");
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Waiting);
}

// --- quarantine

fn garbled(message: &str) -> Arrival {
    Arrival {
        remote: Remote::Ehr,
        message: message.to_owned(),
        raw: r#"{"type":"patient.updated","data":{"identifier":"p1"}}"#.to_owned(),
    }
}

async fn edit(bench: &mut Bench, entry: &str, raw: &str, reason: &str) -> Result<QuarantineRow, String> {
    let command = Command::EditQuarantined {
        entry: entry.to_owned(),
        raw: raw.to_owned(),
        person: "sam".to_owned(),
        reason: reason.to_owned(),
    };
    match bench.ask(command).await {
        Ok(Reply::Quarantined(row)) => Ok(*row),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

async fn replay(bench: &mut Bench, entries: &[&str], cause: Option<QuarantineCause>) -> Vec<Replayed> {
    let command = Command::ReplayQuarantined {
        entries: entries.iter().map(|id| (*id).to_owned()).collect(),
        cause,
        person: "sam".to_owned(),
    };
    match bench.ask(command).await.unwrap() {
        Reply::Replayed(replayed) => replayed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_unreadable_event_is_kept_edited_and_worked_on_in_its_place() {
    let mut bench = agreed(Policy::default()).await;
    assert!(matches!(told(&mut bench, garbled("m1")).await, Accepted::New(_)));
    assert!(matches!(told(&mut bench, garbled("m1")).await, Accepted::Again(_)));
    assert!(bench.sent.is_empty());
    let original = open(&bench).await.remove(0);
    assert_eq!((original.field.as_str(), original.class.as_str()), ("id", "missing"));
    assert!(original.problem.contains("add it and resend"), "{}", original.problem);

    let good = r#"{"type":"patient.updated","data":{"id":"p1"}}"#;
    for (raw, reason, expected) in [
        (r#"{"type":"patient.updated"}"#, "mended", "cannot be worked on either: field data"),
        (good, " ", "needs a reason"),
        (original.raw.as_str(), "mended", "the same as before"),
    ] {
        let refused = edit(&mut bench, &original.id, raw, reason).await.unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(open(&bench).await, std::slice::from_ref(&original), "nothing is kept of what was refused");

    let edited = edit(&mut bench, &original.id, good, "the sender put the id elsewhere").await.unwrap();
    assert_eq!(
        (edited.replaces.as_deref(), edited.edited_by.as_deref(), edited.raw.as_str()),
        (Some(original.id.as_str()), Some("sam"), good)
    );
    let kept = bench.store.quarantined(&original.id).await.unwrap().unwrap();
    assert_eq!((kept.raw, kept.state), (original.raw, QuarantineState::Replayed), "the original stays");
    assert_eq!(reads(&bench).len(), 2, "and the edited one is worked on");
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 2, NEW, ROW)]).await;
    bench.write();
    assert_eq!(events(&bench).await, [(InboxState::Done, 1), (InboxState::Dismissed, 1)]);
    let audited: Vec<String> = bench
        .store
        .audit(Some(&original.id), 0, 9)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| format!("{} {}", entry.actor, entry.action))
        .collect();
    assert_eq!(audited, ["sam quarantine.edited"]);
    let twice = edit(&mut bench, &original.id, good, "again").await.unwrap_err();
    assert!(twice.contains("closed"), "{twice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn events_that_were_refused_are_replayed_by_cause_in_their_order() {
    let mut bench = agreed(Policy::default()).await;
    for (message, id) in [("m1", "x1"), ("m2", "x2"), ("m3", "x3")] {
        bench.engine.inbox().accept(of_chart(message, id), bench.now_ms).await.unwrap();
    }
    bench.step(Event::Arrived).await;
    let mut asked = std::mem::take(&mut bench.sent);
    // The answers come in another order.
    asked.reverse();
    for request in asked {
        let Request::ReadRecord { errand, remote, .. } = request else { panic!("{request:?}") };
        let result = Err(RemoteError::Refused { remote, status: 403, what: "no such right".to_owned() });
        bench.step(Event::RecordRead { errand, remote, result, latency_ms: 5 }).await;
    }
    assert_eq!(events(&bench).await, [(InboxState::Quarantined, 3)], "not tried again by itself");
    let cause = open(&bench).await[0].cause();
    assert_eq!(cause.class, "refused");
    let replayed = replay(&mut bench, &[], Some(cause)).await;
    assert!(replayed.iter().all(|one| one.outcome == ReplayOutcome::Accepted), "{replayed:?}");
    let again: Vec<&str> = reads(&bench).into_iter().map(|(_, key)| key).collect();
    assert_eq!(again, ["x1", "x2", "x3"]);
    let closed = replay(&mut bench, &[&replayed[0].entry], None).await;
    assert_eq!(closed[0].outcome, ReplayOutcome::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_replay_of_what_is_still_unreadable_says_so_and_a_dismissal_ends_it() {
    let mut bench = agreed(Policy::default()).await;
    told(&mut bench, garbled("m1")).await;
    let entry = open(&bench).await.remove(0);
    let replayed = replay(&mut bench, &[&entry.id], None).await;
    assert!(matches!(replayed[0].outcome, ReplayOutcome::StillUnreadable(_)), "{replayed:?}");
    assert_eq!(open(&bench).await[0].times, 2);
    let dismiss = Command::DismissQuarantined {
        entry: entry.id.clone(),
        person: "sam".to_owned(),
        reason: "a test message".to_owned(),
    };
    bench.ask(dismiss).await.unwrap();
    assert_eq!(open(&bench).await, []);
    assert_eq!(events(&bench).await, [(InboxState::Dismissed, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_cannot_be_read_is_corrected_where_it_stands() {
    let mut bench = agreed(Policy::default()).await;
    told(&mut bench, of_chart("m1", "p1")).await;
    let unreadable = Fetched { version: "2".to_owned(), raw: "[]".to_owned(), ..chart("p1", 2, NEW, ROW) };
    bench.reads(&[row(ROW, 3, OLD, "p1"), unreadable]).await;
    assert!(bench.sent.is_empty(), "on what cannot be read nothing is decided");
    assert_eq!(events(&bench).await, [(InboxState::Done, 1)]);
    assert_eq!(bench.version(Remote::Ehr, "p1").await, "1", "what was read last stays");
    let entry = open(&bench).await.remove(0);
    let record = SnapshotId { remote: Remote::Ehr, kind: RecordKind::Patient, key: "p1".to_owned() };
    assert_eq!((entry.record(), entry.raw.as_str()), (Some(record), "[]"));

    let refused = edit(&mut bench, &entry.id, "{}", "mended").await.unwrap_err();
    assert!(refused.contains("would pass for what it said"), "{refused}");
    let dismiss = Command::DismissQuarantined {
        entry: entry.id.clone(),
        person: "sam".to_owned(),
        reason: "never mind".to_owned(),
    };
    assert!(bench.ask(dismiss).await.is_err());

    let replayed = replay(&mut bench, &[&entry.id], None).await;
    assert_eq!(replayed[0].outcome, ReplayOutcome::ReadAgain);
    assert_eq!(reads(&bench).len(), 2);
    bench.reads(&[row(ROW, 3, OLD, "p1"), chart("p1", 3, NEW, ROW)]).await;
    bench.write();
    let closed = bench.store.quarantined(&entry.id).await.unwrap().unwrap();
    assert_eq!((closed.state, closed.raw.as_str()), (QuarantineState::Resolved, "[]"));
}

// --- many events in one step

/// Two patients whose owners' numbers changed in the EHR: two writes are sent.
async fn two_writes(store: Arc<SqliteStore>) -> Bench {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut bench = Box::pin(Bench::over(store, folder, Policy::default(), START_MS)).await;
    for (version, phone) in [(1, "+14155550100"), (2, NEW)] {
        bench.start_run().await;
        bench
            .pages(
                &[row("r1", 3, OLD, "p1"), row("r2", 3, OLD, "p2")],
                &[chart("p1", version, phone, "r1"), chart("p2", version, phone, "r2")],
            )
            .await;
    }
    // The next answers must not be the last a run waits for: those are steps of their own.
    let run = bench.last_run().await.id;
    bench.ask(Command::StopRun { run }).await.unwrap();
    assert_eq!(bench.sent.len(), 2, "{:?}", bench.sent);
    bench
}

async fn file(folder: &tempfile::TempDir, options: &OpenOptions) -> Arc<SqliteStore> {
    let key = secrecy::SecretBox::new(Box::new([7_u8; 32]));
    Arc::new(SqliteStore::open_with(&folder.path().join("test.db"), &key, START_MS, options).await.unwrap())
}

fn answers(bench: &mut Bench) -> Vec<Event> {
    std::mem::take(&mut bench.sent)
        .into_iter()
        .map(|request| {
            let Request::Write { operation, write, .. } = request else { panic!("{request:?}") };
            let key = write.key.unwrap();
            let read_back = row(&key, 4, NEW, if key == "r1" { "p1" } else { "p2" });
            let result = Ok(Written {
                key,
                status: 200,
                // Large enough to need room of its own.
                response_body: "x".repeat(200_000),
                read_back,
                raced: false,
            });
            Event::Wrote { operation, result, latency_ms: 5 }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_that_arrive_together_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(&folder, &OpenOptions::default()).await;
    let mut bench = two_writes(Arc::clone(&store)).await;
    let before = store.statistics();
    let events = answers(&mut bench);
    assert!(events.len() <= TOGETHER_MAX);
    // What was known of their records was seen before they were answered.
    bench.now_ms += 5;
    let effects = bench.engine.step_many(events, bench.now_ms).await;
    assert!(effects.requests.is_empty());
    let after = store.statistics();
    assert_eq!((after.syncs - before.syncs, after.failures - before.failures), (1, 0));
    assert_eq!(after.commits - before.commits, 2, "one for what both led to, one for the next claim");
    assert_eq!(bench.operations(&[OperationState::Done]).await.len(), 2);
    for key in ["p1", "p2"] {
        assert_eq!(bench.pair(Remote::Ehr, key).await.status, PairStatus::Agreed);
    }
    assert_eq!(store.receipts(None, 0, 9).await.unwrap().len(), 2);
}

/// A disk that is full when the outcome is to be written down.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_made_durable_leaves_nothing_behind_and_is_settled_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(&folder, &OpenOptions { most_pages: Some(600), ..OpenOptions::default() }).await;
    let mut bench = two_writes(Arc::clone(&store)).await;
    let ballast =
        |number: u32, value: String| vec![Change::PutValue { key: format!("ballast {number}"), value }];
    // Smaller and smaller pieces, until not even a page fits.
    let (mut size, mut pieces) = (200_000, 0);
    while size > 1_000 {
        match store.commit(ballast(pieces, "x".repeat(size))).await {
            Ok(()) => pieces += 1,
            Err(_) => size /= 2,
        }
    }
    let events = answers(&mut bench);
    let Effects { requests, .. } = bench.engine.step_many(events, bench.now_ms).await;
    assert_eq!(requests, [], "nothing goes out");
    assert_eq!(bench.operations(&[OperationState::Done]).await.len(), 0);
    assert_eq!(store.receipts(None, 0, 9).await.unwrap().len(), 0, "nothing is half done");

    for number in 0..pieces {
        store.commit(ballast(number, String::new())).await.unwrap();
    }
    bench.now_ms += 2 * OPEN_FOR_MS;
    bench.step(Event::Woke).await;
    bench.now_ms += 2 * OPEN_FOR_MS;
    bench.step(Event::Woke).await;
    let events = answers(&mut bench);
    assert_eq!(events.len(), 2, "both are tried again");
    bench.engine.step_many(events, bench.now_ms).await;
    assert_eq!(bench.operations(&[OperationState::Done]).await.len(), 2);
    assert_eq!(store.check().await.unwrap(), Vec::<String>::new());
}
