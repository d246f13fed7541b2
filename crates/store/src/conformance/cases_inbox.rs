//! The inbox and the quarantine.

use futures_util::future::join_all;
use record::Remote;

use super::{
    Verdict, cases, holds, moved, refused,
    rows::{T0, event, quarantined, snapshot, snapshot_id},
    same, text,
};
use crate::{
    Change, InboxRow, InboxState, QuarantineCause, QuarantineFilter, QuarantineRow, QuarantineState, Store,
};

cases! {
    "an event comes back as it was accepted" => event_round_trip,
    "a message is accepted once, however many bring it" => accepted_once,
    "events of one record are claimed together, in turn" => claimed_together,
    "a record that is being looked at waits" => one_look_at_a_time,
    "a record waits for its first event" => waits_for_first,
    "an event is finished only while it runs" => finished_while_running,
    "running events are accepted again after a crash" => rescued,
    "an edited event is worked on in the place of its original" => edited_event,
    "an event's text is never changed" => event_is_frozen,
    "finished events are forgotten, others never" => forgotten,
    "the same unreadable thing is counted, a later version supersedes it" => counted,
    "a readable version resolves what was quarantined" => resolved,
    "an older version resolves nothing" => not_resolved_by_older,
    "payloads without a key go when a complete read does not show them" => unseen,
    "an event in quarantine is one entry, opened again when it fails again" => event_entry,
    "causes are counted and replayed in the original order" => causes,
    "an entry is closed once, and a closed one stays as it is" => closed_once,
    "an entry is closed or has no end, and an edit names its maker" => entry_invariants,
}

async fn commit(store: &dyn Store, changes: Vec<Change>) -> Result<(), String> {
    store.commit(changes).await.map_err(text)
}

fn ids(rows: &[InboxRow]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

fn finish(id: &str, state: InboxState) -> Change {
    Change::FinishEvent { id: id.into(), state, due_at_ms: T0, outcome: "looked".into(), at_ms: T0 + 5 }
}

async fn event_round_trip(store: &dyn Store) -> Verdict {
    let row = event("e1", "p1");
    let unreadable = InboxRow {
        kind: None,
        key: None,
        version: None,
        raw: "<xml/>".into(),
        state: InboxState::Quarantined,
        outcome: "unreadable".into(),
        ..event("e2", "p1")
    };
    commit(store, vec![Change::AcceptEvent(row.clone()), Change::AcceptEvent(unreadable.clone())]).await?;
    same("by id", store.event("e1").await.map_err(text)?, Some(row.clone()))?;
    same("by message", store.event_of_message(Remote::Ehr, "msg-e2").await.map_err(text)?, Some(unreadable))?;
    same("of the other", store.event_of_message(Remote::ServiceNow, "msg-e1").await.map_err(text)?, None)?;
    same("list", store.events(InboxState::Accepted, 0, 9).await.map_err(text)?, vec![row])?;
    same(
        "counts",
        store.event_counts().await.map_err(text)?,
        vec![(InboxState::Accepted, 1), (InboxState::Quarantined, 1)],
    )?;
    let nowhere = InboxRow { key: None, ..event("e3", "p1") };
    refused("an event that points nowhere", store.commit(vec![Change::AcceptEvent(nowhere)]).await)?;
    let done = InboxRow { state: InboxState::Done, finished_at_ms: Some(T0), ..event("e4", "p1") };
    refused("an event that is done before it began", store.commit(vec![Change::AcceptEvent(done)]).await)
}

async fn accepted_once(store: &dyn Store) -> Verdict {
    let callers = (0..40).map(|n| {
        let row = InboxRow { message: format!("msg-{}", n % 4), ..event(&format!("e{n}"), "p1") };
        store.commit(vec![Change::AcceptEvent(row)])
    });
    for outcome in join_all(callers).await {
        outcome.map_err(text)?;
    }
    let accepted = store.events(InboxState::Accepted, 0, 99).await.map_err(text)?;
    same("events of four messages", accepted.len(), 4)?;
    // The same number may come from either side.
    let other = InboxRow { remote: Remote::ServiceNow, message: "msg-0".into(), ..event("other", "s1") };
    commit(store, vec![Change::AcceptEvent(other)]).await?;
    same("from the other side", store.events(InboxState::Accepted, 0, 99).await.map_err(text)?.len(), 5)
}

async fn claimed_together(store: &dyn Store) -> Verdict {
    let order = [("e1", "p1"), ("e2", "p2"), ("e3", "p1"), ("e4", "p3"), ("e5", "p2")];
    let rows = order.map(|(id, key)| Change::AcceptEvent(event(id, key)));
    commit(store, rows.into()).await?;
    same("nothing is due before its time", store.claim_events(T0 - 1, 9).await.map_err(text)?, vec![])?;
    let claimed = store.claim_events(T0, 2).await.map_err(text)?;
    same("two records with all their events", ids(&claimed), vec!["e1", "e2", "e3", "e5"])?;
    holds(
        "they run, tried once",
        claimed.iter().all(|row| row.state == InboxState::Running && row.attempts == 1),
    )?;
    same("then the next", ids(&store.claim_events(T0, 2).await.map_err(text)?), vec!["e4"])?;
    same("then none", store.claim_events(T0, 2).await.map_err(text)?, vec![])
}

async fn one_look_at_a_time(store: &dyn Store) -> Verdict {
    commit(store, vec![Change::AcceptEvent(event("e1", "p1"))]).await?;
    same("the first", ids(&store.claim_events(T0, 9).await.map_err(text)?), vec!["e1"])?;
    commit(store, vec![Change::AcceptEvent(event("e2", "p1")), Change::AcceptEvent(event("e3", "p2"))])
        .await?;
    same("another record", ids(&store.claim_events(T0, 9).await.map_err(text)?), vec!["e3"])?;
    same("nothing to wake for", store.next_event_due_ms().await.map_err(text)?, None)?;
    commit(store, vec![finish("e1", InboxState::Done)]).await?;
    same("due now", store.next_event_due_ms().await.map_err(text)?, Some(T0))?;
    same("what came meanwhile", ids(&store.claim_events(T0, 9).await.map_err(text)?), vec!["e2"])
}

async fn waits_for_first(store: &dyn Store) -> Verdict {
    let later = InboxRow { due_at_ms: T0 + 1_000, ..event("e1", "p1") };
    commit(store, vec![Change::AcceptEvent(later), Change::AcceptEvent(event("e2", "p1"))]).await?;
    same("not before the first", store.claim_events(T0, 9).await.map_err(text)?, vec![])?;
    same("when", store.next_event_due_ms().await.map_err(text)?, Some(T0 + 1_000))?;
    same("then both", ids(&store.claim_events(T0 + 1_000, 9).await.map_err(text)?), vec!["e1", "e2"])
}

async fn finished_while_running(store: &dyn Store) -> Verdict {
    commit(store, vec![Change::AcceptEvent(event("e1", "p1"))]).await?;
    moved("before it runs", store.commit(vec![finish("e1", InboxState::Done)]).await)?;
    store.claim_events(T0, 9).await.map_err(text)?;
    let back = Change::FinishEvent {
        id: "e1".into(),
        state: InboxState::Accepted,
        due_at_ms: T0 + 7,
        outcome: "remote is away".into(),
        at_ms: T0 + 1,
    };
    commit(store, vec![back]).await?;
    same("not yet", store.claim_events(T0 + 6, 9).await.map_err(text)?, vec![])?;
    let again = store.claim_events(T0 + 7, 9).await.map_err(text)?;
    same("tries", again.iter().map(|row| row.attempts).collect::<Vec<_>>(), vec![2])?;
    commit(store, vec![finish("e1", InboxState::Done)]).await?;
    moved("twice", store.commit(vec![finish("e1", InboxState::Done)]).await)?;
    let done = store.event("e1").await.map_err(text)?.ok_or("the event is gone")?;
    same("ended", (done.finished_at_ms, done.outcome.as_str()), (Some(T0 + 5), "looked"))
}

async fn rescued(store: &dyn Store) -> Verdict {
    let rows = [event("e1", "p1"), event("e2", "p2")].map(Change::AcceptEvent);
    commit(store, rows.into()).await?;
    store.claim_events(T0, 1).await.map_err(text)?;
    commit(store, vec![Change::RescueEvents]).await?;
    same("both, in turn", ids(&store.claim_events(T0, 9).await.map_err(text)?), vec!["e1", "e2"])
}

async fn edited_event(store: &dyn Store) -> Verdict {
    let bad = InboxRow { key: None, state: InboxState::Quarantined, ..event("e1", "p1") };
    commit(store, vec![Change::AcceptEvent(bad), Change::AcceptEvent(event("e2", "p2"))]).await?;
    let edited = InboxRow { replaces: Some("e1".into()), ..event("e3", "p1") };
    let put_aside = Change::DismissEvent { id: "e1".into(), outcome: "edited".into(), at_ms: T0 + 1 };
    commit(store, vec![put_aside.clone(), Change::AcceptEvent(edited)]).await?;
    same("in its place", ids(&store.claim_events(T0, 9).await.map_err(text)?), vec!["e3", "e2"])?;
    moved("put aside twice", store.commit(vec![put_aside]).await)
}

async fn event_is_frozen(store: &dyn Store) -> Verdict {
    let bad = InboxRow { key: None, state: InboxState::Quarantined, ..event("e1", "p1") };
    commit(store, vec![Change::AcceptEvent(bad.clone())]).await?;
    let resent = InboxRow { raw: "something else".into(), due_at_ms: T0 + 3, ..event("e1", "p9") };
    commit(store, vec![Change::ResendEvent(resent.clone())]).await?;
    let now = store.event("e1").await.map_err(text)?.ok_or("the event is gone")?;
    same("points elsewhere, says the same", (now.key.as_deref(), now.raw), (Some("p9"), bad.raw))?;
    moved("only from quarantine", store.commit(vec![Change::ResendEvent(resent)]).await)
}

async fn forgotten(store: &dyn Store) -> Verdict {
    let rows = [event("e1", "p1"), event("e2", "p2")].map(Change::AcceptEvent);
    commit(store, rows.into()).await?;
    store.claim_events(T0, 1).await.map_err(text)?;
    commit(store, vec![finish("e1", InboxState::Done)]).await?;
    commit(store, vec![Change::ForgetEvents { before_ms: T0 + 5 }]).await?;
    holds("too young", store.event("e1").await.map_err(text)?.is_some())?;
    commit(store, vec![Change::ForgetEvents { before_ms: T0 + 6 }]).await?;
    holds("done and old", store.event("e1").await.map_err(text)?.is_none())?;
    holds("unfinished", store.event("e2").await.map_err(text)?.is_some())
}

fn put(row: &QuarantineRow) -> Change {
    Change::Quarantine { row: row.clone(), seen_run: None }
}

async fn all(store: &dyn Store) -> Result<Vec<QuarantineRow>, String> {
    let (rows, total) = store.quarantine(&QuarantineFilter::default(), 0, 99).await.map_err(text)?;
    same("total", total, rows.len() as u64)?;
    Ok(rows)
}

async fn counted(store: &dyn Store) -> Verdict {
    let id = snapshot_id(Remote::Ehr, "p1");
    let first = quarantined("q1", id.clone());
    commit(store, vec![put(&first)]).await?;
    same("as it was put", store.quarantined("q1").await.map_err(text)?, Some(first.clone()))?;
    let again = QuarantineRow { id: "q2".into(), last_seen_at_ms: T0 + 1, ..first.clone() };
    commit(store, vec![put(&again)]).await?;
    let twice = QuarantineRow { times: 2, last_seen_at_ms: T0 + 1, ..first.clone() };
    same("counted", all(store).await?, vec![twice.clone()])?;
    let later = QuarantineRow {
        raw: "[".into(),
        first_seen_at_ms: T0 + 2,
        last_seen_at_ms: T0 + 2,
        ..quarantined("q3", id.clone())
    };
    commit(store, vec![put(&later)]).await?;
    let superseded = QuarantineRow {
        state: QuarantineState::Superseded,
        closed_at_ms: Some(T0 + 2),
        closed_by: Some("a later version".into()),
        ..twice
    };
    same("both are kept", all(store).await?, vec![later.clone(), superseded])?;
    let open = QuarantineFilter { states: vec![QuarantineState::Open], ..QuarantineFilter::default() };
    same("open", store.quarantine(&open, 0, 9).await.map_err(text)?, (vec![later.clone()], 1))?;
    let of_record = QuarantineFilter { record: Some(id.clone()), ..QuarantineFilter::default() };
    same("of the record", store.quarantine(&of_record, 0, 1).await.map_err(text)?, (vec![later], 2))?;
    same("unreadable", store.unreadable_records().await.map_err(text)?, vec![id])
}

async fn resolved(store: &dyn Store) -> Verdict {
    let [a, b, c] = ["p1", "p2", "p3"].map(|key| snapshot_id(Remote::Ehr, key));
    commit(store, vec![Change::PutSnapshot(snapshot(Remote::Ehr, "p3"))]).await?;
    let rows = [quarantined("q1", a.clone()), quarantined("q2", b.clone()), quarantined("q3", c.clone())];
    let changes = rows
        .iter()
        .map(|row| Change::Quarantine { row: row.clone(), seen_run: Some("run-2".into()) })
        .collect();
    commit(store, changes).await?;
    let seen = store.snapshot(&c).await.map_err(text)?.ok_or("the snapshot is gone")?;
    same(
        "the readable version stays and has been seen",
        (seen.version.as_str(), seen.seen_run.as_str()),
        ("1", "run-2"),
    )?;
    let read = snapshot(Remote::Ehr, "p1");
    let other = snapshot(Remote::ServiceNow, "p2");
    commit(store, vec![Change::PutSnapshot(read), Change::PutSnapshot(other)]).await?;
    same("read again", store.unreadable_records().await.map_err(text)?, vec![b, c.clone()])?;
    commit(store, vec![Change::Release { id: c, at_ms: T0 + 1 }]).await?;
    let entry = store.quarantined("q3").await.map_err(text)?.ok_or("the entry is gone")?;
    same(
        "kept, resolved",
        (entry.state, entry.closed_at_ms, entry.closed_by.as_deref()),
        (QuarantineState::Resolved, Some(T0 + 1), Some("a readable version")),
    )?;
    same("one is left", store.unreadable_records().await.map_err(text)?.len(), 1)
}

async fn not_resolved_by_older(store: &dyn Store) -> Verdict {
    let id = snapshot_id(Remote::Ehr, "p1");
    let row = QuarantineRow { last_seen_at_ms: T0 + 9, ..quarantined("q1", id.clone()) };
    commit(store, vec![put(&row)]).await?;
    commit(store, vec![Change::PutSnapshot(snapshot(Remote::Ehr, "p1"))]).await?;
    same("still unreadable", store.unreadable_records().await.map_err(text)?, vec![id])
}

async fn unseen(store: &dyn Store) -> Verdict {
    let without_key = |id: &str, raw: &str, at_ms: i64| QuarantineRow {
        key: None,
        raw: raw.into(),
        first_seen_at_ms: at_ms,
        last_seen_at_ms: at_ms,
        ..quarantined(id, snapshot_id(Remote::Ehr, "-"))
    };
    let rows = [without_key("q1", "1", T0), without_key("q2", "2", T0), without_key("q3", "1", T0 + 5)];
    commit(store, rows.iter().map(put).collect()).await?;
    same("the same text is one entry", all(store).await?.len(), 2)?;
    let gone = |remote| Change::ReleaseUnseen {
        remote,
        kind: record::RecordKind::Patient,
        before_ms: T0 + 5,
        at_ms: T0 + 6,
    };
    commit(store, vec![gone(Remote::ServiceNow)]).await?;
    same(
        "not by the other side",
        all(store).await?.iter().filter(|row| row.state == QuarantineState::Open).count(),
        2,
    )?;
    commit(store, vec![gone(Remote::Ehr)]).await?;
    let states: Vec<_> = all(store).await?.into_iter().map(|row| (row.id, row.state)).collect();
    same(
        "not shown again",
        states,
        vec![("q1".into(), QuarantineState::Open), ("q2".into(), QuarantineState::Resolved)],
    )?;
    // What a person put aside stays aside.
    let aside = |by: &str| Change::CloseQuarantine {
        id: "q1".into(),
        state: QuarantineState::Dismissed,
        by: by.into(),
        reason: Some("a test entry".into()),
        at_ms: T0 + 7,
    };
    commit(store, vec![aside("ana")]).await?;
    commit(store, vec![put(&without_key("q4", "1", T0 + 9))]).await?;
    let entry = store.quarantined("q1").await.map_err(text)?.ok_or("the entry is gone")?;
    same("seen again", (entry.state, entry.times), (QuarantineState::Dismissed, 3))
}

async fn event_entry(store: &dyn Store) -> Verdict {
    let bad = InboxRow { key: None, state: InboxState::Quarantined, ..event("e1", "p1") };
    let entry = QuarantineRow {
        event: Some("e1".into()),
        key: None,
        raw: bad.raw.clone(),
        ..quarantined("q1", snapshot_id(Remote::Ehr, "-"))
    };
    commit(store, vec![Change::AcceptEvent(bad), put(&entry)]).await?;
    let replayed = Change::CloseQuarantine {
        id: "q1".into(),
        state: QuarantineState::Replayed,
        by: "ana".into(),
        reason: None,
        at_ms: T0 + 1,
    };
    commit(store, vec![Change::ResendEvent(event("e1", "p1")), replayed]).await?;
    store.claim_events(T0, 9).await.map_err(text)?;
    let failed = QuarantineRow { id: "q2".into(), class: "refused".into(), last_seen_at_ms: T0 + 2, ..entry };
    commit(store, vec![finish("e1", InboxState::Quarantined), put(&failed)]).await?;
    let rows = all(store).await?;
    same("one entry", rows.len(), 1)?;
    let row = store.quarantined("q1").await.map_err(text)?.ok_or("the entry is gone")?;
    same(
        "open again",
        (row.state, row.times, row.class.as_str(), row.closed_at_ms),
        (QuarantineState::Open, 2, "refused", None),
    )?;
    same("no record", store.unreadable_records().await.map_err(text)?, vec![])
}

async fn causes(store: &dyn Store) -> Verdict {
    let mut changes = Vec::new();
    for (number, class) in ["missing", "refused", "missing", "missing"].iter().enumerate() {
        let bad = InboxRow { state: InboxState::Quarantined, ..event(&format!("e{number}"), "p1") };
        changes.push(Change::AcceptEvent(bad));
        changes.push(put(&QuarantineRow {
            event: Some(format!("e{number}")),
            field: "sys_id".into(),
            class: (*class).into(),
            first_seen_at_ms: T0 + 10 - i64::try_from(number).unwrap_or(0),
            ..quarantined(&format!("q{number}"), snapshot_id(Remote::Ehr, "p1"))
        }));
    }
    // The last failed first.
    let last = changes.split_off(6);
    let mut order = vec![last[0].clone()];
    order.extend(changes.iter().filter(|change| matches!(change, Change::AcceptEvent(_))).cloned());
    order.push(last[1].clone());
    order.extend(changes.into_iter().filter(|change| !matches!(change, Change::AcceptEvent(_))));
    commit(store, order).await?;
    let counts = store.quarantine_causes().await.map_err(text)?;
    let found: Vec<_> = counts.iter().map(|count| (count.cause.class.as_str(), count.open)).collect();
    same("causes", found, vec![("missing", 3), ("refused", 1)])?;
    let cause = QuarantineCause {
        remote: Remote::Ehr,
        kind: Some(record::RecordKind::Patient),
        field: "sys_id".into(),
        class: "missing".into(),
    };
    let in_order = store.quarantine_of_cause(&cause).await.map_err(text)?;
    same("as they were accepted", in_order, vec!["q3".into(), "q0".into(), "q2".into()])?;
    let filter = QuarantineFilter { cause: Some(cause), ..QuarantineFilter::default() };
    same("listed", store.quarantine(&filter, 0, 1).await.map_err(text)?.1, 3)
}

async fn closed_once(store: &dyn Store) -> Verdict {
    commit(store, vec![put(&quarantined("q1", snapshot_id(Remote::Ehr, "p1")))]).await?;
    let close = Change::CloseQuarantine {
        id: "q1".into(),
        state: QuarantineState::Dismissed,
        by: "ana".into(),
        reason: Some("known".into()),
        at_ms: T0 + 1,
    };
    commit(store, vec![close.clone()]).await?;
    moved("twice", store.commit(vec![close]).await)
}

async fn entry_invariants(store: &dyn Store) -> Verdict {
    let plain = || quarantined("q1", snapshot_id(Remote::Ehr, "p1"));
    for (what, row) in [
        ("closed without a time", QuarantineRow { state: QuarantineState::Resolved, ..plain() }),
        ("open with an end", QuarantineRow { closed_at_ms: Some(T0), ..plain() }),
        ("edited by nobody", QuarantineRow { replaces: Some("q1".into()), ..plain() }),
        ("an edit of nothing", QuarantineRow { edited_by: Some("ana".into()), ..plain() }),
        ("an unknown event", QuarantineRow { event: Some("e9".into()), ..plain() }),
        ("seen never", QuarantineRow { times: 0, ..plain() }),
    ] {
        refused(what, store.commit(vec![put(&row)]).await)?;
    }
    Ok(())
}
