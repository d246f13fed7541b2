//! The measure end to end: records a second against the simulated remotes over TLS 1.3, written, read back, verified and
//! durable; beside the same requests by a bare loop over the HTTP library, and beside the clients without an engine.
//!
//! The simulated remotes run in a process of their own, on the same processors. Nothing holds requests back: the ceiling
//! of requests a minute is taken out for all three.

use super::disk::Disk;
use super::figures::{self, Measure};
use super::queue::{LANES, MovedClock, NEW_PHONE, count, drained, ids, row, settled, side};
use crate::exit::Failure;
use agent::Options;
use anyhow::Context as _;
use async_trait::async_trait;
use axum::http;
use engine::drive::{self, Remotes};
use engine::judge::SideState;
use engine::{Clock as _, Command, Engine, Lenses, Notice, Policy, Reply};
use futures_util::{StreamExt as _, TryStreamExt as _};
use reconcile::FieldWrite;
use record::{FieldIx, FieldState, RecordKind, Remote};
use remote::http::{Transport, TransportFailure};
use remote::{Fetched, Place, RemoteApi, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use store::{Change, OperationState, PairRow, PairStatus, SnapshotRow, Store};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::broadcast::error::RecvError;

/// What an answer of a remote takes that is not on this machine, milliseconds: less than a request to another city.
pub const AWAY_MS: u64 = 20;

/// Writes so many records three times over, each time others: bare, by the clients, by the engine. The remotes take
/// `answer_ms` for each answer; with 0 they answer as fast as the simulators can.
pub async fn measure(
    writes: usize,
    folder: &Path,
    disk: Disk,
    answer_ms: u64,
) -> Result<Vec<Measure>, Failure> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    // Not every pair of a clinic agrees at first sight.
    let patients = (writes * 8).max(200).to_string();
    let answer = answer_ms.to_string();
    let mut simulated = tokio::process::Command::new(program)
        .args(["simulate", "--seed", "1", "--patients", &patients, "--answer-ms", &answer, "--config-out"])
        .arg(folder)
        // The slow disk is the database's.
        .env_remove("LD_PRELOAD")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the simulated remotes do not start")?;
    let output = simulated.stdout.take().context("the simulated remotes say nothing")?;
    let mut lines = BufReader::new(output).lines();
    lines.next_line().await.context("the simulated remotes do not start")?;
    let options = || Options { config: Some(folder.join("vetsync.toml")), ..Options::default() };

    eprintln!("  reading the clinic");
    read_clinic(options()).await?;
    let opened = agent::open(options()).await?;
    let (lenses, store) = (opened.lenses, opened.store);
    let seen: Arc<Mutex<Vec<Sent>>> = Arc::default();
    let observed = {
        let seen = Arc::clone(&seen);
        move |inner, _per_minute| -> Arc<dyn Transport> {
            Arc::new(Observer { inner, seen: Arc::clone(&seen) })
        }
    };
    let bare_transport: Arc<Mutex<Option<Arc<dyn Transport>>>> = Arc::default();
    let unhindered = {
        let first = Arc::clone(&bare_transport);
        move |inner: Arc<dyn Transport>, _per_minute| -> Arc<dyn Transport> {
            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| Arc::clone(&inner));
            inner
        }
    };
    let (settings, secrets, clock) = (&opened.settings, &*opened.secrets, &opened.clock);
    let watched = agent::remotes_through(settings, secrets, folder, clock, &observed).await?.servicenow;
    let agent::Clients { servicenow, ehr, .. } =
        agent::remotes_through(settings, secrets, folder, clock, &unhindered).await?;
    let transport = bare_transport.lock().unwrap_or_else(PoisonError::into_inner).take();
    let transport = transport.context("ServiceNow's client has no transport")?;

    let mut chosen = chosen(&*store, &lenses, writes * 4 + 2).await?;
    let each = chosen.len().saturating_sub(2) / 4;
    if each == 0 {
        return Err(Failure::new("no pair of the clinic agrees", "Measure with a larger --size."));
    }
    // The first write signs in and looks at the columns; the second is what each one after it is like.
    let template = observe(&*watched, &seen, &chosen.split_off(chosen.len() - 2)).await?;
    let again = chosen.split_off(each * 3);
    let by_engine = chosen.split_off(each * 2);
    let by_clients = chosen.split_off(each);

    eprintln!("  {each} records by a bare loop");
    let (mut bare, ()) = Phase::of(bare_loop(&transport, &template, &chosen)).await?;
    eprintln!("  {each} records by the engine");
    let waiting = enqueue(&*store, &lenses, by_engine).await?;
    let policy = Policy { lanes: u32::try_from(LANES).unwrap_or(1), ..Policy::default() };
    let engine = Engine::new(Arc::clone(&store), lenses, policy, ids());
    let remotes = Remotes { servicenow: Arc::clone(&servicenow) as Arc<dyn RemoteApi>, ehr };
    let (engine, at_work) = Phase::of(drain(engine, remotes, &*store, waiting)).await?;
    let mut undone = 0;
    for state in
        [OperationState::Waiting, OperationState::Running, OperationState::Retrying, OperationState::Parked]
    {
        undone += count(&*store, state).await?;
    }
    at_work.end().await?;
    eprintln!("  {each} records by the clients alone");
    let (clients, ()) = Phase::of(client_loop(&servicenow, &by_clients)).await?;
    eprintln!("  {each} records by a bare loop, once more");
    let (later, ()) = Phase::of(bare_loop(&transport, &template, &again)).await?;
    bare = Phase {
        seconds: f64::midpoint(bare.seconds, later.seconds),
        processor: bare.processor.zip(later.processor).map(|(one, other)| f64::midpoint(one, other)),
    };
    simulated.kill().await.context("the simulated remotes do not stop")?;
    let rate = |phase: Phase| (each as f64 / phase.seconds).round();
    let processor =
        |phase: Phase| phase.processor.map(|seconds| (seconds * 1_000_000.0 / each as f64).round());
    let name = if answer_ms == 0 { "sync".to_owned() } else { format!("sync, answers take {answer_ms} ms") };
    let name = disk.name(&name);
    let of = |what: &str, value: Option<f64>, unit| Measure::of(&format!("{name}: {what}"), value, unit);
    Ok(vec![
        of("records written", Some(each as f64), ""),
        of("records a second by a bare loop", Some(rate(bare)), "1/s"),
        of("records a second by the clients alone", Some(rate(clients)), "1/s"),
        of("records a second by the engine, durable and verified", Some(rate(engine)), "1/s"),
        of("processor time of a record, bare loop", processor(bare), "µs"),
        of("processor time of a record, clients alone", processor(clients), "µs"),
        of("processor time of a record, engine", processor(engine), "µs"),
        of(
            "the engine adds to the bare loop",
            Some(((engine.seconds / bare.seconds - 1.0) * 100.0).round()),
            "%",
        )
        .at_most(25.0),
        of("not done", Some(undone as f64), "").at_most(0.0),
    ])
}

/// How long something took, and what this process spent on it.
#[derive(Debug, Clone, Copy)]
struct Phase {
    seconds: f64,
    processor: Option<f64>,
}

impl Phase {
    async fn of<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<(Phase, T), Failure> {
        let (began, before) = (Instant::now(), figures::processor_seconds());
        let done = work.await?;
        let processor = figures::processor_seconds().zip(before).map(|(after, before)| after - before);
        Ok((Phase { seconds: began.elapsed().as_secs_f64(), processor }, done))
    }
}

async fn read_clinic(options: Options) -> Result<(), Failure> {
    let running = agent::start(agent::open(options).await?).await?;
    let mut notices = running.engine.notices();
    let command =
        Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: true, kind: None };
    let Reply::Run(run) = running.engine.ask(command).await? else {
        return Err(Failure::new("the engine gave no run", "Try again."));
    };
    loop {
        match notices.recv().await {
            Ok(Notice::RunEnded(id)) if id == run.id => break,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(engine::EngineError::Stopping.into()),
        }
    }
    running.stop().await;
    Ok(())
}

// --- the bare loop

/// A request as it left the client.
#[derive(Debug, Clone)]
struct Sent {
    head: http::request::Parts,
    body: Vec<u8>,
}

/// Lets everything pass and keeps it.
struct Observer {
    inner: Arc<dyn Transport>,
    seen: Arc<Mutex<Vec<Sent>>>,
}

#[async_trait]
impl Transport for Observer {
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, TransportFailure> {
        let (head, body) = request.into_parts();
        let sent = Sent { head: head.clone(), body: body.clone() };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        self.inner.send(http::Request::from_parts(head, body)).await
    }
}

/// The requests of one write, with the key they are about.
struct Template {
    key: String,
    requests: Vec<Sent>,
}

/// What the client sends for a write, once it is signed in.
async fn observe(
    client: &dyn RemoteApi,
    seen: &Mutex<Vec<Sent>>,
    chosen: &[Chosen],
) -> Result<Template, Failure> {
    let mut template = Template { key: String::new(), requests: Vec::new() };
    for one in chosen {
        seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        client.write(&one.write).await.context("a write of the client alone failed")?;
        template.requests.clone_from(&seen.lock().unwrap_or_else(PoisonError::into_inner));
        template.key = one.write.key.clone().unwrap_or_default();
    }
    Ok(template)
}

/// The same requests with nothing around them: no look at any answer but its status.
async fn bare_loop(
    transport: &Arc<dyn Transport>,
    template: &Template,
    chosen: &[Chosen],
) -> Result<(), Failure> {
    let requests = chosen.iter().map(|one| {
        let key = one.write.key.as_deref().unwrap_or_default();
        let requests: Vec<_> = template
            .requests
            .iter()
            .map(|sent| {
                let mut head = sent.head.clone();
                head.uri = head.uri.to_string().replace(&template.key, key).parse()?;
                let body =
                    if sent.body.is_empty() { Vec::new() } else { one.write.body.clone().into_bytes() };
                Ok(http::Request::from_parts(head, body))
            })
            .collect::<Result<_, http::uri::InvalidUri>>()?;
        Ok::<Vec<http::Request<Vec<u8>>>, anyhow::Error>(requests)
    });
    futures_util::stream::iter(requests)
        .map(|requests| {
            let transport = Arc::clone(transport);
            async move {
                let task = tokio::spawn(async move {
                    for request in requests? {
                        let answer = transport.send(request).await?;
                        anyhow::ensure!(answer.status().is_success(), "answered {}", answer.status());
                    }
                    Ok(())
                });
                task.await.context("a request was lost")?
            }
        })
        .buffer_unordered(LANES)
        .try_collect::<()>()
        .await
        .context("a request of the bare loop failed")?;
    Ok(())
}

async fn client_loop<C: RemoteApi>(client: &Arc<C>, chosen: &[Chosen]) -> Result<(), Failure> {
    futures_util::stream::iter(chosen)
        .map(|one| {
            let (client, write) = (Arc::clone(client), one.write.clone());
            async move {
                let task = tokio::spawn(async move { client.write(&write).await });
                task.await.context("a write was lost")?.context("a write of the clients alone failed")
            }
        })
        .buffer_unordered(LANES)
        .try_for_each(|_written| std::future::ready(Ok(())))
        .await?;
    Ok(())
}

// --- the engine

async fn enqueue(store: &dyn Store, lenses: &Lenses, chosen: Vec<Chosen>) -> Result<u64, Failure> {
    let now_ms = engine::clock::SystemClock.now_ms();
    let ids = ids();
    let mut changes = Vec::new();
    let mut count = 0;
    for one in chosen {
        changes.push(Change::PutSnapshot(one.ehr.snapshot.clone()));
        changes.extend(settled(lenses, &ids, one.pair, (one.servicenow, one.ehr), now_ms)?);
        count += 1;
    }
    store.commit(changes).await?;
    Ok(count)
}

/// An engine that has nothing left to do.
struct AtWork {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    _handle: drive::Handle,
}

impl AtWork {
    async fn end(self) -> Result<(), Failure> {
        let _gone = self.stop.send(());
        self.task.await.context("the engine was lost")?;
        Ok(())
    }
}

async fn drain(
    engine: Engine,
    remotes: Remotes,
    store: &dyn Store,
    expected: u64,
) -> Result<AtWork, Failure> {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let began = Instant::now();
    let (handle, task) = drive::start(engine, remotes, Arc::new(MovedClock::default()), async {
        let _either = stopped.await;
    });
    drained(&mut handle.notices(), store, expected, began).await?;
    Ok(AtWork { stop, task, _handle: handle })
}

/// A pair that agreed, whose owner's phone number is to change in ServiceNow.
struct Chosen {
    pair: PairRow,
    servicenow: SideState,
    ehr: SideState,
    write: Write,
}

async fn chosen(store: &dyn Store, lenses: &Lenses, wanted: usize) -> Result<Vec<Chosen>, Failure> {
    let phone =
        lenses.catalogue(RecordKind::Patient).index_of("owner_phone").context("there is no such field")?;
    let mut chosen = Vec::with_capacity(wanted);
    let mut after = String::new();
    while chosen.len() < wanted {
        let digests = store.pair_digests_after(RecordKind::Patient, &after, 500).await?;
        let Some(last) = digests.last() else { break };
        after.clone_from(&last.id);
        let ids: Vec<&str> = digests.iter().map(|pair| pair.id.as_str()).collect();
        for page in store.pairs_named(&ids).await? {
            if page.pair.status != PairStatus::Agreed || chosen.len() >= wanted {
                continue;
            }
            let (Some(servicenow), Some(ehr)) = (page.servicenow, page.ehr) else { continue };
            chosen.extend(choose(lenses, phone, page.pair, &servicenow, &ehr)?);
        }
    }
    Ok(chosen)
}

/// The EHR's side with another phone number, and the write that brings it to ServiceNow.
fn choose(
    lenses: &Lenses,
    phone: FieldIx,
    pair: PairRow,
    servicenow: &SnapshotRow,
    ehr: &SnapshotRow,
) -> Result<Option<Chosen>, Failure> {
    let record = lenses.patients.read(Remote::ServiceNow, &servicenow.raw)?;
    let from = record.field(phone).clone();
    let new = lenses.patients.read(Remote::ServiceNow, &row(0, 1, NEW_PHONE).raw)?;
    if !matches!(from, FieldState::Value(_)) || record.other_key.is_none() {
        return Ok(None);
    }
    let write = [FieldWrite { field: phone, from, to: new.field(phone).clone() }];
    let raw = lenses.patients.update_body(Remote::Ehr, &ehr.raw, &write, None)?;
    let fetched = Fetched {
        key: ehr.id.key.clone(),
        version: format!("{}-bench", ehr.version),
        raw,
        changed_by: None,
        changed_at_ms: None,
    };
    let (_, ehr) = side(lenses, Remote::Ehr, &fetched, engine::clock::SystemClock.now_ms())?;
    Ok(Some(Chosen {
        pair,
        write: Write {
            kind: RecordKind::Patient,
            place: Place::Record,
            key: Some(servicenow.id.key.clone()),
            body: lenses.patients.update_body(Remote::ServiceNow, &servicenow.raw, &write, None)?,
            expected_version: Some(servicenow.version.clone()),
            idempotency_key: String::new(),
        },
        servicenow: SideState { snapshot: servicenow.clone(), record },
        ehr,
    }))
}
