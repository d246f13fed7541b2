//! Mutation testing: the code is changed in small ways, one at a time, and a test has to notice.

use crate::steps::{cargo, root, run as run_step, target_dir};
use anyhow::{Context as _, Result, bail};
use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which part of all mutants, as K/N from 0/N on; all of them take days.
    #[arg(long, default_value = "1/40")]
    shard: String,
    /// Handed on to `cargo mutants`, such as `--file crates/record/src/json.rs`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    further: Vec<String>,
}

/// What is mutated stands in `.cargo/mutants.toml`; the profile `mutants` says how it is built.
///
/// What is committed is mutated, in a clone of its own below `target/`: one change rebuilds one package there, and
/// nobody's work tree holds a deliberate mistake.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let there = Command::new("cargo").args(["mutants", "--version"]).stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        bail!("cargo-mutants is missing; run `cargo install --locked cargo-mutants`");
    }
    let place = target_dir().join("mutants");
    let tree = place.join("tree");
    clone_into(&tree)?;
    let mut mutants = cargo();
    mutants
        .current_dir(&tree)
        .env("CARGO_TARGET_DIR", place.join("target"))
        // Nothing but the changed package is built again, and of that only what the change reaches.
        .env("CARGO_INCREMENTAL", "1")
        // A change that a hundred cases do not notice is not pinned.
        .env("PROPTEST_CASES", "100")
        .env("VETSYNC_FHIR_DEFINITIONS", root().join("target/fhir-r4-definitions"))
        .args(["mutants", "--workspace", "--in-place", "--profile", "mutants", "--sharding", "round-robin"])
        // Documentation has no tests; looking for them takes as long as some packages' tests.
        .args(["--cargo-test-arg=--lib", "--cargo-test-arg=--tests"])
        .args(["--shard", &arguments.shard, "--output"])
        .arg(target_dir());
    run_step(mutants.args(&arguments.further))
        .context("a change went unnoticed; `target/mutants.out/missed.txt` names the place")?;
    Ok(ExitCode::SUCCESS)
}

/// The last commit, as it stands, whatever an interrupted run left there.
fn clone_into(tree: &Path) -> Result<()> {
    if !tree.join(".git").exists() {
        run_step(Command::new("git").args(["clone", "--quiet", "--no-checkout"]).arg(root()).arg(tree))?;
    }
    let git = |arguments: &[&str]| run_step(Command::new("git").arg("-C").arg(tree).args(arguments));
    let head = Command::new("git").arg("-C").arg(root()).args(["rev-parse", "HEAD"]).output()?;
    let head = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    git(&["fetch", "--quiet", "origin", "HEAD"])?;
    git(&["checkout", "--quiet", "--force", "--detach", &head])
        .context("the tests of what is committed are run; commit first")?;
    Ok(())
}
