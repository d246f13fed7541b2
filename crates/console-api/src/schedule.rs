//! What runs by itself: when next, and what became of the last ones.

use crate::console::Console;
use crate::dto::{
    ApiError, Nothing, PlannedRun, RunItem, RunList, RunQuery, ScheduleKind, ScheduleView, ScheduledPart,
    ScheduledSlot,
};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use engine::schedule::{NextSlot, Schedule, outlook};
use store::{ScheduleName, SlotRow, SlotState};

/// So many runs ahead are shown.
const AHEAD: usize = 5;
/// Slots that runs are matched with.
const SLOTS: u32 = 200;

impl Console {
    pub(crate) async fn schedule_get(&self, _: Nothing) -> Result<ScheduleView, ApiError> {
        let schedule = self.parts.engine.pulse().schedule;
        let store = &*self.parts.store;
        let outlook = outlook(store, &schedule, self.now_ms()).await?;
        let mut parts = Vec::new();
        if let Some(daily) = schedule.reconciliation {
            let next = outlook.reconciliation.map(|next| {
                let date = next.slot.parse().unwrap_or_default();
                let first = planned(ScheduleKind::Reconciliation, next.at_ms, daily.zone, note(&next));
                let later = NaiveDate::iter_days(&date).skip(1).filter_map(|date| daily.due_at(date));
                let later = later.take(AHEAD - 1).map(|at| {
                    planned(ScheduleKind::Reconciliation, at.saturating_mul(1_000), daily.zone, None)
                });
                std::iter::once(first).chain(later).collect()
            });
            parts.push(ScheduledPart {
                schedule: ScheduleKind::Reconciliation,
                rule: format!("every day at {}", daily.at.format("%H:%M")),
                zone: daily.zone.name().to_owned(),
                next: next.unwrap_or_default(),
                last: last(store.slots(ScheduleName::Reconciliation, 1).await?),
            });
        }
        if let Some(batch) = &schedule.batch {
            let next = outlook.batch.map(|next| {
                let first = planned(ScheduleKind::Batch, next.at_ms, batch.zone, note(&next));
                let from = next.at_ms.max(self.now_ms()).div_euclid(1_000);
                let later = batch.cron.next_runs(from, batch.zone, AHEAD - 1).into_iter();
                let later =
                    later.map(|at| planned(ScheduleKind::Batch, at.saturating_mul(1_000), batch.zone, None));
                std::iter::once(first).chain(later).collect()
            });
            parts.push(ScheduledPart {
                schedule: ScheduleKind::Batch,
                rule: batch.expression.clone(),
                zone: batch.zone.name().to_owned(),
                next: next.unwrap_or_default(),
                last: last(store.slots(ScheduleName::Batch, 1).await?),
            });
        }
        let off = parts
            .is_empty()
            .then(|| "Nothing runs by itself: the settings say sync_frequency = \"on-demand\".".to_owned());
        Ok(ScheduleView { parts, off })
    }

    pub(crate) async fn runs_list(&self, request: RunQuery) -> Result<RunList, ApiError> {
        let store = &*self.parts.store;
        let mut slots = store.slots(ScheduleName::Reconciliation, SLOTS).await?;
        slots.extend(store.slots(ScheduleName::Batch, SLOTS).await?);
        let mut runs = Vec::new();
        for row in store.runs(request.limit.clamp(1, 500)).await? {
            let stands_for = slots.iter().find(|slot| slot.run == row.id).map(|slot| {
                let moment = if slot.schedule == ScheduleName::Batch { " UTC" } else { "" };
                let missed = match slot.missed {
                    0 => String::new(),
                    1 => ", and one date missed before it".to_owned(),
                    missed => format!(", and {missed} dates missed before it"),
                };
                format!("for {}{moment}{missed}", slot.slot)
            });
            runs.push(RunItem { run: self.run_view(&row)?, stands_for });
        }
        Ok(RunList { runs })
    }

    /// What runs next by itself.
    pub(crate) async fn next_run(&self) -> Result<Option<PlannedRun>, ApiError> {
        let schedule = self.parts.engine.pulse().schedule;
        let Schedule { reconciliation, batch, .. } = &*schedule;
        let outlook = outlook(&*self.parts.store, &schedule, self.now_ms()).await?;
        let daily = reconciliation
            .zip(outlook.reconciliation)
            .map(|(daily, next)| planned(ScheduleKind::Reconciliation, next.at_ms, daily.zone, note(&next)));
        let batch = batch
            .as_ref()
            .zip(outlook.batch)
            .map(|(batch, next)| planned(ScheduleKind::Batch, next.at_ms, batch.zone, note(&next)));
        // The reconciliation first: at the same time it is the same run.
        Ok([daily, batch].into_iter().flatten().min_by_key(|next| next.at_ms))
    }
}

fn planned(schedule: ScheduleKind, at_ms: i64, zone: Tz, note: Option<String>) -> PlannedRun {
    let local = DateTime::from_timestamp_millis(at_ms)
        .map(|at| at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M (UTC%:z)").to_string())
        .unwrap_or_default();
    PlannedRun { schedule, at_ms, local, note }
}

fn note(next: &NextSlot) -> Option<String> {
    let missed = (next.missed > 0).then(|| match next.missed {
        1 => "makes up for one date that was missed".to_owned(),
        missed => format!("makes up for {missed} dates that were missed"),
    });
    let failed = (next.attempts > 0).then(|| match next.attempts {
        1 => "tried once so far".to_owned(),
        attempts => format!("tried {attempts} times so far"),
    });
    let words: Vec<String> = [missed, failed].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn last(mut slots: Vec<SlotRow>) -> Option<ScheduledSlot> {
    let slot = slots.pop()?;
    let words = match slot.state {
        SlotState::Done => "done".to_owned(),
        SlotState::Running => "under way".to_owned(),
        SlotState::Failed => format!("failed {} so far; tried again by itself", times(slot.attempts)),
    };
    Some(ScheduledSlot { done: slot.state == SlotState::Done, slot: slot.slot, words, run_id: slot.run })
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
