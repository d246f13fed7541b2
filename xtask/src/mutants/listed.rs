//! What `cargo mutants --list --json` names, and the sample that is drawn of it.

use crate::steps::cargo;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::path::Path;

/// How the code is changed; each is put into the source in a way of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

/// One change to one place.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// As `cargo mutants` tells it: file, line and what is replaced by what.
    pub name: String,
    pub package: String,
    /// From the workspace's root on.
    pub file: String,
    pub genre: Genre,
    /// Where it begins, both counted from 1 on, the column in characters.
    pub line: usize,
    pub column: usize,
    pub replacement: String,
}

/// All mutants, in the order of the sources.
pub fn list(tree: &Path) -> Result<Vec<Mutant>> {
    let output = cargo()
        .current_dir(tree)
        .args(["mutants", "--workspace", "--list", "--json"])
        .output()
        .context("`cargo mutants --list`")?;
    if !output.status.success() {
        bail!("`cargo mutants --list`: {}", String::from_utf8_lossy(&output.stderr));
    }
    let all: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let read: Option<Vec<_>> = all.iter().map(read).collect();
    read.context("`cargo mutants --list` writes something new; is it another version?")
}

fn read(listed: &Value) -> Option<Mutant> {
    let text = |key: &str| Some(listed.get(key)?.as_str()?.to_owned());
    let start = |key: &str| usize::try_from(listed.pointer(&format!("/span/start/{key}"))?.as_u64()?).ok();
    Some(Mutant {
        name: text("name")?,
        package: text("package")?,
        file: text("file")?,
        genre: match text("genre")?.as_str() {
            "FnValue" => Genre::FnValue,
            "BinaryOperator" => Genre::BinaryOperator,
            "UnaryOperator" => Genre::UnaryOperator,
            "MatchArm" => Genre::MatchArm,
            "MatchArmGuard" => Genre::MatchArmGuard,
            "StructField" => Genre::StructField,
            _ => return None,
        },
        line: start("line")?,
        column: start("column")?,
        replacement: text("replacement")?,
    })
}

/// `most` of them in the order that `seed` gives; the same seed and the same sources give the same sample.
pub fn sample(mut mutants: Vec<Mutant>, most: usize, seed: u64) -> Vec<Mutant> {
    let mut state = seed;
    // splitmix64; that a remainder favours small numbers does not matter among thousands.
    let mut draw = |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = state;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((drawn ^ (drawn >> 31)) % below as u64).unwrap_or(0)
    };
    for last in (1..mutants.len()).rev() {
        mutants.swap(last, draw(last + 1));
    }
    mutants.truncate(most);
    mutants
}
