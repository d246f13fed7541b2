//! What a report says of a run beside its counts: where everything stood when the run ended. It is kept in the commit that
//! ends the run and never changes, whatever happens later to what it tells of. Ids, fields and counts; no values of
//! patients, and people by id.

use crate::error::{Result, decode, encode};
use crate::step::Engine;
use record::{RecordKind, Remote};
use serde::{Deserialize, Serialize};
use store::{
    Answer, AnswerCount, Change, ConflictCause, ConflictFilter, ConflictState, PairStatus, RunRow, Store,
};

/// Open questions that are named; beyond these they are counted.
pub const OPEN_MAX: u32 = 500;

/// What is kept of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFacts {
    /// The run before it of the same sort, with which it is compared.
    pub before: Option<String>,
    /// Since when answers are counted: the end of the run before, or its own beginning.
    pub since_ms: i64,
    /// Where the pairs stood, by kind.
    pub pairs: Vec<PairTotals>,
    /// What people answered since, by person.
    pub answers: Vec<Answered>,
    /// Questions that were open, the gravest first, [`OPEN_MAX`] at most.
    pub open: Vec<OpenQuestion>,
    /// How many there were in all.
    pub open_total: u64,
    /// Records that could not be read, by cause.
    pub unreadable: Vec<Unreadable>,
    /// Writes that had not got through, by cause.
    pub stuck: Vec<Stuck>,
}

/// Pairs of one kind by where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairTotals {
    /// Of which kind.
    pub kind: RecordKind,
    /// Both sides hold what was agreed.
    pub agreed: u64,
    /// Linked, and writes are under way or something else is waited for.
    pub waiting: u64,
    /// Linked, and a question is open.
    pub differs: u64,
    /// In one system only.
    pub single: u64,
}

impl PairTotals {
    /// Pairs of which both systems have a record.
    pub const fn linked(&self) -> u64 {
        self.agreed + self.waiting + self.differs
    }

    /// Counts by status, as the store gives them.
    pub fn of(kind: RecordKind, counts: &[(PairStatus, u64)]) -> PairTotals {
        let mut totals = PairTotals { kind, agreed: 0, waiting: 0, differs: 0, single: 0 };
        for (status, count) in counts {
            match status {
                PairStatus::Agreed => totals.agreed += count,
                PairStatus::Waiting => totals.waiting += count,
                PairStatus::Differs => totals.differs += count,
                PairStatus::OnlyServiceNow | PairStatus::OnlyEhr => totals.single += count,
            }
        }
        totals
    }
}

/// How often somebody decided.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Answered {
    /// Who, by id.
    pub person: String,
    /// Plans approved.
    pub approved: u64,
    /// Plans refused or taken back.
    pub refused: u64,
    /// "The same animal", and "not the same animal".
    pub likenesses: u64,
}

/// Adds answers up by person, in the order of their ids.
pub fn by_person(answers: &[AnswerCount]) -> Vec<Answered> {
    let mut people: std::collections::BTreeMap<&str, Answered> = std::collections::BTreeMap::new();
    for answer in answers {
        // A likeness remembers its person as what closed it, a plan as its approver: they are the same person.
        let id = answer.person.strip_prefix("person:").unwrap_or(&answer.person);
        let person =
            people.entry(id).or_insert_with(|| Answered { person: id.to_owned(), ..Answered::default() });
        match answer.answer {
            Answer::Approved => person.approved += answer.count,
            Answer::Refused => person.refused += answer.count,
            Answer::Same | Answer::Different => person.likenesses += answer.count,
        }
    }
    people.into_values().collect()
}

/// A question that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// The conflict.
    pub conflict: String,
    /// The pair it is about.
    pub pair: String,
    /// Of which kind; none where the pair is gone.
    pub kind: Option<RecordKind>,
    /// What sort of question.
    pub cause: Sort,
    /// 3 or 4.
    pub grade: u8,
    /// Ids of the fields.
    pub fields: Vec<String>,
    /// When it opened.
    pub opened_at_ms: i64,
    /// Decided, and not carried out yet.
    pub decided: bool,
}

/// [`ConflictCause`] as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sort {
    FieldsDiffer,
    MaybeDuplicate,
    NotStored,
    Vanished,
    CannotCreate,
    Overwritten,
    RuleBroken,
}

impl From<ConflictCause> for Sort {
    fn from(cause: ConflictCause) -> Sort {
        match cause {
            ConflictCause::FieldsDiffer => Sort::FieldsDiffer,
            ConflictCause::MaybeDuplicate => Sort::MaybeDuplicate,
            ConflictCause::NotStored => Sort::NotStored,
            ConflictCause::Vanished => Sort::Vanished,
            ConflictCause::CannotCreate => Sort::CannotCreate,
            ConflictCause::Overwritten => Sort::Overwritten,
            ConflictCause::RuleBroken => Sort::RuleBroken,
        }
    }
}

/// Records and messages that could not be read, alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// Of which remote.
    pub remote: Remote,
    /// Of which kind, where that could be told.
    pub kind: Option<RecordKind>,
    /// The field's id; empty where none could be told.
    pub field: String,
    /// The class of problem.
    pub class: String,
    /// How many.
    pub count: u64,
}

/// Writes that did not get through, alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// [`crate::causes::Cause::key`].
    pub cause: String,
    /// How many.
    pub count: u64,
    /// Of these, writes that a person has to look at.
    pub parked: u64,
}

/// Where everything stands now. `since_ms` is for the answers.
pub async fn standing(
    store: &dyn Store,
    kinds: &[RecordKind],
    since_ms: i64,
    now_ms: i64,
) -> Result<RunFacts> {
    let mut facts = RunFacts { since_ms, ..RunFacts::default() };
    for kind in kinds {
        facts.pairs.push(PairTotals::of(*kind, &store.pair_counts(*kind).await?));
    }
    facts.answers = by_person(&store.answers_between(since_ms, now_ms + 1).await?);
    let unfinished = ConflictFilter {
        states: vec![ConflictState::Open, ConflictState::AwaitingSecond, ConflictState::Executing],
        ..ConflictFilter::default()
    };
    // What is snoozed is open all the same.
    let (open, total) = store.conflicts(&unfinished, i64::MAX, 0, OPEN_MAX).await?;
    facts.open_total = total;
    for row in open {
        let kind = store.pair(&row.pair).await?.map(|pair| pair.kind);
        facts.open.push(OpenQuestion {
            kind,
            cause: row.cause.into(),
            grade: row.grade,
            fields: row.fields.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect(),
            opened_at_ms: row.opened_at_ms,
            decided: row.state == ConflictState::Executing,
            conflict: row.id,
            pair: row.pair,
        });
    }
    let unreadable = store.quarantine_causes().await?.into_iter();
    facts.unreadable = unreadable
        .map(|counted| Unreadable {
            remote: counted.cause.remote,
            kind: counted.cause.kind,
            field: counted.cause.field,
            class: counted.cause.class,
            count: counted.open,
        })
        .collect();
    let stuck = store.operation_causes().await?.into_iter();
    facts.stuck =
        stuck.map(|cause| Stuck { cause: cause.cause, count: cause.count, parked: cause.parked }).collect();
    Ok(facts)
}

/// What was kept of a run. None of runs that an earlier version of VetSync ended, and of those that ended with their process.
pub async fn kept(store: &dyn Store, run: &str) -> Result<Option<RunFacts>> {
    store.run_facts(run).await?.map(|text| decode("report", &text)).transpose()
}

impl Engine {
    /// What is kept of a run that ends now.
    pub(crate) async fn frozen_facts(&self, run: &RunRow, now_ms: i64) -> Result<Change> {
        let before = self.store.run_before(run).await?;
        let since_ms = before.as_ref().and_then(|before| before.ended_at_ms).unwrap_or(run.started_at_ms);
        let standing = standing(&*self.store, &self.kinds, since_ms, now_ms).await?;
        let facts = RunFacts { before: before.map(|before| before.id), ..standing };
        Ok(Change::FreezeReport { run: run.id.clone(), facts: encode("report", &facts)?, at_ms: now_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_added_up_by_person() {
        let count = |person: &str, answer, count| AnswerCount { person: person.to_owned(), answer, count };
        let people = by_person(&[
            count("ana", Answer::Approved, 2),
            count("ana", Answer::Refused, 1),
            count("ben", Answer::Approved, 4),
            count("person:ana", Answer::Same, 3),
            count("person:ana", Answer::Different, 5),
        ]);
        let answered = |person: &str, approved, refused, likenesses| Answered {
            person: person.to_owned(),
            approved,
            refused,
            likenesses,
        };
        assert_eq!(people, [answered("ana", 2, 1, 8), answered("ben", 4, 0, 0)]);
    }

    #[test]
    fn linked_is_what_both_systems_have() {
        let counts = [
            (PairStatus::Agreed, 90),
            (PairStatus::Waiting, 4),
            (PairStatus::Differs, 6),
            (PairStatus::OnlyEhr, 3),
            (PairStatus::OnlyServiceNow, 2),
        ];
        let totals = PairTotals::of(RecordKind::Patient, &counts);
        assert_eq!((totals.linked(), totals.single, totals.agreed), (100, 5, 90));
    }
}
