//! `Patient.identifier`: microchips and the other system's key.

use super::{concept, tree};
use crate::node::Node;
use record::Json;

/// HL7 v2 identifier types; `MCN` is "Microchip Number" (FHIR R4 identifier-type value set).
const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
const MICROCHIP: &str = "MCN";

/// Whether an identifier is a microchip: by its type, or by one of the configured systems.
fn is_chip<'a>(identifier: impl Node<'a>, systems: &[&str]) -> bool {
    identifier.get("type").is_some_and(|kind| concept::has_code(kind, IDENTIFIER_TYPE, MICROCHIP))
        || tree::text(identifier, "system").is_some_and(|system| systems.contains(&system))
}

/// The first chip in use; an animal may carry several (wire-facts 2.3).
pub(crate) fn chip_at<'a>(patient: impl Node<'a>, systems: &[&str]) -> Option<usize> {
    tree::items(patient, "identifier").position(|identifier| {
        is_chip(identifier, systems)
            && !tree::is_over(identifier)
            && tree::text(identifier, "value").is_some()
    })
}

/// Its number as it stands.
pub(crate) fn chip<'a>(patient: impl Node<'a>, systems: &[&str]) -> Option<&'a str> {
    tree::text(tree::items(patient, "identifier").nth(chip_at(patient, systems)?)?, "value")
}

/// Writes the number over the first chip in use, or adds one.
pub(crate) fn write_chip(patient: &mut Json, systems: &[&str], system: &str, number: &str) {
    let at = chip_at(&*patient, systems);
    let Some(identifiers) = tree::items_mut(patient, "identifier") else { return };
    if let Some(identifier) = at.and_then(|at| identifiers.get_mut(at)) {
        tree::set_primitive(identifier, "value", Json::str(number));
    } else {
        identifiers.push(Json::object([
            ("use", Json::str("official")),
            ("type", concept::of_code(IDENTIFIER_TYPE, MICROCHIP, "Microchip Number")),
            ("system", Json::str(system)),
            ("value", Json::str(number)),
        ]));
    }
}

/// Takes the first chip in use away, whole: what else stands in it describes that chip.
pub(crate) fn remove_chip(patient: &mut Json, systems: &[&str]) {
    if let Some(at) = chip_at(&*patient, systems) {
        if let Some(identifiers) = patient.get_mut("identifier").and_then(Json::items_mut) {
            identifiers.remove(at);
        }
        tree::drop_if_empty(patient, "identifier");
    }
}

/// The identifier of one system that is in use.
pub(crate) fn of_system<'a>(patient: impl Node<'a>, system: &str) -> Option<&'a str> {
    tree::items(patient, "identifier")
        .find(|identifier| tree::text(*identifier, "system") == Some(system) && !tree::is_over(*identifier))
        .and_then(|identifier| tree::text(identifier, "value"))
}

/// Writes the identifier of one system, as a secondary one where it is new (wire-facts 2.3).
pub(crate) fn write_of_system(patient: &mut Json, system: &str, value: &str) {
    if of_system(&*patient, system) == Some(value) {
        return;
    }
    let Some(identifiers) = tree::items_mut(patient, "identifier") else { return };
    let standing = identifiers.iter_mut().find(|identifier| {
        tree::text(&**identifier, "system") == Some(system) && !tree::is_over(&**identifier)
    });
    match standing {
        Some(identifier) => tree::set_primitive(identifier, "value", Json::str(value)),
        None => identifiers.push(Json::object([
            ("use", Json::str("secondary")),
            ("system", Json::str(system)),
            ("value", Json::str(value)),
        ])),
    }
}
