//! The desktop shell: a window, its commands (the console's, and keeping a file), its events, notifications on the desktop, and
//! one instance. Everything else stands in `crates/`;
//! nothing outside this folder knows Tauri.

pub mod bridge;
mod engine;
pub mod keeping;
pub mod notifying;

use bridge::{Bridge, Outlets, Start};
use console_api::dto::Event;
use serde_json::Value;
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};
use tauri::{AppHandle, Emitter as _, Manager as _, RunEvent, Runtime, State};
use tauri_plugin_notification::Notification;

/// The event of the window that carries every [`Event`] of the engine.
pub const CONSOLE_EVENT: &str = "console-event";
/// How long a closed window waits for the engine.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// The label of the window.
const MAIN: &str = "main";

/// The UI's calls, by name. The engine checks the permission of each.
///
/// # Errors
/// The [`console_api::dto::ApiError`] as JSON.
#[tauri::command]
async fn rpc<R: Runtime>(
    app: AppHandle<R>,
    bridge: State<'_, Bridge>,
    command: String,
    payload: Value,
) -> Result<Value, Value> {
    let outcome = bridge.call(command, payload, outlets(&app)).await;
    outcome.map_err(|error| serde_json::to_value(error).unwrap_or(Value::Null))
}

/// Keeps a file that the UI was given among the person's downloads, never over another one; says where. Its content is text,
/// or bytes in base 64.
///
/// # Errors
/// The [`console_api::dto::ApiError`] as JSON: a name that is none, bytes that are none, a folder that takes no file.
#[tauri::command]
#[allow(clippy::needless_pass_by_value, reason = "a command is given its handle by value")]
fn keep<R: Runtime>(
    app: AppHandle<R>,
    name: &str,
    text: Option<&str>,
    base64: Option<&str>,
) -> Result<String, Value> {
    let folder = app.path().download_dir().or_else(|_| app.path().home_dir()).ok();
    keeping::content(text, base64)
        .and_then(|content| keeping::keep(folder.as_deref(), name, &content))
        .map(|path| path.display().to_string())
        .map_err(|error| serde_json::to_value(error).unwrap_or(Value::Null))
}

fn outlets<R: Runtime>(app: &AppHandle<R>) -> Outlets {
    let (window, desktop) = (app.clone(), app.clone());
    Outlets {
        emit: Arc::new(move |event: &Event| {
            if let Err(error) = window.emit(CONSOLE_EVENT, event) {
                tracing::warn!(%error, "an event did not reach the window");
            }
        }),
        show: Arc::new(move |words: &notifying::Words| {
            // A desktop without notifications has none; the window shows the same.
            let Some(notifications) = desktop.try_state::<Notification<R>>() else { return };
            let shown = notifications.builder().title(&words.title).body(&words.body).show();
            if let Err(error) = shown {
                tracing::warn!(%error, "the desktop shows no notification");
            }
        }),
    }
}

/// The app, for the real window and for tests without one.
pub fn with_bridge<R: Runtime>(builder: tauri::Builder<R>, start: Start) -> tauri::Builder<R> {
    builder.manage(Bridge::new(start)).invoke_handler(tauri::generate_handler![rpc, keep]).setup(|app| {
        // The engine starts beside the window's first page instead of after it.
        let app = app.handle().clone();
        tauri::async_runtime::spawn(async move {
            let outlets = outlets(&app);
            if let Err(reason) = app.state::<Bridge>().engine(false, outlets).await {
                tracing::error!(reason = %reason.message, "the engine did not start");
            }
        });
        Ok(())
    })
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// The window system cannot be used.
pub fn run() -> Result<(), tauri::Error> {
    agent::start_logging("info");
    // Every TLS connection of the process uses this provider; none may pick another by accident.
    agent::install_tls();
    let one_instance = tauri_plugin_single_instance::Builder::new()
        .callback(|app, _arguments, _folder| focus(app))
        .dbus_id(instance_name())
        .build();
    // First of all plugins, as its documentation asks: a second instance must not get any further.
    let app = with_bridge(
        tauri::Builder::default().plugin(one_instance).plugin(tauri_plugin_notification::init()),
        engine::start(),
    )
    .build(tauri::generate_context!())?;
    app.run(|app, event| {
        if let RunEvent::Exit = event {
            let bridge = app.state::<Bridge>();
            let stopped = async { tokio::time::timeout(STOP_WITHIN, bridge.stop()).await };
            if tauri::async_runtime::block_on(stopped).is_err() {
                tracing::warn!("the engine did not stop in time; the next start rescues what was under way");
            }
            tauri::async_runtime::block_on(agent::stores_closed());
        }
    });
    Ok(())
}

/// Brings the window of the first instance to the front.
fn focus<R: Runtime>(app: &AppHandle<R>) {
    let Some(window) = app.get_webview_window(MAIN) else { return };
    for outcome in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = outcome {
            tracing::warn!(%error, "the window could not be brought to the front");
        }
    }
}

/// One instance per configuration: the demo and the real hospital may stand side by side on one desktop.
fn instance_name() -> String {
    let chosen: Vec<_> = std::env::args_os().skip(1).chain(std::env::var_os("VETSYNC_CONFIG")).collect();
    if chosen.is_empty() {
        return "dev.vetsync.console".to_owned();
    }
    let mut hasher = DefaultHasher::new();
    chosen.hash(&mut hasher);
    // A part of a D-Bus name does not begin with a digit.
    format!("dev.vetsync.console.c{:016x}", hasher.finish())
}
