//! What crosses the seam for *Duplicates*.

use super::{PatientStatus, RemoteName, Shown};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

dto_enum! {
    /// How likely two records are one animal. What is certain is linked by itself and not listed.
    pub enum DuplicateTier {
        /// The same microchip or number, yet plainly not the same animal.
        Contradictory,
        Probable,
        Possible,
    }
    /// Where the question stands.
    pub enum DuplicateState {
        Open,
        /// Somebody put it off.
        Later,
        /// Two animals.
        Different,
        /// One animal, to be merged in the system that has both records.
        ToMerge,
        /// One animal: linked, or merged since.
        Same,
    }
}

dto! {
    pub struct DuplicateQuery {
        /// Part of a name, an owner, a phone number or a microchip of either record.
        pub text: String,
        pub tier: Option<DuplicateTier>,
        /// What is open where it is not said.
        pub state: Option<DuplicateState>,
        pub offset: u32,
        pub limit: u32,
    }
    /// One of the two records.
    pub struct DuplicateRecord {
        pub patient_id: String,
        pub remote: RemoteName,
        /// Its key there.
        pub key: String,
        pub name: String,
        pub species: String,
        pub breed: String,
        pub owner: String,
        pub phone: String,
        pub chip: String,
        pub born: String,
        pub status: PatientStatus,
    }
    pub struct DuplicateItem {
        /// Names the two records.
        pub id: String,
        pub tier: DuplicateTier,
        /// Of the evidence, as the settings weigh it.
        pub points: i32,
        pub state: DuplicateState,
        pub one: DuplicateRecord,
        pub other: DuplicateRecord,
        pub for_sentences: Vec<String>,
        pub against_sentences: Vec<String>,
        /// When it was found or answered.
        #[ts(type = "number")]
        pub at_ms: i64,
        pub answered_by: Option<String>,
        /// Why it was answered so, or put off.
        pub reason: Option<String>,
        #[ts(type = "number | null")]
        pub later_until_ms: Option<i64>,
        /// Why it is asked although it was answered before: a sentence.
        pub asked_again: Option<String>,
        /// "Same animal" links the two here.
        pub linkable: bool,
        /// What to do instead.
        pub not_linkable_because: Option<String>,
    }
    pub struct DuplicateList {
        pub items: Vec<DuplicateItem>,
        /// Of this query.
        pub total: u32,
        /// Open ones by tier, whatever is asked for.
        pub contradictory: u32,
        pub probable: u32,
        pub possible: u32,
    }
    /// A field of both records.
    pub struct DuplicateField {
        pub field: String,
        pub label: String,
        pub one: Shown,
        pub other: Shown,
        /// Both say the same.
        pub same: bool,
    }
    /// What belongs to one of the two, in one of the systems.
    pub struct DependantCount {
        /// The first of the two records; otherwise the second.
        pub of_one: bool,
        pub remote: RemoteName,
        pub appointments: u32,
        pub treatments: u32,
    }
    pub struct DuplicateView {
        pub item: DuplicateItem,
        pub fields: Vec<DuplicateField>,
        pub dependants: Vec<DependantCount>,
        /// Who sits here may answer.
        pub may_answer: bool,
        /// What an answer leads to, before it is given.
        pub if_same: String,
        pub if_different: String,
    }
    /// Two patients that nothing brought together.
    pub struct DuplicateBetween {
        pub patient_id: String,
        pub other_patient_id: String,
    }
    pub struct DuplicateAnswer {
        pub id: String,
        pub reason: String,
    }
    pub struct DuplicateLater {
        pub id: String,
        #[ts(type = "number")]
        pub until_ms: i64,
        pub reason: String,
    }
}

declared_here!();
