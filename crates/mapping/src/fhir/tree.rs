//! Small steps through a JSON document that keep everything they do not name.

use crate::node::{Node, Scalar};
use record::Json;

/// The text of a string with something to read in it.
#[inline]
pub(crate) fn string<'a>(node: impl Node<'a>) -> Option<&'a str> {
    match node.scalar() {
        Scalar::String(text) if shows(text) => Some(text),
        _ => None,
    }
}

/// Whether there is anything but blanks.
#[inline]
fn shows(text: &str) -> bool {
    // Most texts begin with something to read.
    matches!(text.as_bytes().first(), Some(b'!'..=b'~')) || !text.trim().is_empty()
}

/// A member that is a string with something to read in it.
#[inline]
pub(crate) fn text<'a>(object: impl Node<'a>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(string)
}

/// The elements of an array member.
pub(crate) fn items<'a, N: Node<'a>>(object: N, key: &str) -> impl Iterator<Item = N> {
    object.get(key).into_iter().flat_map(N::items)
}

/// The elements of an array member, as they stand in an editable document.
pub(crate) fn list<'a>(object: &'a Json, key: &str) -> &'a [Json] {
    object.get(key).map(Json::items).unwrap_or_default()
}

/// The elements of an array member, which is added where it is missing. `None` where something else stands there.
pub(crate) fn items_mut<'a>(object: &'a mut Json, key: &str) -> Option<&'a mut Vec<Json>> {
    if object.get(key).is_none() {
        object.set(key, Json::Array(Vec::new()));
    }
    object.get_mut(key).and_then(Json::items_mut)
}

/// Takes an array or object member away when nothing is left in it (FHIR R4 JSON: no empty arrays or objects).
pub(crate) fn drop_if_empty(object: &mut Json, key: &str) {
    let empty = match object.get(key) {
        Some(Json::Array(items)) => items.is_empty(),
        Some(Json::Object(members)) => members.is_empty(),
        _ => false,
    };
    if empty {
        object.remove(key);
    }
}

/// The place of the first extension with that URL.
pub(crate) fn extension_at<'a>(object: impl Node<'a>, url: &str) -> Option<usize> {
    items(object, "extension").position(|extension| text(extension, "url") == Some(url))
}

/// The first extension with that URL.
pub(crate) fn extension<'a, N: Node<'a>>(object: N, url: &str) -> Option<N> {
    items(object, "extension").find(|extension| text(*extension, "url") == Some(url))
}

/// The first extension with that URL, to change it.
pub(crate) fn extension_mut<'a>(object: &'a mut Json, url: &str) -> Option<&'a mut Json> {
    let at = extension_at(&*object, url)?;
    object.get_mut("extension")?.items_mut()?.get_mut(at)
}

/// Takes one extension away, and the array with it when it was the last.
pub(crate) fn remove_extension(object: &mut Json, url: &str) {
    if let Some(at) = extension_at(&*object, url) {
        if let Some(extensions) = object.get_mut("extension").and_then(Json::items_mut) {
            extensions.remove(at);
        }
        drop_if_empty(object, "extension");
    }
}

/// Whether an object holds anything beyond these members.
pub(crate) fn has_more_than(object: &Json, keys: &[&str]) -> bool {
    object.members().iter().any(|(key, _)| !keys.contains(&key.as_str()))
}

/// FHIR R4: why an element has no value.
const DATA_ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// The reason given for a missing primitive: `masked`, `unknown` and so on.
pub(crate) fn absent_reason<'a>(object: impl Node<'a>, key: &str) -> Option<&'a str> {
    let mut sibling = String::with_capacity(key.len() + 1);
    sibling.push('_');
    sibling.push_str(key);
    text(extension(object.get(&sibling)?, DATA_ABSENT)?, "valueCode")
}

/// Takes the reason for a missing primitive away, once it has a value; other extensions of it stay.
pub(crate) fn clear_absent_reason(object: &mut Json, key: &str) {
    let sibling = format!("_{key}");
    if let Some(element) = object.get_mut(&sibling)
        && extension_at(&*element, DATA_ABSENT).is_some()
    {
        remove_extension(element, DATA_ABSENT);
        drop_if_empty(object, &sibling);
    }
}

/// Sets a primitive that has a value now.
pub(crate) fn set_primitive(object: &mut Json, key: &str, value: Json) {
    clear_absent_reason(object, key);
    object.set(key, value);
}

/// Whether something is over: `use` is `old`, or its period has an end (there is no clock here, and the ends that
/// occur lie in the past).
pub(crate) fn is_over<'a>(object: impl Node<'a>) -> bool {
    text(object, "use") == Some("old")
        || object.get("period").is_some_and(|period| text(period, "end").is_some())
}
