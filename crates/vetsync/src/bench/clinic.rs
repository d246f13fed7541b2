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
use rayon::prelude::*;
use reconcile::PairState;
use reconcile::compare::Base;
use record::{Catalogue, Record, RecordKind, Remote};
use remote::{ListScope, Next};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;
use store::{PairPage, PairRow, Store};
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
    let catalogue = std::sync::Arc::clone(opened.lenses.catalogue());
    let clients = opened.remotes.clone();

    eprintln!("  reading with the clients alone");
    let began = Instant::now();
    let (one, other) =
        tokio::try_join!(read_all(&clients, Remote::ServiceNow), read_all(&clients, Remote::Ehr))?;
    let bare_seconds = began.elapsed().as_secs_f64();
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
        Measure::of("first load: reading", first.reading.round(), "s"),
        Measure::of("first load: linking", first.linking.round(), "s"),
        Measure::of("first load: comparing", first.comparing.round(), "s"),
        Measure::of("further run: reading", further.reading.round(), "s"),
        Measure::of("further run: linking", further.linking.round(), "s"),
        Measure::of("further run: comparing", further.comparing.round(), "s"),
        Measure::of("further run: peak memory", further_memory, "MB").below(400.0),
    ];
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

/// How long a run was in each phase, seconds.
struct Times {
    reading: f64,
    linking: f64,
    comparing: f64,
}

async fn run(engine: &Handle, store: &dyn Store) -> Result<Times, Failure> {
    let mut notices = engine.notices();
    let began = Instant::now();
    let start = Command::StartRun { trigger: "manual".to_owned(), actor: None, plan_only: true };
    let Reply::Run(row) = engine.ask(start).await? else {
        return Err(Failure::new("the engine gave no run", "Try again."));
    };
    let mut ended: [Option<f64>; 3] = [None; 3];
    let mut pass = |phase: Phase| {
        let passed = match phase {
            Phase::Reading => 0,
            Phase::Linking => 1,
            Phase::Comparing => 2,
            Phase::Settling | Phase::Writing | Phase::Finished => 3,
        };
        for slot in ended.iter_mut().take(passed) {
            slot.get_or_insert_with(|| began.elapsed().as_secs_f64());
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
    let [reading, linking, comparing] = ended.map(Option::unwrap_or_default);
    Ok(Times { reading, linking: linking - reading, comparing: comparing - linking })
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
    let (mut compared, mut equal) = (0_u64, 0_u64);
    let mut page = store.pairs_after(RecordKind::Patient, "", 1_000).await?;
    while let Some(last) = page.last() {
        let after = last.pair.id.clone();
        // The next page is read while this one is compared.
        let catalogue = catalogue.clone();
        let work = tokio::task::spawn_blocking(move || compare_page(&catalogue, &page));
        let next = store.pairs_after(RecordKind::Patient, &after, 1_000).await?;
        let (page_compared, page_equal) = work.await.context("a comparison was lost")??;
        compared += page_compared;
        equal += page_equal;
        page = next;
    }
    let by_value = compared as f64 / began.elapsed().as_secs_f64();
    let memory = figures::peak_memory_mb().map(f64::round);
    eprintln!("  {pairs} pairs, {alike} of equal digests, {equal} equal by value");
    Ok(vec![
        Measure::of("stored pairs compared by digest", by_digest.round(), "pairs/s").at_least(50_000.0),
        Measure::of("stored pairs compared by value", by_value.round(), "pairs/s").at_least(50_000.0),
        Measure::of("stored pairs: peak memory", memory, "MB").below(300.0),
    ])
}

fn compare_page(catalogue: &Catalogue, page: &[PairPage]) -> anyhow::Result<(u64, u64)> {
    page.par_iter()
        .filter_map(|page| Some((&page.pair, page.servicenow.as_ref()?, page.ehr.as_ref()?)))
        .map(|(pair, servicenow, ehr)| {
            let servicenow: Record = serde_json::from_str(&servicenow.record)?;
            let ehr: Record = serde_json::from_str(&ehr.record)?;
            let base: Option<Base> = pair.base.as_deref().map(serde_json::from_str).transpose()?;
            let state =
                PairState { catalogue, base: base.as_ref(), servicenow: Some(&servicenow), ehr: Some(&ehr) };
            let equal = reconcile::compare::in_agreement(&state)
                || reconcile::compare(&state).grade == reconcile::Grade::Equal;
            Ok((1, u64::from(equal)))
        })
        .try_reduce(|| (0, 0), |left, right| Ok((left.0 + right.0, left.1 + right.1)))
}

/// Words as they grow under the fingers, of patients spread over the whole clinic.
async fn search(store: &dyn Store) -> Result<Vec<Measure>, Failure> {
    let mut queries = Vec::new();
    for first in ["0", "4", "8", "c"] {
        let (found, _) = store.search_patients("", None, 0, 40).await?;
        let page = store.pairs_after(RecordKind::Patient, first, 20).await?;
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
