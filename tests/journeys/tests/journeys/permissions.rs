//! Every command for every role. What is not listed here as allowed is refused.

use console_api::dto::{ErrorCode, Session};
use journeys::World;
use serde_json::{Value, json};

/// A command, who may, and a request.
type Entry = (&'static str, &'static str, fn() -> Value);

/// Columns: front desk, clinician, IT, admin, auditor. `y`: the permission is there (the command may still fail for
/// another reason, like an id that does not exist); `-`: refused.
const TABLE: &[Entry] = &[
    ("session.get", "yyyyy", || json!({})),
    ("home.get", "yyyyy", || json!({})),
    ("run.start", "---y-", || json!({ "patientId": null, "planOnly": true })),
    ("run.start", "yy-y-", || json!({ "patientId": "none", "planOnly": true })),
    ("run.stop", "---y-", || json!({ "id": "none" })),
    ("patients.search", "yyyyy", || json!({ "query": "", "status": null, "offset": 0, "limit": 1 })),
    ("patients.get", "yyyyy", || json!({ "id": "none" })),
    ("patients.verify", "yyyy-", || json!({ "id": "none" })),
    ("patients.raw", "-yyy-", || json!({ "id": "none" })),
    (
        "appointments.list",
        "yyyyy",
        || json!({ "status": null, "from": null, "until": null, "clinician": null, "offset": 0, "limit": 1 }),
    ),
    ("appointments.get", "yyyyy", || json!({ "id": "none" })),
    ("appointments.calendar", "yyyyy", || json!({ "day": null, "span": "day", "clinician": null })),
    ("appointments.export", "yyyyy", || json!({ "day": null, "span": "week", "clinician": null })),
    ("appointments.news", "yyyyy", || json!({})),
    ("appointments.news_seen", "yyyyy", || json!({ "untilMs": 0 })),
    (
        "treatments.list",
        "yyyyy",
        || json!({ "status": null, "from": null, "until": null, "clinician": null, "offset": 0, "limit": 1 }),
    ),
    ("treatments.get", "yyyyy", || json!({ "id": "none" })),
    (
        "conflicts.list",
        "yyyy-",
        || json!({ "text": "", "grade": null, "field": null, "cause": null, "status": null, "offset": 0, "limit": 1 }),
    ),
    ("conflicts.get", "yyyy-", || json!({ "id": "none" })),
    ("conflicts.claim", "yy-y-", || json!({ "id": "none", "claim": true })),
    ("conflicts.snooze", "yy-y-", || json!({ "id": "none", "untilMs": 1, "reason": "later" })),
    ("conflicts.seen", "yy-y-", || json!({ "id": "none", "reason": "looked" })),
    ("conflicts.draft", "yy-y-", || json!({ "id": "none", "choices": [] })),
    (
        "conflicts.answer",
        "y--y-",
        || json!({ "conflictId": "none", "candidatePatientId": null, "answer": "different", "reason": "seen both" }),
    ),
    (
        "duplicates.list",
        "yyyy-",
        || json!({ "text": "", "tier": null, "state": null, "offset": 0, "limit": 1 }),
    ),
    ("duplicates.get", "yyyy-", || json!({ "id": "none" })),
    ("duplicates.between", "yyyy-", || json!({ "patientId": "none", "otherPatientId": "none" })),
    ("duplicates.link", "y--y-", || json!({ "id": "none", "reason": "seen both" })),
    ("duplicates.distinct", "y--y-", || json!({ "id": "none", "reason": "seen both" })),
    ("duplicates.later", "y--y-", || json!({ "id": "none", "untilMs": 1, "reason": "not now" })),
    ("values.validate", "yyyyy", || json!({ "field": "species", "text": "dog" })),
    (
        "plans.make",
        "yy-y-",
        || json!({ "conflictId": "none", "fingerprint": "", "choices": [], "reason": null }),
    ),
    ("plans.get", "yyyy-", || json!({ "id": "none" })),
    // IT: corrections of refused writes only, which the plan says.
    ("plans.approve", "yyyy-", || json!({ "planId": "none", "hash": "", "reason": null })),
    ("plans.refuse", "yyyy-", || json!({ "planId": "none", "reason": "no" })),
    ("plans.undo", "yy-y-", || json!({ "id": "none" })),
    ("runs.list", "yyyyy", || json!({ "limit": 9 })),
    ("reports.get", "--yyy", || json!({ "runId": null, "from": null, "to": null, "span": "week" })),
    (
        "reports.export",
        "--yyy",
        || json!({ "report": { "runId": null, "from": null, "to": null, "span": null }, "format": "csv" }),
    ),
    ("schedule.get", "yyyyy", || json!({})),
    ("run.get", "yyyyy", || json!({ "id": "none" })),
    ("run.braked", "yyyy-", || json!({})),
    ("run.continue", "---y-", || json!({ "hash": "none", "reason": "a test" })),
    (
        "queue.list",
        "--yy-",
        || json!({ "states": [], "remote": null, "cause": null, "patientId": null, "offset": 0, "limit": 9 }),
    ),
    ("queue.show", "--yy-", || json!({ "id": "none" })),
    ("queue.causes", "--yy-", || json!({})),
    ("queue.retry", "--yy-", || json!({ "id": "none", "reason": null })),
    ("queue.replay", "--yy-", || json!({ "cause": "none", "reason": "mended" })),
    ("queue.edit", "--yy-", || json!({ "id": "none", "values": [], "reason": "typing error" })),
    ("queue.cancel", "--yy-", || json!({ "id": "none", "reason": "not wanted" })),
    ("remotes.status", "--yy-", || json!({})),
    ("remotes.pause", "--yy-", || json!({ "remote": "ehr", "reason": "upgrade" })),
    ("remotes.resume", "--yy-", || json!({ "remote": "ehr", "reason": null })),
    ("remotes.try_now", "--yy-", || json!({ "remote": "ehr", "reason": null })),
    ("incidents.list", "--yy-", || json!({ "openOnly": false, "offset": 0, "limit": 9 })),
    ("incidents.acknowledge", "--yy-", || json!({ "id": "none" })),
    (
        "quarantine.list",
        "--yy-",
        || json!({ "status": null, "remote": null, "cause": null, "offset": 0, "limit": 9 }),
    ),
    ("quarantine.show", "--yy-", || json!({ "id": "none" })),
    ("quarantine.edit", "--yy-", || json!({ "id": "none", "raw": "{}", "reason": "mended" })),
    ("quarantine.replay", "--yy-", || json!({ "ids": ["none"], "cause": null })),
    ("quarantine.dismiss", "--yy-", || json!({ "id": "none", "reason": "not needed" })),
    ("receipts.list", "yyyyy", || json!({ "patientId": null, "planId": null, "offset": 0, "limit": 1 })),
];

const PEOPLE: [&str; 5] = ["robin", "lee", "sam", "dana", "ines"];

macro_rules! names {
    ($($name:literal => $method:ident($request:ident) -> $response:ident, $capability:expr;)*) => {
        /// Every command there is.
        const COMMANDS: &[&str] = &[$($name),*];
    };
}
console_api::with_commands!(names);

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_allowed_or_refused_as_the_table_says() {
    // A command that nobody thought of here fails.
    for command in COMMANDS {
        assert!(
            *command == "session.switch" || TABLE.iter().any(|(name, ..)| name == command),
            "{command} is missing in the table"
        );
    }
    let world = World::calm(3).await;
    let desk = world.compared().await;
    let mut wrong = Vec::new();
    for (column, person) in PEOPLE.iter().enumerate() {
        for (command, allowed, payload) in TABLE {
            desk.sit(person).await;
            let expected = allowed.as_bytes()[column] == b'y';
            let mut events = desk.console.events();
            let result = desk.console.call(command, payload()).await;
            let refused = matches!(&result, Err(error) if error.code == ErrorCode::NotAllowed);
            if refused == expected {
                wrong.push(format!("{command} as {person}: {result:?}"));
            }
            if let Err(error) = &result {
                assert!(!error.message.is_empty() && !error.way_out.is_empty(), "{command}: {error:?}");
            }
            // A run that was allowed is waited for, so that the next one is a run of its own.
            if let (Ok(run), "run.start", true) = (&result, *command, payload()["patientId"].is_null()) {
                desk.ended(&mut events, run["id"].as_str().unwrap()).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    desk.close().await;
}

/// A console for somebody who is not configured shows nothing but who sits there.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_unknown_sees_nothing() {
    let world = World::calm(3).await;
    let opened = agent::open(world.options()).await.unwrap();
    let ids = std::sync::Arc::new(engine::clock::SeededIds::new([1; 32]));
    let engine = engine::Engine::new(
        std::sync::Arc::clone(&opened.store),
        std::sync::Arc::clone(&opened.lenses),
        engine::Policy::default(),
        ids,
    );
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (handle, task) =
        engine::drive::start(engine, opened.remotes.clone(), std::sync::Arc::clone(&opened.clock), async {
            let _either = stopped.await;
        });
    let console = console_api::Console::new(console_api::Parts {
        store: opened.store,
        engine: handle,
        remotes: opened.remotes,
        mid: opened.mid.map(|server| console_api::MidServer { server, carries: false }),
        lenses: opened.lenses,
        rules: std::sync::Arc::default(),
        clock: opened.clock,
        people: Vec::new(),
        person: "ghost".to_owned(),
        hospital: String::new(),
        zone: chrono_tz::Tz::UTC,
        kinds: Vec::new(),
        demo: false,
        one_person_may_approve: false,
    });
    let session: Session =
        serde_json::from_value(console.call("session.get", json!({})).await.unwrap()).unwrap();
    assert!(session.capabilities.is_empty(), "{session:?}");
    for (command, _, payload) in TABLE.iter().filter(|(command, ..)| *command != "session.get") {
        let error = console.call(command, payload()).await.expect_err(command);
        assert_eq!(error.code, ErrorCode::NotAllowed, "{command}");
    }
    stop.send(()).unwrap();
    task.await.unwrap();
}

/// Somebody who is not among the configured people is let in nowhere, and nobody switches outside the sample data.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_unknown_gets_in_and_nobody_switches_outside_the_sample() {
    let world = World::calm(3).await;
    // Alex is an account of this computer, which is not ours.
    world.settings(|text| {
        text.replace("sample_data = true", "sample_data = false")
            .replace("id = \"alex\"", "id = \"alex\"\nos_user = \"somebody.else.entirely\"")
    });
    let as_person = |person: &str| agent::Options { person: Some(person.to_owned()), ..world.options() };
    let opened = agent::open(as_person("nobody")).await.unwrap();
    let error = agent::start(opened).await.err().expect("nobody known sits here");
    assert!(matches!(error, agent::StartError::NobodyHere { .. }), "{error}");
    assert!(!error.way_out().is_empty());
    let opened = agent::open(as_person("alex")).await.unwrap();
    let error = agent::start(opened).await.err().expect("alex does not sit here");
    assert!(matches!(error, agent::StartError::SomebodyElse { .. }), "{error}");
    assert!(!error.way_out().is_empty());

    let opened = agent::open(as_person("robin")).await.unwrap();
    let desk = journeys::Desk::start(opened).await;
    let error = desk.refused("session.switch", json!({ "personId": "dana" })).await;
    assert_eq!(error.code, ErrorCode::NotAllowed);
    let session: Session = desk.call("session.get", json!({})).await;
    assert_eq!(session.person.id, "robin");
    assert_eq!(session.people.len(), 1, "others are not listed");
    let error = desk.refused("no.such.command", json!({})).await;
    assert_eq!(error.code, ErrorCode::NotFound);
    let error = desk.refused("patients.search", json!({ "query": 7 })).await;
    assert_eq!(error.code, ErrorCode::Invalid);
    desk.close().await;
}
