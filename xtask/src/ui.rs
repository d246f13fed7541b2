//! The web UI: packages, build, lint, tests. What is up to date is not done again.

use crate::steps::{self, Tally, npm, root, run, run_counting, target_dir};
use anyhow::{Context as _, Result};
use std::{
    collections::BTreeSet,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Folders of `ui/` that are not sources of the build.
const NOT_SOURCES: [&str; 5] = ["node_modules", "dist", "dist-preview", "e2e", ".vite"];

/// `npm ci` where the lock file is not the one that was installed.
pub fn install_packages() -> Result<()> {
    let lock = root().join("ui/package-lock.json");
    let wanted = hash_of(&BTreeSet::from([lock]))?;
    let stamp = root().join("ui/node_modules/.vetsync-lock");
    if is_stamped(&stamp, &wanted) {
        return Ok(());
    }
    run(npm().args(["ci", "--no-audit", "--no-fund"])).context("the UI's packages could not be installed")?;
    write_stamp(&stamp, &wanted)
}

/// `npm run build` where a source changed since the last build.
pub fn build() -> Result<Tally> {
    let mut sources = BTreeSet::new();
    collect(&root().join("ui"), &mut sources)?;
    let wanted = hash_of(&sources)?;
    let stamp = target_dir().join("xtask/ui-build");
    let index = root().join("ui/dist/index.html");
    if is_stamped(&stamp, &wanted) && index.is_file() && !is_stub(&index) {
        eprintln!("The UI is built already.");
        return Ok(Tally::default());
    }
    run(npm().args(["run", "build"])).context("the UI could not be built")?;
    write_stamp(&stamp, &wanted)?;
    Ok(Tally::default())
}

pub fn lint() -> Result<Tally> {
    run(npm().args(["run", "lint"]))
}

pub fn unit_tests() -> Result<Tally> {
    run_counting(npm().args(["run", "test"]))
}

/// The journeys in Debian's Chromium against the sample clinic, served by a `vetsync` that was built before.
pub fn browser_tests(vetsync: &Path) -> Result<Tally> {
    let mut server = Command::new(vetsync)
        .args(["serve", "--demo", "--json", "--patients", "200", "--seed", "1"])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} could not be started", vetsync.display()))?;
    let outcome = address_of(&mut server).and_then(|url| {
        let shots = target_dir().join("shots/browser");
        run_counting(npm().args(["run", "e2e"]).env("VETSYNC_URL", url).env("VETSYNC_SHOTS", shots))
    });
    // Our own child, by its handle.
    let _ = server.kill();
    let _ = server.wait();
    outcome
}

/// The link that the server prints first.
fn address_of(server: &mut Child) -> Result<String> {
    let output = server.stdout.take().context("the server has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).context("reading the server's link")?;
    let printed: serde_json::Value = serde_json::from_str(&line).context("the server printed no JSON")?;
    let url =
        printed.get("url").and_then(serde_json::Value::as_str).context("the server's JSON has no `url`")?;
    Ok(url.to_owned())
}

/// Whether the page is the one that the app's build script puts there when nothing was built.
fn is_stub(index: &Path) -> bool {
    fs::read_to_string(index).is_ok_and(|text| text.contains("vetsync-stub"))
}

fn collect(folder: &Path, into: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let at_top = folder.ends_with("ui");
        if at_top && NOT_SOURCES.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), into)?;
        } else {
            into.insert(entry.path());
        }
    }
    Ok(())
}

fn hash_of(files: &BTreeSet<PathBuf>) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(steps::root()).unwrap_or(file).hash(&mut hasher);
        fs::read(file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn is_stamped(stamp: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|text| text == wanted)
}

fn write_stamp(stamp: &Path, text: &str) -> Result<()> {
    if let Some(folder) = stamp.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(stamp, text).with_context(|| format!("writing {}", stamp.display()))
}
