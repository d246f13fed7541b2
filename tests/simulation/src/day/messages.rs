//! The events that the remotes send of what changes there: lost, doubled, late and garbled ones among them.

use super::{Day, Due, MINUTE_MS};
use crate::checker::reading::read;
use crate::desk::Pending;
use crate::history::{Happening, Raw};
use engine::inbox::Arrival;
use engine::step::Event;
use record::Remote;
use std::sync::Arc;

impl Day {
    /// The remotes send events of what has changed since they last did: by the product's writes too.
    pub(super) fn tell(&mut self) {
        let Some([lost, doubled, late, garbled]) = self.swarm.events else { return };
        let mut changed = Vec::new();
        for entry in self.history.entries.iter().skip(self.told) {
            match &entry.happening {
                Happening::Person { remote, key, before, after, .. }
                | Happening::Write { remote, key: Some(key), before, after, .. }
                    if before != after =>
                {
                    let verb = match (before, after) {
                        (None, _) => "created",
                        (_, None) => "deleted",
                        _ => "updated",
                    };
                    let version = |raw: &Option<Raw>| raw.as_ref().map(|raw| read(*remote, raw).version);
                    if version(before) == version(after) {
                        // A script wrote it past everything that tells.
                        continue;
                    }
                    changed.push((*remote, key.clone(), verb, version(after).unwrap_or_default()));
                }
                _ => {}
            }
        }
        self.told = self.history.entries.len();
        for (remote, key, verb, version) in changed {
            self.messages += 1;
            if self.net.per_mille(lost) {
                continue;
            }
            let mut raw = message_of(remote, &key, verb, &version);
            if self.net.per_mille(garbled) {
                raw.truncate(raw.len() / 2);
            }
            let copies = if self.net.per_mille(doubled) { 2 } else { 1 };
            for _ in 0..copies {
                let most_ms = if self.net.per_mille(late) { 20 * MINUTE_MS } else { 3_000 };
                let at_ms = self.now() + self.net.between(20, most_ms);
                let message = format!("m-{}", self.messages);
                let arrival = Arrival { remote, message, raw: raw.clone() };
                self.at(at_ms, Due::Message { arrival, tries: 0 });
            }
        }
    }

    /// An event arrives. A sender that is not answered tries again.
    pub(super) async fn message(&mut self, arrival: Arrival, tries: u32) {
        let Some(process) = &self.process else {
            if tries < 10 {
                let at_ms = self.now() + (20_000 << tries.min(5));
                self.at(at_ms, Due::Message { arrival, tries: tries + 1 });
            }
            return;
        };
        let ticket = self.desk.ticket(Pending::Nothing);
        let what = format!("event {} {}", arrival.message, arrival.raw);
        self.history.note(self.now(), Happening::Asked { ticket, what });
        let inbox = process.engine.inbox();
        let gate = Arc::clone(&self.medium.gate);
        let now_ms = self.our_now();
        let again = arrival.clone();
        let accepted = tokio::select! {
            biased;
            () = gate.ended.notified() => None,
            accepted = inbox.accept(arrival, now_ms) => Some(accepted),
        };
        match accepted {
            None => {
                self.crash("at a commit").await;
                let at_ms = self.now() + 20_000;
                self.at(at_ms, Due::Message { arrival: again, tries: tries + 1 });
            }
            Some(accepted) => {
                let reply = format!("{accepted:?}");
                if accepted.is_err() && tries < 10 {
                    // A sender that is not acknowledged tries again.
                    let at_ms = self.now() + (20_000 << tries.min(5));
                    self.at(at_ms, Due::Message { arrival: again, tries: tries + 1 });
                }
                self.history.note(self.now(), Happening::Answered { ticket, reply });
                self.step(Event::Arrived).await;
            }
        }
    }
}

/// An event as the remote words it.
pub(crate) fn message_of(remote: Remote, key: &str, verb: &str, version: &str) -> String {
    match remote {
        Remote::ServiceNow => {
            let operation = match verb {
                "created" => "insert",
                "deleted" => "delete",
                _ => "update",
            };
            format!(
                "{{\"table\":\"u_patient_record\",\"sys_id\":\"{key}\",\"operation\":\"{operation}\",\"sys_mod_count\":\"{version}\"}}"
            )
        }
        Remote::Ehr => format!(
            "{{\"type\":\"patient.{verb}\",\"timestamp\":\"2026-11-22T08:00:00Z\",\"data\":{{\"id\":\"{key}\",\"versionId\":\"{version}\"}}}}"
        ),
    }
}
