//! Measures the store: first load, full comparison, search as you type. Prints one JSON object.
//!
//! `cargo run --release -p store --example store_bench -- [patients] [folder]`

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use record::{RecordKind, Remote};
use serde_json::{Value, json};
use store::{
    Change, PairRow, PairStatus, PatientCard, Presence, SnapshotId, SnapshotRow, Store,
    sqlite::{SecretKey, SqliteStore},
};

const NAMES: &[&str] = &[
    "Bella", "Luna", "Max", "Charlie", "Lucy", "Cooper", "Daisy", "Milo", "Zoe", "Rocky", "Žofie", "Sadie",
    "Bear", "Molly", "Duke", "Stella", "Tucker", "Penny", "Leo", "Ruby", "Oscar", "Nala", "Jack", "Chloe",
    "Finn", "Willow",
];
const FAMILIES: &[&str] = &[
    "Adams",
    "Böhm",
    "Castillo",
    "Dubois",
    "Evans",
    "Fischer",
    "García",
    "Huang",
    "Ibrahim",
    "Jensen",
    "Kowalski",
    "Lindström",
    "Müller",
    "Nakamura",
    "O'Brien",
    "Petrov",
    "Quinn",
    "Rossi",
    "Smith",
    "Tanaka",
    "Ueda",
    "Vargas",
];
const FIRST: &[&str] =
    &["Ana", "Ben", "Carla", "David", "Eva", "Farid", "Grace", "Hugo", "Irene", "Jonas", "Katya"];

/// A small generator of pseudo-random numbers (splitmix64): the same patients on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let len = from.len() as u64;
        from[usize::try_from(self.below(len)).unwrap_or_default()]
    }
}

fn snapshot(numbers: &mut Numbers, remote: Remote, key: &str, other: &str) -> SnapshotRow {
    let filler = vec![format!("{:016x}", numbers.next()); 40].join(" ");
    SnapshotRow {
        id: SnapshotId { remote, kind: RecordKind::Patient, key: key.into() },
        version: "3".into(),
        raw: format!("{{\"sys_id\":\"{key}\",\"notes\":\"{filler}{filler}\"}}"),
        record: format!("{{\"key\":\"{key}\",\"fields\":\"{filler}\"}}"),
        digest: numbers.next().to_be_bytes().repeat(2),
        other_key: Some(other.into()),
        chip: Some(format!("985{:012}", numbers.below(1_000_000_000_000))),
        presence: Presence::Present,
        seen_run: "run-1".into(),
        seen_at_ms: 1_790_000_000_000,
        changed_by: Some("front.desk".into()),
        changed_at_ms: Some(1_780_000_000_000),
    }
}

fn pair(numbers: &mut Numbers, no: usize, servicenow: &str, ehr: &str) -> PairRow {
    let first = numbers.pick(FIRST);
    let family = numbers.pick(FAMILIES);
    let phone = format!("555{:07}", numbers.below(10_000_000));
    PairRow {
        id: format!("0192{no:08x}-7000-8000-{:012x}", numbers.below(1 << 48)),
        kind: RecordKind::Patient,
        servicenow_key: Some(servicenow.into()),
        ehr_key: Some(ehr.into()),
        linked_by: Some("cross_reference".into()),
        linked_at_ms: Some(1_790_000_000_000),
        base: Some("{\"name\":\"x\"}".repeat(30)),
        base_digest: Some(numbers.next().to_be_bytes().repeat(2)),
        status: if no.is_multiple_of(50) { PairStatus::Differs } else { PairStatus::Agreed },
        differing: String::new(),
        agreed_at_ms: Some(1_790_000_000_000),
        card: PatientCard {
            name: numbers.pick(NAMES).into(),
            owner: format!("{first} {family}"),
            species: "dog".into(),
            breed: "Beagle".into(),
            phone: format!("+1 ({}) {}-{}", &phone[..3], &phone[3..6], &phone[6..]),
            email: format!("{}.{}@example.org", first.to_lowercase(), numbers.below(100_000)),
            chip: format!("985{:012}", numbers.below(1_000_000_000_000)),
            born: "2019-03-04".into(),
            also: phone,
            deceased: false,
        },
    }
}

fn percentiles(mut times_ms: Vec<f64>) -> Value {
    times_ms.sort_by(f64::total_cmp);
    let at = |share: usize| times_ms.get((times_ms.len() * share / 100).min(times_ms.len() - 1));
    json!({ "p50_ms": at(50), "p95_ms": at(95), "p99_ms": at(99), "queries": times_ms.len() })
}

/// Queries as they grow under the fingers, by class.
fn queries() -> BTreeMap<&'static str, Vec<String>> {
    let prefixes = |words: &[&str]| -> Vec<String> {
        words
            .iter()
            .flat_map(|word| {
                let letters: Vec<char> = word.chars().collect();
                (2..=letters.len()).map(move |end| letters[..end].iter().collect()).collect::<Vec<String>>()
            })
            .collect()
    };
    let two: Vec<String> = NAMES
        .iter()
        .zip(FAMILIES)
        .map(|(name, family)| format!("{} {}", &name.to_lowercase(), family))
        .collect();
    BTreeMap::from([
        ("empty", vec![String::new()]),
        ("one letter", ('a'..='z').map(String::from).collect()),
        ("one digit", ('0'..='9').map(String::from).collect()),
        ("two words of one letter", ('a'..='z').map(|letter| format!("{letter} b")).collect()),
        ("name as it is typed", prefixes(NAMES)),
        ("owner as it is typed", prefixes(FAMILIES)),
        ("name and owner", two),
        ("phone as it is typed", prefixes(&["5550123456", "555 123 4567"])),
        ("chip as it is typed", prefixes(&["985112004567890"])),
        ("nothing found", vec!["xyzzy".into(), "qqq".into(), "bella xyzzy".into()]),
    ])
}

fn memory_mb(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// Processor time of this process so far, seconds: on a busy machine the only number that says anything.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}

async fn load(store: &SqliteStore, patients: usize) -> store::Result<Value> {
    let mut numbers = Numbers(7);
    let started = Instant::now();
    let mut changes = Vec::new();
    let mut applied = 0_usize;
    for no in 0..patients {
        let servicenow = format!("{:016x}{:016x}", numbers.next(), numbers.next());
        let ehr = format!("e{:015x}", numbers.next() >> 4);
        changes.push(Change::PutSnapshot(snapshot(&mut numbers, Remote::ServiceNow, &servicenow, &ehr)));
        changes.push(Change::PutSnapshot(snapshot(&mut numbers, Remote::Ehr, &ehr, &servicenow)));
        changes.push(Change::PutPair(pair(&mut numbers, no, &servicenow, &ehr)));
        if changes.len() >= 500 {
            applied += changes.len();
            store.commit(std::mem::take(&mut changes)).await?;
        }
    }
    applied += changes.len();
    store.commit(changes).await?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(json!({ "changes": applied, "seconds": seconds, "changes_per_second": applied as f64 / seconds,
        "resident_mb": memory_mb("VmRSS") }))
}

async fn compare(store: &SqliteStore) -> store::Result<Value> {
    let started = Instant::now();
    let (mut after, mut digests) = (String::new(), 0_usize);
    loop {
        let page = store.pair_digests_after(RecordKind::Patient, &after, 2_000).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        digests += page.len();
    }
    let digest_seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let (mut after, mut pairs) = (String::new(), 0_usize);
    loop {
        let page = store.pair_digests_after(RecordKind::Patient, &after, 500).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        let ids: Vec<&str> = page.iter().map(|pair| pair.id.as_str()).collect();
        pairs += store.pair_values(&ids).await?.len();
    }
    let pair_seconds = started.elapsed().as_secs_f64();
    Ok(
        json!({ "digests_per_second": digests as f64 / digest_seconds, "pairs_per_second": pairs as f64 / pair_seconds,
        "pairs": pairs, "resident_mb": memory_mb("VmRSS") }),
    )
}

async fn search(store: &SqliteStore) -> store::Result<Value> {
    let mut classes = serde_json::Map::new();
    for (class, queries) in queries() {
        for (suffix, status, offset) in
            [("", None, 0), (", status", Some(PairStatus::Differs), 0), (", page 20", None, 1_000)]
        {
            let mut times = Vec::new();
            for query in queries.iter().cycle().take(queries.len().max(30)) {
                let started = Instant::now();
                store.search_patients(query, status, offset, 50).await?;
                times.push(started.elapsed().as_secs_f64() * 1_000.0);
            }
            classes.insert(format!("{class}{suffix}"), percentiles(times));
        }
    }
    Ok(Value::Object(classes))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let patients = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("store-bench-{}.db", std::process::id()));
    let key = SecretKey::new(Box::new([7; 32]));
    let store = SqliteStore::open(&path, &key, 0).await?;
    let load = load(&store, patients).await?;
    let load_processor_seconds = processor_seconds();
    store.close().await;
    let started = Instant::now();
    let store = SqliteStore::open(&path, &key, 0).await?;
    let opened_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let search = search(&store).await?;
    let before_compare = processor_seconds();
    let compare = compare(&store).await?;
    let compare_processor_seconds =
        processor_seconds().zip(before_compare).map(|(after, before)| after - before);
    store.close().await;
    let size_mb = std::fs::metadata(&path)?.len() as f64 / 1_048_576.0;
    std::fs::remove_file(&path)?;
    std::fs::remove_file(path.with_extension("db.lock"))?;
    println!(
        "{}",
        json!({ "patients": patients, "load": load, "open_ms": opened_ms, "compare": compare, "search": search,
            "file_mb": size_mb, "load_processor_seconds": load_processor_seconds,
            "compare_processor_seconds": compare_processor_seconds, "peak_mb": memory_mb("VmHWM") })
    );
    Ok(())
}
