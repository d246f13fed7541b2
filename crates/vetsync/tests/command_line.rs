//! The real binary, as people and scripts call it: verbs, exit codes, JSON on standard output.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod program;

use program::{Simulated, config_of, vetsync};
use serde_json::Value;

fn texts<'a>(values: &'a Value, member: &str) -> Vec<&'a str> {
    values.as_array().unwrap().iter().map(|value| value[member].as_str().unwrap()).collect()
}

/// From `simulate` to a decided conflict, then the remotes go away.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one day, told in its order")]
async fn a_day_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let simulated =
        Simulated::start(&["--patients", "80", "--config-out", folder.path().to_str().unwrap()]).await;
    let config = simulated.described["config"].as_str().unwrap().to_owned();
    assert!(std::path::Path::new(simulated.described["ca_file"].as_str().unwrap()).exists());
    assert!(simulated.described["servicenow_url"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    let dana = |arguments: &[&str]| {
        let mut all = vec!["--config", config.as_str(), "--person", "dana", "--json"];
        all.extend(arguments);
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };

    let doctor = vetsync(&dana(&["doctor"])).await;
    assert_eq!(doctor.code, 0, "{doctor:?}");
    assert_eq!(doctor.json()["ok"], true);
    let findings = doctor.json();
    let parts = texts(&findings["findings"], "part");
    for part in ["settings", "secrets", "database", "ServiceNow", "EHR"] {
        assert!(parts.contains(&part), "{part} is looked at: {parts:?}");
    }

    let plan = vetsync(&dana(&["reconcile", "--plan"])).await;
    assert_eq!(plan.code, 7, "conflicts wait for a person: {plan:?}");
    let report = plan.json();
    assert_eq!(report["state"], "done");
    assert_eq!(report["counts"]["writes"], serde_json::json!([0, 0]), "a preview writes nothing");
    assert!(report["counts"]["to_settle"].as_u64().unwrap() > 0);

    let run = vetsync(&dana(&["reconcile"])).await;
    assert_eq!(run.code, 7, "{run:?}");
    let writes =
        run.json()["counts"]["writes"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>();
    assert!(writes > 0);

    let list = vetsync(&dana(&["conflicts", "list"])).await;
    assert_eq!(list.code, 7);
    let items = list.json()["items"].as_array().unwrap().clone();
    // One of grade 3 about one field whose value in ServiceNow can be taken (an unreadable one cannot).
    let mut found = None;
    for item in items {
        if item["cause"] != "fields_differ"
            || item["grade"] != 3
            || item["fields"].as_array().unwrap().len() != 1
        {
            continue;
        }
        let id = item["id"].as_str().unwrap().to_owned();
        let show = vetsync(&dana(&["conflicts", "show", &id])).await;
        assert_eq!((show.code, show.json()["conflict"]["id"].as_str()), (0, Some(id.as_str())));
        let field = show.json()["fields"][0].clone();
        assert_eq!(field["field"], item["fields"][0]);
        if field["choices"].as_array().unwrap().iter().any(|choice| choice == "take_service_now") {
            found = Some((id, field["field"].as_str().unwrap().to_owned()));
            break;
        }
    }
    let (id, field) = found.expect("a conflict of grade 3 about one readable field");
    let id = id.as_str();

    let choice = format!("{field}=servicenow");
    let preview = vetsync(&dana(&["conflicts", "decide", id, &choice, "--plan"])).await;
    assert_eq!((preview.code, preview.json()["status"].as_str()), (0, Some("draft")), "{preview:?}");
    assert_eq!(preview.json()["writes"].as_array().unwrap().len(), 1);
    let decided = vetsync(&dana(&["conflicts", "decide", id, &choice])).await;
    assert_eq!((decided.code, decided.json()["status"].as_str()), (0, Some("done")), "{decided:?}");
    let patient = decided.json()["patientId"].as_str().unwrap().to_owned();
    let after = vetsync(&dana(&["conflicts", "list"])).await.json();
    assert!(!texts(&after["items"], "id").contains(&id));

    let sync = vetsync(&dana(&["sync", "--patient", &patient])).await;
    assert_eq!((sync.code, sync.json()["trusted"].as_bool()), (0, Some(true)), "{sync:?}");
    let name = sync.json()["patient"]["name"].as_str().unwrap().to_owned();
    let found = vetsync(&dana(&["patients", &name])).await;
    assert_eq!(found.code, 0);
    assert!(texts(&found.json()["rows"], "id").contains(&patient.as_str()));

    // The queue is empty, both systems answer; a pause is told to everybody and outlives the program.
    let list = vetsync(&dana(&["queue", "list"])).await;
    assert_eq!((list.code, list.json()["total"].as_u64()), (0, Some(0)), "{list:?}");
    assert_eq!(vetsync(&dana(&["queue", "causes"])).await.json()["causes"], serde_json::json!([]));
    let none = vetsync(&dana(&["queue", "show", "none"])).await;
    assert_eq!((none.code, none.json()["error"]["code"].as_str()), (1, Some("not_found")), "{none:?}");
    for verb in [
        vec!["queue", "retry", "none"],
        vec!["queue", "cancel", "none", "--reason", "a test"],
        vec!["queue", "edit", "none", "breed=Beagle", "--reason", "a test"],
        vec!["remotes", "acknowledge", "none"],
    ] {
        assert_eq!(vetsync(&dana(&verb)).await.code, 1, "{verb:?}: there is none");
    }
    let replay = vetsync(&dana(&["queue", "replay", "none", "--reason", "a test"])).await;
    assert_eq!((replay.code, replay.json()["error"]["code"].as_str()), (2, Some("invalid")), "{replay:?}");
    assert_eq!(vetsync(&dana(&["queue", "edit", "none", "no-equals-sign", "--reason", "x"])).await.code, 2);
    let status = vetsync(&dana(&["remotes", "status"])).await;
    assert_eq!(status.code, 0, "{status:?}");
    let paused = vetsync(&dana(&["remotes", "pause", "ehr", "--reason", "upgrade until noon"])).await;
    assert_eq!((paused.code, paused.json()["health"].as_str()), (0, Some("paused")), "{paused:?}");
    let status = vetsync(&dana(&["remotes", "status"])).await;
    assert_eq!((status.code, status.json()["remotes"][1]["health"].as_str()), (7, Some("paused")));
    let held = vetsync(&dana(&["sync", "--patient", &patient])).await;
    assert_eq!(held.code, 6, "{held:?}");
    assert!(held.stderr.contains("upgrade until noon"), "{held:?}");
    assert_eq!(vetsync(&dana(&["remotes", "try-now", "ehr"])).await.code, 6, "resume it first");
    let resumed = vetsync(&dana(&["remotes", "resume", "ehr"])).await;
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let tried = vetsync(&dana(&["remotes", "try-now", "ehr", "--reason", "a test"])).await;
    assert_eq!((tried.code, tried.json()["health"].as_str()), (0, Some("answering")), "{tried:?}");
    assert_eq!(vetsync(&dana(&["remotes", "incidents"])).await.json()["total"], 0);
    let nothing = vetsync(&dana(&["reconcile", "--continue", "--reason", "a test"])).await;
    assert_eq!(nothing.code, 1, "nothing waits behind the brake: {nothing:?}");
    let people = ["--config", &config, "--person", "robin", "queue", "list"].map(str::to_owned);
    assert_eq!(vetsync(&people).await.code, 8, "the front desk does not see the queue");

    // For people: the same without JSON.
    let table =
        vetsync(&["--config", &config, "--person", "dana", "patients", &name].map(str::to_owned)).await;
    assert!(table.stdout.starts_with("ID") && table.stdout.contains(&patient), "{}", table.stdout);

    // The remotes go away: the cache is still there, doctor says what is wrong, a run fails with its exit code.
    simulated.stop().await;
    let found = vetsync(&dana(&["patients", &name])).await;
    assert_eq!(found.code, 0, "patients are found without a network");
    let doctor = vetsync(&dana(&["doctor"])).await;
    assert_eq!((doctor.code, doctor.json()["ok"].as_bool()), (6, Some(false)));
    let findings = doctor.json();
    let wrong: Vec<&Value> = findings["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["state"] == "wrong")
        .collect();
    assert_eq!(wrong.len(), 2, "{findings}");
    assert!(wrong.iter().all(|finding| !finding["way_out"].as_str().unwrap().is_empty()));
    let sync = vetsync(&dana(&["sync", "--patient", &patient])).await;
    assert_eq!((sync.code, sync.json()["error"]["code"].as_str()), (6, Some("offline")), "{sync:?}");
    assert!(sync.stderr.contains("vetsync: "), "and people read it, too");
}

/// An EHR behind a MID Server: the doctor goes the whole way through it, and says what is wrong with it; so does
/// `remotes status`.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_the_mid_server_and_through_it() {
    for (how, code) in [("up", 0), ("down", 6)] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap().to_owned();
        let simulated =
            Simulated::start(&["--patients", "5", "--config-out", &out, "--mid-server", how]).await;
        let config = folder.path().join("vetsync.toml").to_str().unwrap().to_owned();
        let asked = |arguments: &[&str]| {
            let mut all = vec!["--json", "--config", config.as_str(), "--person", "dana"];
            all.extend(arguments);
            all.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let doctor = vetsync(&asked(&["doctor"])).await;
        assert_eq!(doctor.code, code, "{how}: {doctor:?}");
        let findings = doctor.json()["findings"].as_array().unwrap().clone();
        let of = |part: &str, state: &str| {
            let found = findings.iter().find(|one| one["part"] == part && one["state"] == state);
            found.and_then(|one| one["what"].as_str()).unwrap_or_default().to_owned()
        };
        let status = vetsync(&asked(&["remotes", "status"])).await;
        let mid = status.json()["midServer"].clone();
        if how == "up" {
            assert!(of("MID Server", "well").contains("carries requests to the EHR"), "{findings:?}");
            assert!(of("EHR", "well").contains("answers in"), "{findings:?}");
            assert!(of("EHR", "warning").contains("chooses the TLS version itself"), "{findings:?}");
        } else {
            assert!(of("MID Server", "wrong").contains("is Down"), "{findings:?}");
            assert!(of("EHR", "wrong").contains("is Down"), "{findings:?}");
        }
        assert_eq!(
            (status.code, mid["state"].as_str()),
            (code, Some(if how == "up" { "up" } else { "not_up" })),
            "{status:?}"
        );
        assert_eq!(mid["carries"], true);
        simulated.stop().await;
    }
}

/// What is wrong has an exit code of its own, and words with a way out.
#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_what_kind_of_thing_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let remotes =
        simulator::Simulation::start(simulator::Options { patients: 3, ..simulator::Options::default() })
            .await
            .unwrap();
    let config = config_of(&remotes, folder.path()).await;
    let config = config.to_str().unwrap();
    let elsewhere = folder.path().join("none.toml");
    let cases: &[(&str, u8, &[&str])] = &[
        ("no such verb", 2, &["--config", config, "frobnicate"]),
        ("a clinic without animals", 2, &["simulate", "--patients", "0"]),
        ("no settings", 3, &["--config", elsewhere.to_str().unwrap(), "--person", "dana", "patients", "x"]),
        ("nobody known", 3, &["--config", config, "--person", "nobody", "patients", "x"]),
        ("unknown secret", 2, &["--config", config, "secret", "remove", "no.such"]),
        ("role", 8, &["--config", config, "--person", "ines", "reconcile"]),
        ("role on the work list", 8, &["--config", config, "--person", "ines", "conflicts", "list"]),
        ("no such conflict", 1, &["--config", config, "--person", "dana", "conflicts", "show", "none"]),
        (
            "a choice that is none",
            2,
            &["--config", config, "--person", "dana", "conflicts", "decide", "none", "owner_phone"],
        ),
    ];
    for (name, code, arguments) in cases {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let outcome = vetsync(&arguments).await;
        assert_eq!(outcome.code, i32::from(*code), "{name}: {outcome:?}");
        assert!(!outcome.stderr.trim().is_empty(), "{name}");
        let json: Vec<String> = std::iter::once("--json".to_owned()).chain(arguments).collect();
        let outcome = vetsync(&json).await;
        // What the command line itself refuses it says in words alone.
        if !["no such verb", "a clinic without animals"].contains(name) {
            let error = &outcome.json()["error"];
            assert!(!error["message"].as_str().unwrap().is_empty(), "{name}: {outcome:?}");
            assert!(!error["wayOut"].as_str().unwrap().is_empty(), "{name}: {outcome:?}");
        }
    }

    // Secrets: which are needed and stored, never what they are.
    let list = vetsync(&["--json", "--config", config, "secret", "list"].map(str::to_owned)).await;
    assert_eq!(list.code, 0);
    let secrets = list.json()["secrets"].as_array().unwrap().clone();
    assert!(secrets.iter().any(|secret| secret["name"] == "ehr.private_key"
        && secret["needed"] == true
        && secret["stored"] == true));
    assert!(!list.stdout.contains("PRIVATE KEY-----"));
    let removed =
        vetsync(&["--config", config, "secret", "remove", "ehr.private_key"].map(str::to_owned)).await;
    assert_eq!(removed.code, 0);
    let missing =
        vetsync(&["--json", "--config", config, "--person", "dana", "patients", "x"].map(str::to_owned))
            .await;
    assert_eq!(missing.code, 4, "{missing:?}");
    assert!(
        missing.json()["error"]["wayOut"].as_str().unwrap().contains("vetsync secret set ehr.private_key")
    );
    let key = folder.path().join("key.pem");
    std::fs::write(&key, &remotes.credentials.ehr.es384_private_key_pem).unwrap();
    let set = vetsync(
        &["--config", config, "secret", "set", "ehr.private_key", "--file", key.to_str().unwrap()]
            .map(str::to_owned),
    )
    .await;
    assert_eq!(set.code, 0, "{set:?}");
    let again = vetsync(
        &["--json", "--config", config, "--person", "dana", "reconcile", "--plan"].map(str::to_owned),
    )
    .await;
    assert!(matches!(again.code, 0 | 7), "{again:?}");
    remotes.stop().await;
}

/// A second person is not one environment variable away.
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_makes_nobody_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let remotes =
        simulator::Simulation::start(simulator::Options { patients: 3, ..simulator::Options::default() })
            .await
            .unwrap();
    let config = config_of(&remotes, folder.path()).await;
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text
        .replace("sample_data = true", "sample_data = false")
        .replace("id = \"alex\"", "id = \"alex\"\nos_user = \"alex.kim.elsewhere\"");
    std::fs::write(&config, text).unwrap();
    let arguments = ["--json", "--config", config.to_str().unwrap(), "patients", "x"].map(str::to_owned);
    let cases = [
        ("somebody without an account", 0, vec![("VETSYNC_PERSON", "dana")]),
        ("nobody in particular", 3, vec![]),
        (
            "another's account by its name",
            3,
            vec![("USER", "alex.kim.elsewhere"), ("LOGNAME", "alex.kim.elsewhere")],
        ),
        ("another by id", 8, vec![("VETSYNC_PERSON", "alex")]),
        ("both", 8, vec![("USER", "alex.kim.elsewhere"), ("VETSYNC_PERSON", "alex")]),
        ("calling it a demo", 8, vec![("VETSYNC_DEMO", "1"), ("VETSYNC_PERSON", "alex")]),
    ];
    for (name, code, variables) in cases {
        let mut command = program::command(&arguments);
        command.envs(variables);
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
    }
    remotes.stop().await;
}

/// A process that is killed in the middle of a create, for real: the next one makes no second record.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_makes_no_double() {
    use simulator::{Fault, PlannedFault};
    let folder = tempfile::tempdir().unwrap();
    let remotes = simulator::Simulation::start(simulator::Options {
        patients: 3,
        rates: simulator::clinic::Rates::calm(),
        ..simulator::Options::default()
    })
    .await
    .unwrap();
    let config = config_of(&remotes, folder.path()).await;
    let arguments =
        ["--config", config.to_str().unwrap(), "--person", "dana", "--json", "reconcile"].map(str::to_owned);
    let row = remotes
        .control
        .servicenow
        .insert_row(
            "u_patient_record",
            &[
                ("u_patient_name", "Quillfeather"),
                ("u_species", "Dog"),
                ("u_owner_name", "Zebulon Quackenbush"),
                ("u_owner_phone", "4155550142"),
            ],
            "front.desk",
        )
        .unwrap();
    // The EHR carries the create out and takes its time to say so; meanwhile the process is killed.
    remotes
        .control
        .ehr
        .faults
        .add(PlannedFault::once(Fault::Delay { ms: 20_000 }).method("POST").path("/patients"));
    let mut child = program::command(&arguments).spawn().unwrap();
    program::eventually("the create to be carried out", || remotes.control.ehr.patient_count() == 4).await;
    child.kill().await.unwrap();

    let second = vetsync(&arguments).await;
    assert_eq!(second.code, 0, "{second:?}");
    assert_eq!(remotes.control.ehr.patient_count(), 4, "one record, not two");
    let ids = remotes.control.ehr.ids();
    let known = remotes.control.servicenow.row("u_patient_record", &row).unwrap()["u_ehr_id"].clone();
    assert!(ids.contains(&known), "and the row knows it");
    remotes.stop().await;
}
