//! The sample clinic: simulated remotes over TLS 1.3 on loopback, and settings and secrets that connect to them.

use crate::Outcome;
use anyhow::Context as _;
use clap::Args;
use simulator::{Options, Running, Simulation};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How large the sample clinic is, and which one.
#[derive(Debug, Clone, Args)]
pub struct Clinic {
    /// Animals in the sample clinic.
    #[arg(long, default_value_t = 500, value_name = "N")]
    pub patients: usize,
    /// Decides the clinic: the same seed gives the same clinic.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
}

/// `vetsync simulate`
#[derive(Debug, Args)]
pub struct Simulate {
    #[command(flatten)]
    clinic: Clinic,
    /// Also write settings and secrets into this folder, ready for `--config FOLDER/vetsync.toml`.
    #[arg(long, value_name = "FOLDER")]
    config_out: Option<PathBuf>,
}

/// Starts the remotes.
pub async fn start(clinic: &Clinic) -> anyhow::Result<Running> {
    let options = Options { seed: clinic.seed, patients: clinic.patients, ..Options::default() };
    Simulation::start(options).await.context("the simulated remotes did not start")
}

/// Writes the authority's certificate, the settings and the secrets; returns the settings file.
pub async fn write_config(running: &Running, folder: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    std::fs::write(folder.join("ca.pem"), &running.ca_pem)?;
    let data_dir = folder.join("data");
    let toml = toml_of(running, &data_dir);
    let path = folder.join("vetsync.toml");
    std::fs::write(&path, toml)?;
    let kept = secrets::open(&secrets::Choice::File(data_dir.join("secrets"))).await?;
    let credentials = &running.credentials;
    for (name, value) in [
        (settings::secret_names::SERVICENOW_CLIENT_SECRET, &credentials.servicenow.client_secret),
        (settings::secret_names::SERVICENOW_PRIVATE_KEY, &credentials.servicenow.private_key_pem),
        (settings::secret_names::EHR_PRIVATE_KEY, &credentials.ehr.es384_private_key_pem),
    ] {
        kept.set(name, &secrets::Secret::from(value.clone().into_bytes())).await?;
    }
    Ok(path)
}

fn toml_of(running: &Running, data_dir: &Path) -> String {
    let servicenow = &running.credentials.servicenow;
    let ehr = &running.credentials.ehr;
    format!(
        r#"# Written by `vetsync simulate`: connects to the simulated remotes of one run.
ehr_api_base_url = {ehr_url:?}
oauth_client_id = {ehr_client:?}

[hospital]
name = "Main Street Veterinary Hospital"
time_zone = "America/New_York"
phone_region = "US"

[servicenow]
base_url = {servicenow_url:?}
sign_in = "jwt_bearer"
client_id = {servicenow_client:?}
subject = {subject:?}
key_id = {servicenow_key:?}
algorithm = "RS256"
active_column = "u_active"
deceased_column = "u_deceased"
ca_file = "ca.pem"

[ehr]
token_url = {token_url:?}
algorithm = "ES384"
key_id = {ehr_key:?}
scope = {scope:?}
servicenow_identifier_system = {identifier_system:?}
ca_file = "ca.pem"

[storage]
data_dir = {data_dir:?}
secrets = "file"

[[people]]
id = "dana"
name = "Dana Reyes"
role = "admin"

[[people]]
id = "alex"
name = "Alex Kim"
role = "admin"

[[people]]
id = "robin"
name = "Robin Patel"
role = "front_desk"

[[people]]
id = "lee"
name = "Dr Lee"
role = "clinician"

[[people]]
id = "sam"
name = "Sam Okafor"
role = "it"

[[people]]
id = "ines"
name = "Ines Moreau"
role = "auditor"

[[custom_fields]]
id = "weight"
label = "Weight"
column = "weight"
extension_url = {weight_url:?}
type = "quantity"
default_unit = "kg"
"#,
        ehr_url = running.ehr_url,
        ehr_client = ehr.client_id,
        servicenow_url = running.servicenow_url,
        servicenow_client = servicenow.client_id,
        subject = servicenow.user_email,
        servicenow_key = servicenow.key_id,
        token_url = ehr.token_url,
        ehr_key = ehr.es384_key_id,
        scope = ehr.scope,
        identifier_system = simulator::clinic::SERVICENOW_SYSTEM,
        weight_url = "https://vetsync.example/fhir/StructureDefinition/weight",
        data_dir = data_dir.display().to_string(),
    )
}

/// Runs the remotes until Ctrl+C or a closed terminal.
pub async fn simulate(simulate: Simulate, _json: bool) -> Outcome {
    let running = start(&simulate.clinic).await?;
    let mut description = running.describe();
    if let (Some(folder), Some(object)) = (&simulate.config_out, description.as_object_mut()) {
        let config = write_config(&running, folder).await?;
        object.insert("config".to_owned(), config.display().to_string().into());
        object.insert("ca_file".to_owned(), folder.join("ca.pem").display().to_string().into());
    }
    println!("{description}");
    stopped().await;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Resolves when somebody asks us to end.
pub async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hangup)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    // Without a signal handler only the terminal can end us, and that ends the process anyway.
    let _ended = tokio::signal::ctrl_c().await;
}
