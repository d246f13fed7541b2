//! What is particular about appointments: which may be one, whose they are, and the rules they break.

use crate::error::Result;
use crate::lens::Lenses;
use crate::pairing::{Likeness, Walk, sides};
use crate::rules::Rules;
use crate::step::Engine;
use reconcile::calendar;
use record::codes::appointment_status::Stage;
use record::validate::{AppointmentFacts, Finding, PatientKnown, validate_appointment};
use record::{Catalogue, Record, RecordKind, Remote, Value};
use std::collections::HashMap;
use store::{PairRow, PairStatus, SnapshotId, Store};

/// Of these appointments and of those that stand alone since an earlier run: which may be one. An appointment that has
/// its partner is nobody else's.
pub(crate) async fn alike(
    engine: &Engine,
    alone: &[(SnapshotId, Record)],
) -> Result<HashMap<SnapshotId, Vec<(SnapshotId, Likeness)>>> {
    let mut found: HashMap<SnapshotId, Vec<(SnapshotId, Likeness)>> = HashMap::new();
    if alone.is_empty() {
        return Ok(found);
    }
    let catalogue = engine.lenses.catalogue(RecordKind::Appointment);
    let mut all = alone.to_vec();
    for (remote, status) in
        [(Remote::ServiceNow, PairStatus::OnlyServiceNow), (Remote::Ehr, PairStatus::OnlyEhr)]
    {
        let mut walk = Walk::of(RecordKind::Appointment, status);
        loop {
            let pairs = walk.next(engine).await?;
            if pairs.is_empty() {
                break;
            }
            let keys: Vec<String> = pairs.into_iter().filter_map(|pair| key_in(pair, remote)).collect();
            let known = sides(engine, RecordKind::Appointment, remote, &keys).await?;
            all.extend(known.into_values().map(|side| (side.snapshot.id, side.record)));
        }
    }
    let mut by_patient: HashMap<&str, Vec<&(SnapshotId, Record)>> = HashMap::new();
    for one in all.iter().filter(|(_, record)| record.active) {
        if let Some(patient) = calendar::patient_of(catalogue, &one.1) {
            by_patient.entry(patient).or_default().push(one);
        }
    }
    for (id, record) in alone.iter().filter(|(_, record)| record.active) {
        let others = calendar::patient_of(catalogue, record).and_then(|patient| by_patient.get(patient));
        for (other, of_other) in others.into_iter().flatten().filter(|(other, _)| other.remote != id.remote) {
            if let Some((tier, evidence)) = calendar::alike(catalogue, record, of_other) {
                let likeness = Likeness { tier, evidence };
                found.entry(id.clone()).or_default().push((other.clone(), likeness));
            }
        }
    }
    for likenesses in found.values_mut() {
        likenesses.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    Ok(found)
}

fn key_in(pair: PairRow, remote: Remote) -> Option<String> {
    match remote {
        Remote::ServiceNow => pair.servicenow_key,
        Remote::Ehr => pair.ehr_key,
    }
}

/// An appointment in a clinician's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// Unix seconds.
    pub start: i64,
    clinician: String,
    minutes: u32,
    stage: Stage,
}

impl Booked {
    /// As calendars compare it.
    pub fn visit<Id>(&self, id: Id) -> calendar::Visit<'_, Id> {
        calendar::Visit {
            id,
            clinician: &self.clinician,
            start: self.start,
            minutes: self.minutes,
            stage: self.stage,
        }
    }
}

/// When and with whom an appointment is, if it says so: only of somebody in the staff table it is known who that is in
/// both systems.
pub fn booked(catalogue: &Catalogue, record: &Record) -> Option<Booked> {
    let Some(Value::Instant(start)) = record.by_id(catalogue, "appointment_date").value() else {
        return None;
    };
    let Some(Value::Minutes(length)) = record.by_id(catalogue, "duration_minutes").value() else {
        return None;
    };
    let Some(Value::Person(clinician)) = record.by_id(catalogue, "assigned_clinician").value() else {
        return None;
    };
    let Some(Value::Status(status)) = record.by_id(catalogue, "appointment_status").value() else {
        return None;
    };
    Some(Booked {
        start: start.seconds,
        clinician: clinician.known.clone()?,
        minutes: length.minutes,
        stage: status.stage(),
    })
}

/// What is wrong with an appointment by itself, with the way out. Its patient has to be resolved as far as it can be.
pub async fn findings(
    store: &dyn Store,
    lenses: &Lenses,
    rules: &Rules,
    record: &Record,
    now_ms: i64,
) -> Result<Vec<Finding>> {
    let catalogue = lenses.catalogue(RecordKind::Appointment);
    let patient = match calendar::patient_of(catalogue, record) {
        None => PatientKnown::Unknown,
        Some(key) => match store.pair_by_key(Remote::ServiceNow, RecordKind::Patient, key).await? {
            None => PatientKnown::Unknown,
            Some(pair) if pair.card.deceased => PatientKnown::Deceased,
            Some(_) => PatientKnown::Alive,
        },
    };
    let facts = AppointmentFacts { now: now_ms.div_euclid(1_000), created: None, patient };
    Ok(validate_appointment(catalogue, record, &rules.appointments, &facts))
}
