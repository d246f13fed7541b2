//! Building the switched packages, and letting their tests look for each mutant.

use super::switches::blamed;
use crate::steps::{cargo, target_dir};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fmt,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// What tests may take of a processor with a mutant, beyond ten times what they took without: a changed loop may never
/// end. The processor's time is what counts where it can be limited (Linux), for it does not depend on what else runs.
const PROCESSOR_AT_LEAST: Duration = Duration::from_secs(10);
/// What they may take by the clock, beyond twenty times what they took without: they may wait for what never comes.
const CLOCK_AT_LEAST: Duration = Duration::from_mins(4);
/// What they may take of the memory: a changed loop may fill it.
#[cfg(target_os = "linux")]
const MEMORY_BYTES: u64 = 4 << 30;
/// So many tests are one process; a mutant that is noticed early spares the rest.
const TESTS_A_PROCESS: usize = 40;

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// This test failed, or the program ended before it could say which did.
    Killed(String),
    /// Tests of this program did not end, which is noticed too.
    OutOfTime(String),
    /// All tests that come by it passed.
    Survived,
    /// No test comes by it.
    Unreached,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed(test) => write!(f, "killed by {test}"),
            Self::OutOfTime(program) => write!(f, "out of time in {program}"),
            Self::Survived => f.write_str("survived"),
            Self::Unreached => f.write_str("survived, reached by no test"),
        }
    }
}

/// How a build ended.
pub enum Built {
    /// The test programs, and the folder of each one's package.
    Programs(Vec<Program>),
    /// The mutants that do not compile, and the compiler's first word about each.
    Without(BTreeMap<usize, String>),
}

/// One test program.
#[derive(Debug, Clone)]
pub struct Program {
    pub package: String,
    name: String,
    path: PathBuf,
    folder: PathBuf,
}

/// Builds the tests of these packages. Other people's packages are those of the usual build; ours have another path, and
/// so names of their own.
pub fn build(tree: &Path, packages: &[&str]) -> Result<Built> {
    let mut command = cargo();
    command.current_dir(tree).env("CARGO_TARGET_DIR", target_dir()).env("CARGO_INCREMENTAL", "1");
    // Where in a mutated file something happened nobody reads.
    command.env("CARGO_PROFILE_DEV_DEBUG", "false");
    command.args(["test", "--no-run", "--lib", "--tests"]);
    command.args(["--message-format", "json", "--quiet"]);
    for package in packages {
        command.args(["--package", package]);
    }
    let output = command.stderr(Stdio::inherit()).output().context("cargo test --no-run")?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut programs, mut without, mut unexplained) = (Vec::new(), BTreeMap::new(), String::new());
    for message in messages {
        match message["reason"].as_str() {
            Some("compiler-artifact") => programs.extend(program(&message)),
            Some("compiler-message") if message["message"]["level"] == "error" => {
                let about = about(tree, &message["message"]);
                if about.is_empty() {
                    unexplained.push_str(message["message"]["rendered"].as_str().unwrap_or_default());
                }
                let why = why(&message["message"]);
                without.extend(about.into_iter().map(|mutant| (mutant, why.clone())));
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

/// The code and the words of a compiler error.
fn why(message: &Value) -> String {
    let part = |at: &str| message.pointer(at).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", part("/code/code"), part("/message")).trim().to_owned()
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
            let ended = self.run(program, &[name], ("MUTANTS_REACHED", list.as_os_str()), None);
            let took = begun.elapsed();
            if !matches!(ended, Ok(Ended::Passed)) {
                eprintln!("left out, because it fails without a mutant: {} {name}", program.name);
                return None;
            }
            let reaches = std::fs::read_to_string(&list).unwrap_or_default();
            let reaches = reaches.lines().filter_map(|line| line.parse().ok()).collect();
            Some(Test { program: (*program).clone(), name: name.clone(), took, reaches })
        });
        Ok(tests.into_iter().flatten().collect())
    }

    /// What becomes of each of these mutants, by the tests of these packages; each is told as soon as it is known.
    pub fn judge(
        &self,
        mutants: &[usize],
        tests: &[Test],
        packages: &[&str],
        told: impl Fn(usize, &Fate) + Sync,
    ) -> Result<Vec<Fate>> {
        let tests: Vec<_> =
            tests.iter().filter(|test| packages.contains(&test.program.package.as_str())).collect();
        let fates = in_parallel(mutants, |_, mutant| {
            let fate = self.fate(*mutant, &tests)?;
            told(*mutant, &fate);
            Ok(fate)
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
            let took = tests.iter().map(|test| test.took).sum();
            match self.run(program, &names, ("MUTANT", number.as_ref()), Some(took))? {
                Ended::Passed => {}
                Ended::Failed(test) => return Ok(Fate::Killed(format!("{} {test}", program.name))),
                Ended::OutOfTime => return Ok(Fate::OutOfTime(program.name.clone())),
            }
        }
        Ok(Fate::Survived)
    }

    /// Runs these tests; those that took so long without a mutant may not take very much longer with one.
    fn run<Name: AsRef<str>>(
        &self,
        program: &Program,
        names: &[Name],
        (variable, value): (&str, &OsStr),
        took: Option<Duration>,
    ) -> Result<Ended> {
        let mut command = Command::new(&program.path);
        command
            .args(["--exact", "--test-threads", "1"])
            .args(names.iter().map(AsRef::as_ref))
            .current_dir(&program.folder)
            .env(variable, value)
            .env("PROPTEST_CASES", self.cases.to_string())
            .env("VETSYNC_FHIR_DEFINITIONS", &self.definitions)
            .env("TMPDIR", &self.scratch)
            .env("RUST_BACKTRACE", "0");
        let limits = took.map(|took| Limits {
            processor: PROCESSOR_AT_LEAST + took * 10,
            clock: CLOCK_AT_LEAST + took * 20,
        });
        run_within(&mut command, limits).with_context(|| program.path.display().to_string())
    }
}

/// How a test program ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    /// The first test it told to have failed, or how it ended.
    Failed(String),
    /// It was stopped at one of its limits.
    OutOfTime,
}

/// What a test program may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Of the processors' time.
    processor: Duration,
    /// By the clock.
    clock: Duration,
}

/// Runs a test program until it ends or has to be stopped.
fn run_within(command: &mut Command, limits: Option<Limits>) -> Result<Ended> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    if let Some(limits) = limits {
        limit(&child, limits)?;
    }
    // Its output ends when it does. The thread is not joined: what the program started may keep the output open.
    let (ended, end) = mpsc::channel();
    if let Some(mut stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut output = Vec::new();
            drop(stdout.read_to_end(&mut output));
            drop(ended.send(String::from_utf8_lossy(&output).into_owned()));
        });
    }
    let output = match limits {
        Some(limits) => match end.recv_timeout(limits.clock) {
            Ok(output) => output,
            Err(_) => {
                child.kill()?;
                child.wait()?;
                return Ok(Ended::OutOfTime);
            }
        },
        None => end.recv().unwrap_or_default(),
    };
    let status = child.wait()?;
    if status.success() {
        return Ok(Ended::Passed);
    }
    if was_out_of_processor_time(status) {
        return Ok(Ended::OutOfTime);
    }
    let failed = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    Ok(Ended::Failed(output.lines().find_map(failed).unwrap_or_else(|| status.to_string())))
}

/// The system ends what takes more than this of processor or memory.
#[cfg(target_os = "linux")]
fn limit(child: &std::process::Child, limits: Limits) -> Result<()> {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let at = |most: u64| Rlimit { current: Some(most), maximum: Some(most + 1) };
    for (resource, most) in [(Resource::Cpu, limits.processor.as_secs()), (Resource::As, MEMORY_BYTES)] {
        match prlimit(pid, resource, at(most)) {
            // It may have ended by now.
            Ok(_) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error).context("limiting a test program"),
        }
    }
    Ok(())
}

/// Elsewhere the clock alone limits it.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "as on Linux")]
fn limit(_child: &std::process::Child, _limits: Limits) -> Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn was_out_of_processor_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(rustix::process::Signal::XCPU.as_raw())
}

#[cfg(not(target_os = "linux"))]
fn was_out_of_processor_time(_status: ExitStatus) -> bool {
    false
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{Ended, Limits, run_within};
    use std::{process::Command, time::Duration};

    /// A shell that does this.
    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_does_not_end_is_stopped_whether_it_works_or_waits() {
        let generous = Limits { processor: Duration::from_mins(1), clock: Duration::from_mins(10) };
        let hasty = Limits { clock: Duration::from_millis(1), ..generous };
        let busy = Limits { processor: Duration::from_secs(1), ..generous };
        let cases = [
            ("true", Some(generous), Ended::Passed),
            ("true", None, Ended::Passed),
            (
                "echo test a ... ok; echo test b::c ... FAILED; echo test d ... FAILED; exit 101",
                Some(generous),
                Ended::Failed("b::c".to_owned()),
            ),
            ("exit 101", None, Ended::Failed("exit status: 101".to_owned())),
            ("while :; do :; done", Some(busy), Ended::OutOfTime),
            ("exec tail -f /dev/null", Some(hasty), Ended::OutOfTime),
        ];
        for (script, limits, ended) in cases {
            assert_eq!(run_within(&mut shell(script), limits).unwrap(), ended, "{script}");
        }
    }
}
