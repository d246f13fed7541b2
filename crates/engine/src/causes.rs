//! Why an attempt failed, in a normal form: alike failures have the same cause, and a cause holds no value.

use crate::lens::sha256_hex;
use crate::plans::Intent;
use record::{Catalogue, Remote};
use remote::RemoteError;

/// What failures are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Which remote.
    pub remote: Remote,
    /// [`RemoteError::name`].
    pub kind: String,
    /// HTTP status; 0 where none came.
    pub status: u16,
    /// Ids of the fields that the remote's words name, or of all that were written where it names none of at most
    /// [`FIELDS_MAX`].
    pub fields: Vec<String>,
    /// Tells one rule of the remote from another: a digest of its words without anything that varies.
    pub rule: String,
}

/// Beyond this many fields a write that the remote's words do not narrow down names none.
const FIELDS_MAX: usize = 3;
/// Stands for "none" in the key.
const NONE: &str = "-";

impl Cause {
    /// One line, the same for alike failures.
    pub fn key(&self) -> String {
        let or_none = |text: String| if text.is_empty() { NONE.to_owned() } else { text };
        format!(
            "{} {} {} {} {}",
            self.remote.as_str(),
            self.kind,
            self.status,
            or_none(self.fields.join(",")),
            or_none(self.rule.clone())
        )
    }

    /// The inverse of [`Cause::key`].
    pub fn parse(key: &str) -> Option<Cause> {
        let mut parts = key.split(' ');
        let mut next = || parts.next();
        let cause = Cause {
            remote: Remote::parse(next()?)?,
            kind: next()?.to_owned(),
            status: next()?.parse().ok()?,
            fields: next()?.split(',').filter(|field| *field != NONE).map(str::to_owned).collect(),
            rule: next().filter(|rule| *rule != NONE).unwrap_or_default().to_owned(),
        };
        Some(cause)
    }

    /// The cause of an operation's failure.
    pub fn of(error: &RemoteError, intent: &Intent, catalogue: &Catalogue) -> Cause {
        let (status, words) = match error {
            RemoteError::Refused { status, what, .. } => (*status, what.as_str()),
            RemoteError::Transient { status, .. } => (*status, ""),
            RemoteError::Protocol { what, .. } => (0, what.as_str()),
            RemoteError::Unreachable { .. }
            | RemoteError::Ambiguous { .. }
            | RemoteError::SignIn { .. }
            | RemoteError::Moved { .. }
            | RemoteError::NotFound { .. }
            | RemoteError::Many { .. } => (0, ""),
        };
        // Only a refusal is about fields; who does not answer does so whatever is written.
        let fields = match error {
            RemoteError::Refused { .. } => fields_of(words, intent, catalogue),
            _ => Vec::new(),
        };
        let rule = rule_of(words, intent);
        Cause { remote: error.remote(), kind: error.name().to_owned(), status, fields, rule }
    }
}

/// The written fields that the remote's words name: by id, label or column.
fn fields_of(words: &str, intent: &Intent, catalogue: &Catalogue) -> Vec<String> {
    let words = words.to_lowercase();
    let written: Vec<_> = intent.fields.iter().filter_map(|write| catalogue.spec(write.field)).collect();
    let named: Vec<String> = written
        .iter()
        .filter(|spec| {
            [spec.id.as_str(), spec.label.as_str(), spec.column.as_str()]
                .into_iter()
                .any(|name| !name.is_empty() && contains_word(&words, &name.to_lowercase()))
        })
        .map(|spec| spec.id.clone())
        .collect();
    if !named.is_empty() {
        return named;
    }
    if written.len() <= FIELDS_MAX {
        written.iter().map(|spec| spec.id.clone()).collect()
    } else {
        Vec::new()
    }
}

fn contains_word(text: &str, word: &str) -> bool {
    let part = |character: char| character.is_alphanumeric();
    text.match_indices(word).any(|(at, found)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|text| text.chars().next());
        // `u_owner_phone` names `owner_phone`, `ownerphones` does not.
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// Eight digits of a digest over the words without values: what was written, numbers, and anything in quotation marks.
fn rule_of(words: &str, intent: &Intent) -> String {
    if words.is_empty() {
        return String::new();
    }
    let mut text = words.to_lowercase();
    for write in &intent.fields {
        for value in [write.to.display(), write.from.display()] {
            let value = value.trim().to_lowercase();
            // Shorter ones stand inside ordinary words.
            if value.chars().count() >= 3 {
                text = text.replace(&value, " ");
            }
        }
    }
    let mut plain = String::with_capacity(text.len());
    let mut quoted_by = None;
    for character in text.chars() {
        match (quoted_by, character) {
            (Some(end), _) if character == end => quoted_by = None,
            (Some(_), _) | (None, '0'..='9') => {}
            (None, '"' | '\'' | '`') => quoted_by = Some(character),
            (None, '“') => quoted_by = Some('”'),
            (None, _) if character.is_alphabetic() => plain.push(character),
            (None, _) => {
                if !plain.ends_with(' ') {
                    plain.push(' ');
                }
            }
        }
    }
    sha256_hex(plain.trim()).chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reconcile::FieldWrite;
    use record::{FieldIx, FieldState, Value};

    fn text(value: &str) -> FieldState {
        FieldState::Value(Value::Text(value.to_owned()))
    }

    fn intent(value: &str) -> Intent {
        Intent {
            aim: crate::plans::Aim::Record,
            fields: vec![FieldWrite { field: FieldIx(0), from: FieldState::Blank, to: text(value) }],
            cross_reference: None,
        }
    }

    #[test]
    fn alike_failures_have_the_same_rule_whatever_the_values() {
        let one = rule_of("Invalid phone 303-555-0100 for \"Smith\"", &intent("303-555-0100"));
        let other = rule_of("Invalid phone 720-555-0199 for \"Jones\"", &intent("720-555-0199"));
        assert_eq!(one, other);
        assert_ne!(one, rule_of("Mandatory field is empty", &intent("x")), "another rule");
        assert_eq!(rule_of("", &intent("x")), "");
        // An apostrophe that is never closed swallows the rest, the same for both.
        assert_eq!(rule_of("owner's phone 1", &intent("1")), rule_of("owner's phone 22", &intent("22")));
    }

    #[test]
    fn a_key_reads_back() {
        let cause = Cause {
            remote: Remote::Ehr,
            kind: "refused".to_owned(),
            status: 422,
            fields: vec!["owner_phone".to_owned(), "breed".to_owned()],
            rule: "00ff00ff".to_owned(),
        };
        assert_eq!(cause.key(), "ehr refused 422 owner_phone,breed 00ff00ff");
        assert_eq!(Cause::parse(&cause.key()), Some(cause.clone()));
        let bare = Cause { fields: Vec::new(), rule: String::new(), ..cause };
        assert_eq!(bare.key(), "ehr refused 422 - -");
        assert_eq!(Cause::parse(&bare.key()), Some(bare));
        assert_eq!(Cause::parse("nobody refused"), None);
    }

    #[test]
    fn a_name_is_found_as_a_word_only() {
        assert!(contains_word("column u_owner_phone is wrong", "owner_phone"));
        assert!(!contains_word("ownerphones", "phone"));
        assert!(contains_word("phone", "phone"));
    }
}
