//! Patients of the EHR as the text they are sent as, with the indexes lists need.

use crate::clock::instant;
use record::Json;
use std::collections::{BTreeMap, BTreeSet};

/// One patient with its allergies; they share one version.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) version: u64,
    pub(crate) updated_ms: i64,
    /// The Patient, `meta` included, as JSON text.
    pub(crate) patient: Box<str>,
    /// Id and JSON text of each `AllergyIntolerance`.
    pub(crate) allergies: Vec<(Box<str>, Box<str>)>,
}

/// A patient and its allergies, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The Patient.
    pub patient: Json,
    /// Its `AllergyIntolerance` resources.
    pub allergies: Vec<Json>,
}

/// System of an identifier, and the patient that has it.
type Holder = (Box<str>, Box<str>);

#[derive(Debug, Default)]
pub(crate) struct Store {
    patients: BTreeMap<Box<str>, Stored>,
    by_updated: BTreeSet<(i64, Box<str>)>,
    /// By value: system and patient.
    by_identifier: BTreeMap<Box<str>, Vec<Holder>>,
    deleted: BTreeSet<Box<str>>,
    assigned: u64,
}

impl Store {
    pub(crate) fn len(&self) -> usize {
        self.patients.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Stored> {
        self.patients.get(id)
    }

    pub(crate) fn is_deleted(&self, id: &str) -> bool {
        self.deleted.contains(id)
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.patients.keys().map(ToString::to_string).collect()
    }

    /// A new id that no patient or allergy has.
    pub(crate) fn assign(&mut self, prefix: &str) -> String {
        loop {
            self.assigned += 1;
            let id = format!("{prefix}-{:x}", 0x00a0_0000 + self.assigned);
            if !self.patients.contains_key(id.as_str()) && !self.deleted.contains(id.as_str()) {
                return id;
            }
        }
    }

    /// Patients in the order of their last change, then id, behind a position and from a time on.
    pub(crate) fn changed_from<'a>(
        &'a self,
        from_ms: i64,
        behind: Option<(i64, &str)>,
    ) -> impl Iterator<Item = (&'a str, &'a Stored)> + use<'a> {
        use std::ops::Bound;
        let start = match behind {
            Some((ms, id)) => Bound::Excluded((ms, Box::from(id))),
            None => Bound::Included((from_ms, Box::from(""))),
        };
        self.by_updated
            .range((start, Bound::Unbounded))
            .filter_map(|(_, id)| self.patients.get_key_value(id))
            .map(|(id, stored)| (&**id, stored))
    }

    /// Ids of the patients that have an identifier; no system means any, an empty one none.
    pub(crate) fn with_identifier(&self, system: Option<&str>, value: &str) -> BTreeSet<&str> {
        let holders = self.by_identifier.get(value).map_or([].as_slice(), Vec::as_slice);
        holders
            .iter()
            .filter(|(own, _)| system.is_none_or(|system| &**own == system))
            .map(|(_, id)| &**id)
            .collect()
    }

    /// Stores a patient and its allergies under a new version; stamps `meta` and rewrites references to it.
    pub(crate) fn put(&mut self, id: &str, chart: Chart, at_ms: i64) -> &Stored {
        let before = self.take(id);
        let version = before.as_ref().map_or(1, |old| old.version + 1);
        // Two changes of one patient never share a stamp.
        let updated_ms = before.as_ref().map_or(at_ms, |old| at_ms.max(old.updated_ms + 1));
        let Chart { mut patient, allergies } = chart;
        set_id(&mut patient, "Patient", id);
        stamp(&mut patient, version, updated_ms);
        let allergies = allergies
            .into_iter()
            .map(|mut allergy| {
                let own =
                    allergy.get("id").and_then(Json::as_str).map_or_else(|| self.assign("ai"), str::to_owned);
                set_id(&mut allergy, "AllergyIntolerance", &own);
                stamp(&mut allergy, version, updated_ms);
                if let Some(reference) = allergy.get_mut("patient") {
                    reference.set("reference", Json::String(format!("Patient/{id}")));
                }
                (Box::from(own), Box::from(allergy.to_string()))
            })
            .collect();
        let stored = Stored { version, updated_ms, patient: patient.to_string().into(), allergies };
        self.by_updated.insert((updated_ms, id.into()));
        for (system, value) in identifiers(&patient) {
            self.by_identifier.entry(value).or_default().push((system, id.into()));
        }
        self.deleted.remove(id);
        self.patients.entry(id.into()).or_insert(stored)
    }

    fn take(&mut self, id: &str) -> Option<Stored> {
        let old = self.patients.remove(id)?;
        self.by_updated.remove(&(old.updated_ms, id.into()));
        if let Ok(patient) = Json::parse(&old.patient) {
            for (_, value) in identifiers(&patient) {
                if let Some(holders) = self.by_identifier.get_mut(&value) {
                    holders.retain(|(_, holder)| &**holder != id);
                    if holders.is_empty() {
                        self.by_identifier.remove(&value);
                    }
                }
            }
        }
        Some(old)
    }

    pub(crate) fn delete(&mut self, id: &str) -> bool {
        let existed = self.take(id).is_some();
        if existed {
            self.deleted.insert(id.into());
        }
        existed
    }
}

impl Stored {
    pub(crate) fn chart(&self) -> Option<Chart> {
        Some(Chart {
            patient: Json::parse(&self.patient).ok()?,
            allergies: self.allergies.iter().filter_map(|(_, text)| Json::parse(text).ok()).collect(),
        })
    }
}

/// The identifiers with a value.
pub(super) fn identifiers(patient: &Json) -> Vec<(Box<str>, Box<str>)> {
    let all = patient.get("identifier").map(Json::items).unwrap_or_default();
    all.iter()
        .filter_map(|identifier| {
            let value = identifier.get("value").and_then(Json::as_str)?;
            let system = identifier.get("system").and_then(Json::as_str).unwrap_or_default();
            Some((system.into(), value.into()))
        })
        .collect()
}

/// Sets `resourceType` and `id`, at the front where they are missing.
pub(super) fn set_id(resource: &mut Json, kind: &str, id: &str) {
    if resource.get("id").is_some() {
        resource.set("id", Json::str(id));
    } else if let Json::Object(members) = resource {
        let at = members.iter().position(|(name, _)| name == "resourceType").map_or(0, |at| at + 1);
        members.insert(at, ("id".to_owned(), Json::str(id)));
    }
    if resource.get("resourceType").is_none()
        && let Json::Object(members) = resource
    {
        members.insert(0, ("resourceType".to_owned(), Json::str(kind)));
    }
}

/// The server's own `versionId` and `lastUpdated`; what the sender wrote there is not kept, the rest of `meta` is.
pub(super) fn stamp(resource: &mut Json, version: u64, updated_ms: i64) {
    let mut members = vec![
        ("versionId".to_owned(), Json::String(version.to_string())),
        ("lastUpdated".to_owned(), Json::String(instant(updated_ms))),
    ];
    if let Some(Json::Object(old)) = resource.get("meta") {
        members.extend(old.iter().filter(|(name, _)| name != "versionId" && name != "lastUpdated").cloned());
    }
    if resource.get("meta").is_some() {
        resource.set("meta", Json::Object(members));
    } else if let Json::Object(all) = resource {
        let at = all.iter().position(|(name, _)| name == "id").map_or(0, |at| at + 1);
        all.insert(at, ("meta".to_owned(), Json::Object(members)));
    }
}
