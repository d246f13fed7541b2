//! Mutation testing: the code is changed in small ways, one at a time, and a test has to notice.

use crate::steps::{cargo, root, run as run_step};
use anyhow::{Context as _, Result, bail};
use std::process::{Command, ExitCode, Stdio};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which part of all mutants, as K/N; all of them take days.
    #[arg(long, default_value = "1/40")]
    shard: String,
    /// Handed on to `cargo mutants`, such as `--file crates/record/src/json.rs`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    further: Vec<String>,
}

/// What is mutated, and how, stands in `.cargo/mutants.toml`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let there = Command::new("cargo").args(["mutants", "--version"]).stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        bail!("cargo-mutants is missing; run `cargo install --locked cargo-mutants`");
    }
    let mut mutants = cargo();
    mutants
        .args([
            "mutants",
            "--workspace",
            "--sharding",
            "round-robin",
            "--shard",
            &arguments.shard,
            "--output",
        ])
        .arg(root().join("target"));
    run_step(mutants.args(&arguments.further))
        .context("a change went unnoticed; `target/mutants.out/missed.txt` names the place")?;
    Ok(ExitCode::SUCCESS)
}
