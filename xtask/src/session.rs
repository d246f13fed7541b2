//! A session of its own for tests: a virtual display, a private D-Bus and a real, unlocked, throw-away keyring.
//!
//! Without it the tests would ask the user's own keyring, which may open a password window and wait for ever.

use anyhow::{Context as _, Result};
use std::{
    ffi::OsString,
    io::Write as _,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
};

/// The folder that the session's keyring and sockets live in.
const FOLDER: &str = "VETSYNC_TEST_SESSION";

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

/// A folder that is removed in the end.
#[derive(Debug)]
pub struct Session {
    folder: PathBuf,
}

impl Session {
    pub fn new() -> Result<Session> {
        let folder = std::env::temp_dir().join(format!("vetsync-test-session-{}", std::process::id()));
        for name in ["run", "data"] {
            let folder = folder.join(name);
            std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
            only_for_owner(&folder)?;
        }
        Ok(Session { folder })
    }

    /// The command, wrapped so that it runs in the session; as it is on systems without D-Bus and X.
    pub fn wrap(&self, command: &Command) -> Command {
        if !cfg!(target_os = "linux") {
            let mut plain = Command::new(command.get_program());
            plain.args(command.get_args());
            return dressed(plain, command);
        }
        let mut wrapped = Command::new("xvfb-run");
        wrapped.args(["-a", "-s", "-screen 0 1920x1200x24", "dbus-run-session", "--"]);
        // Not the program that runs: the build of everything may have put a new one in its place meanwhile.
        wrapped.arg(crate::steps::built("debug", "xtask")).args(["in-session", "--"]);
        wrapped.arg(command.get_program()).args(command.get_args());
        wrapped
            .env(FOLDER, &self.folder)
            .env("XDG_RUNTIME_DIR", self.folder.join("run"))
            .env("XDG_DATA_HOME", self.folder.join("data"))
            // WebKit's web process takes less memory so; a virtual display has no accelerated compositing anyway.
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        dressed(wrapped, command)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// `wrapped` with the folder and the variables of `command`.
fn dressed(mut wrapped: Command, command: &Command) -> Command {
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

#[cfg(unix)]
fn only_for_owner(folder: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("setting the mode of {}", folder.display()))
}

#[cfg(not(unix))]
fn only_for_owner(_: &std::path::Path) -> Result<()> {
    Ok(())
}

/// Inside the session: unlock the keyring, then become the command.
pub fn run_inside(arguments: &Arguments) -> Result<ExitCode> {
    anyhow::ensure!(std::env::var_os(FOLDER).is_some(), "in-session is run by `cargo xtask test` only");
    let mut daemon = Command::new("gnome-keyring-daemon")
        .args(["--unlock", "--components=secrets"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("gnome-keyring-daemon could not be started; run `cargo xtask setup`")?;
    if let Some(mut input) = daemon.stdin.take() {
        // The password of a keyring that lives as long as this session.
        input.write_all(b"throw-away").context("unlocking the throw-away keyring")?;
    }
    daemon.wait().context("waiting for the keyring")?;
    let (program, rest) = arguments.command.split_first().context("no command given")?;
    let status = Command::new(program)
        .args(rest)
        // Tests of the keyring then insist on the real one.
        .env("VETSYNC_TEST_KEYRING", "1")
        .status()
        .with_context(|| format!("{} could not be started", program.to_string_lossy()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
