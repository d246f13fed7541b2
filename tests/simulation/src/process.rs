//! One process of the product: the real engine, the real clients, and what is under way.

use crate::medium::Medium;
use crate::mutations::{Mutation, mutated};
use crate::network::Network;
use crate::remotes::{CLIENT, EHR_URL, Remotes, SECRET, SERVICENOW_URL, TABLE, ehr_key};
use engine::clock::SeededIds;
use engine::drive::{is_failure, lane_of, told};
use engine::health::Gate;
use engine::judge::index;
use engine::schedule::Schedule;
use engine::step::{Engine, Event, Request};
use engine::{Ids, Lenses, Policy};
use mapping::fhir::PatientLens;
use mapping::servicenow::RowLens;
use reconcile::brake::BrakeLimits;
use record::{Catalogue, Conventions, RecordKind, Remote};
use remote::RemoteApi;
use remote::ehr::{Ehr, EhrSettings};
use remote::http::{Ceiling, NewId, Now, Transport, Wait};
use remote::servicenow::{ServiceNow, ServiceNowSettings, TableSettings};
use remote::signin::{KeyAlgorithm, SignIn, SignInMethod, SigningKey, TokenAddress};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

type Task = Pin<Box<dyn Future<Output = Event> + Send>>;

/// How the product is set up for a day.
#[derive(Debug, Clone, Copy)]
pub struct SetUp {
    /// Rows and records asked for per page.
    pub page: u32,
    /// Requests a minute at most, per remote.
    pub per_minute: u32,
    /// Operations under way at most.
    pub lanes: u32,
    /// One person may approve alone.
    pub one_person: bool,
    /// Answers share steps, and steps a transaction, as with the product's driver.
    pub together: bool,
    /// Patients that a run may write to without being asked.
    pub brake_pairs: u64,
    /// What changed is asked for so often, milliseconds.
    pub poll_every_ms: Option<i64>,
    /// A deliberate bug.
    pub mutation: Option<Mutation>,
}

/// A running process.
pub struct Process {
    /// The engine.
    pub engine: Engine,
    /// Its wires.
    pub network: Network,
    clients: [Arc<dyn RemoteApi>; 2],
    tasks: BTreeMap<u64, Task>,
    next_task: u64,
    lanes: Option<Lanes>,
    wait: Wait,
    now: Now,
}

/// What the product's driver does where answers share a step: operations that were claimed ahead wait for a lane, and
/// after a failure nothing more is sent until the engine has seen it.
#[derive(Debug, Default)]
struct Lanes {
    most: usize,
    busy: BTreeSet<u64>,
    ahead: VecDeque<Request>,
    failed: bool,
}

/// Both lenses, over the default catalogue.
pub fn lenses() -> Arc<Lenses> {
    let (catalogue, conventions) = (Arc::new(Catalogue::patient_default()), Arc::new(Conventions::default()));
    let mut row = RowLens::new(Arc::clone(&catalogue), Arc::clone(&conventions));
    row.active_column = Some("u_active".to_owned());
    row.deceased_column = Some("u_deceased".to_owned());
    Arc::new(Lenses::of_patients(
        row,
        PatientLens {
            catalogue,
            conventions,
            servicenow_system: Remotes::row_system().to_owned(),
            microchip_system: crate::animals::CHIPS.to_owned(),
            microchip_systems_read: Vec::new(),
            bare_allergies: mapping::BareAllergies::default(),
        },
    ))
}

fn clients(network: &Network, now: &Now, new_id: &NewId, set_up: SetUp) -> [Arc<dyn RemoteApi>; 2] {
    let wires = || -> Arc<dyn Transport> {
        Arc::new(Ceiling::waiting_by(
            Arc::new(network.clone()),
            set_up.per_minute,
            Arc::clone(now),
            network.waiting(),
        ))
    };
    let transport = wires();
    let method = SignInMethod::ClientSecret {
        client_id: CLIENT.to_owned(),
        client_secret: SecretString::from(SECRET.to_owned()),
        scopes: Vec::new(),
    };
    let address = TokenAddress::Known(format!("{SERVICENOW_URL}/oauth_token.do"));
    let sign_in = SignIn::new(
        Remote::ServiceNow,
        method,
        address,
        Arc::clone(&transport),
        Arc::clone(now),
        Arc::clone(new_id),
    )
    .expect("settings of the sign-in");
    let catalogue = Catalogue::patient_default();
    let mut columns: Vec<String> = catalogue.fields.iter().map(|spec| spec.column.clone()).collect();
    columns.extend(["u_active".to_owned(), "u_deceased".to_owned()]);
    let table = TableSettings {
        kind: RecordKind::Patient,
        table: TABLE.to_owned(),
        columns,
        ehr_id_column: "u_ehr_id".to_owned(),
    };
    let settings =
        ServiceNowSettings { page_rows: set_up.page, ..ServiceNowSettings::new(SERVICENOW_URL, vec![table]) };
    let servicenow = ServiceNow::new(settings, transport, Arc::new(sign_in), Arc::clone(now))
        .expect("settings of ServiceNow");

    let transport = wires();
    let key = ehr_key();
    let method = SignInMethod::PrivateKeyJwt {
        client_id: "vetsync".to_owned(),
        scopes: vec!["system/Patient.cruds".to_owned(), "system/AllergyIntolerance.cruds".to_owned()],
        audience: None,
        key: SigningKey {
            algorithm: KeyAlgorithm::parse("ES384").expect("a known algorithm"),
            key_id: Some(key.key_id.clone()),
            pem: SecretString::from(key.private_key_pem.clone()),
        },
    };
    let address = TokenAddress::Known("https://idp.test/token".to_owned());
    let sign_in = SignIn::new(
        Remote::Ehr,
        method,
        address,
        Arc::clone(&transport),
        Arc::clone(now),
        Arc::clone(new_id),
    )
    .expect("settings of the sign-in");
    let settings =
        EhrSettings { page_records: set_up.page, ..EhrSettings::new(EHR_URL, Remotes::row_system()) };
    let ehr = Ehr::new(settings, transport, Arc::new(sign_in), Arc::clone(now)).expect("settings of the EHR");
    let clients: [Arc<dyn RemoteApi>; 2] = [Arc::new(servicenow), Arc::new(ehr)];
    clients.map(|client| mutated(client, set_up.mutation, set_up.page))
}

impl Process {
    /// A process over a database. `seed` is where its ids come from.
    pub fn start(
        medium: &Arc<Medium>,
        network: Network,
        now: &Now,
        seed: [u8; 32],
        set_up: SetUp,
    ) -> Process {
        let ids = Arc::new(SeededIds::new(seed));
        let mut brake = BrakeLimits { pairs_max: set_up.brake_pairs, ..BrakeLimits::default() };
        if set_up.mutation == Some(Mutation::BrakeCountsLate) {
            brake = BrakeLimits::default();
        }
        let policy = Policy {
            lanes: set_up.lanes,
            brake,
            one_person_may_approve: set_up.one_person || set_up.mutation == Some(Mutation::ApproveAlone),
            ..Policy::default()
        };
        let new_id: NewId = {
            let (ids, now) = (Arc::clone(&ids), Arc::clone(now));
            Arc::new(move || ids.next(now()))
        };
        let clients = clients(&network, now, &new_id, set_up);
        let store: Arc<dyn store::Store> = Arc::clone(medium) as Arc<dyn store::Store>;
        let engine = Engine::new(store, lenses(), policy, ids);
        let schedule = Schedule { poll_every_ms: set_up.poll_every_ms, ..Schedule::default() };
        Process {
            engine: engine.with_schedule(schedule, set_up.poll_every_ms.is_some()),
            wait: network.waiting(),
            network,
            clients,
            tasks: BTreeMap::new(),
            next_task: 0,
            lanes: set_up.together.then(|| Lanes {
                most: usize::try_from(set_up.lanes).unwrap_or(usize::MAX),
                ..Lanes::default()
            }),
            now: Arc::clone(now),
        }
    }

    /// Begins what the engine asked for after a step. What waited for a lane and may not be sent any more is told.
    pub fn stepped(&mut self, requests: Vec<Request>, now_ms: i64) -> Vec<Event> {
        let open = Remote::BOTH.map(|remote| self.engine.health(remote).gate(now_ms) == Gate::Open);
        let may_go = |request: &Request| lane_of(request).is_none_or(|(remote, _)| open[index(remote)]);
        let Some(lanes) = &mut self.lanes else {
            for request in requests {
                self.carry(request);
            }
            return Vec::new();
        };
        lanes.failed = false;
        let (ahead, unsent): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut lanes.ahead).into_iter().partition(may_go);
        lanes.ahead = ahead;
        let (waits, goes): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(|request| lane_of(request).is_some() && may_go(request));
        lanes.ahead.extend(waits);
        for request in goes {
            self.carry(request);
        }
        self.fill();
        unsent
            .iter()
            .filter_map(lane_of)
            .map(|(_, operation)| Event::NotSent { operation: operation.to_owned() })
            .collect()
    }

    fn fill(&mut self) {
        while let Some(lanes) = &mut self.lanes
            && !lanes.failed
            && lanes.busy.len() < lanes.most
            && let Some(request) = lanes.ahead.pop_front()
        {
            self.carry(request);
        }
    }

    /// Sends a request.
    fn carry(&mut self, request: Request) {
        let (clients, wait, now) = (self.clients.clone(), Arc::clone(&self.wait), Arc::clone(&self.now));
        self.next_task += 1;
        if let Some(lanes) = self.lanes.as_mut().filter(|_| lane_of(&request).is_some()) {
            lanes.busy.insert(self.next_task);
        }
        // tokio's own fairness would let a task wait although it could go on.
        let task = tokio::task::unconstrained(carry(request, clients, wait, now));
        self.tasks.insert(self.next_task, Box::pin(task));
    }

    /// Lets every task go on as far as it can; what ended comes out.
    pub fn advance(&mut self) -> Vec<Event> {
        let mut context = Context::from_waker(Waker::noop());
        let mut done = Vec::new();
        let lanes = &mut self.lanes;
        self.tasks.retain(|number, task| match task.as_mut().poll(&mut context) {
            Poll::Ready(event) => {
                if let Some(lanes) = lanes {
                    lanes.busy.remove(number);
                    lanes.failed |= is_failure(&event);
                }
                done.push(event);
                false
            }
            Poll::Pending => true,
        });
        self.fill();
        done
    }

    /// Whether anything is under way.
    pub fn is_busy(&self) -> bool {
        !self.tasks.is_empty() || self.lanes.as_ref().is_some_and(|lanes| !lanes.ahead.is_empty())
    }
}

/// Sends one request and turns the answer into an event, as the product's driver does.
async fn carry(request: Request, clients: [Arc<dyn RemoteApi>; 2], wait: Wait, now: Now) -> Event {
    let client = |remote: Remote| match remote {
        Remote::ServiceNow => &clients[0],
        Remote::Ehr => &clients[1],
    };
    let began_ms = now();
    let elapsed_ms = |began_ms: i64| u64::try_from(now() - began_ms).unwrap_or(0);
    match request {
        Request::ReadPage { run, remote, kind, scope, cursor, not_before_ms } => {
            let wait_ms = u64::try_from(not_before_ms - began_ms).unwrap_or(0);
            if wait_ms > 0 {
                wait(wait_ms).await;
            }
            let began_ms = now();
            let result = client(remote).list(kind, &scope, cursor.as_ref()).await;
            Event::PageRead { run, remote, result, latency_ms: elapsed_ms(began_ms) }
        }
        Request::ReadRecord { errand, remote, kind, key } => {
            let result = client(remote).read(kind, &key).await;
            Event::RecordRead { errand, remote, result, latency_ms: elapsed_ms(began_ms) }
        }
        Request::FindByOurKey { operation, remote, kind, key } => {
            let result = client(remote).find_by_our_key(kind, &key).await;
            Event::Found { operation, result, latency_ms: elapsed_ms(began_ms) }
        }
        Request::FindBill { operation, remote, key } => {
            let result = client(remote).find_bill(&key).await;
            Event::Found { operation, result, latency_ms: elapsed_ms(began_ms) }
        }
        Request::Write { operation, remote, write } => {
            let result = client(remote).write(&write).await;
            Event::Wrote { operation, result, latency_ms: elapsed_ms(began_ms) }
        }
        Request::Poll { poll, remote, watched, since_ms, cursor } => {
            let result = told(&**client(remote), watched, since_ms, cursor.as_ref()).await;
            Event::Polled { poll, remote, result, latency_ms: elapsed_ms(began_ms) }
        }
        Request::Probe { remote } => {
            let result = client(remote).probe().await.map(|_findings| ());
            Event::Probed { remote, result, latency_ms: elapsed_ms(began_ms) }
        }
        Request::GoOn { run } => Event::GoOn { run },
    }
}
