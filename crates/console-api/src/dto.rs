//! What crosses the seam to the console. Plain data, times in Unix milliseconds, numbers that fit a double.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

macro_rules! dto {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident : $ty:ty),* $(,)? })*) => {
        $($(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "the names say it")]
        pub struct $name { $($(#[$fmeta])* pub $field: $ty),* })*
        fn struct_declarations(config: &ts_rs::Config) -> Vec<String> {
            vec![$(<$name as TS>::decl(config)),*]
        }
    };
}
macro_rules! dto_enum {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident),* $(,)? })*) => {
        $($(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "the names say it")]
        pub enum $name { $($(#[$vmeta])* $variant),* })*
        fn enum_declarations(config: &ts_rs::Config) -> Vec<String> {
            vec![$(<$name as TS>::decl(config)),*]
        }
    };
}

/// Gathers the TypeScript of a module's `dto_enum!` and `dto!`.
macro_rules! declared_here {
    () => {
        /// The TypeScript of every type here.
        pub(super) fn declarations(config: &ts_rs::Config) -> Vec<String> {
            let mut all = enum_declarations(config);
            all.extend(struct_declarations(config));
            all
        }
    };
}

mod duplicates;
mod home;
mod news;
mod patients;
mod planning;
mod quarantine;
mod queue;
mod reports;
mod schedule;
mod visits;
pub use duplicates::*;
pub use home::*;
pub use news::*;
pub use patients::*;
pub use planning::*;
pub use quarantine::*;
pub use queue::*;
pub use reports::*;
pub use schedule::*;
pub use visits::*;

dto_enum! {
    /// One of the two external systems.
    pub enum RemoteName {
        ServiceNow,
        Ehr,
    }
    /// Roles (console: "People and what they may do").
    pub enum Role {
        FrontDesk,
        Clinician,
        It,
        Admin,
        Auditor,
    }
    /// What a role may do; the UI hides or explains what is not listed.
    pub enum Capability {
        SeePatients,
        SeeConflicts,
        DecideDemographic,
        DecideClinical,
        ApproveSecond,
        SyncOne,
        SyncAll,
        VerifyPatient,
        SeeReceipts,
        /// See and export reports of runs and of days.
        SeeReports,
        Undo,
        LinkPatients,
        SeeRaw,
        SeeQuarantine,
        WorkQuarantine,
        SwitchPerson,
        /// See the queue, breakers, pauses and incidents.
        SeeQueue,
        /// Retry, replay, edit and cancel operations.
        EditQueue,
        /// Pause, resume, try now.
        ControlRemotes,
        AcknowledgeIncidents,
    }
    /// What an error means to the UI; everything else is shown as its message.
    pub enum ErrorCode {
        NotAllowed,
        NotFound,
        Moved,
        Invalid,
        Offline,
        Locked,
        Internal,
    }
    /// What a change invalidates in the UI's cache.
    pub enum Tag {
        Home,
        Patients,
        Patient,
        Conflicts,
        Conflict,
        Plans,
        Receipts,
        Runs,
        Quarantine,
        Session,
        Queue,
        Remotes,
        Incidents,
    }
}

dto! {
    /// An error as the UI sees it.
    pub struct ApiError {
        pub code: ErrorCode,
        pub message: String,
        /// What to do about it.
        pub way_out: String,
        /// The field it is about, if one.
        pub field: Option<String>,
    }
    pub struct Person {
        pub id: String,
        pub name: String,
        pub role: Role,
    }
    pub struct Session {
        pub person: Person,
        pub people: Vec<Person>,
        pub capabilities: Vec<Capability>,
        /// Running on sample data.
        pub demo: bool,
        pub version: String,
        pub hospital: String,
    }
    pub struct Nothing {}
    pub struct Id {
        pub id: String,
    }
    pub struct SwitchPerson {
        pub person_id: String,
    }
    /// Sent to every open console.
    pub struct Changed {
        pub tags: Vec<Tag>,
        /// The patient, conflict or plan it is about, if one.
        pub id: Option<String>,
    }
}

/// What the engine pushes to the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Event {
    Changed(Changed),
    Progress(Progress),
}

/// The TypeScript of every type here, one exported declaration each, by name: where a type stands does not show.
pub fn declarations() -> Vec<String> {
    let config = ts_rs::Config::default();
    let mut all = enum_declarations(&config);
    all.extend(struct_declarations(&config));
    all.push(<Event as TS>::decl(&config));
    for module in [
        duplicates::declarations,
        home::declarations,
        patients::declarations,
        planning::declarations,
        quarantine::declarations,
        queue::declarations,
        news::declarations,
        reports::declarations,
        schedule::declarations,
        visits::declarations,
    ] {
        all.extend(module(&config));
    }
    // Each begins with "type Name".
    all.sort();
    all.into_iter().map(|declaration| format!("export {declaration}")).collect()
}
