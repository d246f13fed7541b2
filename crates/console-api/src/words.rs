//! Sentences: one per difference, settlement and piece of evidence, in words a receptionist uses.

use crate::dto::{RemoteName, RuleName, SameWhy, WhyAsked};
use reconcile::compare::{Rule, Why};
use reconcile::identity::{Evidence, KeyFact, Tier};
use reconcile::merge;
use reconcile::sides::{Relation, relate};
use reconcile::{FieldComparison, Settlement};
use record::catalogue::{Direction, OneSideRule};
use record::{FieldSpec, FieldState, Remote, SameBecause, Value};

/// "The owner's phone differs: ServiceNow says …, the EHR says …"
pub fn difference(spec: &FieldSpec, field: &FieldComparison) -> String {
    let label = &spec.label;
    match &field.settlement {
        Settlement::Nothing => match field.same_because {
            None if matches!(field.servicenow, FieldState::Unknown)
                || matches!(field.ehr, FieldState::Unknown) =>
            {
                format!("{label} is hidden from us in one system and is left alone.")
            }
            None => format!("{label} is the same in both systems."),
            Some(because) => format!("{label} is the same in both systems: {}.", same_words(because)),
        },
        Settlement::Settle { value, rule } => {
            format!("{label} will be {}: {}.", quoted(value), rule_words(*rule, field.changed_by))
        }
        Settlement::Ask { why, .. } => {
            format!(
                "{label}: ServiceNow says {}, the EHR says {}. {}",
                quoted(&field.servicenow),
                quoted(&field.ehr),
                why_of(*why, field)
            )
        }
    }
}

/// A word as it stands alone: "Dog" for "dog".
pub fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// A value in quotation marks, or "nothing".
pub fn quoted(state: &FieldState) -> String {
    match state {
        FieldState::Unknown => "nothing we may see".to_owned(),
        FieldState::Blank => "nothing".to_owned(),
        FieldState::Value(_) | FieldState::Invalid { .. } => {
            let text = state.display();
            let mut short: String = text.chars().take(120).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            format!("“{short}”")
        }
    }
}

/// "same because …"
pub const fn same_words(because: SameBecause) -> &'static str {
    match because {
        SameBecause::CaseOrBlanks => "only capitals, blanks or punctuation differ",
        SameBecause::PhoneFormat => "it is the same number, written differently",
        SameBecause::EmailCase => "it is the same address, written differently",
        SameBecause::SameConcept => "both names mean the same",
        SameBecause::SameChip => "it is the same chip number, written differently",
        SameBecause::SameSet => "the same items in another order or spelling",
        SameBecause::SameAmount => "it is the same amount in another unit, within rounding",
        SameBecause::SameMeaningOfSex => "both terms mean the same",
        SameBecause::LineEndings => "only line endings or trailing blanks differ",
        SameBecause::BothBlank => "both are empty",
        SameBecause::SameInstant => "it is the same moment, written differently",
        SameBecause::SamePerson => "it is the same person, under each system's own key",
        SameBecause::SameStage => "both mean the same stage of the visit",
    }
}

/// Why a rule may settle it.
pub fn rule_words(rule: Rule, changed_by: Option<Remote>) -> String {
    let side = changed_by.map_or("one system", Remote::label);
    match rule {
        Rule::OneSideChanged => format!("only {side} changed it since both agreed"),
        Rule::BlankFilled => "the other system had nothing there".to_owned(),
        Rule::AllergyAdded => "an allergy was added, and additions spread".to_owned(),
        Rule::NeuteringRecorded => "the animal was neutered since both agreed".to_owned(),
        Rule::FinerDate => "one date is a finer form of the other".to_owned(),
        Rule::LinesMerged => "both added lines that do not touch each other".to_owned(),
        Rule::BothChangedAlike => "both systems changed it to the same".to_owned(),
        Rule::FurtherAlong => "both systems changed it, and one is further along".to_owned(),
    }
}

/// Why a person is asked.
pub const fn why_words(why: Why) -> &'static str {
    match why {
        Why::BothChanged => "Both systems changed it since they last agreed.",
        Why::NeverAgreed => "The two systems have never agreed on it.",
        Why::IdentityChanged => "It tells which animal this is, so two people decide.",
        Why::AllergyRemovedOrReworded => {
            "An allergy was removed or reworded in one system; two people decide that."
        }
        Why::Blanked => "One system emptied it; two people decide whether it goes.",
        Why::SexChanged => "The recorded sex changed.",
        Why::NeuteringReversed => "A neutered animal is said to be intact again.",
        Why::EhrEditedOneWayField => "It flows from ServiceNow to the EHR only, and was edited in the EHR.",
        Why::ValueUnreadable => "One system holds something that cannot be read as this field.",
        Why::GroupMovesTogether => "It moves together with a field that needs a decision.",
        Why::MergeConflict => "Both systems changed the same lines.",
        Why::AlwaysAsked => "This field is always decided by a person.",
    }
}

/// Why a person is asked about this very field. Nothing was edited where both never agreed: it just stands there.
pub const fn why_of(why: Why, field: &FieldComparison) -> &'static str {
    match (why, &field.base) {
        (Why::EhrEditedOneWayField, FieldState::Unknown | FieldState::Invalid { .. }) => {
            "It stands only in the EHR; this field does not flow to ServiceNow by itself."
        }
        _ => why_words(why),
    }
}

/// A remote in the middle of a sentence.
pub const fn place(remote: Remote) -> &'static str {
    match remote {
        Remote::ServiceNow => "ServiceNow",
        Remote::Ehr => "the EHR",
    }
}

/// The DTO's system as the engine names it.
pub const fn remote_of(remote: RemoteName) -> Remote {
    match remote {
        RemoteName::ServiceNow => Remote::ServiceNow,
        RemoteName::Ehr => Remote::Ehr,
    }
}

/// `2 appointments and 1 treatment`, `nothing`.
pub fn counted(counts: &[(u32, &str)]) -> String {
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" and ") }
}

/// `the name and the owner's phone number`.
pub fn facts_words(facts: &[KeyFact]) -> String {
    let words: Vec<&str> = facts
        .iter()
        .map(|fact| match fact {
            KeyFact::Name => "the name",
            KeyFact::Species => "the species",
            KeyFact::BirthDate => "the birth date",
            KeyFact::Sex => "the sex",
            KeyFact::Microchip => "the microchip",
            KeyFact::Owner => "the owner",
            KeyFact::Phone => "the owner's phone number",
            KeyFact::Email => "the owner's e-mail address",
        })
        .collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => "something".to_owned(),
    }
}

/// Why this value is suggested, told from what the rules saw; nothing where there is no more to tell than the value.
pub fn suggestion_words(
    spec: &FieldSpec,
    field: &FieldComparison,
    why: Why,
    value: &FieldState,
) -> Option<String> {
    let (servicenow, ehr) = (&field.servicenow, &field.ehr);
    let usual = spec.direction == Direction::ServiceNowToEhr || spec.one_side == OneSideRule::TakeServiceNow;
    let has_base = matches!(field.base, FieldState::Blank | FieldState::Value(_));
    let words = match why {
        Why::ValueUnreadable if matches!(value, FieldState::Value(_)) => "It is the one that can be read.",
        Why::NeuteringReversed => "A neutered animal does not become intact again.",
        _ if keeps_everything(field, value) => "Keeping everything is the safe direction.",
        _ if is_finer_date(servicenow, ehr, value) => "It is the finer of two dates that fit together.",
        _ if value == servicenow && ehr.is_blank() || value == ehr && servicenow.is_blank() => {
            "It is the only value there is; the other system has nothing."
        }
        _ if has_base && *value == field.base => {
            if usual && value == servicenow {
                "It is the value of the system this field usually comes from."
            } else {
                "It is what both systems last agreed on."
            }
        }
        _ if usual && value == servicenow => "It is the value of the system this field usually comes from.",
        _ => {
            let by = field.changed_by.filter(|_| has_base)?;
            let changed = match by {
                Remote::ServiceNow => servicenow,
                Remote::Ehr => ehr,
            };
            return (value == changed).then(|| format!("Only {} changed it since both agreed.", place(by)));
        }
    };
    Some(words.to_owned())
}

/// Whether a value loses no substance and no line of either side.
fn keeps_everything(field: &FieldComparison, value: &FieldState) -> bool {
    match value {
        FieldState::Value(Value::Substances(kept)) => {
            merge::has_real(kept)
                && [&field.base, &field.servicenow, &field.ehr].into_iter().all(|state| match state {
                    FieldState::Value(Value::Substances(set)) => !merge::loses_real(set, kept),
                    _ => true,
                })
        }
        FieldState::Value(Value::LongText(_)) => {
            *value != field.servicenow && *value != field.ehr && *value != field.base
        }
        _ => false,
    }
}

fn is_finer_date(servicenow: &FieldState, ehr: &FieldState, value: &FieldState) -> bool {
    matches!(value, FieldState::Value(Value::Date(_)))
        && match relate(servicenow, ehr) {
            Relation::LeftFiner => value == servicenow,
            Relation::RightFiner => value == ehr,
            Relation::Different | Relation::Hidden | Relation::Unreadable | Relation::Same(_) => false,
        }
}

/// Evidence for (`true`) or against.
pub const fn evidence_words(evidence: Evidence) -> (bool, &'static str) {
    match evidence {
        Evidence::SameChip => (true, "They carry the same microchip number."),
        Evidence::SameReference => (true, "Both carry the number of the same record of the other system."),
        Evidence::DifferentChips => {
            (false, "They carry different microchip numbers (an animal can have two).")
        }
        Evidence::NameAlike => (true, "Their names are alike."),
        Evidence::NameDifferent => (false, "Their names differ."),
        Evidence::NameCarriesNoWeight => (false, "The name says little (like “Unknown” or “Kitten 3”)."),
        Evidence::SameSpecies => (true, "They are of the same species."),
        Evidence::DifferentSpecies => (false, "They are of different species."),
        Evidence::SamePhone => (true, "Their owners have the same phone number."),
        Evidence::SameEmail => (true, "Their owners have the same e-mail address."),
        Evidence::OwnerAlike => (true, "Their owners' names are alike."),
        Evidence::OwnerDifferent => (false, "Their owners' names differ."),
        Evidence::BirthDateAlike => (true, "Their birth dates fit together."),
        Evidence::BirthDateDifferent => (false, "Their birth dates differ."),
        Evidence::SexDifferent => (false, "Their sexes differ."),
        Evidence::SamePatient => (true, "They are for the same patient."),
        Evidence::SameTime => (true, "They begin at the same time."),
        Evidence::TimeAlike => (true, "They begin within an hour of each other."),
        Evidence::SameClinician => (true, "They are with the same clinician."),
        Evidence::DifferentClinicians => (false, "They are with different clinicians."),
    }
}

/// What speaks for it, and what speaks against it.
pub fn evidence_sentences(evidence: &[Evidence]) -> [Vec<String>; 2] {
    [true, false].map(|wanted| {
        evidence
            .iter()
            .map(|evidence| evidence_words(*evidence))
            .filter(|(speaks_for, _)| *speaks_for == wanted)
            .map(|(_, sentence)| sentence.to_owned())
            .collect()
    })
}

/// How strong a likeness is.
pub const fn tier_words(tier: Tier) -> &'static str {
    match tier {
        Tier::Possible => "possible",
        Tier::Probable => "probable",
        Tier::Contradictory => "same microchip, yet contradictory",
    }
}

/// The DTO's names.
pub const fn same_why(because: SameBecause) -> SameWhy {
    match because {
        SameBecause::CaseOrBlanks => SameWhy::CaseOrBlanks,
        SameBecause::PhoneFormat => SameWhy::PhoneFormat,
        SameBecause::EmailCase => SameWhy::EmailCase,
        SameBecause::SameConcept => SameWhy::SameConcept,
        SameBecause::SameChip => SameWhy::SameChip,
        SameBecause::SameSet => SameWhy::SameSet,
        SameBecause::SameAmount => SameWhy::SameAmount,
        SameBecause::SameMeaningOfSex => SameWhy::SameMeaningOfSex,
        SameBecause::LineEndings => SameWhy::LineEndings,
        SameBecause::BothBlank => SameWhy::BothBlank,
        SameBecause::SameInstant => SameWhy::SameInstant,
        SameBecause::SamePerson => SameWhy::SamePerson,
        SameBecause::SameStage => SameWhy::SameStage,
    }
}

/// The DTO's names.
pub const fn why_asked(why: Why) -> WhyAsked {
    match why {
        Why::BothChanged => WhyAsked::BothChanged,
        Why::NeverAgreed => WhyAsked::NeverAgreed,
        Why::IdentityChanged => WhyAsked::IdentityChanged,
        Why::AllergyRemovedOrReworded => WhyAsked::AllergyRemovedOrReworded,
        Why::Blanked => WhyAsked::Blanked,
        Why::SexChanged => WhyAsked::SexChanged,
        Why::NeuteringReversed => WhyAsked::NeuteringReversed,
        Why::EhrEditedOneWayField => WhyAsked::EhrEditedOneWayField,
        Why::ValueUnreadable => WhyAsked::ValueUnreadable,
        Why::GroupMovesTogether => WhyAsked::GroupMovesTogether,
        Why::MergeConflict => WhyAsked::MergeConflict,
        Why::AlwaysAsked => WhyAsked::AlwaysAsked,
    }
}

/// The DTO's names.
pub const fn rule_name(rule: Rule) -> RuleName {
    match rule {
        Rule::OneSideChanged => RuleName::OneSideChanged,
        Rule::BlankFilled => RuleName::BlankFilled,
        Rule::AllergyAdded => RuleName::AllergyAdded,
        Rule::NeuteringRecorded => RuleName::NeuteringRecorded,
        Rule::FinerDate => RuleName::FinerDate,
        Rule::LinesMerged => RuleName::LinesMerged,
        Rule::BothChangedAlike => RuleName::BothChangedAlike,
        Rule::FurtherAlong => RuleName::FurtherAlong,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use reconcile::Grade;
    use record::{Catalogue, FieldIx};

    fn compared(base: FieldState, servicenow: FieldState, ehr: FieldState) -> FieldComparison {
        FieldComparison {
            field: FieldIx(0),
            base,
            servicenow,
            ehr,
            grade: Grade::Person,
            same_because: None,
            changed_by: None,
            settlement: Settlement::Nothing,
        }
    }

    fn text(words: &str) -> FieldState {
        FieldState::Value(Value::Text(words.to_owned()))
    }

    /// A reason is told from what the rules saw; without anything seen there is none.
    #[test]
    fn a_suggestion_says_why_and_never_guesses() {
        let catalogue = Catalogue::patient_default();
        let both_ways = catalogue.spec(catalogue.index_of("owner_phone").unwrap()).unwrap();
        let one_way = FieldSpec { direction: Direction::ServiceNowToEhr, ..both_ways.clone() };
        let contradicting = || compared(FieldState::Unknown, text("one"), text("other"));
        let reason = |spec: &FieldSpec, field: &FieldComparison, why, value| {
            suggestion_words(spec, field, why, value).unwrap_or_default()
        };
        let usual = "It is the value of the system this field usually comes from.";
        let field = contradicting();
        assert_eq!(reason(&one_way, &field, Why::NeverAgreed, &field.servicenow), usual);
        assert_eq!(reason(both_ways, &field, Why::NeverAgreed, &field.servicenow), "");
        assert_eq!(reason(&one_way, &field, Why::NeverAgreed, &field.ehr), "");
        assert_eq!(
            reason(both_ways, &field, Why::ValueUnreadable, &field.ehr),
            "It is the one that can be read."
        );
        let alone = compared(FieldState::Unknown, FieldState::Blank, text("note"));
        assert!(
            reason(&one_way, &alone, Why::EhrEditedOneWayField, &alone.ehr)
                .starts_with("It is the only value")
        );
    }

    #[test]
    fn nothing_is_called_edited_that_never_was_agreed() {
        let first = compared(FieldState::Unknown, FieldState::Blank, text("note"));
        assert!(why_of(Why::EhrEditedOneWayField, &first).starts_with("It stands only in the EHR"));
        let edited = compared(text("agreed"), text("agreed"), text("note"));
        assert!(why_of(Why::EhrEditedOneWayField, &edited).ends_with("edited in the EHR."));
    }

    #[test]
    fn a_species_stands_with_a_capital() {
        assert_eq!(capitalised("dog"), "Dog");
        assert_eq!(capitalised(""), "");
    }
}
