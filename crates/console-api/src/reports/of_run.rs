//! The report of one run: pure, from its row, its counts and what was kept of it.

use super::compose::{
    Around, Ended, by_kind, counted, kind_words, people_table, rules_table, standing_tables, trigger_words,
};
use engine::judge::index;
use record::Remote;
use report::{Cell, Column, Figure, Report, Row, Share, Table};

/// The report.
pub fn report(run: &Ended, before: Option<&Ended>, around: &Around<'_>) -> Report {
    let ended_ms = run.row.ended_at_ms.unwrap_or(run.row.started_at_ms);
    let (began, ended) = (around.local(run.row.started_at_ms), around.local(ended_ms));
    let mut tables = vec![kinds_table(run), rules_table(&by_kind([run])), writes_table(run)];
    if let Some(facts) = &run.facts {
        let since = format!("since {}", around.local(facts.since_ms).format("%a %-d %b %Y, %H:%M"));
        tables.push(people_table(&facts.answers, &since, around));
        tables.extend(standing_tables(facts, around));
    }
    Report {
        title: format!("{} of {}", trigger_words(&run.row.trigger), began.format("%a %-d %b %Y")),
        hospital: around.hospital.to_owned(),
        subject: format!(
            "{} to {} ({}), asked for by {}, {}",
            began.format("%a %-d %b %Y, %H:%M"),
            ended.format("%H:%M:%S"),
            around.zone.name(),
            run.asked_by(around),
            run.outcome(),
        ),
        id: run.row.id.clone(),
        as_of: around.stamp(ended_ms),
        notes: notes(run, before, around),
        summary: summary(run, before),
        tables,
    }
}

fn notes(run: &Ended, before: Option<&Ended>, around: &Around<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(run.row.problem.as_ref().map(|problem| {
        let first = problem.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", problem.chars().skip(1).collect::<String>().trim_end_matches('.'))
    }));
    notes.push(match before {
        Some(before) => comparison(run, before, around),
        None => "There is no earlier run of the same sort to compare with.".to_owned(),
    });
    if run.facts.is_none() {
        notes.push(
            "Who had decided and what was open when it ended was not kept: it ended together with VetSync, or under a \
             version that kept no reports."
                .to_owned(),
        );
    }
    notes
}

/// What became more and less, in words.
fn comparison(run: &Ended, before: &Ended, around: &Around<'_>) -> String {
    let when = around.local(before.row.started_at_ms).format("%a %-d %b %Y, %H:%M");
    let changed = |now: u64, then: u64, one: &str, many: &str| match now.cmp(&then) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(format!("{} more", counted(now - then, one, many))),
        std::cmp::Ordering::Less => Some(format!("{} fewer", counted(then - now, one, many))),
    };
    let mut parts: Vec<String> = [
        changed(run.counts.compared, before.counts.compared, "record compared", "records compared"),
        changed(run.counts.settled, before.counts.settled, "field settled", "fields settled"),
        changed(run.flagged(), before.flagged(), "question", "questions"),
        changed(run.counts.writes_failed, before.counts.writes_failed, "failed write", "failed writes"),
        changed(run.counts.malformed, before.counts.malformed, "unreadable record", "unreadable records"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (now, then) = (run.accuracy(), before.accuracy());
    if now.basis_points() != then.basis_points() {
        let words = |share: Share| Cell::Share(share).words();
        parts.push(format!("data accuracy {} after {}", words(now), words(then)));
    }
    if parts.is_empty() {
        format!("Nothing changed against the run before ({when}).")
    } else {
        format!("Against the run before ({when}): {}.", parts.join(", "))
    }
}

fn summary(run: &Ended, before: Option<&Ended>) -> Vec<Figure> {
    let figure = |id, label: &str, of: &dyn Fn(&Ended) -> Cell| Figure {
        id,
        label: label.to_owned(),
        cell: of(run),
        before: before.map(of).unwrap_or_default(),
    };
    let open = |run: &Ended| run.facts.as_ref().map_or(Cell::Nothing, |facts| Cell::Count(facts.open_total));
    vec![
        figure("accuracy", "Data accuracy", &|run| Cell::Share(run.accuracy())),
        figure("compared", "Compared", &|run| Cell::Count(run.counts.compared)),
        figure("equal", "Equal", &|run| Cell::Count(run.counts.equal)),
        figure("settled", "Fields settled by rule", &|run| Cell::Count(run.counts.settled)),
        figure("flagged", "Flagged for people", &|run| Cell::Count(run.flagged())),
        figure("open", "Open when it ended", &open),
        figure("linked", "Newly linked", &|run| Cell::Count(run.counts.linked)),
        figure("created", "Created on the side that lacked them", &|run| Cell::Count(run.counts.created)),
        figure("writes_servicenow", "Writes to ServiceNow", &|run| Cell::Count(run.counts.writes[0])),
        figure("writes_ehr", "Writes to the EHR", &|run| Cell::Count(run.counts.writes[1])),
        figure("writes_failed", "Writes that did not get through", &|run| {
            Cell::Count(run.counts.writes_failed)
        }),
        figure("unreadable", "Records that could not be read", &|run| Cell::Count(run.counts.malformed)),
        figure("possible_duplicates", "Possible duplicates found", &|run| {
            Cell::Count(run.counts.possible_duplicates)
        }),
        figure("vanished", "Not shown any more", &|run| Cell::Count(run.counts.vanished)),
        figure("waiting", "Waiting for their patient", &|run| Cell::Count(run.counts.waiting_for_patients)),
    ]
}

fn kinds_table(run: &Ended) -> Table {
    let rows = run.kinds().into_iter().map(|(kind, counts)| {
        let totals =
            run.facts.as_ref().and_then(|facts| facts.pairs.iter().find(|totals| totals.kind == kind));
        let accuracy = totals.map_or(Share { part: counts.equal, whole: counts.compared }, |totals| Share {
            part: totals.agreed,
            whole: totals.linked(),
        });
        let cells = vec![
            Cell::text(kind_words(kind)),
            Cell::Count(counts.servicenow),
            Cell::Count(counts.ehr),
            Cell::Count(counts.compared),
            Cell::Count(counts.equal),
            Cell::Count(counts.settled),
            Cell::Count(counts.conflicts.iter().sum()),
            Cell::Count(counts.created),
            Cell::Share(accuracy),
        ];
        Row { cells, ..Row::default() }
    });
    Table {
        id: "kinds",
        title: "By kind of record".to_owned(),
        columns: vec![
            Column::words("kind", "Kind"),
            Column::figures("servicenow", "In ServiceNow"),
            Column::figures("ehr", "In the EHR"),
            Column::figures("compared", "Compared"),
            Column::figures("equal", "Equal"),
            Column::figures("settled", "Settled"),
            Column::figures("flagged", "Flagged"),
            Column::figures("created", "Created"),
            Column::figures("accuracy", "Accuracy"),
        ],
        rows: rows.collect(),
        empty: "Nothing was compared.".to_owned(),
        left_out: 0,
    }
}

fn writes_table(run: &Ended) -> Table {
    let rows = run.kinds().into_iter().map(|(kind, counts)| {
        let of = |remote| Cell::Count(counts.writes[index(remote)]);
        let planned = |remote| Cell::Count(counts.planned_writes[index(remote)]);
        let cells = vec![
            Cell::text(kind_words(kind)),
            planned(Remote::ServiceNow),
            planned(Remote::Ehr),
            Cell::Count(counts.to_create),
            of(Remote::ServiceNow),
            of(Remote::Ehr),
            Cell::Count(counts.writes_failed),
        ];
        Row { cells, ..Row::default() }
    });
    Table {
        id: "writes",
        title: "Writes".to_owned(),
        columns: vec![
            Column::words("kind", "Kind"),
            Column::figures("planned_servicenow", "Planned in ServiceNow"),
            Column::figures("planned_ehr", "Planned in the EHR"),
            Column::figures("to_create", "To be created"),
            Column::figures("servicenow", "Done in ServiceNow"),
            Column::figures("ehr", "Done in the EHR"),
            Column::figures("failed", "Did not get through"),
        ],
        rows: rows.collect(),
        empty: "Nothing was written.".to_owned(),
        left_out: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::compose::RULES;
    use super::*;
    use engine::counts::RunCounts;
    use engine::facts::{Answered, OpenQuestion, PairTotals, RunFacts, Sort, Stuck, Unreadable};
    use record::RecordKind;
    use store::RunRow;

    /// Mon 23 Nov 2026, 02:00 in New York.
    const NIGHT: i64 = 1_795_417_200_000;

    fn around() -> Around<'static> {
        Around {
            hospital: "Riverside",
            zone: chrono_tz::Tz::America__New_York,
            name_of: &|id| if id == "ana" { "Ana Adams".to_owned() } else { id.to_owned() },
            label_of: &|_, field| format!("label of {field}"),
        }
    }

    fn ended(id: &str, started_at_ms: i64, counts: RunCounts, facts: Option<RunFacts>) -> Ended {
        let row = RunRow {
            id: id.to_owned(),
            trigger: "reconciliation".to_owned(),
            actor: None,
            scope: "all".to_owned(),
            state: "done".to_owned(),
            started_at_ms,
            ended_at_ms: Some(started_at_ms + 74_000),
            counts: String::new(),
            problem: None,
        };
        Ended { row, counts, facts }
    }

    fn of_kind(kind: RecordKind, compared: u64, equal: u64) -> (RecordKind, RunCounts) {
        let rules = vec![(RULES[0], 2), (RULES[1], 1)];
        let counts = RunCounts {
            compared,
            equal,
            settled: 3,
            rules,
            writes: [2, 1],
            conflicts: [compared - equal, 0],
            ..RunCounts::default()
        };
        (kind, counts)
    }

    fn facts() -> RunFacts {
        RunFacts {
            before: Some("r0".to_owned()),
            since_ms: NIGHT - 86_400_000,
            pairs: vec![PairTotals {
                kind: RecordKind::Patient,
                agreed: 98,
                waiting: 1,
                differs: 1,
                single: 7,
            }],
            answers: vec![Answered { person: "ana".to_owned(), approved: 4, refused: 1, likenesses: 2 }],
            open: vec![OpenQuestion {
                conflict: "c1".to_owned(),
                pair: "p1".to_owned(),
                kind: Some(RecordKind::Patient),
                cause: Sort::FieldsDiffer,
                grade: 4,
                fields: vec!["species".to_owned(), "allergies".to_owned()],
                opened_at_ms: NIGHT - 3_600_000,
                decided: false,
            }],
            open_total: 41,
            unreadable: vec![Unreadable {
                remote: Remote::Ehr,
                kind: Some(RecordKind::Patient),
                field: "birth_date".to_owned(),
                class: "not_a_date".to_owned(),
                count: 3,
            }],
            stuck: vec![Stuck { cause: "ehr refused 422 owner_phone -".to_owned(), count: 5, parked: 2 }],
        }
    }

    fn figure<'r>(report: &'r Report, id: &str) -> &'r Figure {
        report.summary.iter().find(|figure| figure.id == id).unwrap()
    }

    fn table<'r>(report: &'r Report, id: &str) -> &'r Table {
        report.tables.iter().find(|table| table.id == id).unwrap()
    }

    fn words(row: &Row) -> Vec<String> {
        row.cells.iter().map(Cell::words).collect()
    }

    fn two_kinds() -> RunCounts {
        let kinds = vec![of_kind(RecordKind::Patient, 100, 97), of_kind(RecordKind::Appointment, 50, 50)];
        let mut sum = RunCounts::default();
        for (_, one) in &kinds {
            sum.add(one);
        }
        sum.kinds = kinds;
        sum
    }

    #[test]
    fn everything_that_was_kept_is_told_once() {
        let run = ended("r1", NIGHT, two_kinds(), Some(facts()));
        let report = report(&run, None, &around());
        assert_eq!(report.title, "Daily reconciliation of Mon 23 Nov 2026");
        assert!(report.subject.starts_with("Mon 23 Nov 2026, 02:00 to 02:01:14 (America/New_York)"));
        assert_eq!(report.as_of.offset_minutes, -300);
        let of = |id| figure(&report, id).cell.words();
        // What agrees of what is linked, and not of what stands alone.
        assert_eq!(of("accuracy"), "98.00 %");
        assert_eq!(
            (of("compared"), of("equal"), of("flagged"), of("open")),
            ("150".into(), "147".into(), "3".into(), "41".into())
        );
        assert_eq!((of("writes_servicenow"), of("writes_ehr")), ("4".into(), "2".into()));
        let kinds = table(&report, "kinds");
        assert_eq!(words(&kinds.rows[0])[3..5], ["100", "97"]);
        assert_eq!(words(&kinds.rows[1])[3..5], ["50", "50"]);
        let settled: f64 = table(&report, "rules").rows.iter().filter_map(|row| row.cells[2].number()).sum();
        assert_eq!(
            Some(settled),
            figure(&report, "settled").cell.number(),
            "every settled field has its rule"
        );
        assert_eq!(words(&table(&report, "people").rows[0]), ["Ana Adams", "4", "1", "2"]);
        let open = table(&report, "open");
        assert_eq!(open.left_out, 40);
        assert_eq!(open.rows[0].about.as_deref(), Some("p1"));
        assert_eq!(
            words(&open.rows[0]),
            [
                "c1",
                "Patients",
                "the systems differ",
                "label of species, label of allergies",
                "4",
                "2026-11-23 01:00",
                "open"
            ]
        );
        assert_eq!(
            words(&table(&report, "unreadable").rows[0]),
            ["EHR", "Patients", "label of birth_date", "not a date", "3"]
        );
        assert_eq!(
            words(&table(&report, "stuck").rows[0]),
            ["EHR", "refused (422)", "label of owner_phone", "5", "2"]
        );
        for table in &report.tables {
            for row in &table.rows {
                assert_eq!(row.cells.len(), table.columns.len(), "{}", table.id);
            }
        }
    }

    #[test]
    fn the_run_before_is_compared_with_in_words() {
        let then =
            RunCounts { compared: 160, equal: 157, settled: 6, conflicts: [1, 1], ..RunCounts::default() };
        let before = ended("r0", NIGHT - 86_400_000, then, None);
        let run = ended("r1", NIGHT, two_kinds(), Some(facts()));
        let told = report(&run, Some(&before), &around());
        assert_eq!(
            told.notes,
            [
                "Against the run before (Sun 22 Nov 2026, 02:00): 10 records compared fewer, 1 question more, data accuracy 98.00 % after 98.12 %."
            ]
        );
        assert_eq!(figure(&told, "compared").before, Cell::Count(160));
        let same = report(&run, Some(&ended("r0", NIGHT, two_kinds(), Some(facts()))), &around());
        assert_eq!(same.notes, ["Nothing changed against the run before (Mon 23 Nov 2026, 02:00)."]);
    }

    #[test]
    fn a_run_of_which_nothing_was_kept_says_so() {
        let mut run = ended("r1", NIGHT, RunCounts { compared: 4, equal: 3, ..RunCounts::default() }, None);
        run.row.problem = Some("the EHR could not be reached".to_owned());
        run.row.state = "failed".to_owned();
        let told = report(&run, None, &around());
        assert_eq!(told.notes.first().map(String::as_str), Some("The EHR could not be reached."));
        assert!(told.notes.iter().any(|note| note.contains("was not kept")), "{:?}", told.notes);
        assert_eq!(figure(&told, "accuracy").cell.words(), "75.00 %");
        assert_eq!(figure(&told, "open").cell, Cell::Nothing);
        assert!(told.tables.iter().all(|table| table.id != "open"));
    }

    #[test]
    fn every_rule_has_words_of_its_own() {
        let words: std::collections::BTreeSet<String> =
            RULES.iter().map(|rule| crate::words::rule_words(*rule, None)).collect();
        assert_eq!(words.len(), RULES.len());
    }
}
