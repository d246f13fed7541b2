//! Starts the engine of the `agent` crate for this window.

use crate::bridge::{Engine, Later, Start};
use agent::{Options, Running};
use console_api::Console;
use console_api::dto::{ApiError, Event};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{Mutex, broadcast};

/// A running engine; its console stays usable for calls that are under way while it is stopped.
struct Agent {
    console: Arc<Console>,
    running: Mutex<Option<Running>>,
}

/// What starts it: everything as the environment and the settings file say.
pub(crate) fn start() -> Start {
    Box::new(|| {
        Box::pin(async {
            let opened = agent::open(Options::from_env()).await?;
            let running = agent::start(opened).await?;
            let console = Arc::clone(&running.console);
            Ok(Arc::new(Agent { console, running: Mutex::new(Some(running)) }) as Arc<dyn Engine>)
        })
    })
}

impl Engine for Agent {
    fn call(self: Arc<Self>, command: String, payload: Value) -> Later<Result<Value, ApiError>> {
        Box::pin(async move { self.console.call(&command, payload).await })
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.console.events()
    }

    fn stop(self: Arc<Self>) -> Later<()> {
        Box::pin(async move {
            if let Some(running) = self.running.lock().await.take() {
                running.stop().await;
            }
        })
    }
}
