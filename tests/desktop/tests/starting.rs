//! Starts that go wrong: each a clear screen with a way out, no crash, nothing lost.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use desktop::{Clinic, Window, in_window, program};
use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

/// Enough for every kind of difference.
const PATIENTS: u32 = 40;
/// Room that the database has used up after a first comparison, and the web view's own messages have not, bytes.
const USED_UP: u64 = 256 * 1024;
/// How long a second instance may take to see that there is a first.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// Settings that are complete, and remotes that nobody answers for.
const COMPLETE: &str = r#"
[servicenow]
base_url = "https://127.0.0.1:1"
client_id = "c"
subject = "vetsync@example.org"
[ehr]
base_url = "https://127.0.0.1:1"
client_id = "c"
[[people]]
id = "dana"
name = "Dana Reyes"
role = "admin"
"#;

/// A window whose settings and data stand in this folder.
fn environment(folder: &Path) -> Vec<(&'static str, OsString)> {
    vec![
        ("VETSYNC_CONFIG", folder.join("vetsync.toml").into()),
        ("VETSYNC_DATA_DIR", folder.join("data").into()),
        ("VETSYNC_PERSON", "dana".into()),
        ("XDG_DATA_HOME", folder.join("share").into()),
        ("XDG_CACHE_HOME", folder.join("cache").into()),
    ]
}

/// Presses the one button of the screen: the focus is on the heading, the button comes next.
async fn try_again(window: &Window) -> Result<()> {
    window.wait("start-problem").await?;
    window.press(&["Tab", "Enter"]).await
}

/// Fills the database by a first comparison, and tells how many patients it knows and how many conflicts wait.
async fn filled(clinic: &Clinic) -> Result<String> {
    let mut environment = clinic.environment("dana");
    environment.push(("VETSYNC_RUN_AT_START", "1".into()));
    let (told, telling) = tokio::sync::oneshot::channel();
    in_window("filling", &environment, |window| async move {
        window.wait_for_text("last-run", "Done").await?;
        let _ = told.send(known(&window).await?);
        Ok(())
    })
    .await?;
    telling.await.context("nothing was counted")
}

/// How many patients and conflicts the window knows, in its words.
async fn known(window: &Window) -> Result<String> {
    window.wait("home").await?;
    window.press(&["g", "p"]).await?;
    let total = "const total = document.querySelector(\"[data-testid='patient-total']\"); \
                 return /\\d/.test(total.innerText) && total.innerText";
    let patients = window.wait_for_script("a number of patients", total).await?;
    // Away from the search, so that letters are keys again.
    window.press(&["Escape", "g", "w"]).await?;
    let total = "const total = document.querySelector(\"[data-testid='work-total']\"); \
                 return /\\d/.test(total.innerText) && total.innerText";
    let conflicts = window.wait_for_script("a number of conflicts", total).await?;
    Ok(format!("{patients}, {conflicts}"))
}

#[tokio::test]
async fn a_wrong_configuration_is_shown_with_its_line_and_mended_without_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vetsync.toml");
    fs::write(&file, "[servicenow]\npage_siz = 100\n")?;
    let data = folder.path().join("data");
    in_window("wrong-configuration", &environment(folder.path()), |window| async move {
        let text = window.wait_for_text("start-problem", "page_siz").await?;
        for wanted in ["vetsync.toml", "line 2", "column 1", "Did you mean `page_size`?", "nothing is lost"] {
            ensure!(text.contains(wanted), "the screen does not say {wanted:?}: {text}");
        }
        window.shot("start-wrong-configuration").await?;
        // The focus is on the heading; the one button comes next.
        fs::write(&file, "[servicenow]\npage_size = 100\n")?;
        window.press(&["Tab", "Enter"]).await?;
        let text = window.wait_for_text("start-problem", "servicenow.base_url").await?;
        ensure!(!text.contains("page_siz:"), "the mended problem is still shown: {text}");
        Ok(())
    })
    .await?;
    assert!(!data.exists(), "a start that failed at the settings left data behind");
    Ok(())
}

#[tokio::test]
async fn without_any_configuration_it_says_where_one_belongs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    in_window("no-configuration", &environment(folder.path()), |window| async move {
        let text = window.wait_for_text("start-problem", "vetsync.toml").await?;
        ensure!(text.contains("docs/vetsync.sample.toml"), "the screen names no sample: {text}");
        ensure!(text.contains("cargo xtask demo"), "the screen does not offer the sample data: {text}");
        // The theme comes in a style element of its own, which the window's content policy must let through.
        let font = window.body_style("font-family").await?;
        ensure!(font.contains("Inter"), "the window does not show the theme, but {font}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_a_keyring_it_says_so_and_makes_no_database() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("vetsync.toml"), format!("{COMPLETE}[storage]\nsecrets = \"keyring\"\n"))?;
    let mut environment = environment(folder.path());
    let no_bus = folder.path().join("no-bus");
    environment.push(("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", no_bus.display()).into()));
    let database = folder.path().join("data/vetsync.db");
    in_window("no-keyring", &environment, |window| async move {
        let text = window.wait_for_text("start-problem", "What to do").await?.to_lowercase();
        ensure!(
            text.contains("keyring") || text.contains("key store"),
            "the screen does not name the keyring: {text}"
        );
        window.shot("start-no-keyring").await?;
        ensure!(!database.exists(), "a database was made whose key cannot be kept");

        // The session's keyring comes up: the start gets as far as the secrets that nobody has stored yet.
        std::os::unix::fs::symlink(session_bus()?, &no_bus)?;
        try_again(&window).await?;
        let text = window.wait_for_text("start-problem", "vetsync secret set").await?;
        ensure!(!text.contains("no desktop session"), "the mended problem is still shown: {text}");
        Ok(())
    })
    .await
}

/// The socket of the session that `cargo xtask test` runs the tests in; its keyring is thrown away afterwards.
fn session_bus() -> Result<std::path::PathBuf> {
    ensure!(
        std::env::var_os("VETSYNC_TEST_SESSION").is_some(),
        "run the window's tests with `cargo xtask test`"
    );
    let address = std::env::var("DBUS_SESSION_BUS_ADDRESS")?;
    let path = address.split([',', ';']).find_map(|part| part.strip_prefix("unix:path="));
    Ok(path.context("the session's bus is no socket")?.into())
}

#[tokio::test]
async fn a_wrong_database_key_loses_nothing_and_the_right_one_opens_everything_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Clinic::start(folder.path(), PATIENTS, 11).await?;
    let before = filled(&clinic).await?;
    let key = clinic.data().join("secrets/database-key");
    let right = fs::read(&key)?;
    fs::write(&key, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")?;
    in_window("wrong-key", &clinic.environment("dana"), |window| async move {
        let text = window.wait_for_text("start-problem", "cannot be opened with this key").await?;
        for wanted in ["does not fit", "Restore that key", "nothing is lost"] {
            ensure!(text.contains(wanted), "the screen does not say {wanted:?}: {text}");
        }
        window.shot("start-wrong-key").await?;
        fs::write(&key, &right)?;
        try_again(&window).await?;
        let after = known(&window).await?;
        ensure!(after == before, "{before} before, {after} after");
        Ok(())
    })
    .await
}

/// `vetsync serve`: another process that owns the database.
struct Server(Child);

impl Server {
    fn start(config: &Path) -> Result<Server> {
        let mut command = Command::new(program("VETSYNC_BIN", "vetsync")?);
        command.arg("--config").arg(config).args(["--person", "dana", "--json", "serve"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("the server has no output")?;
        let server = Server(child);
        // Its link is printed when everything is open.
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line.contains("token="), "the server printed {line:?}");
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn beside_another_program_it_works_through_it_and_takes_over_when_that_is_closed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Clinic::start(folder.path(), PATIENTS, 12).await?;
    let before = filled(&clinic).await?;
    let server = Server::start(&clinic.config())?;
    in_window("in-use", &clinic.environment("dana"), |window| async move {
        let beside = known(&window).await?;
        ensure!(beside == before, "{before} before, {beside} beside the other program");
        drop(server);
        // It opens the database itself, and goes on where it was.
        window.press(&["g", "h"]).await?;
        window.wait("start-run").await?;
        window.press(&["y"]).await?;
        window.wait_for_text("last-run", "Done").await?;
        let after = known(&window).await?;
        ensure!(after == before, "{before} before, {after} after");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_second_instance_hands_over_to_the_first() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Clinic::start(folder.path(), PATIENTS, 13).await?;
    let environment = clinic.environment("dana");
    let again = environment.clone();
    in_window("second-instance", &environment, |window| async move {
        window.wait("home").await?;
        let mut second = Command::new(program("VETSYNC_APP", "vetsync-console")?);
        second.envs(again).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let ended = tokio::task::spawn_blocking(move || second.output());
        let ended = tokio::time::timeout(ENDS_WITHIN, ended).await;
        let ended = ended.context("the second instance stayed")???;
        ensure!(ended.status.success(), "the second instance ended with {}", ended.status);
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(!said.contains("the engine did not start"), "it started an engine of its own: {said}");
        // The first one goes on.
        window.press(&["g", "r"]).await?;
        window.wait("receipts-screen").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_the_remotes_it_works_from_what_it_last_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut clinic = Clinic::start(folder.path(), PATIENTS, 14).await?;
    let before = filled(&clinic).await?;
    clinic.stop();
    let mut environment = clinic.environment("dana");
    environment.push(("VETSYNC_RUN_AT_START", "1".into()));
    in_window("unreachable", &environment, |window| async move {
        let banner = window.wait_for_text("offline-banner", "You see what VetSync last read").await?;
        ensure!(banner.contains("ServiceNow") && banner.contains("EHR"), "who does not answer? {banner}");
        window.shot("start-unreachable").await?;
        let after = known(&window).await?;
        ensure!(after == before, "{before} before, {after} after");
        // A conflict opens from the cache, and a decision can be made.
        window.press(&["Enter"]).await?;
        window.wait("compare").await?;
        window.shot("start-unreachable-compare").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_connection_that_breaks_and_comes_back_is_shown_as_it_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Arc::new(Clinic::start(folder.path(), PATIENTS, 15).await?);
    let mut environment = clinic.environment("dana");
    environment.push(("VETSYNC_RUN_AT_START", "1".into()));
    in_window("cut-off", &environment, |window| async move {
        window.wait_for_text("last-run", "Done").await?;
        clinic.cut_off(true).await?;
        window.press(&["y"]).await?;
        window.wait("offline-banner").await?;
        window.shot("cut-off").await?;
        clinic.cut_off(false).await?;
        window.wait("start-run").await?;
        window.press(&["y"]).await?;
        window.wait_gone("offline-banner").await?;
        window.wait_for_text("last-run", "Done").await?;
        Ok(())
    })
    .await
}

/// Lets a process write no file beyond so many bytes, as a full disk does; or as much as it likes again.
fn limit_files(process: u32, bytes: &str) -> Result<()> {
    let limit = Command::new("prlimit")
        .args(["--pid", &process.to_string(), &format!("--fsize={bytes}:")])
        .status()
        .context("prlimit (util-linux) could not be started")?;
    ensure!(limit.success(), "prlimit ended with {limit}");
    Ok(())
}

/// What a command says beside the window, which owns the database, and the code it ends with.
fn beside(config: &Path, verb: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(program("VETSYNC_BIN", "vetsync")?);
    let output = command.arg("--config").arg(config).args(["--person", "dana"]).args(verb).output()?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_half_done_and_with_room_it_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clinic = Clinic::start(folder.path(), PATIENTS, 16).await?;
    // The first start stops before the database, so that the disk is full when it comes to that.
    let (config, aside) = (clinic.config(), folder.path().join("aside.toml"));
    let data = clinic.data();
    fs::rename(&config, &aside)?;
    in_window("full-disk", &clinic.environment("dana"), |window| async move {
        window.wait_for_text("start-problem", "There is no settings file").await?;
        let process = window.process()?;
        limit_files(process, "16384")?;
        fs::rename(&aside, &config)?;
        try_again(&window).await?;
        let text = window.wait_for_text("start-problem", "disk is full").await?;
        for wanted in ["no room left", "Free some space", "nothing is lost"] {
            ensure!(text.contains(wanted), "the screen does not say {wanted:?}: {text}");
        }
        // The driver itself needs room for a screenshot.
        limit_files(process, "unlimited")?;
        window.shot("start-full-disk").await?;
        try_again(&window).await?;
        window.wait("start-run").await?;
        window.press(&["y"]).await?;
        window.wait_for_text("last-run", "Done").await?;
        let before = known(&window).await?;

        // Full again while it is used: said for as long as it lasts, and nothing lost.
        let log = fs::metadata(data.join("vetsync.db-wal"))?.len();
        ensure!(log > USED_UP, "the database's log has only {log} bytes: the disk would not be full for it");
        limit_files(process, &USED_UP.to_string())?;
        window.press(&["g", "h"]).await?;
        window.wait("start-run").await?;
        window.press(&["y"]).await?;
        let told = window.wait_for_text("storage-banner", "The disk is full").await?;
        ensure!(told.contains("Free some space"), "the way out: {told}");
        window.wait_for_text("headline", "The disk is full").await?;
        // It stands on every screen, and a command beside the window is told as well.
        window.press(&["g", "w"]).await?;
        window.wait("work").await?;
        window.wait_for_text("storage-banner", "The disk is full").await?;
        let (code, text) = beside(&clinic.config(), &["remotes", "status"])?;
        ensure!(code == Some(5) && text.contains("The disk is full"), "remotes status: {code:?} {text}");
        let (code, text) = beside(&clinic.config(), &["doctor"])?;
        ensure!(code == Some(5) && text.contains("disk is full"), "doctor: {code:?} {text}");
        limit_files(process, "unlimited")?;
        window.shot("full-disk-at-work").await?;
        // Over by itself.
        window.wait_gone("storage-banner").await?;
        window.press(&["g", "h"]).await?;
        window.wait("start-run").await?;
        window.press(&["y"]).await?;
        window.wait_for_text("last-run", "Done").await?;
        let after = known(&window).await?;
        ensure!(after == before, "{before} before, {after} after");
        Ok(())
    })
    .await
}
