//! Appointments and treatments of the clinic's animals, drawn from a stream of chance of their own: the animals of a
//! seed are the same with them and without.

mod appointment;
mod evolve;
mod treatment;
mod truth;
mod words;

pub use evolve::VisitEdit;
pub(super) use evolve::evolve;
pub use truth::{AppointmentTruth, TreatmentExpected, TreatmentTruth};
pub use words::{STAFF, Staff};

use super::generate::{Case, Draw, HISTORY_ENDS_MS};
use super::{LinkTruth, Rates};
use crate::clock::servicenow_text;
use crate::ehr::Ehr;
use crate::servicenow::Instance;
use record::Json;
use std::collections::BTreeMap;

/// A row, each column that is not empty.
pub type VisitRow = BTreeMap<String, String>;

/// The identifier system of the keys of `u_appointment` in the EHR.
pub const APPOINTMENT_SYSTEM: &str = "https://vetsync.example/servicenow/u_appointment";
/// The identifier system of the keys of `u_treatment` in the EHR; that of versions has `/version` behind it.
pub const TREATMENT_SYSTEM: &str = "https://vetsync.example/servicenow/u_treatment";

/// One appointment, on one side or both.
#[derive(Debug, Clone)]
pub struct AppointmentCase {
    /// Key and columns, if ServiceNow has it.
    pub row: Option<(String, VisitRow)>,
    /// Id, resource and time of its last change in Unix milliseconds, if the EHR has it.
    pub resource: Option<(String, Json, i64)>,
    /// The right answers.
    pub truth: AppointmentTruth,
}

/// One treatment: a row, and what the EHR holds of it.
#[derive(Debug, Clone)]
pub struct TreatmentCase {
    /// Key and columns.
    pub row: (String, VisitRow),
    /// Id of the Encounter, the resources with it first, and the time of their last change, if the EHR has it.
    pub resources: Option<(String, Vec<Json>, i64)>,
    /// The right answers.
    pub truth: TreatmentTruth,
}

/// The visits of one animal.
#[derive(Debug, Clone, Default)]
pub struct Visits {
    /// Its appointments.
    pub appointments: Vec<AppointmentCase>,
    /// Its treatments.
    pub treatments: Vec<TreatmentCase>,
}

/// Whose visit it is, by the key of either side.
#[derive(Debug, Clone, Default)]
struct Animal {
    row: Option<String>,
    chart: Option<String>,
    /// Both name each other or carry one chip: what belongs to one belongs to the other.
    linked: bool,
    deceased: bool,
}

/// Makes the visits of a clinic, animal by animal, in the order of its cases.
#[derive(Debug)]
pub struct VisitMaker {
    seed: u64,
    rates: Rates,
    animals: u64,
    /// Visits so far: each has an hour of its own.
    visits: u64,
}

impl VisitMaker {
    /// The maker for the clinic of this seed.
    pub fn new(seed: u64, rates: &Rates) -> VisitMaker {
        VisitMaker { seed, rates: rates.clone(), animals: 0, visits: 0 }
    }

    /// The visits of the next animal.
    pub fn of(&mut self, case: &Case) -> Visits {
        self.animals += 1;
        let mut draw = Draw::new(self.seed ^ 0x7669_7369, self.animals);
        let animal = Animal {
            row: case.row.as_ref().map(|(key, _)| key.clone()),
            chart: case.chart.as_ref().map(|(id, _)| id.clone()),
            linked: matches!(case.truth.link, LinkTruth::CrossReference | LinkTruth::Microchip),
            deceased: case.row.as_ref().is_some_and(|(_, row)| {
                row.iter().any(|(column, text)| *column == "u_deceased" && text == "true")
            }) || case
                .chart
                .as_ref()
                .is_some_and(|(_, chart)| chart.patient.get("deceasedBoolean").is_some()),
        };
        let mut visits = Visits::default();
        for _ in 0..how_many(self.rates.appointments, &mut draw) {
            self.visits += 1;
            visits.appointments.push(appointment::make(&animal, self.visits, &self.rates, &mut draw));
        }
        if animal.row.is_some() {
            for _ in 0..how_many(self.rates.treatments, &mut draw) {
                self.visits += 1;
                visits.treatments.push(treatment::make(&animal, self.visits, &self.rates, &mut draw));
            }
        }
        visits
    }
}

/// A number whose average is so many in a thousand.
fn how_many(per_mille: u32, draw: &mut Draw) -> u32 {
    if per_mille == 0 {
        return 0;
    }
    draw.below(2 * per_mille / 1_000 + 1) + u32::from(draw.per_mille(per_mille % 1_000 / 2))
}

/// The hour of a visit, which no other visit of the same clinician has: Unix milliseconds, and the clinician's number.
fn hour(number: u64, future: bool, around_ms: i64) -> (i64, usize) {
    let clinicians = u64::try_from(STAFF_BOTH).unwrap_or(1);
    let clinician = usize::try_from(number % clinicians).unwrap_or_default();
    let slot = i64::try_from(number / clinicians).unwrap_or_default();
    // Eight hours a day, from 13:00 UTC on: the day in America.
    let (day, of_day) = (slot / 8, slot % 8);
    let midnight = around_ms.div_euclid(86_400_000) * 86_400_000;
    let days = if future && day < 600 { day + 1 } else { -1 - day };
    (midnight + days * 86_400_000 + (13 + of_day) * 3_600_000, clinician)
}

/// Members of the staff whom both systems know; they come first in [`STAFF`].
const STAFF_BOTH: usize = 10;

/// The system columns of a row.
fn stamped(key: &str, updated_ms: i64, changes: u32, row: &mut VisitRow) {
    let created = servicenow_text(updated_ms - i64::from(changes) * 3_600_000);
    let updated = servicenow_text(updated_ms);
    for (column, value) in [
        ("sys_id", key),
        ("sys_mod_count", &changes.to_string()),
        ("sys_created_on", &created),
        ("sys_created_by", "front.desk"),
        ("sys_updated_on", &updated),
        ("sys_updated_by", "front.desk"),
    ] {
        row.insert(column.to_owned(), value.to_owned());
    }
}

/// Puts the staff into both systems: users of the instance, practitioners of the EHR.
pub(super) fn insert_staff(servicenow: &Instance, ehr: &Ehr) {
    for member in STAFF {
        if let Some(key) = member.servicenow_key {
            let email = format!("{}@mainstreetvet.example", member.user_name);
            servicenow.load_row(
                "sys_user",
                &[
                    ("sys_id", key),
                    ("user_name", member.user_name),
                    ("name", member.name),
                    ("email", &email),
                    ("time_zone", "America/New_York"),
                ],
            );
        }
        if let Some(id) = member.practitioner_id {
            let name = Json::object([("text", Json::str(member.name))]);
            let practitioner = Json::object([
                ("resourceType", Json::str("Practitioner")),
                ("id", Json::str(id)),
                ("active", Json::Bool(true)),
                ("name", Json::Array(vec![name])),
            ]);
            ehr.put_practitioner(id, practitioner, Some(HISTORY_ENDS_MS - 365 * 86_400_000));
        }
    }
}

/// Puts an animal's visits into both systems.
pub(super) fn insert(visits: &Visits, servicenow: &Instance, ehr: &Ehr) {
    for case in &visits.appointments {
        if let Some((_, row)) = &case.row {
            load(servicenow, "u_appointment", row);
        }
        if let Some((id, resource, at_ms)) = &case.resource {
            ehr.put_appointment(id, resource.clone(), Some(*at_ms));
        }
    }
    for case in &visits.treatments {
        load(servicenow, "u_treatment", &case.row.1);
        if let Some((id, resources, at_ms)) = &case.resources {
            ehr.put_treatment(id, resources.clone(), Some(*at_ms));
        }
    }
}

fn load(servicenow: &Instance, table: &str, row: &VisitRow) {
    let values: Vec<(&str, &str)> = row.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    servicenow.load_row(table, &values);
}
