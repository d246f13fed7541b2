//! Both lenses of each kind together: raw payload to record, record writes to the body that is sent.

use crate::completion::Billing;
use crate::error::{EngineError, Result};
use mapping::fhir::{AppointmentLens, History, PatientLens, TreatmentLens, TreatmentVersion};
use mapping::servicenow::{Completion, RowLens};
use reconcile::FieldWrite;
use record::{Catalogue, FieldIx, FieldState, Json, Record, RecordKind, Remote};
use remote::Fetched;
use std::sync::Arc;
use store::{PatientCard, Presence, SnapshotId, SnapshotRow};

/// The lenses of every kind.
#[derive(Debug, Clone)]
pub struct Lenses {
    /// Patients.
    pub patients: KindLenses,
    /// Appointments.
    pub appointments: KindLenses,
    /// Treatments.
    pub treatments: KindLenses,
    /// How treatments are billed, where they are.
    pub billing: Option<Arc<Billing>>,
}

/// Both lenses of one kind.
#[derive(Debug, Clone)]
pub struct KindLenses {
    /// ServiceNow rows.
    pub row: RowLens,
    /// What the EHR holds.
    pub document: DocumentLens,
}

/// How the EHR's document of one kind is read and written.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names say it")]
pub enum DocumentLens {
    Patient(PatientLens),
    Appointment(AppointmentLens),
    Treatment(TreatmentLens),
}

impl Lenses {
    /// The given lenses of patients; appointments and treatments by their default catalogues, in the same conventions.
    pub fn of_patients(row: RowLens, patient: PatientLens) -> Lenses {
        let conventions = Arc::clone(&row.conventions);
        let system = |table: &str| match patient.servicenow_system.rsplit_once('/') {
            Some((before, _)) => format!("{before}/{table}"),
            None => format!("{}/{table}", patient.servicenow_system),
        };
        let of_appointments = Arc::new(Catalogue::appointment_default());
        let of_treatments = Arc::new(Catalogue::treatment_default());
        Lenses {
            billing: None,
            appointments: KindLenses {
                row: RowLens::new(Arc::clone(&of_appointments), Arc::clone(&conventions)),
                document: DocumentLens::Appointment(AppointmentLens {
                    catalogue: of_appointments,
                    conventions: Arc::clone(&conventions),
                    servicenow_system: system("u_appointment"),
                }),
            },
            treatments: KindLenses {
                row: RowLens {
                    completion: Some(Completion {
                        column: "u_treatment_status".to_owned(),
                        values: vec!["completed".to_owned(), "archived".to_owned()],
                    }),
                    ..RowLens::new(Arc::clone(&of_treatments), Arc::clone(&conventions))
                },
                document: DocumentLens::Treatment(TreatmentLens::new(
                    of_treatments,
                    conventions,
                    system("u_treatment"),
                )),
            },
            patients: KindLenses { row, document: DocumentLens::Patient(patient) },
        }
    }

    /// Those of a kind.
    pub const fn of(&self, kind: RecordKind) -> &KindLenses {
        match kind {
            RecordKind::Patient => &self.patients,
            RecordKind::Appointment => &self.appointments,
            RecordKind::Treatment => &self.treatments,
        }
    }

    /// The fields that both lenses of a kind map.
    pub const fn catalogue(&self, kind: RecordKind) -> &Arc<Catalogue> {
        &self.of(kind).row.catalogue
    }
}

impl KindLenses {
    /// The kind they are of.
    pub fn kind(&self) -> RecordKind {
        self.row.catalogue.kind
    }

    /// The fields both lenses map.
    pub const fn catalogue(&self) -> &Arc<Catalogue> {
        &self.row.catalogue
    }

    /// Reads a raw payload.
    pub fn read(&self, remote: Remote, raw: &str) -> Result<Record> {
        let json = parse(raw)?;
        Ok(match (remote, &self.document) {
            (Remote::ServiceNow, _) => self.row.get(&json)?,
            (Remote::Ehr, DocumentLens::Patient(lens)) => lens.get(&json)?,
            (Remote::Ehr, DocumentLens::Appointment(lens)) => lens.get(&json)?,
            (Remote::Ehr, DocumentLens::Treatment(lens)) => lens.get(&json)?,
        })
    }

    /// A snapshot row of what a remote said, as [`KindLenses::read`] typed it. Links to patients are resolved before.
    pub fn snapshot(
        &self,
        remote: Remote,
        fetched: &Fetched,
        record: &Record,
        run: &str,
        now_ms: i64,
    ) -> SnapshotRow {
        SnapshotRow {
            id: SnapshotId { remote, kind: self.kind(), key: fetched.key.clone() },
            version: fetched.version.clone(),
            raw: fetched.raw.clone(),
            record: record::stored::encode(record),
            digest: digest(&record.fields),
            other_key: record.other_key.clone(),
            chip: iso_chip(self.catalogue(), record),
            presence: Presence::Present,
            seen_run: run.to_owned(),
            seen_at_ms: now_ms,
            changed_by: fetched.changed_by.clone(),
            changed_at_ms: fetched.changed_at_ms,
        }
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
            Remote::Ehr => self.document_body(&current, &changes, cross_reference)?,
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
        Ok(match (remote, &self.document) {
            (Remote::ServiceNow, _) => {
                self.row.patch(&Json::Object(Vec::new()), &changes, Some(cross_reference))?.to_string()
            }
            (Remote::Ehr, DocumentLens::Patient(lens)) => {
                self.document_body(&lens.empty(), &changes, Some(cross_reference))?
            }
            (Remote::Ehr, DocumentLens::Appointment(lens)) => {
                self.document_body(&lens.empty(), &changes, Some(cross_reference))?
            }
            (Remote::Ehr, DocumentLens::Treatment(_)) => return Err(written_as_a_version()),
        })
    }

    /// The Bundle of one version of a treatment, byte for byte as it will be sent. `ids` gives UUIDs in lower case.
    ///
    /// # Errors
    /// What the EHR cannot be told; records of another kind.
    pub fn version_body(
        &self,
        record: &Record,
        version: TreatmentVersion<'_>,
        ids: &mut dyn FnMut() -> String,
    ) -> Result<String> {
        let DocumentLens::Treatment(lens) = &self.document else {
            return Err(EngineError::Mapping(mapping::MappingError::NotThisKind {
                what: "only treatments have versions".to_owned(),
            }));
        };
        let body = lens.write(record, version, ids)?;
        sound(&Json::Object(Vec::new()), &body)?;
        Ok(body.to_string())
    }

    /// Which version of a treatment the EHR holds; none where it does not say, or of another kind.
    pub fn version_of(&self, raw: &str) -> Option<u32> {
        match &self.document {
            DocumentLens::Treatment(lens) => lens.version(&Json::parse(raw).ok()?),
            DocumentLens::Patient(_) | DocumentLens::Appointment(_) => None,
        }
    }

    /// What the EHR's record of a treatment shows in the history of this patient there.
    pub fn history(&self, raw: &str, patient: &str) -> History {
        match (&self.document, Json::parse(raw)) {
            (DocumentLens::Treatment(lens), Ok(bundle)) => lens.history(&bundle, patient),
            (DocumentLens::Treatment(_), Err(_)) => {
                History { problems: vec!["what it says cannot be read".to_owned()], ..History::default() }
            }
            (DocumentLens::Patient(_) | DocumentLens::Appointment(_), _) => History::default(),
        }
    }

    fn document_body(
        &self,
        current: &Json,
        changes: &[(FieldIx, FieldState)],
        cross_reference: Option<&str>,
    ) -> Result<String> {
        let body = match &self.document {
            DocumentLens::Patient(lens) => lens.body(current, changes, cross_reference)?,
            DocumentLens::Appointment(lens) => lens.body(current, changes, cross_reference)?,
            DocumentLens::Treatment(_) => return Err(written_as_a_version()),
        };
        sound(current, &body)?;
        Ok(body.to_string())
    }

    /// What a record that is to be created in a remote is looked up by there: the other remote's key, for the EHR with the
    /// identifier system it stands under where that is not the one of patients, which the client adds by itself. The key of
    /// a treatment there is that of one version ([`TreatmentLens::version_identifier`]).
    pub fn our_key(&self, target: Remote, key: &str) -> String {
        match (target, &self.document) {
            (Remote::ServiceNow, _) | (Remote::Ehr, DocumentLens::Patient(_)) => key.to_owned(),
            (Remote::Ehr, DocumentLens::Appointment(lens)) => format!("{}|{key}", lens.servicenow_system),
            (Remote::Ehr, DocumentLens::Treatment(lens)) => format!("{}|{key}", lens.version_system()),
        }
    }
}

/// A treatment in the EHR is never changed in place.
fn written_as_a_version() -> EngineError {
    EngineError::Mapping(mapping::MappingError::NotThisKind {
        what: "a treatment in the EHR is not changed; a change in ServiceNow makes a new version of it"
            .to_owned(),
    })
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

/// What lists show of a record, see [`patient_card`] and [`visit_card`].
pub fn card(catalogue: &Catalogue, servicenow: Option<&Record>, ehr: Option<&Record>) -> PatientCard {
    match catalogue.kind {
        RecordKind::Patient => patient_card(catalogue, servicenow, ehr),
        RecordKind::Appointment => visit_card(
            catalogue,
            [servicenow, ehr],
            ["assigned_clinician", "appointment_type", "appointment_date", "appointment_status"],
        ),
        RecordKind::Treatment => visit_card(
            catalogue,
            [servicenow, ehr],
            ["clinician", "diagnosis", "treatment_date", "procedures_performed"],
        ),
    }
}

/// What lists show of an appointment or a treatment, in the places of a patient's: the patient, the clinician as owner,
/// what for as breed, when (UTC, as it sorts) as birth, and how it stands to find it by.
fn visit_card(
    catalogue: &Catalogue,
    sides: [Option<&Record>; 2],
    [who, what, when, how]: [&str; 4],
) -> PatientCard {
    let states = |id: &str| {
        let sides = sides.map(|side| side.map(|record| record.by_id(catalogue, id).clone()));
        sides.into_iter().flatten().collect::<Vec<FieldState>>()
    };
    let shown = |id: &str| {
        states(id).iter().map(FieldState::display).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let patient = states("patient");
    let links = || {
        patient.iter().filter_map(|state| match state.value() {
            Some(record::Value::PatientLink(link)) => Some(link),
            _ => None,
        })
    };
    let named = links().find_map(|link| link.name.clone());
    let begins = states(when).iter().find_map(|state| match state.value() {
        Some(record::Value::Instant(start)) => Some(start.servicenow()),
        _ => None,
    });
    PatientCard {
        name: named.or_else(|| links().map(record::value::PatientLink::display).next()).unwrap_or_default(),
        owner: shown(who),
        breed: shown(what),
        born: begins.unwrap_or_default(),
        also: shown(how),
        ..PatientCard::default()
    }
}

/// What a question is called: the patient, and when where it is about a visit.
pub fn title(card: &PatientCard) -> String {
    // A visit begins at a time of day, an animal is born on a day.
    match card.born.get(..16) {
        Some(begins) => format!("{} · {begins} UTC", card.name),
        None => card.name.clone(),
    }
}

/// What lists show of a patient: ServiceNow's spelling first, the EHR's where ServiceNow has none; the other spellings
/// go where the search finds them.
fn patient_card(catalogue: &Catalogue, servicenow: Option<&Record>, ehr: Option<&Record>) -> PatientCard {
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
