//! What every store must do, whichever database stands behind it. Each property has a name and a store of its own.
//!
//! Used by the tests of this crate; a second implementation joins by calling [`exercise`] with its own constructor.

mod cases_batch;
mod cases_finishing;
mod cases_inbox;
mod cases_incidents;
mod cases_outbox;
mod cases_pairs;
mod cases_people;
mod cases_reports;
mod cases_schedule;
mod cases_search;
pub mod rows;

use std::{fmt::Debug, future::Future, pin::Pin};

use crate::{Result, Store, StoreError};

/// A property that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{property}: {problem}")]
pub struct Broken {
    /// Its name.
    pub property: &'static str,
    /// What was found instead.
    pub problem: String,
}

/// What a case comes to.
type Verdict = std::result::Result<(), String>;

/// A case under way.
type Trial<'s> = Pin<Box<dyn Future<Output = Verdict> + Send + 's>>;

/// One property: a name and a way to try it on an empty store.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    run: for<'s> fn(&'s dyn Store) -> Trial<'s>,
}

/// Names an async function as a case.
macro_rules! cases {
    ($($name:literal => $function:ident),+ $(,)?) => {
        pub(super) const CASES: &[super::Case] =
            &[$(super::Case { name: $name, run: |store| Box::pin($function(store)) }),+];
    };
}
pub(crate) use cases;

/// Tries every property on a fresh store each and lists what does not hold. `make_store` yields an empty store.
pub async fn exercise<S, F>(mut make_store: impl FnMut() -> F) -> Vec<Broken>
where
    S: Store,
    F: Future<Output = Result<S>>,
{
    let mut broken = Vec::new();
    for case in all_cases() {
        let verdict = match make_store().await {
            Ok(store) => {
                let verdict = (case.run)(&store).await;
                let sound = soundness(&store).await;
                store.close().await;
                verdict.and(sound)
            }
            Err(error) => Err(format!("no store to try it on: {error}")),
        };
        if let Err(problem) = verdict {
            broken.push(Broken { property: case.name, problem });
        }
    }
    broken
}

/// The names of all properties, for reports.
pub fn properties() -> Vec<&'static str> {
    all_cases().map(|case| case.name).collect()
}

fn all_cases() -> impl Iterator<Item = &'static Case> {
    [
        cases_pairs::CASES,
        cases_outbox::CASES,
        cases_finishing::CASES,
        cases_inbox::CASES,
        cases_batch::CASES,
        cases_incidents::CASES,
        cases_people::CASES,
        cases_reports::CASES,
        cases_schedule::CASES,
        cases_search::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Whatever a case did, the store finds itself sound afterwards.
async fn soundness(store: &dyn Store) -> Verdict {
    same("problems found by the store's own check", store.check().await.map_err(text)?, Vec::<String>::new())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Both are the same, or the case is broken.
#[allow(clippy::needless_pass_by_value, reason = "both are made for this one comparison")]
fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Verdict {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}")) }
}

fn holds(what: &str, condition: bool) -> Verdict {
    if condition { Ok(()) } else { Err(what.to_owned()) }
}

/// The schema refused.
fn refused<T: Debug>(what: &str, result: Result<T>) -> Verdict {
    match result {
        Err(StoreError::Refused { .. }) => Ok(()),
        other => Err(format!("{what}: expected to be refused, found {other:?}")),
    }
}

/// A condition was no longer met.
fn moved<T: Debug>(what: &str, result: Result<T>) -> Verdict {
    match result {
        Err(StoreError::Moved { .. }) => Ok(()),
        other => Err(format!("{what}: expected to have moved, found {other:?}")),
    }
}
