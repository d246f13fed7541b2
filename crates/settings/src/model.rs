//! The sections of the file and their keys. The documentation of each key is its description in the schema.

mod billing;
mod matching;
mod mid_server;
mod visits;

pub use billing::{BILL_FIELDS, Billing, TreatmentArchive};
pub use matching::{Matching, MatchingWeights};
pub use mid_server::{EhrRoute, MidServer};
pub use visits::{AppointmentStatusWord, Appointments, Compliance, StaffMember, TreatmentBundle, Treatments};

use crate::sync_frequency::SyncFrequency;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// The settings of VetSync. Secrets never stand here: `vetsync secret set NAME` puts them into the keyring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "VetSync settings")]
pub struct Settings {
    /// Base address of the EHR; the same as `ehr.base_url` (specification, "Environment Settings").
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://ehr.mainstreetvet.com/api/v1")]
    pub ehr_api_base_url: Option<String>,
    /// OAuth client of VetSync at the EHR; the same as `ehr.client_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"servicenow_integration", length(min = 1))]
    pub oauth_client_id: Option<String>,
    /// How often the remotes are asked what changed: `real-time` (every 15 s), an interval such as `5m` (from `5s` to `24h`),
    /// `scheduled` (only at the times of the schedule) or `on-demand` (only when a person asks).
    /// With `scheduled` only the reconciliation and the batch run by themselves, with `on-demand` nothing does.
    pub sync_frequency: SyncFrequency,
    /// When everything is compared as a scheduled batch: five cron fields, in the time zone of
    /// `schedule.batch_time_zone`. At the time of the daily reconciliation it is the same run.
    #[schemars(example = &"0 2 * * *")]
    pub batch_schedule: String,
    /// Tries of one operation in all, the first included; the pauses between them are 1, 2, 4 and 8 seconds.
    #[schemars(range(min = 1, max = 10), example = 5)]
    pub retry_attempts: u8,
    /// Seconds after which a request counts as unanswered.
    #[schemars(range(min = 1, max = 300), example = 30)]
    pub timeout_seconds: u16,
    /// The hospital.
    pub hospital: Hospital,
    /// What runs by itself at a time of day.
    pub schedule: Schedule,
    /// Messages that the remotes send by themselves.
    pub webhooks: Webhooks,
    /// The connection to ServiceNow.
    pub servicenow: ServiceNow,
    /// The connection to the EHR.
    pub ehr: Ehr,
    /// The MID Server that carries requests to the EHR, or is watched only.
    pub mid_server: MidServer,
    /// Who treats animals here, under the keys of both systems; clinicians of appointments and treatments are told by it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub staff: Vec<StaffMember>,
    /// Who works with VetSync, and in which role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Person>,
    /// The operator console.
    pub console: Console,
    /// Where data and secrets are kept.
    pub storage: Storage,
    /// When a run stops and asks because it would change too much at once.
    pub brake: Brake,
    /// Who is taken for the same animal.
    pub matching: Matching,
    /// How the hospital writes things.
    pub conventions: Conventions,
    /// Further mapped attributes of the patient, beyond the specification's table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomField>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            ehr_api_base_url: None,
            oauth_client_id: None,
            sync_frequency: SyncFrequency::RealTime,
            batch_schedule: "0 2 * * *".to_owned(),
            retry_attempts: 5,
            timeout_seconds: 30,
            hospital: Hospital::default(),
            schedule: Schedule::default(),
            webhooks: Webhooks::default(),
            servicenow: ServiceNow::default(),
            ehr: Ehr::default(),
            mid_server: MidServer::default(),
            staff: Vec::new(),
            people: Vec::new(),
            console: Console::default(),
            storage: Storage::default(),
            brake: Brake::default(),
            matching: Matching::default(),
            conventions: Conventions::default(),
            custom_fields: Vec::new(),
        }
    }
}

/// The hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hospital {
    /// Its name, as the window and the reports show it.
    #[schemars(example = &"Main Street Veterinary Hospital")]
    pub name: String,
    /// Its time zone, an IANA name; without it the computer's own zone counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"America/Chicago")]
    pub time_zone: Option<String>,
    /// Region of telephone numbers without a country code, ISO 3166-1 alpha-2 in capitals.
    #[schemars(example = &"US")]
    pub phone_region: String,
}

impl Default for Hospital {
    fn default() -> Self {
        Hospital { name: "Veterinary hospital".to_owned(), time_zone: None, phone_region: "US".to_owned() }
    }
}

/// Messages that the remotes send by themselves (Standard Webhooks signatures). Received by a window and `vetsync serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Address and port to listen on; nothing is received where left out. ServiceNow sends to `/webhooks/servicenow`,
    /// the EHR to `/webhooks/ehr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"0.0.0.0:8443")]
    pub listen: Option<String>,
    /// PEM file with the receiver's certificate chain; its key is the secret `webhooks.private_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/vetsync/receiver.pem")]
    pub certificate_file: Option<PathBuf>,
    /// Lowest TLS version that senders may use; the specification asks for 1.3.
    pub tls_minimum: TlsMinimum,
    /// Seconds by which a message's timestamp may differ from this computer's clock.
    #[schemars(range(min = 30, max = 3600), example = 300)]
    pub replay_window_seconds: u16,
    /// Longest message, in kilobytes.
    #[schemars(range(min = 1, max = 1024), example = 64)]
    pub body_kilobytes_max: u32,
    /// Most messages in a minute, of each sender.
    #[schemars(range(min = 1, max = 60_000), example = 600)]
    pub messages_per_minute: u32,
    /// Also serve each clinician's calendar, for reading, at addresses that `vetsync appointments feeds` tells. Whoever knows
    /// an address reads names of patients and times.
    pub calendars: bool,
}

impl Default for Webhooks {
    fn default() -> Self {
        Webhooks {
            listen: None,
            certificate_file: None,
            tls_minimum: TlsMinimum::Tls13,
            replay_window_seconds: 300,
            calendars: false,
            body_kilobytes_max: 64,
            messages_per_minute: 600,
        }
    }
}

/// What runs by itself at a time of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Whether everything is compared and settled once on every date of the hospital (specification, "Daily
    /// Reconciliation").
    pub reconciliation: bool,
    /// When, on the hospital's clock: hours and minutes. Where the clock jumps over that time, right after the jump; where
    /// it shows it twice, the first time.
    #[schemars(example = &"02:00")]
    pub reconciliation_at: String,
    /// Time zone of `batch_schedule`, an IANA name; the hospital's where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"America/Chicago")]
    pub batch_time_zone: Option<String>,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule { reconciliation: true, reconciliation_at: "02:00".to_owned(), batch_time_zone: None }
    }
}

/// The connection to ServiceNow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceNow {
    /// Address of the instance, without a path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://mainstreetvet.service-now.com")]
    pub base_url: Option<String>,
    /// Table of the patients.
    #[schemars(example = &"u_patient_record")]
    pub patient_table: String,
    /// Column names that differ from the usual ones, by field: `patient_name = "u_pet_name"`. Without an entry
    /// `u_<field>` and `<field>` are tried.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, String>,
    /// Column that holds the EHR's id of the patient; it should be unique and indexed.
    #[schemars(example = &"u_ehr_id")]
    pub ehr_id_column: String,
    /// Column that says whether the patient is active, if the table has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"u_active")]
    pub active_column: Option<String>,
    /// Column that says whether the patient is dead, if the table has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"u_deceased")]
    pub deceased_column: Option<String>,
    /// How VetSync signs in.
    pub sign_in: SignIn,
    /// OAuth client id of VetSync at the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"b7d1f3c05c2a4e0fb5a3f6d5c1f0e9aa", length(min = 1))]
    pub client_id: Option<String>,
    /// `jwt_bearer`: the user VetSync works as, in the form the instance's user field wants (often the e-mail).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"vetsync@mainstreetvet.com", length(min = 1))]
    pub subject: Option<String>,
    /// `jwt_bearer`: the `aud` of the signed JWT. The client id where left out; newer instances want the token
    /// endpoint's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub audience: Option<String>,
    /// `jwt_bearer`: the `kid` of the signed JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub key_id: Option<String>,
    /// `jwt_bearer`: how the JWT is signed.
    pub algorithm: Algorithm,
    /// Rows asked for at a time; 200 to 1000 serve well.
    #[schemars(range(min = 1, max = 10_000), example = 500)]
    pub page_size: u32,
    /// PEM file with the certificate authorities to trust, where the instance's is not a public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/vetsync/servicenow-ca.pem")]
    pub ca_file: Option<PathBuf>,
    /// Lowest TLS version; the specification asks for 1.3.
    pub tls_minimum: TlsMinimum,
    /// Most requests in a minute.
    #[schemars(range(min = 1, max = 60_000), example = 600)]
    pub requests_per_minute: u32,
    /// Appointments.
    pub appointments: Appointments,
    /// Treatments.
    pub treatments: Treatments,
    /// Bills of treatments.
    pub billing: Billing,
}

impl Default for ServiceNow {
    fn default() -> Self {
        ServiceNow {
            base_url: None,
            patient_table: "u_patient_record".to_owned(),
            columns: BTreeMap::new(),
            ehr_id_column: "u_ehr_id".to_owned(),
            active_column: None,
            deceased_column: None,
            sign_in: SignIn::JwtBearer,
            client_id: None,
            subject: None,
            audience: None,
            key_id: None,
            algorithm: Algorithm::Rs256,
            page_size: 500,
            ca_file: None,
            tls_minimum: TlsMinimum::Tls13,
            requests_per_minute: 600,
            appointments: Appointments::default(),
            treatments: Treatments::default(),
            billing: Billing::default(),
        }
    }
}

/// How VetSync signs in to ServiceNow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// A signed JWT is exchanged for a token (RFC 7523 grant).
    #[default]
    JwtBearer,
    /// Client id and secret; off by default on instances configured the classic way.
    ClientCredentials,
}

/// Signature algorithm of a JWT (RFC 7518).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    #[default]
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
}

/// Signature algorithm of the client assertion (SMART Backend Services).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names say it")]
pub enum EhrAlgorithm {
    #[default]
    Rs384,
    Es384,
}

/// Lowest TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum TlsMinimum {
    /// TLS 1.3, as the specification asks.
    #[default]
    #[serde(rename = "1.3")]
    Tls13,
    /// TLS 1.2, for a remote that has nothing newer; `vetsync doctor` warns about it.
    #[serde(rename = "1.2")]
    Tls12,
}

/// The connection to the EHR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ehr {
    /// Base address; `/patients` is appended to it. The same as the top-level `ehr_api_base_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://ehr.mainstreetvet.com/api/v1")]
    pub base_url: Option<String>,
    /// How requests reach it: `direct`, or `mid-server` where only a MID Server of the instance stands in its network; then
    /// `mid_server.name` is needed.
    pub route: EhrRoute,
    /// Token endpoint; without it, it is looked up at `<base_url>/.well-known/smart-configuration`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://ehr.mainstreetvet.com/oauth/token")]
    pub token_url: Option<String>,
    /// OAuth client id of VetSync. The same as the top-level `oauth_client_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"servicenow_integration", length(min = 1))]
    pub client_id: Option<String>,
    /// How the client assertion is signed.
    pub algorithm: EhrAlgorithm,
    /// The `kid` of the client assertion, as registered at the EHR.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"vetsync-2026", length(min = 1))]
    pub key_id: Option<String>,
    /// Scopes asked for, separated by blanks (SMART v2). What appointments and treatments need is added when they are
    /// synchronised, for every type of resource that is not named here.
    #[schemars(example = &"system/Patient.crus system/AllergyIntolerance.crus")]
    pub scope: String,
    /// What this EHR can do; each ability that it lacks is switched off here.
    pub dialect: Dialect,
    /// Identifier system written for microchips. There is no official one, so the default is VetSync's own.
    #[schemars(length(min = 1))]
    pub microchip_system: String,
    /// Further identifier systems that are read as microchips.
    #[schemars(example = icar_systems())]
    pub microchip_systems_read: Vec<String>,
    /// Identifier system under which the EHR keeps the ServiceNow row's `sys_id`; derived from the instance's
    /// address and the table where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub servicenow_identifier_system: Option<String>,
    /// Extension that carries the medical notes.
    #[schemars(length(min = 1))]
    pub note_extension_url: String,
    /// Patients asked for at a time.
    #[schemars(range(min = 1, max = 1000), example = 200)]
    pub page_size: u32,
    /// PEM file with the certificate authorities to trust, where the EHR's is not a public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/vetsync/ehr-ca.pem")]
    pub ca_file: Option<PathBuf>,
    /// Lowest TLS version; the specification asks for 1.3.
    pub tls_minimum: TlsMinimum,
    /// Most requests in a minute.
    #[schemars(range(min = 1, max = 60_000), example = 600)]
    pub requests_per_minute: u32,
}

impl Default for Ehr {
    fn default() -> Self {
        Ehr {
            base_url: None,
            route: EhrRoute::Direct,
            token_url: None,
            client_id: None,
            algorithm: EhrAlgorithm::Rs384,
            key_id: None,
            scope: "system/Patient.crus system/AllergyIntolerance.crus".to_owned(),
            dialect: Dialect::default(),
            microchip_system: "https://vetsync.example/fhir/identifier/microchip".to_owned(),
            microchip_systems_read: Vec::new(),
            servicenow_identifier_system: None,
            note_extension_url: "http://hl7.org/fhir/StructureDefinition/note".to_owned(),
            page_size: 200,
            ca_file: None,
            tls_minimum: TlsMinimum::Tls13,
            requests_per_minute: 600,
        }
    }
}

/// What the EHR's interface can do. Everything is on by default; VetSync does without what is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Dialect {
    /// `ETag` on reads and `If-Match` on writes (412 when it moved).
    pub etag: bool,
    /// `If-None-Exist` on creates.
    pub if_none_exist: bool,
    /// Lists by `_lastUpdated=ge…`.
    pub last_updated: bool,
    /// Lists by `identifier=system|value`.
    pub identifier_search: bool,
    /// Lists are a `Bundle` of type searchset with `link[next]`; else a bare JSON array.
    pub searchset: bool,
    /// A patient travels with its allergies as one `collection` Bundle on write; else as single resources.
    pub patient_bundle: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            etag: true,
            if_none_exist: true,
            last_updated: true,
            identifier_search: true,
            searchset: true,
            patient_bundle: true,
        }
    }
}

/// Somebody who works with VetSync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Short, unique and never used again for somebody else: it stands in the audit log.
    #[schemars(length(min = 1), example = &"jdoe")]
    pub id: String,
    /// The name that others read.
    #[schemars(length(min = 1), example = &"Jamie Doe")]
    pub name: String,
    /// What this person may see and do.
    pub role: Role,
    /// The operating system's user that is this person; without it anybody whose account is nobody's
    /// may name this person with `--person`. It is the desktop account that counts, there is no further password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"jdoe")]
    pub os_user: Option<String>,
}

/// What a person may see and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Decides demographic and appointment fields and duplicates.
    FrontDesk,
    /// Verifies patients and decides clinical fields.
    Clinician,
    /// Looks after queue, connections and incidents.
    It,
    /// Everything, and the second person's approval.
    Admin,
    /// Audit log, reports and receipts.
    Auditor,
}

/// The operator console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    /// What a grade 4 decision needs besides its maker.
    pub second_person: SecondPerson,
    /// Written by the demo: people may be switched, so that one visitor can try every role. Never set this for real
    /// systems; it is refused unless both addresses are on this computer.
    pub sample_data: bool,
}

/// What a grade 4 decision needs besides its maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondPerson {
    /// The approval of another person.
    #[default]
    Required,
    /// A confirmation with a typed reason, for a hospital with one person at the desk; it is recorded.
    TypedReason,
}

/// Where data and secrets are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Folder of the database; without it, the user's data folder of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/var/lib/vetsync")]
    pub data_dir: Option<PathBuf>,
    /// Where the secrets are kept.
    pub secrets: SecretPlace,
}

/// Where the secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// Credentials that systemd passes to a service, where it does; else the keyring.
    #[default]
    Auto,
    /// The operating system's keyring only.
    Keyring,
    /// A file that only its owner can read (mode 0600), for servers without a keyring.
    File,
}

/// When a run stops and asks because it would change too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Brake {
    /// Share of all patients, in percent.
    #[schemars(range(min = 1, max = 100), example = 20)]
    pub share_percent: u8,
    /// Number of patients; whichever of the two is reached first.
    #[schemars(range(min = 1, max = 1_000_000), example = 500)]
    pub records: u32,
}

impl Default for Brake {
    fn default() -> Self {
        Brake { share_percent: 20, records: 500 }
    }
}

/// How the hospital writes things, beyond what VetSync knows by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Conventions {
    /// Terms for sex and neuter status: `MN = { sex = "male", neuter = "neutered" }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sex_terms: BTreeMap<String, SexTerm>,
    /// Names for species: `pooch = "dog"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub species_names: BTreeMap<String, String>,
    /// Names for breeds, with their SNOMED CT code: `"golden" = "58108001"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub breed_names: BTreeMap<String, String>,
    /// Names for types of appointments, with the type they mean: `"nail trim" = "grooming"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub appointment_types: BTreeMap<String, String>,
    /// What ServiceNow's terms for an appointment's status mean: `"at reception" = "arrived"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub appointment_statuses: BTreeMap<String, AppointmentStatusWord>,
    /// The terms written to ServiceNow, by FHIR's status, where they are not the usual ones: `booked = "confirmed"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub appointment_statuses_written: BTreeMap<String, String>,
}

/// What a term for sex and neuter status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SexTerm {
    /// Biological sex.
    pub sex: SexWord,
    /// Spayed, castrated or neither.
    #[serde(default)]
    pub neuter: NeuterWord,
}

/// Biological sex (FHIR R4 administrative-gender).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum SexWord {
    Male,
    Female,
    Other,
    Unknown,
}

/// Neuter status (FHIR R4 animal-genderstatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum NeuterWord {
    Neutered,
    Intact,
    #[default]
    Unknown,
}

/// A further mapped attribute of the patient: a column, a FHIR extension, a type and rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomField {
    /// Stable name in lower case, digits and `_`.
    #[schemars(length(min = 1), example = &"weight")]
    pub id: String,
    /// What people read.
    #[schemars(length(min = 1), example = &"Weight")]
    pub label: String,
    /// How the value is typed.
    #[serde(rename = "type")]
    pub value_type: CustomFieldType,
    /// `quantity` only: UCUM unit of a number that stands in the column without one (`kg`, `[lb_av]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"[lb_av]")]
    pub default_unit: Option<String>,
    /// `quantity` only: the smallest plausible amount, in `default_unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.01)]
    pub min: Option<serde_json::Number>,
    /// `quantity` only: the largest plausible amount, in `default_unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 3000)]
    pub max: Option<serde_json::Number>,
    /// Column of the ServiceNow table; with and without `u_` are tried. The id where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"weight")]
    pub column: Option<String>,
    /// URL of the extension of the FHIR Patient that carries it.
    #[schemars(length(min = 1), example = &"https://vetsync.example/fhir/StructureDefinition/weight")]
    pub extension_url: String,
    /// Which way it flows.
    #[serde(default)]
    pub direction: CustomFieldDirection,
    /// What happens when one system changed it since both agreed; chosen to fit the type where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_side: Option<OneSide>,
    /// What happens when both did; chosen to fit the type where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub both_sides: Option<BothSides>,
    /// Fields of one group move together or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"insurance")]
    pub group: Option<String>,
    /// Whose work it is to decide.
    #[serde(default)]
    pub owner: CustomFieldOwner,
    /// Whether it identifies the animal, so that a changed value always needs two persons.
    #[serde(default)]
    pub identity: bool,
}

/// The type of a custom field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustomFieldType {
    /// One line of text.
    Text,
    /// Text of several lines.
    LongText,
    /// A name of a person or an animal.
    Name,
    /// A date; month and day may be unknown.
    Date,
    /// An amount with a unit.
    Quantity,
    /// A term, with codes where the source has them.
    Coded,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A set of items, compared without regard to order.
    Substances,
}

/// Which way a custom field flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustomFieldDirection {
    /// Both ways.
    #[default]
    Both,
    /// ServiceNow is the source; an edit in the EHR is asked about.
    ServiceNowToEhr,
}

/// What happens when one system changed a custom field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OneSide {
    /// The change is taken.
    Take,
    /// Taken where the field was blank, else two persons are asked.
    TakeIfBlankElseAskTwo,
    /// `substances`: additions are taken, a removal needs two persons.
    TakeAdditions,
    /// ServiceNow's change is taken, the EHR's is asked about.
    TakeServiceNow,
    /// A person is asked.
    Ask,
}

/// What happens when both systems changed a custom field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BothSides {
    /// A person is asked.
    Ask,
    /// Two different persons are asked.
    AskTwo,
    /// `date`: the finer one is taken where one refines the other, else a person is asked.
    FinerDate,
    /// `substances`: the union is suggested, and a person is asked.
    SuggestUnion,
    /// `long_text`: merged line by line where that is clean, else a person is asked.
    MergeLines,
}

/// Whose work it is to decide a custom field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustomFieldOwner {
    /// The front desk.
    #[default]
    FrontDesk,
    /// Clinicians.
    Clinician,
}

/// Example of [`Ehr::microchip_systems_read`].
fn icar_systems() -> [&'static str; 1] {
    ["http://icar.org/microchip"]
}
