//! Every decision of a comparison against the sample clinic's known right answers.

use engine::Lenses;
use engine::step::{load_context, load_side};
use reconcile::Settlement;
use record::{FieldState, RecordKind, Remote};
use serde::Serialize;
use simulator::clinic::{Expected, FieldTruth, LinkTruth, PairTruth, Truth};
use std::collections::BTreeMap;
use store::Store;

/// What was right and what was wrong.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verdict {
    /// Fields with a difference that the truth knows of.
    pub differences: u64,
    /// Settled without a person although that does harm.
    pub harmful: u64,
    /// Should have been asked and was not.
    pub missed: u64,
    /// Asked although both say the same.
    pub asked_although_equal: u64,
    /// Asked although a rule should have settled it.
    pub asked_although_settleable: u64,
    /// Settled to another value than the right one.
    pub wrong_value: u64,
    /// Linked although they are two animals, or that was for a person to say.
    pub wrong_links: u64,
    /// Not linked although it is certain.
    pub missed_links: u64,
    /// One line per wrong decision: keys and field names, never values.
    pub wrong: Vec<String>,
}

impl Verdict {
    /// How many decisions were wrong.
    pub fn wrong_decisions(&self) -> u64 {
        self.harmful + self.missed + self.wrong_value + self.wrong_links + self.missed_links
    }

    /// Counts a decision about one field.
    pub fn count(&mut self, decision: FieldVerdict, line: impl FnOnce() -> String) {
        let slot = match decision {
            FieldVerdict::Right => return,
            FieldVerdict::Harmful => &mut self.harmful,
            FieldVerdict::Missed => &mut self.missed,
            FieldVerdict::WrongValue => &mut self.wrong_value,
            FieldVerdict::AskedAlthoughEqual => &mut self.asked_although_equal,
            FieldVerdict::AskedAlthoughSettleable => &mut self.asked_although_settleable,
        };
        *slot += 1;
        self.wrong.push(line());
    }
}

/// Judges what a *plan-only* comparison says about every pair, before anything is written.
pub async fn judge(
    store: &dyn Store,
    lenses: &Lenses,
    truth: &Truth,
) -> Result<Verdict, engine::EngineError> {
    let mut verdict = Verdict::default();
    for pair in &truth.pairs {
        judge_pair(store, lenses, pair, &mut verdict).await?;
    }
    Ok(verdict)
}

async fn judge_pair(
    store: &dyn Store,
    lenses: &Lenses,
    truth: &PairTruth,
    verdict: &mut Verdict,
) -> Result<(), engine::EngineError> {
    let by = |remote: Remote, key: Option<&String>| {
        let key = key.cloned();
        async move {
            match key {
                Some(key) => store.pair_by_key(remote, RecordKind::Patient, &key).await,
                None => Ok(None),
            }
        }
    };
    let servicenow = by(Remote::ServiceNow, truth.servicenow_key.as_ref()).await?;
    let ehr = by(Remote::Ehr, truth.ehr_key.as_ref()).await?;
    let name = || {
        format!(
            "{}/{}",
            truth.servicenow_key.as_deref().unwrap_or("-"),
            truth.ehr_key.as_deref().unwrap_or("-")
        )
    };
    let linked = matches!((&servicenow, &ehr), (Some(one), Some(other)) if one.id == other.id);
    match (truth.link, linked) {
        (LinkTruth::CrossReference | LinkTruth::Microchip, true) => {}
        (LinkTruth::CrossReference | LinkTruth::Microchip, false) => {
            verdict.missed_links += 1;
            verdict.wrong.push(format!("{}: not linked", name()));
            return Ok(());
        }
        (LinkTruth::Ask, true) => {
            verdict.wrong_links += 1;
            verdict.wrong.push(format!("{}: linked without asking", name()));
            return Ok(());
        }
        (LinkTruth::Ask, false) => {
            let mut asked = false;
            for pair in [&servicenow, &ehr].into_iter().flatten() {
                asked |= store.open_conflict_of(&pair.id).await?.is_some();
            }
            if !asked {
                verdict.missed += 1;
                verdict.wrong.push(format!("{}: a possible duplicate was not asked about", name()));
            }
            return Ok(());
        }
        (LinkTruth::Alone, _) => {
            // Alone and asked about: something resembles it that the clinic did not mean to.
            for pair in [&servicenow, &ehr].into_iter().flatten() {
                if store.open_conflict_of(&pair.id).await?.is_some() {
                    verdict.asked_although_settleable += 1;
                }
            }
            return Ok(());
        }
    }
    let Some(pair) = servicenow else { return Ok(()) };
    let Some(context) = load_context(store, lenses, pair).await? else { return Ok(()) };
    let comparison = reconcile::compare(&context.state(lenses));
    for (field, spec) in lenses.catalogue(record::RecordKind::Patient).iter() {
        let known = truth.fields.iter().find(|known| known.field == spec.id);
        let Some(compared) = comparison.fields.get(usize::from(field.0)) else { continue };
        let verdict_of = judge_field(known, &compared.settlement, &compared.servicenow, &compared.ehr);
        if known.is_some_and(|known| known.expected != Expected::Equal) {
            verdict.differences += 1;
        }
        verdict.count(verdict_of, || format!("{} {}: {verdict_of:?}", name(), spec.id));
    }
    Ok(())
}

/// What a decision about one field is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FieldVerdict {
    Right,
    Harmful,
    Missed,
    WrongValue,
    AskedAlthoughEqual,
    AskedAlthoughSettleable,
}

/// Holds a decision against the known right one; without a known one the field is equal.
pub fn judge_field(
    known: Option<&FieldTruth>,
    settlement: &Settlement,
    servicenow: &FieldState,
    ehr: &FieldState,
) -> FieldVerdict {
    let expected = known.map_or(&Expected::Equal, |known| &known.expected);
    match (expected, settlement) {
        (Expected::Equal, Settlement::Nothing) | (Expected::Ask, Settlement::Ask { .. }) => {
            FieldVerdict::Right
        }
        (Expected::Equal, Settlement::Ask { .. }) => FieldVerdict::AskedAlthoughEqual,
        // Both made the same change: the base moves to what both hold, and nothing is written.
        (Expected::Equal, Settlement::Settle { value, .. })
            if reconcile::sides::same(value, servicenow) && reconcile::sides::same(value, ehr) =>
        {
            FieldVerdict::Right
        }
        // Anything else would be written over a value that is right.
        (Expected::Equal, Settlement::Settle { .. }) => FieldVerdict::WrongValue,
        (Expected::Ask, Settlement::Settle { .. }) => FieldVerdict::Harmful,
        (Expected::Ask, Settlement::Nothing) => FieldVerdict::Missed,
        // Settled in an earlier run: both sides hold it by now. A first of the month or of January that may stand for an
        // unknown day is the same as the coarser date and is not completed.
        (_, Settlement::Nothing)
            if reconcile::sides::same(servicenow, ehr) || reconcile::sides::is_padded(servicenow, ehr) =>
        {
            FieldVerdict::Right
        }
        (_, Settlement::Nothing) => FieldVerdict::Missed,
        (_, Settlement::Ask { .. }) => {
            if known.is_some_and(|known| known.ask_is_fine) {
                FieldVerdict::Right
            } else {
                FieldVerdict::AskedAlthoughSettleable
            }
        }
        (Expected::TakeServiceNow, Settlement::Settle { value, .. }) => {
            right_if(reconcile::sides::same(value, servicenow), known)
        }
        (Expected::TakeEhr, Settlement::Settle { value, .. }) => {
            right_if(reconcile::sides::same(value, ehr), known)
        }
        (Expected::Settle(text), Settlement::Settle { value, .. }) => {
            right_if(same_lines(&value.display(), text), known)
        }
    }
}

fn right_if(right: bool, known: Option<&FieldTruth>) -> FieldVerdict {
    match (right, known.is_some_and(|known| known.harmful_if_auto)) {
        (true, _) => FieldVerdict::Right,
        (false, true) => FieldVerdict::Harmful,
        (false, false) => FieldVerdict::WrongValue,
    }
}

/// The same lines or items, whatever separates them and in whatever order.
fn same_lines(left: &str, right: &str) -> bool {
    let parts = |text: &str| {
        let mut parts: Vec<String> = text
            .split(['\n', ';', ','])
            .map(|part| part.trim().to_lowercase())
            .filter(|part| !part.is_empty())
            .collect();
        parts.sort_unstable();
        parts
    };
    parts(left) == parts(right)
}

/// Whether both sides of every linked pair now hold what the truth asks for, read from the store's snapshots.
pub async fn settled_right(
    store: &dyn Store,
    lenses: &Lenses,
    truth: &Truth,
) -> Result<Vec<String>, engine::EngineError> {
    let mut wrong = Vec::new();
    for pair in &truth.pairs {
        let (Some(servicenow_key), Some(ehr_key)) = (&pair.servicenow_key, &pair.ehr_key) else { continue };
        let (Some(one), Some(other)) = (
            load_side(store, RecordKind::Patient, Remote::ServiceNow, servicenow_key).await?,
            load_side(store, RecordKind::Patient, Remote::Ehr, ehr_key).await?,
        ) else {
            continue;
        };
        for known in &pair.fields {
            let should_agree =
                matches!(known.expected, Expected::TakeServiceNow | Expected::TakeEhr | Expected::Settle(_))
                    && !known.ask_is_fine;
            let left = one.record.by_id(lenses.catalogue(record::RecordKind::Patient), &known.field);
            let right = other.record.by_id(lenses.catalogue(record::RecordKind::Patient), &known.field);
            if should_agree
                && !reconcile::sides::same(left, right)
                && !reconcile::sides::is_padded(left, right)
            {
                wrong.push(format!(
                    "{servicenow_key}/{ehr_key} {}: still different after settling",
                    known.field
                ));
            }
        }
    }
    Ok(wrong)
}

/// Counts of open conflicts by grade.
pub fn by_grade(conflicts: &[store::ConflictRow]) -> BTreeMap<u8, u64> {
    let mut grades = BTreeMap::new();
    for conflict in conflicts {
        *grades.entry(conflict.grade).or_default() += 1;
    }
    grades
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

    use super::*;
    use reconcile::compare::{Rule, Why};
    use record::Value;

    fn name(text: &str) -> FieldState {
        FieldState::Value(Value::Name(text.to_owned()))
    }

    fn settled(value: &str) -> Settlement {
        Settlement::Settle { value: name(value), rule: Rule::BothChangedAlike }
    }

    #[test]
    fn what_both_hold_is_settled_right_and_anything_else_is_not() {
        let asked = Settlement::Ask { why: Why::NeverAgreed, suggestion: None };
        let cases = [
            // Nothing to do.
            ("Bella", "BELLA", Settlement::Nothing, FieldVerdict::Right),
            // Both changed it alike: only the base moves, in either spelling.
            ("Bella", "Bella", settled("Bella"), FieldVerdict::Right),
            ("Bella", "BELLA", settled("Bella"), FieldVerdict::Right),
            // A third value over two that are equal, and one side's over the other's.
            ("Bella", "Bella", settled("Bela"), FieldVerdict::WrongValue),
            ("Bella", "Bela", settled("Bella"), FieldVerdict::WrongValue),
            // A burden on people.
            ("Bella", "Bella", asked, FieldVerdict::AskedAlthoughEqual),
        ];
        let equal = FieldTruth {
            field: "patient_name".to_owned(),
            expected: Expected::Equal,
            ask_is_fine: false,
            harmful_if_auto: false,
        };
        for (servicenow, ehr, settlement, right) in cases {
            for known in [None, Some(&equal)] {
                let verdict = judge_field(known, &settlement, &name(servicenow), &name(ehr));
                assert_eq!(verdict, right, "{servicenow} {ehr} {settlement:?}");
            }
        }
    }
}
