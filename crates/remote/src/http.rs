//! HTTP as both clients use it: a transport that can be replaced, calls that sign in, and every failure put into the
//! words of [`RemoteError`](crate::RemoteError).

mod caller;
mod ceiling;
mod https;
mod words;

pub use caller::CallStats;
pub use caller::RateLimit;
pub(crate) use caller::{Answer, Call, Caller, Effect};
pub use ceiling::{Ceiling, Elapsed, Wait};
pub use https::{HttpsSettings, HttpsTransport, TlsMinimum};
pub(crate) use words::{date_ms, percent_encode, quoted, rate_limit_wait_ms, retry_after_ms};

use async_trait::async_trait;
use std::sync::Arc;

/// The time, Unix milliseconds. Time comes in as a value, so that tests and the seeded simulation can set it.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// A fresh unique id (the `jti` of a signed JWT).
pub type NewId = Arc<dyn Fn() -> String + Send + Sync>;

/// Sends one request and waits for the whole answer.
///
/// The product's is [`HttpsTransport`]; the seeded simulation puts routers in process behind it.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends the request; follows no redirect and retries nothing that may have reached the remote.
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, TransportFailure>;

    /// The lowest TLS version it speaks; probes warn of anything under TLS 1.3.
    fn tls_minimum(&self) -> TlsMinimum {
        TlsMinimum::Tls13
    }

    /// The most requests it lets pass a minute; `None` without a ceiling.
    fn requests_per_minute(&self) -> Option<u32> {
        None
    }

    /// Who carries the requests, where they do not go to the remote itself: the MID Server's name.
    fn carrier(&self) -> Option<&str> {
        None
    }
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFailure {
    /// The request surely never reached the remote: name, connection or TLS failed.
    #[error("{what}")]
    NotSent {
        /// What failed and what to do, in words.
        what: String,
    },
    /// It was not sent: whoever carries requests asks to wait first.
    #[error("{what}")]
    Held {
        /// Who asks, in words.
        what: String,
        /// How long, milliseconds from now, if that was said.
        retry_after_ms: Option<u64>,
    },
    /// It was not sent and never will be by this way: too large, or with characters that cannot be carried.
    #[error("{what}")]
    Unfit {
        /// What is wrong with it and the way out, in words.
        what: String,
    },
    /// The connection broke or the time was up after the request may have been sent.
    #[error("{what}")]
    Lost {
        /// What failed, in words.
        what: String,
    },
    /// The answer's head came, its body broke off.
    #[error("the answer ({status}) broke off: {what}")]
    BodyCut {
        /// The status that the head said.
        status: u16,
        /// What failed, in words.
        what: String,
    },
    /// The answer is larger than this client takes.
    #[error("the answer ({status}) is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The status that the head said.
        status: u16,
        /// The limit.
        limit_bytes: usize,
    },
}

/// A setting with which no client can be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct SettingProblem {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong with it and the way out, without its value.
    pub problem: String,
}

impl SettingProblem {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        SettingProblem { setting, problem: problem.into() }
    }
}
