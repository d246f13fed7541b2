//! `vetsync queue`: what waits in the outbox, what failed and why, and what IT does about it.

use super::{call, show_plan, started};
use crate::exit::Failure;
use crate::{Outcome, output};
use agent::{Options, Seat};
use clap::{Args, Subcommand, ValueEnum};
use console_api::dto::{
    Approve, Approved, FieldText, Id, OperationStatus, PlanStatus, PlanView, QueueAction, QueueCauses,
    QueueDetail, QueueEdit, QueueItem, QueueList, QueueQuery, QueueReplay, QueueReplayed, Refuse, RemoteName,
};
use std::process::ExitCode;

/// A remote, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RemoteArgument {
    Servicenow,
    Ehr,
}

impl From<RemoteArgument> for RemoteName {
    fn from(argument: RemoteArgument) -> RemoteName {
        match argument {
            RemoteArgument::Servicenow => RemoteName::ServiceNow,
            RemoteArgument::Ehr => RemoteName::Ehr,
        }
    }
}

/// Where an operation stands, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateArgument {
    Waiting,
    Running,
    Retrying,
    Parked,
    Done,
    Cancelled,
}

impl From<StateArgument> for OperationStatus {
    fn from(argument: StateArgument) -> OperationStatus {
        match argument {
            StateArgument::Waiting => OperationStatus::Waiting,
            StateArgument::Running => OperationStatus::Running,
            StateArgument::Retrying => OperationStatus::Retrying,
            StateArgument::Parked => OperationStatus::Parked,
            StateArgument::Done => OperationStatus::Done,
            StateArgument::Cancelled => OperationStatus::Cancelled,
        }
    }
}

/// `vetsync queue`
#[derive(Debug, Args)]
pub struct Queue {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What is unfinished, a lane per patient, the longest waiting first. Ends with 7 if something needs an edit.
    List {
        /// Only in this state; may be given more than once.
        #[arg(long = "state", value_enum)]
        states: Vec<StateArgument>,
        /// Only writes to this system.
        #[arg(long, value_enum)]
        remote: Option<RemoteArgument>,
        /// Only with this cause, as `queue causes` prints it.
        #[arg(long)]
        cause: Option<String>,
        /// Only of this patient, by VetSync's id.
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
        /// Lanes to pass over.
        #[arg(long, default_value_t = 0)]
        offset: u32,
        /// At most this many lanes.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// What failed alike, most of a kind first.
    Causes,
    /// One operation: what is sent, every failed attempt, what it replaced.
    Show {
        /// The operation's id.
        id: String,
    },
    /// Send one operation again, unchanged, and wait for its outcome.
    Retry {
        /// The operation's id.
        id: String,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Send everything with one cause again, in the original order, and wait for the outcome.
    Replay {
        /// The cause, as `queue causes` prints it.
        cause: String,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: String,
    },
    /// Correct what a system refused and send it again: `FIELD=TEXT`.
    Edit {
        /// The operation's id.
        id: String,
        /// One corrected field each.
        #[arg(required = true, value_name = "FIELD=TEXT")]
        values: Vec<String>,
        /// Why the value is corrected here.
        #[arg(long)]
        reason: String,
        /// Only show the plan.
        #[arg(long)]
        plan: bool,
    },
    /// Withdraw an approved plan that still waits for its systems. What it would have changed is asked about again.
    Withdraw {
        /// The plan's id, as `queue list` prints it.
        plan: String,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: String,
    },
    /// Call an operation off. What it would have changed becomes a question on the work list.
    Cancel {
        /// The operation's id.
        id: String,
        /// Why: whoever decides the fields afterwards reads it.
        #[arg(long)]
        reason: String,
    },
}

/// Works on the queue.
pub async fn queue(options: Options, queue: Queue, json: bool) -> Outcome {
    let seat = started(options).await?;
    let done = match queue.verb {
        Verb::List { states, remote, cause, patient, offset, limit } => {
            let query = QueueQuery {
                states: states.into_iter().map(Into::into).collect(),
                remote: remote.map(Into::into),
                cause,
                patient_id: patient,
                offset,
                limit,
            };
            list(&seat, &query, json).await
        }
        Verb::Causes => causes(&seat, json).await,
        Verb::Show { id } => show(&seat, id, json).await,
        Verb::Retry { id, reason } => retry(&seat, id, reason, json).await,
        Verb::Replay { cause, reason } => replay(&seat, cause, reason, json).await,
        Verb::Edit { id, values, reason, plan } => edit(&seat, id, &values, reason, plan, json).await,
        Verb::Withdraw { plan, reason } => {
            let plan: PlanView = call(&seat, "plans.refuse", &Refuse { plan_id: plan, reason }).await?;
            show_plan(&plan, json)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Cancel { id, reason } => {
            let detail: QueueDetail =
                call(&seat, "queue.cancel", &QueueAction { id, reason: Some(reason) }).await?;
            say(&detail, json)?;
            Ok(ExitCode::SUCCESS)
        }
    };
    seat.leave().await;
    done
}

async fn list(seat: &Seat, query: &QueueQuery, json: bool) -> Outcome {
    let found: QueueList = call(seat, "queue.list", query).await?;
    if json {
        output::json(&found)?;
    } else {
        let rows: Vec<Vec<String>> = found
            .lanes
            .iter()
            .flat_map(|lane| lane.operations.iter().map(|item| row(&lane.patient, item)))
            .collect();
        let waiting = found.waiting_plans.iter().map(|plan| {
            vec![
                plan.plan_id.clone(),
                plan.patient.clone(),
                format!("Approved by {}", plan.approver),
                String::new(),
                plan.sentences.join("; "),
                plan.words.clone(),
            ]
        });
        let rows: Vec<Vec<String>> = waiting.chain(rows).collect();
        output::table(&["ID", "PATIENT", "STATE", "TRY", "WHAT", "WHY"], &rows);
        let counts = &found.counts;
        eprintln!(
            "{} waiting, {} running, {} retrying, {} need an edit; {} lanes; {} approved plans wait for their check",
            counts.waiting,
            counts.running,
            counts.retrying,
            counts.parked,
            found.total,
            found.waiting_plans_total
        );
    }
    Ok(if found.counts.parked > 0 { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

fn row(patient: &str, item: &QueueItem) -> Vec<String> {
    vec![
        item.id.clone(),
        patient.to_owned(),
        item.words.clone(),
        format!("{} of {}", item.attempt, item.tries),
        item.sentence.clone(),
        item.problem.clone().unwrap_or_default(),
    ]
}

async fn causes(seat: &Seat, json: bool) -> Outcome {
    let found: QueueCauses = call(seat, "queue.causes", &console_api::dto::Nothing {}).await?;
    if json {
        output::json(&found)?;
    } else {
        let rows: Vec<Vec<String>> = found
            .causes
            .iter()
            .map(|cause| {
                vec![
                    cause.count.to_string(),
                    cause.parked.to_string(),
                    cause.cause.clone(),
                    cause.words.clone(),
                ]
            })
            .collect();
        output::table(&["COUNT", "NEED EDIT", "CAUSE", "WORDS"], &rows);
    }
    Ok(if found.causes.iter().any(|cause| cause.parked > 0) { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

async fn show(seat: &Seat, id: String, json: bool) -> Outcome {
    let detail: QueueDetail = call(seat, "queue.show", &Id { id }).await?;
    say(&detail, json)?;
    Ok(ExitCode::SUCCESS)
}

fn say(detail: &QueueDetail, json: bool) -> Result<(), Failure> {
    if json {
        output::json(detail)?;
        return Ok(());
    }
    println!("{} · {}: {}", detail.patient, detail.item.sentence, detail.item.words);
    println!("{} {}", detail.write.method, detail.write.url);
    for header in &detail.write.headers {
        println!("{header}");
    }
    println!("{}", detail.write.body);
    for attempt in &detail.attempts {
        let counted = if attempt.counted { "" } else { " (costs no try)" };
        println!("try {}{counted}: {}", attempt.attempt, attempt.problem);
    }
    for entry in detail.lineage.iter().filter(|_| detail.lineage.len() > 1) {
        println!("{} {:?} by {}", entry.id, entry.status, entry.maker);
    }
    Ok(())
}

/// Waits until an operation is finished, refused, or has to wait for its system.
async fn outcome(seat: &Seat, id: &str) -> Result<QueueDetail, Failure> {
    let mut events = seat.events();
    loop {
        let detail: QueueDetail = call(seat, "queue.show", &Id { id: id.to_owned() }).await?;
        let under_way = match detail.item.status {
            OperationStatus::Running => true,
            OperationStatus::Waiting => detail.item.hold.is_none(),
            OperationStatus::Retrying
            | OperationStatus::Parked
            | OperationStatus::Done
            | OperationStatus::Cancelled => false,
        };
        if !under_way {
            return Ok(detail);
        }
        // Whatever happens next, or nothing for a second: look again.
        let _woken = tokio::time::timeout(std::time::Duration::from_secs(1), events.recv()).await;
    }
}

fn code_of(detail: &QueueDetail) -> u8 {
    match detail.item.status {
        OperationStatus::Done | OperationStatus::Cancelled => 0,
        OperationStatus::Parked => 7,
        OperationStatus::Waiting | OperationStatus::Running | OperationStatus::Retrying => 6,
    }
}

async fn retry(seat: &Seat, id: String, reason: Option<String>, json: bool) -> Outcome {
    let _released: QueueDetail = call(seat, "queue.retry", &QueueAction { id: id.clone(), reason }).await?;
    let detail = outcome(seat, &id).await?;
    say(&detail, json)?;
    Ok(ExitCode::from(code_of(&detail)))
}

async fn replay(seat: &Seat, cause: String, reason: String, json: bool) -> Outcome {
    // Those it will be, so that their outcome can be waited for.
    let mut ids = Vec::new();
    loop {
        let query = QueueQuery {
            states: vec![OperationStatus::Parked, OperationStatus::Retrying],
            remote: None,
            cause: Some(cause.clone()),
            patient_id: None,
            offset: u32::try_from(ids.len()).unwrap_or(u32::MAX),
            limit: 200,
        };
        let page: QueueList = call(seat, "queue.list", &query).await?;
        let before = ids.len();
        ids.extend(page.lanes.iter().filter_map(|lane| {
            lane.operations
                .iter()
                .find(|item| item.cause.as_ref() == Some(&cause))
                .map(|item| item.id.clone())
        }));
        if ids.len() == before {
            break;
        }
    }
    let replayed: QueueReplayed = call(seat, "queue.replay", &QueueReplay { cause, reason }).await?;
    let mut code = 0;
    for id in &ids {
        code = code.max(code_of(&outcome(seat, id).await?));
    }
    if json {
        output::json(&replayed)?;
    } else {
        println!("{}", replayed.words);
    }
    Ok(ExitCode::from(code))
}

async fn edit(
    seat: &Seat,
    id: String,
    values: &[String],
    reason: String,
    plan_only: bool,
    json: bool,
) -> Outcome {
    let values = values
        .iter()
        .map(|text| match text.split_once('=') {
            Some((field, text)) => Ok(FieldText { field: field.to_owned(), text: text.to_owned() }),
            None => Err(Failure {
                code: 2,
                ..Failure::new(format!("{text:?} is not a corrected field."), "Write FIELD=TEXT.")
            }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let plan: PlanView = call(seat, "queue.edit", &QueueEdit { id, values, reason: reason.clone() }).await?;
    if plan_only {
        show_plan(&plan, json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let approve = Approve { plan_id: plan.id.clone(), hash: plan.hash.clone(), reason: Some(reason) };
    let approved: Approved = call(seat, "plans.approve", &approve).await?;
    let mut code = match approved.plan.status {
        PlanStatus::AwaitingSecond => 7,
        PlanStatus::AwaitingCheck => 6,
        PlanStatus::Draft
        | PlanStatus::Approved
        | PlanStatus::Done
        | PlanStatus::Refused
        | PlanStatus::Superseded => 0,
    };
    for operation in &approved.operations {
        code = code.max(code_of(&outcome(seat, &operation.id).await?));
    }
    let done: PlanView = call(seat, "plans.get", &Id { id: plan.id }).await?;
    show_plan(&done, json)?;
    Ok(ExitCode::from(code))
}
