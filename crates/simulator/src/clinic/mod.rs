//! A seeded clinic: owners with several animals, litters, shared phones, old chips, dead animals, spellings as people
//! type them, content no mapping knows, their appointments and treatments, and differences of every kind with the known
//! right answer beside them.

mod chart;
mod differ;
pub mod doubles;
mod evolve;
pub mod export;
mod facts;
mod generate;
mod row;
mod truth;
pub mod visits;
mod vocabulary;
pub(crate) mod work;

pub use evolve::Edit;
pub use generate::{Case, Cases};
pub use row::RowDraft;
pub use truth::{Expected, FieldTruth, LinkTruth, PairTruth, Truth};
pub use visits::{
    AppointmentCase, AppointmentTruth, STAFF, Staff, TreatmentCase, TreatmentExpected, TreatmentTruth,
    VisitEdit, VisitMaker, Visits,
};
pub use work::Happening;

use crate::clock::servicenow_text;
use crate::ehr::{Chart, Ehr};
use crate::servicenow::Instance;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The mapped fields, by their ids in the catalogue; `weight` is the custom one.
pub const FIELDS: [&str; 12] = [
    "patient_name",
    "species",
    "breed",
    "date_of_birth",
    "gender",
    "microchip_id",
    "owner_name",
    "owner_phone",
    "owner_email",
    "allergies",
    "medical_notes",
    "weight",
];

/// The identifier system of the ServiceNow table's keys in the EHR.
pub const SERVICENOW_SYSTEM: &str = chart::SERVICENOW_SYSTEM;

/// How often things happen, in a thousand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Animals that only ServiceNow has.
    pub servicenow_only: u32,
    /// Animals that only the EHR has.
    pub ehr_only: u32,
    /// Pairs that nothing but a person's judgement links, of those that could be (no chip).
    pub unlinked: u32,
    /// Pairs that only the microchip links.
    pub chip_only: u32,
    /// Pairs of which only one side carries the other's key.
    pub one_reference: u32,
    /// Pairs with a difference a rule may settle.
    pub minor: u32,
    /// Pairs with a difference only a person may settle.
    pub conflict: u32,
    /// Pairs beside which another animal stands that could be taken for one of them.
    pub lookalike: u32,
    /// Pairs that are edited in one step of [`Clinic::evolve`].
    pub edited: u32,
    /// Appointments of a thousand animals; more than a thousand if most have several.
    pub appointments: u32,
    /// Treatments of a thousand animals.
    pub treatments: u32,
    /// Appointments of linked animals that only one side has.
    pub visit_one_sided: u32,
    /// Appointments with a difference a rule may settle.
    pub visit_minor: u32,
    /// Appointments with a difference only a person may settle, or that break a rule.
    pub visit_conflict: u32,
    /// Around this day the visits are: half of them before it, half of them after it (Unix milliseconds).
    pub visits_around_ms: i64,
}

impl Default for Rates {
    fn default() -> Self {
        Rates {
            servicenow_only: 20,
            ehr_only: 20,
            unlinked: 40,
            chip_only: 50,
            one_reference: 80,
            minor: 100,
            conflict: 50,
            lookalike: 8,
            edited: 100,
            appointments: 2_000,
            treatments: 1_200,
            visit_one_sided: 60,
            visit_minor: 80,
            visit_conflict: 50,
            visits_around_ms: generate::HISTORY_ENDS_MS,
        }
    }
}

impl Rates {
    /// Every animal on both sides, linked by both keys, without any difference but spelling.
    pub fn calm() -> Rates {
        Rates {
            servicenow_only: 0,
            ehr_only: 0,
            unlinked: 0,
            chip_only: 0,
            one_reference: 0,
            minor: 0,
            conflict: 0,
            lookalike: 0,
            visit_one_sided: 0,
            visit_minor: 0,
            visit_conflict: 0,
            ..Rates::default()
        }
    }
}

/// A clinic: rows for ServiceNow, charts for the EHR, and the right answers.
#[derive(Debug, Clone, Default)]
pub struct Clinic {
    seed: u64,
    patients: usize,
    rates: Rates,
    /// Rows by `sys_id`, each column that is not empty, system columns included.
    pub rows: BTreeMap<String, BTreeMap<String, String>>,
    /// Charts by id, with the time of their last change in Unix milliseconds.
    pub charts: BTreeMap<String, (Chart, i64)>,
    /// Appointments and treatments, by animal.
    pub visits: Vec<Visits>,
    /// The right answers.
    pub truth: Truth,
    edited: BTreeSet<String>,
}

/// The clinic of this seed with that many animals and the usual rates.
pub fn generate(seed: u64, patients: usize) -> Clinic {
    generate_with(seed, patients, &Rates::default())
}

/// The clinic of this seed with that many animals and these rates.
pub fn generate_with(seed: u64, patients: usize, rates: &Rates) -> Clinic {
    let mut clinic = Clinic { seed, patients, rates: rates.clone(), ..Clinic::default() };
    let mut maker = VisitMaker::new(seed, rates);
    for case in Cases::new(seed, patients, rates) {
        let visits = maker.of(&case);
        clinic.truth.take_visits(&visits);
        clinic.visits.push(visits);
        if let Some((key, draft)) = &case.row {
            clinic.rows.insert(key.clone(), full_row(key, draft, &case));
        }
        if let Some((id, chart)) = case.chart {
            clinic.charts.insert(id, (chart, case.chart_updated_ms));
        }
        clinic.truth.pairs.push(case.truth);
    }
    clinic
}

impl Case {
    /// Key and columns as the table holds them, if ServiceNow has the animal.
    pub fn columns(&self) -> Option<(&str, BTreeMap<String, String>)> {
        let (key, draft) = self.row.as_ref()?;
        Some((key, full_row(key, draft, self)))
    }
}

fn full_row(key: &str, draft: &RowDraft, case: &Case) -> BTreeMap<String, String> {
    let updated = servicenow_text(case.row_updated_ms);
    let created = servicenow_text(case.row_updated_ms - i64::from(case.mod_count) * 86_400_000);
    let mut row: BTreeMap<String, String> =
        draft.iter().map(|(column, value)| ((*column).to_owned(), value.clone())).collect();
    let system = [
        ("sys_id", key),
        ("sys_mod_count", &case.mod_count.to_string()),
        ("sys_created_on", &created),
        ("sys_created_by", "front.desk"),
        ("sys_updated_on", &updated),
        ("sys_updated_by", "front.desk"),
    ];
    row.extend(system.map(|(column, value)| (column.to_owned(), value.to_owned())));
    for (column, value) in [("u_active", "true"), ("u_deceased", "false")] {
        row.entry(column.to_owned()).or_insert_with(|| value.to_owned());
    }
    row
}

fn insert(servicenow: &Instance, row: &BTreeMap<String, String>) {
    let values: Vec<(&str, &str)> = row.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    servicenow.insert_row("u_patient_record", &values, "front.desk");
}

impl Clinic {
    /// Puts every row and chart into the remotes.
    pub fn load(&self, servicenow: &Instance, ehr: &Ehr) {
        visits::insert_staff(servicenow, ehr);
        for visits in &self.visits {
            visits::insert(visits, servicenow, ehr);
        }
        for row in self.rows.values() {
            let values: Vec<(&str, &str)> =
                row.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            servicenow.insert_row("u_patient_record", &values, "front.desk");
        }
        for (id, (chart, at_ms)) in &self.charts {
            ehr.put_chart(id, chart.clone(), Some(*at_ms));
        }
    }

    /// The clinic of this seed put straight into the remotes, record by record: rows and charts are not kept.
    pub fn generate_into(
        seed: u64,
        patients: usize,
        rates: &Rates,
        servicenow: &Instance,
        ehr: &Ehr,
    ) -> Clinic {
        let mut clinic = Clinic { seed, patients, rates: rates.clone(), ..Clinic::default() };
        visits::insert_staff(servicenow, ehr);
        let mut maker = VisitMaker::new(seed, rates);
        for case in Cases::new(seed, patients, rates) {
            let visits = maker.of(&case);
            visits::insert(&visits, servicenow, ehr);
            clinic.truth.take_visits(&visits);
            if let Some((key, draft)) = &case.row {
                insert(servicenow, &full_row(key, draft, &case));
            }
            if let Some((id, chart)) = case.chart {
                ehr.put_chart(&id, chart, Some(case.chart_updated_ms));
            }
            clinic.truth.pairs.push(case.truth);
        }
        clinic
    }

    /// Lets the reception work: appointments that agreed are moved, begun or called off on either side or both.
    pub(crate) fn evolve_visits(
        &mut self,
        seed: u64,
        servicenow: &Instance,
        ehr: &Ehr,
    ) -> Vec<visits::VisitEdit> {
        visits::evolve(&mut self.truth.appointments, self.rates.edited, seed, servicenow, ehr)
    }

    /// The clinic without its rows and charts, once the remotes have them.
    #[must_use]
    pub fn without_records(mut self) -> Clinic {
        self.rows = BTreeMap::new();
        self.charts = BTreeMap::new();
        self.visits = Vec::new();
        self
    }
}
