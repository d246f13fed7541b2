//! What can be wrong at start.

use console_api::dto::{ApiError, ErrorCode};
use std::path::PathBuf;

/// A start that did not succeed; nothing was changed or lost.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no settings file yet.
    #[error("there is no settings file at {path}")]
    NoSettings {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The settings are wrong: file, line, key, what is expected.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// Settings that are still missing.
    #[error("the settings are not complete: {missing}")]
    Incomplete {
        /// Which, with the way out.
        missing: String,
    },
    /// The keyring, or a secret in it.
    #[error(transparent)]
    Secrets(#[from] secrets::SecretError),
    /// A secret that is not there.
    #[error("the secret {name} is not stored in {place}")]
    NoSecret {
        /// Its name.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// A secret that should be text and is not.
    #[error("the secret {name} in {place} is not text")]
    NotText {
        /// Its name.
        name: String,
        /// Where it stands.
        place: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The data folder.
    #[error("the data folder {path} cannot be used: {problem}")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        problem: String,
    },
    /// A connection's settings.
    #[error("{remote}: {problem}")]
    Connection {
        /// Which remote.
        remote: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The fee schedule.
    #[error("the fee schedule {path}: {problem}")]
    Fees {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and column.
        problem: crate::fees::FeesError,
    },
    /// Nobody of the configured people sits here.
    #[error("nobody in [[people]] is this computer's user {user:?}")]
    NobodyHere {
        /// The account.
        user: String,
    },
    /// This account may not act as the person that was asked for.
    #[error("this computer's user {user:?} cannot act as {person:?}: the settings name another account")]
    SomebodyElse {
        /// Who was asked for (`people.id`).
        person: String,
        /// The account.
        user: String,
    },
    /// The process that owns the database is there and says nothing.
    #[error("the VetSync that holds the database (process {process}) does not answer")]
    OwnerSilent {
        /// Its number, as the operating system counts processes.
        process: u32,
    },
    /// The process that owns the database does not let this one in.
    #[error("{}", .0.message.trim_end_matches('.'))]
    OwnerRefused(ApiError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
}

impl StartError {
    /// What to do about it.
    pub fn way_out(&self) -> String {
        match self {
            StartError::NoSettings { .. } => {
                "Copy docs/vetsync.sample.toml there and fill it in, or try the sample data with `cargo xtask demo`.".to_owned()
            }
            StartError::Settings(_) => "Correct the settings file as said, then try again.".to_owned(),
            StartError::Incomplete { .. } => "Add what is missing to the settings file, then try again.".to_owned(),
            StartError::Secrets(error) => {
                // The text ends with its way out.
                error.to_string().split_once(": ").map_or_else(String::new, |(_, way_out)| way_out.to_owned())
            }
            StartError::NoSecret { name, .. } | StartError::NotText { name, .. } => format!("Store it once with `vetsync secret set {name}`, then try again."),
            StartError::Store(error) => console_api::store_advice(error).way_out,
            StartError::DataDir { .. } => {
                "Make the folder writable for this account, or choose another one with storage.data_dir.".to_owned()
            }
            StartError::Connection { .. } => "Correct this connection in the settings file, then run `vetsync doctor`.".to_owned(),
            StartError::Fees { problem, .. } => problem.way_out.clone(),
            StartError::NobodyHere { .. } => {
                "Add a [[people]] entry with this os_user and a role, or name with --person somebody there who has no os_user.".to_owned()
            }
            StartError::SomebodyElse { .. } => {
                "Log in to this computer with that person's own account, or leave --person and VETSYNC_PERSON out.".to_owned()
            }
            StartError::OwnerSilent { process } => format!(
                "Wait a moment and try again; if it stays, end process {process}. Nothing is lost: what was under way is taken up again."
            ),
            StartError::OwnerRefused(error) => error.way_out.clone(),
            StartError::Engine(_) => "Run `vetsync doctor`; nothing is lost.".to_owned(),
        }
    }

    /// Exit code of the command line, documented in `vetsync --help`.
    pub const fn exit_code(&self) -> u8 {
        match self {
            StartError::OwnerRefused(ApiError { code: ErrorCode::NotAllowed, .. })
            | StartError::SomebodyElse { .. } => 8,
            StartError::NoSettings { .. }
            | StartError::Settings(_)
            | StartError::Incomplete { .. }
            | StartError::Connection { .. }
            | StartError::Fees { .. }
            | StartError::NobodyHere { .. }
            | StartError::OwnerRefused(_) => 3,
            StartError::Secrets(_) | StartError::NoSecret { .. } | StartError::NotText { .. } => 4,
            StartError::Store(_) | StartError::DataDir { .. } | StartError::OwnerSilent { .. } => 5,
            StartError::Engine(_) => 1,
        }
    }
}

impl StartError {
    /// Which part of the start it is: what the start screen takes its heading from.
    const fn part(&self) -> Option<&'static str> {
        use secrets::SecretError as Secret;
        match self {
            StartError::Secrets(Secret::KeyMissing { .. } | Secret::BadKey { .. })
            | StartError::NoSecret { .. }
            | StartError::NotText { .. } => Some("secret"),
            StartError::Secrets(_) => Some("keyring"),
            StartError::Store(store::StoreError::WrongKey) => Some("database_key"),
            StartError::Store(store::StoreError::DiskFull) => Some("disk"),
            StartError::Store(store::StoreError::Locked | store::StoreError::Owned)
            | StartError::OwnerSilent { .. } => Some("database"),
            StartError::NoSettings { .. }
            | StartError::Settings(_)
            | StartError::Incomplete { .. }
            | StartError::Connection { .. }
            | StartError::Fees { .. }
            | StartError::NobodyHere { .. }
            | StartError::OwnerRefused(_)
            | StartError::SomebodyElse { .. } => Some("configuration"),
            StartError::Store(_) | StartError::DataDir { .. } | StartError::Engine(_) => None,
        }
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> ApiError {
        let code = match &error {
            StartError::Store(
                store::StoreError::WrongKey | store::StoreError::Locked | store::StoreError::Owned,
            )
            | StartError::OwnerSilent { .. } => ErrorCode::Locked,
            StartError::OwnerRefused(error) => error.code,
            StartError::Secrets(_) | StartError::NoSecret { .. } | StartError::NotText { .. } => {
                ErrorCode::Locked
            }
            StartError::SomebodyElse { .. } => ErrorCode::NotAllowed,
            StartError::NoSettings { .. }
            | StartError::Settings(_)
            | StartError::Incomplete { .. }
            | StartError::Connection { .. }
            | StartError::Fees { .. }
            | StartError::NobodyHere { .. } => ErrorCode::Invalid,
            StartError::Store(_) | StartError::DataDir { .. } | StartError::Engine(_) => ErrorCode::Internal,
        };
        let way_out = error.way_out();
        let field = error.part().map(str::to_owned);
        let mut message = match &error {
            StartError::Secrets(error) => {
                let text = error.to_string();
                text.split_once(": ").map_or_else(|| text.clone(), |(what, _)| what.to_owned())
            }
            error => error.to_string(),
        };
        if let Some(first) = message.chars().next() {
            message.replace_range(..first.len_utf8(), &first.to_uppercase().to_string());
        }
        ApiError { code, message, way_out, field }
    }
}
