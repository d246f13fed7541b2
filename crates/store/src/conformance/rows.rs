//! Plain rows to fill a store with. Times begin at [`T0`].

use record::{RecordKind, Remote};

use crate::{
    AuditRow, ConflictCause, ConflictRow, ConflictState, DuplicateRow, EventAction, InboxRow, InboxState,
    OperationAction, OperationRow, OperationState, PairRow, PairStatus, PatientCard, PlanRow, PlanState,
    Presence, QuarantineRow, QuarantineState, ReceiptRow, RunRow, SnapshotId, SnapshotRow,
};

/// The time everything begins at, Unix milliseconds.
pub const T0: i64 = 1_790_000_000_000;

/// The name of a patient's snapshot.
pub fn snapshot_id(remote: Remote, key: &str) -> SnapshotId {
    SnapshotId { remote, kind: RecordKind::Patient, key: key.into() }
}

/// A present patient with every optional column filled.
pub fn snapshot(remote: Remote, key: &str) -> SnapshotRow {
    SnapshotRow {
        id: snapshot_id(remote, key),
        version: "1".into(),
        raw: format!("{{\"key\":\"{key}\",\"note\":\"Žofie ✓\"}}"),
        record: format!("{{\"record\":\"{key}\"}}"),
        digest: key.bytes().cycle().take(16).collect(),
        other_key: Some(format!("other-{key}")),
        chip: Some("985112004567890".into()),
        presence: Presence::Present,
        seen_run: "run-1".into(),
        seen_at_ms: T0,
        changed_by: Some("front.desk".into()),
        changed_at_ms: Some(T0 - 1),
    }
}

/// A linked patient with every optional column filled.
pub fn pair(id: &str) -> PairRow {
    PairRow {
        id: id.into(),
        kind: RecordKind::Patient,
        servicenow_key: Some(format!("sn-{id}")),
        ehr_key: Some(format!("ehr-{id}")),
        linked_by: Some("cross_reference".into()),
        linked_at_ms: Some(T0),
        base: Some("{\"base\":1}".into()),
        base_digest: Some(vec![7; 16]),
        status: PairStatus::Agreed,
        differing: String::new(),
        agreed_at_ms: Some(T0),
        card: card("Bella", "Ana Adams"),
    }
}

/// A card with a name and an owner.
pub fn card(name: &str, owner: &str) -> PatientCard {
    PatientCard {
        name: name.into(),
        owner: owner.into(),
        species: "dog".into(),
        breed: "Beagle".into(),
        ..PatientCard::default()
    }
}

/// An open conflict.
pub fn conflict(id: &str, pair: &str) -> ConflictRow {
    ConflictRow {
        id: id.into(),
        pair: pair.into(),
        cause: ConflictCause::FieldsDiffer,
        grade: 3,
        state: ConflictState::Open,
        comparison: "{\"fields\":[]}".into(),
        fields: "breed,owner_phone".into(),
        fingerprint: "f1".into(),
        title: "Bella".into(),
        owner: "Ana Adams".into(),
        species: "dog".into(),
        opened_at_ms: T0,
        claimed_by: Some("ana".into()),
        snoozed_until_ms: None,
        snooze_reason: None,
        draft: Some("{\"breed\":\"ehr\"}".into()),
        closed_at_ms: None,
        closed_by: None,
    }
}

/// A draft plan.
pub fn plan(id: &str, pair: &str) -> PlanRow {
    PlanRow {
        id: id.into(),
        pair: pair.into(),
        conflict: None,
        hash: "00ff".into(),
        body: "{\"writes\":[]}".into(),
        state: PlanState::Draft,
        grade: 3,
        maker: "ana".into(),
        reason: Some("asked the owner".into()),
        approver: None,
        made_at_ms: T0,
        closed_at_ms: None,
        undoes: None,
    }
}

/// A waiting update in the lane of a pair, due at once.
pub fn operation(id: &str, lane: &str, plan: &str) -> OperationRow {
    OperationRow {
        id: id.into(),
        lane: lane.into(),
        seq: 0,
        plan: plan.into(),
        remote: Remote::Ehr,
        kind: RecordKind::Patient,
        action: OperationAction::Update,
        key: Some(format!("ehr-{lane}")),
        expected_version: Some("W/\"1\"".into()),
        idempotency_key: format!("once-{id}"),
        body: "{\"resourceType\":\"Bundle\"}".into(),
        intent: "{\"breed\":\"Beagle\"}".into(),
        state: OperationState::Waiting,
        attempts: 0,
        due_at_ms: T0,
        enqueued_at_ms: T0,
        finished_at_ms: None,
        errors: "[]".into(),
        claims: 0,
        cause: None,
        replaces: None,
        released_at_ms: None,
    }
}

/// The receipt of an operation.
pub fn receipt(operation: &str, pair: &str, plan: &str) -> ReceiptRow {
    ReceiptRow {
        operation: operation.into(),
        pair: pair.into(),
        plan: plan.into(),
        remote: Remote::Ehr,
        request: "{\"method\":\"PUT\"}".into(),
        response: "{\"status\":200}".into(),
        read_back: "{\"same\":true}".into(),
        version_before: Some("1".into()),
        version_after: Some("2".into()),
        at_ms: T0,
        undone_by: None,
    }
}

/// A run that is under way.
pub fn run(id: &str, started_at_ms: i64) -> RunRow {
    RunRow {
        id: id.into(),
        trigger: "manual".into(),
        actor: Some("ana".into()),
        scope: "all".into(),
        state: "running".into(),
        started_at_ms,
        ended_at_ms: None,
        counts: "{}".into(),
        problem: None,
    }
}

/// An entry of the audit trail.
pub fn audit(id: &str, subject: &str) -> AuditRow {
    AuditRow {
        id: id.into(),
        at_ms: T0,
        actor: "ana".into(),
        action: "plan.approved".into(),
        subject: subject.into(),
        detail: "{\"fields\":[\"breed\"]}".into(),
    }
}

/// Two records that may be the same animal; nobody has answered.
pub fn duplicate(a: SnapshotId, b: SnapshotId) -> DuplicateRow {
    DuplicateRow {
        a,
        b,
        evidence: "{\"tier\":\"likely\"}".into(),
        answer: None,
        answered_by: None,
        reason: None,
        at_ms: T0,
        facts: None,
        later_until_ms: None,
        earlier: None,
    }
}

/// A record that could not be read.
pub fn quarantined(id: &str, record: SnapshotId) -> QuarantineRow {
    QuarantineRow {
        id: id.into(),
        remote: record.remote,
        kind: Some(record.kind),
        key: Some(record.key),
        event: None,
        raw: "{\"birthDate\":".into(),
        problem: "not JSON: ends early".into(),
        field: String::new(),
        class: "not_json".into(),
        first_seen_at_ms: T0,
        last_seen_at_ms: T0,
        times: 1,
        state: QuarantineState::Open,
        closed_at_ms: None,
        closed_by: None,
        reason: None,
        replaces: None,
        edited_by: None,
    }
}

/// An event that points to a patient of the EHR.
pub fn event(id: &str, key: &str) -> InboxRow {
    InboxRow {
        id: id.into(),
        remote: Remote::Ehr,
        message: format!("msg-{id}"),
        kind: Some(RecordKind::Patient),
        key: Some(key.into()),
        action: EventAction::Updated,
        version: Some("2".into()),
        raw: format!("{{\"type\":\"patient.updated\",\"data\":{{\"id\":\"{key}\"}}}}"),
        received_at_ms: T0,
        state: InboxState::Accepted,
        attempts: 0,
        due_at_ms: T0,
        finished_at_ms: None,
        outcome: String::new(),
        replaces: None,
    }
}
