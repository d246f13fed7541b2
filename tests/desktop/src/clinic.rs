//! The simulated remotes as a process of their own, with settings that connect to them.

use crate::program;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long the simulators may take to stand.
const STANDS_WITHIN: Duration = Duration::from_mins(1);

/// `vetsync simulate`, until dropped.
#[derive(Debug)]
pub struct Clinic {
    child: Child,
    /// What it printed: addresses, CA file, credentials, the settings file.
    pub description: Value,
    config: PathBuf,
}

impl Clinic {
    /// Starts the simulators with a seeded clinic; settings, secrets and data stand in `folder`.
    pub async fn start(folder: &Path, patients: u32, seed: u64) -> Result<Clinic> {
        let mut child = Command::new(program("VETSYNC_BIN", "vetsync")?)
            .args([
                "simulate",
                "--json",
                "--patients",
                &patients.to_string(),
                "--seed",
                &seed.to_string(),
                "--config-out",
            ])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("vetsync could not be started")?;
        let output = child.stdout.take().context("vetsync has no output")?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        let mut clinic = Clinic { child, description: Value::Null, config: folder.join("vetsync.toml") };
        let line = tokio::time::timeout(STANDS_WITHIN, reading).await;
        let line =
            line.with_context(|| format!("the simulators did not stand within {STANDS_WITHIN:?}"))???;
        clinic.description =
            serde_json::from_str(&line).context("the simulators described themselves in no JSON")?;
        Ok(clinic)
    }

    /// The environment of a window that is connected to this clinic, with this person at the desk.
    pub fn environment(&self, person: &str) -> Vec<(&'static str, OsString)> {
        vec![
            ("VETSYNC_CONFIG", self.config.clone().into()),
            ("VETSYNC_PERSON", person.into()),
            ("VETSYNC_DEMO", "1".into()),
        ]
    }

    /// Ends the simulators: from now on both remotes are unreachable.
    pub fn stop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        self.stop();
    }
}
