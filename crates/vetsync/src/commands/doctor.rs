//! `vetsync doctor`: checks settings, keyring, database and both connections.

use crate::{Outcome, output};
use agent::{Options, StartError};
use record::Remote;
use serde::Serialize;
use std::process::ExitCode;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// `settings`, `secrets`, `database`, `ServiceNow`, `EHR`.
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
        | StartError::NobodyHere { .. }
        | StartError::SomebodyElse { .. } => "settings",
        StartError::Secrets(_) | StartError::NoSecret { .. } | StartError::NotText { .. } => "secrets",
        StartError::Store(_) | StartError::DataDir { .. } | StartError::Engine(_) => "database",
        StartError::Connection { .. } => "connections",
    }
}

/// Runs the verb.
pub async fn doctor(options: Options, json: bool) -> Outcome {
    let mut findings = Vec::new();
    let mut code = 0;
    match agent::open(options).await {
        Err(error) => {
            code = error.exit_code();
            findings.push(Finding {
                part: part_of(&error),
                state: "wrong",
                what: error.to_string(),
                way_out: error.way_out(),
            });
        }
        Ok(opened) => {
            findings.push(well("settings", "complete"));
            for warning in opened.settings.warnings() {
                findings.push(Finding {
                    part: "settings",
                    state: "warning",
                    what: warning.to_string(),
                    way_out: warning.way_out.clone(),
                });
            }
            findings.push(well("secrets", format!("in {}", opened.secrets.describe())));
            let problems = opened.store.check().await?;
            if problems.is_empty() {
                findings.push(well("database", "encrypted and sound"));
            }
            for what in problems {
                code = 5;
                findings.push(Finding {
                    part: "database",
                    state: "wrong",
                    what,
                    way_out: "move the file away and start again; everything is read anew from both remotes"
                        .to_owned(),
                });
            }
            for remote in Remote::BOTH {
                match opened.remotes.get(remote).probe().await {
                    Ok(probe) => {
                        findings.push(well(remote.label(), format!("answers in {} ms", probe.latency_ms)));
                        for found in probe.findings {
                            if found.fatal {
                                code = 6;
                            }
                            findings.push(Finding {
                                part: remote.label(),
                                state: if found.fatal { "wrong" } else { "warning" },
                                what: found.what,
                                way_out: found.way_out,
                            });
                        }
                    }
                    Err(error) => {
                        code = 6;
                        let advice = console_api::dto::ApiError::from(error);
                        findings.push(Finding {
                            part: remote.label(),
                            state: "wrong",
                            what: advice.message,
                            way_out: advice.way_out,
                        });
                    }
                }
            }
            opened.store.close().await;
        }
    }
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
