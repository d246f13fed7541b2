//! The engine of the `agent` crate for this window: its own, or that of the process which owns the database already.

use crate::bridge::{Engine, Later, Start};
use agent::{Options, Workplace};
use console_api::dto::{ApiError, Event};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::broadcast;

/// The seat of this window.
struct Agent(Workplace);

/// What starts it: everything as the environment and the settings file say.
pub(crate) fn start() -> Start {
    Box::new(|| {
        Box::pin(async {
            let workplace = Workplace::open(Options::from_env()).await?;
            Ok(Arc::new(Agent(workplace)) as Arc<dyn Engine>)
        })
    })
}

impl Engine for Agent {
    fn call(self: Arc<Self>, command: String, payload: Value) -> Later<Result<Value, ApiError>> {
        Box::pin(async move { self.0.call(&command, payload).await })
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.0.events()
    }

    fn stop(self: Arc<Self>) -> Later<()> {
        Box::pin(async move { self.0.stop().await })
    }
}
