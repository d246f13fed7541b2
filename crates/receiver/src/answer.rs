//! One message: everything that is checked, in this order, and what is answered.

use crate::Accepts;
use crate::feeds::{self, Feeds};
use crate::keys::Keys;
use crate::limits::RateLimit;
use crate::signature::is_signed;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use engine::Clock;
use engine::inbox::{Accepted, Arrival};
use record::Remote;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where ServiceNow sends to.
pub const SERVICENOW_PATH: &str = "/webhooks/servicenow";
/// Where the EHR sends to.
pub const EHR_PATH: &str = "/webhooks/ehr";
/// Says that a receiver listens, and nothing else.
pub const HEALTH_PATH: &str = "/webhooks/health";

/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// Messages that are worked on at the same time; more are told to come back.
const AT_ONCE_MOST: usize = 256;
/// A message's id is no longer than this.
const ID_LETTERS_MOST: usize = 255;

/// What the receiver checks by, and where messages go.
pub struct Door {
    /// Durable on return.
    pub inbox: Arc<dyn Accepts>,
    /// The senders' keys.
    pub keys: Keys,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// A timestamp may differ from our clock by so much, either way, in milliseconds.
    pub window_ms: i64,
    /// The longest body, in bytes.
    pub body_bytes_max: usize,
    /// Messages a minute, by sender and address.
    pub limit: RateLimit<(Remote, IpAddr)>,
    /// Messages under way.
    pub under_way: AtomicUsize,
    /// Calendars that are read here, where there are any.
    pub feeds: Option<Arc<dyn Feeds>>,
    /// Readings a minute, by address.
    pub reads: RateLimit<IpAddr>,
}

/// What is wrong with a message, and what is answered. The words say nothing of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    TooMany { retry_after_seconds: u64 },
    Busy,
    NotJson,
    TooLarge,
    TooSlow,
    Headers,
    Unsigned,
    Stale,
    NotText,
    NotStored,
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Refusal::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Busy | Refusal::NotStored => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::Headers | Refusal::NotText => StatusCode::BAD_REQUEST,
            // Neither says more: whoever guesses learns nothing.
            Refusal::Unsigned | Refusal::Stale => StatusCode::UNAUTHORIZED,
        }
    }

    /// For the log and the answer.
    const fn word(self) -> &'static str {
        match self {
            Refusal::TooMany { .. } => "too_many",
            Refusal::Busy => "busy",
            Refusal::NotJson => "not_json",
            Refusal::TooLarge => "too_large",
            Refusal::TooSlow => "too_slow",
            Refusal::Headers => "headers_missing",
            Refusal::Unsigned => "signature_wrong",
            // Said only to whoever holds the key: the signature was right.
            Refusal::Stale => "timestamp_outside_the_window",
            Refusal::NotText => "not_utf8",
            Refusal::NotStored => "not_stored",
        }
    }

    const fn retry_after_seconds(self) -> Option<u64> {
        match self {
            Refusal::TooMany { retry_after_seconds } => Some(retry_after_seconds),
            Refusal::Busy => Some(1),
            Refusal::NotStored => Some(5),
            Refusal::NotJson
            | Refusal::TooLarge
            | Refusal::TooSlow
            | Refusal::Headers
            | Refusal::Unsigned
            | Refusal::Stale
            | Refusal::NotText => None,
        }
    }
}

/// The receiver's routes.
pub fn router(door: Arc<Door>) -> Router {
    let route = |remote: Remote| {
        post(
            move |State(door): State<Arc<Door>>,
                  ConnectInfo(from): ConnectInfo<SocketAddr>,
                  headers: HeaderMap,
                  body: Body| async move { answer(&door, remote, from.ip(), &headers, body).await },
        )
    };
    Router::new()
        .route(SERVICENOW_PATH, route(Remote::ServiceNow))
        .route(EHR_PATH, route(Remote::Ehr))
        .route("/calendars/{file}", get(calendar))
        .route(HEALTH_PATH, get(async || StatusCode::NO_CONTENT))
        .with_state(door)
}

async fn calendar(
    State(door): State<Arc<Door>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(seconds) = door.reads.take(&from.ip(), door.clock.now_ms()) {
        let refusal = Refusal::TooMany { retry_after_seconds: seconds };
        return response(refusal.status(), Some(refusal.word()), refusal.retry_after_seconds());
    }
    feeds::answer(door.feeds.as_deref(), &file, &headers).await
}

/// Counts a message as under way for as long as it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn enter(count: &'a AtomicUsize) -> Option<UnderWay<'a>> {
        let entered = UnderWay(count);
        (count.fetch_add(1, Ordering::SeqCst) < AT_ONCE_MOST).then_some(entered)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(door: &Door, remote: Remote, from: IpAddr, headers: &HeaderMap, body: Body) -> Response {
    let taken = match UnderWay::enter(&door.under_way) {
        Some(_under_way) => take(door, remote, from, headers, body).await,
        None => Err(Refusal::Busy),
    };
    match taken {
        Ok(accepted) => {
            let again = matches!(accepted, Accepted::Again(_));
            let (Accepted::New(event) | Accepted::Again(event)) = accepted;
            tracing::info!(remote = remote.as_str(), event = %event, again, "receiver.accepted");
            let status = if again { StatusCode::OK } else { StatusCode::ACCEPTED };
            response(status, None, None)
        }
        Err(refusal) => {
            tracing::warn!(remote = remote.as_str(), why = refusal.word(), "receiver.refused");
            response(refusal.status(), Some(refusal.word()), refusal.retry_after_seconds())
        }
    }
}

fn response(status: StatusCode, word: Option<&'static str>, retry_after_seconds: Option<u64>) -> Response {
    let body = word.map_or_else(Body::empty, |word| Body::from(format!("{{\"error\":\"{word}\"}}")));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    if word.is_some() {
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    if let Some(seconds) = retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn take(
    door: &Door,
    remote: Remote,
    from: IpAddr,
    headers: &HeaderMap,
    body: Body,
) -> Result<Accepted, Refusal> {
    let now_ms = door.clock.now_ms();
    door.limit
        .take(&(remote, from), now_ms)
        .map_err(|retry_after_seconds| Refusal::TooMany { retry_after_seconds })?;
    if !is_json(headers) {
        return Err(Refusal::NotJson);
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let (Some(id), Some(timestamp), Some(signature)) =
        (text("webhook-id"), text("webhook-timestamp"), text("webhook-signature"))
    else {
        return Err(Refusal::Headers);
    };
    // The signed text joins its parts with full stops: an id with one could pass for another message's.
    let plain = |letter: char| letter.is_ascii_graphic() && letter != '.';
    if id.is_empty() || id.len() > ID_LETTERS_MOST || !id.chars().all(plain) {
        return Err(Refusal::Headers);
    }
    if timestamp.is_empty() || timestamp.len() > 12 || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Headers);
    }
    let at_ms = timestamp.parse::<i64>().map_err(|_| Refusal::Headers)?.saturating_mul(1_000);
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > door.body_bytes_max) {
        return Err(Refusal::TooLarge);
    }
    let body = match tokio::time::timeout(BODY_WITHIN, to_bytes(body, door.body_bytes_max)).await {
        Ok(Ok(body)) => body,
        // Longer than allowed, or broken off: either way there is nothing to verify.
        Ok(Err(_)) => return Err(Refusal::TooLarge),
        Err(_) => return Err(Refusal::TooSlow),
    };
    let mut keys = door.keys.of(remote, now_ms, false).await;
    if !is_signed(&keys, id, timestamp, &body, signature) {
        // The key may have been replaced a moment ago.
        keys = door.keys.of(remote, now_ms, true).await;
        if !is_signed(&keys, id, timestamp, &body, signature) {
            return Err(Refusal::Unsigned);
        }
    }
    if (now_ms - at_ms).abs() > door.window_ms {
        return Err(Refusal::Stale);
    }
    let raw = String::from_utf8(body.into()).map_err(|_| Refusal::NotText)?;
    let arrival = Arrival { remote, message: id.to_owned(), raw };
    door.inbox.accept(arrival).await.map_err(|error| {
        tracing::error!(remote = remote.as_str(), error = %error.log_words(), "receiver.not_stored");
        Refusal::NotStored
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}
