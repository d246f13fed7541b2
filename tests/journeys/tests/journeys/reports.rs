//! Reports: of a run and of days, the same figures in every form; what a run's report says stays, whatever happens later.

use base64::Engine as _;
use console_api::dto::{ErrorCode, ReportFile, ReportTable, ReportView};
use journeys::{Desk, World, edit};
use record::Remote;
use serde_json::{Value, json};
use std::io::{Cursor, Read as _};

const PHONE_OURS: &str = "(415) 555-2671";
const PHONE_EHR: &str = "+14155550123";

fn of(run: &str) -> Value {
    json!({ "runId": run, "from": null, "to": null, "span": null })
}

async fn report(desk: &Desk, query: Value) -> ReportView {
    desk.call("reports.get", query).await
}

async fn file(desk: &Desk, query: &Value, format: &str) -> (String, Vec<u8>) {
    let made: ReportFile = desk.call("reports.export", json!({ "report": query, "format": format })).await;
    (made.name, base64::engine::general_purpose::STANDARD.decode(made.base64).unwrap())
}

fn figure(report: &ReportView, id: &str) -> f64 {
    let figure = report.summary.iter().find(|figure| figure.id == id);
    let figure = figure.unwrap_or_else(|| panic!("no {id} in {:?}", report.summary));
    figure.value.number.unwrap_or_else(|| panic!("{id} is {:?}", figure.value))
}

fn table<'r>(report: &'r ReportView, id: &str) -> &'r ReportTable {
    report.tables.iter().find(|table| table.id == id).unwrap_or_else(|| panic!("no table {id}"))
}

/// One animal whose owner's phone differs, and one of which only ServiceNow changed the phone.
fn differing(world: &World) -> (String, String) {
    let suits = world.animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty());
    let [(asked, chart), (settled, _)] = &suits[..2] else { panic!("two animals with phones") };
    world.edit_row(asked, &[("u_owner_phone", PHONE_OURS)]);
    world.ehr_phone(chart, PHONE_EHR);
    world.edit_row(settled, &[("u_owner_phone", "(415) 555-9999")]);
    (asked.clone(), settled.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_runs_report_holds_the_same_figures_and_keeps_them() {
    let world = World::calm(20).await;
    let desk = world.compared().await;
    let (asked, _) = differing(&world);
    let run = desk.run().await;
    let page = report(&desk, of(&run.id)).await;

    // The page says what the run counted.
    assert!(page.title.starts_with("Run by hand of "), "{}", page.title);
    for (id, counted) in [
        ("compared", run.counts.compared),
        ("equal", run.counts.equal),
        ("settled", run.counts.settled),
        ("flagged", run.counts.conflicts),
        ("writes_servicenow", run.counts.writes_servicenow),
        ("writes_ehr", run.counts.writes_ehr),
    ] {
        assert!((figure(&page, id) - f64::from(counted)).abs() < f64::EPSILON, "{id}");
    }
    assert_eq!((run.counts.settled, run.counts.conflicts, run.counts.writes_ehr), (1, 1, 1));
    let by_rule: f64 = table(&page, "rules").rows.iter().filter_map(|row| row.cells[2].number).sum();
    assert!((by_rule - 1.0).abs() < f64::EPSILON, "every settled field has its rule");
    assert!((figure(&page, "accuracy") - 95.0).abs() < f64::EPSILON, "19 of 20 agree");
    let words = page.notes.join(" ");
    assert!(
        words.contains("1 question more") && words.contains("data accuracy 95.00 % after 100.00 %"),
        "{words}"
    );
    let [open] = &table(&page, "open").rows[..] else { panic!("one open question") };
    let patient = desk.patient(&desk.patient_id(Remote::ServiceNow, &asked).await).await;
    assert_eq!(open.name.as_deref(), Some(patient.patient.name.as_str()));
    let conflict = open.leads_to.clone().expect("it leads to the question");

    // So does every file, and no file names the patient.
    let query = of(&run.id);
    let (name, lines) = file(&desk, &query, "csv").await;
    assert_eq!((name.split('.').nth(1), name.starts_with("vetsync-run-")), (Some("csv"), true), "{name}");
    let lines = String::from_utf8(lines).unwrap();
    let (_, json) = file(&desk, &query, "json").await;
    let as_json: ReportView = serde_json::from_slice(&json).unwrap();
    let (_, workbook) = file(&desk, &query, "xlsx").await;
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut sheet = String::new();
    archive.by_name("xl/worksheets/sheet1.xml").unwrap().read_to_string(&mut sheet).unwrap();
    for figure in &page.summary {
        let Some(number) = figure.value.number else { continue };
        let percent = figure.value.text.ends_with('%');
        let plain = if percent { format!("{number:.2}") } else { number.to_string() };
        assert!(lines.contains(&format!(",{},{plain},", figure.id)), "{} {plain}: {lines}", figure.id);
        let cell = if percent { number / 100.0 } else { number };
        assert!(sheet.contains(&format!("<v>{cell}</v>")), "{} {cell}: {sheet}", figure.id);
    }
    assert_eq!(as_json.summary, page.summary);
    let (name, document) = file(&desk, &query, "pdf").await;
    assert_eq!((name.split('.').nth(1), document.starts_with(b"%PDF-1.7")), (Some("pdf"), true), "{name}");
    assert!(
        !lines.contains(&patient.patient.name)
            && !String::from_utf8(json).unwrap().contains(&patient.patient.name)
    );

    // What happens afterwards is told by the next report; the old ones stay as they were, to the byte.
    let view = desk.compare(&conflict).await;
    let choices: Vec<(&str, &str, Option<&str>)> =
        view.fields.iter().map(|field| (field.field.as_str(), "take_service_now", None)).collect();
    desk.decide(&view, &choices).await;
    let next = desk.run().await;
    let after = report(&desk, of(&next.id)).await;
    assert!(table(&after, "open").rows.is_empty());
    let [decided] = &table(&after, "people").rows[..] else { panic!("one person decided") };
    let who: Value = desk.call("session.get", json!({})).await;
    assert_eq!(Some(decided.cells[0].text.as_str()), who["person"]["name"].as_str());
    assert_eq!(decided.cells[1].number, Some(1.0));
    assert_eq!(report(&desk, of(&run.id)).await, page);
    assert_eq!(file(&desk, &query, "pdf").await.1, document);

    // The day has all three runs, and the writes of rules and of people.
    let day = report(&desk, json!({ "runId": null, "from": null, "to": null, "span": "day" })).await;
    assert!((figure(&day, "runs") - 3.0).abs() < f64::EPSILON);
    let writes = &table(&day, "writes").rows;
    let sum = |column: usize| writes.iter().filter_map(|row| row.cells[column].number).sum::<f64>();
    assert_eq!((sum(3), sum(4)), (1.0, 1.0), "{writes:?}");
    assert!((figure(&day, "decided") - 1.0).abs() < f64::EPSILON);
    desk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_made_says_why() {
    let world = World::calm(3).await;
    let desk = world.compared().await;
    for (query, code, says) in [
        (of("none"), ErrorCode::NotFound, "run"),
        (
            json!({ "runId": null, "from": "yesterday", "to": null, "span": null }),
            ErrorCode::Invalid,
            "(from)",
        ),
        (
            json!({ "runId": null, "from": "2026-02-01", "to": "2026-01-01", "span": null }),
            ErrorCode::Invalid,
            "before",
        ),
    ] {
        let refused = desk.refused("reports.get", query).await;
        assert_eq!(refused.code, code, "{refused:?}");
        assert!(refused.message.contains(says) && !refused.way_out.is_empty(), "{refused:?}");
    }
    // A day on which nothing ran is told as such.
    let quiet = report(&desk, json!({ "runId": null, "from": "2020-02-29", "to": null, "span": null })).await;
    assert!(quiet.notes[0].starts_with("No run ended"), "{:?}", quiet.notes);
    assert_eq!(quiet.period.expect("days").next, "2020-03-01");
    desk.close().await;
}
