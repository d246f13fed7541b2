//! The product as people use it, against simulated remotes over TLS sockets: a clinic, a desk, and waiting for what
//! happens instead of sleeping.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "everything here belongs to tests"
)]
#![allow(
    clippy::missing_panics_doc,
    reason = "everything here belongs to tests, and a test that cannot go on has failed"
)]

pub mod edit;
pub mod intercept;
pub mod line;
pub mod newcomers;

use agent::{Options, Running, SampleConnections};
use console_api::Console;
use console_api::dto::{
    ApiError, Approved, CompareView, ConflictItem, ConflictList, Event, Home, PatientPage, PatientPageRows,
    PatientStatus, PlanStatus, PlanView, Progress, ReceiptList, ReceiptView, RunStatus, RunView, Tag,
    VisitRow, VisitRows,
};
use record::{RecordKind, Remote};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use simulator::clinic::{PairTruth, Rates};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How long anything may take before a journey fails. Far more than needed: it only ends what hangs.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The patient table of the simulated instance.
pub const TABLE: &str = "u_patient_record";

/// Simulated remotes, and a folder with settings and secrets that connect to them.
pub struct World {
    /// The remotes.
    pub remotes: simulator::Running,
    /// Holds settings, secrets and database.
    pub folder: tempfile::TempDir,
    /// The settings file.
    pub config: PathBuf,
}

impl World {
    /// A clinic of this kind.
    pub async fn of(options: simulator::Options) -> World {
        agent::install_tls();
        let remotes = simulator::Simulation::start(options).await.expect("the simulated remotes start");
        World::around(remotes).await
    }

    /// Settings and secrets for remotes that stand already.
    pub async fn around(remotes: simulator::Running) -> World {
        let connections = connections(&remotes);
        World::connected(remotes, &connections).await
    }

    async fn connected(remotes: simulator::Running, connections: &SampleConnections) -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = agent::write_sample(connections, folder.path()).await.expect("settings are written");
        World { remotes, folder, config }
    }

    /// A clinic whose EHR is reached through the instance's MID Server alone.
    pub async fn behind_mid_server(options: simulator::Options) -> World {
        agent::install_tls();
        let remotes = simulator::Simulation::start(options).await.expect("the simulated remotes start");
        let connections = SampleConnections {
            mid_server: Some(remotes.mid_server_name().to_owned()),
            ..connections(&remotes)
        };
        World::connected(remotes, &connections).await
    }

    /// The MID Server.
    pub fn mid(&self) -> &simulator::mid::MidServer {
        self.remotes.control.mid.as_deref().expect("standing remotes have one")
    }

    /// Everything linked, nothing differs, no visits: journeys make their own.
    pub async fn calm(patients: usize) -> World {
        let rates = Rates { appointments: 0, treatments: 0, ..Rates::calm() };
        World::of(simulator::Options { patients, rates, ..simulator::Options::default() }).await
    }

    /// The usual mixture of differences, duplicates and one-sided records.
    pub async fn usual(patients: usize) -> World {
        World::of(simulator::Options { patients, ..simulator::Options::default() }).await
    }

    /// How the desk starts.
    pub fn options(&self) -> Options {
        Options { config: Some(self.config.clone()), ..Options::default() }
    }

    /// Changes the settings file.
    pub fn settings(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(&self.config).expect("settings");
        std::fs::write(&self.config, change(text)).expect("settings are written");
    }

    /// Starts the product.
    pub async fn open(&self) -> Desk {
        let opened = agent::open(self.options()).await.unwrap_or_else(|error| panic!("open: {error}"));
        Desk::start(opened).await
    }

    /// Starts the product with other clients in place of the real ones.
    pub async fn open_with(
        &self,
        change: impl FnOnce(engine::drive::Remotes) -> engine::drive::Remotes,
    ) -> Desk {
        let mut opened = agent::open(self.options()).await.unwrap_or_else(|error| panic!("open: {error}"));
        opened.remotes = change(opened.remotes);
        Desk::start(opened).await
    }

    /// Starts the product and makes the first comparison.
    pub async fn compared(&self) -> Desk {
        let desk = self.open().await;
        let run = desk.run().await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
        desk
    }

    /// A ServiceNow row.
    pub fn row(&self, key: &str) -> BTreeMap<String, String> {
        self.remotes.control.servicenow.row(TABLE, key).expect("the row is there")
    }

    /// An EHR patient with its allergies.
    pub fn chart(&self, key: &str) -> simulator::ehr::Chart {
        self.remotes.control.ehr.chart(key).expect("the patient is there")
    }

    /// What the clinic knows about its pairs.
    pub fn truth(&self) -> Vec<PairTruth> {
        self.remotes.control.truth().pairs
    }

    /// Keys of linked animals, ServiceNow first, that suit.
    pub fn animals(
        &self,
        suits: impl Fn(&BTreeMap<String, String>, &simulator::ehr::Chart) -> bool,
    ) -> Vec<(String, String)> {
        self.truth()
            .into_iter()
            .filter_map(|pair| Some((pair.servicenow_key?, pair.ehr_key?)))
            .filter(|(row, chart)| {
                let row = self.row(row);
                row.get("u_deceased").is_none_or(|deceased| deceased != "true")
                    && suits(&row, &self.chart(chart))
            })
            .collect()
    }

    /// Writes requests made of the remotes so far: ServiceNow, EHR.
    pub fn writes(&self) -> (u64, u64) {
        let control = &self.remotes.control;
        (control.servicenow.journal.counts().writes, control.ehr.journal.counts().writes)
    }
}

/// What settings need to know of simulated remotes.
pub fn connections(remotes: &simulator::Running) -> SampleConnections {
    let (servicenow, ehr) = (&remotes.credentials.servicenow, &remotes.credentials.ehr);
    SampleConnections {
        servicenow_url: remotes.servicenow_url.clone(),
        servicenow_client_id: servicenow.client_id.clone(),
        servicenow_client_secret: servicenow.client_secret.clone(),
        servicenow_subject: servicenow.user_email.clone(),
        servicenow_key_id: servicenow.key_id.clone(),
        servicenow_private_key_pem: servicenow.private_key_pem.clone(),
        ehr_url: remotes.ehr_url.clone(),
        ehr_client_id: ehr.client_id.clone(),
        ehr_token_url: ehr.token_url.clone(),
        ehr_scope: ehr.scope.clone(),
        ehr_key_id: ehr.es384_key_id.clone(),
        ehr_private_key_pem: ehr.es384_private_key_pem.clone(),
        identifier_system: simulator::clinic::SERVICENOW_SYSTEM.to_owned(),
        ca_pem: remotes.ca_pem.clone(),
        staff: Vec::new(),
        mid_server: None,
        real_time: false,
    }
}

/// The running product with somebody before it.
pub struct Desk {
    /// The engine, the store and the console.
    pub running: Running,
    /// The console, as the window and the command line use it.
    pub console: Arc<Console>,
}

impl Desk {
    /// Starts what was opened.
    pub async fn start(opened: agent::Opened) -> Desk {
        let running = agent::start(opened).await.unwrap_or_else(|error| panic!("start: {error}"));
        let console = Arc::clone(&running.console);
        Desk { running, console }
    }

    /// Closes the product.
    pub async fn close(self) {
        self.running.stop().await;
    }

    /// A command that succeeds.
    pub async fn call<R: DeserializeOwned>(&self, command: &str, payload: Value) -> R {
        match self.console.call(command, payload).await {
            Ok(value) => serde_json::from_value(value).expect("the response has its documented shape"),
            Err(error) => panic!("{command}: {error:?}"),
        }
    }

    /// A command that is refused.
    pub async fn refused(&self, command: &str, payload: Value) -> ApiError {
        match self.console.call(command, payload).await {
            Ok(value) => panic!("{command} was not refused: {value}"),
            Err(error) => error,
        }
    }

    /// Somebody else sits down.
    pub async fn sit(&self, person: &str) {
        let _session: Value = self.call("session.switch", json!({ "personId": person })).await;
    }

    /// Asks again after every event until there is an answer.
    pub async fn until<T, F>(&self, what: &str, mut ask: impl FnMut() -> F) -> T
    where
        F: Future<Output = Option<T>>,
    {
        let mut events = self.console.events();
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            match tokio::time::timeout(PATIENCE, events.recv()).await {
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) => panic!("the engine ended while waiting for {what}"),
                Err(elapsed) => {
                    panic!("nothing happened for {PATIENCE:?} while waiting for {what}: {elapsed}")
                }
            }
        }
    }

    /// Compares everything and waits for the end, whatever it is.
    pub async fn run(&self) -> RunView {
        self.run_with(false).await.0
    }

    /// Compares everything, to its end.
    pub async fn compares(&self) {
        let run = self.run().await;
        assert_eq!(run.status, RunStatus::Done, "{:?}", run.problem);
    }

    /// All appointments (`appointments.list`) or treatments (`treatments.list`).
    pub async fn visits(&self, command: &str) -> Vec<VisitRow> {
        let query = json!({ "status": null, "from": null, "until": null, "clinician": null, "offset": 0, "limit": 100 });
        self.call::<VisitRows>(command, query).await.rows
    }

    /// The same, with what the progress line said.
    pub async fn run_with(&self, plan_only: bool) -> (RunView, Vec<Progress>) {
        let mut events = self.console.events();
        let started: RunView =
            self.call("run.start", json!({ "patientId": null, "planOnly": plan_only })).await;
        let progress = self.ended(&mut events, &started.id).await;
        let last = self.home().await.last_run.expect("a run has ended");
        assert_eq!(last.id, started.id);
        (last, progress)
    }

    /// Waits until a run has ended; gives what the progress line said meanwhile.
    pub async fn ended(&self, events: &mut Receiver<Event>, run: &str) -> Vec<Progress> {
        let mut seen = Vec::new();
        loop {
            match tokio::time::timeout(PATIENCE, events.recv()).await {
                Ok(Ok(Event::Progress(progress))) => seen.push(progress),
                Ok(Ok(Event::Changed(changed))) => {
                    if changed.tags.contains(&Tag::Runs) && changed.id.as_deref() == Some(run) {
                        return seen;
                    }
                }
                Ok(Err(RecvError::Lagged(_))) => {
                    if self.home().await.last_run.is_some_and(|last| last.id == run) {
                        return seen;
                    }
                }
                Ok(Err(RecvError::Closed)) => panic!("the engine ended during a run"),
                Err(elapsed) => panic!("the run stands still ({elapsed}): {:?}", self.home().await.run),
            }
        }
    }

    /// The home screen.
    pub async fn home(&self) -> Home {
        self.call("home.get", json!({})).await
    }

    /// The work list.
    pub async fn conflicts(&self) -> Vec<ConflictItem> {
        let query = json!({ "text": "", "grade": null, "field": null, "cause": null, "status": null, "offset": 0, "limit": 1000 });
        self.call::<ConflictList>("conflicts.list", query).await.items
    }

    /// Patients found by words.
    pub async fn search(&self, words: &str) -> PatientPageRows {
        self.call("patients.search", json!({ "query": words, "status": null, "offset": 0, "limit": 50 }))
            .await
    }

    /// VetSync's id of the patient with this key.
    pub async fn patient_id(&self, remote: Remote, key: &str) -> String {
        let pair = self
            .running
            .store
            .pair_by_key(remote, RecordKind::Patient, key)
            .await
            .expect("the store answers");
        pair.expect("the record belongs to a patient").id
    }

    /// A patient page.
    pub async fn patient(&self, id: &str) -> PatientPage {
        self.call("patients.get", json!({ "id": id })).await
    }

    /// Waits until both systems agree on a patient.
    pub async fn agreed(&self, id: &str) -> PatientPage {
        self.until("both systems to agree", || async {
            let page = self.patient(id).await;
            (page.patient.status == PatientStatus::Agreed).then_some(page)
        })
        .await
    }

    /// Reads both systems again, as the page's button does.
    pub async fn verify(&self, id: &str) -> PatientPage {
        self.call("patients.verify", json!({ "id": id })).await
    }

    /// The open conflict of a patient.
    pub async fn conflict_of(&self, patient: &str) -> CompareView {
        let id = self.patient(patient).await.conflict_id.expect("a conflict is open");
        self.compare(&id).await
    }

    /// Compare.
    pub async fn compare(&self, conflict: &str) -> CompareView {
        self.call("conflicts.get", json!({ "id": conflict })).await
    }

    /// Makes a plan from choices `(field, choice, own text)`.
    pub async fn plan(&self, view: &CompareView, choices: &[(&str, &str, Option<&str>)]) -> PlanView {
        self.call("plans.make", make_plan(view, choices, None)).await
    }

    /// Approves a plan as it was shown.
    pub async fn approve(&self, plan: &PlanView) -> Approved {
        self.call("plans.approve", approval(plan, None)).await
    }

    /// Waits until a plan is carried out and read back, and the patient was compared again.
    pub async fn carried_out(&self, plan: &str) -> PlanView {
        self.until("the plan to be carried out", || async {
            let view: PlanView = self.call("plans.get", json!({ "id": plan })).await;
            let patient = self.patient(&view.patient_id).await.patient;
            (view.status == PlanStatus::Done && patient.status != PatientStatus::Waiting).then_some(view)
        })
        .await
    }

    /// Decides, approves and waits for the receipts.
    pub async fn decide(&self, view: &CompareView, choices: &[(&str, &str, Option<&str>)]) -> PlanView {
        let plan = self.plan(view, choices).await;
        let approved = self.approve(&plan).await;
        assert_eq!(approved.operations.len(), plan.writes.len());
        self.carried_out(&plan.id).await
    }

    /// Receipts of a patient, newest first.
    pub async fn receipts(&self, patient: &str) -> Vec<ReceiptView> {
        let query = json!({ "patientId": patient, "planId": null, "offset": 0, "limit": 100 });
        self.call::<ReceiptList>("receipts.list", query).await.receipts
    }
}

/// The request of `plans.make`.
pub fn make_plan(view: &CompareView, choices: &[(&str, &str, Option<&str>)], reason: Option<&str>) -> Value {
    let choices: Vec<Value> = choices
        .iter()
        .map(|(field, choice, own)| json!({ "field": field, "choice": choice, "own": own }))
        .collect();
    json!({ "conflictId": view.conflict.id, "fingerprint": view.fingerprint, "choices": choices, "reason": reason })
}

/// The request of `plans.approve`.
pub fn approval(plan: &PlanView, reason: Option<&str>) -> Value {
    json!({ "planId": plan.id, "hash": plan.hash, "reason": reason })
}
