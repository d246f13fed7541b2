//! Amounts with a unit.

use super::{Quantity, ValueProblem, problem};
use crate::codes::units;
use crate::text::{is_blank_char, trimmed};
use rust_decimal::Decimal;

/// Reads `12.4 kg`, `27lb`, or a bare number in `default_unit` (UCUM).
pub(super) fn parse(raw: &str, default_unit: &str) -> Result<Quantity, ValueProblem> {
    let text = trimmed(raw);
    let end = text
        .char_indices()
        .find(|(at, character)| {
            !(character.is_ascii_digit()
                || matches!(character, '.' | ',')
                || (*at == 0 && matches!(character, '+' | '-' | '\u{2212}')))
        })
        .map_or(text.len(), |(at, _)| at);
    let (number, unit) = text.split_at(end);
    let number = number_of(number)?;
    let unit = unit.trim_matches(is_blank_char);
    let unit = if unit.is_empty() {
        default_unit
    } else {
        let mut folded = String::new();
        for word in unit.split_whitespace() {
            if !folded.is_empty() {
                folded.push(' ');
            }
            folded.push_str(word);
        }
        units::recognise(&folded).map(|unit| unit.code).ok_or_else(|| {
            problem(
                "the unit of this amount is not known",
                "write the number and a unit such as kg, g, lb or oz, in one unit only",
            )
        })?
    };
    Quantity::new(&number, unit)
}

/// The number as a JSON number: a decimal comma becomes a point, and no digit is lost or added.
fn number_of(written: &str) -> Result<String, ValueProblem> {
    let not_a_number = || problem("this is not an amount", "write a number and its unit, such as 12.4 kg");
    let (sign, digits) = match written.strip_prefix(['-', '\u{2212}']) {
        Some(digits) => ("-", digits),
        None => ("", written.strip_prefix('+').unwrap_or(written)),
    };
    let commas = digits.matches(',').count();
    let digits = match commas {
        0 => digits.to_owned(),
        1 if !digits.contains('.')
            && digits.split(',').nth(1).is_some_and(|decimals| matches!(decimals.len(), 1 | 2)) =>
        {
            digits.replace(',', ".")
        }
        _ => {
            return Err(problem(
                "the comma in this number can mean thousands or decimals",
                "write the number without commas, with a point before the decimals",
            ));
        }
    };
    let (whole, decimals) = match digits.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (digits.as_str(), None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !decimals.is_none_or(all_digits) {
        return Err(not_a_number());
    }
    let decimals = decimals.filter(|decimals| !decimals.is_empty());
    if whole.is_empty() && decimals.is_none() {
        return Err(not_a_number());
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(match decimals {
        Some(decimals) => format!("{sign}{whole}.{decimals}"),
        None => format!("{sign}{whole}"),
    })
}

impl Quantity {
    /// An amount of a number as written (a JSON number, so that precision is kept) and a UCUM code.
    pub fn new(number: &str, unit: &str) -> Result<Quantity, ValueProblem> {
        let read = if number.contains(['e', 'E']) {
            Decimal::from_scientific(number).ok()
        } else {
            Decimal::from_str_exact(number).ok()
        };
        let amount = read.ok_or_else(|| {
            problem("this number has more digits than an amount can have", "round it to at most 20 digits")
        })?;
        Ok(Quantity { number: number.to_owned(), amount, unit: unit.to_owned() })
    }

    /// The amount in another unit of the same kind, exact between pounds and kilograms; `None` between kinds.
    pub fn amount_in(&self, unit: &str) -> Option<Decimal> {
        units::convert(self.amount, &self.unit, unit)
    }

    /// What people read: `12.4 kg`.
    pub(crate) fn display(&self) -> String {
        let label = units::by_code(&self.unit).map_or(self.unit.as_str(), |unit| unit.label);
        if label.is_empty() { self.number.clone() } else { format!("{} {label}", self.number) }
    }

    /// The text of a column that holds amounts in `default_unit`: a bare number where the unit is that one.
    pub fn to_text(&self, default_unit: &str) -> String {
        if self.unit == default_unit { self.number.clone() } else { self.display() }
    }
}
