//! Measures of the durable engine: events accepted, operations carried out, an outage worked off.

use super::disk::Disk;
use super::figures::{self, Measure};
use crate::exit::Failure;
use anyhow::Context as _;
use async_trait::async_trait;
use engine::clock::SeededIds;
use engine::drive::{self, Remotes};
use engine::inbox::Arrival;
use engine::judge::{PairContext, SideState, Terms, judge};
use engine::{Clock, Engine, Ids, Lenses, Notice, Policy};
use mapping::{PatientLens, RowLens};
use reconcile::compare::{Base, BaseField};
use record::{Catalogue, Conventions, RecordKind, Remote};
use remote::{Cursor, Fetched, ListScope, Page, Probe, RemoteApi, RemoteError, WirePreview, Write, Written};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::sqlite::SqliteStore;
use store::{Change, OperationState, PairRow, PairStatus, SnapshotRow, Store};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

const SYSTEM: &str = "https://bench.example/servicenow";
const OLD_PHONE: &str = "+14155550100";
pub const NEW_PHONE: &str = "+14155550199";
pub const LANES: usize = 16;

pub fn lenses() -> Lenses {
    let (catalogue, conventions) = (Arc::new(Catalogue::patient_default()), Arc::new(Conventions::default()));
    Lenses::of_patients(
        RowLens::new(Arc::clone(&catalogue), Arc::clone(&conventions)),
        PatientLens {
            catalogue,
            conventions,
            servicenow_system: SYSTEM.to_owned(),
            microchip_system: "https://bench.example/chip".to_owned(),
            microchip_systems_read: Vec::new(),
            bare_allergies: mapping::BareAllergies::default(),
        },
    )
}

/// The clock of this machine, moved forward by hand.
#[derive(Default)]
pub struct MovedClock {
    ahead_ms: AtomicI64,
}

impl Clock for MovedClock {
    fn now_ms(&self) -> i64 {
        engine::clock::SystemClock.now_ms() + self.ahead_ms.load(Ordering::Relaxed)
    }
}

pub async fn open(folder: &Path) -> Result<Arc<SqliteStore>, Failure> {
    let key = store::sqlite::SecretKey::new(Box::new([7; 32]));
    let store =
        SqliteStore::open(&folder.join("bench.db"), &key, engine::clock::SystemClock.now_ms()).await?;
    Ok(Arc::new(store))
}

pub fn ids() -> Arc<SeededIds> {
    Arc::new(SeededIds::new([3; 32]))
}

// --- events

/// Callers who come side by side, each with its next event as soon as the last is acknowledged.
const CALLERS: usize = 32;

/// How long an event takes until it may be acknowledged.
pub async fn accept(events: usize, folder: &Path, disk: Disk) -> Result<Vec<Measure>, Failure> {
    let name = disk.name("accept");
    let store = open(folder).await?;
    let engine =
        Engine::new(Arc::clone(&store) as Arc<dyn Store>, Arc::new(lenses()), Policy::default(), ids());
    let inbox = engine.inbox();
    let began = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let inbox = inbox.clone();
        callers.spawn(async move {
            let mut times_ms = Vec::new();
            for number in (caller..events).step_by(CALLERS) {
                let arrival = Arrival {
                    remote: Remote::Ehr,
                    message: format!("msg-{number}"),
                    raw: format!(r#"{{"type":"patient.updated","data":{{"id":"p-{}"}}}}"#, number % 5_000),
                };
                let began = Instant::now();
                inbox.accept(arrival, engine::clock::SystemClock.now_ms()).await?;
                times_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
            }
            Ok::<_, engine::EngineError>(times_ms)
        });
    }
    let mut times_ms = Vec::with_capacity(events);
    while let Some(done) = callers.join_next().await {
        times_ms.extend(done.context("a caller was lost")??);
    }
    let rate = events as f64 / began.elapsed().as_secs_f64();
    let accepted: u64 = store.event_counts().await?.iter().map(|(_, count)| count).sum();
    if accepted != events as u64 {
        return Err(Failure::new(format!("{accepted} of {events} events are in the inbox"), "Look into it."));
    }
    store.close().await;
    times_ms.sort_by(f64::total_cmp);
    Ok(vec![
        Measure::of(&format!("{name}: events a second, 32 callers"), rate.round(), "1/s"),
        Measure::of(&format!("{name}: half within"), figures::percentile_ms(&times_ms, 50), "ms"),
        Measure::of(&format!("{name}: 99 % within"), figures::percentile_ms(&times_ms, 99), "ms").below(20.0),
    ])
}

// --- operations

pub fn row(number: usize, version: u32, phone: &str) -> Fetched {
    let key = format!("{number:032x}");
    let raw = format!(
        r#"{{"sys_id":"{key}","sys_mod_count":"{version}","sys_updated_on":"2026-11-01 10:00:00","sys_updated_by":"desk","u_patient_name":"Rex {number}","u_date_of_birth":"2019-04-03","u_owner_name":"Ada Adams {number}","u_owner_phone":"{phone}","u_owner_email":"ada{number}@example.org","u_ehr_id":"p-{number}"}}"#
    );
    Fetched { key, version: version.to_string(), raw, changed_by: None, changed_at_ms: None }
}

fn chart(number: usize, version: u32, phone: &str) -> Fetched {
    let raw = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Patient","id":"p-{number}","meta":{{"versionId":"{version}"}},"identifier":[{{"system":"{SYSTEM}","value":"{number:032x}"}}],"name":[{{"text":"Rex {number}"}}],"birthDate":"2019-04-03","contact":[{{"relationship":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0063","code":"OWN"}}]}}],"name":{{"text":"Ada Adams {number}"}},"telecom":[{{"system":"phone","value":"{phone}"}},{{"system":"email","value":"ada{number}@example.org"}}]}}]}}}}]}}"#
    );
    Fetched {
        key: format!("p-{number}"),
        version: version.to_string(),
        raw,
        changed_by: None,
        changed_at_ms: None,
    }
}

/// A remote that does what it is told at once, in memory of nothing.
pub struct Obliging {
    remote: Remote,
    written: AtomicU64,
}

#[async_trait]
impl RemoteApi for Obliging {
    fn remote(&self) -> Remote {
        self.remote
    }

    async fn list(&self, _: RecordKind, _: &ListScope, _: Option<&Cursor>) -> Result<Page, RemoteError> {
        Err(self.unasked())
    }

    async fn read(&self, _: RecordKind, _: &str) -> Result<Fetched, RemoteError> {
        Err(self.unasked())
    }

    async fn find_by_our_key(&self, _: RecordKind, _: &str) -> Result<Option<Fetched>, RemoteError> {
        Ok(None)
    }

    async fn write(&self, write: &Write) -> Result<Written, RemoteError> {
        self.written.fetch_add(1, Ordering::Relaxed);
        let number = write
            .key
            .as_deref()
            .and_then(|key| usize::from_str_radix(key, 16).ok())
            .ok_or_else(|| self.unasked())?;
        let read_back = row(number, 2, NEW_PHONE);
        Ok(Written {
            key: read_back.key.clone(),
            status: 200,
            response_body: read_back.raw.clone(),
            read_back,
            raced: false,
        })
    }

    fn preview(&self, _: &Write) -> WirePreview {
        WirePreview { method: "PATCH".to_owned(), url: String::new(), headers: Vec::new() }
    }

    async fn probe(&self) -> Result<Probe, RemoteError> {
        Ok(Probe { latency_ms: 0, findings: Vec::new() })
    }
}

impl Obliging {
    pub fn new(remote: Remote) -> Arc<Obliging> {
        Arc::new(Obliging { remote, written: AtomicU64::new(0) })
    }

    fn unasked(&self) -> RemoteError {
        RemoteError::Protocol { remote: self.remote, what: "only writes are answered here".to_owned() }
    }
}

/// The writes that set a phone number in ServiceNow, for a pair whose EHR side has a new one.
pub fn settled(
    lenses: &Lenses,
    ids: &SeededIds,
    pair: PairRow,
    sides: (SideState, SideState),
    now_ms: i64,
) -> Result<Vec<Change>, Failure> {
    let base = Base {
        fields: sides
            .0
            .record
            .fields
            .iter()
            .map(|state| BaseField {
                state: state.clone(),
                agreed_at_ms: now_ms,
                agreed_by: "bench".to_owned(),
            })
            .collect(),
    };
    let context = PairContext {
        pair,
        servicenow: sides.0,
        ehr: sides.1,
        base: Some(base),
        open_conflict: None,
        lane_busy: false,
        blocked: engine::step::Blocked::default(),
        unresolved: false,
        surroundings: engine::treatments::Surroundings::default(),
    };
    let rules = engine::Rules::default();
    let terms = Terms { write: true, agreed_by: "bench", now_ms, rules: &rules };
    let judgement = judge(&context, lenses, terms, &mut || ids.next(now_ms))?;
    if judgement.writes != [1, 0] {
        return Err(Failure::new(
            format!("a changed phone number led to {:?} writes", judgement.writes),
            "The bench no longer fits the rules; look into it.",
        ));
    }
    Ok(judgement.changes)
}

pub fn side(
    lenses: &Lenses,
    remote: Remote,
    fetched: &Fetched,
    now_ms: i64,
) -> Result<(SnapshotRow, SideState), Failure> {
    let record = lenses.patients.read(remote, &fetched.raw)?;
    let snapshot = lenses.patients.snapshot(remote, fetched, &record, "bench", now_ms);
    Ok((snapshot.clone(), SideState { snapshot, record }))
}

/// Fills the outbox with one operation for each of so many patients.
pub async fn enqueue(
    store: &dyn Store,
    lenses: &Lenses,
    ids: &SeededIds,
    patients: usize,
    now_ms: i64,
) -> Result<(), Failure> {
    let mut changes = Vec::new();
    for number in 0..patients {
        let (row, servicenow) = side(lenses, Remote::ServiceNow, &row(number, 1, OLD_PHONE), now_ms)?;
        let (chart, ehr) = side(lenses, Remote::Ehr, &chart(number, 2, NEW_PHONE), now_ms)?;
        let pair = PairRow {
            id: ids.next(now_ms),
            kind: RecordKind::Patient,
            servicenow_key: Some(row.id.key.clone()),
            ehr_key: Some(chart.id.key.clone()),
            linked_by: Some("cross_reference".to_owned()),
            linked_at_ms: Some(now_ms),
            base: None,
            base_digest: None,
            status: PairStatus::Waiting,
            differing: String::new(),
            agreed_at_ms: None,
            card: engine::lens::card(
                lenses.catalogue(RecordKind::Patient),
                Some(&servicenow.record),
                Some(&ehr.record),
            ),
        };
        changes.extend([Change::PutSnapshot(row), Change::PutSnapshot(chart), Change::PutPair(pair.clone())]);
        changes.extend(settled(lenses, ids, pair, (servicenow, ehr), now_ms)?);
        if changes.len() > 2_000 {
            store.commit(std::mem::take(&mut changes)).await?;
        }
    }
    if !changes.is_empty() {
        store.commit(changes).await?;
    }
    Ok(())
}

pub async fn count(store: &dyn Store, state: OperationState) -> Result<u64, Failure> {
    let counts = store.operation_counts().await?;
    Ok(counts.into_iter().find(|(found, _)| *found == state).map_or(0, |(_, count)| count))
}

/// Waits until so many operations have their receipts, as the engine tells it; returns the seconds since it was started.
pub async fn drained(
    notices: &mut Receiver<Notice>,
    store: &dyn Store,
    expected: u64,
    began: Instant,
) -> Result<f64, Failure> {
    let (mut done, mut missed) = (0, false);
    let finished = async {
        while done < expected {
            match notices.recv().await {
                Ok(Notice::Receipt(_)) => done += 1,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => missed = true,
                Err(RecvError::Closed) => return Err(engine::EngineError::Stopping.into()),
            }
            if missed {
                // Too slow to hear everything: the store knows.
                done = count(store, OperationState::Done).await?;
            }
        }
        Ok::<(), Failure>(())
    };
    match tokio::time::timeout(Duration::from_mins(10), finished).await {
        Ok(finished) => finished.map(|()| began.elapsed().as_secs_f64()),
        Err(_) => {
            let done = count(store, OperationState::Done).await?;
            let parked = count(store, OperationState::Parked).await?;
            Err(Failure::new(
                format!("{done} of {expected} operations are done after ten minutes, {parked} are parked"),
                "Look into it.",
            ))
        }
    }
}

/// Operations a second with remotes that answer at once: what the engine and its durability cost by themselves.
pub async fn outbox(operations: usize, folder: &Path, disk: Disk) -> Result<Vec<Measure>, Failure> {
    work_off(operations, folder, 0, &disk.name("outbox")).await
}

/// An outage of 72 hours: so many operations wait, and are worked off when it ends.
pub async fn outage(operations: usize, folder: &Path) -> Result<Vec<Measure>, Failure> {
    work_off(operations, folder, 72 * 3_600 * 1_000, "outage").await
}

async fn work_off(
    operations: usize,
    folder: &Path,
    away_ms: i64,
    name: &str,
) -> Result<Vec<Measure>, Failure> {
    let store = open(folder).await?;
    let (lenses, ids, clock) = (Arc::new(lenses()), ids(), Arc::new(MovedClock::default()));
    eprintln!("  filling the outbox");
    enqueue(&*store, &lenses, &ids, operations, clock.now_ms()).await?;
    clock.ahead_ms.store(away_ms, Ordering::Relaxed);
    let (servicenow, ehr) = (Obliging::new(Remote::ServiceNow), Obliging::new(Remote::Ehr));
    let engine = Engine::new(
        Arc::clone(&store) as Arc<dyn Store>,
        Arc::clone(&lenses),
        Policy { lanes: u32::try_from(LANES).unwrap_or(1), ..Policy::default() },
        ids,
    );
    let remotes = Remotes { servicenow: Arc::clone(&servicenow) as Arc<dyn RemoteApi>, ehr };
    eprintln!("  working it off");
    figures::forget_peak();
    let before = store.statistics();
    let processor = figures::processor_seconds();
    let began = Instant::now();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (handle, task) = drive::start(engine, remotes, clock, async {
        let _either = stopped.await;
    });
    let mut notices = handle.notices();
    let seconds = drained(&mut notices, &*store, operations as u64, began).await?;
    let processor = figures::processor_seconds().zip(processor).map(|(after, before)| after - before);
    let memory = figures::peak_memory_mb().map(f64::round);
    let syncs = store.statistics().syncs - before.syncs;
    let in_order = in_order(&*store, operations).await?;
    let agreed: u64 = store
        .pair_counts(RecordKind::Patient)
        .await?
        .into_iter()
        .filter(|(status, _)| *status == PairStatus::Agreed)
        .map(|(_, count)| count)
        .sum();
    let _gone = stop.send(());
    drop(handle);
    task.await.context("the engine was lost")?;
    let rate = (operations as f64 / seconds).round();
    let rate = Measure::of(&format!("{name}: operations a second"), rate, "1/s");
    let memory = Measure::of(&format!("{name}: peak memory"), memory, "MB");
    Ok(vec![
        if away_ms == 0 { rate.at_least(2_000.0) } else { rate },
        Measure::of(
            &format!("{name}: operations that share a sync"),
            (operations as f64 / syncs as f64).round(),
            "",
        ),
        Measure::of(
            &format!("{name}: processor time of an operation"),
            processor.map(|seconds| (seconds * 1_000_000.0 / operations as f64).round()),
            "µs",
        ),
        if away_ms == 0 { memory } else { memory.below(200.0) },
        Measure::of(&format!("{name}: patients that agree afterwards"), agreed as f64, "")
            .at_least(operations as f64),
        Measure::of(
            &format!("{name}: writes sent twice"),
            servicenow.written.load(Ordering::Relaxed) as f64 - operations as f64,
            "",
        )
        .at_most(0.0),
        Measure::of(&format!("{name}: finished out of order"), in_order as f64, "").at_most(AT_WORK as f64),
    ])
}

/// So many operations may be claimed at the same time: those under way, and those that wait for a lane.
const AT_WORK: usize = LANES * (1 + engine::batch::AHEAD_MAX);

/// By how many places an operation was finished before one that was enqueued earlier, at most. What is claimed at the same
/// time may pass each other (never in a lane); nobody jumps the queue.
async fn in_order(store: &dyn Store, operations: usize) -> Result<i64, Failure> {
    let filter =
        store::OperationFilter { states: vec![OperationState::Done], ..store::OperationFilter::default() };
    let mut finished = Vec::with_capacity(operations);
    let mut offset = 0;
    loop {
        let page = store.operations(&filter, offset, 1_000).await?;
        if page.is_empty() {
            break;
        }
        offset += 1_000;
        finished.extend(page.into_iter().map(|row| row.finished_at_ms.unwrap_or_default()));
    }
    // In the order of the queue the times of finishing only grow, but for those at work at the same moment.
    let (mut latest, mut worst, mut behind) = (i64::MIN, 0, 0);
    for at_ms in finished {
        if at_ms < latest {
            behind += 1;
            worst = worst.max(behind);
        } else {
            (latest, behind) = (at_ms, 0);
        }
    }
    Ok(worst)
}
