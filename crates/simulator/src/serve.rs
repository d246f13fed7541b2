//! From values to sockets: routers that delay, break connections and keep the journal.

use crate::control::Control;
use crate::ehr::Ehr;
use crate::faults::{Fault, Faults, Met};
use crate::idp::IdentityProvider;
use crate::journal::Journal;
use crate::servicenow::Instance;
use crate::wire::{Reply, Request};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// Larger request bodies are refused.
const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;

/// What the three remotes have in common.
trait Answers: Send + Sync + 'static {
    fn answer_met(&self, request: &Request, met: &Met) -> Reply;
    fn faults(&self) -> &Faults;
    fn journal(&self) -> &Journal;
}

impl Answers for Instance {
    fn answer_met(&self, request: &Request, met: &Met) -> Reply {
        self.answer_with(request, met)
    }
    fn faults(&self) -> &Faults {
        &self.faults
    }
    fn journal(&self) -> &Journal {
        &self.journal
    }
}

impl Answers for Ehr {
    fn answer_met(&self, request: &Request, met: &Met) -> Reply {
        self.answer_with(request, met)
    }
    fn faults(&self) -> &Faults {
        &self.faults
    }
    fn journal(&self) -> &Journal {
        &self.journal
    }
}

impl Answers for IdentityProvider {
    fn answer_met(&self, request: &Request, met: &Met) -> Reply {
        self.answer_with(request, met)
    }
    fn faults(&self) -> &Faults {
        &self.faults
    }
    fn journal(&self) -> &Journal {
        &self.journal
    }
}

/// The routes of a ServiceNow instance, and `/_sim/` where a control is given.
pub fn servicenow_router(instance: Arc<Instance>, control: Option<Control>) -> Router {
    router(instance, control)
}

/// The routes of an EHR, and `/_sim/` where a control is given.
pub fn ehr_router(ehr: Arc<Ehr>, control: Option<Control>) -> Router {
    router(ehr, control)
}

/// The routes of an identity provider, and `/_sim/` where a control is given.
pub fn idp_router(idp: Arc<IdentityProvider>, control: Option<Control>) -> Router {
    router(idp, control)
}

fn router<R: Answers>(remote: Arc<R>, control: Option<Control>) -> Router {
    Router::new().fallback(move |request: axum::extract::Request| {
        let remote = Arc::clone(&remote);
        let control = control.clone();
        async move { respond(remote, control, request).await }
    })
}

async fn respond<R: Answers>(
    remote: Arc<R>,
    control: Option<Control>,
    request: axum::extract::Request,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return response(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if let Some(control) = control.filter(|_| request.path.starts_with("/_sim/")) {
        return match tokio::task::spawn_blocking(move || control.answer(&request)).await {
            Ok(reply) => response(reply),
            Err(_) => response(Reply::empty(StatusCode::INTERNAL_SERVER_ERROR)),
        };
    }
    let met = remote.faults().meet(&request);
    if met.has(&Fault::DropRequest) {
        remote.journal().record(&request, 0);
        return broken();
    }
    let delay_ms = met.delay_ms();
    let drops = met.has(&Fault::DropReply);
    // Answers are computed off the async threads: a list of a large table takes its time.
    let answered = tokio::task::spawn_blocking(move || {
        let reply = remote.answer_met(&request, &met);
        remote.journal().record(&request, if drops { 0 } else { reply.status.as_u16() });
        reply
    })
    .await;
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    match answered {
        Ok(_) if drops => broken(),
        Ok(reply) => response(reply),
        Err(_) => response(Reply::empty(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

fn response(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// A reply whose body fails at once: the server breaks the connection (or resets the stream) instead of finishing it.
fn broken() -> Response {
    let failing = futures_util::stream::once(async {
        Err::<Bytes, std::io::Error>(std::io::ErrorKind::ConnectionReset.into())
    });
    let mut response = Response::new(Body::from_stream(failing));
    *response.status_mut() = StatusCode::OK;
    response
}
