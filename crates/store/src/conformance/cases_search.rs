//! Search as people type.

use record::RecordKind;

use super::{
    Verdict, cases,
    rows::{card, pair},
    same, text,
};
use crate::{Change, PairRow, PairStatus, Store};

cases! {
    "every word of a query begins a word of the patient" => search_rules,
    "a list is ordered by name, then owner, and paged" => search_order,
    "a search can be narrowed to a status" => search_by_status,
    "the search follows what changes" => search_follows,
    "a word that most patients have is found, counted and paged like any other" => hot_words,
    "only patients are searched" => only_patients,
}

fn patient(id: &str, name: &str, owner: &str) -> PairRow {
    let mut row = pair(id);
    row.card = card(name, owner);
    row
}

/// Ids on the first page, and the total.
async fn found(store: &dyn Store, query: &str) -> Result<(Vec<String>, u64), String> {
    let (rows, total) = store.search_patients(query, None, 0, 50).await.map_err(text)?;
    Ok((rows.into_iter().map(|row| row.id).collect(), total))
}

fn names(ids: &[&str]) -> (Vec<String>, u64) {
    (ids.iter().map(ToString::to_string).collect(), ids.len() as u64)
}

async fn search_rules(store: &dyn Store) -> Verdict {
    let mut bella = patient("x1", "Bella", "Žofie O'Brien");
    bella.card.phone = "+1 (555) 123-4567".into();
    bella.card.chip = "985 112 004 567 890".into();
    bella.card.email = "zofie@example.org".into();
    bella.card.also = "Belka 0044207946000".into();
    bella.servicenow_key = Some("9d385017c611228701d22104cc95c371".into());
    bella.ehr_key = Some("7c1e-44".into());
    let max = patient("x2", "Max", "Łukasz Straße");
    store.commit(vec![Change::PutPair(bella), Change::PutPair(max)]).await.map_err(text)?;
    for (query, ids) in [
        ("", &["x1", "x2"][..]),
        ("   ", &["x1", "x2"]),
        ("bel", &["x1"]),
        ("BELLA", &["x1"]),
        ("ella", &[]), // the beginning of a word, not its middle
        ("zofie", &["x1"]),
        ("Žof bell", &["x1"]),
        ("bella max", &[]),
        ("brien", &["x1"]),
        ("obrien", &["x1"]),
        ("o'brien", &["x1"]),
        ("lukasz strasse", &["x2"]),
        ("5551234", &["x1"]),
        ("555 123 4567", &["x1"]),
        ("(555) 123-4567", &["x1"]),
        ("+1-555-123-4567", &["x1"]),
        ("4567", &["x1"]),
        ("985112004567890", &["x1"]),
        ("985112", &["x1"]),
        ("9d385017", &["x1"]),
        ("7c1e-44", &["x1"]),
        ("x2", &["x2"]),
        ("belka", &["x1"]),
        ("004420", &["x1"]),
        ("beagle", &[]), // every dog of a breed is no answer to a name
        ("\"bella\" OR max*", &[]),
        ("--", &[]),
        ("bella\" AND NEAR(", &[]),
    ] {
        same(&format!("query {query:?}"), found(store, query).await?, names(ids))?;
    }
    Ok(())
}

async fn search_order(store: &dyn Store) -> Verdict {
    let rows = [
        patient("x1", "bella", "Zorn"),
        patient("x2", "Žofie", "Bell"),
        patient("x3", "Bella Rose", "Bell"),
        patient("x4", "", "Bell"),
        patient("x5", "Bélla", "Adams"),
    ];
    store.commit(rows.map(Change::PutPair).to_vec()).await.map_err(text)?;
    let order = ["x5", "x1", "x3", "x2", "x4"];
    same("empty query", found(store, "").await?, names(&order))?;
    same("query", found(store, "bell").await?, names(&order))?;
    for query in ["", "bell"] {
        let (page, total) = store.search_patients(query, None, 1, 2).await.map_err(text)?;
        same("page", page.into_iter().map(|row| row.id).collect::<Vec<_>>(), names(&["x1", "x3"]).0)?;
        same("total", total, 5)?;
        let (page, total) = store.search_patients(query, None, 9, 2).await.map_err(text)?;
        same("behind the end", (page, total), (vec![], 5))?;
    }
    Ok(())
}

async fn search_by_status(store: &dyn Store) -> Verdict {
    let mut differs = patient("x2", "Bella", "B");
    differs.status = PairStatus::Differs;
    let put = vec![Change::PutPair(patient("x1", "Bella", "A")), Change::PutPair(differs.clone())];
    store.commit(put).await.map_err(text)?;
    for query in ["", "bella"] {
        let result = store.search_patients(query, Some(PairStatus::Differs), 0, 9).await.map_err(text)?;
        same(query, result, (vec![differs.clone()], 1))?;
        let result = store.search_patients(query, Some(PairStatus::Waiting), 0, 9).await.map_err(text)?;
        same(query, result, (vec![], 0))?;
    }
    Ok(())
}

async fn search_follows(store: &dyn Store) -> Verdict {
    let mut row = patient("x1", "Bella", "Adams");
    store.commit(vec![Change::PutPair(row.clone())]).await.map_err(text)?;
    row.card.name = "Zora".into();
    store.commit(vec![Change::PutPair(row.clone())]).await.map_err(text)?;
    same("old name", found(store, "bella").await?, names(&[]))?;
    same("new name", found(store, "zora").await?, names(&["x1"]))?;
    // only the status: the words stay
    row.status = PairStatus::Waiting;
    store.commit(vec![Change::PutPair(row.clone())]).await.map_err(text)?;
    let result = store.search_patients("zora", Some(PairStatus::Waiting), 0, 9).await.map_err(text)?;
    same("status", result, (vec![row], 1))?;
    store.commit(vec![Change::RemovePair { id: "x1".into() }]).await.map_err(text)?;
    same("removed", found(store, "zora").await?, names(&[]))?;
    same("removed from the list", found(store, "").await?, names(&[]))
}

/// More than any store would sort at once; the total is capped.
async fn hot_words(store: &dyn Store) -> Verdict {
    const PATIENTS: usize = 10_500;
    let rows: Vec<PairRow> = (0..PATIENTS)
        .map(|n| {
            let mut row = patient(&format!("id{n:05}"), &format!("Bello {n:05}"), "Adams");
            if n % 4 == 0 {
                row.status = PairStatus::Differs;
            }
            row
        })
        .collect();
    for chunk in rows.chunks(1_500) {
        store.commit(chunk.iter().cloned().map(Change::PutPair).collect()).await.map_err(text)?;
    }
    for query in ["b", "bel ada", ""] {
        let (page, total) = store.search_patients(query, None, 100, 3).await.map_err(text)?;
        same(query, (page, total), (rows[100..103].to_vec(), 10_000))?;
        let (page, total) =
            store.search_patients(query, Some(PairStatus::Differs), 100, 2).await.map_err(text)?;
        let expected = vec![rows[400].clone(), rows[404].clone()];
        same(query, (page, total), (expected, PATIENTS.div_ceil(4) as u64))?;
    }
    same("a rare word among them", found(store, "bel 00042").await?, names(&["id00042"]))
}

async fn only_patients(store: &dyn Store) -> Verdict {
    let mut visit = patient("x1", "Bella", "Adams");
    visit.kind = RecordKind::Appointment;
    store.commit(vec![Change::PutPair(visit)]).await.map_err(text)?;
    same("query", found(store, "bella").await?, names(&[]))?;
    same("empty query", found(store, "").await?, names(&[]))
}
