//! Key-set paging, and the proof that nothing was left out (wire-facts 5.7).

use super::answers::{self, Envelope, stamp, stamp_ms};
use super::{ServiceNow, Table};
use crate::http::Call;
use crate::{Cursor, Fetched, ListScope, Malformed, Next, Page, RemoteError};
use serde::{Deserialize, Serialize};

/// A page is not made smaller than this.
const PAGE_ROWS_MIN: u32 = 10;
/// Rows a probe past the last key looks at: access rules hide rows *after* the limit was applied, so a page can be empty
/// although more follow. The platform's own default limit.
const PROBE_ROWS: u32 = 10_000;
/// A read that finds rows in its probes and never in its pages is given up after this many times.
const JUMPS_MAX: u32 = 5;

/// Where a read stands; the text of a [`Cursor`].
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    at: At,
    page_rows: u32,
    rows_read: u64,
    counted_before: Option<u64>,
}

/// The condition of the next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum At {
    /// Full read: the first row.
    Start,
    /// Full read: rows after this key, or from it on.
    Key { key: String, including: bool },
    /// Incremental: rows changed after this second, or from it on.
    Since { second: String, including: bool },
    /// Incremental: the rest of one second, which may hold more rows than a page.
    Within { second: String, key: String, including: bool },
}

impl At {
    fn query(&self) -> String {
        let greater = |including: &bool| if *including { ">=" } else { ">" };
        match self {
            At::Start => "ORDERBYsys_id".to_owned(),
            At::Key { key, including } => format!("sys_id{}{key}^ORDERBYsys_id", greater(including)),
            At::Since { second, including } => {
                format!("sys_updated_on{}{second}^ORDERBYsys_updated_on^ORDERBYsys_id", greater(including))
            }
            At::Within { second, key, including } => {
                format!("sys_updated_on={second}^sys_id{}{key}^ORDERBYsys_id", greater(including))
            }
        }
    }

    /// Whether a row fits the condition; `None` if it lacks what the condition is about.
    fn admits(&self, place: &Place) -> Option<bool> {
        let past = |value: &str, bound: &str, including: bool| {
            let order = value.to_ascii_lowercase().cmp(&bound.to_ascii_lowercase());
            order.is_gt() || (including && order.is_eq())
        };
        Some(match self {
            At::Start => true,
            At::Key { key, including } => past(&place.key, key, *including),
            At::Since { second, including } => past(place.second.as_deref()?, second, *including),
            At::Within { second, key, including } => {
                place.second.as_deref()? == second && past(&place.key, key, *including)
            }
        })
    }

    /// Whether this order of two neighbours is the one that was asked for.
    fn in_order(&self, one: &Place, other: &Place) -> bool {
        let keys = || one.key.to_ascii_lowercase() < other.key.to_ascii_lowercase();
        match self {
            At::Start | At::Key { .. } | At::Within { .. } => keys(),
            At::Since { .. } => match one.second.cmp(&other.second) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => keys(),
                std::cmp::Ordering::Greater => false,
            },
        }
    }

    /// Where to go on behind the last row of a page.
    fn behind(&self, last: &Place) -> At {
        match (self, &last.second) {
            (At::Since { .. } | At::Within { .. }, Some(second)) => {
                At::Within { second: second.clone(), key: last.key.clone(), including: false }
            }
            _ => At::Key { key: last.key.clone(), including: false },
        }
    }

    /// Where to go on at a row that a probe has found.
    fn from(&self, found: Place) -> At {
        match (self, found.second) {
            (At::Since { .. } | At::Within { .. }, Some(second)) => {
                At::Within { second, key: found.key, including: true }
            }
            _ => At::Key { key: found.key, including: true },
        }
    }
}

/// A row's place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    key: String,
    second: Option<String>,
}

impl Place {
    fn of(row: &str) -> Option<Place> {
        let second = answers::column(row, "sys_updated_on").filter(|text| stamp_ms(text).is_some());
        Some(Place { key: answers::column(row, "sys_id").filter(|key| !key.is_empty())?, second })
    }
}

/// The rows of one answer.
pub(super) struct Fetch {
    pub rows: Vec<String>,
    /// `X-Total-Count`: rows that fit the condition, hidden ones included on some releases.
    pub total: Option<u64>,
    /// What the instance's clock showed when it answered.
    pub clock_ms: Option<i64>,
    /// The limit at which the answer came whole.
    limit: u32,
}

impl ServiceNow {
    pub(super) async fn list_page(
        &self,
        table: &Table,
        scope: &ListScope,
        cursor: Option<&Cursor>,
    ) -> Result<Page, RemoteError> {
        let mut position = match cursor {
            Some(cursor) => serde_json::from_str(&cursor.0).map_err(|_| {
                self.caller.refused(0, "the position of an earlier read cannot be read: begin anew")
            })?,
            None => self.first_position(table, scope).await?,
        };
        let columns = self.columns(table).await?;
        let name = &table.settings.table;
        let narrowed = matches!(scope, ListScope::ChangedSince(_));
        for _ in 0..JUMPS_MAX {
            let query = position.at.query();
            let page = self.fetch(name, &query, &columns.fields, position.page_rows, 0).await?;
            position.page_rows = page.limit;
            if !page.rows.is_empty() {
                return self.deliver(position, &page, scope);
            }
            if narrowed && matches!(position.at, At::Since { .. }) && page.total == Some(0) {
                // Its condition is open towards the future: nothing changed, and the count says so.
                return Ok(Page {
                    items: Vec::new(),
                    malformed: Vec::new(),
                    next: Next::ProvenComplete,
                    total_hint: None,
                    clock_ms: page.clock_ms,
                    narrowed,
                });
            }
            // Within a second a count of zero, taken before access rules, is enough; the end of a read is probed.
            let surely_empty = matches!(position.at, At::Within { .. }) && page.total == Some(0);
            if !surely_empty && let Some(found) = self.probe_past(name, &query, position.page_rows).await? {
                position.at = position.at.from(found);
                continue;
            }
            if let At::Within { second, .. } = &position.at {
                position.at = At::Since { second: second.clone(), including: false };
                continue;
            }
            let next = match scope {
                ListScope::All => self.proof(name, &position).await?,
                ListScope::ChangedSince(_) => Next::ProvenComplete,
            };
            return Ok(Page {
                items: Vec::new(),
                malformed: Vec::new(),
                next,
                total_hint: position.counted_before,
                clock_ms: page.clock_ms,
                narrowed,
            });
        }
        Err(self.caller.transient(200, "the rows moved while they were read: read again"))
    }

    async fn first_position(&self, table: &Table, scope: &ListScope) -> Result<Position, RemoteError> {
        let (at, counted_before) = match scope {
            ListScope::All => (At::Start, self.count(&table.settings.table).await?),
            ListScope::ChangedSince(since_ms) => {
                let second = stamp(since_ms.saturating_sub(self.overlap_ms));
                (At::Since { second, including: true }, None)
            }
        };
        Ok(Position { at, page_rows: self.page_rows, rows_read: 0, counted_before })
    }

    /// Turns the rows of a page into snapshots, after checking each against the condition.
    fn deliver(&self, mut position: Position, page: &Fetch, scope: &ListScope) -> Result<Page, RemoteError> {
        let mut items: Vec<Fetched> = Vec::with_capacity(page.rows.len());
        let mut malformed: Vec<Malformed> = Vec::new();
        let mut last: Option<Place> = None;
        for row in &page.rows {
            let place = match answers::fetched(row) {
                Ok(fetched) => {
                    let second = fetched.changed_at_ms.map(stamp);
                    let place = Place { key: fetched.key.clone(), second };
                    items.push(fetched);
                    place
                }
                Err(problem) => {
                    malformed.push(problem);
                    let Some(place) = Place::of(row) else { continue };
                    place
                }
            };
            match position.at.admits(&place) {
                Some(true) => {}
                Some(false) => {
                    return Err(self.caller.protocol(
                        "rows came that do not fit the condition of the read: it was ignored; \
                         check that the integration user may query sys_id and sys_updated_on",
                    ));
                }
                None => {
                    return Err(self.caller.protocol(
                        "sys_updated_on is missing in the rows: let the integration user read it",
                    ));
                }
            }
            if last.as_ref().is_some_and(|last| !position.at.in_order(last, &place)) {
                // A row written between its selection and its loading shows a newer time than its place.
                return Err(if matches!(position.at, At::Since { .. }) {
                    self.caller.transient(200, "the rows moved while the page was read: read again")
                } else {
                    self.caller.protocol("the rows are not in the order that was asked for")
                });
            }
            last = Some(place);
        }
        let Some(last) = last else {
            return Err(self.caller.protocol("no row shows its sys_id: let the integration user read it"));
        };
        let total_hint = position
            .counted_before
            .or_else(|| page.total.map(|rest| position.rows_read.saturating_add(rest)));
        let narrowed = matches!(scope, ListScope::ChangedSince(_));
        // Taken before access rules, of a condition that is open towards the future: all there is came on this page.
        let whole =
            narrowed && matches!(position.at, At::Since { .. }) && page.total == Some(page.rows.len() as u64);
        position.at = position.at.behind(&last);
        position.rows_read += page.rows.len() as u64;
        let next = if whole {
            Next::ProvenComplete
        } else {
            let cursor = serde_json::to_string(&position)
                .map_err(|_| self.caller.protocol("the position of the read cannot be kept"))?;
            Next::More(Cursor(cursor))
        };
        Ok(Page { items, malformed, next, total_hint, clock_ms: page.clock_ms, narrowed })
    }

    /// One list request. A page that breaks off is asked for again at half its size.
    pub(super) async fn fetch(
        &self,
        table: &str,
        query: &str,
        fields: &str,
        limit: u32,
        offset: u64,
    ) -> Result<Fetch, RemoteError> {
        let mut limit = limit;
        loop {
            let (rows, skipped) = (limit.to_string(), offset.to_string());
            let mut parameters = vec![
                ("sysparm_query", query),
                ("sysparm_fields", fields),
                ("sysparm_display_value", "false"),
                ("sysparm_exclude_reference_link", "true"),
                ("sysparm_suppress_pagination_header", "true"),
                ("sysparm_limit", &rows),
            ];
            if offset > 0 {
                parameters.push(("sysparm_offset", &skipped));
            }
            let url = self.url(&format!("/api/now/table/{table}"), &parameters);
            let broken = match self.caller.call(&Call::get(url)).await {
                Ok(answer) if answer.status == 404 && answers::is_no_record(&answer.body) => {
                    // Version 1 of the API says so for an empty list.
                    return Ok(Fetch {
                        rows: Vec::new(),
                        total: Some(0),
                        clock_ms: answer.clock_ms(),
                        limit,
                    });
                }
                Ok(answer) => match answers::open(&answer) {
                    Envelope::Result(result) => {
                        let rows = answers::rows(result)
                            .ok_or_else(|| self.caller.protocol("the result is not a list of rows"))?;
                        return Ok(Fetch {
                            rows: rows.into_iter().map(str::to_owned).collect(),
                            total: answer.header("x-total-count").and_then(|text| text.trim().parse().ok()),
                            clock_ms: answer.clock_ms(),
                            limit,
                        });
                    }
                    Envelope::Broken(what) => self.caller.transient(answer.status, what),
                    Envelope::Refused(what) => return Err(self.caller.refused(answer.status, what)),
                },
                // The head said 200, the body broke off or was too large.
                Err(error @ RemoteError::Transient { status: 200..=299, .. }) => error,
                Err(error) => return Err(error),
            };
            if limit <= PAGE_ROWS_MIN {
                return Err(broken);
            }
            limit = (limit / 2).max(PAGE_ROWS_MIN);
            tracing::info!(table, page_rows = limit, "page broke off, asking for a smaller one");
        }
    }

    /// The first row behind a position at which a page was empty. Looks past rows that access rules hide.
    async fn probe_past(
        &self,
        table: &str,
        query: &str,
        page_rows: u32,
    ) -> Result<Option<Place>, RemoteError> {
        let mut offset = 0;
        loop {
            let limit = PROBE_ROWS.max(page_rows);
            let found = self.fetch(table, query, "sys_id,sys_updated_on", limit, offset).await?;
            if let Some(row) = found.rows.first() {
                return Place::of(row).map(Some).ok_or_else(|| {
                    self.caller.protocol("no row shows its sys_id: let the integration user read it")
                });
            }
            offset += u64::from(found.limit);
            if found.total.is_none_or(|total| total <= offset) {
                return Ok(None);
            }
        }
    }

    /// Whether everything was read: pages and probe are empty, and the table's own count agrees where it can be had.
    async fn proof(&self, table: &str, position: &Position) -> Result<Next, RemoteError> {
        let counted_after = self.count(table).await?;
        let read = position.rows_read;
        match position.counted_before.max(counted_after) {
            Some(counted) if read < counted => Ok(Next::Unproven {
                why: format!(
                    "the table counts {counted} rows and {read} could be read: the rest is hidden from the \
                     integration user, or was added meanwhile"
                ),
            }),
            _ => Ok(Next::ProvenComplete),
        }
    }

    /// The table's own count (Aggregate API); `None` where it is refused. An answer that only got lost is asked for again:
    /// without the count, rows that access rules hide would pass for rows that are not there.
    pub(super) async fn count(&self, table: &str) -> Result<Option<u64>, RemoteError> {
        let url = self.url(&format!("/api/now/stats/{table}"), &[("sysparm_count", "true")]);
        let answer = self.caller.call(&Call::get(url)).await?;
        let result = match answers::open(&answer) {
            Envelope::Result(result) => result,
            Envelope::Broken(what) => return Err(self.caller.transient(answer.status, what)),
            Envelope::Refused(_) => return Ok(None),
        };
        let stats: serde_json::Value = serde_json::from_str(result).unwrap_or_default();
        Ok(stats.pointer("/stats/count").and_then(|count| match count {
            serde_json::Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        }))
    }
}
