//! Appointments and treatments in both remotes, against wire-facts 3.2 to 3.5, 4, 5 and 10.5.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod appointments;
mod support;
mod tables;
mod treatments;
