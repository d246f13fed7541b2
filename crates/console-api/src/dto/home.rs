//! What crosses the seam for *Home*: the two systems, the metrics and the runs.

use super::{Kind, PlannedRun, RemoteName};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// What is wrong with the store.
    pub enum StorageFault {
        Full,
        Locked,
        Damaged,
    }
    /// Health of a remote as last seen.
    pub enum RemoteHealth {
        Answering,
        Failing,
        /// It answered that there were too many requests, or that it is busy, and asked to wait until a time.
        RateLimited,
        BreakerOpen,
        Paused,
        SignInRefused,
        NeverTried,
    }
    /// Where the MID Server stands.
    pub enum MidServerState {
        Up,
        /// Down, paused, or being upgraded.
        NotUp,
        NotValidated,
        /// Its record says up, and was not refreshed for too long.
        Stale,
        /// ServiceNow knows none of this name.
        Missing,
        /// Its record may not be read.
        Hidden,
        NeverLooked,
    }
    /// Where a run stands.
    pub enum RunStatus {
        Running,
        Done,
        Stopped,
        Failed,
    }
    /// Phase of a run, for its progress line.
    pub enum RunPhase {
        ReadingServiceNow,
        ReadingEhr,
        Linking,
        Comparing,
        Writing,
        Finished,
    }
}

dto! {
    pub struct RemoteState {
        pub remote: RemoteName,
        pub label: String,
        pub health: RemoteHealth,
        pub latency_ms: Option<u32>,
        pub detail: String,
        #[ts(type = "number | null")]
        pub last_answer_at_ms: Option<i64>,
        #[ts(type = "number | null")]
        pub next_try_at_ms: Option<i64>,
        pub waiting: u32,
        /// Whether changes are looked for, in one line; none where nothing is polled from here.
        pub polling: Option<PollView>,
    }
    /// How looking for changes goes.
    pub struct PollView {
        /// What is asked for: "patients".
        pub what: String,
        /// How often: "changes are looked for every 15 s".
        pub pace: String,
        /// What came of it: "nothing new".
        pub words: String,
        /// When it was last read to the end.
        #[ts(type = "number | null")]
        pub read_at_ms: Option<i64>,
        pub well: bool,
    }
    /// The MID Server as its record in ServiceNow shows it.
    pub struct MidServerView {
        pub name: String,
        pub state: MidServerState,
        /// A sentence.
        pub words: String,
        /// What to do; none where it is up.
        pub way_out: Option<String>,
        /// The EHR's requests go through it.
        pub carries: bool,
        #[ts(type = "number | null")]
        pub seen_at_ms: Option<i64>,
        /// When its record was refreshed last.
        #[ts(type = "number | null")]
        pub refreshed_at_ms: Option<i64>,
    }
    pub struct Metric {
        pub id: String,
        pub label: String,
        /// Already formatted: "99.2 %".
        pub value: String,
        pub detail: String,
        /// Oldest first; empty when there is no history yet.
        pub trend: Vec<f64>,
        pub ok: bool,
    }
    pub struct Progress {
        pub run_id: String,
        pub phase: RunPhase,
        pub done: u32,
        pub total: Option<u32>,
        pub per_second: u32,
        /// A sentence.
        pub text: String,
    }
    pub struct RunView {
        pub id: String,
        pub trigger: String,
        pub actor: Option<String>,
        pub status: RunStatus,
        #[ts(type = "number")]
        pub started_at_ms: i64,
        #[ts(type = "number | null")]
        pub ended_at_ms: Option<i64>,
        pub counts: RunCounts,
        pub problem: Option<String>,
        pub progress: Option<Progress>,
    }
    #[derive(Default)]
    pub struct RunCounts {
        pub servicenow: u32,
        pub ehr: u32,
        pub linked: u32,
        pub compared: u32,
        pub equal: u32,
        pub settled: u32,
        pub conflicts: u32,
        pub created: u32,
        pub writes_servicenow: u32,
        pub writes_ehr: u32,
        pub malformed: u32,
        pub possible_duplicates: u32,
    }
    /// A run, and what a run that only plans would do.
    pub struct RunReport {
        pub run: RunView,
        /// Patients that rules settle or create.
        pub to_settle: u32,
        pub planned_writes_servicenow: u32,
        pub planned_writes_ehr: u32,
        pub to_create: u32,
        pub writes_failed: u32,
        pub vanished: u32,
    }
    pub struct Home {
        pub remotes: Vec<RemoteState>,
        pub metrics: Vec<Metric>,
        pub need_you: u32,
        pub need_second: u32,
        pub settled_last_run: u32,
        pub status_counts: StatusCounts,
        pub run: Option<RunView>,
        pub last_run: Option<RunView>,
        /// What runs next by itself.
        pub next_run: Option<PlannedRun>,
        pub settled: Vec<SettledItem>,
        /// Read only from the cache: a remote is not answering.
        pub offline: bool,
        /// Nothing can be stored.
        pub storage: Option<StorageTrouble>,
        /// The MID Server, where one is named.
        pub mid_server: Option<MidServerView>,
    }
    /// Why nothing can be stored, for as long as that lasts.
    pub struct StorageTrouble {
        pub fault: StorageFault,
        /// What is wrong.
        pub words: String,
        /// What to do.
        pub way_out: String,
        #[ts(type = "number")]
        pub since_ms: i64,
    }
    #[derive(Default)]
    pub struct StatusCounts {
        pub agreed: u32,
        pub waiting: u32,
        pub differs: u32,
        pub only_service_now: u32,
        pub only_ehr: u32,
    }
    /// One automatic settlement, for review.
    pub struct SettledItem {
        pub plan_id: String,
        pub patient_id: String,
        pub patient: String,
        pub sentence: String,
        #[ts(type = "number")]
        pub at_ms: i64,
    }
    pub struct StartRun {
        /// One patient, or everything.
        pub patient_id: Option<String>,
        /// Compare and plan, write nothing.
        pub plan_only: bool,
        /// Records of this kind only; where it is not said, of every kind.
        #[serde(default)]
        #[ts(optional)]
        pub kind: Option<Kind>,
    }
    pub struct BrakedView {
        /// What the brake stopped, if anything waits behind it.
        pub braked: Option<BrakedRun>,
    }
    /// A run that would change more than the brake allows, until two persons let exactly that go on.
    pub struct BrakedRun {
        pub run_id: String,
        /// Names exactly what was counted.
        pub hash: String,
        /// Why it was stopped: how many would be changed, and how many may be.
        pub words: String,
        /// What would be written, the gravest first.
        pub counts: Vec<BrakedCount>,
        /// What becomes of an earlier request whose count is another one by now.
        pub recounted: Option<String>,
        pub patients: u32,
        pub writes_service_now: u32,
        pub writes_ehr: u32,
        pub creates: u32,
        #[ts(type = "number")]
        pub stopped_at_ms: i64,
        /// Who asks to go on; none while nobody has.
        pub maker: Option<String>,
        pub reason: Option<String>,
        pub may_continue: bool,
        pub who_can: Option<String>,
        /// One person is enough here: what is asked for begins at once.
        pub one_person: bool,
        /// A run is under way: until its end nothing can be asked.
        pub run_under_way: bool,
    }
    /// Values that would be written, of one field, or records that would be created.
    pub struct BrakedCount {
        /// "Owner's phone"
        pub label: String,
        pub service_now: u32,
        pub ehr: u32,
        /// Of these, values that would be emptied.
        pub emptied: u32,
    }
    /// The first person asks with a reason; another one agrees. The hash is what both saw.
    pub struct ContinueBraked {
        pub hash: String,
        pub reason: Option<String>,
    }
    pub struct Continued {
        /// None while it waits for the second person.
        pub run: Option<RunView>,
        pub braked: Option<BrakedRun>,
    }
}

declared_here!();
