//! The default rows of an appointment.

use super::patient::row;
use super::{AppointmentPlace, BothSidesRule, Catalogue, FhirPlace, FieldSpec, OneSideRule, ValueType};
use crate::kind::RecordKind;

fn at(id: &str, label: &str, value_type: ValueType, place: AppointmentPlace) -> FieldSpec {
    row(id, label, value_type, FhirPlace::Appointment(place))
}

/// When, how long and with whom move together or not at all.
fn slot(row: FieldSpec) -> FieldSpec {
    FieldSpec { group: Some("slot".to_owned()), ..row }
}

impl Catalogue {
    /// The default fields of an appointment (design: "Field catalogue"), in the order every screen shows them.
    pub fn appointment_default() -> Catalogue {
        let fields = vec![
            FieldSpec {
                one_side: OneSideRule::Ask,
                ..at("patient", "Patient", ValueType::PatientLink, AppointmentPlace::Patient)
            },
            slot(at("appointment_date", "Date and time", ValueType::Instant, AppointmentPlace::Start)),
            slot(at(
                "duration_minutes",
                "Duration in minutes",
                ValueType::Minutes,
                AppointmentPlace::Duration,
            )),
            slot(at("assigned_clinician", "Clinician", ValueType::Person, AppointmentPlace::Clinician)),
            at(
                "appointment_type",
                "Type of appointment",
                ValueType::AppointmentType,
                AppointmentPlace::ServiceType,
            ),
            at("reason_for_visit", "Reason for the visit", ValueType::Text, AppointmentPlace::Reason),
            FieldSpec {
                both_sides: BothSidesRule::FurtherAlong,
                ..at("appointment_status", "Status", ValueType::AppointmentStatus, AppointmentPlace::Status)
            },
        ];
        Catalogue { kind: RecordKind::Appointment, fields }
    }
}
