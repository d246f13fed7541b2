//! Incidents: opened once, updated, closed once.

use super::{Verdict, cases, moved, refused, rows::T0, same, text};
use crate::{Change, IncidentRow, Store};

cases! {
    "an incident opens once, is counted, and closes once" => opens_once,
    "another subject or kind is another incident" => kept_apart,
    "an incident is acknowledged once, by one person" => acknowledged,
    "incidents are listed open ones first" => listed,
}

fn raise(id: &str, kind: &str, subject: &str, at_ms: i64) -> Change {
    Change::RaiseIncident {
        id: id.into(),
        kind: kind.into(),
        subject: subject.into(),
        cause: format!("seen at {at_ms}"),
        at_ms,
    }
}

fn close(kind: &str, subject: &str, at_ms: i64) -> Change {
    Change::CloseIncident { kind: kind.into(), subject: subject.into(), at_ms }
}

async fn opens_once(store: &dyn Store) -> Verdict {
    store.commit(vec![close("sign_in", "ehr", T0)]).await.map_err(text)?;
    same("closing what is not open", store.incidents(false, 0, 9).await.map_err(text)?.1, 0)?;
    for (id, at_ms) in [("i1", T0), ("i2", T0 + 30), ("i3", T0 + 20)] {
        store.commit(vec![raise(id, "sign_in", "ehr", at_ms)]).await.map_err(text)?;
    }
    let open = IncidentRow {
        id: "i1".into(),
        kind: "sign_in".into(),
        subject: "ehr".into(),
        cause: format!("seen at {}", T0 + 20),
        open: true,
        times: 3,
        first_seen_at_ms: T0,
        last_seen_at_ms: T0 + 30,
        closed_at_ms: None,
        acknowledged_by: None,
        acknowledged_at_ms: None,
    };
    same("open", store.incidents(true, 0, 9).await.map_err(text)?, (vec![open.clone()], 1))?;
    store.commit(vec![close("sign_in", "ehr", T0 + 60)]).await.map_err(text)?;
    let closed = IncidentRow { open: false, closed_at_ms: Some(T0 + 60), ..open };
    same("closed", store.incident("i1").await.map_err(text)?, Some(closed.clone()))?;
    store.commit(vec![close("sign_in", "ehr", T0 + 90)]).await.map_err(text)?;
    same("closed once", store.incident("i1").await.map_err(text)?, Some(closed))?;
    store.commit(vec![raise("i4", "sign_in", "ehr", T0 + 99)]).await.map_err(text)?;
    same("and a new one opens", store.incidents(false, 0, 9).await.map_err(text)?.1, 2)
}

async fn kept_apart(store: &dyn Store) -> Verdict {
    let changes = vec![
        raise("i1", "sign_in", "ehr", T0),
        raise("i2", "breaker", "ehr", T0),
        raise("i3", "breaker", "service_now", T0),
        close("breaker", "ehr", T0 + 1),
    ];
    store.commit(changes).await.map_err(text)?;
    let (open, _) = store.incidents(true, 0, 9).await.map_err(text)?;
    let mut open: Vec<_> = open.into_iter().map(|row| row.id).collect();
    open.sort();
    same("open", open, vec!["i1".to_owned(), "i3".into()])?;
    let empty = store.commit(vec![raise("i5", "", "ehr", T0)]).await;
    refused("of no kind", empty)
}

async fn acknowledged(store: &dyn Store) -> Verdict {
    store.commit(vec![raise("i1", "breaker", "ehr", T0)]).await.map_err(text)?;
    let acknowledge = |person: &str| {
        vec![Change::AcknowledgeIncident { id: "i1".into(), person: person.into(), at_ms: T0 + 5 }]
    };
    store.commit(acknowledge("ines")).await.map_err(text)?;
    moved("a second person", store.commit(acknowledge("sam")).await)?;
    // It goes on, and ends, all the same.
    store
        .commit(vec![raise("i2", "breaker", "ehr", T0 + 6), close("breaker", "ehr", T0 + 7)])
        .await
        .map_err(text)?;
    let row = store.incident("i1").await.map_err(text)?;
    same(
        "acknowledged",
        row.map(|row| (row.acknowledged_by, row.acknowledged_at_ms, row.times, row.open)),
        Some((Some("ines".into()), Some(T0 + 5), 2, false)),
    )?;
    let none = Change::AcknowledgeIncident { id: "i9".into(), person: "sam".into(), at_ms: T0 };
    moved("none", store.commit(vec![none]).await)
}

async fn listed(store: &dyn Store) -> Verdict {
    let changes = vec![
        raise("i1", "breaker", "ehr", T0 + 50),
        close("breaker", "ehr", T0 + 60),
        raise("i2", "breaker", "service_now", T0 + 10),
        raise("i3", "sign_in", "ehr", T0 + 20),
    ];
    store.commit(changes).await.map_err(text)?;
    let (rows, total) = store.incidents(false, 0, 2).await.map_err(text)?;
    let ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    same("first page", (ids, total), (vec!["i3".to_owned(), "i2".into()], 3))?;
    let (rows, _) = store.incidents(false, 2, 2).await.map_err(text)?;
    same("second page", rows.into_iter().map(|row| row.id).collect(), vec!["i1".to_owned()])
}
