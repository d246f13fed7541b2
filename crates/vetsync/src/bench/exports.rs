//! The offline comparison of a million pairs, its result held against the known truth, beside a bare loop.

use super::disk::Disk;
use super::figures::{self, Measure};
use crate::compare;
use anyhow::Context as _;
use serde::Deserialize;
use serde::de::IgnoredAny;
use simulator::clinic::export::{self, EhrLine};
use simulator::clinic::{Expected, PairTruth, Rates};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::Hasher as _;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

const SETTINGS: &str = r#"
[ehr]
servicenow_identifier_system = "https://vetsync.example/servicenow/u_patient_record"

[[custom_fields]]
id = "weight"
label = "Weight"
column = "weight"
extension_url = "https://vetsync.example/fhir/StructureDefinition/weight"
type = "quantity"
default_unit = "kg"
"#;

/// Generates, compares, checks.
pub fn measure(pairs: usize, folder: &Path) -> anyhow::Result<Vec<Measure>> {
    super::child("exports", Some(pairs), folder, Disk::AsItIs)?;
    let mut measures = super::child("walk", None, folder, Disk::AsItIs)?;
    measures.push(wrong(folder)?);
    measures.extend(super::child("bare", None, folder, Disk::AsItIs)?);
    Ok(measures)
}

/// Writes both exports and the truth.
pub fn write(pairs: usize, folder: &Path) -> anyhow::Result<()> {
    let create = |name: &str| -> std::io::Result<BufWriter<File>> {
        Ok(BufWriter::with_capacity(1 << 20, File::create(folder.join(name))?))
    };
    let (mut rows, mut patients, mut truth) =
        (create("rows.ndjson")?, create("patients.ndjson")?, create("truth.ndjson")?);
    let rates = Rates { minor: 100, conflict: 50, ..Rates::calm() };
    export::write(1, pairs, &rates, EhrLine::Patient, &mut rows, &mut patients, &mut truth)?;
    for file in [&mut rows, &mut patients, &mut truth] {
        file.flush()?;
    }
    std::fs::write(folder.join("vetsync.toml"), SETTINGS)?;
    Ok(())
}

/// The comparison as the verb does it, in this process.
pub fn walk(folder: &Path) -> anyhow::Result<Vec<Measure>> {
    let settings = settings::Settings::load(&folder.join("vetsync.toml"))?;
    let (rows, patients) = (folder.join("rows.ndjson"), folder.join("patients.ndjson"));
    let began = Instant::now();
    let before = figures::processor_seconds();
    let (row_lens, _) = compare::row_lens(&settings, &rows)
        .map_err(|failure| anyhow::anyhow!("{}", failure.error.message))?;
    let patient_lens = compare::patient_lens(&settings, &row_lens, None);
    let exports = compare::Exports {
        servicenow: &rows,
        ehr: &patients,
        row_lens: &row_lens,
        patient_lens: &patient_lens,
        piece_bytes: compare::PIECE_BYTES,
    };
    let mut list = BufWriter::with_capacity(1 << 16, File::create(folder.join("differences.ndjson"))?);
    let totals = compare::compare(&exports, Some(&mut list))?;
    list.flush()?;
    let seconds = began.elapsed().as_secs_f64();
    let processor = figures::processor_seconds().zip(before).map(|(after, before)| after - before);
    Ok(vec![
        Measure::of("compare: pairs", totals.linked as f64, ""),
        Measure::of("compare: processor time", processor, "s").below(8.0),
        Measure::of("compare: elapsed", (seconds * 100.0).round() / 100.0, "s"),
        Measure::of("compare: peak memory", figures::peak_memory_mb().map(f64::round), "MB").below(600.0),
    ])
}

/// The least a loop over the same files can do: every line parsed as JSON and hashed.
pub fn bare(folder: &Path) -> anyhow::Result<Vec<Measure>> {
    let before = figures::processor_seconds();
    let mut sum = 0_u64;
    let mut line = Vec::new();
    for name in ["rows.ndjson", "patients.ndjson"] {
        let mut file = BufReader::with_capacity(1 << 20, File::open(folder.join(name))?);
        loop {
            line.clear();
            if file.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            serde_json::from_slice::<IgnoredAny>(&line)?;
            let mut hasher = std::collections::hash_map::DefaultHasher::new();
            hasher.write(&line);
            sum ^= hasher.finish();
        }
    }
    std::hint::black_box(sum);
    let processor = figures::processor_seconds().zip(before).map(|(after, before)| after - before);
    Ok(vec![Measure::of("compare: a bare loop that parses and hashes", processor, "s")])
}

#[derive(Deserialize)]
struct Found {
    servicenow_key: String,
    field: String,
    grade: u8,
}

#[derive(Deserialize)]
struct Row {
    sys_id: String,
    u_date_of_birth: String,
}

/// How many decisions are not those of the truth: differences missed, differences that are none, grades that are not
/// right.
fn wrong(folder: &Path) -> anyhow::Result<Measure> {
    let open = |name: &str| -> std::io::Result<BufReader<File>> {
        Ok(BufReader::with_capacity(1 << 20, File::open(folder.join(name))?))
    };
    let mut found: HashMap<(String, String), u8> = HashMap::new();
    for line in open("differences.ndjson")?.lines() {
        let one: Found = serde_json::from_str(&line?).context("a line of the list of differences")?;
        found.insert((one.servicenow_key, one.field), one.grade);
    }
    let mut wrong = 0_u64;
    let mut no_finer_date = HashSet::new();
    for line in open("truth.ndjson")?.lines() {
        let pair: PairTruth = serde_json::from_str(&line?).context("a line of the truth")?;
        let key = pair.servicenow_key.unwrap_or_default();
        for known in pair.fields.iter().filter(|known| known.expected != Expected::Equal) {
            let right = match found.remove(&(key.clone(), known.field.clone())) {
                None if known.field == "date_of_birth" && known.expected == Expected::TakeServiceNow => {
                    no_finer_date.insert(key.clone())
                }
                None => false,
                Some(grade) if known.expected == Expected::Ask => grade >= 3,
                Some(grade) => grade < 3 || known.ask_is_fine,
            };
            wrong += u64::from(!right);
        }
    }
    // A first of the month may be the fill of an unknown day, and is then no difference.
    if !no_finer_date.is_empty() {
        for line in open("rows.ndjson")?.lines() {
            let row: Row = serde_json::from_str(&line?).context("a row")?;
            if row.u_date_of_birth.trim().ends_with("-01") {
                no_finer_date.remove(&row.sys_id);
            }
        }
        wrong += no_finer_date.len() as u64;
    }
    Ok(Measure::of("compare: wrong differences", (wrong + found.len() as u64) as f64, "").at_most(0.0))
}
