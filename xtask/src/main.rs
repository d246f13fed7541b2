//! `cargo xtask`: everything that is done with this repository, from a fresh clone to the tests.

mod bench;
mod codegen;
mod demo;
mod fuzz;
mod mutants;
mod session;
mod setup;
mod simulate;
mod steps;
mod test;
mod ui;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Everything that is done with this repository", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start the simulators with a seeded clinic and open the console connected to them.
    Demo(demo::Arguments),
    /// Run every check: formatting, lints, generated files, tests, the real window.
    Test(test::Arguments),
    /// What a build server runs: every check, then the headless demo with two seeds.
    Ci,
    /// Write the generated files: TypeScript of the console's interface, schema of the configuration.
    Codegen(codegen::Arguments),
    /// Measure, and print a table and JSON.
    Bench(bench::Arguments),
    /// Give every reader of what others send broken input, for longer than `test` does.
    Fuzz(fuzz::Arguments),
    /// Change the code in small ways and see whether a test notices.
    Mutants(mutants::Arguments),
    /// Live seeded clinic days: one is printed, many are judged.
    Simulate(simulate::Arguments),
    /// Install what is missing on this machine.
    Setup(setup::Arguments),
    /// Run a command in a session with an unlocked throw-away keyring (used by `test`).
    #[command(hide = true)]
    InSession(session::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test(arguments) => Ok(test::run(&arguments)),
        Task::Ci => match test::run(&test::Arguments::default()) {
            ExitCode::SUCCESS => demo::run_seeds(&[1, 2]),
            failed => Ok(failed),
        },
        Task::Codegen(arguments) => codegen::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Mutants(arguments) => mutants::run(&arguments),
        Task::Simulate(arguments) => simulate::run(&arguments),
        Task::Setup(arguments) => setup::run(&arguments),
        Task::InSession(arguments) => session::run_inside(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
