//! Third-party clients of the Table API, `pysnc` and `pysnow`, against a standing simulation. Needs Python 3.9 or
//! later and, the first time, the Python package registry.
#![allow(clippy::expect_used, reason = "helpers of tests")]

use simulator::{Options, Simulation};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A virtual environment with the pinned clients, made once under the target folder.
fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("third-party-venv");
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/requirements.txt");
    let interpreter = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = std::fs::read_to_string(&requirements).expect("the requirements are part of the crate");
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).ok().as_deref() == Some(wanted.as_str()) {
        return interpreter;
    }
    let made = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder)
        .status()
        .expect("python3 is installed");
    assert!(made.success(), "python3 -m venv failed; install the package python3-venv");
    let installed = Command::new(&interpreter)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&requirements)
        .status()
        .expect("pip is part of the virtual environment");
    assert!(
        installed.success(),
        "the pinned clients could not be installed; is the Python package registry reachable?"
    );
    std::fs::write(stamp, wanted).expect("the target folder is writable");
    interpreter
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_log_in_query_page_create_update_and_delete() {
    let running = Simulation::start(Options { patients: 150, ..Options::default() })
        .await
        .expect("the simulation starts");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &running.ca_pem).expect("the folder is writable");
    let description = running.describe().to_string();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/third_party/check.py"))
            .env("REQUESTS_CA_BUNDLE", &ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the interpreter starts");
        let mut input = child.stdin.take().expect("standard input is piped");
        input.write_all(description.as_bytes()).expect("the script reads");
        drop(input);
        child.wait_with_output().expect("the script ends")
    })
    .await
    .expect("the check ran");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("holds: ").count(), 25, "{said}");
    running.stop().await;
}
