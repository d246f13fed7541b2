//! Between a field's value and one piece of text: what a ServiceNow column or a FHIR string holds.

use record::catalogue::ValueType;
use record::sameness::{Sameness, sameness};
use record::value::{Quantity, SexStatus, SubstanceSet, Value};
use record::{Conventions, FieldState};

/// What a text says about a field of this type.
pub(crate) fn read(value_type: &ValueType, text: &str, conventions: &Conventions) -> FieldState {
    match record::value::parse(value_type, text, conventions) {
        Ok(None) => FieldState::Blank,
        Ok(Some(value)) => FieldState::Value(value),
        Err(problem) => FieldState::Invalid { raw: text.to_owned(), problem },
    }
}

/// Whether two states say the same thing: equal, both empty, or values that are the same by [`sameness`].
pub(crate) fn says_the_same(left: &FieldState, right: &FieldState) -> bool {
    match (left, right) {
        (FieldState::Value(left), FieldState::Value(right)) => {
            matches!(sameness(left, right), Sameness::Identical | Sameness::Same(_))
        }
        _ => left == right,
    }
}

/// The text of a value whose written form does not depend on what stood there before; `None` for a sex without a
/// term of its own and for a set of substances, which are written with [`sex_term`] and [`crate::text::list`].
pub(crate) fn write(value: &Value, value_type: &ValueType) -> Option<String> {
    Some(match value {
        Value::Name(text) | Value::Text(text) | Value::LongText(text) | Value::Email(text) => text.clone(),
        Value::Coded(coded) => coded.text.clone(),
        Value::Microchip(chip) => chip.raw.clone(),
        Value::Phone(phone) => phone.raw.clone(),
        Value::Date(date) => iso_date(*date),
        Value::Quantity(quantity) => quantity_text(quantity, value_type),
        Value::Sex(_) | Value::Substances(_) => return None,
    })
}

/// `2019`, `2019-06` or `2019-06-01` (FHIR R4 datatypes, `date`; also the form of a ServiceNow date).
pub(crate) fn iso_date(date: record::value::PartialDate) -> String {
    match (date.month, date.day) {
        (Some(month), Some(day)) => format!("{:04}-{month:02}-{day:02}", date.year),
        (Some(month), None) => format!("{:04}-{month:02}", date.year),
        (None, _) => format!("{:04}", date.year),
    }
}

/// A number in the column's own unit stands alone, any other carries its unit.
fn quantity_text(quantity: &Quantity, value_type: &ValueType) -> String {
    match value_type {
        ValueType::Quantity { default_unit } if *default_unit == quantity.unit => quantity.number.clone(),
        _ => format!("{} {}", quantity.number, quantity.unit),
    }
}

/// The term to write for a sex: the value's own where it means this, else the one that stands there already where it
/// means this, else one in the style of that (wire-facts 10.2).
pub(crate) fn sex_term(sex: &SexStatus, standing: &str, conventions: &Conventions) -> String {
    let own = sex.term.as_deref().filter(|term| {
        matches!(record::value::parse(&ValueType::Sex, term, conventions),
            Ok(Some(Value::Sex(read))) if read.sex == sex.sex && read.neuter == sex.neuter)
    });
    match own {
        Some(term) => term.to_owned(),
        None => sex.to_term(Some(standing).filter(|standing| !standing.trim().is_empty()), conventions),
    }
}

/// Lower case with single blanks: how names and labels are compared.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// Whether a character ends one item of a text list of substances (wire-facts 3.1).
pub(crate) const fn separates(character: char) -> bool {
    matches!(character, ',' | ';' | '\n' | '\r')
}

/// A substance's text without the characters that would split it in a text list.
pub(crate) fn unsplittable(text: &str) -> String {
    if !text.contains(separates) {
        return text.trim().to_owned();
    }
    text.split(separates).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The keys of the substances a text holds.
fn keys(text: &str, conventions: &Conventions) -> Vec<String> {
    match record::value::parse(&ValueType::Substances, text, conventions) {
        Ok(Some(Value::Substances(set))) => set.items.into_iter().map(|item| item.key).collect(),
        _ => Vec::new(),
    }
}

/// Writes a set of substances over a text list: items that stay keep their spelling, their order and the separators
/// between them; new ones follow in the separator style that is there.
pub(crate) fn list(standing: &str, set: &SubstanceSet, conventions: &Conventions) -> String {
    let wanted: Vec<&str> = set.items.iter().map(|item| item.key.as_str()).collect();
    let edited = edited_list(standing, set, &wanted, conventions);
    let mut found = keys(&edited, conventions);
    let mut expected: Vec<&str> = wanted.clone();
    found.sort_unstable();
    expected.sort_unstable();
    if found == expected {
        return edited;
    }
    // What stood there splits in another way than expected: write the plain list.
    set.items.iter().map(|item| unsplittable(&item.text)).collect::<Vec<_>>().join(", ")
}

fn edited_list(standing: &str, set: &SubstanceSet, wanted: &[&str], conventions: &Conventions) -> String {
    let items = items(standing);
    let separator = items.windows(2).next().and_then(|pair| match pair {
        [left, right] => standing.get(left.1..right.0),
        _ => None,
    });
    let mut out = String::with_capacity(standing.len() + 16);
    let mut kept: Vec<String> = Vec::new();
    let mut previous_end = 0;
    for (start, end) in items {
        let text = standing.get(start..end).unwrap_or_default();
        let keys = keys(text, conventions);
        if !keys.is_empty() && keys.iter().all(|key| wanted.contains(&key.as_str())) {
            if !kept.is_empty() {
                out.push_str(standing.get(previous_end..start).unwrap_or(", "));
            }
            out.push_str(text);
            kept.extend(keys);
        }
        previous_end = end;
    }
    for item in set.items.iter().filter(|item| !kept.contains(&item.key)) {
        if !out.is_empty() {
            out.push_str(separator.unwrap_or(", "));
        }
        out.push_str(&unsplittable(&item.text));
    }
    out
}

/// Start and end of each item, without the blanks around it.
fn items(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for chunk in text.split(separates) {
        let trimmed = chunk.trim();
        if !trimmed.is_empty() {
            let start = at + (chunk.len() - chunk.trim_start().len());
            found.push((start, start + trimmed.len()));
        }
        // Every separator is one byte long.
        at += chunk.len() + 1;
    }
    found
}
