//! Every check, in an order in which the quick ones come first.

use crate::{
    codegen,
    session::Session,
    setup::{self, Need},
    steps::{Report, Tally, built, cargo, root, run as run_command, run_counting},
    ui,
};
use anyhow::Result;
use std::process::{Command, ExitCode};

/// What is built and tested together; the simulation has a step and a profile of its own.
const TESTED: [&str; 3] = ["--workspace", "--exclude", "simulation"];

#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Only tests of this package, without the other checks.
    #[arg(long, short)]
    package: Option<String>,
    /// Only tests whose name contains this.
    filter: Option<String>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let mut report = Report::default();
    let outcome = if arguments.package.is_some() || arguments.filter.is_some() {
        some(arguments, &mut report)
    } else {
        all(&mut report)
    };
    report.print();
    if let Err(error) = &outcome {
        eprintln!("\n{error:#}");
    }
    let failed = report.tally.failed.max(u64::from(outcome.is_err()));
    println!("{} passed, {failed} failed", report.tally.passed);
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all(report: &mut Report) -> Result<()> {
    report.step("Setup", "The message above names what to install.", || {
        setup::room_to_build()?;
        setup::ensure(Need::Test).map(|()| Tally::default())
    })?;
    report.step("Formatting", "Run `cargo fmt --all` and look at the difference.", || {
        run_command(cargo().args(["fmt", "--all", "--check"]))
    })?;
    report.step("UI: lint", "Run `npm --prefix ui run format`, then look at what is left.", ui::lint)?;
    report.step("UI: tests", "Run `npm --prefix ui test` alone.", ui::unit_tests)?;
    // The app embeds the built UI, so it is built before any Rust code.
    report.step("UI: build", "Run `npm --prefix ui run build` alone.", ui::build)?;
    report.step("Lints", "Run `cargo clippy --workspace --all-targets` and mend what it names.", || {
        run_command(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    report.step("Build", "The compiler's message names the place.", || {
        // All targets and what the tests name, so that everything is built with the very features of the tests, once:
        // with the simulation beside it the store has another feature, and all that uses it would be built twice.
        run_command(cargo().args(["build", "--all-targets"]).args(TESTED))
    })?;
    report.step("Generated files", "Run `cargo xtask codegen` and commit what it wrote.", || {
        codegen::run_generators(true)
    })?;
    report.step(
        "Tests",
        "Run one alone: `cargo xtask test --package NAME FILTER`. Screenshots of the window stand in target/shots.",
        || run_tests(&[]),
    )?;
    // A build of its own, with the points to die at that no other build has.
    report.step("Kill test", "The message names the point; VETSYNC_CRASH_AT=N dies there again.", || {
        let words =
            ["test", "-p", "vetsync", "--features", "crash-points", "--test", "killed", "--", "--nocapture"];
        run_counting(cargo().args(words))
    })?;
    report.step(
        "Simulation",
        "Look at one day: `cargo xtask simulate --seed SEED`.",
        crate::simulate::all_days,
    )?;
    report.step(
        "UI: journeys in the browser",
        "Run `vetsync serve --demo`, then `npm --prefix ui run e2e` with its link in VETSYNC_URL.",
        || ui::browser_tests(&built("debug", "vetsync")),
    )
}

fn some(arguments: &Arguments, report: &mut Report) -> Result<()> {
    let mut words: Vec<&str> = Vec::new();
    if let Some(package) = &arguments.package {
        words.extend(["--package", package]);
    }
    if let Some(filter) = &arguments.filter {
        words.push(filter);
    }
    report.step("Tests", "The message above names the test.", || run_tests(&words))
}

/// cargo's tests, doc tests and the real window included, in a session of their own.
fn run_tests(words: &[&str]) -> Result<Tally> {
    // HL7's R4 definitions, against which everything the mapping writes is validated.
    run_command(
        Command::new("node").arg("crates/mapping/tests/support/definitions.mjs").current_dir(root()),
    )?;
    let session = Session::new()?;
    let shots = crate::steps::target_dir().join("shots");
    let mut command = cargo();
    command.arg("test");
    if words.contains(&"--package") { &mut command } else { command.args(TESTED) }
        .args(words)
        .env("VETSYNC_APP", built("debug", "vetsync-console"))
        .env("VETSYNC_BIN", built("debug", "vetsync"))
        .env("VETSYNC_SHOTS", shots)
        .env("RUST_BACKTRACE", "1");
    if words.is_empty() {
        command.arg("--no-fail-fast");
    }
    run_counting(&mut session.wrap(&command))
}
