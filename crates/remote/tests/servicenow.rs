//! The ServiceNow client against a small table over TLS.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

use record::{RecordKind, Remote};
use remote::servicenow::{ServiceNow, ServiceNowSettings, TableSettings};
use remote::{Cursor, ListScope, Next, Page, Place, RemoteApi, RemoteError, Write};
use serde_json::{Value, json as value};
use std::sync::{Arc, Mutex};
use support::{Clock, NOON_MS, Reply, Seen, Server, json, serve};

const TABLE: &str = "/api/now/table/u_patient_record";

/// Rows as ServiceNow keeps them; `hidden` ones are dropped after the limit was applied, as access rules do.
#[derive(Default)]
struct Rows {
    all: Vec<Value>,
    hidden: Vec<String>,
    /// Conditions are dropped, everything comes back.
    ignores_conditions: bool,
    /// Pages of more rows than this break off.
    page_max: Option<usize>,
    /// `/stats` is closed.
    no_stats: bool,
    /// The answer about the table's count gets lost.
    loses_stats: bool,
    /// What the dictionary says of the unique index of the EHR's id, if it says anything.
    unique: Option<bool>,
    /// What the instance's clock shows.
    date: Option<&'static str>,
}

fn row(number: u32, updated_on: &str) -> Value {
    value!({"sys_id": format!("{number:032x}"), "sys_mod_count": "4", "sys_updated_on": updated_on,
            "sys_updated_by": "jdoe", "u_patient_name": format!("Patient {number}"), "u_ehr_id": format!("p-{number}")})
}

fn text<'a>(row: &'a Value, column: &str) -> &'a str {
    row[column].as_str().unwrap_or_default()
}

impl Rows {
    fn answer(&self, seen: &Seen) -> Reply {
        if seen.path.starts_with("/api/now/stats/") {
            if self.loses_stats {
                return json(503, "");
            }
            if self.no_stats {
                return json(403, include_str!("fixtures/servicenow-403-acl.json"));
            }
            return json(200, value!({"result": {"stats": {"count": self.all.len().to_string()}}}));
        }
        if seen.path == "/api/now/table/sys_dictionary" {
            let entry = |element: &str| value!({"name": "u_patient_record", "element": element, "internal_type": "string", "max_length": "100", "mandatory": "false"});
            let mut ehr_id = entry("u_ehr_id");
            if let Some(unique) = self.unique {
                ehr_id["unique"] = unique.to_string().into();
            }
            return json(
                200,
                value!({"result": [entry("u_patient_name"), ehr_id, entry("microchip_id"), value!({"name": "incident", "element": "u_breed"})]}),
            );
        }
        if let Some(key) = seen.path.strip_prefix(&format!("{TABLE}/")) {
            return match self.all.iter().find(|row| text(row, "sys_id") == key) {
                Some(row) => json(200, value!({ "result": row })),
                None => json(404, include_str!("fixtures/servicenow-404-record.json")),
            };
        }
        assert_eq!(seen.path, TABLE);
        let query = seen.parameter("sysparm_query").unwrap();
        let limit: usize = seen.parameter("sysparm_limit").unwrap().parse().unwrap();
        let offset: usize = seen.parameter("sysparm_offset").map_or(0, |text| text.parse().unwrap());
        let mut found: Vec<&Value> = self
            .all
            .iter()
            .filter(|row| {
                self.ignores_conditions
                    || query
                        .split('^')
                        .filter(|part| !part.starts_with("ORDERBY"))
                        .all(|part| holds(row, part))
            })
            .collect();
        let order: Vec<&str> = query.split('^').filter_map(|part| part.strip_prefix("ORDERBY")).collect();
        found.sort_by_key(|row| order.iter().map(|column| text(row, column).to_owned()).collect::<Vec<_>>());
        let total = found.len();
        let page: Vec<&Value> = found
            .into_iter()
            .skip(offset)
            .take(limit)
            .filter(|row| !self.hidden.contains(&text(row, "sys_id").to_owned()))
            .collect();
        if self.page_max.is_some_and(|most| page.len() > most) {
            return json(200, include_str!("fixtures/servicenow-200-truncated-by-quota.txt"));
        }
        let page = json(200, value!({ "result": page })).with("x-total-count", total.to_string());
        match self.date {
            Some(date) => page.with("date", date),
            None => page,
        }
    }
}

fn holds(row: &Value, condition: &str) -> bool {
    for operator in [">=", ">", "="] {
        if let Some((column, bound)) = condition.split_once(operator) {
            let value = text(row, column);
            return match operator {
                ">=" => value >= bound,
                ">" => value > bound,
                _ => value == bound,
            };
        }
    }
    panic!("a condition that the test does not know: {condition}")
}

fn client(server: &Server, clock: &Clock, page_rows: u32) -> ServiceNow {
    let table = TableSettings {
        kind: RecordKind::Patient,
        table: "u_patient_record".into(),
        columns: vec!["patient_name".into(), "microchip_id".into(), "breed".into()],
        ehr_id_column: "ehr_id".into(),
    };
    let settings = ServiceNowSettings { page_rows, ..ServiceNowSettings::new(&server.url, vec![table]) };
    ServiceNow::new(settings, server.transport(), server.sign_in(Remote::ServiceNow, clock), clock.now())
        .unwrap()
}

fn table(rows: Rows) -> (Server, Arc<Mutex<Rows>>) {
    let rows = Arc::new(Mutex::new(rows));
    let shared = Arc::clone(&rows);
    (serve(move |seen| shared.lock().unwrap().answer(seen)), rows)
}

/// Reads to the end: the keys in order, and how it ended.
async fn read_all(client: &ServiceNow, scope: &ListScope) -> (Vec<String>, Next) {
    let (mut keys, mut cursor): (Vec<String>, Option<Cursor>) = (Vec::new(), None);
    for _ in 0..1_000 {
        let Page { items, malformed, next, .. } =
            client.list(RecordKind::Patient, scope, cursor.as_ref()).await.unwrap();
        assert!(malformed.is_empty());
        keys.extend(items.into_iter().map(|item| item.key));
        match next {
            Next::More(more) => cursor = Some(more),
            end => return (keys, end),
        }
    }
    panic!("the read never ends");
}

fn numbers(keys: &[String]) -> Vec<u32> {
    keys.iter().map(|key| u32::from_str_radix(key, 16).unwrap()).collect()
}

#[tokio::test]
async fn a_full_read_asks_plainly_and_is_proved() {
    let rows = (1..=23).map(|n| row(n, "2026-11-20 08:00:00")).collect();
    let (server, _) = table(Rows { all: rows, ..Rows::default() });
    let clock = Clock::at_noon();
    let (keys, end) = read_all(&client(&server, &clock, 10), &ListScope::All).await;
    assert_eq!(numbers(&keys), (1..=23).collect::<Vec<_>>());
    assert_eq!(end, Next::ProvenComplete);
    let pages: Vec<Seen> = server.seen().into_iter().filter(|seen| seen.is("GET", TABLE)).collect();
    for page in &pages[1..] {
        assert_eq!(page.parameter("sysparm_display_value"), Some("false"));
        assert_eq!(page.parameter("sysparm_exclude_reference_link"), Some("true"));
        assert!(page.parameter("sysparm_suppress_auto_sys_field").is_none());
        let fields = page.parameter("sysparm_fields").unwrap();
        assert!(fields.starts_with("sys_id,"), "{fields}");
    }
    assert_eq!(pages[1].header("accept"), Some("application/json"));
    assert_eq!(
        pages[1].parameter("sysparm_fields"),
        Some(
            "sys_id,sys_mod_count,sys_updated_on,sys_updated_by,sys_created_on,u_patient_name,microchip_id,u_ehr_id"
        )
    );
}

#[tokio::test]
async fn hidden_rows_make_short_and_empty_pages_and_the_read_goes_on() {
    let rows: Vec<Value> = (1..=40).map(|n| row(n, "2026-11-20 08:00:00")).collect();
    // The second and third page of ten are hidden as a whole, and so is the very end.
    let hidden = (8..=33).chain(38..=40).map(|n| format!("{n:032x}")).collect();
    let (server, shared) = table(Rows { all: rows, hidden, ..Rows::default() });
    let clock = Clock::at_noon();
    let (keys, end) = read_all(&client(&server, &clock, 10), &ListScope::All).await;
    assert_eq!(numbers(&keys), (1..=7).chain(34..=37).collect::<Vec<_>>());
    let Next::Unproven { why } = end else { panic!("hidden rows forbid a proof: {end:?}") };
    assert!(why.contains("40") && why.contains("11"), "{why}");
    // Where rows cannot be counted, the empty page and the probe behind it are the proof.
    shared.lock().unwrap().no_stats = true;
    assert_eq!(read_all(&client(&server, &clock, 10), &ListScope::All).await.1, Next::ProvenComplete);
}

/// Without the count, what access rules hide would pass for what is not there, and be created a second time.
#[tokio::test]
async fn a_count_that_got_lost_is_no_count_that_cannot_be_had() {
    let rows: Vec<Value> = (1..=4).map(|n| row(n, "2026-11-20 08:00:00")).collect();
    let hidden = [format!("{:032x}", 2)].into_iter().collect();
    let (server, shared) = table(Rows { all: rows, hidden, loses_stats: true, ..Rows::default() });
    let client = client(&server, &Clock::at_noon(), 10);
    let lost = client.list(RecordKind::Patient, &ListScope::All, None).await.unwrap_err();
    assert!(matches!(lost, RemoteError::Transient { .. }), "{lost:?}");
    shared.lock().unwrap().loses_stats = false;
    let first = client.list(RecordKind::Patient, &ListScope::All, None).await.unwrap();
    let Next::More(cursor) = first.next else { panic!("the end is proved by a page of its own") };
    shared.lock().unwrap().loses_stats = true;
    let lost = client.list(RecordKind::Patient, &ListScope::All, Some(&cursor)).await.unwrap_err();
    assert!(matches!(lost, RemoteError::Transient { .. }), "{lost:?}");
    // The same page is asked for again, and what is hidden is said.
    shared.lock().unwrap().loses_stats = false;
    let end = client.list(RecordKind::Patient, &ListScope::All, Some(&cursor)).await.unwrap();
    assert!(matches!(end.next, Next::Unproven { .. }), "{:?}", end.next);
}

#[tokio::test]
async fn an_ignored_condition_is_never_believed() {
    let rows: Vec<Value> = (1..=30).map(|n| row(n, "2026-11-20 08:00:00")).collect();
    let (server, _) = table(Rows { all: rows, ignores_conditions: true, ..Rows::default() });
    let clock = Clock::at_noon();
    let client = client(&server, &clock, 10);
    let first = client.list(RecordKind::Patient, &ListScope::All, None).await.unwrap();
    let Next::More(cursor) = first.next else { panic!("there is more") };
    let error = client.list(RecordKind::Patient, &ListScope::All, Some(&cursor)).await.unwrap_err();
    assert!(matches!(error, RemoteError::Protocol { .. }), "{error:?}");
    // A look-up for a column that is not there brings the whole table.
    let error = client.find_by_our_key(RecordKind::Patient, "p-77").await.unwrap_err();
    assert!(matches!(error, RemoteError::Protocol { .. }), "{error:?}");
    let error = client.list(RecordKind::Patient, &ListScope::ChangedSince(NOON_MS), None).await.unwrap_err();
    assert!(matches!(error, RemoteError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_page_that_breaks_off_is_asked_for_in_halves() {
    let rows: Vec<Value> = (1..=60).map(|n| row(n, "2026-11-20 08:00:00")).collect();
    let (server, _) = table(Rows { all: rows, page_max: Some(13), ..Rows::default() });
    let clock = Clock::at_noon();
    let (keys, end) = read_all(&client(&server, &clock, 50), &ListScope::All).await;
    assert_eq!((keys.len(), end), (60, Next::ProvenComplete));
    let limits: Vec<String> = server
        .seen()
        .iter()
        .filter(|seen| seen.is("GET", TABLE))
        .filter_map(|seen| seen.parameter("sysparm_limit").map(str::to_owned))
        .collect();
    // One row to see its columns; then halves, and the cursor remembers what went well.
    assert_eq!(&limits[..6], ["1", "50", "25", "12", "12", "12"]);
}

#[tokio::test]
async fn broken_json_and_a_cut_connection_are_passing_failures() {
    let clock = Clock::at_noon();
    for cut in [true, false] {
        let server = serve(move |seen| match seen.parameter("sysparm_limit") {
            Some(limit) if limit != "1" && seen.path == TABLE => {
                if cut {
                    Reply::CutOff { status: 200, body: r#"{"result":[{"sys"# }
                } else {
                    json(200, r#"{"result":[{"sys"#)
                }
            }
            _ => json(200, r#"{"result":[]}"#),
        });
        let error =
            client(&server, &clock, 40).list(RecordKind::Patient, &ListScope::All, None).await.unwrap_err();
        assert!(matches!(error, RemoteError::Transient { status: 200, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_incremental_read_drains_a_second_that_fills_more_than_a_page() {
    let mut rows: Vec<Value> = (1..=3).map(|n| row(n, "2026-11-22 11:59:40")).collect();
    // One bulk change: 35 rows within one second.
    rows.extend((10..45).map(|n| row(n, "2026-11-22 11:59:58")));
    rows.extend((50..52).map(|n| row(n, "2026-11-22 12:00:00")));
    let (server, _) = table(Rows { all: rows, ..Rows::default() });
    let clock = Clock::at_noon();
    let (keys, end) = read_all(&client(&server, &clock, 10), &ListScope::ChangedSince(NOON_MS)).await;
    assert_eq!(numbers(&keys), (10..45).chain(50..52).collect::<Vec<_>>(), "each once, with 5 s of overlap");
    assert_eq!(end, Next::ProvenComplete);
    let first = server
        .seen()
        .into_iter()
        .find(|seen| seen.parameter("sysparm_query").is_some_and(|q| q.contains("sys_updated_on")))
        .unwrap();
    assert_eq!(
        first.parameter("sysparm_query"),
        Some("sys_updated_on>=2026-11-22 11:59:55^ORDERBYsys_updated_on^ORDERBYsys_id")
    );
}

#[tokio::test]
async fn a_row_that_hides_its_version_is_set_aside_and_the_page_goes_on() {
    let mut rows: Vec<Value> = (1..=3).map(|n| row(n, "2026-11-20 08:00:00")).collect();
    rows[1].as_object_mut().unwrap().remove("sys_mod_count");
    let (server, _) = table(Rows { all: rows, ..Rows::default() });
    let clock = Clock::at_noon();
    let page = client(&server, &clock, 10).list(RecordKind::Patient, &ListScope::All, None).await.unwrap();
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.malformed[0].key.as_deref(), Some(format!("{:032x}", 2).as_str()));
    assert_eq!(page.total_hint, Some(3));
}

#[tokio::test]
async fn columns_are_resolved_with_and_without_the_prefix() {
    let (server, _) = table(Rows { all: vec![row(1, "2026-11-20 08:00:00")], ..Rows::default() });
    let clock = Clock::at_noon();
    let resolved = client(&server, &clock, 10)
        .resolve_columns(RecordKind::Patient, &["patient_name", "microchip_id", "breed", "u_ehr_id"])
        .await
        .unwrap();
    let columns: Vec<_> = resolved.iter().map(|resolved| resolved.column.as_deref()).collect();
    assert_eq!(columns, [Some("u_patient_name"), Some("microchip_id"), None, Some("u_ehr_id")]);
    assert_eq!(resolved[0].max_length, Some(100));
    let probe = client(&server, &clock, 10).probe().await.unwrap();
    assert!(
        probe.findings.iter().any(|finding| !finding.fatal && finding.what.contains("breed")),
        "{probe:?}"
    );
}

#[tokio::test]
async fn the_probe_says_what_the_administrator_has_not_set_up_yet() {
    let found = async |rows: Rows| {
        let (server, _) = table(Rows { all: vec![row(1, "2026-11-20 08:00:00")], ..rows });
        let probe = client(&server, &Clock::at_noon(), 10).probe().await.unwrap();
        probe.findings.into_iter().map(|finding| finding.what).collect::<Vec<_>>().join(" | ")
    };
    let well = found(Rows { unique: Some(true), ..Rows::default() }).await;
    assert!(!well.contains("same EHR id twice") && !well.contains("clock"), "{well}");
    // In the dictionary, and in no row: an access rule of the field.
    assert!(well.contains("u_patient_record hides microchip_id"), "{well}");
    assert!(!well.contains("hides u_ehr_id"), "{well}");
    let twice = found(Rows { unique: Some(false), ..Rows::default() }).await;
    assert!(twice.contains("would take the same EHR id twice"), "{twice}");
    // A dictionary that does not say so is not taken for one that does.
    assert!(!found(Rows::default()).await.contains("same EHR id twice"));
    for (date, words) in [
        ("Sun, 22 Nov 2026 12:02:05 GMT", "ServiceNow's clock is 125 s ahead of this computer's"),
        ("Sun, 22 Nov 2026 11:50:00 GMT", "ServiceNow's clock is 600 s behind this computer's"),
    ] {
        let apart = found(Rows { date: Some(date), ..Rows::default() }).await;
        assert!(apart.contains(words), "{apart}");
    }
}

/// Deletions are read to the end however many share a second, each once, and only those of tables that are synchronised.
#[tokio::test]
async fn what_was_deleted_is_read_second_by_second() {
    let entry = |number: u32, second: &str, table: &str| {
        value!({"sys_id": format!("{number:032x}"), "tablename": table, "documentkey": format!("{:032X}", 0xabc0 + number),
                "sys_created_on": second})
    };
    let all = [
        entry(9, "2026-11-22 11:00:00", "u_patient_record"),
        entry(1, "2026-11-22 11:30:00", "u_patient_record"),
        entry(2, "2026-11-22 11:30:00", "u_patient_record"),
        entry(3, "2026-11-22 11:30:00", "incident"),
        entry(4, "2026-11-22 11:30:00", "u_patient_record"),
        entry(5, "2026-11-22 11:30:00", "u_patient_record"),
        entry(6, "2026-11-22 11:31:00", "u_patient_record"),
    ];
    let server = serve(move |seen| {
        assert_eq!(seen.path, "/api/now/table/sys_audit_delete");
        let query = seen.parameter("sysparm_query").unwrap().to_owned();
        let limit: usize = seen.parameter("sysparm_limit").unwrap().parse().unwrap();
        assert!(query.starts_with("tablenameINu_patient_record^"), "{query}");
        // A dropped condition lets entries of other tables through.
        let fits = |row: &&Value| {
            query.split('^').skip(1).filter(|part| !part.starts_with("ORDERBY")).all(|part| holds(row, part))
        };
        let found: Vec<&Value> = all.iter().filter(fits).collect();
        let total = found.len().to_string();
        let page: Vec<&Value> = found.into_iter().take(limit).collect();
        json(200, value!({ "result": page })).with("x-total-count", total)
    });
    for page_rows in [1, 2, 3, 5, 100] {
        let client = client(&server, &Clock::at_noon(), page_rows);
        let (mut read, mut cursor) = (Vec::new(), None);
        loop {
            // 11:29, with five seconds of overlap.
            let page = client.deletions(NOON_MS - 31 * 60_000, cursor.as_ref()).await.unwrap();
            assert_eq!(page.clock_ms, Some(NOON_MS));
            read.extend(page.items.into_iter().map(|item| item.key));
            let Some(next) = page.next else { break };
            assert!(read.len() < 99, "it goes round in a circle");
            cursor = Some(next);
        }
        let expected: Vec<String> =
            [1, 2, 4, 5, 6].map(|number| format!("{:032x}", 0xabc0 + number)).to_vec();
        assert_eq!(read, expected, "pages of {page_rows}");
    }
    let refused = serve(|_| json(403, include_str!("fixtures/servicenow-403-acl.json")));
    let error = client(&refused, &Clock::at_noon(), 10).deletions(NOON_MS, None).await.unwrap_err();
    assert!(matches!(error, RemoteError::Refused { status: 403, .. }), "{error:?}");
}

/// An idle poll is one request: the count says that nothing is left.
#[tokio::test]
async fn a_short_page_of_changes_is_the_end_where_the_count_says_so() {
    let (server, rows) = table(Rows { all: vec![row(1, "2026-11-22 11:59:59")], ..Rows::default() });
    let client = client(&server, &Clock::at_noon(), 10);
    let ask =
        || async { client.list(RecordKind::Patient, &ListScope::ChangedSince(NOON_MS), None).await.unwrap() };
    ask().await;
    let before = server.seen().len();
    let page = ask().await;
    assert_eq!((page.items.len(), page.next, page.narrowed), (1, Next::ProvenComplete, true));
    assert_eq!(server.seen().len() - before, 1);
    // A row that is hidden is counted all the same: then it is looked further.
    rows.lock().unwrap().all.push(row(2, "2026-11-22 11:59:59"));
    rows.lock().unwrap().hidden.push(format!("{:032x}", 2));
    assert!(matches!(ask().await.next, Next::More(_)));
}

/// A table with one row that a write changes; `bumps` says by how much the version moves.
fn writable(bumps: u32, business: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let rows = Arc::new(Mutex::new(Rows { all: vec![row(1, "2026-11-20 08:00:00")], ..Rows::default() }));
    serve(move |seen| {
        let mut rows = rows.lock().unwrap();
        match seen.method.as_str() {
            "PATCH" => {
                if let Some(reply) = business(seen) {
                    return reply;
                }
                let changes: Value = serde_json::from_str(&seen.body).unwrap();
                let count: u32 = text(&rows.all[0], "sys_mod_count").parse().unwrap();
                rows.all[0]["sys_mod_count"] = (count + bumps).to_string().into();
                rows.all[0]["u_patient_name"] = changes["u_patient_name"].clone();
                json(200, value!({"result": rows.all[0]}))
            }
            "POST" => {
                let mut new = row(2, "2026-11-22 12:00:00");
                new["u_ehr_id"] = serde_json::from_str::<Value>(&seen.body).unwrap()["u_ehr_id"].clone();
                rows.all.push(new.clone());
                business(seen).unwrap_or_else(|| json(201, value!({ "result": new })))
            }
            _ => rows.answer(seen),
        }
    })
}

fn update(version: &str) -> Write {
    Write {
        kind: RecordKind::Patient,
        place: Place::Record,
        key: Some(format!("{:032x}", 1)),
        body: r#"{ "u_patient_name" : "Bella" }"#.into(),
        expected_version: Some(version.into()),
        idempotency_key: "op-1".into(),
    }
}

/// The version token of the row as it stands.
async fn version_now(client: &ServiceNow) -> String {
    client.read(RecordKind::Patient, &format!("{:032x}", 1)).await.unwrap().version
}

/// The counter of a version token.
fn counter(version: &str) -> &str {
    version.split('~').next().unwrap()
}

fn create() -> Write {
    Write {
        kind: RecordKind::Patient,
        place: Place::Record,
        key: None,
        body: r#"{"u_patient_name":"Rex","u_ehr_id":"p-9"}"#.into(),
        expected_version: None,
        idempotency_key: "p-9".into(),
    }
}

#[tokio::test]
async fn a_write_checks_the_version_sends_the_body_untouched_and_reads_back() {
    let clock = Clock::at_noon();
    // how far the version moves; whether somebody else wrote in between
    for (bumps, raced) in [(0, false), (1, false), (2, true)] {
        let server = writable(bumps, |_| None);
        let client = client(&server, &clock, 10);
        let version = version_now(&client).await;
        assert_eq!(counter(&version), "4");
        let written = client.write(&update(&version)).await.unwrap();
        assert_eq!((written.status, written.raced), (200, raced), "{bumps}");
        assert_eq!(counter(&written.read_back.version), (4 + bumps).to_string());
        assert!(written.read_back.raw.contains("Bella"));
        let seen = server.seen();
        let patch = seen.iter().find(|seen| seen.method == "PATCH").unwrap();
        assert_eq!(patch.body, update(&version).body);
        assert_eq!(patch.header("content-type"), Some("application/json"));
        assert_eq!(seen.last().unwrap().method, "GET", "read back");
    }
    // The answer tells that our write came next; whoever wrote after it overwrote us, not we them.
    let row = Mutex::new(row(1, "2026-11-20 08:00:00"));
    let server = serve(move |seen| {
        let mut row = row.lock().unwrap();
        let told = if seen.method == "PATCH" {
            row["sys_mod_count"] = "5".into();
            let told = row.clone();
            row["sys_mod_count"] = "6".into();
            told
        } else {
            return Rows { all: vec![row.clone()], ..Rows::default() }.answer(seen);
        };
        json(200, value!({ "result": told }))
    });
    let client = client(&server, &clock, 10);
    let written = client.write(&update(&version_now(&client).await)).await.unwrap();
    assert_eq!((counter(&written.read_back.version), written.raced), ("6", false));
}

#[tokio::test]
async fn nothing_is_written_where_the_record_moved_or_the_body_may_not_be_sent() {
    let server = writable(1, |_| None);
    let clock = Clock::at_noon();
    let client = client(&server, &clock, 10);
    let version = version_now(&client).await;
    // Written since, and written by a script that does not move the counter.
    for moved in [version.replacen('4', "3", 1), format!("{}~0123456789abcdef", counter(&version))] {
        let error = client.write(&update(&moved)).await.unwrap_err();
        assert!(
            matches!(error, RemoteError::Moved { current_version: Some(ref now), .. } if *now == version),
            "{error:?}"
        );
    }
    let refused = [
        Write { body: r#"{"sys_updated_on":"2020-01-01 00:00:00"}"#.into(), ..update(&version) },
        Write { body: "[]".into(), ..update(&version) },
        Write { expected_version: None, ..update(&version) },
        Write { key: Some("1^ORsys_idISNOTEMPTY".into()), ..update(&version) },
        Write { idempotency_key: "p-10".into(), ..create() },
        Write { idempotency_key: "p^9".into(), ..create() },
    ];
    for write in refused {
        let error = client.write(&write).await.unwrap_err();
        assert!(matches!(error, RemoteError::Refused { status: 0, .. }), "{error:?}");
    }
    let gone =
        client.write(&Write { key: Some(format!("{:032x}", 77)), ..update(&version) }).await.unwrap_err();
    assert!(matches!(gone, RemoteError::NotFound { .. }), "{gone:?}");
    assert!(server.seen().iter().all(|seen| seen.method == "GET" || seen.path == "/token"));
}

#[tokio::test]
async fn a_refused_write_says_why() {
    let clock = Clock::at_noon();
    let server = writable(1, |_| Some(json(403, include_str!("fixtures/servicenow-403-business-rule.json"))));
    let ruled = client(&server, &clock, 10);
    let error = ruled.write(&update(&version_now(&ruled).await)).await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Refused { status: 403, what, .. } if what.contains("No double booking")),
        "{error}"
    );
    let server = writable(1, |_| {
        Some(
            json(429, include_str!("fixtures/servicenow-429.json"))
                .with("retry-after", "30")
                .with("x-ratelimit-limit", "100")
                .with("x-ratelimit-reset", "1795352400"),
        )
    });
    let client = client(&server, &clock, 10);
    let error = client.write(&update(&version_now(&client).await)).await.unwrap_err();
    assert!(
        matches!(error, RemoteError::Transient { status: 429, retry_after_ms: Some(30_000), .. }),
        "{error:?}"
    );
    let stats = client.last_call().unwrap();
    assert_eq!((stats.status, stats.retry_after_ms), (Some(429), Some(30_000)));
    assert_eq!(
        stats.rate_limit.map(|limit| (limit.limit, limit.reset_at_s)),
        Some((100, Some(1_795_352_400)))
    );
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_ambiguous_and_found_by_our_key() {
    let clock = Clock::at_noon();
    // The row is stored; the answer gets lost, or does not say so.
    for reply in [
        || Reply::HangUp,
        || json(200, include_str!("fixtures/servicenow-200-truncated-by-quota.txt")),
        || json(504, ""),
        || Reply::CutOff { status: 201, body: "{\"result\":" },
    ] {
        let server = writable(1, move |_| Some(reply()));
        let client = client(&server, &clock, 10);
        let error = client.write(&create()).await.unwrap_err();
        assert!(matches!(error, RemoteError::Ambiguous { .. }), "{error:?}");
        let found = client.find_by_our_key(RecordKind::Patient, "p-9").await.unwrap().unwrap();
        assert_eq!(found.key, format!("{:032x}", 2));
        assert_eq!(
            server.seen().iter().filter(|seen| seen.method == "POST" && seen.path == TABLE).count(),
            1
        );
    }
    let server = writable(1, |_| None);
    let written = client(&server, &clock, 10).write(&create()).await.unwrap();
    assert_eq!((written.status, written.key), (201, format!("{:032x}", 2)));
}

#[tokio::test]
async fn two_rows_with_one_key_of_ours_are_said_and_none_is_none() {
    let mut twin = row(2, "2026-11-20 08:00:00");
    twin["u_ehr_id"] = "p-1".into();
    let rows = vec![row(1, "2026-11-20 08:00:00"), twin, row(3, "2026-11-20 08:00:00")];
    let (server, _) = table(Rows { all: rows, ..Rows::default() });
    let clock = Clock::at_noon();
    let client = client(&server, &clock, 10);
    let find = async |key: &str| client.find_by_our_key(RecordKind::Patient, key).await;
    assert!(matches!(find("p-1").await, Err(RemoteError::Many { count: 2, .. })));
    assert_eq!(find("p-3").await.unwrap().unwrap().key, format!("{:032x}", 3));
    assert_eq!(find("p-4").await.unwrap(), None);
    assert!(matches!(find("p-1^NQsys_idISNOTEMPTY").await, Err(RemoteError::Refused { status: 0, .. })));
}

#[tokio::test]
async fn a_401_renews_once_and_replays_once() {
    let clock = Clock::at_noon();
    let key = format!("{:032x}", 1);
    let rows = Rows { all: vec![row(1, "2026-11-20 08:00:00")], ..Rows::default() };
    let server = serve(move |seen| {
        if seen.header("authorization") == Some("Bearer token-2") {
            rows.answer(seen)
        } else {
            json(401, include_str!("fixtures/servicenow-401.json"))
        }
    });
    let found = client(&server, &clock, 10).read(RecordKind::Patient, &key).await.unwrap();
    assert_eq!(found.key, key);
    assert_eq!(server.count("POST", "/token"), 2);

    let server = serve(|_| json(401, include_str!("fixtures/servicenow-401.json")));
    let error = client(&server, &clock, 10).read(RecordKind::Patient, &key).await.unwrap_err();
    assert!(matches!(error, RemoteError::SignIn { .. }), "{error:?}");
    assert_eq!(server.count("POST", "/token"), 2, "once at first, once more after the refusal");
    assert_eq!(server.seen().iter().filter(|seen| seen.path != "/token").count(), 2, "replayed once");
}

#[tokio::test]
async fn reads_are_never_ambiguous_and_web_pages_are_no_answers() {
    let clock = Clock::at_noon();
    let key = format!("{:032x}", 1);
    let server = serve(|_| Reply::HangUp);
    let error = client(&server, &clock, 10).read(RecordKind::Patient, &key).await.unwrap_err();
    assert!(matches!(error, RemoteError::Transient { status: 0, .. }), "{error:?}");
    let server = serve(|_| Reply::Text {
        status: 200,
        headers: vec![("content-type", "text/html".into())],
        body: "<html>Your instance is hibernating</html>".into(),
    });
    let error = client(&server, &clock, 10).read(RecordKind::Patient, &key).await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Transient { what, .. } if what.contains("hibernating")),
        "{error:?}"
    );
    assert!(error.is_transport());
}
