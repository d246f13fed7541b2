//! Search over patients as people type.
//!
//! A word that few patients have goes through the full-text index; its matches are few enough to count and to sort. A
//! word that most have (one letter) would give the index tens of thousands to sort, so the list is walked in its
//! order instead, and ends after one page.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{
    errors::typed,
    rows::{self, Columns, pair_columns},
};
use crate::{PairRow, PairStatus, Result, folding, words::Word};

/// Totals are counted up to here.
pub const COUNTED_UP_TO: u64 = 10_000;

/// Matches up to this many are sorted; from here on the list is walked. By then every tenth patient of 100,000
/// matches.
const SORTED_UP_TO: i64 = 10_000;

pub(super) async fn patients(
    connection: &mut SqliteConnection,
    query: &str,
    status: Option<PairStatus>,
    offset: u32,
    limit: u32,
) -> Result<(Vec<PairRow>, u64)> {
    let words = folding::query_words(query);
    if words.is_empty() && !query.trim().is_empty() {
        // Signs only: no word can begin with them.
        return Ok((Vec::new(), 0));
    }
    if !words.is_empty() {
        let expression = full_text(&words);
        let matches: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT 1 FROM patient_search WHERE patient_search MATCH ?1 LIMIT (?2 + 0))",
        )
        .bind(expression.as_str())
        .bind(SORTED_UP_TO + 1)
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| typed(&error))?;
        if matches <= SORTED_UP_TO {
            return few(connection, &expression, matches, status, offset, limit).await;
        }
        return many(connection, &words, Some(&expression), status, offset, limit).await;
    }
    many(connection, &words, None, status, offset, limit).await
}

/// Every word as a prefix, all of them. Words hold letters and digits only, so quoting them is safe.
fn full_text(words: &[String]) -> String {
    words.iter().map(|word| format!("\"{word}\"*")).collect::<Vec<_>>().join(" AND ")
}

/// `matches` is how many there are without regard to status.
async fn few(
    connection: &mut SqliteConnection,
    expression: &str,
    matches: i64,
    status: Option<PairStatus>,
    offset: u32,
    limit: u32,
) -> Result<(Vec<PairRow>, u64)> {
    let found = sqlx::query(concat!(
        "SELECT ",
        pair_columns!(),
        " FROM (SELECT w.pair AS no, w.name_sort FROM patient_search f \
         CROSS JOIN patient_words w INDEXED BY patient_words_by_pair ON w.pair = f.rowid \
         WHERE f.patient_search MATCH ?1 AND (?2 IS NULL OR w.status = ?2) \
         ORDER BY w.name_sort, w.pair LIMIT (?3 + 0) OFFSET ?4) m \
         CROSS JOIN pairs p ON p.no = m.no CROSS JOIN pair_details d ON d.pair = m.no ORDER BY m.name_sort, m.no"
    ))
    .bind(expression)
    .bind(status.map(Word::word))
    .bind(i64::from(limit))
    .bind(i64::from(offset))
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| typed(&error))?;
    let pairs = found.iter().map(|row| rows::pair(&mut Columns::of(row))).collect::<Result<Vec<_>>>()?;
    let total = match status {
        None => matches,
        Some(status) => sqlx::query_scalar(
            "SELECT count(*) FROM patient_search f \
             CROSS JOIN patient_words w INDEXED BY patient_words_by_pair ON w.pair = f.rowid \
             WHERE f.patient_search MATCH ?1 AND w.status = ?2",
        )
        .bind(expression)
        .bind(status.word())
        .fetch_one(connection)
        .await
        .map_err(|error| typed(&error))?,
    };
    Ok((pairs, total.unsigned_abs().min(COUNTED_UP_TO)))
}

async fn many(
    connection: &mut SqliteConnection,
    words: &[String],
    expression: Option<&str>,
    status: Option<PairStatus>,
    offset: u32,
    limit: u32,
) -> Result<(Vec<PairRow>, u64)> {
    // A status that few pairs have is walked through its own index.
    let walk = match status {
        Some(_) => "patient_words w INDEXED BY patient_words_by_status",
        None => "patient_words w NOT INDEXED",
    };
    let mut condition = String::from(if status.is_some() { "w.status = ?1" } else { "?1 IS NULL" });
    for place in 0..words.len() {
        use std::fmt::Write;
        let _ = write!(condition, " AND instr(w.words, ?{}) > 0", place + 4);
    }
    let page = format!(
        "SELECT {} FROM (SELECT w.pair AS no, w.name_sort FROM {walk} WHERE {condition} \
         ORDER BY w.name_sort, w.pair LIMIT (?2 + 0) OFFSET ?3) m \
         CROSS JOIN pairs p ON p.no = m.no CROSS JOIN pair_details d ON d.pair = m.no ORDER BY m.name_sort, m.no",
        pair_columns!()
    );
    let mut query = sqlx::query(AssertSqlSafe(page))
        .bind(status.map(Word::word))
        .bind(i64::from(limit))
        .bind(i64::from(offset));
    for word in words {
        query = query.bind(format!(" {word}"));
    }
    let found = query.fetch_all(&mut *connection).await.map_err(|error| typed(&error))?;
    let pairs = found.iter().map(|row| rows::pair(&mut Columns::of(row))).collect::<Result<Vec<_>>>()?;
    let total = count(connection, words, expression, status).await?;
    Ok((pairs, total))
}

/// The total, capped, by whichever way is shorter.
async fn count(
    connection: &mut SqliteConnection,
    words: &[String],
    expression: Option<&str>,
    status: Option<PairStatus>,
) -> Result<u64> {
    let cap = i64::try_from(COUNTED_UP_TO).unwrap_or(i64::MAX);
    let counted: i64 = match (expression, status) {
        (Some(expression), None) => {
            sqlx::query_scalar(
                "SELECT count(*) FROM (SELECT 1 FROM patient_search WHERE patient_search MATCH ?1 LIMIT (?2 + 0))",
            )
            .bind(expression)
            .bind(cap)
            .fetch_one(connection)
            .await
        }
        (None, _) => {
            sqlx::query_scalar(
                "SELECT count(*) FROM (SELECT 1 FROM pairs WHERE kind = 'patient' AND (?1 IS NULL OR status = ?1) \
                 LIMIT (?2 + 0))",
            )
            .bind(status.map(Word::word))
            .bind(cap)
            .fetch_one(connection)
            .await
        }
        (Some(_), Some(status)) => {
            let mut condition = String::from("w.status = ?1");
            for place in 0..words.len() {
                use std::fmt::Write;
                let _ = write!(condition, " AND instr(w.words, ?{}) > 0", place + 3);
            }
            let text = format!(
                "SELECT count(*) FROM (SELECT 1 FROM patient_words w INDEXED BY patient_words_by_status \
                 WHERE {condition} LIMIT (?2 + 0))"
            );
            let mut query = sqlx::query_scalar(AssertSqlSafe(text)).bind(status.word()).bind(cap);
            for word in words {
                query = query.bind(format!(" {word}"));
            }
            query.fetch_one(connection).await
        }
    }
    .map_err(|error| typed(&error))?;
    Ok(counted.unsigned_abs())
}
