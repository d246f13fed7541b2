//! The configuration: one TOML file with a documented schema, or the specification's environment settings in JSON.
//!
//! No secret ever stands in it: a key or a value that looks like one is refused, and the message says where secrets
//! go (`vetsync secret set NAME`). A wrong file is refused as a whole, with every problem that can be found in one
//! reading: line, column, key, what is expected, and the way out.
//!
//! ```
//! use settings::{Format, Settings};
//!
//! let settings = Settings::parse("[hospital]\nname = \"Main Street\"\n", Format::Toml)?;
//! assert_eq!(settings.hospital.name, "Main Street");
//! assert_eq!(settings.batch_schedule, "0 2 * * *");
//! # Ok::<(), settings::SettingsError>(())
//! ```

mod address;
mod conversion;
mod document;
mod meaning;
pub mod model;
mod problem;
mod refusal;
mod shape;
mod sync_frequency;

pub use model::{
    Algorithm, AppointmentStatusWord, Appointments, BILL_FIELDS, Billing, Brake, Compliance, Console,
    Conventions, CustomField, CustomFieldType, Dialect, Ehr, EhrAlgorithm, EhrRoute, Hospital, MidServer,
    Person, Role, Schedule, SecondPerson, SecretPlace, ServiceNow, Settings, SexTerm, SignIn, StaffMember,
    Storage, TlsMinimum, TreatmentArchive, TreatmentBundle, Treatments, Webhooks,
};
pub use problem::{Place, Problem, SettingsError};
pub use sync_frequency::SyncFrequency;

use std::path::Path;

/// Names of the secrets, as `vetsync secret set NAME` takes them. They live in the operating system's keyring.
pub mod secret_names {
    /// The OAuth client's secret at ServiceNow; not needed by a public client with a signed JWT.
    pub const SERVICENOW_CLIENT_SECRET: &str = "servicenow.client_secret";
    /// The private key (PEM) that signs the JWT for ServiceNow.
    pub const SERVICENOW_PRIVATE_KEY: &str = "servicenow.private_key";
    /// The private key (PEM) that signs the client assertion for the EHR.
    pub const EHR_PRIVATE_KEY: &str = "ehr.private_key";
    /// The private key (PEM) of the receiver's certificate, `webhooks.certificate_file`.
    pub const WEBHOOKS_PRIVATE_KEY: &str = "webhooks.private_key";
    /// The keys that ServiceNow signs its messages with: `whsec_` and base64, several on lines of their own while one is
    /// replaced.
    pub const WEBHOOKS_SERVICENOW: &str = "webhooks.servicenow";
    /// The keys that the EHR signs its messages with, written alike.
    pub const WEBHOOKS_EHR: &str = "webhooks.ehr";
    /// The key that the addresses of the clinicians' calendars are made of, written alike; `vetsync appointments feeds`
    /// makes it.
    pub const CALENDARS_KEY: &str = "calendars.key";
    /// All of them.
    pub const ALL: [&str; 7] = [
        SERVICENOW_CLIENT_SECRET,
        SERVICENOW_PRIVATE_KEY,
        EHR_PRIVATE_KEY,
        WEBHOOKS_PRIVATE_KEY,
        WEBHOOKS_SERVICENOW,
        WEBHOOKS_EHR,
        CALENDARS_KEY,
    ];
}

/// How the text of a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOML, the usual one.
    Toml,
    /// JSON, as the specification's environment settings are written.
    Json,
}

impl Format {
    /// JSON where the file's name ends in `.json` or the text begins with `{`; else TOML.
    pub fn guess(path: &Path, text: &str) -> Format {
        let json_name = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if json_name || text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
            Format::Json
        } else {
            Format::Toml
        }
    }
}

impl Settings {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Settings, SettingsError> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| SettingsError::Unreadable {
            file: file.clone(),
            what: match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
                std::io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
                _ => error.to_string(),
            },
        })?;
        let text = String::from_utf8(bytes).map_err(|_| SettingsError::Unreadable {
            file: file.clone(),
            what: "it is not UTF-8 text; save it as UTF-8".to_owned(),
        })?;
        Settings::parse(&text, Format::guess(path, &text)).map_err(|error| error.in_file(&file))
    }

    /// Reads and checks a text. Problems carry lines and columns, but no file name.
    pub fn parse(text: &str, format: Format) -> Result<Settings, SettingsError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document = document::read(text, format)?;
        let mut problems = refusal::secrets_in(&document);
        let (plain, mut wrong) = shape::check(&document, Settings::schema_value());
        problems.append(&mut wrong);
        problems.extend(meaning::frequency(&plain, &document));
        if problems.is_empty() {
            match serde_json::from_value::<Settings>(plain) {
                Ok(mut settings) => {
                    problems = meaning::check(&settings, &document);
                    if problems.is_empty() {
                        settings.take_over_specification_keys();
                        return Ok(settings);
                    }
                }
                // The schema comes from the same types, so this is a value the schema cannot describe.
                Err(error) => problems.push(Problem {
                    place: None,
                    key: String::new(),
                    what: error.to_string(),
                    way_out: "Compare the file with docs/vetsync.sample.toml.".to_owned(),
                }),
            }
        }
        problems.sort_by_key(|problem| problem.place);
        Err(SettingsError::Wrong { file: None, problems })
    }

    /// The JSON Schema (draft 2020-12) of the file, as it stands in `docs/settings.schema.json`.
    pub fn schema() -> String {
        let mut text = serde_json::to_string_pretty(Settings::schema_value()).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The settings as TOML text that [`Settings::parse`] reads back alike.
    pub fn to_toml(&self) -> Result<String, SettingsError> {
        toml::to_string_pretty(self).map_err(|error| SettingsError::Unwritable { what: error.to_string() })
    }
}
