//! Lists: pages followed by the links the EHR gives, and the proof that nothing was left out.

use super::bundle::{self, Assembled, RawBundle};
use super::dialect::{BodyStyle, Dialect, ListStyle};
use super::{Ehr, outcome};
use crate::http::Answer;
use crate::{Cursor, Fetched, ListScope, Next, Page, RemoteError};
use record::RecordKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// How many reads are followed at once; the keys of older ones are forgotten and they end unproven.
const READS_MAX: usize = 4;

/// Which records the reads under way have shown. Links are opaque and pages may overlap, so only distinct keys can be
/// compared with the count that the EHR gives.
pub(super) struct Reads {
    started_ms: i64,
    seen: Mutex<(u64, BTreeMap<u64, HashSet<u64>>)>,
}

impl Reads {
    pub(super) fn new(started_ms: i64) -> Self {
        Reads { started_ms, seen: Mutex::new((0, BTreeMap::new())) }
    }

    fn begin(&self) -> ReadId {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.0 += 1;
        let number = seen.0;
        seen.1.insert(number, HashSet::new());
        while seen.1.len() > READS_MAX {
            seen.1.pop_first();
        }
        ReadId { started_ms: self.started_ms, number }
    }

    /// Notes keys; how many distinct ones the read has shown, or `None` if it is not known any more.
    fn note(&self, read: &ReadId, keys: &[String]) -> Option<u64> {
        if read.started_ms != self.started_ms {
            return None;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let set = seen.1.get_mut(&read.number)?;
        set.extend(keys.iter().map(|key| hashed(key)));
        Some(set.len() as u64)
    }

    fn end(&self, read: &ReadId) {
        if read.started_ms == self.started_ms {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&read.number);
        }
    }
}

fn hashed(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ReadId {
    started_ms: i64,
    number: u64,
}

/// Where a read stands; the text of a [`Cursor`].
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    read: ReadId,
    url: String,
    /// Hashes of the pages' addresses, to notice a circle.
    visited: Vec<u64>,
    /// The count that the first page gave.
    total: Option<u64>,
    /// The counts of two pages were not the same.
    total_moved: bool,
    doubt: Option<String>,
}

/// One page, opened.
pub(super) struct Opened {
    pub assembled: Assembled,
    pub total: Option<u64>,
    pub next: Option<String>,
    /// What the EHR's clock showed when it answered.
    pub clock_ms: Option<i64>,
}

#[derive(Deserialize)]
struct DataNext<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    total: Option<u64>,
}

/// Opens a page of a list; `url` is where it came from.
pub(super) fn open(
    kind: RecordKind,
    answer: &Answer,
    dialect: &Dialect,
    url: &str,
) -> Result<Opened, String> {
    let counted = answer.header("x-total-count").and_then(|text| text.trim().parse().ok());
    let wrong = |_| "the list is not in the form that was found or configured for this EHR".to_owned();
    match dialect.list {
        ListStyle::Searchset => {
            let bundle: RawBundle<'_> = serde_json::from_str(&answer.body).map_err(wrong)?;
            if bundle.resource_type != "Bundle" {
                return Err("a Bundle was expected".to_owned());
            }
            let total = bundle.total.as_ref().and_then(|total| match total {
                Value::String(text) => text.parse().ok(),
                other => other.as_u64(),
            });
            let next = bundle.link.iter().find(|link| link.relation == "next" && !link.url.is_empty());
            Ok(Opened {
                assembled: bundle::from_entries(kind, &bundle.entry, dialect.body),
                total: total.or(counted),
                next: next.map(|link| resolve(url, &link.url)).transpose()?,
                clock_ms: answer.clock_ms(),
            })
        }
        ListStyle::Array => {
            let items: Vec<&RawValue> = serde_json::from_str(&answer.body).map_err(wrong)?;
            Ok(Opened {
                assembled: bundle::from_array(kind, &items, dialect.body),
                total: counted,
                next: None,
                clock_ms: answer.clock_ms(),
            })
        }
        ListStyle::DataNext => {
            let list: DataNext<'_> = serde_json::from_str(&answer.body).map_err(wrong)?;
            Ok(Opened {
                assembled: bundle::from_array(kind, &list.data, dialect.body),
                total: list.total.or(counted),
                next: list
                    .next
                    .filter(|next| !next.is_empty())
                    .map(|next| resolve(url, &next))
                    .transpose()?,
                clock_ms: answer.clock_ms(),
            })
        }
    }
}

/// A link, relative or not, as a full address at the same origin: anywhere else the access token has no business.
fn resolve(from: &str, link: &str) -> Result<String, String> {
    let from = reqwest::Url::parse(from).map_err(|_| "the list's own address cannot be read".to_owned())?;
    let next = from.join(link).map_err(|_| "the link to the next page is not an address".to_owned())?;
    if next.origin() != from.origin() {
        return Err(
            "the link to the next page leads to another host, port or scheme, which is not followed: \
                    have the EHR's public address corrected"
                .to_owned(),
        );
    }
    Ok(next.into())
}

impl Ehr {
    fn first_url(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        dialect: &Dialect,
    ) -> Result<String, RemoteError> {
        let count = self.settings.page_records.to_string();
        let since = self.since(scope, dialect);
        let mut parameters = vec![("_count", count.as_str())];
        if let Some(since) = &since {
            parameters.push(("_lastUpdated", since));
        }
        self.search_url(kind, &parameters)
    }

    fn since(&self, scope: &ListScope, dialect: &Dialect) -> Option<String> {
        let ListScope::ChangedSince(since_ms) = scope else { return None };
        if !dialect.last_updated_search {
            return None;
        }
        let from_ms = self.reach_back_ms(*since_ms);
        let instant = chrono::DateTime::from_timestamp_millis(from_ms)?;
        Some(format!("ge{}", instant.format("%Y-%m-%dT%H:%M:%S%.3fZ")))
    }

    fn reach_back_ms(&self, since_ms: i64) -> i64 {
        since_ms.saturating_sub(self.settings.overlap_ms.max(0)).max(0)
    }

    pub(super) async fn list_page(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        cursor: Option<&Cursor>,
    ) -> Result<Page, RemoteError> {
        let dialect = self.dialect().await?;
        let mut position: Position = match cursor {
            Some(cursor) => serde_json::from_str(&cursor.0).map_err(|_| {
                self.caller.refused(0, "the position of an earlier read cannot be read: begin anew")
            })?,
            None => Position {
                read: self.reads.begin(),
                url: self.first_url(kind, scope, &dialect)?,
                visited: Vec::new(),
                total: None,
                total_moved: false,
                doubt: None,
            },
        };
        let mut page = self.page(kind, &position.url, &dialect).await?;
        let distinct = self.reads.note(&position.read, &page.assembled.keys);
        if position.visited.is_empty() {
            position.total = page.total;
        } else if position.total != page.total {
            position.total_moved = true;
        }
        position.doubt = position.doubt.or_else(|| page.assembled.doubt.take());
        position.visited.push(hashed(&position.url));
        let total_hint = page.total.or(position.total);
        let read = position.read.clone();
        let next = match page.next.take() {
            Some(url) if position.visited.contains(&hashed(&url)) => {
                Next::Unproven { why: "the link to the next page leads back to one that was read".to_owned() }
            }
            Some(url) => self.more(&Position { url, ..position })?,
            None => self.proof(kind, scope, &dialect, position, &page.assembled.keys, distinct).await?,
        };
        if !matches!(next, Next::More(_)) {
            self.reads.end(&read);
        }
        let mut items = self.whole(kind, &dialect, page.assembled.items, &page.assembled.bare).await?;
        if let ListScope::ChangedSince(since_ms) = scope {
            // What is older came only because the parameter was ignored.
            let from_ms = self.reach_back_ms(*since_ms);
            items.retain(|item| item.changed_at_ms.is_none_or(|at_ms| at_ms >= from_ms));
        }
        // Without the parameter, a page of everything came.
        let narrowed = matches!(scope, ListScope::ChangedSince(_)) && dialect.last_updated_search;
        let clock_ms = page.clock_ms;
        Ok(Page { items, malformed: page.assembled.malformed, next, total_hint, clock_ms, narrowed })
    }

    fn more(&self, position: &Position) -> Result<Next, RemoteError> {
        serde_json::to_string(position)
            .map(|text| Next::More(Cursor(text)))
            .map_err(|_| self.caller.protocol("the position of the read cannot be kept"))
    }

    async fn page(&self, kind: RecordKind, url: &str, dialect: &Dialect) -> Result<Opened, RemoteError> {
        let answer = self.get(url.to_owned()).await?;
        if !answer.is_success() {
            return Err(self.caller.refused(answer.status, outcome::refusal(&answer)));
        }
        if let Some(outcome) = outcome::read(&answer.body) {
            return Err(outcome::unusable(&self.caller, &answer, &outcome.words));
        }
        open(kind, &answer, dialect, url)
            .map_err(|problem| outcome::unusable(&self.caller, &answer, &problem))
    }

    /// Where a list shows bare Patients although a read shows their allergies too, each is read on its own.
    async fn whole(
        &self,
        kind: RecordKind,
        dialect: &Dialect,
        items: Vec<Fetched>,
        bare: &[String],
    ) -> Result<Vec<Fetched>, RemoteError> {
        if bare.is_empty() || dialect.body == BodyStyle::BarePatient || kind != RecordKind::Patient {
            return Ok(items);
        }
        let bare: HashSet<&str> = bare.iter().map(String::as_str).collect();
        let mut whole = Vec::with_capacity(items.len());
        for item in items {
            if !bare.contains(item.key.as_str()) {
                whole.push(item);
                continue;
            }
            match self.record(kind, &item.key, dialect).await {
                Ok((fetched, _)) => whole.push(fetched),
                // Deleted since the list was made.
                Err(RemoteError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(whole)
    }

    /// No link leads on. Whether that is the end is told by the EHR's count, or by asking a second time.
    async fn proof(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        dialect: &Dialect,
        position: Position,
        last_keys: &[String],
        distinct: Option<u64>,
    ) -> Result<Next, RemoteError> {
        let unproven = |why: String| Ok(Next::Unproven { why });
        if let Some(doubt) = position.doubt {
            return unproven(format!("the EHR reports a failure within the list: {doubt}"));
        }
        let Some(distinct) = distinct else {
            return unproven(
                "the read was interrupted, and what came before is not known any more".to_owned(),
            );
        };
        if position.total_moved {
            return unproven("the EHR's count changed while the list was read".to_owned());
        }
        let total = match position.total {
            Some(total) => Some(total),
            None if dialect.list == ListStyle::Searchset => self.counted(kind, scope, dialect).await?,
            None => None,
        };
        if let Some(total) = total {
            if total == distinct {
                return Ok(Next::ProvenComplete);
            }
            return unproven(format!("the EHR counts {total} records and {distinct} came"));
        }
        if dialect.list == ListStyle::Array {
            if dialect.list_is_whole {
                return Ok(Next::ProvenComplete);
            }
            return unproven(
                "the EHR sends a plain list without pages or count: if it is always everything, say so in the settings"
                    .to_owned(),
            );
        }
        let again = self.page(kind, &position.url, dialect).await?;
        match again.next {
            Some(url) => self.more(&Position { url, ..position }),
            None if again.assembled.keys == last_keys => Ok(Next::ProvenComplete),
            None => unproven("the last page was another one when it was asked for again".to_owned()),
        }
    }

    /// How many there are, asked for alone (FHIR R4 search, `_summary=count`).
    async fn counted(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        dialect: &Dialect,
    ) -> Result<Option<u64>, RemoteError> {
        let since = self.since(scope, dialect);
        let mut parameters = vec![("_summary", "count")];
        if let Some(since) = &since {
            parameters.push(("_lastUpdated", since));
        }
        let url = self.search_url(kind, &parameters)?;
        match self.get(url.clone()).await {
            Ok(answer) if answer.is_success() => {
                Ok(open(kind, &answer, dialect, &url).ok().and_then(|opened| opened.total))
            }
            Ok(_) | Err(RemoteError::Transient { .. } | RemoteError::Protocol { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_at_the_same_origin_only() {
        let from = "https://ehr.test:8443/api/v1/patients?_count=2";
        assert_eq!(resolve(from, "?cursor=b").unwrap(), "https://ehr.test:8443/api/v1/patients?cursor=b");
        assert_eq!(
            resolve(from, "/api/v1/patients?cursor=b").unwrap(),
            "https://ehr.test:8443/api/v1/patients?cursor=b"
        );
        assert_eq!(resolve(from, "https://ehr.test:8443/x").unwrap(), "https://ehr.test:8443/x");
        for elsewhere in
            ["https://evil.test/x", "https://ehr.test/x", "http://ehr.test:8443/x", "//evil.test/x"]
        {
            assert!(resolve(from, elsewhere).is_err(), "{elsewhere}");
        }
    }

    #[test]
    fn distinct_keys_are_counted_per_read_and_old_reads_are_forgotten() {
        let reads = Reads::new(7);
        let first = reads.begin();
        let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(reads.note(&first, &keys(&["a", "b"])), Some(2));
        assert_eq!(reads.note(&first, &keys(&["b", "c"])), Some(3));
        assert_eq!(
            reads.note(&ReadId { started_ms: 6, number: 1 }, &keys(&["a"])),
            None,
            "of an earlier process"
        );
        for _ in 0..READS_MAX {
            reads.begin();
        }
        assert_eq!(reads.note(&first, &keys(&["d"])), None);
    }
}
