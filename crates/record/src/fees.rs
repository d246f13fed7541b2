//! What a treatment costs: the hospital's fee schedule, and the lines that a treatment is billed by.
//!
//! Nothing is guessed: an item without a price, or one priced by the tablet that does not say how many, has no line, and
//! says what is missing. Amounts are decimals.

use crate::catalogue::{Catalogue, FhirPlace, TreatmentPlace};
use crate::codes::medication;
use crate::record::Record;
use crate::text::folded_text;
use crate::value::Value;
use rust_decimal::{Decimal, RoundingStrategy};
use std::collections::BTreeMap;

/// The unit of what is billed once for each time it stands in a treatment.
pub const EACH: &str = "each";
/// Longest code: it stands in a key beside a `sys_id`.
pub const CODE_CHARS: usize = 40;
/// More of one thing than anybody is given at once.
const QUANTITY_MAX: Decimal = Decimal::from_parts(9_999, 0, 0, false, 0);
/// Decimals an amount has at least.
const AMOUNT_DECIMALS: u32 = 2;

/// One row of a fee schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    /// The hospital's code: letters, digits, `.`, `_` and `-`.
    pub code: String,
    /// What it is called in treatments.
    pub description: String,
    /// What one unit costs.
    pub price: Decimal,
    /// ISO 4217: `USD`.
    pub currency: String,
    /// What is counted: [`EACH`], or `tablet`, `hour`.
    pub unit: String,
}

/// A fee schedule that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FeeProblem {
    /// Which of the rows, from 0.
    pub row: usize,
    /// The column: `code`, `description`.
    pub column: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub way_out: &'static str,
}

/// What things cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeeSchedule {
    fees: Vec<Fee>,
    by_description: BTreeMap<String, usize>,
}

/// One line of a treatment's bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    /// The code of the fee.
    pub code: String,
    /// 1 for the first line of this code in the treatment, and up.
    pub occurrence: u32,
    /// What the fee schedule calls it.
    pub description: String,
    /// How many units.
    pub quantity: Decimal,
    /// The unit.
    pub unit: String,
    /// What one unit costs.
    pub price: Decimal,
    /// Quantity times price, rounded half up to the decimals of the price, two at least.
    pub amount: Decimal,
    /// ISO 4217.
    pub currency: String,
}

impl BillLine {
    /// The key of the line: the same for every version of the treatment, so that nothing is billed twice.
    pub fn key(&self, treatment: &str) -> String {
        format!("{treatment}-{}-{}", self.code, self.occurrence)
    }
}

/// An item of a treatment that cannot be billed as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotPriced {
    /// The id of the field it stands in.
    pub field: String,
    /// What is missing.
    pub problem: String,
    /// What to do about it.
    pub way_out: String,
}

impl FeeSchedule {
    /// A fee schedule of these rows. A code may stand in several, under other descriptions, where all else is the same.
    ///
    /// # Errors
    /// A code that cannot stand in a key, one with two prices, a description that stands there twice.
    pub fn new(fees: Vec<Fee>) -> Result<FeeSchedule, FeeProblem> {
        let mut by_description: BTreeMap<String, usize> = BTreeMap::new();
        let mut by_code: BTreeMap<String, usize> = BTreeMap::new();
        for (row, fee) in fees.iter().enumerate() {
            let wrong = |column, problem: String, way_out| FeeProblem { row, column, problem, way_out };
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if fee.code.is_empty() || fee.code.len() > CODE_CHARS || !fee.code.chars().all(plain) {
                return Err(wrong(
                    "code",
                    format!("{:?} cannot be a code", fee.code),
                    "Write 1 to 40 letters, digits, dots, underscores or hyphens.",
                ));
            }
            // ServiceNow tells no cases apart in its keys.
            let earlier = *by_code.entry(fee.code.to_ascii_lowercase()).or_insert(row);
            if fees.get(earlier).is_some_and(|other| {
                (&other.code, other.price, &other.currency, &other.unit)
                    != (&fee.code, fee.price, &fee.currency, &fee.unit)
            }) {
                return Err(wrong(
                    "code",
                    format!("{} stands there before with another price, currency or unit", fee.code),
                    "Give each price a code of its own; upper and lower case are the same code.",
                ));
            }
            let folded = folded_text(&fee.description);
            if folded.is_empty() {
                return Err(wrong(
                    "description",
                    "it is empty".to_owned(),
                    "Write it as treatments name it.",
                ));
            }
            if by_description.insert(folded, row).is_some() {
                return Err(wrong(
                    "description",
                    format!("{:?} stands there before", fee.description),
                    "Leave one of them, so that its price is certain.",
                ));
            }
        }
        Ok(FeeSchedule { fees, by_description })
    }

    /// The fee of an item, by its description or its code, without regard to case and blanks.
    fn fee(&self, item: &str) -> Option<&Fee> {
        let folded = folded_text(item);
        let by_description = self.by_description.get(&folded).and_then(|row| self.fees.get(*row));
        by_description.or_else(|| self.fees.iter().find(|fee| fee.code.eq_ignore_ascii_case(item.trim())))
    }

    /// The lines a treatment is billed by: one for each procedure and medication, in the order they are written.
    ///
    /// # Errors
    /// Every item that cannot be billed; nothing is billed then, so that a treatment has one bill and not a part of one.
    pub fn lines(&self, catalogue: &Catalogue, record: &Record) -> Result<Vec<BillLine>, Vec<NotPriced>> {
        let (mut lines, mut problems) = (Vec::new(), Vec::new());
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for (at, spec) in catalogue.iter() {
            let FhirPlace::Treatment(place) = &spec.place else { continue };
            let priced = match place {
                TreatmentPlace::Procedures => FeeSchedule::procedure,
                TreatmentPlace::Medications => FeeSchedule::medication,
                _ => continue,
            };
            let Some(Value::Items(list)) = record.field(at).value() else { continue };
            for (number, item) in list.items.iter().enumerate() {
                match priced(self, item) {
                    Ok((fee, quantity)) => {
                        let occurrence = seen.entry(&fee.code).or_default();
                        *occurrence += 1;
                        lines.push(line(fee, quantity, *occurrence));
                    }
                    Err((problem, way_out)) => problems.push(NotPriced {
                        field: spec.id.clone(),
                        problem: format!(
                            "{} {} of {} ({item:?}) {problem}",
                            spec.label,
                            number + 1,
                            list.items.len()
                        ),
                        way_out,
                    }),
                }
            }
        }
        if problems.is_empty() { Ok(lines) } else { Err(problems) }
    }

    fn procedure(&self, item: &str) -> Result<(&Fee, Decimal), (String, String)> {
        let (fee, quantity) = match (self.fee(item), times(item)) {
            (Some(fee), _) => (fee, None),
            (None, Some((name, quantity))) => (self.fee(name).ok_or_else(no_price)?, Some(quantity)),
            (None, None) => return Err(no_price()),
        };
        match quantity {
            Some(quantity) => Ok((fee, quantity)),
            None if fee.unit == EACH => Ok((fee, Decimal::ONE)),
            None => Err((
                format!("is priced by the {}, and does not say how many", fee.unit),
                "write the number behind it in ServiceNow, as in \"x 2\", or price it by \"each\" in the fee schedule"
                    .to_owned(),
            )),
        }
    }

    fn medication(&self, item: &str) -> Result<(&Fee, Decimal), (String, String)> {
        let prescription = medication::split(item);
        let fee = self.fee(prescription.medication).or_else(|| self.fee(item)).ok_or_else(no_price)?;
        if fee.unit == EACH {
            return Ok((fee, Decimal::ONE));
        }
        match dispensed(item) {
            Some(quantity) => Ok((fee, quantity)),
            None => Err((
                format!("is priced by the {}, and does not say how many were dispensed", fee.unit),
                "write it behind the directions in ServiceNow, as in \"dispense 14\", or price it by \"each\" in the \
                 fee schedule"
                    .to_owned(),
            )),
        }
    }
}

fn no_price() -> (String, String) {
    (
        "has no price in the fee schedule".to_owned(),
        "add it to the fee schedule under that description and start VetSync again, or correct the line in ServiceNow"
            .to_owned(),
    )
}

fn line(fee: &Fee, quantity: Decimal, occurrence: u32) -> BillLine {
    let decimals = fee.price.scale().max(AMOUNT_DECIMALS);
    let mut amount =
        (fee.price * quantity).round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
    amount.rescale(decimals);
    BillLine {
        code: fee.code.clone(),
        occurrence,
        description: fee.description.clone(),
        quantity,
        unit: fee.unit.clone(),
        price: fee.price,
        amount,
        currency: fee.currency.clone(),
    }
}

/// A number of things: above nothing, plainly written.
fn number(text: &str) -> Option<Decimal> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse::<Decimal>().ok().filter(|_| plain)?;
    (number > Decimal::ZERO && number <= QUANTITY_MAX).then(|| number.normalize())
}

/// `Radiograph x 2`, `Radiograph x2`, `Radiograph ×2`: the name and how many.
fn times(item: &str) -> Option<(&str, Decimal)> {
    let (name, count) = item.trim().rsplit_once(['x', 'X', '\u{d7}'])?;
    // Behind a blank: an `x` within a word is none.
    let name = name.strip_suffix(char::is_whitespace)?.trim_end();
    let quantity = number(count.trim())?;
    (!name.is_empty()).then_some((name, quantity))
}

/// How many were dispensed, where a prescription says so once: `dispense 14`, `disp: 14`, `qty 14`, `#14`.
fn dispensed(item: &str) -> Option<Decimal> {
    let signs: &[char] = &[',', ':', ';', '.', '(', ')'];
    let words: Vec<String> =
        item.split_whitespace().map(|word| word.trim_matches(signs).to_lowercase()).collect();
    let mut found = words.iter().enumerate().filter_map(|(at, word)| {
        let counted = match word.as_str() {
            "disp" | "dispense" | "dispensed" | "qty" | "quantity" => {
                words.get(at + 1)?.trim_start_matches('#')
            }
            _ if at > 0 && is_count_word(words.get(at - 1)?) => return None,
            other => other.strip_prefix('#')?,
        };
        number(counted)
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn is_count_word(word: &str) -> bool {
    matches!(word, "disp" | "dispense" | "dispensed" | "qty" | "quantity")
}
