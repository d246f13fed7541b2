//! What the host sees of the MID Server becomes one incident.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::Bench;
use engine::Policy;
use engine::mid::MID_INCIDENT;
use engine::step::{Command, Reply};

fn seen(trouble: Option<&str>) -> Command {
    Command::NoteMidServer { name: "mid-frontdesk".to_owned(), trouble: trouble.map(str::to_owned) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn it_opens_once_counts_and_closes_once() {
    let mut bench = Bench::with(Policy::default()).await;
    for trouble in [None, None, Some("is Down"), Some("is Down"), Some("is Paused"), None, None] {
        assert!(matches!(bench.ask(seen(trouble)).await, Ok(Reply::Done)));
        bench.now_ms += 60_000;
    }
    let (rows, total) = bench.store.incidents(false, 0, 10).await.unwrap();
    assert_eq!(total, 1);
    let row = &rows[0];
    assert_eq!((row.kind.as_str(), row.subject.as_str()), (MID_INCIDENT, "mid-frontdesk"));
    assert_eq!((row.open, row.times, row.cause.as_str()), (false, 3, "is Paused"));
    assert_eq!(row.closed_at_ms.unwrap() - row.first_seen_at_ms, 180_000);
    // Another time is another incident.
    bench.ask(seen(Some("is Down"))).await.unwrap();
    assert_eq!(bench.store.incidents(true, 0, 10).await.unwrap().1, 1);
    assert_eq!(bench.store.incidents(false, 0, 10).await.unwrap().1, 2);
}

/// The program ended while it was down, and it came up meanwhile: the first look closes what stands open.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_an_earlier_process_left_open_is_closed_by_the_first_good_look() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.ask(seen(Some("is Down"))).await.unwrap();
    let mut bench = bench.restarted().await;
    assert_eq!(bench.store.incidents(true, 0, 10).await.unwrap().1, 1);
    bench.ask(seen(None)).await.unwrap();
    assert_eq!(bench.store.incidents(true, 0, 10).await.unwrap().1, 0);
}
