//! Business rules of an appointment by itself; those between appointments stand in `reconcile`.

use super::{Finding, Severity, finding};
use crate::catalogue::{AppointmentPlace, Catalogue, FhirPlace, FieldSpec};
use crate::codes::appointment_status::Stage;
use crate::record::{FieldState, Record};
use crate::value::{Instant, Value};

/// Whether the patient of an appointment is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatientKnown {
    /// Linked, and alive as far as either system says.
    Alive,
    /// Linked; at least one system says that it died.
    Deceased,
    /// No linked patient has that key.
    Unknown,
}

/// What is plausible of an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppointmentLimits {
    /// Shorter ones are probably mistakes.
    pub minutes_min: u32,
    /// Longer ones are probably mistakes.
    pub minutes_max: u32,
    /// Appointments may be entered so long after they began: walk-ins and emergencies.
    pub entered_late_minutes: u32,
    /// Later ones probably have the wrong year.
    pub ahead_days_max: u32,
}

impl Default for AppointmentLimits {
    fn default() -> Self {
        AppointmentLimits { minutes_min: 5, minutes_max: 480, entered_late_minutes: 120, ahead_days_max: 730 }
    }
}

/// What an appointment is judged by besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppointmentFacts {
    /// Now, Unix seconds.
    pub now: i64,
    /// When it was entered, Unix seconds, where the remote says.
    pub created: Option<i64>,
    /// What is known of its patient.
    pub patient: PatientKnown,
}

/// Checks an appointment. Unknown fields are never complained about: this remote does not show them.
pub fn validate_appointment(
    catalogue: &Catalogue,
    record: &Record,
    limits: &AppointmentLimits,
    facts: &AppointmentFacts,
) -> Vec<Finding> {
    let appointment = Appointment { catalogue, record };
    let mut findings = Vec::new();
    for (at, spec) in catalogue.iter() {
        if let FieldState::Invalid { problem, .. } = record.field(at) {
            findings.push(finding(spec, "unreadable", Severity::Error, &problem.problem, &problem.way_out));
        }
    }
    appointment.patient_rules(facts, &mut findings);
    appointment.time_rules(limits, facts, &mut findings);
    appointment.duration_rules(limits, &mut findings);
    appointment.clinician_rules(&mut findings);
    findings.sort_by_key(|finding| catalogue.index_of(&finding.field));
    findings
}

struct Appointment<'a> {
    catalogue: &'a Catalogue,
    record: &'a Record,
}

impl<'a> Appointment<'a> {
    fn at(&self, place: AppointmentPlace) -> Option<(&'a FieldSpec, &'a FieldState)> {
        self.catalogue
            .iter()
            .find(|(_, spec)| spec.place == FhirPlace::Appointment(place))
            .map(|(at, spec)| (spec, self.record.field(at)))
    }

    fn stage(&self) -> Option<Stage> {
        match self.at(AppointmentPlace::Status)?.1 {
            FieldState::Value(Value::Status(status)) => Some(status.stage()),
            _ => None,
        }
    }

    fn start(&self) -> Option<&'a Instant> {
        match self.at(AppointmentPlace::Start)?.1 {
            FieldState::Value(Value::Instant(start)) => Some(start),
            _ => None,
        }
    }

    /// Whether the visit is still to come: asked for or promised.
    fn is_open(&self) -> bool {
        matches!(self.stage(), None | Some(Stage::Requested | Stage::Booked))
    }

    fn patient_rules(&self, facts: &AppointmentFacts, findings: &mut Vec<Finding>) {
        let Some((spec, state)) = self.at(AppointmentPlace::Patient) else { return };
        match (state, facts.patient) {
            (FieldState::Blank, _) => findings.push(finding(
                spec,
                "patient_missing",
                Severity::Error,
                "the appointment does not say for which patient it is",
                "choose the patient",
            )),
            (FieldState::Value(_), PatientKnown::Unknown) => findings.push(finding(
                spec,
                "patient_unknown",
                Severity::Error,
                "the appointment is for a patient that is not linked between the two systems",
                "link the patient to its record in the other system, or correct the appointment's patient",
            )),
            (FieldState::Value(_), PatientKnown::Deceased)
                if self.is_open() && self.start().is_none_or(|start| start.seconds > facts.now) =>
            {
                findings.push(finding(
                    spec,
                    "patient_deceased",
                    Severity::Error,
                    "the patient died, and an appointment is still to come",
                    "cancel the appointment, or correct the patient's life status if the animal is alive",
                ));
            }
            (FieldState::Value(_), PatientKnown::Alive | PatientKnown::Deceased)
            | (FieldState::Unknown | FieldState::Invalid { .. }, _) => {}
        }
    }

    fn time_rules(&self, limits: &AppointmentLimits, facts: &AppointmentFacts, findings: &mut Vec<Finding>) {
        let Some((spec, state)) = self.at(AppointmentPlace::Start) else { return };
        if state.is_blank() && matches!(self.stage(), Some(Stage::Booked | Stage::Present)) {
            findings.push(finding(
                spec,
                "time_missing",
                Severity::Error,
                "the appointment is booked and has no date and time",
                "enter date and time, or set the status to requested",
            ));
        }
        let Some(start) = self.start() else { return };
        let minutes = match self.at(AppointmentPlace::Duration) {
            Some((_, FieldState::Value(Value::Minutes(minutes)))) => i64::from(minutes.minutes),
            _ => 0,
        };
        if !self.is_open() {
            return;
        }
        let late = start.seconds + i64::from(limits.entered_late_minutes) * 60;
        if facts.created.is_some_and(|created| created > late) {
            findings.push(finding(
                spec,
                "booked_in_the_past",
                Severity::Warning,
                "the appointment was entered for a time that had passed already",
                "correct the date, or set the status to completed if the visit took place",
            ));
        } else if start.seconds + minutes * 60 < facts.now {
            findings.push(finding(
                spec,
                "open_after_its_time",
                Severity::Warning,
                "the appointment's time has passed, and its status says that it is still to come",
                "set the status to completed, cancelled or no show",
            ));
        } else if start.seconds > facts.now + i64::from(limits.ahead_days_max) * 86_400 {
            findings.push(finding(
                spec,
                "too_far_ahead",
                Severity::Warning,
                "the appointment is unusually far ahead",
                "check the year",
            ));
        }
    }

    fn duration_rules(&self, limits: &AppointmentLimits, findings: &mut Vec<Finding>) {
        let Some((spec, FieldState::Value(Value::Minutes(minutes)))) = self.at(AppointmentPlace::Duration)
        else {
            return;
        };
        if minutes.minutes < limits.minutes_min || minutes.minutes > limits.minutes_max {
            findings.push(finding(
                spec,
                "duration_implausible",
                Severity::Warning,
                format!(
                    "the appointment lasts less than {} minutes or more than {}",
                    limits.minutes_min, limits.minutes_max
                ),
                "check whether the duration was entered in minutes",
            ));
        }
    }

    fn clinician_rules(&self, findings: &mut Vec<Finding>) {
        if let Some((spec, FieldState::Value(Value::Person(person)))) = self.at(AppointmentPlace::Clinician)
            && person.known.is_none()
        {
            findings.push(finding(
                spec,
                "clinician_unknown",
                Severity::Warning,
                "the clinician is not in the staff table, so the other system cannot be told who it is",
                "add the clinician with both systems' keys to the staff table",
            ));
        }
    }
}
