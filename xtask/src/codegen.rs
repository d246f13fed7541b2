//! The generated files that are committed: the TypeScript of the console's interface and the configuration's schema.

use crate::steps::{Tally, built, cargo, root};
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only say whether the committed files are current.
    #[arg(long)]
    check: bool,
}

/// Where the generated TypeScript stands.
const BINDINGS: &str = "ui/src/bindings";
/// Where the configuration's schema stands.
const SCHEMA: &str = "docs/settings.schema.json";

pub fn run_generators(check: bool) -> Result<Tally> {
    let fresh = std::env::temp_dir().join(format!("vetsync-codegen-{}", std::process::id()));
    let outcome = generate(&fresh).and_then(|()| if check { compare(&fresh) } else { put(&fresh) });
    let _ = fs::remove_dir_all(&fresh);
    outcome.map(|()| Tally::default())
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    // The same packages and targets as the tests, so that cargo builds everything once.
    run_cargo_build()?;
    run_generators(arguments.check)?;
    eprintln!("Generated files are current.");
    Ok(ExitCode::SUCCESS)
}

fn run_cargo_build() -> Result<()> {
    crate::steps::run(cargo().args(["build", "-p", "console-api", "-p", "settings", "--examples"]))
        .context("the generators could not be built")?;
    Ok(())
}

/// Runs the generators, which stand as examples beside what they describe.
fn generate(into: &Path) -> Result<()> {
    let bindings = into.join("bindings");
    fs::create_dir_all(&bindings).with_context(|| format!("creating {}", bindings.display()))?;
    run_quietly(Command::new(built("debug", "examples/bindings")).arg(&bindings).current_dir(root()))?;
    let schema = run_quietly(Command::new(built("debug", "examples/schema")).current_dir(root()))?;
    fs::write(into.join("schema.json"), schema).context("writing the schema")
}

fn run_quietly(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} could not be started"))?;
    if !output.status.success() {
        bail!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// Each generated file with the place where it is committed.
fn pairs(fresh: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut pairs = vec![(fresh.join("schema.json"), root().join(SCHEMA))];
    let folder = fresh.join("bindings");
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        pairs.push((entry.path(), root().join(BINDINGS).join(entry.file_name())));
    }
    Ok(pairs)
}

fn compare(fresh: &Path) -> Result<()> {
    let mut stale = Vec::new();
    let pairs = pairs(fresh)?;
    for (new, committed) in &pairs {
        let new = fs::read(new).with_context(|| format!("reading {}", new.display()))?;
        if fs::read(committed).unwrap_or_default() != new {
            stale.push(committed.strip_prefix(root()).unwrap_or(committed).display().to_string());
        }
    }
    for entry in fs::read_dir(root().join(BINDINGS)).into_iter().flatten().flatten() {
        if !pairs.iter().any(|(_, committed)| *committed == entry.path()) {
            stale.push(format!("{BINDINGS}/{} (no longer generated)", entry.file_name().to_string_lossy()));
        }
    }
    if !stale.is_empty() {
        bail!("not current: {}. Run `cargo xtask codegen` and commit what it wrote.", stale.join(", "));
    }
    Ok(())
}

fn put(fresh: &Path) -> Result<()> {
    let pairs = pairs(fresh)?;
    fs::create_dir_all(root().join(BINDINGS)).context("creating the folder of the bindings")?;
    for entry in fs::read_dir(root().join(BINDINGS))?.flatten() {
        if !pairs.iter().any(|(_, committed)| *committed == entry.path()) {
            fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
        }
    }
    for (new, committed) in pairs {
        let text = fs::read(&new)?;
        // An unchanged file keeps its time, so that nothing is built again for it.
        if fs::read(&committed).unwrap_or_default() != text {
            fs::write(&committed, text).with_context(|| format!("writing {}", committed.display()))?;
            eprintln!("wrote {}", committed.strip_prefix(root()).unwrap_or(&committed).display());
        }
    }
    Ok(())
}
