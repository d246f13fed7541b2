//! The MID Server, as the settings say: the way of the EHR's requests through it, and the watch over it.

use crate::assemble::connection;
use crate::problem::StartError;
use engine::drive::Handle;
use engine::{Command, EngineError};
use record::Remote;
use remote::http::{Elapsed, NewId, Now, Transport, Wait};
use remote::mid::{MidParts, MidRoute, MidServer, MidState, MidTimes};
use remote::signin::SignIn;
use settings::{EhrRoute, Settings};
use std::sync::Arc;
use std::time::Duration;

/// How ServiceNow is reached: what goes by its queue shares the sign-in and the ceiling of its client.
pub(crate) struct Link {
    pub transport: Arc<dyn Transport>,
    pub sign_in: Arc<SignIn>,
}

/// The MID Server that the settings name.
pub(crate) fn server(
    settings: &Settings,
    link: &Link,
    now: &Now,
) -> Result<Option<Arc<MidServer>>, StartError> {
    let own = &settings.mid_server;
    let Some(name) = &own.name else { return Ok(None) };
    let base_url = settings.servicenow.base_url.clone().unwrap_or_default();
    let stale_ms = (own.stale_minutes > 0).then(|| i64::from(own.stale_minutes) * 60_000);
    let (transport, sign_in) = (Arc::clone(&link.transport), Arc::clone(&link.sign_in));
    let server = MidServer::new(&base_url, name, stale_ms, transport, sign_in, Arc::clone(now));
    Ok(Some(Arc::new(server.map_err(connection(Remote::ServiceNow))?)))
}

/// The way of the EHR's requests, where they go through it.
pub(crate) fn route(
    settings: &Settings,
    mid: Option<&Arc<MidServer>>,
    link: &Link,
    now: &Now,
    new_id: &NewId,
) -> Result<Option<Arc<dyn Transport>>, StartError> {
    let (EhrRoute::MidServer, Some(mid)) = (settings.ehr.route, mid) else { return Ok(None) };
    let own = &settings.mid_server;
    let times = MidTimes {
        pickup_ms: i64::from(own.pickup_seconds) * 1_000,
        answer_ms: i64::from(own.answer_seconds) * 1_000,
        poll_ms: u64::from(own.poll_milliseconds),
        request_bytes_max: usize::try_from(own.request_kilobytes_max)
            .unwrap_or(usize::MAX)
            .saturating_mul(1_024),
    };
    let began = std::time::Instant::now();
    let elapsed: Elapsed = Arc::new(move || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
    let wait: Wait = Arc::new(|wait_ms| Box::pin(tokio::time::sleep(Duration::from_millis(wait_ms))));
    let parts = MidParts {
        transport: Arc::clone(&link.transport),
        sign_in: Arc::clone(&link.sign_in),
        now: Arc::clone(now),
        elapsed,
        wait,
        new_id: Arc::clone(new_id),
    };
    let base_url = settings.servicenow.base_url.clone().unwrap_or_default();
    let route = MidRoute::new(&base_url, Arc::clone(mid), times, parts).map_err(connection(Remote::Ehr))?;
    Ok(Some(Arc::new(route)))
}

/// Looks at its record from now on, and tells the engine what it sees. While ServiceNow does not answer, nothing is known
/// of it, and nothing is told: that is ServiceNow's own incident.
pub(crate) fn watch(mid: Arc<MidServer>, every: Duration, engine: Handle) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            match mid.look().await {
                Ok(report) => {
                    let trouble = (report.state != MidState::Up).then_some(report.words);
                    let note = Command::NoteMidServer { name: mid.name().to_owned(), trouble };
                    // What could not be stored is told with the next look.
                    if let Err(EngineError::Stopping) = engine.ask(note).await {
                        return;
                    }
                }
                Err(error) => tracing::debug!(error = %error.log_words(), "mid_server.not_seen"),
            }
            tokio::time::sleep(every).await;
        }
    })
}
