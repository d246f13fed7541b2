//! What ServiceNow answers: the envelope around rows, the rows' heads, refusals in words.

use crate::http::{Answer, quoted};
use crate::{Fetched, Malformed};
use aws_lc_rs::digest;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `{"result": …}` or `{"error": {"message", "detail"}, "status": "failure"}`; a list may carry both (wire-facts 5.1).
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Value>,
}

/// An opened answer.
pub(crate) enum Envelope<'a> {
    /// The text of `result`.
    Result(&'a str),
    /// A good status with an error or a broken-off body inside: too big a page, a cancelled transaction.
    Broken(String),
    /// Refused for good, in words.
    Refused(String),
}

/// Opens an answer whose status is neither 401 nor passing (those are classified before).
pub(crate) fn open(answer: &Answer) -> Envelope<'_> {
    if !answer.is_success() {
        return Envelope::Refused(refusal(answer));
    }
    let Ok(body) = serde_json::from_str::<Body<'_>>(&answer.body) else {
        return Envelope::Broken("the JSON is broken off or unreadable".to_owned());
    };
    if let Some(error) = &body.error {
        return Envelope::Broken(error_words(error));
    }
    match body.result {
        Some(result) => Envelope::Result(result.get()),
        None => Envelope::Broken("the answer holds no result".to_owned()),
    }
}

fn message_and_detail(error: &Value) -> (&str, &str) {
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    (error.as_str().unwrap_or_else(|| text("message")), text("detail"))
}

fn error_words(error: &Value) -> String {
    let (message, detail) = message_and_detail(error);
    match (message.is_empty(), detail.is_empty() || detail.starts_with(message)) {
        (true, true) => quoted(detail),
        (false, true) => quoted(message),
        _ => quoted(&format!("{message}: {detail}")),
    }
}

/// The version in the answer to a write, if it is told: that of the row as this write left it.
pub(super) fn written_version(answer: &Answer) -> Option<String> {
    let Envelope::Result(row) = open(answer) else { return None };
    column(row, "sys_mod_count").filter(|version| !version.is_empty())
}

/// 404 for a row that is deleted or hidden (wire-facts 5.1), as opposed to an address that does not exist.
pub(crate) fn is_no_record(body: &str) -> bool {
    serde_json::from_str::<Body<'_>>(body)
        .ok()
        .and_then(|body| body.error)
        .is_some_and(|error| message_and_detail(&error).0.eq_ignore_ascii_case("No Record found"))
}

/// A refusal with its way out.
fn refusal(answer: &Answer) -> String {
    let error = serde_json::from_str::<Body<'_>>(&answer.body)
        .ok()
        .and_then(|body| body.error)
        .unwrap_or(Value::Null);
    let (message, detail) = message_and_detail(&error);
    let says = error_words(&error);
    match answer.status {
        400 if message.starts_with("Invalid table") => {
            "the table is not known there: check the table's name in the settings".to_owned()
        }
        403 if detail.contains("Failed API level ACL Validation") => {
            "the table is closed to REST for the integration user: give the user a role that may read and write it, \
             and allow web service access on the table"
                .to_owned()
        }
        403 if detail.contains("aborted by Business Rule") => {
            let rule = business_rule(detail)
                .map_or_else(String::new, |rule| format!(" \"{}\"", quoted(rule)));
            format!("the business rule{rule} stopped the write; its reason stands in ServiceNow's log only. \
                     The credentials are fine: ask whoever keeps that rule")
        }
        403 if detail.contains("ACL") || message.contains("ACL") => {
            "an access rule of the table or of one of its columns forbids it: give the integration user the role that \
             the rule asks for"
                .to_owned()
        }
        404 => "the address is not known there: check the base address and the table's name in the settings".to_owned(),
        _ if says.to_ascii_lowercase().contains("unique key violation") => {
            "another row already holds this unique value: look it up before creating one".to_owned()
        }
        403 => format!("not allowed for the integration user{}", in_parentheses(&says)),
        _ => format!("the request was refused{}", in_parentheses(&says)),
    }
}

fn in_parentheses(says: &str) -> String {
    if says.is_empty() { String::new() } else { format!(" ({says})") }
}

/// `… aborted by Business Rule 'No double booking^0e5b9945'. …`
fn business_rule(detail: &str) -> Option<&str> {
    let (_, rest) = detail.split_once("Business Rule '")?;
    let (name, _) = rest.split_once('\'')?;
    Some(name.split_once('^').map_or(name, |(name, _)| name))
}

/// The system columns of a row.
#[derive(Deserialize)]
#[allow(clippy::struct_field_names, reason = "the platform's names")]
struct Head {
    #[serde(default)]
    sys_id: Value,
    #[serde(default)]
    sys_mod_count: Value,
    #[serde(default)]
    sys_updated_on: Value,
    #[serde(default)]
    sys_updated_by: Value,
}

/// A row as it was received.
pub(super) fn fetched(text: &str) -> Result<Fetched, Malformed> {
    let malformed = |key: Option<&str>, problem: String| Malformed {
        key: key.map(str::to_owned),
        raw: text.to_owned(),
        problem,
    };
    let head: Head =
        serde_json::from_str(text).map_err(|_| malformed(None, "the row is not an object".to_owned()))?;
    let key = head
        .sys_id
        .as_str()
        .filter(|key| !key.is_empty())
        .ok_or_else(|| malformed(None, missing("sys_id", &head.sys_id)))?;
    let count = head
        .sys_mod_count
        .as_str()
        .filter(|count| !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| malformed(Some(key), missing("sys_mod_count", &head.sys_mod_count)))?;
    let content =
        content_digest(text).ok_or_else(|| malformed(Some(key), "the row is not an object".to_owned()))?;
    Ok(Fetched {
        key: key.to_owned(),
        version: format!("{count}~{content}"),
        raw: text.to_owned(),
        changed_by: head.sys_updated_by.as_str().filter(|name| !name.is_empty()).map(str::to_owned),
        changed_at_ms: head.sys_updated_on.as_str().and_then(stamp_ms),
    })
}

fn missing(column: &str, value: &Value) -> String {
    match value {
        Value::Null => {
            format!("{column} is absent: an access rule hides it; let the integration user read it")
        }
        Value::Object(_) => {
            format!("{column} is an object: display values came although stored ones were asked for")
        }
        _ => format!("{column} is not what a row's {column} looks like"),
    }
}

/// The change counter of a row's version token.
pub(super) fn change_count(version: &str) -> Option<i64> {
    version.split('~').next()?.parse().ok()
}

/// A row's columns, but for the platform's own, in the order of their names.
#[derive(Deserialize)]
struct Content<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);

/// What tells two contents of a row apart, however it is laid out: a script may write without moving the change counter
/// (`autoSysFields(false)`, wire-facts 5.4).
fn content_digest(text: &str) -> Option<String> {
    let Content(columns) = serde_json::from_str(text).ok()?;
    let mut context = digest::Context::new(&digest::SHA256);
    for (name, value) in columns.iter().filter(|(name, _)| !name.starts_with("sys_")) {
        context.update(name.as_bytes());
        context.update(b"\0");
        match serde_json::from_str::<Cow<'_, str>>(value.get()) {
            Ok(value) => context.update(value.as_bytes()),
            Err(_) => context.update(value.get().as_bytes()),
        }
        context.update(b"\0");
    }
    context.finish().as_ref().get(..8).map(hex::encode)
}

/// The rows of a list.
pub(crate) fn rows(result: &str) -> Option<Vec<&str>> {
    let rows: Vec<&RawValue> = serde_json::from_str(result).ok()?;
    Some(rows.into_iter().map(RawValue::get).collect())
}

/// One text column of a row.
pub(crate) fn column(row: &str, name: &str) -> Option<String> {
    let row: serde_json::Map<String, Value> = serde_json::from_str(row).ok()?;
    row.get(name)?.as_str().map(str::to_owned)
}

/// Whether a row shows a column at all, be it empty: one that an access rule hides is left out.
pub(super) fn shows(row: &str, name: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, Value>>(row).is_ok_and(|row| row.contains_key(name))
}

const STAMP: &str = "%Y-%m-%d %H:%M:%S";

/// `2025-03-01 09:12:44`, UTC without a mark (wire-facts 5.4), as Unix milliseconds.
pub(crate) fn stamp_ms(text: &str) -> Option<i64> {
    chrono::NaiveDateTime::parse_from_str(text, STAMP).ok().map(|time| time.and_utc().timestamp_millis())
}

/// The inverse of [`stamp_ms`], cut to the second.
pub(super) fn stamp(at_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at_ms.max(0)).unwrap_or_default().format(STAMP).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: http::HeaderMap::new(), body: body.to_owned() }
    }

    fn refused(status: u16, body: &str) -> String {
        match open(&answer(status, body)) {
            Envelope::Refused(what) => what,
            _ => panic!("{status} is a refusal"),
        }
    }

    #[test]
    fn refusals_are_told_apart_with_their_way_out() {
        let acl = refused(403, include_str!("../../tests/fixtures/servicenow-403-acl.json"));
        assert!(acl.contains("closed to REST"), "{acl}");
        let rule = refused(403, include_str!("../../tests/fixtures/servicenow-403-business-rule.json"));
        assert!(rule.contains("\"No double booking\"") && rule.contains("credentials are fine"), "{rule}");
        let write_acl = refused(
            403,
            r#"{"error":{"message":"Operation Failed","detail":"ACL Exception Update Failed due to security constraints"},"status":"failure"}"#,
        );
        assert!(write_acl.contains("access rule"), "{write_acl}");
        let table = refused(400, include_str!("../../tests/fixtures/servicenow-400-invalid-table.json"));
        assert!(table.contains("table's name"), "{table}");
        let unique = refused(
            403,
            r#"{"error":{"message":"Operation Failed","detail":"Unique Key violation detected by database"},"status":"failure"}"#,
        );
        assert!(unique.contains("unique value"), "{unique}");
        assert!(is_no_record(include_str!("../../tests/fixtures/servicenow-404-record.json")));
        assert!(!is_no_record(include_str!("../../tests/fixtures/servicenow-400-invalid-table.json")));
    }

    #[test]
    fn a_good_status_with_an_error_inside_is_never_believed() {
        let text = include_str!("../../tests/fixtures/servicenow-200-truncated-by-quota.txt");
        let Envelope::Broken(what) = open(&answer(200, text)) else { panic!("must be broken") };
        assert!(what.contains("maximum execution time"), "{what}");
        assert!(matches!(open(&answer(200, r#"{"result":[{"sys_id":"1"#)), Envelope::Broken(_)));
        assert!(matches!(open(&answer(200, "{}")), Envelope::Broken(_)));
        assert!(matches!(open(&answer(200, r#"{"result":[]}"#)), Envelope::Result("[]")));
    }

    #[test]
    fn a_row_without_its_version_or_with_display_values_is_malformed() {
        let list = include_str!("../../tests/fixtures/servicenow-list-200.json");
        let listed = answer(200, list);
        let Envelope::Result(result) = open(&listed) else { panic!("must be a result") };
        let row = fetched(rows(result).unwrap()[0]).unwrap();
        assert_eq!(row.key, "0f3c1e2d9b7a4c5e8f60123456789abc");
        assert_eq!(change_count(&row.version), Some(4), "{}", row.version);
        assert_eq!(row.changed_by.as_deref(), Some("ehr.sync"));
        assert_eq!(row.changed_at_ms, Some(1_740_820_364_000));
        let hidden = fetched(r#"{"sys_id":"a1"}"#).unwrap_err();
        assert_eq!(hidden.key.as_deref(), Some("a1"));
        assert!(hidden.problem.contains("sys_mod_count is absent"), "{}", hidden.problem);
        let all = include_str!("../../tests/fixtures/servicenow-list-200-displayvalue-all.json");
        let listed = answer(200, all);
        let Envelope::Result(result) = open(&listed) else { panic!("must be a result") };
        assert!(fetched(rows(result).unwrap()[0]).unwrap_err().problem.contains("display values"));
        assert!(fetched("[]").is_err());
    }

    #[test]
    fn the_version_moves_with_the_counter_and_with_the_content() {
        let version = |text: &str| fetched(text).unwrap().version;
        let row = version(r#"{"sys_id":"a1","sys_mod_count":"4","u_name":"Zoë","u_note":""}"#);
        // Laid out in another way, and seen by somebody else in between.
        let same =
            r#"{"u_note":"", "u_name":"Zo\u00eb","sys_updated_by":"x","sys_mod_count":"4","sys_id":"a1"}"#;
        assert_eq!(version(same), row);
        // A script wrote without moving the counter.
        let script = version(r#"{"sys_id":"a1","sys_mod_count":"4","u_name":"Zoë","u_note":"x"}"#);
        assert_ne!(script, row);
        assert_eq!(change_count(&script), change_count(&row));
        assert_ne!(version(r#"{"sys_id":"a1","sys_mod_count":"5","u_name":"Zoë","u_note":""}"#), row);
    }

    #[test]
    fn stamps_are_utc_and_cut_to_the_second() {
        assert_eq!(stamp_ms("2025-03-01 09:12:44"), Some(1_740_820_364_000));
        assert_eq!(stamp(1_740_820_364_999), "2025-03-01 09:12:44");
        assert_eq!(stamp(-5), "1970-01-01 00:00:00");
        assert_eq!(stamp_ms("01.03.2025 09:12"), None);
    }
}
