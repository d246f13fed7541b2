//! What a machine needs, and installing what is missing.

use crate::{steps, ui};
use anyhow::{Context as _, Result, bail};
use std::process::{Command, ExitCode, Stdio};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only what this needs.
    #[arg(long, value_enum, default_value = "test")]
    r#for: Need,
    /// Only say what is missing.
    #[arg(long)]
    check: bool,
}

/// What is to be done with the machine; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Need {
    /// The engine and the `vetsync` command.
    Headless,
    /// The console.
    Window,
    /// The tests.
    Test,
}

/// A package of Debian and Ubuntu, and what it is called to people on other systems.
struct Package {
    debian: &'static str,
    need: Need,
    what: &'static str,
    present: Present,
}

/// How to find out whether something is there when there is no dpkg.
enum Present {
    Program(&'static str),
    PkgConfig(&'static str),
}

const PACKAGES: &[Package] = &[
    Package {
        debian: "build-essential",
        need: Need::Headless,
        what: "a C compiler and make",
        present: Present::Program("cc"),
    },
    Package {
        debian: "pkg-config",
        need: Need::Headless,
        what: "pkg-config",
        present: Present::Program("pkg-config"),
    },
    Package {
        debian: "libssl-dev",
        need: Need::Headless,
        what: "OpenSSL 3 with its headers (SQLCipher)",
        present: Present::PkgConfig("libcrypto"),
    },
    Package {
        debian: "libwebkit2gtk-4.1-dev",
        need: Need::Window,
        what: "WebKitGTK 4.1 with its headers",
        present: Present::PkgConfig("webkit2gtk-4.1"),
    },
    Package {
        debian: "webkit2gtk-driver",
        need: Need::Test,
        what: "WebKitWebDriver",
        present: Present::Program("WebKitWebDriver"),
    },
    Package {
        debian: "xvfb",
        need: Need::Test,
        what: "a virtual X display",
        present: Present::Program("Xvfb"),
    },
    Package { debian: "xauth", need: Need::Test, what: "xauth", present: Present::Program("xauth") },
    Package {
        debian: "dbus",
        need: Need::Test,
        what: "D-Bus",
        present: Present::Program("dbus-run-session"),
    },
    Package {
        debian: "gnome-keyring",
        need: Need::Test,
        what: "a Secret Service",
        present: Present::Program("gnome-keyring-daemon"),
    },
    Package { debian: "chromium", need: Need::Test, what: "Chromium", present: Present::Program("chromium") },
    Package { debian: "python3", need: Need::Test, what: "Python 3", present: Present::Program("python3") },
    Package {
        debian: "python3-venv",
        need: Need::Test,
        what: "Python's venv with pip",
        present: Present::Program("python3"),
    },
];

/// Node.js that Vite and the routes need.
const NODE_AT_LEAST: (u32, u32) = (20, 19);

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.check {
        let missing = missing(arguments.r#for);
        for package in &missing {
            println!("missing: {} ({})", package.what, package.debian);
        }
        node()?;
        return Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    ensure(arguments.r#for)?;
    eprintln!("Everything is there.");
    Ok(ExitCode::SUCCESS)
}

/// Installs what is missing, or says what it is and how to get it.
pub fn ensure(need: Need) -> Result<()> {
    let missing = missing(need);
    if !missing.is_empty() {
        install(&missing)?;
    }
    if need > Need::Headless {
        node()?;
        ui::install_packages()?;
    }
    Ok(())
}

fn missing(need: Need) -> Vec<&'static Package> {
    PACKAGES.iter().filter(|package| package.need <= need && !package.is_there()).collect()
}

impl Package {
    fn is_there(&self) -> bool {
        // The compiler, Python and Chromium may well come from elsewhere than the package; headers and daemons do not.
        let itself = match self.present {
            Present::Program("python3") if self.debian == "python3-venv" => {
                succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
            }
            Present::Program(name) => is_program(name),
            Present::PkgConfig(module) => succeeds(Command::new("pkg-config").args(["--exists", module])),
        };
        // What only another system needs.
        itself || (!cfg!(target_os = "linux") && self.need > Need::Headless)
    }
}

fn is_program(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&folders)
        .chain(["/usr/bin", "/usr/sbin"].map(Into::into))
        .any(|folder| folder.join(&file).is_file())
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn install(missing: &[&Package]) -> Result<()> {
    let list = missing
        .iter()
        .map(|package| format!("  {} ({})", package.what, package.debian))
        .collect::<Vec<_>>()
        .join("\n");
    if !is_program("apt-get") {
        bail!(
            "these are missing (in brackets the name in Debian and Ubuntu); install them with this system's own \
             package manager and run the command again:\n{list}"
        );
    }
    eprintln!("Missing:\n{list}");
    let names: Vec<&str> = missing.iter().map(|package| package.debian).collect();
    let way_out =
        format!("Install them by hand: apt-get install -y --no-install-recommends {}", names.join(" "));
    // A machine that was never updated has no lists; one that was need not be asked again.
    let mut options = vec!["install", "-y", "--no-install-recommends"];
    options.extend(&names);
    let first = apt().and_then(|mut apt| steps::run(apt.args(&options)));
    if first.is_err() {
        steps::run(apt()?.arg("update")).context("the package lists could not be fetched")?;
        steps::run(apt()?.args(&options)).context(way_out.clone())?;
    }
    let still: Vec<&str> =
        missing.iter().filter(|package| !package.is_there()).map(|package| package.what).collect();
    if !still.is_empty() {
        bail!("installed, and yet not found: {}. {way_out}", still.join(", "));
    }
    Ok(())
}

/// `apt-get`, through sudo where the user is not root.
fn apt() -> Result<Command> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut command = if root {
        Command::new("apt-get")
    } else if is_program("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        sudo
    } else {
        bail!("packages are missing, this user is not root, and there is no sudo; install them as root");
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

/// Room on the disk for a first build and all tests, in GiB: what a fresh clone was seen to take, and a third more.
const ROOM_GIB: u64 = 12;

/// Says so before an hour's work, not in the middle of it, when a first build would fill the disk.
///
/// What was built before stands there already, so only a machine without it is asked. A system without `df` is not asked.
pub fn room_to_build() -> Result<()> {
    let target = steps::target_dir();
    if target.join("debug/deps").is_dir() && target.join("simulation/deps").is_dir() {
        return Ok(());
    }
    let somewhere = target.ancestors().find(|folder| folder.is_dir()).unwrap_or(&target);
    let Ok(output) = Command::new("df").arg("-Pk").arg(somewhere).output() else { return Ok(()) };
    match free_gib(&String::from_utf8_lossy(&output.stdout)) {
        Some(free) if free < ROOM_GIB => bail!(
            "the disk has {free} GiB free, and building and testing everything takes up to {ROOM_GIB} GiB. Free some \
             space, or name a folder on another disk in CARGO_TARGET_DIR, and run it again."
        ),
        _ => Ok(()),
    }
}

/// The free space `df -Pk` tells of one file system (POSIX: the fourth column of the second line, in KiB).
fn free_gib(df: &str) -> Option<u64> {
    let kib: u64 = df.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib / (1024 * 1024))
}

/// Node.js and npm, new enough.
fn node() -> Result<()> {
    let (major, minor) = NODE_AT_LEAST;
    let way_out =
        format!("Install Node.js {major}.{minor} or newer with npm (https://nodejs.org) and run it again.");
    let Ok(output) = Command::new("node").arg("--version").output() else {
        bail!("Node.js was not found. {way_out}");
    };
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !new_enough(&version) {
        bail!("Node.js {version} is too old. {way_out}");
    }
    if !succeeds(steps::npm().current_dir(steps::root()).arg("--version")) {
        bail!("npm was not found beside Node.js. {way_out}");
    }
    Ok(())
}

fn new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= NODE_AT_LEAST
}

#[cfg(test)]
mod tests {
    use super::{free_gib, new_enough};

    #[test]
    fn node_versions_are_compared_by_number() {
        for (version, enough) in [
            ("v20.19.0", true),
            ("v20.20.2", true),
            ("v22.1.0", true),
            ("v20.9.0", false),
            ("v18.99.0", false),
            ("", false),
        ] {
            assert_eq!(new_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn free_space_is_read_as_df_tells_it() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 263174212 32505856 13631488 71% /\n";
        assert_eq!(free_gib(df), Some(13));
        assert_eq!(free_gib("Filesystem 1024-blocks\n"), None);
        assert_eq!(free_gib(""), None);
    }
}
