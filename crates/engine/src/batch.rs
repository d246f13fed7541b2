//! Many events in one step: their changes become durable together, with one sync of the disk, and only then does
//! anything go out.
//!
//! A step commits several times (an outcome, a plan, a judgement, the next claim), and each commit waits for the disk.
//! Where answers arrive faster than the disk turns, that wait is all there is. [`Engine::step_many`] works through what
//! has arrived within one held transaction ([`store::Batch`]): each event sees what the ones before it changed, as if
//! they had been steps of their own, and the order is that of the list. If the transaction cannot be made durable,
//! nothing goes out, and everything it was about is worked on again.

use crate::error::EngineError;
use crate::judge::index;
use crate::step::{Effects, Engine, Event, Request};
use remote::Written;
use std::collections::HashSet;
use std::sync::Arc;
use store::{InboxRow, OperationRow, Store};

/// Events that share a transaction. Others who want to commit wait for it.
pub const TOGETHER_MAX: usize = 64;

/// What a lost transaction would have to give back.
struct Stake {
    /// Operations whose answers are in it.
    answered: Vec<OperationRow>,
    /// Events of the inbox whose answers are in it, or that wait for their linking.
    looked: Vec<InboxRow>,
    /// Operations that were under way before it.
    in_flight: HashSet<String>,
    /// The first errand that was begun in it.
    next_errand: u64,
}

impl Engine {
    /// Advances by several events in their order. Nothing of what follows from one of them leaves before all their
    /// changes are durable, where the store can hold them together; elsewhere each is a step of its own.
    pub async fn step_many(&mut self, events: Vec<Event>, now_ms: i64) -> Effects {
        let mut effects = Effects::default();
        self.mind_the_clock(now_ms).await;
        // Before a transaction is held: what it tries is to be durable by itself.
        self.look_after_storage(now_ms, &mut effects).await;
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            if !may_share(&event) || self.may_end_a_run() {
                effects.follow(self.step(event, now_ms).await);
                continue;
            }
            let mut together = vec![event];
            while together.len() < TOGETHER_MAX
                && let Some(event) = events.next_if(may_share)
            {
                together.push(event);
            }
            effects.follow(self.step_together(together, now_ms).await);
        }
        effects
    }

    async fn step_together(&mut self, events: Vec<Event>, now_ms: i64) -> Effects {
        let batch = match self.store.batch().await {
            Ok(Some(batch)) => batch,
            Ok(None) => return self.step_one_by_one(events, now_ms).await,
            Err(error) => {
                let error = EngineError::from(error);
                tracing::warn!(error = %error.log_words(), "step.no_batch");
                let mut effects = Effects::default();
                self.note_storage(&error, now_ms, &mut effects);
                effects.follow(self.step_one_by_one(events, now_ms).await);
                return effects;
            }
        };
        let stake = self.stake(&events);
        self.ahead = ahead(&events, self.policy.lanes);
        let within: Arc<dyn Store> = Arc::clone(&batch) as Arc<dyn Store>;
        let store = std::mem::replace(&mut self.store, within);
        let mut effects = Effects::default();
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            match as_written(event) {
                Ok(first) => {
                    // Neighbours share their statements, too.
                    let mut written = vec![first];
                    while let Some(next) = events.next_if(is_written).and_then(|event| as_written(event).ok())
                    {
                        written.push(next);
                    }
                    Box::pin(self.wrote_together(written, now_ms, &mut effects)).await;
                }
                Err(event) => Box::pin(self.handle(*event, now_ms, &mut effects)).await,
            }
        }
        Box::pin(self.follow_up(now_ms, &mut effects)).await;
        self.ahead = 0;
        self.store = store;
        match batch.seal().await {
            Ok(()) => effects,
            Err(error) => self.take_back(stake, &EngineError::from(error), effects, now_ms),
        }
    }

    async fn step_one_by_one(&mut self, events: Vec<Event>, now_ms: i64) -> Effects {
        let mut effects = Effects::default();
        for event in events {
            effects.follow(self.step(event, now_ms).await);
        }
        effects
    }

    fn stake(&self, events: &[Event]) -> Stake {
        let mut answered = Vec::new();
        let mut looked = Vec::new();
        for event in events {
            match event {
                Event::Found { operation, .. }
                | Event::Wrote { operation, .. }
                | Event::NotSent { operation } => {
                    answered.extend(self.in_flight.get(operation).cloned());
                }
                Event::RecordRead { errand, .. } => {
                    let confirmed =
                        self.errands.get(errand).and_then(|errand| errand.confirmed_operation()).cloned();
                    answered.extend(confirmed);
                    looked.extend(self.looking.events_of(*errand));
                }
                Event::Started
                | Event::Asked { .. }
                | Event::PageRead { .. }
                | Event::Polled { .. }
                | Event::Probed { .. }
                | Event::GoOn { .. }
                | Event::Arrived
                | Event::Woke => {}
            }
        }
        looked.extend(self.looking.waiting_for_linking());
        Stake {
            answered,
            looked,
            in_flight: self.in_flight.keys().cloned().collect(),
            next_errand: self.next_errand,
        }
    }

    /// Nothing of a transaction was kept: nothing that follows from it goes out, what was claimed in it is not ours, and
    /// what was answered in it is put back, to be looked at first the next time.
    fn take_back(&mut self, stake: Stake, error: &EngineError, lost: Effects, now_ms: i64) -> Effects {
        tracing::error!(error = %error.log_words(), "step.not_durable");
        let mut effects = Effects { notices: lost.notices, ..Effects::default() };
        self.note_storage(error, now_ms, &mut effects);
        let answered: HashSet<&str> = stake.answered.iter().map(|row| row.id.as_str()).collect();
        self.in_flight.retain(|id, _| stake.in_flight.contains(id) && !answered.contains(id.as_str()));
        self.unsettled.retain(|row| !answered.contains(row.id.as_str()));
        self.unsettled.extend(stake.answered);
        let why = || EngineError::NotNow {
            what: format!("what was asked for could not be written down ({error})"),
            way_out: "nothing was done; try again when that is mended".to_owned(),
        };
        for (ticket, _) in lost.replies {
            effects.replies.push((ticket, Err(why())));
        }
        let begun: Vec<u64> =
            self.errands.keys().copied().filter(|errand| *errand >= stake.next_errand).collect();
        for errand in begun {
            let ticket = self.errands.remove(&errand).and_then(|errand| errand.ticket());
            effects.replies.extend(ticket.map(|ticket| (ticket, Err(why()))));
        }
        self.checks.forget_lost(|errand| self.errands.contains_key(&errand));
        self.looking.take_back(stake.next_errand, stake.looked);
        for request in lost.requests {
            match request {
                // It had waited since before; whoever waits for its answer still does.
                Request::ReadPage { .. } => self.held.push(request),
                Request::ReadRecord { errand, .. } if errand < stake.next_errand => self.held.push(request),
                // Claimed or begun in what was lost; the breaker's one probe was not sent after all.
                Request::ReadRecord { remote, .. }
                | Request::FindByOurKey { remote, .. }
                | Request::FindBill { remote, .. }
                | Request::Write { remote, .. }
                | Request::Probe { remote } => self.health[index(remote)].probing = false,
                Request::Poll { poll, .. } => self.polling.give_up(poll, now_ms),
                Request::GoOn { .. } => effects.requests.push(request),
            }
        }
        self.outbox_touched = true;
        effects.wake_at_ms = Some(now_ms + 1_000);
        effects
    }
}

/// Operations that are claimed ahead, at most, for each lane: with them a step is full when every answer comes at once.
pub const AHEAD_MAX: usize = 7;

/// How many operations may be claimed beyond those that can be under way, so that no lane has to wait for the disk
/// between two answers: the next step will take as long as this one, and twice as many may answer meanwhile. Nearly none
/// is claimed ahead of a remote that answers slowly, and none ahead of one that does not answer.
fn ahead(events: &[Event], lanes: u32) -> usize {
    let answered = events
        .iter()
        .filter(|event| {
            matches!(event, Event::Found { result: Ok(_), .. } | Event::Wrote { result: Ok(_), .. })
        })
        .count();
    (answered * 2).min(usize::try_from(lanes).unwrap_or(usize::MAX).saturating_mul(AHEAD_MAX))
}

const fn is_written(event: &Event) -> bool {
    matches!(event, Event::Wrote { result: Ok(_), .. })
}

/// A write that succeeded, and how long it took; any other event comes back.
fn as_written(event: Event) -> std::result::Result<(String, Written, u64), Box<Event>> {
    match event {
        Event::Wrote { operation, result: Ok(written), latency_ms } => Ok((operation, written, latency_ms)),
        other => Err(Box::new(other)),
    }
}

/// Answers and wakings share a transaction. What a person asked for and what a run does may take long or change more than
/// could be taken back.
fn may_share(event: &Event) -> bool {
    match event {
        Event::Found { .. }
        | Event::Wrote { .. }
        | Event::NotSent { .. }
        | Event::RecordRead { .. }
        | Event::Probed { .. }
        | Event::Arrived
        | Event::Woke => true,
        Event::Started
        | Event::Asked { .. }
        | Event::PageRead { .. }
        | Event::Polled { .. }
        | Event::GoOn { .. } => false,
    }
}

impl Effects {
    /// Adds what a later step led to.
    fn follow(&mut self, later: Effects) {
        self.requests.extend(later.requests);
        self.replies.extend(later.replies);
        self.notices.extend(later.notices);
        self.wake_at_ms = later.wake_at_ms;
        self.start_problem = self.start_problem.take().or(later.start_problem);
    }
}
