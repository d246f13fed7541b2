//! Checks a document against the schema that comes from the types, and finds every problem in one pass.
//!
//! Only the part of JSON Schema that these types produce is understood; a test keeps it that way.

use crate::document::{Entry, Node, NodeValue};
use crate::{Place, Problem, Settings, refusal};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut generator = schemars::generate::SchemaSettings::draft2020_12();
    generator.inline_subschemas = true;
    let mut schema = generator.into_generator().into_root_schema_for::<Settings>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("$id".to_owned(), json!("https://vetsync.dev/settings.schema.json"));
    }
    schema
});

impl Settings {
    pub(crate) fn schema_value() -> &'static Value {
        &SCHEMA
    }
}

/// The document as plain JSON without nulls, and what is wrong with it.
pub(crate) fn check(document: &Node, schema: &Value) -> (Value, Vec<Problem>) {
    let mut problems = Vec::new();
    let plain = visit(document, schema, "", document.place, &mut problems);
    (plain, problems)
}

fn visit(node: &Node, schema: &Value, path: &str, key_place: Place, problems: &mut Vec<Problem>) -> Value {
    let schema = not_null(schema);
    let mut refuse = |what: String, way_out: String| {
        problems.push(Problem { place: Some(node.place), key: path.to_owned(), what, way_out });
        Value::Null
    };
    if let Some(words) = allowed_words(schema) {
        return match &node.value {
            NodeValue::Text(text) if words.contains(&text.as_str()) => json!(text),
            NodeValue::Text(text) => {
                let near = nearest(text, words.iter().copied());
                let listed = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
                refuse(
                    format!("one of {listed} is expected"),
                    near.map_or_else(|| write(path, words.first()), |near| write(path, Some(&near))),
                )
            }
            _ => {
                refuse(format!("a text is expected, {} stands here", node.kind()), write(path, words.first()))
            }
        };
    }
    match (type_of(schema), &node.value) {
        ("object", NodeValue::Table(entries)) => object(node, entries, schema, path, key_place, problems),
        ("array", NodeValue::List(items)) => {
            let of = schema.get("items").unwrap_or(&Value::Null);
            let items = items
                .iter()
                .enumerate()
                .map(|(at, item)| visit(item, of, &format!("{path}[{at}]"), item.place, problems));
            Value::Array(items.collect())
        }
        ("string", NodeValue::Text(text)) => {
            let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
            if least > 0 && text.trim().is_empty() {
                return refuse("a text that is not empty is expected".to_owned(), example(path, schema));
            }
            json!(text)
        }
        ("boolean", NodeValue::Boolean(flag)) => json!(flag),
        ("integer", NodeValue::Integer(number)) => {
            let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(0);
            let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
            if !(least..=most).contains(number) {
                return refuse(
                    format!("a whole number from {least} to {most} is expected"),
                    example(path, schema),
                );
            }
            json!(number)
        }
        ("number", NodeValue::Integer(number)) => json!(number),
        ("number", NodeValue::Decimal(number)) => json!(number),
        (expected, _) => {
            let expected = match expected {
                "number" => "a number",
                "object" => "a table",
                "array" => "a list",
                "boolean" => "true or false",
                "integer" => "a whole number",
                _ => "a text",
            };
            refuse(format!("{expected} is expected, {} stands here", node.kind()), example(path, schema))
        }
    }
}

fn object(
    node: &Node,
    entries: &[Entry],
    schema: &Value,
    path: &str,
    key_place: Place,
    problems: &mut Vec<Problem>,
) -> Value {
    let no_keys = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&no_keys);
    let further = schema.get("additionalProperties").filter(|further| further.is_object());
    let mut plain = Map::new();
    let mut seen: Vec<&str> = Vec::new();
    for entry in entries {
        let here = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        if seen.contains(&entry.key.as_str()) {
            problems.push(Problem {
                place: Some(entry.place),
                key: here,
                what: "the key stands here a second time".to_owned(),
                way_out: "Keep one of the two.".to_owned(),
            });
            continue;
        }
        seen.push(&entry.key);
        let Some(of) = known.get(&entry.key).or(further) else {
            // A secret's key has had its own, better message.
            if !refusal::names_a_secret(&entry.key) {
                problems.push(unknown(entry, here, path, known));
            }
            continue;
        };
        if matches!(entry.node.value, NodeValue::Null) {
            continue;
        }
        plain.insert(entry.key.clone(), visit(&entry.node, of, &here, entry.place, problems));
    }
    let required =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !plain.contains_key(*name)) {
        let what = known.get(name).and_then(description).unwrap_or_default();
        let place = if path.is_empty() { node.place } else { key_place };
        problems.push(Problem {
            place: Some(place),
            key: format!("{path}.{name}"),
            what: format!("this key is missing: {}", what.trim_end_matches('.')),
            way_out: known.get(name).map(|of| example(name, of)).unwrap_or_default(),
        });
    }
    Value::Object(plain)
}

fn unknown(entry: &Entry, here: String, path: &str, known: &Map<String, Value>) -> Problem {
    let near = nearest(&entry.key, known.keys().map(String::as_str));
    // A key of another section in the wrong place is the usual slip after a misspelt one.
    let elsewhere = SCHEMA.get("properties").and_then(Value::as_object).and_then(|sections| {
        sections.iter().find_map(|(section, of)| {
            let there = section != path
                && of.pointer("/properties").is_some_and(|keys| keys.get(&entry.key).is_some());
            there.then(|| format!("It belongs into [{section}]."))
        })
    });
    let way_out = if let Some(near) = near {
        format!("Did you mean `{near}`?")
    } else if let Some(elsewhere) = elsewhere {
        elsewhere
    } else {
        format!("Known here: {}.", known.keys().cloned().collect::<Vec<_>>().join(", "))
    };
    Problem { place: Some(entry.place), key: here, what: "this key is not known".to_owned(), way_out }
}

/// The one of these that is written most alike, if any is near.
pub(crate) fn nearest<'a>(text: &str, among: impl Iterator<Item = &'a str>) -> Option<String> {
    let folded = text.to_lowercase();
    among
        .map(|word| (strsim::jaro_winkler(&folded, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness >= 0.86)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, word)| word.to_owned())
}

/// Of `T or null` the T: an optional key is simply left out.
fn not_null(schema: &Value) -> &Value {
    let choices = schema.get("anyOf").and_then(Value::as_array);
    choices
        .and_then(|choices| choices.iter().find(|choice| choice.get("type") != Some(&json!("null"))))
        .unwrap_or(schema)
}

fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(one)) => one,
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).find(|one| *one != "null").unwrap_or("")
        }
        _ => "",
    }
}

/// The words that an enumeration allows.
fn allowed_words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    let mut words = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
            (Some(Value::String(word)), _) => words.push(word.as_str()),
            (_, Some(several)) => words.extend(several.iter().filter_map(Value::as_str)),
            _ => {}
        }
    }
    Some(words)
}

fn description(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}

fn write(path: &str, value: Option<impl AsRef<str>>) -> String {
    value.map_or_else(String::new, |value| {
        format!("Write, for example, {} = \"{}\".", last(path), value.as_ref())
    })
}

/// The key alone, without its sections and its place in a list.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path).split('[').next().unwrap_or(path)
}

/// A way out made of the example, the default or the description in the schema.
pub(crate) fn example(path: &str, schema: &Value) -> String {
    let schema = not_null(schema);
    if let Some(words) = allowed_words(schema) {
        return write(path, words.first());
    }
    let value = schema.pointer("/examples/0").or_else(|| schema.get("default"));
    match (value, description(schema)) {
        (Some(Value::Null | Value::Object(_)) | None, Some(text)) => {
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        (Some(value), _) => format!("Write, for example, {} = {value}.", last(path)),
        (None, None) => match type_of(schema) {
            "object" => format!("Begin it with a line [{path}]."),
            "boolean" => "Write true or false without quotes.".to_owned(),
            "integer" => "Write the number without quotes.".to_owned(),
            "array" => "Write [\"one\", \"two\"].".to_owned(),
            _ => format!("Write {} = \"…\".", last(path)),
        },
    }
}

/// The schema of a path, for examples.
pub(crate) fn schema_of(path: &str) -> Option<&'static Value> {
    let mut schema: &'static Value = &SCHEMA;
    for step in path.split('.') {
        let name = step.split('[').next().unwrap_or(step);
        schema = not_null(schema).get("properties")?.get(name)?;
        if step.contains('[') {
            schema = schema.get("items")?;
        }
    }
    Some(schema)
}
