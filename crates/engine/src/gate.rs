//! What may be asked of a remote, and when: its breaker, its pause, the waits it asked for, and the incidents that tell
//! people about them. Every request passes here; what may not go now waits, nothing is turned away but what a person
//! stands waiting for.

use crate::error::{EngineError, Result, decode, encode};
use crate::health::{Gate, Pause};
use crate::judge::index;
use crate::step::{Effects, Engine, Notice, Reply, Request};
use record::Remote;
use remote::RemoteError;
use store::{AuditRow, Change};

/// Kind of the incident of a remote that refuses our credentials.
pub const SIGN_IN_INCIDENT: &str = "sign_in";
/// Kind of the incident of a remote that does not answer.
pub const BREAKER_INCIDENT: &str = "breaker";

impl Engine {
    /// A call ended: health follows, and whatever people should know of it.
    pub(crate) fn note_health(
        &mut self,
        remote: Remote,
        error: Option<&RemoteError>,
        now_ms: i64,
        latency_ms: u64,
        effects: &mut Effects,
    ) {
        let health = &mut self.health[index(remote)];
        let before = health.clone();
        match error {
            None => health.answered(now_ms, latency_ms),
            Some(error) => health.failed(error, now_ms, latency_ms),
        }
        let after = health.clone();
        let told = |health: &crate::health::Health| {
            (
                health.open_until_ms,
                health.sign_in_refused,
                health.last_answer_at_ms.is_some(),
                health.failures_in_a_row,
                health.slow_until_ms,
            )
        };
        if told(&before) != told(&after) {
            self.health_moved[index(remote)] = true;
            effects.notices.push(Notice::Health(remote));
        }
        let failed = error.is_some();
        for (kind, was, is) in [
            (BREAKER_INCIDENT, before.breaker_open(), after.breaker_open()),
            (SIGN_IN_INCIDENT, before.sign_in_refused, after.sign_in_refused),
        ] {
            let change = match (was, is) {
                (_, true) if failed => Change::RaiseIncident {
                    id: self.new_id(now_ms),
                    kind: kind.to_owned(),
                    subject: remote.as_str().to_owned(),
                    cause: after.last_problem.clone().unwrap_or_default(),
                    at_ms: now_ms,
                },
                (true, false) => Change::CloseIncident {
                    kind: kind.to_owned(),
                    subject: remote.as_str().to_owned(),
                    at_ms: now_ms,
                },
                _ => continue,
            };
            self.incident_changes.push(change);
            effects.notices.push(Notice::Incident);
        }
        if before.open_until_ms.is_some() && after.open_until_ms.is_none() {
            // It answers again: what waited for it may go.
            self.outbox_touched = true;
            self.checks.hasten();
        }
    }

    pub(crate) fn note_operation_health(
        &mut self,
        operation: &str,
        error: Option<&RemoteError>,
        now_ms: i64,
        latency_ms: u64,
        effects: &mut Effects,
    ) {
        if let Some(remote) = self.in_flight.get(operation).map(|row| row.remote) {
            self.note_health(remote, error, now_ms, latency_ms, effects);
        }
    }

    /// Takes over what an earlier process knew.
    pub(crate) async fn restore_health(&mut self) -> Result<()> {
        for remote in Remote::BOTH {
            if let Some(text) = self.store.value(health_key(remote)).await? {
                self.health[index(remote)] = decode("health", &text)?;
            }
        }
        Ok(())
    }

    /// Writes down the breaker's state whenever it moved, so that a restart does not storm a failing remote, and the
    /// incidents with it. What could not be written is tried again with the next step.
    pub(crate) async fn keep_health(&mut self) -> Result<()> {
        let mut changes = Vec::new();
        for remote in Remote::BOTH {
            if self.health_moved[index(remote)] {
                changes.push(health_change(remote, &self.health[index(remote)])?);
            }
        }
        changes.extend(self.incident_changes.iter().cloned());
        if !changes.is_empty() {
            self.store.commit(changes).await?;
            self.health_moved = [false; 2];
            self.incident_changes.clear();
        }
        Ok(())
    }

    /// Lets the reads through that may go now, and keeps the others for later. Requests of operations were let through
    /// when the operation was claimed.
    pub(crate) fn pass_gates(&mut self, now_ms: i64, effects: &mut Effects) {
        let asked: Vec<Request> =
            std::mem::take(&mut self.held).into_iter().chain(std::mem::take(&mut effects.requests)).collect();
        for request in asked {
            let remote = match &request {
                Request::ReadPage { run, remote, .. } => {
                    if self.run_id() != Some(run.as_str()) {
                        // The run was stopped while this waited.
                        continue;
                    }
                    *remote
                }
                Request::ReadRecord { remote, .. } => *remote,
                Request::Poll { poll, remote, .. } => {
                    // Never the one request that finds out whether a remote is back.
                    if self.health[index(*remote)].gate(now_ms) == Gate::Open {
                        effects.requests.push(request);
                    } else {
                        self.polling.give_up(*poll, now_ms);
                    }
                    continue;
                }
                Request::FindByOurKey { .. }
                | Request::FindBill { .. }
                | Request::Write { .. }
                | Request::Probe { .. }
                | Request::GoOn { .. } => {
                    effects.requests.push(request);
                    continue;
                }
            };
            if self.health[index(remote)].allows(now_ms) {
                self.read_goes_out(&request, now_ms);
                effects.requests.push(request);
            } else {
                self.held.push(request);
            }
        }
    }

    /// A remote whose breaker may be tried is asked something harmless, if nothing else was there to ask.
    pub(crate) fn probe_idle(&mut self, now_ms: i64, effects: &mut Effects) {
        for remote in Remote::BOTH {
            let health = &mut self.health[index(remote)];
            match health.gate(now_ms) {
                Gate::Probe => {
                    health.probing = true;
                    effects.requests.push(Request::Probe { remote });
                }
                Gate::Closed { until_ms: Some(until_ms) } => {
                    self.wake_at_ms =
                        Some(self.wake_at_ms.map_or(until_ms, |known_ms| known_ms.min(until_ms)));
                }
                Gate::Open | Gate::Closed { until_ms: None } => {}
            }
        }
    }

    /// Remotes whose writes may be claimed without limit, and those that take one probe.
    pub(crate) fn claimable(&self, now_ms: i64) -> (Vec<Remote>, Vec<Remote>) {
        let with = |wanted: Gate| {
            Remote::BOTH
                .into_iter()
                .filter(|remote| self.health[index(*remote)].gate(now_ms) == wanted)
                .collect()
        };
        (with(Gate::Open), with(Gate::Probe))
    }

    /// Somebody stands waiting for this remote's answer: told at once if it will not come soon.
    pub(crate) fn refuse_if_closed(&self, remote: Remote, now_ms: i64) -> Result<()> {
        let health = &self.health[index(remote)];
        let label = remote.label();
        if let Some(pause) = &health.paused {
            return Err(paused(remote, pause));
        }
        let Gate::Closed { until_ms: Some(until_ms) } = health.gate(now_ms) else { return Ok(()) };
        let seconds = (until_ms - now_ms).max(0) / 1_000 + 1;
        let (what, way_out) = if health.slow_until_ms.is_some_and(|slow_ms| slow_ms >= until_ms) {
            (
                format!("{label} asked VetSync to wait another {seconds} s"),
                "try again then; nothing is lost".to_owned(),
            )
        } else if health.sign_in_refused {
            (
                format!("{label} refuses our credentials; the next try is in {seconds} s"),
                "ask IT to check the connection with `vetsync doctor`, then try the system now on the Queue screen"
                    .to_owned(),
            )
        } else {
            (
                format!("{label} does not answer; the next try is in {seconds} s"),
                "try again then, or ask IT to try it now on the Queue screen; nothing is lost".to_owned(),
            )
        };
        Err(EngineError::HeldBack { what, way_out })
    }

    pub(crate) async fn pause(
        &mut self,
        remote: Remote,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        if let Some(pause) = &self.health[index(remote)].paused {
            return Err(paused(remote, pause));
        }
        let pause = Pause { by: person.to_owned(), at_ms: now_ms, reason: reason.to_owned() };
        let health = crate::health::Health { paused: Some(pause), ..self.health[index(remote)].clone() };
        self.control(remote, health, person, "remote.paused", reason, now_ms, effects).await
    }

    pub(crate) async fn resume(
        &mut self,
        remote: Remote,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        if self.health[index(remote)].paused.is_none() {
            return Err(EngineError::NotNow {
                what: format!("{} is not paused", remote.label()),
                way_out: "look at its state again".to_owned(),
            });
        }
        let health = crate::health::Health { paused: None, ..self.health[index(remote)].clone() };
        self.control(remote, health, person, "remote.resumed", reason, now_ms, effects).await
    }

    /// One try at once, whatever the breaker says; a wait that the remote itself asked for is kept.
    pub(crate) async fn try_now(
        &mut self,
        remote: Remote,
        person: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let known = &self.health[index(remote)];
        if let Some(pause) = &known.paused {
            return Err(paused(remote, pause));
        }
        if known.slow_until_ms.is_some_and(|until_ms| until_ms > now_ms) {
            self.refuse_if_closed(remote, now_ms)?;
        }
        let health = crate::health::Health {
            open_until_ms: known.open_until_ms.map(|until_ms| until_ms.min(now_ms)),
            ..known.clone()
        };
        let closed = health.open_until_ms.is_none();
        let reply = self.control(remote, health, person, "remote.tried_now", reason, now_ms, effects).await?;
        if closed {
            // Nothing keeps anything back: what waits for its next try gets it now, and the remote is asked once.
            self.store.commit(vec![Change::HastenOperations { remote, at_ms: now_ms }]).await?;
            effects.requests.push(Request::Probe { remote });
        }
        Ok(reply)
    }

    /// What a person decides about a remote is written down before it holds.
    #[allow(clippy::too_many_arguments, reason = "each is a fact of its own, and all are needed")]
    async fn control(
        &mut self,
        remote: Remote,
        health: crate::health::Health,
        person: &str,
        action: &str,
        reason: &str,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let audit = AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: person.to_owned(),
            action: action.to_owned(),
            subject: remote.as_str().to_owned(),
            detail: reason.to_owned(),
        };
        self.store.commit(vec![health_change(remote, &health)?, Change::Audit(audit)]).await?;
        self.health[index(remote)] = health;
        self.outbox_touched = true;
        self.checks.hasten();
        effects.notices.push(Notice::Health(remote));
        Ok(Reply::Done)
    }

    pub(crate) async fn acknowledge(
        &mut self,
        incident: &str,
        person: &str,
        reason: Option<&str>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<Reply> {
        let row = self.store.incident(incident).await?.ok_or(EngineError::NotFound { what: "incident" })?;
        if row.acknowledged_by.is_some() {
            return Err(EngineError::NotNow {
                what: "somebody has taken note of this incident already".to_owned(),
                way_out: "look at the list again".to_owned(),
            });
        }
        let audit = AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: person.to_owned(),
            action: "incident.acknowledged".to_owned(),
            subject: incident.to_owned(),
            detail: match reason {
                Some(reason) => format!("{} of {}: {reason}", row.kind, row.subject),
                None => format!("{} of {}", row.kind, row.subject),
            },
        };
        let acknowledged =
            Change::AcknowledgeIncident { id: incident.to_owned(), person: person.to_owned(), at_ms: now_ms };
        self.store.commit(vec![acknowledged, Change::Audit(audit)]).await?;
        effects.notices.push(Notice::Incident);
        Ok(Reply::Done)
    }
}

fn health_change(remote: Remote, health: &crate::health::Health) -> Result<Change> {
    Ok(Change::PutValue { key: health_key(remote).to_owned(), value: encode("health", health)? })
}

fn paused(remote: Remote, pause: &Pause) -> EngineError {
    EngineError::HeldBack {
        what: format!("{} is paused by {}: {}", remote.label(), pause.by, pause.reason),
        way_out: "resume it on the Queue screen or with `vetsync remotes resume`".to_owned(),
    }
}

const fn health_key(remote: Remote) -> &'static str {
    match remote {
        Remote::ServiceNow => "health.service_now",
        Remote::Ehr => "health.ehr",
    }
}
