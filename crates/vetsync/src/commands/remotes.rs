//! `vetsync remotes`: whether the two systems answer, and pausing, resuming and trying them.

use super::queue::RemoteArgument;
use super::{call, started};
use crate::exit::Failure;
use crate::{Outcome, output};
use agent::{Options, Seat};
use clap::{Args, Subcommand};
use console_api::dto::{
    AcknowledgeIncident, IncidentList, IncidentQuery, IncidentView, MidServerState, Nothing, RemoteAction,
    RemoteHealth, RemoteStatus, RemotesStatus,
};
use std::process::ExitCode;

/// `vetsync remotes`
#[derive(Debug, Args)]
pub struct Remotes {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Whether both systems answer, what waits for them, and open incidents. Ends with 5 if nothing can be stored, 6 if a
    /// system does not answer, 7 if one is paused.
    Status,
    /// Send nothing to a system and read nothing from it until it is resumed; what is to be written waits.
    Pause {
        /// Which.
        #[arg(value_enum)]
        remote: RemoteArgument,
        /// Why: everybody who waits for it reads it.
        #[arg(long)]
        reason: String,
    },
    /// End a pause.
    Resume {
        /// Which.
        #[arg(value_enum)]
        remote: RemoteArgument,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Ask a system once, whatever its breaker says, and wait for its answer.
    TryNow {
        /// Which.
        #[arg(value_enum)]
        remote: RemoteArgument,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: Option<String>,
    },
    /// All incidents, open ones first.
    Incidents {
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Take note of an incident.
    Acknowledge {
        /// The incident's id.
        id: String,
        /// What is done about it, for the audit trail.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Works on the remotes.
pub async fn remotes(options: Options, remotes: Remotes, json: bool) -> Outcome {
    let seat = started(options).await?;
    let done = work(&seat, remotes.verb, json).await;
    seat.leave().await;
    done
}

async fn work(seat: &Seat, verb: Verb, json: bool) -> Outcome {
    match verb {
        Verb::Status => {
            let status: RemotesStatus = call(seat, "remotes.status", &Nothing {}).await?;
            if json {
                output::json(&status)?;
            } else {
                if let Some(storage) = &status.storage {
                    println!("{}\n  {}", storage.words, storage.way_out);
                }
                for remote in &status.remotes {
                    say(remote);
                }
                if let Some(mid) = &status.mid_server {
                    println!("{}", mid.words);
                    if let Some(way_out) = &mid.way_out {
                        println!("  {way_out}");
                    }
                }
                status.incidents.iter().for_each(say_incident);
            }
            let remotes = status.remotes.iter().map(code_of).max().unwrap_or(0);
            // Nothing reaches the EHR then, though it may not have been tried yet.
            let cut_off = status.mid_server.as_ref().is_some_and(|mid| {
                mid.carries && !matches!(mid.state, MidServerState::Up | MidServerState::NeverLooked)
            });
            let remotes = if cut_off { remotes.max(6) } else { remotes };
            Ok(ExitCode::from(if status.storage.is_some() { 5 } else { remotes }))
        }
        Verb::Pause { remote, reason } => {
            act(seat, "remotes.pause", remote, Some(reason), json).await?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Resume { remote, reason } => {
            act(seat, "remotes.resume", remote, reason, json).await?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::TryNow { remote, reason } => try_now(seat, remote, reason, json).await,
        Verb::Incidents { limit } => {
            let query = IncidentQuery { open_only: false, offset: 0, limit };
            let list: IncidentList = call(seat, "incidents.list", &query).await?;
            if json {
                output::json(&list)?;
            } else {
                list.incidents.iter().for_each(say_incident);
            }
            let open = list.incidents.iter().any(|incident| incident.open);
            Ok(if open { ExitCode::from(7) } else { ExitCode::SUCCESS })
        }
        Verb::Acknowledge { id, reason } => {
            let request = AcknowledgeIncident { id, reason };
            let incident: IncidentView = call(seat, "incidents.acknowledge", &request).await?;
            if json {
                output::json(&incident)?;
            } else {
                say_incident(&incident);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn act(
    seat: &Seat,
    command: &str,
    remote: RemoteArgument,
    reason: Option<String>,
    json: bool,
) -> Result<(), Failure> {
    let request = RemoteAction { remote: remote.into(), reason };
    let status: RemoteStatus = call(seat, command, &request).await?;
    if json {
        output::json(&status)?;
    } else {
        say(&status);
    }
    Ok(())
}

async fn try_now(seat: &Seat, remote: RemoteArgument, reason: Option<String>, json: bool) -> Outcome {
    let mut events = seat.events();
    let request = RemoteAction { remote: remote.into(), reason };
    let before = status_of(seat, remote).await?;
    let mut status: RemoteStatus = call(seat, "remotes.try_now", &request).await?;
    // The answer shows as a new last answer, as a failure more, or as a new time to wait for.
    while status.last_answer_at_ms == before.last_answer_at_ms
        && status.failures_in_a_row <= before.failures_in_a_row
        && status.next_try_at_ms.is_none()
    {
        let _woken = tokio::time::timeout(std::time::Duration::from_millis(200), events.recv()).await;
        status = status_of(seat, remote).await?;
    }
    if json {
        output::json(&status)?;
    } else {
        say(&status);
    }
    Ok(ExitCode::from(code_of(&status)))
}

async fn status_of(seat: &Seat, remote: RemoteArgument) -> Result<RemoteStatus, Failure> {
    let all: RemotesStatus = call(seat, "remotes.status", &Nothing {}).await?;
    all.remotes
        .into_iter()
        .find(|status| status.remote == remote.into())
        .ok_or_else(|| Failure::new("There is no such system.", "See `vetsync remotes --help`."))
}

fn code_of(status: &RemoteStatus) -> u8 {
    match status.health {
        RemoteHealth::Answering | RemoteHealth::NeverTried => 0,
        RemoteHealth::Failing
        | RemoteHealth::RateLimited
        | RemoteHealth::BreakerOpen
        | RemoteHealth::SignInRefused => 6,
        RemoteHealth::Paused => 7,
    }
}

fn say(status: &RemoteStatus) {
    println!(
        "{} {} waiting, {} retrying, {} need an edit.",
        status.words, status.waiting, status.retrying, status.parked
    );
    if let Some(pause) = &status.paused {
        println!("  paused by {}: {}", pause.by, pause.reason);
    }
    if let Some(problem) = &status.last_problem {
        println!("  {problem}");
    }
    for poll in &status.polls {
        let last = poll.read_at_ms.map_or_else(String::new, |at_ms| format!(", last {}", clock(at_ms)));
        println!("  {}: {}{last}; {}", poll.what, poll.pace, poll.words);
    }
    if status.polls.is_empty() {
        println!(
            "  changes are not looked for by this program: that is done by the window or by `vetsync serve`"
        );
    }
}

/// A moment as the clock shows it, in UTC like the other times of this command.
fn clock(at_ms: i64) -> String {
    let second = at_ms.div_euclid(1_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
}

fn say_incident(incident: &IncidentView) {
    let state = if incident.open { "open" } else { "closed" };
    println!("incident {} ({state}, seen {} times): {}", incident.id, incident.times, incident.words);
    if incident.open {
        println!("  {}", incident.way_out);
    }
}
