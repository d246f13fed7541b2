//! Transactions that many commits share.

use record::Remote;

use super::{
    Verdict, cases, holds, moved,
    rows::{T0, event, operation, pair, plan, snapshot, snapshot_id},
    same, text,
};
use crate::{Change, OperationState, PlanState, Store};

cases! {
    "a batch sees itself, others see it when it is sealed" => sees_itself,
    "a refused commit is undone alone within a batch" => refused_alone,
    "a batch that is dropped leaves nothing" => dropped,
    "operations and events are claimed within a batch" => claims,
    "commits beside a batch wait for it and are kept" => beside,
    "a sealed batch is over" => over,
}

fn put(key: &str, value: &str) -> Change {
    Change::PutValue { key: key.into(), value: value.into() }
}

async fn sees_itself(store: &dyn Store) -> Verdict {
    let Some(batch) = store.batch().await.map_err(text)? else { return Ok(()) };
    batch.commit(vec![put("a", "1"), Change::PutPair(pair("p1"))]).await.map_err(text)?;
    batch.commit(vec![Change::PutSnapshot(snapshot(Remote::Ehr, "ehr-p1"))]).await.map_err(text)?;
    same("its own value", batch.value("a").await.map_err(text)?, Some("1".into()))?;
    same("its own search", batch.search_patients("bella", None, 0, 9).await.map_err(text)?.1, 1)?;
    same("outside", store.value("a").await.map_err(text)?, None)?;
    holds("no batch within a batch", batch.batch().await.map_err(text)?.is_none())?;
    batch.seal().await.map_err(text)?;
    same("sealed", store.value("a").await.map_err(text)?, Some("1".into()))?;
    holds("all of it", store.snapshot(&snapshot_id(Remote::Ehr, "ehr-p1")).await.map_err(text)?.is_some())
}

async fn refused_alone(store: &dyn Store) -> Verdict {
    let Some(batch) = store.batch().await.map_err(text)? else { return Ok(()) };
    batch.commit(vec![put("a", "1")]).await.map_err(text)?;
    let gone = Change::CancelOperation { id: "nobody".into(), at_ms: T0 };
    moved("the second", batch.commit(vec![put("a", "2"), gone]).await)?;
    same("as before it", batch.value("a").await.map_err(text)?, Some("1".into()))?;
    batch.commit(vec![put("b", "3")]).await.map_err(text)?;
    batch.seal().await.map_err(text)?;
    same("the first", store.value("a").await.map_err(text)?, Some("1".into()))?;
    same("the third", store.value("b").await.map_err(text)?, Some("3".into()))
}

async fn dropped(store: &dyn Store) -> Verdict {
    let Some(batch) = store.batch().await.map_err(text)? else { return Ok(()) };
    batch.commit(vec![put("a", "1")]).await.map_err(text)?;
    drop(batch);
    store.commit(vec![put("b", "2")]).await.map_err(text)?;
    same("dropped", store.value("a").await.map_err(text)?, None)?;
    same("afterwards", store.value("b").await.map_err(text)?, Some("2".into()))
}

async fn claims(store: &dyn Store) -> Verdict {
    let approved = crate::PlanRow { state: PlanState::Approved, ..plan("pl", "p1") };
    let rows = vec![
        Change::PutPair(pair("p1")),
        Change::PutPlan(approved),
        Change::Enqueue(operation("o1", "p1", "pl")),
        Change::AcceptEvent(event("e1", "x1")),
    ];
    store.commit(rows).await.map_err(text)?;
    let Some(batch) = store.batch().await.map_err(text)? else { return Ok(()) };
    same("operations", batch.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?.len(), 1)?;
    same("events", batch.claim_events(T0, 9).await.map_err(text)?.len(), 1)?;
    let waiting = store.operation("o1").await.map_err(text)?.map(|row| row.state);
    same("outside it waits", waiting, Some(OperationState::Waiting))?;
    drop(batch);
    same("claimed again", store.claim_operations(T0, 9, &Remote::BOTH).await.map_err(text)?.len(), 1)
}

async fn beside(store: &dyn Store) -> Verdict {
    let Some(batch) = store.batch().await.map_err(text)? else { return Ok(()) };
    let within = async {
        for number in 0..5 {
            batch.commit(vec![put("within", &number.to_string())]).await?;
        }
        batch.seal().await
    };
    let (within, beside) = futures_util::future::join(within, store.commit(vec![put("beside", "1")])).await;
    within.map_err(text)?;
    beside.map_err(text)?;
    same("within", store.value("within").await.map_err(text)?, Some("4".into()))?;
    same("beside", store.value("beside").await.map_err(text)?, Some("1".into()))
}

async fn over(store: &dyn Store) -> Verdict {
    let Some(batch) = store.batch().await.map_err(text)? else { return Ok(()) };
    batch.commit(vec![put("a", "1")]).await.map_err(text)?;
    batch.seal().await.map_err(text)?;
    holds("no commit", batch.commit(vec![put("a", "2")]).await.is_err())?;
    holds("no read", batch.value("a").await.is_err())?;
    holds("no second seal", batch.seal().await.is_err())?;
    same("as sealed", store.value("a").await.map_err(text)?, Some("1".into()))
}
