//! What has to hold when the day is over: both sides equal or a question open, and nothing forgotten.

use super::Judge;
use super::reading::Said;
use crate::books::Books;
use crate::history::side;
use record::Remote;
use std::collections::{BTreeMap, BTreeSet};
use store::{ConflictCause, ConflictState, OperationState, PairRow, PlanState};

pub(super) fn check(judge: &Judge<'_>, wrong: &mut Vec<String>) {
    if judge.day.restless.is_some() {
        // Whatever is not done yet follows from that.
        return;
    }
    records(judge, wrong);
    books(judge.books, wrong);
    for approved in judge.day.approved.iter().filter(|approved| approved.executing) {
        let state = judge.books.plans.get(&approved.plan).map(|plan| plan.state);
        let parked =
            judge.books.operations.iter().any(|operation| {
                operation.plan == approved.plan && operation.state == OperationState::Parked
            });
        if !matches!(state, Some(PlanState::Done | PlanState::Superseded)) && !parked {
            wrong.push(format!("plan {} was approved and is {state:?}", approved.plan));
        }
    }
}

fn records(judge: &Judge<'_>, wrong: &mut Vec<String>) {
    let mut pairs: BTreeMap<(Remote, &str), Vec<&PairRow>> = BTreeMap::new();
    for (pair, _, _) in &judge.books.pairs {
        for remote in Remote::BOTH {
            if let Some(key) = Books::key(pair, remote) {
                pairs.entry((remote, key)).or_default().push(pair);
            }
        }
    }
    let offered: BTreeSet<&str> = judge.books.open.iter().map(|conflict| conflict.pair.as_str()).collect();
    let a_duplicate_is_asked_about =
        judge.books.open.iter().any(|conflict| conflict.cause == ConflictCause::MaybeDuplicate);
    for (place, states) in &judge.timeline.states {
        let Some(seen) = states.last().and_then(|state| state.seen.as_ref()) else { continue };
        let name = format!("{} {}", side(place.0), place.1);
        let pair = match pairs.get(&(place.0, place.1.as_str())).map(Vec::as_slice) {
            None | Some([]) => {
                wrong.push(format!("{name}: the product knows nothing of it"));
                continue;
            }
            Some([pair]) => *pair,
            Some(_) => {
                wrong.push(format!("{name}: belongs to two patients"));
                continue;
            }
        };
        let asked = offered.contains(pair.id.as_str());
        let Some(partner) = judge.partners.get(place) else {
            if seen.active && !seen.deceased && !asked && !a_duplicate_is_asked_about {
                wrong.push(format!("{name}: stands alone and nobody is asked"));
            }
            continue;
        };
        let Some(other) = judge.timeline.last(partner) else {
            let about_that = judge.books.open.iter().any(|conflict| {
                let decided = conflict.state == ConflictState::AwaitingSecond;
                conflict.pair == pair.id && (decided || conflict.cause != ConflictCause::FieldsDiffer)
            });
            if !about_that {
                wrong.push(format!("{name}: its partner is gone and nobody is asked about that"));
            }
            continue;
        };
        if place.0 == Remote::Ehr {
            continue; // Looked at from the other side.
        }
        let conflict = judge.books.open.iter().find(|conflict| conflict.pair == pair.id);
        for field in Said::ALL.into_iter().filter(|field| seen.field(*field) != other.field(*field)) {
            let covered = conflict.is_some_and(|conflict| {
                conflict.cause != ConflictCause::FieldsDiffer
                    || conflict.fields.split(',').any(|id| id == field.id())
            });
            if !covered {
                wrong.push(format!(
                    "{name}: {field:?} is {:?} here and {:?} there, and nobody is asked",
                    seen.field(field),
                    other.field(field)
                ));
            }
        }
    }
}

fn books(books: &Books, wrong: &mut Vec<String>) {
    let parked: BTreeSet<&str> = books
        .operations
        .iter()
        .filter(|operation| operation.state == OperationState::Parked)
        .map(|operation| operation.plan.as_str())
        .collect();
    for plan in books.plans.values() {
        if plan.state == PlanState::AwaitingCheck {
            wrong.push(format!("plan {} of {} waits for its check for ever", plan.id, plan.maker));
        }
        if plan.state == PlanState::Approved && !parked.contains(plan.id.as_str()) {
            wrong.push(format!("plan {} of {} is approved and nothing carries it out", plan.id, plan.maker));
        }
    }
    for conflict in &books.open {
        let its_plans =
            || books.plans.values().filter(|plan| plan.conflict.as_deref() == Some(conflict.id.as_str()));
        match conflict.state {
            ConflictState::Executing => {
                wrong.push(format!("conflict {} is being carried out for ever", conflict.id));
            }
            ConflictState::AwaitingSecond
                if !its_plans().any(|plan| plan.state == PlanState::AwaitingSecond) =>
            {
                wrong.push(format!("conflict {} waits for a second person without a plan", conflict.id));
            }
            ConflictState::AwaitingSecond | ConflictState::Open | ConflictState::Closed => {}
        }
    }
    for run in books.runs.iter().filter(|run| run.state == "running") {
        wrong.push(format!("run {} runs for ever", run.id));
    }
    for operation in &books.operations {
        if operation.state == OperationState::Done && !books.receipts.contains_key(&operation.id) {
            wrong.push(format!("operation {} is done and has no receipt", operation.id));
        }
    }
    // What a message says nobody can read stays there for a person; every record can be read in the end.
    for record in books.quarantine.iter().filter_map(store::QuarantineRow::record) {
        wrong.push(format!("{} {}: in quarantine although it can be read", side(record.remote), record.key));
    }
    wrong.extend(books.unsound.iter().map(|problem| format!("the database is not sound: {problem}")));
}
