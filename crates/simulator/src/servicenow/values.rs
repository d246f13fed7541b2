//! Values on their way in and out: stored text, display text, and what people type (wire-facts 5.4, 5.5).

use super::Settings;
use super::evaluate::{Session, Tables};
use super::schema::{Column, ColumnType};
use crate::clock::{servicenow_text, utc};
use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use std::borrow::Cow;

const DATETIME: &str = "%Y-%m-%d %H:%M:%S";

/// `true` and `1` are true.
pub(crate) fn boolean(text: &str) -> bool {
    matches!(text, "true" | "1")
}

/// A bare date counts as its midnight in UTC.
pub(crate) fn padded_datetime(text: &str) -> Cow<'_, str> {
    if text.len() == 10 { Cow::Owned(format!("{text} 00:00:00")) } else { Cow::Borrowed(text) }
}

/// An operand as written, or what a `javascript:` one evaluates to; `None` where the script means nothing here.
pub(crate) fn operand(text: &str, session: &Session<'_>) -> Option<String> {
    let Some(script) = text.strip_prefix("javascript:") else { return Some(text.to_owned()) };
    if !session.settings.javascript_in_queries {
        return None;
    }
    let script = script.trim().trim_end_matches(';');
    if let Some(arguments) = script.strip_prefix("gs.dateGenerate(").and_then(|rest| rest.strip_suffix(')')) {
        let mut parts = arguments.split(',').map(|part| part.trim().trim_matches(['\'', '"']));
        let text = format!("{} {}", parts.next()?, parts.next().unwrap_or("00:00:00"));
        let local = NaiveDateTime::parse_from_str(&text, DATETIME).ok()?;
        return Some(servicenow_text(to_utc_ms(local, session)));
    }
    let today = utc(session.now_ms).with_timezone(&session.zone).date_naive();
    let day = |days: i64, end: bool| {
        let date = today.checked_add_signed(TimeDelta::days(days))?;
        let time = if end { date.and_hms_opt(23, 59, 59)? } else { date.and_hms_opt(0, 0, 0)? };
        Some(servicenow_text(to_utc_ms(time, session)))
    };
    match script {
        "gs.nowDateTime()" | "gs.now()" => Some(servicenow_text(session.now_ms)),
        "gs.beginningOfToday()" => day(0, false),
        "gs.endOfToday()" => day(0, true),
        "gs.beginningOfYesterday()" => day(-1, false),
        "gs.endOfYesterday()" => day(-1, true),
        "gs.beginningOfTomorrow()" => day(1, false),
        "gs.endOfTomorrow()" => day(1, true),
        "gs.getUserID()" => Some(session.user_sys_id.to_owned()),
        _ => {
            let argument = |name: &str| {
                script.strip_prefix(name).and_then(|rest| rest.strip_suffix(')'))?.trim().parse::<i64>().ok()
            };
            argument("gs.daysAgo(")
                .and_then(TimeDelta::try_days)
                .or_else(|| argument("gs.hoursAgo(").and_then(TimeDelta::try_hours))
                .or_else(|| argument("gs.minutesAgo(").and_then(TimeDelta::try_minutes))
                .and_then(|ago| utc(session.now_ms).checked_sub_signed(ago))
                .map(|point| servicenow_text(point.timestamp_millis()))
        }
    }
}

/// `@hour@ago@1`: the point in time as text, twice (a range of one second for "on or about").
pub(crate) fn relative_range(text: &str, session: &Session<'_>) -> Option<Vec<String>> {
    let mut parts = text.split('@').filter(|part| !part.is_empty());
    let (unit, direction, amount) = (parts.next()?, parts.next()?, parts.next()?.parse::<i64>().ok()?);
    let signed = match direction {
        "ago" => amount.checked_neg()?,
        "ahead" => amount,
        _ => return None,
    };
    let now = utc(session.now_ms);
    let months = |count: i64| {
        let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
        if count < 0 { now.checked_sub_months(months) } else { now.checked_add_months(months) }
    };
    let point = match unit {
        "minute" => now.checked_add_signed(TimeDelta::try_minutes(signed)?),
        "hour" => now.checked_add_signed(TimeDelta::try_hours(signed)?),
        "dayofweek" | "day" => now.checked_add_signed(TimeDelta::try_days(signed)?),
        "week" => now.checked_add_signed(TimeDelta::try_weeks(signed)?),
        "month" => months(signed),
        "quarter" => months(signed.checked_mul(3)?),
        "year" => months(signed.checked_mul(12)?),
        _ => return None,
    }?;
    let text = servicenow_text(point.timestamp_millis());
    Some(vec![text.clone(), text])
}

/// `Today@…@…`, or a bare date: first and last second of that day in the user's zone.
pub(crate) fn day_range(text: &str, session: &Session<'_>) -> Option<Vec<String>> {
    let parts: Vec<&str> = text.split('@').collect();
    if let [_, from, to] = parts.as_slice() {
        return Some(vec![operand(from, session)?, operand(to, session)?]);
    }
    let today = utc(session.now_ms).with_timezone(&session.zone).date_naive();
    let date = match *parts.first()? {
        "Today" => today,
        "Yesterday" => today.checked_sub_days(Days::new(1))?,
        "Tomorrow" => today.checked_add_days(Days::new(1))?,
        date => NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?,
    };
    let text = |hour, minute, second| {
        Some(servicenow_text(to_utc_ms(date.and_hms_opt(hour, minute, second)?, session)))
    };
    Some(vec![text(0, 0, 0)?, text(23, 59, 59)?])
}

fn to_utc_ms(local: NaiveDateTime, session: &Session<'_>) -> i64 {
    // A time that does not exist is an hour later, one that exists twice is its first.
    session
        .zone
        .from_local_datetime(&local)
        .earliest()
        .or_else(|| {
            session
                .zone
                .from_local_datetime(&local.checked_add_signed(TimeDelta::hours(1)).unwrap_or(local))
                .earliest()
        })
        .map_or_else(|| local.and_utc().timestamp_millis(), |time| time.timestamp_millis())
}

/// What a stored value looks like to people: labels, the user's zone, grouped digits.
pub(crate) fn display(tables: &Tables, column: &Column, stored: &str, session: &Session<'_>) -> String {
    if stored.is_empty() {
        return String::new();
    }
    match &column.column_type {
        ColumnType::Choice(choices) => choices
            .iter()
            .find(|(value, _)| value == stored)
            .map_or_else(|| stored.to_owned(), |(_, label)| label.clone()),
        ColumnType::DateTime => NaiveDateTime::parse_from_str(stored, DATETIME).map_or_else(
            |_| stored.to_owned(),
            |time| {
                let pattern = format!("{} %H:%M:%S", session.settings.user_date_format);
                time.and_utc().with_timezone(&session.zone).format(&pattern).to_string()
            },
        ),
        ColumnType::Date => NaiveDate::parse_from_str(stored, "%Y-%m-%d").map_or_else(
            |_| stored.to_owned(),
            |date| date.format(&session.settings.user_date_format).to_string(),
        ),
        ColumnType::Duration => duration_words(stored),
        ColumnType::Integer => grouped(stored),
        ColumnType::Reference(target) => display_of(tables, target, stored),
        ColumnType::List(target) => {
            stored.split(',').map(|key| display_of(tables, target, key)).collect::<Vec<_>>().join(", ")
        }
        ColumnType::Text | ColumnType::Boolean | ColumnType::Decimal | ColumnType::SysId => stored.to_owned(),
    }
}

fn display_of(tables: &Tables, target: &str, key: &str) -> String {
    tables
        .get(target)
        .and_then(|table| table.get(key).map(|row| table.value(row, &table.schema.display).to_owned()))
        .unwrap_or_default()
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn duration_words(stored: &str) -> String {
    let Ok(point) = NaiveDateTime::parse_from_str(stored, DATETIME) else { return stored.to_owned() };
    let seconds = point.and_utc().timestamp();
    let parts = [
        (seconds / 86_400, "Day"),
        (seconds / 3_600 % 24, "Hour"),
        (seconds / 60 % 60, "Minute"),
        (seconds % 60, "Second"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() { "0 Seconds".to_owned() } else { words.join(" ") }
}

/// What is stored of a value that was sent, or `None` if the column does not accept it and keeps what it has.
pub(crate) fn accept(
    tables: &Tables,
    column: &Column,
    sent: &str,
    as_display: bool,
    session: &Session<'_>,
    settings: &Settings,
) -> Option<String> {
    match &column.column_type {
        ColumnType::Text => {
            let cut = column.max_length > 0 && sent.chars().count() > column.max_length;
            Some(if cut { sent.chars().take(column.max_length).collect() } else { sent.to_owned() })
        }
        ColumnType::Boolean => match sent {
            "true" | "1" => Some("true".to_owned()),
            "false" | "0" | "" => Some("false".to_owned()),
            _ => None,
        },
        ColumnType::Integer => number(sent, |text| text.parse::<i64>().is_ok()),
        ColumnType::Decimal => number(sent, |text| text.parse::<f64>().is_ok_and(f64::is_finite)),
        ColumnType::Choice(choices) => {
            let by_value = choices.iter().find(|(value, _)| value == sent);
            let by_label = choices.iter().find(|(_, label)| as_display && label == sent);
            match by_label.or(by_value) {
                Some((value, _)) => Some(value.clone()),
                // An empty text does not clear a choice.
                None if settings.choice_allow_non_existing_value && !sent.is_empty() => Some(sent.to_owned()),
                None => None,
            }
        }
        ColumnType::Date => {
            if sent.is_empty() {
                return Some(String::new());
            }
            let date = sent.get(..10)?;
            NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|date| date.year() > 0)?;
            (sent.len() == 10 || sent.as_bytes().get(10) == Some(&b' ')).then(|| date.to_owned())
        }
        ColumnType::DateTime | ColumnType::Duration => {
            if sent.is_empty() {
                return Some(String::new());
            }
            let padded = padded_datetime(sent);
            let time = NaiveDateTime::parse_from_str(&padded, DATETIME).ok()?;
            let is_local = as_display && matches!(column.column_type, ColumnType::DateTime);
            Some(if is_local {
                servicenow_text(to_utc_ms(time, session))
            } else {
                time.format(DATETIME).to_string()
            })
        }
        ColumnType::Reference(target) => {
            Some(if as_display { key_of(tables, target, sent) } else { sent.to_owned() })
        }
        ColumnType::List(target) => Some(if as_display {
            sent.split(',').map(|name| key_of(tables, target, name.trim())).collect::<Vec<_>>().join(",")
        } else {
            sent.to_owned()
        }),
        ColumnType::SysId => (sent.len() == 32 && sent.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| sent.to_ascii_lowercase()),
    }
}

fn number(sent: &str, readable: impl Fn(&str) -> bool) -> Option<String> {
    let plain: String = sent.trim().chars().filter(|character| *character != ',').collect();
    (plain.is_empty() || readable(&plain)).then_some(plain)
}

fn key_of(tables: &Tables, target: &str, name: &str) -> String {
    let Some(table) = tables.get(target) else { return name.to_owned() };
    if table.get(name).is_some() {
        return name.to_owned();
    }
    let found = table.keys_from("").find(|(_, row)| table.value(row, &table.schema.display) == name);
    found.map_or_else(String::new, |(key, _)| key.to_owned())
}
