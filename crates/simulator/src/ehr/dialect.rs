//! What an EHR with FHIR-shaped bodies on routes of its own can do, each ability on a switch (design: "The EHR's
//! dialect").

use serde::{Deserialize, Serialize};

/// How lists look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListShape {
    /// A Bundle of type searchset with `link`.
    Searchset,
    /// A bare array of patient bundles (or bare Patients) of everything: no paging.
    Array,
    /// `{"data":[…],"next":"…"}`.
    DataNext,
}

/// How one patient travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatientBody {
    /// Patient and `AllergyIntolerance` resources: a searchset on read, a collection on write.
    Bundle,
    /// A bare Patient; its allergies as one extension with the substances as text.
    Bare {
        /// The extension's URL.
        allergies_url: String,
    },
}

/// The abilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Dialect {
    /// `ETag` on replies, `If-Match` on PUT.
    pub etag: bool,
    /// PUT without `If-Match` is refused with 400.
    pub if_match_required: bool,
    /// What a stale `If-Match` is answered with: 412, or 409 as some servers do.
    pub stale_status: u16,
    /// `If-None-Exist` on POST is heeded.
    pub if_none_exist: bool,
    /// The shape of lists.
    pub list: ListShape,
    /// `identifier=system|value` is heeded; otherwise ignored like any unknown parameter: everything comes back.
    pub identifier_search: bool,
    /// `_lastUpdated=…` is heeded.
    pub last_updated_search: bool,
    /// Searchsets say how many match in all.
    pub total: bool,
    /// The shape of a patient.
    pub patient: PatientBody,
    /// Replies to writes carry the stored patient.
    pub write_returns_body: bool,
    /// Unknown properties are refused; otherwise they are dropped in silence.
    pub strict: bool,
    /// Entries of a page when `_count` is not given.
    pub default_count: usize,
    /// Entries of a page at most.
    pub max_count: usize,
    /// A deleted patient is remembered: 410 instead of 404.
    pub remembers_deleted: bool,
    /// Scopes of access tokens are enforced.
    pub enforces_scopes: bool,
    /// `patient`, `actor`, `date` and `status` are heeded where appointments and treatments are searched.
    pub visit_search: bool,
    /// `_id` is heeded there.
    pub id_search: bool,
    /// `GET /appointments/{id}`, which the specification's list of routes lacks.
    pub appointment_by_id: bool,
    /// `GET /treatments/{id}`, which the specification's list of routes lacks.
    pub treatment_by_id: bool,
    /// A treatment is taken as a Bundle of type collection at `/treatments`.
    pub treatment_collections: bool,
    /// A treatment is taken as a Bundle of type transaction, at `/treatments` and at the base.
    pub transactions: bool,
    /// `/practitioners` can be read.
    pub practitioners: bool,
    /// References to patients and practitioners must lead to one that exists.
    pub checks_references: bool,
    /// A second appointment of one practitioner at the same time is refused.
    pub refuses_double_booking: bool,
    /// A treatment counts as changed when one of its resources does; otherwise only when its Encounter does.
    pub parts_move_treatment: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Dialect {
            etag: true,
            if_match_required: false,
            stale_status: 412,
            if_none_exist: true,
            list: ListShape::Searchset,
            identifier_search: true,
            last_updated_search: true,
            total: true,
            patient: PatientBody::Bundle,
            write_returns_body: true,
            strict: true,
            default_count: 50,
            max_count: 1_000,
            remembers_deleted: true,
            enforces_scopes: true,
            visit_search: true,
            id_search: true,
            appointment_by_id: true,
            treatment_by_id: true,
            treatment_collections: true,
            transactions: true,
            practitioners: true,
            checks_references: true,
            refuses_double_booking: false,
            parts_move_treatment: true,
        }
    }
}
