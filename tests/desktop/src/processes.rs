//! The app's processes, as the kernel sees them.

use anyhow::{Context as _, Result};
use std::fs;

/// What processes take of the memory, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident pages; pages that several processes share count in each.
    pub rss_kib: u64,
    /// Resident pages, each shared one divided among those that share it: what the whole really takes.
    pub pss_kib: u64,
}

impl std::ops::AddAssign for Memory {
    fn add_assign(&mut self, other: Memory) {
        self.rss_kib += other.rss_kib;
        self.pss_kib += other.pss_kib;
    }
}

/// Whether a process still does something; one that ended and was not yet fetched by its parent does not.
pub(crate) fn is_running(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"));
    stat.is_ok_and(|stat| {
        !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
    })
}

/// The newest child of a process.
pub(crate) fn child_of(parent: u32) -> Option<u32> {
    children_of(parent).into_iter().max()
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

/// `/proc/ID/stat`: after the name in parentheses come the state and the parent.
fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// When a process was started, Unix milliseconds, to the kernel's tick of 10 ms.
pub fn started_at_ms(id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let after_name = stat.rsplit_once(')').context("an unusual stat file")?.1;
    let ticks: f64 = after_name.split_whitespace().nth(19).context("an unusual stat file")?.parse()?;
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime_s: f64 = uptime.split_whitespace().next().context("an unusual uptime file")?.parse()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the page's clock, which this is held against, is the system's"
    )]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    // The kernel tells times to other programs in hundredths of a second (USER_HZ).
    Ok((now.as_secs_f64() - uptime_s + ticks / 100.0) * 1_000.0)
}

/// A process by its name, and what it takes; then the same of everything it started.
pub fn memory_of(id: u32) -> Result<Vec<(String, Memory)>> {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))
        .with_context(|| format!("reading the memory of process {id}"))?;
    let line = |name: &str| {
        let line = rollup.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
    };
    let name = fs::read_to_string(format!("/proc/{id}/comm"))?.trim().to_owned();
    let mut all = vec![(name, Memory { rss_kib: line("Rss:"), pss_kib: line("Pss:") })];
    for child in children_of(id) {
        // One that ends meanwhile takes nothing any more.
        all.extend(memory_of(child).unwrap_or_default());
    }
    Ok(all)
}
