//! Rows of the database as rows of the contract. Each column list stands beside the function that reads it.

use sqlx::{Decode, Row, Sqlite, sqlite::SqliteRow};

use super::errors::typed;
use crate::{
    AuditRow, ConflictRow, DuplicateRow, IncidentRow, LaneWork, OperationRow, PairPage, PairRow, PatientCard,
    PlanRow, ReceiptRow, Result, RunRow, SnapshotId, SnapshotRow, StoreError, UnpairedRow, words::Word,
};

/// Reads the columns of one row from left to right.
pub(super) struct Columns<'r> {
    row: &'r SqliteRow,
    at: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r SqliteRow) -> Self {
        Self { row, at: 0 }
    }

    /// The next column. STRICT tables and the column lists here guarantee its type.
    pub(super) fn next<T: Decode<'r, Sqlite>>(&mut self) -> Result<T> {
        let at = self.at;
        self.at += 1;
        self.row.try_get_unchecked(at).map_err(|error| typed(&error))
    }

    pub(super) fn word<T: Word>(&mut self) -> Result<T> {
        T::read(self.next::<&str>()?)
    }

    pub(super) fn perhaps_word<T: Word>(&mut self) -> Result<Option<T>> {
        self.next::<Option<&str>>()?.map(T::read).transpose()
    }

    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> Result<T> {
        T::try_from(self.next::<i64>()?)
            .map_err(|_| StoreError::Other("a number in the database is out of its range".to_owned()))
    }

    pub(super) fn snapshot_id(&mut self) -> Result<SnapshotId> {
        Ok(SnapshotId { remote: self.word()?, kind: self.word()?, key: self.next()? })
    }
}

pub(super) fn snapshot_id(columns: &mut Columns<'_>) -> Result<SnapshotId> {
    columns.snapshot_id()
}

/// Columns of [`snapshot`], of `snapshots` as `$s`, `payloads` as `$p` and `records` as `$r`.
macro_rules! snapshot_columns {
    ($s:literal, $p:literal, $r:literal) => {
        concat!(
            $s,
            ".remote, ",
            $s,
            ".kind, ",
            $s,
            ".key, ",
            $s,
            ".version, ",
            $p,
            ".raw, ",
            $r,
            ".record, ",
            $s,
            ".digest, ",
            $s,
            ".other_key, ",
            $s,
            ".chip, ",
            $s,
            ".presence, ",
            $s,
            ".seen_run, ",
            $s,
            ".seen_at_ms, ",
            $s,
            ".changed_by, ",
            $s,
            ".changed_at_ms"
        )
    };
}
pub(super) use snapshot_columns;

/// How many columns a snapshot has.
const SNAPSHOT_COLUMNS: usize = 14;

pub(super) fn snapshot(columns: &mut Columns<'_>) -> Result<SnapshotRow> {
    Ok(SnapshotRow {
        id: columns.snapshot_id()?,
        version: columns.next()?,
        raw: columns.next()?,
        record: columns.next()?,
        digest: columns.next()?,
        other_key: columns.next()?,
        chip: columns.next()?,
        presence: columns.word()?,
        seen_run: columns.next()?,
        seen_at_ms: columns.next()?,
        changed_by: columns.next()?,
        changed_at_ms: columns.next()?,
    })
}

/// A snapshot from the right side of an outer join.
fn perhaps_snapshot(columns: &mut Columns<'_>) -> Result<Option<SnapshotRow>> {
    let start = columns.at;
    if columns.next::<Option<&str>>()?.is_none() {
        columns.at = start + SNAPSHOT_COLUMNS;
        return Ok(None);
    }
    columns.at = start;
    snapshot(columns).map(Some)
}

/// Columns of [`pair`], of `pairs` as `p` and `pair_details` as `d`.
macro_rules! pair_columns {
    () => {
        "p.id, p.kind, p.servicenow_key, p.ehr_key, d.linked_by, d.linked_at_ms, d.base, p.base_digest, p.status, \
         d.differing, d.agreed_at_ms, d.name, d.owner, d.species, d.breed, d.phone, d.email, d.chip, d.born, d.also, \
         d.deceased"
    };
}
pub(super) use pair_columns;

pub(super) fn pair(columns: &mut Columns<'_>) -> Result<PairRow> {
    Ok(PairRow {
        id: columns.next()?,
        kind: columns.word()?,
        servicenow_key: columns.next()?,
        ehr_key: columns.next()?,
        linked_by: columns.next()?,
        linked_at_ms: columns.next()?,
        base: columns.next()?,
        base_digest: columns.next()?,
        status: columns.word()?,
        differing: columns.next()?,
        agreed_at_ms: columns.next()?,
        card: PatientCard {
            name: columns.next()?,
            owner: columns.next()?,
            species: columns.next()?,
            breed: columns.next()?,
            phone: columns.next()?,
            email: columns.next()?,
            chip: columns.next()?,
            born: columns.next()?,
            also: columns.next()?,
            deceased: columns.next::<i64>()? != 0,
        },
    })
}

pub(super) fn pair_page(columns: &mut Columns<'_>) -> Result<PairPage> {
    Ok(PairPage {
        pair: pair(columns)?,
        servicenow: perhaps_snapshot(columns)?,
        ehr: perhaps_snapshot(columns)?,
    })
}

pub(super) fn unpaired(columns: &mut Columns<'_>) -> Result<UnpairedRow> {
    Ok(UnpairedRow { key: columns.next()?, other_key: columns.next()?, chip: columns.next()? })
}

pub(super) fn key_and_record(columns: &mut Columns<'_>) -> Result<(String, String)> {
    Ok((columns.next()?, columns.next()?))
}

/// Columns of [`conflict`], of `conflicts` as `c`.
macro_rules! conflict_columns {
    () => {
        "c.id, c.pair, c.cause, c.grade, c.state, c.comparison, c.fields, c.fingerprint, c.title, c.owner, c.species, \
         c.opened_at_ms, c.claimed_by, c.snoozed_until_ms, c.snooze_reason, c.draft, c.closed_at_ms, c.closed_by"
    };
}
pub(super) use conflict_columns;

pub(super) fn conflict(columns: &mut Columns<'_>) -> Result<ConflictRow> {
    Ok(ConflictRow {
        id: columns.next()?,
        pair: columns.next()?,
        cause: columns.word()?,
        grade: columns.small()?,
        state: columns.word()?,
        comparison: columns.next()?,
        fields: columns.next()?,
        fingerprint: columns.next()?,
        title: columns.next()?,
        owner: columns.next()?,
        species: columns.next()?,
        opened_at_ms: columns.next()?,
        claimed_by: columns.next()?,
        snoozed_until_ms: columns.next()?,
        snooze_reason: columns.next()?,
        draft: columns.next()?,
        closed_at_ms: columns.next()?,
        closed_by: columns.next()?,
    })
}

/// Columns of [`plan`].
macro_rules! plan_columns {
    () => {
        "id, pair, conflict, hash, body, state, grade, maker, reason, approver, made_at_ms, closed_at_ms, undoes"
    };
}
pub(super) use plan_columns;

pub(super) fn plan(columns: &mut Columns<'_>) -> Result<PlanRow> {
    Ok(PlanRow {
        id: columns.next()?,
        pair: columns.next()?,
        conflict: columns.next()?,
        hash: columns.next()?,
        body: columns.next()?,
        state: columns.word()?,
        grade: columns.small()?,
        maker: columns.next()?,
        reason: columns.next()?,
        approver: columns.next()?,
        made_at_ms: columns.next()?,
        closed_at_ms: columns.next()?,
        undoes: columns.next()?,
    })
}

/// Columns of [`operation`].
macro_rules! operation_columns {
    () => {
        "id, lane, seq, plan, remote, kind, action, key, expected_version, idempotency_key, body, intent, state, \
         attempts, due_at_ms, enqueued_at_ms, finished_at_ms, errors, claims, cause, replaces, released_at_ms"
    };
}
pub(super) use operation_columns;

pub(super) fn operation(columns: &mut Columns<'_>) -> Result<OperationRow> {
    Ok(OperationRow {
        id: columns.next()?,
        lane: columns.next()?,
        seq: columns.next()?,
        plan: columns.next()?,
        remote: columns.word()?,
        kind: columns.word()?,
        action: columns.word()?,
        key: columns.next()?,
        expected_version: columns.next()?,
        idempotency_key: columns.next()?,
        body: columns.next()?,
        intent: columns.next()?,
        state: columns.word()?,
        attempts: columns.small()?,
        due_at_ms: columns.next()?,
        enqueued_at_ms: columns.next()?,
        finished_at_ms: columns.next()?,
        errors: columns.next()?,
        claims: columns.small()?,
        cause: columns.next()?,
        replaces: columns.next()?,
        released_at_ms: columns.next()?,
    })
}

pub(super) fn lane_work(columns: &mut Columns<'_>) -> Result<LaneWork> {
    Ok(LaneWork {
        lane: columns.next()?,
        operation: columns.next()?,
        state: columns.word()?,
        plan: columns.next()?,
        plan_state: columns.word()?,
        plan_maker: columns.next()?,
        plan_conflict: columns.next()?,
        plan_undoes: columns.next::<i64>()? != 0,
    })
}

/// Columns of [`incident`].
macro_rules! incident_columns {
    () => {
        "id, kind, subject, cause, state, times, first_seen_at_ms, last_seen_at_ms, closed_at_ms, acknowledged_by, \
         acknowledged_at_ms"
    };
}
pub(super) use incident_columns;

pub(super) fn incident(columns: &mut Columns<'_>) -> Result<IncidentRow> {
    Ok(IncidentRow {
        id: columns.next()?,
        kind: columns.next()?,
        subject: columns.next()?,
        cause: columns.next()?,
        open: columns.next::<String>()? == "open",
        times: columns.next::<i64>()?.unsigned_abs(),
        first_seen_at_ms: columns.next()?,
        last_seen_at_ms: columns.next()?,
        closed_at_ms: columns.next()?,
        acknowledged_by: columns.next()?,
        acknowledged_at_ms: columns.next()?,
    })
}

/// Columns of [`receipt`].
macro_rules! receipt_columns {
    () => {
        "operation, pair, plan, remote, request, response, read_back, version_before, version_after, at_ms, undone_by"
    };
}
pub(super) use receipt_columns;

pub(super) fn receipt(columns: &mut Columns<'_>) -> Result<ReceiptRow> {
    Ok(ReceiptRow {
        operation: columns.next()?,
        pair: columns.next()?,
        plan: columns.next()?,
        remote: columns.word()?,
        request: columns.next()?,
        response: columns.next()?,
        read_back: columns.next()?,
        version_before: columns.next()?,
        version_after: columns.next()?,
        at_ms: columns.next()?,
        undone_by: columns.next()?,
    })
}

/// Columns of [`run`].
macro_rules! run_columns {
    () => {
        "id, started_by, actor, scope, state, started_at_ms, ended_at_ms, counts, problem"
    };
}
pub(super) use run_columns;

pub(super) fn run(columns: &mut Columns<'_>) -> Result<RunRow> {
    Ok(RunRow {
        id: columns.next()?,
        trigger: columns.next()?,
        actor: columns.next()?,
        scope: columns.next()?,
        state: columns.next()?,
        started_at_ms: columns.next()?,
        ended_at_ms: columns.next()?,
        counts: columns.next()?,
        problem: columns.next()?,
    })
}

/// Columns of [`duplicate`].
macro_rules! duplicate_columns {
    () => {
        "a_remote, a_kind, a_key, b_remote, b_kind, b_key, evidence, answer, answered_by, reason, at_ms, facts, \
         later_until_ms, earlier"
    };
}
pub(super) use duplicate_columns;

pub(super) fn duplicate(columns: &mut Columns<'_>) -> Result<DuplicateRow> {
    Ok(DuplicateRow {
        a: columns.snapshot_id()?,
        b: columns.snapshot_id()?,
        evidence: columns.next()?,
        answer: columns.next()?,
        answered_by: columns.next()?,
        reason: columns.next()?,
        at_ms: columns.next()?,
        facts: columns.next()?,
        later_until_ms: columns.next()?,
        earlier: columns.next()?,
    })
}

/// Columns of [`audit`].
macro_rules! audit_columns {
    () => {
        "id, at_ms, actor, action, subject, detail"
    };
}
pub(super) use audit_columns;

pub(super) fn audit(columns: &mut Columns<'_>) -> Result<AuditRow> {
    Ok(AuditRow {
        id: columns.next()?,
        at_ms: columns.next()?,
        actor: columns.next()?,
        action: columns.next()?,
        subject: columns.next()?,
        detail: columns.next()?,
    })
}
