//! `vetsync bench`: the measures of the repository. Each runs in a process of its own, so that its figures are its own.

mod clinic;
mod disk;
mod duplicates;
mod exports;
mod figures;
mod queue;
mod report;
mod restart;
mod sync;
mod truth;

use crate::exit::Failure;
use crate::{Outcome, output};
use anyhow::Context as _;
use clap::Args;
use disk::Disk;
use figures::Measure;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// `vetsync bench`
#[derive(Debug, Args)]
pub struct Bench {
    /// What to measure: compare, clinic, truth, duplicates, accept, outbox, outage, restart, sync, sync-away, report;
    /// everything where nothing is named.
    names: Vec<String>,
    /// Pairs to compare, or patients per side; each measure has its own number where this is left out.
    #[arg(long, value_name = "N")]
    size: Option<usize>,
    /// Runs one step in this process, in a folder that is there.
    #[arg(long, value_name = "FOLDER", hide = true)]
    inside: Option<PathBuf>,
    /// The process of this step was put on a disk whose syncs are slow.
    #[arg(long, hide = true)]
    slow_disk: bool,
}

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
struct Report {
    cores: usize,
    measures: Vec<Measure>,
}

const ALL: [&str; 11] = [
    "compare",
    "clinic",
    "truth",
    "duplicates",
    "accept",
    "outbox",
    "outage",
    "restart",
    "sync",
    "sync-away",
    "report",
];

/// Measures.
pub async fn run(bench: Bench, json: bool) -> Outcome {
    if let (Some(folder), [step]) = (&bench.inside, bench.names.as_slice()) {
        let disk = if bench.slow_disk { Disk::Slow } else { Disk::AsItIs };
        let measures = step_inside(step, bench.size, folder, disk).await?;
        output::json(&measures)?;
        return Ok(ExitCode::SUCCESS);
    }
    let names: Vec<&str> =
        if bench.names.is_empty() { ALL.to_vec() } else { bench.names.iter().map(String::as_str).collect() };
    if let Some(unknown) = names.iter().find(|name| !ALL.contains(name)) {
        let mut failure = Failure::new(
            format!("there is no measure {unknown:?}"),
            format!("Name one of {}.", ALL.join(", ")),
        );
        failure.code = 2;
        return Err(failure);
    }
    let mut measures = Vec::new();
    for name in names {
        for disk in disks(name) {
            eprintln!("measuring {}", disk.name(name));
            let folder = tempfile::tempdir().context("no temporary folder")?;
            measures.extend(match name {
                "compare" => exports::measure(bench.size.unwrap_or(1_000_000), folder.path())?,
                step => child(step, bench.size, folder.path(), *disk)?,
            });
        }
    }
    let met = measures.iter().all(|measure| measure.met != Some(false));
    if json {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        output::json(&Report { cores, measures })?;
    } else {
        let rows: Vec<Vec<String>> = measures.iter().map(Measure::cells).collect();
        output::table(&["MEASURE", "VALUE", "UNIT", "TARGET", "MET"], &rows);
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::from(7) })
}

/// On which disks a measure is taken.
fn disks(name: &str) -> &'static [Disk] {
    match name {
        "accept" | "outbox" | "sync" | "sync-away" if cfg!(target_os = "linux") => {
            &[Disk::AsItIs, Disk::Slow]
        }
        _ => &[Disk::AsItIs],
    }
}

async fn step_inside(
    step: &str,
    size: Option<usize>,
    folder: &Path,
    disk: Disk,
) -> Result<Vec<Measure>, Failure> {
    let of_the_step = match step {
        "exports" => {
            exports::write(size.unwrap_or_default(), folder)?;
            return Ok(Vec::new());
        }
        "walk" => return Ok(exports::walk(folder)?),
        "bare" => return Ok(exports::bare(folder)?),
        "clinic" => clinic::measure(size.unwrap_or(100_000), folder).await?,
        "duplicates" => duplicates::measure(size.unwrap_or(100_000))?,
        "accept" => queue::accept(size.unwrap_or(10_000), folder, disk).await?,
        "outbox" => queue::outbox(size.unwrap_or(20_000), folder, disk).await?,
        "outage" => queue::outage(size.unwrap_or(50_000), folder).await?,
        "at-work" => {
            restart::at_work(size.unwrap_or_default(), folder).await?;
            return Ok(Vec::new());
        }
        "restart" => restart::measure(size.unwrap_or(50_000), folder).await?,
        "sync" => sync::measure(size.unwrap_or(3_000), folder, disk, 0).await?,
        "sync-away" => sync::measure(size.unwrap_or(3_000), folder, disk, sync::AWAY_MS).await?,
        "report" => return Ok(report::measure(size.unwrap_or(100_000)).context("no report")?),
        _ => return Ok(truth::measure(size.unwrap_or(30_000) as u64)?),
    };
    let mut measures = vec![disk.syncs(step, folder)?];
    measures.extend(of_the_step);
    Ok(measures)
}

/// Runs a step in a process of its own.
fn child(step: &str, size: Option<usize>, folder: &Path, disk: Disk) -> anyhow::Result<Vec<Measure>> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let mut command = Command::new(program);
    command.args(["bench", step, "--inside"]).arg(folder);
    if let Some(size) = size {
        command.args(["--size", &size.to_string()]);
    }
    disk.under(&mut command, folder)?;
    let done = command.stderr(Stdio::inherit()).output().with_context(|| format!("{step} does not start"))?;
    anyhow::ensure!(done.status.success(), "{step} ended with {}", done.status);
    serde_json::from_slice(&done.stdout).with_context(|| format!("{step} printed no measures"))
}
