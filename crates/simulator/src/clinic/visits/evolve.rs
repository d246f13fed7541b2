//! Work goes on at the reception: appointments are moved, begun, called off, on either side or both, and every edit has
//! a right answer against what was agreed.

use super::super::generate::Draw;
use super::super::truth::{Expected, FieldTruth};
use super::AppointmentTruth;
use crate::clock::{servicenow_text, utc};
use crate::ehr::Ehr;
use crate::servicenow::Instance;
use record::Json;
use serde::{Deserialize, Serialize};

/// What was done to one appointment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitEdit {
    /// The row's `sys_id`.
    pub servicenow_key: String,
    /// The resource's id.
    pub ehr_key: String,
    /// Whether the row was edited.
    pub in_servicenow: bool,
    /// Whether the resource was edited.
    pub in_ehr: bool,
    /// The right answer for the field that was written.
    pub field: FieldTruth,
}

/// Kinds of work, see [`work`].
const KINDS: u32 = 9;

/// What is done on either side.
#[derive(Default)]
struct Work {
    /// Columns and their new values.
    row: Vec<(&'static str, String)>,
    /// By how many milliseconds start and end are moved.
    moved_ms: i64,
    status: Option<&'static str>,
    reason: Option<&'static str>,
}

impl Work {
    fn touches_ehr(&self) -> bool {
        self.moved_ms != 0 || self.status.is_some() || self.reason.is_some()
    }
}

/// Edits appointments that both sides have and agree on, this many in a thousand; the truth follows.
pub(crate) fn evolve(
    truths: &mut [AppointmentTruth],
    per_mille: u32,
    seed: u64,
    servicenow: &Instance,
    ehr: &Ehr,
) -> Vec<VisitEdit> {
    let mut draw = Draw::new(seed ^ 0x6d6f_7665, 0);
    let mut edits = Vec::new();
    for truth in truths {
        let (Some(key), Some(id)) = (truth.servicenow_key.clone(), truth.ehr_key.clone()) else { continue };
        if !truth.fields.iter().all(|field| field.expected == Expected::Equal) || !draw.per_mille(per_mille) {
            continue;
        }
        let Some(row) = servicenow.row("u_appointment", &key) else { continue };
        let column = |name: &str| row.get(name).map_or("", String::as_str);
        let booked = matches!(column("u_appointment_status"), "scheduled" | "confirmed");
        let Some((work, field)) = work(draw.below(KINDS), booked, &row, &mut draw) else { continue };
        let values: Vec<(&str, &str)> =
            work.row.iter().map(|(column, value)| (*column, value.as_str())).collect();
        let in_servicenow =
            !values.is_empty() && servicenow.edit_row("u_appointment", &key, &values, "front.desk");
        let in_ehr = work.touches_ehr() && ehr.edit_appointment(&id, |resource| edit(resource, &work));
        truth.fields.retain(|known| known.field != field.field);
        truth.fields.push(field.clone());
        edits.push(VisitEdit { servicenow_key: key, ehr_key: id, in_servicenow, in_ehr, field });
    }
    edits
}

/// One kind of work; nothing if it does not apply to this appointment.
fn work(
    kind: u32,
    booked: bool,
    row: &std::collections::BTreeMap<String, String>,
    draw: &mut Draw,
) -> Option<(Work, FieldTruth)> {
    let start =
        chrono::NaiveDateTime::parse_from_str(row.get("u_appointment_date")?, "%Y-%m-%d %H:%M:%S").ok()?;
    let later = |hours: i64| servicenow_text(start.and_utc().timestamp_millis() + hours * 3_600_000);
    let status = |value: &str| vec![("u_appointment_status", value.to_owned())];
    let take_ours = |field| FieldTruth::should(field, Expected::TakeServiceNow);
    let take_theirs = |field| FieldTruth::should(field, Expected::TakeEhr);
    let (date, stage) = ("appointment_date", "appointment_status");
    let work = Work::default();
    Some(match kind {
        // Moved on one side: to the evening, or to another day.
        0 => (
            Work { row: vec![("u_appointment_date", later(if draw.chance(50) { 24 } else { 9 }))], ..work },
            take_ours(date),
        ),
        1 => (Work { moved_ms: 86_400_000, ..work }, take_theirs(date)),
        // Moved on both, to the same hour and to different ones.
        2 => (
            Work { row: vec![("u_appointment_date", later(24))], moved_ms: 86_400_000, ..work },
            FieldTruth::equal(date),
        ),
        3 => (
            Work { row: vec![("u_appointment_date", later(24))], moved_ms: 172_800_000, ..work },
            FieldTruth::ask(date),
        ),
        // Another word for the same stage moves nothing.
        4 if booked => {
            let other =
                if row.get("u_appointment_status")? == "confirmed" { "scheduled" } else { "confirmed" };
            (Work { row: status(other), ..work }, FieldTruth::equal(stage))
        }
        5 if booked => (Work { row: status("checked_in"), ..work }, take_ours(stage)),
        // Both went on, one of them further.
        6 if booked => (
            Work { row: status("arrived"), status: Some("fulfilled"), ..work },
            FieldTruth::should(stage, Expected::TakeEhr),
        ),
        // Called off on one side, taking place on the other.
        7 if booked => {
            (Work { row: status("cancelled"), status: Some("fulfilled"), ..work }, FieldTruth::ask(stage))
        }
        8 => {
            (Work { reason: Some("Owner called again: much worse"), ..work }, take_theirs("reason_for_visit"))
        }
        _ => return None,
    })
}

fn edit(resource: &mut Json, work: &Work) {
    if work.moved_ms != 0 {
        for name in ["start", "end"] {
            let at = resource
                .get(name)
                .and_then(Json::as_str)
                .and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
            if let Some(at) = at {
                let moved = utc(at.timestamp_millis() + work.moved_ms);
                resource.set(name, Json::String(moved.format("%Y-%m-%dT%H:%M:%SZ").to_string()));
            }
        }
    }
    if let Some(status) = work.status {
        resource.set("status", Json::str(status));
    }
    if let Some(reason) = work.reason {
        resource.set("reasonCode", Json::Array(vec![Json::object([("text", Json::str(reason))])]));
    }
}
