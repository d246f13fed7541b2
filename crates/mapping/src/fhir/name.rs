//! `HumanName`: text first, parts kept while they stay true (wire-facts 2.4).

use super::tree;
use crate::node::Node;
use crate::text::folded;
use record::Json;
use std::borrow::Cow;

/// What people read: `text`, else given names, family name and suffix.
pub(crate) fn rendered<'a>(name: impl Node<'a>) -> Option<Cow<'a, str>> {
    if let Some(text) = tree::text(name, "text") {
        return Some(Cow::Borrowed(text));
    }
    Some(parts(name, false)).filter(|text| !text.is_empty())
}

fn parts<'a>(name: impl Node<'a>, with_prefix: bool) -> Cow<'a, str> {
    let words = |key| tree::items(name, key).filter_map(tree::string);
    let prefix = words("prefix").filter(|_| with_prefix);
    let mut out = Cow::Borrowed("");
    for word in prefix.chain(words("given")).chain(tree::text(name, "family")).chain(words("suffix")) {
        let word = word.trim();
        if out.is_empty() {
            out = Cow::Borrowed(word);
        } else if !word.is_empty() {
            let out = out.to_mut();
            out.push(' ');
            out.push_str(word);
        }
    }
    out
}

const PARTS: [&str; 8] = ["family", "_family", "given", "_given", "prefix", "_prefix", "suffix", "_suffix"];

/// Writes the whole name as text. Given and family name stay only if they still say the same; an animal's single
/// given name is kept as a given name.
pub(crate) fn write(name: &mut Json, text: &str, animal: bool) {
    let wanted = folded(text);
    let still_true = folded(&parts(&*name, false)) == wanted || folded(&parts(&*name, true)) == wanted;
    if !still_true {
        let had_parts = PARTS.iter().any(|part| name.get(part).is_some()) || name.get("text").is_none();
        let given_at = name.members().iter().position(|(key, _)| key == "given");
        let keep_place = animal && given_at.is_some();
        for part in PARTS {
            if !(keep_place && part == "given") {
                name.remove(part);
            }
        }
        if animal && had_parts {
            name.set("given", Json::Array(vec![Json::str(text)]));
        }
    }
    tree::set_primitive(name, "text", Json::str(text));
}

/// Takes the words of a name away. What is left is worth keeping only if this returns true.
pub(crate) fn clear(name: &mut Json) -> bool {
    name.remove("text");
    for part in PARTS {
        name.remove(part);
    }
    tree::has_more_than(name, &["use", "period", "id"])
}

/// The name an animal goes by: the usual one, then the official one, then one without a use. Old and maiden names and
/// names whose period ended do not count.
pub(crate) fn chosen<'a, N: Node<'a>>(names: impl Iterator<Item = N>) -> Option<(usize, N)> {
    let rank = |name: N| match tree::text(name, "use") {
        Some("usual") => 0,
        Some("official") => 1,
        None => 2,
        Some(_) => 3,
    };
    names
        .enumerate()
        .filter(|(_, name)| {
            !tree::is_over(*name) && tree::text(*name, "use") != Some("maiden") && rendered(*name).is_some()
        })
        .min_by_key(|(at, name)| (rank(*name), *at))
}
