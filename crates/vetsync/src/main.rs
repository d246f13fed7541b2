//! `vetsync`: the engine without a window. Command line, the console's API over loopback HTTP, and the sample clinic.

#![allow(
    clippy::doc_markdown,
    reason = "the comments on arguments are the help people read in a terminal, where backticks are noise"
)]

mod bench;
mod commands;
mod compare;
mod demo;
mod exit;
mod output;
mod sample;
mod serve;
mod truth;

use clap::{Parser, Subcommand};
use exit::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

/// Keeps patients in ServiceNow and in an EHR telling the same story.
#[derive(Debug, Parser)]
#[command(
    name = "vetsync",
    version,
    about,
    after_help = "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 settings · 4 secrets or keyring · 5 database or disk · \
                  6 a remote cannot be reached, refuses us or is held back · 7 something needs a person (conflicts, failed checks) · \
                  8 not allowed for this role · 9 something moved meanwhile, nothing was written"
)]
struct Cli {
    /// The settings file (also VETSYNC_CONFIG).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder (also VETSYNC_DATA_DIR).
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Act as this person of [[people]], where nobody's account is named there (also VETSYNC_PERSON).
    #[arg(long, global = true, value_name = "ID")]
    person: Option<String>,
    /// Print one JSON object on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Stand up a simulated ServiceNow, EHR and identity provider with a sample clinic, until stopped.
    Simulate(sample::Simulate),
    /// Compare a sample clinic end to end and check every decision against the known truth; or show it in the window.
    Demo(demo::Demo),
    /// Read both remotes and bring them into line; one record with --patient, --appointment or --treatment.
    Sync {
        /// Only this patient, by VetSync's id.
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
        /// Only this appointment, by VetSync's id.
        #[arg(long, value_name = "ID", conflicts_with = "patient")]
        appointment: Option<String>,
        /// Only this treatment, by VetSync's id.
        #[arg(long, value_name = "ID", conflicts_with_all = ["patient", "appointment"])]
        treatment: Option<String>,
    },
    /// Compare everything, settle what rules may settle, flag the rest.
    Reconcile {
        /// Only say what would be done; write nothing.
        #[arg(long)]
        plan: bool,
        /// Only records of this kind: patient, appointment or treatment.
        #[arg(long, value_enum, conflicts_with = "go_on")]
        kind: Option<commands::KindName>,
        /// Let exactly what the brake stopped go on: the first administrator asks, with --reason; another one agrees.
        #[arg(long = "continue", conflicts_with = "plan")]
        go_on: bool,
        /// Why this many changes are right.
        #[arg(long, requires = "go_on")]
        reason: Option<String>,
    },
    /// Search patients by name, owner, phone, microchip or any id.
    Patients(commands::Patients),
    /// Appointments of both calendars: list, show.
    Appointments(commands::Appointments),
    /// Treatments on their way from ServiceNow to the EHR: list, show.
    Treatments(commands::Treatments),
    /// The work list of conflicts.
    Conflicts(commands::Conflicts),
    /// Records that may be one animal: list, show, link, say that they are not, put off.
    Duplicates(commands::Duplicates),
    /// The outbox: what waits, what failed and why; retry, replay, edit and resend, cancel.
    Queue(commands::Queue),
    /// Whether the two systems answer; pause, resume, try now.
    Remotes(commands::Remotes),
    /// What could not be read: look, edit and resend, replay by cause, dismiss.
    Quarantine(commands::Quarantine),
    /// When VetSync acts by itself: the daily reconciliation and the batch.
    Schedule(commands::Schedule),
    /// The runs there were, and what came of them.
    Runs(commands::Runs),
    /// Reports of runs and of any days, with who decided what: list, show, export as PDF, XLSX, CSV or JSON.
    Reports(commands::Reports),
    /// Compare two exports offline, field by field, before anything is connected. Ends with 7 if they differ.
    Compare(compare::Compare),
    /// Measure: the figures of `cargo xtask bench`.
    #[command(hide = true)]
    Bench(bench::Bench),
    /// Check settings, keyring, database and both connections; say what is wrong and what to do.
    Doctor,
    /// Store, list or remove secrets.
    Secret(commands::Secret),
    /// Serve the console to a browser on this machine; prints a link with a one-time token.
    Serve(serve::Serve),
}

#[tokio::main]
async fn main() -> ExitCode {
    agent::install_tls();
    agent::start_logging("warn");
    let cli = Cli::parse();
    let json = cli.json;
    let options = {
        let from_env = agent::Options::from_env();
        agent::Options {
            config: cli.config.or(from_env.config.clone()),
            data_dir: cli.data_dir.or(from_env.data_dir.clone()),
            person: cli.person.or(from_env.person.clone()),
            ..from_env
        }
    };
    let done = match cli.command {
        Verb::Simulate(simulate) => sample::simulate(simulate, json).await,
        Verb::Demo(demo) => demo::run(demo, json).await,
        Verb::Sync { appointment: Some(id), .. } => {
            commands::sync_visit(options, commands::VisitKind::Appointment, id, json).await
        }
        Verb::Sync { treatment: Some(id), .. } => {
            commands::sync_visit(options, commands::VisitKind::Treatment, id, json).await
        }
        Verb::Sync { patient, .. } => commands::sync(options, patient, json).await,
        Verb::Reconcile { go_on: true, reason, .. } => commands::continue_braked(options, reason, json).await,
        Verb::Reconcile { plan, kind, .. } => commands::reconcile(options, plan, kind, json).await,
        Verb::Patients(patients) => commands::patients(options, patients, json).await,
        Verb::Appointments(appointments) => commands::appointments(options, appointments, json).await,
        Verb::Treatments(treatments) => commands::treatments(options, treatments, json).await,
        Verb::Conflicts(conflicts) => commands::conflicts(options, conflicts, json).await,
        Verb::Duplicates(duplicates) => commands::duplicates(options, duplicates, json).await,
        Verb::Queue(queue) => commands::queue(options, queue, json).await,
        Verb::Remotes(remotes) => commands::remotes(options, remotes, json).await,
        Verb::Quarantine(quarantine) => commands::quarantine(options, quarantine, json).await,
        Verb::Schedule(schedule) => commands::schedule(options, schedule, json).await,
        Verb::Runs(runs) => commands::runs(options, runs, json).await,
        Verb::Reports(reports) => commands::reports(options, reports, json).await,
        Verb::Compare(compare) => compare::run(&compare, options.config.as_deref(), json),
        Verb::Bench(bench) => bench::run(bench, json).await,
        Verb::Doctor => commands::doctor(options, json).await,
        Verb::Secret(secret) => commands::secret(options, secret, json).await,
        Verb::Serve(serve) => serve::run(options, serve, json).await,
    };
    let code = match done {
        Ok(code) => code,
        Err(failure) => exit::report(&failure, json),
    };
    // Every verb ends here, whatever it left open.
    agent::stores_closed().await;
    code
}

/// What every verb returns.
type Outcome = Result<ExitCode, Failure>;
