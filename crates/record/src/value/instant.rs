//! Moments, as ServiceNow and FHIR write them.

use super::{ValueProblem, problem};
use crate::text::trimmed;
use crate::time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// A moment: as written, and in whole seconds. ServiceNow knows no fractions, so they do not tell two moments apart
/// (wire-facts 8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instant {
    /// As written: `2025-03-10 14:30:00` (UTC, ServiceNow) or `2025-03-10T15:30:00+01:00` (FHIR).
    pub raw: String,
    /// Unix seconds.
    pub seconds: i64,
}

impl Instant {
    /// Reads ServiceNow's `YYYY-MM-DD HH:MM:SS`, which is UTC without saying so (wire-facts 5.4), or a FHIR instant with
    /// its offset.
    pub fn parse(raw: &str) -> Result<Instant, ValueProblem> {
        let text = trimmed(raw);
        read(text)
            .map(|seconds| Instant { raw: text.to_owned(), seconds })
            .map_err(|(what, way_out)| problem(what, way_out))
    }

    /// A moment in ServiceNow's form.
    pub fn from_seconds(seconds: i64) -> Option<Instant> {
        Some(Instant { raw: time::utc_text(seconds)?, seconds })
    }

    /// `2025-03-10 14:30:00`, UTC: what a ServiceNow column takes.
    pub fn servicenow(&self) -> String {
        time::utc_text(self.seconds).unwrap_or_else(|| self.raw.clone())
    }

    /// A FHIR instant: as written where that is one, else in UTC.
    pub fn fhir(&self) -> String {
        if self.raw.as_bytes().get(10) == Some(&b'T') { self.raw.clone() } else { fhir_text(self.seconds) }
    }

    /// The moment so many minutes later, as a FHIR instant in UTC.
    pub fn fhir_after(&self, minutes: i64) -> String {
        fhir_text(self.seconds.saturating_add(minutes.saturating_mul(60)))
    }
}

/// `2025-03-10T14:30:00Z`
fn fhir_text(seconds: i64) -> String {
    time::utc_text(seconds).map(|text| format!("{}Z", text.replacen(' ', "T", 1))).unwrap_or_default()
}

type Wrong = (&'static str, &'static str);

const NOT_ONE: Wrong = ("this is not a date with a time", "write YYYY-MM-DD HH:MM:SS, in UTC");
const NO_TIME: Wrong = (
    "the time of day is missing",
    "write date and time as YYYY-MM-DD HH:MM:SS; a column of type date cannot hold an appointment",
);
const NO_OFFSET: Wrong = (
    "the offset from UTC is missing, so this can be several moments",
    "write Z or an offset such as +01:00 behind the time",
);
const NO_SUCH: Wrong =
    ("there is no such day or time", "check day, month, hour and minute; write YYYY-MM-DD HH:MM:SS");

fn read(text: &str) -> Result<i64, Wrong> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        bytes.get(from..to)?.iter().try_fold(0_u32, |sum, byte| {
            byte.is_ascii_digit().then(|| sum.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')))
        })
    };
    let sign = |at: usize, sign: u8| bytes.get(at) == Some(&sign);
    let day = number(0, 4).zip(number(5, 7)).zip(number(8, 10)).filter(|_| sign(4, b'-') && sign(7, b'-'));
    let Some(((year, month), day)) = day else { return Err(NOT_ONE) };
    if bytes.len() == 10 {
        return Err(NO_TIME);
    }
    let fhir = sign(10, b'T');
    let clock = number(11, 13).zip(number(14, 16)).zip(number(17, 19));
    let Some(((hour, minute), second)) =
        clock.filter(|_| sign(13, b':') && sign(16, b':') && (fhir || sign(10, b' ')))
    else {
        return Err(NOT_ONE);
    };
    let offset_seconds = if fhir {
        offset(text.get(19..).unwrap_or_default())?
    } else if bytes.len() == 19 {
        0
    } else {
        return Err(NOT_ONE);
    };
    // A leap second counts as the one after it.
    let (second, leap) = if second == 60 { (59, 1) } else { (second, 0) };
    let seconds = time::utc_seconds((year, month, day), (hour, minute, second)).ok_or(NO_SUCH)?;
    Ok(seconds + leap - offset_seconds)
}

/// Seconds east of UTC in `Z`, `+01:00` or `.123Z`; fractions of a second are passed over (FHIR R4 `instant`).
fn offset(text: &str) -> Result<i64, Wrong> {
    let zone = match text.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if zone.len() == fraction.len() {
                return Err(NOT_ONE);
            }
            zone
        }
        None => text,
    };
    match zone.as_bytes() {
        [] => Err(NO_OFFSET),
        b"Z" => Ok(0),
        [sign @ (b'+' | b'-'), hours @ .., b':', tens @ b'0'..=b'5', ones @ b'0'..=b'9'] => {
            let [hour_tens @ b'0'..=b'1', hour_ones @ b'0'..=b'9'] = hours else { return Err(NOT_ONE) };
            let two = |tens: &u8, ones: &u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            let seconds = two(hour_tens, hour_ones) * 3600 + two(tens, ones) * 60;
            if seconds > 14 * 3600 {
                return Err(NO_SUCH);
            }
            Ok(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => Err(NOT_ONE),
    }
}

/// Stored as written: the seconds follow.
impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.raw)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
        Instant::parse(&text).map_err(serde::de::Error::custom)
    }
}
