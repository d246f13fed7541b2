//! A computer whose clock jumps: suspended, corrected, set wrong. A jump back puts nothing off for hours, a jump forward
//! lets no storm loose.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Bench, chart, one_write, row, unreachable, written};
use engine::Policy;
use engine::health::OPEN_FOR_MS;
use engine::step::{Event, Request};
use record::Remote;
use store::OperationState;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_write_that_waits_a_second_does_not_wait_for_hours() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(unreachable())).await;
    bench.now_ms -= 3 * HOUR_MS;
    bench.step(Event::Woke).await;
    let wait_ms = bench.wake_at_ms.expect("it is woken") - bench.now_ms;
    assert!((0..=1_100).contains(&wait_ms), "{wait_ms} ms");
    bench.wake().await;
    assert_eq!(bench.write().0, operation, "and is sent again");
    bench.answer(&operation, Ok(written())).await;
    assert_eq!(bench.operation(OperationState::Done).await.id, operation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_open_breaker_opens_no_longer_than_it_was_meant_to() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(unreachable())).await;
    for _ in 0..4 {
        bench.wake().await;
        let _again = bench.write();
        bench.answer(&operation, Err(unreachable())).await;
    }
    assert_eq!(bench.engine.health(Remote::ServiceNow).open_until_ms, Some(bench.now_ms + OPEN_FOR_MS));
    bench.now_ms -= 7 * HOUR_MS;
    bench.step(Event::Woke).await;
    assert_eq!(bench.engine.health(Remote::ServiceNow).open_until_ms, Some(bench.now_ms + OPEN_FOR_MS));
    assert_eq!(bench.wake().await, OPEN_FOR_MS);
    assert_eq!(bench.write().0, operation, "the probe");
}

/// The clock is set back while nothing runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_restart_under_an_earlier_clock_stalls_nothing() {
    let mut bench = one_write(Policy::default()).await;
    let (operation, ..) = bench.write();
    bench.answer(&operation, Err(unreachable())).await;
    bench.now_ms -= 5 * HOUR_MS;
    let mut bench = Box::pin(bench.restarted()).await;
    if bench.sent.is_empty() {
        let wait_ms = bench.wake().await;
        assert!(wait_ms <= 10_000, "{wait_ms} ms");
    }
    assert_eq!(bench.write().0, operation);
}

/// What is read after the clock was set back is newer, whatever the times say.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_read_after_a_jump_back_is_believed() {
    let mut bench = Bench::with(Policy::default()).await;
    bench.start_run().await;
    bench.pages(&[row("s1", 1, "415 555 0100", "e1")], &[chart("e1", 1, "+14155550100", "s1")]).await;
    bench.now_ms -= 3 * HOUR_MS;
    bench.start_run().await;
    bench.pages(&[row("s1", 2, "415 555 0199", "e1")], &[chart("e1", 1, "+14155550100", "s1")]).await;
    assert_eq!(bench.version(Remote::ServiceNow, "s1").await, "2");
    assert!(
        bench.sent.iter().any(|request| matches!(request, Request::Write { .. })),
        "and settled: {:?}",
        bench.sent
    );
}

/// Ten hours pass at once, with forty writes waiting and the breaker open: one probe goes out, not forty writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_jump_forward_lets_no_storm_loose() {
    let mut bench = Bench::with(Policy { lanes: 16, ..Policy::default() }).await;
    let rows = |phone: &str, version: u32| -> Vec<_> {
        (0..40).map(|n| row(&format!("s{n}"), version, phone, &format!("e{n}"))).collect()
    };
    let charts: Vec<_> =
        (0..40).map(|n| chart(&format!("e{n}"), 1, "+14155550100", &format!("s{n}"))).collect();
    bench.start_run().await;
    bench.pages(&rows("415 555 0100", 1), &charts).await;
    bench.start_run().await;
    bench.pages(&rows("415 555 0199", 2), &charts).await;
    let mut failures = 0;
    while let Some(at) = bench.sent.iter().position(|request| matches!(request, Request::Write { .. })) {
        let Request::Write { operation, remote, .. } = bench.sent.remove(at) else { unreachable!() };
        let error = remote::RemoteError::Ambiguous { remote, what: "no answer".to_owned() };
        bench.answer(&operation, Err(error)).await;
        failures += 1;
        // As many as there are lanes, and what took the place of the first four before the fifth opened it.
        assert!(failures <= 16 + 4, "the breaker holds the rest back");
    }
    bench.now_ms += 10 * HOUR_MS;
    bench.step(Event::Woke).await;
    assert_eq!(bench.sent.len(), 1, "one probe: {:?}", bench.sent);
}
