//! How soon the engine is back at work after it was killed: 50,000 operations in the outbox, some of them under way.

use super::figures::Measure;
use super::queue::{LANES, MovedClock, Obliging, count, enqueue, ids, lenses, open};
use crate::exit::Failure;
use anyhow::Context as _;
use engine::drive::{self, Remotes};
use engine::{Clock as _, Engine, Notice, Policy};
use record::Remote;
use remote::RemoteApi;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use store::{OperationState, Store};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::broadcast::error::RecvError;

/// So many receipts are written before the process is killed.
const DONE_BEFORE: usize = 2_000;

/// Fills the outbox and works until it is killed; says on standard output when it is well under way.
pub async fn at_work(operations: usize, folder: &Path) -> Result<(), Failure> {
    let store = open(folder).await?;
    let (lenses, ids, clock) = (Arc::new(lenses()), ids(), Arc::new(MovedClock::default()));
    enqueue(&*store, &lenses, &ids, operations, clock.now_ms()).await?;
    let engine = Engine::new(store, lenses, policy(), ids);
    let (handle, task) = drive::start(engine, remotes(), clock, std::future::pending());
    receipts(&mut handle.notices(), DONE_BEFORE).await?;
    println!("under way");
    task.await.context("the engine was lost")?;
    Ok(())
}

/// Kills a process at work (SIGKILL), and measures from then on.
pub async fn measure(operations: usize, folder: &Path) -> Result<Vec<Measure>, Failure> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    eprintln!("  filling the outbox");
    let mut process = tokio::process::Command::new(program)
        .args(["bench", "at-work", "--size", &operations.to_string(), "--inside"])
        .arg(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the process to be killed does not start")?;
    let output = process.stdout.take().context("the process to be killed says nothing")?;
    let line = BufReader::new(output).lines().next_line().await.context("it cannot be heard")?;
    if line.as_deref() != Some("under way") {
        return Err(Failure::new("the process to be killed ended by itself", "Its message stands above."));
    }
    process.kill().await.context("it cannot be killed")?;

    eprintln!("  starting again");
    let began = Instant::now();
    let store = open(folder).await?;
    let opened_s = began.elapsed().as_secs_f64();
    let under_way = count(&*store, OperationState::Running).await?;
    let waiting = count(&*store, OperationState::Waiting).await?;
    let policy = policy();
    let engine = Engine::new(Arc::clone(&store) as Arc<dyn Store>, Arc::new(lenses()), policy, later_ids());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (handle, task) = drive::start(engine, remotes(), Arc::new(MovedClock::default()), async {
        let _either = stopped.await;
    });
    let mut notices = handle.notices();
    receipts(&mut notices, 1).await?;
    let at_work_s = began.elapsed().as_secs_f64();
    // The order of the queue puts what was under way first, so this is the time to where the killed process stood.
    receipts(&mut notices, usize::try_from(under_way).unwrap_or_default().saturating_sub(1)).await?;
    let caught_up_s = began.elapsed().as_secs_f64();
    let _gone = stop.send(());
    drop(handle);
    task.await.context("the engine was lost")?;
    store.close().await;
    let seconds = |seconds: f64| (seconds * 1_000.0).round() / 1_000.0;
    Ok(vec![
        Measure::of("restart: operations in the outbox", (waiting + under_way) as f64, ""),
        Measure::of("restart: of these under way when it was killed", under_way as f64, ""),
        Measure::of("restart: database open after", seconds(opened_s), "s"),
        Measure::of("restart: first operation done after", seconds(at_work_s), "s").below(3.0),
        Measure::of("restart: as many done as were under way, after", seconds(caught_up_s), "s").below(3.0),
    ])
}

fn policy() -> Policy {
    Policy { lanes: u32::try_from(LANES).unwrap_or(1), ..Policy::default() }
}

fn remotes() -> Remotes {
    let servicenow: Arc<dyn RemoteApi> = Obliging::new(Remote::ServiceNow);
    Remotes { servicenow, ehr: Obliging::new(Remote::Ehr) }
}

/// Other ids than those of the process that was killed.
fn later_ids() -> Arc<engine::clock::SeededIds> {
    Arc::new(engine::clock::SeededIds::new([5; 32]))
}

async fn receipts(
    notices: &mut tokio::sync::broadcast::Receiver<Notice>,
    wanted: usize,
) -> Result<(), Failure> {
    let mut seen = 0;
    while seen < wanted {
        match notices.recv().await {
            Ok(Notice::Receipt(_)) => seen += 1,
            // Receipts that were missed only make the time longer.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(engine::EngineError::Stopping.into()),
        }
    }
    Ok(())
}
