//! Between the window and the engine: one command in, events out.
//!
//! The window opens at once and does not depend on the engine: while the engine starts, calls wait for it; when it
//! cannot start, every call gets the reason, and the next attempt can be asked for.

use crate::notifying::{self, Words};
use console_api::dto::{ApiError, ErrorCode, Event};
use serde_json::Value;
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::sync::{Mutex, broadcast};

/// A future that can be handed between threads.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Hands an event to the window.
pub type Emit = Arc<dyn Fn(&Event) + Send + Sync>;
/// Shows a notification on the desktop.
pub type Show = Arc<dyn Fn(&Words) + Send + Sync>;

/// Where what happens in the engine is shown.
#[derive(Clone)]
pub struct Outlets {
    /// The window.
    pub emit: Emit,
    /// The desktop.
    pub show: Show,
}

/// Starts the engine.
pub type Start = Box<dyn Fn() -> Later<Result<Arc<dyn Engine>, ApiError>> + Send + Sync>;

/// What the shell needs of the engine: the console's interface.
pub trait Engine: Send + Sync + 'static {
    /// Carries out one command of the console.
    fn call(self: Arc<Self>, command: String, payload: Value) -> Later<Result<Value, ApiError>>;
    /// What changes from now on.
    fn events(&self) -> broadcast::Receiver<Event>;
    /// Ends it: what is under way is given up and rescued at the next start, the database is closed.
    fn stop(self: Arc<Self>) -> Later<()>;
}

/// Asks for another attempt after a start that failed.
pub const RETRY: &str = "host.retry";
/// The first command of the UI and the one that its "Try again" sends.
const SESSION: &str = "session.get";

/// The engine, as far as it has come.
enum State {
    NotStarted,
    Running(Arc<dyn Engine>),
    Failed(ApiError),
    Stopped,
}

/// The one engine of this process.
pub struct Bridge {
    start: Start,
    state: Mutex<State>,
}

impl Bridge {
    /// Nothing is started yet.
    pub fn new(start: Start) -> Bridge {
        Bridge { start, state: Mutex::new(State::NotStarted) }
    }

    /// Carries out a command; starts the engine where that has not happened yet.
    pub async fn call(&self, command: String, payload: Value, outlets: Outlets) -> Result<Value, ApiError> {
        let retry = command == RETRY;
        let engine = self.engine(retry || command == SESSION, outlets).await?;
        if retry { Ok(Value::Null) } else { engine.call(command, payload).await }
    }

    /// The running engine. A failed start is repeated only where `again` says so: each attempt may ask the keyring
    /// and the disk, and every call of the UI comes through here.
    pub async fn engine(&self, again: bool, outlets: Outlets) -> Result<Arc<dyn Engine>, ApiError> {
        // Held while starting, so that calls wait for the one start instead of starting another.
        let mut state = self.state.lock().await;
        match &*state {
            State::Running(engine) => return Ok(Arc::clone(engine)),
            State::Failed(reason) if !again => return Err(reason.clone()),
            State::Stopped => return Err(stopped()),
            State::Failed(_) | State::NotStarted => {}
        }
        match (self.start)().await {
            Ok(engine) => {
                tokio::spawn(forward(engine.events(), outlets.emit));
                tokio::spawn(notifying::follow(Arc::clone(&engine), outlets.show));
                *state = State::Running(Arc::clone(&engine));
                Ok(engine)
            }
            Err(reason) => {
                *state = State::Failed(reason.clone());
                Err(reason)
            }
        }
    }
}

impl Bridge {
    /// Ends the engine, if it runs; it is not started again.
    pub async fn stop(&self) {
        let state = std::mem::replace(&mut *self.state.lock().await, State::Stopped);
        if let State::Running(engine) = state {
            engine.stop().await;
        }
    }
}

/// Hands events on until the engine ends.
async fn forward(mut events: broadcast::Receiver<Event>, emit: Emit) {
    loop {
        match events.recv().await {
            Ok(event) => emit(&event),
            Err(broadcast::error::RecvError::Lagged(_)) => emit(&console_api::everything_changed()),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// What a call gets while the window closes.
fn stopped() -> ApiError {
    ApiError {
        code: ErrorCode::Internal,
        message: "VetSync is closing.".to_owned(),
        way_out: "Start it again.".to_owned(),
        field: None,
    }
}
