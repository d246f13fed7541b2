//! `simulate`: one day printed, or many days judged.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Everything here belongs to tests.

use clap::Parser;
use simulation::mutations::Mutation;
use simulation::{checker, live};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Days allocate much and keep little; the system's allocator costs a sixth of their time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(name = "simulate", about = "Clinic days from a seed")]
struct Arguments {
    /// The day to print, or the first of many.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many days to live; 0 prints the one day.
    #[arg(long, default_value_t = 0)]
    runs: u64,
    /// Threads.
    #[arg(long)]
    threads: Option<usize>,
    /// Print the day with everything that was sent and held, one value a line.
    #[arg(long)]
    whole: bool,
    /// Live the days with this deliberate bug, until one is found to be wrong.
    #[arg(long)]
    mutation: Option<String>,
    /// Print failing seeds only, not what is wrong with them.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(name) = &arguments.mutation {
        return mutated(name, arguments.seed, arguments.runs.max(1));
    }
    if arguments.runs == 0 { one(arguments.seed, arguments.whole) } else { many(&arguments) }
}

fn one(seed: u64, whole: bool) -> ExitCode {
    let began = Instant::now();
    let day = live(seed);
    let took = began.elapsed();
    if whole {
        for entry in &day.history.entries {
            println!("{} {:?}", entry.at_ms, entry.happening);
        }
        for plan in day.books.plans.values() {
            println!("{plan:?}");
        }
        for operation in &day.books.operations {
            println!("{operation:?}");
        }
        for run in &day.books.runs {
            println!("{run:?}");
        }
        for (pair, servicenow, ehr) in &day.books.pairs {
            println!("{pair:?}");
            for side in [servicenow, ehr].into_iter().flatten() {
                println!("    {:?} {:?} v{} seen {}", side.id, side.presence, side.version, side.seen_at_ms);
            }
        }
        for conflict in &day.books.open {
            println!("{conflict:?}");
        }
    } else {
        print!("{}", day.history.print());
    }
    let wrong = checker::check(&day);
    println!(
        "\nseed {seed}, {} entries, {} ms, history {}",
        day.entries,
        took.as_millis(),
        day.history.hash()
    );
    for one in &wrong {
        println!("WRONG: {one}");
    }
    connections_closed();
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mutated(name: &str, seed: u64, runs: u64) -> ExitCode {
    let all: Vec<Mutation> =
        Mutation::ALL.into_iter().filter(|one| name == "all" || format!("{one:?}") == name).collect();
    let mut escaped = false;
    for mutation in all {
        let found = (seed..seed + runs).find_map(|seed| {
            let wrong =
                std::panic::catch_unwind(|| checker::check(&simulation::live_with(seed, Some(mutation))));
            match wrong {
                Ok(wrong) => wrong.into_iter().next().map(|first| (seed, first)),
                Err(_) => Some((seed, "the day panicked".to_owned())),
            }
        });
        escaped |= found.is_none();
        match found {
            Some((at, first)) => println!("{mutation:?}: found by seed {at}: {first}"),
            None => println!("{mutation:?}: NOT found within {runs} days"),
        }
    }
    connections_closed();
    if escaped { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A day and the thread of its database take turns and never work at the same time: on one core they wake each other at
/// a fraction of the cost. The database's threads inherit it.
fn stay_on_core(worker: usize) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let Ok(allowed) = sched_getaffinity(None) else { return };
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        if let Some(core) = cores.get(worker % cores.len().max(1)) {
            let mut only = CpuSet::new();
            only.set(*core);
            // Where it is not allowed, days take longer.
            let _ = sched_setaffinity(None, &only);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = worker;
}

/// SQLCipher tidies up when the process ends, and a connection whose thread is still closing then ends it with a
/// segmentation fault. Every day is over: a thread that is left belongs to a connection.
fn connections_closed() {
    let began = Instant::now();
    let threads = || std::fs::read_dir("/proc/self/task").map_or(1, std::iter::Iterator::count);
    while threads() > 1 && began.elapsed().as_secs() < 5 {
        std::thread::yield_now();
    }
}

/// A seed, and what is wrong with its day.
type Failed = (u64, Vec<String>);

fn many(arguments: &Arguments) -> ExitCode {
    let next = Arc::new(AtomicU64::new(arguments.seed));
    let end = arguments.seed + arguments.runs;
    let failed: Arc<Mutex<Vec<Failed>>> = Arc::default();
    let threads = arguments
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let began = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|worker| {
            let (next, failed) = (Arc::clone(&next), Arc::clone(&failed));
            std::thread::spawn(move || {
                stay_on_core(worker);
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= end {
                        return;
                    }
                    let wrong = match std::panic::catch_unwind(|| checker::check(&live(seed))) {
                        Ok(wrong) => wrong,
                        Err(_) => vec!["the day panicked".to_owned()],
                    };
                    if !wrong.is_empty() {
                        failed.lock().expect("a lock").push((seed, wrong));
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("a worker");
    }
    let took = began.elapsed().as_secs_f64();
    connections_closed();
    let mut failed = std::mem::take(&mut *failed.lock().expect("a lock"));
    failed.sort();
    for (seed, wrong) in &failed {
        println!("seed {seed}: {}", wrong.len());
        for one in wrong.iter().filter(|_| !arguments.quiet) {
            println!("    {one}");
        }
    }
    let runs = arguments.runs;
    println!("{runs} days in {took:.1} s, {:.1} days/s on {threads} threads", runs as f64 / took);
    println!("{} passed, {} failed", runs - failed.len() as u64, failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
