//! The real window, driven by WebDriver: start the app with an environment of its own, press keys as people do, and
//! read what it shows.
//!
//! Needs a display and `WebKitWebDriver`; `cargo xtask test` provides both, builds UI and app, and names them in
//! `VETSYNC_APP` and `VETSYNC_BIN`. Screenshots of failures go to the folder in `VETSYNC_SHOTS`.
#![cfg(target_os = "linux")]

mod clinic;
mod driver;
mod processes;
mod steps;
mod window;

pub use clinic::{Animal, Clinic};
pub use processes::{Memory, memory_of, started_at_ms};
pub use steps::{approve, choose, compare_again, first_comparison, open_conflict};
pub use window::{Window, in_window};

use std::path::PathBuf;

/// A program that cargo built: as the environment names it, else beside the tests.
pub fn program(variable: &str, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let tests = std::env::current_exe()?;
    let built = tests.ancestors().nth(2).map(|profile| profile.join(name));
    built
        .filter(|path| path.is_file())
        .ok_or_else(|| anyhow::anyhow!("{name} is not built; run `cargo xtask test`, or set {variable}"))
}
