//! Running commands as steps with a header and a time, and stopping at the first that fails.

use anyhow::{Context as _, Result, bail};
use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The repository's root: where `Cargo.toml` of the workspace stands.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A binary that cargo built.
pub fn built(profile: &str, name: &str) -> PathBuf {
    target_dir().join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // Set by `cargo run` for this task alone; with it, build scripts of the workspace would run again.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// npm in the folder of the web UI.
pub fn npm() -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(root().join("ui"));
    command
}

/// What tests reported.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// What ran, how long it took, and what the tests in it reported.
#[derive(Debug, Default)]
pub struct Report {
    steps: Vec<(String, Duration)>,
    pub tally: Tally,
}

impl Report {
    /// Runs one step. A failure ends everything, and `way_out` says what to do about it.
    pub fn step(&mut self, title: &str, way_out: &str, work: impl FnOnce() -> Result<Tally>) -> Result<()> {
        eprintln!("\n=== {title} ===");
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        self.steps.push((title.to_owned(), took));
        match outcome {
            Ok(tally) => {
                self.tally += tally;
                eprintln!("--- {title}: {}", seconds(took));
                if tally.failed > 0 {
                    bail!("{title}: {} tests failed. {way_out}", tally.failed);
                }
                Ok(())
            }
            Err(error) => Err(error.context(format!("{title} failed after {}. {way_out}", seconds(took)))),
        }
    }

    /// The time of each step.
    pub fn print(&self) {
        eprintln!("\n=== Times ===");
        for (title, took) in &self.steps {
            eprintln!("{:>9}  {title}", seconds(*took));
        }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Runs a command with its output on our standard error, so that standard output stays free for results.
pub fn run(command: &mut Command) -> Result<Tally> {
    watch(command, |_| Tally::default())
}

/// Runs a command and counts what its tests report.
pub fn run_counting(command: &mut Command) -> Result<Tally> {
    watch(command, count)
}

fn watch(command: &mut Command, read: impl Fn(&str) -> Tally) -> Result<Tally> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .with_context(|| format!("`{shown}` could not be started; is it installed?"))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.with_context(|| format!("reading the output of `{shown}`"))?;
            let mut error = std::io::stderr().lock();
            error.write_all(&line)?;
            error.write_all(b"\n")?;
            tally += read(&String::from_utf8_lossy(&line));
        }
    }
    let status = child.wait().with_context(|| format!("waiting for `{shown}`"))?;
    // Failed tests are told by their number, everything else by the command.
    if !status.success() && tally.failed == 0 {
        bail!("`{shown}` ended with {status}");
    }
    Ok(tally)
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// What one line says about tests: cargo's and vitest's closing lines, and `N passed, M failed` of our own scripts.
fn count(line: &str) -> Tally {
    let line = without_colour(line);
    let line = line.trim();
    let summary = line.strip_prefix("test result: ").or_else(|| line.strip_prefix("Tests ")).or_else(|| {
        let own = line.split_once(" passed, ").is_some_and(|(number, _)| number.parse::<u64>().is_ok());
        own.then_some(line)
    });
    let Some(summary) = summary else { return Tally::default() };
    let number_before = |word: &str| {
        summary
            .split([';', ',', '|', '.'])
            .filter_map(|part| part.trim().split_once(word))
            .find_map(|(number, _)| number.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    Tally { passed: number_before(" passed"), failed: number_before(" failed") }
}

fn without_colour(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Tally, count};

    #[test]
    fn closing_lines_are_counted() {
        let cases = [
            (
                "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.07s",
                12,
                0,
            ),
            ("test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out", 4, 1),
            ("      Tests  34 passed (34)", 34, 0),
            (
                "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m2 failed\u{1b}[22m | \u{1b}[32m32 passed\u{1b}[39m (34)",
                32,
                2,
            ),
            ("7 passed, 1 failed", 7, 1),
            (" Test Files  3 passed (3)", 0, 0),
            ("all 3 passed, said the log", 0, 0),
        ];
        for (line, passed, failed) in cases {
            assert_eq!(count(line), Tally { passed, failed }, "{line}");
        }
    }
}
