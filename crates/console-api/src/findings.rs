//! What business rules found, gathered from both records.

use crate::dto::{FindingSeverity, FindingView};
use crate::shown::remote_name;
use record::Remote;
use record::validate::{Finding, Severity};

/// Adds a finding in these words; the same words about both records are said once.
pub(crate) fn add(views: &mut Vec<FindingView>, remote: Remote, finding: Finding, sentence: String) {
    match views.iter_mut().find(|view| view.sentence == sentence) {
        Some(view) => view.remotes.push(remote_name(remote)),
        None => views.push(FindingView {
            field: finding.field,
            severity: match finding.severity {
                Severity::Note => FindingSeverity::Note,
                Severity::Warning => FindingSeverity::Warning,
                Severity::Error => FindingSeverity::Error,
            },
            sentence,
            remotes: vec![remote_name(remote)],
        }),
    }
}

/// Puts the gravest first.
pub(crate) fn sort(views: &mut [FindingView]) {
    views.sort_by_key(|view| match view.severity {
        FindingSeverity::Error => 0,
        FindingSeverity::Warning => 1,
        FindingSeverity::Note => 2,
    });
}
