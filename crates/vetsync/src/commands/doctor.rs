//! `vetsync doctor`: checks settings, keyring, database and both connections.

use crate::exit::Failure;
use crate::{Outcome, output};
use agent::{Attached, Opened, Options, StartError};
use console_api::dto::ApiError;
use engine::Clock;
use engine::clock::SystemClock;
use record::Remote;
use remote::RemoteApi;
use serde::Serialize;
use settings::Settings;
use std::process::ExitCode;
use std::sync::Arc;
use store::StoreError;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// `settings`, `secrets`, `database`, `ServiceNow`, `MID Server`, `EHR`.
    part: &'static str,
    /// `well`, `warning`, `wrong`.
    state: &'static str,
    what: String,
    way_out: String,
}

fn well(part: &'static str, what: impl Into<String>) -> Finding {
    Finding { part, state: "well", what: what.into(), way_out: String::new() }
}

const fn part_of(error: &StartError) -> &'static str {
    match error {
        StartError::NoSettings { .. }
        | StartError::Settings(_)
        | StartError::Incomplete { .. }
        | StartError::Fees { .. }
        | StartError::NobodyHere { .. }
        | StartError::SomebodyElse { .. } => "settings",
        StartError::Secrets(_) | StartError::NoSecret { .. } | StartError::NotText { .. } => "secrets",
        StartError::Store(_)
        | StartError::DataDir { .. }
        | StartError::OwnerSilent { .. }
        | StartError::OwnerRefused(_)
        | StartError::Engine(_) => "database",
        StartError::Connection { .. } => "connections",
    }
}

fn wrong(error: &StartError) -> Finding {
    Finding { part: part_of(error), state: "wrong", what: error.to_string(), way_out: error.way_out() }
}

/// What was found so far, and the exit code of the worst of it.
#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
    code: u8,
}

impl Findings {
    fn settings(&mut self, settings: &Settings) {
        self.all.push(well("settings", "complete"));
        for warning in settings.warnings() {
            self.all.push(Finding {
                part: "settings",
                state: "warning",
                what: warning.to_string(),
                way_out: warning.way_out.clone(),
            });
        }
    }

    fn database(&mut self, problems: Vec<String>) {
        if problems.is_empty() {
            self.all.push(well("database", "encrypted and sound"));
        }
        for what in problems {
            self.code = 5;
            self.all.push(Finding {
                part: "database",
                state: "wrong",
                what,
                way_out: "move the file away and start again; everything is read anew from both remotes"
                    .to_owned(),
            });
        }
    }

    async fn remote(&mut self, remote: Remote, client: &dyn RemoteApi) {
        match client.probe().await {
            Ok(probe) => {
                self.all.push(well(remote.label(), format!("answers in {} ms", probe.latency_ms)));
                for found in probe.findings {
                    if found.fatal {
                        self.code = 6;
                    }
                    self.all.push(Finding {
                        part: remote.label(),
                        state: if found.fatal { "wrong" } else { "warning" },
                        what: found.what,
                        way_out: found.way_out,
                    });
                }
            }
            Err(error) => {
                self.code = 6;
                let advice = ApiError::from(error);
                self.all.push(Finding {
                    part: remote.label(),
                    state: "wrong",
                    what: advice.message,
                    way_out: advice.way_out,
                });
            }
        }
    }

    /// The MID Server, where one is named. That rows may be put into its queue shows when the EHR is asked through it.
    async fn mid_server(&mut self, settings: &Settings, mid: Option<&Arc<remote::mid::MidServer>>) {
        let Some(mid) = mid else { return };
        let carries = settings.ehr.route == settings::EhrRoute::MidServer;
        match mid.findings(carries).await {
            Ok(found) => {
                if found.is_empty() {
                    let task = if carries { ", and carries requests to the EHR" } else { "" };
                    self.all.push(well("MID Server", format!("{} is up{task}", mid.name())));
                }
                for found in found {
                    if found.fatal {
                        self.code = 6;
                    }
                    self.all.push(Finding {
                        part: "MID Server",
                        state: if found.fatal { "wrong" } else { "warning" },
                        what: found.what,
                        way_out: found.way_out,
                    });
                }
            }
            Err(error) => {
                self.code = 6;
                let advice = ApiError::from(error);
                self.all.push(Finding {
                    part: "MID Server",
                    state: "wrong",
                    what: advice.message,
                    way_out: advice.way_out,
                });
            }
        }
    }

    async fn receiver(
        &mut self,
        settings: &Settings,
        secrets: &Arc<dyn secrets::SecretStore>,
        options: &Options,
    ) {
        let base = options.config_path().parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        let found = agent::check_receiver(settings, secrets, &base).await;
        match &settings.webhooks.listen {
            Some(address) if found.is_empty() => {
                let what = format!(
                    "certificate and keys are there; received at {address} while a window or `vetsync serve` is open"
                );
                self.all.push(well("webhooks", what));
            }
            Some(_) => self.code = 3,
            None => {}
        }
        for (what, way_out) in found {
            self.all.push(Finding { part: "webhooks", state: "wrong", what, way_out });
        }
    }

    fn failed(&mut self, error: &StartError) {
        self.code = error.exit_code();
        self.all.push(wrong(error));
    }
}

/// Everything is looked at by this process, which opens the database for as long as that takes.
async fn look(opened: Opened, options: &Options, findings: &mut Findings) {
    findings.settings(&opened.settings);
    findings.all.push(well("secrets", format!("in {}", opened.secrets.describe())));
    match opened.store.check().await {
        // Sound, and still of no use if nothing can be stored.
        Ok(problems) => match engine::storage::try_out(&*opened.store).await {
            Ok(()) => findings.database(problems),
            Err(error) => findings.failed(&error.into()),
        },
        // So damaged that not even the check gets through.
        Err(error) => findings.failed(&error.into()),
    }
    findings.receiver(&opened.settings, &opened.secrets, options).await;
    findings.remote(Remote::ServiceNow, &*opened.remotes.servicenow).await;
    findings.mid_server(&opened.settings, opened.mid.as_ref()).await;
    findings.remote(Remote::Ehr, &*opened.remotes.ehr).await;
    opened.store.close().await;
}

/// The database is looked at by the process that owns it, the rest by this one.
async fn look_beside(options: &Options, owner: Attached, findings: &mut Findings) -> Result<(), Failure> {
    let path = options.config_path();
    let settings = Settings::load(&path).map_err(StartError::from)?;
    findings.settings(&settings);
    let secrets = agent::open_secrets(&settings, &agent::data_dir(options, &settings)).await?;
    findings.all.push(well("secrets", format!("in {}", secrets.describe())));
    let held = format!("held by a running VetSync (process {}), which answers", owner.process());
    findings.all.push(well("database", held));
    match owner.check().await {
        Ok(problems) => findings.database(problems),
        Err(error) => {
            findings.code = 5;
            findings.all.push(Finding {
                part: "database",
                state: "wrong",
                what: error.message,
                way_out: error.way_out,
            });
        }
    }
    findings.receiver(&settings, &secrets, options).await;
    let base = path.parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match agent::remotes(&settings, &*secrets, &base, &clock).await {
        Ok(clients) => {
            findings.remote(Remote::ServiceNow, &*clients.servicenow).await;
            findings.mid_server(&settings, clients.mid.as_ref()).await;
            findings.remote(Remote::Ehr, &*clients.ehr).await;
        }
        Err(error) => findings.failed(&error),
    }
    Ok(())
}

/// Runs the verb.
pub async fn doctor(options: Options, json: bool) -> Outcome {
    let mut findings = Findings::default();
    match agent::open(options.clone()).await {
        Ok(opened) => look(opened, &options, &mut findings).await,
        Err(error @ StartError::Store(StoreError::Owned)) => match agent::attached(&options).await {
            Ok(Some(owner)) => look_beside(&options, owner, &mut findings).await?,
            Ok(None) => findings.failed(&error),
            Err(error) => findings.failed(&error),
        },
        Err(error) => findings.failed(&error),
    }
    let Findings { all: findings, code } = findings;
    if json {
        output::json(&serde_json::json!({ "ok": code == 0, "findings": findings }))?;
    } else {
        for finding in &findings {
            println!("{:8} {:11} {}", finding.state, finding.part, finding.what);
            if !finding.way_out.is_empty() {
                println!("{:20} → {}", "", finding.way_out);
            }
        }
    }
    Ok(ExitCode::from(code))
}
