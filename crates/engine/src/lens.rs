//! Both lenses of a kind together: raw payload to record, record writes to the body that is sent.

use crate::error::{EngineError, Result};
use mapping::fhir::PatientLens;
use mapping::servicenow::RowLens;
use reconcile::FieldWrite;
use record::{Catalogue, FieldIx, FieldState, Json, Record, RecordKind, Remote};
use remote::Fetched;
use std::sync::Arc;
use store::{PatientCard, Presence, SnapshotId, SnapshotRow};

/// The lenses of the patient kind.
#[derive(Debug, Clone)]
pub struct Lenses {
    /// ServiceNow rows.
    pub row: RowLens,
    /// FHIR bundles.
    pub patient: PatientLens,
}

impl Lenses {
    /// The fields both lenses map.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.row.catalogue
    }

    /// Reads a raw payload.
    pub fn read(&self, remote: Remote, raw: &str) -> Result<Record> {
        let json = parse(raw)?;
        Ok(match remote {
            Remote::ServiceNow => self.row.get(&json)?,
            Remote::Ehr => self.patient.get(&json)?,
        })
    }

    /// A snapshot row of what a remote said, or the reason why it cannot be read.
    pub fn snapshot(
        &self,
        remote: Remote,
        fetched: &Fetched,
        run: &str,
        now_ms: i64,
    ) -> Result<(SnapshotRow, Record)> {
        let record = self.read(remote, &fetched.raw)?;
        let row = SnapshotRow {
            id: SnapshotId { remote, kind: RecordKind::Patient, key: fetched.key.clone() },
            version: fetched.version.clone(),
            raw: fetched.raw.clone(),
            record: record::stored::encode(&record),
            digest: digest(&record.fields),
            other_key: record.other_key.clone(),
            chip: iso_chip(self.catalogue(), &record),
            presence: Presence::Present,
            seen_run: run.to_owned(),
            seen_at_ms: now_ms,
            changed_by: fetched.changed_by.clone(),
            changed_at_ms: fetched.changed_at_ms,
        };
        Ok((row, record))
    }

    /// The body of an update of `raw`, byte for byte as it will be sent.
    pub fn update_body(
        &self,
        remote: Remote,
        raw: &str,
        writes: &[FieldWrite],
        cross_reference: Option<&str>,
    ) -> Result<String> {
        let current = parse(raw)?;
        let changes = changes(writes);
        Ok(match remote {
            Remote::ServiceNow => self.row.patch(&current, &changes, cross_reference)?.to_string(),
            Remote::Ehr => {
                let body = self.patient.body(&current, &changes, cross_reference)?;
                sound(&current, &body)?;
                body.to_string()
            }
        })
    }

    /// The body of a create with these values.
    pub fn create_body(
        &self,
        remote: Remote,
        writes: &[FieldWrite],
        cross_reference: &str,
    ) -> Result<String> {
        let changes = changes(writes);
        Ok(match remote {
            Remote::ServiceNow => {
                self.row.patch(&Json::Object(Vec::new()), &changes, Some(cross_reference))?.to_string()
            }
            Remote::Ehr => {
                let empty = self.patient.empty();
                let body = self.patient.body(&empty, &changes, Some(cross_reference))?;
                sound(&empty, &body)?;
                body.to_string()
            }
        })
    }
}

fn parse(raw: &str) -> Result<Json> {
    Json::parse(raw)
        .map_err(|error| EngineError::Mapping(mapping::MappingError::NotThisKind { what: error.to_string() }))
}

/// Refuses a body that our change made wrong, before anybody sees it; what was wrong already is not held against it.
fn sound(before: &Json, after: &Json) -> Result<()> {
    match mapping::fhir::check::introduced(before, after).first() {
        None => Ok(()),
        Some(finding) => {
            Err(EngineError::Mapping(mapping::MappingError::NotThisKind { what: finding.to_string() }))
        }
    }
}

fn changes(writes: &[FieldWrite]) -> Vec<(FieldIx, FieldState)> {
    writes.iter().map(|write| (write.field, write.to.clone())).collect()
}

/// Sixteen bytes of SHA-256 over the comparable text of every field: equal digests mean equal records.
pub fn digest<'a>(fields: impl IntoIterator<Item = &'a FieldState>) -> Vec<u8> {
    let mut text = String::with_capacity(256);
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for field in fields {
        text.clear();
        record::sameness::comparable(field, &mut text);
        context.update(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        context.update(text.as_bytes());
    }
    let mut bytes = context.finish().as_ref().to_vec();
    bytes.truncate(16);
    bytes
}

/// SHA-256 of a text, hex.
pub fn sha256_hex(text: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

/// The normalised chip, if it is of the one class strong enough to link by.
pub fn iso_chip(catalogue: &Catalogue, record: &Record) -> Option<String> {
    match record.by_id(catalogue, "microchip_id").value() {
        Some(record::Value::Microchip(chip)) if chip.class == record::value::ChipClass::Iso15 => {
            Some(chip.normal.clone())
        }
        _ => None,
    }
}

/// What lists show of a patient: ServiceNow's spelling first, the EHR's where ServiceNow has none; the other spellings
/// go where the search finds them.
pub fn card(catalogue: &Catalogue, servicenow: Option<&Record>, ehr: Option<&Record>) -> PatientCard {
    let shown = |id: &str| {
        [servicenow, ehr]
            .into_iter()
            .flatten()
            .map(|record| record.by_id(catalogue, id).display())
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    };
    let mut also = String::new();
    for record in [servicenow, ehr].into_iter().flatten() {
        for id in ["patient_name", "owner_name", "owner_phone", "owner_email", "microchip_id"] {
            let state = record.by_id(catalogue, id);
            let text = state.display();
            push_word(&mut also, &text);
            match state.value() {
                Some(record::Value::Phone(phone)) => {
                    push_word(&mut also, phone.e164.as_deref().unwrap_or_default());
                    push_word(&mut also, &digits(&text));
                }
                Some(record::Value::Microchip(chip)) => push_word(&mut also, &chip.normal),
                _ => {}
            }
        }
    }
    let species = [servicenow, ehr]
        .into_iter()
        .flatten()
        .find_map(|record| match record.by_id(catalogue, "species").value() {
            Some(record::Value::Coded(coded)) => {
                Some(coded.concept.clone().unwrap_or_else(|| coded.text.clone()))
            }
            _ => None,
        })
        .unwrap_or_default();
    PatientCard {
        name: shown("patient_name"),
        owner: shown("owner_name"),
        species,
        breed: shown("breed"),
        phone: shown("owner_phone"),
        email: shown("owner_email"),
        chip: shown("microchip_id"),
        born: shown("date_of_birth"),
        also,
        deceased: [servicenow, ehr].into_iter().flatten().any(|record| record.deceased),
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn push_word(out: &mut String, word: &str) {
    if !word.is_empty() && !out.split('\n').any(|known| known == word) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(word);
    }
}
