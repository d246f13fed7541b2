//! What reports are made of.

use record::{RecordKind, Remote};

use super::{
    Verdict, cases,
    rows::{T0, conflict, duplicate, operation, plan, receipt, run, snapshot_id},
    same, text,
};
use crate::{
    Answer, AnswerCount, Change, ConflictRow, ConflictState, OperationAction, PlanRow, PlanState,
    QuestionCounts, ReceiptRow, RunRow, Store, WriteCount,
};

cases! {
    "what is kept of a run is kept once" => frozen,
    "the run before is of the same sort and done" => before,
    "answers are counted by person within a span" => answers,
    "writes are counted by who let them happen" => writes,
    "questions are counted as they open and close" => questions,
}

async fn frozen(store: &dyn Store) -> Verdict {
    let freeze = |facts: &str| Change::FreezeReport { run: "r1".into(), facts: facts.into(), at_ms: T0 };
    store.commit(vec![Change::PutRun(run("r1", T0)), freeze("{\"v\":1}")]).await.map_err(text)?;
    store.commit(vec![freeze("{\"v\":2}")]).await.map_err(text)?;
    same("the first one", store.run_facts("r1").await.map_err(text)?, Some("{\"v\":1}".to_owned()))?;
    same("of another run", store.run_facts("r2").await.map_err(text)?, None)?;
    super::refused("of a run there is not", {
        let facts = Change::FreezeReport { run: "r9".into(), facts: "{}".into(), at_ms: T0 };
        store.commit(vec![facts]).await
    })
}

async fn before(store: &dyn Store) -> Verdict {
    let row = |id: &str, at_ms: i64, trigger: &str, scope: &str, state: &str| RunRow {
        trigger: trigger.into(),
        scope: scope.into(),
        state: state.into(),
        ..run(id, at_ms)
    };
    let rows = [
        row("r1", T0, "reconciliation", "all", "done"),
        row("r2", T0 + 1, "reconciliation", "patient", "done"),
        row("r3", T0 + 2, "manual", "all", "done"),
        row("r4", T0 + 3, "reconciliation", "all", "failed"),
        row("r5", T0 + 4, "reconciliation", "all", "running"),
    ];
    let last = row("r6", T0 + 5, "reconciliation", "all", "done");
    let changes = rows.iter().chain([&last]).cloned().map(Change::PutRun).collect();
    store.commit(changes).await.map_err(text)?;
    same("before", store.run_before(&last).await.map_err(text)?, Some(rows[0].clone()))?;
    same("before the first", store.run_before(&rows[0]).await.map_err(text)?, None)?;
    let between = store.runs_between(T0 + 1, T0 + 3).await.map_err(text)?;
    same("between", between.into_iter().map(|row| row.id).collect(), vec!["r2".to_owned(), "r3".to_owned()])
}

fn answered(id: &str, approver: Option<&str>, state: PlanState, at_ms: i64) -> Change {
    let approver = approver.map(str::to_owned);
    Change::PutPlan(PlanRow { state, approver, closed_at_ms: Some(at_ms), ..plan(id, "p1") })
}

async fn answers(store: &dyn Store) -> Verdict {
    let mut said = duplicate(snapshot_id(Remote::Ehr, "1"), snapshot_id(Remote::ServiceNow, "2"));
    (said.answer, said.answered_by, said.at_ms) = (Some("different".into()), Some("ben".into()), T0 + 3);
    let open = duplicate(snapshot_id(Remote::Ehr, "3"), snapshot_id(Remote::ServiceNow, "4"));
    let changes = vec![
        answered("too early", Some("ana"), PlanState::Approved, T0 - 1),
        answered("one", Some("ana"), PlanState::Approved, T0),
        answered("two", Some("ana"), PlanState::Done, T0 + 1),
        answered("three", Some("ana"), PlanState::Refused, T0 + 2),
        answered("a rule's", None, PlanState::Done, T0 + 2),
        answered("too late", Some("ana"), PlanState::Approved, T0 + 9),
        Change::PutDuplicate(said),
        Change::PutDuplicate(open),
    ];
    store.commit(changes).await.map_err(text)?;
    let count = |person: &str, answer, count| AnswerCount { person: person.into(), answer, count };
    let expected = vec![
        count("ana", Answer::Approved, 2),
        count("ana", Answer::Refused, 1),
        count("ben", Answer::Different, 1),
    ];
    same("answers", store.answers_between(T0, T0 + 9).await.map_err(text)?, expected)
}

async fn writes(store: &dyn Store) -> Verdict {
    for (number, approver, at_ms) in
        [(1, None, T0), (2, None, T0 + 1), (3, Some("ana"), T0 + 2), (4, Some("ana"), T0 + 9)]
    {
        let (plan_id, id) = (format!("pl{number}"), format!("o{number}"));
        let row = operation(&id, "p1", &plan_id);
        let receipt = ReceiptRow { at_ms, remote: row.remote, ..receipt(&id, "p1", &plan_id) };
        let changes = vec![
            answered(&plan_id, approver, PlanState::Approved, T0),
            Change::Enqueue(row),
            Change::PutReceipt(receipt),
        ];
        store.commit(changes).await.map_err(text)?;
    }
    let row = operation("o1", "p1", "pl1");
    let count = |by_person, count| WriteCount {
        remote: row.remote,
        kind: RecordKind::Patient,
        action: OperationAction::Update,
        by_person,
        count,
    };
    let found = store.writes_between(T0, T0 + 9).await.map_err(text)?;
    same("writes", found, vec![count(false, 2), count(true, 1)])
}

async fn questions(store: &dyn Store) -> Verdict {
    let row = |id: &str, opened_at_ms: i64, closed: Option<(i64, &str)>| {
        Change::PutConflict(ConflictRow {
            opened_at_ms,
            state: if closed.is_some() { ConflictState::Closed } else { ConflictState::Open },
            closed_at_ms: closed.map(|(at_ms, _)| at_ms),
            closed_by: closed.map(|(_, by)| by.into()),
            ..conflict(id, &format!("pair of {id}"))
        })
    };
    let changes = vec![
        row("c1", T0 - 5, Some((T0, "decided"))),
        row("c2", T0, Some((T0 + 8, "settled itself"))),
        row("c3", T0 + 8, None),
        row("c4", T0 + 9, None),
        row("c5", T0 - 5, Some((T0 - 1, "decided"))),
    ];
    store.commit(changes).await.map_err(text)?;
    let found = store.questions_between(T0, T0 + 9).await.map_err(text)?;
    same("questions", found, QuestionCounts { opened: 2, closed: 2, decided: 1 })?;
    let none = store.questions_between(T0 + 90, T0 + 99).await.map_err(text)?;
    same("none", none, QuestionCounts::default())
}
