//! Invariants about who depends on whom (ARCHITECTURE.md, "Invariants" 1 to 3).

use architecture::manifests::{Package, closure, packages};
use architecture::report;
use std::collections::{BTreeMap, BTreeSet};

/// Members that each package may depend on. A package that is not listed may depend on none.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("mapping", &["record"]),
    ("reconcile", &["record"]),
    ("settings", &["record"]),
    ("store", &["record", "reconcile"]),
    ("remote", &["record"]),
    ("engine", &["record", "mapping", "reconcile", "store", "remote"]),
    ("receiver", &["record", "secrets", "engine"]),
    ("console-api", &["record", "mapping", "reconcile", "report", "store", "remote", "engine"]),
    (
        "agent",
        &[
            "record",
            "mapping",
            "reconcile",
            "settings",
            "secrets",
            "store",
            "remote",
            "engine",
            "receiver",
            "console-api",
        ],
    ),
    (
        "vetsync",
        &[
            "record",
            "mapping",
            "reconcile",
            "report",
            "settings",
            "secrets",
            "store",
            "remote",
            "engine",
            "receiver",
            "console-api",
            "agent",
            "simulator",
        ],
    ),
    ("vetsync-console", &["agent", "console-api"]),
    // Nothing of the clients: it must not share their mistakes.
    ("simulator", &["record", "mapping"]),
];

/// Packages that test the product from outside and are no part of it.
const TESTS: &[&str] = &["journeys", "simulation", "architecture", "desktop", "fuzz", "xtask"];

/// Libraries and the only members that may name them, with the reason.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["store"], "2: only store contains SQL"),
    ("libsqlite3-sys", &["store"], "2: only store contains SQL"),
    ("reqwest", &["remote"], "2: only remote speaks HTTP to a remote"),
    ("oauth2", &["remote"], "2: only remote speaks HTTP to a remote"),
    ("tauri", &["vetsync-console"], "2: only src-tauri knows Tauri"),
    ("tauri-plugin-single-instance", &["vetsync-console"], "2: only src-tauri knows Tauri"),
    (
        "axum",
        &["receiver", "agent", "vetsync", "simulator"],
        "only receiver, agent, vetsync and simulator listen",
    ),
    ("keyring-core", &["secrets"], "only secrets knows the keyring"),
    ("pdf-writer", &["report"], "only report writes documents"),
    ("rust_xlsxwriter", &["report"], "only report writes documents"),
];

/// What a pure package must not even depend on through others.
const IMPURE: &[&str] = &[
    "tokio",
    "async-trait",
    "sqlx",
    "sqlx-core",
    "sqlx-sqlite",
    "libsqlite3-sys",
    "reqwest",
    "hyper",
    "axum",
    "oauth2",
    "rustls",
    "tauri",
    "keyring-core",
    "uuid",
    "ureq",
    "async-std",
    "smol",
    "mio",
    "socket2",
];

fn members_of(package: &Package, all: &BTreeMap<String, Package>) -> BTreeSet<String> {
    package.dependencies.iter().filter(|name| all.contains_key(*name)).cloned().collect()
}

#[test]
fn dependencies_point_one_way() {
    let all = packages();
    assert!(all.len() > 12, "the workspace was not read: {:?}", all.keys());
    let mut wrong = Vec::new();
    for package in all.values().filter(|package| !TESTS.contains(&package.name.as_str())) {
        let allowed = MAY_DEPEND_ON
            .iter()
            .find(|(name, _)| *name == package.name)
            .map_or(&[][..], |(_, allowed)| allowed);
        for member in members_of(package, &all).iter().filter(|member| !allowed.contains(&member.as_str())) {
            wrong.push(format!("{} depends on {member}", package.name));
        }
    }
    let way_out = "Move the code to the side that may know both, or pass a value in.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Dependencies point one way (design.md, \"Layout\"):", &wrong, way_out)
    );
}

#[test]
fn the_core_is_pure() {
    let all = packages();
    let mut wrong = Vec::new();
    for name in ["record", "mapping", "reconcile", "report"] {
        let package = all.get(name).expect(name);
        let reached = closure(package, &all);
        wrong.extend(
            IMPURE
                .iter()
                .filter(|impure| reached.contains(**impure))
                .map(|impure| format!("{name} reaches {impure}")),
        );
    }
    let way_out = "Take the value as a parameter and leave the doing to engine, store or remote.";
    assert!(
        wrong.is_empty(),
        "{}",
        report(
            "Invariant 1: record, mapping and reconcile do no IO, know no clock, no async, no database, no HTTP:",
            &wrong,
            way_out
        )
    );
}

#[test]
fn libraries_stay_in_their_package() {
    let all = packages();
    let mut wrong = Vec::new();
    for (library, only, reason) in ONLY_IN {
        for package in all.values() {
            let test_only = TESTS.contains(&package.name.as_str());
            if package.dependencies.contains(*library) && !only.contains(&package.name.as_str()) && !test_only
            {
                wrong.push(format!("{} names {library} (invariant {reason})", package.name));
            }
        }
        assert!(
            only.iter()
                .any(|name| all.get(*name).is_some_and(|package| package.dependencies.contains(*library))),
            "nobody names {library} any more; take it out of this test"
        );
    }
    assert!(
        wrong.is_empty(),
        "{}",
        report("A library left its package:", &wrong, "Call the package that owns it instead.")
    );
}

#[test]
fn the_simulator_shares_nothing_with_the_clients() {
    let all = packages();
    let reached = closure(all.get("simulator").expect("simulator"), &all);
    for foreign in ["remote", "engine", "store", "reconcile", "agent", "settings", "reqwest", "oauth2"] {
        assert!(
            !reached.contains(foreign),
            "the simulator reaches {foreign}: it would share the clients' mistakes"
        );
    }
}

#[test]
fn the_engine_is_tested_without_a_window() {
    let all = packages();
    for name in ["engine", "console-api", "agent", "vetsync", "journeys", "simulator"] {
        let reached = closure(all.get(name).expect(name), &all);
        for window in ["tauri", "wry", "webkit2gtk", "gtk"] {
            assert!(
                !reached.contains(window),
                "{name} reaches {window}, and cannot be built without a desktop any more"
            );
        }
    }
}

#[test]
fn every_package_takes_the_workspaces_lints_and_edition() {
    let mut wrong = Vec::new();
    for package in packages().values() {
        let inherits = |table: &str, key: &str| {
            let value = package.manifest.get(table).and_then(|table| table.get(key));
            let own = value.and_then(|value| value.get("workspace")).or(value.filter(|_| key == "workspace"));
            own.and_then(toml::Value::as_bool) == Some(true)
        };
        for (table, key) in [
            ("lints", "workspace"),
            ("package", "edition"),
            ("package", "license"),
            ("package", "rust-version"),
        ] {
            if !inherits(table, key) {
                wrong.push(format!("{}: [{table}] {key}", package.name));
            }
        }
    }
    let way_out = "Write `key.workspace = true`, and `workspace = true` under [lints].";
    assert!(wrong.is_empty(), "{}", report("Every package inherits from the workspace:", &wrong, way_out));
}
