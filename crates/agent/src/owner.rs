//! The process that owns the database lets others of this account on this computer in: the console API on loopback.
//!
//! Beside the database stands a file that only this account can read (0600): the address, and a token made anew by each
//! owner. Whoever brings the token gets a session of their own, for the person that this account may act as. A session is
//! one open answer: its first line says who sits there, each further line is an event, and its end is the owner's end.

use crate::account::{self, who_sits_here};
use crate::attach::{AskedSession, OwnerFile, PERSON, SESSION, SessionOpened, VERSION};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use console_api::dto::{ApiError, ErrorCode, Event};
use console_api::{Console, Parts};
use futures_util::StreamExt as _;
use settings::Settings;
use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

/// How long answers under way may take to end when the owner ends; then they are cut off.
const END_WITHIN: Duration = Duration::from_secs(2);

struct Shared {
    parts: Parts,
    settings: Settings,
    token: String,
    sessions: Mutex<HashMap<String, Arc<Console>>>,
    /// How many sessions are open.
    open: watch::Sender<usize>,
    ending: watch::Receiver<bool>,
}

/// The open door. Dropping it closes it at once.
pub(crate) struct Owner {
    file: PathBuf,
    open: watch::Receiver<usize>,
    end: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Owner {
    /// Listens on a free port of loopback and writes the file `path`.
    ///
    /// # Errors
    /// No port, no random numbers, or a folder that cannot be written.
    pub(crate) async fn start(parts: Parts, settings: Settings, path: PathBuf) -> std::io::Result<Owner> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut bytes = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| std::io::Error::other("no random numbers to be had"))?;
        let token = hex::encode(bytes);
        let described = OwnerFile {
            address: listener.local_addr()?.to_string(),
            token: token.clone(),
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        write_private(&path, &serde_json::to_vec(&described)?)?;
        let (end, ending) = watch::channel(false);
        let (open, opened) = watch::channel(0);
        let shared = Arc::new(Shared {
            parts,
            settings,
            token,
            sessions: Mutex::default(),
            open,
            ending: ending.clone(),
        });
        let router = Router::new()
            .route("/session", get(session))
            .route("/rpc/{command}", post(rpc))
            .route("/check", post(check))
            .layer(DefaultBodyLimit::max(1024 * 1024))
            .with_state(shared);
        let (mut graceful, mut cut_off) = (ending.clone(), ending);
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(async move { ended(&mut graceful).await });
        let task = tokio::spawn(async move {
            let deadline = async {
                ended(&mut cut_off).await;
                tokio::time::sleep(END_WITHIN).await;
            };
            tokio::select! {
                // Accepting does not fail for good; a door that is shut all the same leaves the owner at work.
                _ = serving.into_future() => {}
                () = deadline => {}
            }
        });
        Ok(Owner { file: path, open: opened, end, task })
    }

    /// How many are attached, as it changes.
    pub(crate) fn sessions(&self) -> watch::Receiver<usize> {
        self.open.clone()
    }

    /// Closes every session and takes the file away.
    pub(crate) async fn end(self) {
        // First the file: who comes now shall not find a door that shuts.
        if let Err(error) = std::fs::remove_file(&self.file) {
            let kind = error.kind();
            tracing::warn!(%kind, "seat.file_stays");
        }
        let _is_heard = self.end.send(true).is_ok();
        let mut task = self.task;
        let _ended = (&mut task).await.is_ok();
    }
}

async fn ended(ending: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _is_told = ending.wait_for(|is_ending| *is_ending).await.is_ok();
}

/// Writes a file that only this account can read, whole or not at all.
fn write_private(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    // A leftover of an owner that was killed while it wrote.
    let _leftover = std::fs::remove_file(&new).is_ok();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    drop(file);
    std::fs::rename(new, path)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The token, and no browser: a page that found the port could not set these headers without asking first, and nobody
/// answers such a question here.
fn is_let_in(shared: &Shared, headers: &HeaderMap) -> bool {
    let given = text(headers, "authorization").and_then(|value| value.strip_prefix("Bearer "));
    let is_right = given.is_some_and(|given| {
        aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), shared.token.as_bytes()).is_ok()
    });
    is_right && !headers.contains_key(header::ORIGIN)
}

fn problem(status: StatusCode, error: &ApiError) -> Response {
    json(status, serde_json::to_string(error).unwrap_or_default())
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn no_entry() -> Response {
    problem(
        StatusCode::UNAUTHORIZED,
        &ApiError {
            code: ErrorCode::NotAllowed,
            message: "The running VetSync does not know this token.".to_owned(),
            way_out: "Try again: the running VetSync has just changed.".to_owned(),
            field: None,
        },
    )
}

/// Takes the session out of the list when its answer ends, however it ends.
struct Present {
    shared: Arc<Shared>,
    id: String,
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut sessions = self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&self.id);
        self.shared.open.send_replace(sessions.len());
    }
}

async fn session(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if !is_let_in(&shared, &headers) {
        return no_entry();
    }
    let asked = AskedSession {
        person: text(&headers, PERSON).map(str::to_owned),
        version: text(&headers, VERSION).unwrap_or_default().to_owned(),
    };
    if asked.version != env!("CARGO_PKG_VERSION") {
        let error = ApiError {
            code: ErrorCode::Invalid,
            message: format!(
                "The running VetSync is version {}, this one is {}.",
                env!("CARGO_PKG_VERSION"),
                asked.version
            ),
            way_out: "Close the running one, or use the same version.".to_owned(),
            field: None,
        };
        return problem(StatusCode::CONFLICT, &error);
    }
    // Who brings the token is this account: the file can be read by nobody else.
    let person = match who_sits_here(asked.person.as_deref(), account::name().as_deref(), &shared.settings) {
        Ok(person) => person,
        Err(error) => return problem(StatusCode::FORBIDDEN, &ApiError::from(error)),
    };
    let mut bytes = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return no_entry();
    }
    let id = hex::encode(bytes);
    let console = Console::new(Parts { person, ..shared.parts.clone() });
    let receiver = console.events();
    {
        let mut sessions = shared.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(id.clone(), console);
        shared.open.send_replace(sessions.len());
    }
    let present = Present { shared: Arc::clone(&shared), id: id.clone() };
    let first = line(&SessionOpened { session: id });
    let opening = futures_util::stream::once(async move { Ok::<_, std::convert::Infallible>(first) });
    let state = (receiver, shared.ending.clone(), present);
    let events = futures_util::stream::unfold(state, |(mut receiver, mut ending, present)| async move {
        let event = tokio::select! {
            biased;
            () = ended(&mut ending) => return None,
            next = receiver.recv() => match next {
                Ok(event) => event,
                Err(broadcast::error::RecvError::Lagged(_)) => console_api::everything_changed(),
                Err(broadcast::error::RecvError::Closed) => return None,
            },
        };
        Some((Ok(line::<Event>(&event)), (receiver, ending, present)))
    });
    (StatusCode::OK, Body::from_stream(opening.chain(events))).into_response()
}

fn line<T: serde::Serialize>(value: &T) -> String {
    // Plain data; encoding it cannot fail.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

async fn rpc(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Path(command): Path<String>,
    body: Bytes,
) -> Response {
    let console = text(&headers, SESSION)
        .and_then(|id| shared.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned());
    let Some(console) = console.filter(|_| is_let_in(&shared, &headers)) else { return no_entry() };
    let payload = match serde_json::from_slice(&body) {
        Ok(payload) => payload,
        Err(error) => {
            let error = ApiError {
                code: ErrorCode::Invalid,
                message: format!("The request is not JSON: {error}."),
                way_out: "Use the same version of VetSync for both.".to_owned(),
                field: None,
            };
            return problem(StatusCode::BAD_REQUEST, &error);
        }
    };
    match console.call(&command, payload).await {
        Ok(value) => json(StatusCode::OK, value.to_string()),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error),
    }
}

/// Looks the database over for `vetsync doctor`.
async fn check(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if !is_let_in(&shared, &headers) {
        return no_entry();
    }
    let store = &*shared.parts.store;
    let looked = match store.check().await {
        // Sound, and still of no use if nothing can be stored.
        Ok(problems) => engine::storage::try_out(store).await.map(|()| problems),
        Err(error) => Err(error),
    };
    match looked {
        Ok(problems) => json(StatusCode::OK, serde_json::json!({ "problems": problems }).to_string()),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &console_api::store_advice(&error)),
    }
}
