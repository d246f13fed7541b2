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
        }
    }
}
