//! E-mail addresses.

use super::{ValueProblem, problem};
use crate::text::{is_blank_char, trimmed};

/// Reads one e-mail address. The form is checked, as far as a typing error can be told from an unusual address.
pub(super) fn parse(raw: &str) -> Result<String, ValueProblem> {
    let text = trimmed(raw);
    if text.matches('@').count() > 1 && text.contains([',', ';', ' ', '/']) {
        return Err(problem("there is more than one e-mail address here", "keep the one that is to be used"));
    }
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Err(problem(
            "an e-mail address has an @, and this text has none",
            "enter the address, or clear the field",
        ));
    };
    if text.chars().any(|character| is_blank_char(character) || character.is_control()) {
        return Err(problem("there is a blank inside this e-mail address", "take the blank out"));
    }
    let wrong = || {
        problem(
            "this is not a complete e-mail address",
            "write it as name@domain.example, or clear the field",
        )
    };
    let local_fits = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local.contains(['@', ',', ';', '<', '>', '(', ')', '[', ']', ':', '\\', '"']);
    let label_fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|character| character.is_alphanumeric() || character == '-')
    };
    let domain_fits = domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(label_fits)
        && domain
            .rsplit('.')
            .next()
            .is_some_and(|last| last.chars().count() >= 2 && !last.chars().all(char::is_numeric));
    if local_fits && domain_fits { Ok(text.to_owned()) } else { Err(wrong()) }
}

/// Appends what an address is compared by: the whole address in lower case. Dots and plus parts count.
pub(crate) fn comparable(address: &str, out: &mut String) {
    let address = trimmed(address);
    if address.is_ascii() {
        out.extend(address.chars().map(|character| character.to_ascii_lowercase()));
    } else {
        crate::text::fold_text(address, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let local = |length: usize| format!("{}@example.test", "a".repeat(length));
        let label = |length: usize| format!("a@{}.test", "b".repeat(length));
        // Labels of 49 letters and a dot, and what is left for the first one.
        let domain = |length: usize| {
            format!("a@{}.{}test", "c".repeat(length - 205), format!("{}.", "d".repeat(49)).repeat(4))
        };
        let (longest_local, longer_local) = (local(64), local(65));
        let (longest_label, longer_label) = (label(63), label(64));
        let (longest_domain, longer_domain) = (domain(253), domain(254));
        // (written, accepted?)
        let cases = [
            (longest_local.as_str(), true),
            (longer_local.as_str(), false),
            (longest_label.as_str(), true),
            (longer_label.as_str(), false),
            (longest_domain.as_str(), true),
            (longer_domain.as_str(), false),
            ("peter@my-mail.example", true),
            ("peter@my_mail.example", false),
            ("peter@mail-.example", false),
            ("peter@a.io", true),
            ("peter@a.i", false),
            ("peter@a.i2", true),
            ("peter.@example.test", false),
            ("@example.test", false),
            ("peter@\u{a0}example.test", false),
            ("peter@example.test", true),
            (" Peter.James+vet@Mail.Example.test ", true),
            ("o'brien@example.co.uk", true),
            ("j\u{fc}rgen@m\u{fc}ller.example", true),
            ("peter@example", false),
            ("peter@@example.test", false),
            ("peter.example.test", false),
            ("peter @example.test", false),
            ("a@example.test; b@example.test", false),
            ("<peter@example.test>", false),
            (".peter@example.test", false),
            ("pe..ter@example.test", false),
            ("peter@-example.test", false),
            ("peter@example..test", false),
            ("peter@10.0.0.1", false),
            ("n/a", false),
        ];
        for (written, accepted) in cases {
            assert_eq!(parse(written).is_ok(), accepted, "{written}");
        }
    }

    #[test]
    fn the_way_out_fits_the_problem() {
        // (written, a word of the problem)
        let cases = [
            ("a@example.test, b@example.test", "more than one"),
            ("a@example.test b@example.test", "more than one"),
            ("a@b@example.test", "not a complete"),
            ("peter, at home", "an @"),
            ("peter james@example.test", "a blank"),
        ];
        for (written, word) in cases {
            let found = parse(written).expect_err(written);
            assert!(found.problem.contains(word), "{written}: {found}");
        }
    }
}
