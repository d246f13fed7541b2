//! Appointments of one clinician that overlap.

use record::codes::appointment_status::Stage;

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
