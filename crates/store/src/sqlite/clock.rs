//! Times in the database after this computer's clock was set back.

use sqlx::SqliteConnection;

use super::apply::execute;
use crate::Result;

/// Moves due times back with the clock, so that nothing waits for hours that a second was meant for. What was seen is put
/// to now: an older time would win over what is read from now on.
pub(super) async fn set_back(connection: &mut SqliteConnection, from_ms: i64, to_ms: i64) -> Result<()> {
    let by_ms = from_ms.saturating_sub(to_ms).max(0);
    for due in [
        "UPDATE operations SET due_at_ms = max(?2, due_at_ms - ?1) \
         WHERE state IN ('waiting', 'retrying') AND due_at_ms > ?2",
        "UPDATE inbox SET due_at_ms = max(?2, due_at_ms - ?1) WHERE state = 'accepted' AND due_at_ms > ?2",
        "UPDATE scheduled_slots SET due_at_ms = max(?2, due_at_ms - ?1) WHERE state = 'failed' AND due_at_ms > ?2",
        "UPDATE scheduled_slots SET lease_until_ms = max(?2, lease_until_ms - ?1) \
         WHERE state = 'running' AND lease_until_ms > ?2",
    ] {
        execute(&mut *connection, sqlx::query(due).bind(by_ms).bind(to_ms)).await?;
    }
    let seen = sqlx::query("UPDATE snapshots SET seen_at_ms = ?1 WHERE seen_at_ms > ?1").bind(to_ms);
    execute(connection, seen).await?;
    Ok(())
}
