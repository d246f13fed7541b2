//! The stored form of bases, and the comparison of a pair as it is stored.
//!
//! Equal values have equal stored texts, so a field that says the same in both records and in the base, to the letter, is
//! found so without decoding it; the rest is decoded field by field and related like any other.

use crate::compare::{Base, BaseField, field_in_agreement};
use record::stored::{self, Parts, States, Unreadable};
use record::{Catalogue, FieldState};
use std::fmt::Write as _;

const FORM: &str = "1";

/// Writes a base: its form, one part with the agreed values, and for each time and person that agreed something a part
/// with the time, one with the person and one with the places of the fields.
pub fn encode_base(base: &Base) -> String {
    let mut states = String::with_capacity(256);
    stored::push_states(base.fields.iter().map(|field| &field.state), &mut states);
    let mut out = String::with_capacity(states.len() + 64);
    out.push_str(FORM);
    stored::push(&states, &mut out);
    let never = BaseField::default();
    let mut agreements: Vec<((i64, &str), String)> = Vec::new();
    for (at, field) in base.fields.iter().enumerate() {
        let by = (field.agreed_at_ms, field.agreed_by.as_str());
        if by == (never.agreed_at_ms, never.agreed_by.as_str()) {
            continue;
        }
        let place = match agreements.iter_mut().find(|(known, _)| *known == by) {
            Some((_, places)) => places,
            None => {
                agreements.push((by, String::new()));
                let Some((_, places)) = agreements.last_mut() else { continue };
                places
            }
        };
        // Writing to a string cannot fail.
        let _ = write!(place, "{}{at}", if place.is_empty() { "" } else { "," });
    }
    for ((at_ms, by), places) in agreements {
        stored::push(&at_ms.to_string(), &mut out);
        stored::push(by, &mut out);
        stored::push(&places, &mut out);
    }
    out
}

/// Reads a base that [`encode_base`] wrote.
pub fn decode_base(text: &str) -> Result<Base, Unreadable> {
    const BAD: Unreadable = Unreadable { what: "base" };
    let (states, mut rest) = base_parts(text)?;
    let mut base = Base {
        fields: states
            .map(|state| Ok(BaseField { state: stored::decode_state(state?)?, ..BaseField::default() }))
            .collect::<Result<_, Unreadable>>()?,
    };
    while !rest.is_empty() {
        let at_ms: i64 = rest.part()?.parse().map_err(|_| BAD)?;
        let (by, places) = (rest.part()?, rest.part()?);
        for place in places.split(',') {
            let at: usize = place.parse().map_err(|_| BAD)?;
            let field = base.fields.get_mut(at).ok_or(BAD)?;
            field.agreed_at_ms = at_ms;
            by.clone_into(&mut field.agreed_by);
        }
    }
    Ok(base)
}

fn base_parts(text: &str) -> Result<(States<'_>, Parts<'_>), Unreadable> {
    let rest = text.strip_prefix(FORM).ok_or(Unreadable { what: "base" })?;
    let mut parts = Parts::new(rest, "base");
    Ok((States::new(parts.part()?), parts))
}

/// [`crate::compare::in_agreement`] of a pair as it is stored: both records, and the base.
///
/// # Errors
/// [`Unreadable`] where one of the three is not of today's form: decode them then.
pub fn in_agreement(
    catalogue: &Catalogue,
    base: &str,
    servicenow: &str,
    ehr: &str,
) -> Result<bool, Unreadable> {
    let (mut base, _) = base_parts(base)?;
    let (mut servicenow, mut ehr) = (stored::states(servicenow)?, stored::states(ehr)?);
    for _ in &catalogue.fields {
        let (base, servicenow, ehr) = (next(&mut base)?, next(&mut servicenow)?, next(&mut ehr)?);
        if servicenow == stored::UNKNOWN || ehr == stored::UNKNOWN {
            // Hidden: nothing can be said.
            continue;
        }
        if servicenow == ehr && (base == ehr || stored::is_invalid(ehr)) {
            continue;
        }
        let state = |text| stored::decode_state(text);
        let (base, servicenow, ehr): (FieldState, FieldState, FieldState) =
            (state(base)?, state(servicenow)?, state(ehr)?);
        if !field_in_agreement(&base, &servicenow, &ehr) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The next field; a record of fewer fields does not say.
fn next<'a>(states: &mut States<'a>) -> Result<&'a str, Unreadable> {
    states.next().unwrap_or(Ok(stored::UNKNOWN))
}
