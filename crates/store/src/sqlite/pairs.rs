//! Pairs with their card and their search words, which change together.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use sqlx::SqliteConnection;

use super::{
    apply::{Tail, execute},
    bulk::Bulk,
    errors::typed,
    rows::Columns,
};
use crate::{PairRow, PairStatus, Result, folding, words::Word};

/// Pairs looked up together. Below `SQLITE_LIMIT_VARIABLE_NUMBER` by far.
const LOOKED_UP_TOGETHER: usize = 64;

static PUT_PAIRS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "WITH given (no, id, kind, servicenow_key, ehr_key, status, base_digest, name_sort) AS (VALUES",
        8,
        ") INSERT INTO pairs (no, id, kind, servicenow_key, ehr_key, status, base_digest, name_sort, \
         servicenow_digest, ehr_digest, servicenow_snapshot, ehr_snapshot) \
         SELECT g.*, s.digest, e.digest, s.no, e.no FROM given g \
         LEFT JOIN snapshots s ON s.remote = 'service_now' AND s.kind = g.kind AND s.key = g.servicenow_key \
         LEFT JOIN snapshots e ON e.remote = 'ehr' AND e.kind = g.kind AND e.key = g.ehr_key WHERE true \
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, servicenow_key = excluded.servicenow_key, \
         ehr_key = excluded.ehr_key, status = excluded.status, base_digest = excluded.base_digest, \
         name_sort = excluded.name_sort, servicenow_digest = excluded.servicenow_digest, \
         ehr_digest = excluded.ehr_digest, servicenow_snapshot = excluded.servicenow_snapshot, \
         ehr_snapshot = excluded.ehr_snapshot",
    )
});

/// A pair whose keys and name are as they were: the indexes over them are left alone, and the digests, which follow
/// their snapshots by triggers.
static MOVE_PAIRS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "WITH given (no, status, base_digest) AS (VALUES",
        3,
        ") UPDATE pairs SET status = given.status, base_digest = given.base_digest FROM given \
         WHERE pairs.no = given.no",
    )
});

static PUT_DETAILS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO pair_details (pair, linked_by, linked_at_ms, base, differing, agreed_at_ms, name, owner, species, \
         breed, phone, email, chip, born, also, deceased) VALUES",
        16,
        "ON CONFLICT (pair) DO UPDATE SET linked_by = excluded.linked_by, linked_at_ms = excluded.linked_at_ms, \
         base = excluded.base, differing = excluded.differing, agreed_at_ms = excluded.agreed_at_ms, \
         name = excluded.name, owner = excluded.owner, species = excluded.species, breed = excluded.breed, \
         phone = excluded.phone, email = excluded.email, chip = excluded.chip, born = excluded.born, \
         also = excluded.also, deceased = excluded.deceased",
    )
});

static PUT_WORDS: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new("INSERT INTO patient_words (name_sort, pair, status, words) VALUES", 4, ""));

static PUT_SEARCH: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new("INSERT INTO patient_search (rowid, words) VALUES", 2, ""));

/// What is stored of a pair already.
struct Known {
    no: i64,
    kind: String,
    servicenow_key: Option<String>,
    ehr_key: Option<String>,
    name_sort: String,
    /// Status and words in the search tables; none for kinds that are not searched.
    searched: Option<(String, String)>,
}

impl Known {
    /// Whether a row leaves it where it is in every index but the one over status.
    fn stays(&self, row: &PairRow, name_sort: &str) -> bool {
        self.kind == row.kind.word()
            && self.servicenow_key == row.servicenow_key
            && self.ehr_key == row.ehr_key
            && self.name_sort == name_sort
    }
}

/// One pair on its way in.
struct Incoming<'a> {
    no: i64,
    name_sort: String,
    row: &'a PairRow,
}

/// Inserts or replaces pairs, in order.
pub(super) async fn put(connection: &mut SqliteConnection, tail: &mut Tail, rows: &[&PairRow]) -> Result<()> {
    let mut rest = rows;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(distinct_head(rest));
        rest = later;
        put_distinct(connection, tail, now).await?;
    }
    Ok(())
}

/// How many of the first rows have different ids: the same pair twice must be put twice, in order.
fn distinct_head(rows: &[&PairRow]) -> usize {
    let mut seen = HashSet::new();
    rows.iter().take(LOOKED_UP_TOGETHER).take_while(|row| seen.insert(row.id.as_str())).count()
}

async fn put_distinct(connection: &mut SqliteConnection, tail: &mut Tail, rows: &[&PairRow]) -> Result<()> {
    let known = look_up(connection, rows).await?;
    let mut newest = match tail.pair.take() {
        Some(newest) => newest,
        None => sqlx::query_scalar("SELECT coalesce(max(no), 0) FROM pairs")
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| typed(&error))?,
    };
    let incoming: Vec<Incoming<'_>> = rows
        .iter()
        .map(|row| Incoming {
            no: known.get(&row.id).map_or_else(
                || {
                    newest += 1;
                    newest
                },
                |known| known.no,
            ),
            name_sort: folding::name_sort(&row.card),
            row,
        })
        .collect();
    let new_words = renew_words(connection, &known, &incoming).await?;
    let (staying, placed): (Vec<&Incoming<'_>>, Vec<&Incoming<'_>>) = incoming.iter().partition(|pair| {
        known.get(&pair.row.id).is_some_and(|known| known.stays(pair.row, &pair.name_sort))
    });
    MOVE_PAIRS
        .run(connection, &staying, |query, Incoming { no, row, .. }| {
            query.bind(*no).bind(row.status.word()).bind(row.base_digest.as_deref())
        })
        .await?;
    PUT_PAIRS
        .run(connection, &placed, |query, Incoming { no, name_sort, row }| {
            query
                .bind(*no)
                .bind(row.id.as_str())
                .bind(row.kind.word())
                .bind(row.servicenow_key.as_deref())
                .bind(row.ehr_key.as_deref())
                .bind(row.status.word())
                .bind(row.base_digest.as_deref())
                .bind(name_sort.as_str())
        })
        .await?;
    PUT_DETAILS
        .run(connection, &incoming, |query, Incoming { no, row, .. }| {
            let card = &row.card;
            query
                .bind(*no)
                .bind(row.linked_by.as_deref())
                .bind(row.linked_at_ms)
                .bind(row.base.as_deref())
                .bind(row.differing.as_str())
                .bind(row.agreed_at_ms)
                .bind(card.name.as_str())
                .bind(card.owner.as_str())
                .bind(card.species.as_str())
                .bind(card.breed.as_str())
                .bind(card.phone.as_str())
                .bind(card.email.as_str())
                .bind(card.chip.as_str())
                .bind(card.born.as_str())
                .bind(card.also.as_str())
                .bind(i64::from(card.deceased))
        })
        .await?;
    PUT_WORDS
        .run(connection, &new_words, |query, (pair, words)| {
            query
                .bind(pair.name_sort.as_str())
                .bind(pair.no)
                .bind(pair.row.status.word())
                .bind(words.as_str())
        })
        .await?;
    PUT_SEARCH
        .run(connection, &new_words, |query, (pair, words)| query.bind(pair.no).bind(words.as_str()))
        .await?;
    tail.pair = Some(newest);
    Ok(())
}

/// Brings the status of the search words up to date and takes out those that changed; returns the words to put in.
async fn renew_words<'a, 'r>(
    connection: &mut SqliteConnection,
    known: &HashMap<String, Known>,
    incoming: &'a [Incoming<'r>],
) -> Result<Vec<(&'a Incoming<'r>, String)>> {
    // Search words first give way: their key holds the old name.
    let mut new_words: Vec<(&'a Incoming<'r>, String)> = Vec::new();
    let mut moved: HashMap<PairStatus, Vec<i64>> = HashMap::new();
    let mut renamed = Vec::new();
    for pair in incoming {
        let words = searched(pair.row).then(|| folding::pair_words(pair.row));
        let old = known.get(&pair.row.id);
        match (old.and_then(|old| old.searched.as_ref().map(|searched| (old, searched))), words) {
            (Some((old, (status, old_words))), Some(words))
                if *old_words == words && old.name_sort == pair.name_sort =>
            {
                if *status != pair.row.status.word() {
                    moved.entry(pair.row.status).or_default().push(pair.no);
                }
            }
            (Some(_), words) => {
                renamed.push(pair.no);
                new_words.extend(words.map(|words| (pair, words)));
            }
            (None, Some(words)) => new_words.push((pair, words)),
            (None, None) => {}
        }
    }
    for (status, numbers) in moved {
        set_status(connection, &numbers, status).await?;
    }
    if !renamed.is_empty() {
        remove_words(connection, &renamed).await?;
    }
    Ok(new_words)
}

/// Only patients are searched.
fn searched(row: &PairRow) -> bool {
    row.kind == record::RecordKind::Patient
}

async fn look_up(connection: &mut SqliteConnection, rows: &[&PairRow]) -> Result<HashMap<String, Known>> {
    static MANY: LazyLock<String> = LazyLock::new(|| look_up_statement(LOOKED_UP_TOGETHER));
    static ONE: LazyLock<String> = LazyLock::new(|| look_up_statement(1));
    let statement: &'static str = if rows.len() == 1 { ONE.as_str() } else { MANY.as_str() };
    let mut query = sqlx::query(statement);
    for row in rows {
        query = query.bind(row.id.as_str());
    }
    let found = query.fetch_all(connection).await.map_err(|error| typed(&error))?;
    let mut known = HashMap::with_capacity(found.len());
    for row in &found {
        let mut columns = Columns::of(row);
        let id: String = columns.next()?;
        known.insert(
            id,
            Known {
                no: columns.next()?,
                kind: columns.next()?,
                servicenow_key: columns.next()?,
                ehr_key: columns.next()?,
                name_sort: columns.next()?,
                searched: columns.next::<Option<String>>()?.zip(columns.next()?),
            },
        );
    }
    Ok(known)
}

/// Places that are not bound are NULL and find nothing.
fn look_up_statement(places: usize) -> String {
    format!(
        "SELECT p.id, p.no, p.kind, p.servicenow_key, p.ehr_key, p.name_sort, w.status, w.words FROM pairs p \
         LEFT JOIN patient_words w ON w.name_sort = p.name_sort AND w.pair = p.no WHERE p.id IN ({})",
        vec!["?"; places].join(", ")
    )
}

async fn set_status(connection: &mut SqliteConnection, numbers: &[i64], status: PairStatus) -> Result<()> {
    let query =
        sqlx::query("UPDATE patient_words SET status = ?2 WHERE pair IN (SELECT value FROM json_each(?1))")
            .bind(listed(numbers))
            .bind(status.word());
    execute(connection, query).await?;
    Ok(())
}

async fn remove_words(connection: &mut SqliteConnection, numbers: &[i64]) -> Result<()> {
    let numbers = listed(numbers);
    for statement in [
        "DELETE FROM patient_words WHERE pair IN (SELECT value FROM json_each(?1))",
        "DELETE FROM patient_search WHERE rowid IN (SELECT value FROM json_each(?1))",
    ] {
        execute(connection, sqlx::query(statement).bind(numbers.as_str())).await?;
    }
    Ok(())
}

/// Numbers as one argument, for `json_each`.
fn listed(numbers: &[i64]) -> String {
    numbers.iter().copied().collect::<serde_json::Value>().to_string()
}

/// Removes a pair and closes its conflicts; removing one that is not there changes nothing.
pub(super) async fn remove(connection: &mut SqliteConnection, id: &str) -> Result<()> {
    let no: Option<i64> = sqlx::query_scalar("SELECT no FROM pairs WHERE id = ?1")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await
        .map_err(|error| typed(&error))?;
    let Some(no) = no else { return Ok(()) };
    // The caller's list says when and why if it closes them itself; what it left open is closed here.
    let close = sqlx::query(
        "UPDATE conflicts SET state = 'closed', closed_by = 'superseded', closed_at_ms = coalesce(closed_at_ms, \
         opened_at_ms) WHERE pair = ?1 AND state <> 'closed'",
    )
    .bind(id);
    execute(connection, close).await?;
    remove_words(connection, &[no]).await?;
    execute(connection, sqlx::query("DELETE FROM pairs WHERE no = ?1").bind(no)).await?;
    Ok(())
}
