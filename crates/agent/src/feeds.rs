//! The clinicians' calendars for other programs (specification, "Calendar updates in both systems"), and their addresses.

use crate::options::Options;
use crate::problem::StartError;
use crate::{data_dir, open_secrets};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use console_api::Console;
use receiver::feeds::{self, Feeds};
use receiver::signature::SigningKey;
use secrecy::ExposeSecret as _;
use secrets::{Secret, SecretStore};
use settings::{Settings, secret_names};
use std::sync::Arc;

/// Reads the key and the calendar each time somebody asks: a replaced key counts at once.
pub(crate) struct Calendars {
    pub(crate) console: Arc<Console>,
    pub(crate) secrets: Arc<dyn SecretStore>,
    /// As the staff table names them.
    pub(crate) clinicians: Vec<String>,
}

#[async_trait::async_trait]
impl Feeds for Calendars {
    async fn calendar(&self, address: &str) -> Option<String> {
        let key = key(&*self.secrets).await.ok().flatten()?;
        let clinician = feeds::whose(&key, &self.clinicians, address)?;
        let made = self.console.feed(clinician).await;
        if made.is_err() {
            tracing::warn!("feeds.not_made");
        }
        made.ok()
    }
}

/// The staff by name, each once.
pub(crate) fn clinicians(settings: &Settings) -> Vec<String> {
    let mut names: Vec<String> = settings.staff.iter().map(|member| member.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

async fn key(secrets: &dyn SecretStore) -> Result<Option<SigningKey>, StartError> {
    let Some(kept) = secrets.get(secret_names::CALENDARS_KEY).await? else { return Ok(None) };
    Ok(std::str::from_utf8(kept.expose_secret()).ok().and_then(|text| SigningKey::parse(text).ok()))
}

/// Each clinician with the path of their calendar below the receiver's address. Makes the key where there is none, and with
/// `anew` another one, after which no earlier address leads anywhere.
///
/// # Errors
/// Settings or secrets cannot be read, or nothing random is to be had.
pub async fn feed_paths(options: &Options, anew: bool) -> Result<Vec<(String, String)>, StartError> {
    let path = options.config_path();
    if !path.exists() {
        return Err(StartError::NoSettings { path });
    }
    let settings = Settings::load(&path)?;
    let secrets = open_secrets(&settings, &data_dir(options, &settings)).await?;
    let key = match key(&*secrets).await?.filter(|_| !anew) {
        Some(key) => key,
        None => made(&*secrets).await?,
    };
    let named = |name: String| {
        let path = feeds::path(&key, &name);
        (name, path)
    };
    Ok(clinicians(&settings).into_iter().map(named).collect())
}

async fn made(secrets: &dyn SecretStore) -> Result<SigningKey, StartError> {
    let mut bytes = [0_u8; 32];
    let unusable =
        || StartError::Incomplete { missing: "no random numbers are to be had on this system".to_owned() };
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| unusable())?;
    let text = format!("whsec_{}", STANDARD.encode(bytes));
    let key = SigningKey::parse(&text).map_err(|_| unusable())?;
    secrets.set(secret_names::CALENDARS_KEY, &Secret::from(text.into_bytes())).await?;
    Ok(key)
}
