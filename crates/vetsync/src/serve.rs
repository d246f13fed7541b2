//! The console in a browser on this machine: the same commands over loopback HTTP.
//!
//! A link with a one-time token opens a session; the session travels in a cookie that scripts cannot read and other
//! sites cannot send. Only loopback addresses are bound, and requests that name another host are refused.

use crate::sample::{self, Clinic, Pace};
use crate::{Outcome, exit::Failure};
use agent::{Options, Workplace};
use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Args;
use console_api::dto::{ApiError, ErrorCode};
use futures_util::StreamExt as _;
use std::future::IntoFuture as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

include!(concat!(env!("OUT_DIR"), "/ui_files.rs"));

/// `vetsync serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Serve the sample clinic instead of the configured systems.
    #[arg(long)]
    demo: bool,
    #[command(flatten)]
    clinic: Clinic,
    #[command(flatten)]
    pace: Pace,
}

struct Served {
    workplace: Arc<Workplace>,
    host: String,
    /// Gone once it was used.
    token: Mutex<Option<String>>,
    session: String,
    /// True as soon as we are to end: a stream of events does not end by itself.
    ending: watch::Receiver<bool>,
}

/// How long requests under way may take to end; then they are cut off, so that the database is always let go.
const END_WITHIN: Duration = Duration::from_secs(3);

/// How often it is looked whether the process that owns the database is still there.
const KEEP_EVERY: Duration = Duration::from_secs(15);

async fn ended(ending: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _is_told = ending.wait_for(|is_ending| *is_ending).await.is_ok();
}

fn secret_text() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("no random numbers to be had"))?;
    Ok(hex::encode(bytes))
}

/// Runs the verb.
pub async fn run(options: Options, serve: Serve, json: bool) -> Outcome {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let (options, remotes) = if serve.demo {
        let remotes = sample::start(&serve.clinic).await?;
        let config = sample::write_config(&remotes, folder.path(), sample::Kinds::All, serve.pace).await?;
        (
            Options {
                config: Some(config),
                run_at_start: true,
                person: options.person,
                ..Options::default()
            },
            Some(remotes),
        )
    } else {
        (options, None)
    };
    let _working = remotes.as_ref().and_then(|remotes| serve.pace.begin(remotes, serve.clinic.seed));
    let workplace = Arc::new(Workplace::open(options).await?);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", serve.port)).await.map_err(|error| {
        Failure::new(
            format!("port {} cannot be used: {error}", serve.port),
            "Choose another one with --port.",
        )
    })?;
    let host = listener.local_addr().context("no address")?.to_string();
    let token = secret_text()?;
    let url = format!("http://{host}/?token={token}");
    let (end, mut ending) = watch::channel(false);
    let served = Arc::new(Served {
        workplace: Arc::clone(&workplace),
        host,
        token: Mutex::new(Some(token)),
        session: secret_text()?,
        ending: ending.clone(),
    });
    if json {
        let mut line = serde_json::json!({ "url": url });
        if let (Some(remotes), Some(object)) = (&remotes, line.as_object_mut()) {
            object.insert("remotes".to_owned(), remotes.describe());
            object.insert("ca_file".to_owned(), folder.path().join("ca.pem").display().to_string().into());
        }
        println!("{line}");
    } else {
        println!("{url}");
        eprintln!("Open this link in a browser on this computer; it works once. Ctrl+C ends.");
    }
    let serving = axum::serve(listener, router(served)).with_graceful_shutdown(async move {
        sample::stopped().await;
        // Nobody listens any more: then there is nothing to end.
        let _is_heard = end.send(true).is_ok();
    });
    let keeper = tokio::spawn({
        let workplace = Arc::clone(&workplace);
        async move {
            loop {
                tokio::time::sleep(KEEP_EVERY).await;
                if let Err(error) = workplace.keep().await {
                    tracing::warn!(code = ?error.code, "serve.not_kept");
                }
            }
        }
    });
    let deadline = async {
        ended(&mut ending).await;
        tokio::time::sleep(END_WITHIN).await;
    };
    let outcome = tokio::select! {
        outcome = serving.into_future() => outcome,
        () = deadline => Ok(()),
    };
    keeper.abort();
    workplace.stop().await;
    if let Some(remotes) = remotes {
        remotes.stop().await;
    }
    outcome.context("the local server failed")?;
    Ok(ExitCode::SUCCESS)
}

fn router(served: Arc<Served>) -> Router {
    Router::new()
        .route("/api/rpc/{command}", post(rpc))
        .route("/api/events", get(events))
        .route("/", get(index))
        .route("/{*path}", get(file))
        .layer(axum::extract::DefaultBodyLimit::max(1024 * 1024))
        .with_state(served)
}

/// A browser must have come by the link, and by this host's own name: a page elsewhere cannot pass for us (DNS
/// rebinding, cross-site requests).
fn is_ours(served: &Served, headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let own_host = text(header::HOST) == Some(served.host.as_str());
    let own_origin = text(header::ORIGIN)
        .is_none_or(|origin| origin.strip_prefix("http://") == Some(served.host.as_str()));
    own_host && own_origin
}

fn has_session(served: &Served, headers: &HeaderMap) -> bool {
    let wanted = format!("vetsync={}", served.session);
    is_ours(served, headers)
        && headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .any(|cookie| constant_time_eq(cookie.trim(), &wanted))
}

fn constant_time_eq(left: &str, right: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}

const CSP: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn page(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body.into()).into_response()
}

const CLOSED: &str = "<!doctype html><meta charset=utf-8><title>VetSync</title><p>This link was used already, or belongs to another run. Run <code>vetsync serve</code> again for a new one.";
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>VetSync</title><p>The web UI was not built into this program. Run <code>npm --prefix ui run build</code>, then build again.";

async fn index(State(served): State<Arc<Served>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    if !is_ours(&served, &headers) {
        return page(StatusCode::FORBIDDEN, "text/html; charset=utf-8", CLOSED);
    }
    let given = query.as_deref().unwrap_or_default().split('&').find_map(|part| part.strip_prefix("token="));
    let opened = given.is_some_and(|given| {
        let mut token = served.token.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let right = token.as_deref().is_some_and(|token| constant_time_eq(token, given));
        if right {
            *token = None;
        }
        right
    });
    if !opened && !has_session(&served, &headers) {
        return page(StatusCode::UNAUTHORIZED, "text/html; charset=utf-8", CLOSED);
    }
    let mut response = match find("index.html") {
        Some(bytes) => page(StatusCode::OK, "text/html; charset=utf-8", bytes),
        None => page(StatusCode::OK, "text/html; charset=utf-8", NOT_BUILT),
    };
    let cookie = format!("vetsync={}; Path=/; HttpOnly; SameSite=Strict", served.session);
    if let (true, Ok(cookie)) = (opened, cookie.parse()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn find(path: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, bytes)| *bytes)
}

/// The UI's files are the same for everybody and hold no data.
async fn file(Path(path): Path<String>) -> Response {
    let kind = match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    match find(&path) {
        Some(bytes) => page(StatusCode::OK, kind, bytes),
        None => page(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "no such file"),
    }
}

fn refused() -> Response {
    let error = ApiError {
        code: ErrorCode::NotAllowed,
        message: "This session is over.".to_owned(),
        way_out: "Run `vetsync serve` again and open its link.".to_owned(),
        field: None,
    };
    problem(StatusCode::UNAUTHORIZED, &error)
}

fn problem(status: StatusCode, error: &ApiError) -> Response {
    // An ApiError is plain text and numbers; encoding it cannot fail.
    let body = serde_json::to_string(error).unwrap_or_default();
    page(status, "application/json", body)
}

async fn rpc(
    State(served): State<Arc<Served>>,
    headers: HeaderMap,
    Path(command): Path<String>,
    body: axum::body::Bytes,
) -> Response {
    if !has_session(&served, &headers) {
        return refused();
    }
    let payload = match serde_json::from_slice(&body) {
        Ok(payload) => payload,
        Err(error) => {
            let error = ApiError {
                code: ErrorCode::Invalid,
                message: format!("The request is not JSON: {error}."),
                way_out: "Reload the page.".to_owned(),
                field: None,
            };
            return problem(StatusCode::BAD_REQUEST, &error);
        }
    };
    match served.workplace.call(&command, payload).await {
        Ok(value) => page(StatusCode::OK, "application/json", value.to_string()),
        Err(error) => {
            let status = match error.code {
                ErrorCode::NotAllowed => StatusCode::FORBIDDEN,
                ErrorCode::NotFound => StatusCode::NOT_FOUND,
                ErrorCode::Moved => StatusCode::CONFLICT,
                ErrorCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::Offline | ErrorCode::Locked | ErrorCode::Internal => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            };
            problem(status, &error)
        }
    }
}

/// Server-sent events (HTML standard, "Server-sent events"), one JSON event each.
async fn events(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    if !has_session(&served, &headers) {
        return refused();
    }
    let listening = (served.workplace.events(), served.ending.clone());
    let stream = futures_util::stream::unfold(listening, |(mut receiver, mut ending)| async move {
        loop {
            let received = tokio::select! {
                biased;
                () = ended(&mut ending) => return None,
                received = receiver.recv() => received,
            };
            let event = match received {
                Ok(event) => event,
                // Too many to follow: everything may have changed, and the console asks again for what it shows.
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => console_api::everything_changed(),
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return None,
            };
            let Ok(text) = serde_json::to_string(&event) else { continue };
            return Some((
                Ok::<_, std::convert::Infallible>(format!("data: {text}\n\n")),
                (receiver, ending),
            ));
        }
    });
    let opening =
        futures_util::stream::once(async { Ok::<_, std::convert::Infallible>(": open\n\n".to_owned()) });
    page(StatusCode::OK, "text/event-stream", Body::from_stream(opening.chain(stream)))
}
