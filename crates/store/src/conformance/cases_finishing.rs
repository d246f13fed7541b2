//! Many operations finished by one commit.

use super::{
    Verdict, cases, moved,
    rows::{T0, operation, pair, plan, receipt},
    same, text,
};
use crate::{
    Change, LaneWork, OperationFilter, OperationRow, OperationState, PairRow, PairStatus, PlanRow, PlanState,
    Store, StoreError,
};
use record::Remote;

cases! {
    "operations that are finished together come out as each was told" => finished_together,
    "one that cannot be finished keeps all of its commit back" => finished_or_none,
    "the same operation twice in one commit is finished once" => finished_twice,
    "plans that are moved together move alike" => moved_together,
    "pairs that stay where they are take status and base" => pairs_stay,
    "a lane shows its work in order, with the plans it is done for" => work_of_lanes,
}

/// More than the largest group of one statement, and no multiple of any.
const MANY: usize = 87;

fn id(n: usize) -> String {
    format!("o{n:03}")
}

/// So many operations, each in its own lane, all claimed once.
async fn at_work(store: &dyn Store) -> Result<Vec<OperationRow>, String> {
    let mut changes = vec![Change::PutPlan(plan("pl", "p1"))];
    changes.extend((0..MANY).map(|n| Change::Enqueue(operation(&id(n), &format!("lane{n}"), "pl"))));
    store.commit(changes).await.map_err(text)?;
    let limit = u32::try_from(MANY).map_err(text)?;
    store.claim_operations(T0, limit, &Remote::BOTH).await.map_err(text)
}

fn finish(n: usize, claim: u32) -> Change {
    let state = match n % 4 {
        0 => OperationState::Done,
        1 => OperationState::Retrying,
        2 => OperationState::Parked,
        _ => OperationState::Cancelled,
    };
    let number = i64::try_from(n).unwrap_or_default();
    Change::FinishOperation {
        id: id(n),
        claim,
        state,
        due_at_ms: T0 + number,
        errors: format!("[{n}]"),
        key: n.is_multiple_of(3).then(|| format!("key{n}")),
        cause: n.is_multiple_of(5).then(|| format!("cause{n}")),
        costs_a_try: n.is_multiple_of(2),
        at_ms: T0 + 500 + number,
    }
}

async fn finished_together(store: &dyn Store) -> Verdict {
    let claimed = at_work(store).await?;
    same("claimed", claimed.len(), MANY)?;
    let mut changes: Vec<Change> = (0..MANY).map(|n| finish(n, 1)).collect();
    changes.extend((0..MANY).map(|n| Change::PutReceipt(receipt(&id(n), "p1", "pl"))));
    store.commit(changes).await.map_err(text)?;
    for (n, was) in claimed.into_iter().enumerate() {
        let Change::FinishOperation { state, due_at_ms, errors, key, cause, costs_a_try, at_ms, .. } =
            finish(n, 1)
        else {
            continue;
        };
        let finished = matches!(state, OperationState::Done | OperationState::Cancelled);
        let expected = OperationRow {
            state,
            due_at_ms,
            errors,
            cause,
            key: key.or_else(|| was.key.clone()),
            finished_at_ms: finished.then_some(at_ms),
            attempts: was.attempts - u32::from(!costs_a_try),
            ..was
        };
        same("finished", store.operation(&id(n)).await.map_err(text)?, Some(expected))?;
        same("receipt", store.receipt(&id(n)).await.map_err(text)?, Some(receipt(&id(n), "p1", "pl")))?;
    }
    Ok(())
}

async fn finished_or_none(store: &dyn Store) -> Verdict {
    at_work(store).await?;
    for wrong in [0, MANY / 2, MANY - 1] {
        let changes = (0..MANY).map(|n| finish(n, if n == wrong { 2 } else { 1 })).collect();
        moved("another claim among them", store.commit(changes).await)?;
        let running = OperationFilter { states: vec![OperationState::Running], ..OperationFilter::default() };
        same("still at work", store.operations(&running, 0, 1_000).await.map_err(text)?.len(), MANY)?;
    }
    Ok(())
}

async fn finished_twice(store: &dyn Store) -> Verdict {
    at_work(store).await?;
    moved("twice", store.commit(vec![finish(0, 1), finish(1, 1), finish(0, 1)]).await)?;
    store.commit(vec![finish(0, 1), finish(1, 1)]).await.map_err(text)
}

async fn moved_together(store: &dyn Store) -> Verdict {
    let approved = |n: usize| PlanRow { state: PlanState::Approved, ..plan(&format!("pl{n}"), "p1") };
    let done = |n: usize| Change::MovePlan {
        id: format!("pl{n}"),
        from: PlanState::Approved,
        to: PlanState::Done,
        approver: None,
        at_ms: T0 + 9,
    };
    store.commit((0..5).map(|n| Change::PutPlan(approved(n))).collect()).await.map_err(text)?;
    for (changes, told) in [
        (vec![done(9)], "the plan pl9"),
        (vec![done(0), done(9), done(1)], "one of 3 plans, of which pl0 is the first"),
    ] {
        match store.commit(changes).await {
            Err(StoreError::Moved { what }) => same("what did not move", what.as_str(), told)?,
            other => return Err(format!("one that is not there was moved: {other:?}")),
        }
    }
    same("nothing moved", store.plan("pl0").await.map_err(text)?, Some(approved(0)))?;
    store.commit((0..4).map(done).collect()).await.map_err(text)?;
    for n in 0..4 {
        let expected = PlanRow { state: PlanState::Done, ..approved(n) };
        same("moved", store.plan(&format!("pl{n}")).await.map_err(text)?, Some(expected))?;
    }
    same("not named", store.plan("pl4").await.map_err(text)?, Some(approved(4)))
}

async fn pairs_stay(store: &dyn Store) -> Verdict {
    let ids: Vec<String> = (0..9).map(|n| format!("p{n}")).collect();
    let put =
        |change: fn(PairRow) -> PairRow| -> Vec<PairRow> { ids.iter().map(|id| change(pair(id))).collect() };
    let first = put(|row| row);
    store.commit(first.into_iter().map(Change::PutPair).collect()).await.map_err(text)?;
    let agreed = put(|row| PairRow {
        status: PairStatus::Differs,
        base: Some(format!("base of {}", row.id)),
        base_digest: Some(vec![7; 16]),
        differing: "owner_phone".into(),
        ..row
    });
    store.commit(agreed.iter().cloned().map(Change::PutPair).collect()).await.map_err(text)?;
    for row in &agreed {
        same("as it was put", store.pair(&row.id).await.map_err(text)?, Some(row.clone()))?;
    }
    let (found, count) =
        store.search_patients("bella", Some(PairStatus::Differs), 0, 99).await.map_err(text)?;
    same("found by its new status", (found.len(), count), (9, 9))?;
    let mut named: Vec<String> = found.into_iter().map(|row| row.id).collect();
    named.sort();
    same("all of them", named, ids)
}

async fn work_of_lanes(store: &dyn Store) -> Verdict {
    let changes = vec![
        Change::PutPlan(PlanRow { state: PlanState::Approved, maker: "ada".into(), ..plan("pl", "p1") }),
        Change::PutPlan(PlanRow { undoes: Some("pl".into()), maker: "ben".into(), ..plan("undo", "p1") }),
        Change::Enqueue(operation("o1", "a", "pl")),
        Change::Enqueue(operation("o2", "b", "pl")),
        Change::Enqueue(operation("o3", "a", "undo")),
        Change::Enqueue(operation("o4", "c", "pl")),
        Change::CancelOperation { id: "o4".into(), at_ms: T0 },
    ];
    store.commit(changes).await.map_err(text)?;
    store.claim_operations(T0, 1, &Remote::BOTH).await.map_err(text)?;
    let of = |operation: &str, lane: &str, plan: &PlanRow, state| LaneWork {
        lane: lane.into(),
        operation: operation.into(),
        state,
        plan: plan.id.clone(),
        plan_state: plan.state,
        plan_maker: plan.maker.clone(),
        plan_conflict: plan.conflict.clone(),
        plan_undoes: plan.undoes.is_some(),
    };
    let plan = async |id: &str| store.plan(id).await.map_err(text)?.ok_or_else(|| format!("no plan {id}"));
    let (first, undo) = (plan("pl").await?, plan("undo").await?);
    let expected = vec![
        of("o1", "a", &first, OperationState::Running),
        of("o3", "a", &undo, OperationState::Waiting),
        of("o2", "b", &first, OperationState::Waiting),
    ];
    same("work", store.lane_work(&["b", "c", "a", "none"]).await.map_err(text)?, expected)
}
