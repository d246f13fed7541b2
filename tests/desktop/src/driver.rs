//! The driver that comes with the web view, one process for one window.

use crate::processes;
use anyhow::{Context as _, Result, bail};
use std::{
    ffi::OsString,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long the driver may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);
/// How long it may take to end when asked.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A running `WebKitWebDriver`. The app is its child and has its environment.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    pub url: String,
}

impl Driver {
    pub fn start(environment: &[(&str, OsString)]) -> Result<Driver> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("WebKitWebDriver");
        command.arg(format!("--port={port}")).arg("--host=127.0.0.1");
        // The window lets itself be driven only when this is set.
        command.env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.context("WebKitWebDriver could not be started; run `cargo xtask setup`")?;
        let mut driver = Driver { child, url: format!("http://127.0.0.1:{port}") };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = driver.child.try_wait()? {
                bail!("WebKitWebDriver ended with {status}");
            }
            if start.elapsed() > LISTENS_WITHIN {
                bail!("WebKitWebDriver did not listen within {LISTENS_WITHIN:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(driver)
    }

    /// The app's process.
    pub fn app(&self) -> Result<u32> {
        processes::child_of(self.child.id()).context("the driver has started no app")
    }

    /// What WebDriver has to know to start the app.
    ///
    /// By way of a shell: a write past a limit of the process is to fail like one on a full disk, not to end it.
    pub fn capabilities(app: &Path) -> serde_json::Map<String, serde_json::Value> {
        let script = "trap '' XFSZ; exec \"$0\"";
        let options = serde_json::json!({ "binary": "/bin/sh", "args": ["-c", script, app] });
        std::iter::once(("webkitgtk:browserOptions".to_owned(), options)).collect()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Asked to end, not killed: a killed driver leaves the window behind.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let start = Instant::now();
        while start.elapsed() < ENDS_WITHIN {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
