//! `OperationOutcome` in words (FHIR R4 operationoutcome; wire-facts 3.6).

use crate::RemoteError;
use crate::http::{Answer, Caller, quoted};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationOutcome {
    resource_type: String,
    #[serde(default)]
    issue: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    code: String,
    details: Option<Details>,
    diagnostics: Option<String>,
    #[serde(default)]
    expression: Vec<String>,
}

#[derive(Deserialize)]
struct Details {
    text: Option<String>,
}

/// What an `OperationOutcome` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whether an issue is an error or fatal; the others are hints.
    pub failed: bool,
    /// Whether it passes by itself (issue types `transient` and its children).
    pub passing: bool,
    /// The issues in words; never empty, though a server may name none.
    pub words: String,
}

/// Reads an `OperationOutcome`; `None` for anything else.
pub(super) fn read(text: &str) -> Option<Outcome> {
    let outcome: OperationOutcome = serde_json::from_str(text).ok()?;
    if outcome.resource_type != "OperationOutcome" {
        return None;
    }
    let is_error = |issue: &Issue| matches!(issue.severity.as_str(), "error" | "fatal");
    let failed = outcome.issue.iter().any(is_error);
    let passing = outcome.issue.iter().filter(|issue| is_error(issue)).any(|issue| {
        matches!(
            issue.code.as_str(),
            "transient" | "lock-error" | "no-store" | "exception" | "timeout" | "incomplete" | "throttled"
        )
    });
    let words: Vec<String> =
        outcome.issue.iter().filter(|issue| is_error(issue) == failed).map(issue_words).collect();
    let words =
        if words.is_empty() { "an OperationOutcome without issues".to_owned() } else { words.join("; ") };
    Some(Outcome { failed, passing, words })
}

fn issue_words(issue: &Issue) -> String {
    let mut parts = Vec::new();
    if let Some(text) = issue.details.as_ref().and_then(|details| details.text.as_deref()) {
        parts.push(quoted(text));
    }
    if let Some(diagnostics) = &issue.diagnostics {
        parts.push(quoted(diagnostics));
    }
    if parts.is_empty() {
        parts.push(quoted(&issue.code));
    }
    parts.retain(|part| !part.is_empty());
    let mut words = if parts.is_empty() { "an issue without words".to_owned() } else { parts.join(": ") };
    if !issue.expression.is_empty() {
        words.push_str(" (at ");
        words.push_str(&quoted(&issue.expression.join(", ")));
        words.push(')');
    }
    words
}

/// A refusal with its way out.
pub(super) fn refusal(answer: &Answer) -> String {
    let says = read(&answer.body).map(|outcome| outcome.words);
    let what = match answer.status {
        400 => "the request is not accepted",
        403 => "the integration client may not do this: have its scopes or rights extended",
        404 => "the address is not known there: check the base address and the routes in the settings",
        405 => "the EHR does not offer this at that address",
        409 => "it contradicts a record that is there",
        412 => "a condition of the request does not hold",
        406 | 415 => "the EHR does not take or give FHIR JSON at that address",
        422 => "a rule of the EHR forbids the record as it would be",
        _ => "the request was refused",
    };
    match says {
        Some(says) => format!("{what}: {says}"),
        None => what.to_owned(),
    }
}

/// A good status with something else inside than was asked for.
pub(super) fn unusable(caller: &Caller, answer: &Answer, problem: &str) -> RemoteError {
    match read(&answer.body) {
        Some(outcome) if outcome.passing => caller.transient(answer.status, outcome.words),
        Some(outcome) => caller.refused(answer.status, outcome.words),
        None if serde_json::from_str::<serde::de::IgnoredAny>(&answer.body).is_err() => {
            caller.transient(answer.status, "the JSON is broken off or unreadable")
        }
        None => caller.protocol(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_are_said_with_text_diagnostics_and_place() {
        let conflict = read(include_str!("../../tests/fixtures/fhir-operationoutcome-409.json")).unwrap();
        assert!(conflict.failed && !conflict.passing);
        assert_eq!(conflict.words, "Version mismatch: Expected version 2 but found 3");
        // Errors are said, warnings beside them are not.
        let mixed = read(
            r#"{"resourceType":"OperationOutcome","issue":[
                {"severity":"warning","code":"informational","diagnostics":"no narrative"},
                {"severity":"error","code":"required","diagnostics":"status is missing","expression":["Patient.status"]}]}"#,
        )
        .unwrap();
        assert_eq!(mixed.words, "status is missing (at Patient.status)");
        let busy =
            read(r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"throttled"}]}"#)
                .unwrap();
        assert!(busy.passing);
        assert_eq!(busy.words, "throttled");
        // What has nothing to say still says so: it is shown to people as the way out.
        for (mute, words) in [
            (r#"{"resourceType":"OperationOutcome"}"#, "an OperationOutcome without issues"),
            (r#"{"resourceType":"OperationOutcome","issue":[{}]}"#, "an issue without words"),
            (
                r#"{"resourceType":"OperationOutcome","issue":[{"details":{"text":""}}]}"#,
                "an issue without words",
            ),
        ] {
            assert_eq!(read(mute).unwrap().words, words);
        }
        assert_eq!(read(r#"{"resourceType":"Patient"}"#), None);
    }
}
