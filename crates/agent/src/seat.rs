//! A console to work at: of this process, which then owns the database, or of the process that owns it already.

use crate::assemble::{self, Running};
use crate::attach::{Attached, NotAttached, attach};
use crate::options::Options;
use crate::problem::StartError;
use console_api::dto::{ApiError, Event};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, broadcast};

/// How long an owner may take to open its door, or to let go of the database.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
/// How often that is looked at: another process gives no sign.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A console to work at.
pub enum Seat {
    /// This process owns the database.
    Own(Box<Running>),
    /// Another one does.
    Attached(Attached),
}

/// Opens the database and starts the engine, or attaches to the process that did.
///
/// # Errors
/// Everything that can be wrong at start.
pub async fn sit(options: Options) -> Result<Seat, StartError> {
    let began = Instant::now();
    loop {
        let owned = match assemble::open(options.clone()).await {
            Ok(opened) => return Ok(Seat::Own(Box::new(assemble::start(opened).await?))),
            Err(error @ StartError::Store(store::StoreError::Owned)) => error,
            Err(error) => return Err(error),
        };
        match attach(&options).await {
            Ok(attached) => return Ok(Seat::Attached(attached)),
            Err(NotAttached::Refused(error)) => return Err(*error),
            Err(NotAttached::Nobody) if began.elapsed() > SETTLES_WITHIN => return Err(owned),
            Err(NotAttached::Nobody) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// A session with the process that owns the database; `None` where nobody does.
///
/// # Errors
/// The owner does not answer or does not let us in.
pub async fn attached(options: &Options) -> Result<Option<Attached>, StartError> {
    match attach(options).await {
        Ok(attached) => Ok(Some(attached)),
        Err(NotAttached::Nobody) => Ok(None),
        Err(NotAttached::Refused(error)) => Err(*error),
    }
}

impl Seat {
    /// A command of the console.
    ///
    /// # Errors
    /// The console's refusal, or that the owner has ended.
    pub async fn call(&self, command: &str, payload: Value) -> Result<Value, ApiError> {
        match self {
            Seat::Own(running) => running.console.call(command, payload).await,
            Seat::Attached(attached) => attached.call(command, payload).await,
        }
    }

    /// Everything that happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        match self {
            Seat::Own(running) => running.console.events(),
            Seat::Attached(attached) => attached.events(),
        }
    }

    /// Whether this seat is of no use any more, because the owner has ended.
    pub fn is_gone(&self) -> bool {
        match self {
            Seat::Own(_) => false,
            Seat::Attached(attached) => attached.is_gone(),
        }
    }

    /// Leaves. Our own engine ends when nobody else is attached to it any more.
    pub async fn leave(&self) {
        match self {
            Seat::Own(running) => running.stop_when_vacated().await,
            Seat::Attached(_) => {}
        }
    }

    /// Leaves at once. Our own engine ends, and with it the sessions of those attached to it; they take over.
    pub async fn stop(&self) {
        match self {
            Seat::Own(running) => running.stop().await,
            Seat::Attached(_) => {}
        }
    }
}

/// A seat that is kept: where the owner it was attached to ends, the next call opens the database itself, or attaches to
/// whoever did so first.
pub struct Workplace {
    options: Options,
    seat: Mutex<Arc<Seat>>,
    events: broadcast::Sender<Event>,
}

impl Workplace {
    /// Takes a seat.
    ///
    /// # Errors
    /// Everything that can be wrong at start.
    pub async fn open(options: Options) -> Result<Workplace, StartError> {
        let options = Options { acts_by_itself: true, ..options };
        let seat = Arc::new(sit(options.clone()).await?);
        let (events, _) = broadcast::channel(1_024);
        tokio::spawn(forward(seat.events(), events.clone()));
        // Whoever comes back later does not start another comparison.
        let options = Options { run_at_start: false, ..options };
        Ok(Workplace { options, seat: Mutex::new(seat), events })
    }

    /// A command of the console.
    ///
    /// # Errors
    /// The console's refusal; that the owner has ended while it worked on this; what can be wrong at start.
    pub async fn call(&self, command: &str, payload: Value) -> Result<Value, ApiError> {
        let seat = {
            // Held while sitting down again, so that one call does it for all.
            let mut seat = self.seat.lock().await;
            if seat.is_gone() {
                *seat = Arc::new(sit(self.options.clone()).await?);
                tokio::spawn(forward(seat.events(), self.events.clone()));
            }
            Arc::clone(&seat)
        };
        seat.call(command, payload).await
    }

    /// Opens the database where the process that owned it has ended: what runs by itself goes on though nobody calls.
    ///
    /// # Errors
    /// What can be wrong at start.
    pub async fn keep(&self) -> Result<(), ApiError> {
        self.call("session.get", Value::Object(serde_json::Map::new())).await.map(|_| ())
    }

    /// Everything that happens from now on, whoever owns the database.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Leaves at once.
    pub async fn stop(&self) {
        self.seat.lock().await.stop().await;
    }
}

/// Hands events on until their seat is gone.
async fn forward(mut from: broadcast::Receiver<Event>, to: broadcast::Sender<Event>) {
    loop {
        let event = match from.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(_)) => console_api::everything_changed(),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        // Nobody listens: nothing to tell.
        let _unheard = to.send(event);
    }
}
