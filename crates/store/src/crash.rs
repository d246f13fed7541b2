//! Points at which a process can be told to die, for the test that kills it at each of them.
//!
//! Compiled with the feature `crash-points` alone, which no build of the product has. A point is counted; where the
//! environment names its number the process kills itself with SIGKILL, so that nothing is run that a real kill would not
//! run: no destructor, no closing of the database, no answer to whoever waits.

use std::{
    fs::OpenOptions,
    io::Write as _,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// The number of the point to die at, from 1; without it nobody dies.
const AT: &str = "VETSYNC_CRASH_AT";
/// A file that gets a line `number name` for every point that was passed.
const TRACE: &str = "VETSYNC_CRASH_TRACE";

static PASSED: AtomicU64 = AtomicU64::new(0);
static DIE_AT: LazyLock<Option<u64>> = LazyLock::new(|| std::env::var(AT).ok()?.parse().ok());

/// Passes a point, or dies there.
pub fn point(name: &'static str) {
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(path) = std::env::var_os(TRACE)
        && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path)
    {
        // A line that is missing makes the test's count wrong, which it notices itself.
        let _written = file.write_all(format!("{number} {name}\n").as_bytes());
    }
    if *DIE_AT == Some(number) {
        loop {
            // SIGKILL to oneself takes effect before the call returns; should it not, nothing may go on from here.
            let _killed =
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}
