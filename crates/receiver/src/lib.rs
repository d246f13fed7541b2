//! Takes in what the remotes tell us by themselves: signed messages over HTTPS.
//!
//! A message is acknowledged only when it is durable ([`Accepts`]), and nothing it says is believed but which record to
//! look at. Signatures follow Standard Webhooks (wire-facts 7.3): `webhook-id`, `webhook-timestamp`, and
//! `webhook-signature` with an HMAC-SHA256 over `id.timestamp.body`. Nothing of a body is ever logged.

mod answer;
pub mod feeds;
pub mod keys;
pub mod limits;
mod serve;
pub mod signature;

pub use answer::{Door, EHR_PATH, HEALTH_PATH, SERVICENOW_PATH, router};
pub use serve::{Listening, ReceiverError, TlsFiles, start};

use engine::inbox::{Accepted, Arrival};

/// Where messages go: durable on return.
#[async_trait::async_trait]
pub trait Accepts: Send + Sync + 'static {
    /// Takes a message in.
    ///
    /// # Errors
    /// It could not be stored; the sender is told to try again.
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, engine::EngineError>;
}

#[async_trait::async_trait]
impl Accepts for engine::drive::Handle {
    async fn accept(&self, arrival: Arrival) -> Result<Accepted, engine::EngineError> {
        engine::drive::Handle::accept(self, arrival).await
    }
}
