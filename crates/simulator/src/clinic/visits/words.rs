//! Who works at the clinic, and what is written about visits.

/// Somebody who treats animals, under the key of either system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staff {
    /// The name people read.
    pub name: &'static str,
    /// The user's name in ServiceNow.
    pub user_name: &'static str,
    /// `sys_id` of the user, if ServiceNow knows them.
    pub servicenow_key: Option<&'static str>,
    /// Id of the Practitioner, if the EHR knows them.
    pub practitioner_id: Option<&'static str>,
}

const fn known(name: &'static str, user: &'static str, key: &'static str, id: &'static str) -> Staff {
    Staff { name, user_name: user, servicenow_key: Some(key), practitioner_id: Some(id) }
}

/// The staff: ten whom both systems know, a locum of ServiceNow's alone, and a specialist of the EHR's alone.
pub const STAFF: &[Staff] = &[
    known("Dr Lee", "lee", "c1000000000000000000000000000001", "dr-lee"),
    known("Dr Okonkwo", "okonkwo", "c1000000000000000000000000000002", "dr-okonkwo"),
    known("Dr Petrova", "petrova", "c1000000000000000000000000000003", "dr-petrova"),
    known("Dr Alvarez", "alvarez", "c1000000000000000000000000000004", "dr-alvarez"),
    known("Dr Nakamura", "nakamura", "c1000000000000000000000000000005", "dr-nakamura"),
    known("Dr Haddad", "haddad", "c1000000000000000000000000000006", "dr-haddad"),
    known("Dr Lindqvist", "lindqvist", "c1000000000000000000000000000007", "dr-lindqvist"),
    known("Dr Moreau", "moreau", "c1000000000000000000000000000008", "dr-moreau"),
    known("Dr Tanaka", "tanaka", "c1000000000000000000000000000009", "dr-tanaka"),
    known("Nurse Brandt", "brandt", "c100000000000000000000000000000a", "nurse-brandt"),
    Staff {
        name: "Dr Locum",
        user_name: "locum",
        servicenow_key: Some("c100000000000000000000000000000b"),
        practitioner_id: None,
    },
    Staff {
        name: "Dr Visiting",
        user_name: "visiting",
        servicenow_key: None,
        practitioner_id: Some("dr-visiting"),
    },
];

/// Stored value of the choice, and what the EHR's people write for the same type.
pub(super) const TYPES: &[(&str, &[&str])] = &[
    ("wellness", &["Wellness exam", "Annual exam", "check-up"]),
    ("vaccination", &["Vaccination", "Booster", "vaccination"]),
    ("new_patient", &["New patient", "Puppy visit"]),
    ("nurse_visit", &["Nurse visit", "Technician visit"]),
    ("sick_visit", &["Consultation", "Sick visit"]),
    ("recheck", &["Recheck", "Follow-up"]),
    ("surgery", &["Surgery", "Surgery drop-off"]),
    ("dental", &["Dental", "Dental cleaning"]),
    ("emergency", &["Emergency"]),
    ("imaging", &["X-ray", "Ultrasound"]),
    ("blood_draw", &["Blood draw", "Lab work"]),
    ("grooming", &["Nail trim", "Grooming"]),
];

pub(super) const REASONS: &[&str] = &[
    "Annual booster",
    "Scratching at the left ear",
    "Limping on the right hind leg since Sunday",
    "Vomiting twice, still eating",
    "Stitches out",
    "Weight check",
    "Bad breath, teeth to be looked at",
    "Owner wants to talk about food",
];

/// ServiceNow's choices and the EHR's codes of one stage (wire-facts 10.5): none of them moves the other side.
pub(super) const REQUESTED: (&[&str], &[&str]) =
    (&["requested", "tentative", "waitlist"], &["proposed", "pending", "waitlist"]);
pub(super) const BOOKED: (&[&str], &[&str]) = (&["scheduled", "confirmed"], &["booked"]);
pub(super) const PRESENT: (&[&str], &[&str]) =
    (&["arrived", "checked_in", "in_progress"], &["arrived", "checked-in"]);
pub(super) const DONE: (&[&str], &[&str]) = (&["completed"], &["fulfilled"]);
pub(super) const CANCELLED: (&[&str], &[&str]) = (&["cancelled"], &["cancelled"]);
pub(super) const NO_SHOW: (&[&str], &[&str]) = (&["no_show"], &["noshow"]);

pub(super) const DIAGNOSES: &[&str] = &[
    "Otitis externa, left ear",
    "Gastroenteritis",
    "Dental disease grade 2",
    "Suspected cruciate ligament rupture",
    "Flea allergy dermatitis",
    "Healthy animal",
    "Feline asthma?",
];

pub(super) const PROCEDURES: &[&str] = &[
    "Ear flush under sedation",
    "Physical examination",
    "Blood draw",
    "Dental scaling and polishing",
    "Radiographs, right stifle, two views",
    "Nail trim",
    "Vaccination DHPP",
];

/// Medications with their directions, as they are typed: doses by weight, by tablet, by volume, and words no list knows.
pub(super) const MEDICATIONS: &[&str] = &[
    "Prednisolone 5 mg tablet 1 tablet by mouth SID for 5 days",
    "Carprofen 2.2 mg/kg PO BID",
    "Amoxicillin/clavulanate 62.5 mg/mL 0.8 mL by mouth every 12 hours",
    "Maropitant 1 mg/kg SC once daily",
    "Enrofloxacin otic 5 drops in the left ear BID",
    "Grandmother's calming balm apply thinly twice daily",
    "Gabapentin 100 mg capsule 1 capsule by mouth every 8 hours as needed",
];

pub(super) const TREATMENT_NOTES: &[&str] = &[
    "Recheck in 10 days.",
    "Owner to call if there is no change by Friday.\nKeep the ear dry.",
    "Fasted 12 hours; tolerated the procedure well.",
];
