//! Invariants about what stands where in the sources (ARCHITECTURE.md, "Invariants" 2 to 8).

use architecture::manifests::packages;
use architecture::sources::{Source, product_sources};
use architecture::{files_below, report, root, shown};
use std::fs;

/// Most lines of a file under `crates/*/src`.
const MOST_LINES: usize = 900;

/// Every file of the product with the name of its package.
fn product() -> Vec<(String, Source)> {
    let mut all = Vec::new();
    for package in packages().values() {
        let folder = if package.name == "vetsync-console" {
            root().join("src-tauri")
        } else {
            package.folder.join("src")
        };
        let in_product =
            package.folder.starts_with(root().join("crates")) || package.name == "vetsync-console";
        if in_product {
            let sources = product_sources(&folder)
                .into_iter()
                .filter(|source| !shown(&source.path).contains("/tests/"));
            all.extend(sources.map(|source| (package.name.clone(), source)));
        }
    }
    assert!(all.len() > 30, "the sources were not read");
    all
}

/// `file:line: code` of every line of code that contains one of these.
fn places(source: &Source, wanted: &[&str]) -> Vec<String> {
    let found =
        source.code.iter().enumerate().filter(|(_, line)| wanted.iter().any(|word| line.contains(word)));
    found.map(|(at, line)| format!("{}:{}: {}", shown(&source.path), at + 1, line.trim())).collect()
}

fn stem(source: &Source) -> &str {
    source.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

#[test]
fn only_store_contains_sql() {
    // The beginning of a statement, followed by what only SQL has there.
    let statements: [(&str, &str); 9] = [
        ("SELECT ", " FROM "),
        ("INSERT INTO ", ""),
        ("INSERT OR ", ""),
        ("UPDATE ", " SET "),
        ("DELETE FROM ", ""),
        ("CREATE TABLE ", ""),
        ("CREATE INDEX ", ""),
        ("PRAGMA ", ""),
        ("BEGIN IMMEDIATE", ""),
    ];
    let mut wrong = Vec::new();
    for (package, source) in product().iter().filter(|(package, _)| package != "store") {
        for (line, text) in &source.texts {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
            if statements.iter().any(|(begin, then)| words.starts_with(begin) && words.contains(then)) {
                wrong.push(format!("{package}: {}:{}", shown(&source.path), line + 1));
            }
        }
    }
    let way_out = "Add a method to store and call it.";
    assert!(wrong.is_empty(), "{}", report("Invariant 2: only store contains SQL:", &wrong, way_out));
}

/// A bare parameter there makes SQLite prepare the statement again whenever it is run (`store/src/sqlite.rs`).
#[test]
fn a_limit_is_no_bare_parameter() {
    let mut wrong = Vec::new();
    let mut limits = 0;
    for (_, source) in product().iter().filter(|(package, _)| package == "store") {
        for (line, text) in &source.texts {
            limits += text.matches("LIMIT (?").count();
            if text.contains("LIMIT ?") {
                wrong.push(format!("{}:{}", shown(&source.path), line + 1));
            }
        }
    }
    assert!(limits > 20, "the statements were not read: {limits}");
    assert!(wrong.is_empty(), "{}", report("A bare parameter after LIMIT:", &wrong, "Write `(?1 + 0)`."));
}

/// What weakens the database's file is for tests and simulations: the store has it behind a feature, the product nowhere.
#[test]
fn the_product_weakens_no_file() {
    let wrong: Vec<String> = product()
        .iter()
        .filter(|(package, _)| package != "store")
        .flat_map(|(_, source)| places(source, &["unauthenticated", "weaken"]))
        .collect();
    assert!(wrong.is_empty(), "{}", report("A weaker file in the product:", &wrong, "Leave the default."));
}

#[test]
fn only_the_executor_writes_to_a_remote() {
    // The driver of the engine's steps: it sends the requests that the outbox executor asks for.
    let executors = ["crates/engine/src/drive.rs", "crates/engine/src/execute.rs"];
    // Measures what the engine adds to the clients alone, on simulated remotes that it starts itself.
    let measures = "crates/vetsync/src/bench/sync.rs";
    let mut wrong = Vec::new();
    let mut callers = 0;
    for (package, source) in
        product().iter().filter(|(package, _)| !["remote", "simulator"].contains(&package.as_str()))
    {
        if shown(&source.path) == measures {
            continue;
        }
        let code = source.code.join("\n");
        for (at, _) in code.match_indices(".write(") {
            let rest = code.get(at + ".write(".len()..).unwrap_or_default();
            // A lock is written to without an argument; a buffer without waiting.
            let argument_ends = rest.find(')').unwrap_or(0);
            let awaited =
                rest.get(argument_ends + 1..).is_some_and(|after| after.trim_start().starts_with(".await"));
            if argument_ends > 0 && awaited {
                callers += 1;
                let line = code.get(..at).map_or(0, |before| before.matches('\n').count()) + 1;
                let file = shown(&source.path);
                if !executors.contains(&file.as_str()) {
                    wrong.push(format!("{package}: {file}:{line}"));
                }
            }
        }
    }
    let way_out = "Put an operation into the outbox instead.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 3: only the outbox executor writes to a remote:", &wrong, way_out)
    );
    assert_eq!(callers, 1, "exactly one place calls RemoteApi::write");
}

#[test]
fn time_ids_and_randomness_come_in_as_values() {
    let banned = [
        "Utc::now",
        "Local::now",
        "SystemTime::now",
        "Uuid::now_v7",
        "Uuid::new_v4",
        "rand::rng(",
        "thread_rng",
        "from_os_rng",
    ];
    let mut wrong = Vec::new();
    for (package, source) in product() {
        // Where the values come from: the clocks, and the edge that hands them in.
        let allowed = stem(&source) == "clock"
            || ["agent", "vetsync", "simulator", "secrets"].contains(&package.as_str());
        if !allowed {
            wrong.extend(places(&source, &banned));
        }
    }
    let way_out = "Take a Clock, Ids or Rng value as a parameter.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 4: time, ids and randomness come in as values:", &wrong, way_out)
    );
}

#[test]
fn the_core_knows_no_clock_no_files_and_no_threads() {
    let banned = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::thread",
        "std::time::Instant",
        "Instant::now",
        "async fn",
        ".await",
    ];
    let mut wrong = Vec::new();
    for (package, source) in product() {
        if ["record", "mapping", "reconcile", "report"].contains(&package.as_str()) {
            wrong.extend(places(&source, &banned));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 1: the core is pure:", &wrong, "Take the value as a parameter.")
    );
}

#[test]
fn domain_types_stop_at_the_console_api() {
    // What the TypeScript is generated from stands in one file, and that file knows no other crate of ours.
    let mut wrong = Vec::new();
    for (package, source) in product() {
        let is_dto = package == "console-api" && shown(&source.path).contains("/dto");
        if is_dto {
            wrong.extend(places(
                &source,
                &["record::", "mapping::", "reconcile::", "store::", "engine::", "remote::"],
            ));
        } else {
            wrong.extend(places(&source, &["derive(TS", ", TS)", " TS,", "ts_rs::TS"]));
        }
    }
    let way_out = "Give it a DTO of its own in console-api, and convert.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 5: domain types are not serialised to the UI:", &wrong, way_out)
    );
}

#[test]
fn permissions_are_checked_in_console_api_alone() {
    let mut wrong = Vec::new();
    for (package, source) in product().iter().filter(|(package, _)| package != "console-api") {
        wrong
            .extend(places(source, &["Capability::"]).into_iter().map(|place| format!("{package}: {place}")));
    }
    let way_out = "Send the command through the Console; it checks the permission for every host alike.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 6: permissions are checked in console-api, once:", &wrong, way_out)
    );
}

#[test]
fn logs_carry_no_values() {
    // Fields whose name says that a value, a token or a body is logged.
    let named = [
        "body",
        "token",
        "secret",
        "password",
        "assertion",
        "payload",
        "raw",
        "value",
        "owner",
        "phone",
        "email",
        "patient_name",
        "owner_name",
    ];
    let mut wrong = Vec::new();
    for (package, source) in product() {
        let code = source.code.join("\n");
        for level in ["trace!", "debug!", "info!", "warn!", "error!"] {
            for (at, _) in code.match_indices(&format!("tracing::{level}(")) {
                let call = code.get(at..).and_then(|rest| rest.split(");").next()).unwrap_or_default();
                let words = |c: char| !(c.is_alphanumeric() || c == '_');
                if let Some(word) = call.split(words).find(|word| named.contains(word)) {
                    let line = code.get(..at).map_or(0, |before| before.matches('\n').count()) + 1;
                    wrong.push(format!("{}:{line}: {word}", shown(&source.path)));
                }
                // A remote's message may repeat what was sent to it; whoever meets such errors logs their case alone.
                let meets_remotes = ["remote", "engine", "agent"].contains(&package.as_str());
                let says_all =
                    ["= %error", "(%error", " %error", "= ?error", " ?error", "= %second", ".to_string()"];
                if meets_remotes
                    && !call.contains(".log_words()")
                    && says_all.iter().any(|way| call.contains(way))
                {
                    let line = code.get(..at).map_or(0, |before| before.matches('\n').count()) + 1;
                    wrong.push(format!(
                        "{}:{line}: a whole error (log_words() says its case)",
                        shown(&source.path)
                    ));
                }
            }
        }
    }
    let way_out = "Log the id of the record and the field's name.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 7: logs carry ids and field names, never values:", &wrong, way_out)
    );
}

#[test]
fn the_engine_steps_and_only_its_driver_waits() {
    let mut wrong = Vec::new();
    for (package, source) in product() {
        let driver = shown(&source.path).starts_with("crates/engine/src/drive");
        if package == "engine" && !driver {
            wrong.extend(places(
                &source,
                &["tokio::spawn", "thread::spawn", "sleep(", "Instant::now", "tokio::time", "tokio::select"],
            ));
        }
    }
    let way_out = "Return an effect (a request, a time to be woken) and let the driver carry it out.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 8: nothing in the engine spawns, sleeps or waits by itself:", &wrong, way_out)
    );
}

#[test]
fn library_code_does_not_give_up() {
    let banned = [
        ".unwrap()",
        "todo!(",
        "unimplemented!(",
        "unsafe ",
        "unsafe{",
        "clippy::unwrap_used",
        "clippy::expect_used",
        "clippy::panic",
        "allow(unsafe_code",
        "allow(dead_code",
        "allow(unused",
    ];
    let wrong: Vec<String> = product().iter().flat_map(|(_, source)| places(source, &banned)).collect();
    assert!(
        wrong.is_empty(),
        "{}",
        report("Library code returns errors:", &wrong, "Return a typed error with its way out.")
    );
}

#[test]
fn no_file_grows_beyond_reading() {
    let mut wrong = Vec::new();
    for (_, source) in product() {
        if source.lines > MOST_LINES {
            wrong.push(format!("{}: {} lines", shown(&source.path), source.lines));
        }
    }
    let way_out = "Split it by subject.";
    assert!(
        wrong.is_empty(),
        "{}",
        report(&format!("No file has more than {MOST_LINES} lines:"), &wrong, way_out)
    );
}

#[test]
fn in_the_ui_only_the_host_folder_knows_tauri() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files_below(&root().join("ui/src")) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        seen += 1;
        if text.contains("@tauri-apps") && !file.starts_with(root().join("ui/src/host")) {
            wrong.push(shown(&file));
        }
    }
    assert!(seen > 10, "the UI was not read");
    let way_out = "Go through the Host interface.";
    assert!(
        wrong.is_empty(),
        "{}",
        report("Invariant 2: in ui/, only ui/src/host/ knows Tauri:", &wrong, way_out)
    );
}
