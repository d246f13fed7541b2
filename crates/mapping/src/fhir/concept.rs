//! `CodeableConcept` <-> [`Coded`]: unknown codes stay as long as the concept does.

use super::tree;
use crate::node::Node;
use crate::text;
use record::catalogue::ValueType;
use record::value::{Coded, Coding, Value};
use record::{Conventions, FieldState, Json, codes};

/// The codes of a concept, in their order; one without a code says nothing.
pub(crate) fn codings<'a>(concept: impl Node<'a>) -> Vec<Coding> {
    tree::items(concept, "coding")
        .filter_map(|coding| {
            Some(Coding {
                system: tree::text(coding, "system").unwrap_or_default().to_owned(),
                code: tree::text(coding, "code")?.to_owned(),
                display: tree::text(coding, "display").map(str::to_owned),
            })
        })
        .collect()
}

/// Whether the concept carries that code.
pub(crate) fn has_code<'a>(concept: impl Node<'a>, system: &str, code: &str) -> bool {
    tree::items(concept, "coding").any(|coding| {
        tree::text(coding, "system") == Some(system) && tree::text(coding, "code") == Some(code)
    })
}

/// The code of one system.
pub(crate) fn code_of<'a>(concept: impl Node<'a>, system: &str) -> Option<&'a str> {
    tree::items(concept, "coding")
        .find(|coding| tree::text(*coding, "system") == Some(system))
        .and_then(|coding| tree::text(coding, "code"))
}

/// What people read: the text, else the first display, else the first code.
pub(crate) fn label<'a>(concept: impl Node<'a>) -> Option<&'a str> {
    let codings = || tree::items(concept, "coding");
    tree::text(concept, "text")
        .or_else(|| codings().find_map(|coding| tree::text(coding, "display")))
        .or_else(|| codings().find_map(|coding| tree::text(coding, "code")))
}

/// Reads a concept as a field of this type.
pub(crate) fn read<'a>(
    concept: impl Node<'a>,
    value_type: &ValueType,
    conventions: &Conventions,
) -> FieldState {
    coded(codings(concept), tree::text(concept, "text"), value_type, conventions)
}

/// [`read`] from the parts of a concept.
pub(crate) fn coded(
    codings: Vec<Coding>,
    text: Option<&str>,
    value_type: &ValueType,
    conventions: &Conventions,
) -> FieldState {
    let coded = match value_type {
        ValueType::Species => codes::species_from(codings, text, conventions),
        ValueType::Breed => codes::breed_from(codings, text, conventions),
        ValueType::AppointmentType => codes::appointment_types::type_from(codings, text, conventions),
        _ => codes::coded_from(codings, text),
    };
    coded.map_or(FieldState::Blank, |coded| FieldState::Value(Value::Coded(coded)))
}

/// Writes a value into a concept. While it stays the same concept, every code that is there stays and only missing
/// ones of the value are added; otherwise the codes are replaced by those of the new value.
///
/// `species` is the concept of the species beside it: a mixed breed has one code per species.
pub(crate) fn write(
    concept: &mut Json,
    value: &Coded,
    value_type: &ValueType,
    species: Option<&str>,
    conventions: &Conventions,
) {
    let same = text::says_the_same(
        &read(&*concept, value_type, conventions),
        &FieldState::Value(Value::Coded(value.clone())),
    );
    let standing: Vec<Json> = tree::list(concept, "coding").to_vec();
    let mut codings: Vec<Json> = if same { standing.clone() } else { Vec::new() };
    for coding in to_send(value, value_type, species) {
        let is_it = |json: &Json| {
            tree::text(json, "system").unwrap_or_default() == coding.system
                && tree::text(json, "code") == Some(coding.code.as_str())
        };
        if codings.iter().any(is_it) {
            continue;
        }
        let json = standing.iter().find(|json| is_it(json)).cloned().unwrap_or_else(|| coding_json(&coding));
        codings.push(json);
    }
    if codings.is_empty() {
        concept.remove("coding");
    } else if codings != standing {
        concept.set("coding", Json::Array(codings));
    }
    if value.text.trim().is_empty() {
        concept.remove("text");
    } else {
        tree::set_primitive(concept, "text", Json::str(value.text.as_str()));
    }
}

/// The value's own codes, or the verified ones of its concept where it has none.
fn to_send(value: &Coded, value_type: &ValueType, species: Option<&str>) -> Vec<Coding> {
    if !value.codings.is_empty() {
        return value.codings.clone();
    }
    match value_type {
        ValueType::Species => codes::species_codings(value),
        ValueType::Breed => codes::breed_codings(value, species),
        _ => Vec::new(),
    }
}

/// A code as JSON.
pub(crate) fn coding_json(coding: &Coding) -> Json {
    let mut json = Json::Object(Vec::new());
    if !coding.system.is_empty() {
        json.set("system", Json::str(coding.system.as_str()));
    }
    json.set("code", Json::str(coding.code.as_str()));
    if let Some(display) = &coding.display {
        json.set("display", Json::str(display.as_str()));
    }
    json
}

/// A concept of one code.
pub(crate) fn of_code(system: &str, code: &str, display: &str) -> Json {
    let mut coding = Json::object([("system", Json::str(system)), ("code", Json::str(code))]);
    if !display.is_empty() {
        coding.set("display", Json::str(display));
    }
    Json::object([("coding", Json::Array(vec![coding]))])
}
