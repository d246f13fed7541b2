//! A power cut loses nothing that was acknowledged.
//!
//! The disk is `power_cut/power_cut.c`, put under a process of this test: it takes back what was not synced when the power
//! goes (all of it, or all but a part that reached the disk out of order and torn), and kills the process. Afterwards the
//! database has to open, to be sound, and to hold every commit whose end the process was told of.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share stands outside of #[test]"
)]

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use store::{
    Change, Store, StoreError,
    conformance::rows::{T0, audit, operation, plan, snapshot},
    sqlite::{OpenOptions, SecretKey, SqliteStore},
};

const PATH: &str = "VETSYNC_TEST_POWER_CUT_PATH";
const WEAKEN: &str = "VETSYNC_TEST_POWER_CUT_WEAKEN";
const STATEMENTS: [(&str, &str); 2] =
    [("normal", "PRAGMA synchronous = NORMAL"), ("off", "PRAGMA synchronous = OFF")];
/// Commits one after another; as many again come in groups.
const COMMITS: usize = 12;
const SIGKILL: i32 = 9;

fn key() -> SecretKey {
    SecretKey::new(Box::new([7; 32]))
}

fn changes(id: &str) -> Vec<Change> {
    let mut row = snapshot(record::Remote::Ehr, id);
    row.raw = id.repeat(9_000 / id.len());
    vec![
        Change::Enqueue(operation(id, &format!("lane-{id}"), "pl")),
        Change::Audit(audit(id, "p")),
        Change::PutSnapshot(row),
        Change::PutValue { key: "last".into(), value: id.into() },
    ]
}

/// Runs in the process whose power is cut: commits, alone and in groups, across several checkpoints, and says what it
/// was told is durable.
async fn work(path: &Path) {
    let weaken = std::env::var(WEAKEN).ok();
    let options = OpenOptions {
        checkpoint_pages: 40,
        weaken: STATEMENTS
            .iter()
            .find(|(name, _)| weaken.as_deref() == Some(*name))
            .map(|(_, statement)| *statement),
        ..OpenOptions::default()
    };
    let store = SqliteStore::open_with(path, &key(), T0, &options).await.unwrap();
    store.commit(vec![Change::PutPlan(plan("pl", "p"))]).await.unwrap();
    println!("acknowledged the plan");
    for n in 0..COMMITS {
        store.commit(changes(&format!("one-{n:02}"))).await.unwrap();
        println!("acknowledged one-{n:02}");
    }
    for group in 0..COMMITS / 4 {
        let members = (0..4).map(|n| {
            let (store, id) = (&store, format!("group-{group}-{n}"));
            async move {
                store.commit(changes(&id)).await.unwrap();
                println!("acknowledged {id}");
            }
        });
        futures_util::future::join_all(members).await;
    }
    store.close().await;
    println!("acknowledged the end");
}

/// The layer, compiled once.
fn layer() -> &'static Path {
    static LAYER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LAYER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("power_cut.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/power_cut/power_cut.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let built = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([path.as_os_str(), source.as_ref()])
            .arg("-lpthread")
            .status();
        let built = built.unwrap_or_else(|error| {
            panic!("{compiler} does not start ({error}): install a C compiler, which SQLCipher needs as well")
        });
        assert!(built.success(), "{compiler} cannot compile {source}");
        (folder, path)
    });
    path
}

/// What a process left behind.
struct Left {
    folder: tempfile::TempDir,
    acknowledged: Vec<String>,
    was_cut: bool,
    /// One letter for each change of the disk; empty after a cut.
    counted: String,
}

impl Left {
    fn database(&self) -> PathBuf {
        self.folder.path().join("disk/vetsync.db")
    }
}

/// Lets a process work on a disk of its own until the power is cut.
fn run(weaken: Option<&str>, cut_at: Option<usize>, seed: u64) -> Left {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let counted = folder.path().join("counted");
    fs::create_dir(&disk).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "every_acknowledged_commit_survives_a_power_cut", "--nocapture"])
        .env(PATH, disk.join("vetsync.db"))
        .env("LD_PRELOAD", layer())
        .env("POWER_CUT_UNDER", &disk)
        .env("POWER_CUT_SEED", seed.to_string())
        .env("POWER_CUT_COUNTED", &counted)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if let Some(number) = cut_at {
        command.env("POWER_CUT_AT", number.to_string());
    }
    if let Some(weaken) = weaken {
        command.env(WEAKEN, weaken);
    }
    let output = command.output().unwrap();
    let was_cut = output.status.signal() == Some(SIGKILL);
    assert!(was_cut || output.status.success(), "the process failed: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let acknowledged =
        text.lines().filter_map(|line| Some(line.split_once("acknowledged ")?.1.to_owned())).collect();
    let counted = fs::read_to_string(&counted).unwrap_or_default();
    Left { folder, acknowledged, was_cut, counted }
}

/// Acknowledged commits that are not there, or what is wrong with the file.
async fn lost(left: &Left) -> Result<usize, StoreError> {
    let store = SqliteStore::open(&left.database(), &key(), T0).await?;
    let found = lost_in(&store, &left.acknowledged).await;
    // Whatever is wrong with it: a connection that is still closing when the process ends takes it down.
    store.close().await;
    found
}

async fn lost_in(store: &SqliteStore, acknowledged: &[String]) -> Result<usize, StoreError> {
    let problems = store.check().await?;
    if !problems.is_empty() {
        return Err(StoreError::Other(problems.join("; ")));
    }
    let entries = store.audit(None, 0, 1_000).await?;
    let mut lost = 0;
    for id in acknowledged {
        let is_there = match id.as_str() {
            "the end" => true,
            "the plan" => store.plan("pl").await?.is_some(),
            id => store.operation(id).await?.is_some() && entries.iter().any(|entry| entry.id == id),
        };
        lost += usize::from(!is_there);
    }
    // Each commit is there whole or not at all.
    let operations: u64 = store.operation_counts().await?.iter().map(|(_, count)| count).sum();
    let snapshots = store.snapshot_count(record::Remote::Ehr, record::RecordKind::Patient).await?;
    if operations != entries.len() as u64 || operations != snapshots {
        return Err(StoreError::Other(format!(
            "{operations} operations, {} entries and {snapshots} snapshots",
            entries.len()
        )));
    }
    Ok(lost)
}

/// The changes of the disk at which the power is cut: each sync before it is carried out, what comes next after each
/// sync, and every seventh of the rest.
fn cuts(counted: &str) -> Vec<usize> {
    let kinds = counted.as_bytes();
    let is_sync = |at: usize| matches!(kinds[at], b's' | b'd');
    (0..kinds.len())
        .filter(|at| is_sync(*at) || (*at > 0 && is_sync(*at - 1)) || at % 7 == 0)
        .map(|at| at + 1)
        .collect()
}

#[tokio::test]
async fn every_acknowledged_commit_survives_a_power_cut() {
    if let Ok(path) = std::env::var(PATH) {
        return work(path.as_ref()).await;
    }
    let whole = run(None, None, 0);
    assert!(!whole.was_cut);
    assert_eq!(whole.acknowledged.len(), 2 * COMMITS + 2, "the whole work was told");
    for kind in ['w', 't', 's', 'd', 'n'] {
        assert!(whole.counted.contains(kind), "{kind} happens: {}", whole.counted);
    }
    let cuts = cuts(&whole.counted);
    println!(
        "{} changes of the disk, the power is cut at {} of them, twice each",
        whole.counted.len(),
        cuts.len()
    );
    let (mut cut, mut told) = (0, 0);
    for at in cuts {
        for seed in [0, 1_000 + at as u64] {
            let left = run(None, Some(at), seed);
            cut += usize::from(left.was_cut);
            told += left.acknowledged.len();
            let lost = lost(&left).await;
            assert!(
                matches!(lost, Ok(0)),
                "cut at change {at} with seed {seed}: of {} acknowledged commits {lost:?} are lost",
                left.acknowledged.len()
            );
        }
    }
    println!("{cut} power cuts, {told} acknowledged commits, none lost");
    assert!(cut > 100, "{cut}");
}

/// The same with a weaker setting loses acknowledged commits: the layer and the check above can tell.
#[tokio::test]
async fn a_weaker_setting_is_noticed() {
    for (name, statement) in STATEMENTS {
        let whole = run(Some(name), None, 0);
        let mut found = 0;
        for at in (whole.counted.len() / 2..=whole.counted.len()).step_by(9) {
            let left = run(Some(name), Some(at), 0);
            found += usize::from(!matches!(lost(&left).await, Ok(0)));
        }
        assert!(found > 2, "{statement}: {found} power cuts lost something");
    }
}
