//! What a run counts.

use crate::error::{Result, decode};
use reconcile::compare::Rule;
use record::RecordKind;
use serde::{Deserialize, Serialize};
use store::RunRow;

/// What a run counted. Encoded into [`RunRow::counts`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    /// Records read from ServiceNow.
    pub servicenow: u64,
    /// Records read from the EHR.
    pub ehr: u64,
    /// Pairs newly linked.
    pub linked: u64,
    /// Pairs compared.
    pub compared: u64,
    /// Pairs in which nothing differs.
    pub equal: u64,
    /// Fields settled by rule.
    pub settled: u64,
    /// Pairs with an open conflict, by grade 3 and 4.
    pub conflicts: [u64; 2],
    /// Records created on the side that lacked them.
    pub created: u64,
    /// Writes carried out, ServiceNow and EHR.
    pub writes: [u64; 2],
    /// Writes that could not be carried out.
    pub writes_failed: u64,
    /// Payloads that could not be read.
    pub malformed: u64,
    /// Possible duplicates found.
    pub possible_duplicates: u64,
    /// Patients that rules settle or create (with `plan_only`: would).
    pub to_settle: u64,
    /// Writes that rules plan on what both sides have, ServiceNow and EHR.
    pub planned_writes: [u64; 2],
    /// Records that are to be created on the side that lacks them.
    pub to_create: u64,
    /// Records that vanished from a remote.
    pub vanished: u64,
    /// Appointments and treatments that wait because their patient is not linked.
    #[serde(skip_serializing_if = "is_none")]
    pub waiting_for_patients: u64,
    /// Fields settled, by the rule that settled them; they add up to `settled`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<(Rule, u64)>,
    /// The same of each kind, where a run was about more than one; the figures above are their sums.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<(RecordKind, RunCounts)>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands references to these")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

impl RunCounts {
    /// The sum over kinds, which stay beside it where they are several.
    pub(crate) fn of_kinds(kinds: Vec<(RecordKind, RunCounts)>) -> RunCounts {
        let mut sum = RunCounts::default();
        for (_, one) in &kinds {
            sum.add(one);
        }
        if kinds.len() > 1 {
            sum.kinds = kinds;
        }
        sum
    }

    /// Adds what another kind or run counted; `kinds` stay as they are.
    pub fn add(&mut self, one: &RunCounts) {
        self.servicenow += one.servicenow;
        self.ehr += one.ehr;
        self.linked += one.linked;
        self.compared += one.compared;
        self.equal += one.equal;
        self.settled += one.settled;
        for at in 0..2 {
            self.conflicts[at] += one.conflicts[at];
            self.writes[at] += one.writes[at];
            self.planned_writes[at] += one.planned_writes[at];
        }
        self.created += one.created;
        self.writes_failed += one.writes_failed;
        self.malformed += one.malformed;
        self.possible_duplicates += one.possible_duplicates;
        self.to_settle += one.to_settle;
        self.to_create += one.to_create;
        self.vanished += one.vanished;
        self.waiting_for_patients += one.waiting_for_patients;
        for (rule, fields) in &one.rules {
            self.settled_by(*rule, *fields);
        }
    }

    /// Counts fields that a rule settled.
    pub(crate) fn settled_by(&mut self, rule: Rule, fields: u64) {
        match self.rules.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, count)) => *count += fields,
            None => {
                self.rules.push((rule, fields));
                self.rules.sort_unstable_by_key(|(rule, _)| *rule);
            }
        }
    }
}

/// Reads a run's counts.
pub fn counts_of(row: &RunRow) -> Result<RunCounts> {
    decode("counts", &row.counts)
}
