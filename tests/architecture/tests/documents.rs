//! The documents name what exists, and no file names the machine that it was written on.

use architecture::manifests::packages;
use architecture::{report, root};
use std::{fs, process::Command};

#[test]
fn the_architecture_document_names_every_package() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap_or_default();
    let missing: Vec<String> = packages()
        .values()
        .filter(|package| package.name != "vetsync-console")
        .map(|package| package.folder.strip_prefix(root()).unwrap_or(&package.folder).display().to_string())
        .filter(|folder| !text.contains(folder.as_str()))
        .collect();
    let way_out = "Add it to the code map, in dependency order.";
    assert!(missing.is_empty(), "{}", report("ARCHITECTURE.md does not name:", &missing, way_out));
    assert!(text.contains("src-tauri"), "ARCHITECTURE.md does not name src-tauri");
}

#[test]
fn the_readme_names_the_commands() {
    let text = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    for command in [
        "cargo xtask demo",
        "cargo xtask test",
        "vetsync secret set",
        "vetsync doctor",
        "docs/vetsync.sample.toml",
    ] {
        assert!(text.contains(command), "README.md does not name `{command}`");
    }
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "this is no git repository");
    // Put together here, so that this file does not find itself.
    let places = ["root", "home", "work/main", "work/shared", "work/t"].map(|place| format!("/{place}/"));
    let mut wrong = Vec::new();
    for name in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        for (at, line) in text.lines().enumerate() {
            // `../features/home/x` is a path within the repository.
            let begins_there = |place: &String| {
                line.match_indices(place.as_str()).any(|(at, _)| {
                    let before = line.get(..at).and_then(|before| before.chars().next_back());
                    !before.is_some_and(|before| before.is_alphanumeric() || "._-$~".contains(before))
                })
            };
            if places.iter().any(begins_there) {
                wrong.push(format!("{name}:{}", at + 1));
            }
        }
    }
    let way_out = "Write a path relative to the repository, or read it from the environment.";
    assert!(wrong.is_empty(), "{}", report("Paths of one machine:", &wrong, way_out));
}

#[test]
fn the_versions_of_the_package_and_the_window_agree() {
    let conf = fs::read_to_string(root().join("tauri.conf.json")).expect("tauri.conf.json");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).expect("a version");
    assert!(
        conf.contains(&format!("\"version\": {version}")),
        "tauri.conf.json has another version than {version}"
    );
}

#[test]
fn the_build_server_runs_the_same_command() {
    let script = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    assert!(script.contains("set -euo pipefail") && script.contains("exec cargo xtask test"), "{script}");
}
