//! Work goes on: after the first comparison people edit records on either side, or both, and every edit has a right
//! answer against what was agreed.

use super::differ::{another_substance, other_breed, other_name, other_species, swapped};
use super::facts::{Allergies, Birth, Facts, Neuter, Sex};
use super::generate::{Cases, Draw, chip};
use super::truth::{Expected, FieldTruth, PairTruth};
use super::{Clinic, chart, row};
use crate::ehr::{Chart, Ehr};
use crate::servicenow::Instance;
use serde::{Deserialize, Serialize};

/// What was done to one pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The row's `sys_id`.
    pub servicenow_key: String,
    /// The resource's id.
    pub ehr_key: String,
    /// Fields that were written on the ServiceNow side.
    pub in_servicenow: Vec<String>,
    /// Fields that were written on the EHR side.
    pub in_ehr: Vec<String>,
    /// The right answers for the fields that were written.
    pub fields: Vec<FieldTruth>,
}

/// Who writes a field, and what is right then.
struct Work {
    in_servicenow: Vec<&'static str>,
    in_ehr: Vec<&'static str>,
    fields: Vec<FieldTruth>,
}

impl Work {
    fn ours(field: &'static str, truth: FieldTruth) -> Work {
        Work { in_servicenow: vec![field], in_ehr: Vec::new(), fields: vec![truth] }
    }

    fn theirs(field: &'static str, truth: FieldTruth) -> Work {
        Work { in_servicenow: Vec::new(), in_ehr: vec![field], fields: vec![truth] }
    }

    fn both(field: &'static str, truth: FieldTruth) -> Work {
        Work { in_servicenow: vec![field], in_ehr: vec![field], fields: vec![truth] }
    }
}

/// Kinds of work, see [`work`].
const KINDS: u32 = 27;

impl Clinic {
    /// Edits the clinic's own rows and charts. Pairs that differed before, and pairs edited before, are left alone.
    pub fn evolve(&mut self, seed: u64) -> Vec<Edit> {
        let edits = self.plan(seed);
        for (edit, columns, ours, theirs) in &edits {
            if let Some(row) = self.rows.get_mut(&edit.servicenow_key) {
                row.extend(columns.iter().map(|(column, value)| ((*column).to_owned(), value.clone())));
            }
            let _ = ours;
            if let Some((chart, at_ms)) =
                self.charts.get_mut(&edit.ehr_key).filter(|_| !edit.in_ehr.is_empty())
            {
                edit_chart(chart, &edit.in_ehr, theirs);
                *at_ms += 1_000;
            }
        }
        edits.into_iter().map(|(edit, ..)| edit).collect()
    }

    /// The same on live remotes, through the hands of colleagues at the front desk.
    pub(crate) fn evolve_live(&mut self, seed: u64, servicenow: &Instance, ehr: &Ehr) -> Vec<Edit> {
        let edits = self.plan(seed);
        for (edit, columns, _, theirs) in &edits {
            let values: Vec<(&str, &str)> =
                columns.iter().map(|(column, value)| (*column, value.as_str())).collect();
            if !values.is_empty() {
                servicenow.edit_row("u_patient_record", &edit.servicenow_key, &values, "front.desk");
            }
            if !edit.in_ehr.is_empty() {
                ehr.edit_chart(&edit.ehr_key, |chart| edit_chart(chart, &edit.in_ehr, theirs));
            }
        }
        edits.into_iter().map(|(edit, ..)| edit).collect()
    }

    fn plan(&mut self, seed: u64) -> Vec<Planned> {
        let mut draw = Draw::new(seed ^ 0xe501, 0);
        let mut planned = Vec::new();
        for (index, case) in Cases::new(self.seed, self.patients, &self.rates).enumerate() {
            let (Some(facts), Some((sys_id, _)), Some((ehr_id, _))) = (case.agreed, case.row, case.chart)
            else {
                continue;
            };
            if !draw.per_mille(self.rates.edited) || self.edited.contains(&sys_id) {
                continue;
            }
            let (mut ours, mut theirs) = (facts.clone(), facts.clone());
            let start = draw.below(KINDS);
            let Some(work) = (0..KINDS)
                .find_map(|step| work((start + step) % KINDS, &facts, &mut ours, &mut theirs, &mut draw))
            else {
                continue;
            };
            let columns: Vec<(&'static str, String)> = work
                .in_servicenow
                .iter()
                .map(|field| {
                    let (column, text, _) = row::spell(&ours, field, &mut draw);
                    (column, text)
                })
                .collect();
            if let Some(pair) = self.truth.pairs.get_mut(index) {
                merge(pair, &work.fields);
            }
            self.edited.insert(sys_id.clone());
            let names = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect();
            let edit = Edit {
                servicenow_key: sys_id,
                ehr_key: ehr_id,
                in_servicenow: names(&work.in_servicenow),
                in_ehr: names(&work.in_ehr),
                fields: work.fields,
            };
            planned.push((edit, columns, ours, theirs));
        }
        planned
    }
}

type Planned = (Edit, Vec<(&'static str, String)>, Facts, Facts);

fn edit_chart(chart: &mut Chart, fields: &[String], theirs: &Facts) {
    for field in fields {
        chart::set(chart, field, theirs);
    }
}

fn merge(pair: &mut PairTruth, fields: &[FieldTruth]) {
    pair.fields.retain(|old| fields.iter().all(|new| new.field != old.field));
    pair.fields.extend(fields.iter().cloned());
}

/// One kind of work on a pair that agreed in everything; nothing if it does not apply to this animal.
#[allow(clippy::too_many_lines, reason = "a table of cases, one after the other")]
fn work(kind: u32, base: &Facts, ours: &mut Facts, theirs: &mut Facts, draw: &mut Draw) -> Option<Work> {
    let take_ours = |field| FieldTruth::should(field, Expected::TakeServiceNow);
    let take_theirs = |field| FieldTruth::should(field, Expected::TakeEhr);
    Some(match kind {
        // One side corrects a plain field.
        0 => {
            ours.name = other_name(&base.name, draw);
            Work::ours("patient_name", take_ours("patient_name"))
        }
        1 => {
            theirs.name = other_name(&base.name, draw);
            Work::theirs("patient_name", take_theirs("patient_name"))
        }
        2 => {
            other_breed(ours)?;
            Work::ours("breed", take_ours("breed"))
        }
        3 => {
            ours.phone = Some(draw.phone());
            Work::ours("owner_phone", take_ours("owner_phone"))
        }
        4 => {
            theirs.email = Some(format!("changed{}@example.test", draw.below(10_000)));
            Work::theirs("owner_email", take_theirs("owner_email"))
        }
        5 => {
            let Some(Birth::Known(year, month, Some(day))) = base.birth else { return None };
            theirs.birth = Some(Birth::Known(year, month, Some(day % 28 + 1)));
            Work::theirs("date_of_birth", take_theirs("date_of_birth"))
        }
        6 => {
            ours.weight = Some(base.weight? + 3 + draw.below(9));
            Work::ours("weight", FieldTruth::may("weight", Expected::TakeServiceNow))
        }
        // Both correct the same field, differently.
        7 => {
            ours.name = other_name(&base.name, draw);
            theirs.name = format!("{} Marie", base.name);
            Work::both("patient_name", FieldTruth::ask("patient_name"))
        }
        8 => {
            ours.phone = Some(draw.phone());
            theirs.phone = Some(draw.phone()).filter(|phone| Some(phone) != ours.phone.as_ref());
            Work::both("owner_phone", FieldTruth::ask("owner_phone"))
        }
        // Both make the same correction, each in its own spelling.
        9 => {
            ours.phone = Some(draw.phone());
            theirs.phone.clone_from(&ours.phone);
            Work::both("owner_phone", FieldTruth::equal("owner_phone"))
        }
        10 => {
            ours.name = other_name(&base.name, draw);
            theirs.name.clone_from(&ours.name);
            Work::both("patient_name", FieldTruth::equal("patient_name"))
        }
        // Only the spelling changes.
        11 => {
            base.phone.as_ref()?;
            Work::ours("owner_phone", FieldTruth::equal("owner_phone"))
        }
        // The owner's contact data move together: phone here, e-mail there.
        12 => {
            base.email.as_ref()?;
            ours.phone = Some(draw.phone());
            theirs.email = Some(format!("elsewhere{}@example.test", draw.below(10_000)));
            Work {
                in_servicenow: vec!["owner_phone"],
                in_ehr: vec!["owner_email"],
                fields: vec![FieldTruth::ask("owner_phone"), FieldTruth::ask("owner_email")],
            }
        }
        // Allergies: an addition spreads, a removal and a rewording are asked.
        13 | 14 => {
            let Allergies::To(known) = &base.allergies else { return None };
            let mut more = known.clone();
            more.push(another_substance(known, draw));
            if kind == 13 {
                ours.allergies = Allergies::To(more);
                Work::ours("allergies", take_ours("allergies"))
            } else {
                theirs.allergies = Allergies::To(more);
                Work::theirs("allergies", take_theirs("allergies"))
            }
        }
        15 => {
            let Allergies::To(known) = &base.allergies else { return None };
            let fewer = known.get(1..).filter(|fewer| !fewer.is_empty())?;
            theirs.allergies = Allergies::To(fewer.to_vec());
            Work::theirs("allergies", FieldTruth::ask("allergies"))
        }
        16 => {
            let Allergies::To(known) = &base.allergies else { return None };
            ours.allergies = Allergies::To(vec![another_substance(known, draw)]);
            Work::ours("allergies", FieldTruth::ask("allergies"))
        }
        // Notes flow one way; lines merge where they do not meet.
        17 => {
            ours.notes.push("Owner called, feeling better.".to_owned());
            Work::ours("medical_notes", take_ours("medical_notes"))
        }
        18 => {
            theirs.notes.push("Referred by the emergency clinic.".to_owned());
            Work::theirs("medical_notes", FieldTruth::ask("medical_notes"))
        }
        19 => {
            let last = base.notes.len().checked_sub(1).filter(|last| *last >= 2)?;
            "Weighed on the floor, calm.".clone_into(ours.notes.first_mut()?);
            "Stiffness gone after treatment.".clone_into(theirs.notes.get_mut(last)?);
            let mut merged = ours.notes.clone();
            merged.get_mut(last)?.clone_from(theirs.notes.get(last)?);
            Work::both("medical_notes", FieldTruth::may("medical_notes", Expected::Settle(merged.join("\n"))))
        }
        // Identity is never changed without people.
        20 => {
            other_species(theirs);
            Work::theirs("species", FieldTruth::ask("species"))
        }
        21 => {
            ours.chip = Some(swapped(base.chip.as_deref().filter(|chip| chip.len() == 15)?));
            Work::ours("microchip_id", FieldTruth::ask("microchip_id"))
        }
        22 => {
            if base.chip.is_some() {
                return None;
            }
            // Numbers from here on belong to no animal of the clinic.
            theirs.chip = chip(2_400_000 + u64::from(draw.below(90_000)), draw);
            theirs.chip.as_ref()?;
            Work::theirs("microchip_id", take_theirs("microchip_id"))
        }
        // Neutering is recorded; its reversal is asked, and so is another sex.
        23 => {
            if base.neuter == Neuter::Neutered || base.sex == Sex::Unknown {
                return None;
            }
            ours.neuter = Neuter::Neutered;
            Work::ours("gender", take_ours("gender"))
        }
        24 => {
            if base.neuter != Neuter::Neutered {
                return None;
            }
            theirs.neuter = Neuter::Intact;
            Work::theirs("gender", FieldTruth::ask("gender"))
        }
        // A value that is blanked on one side is asked about.
        25 => {
            base.email.as_ref()?;
            ours.email = None;
            Work::ours("owner_email", FieldTruth::ask("owner_email"))
        }
        // Both learn more about the birth, one of them more.
        _ => {
            let Some(Birth::Known(year, None, None)) = base.birth else { return None };
            let month = 1 + draw.below(12);
            ours.birth = Some(Birth::Known(year, Some(month), None));
            theirs.birth = Some(Birth::Known(year, Some(month), Some(1 + draw.below(28))));
            Work::both("date_of_birth", FieldTruth::may("date_of_birth", Expected::TakeEhr))
        }
    })
}
