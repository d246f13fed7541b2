//! The EHR client against a small EHR over TLS, with each ability taken away: reached directly, and through the queue of a
//! MID Server. What the client does must be the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod support;

mod directly {
    const BY_MID_SERVER: bool = false;
    include!("ehr/cases.rs");
}

mod through_a_mid_server {
    const BY_MID_SERVER: bool = true;
    include!("ehr/cases.rs");
}
