//! The way to the EHR through a MID Server: requests become rows of ServiceNow's ECC queue, and a MID Server in the
//! hospital's network carries them out.
//!
//! [`MidRoute`] is a [`Transport`](crate::http::Transport), so that the EHR's client works over it unchanged;
//! [`MidServer`] is the record of the MID Server that ServiceNow keeps. What of the queue is documented, what was
//! inferred, and what nobody has seen on a live instance stands in `docs/servicenow/mid-server.md`.

mod agent;
pub mod payload;
mod queue;
mod route;

pub use agent::{MidReport, MidServer, MidState};
pub use route::{MidParts, MidRoute, MidTimes};
