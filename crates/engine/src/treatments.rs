//! What is particular about treatments: completed in ServiceNow, held to the compliance check, written to the EHR once, and
//! after that only as a new version that names the one before it.

use crate::completion::BilledLine;
use crate::error::{EngineError, Result};
use crate::judge::PairContext;
use crate::lens::{KindLenses, Lenses};
use crate::one_sided::Hindrance;
use crate::plans::{Aim, Drafting, PlannedOperation};
use crate::rules::Rules;
use crate::step::{Engine, load_side};
use mapping::MappingError;
use mapping::fhir::{TreatmentLens, TreatmentVersion};
use reconcile::{PairPlan, calendar};
use record::validate::{Finding, KnownPatient, Severity, check_treatment};
use record::value::{Instant, PartialDate, Value};
use record::{Json, Record, RecordKind, Remote};
use store::{SnapshotId, Store};

/// What the writing of a treatment depends on besides its record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// When the patient was born, as far as either system says.
    pub born: Option<PartialDate>,
    /// What it is allergic to, as far as either system says, as substances are compared.
    pub allergies: Vec<String>,
    /// The EHR's reference of the appointment that ServiceNow names, where that one is linked.
    pub appointment: Option<String>,
    /// The lines it was billed by.
    pub billed: Vec<BilledLine>,
}

/// Whether such a write is a version of a treatment: created, never changed.
pub fn is_version(kind: RecordKind, remote: Remote) -> bool {
    (kind, remote) == (RecordKind::Treatment, Remote::Ehr)
}

/// Looks the surroundings of ServiceNow's treatment up, as they are stored now. `raw` is its row, `record` the same with
/// its patient resolved.
pub async fn surroundings(
    store: &dyn Store,
    lenses: &Lenses,
    raw: &str,
    record: &Record,
) -> Result<Surroundings> {
    if record.kind != RecordKind::Treatment {
        return Ok(Surroundings::default());
    }
    let of_treatments = lenses.of(RecordKind::Treatment);
    let KnownPatient { born, allergies } = match calendar::patient_of(of_treatments.catalogue(), record) {
        Some(patient) => known_patient(store, lenses, patient).await?,
        None => KnownPatient::default(),
    };
    let row = Json::parse(raw).ok();
    let named = row.as_ref().and_then(|row| of_treatments.row.appointment_of(row));
    let appointment = match named {
        Some(key) => store.pair_by_key(Remote::ServiceNow, RecordKind::Appointment, key).await?,
        None => None,
    };
    let reference = appointment.and_then(|pair| pair.ehr_key).map(|id| format!("Appointment/{id}"));
    Ok(Surroundings { born, allergies, appointment: reference, billed: Vec::new() })
}

impl Engine {
    /// The surroundings of a record that is to be created on the other side.
    pub(crate) async fn surroundings_of(&self, id: &SnapshotId, record: &Record) -> Result<Surroundings> {
        match id.kind {
            RecordKind::Patient | RecordKind::Appointment => Ok(Surroundings::default()),
            RecordKind::Treatment => {
                let raw = self.store.snapshot(id).await?.map(|row| row.raw).unwrap_or_default();
                surroundings(&*self.store, &self.lenses, &raw, record).await
            }
        }
    }
}

/// What both systems know of the patient of that row: the first date of birth, all allergies.
async fn known_patient(store: &dyn Store, lenses: &Lenses, patient: &str) -> Result<KnownPatient> {
    let kind = RecordKind::Patient;
    let mut known = KnownPatient::default();
    let Some(pair) = store.pair_by_key(Remote::ServiceNow, kind, patient).await? else { return Ok(known) };
    for (remote, key) in [(Remote::ServiceNow, pair.servicenow_key), (Remote::Ehr, pair.ehr_key)] {
        let Some(key) = key else { continue };
        let Some(side) = load_side(store, kind, remote, &key).await? else { continue };
        for (field, _) in lenses.catalogue(kind).iter() {
            if let Some(Value::Substances(set)) = side.record.field(field).value() {
                known.allergies.extend(set.items.iter().map(|substance| substance.key.clone()));
            }
        }
        if let Some(Value::Date(date)) = side.record.by_id(lenses.catalogue(kind), "date_of_birth").value() {
            known.born = known.born.or(Some(*date));
        }
    }
    known.allergies.sort();
    known.allergies.dedup();
    Ok(known)
}

/// The compliance check of a treatment as ServiceNow says it.
pub fn findings(
    lenses: &Lenses,
    rules: &Rules,
    record: &Record,
    surroundings: &Surroundings,
    now_ms: i64,
) -> Vec<Finding> {
    let patient = KnownPatient { born: surroundings.born, allergies: surroundings.allergies.clone() };
    let catalogue = lenses.catalogue(RecordKind::Treatment);
    check_treatment(catalogue, record, &rules.treatments, &patient, now_ms.div_euclid(1_000))
}

/// What of the compliance check keeps a linked treatment from being written as a new version.
pub fn hindrances(context: &PairContext, lenses: &Lenses, rules: &Rules, now_ms: i64) -> Vec<Hindrance> {
    findings(lenses, rules, &context.servicenow.record, &context.surroundings, now_ms)
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| Hindrance::Finding {
            field: finding.field,
            problem: finding.problem,
            way_out: finding.way_out,
        })
        .collect()
}

/// Whether a person's plan may be carried out: a version says everything, so nothing may be left open, and it is held to
/// the compliance check like any other.
pub(crate) fn refuse_half_a_version(
    context: &PairContext,
    lenses: &Lenses,
    rules: &Rules,
    plan: &PairPlan,
    now_ms: i64,
) -> Result<()> {
    if context.pair.kind != RecordKind::Treatment || plan.ehr.is_empty() {
        return Ok(());
    }
    if !plan.open.is_empty() {
        return Err(EngineError::NotNow {
            what: "a new version of a treatment says everything, and some fields were left open".to_owned(),
            way_out: "decide every field that differs".to_owned(),
        });
    }
    if !context.servicenow.record.active {
        return Err(EngineError::NotNow {
            what: "the treatment is not completed in ServiceNow".to_owned(),
            way_out: "complete it there, or take what the EHR says".to_owned(),
        });
    }
    let mut intended = context.clone();
    intended.servicenow.record = intended_record(context, plan);
    match hindrances(&intended, lenses, rules, now_ms).into_iter().next() {
        Some(Hindrance::Finding { problem, way_out, .. }) => {
            Err(EngineError::NotNow { what: problem, way_out })
        }
        Some(Hindrance::Field(_)) | None => Ok(()),
    }
}

/// What ServiceNow's record says once the plan is carried out.
fn intended_record(context: &PairContext, plan: &PairPlan) -> Record {
    let mut record = context.servicenow.record.clone();
    for write in plan.servicenow.iter().chain(&plan.ehr) {
        if let Some(state) = record.fields.get_mut(usize::from(write.field.0)) {
            state.clone_from(&write.to);
        }
    }
    record
}

/// The Bundle of a treatment that the EHR does not have yet, and what it is looked up by there.
pub(crate) fn first_version(
    lenses: &KindLenses,
    source: &Record,
    surroundings: &Surroundings,
    drafting: &mut Drafting<'_>,
) -> Result<(String, String)> {
    let recorded = recorded(drafting.now_ms)?;
    let appointment = surroundings.appointment.as_deref();
    let version = TreatmentVersion { number: 1, recorded: &recorded, revises: None, appointment };
    let body = lenses.version_body(source, version, drafting.next_id)?;
    Ok((body, version_key(lenses, &source.key, 1)))
}

/// The write of the version that follows on the one the EHR has: all that ServiceNow will say, not only what differs.
pub(crate) fn new_version(
    context: &PairContext,
    lenses: &Lenses,
    plan: &PairPlan,
    drafting: &mut Drafting<'_>,
) -> Result<PlannedOperation> {
    let lenses = lenses.of(RecordKind::Treatment);
    let record = intended_record(context, plan);
    let earlier = &context.ehr.snapshot;
    // One that says no number was not written by us, or is the first.
    let number = lenses.version_of(&earlier.raw).unwrap_or(1).saturating_add(1);
    let recorded = recorded(drafting.now_ms)?;
    let revises = format!("Encounter/{}", earlier.id.key);
    let version = TreatmentVersion {
        number,
        recorded: &recorded,
        revises: Some(&revises),
        appointment: context.surroundings.appointment.as_deref(),
    };
    Ok(PlannedOperation {
        remote: Remote::Ehr,
        key: Some(earlier.id.key.clone()),
        expected_version: Some(earlier.version.clone()),
        fields: plan.ehr.clone(),
        cross_reference: Some(record.key.clone()),
        body: lenses.version_body(&record, version, drafting.next_id)?,
        our_key: Some(version_key(lenses, &record.key, number)),
        aim: Aim::Record,
    })
}

fn version_key(lenses: &KindLenses, key: &str, number: u32) -> String {
    lenses.our_key(Remote::Ehr, &TreatmentLens::version_identifier(key, number))
}

fn recorded(now_ms: i64) -> Result<Instant> {
    Instant::from_seconds(now_ms.div_euclid(1_000)).ok_or_else(|| {
        EngineError::Mapping(MappingError::NotThisKind {
            what: "the computer's clock shows no time that can be written; set it right".to_owned(),
        })
    })
}

/// Of several versions of one treatment only the latest counts: which EHR keys are superseded, each with the latest one's.
/// `named` are EHR keys with the ServiceNow key that each names.
pub(crate) async fn superseded(engine: &Engine, named: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
    let mut by_row: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for (key, row) in named {
        by_row.entry(row).or_default().push(key);
    }
    let lenses = engine.lenses.of(RecordKind::Treatment);
    let mut found = Vec::new();
    for keys in by_row.into_values().filter(|keys| keys.len() > 1) {
        let stored = engine.store.snapshots_named(Remote::Ehr, RecordKind::Treatment, &keys).await?;
        let mut versions: Vec<(u32, String)> =
            stored.into_iter().map(|row| (lenses.version_of(&row.raw).unwrap_or(1), row.id.key)).collect();
        versions.sort();
        let Some((latest, latest_key)) = versions.pop() else { continue };
        // Two that say to be the same version are not told apart here: neither is linked by itself.
        let earlier = versions.into_iter().filter(|(number, _)| *number < latest);
        found.extend(earlier.map(|(_, key)| (key, latest_key.clone())));
    }
    Ok(found)
}

/// Why a treatment waits although nothing is wrong with it: ServiceNow does not say that it is completed.
pub fn is_unfinished(record: &Record) -> bool {
    record.kind == RecordKind::Treatment && !record.active
}
