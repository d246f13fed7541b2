//! From options to a running console.

use crate::account::{self, who_sits_here};
use crate::attach::owner_file;
use crate::feeds::{Calendars, clinicians};
use crate::options::{Options, data_dir};
use crate::owner::Owner;
use crate::problem::StartError;
use console_api::dto::{Person, Role};
use console_api::{Console, Parts};
use engine::clock::{SeededIds, SystemClock};
use engine::drive::{Handle, Remotes};
use engine::{Clock, Command, DocumentLens, Engine, Lenses, Policy};
use mapping::fhir::{BareAllergies, PatientLens};
use mapping::servicenow::{Archive, ColumnType, Completion, RowLens};
use receiver::feeds::Feeds;
use record::{RecordKind, Remote};
use remote::ehr::{BodyStyle, Dialect, DialectChoice, Ehr, EhrSettings, ListStyle};
use remote::http::{Ceiling, Elapsed, HttpsSettings, HttpsTransport, SettingProblem, TlsMinimum, Transport};
use remote::mid::MidServer;
use remote::servicenow::{Resolved, ServiceNow, ServiceNowSettings, TableSettings};
use remote::signin::{KeyAlgorithm, SignIn, SignInMethod, SigningKey, TokenAddress};
use secrecy::{ExposeSecret as _, SecretString};
use secrets::SecretStore;
use settings::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::sqlite::SqliteStore;
use tokio::sync::oneshot;

/// Settings read, secrets at hand, database open, clients built; the engine not yet started.
pub struct Opened {
    /// The settings.
    pub settings: Settings,
    /// Where secrets are.
    pub secrets: Arc<dyn SecretStore>,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Both clients.
    pub remotes: Remotes,
    /// The MID Server that is named in the settings.
    pub mid: Option<Arc<MidServer>>,
    /// Both lenses.
    pub lenses: Arc<Lenses>,
    /// The database file.
    pub database: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    options: Options,
}

/// A running engine with its console.
pub struct Running {
    /// The console.
    pub console: Arc<Console>,
    /// The engine.
    pub engine: Handle,
    /// The store, for reading.
    pub store: Arc<dyn Store>,
    closing: tokio::sync::Mutex<Closing>,
}

/// What is closed once, in this order.
struct Closing {
    receiver: Option<receiver::Listening>,
    watch: Option<tokio::task::JoinHandle<()>>,
    owner: Option<Owner>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Ends the engine: what is under way is given up and rescued at the next start, the database is closed. A second
    /// call finds it done.
    pub async fn stop(&self) {
        let mut closing = self.closing.lock().await;
        if let Some(receiver) = closing.receiver.take() {
            // First of all: what is acknowledged has to be in the store.
            receiver.end().await;
        }
        if let Some(watch) = closing.watch.take() {
            watch.abort();
        }
        if let Some(owner) = closing.owner.take() {
            owner.end().await;
        }
        if let Some(stop) = closing.stop.take() {
            // The loop may have ended by itself.
            let _ended = stop.send(());
        }
        if let Some(task) = closing.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(panicked = error.is_panic(), "engine.ended_badly");
        }
    }

    /// The same, when nobody is attached any more: what another command does here is not cut off by ours being done.
    pub async fn stop_when_vacated(&self) {
        let sessions = self.closing.lock().await.owner.as_ref().map(Owner::sessions);
        if let Some(mut sessions) = sessions {
            // A door that is shut has nobody in it.
            let _gone = sessions.wait_for(|open| *open == 0).await.is_ok();
        }
        self.stop().await;
    }
}

/// Reads the settings and opens everything they name.
pub async fn open(options: Options) -> Result<Opened, StartError> {
    let path = options.config_path();
    if !path.exists() {
        return Err(StartError::NoSettings { path });
    }
    let settings = Settings::load(&path)?;
    let missing = settings.incomplete();
    if !missing.is_empty() {
        let missing = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return Err(StartError::Incomplete { missing });
    }
    for warning in settings.warnings() {
        tracing::warn!(warning = %warning, "settings.warning");
    }
    let folder = data_dir(&options, &settings);
    private_folder(&folder)?;
    let secrets = open_secrets(&settings, &folder).await?;
    // Two first starts at once must not make two keys: whoever comes second waits for the first one's.
    let one_at_a_time = start_lock(&folder)?;
    let database = folder.join("vetsync.db");
    let key = secrets::database_key(&*secrets, new_key, database.exists()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&database, &key, clock.now_ms()).await?);
    drop(one_at_a_time);
    let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
    match connect(&settings, &*secrets, &base, &clock, &*store).await {
        Ok((remotes, mid, lenses)) => {
            Ok(Opened { settings, secrets, store, remotes, mid, lenses, database, clock, options })
        }
        Err(error) => {
            // Whoever corrects it tries again in the same process: the database must not be held until then.
            store.close().await;
            Err(error)
        }
    }
}

async fn connect(
    settings: &Settings,
    secrets: &dyn SecretStore,
    base: &Path,
    clock: &Arc<dyn Clock>,
    store: &dyn Store,
) -> Result<(Remotes, Option<Arc<MidServer>>, Arc<Lenses>), StartError> {
    // Before anything is asked of anybody: what is wrong with the fee schedule is ours to say.
    let billing = crate::fees::billing(settings, base)?;
    let Clients { servicenow, ehr, mid } = remotes(settings, secrets, base, clock).await?;
    let mut lenses = lenses(settings, &servicenow, store).await?;
    lenses.billing = billing.map(Arc::new);
    if let engine::DocumentLens::Treatment(lens) = &mut lenses.treatments.document {
        lens.form = match settings.servicenow.treatments.bundle {
            settings::TreatmentBundle::Collection => mapping::TreatmentForm::Collection,
            settings::TreatmentBundle::Transaction => mapping::TreatmentForm::Transaction,
        };
    }
    let lenses = Arc::new(lenses);
    Ok((Remotes { servicenow, ehr }, mid, lenses))
}

fn private_folder(folder: &Path) -> Result<(), StartError> {
    let problem = |error: std::io::Error| StartError::DataDir {
        path: folder.to_path_buf(),
        problem: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(problem)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(problem)?;
    }
    Ok(())
}

fn start_lock(folder: &Path) -> Result<std::fs::File, StartError> {
    let problem = |error: std::io::Error| StartError::DataDir {
        path: folder.to_path_buf(),
        problem: error.to_string(),
    };
    let file = std::fs::File::create(folder.join("start.lock")).map_err(problem)?;
    file.lock().map_err(problem)?;
    Ok(file)
}

/// The keyring or file that the settings choose.
pub async fn open_secrets(settings: &Settings, folder: &Path) -> Result<Arc<dyn SecretStore>, StartError> {
    let file = folder.join("secrets");
    let choice = match settings.storage.secrets {
        settings::SecretPlace::Auto => secrets::Choice::Auto,
        settings::SecretPlace::Keyring => secrets::Choice::Keyring,
        settings::SecretPlace::File => secrets::Choice::File(file),
    };
    Ok(secrets::open(&choice).await?)
}

/// Thirty-two bytes from the operating system's generator.
fn new_key() -> [u8; 32] {
    let mut key = [0_u8; 32];
    // The generator of aws-lc-rs fails only where the operating system has none; a key of zeros must then never be used.
    if aws_lc_rs::rand::fill(&mut key).is_err() {
        std::process::abort();
    }
    key
}

/// A secret as text (keys in PEM, client secrets), if it is stored.
pub(crate) async fn stored(
    secrets: &dyn SecretStore,
    name: &str,
) -> Result<Option<SecretString>, StartError> {
    let Some(bytes) = secrets.get(name).await? else { return Ok(None) };
    match std::str::from_utf8(bytes.expose_secret()) {
        Ok(text) => Ok(Some(SecretString::from(text.to_owned()))),
        Err(_) => Err(StartError::NotText { name: name.to_owned(), place: secrets.describe() }),
    }
}

async fn secret(secrets: &dyn SecretStore, name: &str) -> Result<SecretString, StartError> {
    stored(secrets, name)
        .await?
        .ok_or_else(|| StartError::NoSecret { name: name.to_owned(), place: secrets.describe() })
}

pub(crate) fn connection(remote: Remote) -> impl Fn(SettingProblem) -> StartError {
    move |problem| StartError::Connection { remote: remote.label(), problem: problem.to_string() }
}

fn https(
    remote: Remote,
    base: &Path,
    ca_file: Option<&PathBuf>,
    tls_minimum: settings::TlsMinimum,
    timeout_seconds: u16,
    requests_per_minute: u32,
    through: &Through,
) -> Result<Arc<dyn Transport>, StartError> {
    let extra_ca_pem = ca_file
        .map(|file| {
            let file = base.join(file);
            std::fs::read_to_string(&file).map_err(|error| StartError::Connection {
                remote: remote.label(),
                problem: format!("ca_file {} cannot be read: {error}", file.display()),
            })
        })
        .transpose()?;
    let transport = HttpsTransport::new(&HttpsSettings {
        tls_minimum: match tls_minimum {
            settings::TlsMinimum::Tls13 => TlsMinimum::Tls13,
            settings::TlsMinimum::Tls12 => TlsMinimum::Tls12,
        },
        extra_ca_pem,
        timeout_ms: u64::from(timeout_seconds) * 1_000,
        ..HttpsSettings::default()
    })
    .map_err(connection(remote))?;
    Ok(through(Arc::new(transport), requests_per_minute))
}

/// What a client's requests pass on their way to the network, given its transport and the requests it may send a
/// minute: the ceiling in the product, an observer in a benchmark.
pub type Through = dyn Fn(Arc<dyn Transport>, u32) -> Arc<dyn Transport> + Send + Sync;

fn now_of(clock: &Arc<dyn Clock>) -> remote::http::Now {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.now_ms())
}

/// What speaks to the remotes.
pub struct Clients {
    /// ServiceNow's client.
    pub servicenow: Arc<ServiceNow>,
    /// The EHR's client, by whichever way its requests go.
    pub ehr: Arc<Ehr>,
    /// The MID Server that the settings name.
    pub mid: Option<Arc<MidServer>>,
}

/// Both clients, as the settings say. `base` is the folder that relative file names start from.
pub async fn remotes(
    settings: &Settings,
    secrets: &dyn SecretStore,
    base: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Clients, StartError> {
    let ceiling = |transport, per_minute| -> Arc<dyn Transport> {
        // Not the time of day, which people and time servers set.
        let began = std::time::Instant::now();
        let elapsed: Elapsed =
            Arc::new(move || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        Arc::new(Ceiling::new(transport, per_minute, elapsed))
    };
    remotes_through(settings, secrets, base, clock, &ceiling).await
}

/// As [`remotes`], with something else in the place of the ceiling.
pub async fn remotes_through(
    settings: &Settings,
    secrets: &dyn SecretStore,
    base: &Path,
    clock: &Arc<dyn Clock>,
    through: &Through,
) -> Result<Clients, StartError> {
    let now = now_of(clock);
    let ids = Arc::new(SeededIds::new(new_key()));
    let new_id: remote::http::NewId = {
        let clock = Arc::clone(clock);
        Arc::new(move || engine::Ids::next(&*ids, clock.now_ms()))
    };
    let (servicenow, link) = servicenow(settings, secrets, base, &now, &new_id, through).await?;
    let mid = crate::mid::server(settings, &link, &now)?;
    let route = crate::mid::route(settings, mid.as_ref(), &link, &now, &new_id)?;
    let ehr = ehr(settings, secrets, base, &now, &new_id, through, route).await?;
    Ok(Clients { servicenow: Arc::new(servicenow), ehr: Arc::new(ehr), mid })
}

async fn servicenow(
    settings: &Settings,
    secrets: &dyn SecretStore,
    base: &Path,
    now: &remote::http::Now,
    new_id: &remote::http::NewId,
    through: &Through,
) -> Result<(ServiceNow, crate::mid::Link), StartError> {
    let own = &settings.servicenow;
    let wrong = connection(Remote::ServiceNow);
    let transport = https(
        Remote::ServiceNow,
        base,
        own.ca_file.as_ref(),
        own.tls_minimum,
        settings.timeout_seconds,
        own.requests_per_minute,
        through,
    )?;
    let base_url = own.base_url.clone().unwrap_or_default();
    let client_id = own.client_id.clone().unwrap_or_default();
    let method = match own.sign_in {
        settings::SignIn::JwtBearer => SignInMethod::JwtBearer {
            client_secret: stored(secrets, settings::secret_names::SERVICENOW_CLIENT_SECRET).await?,
            issuer: None,
            subject: own.subject.clone().unwrap_or_default(),
            audience: own.audience.clone(),
            key: SigningKey {
                algorithm: key_algorithm(&format!("{:?}", own.algorithm), Remote::ServiceNow)?,
                key_id: own.key_id.clone(),
                pem: secret(secrets, settings::secret_names::SERVICENOW_PRIVATE_KEY).await?,
            },
            client_id,
        },
        settings::SignIn::ClientCredentials => SignInMethod::ClientSecret {
            client_secret: secret(secrets, settings::secret_names::SERVICENOW_CLIENT_SECRET).await?,
            scopes: Vec::new(),
            client_id,
        },
    };
    let address = TokenAddress::Known(format!("{}/oauth_token.do", base_url.trim_end_matches('/')));
    let sign_in =
        SignIn::new(Remote::ServiceNow, method, address, Arc::clone(&transport), now.clone(), new_id.clone())
            .map_err(&wrong)?;
    let mut tables = Vec::new();
    for kind in settings.kinds() {
        tables.push(table_of(settings, kind)?);
    }
    let client_settings = ServiceNowSettings {
        page_rows: own.page_size,
        bills: own.billing.generate.then(|| TableSettings {
            kind: RecordKind::Treatment,
            table: own.billing.table.clone(),
            columns: own.billing.written_columns().into_values().collect(),
            ehr_id_column: own.billing.key_column.clone(),
        }),
        ..ServiceNowSettings::new(base_url, tables)
    };
    let link = crate::mid::Link { transport: Arc::clone(&transport), sign_in: Arc::new(sign_in) };
    let client = ServiceNow::new(client_settings, transport, Arc::clone(&link.sign_in), now.clone());
    Ok((client.map_err(wrong)?, link))
}

async fn ehr(
    settings: &Settings,
    secrets: &dyn SecretStore,
    base: &Path,
    now: &remote::http::Now,
    new_id: &remote::http::NewId,
    through: &Through,
    route: Option<Arc<dyn Transport>>,
) -> Result<Ehr, StartError> {
    let own = &settings.ehr;
    let wrong = connection(Remote::Ehr);
    let direct = || {
        https(
            Remote::Ehr,
            base,
            own.ca_file.as_ref(),
            own.tls_minimum,
            settings.timeout_seconds,
            own.requests_per_minute,
            through,
        )
    };
    let (transport, to_token) = match route {
        Some(route) => {
            let carried = through(route, own.requests_per_minute);
            let to_token =
                if settings.mid_server.sign_in_directly { direct()? } else { Arc::clone(&carried) };
            (carried, to_token)
        }
        None => {
            let direct = direct()?;
            (Arc::clone(&direct), direct)
        }
    };
    let base_url = own.base_url.clone().unwrap_or_default();
    let method = SignInMethod::PrivateKeyJwt {
        client_id: own.client_id.clone().unwrap_or_default(),
        scopes: settings.ehr_scopes(),
        audience: None,
        key: SigningKey {
            algorithm: key_algorithm(&format!("{:?}", own.algorithm), Remote::Ehr)?,
            key_id: own.key_id.clone(),
            pem: secret(secrets, settings::secret_names::EHR_PRIVATE_KEY).await?,
        },
    };
    let address = match &own.token_url {
        Some(url) => TokenAddress::Known(url.clone()),
        None => TokenAddress::Discover { base_url: base_url.clone() },
    };
    let sign_in =
        SignIn::new(Remote::Ehr, method, address, to_token, now.clone(), new_id.clone()).map_err(&wrong)?;
    let key_system = settings.servicenow_identifier_system().unwrap_or_default();
    let client_settings = EhrSettings {
        page_records: own.page_size,
        dialect: dialect(own.dialect),
        ..EhrSettings::new(base_url, key_system)
    };
    Ehr::new(client_settings, transport, Arc::new(sign_in), now.clone()).map_err(wrong)
}

/// Found out by the client, unless the administrator says that something is missing.
fn dialect(own: settings::Dialect) -> DialectChoice {
    if own == settings::Dialect::default() {
        return DialectChoice::Detect;
    }
    DialectChoice::Known(Dialect {
        list: if own.searchset { ListStyle::Searchset } else { ListStyle::Array },
        body: if own.patient_bundle { BodyStyle::Bundle } else { BodyStyle::BarePatient },
        etag: own.etag,
        if_none_exist: own.if_none_exist,
        identifier_search: own.identifier_search,
        last_updated_search: own.last_updated,
        ..Dialect::default()
    })
}

fn key_algorithm(name: &str, remote: Remote) -> Result<KeyAlgorithm, StartError> {
    KeyAlgorithm::parse(&name.to_uppercase()).ok_or_else(|| StartError::Connection {
        remote: remote.label(),
        problem: format!("the algorithm {name} is not one we can sign with"),
    })
}

fn catalogue(settings: &Settings) -> Result<record::Catalogue, StartError> {
    settings.patient_catalogue().map_err(|problem| StartError::Incomplete { missing: problem.to_string() })
}

/// The table of a kind, with the columns that are read of it: those of the mapped fields first, in catalogue order, then
/// what says whether a record counts.
fn table_of(settings: &Settings, kind: RecordKind) -> Result<TableSettings, StartError> {
    let own = &settings.servicenow;
    let visits = |catalogue: record::Catalogue, columns: &std::collections::BTreeMap<String, String>| {
        let named = |spec: record::FieldSpec| columns.get(&spec.id).cloned().unwrap_or(spec.column);
        catalogue.fields.into_iter().map(named).collect::<Vec<String>>()
    };
    Ok(match kind {
        RecordKind::Patient => TableSettings {
            kind,
            table: own.patient_table.clone(),
            columns: asked_columns(settings)?,
            ehr_id_column: own.ehr_id_column.clone(),
        },
        RecordKind::Appointment => TableSettings {
            kind,
            table: own.appointments.table.clone(),
            columns: visits(record::Catalogue::appointment_default(), &own.appointments.columns),
            ehr_id_column: own.appointments.ehr_id_column.clone(),
        },
        RecordKind::Treatment => {
            let mut columns = visits(record::Catalogue::treatment_default(), &own.treatments.columns);
            columns.push(own.treatments.status_column.clone());
            columns.extend(own.treatments.appointment_column.clone());
            columns.extend(own.treatments.archive.iter().filter_map(|archive| archive.column.clone()));
            TableSettings {
                kind,
                table: own.treatments.table.clone(),
                columns,
                ehr_id_column: own.treatments.ehr_id_column.clone(),
            }
        }
    })
}

/// Column names as configured: mapped fields first, in catalogue order, then the columns of active and deceased.
fn asked_columns(settings: &Settings) -> Result<Vec<String>, StartError> {
    let own = &settings.servicenow;
    let mut columns: Vec<String> = catalogue(settings)?
        .fields
        .iter()
        .map(|spec| own.columns.get(&spec.id).cloned().unwrap_or_else(|| spec.column.clone()))
        .collect();
    columns.extend(own.active_column.clone());
    columns.extend(own.deceased_column.clone());
    Ok(columns)
}

/// Name as asked for, column as found, its dictionary type, the stored values of a choice.
type FoundColumn = (String, Option<String>, Option<String>, Vec<String>);

/// Where the columns found at the last start are kept.
pub const fn columns_key() -> &'static str {
    "columns.patient"
}

/// How long the first start waits for ServiceNow to name its columns.
const COLUMNS_WAIT: Duration = Duration::from_secs(5);

/// The columns of a table as ServiceNow has them (wire-facts 5.6): found now, or as found at an earlier start, or, where
/// neither is to be had, none.
async fn found_columns(
    client: &Arc<ServiceNow>,
    store: &dyn Store,
    kind: RecordKind,
    names: &[&str],
) -> Result<Vec<FoundColumn>, StartError> {
    let key = match kind {
        RecordKind::Patient => columns_key().to_owned(),
        RecordKind::Appointment | RecordKind::Treatment => format!("columns.{}", kind.as_str()),
    };
    let known: Option<Vec<FoundColumn>> =
        store.value(&key).await?.and_then(|text| serde_json::from_str(&text).ok());
    if let Some(known) =
        known.filter(|known| known.iter().map(|(asked, ..)| asked.as_str()).eq(names.iter().copied()))
    {
        return Ok(known);
    }
    match tokio::time::timeout(COLUMNS_WAIT, client.resolve_columns(kind, names)).await {
        Ok(Ok(resolved)) => {
            let found: Vec<_> = resolved
                .into_iter()
                .map(|Resolved { asked, column, internal_type, choices, .. }| {
                    (asked, column, internal_type, choices)
                })
                .collect();
            if let Ok(value) = serde_json::to_string(&found) {
                store.commit(vec![store::Change::PutValue { key, value }]).await?;
            }
            Ok(found)
        }
        Ok(Err(error)) => {
            tracing::warn!(kind = kind.as_str(), error = %error.log_words(), "columns.not_resolved");
            Ok(Vec::new())
        }
        Err(_) => {
            tracing::warn!(kind = kind.as_str(), "columns.not_resolved_in_time");
            Ok(Vec::new())
        }
    }
}

/// A column as found, or as the platform names it by default.
fn column_of(found: &[FoundColumn], asked: &str) -> String {
    found.iter().find(|(name, ..)| name == asked).and_then(|(_, column, ..)| column.clone()).unwrap_or_else(
        || {
            if asked.starts_with("u_") || asked.starts_with("x_") {
                asked.to_owned()
            } else {
                format!("u_{asked}")
            }
        },
    )
}

/// How the rows of a table are read and written, by the columns that were found. `asked` begins with those of the fields.
fn row_lens(
    catalogue: &Arc<record::Catalogue>,
    conventions: &Arc<record::Conventions>,
    asked: &[String],
    ehr_id_column: &str,
    found: &[FoundColumn],
) -> RowLens {
    let mut row = RowLens::new(Arc::clone(catalogue), Arc::clone(conventions));
    let fields = || asked.iter().take(catalogue.fields.len());
    row.columns = fields().map(|asked| column_of(found, asked)).collect();
    row.column_types = fields()
        .map(|asked| {
            found
                .iter()
                .find(|(name, ..)| name == asked)
                .and_then(|(_, _, internal_type, choices)| Some((internal_type.as_deref()?, choices)))
                .map_or(ColumnType::Text, |(internal_type, choices)| {
                    // What a patient's columns hold is typed by people; the lists are the platform's own for visits.
                    let choices =
                        if catalogue.kind == RecordKind::Patient { Vec::new() } else { choices.clone() };
                    ColumnType::of_dictionary(internal_type, choices)
                })
        })
        .collect();
    row.ehr_id_column = column_of(found, ehr_id_column);
    row
}

/// The lenses of every kind. The columns of what is not synchronised are not asked for.
async fn lenses(
    settings: &Settings,
    client: &Arc<ServiceNow>,
    store: &dyn Store,
) -> Result<Lenses, StartError> {
    let catalogue = Arc::new(catalogue(settings)?);
    let conventions = Arc::new(settings.record_conventions());
    let own = &settings.servicenow;
    let asked = asked_columns(settings)?;
    let mut names: Vec<&str> = asked.iter().map(String::as_str).collect();
    names.push(&own.ehr_id_column);
    let found = found_columns(client, store, RecordKind::Patient, &names).await?;
    let mut row = row_lens(&catalogue, &conventions, &asked, &own.ehr_id_column, &found);
    row.active_column = own.active_column.as_deref().map(|asked| column_of(&found, asked));
    row.deceased_column = own.deceased_column.as_deref().map(|asked| column_of(&found, asked));
    let patient = PatientLens {
        catalogue,
        conventions: Arc::clone(&conventions),
        servicenow_system: settings.servicenow_identifier_system().unwrap_or_default(),
        microchip_system: settings.ehr.microchip_system.clone(),
        microchip_systems_read: settings.ehr.microchip_systems_read.clone(),
        bare_allergies: if settings.ehr.dialect.patient_bundle {
            BareAllergies::Unknown
        } else {
            BareAllergies::TextExtension
        },
    };
    let mut lenses = Lenses::of_patients(row, patient);
    for kind in synchronised(settings) {
        let table = table_of(settings, kind)?;
        let mut names: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        names.push(&table.ehr_id_column);
        let found = found_columns(client, store, kind, &names).await?;
        let catalogue = Arc::clone(lenses.catalogue(kind));
        let mut row = row_lens(&catalogue, &conventions, &table.columns, &table.ehr_id_column, &found);
        if kind == RecordKind::Treatment {
            let own = &own.treatments;
            row.completion = Some(Completion {
                column: column_of(&found, &own.status_column),
                values: own.completed_values.clone(),
            });
            row.appointment_column = own.appointment_column.as_deref().map(|asked| column_of(&found, asked));
            row.archive = own.archive.as_ref().map(|archive| Archive {
                column: column_of(&found, archive.column.as_ref().unwrap_or(&own.status_column)),
                value: archive.value.clone(),
            });
        }
        let system = settings.identifier_system_of(kind).unwrap_or_default();
        let of_kind = match kind {
            RecordKind::Patient => continue,
            RecordKind::Appointment => &mut lenses.appointments,
            RecordKind::Treatment => &mut lenses.treatments,
        };
        of_kind.row = row;
        match &mut of_kind.document {
            DocumentLens::Patient(_) => {}
            DocumentLens::Appointment(lens) => lens.servicenow_system = system,
            DocumentLens::Treatment(lens) => {
                lens.servicenow_system = system;
                lens.note_url.clone_from(&settings.ehr.note_extension_url);
            }
        }
    }
    Ok(lenses)
}

/// What the engine synchronises besides patients.
fn synchronised(settings: &Settings) -> Vec<RecordKind> {
    settings.kinds().into_iter().filter(|kind| *kind != RecordKind::Patient).collect()
}

fn people(settings: &Settings) -> Vec<Person> {
    settings
        .people
        .iter()
        .map(|person| Person {
            id: person.id.clone(),
            name: person.name.clone(),
            role: match person.role {
                settings::Role::FrontDesk => Role::FrontDesk,
                settings::Role::Clinician => Role::Clinician,
                settings::Role::It => Role::It,
                settings::Role::Admin => Role::Admin,
                settings::Role::Auditor => Role::Auditor,
            },
        })
        .collect()
}

/// Starts the engine and the console over what [`open`] opened.
pub async fn start(opened: Opened) -> Result<Running, StartError> {
    let person =
        match who_sits_here(opened.options.person.as_deref(), account::name().as_deref(), &opened.settings) {
            Ok(person) => person,
            Err(error) => {
                opened.store.close().await;
                return Err(error);
            }
        };
    let one_person_may_approve = opened.settings.console.second_person == settings::SecondPerson::TypedReason;
    let policy = Policy {
        tries: u32::from(opened.settings.retry_attempts),
        brake: reconcile_limits(&opened.settings),
        one_person_may_approve,
        ..Policy::default()
    };
    let ids = Arc::new(SeededIds::new(new_key()));
    let kinds = synchronised(&opened.settings);
    let mut tables = vec![(opened.settings.servicenow.patient_table.clone(), RecordKind::Patient)];
    for kind in &kinds {
        tables.push((table_of(&opened.settings, *kind)?.table, *kind));
    }
    let rules = engine::Rules {
        treatments: opened.settings.compliance_rules(),
        matching: crate::matching::of(&opened.settings),
        ..engine::Rules::default()
    };
    let engine = Engine::new(Arc::clone(&opened.store), Arc::clone(&opened.lenses), policy, ids)
        .with_events(mapping::event::EventLens { tables })
        .with_kinds(&kinds, rules.clone())
        .with_schedule(crate::schedule::of(&opened.settings), opened.options.acts_by_itself);
    let (stop, stopped) = oneshot::channel::<()>();
    let (handle, task) =
        engine::drive::start(engine, opened.remotes.clone(), Arc::clone(&opened.clock), async {
            // A dropped sender means the same as a sent stop.
            let _either = stopped.await;
        });
    handle.started().await.map_err(|error| match error {
        engine::EngineError::Store(error) => StartError::Store(error),
        error => StartError::Engine(error),
    })?;
    let parts = Parts {
        store: Arc::clone(&opened.store),
        engine: handle.clone(),
        remotes: opened.remotes,
        mid: opened.mid.as_ref().map(|server| console_api::MidServer {
            server: Arc::clone(server),
            carries: opened.settings.ehr.route == settings::EhrRoute::MidServer,
        }),
        lenses: opened.lenses,
        rules: Arc::new(rules),
        clock: opened.clock,
        people: people(&opened.settings),
        person,
        hospital: opened.settings.hospital.name.clone(),
        zone: crate::schedule::zone_of(&opened.settings),
        kinds,
        demo: opened.settings.console.sample_data,
        one_person_may_approve,
    };
    let console = Console::new(parts.clone());
    let watch = opened.mid.map(|mid| {
        let every = Duration::from_secs(u64::from(opened.settings.mid_server.watch_seconds));
        crate::mid::watch(mid, every, handle.clone())
    });
    let receiver = if opened.options.acts_by_itself {
        let base = opened.options.config_path().parent().map(Path::to_path_buf).unwrap_or_default();
        let (clock, store) = (&parts.clock, &*opened.store);
        let feeds = Calendars {
            console: Arc::clone(&console),
            secrets: Arc::clone(&opened.secrets),
            clinicians: clinicians(&opened.settings),
        };
        let (settings, secrets) = (&opened.settings, &opened.secrets);
        let feeds: Arc<dyn Feeds> = Arc::new(feeds);
        crate::messages::listen(settings, secrets, &base, handle.clone(), clock, store, Some(feeds)).await
    } else {
        None
    };
    let owner = match Owner::start(parts, opened.settings, owner_file(&opened.database)).await {
        Ok(owner) => Some(owner),
        // The hospital works on; only a second command has to wait until this one ends.
        Err(error) => {
            let kind = error.kind();
            tracing::warn!(%kind, "seat.not_listening");
            None
        }
    };
    if opened.options.run_at_start {
        let start =
            Command::StartRun { trigger: "start".to_owned(), actor: None, plan_only: false, kind: None };
        match handle.ask(start).await {
            Ok(_) => {}
            // Somebody paused a remote: the console opens all the same, and says so.
            Err(engine::EngineError::HeldBack { .. }) => {
                tracing::info!("start.run_held_back");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let closing = Closing { receiver, watch, owner, stop: Some(stop), task: Some(task) };
    Ok(Running { console, engine: handle, store: opened.store, closing: tokio::sync::Mutex::new(closing) })
}

fn reconcile_limits(settings: &Settings) -> engine::BrakeLimits {
    engine::BrakeLimits {
        pairs_max: u64::from(settings.brake.records),
        share_max_percent: settings.brake.share_percent,
        ..engine::BrakeLimits::default()
    }
}
