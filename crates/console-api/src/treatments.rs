//! Where a treatment stands on its way from ServiceNow to the EHR, step by step.

use crate::dto::{StepState, VisitStep};
use crate::errors::sentence;
use engine::completion::{History, Standing};
use engine::one_sided::Hindrance;
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
    /// Whether both systems say the same of it.
    pub agrees: bool,
    /// Whether a person is asked about it.
    pub asked: bool,
    /// How far it is beyond what both systems say of it; none before both have it.
    pub standing: Option<Standing>,
    /// Whether treatments are billed here.
    pub bills: bool,
    /// Whether rows of completed treatments are archived here.
    pub archives: bool,
    /// What was refused in its lane waits for a person.
    pub refused: bool,
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
        _ if facts.agrees => (StepState::Done, None),
        (_, true, _) => (StepState::Blocked, Some("A person is asked about it.".to_owned())),
        (PairStatus::Waiting, false, StepState::Done) => {
            (StepState::UnderWay, Some("A new version is on its way.".to_owned()))
        }
        _ => (StepState::NotYet, None),
    };
    let history = history(facts, agreed.0);
    let mut all = vec![
        ("Completed in ServiceNow", completed),
        ("Checked", checked),
        ("Patient known in both systems", known),
        ("In the EHR", sent),
        ("Both agree", agreed),
        ("In the patient's medical history", history),
    ];
    let mut before = all.last().map_or(StepState::NotYet, |(_, (state, _))| *state);
    if facts.bills {
        let billed = billed(facts, before);
        before = billed.0;
        all.push(("Billed", billed));
    }
    if facts.archives {
        all.push(("Archived in ServiceNow", archived(facts, before)));
    }
    all.into_iter().map(|(title, (state, why))| step(title, state, why)).collect()
}

fn history(facts: &Facts, before: StepState) -> (StepState, Option<String>) {
    let Some(standing) = facts.standing.as_ref().filter(|_| before == StepState::Done) else {
        return (StepState::NotYet, None);
    };
    let History { conditions, procedures, medications, problems } = &standing.history;
    match problems.first() {
        Some(problem) => (StepState::Blocked, Some(format!("{} Correct it in the EHR.", sentence(problem)))),
        None => {
            let shown = [
                counted(*conditions, "diagnosis", "diagnoses"),
                counted(*procedures, "procedure", "procedures"),
                counted(*medications, "prescription", "prescriptions"),
            ];
            (StepState::Done, Some(format!("The EHR shows {}.", shown.join(", "))))
        }
    }
}

fn billed(facts: &Facts, before: StepState) -> (StepState, Option<String>) {
    let Some(standing) = facts.standing.as_ref().filter(|_| before == StepState::Done) else {
        return (StepState::NotYet, None);
    };
    let Some(bill) = &standing.bill else {
        return (
            StepState::Done,
            Some("It was given before VetSync began to bill: it is not billed.".to_owned()),
        );
    };
    if let Some(Hindrance::Finding { problem, way_out, .. }) = bill.problems.first() {
        return (StepState::Blocked, Some(format!("{} {}", sentence(problem), sentence(way_out))));
    }
    let mut why = vec![match (bill.billed.len(), bill.open.len()) {
        (0, 0) => "Nothing in it is billed.".to_owned(),
        (done, 0) => format!("{}.", counted(done, "line", "lines")),
        (done, open) => format!("{done} of {} lines.", done + open),
    }];
    if !bill.no_longer.is_empty() {
        why.push(format!(
            "{} billed with an earlier version and not in this one: credit {} in ServiceNow ({}).",
            match bill.no_longer.len() {
                1 => "1 line was".to_owned(),
                many => format!("{many} lines were"),
            },
            if bill.no_longer.len() == 1 { "it" } else { "them" },
            bill.no_longer.join(", ")
        ));
    }
    let state = match (bill.open.is_empty(), facts.refused || facts.asked) {
        (true, _) => StepState::Done,
        (false, true) => {
            why.push(
                "ServiceNow refused a line, or holds another one under its key: see the question.".to_owned(),
            );
            StepState::Blocked
        }
        (false, false) => StepState::UnderWay,
    };
    (state, Some(why.join(" ")))
}

fn archived(facts: &Facts, before: StepState) -> (StepState, Option<String>) {
    let Some(standing) = facts.standing.as_ref() else { return (StepState::NotYet, None) };
    match (standing.archived, before, facts.refused || facts.asked) {
        // People may have done it before everything else was: it says so.
        (Some(true), StepState::Done, _) => (StepState::Done, None),
        (_, StepState::Done, true) => {
            (StepState::Blocked, Some("ServiceNow refused it: see the question.".to_owned()))
        }
        (_, StepState::Done, false) => (StepState::UnderWay, None),
        (Some(true), _, _) => {
            (StepState::Waits, Some("Its row says so already, before all else was confirmed.".to_owned()))
        }
        _ => (StepState::NotYet, None),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StepState::{Blocked, Done, NotYet, UnderWay, Waits};
    use engine::completion::Bill;
    use record::fees::BillLine;

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
            agrees: true,
            standing: Some(Standing {
                history: History { conditions: 1, procedures: 2, ..History::default() },
                bill: None,
                archived: None,
            }),
            bills: false,
            archives: false,
            refused: false,
        }
    }

    fn states(facts: &Facts) -> [StepState; 6] {
        let states: Vec<StepState> = steps(facts).into_iter().map(|step| step.state).collect();
        states.try_into().unwrap()
    }

    #[test]
    fn each_treatment_says_where_it_stands() {
        let not_sent = Facts {
            in_ehr: false,
            version: None,
            status: PairStatus::OnlyServiceNow,
            agrees: false,
            standing: None,
            ..facts()
        };
        let errors = vec!["Diagnosis is missing. Write it.".to_owned(), "No clinician.".to_owned()];
        for (what, facts, expected) in [
            ("agreed", facts(), [Done, Done, Done, Done, Done, Done]),
            (
                "not completed",
                Facts { completed: false, ..not_sent.clone() },
                [Waits, NotYet, NotYet, NotYet, NotYet, NotYet],
            ),
            (
                "not compliant",
                Facts { errors, asked: true, ..not_sent.clone() },
                [Done, Blocked, NotYet, NotYet, Blocked, NotYet],
            ),
            (
                "patient unknown",
                Facts { patient_known: false, ..not_sent.clone() },
                [Done, Done, Waits, NotYet, NotYet, NotYet],
            ),
            (
                "queued",
                Facts { status: PairStatus::Waiting, ..not_sent.clone() },
                [Done, Done, Done, UnderWay, NotYet, NotYet],
            ),
            ("not looked at yet", not_sent, [Done, Done, Done, Waits, NotYet, NotYet]),
            (
                "changed later",
                Facts { status: PairStatus::Waiting, agrees: false, ..facts() },
                [Done, Done, Done, Done, UnderWay, NotYet],
            ),
            (
                "edited in the EHR",
                Facts { status: PairStatus::Differs, asked: true, agrees: false, ..facts() },
                [Done, Done, Done, Done, Blocked, NotYet],
            ),
            (
                "only in the EHR",
                Facts {
                    in_servicenow: false,
                    completed: false,
                    status: PairStatus::OnlyEhr,
                    agrees: false,
                    standing: None,
                    ..facts()
                },
                [NotYet, NotYet, NotYet, Done, NotYet, NotYet],
            ),
        ] {
            assert_eq!(states(&facts), expected, "{what}");
        }
    }

    fn line(code: &str) -> BillLine {
        BillLine {
            code: code.to_owned(),
            occurrence: 1,
            description: code.to_owned(),
            quantity: 1.into(),
            unit: "each".to_owned(),
            price: 45.into(),
            amount: 45.into(),
            currency: "USD".to_owned(),
        }
    }

    #[test]
    fn the_bill_and_the_archive_come_one_after_the_other() {
        let bill = |billed: &[&str], open: &[&str], no_longer: &[&str]| Bill {
            billed: billed.iter().map(|code| line(code)).collect(),
            open: open.iter().map(|code| line(code)).collect(),
            problems: Vec::new(),
            no_longer: no_longer.iter().map(|key| (*key).to_owned()).collect(),
        };
        let no_price = Hindrance::Finding {
            field: "procedures_performed".to_owned(),
            problem: "procedure 1 of 1 has no price".to_owned(),
            way_out: "add it".to_owned(),
        };
        let on = |bill: Option<Bill>, archived: bool| {
            let standing = Standing { bill, archived: Some(archived), ..facts().standing.unwrap() };
            Facts { bills: true, archives: true, standing: Some(standing), ..facts() }
        };
        let unpriced = Bill { problems: vec![no_price], ..bill(&[], &[], &[]) };
        let waiting = |facts: Facts| Facts { status: PairStatus::Waiting, ..facts };
        let refused =
            |facts: Facts| Facts { status: PairStatus::Differs, refused: true, asked: true, ..facts };
        for (facts, expected, said) in [
            (waiting(on(Some(bill(&["A"], &["B"], &[])), false)), [UnderWay, NotYet], "1 of 2 lines."),
            (waiting(on(Some(bill(&["A", "B"], &[], &[])), false)), [Done, UnderWay], "2 lines."),
            (on(Some(bill(&["A", "B"], &[], &[])), true), [Done, Done], "2 lines."),
            (on(Some(bill(&["A"], &[], &["t-B-1"])), true), [Done, Done], "credit it in ServiceNow (t-B-1)"),
            (refused(on(Some(unpriced), false)), [Blocked, NotYet], "has no price. Add it."),
            (refused(on(Some(bill(&["A"], &["B"], &[])), false)), [Blocked, NotYet], "see the question"),
            (refused(on(Some(bill(&["A"], &[], &[])), false)), [Done, Blocked], "1 line."),
            (waiting(on(Some(bill(&[], &["B"], &[])), true)), [UnderWay, Waits], "0 of 1 lines."),
            (on(None, true), [Done, Done], "before VetSync began"),
        ] {
            let steps = steps(&facts);
            let last: Vec<StepState> = steps[6..].iter().map(|step| step.state).collect();
            assert_eq!(last, expected, "{steps:?}");
            assert!(steps[6].why.as_deref().is_some_and(|why| why.contains(said)), "{:?}", steps[6].why);
        }
        // What the EHR does not show for this patient goes before both.
        let mut hidden = on(Some(bill(&[], &["B"], &[])), false);
        if let Some(standing) = &mut hidden.standing {
            standing.history.problems.push("condition 1 stands under another patient".to_owned());
        }
        let states: Vec<StepState> = steps(&hidden)[5..].iter().map(|step| step.state).collect();
        assert_eq!(states, [Blocked, NotYet, NotYet]);
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
