//! Statuses of appointments: ServiceNow's terms, FHIR's codes, and the stages both mean (wire-facts 3.2, 10.5).

use crate::text::fold_name;
use crate::value::{Conventions, Status};
use serde::{Deserialize, Serialize};

/// FHIR R4 `appointmentstatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum AppointmentStatus {
    Proposed,
    Pending,
    Waitlist,
    Booked,
    Arrived,
    CheckedIn,
    Fulfilled,
    Cancelled,
    #[serde(rename = "noshow")]
    NoShow,
    EnteredInError,
}

/// What a status says about the visit. Terms of one stage are one status: neither system can hold all terms of the other,
/// and a translation there and back must not move anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Wanted; nothing is promised.
    Requested,
    /// Promised to the owner.
    Booked,
    /// The animal is in the house.
    Present,
    /// It took place.
    Done,
    /// It was called off.
    Cancelled,
    /// Nobody came.
    NoShow,
    /// It should never have been entered.
    EnteredInError,
}

use AppointmentStatus::{
    Arrived, Booked, Cancelled, CheckedIn, EnteredInError, Fulfilled, NoShow, Pending, Proposed, Waitlist,
};

/// ServiceNow's everyday terms, folded, with FHIR's code of the same meaning. `in progress` has none of its own; its visit
/// is `checked-in`.
const TERMS: &[(&str, AppointmentStatus)] = &[
    ("requested", Proposed),
    ("request", Proposed),
    ("proposed", Proposed),
    ("tentative", Pending),
    ("pending", Pending),
    ("provisional", Pending),
    ("unconfirmed", Pending),
    ("waitlist", Waitlist),
    ("wait list", Waitlist),
    ("waitlisted", Waitlist),
    ("waiting list", Waitlist),
    ("scheduled", Booked),
    ("booked", Booked),
    ("confirmed", Booked),
    ("rescheduled", Booked),
    ("arrived", Arrived),
    ("checked in", CheckedIn),
    ("checkedin", CheckedIn),
    ("check in", CheckedIn),
    ("in progress", CheckedIn),
    ("with vet", CheckedIn),
    ("in consult", CheckedIn),
    ("in consultation", CheckedIn),
    ("in exam", CheckedIn),
    ("in treatment", CheckedIn),
    ("completed", Fulfilled),
    ("complete", Fulfilled),
    ("fulfilled", Fulfilled),
    ("done", Fulfilled),
    ("finished", Fulfilled),
    ("checked out", Fulfilled),
    ("cancelled", Cancelled),
    ("canceled", Cancelled),
    ("cancelled by owner", Cancelled),
    ("cancelled by client", Cancelled),
    ("cancelled by clinic", Cancelled),
    ("no show", NoShow),
    ("noshow", NoShow),
    ("did not attend", NoShow),
    ("dna", NoShow),
    ("missed", NoShow),
    ("entered in error", EnteredInError),
    ("duplicate", EnteredInError),
];

/// What a term of ServiceNow means: the hospital's own meaning first.
pub fn recognise(term: &str, conventions: &Conventions) -> Option<AppointmentStatus> {
    let mut folded = String::with_capacity(term.len());
    fold_name(term, &mut folded);
    if let Some(own) = super::species::own_name(&conventions.appointment_statuses, &folded) {
        return Some(*own);
    }
    TERMS.iter().find(|(known, _)| *known == folded).map(|(_, status)| *status)
}

impl AppointmentStatus {
    /// Every status, in FHIR's words.
    pub const ALL: [AppointmentStatus; 10] = [
        Proposed,
        Pending,
        Waitlist,
        Booked,
        Arrived,
        CheckedIn,
        Fulfilled,
        Cancelled,
        NoShow,
        EnteredInError,
    ];

    /// FHIR's code.
    pub const fn code(self) -> &'static str {
        match self {
            Proposed => "proposed",
            Pending => "pending",
            Waitlist => "waitlist",
            Booked => "booked",
            Arrived => "arrived",
            CheckedIn => "checked-in",
            Fulfilled => "fulfilled",
            Cancelled => "cancelled",
            NoShow => "noshow",
            EnteredInError => "entered-in-error",
        }
    }

    /// The inverse of [`AppointmentStatus::code`].
    pub fn from_code(code: &str) -> Option<AppointmentStatus> {
        AppointmentStatus::ALL.into_iter().find(|status| status.code() == code)
    }

    /// The stage it stands for.
    pub const fn stage(self) -> Stage {
        match self {
            Proposed | Pending | Waitlist => Stage::Requested,
            Booked => Stage::Booked,
            Arrived | CheckedIn => Stage::Present,
            Fulfilled => Stage::Done,
            Cancelled => Stage::Cancelled,
            NoShow => Stage::NoShow,
            EnteredInError => Stage::EnteredInError,
        }
    }

    /// The term written to ServiceNow: the hospital's own, else an everyday one in the form of a stored choice value.
    pub fn servicenow_term(self, conventions: &Conventions) -> &str {
        if let Some(own) = conventions.appointment_statuses_written.get(&self) {
            return own;
        }
        match self {
            Proposed => "requested",
            Pending => "tentative",
            Waitlist => "waitlist",
            Booked => "scheduled",
            Arrived => "arrived",
            CheckedIn => "checked_in",
            Fulfilled => "completed",
            Cancelled => "cancelled",
            NoShow => "no_show",
            EnteredInError => "entered_in_error",
        }
    }
}

impl Stage {
    /// The stable name of the stage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Requested => "requested",
            Stage::Booked => "booked",
            Stage::Present => "present",
            Stage::Done => "done",
            Stage::Cancelled => "cancelled",
            Stage::NoShow => "no_show",
            Stage::EnteredInError => "entered_in_error",
        }
    }

    /// Which of two different stages comes later in the life of one appointment; `None` where they contradict each other:
    /// called off or missed on one side, taking place on the other, or entered in error on one.
    pub const fn later(self, other: Stage) -> Option<Stage> {
        match (self, other) {
            // Called off or missed before it began: the end of what was only planned.
            (ended @ (Stage::Cancelled | Stage::NoShow), Stage::Requested | Stage::Booked)
            | (Stage::Requested | Stage::Booked, ended @ (Stage::Cancelled | Stage::NoShow)) => Some(ended),
            // Somebody worked on what should never have been entered; neither called off nor missed fits what took place, and
            // the two are told apart on the bill.
            (Stage::EnteredInError, _)
            | (_, Stage::EnteredInError)
            | (
                Stage::Cancelled | Stage::NoShow,
                Stage::Cancelled | Stage::NoShow | Stage::Present | Stage::Done,
            )
            | (Stage::Present | Stage::Done, Stage::Cancelled | Stage::NoShow) => None,
            (
                Stage::Requested | Stage::Booked | Stage::Present | Stage::Done,
                Stage::Requested | Stage::Booked | Stage::Present | Stage::Done,
            ) => Some(if (self as u8) < (other as u8) { other } else { self }),
        }
    }
}

impl Status {
    /// A status in FHIR's words.
    pub fn of(meaning: AppointmentStatus) -> Status {
        Status { raw: meaning.code().to_owned(), meaning }
    }

    /// The stage it stands for.
    pub const fn stage(&self) -> Stage {
        self.meaning.stage()
    }

    /// The text for a ServiceNow column over the one that stands there, which stays unless the stage is another.
    pub fn servicenow_text(&self, standing: &str, conventions: &Conventions) -> String {
        match recognise(standing, conventions) {
            Some(stands) if stands.stage() == self.stage() => return standing.to_owned(),
            Some(_) | None => {}
        }
        if recognise(&self.raw, conventions) == Some(self.meaning)
            && AppointmentStatus::from_code(&self.raw).is_none()
        {
            // A term of ServiceNow's own, as when a write is taken back.
            return self.raw.clone();
        }
        self.meaning.servicenow_term(conventions).to_owned()
    }
}
