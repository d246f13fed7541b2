//! What reports of runs and of days have in common: a run that ended, and the tables of its facts.

use crate::words::{capitalised, rule_words};
use chrono::{DateTime, NaiveDateTime, Offset as _};
use chrono_tz::Tz;
use engine::causes::Cause;
use engine::counts::RunCounts;
use engine::facts::{Answered, OpenQuestion, RunFacts, Sort};
#[cfg(test)]
use reconcile::compare::Rule;
use record::RecordKind;
use report::{Cell, Column, Row, Share, Stamp, Table};
use store::RunRow;

/// What every report is told with.
pub struct Around<'a> {
    pub hospital: &'a str,
    pub zone: Tz,
    /// A person's name by id.
    pub name_of: &'a (dyn Fn(&str) -> String + Sync),
    /// A field's label by kind, where it is known, and id.
    pub label_of: &'a (dyn Fn(Option<RecordKind>, &str) -> String + Sync),
}

impl Around<'_> {
    /// The moment on the hospital's clocks.
    pub fn local(&self, at_ms: i64) -> NaiveDateTime {
        self.stamp(at_ms).local
    }

    /// The same with what the clocks are off UTC by.
    pub fn stamp(&self, at_ms: i64) -> Stamp {
        let at = DateTime::from_timestamp_millis(at_ms).unwrap_or_default().with_timezone(&self.zone);
        Stamp { local: at.naive_local(), offset_minutes: at.offset().fix().local_minus_utc() / 60 }
    }

    pub fn moment(&self, at_ms: i64) -> Cell {
        Cell::Moment(self.local(at_ms))
    }
}

/// A run that ended, with what was kept of it.
pub struct Ended {
    pub row: RunRow,
    pub counts: RunCounts,
    pub facts: Option<RunFacts>,
}

impl Ended {
    /// What was counted of each kind.
    pub fn kinds(&self) -> Vec<(RecordKind, &RunCounts)> {
        if self.counts.kinds.is_empty() {
            let named = [RecordKind::Appointment, RecordKind::Treatment]
                .into_iter()
                .find(|kind| kind.as_str() == self.row.scope);
            return vec![(named.unwrap_or(RecordKind::Patient), &self.counts)];
        }
        self.counts.kinds.iter().map(|(kind, counts)| (*kind, counts)).collect()
    }

    /// Which part of what is linked both systems agreed on when it ended. Of a run of which no facts are kept: which part of
    /// what it compared it found equal.
    pub fn accuracy(&self) -> Share {
        match &self.facts {
            Some(facts) => accuracy(facts),
            None => Share { part: self.counts.equal, whole: self.counts.compared },
        }
    }

    /// Questions of both grades that it found open.
    pub fn flagged(&self) -> u64 {
        self.counts.conflicts.iter().sum()
    }

    /// Who or what asked for it, in words.
    pub fn asked_by(&self, around: &Around<'_>) -> String {
        match &self.row.actor {
            Some(person) => (around.name_of)(person),
            None => match self.row.trigger.as_str() {
                "reconciliation" | "batch" => "the schedule",
                "start" => "the start of VetSync",
                _ => "nobody named",
            }
            .to_owned(),
        }
    }

    /// How it ended, in words.
    pub fn outcome(&self) -> &'static str {
        match self.row.state.as_str() {
            "done" => "done",
            "stopped" => "stopped",
            _ => "failed",
        }
    }
}

/// What a run is called by what asked for it.
pub fn trigger_words(trigger: &str) -> &'static str {
    match trigger {
        "reconciliation" => "Daily reconciliation",
        "batch" => "Batch run",
        "start" => "Run at the start of VetSync",
        _ => "Run by hand",
    }
}

fn accuracy(facts: &RunFacts) -> Share {
    Share {
        part: facts.pairs.iter().map(|totals| totals.agreed).sum(),
        whole: facts.pairs.iter().map(engine::facts::PairTotals::linked).sum(),
    }
}

/// "Patients"
pub fn kind_words(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Patient => "Patients",
        RecordKind::Appointment => "Appointments",
        RecordKind::Treatment => "Treatments",
    }
}

/// "3 questions", "1 question".
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", Cell::Count(count).words(), if count == 1 { one } else { many })
}

fn row(cells: Vec<Cell>) -> Row {
    Row { cells, ..Row::default() }
}

/// Which rules settled how many fields of which kind.
pub fn rules_table(kinds: &[(RecordKind, RunCounts)]) -> Table {
    let rows = kinds.iter().flat_map(|(kind, counts)| {
        counts.rules.iter().map(|(rule, fields)| {
            let words = capitalised(&rule_words(*rule, None));
            row(vec![Cell::text(words), Cell::text(kind_words(*kind)), Cell::Count(*fields)])
        })
    });
    Table {
        id: "rules",
        title: "Settled by rule".to_owned(),
        columns: vec![
            Column::words("rule", "Because"),
            Column::words("kind", "Kind"),
            Column::figures("fields", "Fields"),
        ],
        rows: rows.collect(),
        empty: "No field was settled by rule.".to_owned(),
        left_out: 0,
    }
}

/// Adds up what runs counted, by kind, in the order of kinds.
pub fn by_kind<'a>(runs: impl IntoIterator<Item = &'a Ended>) -> Vec<(RecordKind, RunCounts)> {
    let mut sums: std::collections::BTreeMap<RecordKind, RunCounts> = std::collections::BTreeMap::new();
    for run in runs {
        for (kind, counts) in run.kinds() {
            sums.entry(kind).or_default().add(counts);
        }
    }
    sums.into_iter().collect()
}

/// Who decided what.
pub fn people_table(answers: &[Answered], since: &str, around: &Around<'_>) -> Table {
    let person = |answered: &Answered| {
        row(vec![
            Cell::text((around.name_of)(&answered.person)),
            Cell::Count(answered.approved),
            Cell::Count(answered.refused),
            Cell::Count(answered.likenesses),
        ])
    };
    Table {
        id: "people",
        title: format!("Decided by people {since}"),
        columns: vec![
            Column::words("person", "Person"),
            Column::figures("approved", "Plans approved"),
            Column::figures("refused", "Plans refused"),
            Column::figures("likenesses", "Animals told apart or linked"),
        ],
        rows: answers.iter().map(person).collect(),
        empty: "Nobody decided anything.".to_owned(),
        left_out: 0,
    }
}

/// What is still open, and what could not be read or written.
pub fn standing_tables(facts: &RunFacts, around: &Around<'_>) -> Vec<Table> {
    vec![open_table(facts, around), unreadable_table(facts, around), stuck_table(facts, around)]
}

fn open_table(facts: &RunFacts, around: &Around<'_>) -> Table {
    let question = |question: &OpenQuestion| {
        let labels: Vec<String> =
            question.fields.iter().map(|field| (around.label_of)(question.kind, field)).collect();
        Row {
            cells: vec![
                Cell::text(&question.conflict),
                question.kind.map_or(Cell::Nothing, |kind| Cell::text(kind_words(kind))),
                Cell::text(sort_words(question.cause)),
                if labels.is_empty() { Cell::Nothing } else { Cell::text(labels.join(", ")) },
                Cell::Count(question.grade.into()),
                around.moment(question.opened_at_ms),
                Cell::text(if question.decided { "decided, being written" } else { "open" }),
            ],
            leads_to: Some(question.conflict.clone()),
            about: Some(question.pair.clone()),
        }
    };
    Table {
        id: "open",
        title: "Still open".to_owned(),
        columns: vec![
            Column::words("question", "Question"),
            Column::words("kind", "Kind"),
            Column::words("cause", "Why it is asked"),
            Column::words("fields", "Fields"),
            Column::figures("grade", "Grade"),
            Column::words("since", "Since"),
            Column::words("stands", "Stands"),
        ],
        rows: facts.open.iter().map(question).collect(),
        empty: "No question was open.".to_owned(),
        left_out: facts.open_total.saturating_sub(facts.open.len() as u64),
    }
}

const fn sort_words(sort: Sort) -> &'static str {
    match sort {
        Sort::FieldsDiffer => "the systems differ",
        Sort::MaybeDuplicate => "may be one animal",
        Sort::NotStored => "a write was not stored",
        Sort::Vanished => "not shown any more",
        Sort::CannotCreate => "cannot be created as it is",
        Sort::RuleBroken => "a rule of the hospital is broken",
        Sort::Overwritten => "a colleague's change may be gone",
    }
}

fn unreadable_table(facts: &RunFacts, around: &Around<'_>) -> Table {
    let rows = facts.unreadable.iter().map(|cause| {
        row(vec![
            Cell::text(cause.remote.label()),
            cause.kind.map_or(Cell::Nothing, |kind| Cell::text(kind_words(kind))),
            if cause.field.is_empty() {
                Cell::Nothing
            } else {
                Cell::text((around.label_of)(cause.kind, &cause.field))
            },
            Cell::text(cause.class.replace('_', " ")),
            Cell::Count(cause.count),
        ])
    });
    Table {
        id: "unreadable",
        title: "Could not be read".to_owned(),
        columns: vec![
            Column::words("system", "System"),
            Column::words("kind", "Kind"),
            Column::words("field", "Field"),
            Column::words("problem", "Problem"),
            Column::figures("count", "Records"),
        ],
        rows: rows.collect(),
        empty: "Everything could be read.".to_owned(),
        left_out: 0,
    }
}

fn stuck_table(facts: &RunFacts, around: &Around<'_>) -> Table {
    let rows = facts.stuck.iter().map(|stuck| {
        let cause = Cause::parse(&stuck.cause);
        let system = cause.as_ref().map_or(Cell::Nothing, |cause| Cell::text(cause.remote.label()));
        let problem = cause.as_ref().map_or(Cell::Nothing, |cause| {
            let status = if cause.status == 0 { String::new() } else { format!(" ({})", cause.status) };
            Cell::text(format!("{}{status}", cause.kind.replace('_', " ")))
        });
        let labels: Vec<String> = cause
            .iter()
            .flat_map(|cause| &cause.fields)
            .map(|field| (around.label_of)(None, field))
            .collect();
        row(vec![
            system,
            problem,
            if labels.is_empty() { Cell::Nothing } else { Cell::text(labels.join(", ")) },
            Cell::Count(stuck.count),
            Cell::Count(stuck.parked),
        ])
    });
    Table {
        id: "stuck",
        title: "Not written yet".to_owned(),
        columns: vec![
            Column::words("system", "System"),
            Column::words("problem", "Problem"),
            Column::words("fields", "Fields"),
            Column::figures("count", "Writes"),
            Column::figures("parked", "Need an edit"),
        ],
        rows: rows.collect(),
        empty: "No write had failed.".to_owned(),
        left_out: 0,
    }
}

/// All rules, so that none is without words.
#[cfg(test)]
pub const RULES: [Rule; 8] = [
    Rule::OneSideChanged,
    Rule::BlankFilled,
    Rule::AllergyAdded,
    Rule::NeuteringRecorded,
    Rule::FinerDate,
    Rule::LinesMerged,
    Rule::BothChangedAlike,
    Rule::FurtherAlong,
];
