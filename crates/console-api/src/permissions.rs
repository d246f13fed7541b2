//! Who may do what (console: "People and what they may do"). Deny by default: what is not listed is not allowed.

use crate::dto::{Capability, Person, Role};
use record::catalogue::FieldOwner;

/// Everything a role may do.
pub fn capabilities(role: Role) -> &'static [Capability] {
    use Capability as C;
    match role {
        Role::FrontDesk => &[
            C::SeePatients,
            C::SeeConflicts,
            C::DecideDemographic,
            C::SyncOne,
            C::VerifyPatient,
            C::SeeReceipts,
            C::Undo,
            C::LinkPatients,
        ],
        Role::Clinician => &[
            C::SeePatients,
            C::SeeConflicts,
            C::DecideClinical,
            C::SyncOne,
            C::VerifyPatient,
            C::SeeReceipts,
            C::Undo,
            C::SeeRaw,
        ],
        Role::It => &[
            C::SeePatients,
            C::SeeConflicts,
            C::VerifyPatient,
            C::SeeReceipts,
            C::SeeReports,
            C::SeeRaw,
            C::SeeQuarantine,
            C::WorkQuarantine,
            C::SeeQueue,
            C::EditQueue,
            C::ControlRemotes,
            C::AcknowledgeIncidents,
        ],
        Role::Admin => &[
            C::SeePatients,
            C::SeeConflicts,
            C::DecideDemographic,
            C::DecideClinical,
            C::ApproveSecond,
            C::SyncOne,
            C::SyncAll,
            C::VerifyPatient,
            C::SeeReceipts,
            C::SeeReports,
            C::Undo,
            C::LinkPatients,
            C::SeeRaw,
            C::SeeQuarantine,
            C::WorkQuarantine,
            C::SeeQueue,
            C::EditQueue,
            C::ControlRemotes,
            C::AcknowledgeIncidents,
        ],
        Role::Auditor => &[C::SeePatients, C::SeeReceipts, C::SeeReports],
    }
}

/// Whether a person may do something.
pub fn may(person: &Person, capability: Capability) -> bool {
    capabilities(person.role).contains(&capability)
}

/// What deciding a field takes.
pub const fn to_decide(owner: FieldOwner) -> Capability {
    match owner {
        FieldOwner::FrontDesk => Capability::DecideDemographic,
        FieldOwner::Clinician => Capability::DecideClinical,
    }
}

/// Who can, in words.
pub const fn who_can(capability: Capability) -> &'static str {
    match capability {
        Capability::DecideDemographic | Capability::LinkPatients => "the front desk or an administrator",
        Capability::DecideClinical => "a clinician or an administrator",
        Capability::ApproveSecond | Capability::SyncAll => "an administrator",
        Capability::SyncOne | Capability::Undo => "the front desk, a clinician or an administrator",
        Capability::SeePatients | Capability::SeeReceipts => "everybody",
        Capability::SeeConflicts => "everybody but auditors",
        Capability::VerifyPatient => "the front desk, clinicians, IT and administrators",
        Capability::SeeReports => "auditors, IT and administrators",
        Capability::SeeRaw => "clinicians, IT and administrators",
        Capability::SeeQuarantine
        | Capability::WorkQuarantine
        | Capability::SeeQueue
        | Capability::EditQueue
        | Capability::ControlRemotes
        | Capability::AcknowledgeIncidents => "IT or an administrator",
        Capability::SwitchPerson => "nobody outside the sample data",
    }
}
