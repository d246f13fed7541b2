//! What a hospital demands of appointments and treatments besides that both systems agree, and whom it takes for the
//! same animal.

use reconcile::identity::Matching;
use record::validate::{AppointmentLimits, ComplianceRules};

/// The rules of every kind that has some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// What is plausible of an appointment.
    pub appointments: AppointmentLimits,
    /// What a treatment must say before it is sent.
    pub treatments: ComplianceRules,
    /// Who is taken for the same animal.
    pub matching: Matching,
}
