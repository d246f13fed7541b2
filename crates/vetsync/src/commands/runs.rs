//! `vetsync schedule` and `vetsync runs`: what runs by itself, and what came of the runs there were.

use super::{call, print_run, started};
use crate::exit::Failure;
use crate::{Outcome, output};
use agent::{Options, Seat};
use clap::{Args, Subcommand};
use console_api::dto::{Id, Nothing, RunList, RunQuery, RunReport, ScheduleView};
use std::process::ExitCode;

/// `vetsync schedule`
#[derive(Debug, Args)]
pub struct Schedule {
    #[command(subcommand)]
    verb: ScheduleVerb,
}

#[derive(Debug, Subcommand)]
enum ScheduleVerb {
    /// When the daily reconciliation and the batch run next, with their offsets, and what became of the last ones.
    Show,
}

/// `vetsync runs`
#[derive(Debug, Args)]
pub struct Runs {
    #[command(subcommand)]
    verb: RunVerb,
}

#[derive(Debug, Subcommand)]
enum RunVerb {
    /// The latest runs: what asked for them, how they ended and how long they took.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One run with everything it counted.
    Show {
        /// The run's id.
        id: String,
    },
}

/// Shows the schedule.
pub async fn schedule(options: Options, schedule: Schedule, json: bool) -> Outcome {
    let ScheduleVerb::Show = schedule.verb;
    let seat = started(options).await?;
    let view: Result<ScheduleView, Failure> = call(&seat, "schedule.get", &Nothing {}).await;
    seat.leave().await;
    let view = view?;
    if json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    for part in &view.parts {
        println!("{} {} ({})", output::word(&part.schedule), part.rule, part.zone);
        if let Some(last) = &part.last {
            println!("  last  {}: {} (run {})", last.slot, last.words, last.run_id);
        }
        for next in &part.next {
            let note = next.note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
            println!("  next  {}{note}", next.local);
        }
    }
    if let Some(off) = &view.off {
        println!("{off}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows runs.
pub async fn runs(options: Options, runs: Runs, json: bool) -> Outcome {
    let seat = started(options).await?;
    let done = match runs.verb {
        RunVerb::List { limit } => list(&seat, limit, json).await,
        RunVerb::Show { id } => show(&seat, id, json).await,
    };
    seat.leave().await;
    done
}

async fn list(seat: &Seat, limit: u32, json: bool) -> Outcome {
    let found: RunList = call(seat, "runs.list", &RunQuery { limit }).await?;
    if json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = found
        .runs
        .iter()
        .map(|item| {
            let run = &item.run;
            let lasted = run
                .ended_at_ms
                .map(|ended_ms| format!("{:.1} s", (ended_ms - run.started_at_ms).max(0) as f64 / 1_000.0));
            vec![
                run.id.clone(),
                output::moment(run.started_at_ms),
                lasted.unwrap_or_default(),
                output::word(&run.status),
                item.stands_for
                    .as_ref()
                    .map_or_else(|| run.trigger.clone(), |what| format!("{} {what}", run.trigger)),
                run.counts.compared.to_string(),
                run.counts.equal.to_string(),
                run.counts.settled.to_string(),
                run.counts.conflicts.to_string(),
            ]
        })
        .collect();
    output::table(
        &[
            "ID",
            "STARTED (UTC)",
            "TOOK",
            "STATE",
            "ASKED FOR BY",
            "COMPARED",
            "EQUAL",
            "SETTLED",
            "CONFLICTS",
        ],
        &rows,
    );
    Ok(ExitCode::SUCCESS)
}

async fn show(seat: &Seat, id: String, json: bool) -> Outcome {
    let report: RunReport = call(seat, "run.get", &Id { id }).await?;
    if json {
        output::json(&report)?;
    } else {
        println!(
            "{} {}, started {} UTC",
            report.run.trigger,
            output::word(&report.run.status),
            output::moment(report.run.started_at_ms)
        );
        print_run(&report, false);
    }
    Ok(ExitCode::SUCCESS)
}
