//! Telephone numbers: E.164 where a number is valid.
//!
//! Validity comes from the numbering plans of `phonenumber`. Its patterns cost microseconds a number, so North American
//! numbers take a short cut: in the United States and Canada the plan decides by the first four of the ten digits alone
//! (the area code and the first digit of the exchange), and what it says about each such prefix is remembered.

use super::{Phone, ValueProblem, problem};
use crate::text::trimmed;
use phonenumber::country::Id;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};

/// Reads a telephone number. A text with digits is always kept; whether it is a valid number shows in
/// [`Phone::e164`]. Numbers without a country code are read in `region` (ISO 3166-1 alpha-2).
pub(super) fn parse(raw: &str, region: &str) -> Result<Phone, ValueProblem> {
    let raw = trimmed(raw);
    if !raw.chars().any(char::is_numeric) {
        return Err(problem(
            "a telephone number has digits, and this text has none",
            "enter the number, or clear the field",
        ));
    }
    Ok(read_quickly(raw, region).unwrap_or_else(|| read_remembered(raw, region)))
}

/// How many numbers a thread remembers before it starts afresh.
const REMEMBERED_MAX: usize = 4096;

#[derive(Default)]
struct Remembered {
    region: String,
    numbers: HashMap<String, Phone>,
}

/// The same as [`read`]: an owner's number stands in the records of all their animals, in both remotes.
fn read_remembered(raw: &str, region: &str) -> Phone {
    thread_local! {
        static REMEMBERED: RefCell<Remembered> = RefCell::default();
    }
    REMEMBERED.with_borrow_mut(|remembered| {
        if remembered.region != region || remembered.numbers.len() >= REMEMBERED_MAX {
            region.clone_into(&mut remembered.region);
            remembered.numbers.clear();
        }
        if let Some(known) = remembered.numbers.get(raw) {
            return known.clone();
        }
        let phone = read(raw, region);
        remembered.numbers.insert(raw.to_owned(), phone.clone());
        phone
    })
}

/// The same as [`read`] for numbers of the United States and Canada, with the plainest ways of writing an extension,
/// and for local numbers there, which are not valid without their area code; `None` for all others.
fn read_quickly(raw: &str, region: &str) -> Option<Phone> {
    let (number, extension) = match raw.split_once(" ext. ").or_else(|| raw.split_once(" x")) {
        Some((number, extension))
            if (1..=6).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (number, Some(extension))
        }
        Some(_) => return None,
        None => (raw, None),
    };
    let mut digits = [0_u8; 11];
    let mut length = 0;
    let international = number.starts_with('+');
    for byte in number.bytes().skip(usize::from(international)) {
        match byte {
            b'0'..=b'9' => {
                *digits.get_mut(length)? = byte;
                length += 1;
            }
            b' ' | b'-' | b'.' => {}
            b'(' | b')' if !international => {}
            _ => return None,
        }
    }
    let national: &[u8] = match (international, length, digits.first()) {
        (true, 11, Some(b'1')) => digits.get(1..)?,
        (false, 11, Some(b'1')) if is_north_american(region) => digits.get(1..)?,
        (false, 10, Some(b'2'..=b'9')) if is_north_american(region) => digits.get(..10)?,
        // Canada has numbers of seven digits that are whole: 310 and four more.
        (false, 7, Some(b'3')) if digits.starts_with(b"310") => return None,
        (false, 7, Some(b'2'..=b'9')) if is_north_american(region) && extension.is_none() => {
            return Some(Phone { raw: raw.to_owned(), e164: None, extension: None });
        }
        _ => return None,
    };
    if !prefix_is_valid(national) {
        return None;
    }
    let mut e164 = String::with_capacity(12);
    e164.push_str("+1");
    e164.extend(national.iter().map(|digit| char::from(*digit)));
    Some(Phone { raw: raw.to_owned(), e164: Some(e164), extension: extension.map(str::to_owned) })
}

fn is_north_american(region: &str) -> bool {
    region == "US" || region == "CA"
}

const NOT_ASKED: u8 = 0;
const VALID: u8 = 1;
const ASK_EACH: u8 = 2;

static PREFIXES: [AtomicU8; 10_000] = [const { AtomicU8::new(NOT_ASKED) }; 10_000];

/// Whether every ten-digit number of this four-digit prefix is a valid one of the United States or Canada.
fn prefix_is_valid(national: &[u8]) -> bool {
    let Some(prefix) = national.get(..4) else { return false };
    let at = prefix.iter().fold(0_usize, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    // Personal numbers (area codes 52x) are given out in finer pieces.
    if at / 100 == 52 {
        return false;
    }
    let Some(known) = PREFIXES.get(at) else { return false };
    match known.load(Ordering::Relaxed) {
        VALID => true,
        ASK_EACH => false,
        _ => {
            // Other members of the plan (the Caribbean) decide by more digits, and are asked about one by one.
            let valid = ["555555", "012345", "310000", "989999", "764321"].iter().all(|tail| {
                phonenumber::parse(Some(Id::US), format!("+1{at:04}{tail}")).is_ok_and(|number| {
                    number.is_valid() && matches!(number.country().id(), Some(Id::US | Id::CA))
                })
            });
            known.store(if valid { VALID } else { ASK_EACH }, Ordering::Relaxed);
            valid
        }
    }
}

/// Reads by the numbering plans.
fn read(raw: &str, region: &str) -> Phone {
    let region: Option<Id> = region.parse().ok();
    let unread = Phone { raw: raw.to_owned(), e164: None, extension: None };
    let Ok(number) = phonenumber::parse(region, raw) else { return unread };
    if !number.is_valid() {
        return unread;
    }
    Phone {
        e164: Some(number.format().mode(phonenumber::Mode::E164).to_string()),
        extension: number
            .extension()
            .map(|extension| extension.chars().filter(char::is_ascii_digit).collect::<String>())
            .filter(|extension| !extension.is_empty()),
        raw: unread.raw,
    }
}

impl Phone {
    /// Reads a telephone number in a region (ISO 3166-1 alpha-2); a text without digits is refused.
    pub fn parse(raw: &str, region: &str) -> Result<Phone, ValueProblem> {
        parse(raw, region)
    }

    /// Whether the number is valid, so that it can be called and matched by.
    pub const fn is_valid(&self) -> bool {
        self.e164.is_some()
    }

    /// Appends what it is compared by: the E.164 form with extension, or the digits of an invalid number.
    pub(crate) fn comparable(&self, out: &mut String) {
        if let Some(e164) = &self.e164 {
            out.push_str(e164);
            if let Some(extension) = &self.extension {
                out.push('x');
                out.push_str(extension);
            }
        } else {
            let start = out.len();
            out.push('~');
            out.extend(
                self.raw
                    .chars()
                    .filter_map(|character| character.to_digit(10))
                    .filter_map(|digit| char::from_digit(digit, 10)),
            );
            if out.len() == start + 1 {
                crate::text::fold_text(&self.raw, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// For every four-digit prefix that takes the short cut, the numbering plans agree on numbers of it.
    #[test]
    fn personal_numbers_go_the_long_way() {
        for raw in ["5242113632", "5237119990", "5233119312", "5246117122"] {
            assert_eq!(read_quickly(raw, "US"), None);
            assert_eq!(parse(raw, "US").map(|phone| phone.is_valid()), Ok(false), "{raw}");
        }
    }

    #[test]
    fn numbers_of_seven_digits_are_read_like_the_long_way() {
        for exchange in 200..1_000 {
            let raw = format!("{exchange}-0000");
            assert_eq!(parse(&raw, "CA"), Ok(read(&raw, "CA")), "{raw}");
        }
    }

    #[test]
    fn the_short_cut_agrees_with_the_plans() {
        let mut taken = 0;
        for prefix in (2000..10_000_u32).step_by(3) {
            let tail = prefix.wrapping_mul(7919) % 1_000_000;
            let raw = format!("{prefix:04}{tail:06}");
            if let Some(quick) = read_quickly(&raw, "US") {
                taken += 1;
                assert_eq!(quick, read(&raw, "US"), "{raw}");
            }
        }
        assert!(taken > 700, "{taken} prefixes take the short cut");
    }

    /// The plain ways of writing need no look into the plans, which takes forty times as long.
    #[test]
    fn plain_numbers_take_the_short_cut() {
        // (written, region, short?)
        let cases = [
            ("(415) 555-2671", "US", true),
            ("415.555.2671 ext. 123456", "CA", true),
            ("415.555.2671 x1234567", "CA", false),
            ("1 415 555 2671", "US", true),
            ("2 415 555 2671", "US", false),
            ("+1 415 555 2671", "DE", true),
            ("+1 (415) 555 2671", "DE", false),
            ("415 555 2671", "DE", false),
            ("1 415 555 2671", "DE", false),
            ("115 555 2671", "US", false),
            ("555-2671", "US", true),
            ("311-2671", "CA", true),
            ("310-2671", "CA", false),
            ("555-2671 x12", "US", false),
            ("555-2671", "DE", false),
            ("155-2671", "US", false),
            ("415/555/2671", "US", false),
        ];
        for (written, region, short) in cases {
            let found = read_quickly(written, region);
            assert_eq!(found.is_some(), short, "{written} in {region}");
            assert!(found.is_none_or(|phone| phone == read(written, region)), "{written} in {region}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn the_short_cut_reads_like_the_long_way(
            area in "[2-9][0-9]{2}",
            exchange in "[0-9]{3}",
            line in "[0-9]{4}",
            extension in "[0-9]{1,7}",
            shape in 0..14,
            region in proptest::sample::select(vec!["US", "CA", "GB", "DE"]),
        ) {
            let raw = match shape {
                0 => format!("({area}) {exchange}-{line}"),
                1 => format!("{area}{exchange}{line}"),
                2 => format!("+1 {area} {exchange} {line}"),
                3 => format!("1-{area}-{exchange}-{line}"),
                4 => format!("{area}.{exchange}.{line}"),
                5 => format!("+1{area}{exchange}{line}"),
                6 => format!("({area})({exchange}){line}"),
                7 => format!("{area}-{exchange}-{line}-"),
                8 => format!("--{area} {exchange}..{line}"),
                9 => format!("{area}-{exchange}-{line} x{extension}"),
                10 => format!("+1 {area}{exchange}{line} ext. {extension}"),
                11 => format!("({area}) {exchange}-{line} ext. {extension}"),
                12 => format!("{area}-{line}"),
                _ => format!("{area}{line}"),
            };
            if let Some(quick) = read_quickly(&raw, region) {
                prop_assert_eq!(quick, read(&raw, region));
            }
            let expected = read(&raw, region);
            for _ in 0..2 {
                prop_assert_eq!(read_remembered(&raw, region), expected.clone());
            }
        }
    }
}
