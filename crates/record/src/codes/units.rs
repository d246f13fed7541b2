//! UCUM units a veterinary record uses: how people write them, and how amounts are compared.

use rust_decimal::{Decimal, RoundingStrategy};

/// The code system's URI in FHIR.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// What a unit measures. Amounts of one dimension can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Base unit: the kilogram.
    Mass,
    /// Base unit: the degree Celsius.
    Temperature,
    /// Base unit: the millilitre.
    Volume,
    /// Base unit: the centimetre.
    Length,
    /// Base unit: the milligram per kilogram of body weight.
    Dose,
    /// Anything else: compared within its own unit only.
    Own,
}

/// One unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// UCUM code, case sensitive: `[lb_av]`.
    pub code: &'static str,
    /// What people read: `lb`.
    pub label: &'static str,
    /// What it measures.
    pub dimension: Dimension,
    /// Base units in one of it: mantissa and number of decimals.
    factor: (i64, u32),
    /// What else people write, in lower case.
    names: &'static [&'static str],
}

const fn unit(
    code: &'static str,
    label: &'static str,
    dimension: Dimension,
    factor: (i64, u32),
    names: &'static [&'static str],
) -> Unit {
    Unit { code, label, dimension, factor, names }
}

/// The international avoirdupois pound is 0.45359237 kg exactly, the inch 2.54 cm.
const UNITS: &[Unit] = &[
    unit(
        "kg",
        "kg",
        Dimension::Mass,
        (1, 0),
        &["kgs", "kilo", "kilos", "kilogram", "kilograms", "kilogramme", "kilogrammes"],
    ),
    unit("g", "g", Dimension::Mass, (1, 3), &["gm", "gms", "gr", "gram", "grams", "gramme", "grammes"]),
    unit("mg", "mg", Dimension::Mass, (1, 6), &["milligram", "milligrams"]),
    unit("ug", "\u{b5}g", Dimension::Mass, (1, 9), &["mcg", "\u{3bc}g", "microgram", "micrograms"]),
    unit("[lb_av]", "lb", Dimension::Mass, (45_359_237, 8), &["lbs", "pound", "pounds", "lb_av", "#"]),
    unit("[oz_av]", "oz", Dimension::Mass, (28_349_523_125, 12), &["ounce", "ounces", "oz_av", "ozs"]),
    unit("[stone_av]", "st", Dimension::Mass, (635_029_318, 8), &["stone", "stones"]),
    unit(
        "Cel",
        "\u{b0}C",
        Dimension::Temperature,
        (1, 0),
        &["c", "degc", "deg c", "celsius", "\u{b0} c", "\u{2103}"],
    ),
    unit(
        "[degF]",
        "\u{b0}F",
        Dimension::Temperature,
        (1, 0),
        &["f", "degf", "deg f", "fahrenheit", "\u{b0} f", "\u{2109}"],
    ),
    unit("L", "L", Dimension::Volume, (1000, 0), &["litre", "litres", "liter", "liters", "ltr"]),
    unit(
        "mL",
        "mL",
        Dimension::Volume,
        (1, 0),
        &["cc", "millilitre", "millilitres", "milliliter", "milliliters"],
    ),
    unit("m", "m", Dimension::Length, (100, 0), &["metre", "metres", "meter", "meters"]),
    unit(
        "cm",
        "cm",
        Dimension::Length,
        (1, 0),
        &["cms", "centimetre", "centimetres", "centimeter", "centimeters"],
    ),
    unit("mm", "mm", Dimension::Length, (1, 1), &["millimetre", "millimetres", "millimeter", "millimeters"]),
    unit("[in_i]", "in", Dimension::Length, (254, 2), &["inch", "inches", "\""]),
    unit("[ft_i]", "ft", Dimension::Length, (3048, 2), &["foot", "feet"]),
    unit("[hd_i]", "hands", Dimension::Length, (1016, 2), &["hand", "hh"]),
    unit("mg/kg", "mg/kg", Dimension::Dose, (1, 0), &[]),
    unit("ug/kg", "\u{b5}g/kg", Dimension::Dose, (1, 3), &["mcg/kg", "\u{3bc}g/kg"]),
    unit("mL/kg", "mL/kg", Dimension::Own, (1, 0), &[]),
    unit("mg/mL", "mg/mL", Dimension::Own, (1, 0), &[]),
    unit("[iU]", "IU", Dimension::Own, (1, 0), &["units", "unit", "u", "i.u."]),
    unit("[iU]/kg", "IU/kg", Dimension::Own, (1, 0), &["units/kg"]),
    unit("[drp]", "drops", Dimension::Own, (1, 0), &["drop", "gtt"]),
    unit("{tbl}", "tablets", Dimension::Own, (1, 0), &["tablet", "tab", "tabs", "tbl"]),
    unit("%", "%", Dimension::Own, (1, 0), &["percent", "per cent"]),
    unit("/min", "/min", Dimension::Own, (1, 0), &["bpm", "per minute", "beats/min", "breaths/min"]),
    unit("min", "min", Dimension::Own, (1, 0), &["mins", "minute", "minutes"]),
    unit("h", "h", Dimension::Own, (1, 0), &["hr", "hrs", "hour", "hours"]),
    unit("d", "days", Dimension::Own, (1, 0), &["day"]),
    unit("wk", "weeks", Dimension::Own, (1, 0), &["week", "wks"]),
    unit("mo", "months", Dimension::Own, (1, 0), &["month", "mos"]),
    unit("a", "years", Dimension::Own, (1, 0), &["year", "yr", "yrs", "y"]),
    unit("1", "", Dimension::Own, (1, 0), &["{score}", "score"]),
];

/// The unit of a UCUM code, by the letter (`mL`, never `ml`).
pub fn by_code(code: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.code == code)
}

/// The unit a text names: a UCUM code, else a label or an everyday name in any case.
pub fn recognise(text: &str) -> Option<&'static Unit> {
    by_code(text).or_else(|| {
        let bare = text.strip_suffix('.').unwrap_or(text);
        UNITS.iter().find(|unit| {
            (!unit.label.is_empty() && unit.label.eq_ignore_ascii_case(bare))
                || unit.code.eq_ignore_ascii_case(bare)
                || unit.names.iter().any(|name| name.eq_ignore_ascii_case(bare))
        })
    })
}

/// Every known UCUM code.
pub fn codes() -> impl Iterator<Item = &'static str> {
    UNITS.iter().map(|unit| unit.code)
}

impl Unit {
    /// The amount in the dimension's base unit, exact except that °F need a division by nine (28 digits); `None` beyond
    /// the range of a decimal.
    pub fn to_base(&self, amount: Decimal) -> Option<Decimal> {
        if self.code == "[degF]" {
            let fifths = amount.checked_sub(Decimal::from(32))?.checked_mul(Decimal::from(5))?;
            return fifths.checked_div(Decimal::from(9));
        }
        let (mantissa, decimals) = self.factor;
        amount.checked_mul(Decimal::new(mantissa, decimals))
    }

    /// The inverse of [`Unit::to_base`], rounded to a decimal's 28 digits.
    pub fn from_base(&self, amount: Decimal) -> Option<Decimal> {
        if self.code == "[degF]" {
            return amount.checked_mul(Decimal::new(18, 1))?.checked_add(Decimal::from(32));
        }
        let (mantissa, decimals) = self.factor;
        amount.checked_div(Decimal::new(mantissa, decimals))
    }
}

/// An amount in another unit of the same dimension; `None` between dimensions, or beyond the range of a decimal.
pub fn convert(amount: Decimal, from: &str, to: &str) -> Option<Decimal> {
    if from == to {
        return Some(amount);
    }
    let (from, to) = (by_code(from)?, by_code(to)?);
    if from.dimension != to.dimension || from.dimension == Dimension::Own {
        return None;
    }
    to.from_base(from.to_base(amount)?).map(|amount| amount.normalize())
}

/// Below this weight in kilograms the tolerance shrinks with the animal: 0.01 kg is a tenth of a hamster.
const SMALL_KG: Decimal = Decimal::from_parts(2, 0, 0, false, 0);

/// How far apart two amounts in base units may be and still be one amount written with different rounding.
fn tolerance(dimension: Dimension, larger: Decimal) -> Decimal {
    match dimension {
        Dimension::Mass if larger >= SMALL_KG => Decimal::new(1, 2),
        Dimension::Mass => larger.checked_mul(Decimal::new(5, 3)).unwrap_or_default(),
        Dimension::Temperature => Decimal::new(6, 2),
        Dimension::Length => Decimal::new(5, 2),
        Dimension::Volume | Dimension::Dose | Dimension::Own => Decimal::ZERO,
    }
}

/// Whether two amounts are the same within rounding: 0.01 kg from 2 kg on, half a per cent below; 0.06 °C; 0.05 cm;
/// exactly, in every other dimension. Unknown units agree only with themselves.
pub fn same_amount(left: (Decimal, &str), right: (Decimal, &str)) -> bool {
    let (Some(left_unit), Some(right_unit)) = (by_code(left.1), by_code(right.1)) else {
        return left.1 == right.1 && left.0 == right.0;
    };
    if left_unit.dimension != right_unit.dimension {
        return false;
    }
    if left_unit.dimension == Dimension::Own {
        return left.1 == right.1 && left.0 == right.0;
    }
    match (left_unit.to_base(left.0), right_unit.to_base(right.0)) {
        (Some(a), Some(b)) => {
            let larger = a.abs().max(b.abs());
            a.checked_sub(b).is_some_and(|gap| gap.abs() <= tolerance(left_unit.dimension, larger))
        }
        _ => left.1 == right.1 && left.0 == right.0,
    }
}

/// The text an amount is compared by: equal text implies [`same_amount`], the inverse does not hold at the edges of
/// rounding.
pub fn comparable_amount(amount: Decimal, code: &str, out: &mut String) {
    use std::fmt::Write as _;
    let rounded = by_code(code).filter(|unit| unit.dimension != Dimension::Own).and_then(|unit| {
        let base = unit.to_base(amount)?;
        let rounded = match unit.dimension {
            Dimension::Mass if base.abs() < SMALL_KG => {
                base.round_sf_with_strategy(4, RoundingStrategy::MidpointAwayFromZero)?
            }
            Dimension::Mass => base.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero),
            // Steps of 0.05 stay inside the tolerance.
            Dimension::Temperature | Dimension::Length => (base.checked_mul(Decimal::from(20))?)
                .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero),
            Dimension::Volume | Dimension::Dose | Dimension::Own => base,
        };
        Some((rounded.normalize(), unit.dimension))
    });
    // Writing to a String cannot fail.
    let _ = match rounded {
        Some((rounded, dimension)) => write!(out, "{dimension:?} {rounded}"),
        None => write!(out, "{code} {}", amount.normalize()),
    };
}
