//! The sample clinic: simulated remotes over TLS 1.3 on loopback, and settings and secrets that connect to them.

use crate::Outcome;
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use simulator::clinic::{Happening, Rates};
use simulator::mid::{MidFault, PlannedMidFault};
use simulator::{Fault, Options, PlannedFault, Running, Simulation};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// How large the sample clinic is, and which one.
#[derive(Debug, Clone, Args)]
pub struct Clinic {
    /// Animals in the sample clinic.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = animals)]
    pub patients: usize,
    /// Decides the clinic: the same seed gives the same animals, and visits that differ in their dates alone, which stand
    /// around today.
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
}

/// A clinic without animals would hold every check and show nothing.
fn animals(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a clinic has at least one animal; give 1 or more".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("give a whole number of animals, 1 or more".to_owned()),
    }
}

/// `vetsync simulate`
#[derive(Debug, Args)]
pub struct Simulate {
    #[command(flatten)]
    clinic: Clinic,
    /// Also write settings and secrets into this folder, ready for `--config FOLDER/vetsync.toml`.
    #[arg(long, value_name = "FOLDER")]
    config_out: Option<PathBuf>,
    /// The settings synchronise appointments too, of the clinicians whom both systems know.
    #[arg(long, requires = "config_out")]
    appointments: bool,
    /// Every answer of ServiceNow and the EHR takes so long, as it does of systems that are far away.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    answer_ms: u64,
    /// The settings send the EHR's requests through the instance's MID Server, which works like this.
    #[arg(long, value_enum, value_name = "HOW", requires = "config_out", num_args = 0..=1, default_missing_value = "up")]
    mid_server: Option<MidConduct>,
    #[command(flatten)]
    pace: Pace,
}

/// How the simulated MID Server works, until `/_sim/mid/conduct` says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MidConduct {
    /// As it should.
    Up,
    /// It takes three seconds for every request.
    Slow,
    /// It carries every request out twice.
    Twice,
    /// It does not run.
    Down,
}

impl MidConduct {
    fn apply(self, mid: &simulator::mid::MidServer) {
        match self {
            MidConduct::Up => {}
            MidConduct::Slow => mid.behave(|conduct| conduct.run_ms = 3_000),
            MidConduct::Twice => mid.plan(PlannedMidFault::always(MidFault::RunsTwice)),
            MidConduct::Down => mid.behave(|conduct| conduct.up = false),
        }
    }
}

/// Starts the remotes.
pub async fn start(clinic: &Clinic) -> anyhow::Result<Running> {
    let clock = simulator::Clock::system();
    // A calendar that is empty today shows nothing.
    let rates = Rates { visits_around_ms: clock.now_ms(), ..Rates::default() };
    let options =
        Options { seed: clinic.seed, patients: clinic.patients, rates, clock, ..Options::default() };
    Simulation::start(options).await.context("the simulated remotes did not start")
}

/// How the sample clinic goes on.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Pace {
    /// People go on working in both systems: something happens every so many seconds (0: nothing).
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub work_seconds: u64,
}

impl Pace {
    /// Lets things happen in the background until the answer is dropped.
    pub fn begin(self, running: &Running, seed: u64) -> Option<Working> {
        if self.work_seconds == 0 {
            return None;
        }
        let (control, every) = (running.control.clone(), Duration::from_secs(self.work_seconds));
        let task = tokio::spawn(async move {
            for number in 0.. {
                tokio::time::sleep(every).await;
                if let Some(happening) = control.go_on(seed, number) {
                    tracing::info!(number, happening = word_of(&happening), "sample.happened");
                }
            }
        });
        Some(Working(task))
    }
}

/// People at work, until dropped.
pub struct Working(tokio::task::JoinHandle<()>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const fn word_of(happening: &Happening) -> &'static str {
    match happening {
        Happening::OwnerCalled { .. } => "owner_called",
        Happening::NoteAdded { .. } => "note_added",
        Happening::Booked { .. } => "booked",
        Happening::MovedInServiceNow { .. } => "moved_in_servicenow",
        Happening::MovedInEhr { .. } => "moved_in_ehr",
        Happening::CalledOff { .. } => "called_off",
        Happening::Registered { .. } => "registered",
    }
}

/// What the settings of the sample clinic synchronise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Patients alone, whose right answers are counted.
    Patients,
    /// Everything that can be looked at.
    All,
}

/// Writes the authority's certificate, the settings and the secrets; returns the settings file.
///
/// With people at work it looks for what they change; without, nothing moves by itself.
pub async fn write_config(
    running: &Running,
    folder: &Path,
    kinds: Kinds,
    pace: Pace,
) -> anyhow::Result<PathBuf> {
    write_config_by(running, folder, kinds, pace, false).await
}

/// The same, by whichever way the EHR's requests go.
async fn write_config_by(
    running: &Running,
    folder: &Path,
    kinds: Kinds,
    pace: Pace,
    by_mid_server: bool,
) -> anyhow::Result<PathBuf> {
    let (servicenow, ehr) = (&running.credentials.servicenow, &running.credentials.ehr);
    let connections = agent::SampleConnections {
        servicenow_url: running.servicenow_url.clone(),
        servicenow_client_id: servicenow.client_id.clone(),
        servicenow_client_secret: servicenow.client_secret.clone(),
        servicenow_subject: servicenow.user_email.clone(),
        servicenow_key_id: servicenow.key_id.clone(),
        servicenow_private_key_pem: servicenow.private_key_pem.clone(),
        ehr_url: running.ehr_url.clone(),
        ehr_client_id: ehr.client_id.clone(),
        ehr_token_url: ehr.token_url.clone(),
        ehr_scope: ehr.scope.clone(),
        ehr_key_id: ehr.es384_key_id.clone(),
        ehr_private_key_pem: ehr.es384_private_key_pem.clone(),
        identifier_system: simulator::clinic::SERVICENOW_SYSTEM.to_owned(),
        ca_pem: running.ca_pem.clone(),
        real_time: pace.work_seconds > 0,
        staff: match kinds {
            Kinds::Patients => Vec::new(),
            Kinds::All => staff(),
        },
        mid_server: by_mid_server.then(|| running.mid_server_name().to_owned()),
    };
    agent::write_sample(&connections, folder)
        .await
        .with_context(|| format!("{} cannot be written", folder.display()))
}

/// The clinicians whom both systems know.
fn staff() -> Vec<agent::SampleClinician> {
    let known = |staff: &simulator::clinic::Staff| {
        Some(agent::SampleClinician {
            servicenow_user: staff.servicenow_key?.to_owned(),
            practitioner: format!("Practitioner/{}", staff.practitioner_id?),
            name: staff.name.to_owned(),
        })
    };
    simulator::clinic::STAFF.iter().filter_map(known).collect()
}

/// Runs the remotes until Ctrl+C or a closed terminal.
pub async fn simulate(simulate: Simulate, _json: bool) -> Outcome {
    let running = start(&simulate.clinic).await?;
    if simulate.answer_ms > 0 {
        let delay = PlannedFault::always(Fault::Delay { ms: simulate.answer_ms });
        running.control.servicenow.faults.add(delay.clone());
        running.control.ehr.faults.add(delay);
    }
    if let (Some(conduct), Some(mid)) = (simulate.mid_server, &running.control.mid) {
        conduct.apply(mid);
    }
    let mut description = running.describe();
    let temporary = tempfile::tempdir().context("no temporary folder")?;
    let mut ca_file = temporary.path().join("ca.pem");
    let kinds = if simulate.appointments { Kinds::All } else { Kinds::Patients };
    let config = match &simulate.config_out {
        Some(folder) => {
            ca_file = folder.join("ca.pem");
            let by_mid_server = simulate.mid_server.is_some();
            Some(write_config_by(&running, folder, kinds, simulate.pace, by_mid_server).await?)
        }
        None => {
            std::fs::write(&ca_file, &running.ca_pem)
                .context("the authority's certificate cannot be written")?;
            None
        }
    };
    if let Some(object) = description.as_object_mut() {
        object.insert("ca_file".to_owned(), ca_file.display().to_string().into());
        object.insert("config".to_owned(), config.map(|config| config.display().to_string()).into());
    }
    println!("{description}");
    let working = simulate.pace.begin(&running, simulate.clinic.seed);
    stopped().await;
    drop(working);
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
