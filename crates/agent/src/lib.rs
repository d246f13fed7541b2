//! Puts settings, secrets, store, remotes and engine together, for the window and the command line alike.
//!
//! Everything that can be wrong at start has a [`StartError`] of its own that says what is wrong and what to do; the
//! window shows it, the command line prints it.

mod account;
mod assemble;
mod attach;
mod ending;
mod feeds;
pub mod fees;
mod matching;
mod messages;
mod mid;
mod options;
mod owner;
mod problem;
mod sample;
mod schedule;
mod seat;

pub use assemble::{
    Clients, Opened, Running, Through, columns_key, open, open_secrets, remotes, remotes_through, start,
};
pub use attach::Attached;
pub use ending::stores_closed;
pub use feeds::feed_paths;
pub use messages::check_receiver;
pub use options::{Options, data_dir, default_config_path};
pub use problem::StartError;
pub use sample::{SampleClinician, SampleConnections, write_sample};
pub use seat::{Seat, Workplace, attached, sit};

/// Logs to standard error: readable by default, JSON with `VETSYNC_LOG_FORMAT=json`; filtered by `VETSYNC_LOG`.
pub fn start_logging(default_filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VETSYNC_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default_filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first subscriber.
    let _already = if std::env::var("VETSYNC_LOG_FORMAT").is_ok_and(|format| format == "json") {
        builder.json().try_init()
    } else {
        builder.with_target(false).try_init()
    };
}

/// Chooses the one TLS provider of the process. Harmless when called twice.
pub fn install_tls() {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
