//! New and changed appointments: what the desk is told without looking for it (specification, "Appointment
//! Synchronization": staff notification). Told from receipts, so that nothing is told that was not written and read back.

use crate::console::Console;
use crate::dto::{ApiError, News, NewsItem, NewsSeen, NewsWhat, Nothing};
use crate::shown::remote_name;
use engine::Command;
use engine::errands::news_seen_key;
use engine::error::decode;
use engine::execute::SentRequest;
use reconcile::plan::FieldWrite;
use record::codes::appointment_status::Stage;
use record::{Catalogue, RecordKind, Remote, Value};
use store::{PairRow, ReceiptRow};

/// Older ones are history; the receipts keep them.
const DAYS_BACK: i64 = 7;
const DAY_MS: i64 = 86_400_000;
/// So many are told at once.
const ITEMS_MAX: u32 = 200;

impl Console {
    pub(crate) async fn appointments_news(&self, _: Nothing) -> Result<News, ApiError> {
        let store = &*self.parts.store;
        let seen = store.value(&news_seen_key(&self.person().id)).await?;
        let seen_ms: i64 = seen.and_then(|text| text.parse().ok()).unwrap_or_default();
        let after_ms = self.now_ms() - DAYS_BACK * DAY_MS;
        let mut items = Vec::new();
        for receipt in store.receipts_of_appointments(after_ms, ITEMS_MAX).await? {
            let Some(pair) = store.pair(&receipt.pair).await? else { continue };
            items.extend(self.news_of(&receipt, &pair, seen_ms).await?);
        }
        let unread = items.iter().filter(|item| item.unread).count();
        Ok(News { items, unread: u32::try_from(unread).unwrap_or(u32::MAX) })
    }

    pub(crate) async fn appointments_news_seen(&self, request: NewsSeen) -> Result<News, ApiError> {
        // Nobody has seen what is still to come.
        let until_ms = request.until_ms.min(self.now_ms());
        let person = self.person().id;
        self.parts.engine.ask(Command::NewsSeen { person, until_ms }).await?;
        self.appointments_news(Nothing {}).await
    }

    async fn news_of(
        &self,
        receipt: &ReceiptRow,
        pair: &PairRow,
        seen_ms: i64,
    ) -> Result<Option<NewsItem>, ApiError> {
        let catalogue = self.parts.lenses.catalogue(RecordKind::Appointment);
        let sent: SentRequest = decode("receipt", &receipt.request)?;
        let Some(what) = what(catalogue, &sent) else { return Ok(None) };
        // Everybody who is told this lives in the hospital's zone.
        let when = self.when(catalogue, &self.sides_of(pair).await?);
        let when = when.split(" (").next().unwrap_or_default().to_owned();
        let told = remote_name(receipt.remote);
        Ok(Some(NewsItem {
            operation_id: receipt.operation.clone(),
            appointment_id: pair.id.clone(),
            what,
            patient: pair.card.name.clone(),
            clinician: pair.card.owner.clone(),
            sentence: self.news_sentence(what, &sent.fields, pair, &when, receipt),
            when,
            told,
            at_ms: receipt.at_ms,
            unread: receipt.at_ms > seen_ms,
        }))
    }

    fn news_sentence(
        &self,
        what: NewsWhat,
        fields: &[FieldWrite],
        pair: &PairRow,
        when: &str,
        receipt: &ReceiptRow,
    ) -> String {
        let patient = if pair.card.name.is_empty() { "Nobody named" } else { &pair.card.name };
        let with = match pair.card.owner.as_str() {
            "" => String::new(),
            clinician => format!(" with {clinician}"),
        };
        let at = if when.is_empty() { "without a time" } else { when };
        let (told, at_the_start) = match receipt.remote {
            Remote::ServiceNow => ("ServiceNow", "ServiceNow"),
            Remote::Ehr => ("the EHR", "The EHR"),
        };
        match what {
            NewsWhat::New => format!("{patient}{with}, {at}. It stands in {told} now as well."),
            NewsWhat::Moved => format!("{patient} is now{with}, {at}. {at_the_start} was told."),
            NewsWhat::CalledOff => {
                format!("{patient}{with}, {at}, does not take place. {at_the_start} was told.")
            }
            NewsWhat::Changed => {
                let labels: Vec<String> = self
                    .changes(RecordKind::Appointment, fields)
                    .into_iter()
                    .map(|change| change.label.to_lowercase())
                    .collect();
                format!("{patient}{with}, {at}: {} changed. {at_the_start} was told.", labels.join(", "))
            }
        }
    }
}

/// What happened, from what was written; nothing where only the other system's number was.
fn what(catalogue: &Catalogue, sent: &SentRequest) -> Option<NewsWhat> {
    if sent.key.is_none() {
        return Some(NewsWhat::New);
    }
    let named = |write: &FieldWrite| catalogue.spec(write.field).map(|spec| spec.id.as_str());
    let off = |write: &FieldWrite| match write.to.value() {
        Some(Value::Status(status)) => match status.stage() {
            Stage::Cancelled | Stage::NoShow | Stage::EnteredInError => true,
            Stage::Requested | Stage::Booked | Stage::Present | Stage::Done => false,
        },
        _ => false,
    };
    let moved = ["appointment_date", "duration_minutes", "assigned_clinician"];
    if sent.fields.iter().any(off) {
        Some(NewsWhat::CalledOff)
    } else if sent.fields.iter().any(|write| named(write).is_some_and(|id| moved.contains(&id))) {
        Some(NewsWhat::Moved)
    } else {
        (!sent.fields.is_empty()).then_some(NewsWhat::Changed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "everything here belongs to tests")]
    use super::*;
    use engine::plans::Aim;
    use record::FieldState;
    use record::codes::appointment_status::AppointmentStatus;
    use record::value::{Instant, Status};

    fn sent(key: Option<&str>, fields: &[(&str, Value)]) -> (Catalogue, SentRequest) {
        let catalogue = Catalogue::appointment_default();
        let fields = fields
            .iter()
            .map(|(id, to)| FieldWrite {
                field: catalogue.index_of(id).unwrap(),
                from: FieldState::Blank,
                to: FieldState::Value(to.clone()),
            })
            .collect();
        let key = key.map(str::to_owned);
        (
            catalogue,
            SentRequest { key, expected_version: None, body: String::new(), fields, aim: Aim::Record },
        )
    }

    /// The gravest of what was written names it.
    #[test]
    fn what_was_written_says_what_happened() {
        let time = || ("appointment_date", Value::Instant(Instant::from_seconds(1_790_000_000).unwrap()));
        let status = |word: &str| {
            ("appointment_status", Value::Status(Status::of(AppointmentStatus::from_code(word).unwrap())))
        };
        let text = || ("reason_for_visit", Value::Text("Limping".to_owned()));
        for (key, fields, expected) in [
            // nothing stood there before
            (None, vec![time(), status("booked")], Some(NewsWhat::New)),
            // another time, whatever else changed with it
            (Some("a1"), vec![time(), text()], Some(NewsWhat::Moved)),
            // that it does not take place is more than where it would have been
            (Some("a1"), vec![time(), status("cancelled")], Some(NewsWhat::CalledOff)),
            (Some("a1"), vec![status("noshow")], Some(NewsWhat::CalledOff)),
            (Some("a1"), vec![status("fulfilled")], Some(NewsWhat::Changed)),
            (Some("a1"), vec![text()], Some(NewsWhat::Changed)),
            // only the other system's number was written
            (Some("a1"), vec![], None),
        ] {
            let (catalogue, sent) = sent(key, &fields);
            assert_eq!(what(&catalogue, &sent), expected, "{key:?} {fields:?}");
        }
    }
}
