//! Polling: beside the remotes' own messages, what changed is asked for at short intervals, and closes every gap that a
//! lost message leaves.
//!
//! A poll only says which records to look at, as a message does: what it shows and the store does not know becomes an
//! event of the inbox, in the same commit that moves the watermark. So a crash between the two loses nothing, what is seen
//! again costs a comparison, and everything after that is the one path. A poll that finds nothing new changes nothing in
//! the store. It is no run: what it found stands in the inbox, how it goes stands in [`PollState`].

mod mark;
mod news;

pub use mark::{LATE_MS, Mark};

use crate::error::{Result, decode, encode};
use crate::health::Gate;
use crate::judge::index;
use crate::runs::Asked;
use crate::step::{Effects, Engine, Request};
use mapping::event::{Action, Pointer};
use record::{RecordKind, Remote};
use remote::{DeletionPage, Next, Page, RemoteError};
use std::sync::Arc;
use store::{Change, Presence, SnapshotRow};

/// The shortest pace of a remote that cannot narrow a list to what changed, and of a list that is not shown to us.
const SLOW_MS: i64 = 15 * 60_000;
/// Reading everything takes no more than one part in so many of the time.
const SHARE: i64 = 20;
/// More changes than this in one poll are not looked at one by one: everything is read and compared, once.
const MANY: usize = 1_000;
/// Everything is read instead at most this often.
const BETWEEN_MANY_MS: i64 = 60 * 60_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Watched {
    /// Records of a kind that changed.
    Changes(RecordKind),
    /// What the remote itself says was deleted.
    Deletions,
}

impl Watched {
    const fn name(self) -> &'static str {
        match self {
            Watched::Changes(kind) => kind.as_str(),
            Watched::Deletions => "deletions",
        }
    }
}

/// What a remote answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Of [`Watched::Changes`].
    Changes(Page),
    /// Of [`Watched::Deletions`].
    Deletions(DeletionPage),
}

/// How the polling of one thing goes, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollState {
    /// Which remote.
    pub remote: Remote,
    /// What of it.
    pub watched: Watched,
    /// How often, milliseconds.
    pub every_ms: i64,
    /// When it was last read to the end, Unix milliseconds.
    pub read_at_ms: Option<i64>,
    /// So many records it had to look at then.
    pub found: usize,
    /// When it last found something.
    pub found_at_ms: Option<i64>,
    /// Nothing can be asked for yet: everything has to be read once before.
    pub waits_for_a_run: bool,
    /// The remote cannot narrow its list: everything is read each time.
    pub reads_everything: bool,
    /// Why the last one did not come to its end.
    pub problem: Option<String>,
}

/// One thing that is polled.
#[derive(Debug)]
struct Track {
    state: PollState,
    mark: Option<Mark>,
    due_ms: i64,
    /// How long it waits until then at most.
    wait_ms: i64,
    failures: u32,
    under_way: Option<UnderWay>,
}

impl Track {
    fn wait(&mut self, wait_ms: i64, now_ms: i64) {
        self.wait_ms = wait_ms;
        self.due_ms = now_ms.saturating_add(wait_ms);
    }
}

/// A poll under way.
#[derive(Debug)]
struct UnderWay {
    poll: u64,
    since_ms: i64,
    asked_at_ms: i64,
    newest_ms: Option<i64>,
    /// The remote's own time when it gave the first page.
    clock_ms: Option<i64>,
    found: usize,
}

/// What the engine knows of its polling.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    every_ms: Option<i64>,
    tracks: Vec<Track>,
    next_poll: u64,
    pub(crate) wake_at_ms: Option<i64>,
    told: Arc<Vec<PollState>>,
}

impl Polling {
    pub(crate) fn every(every_ms: Option<i64>) -> Polling {
        Polling { every_ms, ..Polling::default() }
    }

    /// What is shown; the same value until something changes.
    pub(crate) fn told(&self) -> Arc<Vec<PollState>> {
        Arc::clone(&self.told)
    }

    fn tell(&mut self) {
        self.told = Arc::new(self.tracks.iter().map(|track| track.state.clone()).collect());
    }

    fn wake(&mut self, at_ms: i64) {
        self.wake_at_ms = Some(self.wake_at_ms.map_or(at_ms, |known_ms| known_ms.min(at_ms)));
    }

    fn of(&self, poll: u64) -> Option<usize> {
        self.tracks.iter().position(|track| track.under_way.as_ref().is_some_and(|way| way.poll == poll))
    }

    /// A poll goes no further: its next one begins where it began.
    pub(crate) fn give_up(&mut self, poll: u64, now_ms: i64) {
        if let Some(at) = self.of(poll) {
            let track = &mut self.tracks[at];
            track.under_way = None;
            track.wait(track.state.every_ms, now_ms);
            let due_ms = track.due_ms;
            self.wake(due_ms);
        }
    }

    fn is_busy(&self, remote: Remote) -> bool {
        self.tracks.iter().any(|track| track.state.remote == remote && track.under_way.is_some())
    }
}

/// The mark with which the polling of a kind begins.
pub(crate) struct FirstMark {
    mark: Mark,
    /// How it is stored.
    pub(crate) change: Change,
    /// Whether this process polls.
    pub(crate) polled: bool,
}

/// Where a mark is kept.
fn mark_key(remote: Remote, watched: Watched) -> String {
    format!("poll.{}.{}", remote.as_str(), watched.name())
}

fn put_mark(remote: Remote, watched: Watched, mark: &Mark) -> Result<Change> {
    Ok(Change::PutValue { key: mark_key(remote, watched), value: encode("watermark", mark)? })
}

impl Engine {
    /// How its polling goes, one entry for each thing that is asked for; empty where nothing is polled.
    pub fn polls(&self) -> Arc<Vec<PollState>> {
        self.polling.told()
    }

    /// Polling's share of a step: what is due is asked for, one list of a remote at a time.
    pub(crate) async fn work_on_polling(&mut self, now_ms: i64, effects: &mut Effects) {
        let Some(every_ms) = self.polling.every_ms else { return };
        self.polling.wake_at_ms = None;
        if let Err(error) = self.begin_polls(every_ms, now_ms, effects).await {
            tracing::error!(error = %error.log_words(), "polling.not_begun");
            self.note_storage(&error, now_ms, effects);
            self.polling.wake(now_ms + every_ms);
        }
    }

    async fn begin_polls(&mut self, every_ms: i64, now_ms: i64, effects: &mut Effects) -> Result<()> {
        if self.polling.tracks.is_empty() {
            self.polling.tracks = self.load_tracks(every_ms, now_ms).await?;
            self.polling.tell();
        }
        for at in 0..self.polling.tracks.len() {
            let (remote, watched) = {
                let state = &self.polling.tracks[at].state;
                (state.remote, state.watched)
            };
            let first_ms = self.first_deletion_ms(watched);
            let health = &self.health[index(remote)];
            let (gate, back_ms) = (health.gate(now_ms), health.next_try_ms(now_ms));
            let busy = self.polling.is_busy(remote);
            let track = &mut self.polling.tracks[at];
            // A clock that was set back puts nothing off.
            track.due_ms = track.due_ms.min(now_ms.saturating_add(track.wait_ms));
            if track.under_way.is_some() || (track.mark.is_none() && first_ms.is_none()) {
                // The answer, or the end of the first complete reading, looks here again.
                continue;
            }
            if gate != Gate::Open {
                // Left alone; whatever opens the gate looks here again, and so does the end of a wait.
                if let Some(back_ms) = back_ms {
                    self.polling.wake(back_ms);
                }
                continue;
            }
            if track.due_ms > now_ms {
                let due_ms = track.due_ms;
                self.polling.wake(due_ms);
                continue;
            }
            if busy {
                continue;
            }
            let mark = track.mark.get_or_insert_with(|| Mark {
                newest_ms: first_ms.unwrap_or_default(),
                seen_at_ms: now_ms,
                settled: false,
                many_at_ms: None,
            });
            let since_ms = mark.from_ms();
            let poll = self.polling.next_poll;
            self.polling.next_poll += 1;
            track.under_way = Some(UnderWay {
                poll,
                since_ms,
                asked_at_ms: now_ms,
                newest_ms: None,
                clock_ms: None,
                found: 0,
            });
            effects.requests.push(Request::Poll { poll, remote, watched, since_ms, cursor: None });
        }
        Ok(())
    }

    async fn load_tracks(&self, every_ms: i64, now_ms: i64) -> Result<Vec<Track>> {
        let mut tracks = Vec::new();
        for remote in Remote::BOTH {
            let changes = self.kinds.iter().map(|kind| Watched::Changes(*kind));
            // No EHR route tells of deletions: absence there is proved by reading everything.
            let deletions = (remote == Remote::ServiceNow).then_some(Watched::Deletions);
            for watched in changes.chain(deletions) {
                let mark = self.store.value(&mark_key(remote, watched)).await?;
                let mark: Option<Mark> = mark.map(|text| decode("watermark", &text)).transpose()?;
                let state = PollState {
                    remote,
                    watched,
                    every_ms,
                    read_at_ms: None,
                    found: 0,
                    found_at_ms: None,
                    waits_for_a_run: mark.is_none(),
                    reads_everything: false,
                    problem: None,
                };
                tracks.push(Track { state, mark, due_ms: now_ms, wait_ms: 0, failures: 0, under_way: None });
            }
        }
        Ok(tracks)
    }

    /// From when on deletions are asked for the first time: from the earliest of ServiceNow's other marks on. What was
    /// deleted before was missing when everything was read.
    fn first_deletion_ms(&self, watched: Watched) -> Option<i64> {
        let marks = self.polling.tracks.iter().filter(|track| {
            watched == Watched::Deletions
                && track.state.remote == Remote::ServiceNow
                && track.state.watched != Watched::Deletions
        });
        marks.map(|track| track.mark.as_ref().map(|mark| mark.newest_ms)).min().flatten()
    }

    /// The mark that the end of a complete reading sets, unless there is one already.
    pub(crate) async fn first_mark(
        &self,
        remote: Remote,
        kind: RecordKind,
        mark: Option<Mark>,
    ) -> Result<Option<FirstMark>> {
        let watched = Watched::Changes(kind);
        let Some(mark) = mark else { return Ok(None) };
        if self.store.value(&mark_key(remote, watched)).await?.is_some() {
            return Ok(None);
        }
        let change = put_mark(remote, watched, &mark)?;
        Ok(Some(FirstMark { mark, change, polled: self.polling.every_ms.is_some() }))
    }

    /// A first mark is stored: from here on changes are asked for.
    pub(crate) fn changes_are_enough(&mut self, remote: Remote, kind: RecordKind, first: Option<FirstMark>) {
        let Some(first) = first else { return };
        for track in &mut self.polling.tracks {
            if track.state.remote == remote && track.state.watched == Watched::Changes(kind) {
                track.mark = Some(first.mark.clone());
                track.state.waits_for_a_run = false;
            }
        }
        let with_deletions = self.first_deletion_ms(Watched::Deletions).is_some();
        for track in &mut self.polling.tracks {
            track.state.waits_for_a_run &= !(with_deletions && track.state.watched == Watched::Deletions);
        }
        self.polling.tell();
    }

    /// A remote answered a poll.
    pub(crate) async fn polled(
        &mut self,
        poll: u64,
        result: std::result::Result<Told, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let Some(at) = self.polling.of(poll) else { return Ok(()) };
        let taken = match result {
            Ok(Told::Changes(page)) => self.changes_told(at, &page, now_ms, effects).await,
            Ok(Told::Deletions(page)) => self.deletions_told(at, &page, now_ms, effects).await,
            Err(error) => {
                self.poll_failed(at, &error, now_ms);
                Ok(())
            }
        };
        if taken.is_err() {
            self.polling.give_up(poll, now_ms);
        }
        self.polling.tell();
        taken
    }

    fn poll_failed(&mut self, at: usize, error: &RemoteError, now_ms: i64) {
        let track = &mut self.polling.tracks[at];
        track.under_way = None;
        track.failures = track.failures.saturating_add(1);
        track.state.problem = Some(error.to_string());
        let wait_ms = match error {
            // The breaker says when; what is asked for then is due.
            RemoteError::Unreachable { .. }
            | RemoteError::Ambiguous { .. }
            | RemoteError::Transient { .. }
            | RemoteError::SignIn { .. } => track.state.every_ms,
            // The same question gets the same answer until somebody changes something there.
            RemoteError::Refused { .. } | RemoteError::NotFound { .. } => SLOW_MS.max(track.state.every_ms),
            // A garbled answer may come out right the next time.
            RemoteError::Protocol { .. } | RemoteError::Many { .. } | RemoteError::Moved { .. } => {
                let doublings = track.failures.saturating_sub(1).min(6);
                (track.state.every_ms << doublings).min(SLOW_MS.max(track.state.every_ms))
            }
        };
        track.wait(wait_ms, now_ms);
        let (remote, watched) = (track.state.remote, track.state.watched);
        tracing::warn!(remote = remote.as_str(), of = watched.name(), error = %error.log_words(), "poll.failed");
    }

    async fn changes_told(
        &mut self,
        at: usize,
        page: &Page,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let PollState { remote, watched, .. } = self.polling.tracks[at].state;
        let Watched::Changes(kind) = watched else { return Ok(()) };
        let mut changes = self.news(remote, kind, page, now_ms).await?;
        let run_under_way = self.run.is_some();
        let track = &mut self.polling.tracks[at];
        track.state.reads_everything = !page.narrowed;
        let Some(way) = &mut track.under_way else { return Ok(()) };
        way.found += changes.iter().filter(|change| matches!(change, Change::AcceptEvent(_))).count();
        way.clock_ms = way.clock_ms.or(page.clock_ms);
        way.newest_ms = page.items.iter().filter_map(|item| item.changed_at_ms).chain(way.newest_ms).max();
        if way.found > MANY {
            let poll = way.poll;
            let lately = track
                .mark
                .as_ref()
                .and_then(|mark| mark.many_at_ms)
                .is_some_and(|many_at_ms| (0..BETWEEN_MANY_MS).contains(&(now_ms - many_at_ms)));
            if run_under_way {
                // It reads everything; what is left of this afterwards is found by the next poll.
                self.polling.give_up(poll, now_ms);
                return Ok(());
            }
            if !lately {
                return self.everything_instead(at, now_ms, effects).await;
            }
        }
        let ended = match &page.next {
            Next::More(cursor) => {
                let (poll, since_ms, cursor) = (way.poll, way.since_ms, Some(cursor.clone()));
                effects.requests.push(Request::Poll { poll, remote, watched, since_ms, cursor });
                None
            }
            Next::ProvenComplete => Some(None),
            Next::Unproven { why } => {
                Some(Some(format!("it could not be shown that nothing was left out ({why})")))
            }
        };
        // What may have slipped through is asked for again: the mark stays.
        let moved = match (&ended, &track.mark) {
            (Some(None), Some(known)) => {
                let clock_ms = way.clock_ms.unwrap_or(now_ms);
                Some(known.after(way.newest_ms, clock_ms, way.asked_at_ms, now_ms))
                    .filter(|mark| mark != known)
            }
            _ => None,
        };
        self.store_news(&mut changes, remote, watched, moved.as_ref()).await?;
        let track = &mut self.polling.tracks[at];
        track.mark = moved.or_else(|| track.mark.take());
        if let Some(problem) = ended {
            self.poll_ended(at, problem, now_ms);
        }
        Ok(())
    }

    async fn deletions_told(
        &mut self,
        at: usize,
        page: &DeletionPage,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let PollState { remote, watched, .. } = self.polling.tracks[at].state;
        let mut changes = Vec::new();
        for kind in self.kinds.clone() {
            let of_kind: Vec<_> = page.items.iter().filter(|item| item.kind == kind).collect();
            let keys: Vec<&str> = of_kind.iter().map(|item| item.key.as_str()).collect();
            let stored = self.store.snapshots_named(remote, kind, &keys).await?;
            for item in of_kind {
                // Of what was never seen, or is known to be gone, this is no news.
                let there = |row: &SnapshotRow| row.id.key == item.key && row.presence != Presence::Gone;
                if stored.iter().any(there) {
                    let message = format!("poll {} {}", Watched::Deletions.name(), item.entry);
                    let pointer =
                        Pointer { kind, key: item.key.clone(), action: Action::Deleted, version: None };
                    changes.push(self.event(remote, pointer, message, now_ms));
                }
            }
        }
        let track = &mut self.polling.tracks[at];
        let Some(way) = &mut track.under_way else { return Ok(()) };
        way.found += changes.len();
        way.clock_ms = way.clock_ms.or(page.clock_ms);
        way.newest_ms = page.items.iter().map(|item| item.at_ms).chain(way.newest_ms).max();
        let moved = match (&page.next, &track.mark) {
            (None, Some(known)) => {
                let clock_ms = way.clock_ms.unwrap_or(now_ms);
                Some(known.after(way.newest_ms, clock_ms, way.asked_at_ms, now_ms))
                    .filter(|mark| mark != known)
            }
            _ => None,
        };
        if let Some(cursor) = page.next.clone() {
            let (poll, since_ms) = (way.poll, way.since_ms);
            effects.requests.push(Request::Poll { poll, remote, watched, since_ms, cursor: Some(cursor) });
        }
        self.store_news(&mut changes, remote, watched, moved.as_ref()).await?;
        let track = &mut self.polling.tracks[at];
        track.mark = moved.or_else(|| track.mark.take());
        if page.next.is_none() {
            self.poll_ended(at, None, now_ms);
        }
        Ok(())
    }

    /// What was found and how far the reading is are one commit.
    async fn store_news(
        &mut self,
        changes: &mut Vec<Change>,
        remote: Remote,
        watched: Watched,
        moved: Option<&Mark>,
    ) -> Result<()> {
        let found = !changes.is_empty();
        changes.extend(moved.map(|mark| put_mark(remote, watched, mark)).transpose()?);
        if !changes.is_empty() {
            self.store.commit(std::mem::take(changes)).await?;
        }
        self.looking.touched |= found;
        Ok(())
    }

    fn poll_ended(&mut self, at: usize, problem: Option<String>, now_ms: i64) {
        let every_ms = self.polling.every_ms.unwrap_or(SLOW_MS);
        let track = &mut self.polling.tracks[at];
        let Some(way) = track.under_way.take() else { return };
        track.failures = 0;
        let state = &mut track.state;
        let took_ms = now_ms.saturating_sub(way.asked_at_ms).max(0);
        state.every_ms = if state.reads_everything && state.watched != Watched::Deletions {
            every_ms.max(SLOW_MS).max(took_ms.saturating_mul(SHARE))
        } else {
            every_ms
        };
        state.read_at_ms = Some(now_ms);
        state.found = way.found;
        if way.found > 0 {
            state.found_at_ms = Some(now_ms);
        }
        state.problem = problem;
        let wait_ms = state.every_ms.saturating_sub(took_ms).max(0);
        track.wait(wait_ms, now_ms);
    }

    /// So much has changed that reading it record by record would take longer than reading everything: a run does, with
    /// its brake.
    async fn everything_instead(&mut self, at: usize, now_ms: i64, effects: &mut Effects) -> Result<()> {
        let track = &mut self.polling.tracks[at];
        let PollState { remote, watched, .. } = track.state;
        let Some(way) = &track.under_way else { return Ok(()) };
        let (poll, found) = (way.poll, way.found);
        let Some(known) = track.mark.clone() else { return Ok(()) };
        self.polling.give_up(poll, now_ms);
        if Remote::BOTH.iter().any(|remote| self.health[index(*remote)].gate(now_ms) != Gate::Open) {
            // A comparison with half of the truth is worth nothing: the next poll finds as much again.
            return Ok(());
        }
        tracing::info!(remote = remote.as_str(), of = watched.name(), found, "poll.many_changes");
        let mark = Mark { many_at_ms: Some(now_ms), ..known };
        self.store.commit(vec![put_mark(remote, watched, &mark)?]).await?;
        self.polling.tracks[at].mark = Some(mark);
        let asked = Asked { trigger: "poll".to_owned(), actor: None, plan_only: false, kind: None };
        self.begin_run(asked, &[], now_ms, effects).await?;
        Ok(())
    }
}
