//! Building the switched packages, and letting their tests look for each mutant.

use super::switches::blamed;
use crate::steps::cargo;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// What a test may take with a mutant, beyond ten times what it took without: a changed loop may never end.
const AT_LEAST: Duration = Duration::from_mins(1);
/// How often a running test is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// So many tests are one process; a mutant that is noticed early spares the rest.
const TESTS_A_PROCESS: usize = 40;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A test failed.
    Noticed,
    /// A test did not end, which is noticed too.
    OutOfTime,
    /// All tests that come by it passed.
    Survived,
    /// No test comes by it.
    Unreached,
}

impl Fate {
    pub fn is_noticed(self) -> bool {
        match self {
            Self::Noticed | Self::OutOfTime => true,
            Self::Survived | Self::Unreached => false,
        }
    }
}

/// How a build ended.
pub enum Built {
    /// The test programs, and the folder of each one's package.
    Programs(Vec<Program>),
    /// The mutants that do not compile.
    Without(BTreeSet<usize>),
}

/// One test program.
#[derive(Debug, Clone)]
pub struct Program {
    pub package: String,
    name: String,
    path: PathBuf,
    folder: PathBuf,
}

/// Builds the tests of these packages.
pub fn build(tree: &Path, target: &Path, packages: &[&str]) -> Result<Built> {
    let mut command = cargo();
    command.current_dir(tree).env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "1");
    command.args(["test", "--no-run", "--lib", "--tests", "--profile", "mutants"]);
    command.args(["--message-format", "json", "--quiet"]);
    for package in packages {
        command.args(["--package", package]);
    }
    let output = command.stderr(Stdio::inherit()).output().context("cargo test --no-run")?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut programs, mut without, mut unexplained) = (Vec::new(), BTreeSet::new(), String::new());
    for message in messages {
        match message["reason"].as_str() {
            Some("compiler-artifact") => programs.extend(program(&message)),
            Some("compiler-message") if message["message"]["level"] == "error" => {
                let about = about(tree, &message["message"]);
                if about.is_empty() {
                    unexplained.push_str(message["message"]["rendered"].as_str().unwrap_or_default());
                }
                without.extend(about);
            }
            _ => {}
        }
    }
    if output.status.success() {
        return Ok(Built::Programs(programs));
    }
    if without.is_empty() {
        bail!("the packages with their mutants do not compile:\n{unexplained}");
    }
    Ok(Built::Without(without))
}

fn program(message: &Value) -> Option<Program> {
    let path = PathBuf::from(message["executable"].as_str()?);
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    let package = folder.file_name()?.to_str()?.to_owned();
    Some(Program { package, name: message["target"]["name"].as_str()?.to_owned(), path, folder })
}

/// The mutants that a compiler error is about.
fn about(tree: &Path, message: &Value) -> BTreeSet<usize> {
    let spans = message["spans"].as_array().into_iter().flatten();
    spans
        .filter(|span| span["is_primary"] == true)
        .filter_map(|span| {
            let text = std::fs::read_to_string(tree.join(span["file_name"].as_str()?)).ok()?;
            Some(blamed(&text, usize::try_from(span["byte_start"].as_u64()?).ok()?))
        })
        .flatten()
        .collect()
}

/// One test, how long it takes without a mutant, and which mutants it comes by.
#[derive(Debug)]
pub struct Test {
    program: Program,
    name: String,
    took: Duration,
    reaches: BTreeSet<usize>,
}

/// What the tests are run with.
#[derive(Debug)]
pub struct Trial {
    /// Inputs a property test tries.
    pub cases: u32,
    /// Where the definitions of FHIR R4 stand.
    pub definitions: PathBuf,
    /// A folder for what tests leave behind.
    pub scratch: PathBuf,
}

impl Trial {
    /// Runs every test by itself to learn what it comes by. A test that fails without a mutant is told and left out.
    pub fn learn(&self, programs: &[Program]) -> Result<Vec<Test>> {
        let mut names = Vec::new();
        for program in programs {
            let output = Command::new(&program.path)
                .args(["--list", "--format", "terse"])
                .current_dir(&program.folder)
                .output()
                .with_context(|| format!("{} --list", program.path.display()))?;
            let listed = String::from_utf8_lossy(&output.stdout);
            let listed = listed.lines().filter_map(|line| line.strip_suffix(": test"));
            names.extend(listed.map(|name| (program, name.to_owned())));
        }
        let tests = in_parallel(&names, |nth, (program, name)| {
            let list = self.scratch.join(format!("reached-{nth}"));
            drop(std::fs::remove_file(&list));
            let begun = Instant::now();
            let passed = self.passes(program, &[name], ("MUTANTS_REACHED", list.as_os_str()), Duration::MAX);
            let took = begun.elapsed();
            if !matches!(passed, Ok(Some(true))) {
                eprintln!("left out, because it fails without a mutant: {} {name}", program.name);
                return None;
            }
            let reaches = std::fs::read_to_string(&list).unwrap_or_default();
            let reaches = reaches.lines().filter_map(|line| line.parse().ok()).collect();
            Some(Test { program: (*program).clone(), name: name.clone(), took, reaches })
        });
        Ok(tests.into_iter().flatten().collect())
    }

    /// What becomes of each of these mutants, by the tests of these packages.
    pub fn judge(&self, mutants: &[usize], tests: &[Test], packages: &[&str]) -> Result<Vec<Fate>> {
        let tests: Vec<_> =
            tests.iter().filter(|test| packages.contains(&test.program.package.as_str())).collect();
        let done = AtomicUsize::new(0);
        let fates = in_parallel(mutants, |_, mutant| {
            let fate = self.fate(*mutant, &tests);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(25) {
                eprintln!("{done} of {}", mutants.len());
            }
            fate
        });
        fates.into_iter().collect()
    }

    fn fate(&self, mutant: usize, tests: &[&Test]) -> Result<Fate> {
        // Quick tests first; those of one program and alike in their time share a process.
        let mut groups: BTreeMap<(u32, &Path), Vec<&Test>> = BTreeMap::new();
        for test in tests.iter().filter(|test| test.reaches.contains(&mutant)) {
            let took_ms = u64::try_from(test.took.as_millis()).unwrap_or(u64::MAX);
            let magnitude = u64::BITS - took_ms.max(200).leading_zeros();
            groups.entry((magnitude, test.program.path.as_path())).or_default().push(test);
        }
        if groups.is_empty() {
            return Ok(Fate::Unreached);
        }
        let number = mutant.to_string();
        for tests in groups.values().flat_map(|group| group.chunks(TESTS_A_PROCESS)) {
            let Some(Test { program, .. }) = tests.first() else { continue };
            let names: Vec<_> = tests.iter().map(|test| test.name.as_str()).collect();
            let most = AT_LEAST + tests.iter().map(|test| test.took).sum::<Duration>() * 10;
            match self.passes(program, &names, ("MUTANT", number.as_ref()), most)? {
                Some(true) => {}
                Some(false) => return Ok(Fate::Noticed),
                None => return Ok(Fate::OutOfTime),
            }
        }
        Ok(Fate::Survived)
    }

    /// Whether these tests pass; `None` if they do not end in time.
    fn passes<Name: AsRef<str>>(
        &self,
        program: &Program,
        names: &[Name],
        (variable, value): (&str, &OsStr),
        most: Duration,
    ) -> Result<Option<bool>> {
        let mut child = Command::new(&program.path)
            .args(["--exact", "--test-threads", "1"])
            .args(names.iter().map(AsRef::as_ref))
            .current_dir(&program.folder)
            .env(variable, value)
            .env("PROPTEST_CASES", self.cases.to_string())
            .env("VETSYNC_FHIR_DEFINITIONS", &self.definitions)
            .env("TMPDIR", &self.scratch)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} could not be started", program.path.display()))?;
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status.success()));
            }
            if begun.elapsed() > most {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// One result for each item, in their order; as many at a time as there are processors.
fn in_parallel<Item: Sync, Outcome: Send>(
    items: &[Item],
    work: impl Fn(usize, &Item) -> Outcome + Sync,
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(nth) else { return done };
            done.push((nth, work(nth, item)));
        }
    };
    let mut outcomes: Vec<_> = thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(worker)).collect();
        // A worker does not panic; were one to, its items would be missing and the sample smaller.
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    outcomes.sort_by_key(|(nth, _)| *nth);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
