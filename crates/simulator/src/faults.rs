//! Faults: what real remotes do when they misbehave, switched on while the simulation runs, in a fixed order and
//! without chance.

use crate::wire::{Reply, Request};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A list holds no more than this many entries, whatever was asked for.
    ShortPages {
        /// Entries per page.
        at_most: usize,
    },
    /// ServiceNow: status 200, the rows of the page cut in half, and an `error` object behind them (wire-facts 5.1).
    ErrorInBody,
    /// The body ends in the middle; the length header agrees with it.
    TruncatedJson,
    /// The request is carried out, then the connection breaks before a reply.
    DropReply,
    /// The connection breaks before the request is carried out.
    DropRequest,
    /// The reply comes late.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// 429, not carried out.
    TooManyRequests {
        /// `Retry-After` in seconds; no header without it.
        retry_after_s: Option<u32>,
    },
    /// 401, not carried out, as if the token had been revoked.
    Unauthorized,
    /// A 5xx with the remote's usual error body, not carried out.
    ServerError {
        /// The status.
        status: u16,
    },
    /// An HTML page of a gateway, not carried out.
    HtmlPage {
        /// The status; 200 happens.
        status: u16,
    },
    /// The query (`sysparm_query`; `identifier` and `_lastUpdated`) is ignored: everything comes back.
    IgnoreQuery,
    /// The reply has no `ETag`.
    NoEtag,
}

/// Which requests a fault meets, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// The fault.
    pub fault: Fault,
    /// Only requests of this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path contains this.
    #[serde(default)]
    pub path_contains: Option<String>,
    /// This many matching requests pass before the first one is met.
    #[serde(default)]
    pub skip: u32,
    /// This many requests are met, then the fault is over; 0 means until it is cleared.
    #[serde(default)]
    pub times: u32,
    /// Only every n-th matching request is met; 0 and 1 mean each.
    #[serde(default)]
    pub every: u32,
}

impl PlannedFault {
    /// A fault that meets every request until it is cleared.
    pub fn always(fault: Fault) -> PlannedFault {
        PlannedFault { fault, method: None, path_contains: None, skip: 0, times: 0, every: 0 }
    }

    /// A fault that meets the next request only.
    pub fn once(fault: Fault) -> PlannedFault {
        PlannedFault { times: 1, ..PlannedFault::always(fault) }
    }

    /// Limits it to one method.
    #[must_use]
    pub fn method(mut self, method: &str) -> PlannedFault {
        self.method = Some(method.to_owned());
        self
    }

    /// Limits it to paths that contain this.
    #[must_use]
    pub fn path(mut self, part: &str) -> PlannedFault {
        self.path_contains = Some(part.to_owned());
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> PlannedFault {
        self.skip = skip;
        self
    }

    /// Meets this many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> PlannedFault {
        self.times = times;
        self
    }
}

/// The planned faults of one remote, with their counters.
#[derive(Debug, Default)]
pub struct Faults {
    plan: Mutex<Vec<(PlannedFault, u32, u32)>>,
}

impl Faults {
    /// Adds a fault behind those already planned.
    pub fn add(&self, planned: PlannedFault) {
        lock(&self.plan).push((planned, 0, 0));
    }

    /// Ends all faults.
    pub fn clear(&self) {
        lock(&self.plan).clear();
    }

    /// The planned faults, each with how many requests it met so far.
    pub fn planned(&self) -> Vec<(PlannedFault, u32)> {
        lock(&self.plan).iter().map(|(planned, _, met)| (planned.clone(), *met)).collect()
    }

    /// The faults this request meets; counts it.
    pub(crate) fn meet(&self, request: &Request) -> Met {
        let mut met = Vec::new();
        for (planned, seen, hits) in lock(&self.plan).iter_mut() {
            let fits = planned
                .method
                .as_deref()
                .is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()))
                && planned.path_contains.as_deref().is_none_or(|part| request.path.contains(part));
            if !fits || (planned.times > 0 && *hits >= planned.times) {
                continue;
            }
            let position = *seen;
            *seen = seen.saturating_add(1);
            let due =
                position >= planned.skip && (position - planned.skip).is_multiple_of(planned.every.max(1));
            if due {
                *hits = hits.saturating_add(1);
                met.push(planned.fault.clone());
            }
        }
        Met { faults: met }
    }
}

/// The faults one request meets.
#[derive(Debug, Default, Clone)]
pub(crate) struct Met {
    pub(crate) faults: Vec<Fault>,
}

impl Met {
    pub(crate) fn page_limit(&self) -> Option<usize> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::ShortPages { at_most } => Some(*at_most),
            _ => None,
        })
    }

    pub(crate) fn has(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }

    pub(crate) fn delay_ms(&self) -> u64 {
        self.faults.iter().map(|fault| if let Fault::Delay { ms } = fault { *ms } else { 0 }).sum()
    }

    /// The reply that takes the place of carrying the request out, if a fault does; `error` makes the remote's body.
    pub(crate) fn instead(&self, error: impl Fn(StatusCode, &str, Option<&str>) -> Reply) -> Option<Reply> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::TooManyRequests { retry_after_s } => {
                let reply = error(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded", None);
                Some(match retry_after_s {
                    Some(seconds) => reply.with("retry-after", &seconds.to_string()),
                    None => reply,
                })
            }
            Fault::Unauthorized => Some(error(
                StatusCode::UNAUTHORIZED,
                "User is not authenticated",
                Some("Required to provide Auth information"),
            )),
            Fault::ServerError { status } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Some(error(status, "Internal Server Error", None))
            }
            Fault::HtmlPage { status } => Some(Reply::new(
                StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY),
                "text/html;charset=UTF-8",
                "<!DOCTYPE html><html><head><title>Service unavailable</title></head><body><h1>The service is \
                 starting up. Please come back later.</h1></body></html>",
            )),
            _ => None,
        })
    }

    /// What a fault does to a finished reply.
    pub(crate) fn spoil(&self, mut reply: Reply) -> Reply {
        if self.has(&Fault::NoEtag) {
            reply.headers.remove(http::header::ETAG);
        }
        if self.has(&Fault::TruncatedJson) && reply.status.is_success() {
            let half = reply.body.len() / 2;
            reply.body.truncate(half);
        }
        reply
    }
}

/// A lock whose poisoning is of no concern here: every change under it is complete in itself.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
