//! One call: signed in, renewed once, timed, and its failure classified.

use super::{
    Now, TlsMinimum, Transport, TransportFailure, date_ms, quoted, rate_limit_wait_ms, retry_after_ms,
};
use crate::signin::SignIn;
use crate::{Finding, RemoteError};
use record::Remote;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Clocks that are further apart than this are told of: an answer's way and the full seconds of `Date` are far less.
const CLOCKS_APART_MS: i64 = 60_000;

/// Times, status and rate limit of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStats {
    /// When it ended, Unix milliseconds.
    pub at_ms: i64,
    /// How long it took, milliseconds.
    pub latency_ms: u64,
    /// HTTP status; `None` where no answer came.
    pub status: Option<u16>,
    /// What the remote says about its rate limit, if a rule matched.
    pub rate_limit: Option<RateLimit>,
    /// How long the remote asks to wait, milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// A rate limit as ServiceNow tells it (Inbound REST API rate limiting); there is no "remaining".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per hour (`X-RateLimit-Limit`).
    pub limit: u64,
    /// When the count starts anew, Unix seconds (`X-RateLimit-Reset`).
    pub reset_at_s: Option<i64>,
    /// The rule's id (`X-RateLimit-Rule`).
    pub rule: Option<String>,
}

/// What a call does to the remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it can always be sent again.
    Read,
    /// It writes: an answer that got lost leaves doubt.
    Write,
}

/// One request, without credentials.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub method: http::Method,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<String>,
    pub effect: Effect,
}

impl Call {
    pub(crate) fn get(url: String) -> Call {
        Call { method: http::Method::GET, url, headers: Vec::new(), body: None, effect: Effect::Read }
    }
}

/// An answer that is neither a refusal of our credentials nor a passing failure.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What the remote's own clock showed when it answered (RFC 9110, "Date"), Unix milliseconds.
    pub(crate) fn clock_ms(&self) -> Option<i64> {
        date_ms(&self.headers)
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Calls one remote in our name.
pub(crate) struct Caller {
    pub remote: Remote,
    transport: Arc<dyn Transport>,
    sign_in: Arc<SignIn>,
    now: Now,
    accept: &'static str,
    content_type: &'static str,
    last: Mutex<Option<CallStats>>,
    /// Session cookies: without them ServiceNow opens a session per request (wire-facts 6.3).
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Caller {
    pub(crate) fn new(
        remote: Remote,
        transport: Arc<dyn Transport>,
        sign_in: Arc<SignIn>,
        now: Now,
        content_type: &'static str,
    ) -> Caller {
        Caller {
            remote,
            transport,
            sign_in,
            now,
            accept: match remote {
                Remote::ServiceNow => "application/json",
                Remote::Ehr => "application/fhir+json, application/json;q=0.9",
            },
            content_type,
            last: Mutex::new(None),
            cookies: Mutex::new(BTreeMap::new()),
        }
    }

    /// A caller of the same remote with the same sign-in, and a session of its own.
    pub(crate) fn again(&self) -> Caller {
        let (transport, sign_in) = (Arc::clone(&self.transport), Arc::clone(&self.sign_in));
        Caller::new(self.remote, transport, sign_in, Arc::clone(&self.now), self.content_type)
    }

    pub(crate) fn requests_per_minute(&self) -> Option<u32> {
        self.transport.requests_per_minute()
    }

    pub(crate) fn last_call(&self) -> Option<CallStats> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who carries the requests, where they do not go to the remote itself.
    pub(crate) fn carrier(&self) -> Option<&str> {
        self.transport.carrier()
    }

    /// A finding where a TLS version under 1.3 is allowed.
    pub(crate) fn tls_finding(&self) -> Option<Finding> {
        (self.transport.tls_minimum() == TlsMinimum::Tls12).then(|| Finding {
            fatal: false,
            what: "TLS 1.2 is allowed for this connection".to_owned(),
            way_out: "set the minimum back to TLS 1.3 as soon as the remote speaks it".to_owned(),
        })
    }

    /// A finding where the remote's clock and ours are further apart than signed tokens and messages may be.
    pub(crate) fn clock_finding(&self, clock_ms: Option<i64>) -> Option<Finding> {
        let ahead_ms = clock_ms?.saturating_sub(self.now_ms());
        if ahead_ms.abs() < CLOCKS_APART_MS {
            return None;
        }
        let (label, seconds) = (self.remote.label(), ahead_ms.abs() / 1_000);
        let way = if ahead_ms > 0 { "ahead of" } else { "behind" };
        Some(Finding {
            fatal: false,
            what: format!("{label}'s clock is {seconds} s {way} this computer's"),
            way_out: "have both set by a time server: sign-in and signed messages are refused when they are five minutes \
                      apart. What changed is asked for by the remote's own clock and suffers no harm"
                .to_owned(),
        })
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.now)()
    }

    pub(crate) fn protocol(&self, what: impl Into<String>) -> RemoteError {
        RemoteError::Protocol { remote: self.remote, what: what.into() }
    }

    pub(crate) fn refused(&self, status: u16, what: impl Into<String>) -> RemoteError {
        RemoteError::Refused { remote: self.remote, status, what: what.into() }
    }

    pub(crate) fn ambiguous(&self, what: impl Into<String>) -> RemoteError {
        RemoteError::Ambiguous { remote: self.remote, what: what.into() }
    }

    pub(crate) fn transient(&self, status: u16, what: impl Into<String>) -> RemoteError {
        RemoteError::Transient { remote: self.remote, status, what: what.into(), retry_after_ms: None }
    }

    /// Sends the call with an access token. A 401 renews the token once and sends once more: a refused request was
    /// not carried out, so that is safe for writes too.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer, RemoteError> {
        let token = self.sign_in.token().await?;
        let first = self.send(call, token.expose()).await?;
        let answer = if first.status == 401 {
            self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let renewed = self.sign_in.renew(&token).await?;
            self.send(call, renewed.expose()).await?
        } else {
            first
        };
        self.classify(call.effect, answer)
    }

    async fn send(&self, call: &Call, token: &str) -> Result<Answer, RemoteError> {
        let mut builder = http::Request::builder()
            .method(call.method.clone())
            .uri(&call.url)
            .header(http::header::ACCEPT, self.accept)
            .header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        if call.body.is_some() {
            builder = builder.header(http::header::CONTENT_TYPE, self.content_type);
        }
        for (name, value) in &call.headers {
            builder = builder.header(*name, value);
        }
        if let Some(cookies) = self.cookie_header() {
            builder = builder.header(http::header::COOKIE, cookies);
        }
        let mut request = builder.body(call.body.clone().unwrap_or_default().into_bytes()).map_err(|_| {
            self.refused(0, "the address or a header cannot be sent: check the configured address")
        })?;
        if let Some(authorization) = request.headers_mut().get_mut(http::header::AUTHORIZATION) {
            authorization.set_sensitive(true);
        }
        let began_ms = self.now_ms();
        let outcome = self.transport.send(request).await;
        self.note(began_ms, &outcome);
        match outcome {
            Ok(response) => {
                self.keep_cookies(response.headers());
                let (head, body) = response.into_parts();
                let status = head.status.as_u16();
                let body = String::from_utf8(body).map_err(|_| match call.effect {
                    Effect::Read => self.transient(status, "the answer is not UTF-8 text"),
                    Effect::Write => self.ambiguous("the answer is not UTF-8 text"),
                })?;
                Ok(Answer { status, headers: head.headers, body })
            }
            Err(failure) => Err(self.failure(call.effect, &failure)),
        }
    }

    fn note(&self, began_ms: i64, outcome: &Result<http::Response<Vec<u8>>, TransportFailure>) {
        let at_ms = self.now_ms();
        let response = outcome.as_ref().ok();
        let stats = CallStats {
            at_ms,
            latency_ms: u64::try_from(at_ms.saturating_sub(began_ms)).unwrap_or(0),
            status: response.map(|response| response.status().as_u16()),
            rate_limit: response.and_then(|response| rate_limit(response.headers())),
            retry_after_ms: response.and_then(|response| retry_after_ms(response.headers(), at_ms)),
        };
        tracing::debug!(
            remote = self.remote.as_str(),
            status = stats.status,
            latency_ms = stats.latency_ms,
            "call ended"
        );
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(stats);
    }

    fn failure(&self, effect: Effect, failure: &TransportFailure) -> RemoteError {
        match (failure, effect) {
            (TransportFailure::NotSent { what }, _) => {
                RemoteError::Unreachable { remote: self.remote, what: what.clone() }
            }
            (TransportFailure::Held { what, retry_after_ms }, _) => RemoteError::Transient {
                remote: self.remote,
                status: 0,
                what: what.clone(),
                retry_after_ms: *retry_after_ms,
            },
            (TransportFailure::Unfit { what }, _) => self.refused(0, what.clone()),
            (TransportFailure::Lost { what }, Effect::Read) => self.transient(0, what.clone()),
            (
                TransportFailure::BodyCut { status, .. } | TransportFailure::TooLarge { status, .. },
                Effect::Read,
            ) => self.transient(*status, failure.to_string()),
            (failure, Effect::Write) => self.ambiguous(failure.to_string()),
        }
    }

    /// Takes away what is the same for both remotes: our credentials refused, and failures that pass.
    fn classify(&self, effect: Effect, answer: Answer) -> Result<Answer, RemoteError> {
        let html = is_html(&answer);
        let what = |words: &str| {
            if html { format!("{words} (a web page came instead of JSON)") } else { words.to_owned() }
        };
        match (answer.status, effect) {
            (401, _) => Err(RemoteError::SignIn {
                remote: self.remote,
                what: "a fresh access token was refused: check that the integration user is active and has its roles, \
                       and that this computer's clock is right"
                    .to_owned(),
            }),
            // The remote refuses before it starts; a write that ended so was not done.
            (429, _) => Err(self.passing(&answer, what("too many requests, the rate limit is reached"))),
            (503, _) => Err(self.passing(&answer, what("it is not available just now"))),
            // Who answers so may have passed the request on, or failed after it was carried out.
            (408 | 500..=599, Effect::Write) => {
                Err(self.ambiguous(what(&format!("it answered {} to a write", answer.status))))
            }
            (408 | 500..=599, Effect::Read) => Err(self.passing(&answer, what("it failed to answer"))),
            (300..=399, _) => Err(self.protocol(format!(
                "it redirects ({}), which is not followed: check the configured address",
                answer.status
            ))),
            (200..=299, Effect::Read) if html => Err(self.passing(
                &answer,
                "a web page came instead of JSON: the instance may be hibernating, or the address is wrong".to_owned(),
            )),
            (200..=299, Effect::Write) if html => Err(self.ambiguous("a web page came instead of JSON")),
            _ => Ok(answer),
        }
    }

    fn passing(&self, answer: &Answer, what: String) -> RemoteError {
        RemoteError::Transient {
            remote: self.remote,
            status: answer.status,
            what,
            retry_after_ms: match answer.status {
                429 => rate_limit_wait_ms(&answer.headers, self.now_ms()),
                _ => retry_after_ms(&answer.headers, self.now_ms()),
            },
        }
    }

    fn cookie_header(&self) -> Option<String> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        if cookies.is_empty() {
            return None;
        }
        Some(cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; "))
    }

    /// Keeps the two cookies that hold a ServiceNow session and its node; no others, and nothing from the EHR.
    fn keep_cookies(&self, headers: &http::HeaderMap) {
        if self.remote != Remote::ServiceNow {
            return;
        }
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for line in headers.get_all(http::header::SET_COOKIE) {
            let Some((name, value)) = line
                .to_str()
                .ok()
                .and_then(|line| line.split(';').next())
                .and_then(|pair| pair.trim().split_once('='))
            else {
                continue;
            };
            if matches!(name, "JSESSIONID" | "glide_user_route") {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn is_html(answer: &Answer) -> bool {
    answer
        .header("content-type")
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
        || answer.body.trim_start().get(..9).is_some_and(|head| head.eq_ignore_ascii_case("<!doctype"))
}

fn rate_limit(headers: &http::HeaderMap) -> Option<RateLimit> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Some(RateLimit {
        limit: text("x-ratelimit-limit")?.trim().parse().ok()?,
        reset_at_s: text("x-ratelimit-reset").and_then(|value| value.trim().parse().ok()),
        rule: text("x-ratelimit-rule").map(quoted),
    })
}
