//! Lengths of time.

use super::{ValueProblem, problem};
use crate::text::trimmed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// A length of time in whole minutes, at least one (FHIR R4: `minutesDuration` is a positive number).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minutes {
    /// As written: `30`, `1970-01-01 00:30:00` (a ServiceNow duration), `1 h 30 min`.
    pub raw: String,
    /// The minutes.
    pub minutes: u32,
}

/// A year: what is longer is no appointment, and no sum overflows.
const MINUTES_MAX: u32 = 366 * 24 * 60;

impl Minutes {
    /// Reads a number of minutes, a ServiceNow duration, `H:MM`, or hours and minutes in words.
    pub fn parse(raw: &str) -> Result<Minutes, ValueProblem> {
        let text = trimmed(raw);
        let minutes = read(text).ok_or_else(|| {
            problem(
                "this is not a length of time in whole minutes",
                "write the minutes as a number, such as 30",
            )
        })?;
        if minutes == 0 || minutes > MINUTES_MAX {
            return Err(problem(
                "a duration is at least one minute and at most a year",
                "write the minutes as a number, such as 30",
            ));
        }
        Ok(Minutes { raw: text.to_owned(), minutes })
    }

    /// So many minutes, written as a number; `None` for none at all and beyond a year.
    pub fn new(minutes: i64) -> Option<Minutes> {
        let minutes = u32::try_from(minutes).ok().filter(|minutes| (1..=MINUTES_MAX).contains(minutes))?;
        Some(Minutes { raw: minutes.to_string(), minutes })
    }

    /// The text of a ServiceNow column of type duration: the time since 1970 (wire-facts 5.4).
    pub fn duration_text(&self) -> String {
        crate::time::utc_text(i64::from(self.minutes) * 60).unwrap_or_default()
    }

    /// Whether a text is a ServiceNow duration.
    pub fn is_duration_text(text: &str) -> bool {
        trimmed(text).starts_with("1970-")
    }
}

fn read(text: &str) -> Option<u32> {
    if Minutes::is_duration_text(text) {
        let seconds = super::Instant::parse(text).ok()?.seconds;
        return (seconds >= 0 && seconds % 60 == 0).then(|| u32::try_from(seconds / 60).ok())?;
    }
    if let Some((hours, minutes)) = text.split_once(':') {
        let minutes = minutes.strip_suffix(":00").unwrap_or(minutes);
        let minutes = digits(minutes).filter(|number| minutes.len() == 2 && *number < 60)?;
        return digits(hours)?.checked_mul(60)?.checked_add(minutes);
    }
    let whole = text.split_once('.').and_then(|(whole, decimals)| {
        (!decimals.is_empty() && decimals.bytes().all(|digit| digit == b'0')).then_some(whole)
    });
    digits(whole.unwrap_or(text)).or_else(|| in_words(text))
}

fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// `1 h 30 min`, `45 Minutes`, `2 hours`: a number before every unit, hours before minutes.
fn in_words(text: &str) -> Option<u32> {
    let text = text.to_ascii_lowercase();
    let mut rest = text.trim();
    let (mut total, mut last_factor) = (0_u32, u32::MAX);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit())?;
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "d" | "day" | "days" => 24 * 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 60,
            "m" | "min" | "mins" | "minute" | "minutes" => 1,
            _ => return None,
        };
        if factor >= last_factor {
            return None;
        }
        last_factor = factor;
        total = total.checked_add(digits(number)?.checked_mul(factor)?)?;
        rest = after.trim_start_matches(['.', ',', ' ']);
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
    }
    (last_factor != u32::MAX).then_some(total)
}

/// Stored as written: the number follows.
impl Serialize for Minutes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.raw)
    }
}

impl<'de> Deserialize<'de> for Minutes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
        Minutes::parse(&text).map_err(serde::de::Error::custom)
    }
}
