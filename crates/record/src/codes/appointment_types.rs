//! Types of appointments: names people use, and the hints sent beside them (wire-facts 10.5).

use super::best_text;
use crate::text::fold_name;
use crate::value::{Coded, Coding, Conventions};

/// HL7 v2 appointment reasons, the vocabulary of `Appointment.appointmentType`.
pub const APPOINTMENT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v2-0276";

/// Key of a type, its code in v2-0276 with display, and the folded names it goes by.
type Row = (&'static str, &'static str, &'static [&'static str]);

const TYPES: &[Row] = &[
    (
        "wellness",
        "CHECKUP",
        &[
            "wellness",
            "wellness exam",
            "wellness visit",
            "checkup",
            "check up",
            "annual exam",
            "annual checkup",
            "health check",
        ],
    ),
    (
        "vaccination",
        "ROUTINE",
        &[
            "vaccination",
            "vaccinations",
            "vaccine",
            "booster",
            "vaccination booster",
            "shots",
            "immunisation",
            "immunization",
        ],
    ),
    (
        "new_patient",
        "ROUTINE",
        &["new patient", "new puppy", "new kitten", "puppy visit", "kitten visit", "first visit"],
    ),
    (
        "nurse",
        "ROUTINE",
        &["nurse", "nurse visit", "nurse appointment", "technician", "tech visit", "technician visit"],
    ),
    (
        "consultation",
        "ROUTINE",
        &[
            "consultation",
            "consult",
            "sick",
            "sick visit",
            "sick exam",
            "medical consult",
            "medical",
            "illness",
            "exam",
        ],
    ),
    (
        "recheck",
        "FOLLOWUP",
        &[
            "recheck",
            "re check",
            "followup",
            "follow up",
            "follow up visit",
            "recheck exam",
            "revisit",
            "post op check",
        ],
    ),
    ("surgery", "ROUTINE", &["surgery", "surgery drop off", "surgical", "operation"]),
    ("spay_neuter", "ROUTINE", &["spay neuter", "spay", "neuter", "castration", "desexing"]),
    ("dental", "ROUTINE", &["dental", "dentistry", "dental cleaning", "dental procedure"]),
    ("emergency", "EMERGENCY", &["emergency", "urgent", "urgent care", "er"]),
    ("walk_in", "WALKIN", &["walk in", "walkin"]),
    (
        "diagnostics",
        "ROUTINE",
        &["diagnostics", "imaging", "x ray", "radiology", "ultrasound", "diagnostic imaging"],
    ),
    ("lab", "ROUTINE", &["lab", "laboratory", "blood draw", "lab work", "bloodwork", "blood work"]),
    ("euthanasia", "ROUTINE", &["euthanasia", "quality of life", "end of life"]),
    ("grooming", "ROUTINE", &["grooming", "nail trim"]),
    ("boarding", "ROUTINE", &["boarding", "kennel"]),
    ("house_call", "ROUTINE", &["house call", "home visit", "farm call", "farm visit"]),
    (
        "telemedicine",
        "ROUTINE",
        &["telemedicine", "tele consult", "teleconsult", "video consult", "telehealth"],
    ),
    ("discharge", "ROUTINE", &["discharge", "discharge appointment", "pick up"]),
];

/// The key of the type a name means: the hospital's own meaning first.
pub fn recognise(name: &str, conventions: &Conventions) -> Option<String> {
    let mut folded = String::with_capacity(name.len());
    fold_name(name, &mut folded);
    if let Some(own) = super::species::own_name(&conventions.appointment_types, &folded) {
        return Some(own.clone());
    }
    let folded = folded.replace(['/', '&'], " ");
    let folded = folded.split_whitespace().collect::<Vec<_>>().join(" ");
    TYPES
        .iter()
        .find(|(key, _, names)| names.contains(&folded.as_str()) || key.replace('_', " ") == folded)
        .map(|(key, _, _)| (*key).to_owned())
}

/// A type from its codes and text.
pub fn type_from(codings: Vec<Coding>, text: Option<&str>, conventions: &Conventions) -> Option<Coded> {
    let text = best_text(&codings, text);
    (!text.is_empty()).then(|| Coded { concept: recognise(&text, conventions), text, codings })
}

/// The hint for `Appointment.appointmentType`: a type nobody knows is a routine one, HL7's own default.
pub fn hint(value: &Coded) -> &'static str {
    let key = value.concept.as_deref().unwrap_or_default();
    TYPES.iter().find(|(known, _, _)| *known == key).map_or("ROUTINE", |(_, hint, _)| *hint)
}
