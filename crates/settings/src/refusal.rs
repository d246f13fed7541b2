//! Secrets are refused wherever they stand.

use crate::document::{Node, NodeValue};
use crate::{Problem, secret_names};

/// Words that name a secret in a key.
const SECRET_WORDS: [&str; 11] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "access_token",
    "refresh_token",
    "credential",
];
/// Keys whose name contains such a word and that hold none.
const HARMLESS: [&str; 1] = ["storage.secrets"];

/// Whether a key's name says that a secret stands there.
pub(crate) fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    key == "token" || key == "bearer" || SECRET_WORDS.iter().any(|word| key.contains(word))
}

fn is_a_secret(value: &str) -> bool {
    let value = value.trim();
    let jwt = value.starts_with("eyJ") && value.matches('.').count() == 2;
    value.contains("-----BEGIN") || value.starts_with("whsec_") || value.starts_with("Bearer ") || jwt
}

/// Every secret in the document.
pub(crate) fn secrets_in(document: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(document, "", &mut problems);
    problems
}

fn walk(node: &Node, path: &str, problems: &mut Vec<Problem>) {
    match &node.value {
        NodeValue::Table(entries) => {
            for entry in entries {
                let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
                if names_a_secret(&entry.key) && !HARMLESS.contains(&path.as_str()) {
                    problems.push(Problem {
                        place: Some(entry.place),
                        what: "a secret never stands in this file".to_owned(),
                        way_out: way_out(&path),
                        key: path,
                    });
                } else {
                    walk(&entry.node, &path, problems);
                }
            }
        }
        NodeValue::List(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(item, &format!("{path}[{at}]"), problems);
            }
        }
        NodeValue::Text(text) if is_a_secret(text) => problems.push(Problem {
            place: Some(node.place),
            key: path.to_owned(),
            what: "this value looks like a secret (a private key or a token), and a secret never stands in this file"
                .to_owned(),
            way_out: way_out(path),
        }),
        _ => {}
    }
}

fn way_out(path: &str) -> String {
    let name = if path.starts_with("ehr") {
        secret_names::EHR_PRIVATE_KEY
    } else if path.starts_with("servicenow") && path.contains("key") {
        secret_names::SERVICENOW_PRIVATE_KEY
    } else if path.starts_with("servicenow") {
        secret_names::SERVICENOW_CLIENT_SECRET
    } else {
        return format!(
            "Remove the line, run `vetsync secret set NAME` with NAME one of {}, and change the secret if others have \
             seen this file.",
            secret_names::ALL.join(", ")
        );
    };
    format!(
        "Remove the line, run `vetsync secret set {name}`, and change the secret if others have seen this file."
    )
}
