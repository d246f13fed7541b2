//! What VetSync does by itself at a time of day: the daily reconciliation and the batch schedule. (What it does every few
//! seconds stands in `polling.rs`.)
//!
//! Which dates and moments are done stands in the store, where each is there once ([`store::SlotRow`]): neither a clock
//! that jumps, nor sleep, nor a second process makes one of them run twice or never. Several that were slept through are
//! made up for by one run. A scheduled run is a complete comparison like any other.

use crate::error::{EngineError, Result, decode, encode};
use crate::judge::index;
use crate::polling::Polling;
use crate::runs::Asked;
use crate::step::{Effects, Engine};
use chrono::NaiveDate;
use record::Remote;
use record::time::cron::Cron;
use record::time::daily::Daily;
use record::time::utc_text;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Change, RunRow, ScheduleName, SlotRow, SlotState, Store};

/// A run's slots belong to its process for this long, unless it renews them.
const LEASE_MS: i64 = 10 * 60_000;
/// How often it renews them.
const RENEW_MS: i64 = 2 * 60_000;
/// After a run that failed, the next one for the same slot: twice as long each time, up to an hour.
const RETRY_MS: i64 = 5 * 60_000;
const RETRY_MOST_MS: i64 = 60 * 60_000;
/// While somebody has paused a system, and after a claim that another process won.
const LOOK_AGAIN_MS: i64 = 30_000;
/// Dates that are looked up as done; what lies before them is not asked about.
const DATES_KNOWN: u32 = 40;

/// When VetSync acts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// The daily reconciliation; none where nothing runs by itself.
    pub reconciliation: Option<Daily>,
    /// The batch schedule.
    pub batch: Option<BatchSchedule>,
    /// Milliseconds between two polls; none where nothing is polled.
    pub poll_every_ms: Option<i64>,
}

/// A cron schedule in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSchedule {
    /// As written in the settings.
    pub expression: String,
    /// As read.
    pub cron: Cron,
    /// Whose wall clock.
    pub zone: chrono_tz::Tz,
}

/// The next slot of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextSlot {
    /// Its name in the store.
    pub slot: String,
    /// When it runs or, where that time has come, should have run; later where an earlier try failed.
    pub at_ms: i64,
    /// Earlier ones that it makes up for.
    pub missed: u32,
    /// Tries that failed.
    pub attempts: u32,
}

impl NextSlot {
    pub(crate) fn claim(&self, schedule: ScheduleName, run: &str, now_ms: i64) -> Change {
        Change::ClaimSlot {
            schedule,
            slot: self.slot.clone(),
            run: run.to_owned(),
            missed: self.missed,
            lease_until_ms: now_ms + LEASE_MS,
            at_ms: now_ms,
        }
    }
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// Of the daily reconciliation.
    pub reconciliation: Option<NextSlot>,
    /// Of the batch schedule.
    pub batch: Option<NextSlot>,
}

impl Outlook {
    fn due(&self, now_ms: i64) -> Vec<(ScheduleName, NextSlot)> {
        [(ScheduleName::Reconciliation, &self.reconciliation), (ScheduleName::Batch, &self.batch)]
            .into_iter()
            .filter_map(|(name, next)| Some((name, next.clone().filter(|next| next.at_ms <= now_ms)?)))
            .collect()
    }

    fn earliest_ms(&self) -> Option<i64> {
        [&self.reconciliation, &self.batch].into_iter().flatten().map(|next| next.at_ms).min()
    }
}

/// Since when a schedule is owed anything: nobody makes up for what lay before it was set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SetUp {
    rule: String,
    since: String,
}

const fn set_up_key(name: ScheduleName) -> &'static str {
    match name {
        ScheduleName::Reconciliation => "schedule.reconciliation",
        ScheduleName::Batch => "schedule.batch",
    }
}

/// A schedule that is switched off.
const OFF: &str = "off";

impl Schedule {
    /// The rule of a schedule in words that change with it. A reconciliation at another time is the same one: its dates
    /// stay done.
    fn rule(&self, name: ScheduleName) -> String {
        match name {
            ScheduleName::Reconciliation => self.reconciliation.map_or(OFF, |_| "daily").to_owned(),
            ScheduleName::Batch => self
                .batch
                .as_ref()
                .map_or_else(|| OFF.to_owned(), |batch| format!("{} {}", batch.expression, batch.zone)),
        }
    }

    /// From where a schedule counts that begins now.
    fn since(&self, name: ScheduleName, now_ms: i64) -> String {
        let now = now_ms.div_euclid(1_000);
        match (name, self.reconciliation) {
            (ScheduleName::Reconciliation, Some(daily)) => {
                daily.due(now, |_| false).map_or_else(String::new, |due| due.date.to_string())
            }
            (ScheduleName::Reconciliation, None) => String::new(),
            (ScheduleName::Batch, _) => now.to_string(),
        }
    }
}

async fn set_up(store: &dyn Store, schedule: &Schedule, name: ScheduleName, now_ms: i64) -> Result<SetUp> {
    let rule = schedule.rule(name);
    let known: Option<SetUp> =
        store.value(set_up_key(name)).await?.map(|text| decode("schedule", &text)).transpose()?;
    match known.filter(|known| known.rule == rule) {
        Some(known) => Ok(known),
        None => Ok(SetUp { since: schedule.since(name, now_ms), rule }),
    }
}

/// What is next, as the store stands.
///
/// # Errors
/// The store's.
pub async fn outlook(store: &dyn Store, schedule: &Schedule, now_ms: i64) -> Result<Outlook> {
    Ok(Outlook {
        reconciliation: match schedule.reconciliation {
            Some(daily) => next_date(store, schedule, daily, now_ms).await?,
            None => None,
        },
        batch: match &schedule.batch {
            Some(batch) => next_moment(store, schedule, batch, now_ms).await?,
            None => None,
        },
    })
}

async fn next_date(
    store: &dyn Store,
    schedule: &Schedule,
    daily: Daily,
    now_ms: i64,
) -> Result<Option<NextSlot>> {
    let now = now_ms.div_euclid(1_000);
    let since: Option<NaiveDate> =
        set_up(store, schedule, ScheduleName::Reconciliation, now_ms).await?.since.parse().ok();
    let known = store.slots(ScheduleName::Reconciliation, DATES_KNOWN).await?;
    let of = |date: NaiveDate| known.iter().find(|slot| slot.slot.parse() == Ok(date));
    let oldest: Option<NaiveDate> = (known.len() >= DATES_KNOWN as usize)
        .then(|| known.last().and_then(|slot| slot.slot.parse().ok()))
        .flatten();
    let done = |date: NaiveDate| {
        since.is_some_and(|since| date <= since)
            || oldest.is_some_and(|oldest| date < oldest)
            || of(date).is_some_and(|slot| slot.state == SlotState::Done)
    };
    if let Some(due) = daily.due(now, done) {
        let at_ms = daily.due_at(due.date).unwrap_or(now).saturating_mul(1_000);
        return Ok(Some(next_of(due.date.to_string(), at_ms, due.missed, of(due.date))));
    }
    let next = daily.next_at(now, done).and_then(|at| Some((record::time::zone::local(daily.zone, at)?, at)));
    Ok(next.map(|(shown, at)| next_of(shown.date().to_string(), at.saturating_mul(1_000), 0, None)))
}

async fn next_moment(
    store: &dyn Store,
    schedule: &Schedule,
    batch: &BatchSchedule,
    now_ms: i64,
) -> Result<Option<NextSlot>> {
    let now = now_ms.div_euclid(1_000);
    let since: i64 = set_up(store, schedule, ScheduleName::Batch, now_ms).await?.since.parse().unwrap_or(now);
    let last = store.slots(ScheduleName::Batch, 1).await?.pop();
    if let Some(moment) = batch.cron.latest_due(since, now, batch.zone)
        && let Some(name) = utc_text(moment)
    {
        let slot = last.filter(|slot| slot.slot >= name);
        if !slot.as_ref().is_some_and(|slot| slot.state == SlotState::Done || slot.slot > name) {
            return Ok(Some(next_of(name, moment.saturating_mul(1_000), 0, slot.as_ref())));
        }
    }
    let next = batch.cron.next_after(now, batch.zone).and_then(|at| Some((utc_text(at)?, at)));
    Ok(next.map(|(name, at)| next_of(name, at.saturating_mul(1_000), 0, None)))
}

fn next_of(slot: String, at_ms: i64, missed: u32, known: Option<&SlotRow>) -> NextSlot {
    let at_ms = match known {
        Some(SlotRow { state: SlotState::Failed, due_at_ms, .. }) => (*due_at_ms).max(at_ms),
        // Another process has it in hand.
        Some(SlotRow { state: SlotState::Running, lease_until_ms, .. }) => (*lease_until_ms).max(at_ms),
        Some(SlotRow { state: SlotState::Done, .. }) | None => at_ms,
    };
    NextSlot { slot, at_ms, missed, attempts: known.map_or(0, |known| known.attempts) }
}

/// What the engine knows of its schedule.
#[derive(Debug, Default)]
pub(crate) struct Scheduling {
    pub(crate) schedule: Arc<Schedule>,
    /// It is acted by, not only shown.
    follow: bool,
    /// The schedule has to be looked at, whatever the time.
    pub(crate) touched: bool,
    pub(crate) wake_at_ms: Option<i64>,
    /// How often the slots of the run under way were tried, this try included.
    attempts: u32,
}

impl Scheduling {
    pub(crate) fn next_look_ms(&self, now_ms: i64) -> Option<i64> {
        if self.touched && self.follow { Some(now_ms) } else { self.wake_at_ms }
    }
}

impl Engine {
    /// Knows this schedule, and acts by it if `follow`.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule, follow: bool) -> Self {
        self.scheduling =
            Scheduling { schedule: Arc::new(schedule), follow, touched: follow, ..Scheduling::default() };
        self.polling = Polling::every(self.scheduling.schedule.poll_every_ms.filter(|_| follow));
        self
    }

    /// When this engine acts by itself.
    pub fn schedule(&self) -> Arc<Schedule> {
        Arc::clone(&self.scheduling.schedule)
    }

    /// The schedule's share of a step: a run is started when one is due, and kept as this process's own.
    pub(crate) async fn work_on_schedule(&mut self, now_ms: i64, effects: &mut Effects) {
        let woken = self.scheduling.wake_at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        if !self.scheduling.follow || (!self.scheduling.touched && !woken) {
            return;
        }
        match self.follow_schedule(now_ms, effects).await {
            Ok(wake_at_ms) => {
                self.scheduling.touched = false;
                self.scheduling.wake_at_ms = wake_at_ms;
            }
            Err(error) => {
                if !matches!(error, EngineError::Store(store::StoreError::Moved { .. })) {
                    tracing::error!(error = %error.log_words(), "schedule.not_followed");
                    self.note_storage(&error, now_ms, effects);
                }
                // Another process may have been first; then the store says so the next time.
                self.scheduling.touched = false;
                self.scheduling.wake_at_ms = Some(now_ms + LOOK_AGAIN_MS);
            }
        }
    }

    /// When to look again.
    async fn follow_schedule(&mut self, now_ms: i64, effects: &mut Effects) -> Result<Option<i64>> {
        if let Some(run) = &self.run {
            let run = run.row.id.clone();
            // What is due waits for the end of the run under way, which looks here again.
            let lease_until_ms = now_ms + LEASE_MS;
            self.store.commit(vec![Change::RenewSlots { run, lease_until_ms }]).await?;
            return Ok(Some(now_ms + RENEW_MS));
        }
        self.note_set_up(now_ms).await?;
        let schedule = self.schedule();
        let outlook = outlook(&*self.store, &schedule, now_ms).await?;
        let due = outlook.due(now_ms);
        let Some((first, _)) = due.first() else { return Ok(outlook.earliest_ms()) };
        if Remote::BOTH.iter().any(|remote| self.health[index(*remote)].paused.is_some()) {
            // A comparison with half of the truth is worth nothing; it is made up for when the pause ends.
            return Ok(Some(now_ms + LOOK_AGAIN_MS));
        }
        self.scheduling.attempts = due.iter().map(|(_, next)| next.attempts).max().unwrap_or(0) + 1;
        tracing::info!(schedule = first.as_str(), attempts = self.scheduling.attempts, "schedule.due");
        let asked = Asked { trigger: first.as_str().to_owned(), actor: None, plan_only: false, kind: None };
        self.begin_run(asked, &due, now_ms, effects).await?;
        Ok(Some(now_ms + RENEW_MS))
    }

    /// Remembers since when each schedule is what it is.
    async fn note_set_up(&self, now_ms: i64) -> Result<()> {
        let schedule = &self.scheduling.schedule;
        let mut changes = Vec::new();
        for name in [ScheduleName::Reconciliation, ScheduleName::Batch] {
            let stands = self.store.value(set_up_key(name)).await?;
            if stands.is_none() && schedule.rule(name) == OFF {
                continue;
            }
            let value = encode("schedule", &set_up(&*self.store, schedule, name, now_ms).await?)?;
            if stands.as_ref() != Some(&value) {
                changes.push(Change::PutValue { key: set_up_key(name).to_owned(), value });
            }
        }
        if !changes.is_empty() {
            self.store.commit(changes).await?;
        }
        Ok(())
    }

    /// What the end of a run means for the slots it was started for; nothing for a run that a person started.
    pub(crate) fn slots_after(&mut self, run: &RunRow, now_ms: i64) -> Option<Change> {
        self.scheduling.touched = true;
        if ![ScheduleName::Reconciliation, ScheduleName::Batch]
            .iter()
            .any(|name| run.trigger == name.as_str())
        {
            return None;
        }
        // Stopped by a person or by the brake: it is for people to go on from there, not for the schedule.
        let done = run.state != "failed";
        let doublings = self.scheduling.attempts.saturating_sub(1).min(8);
        let due_at_ms = now_ms + (RETRY_MS << doublings).min(RETRY_MOST_MS);
        Some(Change::FinishSlots { run: run.id.clone(), done, due_at_ms, at_ms: now_ms })
    }
}
