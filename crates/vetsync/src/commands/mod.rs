//! The verbs that work on the configured systems, through the console's commands like every other host.

mod doctor;
mod duplicates;
mod quarantine;
mod queue;
mod remotes;
mod reports;
mod runs;
mod secret;
mod visits;

pub use doctor::doctor;
pub use duplicates::{Duplicates, duplicates};
pub use quarantine::{Quarantine, quarantine};
pub use queue::{Queue, queue};
pub use remotes::{Remotes, remotes};
pub use reports::{Reports, reports};
pub use runs::{Runs, Schedule, runs, schedule};
pub use secret::{Secret, secret};
pub use visits::{Appointments, KindName, Treatments, VisitKind, appointments, sync_visit, treatments};

use crate::exit::Failure;
use crate::{Outcome, output};
use agent::{Options, Seat};
use clap::{Args, Subcommand};
use console_api::dto::{
    Approve, Approved, BrakedView, ChoiceKind, CompareView, ConflictItem, ConflictList, ConflictQuery,
    ContinueBraked, Continued, Event, FieldChoice, Id, MakePlan, Nothing, PatientPage, PatientPageRows,
    PatientSearch, PatientStatus, PlanStatus, PlanView, RunReport, RunStatus, RunView, Seen, StartRun,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::broadcast;

async fn started(options: Options) -> Result<Seat, Failure> {
    Ok(agent::sit(options).await?)
}

async fn call<Q: Serialize, R: DeserializeOwned>(
    seat: &Seat,
    command: &str,
    request: &Q,
) -> Result<R, Failure> {
    let payload = serde_json::to_value(request).map_err(anyhow::Error::from)?;
    let value = seat.call(command, payload).await?;
    Ok(serde_json::from_value(value).map_err(anyhow::Error::from)?)
}

/// Waits for the next event, or a second: whatever happens, the caller looks again.
async fn something_happened(events: &mut broadcast::Receiver<Event>) {
    let _woken = tokio::time::timeout(Duration::from_secs(1), events.recv()).await;
}

/// `vetsync sync`
pub async fn sync(options: Options, patient: Option<String>, json: bool) -> Outcome {
    let Some(patient) = patient else { return reconcile(options, false, None, json).await };
    let seat = started(options).await?;
    let request = StartRun { patient_id: Some(patient.clone()), plan_only: false, kind: None };
    let _run: serde_json::Value = call(&seat, "run.start", &request).await?;
    let page: PatientPage = wait_until_written(&seat, &patient).await?;
    seat.leave().await;
    if json {
        output::json(&page)?;
    } else {
        println!("{}: {}", page.patient.name, page.trust);
    }
    Ok(if page.conflict_id.is_some() { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

/// Waits until no write for this patient is under way.
async fn wait_until_written(seat: &Seat, patient: &str) -> Result<PatientPage, Failure> {
    let mut events = seat.events();
    loop {
        let page: PatientPage = call(seat, "patients.get", &Id { id: patient.to_owned() }).await?;
        if page.patient.status != PatientStatus::Waiting {
            return Ok(page);
        }
        something_happened(&mut events).await;
    }
}

/// `vetsync reconcile`
pub async fn reconcile(options: Options, plan_only: bool, kind: Option<KindName>, json: bool) -> Outcome {
    let seat = started(options).await?;
    let mut events = seat.events();
    let request = StartRun { patient_id: None, plan_only, kind: kind.map(KindName::kind) };
    let run: RunView = call(&seat, "run.start", &request).await?;
    report_run(seat, &mut events, &run.id, plan_only, json).await
}

/// `vetsync reconcile --continue`
pub async fn continue_braked(options: Options, reason: Option<String>, json: bool) -> Outcome {
    let seat = started(options).await?;
    let mut events = seat.events();
    let view: BrakedView = call(&seat, "run.braked", &Nothing {}).await?;
    let Some(braked) = view.braked else {
        seat.leave().await;
        return Err(Failure::new("Nothing waits behind the brake.", "Run `vetsync reconcile` first."));
    };
    let request = ContinueBraked { hash: braked.hash, reason };
    let continued: Continued = call(&seat, "run.continue", &request).await?;
    let Some(run) = &continued.run else {
        seat.leave().await;
        if json {
            output::json(&continued)?;
        } else {
            println!("{} patients would be changed; waits for a second administrator", braked.patients);
        }
        return Ok(ExitCode::from(7));
    };
    report_run(seat, &mut events, &run.id, false, json).await
}

/// Waits for the end of a run and says what it did.
async fn report_run(
    seat: Seat,
    events: &mut tokio::sync::broadcast::Receiver<Event>,
    run: &str,
    plan_only: bool,
    json: bool,
) -> Outcome {
    let report: RunReport = loop {
        let report: RunReport = call(&seat, "run.get", &Id { id: run.to_owned() }).await?;
        if report.run.status != RunStatus::Running {
            break report;
        }
        // Progress comes often and says nothing of the end.
        while let Ok(Ok(Event::Progress(_))) =
            tokio::time::timeout(Duration::from_secs(1), events.recv()).await
        {}
    };
    seat.leave().await;
    let RunReport { run, .. } = &report;
    let counts = &run.counts;
    if json {
        output::json(&serde_json::json!({
            "run": run.id,
            "state": run.status,
            "problem": run.problem,
            "counts": {
                "servicenow": counts.servicenow,
                "ehr": counts.ehr,
                "linked": counts.linked,
                "compared": counts.compared,
                "equal": counts.equal,
                "settled": counts.settled,
                "conflicts": counts.conflicts,
                "created": counts.created,
                "writes": [counts.writes_servicenow, counts.writes_ehr],
                "writes_failed": report.writes_failed,
                "malformed": counts.malformed,
                "possible_duplicates": counts.possible_duplicates,
                "to_settle": report.to_settle,
                "planned_writes": [report.planned_writes_servicenow, report.planned_writes_ehr],
                "to_create": report.to_create,
                "vanished": report.vanished,
            },
        }))?;
    } else {
        print_run(&report, plan_only);
    }
    Ok(match run.status {
        RunStatus::Done if counts.conflicts == 0 => ExitCode::SUCCESS,
        RunStatus::Done | RunStatus::Stopped => ExitCode::from(7),
        RunStatus::Running | RunStatus::Failed => ExitCode::from(6),
    })
}

/// What a run counted, in words.
fn print_run(report: &RunReport, plan_only: bool) {
    let RunReport { run, .. } = report;
    let counts = &run.counts;
    println!("read      {} in ServiceNow, {} in the EHR", counts.servicenow, counts.ehr);
    println!("compared  {} ({} equal, {} newly linked)", counts.compared, counts.equal, counts.linked);
    if plan_only {
        println!(
            "planned   {} writes to ServiceNow, {} to the EHR, {} to create; nothing was written",
            report.planned_writes_servicenow, report.planned_writes_ehr, report.to_create
        );
    } else {
        println!("settled   {} fields by rule", counts.settled);
        println!(
            "written   {} to ServiceNow, {} to the EHR, {} created",
            counts.writes_servicenow, counts.writes_ehr, counts.created
        );
    }
    println!(
        "conflicts {} wait for a person; {} payloads could not be read",
        counts.conflicts, counts.malformed
    );
    if let Some(problem) = &run.problem {
        println!("note      {problem}");
    }
}

/// `vetsync patients`
#[derive(Debug, Args)]
pub struct Patients {
    /// Words of name, owner, phone, microchip or any id; the beginning of each is enough.
    query: Vec<String>,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// Searches patients.
pub async fn patients(options: Options, patients: Patients, json: bool) -> Outcome {
    let seat = started(options).await?;
    let request =
        PatientSearch { query: patients.query.join(" "), status: None, offset: 0, limit: patients.limit };
    let found: PatientPageRows = call(&seat, "patients.search", &request).await?;
    seat.leave().await;
    if json {
        output::json(&found)?;
    } else {
        let rows: Vec<Vec<String>> = found
            .rows
            .iter()
            .map(|row| {
                vec![
                    row.id.clone(),
                    row.name.clone(),
                    row.species.clone(),
                    row.owner.clone(),
                    row.phone.clone(),
                    format!("{:?}", row.status),
                ]
            })
            .collect();
        output::table(&["ID", "NAME", "SPECIES", "OWNER", "PHONE", "STATUS"], &rows);
        if u64::from(found.total) > rows.len() as u64 {
            eprintln!("{} of {}{}", rows.len(), found.total, if found.capped { " or more" } else { "" });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `vetsync conflicts`
#[derive(Debug, Args)]
pub struct Conflicts {
    #[command(subcommand)]
    verb: ConflictVerb,
}

#[derive(Debug, Subcommand)]
enum ConflictVerb {
    /// The open conflicts, gravest and oldest first.
    List {
        /// Only conflicts about this field (its id, like owner_phone).
        #[arg(long)]
        field: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// One conflict: both values, what was last agreed, and why it is asked.
    Show {
        /// The conflict's id.
        id: String,
    },
    /// Say of a change that VetSync overwrote that you looked, and that the record is right as it is now.
    Seen {
        /// The conflict's id.
        id: String,
        /// What you found, for the audit trail.
        #[arg(long)]
        reason: String,
    },
    /// Decide fields and carry the plan out: `FIELD=servicenow|ehr|agreed|both|own:TEXT`.
    Decide {
        /// The conflict's id.
        id: String,
        /// One choice a field.
        #[arg(required = true, value_name = "FIELD=CHOICE")]
        choices: Vec<String>,
        /// Why; needed where two people decide.
        #[arg(long)]
        reason: Option<String>,
        /// Only show the plan.
        #[arg(long)]
        plan: bool,
    },
}

/// Works on conflicts.
pub async fn conflicts(options: Options, conflicts: Conflicts, json: bool) -> Outcome {
    match conflicts.verb {
        ConflictVerb::List { field, limit } => list(options, field, limit, json).await,
        ConflictVerb::Show { id } => show(options, id, json).await,
        ConflictVerb::Seen { id, reason } => {
            let seat = started(options).await?;
            let item: Result<ConflictItem, Failure> =
                call(&seat, "conflicts.seen", &Seen { id, reason }).await;
            seat.leave().await;
            let item = item?;
            if json {
                output::json(&item)?;
            } else {
                println!("{}: settled", item.patient);
            }
            Ok(ExitCode::SUCCESS)
        }
        ConflictVerb::Decide { id, choices, reason, plan } => {
            decide(options, id, &choices, reason, plan, json).await
        }
    }
}

async fn list(options: Options, field: Option<String>, limit: u32, json: bool) -> Outcome {
    let seat = started(options).await?;
    let query = ConflictQuery {
        text: String::new(),
        grade: None,
        field,
        cause: None,
        status: None,
        offset: 0,
        limit,
    };
    let found: ConflictList = call(&seat, "conflicts.list", &query).await?;
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
                    item.grade.to_string(),
                    item.patient.clone(),
                    item.fields.join(","),
                    item.waits.clone().unwrap_or_else(|| item.why.clone()),
                ]
            })
            .collect();
        output::table(&["ID", "GRADE", "PATIENT", "FIELDS", "WHY"], &rows);
    }
    Ok(if found.total == 0 { ExitCode::SUCCESS } else { ExitCode::from(7) })
}

async fn show(options: Options, id: String, json: bool) -> Outcome {
    let seat = started(options).await?;
    let view: CompareView = call(&seat, "conflicts.get", &Id { id }).await?;
    seat.leave().await;
    if json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} ({}), owner {}: {}",
        view.conflict.patient, view.conflict.species, view.conflict.owner, view.conflict.why
    );
    let rows: Vec<Vec<String>> = view
        .fields
        .iter()
        .map(|field| {
            vec![
                field.field.clone(),
                field.service_now.text.clone(),
                field.last_agreed.text.clone(),
                field.ehr.text.clone(),
                field.sentence.clone(),
            ]
        })
        .collect();
    output::table(&["FIELD", "SERVICENOW", "LAST AGREED", "EHR", "WHY"], &rows);
    for candidate in &view.candidates {
        println!("resembles {} ({}), owner {}", candidate.name, candidate.species, candidate.owner);
        for sentence in &candidate.for_sentences {
            println!("  for      {sentence}");
        }
        for sentence in &candidate.against_sentences {
            println!("  against  {sentence}");
        }
    }
    println!("{} fields agree", view.agreeing.len());
    Ok(ExitCode::SUCCESS)
}

fn choice(text: &str) -> Result<FieldChoice, Failure> {
    let wrong = || Failure {
        code: 2,
        ..Failure::new(
            format!("{text:?} is not a choice."),
            "Write FIELD=servicenow, FIELD=ehr, FIELD=agreed, FIELD=both or FIELD=own:TEXT.",
        )
    };
    let (field, value) = text.split_once('=').ok_or_else(wrong)?;
    let (choice, own) = match value {
        "servicenow" => (ChoiceKind::TakeServiceNow, None),
        "ehr" => (ChoiceKind::TakeEhr, None),
        "agreed" => (ChoiceKind::TakeLastAgreed, None),
        "both" => (ChoiceKind::KeepBoth, None),
        other => (ChoiceKind::Own, Some(other.strip_prefix("own:").ok_or_else(wrong)?.to_owned())),
    };
    Ok(FieldChoice { field: field.to_owned(), choice, own })
}

async fn decide(
    options: Options,
    id: String,
    choices: &[String],
    reason: Option<String>,
    plan_only: bool,
    json: bool,
) -> Outcome {
    let choices = choices.iter().map(|text| choice(text)).collect::<Result<Vec<_>, _>>()?;
    let seat = started(options).await?;
    let view: CompareView = call(&seat, "conflicts.get", &Id { id: id.clone() }).await?;
    let request =
        MakePlan { conflict_id: id, fingerprint: view.fingerprint, choices, reason: reason.clone() };
    let plan: PlanView = call(&seat, "plans.make", &request).await?;
    if plan_only {
        seat.leave().await;
        show_plan(&plan, json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let approve = Approve { plan_id: plan.id.clone(), hash: plan.hash.clone(), reason };
    let approved: Approved = call(&seat, "plans.approve", &approve).await?;
    if approved.plan.status != PlanStatus::AwaitingCheck {
        wait_until_written(&seat, &plan.patient_id).await?;
    }
    let done: PlanView = call(&seat, "plans.get", &Id { id: plan.id }).await?;
    seat.leave().await;
    show_plan(&done, json)?;
    Ok(match done.status {
        PlanStatus::AwaitingSecond => ExitCode::from(7),
        // It is accepted and will be carried out; so far nothing is written.
        PlanStatus::AwaitingCheck => ExitCode::from(6),
        PlanStatus::Draft
        | PlanStatus::Approved
        | PlanStatus::Done
        | PlanStatus::Refused
        | PlanStatus::Superseded => ExitCode::SUCCESS,
    })
}

fn show_plan(plan: &PlanView, json: bool) -> Result<(), Failure> {
    if json {
        output::json(plan)?;
        return Ok(());
    }
    println!("plan {} ({:?}): {} writes", plan.id, plan.status, plan.writes.len());
    for write in &plan.writes {
        println!("  {}", write.sentence);
        println!("    {} {}", write.method, write.url);
    }
    if plan.status == PlanStatus::AwaitingSecond {
        println!("  waits for a second person");
    }
    if let Some(waits) = &plan.waits {
        println!("  {waits}");
    }
    Ok(())
}
