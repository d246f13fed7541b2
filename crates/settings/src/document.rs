//! A TOML or JSON text as one tree that knows where everything stands.

use crate::{Format, Place, Problem, SettingsError};
use serde::de::{DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use std::{fmt, ops::Range};
use toml::de::{DeTable, DeValue};

/// A value with its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub place: Place,
    pub value: NodeValue,
}

#[derive(Debug)]
pub(crate) enum NodeValue {
    Null,
    Boolean(bool),
    Integer(i64),
    /// A number with decimals.
    Decimal(f64),
    /// A number that is none of the above: too large, infinite or no number at all.
    OtherNumber,
    Text(String),
    DateTime,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its place, and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub place: Place,
    pub node: Node,
}

impl Node {
    /// What people call it.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "null",
            NodeValue::Boolean(_) => "true or false",
            NodeValue::Integer(_) => "a whole number",
            NodeValue::Decimal(_) => "a number with decimals",
            NodeValue::OtherNumber => "a number out of every range",
            NodeValue::Text(_) => "a text",
            NodeValue::DateTime => "a date or time",
            NodeValue::List(_) => "a list",
            NodeValue::Table(_) => "a table",
        }
    }

    /// The place of a path such as `people[0].role`, or of its nearest ancestor that stands in the text.
    pub fn place_of(&self, path: &str) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in path.split(['.', '[']) {
            let next = match &node.value {
                NodeValue::Table(entries) => {
                    entries.iter().find(|entry| entry.key == step).map(|entry| (entry.place, &entry.node))
                }
                NodeValue::List(items) => step
                    .trim_end_matches(']')
                    .parse::<usize>()
                    .ok()
                    .and_then(|at| items.get(at))
                    .map(|item| (item.place, item)),
                _ => None,
            };
            let Some((at, child)) = next else { break };
            (place, node) = (at, child);
        }
        place
    }

    /// Whether a key of that path stands in the text.
    pub fn has(&self, path: &str) -> bool {
        let mut node = self;
        for step in path.split('.') {
            let NodeValue::Table(entries) = &node.value else { return false };
            let Some(entry) = entries.iter().find(|entry| entry.key == step) else { return false };
            node = &entry.node;
        }
        !matches!(node.value, NodeValue::Null)
    }
}

/// Turns byte offsets into lines and columns.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(1, |before| before.chars().count() + 1);
        Place { line, column }
    }
}

/// Reads a text; every syntax error that can be told apart is reported.
pub(crate) fn read(text: &str, format: Format) -> Result<Node, SettingsError> {
    let lines = Lines::of(text);
    match format {
        Format::Toml => read_toml(text, &lines),
        Format::Json => read_json(text, &lines),
    }
}

fn read_toml(text: &str, lines: &Lines<'_>) -> Result<Node, SettingsError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { place: Place { line: 1, column: 1 }, value: toml_table(table.get_ref(), lines) });
    }
    let mut problems: Vec<Problem> = errors
        .iter()
        .map(|error| Problem {
            place: error.span().map(|span| lines.place(span.start)),
            key: String::new(),
            // Only the first line: the following ones would repeat the text of the file.
            what: format!("this is not TOML: {}", error.message().lines().next().unwrap_or_default()),
            way_out: toml_way_out(text, error.span()).to_owned(),
        })
        .collect();
    // One slip leads to several messages for the same place.
    problems.dedup_by(|later, earlier| {
        later.place.map(|place| place.line) == earlier.place.map(|place| place.line)
    });
    Err(SettingsError::Wrong { file: None, problems })
}

fn toml_way_out(text: &str, span: Option<Range<usize>>) -> &'static str {
    let at = span.map_or(0, |span| span.start.min(text.len()));
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if line.contains(": ") && !line.contains('=') {
        "In TOML a key and its value are joined by =, not by a colon."
    } else if line.contains('=') && !line.contains(['"', '\'']) {
        "A text stands between double quotes: key = \"text\"."
    } else {
        "A line is either [section] or key = value, and a text stands between double quotes."
    }
}

fn toml_table(table: &DeTable<'_>, lines: &Lines<'_>) -> NodeValue {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            place: lines.place(key.span().start),
            node: Node { place: lines.place(value.span().start), value: toml_value(value.get_ref(), lines) },
        })
        .collect();
    entries.sort_by_key(|entry| entry.place);
    NodeValue::Table(entries)
}

fn toml_value(value: &DeValue<'_>, lines: &Lines<'_>) -> NodeValue {
    match value {
        DeValue::String(text) => NodeValue::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(NodeValue::OtherNumber, NodeValue::Integer),
        DeValue::Float(number) => finite(number.as_str().replace('_', "").parse().ok()),
        DeValue::Boolean(flag) => NodeValue::Boolean(*flag),
        DeValue::Datetime(_) => NodeValue::DateTime,
        DeValue::Array(items) => NodeValue::List(
            items
                .iter()
                .map(|item| Node {
                    place: lines.place(item.span().start),
                    value: toml_value(item.get_ref(), lines),
                })
                .collect(),
        ),
        DeValue::Table(table) => toml_table(table, lines),
    }
}

fn finite(number: Option<f64>) -> NodeValue {
    number.filter(|number| number.is_finite()).map_or(NodeValue::OtherNumber, NodeValue::Decimal)
}

fn read_json(text: &str, lines: &Lines<'_>) -> Result<Node, SettingsError> {
    let syntax = |error: &serde_json::Error| SettingsError::Wrong {
        file: None,
        problems: vec![Problem {
            place: Some(Place { line: error.line().max(1), column: error.column().max(1) }),
            key: String::new(),
            what: format!("this is not JSON: {}", json_message(error)),
            way_out: "Names and texts stand between double quotes, and a comma between two entries."
                .to_owned(),
        }],
    };
    let whole: &serde_json::value::RawValue = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    json_node(whole.get(), text, lines).map_err(|error| syntax(&error))
}

/// The message without its " at line 1 column 2".
fn json_message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// `part` is a slice of `whole`, so its address says where it stands.
fn json_node(part: &str, whole: &str, lines: &Lines<'_>) -> Result<Node, serde_json::Error> {
    let place = lines.place((part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize));
    let mut deserializer = serde_json::Deserializer::from_str(part);
    let value = deserializer.deserialize_any(JsonNode { whole, lines })?;
    Ok(Node { place, value })
}

struct JsonNode<'a> {
    whole: &'a str,
    lines: &'a Lines<'a>,
}

impl<'de> Visitor<'de> for JsonNode<'_> {
    type Value = NodeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<NodeValue, E> {
        Ok(NodeValue::Boolean(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<NodeValue, E> {
        Ok(NodeValue::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<NodeValue, E> {
        Ok(i64::try_from(number).map_or(NodeValue::OtherNumber, NodeValue::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<NodeValue, E> {
        Ok(finite(Some(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<NodeValue, E> {
        Ok(NodeValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NodeValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<&'de serde_json::value::RawValue>()? {
            list.push(json_node(item.get(), self.whole, self.lines).map_err(serde::de::Error::custom)?);
        }
        Ok(NodeValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NodeValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(raw_key) = map.next_key_seed(RawKey)? {
            let value = map.next_value::<&'de serde_json::value::RawValue>()?;
            let node = json_node(value.get(), self.whole, self.lines).map_err(serde::de::Error::custom)?;
            entries.push(Entry { key: raw_key, place: node.place, node });
        }
        Ok(NodeValue::Table(entries))
    }
}

struct RawKey;

impl<'de> DeserializeSeed<'de> for RawKey {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}
