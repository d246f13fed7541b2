//! Where a treatment stands on its way from ServiceNow to the EHR, step by step.

use crate::dto::{StepState, VisitStep};
use store::PairStatus;

/// What the steps are told from.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own; none follows from another")]
pub(crate) struct Facts {
    /// Whether ServiceNow has it.
    pub in_servicenow: bool,
    /// Whether its status there says that it is completed.
    pub completed: bool,
    /// What the compliance check found that keeps it from being sent, in sentences.
    pub errors: Vec<String>,
    /// Whether its patient is linked to one in the other system.
    pub patient_known: bool,
    /// The version that the EHR has; none where it has no treatment, or one that names no version.
    pub version: Option<u32>,
    /// Whether the EHR has it.
    pub in_ehr: bool,
    /// Where the pair stands.
    pub status: PairStatus,
    /// Whether a person is asked about it.
    pub asked: bool,
}

/// The steps in their order. One that is not reached says so, and why is told where it stops.
pub(crate) fn steps(facts: &Facts) -> Vec<VisitStep> {
    let step = |title: &str, state: StepState, why: Option<String>| VisitStep {
        title: title.to_owned(),
        state,
        why,
    };
    let completed = match (facts.in_servicenow, facts.completed) {
        // The EHR alone has it: nothing goes that way.
        (false, _) => (StepState::NotYet, Some("ServiceNow has no such treatment.".to_owned())),
        (true, false) => {
            (StepState::Waits, Some("Its status there does not say so yet. It follows by itself.".to_owned()))
        }
        (true, true) => (StepState::Done, None),
    };
    let checked = match (completed.0, &facts.errors[..]) {
        (StepState::Done, []) => (StepState::Done, None),
        (StepState::Done, [first, more @ ..]) => {
            let more = match more.len() {
                0 => String::new(),
                1 => " One thing more stands below.".to_owned(),
                count => format!(" {count} things more stand below."),
            };
            (StepState::Blocked, Some(format!("{first}{more}")))
        }
        _ => (StepState::NotYet, None),
    };
    let known = match (checked.0, facts.patient_known) {
        (StepState::Done, true) => (StepState::Done, None),
        (StepState::Done, false) => (
            StepState::Waits,
            Some("Its patient is not linked to one in the EHR. It follows by itself once it is.".to_owned()),
        ),
        _ => (StepState::NotYet, None),
    };
    let sent = match (facts.in_ehr, known.0, facts.status) {
        (true, _, _) => {
            (StepState::Done, facts.version.map(|version| format!("The EHR has version {version}.")))
        }
        (false, StepState::Done, PairStatus::Waiting) => (StepState::UnderWay, None),
        (false, StepState::Done, _) => {
            (StepState::Waits, Some("It is sent with the next comparison.".to_owned()))
        }
        (false, _, _) => (StepState::NotYet, None),
    };
    let agreed = match (facts.status, facts.asked, sent.0) {
        (PairStatus::Agreed, _, _) => (StepState::Done, None),
        (_, true, _) => (StepState::Blocked, Some("A person is asked about it.".to_owned())),
        (PairStatus::Waiting, false, StepState::Done) => {
            (StepState::UnderWay, Some("A new version is on its way.".to_owned()))
        }
        _ => (StepState::NotYet, None),
    };
    [
        ("Completed in ServiceNow", completed),
        ("Checked", checked),
        ("Patient known in both systems", known),
        ("In the EHR", sent),
        ("Both agree", agreed),
    ]
    .into_iter()
    .map(|(title, (state, why))| step(title, state, why))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use StepState::{Blocked, Done, NotYet, UnderWay, Waits};

    fn facts() -> Facts {
        Facts {
            in_servicenow: true,
            completed: true,
            errors: Vec::new(),
            patient_known: true,
            version: Some(1),
            in_ehr: true,
            status: PairStatus::Agreed,
            asked: false,
        }
    }

    fn states(facts: &Facts) -> [StepState; 5] {
        let states: Vec<StepState> = steps(facts).into_iter().map(|step| step.state).collect();
        states.try_into().unwrap()
    }

    #[test]
    fn each_treatment_says_where_it_stands() {
        let not_sent = Facts { in_ehr: false, version: None, status: PairStatus::OnlyServiceNow, ..facts() };
        let errors = vec!["Diagnosis is missing. Write it.".to_owned(), "No clinician.".to_owned()];
        for (what, facts, expected) in [
            ("agreed", facts(), [Done, Done, Done, Done, Done]),
            (
                "not completed",
                Facts { completed: false, ..not_sent.clone() },
                [Waits, NotYet, NotYet, NotYet, NotYet],
            ),
            (
                "not compliant",
                Facts { errors, asked: true, ..not_sent.clone() },
                [Done, Blocked, NotYet, NotYet, Blocked],
            ),
            (
                "patient unknown",
                Facts { patient_known: false, ..not_sent.clone() },
                [Done, Done, Waits, NotYet, NotYet],
            ),
            (
                "queued",
                Facts { status: PairStatus::Waiting, ..not_sent.clone() },
                [Done, Done, Done, UnderWay, NotYet],
            ),
            ("not looked at yet", not_sent, [Done, Done, Done, Waits, NotYet]),
            (
                "changed later",
                Facts { status: PairStatus::Waiting, ..facts() },
                [Done, Done, Done, Done, UnderWay],
            ),
            (
                "edited in the EHR",
                Facts { status: PairStatus::Differs, asked: true, ..facts() },
                [Done, Done, Done, Done, Blocked],
            ),
            (
                "only in the EHR",
                Facts { in_servicenow: false, completed: false, status: PairStatus::OnlyEhr, ..facts() },
                [NotYet, NotYet, NotYet, Done, NotYet],
            ),
        ] {
            assert_eq!(states(&facts), expected, "{what}");
        }
    }

    #[test]
    fn what_stops_it_is_said_once_with_how_much_more_there_is() {
        let errors: Vec<String> = ["First.", "Second.", "Third."].map(str::to_owned).to_vec();
        let said = |errors: &[String]| steps(&Facts { errors: errors.to_vec(), ..facts() })[1].why.clone();
        assert_eq!(said(&errors[..1]).as_deref(), Some("First."));
        assert_eq!(said(&errors[..2]).as_deref(), Some("First. One thing more stands below."));
        assert_eq!(said(&errors).as_deref(), Some("First. 2 things more stand below."));
    }
}
