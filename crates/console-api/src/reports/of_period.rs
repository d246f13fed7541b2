//! The report of days: pure, from the runs of those days, what people answered and what was written meanwhile.

use super::compose::{
    Around, Ended, by_kind, kind_words, people_table, rules_table, standing_tables, trigger_words,
};
use super::days::Days;
use engine::facts::Answered;
use record::{RecordKind, Remote};
use report::{Cell, Column, Figure, Report, Row, Share, Table};
use store::{OperationAction, QuestionCounts, WriteCount};

/// Runs that are listed one by one; all of them are counted.
const RUNS_MAX: usize = 500;

/// What happened in some days.
pub struct Period {
    /// Runs that began in them and have ended, in order.
    pub runs: Vec<Ended>,
    pub writes: Vec<WriteCount>,
    pub answers: Vec<Answered>,
    pub questions: QuestionCounts,
}

impl Period {
    /// The last run of which facts were kept: how everything stood at the end.
    fn last(&self) -> Option<&Ended> {
        self.runs.iter().rev().find(|run| run.facts.is_some())
    }

    fn written(&self, remote: Remote, by_person: Option<bool>) -> u64 {
        let counted = |count: &&WriteCount| {
            count.remote == remote && by_person.is_none_or(|by_person| count.by_person == by_person)
        };
        self.writes.iter().filter(counted).map(|count| count.count).sum()
    }

    fn sum(&self, of: impl Fn(&Ended) -> u64) -> u64 {
        self.runs.iter().map(of).sum()
    }
}

/// The report. `as_of_ms` is when it was true: the end of the days, or now.
pub fn report(
    days: &Days,
    now: &Period,
    before: Option<&Period>,
    as_of_ms: i64,
    around: &Around<'_>,
) -> Report {
    let (first, last) = (days.first.format("%a %-d %b %Y"), days.last.format("%a %-d %b %Y"));
    let words = if days.first == days.last { first.to_string() } else { format!("{first} to {last}") };
    let sums = by_kind(&now.runs);
    let mut tables = vec![runs_table(now, around), kinds_table(&sums), rules_table(&sums), writes_table(now)];
    tables.push(people_table(&now.answers, "in these days", around));
    if let Some(facts) = now.last().and_then(|run| run.facts.as_ref()) {
        tables.extend(standing_tables(facts, around));
    }
    let mut notes = Vec::new();
    match now.last() {
        Some(run) => {
            let ended_ms = run.row.ended_at_ms.unwrap_or(run.row.started_at_ms);
            let at = around.local(ended_ms).format("%a %-d %b %Y, %H:%M");
            notes.push(format!("Data accuracy and what was open are as of {at}, when the last run ended."));
        }
        None => {
            notes.push("No run ended in these days, so nothing is known of how everything stood.".to_owned());
        }
    }
    if before.is_some_and(|before| !before.runs.is_empty()) {
        notes.push("\"Before\" is the same span right before these days.".to_owned());
    }
    Report {
        title: format!("Synchronisation, {words}"),
        hospital: around.hospital.to_owned(),
        subject: format!("{words} ({})", around.zone.name()),
        id: format!("{} {}", days.first, days.last),
        as_of: around.stamp(as_of_ms),
        notes,
        summary: summary(now, before.filter(|before| !before.runs.is_empty())),
        tables,
    }
}

fn summary(now: &Period, before: Option<&Period>) -> Vec<Figure> {
    let figure = |id, label: &str, of: &dyn Fn(&Period) -> Cell| Figure {
        id,
        label: label.to_owned(),
        cell: of(now),
        before: before.map(of).unwrap_or_default(),
    };
    let standing = |of: &dyn Fn(&Ended) -> Cell, period: &Period| period.last().map(of).unwrap_or_default();
    let open = |run: &Ended| run.facts.as_ref().map_or(Cell::Nothing, |facts| Cell::Count(facts.open_total));
    vec![
        figure("accuracy", "Data accuracy", &|period| standing(&|run| Cell::Share(run.accuracy()), period)),
        figure("runs", "Runs", &|period| Cell::Count(period.runs.len() as u64)),
        figure("runs_done", "Runs that were completed", &|period| {
            Cell::Share(Share {
                part: period.sum(|run| u64::from(run.row.state == "done")),
                whole: period.runs.len() as u64,
            })
        }),
        figure("compared", "Comparisons", &|period| Cell::Count(period.sum(|run| run.counts.compared))),
        figure("equal", "Found equal", &|period| Cell::Count(period.sum(|run| run.counts.equal))),
        figure("settled", "Fields settled by rule in runs", &|period| {
            Cell::Count(period.sum(|run| run.counts.settled))
        }),
        figure("opened", "Questions that came up", &|period| Cell::Count(period.questions.opened)),
        figure("closed", "Questions that were closed", &|period| Cell::Count(period.questions.closed)),
        figure("decided", "Of these, decided by people", &|period| Cell::Count(period.questions.decided)),
        figure("open", "Open at the end", &|period| standing(&open, period)),
        figure("writes_servicenow", "Writes to ServiceNow", &|period| {
            Cell::Count(period.written(Remote::ServiceNow, None))
        }),
        figure("writes_ehr", "Writes to the EHR", &|period| Cell::Count(period.written(Remote::Ehr, None))),
        figure("writes_failed", "Writes of runs that did not get through", &|period| {
            Cell::Count(period.sum(|run| run.counts.writes_failed))
        }),
    ]
}

fn runs_table(now: &Period, around: &Around<'_>) -> Table {
    let listed = now.runs.len().min(RUNS_MAX);
    let row = |run: &Ended| Row {
        cells: vec![
            around.moment(run.row.started_at_ms),
            Cell::text(match &run.row.actor {
                Some(person) => (around.name_of)(person),
                None => trigger_words(&run.row.trigger).to_owned(),
            }),
            Cell::text(run.outcome()),
            Cell::Count(run.counts.compared),
            Cell::Count(run.counts.equal),
            Cell::Count(run.counts.settled),
            Cell::Count(run.flagged()),
            Cell::Count(run.counts.writes.iter().sum()),
            Cell::Share(run.accuracy()),
        ],
        leads_to: Some(run.row.id.clone()),
        about: None,
    };
    Table {
        id: "runs",
        title: "Runs".to_owned(),
        columns: vec![
            Column::words("began", "Began"),
            Column::words("asked_by", "Asked for by"),
            Column::words("outcome", "Outcome"),
            Column::figures("compared", "Compared"),
            Column::figures("equal", "Equal"),
            Column::figures("settled", "Settled"),
            Column::figures("flagged", "Flagged"),
            Column::figures("writes", "Writes"),
            Column::figures("accuracy", "Accuracy"),
        ],
        // The latest are what is looked for.
        rows: now.runs.iter().skip(now.runs.len() - listed).map(row).collect(),
        empty: "No run ended in these days.".to_owned(),
        left_out: (now.runs.len() - listed) as u64,
    }
}

fn kinds_table(sums: &[(RecordKind, engine::counts::RunCounts)]) -> Table {
    let rows = sums.iter().map(|(kind, counts)| {
        let cells = vec![
            Cell::text(kind_words(*kind)),
            Cell::Count(counts.compared),
            Cell::Count(counts.equal),
            Cell::Count(counts.settled),
            Cell::Count(counts.linked),
            Cell::Count(counts.created),
            Cell::Count(counts.malformed),
        ];
        Row { cells, ..Row::default() }
    });
    Table {
        id: "kinds",
        title: "By kind of record, all runs together".to_owned(),
        columns: vec![
            Column::words("kind", "Kind"),
            Column::figures("compared", "Compared"),
            Column::figures("equal", "Equal"),
            Column::figures("settled", "Settled"),
            Column::figures("linked", "Linked"),
            Column::figures("created", "Created"),
            Column::figures("unreadable", "Unreadable"),
        ],
        rows: rows.collect(),
        empty: "Nothing was compared.".to_owned(),
        left_out: 0,
    }
}

/// What was carried out, whichever way it was asked for: runs, events, decisions.
fn writes_table(now: &Period) -> Table {
    let mut keys: Vec<(usize, RecordKind, bool)> = now.writes.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    let rows = keys.into_iter().map(|wanted| {
        let (remote, kind, creates) = wanted;
        let of = |by_person: bool| {
            let counted =
                now.writes.iter().filter(|count| key(count) == wanted && count.by_person == by_person);
            Cell::Count(counted.map(|count| count.count).sum())
        };
        let cells = vec![
            Cell::text(Remote::BOTH[remote].label()),
            Cell::text(kind_words(kind)),
            Cell::text(if creates { "created" } else { "changed" }),
            of(false),
            of(true),
        ];
        Row { cells, ..Row::default() }
    });
    Table {
        id: "writes",
        title: "Writes that were carried out and read back".to_owned(),
        columns: vec![
            Column::words("system", "System"),
            Column::words("kind", "Kind"),
            Column::words("action", "What"),
            Column::figures("by_rules", "By rules"),
            Column::figures("by_people", "Approved by people"),
        ],
        rows: rows.collect(),
        empty: "Nothing was written.".to_owned(),
        left_out: 0,
    }
}

const fn key(count: &WriteCount) -> (usize, RecordKind, bool) {
    (engine::judge::index(count.remote), count.kind, matches!(count.action, OperationAction::Create))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dto::{ReportQuery, ReportSpan};
    use engine::counts::RunCounts;
    use engine::facts::{PairTotals, RunFacts};
    use store::RunRow;

    const NIGHT: i64 = 1_795_417_200_000;

    fn around() -> Around<'static> {
        Around {
            hospital: "Riverside",
            zone: chrono_tz::Tz::America__New_York,
            name_of: &|id| id.to_uppercase(),
            label_of: &|_, field| field.to_owned(),
        }
    }

    fn days() -> Days {
        let query = ReportQuery { span: Some(ReportSpan::Week), ..ReportQuery::default() };
        Days::asked(&query, chrono_tz::Tz::America__New_York, NIGHT).unwrap()
    }

    fn run(id: &str, at_ms: i64, state: &str, compared: u64, agreed: Option<u64>) -> Ended {
        let pairs = |agreed| {
            vec![PairTotals {
                kind: RecordKind::Patient,
                agreed,
                waiting: 0,
                differs: 100 - agreed,
                single: 0,
            }]
        };
        Ended {
            row: RunRow {
                id: id.to_owned(),
                trigger: "batch".to_owned(),
                actor: None,
                scope: "all".to_owned(),
                state: state.to_owned(),
                started_at_ms: at_ms,
                ended_at_ms: Some(at_ms + 1_000),
                counts: String::new(),
                problem: None,
            },
            counts: RunCounts {
                compared,
                equal: compared,
                settled: 1,
                writes_failed: 2,
                ..RunCounts::default()
            },
            facts: agreed.map(|agreed| RunFacts {
                pairs: pairs(agreed),
                open_total: 9,
                ..RunFacts::default()
            }),
        }
    }

    fn write(remote: Remote, action: OperationAction, by_person: bool, count: u64) -> WriteCount {
        WriteCount { remote, kind: RecordKind::Patient, action, by_person, count }
    }

    fn period(runs: Vec<Ended>) -> Period {
        Period {
            runs,
            writes: vec![
                write(Remote::ServiceNow, OperationAction::Update, false, 5),
                write(Remote::ServiceNow, OperationAction::Update, true, 2),
                write(Remote::ServiceNow, OperationAction::Create, false, 1),
                write(Remote::Ehr, OperationAction::Update, false, 7),
            ],
            answers: vec![Answered { person: "ana".to_owned(), approved: 2, ..Answered::default() }],
            questions: QuestionCounts { opened: 6, closed: 4, decided: 3 },
        }
    }

    fn words(report: &Report, id: &str) -> String {
        report.summary.iter().find(|figure| figure.id == id).unwrap().cell.words()
    }

    #[test]
    fn runs_are_summed_and_the_end_is_what_the_last_one_left() {
        let runs = vec![
            run("r1", NIGHT, "done", 100, Some(90)),
            run("r2", NIGHT + 60_000, "done", 50, Some(97)),
            run("r3", NIGHT + 120_000, "failed", 7, None),
        ];
        let told = report(&days(), &period(runs), None, NIGHT + 200_000, &around());
        assert_eq!(told.title, "Synchronisation, Mon 23 Nov 2026 to Sun 29 Nov 2026");
        let of = |id| words(&told, id);
        assert_eq!(
            (of("compared"), of("runs"), of("runs_done")),
            ("157".into(), "3".into(), "66.66 %".into())
        );
        assert_eq!((of("accuracy"), of("open")), ("97.00 %".into(), "9".into()));
        assert_eq!((of("opened"), of("closed"), of("decided")), ("6".into(), "4".into(), "3".into()));
        assert_eq!(
            (of("writes_servicenow"), of("writes_ehr"), of("writes_failed")),
            ("8".into(), "7".into(), "6".into())
        );
        let writes = told.tables.iter().find(|table| table.id == "writes").unwrap();
        let rows: Vec<Vec<String>> =
            writes.rows.iter().map(|row| row.cells.iter().map(Cell::words).collect()).collect();
        assert_eq!(
            rows,
            [
                ["ServiceNow", "Patients", "changed", "5", "2"],
                ["ServiceNow", "Patients", "created", "1", "0"],
                ["EHR", "Patients", "changed", "7", "0"],
            ]
        );
        assert!(told.summary.iter().all(|figure| figure.before == Cell::Nothing));
    }

    #[test]
    fn the_span_before_stands_beside() {
        let now = period(vec![run("r1", NIGHT, "done", 100, Some(90))]);
        let before = period(vec![run("r0", NIGHT - 604_800_000, "done", 80, Some(80))]);
        let told = report(&days(), &now, Some(&before), NIGHT, &around());
        let accuracy = told.summary.iter().find(|figure| figure.id == "accuracy").unwrap();
        assert_eq!((accuracy.cell.words(), accuracy.before.words()), ("90.00 %".into(), "80.00 %".into()));
        assert!(told.notes.iter().any(|note| note.contains("right before")), "{:?}", told.notes);
    }

    #[test]
    fn days_without_a_run_say_so() {
        let told = report(&days(), &period(Vec::new()), None, NIGHT, &around());
        assert!(told.notes[0].starts_with("No run ended"), "{:?}", told.notes);
        assert_eq!(words(&told, "accuracy"), "–");
        assert_eq!(words(&told, "writes_ehr"), "7", "what events and people wrote counts all the same");
    }
}
