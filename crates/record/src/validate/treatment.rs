//! The compliance check of a treatment, before it is sent (specification: "Treatment Documentation", step 2).

use super::{Finding, Severity, finding};
use crate::catalogue::{Catalogue, FhirPlace, TreatmentPlace};
use crate::codes::medication;
use crate::record::{FieldState, Record};
use crate::text::fold_name;
use crate::value::{NO_KNOWN_ALLERGY, PartialDate, Value};

/// What a hospital demands of a treatment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplianceRules {
    /// Ids of the fields that must say something.
    pub required: Vec<String>,
    /// Whether the clinician must be in the staff table.
    pub clinician_known: bool,
    /// Whether every medication must say how much to give.
    pub dose_required: bool,
    /// Treatments older than this many days are probably dated wrongly.
    pub age_days_max: u32,
}

impl Default for ComplianceRules {
    fn default() -> Self {
        let required = ["patient", "treatment_date", "clinician", "diagnosis"];
        ComplianceRules {
            required: required.map(str::to_owned).to_vec(),
            clinician_known: true,
            dose_required: true,
            age_days_max: 365,
        }
    }
}

/// What is known of the patient when a treatment is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownPatient {
    /// When it was born.
    pub born: Option<PartialDate>,
    /// The substances it is allergic to, as they are compared ([`Substance::key`](crate::value::Substance::key)).
    pub allergies: Vec<String>,
}

const DAY_SECONDS: i64 = 86_400;
/// Clocks of two computers may differ by so much.
const CLOCK_SECONDS: i64 = 300;

/// Checks a treatment at `now`, in Unix seconds. A treatment without an [`Severity::Error`] may be sent.
pub fn check_treatment(
    catalogue: &Catalogue,
    record: &Record,
    rules: &ComplianceRules,
    patient: &KnownPatient,
    now: i64,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, spec) in catalogue.iter() {
        let state = record.field(at);
        let required = rules.required.contains(&spec.id);
        let label = &spec.label;
        match state {
            FieldState::Invalid { problem, .. } => {
                findings.push(finding(
                    spec,
                    "unreadable",
                    Severity::Error,
                    &problem.problem,
                    &problem.way_out,
                ));
            }
            FieldState::Unknown if required => findings.push(finding(
                spec,
                "required_hidden",
                Severity::Error,
                format!("{label} is required, and ServiceNow does not show it"),
                "give the integration user read access to the column, or correct the column's name",
            )),
            FieldState::Blank if required => findings.push(finding(
                spec,
                "required_missing",
                Severity::Error,
                format!("{label} is required and is empty"),
                "complete the treatment in ServiceNow",
            )),
            FieldState::Value(value) => {
                value_rules(spec, value, rules, patient, now, &mut findings);
            }
            FieldState::Unknown | FieldState::Blank => {}
        }
    }
    findings
}

fn value_rules(
    spec: &crate::catalogue::FieldSpec,
    value: &Value,
    rules: &ComplianceRules,
    patient: &KnownPatient,
    now: i64,
    findings: &mut Vec<Finding>,
) {
    match (&spec.place, value) {
        (FhirPlace::Treatment(TreatmentPlace::Clinician), Value::Person(person))
            if rules.clinician_known && person.known.is_none() =>
        {
            findings.push(finding(
                spec,
                "clinician_unknown",
                Severity::Error,
                "the clinician is not in the staff table, so the EHR cannot be told who it was",
                "add the clinician with the practitioner of the EHR to the staff table, or correct the clinician",
            ));
        }
        (FhirPlace::Treatment(TreatmentPlace::Start), Value::Instant(start)) => {
            let too_old = now - i64::from(rules.age_days_max) * DAY_SECONDS;
            let born = patient.born.and_then(|born| {
                let (year, month, day) = born.earliest();
                crate::time::utc_seconds((u32::from(year), u32::from(month), u32::from(day)), (0, 0, 0))
            });
            // A date of birth is a day somewhere on earth.
            let before_birth = born.is_some_and(|born| start.seconds < born - DAY_SECONDS);
            let rule = if start.seconds > now + CLOCK_SECONDS {
                Some((
                    "date_in_the_future",
                    Severity::Error,
                    "a completed treatment cannot be dated in the future",
                    "correct the date and time of the treatment",
                ))
            } else if before_birth {
                Some((
                    "date_before_birth",
                    Severity::Error,
                    "the treatment is dated before the animal was born",
                    "correct the date of the treatment, or the patient's date of birth",
                ))
            } else if start.seconds < too_old {
                Some((
                    "date_long_ago",
                    Severity::Warning,
                    "the treatment is dated unusually long ago",
                    "check the year; nothing has to be done if it is right",
                ))
            } else {
                None
            };
            if let Some((rule, severity, problem, way_out)) = rule {
                findings.push(finding(spec, rule, severity, problem, way_out));
            }
        }
        (FhirPlace::Treatment(TreatmentPlace::Medications), Value::Items(list)) => {
            let all = list.items.len();
            let missing = |item: &str| rules.dose_required && !medication::has_dose(item);
            for (at, _) in list.items.iter().enumerate().filter(|(_, item)| missing(item)) {
                findings.push(finding(
                    spec,
                    "dose_missing",
                    Severity::Error,
                    format!("medication {} of {all} does not say how much to give", at + 1),
                    "add dose and frequency, such as \"1 tablet by mouth SID for 5 days\"",
                ));
            }
            // It was given: what is documented has to say so, and somebody has to know.
            for (at, _) in list.items.iter().enumerate().filter(|(_, item)| is_allergen(item, patient)) {
                findings.push(finding(
                    spec,
                    "allergy",
                    Severity::Warning,
                    format!(
                        "medication {} of {all} names what the patient is recorded as allergic to",
                        at + 1
                    ),
                    "ask the clinician at once; correct the prescription, or the patient's allergies",
                ));
            }
        }
        _ => {}
    }
}

/// Whether a line's medication names one of the patient's allergies, word for word. Substances of the same class under
/// another name are not found: no vocabulary here says which they are.
fn is_allergen(line: &str, patient: &KnownPatient) -> bool {
    let mut folded = String::new();
    fold_name(medication::split(line).medication, &mut folded);
    let words: Vec<&str> = folded.split_whitespace().collect();
    patient.allergies.iter().filter(|key| *key != NO_KNOWN_ALLERGY).any(|key| {
        let allergen: Vec<&str> = key.split_whitespace().collect();
        !allergen.is_empty() && words.windows(allergen.len()).any(|some| some == allergen.as_slice())
    })
}
