//! The two remotes as IT sees them: breaker, pause, rate limit, sign-in; and the incidents about them.

use crate::console::Console;
use crate::dto::{
    AcknowledgeIncident, ApiError, Capability, ErrorCode, IncidentKind, IncidentList, IncidentQuery,
    IncidentView, Nothing, PauseView, QueueHold, RateLimitView, RemoteAction, RemoteHealth, RemoteStatus,
    RemotesStatus,
};
use crate::errors::{api, sentence};
use crate::permissions::{may, who_can};
use crate::queue::{hold_of, remote_of};
use crate::reasons::Act;
use crate::shown::remote_name;
use engine::Command;
use engine::gate::{BREAKER_INCIDENT, SIGN_IN_INCIDENT};
use engine::health::Health;
use engine::judge::index;
use engine::mid::MID_INCIDENT;
use engine::storage::{DAMAGED_INCIDENT, FULL_INCIDENT, LOCKED_INCIDENT, StorageFault};
use record::Remote;
use store::{IncidentRow, OperationState};

/// Incidents shown beside the remotes.
const INCIDENTS_SHOWN: u32 = 20;

/// Where a remote stands, for the home screen and the queue alike.
pub(crate) fn health_of(health: &Health, now_ms: i64) -> RemoteHealth {
    if health.paused.is_some() {
        RemoteHealth::Paused
    } else if health.sign_in_refused {
        RemoteHealth::SignInRefused
    } else if health.slow_until_ms.is_some_and(|until_ms| until_ms > now_ms) {
        RemoteHealth::RateLimited
    } else if health.open_until_ms.is_some() {
        RemoteHealth::BreakerOpen
    } else if health.failures_in_a_row > 0 {
        RemoteHealth::Failing
    } else if health.last_answer_at_ms.is_some() {
        RemoteHealth::Answering
    } else {
        RemoteHealth::NeverTried
    }
}

/// The time of day of a moment: "14:03:20 UTC".
fn clock_utc(at_ms: i64) -> String {
    let second = at_ms.div_euclid(1_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
}

impl Console {
    pub(crate) async fn remotes_status(&self, _: Nothing) -> Result<RemotesStatus, ApiError> {
        let mut remotes = Vec::new();
        for remote in Remote::BOTH {
            remotes.push(self.remote_status(remote).await?);
        }
        let (open, _) = self.parts.store.incidents(true, 0, INCIDENTS_SHOWN).await?;
        let may_control = may(&self.person(), Capability::ControlRemotes);
        Ok(RemotesStatus {
            remotes,
            incidents: open.iter().map(|row| self.incident_view(row)).collect(),
            may_control,
            who_can: (!may_control).then(|| who_can(Capability::ControlRemotes).to_owned()),
            storage: self.storage_trouble(),
            mid_server: self.mid_server_now().await,
        })
    }

    async fn remote_status(&self, remote: Remote) -> Result<RemoteStatus, ApiError> {
        let now_ms = self.now_ms();
        let pulse = self.parts.engine.pulse();
        let health = pulse.health[index(remote)].clone();
        let mut counts = [0_u32; 3];
        for (of, state, count) in self.parts.store.queue_counts().await? {
            let place = match state {
                OperationState::Waiting | OperationState::Running => 0,
                OperationState::Retrying => 1,
                OperationState::Parked => 2,
                OperationState::Done | OperationState::Cancelled => continue,
            };
            if of == remote {
                counts[place] = counts[place].saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
        let client = self.parts.remotes.get(remote);
        let rate_limit = client.last_call().and_then(|call| call.rate_limit);
        let state = health_of(&health, now_ms);
        Ok(RemoteStatus {
            remote: remote_name(remote),
            label: remote.label().to_owned(),
            health: state,
            words: sentence(&self.health_words(remote, state, &health, now_ms)),
            latency_ms: health.latency_ms.and_then(|ms| u32::try_from(ms).ok()),
            last_answer_at_ms: health.last_answer_at_ms,
            failures_in_a_row: health.failures_in_a_row,
            last_problem: health.last_problem.as_deref().map(sentence),
            since_ms: health.since_ms,
            next_try_at_ms: if health.paused.is_some() { None } else { health.next_try_ms(now_ms) },
            trying: health.probing,
            slow_until_ms: health.slow_until_ms.filter(|until_ms| *until_ms > now_ms),
            paused: health.paused.as_ref().map(|pause| PauseView {
                by: self.name_of(&pause.by),
                at_ms: pause.at_ms,
                reason: pause.reason.clone(),
            }),
            waiting: counts[0],
            retrying: counts[1],
            parked: counts[2],
            requests_per_minute: client.requests_per_minute(),
            rate_limit: rate_limit.map(|limit| RateLimitView {
                limit: u32::try_from(limit.limit).unwrap_or(u32::MAX),
                resets_at_ms: limit.reset_at_s.map(|at_s| at_s.saturating_mul(1_000)),
                rule: limit.rule,
            }),
            polls: crate::polling::views(&pulse.polls, remote),
        })
    }

    fn health_words(&self, remote: Remote, state: RemoteHealth, health: &Health, now_ms: i64) -> String {
        let label = remote.label();
        match state {
            RemoteHealth::Paused => match &health.paused {
                Some(pause) => format!(
                    "{label} is paused by {}: nothing is sent to it and nothing is read from it; what is to be written waits",
                    self.name_of(&pause.by)
                ),
                None => format!("{label} is paused"),
            },
            RemoteHealth::SignInRefused => {
                format!("{label} refuses our credentials; everything waits, no try is used up")
            }
            RemoteHealth::BreakerOpen => {
                format!("{label} does not answer: breaker open, everything is queued")
            }
            RemoteHealth::RateLimited => format!(
                "{label} is rate limited until {}: it asked VetSync to wait, and everything is queued",
                clock_utc(health.slow_until_ms.unwrap_or(now_ms))
            ),
            RemoteHealth::Failing => {
                format!("{label} is failing, {} times in a row", health.failures_in_a_row)
            }
            RemoteHealth::Answering => format!("{label} is answering"),
            RemoteHealth::NeverTried => format!("{label} was not asked yet"),
        }
    }

    /// What an approved plan waits for before it is written: a sentence for whoever approved it.
    pub(crate) fn waits_words(&self) -> String {
        let now_ms = self.now_ms();
        let pulse = self.parts.engine.pulse();
        let until: Vec<String> = Remote::BOTH
            .into_iter()
            .filter_map(|remote| {
                let health = &pulse.health[index(remote)];
                let place = crate::words::place(remote);
                match hold_of(health, true, now_ms)? {
                    QueueHold::Paused => {
                        let by =
                            health.paused.as_ref().map(|pause| self.name_of(&pause.by)).unwrap_or_default();
                        Some(format!("{place} is resumed (paused by {by})"))
                    }
                    QueueHold::RateLimit => Some(format!("{place} takes requests again")),
                    QueueHold::SignIn => Some(format!("{place} accepts our credentials again")),
                    QueueHold::Breaker => Some(format!("{place} is back")),
                    QueueHold::Lane => None,
                }
            })
            .collect();
        if until.is_empty() {
            return "Approved; both systems are being read again before it is written.".to_owned();
        }
        format!(
            "Approved; waits until {}. Then both systems are read again: if one of them changed meanwhile, nothing is \
             written and it is asked about again.",
            until.join(" and ")
        )
    }

    pub(crate) async fn remotes_pause(&self, request: RemoteAction) -> Result<RemoteStatus, ApiError> {
        let reason = Act::Pause.reason_text(request.reason.as_deref())?;
        let remote = remote_of(request.remote);
        let person = self.person().id;
        self.parts.engine.ask(Command::Pause { remote, person, reason }).await?;
        self.remote_status(remote).await
    }

    pub(crate) async fn remotes_resume(&self, request: RemoteAction) -> Result<RemoteStatus, ApiError> {
        let remote = remote_of(request.remote);
        let (person, reason) = (self.person().id, Act::Resume.reason_text(request.reason.as_deref())?);
        self.parts.engine.ask(Command::Resume { remote, person, reason }).await?;
        self.remote_status(remote).await
    }

    pub(crate) async fn remotes_try_now(&self, request: RemoteAction) -> Result<RemoteStatus, ApiError> {
        let remote = remote_of(request.remote);
        let (person, reason) = (self.person().id, Act::TryNow.reason_text(request.reason.as_deref())?);
        self.parts.engine.ask(Command::TryNow { remote, person, reason }).await?;
        self.remote_status(remote).await
    }

    pub(crate) async fn incidents_list(&self, request: IncidentQuery) -> Result<IncidentList, ApiError> {
        let limit = request.limit.clamp(1, 500);
        let (rows, total) = self.parts.store.incidents(request.open_only, request.offset, limit).await?;
        Ok(IncidentList {
            incidents: rows.iter().map(|row| self.incident_view(row)).collect(),
            total: u32::try_from(total).unwrap_or(u32::MAX),
        })
    }

    pub(crate) async fn incidents_acknowledge(
        &self,
        request: AcknowledgeIncident,
    ) -> Result<IncidentView, ApiError> {
        let reason = Act::Acknowledge.reason(request.reason.as_deref())?;
        let command = Command::Acknowledge { incident: request.id.clone(), person: self.person().id, reason };
        self.parts.engine.ask(command).await?;
        let row = self.parts.store.incident(&request.id).await?.ok_or_else(|| {
            api(ErrorCode::NotFound, "There is no such incident.", "Look at the list again.")
        })?;
        Ok(self.incident_view(&row))
    }

    fn incident_view(&self, row: &IncidentRow) -> IncidentView {
        let remote = Remote::parse(&row.subject);
        let label = remote.map_or(row.subject.as_str(), |remote| remote.label());
        let (kind, words, way_out) = match row.kind.as_str() {
            SIGN_IN_INCIDENT => (
                IncidentKind::SignIn,
                format!("{label} refuses our credentials. {}", row.cause),
                "Check the integration user and its key with `vetsync doctor`; then try the system now. Until then \
                 everything waits in the queue and nothing is lost.",
            ),
            BREAKER_INCIDENT => (
                IncidentKind::Breaker,
                format!("{label} does not answer. {}", row.cause),
                "Check the network and the system itself. VetSync tries by itself every 30 seconds; everything waits \
                 in the queue and nothing is lost.",
            ),
            FULL_INCIDENT | LOCKED_INCIDENT | DAMAGED_INCIDENT => {
                let fault = match row.kind.as_str() {
                    FULL_INCIDENT => StorageFault::Full,
                    LOCKED_INCIDENT => StorageFault::Locked,
                    _ => StorageFault::Damaged,
                };
                let (words, way_out) = crate::storage::advice(fault);
                (IncidentKind::Storage, words.to_owned(), way_out)
            }
            MID_INCIDENT => (
                IncidentKind::MidServer,
                format!("the MID Server {label} {}", row.cause),
                "Look at it under MID Server > Servers in ServiceNow, or run `vetsync doctor`. Where the EHR's requests go \
                 through it, everything waits in the queue and nothing is lost.",
            ),
            _ => (IncidentKind::Other, row.cause.clone(), "Ask IT to run `vetsync doctor`."),
        };
        IncidentView {
            id: row.id.clone(),
            kind,
            remote: remote.map(remote_name),
            words: sentence(&words),
            way_out: way_out.to_owned(),
            open: row.open,
            times: u32::try_from(row.times).unwrap_or(u32::MAX),
            first_seen_at_ms: row.first_seen_at_ms,
            last_seen_at_ms: row.last_seen_at_ms,
            closed_at_ms: row.closed_at_ms,
            acknowledged_by: row.acknowledged_by.as_deref().map(|id| self.name_of(id)),
            acknowledged_at_ms: row.acknowledged_at_ms,
            may_acknowledge: row.acknowledged_by.is_none()
                && may(&self.person(), Capability::AcknowledgeIncidents),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_that_asked_to_wait_is_rate_limited_and_not_failing() {
        let slow = Health { slow_until_ms: Some(10), last_answer_at_ms: Some(1), ..Health::default() };
        assert_eq!(health_of(&slow, 9), RemoteHealth::RateLimited);
        assert_eq!(health_of(&slow, 10), RemoteHealth::Answering, "the wait is over");
        // Asked to wait five times in a row: still that, and not a system that does not answer.
        let often = Health { failures_in_a_row: 5, open_until_ms: Some(30), ..slow.clone() };
        assert_eq!(health_of(&often, 9), RemoteHealth::RateLimited);
        assert_eq!(health_of(&often, 10), RemoteHealth::BreakerOpen);
        let failing = Health { failures_in_a_row: 2, slow_until_ms: None, ..slow };
        assert_eq!(health_of(&failing, 9), RemoteHealth::Failing);
    }

    #[test]
    fn a_time_of_day_is_told_in_utc() {
        assert_eq!(clock_utc(1_790_000_000_000), "14:13:20 UTC");
        assert_eq!(clock_utc(-1_000), "23:59:59 UTC");
    }
}
