//! A ServiceNow instance with a MID Server, an EHR and an identity provider to test against, filled with a seeded clinic.
//!
//! They follow what is documented and observed of the real systems, independently of the product's own clients: the
//! code of those is never consulted here, so that both cannot share a mistake. Each remote is a value that answers
//! requests ([`servicenow::Instance::answer`], [`ehr::Ehr::answer`], [`idp::IdentityProvider::answer`]), a router for
//! use in process ([`serve`]), and, started by [`Simulation`], a server with TLS 1.3 on loopback.

#![allow(
    clippy::result_large_err,
    reason = "a refusal is the whole reply, made once per request: boxing it would buy nothing"
)]

pub mod clinic;
pub mod clock;
pub mod control;
pub mod ehr;
pub mod faults;
pub mod idp;
pub mod journal;
mod jwt;
pub mod mid;
pub mod serve;
pub mod servicenow;
mod simulation;
mod tls;
pub mod wire;

pub use clock::Clock;
pub use control::Control;
pub use faults::{Fault, Faults, PlannedFault};
pub use simulation::{
    Credentials, EhrCredentials, Options, Running, ServiceNowCredentials, Simulation, StartError,
};
pub use tls::{SigningKey, TlsError};
