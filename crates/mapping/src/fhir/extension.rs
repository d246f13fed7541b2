//! Extensions of the Patient: the note, and custom fields with a simple value.

use super::{concept, name, tree};
use crate::node::{Node, Scalar};
use crate::text;
use record::catalogue::ValueType;
use record::codes::units;
use record::value::{Coding, Quantity, Value, ValueProblem};
use record::{Conventions, FieldState, Json};

/// The code system of UCUM units (FHIR R4 datatypes, `Quantity`).
const UCUM: &str = "http://unitsofmeasure.org";

/// The text of a note: an annotation, or a plain text under the same URL.
pub(crate) fn note<'a>(patient: impl Node<'a>, url: &str) -> Option<&'a str> {
    let extension = tree::extension(patient, url)?;
    extension
        .get("valueAnnotation")
        .and_then(|annotation| tree::text(annotation, "text"))
        .or_else(|| tree::text(extension, "valueMarkdown"))
        .or_else(|| tree::text(extension, "valueString"))
}

/// Writes the text of the first note; its author and time stay.
pub(crate) fn write_note(patient: &mut Json, url: &str, text: &str) {
    if let Some(extension) = tree::extension_mut(patient, url) {
        for key in ["valueMarkdown", "valueString"] {
            if extension.get(key).is_some() {
                tree::set_primitive(extension, key, Json::str(text));
                return;
            }
        }
        if let Some(annotation) = extension.get_mut("valueAnnotation") {
            tree::set_primitive(annotation, "text", Json::str(text));
        } else if !tree::has_more_than(extension, &["url", "id"]) {
            extension.set("valueAnnotation", Json::object([("text", Json::str(text))]));
        }
        return;
    }
    push(patient, url, "valueAnnotation", Json::object([("text", Json::str(text))]));
}

fn push(patient: &mut Json, url: &str, key: &str, value: Json) {
    if let Some(extensions) = tree::items_mut(patient, "extension") {
        extensions.push(Json::object([("url", Json::str(url)), (key, value)]));
    }
}

/// The `value[x]` of an extension.
fn value_of<'a, N: Node<'a>>(extension: N) -> Option<(&'a str, N)> {
    extension.members().find(|(key, _)| key.starts_with("value"))
}

/// Reads a custom field. A nested extension is not a simple value: unknown, so never touched.
pub(crate) fn read<'a>(
    patient: impl Node<'a>,
    url: &str,
    value_type: &ValueType,
    conventions: &Conventions,
) -> FieldState {
    let Some(extension) = tree::extension(patient, url) else { return FieldState::Blank };
    let Some((key, value)) = value_of(extension) else {
        return if extension.get("extension").is_some() { FieldState::Unknown } else { FieldState::Blank };
    };
    match (key, value.scalar()) {
        ("valueQuantity" | "valueAge", Scalar::Object) => read_quantity(value, value_type, conventions),
        ("valueCodeableConcept", Scalar::Object) if is_coded(value_type) => {
            concept::read(value, value_type, conventions)
        }
        ("valueCodeableConcept", Scalar::Object) => {
            plain(concept::label(value).unwrap_or_default(), value_type, conventions)
        }
        ("valueCoding", Scalar::Object) => {
            let (code, display) = (tree::text(value, "code"), tree::text(value, "display"));
            if is_coded(value_type) {
                let coding = code.map(|code| Coding {
                    system: tree::text(value, "system").unwrap_or_default().to_owned(),
                    code: code.to_owned(),
                    display: display.map(str::to_owned),
                });
                concept::coded(coding.into_iter().collect(), None, value_type, conventions)
            } else {
                plain(display.or(code).unwrap_or_default(), value_type, conventions)
            }
        }
        ("valueHumanName", Scalar::Object) => {
            plain(&name::rendered(value).unwrap_or_default(), value_type, conventions)
        }
        ("valueContactPoint" | "valueIdentifier", Scalar::Object) => {
            plain(tree::text(value, "value").unwrap_or_default(), value_type, conventions)
        }
        ("valueAnnotation", Scalar::Object) => {
            plain(tree::text(value, "text").unwrap_or_default(), value_type, conventions)
        }
        ("valueDateTime", Scalar::String(moment)) if *value_type == ValueType::Date => {
            // The date as written, never moved to another zone (wire-facts 8.2).
            plain(moment.split('T').next().unwrap_or_default(), value_type, conventions)
        }
        (_, Scalar::String(text) | Scalar::Number(text)) => plain(text, value_type, conventions),
        (_, Scalar::Bool(flag)) => plain(if flag { "true" } else { "false" }, value_type, conventions),
        _ => FieldState::Unknown,
    }
}

const fn is_coded(value_type: &ValueType) -> bool {
    matches!(value_type, ValueType::Coded | ValueType::Species | ValueType::Breed)
}

fn plain(text: &str, value_type: &ValueType, conventions: &Conventions) -> FieldState {
    text::read(value_type, text, conventions)
}

fn read_quantity<'a, N: Node<'a>>(
    quantity: N,
    value_type: &ValueType,
    conventions: &Conventions,
) -> FieldState {
    let Some(Scalar::Number(number)) = quantity.get("value").map(N::scalar) else {
        return FieldState::Blank;
    };
    let unit = match tree::text(quantity, "system") {
        Some(UCUM) | None => tree::text(quantity, "code").or_else(|| tree::text(quantity, "unit")),
        Some(_) => tree::text(quantity, "unit").or_else(|| tree::text(quantity, "code")),
    };
    let written = match unit {
        Some(unit) => format!("{number} {unit}"),
        None => number.to_owned(),
    };
    if let Some(comparator) = tree::text(quantity, "comparator") {
        return FieldState::Invalid {
            raw: format!("{comparator}{written}"),
            problem: ValueProblem {
                problem: "the amount is a limit, not a value".to_owned(),
                way_out: "enter a plain amount in the EHR".to_owned(),
            },
        };
    }
    let known = match (unit, value_type) {
        (Some(unit), ValueType::Quantity { .. }) => units::recognise(unit).map(|unit| unit.code),
        (None, ValueType::Quantity { default_unit }) => Some(default_unit.as_str()),
        _ => None,
    };
    match known.map(|unit| Quantity::new(number, unit)) {
        // The digits stay as they were sent.
        Some(Ok(quantity)) => FieldState::Value(Value::Quantity(quantity)),
        Some(Err(problem)) => FieldState::Invalid { raw: written, problem },
        None => plain(&written, value_type, conventions),
    }
}

/// Writes a custom field. A value that is there keeps its FHIR type where that can hold the new one; otherwise, and
/// for a new extension, the type follows the field's (documented with each field in `docs/fhir`).
pub(crate) fn write(
    patient: &mut Json,
    url: &str,
    value: &Value,
    value_type: &ValueType,
    conventions: &Conventions,
) -> Result<(), String> {
    let Some(extension) = tree::extension_mut(patient, url) else {
        let (key, json) = fresh(value, value_type, conventions)?;
        push(patient, url, key, json);
        return Ok(());
    };
    if extension.get("extension").is_some() && value_of(&*extension).is_none() {
        return Err("the extension there is nested, not a simple value; correct the field's URL".to_owned());
    }
    let standing_key = value_of(&*extension).map(|(key, _)| key.to_owned());
    if let Some(key) = &standing_key
        && let Some(standing) = extension.get_mut(key)
        && rewrite(standing, key, value, value_type, conventions)?
    {
        tree::clear_absent_reason(extension, key);
        return Ok(());
    }
    let (key, json) = fresh(value, value_type, conventions)?;
    if let Some(old) = standing_key.filter(|old| old != key) {
        extension.remove(&old);
        extension.remove(&format!("_{old}"));
    }
    tree::set_primitive(extension, key, json);
    Ok(())
}

/// Writes over a value of a known FHIR type; false where that type cannot hold it.
fn rewrite(
    standing: &mut Json,
    key: &str,
    value: &Value,
    value_type: &ValueType,
    conventions: &Conventions,
) -> Result<bool, String> {
    match (key, value) {
        ("valueQuantity", Value::Quantity(quantity)) => write_quantity(standing, quantity),
        ("valueCodeableConcept", Value::Coded(coded)) => {
            concept::write(standing, coded, value_type, None, conventions);
        }
        ("valueCodeableConcept", other) => {
            standing.set("text", Json::String(line(other, value_type, conventions)?));
        }
        ("valueAnnotation", other) => {
            tree::set_primitive(standing, "text", Json::String(line(other, value_type, conventions)?));
        }
        ("valueContactPoint" | "valueIdentifier", other) => {
            tree::set_primitive(standing, "value", Json::String(line(other, value_type, conventions)?));
        }
        ("valueHumanName", other) => name::write(standing, &line(other, value_type, conventions)?, false),
        ("valueString" | "valueMarkdown", other) => {
            *standing = Json::String(line(other, value_type, conventions)?);
        }
        ("valueCode", other) => {
            let word = line(other, value_type, conventions)?;
            if !is_code(&word) {
                return Err("the extension holds a FHIR code, and this value is not one".to_owned());
            }
            *standing = Json::String(word);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// FHIR R4 datatypes, `code`: no blanks around it, single blanks inside.
fn is_code(word: &str) -> bool {
    !word.is_empty() && word.split(' ').all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
}

fn line(value: &Value, value_type: &ValueType, conventions: &Conventions) -> Result<String, String> {
    match value {
        Value::Sex(sex) => Ok(text::sex_term(sex, "", conventions)),
        Value::Substances(set) => Ok(text::list("", set, conventions)),
        other => text::write(other, value_type).ok_or_else(|| "the value has no text".to_owned()),
    }
}

fn fresh(
    value: &Value,
    value_type: &ValueType,
    conventions: &Conventions,
) -> Result<(&'static str, Json), String> {
    Ok(match value {
        Value::Quantity(quantity) => {
            let mut json = Json::Object(Vec::new());
            write_quantity(&mut json, quantity);
            ("valueQuantity", json)
        }
        Value::Coded(coded) => {
            let mut json = Json::Object(Vec::new());
            concept::write(&mut json, coded, value_type, None, conventions);
            ("valueCodeableConcept", json)
        }
        Value::Date(date) => ("valueDate", Json::String(date.to_string())),
        other => ("valueString", Json::String(line(other, value_type, conventions)?)),
    })
}

fn write_quantity(json: &mut Json, quantity: &Quantity) {
    // With every digit that was written, the noughts at its end among them.
    let lexeme = quantity.amount.to_string();
    let same_unit = tree::text(&*json, "code") == Some(quantity.unit.as_str())
        && tree::text(&*json, "system") == Some(UCUM);
    tree::set_primitive(json, "value", Json::Number(lexeme));
    if !same_unit {
        tree::set_primitive(json, "unit", Json::str(unit_label(&quantity.unit)));
        json.set("system", Json::str(UCUM));
        json.set("code", Json::str(quantity.unit.as_str()));
    }
    json.remove("comparator");
}

/// What people call a unit; its code where there is no name for it.
fn unit_label(code: &str) -> &str {
    units::by_code(code).map(|unit| unit.label).filter(|label| !label.is_empty()).unwrap_or(code)
}

/// Takes the first extension with that URL away.
pub(crate) fn clear(patient: &mut Json, url: &str) {
    tree::remove_extension(patient, url);
}
