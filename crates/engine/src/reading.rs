//! Reading both remotes completely: pages into the store, and what a complete reading did not show.

use crate::error::{EngineError, Result};
use crate::health::{FAILURES_TO_OPEN, next_try_ms};
use crate::judge::index;
use crate::lens;
use crate::links;
use crate::one_sided;
use crate::polling::Mark;
use crate::runs::{Phase, RunState};
use crate::step::{Effects, Engine, Notice, Request};
use record::{Record, RecordKind, Remote};
use remote::{Cursor, Fetched, ListScope, Next, Page, RemoteError};
use std::collections::{HashMap, HashSet};
use store::{Change, PairRow, Presence, SnapshotId, SnapshotRow};

/// Keys looked at together after a complete reading.
const CHUNK: u32 = 500;

/// One remote's reading.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) read: u64,
    pub(crate) total_hint: Option<u64>,
    /// `Some(true)`: complete and proved; `Some(false)`: ended without proof.
    pub(crate) ended: Option<bool>,
    pub(crate) why_unproven: Option<String>,
    pub(crate) tries: u32,
    /// Where the page under way begins.
    pub(crate) cursor: Option<Cursor>,
    /// When the page under way was asked for.
    pub(crate) asked_at_ms: i64,
    /// When the first one was.
    pub(crate) began_at_ms: Option<i64>,
    /// What the remote's clock showed on the first page.
    pub(crate) clock_ms: Option<i64>,
    /// The newest change it has shown, by the remote's clock.
    pub(crate) newest_ms: Option<i64>,
    /// When it ended, by ours.
    pub(crate) ended_at_ms: i64,
}

impl Reading {
    pub(crate) fn asked_at(now_ms: i64) -> Reading {
        Reading { asked_at_ms: now_ms, ..Reading::default() }
    }

    /// From where on changes may be asked for after it.
    fn first_mark(&self) -> Option<Mark> {
        let took_ms = self.ended_at_ms.saturating_sub(self.began_at_ms.unwrap_or(self.ended_at_ms));
        Mark::after_everything(self.newest_ms, took_ms, self.clock_ms, self.ended_at_ms)
    }
}

/// What becomes of a fetched record that is known already.
enum Course {
    /// Nothing moved: it is marked as seen.
    Unchanged,
    /// It was read back after this page was asked for, so the page may be older: the next reading tells.
    Newer,
    /// It is typed and stored.
    Take,
}

fn course(known: &SnapshotRow, raw: &str, asked_at_ms: i64) -> Course {
    // Raw text, not the version, says whether anything moved: scripts can write without moving the version.
    if known.raw == raw && known.presence == Presence::Present {
        // One stored by an older program is written in today's form, which is compared faster; one whose patient was not
        // linked is looked at again, because by now it may be.
        let again = record::stored::is_json(&known.record) || names_nobody_known(known);
        if again { Course::Take } else { Course::Unchanged }
    } else if known.seen_at_ms > asked_at_ms {
        Course::Newer
    } else {
        Course::Take
    }
}

fn names_nobody_known(known: &SnapshotRow) -> bool {
    match known.id.kind {
        // A patient names no patient.
        RecordKind::Patient => false,
        RecordKind::Appointment | RecordKind::Treatment => {
            crate::stored::record(&known.record).is_ok_and(|record| links::is_unresolved(&record))
        }
    }
}

impl Engine {
    pub(crate) async fn page_of(
        &mut self,
        run: &mut RunState,
        remote: Remote,
        result: std::result::Result<Page, RemoteError>,
        now_ms: i64,
        effects: &mut Effects,
    ) -> Result<()> {
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                let health = &self.health[index(remote)];
                // The one probe of an open breaker failed: the run does not wait for the next ones.
                let gave_up = health.breaker_open() && health.failures_in_a_row > FAILURES_TO_OPEN;
                let tries = if gave_up { 0 } else { self.policy.tries };
                return retry_page(run, remote, error, tries, now_ms, effects);
            }
        };
        let changes = self.page_changes(run, remote, &page, now_ms).await?;
        if !changes.is_empty() {
            self.store.commit(changes).await?;
        }
        let reading = &mut run.readings[index(remote)];
        if reading.began_at_ms.is_none() {
            reading.began_at_ms = Some(reading.asked_at_ms);
            reading.clock_ms = page.clock_ms;
        }
        reading.newest_ms =
            page.items.iter().filter_map(|item| item.changed_at_ms).chain(reading.newest_ms).max();
        reading.tries = 0;
        reading.read += page.items.len() as u64;
        reading.total_hint = page.total_hint.or(reading.total_hint);
        match remote {
            Remote::ServiceNow => run.counts.servicenow = reading.read,
            Remote::Ehr => run.counts.ehr = reading.read,
        }
        match page.next {
            Next::More(cursor) => {
                reading.cursor = Some(cursor.clone());
                reading.asked_at_ms = now_ms;
                effects.requests.push(Request::ReadPage {
                    run: run.row.id.clone(),
                    remote,
                    kind: run.kind,
                    scope: ListScope::All,
                    cursor: Some(cursor),
                    not_before_ms: now_ms,
                });
            }
            Next::ProvenComplete => reading.ended = Some(true),
            Next::Unproven { why } => {
                reading.ended = Some(false);
                reading.why_unproven = Some(why);
            }
        }
        if reading.ended.is_some() {
            reading.ended_at_ms = now_ms;
        }
        effects.notices.push(Notice::Progress(run.progress(now_ms)));
        if run.readings.iter().all(|reading| reading.ended.is_some()) {
            for remote in Remote::BOTH {
                let reading = &run.readings[index(remote)];
                let mark = self.first_mark(remote, run.kind, reading.first_mark()).await?;
                if reading.ended == Some(true) {
                    let mut changes = vec![unseen_payloads(run, remote, now_ms)];
                    changes.extend(mark.as_ref().map(|mark| mark.change.clone()));
                    self.store.commit(changes).await?;
                    self.mark_unseen(run, remote, now_ms).await?;
                } else if let Some(mark) = mark.as_ref().filter(|mark| mark.polled) {
                    self.store.commit(vec![mark.change.clone()]).await?;
                }
                self.changes_are_enough(remote, run.kind, mark);
            }
            run.enter(Phase::Linking, 0, now_ms);
            effects.notices.push(Notice::Progress(run.progress(now_ms)));
            effects.requests.push(Request::GoOn { run: run.row.id.clone() });
        }
        Ok(())
    }

    /// What a page changes in the store: what is unchanged to the letter is only seen, the rest is typed, and what cannot
    /// be read is quarantined with its raw text.
    async fn page_changes(
        &self,
        run: &mut RunState,
        remote: Remote,
        page: &Page,
        now_ms: i64,
    ) -> Result<Vec<Change>> {
        let keys: Vec<&str> = page.items.iter().map(|fetched| fetched.key.as_str()).collect();
        let stored = self.store.snapshots_named(remote, run.kind, &keys).await?;
        let known: HashMap<&str, &SnapshotRow> =
            stored.iter().map(|row| (row.id.key.as_str(), row)).collect();
        let unreadable: HashSet<SnapshotId> = self.store.unreadable_records().await?.into_iter().collect();
        let asked_at_ms = run.readings[index(remote)].asked_at_ms;
        let mut changes = Vec::with_capacity(page.items.len());
        let mut taken: Vec<(&Fetched, Record)> = Vec::new();
        for fetched in &page.items {
            let id = SnapshotId { remote, kind: run.kind, key: fetched.key.clone() };
            let course = known
                .get(fetched.key.as_str())
                .map_or(Course::Take, |known| course(known, &fetched.raw, asked_at_ms));
            match course {
                Course::Unchanged => {
                    if unreadable.contains(&id) {
                        // It says again what it said before it could not be read.
                        changes.push(Change::Release { id: id.clone(), at_ms: now_ms });
                    }
                    changes.push(Change::SawSnapshot { id, run: run.row.id.clone(), at_ms: now_ms });
                }
                Course::Newer => {
                    changes.push(Change::SawSnapshot { id, run: run.row.id.clone(), at_ms: now_ms });
                }
                Course::Take => match self.lenses.of(run.kind).read(remote, &fetched.raw) {
                    Ok(record) => taken.push((fetched, record)),
                    Err(error) => {
                        run.counts.malformed += 1;
                        let (raw, problem) = (fetched.raw.clone(), error.to_string());
                        changes.push(self.quarantined(id, raw, &problem, Some(&run.row.id), now_ms));
                    }
                },
            }
        }
        let mut records: Vec<&mut Record> = taken.iter_mut().map(|(_, record)| record).collect();
        links::resolve(&*self.store, &mut records).await?;
        let lenses = self.lenses.of(run.kind);
        changes.extend(taken.iter().map(|(fetched, record)| {
            Change::PutSnapshot(lenses.snapshot(remote, fetched, record, &run.row.id, now_ms))
        }));
        for (fetched, record) in &taken {
            let died = known.get(fetched.key.as_str()).is_some_and(|known| {
                record::stored::is_deceased(&known.record).is_ok_and(|before| before != record.deceased)
            });
            if died {
                changes.extend(self.card_of(remote, &fetched.key, record).await?);
            }
        }
        for malformed in &page.malformed {
            run.counts.malformed += 1;
            changes.push(self.malformed(remote, run.kind, malformed, Some(&run.row.id), now_ms));
        }
        Ok(changes)
    }

    /// What lists show of a pair, anew. Whether an animal lives is no field: where nothing else moved, the comparison finds
    /// the pair in agreement and does not look further.
    async fn card_of(&self, remote: Remote, key: &str, record: &Record) -> Result<Option<Change>> {
        let Some(pair) = self.store.pair_by_key(remote, record.kind, key).await? else { return Ok(None) };
        let other = match remote {
            Remote::ServiceNow => pair.ehr_key.as_deref().map(|key| (Remote::Ehr, key)),
            Remote::Ehr => pair.servicenow_key.as_deref().map(|key| (Remote::ServiceNow, key)),
        };
        let other = match other {
            Some((remote, key)) => self.side(pair.kind, remote, key).await?.map(|side| side.record),
            None => None,
        };
        let catalogue = self.lenses.catalogue(pair.kind);
        let card = match remote {
            Remote::ServiceNow => lens::card(catalogue, Some(record), other.as_ref()),
            Remote::Ehr => lens::card(catalogue, other.as_ref(), Some(record)),
        };
        Ok((card != pair.card).then_some(Change::PutPair(PairRow { card, ..pair })))
    }

    /// A record that a complete, proven read did not show is suspected; a second one in a row makes it gone.
    async fn mark_unseen(&mut self, run: &mut RunState, remote: Remote, now_ms: i64) -> Result<()> {
        let mut after = String::new();
        loop {
            let keys = self.store.unseen_keys(remote, run.kind, &run.row.id, &after, CHUNK).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            after.clone_from(last);
            let mut changes = Vec::new();
            let named: Vec<&str> = keys.iter().map(String::as_str).collect();
            for snapshot in self.store.snapshots_named(remote, run.kind, &named).await? {
                let id = snapshot.id;
                match snapshot.presence {
                    Presence::Present => {
                        changes.push(Change::SetPresence { id, presence: Presence::Suspected });
                    }
                    Presence::Suspected => {
                        run.counts.vanished += 1;
                        let asked = one_sided::vanished(self, &id, now_ms).await?;
                        changes.push(Change::SetPresence { id, presence: Presence::Gone });
                        changes.extend(asked);
                    }
                    Presence::Gone => {}
                }
            }
            if !changes.is_empty() {
                self.store.commit(changes).await?;
            }
        }
    }
}

/// A payload without a key cannot be told by its record; a complete read that does not show it again settles it.
fn unseen_payloads(run: &RunState, remote: Remote, now_ms: i64) -> Change {
    let before_ms = run.row.started_at_ms;
    Change::ReleaseUnseen { remote, kind: run.kind, before_ms, at_ms: now_ms }
}

fn retry_page(
    run: &mut RunState,
    remote: Remote,
    error: RemoteError,
    tries: u32,
    now_ms: i64,
    effects: &mut Effects,
) -> Result<()> {
    let reading = &mut run.readings[index(remote)];
    let retry_after_ms = match &error {
        RemoteError::Transient { retry_after_ms, .. } => *retry_after_ms,
        _ => None,
    };
    // Whoever only asks to wait has not failed.
    reading.tries += u32::from(retry_after_ms.is_none());
    match next_try_ms(reading.tries, tries, now_ms, retry_after_ms) {
        Some(not_before_ms) if error.is_transport() && reading.tries <= tries => {
            reading.asked_at_ms = not_before_ms;
            effects.requests.push(Request::ReadPage {
                run: run.row.id.clone(),
                remote,
                kind: run.kind,
                scope: ListScope::All,
                cursor: reading.cursor.clone(),
                not_before_ms,
            });
            Ok(())
        }
        _ => Err(EngineError::Remote(error)),
    }
}
