//! Transponder numbers (ISO 11784, and the older kinds still worn in North America).

use super::{ChipClass, Microchip, ValueProblem, problem};
use crate::text::is_blank_char;
use unicode_normalization::UnicodeNormalization;

/// The animal's own number has 38 bits.
const ISO_ID_MAX: u64 = (1 << 38) - 1;

/// A number's normal form: without blanks, dashes, dots and stars, in upper case.
fn normalise(raw: &str) -> String {
    if raw.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        return raw.to_owned();
    }
    let keep = |character: char| {
        !is_blank_char(character)
            && !matches!(
                character,
                '-' | '.' | '*' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{b7}' | '\u{2022}'
            )
    };
    if raw.is_ascii() {
        raw.chars()
            .filter(|character| keep(*character))
            .map(|character| character.to_ascii_uppercase())
            .collect()
    } else {
        raw.nfkc().filter(|character| keep(*character)).flat_map(char::to_uppercase).collect()
    }
}

/// Reads a transponder number. There is no check digit in it; what can be checked is the length, the prefix (001 to 899
/// a country, 900 to 998 a maker, 999 for tests) and the 38 bits of the animal's own number.
pub(super) fn parse(raw: &str) -> Result<Microchip, ValueProblem> {
    let normal = normalise(raw);
    let class = classify(&normal)?;
    Ok(Microchip { raw: raw.to_owned(), normal, class })
}

fn classify(normal: &str) -> Result<ChipClass, ValueProblem> {
    let digits_only = normal.bytes().all(|byte| byte.is_ascii_digit());
    if !normal.is_empty() && normal.bytes().all(|byte| byte == b'0') {
        return Err(problem(
            "a microchip number of nothing but zeros is a placeholder",
            "clear the field if the animal has no microchip",
        ));
    }
    match (normal.len(), digits_only) {
        (15, true) => iso(normal),
        (14, true) => Err(problem(
            "this microchip number has 14 digits, one too few",
            "if the first digit was a zero that got lost (countries such as Australia or Austria), enter it again with \
             the zero in front; otherwise read the chip again",
        )),
        (9, true) => Ok(ChipClass::Legacy9),
        (10, _)
            if normal.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && normal.bytes().any(|byte| byte.is_ascii_digit()) =>
        {
            Ok(ChipClass::Legacy10)
        }
        (15, false) if normal.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Err(problem(
            "a microchip number of 15 characters holds digits only, and this one has a letter",
            "compare it with the chip: letters O and I are often typed for the digits 0 and 1",
        )),
        (_, true) if !normal.is_empty() => Err(problem(
            "a microchip number has 15 digits, or 9 or 10 characters for older chips",
            "read the chip again, or clear the field",
        )),
        _ => Err(problem(
            "this is not a microchip number",
            "enter the number alone (15 digits, or 9 or 10 characters for older chips), or clear the field if the animal \
             has no microchip",
        )),
    }
}

fn iso(normal: &str) -> Result<ChipClass, ValueProblem> {
    let (prefix, id) = normal.split_at(3);
    if prefix == "000" {
        return Err(problem(
            "a microchip number never starts with 000",
            "read the chip again: the first three digits are a country or a maker",
        ));
    }
    if prefix == "999" {
        return Err(problem(
            "microchip numbers that start with 999 belong to test transponders",
            "read the chip again, or clear the field",
        ));
    }
    match id.parse::<u64>() {
        Ok(id) if id <= ISO_ID_MAX => Ok(ChipClass::Iso15),
        _ => Err(problem(
            "the last twelve digits of this microchip number are larger than any chip can hold (274877906943)",
            "a digit is mistyped: read the chip again",
        )),
    }
}

impl Microchip {
    /// Reads a transponder number; see [`super::parse`].
    pub fn parse(raw: &str) -> Result<Microchip, ValueProblem> {
        parse(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        // (written, class and normal form)
        let cases = [
            ("985112003456789", Some((ChipClass::Iso15, "985112003456789"))),
            ("985 112-003.456 789", Some((ChipClass::Iso15, "985112003456789"))),
            ("\u{ff19}\u{ff18}5112003456789", Some((ChipClass::Iso15, "985112003456789"))),
            // The largest 38-bit number, and one more.
            ("985274877906943", Some((ChipClass::Iso15, "985274877906943"))),
            ("985274877906944", None),
            // Austria's prefix begins with a zero, which a numeric column drops.
            ("040112003456789", Some((ChipClass::Iso15, "040112003456789"))),
            ("40112003456789", None),
            ("999112003456789", None),
            ("000112003456789", None),
            ("123*456*789", Some((ChipClass::Legacy9, "123456789"))),
            ("0a01234567", Some((ChipClass::Legacy10, "0A01234567"))),
            ("4A123B567A", Some((ChipClass::Legacy10, "4A123B567A"))),
            // No check digit: a Luhn-wrong number is as good as any.
            ("956000001234561", Some((ChipClass::Iso15, "956000001234561"))),
            ("98511200345678O", None),
            ("000000000", None),
            ("12345678", None),
            ("none", None),
            ("no microchip", None),
        ];
        for (written, expected) in cases {
            let read = Microchip::parse(written).ok();
            assert_eq!(read.as_ref().map(|chip| (chip.class, chip.normal.as_str())), expected, "{written}");
        }
    }

    #[test]
    fn the_way_out_fits_the_problem() {
        // (written, words of the problem or the way out)
        let cases = [
            ("40112003456789", "zero in front"),
            ("000 000 000", "placeholder"),
            ("000112003456789", "never starts with 000"),
            ("999112003456789", "test transponders"),
            ("985274877906944", "mistyped"),
            ("98511200345678O", "letters O and I"),
            ("98511200345678\u{e9}", "not a microchip number"),
            ("12345678", "15 digits, or 9 or 10"),
            ("1234567890123456", "15 digits, or 9 or 10"),
            ("ABCDEFGHIJ", "not a microchip number"),
            ("123456789\u{e9}", "not a microchip number"),
            ("-", "not a microchip number"),
        ];
        for (written, words) in cases {
            let found = Microchip::parse(written).expect_err(written);
            let said = format!("{} {}", found.problem, found.way_out);
            assert!(said.contains(words), "{written}: {said}");
        }
    }
}
