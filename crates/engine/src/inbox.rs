//! The durable inbox: what the remotes tell us by themselves is stored before it is acknowledged, and looked into
//! afterwards.
//!
//! An event only says which record to look at. Nothing it carries is believed, so a duplicate costs nothing, a late one
//! costs a reading, and the order in which events arrive does not matter: what counts is what the record says when it is
//! read. Events of one record are answered by one look.

use crate::error::{EngineError, Result};
use crate::health::{Gate, next_try_ms};
use crate::judge::index;
use crate::pairing;
use crate::step::{Effects, Engine, Notice, Request};
use crate::{clock::Ids, errands};
use mapping::event::{Action, EventLens};
use record::{RecordKind, Remote};
use remote::{Fetched, RemoteError};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use store::{
    Change, EventAction, InboxRow, InboxState, PairRow, Presence, QuarantineFilter, QuarantineState,
};
use store::{SnapshotId, Store};

/// Records that are looked at for the inbox at the same time.
const LOOKS_MAX: usize = 8;
/// Finished events are remembered this long, so that a message that is sent again is recognised (wire-facts 7.3 asks for
/// five minutes; senders try for days).
const REMEMBERED_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// New records are linked at most this often: linking looks at everything that has no partner.
const BETWEEN_LINKINGS_MS: i64 = 5_000;
/// The time over which the brake counts what events lead to.
const BRAKE_WINDOW_MS: i64 = 3_600 * 1_000;

/// A message as it arrived, its signature already checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent it.
    pub remote: Remote,
    /// The sender's id of the message, the same however often it is sent.
    pub message: String,
    /// The body as received.
    pub raw: String,
}

/// What became of an arrival. It may be acknowledged in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is in the inbox, or in quarantine if it does not say which record it is about: the event's id.
    New(String),
    /// This message was there already: the id of its event.
    Again(String),
}

/// The door of the inbox. Needs no step of the engine: any number of callers come in side by side and share the disk's
/// syncs, whatever the engine is doing.
#[derive(Clone)]
pub struct Inbox {
    store: Arc<dyn Store>,
    lens: Arc<EventLens>,
    ids: Arc<dyn Ids>,
    /// What is synchronised.
    kinds: Vec<RecordKind>,
}

impl Inbox {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        lens: Arc<EventLens>,
        ids: Arc<dyn Ids>,
        kinds: Vec<RecordKind>,
    ) -> Inbox {
        Inbox { store, lens, ids, kinds }
    }

    /// Takes a message in. When this returns, the event is durable and may be acknowledged.
    pub async fn accept(&self, arrival: Arrival, now_ms: i64) -> Result<Accepted> {
        let known = self.store.event_of_message(arrival.remote, &arrival.message).await?;
        if let Some(known) = known {
            return Ok(Accepted::Again(known.id));
        }
        let Arrival { remote, message, raw } = arrival;
        let row = InboxRow {
            id: self.ids.next(now_ms),
            remote,
            message,
            kind: None,
            key: None,
            action: EventAction::Unknown,
            version: None,
            raw,
            received_at_ms: now_ms,
            state: InboxState::Quarantined,
            attempts: 0,
            due_at_ms: now_ms,
            finished_at_ms: None,
            outcome: "unreadable".to_owned(),
            replaces: None,
        };
        let row = match pointed(&self.lens, &self.kinds, &row) {
            Ok(row) => row,
            Err(unreadable) => {
                let (row, problem) = *unreadable;
                let entry = crate::quarantine::of_event(self.ids.next(now_ms), &row, problem, now_ms);
                let (remote, message, id) = (row.remote, row.message.clone(), row.id.clone());
                let changes =
                    vec![Change::AcceptEvent(row), Change::Quarantine { row: entry, seen_run: None }];
                return match self.store.commit(changes).await {
                    Ok(()) => Ok(Accepted::New(id)),
                    // Another caller brought the same message at the same moment; the entry had no event to stand on.
                    Err(error) => match self.store.event_of_message(remote, &message).await? {
                        Some(known) => Ok(Accepted::Again(known.id)),
                        None => Err(error.into()),
                    },
                };
            }
        };
        let (remote, message, id) = (row.remote, row.message.clone(), row.id.clone());
        self.store.commit(vec![Change::AcceptEvent(row)]).await?;
        match self.store.event_of_message(remote, &message).await? {
            Some(first) if first.id != id => Ok(Accepted::Again(first.id)),
            Some(_) | None => Ok(Accepted::New(id)),
        }
    }
}

/// Why an event cannot be worked on: field, class and words.
pub(crate) struct Problem {
    pub(crate) field: String,
    pub(crate) class: String,
    pub(crate) what: String,
}

/// The event, pointing to what its text says, ready to be worked on; or the event as far as it could be read, and why it
/// cannot.
pub(crate) fn pointed(
    lens: &EventLens,
    kinds: &[RecordKind],
    row: &InboxRow,
) -> std::result::Result<InboxRow, Box<(InboxRow, Problem)>> {
    let pointer = lens.read(row.remote, &row.raw).map_err(|problem| {
        let what = problem.to_string();
        let problem =
            Problem { field: problem.field.to_owned(), class: problem.class.as_str().to_owned(), what };
        Box::new((row.clone(), problem))
    })?;
    let row = InboxRow {
        kind: Some(pointer.kind),
        key: Some(pointer.key),
        action: match pointer.action {
            Action::Created => EventAction::Created,
            Action::Updated => EventAction::Updated,
            Action::Deleted => EventAction::Deleted,
            Action::Unknown => EventAction::Unknown,
        },
        version: pointer.version,
        ..row.clone()
    };
    if kinds.contains(&pointer.kind) {
        return Ok(InboxRow { state: InboxState::Accepted, outcome: String::new(), ..row });
    }
    let what = format!(
        "this VetSync does not synchronise {}s; replay it once the settings say so, or dismiss it",
        pointer.kind.as_str()
    );
    Err(Box::new((row, Problem { field: String::new(), class: "not_synchronised".to_owned(), what })))
}

/// One record being looked at.
#[derive(Debug)]
struct Look {
    events: Vec<InboxRow>,
    record: SnapshotId,
    pair: Option<PairRow>,
    waiting: [bool; 2],
    failed: Option<RemoteError>,
    outcome: &'static str,
    asked_at_ms: i64,
}

/// What the engine is doing for the inbox.
#[derive(Debug, Default)]
pub(crate) struct Looking {
    looks: HashMap<u64, Look>,
    /// The inbox may hold something that can be claimed now.
    pub(crate) touched: bool,
    pub(crate) wake_at_ms: Option<i64>,
    /// Records that were read and belong to no complete pair yet, with the events that wait for their linking.
    unpaired: Vec<(SnapshotId, Vec<InboxRow>)>,
    linked_at_ms: Option<i64>,
    /// When rules wrote because of an event, within the brake's window.
    written_at_ms: VecDeque<i64>,
    /// Events whose outcome could not be written down; tried again at the next step.
    unfinished: Vec<InboxRow>,
}

impl Looking {
    pub(crate) fn is_for(&self, errand: u64) -> bool {
        self.looks.contains_key(&errand)
    }

    /// The events that an errand looks for.
    pub(crate) fn events_of(&self, errand: u64) -> Vec<InboxRow> {
        self.looks.get(&errand).map(|look| look.events.clone()).unwrap_or_default()
    }

    /// The events whose records were read and are not linked yet.
    pub(crate) fn waiting_for_linking(&self) -> impl Iterator<Item = InboxRow> {
        self.unpaired.iter().flat_map(|(_, events)| events.iter().cloned())
    }

    /// A transaction was lost: what was begun in it never was, what was answered in it is looked at again.
    pub(crate) fn take_back(&mut self, next_errand: u64, looked: Vec<InboxRow>) {
        let again: std::collections::HashSet<&str> = looked.iter().map(|event| event.id.as_str()).collect();
        self.looks.retain(|errand, look| {
            *errand < next_errand && !look.events.iter().any(|event| again.contains(event.id.as_str()))
        });
        self.unpaired.clear();
        self.unfinished.extend(looked);
        self.touched = true;
    }
}

impl Engine {
    /// The door of this engine's inbox.
    pub fn inbox(&self) -> Inbox {
        Inbox::new(
            Arc::clone(&self.store),
            Arc::clone(&self.events),
            Arc::clone(&self.ids),
            self.kinds.clone(),
        )
    }

    /// What a killed process was looking at is looked at again.
    pub(crate) async fn rescue_events(&mut self, now_ms: i64) -> Result<()> {
        let changes = vec![Change::RescueEvents, Change::ForgetEvents { before_ms: now_ms - REMEMBERED_MS }];
        self.store.commit(changes).await?;
        self.looking.touched = true;
        Ok(())
    }

    /// The inbox's share of a step: what could not be finished, what can be begun, what is to be linked.
    pub(crate) async fn work_on_inbox(&mut self, now_ms: i64, effects: &mut Effects) {
        self.put_unfinished_back(now_ms, effects).await;
        if self.looking.touched
            && let Err(error) = self.begin_looks(now_ms, effects).await
        {
            tracing::error!(error = %error.log_words(), "inbox.claim_failed");
            self.note_storage(&error, now_ms, effects);
            self.looking.touched = true;
            self.wake_for_inbox(now_ms + 1_000);
        }
        if let Err(error) = self.link_new(now_ms, effects).await {
            tracing::error!(error = %error.log_words(), "inbox.linking_failed");
            self.note_storage(&error, now_ms, effects);
            self.wake_for_inbox(now_ms + BETWEEN_LINKINGS_MS);
        }
        if !self.looking.unfinished.is_empty() {
            self.wake_for_inbox(now_ms + 1_000);
        }
    }

    fn wake_for_inbox(&mut self, at_ms: i64) {
        self.looking.wake_at_ms = Some(self.looking.wake_at_ms.map_or(at_ms, |known| known.min(at_ms)));
    }

    async fn begin_looks(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let free = LOOKS_MAX.saturating_sub(self.looking.looks.len());
        self.looking.touched = false;
        self.looking.wake_at_ms = None;
        if free == 0 {
            // The next look that ends asks again.
            return Ok(());
        }
        // With one eye nothing can be concluded: an event waits while either system is away or paused.
        if self.health.iter().any(|health| health.gate(now_ms) != Gate::Open) {
            if self.store.next_event_due_ms().await?.is_some() {
                self.looking.touched = true;
                if let Some(back_ms) =
                    self.health.iter().filter_map(|health| health.next_try_ms(now_ms)).max()
                {
                    self.wake_for_inbox(back_ms);
                }
            }
            return Ok(());
        }
        let claimed = self.store.claim_events(now_ms, u32::try_from(free).unwrap_or(u32::MAX)).await?;
        let mut groups: Vec<(SnapshotId, Vec<InboxRow>)> = Vec::new();
        for event in claimed {
            let Some(record) = event.record() else { continue };
            match groups.iter_mut().find(|(known, _)| *known == record) {
                Some((_, events)) => events.push(event),
                None => groups.push((record, vec![event])),
            }
        }
        let all = groups.len() == free;
        let mut groups = groups.into_iter();
        while let Some((record, events)) = groups.next() {
            let begun = self.begin_look(record, &events, now_ms, effects).await;
            if let Err(error) = begun {
                // None of them is looked at, and none may stay claimed for ever.
                self.looking.unfinished.extend(events);
                self.looking.unfinished.extend(groups.flat_map(|(_, events)| events));
                return Err(error);
            }
        }
        self.looking.touched = all && self.looking.looks.len() < LOOKS_MAX;
        if let Some(due_ms) = self.store.next_event_due_ms().await? {
            self.wake_for_inbox(due_ms);
        }
        Ok(())
    }

    async fn begin_look(
        &mut self,
        record: SnapshotId,
        events: &[InboxRow],
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        if self.is_no_news(&record, events).await? {
            return self.finish_events(events, "no_news", now_ms).await;
        }
        let pair = self.store.pair_by_key(record.remote, record.kind, &record.key).await?;
        let errand = self.next_errand;
        self.next_errand += 1;
        let keys: Vec<(Remote, String)> = match &pair {
            Some(pair) => errands::keys_of(pair).map(|(remote, key)| (remote, key.to_owned())).collect(),
            None => vec![(record.remote, record.key.clone())],
        };
        let mut waiting = [false; 2];
        for (remote, key) in keys {
            waiting[index(remote)] = true;
            effects.requests.push(Request::ReadRecord { errand, remote, kind: record.kind, key });
        }
        self.looking.looks.insert(
            errand,
            Look {
                events: events.to_vec(),
                record,
                pair,
                waiting,
                failed: None,
                outcome: "looked",
                asked_at_ms: now_ms,
            },
        );
        Ok(())
    }

    /// Whether everything these events can tell is known already: our own writes come back as events.
    async fn is_no_news(&self, record: &SnapshotId, events: &[InboxRow]) -> Result<bool> {
        let Some(known) = self.store.snapshot(record).await? else { return Ok(false) };
        let own = |token: &str| token.split('~').next().unwrap_or_default().to_owned();
        let old = |event: &InboxRow| {
            let Some(version) = event.version.as_deref() else { return false };
            let told = match record.remote {
                // `sys_mod_count` counts up.
                Remote::ServiceNow => match (version.parse::<u64>(), own(&known.version).parse::<u64>()) {
                    (Ok(told), Ok(known)) => told <= known,
                    _ => false,
                },
                // A version id has no order (FHIR R4 resource, "meta.versionId").
                Remote::Ehr => own(&known.version) == version,
            };
            told && event.action != EventAction::Deleted
        };
        if known.presence != Presence::Present || !events.iter().all(old) {
            return Ok(false);
        }
        let unreadable = QuarantineFilter {
            states: vec![QuarantineState::Open],
            record: Some(record.clone()),
            ..QuarantineFilter::default()
        };
        Ok(self.store.quarantine(&unreadable, 0, 1).await?.1 == 0)
    }

    /// A remote answered about a record that is looked at.
    pub(crate) async fn looked(
        &mut self,
        errand: u64,
        remote: Remote,
        result: std::result::Result<Fetched, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(mut look) = self.looking.looks.remove(&errand) else { return Ok(()) };
        self.looking.touched = true;
        look.waiting[index(remote)] = false;
        let noted = self.note_answer(&mut look, remote, result, now_ms).await;
        if noted.is_ok() && look.waiting.iter().any(|waiting| *waiting) {
            self.looking.looks.insert(errand, look);
            return Ok(());
        }
        let events = look.events.clone();
        let ended = match noted {
            Ok(()) => self.end_look(look, now_ms, effects).await,
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.looking.unfinished.extend(events);
        }
        ended
    }

    async fn note_answer(
        &self,
        look: &mut Look,
        remote: Remote,
        result: std::result::Result<Fetched, RemoteError>,
        now_ms: i64,
    ) -> Result<()> {
        match result {
            Ok(fetched) => {
                match self.stage(look.record.kind, remote, &fetched, look.asked_at_ms, now_ms).await {
                    // It is in quarantine now, and shown.
                    Err(EngineError::Mapping(_)) => {
                        look.outcome = "unreadable";
                        Ok(())
                    }
                    staged => staged,
                }
            }
            // Deleted or hidden cannot be told apart: a question, never a deletion.
            Err(RemoteError::NotFound { key, .. }) => {
                look.outcome = "not_there";
                let id = SnapshotId { remote, kind: look.record.kind, key };
                match self.store.snapshot(&id).await? {
                    Some(_) => self.missing(&id, now_ms).await,
                    None => Ok(()),
                }
            }
            Err(error) => {
                look.failed = Some(error);
                Ok(())
            }
        }
    }

    async fn end_look(&mut self, look: Look, now_ms: i64, effects: &mut Effects) -> Result<()> {
        if let Some(error) = look.failed {
            return self.look_failed(&look.events, &error, now_ms).await;
        }
        if let Some(pair) = &look.pair {
            effects.notices.push(Notice::Pair(pair.id.clone()));
        }
        let complete =
            look.pair.as_ref().is_some_and(|pair| pair.servicenow_key.is_some() && pair.ehr_key.is_some());
        match (look.outcome, &look.pair) {
            ("looked", Some(pair)) if complete => {
                self.judge_for_event(&pair.id.clone(), now_ms).await?;
            }
            // New, or alone so far: who it belongs to is found out, and the events wait for that.
            ("looked", _) => {
                self.looking.unpaired.push((look.record, look.events));
                return Ok(());
            }
            // On what could not be read nothing is decided.
            _ => {}
        }
        self.finish_events(&look.events, look.outcome, now_ms).await
    }

    /// Rules may write because of an event, as far as the brake allows: over it everything is still looked at, and the
    /// next run settles it or stops and asks.
    async fn judge_for_event(&mut self, pair: &str, now_ms: i64) -> Result<()> {
        let written = &mut self.looking.written_at_ms;
        while written.front().is_some_and(|at_ms| *at_ms <= now_ms - BRAKE_WINDOW_MS) {
            written.pop_front();
        }
        let write = (written.len() as u64) < self.policy.brake.pairs_max;
        if !write {
            tracing::warn!(pair = %pair, "inbox.over_the_brake");
        }
        let before = std::mem::take(&mut self.outbox_touched);
        let judged = self.rejudge(pair, "rule", write, now_ms).await;
        if self.outbox_touched {
            self.looking.written_at_ms.push_back(now_ms);
        }
        self.outbox_touched |= before;
        judged.map(|_| ())
    }

    async fn finish_events(&self, events: &[InboxRow], outcome: &str, now_ms: i64) -> Result<()> {
        let changes = events
            .iter()
            .map(|event| Change::FinishEvent {
                id: event.id.clone(),
                state: InboxState::Done,
                due_at_ms: now_ms,
                outcome: outcome.to_owned(),
                at_ms: now_ms,
            })
            .collect();
        Ok(self.store.commit(changes).await?)
    }

    /// The record could not be read: later, or never as it is.
    async fn look_failed(&mut self, events: &[InboxRow], error: &RemoteError, now_ms: i64) -> Result<()> {
        let attempts = events.iter().map(|event| event.attempts).max().unwrap_or(1);
        let tries = self.policy.tries;
        let retry_after_ms = match error {
            RemoteError::Transient { retry_after_ms, .. } => *retry_after_ms,
            _ => None,
        };
        let next_ms = next_try_ms(attempts, tries, now_ms, retry_after_ms);
        let back = match (error, next_ms) {
            // For as long as it takes; the breaker says when.
            (
                RemoteError::Unreachable { .. }
                | RemoteError::Ambiguous { .. }
                | RemoteError::Transient { .. }
                | RemoteError::SignIn { .. },
                next_ms,
            ) => {
                let breaker_ms = self.health[index(error.remote())].next_try_ms(now_ms);
                let next_ms = next_ms.unwrap_or(now_ms + crate::health::OPEN_FOR_MS);
                Some(next_ms.max(breaker_ms.unwrap_or(next_ms)))
            }
            // A garbled answer may come out right the next time.
            (RemoteError::Protocol { .. } | RemoteError::Many { .. }, next_ms) => next_ms,
            // The same question gets the same answer.
            (RemoteError::Refused { .. } | RemoteError::Moved { .. } | RemoteError::NotFound { .. }, _) => {
                None
            }
        };
        let mut changes = Vec::with_capacity(events.len());
        for event in events {
            let state = if back.is_some() { InboxState::Accepted } else { InboxState::Quarantined };
            changes.push(Change::FinishEvent {
                id: event.id.clone(),
                state,
                due_at_ms: back.unwrap_or(now_ms),
                outcome: error.name().to_owned(),
                at_ms: now_ms,
            });
            if back.is_none() {
                let problem = Problem {
                    field: String::new(),
                    class: error.name().to_owned(),
                    what: format!("{error}; replay it when that is mended, or dismiss it"),
                };
                let row = crate::quarantine::of_event(self.new_id(now_ms), event, problem, now_ms);
                changes.push(Change::Quarantine { row, seen_run: None });
            }
        }
        Ok(self.store.commit(changes).await?)
    }

    /// New records are linked as a run links them; what stands alone stays alone until the next complete run, because
    /// its absence on the other side is not proved.
    async fn link_new(&mut self, now_ms: i64, effects: &mut Effects) -> Result<()> {
        if self.looking.unpaired.is_empty() {
            return Ok(());
        }
        let due_ms = self.looking.linked_at_ms.map_or(now_ms, |at_ms| at_ms + BETWEEN_LINKINGS_MS);
        if now_ms < due_ms {
            self.wake_for_inbox(due_ms);
            return Ok(());
        }
        self.looking.linked_at_ms = Some(now_ms);
        let mut kinds: Vec<RecordKind> =
            self.looking.unpaired.iter().map(|(record, _)| record.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            pairing::link_all(self, kind, [false, false], now_ms).await?;
        }
        for (record, events) in std::mem::take(&mut self.looking.unpaired) {
            let ended = self.after_linking(&record, &events, now_ms, effects).await;
            if let Err(error) = ended {
                tracing::error!(error = %error.log_words(), "inbox.not_judged");
                self.note_storage(&error, now_ms, effects);
                self.looking.unfinished.extend(events);
            }
        }
        self.looking.touched = true;
        self.begin_looks(now_ms, effects).await
    }

    async fn after_linking(
        &mut self,
        record: &SnapshotId,
        events: &[InboxRow],
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        if let Some(pair) = self.store.pair_by_key(record.remote, record.kind, &record.key).await? {
            effects.notices.push(Notice::Pair(pair.id.clone()));
            self.judge_for_event(&pair.id, now_ms).await?;
        }
        self.finish_events(events, "looked", now_ms).await
    }

    /// What could not be written down (a full disk) must not leave an event running for ever: it is looked at again.
    async fn put_unfinished_back(&mut self, now_ms: i64, effects: &mut Effects) {
        for event in std::mem::take(&mut self.looking.unfinished) {
            let back = Change::FinishEvent {
                id: event.id.clone(),
                state: InboxState::Accepted,
                due_at_ms: now_ms + 1_000,
                outcome: "not_written_down".to_owned(),
                at_ms: now_ms,
            };
            match self.store.commit(vec![back]).await {
                Ok(()) => self.looking.touched = true,
                // It was finished by what failed only afterwards.
                Err(store::StoreError::Moved { .. }) => {}
                Err(error) => {
                    self.note_storage(&error.into(), now_ms, effects);
                    self.wake_for_inbox(now_ms + 1_000);
                    self.looking.unfinished.push(event);
                }
            }
        }
    }
}
