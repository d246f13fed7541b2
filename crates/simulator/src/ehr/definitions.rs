//! The elements of R4's Patient and `AllergyIntolerance`, and of the types they are built from (FHIR 4.0.1).

mod visits;

pub(super) use visits::{
    APPOINTMENT, CLINICAL_IMPRESSION, CONDITION, ENCOUNTER, MEDICATION_REQUEST, PRACTITIONER, PROCEDURE,
    PROVENANCE,
};

/// How an element's value is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Decimal,
    PositiveInt,
    UnsignedInt,
    Text,
    Code,
    CodeOf(&'static [&'static str]),
    Id,
    Date,
    DateTime,
    Instant,
    Complex(&'static [Element]),
    /// Any resource; only its type is looked at.
    Resource,
    /// An element whose inside is not looked at, but for JSON's empties.
    Open,
}

/// One element: name, kind, whether it repeats, whether it is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) many: bool,
    pub(super) required: bool,
}

const fn one(name: &'static str, kind: Kind) -> Element {
    Element { name, kind, many: false, required: false }
}
const fn need(name: &'static str, kind: Kind) -> Element {
    Element { name, kind, many: false, required: true }
}
const fn many(name: &'static str, kind: Kind) -> Element {
    Element { name, kind, many: true, required: false }
}

const GENDER: &[&str] = &["male", "female", "other", "unknown"];
const PERIOD: &[Element] = &[one("start", Kind::DateTime), one("end", Kind::DateTime)];
const CODING: &[Element] = &[
    one("system", Kind::Text),
    one("version", Kind::Text),
    one("code", Kind::Code),
    one("display", Kind::Text),
    one("userSelected", Kind::Boolean),
];
const CONCEPT: &[Element] = &[many("coding", Kind::Complex(CODING)), one("text", Kind::Text)];
const REFERENCE: &[Element] = &[
    one("reference", Kind::Text),
    one("type", Kind::Text),
    one("identifier", Kind::Complex(IDENTIFIER)),
    one("display", Kind::Text),
];
const IDENTIFIER: &[Element] = &[
    one("use", Kind::CodeOf(&["usual", "official", "temp", "secondary", "old"])),
    one("type", Kind::Complex(CONCEPT)),
    one("system", Kind::Text),
    one("value", Kind::Text),
    one("period", Kind::Complex(PERIOD)),
    one("assigner", Kind::Complex(REFERENCE_FLAT)),
];
// A reference inside an identifier inside a reference is as deep as real resources go.
const REFERENCE_FLAT: &[Element] =
    &[one("reference", Kind::Text), one("type", Kind::Text), one("display", Kind::Text)];
const NAME: &[Element] = &[
    one("use", Kind::CodeOf(&["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"])),
    one("text", Kind::Text),
    one("family", Kind::Text),
    many("given", Kind::Text),
    many("prefix", Kind::Text),
    many("suffix", Kind::Text),
    one("period", Kind::Complex(PERIOD)),
];
const TELECOM: &[Element] = &[
    one("system", Kind::CodeOf(&["phone", "fax", "email", "pager", "url", "sms", "other"])),
    one("value", Kind::Text),
    one("use", Kind::CodeOf(&["home", "work", "temp", "old", "mobile"])),
    one("rank", Kind::PositiveInt),
    one("period", Kind::Complex(PERIOD)),
];
const ADDRESS: &[Element] = &[
    one("use", Kind::CodeOf(&["home", "work", "temp", "old", "billing"])),
    one("type", Kind::CodeOf(&["postal", "physical", "both"])),
    one("text", Kind::Text),
    many("line", Kind::Text),
    one("city", Kind::Text),
    one("district", Kind::Text),
    one("state", Kind::Text),
    one("postalCode", Kind::Text),
    one("country", Kind::Text),
    one("period", Kind::Complex(PERIOD)),
];
const ATTACHMENT: &[Element] = &[
    one("contentType", Kind::Code),
    one("language", Kind::Code),
    one("data", Kind::Text),
    one("url", Kind::Text),
    one("size", Kind::UnsignedInt),
    one("hash", Kind::Text),
    one("title", Kind::Text),
    one("creation", Kind::DateTime),
];
const META: &[Element] = &[
    one("versionId", Kind::Id),
    one("lastUpdated", Kind::Instant),
    one("source", Kind::Text),
    many("profile", Kind::Text),
    many("security", Kind::Complex(CODING)),
    many("tag", Kind::Complex(CODING)),
];
const NARRATIVE: &[Element] = &[
    need("status", Kind::CodeOf(&["generated", "extensions", "additional", "empty"])),
    need("div", Kind::Text),
];
const QUANTITY: &[Element] = &[
    one("value", Kind::Decimal),
    one("comparator", Kind::CodeOf(&["<", "<=", ">=", ">"])),
    one("unit", Kind::Text),
    one("system", Kind::Text),
    one("code", Kind::Code),
];
const RANGE: &[Element] = &[one("low", Kind::Complex(QUANTITY)), one("high", Kind::Complex(QUANTITY))];
const ANNOTATION: &[Element] = &[
    one("authorReference", Kind::Complex(REFERENCE)),
    one("authorString", Kind::Text),
    one("time", Kind::DateTime),
    need("text", Kind::Text),
];
const CONTACT: &[Element] = &[
    many("relationship", Kind::Complex(CONCEPT)),
    one("name", Kind::Complex(NAME)),
    many("telecom", Kind::Complex(TELECOM)),
    one("address", Kind::Complex(ADDRESS)),
    one("gender", Kind::CodeOf(GENDER)),
    one("organization", Kind::Complex(REFERENCE)),
    one("period", Kind::Complex(PERIOD)),
];
const COMMUNICATION: &[Element] =
    &[need("language", Kind::Complex(CONCEPT)), one("preferred", Kind::Boolean)];
const LINK: &[Element] = &[
    need("other", Kind::Complex(REFERENCE)),
    need("type", Kind::CodeOf(&["replaced-by", "replaces", "refer", "seealso"])),
];
pub(super) const PATIENT: &[Element] = &[
    one("id", Kind::Id),
    one("meta", Kind::Complex(META)),
    one("implicitRules", Kind::Text),
    one("language", Kind::Code),
    one("text", Kind::Complex(NARRATIVE)),
    many("contained", Kind::Resource),
    many("identifier", Kind::Complex(IDENTIFIER)),
    one("active", Kind::Boolean),
    many("name", Kind::Complex(NAME)),
    many("telecom", Kind::Complex(TELECOM)),
    one("gender", Kind::CodeOf(GENDER)),
    one("birthDate", Kind::Date),
    one("deceasedBoolean", Kind::Boolean),
    one("deceasedDateTime", Kind::DateTime),
    many("address", Kind::Complex(ADDRESS)),
    one("maritalStatus", Kind::Complex(CONCEPT)),
    one("multipleBirthBoolean", Kind::Boolean),
    one("multipleBirthInteger", Kind::UnsignedInt),
    many("photo", Kind::Complex(ATTACHMENT)),
    many("contact", Kind::Complex(CONTACT)),
    many("communication", Kind::Complex(COMMUNICATION)),
    many("generalPractitioner", Kind::Complex(REFERENCE)),
    one("managingOrganization", Kind::Complex(REFERENCE)),
    many("link", Kind::Complex(LINK)),
];
const REACTION: &[Element] = &[
    one("substance", Kind::Complex(CONCEPT)),
    Element { name: "manifestation", kind: Kind::Complex(CONCEPT), many: true, required: true },
    one("description", Kind::Text),
    one("onset", Kind::DateTime),
    one("severity", Kind::CodeOf(&["mild", "moderate", "severe"])),
    one("exposureRoute", Kind::Complex(CONCEPT)),
    many("note", Kind::Complex(ANNOTATION)),
];
pub(super) const ALLERGY: &[Element] = &[
    one("id", Kind::Id),
    one("meta", Kind::Complex(META)),
    one("implicitRules", Kind::Text),
    one("language", Kind::Code),
    one("text", Kind::Complex(NARRATIVE)),
    many("contained", Kind::Resource),
    many("identifier", Kind::Complex(IDENTIFIER)),
    one("clinicalStatus", Kind::Complex(CONCEPT)),
    one("verificationStatus", Kind::Complex(CONCEPT)),
    one("type", Kind::CodeOf(&["allergy", "intolerance"])),
    many("category", Kind::CodeOf(&["food", "medication", "environment", "biologic"])),
    one("criticality", Kind::CodeOf(&["low", "high", "unable-to-assess"])),
    one("code", Kind::Complex(CONCEPT)),
    need("patient", Kind::Complex(REFERENCE)),
    one("encounter", Kind::Complex(REFERENCE)),
    one("onsetDateTime", Kind::DateTime),
    one("onsetAge", Kind::Complex(QUANTITY)),
    one("onsetPeriod", Kind::Complex(PERIOD)),
    one("onsetRange", Kind::Complex(RANGE)),
    one("onsetString", Kind::Text),
    one("recordedDate", Kind::DateTime),
    one("recorder", Kind::Complex(REFERENCE)),
    one("asserter", Kind::Complex(REFERENCE)),
    one("lastOccurrence", Kind::DateTime),
    many("note", Kind::Complex(ANNOTATION)),
    many("reaction", Kind::Complex(REACTION)),
];
/// `value[x]` of an extension, as far as patients' extensions go; others are looked at for empties only.
pub(super) const EXTENSION_VALUES: &[Element] = &[
    one("valueBoolean", Kind::Boolean),
    one("valueDecimal", Kind::Decimal),
    one("valuePositiveInt", Kind::PositiveInt),
    one("valueUnsignedInt", Kind::UnsignedInt),
    one("valueString", Kind::Text),
    one("valueMarkdown", Kind::Text),
    one("valueUri", Kind::Text),
    one("valueUrl", Kind::Text),
    one("valueCode", Kind::Code),
    one("valueId", Kind::Id),
    one("valueDate", Kind::Date),
    one("valueDateTime", Kind::DateTime),
    one("valueInstant", Kind::Instant),
    one("valueCoding", Kind::Complex(CODING)),
    one("valueCodeableConcept", Kind::Complex(CONCEPT)),
    one("valueIdentifier", Kind::Complex(IDENTIFIER)),
    one("valueReference", Kind::Complex(REFERENCE)),
    one("valuePeriod", Kind::Complex(PERIOD)),
    one("valueQuantity", Kind::Complex(QUANTITY)),
    one("valueAge", Kind::Complex(QUANTITY)),
    one("valueRange", Kind::Complex(RANGE)),
    one("valueAnnotation", Kind::Complex(ANNOTATION)),
    one("valueAttachment", Kind::Complex(ATTACHMENT)),
    one("valueAddress", Kind::Complex(ADDRESS)),
    one("valueHumanName", Kind::Complex(NAME)),
    one("valueContactPoint", Kind::Complex(TELECOM)),
];
