//! The elements of R4's Appointment, Encounter, Condition, Procedure, `MedicationRequest`, `ClinicalImpression`,
//! Provenance and Practitioner (FHIR 4.0.1).

use super::{
    ADDRESS, ANNOTATION, CODING, CONCEPT, Element, GENDER, IDENTIFIER, Kind, META, NAME, NARRATIVE, PERIOD,
    QUANTITY, RANGE, REFERENCE, TELECOM, many, need, one,
};

const fn need_many(name: &'static str, kind: Kind) -> Element {
    Element { name, kind, many: true, required: true }
}
const fn concept(name: &'static str) -> Element {
    one(name, Kind::Complex(CONCEPT))
}
const fn concepts(name: &'static str) -> Element {
    many(name, Kind::Complex(CONCEPT))
}
const fn reference(name: &'static str) -> Element {
    one(name, Kind::Complex(REFERENCE))
}
const fn references(name: &'static str) -> Element {
    many(name, Kind::Complex(REFERENCE))
}
const fn notes() -> Element {
    many("note", Kind::Complex(ANNOTATION))
}

/// What every resource has: seven elements that stand at the front of each table.
macro_rules! resource {
    ($($element:expr),* $(,)?) => {
        &[
            one("id", Kind::Id),
            one("meta", Kind::Complex(META)),
            one("implicitRules", Kind::Text),
            one("language", Kind::Code),
            one("text", Kind::Complex(NARRATIVE)),
            many("contained", Kind::Resource),
            many("identifier", Kind::Complex(IDENTIFIER)),
            $($element),*
        ]
    };
}

const PARTICIPANT: &[Element] = &[
    concepts("type"),
    reference("actor"),
    one("required", Kind::CodeOf(&["required", "optional", "information-only"])),
    need("status", Kind::CodeOf(&["accepted", "declined", "tentative", "needs-action"])),
    one("period", Kind::Complex(PERIOD)),
];

pub(in crate::ehr) const APPOINTMENT: &[Element] = resource![
    need(
        "status",
        Kind::CodeOf(&[
            "proposed",
            "pending",
            "booked",
            "arrived",
            "fulfilled",
            "cancelled",
            "noshow",
            "entered-in-error",
            "checked-in",
            "waitlist",
        ]),
    ),
    concept("cancelationReason"),
    concepts("serviceCategory"),
    concepts("serviceType"),
    concepts("specialty"),
    concept("appointmentType"),
    concepts("reasonCode"),
    references("reasonReference"),
    one("priority", Kind::UnsignedInt),
    one("description", Kind::Text),
    references("supportingInformation"),
    one("start", Kind::Instant),
    one("end", Kind::Instant),
    one("minutesDuration", Kind::PositiveInt),
    references("slot"),
    one("created", Kind::DateTime),
    one("comment", Kind::Text),
    one("patientInstruction", Kind::Text),
    references("basedOn"),
    need_many("participant", Kind::Complex(PARTICIPANT)),
    many("requestedPeriod", Kind::Complex(PERIOD)),
];

const ENCOUNTER_PARTICIPANT: &[Element] =
    &[concepts("type"), one("period", Kind::Complex(PERIOD)), reference("individual")];
const ENCOUNTER_DIAGNOSIS: &[Element] =
    &[need("condition", Kind::Complex(REFERENCE)), concept("use"), one("rank", Kind::PositiveInt)];

pub(in crate::ehr) const ENCOUNTER: &[Element] = resource![
    need(
        "status",
        Kind::CodeOf(&[
            "planned",
            "arrived",
            "triaged",
            "in-progress",
            "onleave",
            "finished",
            "cancelled",
            "entered-in-error",
            "unknown",
        ]),
    ),
    many("statusHistory", Kind::Open),
    need("class", Kind::Complex(CODING)),
    many("classHistory", Kind::Open),
    concepts("type"),
    concept("serviceType"),
    concept("priority"),
    reference("subject"),
    references("episodeOfCare"),
    references("basedOn"),
    many("participant", Kind::Complex(ENCOUNTER_PARTICIPANT)),
    references("appointment"),
    one("period", Kind::Complex(PERIOD)),
    one("length", Kind::Complex(QUANTITY)),
    concepts("reasonCode"),
    references("reasonReference"),
    many("diagnosis", Kind::Complex(ENCOUNTER_DIAGNOSIS)),
    references("account"),
    one("hospitalization", Kind::Open),
    many("location", Kind::Open),
    reference("serviceProvider"),
    reference("partOf"),
];

pub(in crate::ehr) const CONDITION: &[Element] = resource![
    concept("clinicalStatus"),
    concept("verificationStatus"),
    concepts("category"),
    concept("severity"),
    concept("code"),
    concepts("bodySite"),
    need("subject", Kind::Complex(REFERENCE)),
    reference("encounter"),
    one("onsetDateTime", Kind::DateTime),
    one("onsetAge", Kind::Complex(QUANTITY)),
    one("onsetPeriod", Kind::Complex(PERIOD)),
    one("onsetRange", Kind::Complex(RANGE)),
    one("onsetString", Kind::Text),
    one("abatementDateTime", Kind::DateTime),
    one("abatementAge", Kind::Complex(QUANTITY)),
    one("abatementPeriod", Kind::Complex(PERIOD)),
    one("abatementRange", Kind::Complex(RANGE)),
    one("abatementString", Kind::Text),
    one("recordedDate", Kind::DateTime),
    reference("recorder"),
    reference("asserter"),
    many("stage", Kind::Open),
    many("evidence", Kind::Open),
    notes(),
];

const PERFORMER: &[Element] =
    &[concept("function"), need("actor", Kind::Complex(REFERENCE)), reference("onBehalfOf")];

pub(in crate::ehr) const PROCEDURE: &[Element] = resource![
    many("instantiatesCanonical", Kind::Text),
    many("instantiatesUri", Kind::Text),
    references("basedOn"),
    references("partOf"),
    need(
        "status",
        Kind::CodeOf(&[
            "preparation",
            "in-progress",
            "not-done",
            "on-hold",
            "stopped",
            "completed",
            "entered-in-error",
            "unknown",
        ]),
    ),
    concept("statusReason"),
    concept("category"),
    concept("code"),
    need("subject", Kind::Complex(REFERENCE)),
    reference("encounter"),
    one("performedDateTime", Kind::DateTime),
    one("performedPeriod", Kind::Complex(PERIOD)),
    one("performedString", Kind::Text),
    one("performedAge", Kind::Complex(QUANTITY)),
    one("performedRange", Kind::Complex(RANGE)),
    reference("recorder"),
    reference("asserter"),
    many("performer", Kind::Complex(PERFORMER)),
    reference("location"),
    concepts("reasonCode"),
    references("reasonReference"),
    concepts("bodySite"),
    concept("outcome"),
    references("report"),
    concepts("complication"),
    references("complicationDetail"),
    concepts("followUp"),
    notes(),
    many("focalDevice", Kind::Open),
    references("usedReference"),
    concepts("usedCode"),
];

const TIMING: &[Element] = &[many("event", Kind::DateTime), one("repeat", Kind::Open), concept("code")];
const DOSAGE: &[Element] = &[
    one("sequence", Kind::UnsignedInt),
    one("text", Kind::Text),
    concepts("additionalInstruction"),
    one("patientInstruction", Kind::Text),
    one("timing", Kind::Complex(TIMING)),
    one("asNeededBoolean", Kind::Boolean),
    concept("asNeededCodeableConcept"),
    concept("site"),
    concept("route"),
    concept("method"),
    many("doseAndRate", Kind::Open),
    one("maxDosePerPeriod", Kind::Open),
    one("maxDosePerAdministration", Kind::Complex(QUANTITY)),
    one("maxDosePerLifetime", Kind::Complex(QUANTITY)),
];

pub(in crate::ehr) const MEDICATION_REQUEST: &[Element] = resource![
    need(
        "status",
        Kind::CodeOf(&[
            "active",
            "on-hold",
            "cancelled",
            "completed",
            "entered-in-error",
            "stopped",
            "draft",
            "unknown",
        ]),
    ),
    concept("statusReason"),
    need(
        "intent",
        Kind::CodeOf(&[
            "proposal",
            "plan",
            "order",
            "original-order",
            "reflex-order",
            "filler-order",
            "instance-order",
            "option",
        ]),
    ),
    concepts("category"),
    one("priority", Kind::CodeOf(&["routine", "urgent", "asap", "stat"])),
    one("doNotPerform", Kind::Boolean),
    one("reportedBoolean", Kind::Boolean),
    reference("reportedReference"),
    concept("medicationCodeableConcept"),
    reference("medicationReference"),
    need("subject", Kind::Complex(REFERENCE)),
    reference("encounter"),
    references("supportingInformation"),
    one("authoredOn", Kind::DateTime),
    reference("requester"),
    reference("performer"),
    concept("performerType"),
    reference("recorder"),
    concepts("reasonCode"),
    references("reasonReference"),
    many("instantiatesCanonical", Kind::Text),
    many("instantiatesUri", Kind::Text),
    references("basedOn"),
    one("groupIdentifier", Kind::Complex(IDENTIFIER)),
    concept("courseOfTherapyType"),
    references("insurance"),
    notes(),
    many("dosageInstruction", Kind::Complex(DOSAGE)),
    one("dispenseRequest", Kind::Open),
    one("substitution", Kind::Open),
    reference("priorPrescription"),
    references("detectedIssue"),
    references("eventHistory"),
];

pub(in crate::ehr) const CLINICAL_IMPRESSION: &[Element] = resource![
    need("status", Kind::CodeOf(&["in-progress", "completed", "entered-in-error"])),
    concept("code"),
    one("description", Kind::Text),
    need("subject", Kind::Complex(REFERENCE)),
    reference("encounter"),
    one("effectiveDateTime", Kind::DateTime),
    one("date", Kind::DateTime),
    reference("assessor"),
    references("problem"),
    one("summary", Kind::Text),
    many("finding", Kind::Open),
    notes(),
];

const AGENT: &[Element] =
    &[concept("type"), concepts("role"), need("who", Kind::Complex(REFERENCE)), reference("onBehalfOf")];
const ENTITY: &[Element] = &[
    need("role", Kind::CodeOf(&["derivation", "revision", "quotation", "source", "removal"])),
    need("what", Kind::Complex(REFERENCE)),
    many("agent", Kind::Open),
];

/// Provenance has no identifier (R4); the table says so by standing apart from the others.
pub(in crate::ehr) const PROVENANCE: &[Element] = &[
    one("id", Kind::Id),
    one("meta", Kind::Complex(META)),
    one("implicitRules", Kind::Text),
    one("language", Kind::Code),
    one("text", Kind::Complex(NARRATIVE)),
    many("contained", Kind::Resource),
    need_many("target", Kind::Complex(REFERENCE)),
    one("occurredDateTime", Kind::DateTime),
    one("occurredPeriod", Kind::Complex(PERIOD)),
    need("recorded", Kind::Instant),
    many("policy", Kind::Text),
    reference("location"),
    concepts("reason"),
    concept("activity"),
    need_many("agent", Kind::Complex(AGENT)),
    many("entity", Kind::Complex(ENTITY)),
    many("signature", Kind::Open),
];

pub(in crate::ehr) const PRACTITIONER: &[Element] = resource![
    one("active", Kind::Boolean),
    many("name", Kind::Complex(NAME)),
    many("telecom", Kind::Complex(TELECOM)),
    many("address", Kind::Complex(ADDRESS)),
    one("gender", Kind::CodeOf(GENDER)),
    one("birthDate", Kind::Date),
    many("qualification", Kind::Open),
    concepts("communication"),
];
