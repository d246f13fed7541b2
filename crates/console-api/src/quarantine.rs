//! What could not be read: looked at, edited, worked on again, put aside.

use crate::console::Console;
#[allow(clippy::wildcard_imports, reason = "its data is nearly all of one subject")]
use crate::dto::*;
use crate::errors::{api, sentence};
use crate::reasons::Act;
use crate::shown::remote_name;
use engine::quarantine::{ReplayOutcome, Replayed};
use engine::{Command, Reply};
use record::{RecordKind, Remote};
use store::{QuarantineCause, QuarantineFilter, QuarantineRow, QuarantineState};

/// Longest lineage that is shown; nobody edits one message a hundred times.
const LINEAGE_MAX: usize = 100;

impl Console {
    pub(crate) async fn quarantine_list(&self, request: QuarantineQuery) -> Result<QuarantineList, ApiError> {
        let filter = QuarantineFilter {
            states: request.status.map(state_of).into_iter().collect(),
            remote: request.remote.map(remote_of),
            cause: request.cause.as_deref().map(cause_of).transpose()?,
            ..QuarantineFilter::default()
        };
        let limit = request.limit.clamp(1, 500);
        let (rows, total) = self.parts.store.quarantine(&filter, request.offset, limit).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            items.push(self.quarantine_item(row).await?);
        }
        let causes = self
            .parts
            .store
            .quarantine_causes()
            .await?
            .into_iter()
            .map(|count| QuarantineCauseView {
                cause: cause_name(&count.cause),
                remote: remote_name(count.cause.remote),
                problem: sentence(&count.problem),
                open: small(count.open),
                oldest_at_ms: count.oldest_at_ms,
            })
            .collect();
        let waiting = self
            .parts
            .store
            .event_counts()
            .await?
            .into_iter()
            .filter(|(state, _)| matches!(state, store::InboxState::Accepted | store::InboxState::Running))
            .map(|(_, count)| count)
            .sum();
        Ok(QuarantineList { items, total: small(total), causes, events_waiting: small(waiting) })
    }

    pub(crate) async fn quarantine_show(&self, request: Id) -> Result<QuarantineView, ApiError> {
        let row = self.parts.store.quarantined(&request.id).await?.ok_or_else(no_entry)?;
        self.quarantine_view(row).await
    }

    pub(crate) async fn quarantine_edit(&self, request: QuarantineEdit) -> Result<QuarantineView, ApiError> {
        let reason = Act::EditUnreadable.reason_text(Some(&request.reason))?;
        let command = Command::EditQuarantined {
            entry: request.id,
            raw: request.raw,
            person: self.person().id,
            reason,
        };
        match self.parts.engine.ask(command).await? {
            Reply::Quarantined(row) => self.quarantine_view(*row).await,
            _ => Err(api(ErrorCode::Internal, "The engine gave no entry.", "Look at the list again.")),
        }
    }

    pub(crate) async fn quarantine_replay(
        &self,
        request: QuarantineReplay,
    ) -> Result<QuarantineReplayList, ApiError> {
        let cause = request.cause.as_deref().map(cause_of).transpose()?;
        let command = Command::ReplayQuarantined { entries: request.ids, cause, person: self.person().id };
        match self.parts.engine.ask(command).await? {
            Reply::Replayed(entries) => {
                Ok(QuarantineReplayList { entries: entries.into_iter().map(replayed).collect() })
            }
            _ => Err(api(ErrorCode::Internal, "The engine gave no answer.", "Look at the list again.")),
        }
    }

    pub(crate) async fn quarantine_dismiss(
        &self,
        request: QuarantineDismiss,
    ) -> Result<QuarantineView, ApiError> {
        let reason = Act::DismissUnreadable.reason_text(Some(&request.reason))?;
        let command = Command::DismissQuarantined { entry: request.id, person: self.person().id, reason };
        match self.parts.engine.ask(command).await? {
            Reply::Quarantined(row) => self.quarantine_view(*row).await,
            _ => Err(api(ErrorCode::Internal, "The engine gave no entry.", "Look at the list again.")),
        }
    }

    async fn quarantine_view(&self, row: QuarantineRow) -> Result<QuarantineView, ApiError> {
        let mut original = row.clone();
        let mut steps = 0;
        while let Some(before) = &original.replaces
            && steps < LINEAGE_MAX
        {
            original = self.parts.store.quarantined(before).await?.ok_or_else(no_entry)?;
            steps += 1;
        }
        let mut lineage = vec![self.quarantine_item(&original).await?];
        let mut latest = original.id;
        while lineage.len() < LINEAGE_MAX {
            let filter = QuarantineFilter { replaces: Some(latest), ..QuarantineFilter::default() };
            // An entry is closed by its first edit: there is one at most.
            let (mut edits, _) = self.parts.store.quarantine(&filter, 0, 1).await?;
            let Some(edit) = edits.pop() else { break };
            lineage.push(self.quarantine_item(&edit).await?);
            latest = edit.id;
        }
        Ok(QuarantineView { item: self.quarantine_item(&row).await?, raw: row.raw, lineage })
    }

    async fn quarantine_item(&self, row: &QuarantineRow) -> Result<QuarantineItem, ApiError> {
        let pair = match (row.kind, &row.key) {
            (Some(kind), Some(key)) => self.parts.store.pair_by_key(row.remote, kind, key).await?,
            _ => None,
        };
        let open = row.state == QuarantineState::Open;
        let works = self.require_capability(Capability::WorkQuarantine).is_ok();
        let is_event = row.event.is_some();
        let not_editable_because = match (open, is_event) {
            (true, true) => None,
            (true, false) => Some(format!(
                "This is what {} shows of a record, and an edited text would pass for what it said. Correct it there, then replay.",
                row.remote.label()
            )),
            (false, _) => Some("It is closed.".to_owned()),
        };
        Ok(QuarantineItem {
            id: row.id.clone(),
            origin: if is_event { QuarantineOrigin::Event } else { QuarantineOrigin::Record },
            remote: remote_name(row.remote),
            record_kind: row.kind.map(|kind| kind.as_str().to_owned()),
            key: row.key.clone(),
            patient_id: pair.as_ref().map(|pair| pair.id.clone()),
            patient: pair.map(|pair| pair.card.name).unwrap_or_default(),
            cause: cause_name(&row.cause()),
            problem: sentence(&row.problem),
            status: status_of(row.state),
            first_seen_at_ms: row.first_seen_at_ms,
            last_seen_at_ms: row.last_seen_at_ms,
            times: row.times,
            closed_at_ms: row.closed_at_ms,
            closed_by: row.closed_by.as_deref().map(|by| self.name_of(by)),
            reason: row.reason.clone(),
            replaces: row.replaces.clone(),
            edited_by: row.edited_by.as_deref().map(|by| self.name_of(by)),
            can_edit: works && not_editable_because.is_none(),
            not_editable_because,
            can_replay: works && open && (is_event || row.key.is_some()),
            can_dismiss: works && open && row.record().is_none(),
        })
    }
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn no_entry() -> ApiError {
    api(ErrorCode::NotFound, "There is no such entry in quarantine.", "Go back to the list and look again.")
}

/// `ehr/patient/sys_id/missing`: what failed alike. A dash stands for "not said".
fn cause_name(cause: &QuarantineCause) -> String {
    let kind = cause.kind.map_or("-", RecordKind::as_str);
    let field = if cause.field.is_empty() { "-" } else { &cause.field };
    format!("{}/{kind}/{field}/{}", cause.remote.as_str(), cause.class)
}

fn cause_of(name: &str) -> Result<QuarantineCause, ApiError> {
    let unknown = || {
        api(
            ErrorCode::Invalid,
            "There is no such cause.",
            "Take one of the causes that `quarantine.list` names.",
        )
    };
    let parts: Vec<&str> = name.splitn(4, '/').collect();
    let [remote, kind, field, class] = parts.as_slice() else { return Err(unknown()) };
    Ok(QuarantineCause {
        remote: Remote::parse(remote).ok_or_else(unknown)?,
        kind: match *kind {
            "-" => None,
            kind => Some(RecordKind::parse(kind).ok_or_else(unknown)?),
        },
        field: if *field == "-" { String::new() } else { (*field).to_owned() },
        class: (*class).to_owned(),
    })
}

const fn remote_of(name: RemoteName) -> Remote {
    match name {
        RemoteName::ServiceNow => Remote::ServiceNow,
        RemoteName::Ehr => Remote::Ehr,
    }
}

const fn status_of(state: QuarantineState) -> QuarantineStatus {
    match state {
        QuarantineState::Open => QuarantineStatus::Open,
        QuarantineState::Resolved => QuarantineStatus::Resolved,
        QuarantineState::Superseded => QuarantineStatus::Superseded,
        QuarantineState::Replayed => QuarantineStatus::Replayed,
        QuarantineState::Dismissed => QuarantineStatus::Dismissed,
    }
}

const fn state_of(status: QuarantineStatus) -> QuarantineState {
    match status {
        QuarantineStatus::Open => QuarantineState::Open,
        QuarantineStatus::Resolved => QuarantineState::Resolved,
        QuarantineStatus::Superseded => QuarantineState::Superseded,
        QuarantineStatus::Replayed => QuarantineState::Replayed,
        QuarantineStatus::Dismissed => QuarantineState::Dismissed,
    }
}

fn replayed(replayed: Replayed) -> QuarantineReplayed {
    let (outcome, sentence) = match replayed.outcome {
        ReplayOutcome::Accepted => (QuarantineReplayOutcome::Accepted, "It is worked on again.".to_owned()),
        ReplayOutcome::ReadAgain => (
            QuarantineReplayOutcome::ReadAgain,
            "The record is read again; this closes by itself when it can be read.".to_owned(),
        ),
        ReplayOutcome::StillUnreadable(why) => {
            (QuarantineReplayOutcome::StillUnreadable, format!("No better than before: {}", sentence(&why)))
        }
        ReplayOutcome::NoKey => (
            QuarantineReplayOutcome::NoKey,
            "Nothing says which record it is; the next complete run sees it again, or closes it.".to_owned(),
        ),
        ReplayOutcome::Closed => (QuarantineReplayOutcome::Closed, "It was closed meanwhile.".to_owned()),
    };
    QuarantineReplayed { id: replayed.entry, outcome, sentence }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_cause_is_named_and_found_again() {
        for (name, kind, field) in [
            ("ehr/patient/-/not_json", Some(RecordKind::Patient), ""),
            ("service_now/-/sys_id/missing", None, "sys_id"),
        ] {
            let cause = cause_of(name).unwrap();
            assert_eq!((cause.kind, cause.field.as_str()), (kind, field));
            assert_eq!(cause_name(&cause), name);
        }
        for wrong in ["", "ehr", "ehr/patient/-", "mail/patient/-/x", "ehr/invoice/-/x"] {
            assert!(cause_of(wrong).is_err(), "{wrong}");
        }
    }
}
