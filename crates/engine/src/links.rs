//! Whose an appointment or a treatment is: each remote names the patient by its own key, and only the link between the
//! two patients says that both mean the same animal.

use crate::error::Result;
use crate::step::Engine;
use record::{FieldState, Record, RecordKind, Remote, Value};
use remote::Fetched;
use std::collections::HashMap;
use store::Store;

/// The patient's keys that a record names without the other remote's.
fn half_named(record: &Record) -> impl Iterator<Item = (Remote, &str)> {
    record.fields.iter().filter_map(|state| match state.value() {
        Some(Value::PatientLink(link)) => match (&link.servicenow, &link.ehr) {
            (Some(key), None) => Some((Remote::ServiceNow, key.as_str())),
            (None, Some(key)) => Some((Remote::Ehr, key.as_str())),
            (Some(_), Some(_)) | (None, None) => None,
        },
        _ => None,
    })
}

/// Whether a record names a patient of which it is not known who that is in the other remote.
pub fn is_unresolved(record: &Record) -> bool {
    half_named(record).next().is_some()
}

/// Adds the other remote's key to every link, and the patient's name for people, as the pairs of patients say now. A
/// patient that is not linked stays named by one key.
pub(crate) async fn resolve(store: &dyn Store, records: &mut [&mut Record]) -> Result<()> {
    let mut known: HashMap<(Remote, String), (Option<String>, String)> = HashMap::new();
    for remote in Remote::BOTH {
        let mut keys: Vec<&str> = records
            .iter()
            .flat_map(|record| half_named(record))
            .filter_map(|(named, key)| (named == remote).then_some(key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            continue;
        }
        for pair in store.pairs_by_keys(remote, RecordKind::Patient, &keys).await? {
            let (own, other) = match remote {
                Remote::ServiceNow => (pair.servicenow_key, pair.ehr_key),
                Remote::Ehr => (pair.ehr_key, pair.servicenow_key),
            };
            if let Some(own) = own {
                known.insert((remote, own), (other, pair.card.name));
            }
        }
    }
    if known.is_empty() {
        return Ok(());
    }
    for record in records {
        for (remote, key, name) in names(record, &known) {
            name_patient(record, remote, &key, &name);
        }
        record.resolve_patients(|remote, key| known.get(&(remote, key.to_owned()))?.0.clone());
    }
    Ok(())
}

fn names(
    record: &Record,
    known: &HashMap<(Remote, String), (Option<String>, String)>,
) -> Vec<(Remote, String, String)> {
    half_named(record)
        .filter_map(|(remote, key)| {
            let (_, name) = known.get(&(remote, key.to_owned()))?;
            (!name.is_empty()).then(|| (remote, key.to_owned(), name.clone()))
        })
        .collect()
}

fn name_patient(record: &mut Record, remote: Remote, key: &str, name: &str) {
    for state in &mut record.fields {
        if let FieldState::Value(Value::PatientLink(link)) = state
            && link.key(remote) == Some(key)
        {
            link.name = Some(name.to_owned());
        }
    }
}

/// Where either side names a patient that is not linked, nothing can be said about the patient: the field is neither
/// compared nor written until it is. Whether that is so.
pub(crate) fn leave_unresolved_out(servicenow: &mut Record, ehr: &mut Record) -> bool {
    let mut left_out = false;
    for (left, right) in servicenow.fields.iter_mut().zip(&mut ehr.fields) {
        let half = [&*left, &*right].into_iter().any(|state| {
            matches!(state.value(), Some(Value::PatientLink(link)) if link.servicenow.is_some() != link.ehr.is_some())
        });
        if half {
            *left = FieldState::Unknown;
            *right = FieldState::Unknown;
            left_out = true;
        }
    }
    left_out
}

impl Engine {
    /// Types what a remote said about one record, its patient resolved.
    pub(crate) async fn typed(&self, kind: RecordKind, remote: Remote, fetched: &Fetched) -> Result<Record> {
        let mut record = self.lenses.of(kind).read(remote, &fetched.raw)?;
        resolve(&*self.store, &mut [&mut record]).await?;
        Ok(record)
    }
}
