//! Readers of what others send, given broken input for longer than the tests of every day do.

use crate::{
    setup::{self, Need},
    steps::{cargo, run as run_step},
};
use anyhow::{Context as _, Result};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only this target, such as `patient`; all of them without it.
    target: Option<String>,
    /// How long each target is given input.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::ensure(Need::Headless)?;
    let mut tests = cargo();
    tests.args(["test", "--release", "-p", "fuzz", "--test", "targets", "--"]);
    if let Some(target) = &arguments.target {
        tests.args(["--exact", target]);
    }
    tests.arg("--nocapture").env("BOLERO_RANDOM_TEST_TIME_MS", (arguments.seconds * 1_000).to_string());
    run_step(&mut tests).context("an input broke a target; the message above names the file it stands in")?;
    Ok(ExitCode::SUCCESS)
}
