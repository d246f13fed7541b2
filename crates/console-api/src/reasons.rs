//! Who has to say why. One rule for every act: whoever overrules something (a refusal, a limit, a question, a colleague)
//! writes why, and whoever reads it is named; whoever carries on with what is explained already may say something and
//! need not. A reason of blanks is none.

use crate::dto::{ApiError, ErrorCode};
use crate::errors::api;

/// An act that carries a reason, or may carry one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Approves a plan that two persons are needed for, as the first of them, where the plan itself gives no reason.
    ApproveGrave,
    /// Approves any other plan, or agrees as the second person.
    Approve,
    RefusePlan,
    AnswerDuplicate,
    Snooze,
    /// Has looked at a change that our write overtook.
    Seen,
    /// Asks to let a run go on that the brake stopped.
    ContinueBraked,
    /// Agrees to that as the second person.
    AgreeBraked,
    /// Sends a refused write again unchanged.
    RetryRefused,
    /// Sends a write at once that would be tried again by itself.
    RetryWaiting,
    Replay,
    EditWrite,
    CancelWrite,
    EditUnreadable,
    DismissUnreadable,
    Pause,
    Resume,
    TryNow,
    Acknowledge,
}

/// The longest reason, in characters: a page of a journal.
const LONGEST: usize = 2_000;

impl Act {
    /// What to write and who reads it, where a reason is needed.
    const fn needs(self) -> Option<&'static str> {
        match self {
            // A grave change stands on one person's word until the second person has read it.
            Act::ApproveGrave => Some("Write why, then approve: the second person reads it."),
            // The plan is the explanation; the second person answers the first one's reason; what only hastens, ends an
            // exception or says who looks after it explains itself.
            Act::Approve
            | Act::AgreeBraked
            | Act::RetryWaiting
            | Act::Resume
            | Act::TryNow
            | Act::Acknowledge => None,
            // Overrules the maker.
            Act::RefusePlan => Some("Write why, so that the maker can do better."),
            // Settles a question for good.
            Act::AnswerDuplicate => Some("Write what you know about the animals: the answer is remembered."),
            // Closes a question without deciding it.
            Act::Seen => Some("Write what you found when you looked."),
            // Keeps a question from the others.
            Act::Snooze => Some("Write why it can wait: whoever finds it again reads it."),
            // Overrules the brake.
            Act::ContinueBraked => Some("Write why this many changes are right: the second person reads it."),
            // Overrules the system's refusal; unchanged, it would be refused again.
            Act::RetryRefused | Act::Replay => Some("Write why it will work now, for the audit trail."),
            // Puts another value in the place of a decision.
            Act::EditWrite => Some("Write why the value is corrected here."),
            // Takes a decision back.
            Act::CancelWrite => Some("Write why: whoever decides the patient's fields afterwards reads it."),
            // Changes what a system sent.
            Act::EditUnreadable => Some("Write why it is corrected here: it stays with both texts."),
            // Leaves unread what a system sent.
            Act::DismissUnreadable => Some("Write why it is not needed, for the audit trail."),
            // Stops everybody's work with a system.
            Act::Pause => Some("Write why: everybody who waits for this system reads it."),
        }
    }

    /// The reason as it is kept.
    ///
    /// # Errors
    /// It is needed and missing, or too long; the field is `reason`.
    pub(crate) fn reason(self, given: Option<&str>) -> Result<Option<String>, ApiError> {
        let refused = |message: &str, way_out: &str| ApiError {
            field: Some("reason".to_owned()),
            ..api(ErrorCode::Invalid, message, way_out)
        };
        let reason = given.map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > LONGEST) {
            return Err(refused(
                "This reason is too long.",
                &format!("Say it in at most {LONGEST} characters."),
            ));
        }
        match (reason, self.needs()) {
            (Some(reason), _) => Ok(Some(reason.to_owned())),
            (None, Some(way_out)) => Err(refused("This needs a reason.", way_out)),
            (None, None) => Ok(None),
        }
    }

    /// The same for acts whose reason is stored as a text.
    pub(crate) fn reason_text(self, given: Option<&str>) -> Result<String, ApiError> {
        Ok(self.reason(given)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn whoever_overrules_something_says_why() {
        for (act, needed) in [
            (Act::ApproveGrave, true),
            (Act::Approve, false),
            (Act::RefusePlan, true),
            (Act::AnswerDuplicate, true),
            (Act::Snooze, true),
            (Act::Seen, true),
            (Act::ContinueBraked, true),
            (Act::AgreeBraked, false),
            (Act::RetryRefused, true),
            (Act::RetryWaiting, false),
            (Act::Replay, true),
            (Act::EditWrite, true),
            (Act::CancelWrite, true),
            (Act::EditUnreadable, true),
            (Act::DismissUnreadable, true),
            (Act::Pause, true),
            (Act::Resume, false),
            (Act::TryNow, false),
            (Act::Acknowledge, false),
        ] {
            for blank in [None, Some(""), Some(" \n")] {
                match act.reason(blank) {
                    Ok(reason) => assert!(!needed && reason.is_none(), "{act:?}: a blank reason is none"),
                    Err(error) => {
                        assert!(needed, "{act:?}");
                        assert_eq!(
                            (error.code, error.field.as_deref()),
                            (ErrorCode::Invalid, Some("reason"))
                        );
                        assert!(error.way_out.starts_with("Write "), "{act:?}: {}", error.way_out);
                    }
                }
            }
            assert_eq!(
                act.reason(Some(" the owner called ")),
                Ok(Some("the owner called".to_owned())),
                "{act:?}"
            );
            let long = "x".repeat(LONGEST + 1);
            assert_eq!(act.reason(Some(&long)).unwrap_err().field.as_deref(), Some("reason"), "{act:?}");
        }
    }
}
