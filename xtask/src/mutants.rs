//! Mutation testing: the code is changed in small ways, one at a time, and a test has to notice.

mod listed;
mod switches;
mod trial;

use crate::steps::{cargo, root, run as run_step, target_dir};
use anyhow::{Context as _, Result, bail};
use listed::Mutant;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Command, ExitCode, Stdio},
};
use trial::{Built, Fate, Trial};

/// The share of a sample that has to be noticed, in percent.
const WANTED_PERCENT: f64 = 90.0;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What is mutated; everything if nothing is named.
    parts: Vec<Part>,
    /// How many mutants of each part, in random order; those that do not compile are not counted.
    #[arg(long, default_value_t = 60)]
    sample: usize,
    /// Which random order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead of a sample, those mutants whose name holds this; may be given several times.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["sample", "seed"])]
    only: Vec<String>,
    /// Inputs a property test tries.
    #[arg(long, default_value_t = 64)]
    cases: u32,
    /// Instead of a sample, the part K/N of all mutants, from 0/N on, each built by itself: minutes for each.
    #[arg(long, value_name = "K/N", conflicts_with_all = ["sample", "seed", "only", "parts"])]
    shard: Option<String>,
    /// Handed on to `cargo mutants` with `--shard`, such as `-- --file crates/record/src/json.rs`.
    #[arg(last = true, requires = "shard")]
    further: Vec<String>,
}

/// What is mutated, and whose tests count for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Record,
    Mapping,
    Reconcile,
    /// The files of engine and store that `.cargo/mutants.toml` names.
    Outbox,
}

impl Part {
    const ALL: [Self; 4] = [Self::Record, Self::Mapping, Self::Reconcile, Self::Outbox];

    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Record => &["record"],
            Self::Mapping => &["mapping"],
            Self::Reconcile => &["reconcile"],
            Self::Outbox => &["engine", "store"],
        }
    }
}

/// What is mutated stands in `.cargo/mutants.toml`.
///
/// What is committed is mutated, in a clone of its own below `target/`: nobody's work tree holds a deliberate mistake.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let there = Command::new("cargo").args(["mutants", "--version"]).stdout(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        bail!("cargo-mutants is missing; run `cargo install --locked cargo-mutants`");
    }
    let tree = target_dir().join("mutants/tree");
    clone_into(&tree)?;
    match &arguments.shard {
        Some(shard) => one_by_one(&tree, shard, arguments),
        None => sampled(&tree, arguments),
    }
}

/// `cargo mutants` builds and tests each mutant by itself.
fn one_by_one(tree: &Path, shard: &str, arguments: &Arguments) -> Result<ExitCode> {
    let mut mutants = cargo();
    mutants
        .current_dir(tree)
        // Other people's packages are those of the usual build; ours have another path, and so names of their own.
        .env("CARGO_TARGET_DIR", target_dir())
        // Nothing but the changed package is built again, and of that only what the change reaches.
        .env("CARGO_INCREMENTAL", "1")
        .env("PROPTEST_CASES", arguments.cases.to_string())
        .env("VETSYNC_FHIR_DEFINITIONS", root().join("target/fhir-r4-definitions"))
        .args(["mutants", "--workspace", "--in-place", "--sharding", "round-robin"])
        // Documentation has no tests; looking for them takes as long as some packages' tests.
        .args(["--cargo-test-arg=--lib", "--cargo-test-arg=--tests"])
        .args(["--shard", shard, "--output"])
        .arg(target_dir());
    run_step(mutants.args(&arguments.further))
        .context("a change went unnoticed; `target/mutants.out/missed.txt` names the place")?;
    Ok(ExitCode::SUCCESS)
}

/// A sample of each part, all of it in one build.
fn sampled(tree: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let parts = if arguments.parts.is_empty() { &Part::ALL[..] } else { &arguments.parts };
    let packages: Vec<_> = parts.iter().flat_map(|part| part.packages()).copied().collect();
    if parts.contains(&Part::Mapping) {
        // HL7's R4 definitions: what the mapping's tests validate is validated here, too.
        run_step(
            Command::new("node").arg("crates/mapping/tests/support/definitions.mjs").current_dir(root()),
        )?;
    }
    let listed = listed::list(tree)?;
    let mut mutants = Vec::new();
    let mut drawn = Vec::new();
    for part in parts {
        let all = listed.iter().filter(|mutant| part.packages().contains(&mutant.package.as_str()));
        let all: Vec<_> = all.cloned().collect();
        let count = all.len();
        let sample = if arguments.only.is_empty() {
            listed::sample(all, arguments.sample, arguments.seed)
        } else {
            let named = |mutant: &Mutant| arguments.only.iter().any(|text| mutant.name.contains(text));
            all.into_iter().filter(named).collect()
        };
        drawn.push((*part, count, mutants.len()..mutants.len() + sample.len()));
        mutants.extend(sample);
    }
    let (programs, without) = build_all(tree, &mutants, &packages)?;
    for (number, why) in &without {
        eprintln!("does not compile ({why}): {}", mutants[*number].name);
    }

    let trial = Trial {
        cases: arguments.cases,
        definitions: root().join("target/fhir-r4-definitions"),
        scratch: tree.with_file_name("scratch"),
    };
    std::fs::create_dir_all(&trial.scratch)?;
    let tests = trial.learn(&programs)?;
    eprintln!("{} tests", tests.len());
    let mut tallies = Vec::new();
    for (part, all, numbers) in drawn {
        let viable: Vec<_> = numbers.clone().filter(|number| !without.contains_key(number)).collect();
        let fates = trial.judge(&viable, &tests, part.packages(), |number, fate| {
            eprintln!("{fate}: {}", mutants[number].name);
        })?;
        for (number, fate) in viable.iter().zip(&fates) {
            if matches!(fate, Fate::Survived | Fate::Unreached) {
                println!("{fate}: {}", mutants[*number].name);
            }
        }
        tallies.push((part, all, Tally::of(&fates, numbers.len() - viable.len())));
    }
    print!("{}", table(&tallies));
    let enough = tallies.iter().all(|(.., tally)| tally.share_percent() >= WANTED_PERCENT);
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of a part's sample.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    killed: usize,
    out_of_time: usize,
    survived: usize,
    unviable: usize,
}

impl Tally {
    fn of(fates: &[Fate], unviable: usize) -> Self {
        let mut tally = Self { unviable, ..Self::default() };
        for fate in fates {
            match fate {
                Fate::Killed(_) => tally.killed += 1,
                Fate::OutOfTime(_) => tally.out_of_time += 1,
                Fate::Survived | Fate::Unreached => tally.survived += 1,
            }
        }
        tally
    }

    /// Those that compile.
    fn viable(self) -> usize {
        self.killed + self.out_of_time + self.survived
    }

    /// The share of them that a test noticed; nothing to notice is nothing missed.
    fn share_percent(self) -> f64 {
        match self.viable() {
            0 => 100.0,
            viable => 100.0 * (self.killed + self.out_of_time) as f64 / viable as f64,
        }
    }
}

/// A line for each part.
fn table(tallies: &[(Part, usize, Tally)]) -> String {
    let mut table =
        String::from("part       places  compile   killed  out of time  survived  do not compile  noticed\n");
    for (part, places, tally) in tallies {
        let part = format!("{part:?}").to_lowercase();
        let Tally { killed, out_of_time, survived, unviable } = *tally;
        table += &format!(
            "{part:<9} {places:>7} {:>8} {killed:>8} {out_of_time:>12} {survived:>9} {unviable:>15} {:>6.1} %\n",
            tally.viable(),
            tally.share_percent(),
        );
    }
    table
}

/// Puts the mutants into the clone and builds it, without those that do not compile; of these it says why.
fn build_all(
    tree: &Path,
    mutants: &[Mutant],
    packages: &[&str],
) -> Result<(Vec<trial::Program>, BTreeMap<usize, String>)> {
    let mut without = BTreeMap::new();
    loop {
        put_in(tree, mutants, &mut without)?;
        match trial::build(tree, packages)? {
            Built::Programs(programs) => return Ok((programs, without)),
            // A mutant that is left out already cannot be at fault once more.
            Built::Without(more) if more.keys().all(|mutant| without.contains_key(mutant)) => {
                bail!("the packages with their mutants do not compile, and no mutant is to blame")
            }
            Built::Without(more) => {
                eprintln!("built again without {} that do not compile", more.len());
                without.extend(more);
            }
        }
    }
}

/// The sources as they are committed, with these mutants in them.
fn put_in(tree: &Path, mutants: &[Mutant], without: &mut BTreeMap<usize, String>) -> Result<()> {
    let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
    for (number, mutant) in mutants.iter().enumerate() {
        let of_file = by_file.entry(&mutant.file).or_default();
        if !without.contains_key(&number) {
            of_file.push((number, mutant));
        }
    }
    let mut roots = BTreeSet::new();
    for (file, mutants) in by_file {
        let (text, missing) = switches::put_in(&committed(tree, file)?, &mutants)
            .with_context(|| format!("putting mutants into {file}"))?;
        without.extend(missing.into_iter().map(|mutant| (mutant, "no place of its own".to_owned())));
        write(&tree.join(file), &text)?;
        roots.extend(file.split_once("/src/").map(|(package, _)| package.to_owned()));
    }
    for package in roots {
        let library = format!("{package}/src/lib.rs");
        let switched = std::fs::read_to_string(tree.join(&library))?;
        let declared = format!("\n#[doc(hidden)]\npub mod {};\n", switches::MODULE_NAME);
        if !switched.ends_with(&declared) {
            write(&tree.join(&library), &(switched + &declared))?;
        }
        write(&tree.join(format!("{package}/src/{}.rs", switches::MODULE_NAME)), switches::MODULE)?;
    }
    Ok(())
}

/// A file as it was committed.
fn committed(tree: &Path, file: &str) -> Result<String> {
    let output = Command::new("git").arg("-C").arg(tree).args(["show", &format!("HEAD:{file}")]).output()?;
    String::from_utf8(output.stdout).with_context(|| format!("{file} is no text"))
}

/// Only what is new is written: what stays is not built again.
fn write(path: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// The last commit, as it stands, whatever an interrupted run left there.
fn clone_into(tree: &Path) -> Result<()> {
    if !tree.join(".git").exists() {
        run_step(Command::new("git").args(["clone", "--quiet", "--no-checkout"]).arg(root()).arg(tree))?;
    }
    let git = |arguments: &[&str]| run_step(Command::new("git").arg("-C").arg(tree).args(arguments));
    let head = Command::new("git").arg("-C").arg(root()).args(["rev-parse", "HEAD"]).output()?;
    let head = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    git(&["fetch", "--quiet", "origin", "HEAD"])?;
    git(&["checkout", "--quiet", "--force", "--detach", &head])
        .context("the tests of what is committed are run; commit first")?;
    git(&["clean", "--quiet", "--force", "-d", "crates"])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Fate, Part, Tally, table};

    #[test]
    fn the_share_is_of_those_that_compile_and_what_does_not_end_is_noticed() {
        let fates = [
            Fate::Killed("a test".to_owned()),
            Fate::Killed("another".to_owned()),
            Fate::OutOfTime("a program".to_owned()),
            Fate::Survived,
            Fate::Unreached,
        ];
        let tally = Tally::of(&fates, 3);
        assert_eq!(tally, Tally { killed: 2, out_of_time: 1, survived: 2, unviable: 3 });
        assert_eq!(tally.viable(), 5);
        assert_eq!(
            table(&[(Part::Outbox, 612, tally)])
                .lines()
                .last()
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>(),
            ["outbox", "612", "5", "2", "1", "2", "3", "60.0", "%"],
        );
        assert!((Tally::of(&[], 1).share_percent() - 100.0).abs() < f64::EPSILON);
    }
}
