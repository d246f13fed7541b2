//! `vetsync demo`: the sample clinic end to end, checked against the known truth; or shown in the window.

use crate::exit::Failure;
use crate::sample::{self, Clinic};
use crate::truth::{self, Verdict};
use crate::{Outcome, output};
use agent::Options;
use anyhow::Context as _;
use clap::Args;
use console_api::dto::ErrorCode;
use engine::Command;
use engine::drive::Handle;
use engine::runs::{RunCounts, counts_of};
use engine::step::{Notice, Reply};
use serde::Serialize;
use simulator::clinic::LinkTruth;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::{ConflictFilter, ConflictState, RunRow, Store};

/// `vetsync demo`
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    clinic: Clinic,
    #[command(flatten)]
    pace: sample::Pace,
    /// Without a window: compare, settle, check, print a summary.
    #[arg(long)]
    headless: bool,
    /// The console's program; started connected to the sample clinic.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "headless")]
    app: Option<PathBuf>,
}

/// What the headless demo found. Printed as one JSON object with `--json`.
#[derive(Debug, Serialize)]
struct Report {
    seed: u64,
    patients_servicenow: u64,
    patients_ehr: u64,
    linked: u64,
    equal: u64,
    settled_by_rule: u64,
    conflicts_by_grade: BTreeMap<u8, u64>,
    writes: BTreeMap<&'static str, u64>,
    created: u64,
    possible_duplicates: u64,
    malformed: u64,
    first_contact: Verdict,
    after_a_day_of_work: Verdict,
    wrong_decisions: u64,
    still_different_after_settling: u64,
    writes_of_a_further_run: u64,
    duration_ms: u64,
    checks: Vec<Check>,
    ok: bool,
}

#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    held: bool,
}

/// Runs the verb.
pub async fn run(demo: Demo, json: bool) -> Outcome {
    if demo.headless { headless(&demo.clinic, json).await } else { window(demo, json).await }
}

async fn headless(clinic: &Clinic, json: bool) -> Outcome {
    let began = Instant::now();
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let remotes = sample::start(clinic).await?;
    let config =
        sample::write_config(&remotes, folder.path(), sample::Kinds::Patients, sample::Pace::default())
            .await?;
    let options = Options { config: Some(config), ..Options::default() };
    let opened = agent::open(options).await?;
    let lenses = std::sync::Arc::clone(&opened.lenses);
    let running = agent::start(opened).await?;
    let store = &*running.store;

    // What would be done, judged before anything is written.
    complete_run(&running.engine, store, true).await?;
    let truth = remotes.control.truth();
    let first_contact = truth::judge(store, &lenses, &truth).await?;
    let first = complete_run(&running.engine, store, false).await?;
    let mut still_different = truth::settled_right(store, &lenses, &truth).await?;

    // A day of work on both sides, from what now is agreed.
    remotes.control.evolve(clinic.seed.wrapping_add(1));
    complete_run(&running.engine, store, true).await?;
    let truth = remotes.control.truth();
    let after = truth::judge(store, &lenses, &truth).await?;
    let second = complete_run(&running.engine, store, false).await?;
    still_different.extend(truth::settled_right(store, &lenses, &truth).await?);
    let further = complete_run(&running.engine, store, false).await?;

    let open = ConflictFilter { states: vec![ConflictState::Open], ..ConflictFilter::default() };
    let (conflicts, _) = store.conflicts(&open, i64::MAX / 2, 0, 1_000_000).await?;
    let missed_links = first_contact.missed_links + after.missed_links;
    let wrong_links = first_contact.wrong_links + after.wrong_links;
    let certain = |link: LinkTruth| matches!(link, LinkTruth::CrossReference | LinkTruth::Microchip);
    let linked = truth.pairs.iter().filter(|pair| certain(pair.link)).count() as u64;
    let writes_of = |position: usize| first.writes[position] + second.writes[position];
    let further_writes = further.writes[0] + further.writes[1];
    let wrong_decisions = first_contact.wrong_decisions() + after.wrong_decisions();
    let asked_needlessly = first_contact.asked_although_equal + after.asked_although_equal;
    let differences = first_contact.differences + after.differences;
    let checks = vec![
        Check { what: "no harmful settlement", held: first_contact.harmful + after.harmful == 0 },
        Check { what: "no conflict missed", held: first_contact.missed + after.missed == 0 },
        Check { what: "no wrong decision", held: wrong_decisions == 0 },
        Check { what: "asked although equal at most 2 %", held: asked_needlessly * 50 <= differences.max(1) },
        Check { what: "what rules settled is equal on both sides", held: still_different.is_empty() },
        Check { what: "a further run writes nothing", held: further_writes == 0 },
        Check {
            what: "no write failed",
            held: first.writes_failed + second.writes_failed + further.writes_failed == 0,
        },
        Check {
            what: "every certain pair is linked, and no other",
            held: missed_links + wrong_links == 0 && linked <= further.compared,
        },
    ];
    let ok = checks.iter().all(|check| check.held);
    let report = Report {
        seed: clinic.seed,
        patients_servicenow: first.servicenow,
        patients_ehr: first.ehr,
        linked: further.compared,
        equal: further.equal,
        settled_by_rule: first.settled + second.settled,
        conflicts_by_grade: truth::by_grade(&conflicts),
        writes: BTreeMap::from([("servicenow", writes_of(0)), ("ehr", writes_of(1))]),
        created: first.created + second.created,
        possible_duplicates: first.possible_duplicates.max(second.possible_duplicates),
        malformed: further.malformed,
        first_contact,
        after_a_day_of_work: after,
        wrong_decisions,
        still_different_after_settling: still_different.len() as u64,
        writes_of_a_further_run: further_writes,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        checks,
        ok,
    };
    running.stop().await;
    remotes.stop().await;
    if json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    for line in &still_different {
        eprintln!("{line}");
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(7) })
}

fn print(report: &Report) {
    println!("{} patients in ServiceNow, {} in the EHR", report.patients_servicenow, report.patients_ehr);
    println!(
        "{} linked, {} equal, {} fields settled by rule",
        report.linked, report.equal, report.settled_by_rule
    );
    let grades: Vec<String> =
        report.conflicts_by_grade.iter().map(|(grade, count)| format!("{count} of grade {grade}")).collect();
    println!("conflicts: {}", if grades.is_empty() { "none".to_owned() } else { grades.join(", ") });
    for (remote, writes) in &report.writes {
        println!("{writes} writes to {remote}");
    }
    println!("wrong decisions against the known truth: {}", report.wrong_decisions);
    for line in report.first_contact.wrong.iter().chain(&report.after_a_day_of_work.wrong) {
        println!("  {line}");
    }
    for check in &report.checks {
        println!("{} {}", if check.held { "held  " } else { "FAILED" }, check.what);
    }
    println!("{} ms", report.duration_ms);
}

/// Starts a complete run and waits for its end.
pub async fn complete_run(engine: &Handle, store: &dyn Store, plan_only: bool) -> Result<RunCounts, Failure> {
    let row = run_row(engine, store, plan_only, None).await?;
    if row.state != "done" {
        return Err(Failure::new(
            format!("the run ended as {}: {}", row.state, row.problem.unwrap_or_default()),
            "Look at the message; what was read and written stays.",
        ));
    }
    Ok(counts_of(&row)?)
}

/// The same, giving the row, however it ended.
pub async fn run_row(
    engine: &Handle,
    store: &dyn Store,
    plan_only: bool,
    actor: Option<String>,
) -> Result<RunRow, Failure> {
    let notices = engine.notices();
    let reply =
        engine.ask(Command::StartRun { trigger: "manual".to_owned(), actor, plan_only, kind: None }).await?;
    let Reply::Run(started) = reply else {
        return Err(Failure::new("the engine gave no run", "Try again."));
    };
    wait_for_run(store, notices, &started.id).await
}

/// Waits for the end of a run. The notices must have been asked for before it was started.
pub async fn wait_for_run(
    store: &dyn Store,
    mut notices: tokio::sync::broadcast::Receiver<Notice>,
    id: &str,
) -> Result<RunRow, Failure> {
    loop {
        match tokio::time::timeout(Duration::from_secs(5), notices.recv()).await {
            Ok(Ok(Notice::RunEnded(ended))) if ended == id => break,
            Ok(Ok(_)) => {}
            Ok(Err(tokio::sync::broadcast::error::RecvError::Closed)) => {
                return Err(engine::EngineError::Stopping.into());
            }
            // Notices were missed, or nothing happened for a while: the store knows.
            Ok(Err(tokio::sync::broadcast::error::RecvError::Lagged(_))) | Err(_) => {
                if store.run(id).await?.is_some_and(|run| run.state != "running") {
                    break;
                }
            }
        }
    }
    store.run(id).await?.ok_or_else(|| Failure::new("the run left no trace", "Run `vetsync doctor`."))
}

async fn window(demo: Demo, _json: bool) -> Outcome {
    let Some(app) = demo.app else {
        return Err(Failure {
            error: console_api::dto::ApiError {
                code: ErrorCode::Invalid,
                message: "Which program shows the window?".to_owned(),
                way_out: "Run `cargo xtask demo`, or give --app PROGRAM or --headless.".to_owned(),
                field: None,
            },
            code: 2,
        });
    };
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let remotes = sample::start(&demo.clinic).await?;
    let config = sample::write_config(&remotes, folder.path(), sample::Kinds::All, demo.pace).await?;
    eprintln!("ServiceNow  {}", remotes.servicenow_url);
    eprintln!("EHR         {}", remotes.ehr_url);
    eprintln!("Identity    {}", remotes.idp_url);
    let _working = demo.pace.begin(&remotes, demo.clinic.seed);
    let mut child = tokio::process::Command::new(&app)
        .env("VETSYNC_CONFIG", &config)
        .env("VETSYNC_RUN_AT_START", "1")
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} does not start", app.display()))?;
    let ended = tokio::select! {
        ended = child.wait() => Some(ended.context("the window's end was not seen")?),
        () = sample::stopped() => None,
    };
    drop(child);
    remotes.stop().await;
    match ended {
        Some(status) if !status.success() => {
            Err(Failure::new(format!("the window ended with {status}"), "See its messages above."))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
