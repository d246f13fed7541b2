//! The outbox and its receipts.

use futures_util::future::join_all;

use super::{
    Verdict, cases, holds, moved, refused,
    rows::{T0, operation, pair, plan, receipt, snapshot},
    same, text,
};
use crate::{Change, OperationFilter, OperationRow, OperationState, QueueFilter, ReceiptRow, Store};
use record::{RecordKind, Remote};

cases! {
    "an operation comes back as it was enqueued, next in its lane" => enqueue,
    "an operation enters the outbox waiting, of a plan, once" => enters_waiting,
    "operations of one lane run in order, one at a time" => lane_order,
    "different lanes run side by side, up to the limit" => lanes_side_by_side,
    "nothing is claimed before it is due" => not_before_due,
    "a parked head blocks only its own lane" => parked_head_blocks_its_lane,
    "an operation is finished only from running" => finish_only_from_running,
    "a late finisher cannot overwrite a cancellation" => late_finisher,
    "only states that follow can be moved to" => states_that_follow,
    "cancelling ends any unfinished operation once" => cancel,
    "what was running at a crash waits again" => rescue,
    "a plan and a pair that nothing is under way for are found" => nothing_under_way,
    "a clock that is set back puts nothing off" => clock_set_back,
    "two claims at the same time share nothing" => claims_share_nothing,
    "operations are listed by lane, plan and state, oldest first" => lists,
    "whoever finishes an operation names the claim it was handed" => fenced,
    "a try that cost nothing is given back, a claim is not" => tries_given_back,
    "a remote that may not be asked keeps what waits for it" => remotes_kept_apart,
    "claimed operations come as they were enqueued" => claimed_in_order,
    "a parked operation waits again only when a person says so" => released,
    "a replacement follows a cancelled operation of its own lane, once and in order" => replaced,
    "the queue is filtered by state, remote, cause and lane" => queue_filtered,
    "alike failures are counted together" => causes_counted,
    "what waits for its next try can be hastened" => hastened,
    "a pair with unfinished operations is not removed" => pair_with_work_stays,
    "a receipt is never changed, and undone once" => receipts_are_frozen,
    "receipts are listed newest first" => receipts_listed,
    "receipts of appointments since a moment, newest first" => receipts_of_appointments,
}

/// A plan `pl` and operations of it, enqueued in one commit: (id, lane).
async fn enqueued(store: &dyn Store, operations: &[(&str, &str)]) -> Verdict {
    let mut changes = vec![Change::PutPlan(plan("pl", "p1"))];
    changes.extend(operations.iter().map(|(id, lane)| Change::Enqueue(operation(id, lane, "pl"))));
    store.commit(changes).await.map_err(text)
}

/// The outcome of an operation's first claim.
fn finish(id: &str, state: OperationState, due_at_ms: i64) -> Change {
    finish_claim(id, 1, state, due_at_ms)
}

fn finish_claim(id: &str, claim: u32, state: OperationState, due_at_ms: i64) -> Change {
    Change::FinishOperation {
        id: id.into(),
        claim,
        state,
        due_at_ms,
        errors: "[]".into(),
        key: None,
        cause: None,
        costs_a_try: true,
        at_ms: T0 + 500,
    }
}

async fn claimed(store: &dyn Store, now_ms: i64, limit: u32) -> Result<Vec<String>, String> {
    let mut ids: Vec<String> = store
        .claim_operations(now_ms, limit, &Remote::BOTH)
        .await
        .map_err(text)?
        .into_iter()
        .map(|row| row.id)
        .collect();
    ids.sort();
    Ok(ids)
}

async fn state(store: &dyn Store, id: &str) -> Result<Option<OperationState>, String> {
    Ok(store.operation(id).await.map_err(text)?.map(|row| row.state))
}

async fn enqueue(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "a"), ("o3", "b")]).await?;
    let numbered = |id: &str, lane: &str, seq| OperationRow { seq, ..operation(id, lane, "pl") };
    same("first", store.operation("o1").await.map_err(text)?, Some(numbered("o1", "a", 1)))?;
    same("second", store.operation("o2").await.map_err(text)?, Some(numbered("o2", "a", 2)))?;
    same("other lane", store.operation("o3").await.map_err(text)?, Some(numbered("o3", "b", 1)))?;
    same("counts", store.operation_counts().await.map_err(text)?, vec![(OperationState::Waiting, 3)])
}

async fn enters_waiting(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    let mut done = operation("o2", "a", "pl");
    (done.state, done.finished_at_ms) = (OperationState::Done, Some(T0));
    refused("done at once", store.commit(vec![Change::Enqueue(done)]).await)?;
    refused("of no plan", store.commit(vec![Change::Enqueue(operation("o3", "a", "nowhere"))]).await)?;
    refused("the same id", store.commit(vec![Change::Enqueue(operation("o1", "b", "pl"))]).await)?;
    let mut again = operation("o4", "b", "pl");
    again.idempotency_key = "once-o1".into();
    refused("the same idempotency key", store.commit(vec![Change::Enqueue(again)]).await)?;
    let mut aimless = operation("o5", "b", "pl");
    aimless.key = None;
    refused("an update of nothing", store.commit(vec![Change::Enqueue(aimless)]).await)
}

async fn lane_order(store: &dyn Store) -> Verdict {
    let mut early = operation("o2", "a", "pl");
    early.due_at_ms = T0 - 1_000;
    enqueued(store, &[("o1", "a")]).await?;
    store.commit(vec![Change::Enqueue(early)]).await.map_err(text)?;
    let first = store.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?;
    let expected = OperationRow {
        seq: 1,
        state: OperationState::Running,
        attempts: 1,
        claims: 1,
        ..operation("o1", "a", "pl")
    };
    same("the head, though the next is due earlier", first, vec![expected])?;
    same("while it runs", claimed(store, T0 + 9_999, 9).await?, Vec::<String>::new())?;
    same("due while it runs", store.next_operation_due_ms(&Remote::BOTH).await.map_err(text)?, None)?;
    store.commit(vec![finish("o1", OperationState::Retrying, T0 + 100)]).await.map_err(text)?;
    same("due", store.next_operation_due_ms(&Remote::BOTH).await.map_err(text)?, Some(T0 + 100))?;
    same("before its time", claimed(store, T0 + 99, 9).await?, Vec::<String>::new())?;
    same("its second attempt", claimed(store, T0 + 100, 9).await?, vec!["o1".to_owned()])?;
    store.commit(vec![finish_claim("o1", 2, OperationState::Done, 0)]).await.map_err(text)?;
    same("then the next", claimed(store, T0 + 100, 9).await?, vec!["o2".to_owned()])?;
    let done = store.operation("o1").await.map_err(text)?;
    same("attempts", done.as_ref().map(|row| row.attempts), Some(2))?;
    same("finished", done.and_then(|row| row.finished_at_ms), Some(T0 + 500))
}

async fn lanes_side_by_side(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "b"), ("o3", "c"), ("o4", "c")]).await?;
    same("up to the limit", claimed(store, T0, 2).await?.len(), 2)?;
    same("the rest", claimed(store, T0, 9).await?.len(), 1)?;
    same("nothing more", claimed(store, T0, 9).await?.len(), 0)
}

async fn not_before_due(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    same("due", store.next_operation_due_ms(&Remote::BOTH).await.map_err(text)?, Some(T0))?;
    same("one millisecond early", claimed(store, T0 - 1, 9).await?.len(), 0)?;
    same("in time", claimed(store, T0, 9).await?.len(), 1)
}

async fn parked_head_blocks_its_lane(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "a"), ("o3", "b"), ("o4", "b")]).await?;
    same("heads", claimed(store, T0, 9).await?, vec!["o1".to_owned(), "o3".to_owned()])?;
    let finished = vec![finish("o1", OperationState::Parked, 0), finish("o3", OperationState::Done, 0)];
    store.commit(finished).await.map_err(text)?;
    same("the other lane goes on", claimed(store, T0, 9).await?, vec!["o4".to_owned()])?;
    same("nothing is due behind it", store.next_operation_due_ms(&Remote::BOTH).await.map_err(text)?, None)?;
    store.commit(vec![Change::CancelOperation { id: "o1".into(), at_ms: T0 }]).await.map_err(text)?;
    same("until a person settles it", claimed(store, T0, 9).await?, vec!["o2".to_owned()])
}

async fn finish_only_from_running(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    moved("never claimed", store.commit(vec![finish("o1", OperationState::Done, 0)]).await)?;
    moved("not there", store.commit(vec![finish("o9", OperationState::Done, 0)]).await)?;
    claimed(store, T0, 9).await?;
    let mut done = finish("o1", OperationState::Done, 0);
    if let Change::FinishOperation { key, errors, .. } = &mut done {
        *key = Some("created-key".into());
        *errors = "[\"timeout\"]".into();
    }
    store.commit(vec![done]).await.map_err(text)?;
    moved("twice", store.commit(vec![finish("o1", OperationState::Retrying, 0)]).await)?;
    let row = store.operation("o1").await.map_err(text)?;
    same(
        "key and errors",
        row.map(|row| (row.key, row.errors)),
        Some((Some("created-key".into()), "[\"timeout\"]".into())),
    )
}

async fn late_finisher(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    claimed(store, T0, 9).await?;
    store.commit(vec![Change::CancelOperation { id: "o1".into(), at_ms: T0 + 1 }]).await.map_err(text)?;
    moved("the late finisher", store.commit(vec![finish("o1", OperationState::Done, 0)]).await)?;
    same("state", state(store, "o1").await?, Some(OperationState::Cancelled))
}

async fn states_that_follow(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    claimed(store, T0, 9).await?;
    refused("running again", store.commit(vec![finish("o1", OperationState::Running, 0)]).await)?;
    same("state", state(store, "o1").await?, Some(OperationState::Running))
}

async fn cancel(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "b"), ("o3", "c"), ("o4", "d"), ("o5", "e")]).await?;
    // one in each state
    store.claim_operations(T0, 4, &Remote::BOTH).await.map_err(text)?;
    let finished = vec![
        finish("o1", OperationState::Done, 0),
        finish("o2", OperationState::Parked, 0),
        finish("o3", OperationState::Retrying, T0),
    ];
    store.commit(finished).await.map_err(text)?;
    for id in ["o2", "o3", "o4", "o5"] {
        let cancel = Change::CancelOperation { id: id.into(), at_ms: T0 + 7 };
        store.commit(vec![cancel.clone()]).await.map_err(text)?;
        same(id, state(store, id).await?, Some(OperationState::Cancelled))?;
        moved("twice", store.commit(vec![cancel]).await)?;
    }
    let done = store.commit(vec![Change::CancelOperation { id: "o1".into(), at_ms: T0 }]).await;
    moved("a done one", done)
}

async fn rescue(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "a"), ("o3", "b"), ("o4", "c")]).await?;
    store.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?;
    store.commit(vec![finish("o4", OperationState::Parked, 0)]).await.map_err(text)?;
    store.commit(vec![Change::RescueRunning]).await.map_err(text)?;
    same("parked stays", state(store, "o4").await?, Some(OperationState::Parked))?;
    let again = store.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?;
    let mut again: Vec<_> = again.into_iter().map(|row| (row.id, row.attempts)).collect();
    again.sort();
    same("claimed again", again, vec![("o1".into(), 2), ("o3".into(), 2)])
}

async fn claims_share_nothing(store: &dyn Store) -> Verdict {
    let ids: Vec<(String, String)> = (0..40).map(|n| (format!("o{n:02}"), format!("lane{n:02}"))).collect();
    let borrowed: Vec<(&str, &str)> = ids.iter().map(|(id, lane)| (id.as_str(), lane.as_str())).collect();
    enqueued(store, &borrowed).await?;
    let mut all = Vec::new();
    for result in join_all((0..10).map(|_| store.claim_operations(T0, 6, &Remote::BOTH))).await {
        all.extend(result.map_err(text)?.into_iter().map(|row| row.id));
    }
    all.sort();
    same("claimed", all, ids.into_iter().map(|(id, _)| id).collect())
}

async fn lists(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "b"), ("o3", "a")]).await?;
    store.claim_operations(T0, 1, &Remote::BOTH).await.map_err(text)?;
    let list = async |filter: OperationFilter, offset, limit| -> Result<Vec<String>, String> {
        let rows = store.operations(&filter, offset, limit).await.map_err(text)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    };
    let names = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let of_lane = OperationFilter { lane: Some("a".into()), ..OperationFilter::default() };
    same("lane", list(of_lane.clone(), 0, 9).await?, names(&["o1", "o3"]))?;
    let mut at_work = store.lanes_with_work(&["b", "a", "none"]).await.map_err(text)?;
    at_work.sort();
    same("lanes with work", at_work, names(&["a", "b"]))?;
    let waiting = OperationFilter { states: vec![OperationState::Waiting], ..of_lane };
    same("lane and state", list(waiting, 0, 9).await?, names(&["o3"]))?;
    let of_plan = OperationFilter { plan: Some("pl".into()), ..OperationFilter::default() };
    same("plan", list(of_plan, 1, 1).await?, names(&["o2"]))?;
    let states = vec![OperationState::Running, OperationState::Waiting];
    let either = OperationFilter { states, ..OperationFilter::default() };
    same("states", list(either, 0, 9).await?, names(&["o1", "o2", "o3"]))?;
    same("all", list(OperationFilter::default(), 0, 2).await?, names(&["o1", "o2"]))
}

async fn pair_with_work_stays(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "p1")]).await?;
    store.commit(vec![Change::PutPair(pair("p1"))]).await.map_err(text)?;
    let remove = Change::RemovePair { id: "p1".into() };
    refused("with work", store.commit(vec![remove.clone()]).await)?;
    holds("the pair went", store.pair("p1").await.map_err(text)?.is_some())?;
    let settled = vec![Change::CancelOperation { id: "o1".into(), at_ms: T0 }, remove];
    store.commit(settled).await.map_err(text)
}

async fn receipts_are_frozen(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "p1")]).await?;
    let row = receipt("o1", "p1", "pl");
    let undone = |by: &str| Change::MarkUndone { operation: "o1".into(), by_plan: by.into() };
    moved("undoing what was not done", store.commit(vec![undone("pl")]).await)?;
    store.commit(vec![Change::PutReceipt(row.clone())]).await.map_err(text)?;
    let mut changed = row.clone();
    changed.response = "{\"status\":500}".into();
    refused("another receipt", store.commit(vec![Change::PutReceipt(changed)]).await)?;
    refused("of no operation", store.commit(vec![Change::PutReceipt(receipt("o9", "p1", "pl"))]).await)?;
    refused("undone by no plan", store.commit(vec![undone("nowhere")]).await)?;
    store.commit(vec![Change::PutPlan(plan("pl2", "p1")), undone("pl2")]).await.map_err(text)?;
    moved("undone twice", store.commit(vec![undone("pl2")]).await)?;
    let mut expected = row;
    expected.undone_by = Some("pl2".into());
    same("receipt", store.receipt("o1").await.map_err(text)?, Some(expected))
}

async fn receipts_of_appointments(store: &dyn Store) -> Verdict {
    store.commit(vec![Change::PutPlan(plan("pl", "p1"))]).await.map_err(text)?;
    let ids = ["o1", "o2", "o3", "o4"];
    for (at, id) in ids.iter().enumerate() {
        let mut row = operation(id, "p1", "pl");
        // The second is a patient's; the last is never finished.
        row.kind = if at == 1 { RecordKind::Patient } else { RecordKind::Appointment };
        store.commit(vec![Change::Enqueue(row)]).await.map_err(text)?;
    }
    let at_ms = |at: usize| T0 + i64::try_from(at).unwrap_or_default();
    for (at, id) in ids.iter().enumerate().take(3) {
        let claimed = store.claim_operations(T0, 1, &Remote::BOTH).await.map_err(text)?;
        let claim = claimed.first().map(|row| row.claims).unwrap_or_default();
        let mut finish = finish_claim(id, claim, OperationState::Done, T0);
        if let Change::FinishOperation { at_ms: finished_at_ms, .. } = &mut finish {
            *finished_at_ms = at_ms(at);
        }
        let receipt = ReceiptRow { at_ms: at_ms(at), ..receipt(id, "p1", "pl") };
        store.commit(vec![finish, Change::PutReceipt(receipt)]).await.map_err(text)?;
    }
    let listed = |rows: Vec<ReceiptRow>| rows.into_iter().map(|row| row.operation).collect::<Vec<_>>();
    let all = store.receipts_of_appointments(T0 - 1, 9).await.map_err(text)?;
    same("of appointments, done", listed(all), vec!["o3".to_owned(), "o1".to_owned()])?;
    let after = store.receipts_of_appointments(T0, 9).await.map_err(text)?;
    same("after a moment", listed(after), vec!["o3".to_owned()])?;
    let one = store.receipts_of_appointments(T0 - 1, 1).await.map_err(text)?;
    same("so many", listed(one), vec!["o3".to_owned()])
}

async fn receipts_listed(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "p1"), ("o2", "p2"), ("o3", "p1")]).await?;
    let mut rows = [receipt("o1", "p1", "pl"), receipt("o2", "p2", "pl"), receipt("o3", "p1", "pl")];
    for (row, at_ms) in rows.iter_mut().zip([T0, T0 + 1, T0 + 2]) {
        row.at_ms = at_ms;
    }
    store.commit(rows.iter().cloned().map(Change::PutReceipt).collect()).await.map_err(text)?;
    let [first, second, third] = rows;
    let listed = store.receipts(None, 0, 9).await.map_err(text)?;
    same("all", listed, vec![third.clone(), second.clone(), first.clone()])?;
    same("page", store.receipts(None, 1, 1).await.map_err(text)?, vec![second])?;
    same("of a pair", store.receipts(Some("p1"), 0, 9).await.map_err(text)?, vec![third, first])?;
    same("of an operation", store.receipt("o9").await.map_err(text)?, None)
}

async fn nothing_under_way(store: &dyn Store) -> Verdict {
    let approved =
        |id: &str, pair: &str| crate::PlanRow { state: crate::PlanState::Approved, ..plan(id, pair) };
    let waiting = |id: &str| crate::PairRow { status: crate::PairStatus::Waiting, ..pair(id) };
    let mut changes = vec![Change::PutPlan(plan("draft", "p0"))];
    for (number, id) in ["done", "cancelled", "waits", "parked", "none"].into_iter().enumerate() {
        let lane = format!("p{}", number + 1);
        changes.push(Change::PutPair(waiting(&lane)));
        changes.push(Change::PutPlan(approved(id, &lane)));
        if id != "none" {
            changes.push(Change::Enqueue(operation(&format!("o-{id}"), &lane, id)));
        }
    }
    store.commit(changes).await.map_err(text)?;
    same("claimed", claimed(store, T0, 9).await?.len(), 4)?;
    let ends = [
        finish("o-done", OperationState::Done, T0),
        finish("o-waits", OperationState::Retrying, T0 + 9),
        finish("o-parked", OperationState::Parked, T0),
        Change::CancelOperation { id: "o-cancelled".into(), at_ms: T0 },
    ];
    store.commit(ends.into()).await.map_err(text)?;
    let mut plans: Vec<String> =
        store.plans_without_work(9).await.map_err(text)?.into_iter().map(|plan| plan.id).collect();
    plans.sort();
    same("plans", plans, vec!["cancelled".to_owned(), "done".to_owned(), "none".to_owned()])?;
    let pairs = store.pairs_waiting_for_nothing(9).await.map_err(text)?;
    same("pairs", pairs, vec!["p1".to_owned(), "p2".to_owned(), "p5".to_owned()])?;
    same("as many as asked for", store.pairs_waiting_for_nothing(1).await.map_err(text)?.len(), 1)
}

async fn fenced(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    claimed(store, T0, 1).await?;
    // The process that held the first claim is given up; another one claims it again.
    store.commit(vec![Change::RescueRunning]).await.map_err(text)?;
    same("claimed again", claimed(store, T0, 1).await?, vec!["o1".to_owned()])?;
    moved("the first claim's finisher", store.commit(vec![finish("o1", OperationState::Done, 0)]).await)?;
    moved("a claim to come", store.commit(vec![finish_claim("o1", 3, OperationState::Done, 0)]).await)?;
    same("state", state(store, "o1").await?, Some(OperationState::Running))?;
    store.commit(vec![finish_claim("o1", 2, OperationState::Done, 0)]).await.map_err(text)?;
    same("claims", store.operation("o1").await.map_err(text)?.map(|row| row.claims), Some(2))
}

async fn tries_given_back(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    for claim in 1..=3 {
        claimed(store, T0, 1).await?;
        let mut back = finish_claim("o1", claim, OperationState::Retrying, T0);
        if let Change::FinishOperation { costs_a_try, cause, .. } = &mut back {
            *costs_a_try = false;
            *cause = Some("ehr transient 429 - -".into());
        }
        store.commit(vec![back]).await.map_err(text)?;
    }
    let row = store.operation("o1").await.map_err(text)?;
    same(
        "tries, claims and cause",
        row.map(|row| (row.attempts, row.claims, row.cause)),
        Some((0, 3, Some("ehr transient 429 - -".into()))),
    )
}

/// Operations of a plan in lanes of their own, every other one to ServiceNow.
async fn to_both(store: &dyn Store, ids: &[&str]) -> Verdict {
    let mut changes = vec![Change::PutPlan(plan("pl", "p1"))];
    for (position, id) in ids.iter().enumerate() {
        let mut row = operation(id, &format!("lane-{id}"), "pl");
        row.remote = if position % 2 == 0 { Remote::ServiceNow } else { Remote::Ehr };
        changes.push(Change::Enqueue(row));
    }
    store.commit(changes).await.map_err(text)
}

async fn remotes_kept_apart(store: &dyn Store) -> Verdict {
    to_both(store, &["o1", "o2", "o3", "o4"]).await?;
    let of = async |remotes: &[Remote]| -> Result<Vec<String>, String> {
        let rows = store.claim_operations(T0, 9, remotes).await.map_err(text)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    };
    same("of none", of(&[]).await?, Vec::<String>::new())?;
    same("due of none", store.next_operation_due_ms(&[]).await.map_err(text)?, None)?;
    same("of the EHR", of(&[Remote::Ehr]).await?, vec!["o2".to_owned(), "o4".to_owned()])?;
    same("due of the EHR", store.next_operation_due_ms(&[Remote::Ehr]).await.map_err(text)?, None)?;
    let due = store.next_operation_due_ms(&[Remote::ServiceNow]).await.map_err(text)?;
    same("due of ServiceNow", due, Some(T0))?;
    same("of both", of(&Remote::BOTH).await?, vec!["o1".to_owned(), "o3".to_owned()])?;
    let counts =
        vec![(Remote::Ehr, OperationState::Running, 2), (Remote::ServiceNow, OperationState::Running, 2)];
    same("counts", store.queue_counts().await.map_err(text)?, counts)
}

async fn claimed_in_order(store: &dyn Store) -> Verdict {
    // Their ids say nothing of their order.
    to_both(store, &["o9", "o2", "o7", "o1", "o5"]).await?;
    let rows = store.claim_operations(T0, 3, &Remote::BOTH).await.map_err(text)?;
    same(
        "first",
        rows.into_iter().map(|row| row.id).collect(),
        vec!["o9".to_owned(), "o2".into(), "o7".into()],
    )
}

async fn released(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a")]).await?;
    let release = |at_ms| vec![Change::ReleaseOperation { id: "o1".into(), at_ms }];
    claimed(store, T0, 1).await?;
    moved("a running one", store.commit(release(T0)).await)?;
    // Twice at the same moment is two releases all the same.
    for claim in [1, 2] {
        let parked = finish_claim("o1", claim, OperationState::Parked, 0);
        store.commit(vec![parked]).await.map_err(text)?;
        same("parked is not claimed", claimed(store, T0 + 99, 1).await?, Vec::<String>::new())?;
        store.commit(release(T0 + 5)).await.map_err(text)?;
        let row = store.operation("o1").await.map_err(text)?;
        same(
            "waits again, with new tries",
            row.map(|row| (row.state, row.due_at_ms, row.attempts, row.claims)),
            Some((OperationState::Waiting, T0 + 5, 0, claim)),
        )?;
        same("and is claimed", claimed(store, T0 + 5, 1).await?, vec!["o1".to_owned()])?;
    }
    store.commit(vec![finish_claim("o1", 3, OperationState::Retrying, T0 + 60_000)]).await.map_err(text)?;
    store.commit(release(T0 + 7)).await.map_err(text)?;
    let row = store.operation("o1").await.map_err(text)?.map(|row| (row.state, row.due_at_ms));
    same("one that waits for its next try is due", row, Some((OperationState::Retrying, T0 + 7)))?;
    store.commit(vec![Change::CancelOperation { id: "o1".into(), at_ms: T0 }]).await.map_err(text)?;
    moved("a cancelled one", store.commit(release(T0 + 9)).await)
}

async fn replaced(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "b")]).await?;
    let replacing = |id: &str, lane: &str, of: &str| {
        let mut row = operation(id, lane, "pl");
        row.replaces = Some(of.into());
        Change::Enqueue(row)
    };
    refused("of one that waits", store.commit(vec![replacing("o3", "a", "o1")]).await)?;
    refused("of none", store.commit(vec![replacing("o3", "a", "o9")]).await)?;
    let cancel = |id: &str| Change::CancelOperation { id: id.into(), at_ms: T0 };
    refused("of another lane", store.commit(vec![cancel("o1"), replacing("o3", "b", "o1")]).await)?;
    // Something of another plan would run before it.
    let between = operation("o4", "a", "pl2");
    let out_of_order = vec![
        Change::PutPlan(plan("pl2", "p1")),
        Change::Enqueue(between),
        cancel("o1"),
        replacing("o3", "a", "o1"),
    ];
    refused("behind another plan's", store.commit(out_of_order).await)?;
    store.commit(vec![cancel("o1"), replacing("o3", "a", "o1")]).await.map_err(text)?;
    refused("twice", store.commit(vec![replacing("o5", "a", "o1")]).await)?;
    let newer = store.replacement_of("o1").await.map_err(text)?;
    same("replacement", newer.map(|row| (row.id, row.seq)), Some(("o3".into(), 2)))?;
    same("of one that has none", store.replacement_of("o3").await.map_err(text)?, None)
}

async fn queue_filtered(store: &dyn Store) -> Verdict {
    to_both(store, &["o1", "o2", "o3", "o4"]).await?;
    let second = operation("o5", "lane-o1", "pl");
    store.commit(vec![Change::Enqueue(second)]).await.map_err(text)?;
    for row in store.claim_operations(T0, 9, &[Remote::Ehr]).await.map_err(text)? {
        let mut parked = finish(&row.id, OperationState::Parked, 0);
        if let Change::FinishOperation { cause, .. } = &mut parked {
            *cause = Some(format!("cause of {}", row.id));
        }
        store.commit(vec![parked]).await.map_err(text)?;
    }
    let lanes = async |filter: QueueFilter, offset, limit| {
        store.queue_lanes(&filter, offset, limit).await.map_err(text)
    };
    let named = |names: &[&str]| names.iter().map(|name| format!("lane-{name}")).collect::<Vec<_>>();
    let all = lanes(QueueFilter::default(), 0, 9).await?;
    same("unfinished, the longest waiting first", all, (named(&["o1", "o2", "o3", "o4"]), 4))?;
    same("page", lanes(QueueFilter::default(), 1, 2).await?, (named(&["o2", "o3"]), 4))?;
    let parked = QueueFilter { states: vec![OperationState::Parked], ..QueueFilter::default() };
    same("parked", lanes(parked, 0, 9).await?, (named(&["o2", "o4"]), 2))?;
    let of_remote = QueueFilter { remote: Some(Remote::ServiceNow), ..QueueFilter::default() };
    same("of a remote", lanes(of_remote, 0, 9).await?, (named(&["o1", "o3"]), 2))?;
    let of_cause = QueueFilter { cause: Some("cause of o4".into()), ..QueueFilter::default() };
    same("of a cause", lanes(of_cause, 0, 9).await?, (named(&["o4"]), 1))?;
    let of_lane = QueueFilter { lane: Some("lane-o1".into()), ..QueueFilter::default() };
    let rows = store.queue_operations(&of_lane, 0, 9).await.map_err(text)?;
    same("of a lane", rows.into_iter().map(|row| row.id).collect(), vec!["o1".to_owned(), "o5".into()])
}

async fn causes_counted(store: &dyn Store) -> Verdict {
    enqueued(store, &[("o1", "a"), ("o2", "b"), ("o3", "c"), ("o4", "d")]).await?;
    store.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?;
    for (id, state, why) in [
        ("o1", OperationState::Parked, "x"),
        ("o2", OperationState::Retrying, "x"),
        ("o3", OperationState::Parked, "y"),
        ("o4", OperationState::Cancelled, "x"),
    ] {
        let mut ended = finish(id, state, T0);
        if let Change::FinishOperation { cause, .. } = &mut ended {
            *cause = Some(why.into());
        }
        store.commit(vec![ended]).await.map_err(text)?;
    }
    let found = store.operation_causes().await.map_err(text)?;
    let found: Vec<_> =
        found.into_iter().map(|cause| (cause.cause, cause.count, cause.parked, cause.example)).collect();
    same("causes", found, vec![("x".into(), 2, 1, "o1".into()), ("y".into(), 1, 1, "o3".to_owned())])
}

async fn hastened(store: &dyn Store) -> Verdict {
    to_both(store, &["o1", "o2"]).await?;
    store.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?;
    let later = |id: &str| finish(id, OperationState::Retrying, T0 + 60_000);
    store.commit(vec![later("o1"), later("o2")]).await.map_err(text)?;
    let hasten = Change::HastenOperations { remote: Remote::Ehr, at_ms: T0 + 1 };
    store.commit(vec![hasten]).await.map_err(text)?;
    same("the EHR's", claimed(store, T0 + 1, 9).await?, vec!["o2".to_owned()])
}

async fn clock_set_back(store: &dyn Store) -> Verdict {
    const HOUR: i64 = 3_600_000;
    enqueued(store, &[("soon", "a"), ("now", "b"), ("new", "c")]).await?;
    let rows = store.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?;
    same("claimed", rows.len(), 3)?;
    let later = T0 + 3 * HOUR;
    let ends = [
        finish("soon", OperationState::Retrying, later + 8_000),
        finish("now", OperationState::Retrying, T0),
    ];
    let ahead = crate::SnapshotRow { seen_at_ms: later, ..snapshot(Remote::Ehr, "e1") };
    let mut changes: Vec<Change> = ends.into();
    changes.push(Change::PutSnapshot(ahead));
    changes.push(Change::ClockSetBack { from_ms: later, to_ms: T0 });
    store.commit(changes).await.map_err(text)?;
    same("what is due keeps its turn", claimed(store, T0, 9).await?, vec!["now".to_owned()])?;
    same("not before its wait is over", claimed(store, T0 + 7_999, 9).await?.len(), 0)?;
    same("the wait is what it was", claimed(store, T0 + 8_000, 9).await?, vec!["soon".to_owned()])?;
    let fresh = crate::SnapshotRow { version: "9".into(), seen_at_ms: T0 + 1, ..snapshot(Remote::Ehr, "e1") };
    let id = fresh.id.clone();
    store.commit(vec![Change::PutSnapshot(fresh)]).await.map_err(text)?;
    let stored = store.snapshot(&id).await.map_err(text)?.map(|row| row.version);
    same("what is read now is believed", stored, Some("9".to_owned()))
}
