//! Writes: the record read just before, the body sent under `If-Match` or `If-None-Exist`, the record read back.

use super::bundle::{self, RawBundle, has_identifier, main_type, own_version};
use super::dialect::{BodyStyle, Dialect, DialectChoice};
use super::{Ehr, OurKey, outcome, paging};
use crate::http::{Answer, Call, Effect, percent_encode};
use crate::{Fetched, ListScope, Next, RemoteError, WirePreview, Write, Written};
use record::{RecordKind, Remote};
use serde_json::Value;
use serde_json::value::RawValue;

impl Ehr {
    pub(super) async fn find_record(
        &self,
        kind: RecordKind,
        our_key: &str,
    ) -> Result<Option<Fetched>, RemoteError> {
        let key = self.our_key(our_key)?;
        let dialect = self.dialect().await?;
        if dialect.identifier_search
            && let Some(found) = self.search_identifier(kind, &key, &dialect).await?
        {
            return self.only_one(found);
        }
        self.only_one(self.scan_for(kind, &key).await?)
    }

    fn only_one(&self, mut found: Vec<Fetched>) -> Result<Option<Fetched>, RemoteError> {
        if found.len() > 1 {
            return Err(RemoteError::Many { remote: self.caller.remote, count: found.len() });
        }
        Ok(found.pop())
    }

    /// The records a search gives; `None` if the EHR ignored or refused the parameter.
    async fn search_identifier(
        &self,
        kind: RecordKind,
        key: &OurKey<'_>,
        dialect: &Dialect,
    ) -> Result<Option<Vec<Fetched>>, RemoteError> {
        let mut url = self.search_url(kind, &[("identifier", &format!("{}|{}", key.system, key.value))])?;
        let mut found: Vec<Fetched> = Vec::new();
        // A handful of pages is more than enough for records that carry one key; a circle of links ends here too.
        for _ in 0..5 {
            let answer = self.get(url.clone()).await?;
            if matches!(answer.status, 400 | 405 | 422 | 501) {
                return Ok(None);
            }
            if !answer.is_success() {
                return Err(self.caller.refused(answer.status, outcome::refusal(&answer)));
            }
            let page = paging::open(kind, &answer, dialect, &url)
                .map_err(|problem| outcome::unusable(&self.caller, &answer, &problem))?;
            if let Some(doubt) = page.assembled.doubt {
                return Err(self.caller.transient(answer.status, doubt));
            }
            if let Some(problem) = page.assembled.malformed.into_iter().next() {
                return Err(self.caller.protocol(problem.problem));
            }
            // An ignored parameter brings records that carry another key (wire-facts 4).
            if page.assembled.items.iter().any(|item| !has_identifier(&item.raw, key.system, key.value)) {
                return Ok(None);
            }
            for item in page.assembled.items {
                if found.iter().all(|known| known.key != item.key) {
                    found.push(item);
                }
            }
            match page.next {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(Some(found))
    }

    /// Reads everything and looks for the identifier. Nothing found in an unproven read proves nothing.
    async fn scan_for(&self, kind: RecordKind, key: &OurKey<'_>) -> Result<Vec<Fetched>, RemoteError> {
        let mut found: Vec<Fetched> = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.list_page(kind, &ListScope::All, cursor.as_ref()).await?;
            for item in page.items {
                if has_identifier(&item.raw, key.system, key.value)
                    && found.iter().all(|known| known.key != item.key)
                {
                    found.push(item);
                }
            }
            match page.next {
                Next::More(next) => cursor = Some(next),
                Next::ProvenComplete => return Ok(found),
                Next::Unproven { .. } if !found.is_empty() => return Ok(found),
                Next::Unproven { why } => {
                    return Err(self.caller.protocol(format!(
                        "whether a record with our identifier is there cannot be told: it cannot be searched for, and \
                         {why}"
                    )));
                }
            }
        }
    }

    pub(super) async fn update(&self, key: &str, write: &Write) -> Result<Written, RemoteError> {
        let Some(expected) = &write.expected_version else {
            return Err(self
                .caller
                .refused(0, "an update needs the version it was decided on: nothing was sent"));
        };
        let dialect = self.dialect().await?;
        let body = self.checked_body(write, Some(key), dialect.body)?;
        let (before, etag) = self.record(write.kind, key, &dialect).await?;
        if before.version != *expected {
            return Err(RemoteError::Moved {
                remote: Remote::Ehr,
                key: key.to_owned(),
                current_version: Some(before.version),
            });
        }
        let mut headers = Vec::new();
        // One answer without `ETag`, at the time the dialect was found out or now, takes no protection away.
        let known = || own_version(expected).filter(|_| dialect.etag).map(weak_etag);
        if let Some(etag) = etag.or_else(known) {
            headers.push(("if-match", etag));
        }
        let call = Call {
            method: http::Method::PUT,
            url: self.record_url(write.kind, key)?,
            headers,
            body: Some(body),
            effect: Effect::Write,
        };
        let answer = self.caller.call(&call).await?;
        match answer.status {
            200 | 201 | 202 | 204 => {}
            // R4 says 412, some servers 409 (wire-facts 4).
            409 | 412 => {
                return Err(RemoteError::Moved {
                    remote: Remote::Ehr,
                    key: key.to_owned(),
                    current_version: None,
                });
            }
            404 | 410 => return Err(RemoteError::NotFound { remote: Remote::Ehr, key: key.to_owned() }),
            status => return Err(self.caller.refused(status, outcome::refusal(&answer))),
        }
        // The answer shows the record as our write left it; who writes after that overwrites us, and is read back.
        let at_our_write = answered_version(&answer);
        let written = self.written(write.kind, key.to_owned(), answer, &dialect).await?;
        // Without If-Match a colleague's change in the moment of writing is lost; where versions count, they tell.
        let number = |version: &str| own_version(version)?.parse::<i64>().ok();
        let after = at_our_write.or_else(|| number(&written.read_back.version));
        let raced = match (number(expected), after) {
            (Some(before), Some(after)) => !(before..=before + 1).contains(&after),
            _ => false,
        };
        Ok(Written { raced, ..written })
    }

    pub(super) async fn create(&self, write: &Write) -> Result<Written, RemoteError> {
        let key = self.our_key(&write.idempotency_key)?;
        let dialect = self.dialect().await?;
        let body = self.checked_body(write, None, dialect.body)?;
        if !has_identifier(&body, key.system, key.value) {
            return Err(self.caller.refused(
                0,
                "a new record must carry our key as an identifier, to be found again: nothing was sent",
            ));
        }
        let mut headers = Vec::new();
        // A transaction carries the condition of each create within itself.
        if dialect.if_none_exist && !is_transaction(&body) {
            headers.push(("if-none-exist", if_none_exist(&key)));
        }
        let call = Call {
            method: http::Method::POST,
            url: self.create_url(write.kind, &body)?,
            headers,
            body: Some(body),
            effect: Effect::Write,
        };
        let answer = self.caller.call(&call).await?;
        match answer.status {
            // 200: one with this identifier was there, and nothing was written.
            200..=204 => {}
            412 => {
                // More than one carries it already.
                let error = match self.find_record(write.kind, &write.idempotency_key).await {
                    Err(error @ RemoteError::Many { .. }) => error,
                    _ => self.caller.refused(412, outcome::refusal(&answer)),
                };
                return Err(error);
            }
            status => return Err(self.caller.refused(status, outcome::refusal(&answer))),
        }
        let new_key = match created_key(write.kind, &answer) {
            Some(new_key) => new_key,
            None => match self.find_record(write.kind, &write.idempotency_key).await {
                Ok(Some(found)) => found.key,
                _ => return Err(self.caller.ambiguous("it accepted the new record without saying its id")),
            },
        };
        self.written(write.kind, new_key, answer, &dialect).await
    }

    /// A new version of a treatment: created beside the earlier one, which is never changed, if that one still stands as it
    /// was when this was decided. `If-None-Exist` on the version's own identifier lets nobody make this version a second
    /// time; no condition of FHIR's on a create holds another resource still, so the earlier one is read once more, and
    /// where it moved in between (or that cannot be told) the write has raced.
    pub(super) async fn revise(&self, earlier: &str, write: &Write) -> Result<Written, RemoteError> {
        let Some(expected) = &write.expected_version else {
            return Err(self
                .caller
                .refused(0, "a new version needs the version it was decided on: nothing was sent"));
        };
        let dialect = self.dialect().await?;
        let (before, _) = self.record(write.kind, earlier, &dialect).await?;
        if before.version != *expected {
            return Err(RemoteError::Moved {
                remote: Remote::Ehr,
                key: earlier.to_owned(),
                current_version: Some(before.version),
            });
        }
        let ours = self.our_key(&write.idempotency_key)?;
        if has_identifier(&before.raw, ours.system, ours.value) {
            return Err(self.caller.refused(
                0,
                "a treatment is written once; a change is a new version that names the earlier one: nothing was sent",
            ));
        }
        let written = self.create(&Write { key: None, expected_version: None, ..write.clone() }).await?;
        let raced = match self.record(write.kind, earlier, &dialect).await {
            Ok((after, _)) => after.version != *expected,
            Err(_) => true,
        };
        Ok(Written { raced, ..written })
    }

    /// Where a new record is sent: its route, or the base for a transaction (FHIR R4 http, "transaction").
    fn create_url(&self, kind: RecordKind, body: &str) -> Result<String, RemoteError> {
        let route = self.route(kind)?;
        Ok(if is_transaction(body) { self.base_url.clone() } else { format!("{}/{route}", self.base_url) })
    }

    /// Reads back what was just written. It was written, whatever happens now.
    async fn written(
        &self,
        kind: RecordKind,
        key: String,
        answer: Answer,
        dialect: &Dialect,
    ) -> Result<Written, RemoteError> {
        let (read_back, _) = self.record(kind, &key, dialect).await.map_err(|error| {
            self.caller.ambiguous(format!(
                "it accepted the write, but the record could not be read back ({})",
                error.name()
            ))
        })?;
        Ok(Written { key, status: answer.status, response_body: answer.body, read_back, raced: false })
    }

    /// The bytes to send: the body as it stands. An EHR that takes a Patient alone gets the Bundle's only resource, and
    /// refuses what it has no place for here, before anything is lost.
    fn checked_body(
        &self,
        write: &Write,
        key: Option<&str>,
        style: BodyStyle,
    ) -> Result<String, RemoteError> {
        let refuse = |what: &str| self.caller.refused(0, format!("{what}: nothing was sent"));
        let document: Value =
            serde_json::from_str(&write.body).map_err(|_| refuse("the body is not JSON"))?;
        let is_bundle = document.get("resourceType").and_then(Value::as_str) == Some("Bundle");
        let resources: Vec<&Value> = if is_bundle {
            document
                .get("entry")
                .and_then(Value::as_array)
                .map(|entries| entries.iter().filter_map(|entry| entry.get("resource")).collect())
                .unwrap_or_default()
        } else {
            vec![&document]
        };
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let main = main_type(write.kind);
        let Some(first) =
            resources.first().filter(|first| text(first, "resourceType").as_deref() == Some(main))
        else {
            return Err(refuse(&format!("the body must begin with a {main}")));
        };
        if resources.iter().any(|resource| is_subset(resource)) {
            return Err(refuse("the body holds a summary (tag SUBSETTED), which would lose the rest"));
        }
        // FHIR R4 http, "update": the id of the body and of the address are the same.
        if key.is_some() && text(first, "id").as_deref() != key {
            return Err(refuse("the body's id is not the id of the record to update"));
        }
        if is_transaction(&write.body) {
            self.check_transaction(&write.body)?;
        }
        if style == BodyStyle::Bundle || !is_bundle || write.kind != RecordKind::Patient {
            return Ok(write.body.clone());
        }
        if resources.len() > 1 {
            return Err(refuse(
                "this EHR takes a Patient alone, and the body holds allergies too: \
                 map the allergies to an extension, or take them out of the mapping",
            ));
        }
        only_resource(&write.body).ok_or_else(|| refuse("the body's only resource cannot be read"))
    }

    /// Every entry of a transaction must be a create on a condition: a repeated one would make again what has none, since
    /// the condition on one entry says nothing about the others.
    fn check_transaction(&self, body: &str) -> Result<(), RemoteError> {
        let document: Value = serde_json::from_str(body).unwrap_or_default();
        let entries = document.get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
        let safe = |entry: &Value| {
            entry.pointer("/request/method").and_then(Value::as_str) == Some("POST")
                && entry.pointer("/request/ifNoneExist").and_then(Value::as_str).is_some()
        };
        let lone = entries.iter().all(|entry| {
            entry.pointer("/resource/resourceType").and_then(Value::as_str) == Some("Provenance")
                || safe(entry)
        });
        if lone && entries.first().is_some_and(safe) {
            return Ok(());
        }
        Err(self.caller.refused(
            0,
            "an entry of the transaction is no create on a condition, so that a repeated one could make it twice: \
             nothing was sent",
        ))
    }

    pub(super) fn preview_of(&self, write: &Write) -> WirePreview {
        let known = match &self.settings.dialect {
            DialectChoice::Known(dialect) => Some(dialect),
            DialectChoice::Detect => self.detected.get(),
        };
        let dialect = known.cloned().unwrap_or_default();
        let mut headers = vec![("Content-Type".to_owned(), "application/fhir+json".to_owned())];
        let route = self.route(write.kind).unwrap_or_default();
        // A treatment's key is that of the version it revises: it is created beside it.
        if let Some(key) = write.key.as_ref().filter(|_| write.kind != RecordKind::Treatment) {
            let version = write.expected_version.as_deref().and_then(own_version);
            if let Some(version) = version.filter(|_| dialect.etag) {
                headers.push(("If-Match".to_owned(), weak_etag(version)));
            }
            let url = format!("{}/{route}/{key}", self.base_url);
            return WirePreview { method: "PUT".to_owned(), url, headers };
        }
        let conditional = dialect.if_none_exist && !is_transaction(&write.body);
        if let Some(key) = self.our_key(&write.idempotency_key).ok().filter(|_| conditional) {
            headers.push(("If-None-Exist".to_owned(), if_none_exist(&key)));
        }
        let url = self.create_url(write.kind, &write.body).unwrap_or_default();
        WirePreview { method: "POST".to_owned(), url, headers }
    }
}

/// The version in the answer to a write, where versions count: the `ETag`, or the record in its body.
fn answered_version(answer: &Answer) -> Option<i64> {
    let etag = answer.header("etag").map(|text| text.trim_start_matches("W/").trim_matches('"').to_owned());
    let told = || {
        let body: Value = serde_json::from_str(&answer.body).ok()?;
        let version = body
            .pointer("/meta/versionId")
            .or_else(|| body.pointer("/entry/0/resource/meta/versionId"))
            .and_then(Value::as_str)?;
        Some(version.to_owned())
    };
    etag.or_else(told)?.parse().ok()
}

fn weak_etag(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// The query part only (FHIR R4 http, "Conditional create").
fn if_none_exist(key: &OurKey<'_>) -> String {
    format!("identifier={}|{}", percent_encode(key.system, ":/"), percent_encode(key.value, ""))
}

fn is_subset(resource: &Value) -> bool {
    resource.pointer("/meta/tag").and_then(Value::as_array).is_some_and(|tags| {
        tags.iter().any(|tag| tag.get("code").and_then(Value::as_str) == Some("SUBSETTED"))
    })
}

/// The text of the only resource in a Bundle.
fn only_resource(body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        resource: &'a RawValue,
    }
    let bundle: RawBundle<'_> = serde_json::from_str(body).ok()?;
    let entry: Entry<'_> = serde_json::from_str(bundle.entry.first()?.get()).ok()?;
    Some(entry.resource.get().to_owned())
}

/// Whether a body is a Bundle of type transaction.
fn is_transaction(body: &str) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head<'a> {
        #[serde(borrow, default)]
        resource_type: Option<std::borrow::Cow<'a, str>>,
        #[serde(borrow, default)]
        r#type: Option<std::borrow::Cow<'a, str>>,
    }
    serde_json::from_str::<Head<'_>>(body).is_ok_and(|head| {
        head.resource_type.as_deref() == Some("Bundle") && head.r#type.as_deref() == Some("transaction")
    })
}

/// The new record's id: from `Location`, from the first answer within a transaction's, else from the body.
fn created_key(kind: RecordKind, answer: &Answer) -> Option<String> {
    let plain = |id: &&str| {
        !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    };
    let answered: Option<Value> = serde_json::from_str(&answer.body).ok();
    let first = answered
        .as_ref()
        .and_then(|bundle| bundle.pointer("/entry/0/response/location"))
        .and_then(Value::as_str);
    let from_location = answer.header("location").or(first).and_then(|location| {
        let path = location.split(['?', '#']).next()?;
        let path = path.split_once("/_history/").map_or(path, |(current, _)| current);
        // A location without a path above it is not one of a record.
        let (_, id) = path.trim_end_matches('/').rsplit_once('/')?;
        Some(id).filter(plain).map(str::to_owned)
    });
    from_location.or_else(|| {
        let assembled = bundle::assemble(kind, &answer.body, BodyStyle::Bundle).ok()?;
        assembled.keys.into_iter().next()
    })
}
