//! The demo: simulators with a seeded clinic, and the console or one JSON object.

use crate::{
    setup::{self, Need},
    steps::{built, cargo, run as run_step},
    ui,
};
use anyhow::{Context as _, Result};
use std::process::{Command, ExitCode};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Without a window: run the whole job once and say what came of it.
    #[arg(long)]
    headless: bool,
    /// With --headless: print one JSON object on standard output.
    #[arg(long, requires = "headless")]
    json: bool,
    /// Patients in the seeded clinic.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    patients: u32,
    /// The clinic that is made is the same for the same seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// In the window people go on working in both systems: something happens every so many seconds (0: nothing).
    #[arg(long, default_value_t = 20, conflicts_with = "headless")]
    work_seconds: u32,
    /// Build optimised: slower to build, faster to run.
    #[arg(long)]
    release: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (profile, mut build) = if arguments.release {
        let mut build = cargo();
        build.args(["build", "--release"]);
        ("release", build)
    } else {
        let mut build = cargo();
        build.arg("build");
        ("debug", build)
    };
    let vetsync = built(profile, "vetsync");
    let mut demo = Command::new(&vetsync);
    demo.arg("demo");
    if arguments.headless {
        setup::ensure(Need::Headless)?;
        run_step(build.args(["-p", "vetsync"])).context("vetsync could not be built")?;
        demo.arg("--headless");
        if arguments.json {
            demo.arg("--json");
        }
    } else {
        setup::ensure(Need::Window)?;
        ui::build()?;
        run_step(build.args(["-p", "vetsync", "-p", "vetsync-console"]))
            .context("the console could not be built")?;
        demo.arg("--app").arg(built(profile, "vetsync-console"));
        demo.args(["--work-seconds", &arguments.work_seconds.to_string()]);
    }
    demo.args(["--patients", &arguments.patients.to_string(), "--seed", &arguments.seed.to_string()]);
    let status = demo.status().with_context(|| format!("{} could not be started", vetsync.display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The headless demo with several seeds; stops at the first that fails.
pub fn run_seeds(seeds: &[u64]) -> Result<ExitCode> {
    for seed in seeds {
        let arguments = Arguments {
            headless: true,
            json: true,
            patients: 500,
            seed: *seed,
            work_seconds: 0,
            release: false,
        };
        let code = run(&arguments)?;
        if code != ExitCode::SUCCESS {
            eprintln!("The demo failed with seed {seed}: cargo xtask demo --headless --json --seed {seed}");
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}
