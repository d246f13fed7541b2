//! Allergies: one `AllergyIntolerance` per substance (wire-facts 3.1).
//!
//! **What belongs to the set.** Every resource about this patient in the bundle, and every one contained in the
//! Patient, except those refuted, entered in error, inactive or resolved. Where a Patient has none of either, the
//! product's text extension is read ([`ALLERGIES_TEXT`]). A bare Patient with none of all three says nothing about
//! allergies: unknown, not blank; unless the EHR is known to keep them in that extension ([`BareAllergies`]).
//!
//! **Removing** a substance never deletes a resource and never claims it was an error: `clinicalStatus` becomes
//! `inactive`, which satisfies ait-1 and ait-2, keeps verification, reactions and notes, and can be taken back.
//! Adding a substance again whose resource is inactive makes that resource active again; a resolved, refuted or
//! erroneous one stays as it is and a new resource is added.

use super::document::{Place, derived_uuid};
use super::{concept, tree};
use crate::node::Node;
use crate::text;
use record::catalogue::ValueType;
use record::value::{Substance, SubstanceSet, Value, ValueProblem};
use record::{Conventions, FieldState, Json};

/// The product's extension that carries all allergies as one text, for an EHR that has no place for resources.
pub const ALLERGIES_TEXT: &str = "https://vetsync.example/fhir/StructureDefinition/allergies-text";

/// What a bare Patient (no Bundle around it) says about allergies where it has neither resources nor
/// [`ALLERGIES_TEXT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BareAllergies {
    /// Nothing: they may travel in a Bundle that was not asked for. Unknown, and not written into a bare Patient.
    #[default]
    Unknown,
    /// That there are none on record: the EHR knows bare Patients only, and keeps allergies in [`ALLERGIES_TEXT`].
    /// Blank; a write adds the extension, and the Patient stays bare.
    TextExtension,
}

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
pub(crate) const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
/// SNOMED CT: no known allergy.
const NONE_KNOWN_CODE: &str = "716186003";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Entry(usize),
    Contained(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Active,
    Inactive,
    /// Resolved, refuted or entered in error: not ours to change.
    Closed,
}

struct Found {
    at: At,
    standing: Standing,
    substance: Option<Substance>,
}

/// Every resource about this patient, in document order.
fn find<'a, N: Node<'a>>(document: N, place: Place) -> Vec<Found> {
    let entries = tree::items(document, "entry")
        .enumerate()
        .filter_map(|(at, entry)| Some((At::Entry(at), entry.get("resource")?)))
        .filter(|(_, resource)| is_allergy(*resource) && place.is_about_patient(document, *resource));
    let contained = place
        .patient(document)
        .into_iter()
        .flat_map(|patient| tree::items(patient, "contained"))
        .enumerate()
        .filter(|(_, resource)| is_allergy(*resource))
        .map(|(at, resource)| (At::Contained(at), resource));
    entries
        .chain(contained)
        .map(|(at, resource)| Found { at, standing: standing(resource), substance: substance_of(resource) })
        .collect()
}

fn is_allergy<'a>(resource: impl Node<'a>) -> bool {
    tree::text(resource, "resourceType") == Some("AllergyIntolerance")
}

fn standing<'a>(resource: impl Node<'a>) -> Standing {
    let code = |key, system| resource.get(key).and_then(|concept| concept::code_of(concept, system));
    match (code("verificationStatus", VERIFICATION), code("clinicalStatus", CLINICAL)) {
        (Some("refuted" | "entered-in-error"), _) | (_, Some("resolved")) => Standing::Closed,
        (_, Some("inactive")) => Standing::Inactive,
        _ => Standing::Active,
    }
}

fn substance_of<'a, N: Node<'a>>(resource: N) -> Option<Substance> {
    let code = resource.get("code").filter(|code| concept::label(*code).is_some()).or_else(|| {
        tree::items(resource, "reaction")
            .filter_map(|reaction| reaction.get("substance"))
            .find(|substance| concept::label(*substance).is_some())
    })?;
    Substance::new(concept::label(code)?, concept::codings(code))
}

/// What an allergy without a substance makes of the field.
fn nameless() -> FieldState {
    FieldState::Invalid {
        raw: String::new(),
        problem: ValueProblem {
            problem: "an allergy in the EHR names no substance".to_owned(),
            way_out: "complete it in the EHR, or mark it as entered in error there".to_owned(),
        },
    }
}

/// The field's state for these substances.
fn collect(substances: impl IntoIterator<Item = Substance>) -> FieldState {
    let set = SubstanceSet::new(substances);
    if set.items.is_empty() { FieldState::Blank } else { FieldState::Value(Value::Substances(set)) }
}

/// Reads the set.
pub(crate) fn read<'a>(
    document: impl Node<'a>,
    place: Place,
    bare: BareAllergies,
    conventions: &Conventions,
) -> FieldState {
    let found = find(document, place);
    if found.is_empty() {
        let text = place.patient(document).and_then(text_extension);
        return match (text, place, bare) {
            (Some(text), _, _) => text::read(&ValueType::Substances, text, conventions),
            (None, Place::Entry(_), _) | (None, Place::Root, BareAllergies::TextExtension) => {
                FieldState::Blank
            }
            (None, Place::Root, BareAllergies::Unknown) => FieldState::Unknown,
        };
    }
    let mut substances = Vec::new();
    for found in found.into_iter().filter(|found| found.standing == Standing::Active) {
        match found.substance {
            Some(substance) => substances.push(substance),
            None => return nameless(),
        }
    }
    collect(substances)
}

fn text_extension<'a>(patient: impl Node<'a>) -> Option<&'a str> {
    tree::text(tree::extension(patient, ALLERGIES_TEXT)?, "valueString")
}

/// Writes the set where the document keeps it.
pub(crate) fn write(
    document: &mut Json,
    place: Place,
    set: &SubstanceSet,
    bare: BareAllergies,
    conventions: &Conventions,
) -> Result<(), String> {
    let found = find(&*document, place);
    if found.is_empty() {
        let standing = place.patient(&*document).and_then(text_extension).map(str::to_owned);
        if let Some(standing) = standing {
            return write_text(document, place, &standing, set, bare, conventions);
        }
        if place == Place::Root && !set.items.is_empty() {
            if bare == BareAllergies::TextExtension {
                return add_text(document, place, set);
            }
            return Err(
                "the EHR sent a Patient without its allergies; they travel in a Bundle with the Patient, \
                        so read the patient again by its own address"
                    .to_owned(),
            );
        }
    }
    if found.iter().any(|found| found.standing == Standing::Active && found.substance.is_none()) {
        return Err("an allergy in the EHR names no substance; complete it there first".to_owned());
    }
    for found in &found {
        let Some(substance) = &found.substance else { continue };
        let wanted = set.contains(&substance.key);
        if found.standing == Standing::Active && !wanted {
            set_clinical(document, place, found.at, "inactive", "Inactive");
        }
    }
    for item in &set.items {
        let of_item = |standing: Standing| {
            found.iter().find(|found| {
                found.standing == standing
                    && found.substance.as_ref().is_some_and(|substance| substance.key == item.key)
            })
        };
        if of_item(Standing::Active).is_some() {
            continue;
        }
        if let Some(inactive) = of_item(Standing::Inactive) {
            set_clinical(document, place, inactive.at, "active", "Active");
        } else {
            add(document, place, item);
        }
    }
    Ok(())
}

fn write_text(
    document: &mut Json,
    place: Place,
    standing: &str,
    set: &SubstanceSet,
    bare: BareAllergies,
    conventions: &Conventions,
) -> Result<(), String> {
    let patient = place.patient_mut(document).ok_or("the document has no Patient")?;
    if set.items.is_empty() {
        tree::remove_extension(patient, ALLERGIES_TEXT);
        if place == Place::Root && bare == BareAllergies::Unknown {
            return Err(
                "a bare Patient cannot say that there are no allergies; enter \"no known allergies\""
                    .to_owned(),
            );
        }
    } else if let Some(extension) = tree::extension_mut(patient, ALLERGIES_TEXT) {
        extension.set("valueString", Json::String(text::list(standing, set, conventions)));
    }
    Ok(())
}

/// Adds the text extension to a Patient that has none.
fn add_text(document: &mut Json, place: Place, set: &SubstanceSet) -> Result<(), String> {
    let patient = place.patient_mut(document).ok_or("the document has no Patient")?;
    // Names of substances have commas in them more often than semicolons.
    let text = Json::String(set.to_text(Some("; ")));
    if let Some(extension) = tree::extension_mut(patient, ALLERGIES_TEXT) {
        if tree::has_more_than(extension, &["url", "id"]) {
            return Err(
                "the EHR's extension for allergies holds something else than a text; correct it there"
                    .to_owned(),
            );
        }
        extension.set("valueString", text);
    } else if let Some(extensions) = tree::items_mut(patient, "extension") {
        extensions.push(Json::object([("url", Json::str(ALLERGIES_TEXT)), ("valueString", text)]));
    }
    Ok(())
}

fn set_clinical(document: &mut Json, place: Place, at: At, code: &str, display: &str) {
    let resource = match at {
        At::Entry(at) => document
            .get_mut("entry")
            .and_then(Json::items_mut)
            .and_then(|entries| entries.get_mut(at))
            .and_then(|entry| entry.get_mut("resource")),
        At::Contained(at) => place
            .patient_mut(document)
            .and_then(|patient| patient.get_mut("contained"))
            .and_then(Json::items_mut)
            .and_then(|contained| contained.get_mut(at)),
    };
    let Some(resource) = resource else { return };
    if resource.get("clinicalStatus").is_none() {
        resource.set("clinicalStatus", Json::Object(Vec::new()));
    }
    let Some(status) = resource.get_mut("clinicalStatus") else { return };
    // A text would go on saying the old status.
    status.remove("text");
    let Some(codings) = tree::items_mut(status, "coding") else { return };
    match codings.iter_mut().find(|coding| tree::text(&**coding, "system") == Some(CLINICAL)) {
        Some(coding) => {
            coding.set("code", Json::str(code));
            if coding.get("display").is_some() {
                coding.set("display", Json::str(display));
            }
        }
        None => codings.push(Json::object([("system", Json::str(CLINICAL)), ("code", Json::str(code))])),
    }
}

fn add(document: &mut Json, place: Place, item: &Substance) {
    let in_bundle = matches!(place, Place::Entry(_));
    let identity = place.identity(&*document);
    let reference = if in_bundle { place.reference(document) } else { "#".to_owned() };
    let mut seed = format!("{identity}|{}", item.key);
    let mut uuid = derived_uuid(&seed);
    while taken(document, place, &uuid) {
        seed.push('+');
        uuid = derived_uuid(&seed);
    }
    let none_known = item.is_none_known();
    let mut code = Json::Object(Vec::new());
    let mut codings: Vec<Json> = item.codings.iter().map(concept::coding_json).collect();
    if none_known && !item.codings.iter().any(|coding| coding.code == NONE_KNOWN_CODE) {
        codings.insert(
            0,
            Json::object([
                ("system", Json::str(record::codes::SNOMED_CT)),
                ("code", Json::str(NONE_KNOWN_CODE)),
                ("display", Json::str("No known allergy")),
            ]),
        );
    }
    if !codings.is_empty() {
        code.set("coding", Json::Array(codings));
    }
    code.set("text", Json::str(item.text.trim()));
    let verification = if none_known { ("confirmed", "Confirmed") } else { ("unconfirmed", "Unconfirmed") };
    let mut resource = Json::object([("resourceType", Json::str("AllergyIntolerance"))]);
    if !in_bundle {
        resource.set("id", Json::str(uuid.as_str()));
    }
    resource.set("clinicalStatus", concept::of_code(CLINICAL, "active", "Active"));
    resource.set("verificationStatus", concept::of_code(VERIFICATION, verification.0, verification.1));
    resource.set("code", code);
    resource.set("patient", Json::object([("reference", Json::String(reference))]));
    if in_bundle {
        if let Some(entries) = tree::items_mut(document, "entry") {
            entries.push(Json::object([
                ("fullUrl", Json::String(format!("urn:uuid:{uuid}"))),
                ("resource", resource),
            ]));
        }
    } else if let Some(patient) = place.patient_mut(document)
        && let Some(contained) = tree::items_mut(patient, "contained")
    {
        contained.push(resource);
    }
}

/// Whether something in the document has that name already (FHIR R4 Bundle, bdl-7).
fn taken(document: &Json, place: Place, uuid: &str) -> bool {
    let url = format!("urn:uuid:{uuid}");
    tree::items(document, "entry").any(|entry| tree::text(entry, "fullUrl") == Some(url.as_str()))
        || place.patient(document).is_some_and(|patient| {
            tree::items(patient, "contained").any(|resource| tree::text(resource, "id") == Some(uuid))
        })
}
