//! Plans as frozen values: what will be written, on which versions it relies, and the bytes that are sent.

use crate::error::{EngineError, Result, decode, encode};
use crate::judge::PairContext;
use crate::lens::{KindLenses, Lenses, sha256_hex};
use crate::treatments::{self, Surroundings};
use reconcile::plan::FieldDecision;
use reconcile::{FieldWrite, PairPlan};
use record::{FieldIx, FieldState, Record, RecordKind, Remote};
use remote::Place;
use serde::{Deserialize, Serialize};
use store::{OperationAction, OperationRow, OperationState, PairRow, PlanRow};

/// A plan's frozen content. Its hash is over the encoded form of this value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanBody {
    /// The writes, in the order they are carried out.
    pub operations: Vec<PlannedOperation>,
    /// What a person chose; empty for rules.
    pub decisions: Vec<FieldDecision>,
    /// Fields that stay open.
    pub open: Vec<FieldIx>,
    /// Fields both sides already agree on, which become the base with the plan.
    pub agreed: Vec<FieldIx>,
    /// Version of ServiceNow's record it was decided on.
    pub servicenow_version: Option<String>,
    /// Version of the EHR's record it was decided on.
    pub ehr_version: Option<String>,
    /// Fields an undo leaves alone because they changed since.
    pub left_out: Vec<FieldIx>,
    /// The refused operation whose place its writes take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// What a write brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// What the record itself says.
    #[default]
    Record,
    /// A line of a treatment's bill, in a table of its own.
    Bill,
    /// A treatment's row says that nothing is left to do with it.
    Archive,
}

impl Aim {
    /// Whether it is about the record itself, as nearly every write is.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub const fn is_record(&self) -> bool {
        matches!(self, Aim::Record)
    }

    /// Where such a write goes.
    pub const fn place(self) -> Place {
        match self {
            Aim::Record | Aim::Archive => Place::Record,
            Aim::Bill => Place::Bill,
        }
    }
}

/// One write of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOperation {
    /// Which remote.
    pub remote: Remote,
    /// The target; `None` creates.
    pub key: Option<String>,
    /// The version it relies on.
    pub expected_version: Option<String>,
    /// The fields it changes.
    pub fields: Vec<FieldWrite>,
    /// The other remote's key it writes along.
    pub cross_reference: Option<String>,
    /// The body, byte for byte.
    pub body: String,
    /// What a version of a treatment, or a line of its bill, is looked up by before it is sent. A version's `key` and `expected_version` are those of the
    /// version it revises: if that one moved, nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub our_key: Option<String>,
    /// What it brings about.
    #[serde(default, skip_serializing_if = "Aim::is_record")]
    pub aim: Aim,
}

impl PlannedOperation {
    /// Whether it creates a record; a new version of a treatment is one.
    pub const fn creates(&self) -> bool {
        self.key.is_none() || self.our_key.is_some()
    }

    /// What it is looked up by before it is sent, if it creates a record.
    pub fn looked_up_by(&self, lenses: &KindLenses) -> Option<String> {
        if !self.creates() {
            return None;
        }
        let of_record = || Some(lenses.our_key(self.remote, self.cross_reference.as_deref()?));
        self.our_key.clone().or_else(of_record)
    }
}

/// What the making of a plan takes besides what is stored.
pub struct Drafting<'a> {
    /// Unix milliseconds.
    pub now_ms: i64,
    /// Gives ids, UUIDs in lower case.
    pub next_id: &'a mut dyn FnMut() -> String,
}

/// What an operation is to have brought about, for the read-back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The fields it changes.
    pub fields: Vec<FieldWrite>,
    /// The other remote's key it writes along.
    pub cross_reference: Option<String>,
    /// What it brings about.
    #[serde(default, skip_serializing_if = "Aim::is_record")]
    pub aim: Aim,
}

/// Freezes the writes of a linked pair.
pub fn body_of(
    context: &PairContext,
    lenses: &Lenses,
    plan: &PairPlan,
    decisions: Vec<FieldDecision>,
    drafting: &mut Drafting<'_>,
) -> Result<PlanBody> {
    let mut operations = Vec::new();
    for remote in Remote::BOTH {
        let writes = plan.writes(remote);
        if writes.is_empty() {
            continue;
        }
        if (remote, context.pair.kind) == (Remote::Ehr, RecordKind::Treatment) {
            operations.push(treatments::new_version(context, lenses, plan, drafting)?);
            continue;
        }
        let side = context.side(remote);
        let other = &context.side(remote.other()).snapshot.id.key;
        let cross_reference = side.record.other_key.is_none().then(|| other.clone());
        operations.push(PlannedOperation {
            remote,
            key: Some(side.snapshot.id.key.clone()),
            expected_version: Some(side.snapshot.version.clone()),
            fields: writes.to_vec(),
            body: lenses.of(context.pair.kind).update_body(
                remote,
                &side.snapshot.raw,
                writes,
                cross_reference.as_deref(),
            )?,
            cross_reference,
            our_key: None,
            aim: Aim::Record,
        });
    }
    Ok(PlanBody {
        operations,
        decisions,
        open: plan.open.clone(),
        agreed: plan.agreed.iter().map(|(field, _)| *field).collect(),
        servicenow_version: Some(context.servicenow.snapshot.version.clone()),
        ehr_version: Some(context.ehr.snapshot.version.clone()),
        left_out: Vec::new(),
        replaces: None,
    })
}

/// Freezes the creation of a record on the side that lacks it.
pub fn create_body_of(
    lenses: &KindLenses,
    source: &Record,
    source_remote: Remote,
    source_version: &str,
    surroundings: &Surroundings,
    drafting: &mut Drafting<'_>,
) -> Result<PlanBody> {
    let target = source_remote.other();
    let writes: Vec<FieldWrite> = lenses
        .catalogue()
        .iter()
        .filter(|(_, spec)| {
            // A field that flows one way only is not carried against its direction.
            source_remote == Remote::ServiceNow || spec.direction == record::catalogue::Direction::Both
        })
        .filter_map(|(field, _)| match source.field(field) {
            state @ FieldState::Value(_) => {
                Some(FieldWrite { field, from: FieldState::Blank, to: state.clone() })
            }
            FieldState::Unknown | FieldState::Blank | FieldState::Invalid { .. } => None,
        })
        .collect();
    let (body, our_key) = match (target, lenses.kind()) {
        (Remote::Ehr, RecordKind::Treatment) => {
            let (body, our_key) = treatments::first_version(lenses, source, surroundings, drafting)?;
            (body, Some(our_key))
        }
        _ => (lenses.create_body(target, &writes, &source.key)?, None),
    };
    let version = Some(source_version.to_owned());
    let (servicenow_version, ehr_version) = match source_remote {
        Remote::ServiceNow => (version, None),
        Remote::Ehr => (None, version),
    };
    Ok(PlanBody {
        operations: vec![PlannedOperation {
            remote: target,
            key: None,
            expected_version: None,
            fields: writes,
            cross_reference: Some(source.key.clone()),
            body,
            our_key,
            aim: Aim::Record,
        }],
        decisions: Vec::new(),
        open: Vec::new(),
        agreed: Vec::new(),
        servicenow_version,
        ehr_version,
        left_out: Vec::new(),
        replaces: None,
    })
}

/// The last one in a key: neither the id behind it nor a `sys_id` contains it.
const KEY_MARK: char = '#';

/// The key of ours that a create is looked up by on the other side.
pub fn our_key(operation: &OperationRow) -> &str {
    operation.idempotency_key.rsplit_once(KEY_MARK).map_or(&operation.idempotency_key, |(key, _)| key)
}

/// The outbox rows of a plan. For a create the idempotency key is the other remote's key, by which both sides can
/// be searched before sending again.
pub fn operation_rows(
    body: &PlanBody,
    lenses: &Lenses,
    plan_id: &str,
    pair: &PairRow,
    now_ms: i64,
    next_id: &mut dyn FnMut() -> String,
) -> Result<Vec<OperationRow>> {
    body.operations
        .iter()
        .map(|operation| {
            let id = next_id();
            let idempotency_key = match operation.looked_up_by(lenses.of(pair.kind)) {
                // Looked up by the part before the mark; the rest tells this attempt from one that was cancelled.
                Some(our_key) => format!("{our_key}{KEY_MARK}{id}"),
                None => id.clone(),
            };
            Ok(OperationRow {
                lane: pair.id.clone(),
                seq: 0,
                plan: plan_id.to_owned(),
                remote: operation.remote,
                kind: pair.kind,
                action: if operation.creates() { OperationAction::Create } else { OperationAction::Update },
                key: operation.key.clone(),
                expected_version: operation.expected_version.clone(),
                idempotency_key,
                body: operation.body.clone(),
                intent: encode(
                    "intent",
                    &Intent {
                        fields: operation.fields.clone(),
                        cross_reference: operation.cross_reference.clone(),
                        aim: operation.aim,
                    },
                )?,
                state: OperationState::Waiting,
                attempts: 0,
                due_at_ms: now_ms,
                enqueued_at_ms: now_ms,
                finished_at_ms: None,
                errors: String::from("[]"),
                claims: 0,
                cause: None,
                replaces: None,
                released_at_ms: None,
                id,
            })
        })
        .collect()
}

/// Freezes what follows on a treatment that both systems agree on.
pub fn body_of_next(context: &PairContext, operations: Vec<PlannedOperation>) -> PlanBody {
    PlanBody {
        operations,
        decisions: Vec::new(),
        open: Vec::new(),
        agreed: Vec::new(),
        servicenow_version: Some(context.servicenow.snapshot.version.clone()),
        ehr_version: Some(context.ehr.snapshot.version.clone()),
        left_out: Vec::new(),
        replaces: None,
    }
}

/// What an operation brings about.
pub fn aim(operation: &OperationRow) -> Result<Aim> {
    if (operation.kind, operation.remote) != (RecordKind::Treatment, Remote::ServiceNow) {
        return Ok(Aim::Record);
    }
    Ok(decode::<Intent>("intent", &operation.intent)?.aim)
}

/// Reads a stored plan and proves that it is still what was hashed.
pub fn frozen(row: &PlanRow) -> Result<PlanBody> {
    if sha256_hex(&row.body) != row.hash {
        return Err(EngineError::Decode {
            what: "plan",
            problem: "its hash does not match its content".to_owned(),
        });
    }
    decode("plan", &row.body)
}
