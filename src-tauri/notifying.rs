//! Tells the desktop which appointments were entered, moved or called off (specification, "Appointment Synchronization":
//! staff notification), also while the window is behind another one.

use crate::bridge::{Engine, Show};
use console_api::dto::{Event, News, Tag};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// What comes within this time is told at once: a comparison may enter a hundred.
const TOGETHER_WITHIN: Duration = Duration::from_secs(2);
/// However busy the engine is, what arrived is told after this.
const AT_LAST: Duration = Duration::from_secs(30);

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// In a few words.
    pub title: String,
    /// A sentence.
    pub body: String,
}

/// What happened after that moment (Unix milliseconds) and nobody here has seen; nothing where nothing did.
pub fn words(news: &News, after_ms: i64) -> Option<Words> {
    let arrived: Vec<_> = news.items.iter().filter(|item| item.unread && item.at_ms > after_ms).collect();
    let latest = arrived.first()?;
    Some(match arrived.len() {
        1 => Words { title: "Appointment".to_owned(), body: latest.sentence.clone() },
        many => Words {
            title: format!("{many} appointments"),
            body: format!("New or changed. The latest: {}", latest.sentence),
        },
    })
}

/// Follows the engine until it ends. What happened before is counted in the window, and not called out.
pub async fn follow(engine: Arc<dyn Engine>, show: Show) {
    let mut events = engine.events();
    let mut told_ms = news(&engine).await.map_or(0, |news| newest(&news));
    while next_receipt(&mut events).await {
        let Some(news) = news(&engine).await else { continue };
        if let Some(words) = words(&news, told_ms) {
            show(&words);
        }
        told_ms = told_ms.max(newest(&news));
    }
}

/// `None` for whom it is not meant, and while the engine cannot say.
async fn news(engine: &Arc<dyn Engine>) -> Option<News> {
    let said = Arc::clone(engine).call("appointments.news".to_owned(), json!({})).await.ok()?;
    serde_json::from_value(said).ok()
}

fn newest(news: &News) -> i64 {
    news.items.first().map_or(0, |item| item.at_ms)
}

/// Waits for a receipt, and then for a moment without another event; false when the engine has ended.
async fn next_receipt(events: &mut Receiver<Event>) -> bool {
    loop {
        match events.recv().await {
            Ok(Event::Changed(changed)) if changed.tags.contains(&Tag::Receipts) => break,
            Err(RecvError::Lagged(_)) => break,
            Ok(_) => {}
            Err(RecvError::Closed) => return false,
        }
    }
    // An engine that is never quiet is not waited for.
    tokio::time::timeout(AT_LAST, quiet(events)).await.unwrap_or(true)
}

async fn quiet(events: &mut Receiver<Event>) -> bool {
    loop {
        match tokio::time::timeout(TOGETHER_WITHIN, events.recv()).await {
            Err(_) => return true,
            Ok(Err(RecvError::Closed)) => return false,
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, words};
    use console_api::dto::{News, NewsItem, NewsWhat, RemoteName};

    fn item(at_ms: i64, unread: bool) -> NewsItem {
        NewsItem {
            operation_id: at_ms.to_string(),
            appointment_id: "a".to_owned(),
            what: NewsWhat::Moved,
            patient: "Rex".to_owned(),
            clinician: "Dr Lee".to_owned(),
            when: String::new(),
            told: RemoteName::Ehr,
            sentence: format!("Rex at {at_ms}."),
            at_ms,
            unread,
        }
    }

    /// Once for each, all that came together in one, and nothing of what was seen in the window already.
    #[test]
    fn what_arrived_is_told_once() {
        let of = |items: &[(i64, bool)], after_ms| {
            let items: Vec<_> = items.iter().map(|(at_ms, unread)| item(*at_ms, *unread)).collect();
            words(&News { unread: 0, items }, after_ms)
        };
        let told = |title: &str, body: &str| Some(Words { title: title.to_owned(), body: body.to_owned() });
        assert_eq!(of(&[(5, true)], 4), told("Appointment", "Rex at 5."));
        assert_eq!(
            of(&[(6, true), (5, true), (4, true)], 4),
            told("2 appointments", "New or changed. The latest: Rex at 6.")
        );
        assert_eq!(of(&[(5, true)], 5), None);
        assert_eq!(of(&[(5, false)], 4), None);
        assert_eq!(of(&[], 0), None);
    }
}
