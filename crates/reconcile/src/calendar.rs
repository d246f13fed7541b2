//! Appointments of one clinician that overlap, and appointments that may be one.

use crate::identity::{Evidence, Tier};
use crate::sides;
use record::catalogue::{AppointmentPlace, FhirPlace};
use record::codes::appointment_status::Stage;
use record::{Catalogue, FieldState, Record, Value};

/// One appointment, as far as calendars care. A clinician is whatever names one person the same in both systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit<'a, Id> {
    /// What the caller knows it by.
    pub id: Id,
    /// The clinician.
    pub clinician: &'a str,
    /// Unix seconds.
    pub start: i64,
    /// How long it lasts.
    pub minutes: u32,
    /// How far it has come.
    pub stage: Stage,
}

/// Two appointments of one clinician at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap<Id> {
    /// The one that begins first.
    pub first: Id,
    /// The one that begins while it lasts.
    pub second: Id,
    /// For how long both last.
    pub minutes: u32,
}

impl<Id> Overlap<Id> {
    /// What is wrong, in words.
    pub const PROBLEM: &'static str = "the clinician has another appointment at the same time";
    /// What to do about it.
    pub const WAY_OUT: &'static str =
        "move one of the two, shorten the first, or give one of them to another clinician";
}

/// For one appointment at most so many others that it runs into: where a whole calendar stands at one moment (a default that
/// nobody changed), every appointment is still named, and the list does not grow with the square of it.
const OTHERS_MAX: usize = 8;

impl<Id> Visit<'_, Id> {
    const fn end(&self) -> i64 {
        self.start.saturating_add(self.minutes as i64 * 60)
    }

    /// Whether it takes the clinician's time: promised or under way. What is only wished for, over or called off does not.
    const fn takes_time(&self) -> bool {
        match self.stage {
            Stage::Booked | Stage::Present => self.minutes > 0,
            Stage::Requested | Stage::Done | Stage::Cancelled | Stage::NoShow | Stage::EnteredInError => {
                false
            }
        }
    }
}

/// All pairs of appointments of one clinician that overlap, by clinician and time. One that begins when another ends does
/// not overlap it. Every appointment that overlaps any is in at least one pair.
pub fn overlaps<Id: Copy>(visits: &[Visit<'_, Id>]) -> Vec<Overlap<Id>> {
    let mut taken: Vec<&Visit<'_, Id>> = visits.iter().filter(|visit| visit.takes_time()).collect();
    taken.sort_by(|left, right| {
        (left.clinician, left.start, left.minutes).cmp(&(right.clinician, right.start, right.minutes))
    });
    let mut found = Vec::new();
    let mut running: Vec<&Visit<'_, Id>> = Vec::new();
    for visit in taken {
        running.retain(|earlier| earlier.clinician == visit.clinician && earlier.end() > visit.start);
        for earlier in running.iter().rev().take(OTHERS_MAX) {
            let seconds = earlier.end().min(visit.end()) - visit.start;
            found.push(Overlap {
                first: earlier.id,
                second: visit.id,
                minutes: u32::try_from(seconds / 60).unwrap_or(u32::MAX),
            });
        }
        running.push(visit);
        if running.len() > OTHERS_MAX {
            // The one that ends first meets the fewest of those to come.
            let first_to_end =
                running.iter().enumerate().min_by_key(|(_, visit)| visit.end()).map(|(at, _)| at);
            if let Some(at) = first_to_end {
                running.remove(at);
            }
        }
    }
    found
}

/// Appointments of one patient that begin less than this apart may be one that was entered twice.
const APART_SECONDS: i64 = 3_600;

/// Whether two appointments of different remotes may be the same visit: of one patient, and beginning within an hour.
/// Never certain: only the systems' own numbers say so. Links to patients have to be resolved.
pub fn alike(catalogue: &Catalogue, left: &Record, right: &Record) -> Option<(Tier, Vec<Evidence>)> {
    let (left, right) = (Slot::of(catalogue, left), Slot::of(catalogue, right));
    if left.patient? != right.patient? {
        return None;
    }
    let apart = (left.start? - right.start?).abs();
    if apart >= APART_SECONDS {
        return None;
    }
    let mut evidence = vec![Evidence::SamePatient];
    evidence.push(if apart == 0 { Evidence::SameTime } else { Evidence::TimeAlike });
    if let (Some(one), Some(other)) = (left.clinician, right.clinician) {
        let same = sides::same(one, other);
        evidence.push(if same { Evidence::SameClinician } else { Evidence::DifferentClinicians });
    }
    Some((if apart == 0 { Tier::Probable } else { Tier::Possible }, evidence))
}

/// Whether two appointments or treatments that are said to be one belong to different patients.
pub fn contradict(catalogue: &Catalogue, left: &Record, right: &Record) -> bool {
    match (patient_of(catalogue, left), patient_of(catalogue, right)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}

/// The patient, by ServiceNow's key, where it is linked.
pub fn patient_of<'r>(catalogue: &Catalogue, record: &'r Record) -> Option<&'r str> {
    catalogue.iter().find_map(|(field, _)| match record.field(field) {
        FieldState::Value(Value::PatientLink(link)) => {
            link.ehr.as_deref()?;
            link.servicenow.as_deref()
        }
        _ => None,
    })
}

/// What of an appointment tells it from others.
struct Slot<'r> {
    patient: Option<&'r str>,
    start: Option<i64>,
    clinician: Option<&'r FieldState>,
}

impl<'r> Slot<'r> {
    fn of(catalogue: &Catalogue, record: &'r Record) -> Slot<'r> {
        let at = |place: AppointmentPlace| {
            catalogue
                .iter()
                .find(|(_, spec)| spec.place == FhirPlace::Appointment(place))
                .map(|(field, _)| record.field(field))
        };
        Slot {
            patient: patient_of(catalogue, record),
            start: match at(AppointmentPlace::Start) {
                Some(FieldState::Value(Value::Instant(start))) => Some(start.seconds),
                _ => None,
            },
            clinician: at(AppointmentPlace::Clinician).filter(|state| state.value().is_some()),
        }
    }
}
