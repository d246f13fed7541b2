//! `vetsync` killed with SIGKILL at every point where something was just made durable or just not: before and after each
//! commit, before each write is sent, and after each answer came that nothing has stored yet.
//!
//! A counting run says how many points the story has; then one process per point dies there, another one goes on where it
//! left off, and what both remotes hold in the end is checked by this file's own code. The points exist in this build
//! alone (feature `crash-points`).
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share stands outside of #[test]"
)]

mod program;

use journeys::newcomers::{Newcomer, QUILL};
use journeys::{TABLE, World, edit};
use program::{ask, command};
use serde_json::{Value, json};
use simulator::clinic::Rates;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

/// Animals that both systems know, before anybody works.
const ANIMALS: usize = 6;
/// Which clinic.
const SEED: u64 = 1;
/// Stories under way at the same time.
const SIDE_BY_SIDE: usize = 3;
/// Far more than any wait needs: it only ends what hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the person decides.
const DECIDED: &str = "4155550199";
const SIGKILL: i32 = 9;
const TREATMENTS: &str = "u_treatment";
const BILLS: &str = "u_billing_record";
/// Who treats, as ServiceNow knows her.
const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";
/// What the settings say of treatments.
const SETTINGS: &str = r#"
[servicenow.treatments]
synchronise = true
[servicenow.treatments.archive]
value = "archived"
[servicenow.billing]
generate = true
fee_schedule = "fees.csv"
since = "2020-01-01"
[[staff]]
servicenow_user = "46d44a5dc0a8010e0000b4bb8f62b0fd"
practitioner = "Practitioner/dr-lee"
name = "Dr Lee"
"#;

const WREN: Newcomer =
    Newcomer { name: "Wrenfeather", owner: "Ottoline Vanderbeek", phone: "2125550177", ..QUILL };

/// The process is gone.
#[derive(Debug)]
struct Gone;

/// `vetsync serve`, and a session with it.
struct Served {
    child: Child,
    host: String,
    headers: Vec<(String, String)>,
}

impl Served {
    /// Starts it; the child alone, if it died before it could be asked anything.
    async fn start(config: &Path, crash_at: Option<u64>, trace: &Path) -> Result<Served, Child> {
        let arguments = ["--config", config.to_str().unwrap(), "--person", "dana", "--json", "serve"];
        let mut starting = command(&arguments.map(str::to_owned));
        starting.stderr(std::process::Stdio::inherit()).env("VETSYNC_CRASH_TRACE", trace);
        // Not the system's hundred and more authorities, which each start would read and take apart.
        starting.env("SSL_CERT_FILE", config.with_file_name("ca.pem"));
        if let Some(number) = crash_at {
            starting.env("VETSYNC_CRASH_AT", number.to_string());
        }
        let mut child = starting.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("a line or its end");
        let Some(line) = first.unwrap() else { return Err(child) };
        let described: Value = serde_json::from_str(&line).unwrap();
        let url = described["url"].as_str().unwrap();
        let (host, token) = url.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
        let Some(opened) = ask(host, "GET", &format!("/?token={token}"), &[], "").await else {
            return Err(child);
        };
        let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Ok(Served { child, host: host.to_owned(), headers: vec![("cookie".to_owned(), cookie)] })
    }

    /// A command of the console; its refusal is a value like another.
    async fn call(&self, name: &str, payload: Value) -> Result<Value, Gone> {
        let path = format!("/api/rpc/{name}");
        match ask(&self.host, "POST", &path, &self.headers, &payload.to_string()).await {
            Some(reply) => Ok(reply.json()),
            None => Err(Gone),
        }
    }
}

/// Waits a little before another process is looked at again.
async fn again(began: std::time::Instant, what: &str) {
    assert!(began.elapsed() < PATIENCE * 2, "{what}: not within {:?}", PATIENCE * 2);
    let mut beat = tokio::time::interval(Duration::from_millis(40));
    beat.tick().await;
    beat.tick().await;
}

/// Rows as ServiceNow holds them, charts as the EHR holds them.
type Held = (BTreeMap<String, BTreeMap<String, String>>, BTreeMap<String, String>);

/// What is told, in order.
#[derive(Debug, Clone, Copy)]
enum Chapter {
    FirstComparison,
    Work,
    Settling,
    Decision,
    Undoing,
    LastComparison,
    End,
}

impl Chapter {
    fn next(self) -> Chapter {
        match self {
            Chapter::FirstComparison => Chapter::Work,
            Chapter::Work => Chapter::Settling,
            Chapter::Settling => Chapter::Decision,
            Chapter::Decision => Chapter::Undoing,
            Chapter::Undoing => Chapter::LastComparison,
            Chapter::LastComparison | Chapter::End => Chapter::End,
        }
    }
}

/// One day: a first comparison, work on both sides, settling by rule, a decision, its undoing. It knows what it has done
/// itself and looks at the remotes for the rest, so that it can go on after any death.
struct Story {
    /// Where it dies, for messages.
    at: String,
    world: World,
    chapter: Chapter,
    plan: Option<String>,
    /// Row and chart: renamed in ServiceNow, another phone in the EHR, another phone on both sides.
    renamed: (String, String),
    moved: (String, String),
    disputed: (String, String),
    disputed_before: (String, String),
    newcomer_row: String,
    treated: (String, String),
    treatment: String,
    before: Held,
}

fn held(world: &World) -> Held {
    let rows = world.remotes.control.servicenow.rows(TABLE, "").into_iter().collect();
    let ehr = &world.remotes.control.ehr;
    let charts = ehr.ids().into_iter().map(|id| {
        let chart = ehr.chart(&id).unwrap();
        let allergies: Vec<String> = chart.allergies.iter().map(ToString::to_string).collect();
        (id, format!("{} {}", chart.patient, allergies.join(" ")))
    });
    (rows, charts.collect())
}

impl Story {
    fn new(at: String, world: World) -> Story {
        let mut animals =
            world.animals(|row, chart| edit::phone(chart).is_some() && !row["u_owner_phone"].is_empty());
        animals.truncate(4);
        let [renamed, moved, disputed, treated] =
            <[_; 4]>::try_from(animals).expect("four animals with phones");
        let before = held(&world);
        Story {
            at,
            world,
            chapter: Chapter::FirstComparison,
            plan: None,
            renamed,
            moved,
            disputed,
            disputed_before: Default::default(),
            newcomer_row: String::new(),
            treated,
            treatment: String::new(),
            before,
        }
    }

    fn row_phone(&self, pair: &(String, String)) -> String {
        edit::digits(&self.world.row(&pair.0)["u_owner_phone"])
    }

    fn chart_phone(&self, pair: &(String, String)) -> String {
        edit::digits(edit::phone(&self.world.chart(&pair.1)).unwrap())
    }

    fn phones(&self) -> (String, String) {
        (self.row_phone(&self.disputed), self.chart_phone(&self.disputed))
    }

    /// Goes on from wherever an earlier process left it.
    async fn go_on(&mut self, served: &Served) -> Result<(), Gone> {
        let mut began = std::time::Instant::now();
        loop {
            let is_over = match self.chapter {
                Chapter::FirstComparison | Chapter::Settling | Chapter::LastComparison => {
                    run(served).await? == "done"
                }
                Chapter::Work => {
                    self.work();
                    true
                }
                Chapter::Decision => {
                    self.stands(served, &both(DECIDED)).await? || {
                        if !self.decide(served).await? {
                            self.still(began, served, "the decision").await?;
                        }
                        false
                    }
                }
                Chapter::Undoing => {
                    self.stands(served, &self.disputed_before).await? || {
                        if !self.undo(served).await? {
                            self.still(began, served, "the undoing").await?;
                        }
                        false
                    }
                }
                Chapter::End => return Ok(()),
            };
            if is_over {
                self.chapter = self.chapter.next();
                began = std::time::Instant::now();
            }
        }
    }

    /// Whether both sides hold these phones, and nothing is under way for the patient.
    async fn stands(&self, served: &Served, phones: &(String, String)) -> Result<bool, Gone> {
        Ok(self.phones() == *phones && self.page(served).await?["patient"]["status"] != "waiting")
    }

    /// Waits a little; says how things stand where it takes too long.
    async fn still(&self, began: std::time::Instant, served: &Served, what: &str) -> Result<(), Gone> {
        if began.elapsed() > PATIENCE {
            let page = self.page(served).await?;
            let plan = served.call("plans.get", json!({ "id": self.plan })).await?;
            panic!("{}: {what} does not come: {:?}\n{page}\n{plan}", self.at, self.phones());
        }
        again(began, what).await;
        Ok(())
    }

    /// What people do on both sides, once.
    fn work(&mut self) {
        let world = &self.world;
        world.edit_row(&self.renamed.0, &[("u_patient_name", "Thistledown")]);
        world.ehr_phone(&self.moved.1, "+14155550133");
        world.edit_row(&self.disputed.0, &[("u_owner_phone", "(415) 555-2671")]);
        world.ehr_phone(&self.disputed.1, "+14155550123");
        self.newcomer_row = world.in_servicenow(&QUILL, &[]);
        self.treatment = self.documented();
        world.in_ehr("wren", &WREN, |_| {});
        self.disputed_before = self.phones();
    }

    /// A treatment is completed: it is to be sent, billed by two lines, and archived.
    fn documented(&self) -> String {
        let control = &self.world.remotes.control;
        let an_hour_ago = control.servicenow.clock.now_ms().div_euclid(1_000) - 3_600;
        let at = record::value::Instant::from_seconds(an_hour_ago).unwrap().servicenow();
        let row = [
            ("u_patient", self.treated.0.as_str()),
            ("u_treatment_date", &at),
            ("u_clinician", LEE),
            ("u_diagnosis", "Otitis externa"),
            ("u_procedures_performed", "Ear cleaning\nCytology"),
            ("u_treatment_status", "completed"),
        ];
        control.servicenow.insert_row(TREATMENTS, &row, "dr.lee").expect("the row is new")
    }

    /// One Bundle, one line each, archived after all of it.
    fn check_treatment(&self, at: &str) {
        let control = &self.world.remotes.control;
        let sent = control.ehr.treatment_ids();
        assert_eq!(sent.len(), 1, "{at}: treatments in the EHR");
        let row = control.servicenow.row(TREATMENTS, &self.treatment).unwrap();
        assert_eq!(
            (row["u_ehr_id"].as_str(), row["u_treatment_status"].as_str()),
            (&*sent[0], "archived"),
            "{at}"
        );
        let bills = control.servicenow.rows(BILLS, "");
        let mut lines: Vec<&str> = bills.iter().map(|(_, line)| line["u_code"].as_str()).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["CYT", "EAR"], "{at}: one line each");
        let entries = control.servicenow.journal.entries();
        let taken: Vec<bool> = entries
            .iter()
            .filter(|entry| entry.method != "GET" && entry.status / 100 == 2)
            .filter(|entry| entry.target.contains(BILLS) || entry.body.contains("archived"))
            .map(|entry| entry.body.contains("archived"))
            .collect();
        assert_eq!(taken, [false, false, true], "{at}: two lines, then the archive");
    }

    async fn page(&self, served: &Served) -> Result<Value, Gone> {
        let search = json!({ "query": self.disputed.0, "status": null, "offset": 0, "limit": 5 });
        let found = served.call("patients.search", search).await?;
        let id = found["rows"][0]["id"].as_str().unwrap_or_else(|| panic!("{found}")).to_owned();
        served.call("patients.get", json!({ "id": id })).await
    }

    /// Decides the open conflict; false where there is none just now.
    async fn decide(&mut self, served: &Served) -> Result<bool, Gone> {
        let page = self.page(served).await?;
        let Some(conflict) = page["conflictId"].as_str() else { return Ok(false) };
        let view = served.call("conflicts.get", json!({ "id": conflict })).await?;
        let request = json!({
            "conflictId": conflict,
            "fingerprint": view["fingerprint"],
            "choices": [{ "field": "owner_phone", "choice": "own", "own": "415 555 0199" }],
            "reason": null,
        });
        self.approved(served, "plans.make", request).await
    }

    /// Takes the decision back; false where that cannot be done just now.
    async fn undo(&mut self, served: &Served) -> Result<bool, Gone> {
        let plan = self.plan.clone().expect("a plan was made");
        if self.page(served).await?["patient"]["status"] == "waiting" {
            return Ok(false);
        }
        let decided = self.plan.take();
        let is_made = self.approved(served, "plans.undo", json!({ "id": plan })).await;
        self.plan = decided;
        is_made
    }

    async fn approved(&mut self, served: &Served, make: &str, request: Value) -> Result<bool, Gone> {
        let plan = served.call(make, request).await?;
        let Some(id) = plan["id"].as_str() else { return Ok(false) };
        self.plan = Some(id.to_owned());
        let approval = json!({ "planId": id, "hash": plan["hash"], "reason": null });
        let approved = served.call("plans.approve", approval).await?;
        Ok(approved["operations"].is_array())
    }

    /// What both remotes hold in the end, by nobody's word but theirs.
    fn check(&self, at: &str) {
        self.check_treatment(at);
        let (rows, charts) = held(&self.world);
        // Everybody once: two newcomers, no double.
        assert_eq!((rows.len(), charts.len()), (ANIMALS + 2, ANIMALS + 2), "{at}: records");
        let made = self.world.charts_of(&self.newcomer_row);
        assert_eq!(made.len(), 1, "{at}: charts of the row {}", self.newcomer_row);
        assert_eq!(rows[&self.newcomer_row]["u_ehr_id"], made[0], "{at}: the row knows its chart");
        let rows_of = self.world.rows_of("wren");
        assert_eq!(rows_of.len(), 1, "{at}: rows of the chart");
        assert!(charts["wren"].contains(&rows_of[0]), "{at}: the chart knows its row");
        assert_eq!(rows[&rows_of[0]]["u_patient_name"], WREN.name, "{at}");
        assert!(charts[&made[0]].contains(QUILL.name) && charts[&made[0]].contains(QUILL.phone), "{at}");
        // No edit lost, on either side.
        assert_eq!(rows[&self.renamed.0]["u_patient_name"], "Thistledown", "{at}");
        assert!(charts[&self.renamed.1].contains("Thistledown"), "{at}");
        assert_eq!((self.row_phone(&self.moved), self.chart_phone(&self.moved)), both("4155550133"), "{at}");
        // Decided and taken back: both hold what their own people wrote, and it is asked about again.
        assert_eq!(self.phones(), self.disputed_before, "{at}");
        // Nobody else was touched.
        let touched: BTreeSet<&str> = [&self.renamed, &self.moved, &self.disputed]
            .into_iter()
            .flat_map(|(row, chart)| [row.as_str(), chart.as_str()])
            .collect();
        for (key, row) in self.before.0.iter().filter(|(key, _)| !touched.contains(key.as_str())) {
            assert_eq!(&rows[key], row, "{at}: row {key}");
        }
        for (key, chart) in self.before.1.iter().filter(|(key, _)| !touched.contains(key.as_str())) {
            assert_eq!(&charts[key], chart, "{at}: chart {key}");
        }
        // Nothing else of the touched was changed.
        for (pair, columns) in [
            (&self.renamed, ["u_patient_name"]),
            (&self.moved, ["u_owner_phone"]),
            (&self.disputed, ["u_owner_phone"]),
        ] {
            for (column, value) in &self.before.0[&pair.0] {
                if !columns.contains(&column.as_str()) && !column.starts_with("sys_") {
                    assert_eq!(&rows[&pair.0][column], value, "{at}: {column} of {}", pair.0);
                }
            }
        }
        // A create that was answered with success happened once a side; an update never more often than it was meant.
        let control = &self.world.remotes.control;
        let made = |entries: Vec<simulator::journal::Entry>, of: &str| {
            let made = |entry: &&simulator::journal::Entry| entry.method == "POST" && entry.status == 201;
            entries.iter().filter(made).filter(|entry| entry.target.contains(of)).count()
        };
        assert!(made(control.servicenow.journal.entries(), TABLE) <= 1, "{at}: rows created");
        assert!(made(control.ehr.journal.entries(), "/patients") <= 1, "{at}: charts created");
        assert!(made(control.ehr.journal.entries(), "/treatments") <= 1, "{at}: treatments created");
    }
}

fn both(text: &str) -> (String, String) {
    (text.to_owned(), text.to_owned())
}

/// Compares everything; gives how the run ended.
async fn run(served: &Served) -> Result<String, Gone> {
    let started = served.call("run.start", json!({ "patientId": null, "planOnly": false })).await?;
    let id = started["id"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
    let began = std::time::Instant::now();
    loop {
        let home = served.call("home.get", json!({})).await?;
        let last = &home["lastRun"];
        if last["id"] == id.as_str() && last["status"] != "running" {
            return Ok(last["status"].as_str().unwrap().to_owned());
        }
        again(began, "the run").await;
    }
}

/// The remotes as on the first day, and a folder without a database. The same servers all the time: their keys and
/// certificates are most of the work of a start.
async fn first_day(remotes: simulator::Running) -> World {
    let control = &remotes.control;
    for (key, _) in control.servicenow.rows(TABLE, "") {
        control.servicenow.delete_row(TABLE, &key, "front.desk");
    }
    for table in [TREATMENTS, BILLS] {
        for (key, _) in control.servicenow.rows(table, "") {
            control.servicenow.delete_row(table, &key, "front.desk");
        }
    }
    for id in control.ehr.treatment_ids() {
        control.ehr.delete_treatment(&id);
    }
    for id in control.ehr.ids() {
        control.ehr.delete_chart(&id);
    }
    let clinic = simulator::clinic::generate_with(SEED, ANIMALS, &rates());
    clinic.load(&control.servicenow, &control.ehr);
    let lee = json!({ "resourceType": "Practitioner", "id": "dr-lee", "name": [{ "text": "Dr Lee" }] });
    let lee = record::Json::parse(&lee.to_string()).expect("a practitioner");
    control.ehr.put_practitioner("dr-lee", lee, None);
    control.servicenow.journal.reset();
    control.ehr.journal.reset();
    let world = World::around(remotes).await;
    world.settings(|text| format!("{text}{SETTINGS}"));
    let fees = "code,description,price,currency\nEAR,Ear cleaning,22.50,USD\nCYT,Cytology,45,USD\n";
    std::fs::write(world.folder.path().join("fees.csv"), fees).expect("the fees are written");
    world
}

/// A calm clinic; its visits are the story's own.
fn rates() -> Rates {
    Rates { appointments: 0, treatments: 0, ..Rates::calm() }
}

/// Tells the whole story with one death in it. Gives the remotes back, whether there was a death, and the points of the
/// first process.
async fn tell(remotes: simulator::Running, crash_at: Option<u64>) -> (simulator::Running, bool, Vec<String>) {
    let at = crash_at.map_or_else(|| "no death".to_owned(), |number| format!("point {number}"));
    let mut story = Story::new(at.clone(), first_day(remotes).await);
    let trace = story.world.folder.path().join("points");
    let later = story.world.folder.path().join("points-later");
    let mut died = false;
    loop {
        let (crash, points) = if died { (None, &later) } else { (crash_at, &trace) };
        let mut child = match Served::start(&story.world.config, crash, points).await {
            Ok(mut served) => match story.go_on(&served).await {
                Ok(()) => {
                    let id = served.child.id().expect("it runs").to_string();
                    // It may die of its point while it ends.
                    let _asked = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await;
                    let status =
                        tokio::time::timeout(PATIENCE, served.child.wait()).await.expect("ends").unwrap();
                    died |= status.signal() == Some(SIGKILL);
                    assert!(died || status.success(), "{at}: {status}");
                    break;
                }
                Err(Gone) => served.child,
            },
            Err(child) => child,
        };
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it is gone").unwrap();
        assert_eq!(status.signal(), Some(SIGKILL), "{at}: it ended by itself: {status}");
        assert!(!died, "{at}: killed a second time");
        died = true;
    }
    let points: Vec<String> = std::fs::read_to_string(&trace).unwrap().lines().map(str::to_owned).collect();
    let name = points.last().filter(|_| died).map_or("", String::as_str);
    story.check(&format!("{at} ({name})"));
    (story.world.remotes, died, points)
}

async fn remotes() -> simulator::Running {
    agent::install_tls();
    let options =
        simulator::Options { seed: SEED, patients: ANIMALS, rates: rates(), ..simulator::Options::default() };
    simulator::Simulation::start(options).await.expect("the simulated remotes start")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_nothing_is_lost_and_nothing_doubled() {
    let began = std::time::Instant::now();
    let (counting, died, points) = tell(remotes().await, None).await;
    drop(counting);
    assert!(!died);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in &points {
        *kinds.entry(line.split_once(' ').unwrap().1).or_default() += 1;
    }
    for kind in ["before a commit", "after a commit", "before a write is sent", "a write was answered"] {
        assert!(kinds.get(kind).is_some_and(|count| *count > 4), "{kind} is passed: {kinds:?}");
    }
    let counted = points.len() as u64;
    println!("{counted} points in {:.1} s: {kinds:?}", began.elapsed().as_secs_f64());

    // Which commits share a sync differs a little from run to run: every number is tried until one is never reached.
    let (next, over) = (AtomicU64::new(1), AtomicBool::new(false));
    let deaths = AtomicU64::new(0);
    let one_after_another = || async {
        let mut remotes = remotes().await;
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number > counted && over.load(Ordering::SeqCst) {
                return;
            }
            let (back, died, _) = tell(remotes, Some(number)).await;
            remotes = back;
            if died {
                deaths.fetch_add(1, Ordering::SeqCst);
            } else if number >= counted {
                over.store(true, Ordering::SeqCst);
            }
        }
    };
    futures_util::future::join_all((0..SIDE_BY_SIDE).map(|_| one_after_another())).await;
    let deaths = deaths.load(Ordering::SeqCst);
    println!("killed at {deaths} points in {:.0} s", began.elapsed().as_secs_f64());
    assert!(deaths * 10 >= counted * 9, "nearly every number is reached: {deaths} of {counted}");
}
