//! Settings and secrets for the sample clinic: what `vetsync simulate`, the demo and the tests start with.

use secrets::Secret;
use std::path::{Path, PathBuf};

/// How to reach two remotes and sign in there.
#[derive(Debug, Clone, Default)]
pub struct SampleConnections {
    /// The ServiceNow instance.
    pub servicenow_url: String,
    /// OAuth client id there.
    pub servicenow_client_id: String,
    /// OAuth client secret there.
    pub servicenow_client_secret: String,
    /// Whom assertions speak for.
    pub servicenow_subject: String,
    /// `kid` of the RS256 key.
    pub servicenow_key_id: String,
    /// RS256 private key, PKCS#8 PEM.
    pub servicenow_private_key_pem: String,
    /// Where the EHR's routes begin.
    pub ehr_url: String,
    /// Client id at the identity provider.
    pub ehr_client_id: String,
    /// The token endpoint.
    pub ehr_token_url: String,
    /// The scopes to ask for.
    pub ehr_scope: String,
    /// `kid` of the ES384 key.
    pub ehr_key_id: String,
    /// ES384 private key, PKCS#8 PEM.
    pub ehr_private_key_pem: String,
    /// Identifier system of ServiceNow's keys in the EHR.
    pub identifier_system: String,
    /// The certificate authority of both, in PEM.
    pub ca_pem: String,
    /// Clinicians whom both systems know. With any, appointments are synchronised too.
    pub staff: Vec<SampleClinician>,
    /// The MID Server that carries the EHR's requests; they go directly without one.
    pub mid_server: Option<String>,
    /// Changes are looked for all the time, and not only when somebody asks.
    pub real_time: bool,
}

/// Who a clinician is in either system.
#[derive(Debug, Clone)]
pub struct SampleClinician {
    /// What ServiceNow's column holds.
    pub servicenow_user: String,
    /// The EHR's reference.
    pub practitioner: String,
    /// The name people read.
    pub name: String,
}

/// Writes `ca.pem`, `vetsync.toml` and the secrets (as files, under `data`) into a folder; returns the settings file.
///
/// # Errors
/// A folder or file that cannot be written, a secret that cannot be kept.
pub async fn write_sample(connections: &SampleConnections, folder: &Path) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("ca.pem"), &connections.ca_pem)?;
    let data_dir = folder.join("data");
    let path = folder.join("vetsync.toml");
    std::fs::write(&path, settings_text(connections, &data_dir) + &staff_text(&connections.staff))?;
    let kept = secrets::open(&secrets::Choice::File(data_dir.join("secrets")))
        .await
        .map_err(std::io::Error::other)?;
    for (name, value) in [
        (settings::secret_names::SERVICENOW_CLIENT_SECRET, &connections.servicenow_client_secret),
        (settings::secret_names::SERVICENOW_PRIVATE_KEY, &connections.servicenow_private_key_pem),
        (settings::secret_names::EHR_PRIVATE_KEY, &connections.ehr_private_key_pem),
    ] {
        kept.set(name, &Secret::from(value.clone().into_bytes())).await.map_err(std::io::Error::other)?;
    }
    Ok(path)
}

fn staff_text(staff: &[SampleClinician]) -> String {
    if staff.is_empty() {
        return String::new();
    }
    let mut text = "\n[servicenow.appointments]\nsynchronise = true\n".to_owned();
    for SampleClinician { servicenow_user, practitioner, name } in staff {
        text.push_str(&format!(
            "\n[[staff]]\nservicenow_user = {servicenow_user:?}\npractitioner = {practitioner:?}\nname = {name:?}\n"
        ));
    }
    text
}

fn settings_text(connections: &SampleConnections, data_dir: &Path) -> String {
    format!(
        r#"# Connects to the simulated remotes of one run.
ehr_api_base_url = {ehr_url:?}
oauth_client_id = {ehr_client:?}
sync_frequency = {frequency:?}

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
{route}
{mid_server}[console]
sample_data = true

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
extension_url = "https://vetsync.example/fhir/StructureDefinition/weight"
type = "quantity"
default_unit = "kg"
"#,
        frequency = if connections.real_time { "real-time" } else { "scheduled" },
        ehr_url = connections.ehr_url,
        ehr_client = connections.ehr_client_id,
        servicenow_url = connections.servicenow_url,
        servicenow_client = connections.servicenow_client_id,
        subject = connections.servicenow_subject,
        servicenow_key = connections.servicenow_key_id,
        token_url = connections.ehr_token_url,
        ehr_key = connections.ehr_key_id,
        scope = connections.ehr_scope,
        identifier_system = connections.identifier_system,
        data_dir = data_dir.display().to_string(),
        route = if connections.mid_server.is_some() { "route = \"mid-server\"\n" } else { "" },
        mid_server = connections.mid_server.as_ref().map_or_else(String::new, |name| {
            // The simulated one is near: it is asked often.
            format!("[mid_server]\nname = {name:?}\npoll_milliseconds = 100\nwatch_seconds = 1\n\n")
        }),
    )
}
