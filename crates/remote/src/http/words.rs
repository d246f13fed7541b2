//! Small pieces of HTTP: quoting a remote's message, percent-encoding, `Retry-After`.

/// Longest piece of a remote's message that is shown.
const QUOTE_CHARS_MAX: usize = 300;
/// A run of token characters this long is taken for a secret (an id is at most 36 characters long).
const SECRET_RUN_CHARS: usize = 40;

/// A remote's message for people: one line, shortened, without anything that looks like a token or key.
pub(crate) fn quoted(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        words.push(without_secrets(word));
    }
    let line = words.join(" ");
    if line.chars().count() <= QUOTE_CHARS_MAX {
        return line;
    }
    let mut short: String = line.chars().take(QUOTE_CHARS_MAX).collect();
    short.push('…');
    short
}

fn without_secrets(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut run = String::new();
    let flush = |run: &mut String, out: &mut String| {
        if run.len() >= SECRET_RUN_CHARS {
            out.push('…');
        } else {
            out.push_str(run);
        }
        run.clear();
    };
    for character in word.chars() {
        if character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '+' | '=' | '~') {
            run.push(character);
        } else {
            flush(&mut run, &mut out);
            out.push(character);
        }
    }
    flush(&mut run, &mut out);
    out
}

/// Percent-encodes everything but RFC 3986 unreserved characters and those in `keep`. A blank becomes `%20`, which
/// every server reads alike, unlike `+`.
pub(crate) fn percent_encode(text: &str, keep: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii()
            && (character.is_ascii_alphanumeric()
                || matches!(character, '-' | '.' | '_' | '~')
                || keep.contains(character))
        {
            out.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// How long a remote that answered 429 asks to wait: `Retry-After`, or else until ServiceNow's count starts anew
/// (`X-RateLimit-Reset`, Unix seconds; Inbound REST API rate limiting).
pub(crate) fn rate_limit_wait_ms(headers: &http::HeaderMap, now_ms: i64) -> Option<u64> {
    retry_after_ms(headers, now_ms).or_else(|| {
        let reset_s: i64 = headers.get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
        let remote_now_ms = date_ms(headers).unwrap_or(now_ms);
        // A reset that is over says nothing about how long.
        u64::try_from(reset_s.checked_mul(1_000)?.saturating_sub(remote_now_ms)).ok().filter(|wait| *wait > 0)
    })
}

/// How long a remote asks to wait: `Retry-After` as seconds or as an HTTP date (RFC 9110, 10.2.3). A date is taken
/// against the answer's own `Date` header where there is one, so that a wrong clock here does no harm.
pub(crate) fn retry_after_ms(headers: &http::HeaderMap, now_ms: i64) -> Option<u64> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let at_ms = http_date_ms(text)?;
    let remote_now_ms = date_ms(headers).unwrap_or(now_ms);
    Some(u64::try_from(at_ms.saturating_sub(remote_now_ms)).unwrap_or(0))
}

/// The remote's clock when it answered, Unix milliseconds.
pub(crate) fn date_ms(headers: &http::HeaderMap) -> Option<i64> {
    http_date_ms(headers.get(http::header::DATE)?.to_str().ok()?)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date_ms(text: &str) -> Option<i64> {
    chrono::NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT")
        .ok()
        .map(|time| time.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> http::HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
            .into_iter()
            .collect()
    }

    #[test]
    fn a_rate_limit_without_retry_after_is_waited_out_until_its_reset() {
        let reset = |value: &str| headers(&[("x-ratelimit-reset", value)]);
        assert_eq!(rate_limit_wait_ms(&reset("100"), 40_000), Some(60_000));
        assert_eq!(rate_limit_wait_ms(&reset("30"), 40_000), None, "over already");
        assert_eq!(rate_limit_wait_ms(&reset("soon"), 40_000), None);
        assert_eq!(rate_limit_wait_ms(&headers(&[]), 40_000), None);
        let both = headers(&[("retry-after", "7"), ("x-ratelimit-reset", "100")]);
        assert_eq!(rate_limit_wait_ms(&both, 40_000), Some(7_000), "what it asks for wins");
        // Taken against the remote's own clock.
        let dated = headers(&[("x-ratelimit-reset", "784111787"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        assert_eq!(rate_limit_wait_ms(&dated, 0), Some(10_000));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        assert_eq!(retry_after_ms(&headers(&[("retry-after", "7")]), 0), Some(7_000));
        assert_eq!(
            retry_after_ms(&headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), 784_111_770_000),
            Some(7_000)
        );
        // The remote's own clock counts, not ours.
        assert_eq!(
            retry_after_ms(
                &headers(&[
                    ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
                    ("date", "Sun, 06 Nov 1994 08:49:35 GMT")
                ]),
                0
            ),
            Some(2_000)
        );
        // A date that has passed means: at once.
        assert_eq!(
            retry_after_ms(&headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), 784_111_999_000),
            Some(0)
        );
        assert_eq!(retry_after_ms(&headers(&[("retry-after", "soon")]), 0), None);
        assert_eq!(retry_after_ms(&headers(&[]), 0), None);
    }

    #[test]
    fn a_quoted_message_holds_no_token_and_is_short() {
        let token = "eyJhbGciOiJSUzM4NCJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
        assert_eq!(quoted(&format!("bad assertion\n\"{token}\" given")), "bad assertion \"…\" given");
        assert_eq!(
            quoted("row 0f3c1e2d9b7a4c5e8f60123456789abc refused"),
            "row 0f3c1e2d9b7a4c5e8f60123456789abc refused"
        );
        assert_eq!(quoted(&"word ".repeat(200)).chars().count(), QUOTE_CHARS_MAX + 1);
    }

    #[test]
    fn percent_encoding_leaves_nothing_that_a_query_could_misread() {
        assert_eq!(percent_encode("a=1^b>2 +|", ""), "a%3D1%5Eb%3E2%20%2B%7C");
        assert_eq!(percent_encode("https://a.test/x|1", ":/|"), "https://a.test/x|1");
        assert_eq!(percent_encode("ü", "ü"), "%C3%BC");
    }
}
