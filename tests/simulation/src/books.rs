//! What the product's own books say when the day is over: plain rows, for the checker to hold against the history.

use record::{RecordKind, Remote};
use std::collections::BTreeMap;
use store::{
    ConflictFilter, ConflictRow, ConflictState, InboxState, OperationFilter, OperationRow, OperationState,
    PairPage, PairRow, PlanRow, QuarantineFilter, QuarantineRow, QuarantineState, ReceiptRow, RunRow,
    SnapshotRow, Store,
};

/// Everything the checker looks at.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Patients with the presence of their records as last seen: ServiceNow, EHR.
    pub pairs: Vec<(PairRow, Option<SnapshotRow>, Option<SnapshotRow>)>,
    /// Every plan, by id.
    pub plans: BTreeMap<String, PlanRow>,
    /// Every operation.
    pub operations: Vec<OperationRow>,
    /// Every receipt, by operation.
    pub receipts: BTreeMap<String, ReceiptRow>,
    /// Conflicts that are not closed.
    pub open: Vec<ConflictRow>,
    /// Conflicts that are.
    pub closed: Vec<ConflictRow>,
    /// Operations about which it waits to be asked whether they overwrote something.
    pub asked_later: String,
    /// Runs, newest first.
    pub runs: Vec<RunRow>,
    /// Payloads nobody could read.
    pub quarantine: Vec<QuarantineRow>,
    /// Problems the database found in itself.
    pub unsound: Vec<String>,
}

const ALL: u32 = 10_000;

const UNFINISHED: [OperationState; 3] =
    [OperationState::Waiting, OperationState::Running, OperationState::Retrying];

impl Books {
    /// The books as they stand.
    pub async fn of(store: &dyn Store) -> Books {
        let every = OperationFilter { lane: None, plan: None, states: Vec::new() };
        let mut operations = store.operations(&every, 0, ALL).await.expect("operations");
        if operations.is_empty() {
            let states = vec![
                OperationState::Waiting,
                OperationState::Running,
                OperationState::Retrying,
                OperationState::Parked,
                OperationState::Done,
                OperationState::Cancelled,
            ];
            let every = OperationFilter { lane: None, plan: None, states };
            operations = store.operations(&every, 0, ALL).await.expect("operations");
        }
        let mut asked_later = String::new();
        for page in Books::pairs(store).await {
            let waiting = store.value(&format!("questions.{}", page.pair.id)).await.expect("a value");
            asked_later.push_str(&waiting.unwrap_or_default());
        }
        let receipts = store.receipts(None, 0, ALL).await.expect("receipts");
        let states = vec![ConflictState::Open, ConflictState::AwaitingSecond, ConflictState::Executing];
        let open = ConflictFilter { states, ..ConflictFilter::default() };
        Books {
            pairs: Books::pairs(store)
                .await
                .into_iter()
                .map(|page| (page.pair, page.servicenow, page.ehr))
                .collect(),
            plans: store
                .plans(None, 0, ALL)
                .await
                .expect("plans")
                .into_iter()
                .map(|plan| (plan.id.clone(), plan))
                .collect(),
            operations,
            asked_later,
            receipts: receipts.into_iter().map(|receipt| (receipt.operation.clone(), receipt)).collect(),
            closed: {
                let closed =
                    ConflictFilter { states: vec![ConflictState::Closed], ..ConflictFilter::default() };
                store.conflicts(&closed, i64::MAX, 0, ALL).await.expect("conflicts").0
            },
            open: store.conflicts(&open, i64::MAX, 0, ALL).await.expect("conflicts").0,
            runs: store.runs(ALL).await.expect("runs"),
            quarantine: {
                let open =
                    QuarantineFilter { states: vec![QuarantineState::Open], ..QuarantineFilter::default() };
                store.quarantine(&open, 0, ALL).await.expect("quarantine").0
            },
            unsound: store.check().await.expect("the check"),
        }
    }

    /// Every patient, with both records as last seen.
    pub async fn pairs(store: &dyn Store) -> Vec<PairPage> {
        let all = store.pair_digests_after(RecordKind::Patient, "", ALL).await.expect("patients");
        let ids: Vec<&str> = all.iter().map(|pair| pair.id.as_str()).collect();
        store.pairs_named(&ids).await.expect("patients")
    }

    /// Whether the outbox holds nothing that will be sent by itself: what stands behind a refused write of its patient
    /// waits for a person with it.
    pub async fn nothing_waits(store: &dyn Store) -> bool {
        let filter = OperationFilter { lane: None, plan: None, states: UNFINISHED.to_vec() };
        let waiting = store.operations(&filter, 0, ALL).await.expect("operations");
        if !waiting.is_empty() {
            let filter = OperationFilter { states: vec![OperationState::Parked], ..filter };
            let parked = store.operations(&filter, 0, ALL).await.expect("operations");
            let stands_behind = |operation: &OperationRow| {
                parked.iter().any(|head| head.lane == operation.lane && head.seq < operation.seq)
            };
            if !waiting.iter().all(stands_behind) {
                return false;
            }
        }
        let events = store.event_counts().await.expect("events");
        !events
            .into_iter()
            .any(|(state, count)| matches!(state, InboxState::Accepted | InboxState::Running) && count > 0)
    }

    /// How many runs read everything and were carried to their end.
    pub async fn good_runs(store: &dyn Store) -> usize {
        store
            .runs(ALL)
            .await
            .expect("runs")
            .iter()
            .filter(|run| run.state == "done" && run.trigger != "brake")
            .count()
    }

    /// The key a patient has at a remote.
    pub fn key(pair: &PairRow, remote: Remote) -> Option<&str> {
        match remote {
            Remote::ServiceNow => pair.servicenow_key.as_deref(),
            Remote::Ehr => pair.ehr_key.as_deref(),
        }
    }
}
