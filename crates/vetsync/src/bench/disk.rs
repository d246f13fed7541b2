//! The disk a measure stands on: the one there is, or one whose sync takes a given time.
//!
//! What a virtual machine's disk makes durable in a second differs from hour to hour. A measure whose target names a
//! disk is therefore taken twice: on the disk that is there, and on one whose syncs take as long as the target says.
//! Either way the rate that was reached stands beside it.

use super::figures::Measure;
use anyhow::Context as _;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What a sync of the slow disk takes at least, milliseconds: some 250 syncs a second.
pub const SLOW_SYNC_MS: u32 = 4;

/// Which disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// The one under the temporary folder.
    AsItIs,
    /// One whose sync takes [`SLOW_SYNC_MS`] at least; Linux alone.
    Slow,
}

impl Disk {
    /// The name of a measure that is taken on it.
    pub fn name(self, measure: &str) -> String {
        match self {
            Disk::AsItIs => measure.to_owned(),
            Disk::Slow => format!("{measure}, a sync takes {SLOW_SYNC_MS} ms"),
        }
    }

    /// How often a second it makes a write in this folder durable.
    pub fn syncs(self, measure: &str, folder: &Path) -> anyhow::Result<Measure> {
        const SYNCS: u32 = 200;
        let mut file = tempfile::tempfile_in(folder).context("no temporary file")?;
        let began = Instant::now();
        for _ in 0..SYNCS {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&[7; 4_096])?;
            file.sync_data()?;
        }
        let rate = f64::from(SYNCS) / began.elapsed().as_secs_f64();
        Ok(Measure::of(&format!("{}: the disk's syncs", self.name(measure)), rate.round(), "1/s"))
    }

    /// Puts it under a process that is to be started. What that takes is built in the folder.
    pub fn under(self, command: &mut Command, folder: &Path) -> anyhow::Result<()> {
        match self {
            Disk::AsItIs => {}
            Disk::Slow => {
                command.arg("--slow-disk");
                command.env("LD_PRELOAD", layer(folder)?);
                command.env("SLOW_DISK_SYNC_US", (SLOW_SYNC_MS * 1_000).to_string());
            }
        }
        Ok(())
    }
}

/// The layer between the process and the C library.
fn layer(folder: &Path) -> anyhow::Result<PathBuf> {
    let (source, library) = (folder.join("slow_disk.c"), folder.join("slow_disk.so"));
    std::fs::write(&source, include_str!("slow_disk.c")).context("no room for the slow disk")?;
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .with_context(|| format!("{compiler} does not start: install a C compiler"))?;
    anyhow::ensure!(built.success(), "{compiler} cannot compile the slow disk");
    Ok(library)
}
