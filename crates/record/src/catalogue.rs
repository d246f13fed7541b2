//! The field catalogue: one row per mapped attribute, the default rows and custom ones from configuration.

mod appointment;
mod custom;
mod patient;
mod treatment;

pub use custom::{CustomField, CustomFieldProblem, CustomType};

use crate::kind::RecordKind;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A field's place in its catalogue; the index into [`crate::Record::fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldIx(pub u16);

/// All fields of one kind of record, in the order every screen shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// The kind these fields belong to.
    pub kind: RecordKind,
    /// The fields.
    pub fields: Vec<FieldSpec>,
}

/// One mapped attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSpec {
    /// Stable name: `patient_name`, `owner_phone`, or a custom field's name.
    pub id: String,
    /// What people read: "Owner's phone".
    pub label: String,
    /// How the value is typed.
    pub value_type: ValueType,
    /// Which way it flows.
    pub direction: Direction,
    /// Column of the ServiceNow table without `u_`: tried as `u_<name>` and `<name>` (wire-facts 5.6).
    pub column: String,
    /// Where it stands in the FHIR resource.
    pub place: FhirPlace,
    /// What to do when one remote changed it since the base.
    pub one_side: OneSideRule,
    /// What to do when both did.
    pub both_sides: BothSidesRule,
    /// Fields of one group move together or not at all.
    pub group: Option<String>,
    /// Whose work it is to decide a grade 3 difference.
    pub owner: FieldOwner,
    /// An identity field: never settled without a person (design: "Never automatic").
    pub identity: bool,
    /// For quantities: amounts outside are probably typing errors. In the default unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plausible: Option<PlausibleRange>,
}

/// The amounts a quantity plausibly has, both ends included, in the field's default unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlausibleRange {
    /// The smallest.
    pub min: Decimal,
    /// The largest.
    pub max: Decimal,
}

/// The type of a field's values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// [`crate::Value::Name`]
    Name,
    /// [`crate::Value::Text`]
    Text,
    /// [`crate::Value::LongText`]
    LongText,
    /// [`crate::Value::Coded`] of species
    Species,
    /// [`crate::Value::Coded`] of breed
    Breed,
    /// [`crate::Value::Coded`] without a built-in vocabulary
    Coded,
    /// [`crate::Value::Date`]
    Date,
    /// [`crate::Value::Sex`]
    Sex,
    /// [`crate::Value::Microchip`]
    Microchip,
    /// [`crate::Value::Phone`]
    Phone,
    /// [`crate::Value::Email`]
    Email,
    /// [`crate::Value::Substances`]
    Substances,
    /// [`crate::Value::Quantity`], with the unit a bare number in the ServiceNow column means (UCUM).
    Quantity {
        /// UCUM code of a number without a unit.
        default_unit: String,
    },
    /// [`crate::Value::Instant`]
    Instant,
    /// [`crate::Value::Minutes`]
    Minutes,
    /// [`crate::Value::Person`]
    Person,
    /// [`crate::Value::PatientLink`]
    PatientLink,
    /// [`crate::Value::Coded`] of appointment type
    AppointmentType,
    /// [`crate::Value::Status`] of an appointment
    AppointmentStatus,
    /// [`crate::Value::Items`]
    Items,
    /// [`crate::Value::Items`] of medications: a line that only says how to give the one above belongs to it
    Medications,
}

/// Which way a field flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Both ways.
    Both,
    /// ServiceNow is the source; an edit in the EHR is asked about.
    ServiceNowToEhr,
}

/// Where a field stands in the FHIR bundle of its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FhirPlace {
    /// `Patient.name`
    PatientName,
    /// patient-animal / species
    AnimalSpecies,
    /// patient-animal / breed
    AnimalBreed,
    /// `Patient.birthDate`
    BirthDate,
    /// `Patient.gender` and patient-animal / genderStatus
    GenderAndStatus,
    /// `Patient.identifier` of type MCN
    MicrochipIdentifier,
    /// `Patient.contact[owner].name`
    OwnerName,
    /// `Patient.contact[owner].telecom[phone]`
    OwnerPhone,
    /// `Patient.contact[owner].telecom[email]`
    OwnerEmail,
    /// One `AllergyIntolerance` per substance
    Allergies,
    /// Extension `http://hl7.org/fhir/StructureDefinition/note`, `valueAnnotation` (URL configurable)
    NoteExtension {
        /// The extension's URL.
        url: String,
    },
    /// Any extension of the Patient with a simple value, by URL: custom fields.
    PatientExtension {
        /// The extension's URL.
        url: String,
    },
    /// A place of an Appointment.
    Appointment(AppointmentPlace),
    /// A place of a treatment's Bundle.
    Treatment(TreatmentPlace),
}

/// Where a field stands in a FHIR R4 Appointment (wire-facts 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppointmentPlace {
    /// `participant[Patient].actor`; `subject` where the EHR speaks R5
    Patient,
    /// `start`; `end` moves with it
    Start,
    /// `minutesDuration`, and with it `end`
    Duration,
    /// `participant[PPRF].actor`
    Clinician,
    /// `serviceType[0]`, and a hint in `appointmentType`
    ServiceType,
    /// `reasonCode[0]`
    Reason,
    /// `status`
    Status,
}

/// Where a field stands in the Bundle of a treatment (wire-facts 3.3 to 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreatmentPlace {
    /// `Encounter.subject`, and the subject of everything else
    Patient,
    /// `Encounter.period.start`
    Start,
    /// `Encounter.participant.individual`
    Clinician,
    /// One `Condition` each
    Diagnoses,
    /// One `Procedure` each
    Procedures,
    /// One `MedicationRequest` each
    Medications,
    /// The note extension of the Encounter
    Notes,
}

/// When one remote changed a field since the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OneSideRule {
    /// Take the change (grade 1).
    Take,
    /// Take it where the field was blank, else ask two persons (grade 4): species, microchip.
    TakeIfBlankElseAskTwo,
    /// Take intact or unknown to neutered; a changed sex or a reversal is asked (grade 3).
    TakeNeutering,
    /// Take additions; a removal or rewording is asked (grade 4).
    TakeAdditions,
    /// Take ServiceNow's; the EHR's is asked (grade 3).
    TakeServiceNow,
    /// Always ask (grade 3).
    Ask,
}

/// When both remotes changed a field since the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BothSidesRule {
    /// Ask one person (grade 3).
    Ask,
    /// Ask two persons (grade 4).
    AskTwo,
    /// The finer date where one refines the other (grade 2), else ask.
    FinerDate,
    /// Suggest the union, ask (grade 3).
    SuggestUnion,
    /// Line-wise three-way merge where it is clean (grade 2), else ask.
    MergeLines,
    /// The status further along the life cycle (grade 2); ask where the two contradict each other.
    FurtherAlong,
}

/// Who decides a grade 3 difference of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldOwner {
    /// Demographic and appointment fields.
    FrontDesk,
    /// Clinical fields.
    Clinician,
}

impl Catalogue {
    /// The position of the field of that name.
    pub fn index_of(&self, id: &str) -> Option<FieldIx> {
        self.fields.iter().position(|field| field.id == id).and_then(|at| u16::try_from(at).ok()).map(FieldIx)
    }

    /// The row of a field.
    pub fn spec(&self, field: FieldIx) -> Option<&FieldSpec> {
        self.fields.get(usize::from(field.0))
    }

    /// Every position with its row.
    pub fn iter(&self) -> impl Iterator<Item = (FieldIx, &FieldSpec)> {
        self.fields.iter().enumerate().filter_map(|(at, spec)| Some((FieldIx(u16::try_from(at).ok()?), spec)))
    }
}
