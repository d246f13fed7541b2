//! The shell without a window: its command, its events, and the real permissions of `capabilities/`.

#![allow(clippy::expect_used, reason = "a helper that fails is a test that fails")]

use console_api::dto::{ApiError, Changed, ErrorCode, Event, Tag};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use tauri::test::{INVOKE_KEY, MockRuntime, get_ipc_response, mock_builder};
use tauri::{Listener as _, Manager as _, WebviewWindow};
use tokio::sync::broadcast;
use vetsync_console_lib::bridge::{Bridge, Engine, Later, RETRY, Start};

/// The page's own origin.
const OWN: &str = if cfg!(windows) { "http://tauri.localhost" } else { "tauri://localhost" };

/// An engine that answers with what it was asked.
struct Echo {
    events: broadcast::Sender<Event>,
}

impl Engine for Echo {
    fn call(self: Arc<Self>, command: String, payload: Value) -> Later<Result<Value, ApiError>> {
        Box::pin(async move {
            match command.as_str() {
                "refused" => Err(refusal("not yours")),
                "change" => {
                    let event =
                        Event::Changed(Changed { tags: vec![Tag::Conflicts], id: Some("c1".to_owned()) });
                    self.events.send(event).map_err(|_| refusal("nobody listens"))?;
                    Ok(Value::Null)
                }
                _ => Ok(json!({ "command": command, "payload": payload })),
            }
        })
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    fn stop(self: Arc<Self>) -> Later<()> {
        Box::pin(async {})
    }
}

fn refusal(message: &str) -> ApiError {
    ApiError {
        code: ErrorCode::NotAllowed,
        message: message.to_owned(),
        way_out: "ask".to_owned(),
        field: None,
    }
}

/// Fails the first `failures` times, then runs; counts the attempts.
fn starts_after(failures: usize) -> (Start, Arc<AtomicUsize>) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let start: Start = Box::new(move || {
        let attempt = counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if attempt < failures {
                return Err(refusal(&format!("attempt {attempt}")));
            }
            Ok(Arc::new(Echo { events: broadcast::channel(16).0 }) as Arc<dyn Engine>)
        })
    });
    (start, attempts)
}

/// The app with the real configuration and permissions, and a window of that label.
fn app(start: Start, label: &str) -> (tauri::App<MockRuntime>, WebviewWindow<MockRuntime>) {
    let app = vetsync_console_lib::with_bridge(mock_builder(), start)
        .build(tauri::generate_context!())
        .expect("the app is built");
    let window =
        tauri::WebviewWindowBuilder::new(&app, label, tauri::WebviewUrl::default()).build().expect("window");
    (app, window)
}

fn invoke(
    window: &WebviewWindow<MockRuntime>,
    origin: &str,
    name: &str,
    body: Value,
) -> Result<Value, Value> {
    let request = tauri::webview::InvokeRequest {
        cmd: name.to_owned(),
        callback: tauri::ipc::CallbackFn(0),
        error: tauri::ipc::CallbackFn(1),
        url: origin.parse().expect("an address"),
        body: tauri::ipc::InvokeBody::Json(body),
        headers: tauri::http::HeaderMap::default(),
        invoke_key: INVOKE_KEY.to_owned(),
    };
    get_ipc_response(window, request).map(|body| body.deserialize::<Value>().expect("JSON"))
}

fn rpc(window: &WebviewWindow<MockRuntime>, command: &str) -> Result<Value, Value> {
    invoke(window, OWN, "rpc", json!({ "command": command, "payload": { "id": "p1" } }))
}

#[test]
fn a_call_reaches_the_engine_and_its_answer_comes_back() {
    let (_app, window) = app(starts_after(0).0, "main");
    let answer = rpc(&window, "patients.get").expect("answered");
    assert_eq!(answer, json!({ "command": "patients.get", "payload": { "id": "p1" } }));
}

#[test]
fn an_error_comes_back_as_the_ui_reads_it() {
    let (_app, window) = app(starts_after(0).0, "main");
    let error = rpc(&window, "refused").expect_err("refused");
    assert_eq!(
        error,
        json!({ "code": "not_allowed", "message": "not yours", "wayOut": "ask", "field": null })
    );
}

#[test]
fn a_failed_start_is_told_to_every_call_and_repeated_only_when_asked() {
    let (start, attempts) = starts_after(2);
    let (_app, window) = app(start, "main");
    let told = |outcome: Result<Value, Value>| outcome.expect_err("not started")["message"].clone();
    assert_eq!(told(rpc(&window, "home.get")), "attempt 0");
    assert_eq!(told(rpc(&window, "patients.get")), "attempt 0");
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert_eq!(told(rpc(&window, RETRY)), "attempt 1");
    assert_eq!(rpc(&window, RETRY), Ok(Value::Null));
    assert!(rpc(&window, "home.get").is_ok());
    assert_eq!(rpc(&window, RETRY), Ok(Value::Null));
    assert_eq!(attempts.load(Ordering::SeqCst), 3, "a running engine is not started again");
}

#[test]
fn the_uis_try_again_starts_the_engine_too() {
    let (start, attempts) = starts_after(1);
    let (_app, window) = app(start, "main");
    assert!(rpc(&window, "home.get").is_err());
    assert!(rpc(&window, "session.get").is_ok());
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

#[test]
fn a_stopped_engine_is_not_started_again() {
    let (start, attempts) = starts_after(0);
    let (app, window) = app(start, "main");
    assert!(rpc(&window, "home.get").is_ok());
    tauri::async_runtime::block_on(app.state::<Bridge>().stop());
    let error = rpc(&window, "session.get").expect_err("stopped");
    assert_eq!(error["message"], "VetSync is closing.");
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

#[test]
fn events_of_the_engine_reach_the_window() {
    let (_app, window) = app(starts_after(0).0, "main");
    let (heard, hear) = std::sync::mpsc::channel();
    let heard = Mutex::new(heard);
    window.listen_any(vetsync_console_lib::CONSOLE_EVENT, move |event| {
        let _ = heard.lock().map(|heard| heard.send(event.payload().to_owned()));
    });
    rpc(&window, "change").expect("sent");
    let payload = hear.recv_timeout(std::time::Duration::from_secs(10)).expect("heard");
    let event: Value = serde_json::from_str(&payload).expect("JSON");
    assert_eq!(event, json!({ "kind": "changed", "data": { "tags": ["conflicts"], "id": "c1" } }));
}

#[test]
fn only_the_main_window_with_its_own_page_may_call() {
    let (app, main) = app(starts_after(0).0, "main");
    let body = || json!({ "command": "session.get", "payload": null });
    assert!(invoke(&main, OWN, "rpc", body()).is_ok());
    assert!(invoke(&main, "https://example.org", "rpc", body()).is_err(), "a page from elsewhere was let in");
    let other = tauri::WebviewWindowBuilder::new(&app, "other", tauri::WebviewUrl::default())
        .build()
        .expect("window");
    assert!(invoke(&other, OWN, "rpc", body()).is_err(), "a window without capability was let in");
}

#[test]
fn nothing_but_the_command_and_events_is_permitted() {
    let (_app, window) = app(starts_after(0).0, "main");
    for refused in [
        "plugin:window|set_title",
        "plugin:window|close",
        "plugin:app|version",
        "plugin:path|resolve_directory",
    ] {
        let error = invoke(&window, OWN, refused, json!({})).expect_err(refused);
        assert!(error.to_string().contains("not allowed"), "{refused}: {error}");
    }
}
