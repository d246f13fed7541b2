//! Requests on their way: when each arrives, what becomes of it, and what its remote did.

use super::{Day, Due};
use crate::history::{Happening, Raw};
use crate::network::Outcome;
use crate::remotes::{Place, Remotes};
use crate::swarm::{Back, Fate, TIMEOUT_MS};
use record::Remote;
use remote::http::TransportFailure;
use simulator::Fault;
use std::collections::BTreeMap;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Flight {
    request: http::Request<Vec<u8>>,
    place: Place,
    fate: Fate,
    sent_ms: i64,
    generation: u32,
}

impl Day {
    /// A request leaves for its remote.
    pub(super) fn send(&mut self, call: u64, request: http::Request<Vec<u8>>) {
        let place = Remotes::place_of(&request);
        let now_ms = self.now();
        // Where neither a version nor a unique key tells a stale request from a fresh one, nobody can.
        let may_come_late = match place {
            Place::Ehr if request.method() == http::Method::PUT => self.remotes.ehr.dialect().etag,
            Place::Ehr if request.method() == http::Method::POST => self.remotes.ehr.dialect().if_none_exist,
            Place::ServiceNow if request.method() != http::Method::GET => false,
            Place::Ehr | Place::ServiceNow | Place::SignIn => true,
        };
        let mut fate = self.swarm.fate(&mut self.net, place, now_ms, may_come_late);
        let reads_many = request.method() == http::Method::GET && near_key(request.uri().path()).is_none();
        if let (Some(most_ms), true) = (self.swarm.slow_lists_ms, reads_many && place != Place::SignIn) {
            fate.answered_ms = (fate.answered_ms + self.conduct.between(0, most_ms)).min(TIMEOUT_MS);
        }
        let writes = place != Place::SignIn && request.method() != http::Method::GET;
        let refused = self.swarm.refused_writes;
        if writes && refused > 0 && fate.fault.is_none() && self.net.per_mille(refused) {
            fate.fault = Some(Fault::ServerError { status: if self.net.percent(50) { 403 } else { 422 } });
        }
        if let Some(arrives_ms) = fate.arrives_ms {
            self.at(now_ms + arrives_ms, Due::Arrive(call));
        }
        let generation = self.generation;
        let lost = |what: &str| Err(TransportFailure::Lost { what: what.to_owned() });
        let outcome: Option<Outcome> = match fate.back {
            Back::Refused => {
                Some(Err(TransportFailure::NotSent { what: "the connection was refused".to_owned() }))
            }
            Back::Lost => Some(lost("no answer came")),
            Back::Whole | Back::Cut => None,
        };
        if let Some(outcome) = outcome {
            let what = match (&fate.arrives_ms, fate.back) {
                (_, Back::Refused) => "connection refused",
                (None, _) => "request lost",
                (Some(ms), _) if *ms > TIMEOUT_MS => "comes after its client gave up",
                (Some(_), _) => "reply lost",
            };
            self.history.note(
                now_ms,
                Happening::Trouble {
                    call: Some(call),
                    what: format!("{what}: {} {}", request.method(), request.uri().path()),
                },
            );
            self.answer_at(now_ms + fate.answered_ms, Due::Answer { call, generation, outcome });
        }
        if fate.arrives_ms.is_some() {
            self.flights.insert(call, Flight { request, place, fate, sent_ms: now_ms, generation });
        }
    }

    /// A request reaches its remote, which answers.
    pub(super) fn arrive(&mut self, call: u64) {
        let Some(flight) = self.flights.remove(&call) else { return };
        self.deliveries += 1;
        let near = record_in(&flight);
        if self.meddling.remove(&self.deliveries) {
            self.people_act(near);
        }
        let now_ms = self.now();
        let method = flight.request.method().clone();
        let path = flight.request.uri().path().to_owned();
        let writes = flight.place != Place::SignIn && method != http::Method::GET;
        let remote = flight.place.remote();
        let before = if writes { remote.map(|remote| self.all(remote)) } else { None };
        let reply = self.remotes.answer(&flight.request, flight.fate.fault.as_ref());
        let status = reply.status.as_u16();
        if let (Some(remote), Some(before)) = (remote, before) {
            let after = self.all(remote);
            let changed = before
                .keys()
                .chain(after.keys())
                .find(|key| before.get(*key) != after.get(*key))
                .cloned()
                .or_else(|| near_key(&path));
            let state = |all: &BTreeMap<String, Raw>| changed.as_ref().and_then(|key| all.get(key)).cloned();
            if let Some(key) = changed.as_ref().filter(|key| !before.contains_key(*key)) {
                self.people.learn_created(remote, key, after.get(key));
            }
            self.history.note(
                now_ms,
                Happening::Write {
                    remote,
                    call,
                    sent_ms: flight.sent_ms,
                    target: format!("{method} {path}"),
                    body: String::from_utf8_lossy(flight.request.body()).into_owned(),
                    before: state(&before),
                    after: state(&after),
                    key: changed,
                    status,
                },
            );
        } else {
            self.history.note(
                now_ms,
                Happening::Read {
                    place: flight.place.name(),
                    call,
                    target: format!("{method} {}", flight.request.uri()),
                    status,
                },
            );
        }
        if let Some(fault) = &flight.fate.fault {
            self.history
                .note(now_ms, Happening::Trouble { call: Some(call), what: format!("met {fault:?}") });
        }
        let mut body = reply.body;
        if flight.fate.garbage && status < 300 {
            self.history
                .note(now_ms, Happening::Trouble { call: Some(call), what: "body is nonsense".to_owned() });
            body = b"{\"result\": [{\"sys_id\": , \x07".to_vec();
        }
        let outcome: Outcome = match flight.fate.back {
            Back::Lost | Back::Refused => return,
            Back::Cut => {
                self.history
                    .note(now_ms, Happening::Trouble { call: Some(call), what: "body cut off".to_owned() });
                Err(TransportFailure::BodyCut { status, what: "the connection broke".to_owned() })
            }
            Back::Whole => {
                let mut response = http::Response::new(body);
                *response.status_mut() = reply.status;
                *response.headers_mut() = reply.headers;
                Ok(response)
            }
        };
        let at_ms = flight.sent_ms + flight.fate.answered_ms;
        self.answer_at(at_ms, Due::Answer { call, generation: flight.generation, outcome });
    }

    /// An answer comes in: on a day on which answers share a step, with others.
    fn answer_at(&mut self, at_ms: i64, due: Due) {
        let grid_ms = self.swarm.together_ms.unwrap_or(1);
        self.at(at_ms + (grid_ms - at_ms % grid_ms) % grid_ms, due);
    }

    fn all(&self, remote: Remote) -> BTreeMap<String, Raw> {
        self.remotes
            .keys(remote)
            .into_iter()
            .filter_map(|key| {
                let raw = self.remotes.raw(remote, &key)?;
                Some((key, raw))
            })
            .collect()
    }
}

/// The record a request is about.
fn record_in(flight: &Flight) -> Option<(Remote, String)> {
    Some((flight.place.remote()?, near_key(flight.request.uri().path())?))
}

fn near_key(path: &str) -> Option<String> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    parts.find(|part| matches!(*part, "table" | "patients"))?;
    if path.contains("/table/") {
        parts.next()?;
    }
    parts.next().map(str::to_owned)
}
