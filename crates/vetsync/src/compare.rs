//! `vetsync compare`: two exports side by side, without a network and without a database.

mod lines;
mod links;
mod side;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::{Exports, PIECE_BYTES, SideTotals, Totals, WalkProblem, compare};

use crate::exit::Failure;
use crate::{Outcome, output};
use clap::Args;
use console_api::dto::ErrorCode;
use mapping::{PatientLens, RowLens};
use record::Json;
use serde::Serialize;
use settings::Settings;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// `vetsync compare`
#[derive(Debug, Clone, Args)]
pub struct Compare {
    /// ServiceNow's export: one Table API row a line.
    #[arg(long, value_name = "FILE")]
    pub servicenow: PathBuf,
    /// The EHR's export: one FHIR Patient, or one Bundle of a Patient and its allergies, a line.
    #[arg(long, value_name = "FILE")]
    pub ehr: PathBuf,
    /// Identifier system under which the EHR keeps the row's sys_id; by default that of the settings.
    #[arg(long, value_name = "URI")]
    pub identifier_system: Option<String>,
    /// Write every difference to this file, one JSON object a line. It holds patient data: only you may read it.
    #[arg(long, value_name = "FILE")]
    pub differences: Option<PathBuf>,
}

/// Where the sample clinic keeps the row's key; used without settings.
const IDENTIFIER_SYSTEM: &str = "https://vetsync.example/servicenow/u_patient_record";

/// What was found, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    equal: bool,
    #[serde(flatten)]
    totals: &'a Totals,
    /// Fields whose column is in no row: not compared.
    columns_missing: &'a [Missing],
    identifier_system: &'a str,
    differences_file: Option<&'a Path>,
    duration_ms: u64,
}

/// A field whose column the export does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The field's id.
    field: String,
    /// The column that was looked for.
    column: String,
}

/// Compares. `config` is a settings file somebody named; without one the default fields are compared.
pub fn run(compare: &Compare, config: Option<&Path>, json: bool) -> Outcome {
    let began = Instant::now();
    let settings = match config {
        Some(path) => Settings::load(path).map_err(|error| Failure::from(agent::StartError::from(error)))?,
        None => Settings::default(),
    };
    let (row_lens, missing) = row_lens(&settings, &compare.servicenow)?;
    let patient_lens = patient_lens(&settings, &row_lens, compare.identifier_system.as_deref());
    let mut list = match &compare.differences {
        Some(path) => Some(BufWriter::with_capacity(1 << 16, private_file(path)?)),
        None => None,
    };
    let exports = Exports {
        servicenow: &compare.servicenow,
        ehr: &compare.ehr,
        row_lens: &row_lens,
        patient_lens: &patient_lens,
        piece_bytes: PIECE_BYTES,
    };
    let totals = walk::compare(&exports, list.as_mut().map(|list| list as &mut dyn std::io::Write))?;
    if let Some(mut list) = list {
        list.flush().map_err(WalkProblem::List)?;
    }
    if json {
        output::json(&Report {
            equal: totals.all_equal(),
            totals: &totals,
            columns_missing: &missing,
            identifier_system: &patient_lens.servicenow_system,
            differences_file: compare.differences.as_deref(),
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        })?;
    } else {
        show(&totals, &missing, &patient_lens.servicenow_system, compare);
    }
    Ok(if totals.all_equal() { ExitCode::SUCCESS } else { ExitCode::from(7) })
}

impl From<WalkProblem> for Failure {
    fn from(problem: WalkProblem) -> Failure {
        let (code, way_out) = match &problem {
            WalkProblem::File { .. } => (2, "Name a file that is there and that you may read."),
            WalkProblem::Changed { .. } => (9, "Export again, and compare when the export has ended."),
            WalkProblem::List(_) => (5, "Name another file with --differences, or make room on the disk."),
        };
        let mut failure = Failure::new(format!("{problem}."), way_out);
        failure.code = code;
        if code == 2 {
            failure.error.code = ErrorCode::Invalid;
        }
        failure
    }
}

/// Only the owner may read it: it holds patient data.
fn private_file(path: &Path) -> Result<std::fs::File, Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map_err(|error| {
        let mut failure = Failure::new(
            format!("{} cannot be written: {error}.", path.display()),
            "Name another file with --differences.",
        );
        failure.code = 5;
        failure
    })
}

/// How rows are read. Without the instance at hand the columns are those the export shows: `u_<name>` before `<name>`.
pub fn row_lens(settings: &Settings, export: &Path) -> Result<(RowLens, Vec<Missing>), Failure> {
    let catalogue =
        settings.patient_catalogue().map_err(|problem| Failure::new(problem.to_string(), "Correct it."))?;
    let shown = shown_columns(export)
        .map_err(|error| WalkProblem::File { file: export.display().to_string(), problem: error.into() })?;
    let own = &settings.servicenow;
    let column = |asked: &str| {
        let prefixed = format!("u_{asked}");
        if asked.starts_with("u_")
            || asked.starts_with("x_")
            || !shown.contains(&prefixed) && shown.contains(asked)
        {
            asked.to_owned()
        } else {
            prefixed
        }
    };
    let mut lens = RowLens::new(Arc::new(catalogue), Arc::new(settings.record_conventions()));
    lens.columns = lens
        .catalogue
        .fields
        .iter()
        .map(|spec| column(own.columns.get(&spec.id).unwrap_or(&spec.column)))
        .collect();
    lens.ehr_id_column = column(&own.ehr_id_column);
    lens.active_column = own.active_column.as_deref().map(column);
    lens.deceased_column = own.deceased_column.as_deref().map(column);
    let missing = lens
        .catalogue
        .fields
        .iter()
        .zip(&lens.columns)
        .filter(|(_, column)| !shown.is_empty() && !shown.contains(*column))
        .map(|(spec, column)| Missing { field: spec.id.clone(), column: column.clone() })
        .collect();
    Ok((lens, missing))
}

/// How patients are read.
pub fn patient_lens(settings: &Settings, rows: &RowLens, identifier_system: Option<&str>) -> PatientLens {
    PatientLens {
        catalogue: Arc::clone(&rows.catalogue),
        conventions: Arc::clone(&rows.conventions),
        servicenow_system: identifier_system
            .map(str::to_owned)
            .or_else(|| settings.servicenow_identifier_system())
            .unwrap_or_else(|| IDENTIFIER_SYSTEM.to_owned()),
        microchip_system: settings.ehr.microchip_system.clone(),
        microchip_systems_read: settings.ehr.microchip_systems_read.clone(),
        bare_allergies: if settings.ehr.dialect.patient_bundle {
            mapping::BareAllergies::Unknown
        } else {
            mapping::BareAllergies::TextExtension
        },
    }
}

/// The columns of the first rows of an export.
fn shown_columns(export: &Path) -> std::io::Result<BTreeSet<String>> {
    const ROWS: usize = 200;
    let mut file = BufReader::new(lines::open(export)?);
    let mut shown = BTreeSet::new();
    let mut line = Vec::new();
    for _ in 0..ROWS {
        line.clear();
        let limit = lines::LINE_MAX as u64;
        if std::io::Read::take(&mut file, limit).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = std::str::from_utf8(&line).unwrap_or_default().trim_start_matches('\u{feff}');
        if let Ok(row) = Json::parse(text) {
            shown.extend(row.members().iter().map(|(column, _)| column.clone()));
        }
    }
    Ok(shown)
}

/// So many unusable lines of a file are shown; `--json` lists more.
const SHOWN: usize = 10;

fn show(totals: &Totals, missing: &[Missing], identifier_system: &str, compare: &Compare) {
    let side = |name: &str, records: &str, side: &SideTotals| {
        println!(
            "{name:<11} {} {records}; {} only here, {} with contradicting links, {} unusable lines",
            side.records, side.only_here, side.contradicting_links, side.unusable_lines
        );
    };
    side("ServiceNow", "rows", &totals.servicenow);
    side("EHR", "patients", &totals.ehr);
    println!(
        "linked      {} pairs: {} equal, {} with differences",
        totals.linked, totals.equal, totals.differing
    );
    if totals.linked == 0 && totals.servicenow.records > 0 && totals.ehr.records > 0 {
        println!(
            "            No row and patient name each other. Patients are expected to carry the row's sys_id as an \
             identifier of the system {identifier_system} (--identifier-system), or rows the Patient's id."
        );
    }
    let rows: Vec<Vec<String>> = totals
        .fields
        .iter()
        .filter(|field| field.differing > 0 || field.not_said > 0)
        .map(|field| {
            let mut cells = vec![field.label.clone(), field.differing.to_string()];
            cells.extend(field.by_grade.iter().map(u64::to_string));
            cells.push(field.not_said.to_string());
            cells
        })
        .collect();
    if !rows.is_empty() {
        println!();
        let header =
            ["FIELD", "DIFFERS", "ONE-SIDED", "BY RULE", "ONE PERSON", "TWO PERSONS", "NOT COMPARED"];
        output::table(&header, &rows);
    }
    for missing in missing {
        println!("\n{} is not compared: no row has the column {}.", missing.field, missing.column);
    }
    for (file, side) in [(&compare.servicenow, &totals.servicenow), (&compare.ehr, &totals.ehr)] {
        if !side.problems.is_empty() {
            println!();
        }
        for problem in side.problems.iter().take(SHOWN) {
            println!("{}:{}: {}", file.display(), problem.line, problem.problem);
        }
        let more = side.unusable_lines.saturating_sub(SHOWN as u64);
        if more > 0 {
            println!("... and {more} more unusable lines in {} (--json lists more)", file.display());
        }
    }
    match &compare.differences {
        Some(path) => println!("\nEvery difference stands in {}.", path.display()),
        None if totals.differing > 0 => println!("\n--differences FILE lists every difference."),
        None => {}
    }
}
