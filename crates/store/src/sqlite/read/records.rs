//! Snapshots and pairs.

use record::{RecordKind, Remote};

use super::{all, by_id, list, number, only, perhaps};
use crate::sqlite::{
    batch::{Reader, Readers},
    gathered::{self, gathered},
    rows::{self, pair_columns, snapshot_columns},
};
use crate::{
    PairDigests, PairPage, PairRow, PairStatus, PairValues, Result, SnapshotId, SnapshotRow, StoreError,
    UnpairedRow, words::Word,
};

pub(super) async fn snapshot(readers: &Readers, id: &SnapshotId) -> Result<Option<SnapshotRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        snapshot_columns!("s", "p", "r"),
        " FROM snapshots s JOIN payloads p ON p.snapshot = s.no \
         JOIN records r ON r.remote = s.remote AND r.snapshot = s.no \
         WHERE s.remote = ?1 AND s.kind = ?2 AND s.key = ?3"
    ));
    perhaps(readers, by_id(query, id), rows::snapshot).await
}

pub(super) async fn snapshots_named(
    readers: &Readers,
    remote: Remote,
    kind: RecordKind,
    keys: &[&str],
) -> Result<Vec<SnapshotRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        snapshot_columns!("s", "p", "r"),
        " FROM json_each(?3) named CROSS JOIN snapshots s ON s.remote = ?1 AND s.kind = ?2 AND s.key = named.value \
         CROSS JOIN payloads p ON p.snapshot = s.no \
         CROSS JOIN records r ON r.remote = s.remote AND r.snapshot = s.no"
    ))
    .bind(remote.word())
    .bind(kind.word())
    .bind(list(keys));
    all(readers, query, rows::snapshot).await
}

pub(super) async fn records_after(
    readers: &Readers,
    remote: Remote,
    kind: RecordKind,
    after: &str,
    limit: u32,
) -> Result<Vec<(String, String)>> {
    let query = sqlx::query(
        "SELECT s.key, r.record FROM snapshots s CROSS JOIN records r ON r.remote = s.remote AND r.snapshot = s.no \
         WHERE s.remote = ?1 AND s.kind = ?2 AND s.key > ?3 AND s.presence <> 'gone' ORDER BY s.key LIMIT (?4 + 0)",
    )
    .bind(remote.word())
    .bind(kind.word())
    .bind(after)
    .bind(i64::from(limit));
    all(readers, query, rows::key_and_record).await
}

pub(super) async fn unseen_keys(
    readers: &Readers,
    remote: Remote,
    kind: RecordKind,
    run: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<String>> {
    // What somebody else saw after the run began (a read-back, a webhook) is there, though this run's mark is gone.
    let query = sqlx::query(
        "SELECT key FROM snapshots WHERE remote = ?1 AND kind = ?2 AND key > ?4 AND seen_run <> ?3 \
         AND presence <> 'gone' \
         AND seen_at_ms <= coalesce((SELECT started_at_ms FROM runs WHERE id = ?3), seen_at_ms) \
         ORDER BY key LIMIT (?5 + 0)",
    )
    .bind(remote.word())
    .bind(kind.word())
    .bind(run)
    .bind(after)
    .bind(i64::from(limit));
    all(readers, query, only).await
}

pub(super) async fn snapshot_count(readers: &Readers, remote: Remote, kind: RecordKind) -> Result<u64> {
    let query = sqlx::query(
        "SELECT count(*) FROM snapshots WHERE remote = ?1 AND kind = ?2 AND presence = 'present'",
    )
    .bind(remote.word())
    .bind(kind.word());
    number(readers, query).await
}

pub(super) async fn pair(readers: &Readers, id: &str) -> Result<Option<PairRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        pair_columns!(),
        " FROM pairs p JOIN pair_details d ON d.pair = p.no WHERE p.id = ?1"
    ))
    .bind(id);
    perhaps(readers, query, rows::pair).await
}

pub(super) async fn pair_by_key(
    readers: &Readers,
    remote: Remote,
    kind: RecordKind,
    key: &str,
) -> Result<Option<PairRow>> {
    let query = match remote {
        Remote::ServiceNow => sqlx::query(concat!(
            "SELECT ",
            pair_columns!(),
            " FROM pairs p CROSS JOIN pair_details d ON d.pair = p.no WHERE p.kind = ?1 AND p.servicenow_key = ?2"
        )),
        Remote::Ehr => sqlx::query(concat!(
            "SELECT ",
            pair_columns!(),
            " FROM pairs p CROSS JOIN pair_details d ON d.pair = p.no WHERE p.kind = ?1 AND p.ehr_key = ?2"
        )),
    };
    perhaps(readers, query.bind(kind.word()).bind(key), rows::pair).await
}

pub(super) async fn pairs_by_keys(
    readers: &Readers,
    remote: Remote,
    kind: RecordKind,
    keys: &[&str],
) -> Result<Vec<PairRow>> {
    macro_rules! holding {
        ($key:literal) => {
            concat!(
                "SELECT ",
                pair_columns!(),
                " FROM json_each(?2) named CROSS JOIN pairs p ON p.kind = ?1 AND p.",
                $key,
                " = named.value CROSS JOIN pair_details d ON d.pair = p.no"
            )
        };
    }
    let query = match remote {
        Remote::ServiceNow => sqlx::query(holding!("servicenow_key")),
        Remote::Ehr => sqlx::query(holding!("ehr_key")),
    };
    let mut found = all(readers, query.bind(kind.word()).bind(list(keys)), rows::pair).await?;
    found.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

pub(super) async fn pairs_after(
    readers: &Readers,
    kind: RecordKind,
    status: Option<PairStatus>,
    after: &str,
    limit: u32,
) -> Result<Vec<PairRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        pair_columns!(),
        " FROM (SELECT no FROM pairs INDEXED BY pairs_by_kind WHERE kind = ?1 AND id > ?2 \
         AND (?3 IS NULL OR status = ?3) ORDER BY id LIMIT (?4 + 0)) m \
         CROSS JOIN pairs p ON p.no = m.no CROSS JOIN pair_details d ON d.pair = p.no ORDER BY p.id"
    ))
    .bind(kind.word())
    .bind(after)
    .bind(status.map(Word::word))
    .bind(i64::from(limit));
    all(readers, query, rows::pair).await
}

pub(super) async fn pairs_between(
    readers: &Readers,
    kind: RecordKind,
    from: &str,
    until: &str,
    limit: u32,
) -> Result<Vec<PairRow>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        pair_columns!(),
        " FROM pair_details d INDEXED BY visits_by_time CROSS JOIN pairs p ON p.no = d.pair \
         WHERE length(d.born) = 19 AND d.born >= ?2 AND d.born < ?3 AND p.kind = ?1 \
         ORDER BY d.born, d.pair LIMIT (?4 + 0)"
    ))
    .bind(kind.word())
    .bind(from)
    .bind(until)
    .bind(i64::from(limit));
    all(readers, query, rows::pair).await
}

pub(super) async fn pairs_named(readers: &Readers, ids: &[&str]) -> Result<Vec<PairPage>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        pair_columns!(),
        ", ",
        snapshot_columns!("s", "sp", "sr"),
        ", ",
        snapshot_columns!("e", "ep", "er"),
        " FROM json_each(?1) named CROSS JOIN pairs p ON p.id = named.value \
         CROSS JOIN pair_details d ON d.pair = p.no \
         LEFT JOIN snapshots s ON s.no = p.servicenow_snapshot \
         LEFT JOIN payloads sp ON sp.snapshot = s.no \
         LEFT JOIN records sr ON sr.remote = s.remote AND sr.snapshot = s.no \
         LEFT JOIN snapshots e ON e.no = p.ehr_snapshot \
         LEFT JOIN payloads ep ON ep.snapshot = e.no \
         LEFT JOIN records er ON er.remote = e.remote AND er.snapshot = e.no"
    ))
    .bind(list(ids));
    let mut found = all(readers, query, rows::pair_page).await?;
    found.sort_unstable_by(|one, other| one.pair.id.cmp(&other.pair.id));
    Ok(found)
}

pub(super) async fn pair_values(readers: &Readers, ids: &[&str]) -> Result<Vec<PairValues>> {
    let ids = list(ids);
    match readers {
        Readers::Pools { walking, .. } => {
            // A task of its own: the next pages are read while the caller looks at the last one.
            let walking = walking.clone();
            let reading = tokio::spawn(async move { values(Reader::pooled(&walking).await?, ids).await });
            reading
                .await
                .map_err(|_| StoreError::Other("the store was closed while it was read".to_owned()))?
        }
        Readers::Writer(_) | Readers::Batch(_) => values(readers.get().await?, ids).await,
    }
}

/// The values of these pairs (a JSON list of ids).
async fn values(reader: Reader<'_>, ids: String) -> Result<Vec<PairValues>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        gathered!(
            "p.id",
            "p.status",
            "d.base",
            "s.record",
            "e.record";
            "EXISTS (SELECT 1 FROM snapshots g INDEXED BY snapshots_gone WHERE g.presence = 'gone' \
             AND g.no IN (p.servicenow_snapshot, p.ehr_snapshot))"
        ),
        " FROM json_each(?1) named CROSS JOIN pairs p ON p.id = named.value \
         CROSS JOIN pair_details d ON d.pair = p.no \
         LEFT JOIN records s ON s.remote = 'service_now' AND s.snapshot = p.servicenow_snapshot \
         LEFT JOIN records e ON e.remote = 'ehr' AND e.snapshot = p.ehr_snapshot"
    ))
    .bind(ids);
    let mut found = gathered::rows(reader, query, |values| {
        Ok(PairValues {
            id: values.next()?.to_owned(),
            status: values.word()?,
            base: values.perhaps()?.map(ToOwned::to_owned),
            servicenow: values.perhaps()?.map(ToOwned::to_owned),
            ehr: values.perhaps()?.map(ToOwned::to_owned),
            gone: values.next()? != "0",
        })
    })
    .await?;
    found.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

pub(super) async fn pair_digests_after(
    readers: &Readers,
    kind: RecordKind,
    after: &str,
    limit: u32,
) -> Result<Vec<PairDigests>> {
    let query = sqlx::query(concat!(
        "SELECT ",
        gathered!("id", "status", "servicenow", "ehr", "base"),
        " FROM (SELECT id, status, iif(servicenow_digest IS NULL, NULL, hex(servicenow_digest)) AS servicenow, \
         iif(ehr_digest IS NULL, NULL, hex(ehr_digest)) AS ehr, \
         iif(base_digest IS NULL, NULL, hex(base_digest)) AS base FROM pairs INDEXED BY pairs_by_kind \
         WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT (?3 + 0))"
    ))
    .bind(kind.word())
    .bind(after)
    .bind(i64::from(limit));
    let mut found = gathered::rows(readers.get().await?, query, |values| {
        Ok(PairDigests {
            id: values.next()?.to_owned(),
            status: values.word()?,
            servicenow: values.perhaps_bytes()?,
            ehr: values.perhaps_bytes()?,
            base: values.perhaps_bytes()?,
        })
    })
    .await?;
    // An aggregate promises no order.
    found.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

pub(super) async fn unpaired_after(
    readers: &Readers,
    remote: Remote,
    kind: RecordKind,
    after: &str,
    limit: u32,
) -> Result<Vec<UnpairedRow>> {
    macro_rules! unpaired {
        ($key:literal) => {
            concat!(
                "SELECT s.key, s.other_key, s.chip FROM snapshots s \
                 WHERE s.remote = ?1 AND s.kind = ?2 AND s.key > ?3 AND s.presence = 'present' \
                 AND NOT EXISTS (SELECT 1 FROM pairs q WHERE q.kind = s.kind AND q.",
                $key,
                " = s.key) ORDER BY s.key LIMIT (?4 + 0)"
            )
        };
    }
    let query = match remote {
        Remote::ServiceNow => sqlx::query(unpaired!("servicenow_key")),
        Remote::Ehr => sqlx::query(unpaired!("ehr_key")),
    };
    let query = query.bind(remote.word()).bind(kind.word()).bind(after).bind(i64::from(limit));
    all(readers, query, rows::unpaired).await
}

pub(super) async fn pair_counts(readers: &Readers, kind: RecordKind) -> Result<Vec<(PairStatus, u64)>> {
    let query =
        sqlx::query("SELECT status, count(*) FROM pairs WHERE kind = ?1 GROUP BY status").bind(kind.word());
    let mut counts: Vec<(PairStatus, u64)> =
        all(readers, query, |columns| Ok((columns.word()?, columns.next::<i64>()?.unsigned_abs()))).await?;
    counts.sort_unstable();
    Ok(counts)
}
