//! Slots of the schedules: one run each, whoever comes first.

use super::{
    Verdict, cases, moved,
    rows::{T0, run},
    same, text,
};
use crate::{Change, ScheduleName, SlotRow, SlotState, Store};

cases! {
    "a slot is claimed once, and done for good" => claimed_once,
    "a slot that failed is claimed again when it is due" => tried_again,
    "a slot whose owner is gone is taken over after its lease" => taken_over,
    "a refused claim leaves no run behind" => whole_or_not_at_all,
    "of many claims at the same time one succeeds" => raced,
}

const DATE: &str = "2026-03-08";

fn claim(run: &str, at_ms: i64) -> Change {
    Change::ClaimSlot {
        schedule: ScheduleName::Reconciliation,
        slot: DATE.into(),
        run: run.into(),
        missed: 2,
        lease_until_ms: at_ms + 100,
        at_ms,
    }
}

fn started(id: &str, at_ms: i64) -> Vec<Change> {
    vec![Change::PutRun(run(id, at_ms)), claim(id, at_ms)]
}

fn finished(run: &str, done: bool, due_at_ms: i64, at_ms: i64) -> Change {
    Change::FinishSlots { run: run.into(), done, due_at_ms, at_ms }
}

async fn claimed_once(store: &dyn Store) -> Verdict {
    store.commit(started("r1", T0)).await.map_err(text)?;
    moved("a second claim", store.commit(started("r2", T0 + 1)).await)?;
    store.commit(vec![finished("r1", true, 0, T0 + 50)]).await.map_err(text)?;
    moved("a claim of what is done", store.commit(started("r3", T0 + 9_999)).await)?;
    let done = SlotRow {
        schedule: ScheduleName::Reconciliation,
        slot: DATE.into(),
        state: SlotState::Done,
        run: "r1".into(),
        attempts: 1,
        missed: 2,
        claimed_at_ms: T0,
        lease_until_ms: T0 + 100,
        due_at_ms: 0,
        finished_at_ms: Some(T0 + 50),
    };
    let found = store.slot(ScheduleName::Reconciliation, DATE).await.map_err(text)?;
    same("the slot", found, Some(done.clone()))?;
    // The other schedule knows nothing of it, and a moment is a slot of its own.
    let moment = Change::ClaimSlot {
        schedule: ScheduleName::Batch,
        slot: "2026-03-08 07:00:00".into(),
        run: "r1".into(),
        missed: 0,
        lease_until_ms: T0 + 200,
        at_ms: T0 + 60,
    };
    store.commit(vec![moment]).await.map_err(text)?;
    let of = |schedule| store.slots(schedule, 9);
    same("reconciliations", of(ScheduleName::Reconciliation).await.map_err(text)?, vec![done])?;
    same("batches", of(ScheduleName::Batch).await.map_err(text)?.len(), 1)
}

async fn tried_again(store: &dyn Store) -> Verdict {
    store.commit(started("r1", T0)).await.map_err(text)?;
    store.commit(vec![finished("r1", false, T0 + 500, T0 + 10)]).await.map_err(text)?;
    moved("before it is due", store.commit(started("r2", T0 + 499)).await)?;
    store.commit(started("r3", T0 + 500)).await.map_err(text)?;
    let slot = store.slot(ScheduleName::Reconciliation, DATE).await.map_err(text)?.ok_or("no slot")?;
    same(
        "again",
        (slot.state, slot.run.as_str(), slot.attempts, slot.finished_at_ms),
        (SlotState::Running, "r3", 2, None),
    )?;
    // The first run's end comes late and is not its own any more.
    store.commit(vec![finished("r1", true, 0, T0 + 501)]).await.map_err(text)?;
    let slot = store.slot(ScheduleName::Reconciliation, DATE).await.map_err(text)?.ok_or("no slot")?;
    same("still the second's", slot.state, SlotState::Running)
}

async fn taken_over(store: &dyn Store) -> Verdict {
    store.commit(started("r1", T0)).await.map_err(text)?;
    let renewed = Change::RenewSlots { run: "r1".into(), lease_until_ms: T0 + 300 };
    store.commit(vec![renewed]).await.map_err(text)?;
    moved("while the lease lasts", store.commit(started("r2", T0 + 299)).await)?;
    store.commit(started("r3", T0 + 300)).await.map_err(text)?;
    let slot = store.slot(ScheduleName::Reconciliation, DATE).await.map_err(text)?.ok_or("no slot")?;
    same("taken over", (slot.run.as_str(), slot.attempts), ("r3", 2))
}

async fn whole_or_not_at_all(store: &dyn Store) -> Verdict {
    store.commit(started("r1", T0)).await.map_err(text)?;
    moved("a second claim", store.commit(started("r2", T0 + 1)).await)?;
    same("no second run", store.run("r2").await.map_err(text)?, None)
}

async fn raced(store: &dyn Store) -> Verdict {
    let ids: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    let outcomes = futures_util::future::join_all(ids.iter().map(|id| store.commit(started(id, T0)))).await;
    same("claims", outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1)?;
    same("runs", store.runs(99).await.map_err(text)?.len(), 1)
}
