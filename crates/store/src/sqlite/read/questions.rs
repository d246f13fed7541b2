//! What people are asked, and the plans that answer: conflicts and plans.

use super::{all, list, listed, number, only, perhaps};
use crate::sqlite::{
    batch::Readers,
    rows::{self, conflict_columns, plan_columns},
};
use crate::{ConflictFilter, ConflictRow, PlanRow, PlanState, Result, folding, words::Word};

pub(super) async fn conflict(readers: &Readers, id: &str) -> Result<Option<ConflictRow>> {
    let query =
        sqlx::query(concat!("SELECT ", conflict_columns!(), " FROM conflicts c WHERE c.id = ?1")).bind(id);
    perhaps(readers, query, rows::conflict).await
}

pub(super) async fn open_conflict_of(readers: &Readers, pair: &str) -> Result<Option<ConflictRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        conflict_columns!(),
        " FROM conflicts c WHERE c.pair = ?1 AND c.state <> 'closed'"
    ))
    .bind(pair);
    perhaps(readers, query, rows::conflict).await
}

pub(super) async fn open_conflicts_of(readers: &Readers, pairs: &[&str]) -> Result<Vec<ConflictRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        conflict_columns!(),
        " FROM json_each(?1) named CROSS JOIN conflicts c INDEXED BY one_unfinished_conflict_per_pair \
         ON c.pair = named.value AND c.state <> 'closed'"
    ))
    .bind(list(pairs));
    all(readers, query, rows::conflict).await
}

pub(super) async fn conflicts(
    readers: &Readers,
    filter: &ConflictFilter,
    now_ms: i64,
    offset: u32,
    limit: u32,
) -> Result<(Vec<ConflictRow>, u64)> {
    // Only the narrow index is read to filter, order and count; the wide rows of one page afterwards.
    macro_rules! matching {
        () => {
            " FROM conflicts k INDEXED BY conflicts_by_urgency \
             WHERE (?1 = '' OR instr(?1, ',' || k.state || ',') > 0) \
             AND (?2 IS NULL OR k.grade = ?2) \
             AND (?3 IS NULL OR instr(',' || k.fields || ',', ',' || ?3 || ',') > 0) \
             AND (?4 IS NULL OR k.cause = ?4) \
             AND (?5 IS NULL OR k.pair = ?5) \
             AND (k.snoozed_until_ms IS NULL OR k.snoozed_until_ms <= ?6 OR k.state = 'closed') \
             AND NOT EXISTS (SELECT 1 FROM json_each(?7) AS word WHERE instr(k.words, word.value) = 0)"
        };
    }
    let words: Vec<String> = folding::query_words(filter.text.as_deref().unwrap_or_default())
        .iter()
        .map(|w| format!(" {w}"))
        .collect();
    let words = list(&words);
    let states = listed(&filter.states);
    let bound = |text: &'static str| {
        sqlx::query(text)
            .bind(states.clone())
            .bind(filter.grade.map(i64::from))
            .bind(filter.field.clone())
            .bind(filter.cause.map(Word::word))
            .bind(filter.pair.clone())
            .bind(now_ms)
            .bind(words.clone())
    };
    let page = bound(concat!(
        "SELECT ",
        conflict_columns!(),
        " FROM (SELECT k.no, k.grade, k.opened_at_ms, k.id",
        matching!(),
        " ORDER BY k.grade DESC, k.opened_at_ms, k.id LIMIT (?8 + 0) OFFSET ?9) m CROSS JOIN conflicts c ON c.no = m.no \
         ORDER BY m.grade DESC, m.opened_at_ms, m.id"
    ))
    .bind(i64::from(limit))
    .bind(i64::from(offset));
    let found = all(readers, page, rows::conflict).await?;
    let total = number(readers, bound(concat!("SELECT count(*)", matching!()))).await?;
    Ok((found, total))
}

pub(super) async fn plan(readers: &Readers, id: &str) -> Result<Option<PlanRow>> {
    let query = sqlx::query(concat!("SELECT ", plan_columns!(), " FROM plans WHERE id = ?1")).bind(id);
    perhaps(readers, query, rows::plan).await
}

pub(super) async fn waiting_plan_of(readers: &Readers, pair: &str) -> Result<Option<PlanRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        plan_columns!(),
        " FROM plans WHERE pair = ?1 AND state = 'awaiting_check'"
    ))
    .bind(pair);
    perhaps(readers, query, rows::plan).await
}

pub(super) async fn waiting_plans(readers: &Readers) -> Result<Vec<String>> {
    let query = sqlx::query(
        "SELECT id FROM plans WHERE state = 'awaiting_check' ORDER BY closed_at_ms, made_at_ms, id",
    );
    all(readers, query, only).await
}

pub(super) async fn plans(
    readers: &Readers,
    state: Option<PlanState>,
    offset: u32,
    limit: u32,
) -> Result<Vec<PlanRow>> {
    let query = match state {
        Some(state) => sqlx::query(concat!(
            "SELECT ",
            plan_columns!(),
            " FROM plans WHERE state = ?3 ORDER BY made_at_ms DESC, id DESC LIMIT (?1 + 0) OFFSET ?2"
        ))
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .bind(state.word()),
        None => sqlx::query(concat!(
            "SELECT ",
            plan_columns!(),
            " FROM plans ORDER BY made_at_ms DESC, id DESC LIMIT (?1 + 0) OFFSET ?2"
        ))
        .bind(i64::from(limit))
        .bind(i64::from(offset)),
    };
    all(readers, query, rows::plan).await
}

pub(super) async fn plans_without_work(readers: &Readers, limit: u32) -> Result<Vec<PlanRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        plan_columns!(),
        " FROM plans WHERE state = 'approved' AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.plan = plans.id \
         AND o.state IN ('waiting', 'running', 'retrying', 'parked')) ORDER BY made_at_ms, id LIMIT (?1 + 0)"
    ))
    .bind(i64::from(limit));
    all(readers, query, rows::plan).await
}

pub(super) async fn pairs_waiting_for_nothing(readers: &Readers, limit: u32) -> Result<Vec<String>> {
    let query = sqlx::query(
        "SELECT id FROM pairs WHERE kind = 'patient' AND status = 'waiting' AND NOT EXISTS (SELECT 1 FROM operations o \
         WHERE o.lane = pairs.id AND o.state IN ('waiting', 'running', 'retrying', 'parked')) AND NOT EXISTS \
         (SELECT 1 FROM plans w WHERE w.pair = pairs.id AND w.state = 'awaiting_check') ORDER BY id LIMIT (?1 + 0)",
    )
    .bind(i64::from(limit));
    all(readers, query, only::<String>).await
}
