//! The specification's `sync_frequency`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, str::FromStr};

/// Shortest and longest interval between two polls.
const POLL_SECONDS: std::ops::RangeInclusive<u32> = 5..=86_400;
/// Polls of `real-time`: ServiceNow has no push of its own, so short polling always stands behind it.
const REAL_TIME_SECONDS: u32 = 15;

/// How often the remotes are asked what changed (specification, "Integration Patterns" and "Environment Settings").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncFrequency {
    /// `real-time`: as soon as a change is heard of, with short polling behind it.
    #[default]
    RealTime,
    /// `30s`, `5m`, `2h`: polling at this interval, in seconds.
    Every(u32),
    /// `scheduled`: only at the times of `batch_schedule`.
    Scheduled,
    /// `on-demand`: only when a person asks.
    OnDemand,
}

impl SyncFrequency {
    /// Seconds between two polls; `None` where nothing is polled.
    pub const fn poll_seconds(self) -> Option<u32> {
        match self {
            SyncFrequency::RealTime => Some(REAL_TIME_SECONDS),
            SyncFrequency::Every(seconds) => Some(seconds),
            SyncFrequency::Scheduled | SyncFrequency::OnDemand => None,
        }
    }
}

impl fmt::Display for SyncFrequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SyncFrequency::RealTime => f.write_str("real-time"),
            SyncFrequency::Scheduled => f.write_str("scheduled"),
            SyncFrequency::OnDemand => f.write_str("on-demand"),
            SyncFrequency::Every(seconds) if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            SyncFrequency::Every(seconds) if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            SyncFrequency::Every(seconds) => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for SyncFrequency {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "\"real-time\", \"scheduled\", \"on-demand\" or an interval from 5s to 24h such as \"5m\" is expected";
        match text.trim() {
            "real-time" => return Ok(SyncFrequency::RealTime),
            "scheduled" => return Ok(SyncFrequency::Scheduled),
            "on-demand" => return Ok(SyncFrequency::OnDemand),
            _ => {}
        }
        let text = text.trim();
        let seconds_per_unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            _ => return Err(EXPECTED),
        };
        let number = &text[..text.len() - 1];
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(EXPECTED);
        }
        let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(seconds_per_unit));
        seconds.filter(|seconds| POLL_SECONDS.contains(seconds)).map(SyncFrequency::Every).ok_or(EXPECTED)
    }
}

impl Serialize for SyncFrequency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SyncFrequency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for SyncFrequency {
    fn schema_name() -> Cow<'static, str> {
        "SyncFrequency".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(real-time|scheduled|on-demand|[0-9]+[smh])$",
            "examples": ["real-time", "5m"],
        })
    }
}
