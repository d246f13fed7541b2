//! Slots of the schedules: statements of the writer, and what readers ask.

use sqlx::SqliteConnection;

use super::{
    apply::{execute, moved_unless_one},
    rows::Columns,
};
use crate::{Change, Result, SlotRow, words::Word};

/// Columns of [`slot`].
macro_rules! slot_columns {
    () => {
        "schedule, slot, state, run, attempts, missed, claimed_at_ms, lease_until_ms, due_at_ms, finished_at_ms"
    };
}
pub(super) use slot_columns;

pub(super) fn slot(columns: &mut Columns<'_>) -> Result<SlotRow> {
    Ok(SlotRow {
        schedule: columns.word()?,
        slot: columns.next()?,
        state: columns.word()?,
        run: columns.next()?,
        attempts: columns.small()?,
        missed: columns.small()?,
        claimed_at_ms: columns.next()?,
        lease_until_ms: columns.next()?,
        due_at_ms: columns.next()?,
        finished_at_ms: columns.next()?,
    })
}

/// The changes of slots; nothing for any other.
pub(super) async fn single(connection: &mut SqliteConnection, change: &Change) -> Result<()> {
    match change {
        Change::ClaimSlot { schedule, slot, run, missed, lease_until_ms, at_ms } => {
            let query = sqlx::query(
                "INSERT INTO scheduled_slots (schedule, slot, state, run, attempts, missed, claimed_at_ms, \
                 lease_until_ms, due_at_ms) VALUES (?1, ?2, 'running', ?3, 1, ?4, ?6, ?5, ?6) \
                 ON CONFLICT (schedule, slot) DO UPDATE SET state = 'running', run = excluded.run, \
                 attempts = attempts + 1, claimed_at_ms = excluded.claimed_at_ms, \
                 lease_until_ms = excluded.lease_until_ms, finished_at_ms = NULL \
                 WHERE (state = 'failed' AND due_at_ms <= ?6) OR (state = 'running' AND lease_until_ms <= ?6)",
            )
            .bind(schedule.word())
            .bind(slot)
            .bind(run)
            .bind(missed)
            .bind(lease_until_ms)
            .bind(at_ms);
            moved_unless_one(execute(connection, query).await?, || {
                format!("the {} of {slot}", schedule.as_str())
            })
        }
        Change::RenewSlots { run, lease_until_ms } => {
            let query = sqlx::query(
                "UPDATE scheduled_slots SET lease_until_ms = max(lease_until_ms, ?2) \
                 WHERE run = ?1 AND state = 'running'",
            )
            .bind(run)
            .bind(lease_until_ms);
            execute(connection, query).await?;
            Ok(())
        }
        Change::FinishSlots { run, done, due_at_ms, at_ms } => {
            let query = sqlx::query(
                "UPDATE scheduled_slots SET state = CASE WHEN ?2 THEN 'done' ELSE 'failed' END, \
                 due_at_ms = ?3, finished_at_ms = ?4 WHERE run = ?1 AND state = 'running'",
            )
            .bind(run)
            .bind(done)
            .bind(due_at_ms)
            .bind(at_ms);
            execute(connection, query).await?;
            Ok(())
        }
        _ => Ok(()),
    }
}
