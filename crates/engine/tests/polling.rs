//! Polling, one answer and one moment at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, NEW, OLD, START_MS, chart, lenses, row, unreachable};
use engine::clock::SeededIds;
use engine::health::OPEN_FOR_MS;
use engine::polling::{LATE_MS, PollState, Told, Watched};
use engine::schedule::Schedule;
use engine::step::{Command, Event, Request};
use engine::{Engine, Policy};
use record::{RecordKind, Remote};
use remote::{Cursor, Deletion, DeletionPage, Fetched, Malformed, Next, Page, RemoteError};
use std::sync::Arc;
use store::{ConflictCause, InboxState, PairStatus, Presence, QuarantineFilter, SnapshotId};

const ROW: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const EVERY_MS: i64 = 15_000;
const PATIENTS: Watched = Watched::Changes(RecordKind::Patient);
/// The remotes' clock at the first reading: seven hours from ours.
const THERE_MS: i64 = START_MS - 7 * 3_600_000;
const SLOW_MS: i64 = 15 * 60_000;

fn at(record: Fetched, changed_at_ms: i64) -> Fetched {
    Fetched { changed_at_ms: Some(changed_at_ms), ..record }
}

fn phone_of_row(version: u32, phone: &str, changed_at_ms: i64) -> Fetched {
    at(row(ROW, version, phone, "p1"), changed_at_ms)
}

fn page(items: Vec<Fetched>, next: Next) -> Page {
    Page { items, malformed: Vec::new(), next, total_hint: None, clock_ms: None, narrowed: true }
}

#[allow(clippy::unnecessary_wraps, reason = "it is what a remote answers")]
fn all(items: Vec<Fetched>) -> Result<Told, RemoteError> {
    Ok(Told::Changes(page(items, Next::ProvenComplete)))
}

/// The process ends and one starts over the same database that polls.
async fn polling(bench: &mut Bench) {
    bench.sent.clear();
    let ids = Arc::new(SeededIds::new([u8::try_from(bench.now_ms % 251).unwrap(); 32]));
    let schedule = Schedule { poll_every_ms: Some(EVERY_MS), ..Schedule::default() };
    bench.engine = Engine::new(Arc::clone(&bench.store), Arc::new(lenses()), Policy::default(), ids)
        .with_schedule(schedule, true);
    bench.step(Event::Started).await;
}

/// A patient on whom both sides agree, and whose remotes are polled from now on; the first polls are out.
async fn agreed() -> Bench {
    let mut bench = Box::pin(Bench::with(Policy::default())).await;
    polling(&mut bench).await;
    assert!(bench.sent.is_empty(), "nothing is asked for before everything was read: {:?}", bench.sent);
    assert!(bench.engine.polls().iter().all(|state| state.waits_for_a_run));
    bench.start_run().await;
    bench
        .pages(&[phone_of_row(3, OLD, THERE_MS)], &[at(chart("p1", 1, "+14155550100", ROW), THERE_MS)])
        .await;
    assert_eq!(bench.pair(Remote::Ehr, "p1").await.status, PairStatus::Agreed);
    assert!(bench.engine.polls().iter().all(|state| !state.waits_for_a_run));
    bench
}

/// From when on each thing is asked for.
fn asked(bench: &Bench) -> Vec<(Remote, Watched, i64)> {
    let since = |request: &Request| match request {
        Request::Poll { remote, watched, since_ms, .. } => Some((*remote, *watched, *since_ms)),
        _ => None,
    };
    bench.sent.iter().filter_map(since).collect()
}

/// Answers the poll of this thing that is out.
async fn tell(bench: &mut Bench, remote: Remote, watched: Watched, result: Result<Told, RemoteError>) {
    let is_it = |request: &Request| matches!(request, Request::Poll { remote: r, watched: w, .. } if (*r, *w) == (remote, watched));
    let place = bench.sent.iter().position(is_it).unwrap_or_else(|| panic!("{watched:?}: {:?}", bench.sent));
    let Request::Poll { poll, .. } = bench.sent.remove(place) else { unreachable!() };
    bench.step(Event::Polled { poll, remote, result, latency_ms: 5 }).await;
}

/// Answers everything that is asked with the changes of the patient's row, and nothing else; says what was asked.
async fn round(bench: &mut Bench, rows: &[Fetched]) -> Vec<(Remote, Watched)> {
    let mut all_asked = Vec::new();
    while let Some((remote, watched, since_ms)) = asked(bench).first().copied() {
        let told = match (remote, watched) {
            (Remote::ServiceNow, Watched::Changes(_)) => {
                let newer = |row: &&Fetched| row.changed_at_ms.is_some_and(|at_ms| at_ms >= since_ms);
                all(rows.iter().filter(newer).cloned().collect())
            }
            (_, Watched::Changes(_)) => all(Vec::new()),
            (_, Watched::Deletions) => {
                Ok(Told::Deletions(DeletionPage { items: Vec::new(), next: None, clock_ms: None }))
            }
        };
        tell(bench, remote, watched, told).await;
        all_asked.push((remote, watched));
    }
    all_asked
}

/// Time passes until the next polls are out.
async fn next_round(bench: &mut Bench) {
    let until_ms = bench.now_ms + EVERY_MS;
    while bench.now_ms < until_ms {
        bench.now_ms = bench.wake_at_ms.unwrap_or(until_ms).clamp(bench.now_ms + 1, until_ms);
        bench.step(Event::Woke).await;
    }
    assert!(!asked(bench).is_empty(), "{:?}", bench.sent);
}

fn state(bench: &Bench, remote: Remote, watched: Watched) -> PollState {
    let of = |state: &&PollState| state.remote == remote && state.watched == watched;
    bench.engine.polls().iter().find(of).expect("it is polled").clone()
}

fn looks(bench: &Bench) -> usize {
    bench.sent.iter().filter(|request| matches!(request, Request::ReadRecord { .. })).count()
}

async fn events(bench: &Bench) -> u64 {
    bench.store.event_counts().await.unwrap().iter().map(|(_, count)| count).sum()
}

async fn gone(bench: &Bench) -> bool {
    let id = SnapshotId { remote: Remote::ServiceNow, kind: RecordKind::Patient, key: ROW.to_owned() };
    bench.store.snapshot(&id).await.unwrap().unwrap().presence == Presence::Gone
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_change_is_found_looked_at_and_settled_and_what_is_known_costs_nothing() {
    let mut bench = agreed().await;
    let mark_ms = THERE_MS - LATE_MS;
    assert_eq!(
        asked(&bench),
        [(Remote::ServiceNow, PATIENTS, mark_ms), (Remote::Ehr, PATIENTS, mark_ms)],
        "from the remotes' own time on, one list of a remote after the other"
    );
    round(&mut bench, &[phone_of_row(3, OLD, THERE_MS)]).await;
    assert_eq!((events(&bench).await, looks(&bench)), (0, 0), "everything is known");
    for _ in 0..3 {
        next_round(&mut bench).await;
        round(&mut bench, &[phone_of_row(3, OLD, THERE_MS)]).await;
    }
    assert_eq!(bench.store.runs(9).await.unwrap().len(), 1, "a poll is no run");
    assert_eq!((events(&bench).await, state(&bench, Remote::ServiceNow, PATIENTS).found_at_ms), (0, None));

    next_round(&mut bench).await;
    let changed = phone_of_row(4, "4155550199", THERE_MS + 70_000);
    round(&mut bench, std::slice::from_ref(&changed)).await;
    assert_eq!((events(&bench).await, looks(&bench)), (1, 2), "both sides are looked at");
    let told = state(&bench, Remote::ServiceNow, PATIENTS);
    assert_eq!((told.found, told.found_at_ms), (1, Some(bench.now_ms)));
    // The next poll comes before the answers do: the same sight is no second event.
    next_round(&mut bench).await;
    round(&mut bench, std::slice::from_ref(&changed)).await;
    assert_eq!((events(&bench).await, looks(&bench)), (1, 2));
    bench.reads(&[changed.clone(), chart("p1", 1, "+14155550100", ROW)]).await;
    let (_, remote, write) = bench.write();
    assert_eq!((remote, write.key.as_deref()), (Remote::Ehr, Some("p1")));
    next_round(&mut bench).await;
    assert_eq!(asked(&bench)[0].2, THERE_MS + 70_000 - LATE_MS, "the mark moved with the change");
    round(&mut bench, &[changed]).await;
    assert_eq!(events(&bench).await, 1);
}

/// What the remotes' lists do under a poll, and that nothing slips through. Each case is a list of polls; what the last one
/// shows is to be looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_slips_through() {
    let old = || phone_of_row(3, OLD, THERE_MS);
    let other = |number: u32, at_ms| at(row(&format!("{number:032x}"), 1, NEW, ""), at_ms);
    let second_ms = THERE_MS + 30_000;
    let cases: [(&str, Vec<Vec<Fetched>>); 4] = [
        (
            "a second row of the second that was read already",
            vec![
                vec![old(), other(1, second_ms)],
                vec![old(), other(1, second_ms), phone_of_row(4, NEW, second_ms)],
            ],
        ),
        (
            "a transaction that was stored later than its time says",
            vec![
                vec![old(), other(1, second_ms)],
                vec![other(1, second_ms), phone_of_row(4, NEW, second_ms - LATE_MS)],
            ],
        ),
        (
            "a time that the remote itself has not reached moves nothing past what comes after it",
            vec![
                vec![old(), other(1, START_MS + 90 * 24 * 3_600_000)],
                vec![other(1, START_MS + 90 * 24 * 3_600_000), phone_of_row(4, NEW, second_ms)],
            ],
        ),
        (
            "a row that says again what it said before",
            vec![
                vec![phone_of_row(4, NEW, second_ms)],
                vec![phone_of_row(5, OLD, second_ms + 1_000)],
                vec![phone_of_row(6, NEW, second_ms + 2_000)],
            ],
        ),
    ];
    for (what, polls) in cases {
        let mut bench = agreed().await;
        let last = polls.len() - 1;
        for (number, rows) in polls.into_iter().enumerate() {
            if number > 0 {
                next_round(&mut bench).await;
            }
            let before = bench.store.events(InboxState::Running, 0, 99).await.unwrap().len();
            let clock_ms = Some(THERE_MS + 30_000 + i64::try_from(number).unwrap() * EVERY_MS);
            let (_, _, since_ms) = asked(&bench)[0];
            let rows: Vec<_> = rows.into_iter().filter(|row| row.changed_at_ms >= Some(since_ms)).collect();
            let told = Told::Changes(Page { clock_ms, ..page(rows.clone(), Next::ProvenComplete) });
            tell(&mut bench, Remote::ServiceNow, PATIENTS, Ok(told)).await;
            round(&mut bench, &rows).await;
            if number == last {
                let running = bench.store.events(InboxState::Running, 0, 99).await.unwrap();
                assert!(
                    running.len() > before && running.iter().any(|event| event.key.as_deref() == Some(ROW)),
                    "{what}: {running:?}"
                );
            } else {
                let known: Vec<_> = rows.into_iter().chain([chart("p1", 1, "+14155550100", ROW)]).collect();
                bench.reads(&known).await;
                bench.sent.retain(|request| matches!(request, Request::Poll { .. }));
            }
        }
    }
}

/// A list that moved while it was read, or that breaks off, moves no mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reading_that_did_not_show_everything_is_made_again_from_where_it_began() {
    let mut bench = agreed().await;
    round(&mut bench, &[]).await;
    next_round(&mut bench).await;
    let (_, _, since_ms) = asked(&bench)[1];
    let newer = || vec![at(chart("p1", 1, "+14155550100", ROW), THERE_MS + 5_000_000)];
    let unproven = Next::Unproven { why: "the EHR's count changed while the list was read".to_owned() };
    tell(&mut bench, Remote::Ehr, PATIENTS, Ok(Told::Changes(page(newer(), unproven)))).await;
    let told = state(&bench, Remote::Ehr, PATIENTS);
    assert!(told.problem.is_some_and(|problem| problem.contains("count changed")));
    round(&mut bench, &[]).await;

    next_round(&mut bench).await;
    assert_eq!(asked(&bench)[1].2, since_ms, "from the same moment");
    let more = Next::More(Cursor("second page".to_owned()));
    tell(&mut bench, Remote::Ehr, PATIENTS, Ok(Told::Changes(page(newer(), more)))).await;
    let cursor = bench.sent.iter().find_map(|request| match request {
        Request::Poll { remote: Remote::Ehr, cursor, .. } => cursor.clone(),
        _ => None,
    });
    assert_eq!(cursor, Some(Cursor("second page".to_owned())));
    let broken = RemoteError::Transient {
        remote: Remote::Ehr,
        status: 502,
        what: "a gateway's page".to_owned(),
        retry_after_ms: None,
    };
    tell(&mut bench, Remote::Ehr, PATIENTS, Err(broken)).await;
    assert!(state(&bench, Remote::Ehr, PATIENTS).problem.is_some_and(|problem| problem.contains("gateway")));
    round(&mut bench, &[]).await;

    next_round(&mut bench).await;
    assert_eq!(asked(&bench)[1].2, since_ms, "and again");
    tell(&mut bench, Remote::Ehr, PATIENTS, all(newer())).await;
    round(&mut bench, &[]).await;
    assert_eq!(state(&bench, Remote::Ehr, PATIENTS).problem, None);
    next_round(&mut bench).await;
    assert!(asked(&bench)[1].2 > since_ms, "now it is behind us");
}

/// The process ends after a page was stored and before its reading came to the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_process_that_ends_between_page_and_mark_loses_nothing_and_doubles_nothing() {
    let mut bench = agreed().await;
    let since_ms = asked(&bench)[0].2;
    let changed = phone_of_row(4, "4155550199", THERE_MS + 5_000);
    let more = Next::More(Cursor("next".to_owned()));
    tell(&mut bench, Remote::ServiceNow, PATIENTS, Ok(Told::Changes(page(vec![changed.clone()], more))))
        .await;
    assert_eq!((events(&bench).await, looks(&bench)), (1, 2));
    bench.now_ms += 1_000;
    polling(&mut bench).await;
    assert_eq!(asked(&bench)[0].2, since_ms, "the mark did not move");
    assert_eq!(looks(&bench), 2, "what was found is looked at again");
    round(&mut bench, std::slice::from_ref(&changed)).await;
    assert_eq!((events(&bench).await, looks(&bench)), (1, 2));
    bench.now_ms += 1_000;
    polling(&mut bench).await;
    assert_eq!(asked(&bench)[0].2, changed.changed_at_ms.unwrap() - LATE_MS, "and now it did, durably");
    bench.reads(&[changed, chart("p1", 1, "+14155550100", ROW)]).await;
    assert!(bench.sent.iter().any(|request| matches!(request, Request::Write { .. })), "{:?}", bench.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_remote_that_is_paused_away_or_asks_to_wait_is_left_alone() {
    let mut bench = agreed().await;
    round(&mut bench, &[]).await;
    let person = || ("p".to_owned(), "works on it".to_owned());
    let (who, reason) = person();
    bench.ask(Command::Pause { remote: Remote::ServiceNow, person: who, reason }).await.unwrap();
    next_round(&mut bench).await;
    assert!(asked(&bench).iter().all(|(remote, ..)| *remote == Remote::Ehr), "{:?}", asked(&bench));
    round(&mut bench, &[]).await;
    let (who, reason) = person();
    bench.ask(Command::Resume { remote: Remote::ServiceNow, person: who, reason }).await.unwrap();
    assert_eq!(asked(&bench).first().map(|(remote, ..)| *remote), Some(Remote::ServiceNow), "at once");
    let busy = RemoteError::Transient {
        remote: Remote::ServiceNow,
        status: 429,
        what: "too many requests".to_owned(),
        retry_after_ms: Some(120_000),
    };
    tell(&mut bench, Remote::ServiceNow, PATIENTS, Err(busy)).await;
    let told_ms = bench.now_ms;
    round(&mut bench, &[]).await;
    while asked(&bench).iter().all(|(remote, ..)| *remote != Remote::ServiceNow) {
        round(&mut bench, &[]).await;
        bench.wake().await;
    }
    assert!(bench.now_ms >= told_ms + 120_000, "after {} ms", bench.now_ms - told_ms);
    // It does not answer at all: after five failures one harmless request finds out, and no poll.
    for _ in 0..200 {
        if bench.engine.health(Remote::ServiceNow).open_until_ms.is_some() {
            break;
        }
        while asked(&bench).iter().any(|(remote, ..)| *remote == Remote::ServiceNow) {
            let watched = asked(&bench).iter().find(|(remote, ..)| *remote == Remote::ServiceNow).unwrap().1;
            tell(&mut bench, Remote::ServiceNow, watched, Err(unreachable())).await;
        }
        round(&mut bench, &[]).await;
        bench.wake().await;
    }
    let opened_ms = bench.now_ms;
    assert!(bench.engine.health(Remote::ServiceNow).open_until_ms.is_some(), "the breaker is open");
    while bench.now_ms < opened_ms + 4 * OPEN_FOR_MS {
        assert!(asked(&bench).iter().all(|(remote, ..)| *remote == Remote::Ehr), "{:?}", asked(&bench));
        round(&mut bench, &[]).await;
        for request in std::mem::take(&mut bench.sent) {
            let Request::Probe { remote } = request else { panic!("{request:?}") };
            bench.step(Event::Probed { remote, result: Err(unreachable()), latency_ms: 5 }).await;
        }
        bench.wake().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_deletion_is_a_question_once_the_record_itself_is_not_there() {
    let entry = |entry: &str| Deletion {
        entry: entry.to_owned(),
        kind: RecordKind::Patient,
        key: ROW.to_owned(),
        at_ms: THERE_MS + 1_000,
    };
    let list = |items| Ok(Told::Deletions(DeletionPage { items, next: None, clock_ms: None }));
    let mut bench = agreed().await;
    tell(&mut bench, Remote::ServiceNow, PATIENTS, all(Vec::new())).await;
    assert_eq!(asked(&bench)[1].1, Watched::Deletions, "{:?}", asked(&bench));
    assert_eq!(asked(&bench)[1].2, THERE_MS - LATE_MS, "from where the other lists begin");
    // The entry is of a row that was restored.
    tell(&mut bench, Remote::ServiceNow, Watched::Deletions, list(vec![entry("d1")])).await;
    assert_eq!(looks(&bench), 2);
    bench.reads(&[phone_of_row(3, OLD, THERE_MS), chart("p1", 1, "+14155550100", ROW)]).await;
    assert!(!gone(&bench).await);
    round(&mut bench, &[]).await;
    for _ in 0..2 {
        next_round(&mut bench).await;
        tell(&mut bench, Remote::ServiceNow, PATIENTS, all(Vec::new())).await;
        tell(&mut bench, Remote::ServiceNow, Watched::Deletions, list(vec![entry("d1")])).await;
        round(&mut bench, &[]).await;
        assert_eq!(looks(&bench), 0, "the same entry again");
    }
    // Deleted once more.
    next_round(&mut bench).await;
    tell(&mut bench, Remote::ServiceNow, PATIENTS, all(Vec::new())).await;
    let both = vec![entry("d1"), entry("d2")];
    tell(&mut bench, Remote::ServiceNow, Watched::Deletions, list(both.clone())).await;
    assert_eq!((looks(&bench), gone(&bench).await), (2, false), "an entry alone is not believed");
    bench.reads(&[chart("p1", 1, "+14155550100", ROW)]).await;
    assert!(gone(&bench).await);
    let pair = bench.pair(Remote::Ehr, "p1").await;
    let conflict = bench.store.open_conflict_of(&pair.id).await.unwrap().expect("a question");
    assert_eq!(conflict.cause, ConflictCause::Vanished);
    let before = events(&bench).await;
    round(&mut bench, &[]).await;
    next_round(&mut bench).await;
    tell(&mut bench, Remote::ServiceNow, PATIENTS, all(Vec::new())).await;
    tell(&mut bench, Remote::ServiceNow, Watched::Deletions, list(both)).await;
    assert_eq!(events(&bench).await, before, "it is known to be gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_list_of_deletions_that_is_not_shown_is_asked_for_rarely_and_everything_else_goes_on() {
    let mut bench = agreed().await;
    tell(&mut bench, Remote::ServiceNow, PATIENTS, all(Vec::new())).await;
    let refused = RemoteError::Refused {
        remote: Remote::ServiceNow,
        status: 403,
        what: "the table is closed to REST for the integration user".to_owned(),
    };
    tell(&mut bench, Remote::ServiceNow, Watched::Deletions, Err(refused)).await;
    let asked_ms = bench.now_ms;
    round(&mut bench, &[]).await;
    assert!(state(&bench, Remote::ServiceNow, Watched::Deletions).problem.is_some());
    let mut patients = 0;
    loop {
        next_round(&mut bench).await;
        let all_asked = round(&mut bench, &[]).await;
        patients += usize::from(all_asked.contains(&(Remote::ServiceNow, PATIENTS)));
        if all_asked.contains(&(Remote::ServiceNow, Watched::Deletions)) {
            break;
        }
        assert!(bench.now_ms <= asked_ms + SLOW_MS + EVERY_MS, "deletions are never asked for again");
    }
    assert!(bench.now_ms >= asked_ms + SLOW_MS && patients >= 55, "{patients} polls of patients meanwhile");
    assert_eq!(state(&bench, Remote::ServiceNow, Watched::Deletions).problem, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_remote_that_cannot_narrow_its_list_is_read_completely_at_a_slower_pace() {
    let mut bench = agreed().await;
    let whole = |items| Told::Changes(Page { narrowed: false, ..page(items, Next::ProvenComplete) });
    let changed = at(chart("p1", 2, NEW, ROW), THERE_MS + 5_000);
    tell(&mut bench, Remote::Ehr, PATIENTS, Ok(whole(vec![changed]))).await;
    assert_eq!(looks(&bench), 2, "what it shows counts all the same");
    let told = state(&bench, Remote::Ehr, PATIENTS);
    assert_eq!((told.reads_everything, told.every_ms), (true, SLOW_MS));
    let asked_ms = bench.now_ms;
    round(&mut bench, &[]).await;
    while asked(&bench).iter().all(|(remote, ..)| *remote != Remote::Ehr) {
        round(&mut bench, &[]).await;
        bench.wake().await;
    }
    assert_eq!(bench.now_ms - asked_ms, SLOW_MS);
    // It took a minute: no more than a twentieth of the time goes into it.
    bench.now_ms += 60_000;
    tell(&mut bench, Remote::Ehr, PATIENTS, Ok(whole(Vec::new()))).await;
    assert_eq!(state(&bench, Remote::Ehr, PATIENTS).every_ms, 20 * 60_000);
}

/// After a mass update, everything is read and compared once, behind the brake, instead of record by record.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn very_many_changes_are_compared_by_a_run() {
    let mut bench = agreed().await;
    let many: Vec<_> = (0..1_001_u32)
        .map(|number| at(row(&format!("{number:032x}"), 2, NEW, ""), THERE_MS + 9_000))
        .collect();
    tell(&mut bench, Remote::ServiceNow, PATIENTS, all(many.clone())).await;
    let runs = bench.store.runs(9).await.unwrap();
    assert_eq!((runs.len(), runs[0].trigger.as_str(), runs[0].state.as_str()), (2, "poll", "running"));
    assert_eq!((events(&bench).await, looks(&bench)), (0, 0));
    // As much again while it is under way: it reads everything.
    round(&mut bench, &[]).await;
    next_round(&mut bench).await;
    tell(&mut bench, Remote::ServiceNow, PATIENTS, all(many.clone())).await;
    assert_eq!((bench.store.runs(9).await.unwrap().len(), events(&bench).await), (2, 0));
    // It ends without having seen them (they cannot be read, say): no second one, they are looked at.
    let run = bench.store.runs(1).await.unwrap().remove(0).id;
    bench.ask(Command::StopRun { run }).await.unwrap();
    round(&mut bench, &[]).await;
    next_round(&mut bench).await;
    tell(&mut bench, Remote::ServiceNow, PATIENTS, all(many)).await;
    assert_eq!((bench.store.runs(9).await.unwrap().len(), events(&bench).await), (2, 1_001));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_read_is_quarantined_once_however_often_it_is_seen() {
    let mut bench = agreed().await;
    let broken = Malformed {
        key: Some("0000000000000000000000000000000b".to_owned()),
        raw: r#"{"sys_id":"0000000000000000000000000000000b"}"#.to_owned(),
        problem: "sys_mod_count is missing".to_owned(),
    };
    for number in 0..3 {
        if number > 0 {
            next_round(&mut bench).await;
        }
        let shown = Page { malformed: vec![broken.clone()], ..page(Vec::new(), Next::ProvenComplete) };
        tell(&mut bench, Remote::ServiceNow, PATIENTS, Ok(Told::Changes(shown))).await;
        round(&mut bench, &[]).await;
    }
    let (entries, _) = bench.store.quarantine(&QuarantineFilter::default(), 0, 9).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.times).collect::<Vec<_>>(), [1]);
}
