//! What a poll shows and the store does not know, as events of the inbox.

use crate::error::Result;
use crate::step::Engine;
use mapping::event::{Action, Pointer};
use record::{RecordKind, Remote};
use remote::{Fetched, Page};
use std::collections::{HashMap, HashSet};
use store::{
    Change, EventAction, InboxRow, InboxState, Presence, QuarantineFilter, QuarantineState, SnapshotId,
    SnapshotRow,
};

impl Engine {
    /// What a page shows and the store does not know: an event for each record, and what cannot be read at all.
    pub(super) async fn news(
        &self,
        remote: Remote,
        kind: RecordKind,
        page: &Page,
        now_ms: i64,
    ) -> Result<Vec<Change>> {
        let keys: Vec<&str> = page.items.iter().map(|fetched| fetched.key.as_str()).collect();
        let stored = self.store.snapshots_named(remote, kind, &keys).await?;
        let known: HashMap<&str, &SnapshotRow> =
            stored.iter().map(|row| (row.id.key.as_str(), row)).collect();
        let unreadable: HashSet<SnapshotId> = self.store.unreadable_records().await?.into_iter().collect();
        let mut changes = Vec::new();
        for fetched in &page.items {
            let id = SnapshotId { remote, kind, key: fetched.key.clone() };
            let known = known.get(fetched.key.as_str());
            // The text, not the version, says whether anything moved: scripts can write without moving the version.
            let same =
                known.is_some_and(|known| known.raw == fetched.raw && known.presence == Presence::Present);
            if same && !unreadable.contains(&id) {
                continue;
            }
            let action = if known.is_some() { Action::Updated } else { Action::Created };
            let pointer = Pointer { kind, key: fetched.key.clone(), action, version: None };
            changes.push(self.event(remote, pointer, message_of(kind, fetched, now_ms), now_ms));
        }
        for malformed in &page.malformed {
            let shown = match &malformed.key {
                Some(key) => {
                    self.is_shown(SnapshotId { remote, kind, key: key.clone() }, &malformed.raw).await?
                }
                None => false,
            };
            if !shown {
                changes.push(self.malformed(remote, kind, malformed, None, now_ms));
            }
        }
        Ok(changes)
    }

    /// Whether the quarantine shows this very text already: polls see it again and again.
    async fn is_shown(&self, record: SnapshotId, raw: &str) -> Result<bool> {
        let filter = QuarantineFilter {
            states: vec![QuarantineState::Open],
            record: Some(record),
            ..QuarantineFilter::default()
        };
        Ok(self.store.quarantine(&filter, 0, 1).await?.0.iter().any(|entry| entry.raw == raw))
    }

    pub(super) fn event(&self, remote: Remote, pointer: Pointer, message: String, now_ms: i64) -> Change {
        let raw = self.events.message(remote, &pointer);
        Change::AcceptEvent(InboxRow {
            id: self.new_id(now_ms),
            remote,
            message,
            kind: Some(pointer.kind),
            key: Some(pointer.key),
            action: match pointer.action {
                Action::Created => EventAction::Created,
                Action::Updated => EventAction::Updated,
                Action::Deleted => EventAction::Deleted,
                Action::Unknown => EventAction::Unknown,
            },
            // It was compared already, by its text: whatever its version says, it is to be looked at.
            version: None,
            raw,
            received_at_ms: now_ms,
            state: InboxState::Accepted,
            attempts: 0,
            due_at_ms: now_ms,
            finished_at_ms: None,
            outcome: String::new(),
            replaces: None,
        })
    }
}

/// The same for the same state of a record, however often it is seen. Where nothing tells one state from an earlier one
/// that it came back to, each sight is its own.
fn message_of(kind: RecordKind, fetched: &Fetched, now_ms: i64) -> String {
    let at_ms = fetched.changed_at_ms.unwrap_or(now_ms);
    format!("poll {} {} {} {at_ms}", kind.as_str(), fetched.key, fetched.version)
}
