//! What ServiceNow knows of a MID Server: its record in `ecc_agent`.

use super::queue::Queue;
use crate::http::{Call, Caller, Now, SettingProblem, Transport, date_ms, percent_encode};
use crate::servicenow::answers::{self, Envelope};
use crate::signin::SignIn;
use crate::{Finding, RemoteError};
use record::Remote;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a MID Server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MidState {
    /// Up, validated, and its record fresh.
    Up,
    /// Down, paused, being upgraded, or another status than Up.
    NotUp,
    /// Up, but not validated: it takes no requests up.
    NotValidated,
    /// Its record says up, and was not refreshed for too long.
    Stale,
    /// There is no MID Server of this name, or its record is hidden.
    Missing,
    /// Its record may not be read.
    Hidden,
}

/// What one look at the record showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MidReport {
    /// Where it stands.
    pub state: MidState,
    /// That in words: "is Down".
    pub words: String,
    /// What to do; empty where it is up.
    pub way_out: String,
    /// When its record was refreshed last, Unix milliseconds of the instance's clock, if it says so.
    pub refreshed_at_ms: Option<i64>,
    /// When it was looked, Unix milliseconds.
    pub seen_at_ms: i64,
}

/// How old a look may be before another one is worth a request.
const LOOK_AGAIN_MS: i64 = 30_000;
/// The same where it was not well: it may have come up.
const LOOK_AGAIN_SOON_MS: i64 = 5_000;

/// A MID Server of the instance, as its record shows it.
pub struct MidServer {
    caller: Caller,
    base_url: String,
    name: String,
    stale_ms: Option<i64>,
    now: Now,
    seen: Mutex<Option<MidReport>>,
}

impl std::fmt::Debug for MidServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MidServer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl MidServer {
    /// Nothing is sent yet. `stale_ms` is the age from which its record counts as out of date; `None` not to ask.
    ///
    /// # Errors
    /// A name that cannot stand in an encoded query.
    pub fn new(
        base_url: &str,
        name: &str,
        stale_ms: Option<i64>,
        transport: Arc<dyn Transport>,
        sign_in: Arc<SignIn>,
        now: Now,
    ) -> Result<MidServer, SettingProblem> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
        if name.is_empty() || !name.chars().all(plain) {
            return Err(SettingProblem::new("mid_server.name", "is not the name of a MID Server"));
        }
        Ok(MidServer {
            caller: Caller::new(Remote::ServiceNow, transport, sign_in, Arc::clone(&now), "application/json"),
            base_url: base_url.trim_end_matches('/').to_owned(),
            name: name.to_owned(),
            stale_ms,
            now,
            seen: Mutex::new(None),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the latest look showed; `None` before the first.
    pub fn last_report(&self) -> Option<MidReport> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the record shows now.
    ///
    /// # Errors
    /// Where ServiceNow does not answer: then nothing is known of the MID Server.
    pub async fn look(&self) -> Result<MidReport, RemoteError> {
        let report = self.read().await?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
        Ok(report)
    }

    /// The latest look, or a new one where that is too long ago; `None` where nothing is known.
    pub async fn recent(&self) -> Option<MidReport> {
        let known = self.last_report();
        let age_ms = |report: &MidReport| (self.now)().saturating_sub(report.seen_at_ms);
        let enough_ms = |report: &MidReport| match report.state {
            MidState::Up => LOOK_AGAIN_MS,
            MidState::NotUp
            | MidState::NotValidated
            | MidState::Stale
            | MidState::Missing
            | MidState::Hidden => LOOK_AGAIN_SOON_MS,
        };
        match known.filter(|report| (0..enough_ms(report)).contains(&age_ms(report))) {
            Some(report) => Some(report),
            None => self.look().await.ok(),
        }
    }

    async fn read(&self) -> Result<MidReport, RemoteError> {
        let query = percent_encode(&format!("name={}", self.name), "");
        let fields = "sys_id,name,status,validated,last_refreshed";
        let url = format!(
            "{}/api/now/table/ecc_agent?sysparm_query={query}&sysparm_fields={fields}&sysparm_limit=5\
             &sysparm_display_value=false&sysparm_exclude_reference_link=true",
            self.base_url
        );
        let answer = self.caller.call(&Call::get(url)).await?;
        let name = &self.name;
        let report = |state, words: String, way_out: &str, refreshed_at_ms| MidReport {
            state,
            words,
            way_out: way_out.to_owned(),
            refreshed_at_ms,
            seen_at_ms: (self.now)(),
        };
        let missing = || {
            report(
                MidState::Missing,
                "is not known to ServiceNow".to_owned(),
                "check mid_server.name against MID Server > Servers, and let the integration user read ecc_agent",
                None,
            )
        };
        let text = match answers::open(&answer) {
            Envelope::Result(text) => text,
            Envelope::Refused(_) if answer.status == 404 && answers::is_no_record(&answer.body) => {
                return Ok(missing());
            }
            Envelope::Refused(what) => {
                return Ok(report(
                    MidState::Hidden,
                    "cannot be watched: its record (ecc_agent) may not be read".to_owned(),
                    &what,
                    None,
                ));
            }
            Envelope::Broken(what) => return Err(self.caller.transient(answer.status, what)),
        };
        let rows = answers::rows(text).unwrap_or_default();
        // A condition that is not understood is dropped, and others come (wire-facts 5.3).
        let Some(row) = rows
            .into_iter()
            .find(|row| answers::column(row, "name").is_some_and(|found| found.eq_ignore_ascii_case(name)))
        else {
            return Ok(missing());
        };
        let refreshed_at_ms =
            answers::column(row, "last_refreshed").and_then(|text| answers::stamp_ms(&text));
        let status = answers::column(row, "status").unwrap_or_default();
        if !status.eq_ignore_ascii_case("up") {
            let words = match status.trim() {
                "" => "has no status yet".to_owned(),
                status => format!("is {}", crate::http::quoted(status)),
            };
            let way_out = "start it, or resume it under MID Server > Servers; requests wait until it is Up";
            return Ok(report(MidState::NotUp, words, way_out, refreshed_at_ms));
        }
        let validated = answers::column(row, "validated");
        if validated.is_some_and(|said| !matches!(said.to_ascii_lowercase().as_str(), "true" | "yes" | "1")) {
            return Ok(report(
                MidState::NotValidated,
                "is up, but not validated, and takes no requests up".to_owned(),
                "validate it under MID Server > Servers (Related Links > Validate)",
                refreshed_at_ms,
            ));
        }
        // By the instance's own clock, where it says it.
        let now_ms = date_ms(&answer.headers).unwrap_or_else(|| (self.now)());
        let age_ms = refreshed_at_ms.map(|at_ms| now_ms.saturating_sub(at_ms));
        if let (Some(age_ms), Some(stale_ms)) = (age_ms, self.stale_ms)
            && age_ms > stale_ms
        {
            let minutes = age_ms / 60_000;
            return Ok(report(
                MidState::Stale,
                format!("says that it is up, and was not heard of for {minutes} minutes"),
                "look at its computer and its connection to the instance; where its record is refreshed more rarely, \
                 raise mid_server.stale_minutes",
                refreshed_at_ms,
            ));
        }
        Ok(report(MidState::Up, "is up".to_owned(), "", refreshed_at_ms))
    }

    /// What is wrong with it and with our rights, worst first; empty where all is well.
    ///
    /// # Errors
    /// Where ServiceNow does not answer or refuses the sign-in.
    pub async fn findings(&self, carries: bool) -> Result<Vec<Finding>, RemoteError> {
        let mut findings = Vec::new();
        let report = self.look().await?;
        if report.state != MidState::Up {
            findings.push(Finding {
                fatal: carries,
                what: format!("the MID Server {} {}", self.name, report.words),
                way_out: report.way_out,
            });
        } else if report.refreshed_at_ms.is_none() && self.stale_ms.is_some() {
            findings.push(Finding {
                fatal: false,
                what: format!("when the MID Server {} was heard of last cannot be told", self.name),
                way_out: "let the integration user read ecc_agent.last_refreshed, or set mid_server.stale_minutes = 0"
                    .to_owned(),
            });
        }
        if carries {
            match self.queue_readable().await {
                Ok(()) => {}
                Err(RemoteError::Refused { what, .. } | RemoteError::Protocol { what, .. }) => {
                    findings.push(Finding {
                        fatal: true,
                        what: "the queue (ecc_queue) cannot be read".to_owned(),
                        way_out: what,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        findings.sort_by_key(|finding| !finding.fatal);
        Ok(findings)
    }

    async fn queue_readable(&self) -> Result<(), RemoteError> {
        Queue::new(self.caller.again(), &self.base_url, &self.name).readable().await
    }
}
