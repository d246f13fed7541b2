//! Calendars that other programs read: one address for each clinician, which nobody can guess and nothing can be written to.
//!
//! Calendar programs can neither sign nor log in; whoever knows the address may read. It is made of a key, so that all
//! addresses change when the key is replaced.

use crate::signature::SigningKey;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// Below this path.
pub const CALENDARS_PATH: &str = "/calendars/";
/// How the file's name ends.
const ENDING: &str = ".ics";
/// Letters of an address: 160 bits.
const LETTERS: usize = 40;
/// Programs may keep what they were given for so long.
const FRESH: &str = "private, max-age=300";

/// Where calendars come from.
#[async_trait::async_trait]
pub trait Feeds: Send + Sync + 'static {
    /// The calendar at this address as iCalendar text; `None` where there is none, or none can be made now.
    async fn calendar(&self, address: &str) -> Option<String>;
}

/// The address of somebody's calendar.
pub fn address(key: &SigningKey, clinician: &str) -> String {
    let mark = hmac::sign(&key.hmac(), format!("calendar {clinician}").as_bytes());
    let mut text = hex::encode(mark);
    text.truncate(LETTERS);
    text
}

/// The path of somebody's calendar.
pub fn path(key: &SigningKey, clinician: &str) -> String {
    format!("{CALENDARS_PATH}{}{ENDING}", address(key, clinician))
}

/// Whose address it is. All are compared, and each in the same time however much of it is right.
pub fn whose<'a>(key: &SigningKey, clinicians: &'a [String], asked: &str) -> Option<&'a str> {
    let mut found = None;
    for clinician in clinicians {
        if verify_slices_are_equal(address(key, clinician).as_bytes(), asked.as_bytes()).is_ok() {
            found = Some(clinician.as_str());
        }
    }
    found
}

pub(crate) async fn answer(feeds: Option<&dyn Feeds>, file: &str, headers: &HeaderMap) -> Response {
    let address = file.strip_suffix(ENDING).filter(|address| address.len() == LETTERS);
    let calendar = match (feeds, address) {
        (Some(feeds), Some(address)) => feeds.calendar(address).await,
        _ => None,
    };
    let Some(calendar) = calendar else {
        tracing::warn!(why = "no_such_calendar", "receiver.refused");
        return plain(StatusCode::NOT_FOUND, Body::empty());
    };
    let tag = tag(&calendar);
    let unchanged =
        headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if unchanged {
        plain(StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        plain(StatusCode::OK, Body::from(calendar))
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FRESH));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn tag(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    format!("\"{}\"", hex::encode(digest))
}

fn plain(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "everything here belongs to tests")]
    use super::*;

    #[test]
    fn an_address_belongs_to_one_clinician_and_one_key() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let other = SigningKey::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap();
        let clinicians = ["Dr Lee".to_owned(), "Dr Haddad".to_owned()];
        let lee = address(&key, "Dr Lee");
        assert_eq!(lee.len(), LETTERS);
        assert_eq!(whose(&key, &clinicians, &lee), Some("Dr Lee"));
        assert_eq!(whose(&other, &clinicians, &lee), None, "the key was replaced");
        assert_eq!(whose(&key, &clinicians[1..], &lee), None, "who is not on the staff any more has none");
        assert_eq!(whose(&key, &clinicians, &lee[..39]), None);
        assert_eq!(path(&key, "Dr Lee"), format!("/calendars/{lee}.ics"));
    }
}
