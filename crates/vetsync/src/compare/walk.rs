//! The comparison: one pass over each file by prints, then a closer look at the pairs whose prints differ.

use super::lines::{self, FileProblem, read_again};
use super::links::{Link, Rows};
use super::side::{Entry, LineProblem, Read, ReadLine, read_all};
use mapping::fast::{HIDDEN, Keys, Printer};
use mapping::{PatientLens, RowLens};
use rayon::prelude::*;
use reconcile::judge::Verdict;
use reconcile::{Grade, PairState, Settlement};
use record::{FieldIx, FieldState, Json, Record};
use serde::Serialize;
use std::collections::hash_map;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Exports<'a> {
    /// One Table API row a line.
    pub servicenow: &'a Path,
    /// One Patient or patient Bundle a line.
    pub ehr: &'a Path,
    /// How rows are read.
    pub row_lens: &'a RowLens,
    /// How patients are read.
    pub patient_lens: &'a PatientLens,
    /// Bytes read at a time.
    pub piece_bytes: usize,
}

/// Bytes read at a time, where nothing else is asked.
pub const PIECE_BYTES: usize = 4 << 20;

/// A comparison that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum WalkProblem {
    /// A file cannot be read.
    #[error("{file}: {problem}")]
    File {
        /// Which one.
        file: String,
        /// Why.
        problem: FileProblem,
    },
    /// A line that could be read before cannot be read again.
    #[error("{file} was changed while it was read")]
    Changed {
        /// Which one.
        file: String,
    },
    /// The list of differences cannot be written.
    #[error("the list of differences cannot be written: {0}")]
    List(io::Error),
}

/// What one export holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SideTotals {
    /// Records that can be compared.
    pub records: u64,
    /// Of them, those the other export has no counterpart of.
    pub only_here: u64,
    /// Of them, those whose link is contradicted.
    pub contradicting_links: u64,
    /// Lines that are no record, or repeat a key.
    pub unusable_lines: u64,
    /// The first of them.
    pub problems: Vec<LineProblem>,
}

/// What is known of one field over all linked pairs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FieldTotals {
    /// The field's id.
    pub field: String,
    /// What people read.
    pub label: String,
    /// Pairs in which it differs.
    pub differing: u64,
    /// The same by grade: 1 one side has it, 2 settled by rule, 3 a person, 4 two persons.
    pub by_grade: [u64; 4],
    /// Pairs in which one export does not say it: neither compared nor touched.
    pub not_said: u64,
}

/// Everything counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// ServiceNow's export.
    pub servicenow: SideTotals,
    /// The EHR's export.
    pub ehr: SideTotals,
    /// Pairs of a row and a patient.
    pub linked: u64,
    /// Of them, those in which every field says the same.
    pub equal: u64,
    /// Of them, those with a difference.
    pub differing: u64,
    /// Those by their highest grade, 1 to 4.
    pub differing_by_grade: [u64; 4],
    /// Differing fields by grade, 1 to 4.
    pub fields_by_grade: [u64; 4],
    /// By field, in catalogue order.
    pub fields: Vec<FieldTotals>,
}

impl Totals {
    /// Whether both exports say the same of the same patients, every line of them.
    pub fn all_equal(&self) -> bool {
        let clean = |side: &SideTotals| {
            side.only_here == 0 && side.contradicting_links == 0 && side.unusable_lines == 0
        };
        self.differing == 0 && clean(&self.servicenow) && clean(&self.ehr)
    }
}

/// One line of the list of differences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Listed<'a> {
    /// A field of a linked pair.
    Difference {
        /// The row's `sys_id`.
        servicenow_key: &'a str,
        /// The Patient's id.
        ehr_key: &'a str,
        /// Line of the row.
        servicenow_line: u32,
        /// Line of the patient.
        ehr_line: u32,
        /// The field's id.
        field: &'a str,
        /// 1 to 4.
        grade: u8,
        /// The rule that would settle it.
        rule: Option<reconcile::compare::Rule>,
        /// Why a person would be asked.
        why: Option<reconcile::compare::Why>,
        /// ServiceNow's value as people read it.
        servicenow: String,
        /// The EHR's.
        ehr: String,
    },
    /// A row without a patient.
    OnlyServicenow {
        /// The row's `sys_id`.
        servicenow_key: &'a str,
        /// Its line.
        servicenow_line: u32,
    },
    /// A patient without a row.
    OnlyEhr {
        /// The Patient's id.
        ehr_key: &'a str,
        /// Its line.
        ehr_line: u32,
    },
    /// A row that names a patient who names another row, or is named by several.
    ContradictingRow {
        /// The row's `sys_id`.
        servicenow_key: &'a str,
        /// Its line.
        servicenow_line: u32,
    },
    /// The same of a patient.
    ContradictingPatient {
        /// The Patient's id.
        ehr_key: &'a str,
        /// Its line.
        ehr_line: u32,
    },
}

/// At most so many unusable lines are described; all are counted.
const PROBLEMS_MAX: usize = 1_000;

struct RowReader<'a>(&'a RowLens);
struct PatientReader<'a>(&'a PatientLens);

impl ReadLine for RowReader<'_> {
    fn print(&self, line: &str, printer: &mut Printer, prints: &mut Vec<u64>) -> Option<Keys> {
        self.0.print(line, printer, prints)
    }

    fn why_not(&self, line: &str) -> String {
        match Json::parse(line) {
            Err(error) => error.to_string(),
            Ok(row) => match self.0.get(&row) {
                Err(error) => error.to_string(),
                Ok(_) => "it cannot be read as a row".to_owned(),
            },
        }
    }

    fn no_key(&self) -> &'static str {
        "it has no sys_id; one Table API row a line is expected"
    }
}

impl ReadLine for PatientReader<'_> {
    fn print(&self, line: &str, printer: &mut Printer, prints: &mut Vec<u64>) -> Option<Keys> {
        self.0.print(line, printer, prints)
    }

    fn why_not(&self, line: &str) -> String {
        match Json::parse(line) {
            Err(error) => error.to_string(),
            Ok(bundle) => match self.0.get(&bundle) {
                Err(error) => error.to_string(),
                Ok(_) => "the Bundle holds more than one Patient; write one patient a line".to_owned(),
            },
        }
    }

    fn no_key(&self) -> &'static str {
        "the Patient has no id"
    }
}

/// A pair to be looked at closely.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    row: u32,
    patient: Entry,
    /// The fields to be read, by bits; a field beyond the last bit counts as the last.
    fields: u64,
}

impl Suspect {
    const fn bit(at: usize) -> u64 {
        1 << if at < 63 { at } else { 63 }
    }

    fn holds(&self, field: FieldIx) -> bool {
        self.fields & Suspect::bit(usize::from(field.0)) != 0
    }
}

/// Compares two exports. Every difference, and everything that has no counterpart, goes to `list` as a line of JSON,
/// in the order of the EHR's file.
pub fn compare(exports: &Exports<'_>, list: Option<&mut dyn Write>) -> Result<Totals, WalkProblem> {
    let field_count = exports.row_lens.catalogue.fields.len();
    let open = |path: &Path| lines::open(path).map_err(|error| trouble(path, error.into()));
    let servicenow_file = open(exports.servicenow)?;
    let ehr_file = open(exports.ehr)?;

    let mut rows = Rows::default();
    let mut row_problems = Vec::new();
    let mut repeated = Vec::new();
    read_all(
        servicenow_file,
        exports.piece_bytes,
        &RowReader(exports.row_lens),
        &mut row_problems,
        |read: &Read| {
            for (entry, prints) in read.entries.iter().zip(read.prints.chunks_exact(field_count)) {
                if let Err(earlier) = rows.add(*entry, prints) {
                    repeated.push(repeats("sys_id", entry.line, earlier));
                }
            }
        },
    )
    .map_err(|problem| trouble(exports.servicenow, problem))?;
    row_problems.append(&mut repeated);

    let mut patients = Patients { not_said: vec![0; field_count], ..Patients::default() };
    let mut patient_problems = Vec::new();
    read_all(
        ehr_file,
        exports.piece_bytes,
        &PatientReader(exports.patient_lens),
        &mut patient_problems,
        |read: &Read| {
            for (entry, prints) in read.entries.iter().zip(read.prints.chunks_exact(field_count)) {
                if let Some(problem) = patients.add(&mut rows, *entry, prints) {
                    repeated.push(problem);
                }
            }
        },
    )
    .map_err(|problem| trouble(exports.ehr, problem))?;
    patient_problems.append(&mut repeated);
    patients.seen = super::side::ByPrint::default();
    rows.forget_keys();
    patients.drop_contested(&rows);

    let mut totals = Totals {
        servicenow: SideTotals {
            records: rows.entries.len() as u64,
            only_here: rows.free().count() as u64,
            contradicting_links: rows.contested().count() as u64,
            ..described(row_problems)
        },
        ehr: SideTotals {
            records: patients.count,
            only_here: patients.alone.len() as u64,
            contradicting_links: patients.contested.len() as u64,
            ..described(patient_problems)
        },
        linked: rows.linked(),
        fields: exports
            .row_lens
            .catalogue
            .fields
            .iter()
            .zip(&patients.not_said)
            .map(|(spec, not_said)| FieldTotals {
                field: spec.id.clone(),
                label: spec.label.clone(),
                not_said: *not_said,
                ..FieldTotals::default()
            })
            .collect(),
        ..Totals::default()
    };
    let mut list = list;
    look_closely(exports, &rows, &patients.suspects, &mut totals, &mut list)?;
    totals.equal = totals.linked - totals.differing;
    if let Some(list) = list {
        list_unlinked(exports, &rows, &patients, list)?;
    }
    Ok(totals)
}

fn trouble(path: &Path, problem: FileProblem) -> WalkProblem {
    WalkProblem::File { file: path.display().to_string(), problem }
}

fn repeats(key: &str, line: u32, earlier: u32) -> LineProblem {
    LineProblem { line, problem: format!("its {key} stands on line {earlier} already; that line is used") }
}

fn described(mut problems: Vec<LineProblem>) -> SideTotals {
    problems.sort_by_key(|problem| problem.line);
    let unusable_lines = problems.len() as u64;
    problems.truncate(PROBLEMS_MAX);
    SideTotals { unusable_lines, problems, ..SideTotals::default() }
}

/// What is known of the patients.
#[derive(Debug, Default)]
struct Patients {
    count: u64,
    /// Lines by key.
    seen: super::side::ByPrint<u32>,
    suspects: Vec<Suspect>,
    alone: Vec<Entry>,
    contested: Vec<Entry>,
    /// Linked patients, as long as a later one might contest them: those whom only they themselves link.
    one_way: Vec<(u32, Entry)>,
    not_said: Vec<u64>,
}

impl Patients {
    fn add(&mut self, rows: &mut Rows, entry: Entry, prints: &[u64]) -> Option<LineProblem> {
        match self.seen.entry(entry.own) {
            hash_map::Entry::Occupied(earlier) => return Some(repeats("id", entry.line, *earlier.get())),
            hash_map::Entry::Vacant(place) => {
                place.insert(entry.line);
            }
        }
        self.count += 1;
        match rows.link(&entry) {
            Link::Nobody => self.alone.push(entry),
            Link::Contested => self.contested.push(entry),
            Link::Row(row) => {
                if rows.entry(row).is_some_and(|row| row.other == 0) {
                    self.one_way.push((row, entry));
                }
                let (mut differing, mut half_hidden) = (0, 0);
                let others = rows.prints_of(row, prints.len());
                for (at, ((one, other), not_said)) in
                    others.iter().zip(prints).zip(&mut self.not_said).enumerate()
                {
                    if *one == HIDDEN || *other == HIDDEN {
                        *not_said += 1;
                        half_hidden |= if one == other { 0 } else { Suspect::bit(at) };
                    } else if one != other {
                        differing |= Suspect::bit(at);
                    }
                }
                // What only one side says bears on the fields of its group.
                let fields = if differing == 0 { 0 } else { differing | half_hidden };
                if fields != 0 {
                    self.suspects.push(Suspect { row, patient: entry, fields });
                }
            }
        }
        None
    }

    /// Moves the patients whose row somebody else claimed later to the contested ones.
    fn drop_contested(&mut self, rows: &Rows) {
        self.suspects.retain(|suspect| rows.is_linked(suspect.row, suspect.patient.line));
        let undone = self.one_way.iter().filter(|(row, entry)| !rows.is_linked(*row, entry.line));
        self.contested.extend(undone.map(|(_, entry)| *entry));
        self.contested.sort_by_key(|entry| entry.line);
        self.one_way = Vec::new();
    }
}

/// A judged pair in which something differs.
struct Judged {
    row: Record,
    patient: Record,
    row_line: u32,
    patient_line: u32,
    verdicts: Vec<Verdict>,
}

/// Pairs judged at a time.
const BATCH: usize = 4_096;

fn look_closely(
    exports: &Exports<'_>,
    rows: &Rows,
    suspects: &[Suspect],
    totals: &mut Totals,
    list: &mut Option<&mut dyn Write>,
) -> Result<(), WalkProblem> {
    let catalogue = &*exports.row_lens.catalogue;
    let changed = |path: &Path| WalkProblem::Changed { file: path.display().to_string() };
    for batch in suspects.chunks(BATCH) {
        let judged: Vec<Result<Option<Judged>, WalkProblem>> = batch
            .par_iter()
            .map_init(
                || (File::open(exports.servicenow), File::open(exports.ehr), Vec::new()),
                |(row_file, patient_file, text), suspect| {
                    let entry = rows.entry(suspect.row).ok_or_else(|| changed(exports.servicenow))?;
                    let row = again(row_file, entry, text)
                        .and_then(|line| exports.row_lens.get_some_fast(line, |field| suspect.holds(field)))
                        .ok_or_else(|| changed(exports.servicenow))?;
                    let patient = again(patient_file, &suspect.patient, text)
                        .and_then(|line| {
                            exports.patient_lens.get_some_fast(line, |field| suspect.holds(field))
                        })
                        .ok_or_else(|| changed(exports.ehr))?;
                    // Fields of equal prints stay unread: both say the same, and nothing is to happen to them.
                    let pair =
                        PairState { catalogue, base: None, servicenow: Some(&row), ehr: Some(&patient) };
                    if reconcile::compare::in_agreement(&pair) {
                        return Ok(None);
                    }
                    let mut verdicts = Vec::with_capacity(catalogue.fields.len());
                    reconcile::compare::judge_fields(&pair, &mut verdicts);
                    if verdicts.iter().all(|verdict| verdict.grade == Grade::Equal) {
                        return Ok(None);
                    }
                    let (row_line, patient_line) = (entry.line, suspect.patient.line);
                    Ok(Some(Judged { row, patient, row_line, patient_line, verdicts }))
                },
            )
            .collect();
        for judged in judged {
            let Some(judged) = judged? else { continue };
            count(&judged, totals);
            if let Some(list) = list.as_deref_mut() {
                write_pair(&judged, catalogue, list).map_err(WalkProblem::List)?;
            }
        }
    }
    Ok(())
}

fn again<'t>(file: &mut io::Result<File>, entry: &Entry, text: &'t mut Vec<u8>) -> Option<&'t str> {
    let file = file.as_mut().ok()?;
    read_again(file, entry.offset, entry.length, text).ok()?;
    std::str::from_utf8(text).ok()
}

fn count(judged: &Judged, totals: &mut Totals) {
    let add = |grades: &mut [u64; 4], grade: Grade| {
        if let Some(slot) = usize::from(grade.number()).checked_sub(1).and_then(|at| grades.get_mut(at)) {
            *slot += 1;
        }
    };
    totals.differing += 1;
    let highest = judged.verdicts.iter().map(|verdict| verdict.grade).max().unwrap_or(Grade::Equal);
    add(&mut totals.differing_by_grade, highest);
    for (field, verdict) in totals.fields.iter_mut().zip(&judged.verdicts) {
        if verdict.grade != Grade::Equal {
            field.differing += 1;
            add(&mut field.by_grade, verdict.grade);
            add(&mut totals.fields_by_grade, verdict.grade);
        }
    }
}

fn write_pair(judged: &Judged, catalogue: &record::Catalogue, list: &mut dyn Write) -> io::Result<()> {
    for ((field, spec), verdict) in catalogue.iter().zip(&judged.verdicts) {
        if verdict.grade == Grade::Equal {
            continue;
        }
        let (rule, why) = match &verdict.settlement {
            Settlement::Nothing => (None, None),
            Settlement::Settle { rule, .. } => (Some(*rule), None),
            Settlement::Ask { why, .. } => (None, Some(*why)),
        };
        let listed = Listed::Difference {
            servicenow_key: &judged.row.key,
            ehr_key: &judged.patient.key,
            servicenow_line: judged.row_line,
            ehr_line: judged.patient_line,
            field: &spec.id,
            grade: verdict.grade.number(),
            rule,
            why,
            servicenow: shown(&judged.row, field),
            ehr: shown(&judged.patient, field),
        };
        write_line(&listed, list)?;
    }
    Ok(())
}

/// What people read; a sex without a term, as FHIR gives it, by its words.
fn shown(record: &Record, field: FieldIx) -> String {
    match record.field(field) {
        FieldState::Unknown | FieldState::Blank => String::new(),
        state => state.display(),
    }
}

fn write_line(listed: &Listed<'_>, list: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *list, listed)?;
    list.write_all(b"\n")
}

/// Lists what has no counterpart, or a contradicted one; the keys are read again from the files.
fn list_unlinked(
    exports: &Exports<'_>,
    rows: &Rows,
    patients: &Patients,
    list: &mut dyn Write,
) -> Result<(), WalkProblem> {
    let mut text = Vec::new();
    let mut row_file = File::open(exports.servicenow);
    let mut patient_file = File::open(exports.ehr);
    let mut row_key = |entry: &Entry| {
        again(&mut row_file, entry, &mut text)
            .and_then(|line| exports.row_lens.get_some_fast(line, |_| false))
            .map(|record| record.key)
            .ok_or_else(|| WalkProblem::Changed { file: exports.servicenow.display().to_string() })
    };
    for entry in rows.free() {
        let key = row_key(entry)?;
        let listed = Listed::OnlyServicenow { servicenow_key: &key, servicenow_line: entry.line };
        write_line(&listed, list).map_err(WalkProblem::List)?;
    }
    for entry in rows.contested() {
        let key = row_key(entry)?;
        let listed = Listed::ContradictingRow { servicenow_key: &key, servicenow_line: entry.line };
        write_line(&listed, list).map_err(WalkProblem::List)?;
    }
    let mut text = Vec::new();
    let mut patient_key = |entry: &Entry| {
        again(&mut patient_file, entry, &mut text)
            .and_then(|line| exports.patient_lens.get_some_fast(line, |_| false))
            .map(|record| record.key)
            .ok_or_else(|| WalkProblem::Changed { file: exports.ehr.display().to_string() })
    };
    for entry in &patients.alone {
        let key = patient_key(entry)?;
        let listed = Listed::OnlyEhr { ehr_key: &key, ehr_line: entry.line };
        write_line(&listed, list).map_err(WalkProblem::List)?;
    }
    for entry in &patients.contested {
        let key = patient_key(entry)?;
        let listed = Listed::ContradictingPatient { ehr_key: &key, ehr_line: entry.line };
        write_line(&listed, list).map_err(WalkProblem::List)?;
    }
    Ok(())
}
