//! `vetsync secret`: secrets go into the keyring, never into the settings.

use crate::exit::Failure;
use crate::{Outcome, output};
use agent::{Options, data_dir, open_secrets};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use secrets::Secret as SecretBytes;
use settings::{Settings, secret_names};
use std::io::Read as _;
use std::process::ExitCode;

/// `vetsync secret`
#[derive(Debug, Args)]
pub struct Secret {
    #[command(subcommand)]
    verb: SecretVerb,
}

#[derive(Debug, Subcommand)]
enum SecretVerb {
    /// Store a secret read from standard input or a file (never from the command line, where others could see it).
    Set {
        /// servicenow.client_secret, servicenow.private_key or ehr.private_key
        name: String,
        /// Read it from this file.
        #[arg(long, value_name = "FILE")]
        file: Option<std::path::PathBuf>,
    },
    /// Which secrets are needed, and which are stored.
    List,
    /// Remove a secret.
    Remove {
        /// Its name.
        name: String,
    },
}

fn known(name: &str) -> Result<(), Failure> {
    if secret_names::ALL.contains(&name) {
        return Ok(());
    }
    Err(Failure {
        code: 2,
        ..Failure::new(
            format!("There is no secret named {name:?}."),
            format!("Known are: {}.", secret_names::ALL.join(", ")),
        )
    })
}

/// Runs the verb.
pub async fn secret(options: Options, secret: Secret, json: bool) -> Outcome {
    let path = options.config_path();
    if !path.exists() {
        return Err(agent::StartError::NoSettings { path }.into());
    }
    let settings = Settings::load(&path).map_err(agent::StartError::from)?;
    let store = open_secrets(&settings, &data_dir(&options, &settings)).await?;
    match secret.verb {
        SecretVerb::Set { name, file } => {
            known(&name)?;
            let text = match file {
                Some(file) => std::fs::read_to_string(&file)
                    .with_context(|| format!("{} cannot be read", file.display()))?,
                None => {
                    let mut text = String::new();
                    std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
                    text
                }
            };
            let trimmed = text.trim_end_matches(['\n', '\r']);
            if trimmed.is_empty() {
                return Err(Failure {
                    code: 2,
                    ..Failure::new("The secret is empty.", "Give it on standard input or with --file.")
                });
            }
            store
                .set(&name, &SecretBytes::from(trimmed.as_bytes().to_vec()))
                .await
                .map_err(agent::StartError::from)?;
            eprintln!("{name} is stored in {}", store.describe());
        }
        SecretVerb::List => {
            let needed = settings.needed_secrets();
            let mut rows = Vec::new();
            for name in secret_names::ALL {
                let stored = store.get(name).await.map_err(agent::StartError::from)?.is_some();
                rows.push((name, needed.contains(&name), stored));
            }
            if json {
                let list: Vec<_> = rows
                    .iter()
                    .map(|(name, needed, stored)| serde_json::json!({ "name": name, "needed": needed, "stored": stored }))
                    .collect();
                output::json(&serde_json::json!({ "place": store.describe(), "secrets": list }))?;
            } else {
                let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
                let rows: Vec<Vec<String>> = rows
                    .into_iter()
                    .map(|(name, needed, stored)| vec![name.to_owned(), yes(needed), yes(stored)])
                    .collect();
                output::table(&["NAME", "NEEDED", "STORED"], &rows);
            }
        }
        SecretVerb::Remove { name } => {
            known(&name)?;
            store.delete(&name).await.map_err(agent::StartError::from)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
