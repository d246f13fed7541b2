//! Deliberate bugs, to show that the checker finds them. They stand at the product's seams, in front of the real clients
//! and the real store, so that no build of the product can hold one.

use async_trait::async_trait;
use engine::plans::Intent;
use reconcile::FieldWrite;
use record::{Catalogue, FieldState, RecordKind, Remote};
use remote::http::CallStats;
use remote::{
    Cursor, DeletionPage, Fetched, ListScope, Next, Page, Probe, RemoteApi, RemoteError, WirePreview, Write,
    Written,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Change, ConflictCause, OperationAction, OperationState, PairRow, PlanRow, SnapshotRow, Store};

/// One deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A create is not looked up by our key before it is sent.
    SkipLookUp,
    /// A write whose answer was lost is sent again at once, as if nothing had happened.
    ResendAtOnce,
    /// The version a write was decided on is not checked.
    IgnoreVersion,
    /// What waits behind the first operation of a patient is sent beside it.
    DropLaneOrder,
    /// What was under way when the process ended is taken for done.
    ForgetAtRestart,
    /// The last allergy of a list is left out of what is written.
    DropAllergy,
    /// Receipts are not written down.
    ForgetReceipt,
    /// A question about differing fields is not written down.
    ForgetQuestion,
    /// More is sent than the plan holds.
    WriteMore,
    /// One person's approval is enough for everything.
    ApproveAlone,
    /// Where both sides have allergies, the merge forgets the first that stood there.
    MergeForgets,
    /// A page with fewer records than were asked for is taken for the last, and the list for complete: what it did not
    /// show is missing.
    BelieveShortPage,
    /// A page or a reading that was asked for before a write takes the place of what was read back after it.
    OlderPageWins,
    /// What a rule writes counts as agreed as soon as it is enqueued, not when it was read back.
    BaseBeforeVerified,
    /// An operation is finished by whoever comes, also by a process that is dead and whose work another one has taken over.
    LateFinisher,
    /// Rules write, and the brake counts afterwards.
    BrakeCountsLate,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Mutation; 16] = [
        Mutation::SkipLookUp,
        Mutation::ResendAtOnce,
        Mutation::IgnoreVersion,
        Mutation::DropLaneOrder,
        Mutation::ForgetAtRestart,
        Mutation::DropAllergy,
        Mutation::ForgetReceipt,
        Mutation::ForgetQuestion,
        Mutation::WriteMore,
        Mutation::ApproveAlone,
        Mutation::MergeForgets,
        Mutation::BelieveShortPage,
        Mutation::OlderPageWins,
        Mutation::BaseBeforeVerified,
        Mutation::LateFinisher,
        Mutation::BrakeCountsLate,
    ];
}

/// A client with a bug in front of it, if the bug is one of clients. `page`: how many records it asks for at a time.
pub fn mutated(inner: Arc<dyn RemoteApi>, mutation: Option<Mutation>, page: u32) -> Arc<dyn RemoteApi> {
    match mutation {
        Some(mutation) => Arc::new(Mutated { inner, mutation, page }),
        None => inner,
    }
}

struct Mutated {
    inner: Arc<dyn RemoteApi>,
    mutation: Mutation,
    page: u32,
}

#[async_trait]
impl RemoteApi for Mutated {
    fn remote(&self) -> Remote {
        self.inner.remote()
    }
    async fn list(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        cursor: Option<&Cursor>,
    ) -> Result<Page, RemoteError> {
        let mut page = self.inner.list(kind, scope, cursor).await?;
        let is_short = u32::try_from(page.items.len()).unwrap_or(u32::MAX) < self.page;
        if self.mutation == Mutation::BelieveShortPage && is_short {
            page.next = Next::ProvenComplete;
        }
        Ok(page)
    }
    async fn read(&self, kind: RecordKind, key: &str) -> Result<Fetched, RemoteError> {
        self.inner.read(kind, key).await
    }
    async fn find_by_our_key(&self, kind: RecordKind, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        if self.mutation == Mutation::SkipLookUp {
            return Ok(None);
        }
        self.inner.find_by_our_key(kind, our_key).await
    }
    async fn find_bill(&self, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        self.inner.find_bill(our_key).await
    }
    async fn write(&self, write: &Write) -> Result<Written, RemoteError> {
        let mut write = write.clone();
        match (self.mutation, &write.key) {
            (Mutation::IgnoreVersion, Some(key)) => {
                let now = self.inner.read(write.kind, key).await?;
                write.expected_version = Some(now.version);
            }
            (Mutation::WriteMore, Some(_)) if self.remote() == Remote::ServiceNow => {
                write.body = write.body.replacen('{', "{\"u_coat_colour\":\"brown\",", 1);
            }
            _ => {}
        }
        let first = self.inner.write(&write).await;
        match first {
            Err(RemoteError::Ambiguous { .. }) if self.mutation == Mutation::ResendAtOnce => {
                self.inner.write(&write).await
            }
            other => other,
        }
    }
    async fn deletions(&self, since_ms: i64, cursor: Option<&Cursor>) -> Result<DeletionPage, RemoteError> {
        self.inner.deletions(since_ms, cursor).await
    }
    fn preview(&self, write: &Write) -> WirePreview {
        self.inner.preview(write)
    }
    async fn probe(&self) -> Result<Probe, RemoteError> {
        self.inner.probe().await
    }
    fn last_call(&self) -> Option<CallStats> {
        self.inner.last_call()
    }
}

/// What is said to be known of records, if the bug is about that.
pub fn known(mut rows: Vec<SnapshotRow>, mutation: Option<Mutation>) -> Vec<SnapshotRow> {
    if mutation == Some(Mutation::OlderPageWins) {
        // Nothing is newer than what comes in.
        for row in &mut rows {
            row.seen_at_ms = 0;
        }
    }
    rows
}

/// Moves the bases of patients to what operations among these changes are to write, as if it had been read back.
pub async fn agreed_too_early(store: &dyn Store, mut changes: Vec<Change>) -> Vec<Change> {
    let mut moved: BTreeMap<String, PairRow> = BTreeMap::new();
    for change in &changes {
        let Change::Enqueue(operation) = change else { continue };
        if operation.action != OperationAction::Update {
            continue;
        }
        let known = changes.iter().rev().find_map(|change| match change {
            Change::PutPair(pair) if pair.id == operation.lane => Some(pair.clone()),
            _ => None,
        });
        let known = match moved.remove(&operation.lane).or(known) {
            Some(pair) => Some(pair),
            None => store.pair(&operation.lane).await.unwrap_or_default(),
        };
        let Some(mut pair) = known else { continue };
        let base = pair.base.as_deref().and_then(|text| reconcile::stored::decode_base(text).ok());
        let intent: Option<Intent> = serde_json::from_str(&operation.intent).ok();
        if let (Some(mut base), Some(intent)) = (base, intent) {
            for write in intent.fields {
                if let Some(field) = base.fields.get_mut(usize::from(write.field.0)) {
                    field.state = write.to;
                }
            }
            pair.base_digest = Some(engine::lens::digest(base.fields.iter().map(|field| &field.state)));
            pair.base = Some(reconcile::stored::encode_base(&base));
        }
        moved.insert(pair.id.clone(), pair);
    }
    changes.extend(moved.into_values().map(Change::PutPair));
    changes
}

/// What is written down instead, if the bug is one of the store.
pub fn changes(changes: Vec<Change>, mutation: Option<Mutation>) -> Vec<Change> {
    let Some(mutation) = mutation else { return changes };
    let rescue = changes.iter().any(|change| matches!(change, Change::RescueRunning));
    changes
        .into_iter()
        .filter_map(|change| match (mutation, change) {
            (Mutation::ForgetReceipt, Change::PutReceipt(_)) => None,
            (Mutation::ForgetQuestion, Change::PutConflict(row))
                if row.cause == ConflictCause::FieldsDiffer =>
            {
                None
            }
            (Mutation::DropAllergy, Change::PutPlan(mut plan)) => {
                let mut body: Value = serde_json::from_str(&plan.body).unwrap_or_default();
                for operation in body["operations"].as_array_mut().into_iter().flatten() {
                    if let Some(text) = operation["body"].as_str() {
                        operation["body"] = Value::String(without_allergy(text, Which::Last));
                    }
                }
                hold(&mut plan, &body);
                Some(Change::PutPlan(plan))
            }
            (Mutation::DropAllergy, Change::Enqueue(mut operation)) => {
                operation.body = without_allergy(&operation.body, Which::Last);
                Some(Change::Enqueue(operation))
            }
            (Mutation::MergeForgets, Change::PutPlan(mut plan)) => {
                let mut body: Value = serde_json::from_str(&plan.body).unwrap_or_default();
                for operation in body["operations"].as_array_mut().into_iter().flatten() {
                    let fields: Vec<FieldWrite> =
                        serde_json::from_value(operation["fields"].clone()).unwrap_or_default();
                    if let Some(text) = operation["body"].as_str().filter(|_| merges_allergies(&fields)) {
                        operation["body"] = Value::String(without_allergy(text, Which::First));
                    }
                }
                hold(&mut plan, &body);
                Some(Change::PutPlan(plan))
            }
            (Mutation::MergeForgets, Change::Enqueue(mut operation)) => {
                let intent: Option<Intent> = serde_json::from_str(&operation.intent).ok();
                if intent.is_some_and(|intent| merges_allergies(&intent.fields)) {
                    operation.body = without_allergy(&operation.body, Which::First);
                }
                Some(Change::Enqueue(operation))
            }
            (_, change) => Some(change),
        })
        .map(|change| match (mutation, change) {
            (
                Mutation::ForgetAtRestart,
                Change::FinishOperation {
                    id,
                    due_at_ms,
                    errors,
                    key,
                    at_ms,
                    state: OperationState::Retrying,
                    claim,
                    ..
                },
            ) if rescue => Change::FinishOperation {
                id,
                state: OperationState::Done,
                due_at_ms,
                errors,
                key,
                at_ms,
                claim,
                cause: None,
                costs_a_try: true,
            },
            (_, change) => change,
        })
        .collect()
}

/// Freezes a plan anew, as if it had been made so.
fn hold(plan: &mut PlanRow, body: &Value) {
    plan.body = body.to_string();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, plan.body.as_bytes());
    plan.hash = hex::encode(digest);
}

/// Whether allergies join others that stand there.
fn merges_allergies(fields: &[FieldWrite]) -> bool {
    let allergies = Catalogue::patient_default().index_of("allergies");
    let has_some = |state: &FieldState| state.value().is_some();
    fields.iter().any(|write| Some(write.field) == allergies && has_some(&write.from) && has_some(&write.to))
}

/// Which allergy of a list is left out.
#[derive(Debug, Clone, Copy)]
enum Which {
    First,
    Last,
}

/// A body in which an allergy is missing.
fn without_allergy(body: &str, which: Which) -> String {
    let Ok(mut tree) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    if let Some(entries) = tree["entry"].as_array_mut() {
        let is_allergy = |entry: &Value| entry["resource"]["resourceType"] == "AllergyIntolerance";
        let at = match which {
            Which::First => entries.iter().position(is_allergy),
            Which::Last => entries.iter().rposition(is_allergy),
        };
        if let Some(at) = at {
            entries.remove(at);
        }
    } else if let Some(text) = tree["u_allergies"].as_str() {
        let mut parts: Vec<&str> = text.split([';', ',', '\n']).collect();
        match which {
            Which::First => drop(parts.remove(0)),
            Which::Last => drop(parts.pop()),
        }
        tree["u_allergies"] = Value::String(parts.join(";"));
    } else {
        return body.to_owned();
    }
    tree.to_string()
}
