//! What an EHR can do beyond its bodies, and how it is found out.

use super::bundle::{self, RawBundle};
use super::{Ehr, outcome, paging};
use crate::RemoteError;
use crate::http::Answer;
use record::RecordKind;

/// How lists look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListStyle {
    /// A Bundle of type searchset with `link[next]`.
    #[default]
    Searchset,
    /// A bare array.
    Array,
    /// `{"data":[…],"next":…}`.
    DataNext,
}

/// How one patient travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyStyle {
    /// As a Bundle: the Patient and its `AllergyIntolerance` resources.
    #[default]
    Bundle,
    /// As a Patient alone.
    BarePatient,
}

/// What an EHR can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an ability of its own")]
pub struct Dialect {
    /// How lists look.
    pub list: ListStyle,
    /// How one patient travels.
    pub body: BodyStyle,
    /// Records carry an `ETag` and `If-Match` is heeded. Without it a write reads and compares just before.
    pub etag: bool,
    /// `If-None-Exist` is sent with a create. An EHR that ignores it does no harm.
    pub if_none_exist: bool,
    /// `identifier=system|value` is heeded. Without it a look-up reads the whole list.
    pub identifier_search: bool,
    /// `_lastUpdated=ge…` is heeded. Without it an incremental read reads the whole list.
    pub last_updated_search: bool,
    /// A record by its id comes without its allergies, and a search by `_id` with them.
    pub read_by_search: bool,
    /// The administrator states that a list without pages and count is everything there is.
    pub list_is_whole: bool,
}

impl Default for Dialect {
    /// The default dialect of the design.
    fn default() -> Self {
        Dialect {
            list: ListStyle::Searchset,
            body: BodyStyle::Bundle,
            etag: true,
            if_none_exist: true,
            identifier_search: true,
            last_updated_search: true,
            read_by_search: false,
            list_is_whole: false,
        }
    }
}

/// Where the dialect comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DialectChoice {
    /// It is found out on first use.
    #[default]
    Detect,
    /// It is known.
    Known(Dialect),
}

/// A dialect as it was found out.
pub(super) struct Detected {
    pub dialect: Dialect,
    /// Whether there was a record to look at.
    pub seen_a_record: bool,
}

impl Ehr {
    /// Looks at a list, a record, and two searches that must find nothing.
    pub(super) async fn detect(&self) -> Result<Detected, RemoteError> {
        let kind = RecordKind::Patient;
        let mut dialect = Dialect::default();
        let answer = self.get(self.search_url(kind, &[("_count", "1")])?).await?;
        if !answer.is_success() {
            return Err(self.caller.refused(answer.status, outcome::refusal(&answer)));
        }
        dialect.list = list_style(&answer.body)
            .ok_or_else(|| outcome::unusable(&self.caller, &answer, "the list has no known form"))?;
        let url = self.search_url(kind, &[])?;
        let page = paging::open(kind, &answer, &dialect, &url)
            .map_err(|problem| outcome::unusable(&self.caller, &answer, &problem))?;
        let Some(key) = page.assembled.keys.first().cloned() else {
            return Ok(Detected { dialect, seen_a_record: false });
        };
        self.detect_reading(kind, &key, &mut dialect).await?;
        dialect.identifier_search =
            self.finds_nothing(kind, &dialect, ("identifier", "urn:vetsync:probe|no-such-value")).await?;
        dialect.last_updated_search =
            self.finds_nothing(kind, &dialect, ("_lastUpdated", "ge2999-01-01T00:00:00Z")).await?;
        tracing::info!(?dialect, "EHR dialect found out");
        Ok(Detected { dialect, seen_a_record: true })
    }

    async fn detect_reading(
        &self,
        kind: RecordKind,
        key: &str,
        dialect: &mut Dialect,
    ) -> Result<(), RemoteError> {
        self.check_id(key)?;
        let by_id = self.get(self.record_url(kind, key)?).await?;
        self.says_something(&by_id)?;
        dialect.etag = by_id.header("etag").is_some();
        let is_bundle = |body: &str| {
            serde_json::from_str::<RawBundle<'_>>(body).is_ok_and(|bundle| bundle.resource_type == "Bundle")
        };
        if by_id.is_success() && is_bundle(&by_id.body) {
            return Ok(());
        }
        // By id there is the Patient alone, or nothing. Perhaps a search shows what belongs to it.
        let searched = self.get(self.search_url(kind, &[("_id", key)])?).await?;
        self.says_something(&searched)?;
        let shows_more = searched.is_success()
            && dialect.list == ListStyle::Searchset
            && bundle::assemble(kind, &searched.body, BodyStyle::Bundle).is_ok_and(|found| {
                found.keys == [key]
                    && (!by_id.is_success() || searched.body.contains("\"AllergyIntolerance\""))
            });
        if shows_more {
            dialect.read_by_search = true;
        } else if by_id.is_success() {
            dialect.body = BodyStyle::BarePatient;
        } else {
            return Err(self.caller.refused(by_id.status, outcome::refusal(&by_id)));
        }
        Ok(())
    }

    /// An answer that broke off, or a failure inside a good status, says nothing about what the EHR can do, and would be
    /// believed until the next start.
    fn says_something(&self, answer: &Answer) -> Result<(), RemoteError> {
        if !answer.is_success() {
            return Ok(());
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(&answer.body).is_err() {
            return Err(self.caller.transient(answer.status, "the answer is cut off or not JSON"));
        }
        match outcome::read(&answer.body) {
            Some(outcome) if outcome.failed => Err(self.caller.transient(answer.status, outcome.words)),
            _ => Ok(()),
        }
    }

    /// Whether a search that nothing can match finds nothing: an EHR that ignores the parameter sends everything.
    async fn finds_nothing(
        &self,
        kind: RecordKind,
        dialect: &Dialect,
        parameter: (&str, &str),
    ) -> Result<bool, RemoteError> {
        let url = self.search_url(kind, &[parameter, ("_count", "1")])?;
        match self.get(url.clone()).await {
            Ok(answer) if answer.is_success() => {
                self.says_something(&answer)?;
                Ok(paging::open(kind, &answer, dialect, &url)
                    .is_ok_and(|page| page.assembled.records == 0 && page.next.is_none()))
            }
            Ok(_) | Err(RemoteError::Protocol { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The form of a list.
pub(super) fn list_style(body: &str) -> Option<ListStyle> {
    let value: serde_json::Value = serde_json::from_str(body).ok()?;
    if value.is_array() {
        return Some(ListStyle::Array);
    }
    if value.get("resourceType").and_then(serde_json::Value::as_str) == Some("Bundle") {
        return Some(ListStyle::Searchset);
    }
    value.get("data")?.is_array().then_some(ListStyle::DataNext)
}
