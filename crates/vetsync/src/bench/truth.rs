//! Every decision of the product's compare against the known truth: at first contact, and after people went on
//! working. Pure: no sockets, no store.

use super::figures::Measure;
use crate::compare;
use crate::truth::{FieldVerdict, Verdict, judge_field};
use anyhow::Context as _;
use mapping::{PatientLens, RowLens};
use reconcile::compare::Base;
use reconcile::{PairPlan, PairState};
use record::{Json, Record};
use settings::Settings;
use simulator::clinic::{self, Clinic, Expected, LinkTruth, PairTruth, Rates};
use simulator::ehr::Chart;
use std::collections::{BTreeMap, BTreeSet};

const SETTINGS: &str = r#"
[servicenow]
active_column = "u_active"
deceased_column = "u_deceased"

[ehr]
servicenow_identifier_system = "https://vetsync.example/servicenow/u_patient_record"

[[custom_fields]]
id = "weight"
label = "Weight"
column = "weight"
extension_url = "https://vetsync.example/fhir/StructureDefinition/weight"
type = "quantity"
default_unit = "kg"
"#;

/// Animals in one generated clinic.
const PATIENTS: usize = 5_000;
const AFTER_WORK: &str = "truth: differences after people went on working";

/// Judges clinics until there were that many differences, half of them at first contact.
pub fn measure(differences: u64) -> anyhow::Result<Vec<Measure>> {
    let judge = Judge { lenses: ClinicLenses::new()? };
    let mut verdict = Verdict::default();
    let half = differences / 2;
    let mut compared = 0;
    let mut seed = 1;
    while verdict.differences < half {
        let rates = Rates { minor: 500, conflict: 350, ..Rates::calm() };
        compared += judge.first_contact(&clinic::generate_with(seed, PATIENTS, &rates), &mut verdict)?;
        seed += 1;
    }
    let at_first_contact = verdict.differences;
    while verdict.differences < at_first_contact + half {
        let rates = Rates { edited: 900, ..Rates::calm() };
        compared += judge.after_work(clinic::generate_with(seed, PATIENTS, &rates), seed, &mut verdict)?;
        seed += 1;
    }
    for line in verdict.wrong.iter().take(20) {
        eprintln!("{line}");
    }
    let needless = verdict.asked_although_equal as f64 * 100.0 / compared.max(1) as f64;
    Ok(vec![
        Measure::of("truth: differences", verdict.differences as f64, ""),
        Measure::of(AFTER_WORK, (verdict.differences - at_first_contact) as f64, "").at_least(half as f64),
        Measure::of("truth: harmful settlements", verdict.harmful as f64, "").at_most(0.0),
        Measure::of("truth: conflicts missed", verdict.missed as f64, "").at_most(0.0),
        Measure::of("truth: settled to a wrong value", verdict.wrong_value as f64, "").at_most(0.0),
        Measure::of("truth: asked although equal, of all equal fields spelled differently", needless, "%")
            .at_most(2.0),
        Measure::of(
            "truth: asked although a rule may settle it",
            verdict.asked_although_settleable as f64,
            "",
        ),
    ])
}

/// How the generated clinic is read.
pub(super) struct ClinicLenses {
    pub(super) row: RowLens,
    patient: PatientLens,
}

impl ClinicLenses {
    pub(super) fn new() -> anyhow::Result<ClinicLenses> {
        let settings = Settings::parse(SETTINGS, settings::Format::Toml)?;
        let row = RowLens::new(
            std::sync::Arc::new(settings.patient_catalogue()?),
            std::sync::Arc::new(settings.record_conventions()),
        );
        let patient = compare::patient_lens(&settings, &row, None);
        Ok(ClinicLenses { row, patient })
    }

    pub(super) fn read_row(&self, columns: &BTreeMap<String, String>) -> anyhow::Result<Record> {
        let mut row: Vec<(String, Json)> =
            columns.iter().map(|(column, text)| (column.clone(), Json::str(text.as_str()))).collect();
        for column in &self.row.columns {
            // The Table API sends empty columns as empty text.
            if !columns.contains_key(column) {
                row.push((column.clone(), Json::str("")));
            }
        }
        Ok(self.row.get(&Json::Object(row))?)
    }

    pub(super) fn read_chart(&self, id: &str, chart: &Chart) -> anyhow::Result<Record> {
        Ok(self.patient.get(&bundle(id, chart))?)
    }
}

struct Judge {
    lenses: ClinicLenses,
}

impl Judge {
    fn first_contact(&self, clinic: &Clinic, verdict: &mut Verdict) -> anyhow::Result<u64> {
        let mut spelled_otherwise = 0;
        for pair in linked(clinic) {
            let (row, patient) = self.read(clinic, pair)?;
            spelled_otherwise += self.judge(pair, &self.state(&row, &patient, None), verdict)?;
        }
        Ok(spelled_otherwise)
    }

    fn after_work(&self, mut clinic: Clinic, seed: u64, verdict: &mut Verdict) -> anyhow::Result<u64> {
        let mut bases: BTreeMap<String, Base> = BTreeMap::new();
        for pair in linked(&clinic) {
            let (row, patient) = self.read(&clinic, pair)?;
            let state = self.state(&row, &patient, None);
            let comparison = reconcile::compare(&state);
            let plan = reconcile::plan(&state, &comparison, &[])?;
            let agreed =
                PairPlan { agreed: plan.agreed.clone(), open: plan.open.clone(), ..PairPlan::default() };
            let base = reconcile::plan::base_after(&state, &agreed, &row, &patient, 1, "first comparison");
            bases.insert(pair.servicenow_key.clone().unwrap_or_default(), base);
        }
        let edited: BTreeSet<String> =
            clinic.evolve(seed).into_iter().map(|edit| edit.servicenow_key).collect();
        let mut spelled_otherwise = 0;
        for pair in linked(&clinic) {
            let key = pair.servicenow_key.as_deref().unwrap_or_default();
            if !edited.contains(key) {
                continue;
            }
            let (mut row, patient) = self.read(&clinic, pair)?;
            let base = bases.get(key).context("a base")?;
            let agreed: Vec<record::FieldState> =
                base.fields.iter().map(|field| field.state.clone()).collect();
            self.lenses.row.reread(&mut row, &agreed);
            spelled_otherwise += self.judge(pair, &self.state(&row, &patient, Some(base)), verdict)?;
        }
        Ok(spelled_otherwise)
    }

    fn state<'a>(&'a self, row: &'a Record, patient: &'a Record, base: Option<&'a Base>) -> PairState<'a> {
        PairState { catalogue: &self.lenses.row.catalogue, base, servicenow: Some(row), ehr: Some(patient) }
    }

    /// Counts the decisions; how many equal fields are written differently.
    fn judge(
        &self,
        pair: &PairTruth,
        state: &PairState<'_>,
        verdict: &mut Verdict,
    ) -> Result<u64, reconcile::plan::DecisionProblem> {
        let comparison = reconcile::compare(state);
        let plan = reconcile::plan(state, &comparison, &[])?;
        let mut spelled_otherwise = 0;
        for ((field, spec), compared) in self.lenses.row.catalogue.iter().zip(&comparison.fields) {
            let known = pair.fields.iter().find(|known| known.field == spec.id);
            let differs = known.is_some_and(|known| known.expected != Expected::Equal);
            verdict.differences += u64::from(differs);
            spelled_otherwise +=
                u64::from(!differs && compared.servicenow.display() != compared.ehr.display());
            let written = plan.servicenow.iter().chain(&plan.ehr).any(|write| write.field == field);
            let right = if written && !differs {
                FieldVerdict::WrongValue
            } else {
                judge_field(known, &compared.settlement, &compared.servicenow, &compared.ehr)
            };
            verdict.count(right, || {
                format!("{} {}: {right:?}", pair.servicenow_key.as_deref().unwrap_or("-"), spec.id)
            });
        }
        Ok(spelled_otherwise)
    }

    fn read(&self, clinic: &Clinic, pair: &PairTruth) -> anyhow::Result<(Record, Record)> {
        let key = |key: &Option<String>| key.clone().context("a key");
        let columns = clinic.rows.get(&key(&pair.servicenow_key)?).context("a row")?;
        let id = key(&pair.ehr_key)?;
        let (chart, _) = clinic.charts.get(&id).context("a chart")?;
        Ok((self.lenses.read_row(columns)?, self.lenses.read_chart(&id, chart)?))
    }
}

fn linked(clinic: &Clinic) -> impl Iterator<Item = &PairTruth> {
    clinic
        .truth
        .pairs
        .iter()
        .filter(|pair| matches!(pair.link, LinkTruth::CrossReference | LinkTruth::Microchip))
}

fn bundle(id: &str, chart: &Chart) -> Json {
    let mut entries = vec![Json::object([("resource", chart.patient.clone())])];
    for allergy in &chart.allergies {
        let mut allergy = allergy.clone();
        if let Some(patient) = allergy.get_mut("patient") {
            patient.set("reference", Json::String(format!("Patient/{id}")));
        }
        entries.push(Json::object([("resource", allergy)]));
    }
    Json::object([
        ("resourceType", Json::str("Bundle")),
        ("type", Json::str("collection")),
        ("entry", Json::Array(entries)),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    #[test]
    fn nothing_is_settled_wrongly() {
        let measures = super::measure(4_000).unwrap();
        let missed: Vec<_> = measures.iter().filter(|measure| measure.met == Some(false)).collect();
        assert!(missed.is_empty(), "{missed:?}");
    }
}
