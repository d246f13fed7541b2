//! `start`, `end` and `minutesDuration`: three elements for two facts (wire-facts 3.2; app-2, app-3).

use super::number;
use crate::fhir::tree;
use record::value::{Instant, Minutes, Value, ValueProblem};
use record::{FieldState, Json};

/// The moment in a member.
fn moment(appointment: &Json, key: &str) -> Option<Instant> {
    Instant::parse(tree::text(appointment, key)?).ok()
}

/// Seconds from start to end.
fn span_seconds(appointment: &Json) -> Option<i64> {
    Some(moment(appointment, "end")?.seconds - moment(appointment, "start")?.seconds)
}

/// The planned minutes: what is said, which may be less than the slot, else the slot's length to the nearest minute.
pub(super) fn duration(appointment: &Json) -> FieldState {
    if let Some(written) = number(appointment, "minutesDuration") {
        return match Minutes::parse(written) {
            Ok(minutes) => FieldState::Value(Value::Minutes(minutes)),
            Err(problem) => FieldState::Invalid { raw: written.to_owned(), problem },
        };
    }
    if let Some(other) = appointment.get("minutesDuration") {
        return FieldState::Invalid {
            raw: other.as_str().unwrap_or_default().to_owned(),
            problem: ValueProblem {
                problem: "the duration is not a number".to_owned(),
                way_out: "correct the duration of the appointment in the EHR".to_owned(),
            },
        };
    }
    match span_seconds(appointment) {
        None => FieldState::Blank,
        Some(seconds) => match Minutes::new((seconds + 30).div_euclid(60)) {
            Some(minutes) => FieldState::Value(Value::Minutes(minutes)),
            None => FieldState::Invalid {
                raw: format!("{} min", seconds.div_euclid(60)),
                problem: ValueProblem {
                    problem: "the appointment ends when or before it starts, or years later".to_owned(),
                    way_out: "correct start, end or duration of the appointment in the EHR".to_owned(),
                },
            },
        },
    }
}

/// Moves the start; the end moves along.
pub(super) fn write_start(appointment: &mut Json, start: &Instant) -> Result<(), String> {
    let seconds = match span_seconds(appointment) {
        Some(seconds) if seconds > 0 => seconds,
        _ => {
            match duration(appointment) {
                FieldState::Value(Value::Minutes(minutes)) => i64::from(minutes.minutes) * 60,
                _ => {
                    return Err("the EHR needs to know when the appointment ends, and its duration is not known; enter \
                            the duration as well"
                    .to_owned());
                }
            }
        }
    };
    tree::set_primitive(appointment, "start", Json::String(start.fhir()));
    set_end(appointment, start, seconds)
}

/// Ends the slot so many seconds after its start. An end that is right stays as it is written.
fn set_end(appointment: &mut Json, start: &Instant, seconds: i64) -> Result<(), String> {
    let wanted = start.seconds.saturating_add(seconds);
    if moment(appointment, "end").is_some_and(|end| end.seconds == wanted) {
        return Ok(());
    }
    let end = Instant::from_seconds(wanted).ok_or_else(|| {
        "the appointment would end after the last year a calendar has; correct the date".to_owned()
    })?;
    tree::set_primitive(appointment, "end", Json::String(end.fhir()));
    Ok(())
}

/// Changes the planned minutes; the end moves by as much, so that a slot that is longer than the visit stays longer.
pub(super) fn write_duration(appointment: &mut Json, minutes: &Minutes) -> Result<(), String> {
    let wanted = i64::from(minutes.minutes) * 60;
    let planned = number(appointment, "minutesDuration").and_then(|written| Minutes::parse(written).ok());
    let spare = match (span_seconds(appointment), planned) {
        (Some(span), Some(planned)) => (span - i64::from(planned.minutes) * 60).max(0),
        _ => 0,
    };
    tree::set_primitive(appointment, "minutesDuration", Json::Number(minutes.minutes.to_string()));
    if tree::text(&*appointment, "start").is_some() {
        let Some(start) = moment(appointment, "start") else {
            return Err("the start of the appointment cannot be read; correct it in the EHR first".to_owned());
        };
        set_end(appointment, &start, wanted + spare)?;
    }
    Ok(())
}

/// Takes start and end away; how long it is planned to last stays known.
pub(super) fn clear_start(appointment: &mut Json) -> Result<(), String> {
    if appointment.get("minutesDuration").is_none() {
        match duration(appointment) {
            FieldState::Value(Value::Minutes(minutes)) => {
                appointment.set("minutesDuration", Json::Number(minutes.minutes.to_string()));
            }
            FieldState::Invalid { problem, .. } => {
                return Err(format!("{}; {}", problem.problem, problem.way_out));
            }
            FieldState::Unknown | FieldState::Blank | FieldState::Value(_) => {}
        }
    }
    appointment.remove("start");
    appointment.remove("end");
    Ok(())
}
