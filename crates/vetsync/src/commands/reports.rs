//! `vetsync reports`: of runs, and of any days; as a page of text or as a file.

use super::{call, started};
use crate::exit::Failure;
use crate::{Outcome, output};
use agent::{Options, Seat};
use base64::Engine as _;
use clap::{Args, Subcommand, ValueEnum};
use console_api::dto::{
    ReportExport, ReportFile, ReportFormat, ReportQuery, ReportSpan, ReportTable, ReportView, RunList,
    RunQuery, RunStatus,
};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `vetsync reports`
#[derive(Debug, Args)]
pub struct Reports {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The runs of which there are reports, the latest first.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One report: of a run, or of days in the hospital's zone; of today where neither is said.
    Show(Wanted),
    /// The same as a file.
    Export {
        #[command(flatten)]
        wanted: Wanted,
        /// What the file is.
        #[arg(long, value_enum)]
        format: Format,
        /// Write it to this file; `-` is standard output. Without it, a file of its own name here.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// Which report.
#[derive(Debug, Args)]
struct Wanted {
    /// Of this run.
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to", "span"])]
    run: Option<String>,
    /// From this day on (2026-11-02); with --span any of its days.
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// To the end of this day.
    #[arg(long, value_name = "DAY", conflicts_with = "span")]
    to: Option<String>,
    /// The whole day, week (from Monday) or month.
    #[arg(long, value_enum)]
    span: Option<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Span {
    Day,
    Week,
    Month,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tagged, with page numbers.
    Pdf,
    /// A workbook with a sheet for each table.
    Xlsx,
    /// One figure on each line.
    Csv,
    /// The same as `show --json`.
    Json,
}

impl Wanted {
    fn query(self) -> ReportQuery {
        let span = self.span.map(|span| match span {
            Span::Day => ReportSpan::Day,
            Span::Week => ReportSpan::Week,
            Span::Month => ReportSpan::Month,
        });
        ReportQuery { run_id: self.run, from: self.from, to: self.to, span }
    }
}

impl Format {
    const fn asked(self) -> ReportFormat {
        match self {
            Format::Pdf => ReportFormat::Pdf,
            Format::Xlsx => ReportFormat::Xlsx,
            Format::Csv => ReportFormat::Csv,
            Format::Json => ReportFormat::Json,
        }
    }
}

/// `vetsync reports list|show|export`
pub async fn reports(options: Options, reports: Reports, json: bool) -> Outcome {
    let seat = started(options).await?;
    let done = match reports.verb {
        Verb::List { limit } => list(&seat, limit, json).await,
        Verb::Show(wanted) => show(&seat, wanted.query(), json).await,
        Verb::Export { wanted, format, file } => {
            export(&seat, wanted.query(), format, file.as_deref(), json).await
        }
    };
    seat.leave().await;
    done
}

async fn list(seat: &Seat, limit: u32, json: bool) -> Outcome {
    let mut found: RunList = call(seat, "runs.list", &RunQuery { limit }).await?;
    found.runs.retain(|item| item.run.status != RunStatus::Running);
    if json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = found
        .runs
        .iter()
        .map(|item| {
            vec![
                item.run.id.clone(),
                output::moment(item.run.started_at_ms),
                output::word(&item.run.status),
                item.run.actor.clone().unwrap_or_else(|| item.run.trigger.clone()),
            ]
        })
        .collect();
    output::table(&["RUN", "STARTED (UTC)", "STATE", "ASKED FOR BY"], &rows);
    Ok(ExitCode::SUCCESS)
}

async fn show(seat: &Seat, query: ReportQuery, json: bool) -> Outcome {
    let view: ReportView = call(seat, "reports.get", &query).await?;
    if json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}\n{}\n{}\n", view.title, view.hospital, view.subject);
    for note in &view.notes {
        println!("{note}");
    }
    println!();
    let compared = view.summary.iter().any(|figure| !figure.before.text.is_empty());
    let row = |figure: &console_api::dto::ReportFigure| {
        let mut row = vec![figure.label.clone(), figure.value.text.clone()];
        if compared {
            row.push(figure.before.text.clone());
        }
        row
    };
    let rows: Vec<Vec<String>> = view.summary.iter().map(row).collect();
    let headings: &[&str] = if compared { &["FIGURE", "VALUE", "BEFORE"] } else { &["FIGURE", "VALUE"] };
    output::table(headings, &rows);
    for table in &view.tables {
        println!("\n{}", table.title);
        print(table);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(table: &ReportTable) {
    if table.rows.is_empty() {
        println!("{}", table.empty);
        return;
    }
    let headings: Vec<String> = table.columns.iter().map(|column| column.heading.to_uppercase()).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.text.clone()).collect()).collect();
    output::table(&headings, &rows);
    if table.left_out > 0 {
        println!("and {} more", table.left_out);
    }
}

async fn export(
    seat: &Seat,
    report: ReportQuery,
    format: Format,
    file: Option<&Path>,
    json: bool,
) -> Outcome {
    let made: ReportFile =
        call(seat, "reports.export", &ReportExport { report, format: format.asked() }).await?;
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(&made.base64).map_err(anyhow::Error::from)?;
    let unwritable = |place: &str, error: &std::io::Error| {
        Failure::new(
            format!("{place} cannot be written: {error}"),
            "Name a file in a folder that you may write to.",
        )
    };
    if file == Some(Path::new("-")) {
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes)
            .and_then(|()| out.flush())
            .map_err(|error| unwritable("Standard output", &error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = file.map_or_else(|| PathBuf::from(&made.name), Path::to_path_buf);
    std::fs::write(&file, &bytes).map_err(|error| unwritable(&file.display().to_string(), &error))?;
    if json {
        output::json(&serde_json::json!({ "file": file, "bytes": bytes.len() }))?;
    } else {
        eprintln!("{} ({} bytes)", file.display(), bytes.len());
    }
    Ok(ExitCode::SUCCESS)
}
