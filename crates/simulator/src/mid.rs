//! A MID Server: takes its rows of `ecc_queue` up, carries their requests out over HTTPS, and puts the answers back
//! (wire-facts 6.5; ServiceNow, "MID Server ECC Queue").
//!
//! It is woken when a row is put into the queue, as the platform's message bus does, and looks by itself besides. After a
//! start it runs again what was under way when it ended: it cannot know how far that got.

mod https;
mod payload;

use crate::clock::servicenow_text;
use crate::faults::lock;
use crate::servicenow::{IdStream, Instance};
use https::Https;
use payload::Probe;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The name of the MID Server that every instance knows.
pub const NAME: &str = "mid-frontdesk";
/// How often it looks into its queue and refreshes its record without being woken.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The user it works as.
const USER: &str = "mid.server";

/// How it works, until it is told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conduct {
    /// Whether it runs; the instance knows at once where it does not.
    pub up: bool,
    /// Whether the instance has noticed that it does not run: its record still says Up until then.
    pub noticed: bool,
    /// From a row's insertion until it is taken up, milliseconds.
    pub pickup_ms: u64,
    /// From taking up until the request is sent, milliseconds.
    pub run_ms: u64,
    /// From the EHR's answer until it stands in the queue, milliseconds.
    pub answer_ms: u64,
    /// Longer payloads become an attachment of their row, bytes.
    pub attached_over_bytes: usize,
    /// Longer payloads are not passed on; an error says so (`mid.eccq.max_payload_size`).
    pub payload_bytes_max: usize,
}

impl Default for Conduct {
    fn default() -> Self {
        Conduct {
            up: true,
            noticed: true,
            pickup_ms: 0,
            run_ms: 0,
            answer_ms: 0,
            attached_over_bytes: 500_000,
            payload_bytes_max: 20_000_000,
        }
    }
}

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MidFault {
    /// The request is carried out twice, and each time answered.
    RunsTwice,
    /// The request is carried out once and answered twice: it did not learn that the first answer had arrived.
    AnswersTwice,
    /// The request is not carried out; the answer is this error.
    ErrorRow {
        /// What it says.
        error: String,
    },
    /// The request is carried out; half of the EHR's body comes through.
    Truncates,
    /// The request is carried out; its answer is too large to be passed on.
    Oversize,
    /// The EHR's headers are not passed on.
    DropsHeaders,
    /// The request is carried out; then it ends, and runs it again when it is back.
    RestartsAfterwards,
    /// The request is carried out; no answer ever comes.
    NeverAnswers,
    /// The answer's XML is broken off.
    BrokenXml,
}

/// Which requests a fault meets, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMidFault {
    /// The fault.
    pub fault: MidFault,
    /// Only requests of this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose address contains this.
    #[serde(default)]
    pub url_contains: Option<String>,
    /// This many requests are met; 0 means until it is cleared.
    #[serde(default)]
    pub times: u32,
}

impl PlannedMidFault {
    /// Meets the next request of this method to an address that contains this.
    pub fn once(fault: MidFault, method: &str, url_contains: &str) -> PlannedMidFault {
        PlannedMidFault {
            fault,
            method: Some(method.to_owned()),
            url_contains: Some(url_contains.to_owned()),
            times: 1,
        }
    }

    /// Meets every request.
    pub fn always(fault: MidFault) -> PlannedMidFault {
        PlannedMidFault { fault, method: None, url_contains: None, times: 0 }
    }
}

/// What it did so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MidCounts {
    /// Rows taken up.
    pub taken_up: u64,
    /// Requests sent, by method.
    pub sent: BTreeMap<String, u64>,
    /// Answers put into the queue.
    pub answered: u64,
}

/// A MID Server of an instance.
pub struct MidServer {
    instance: Arc<Instance>,
    https: Https,
    conduct: Mutex<Conduct>,
    faults: Mutex<Vec<(PlannedMidFault, u32)>>,
    counts: Mutex<MidCounts>,
    /// How often it was started.
    starts: AtomicU64,
    woken: Notify,
}

impl std::fmt::Debug for MidServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MidServer").field("conduct", &self.conduct()).finish_non_exhaustive()
    }
}

/// A row that it works on.
struct Job {
    sys_id: String,
    row: BTreeMap<String, String>,
    /// It was under way when an earlier process ended.
    again: bool,
}

impl MidServer {
    /// One that trusts this authority. It does nothing before [`MidServer::work`].
    ///
    /// # Errors
    /// A certificate that cannot be used.
    pub fn new(instance: Arc<Instance>, ca_pem: &str) -> Result<MidServer, rustls::Error> {
        Ok(MidServer {
            instance,
            https: Https::trusting(ca_pem)?,
            conduct: Mutex::default(),
            faults: Mutex::default(),
            counts: Mutex::default(),
            starts: AtomicU64::new(0),
            woken: Notify::new(),
        })
    }

    /// How it works now.
    pub fn conduct(&self) -> Conduct {
        lock(&self.conduct).clone()
    }

    /// Changes how it works. Where it stops, what is under way ends with it.
    pub fn behave(&self, change: impl FnOnce(&mut Conduct)) {
        let conduct = {
            let mut conduct = lock(&self.conduct);
            change(&mut conduct);
            conduct.clone()
        };
        if conduct.up || conduct.noticed {
            self.show(&[("status", if conduct.up { "Up" } else { "Down" })]);
        }
        self.woken.notify_one();
    }

    /// Ends it and starts it again: what was under way is run again.
    pub fn restart(&self) {
        self.starts.fetch_add(1, Ordering::SeqCst);
        self.woken.notify_one();
    }

    /// Adds a fault behind those already planned.
    pub fn plan(&self, fault: PlannedMidFault) {
        lock(&self.faults).push((fault, 0));
    }

    /// Ends all faults.
    pub fn clear(&self) {
        lock(&self.faults).clear();
    }

    /// What it did so far.
    pub fn counts(&self) -> MidCounts {
        lock(&self.counts).clone()
    }

    /// Changes columns of its record.
    fn show(&self, values: &[(&str, &str)]) {
        for (sys_id, _) in self.instance.rows("ecc_agent", &format!("name={NAME}")) {
            self.instance.edit_row("ecc_agent", &sys_id, values, USER);
        }
    }

    /// Works until it is dropped.
    pub async fn work(self: Arc<Self>) {
        let mut jobs = JoinSet::new();
        let mut known = BTreeSet::new();
        // The first start is one after an end, too: rows may have been under way.
        let (mut start, mut was_up) = (u64::MAX, false);
        loop {
            let conduct = self.conduct();
            let starts = self.starts.load(Ordering::SeqCst);
            let begins = conduct.up && (starts != start || !was_up);
            if begins || !conduct.up {
                jobs.abort_all();
                jobs = JoinSet::new();
                known.clear();
            }
            (start, was_up) = (starts, conduct.up);
            if conduct.up {
                self.show(&[("last_refreshed", &servicenow_text(self.instance.clock.now_ms()))]);
                for job in self.found(begins) {
                    if known.insert(job.sys_id.clone()) {
                        jobs.spawn(Arc::clone(&self).carry_out(job));
                    }
                }
            }
            tokio::select! {
                () = self.instance.queued.notified() => {}
                () = self.woken.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            while jobs.try_join_next().is_some() {}
        }
    }

    /// Rows for it, and right after a start those that were under way.
    fn found(&self, begins: bool) -> Vec<Job> {
        let mine = |state: &str| format!("agent=mid.server.{NAME}^queue=output^state={state}");
        let mut found = Vec::new();
        for (state, again) in [("ready", false), ("processing", true)] {
            if !again || begins {
                let rows = self.instance.rows("ecc_queue", &mine(state));
                found.extend(rows.into_iter().map(|(sys_id, row)| Job { sys_id, row, again }));
            }
        }
        found
    }

    async fn carry_out(self: Arc<Self>, job: Job) {
        let conduct = self.conduct();
        sleep_ms(conduct.pickup_ms).await;
        let still_ready = || {
            self.instance
                .row("ecc_queue", &job.sys_id)
                .is_some_and(|row| row.get("state").is_some_and(|state| state == "ready"))
        };
        if !job.again && !still_ready() {
            return;
        }
        self.mark(&job, "processing");
        lock(&self.counts).taken_up += 1;
        let column = |name: &str| job.row.get(name).cloned().unwrap_or_default();
        let Some(probe) = payload::read_probe(&column("payload"), &column("name"), &column("source")) else {
            let error = "org.xml.sax.SAXParseException: the payload is not well-formed";
            self.answer(&job, &payload::error(error, &Probe::default()));
            return;
        };
        let faults = self.meet(&probe);
        sleep_ms(conduct.run_ms).await;
        let refused = faults.iter().find_map(|fault| match fault {
            MidFault::ErrorRow { error } => Some(error.clone()),
            _ => None,
        });
        let mut answers = Vec::new();
        match refused {
            Some(error) => answers.push(payload::error(&error, &probe)),
            None => {
                let times = if faults.contains(&MidFault::RunsTwice) { 2 } else { 1 };
                for _ in 0..times {
                    answers.push(self.ask(&probe, &faults, conduct.payload_bytes_max).await);
                }
            }
        }
        if faults.contains(&MidFault::RestartsAfterwards) {
            self.restart();
            return;
        }
        if faults.contains(&MidFault::NeverAnswers) {
            return;
        }
        sleep_ms(conduct.answer_ms).await;
        if faults.contains(&MidFault::AnswersTwice) {
            answers.extend(answers.clone());
        }
        for answer in &answers {
            let half = answer.len() / 2;
            let broken = faults.contains(&MidFault::BrokenXml);
            self.answer(&job, if broken { answer.get(..half).unwrap_or_default() } else { answer });
        }
        self.mark(&job, "processed");
    }

    fn meet(&self, probe: &Probe) -> Vec<MidFault> {
        let mut met = Vec::new();
        for (planned, hits) in lock(&self.faults).iter_mut() {
            let fits =
                planned.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&probe.method))
                    && planned.url_contains.as_ref().is_none_or(|part| probe.url.contains(part.as_str()));
            if fits && (planned.times == 0 || *hits < planned.times) {
                *hits += 1;
                met.push(planned.fault.clone());
            }
        }
        met
    }

    /// Sends the request; the payload of the answer.
    async fn ask(&self, probe: &Probe, faults: &[MidFault], bytes_max: usize) -> String {
        *lock(&self.counts).sent.entry(probe.method.to_ascii_uppercase()).or_default() += 1;
        let mut answer = match self.https.send(probe).await {
            Ok(answer) => answer,
            Err(error) => return payload::error(error, probe),
        };
        if faults.contains(&MidFault::Truncates) {
            let half = answer.body.chars().count() / 2;
            answer.body = answer.body.chars().take(half).collect();
        }
        if faults.contains(&MidFault::DropsHeaders) {
            answer.headers.clear();
        }
        let text = payload::answer(&answer, probe);
        if text.len() > bytes_max || faults.contains(&MidFault::Oversize) {
            let error = format!(
                "Payload size of {} bytes exceeded maximum of {bytes_max} bytes. Contents of the original payload were \
                 moved to agent/work/monitors/ECCSender/output_oversize on the MID server",
                text.len().max(bytes_max + 1)
            );
            return payload::error(&error, probe);
        }
        text
    }

    fn answer(&self, job: &Job, payload: &str) {
        let column = |name: &str| job.row.get(name).map_or("", String::as_str);
        let attached = payload.len() > self.conduct().attached_over_bytes;
        let values = [
            ("agent", column("agent")),
            ("topic", column("topic")),
            ("name", column("name")),
            ("source", column("source")),
            ("agent_correlator", column("agent_correlator")),
            ("response_to", job.sys_id.as_str()),
            ("queue", "input"),
            ("state", "ready"),
            ("payload", if attached { "<see_attachment/>" } else { payload }),
        ];
        let inserted = self.instance.insert_from("ecc_queue", &values, USER, IdStream::Platform);
        if let Some(sys_id) = inserted.filter(|_| attached) {
            self.instance.attach("ecc_queue", &sys_id, "payload", payload.as_bytes());
        }
        lock(&self.counts).answered += 1;
    }

    fn mark(&self, job: &Job, state: &str) {
        self.instance.edit_row("ecc_queue", &job.sys_id, &[("state", state)], USER);
    }
}

async fn sleep_ms(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
