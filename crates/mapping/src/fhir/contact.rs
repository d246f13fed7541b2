//! The owner among `Patient.contact`, and the owner's telephone and e-mail (wire-facts 2.4).

use super::{concept, name, tree};
use crate::node::{Node, Scalar};
use record::Json;
use std::borrow::Cow;

const RELATIONSHIP: &str = "http://terminology.hl7.org/CodeSystem/v2-0131";
const OWNER: &str = "OWN";
const RELATIONSHIP_OWNER: &str = "http://terminology.hl7.org/CodeSystem/v2-0063";
const DSTU2_RELATIONSHIP: &str = "http://hl7.org/fhir/patient-contact-relationship";

/// The owner: a contact coded `OWN`, else one whose relationship reads "owner", else DSTU2's `owner`, else the only
/// contact that is a contact person (C, CP, N) or says no relationship at all.
pub(crate) fn owner_at<'a>(patient: impl Node<'a>) -> Option<usize> {
    owner_with_place(patient).map(|(at, _)| at)
}

fn owner_with_place<'a, N: Node<'a>>(patient: N) -> Option<(usize, N)> {
    let first = |is_owner: &dyn Fn(N) -> bool| {
        tree::items(patient, "contact")
            .enumerate()
            .find(|(_, contact)| !ended(*contact) && tree::items(*contact, "relationship").any(is_owner))
    };
    // v2-0063 codes are met under older URIs as well; OWN means nothing else in any of them.
    first(&|relationship| {
        tree::items(relationship, "coding").any(|coding| tree::text(coding, "code") == Some(OWNER))
    })
    .or_else(|| first(&|relationship| tree::text(relationship, "text").is_some_and(reads_owner)))
    .or_else(|| first(&|relationship| concept::has_code(relationship, DSTU2_RELATIONSHIP, "owner")))
    .or_else(|| {
        let mut likely = tree::items(patient, "contact")
            .enumerate()
            .filter(|(_, contact)| !ended(*contact) && may_be_owner(*contact));
        let first = likely.next()?;
        likely.next().is_none().then_some(first)
    })
}

fn reads_owner(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("owner")
}

fn ended<'a>(contact: impl Node<'a>) -> bool {
    contact.get("period").is_some_and(|period| tree::text(period, "end").is_some())
}

fn may_be_owner<'a>(contact: impl Node<'a>) -> bool {
    let mut relationships = tree::items(contact, "relationship").peekable();
    relationships.peek().is_none()
        || relationships.any(|relationship| {
            ["C", "CP", "N"].iter().any(|code| concept::has_code(relationship, RELATIONSHIP, code))
        })
}

fn owner<'a, N: Node<'a>>(patient: N) -> Option<N> {
    owner_with_place(patient).map(|(_, contact)| contact)
}

/// The owner's contact, added where there is none.
fn owner_mut(patient: &mut Json) -> Option<&mut Json> {
    let at = owner_at(&*patient);
    let contacts = tree::items_mut(patient, "contact")?;
    let at = at.unwrap_or_else(|| {
        let coding = |system, code, display| {
            Json::object([
                ("system", Json::str(system)),
                ("code", Json::str(code)),
                ("display", Json::str(display)),
            ])
        };
        contacts.push(Json::object([(
            "relationship",
            Json::Array(vec![Json::object([
                (
                    "coding",
                    Json::Array(vec![
                        coding(RELATIONSHIP, "CP", "Contact person"),
                        coding(RELATIONSHIP_OWNER, OWNER, "Owner"),
                    ]),
                ),
                ("text", Json::str("Owner")),
            ])]),
        )]));
        contacts.len() - 1
    });
    contacts.get_mut(at)
}

/// The owner's name as people read it.
pub(crate) fn owner_name<'a>(patient: impl Node<'a>) -> Option<Cow<'a, str>> {
    owner(patient)?.get("name").and_then(name::rendered)
}

/// Writes the owner's name.
pub(crate) fn write_owner_name(patient: &mut Json, text: &str) {
    if let Some(contact) = owner_mut(patient) {
        if contact.get("name").is_none() {
            contact.set("name", Json::Object(Vec::new()));
        }
        if let Some(standing) = contact.get_mut("name") {
            name::write(standing, text, false);
        }
    }
}

/// Empties the owner's name.
pub(crate) fn clear_owner_name(patient: &mut Json) {
    if owner_name(&*patient).is_none() {
        return;
    }
    if let Some(contact) = owner_mut(patient)
        && let Some(standing) = contact.get_mut("name")
        && !name::clear(standing)
    {
        contact.remove("name");
    }
    drop_bare_owner(patient);
}

/// A contact must say a name, telecom, address or organisation (FHIR R4, pat-1): one that says none any more goes.
fn drop_bare_owner(patient: &mut Json) {
    let Some(at) = owner_at(&*patient) else { return };
    if let Some(contacts) = patient.get_mut("contact").and_then(Json::items_mut) {
        let bare = contacts.get(at).is_some_and(|contact| {
            ["name", "telecom", "address", "organization"].iter().all(|key| contact.get(key).is_none())
        });
        if bare {
            contacts.remove(at);
            tree::drop_if_empty(patient, "contact");
        }
    }
}

/// Which of several entries counts: the lowest rank, then mobile before home before the rest, then the first. Old
/// ones never do.
fn telecom_at<'a, N: Node<'a>>(contact: N, system: &str) -> Option<(usize, N)> {
    tree::items(contact, "telecom")
        .enumerate()
        .filter(|(_, telecom)| {
            tree::text(*telecom, "system") == Some(system)
                && tree::text(*telecom, "value").is_some()
                && !tree::is_over(*telecom)
        })
        .min_by_key(|(at, telecom)| {
            let rank = match telecom.get("rank").map(N::scalar) {
                Some(Scalar::Number(rank)) => rank.parse().unwrap_or(u32::MAX),
                _ => u32::MAX,
            };
            (rank, use_order(tree::text(*telecom, "use")), *at)
        })
}

/// The order in which uses are preferred.
fn use_order(use_code: Option<&str>) -> u8 {
    match use_code {
        Some("mobile") => 0,
        Some("home") => 1,
        _ => 2,
    }
}

/// The owner's telephone number or e-mail address as written.
pub(crate) fn owner_telecom<'a>(patient: impl Node<'a>, system: &str) -> Option<&'a str> {
    tree::text(telecom_at(owner(patient)?, system)?.1, "value")
}

/// Writes it in place, keeping rank and use, or adds it.
pub(crate) fn write_owner_telecom(patient: &mut Json, system: &str, value: &str) {
    let Some(contact) = owner_mut(patient) else { return };
    let at = telecom_at(&*contact, system).map(|(at, _)| at);
    let Some(telecoms) = tree::items_mut(contact, "telecom") else { return };
    match at.and_then(|at| telecoms.get_mut(at)) {
        Some(telecom) => tree::set_primitive(telecom, "value", Json::str(value)),
        None => telecoms.push(Json::object([("system", Json::str(system)), ("value", Json::str(value))])),
    }
}

/// Takes it away.
pub(crate) fn clear_owner_telecom(patient: &mut Json, system: &str) {
    if owner_telecom(&*patient, system).is_none() {
        return;
    }
    if let Some(contact) = owner_mut(patient)
        && let Some((at, _)) = telecom_at(&*contact, system)
    {
        if let Some(telecoms) = contact.get_mut("telecom").and_then(Json::items_mut) {
            telecoms.remove(at);
        }
        tree::drop_if_empty(contact, "telecom");
    }
    drop_bare_owner(patient);
}
