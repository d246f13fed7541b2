//! Requests to the EHR by way of the queue: put there, taken up, carried out, answered.

use super::agent::{MidReport, MidServer, MidState};
use super::payload::{self, Payload, Probe, ProbeResult};
use super::queue::{IDS_MAX, Incoming, Outgoing, Queue, Standing, State};
use crate::RemoteError;
use crate::http::{Caller, Elapsed, NewId, Now, SettingProblem, Transport, TransportFailure, Wait, quoted};
use crate::signin::SignIn;
use async_trait::async_trait;
use aws_lc_rs::digest;
use record::Remote;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long what may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MidTimes {
    /// From putting a request into the queue until it has to be taken up, milliseconds.
    pub pickup_ms: i64,
    /// From then on until its answer has to be there, milliseconds.
    pub answer_ms: i64,
    /// Between two looks for answers, milliseconds.
    pub poll_ms: u64,
    /// Largest payload of a request, bytes.
    pub request_bytes_max: usize,
}

/// An earlier row for the same creation is waited for instead of putting a second one, if it is not older than this.
const SAME_CREATION_MS: i64 = 60 * 60_000;
/// The longest wait between two looks, whatever an instance asks for.
const SLOW_POLL_MS: u64 = 60_000;

type Outcome = Result<http::Response<Vec<u8>>, TransportFailure>;

/// Carries requests to the EHR through a MID Server.
///
/// The queue gives no order and may carry a request out twice: what is sent here has to be harmless then, by `If-Match`,
/// `If-None-Exist` and our keys.
pub struct MidRoute {
    queue: Queue,
    mid: Arc<MidServer>,
    times: MidTimes,
    now: Now,
    elapsed: Elapsed,
    wait: Wait,
    new_id: NewId,
    /// Rows that are waited for, with their answers as soon as they are there.
    waiting: Mutex<HashMap<String, Waiting>>,
    /// Whoever holds it looks for everybody.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Waiting {
    /// Requests that wait for this row: the same creation may be asked for twice.
    callers: usize,
    outcome: Option<Outcome>,
}

/// Ends the waiting for a row, however the request ends.
struct Expecting<'r> {
    route: &'r MidRoute,
    sys_id: String,
}

impl Drop for Expecting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.route.waiting();
        if let Some(entry) = waiting.get_mut(&self.sys_id) {
            entry.callers -= 1;
            if entry.callers == 0 {
                waiting.remove(&self.sys_id);
            }
        }
    }
}

/// What the queue is asked through, and by which clock.
pub struct MidParts {
    /// To ServiceNow, with the ceiling of its client.
    pub transport: Arc<dyn Transport>,
    /// Signs in at ServiceNow.
    pub sign_in: Arc<SignIn>,
    /// The time of day.
    pub now: Now,
    /// A clock that nobody sets.
    pub elapsed: Elapsed,
    /// How it waits.
    pub wait: Wait,
    /// Names of rows that are not creations.
    pub new_id: NewId,
}

impl MidRoute {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// Times of zero.
    pub fn new(
        base_url: &str,
        mid: Arc<MidServer>,
        times: MidTimes,
        parts: MidParts,
    ) -> Result<MidRoute, SettingProblem> {
        if times.pickup_ms <= 0 || times.answer_ms <= 0 || times.poll_ms == 0 {
            return Err(SettingProblem::new("mid_server", "its times must be more than 0"));
        }
        let MidParts { transport, sign_in, now, elapsed, wait, new_id } = parts;
        let caller =
            Caller::new(Remote::ServiceNow, transport, sign_in, Arc::clone(&now), "application/json");
        let queue = Queue::new(caller, base_url, mid.name());
        Ok(MidRoute {
            queue,
            mid,
            times,
            now,
            elapsed,
            wait,
            new_id,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self) -> &str {
        self.mid.name()
    }

    /// Nothing is put into the queue of a MID Server that surely takes nothing up: it would come to it all at once, late.
    async fn refuse_while_not_up(&self) -> Result<(), TransportFailure> {
        let Some(MidReport { state, words, way_out, .. }) = self.mid.recent().await else {
            // Whether ServiceNow answers shows when the row is put there.
            return Ok(());
        };
        match state {
            // How its record is refreshed is not documented well enough to hold requests back.
            MidState::Up | MidState::Stale | MidState::Hidden => Ok(()),
            MidState::NotUp | MidState::NotValidated | MidState::Missing => Err(TransportFailure::NotSent {
                what: format!("the MID Server {} {words}: {way_out}", self.name()),
            }),
        }
    }

    /// The row for a request, or why there can be none.
    async fn row_of(&self, request: &http::Request<Vec<u8>>) -> Result<Row, TransportFailure> {
        let unfit = |what: String| TransportFailure::Unfit { what };
        let method = request.method().as_str().to_ascii_lowercase();
        if !matches!(method.as_str(), "get" | "post" | "put" | "patch" | "delete") {
            return Err(unfit(format!("{method} requests cannot go through a MID Server")));
        }
        let url = request.uri().to_string();
        let mut headers = Vec::new();
        for (name, value) in request.headers() {
            let value = value
                .to_str()
                .map_err(|_| unfit(format!("the header {name} cannot go through a MID Server")))?;
            headers.push((name.as_str().to_owned(), value.to_owned()));
        }
        let content = String::from_utf8(request.body().clone())
            .map_err(|_| unfit("a body that is not text cannot go through a MID Server".to_owned()))?;
        let probe = Probe { method: method.clone(), url, headers, content };
        let payload = probe
            .to_xml()
            .map_err(|problem| unfit(format!("it cannot go through a MID Server: {problem}")))?;
        let lengths = self.queue.lengths().await.map_err(not_put)?;
        let kilobytes = payload.len().div_ceil(1024);
        if payload.len() > self.times.request_bytes_max {
            return Err(unfit(format!(
                "it is too large for the MID Server's queue ({kilobytes} kB, {} kB are allowed): shorten the record, or \
                 raise mid_server.request_kilobytes_max; nothing was sent",
                self.times.request_bytes_max / 1024
            )));
        }
        if lengths.payload_chars.is_some_and(|most| payload.chars().count() > most) {
            return Err(unfit(format!(
                "it is longer than the column ecc_queue.payload takes ({kilobytes} kB): shorten the record, or have the \
                 column's length raised; nothing was sent"
            )));
        }
        if probe.url.chars().count() > lengths.source_chars {
            // Cut off, it would ask for something else.
            return Err(unfit(format!(
                "its address is longer than the column ecc_queue.source takes ({} characters): let the integration user \
                 read sys_dictionary, or have the column's length raised; nothing was sent",
                lengths.source_chars
            )));
        }
        let is_form = request
            .headers()
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        // A creation is known by what it sends: one that is under way is found again, whoever put it there.
        let creates = method == "post" && !is_form;
        let own = if creates {
            let mut text = format!("{method} {}\n", probe.url);
            for (name, value) in probe.headers.iter().filter(|(name, _)| name.starts_with("if-")) {
                text.push_str(&format!("{name}: {value}\n"));
            }
            text.push_str(&probe.content);
            hex::encode(
                digest::digest(&digest::SHA256, text.as_bytes()).as_ref().get(..16).unwrap_or_default(),
            )
        } else {
            (self.new_id)()
        };
        let outgoing =
            Outgoing { name: method, source: probe.url, correlator: format!("vetsync.{own}"), payload };
        Ok(Row { outgoing, creates })
    }

    /// Puts the row into the queue, or finds the one that is there for the same creation.
    async fn put(&self, row: &Row) -> Result<String, TransportFailure> {
        if row.creates
            && let Some(earlier) = self.under_way(&row.outgoing.correlator).await.map_err(not_put)?
        {
            return Ok(earlier);
        }
        match self.queue.put(&row.outgoing).await {
            Ok(sys_id) => Ok(sys_id),
            // It may stand there all the same: our correlation tells.
            Err(error @ RemoteError::Ambiguous { .. }) => {
                match self.under_way(&row.outgoing.correlator).await {
                    Ok(Some(sys_id)) => Ok(sys_id),
                    Ok(None) | Err(_) => Err(TransportFailure::Lost { what: error.to_string() }),
                }
            }
            Err(error) => Err(not_put(error)),
        }
    }

    /// The row with this correlation that is still to be answered, or was answered with a success: its answer is ours.
    /// A refusal is not: what was refused before may be in order by now.
    async fn under_way(&self, correlator: &str) -> Result<Option<String>, RemoteError> {
        let recent = |standing: &Standing| {
            standing.created_at_ms.is_none_or(|at_ms| (self.now)().saturating_sub(at_ms) < SAME_CREATION_MS)
        };
        for standing in self.queue.of_correlator(correlator).await?.into_iter().filter(recent) {
            match standing.state {
                State::Ready | State::Processing => return Ok(Some(standing.sys_id)),
                // Answered, or called off.
                State::Over => {
                    let answers = self.queue.answers(std::slice::from_ref(&standing.sys_id)).await?;
                    let outcome = self.outcome_of(&answers.iter().collect::<Vec<_>>()).await;
                    if matches!(outcome, Some(Ok(response)) if response.status().is_success()) {
                        return Ok(Some(standing.sys_id));
                    }
                }
            }
        }
        Ok(None)
    }

    fn expect(&self, sys_id: &str) -> Expecting<'_> {
        self.waiting().entry(sys_id.to_owned()).or_default().callers += 1;
        Expecting { route: self, sys_id: sys_id.to_owned() }
    }

    fn arrived(&self, sys_id: &str) -> Option<Outcome> {
        self.waiting().get(sys_id)?.outcome.clone()
    }

    /// Waits for the answer. Only one of those who wait asks, for all of them; who comes next finds its own there.
    async fn answer(&self, sys_id: &str) -> Outcome {
        let began_ms = (self.elapsed)();
        let mut taken_up = false;
        loop {
            if let Some(outcome) = self.arrived(sys_id) {
                return outcome;
            }
            let waited_ms = (self.elapsed)() - began_ms;
            if !taken_up && waited_ms >= self.times.pickup_ms {
                match self.queue.of_id(sys_id).await {
                    Ok(Some(Standing { state: State::Ready, .. })) => return self.not_taken_up(sys_id).await,
                    // Whatever else it is, it may be carried out.
                    Ok(_) | Err(_) => taken_up = true,
                }
            }
            if waited_ms >= self.times.pickup_ms + self.times.answer_ms {
                return Err(TransportFailure::Lost {
                    what: format!(
                        "the MID Server {} took the request up and gave no answer within {} s",
                        self.name(),
                        (self.times.pickup_ms + self.times.answer_ms) / 1000
                    ),
                });
            }
            let turn = self.turn.lock().await;
            if self.arrived(sys_id).is_none() {
                (self.wait)(self.times.poll_ms).await;
                if let Some(more_ms) = self.look_for_answers().await {
                    (self.wait)(more_ms.min(SLOW_POLL_MS)).await;
                }
            }
            drop(turn);
        }
    }

    /// Nobody took it up. It is called off, so that it is not carried out hours later; one that was fetched in this very
    /// moment may be carried out all the same.
    async fn not_taken_up(&self, sys_id: &str) -> Outcome {
        let called_off = self.queue.call_off(sys_id).await;
        if let Err(error) = &called_off {
            tracing::warn!(error = %error.log_words(), "mid.not_called_off");
        }
        // What came meanwhile counts.
        let _more = self.look_for_answers().await;
        if let Some(outcome) = self.arrived(sys_id) {
            return outcome;
        }
        Err(TransportFailure::Lost {
            what: format!(
                "the MID Server {} did not take the request up within {} s{}",
                self.name(),
                self.times.pickup_ms / 1000,
                if called_off.is_ok() { ", it was called off" } else { "" }
            ),
        })
    }

    /// One look for all that wait. Gives how much longer to wait before the next, where the instance asks for it.
    async fn look_for_answers(&self) -> Option<u64> {
        let open: Vec<String> = self
            .waiting()
            .iter()
            .filter(|(_, waiting)| waiting.outcome.is_none())
            .map(|(sys_id, _)| sys_id.clone())
            .collect();
        let mut slower_ms = None;
        for sys_ids in open.chunks(IDS_MAX) {
            match self.queue.answers(sys_ids).await {
                Ok(rows) => {
                    for sys_id in sys_ids {
                        let own: Vec<&Incoming> =
                            rows.iter().filter(|row| row.response_to == *sys_id).collect();
                        if let Some(outcome) = self.outcome_of(&own).await
                            && let Some(waiting) = self.waiting().get_mut(sys_id)
                        {
                            waiting.outcome = Some(outcome);
                        }
                    }
                }
                Err(error) => {
                    tracing::debug!(error = %error.log_words(), "mid.no_look");
                    slower_ms = slower_ms.max(Some(match error {
                        RemoteError::Transient { retry_after_ms: Some(wait_ms), .. } => wait_ms,
                        // A storm of refused sign-ins locks the account.
                        _ => self.times.poll_ms.saturating_mul(5),
                    }));
                }
            }
        }
        slower_ms
    }

    /// The answer that counts. A request that was carried out twice is answered twice: what was done was done, so the
    /// first success counts, and else the first answer.
    async fn outcome_of(&self, rows: &[&Incoming]) -> Option<Outcome> {
        let mut first = None;
        for row in rows {
            // An attachment that cannot be had now may be had with the next look.
            let Some(outcome) = self.read(row).await else { continue };
            if outcome.as_ref().is_ok_and(|response| response.status().is_success()) {
                return Some(outcome);
            }
            first = first.or(Some(outcome));
        }
        first
    }

    async fn read(&self, row: &Incoming) -> Option<Outcome> {
        let read = match payload::read(&row.payload) {
            Ok(Payload::Attached) => match self.queue.attached(&row.sys_id).await {
                Ok(text) => payload::read(&text),
                Err(error) if error.is_transport() => return None,
                Err(error) => {
                    return Some(Err(TransportFailure::Lost {
                        what: format!(
                            "the MID Server's answer is an attachment that cannot be read: {error}"
                        ),
                    }));
                }
            },
            read => read,
        };
        Some(match read {
            Ok(Payload::Result(result)) => response(result),
            Ok(Payload::Attached) => {
                Err(TransportFailure::Lost { what: "the MID Server's answer is empty".to_owned() })
            }
            Err(_) if row.payload.trim().is_empty() && !row.error_string.trim().is_empty() => {
                Err(failure(&row.error_string))
            }
            Err(problem) => Err(TransportFailure::Lost {
                what: format!("the MID Server's answer cannot be read: {problem}"),
            }),
        })
    }
}

/// ServiceNow did not take the row: nothing was sent.
fn not_put(error: RemoteError) -> TransportFailure {
    let carries = "ServiceNow, which carries requests to the EHR,";
    match error {
        RemoteError::Transient { what, retry_after_ms, .. } => {
            TransportFailure::Held { what: format!("{carries} is busy: {what}"), retry_after_ms }
        }
        RemoteError::Unreachable { what, .. } => {
            TransportFailure::NotSent { what: format!("{carries} cannot be reached: {what}") }
        }
        RemoteError::SignIn { what, .. } => {
            TransportFailure::NotSent { what: format!("{carries} refuses our credentials: {what}") }
        }
        // Not about this request: the next one would fare the same. So nothing is put aside, everything waits.
        RemoteError::Refused { what, .. } | RemoteError::Protocol { what, .. } => TransportFailure::NotSent {
            what: format!("{carries} does not take them into its queue (ecc_queue): {what}"),
        },
        RemoteError::Ambiguous { .. }
        | RemoteError::Moved { .. }
        | RemoteError::NotFound { .. }
        | RemoteError::Many { .. } => TransportFailure::Lost { what: error.to_string() },
    }
}

/// A row that is to be put there.
struct Row {
    outgoing: Outgoing,
    /// Whether a second one would make a second record.
    creates: bool,
}

/// The EHR's answer out of a result.
fn response(result: ProbeResult) -> Outcome {
    let Some(status) = result.status else {
        return Err(match &result.error {
            Some(error) => failure(error),
            None => {
                TransportFailure::Lost { what: "the MID Server answered without the EHR's status".to_owned() }
            }
        });
    };
    let mut response = http::Response::new(Vec::new());
    *response.status_mut() = http::StatusCode::from_u16(status).map_err(|_| TransportFailure::Lost {
        what: "the MID Server answered with a status that there is not".to_owned(),
    })?;
    for (name, value) in &result.headers {
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::try_from(name.as_str()), http::HeaderValue::try_from(value.trim()))
        {
            response.headers_mut().append(name, value);
        }
    }
    let headers = response.headers_mut();
    let said: Option<usize> =
        headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let plain = headers.get(http::header::CONTENT_ENCODING).is_none();
    // They describe the way from the EHR to the MID Server.
    for name in
        [http::header::CONTENT_LENGTH, http::header::TRANSFER_ENCODING, http::header::CONTENT_ENCODING]
    {
        headers.remove(name);
    }
    if let Some(said) = said.filter(|said| plain && result.body.len() < *said) {
        return Err(TransportFailure::BodyCut {
            status,
            what: format!("{} of {said} bytes came through the MID Server", result.body.len()),
        });
    }
    *response.body_mut() = result.body.into_bytes();
    Ok(response)
}

/// Names of Java's exceptions that say that no connection came about: nothing was sent.
const NEVER_CONNECTED: [&str; 7] = [
    "UnknownHostException",
    "NoRouteToHostException",
    "HttpHostConnectException",
    "ConnectTimeoutException",
    "java.net.ConnectException",
    "SSLHandshakeException",
    "Connection refused",
];

/// What a MID Server says that it could not do.
fn failure(error: &str) -> TransportFailure {
    if let Some(limit_bytes) = too_large(error) {
        // The EHR answered, and the answer never came through (KB2717223).
        return TransportFailure::TooLarge { status: 0, limit_bytes };
    }
    let what = format!("the MID Server could not carry it out: {}", quoted(error));
    if NEVER_CONNECTED.iter().any(|name| error.contains(name)) {
        TransportFailure::NotSent { what }
    } else {
        TransportFailure::Lost { what }
    }
}

/// `Payload size of 41047892 bytes exceeded maximum of 20000000 bytes.`
fn too_large(error: &str) -> Option<usize> {
    let (_, after) = error.split_once("exceeded maximum of ")?;
    after.split_whitespace().next()?.parse().ok()
}

#[async_trait]
impl Transport for MidRoute {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Outcome {
        self.refuse_while_not_up().await?;
        let row = self.row_of(&request).await?;
        let sys_id = self.put(&row).await?;
        let expecting = self.expect(&sys_id);
        let outcome = self.answer(&sys_id).await;
        drop(expecting);
        outcome
    }

    fn carrier(&self) -> Option<&str> {
        Some(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_surely_not_sent_is_told_from_what_may_have_been() {
        for (words, kind) in [
            ("java.net.ConnectException: Connection refused (Connection refused)", "not sent"),
            ("java.net.UnknownHostException: ehr.hospital.test", "not sent"),
            ("javax.net.ssl.SSLHandshakeException: PKIX path building failed", "not sent"),
            ("java.net.SocketTimeoutException: Read timed out", "lost"),
            ("java.net.SocketException: Connection reset", "lost"),
            (
                "Payload size of 41047892 bytes exceeded maximum of 20000000 bytes. Contents were moved",
                "too large",
            ),
        ] {
            let found = match failure(words) {
                TransportFailure::NotSent { .. } => "not sent",
                TransportFailure::Lost { .. } => "lost",
                TransportFailure::TooLarge { limit_bytes: 20_000_000, .. } => "too large",
                _ => "something else",
            };
            assert_eq!(found, kind, "{words}");
        }
    }

    #[test]
    fn an_answer_comes_through_with_its_status_and_headers() {
        let result = ProbeResult {
            status: Some(503),
            headers: vec![
                ("Retry-After".to_owned(), "7".to_owned()),
                ("ETag".to_owned(), "W/\"3\"".to_owned()),
                ("Content-Length".to_owned(), "2".to_owned()),
                ("bad name".to_owned(), "x".to_owned()),
            ],
            body: "{}".to_owned(),
            // What the MID Server thinks of it does not matter: the EHR has answered.
            error: Some("Service Unavailable".to_owned()),
        };
        let answer = response(result.clone()).expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.body().as_slice()), (503, b"{}".as_slice()));
        assert_eq!(answer.headers().get("retry-after").and_then(|value| value.to_str().ok()), Some("7"));
        assert_eq!(answer.headers().len(), 2, "{:?}", answer.headers());
        let cut = ProbeResult { body: "{".to_owned(), ..result.clone() };
        assert!(matches!(response(cut), Err(TransportFailure::BodyCut { status: 503, .. })));
        let silent = ProbeResult { status: None, error: None, ..result };
        assert!(matches!(response(silent), Err(TransportFailure::Lost { .. })));
    }
}
