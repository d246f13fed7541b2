//! What could not be read, and what people do about it: look, edit and resend, replay by cause, dismiss.
//!
//! An event may be edited: it only says which record to look at, so an edited one can point elsewhere and claim nothing.
//! What a remote showed of a *record* is never edited here: an edited text would pass for what the remote said, and the
//! base, and in the end a write, would rest on it. It is corrected where it stands, and read again.

use crate::error::{EngineError, Result};
use crate::inbox::{Problem, pointed};
use crate::step::{Command, Engine, Reply};
use remote::Malformed;
use store::{
    AuditRow, Change, EventAction, InboxRow, InboxState, QuarantineCause, QuarantineRow, QuarantineState,
    SnapshotId,
};

/// What a replay came to for one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The entry.
    pub entry: String,
    /// What was done.
    pub outcome: ReplayOutcome,
}

/// See [`Replayed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// The event is in the inbox again.
    Accepted,
    /// The record is read again; the entry closes when it can be read.
    ReadAgain,
    /// Its text cannot be read any better than before: why.
    StillUnreadable(String),
    /// Nothing says which record it is; the next complete run sees it again or not.
    NoKey,
    /// It was closed meanwhile.
    Closed,
}

/// Changes that are committed together while many entries are replayed.
const REPLAYED_TOGETHER: usize = 100;

/// An entry of the quarantine for an event.
pub(crate) fn of_event(id: String, event: &InboxRow, problem: Problem, now_ms: i64) -> QuarantineRow {
    QuarantineRow {
        id,
        remote: event.remote,
        kind: event.kind,
        key: event.key.clone(),
        event: Some(event.id.clone()),
        raw: event.raw.clone(),
        problem: problem.what,
        field: problem.field,
        class: problem.class,
        first_seen_at_ms: now_ms,
        last_seen_at_ms: now_ms,
        times: 1,
        state: QuarantineState::Open,
        closed_at_ms: None,
        closed_by: None,
        reason: None,
        replaces: None,
        edited_by: None,
    }
}

/// The class of a problem in words: the words without numbers and quotations, so that what failed alike is found alike.
/// The words hold no values in the first place.
fn class_of(problem: &str) -> String {
    let mut class = String::with_capacity(48);
    let mut quoted = false;
    for character in problem.chars() {
        if class.len() >= 60 {
            break;
        }
        match character {
            '"' => quoted = !quoted,
            _ if quoted => {}
            letter if letter.is_ascii_alphabetic() => class.push(letter.to_ascii_lowercase()),
            _ if class.ends_with('_') || class.is_empty() => {}
            _ => class.push('_'),
        }
    }
    class.trim_end_matches('_').to_owned()
}

impl Engine {
    /// An entry of the quarantine for a record as a remote showed it; with a run, the record was seen by it.
    pub(crate) fn quarantined(
        &self,
        record: SnapshotId,
        raw: String,
        problem: &str,
        run: Option<&str>,
        now_ms: i64,
    ) -> Change {
        let SnapshotId { remote, kind, key } = record;
        self.quarantined_as(remote, kind, Some(key), raw, problem, run, now_ms)
    }

    /// The same for a payload that a client could not take apart.
    pub(crate) fn malformed(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        malformed: &Malformed,
        run: Option<&str>,
        now_ms: i64,
    ) -> Change {
        let key = malformed.key.clone().filter(|key| !key.is_empty());
        self.quarantined_as(remote, kind, key, malformed.raw.clone(), &malformed.problem, run, now_ms)
    }

    #[allow(clippy::too_many_arguments, reason = "each is a fact of its own, and all are needed")]
    fn quarantined_as(
        &self,
        remote: record::Remote,
        kind: record::RecordKind,
        key: Option<String>,
        raw: String,
        problem: &str,
        run: Option<&str>,
        now_ms: i64,
    ) -> Change {
        let row = QuarantineRow {
            id: self.new_id(now_ms),
            remote,
            kind: Some(kind),
            key,
            event: None,
            raw,
            problem: problem.to_owned(),
            field: String::new(),
            class: class_of(problem),
            first_seen_at_ms: now_ms,
            last_seen_at_ms: now_ms,
            times: 1,
            state: QuarantineState::Open,
            closed_at_ms: None,
            closed_by: None,
            reason: None,
            replaces: None,
            edited_by: None,
        };
        Change::Quarantine { row, seen_run: run.map(str::to_owned) }
    }

    fn audited(&self, person: &str, action: &str, subject: &str, detail: String, now_ms: i64) -> Change {
        Change::Audit(AuditRow {
            id: self.new_id(now_ms),
            at_ms: now_ms,
            actor: person.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail,
        })
    }

    /// The commands about the inbox and the quarantine.
    pub(crate) async fn asked_of_inbox(&mut self, command: Command, now_ms: i64) -> Result<Reply> {
        match command {
            Command::Accept(arrival) => {
                self.looking.touched = true;
                self.inbox().accept(arrival, now_ms).await.map(Reply::Accepted)
            }
            Command::EditQuarantined { entry, raw, person, reason } => self
                .edit_quarantined(&entry, raw, &person, &reason, now_ms)
                .await
                .map(|row| Reply::Quarantined(Box::new(row))),
            Command::ReplayQuarantined { entries, cause, person } => {
                self.replay_quarantined(entries, cause, &person, now_ms).await.map(Reply::Replayed)
            }
            Command::DismissQuarantined { entry, person, reason } => self
                .dismiss_quarantined(&entry, &person, &reason, now_ms)
                .await
                .map(|row| Reply::Quarantined(Box::new(row))),
            // Asked elsewhere.
            _ => Ok(Reply::Done),
        }
    }

    async fn open_entry(&self, id: &str) -> Result<QuarantineRow> {
        let entry =
            self.store.quarantined(id).await?.ok_or(EngineError::NotFound { what: "quarantined entry" })?;
        if entry.state == QuarantineState::Open {
            Ok(entry)
        } else {
            Err(EngineError::NotNow {
                what: "this entry is closed".to_owned(),
                way_out: "look at the list of what is open".to_owned(),
            })
        }
    }

    /// An edited text of an event becomes an event of its own that names its original, and is worked on in its place.
    async fn edit_quarantined(
        &mut self,
        id: &str,
        raw: String,
        person: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<QuarantineRow> {
        let entry = self.open_entry(id).await?;
        let Some(original) = &entry.event else {
            return Err(EngineError::NotNow {
                what: format!(
                    "this is what {} shows of a record, and an edited text would pass for what it said",
                    entry.remote.label()
                ),
                way_out: format!("correct the record in {}, then replay this entry", entry.remote.label()),
            });
        };
        let original = self.store.event(original).await?.ok_or(EngineError::NotFound { what: "event" })?;
        if reason.trim().is_empty() {
            return Err(EngineError::NotNow {
                what: "an edit needs a reason".to_owned(),
                way_out: "write why the text is changed".to_owned(),
            });
        }
        if raw == entry.raw {
            return Err(EngineError::NotNow {
                what: "the text is the same as before".to_owned(),
                way_out: "change it, or replay it as it is".to_owned(),
            });
        }
        let event_id = self.new_id(now_ms);
        let draft = InboxRow {
            message: format!("{} edited {event_id}", original.message),
            id: event_id,
            kind: None,
            key: None,
            action: EventAction::Unknown,
            version: None,
            raw,
            received_at_ms: now_ms,
            state: InboxState::Quarantined,
            attempts: 0,
            due_at_ms: now_ms,
            finished_at_ms: None,
            outcome: String::new(),
            replaces: Some(original.id.clone()),
            remote: original.remote,
        };
        let event = pointed(&self.events, &self.kinds, &draft).map_err(|unreadable| EngineError::NotNow {
            what: format!("the edited text cannot be worked on either: {}", unreadable.1.what),
            way_out: "nothing was kept of it; correct it further".to_owned(),
        })?;
        let problem =
            Problem { field: entry.field.clone(), class: entry.class.clone(), what: entry.problem.clone() };
        let edited = QuarantineRow {
            state: QuarantineState::Replayed,
            closed_at_ms: Some(now_ms),
            closed_by: Some(person.to_owned()),
            reason: Some(reason.to_owned()),
            replaces: Some(entry.id.clone()),
            edited_by: Some(person.to_owned()),
            ..of_event(self.new_id(now_ms), &event, problem, now_ms)
        };
        let changes = vec![
            Change::DismissEvent { id: original.id, outcome: "edited".to_owned(), at_ms: now_ms },
            Change::CloseQuarantine {
                id: entry.id.clone(),
                state: QuarantineState::Replayed,
                by: person.to_owned(),
                reason: Some(reason.to_owned()),
                at_ms: now_ms,
            },
            Change::AcceptEvent(event),
            Change::Quarantine { row: edited.clone(), seen_run: None },
            self.audited(
                person,
                "quarantine.edited",
                &entry.id,
                format!("as {}; {} characters of reason", edited.id, reason.chars().count()),
                now_ms,
            ),
        ];
        self.store.commit(changes).await?;
        self.looking.touched = true;
        Ok(edited)
    }

    /// Entries are worked on again as they are: these, or all that are open for one cause, in their original order.
    async fn replay_quarantined(
        &mut self,
        entries: Vec<String>,
        cause: Option<QuarantineCause>,
        person: &str,
        now_ms: i64,
    ) -> Result<Vec<Replayed>> {
        let ids = match &cause {
            Some(cause) => self.store.quarantine_of_cause(cause).await?,
            None => entries,
        };
        let mut replayed = Vec::with_capacity(ids.len());
        for ids in ids.chunks(REPLAYED_TOGETHER) {
            let mut changes = Vec::new();
            for id in ids {
                let outcome = self.replay_one(id, person, now_ms, &mut changes).await?;
                replayed.push(Replayed { entry: id.clone(), outcome });
            }
            self.store.commit(changes).await?;
        }
        self.looking.touched = true;
        Ok(replayed)
    }

    async fn replay_one(
        &self,
        id: &str,
        person: &str,
        now_ms: i64,
        changes: &mut Vec<Change>,
    ) -> Result<ReplayOutcome> {
        let entry = self.store.quarantined(id).await?;
        let Some(entry) = entry.filter(|entry| entry.state == QuarantineState::Open) else {
            return Ok(ReplayOutcome::Closed);
        };
        let audit = self.audited(person, "quarantine.replayed", id, String::new(), now_ms);
        if let Some(event) = &entry.event {
            let event = self.store.event(event).await?.ok_or(EngineError::NotFound { what: "event" })?;
            return Ok(match pointed(&self.events, &self.kinds, &event) {
                Ok(event) => {
                    changes.push(Change::ResendEvent(InboxRow { due_at_ms: now_ms, ..event }));
                    changes.push(Change::CloseQuarantine {
                        id: entry.id,
                        state: QuarantineState::Replayed,
                        by: person.to_owned(),
                        reason: None,
                        at_ms: now_ms,
                    });
                    changes.push(audit);
                    ReplayOutcome::Accepted
                }
                Err(unreadable) => {
                    let (event, problem) = *unreadable;
                    let why = problem.what.clone();
                    let row = of_event(self.new_id(now_ms), &event, problem, now_ms);
                    changes.push(Change::Quarantine { row, seen_run: None });
                    changes.push(audit);
                    ReplayOutcome::StillUnreadable(why)
                }
            });
        }
        let (Some(key), Some(kind)) = (entry.key, entry.kind) else { return Ok(ReplayOutcome::NoKey) };
        let event = self.new_id(now_ms);
        changes.push(Change::AcceptEvent(InboxRow {
            message: format!("replay of {} {event}", entry.id),
            id: event,
            remote: entry.remote,
            kind: Some(kind),
            key: Some(key),
            action: EventAction::Unknown,
            version: None,
            raw: String::new(),
            received_at_ms: now_ms,
            state: InboxState::Accepted,
            attempts: 0,
            due_at_ms: now_ms,
            finished_at_ms: None,
            outcome: String::new(),
            replaces: None,
        }));
        changes.push(audit);
        Ok(ReplayOutcome::ReadAgain)
    }

    /// An entry is put aside. What a remote shows of a record cannot be: it stays unreadable until it is corrected there.
    async fn dismiss_quarantined(
        &mut self,
        id: &str,
        person: &str,
        reason: &str,
        now_ms: i64,
    ) -> Result<QuarantineRow> {
        let entry = self.open_entry(id).await?;
        if entry.record().is_some() {
            return Err(EngineError::NotNow {
                what: "a record that cannot be read holds its patient up until it can".to_owned(),
                way_out: format!("correct the record in {}, then replay this entry", entry.remote.label()),
            });
        }
        if reason.trim().is_empty() {
            return Err(EngineError::NotNow {
                what: "putting something aside needs a reason".to_owned(),
                way_out: "write why it is not needed".to_owned(),
            });
        }
        let mut changes = vec![
            Change::CloseQuarantine {
                id: entry.id.clone(),
                state: QuarantineState::Dismissed,
                by: person.to_owned(),
                reason: Some(reason.to_owned()),
                at_ms: now_ms,
            },
            self.audited(
                person,
                "quarantine.dismissed",
                &entry.id,
                format!("{} characters of reason", reason.chars().count()),
                now_ms,
            ),
        ];
        if let Some(event) = &entry.event {
            changes.push(Change::DismissEvent {
                id: event.clone(),
                outcome: "dismissed".to_owned(),
                at_ms: now_ms,
            });
        }
        self.store.commit(changes).await?;
        self.store.quarantined(id).await?.ok_or(EngineError::NotFound { what: "quarantined entry" })
    }
}

#[cfg(test)]
mod tests {
    use super::class_of;

    #[test]
    fn problems_of_one_class_are_told_alike() {
        for (one, other, class) in [
            (
                "not valid JSON: expected a value at line 3, column 17",
                "not valid JSON: expected a value at line 41, column 2",
                "not_valid_json_expected_a_value_at_line_column",
            ),
            (
                "a \"Device\" belongs to no Patient of this answer",
                "a \"Media\" belongs to no Patient of this answer",
                "a_belongs_to_no_patient_of_this_answer",
            ),
        ] {
            assert_eq!((class_of(one).as_str(), class_of(other).as_str()), (class, class));
        }
        assert!(class_of(&"word ".repeat(40)).len() <= 61);
    }
}
