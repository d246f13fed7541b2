//! A run that the brake stopped, and the two persons who let it go on.

use crate::console::Console;
use crate::dto::{
    ApiError, BrakedCount, BrakedRun, BrakedView, Capability, ContinueBraked, Continued, ErrorCode, Nothing,
};
use crate::errors::{api, sentence};
use crate::permissions::{may, who_can};
use crate::reasons::Act;
use engine::braking::{Braked, braked};
use engine::{Command, Reply};
use reconcile::brake::Brake;
use record::RecordKind;

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Console {
    fn braked_run(&self, braked: Braked) -> BrakedRun {
        let person = self.person();
        let needed = if braked.maker.is_some() { Capability::ApproveSecond } else { Capability::SyncAll };
        let own = braked.maker.as_deref() == Some(person.id.as_str());
        let may_continue = may(&person, needed) && !own;
        BrakedRun {
            words: stopped_words(&braked),
            counts: self.braked_counts(&braked),
            recounted: braked.before.as_ref().map(|before| {
                format!(
                    "{} had asked to let {} go on. Since then it came to another count, so nothing was written; this one is asked anew.",
                    self.name_of(&before.maker),
                    records(braked.kind, before.patients)
                )
            }),
            run_id: braked.run,
            hash: braked.hash,
            patients: small(braked.patients),
            writes_service_now: small(braked.writes[0]),
            writes_ehr: small(braked.writes[1]),
            creates: small(braked.creates),
            stopped_at_ms: braked.stopped_at_ms,
            maker: braked.maker.as_deref().map(|id| self.name_of(id)),
            reason: braked.reason,
            may_continue,
            who_can: (!may_continue)
                .then(|| if own { "another administrator".to_owned() } else { who_can(needed).to_owned() }),
            one_person: self.parts.one_person_may_approve,
            run_under_way: self.parts.engine.pulse().run.is_some(),
        }
    }

    fn braked_counts(&self, braked: &Braked) -> Vec<BrakedCount> {
        let catalogue = self.parts.lenses.catalogue(braked.kind);
        let mut counts: Vec<BrakedCount> = braked
            .fields
            .iter()
            .map(|count| BrakedCount {
                label: catalogue
                    .index_of(&count.field)
                    .and_then(|field| catalogue.spec(field))
                    .map_or_else(|| count.field.clone(), |spec| spec.label.clone()),
                service_now: small(count.writes[0]),
                ehr: small(count.writes[1]),
                emptied: small(count.emptied),
            })
            .collect();
        if braked.creates > 0 {
            counts.push(BrakedCount {
                label: match braked.kind {
                    record::RecordKind::Patient => "Patients created there",
                    record::RecordKind::Appointment => "Appointments created there",
                    record::RecordKind::Treatment => "Treatments created there",
                }
                .to_owned(),
                service_now: small(braked.creates_in[0]),
                ehr: small(braked.creates_in[1]),
                emptied: 0,
            });
        }
        counts
    }

    pub(crate) async fn run_braked(&self, _: Nothing) -> Result<BrakedView, ApiError> {
        let waiting = braked(&*self.parts.store).await?;
        Ok(BrakedView { braked: waiting.map(|braked| self.braked_run(braked)) })
    }

    pub(crate) async fn run_continue(&self, request: ContinueBraked) -> Result<Continued, ApiError> {
        let waiting = braked(&*self.parts.store).await?;
        let act = match &waiting {
            // The second person answers the first one's reason.
            Some(Braked { maker: Some(_), .. }) => {
                self.require_capability(Capability::ApproveSecond)?;
                Act::AgreeBraked
            }
            Some(Braked { maker: None, .. }) => Act::ContinueBraked,
            // The engine says that there is nothing to let go on.
            None => Act::AgreeBraked,
        };
        let reason = act.reason(request.reason.as_deref())?;
        let command = Command::ContinueBraked { hash: request.hash, person: self.person().id, reason };
        let run = match self.parts.engine.ask(command).await? {
            Reply::Run(row) => Some(self.run_view(&row)?),
            Reply::Done => None,
            _ => return Err(api(ErrorCode::Internal, "The engine gave no run.", "Try again.")),
        };
        let view = self.run_braked(Nothing {}).await?;
        Ok(Continued { run, braked: view.braked })
    }
}

fn records(kind: RecordKind, count: u64) -> String {
    if count == 1 { format!("1 {}", kind.as_str()) } else { format!("{count} {}s", kind.as_str()) }
}

/// How many would be changed, and which limit that is over.
fn stopped_words(braked: &Braked) -> String {
    let touched = records(braked.kind, braked.patients);
    match braked.brake {
        Some(Brake::TooManyPairs { limit, .. }) => {
            format!("Stopped before the first write: {touched} would be changed, the limit is {limit}.")
        }
        Some(Brake::TooLargeShare { percent, limit }) => format!(
            "Stopped before the first write: {touched} would be changed, {percent} % of all; the limit is {limit} %."
        ),
        Some(Brake::TooManyBlanked { blanked, limit }) => {
            let values = if blanked == 1 { "1 value".to_owned() } else { format!("{blanked} values") };
            format!(
                "Stopped before the first write: {values} would be emptied, the limit is {limit}; {touched} would be changed."
            )
        }
        // Stopped by an earlier VetSync, which kept the sentence alone.
        None => sentence(&braked.words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_was_reached_is_named_with_what_would_be_changed() {
        let stopped = |brake| {
            stopped_words(&Braked {
                run: "r".to_owned(),
                kind: record::RecordKind::Patient,
                hash: "h".to_owned(),
                words: "12 records would be written".to_owned(),
                patients: 12,
                writes: [12, 0],
                creates: 0,
                creates_in: [0, 0],
                brake,
                fields: Vec::new(),
                before: None,
                proven: [true, true],
                stopped_at_ms: 0,
                read_at_ms: None,
                maker: None,
                reason: None,
            })
        };
        // which limit, parts of the sentence
        for (brake, parts) in [
            (
                Some(Brake::TooManyPairs { pairs: 12, limit: 10 }),
                ["12 patients would be changed", "the limit is 10."],
            ),
            (
                Some(Brake::TooLargeShare { percent: 40, limit: 30 }),
                ["12 patients would be changed, 40 % of all", "the limit is 30 %"],
            ),
            (
                Some(Brake::TooManyBlanked { blanked: 11, limit: 10 }),
                ["11 values would be emptied, the limit is 10", "12 patients would be changed"],
            ),
            (None, ["12 records", "would be written."]),
        ] {
            let words = stopped(brake);
            assert!(parts.iter().all(|part| words.contains(part)), "{words}");
        }
    }
}
