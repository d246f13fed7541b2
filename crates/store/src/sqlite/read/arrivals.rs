//! What came in: events, and what could not be read.

use record::Remote;

use super::{all, listed, number, only, perhaps};
use crate::sqlite::{
    batch::Readers,
    inbox::{self, entry_columns, event_columns},
    rows,
};
use crate::{
    CauseCount, InboxRow, InboxState, QuarantineCause, QuarantineFilter, QuarantineRow, Result, SnapshotId,
    words::Word,
};

pub(super) async fn quarantine(
    readers: &Readers,
    filter: &QuarantineFilter,
    offset: u32,
    limit: u32,
) -> Result<(Vec<QuarantineRow>, u64)> {
    macro_rules! matching {
        () => {
            " FROM quarantined WHERE (?1 = '' OR instr(?1, ',' || state || ',') > 0) \
             AND (?2 IS NULL OR remote = ?2) \
             AND (?3 IS NULL OR (remote = ?4 AND kind IS ?5 AND field = ?3 AND class = ?6)) \
             AND (?7 IS NULL OR (event IS NULL AND key = ?7 AND remote = ?8 AND kind = ?9)) \
             AND (?10 IS NULL OR replaces = ?10)"
        };
    }
    let cause = filter.cause.as_ref();
    let record = filter.record.as_ref();
    let bound = |text: &'static str| {
        sqlx::query(text)
            .bind(listed(&filter.states))
            .bind(filter.remote.map(Word::word))
            .bind(cause.map(|cause| cause.field.clone()))
            .bind(cause.map(|cause| cause.remote.word()))
            .bind(cause.and_then(|cause| cause.kind).map(Word::word))
            .bind(cause.map(|cause| cause.class.clone()))
            .bind(record.map(|record| record.key.clone()))
            .bind(record.map(|record| record.remote.word()))
            .bind(record.map(|record| record.kind.word()))
            .bind(filter.replaces.clone())
    };
    let page = bound(concat!(
        "SELECT ",
        entry_columns!(),
        matching!(),
        " ORDER BY last_seen_at_ms DESC, no DESC LIMIT (?11 + 0) OFFSET ?12"
    ))
    .bind(i64::from(limit))
    .bind(i64::from(offset));
    let found = all(readers, page, inbox::entry).await?;
    let total = number(readers, bound(concat!("SELECT count(*)", matching!()))).await?;
    Ok((found, total))
}

pub(super) async fn quarantine_of_cause(readers: &Readers, cause: &QuarantineCause) -> Result<Vec<String>> {
    let query = sqlx::query(
        "SELECT q.id FROM quarantined q LEFT JOIN inbox e ON e.id = q.event \
         WHERE q.state = 'open' AND q.remote = ?1 AND q.kind IS ?2 AND q.field = ?3 AND q.class = ?4 \
         ORDER BY e.turn, e.no, q.no",
    )
    .bind(cause.remote.word())
    .bind(cause.kind.map(Word::word))
    .bind(cause.field.as_str())
    .bind(cause.class.as_str());
    all(readers, query, only).await
}

pub(super) async fn quarantined(readers: &Readers, id: &str) -> Result<Option<QuarantineRow>> {
    let query = sqlx::query(concat!("SELECT ", entry_columns!(), " FROM quarantined WHERE id = ?1")).bind(id);
    perhaps(readers, query, inbox::entry).await
}

pub(super) async fn quarantine_causes(readers: &Readers) -> Result<Vec<CauseCount>> {
    let query = sqlx::query(
        "SELECT c.remote, c.kind, c.field, c.class, c.open, o.first_seen_at_ms, o.problem FROM (\
         SELECT remote, kind, field, class, count(*) AS open, min(no) AS oldest FROM quarantined \
         WHERE state = 'open' GROUP BY remote, kind, field, class) c JOIN quarantined o ON o.no = c.oldest \
         ORDER BY c.open DESC, c.oldest",
    );
    all(readers, query, inbox::cause_count).await
}

pub(super) async fn unreadable_records(readers: &Readers) -> Result<Vec<SnapshotId>> {
    let query = sqlx::query(
        "SELECT remote, kind, key FROM quarantined WHERE state = 'open' AND event IS NULL AND key IS NOT NULL \
         ORDER BY remote, kind, key",
    );
    all(readers, query, rows::snapshot_id).await
}

pub(super) async fn event(readers: &Readers, id: &str) -> Result<Option<InboxRow>> {
    let query = sqlx::query(concat!("SELECT ", event_columns!(), " FROM inbox WHERE id = ?1")).bind(id);
    perhaps(readers, query, inbox::event).await
}

pub(super) async fn event_of_message(
    readers: &Readers,
    remote: Remote,
    message: &str,
) -> Result<Option<InboxRow>> {
    let query =
        sqlx::query(concat!("SELECT ", event_columns!(), " FROM inbox WHERE remote = ?1 AND message = ?2"))
            .bind(remote.word())
            .bind(message);
    perhaps(readers, query, inbox::event).await
}

pub(super) async fn events(
    readers: &Readers,
    state: InboxState,
    offset: u32,
    limit: u32,
) -> Result<Vec<InboxRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        event_columns!(),
        " FROM inbox WHERE state = ?1 ORDER BY turn, no LIMIT (?2 + 0) OFFSET ?3"
    ))
    .bind(state.word())
    .bind(i64::from(limit))
    .bind(i64::from(offset));
    all(readers, query, inbox::event).await
}

pub(super) async fn event_counts(readers: &Readers) -> Result<Vec<(InboxState, u64)>> {
    let query = sqlx::query("SELECT state, count(*) FROM inbox GROUP BY state");
    let mut counts: Vec<(InboxState, u64)> =
        all(readers, query, |columns| Ok((columns.word()?, columns.next::<i64>()?.unsigned_abs()))).await?;
    counts.sort_unstable();
    Ok(counts)
}

pub(super) async fn next_event_due_ms(readers: &Readers) -> Result<Option<i64>> {
    // Of the first event of each record: what came after it waits for it. One that is being looked at needs no
    // waking.
    let query = sqlx::query(
        "SELECT min(h.due_at_ms) FROM inbox h WHERE h.state = 'accepted' AND NOT EXISTS (\
         SELECT 1 FROM inbox e WHERE e.remote = h.remote AND e.kind = h.kind AND e.key = h.key \
         AND e.state IN ('accepted', 'running') \
         AND (e.state = 'running' OR e.turn < h.turn OR (e.turn = h.turn AND e.no < h.no)))",
    );
    Ok(perhaps(readers, query, only::<Option<i64>>).await?.flatten())
}
