//! What was asked of a remote: counts by method and route, and the requests themselves without their secrets.

use crate::faults::lock;
use crate::wire::Request;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// The status of the reply; 0 if the connection was broken instead.
    pub status: u16,
    /// The body of a write, as text.
    pub body: String,
}

/// Counts since the start or the last reset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Requests in all.
    pub requests: u64,
    /// Records created, changed or deleted by requests.
    pub writes: u64,
    /// Requests by `METHOD route`; ids in routes are written `{id}`.
    pub by_route: BTreeMap<String, u64>,
    /// Replies by status.
    pub by_status: BTreeMap<u16, u64>,
}

/// Keeps the counts and the latest requests of one remote.
#[derive(Debug, Default)]
pub struct Journal {
    inner: Mutex<(Counts, VecDeque<Entry>)>,
}

/// Entries kept; older ones are forgotten.
const ENTRIES_MAX: usize = 2_000;

impl Journal {
    pub(crate) fn record(&self, request: &Request, status: u16) {
        let mut inner = lock(&self.inner);
        inner.0.requests += 1;
        *inner.0.by_status.entry(status).or_default() += 1;
        *inner.0.by_route.entry(route(request)).or_default() += 1;
        let target = if request.query.is_empty() {
            request.path.clone()
        } else {
            format!("{}?{}", request.path, request.query)
        };
        // Token requests carry secrets; their bodies are not kept.
        let is_record = request.path.contains("/api/");
        let body =
            if is_record { String::from_utf8_lossy(&request.body).into_owned() } else { String::new() };
        if inner.1.len() == ENTRIES_MAX {
            inner.1.pop_front();
        }
        inner.1.push_back(Entry { method: request.method.to_string(), target, status, body });
    }

    pub(crate) fn wrote(&self) {
        lock(&self.inner).0.writes += 1;
    }

    /// The counts.
    pub fn counts(&self) -> Counts {
        lock(&self.inner).0.clone()
    }

    /// The latest requests, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        lock(&self.inner).1.iter().cloned().collect()
    }

    /// Starts counting anew.
    pub fn reset(&self) {
        *lock(&self.inner) = (Counts::default(), VecDeque::new());
    }
}

fn route(request: &Request) -> String {
    let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut out = format!("{} ", request.method);
    for (at, segment) in segments.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| segments.get(at)).copied().unwrap_or_default();
        let two_before = at.checked_sub(2).and_then(|at| segments.get(at)).copied().unwrap_or_default();
        let is_id = two_before == "table"
            || matches!(before, "patients" | "appointments" | "treatments" | "practitioners");
        out.push('/');
        out.push_str(if is_id { "{id}" } else { segment });
    }
    out
}
