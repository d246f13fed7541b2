//! A clinic of 100,000 patients a side: first load through the engine, search as people type, comparison of what is
//! stored.

use super::figures::{self, Measure};
use crate::exit::Failure;
use agent::Options;
use anyhow::Context as _;
use engine::Command;
use engine::drive::{Handle, Remotes};
use engine::runs::Phase;
use engine::step::{Notice, Reply};
use record::{Catalogue, RecordKind, Remote};
use remote::{ListScope, Next};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;
use store::{PairRow, Store};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::broadcast::error::RecvError;

/// Everything, in this process; only the simulated remotes run in one of their own.
pub async fn measure(patients: usize, folder: &Path) -> Result<Vec<Measure>, Failure> {
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let mut remotes = tokio::process::Command::new(program)
        .args(["simulate", "--seed", "1", "--patients", &patients.to_string(), "--config-out"])
        .arg(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the simulated remotes do not start")?;
    let output = remotes.stdout.take().context("the simulated remotes say nothing")?;
    let mut lines = BufReader::new(output).lines();
    lines.next_line().await.context("the simulated remotes do not start")?;

    let config = folder.join("vetsync.toml");
    let opened = agent::open(Options { config: Some(config), ..Options::default() }).await?;
    let catalogue = std::sync::Arc::clone(opened.lenses.catalogue(RecordKind::Patient));
    let clients = opened.remotes.clone();

    eprintln!("  reading with the clients alone");
    let (began, began_processor) = (Instant::now(), figures::processor_seconds());
    let (one, other) =
        tokio::try_join!(read_all(&clients, Remote::ServiceNow), read_all(&clients, Remote::Ehr))?;
    let bare_seconds = began.elapsed().as_secs_f64();
    let bare_processor = figures::processor_seconds().zip(began_processor).map(|(to, from)| to - from);
    let records = one + other;

    eprintln!("  first load");
    figures::forget_peak();
    let running = agent::start(opened).await?;
    let first = run(&running.engine, &*running.store).await?;
    let load_memory = figures::peak_memory_mb().map(f64::round);
    eprintln!("  a further run");
    figures::forget_peak();
    let further = run(&running.engine, &*running.store).await?;
    let further_memory = figures::peak_memory_mb().map(f64::round);
    let mut measures = vec![
        Measure::of("first load: records read", records as f64, ""),
        Measure::of("first load: read into the store", (records as f64 / first.reading).round(), "records/s"),
        Measure::of("first load: peak memory", load_memory, "MB").below(400.0),
        Measure::of(
            "first load: share of clients, TLS and simulators",
            (bare_seconds * 100.0 / first.reading).round(),
            "%",
        ),
        Measure::of("further run: peak memory", further_memory, "MB").below(400.0),
    ];
    // What the clients take of the reading they take alone, too.
    let own = first.processor.zip(bare_processor).map(|([reading, ..], clients)| reading - clients);
    let rate = own.map(|seconds| (records as f64 / seconds).round());
    let name = "first load: read by engine and store alone, by processor time";
    measures.push(Measure::of(name, rate, "records/s").at_least(10_000.0));
    for (name, times) in [("first load", &first), ("further run", &further)] {
        for (at, phase) in ["reading", "linking", "comparing"].into_iter().enumerate() {
            let elapsed = times.elapsed().get(at).copied().map(hundredths);
            let processor = times.processor.and_then(|phases| phases.get(at).copied()).map(hundredths);
            measures.push(Measure::of(&format!("{name}: {phase}"), elapsed, "s"));
            let measure = Measure::of(&format!("{name}: {phase}, processor time"), processor, "s");
            measures.push(if phase == "reading" { measure } else { measure.below(20.0) });
        }
    }
    eprintln!("  comparing what is stored");
    measures.extend(compare_stored(&*running.store, &catalogue).await?);
    eprintln!("  searching");
    measures.extend(search(&*running.store).await?);
    running.stop().await;
    remotes.kill().await.context("the simulated remotes do not stop")?;
    Ok(measures)
}

async fn read_all(remotes: &Remotes, remote: Remote) -> Result<u64, Failure> {
    let client = remotes.get(remote);
    let mut cursor = None;
    let mut records = 0;
    loop {
        let page = client
            .list(RecordKind::Patient, &ListScope::All, cursor.as_ref())
            .await
            .with_context(|| format!("{} cannot be read", remote.label()))?;
        records += page.items.len() as u64;
        match page.next {
            Next::More(next) => cursor = Some(next),
            Next::ProvenComplete | Next::Unproven { .. } => return Ok(records),
        }
    }
}

fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// How long a run was in each phase, seconds.
struct Times {
    reading: f64,
    linking: f64,
    comparing: f64,
    /// Processor seconds of this process in the same phases, the clients' included.
    processor: Option<[f64; 3]>,
}

impl Times {
    const fn elapsed(&self) -> [f64; 3] {
        [self.reading, self.linking, self.comparing]
    }
}

async fn run(engine: &Handle, store: &dyn Store) -> Result<Times, Failure> {
    let mut notices = engine.notices();
    let began = Instant::now();
    let start = Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: true, kind: None };
    let Reply::Run(row) = engine.ask(start).await? else {
        return Err(Failure::new("the engine gave no run", "Try again."));
    };
    let mut ended: [Option<(f64, Option<f64>)>; 3] = [None; 3];
    let began_processor = figures::processor_seconds();
    let mut pass = |phase: Phase| {
        let passed = match phase {
            Phase::Reading => 0,
            Phase::Linking => 1,
            Phase::Comparing => 2,
            Phase::Checking | Phase::Settling | Phase::Writing | Phase::Finished => 3,
        };
        for slot in ended.iter_mut().take(passed) {
            slot.get_or_insert_with(|| (began.elapsed().as_secs_f64(), figures::processor_seconds()));
        }
    };
    loop {
        match notices.recv().await {
            Ok(Notice::Progress(progress)) => pass(progress.phase),
            Ok(Notice::RunEnded(id)) if id == row.id => break,
            // Where notices were missed the next one says the same or more.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(engine::EngineError::Stopping.into()),
        }
    }
    pass(Phase::Finished);
    let row = store.run(&row.id).await?.context("the run left no trace")?;
    if row.state != "done" {
        let problem = row.problem.unwrap_or_default();
        return Err(Failure::new(format!("the run ended as {}: {problem}", row.state), "Measure again."));
    }
    let [reading, linking, comparing] = ended.map(|end| end.unwrap_or_default().0);
    let [read, linked, compared] = ended.map(|end| end.unwrap_or_default().1);
    let processor = match (began_processor, read, linked, compared) {
        (Some(began), Some(read), Some(linked), Some(compared)) => {
            Some([read - began, linked - read, compared - linked])
        }
        _ => None,
    };
    Ok(Times { reading, linking: linking - reading, comparing: comparing - linking, processor })
}

/// Compares every linked pair from the encrypted database: by digests, as a run does first, and by values, as if
/// every digest had moved.
async fn compare_stored(store: &dyn Store, catalogue: &Catalogue) -> Result<Vec<Measure>, Failure> {
    figures::forget_peak();
    let began = Instant::now();
    let (mut after, mut pairs, mut alike) = (String::new(), 0_u64, 0_u64);
    loop {
        let page = store.pair_digests_after(RecordKind::Patient, &after, 2_000).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for pair in page.iter().filter(|pair| pair.servicenow.is_some() && pair.ehr.is_some()) {
            pairs += 1;
            alike += u64::from(pair.servicenow == pair.ehr);
        }
    }
    let by_digest = pairs as f64 / began.elapsed().as_secs_f64();

    let began = Instant::now();
    let began_processor = figures::processor_seconds();
    let (mut compared, mut equal, mut unreadable) = (0_u64, 0_u64, 0_u64);
    let mut page = store.pair_digests_after(RecordKind::Patient, "", engine::comparing::CHUNK).await?;
    while let Some(last) = page.last() {
        let linked = page.iter().filter(|pair| pair.servicenow.is_some() && pair.ehr.is_some());
        let ids: Vec<&str> = linked.map(|pair| pair.id.as_str()).collect();
        let next =
            engine::comparing::each_values_and_next(store, RecordKind::Patient, &ids, &last.id, |pair| {
                match engine::comparing::grade(catalogue, &pair) {
                    Ok(Some(grade)) => equal += u64::from(grade == reconcile::Grade::Equal),
                    Ok(None) | Err(_) => unreadable += 1,
                }
                compared += 1;
            });
        page = next.await?;
    }
    if unreadable > 0 {
        return Err(Failure::new(format!("{unreadable} stored pairs are not readable"), "Measure again."));
    }
    let processor = began_processor.zip(figures::processor_seconds()).map(|(from, to)| to - from);
    let by_value = compared as f64 / began.elapsed().as_secs_f64();
    let memory = figures::peak_memory_mb().map(f64::round);
    eprintln!("  {pairs} pairs, {alike} of equal digests, {equal} equal by value");
    Ok(vec![
        Measure::of("stored pairs compared by digest", by_digest.round(), "pairs/s").at_least(50_000.0),
        Measure::of("stored pairs compared by value", by_value.round(), "pairs/s").at_least(50_000.0),
        Measure::of("stored pairs compared by value: processor time", processor.map(hundredths), "s"),
        Measure::of("stored pairs: peak memory", memory, "MB").below(300.0),
    ])
}

/// Words as they grow under the fingers, of patients spread over the whole clinic.
async fn search(store: &dyn Store) -> Result<Vec<Measure>, Failure> {
    let mut queries = Vec::new();
    for first in ["0", "4", "8", "c"] {
        let (found, _) = store.search_patients("", None, 0, 40).await?;
        let ids = store.pair_digests_after(RecordKind::Patient, first, 20).await?;
        let ids: Vec<&str> = ids.iter().map(|pair| pair.id.as_str()).collect();
        let page = store.pairs_named(&ids).await?;
        for pair in found.iter().chain(page.iter().map(|page| &page.pair)) {
            typed(pair, &mut queries);
        }
    }
    queries.extend(('a'..='z').map(String::from));
    queries.extend(('0'..='9').map(String::from));
    let mut times_ms = Vec::with_capacity(queries.len());
    for query in &queries {
        let began = Instant::now();
        store.search_patients(query, None, 0, 50).await?;
        times_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    times_ms.sort_by(f64::total_cmp);
    let at = |percent| figures::percentile_ms(&times_ms, percent);
    Ok(vec![
        Measure::of("search: queries", times_ms.len() as f64, ""),
        Measure::of("search: half within", at(50), "ms"),
        Measure::of("search: 95 % within", at(95), "ms").below(50.0),
        Measure::of("search: 99 % within", at(99), "ms"),
    ])
}

fn typed(pair: &PairRow, queries: &mut Vec<String>) {
    let card = &pair.card;
    for text in [&card.name, &card.owner, &card.phone, &card.chip, &format!("{} {}", card.name, card.owner)] {
        let letters: Vec<char> = text.to_lowercase().chars().take(14).collect();
        for end in (2..=letters.len()).step_by(2) {
            queries.push(letters.iter().take(end).collect());
        }
    }
}
