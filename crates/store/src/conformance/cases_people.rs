//! What people work with: conflicts, plans, runs, possible duplicates, audit, small values.

use futures_util::future::join_all;
use record::{RecordKind, Remote};

use super::{
    Verdict, cases, moved, refused,
    rows::{T0, audit, conflict, duplicate, pair, plan, run, snapshot, snapshot_id},
    same, text,
};
use crate::{
    Change, ConflictCause, ConflictFilter, ConflictRow, ConflictState, Dependants, DuplicateRow, PlanState,
    SnapshotId, SnapshotRow, Store, StoreError,
};

cases! {
    "a conflict comes back as it was put" => conflict_round_trip,
    "a pair has one unfinished conflict at most" => one_open_conflict,
    "the work list is gravest and oldest first" => work_list_order,
    "the work list is filtered by state, grade, field, cause, text and pair" => work_list_filter,
    "a snoozed conflict is hidden until its time" => snoozed,
    "a plan comes back as it was put, newest first" => plan_round_trip,
    "a plan is frozen once it is no draft" => plan_is_frozen,
    "a plan is approved exactly once" => approved_once,
    "a plan only moves forward" => plan_moves_forward,
    "an approved plan waits for its check, one a patient" => plans_wait_for_their_check,
    "runs are listed newest first" => runs,
    "a possible duplicate is one row whichever way it is asked about" => duplicates,
    "what belongs to a patient is counted by kind" => dependants,
    "audit entries are appended, newest first, by subject" => audit_entries,
    "an audit entry is never changed" => audit_refuses_change,
    "small values are replaced" => values,
}

async fn conflict_round_trip(store: &dyn Store) -> Verdict {
    let mut row = conflict("c1", "p1");
    store.commit(vec![Change::PutConflict(row.clone())]).await.map_err(text)?;
    same("open", store.conflict("c1").await.map_err(text)?, Some(row.clone()))?;
    same("of its pair", store.open_conflict_of("p1").await.map_err(text)?, Some(row.clone()))?;
    same("of pairs", store.open_conflicts_of(&["p2", "p1"]).await.map_err(text)?, vec![row.clone()])?;
    (row.state, row.grade, row.claimed_by, row.draft) = (ConflictState::Closed, 4, None, None);
    (row.closed_at_ms, row.closed_by) = (Some(T0 + 9), Some("decided".into()));
    (row.snoozed_until_ms, row.snooze_reason) = (Some(T0 + 5), Some("waiting for the owner".into()));
    store.commit(vec![Change::PutConflict(row.clone())]).await.map_err(text)?;
    same("closed", store.conflict("c1").await.map_err(text)?, Some(row))?;
    same("none open", store.open_conflict_of("p1").await.map_err(text)?, None)?;
    same("none of pairs", store.open_conflicts_of(&["p1"]).await.map_err(text)?, vec![])?;
    let mut grade = conflict("c2", "p2");
    grade.grade = 2;
    refused("a grade nobody is asked about", store.commit(vec![Change::PutConflict(grade)]).await)
}

async fn one_open_conflict(store: &dyn Store) -> Verdict {
    for state in [ConflictState::Open, ConflictState::AwaitingSecond, ConflictState::Executing] {
        let first = ConflictRow { state, ..conflict("c1", "p1") };
        store.commit(vec![Change::PutConflict(first)]).await.map_err(text)?;
        let second = store.commit(vec![Change::PutConflict(conflict("c2", "p1"))]).await;
        refused("a second one", second)?;
    }
    let closed = ConflictRow { state: ConflictState::Closed, ..conflict("c1", "p1") };
    let next = vec![Change::PutConflict(closed), Change::PutConflict(conflict("c2", "p1"))];
    store.commit(next).await.map_err(text)
}

/// Ids and total of the work list.
async fn listed(
    store: &dyn Store,
    filter: &ConflictFilter,
    now_ms: i64,
) -> Result<(Vec<String>, u64), String> {
    let (rows, total) = store.conflicts(filter, now_ms, 0, 99).await.map_err(text)?;
    Ok((rows.into_iter().map(|row| row.id).collect(), total))
}

fn names(ids: &[&str]) -> (Vec<String>, u64) {
    (ids.iter().map(ToString::to_string).collect(), ids.len() as u64)
}

async fn work_list_order(store: &dyn Store) -> Verdict {
    let mut changes = Vec::new();
    for (id, grade, opened_at_ms) in [("c1", 3, T0 + 5), ("c2", 4, T0 + 9), ("c3", 3, T0), ("c4", 4, T0 + 1)]
    {
        let row = ConflictRow { grade, opened_at_ms, ..conflict(id, &format!("pair-{id}")) };
        changes.push(Change::PutConflict(row));
    }
    store.commit(changes).await.map_err(text)?;
    let everything = ConflictFilter::default();
    same("order", listed(store, &everything, T0).await?, names(&["c4", "c2", "c3", "c1"]))?;
    let (page, total) = store.conflicts(&everything, T0, 1, 2).await.map_err(text)?;
    same("page", page.into_iter().map(|row| row.id).collect::<Vec<_>>(), names(&["c2", "c3"]).0)?;
    same("total", total, 4)
}

async fn work_list_filter(store: &dyn Store) -> Verdict {
    let first = conflict("c1", "p1");
    let second = ConflictRow {
        grade: 4,
        state: ConflictState::AwaitingSecond,
        cause: ConflictCause::Vanished,
        fields: "owner".into(),
        title: "Žofie".into(),
        owner: "Böhm".into(),
        ..conflict("c2", "p2")
    };
    let third = ConflictRow { state: ConflictState::Closed, ..conflict("c3", "p3") };
    let put = [first, second, third].map(Change::PutConflict).to_vec();
    store.commit(put).await.map_err(text)?;
    let none = ConflictFilter::default;
    let text_filter = |words: &str| ConflictFilter { text: Some(words.into()), ..none() };
    let open = vec![ConflictState::Open, ConflictState::AwaitingSecond];
    for (filter, ids) in [
        (none(), &["c2", "c1", "c3"][..]),
        (ConflictFilter { states: open, ..none() }, &["c2", "c1"]),
        (ConflictFilter { states: vec![ConflictState::Closed], ..none() }, &["c3"]),
        (ConflictFilter { grade: Some(4), ..none() }, &["c2"]),
        (ConflictFilter { field: Some("breed".into()), ..none() }, &["c1", "c3"]),
        // a field's name is a whole name
        (ConflictFilter { field: Some("owner".into()), ..none() }, &["c2"]),
        (ConflictFilter { cause: Some(ConflictCause::Vanished), ..none() }, &["c2"]),
        (ConflictFilter { pair: Some("p1".into()), ..none() }, &["c1"]),
        (text_filter("zof boh"), &["c2"]),
        (text_filter("zof adams"), &[]),
        (text_filter("  "), &["c2", "c1", "c3"]),
    ] {
        same(&format!("{filter:?}"), listed(store, &filter, T0).await?, names(ids))?;
    }
    Ok(())
}

async fn snoozed(store: &dyn Store) -> Verdict {
    let sleeping = ConflictRow { snoozed_until_ms: Some(T0 + 100), ..conflict("c1", "p1") };
    store.commit(vec![Change::PutConflict(sleeping)]).await.map_err(text)?;
    let everything = ConflictFilter::default();
    same("before its time", listed(store, &everything, T0 + 99).await?, names(&[]))?;
    same("at its time", listed(store, &everything, T0 + 100).await?, names(&["c1"]))?;
    let still = store.open_conflict_of("p1").await.map_err(text)?;
    same("it is open all the while", still.map(|row| row.id), Some("c1".into()))
}

async fn plan_round_trip(store: &dyn Store) -> Verdict {
    let first = plan("pl1", "p1");
    let mut second = plan("pl2", "p1");
    (second.conflict, second.undoes, second.made_at_ms) = (Some("c1".into()), Some("pl1".into()), T0 + 1);
    second.state = PlanState::AwaitingSecond;
    let put = vec![
        Change::PutConflict(conflict("c1", "p1")),
        Change::PutPlan(first.clone()),
        Change::PutPlan(second.clone()),
    ];
    store.commit(put).await.map_err(text)?;
    same("first", store.plan("pl1").await.map_err(text)?, Some(first.clone()))?;
    same("all", store.plans(None, 0, 9).await.map_err(text)?, vec![second.clone(), first.clone()])?;
    same("page", store.plans(None, 1, 9).await.map_err(text)?, vec![first])?;
    same("by state", store.plans(Some(PlanState::AwaitingSecond), 0, 9).await.map_err(text)?, vec![second])?;
    let mut lost = plan("pl3", "p1");
    lost.conflict = Some("nowhere".into());
    refused("of no conflict", store.commit(vec![Change::PutPlan(lost)]).await)
}

async fn plan_is_frozen(store: &dyn Store) -> Verdict {
    let mut row = plan("pl1", "p1");
    store.commit(vec![Change::PutPlan(row.clone())]).await.map_err(text)?;
    (row.body, row.hash) = ("{\"writes\":[1]}".into(), "11".into());
    row.state = PlanState::AwaitingSecond;
    store.commit(vec![Change::PutPlan(row.clone())]).await.map_err(text)?;
    let mut body = row.clone();
    body.body = "{\"writes\":[2]}".into();
    refused("another body", store.commit(vec![Change::PutPlan(body)]).await)?;
    let mut hash = row.clone();
    hash.hash = "22".into();
    refused("another hash", store.commit(vec![Change::PutPlan(hash)]).await)?;
    row.reason = Some("a better reason".into());
    store.commit(vec![Change::PutPlan(row.clone())]).await.map_err(text)?;
    same("plan", store.plan("pl1").await.map_err(text)?, Some(row))
}

async fn approved_once(store: &dyn Store) -> Verdict {
    let mut row = plan("pl1", "p1");
    row.state = PlanState::AwaitingSecond;
    store.commit(vec![Change::PutPlan(row)]).await.map_err(text)?;
    let approve = |who: String| {
        store.commit(vec![
            Change::MovePlan {
                id: "pl1".into(),
                from: PlanState::AwaitingSecond,
                to: PlanState::Approved,
                approver: Some(who.clone()),
                at_ms: T0 + 3,
            },
            Change::Audit(audit(&who, "pl1")),
        ])
    };
    let results = join_all((0..8).map(|n| approve(format!("person-{n}")))).await;
    let won = results.iter().filter(|result| result.is_ok()).count();
    same("approvals", won, 1)?;
    let late = results.iter().filter(|result| matches!(result, Err(StoreError::Moved { .. }))).count();
    same("told that it moved", late, 7)?;
    let entries = store.audit(Some("pl1"), 0, 9).await.map_err(text)?;
    let found = store.plan("pl1").await.map_err(text)?.ok_or("the plan is gone")?;
    same("state", (found.state, found.closed_at_ms), (PlanState::Approved, Some(T0 + 3)))?;
    same(
        "approver and audit",
        found.approver.into_iter().collect::<Vec<_>>(),
        entries.into_iter().map(|e| e.id).collect(),
    )?;
    moved(
        "a plan that is not there",
        store.commit(vec![move_plan("pl9", PlanState::Draft, PlanState::Refused)]).await,
    )
}

fn move_plan(id: &str, from: PlanState, to: PlanState) -> Change {
    Change::MovePlan { id: id.into(), from, to, approver: None, at_ms: T0 }
}

async fn plan_moves_forward(store: &dyn Store) -> Verdict {
    for (n, end) in [PlanState::Done, PlanState::Refused, PlanState::Superseded].into_iter().enumerate() {
        let id = format!("pl{n}");
        let mut row = plan(&id, "p1");
        row.state = end;
        store.commit(vec![Change::PutPlan(row)]).await.map_err(text)?;
        refused("out of an end", store.commit(vec![move_plan(&id, end, PlanState::Approved)]).await)?;
    }
    let mut row = plan("pl9", "p1");
    row.state = PlanState::Approved;
    store.commit(vec![Change::PutPlan(row)]).await.map_err(text)?;
    let back = store.commit(vec![move_plan("pl9", PlanState::Approved, PlanState::Draft)]).await;
    refused("back to a draft", back)?;
    store.commit(vec![move_plan("pl9", PlanState::Approved, PlanState::Done)]).await.map_err(text)
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

async fn plans_wait_for_their_check(store: &dyn Store) -> Verdict {
    let approve = |id: &str, at_ms: i64| Change::MovePlan {
        id: id.into(),
        from: PlanState::Draft,
        to: PlanState::AwaitingCheck,
        approver: Some("ana".into()),
        at_ms,
    };
    let waiting = |id: &str| crate::PairRow { status: crate::PairStatus::Waiting, ..pair(id) };
    let put = vec![
        Change::PutPair(waiting("p1")),
        Change::PutPair(waiting("p2")),
        Change::PutPlan(plan("pl1", "p1")),
        Change::PutPlan(plan("pl2", "p2")),
        Change::PutPlan(plan("pl3", "p1")),
        // The one made first is approved last.
        approve("pl2", T0 + 5),
        approve("pl1", T0 + 9),
    ];
    store.commit(put).await.map_err(text)?;
    same(
        "in the order they were approved",
        store.waiting_plans().await.map_err(text)?,
        ids(&["pl2", "pl1"]),
    )?;
    let found = store.waiting_plan_of("p1").await.map_err(text)?.ok_or("it does not wait")?;
    same(
        "approved",
        (found.id.as_str(), found.state, found.approver.as_deref(), found.closed_at_ms),
        ("pl1", PlanState::AwaitingCheck, Some("ana"), Some(T0 + 9)),
    )?;
    refused("a second one of the patient", store.commit(vec![approve("pl3", T0 + 10)]).await)?;
    let mut at_work = store.lanes_with_work(&["p1", "p2", "p3"]).await.map_err(text)?;
    at_work.sort();
    same("their lanes have work", at_work, ids(&["p1", "p2"]))?;
    same("they wait for something", store.pairs_waiting_for_nothing(9).await.map_err(text)?, ids(&[]))?;
    same("nothing is to be ended", store.plans_without_work(9).await.map_err(text)?.len(), 0)?;
    refused("their patient stays", store.commit(vec![Change::RemovePair { id: "p1".into() }]).await)?;
    for back in [PlanState::Draft, PlanState::AwaitingSecond, PlanState::Done] {
        let moved = store.commit(vec![move_plan("pl1", PlanState::AwaitingCheck, back)]).await;
        refused("backwards, or past its check", moved)?;
    }
    store
        .commit(vec![move_plan("pl1", PlanState::AwaitingCheck, PlanState::Approved)])
        .await
        .map_err(text)?;
    let back = store.commit(vec![move_plan("pl1", PlanState::Approved, PlanState::AwaitingCheck)]).await;
    refused("back to its check", back)?;
    let withdrawn = move_plan("pl2", PlanState::AwaitingCheck, PlanState::Refused);
    store.commit(vec![withdrawn]).await.map_err(text)?;
    same("none waits", store.waiting_plans().await.map_err(text)?, ids(&[]))?;
    let found = store.plan("pl1").await.map_err(text)?.ok_or("it is gone")?;
    same("when it was approved", found.closed_at_ms, Some(T0 + 9))
}

async fn runs(store: &dyn Store) -> Verdict {
    let mut first = run("r1", T0);
    let second = run("r2", T0 + 1);
    let put = vec![Change::PutRun(first.clone()), Change::PutRun(second.clone())];
    store.commit(put).await.map_err(text)?;
    (first.state, first.ended_at_ms) = ("failed".into(), Some(T0 + 9));
    (first.problem, first.counts) = (Some("the EHR cannot be reached".into()), "{\"seen\":1}".into());
    store.commit(vec![Change::PutRun(first.clone())]).await.map_err(text)?;
    same("one", store.run("r1").await.map_err(text)?, Some(first.clone()))?;
    same("all", store.runs(9).await.map_err(text)?, vec![second.clone(), first])?;
    same("newest", store.runs(1).await.map_err(text)?, vec![second])?;
    let mut odd = run("r3", T0);
    odd.state = "asleep".into();
    refused("an unknown state", store.commit(vec![Change::PutRun(odd)]).await)
}

async fn duplicates(store: &dyn Store) -> Verdict {
    let (a, b) = (snapshot_id(Remote::ServiceNow, "s1"), snapshot_id(Remote::Ehr, "e1"));
    let row = duplicate(a.clone(), b.clone());
    store.commit(vec![Change::PutDuplicate(row.clone())]).await.map_err(text)?;
    same("asked", store.duplicate_between(&a, &b).await.map_err(text)?, Some(row.clone()))?;
    same("asked the other way", store.duplicate_between(&b, &a).await.map_err(text)?, Some(row.clone()))?;
    same("unsettled", store.possible_duplicates(0, 9).await.map_err(text)?, vec![row.clone()])?;
    let answer = DuplicateRow {
        answer: Some("different".into()),
        answered_by: Some("ana".into()),
        reason: Some("twins".into()),
        facts: Some("[]".into()),
        earlier: Some("{}".into()),
        later_until_ms: Some(T0 + 1),
        ..duplicate(b.clone(), a.clone())
    };
    store.commit(vec![Change::PutDuplicate(answer.clone())]).await.map_err(text)?;
    let remembered = DuplicateRow { a: a.clone(), b: b.clone(), ..answer };
    same("remembered", store.duplicate_between(&a, &b).await.map_err(text)?, Some(remembered.clone()))?;
    same("settled", store.possible_duplicates(0, 9).await.map_err(text)?, vec![])?;
    let again = duplicate(snapshot_id(Remote::Ehr, "e2"), a.clone());
    let later = DuplicateRow { answer: Some("same".into()), at_ms: T0 + 1, ..again };
    store.commit(vec![Change::PutDuplicate(later.clone())]).await.map_err(text)?;
    let later = DuplicateRow { a: a.clone(), b: later.a.clone(), ..later };
    let known = store.answered_duplicates(0, 9).await.map_err(text)?;
    same("answered, the latest first", known, vec![later.clone(), remembered.clone()])?;
    same(
        "answered, in pages",
        store.answered_duplicates(1, 1).await.map_err(text)?,
        vec![remembered.clone()],
    )?;
    same("of the one", store.duplicates_of(&a).await.map_err(text)?, vec![remembered.clone(), later])?;
    same("of the other", store.duplicates_of(&b).await.map_err(text)?, vec![remembered])?;
    store.commit(vec![Change::RemoveDuplicate { a: b.clone(), b: a.clone() }]).await.map_err(text)?;
    same("removed", store.duplicate_between(&a, &b).await.map_err(text)?, None)?;
    refused("of itself", store.commit(vec![Change::PutDuplicate(duplicate(a.clone(), a))]).await)
}

async fn dependants(store: &dyn Store) -> Verdict {
    let visit = |remote, kind, key: &str, record: String| {
        Change::PutSnapshot(SnapshotRow {
            id: SnapshotId { remote, kind, key: key.into() },
            record,
            ..snapshot(remote, key)
        })
    };
    let (one, other) = (RecordKind::Appointment, RecordKind::Treatment);
    let changes = vec![
        visit(Remote::Ehr, one, "v1", "1…r-1+3:pat".into()),
        visit(Remote::Ehr, one, "v2", "{\"patient\":\"pat\"}".into()),
        visit(Remote::Ehr, other, "v3", "1…r-1+3:pat".into()),
        // Another patient's, whose key begins alike; and one of the other system.
        visit(Remote::Ehr, one, "v4", "1…r-1+4:pat2".into()),
        visit(Remote::ServiceNow, one, "v5", "1…r1+3:pat".into()),
        visit(Remote::Ehr, RecordKind::Patient, "pat", "1…3:pat".into()),
    ];
    store.commit(changes).await.map_err(text)?;
    let counted =
        |remote, patient: &str, kind, count| Dependants { remote, patient: patient.into(), kind, count };
    let found =
        store.dependants(&[(Remote::Ehr, "pat"), (Remote::ServiceNow, "pat"), (Remote::Ehr, "nobody")]);
    same(
        "of these patients",
        found.await.map_err(text)?,
        vec![
            counted(Remote::ServiceNow, "pat", one, 1),
            counted(Remote::Ehr, "pat", one, 2),
            counted(Remote::Ehr, "pat", other, 1),
        ],
    )
}

async fn audit_entries(store: &dyn Store) -> Verdict {
    let entries: Vec<_> =
        (0..70).map(|n| audit(&format!("a{n:02}"), if n % 2 == 0 { "p1" } else { "p2" })).collect();
    let (first, rest) = entries.split_at(3);
    store.commit(first.iter().cloned().map(Change::Audit).collect()).await.map_err(text)?;
    store.commit(rest.iter().cloned().map(Change::Audit).collect()).await.map_err(text)?;
    let newest: Vec<_> = entries.iter().rev().cloned().collect();
    same("all", store.audit(None, 0, 99).await.map_err(text)?, newest.clone())?;
    same("page", store.audit(None, 10, 2).await.map_err(text)?, newest[10..12].to_vec())?;
    let of_subject: Vec<_> = newest.into_iter().filter(|entry| entry.subject == "p2").take(5).collect();
    same("of a subject", store.audit(Some("p2"), 0, 5).await.map_err(text)?, of_subject)
}

async fn audit_refuses_change(store: &dyn Store) -> Verdict {
    store.commit(vec![Change::Audit(audit("a1", "p1"))]).await.map_err(text)?;
    let mut changed = audit("a1", "p1");
    changed.actor = "somebody else".into();
    refused("the same id again", store.commit(vec![Change::Audit(changed)]).await)?;
    same("entries", store.audit(None, 0, 9).await.map_err(text)?, vec![audit("a1", "p1")])?;
    // what was refused left no gap in the chain
    store.commit(vec![Change::Audit(audit("a2", "p1"))]).await.map_err(text)
}

async fn values(store: &dyn Store) -> Verdict {
    let put = |value: &str| Change::PutValue { key: "watermark".into(), value: value.into() };
    same("none", store.value("watermark").await.map_err(text)?, None)?;
    store.commit(vec![put("1")]).await.map_err(text)?;
    store.commit(vec![put("2"), put("3")]).await.map_err(text)?;
    same("last", store.value("watermark").await.map_err(text)?, Some("3".into()))
}
