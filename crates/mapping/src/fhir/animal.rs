//! The extension patient-animal (FHIR R4 extension registry): species, breed, genderStatus.
//!
//! Species is mandatory inside it. A breed or a neuter status without a known species is sent with the species as
//! text `Unknown`; that text alone reads as blank (wire-facts 2.1).

use super::{concept, tree};
use crate::fast::reader::{AsState, Reader};
use crate::node::Node;
use record::value::{Coded, Neuter, Value};
use record::{Conventions, FieldState, Json, catalogue::ValueType};

/// The extension's URL.
pub(crate) const PATIENT_ANIMAL: &str = "http://hl7.org/fhir/StructureDefinition/patient-animal";
/// The code system of neuter states.
pub(crate) const GENDER_STATUS: &str = record::codes::sex_terms::ANIMAL_GENDER_STATUS;
/// What the species says where it is not known but must be there.
const UNKNOWN_SPECIES: &str = "Unknown";

/// The nested extension's concept.
pub(crate) fn concept<'a, N: Node<'a>>(patient: N, part: &str) -> Option<N> {
    tree::extension(tree::extension(patient, PATIENT_ANIMAL)?, part)?.get("valueCodeableConcept")
}

/// Whether a species concept is only the stand-in for an unknown one.
pub(crate) fn is_stand_in<'a>(species: impl Node<'a>) -> bool {
    tree::items(species, "coding").next().is_none()
        && tree::text(species, "text").is_some_and(|text| text.trim().eq_ignore_ascii_case(UNKNOWN_SPECIES))
}

/// Reads species or breed.
pub(crate) fn read<'a, R: Reader>(
    patient: impl Node<'a>,
    part: &str,
    value_type: &ValueType,
    conventions: &Conventions,
    reader: &mut R,
) -> R::Said {
    match concept(patient, part) {
        Some(species) if part == "species" && is_stand_in(species) => reader.state(FieldState::Blank),
        Some(concept) => reader.concept(concept, value_type, conventions),
        None => reader.state(FieldState::Blank),
    }
}

/// Writes species or breed.
pub(crate) fn write(
    patient: &mut Json,
    part: &str,
    value: &Coded,
    value_type: &ValueType,
    conventions: &Conventions,
) {
    let species = match read(&*patient, "species", &ValueType::Species, conventions, &mut AsState) {
        FieldState::Value(Value::Coded(species)) if part != "species" => species.concept,
        _ => None,
    };
    with_concept(patient, part, |target| {
        concept::write(target, value, value_type, species.as_deref(), conventions);
    });
}

/// Changes a nested concept, adding the containers it needs.
fn with_concept(patient: &mut Json, part: &str, change: impl FnOnce(&mut Json)) {
    if tree::extension(&*patient, PATIENT_ANIMAL).is_none()
        && let Some(extensions) = tree::items_mut(patient, "extension")
    {
        extensions
            .push(Json::object([("url", Json::str(PATIENT_ANIMAL)), ("extension", Json::Array(Vec::new()))]));
    }
    let Some(animal) = tree::extension_mut(patient, PATIENT_ANIMAL) else { return };
    if part != "species" && tree::extension(&*animal, "species").is_none() {
        add_part(animal, "species", Json::object([("text", Json::str(UNKNOWN_SPECIES))]));
    }
    if tree::extension(&*animal, part).is_none() {
        add_part(animal, part, Json::Object(Vec::new()));
    }
    if let Some(nested) = tree::extension_mut(animal, part) {
        if nested.get("valueCodeableConcept").is_none() {
            nested.set("valueCodeableConcept", Json::Object(Vec::new()));
        }
        if let Some(concept) = nested.get_mut("valueCodeableConcept") {
            change(concept);
        }
    }
}

/// Species stands first, as in the official example; the others in the order they come.
fn add_part(animal: &mut Json, part: &str, concept: Json) {
    if let Some(parts) = tree::items_mut(animal, "extension") {
        let nested = Json::object([("url", Json::str(part)), ("valueCodeableConcept", concept)]);
        if part == "species" { parts.insert(0, nested) } else { parts.push(nested) }
    }
}

/// Empties species, breed or genderStatus; takes the whole extension away when nothing else is in it.
pub(crate) fn clear(patient: &mut Json, part: &str) {
    let Some(animal) = tree::extension_mut(patient, PATIENT_ANIMAL) else { return };
    if tree::extension(&*animal, part).is_none() {
        return;
    }
    let others = tree::list(animal, "extension")
        .iter()
        .filter(|nested| tree::text(*nested, "url") != Some(part))
        .filter(|nested| {
            tree::text(*nested, "url") != Some("species")
                || !nested.get("valueCodeableConcept").is_some_and(is_stand_in)
        })
        .count();
    if others == 0 && !tree::has_more_than(animal, &["url", "extension"]) {
        tree::remove_extension(patient, PATIENT_ANIMAL);
    } else if part == "species" {
        if let Some(nested) = tree::extension_mut(animal, part) {
            nested.set("valueCodeableConcept", Json::object([("text", Json::str(UNKNOWN_SPECIES))]));
        }
    } else {
        tree::remove_extension(animal, part);
    }
}

/// What a genderStatus concept says.
pub(crate) fn neuter_of<'a>(status: impl Node<'a>) -> Neuter {
    let word = concept::code_of(status, GENDER_STATUS).or_else(|| concept::label(status)).unwrap_or_default();
    neuter_word(word)
}

/// The neuter status a code or a word stands for.
pub(crate) fn neuter_word(word: &str) -> Neuter {
    let word = word.trim().to_ascii_lowercase();
    Neuter::from_code(&word).unwrap_or(match word.as_str() {
        "spayed" | "castrated" | "spayed/neutered" | "gelded" => Neuter::Neutered,
        "entire" => Neuter::Intact,
        _ => Neuter::Unknown,
    })
}

/// Writes the neuter status; one that says the same already stays as it is.
pub(crate) fn write_neuter(patient: &mut Json, neuter: Neuter) {
    let standing = concept(&*patient, "genderStatus");
    if standing.map_or(Neuter::Unknown, neuter_of) == neuter {
        return;
    }
    with_concept(patient, "genderStatus", |status| {
        let fresh = concept::of_code(GENDER_STATUS, neuter.code(), neuter.display());
        if let Some(coding) = fresh.get("coding") {
            status.set("coding", coding.clone());
        }
        status.remove("text");
    });
}
