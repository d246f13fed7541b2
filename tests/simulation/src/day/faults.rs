//! What befalls the whole of a remote or of the process: clocks, hidden rows, ends and starts.

use super::{Day, Due};
use crate::history::Happening;
use crate::medium::Edge;
use crate::network::Network;
use crate::process::Process;
use engine::step::Event;
use record::Remote;
use remote::http::Now;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::{OperationFilter, OperationState, Store as _};

impl Day {
    pub(super) fn trouble(&mut self, what: &str) {
        self.history.note(self.now(), Happening::Trouble { call: None, what: what.to_owned() });
    }

    pub(super) fn skew(&mut self, at: usize) {
        let Some(skew) = self.swarm.skews.get(at).copied() else { return };
        let whose = match skew.whose {
            0 => {
                self.remotes.servicenow.clock.set_skew_ms(skew.by_ms);
                "ServiceNow's"
            }
            1 => {
                self.remotes.ehr.clock.set_skew_ms(skew.by_ms);
                "the EHR's"
            }
            3 => {
                self.skew_ms.store(skew.by_ms, Ordering::Relaxed);
                self.clock_jumped = true;
                "our own"
            }
            _ => {
                self.remotes.idp.clock.set_skew_ms(skew.by_ms);
                "the identity provider's"
            }
        };
        self.trouble(&format!("{whose} clock is off by {} ms", skew.by_ms));
    }

    pub(super) fn hide(&mut self, hide: bool) {
        let key = match self.hidden.take() {
            Some(key) => key,
            None => match self.remotes.keys(Remote::ServiceNow).into_iter().next() {
                Some(key) => key,
                None => return,
            },
        };
        self.remotes.servicenow.restrict(|access| {
            access.hidden_rows.clear();
            if hide {
                access.hidden_rows.insert(crate::remotes::TABLE.to_owned(), format!("sys_id={key}"));
            }
        });
        self.hidden = hide.then(|| key.clone());
        self.history.note(self.now(), Happening::Hidden { remote: Remote::ServiceNow, key, hidden: hide });
    }

    /// The process is killed: what it was doing is forgotten, what it sent may still arrive.
    pub(super) async fn crash(&mut self, wher: &str) {
        let Some(process) = self.process.take() else { return };
        self.next_call = process.network.next_call();
        drop(process);
        self.history.note(self.now(), Happening::Crashed { wher: wher.to_owned() });
        self.generation += 1;
        self.desk.process_gone();
        let on_the_way: Vec<u64> = self.flights.keys().copied().collect();
        for call in on_the_way {
            if self.net.percent(50) {
                self.flights.remove(&call);
            }
        }
        let (medium, path) = self.medium.reopen(&self.path, self.generation).await;
        self.medium = Arc::new(medium);
        self.path = path;
        self.leave_lingering().await;
        let at_ms = self.now() + self.chance.between(200, 90_000);
        self.at(at_ms, Due::Restart);
    }

    /// What the dead process had under way: it may still say how that ended, when another one has taken it over.
    async fn leave_lingering(&mut self) {
        let running = OperationFilter { lane: None, plan: None, states: vec![OperationState::Running] };
        let running = self.medium.operations(&running, 0, 100).await.unwrap_or_default();
        let ends = [
            OperationState::Retrying,
            OperationState::Parked,
            OperationState::Cancelled,
            OperationState::Done,
        ];
        let at_ms = self.our_now();
        for operation in running {
            if self.conduct.percent(50)
                && let Some(state) = self.conduct.pick(&ends).copied()
            {
                self.medium.linger(&operation, state, at_ms);
            }
        }
    }

    pub(super) async fn restart(&mut self) {
        if self.process.is_some() {
            return;
        }
        self.history.note(self.now(), Happening::Started);
        let now: Now = {
            let (now_ms, skew_ms) = (Arc::clone(&self.now_ms), Arc::clone(&self.skew_ms));
            Arc::new(move || now_ms.load(Ordering::Relaxed) + skew_ms.load(Ordering::Relaxed))
        };
        let network = Network::numbered_from(self.next_call);
        let ids = self.chance.bytes();
        self.process = Some(Process::start(&self.medium, network, &now, ids, self.set_up));
        if !self.calm && self.swarm.crashes > 0 && u64::from(self.generation) < self.swarm.crashes {
            let ahead = u64::try_from(self.chance.between(1, 160)).unwrap_or(1);
            let edge = if self.chance.percent(50) { Edge::Before } else { Edge::After };
            self.medium.gate.arm(ahead, edge);
        }
        self.step(Event::Started).await;
        if let Some((ahead, commits)) = self.swarm.disk_full {
            self.medium.gate.fill_the_disk(ahead, commits);
        }
        if self.chance.percent(60) && !self.calm {
            self.start_run("start").await;
        }
    }
}
