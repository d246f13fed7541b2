//! The EHR: FHIR R4 bodies on routes of its own (design, "The EHR's dialect").
//!
//! Nothing beyond the bodies is assumed: the dialect is probed or configured, every answer is checked against what was
//! asked, and what an EHR cannot do is done without (wire-facts 4).

mod bundle;
mod dialect;
mod outcome;
mod paging;
mod probing;
mod writing;

pub use dialect::{BodyStyle, Dialect, DialectChoice, ListStyle};

use crate::http::{Answer, Call, CallStats, Caller, Now, SettingProblem, Transport, percent_encode};
use crate::signin::SignIn;
use crate::{
    Cursor, Fetched, ListScope, Next, Page, Probe, RemoteApi, RemoteError, WirePreview, Write, Written,
};
use async_trait::async_trait;
use record::{RecordKind, Remote};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// How one EHR is used.
#[derive(Debug, Clone)]
pub struct EhrSettings {
    /// The base address: `https://ehr.example.test/api/v1` (specification: `ehr_api_base_url`).
    pub base_url: String,
    /// The route of each kind under the base address: `patients`.
    pub routes: Vec<(RecordKind, String)>,
    /// Records asked for per page.
    pub page_records: u32,
    /// How far an incremental read reaches back before the asked time, milliseconds (wire-facts 4, "incremental pull").
    pub overlap_ms: i64,
    /// Identifier system of the ServiceNow table's keys: an own key without a system is looked for under it.
    pub key_system: String,
    /// Further parameters of every list and search, such as `("_revinclude", "AllergyIntolerance:patient")` for an EHR
    /// that sends allergies only when asked.
    pub list_parameters: Vec<(String, String)>,
    /// The dialect, known or to be found out.
    pub dialect: DialectChoice,
}

impl EhrSettings {
    /// The defaults: the specification's routes, pages of 200 records, 5 s of overlap, the dialect found out.
    pub fn new(base_url: impl Into<String>, key_system: impl Into<String>) -> Self {
        EhrSettings {
            base_url: base_url.into(),
            routes: vec![
                (RecordKind::Patient, "patients".to_owned()),
                (RecordKind::Appointment, "appointments".to_owned()),
                (RecordKind::Treatment, "treatments".to_owned()),
            ],
            page_records: 200,
            overlap_ms: 5_000,
            key_system: key_system.into(),
            list_parameters: Vec::new(),
            dialect: DialectChoice::Detect,
        }
    }
}

/// Client of one EHR.
pub struct Ehr {
    caller: Caller,
    base_url: String,
    settings: EhrSettings,
    detected: OnceCell<Dialect>,
    /// Kinds beside patients of which one was read by its id: the specification lists no such routes.
    by_id: Mutex<Vec<RecordKind>>,
    reads: paging::Reads,
}

impl std::fmt::Debug for Ehr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ehr").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// An identifier that marks a record as ours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OurKey<'a> {
    system: &'a str,
    value: &'a str,
}

impl Ehr {
    /// Checks the settings; nothing is sent yet.
    ///
    /// # Errors
    /// A base address that is not `https://`, or a route that is not a plain path.
    pub fn new(
        settings: EhrSettings,
        transport: Arc<dyn Transport>,
        sign_in: Arc<SignIn>,
        now: Now,
    ) -> Result<Ehr, SettingProblem> {
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        if !base_url.starts_with("https://") || reqwest::Url::parse(&base_url).is_err() {
            return Err(SettingProblem::new("ehr_api_base_url", "must be a full https:// address"));
        }
        if settings.page_records == 0 {
            return Err(SettingProblem::new("ehr_page_records", "must be more than 0"));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
        if settings.routes.iter().any(|(_, route)| route.is_empty() || !route.chars().all(plain)) {
            return Err(SettingProblem::new("ehr_routes", "a route is a plain path such as patients"));
        }
        let started_ms = now();
        Ok(Ehr {
            caller: Caller::new(Remote::Ehr, transport, sign_in, now, "application/fhir+json"),
            base_url,
            settings,
            detected: OnceCell::new(),
            by_id: Mutex::new(Vec::new()),
            reads: paging::Reads::new(started_ms),
        })
    }

    /// The dialect: as configured, or as found out on first use.
    ///
    /// # Errors
    /// What any read can fail with.
    pub async fn dialect(&self) -> Result<Dialect, RemoteError> {
        if let DialectChoice::Known(dialect) = &self.settings.dialect {
            return Ok(dialect.clone());
        }
        if let Some(dialect) = self.detected.get() {
            return Ok(dialect.clone());
        }
        let found = self.detect().await?;
        // An empty EHR shows little of its dialect: look again next time.
        if found.seen_a_record {
            let _ = self.detected.set(found.dialect.clone());
        }
        Ok(found.dialect)
    }

    fn route(&self, kind: RecordKind) -> Result<&str, RemoteError> {
        self.settings.routes.iter().find(|(of, _)| *of == kind).map(|(_, route)| route.as_str()).ok_or_else(
            || self.caller.refused(0, format!("no route is configured for the kind {}", kind.as_str())),
        )
    }

    fn record_url(&self, kind: RecordKind, key: &str) -> Result<String, RemoteError> {
        Ok(format!("{}/{}/{key}", self.base_url, self.route(kind)?))
    }

    /// A list or search with the given parameters and those of the settings.
    fn search_url(&self, kind: RecordKind, parameters: &[(&str, &str)]) -> Result<String, RemoteError> {
        let mut url = format!("{}/{}", self.base_url, self.route(kind)?);
        let configured =
            self.settings.list_parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (index, (name, value)) in parameters.iter().copied().chain(configured).enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&percent_encode(name, ""));
            url.push('=');
            url.push_str(&percent_encode(value, ":"));
        }
        Ok(url)
    }

    fn our_key<'a>(&'a self, text: &'a str) -> Result<OurKey<'a>, RemoteError> {
        let key = match text.split_once('|') {
            Some((system, value)) => OurKey { system, value },
            None => OurKey { system: &self.settings.key_system, value: text },
        };
        // A comma would make it a search for several values (FHIR R4 search, "Composite values and escaping").
        let unusable =
            |text: &str| text.chars().any(|c| c.is_control() || matches!(c, ',' | '$' | '\\' | '|'));
        if key.value.trim().is_empty() || unusable(key.value) || unusable(key.system) {
            return Err(self
                .caller
                .refused(0, "an identifier of ours cannot be searched for: nothing was sent"));
        }
        Ok(key)
    }

    /// Ids are `[A-Za-z0-9\-\.]{1,64}` (FHIR R4 datatypes); underscores are let through for lenient EHRs.
    fn check_id(&self, key: &str) -> Result<(), RemoteError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !key.is_empty() && key.len() <= 128 && key.chars().all(plain) && key.chars().any(|c| c != '.') {
            return Ok(());
        }
        Err(self.caller.refused(0, "this cannot be the id of a record in the EHR: nothing was sent"))
    }

    async fn get(&self, url: String) -> Result<Answer, RemoteError> {
        self.caller.call(&Call::get(url)).await
    }

    /// One record, with the `ETag` of the answer if there was one.
    async fn record(
        &self,
        kind: RecordKind,
        key: &str,
        dialect: &Dialect,
    ) -> Result<(Fetched, Option<String>), RemoteError> {
        self.check_id(key)?;
        let by_search = kind == RecordKind::Patient && dialect.read_by_search;
        let url =
            if by_search { self.search_url(kind, &[("_id", key)])? } else { self.record_url(kind, key)? };
        let answer = self.get(url).await?;
        let not_found = || RemoteError::NotFound { remote: Remote::Ehr, key: key.to_owned() };
        match answer.status {
            // 410 is said by a route that is there; 404 also by one that is not.
            404 | 405 | 501 if kind != RecordKind::Patient && !self.reads_by_id(kind) => {
                return Box::pin(self.record_from_list(kind, key, dialect)).await;
            }
            404 | 410 => return Err(not_found()),
            _ => {}
        }
        if !answer.is_success() {
            return Err(self.caller.refused(answer.status, outcome::refusal(&answer)));
        }
        let assembled = bundle::assemble(kind, &answer.body, dialect.body)
            .map_err(|problem| outcome::unusable(&self.caller, &answer, &problem))?;
        let etag = answer.header("etag").map(str::to_owned);
        let mut matching = assembled.items.into_iter().filter(|fetched| fetched.key == key);
        match (matching.next(), assembled.malformed.into_iter().next()) {
            (Some(fetched), _) => {
                self.note_reads_by_id(kind);
                Ok((fetched, etag))
            }
            (None, Some(problem)) => Err(self.caller.protocol(problem.problem)),
            (None, None) if by_search && assembled.records == 0 => Err(not_found()),
            (None, None) => Err(self.caller.protocol("another record came than the one that was asked for")),
        }
    }

    fn reads_by_id(&self, kind: RecordKind) -> bool {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner).contains(&kind)
    }

    fn note_reads_by_id(&self, kind: RecordKind) {
        let mut known = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        if kind != RecordKind::Patient && !known.contains(&kind) {
            known.push(kind);
        }
    }

    /// One record where it cannot be read by its id: searched by `_id`, and where that is ignored, looked for in the
    /// whole list. Only a proven read says that it is not there.
    async fn record_from_list(
        &self,
        kind: RecordKind,
        key: &str,
        dialect: &Dialect,
    ) -> Result<(Fetched, Option<String>), RemoteError> {
        let url = self.search_url(kind, &[("_id", key)])?;
        let answer = self.get(url.clone()).await?;
        if answer.is_success()
            && let Ok(page) = paging::open(kind, &answer, dialect, &url)
            && page.assembled.doubt.is_none()
            && page.next.is_none()
            && page.assembled.malformed.is_empty()
            && page.assembled.keys.iter().all(|found| found == key)
        {
            // Were the parameter ignored, everything would have come: nothing is nothing.
            return match page.assembled.items.into_iter().next() {
                Some(found) => Ok((found, None)),
                None => Err(RemoteError::NotFound { remote: Remote::Ehr, key: key.to_owned() }),
            };
        }
        // Refused or ignored.
        let mut cursor = None;
        loop {
            let page = self.list_page(kind, &ListScope::All, cursor.as_ref()).await?;
            if let Some(found) = page.items.into_iter().find(|item| item.key == key) {
                return Ok((found, None));
            }
            if let Some(found) =
                page.malformed.into_iter().find(|malformed| malformed.key.as_deref() == Some(key))
            {
                return Err(self.caller.protocol(found.problem));
            }
            match page.next {
                Next::More(next) => cursor = Some(next),
                Next::ProvenComplete => {
                    return Err(RemoteError::NotFound { remote: Remote::Ehr, key: key.to_owned() });
                }
                Next::Unproven { why } => {
                    return Err(self.caller.protocol(format!(
                        "whether the record is there cannot be told: it cannot be read by its id, and {why}"
                    )));
                }
            }
        }
    }
}

#[async_trait]
impl RemoteApi for Ehr {
    fn remote(&self) -> Remote {
        Remote::Ehr
    }

    async fn list(
        &self,
        kind: RecordKind,
        scope: &ListScope,
        cursor: Option<&Cursor>,
    ) -> Result<Page, RemoteError> {
        self.list_page(kind, scope, cursor).await
    }

    async fn read(&self, kind: RecordKind, key: &str) -> Result<Fetched, RemoteError> {
        let dialect = self.dialect().await?;
        Ok(self.record(kind, key, &dialect).await?.0)
    }

    /// `our_key` is `system|value`, or a value alone, which is looked for under the configured key system.
    async fn find_by_our_key(&self, kind: RecordKind, our_key: &str) -> Result<Option<Fetched>, RemoteError> {
        self.find_record(kind, our_key).await
    }

    async fn write(&self, write: &Write) -> Result<Written, RemoteError> {
        match &write.key {
            Some(earlier) if write.kind == RecordKind::Treatment => self.revise(earlier, write).await,
            Some(key) => self.update(key, write).await,
            None => self.create(write).await,
        }
    }

    fn preview(&self, write: &Write) -> WirePreview {
        self.preview_of(write)
    }

    async fn probe(&self) -> Result<Probe, RemoteError> {
        self.probe_all().await
    }

    fn last_call(&self) -> Option<CallStats> {
        self.caller.last_call()
    }

    fn requests_per_minute(&self) -> Option<u32> {
        self.caller.requests_per_minute()
    }
}
