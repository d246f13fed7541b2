//! Sentences: one per difference, settlement and piece of evidence, in words a receptionist uses.

use crate::dto::{RuleName, SameWhy, WhyAsked};
use reconcile::compare::{Rule, Why};
use reconcile::identity::{Evidence, Tier};
use reconcile::{FieldComparison, Settlement};
use record::{FieldSpec, FieldState, Remote, SameBecause};

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
                why_words(*why)
            )
        }
    }
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

/// Evidence for (`true`) or against.
pub const fn evidence_words(evidence: Evidence) -> (bool, &'static str) {
    match evidence {
        Evidence::SameChip => (true, "They carry the same microchip number."),
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
    }
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
    }
}
