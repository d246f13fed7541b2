//! Between a field's value and one piece of text: what a ServiceNow column or a FHIR string holds.

use record::catalogue::ValueType;
use record::sameness::{Sameness, sameness};
use record::value::{SexStatus, SubstanceSet, Value};
use record::{Conventions, FieldState, Remote};

/// What a text says about a field of this type.
pub(crate) fn read(value_type: &ValueType, text: &str, conventions: &Conventions) -> FieldState {
    match record::value::parse(value_type, text, conventions) {
        Ok(None) => FieldState::Blank,
        Ok(Some(value)) => FieldState::Value(value),
        Err(problem) => FieldState::Invalid { raw: text.to_owned(), problem },
    }
}

/// What one remote can say of a state: of a link to a patient its own key alone.
pub(crate) fn as_said_by(remote: Remote, state: &FieldState) -> FieldState {
    match state {
        FieldState::Value(Value::PatientLink(link)) if link.key(remote).is_some() => {
            FieldState::Value(Value::PatientLink(link.as_said_by(remote)))
        }
        _ => state.clone(),
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
/// term of its own, for a set of substances, which are written with [`sex_term`] and [`crate::text::list`], and for what
/// each remote has words or keys of its own for.
pub(crate) fn write(value: &Value, value_type: &ValueType) -> Option<String> {
    Some(match value {
        Value::Name(text) | Value::Text(text) | Value::LongText(text) | Value::Email(text) => text.clone(),
        Value::Coded(coded) => coded.text.clone(),
        Value::Microchip(chip) => chip.raw.clone(),
        Value::Phone(phone) => phone.raw.clone(),
        Value::Date(date) => date.to_string(),
        Value::Quantity(quantity) => match value_type {
            ValueType::Quantity { default_unit } => quantity.to_text(default_unit),
            _ => value.display(),
        },
        Value::Instant(instant) => instant.servicenow(),
        Value::Minutes(minutes) => minutes.minutes.to_string(),
        Value::Items(list) => list.raw.clone(),
        Value::Person(_)
        | Value::PatientLink(_)
        | Value::Status(_)
        | Value::Sex(_)
        | Value::Substances(_) => {
            return None;
        }
    })
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

/// Writes a set of substances over a text list: items that stay keep their spelling, their order and the separators
/// between them; new ones follow in the separator style that is there.
pub(crate) fn list(standing: &str, set: &SubstanceSet, conventions: &Conventions) -> String {
    let edited = edited_list(standing, set, conventions);
    if substances(&edited, conventions).same_keys(set) {
        return edited;
    }
    // What stands there splits in another way than it seems.
    set.to_text(Some(standing))
}

/// The substances a text holds.
fn substances(text: &str, conventions: &Conventions) -> SubstanceSet {
    match record::value::parse(&ValueType::Substances, text, conventions) {
        Ok(Some(Value::Substances(set))) => set,
        _ => SubstanceSet::default(),
    }
}

fn edited_list(standing: &str, set: &SubstanceSet, conventions: &Conventions) -> String {
    let items = items(standing);
    let separator = match items.as_slice() {
        [left, right, ..] => standing.get(left.1..right.0).unwrap_or(", "),
        _ => ", ",
    };
    let mut out = String::with_capacity(standing.len() + 16);
    let mut kept = SubstanceSet::default();
    let mut previous_end = 0;
    for (start, end) in items {
        let text = standing.get(start..end).unwrap_or_default();
        let said = substances(text, conventions);
        if !said.items.is_empty() && said.items.iter().all(|item| set.contains(&item.key)) {
            if !kept.items.is_empty() {
                out.push_str(standing.get(previous_end..start).unwrap_or(", "));
            }
            out.push_str(text);
            said.items.into_iter().for_each(|item| {
                kept.insert(item);
            });
        }
        previous_end = end;
    }
    for item in set.items.iter().filter(|item| !kept.contains(&item.key)) {
        if !out.is_empty() {
            out.push_str(separator);
        }
        out.push_str(&SubstanceSet::new([item.clone()]).to_text(None));
    }
    out
}

/// Start and end of each item of a list, without the blanks around it: separators count outside quotes and brackets.
fn items(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    let (mut depth, mut quoted) = (0_u32, false);
    let mut end_item = |start: usize, end: usize| {
        let item = text.get(start..end).unwrap_or_default();
        let trimmed = item.trim();
        if !trimmed.is_empty() {
            let from = start + (item.len() - item.trim_start().len());
            found.push((from, from + trimmed.len()));
        }
    };
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth = depth.saturating_sub(1),
            ',' | ';' | '\u{2028}' | '\u{2029}' | '\u{ff0c}' | '\u{ff1b}' if depth == 0 && !quoted => {
                end_item(start, at);
                start = at + character.len_utf8();
            }
            '\n' | '\r' if !quoted => {
                depth = 0;
                end_item(start, at);
                start = at + 1;
            }
            _ => {}
        }
    }
    end_item(start, text.len());
    found
}
