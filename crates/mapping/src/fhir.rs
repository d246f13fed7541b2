//! FHIR R4 <-> record; in this file the patient bundle, in `appointment.rs` and `treatment.rs` the other kinds.
//!
//! One patient travels as a Bundle of type `collection`: the Patient first, then one `AllergyIntolerance` per
//! substance.
//! A searchset with one patient and a bare Patient are read as well.
//!
//! `put` changes the place of its field and nothing else: unknown elements, extensions, the order of members and the
//! digits of numbers stay (wire-facts 4, "PUT replaces"). Members are taken away rather than set to null or left
//! empty (FHIR R4 JSON).

mod allergy;
mod animal;
mod appointment;
pub mod check;
pub(crate) mod concept;
mod contact;
mod document;
mod extension;
mod identifier;
mod name;
mod treatment;
pub(crate) mod tree;

pub use allergy::{ALLERGIES_TEXT, BareAllergies};
pub use appointment::AppointmentLens;
pub use treatment::{History, TreatmentForm, TreatmentLens, TreatmentVersion};

use crate::fast::reader::{AsState, Reader};
use crate::node::{Node, Scalar};
use crate::{MappingError, text};
use document::{Place, derived_uuid};
use record::catalogue::{FhirPlace, ValueType};
use record::value::{Neuter, Sex, SexStatus, Value, ValueProblem};
use record::{Catalogue, Conventions, FieldIx, FieldSpec, FieldState, Json, Record};
use std::sync::Arc;

/// How a patient bundle is read and written.
#[derive(Debug, Clone)]
pub struct PatientLens {
    /// The fields.
    pub catalogue: Arc<Catalogue>,
    /// The hospital's ways of writing.
    pub conventions: Arc<Conventions>,
    /// Identifier system of the ServiceNow table's keys.
    pub servicenow_system: String,
    /// Identifier system written for microchips.
    pub microchip_system: String,
    /// Further identifier systems recognised as microchips when reading.
    pub microchip_systems_read: Vec<String>,
    /// What a Patient without a Bundle says about allergies where it carries none.
    pub bare_allergies: BareAllergies,
}

impl PatientLens {
    /// Reads a bundle (or a bare Patient).
    pub fn get(&self, bundle: &Json) -> Result<Record, MappingError> {
        self.read(bundle, |_| true)
    }

    /// Reads the wanted fields of a document in either form; the others are unknown.
    pub(crate) fn read<'a, N: Node<'a>>(
        &self,
        bundle: N,
        wanted: impl Fn(FieldIx) -> bool,
    ) -> Result<Record, MappingError> {
        let place = Place::find(bundle)?;
        let patient = patient_at(bundle, place)?;
        let systems = self.chip_systems();
        Ok(Record {
            kind: self.catalogue.kind,
            key: tree::text(patient, "id").unwrap_or_default().to_owned(),
            other_key: identifier::of_system(patient, &self.servicenow_system).map(str::to_owned),
            active: patient.get("active").map(N::scalar) != Some(Scalar::Bool(false)),
            deceased: is_deceased(patient),
            fields: self
                .catalogue
                .iter()
                .map(|(field, spec)| {
                    if wanted(field) {
                        self.said(bundle, place, patient, spec, &systems, &mut AsState)
                    } else {
                        FieldState::Unknown
                    }
                })
                .collect(),
        })
    }

    /// The keys of a document in either form, and what it says about every field, in the form `reader` makes.
    pub(crate) fn read_as<'a, N: Node<'a>, R: Reader>(
        &self,
        bundle: N,
        reader: &mut R,
        out: &mut Vec<R::Said>,
    ) -> Option<(Option<&'a str>, Option<&'a str>)> {
        let place = Place::find(bundle).ok()?;
        let patient = place.patient(bundle)?;
        let systems = self.chip_systems();
        out.extend(
            self.catalogue.iter().map(|(_, spec)| self.said(bundle, place, patient, spec, &systems, reader)),
        );
        Some((tree::text(patient, "id"), identifier::of_system(patient, &self.servicenow_system)))
    }

    fn field<'a, N: Node<'a>>(&self, bundle: N, place: Place, patient: N, spec: &FieldSpec) -> FieldState {
        self.said(bundle, place, patient, spec, &self.chip_systems(), &mut AsState)
    }

    fn said<'a, N: Node<'a>, R: Reader>(
        &self,
        bundle: N,
        place: Place,
        patient: N,
        spec: &FieldSpec,
        chip_systems: &[&str],
        reader: &mut R,
    ) -> R::Said {
        let said = self.stated(bundle, place, patient, spec, chip_systems, reader);
        // A summary leaves elements out: what is missing from it is not empty (wire-facts 4, "subset results").
        if R::is_blank(&said) && is_subset(patient) { reader.state(FieldState::Unknown) } else { said }
    }

    fn stated<'a, N: Node<'a>, R: Reader>(
        &self,
        bundle: N,
        place: Place,
        patient: N,
        spec: &FieldSpec,
        chip_systems: &[&str],
        reader: &mut R,
    ) -> R::Said {
        let conventions = &*self.conventions;
        let mut plain = |written: Option<&str>| match written {
            Some(written) => reader.text(&spec.value_type, written, conventions),
            None => reader.state(FieldState::Blank),
        };
        match &spec.place {
            FhirPlace::PatientName => {
                let name = name::chosen(tree::items(patient, "name"));
                plain(name.and_then(|(_, name)| name::rendered(name)).as_deref())
            }
            FhirPlace::AnimalSpecies => {
                animal::read(patient, "species", &spec.value_type, conventions, reader)
            }
            FhirPlace::AnimalBreed => animal::read(patient, "breed", &spec.value_type, conventions, reader),
            FhirPlace::BirthDate => match tree::text(patient, "birthDate") {
                None if tree::absent_reason(patient, "birthDate") == Some("masked") => {
                    reader.state(FieldState::Unknown)
                }
                written => plain(written),
            },
            FhirPlace::GenderAndStatus => {
                let neuter = animal::concept(patient, "genderStatus").map(animal::neuter_of);
                reader.state(match tree::text(patient, "gender") {
                    None if neuter.is_none() && tree::absent_reason(patient, "gender") == Some("masked") => {
                        FieldState::Unknown
                    }
                    gender => sex_and_neuter(gender, neuter),
                })
            }
            FhirPlace::MicrochipIdentifier => plain(identifier::chip(patient, chip_systems)),
            FhirPlace::OwnerName => plain(contact::owner_name(patient).as_deref()),
            FhirPlace::OwnerPhone => plain(contact::owner_telecom(patient, "phone")),
            FhirPlace::OwnerEmail => plain(contact::owner_telecom(patient, "email")),
            FhirPlace::Allergies => {
                reader.state(allergy::read(bundle, place, self.bare_allergies, conventions))
            }
            FhirPlace::NoteExtension { url } => plain(extension::note(patient, url)),
            FhirPlace::PatientExtension { url } => {
                let state = extension::read(patient, url, &spec.value_type, conventions);
                reader.state(state)
            }
            // No part of a patient.
            FhirPlace::Appointment(_) | FhirPlace::Treatment(_) => reader.state(FieldState::Unknown),
        }
    }

    fn chip_systems(&self) -> Vec<&str> {
        std::iter::once(&self.microchip_system)
            .chain(&self.microchip_systems_read)
            .map(String::as_str)
            .filter(|system| !system.is_empty())
            .collect()
    }

    /// Sets one field; everything else stays as it was. What would not read back as `state` is refused, and then
    /// nothing is changed.
    pub fn put(&self, bundle: &mut Json, field: FieldIx, state: &FieldState) -> Result<(), MappingError> {
        let place = Place::find(&*bundle)?;
        let spec = self.catalogue.spec(field).ok_or_else(|| {
            MappingError::not_this_kind(format!("no field at position {} of the catalogue", field.0))
        })?;
        let patient = patient_at(&*bundle, place)?;
        if *state == FieldState::Unknown || self.field(&*bundle, place, patient, spec) == *state {
            return Ok(());
        }
        if is_subset(patient) {
            return Err(MappingError::cannot(
                spec,
                "the EHR sent a summary of the patient (tag SUBSETTED), which must not be written back; \
                 read the whole patient first",
            ));
        }
        let mut changed = bundle.clone();
        match state {
            FieldState::Unknown => return Ok(()),
            FieldState::Blank => self.clear(&mut changed, place, spec)?,
            FieldState::Value(value) => self.write(&mut changed, place, spec, value)?,
            FieldState::Invalid { problem, .. } => {
                return Err(MappingError::cannot(spec, format!("{}; {}", problem.problem, problem.way_out)));
            }
        }
        let after = self.field(&changed, place, patient_at(&changed, place)?, spec);
        if !text::says_the_same(&after, state) {
            return Err(MappingError::cannot(
                spec,
                if state.is_blank() {
                    "the EHR holds a further entry that would take its place; remove or end that one in the EHR first"
                } else {
                    "the EHR's resource cannot hold this value without changing it; enter it there by hand"
                },
            ));
        }
        *bundle = changed;
        Ok(())
    }

    fn write(
        &self,
        bundle: &mut Json,
        place: Place,
        spec: &FieldSpec,
        value: &Value,
    ) -> Result<(), MappingError> {
        let conventions = &*self.conventions;
        if let (FhirPlace::Allergies, Value::Substances(set)) = (&spec.place, value) {
            return allergy::write(bundle, place, set, self.bare_allergies, conventions)
                .map_err(|problem| MappingError::cannot(spec, problem));
        }
        let Some(patient) = place.patient_mut(bundle) else {
            return Err(MappingError::not_this_kind("the Bundle holds no Patient"));
        };
        match (&spec.place, value) {
            (FhirPlace::PatientName, _) => write_patient_name(patient, &written(spec, value)?),
            (FhirPlace::AnimalSpecies, Value::Coded(coded)) => {
                animal::write(patient, "species", coded, &spec.value_type, conventions);
            }
            (FhirPlace::AnimalBreed, Value::Coded(coded)) => {
                animal::write(patient, "breed", coded, &spec.value_type, conventions);
            }
            (FhirPlace::BirthDate, Value::Date(date)) => {
                tree::set_primitive(patient, "birthDate", Json::String(date.to_string()));
            }
            (FhirPlace::GenderAndStatus, Value::Sex(sex)) => write_sex(patient, sex),
            (FhirPlace::MicrochipIdentifier, Value::Microchip(chip)) => {
                identifier::write_chip(patient, &self.chip_systems(), &self.microchip_system, &chip.normal);
            }
            (FhirPlace::OwnerName, _) => contact::write_owner_name(patient, &written(spec, value)?),
            (FhirPlace::OwnerPhone, _) => {
                contact::write_owner_telecom(patient, "phone", &written(spec, value)?);
            }
            (FhirPlace::OwnerEmail, _) => {
                contact::write_owner_telecom(patient, "email", &written(spec, value)?);
            }
            (FhirPlace::NoteExtension { url }, _) => {
                extension::write_note(patient, url, &written(spec, value)?);
            }
            (FhirPlace::PatientExtension { url }, _) => {
                extension::write(patient, url, value, &spec.value_type, conventions)
                    .map_err(|problem| MappingError::cannot(spec, problem))?;
            }
            _ => return Err(MappingError::cannot(spec, MISMATCH)),
        }
        Ok(())
    }

    fn clear(&self, bundle: &mut Json, place: Place, spec: &FieldSpec) -> Result<(), MappingError> {
        if spec.place == FhirPlace::Allergies {
            let none = record::value::SubstanceSet::default();
            return allergy::write(bundle, place, &none, self.bare_allergies, &self.conventions)
                .map_err(|problem| MappingError::cannot(spec, problem));
        }
        let Some(patient) = place.patient_mut(bundle) else {
            return Err(MappingError::not_this_kind("the Bundle holds no Patient"));
        };
        match &spec.place {
            FhirPlace::PatientName => clear_patient_name(patient),
            FhirPlace::AnimalSpecies => animal::clear(patient, "species"),
            FhirPlace::AnimalBreed => animal::clear(patient, "breed"),
            FhirPlace::BirthDate => {
                patient.remove("birthDate");
            }
            FhirPlace::GenderAndStatus => {
                patient.remove("gender");
                animal::clear(patient, "genderStatus");
            }
            FhirPlace::MicrochipIdentifier => identifier::remove_chip(patient, &self.chip_systems()),
            FhirPlace::OwnerName => contact::clear_owner_name(patient),
            FhirPlace::OwnerPhone => contact::clear_owner_telecom(patient, "phone"),
            FhirPlace::OwnerEmail => contact::clear_owner_telecom(patient, "email"),
            FhirPlace::Allergies => {}
            FhirPlace::Appointment(_) | FhirPlace::Treatment(_) => {
                return Err(MappingError::cannot(spec, MISMATCH));
            }
            FhirPlace::NoteExtension { url } | FhirPlace::PatientExtension { url } => {
                extension::clear(patient, url);
            }
        }
        Ok(())
    }

    /// The whole body of a PUT or POST: the current bundle with these changes, as a Bundle of type `collection`.
    ///
    /// What belongs to the answer and not to the patient (search modes, totals, links, requests) is left out; the
    /// resources are not touched beyond the writes. A bare Patient stays one unless allergies have to be written
    /// for which it has no place ([`BareAllergies`]): a Bundle can carry them. `servicenow_key` is written as the patient's identifier of the ServiceNow
    /// table.
    pub fn body(
        &self,
        bundle: &Json,
        writes: &[(FieldIx, FieldState)],
        servicenow_key: Option<&str>,
    ) -> Result<Json, MappingError> {
        let mut body = bundle.clone();
        let mut place = Place::find(&body)?;
        if place == Place::Root && self.needs_bundle(&body, writes) {
            body = wrapped(body);
            place = Place::find(&body)?;
        }
        if let Some(key) = servicenow_key {
            if let Some(patient) = place.patient_mut(&mut body) {
                if is_subset(&*patient) {
                    return Err(MappingError::not_this_kind(
                        "the EHR sent a summary of the patient (tag SUBSETTED), which must not be written back",
                    ));
                }
                identifier::write_of_system(patient, &self.servicenow_system, key);
            }
            if patient_at(&body, place)?.get("id").is_none() {
                let url = format!("urn:uuid:{}", derived_uuid(&format!("{}|{key}", self.servicenow_system)));
                place.set_full_url(&mut body, &url);
            }
        }
        as_collection(&mut body);
        // Values before blanks: emptying the owner's last detail takes the contact away, and what else stands in it.
        let (blanks, values): (Vec<_>, Vec<_>) = writes.iter().partition(|(_, state)| state.is_blank());
        for (field, state) in values.into_iter().chain(blanks) {
            self.put(&mut body, *field, state)?;
        }
        Ok(body)
    }

    /// Whether a write to the allergies finds no place in a bare Patient.
    fn needs_bundle(&self, patient: &Json, writes: &[(FieldIx, FieldState)]) -> bool {
        writes.iter().any(|(field, state)| {
            state.value().is_some()
                && self.catalogue.spec(*field).is_some_and(|spec| {
                    spec.place == FhirPlace::Allergies
                        && spec.value_type == ValueType::Substances
                        && allergy::read(patient, Place::Root, self.bare_allergies, &self.conventions)
                            == FieldState::Unknown
                })
        })
    }

    /// A new, empty bundle for a POST; a bare Patient where the EHR knows nothing else.
    pub fn empty(&self) -> Json {
        let patient = Json::object([("resourceType", Json::str("Patient")), ("active", Json::Bool(true))]);
        match self.bare_allergies {
            BareAllergies::Unknown => wrapped(patient),
            BareAllergies::TextExtension => patient,
        }
    }
}

fn patient_at<'a, N: Node<'a>>(bundle: N, place: Place) -> Result<N, MappingError> {
    place.patient(bundle).ok_or_else(|| MappingError::not_this_kind("the Bundle holds no Patient"))
}

fn is_deceased<'a, N: Node<'a>>(patient: N) -> bool {
    patient.get("deceasedBoolean").map(N::scalar) == Some(Scalar::Bool(true))
        || tree::text(patient, "deceasedDateTime").is_some()
}

const MISMATCH: &str =
    "the value is of another type than the field; correct the field's type in the configuration";

fn written(spec: &FieldSpec, value: &Value) -> Result<String, MappingError> {
    text::write(value, &spec.value_type).ok_or_else(|| MappingError::cannot(spec, MISMATCH))
}

fn wrapped(patient: Json) -> Json {
    Json::object([
        ("resourceType", Json::str("Bundle")),
        ("type", Json::str("collection")),
        ("entry", Json::Array(vec![Json::object([("resource", patient)])])),
    ])
}

/// Makes what was read a Bundle of type `collection` in which every entry has an address (FHIR R4 Bundle, bdl-1 to
/// bdl-4 and `fullUrl`).
fn as_collection(bundle: &mut Json) {
    if tree::text(&*bundle, "resourceType") != Some("Bundle") {
        return;
    }
    if tree::text(&*bundle, "type") != Some("collection") {
        bundle.set("type", Json::str("collection"));
        bundle.remove("total");
        bundle.remove("link");
    }
    if let Some(entries) = bundle.get_mut("entry").and_then(Json::items_mut) {
        entries.retain(|entry| {
            entry.get("search").and_then(|search| tree::text(search, "mode")) != Some("outcome")
        });
        for (at, entry) in entries.iter_mut().enumerate() {
            for key in ["search", "request", "response", "link"] {
                entry.remove(key);
            }
            let resource = entry.get("resource");
            let kind = resource.and_then(|resource| tree::text(resource, "resourceType")).unwrap_or_default();
            let id = resource.and_then(|resource| tree::text(resource, "id"));
            let name = format!("{kind}/{}", id.map_or_else(|| at.to_string(), str::to_owned));
            document::add_full_url(entry, || format!("urn:uuid:{}", derived_uuid(&name)));
        }
    }
}

/// Whether the server left elements out (`meta.tag` SUBSETTED).
fn is_subset<'a>(patient: impl Node<'a>) -> bool {
    patient
        .get("meta")
        .is_some_and(|meta| tree::items(meta, "tag").any(|tag| tree::text(tag, "code") == Some("SUBSETTED")))
}

fn write_patient_name(patient: &mut Json, text: &str) {
    let at = name::chosen(tree::items(&*patient, "name")).map(|(at, _)| at);
    let Some(names) = tree::items_mut(patient, "name") else { return };
    if let Some(standing) = at.and_then(|at| names.get_mut(at)) {
        name::write(standing, text, true);
    } else {
        let mut fresh = Json::object([("use", Json::str("usual"))]);
        name::write(&mut fresh, text, true);
        names.push(fresh);
    }
}

fn clear_patient_name(patient: &mut Json) {
    let Some((at, _)) = name::chosen(tree::items(&*patient, "name")) else { return };
    if let Some(names) = patient.get_mut("name").and_then(Json::items_mut)
        && let Some(standing) = names.get_mut(at)
        && !name::clear(standing)
    {
        names.remove(at);
    }
    tree::drop_if_empty(patient, "name");
}

fn write_sex(patient: &mut Json, sex: &SexStatus) {
    if tree::text(&*patient, "gender") != Some(sex.sex.code()) {
        tree::set_primitive(patient, "gender", Json::str(sex.sex.code()));
    }
    animal::write_neuter(patient, sex.neuter);
}

/// `gender` and genderStatus joined.
fn sex_and_neuter(gender: Option<&str>, neuter: Option<Neuter>) -> FieldState {
    let sex = match (gender, neuter) {
        (None, None) => return FieldState::Blank,
        (None, Some(_)) => Some(Sex::Unknown),
        (Some(code), _) => Sex::from_code(code),
    };
    match sex {
        Some(sex) => FieldState::Value(Value::Sex(SexStatus::new(sex, neuter.unwrap_or(Neuter::Unknown)))),
        None => FieldState::Invalid {
            raw: gender.unwrap_or_default().to_owned(),
            problem: ValueProblem {
                problem: "not one of FHIR's genders".to_owned(),
                way_out: "enter male, female, other or unknown in the EHR".to_owned(),
            },
        },
    }
}
