//! The invariants of appointments and of a treatment's resources (wire-facts 3.2 to 3.4).

use super::{Checker, items};
use record::Json;

fn text<'a>(value: &'a Json, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Json::as_str)
}

fn has(value: &Json, name: &str) -> bool {
    value.get(name).is_some()
}

/// The first code of a concept.
fn code<'a>(resource: &'a Json, name: &str) -> Option<&'a str> {
    resource
        .get(name)
        .map(|concept| items(concept, "coding"))
        .unwrap_or_default()
        .iter()
        .find_map(|coding| text(coding, "code"))
}

fn moment_ms(resource: &Json, name: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text(resource, name)?).ok().map(|time| time.timestamp_millis())
}

impl Checker {
    pub(super) fn appointment(&mut self, appointment: &Json) {
        for (at, participant) in items(appointment, "participant").iter().enumerate() {
            if !has(participant, "type") && !has(participant, "actor") {
                self.rule(
                    "invariant",
                    &format!("Appointment.participant[{at}]"),
                    "app-1: a participant has a type or an actor",
                );
            }
        }
        if has(appointment, "start") != has(appointment, "end") {
            self.rule("invariant", "Appointment", "app-2: start and end are given both or neither");
        }
        let status = text(appointment, "status").unwrap_or_default();
        let timeless = !has(appointment, "start") || !has(appointment, "end");
        if timeless && !matches!(status, "proposed" | "cancelled" | "waitlist") {
            self.rule(
                "invariant",
                "Appointment",
                "app-3: only a proposed, cancelled or waitlisted appointment may lack start and end",
            );
        }
        if has(appointment, "cancelationReason") && !matches!(status, "cancelled" | "noshow") {
            self.rule(
                "invariant",
                "Appointment.cancelationReason",
                "app-4: a reason belongs to a cancelled or missed appointment only",
            );
        }
        if let (Some(start), Some(end)) = (moment_ms(appointment, "start"), moment_ms(appointment, "end"))
            && end < start
        {
            self.rule("business-rule", "Appointment.end", "the appointment ends before it starts");
        }
    }

    pub(super) fn encounter(&mut self, encounter: &Json) {
        let Some(period) = encounter.get("period") else { return };
        if let (Some(start), Some(end)) = (moment_ms(period, "start"), moment_ms(period, "end"))
            && end < start
        {
            self.rule("invariant", "Encounter.period", "per-1: the period ends before it starts");
        }
    }

    pub(super) fn condition(&mut self, condition: &Json) {
        let clinical = code(condition, "clinicalStatus");
        let in_error = code(condition, "verificationStatus") == Some("entered-in-error");
        if in_error && has(condition, "clinicalStatus") {
            self.rule("invariant", "Condition", "con-5: no clinicalStatus when entered in error");
        }
        let abated = condition.members().iter().any(|(name, _)| name.starts_with("abatement"));
        if abated && !matches!(clinical, Some("inactive" | "resolved" | "remission")) {
            self.rule("invariant", "Condition", "con-4: what abated is inactive, resolved or in remission");
        }
        let clinical_codes =
            ["active", "recurrence", "relapse", "inactive", "remission", "resolved"].as_slice();
        let verification_codes =
            ["unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"]
                .as_slice();
        for (name, codes) in [("clinicalStatus", clinical_codes), ("verificationStatus", verification_codes)]
        {
            if has(condition, name) && code(condition, name).is_none_or(|code| !codes.contains(&code)) {
                self.rule(
                    "code-invalid",
                    &format!("Condition.{name}"),
                    "the code is not in the required value set",
                );
            }
        }
        self.one_choice(condition, "Condition", "onset");
        self.one_choice(condition, "Condition", "abatement");
    }

    pub(super) fn medication_request(&mut self, request: &Json) {
        let given = ["medicationCodeableConcept", "medicationReference"]
            .iter()
            .filter(|name| has(request, name))
            .count();
        match given {
            1 => {}
            0 => self.rule("required", "MedicationRequest.medication[x]", "a required element is missing"),
            _ => self.structure("MedicationRequest.medication[x]", "only one of the choices may be given"),
        }
    }

    /// Of a choice of types only one is given.
    pub(super) fn one_choice(&mut self, resource: &Json, kind: &str, stem: &str) {
        let given = resource
            .members()
            .iter()
            .filter(|(name, _)| {
                name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
            })
            .count();
        if given > 1 {
            self.structure(&format!("{kind}.{stem}[x]"), "only one of the choices may be given");
        }
    }
}
