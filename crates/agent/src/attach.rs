//! Working through the process that owns the database, where there is one (see [`crate::owner`]).

use crate::options::{Options, data_dir};
use crate::problem::StartError;
use console_api::dto::{ApiError, ErrorCode, Event};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use settings::Settings;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, watch};

/// Header: who sits here (`people.id`), where somebody in particular is meant.
pub(crate) const PERSON: &str = "vetsync-person";
/// Header: the session of a call.
pub(crate) const SESSION: &str = "vetsync-session";
/// Header: which version asks.
pub(crate) const VERSION: &str = "vetsync-version";

/// An owner that takes longer than this to open a session is stuck.
const OPENS_WITHIN: Duration = Duration::from_secs(5);
/// No command takes longer than this: the longest reads one patient from both systems, with every retry.
const ANSWERS_WITHIN: Duration = Duration::from_mins(5);

/// What stands beside the database while a process owns it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OwnerFile {
    pub address: String,
    pub token: String,
    pub process: u32,
    pub version: String,
}

/// What a session is asked for with.
pub(crate) struct AskedSession {
    pub person: Option<String>,
    pub version: String,
}

/// The first line of a session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionOpened {
    pub session: String,
}

/// `vetsync.db.owner` beside `vetsync.db`.
pub(crate) fn owner_file(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".owner");
    database.with_file_name(name)
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum NotAttached {
    /// Nobody is there, or not yet, or not any more: looking again may help.
    Nobody,
    /// Looking again does not help.
    Refused(Box<StartError>),
}

/// A session with the process that owns the database.
#[derive(Debug)]
pub struct Attached {
    owner: OwnerFile,
    session: String,
    events: broadcast::Sender<Event>,
    gone: watch::Receiver<bool>,
    reading: tokio::task::JoinHandle<()>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        // The session ends with its open answer.
        self.reading.abort();
    }
}

/// Opens a session with the owner of the database that these options mean.
pub(crate) async fn attach(options: &Options) -> Result<Attached, NotAttached> {
    let refused = |error: StartError| NotAttached::Refused(Box::new(error));
    let settings = Settings::load(&options.config_path()).map_err(|error| refused(error.into()))?;
    let database = data_dir(options, &settings).join("vetsync.db");
    let Ok(described) = std::fs::read(owner_file(&database)) else { return Err(NotAttached::Nobody) };
    // A file that is no such file will be written anew by the next owner.
    let owner: OwnerFile = serde_json::from_slice(&described).map_err(|_| NotAttached::Nobody)?;
    let process = owner.process;
    match tokio::time::timeout(OPENS_WITHIN, open(owner, options.person.as_deref())).await {
        Ok(outcome) => outcome,
        Err(_) => Err(refused(StartError::OwnerSilent { process })),
    }
}

async fn open(owner: OwnerFile, person: Option<&str>) -> Result<Attached, NotAttached> {
    let mut request = hyper::Request::get("/session")
        .header("host", &owner.address)
        .header("authorization", format!("Bearer {}", owner.token))
        .header(VERSION, env!("CARGO_PKG_VERSION"));
    if let Some(person) = person {
        request = request.header(PERSON, person);
    }
    // A name that no header can carry is nobody's.
    let request = request.body(Full::default()).map_err(|_| {
        let user = person.unwrap_or_default().to_owned();
        NotAttached::Refused(Box::new(StartError::NobodyHere { user }))
    })?;
    let response = send(&owner.address, request).await.map_err(|()| NotAttached::Nobody)?;
    let status = response.status();
    let mut body = response.into_body();
    if status == hyper::StatusCode::UNAUTHORIZED {
        // A file of an owner that was killed; another program has its port now.
        return Err(NotAttached::Nobody);
    }
    if !status.is_success() {
        let bytes = body.collect().await.map_err(|_| NotAttached::Nobody)?.to_bytes();
        let error = serde_json::from_slice(&bytes).map_err(|_| NotAttached::Nobody)?;
        return Err(NotAttached::Refused(Box::new(StartError::OwnerRefused(error))));
    }
    let mut lines = Lines::default();
    let first = lines.next(&mut body).await.ok_or(NotAttached::Nobody)?;
    let opened: SessionOpened = serde_json::from_slice(&first).map_err(|_| NotAttached::Nobody)?;
    let (events, _) = broadcast::channel(1_024);
    let (end, gone) = watch::channel(false);
    let told = events.clone();
    let reading = tokio::spawn(async move {
        while let Some(line) = lines.next(&mut body).await {
            // An event that only a newer version knows: anything may have changed.
            let event = serde_json::from_slice(&line).unwrap_or_else(|_| console_api::everything_changed());
            // Nobody listens: nothing to tell.
            let _unheard = told.send(event);
        }
        end.send_replace(true);
        // Whoever shows something asks again, and finds that the owner is gone.
        let _unheard = told.send(console_api::everything_changed());
    });
    Ok(Attached { owner, session: opened.session, events, gone, reading })
}

/// Lines of a body that goes on.
#[derive(Default)]
struct Lines {
    held: Vec<u8>,
}

impl Lines {
    async fn next(&mut self, body: &mut Incoming) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let rest = self.held.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.held, rest);
                line.pop();
                return Some(line);
            }
            let frame = body.frame().await?.ok()?;
            if let Some(bytes) = frame.data_ref() {
                self.held.extend_from_slice(bytes);
            }
        }
    }
}

/// One request on a connection of its own.
async fn send(address: &str, request: hyper::Request<Full<Bytes>>) -> Result<hyper::Response<Incoming>, ()> {
    let stream = TcpStream::connect(address).await.map_err(|_| ())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| ())?;
    // It ends with the answer's end; what went wrong shows there.
    tokio::spawn(async move { drop(connection.await) });
    sender.send_request(request).await.map_err(|_| ())
}

impl Attached {
    /// A command of the console.
    ///
    /// # Errors
    /// The console's refusal, or that the owner has ended.
    pub async fn call(&self, command: &str, payload: Value) -> Result<Value, ApiError> {
        self.post(&format!("/rpc/{command}"), payload).await
    }

    /// What is wrong with the database, as its owner finds it.
    ///
    /// # Errors
    /// The database's own, or that the owner has ended.
    pub async fn check(&self) -> Result<Vec<String>, ApiError> {
        let answer = self.post("/check", Value::Null).await?;
        Ok(answer
            .get("problems")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|problem| problem.as_str().map(str::to_owned))
            .collect())
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Whether the owner has ended, and this session with it.
    pub fn is_gone(&self) -> bool {
        *self.gone.borrow()
    }

    /// The owner's process.
    pub const fn process(&self) -> u32 {
        self.owner.process
    }

    async fn post(&self, path: &str, payload: Value) -> Result<Value, ApiError> {
        let request = hyper::Request::post(path)
            .header("host", &self.owner.address)
            .header("authorization", format!("Bearer {}", self.owner.token))
            .header(SESSION, &self.session)
            .body(Full::new(Bytes::from(payload.to_string())))
            .map_err(|_| owner_gone())?;
        let exchange = async {
            let response = send(&self.owner.address, request).await.map_err(|()| owner_gone())?;
            let status = response.status();
            let bytes = response.into_body().collect().await.map_err(|_| owner_gone())?.to_bytes();
            if status.is_success() {
                return serde_json::from_slice(&bytes).map_err(|_| owner_gone());
            }
            // The session is over, or the words are the console's own.
            Err(match serde_json::from_slice::<ApiError>(&bytes) {
                Ok(error) if status != hyper::StatusCode::UNAUTHORIZED => error,
                _ => owner_gone(),
            })
        };
        let mut gone = self.gone.clone();
        tokio::select! {
            biased;
            answer = tokio::time::timeout(ANSWERS_WITHIN, exchange) => answer.unwrap_or_else(|_| Err(owner_gone())),
            _ = gone.wait_for(|gone| *gone) => Err(owner_gone()),
        }
    }
}

/// What a call gets whose owner ended.
fn owner_gone() -> ApiError {
    ApiError {
        code: ErrorCode::Locked,
        message: "The VetSync that held the database has ended.".to_owned(),
        way_out: "Try again: this one then opens the database itself. What was approved is carried out."
            .to_owned(),
        field: None,
    }
}
