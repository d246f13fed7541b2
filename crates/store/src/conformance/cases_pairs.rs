//! Snapshots, pairs, commits.

use futures_util::future::join_all;
use record::{RecordKind, Remote};

use super::{
    Verdict, cases, holds, moved, refused,
    rows::{T0, audit, card, conflict, pair, run, snapshot, snapshot_id},
    same, text,
};
use crate::{Change, PairDigests, PairPage, PairStatus, PairValues, Presence, Store, UnpairedRow};

const KIND: RecordKind = RecordKind::Patient;

cases! {
    "a commit is applied whole or not at all" => commits_are_atomic,
    "a commit of nothing is fine" => empty_commit,
    "of commits at the same time, one that is refused fails alone" => refused_alone,
    "a snapshot comes back as it was put" => snapshot_round_trip,
    "an older snapshot does not overwrite a newer one" => older_snapshot_is_ignored,
    "a large list of snapshots is put in order" => many_snapshots,
    "seeing a snapshot only moves 'seen' forward" => seen_moves_forward,
    "presence is set on a snapshot that is there" => presence,
    "unseen are those a run did not see, unless they were seen since it began" => unseen,
    "a pair comes back as it was put, and is found by either key" => pair_round_trip,
    "pairs are found by many keys of a remote, and walked by kind and status" => pairs_of_a_kind,
    "visits are found by when they begin" => visits_by_time,
    "a pair has at least one key" => pair_has_a_key,
    "a key belongs to one pair" => key_belongs_to_one_pair,
    "the same pair twice in one commit: the last one counts" => pair_twice,
    "pairs come with both snapshots and what is compared, digests are paged by id" => pair_pages,
    "unpaired snapshots are the present ones without a pair" => unpaired,
    "removing a pair closes its conflicts and frees its keys" => remove_pair,
    "pairs are counted by status" => pair_counts,
}

async fn commits_are_atomic(store: &dyn Store) -> Verdict {
    let mut keyless = pair("p2");
    (keyless.servicenow_key, keyless.ehr_key) = (None, None);
    let changes = vec![
        Change::PutSnapshot(snapshot(Remote::Ehr, "e1")),
        Change::PutPair(pair("p1")),
        Change::Audit(audit("a1", "p1")),
        Change::PutValue { key: "k".into(), value: "v".into() },
        Change::PutPair(keyless),
    ];
    refused("a list with one bad change", store.commit(changes).await)?;
    same("snapshot", store.snapshot(&snapshot_id(Remote::Ehr, "e1")).await.map_err(text)?, None)?;
    same("pair", store.pair("p1").await.map_err(text)?, None)?;
    same("audit", store.audit(None, 0, 9).await.map_err(text)?, vec![])?;
    same("value", store.value("k").await.map_err(text)?, None)?;
    same("search", store.search_patients("bella", None, 0, 9).await.map_err(text)?.1, 0)?;
    // and the next one is not disturbed
    store.commit(vec![Change::PutPair(pair("p1")), Change::Audit(audit("a1", "p1"))]).await.map_err(text)?;
    same("pair afterwards", store.pair("p1").await.map_err(text)?, Some(pair("p1")))
}

async fn empty_commit(store: &dyn Store) -> Verdict {
    store.commit(vec![]).await.map_err(text)
}

async fn refused_alone(store: &dyn Store) -> Verdict {
    let commits = (0..20).map(|n| {
        let mut row = pair(&format!("p{n:02}"));
        if n % 5 == 0 {
            (row.servicenow_key, row.ehr_key) = (None, None);
        }
        let entry = audit(&format!("a{n:02}"), &row.id);
        store.commit(vec![Change::Audit(entry), Change::PutPair(row)])
    });
    let results = join_all(commits).await;
    for (n, result) in results.into_iter().enumerate() {
        let id = format!("p{n:02}");
        let there = store.pair(&id).await.map_err(text)?.is_some();
        if n % 5 == 0 {
            refused(&id, result)?;
            holds("a refused commit left its pair", !there)?;
        } else {
            result.map_err(text)?;
            holds("an acknowledged commit is not there", there)?;
        }
    }
    same("audit entries", store.audit(None, 0, 99).await.map_err(text)?.len(), 16)
}

async fn snapshot_round_trip(store: &dyn Store) -> Verdict {
    let mut bare = snapshot(Remote::ServiceNow, "s1");
    (bare.other_key, bare.chip, bare.changed_by, bare.changed_at_ms) = (None, None, None, None);
    bare.presence = Presence::Gone;
    let full = snapshot(Remote::Ehr, "s1");
    let changes = vec![Change::PutSnapshot(bare.clone()), Change::PutSnapshot(full.clone())];
    store.commit(changes).await.map_err(text)?;
    same("bare", store.snapshot(&bare.id).await.map_err(text)?, Some(bare))?;
    same("full", store.snapshot(&full.id).await.map_err(text)?, Some(full.clone()))?;
    let named = store.snapshots_named(Remote::Ehr, KIND, &["s1", "none"]).await.map_err(text)?;
    same("named", named, vec![full.clone()])?;
    let page = store.records_after(Remote::Ehr, KIND, "", 9).await.map_err(text)?;
    same("records", page, vec![("s1".to_owned(), full.record)])?;
    let page = store.records_after(Remote::ServiceNow, KIND, "", 9).await.map_err(text)?;
    same("records of those that are gone", page, vec![])?;
    same(
        "other kinds",
        store.records_after(Remote::Ehr, RecordKind::Treatment, "", 9).await.map_err(text)?,
        vec![],
    )?;
    let named = store.snapshots_named(Remote::Ehr, RecordKind::Treatment, &["s1"]).await.map_err(text)?;
    same("named of other kinds", named, vec![])
}

async fn older_snapshot_is_ignored(store: &dyn Store) -> Verdict {
    let mut newer = snapshot(Remote::Ehr, "e1");
    (newer.version, newer.raw, newer.seen_at_ms) = ("2".into(), "newer".into(), T0 + 10);
    store.commit(vec![Change::PutSnapshot(newer.clone())]).await.map_err(text)?;
    store.commit(vec![Change::PutSnapshot(snapshot(Remote::Ehr, "e1"))]).await.map_err(text)?;
    same("after an older one", store.snapshot(&newer.id).await.map_err(text)?, Some(newer.clone()))?;
    // both in one list, in either order
    let mut newest = newer.clone();
    (newest.version, newest.raw, newest.seen_at_ms) = ("3".into(), "newest".into(), T0 + 30);
    let mut between = newer.clone();
    (between.version, between.raw, between.seen_at_ms) = ("2b".into(), "between".into(), T0 + 20);
    let list = vec![Change::PutSnapshot(newest.clone()), Change::PutSnapshot(between)];
    store.commit(list).await.map_err(text)?;
    same("after both", store.snapshot(&newest.id).await.map_err(text)?, Some(newest.clone()))?;
    // the same moment again: the later word counts
    newest.raw = "again".into();
    store.commit(vec![Change::PutSnapshot(newest.clone())]).await.map_err(text)?;
    same("same moment", store.snapshot(&newest.id).await.map_err(text)?, Some(newest))
}

async fn many_snapshots(store: &dyn Store) -> Verdict {
    let rows: Vec<_> = (0..301)
        .map(|n| {
            let mut row = snapshot(Remote::ServiceNow, &format!("k{:03}", n % 300));
            row.version = n.to_string();
            row
        })
        .collect();
    store.commit(rows.iter().cloned().map(Change::PutSnapshot).collect()).await.map_err(text)?;
    same("count", store.snapshot_count(Remote::ServiceNow, KIND).await.map_err(text)?, 300)?;
    let page = store.records_after(Remote::ServiceNow, KIND, "k100", 5).await.map_err(text)?;
    let expected =
        rows[101..106].iter().map(|row| (row.id.key.clone(), row.record.clone())).collect::<Vec<_>>();
    same("page", page, expected)?;
    let keys: Vec<&str> = rows[..300].iter().map(|row| row.id.key.as_str()).collect();
    let mut named = store.snapshots_named(Remote::ServiceNow, KIND, &keys).await.map_err(text)?;
    named.sort_by(|one, other| one.id.cmp(&other.id));
    same("named", &named[1..], &rows[1..300])?;
    let first = store.snapshot(&snapshot_id(Remote::ServiceNow, "k000")).await.map_err(text)?;
    same("put twice", first.map(|row| row.version), Some("300".into()))
}

async fn seen_moves_forward(store: &dyn Store) -> Verdict {
    let row = snapshot(Remote::Ehr, "e1");
    let saw = |run: &str, at_ms| Change::SawSnapshot { id: row.id.clone(), run: run.into(), at_ms };
    moved("a snapshot that is not there", store.commit(vec![saw("run-2", T0)]).await)?;
    store.commit(vec![Change::PutSnapshot(row.clone())]).await.map_err(text)?;
    store.commit(vec![saw("run-3", T0 + 50)]).await.map_err(text)?;
    store.commit(vec![saw("run-2", T0 + 20)]).await.map_err(text)?;
    let mut expected = row.clone();
    (expected.seen_run, expected.seen_at_ms) = ("run-3".into(), T0 + 50);
    same("seen", store.snapshot(&row.id).await.map_err(text)?, Some(expected.clone()))?;
    // what was seen later cannot be overwritten by what was read before
    let mut late = row.clone();
    (late.raw, late.seen_at_ms) = ("late".into(), T0 + 30);
    store.commit(vec![Change::PutSnapshot(late)]).await.map_err(text)?;
    same("still", store.snapshot(&row.id).await.map_err(text)?, Some(expected))
}

async fn presence(store: &dyn Store) -> Verdict {
    let row = snapshot(Remote::Ehr, "e1");
    let set = |presence| Change::SetPresence { id: row.id.clone(), presence };
    moved("a snapshot that is not there", store.commit(vec![set(Presence::Gone)]).await)?;
    store.commit(vec![Change::PutSnapshot(row.clone()), set(Presence::Suspected)]).await.map_err(text)?;
    let found = store.snapshot(&row.id).await.map_err(text)?;
    same("presence", found.map(|row| row.presence), Some(Presence::Suspected))?;
    same("count of present", store.snapshot_count(Remote::Ehr, KIND).await.map_err(text)?, 0)
}

async fn unseen(store: &dyn Store) -> Verdict {
    let mut changes = vec![Change::PutRun(run("run-2", T0 + 100))];
    for (key, seen_run, seen_at_ms) in [
        ("a", "run-2", T0 + 110), // seen by the run
        ("b", "run-1", T0),       // not seen
        ("c", "other", T0 + 120), // read back by somebody else since
        ("d", "run-1", T0 + 1),   // not seen
        ("e", "run-1", T0),       // gone already
    ] {
        let mut row = snapshot(Remote::ServiceNow, key);
        (row.seen_run, row.seen_at_ms) = (seen_run.into(), seen_at_ms);
        if key == "e" {
            row.presence = Presence::Gone;
        }
        changes.push(Change::PutSnapshot(row));
    }
    store.commit(changes).await.map_err(text)?;
    let keys =
        |after: &'static str, limit| store.unseen_keys(Remote::ServiceNow, KIND, "run-2", after, limit);
    same("unseen", keys("", 9).await.map_err(text)?, vec!["b".into(), "d".into()])?;
    same("first page", keys("", 1).await.map_err(text)?, vec!["b".into()])?;
    same("second page", keys("b", 1).await.map_err(text)?, vec!["d".into()])
}

async fn pair_round_trip(store: &dyn Store) -> Verdict {
    let full = pair("p1");
    let mut bare = pair("p2");
    (bare.ehr_key, bare.linked_by, bare.linked_at_ms) = (None, None, None);
    (bare.base, bare.base_digest, bare.agreed_at_ms) = (None, None, None);
    bare.status = PairStatus::OnlyServiceNow;
    bare.card.deceased = true;
    store.commit(vec![Change::PutPair(full.clone()), Change::PutPair(bare.clone())]).await.map_err(text)?;
    same("full", store.pair("p1").await.map_err(text)?, Some(full.clone()))?;
    same("bare", store.pair("p2").await.map_err(text)?, Some(bare))?;
    let by_key = |remote, key: &'static str| store.pair_by_key(remote, KIND, key);
    same(
        "by ServiceNow's key",
        by_key(Remote::ServiceNow, "sn-p1").await.map_err(text)?,
        Some(full.clone()),
    )?;
    same("by the EHR's key", by_key(Remote::Ehr, "ehr-p1").await.map_err(text)?, Some(full.clone()))?;
    same("by the other's key", by_key(Remote::Ehr, "sn-p1").await.map_err(text)?, None)?;
    let mut changed = full;
    (changed.status, changed.differing, changed.card) =
        (PairStatus::Differs, "breed".into(), card("Bela", "B. Böhm"));
    store.commit(vec![Change::PutPair(changed.clone())]).await.map_err(text)?;
    same("changed", store.pair("p1").await.map_err(text)?, Some(changed))
}

async fn pairs_of_a_kind(store: &dyn Store) -> Verdict {
    let mut changes = Vec::new();
    for (id, status) in [("v1", PairStatus::Agreed), ("v2", PairStatus::Waiting), ("v3", PairStatus::Agreed)]
    {
        let row = crate::PairRow { kind: RecordKind::Appointment, status, ..pair(id) };
        changes.push(Change::PutPair(row));
    }
    // A patient under the keys of a visit is another record.
    changes.push(Change::PutPair(pair("v1x")));
    let patient =
        crate::PairRow { servicenow_key: Some("sn-v3".into()), ehr_key: Some("ehr-v3".into()), ..pair("p3") };
    changes.push(Change::PutPair(patient));
    store.commit(changes).await.map_err(text)?;
    let ids = |rows: Vec<crate::PairRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let visits = RecordKind::Appointment;
    for (remote, keys) in
        [(Remote::ServiceNow, ["sn-v3", "none", "sn-v1"]), (Remote::Ehr, ["ehr-v3", "sn-v2", "ehr-v1"])]
    {
        let found = store.pairs_by_keys(remote, visits, &keys).await.map_err(text)?;
        same("by keys", ids(found), vec!["v1".to_owned(), "v3".to_owned()])?;
    }
    let patients = store.pairs_by_keys(Remote::Ehr, KIND, &["ehr-v3"]).await.map_err(text)?;
    same("patients by keys", ids(patients), vec!["p3".to_owned()])?;
    same("by no key", store.pairs_by_keys(Remote::Ehr, visits, &[]).await.map_err(text)?, vec![])?;
    let all = store.pairs_after(visits, None, "", 2).await.map_err(text)?;
    same("first page", ids(all), vec!["v1".to_owned(), "v2".to_owned()])?;
    let rest = store.pairs_after(visits, None, "v2", 2).await.map_err(text)?;
    same("second page", ids(rest), vec!["v3".to_owned()])?;
    let agreed = store.pairs_after(visits, Some(PairStatus::Agreed), "v1", 9).await.map_err(text)?;
    same("agreed ones", ids(agreed), vec!["v3".to_owned()])?;
    same(
        "whole rows",
        store.pairs_after(KIND, None, "", 1).await.map_err(text)?.pop().map(|row| row.card),
        Some(pair("p3").card),
    )
}

async fn visits_by_time(store: &dyn Store) -> Verdict {
    let visits = RecordKind::Appointment;
    let mut changes = Vec::new();
    for (id, kind, born) in [
        ("a", visits, "2026-10-05 14:30:00"),
        ("b", visits, "2026-10-05 09:00:00"),
        ("c", visits, "2026-10-06 00:00:00"),
        // Without a time, of another kind, and an animal born on that day.
        ("d", visits, ""),
        ("e", RecordKind::Treatment, "2026-10-05 10:00:00"),
        ("f", KIND, "2026-10-05"),
    ] {
        let mut row = crate::PairRow { kind, ..pair(id) };
        row.card.born = born.into();
        changes.push(Change::PutPair(row));
    }
    store.commit(changes).await.map_err(text)?;
    // from, until, at most, found
    for (from, until, limit, expected) in [
        ("2026-10-05", "2026-10-06", 9, vec!["b", "a"]),
        ("2026-10-05 09:00:00", "2026-10-05 14:30:00", 9, vec!["b"]),
        ("2026-10-05 09:00:01", "2026-10-06 00:00:01", 9, vec!["a", "c"]),
        ("2026-10-05", "2026-10-07", 2, vec!["b", "a"]),
        ("2026-10-07", "2026-10-08", 9, vec![]),
    ] {
        let found = store.pairs_between(visits, from, until, limit).await.map_err(text)?;
        same(from, found.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), expected)?;
    }
    // One that moves is found where it is now.
    let mut moved = crate::PairRow { kind: visits, ..pair("b") };
    moved.card.born = "2026-10-08 09:00:00".into();
    store.commit(vec![Change::PutPair(moved)]).await.map_err(text)?;
    let found = store.pairs_between(visits, "2026-10-08", "2026-10-09", 9).await.map_err(text)?;
    same("moved", found.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), vec!["b"])?;
    let left = store.pairs_between(visits, "2026-10-05", "2026-10-06", 9).await.map_err(text)?;
    same("moved away", left.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), vec!["a"])
}

async fn pair_has_a_key(store: &dyn Store) -> Verdict {
    let mut row = pair("p1");
    (row.servicenow_key, row.ehr_key) = (None, None);
    refused("no key at all", store.commit(vec![Change::PutPair(row)]).await)
}

async fn key_belongs_to_one_pair(store: &dyn Store) -> Verdict {
    store.commit(vec![Change::PutPair(pair("p1"))]).await.map_err(text)?;
    for take in [
        |row: &mut crate::PairRow| row.ehr_key = Some("ehr-p1".into()),
        |row: &mut crate::PairRow| {
            row.servicenow_key = Some("sn-p1".into());
        },
    ] {
        let mut row = pair("p2");
        take(&mut row);
        refused("a key that another pair holds", store.commit(vec![Change::PutPair(row)]).await)?;
    }
    // the same key of another kind is another record
    let mut visit = pair("p3");
    (visit.kind, visit.ehr_key) = (RecordKind::Appointment, Some("ehr-p1".into()));
    store.commit(vec![Change::PutPair(visit)]).await.map_err(text)
}

async fn pair_twice(store: &dyn Store) -> Verdict {
    let mut last = pair("p1");
    last.card = card("Zora", "Zed");
    let changes =
        vec![Change::PutPair(pair("p1")), Change::PutPair(pair("p2")), Change::PutPair(last.clone())];
    store.commit(changes).await.map_err(text)?;
    same("pair", store.pair("p1").await.map_err(text)?, Some(last))?;
    same("found by the old name", store.search_patients("bella", None, 0, 9).await.map_err(text)?.1, 1)?;
    same("found by the new name", store.search_patients("zora", None, 0, 9).await.map_err(text)?.1, 1)
}

async fn pair_pages(store: &dyn Store) -> Verdict {
    let mut changes = Vec::new();
    for n in 0..7 {
        let row = pair(&format!("p{n}"));
        if n != 3 {
            changes.push(Change::PutSnapshot(snapshot(Remote::ServiceNow, &format!("sn-p{n}"))));
        }
        if n != 4 {
            changes.push(Change::PutSnapshot(snapshot(Remote::Ehr, &format!("ehr-p{n}"))));
        }
        changes.push(Change::PutPair(row));
    }
    let mut visit = pair("p3x");
    visit.kind = RecordKind::Appointment;
    changes.push(Change::PutPair(visit));
    store.commit(changes).await.map_err(text)?;
    let pages = store.pairs_named(&["p4", "none", "p3"]).await.map_err(text)?;
    let expected = |id: &str, servicenow: bool, ehr: bool| PairPage {
        pair: pair(id),
        servicenow: servicenow.then(|| snapshot(Remote::ServiceNow, &format!("sn-{id}"))),
        ehr: ehr.then(|| snapshot(Remote::Ehr, &format!("ehr-{id}"))),
    };
    same("pairs", pages, vec![expected("p3", false, true), expected("p4", true, false)])?;
    let values = |id: &str| PairValues {
        id: id.to_owned(),
        status: PairStatus::Agreed,
        base: pair(id).base,
        servicenow: expected(id, id != "p3", false).servicenow.map(|row| row.record),
        ehr: expected(id, false, id != "p4").ehr.map(|row| row.record),
        gone: false,
    };
    let found = store.pair_values(&["p4", "p3", "p5", "none"]).await.map_err(text)?;
    same("values", found, vec![values("p3"), values("p4"), values("p5")])?;
    // A snapshot that comes after its pair, and one that goes.
    let mut late = snapshot(Remote::ServiceNow, "sn-p3");
    "late".clone_into(&mut late.record);
    let ids = [snapshot_id(Remote::Ehr, "ehr-p3"), snapshot_id(Remote::ServiceNow, "sn-p4")];
    let [gone, suspected] = ids;
    let changes = vec![
        Change::PutSnapshot(late),
        Change::SetPresence { id: gone, presence: Presence::Gone },
        Change::SetPresence { id: suspected, presence: Presence::Suspected },
    ];
    store.commit(changes).await.map_err(text)?;
    let found = store.pair_values(&["p3", "p4"]).await.map_err(text)?;
    let after = PairValues { servicenow: Some("late".to_owned()), gone: true, ..values("p3") };
    same("values after a change", found, vec![after, values("p4")])?;
    let mut moved = pair("p4");
    moved.servicenow_key = Some("sn-p5x".to_owned());
    store.commit(vec![Change::PutPair(moved.clone())]).await.map_err(text)?;
    let found = store.pair_values(&["p4"]).await.map_err(text)?;
    same("values of another key", found, vec![PairValues { servicenow: None, ..values("p4") }])?;
    moved.servicenow_key = Some("sn-p4".to_owned());
    store.commit(vec![Change::PutPair(moved)]).await.map_err(text)?;
    let digests = store.pair_digests_after(KIND, "p2", 2).await.map_err(text)?;
    let digest = |remote, key: &str| Some(snapshot(remote, key).digest);
    same(
        "digests",
        digests,
        vec![
            PairDigests {
                id: "p3".into(),
                status: PairStatus::Agreed,
                servicenow: digest(Remote::ServiceNow, "sn-p3"),
                ehr: digest(Remote::Ehr, "ehr-p3"),
                base: Some(vec![7; 16]),
            },
            PairDigests {
                id: "p4".into(),
                status: PairStatus::Agreed,
                servicenow: digest(Remote::ServiceNow, "sn-p4"),
                ehr: None,
                base: Some(vec![7; 16]),
            },
        ],
    )?;
    same("behind the end", store.pair_digests_after(KIND, "p6", 9).await.map_err(text)?, vec![])
}

async fn unpaired(store: &dyn Store) -> Verdict {
    let mut gone = snapshot(Remote::Ehr, "d");
    gone.presence = Presence::Gone;
    let mut paired = pair("p1");
    (paired.servicenow_key, paired.ehr_key) = (Some("c".into()), Some("b".into()));
    let changes = vec![
        Change::PutSnapshot(snapshot(Remote::Ehr, "a")),
        Change::PutSnapshot(snapshot(Remote::Ehr, "b")),
        Change::PutSnapshot(snapshot(Remote::Ehr, "c")),
        Change::PutSnapshot(gone),
        Change::PutPair(paired),
    ];
    store.commit(changes).await.map_err(text)?;
    let unpaired = |key: &str| {
        let row = snapshot(Remote::Ehr, key);
        UnpairedRow { key: row.id.key, other_key: row.other_key, chip: row.chip }
    };
    let found = store.unpaired_after(Remote::Ehr, KIND, "", 9).await.map_err(text)?;
    same("unpaired", found, vec![unpaired("a"), unpaired("c")])?;
    let found = store.unpaired_after(Remote::Ehr, KIND, "a", 9).await.map_err(text)?;
    same("after a key", found, vec![unpaired("c")])
}

async fn remove_pair(store: &dyn Store) -> Verdict {
    let changes = vec![
        Change::PutPair(pair("p1")),
        Change::PutConflict(conflict("c1", "p1")),
        Change::Audit(audit("a1", "p1")),
    ];
    store.commit(changes).await.map_err(text)?;
    let mut heir = pair("p2");
    heir.ehr_key = Some("ehr-p1".into());
    let absorb = vec![Change::RemovePair { id: "p1".into() }, Change::PutPair(heir.clone())];
    store.commit(absorb).await.map_err(text)?;
    same("pair", store.pair("p1").await.map_err(text)?, None)?;
    same("its key", store.pair_by_key(Remote::Ehr, KIND, "ehr-p1").await.map_err(text)?, Some(heir))?;
    same("open conflict", store.open_conflict_of("p1").await.map_err(text)?, None)?;
    let closed = store.conflict("c1").await.map_err(text)?.and_then(|row| row.closed_by);
    same("its conflict", closed, Some("superseded".into()))?;
    same("audit", store.audit(Some("p1"), 0, 9).await.map_err(text)?.len(), 1)?;
    same("search", store.search_patients("bella", None, 0, 9).await.map_err(text)?.1, 1)?;
    store.commit(vec![Change::RemovePair { id: "p1".into() }]).await.map_err(text)
}

async fn pair_counts(store: &dyn Store) -> Verdict {
    let mut changes: Vec<_> = (0..3).map(|n| Change::PutPair(pair(&format!("p{n}")))).collect();
    let mut differs = pair("p9");
    differs.status = PairStatus::Differs;
    changes.push(Change::PutPair(differs));
    store.commit(changes).await.map_err(text)?;
    let counts = store.pair_counts(KIND).await.map_err(text)?;
    same("counts", counts, vec![(PairStatus::Agreed, 3), (PairStatus::Differs, 1)])
}
