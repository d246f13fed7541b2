//! Seeded clinic days: the simulation in `tests/simulation`, built as quick as a day of many thousands has to be.

use crate::steps::{Tally, cargo, run_counting};
use anyhow::Result;
use std::process::ExitCode;

/// Days that `cargo xtask test` lives, from seed 1 on: five and a half minutes on two cores.
const DAYS: u64 = 10_000;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The day to print, or the first of many.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many days to live on all cores; without it the one day is printed.
    #[arg(long, default_value_t = 0)]
    runs: u64,
    /// Print the day with everything that was sent and held.
    #[arg(long)]
    whole: bool,
    /// Live the days with this deliberate bug (`all` for each), until one is found to be wrong.
    #[arg(long)]
    mutation: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--profile", "simulation", "--package", "simulation", "--"]);
    command.args(["--seed", &arguments.seed.to_string(), "--runs", &arguments.runs.to_string()]);
    if arguments.whole {
        command.arg("--whole");
    }
    if let Some(mutation) = &arguments.mutation {
        command.args(["--mutation", mutation]);
    }
    // Its output is the result: it goes to standard output as it is.
    let status = command.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The simulation's own tests, then the days.
pub fn all_days() -> Result<Tally> {
    let mut tally =
        run_counting(cargo().args(["test", "--profile", "simulation", "--package", "simulation"]))?;
    let days = DAYS.to_string();
    tally += run_counting(cargo().args([
        "run",
        "--profile",
        "simulation",
        "--package",
        "simulation",
        "--",
        "--runs",
        &days,
    ]))?;
    Ok(tally)
}
