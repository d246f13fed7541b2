//! `vetsync compare` as IT staff call it before going live: exit codes, totals, the list of differences.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use simulator::clinic::export::{self, EhrLine};
use simulator::clinic::{Expected, PairTruth, Rates};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Exports {
    folder: tempfile::TempDir,
    truth: Vec<PairTruth>,
}

impl Exports {
    fn write(rates: &Rates) -> Exports {
        let folder = tempfile::tempdir().unwrap();
        let (mut rows, mut patients, mut truth) = (Vec::new(), Vec::new(), Vec::new());
        export::write(7, 120, rates, EhrLine::Bundle, &mut rows, &mut patients, &mut truth).unwrap();
        std::fs::write(folder.path().join("rows.ndjson"), rows).unwrap();
        std::fs::write(folder.path().join("patients.ndjson"), patients).unwrap();
        let settings = concat!(
            "[[custom_fields]]\nid = \"weight\"\nlabel = \"Weight\"\ncolumn = \"weight\"\n",
            "extension_url = \"https://vetsync.example/fhir/StructureDefinition/weight\"\n",
            "type = \"quantity\"\ndefault_unit = \"kg\"\n"
        );
        std::fs::write(folder.path().join("vetsync.toml"), settings).unwrap();
        let lines = String::from_utf8(truth).unwrap();
        let truth = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Exports { folder, truth }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn compare(&self, further: &[&str]) -> (i32, String, String) {
        let mut arguments = vec!["compare", "--servicenow"];
        let (rows, patients) = (self.path("rows.ndjson"), self.path("patients.ndjson"));
        let (rows, patients) = (rows.to_str().unwrap(), patients.to_str().unwrap());
        arguments.extend([rows, "--ehr", patients]);
        arguments.extend(further);
        vetsync(&arguments)
    }
}

fn vetsync(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vetsync"));
    command.args(arguments).env_remove("VETSYNC_CONFIG");
    let done = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_list_of_differences_is_that_of_the_truth() {
    let exports = Exports::write(&Rates { minor: 300, conflict: 200, ..Rates::calm() });
    let (list, config) = (exports.path("differences.ndjson"), exports.path("vetsync.toml"));
    let (list_text, config_text) = (list.to_str().unwrap(), config.to_str().unwrap());
    let (code, stdout, stderr) =
        exports.compare(&["--json", "--config", config_text, "--differences", list_text]);
    assert_eq!((code, stderr.as_str()), (7, ""));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&report["linked"], &report["equal"].is_u64()), (&Value::from(120), &true));

    let mut expected: Vec<(String, String)> = Vec::new();
    for pair in &exports.truth {
        let known = pair.fields.iter().filter(|field| field.expected != Expected::Equal);
        expected.extend(known.map(|field| (pair.servicenow_key.clone().unwrap(), field.field.clone())));
    }
    let text = |found: &Value, key: &str| found[key].as_str().unwrap().to_owned();
    let mut found: Vec<(String, String)> =
        lines(&list).iter().map(|line| (text(line, "servicenow_key"), text(line, "field"))).collect();
    // A first of the month may be the fill of an unknown day, and is then no difference.
    let rows = lines(&exports.path("rows.ndjson"));
    let filled = |key: &str| {
        let row = rows.iter().find(|row| row["sys_id"] == key).unwrap();
        text(row, "u_date_of_birth").trim().ends_with("-01")
    };
    expected.retain(|known| found.contains(known) || known.1 != "date_of_birth" || !filled(&known.0));
    expected.sort();
    found.sort();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);

    // It holds patient data.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // For people: totals and field names, no values.
    let (code, stdout, _) = exports.compare(&["--config", config_text]);
    assert_eq!(code, 7);
    assert!(stdout.contains("120 pairs") && stdout.contains("TWO PERSONS"), "{stdout}");
    for line in lines(&list).iter().filter(|line| line["field"] == "owner_name") {
        assert!(!stdout.contains(&text(line, "servicenow")), "{stdout}");
    }
}

#[test]
fn equal_exports_end_with_zero() {
    let exports = Exports::write(&Rates::calm());
    let (code, stdout, stderr) = exports.compare(&["--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, stderr.as_str()), (0, ""), "{report:#}");
    assert_eq!((&report["linked"], &report["differing"]), (&Value::from(120), &Value::from(0)));

    // Another identifier system: rows still name their patients; and then nobody names anybody.
    let other = ["--json", "--identifier-system", "https://elsewhere.example/rows"];
    let (_, stdout, _) = exports.compare(&other);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["linked"], 120);
    let rows = std::fs::read_to_string(exports.path("rows.ndjson")).unwrap();
    std::fs::write(exports.path("rows.ndjson"), rows.replace("\"u_ehr_id\"", "\"u_other\"")).unwrap();
    let (code, stdout, _) = exports.compare(&other);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["linked"]), (7, &Value::from(0)));
    assert_eq!(report["servicenow"]["only_here"], 120);
    assert_eq!(report["ehr"]["only_here"], 120);
}

#[test]
fn what_cannot_be_read_is_said() {
    let exports = Exports::write(&Rates::calm());
    let rows = exports.path("rows.ndjson");
    let nowhere = exports.path("nowhere.ndjson");
    let (code, _, stderr) =
        vetsync(&["compare", "--servicenow", rows.to_str().unwrap(), "--ehr", nowhere.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(stderr.contains("nowhere.ndjson"), "{stderr}");

    // A column that no row has is said, and not compared.
    let text = std::fs::read_to_string(&rows).unwrap();
    std::fs::write(&rows, text.replace("\"u_breed\"", "\"u_race\"")).unwrap();
    let (code, stdout, _) = exports.compare(&["--json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert_eq!(report["columns_missing"][0]["field"], "breed");
    let breed = report["fields"].as_array().unwrap().iter().find(|field| field["field"] == "breed").unwrap();
    assert_eq!(breed["not_said"], 120);
}
