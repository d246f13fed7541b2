//! An animal as the EHR keeps it: FHIR R4 resources, with much that no mapping knows.

use super::facts::{Allergies, Facts, Neuter, Sex};
use super::generate::Draw;
use super::vocabulary::SUBSTANCES;
use crate::ehr::Chart;
use record::Json;

pub(crate) const SERVICENOW_SYSTEM: &str = "https://vetsync.example/servicenow/u_patient_record";
const WEIGHT_URL: &str = "https://vetsync.example/fhir/StructureDefinition/weight";
const NOTE_URL: &str = "http://hl7.org/fhir/StructureDefinition/note";
const ANIMAL_URL: &str = "http://hl7.org/fhir/StructureDefinition/patient-animal";
const SNOMED: &str = "http://snomed.info/sct";

fn text(value: &str) -> Json {
    Json::str(value)
}

fn list(items: Vec<Json>) -> Json {
    Json::Array(items)
}

fn coding(system: &str, code: &str, display: Option<&str>) -> Json {
    let mut coding = Json::object([("system", text(system)), ("code", text(code))]);
    if let Some(display) = display {
        coding.set("display", text(display));
    }
    coding
}

fn concept(codings: Vec<Json>, words: Option<&str>) -> Json {
    let mut concept = Json::Object(Vec::new());
    if !codings.is_empty() {
        concept.set("coding", list(codings));
    }
    if let Some(words) = words {
        concept.set("text", text(words));
    }
    concept
}

fn part(url: &str, value: Json) -> Json {
    Json::object([("url", text(url)), ("valueCodeableConcept", value)])
}

/// The patient-animal extension.
fn animal(facts: &Facts, draw: &mut Draw) -> Json {
    let species = facts.species();
    let species_concept = match species.code {
        // The code system FHIR's own example uses; it knows dogs but not cats.
        Some(_) if species.text == "Dog" && draw.chance(2) => {
            concept(vec![coding("http://hl7.org/fhir/animal-species", "canislf", Some("Dog"))], None)
        }
        Some((code, display)) => concept(vec![coding(SNOMED, code, Some(display))], Some(species.text)),
        None => concept(Vec::new(), Some(species.text)),
    };
    let mut parts = vec![part("species", species_concept)];
    if let Some(breed) = facts.breed {
        let codings =
            breed.code.map(|(code, display)| coding(SNOMED, code, Some(display))).into_iter().collect();
        parts.push(part("breed", concept(codings, Some(breed.text))));
    }
    let status = match facts.neuter {
        Neuter::Neutered => Some(("neutered", "Neutered")),
        Neuter::Intact => Some(("intact", "Intact")),
        Neuter::Unknown if draw.chance(50) => Some(("unknown", "Unknown")),
        Neuter::Unknown => None,
    };
    if let Some((code, display)) = status {
        parts.push(part(
            "genderStatus",
            concept(vec![coding("http://hl7.org/fhir/animal-genderstatus", code, Some(display))], None),
        ));
    }
    Json::object([("url", text(ANIMAL_URL)), ("extension", list(parts))])
}

fn gender(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "male",
        Sex::Female => "female",
        Sex::Unknown => "unknown",
    }
}

fn chip_identifier(chip: &str) -> Json {
    Json::object([
        ("use", text("official")),
        (
            "type",
            concept(
                vec![coding(
                    "http://terminology.hl7.org/CodeSystem/v2-0203",
                    "MCN",
                    Some("Microchip Number"),
                )],
                None,
            ),
        ),
        ("system", text("https://vetsync.example/fhir/identifier/microchip")),
        ("value", text(chip)),
    ])
}

fn e164(phone: &str) -> String {
    let (digits, extension) = phone.split_once('x').unwrap_or((phone, ""));
    match (digits.len(), extension) {
        (10, "") => format!("+1{digits}"),
        (10, extension) => format!("+1 {digits} ext. {extension}"),
        _ => digits.to_owned(),
    }
}

fn phone_point(phone: &str) -> Json {
    Json::object([
        ("system", text("phone")),
        ("value", text(&e164(phone))),
        ("use", text("mobile")),
        ("rank", Json::Number("1".to_owned())),
    ])
}

fn email_point(email: &str) -> Json {
    Json::object([("system", text("email")), ("value", text(email))])
}

fn person_name(name: &str) -> Json {
    let mut parts: Vec<&str> = name.split_whitespace().collect();
    let family = parts.pop().unwrap_or_default();
    let mut all = Json::object([("use", text("official")), ("text", text(name)), ("family", text(family))]);
    if !parts.is_empty() {
        all.set("given", list(parts.into_iter().map(text).collect()));
    }
    all
}

fn owner(facts: &Facts, alone: bool, draw: &mut Draw) -> Option<Json> {
    let mut contact = Json::Object(Vec::new());
    let plain = concept(
        vec![coding("http://terminology.hl7.org/CodeSystem/v2-0131", "CP", Some("Contact person"))],
        None,
    );
    let relationship = match draw.below(10) {
        0 if alone => plain,
        1 => concept(Vec::new(), Some("Owner")),
        _ => concept(
            vec![
                coding("http://terminology.hl7.org/CodeSystem/v2-0131", "CP", Some("Contact person")),
                coding("http://terminology.hl7.org/CodeSystem/v2-0063", "OWN", Some("Owner")),
            ],
            Some("Owner"),
        ),
    };
    contact.set("relationship", list(vec![relationship]));
    if let Some(name) = &facts.owner {
        let mut name = person_name(name);
        if draw.chance(15) {
            name.remove("text");
        }
        contact.set("name", name);
    }
    let points: Vec<Json> = facts
        .phone
        .as_deref()
        .map(phone_point)
        .into_iter()
        .chain(facts.email.as_deref().map(email_point))
        .collect();
    if !points.is_empty() {
        contact.set("telecom", list(points));
    }
    (facts.owner.is_some() || contact.get("telecom").is_some()).then_some(contact)
}

fn second_contact(draw: &mut Draw) -> Json {
    let name = draw.owner_name();
    Json::object([
        (
            "relationship",
            list(vec![concept(
                vec![coding("http://terminology.hl7.org/CodeSystem/v2-0131", "N", Some("Next-of-Kin"))],
                None,
            )]),
        ),
        ("name", person_name(&name)),
        ("telecom", list(vec![phone_point(&draw.phone())])),
    ])
}

fn note(lines: &[String]) -> Json {
    Json::object([
        ("url", text(NOTE_URL)),
        ("valueAnnotation", Json::object([("text", Json::String(lines.join("\n")))])),
    ])
}

fn weight(tenths: u32, pounds: bool) -> Json {
    let (number, unit, code) = if pounds {
        (format!("{:.2}", f64::from(tenths) / 10.0 / 0.453_592_37), "lb", "[lb_av]")
    } else {
        (format!("{}.{}", tenths / 10, tenths % 10), "kg", "kg")
    };
    Json::object([
        ("url", text(WEIGHT_URL)),
        (
            "valueQuantity",
            Json::object([
                ("value", Json::Number(number)),
                ("unit", text(unit)),
                ("system", text("http://unitsofmeasure.org")),
                ("code", text(code)),
            ]),
        ),
    ])
}

fn allergy(words: &str, code: Json, category: Option<&str>) -> Json {
    let status = |system: &str, code: &str| {
        concept(vec![coding(&format!("http://terminology.hl7.org/CodeSystem/{system}"), code, None)], None)
    };
    let mut resource = Json::object([("resourceType", text("AllergyIntolerance"))]);
    resource.set("clinicalStatus", status("allergyintolerance-clinical", "active"));
    resource.set("verificationStatus", status("allergyintolerance-verification", "confirmed"));
    if let Some(category) = category {
        resource.set("category", list(vec![text(category)]));
    }
    let mut code = code;
    code.set("text", text(words));
    resource.set("code", code);
    resource.set("patient", Json::object([("reference", text("Patient/self"))]));
    resource
}

/// One resource per substance, or the statement that there are none.
pub(crate) fn allergies(known: &Allergies) -> Vec<Json> {
    match known {
        Allergies::Silent => Vec::new(),
        Allergies::NoneKnown => {
            vec![allergy(
                "No known allergies",
                concept(vec![coding(SNOMED, "716186003", Some("No known allergy"))], None),
                None,
            )]
        }
        Allergies::To(substances) => substances
            .iter()
            .map(|substance| {
                let category =
                    SUBSTANCES.iter().find(|(name, _)| name == substance).map(|(_, category)| *category);
                allergy(substance, concept(Vec::new(), None), category)
            })
            .collect(),
    }
}

/// The whole chart of an animal.
pub(crate) fn render(id: &str, facts: &Facts, servicenow_key: Option<&str>, draw: &mut Draw) -> Chart {
    let mut patient = Json::object([("resourceType", text("Patient")), ("id", text(id))]);
    if draw.chance(10) {
        let source = format!("urn:uuid:{}", draw.uuid());
        patient.set("meta", Json::object([("source", Json::String(source))]));
    }
    if draw.chance(20) {
        patient.set(
            "text",
            Json::object([
                ("status", text("generated")),
                ("div", text("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Patient summary</p></div>")),
            ]),
        );
    }
    let mut extensions = vec![animal(facts, draw)];
    if !facts.notes.is_empty() {
        extensions.push(note(&facts.notes));
    }
    if let Some(tenths) = facts.weight {
        let pounds = draw.chance(30);
        extensions.push(weight(tenths, pounds));
    }
    if draw.chance(15) {
        extensions.push(Json::object([
            ("url", text("https://mainstreetvet.example/fhir/StructureDefinition/kennel-size")),
            ("valueDecimal", Json::Number(draw.pick(&["4.10", "2.50", "1.0"]).to_owned())),
        ]));
    }
    patient.set("extension", list(extensions));
    let mut identifiers: Vec<Json> = facts.chip.as_deref().map(chip_identifier).into_iter().collect();
    if draw.chance(15) {
        identifiers.push(Json::object([
            ("type", concept(Vec::new(), Some("Dog tag"))),
            ("system", text("http://www.cityofmain.example/dogtags")),
            ("value", Json::String(format!("{}", 10_000 + draw.below(90_000)))),
            ("period", Json::object([("start", text("2021-05-31"))])),
        ]));
    }
    if let Some(key) = servicenow_key {
        identifiers.push(servicenow_identifier(key));
    }
    if !identifiers.is_empty() {
        patient.set("identifier", list(identifiers));
    }
    patient.set("active", Json::Bool(!facts.deceased));
    patient.set(
        "name",
        list(vec![Json::object([("use", text("usual")), ("given", list(vec![text(&facts.name)]))])]),
    );
    patient.set("gender", text(gender(facts.sex)));
    if let Some(birth) = &facts.birth {
        patient.set("birthDate", Json::String(birth.text()));
    }
    if facts.deceased {
        patient.set("deceasedBoolean", Json::Bool(true));
    }
    let second = draw.chance(15);
    let mut contacts: Vec<Json> = owner(facts, !second, draw).into_iter().collect();
    if second {
        contacts.push(second_contact(draw));
    }
    if !contacts.is_empty() {
        patient.set("contact", list(contacts));
    }
    if draw.chance(50) {
        patient.set(
            "managingOrganization",
            Json::object([("display", text("Main Street Veterinary Hospital"))]),
        );
    }
    Chart { patient, allergies: allergies(&facts.allergies) }
}

pub(crate) fn servicenow_identifier(key: &str) -> Json {
    Json::object([("use", text("secondary")), ("system", text(SERVICENOW_SYSTEM)), ("value", text(key))])
}

/// Writes one mapped field of a live chart as a colleague would, leaving everything else alone.
pub(crate) fn set(chart: &mut Chart, field: &str, facts: &Facts) {
    let patient = &mut chart.patient;
    match field {
        "patient_name" => set_name(patient, &facts.name),
        "date_of_birth" => {
            set_or_remove(patient, "birthDate", facts.birth.as_ref().map(|birth| Json::String(birth.text())));
        }
        "species" | "breed" | "gender" => {
            patient.set("gender", text(gender(facts.sex)));
            let fresh = animal(facts, &mut Draw::plain());
            replace_extension(patient, ANIMAL_URL, Some(fresh));
        }
        "microchip_id" => set_chip(patient, facts.chip.as_deref()),
        "owner_name" | "owner_phone" | "owner_email" => set_owner(patient, field, facts),
        "allergies" => {
            let wanted = allergies(&facts.allergies);
            let words = |allergy: &Json| {
                allergy
                    .get("code")
                    .and_then(|code| code.get("text"))
                    .and_then(Json::as_str)
                    .map(str::to_owned)
            };
            chart.allergies.retain(|known| wanted.iter().any(|wanted| words(wanted) == words(known)));
            for wanted in wanted {
                if !chart.allergies.iter().any(|known| words(known) == words(&wanted)) {
                    chart.allergies.push(wanted);
                }
            }
        }
        "medical_notes" => {
            replace_extension(patient, NOTE_URL, (!facts.notes.is_empty()).then(|| note(&facts.notes)));
        }
        _ => replace_extension(patient, WEIGHT_URL, facts.weight.map(|tenths| weight(tenths, false))),
    }
}

fn set_or_remove(object: &mut Json, name: &str, value: Option<Json>) {
    match value {
        Some(value) => object.set(name, value),
        None => {
            object.remove(name);
        }
    }
}

fn set_name(patient: &mut Json, name: &str) {
    if let Some(first) = patient.get_mut("name").and_then(Json::items_mut).and_then(|names| names.first_mut())
    {
        first.set("given", list(vec![text(name)]));
        first.remove("text");
        first.remove("family");
    }
}

fn replace_extension(patient: &mut Json, url: &str, fresh: Option<Json>) {
    if patient.get("extension").is_none() {
        patient.set("extension", list(Vec::new()));
    }
    if let Some(all) = patient.get_mut("extension").and_then(Json::items_mut) {
        let at = all.iter().position(|extension| extension.get("url").and_then(Json::as_str) == Some(url));
        match (at, fresh) {
            (Some(at), Some(fresh)) => {
                if let Some(place) = all.get_mut(at) {
                    *place = fresh;
                }
            }
            (Some(at), None) => {
                all.remove(at);
            }
            (None, Some(fresh)) => all.push(fresh),
            (None, None) => {}
        }
    }
    remove_if_empty(patient, "extension");
}

fn remove_if_empty(object: &mut Json, name: &str) {
    if object.get(name).is_some_and(|value| value.items().is_empty()) {
        object.remove(name);
    }
}

fn set_chip(patient: &mut Json, chip: Option<&str>) {
    if patient.get("identifier").is_none() {
        patient.set("identifier", list(Vec::new()));
    }
    let is_chip = |identifier: &Json| {
        let codings =
            identifier.get("type").and_then(|kind| kind.get("coding")).map(Json::items).unwrap_or_default();
        codings.iter().any(|coding| coding.get("code").and_then(Json::as_str) == Some("MCN"))
    };
    if let Some(all) = patient.get_mut("identifier").and_then(Json::items_mut) {
        match (all.iter_mut().find(|identifier| is_chip(identifier)), chip) {
            (Some(known), Some(chip)) => known.set("value", text(chip)),
            (None, Some(chip)) => all.push(chip_identifier(chip)),
            (_, None) => all.retain(|identifier| !is_chip(identifier)),
        }
    }
    remove_if_empty(patient, "identifier");
}

/// The owner is the contact with the code or the word, else the first.
fn set_owner(patient: &mut Json, field: &str, facts: &Facts) {
    let Some(contacts) = patient.get_mut("contact").and_then(Json::items_mut) else { return };
    let says_owner = |contact: &Json| {
        contact.get("relationship").is_some_and(|relationship| relationship.to_string().contains("Owner"))
    };
    let at = contacts.iter().position(says_owner).unwrap_or(0);
    let Some(contact) = contacts.get_mut(at) else { return };
    let (system, point) = match field {
        "owner_name" => {
            set_or_remove(contact, "name", facts.owner.as_deref().map(person_name));
            return;
        }
        "owner_phone" => ("phone", facts.phone.as_deref().map(phone_point)),
        _ => ("email", facts.email.as_deref().map(email_point)),
    };
    if contact.get("telecom").is_none() {
        contact.set("telecom", list(Vec::new()));
    }
    if let Some(points) = contact.get_mut("telecom").and_then(Json::items_mut) {
        let at = points.iter().position(|point| point.get("system").and_then(Json::as_str) == Some(system));
        match (at, point) {
            (Some(at), Some(point)) => {
                if let Some(place) = points.get_mut(at) {
                    *place = point;
                }
            }
            (Some(at), None) => {
                points.remove(at);
            }
            (None, Some(point)) => points.push(point),
            (None, None) => {}
        }
    }
    remove_if_empty(contact, "telecom");
}
