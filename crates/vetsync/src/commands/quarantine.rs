//! `vetsync quarantine`: what could not be read, and what is done about it.

use super::{call, started};
use crate::exit::Failure;
use crate::{Outcome, output};
use agent::Options;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use console_api::dto::{
    Id, QuarantineDismiss, QuarantineEdit, QuarantineList, QuarantineOrigin, QuarantineQuery,
    QuarantineReplay, QuarantineReplayList, QuarantineReplayOutcome, QuarantineStatus, QuarantineView,
};
use std::path::PathBuf;
use std::process::ExitCode;

/// `vetsync quarantine`
#[derive(Debug, Args)]
pub struct Quarantine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What could not be read, last seen first, and why.
    List {
        /// Also what is closed.
        #[arg(long)]
        all: bool,
        /// Only this cause, as the list names it.
        #[arg(long)]
        cause: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// One entry with its raw text and its edits.
    Show {
        /// The entry's id.
        id: String,
    },
    /// Replace the text of a message by that of a file and have it worked on; the original stays.
    Edit {
        /// The entry's id.
        id: String,
        /// The file that holds the corrected text.
        #[arg(long, value_name = "FILE")]
        text: PathBuf,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Work on entries again as they are: these, or all of one cause in their original order.
    Replay {
        /// The entries' ids.
        #[arg(required_unless_present = "cause", conflicts_with = "cause")]
        ids: Vec<String>,
        /// All that are open for this cause, as the list names it.
        #[arg(long)]
        cause: Option<String>,
    },
    /// Put an entry aside.
    Dismiss {
        /// The entry's id.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Works on the quarantine.
pub async fn quarantine(options: Options, quarantine: Quarantine, json: bool) -> Outcome {
    match quarantine.verb {
        Verb::List { all, cause, limit } => list(options, all, cause, limit, json).await,
        Verb::Show { id } => view(options, "quarantine.show", &Id { id }, json).await,
        Verb::Edit { id, text, reason } => {
            let raw = std::fs::read_to_string(&text)
                .with_context(|| format!("{} cannot be read", text.display()))?;
            view(options, "quarantine.edit", &QuarantineEdit { id, raw, reason }, json).await
        }
        Verb::Replay { ids, cause } => replay(options, QuarantineReplay { ids, cause }, json).await,
        Verb::Dismiss { id, reason } => {
            view(options, "quarantine.dismiss", &QuarantineDismiss { id, reason }, json).await
        }
    }
}

async fn list(options: Options, all: bool, cause: Option<String>, limit: u32, json: bool) -> Outcome {
    let seat = started(options).await?;
    let status = (!all).then_some(QuarantineStatus::Open);
    let query = QuarantineQuery { status, remote: None, cause, offset: 0, limit };
    let found: QuarantineList = call(&seat, "quarantine.list", &query).await?;
    seat.leave().await;
    if json {
        output::json(&found)?;
    } else {
        let rows: Vec<Vec<String>> = found
            .items
            .iter()
            .map(|item| {
                vec![
                    item.id.clone(),
                    format!("{:?}", item.status),
                    if item.patient.is_empty() {
                        item.key.clone().unwrap_or_default()
                    } else {
                        item.patient.clone()
                    },
                    item.times.to_string(),
                    item.cause.clone(),
                    item.problem.clone(),
                ]
            })
            .collect();
        output::table(&["ID", "STATUS", "ABOUT", "TIMES", "CAUSE", "PROBLEM"], &rows);
        if found.events_waiting > 0 {
            eprintln!("{} events wait to be looked into", found.events_waiting);
        }
    }
    Ok(if found.causes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(7) })
}

async fn view<Q: serde::Serialize>(options: Options, command: &str, request: &Q, json: bool) -> Outcome {
    let seat = started(options).await?;
    let view: QuarantineView = call(&seat, command, request).await?;
    seat.leave().await;
    if json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    let origin = match view.item.origin {
        QuarantineOrigin::Event => "message",
        QuarantineOrigin::Record => "record",
    };
    println!("{} ({origin}, {:?}): {}", view.item.id, view.item.status, view.item.problem);
    println!("cause     {}", view.item.cause);
    println!("seen      {} times", view.item.times);
    for step in &view.lineage {
        let edit = step.edited_by.as_deref().map_or_else(String::new, |by| format!(", edited by {by}"));
        let why = step.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
        println!("lineage   {} ({:?}{edit}){why}", step.id, step.status);
    }
    println!("{}", view.raw);
    Ok(ExitCode::SUCCESS)
}

async fn replay(options: Options, request: QuarantineReplay, json: bool) -> Outcome {
    let seat = started(options).await?;
    let done: Result<QuarantineReplayList, Failure> = call(&seat, "quarantine.replay", &request).await;
    seat.leave().await;
    let done = done?;
    if json {
        output::json(&done)?;
    } else {
        for entry in &done.entries {
            println!("{}  {}", entry.id, entry.sentence);
        }
    }
    let all = done.entries.iter().all(|entry| {
        matches!(entry.outcome, QuarantineReplayOutcome::Accepted | QuarantineReplayOutcome::ReadAgain)
    });
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(7) })
}
