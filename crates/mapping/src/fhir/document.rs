//! Where the Patient stands in a document, and what belongs to it.

use super::tree;
use crate::MappingError;
use crate::node::Node;
use record::Json;

/// Where the Patient stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The document is the Patient.
    Root,
    /// The resource of that entry of a Bundle.
    Entry(usize),
}

impl Place {
    /// Finds the Patient: the document itself, or the first Patient of a Bundle.
    pub(crate) fn find<'a>(document: impl Node<'a>) -> Result<Place, MappingError> {
        match tree::text(document, "resourceType") {
            Some("Patient") => Ok(Place::Root),
            Some("Bundle") => tree::items(document, "entry")
                .position(|entry| entry.get("resource").is_some_and(is_patient))
                .map(Place::Entry)
                .ok_or_else(|| MappingError::not_this_kind("the Bundle holds no Patient")),
            Some(other) if other.len() <= 64 && other.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                Err(MappingError::not_this_kind(format!(
                    "expected a Patient or a Bundle with one, found {other}"
                )))
            }
            _ => Err(MappingError::not_this_kind(
                "expected a FHIR Patient or Bundle (a JSON object with a resourceType)",
            )),
        }
    }

    pub(crate) fn patient<'a, N: Node<'a>>(self, document: N) -> Option<N> {
        match self {
            Place::Root => Some(document),
            Place::Entry(at) => tree::items(document, "entry").nth(at)?.get("resource"),
        }
    }

    pub(crate) fn patient_mut(self, document: &mut Json) -> Option<&mut Json> {
        match self {
            Place::Root => Some(document),
            Place::Entry(at) => document.get_mut("entry")?.items_mut()?.get_mut(at)?.get_mut("resource"),
        }
    }

    fn full_url<'a>(self, document: impl Node<'a>) -> Option<&'a str> {
        match self {
            Place::Root => None,
            Place::Entry(at) => tree::text(tree::items(document, "entry").nth(at)?, "fullUrl"),
        }
    }

    /// What derived names start from: the Patient's id, or the address it has in its Bundle.
    pub(crate) fn identity<'a>(self, document: impl Node<'a>) -> String {
        self.patient(document)
            .and_then(|patient| tree::text(patient, "id"))
            .or_else(|| self.full_url(document))
            .unwrap_or(NEW_PATIENT)
            .to_owned()
    }

    /// How other resources of the Bundle name the Patient: exactly its entry's address (FHIR R4 Bundle, "Resolving
    /// references in Bundles"), which is added where there is none.
    pub(crate) fn reference(self, document: &mut Json) -> String {
        if let Some(url) = self.full_url(&*document) {
            return url.to_owned();
        }
        let url = format!("urn:uuid:{}", derived_uuid(&self.identity(&*document)));
        self.set_full_url(document, &url);
        url
    }

    /// Gives the Patient's entry an address if it has none, as the entry's first member.
    pub(crate) fn set_full_url(self, document: &mut Json, url: &str) {
        if let Place::Entry(at) = self
            && let Some(entry) =
                document.get_mut("entry").and_then(Json::items_mut).and_then(|entries| entries.get_mut(at))
        {
            add_full_url(entry, || url.to_owned());
        }
    }

    /// Whether a resource of the Bundle is about this Patient. Where the Bundle holds only one Patient, a resource
    /// counts unless it plainly names another: an allergy is rather shown than lost.
    pub(crate) fn is_about_patient<'a, N: Node<'a>>(self, document: N, resource: N) -> bool {
        let reference = resource.get("patient").and_then(|patient| tree::text(patient, "reference"));
        let id = self.patient(document).and_then(|patient| tree::text(patient, "id"));
        let sole = || {
            tree::items(document, "entry")
                .filter(|entry| entry.get("resource").is_some_and(is_patient))
                .count()
                == 1
        };
        names_patient(reference, id, self.full_url(document), sole)
    }
}

/// Whether a reference means the patient of that id and address. `sole` says whether there is no other patient it
/// could mean.
fn names_patient(
    reference: Option<&str>,
    id: Option<&str>,
    full_url: Option<&str>,
    sole: impl FnOnce() -> bool,
) -> bool {
    let Some(reference) = reference else { return sole() };
    if full_url == Some(reference) {
        return true;
    }
    let reference = reference.split("/_history/").next().unwrap_or(reference);
    let named = reference
        .rsplit_once("Patient/")
        .or_else(|| reference.rsplit_once("patients/"))
        .map(|(_, named)| named);
    match (named, id) {
        (Some(named), Some(id)) => named == id,
        (_, _) => sole(),
    }
}

fn is_patient<'a>(resource: impl Node<'a>) -> bool {
    tree::text(resource, "resourceType") == Some("Patient")
}

/// Gives an entry an address if it has none, as its first member.
pub(crate) fn add_full_url(entry: &mut Json, url: impl FnOnce() -> String) {
    if let Json::Object(members) = entry
        && !members.iter().any(|(key, _)| key == "fullUrl")
    {
        members.insert(0, ("fullUrl".to_owned(), Json::String(url())));
    }
}

/// What names of a patient that has no id yet are derived from.
pub(crate) const NEW_PATIENT: &str = "new-patient";

/// A UUID that always comes out the same for the same text: FNV-1a of 128 bits, marked as version 8 (RFC 9562, 5.8).
pub(crate) fn derived_uuid(text: &str) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = OFFSET;
    for byte in text.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    }
    hash = (hash & !(0xf << 76)) | (0x8 << 76);
    hash = (hash & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{hash:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}
