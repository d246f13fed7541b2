//! An engine over a real store, with a clock that stands still and remotes that answer what the test says.
#![allow(dead_code, reason = "not every test file needs everything")]

pub mod visits;

use engine::clock::SeededIds;
use engine::runs::counts_of;
use engine::step::{Command, Effects, Event, Notice, Reply, Request, Ticket};
use engine::{Engine, EngineError, Lenses, Policy, Rules};
use mapping::fhir::PatientLens;
use mapping::servicenow::{ColumnType, RowLens};
use record::catalogue::ValueType;
use record::value::StaffMember;
use record::{Catalogue, Conventions, RecordKind, Remote};
use remote::{Fetched, Next, Page, RemoteError, Write, Written};
use std::sync::Arc;
use store::sqlite::SqliteStore;
use store::{OperationFilter, OperationState, Store};

pub const SYSTEM: &str = "https://example.org/servicenow";
pub const START_MS: i64 = 1_790_000_000_000;
/// A clinician of the staff table, as ServiceNow knows her.
pub const LEE: &str = "46d44a5dc0a8010e0000b4bb8f62b0fd";

pub fn lenses() -> Lenses {
    let staff = StaffMember {
        servicenow_user: LEE.to_owned(),
        practitioner: "Practitioner/dr-lee".to_owned(),
        name: "Dr Lee".to_owned(),
    };
    let conventions = Conventions { staff: vec![staff], ..Conventions::default() };
    let (catalogue, conventions) = (Arc::new(Catalogue::patient_default()), Arc::new(conventions));
    let mut row = RowLens::new(Arc::clone(&catalogue), Arc::clone(&conventions));
    row.column_types = catalogue
        .iter()
        .map(|(_, spec)| match spec.value_type {
            // As in a real instance: no column holds a partial date.
            ValueType::Date => ColumnType::Date,
            _ => ColumnType::Text,
        })
        .collect();
    Lenses::of_patients(
        row,
        PatientLens {
            catalogue,
            conventions,
            servicenow_system: SYSTEM.to_owned(),
            microchip_system: "https://example.org/chip".to_owned(),
            microchip_systems_read: Vec::new(),
            bare_allergies: mapping::BareAllergies::default(),
        },
    )
}

pub fn row(key: &str, version: u32, phone: &str, ehr: &str) -> Fetched {
    Fetched {
        key: key.to_owned(),
        version: version.to_string(),
        raw: format!(
            r#"{{"sys_id":"{key}","sys_mod_count":"{version}","u_patient_name":"Rex {key}","u_owner_name":"Ada {key}","u_owner_phone":"{phone}","u_ehr_id":"{ehr}"}}"#
        ),
        changed_by: None,
        changed_at_ms: None,
    }
}

pub fn chart(id: &str, version: u32, phone: &str, row: &str) -> Fetched {
    Fetched {
        key: id.to_owned(),
        version: version.to_string(),
        raw: format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Patient","id":"{id}","identifier":[{{"system":"{SYSTEM}","value":"{row}"}}],"name":[{{"text":"Rex {row}"}}],"contact":[{{"relationship":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0063","code":"OWN"}}]}}],"name":{{"text":"Ada {row}"}},"telecom":[{{"system":"phone","value":"{phone}"}}]}}]}}}}]}}"#
        ),
        changed_by: None,
        changed_at_ms: None,
    }
}

/// An engine over a real store, with a clock that stands still until it is moved.
pub struct Bench {
    pub engine: Engine,
    pub store: Arc<dyn Store>,
    pub now_ms: i64,
    /// Requests that wait for their answer.
    pub sent: Vec<Request>,
    pub replies: Vec<Result<Reply, EngineError>>,
    pub notices: Vec<Notice>,
    pub wake_at_ms: Option<i64>,
    folder: Arc<tempfile::TempDir>,
    lenses: Arc<Lenses>,
    kinds: Vec<RecordKind>,
    /// The last field, so that it goes when the engine is gone.
    closing: Closing,
}

fn seed_of(now_ms: i64) -> u8 {
    u8::try_from(now_ms % 251).unwrap()
}

/// Closes the store at the end of its test, whoever else still knows it: SQLCipher tidies up when the process ends, and a
/// connection that is still closing then ends it with a segmentation fault. Nothing where another bench goes on with it.
struct Closing(Option<Arc<dyn Store>>);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(store) = self.0.take() {
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(store.close()));
        }
    }
}

impl Bench {
    pub async fn with(policy: Policy) -> Bench {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = Bench::store(&folder).await;
        Bench::over(store, folder, policy, START_MS).await
    }

    /// One that synchronises other kinds besides patients.
    pub async fn of_kinds(kinds: &[RecordKind]) -> Bench {
        Bench::of_lenses(kinds, lenses()).await
    }

    /// One that synchronises other kinds besides patients, by these lenses.
    pub async fn of_lenses(kinds: &[RecordKind], lenses: Lenses) -> Bench {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let store = Bench::store(&folder).await;
        Bench::started(store, folder, Policy::default(), (START_MS, 9), Arc::new(lenses), kinds.to_vec())
            .await
    }

    async fn store(folder: &tempfile::TempDir) -> Arc<dyn Store> {
        let key = secrecy::SecretBox::new(Box::new([7_u8; 32]));
        Arc::new(SqliteStore::open(&folder.path().join("test.db"), &key, START_MS).await.unwrap())
    }

    pub async fn over(
        store: Arc<dyn Store>,
        folder: Arc<tempfile::TempDir>,
        policy: Policy,
        now_ms: i64,
    ) -> Bench {
        Bench::started(store, folder, policy, (now_ms, seed_of(now_ms)), Arc::new(lenses()), Vec::new()).await
    }

    async fn started(
        store: Arc<dyn Store>,
        folder: Arc<tempfile::TempDir>,
        policy: Policy,
        (now_ms, seed): (i64, u8),
        lenses: Arc<Lenses>,
        kinds: Vec<RecordKind>,
    ) -> Bench {
        let ids = Arc::new(SeededIds::new([seed; 32]));
        let engine = Engine::new(Arc::clone(&store), Arc::clone(&lenses), policy, ids)
            .with_kinds(&kinds, Rules::default());
        let mut bench = Bench {
            engine,
            closing: Closing(Some(Arc::clone(&store))),
            store,
            now_ms,
            sent: Vec::new(),
            replies: Vec::new(),
            notices: Vec::new(),
            wake_at_ms: None,
            folder,
            lenses,
            kinds,
        };
        bench.step(Event::Started).await;
        bench
    }

    /// The process ends and another one starts over the same database.
    pub async fn restarted(mut self) -> Bench {
        self.closing.0 = None;
        let Bench { store, folder, lenses, kinds, now_ms, .. } = self;
        // Ids that the process before it did not give.
        let seed = seed_of(now_ms).wrapping_add(101);
        Bench::started(store, folder, Policy::default(), (now_ms, seed), lenses, kinds).await
    }

    pub async fn step(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let Effects { requests, replies, notices, wake_at_ms, start_problem } =
                self.engine.step(event, self.now_ms).await;
            assert!(start_problem.is_none(), "{start_problem:?}");
            self.replies.extend(replies.into_iter().map(|(_, reply)| reply));
            self.notices.extend(notices);
            self.wake_at_ms = wake_at_ms;
            for request in requests {
                match request {
                    Request::GoOn { run } => events.push(Event::GoOn { run }),
                    other => self.sent.push(other),
                }
            }
        }
    }

    pub async fn ask(&mut self, command: Command) -> Result<Reply, EngineError> {
        self.step(Event::Asked { ticket: Ticket(0), command }).await;
        self.replies.pop().expect("an answer")
    }

    pub async fn start_run(&mut self) -> String {
        let command =
            Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: false, kind: None };
        let Ok(Reply::Run(run)) = self.ask(command).await else { panic!("a run") };
        run.id
    }

    /// Both remotes answer a run with everything they have.
    pub async fn pages(&mut self, rows: &[Fetched], charts: &[Fetched]) {
        for request in std::mem::take(&mut self.sent) {
            let Request::ReadPage { run, remote, .. } = request else {
                self.sent.push(request);
                continue;
            };
            let items = match remote {
                Remote::ServiceNow => rows.to_vec(),
                Remote::Ehr => charts.to_vec(),
            };
            let result = Ok(Page {
                items,
                malformed: Vec::new(),
                next: Next::ProvenComplete,
                total_hint: None,
                clock_ms: None,
                narrowed: false,
            });
            self.step(Event::PageRead { run, remote, result, latency_ms: 5 }).await;
        }
    }

    /// The same, as far as they are asked for records of that kind.
    pub async fn pages_of(&mut self, kind: RecordKind, rows: &[Fetched], documents: &[Fetched]) {
        let asked = |request: &Request| matches!(request, Request::ReadPage { kind: of, .. } if *of == kind);
        assert_eq!(self.sent.iter().filter(|request| asked(request)).count(), 2, "{:?}", self.sent);
        self.pages(rows, documents).await;
    }

    /// The remotes answer what they were asked about single records.
    pub async fn reads(&mut self, records: &[Fetched]) {
        for request in std::mem::take(&mut self.sent) {
            let Request::ReadRecord { errand, remote, key, .. } = request else {
                self.sent.push(request);
                continue;
            };
            let found = records.iter().find(|fetched| fetched.key == key).cloned();
            let result = found.ok_or(RemoteError::NotFound { remote, key });
            self.step(Event::RecordRead { errand, remote, result, latency_ms: 5 }).await;
        }
    }

    /// A remote answers whether it has a record with our key.
    pub async fn find(&mut self, found: Option<Fetched>) -> String {
        assert_eq!(self.sent.len(), 1, "{:?}", self.sent);
        let Request::FindByOurKey { operation, .. } = self.sent.remove(0) else {
            panic!("nothing is looked up")
        };
        self.step(Event::Found { operation: operation.clone(), result: Ok(found), latency_ms: 5 }).await;
        operation
    }

    /// The pair that holds this key.
    pub async fn pair(&self, remote: Remote, key: &str) -> store::PairRow {
        self.store.pair_by_key(remote, RecordKind::Patient, key).await.unwrap().expect("a pair")
    }

    /// What is stored of a record.
    pub async fn version(&self, remote: Remote, key: &str) -> String {
        let id = store::SnapshotId { remote, kind: RecordKind::Patient, key: key.to_owned() };
        self.store.snapshot(&id).await.unwrap().expect("a snapshot").version
    }

    pub async fn operations(&self, states: &[OperationState]) -> Vec<store::OperationRow> {
        let filter = OperationFilter { lane: None, plan: None, states: states.to_vec() };
        self.store.operations(&filter, 0, 100).await.unwrap()
    }

    /// The one write that was sent.
    pub fn write(&mut self) -> (String, Remote, Write) {
        assert_eq!(self.sent.len(), 1, "{:?}", self.sent);
        match self.sent.remove(0) {
            Request::Write { operation, remote, write } => (operation, remote, write),
            other => panic!("not a write: {other:?}"),
        }
    }

    pub async fn answer(&mut self, operation: &str, result: Result<Written, RemoteError>) {
        self.step(Event::Wrote { operation: operation.to_owned(), result, latency_ms: 5 }).await;
    }

    /// Time passes until the moment the engine named.
    pub async fn wake(&mut self) -> i64 {
        let at_ms = self.wake_at_ms.expect("the engine wants to be woken");
        let passed_ms = at_ms - self.now_ms;
        self.now_ms = at_ms;
        self.step(Event::Woke).await;
        passed_ms
    }

    pub async fn operation(&self, state: OperationState) -> store::OperationRow {
        let filter = OperationFilter { lane: None, plan: None, states: vec![state] };
        let mut found = self.store.operations(&filter, 0, 10).await.unwrap();
        assert_eq!(found.len(), 1, "{state:?}");
        found.remove(0)
    }

    pub async fn last_run(&self) -> store::RunRow {
        self.store.runs(1).await.unwrap().remove(0)
    }
}

pub const OLD: &str = "4155550100";
pub const NEW: &str = "+14155550199";

/// The end of an operation as the executor writes it down.
pub fn finished(operation: &store::OperationRow, now_ms: i64) -> store::Change {
    store::Change::FinishOperation {
        id: operation.id.clone(),
        claim: operation.claims,
        state: store::OperationState::Done,
        due_at_ms: now_ms,
        errors: "[]".to_owned(),
        key: operation.key.clone(),
        cause: None,
        costs_a_try: true,
        at_ms: now_ms,
    }
}

/// One pair that agreed, of which the EHR then changed the phone; the write to ServiceNow is sent.
pub async fn one_write(policy: Policy) -> Bench {
    let mut bench = Bench::with(policy).await;
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 1, "+14155550100", "r1")]).await;
    assert_eq!(counts_of(&bench.last_run().await).unwrap().equal, 1, "{:?}", bench.last_run().await);
    bench.start_run().await;
    bench.pages(&[row("r1", 3, OLD, "p1")], &[chart("p1", 2, NEW, "r1")]).await;
    bench
}

pub fn unreachable() -> RemoteError {
    RemoteError::Unreachable { remote: Remote::ServiceNow, what: "connection refused".to_owned() }
}

pub fn written() -> Written {
    let read_back = row("r1", 4, NEW, "p1");
    Written {
        key: "r1".to_owned(),
        status: 200,
        response_body: read_back.raw.clone(),
        read_back,
        raced: false,
    }
}
