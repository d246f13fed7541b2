//! `vetsync appointments` and `vetsync treatments`: both systems, side by side.

use super::{call, something_happened, started};
use crate::{Outcome, output};
use agent::Options;
use clap::{Args, Subcommand, ValueEnum};
use console_api::dto::{
    CalendarQuery, CalendarSpan, CalendarView, Id, Kind, News, NewsSeen, Nothing, PatientStatus, RemoteName,
    StartRun, StepState, TextFile, VisitPage, VisitQuery, VisitRows,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A kind of record, as a verb takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum KindName {
    Patient,
    Appointment,
    Treatment,
}

impl KindName {
    /// As the console takes it.
    pub const fn kind(self) -> Kind {
        match self {
            KindName::Patient => Kind::Patient,
            KindName::Appointment => Kind::Appointment,
            KindName::Treatment => Kind::Treatment,
        }
    }
}

/// `vetsync appointments`
#[derive(Debug, Args)]
pub struct Appointments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Appointments of both calendars, in the order they begin.
    List(Wanted),
    /// The calendar of a day or a week, in the hospital's zone; with --ics as a file for calendar programs.
    Calendar {
        /// The day (2026-10-05); today where it is left out.
        #[arg(long, value_name = "DAY")]
        day: Option<String>,
        /// The week that the day is in.
        #[arg(long)]
        week: bool,
        /// Only this clinician's, by the name as listed.
        #[arg(long, value_name = "NAME")]
        clinician: Option<String>,
        /// Write it to this file in iCalendar form; `-` is standard output.
        #[arg(long, value_name = "FILE")]
        ics: Option<PathBuf>,
    },
    /// What was entered, moved and called off lately, newest first; exit code 7 where something was not seen.
    News {
        /// Say that all of it was seen.
        #[arg(long)]
        seen: bool,
    },
    /// The address of each clinician's calendar, for programs that read calendars from the web.
    Feeds {
        /// Make a new key first: no earlier address leads anywhere after that.
        #[arg(long)]
        new_key: bool,
    },
    /// One appointment: both sides, what differs, what rules say about it.
    Show {
        /// VetSync's id.
        id: String,
    },
}

/// Which visits are listed.
#[derive(Debug, Args)]
struct Wanted {
    /// Those that begin at or after this day or time (2026-10-05, or "2026-10-05 14:00"; UTC).
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Those that begin before this day or time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Those of this clinician, by a part of the name.
    #[arg(long, value_name = "NAME")]
    clinician: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

impl Wanted {
    /// As the console is asked.
    fn query(self) -> VisitQuery {
        let Wanted { from, until, clinician, limit } = self;
        VisitQuery { status: None, from, until, clinician, offset: 0, limit }
    }
}

/// `vetsync treatments`
#[derive(Debug, Args)]
pub struct Treatments {
    #[command(subcommand)]
    verb: TreatmentsVerb,
}

#[derive(Debug, Subcommand)]
enum TreatmentsVerb {
    /// Treatments, in the order they were given: which the EHR has, which wait, which are asked about.
    List(Wanted),
    /// One treatment: both sides, what differs, what the compliance check says about it.
    Show {
        /// VetSync's id.
        id: String,
    },
}

/// The kinds that are visits: what the verbs of both have in common goes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitKind {
    /// `vetsync appointments`
    Appointment,
    /// `vetsync treatments`
    Treatment,
}

impl VisitKind {
    const fn list(self) -> &'static str {
        match self {
            VisitKind::Appointment => "appointments.list",
            VisitKind::Treatment => "treatments.list",
        }
    }

    const fn get(self) -> &'static str {
        match self {
            VisitKind::Appointment => "appointments.get",
            VisitKind::Treatment => "treatments.get",
        }
    }

    const fn headings(self) -> [&'static str; 7] {
        match self {
            VisitKind::Appointment => {
                ["ID", "BEGINS (UTC)", "PATIENT", "CLINICIAN", "TYPE", "STATUS", "SYNC"]
            }
            VisitKind::Treatment => {
                ["ID", "GIVEN (UTC)", "PATIENT", "CLINICIAN", "DIAGNOSIS", "PROCEDURES", "SYNC"]
            }
        }
    }
}

/// `vetsync appointments list|calendar|feeds|news|show`
pub async fn appointments(options: Options, appointments: Appointments, json: bool) -> Outcome {
    match appointments.verb {
        Verb::List(wanted) => list(options, VisitKind::Appointment, &wanted.query(), json).await,
        Verb::Calendar { day, week, clinician, ics } => {
            let span = if week { CalendarSpan::Week } else { CalendarSpan::Day };
            let query = CalendarQuery { day, span, clinician };
            match ics {
                Some(file) => export(options, &query, &file, json).await,
                None => calendar(options, &query, json).await,
            }
        }
        Verb::Feeds { new_key } => feeds(&options, new_key, json).await,
        Verb::News { seen } => news(options, seen, json).await,
        Verb::Show { id } => show(options, VisitKind::Appointment, id, json).await,
    }
}

async fn feeds(options: &Options, new_key: bool, json: bool) -> Outcome {
    let settings = settings::Settings::load(&options.config_path()).map_err(agent::StartError::from)?;
    let webhooks = &settings.webhooks;
    let (Some(listen), true) = (&webhooks.listen, webhooks.calendars) else {
        return Err(crate::exit::Failure {
            code: 3,
            ..crate::exit::Failure::new(
                "Calendars are not served here.",
                "Set listen, certificate_file and calendars = true under [webhooks] in the settings.",
            )
        });
    };
    let found = agent::feed_paths(options, new_key).await?;
    let address = |path: &str| format!("https://{listen}{path}");
    if json {
        let all: Vec<_> = found
            .iter()
            .map(|(clinician, path)| serde_json::json!({ "clinician": clinician, "address": address(path) }))
            .collect();
        output::json(&all)?;
    } else if found.is_empty() {
        eprintln!("No clinician is named under [[staff]] in the settings.");
    } else {
        let rows: Vec<_> =
            found.iter().map(|(clinician, path)| vec![clinician.clone(), address(path)]).collect();
        output::table(&["clinician", "address"], &rows);
        eprintln!(
            "Whoever knows an address reads names of patients and times. Write the name of this computer for the IP address."
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn news(options: Options, seen: bool, json: bool) -> Outcome {
    let seat = started(options).await?;
    let mut news: News = call(&seat, "appointments.news", &Nothing {}).await?;
    if let Some(newest) = news.items.first().filter(|_| seen) {
        news = call(&seat, "appointments.news_seen", &NewsSeen { until_ms: newest.at_ms }).await?;
    }
    seat.leave().await;
    if json {
        output::json(&news)?;
    } else if news.items.is_empty() {
        eprintln!("Nothing happened to appointments in the last seven days.");
    } else {
        let row = |item: &console_api::dto::NewsItem| {
            vec![
                if item.unread { "unseen" } else { "" }.to_owned(),
                item.appointment_id.clone(),
                output::moment(item.at_ms),
                item.sentence.clone(),
            ]
        };
        output::table(&["", "appointment", "when", "what"], &news.items.iter().map(row).collect::<Vec<_>>());
    }
    Ok(if news.unread > 0 { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

/// `vetsync treatments list|show`
pub async fn treatments(options: Options, treatments: Treatments, json: bool) -> Outcome {
    match treatments.verb {
        TreatmentsVerb::List(wanted) => list(options, VisitKind::Treatment, &wanted.query(), json).await,
        TreatmentsVerb::Show { id } => show(options, VisitKind::Treatment, id, json).await,
    }
}

/// A list written in lines, in one line.
fn in_one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

async fn list(options: Options, kind: VisitKind, query: &VisitQuery, json: bool) -> Outcome {
    let seat = started(options).await?;
    let found: VisitRows = call(&seat, kind.list(), query).await?;
    seat.leave().await;
    if json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |row: &console_api::dto::VisitRow| {
        vec![
            row.id.clone(),
            row.begins.clone(),
            row.patient.clone(),
            row.clinician.clone(),
            in_one_line(&row.about),
            in_one_line(&row.stands),
            match (row.waits.is_some(), kind) {
                (false, _) => format!("{:?}", row.status),
                (true, VisitKind::Appointment) => "WaitsForPatient".to_owned(),
                // For its patient or for its completion: `show` says which.
                (true, VisitKind::Treatment) => "Waits".to_owned(),
            },
        ]
    };
    let rows: Vec<Vec<String>> = found.rows.iter().map(row).collect();
    output::table(&kind.headings(), &rows);
    if u64::from(found.total) > rows.len() as u64 {
        eprintln!("{} of {}", rows.len(), found.total);
    }
    Ok(ExitCode::SUCCESS)
}

async fn calendar(options: Options, query: &CalendarQuery, json: bool) -> Outcome {
    let seat = started(options).await?;
    let found: CalendarView = call(&seat, "appointments.calendar", query).await?;
    seat.leave().await;
    if json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |entry: &console_api::dto::CalendarVisit| {
        vec![
            entry.visit.id.clone(),
            entry.date.clone(),
            match &entry.ends {
                Some(ends) => format!("{}-{ends}", entry.begins),
                None => entry.begins.clone(),
            },
            entry.visit.patient.clone(),
            entry.visit.clinician.clone(),
            entry.visit.about.clone(),
            entry.visit.stands.clone(),
            format!("{:?}", entry.visit.status),
            if entry.double_booked.is_empty() {
                String::new()
            } else {
                format!("double booked with {}", entry.double_booked.join(", "))
            },
        ]
    };
    let rows: Vec<Vec<String>> = found.visits.iter().map(row).collect();
    output::table(&["ID", "DAY", "TIME", "PATIENT", "CLINICIAN", "TYPE", "STATUS", "SYNC", "NOTE"], &rows);
    eprintln!("times of {}", found.zone);
    if let Some(off) = &found.off {
        eprintln!("{off}");
    } else if let (true, Some(next)) = (rows.is_empty(), &found.next_busy) {
        eprintln!("none in these days; the next are on {next}");
    }
    Ok(ExitCode::SUCCESS)
}

async fn export(options: Options, query: &CalendarQuery, file: &Path, json: bool) -> Outcome {
    let seat = started(options).await?;
    let found: TextFile = call(&seat, "appointments.export", query).await?;
    seat.leave().await;
    if file == Path::new("-") {
        print!("{}", found.text);
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::write(file, &found.text).map_err(|error| {
        crate::exit::Failure::new(
            format!("{} cannot be written: {error}", file.display()),
            "Name a file in a folder that you may write to.",
        )
    })?;
    if json {
        output::json(&serde_json::json!({ "file": file, "records": found.records }))?;
    } else {
        eprintln!("{} appointments in {}", found.records, file.display());
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(options: Options, kind: VisitKind, id: String, json: bool) -> Outcome {
    let seat = started(options).await?;
    let page: VisitPage = call(&seat, kind.get(), &Id { id }).await?;
    seat.leave().await;
    print(&page, json)?;
    Ok(ExitCode::SUCCESS)
}

/// `vetsync sync --appointment` and `--treatment`
pub async fn sync_visit(options: Options, kind: VisitKind, id: String, json: bool) -> Outcome {
    let seat = started(options).await?;
    let mut events = seat.events();
    let request = StartRun { patient_id: Some(id.clone()), plan_only: false, kind: None };
    let _run: serde_json::Value = call(&seat, "run.start", &request).await?;
    let page: VisitPage = loop {
        let page: VisitPage = call(&seat, kind.get(), &Id { id: id.clone() }).await?;
        // One that waits for its patient, or for its completion, waits longer than this.
        if page.visit.status != PatientStatus::Waiting || page.visit.waits.is_some() {
            break page;
        }
        something_happened(&mut events).await;
    };
    seat.leave().await;
    print(&page, json)?;
    Ok(if page.conflict_id.is_some() { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

/// How far a step is, in a word.
const fn stands(state: StepState) -> &'static str {
    match state {
        StepState::Done => "done",
        StepState::UnderWay => "under way",
        StepState::Waits => "waits",
        StepState::Blocked => "stopped",
        StepState::NotYet => "-",
    }
}

fn print(page: &VisitPage, json: bool) -> Result<(), crate::exit::Failure> {
    if json {
        return Ok(output::json(page)?);
    }
    println!("{} · {} UTC · {:?}", page.visit.patient, page.visit.begins, page.visit.status);
    if let Some(version) = page.version {
        println!("The EHR holds version {version}.");
    }
    let rows: Vec<Vec<String>> = page
        .fields
        .iter()
        .map(|field| vec![field.label.clone(), field.service_now.text.clone(), field.ehr.text.clone()])
        .collect();
    output::table(&["FIELD", "SERVICENOW", "EHR"], &rows);
    let name = |remote: &RemoteName| match remote {
        RemoteName::ServiceNow => "ServiceNow",
        RemoteName::Ehr => "EHR",
    };
    for step in &page.steps {
        let why = step.why.as_deref().map(|why| format!("  {why}")).unwrap_or_default();
        println!("{:<10} {}{why}", stands(step.state), step.title);
    }
    for finding in &page.findings {
        let places: Vec<&str> = finding.remotes.iter().map(name).collect();
        let places = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
        println!("{}{places}", finding.sentence);
    }
    if let Some(waits) = &page.visit.waits {
        println!("{waits}");
    }
    if let Some(conflict) = &page.conflict_id {
        println!("A question is open: vetsync conflicts show {conflict}");
    }
    Ok(())
}
